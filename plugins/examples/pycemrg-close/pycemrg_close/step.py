"""The step kind ``close``."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from pycemrg_core.api import Edit, Label, LabelVolume, convert, reads, thickness, writes


@frozen(kw_only=True)
class CloseCreationContract:
    """``close``: what of ``gap`` lies within ``thickness_mm`` of ``start`` becomes ``target``."""

    start: Label = reads("CLOSE_FROM_NAME")
    gap: Label = reads("GAP_BLOOD_POOL_NAME")
    target: Label = writes("TARGET_WALL_NAME")
    thickness_mm: float = thickness("CLOSE_THICKNESS_PARAMETER_NAME")


def close(volume: LabelVolume, contract: CloseCreationContract) -> Iterable[Edit]:
    """Turn the voxels of the gap near the start into the target, whatever else lies between."""
    return convert(volume, contract.start, contract.gap, contract.thickness_mm, contract.target)
