"""The built-in step kinds: pure functions from a label volume and a contract to edits."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import ApplicationStep, Edit, LabelVolume, Mode, Zone, convert, dilate, grow
from schematics_builtin.catalogue.contracts import (
    MyocardiumCreationContract,
    PushCreationContract,
    RingCreationContract,
    ValveCreationContract,
)

_ADD = (ApplicationStep(Mode.ADD),)


def create(volume: LabelVolume, contract: MyocardiumCreationContract) -> Iterable[Edit]:
    """Grow a wall around a blood pool."""
    source, thickness_mm = contract.source.value, contract.thickness_mm
    shell = (
        _beyond_surface(volume, source, thickness_mm) if contract.from_surface else volume.shell(source, thickness_mm)
    )
    return grow(volume, shell, contract.target, contract.application)


def _beyond_surface(volume: LabelVolume, label: int, distance_mm: float) -> Zone:
    """Voxels beyond a label by a distance from its surface: in each direction, the distance and half a voxel."""
    region = volume.region(label, distance_mm + max(volume.spacing) / 2)
    inside = volume.mask(label, region)
    z, y, x = (size / (distance_mm + size / 2) for size in volume.spacing)
    return Zone(region, dilate(inside, (z, y, x), 1.0) & ~inside)


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
