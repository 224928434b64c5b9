"""Repair leaks, holes and loose voxels in a grown heart by rule, and say what changed.

The rules run in rounds until nothing changes. They add tissue and move loose voxels. No structure of blood gains or
loses more than a given share of its volume. The command and the step of a recipe use the same code, but the step cannot
enlarge the image, and changes only the labels of its contract.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import TYPE_CHECKING

import attrs
import numpy as np
from attrs import Factory, frozen

from pycemrg_core import Catalogue, LedgerEntry
from pycemrg_core.api import (
    Blueprint,
    Change,
    Edit,
    Finding,
    Heart,
    Ints,
    Label,
    LabelError,
    LabelType,
    LabelVolume,
    Note,
    Severity,
    WorkingVolume,
    changes,
    edit_at,
    edits_between,
    image_from_array,
    number,
    padded,
    reassign_islands,
    slack,
)
from schematics_builtin.certificate.certification import Certificate, certify
from schematics_builtin.certificate.hearts import heart_of

if TYPE_CHECKING:
    import SimpleITK as sitk

LIMIT_PERCENT = 2.0
MOST_ROUNDS = 20


@frozen(kw_only=True)
class RepairEntry:
    """The voxels that one rule changed from one label to another, over all rounds."""

    rule: str
    change: LedgerEntry


@frozen(kw_only=True, eq=False)
class Repair:
    """The repaired image, what changed, what was not done for the limit's sake, and the new certificate.

    ``padding`` are the voxels added to the image at the low and high end of each axis (x, y, z).
    """

    image: sitk.Image
    ledger: tuple[RepairEntry, ...]
    padding: tuple[tuple[int, int, int], tuple[int, int, int]]
    refused: tuple[str, ...]
    certificate: Certificate

    @property
    def left(self) -> tuple[Finding, ...]:
        """The errors that no rule could repair."""
        return self.certificate.of(Severity.ERROR)


@frozen(eq=False)
class _Fix:
    """Voxels (n, 3), indices (z, y, x), of one label and the label that they should get."""

    places: Ints
    old: int
    new: int


def repair(
    image: sitk.Image, catalogue: Catalogue, asked: Blueprint, *, limit_percent: float = LIMIT_PERCENT, name: str = ""
) -> Repair:
    """Repair a label map. The given image is not changed.

    ``limit_percent``: no lumen gains or loses more than this share of its volume, and a component with more than this
    share of its label is not treated as loose. Repairs beyond the limit are not made. With a limit of 0, the blood does
    not change.
    """
    heart = heart_of(image, asked)
    done, refused = _repaired(heart, limit_percent, enlarge=True)
    low, high = ((int(x), int(y), int(z)) for z, y, x in (done.low, done.high))
    result = image_from_array(done.volume.array, padded(image, low, high))
    again = heart_of(result, asked)
    return Repair(
        image=result,
        ledger=tuple(_entries(done, heart)),
        padding=(low, high),
        refused=refused,
        certificate=certify(again, catalogue, name=name, voxels_sha256=again.volume.voxels_sha256()),
    )


@frozen(kw_only=True)
class RepairCreationContract:
    """The labels that the step may change, and the most that a structure of blood may gain or lose, in percent."""

    labels: tuple[Label, ...] = changes("LABEL_NAMES")
    limit_percent: float = number("LIMIT_PARAMETER_NAME", unit="%")


def repair_step(volume: LabelVolume, contract: RepairCreationContract) -> Iterator[Edit | Note]:
    """Repair the heart in its current state; see :func:`repair`.

    Raises :class:`LabelError` when the limit is not a percentage.
    """
    if not 0 <= contract.limit_percent <= 100:
        raise LabelError(f"the limit is {contract.limit_percent:g} %; give a number from 0 to 100")
    heart = Heart(volume=volume)
    allowed = frozenset({0, *(label.value for label in contract.labels)})
    done, refused = _repaired(heart, contract.limit_percent, enlarge=False, allowed=allowed)
    yield from edits_between(volume.array, done.volume.array)
    for text in refused:
        yield Note(f"not repaired: {text}")
    if np.any(_pads(done.volume, heart)):
        yield Note(
            "the heart touches the border of the image, and a step cannot enlarge the image; pad it, or use"
            " 'pycemrg repair'"
        )


def _repaired(
    heart: Heart, limit_percent: float, *, enlarge: bool, allowed: frozenset[int] | None = None
) -> tuple[_Done, tuple[str, ...]]:
    """Apply the rules in rounds until nothing changes."""
    start = heart.volume
    highest = max([*start.boxes, *(wall.wall for wall in heart.blueprint.walls), *heart.blueprint.made], default=0)
    dtype = np.promote_types(start.array.dtype, np.min_scalar_type(highest))
    counts = {value: _count(start, value) for value in start.boxes}
    limits = _Limits(limit_percent / 100, counts, heart.blueprint.types, allowed)
    done = _Done(WorkingVolume(start, dtype))
    for _ in range(MOST_ROUNDS):
        limits.refused.clear()
        if enlarge:
            done = _enlarged(done, heart)
        if not [change for rule in _RULES for change in _carry_out(rule, done, heart, limits)]:
            break
    return done, tuple(limits.refused)


@frozen(eq=False)
class _Done:
    """The current map, how much it was enlarged at the ends of its axes (z, y, x), and what has changed."""

    volume: WorkingVolume
    low: tuple[int, ...] = (0, 0, 0)
    high: tuple[int, ...] = (0, 0, 0)
    counts: dict[tuple[str, int, int], int] = Factory(dict)


@frozen
class _Limits:
    """How much of each lumen may change, and how large a loose component may be: a share of its label's volume."""

    share: float
    voxels: Mapping[int, int]
    types: Mapping[int, LabelType]
    allowed: frozenset[int] | None
    change: dict[int, int] = Factory(dict)
    refused: dict[str, None] = Factory(dict)

    def allows(self, rule: str, fix: _Fix, heart: Heart) -> bool:
        """Whether a fix stays within the limits. If so, it is counted; if not, it is noted as refused."""
        if self.allowed is not None and not {fix.old, fix.new} <= self.allowed:
            what = f"{heart.name(fix.old)} would become {heart.name(fix.new)}"
            self.refused[f"{rule}: {what}, but one of them is not a label of the recipe"] = None
            return False
        count = len(fix.places)
        gains = {fix.old: -count, fix.new: count}
        change = {
            label: self.change.get(label, 0) + gain
            for label, gain in gains.items()
            if self.types.get(label) is LabelType.LUMEN
        }
        bounds = [(label, much, self.voxels.get(label, 0)) for label, much in change.items()]
        if rule == _LOOSE:  # check the current image: a wall may have been made again
            bounds.append((fix.old, -count, int(heart.components.voxels[heart.components.label == fix.old].sum())))
        for label, much, had in bounds:
            if abs(much) > self.share * had:
                verb, percent = "lose" if much < 0 else "gain", 100 * abs(much) / max(had, 1)
                text = f"{rule}: {heart.name(label)} would {verb} {percent:.3g} % of its volume"
                self.refused[f"{text}, more than the limit of {100 * self.share:g} %"] = None
                return False
        self.change.update(change)
        return True


