"""Connected components of labels: list them, and clean a label map of islands and holes.

Each cleanup is a pure function that returns the :class:`~pycemrg_core.volume.Edit` s to carry out. All edits
of one call are computed from the same volume and no two of them touch the same voxel, so that neither the
order of the edits nor that of the labels matters.

One stray voxel stretches a label's bounding box over the whole image, so a search per label and box would cost
as many passes as there are labels. Here the box of all labels asked for is read once, as runs: stretches of
equal label along x. There are far fewer runs than voxels, and everything else is done on them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import reduce

import attrs
import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy import sparse

from pycemrg_core.errors import StepError
from pycemrg_core.volume import NOWHERE, Edit, LabelVolume, Region, as_region, hull, is_empty

CONNECTIVITIES = (6, 18, 26)
"""Voxels are neighbours across a face (6), also across an edge (18), also across a corner (26)."""

_Ints = NDArray[np.int64]
_Bools = NDArray[np.bool_]

# For each connectivity: the lines (dz, dy) that hold neighbours, one of each opposite pair, and by how much x
# may differ there.
_LINES = {
    6: ((0, 1, 0), (1, 0, 0)),
    18: ((0, 1, 1), (1, 0, 1), (1, 1, 0), (1, -1, 0)),
    26: ((0, 1, 1), (1, 0, 1), (1, 1, 1), (1, -1, 1)),
}

_TILE = 64  # voxels; one edit covers about this much along each axis


@frozen
class Component:
    """One connected piece of a label.

    ``region`` is its bounding box, array indices (z, y, x); ``first`` the indices (z, y, x) of its first voxel
    in array order.
    """

    label: int
    voxels: int
    mm3: float
    region: Region
    first: tuple[int, int, int]


def components(volume: LabelVolume, label: int, connectivity: int = 6) -> list[Component]:
    """The connected pieces of a label, the largest first; of equal ones, that with the first voxel first.

    Empty when the label is absent. Raises :class:`StepError` when ``connectivity`` is not 6, 18 or 26, or
    ``label`` is the background.
    """
    parts = _parts_of(volume, (label,), connectivity)
    runs = parts.runs
    z, y = runs.place()
    begin, end = np.stack([z, y, runs.start], axis=1), np.stack([z + 1, y + 1, runs.stop], axis=1)
    low, high = begin[parts.first], end[parts.first]
    np.minimum.at(low, parts.of_run, begin)
    np.maximum.at(high, parts.of_run, end)
    corner = [axis.start for axis in runs.region]
    low, high, first = low + corner, high + corner, begin[parts.first] + corner
    found = []
    for part in np.lexsort((parts.first, -parts.voxels)).tolist():
        voxels = int(parts.voxels[part])
        box = as_region(map(slice, low[part].tolist(), high[part].tolist()))
        k, j, i = first[part].tolist()
        found.append(Component(label, voxels, voxels * volume.voxel_mm3, box, (k, j, i)))
    return found


def keep_largest_component(volume: LabelVolume, labels: Collection[int], connectivity: int = 6) -> Iterator[Edit]:
    """Keep the largest component of each label; its others become background.

    Of equal components the one with the first voxel, in array order (z, y, x), is kept. Labels that are absent
    are passed over. Raises :class:`StepError` when ``connectivity`` is not 6, 18 or 26, or a label is the
    background.
    """
    parts = _parts_of(volume, labels, connectivity)
    return _clear(parts, ~parts.largest())


def keep_largest_structure(volume: LabelVolume, labels: Collection[int], connectivity: int = 6) -> Iterator[Edit]:
    """Take several labels as one structure and keep its largest component; the others become background.

    A label of which no voxel belongs to that component disappears. Ties, absent labels and errors are as in
    :func:`keep_largest_component`.
    """
    parts = _parts_of(volume, labels, connectivity, together=True)
    return _clear(parts, ~parts.largest())


def remove_small(
    volume: LabelVolume, labels: Collection[int], smaller_than_mm3: float, connectivity: int = 6
) -> Iterator[Edit]:
    """Components of each label with less than ``smaller_than_mm3`` become background.

    The largest component of a label always stays, however small it is: a threshold that is too high must not
    delete a structure. One of exactly the given volume stays too. Ties, absent labels and errors are as in
    :func:`keep_largest_component`.
    """
    parts = _parts_of(volume, labels, connectivity)
    # 27 voxels of 0.1 mm are 0.027 mm3, whatever floating point says.
    small = parts.voxels * volume.voxel_mm3 < smaller_than_mm3 * (1 - 1e-9)
    return _clear(parts, small & ~parts.largest())


def fill_holes(volume: LabelVolume, labels: Collection[int]) -> Iterator[Edit]:
    """Background inside a cavity of a label becomes that label.

    A cavity is a 6-connected set of voxels without the label that does not reach the border of the image;
    other labels do not close it. Other labels that lie in it are left alone. Background in cavities of several
    labels, one inside the other, goes to the label whose cavity is smallest, which is the innermost; of equal
    ones, to the smaller integer. Labels that are absent are passed over. Raises :class:`StepError` when a
    label is the background.
    """
    runs = _scan(volume, labels)
    empty = runs.take(runs.label == 0)
    filled_by = np.zeros(len(empty.line), np.int64)
    smallest = np.full(len(empty.line), np.iinfo(np.int64).max)
    for label in sorted(set(labels)):
        gaps, voxels = _cavities(runs.take(runs.label == label))
        # A run of background holds no voxel of the label: it lies in one gap, or in none.
        gap, run = _touching(gaps, empty, 0, 0, 0)
        better = voxels[gap] < smallest[run]
        filled_by[run[better]] = label
        smallest[run[better]] = voxels[gap[better]]
    return _paint(empty, filled_by)


def reassign_islands(volume: LabelVolume, labels: Collection[int], connectivity: int = 6) -> Iterator[Edit]:
    """All components of each label but the largest go to the neighbour with which they share most surface.

    Neighbours are the largest components of the other labels given; surface is the area of common voxel faces
    in mm2, and of equal ones the smaller integer gets the island. An island that touches no largest component,
    but other islands, follows them: once they have gone to a label, they count as part of it. What touches
    neither becomes background. Afterwards each of the labels is in one piece.

    Labels not given neither lose nor gain voxels. Ties between components, absent labels and errors are as in
    :func:`keep_largest_component`.
    """
    parts = _parts_of(volume, labels, connectivity)
    # What becomes of each component: its label, 0, or -1 while that is open.
    future = np.where(parts.largest(), parts.label, -1)
    island, other, area = _contacts(parts, volume.spacing)
    while np.any(ready := (future[island] < 0) & (future[other] >= 0)):
        settled, label = _most_area(island[ready], future[other[ready]], area[ready])
        future[settled] = label
        island, other, area = island[~ready], other[~ready], area[~ready]
    return _paint(parts.runs, np.maximum(future, 0)[parts.of_run])


@frozen(eq=False)
class _Runs:
    """Stretches of equal label along x, in array order. The arrays have one entry per run.

    Indices are those of an array of ``shape`` (z, y, x) that holds only the box ``region``. ``line`` is
    z * shape[1] + y; the run goes from x = ``start`` to before ``stop``.
    """

    region: Region
    shape: tuple[int, int, int]
    line: _Ints
    start: _Ints
    stop: _Ints
    label: _Ints

    def take(self, chosen: _Bools) -> _Runs:
        """Some of the runs."""
        columns = {name: getattr(self, name)[chosen] for name in ("line", "start", "stop", "label")}
        return attrs.evolve(self, **columns)

    def place(self) -> tuple[_Ints, _Ints]:
        """The indices z and y of each run."""
        z, y = np.divmod(self.line, max(self.shape[1], 1))
        return z, y

    @property
    def voxels(self) -> _Ints:
        """The length of each run."""
        return self.stop - self.start

    def adjoining(self) -> _Bools:
        """For each run but the last: whether the next one continues it on the same line."""
        found: _Bools = (self.line[1:] == self.line[:-1]) & (self.start[1:] == self.stop[:-1])
        return found


@frozen(eq=False)
class _Parts:
    """Connected components of runs: ``of_run`` is each run's component, the rest has one entry per component.

    ``first`` is the component's first run. With ``together``, components of all labels compete.
    """

    runs: _Runs
    of_run: _Ints
    voxels: _Ints
    first: _Ints
    together: bool

    @property
    def label(self) -> _Ints:
        """The label of each component's first run."""
        return self.runs.label[self.first]

    def largest(self) -> _Bools:
        """Which components are the largest of their label, or of all."""
        owner = np.zeros_like(self.first) if self.together else self.label
        order = np.lexsort((self.first, -self.voxels, owner))
        leads = np.ones(len(order), np.bool_)
        leads[1:] = owner[order][1:] != owner[order][:-1]
        found = np.zeros(len(order), np.bool_)
        found[order[leads]] = True
        return found


