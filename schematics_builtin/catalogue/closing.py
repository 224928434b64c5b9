"""The steps that close a heart: pure functions from a label volume and a contract to edits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from pycemrg_core.api import (
    NOWHERE,
    ApplicationStep,
    Edit,
    LabelVolume,
    Mode,
    Note,
    Region,
    Zone,
    as_region,
    convert,
    edit_at,
    expand,
    is_empty,
    shift,
    slack,
    writable,
)
from schematics_builtin.catalogue.closing_contracts import (
    CloseContract,
    ManifoldContract,
    OpenVesselContract,
    OwnCellRingContract,
    PlaneContract,
    SealLumensContract,
    SeparateLumensContract,
    SkirtContract,
)
from schematics_builtin.catalogue.open_end import flat_end, joined_to
from schematics_builtin.manifold import each_once, make_manifold, net_edits

Ints = NDArray[np.int64]

_ADD = (ApplicationStep(Mode.ADD),)
_DEEPER = 2  # voxels; how much nearer than a rival a vein must be for its ring to overwrite tissue


def close(volume: LabelVolume, contract: CloseContract) -> Iterable[Edit]:
    """Turn the part of one structure that lies near another into a third."""
    near, source, target = contract.near, contract.source, contract.target
    if not contract.contact:
        return convert(volume, near, source, contract.thickness_mm, target)
    return _near_contact(volume, near.value, source.value, contract.thickness_mm, target.value)


def plane(volume: LabelVolume, contract: PlaneContract) -> Iterable[Edit | Note]:
    """Turn the part of a vein that lies near its atrium into a plane."""
    vein = contract.vein
    edits = list(convert(volume, contract.atrium, vein, contract.thickness_mm, contract.target))
    yield from edits
    if _all_of(volume, vein.value, sum(int(edit.mask.sum()) for edit in edits)):
        yield Note(f"nothing is left of {vein.name}: all of it is within {contract.thickness_mm:g} mm of the atrium")


def skirt(volume: LabelVolume, contract: SkirtContract) -> Iterable[Edit]:
    """Give the part of a vessel next to its chamber to the chamber."""
    contact = each_once(volume.touching(contract.vessel.value, contract.chamber.value).first)
    if not len(contact):
        return
    vessel = volume.region(contract.vessel.value)
    places = Zone(vessel, volume.mask(contract.vessel.value, vessel)).places
    points = places * volume.spacing
    root = (contact * volume.spacing).mean(axis=0)
    along = (points - root) @ (points.mean(axis=0) - root)
    yield edit_at(places[along < contract.ratio * along.max()], contract.target.value)


def open_vessel(volume: LabelVolume, contract: OpenVesselContract) -> Iterable[Edit | Note]:
    """Cut a vessel off flat, just before the end of its lumen."""
    cut = [label.value for label in contract.cut]
    vessel = (*cut, contract.lumen.value)
    if contract.lumen.value not in volume.boxes:
        return
    # Looked at along the axes of the patient, so that it does not matter how the image is stored.
    region = expand(volume.region(vessel), 1, volume.array.shape)
    order, flips = volume.orientation.patient_axes
    z, y, x = (volume.spacing[axis] for axis in order)
    seen = LabelVolume(np.ascontiguousarray(volume.array[region].transpose(order)[flips]), (z, y, x))
    end = flat_end(seen, contract.lumen.value, contract.root.value)
    if end is None:
        return
    whole = as_region(slice(0, size) for size in seen.array.shape)
    axes = [np.arange(size) * mm for size, mm in zip(seen.array.shape, seen.spacing, strict=True)]
    far = sum(mm * along for mm, along in zip(np.ix_(*axes), end.normal, strict=True))
    beyond = Zone(whole, seen.mask(vessel) & (far > end.extreme - contract.cut_mm + slack(seen.spacing)))
    # The plane may cross other parts of the vessel: they stay.
    ending = joined_to(beyond, end.voxels).mask & seen.mask(cut)
    yield edit_at(Zone(region, ending[flips].transpose(np.argsort(order))).places, 0)
    if _all_of(volume, contract.lumen.value, int((ending & seen.mask(contract.lumen.value)).sum())):
        yield Note(f"nothing is left of {contract.lumen.name}: all of it is within {contract.cut_mm:g} mm of its end")


def _all_of(volume: LabelVolume, label: int, voxels: int) -> bool:
    """Whether so many voxels are all that there are of a label, and not none."""
    return 0 < voxels == int(volume.mask(label, volume.region(label)).sum())


def separate_lumens(volume: LabelVolume, contract: SeparateLumensContract) -> Iterable[Edit | Note]:
    """Clear both of two lumens where they come near each other."""
    there = [label for label in contract.lumens if label.value in volume.boxes]
    cleared: dict[str, list[Edit]] = {label.name: [] for label in there}
    for near, far in permutations(there, 2):
        zone = volume.within(near.value, contract.distance_mm, near=far.value)
        if not is_empty(zone.region):
            cleared[far.name].append(Edit(zone.region, zone.mask & volume.mask(far.value, zone.region), 0))
        if contract.distance_mm < max(volume.spacing):
            cleared[far.name].append(edit_at(volume.touching(near.value, far.value).second, 0))
    for label in there:
        yield from cleared[label.name]
        if _all_of(volume, label.value, len(_places_of(cleared[label.name]))):
            yield Note(f"nothing is left of {label.name}: all of it is within {contract.distance_mm:g} mm of others")


def _places_of(edits: Iterable[Edit]) -> Ints:
    """All voxels of some edits, each once."""
    found = [Zone(edit.region, edit.mask).places for edit in edits]
    return each_once(np.concatenate([np.zeros((0, 3), np.int64), *found]))


def ring_own_cell(volume: LabelVolume, contract: OwnCellRingContract) -> Iterable[Edit]:
    """Grow a ring round a vein on its atrium's wall, but not where a nearer vein's ring stands."""
    # Veins are measured as they were before the first ring, so that no ring moves them.
    before, reach = volume.reference, contract.thickness_mm
    vein, wall = contract.vein.value, contract.atrium_wall.value
    shell = before.shell(vein, reach)
    shell &= volume.within(wall, reach, near=shell.region)
    values = volume.array[shell.region]
    mask = shell.mask & writable(values, contract.application or _ADD)
    deeper = _DEEPER * max(before.spacing)
    tie = slack(before.spacing)
    for rivals, walls in ((contract.rivals, ()), (contract.far_rivals, contract.far_walls)):
        labels = tuple(label.value for label in rivals if label.value != vein)
        # Elsewhere no rival is so near that it matters.
        box = _box_of(shell & before.within(labels, reach + deeper, near=shell.region))
        if is_empty(box):
            continue
        inside = shift(box, shell.region)
        own = before.distances(vein, near=box, limit_mm=reach).mm
        other = before.distances(labels, near=box, limit_mm=reach + deeper).mm
        mine = own <= other + tie
        if walls:
            # Away from their wall, these rivals have no ring to leave room for.
            claimed = before.within([one.value for one in walls], reach, near=box)
            mine |= ~before.mask(claimed, box)
        # A neighbour's ring may stand on the tissue between the veins.
        mask[inside] &= mine & ((values[inside] == 0) | (own + deeper <= other + tie))
    yield Edit(shell.region, mask, contract.target.value)


def _box_of(zone: Zone) -> Region:
    """The bounding box of the voxels of a zone; empty slices when it has none."""
    found = []
    for axis in range(3):
        along = np.flatnonzero(zone.mask.any(axis=tuple({0, 1, 2} - {axis})))
        if not len(along):
            return NOWHERE
        first = zone.region[axis].start
        found.append(slice(first + int(along[0]), first + int(along[-1]) + 1))
    return as_region(found)


def seal_lumens(volume: LabelVolume, contract: SealLumensContract) -> Iterable[Edit]:
    """Put wall where a closed lumen still touches the background or another lumen."""
    walls = {lumen.value: wall.value for lumen, wall in zip(contract.closed, contract.walls, strict=True)}
    size = {lumen: int(volume.mask(lumen, volume.region(lumen)).sum()) for lumen in walls if lumen in volume.boxes}
    open_ = [label.value for label in contract.open]
    done = np.zeros((0, 3), np.int64)
    for edit in _seals(volume, contract.thickness_mm, walls, size, open_):
        # A voxel that two walls would take goes to the first.
        places = Zone(edit.region, edit.mask).places
        fresh = edit_at(_without(places, done), edit.label)
        done = np.concatenate([done, places])
        yield fresh


def _without(places: Ints, others: Ints) -> Ints:
    """Those of some voxels that are not among others."""
    if not len(places) or not len(others):
        return places
    shape = tuple(np.maximum(places.max(axis=0), others.max(axis=0)) + 1)
    flat, taken = (np.ravel_multi_index(tuple(one.T), shape) for one in (places, others))
    found: Ints = places[~np.isin(flat, taken)]
    return found


def _seals(
    volume: LabelVolume, distance_mm: float, walls: Mapping[int, int], size: Mapping[int, int], open_: Iterable[int]
) -> Iterator[Edit]:
    """The walls of each closed lumen in turn, some voxels perhaps twice. ``size`` are the voxels of those there are."""
    for lumen in size:
        others = [other for other in (*open_, *size) if other != lumen]
        beside = volume.touching(lumen, (0, *others)).second
        labels = volume.array[tuple(beside.T)]
        yield edit_at(beside[labels == 0], walls[lumen])
        for other in others:
            # An open lumen always yields; of two closed ones, the larger does.
            yields = other not in size or (size[other], other) > (size[lumen], lumen)
            if yields and (labels == other).any():
                yield edit_at(beside[labels == other], walls[lumen])
                yield from _near_contact(volume, lumen, other, distance_mm, walls[lumen])


def manifold(volume: LabelVolume, contract: ManifoldContract) -> Iterable[Edit]:
    """Mend loose components, enclosed background, and tissue that meets by an edge or a corner only."""
    lumens, tissue = ([label.value for label in labels] for labels in (contract.lumens, contract.tissue))
    return net_edits(make_manifold(volume, lumens, tissue))


def _near_contact(volume: LabelVolume, near: int, source: int, distance_mm: float, target: int) -> Iterator[Edit]:
    """Voxels of ``source`` within a distance of those voxels of ``near`` that share a face with it."""
    places = volume.touching(near, source).first
    if not len(places):
        return
    contact = edit_at(places, target)
    zone = volume.within(Zone(contact.region, contact.mask), distance_mm, near=source)
    yield Edit(zone.region, zone.mask & volume.mask(source, zone.region), target)