def _carry_out(
    rule: tuple[str, Callable[[Heart], Iterator[_Fix]]], done: _Done, heart: Heart, limits: _Limits
) -> tuple[Change, ...]:
    name, propose = rule
    now = attrs.evolve(heart, volume=done.volume)
    edits = [edit_at(fix.places, fix.new) for fix in propose(now) if len(fix.places) and limits.allows(name, fix, now)]
    changes = done.volume.apply(edits)
    for change in changes:
        key = name, change.old, change.new
        done.counts[key] = done.counts.get(key, 0) + change.voxels
    return changes


def _loose(heart: Heart) -> Iterator[_Fix]:
    """All components of a label but the largest get the label with which they share most surface, small ones first."""
    found = heart.components
    loose = np.flatnonzero(~found.largest & (found.label > 0))
    if not len(loose):
        return
    future = heart.volume.array.copy()
    for edit in reassign_islands(heart.volume, heart.volume.boxes):
        future[edit.region][edit.mask] = edit.label
    voxels = np.split(found.voxels_of(loose), np.cumsum(found.voxels[loose])[:-1])
    for component, places in sorted(zip(loose.tolist(), voxels, strict=True), key=lambda one: len(one[1])):
        yield _Fix(places, int(found.label[component]), int(future[tuple(places[0])]))


def _enclosed(heart: Heart) -> Iterator[_Fix]:
    """Enclosed background gets the label with which it shares most surface."""
    found = heart.components
    groups: dict[int, list[int]] = {}
    for component, around in found.enclosed():
        if found.label[component] == 0:
            groups.setdefault(around, []).append(component)
    for around, inside in groups.items():
        yield _Fix(found.voxels_of(np.array(inside)), 0, around)


def _leaks(heart: Heart) -> Iterator[_Fix]:
    """Where two lumens touch but must not, a layer of the larger one becomes their valve or the adjacent tissue."""
    for a, b in combinations(heart.lumens, 2):
        valve = heart.valve_between(a, b)
        if not heart.faces_between(a, b) or (heart.allows(a, b) and not valve):
            continue
        larger, other = sorted((a, b), key=lambda value: -_count(heart.volume, value))
        places = np.unique(heart.adjacency.faces((larger,), (other,)).voxels, axis=0)
        if valve:
            yield _Fix(places, larger, valve.valve)
            continue
        walls = [wall.wall for lumen in (larger, other) for wall in heart.blueprint.walls if wall.lumen == lumen]
        yield from _fixes(heart, places, _tissue_beside(heart, places, walls[0] if walls else 0))


def _outside(heart: Heart) -> Iterator[_Fix]:
    """Background too near to a lumen becomes its wall. A lumen without a wall gets a layer of the adjacent tissue."""
    walled = {wall.lumen: wall for wall in sorted(heart.blueprint.walls, key=lambda wall: wall.thickness_mm)}
    for lumen in heart.lumens:
        if lumen in heart.blueprint.open:
            continue
        if lumen in walled:
            wall = walled[lumen]
            yield _Fix(heart.near(lumen, (0,), wall.thickness_mm), 0, wall.wall)
        elif heart.faces_between(lumen, 0):
            places = np.unique(heart.adjacency.faces((0,), (lumen,)).voxels, axis=0)
            places = places[((places >= 0) & (places < heart.volume.array.shape)).all(axis=1)]
            yield from _fixes(heart, places, _tissue_beside(heart, places, 0))