def _scan(volume: LabelVolume, labels: Collection[int]) -> _Runs:
    """All runs, background and other labels included, in the box round the labels."""
    if 0 in labels:
        raise StepError("label 0 is the background, which has no components to clean")
    boxes = [box for label in labels if not is_empty(box := volume.region(label))]
    region = reduce(hull, boxes, boxes[0]) if boxes else NOWHERE
    array = volume.array[region]
    depth, height, width = array.shape
    begins = np.ones((height, width), np.bool_)
    starts, values = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for z, plane in enumerate(array):
        np.not_equal(plane[:, 1:], plane[:, :-1], out=begins[:, 1:])
        here = np.flatnonzero(begins)
        values.append(plane.take(here).astype(np.int64))
        starts.append(here + z * plane.size)
    begin = np.concatenate(starts)
    end = np.append(begin[1:], array.size)[: len(begin)]
    line, start = np.divmod(begin, max(width, 1))
    return _Runs(region, (depth, height, width), line, start, end - line * width, np.concatenate(values))


def _parts_of(volume: LabelVolume, labels: Collection[int], connectivity: int, together: bool = False) -> _Parts:
    if connectivity not in CONNECTIVITIES:
        raise StepError(f"connectivity is {connectivity!r}; it must be 6, 18 or 26")
    runs = _scan(volume, labels)
    return _parts(runs.take(np.isin(runs.label, list(labels))), connectivity, together)


