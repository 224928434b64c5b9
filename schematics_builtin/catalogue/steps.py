"""The step kinds: pure functions from a label volume and a contract to edits."""

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
    """Grow a wall round a blood pool."""
    shell = volume.shell(contract.source.value, contract.thickness_mm)
    return grow(volume, shell, contract.target, contract.application)


def valve(volume: LabelVolume, contract: ValveCreationContract) -> Iterable[Edit]:
    """Turn the part of one structure that lies near another into a valve."""
    return convert(
        volume,
        contract.structure_a,
        contract.structure_b,
        contract.thickness_mm,
        contract.target,
        contract.application,
    )


def ring(volume: LabelVolume, contract: RingCreationContract) -> Iterable[Edit]:
    """Grow a ring round a vein where it meets the atrium's wall."""
    # Measured before any ring was made: a neighbouring ring may have taken some of the vein since.
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
    """Let one structure's wall push another's wall into its blood pool."""
    return convert(
        volume, contract.pusher_wall, contract.pushed_blood_pool, contract.thickness_mm, contract.pushed_wall
    )