def _pinched(heart: Heart) -> Iterator[_Fix]:
    """Where meshed voxels meet by an edge or corner only, a voxel between them is filled: background, if it can be,
    or else of the larger lumen."""
    pairs = heart.adjacency.fillings(heart.meshed)
    inside = np.all((pairs >= 0) & (pairs < heart.volume.array.shape), axis=2)
    clipped = np.clip(pairs, 0, np.array(heart.volume.array.shape) - 1)
    labels = heart.volume.array[tuple(np.moveaxis(clipped, 2, 0))]
    # The labels that may best lose voxels come first: background, then the larger lumens.
    order = sorted(heart.lumens, key=lambda value: -_count(heart.volume, value))
    rank = np.select([labels == value for value in (0, *order)], range(len(order) + 1), len(order) + 1)
    rank = np.where(inside, rank, len(order) + 2)
    chosen = np.argmin(rank, axis=1)
    rows = np.flatnonzero(inside.any(axis=1))
    places = np.unique(clipped[rows, chosen[rows]], axis=0)
    yield from _fixes(heart, places, _tissue_beside(heart, places, 0))


def _fixes(heart: Heart, places: Ints, new: Ints) -> Iterator[_Fix]:
    """One fix for each pair of old and new label, the smallest first. New labels below 0 are ignored."""
    old = heart.volume.array[tuple(places.T)].astype(np.int64)
    wanted = (new >= 0) & (new != old)
    pairs, which = np.unique(np.stack([old, new], axis=1)[wanted], axis=0, return_inverse=True)
    fixes = [_Fix(places[wanted][which.ravel() == i], int(a), int(b)) for i, (a, b) in enumerate(pairs)]
    yield from sorted(fixes, key=lambda fix: len(fix.places))


def _tissue_beside(heart: Heart, places: Ints, default: int) -> Ints:
    """The tissue that each voxel has most neighbours of, across faces or else corners; ``default``, or -1 if 0."""
    steps = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    at_face = np.abs(steps).sum(axis=1) == 1
    wider = np.pad(heart.volume.array, 1)
    around = wider[tuple(np.moveaxis(places[:, None, :] + 1 + steps, 2, 0))]
    best = np.full(len(places), default or -1)
    for chosen in (np.ones(27, np.bool_), at_face):  # faces last: they win
        most = np.zeros(len(places), np.int64)
        for label in heart.meshed:
            count = (around[:, chosen] == label).sum(axis=1)
            best = np.where(count > most, label, best)
            most = np.maximum(most, count)
    return best


_LOOSE = "loose voxels"
_RULES: tuple[tuple[str, Callable[[Heart], Iterator[_Fix]]], ...] = (
    (_LOOSE, _loose),
    ("enclosed background", _enclosed),
    ("leak between lumens", _leaks),
    ("wall", _outside),
    ("edge contact", _pinched),
)


def _pads(volume: LabelVolume, heart: Heart) -> list[tuple[int, int]]:
    """The number of voxels to add at the low and high end of each axis (z, y, x) where the heart touches the border.

    They give room for the thickest wall and a voxel of background.
    """
    boxes = list(volume.boxes.values())
    thickest = max((wall.thickness_mm for wall in heart.blueprint.walls), default=0.0)
    pads = []
    for axis, (spacing, size) in enumerate(zip(volume.spacing, volume.array.shape, strict=True)):
        margin = int((thickest + slack(volume.spacing)) / spacing) + 2
        first = min((box[axis].start for box in boxes), default=1)
        last = max((box[axis].stop for box in boxes), default=0)
        pads.append((margin * (first == 0), margin * (last == size)))
    return pads


def _enlarged(done: _Done, heart: Heart) -> _Done:
    """Enlarge the image where the heart touches its border."""
    volume, pads = done.volume, _pads(done.volume, heart)
    if not np.any(pads):
        return done
    grown = volume.with_array(np.pad(volume.array, pads))
    low, high = np.add(done.low, [a for a, _ in pads]), np.add(done.high, [b for _, b in pads])
    return _Done(WorkingVolume(grown, grown.array.dtype), tuple(low.tolist()), tuple(high.tolist()), done.counts)


def _count(volume: LabelVolume, label: int) -> int:
    return int(np.count_nonzero(volume.mask(label, volume.region(label))))


def _entries(done: _Done, heart: Heart) -> Iterator[RepairEntry]:
    for (rule, old, new), voxels in done.counts.items():
        mm3 = round(voxels * done.volume.voxel_mm3, 6)
        names = {"old_name": heart.name(old), "new_name": heart.name(new)}
        yield RepairEntry(rule=rule, change=LedgerEntry(old=old, new=new, voxels=voxels, mm3=mm3, **names))