def _parts(runs: _Runs, connectivity: int, together: bool = False) -> _Parts:
    """Components of the runs: of equal label each, or ``together`` of any."""
    pairs = [_touching(runs, runs, *line) for line in _LINES[connectivity]]
    # Runs of one label never adjoin on their line: they would be one run.
    next_on_line = np.flatnonzero(runs.adjoining()) if together else np.zeros(0, np.int64)
    a = np.concatenate([next_on_line, *(a for a, _ in pairs)])
    b = np.concatenate([next_on_line + 1, *(b for _, b in pairs)])
    if not together:
        same = runs.label[a] == runs.label[b]
        a, b = a[same], b[same]
    count = len(runs.line)
    of_run = np.zeros(0, np.int64)
    if count:
        graph = sparse.coo_array((np.ones(len(a), np.bool_), (a, b)), shape=(count, count))
        of_run = sparse.csgraph.connected_components(graph, directed=False)[1].astype(np.int64)
    _, first = np.unique(of_run, return_index=True)
    # Exact: sums of whole numbers far below 2**53.
    voxels = np.bincount(of_run, weights=runs.voxels, minlength=len(first)).astype(np.int64)
    return _Parts(runs, of_run, voxels, first, together)


def _touching(a: _Runs, b: _Runs, dz: int, dy: int, reach: int) -> tuple[_Ints, _Ints]:
    """Pairs of a run of ``a`` and one of ``b`` on the line (dz, dy) further, at most ``reach`` apart in x.

    With a reach of 0 the two overlap in x, with 1 they may also adjoin.
    """
    _, height, width = a.shape
    # One number for line and x; wide enough that x - 1 and x + 1 do not run into the next line.
    pitch = width + 2
    _, y = a.place()
    which = np.flatnonzero((y + dy >= 0) & (y + dy < height))
    line = (a.line[which] + dz * height + dy) * pitch
    low = np.searchsorted(b.line * pitch + b.stop, line + a.start[which] - reach, side="right")
    high = np.searchsorted(b.line * pitch + b.start, line + a.stop[which] + reach, side="left")
    counts = np.maximum(high - low, 0)
    offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(which, counts), np.repeat(low, counts) + offset


