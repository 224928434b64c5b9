"""Make the tissue of a label map a manifold: each label in one component, no enclosed background, no pinches.

Pinches are filled, and then rounds of three rules run until nothing changes:

- loose components: every component of a label but its largest goes to the tissue that it shares most surface with,
  without tissue to a lumen, without a lumen to the background;
- enclosed background: what cannot reach the outside becomes the tissue beside it, or the lumen where there is none;
- pinches: where voxels of the tissue, all its labels taken as one, meet by an edge or a corner only, one voxel
  between them is filled: of the background if there is one, otherwise of the largest lumen.

The last rule only adds tissue, and the other two only move what is cut off from its own label, so the rounds end.
The whole map is read once. After that, only what a filled voxel may have changed is read again: the eight blocks of
2 x 2 x 2 voxels that hold it, and whether its old label still hangs together.

Indices are (z, y, x). What lies outside the array is background.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import numpy as np
from attrs import frozen

from pycemrg_core.api import Edit, LabelVolume, Region, edit_at, hull, intersect
from schematics_builtin.manifold.cut_off import loose_places, settle_added, settle_all, settle_cut_off
from schematics_builtin.manifold.gaps import fill_gaps
from schematics_builtin.manifold.pinches import blocks_around, critical_blocks, fill_pinches, pinched_blocks
from schematics_builtin.manifold.welding import weld
from schematics_builtin.manifold.working_map import Bools, Ints, Mend, Permit, WorkingMap

_MARGIN = 2  # a filled voxel lies between voxels of the tissue, so never beyond their box
_TILE = 64  # voxels; one edit covers at most this many along each axis


def make_manifold(volume: LabelVolume, lumens: Collection[int], tissue: Collection[int]) -> list[Mend]:
    """What has to change so that the tissue is a manifold, in the order in which the rules do it.

    ``tissue`` are the labels that are meshed and ``lumens`` those that are not. Other labels are left alone.
    """
    mended = Manifold.of(volume, lumens, tissue)
    mended.mend()
    return mended.mends


@frozen(eq=False)
class Manifold:
    """A copy of the box of a label map that holds the heart, in which the tissue is made a manifold.

    The copy begins at ``corner``, (z, y, x), of the map; all places given and returned are those of the map.
    """

    work: WorkingMap
    corner: Ints

    @classmethod
    def of(
        cls,
        volume: LabelVolume,
        lumens: Collection[int],
        tissue: Collection[int],
        *,
        permit: Permit | None = None,
        margin: int = 0,
    ) -> Manifold:
        """Copy the box of the labels, with at least ``margin`` voxels round it. ``permit`` may forbid changes."""
        boxes = [box for label, box in volume.boxes.items() if label in {*lumens, *tissue}]
        region = hull(*boxes)
        margin = max(margin, _MARGIN)
        size = 1 + int(max(*volume.boxes, *lumens, *tissue, 0, 0))
        array = np.pad(volume.array[region], margin)
        work = WorkingMap(
            array=array,
            spacing=volume.spacing,
            tissue=_members(tissue, size),
            lumen=_members(lumens, size),
            voxels=_sizes(volume, region, array.size, size),
            permit=permit,
        )
        return cls(work, np.array([axis.start for axis in region]) - margin)

    def write(self, rule: str, places: Ints, new: Ints) -> Bools:
        """Change voxels by another rule; returns which were written."""
        return self.work.write(rule, places - self.corner, new)

    def at(self, places: Ints) -> Ints:
        """The labels of voxels, now."""
        found: Ints = self.work.array[tuple((places - self.corner).T)].astype(np.int64)
        return found

    def mend(self) -> None:
        """Read the whole map, and change what has to change."""
        # Pinches first: a wall of one layer of voxels hangs together by edges only, and is not loose.
        fill_pinches(self.work, pinched_blocks(self.work))
        before = len(self.work.done)
        settle_all(self.work)
        self._fill_round(before)

    def mend_round(self, changed: Iterable[Mend]) -> None:
        """After changes in a map that was mended: change what they call for."""
        changed = [mend for mend in changed if len(mend.places)]
        if changed:
            before = len(self.work.done)
            places = np.concatenate([mend.places for mend in changed]) - self.corner
            old = np.concatenate([mend.old for mend in changed])
            filled, was = fill_pinches(self.work, blocks_around(places))  # first, as above
            # Of a voxel that was changed and then filled, the label that it had at first.
            both, first = np.unique(np.concatenate([places, filled]), axis=0, return_index=True)
            settle_added(self.work, both)
            settle_cut_off(self.work, both, np.concatenate([old, was])[first])
            self._fill_round(before, places)

    def fill_gaps(self, edge_mm: float) -> list[Mend]:
        """Fill background between tissue that is narrower than an edge of the mesh. Returns what was changed."""
        before = len(self.work.done)
        fill_gaps(self.work, edge_mm)
        return self.mends[before:]

    def weld(self, may_grow: Collection[int] = ()) -> list[Mend]:
        """Change voxels where a label meets itself by an edge or a corner only. Returns what was changed.

        ``may_grow`` are the lumens that background or the blood of another lumen may become.
        """
        before = len(self.work.done)
        weld(self.work, may_grow)
        return self.mends[before:]

    def is_pinched(self, places: Ints) -> bool:
        """Whether there is a pinch in a block of 2 x 2 x 2 voxels that holds one of some voxels."""
        return bool(len(critical_blocks(self.work, blocks_around(places - self.corner))))

    def loose(self) -> Ints:
        """The voxels (n, 3) of all components that are not the largest of their label. Reads the whole map."""
        places = loose_places(self.work)
        return places + self.corner

    @property
    def mends(self) -> list[Mend]:
        """What was changed so far, in order."""
        return [Mend(mend.rule, mend.places + self.corner, mend.old, mend.new) for mend in self.work.done]

    def _fill_round(self, before: int, *more: Ints) -> None:
        """Fill the pinches where something was changed since ``before``, and settle what that cuts off."""
        while changed := [*more, *(mend.places for mend in self.work.done[before:])]:
            before, more = len(self.work.done), ()
            settle_cut_off(self.work, *fill_pinches(self.work, blocks_around(np.concatenate(changed))))


def _sizes(volume: LabelVolume, region: Region, voxels: int, size: int) -> Ints:
    """The number of voxels of each label in a region, of some voxels in all; the others are background."""
    found = np.zeros(size, np.int64)
    for label, box in volume.boxes.items():  # much faster than to count all labels at once
        found[label] = np.count_nonzero(volume.array[intersect(box, region)] == label)
    found[0] = voxels - found.sum()
    return found


def _members(labels: Collection[int], size: int) -> Bools:
    found = np.zeros(size, np.bool_)
    found[list(labels)] = True
    return found


def net_edits(mends: Iterable[Mend]) -> Iterator[Edit]:
    """The edits that write each changed voxel once, with its last label, in boxes of a bounded size.

    Their parts of the ledger are the rules; of several that changed a voxel, the last.
    """
    mends = [mend for mend in mends if len(mend.places)]
    if not mends:
        return
    places = np.concatenate([mend.places for mend in mends])
    old, new = (np.concatenate([getattr(mend, side) for mend in mends]) for side in ("old", "new"))
    rules = sorted({mend.rule for mend in mends})
    rule = np.repeat([rules.index(mend.rule) for mend in mends], [len(mend.places) for mend in mends])
    shape = places.max(axis=0) + 1
    flat = np.ravel_multi_index(tuple(places.T), tuple(shape))
    _, first = np.unique(flat, return_index=True)
    last = len(flat) - 1 - np.unique(flat[::-1], return_index=True)[1]
    differs = old[first] != new[last]
    places, new, rule = places[first][differs], new[last][differs], rule[last][differs]
    keys = np.stack([*(places // _TILE).T, new, rule])
    order = np.lexsort(keys)
    cuts = np.flatnonzero(np.any(np.diff(keys[:, order]), axis=0)) + 1
    for group in np.split(order, cuts) if len(order) else ():
        yield edit_at(places[group], int(new[group[0]]), rules[rule[group[0]]])
