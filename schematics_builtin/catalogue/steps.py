"""The built-in step kinds: pure functions from a label volume and a contract to edits."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import ApplicationStep, Edit, LabelVolume, Mode, convert, grow
from schematics_builtin.catalogue.contracts import (
    MyocardiumCreationContract,
    PushCreationContract,
    RingCreationContract,
    ValveCreationContract,
)

_ADD = (ApplicationStep(Mode.ADD),)


def create(volume: LabelVolume, contract: MyocardiumCreationContract) -> Iterable[Edit]:
    """Grow a wall around a blood pool."""
    shell = volume.shell(contract.source.value, contract.thickness_mm)
    return grow(volume, shell, contract.target, contract.application)


def valve(volume: LabelVolume, contract: ValveCreationContract) -> Iterable[Edit]:
    """Turn the part of one structure near another structure into a valve."""
    return convert(
        volume,
        contract.structure_a,
        contract.structure_b,
        contract.thickness_mm,
        contract.target,
        contract.application,
    )


def ring(volume: LabelVolume, contract: RingCreationContract) -> Iterable[Edit]:
    """Grow a ring around a vein where it meets the wall of the atrium."""
    # Measured before any ring was made, because a neighbouring ring may have overwritten a part of the vein.
    shell = volume.reference.shell(contract.vein.value, contract.thickness_mm)
    return grow(
        volume,
        shell,
        contract.target,
        contract.application or _ADD,
        beside=contract.atrium_wall,
        beside_mm=contract.thickness_mm,
    )


def push(volume: LabelVolume, contract: PushCreationContract) -> Iterable[Edit]:
    """Let the wall of one structure push the wall of another into its blood pool."""
    return convert(
        volume, contract.pusher_wall, contract.pushed_blood_pool, contract.thickness_mm, contract.pushed_wall
    )