def _contacts(parts: _Parts, spacing: tuple[float, float, float]) -> tuple[_Ints, _Ints, NDArray[np.float64]]:
    """Where an island touches another component: the island, the other, and the area in mm2."""
    runs = parts.runs
    size_z, size_y, size_x = spacing
    a = np.flatnonzero(runs.adjoining())
    found = [(a, a + 1, np.full(len(a), size_z * size_y))]
    for dz, dy, face in ((0, 1, size_z * size_x), (1, 0, size_y * size_x)):
        a, b = _touching(runs, runs, dz, dy, 0)
        shared = np.minimum(runs.stop[a], runs.stop[b]) - np.maximum(runs.start[a], runs.start[b])
        found.append((a, b, shared * face))
    runs_a, runs_b, areas = (np.concatenate(column) for column in zip(*found, strict=True))
    part, other = parts.of_run[runs_a], parts.of_run[runs_b]
    part, other, area = np.append(part, other), np.append(other, part), np.append(areas, areas)
    islands = ~parts.largest()[part] & (part != other)
    return part[islands], other[islands], area[islands]


def _most_area(island: _Ints, label: _Ints, area: NDArray[np.float64]) -> tuple[_Ints, _Ints]:
    """Each island and the label that has most area with it; of equal ones the smallest."""
    known, index = np.unique(label, return_inverse=True)
    keys, place = np.unique(island * len(known) + index, return_inverse=True)
    total = np.bincount(place, weights=area)
    owner, candidate = np.divmod(keys, len(known))
    starts = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
    most = np.repeat(np.maximum.reduceat(total, starts), np.diff(np.append(starts, len(owner))))
    # Ties, whatever floating point says; the candidates are sorted by integer.
    best = total >= most * (1 - 1e-9)
    islands, first = np.unique(owner[best], return_index=True)
    return islands, known[candidate[best][first]]


def _cavities(runs: _Runs) -> tuple[_Runs, _Ints]:
    """The gaps on lines that belong to closed cavities of one label's runs, and their cavity's voxels."""
    same = runs.line[1:] == runs.line[:-1]
    before = runs.take(np.append(same, False)) if len(runs.line) else runs
    after = runs.take(np.append(False, same)) if len(runs.line) else runs
    gaps = attrs.evolve(before, start=before.stop, stop=after.start)
    # Of each line, with an empty one all round: where the label begins and ends.
    depth, height, width = runs.shape
    begin = np.full((depth + 2, height + 2), width)
    end = np.zeros((depth + 2, height + 2), np.int64)
    z, y = runs.place()
    end[z + 1, y + 1] = runs.stop  # the last of a line wins
    begin[z[::-1] + 1, y[::-1] + 1] = runs.start[::-1]
    z, y = gaps.place()
    open_gap = np.zeros(len(gaps.line), np.bool_)
    for dz, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        beside = (z + 1 + dz, y + 1 + dy)
        open_gap |= (gaps.start < begin[beside]) | (gaps.stop > end[beside])
    parts = _parts(gaps, 6)
    open_part = np.zeros(len(parts.voxels), np.bool_)
    open_part[parts.of_run[open_gap]] = True
    closed = ~open_part[parts.of_run]
    return gaps.take(closed), parts.voxels[parts.of_run][closed]


def _clear(parts: _Parts, cleared: _Bools) -> Iterator[Edit]:
    """Some components become background."""
    return _paint(parts.runs, np.where(cleared[parts.of_run], 0, parts.runs.label))


def _paint(runs: _Runs, new: _Ints) -> Iterator[Edit]:
    """Edits that give each run its ``new`` label where that differs, in boxes of a bounded size."""
    changed = new != runs.label
    runs, new = runs.take(changed), new[changed]
    z, y = runs.place()
    keys = np.stack([runs.start // _TILE, y // _TILE, z // _TILE, new])
    order = np.lexsort(keys)
    cuts = np.flatnonzero(np.any(np.diff(keys[:, order]), axis=0)) + 1
    corner = [axis.start for axis in runs.region]
    for group in np.split(order, cuts) if len(order) else ():
        lows = [int(one[group].min()) for one in (z, y, runs.start)]
        highs = [int(one[group].max()) for one in (z + 1, y + 1, runs.stop)]
        mask = np.zeros([high - low for low, high in zip(lows, highs, strict=True)], np.bool_)
        for k, j, start, stop in np.stack([z - lows[0], y - lows[1], runs.start, runs.stop])[:, group].T.tolist():
            mask[k, j, start - lows[2] : stop - lows[2]] = True
        region = (slice(low + at, high + at) for low, high, at in zip(lows, highs, corner, strict=True))
        yield Edit(as_region(region), mask, int(new[group[0]]))
