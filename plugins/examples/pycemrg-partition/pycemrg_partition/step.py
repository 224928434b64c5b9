"""The step kind ``partition``."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from pycemrg_core.api import Edit, Label, LabelVolume, convert, reads, thickness, writes


@frozen(kw_only=True)
class PartitionContract:
    """``partition``: what of ``gap`` lies within ``thickness_mm`` of ``start`` becomes ``target``."""

    start: Label = reads("PARTITION_FROM_NAME")
    gap: Label = reads("GAP_BLOOD_POOL_NAME")
    target: Label = writes("TARGET_WALL_NAME")
    thickness_mm: float = thickness("PARTITION_THICKNESS_PARAMETER_NAME")


def partition(volume: LabelVolume, contract: PartitionContract) -> Iterable[Edit]:
    """Turn the voxels of the gap near the start into the target, whatever else lies between."""
    return convert(volume, contract.start, contract.gap, contract.thickness_mm, contract.target)
