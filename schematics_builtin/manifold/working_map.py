"""The label map that the rules change, the account of what they did, and where cut-off components go."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from attrs import Factory, frozen
from numpy.typing import NDArray

from pycemrg_core.api import LabelArray, most_area

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LOOSE = "loose components"
"""The rule that gives components, but the largest of each label, to what they touch."""

ENCLOSED = "enclosed background"
"""The rule that fills background that cannot reach the outside."""

PINCH = "edge contact"
"""The rule that fills a voxel where tissue meets by an edge or a corner only."""

NEVER = 1 << 20
"""The cost of a voxel that is not filled."""

FACES = np.array([[-1, 0, 0], [0, -1, 0], [0, 0, -1], [0, 0, 1], [0, 1, 0], [1, 0, 0]])
"""From a voxel to the six that it shares a face with."""


def each_once(places: Ints) -> Ints:
    """Each of some voxels (n, 3) of an image once, in array order: ``np.unique`` of rows, but by one number for each.

    >>> each_once(np.array([[0, 0, 1], [0, 0, 0], [0, 0, 1]])).tolist()
    [[0, 0, 0], [0, 0, 1]]
    """
    if not len(places):
        return places
    low = places.min(axis=0)
    shape = tuple((places.max(axis=0) - low + 1).tolist())
    flat = np.unique(np.ravel_multi_index(tuple((places - low).T), shape))
    found: Ints = np.stack(np.unravel_index(flat, shape), axis=1) + low
    return found


@frozen(eq=False)
class Mend:
    """What one rule changed in one round: voxels (n, 3), and the label that each had and gets."""

    rule: str
    places: Ints
    old: Ints
    new: Ints

    @property
    def group(self) -> Ints:
        """A number for each voxel: voxels with the same old and the same new label are a group."""
        found: Ints = np.unique(np.stack([self.old, self.new]), axis=1, return_inverse=True)[1].ravel()
        return found


Permit = Callable[[Mend, Ints, Ints], Bools]
"""Which voxels of a change may be written. Voxels of one group, (n,), go together; sizes of labels by integer."""


@frozen(eq=False)
class WorkingMap:
    """A copy of the part of a label map that holds the heart, with background round it. The rules write to it.

    ``tissue`` and ``lumen`` say by integer which labels are which. ``voxels`` are the labels' sizes. ``permit`` may
    forbid changes. ``done`` is what was changed.
    """

    array: LabelArray
    spacing: tuple[float, float, float]
    tissue: Bools
    lumen: Bools
    voxels: Ints
    permit: Permit | None = None
    done: list[Mend] = Factory(list)

    def write(self, rule: str, places: Ints, new: Ints, group: Ints | None = None) -> Bools:
        """Give voxels their new labels where that is permitted, and keep account. Returns which were written."""
        written = np.ones(len(places), np.bool_)
        if not len(places):
            return written
        mend = Mend(rule, places, self.array[tuple(places.T)].astype(np.int64), new)
        if self.permit is not None:
            written = self.permit(mend, mend.group if group is None else group, self.voxels)
            mend = Mend(rule, places[written], mend.old[written], new[written])
        if written.any():
            self.array[tuple(mend.places.T)] = mend.new
            size = len(self.voxels)
            self.voxels[:] += np.bincount(mend.new, minlength=size) - np.bincount(mend.old, minlength=size)
            self.done.append(mend)
        return written

    def costs(self) -> Ints:
        """By integer: the lower, the sooner a voxel is filled. The background first, then the larger lumens."""
        costs = np.full(len(self.tissue), NEVER)
        lumens = np.flatnonzero(self.lumen)
        costs[lumens[np.lexsort((lumens, -self.voxels[lumens]))]] = np.arange(1, len(lumens) + 1)
        costs[0] = 0
        return costs

    def settle(self, places: Ints, component: Ints) -> None:
        """Give components to what they share most surface with: to tissue, else to a lumen, else to the background.

        ``places`` are all their voxels and ``component`` is the component of each.
        """
        if not len(places):
            return
        shape = self.array.shape
        flat, first = np.unique(np.ravel_multi_index(tuple(places.T), shape), return_index=True)
        places, component = places[first], np.unique(component[first], return_inverse=True)[1]
        old = self.array.ravel()[flat].astype(np.int64)
        # Faces to other voxels: of which component, or of which label.
        there = np.ravel_multi_index(tuple(np.concatenate([places + face for face in FACES]).T), shape)
        at = np.minimum(np.searchsorted(flat, there), len(flat) - 1)
        own = np.tile(component, len(FACES))
        other = np.where(flat[at] == there, component[at], -1)
        label = self.array.ravel()[there].astype(np.int64)
        area = np.repeat(np.prod(self.spacing) / np.array(self.spacing)[np.abs(FACES).argmax(axis=1)], len(places))
        kept = other != own
        future = np.full(int(component.max()) + 1, -1)
        self._decide(future, own[kept], other[kept], label[kept], area[kept])
        new = np.maximum(future, 0)[component]
        for rule, chosen in ((LOOSE, old > 0), (ENCLOSED, (old == 0) & (new > 0))):
            self.write(rule, places[chosen], new[chosen], component[chosen])

    def _decide(self, future: Ints, own: Ints, other: Ints, label: Ints, area: NDArray[np.float64]) -> None:
        """Write the new label of each component to ``future``; -1, as at the start, is the background.

        A face of ``area`` leads from component ``own`` to component ``other``, or to a ``label`` where that is -1.
        """
        going = True
        while going:
            going = False
            # A component that is settled counts as what it has become.
            now = np.where(other < 0, label, future[other])
            for kind in (self.tissue, self.lumen):
                rows = (future[own] < 0) & (now > 0) & kind[now]
                if rows.any():
                    components, best = most_area(own[rows], now[rows], area[rows])
                    future[components] = best
                    going = True
                    break
