"""Weld the voxels of one label that meet by an edge or a corner only, where other labels are between them.

Where three or more labels meet, the surface of one of them can be pinched although the tissue as a whole is not. A
voxel there gets the label of a face neighbour: whichever leaves the fewest pinches. Each change leaves fewer than
before, so the rounds end.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise

import numpy as np
from attrs import frozen

from pycemrg_core.api import LabelArray
from schematics_builtin.manifold.cut_off import may_cut
from schematics_builtin.manifold.pinches import EULER, IS_CRITICAL, OFFSETS
from schematics_builtin.manifold.working_map import FACES, Bools, Ints, WorkingMap, each_once

WELD = "weld"
"""The rule that gives a voxel to a neighbour where voxels of one label meet by an edge or a corner only."""

# The squares that hold the first voxel of a block, each as its two diagonals.
_SQUARES = (((0, 3), (1, 2)), ((0, 5), (1, 4)), ((0, 6), (2, 4)))
_BITS = 1 << np.arange(8)


def weld(work: WorkingMap, may_grow: Collection[int]) -> None:
    """Change voxels until no label is pinched, or no change of one voxel, or of two, leaves fewer pinches.

    ``may_grow`` are the lumens that background or the blood of another lumen may become.
    """
    grows = np.isin(np.arange(len(work.lumen)), list(may_grow)) & work.lumen
    blocks = pinched_labels(work.array)
    refused = np.zeros(0, np.int64)
    while len(blocks):
        changes = _changes(work, blocks, grows, refused)
        chosen = _apart(changes.take(changes.gain > 0))
        steps = [chosen] if len(chosen.places) else _pair(work, changes, grows, refused)
        if not steps:
            break
        for step in steps:
            written = work.write(WELD, step.places, step.new)
            refused = np.append(refused, step.take(~written).codes)
            if not written.all():
                break
        around = np.concatenate([_blocks_with(step.places) for step in steps])
        blocks = each_once(np.concatenate([blocks, around]))
        blocks = blocks[_pinches(_values(work.array, blocks)) > 0]


def pinched_labels(array: LabelArray) -> Ints:
    """The first voxels of the blocks of 2 x 2 x 2 voxels in which a label is pinched."""
    found = [np.zeros((0, 3), np.int64)]
    for z, (below, above) in enumerate(pairwise(array)):
        mixed = below != above
        mixed[:, :-1] |= below[:, 1:] != below[:, :-1]
        mixed[:-1] |= below[1:] != below[:-1]
        mixed[:, :-1] |= above[:, 1:] != above[:, :-1]
        mixed[:-1] |= above[1:] != above[:-1]
        y, x = np.nonzero(mixed[:-1, :-1])
        blocks = np.stack([np.full(len(y), z), y, x], axis=1)
        found.append(blocks[_pinches(_values(array, blocks)) > 0])
    return np.concatenate(found)


def _values(array: LabelArray, blocks: Ints) -> Ints:
    """The labels of the voxels of some blocks, (n, 8)."""
    found: Ints = array[tuple(np.moveaxis(blocks[:, None, :] + OFFSETS, 2, 0))].astype(np.int64)
    return found


def _pinches(values: Ints) -> Ints:
    """The number of places in each block where a label meets itself by an edge or a corner only."""
    found = np.zeros(len(values), np.int64)
    for diagonals in _SQUARES:
        for (a, b), (c, d) in (diagonals, diagonals[::-1]):
            own = values[:, a]
            found += (own == values[:, b]) & (own != values[:, c]) & (own != values[:, d]) & (own > 0)
    same = (values[:, :, None] == values[:, None, :]).sum(axis=2)
    for k in range(4):
        own, other = values[:, k], values[:, k ^ 1]
        found += (own == values[:, 7 - k]) & (own > 0) & (same[:, k] == 2)
        found += (own != other) & (values[:, 7 - k] != other) & (other > 0) & (same[:, k ^ 1] == 6)
    return found


@frozen(eq=False)
class _Changes:
    """Voxels (n, 3), the label that each would get, how many pinches fewer that leaves, and the kind of change."""

    places: Ints
    new: Ints
    gain: Ints
    kind: Ints

    def take(self, chosen: Bools | Ints) -> _Changes:
        return _Changes(self.places[chosen], self.new[chosen], self.gain[chosen], self.kind[chosen])

    @property
    def codes(self) -> Ints:
        """One number for each change."""
        found: Ints = (((self.places[:, 0] << 16) + self.places[:, 1] << 16) + self.places[:, 2] << 16) + self.new
        return found


def _changes(work: WorkingMap, blocks: Ints, grows: Bools, refused: Ints) -> _Changes:
    """The changes of single voxels of some blocks that make no other fault, whatever their gain."""
    places, new = _candidates(work, blocks, grows)
    old = work.array[tuple(places.T)].astype(np.int64)
    around = _blocks_with(places)
    values = _values(work.array, around).reshape(-1, 8, 8)
    after = values.copy()
    after[:, np.arange(8), np.arange(8)] = new[:, None]
    gain = (_pinches(values.reshape(-1, 8)) - _pinches(after.reshape(-1, 8))).reshape(-1, 8).sum(axis=1)
    bits, bits_after = (work.tissue[one] @ _BITS for one in (values, after))
    sound = ~IS_CRITICAL[bits_after].any(axis=1) & _joins_no_lumens(work, places, new)
    sound &= EULER[bits].sum(axis=1) == EULER[bits_after].sum(axis=1)
    found = _Changes(places, new, gain, np.where(work.tissue[old], 0, np.where(old == 0, 1, 2)))
    sound &= ~np.isin(found.codes, refused)
    at = np.flatnonzero(sound)
    return found.take(at[~may_cut(work.array, places[at], old[at])])


def _pair(work: WorkingMap, first: _Changes, grows: Bools, refused: Ints) -> list[_Changes]:
    """Two changes, one after the other, that together leave fewer pinches; empty if there are none."""
    for one in np.lexsort((*first.places.T[::-1], first.kind, -first.gain)).tolist():
        change = first.take(np.array([one]))
        at = tuple(change.places.T)
        old = work.array[at]
        work.array[at] = change.new
        near = _blocks_with(change.places)
        second = _changes(work, near, grows, refused)
        work.array[at] = old
        second = _apart(second.take(second.gain + change.gain[0] > 0))
        if len(second.places):
            return [change, second.take(np.array([0]))]
    return []


def _blocks_with(places: Ints) -> Ints:
    """The eight blocks that hold each voxel, one after the other; voxel k of block k is the voxel itself."""
    found: Ints = (places[:, None, :] - OFFSETS).reshape(-1, 3)
    return found


def _candidates(work: WorkingMap, blocks: Ints, grows: Bools) -> tuple[Ints, Ints]:
    """The voxels of some blocks, each with the label of each of its face neighbours; only what a rule may change."""
    places = each_once((blocks[:, None, :] + OFFSETS).reshape(-1, 3))
    beside = work.array[tuple(np.moveaxis(places[:, None, :] + FACES, 2, 0))].astype(np.int64)
    had = work.array[tuple(places.T)].astype(np.int64)
    alone = (had > 0) & ~(beside == had[:, None]).any(axis=1)  # it may be the only voxel of its label
    places, beside = places[~alone], beside[~alone]
    rows = np.unique(np.stack([np.repeat(np.arange(len(places)), len(FACES)), beside.ravel()], axis=1), axis=0)
    places, new = places[rows[:, 0]], rows[:, 1]
    old = work.array[tuple(places.T)].astype(np.int64)
    tissue, lumen = work.tissue, work.lumen
    # Tissue stays tissue and only some lumens grow, so that no wall becomes thinner.
    kept = tissue[new] & (tissue[old] | lumen[old] | (old == 0))
    kept |= grows[new] & ~tissue[old] & (lumen[old] | (old == 0)) | (new == 0) & lumen[old]
    kept &= old != new
    return places[kept], new[kept]


def _joins_no_lumens(work: WorkingMap, places: Ints, new: Ints) -> Bools:
    """Which changes bring no two lumens together, nor a lumen and the background, that do not touch there already."""
    beside = work.array[tuple(np.moveaxis(places[:, None, :] + FACES, 2, 0))].astype(np.int64)
    old = work.array[tuple(places.T)].astype(np.int64)[:, None]
    free = ~work.tissue
    joined = free[new][:, None] & free[beside] & (beside != new[:, None]) & (beside != old)
    found: Bools = ~joined.any(axis=1)
    return found


def _apart(changes: _Changes) -> _Changes:
    """Changes, the best first, of voxels that are no neighbours: none of them alters what another was judged by."""
    taken: set[tuple[int, ...]] = set()
    found = []
    for at in np.lexsort((*changes.places.T[::-1], changes.kind, -changes.gain)).tolist():
        z, y, x = changes.places[at].tolist()
        if (z, y, x) not in taken:
            found.append(at)
            taken |= {(z + a, y + b, x + c) for a in (-1, 0, 1) for b in (-1, 0, 1) for c in (-1, 0, 1)}
    return changes.take(np.array(found, np.int64))
