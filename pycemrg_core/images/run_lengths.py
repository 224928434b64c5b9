"""Runs of equal label along x, and the connected components that they form.

One stray voxel can extend the bounding box of a label over the whole image, so a search per label and box could
need as many passes as there are labels. Here the box of all labels asked for is read once, as runs: sequences of
equal label along x. There are far fewer runs than voxels, and all other work is done on runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import attrs
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_core.errors import StepError
from pycemrg_core.images.label_volume import LabelArray, LabelVolume, Region, hull, is_empty
from pycemrg_core.images.linking import linked

CONNECTIVITIES = (6, 18, 26)
"""Neighbours share a face (6), a face or an edge (18), or a face, an edge or a corner (26)."""

_AT_ONCE = 1 << 15  # runs

Ints = NDArray[np.int64]
Small = NDArray[np.int32]
Bools = NDArray[np.bool_]

# For each connectivity: the lines (dz, dy) with neighbours, one of each opposite pair, and the allowed difference
# in x.
_LINES = {
    6: ((0, 1, 0), (1, 0, 0)),
    18: ((0, 1, 1), (1, 0, 1), (1, 1, 0), (1, -1, 0)),
    26: ((0, 1, 1), (1, 0, 1), (1, 1, 1), (1, -1, 1)),
}


@frozen(eq=False)
class Runs:
    """Runs of equal label along x, in array order. The arrays have one entry per run.

    Indices refer to an array of ``shape`` (z, y, x) that holds only the box ``region``. ``line`` is
    z * shape[1] + y; the run goes from x = ``start`` to before ``stop``.
    """

    region: Region
    shape: tuple[int, int, int]
    line: Ints
    start: Ints
    stop: Ints
    label: LabelArray

    def take(self, chosen: Bools | Ints | slice) -> Runs:
        """Some of the runs."""
        columns = {name: getattr(self, name)[chosen] for name in ("line", "start", "stop", "label")}
        return attrs.evolve(self, **columns)

    def place(self) -> tuple[Ints, Ints]:
        """The indices z and y of each run."""
        z, y = np.divmod(self.line, max(self.shape[1], 1))
        return z, y

    @property
    def voxels(self) -> Ints:
        """The length of each run."""
        return self.stop - self.start

    def adjoining(self) -> Bools:
        """For each run except the last: whether the next run continues it on the same line."""
        found: Bools = (self.line[1:] == self.line[:-1]) & (self.start[1:] == self.stop[:-1])
        return found


@frozen(eq=False)
class Components:
    """Connected components of runs: ``of_run`` is the component of each run; other arrays have one entry per component.

    ``first`` is the first run of the component. With ``together``, components of all labels are compared.
    """

    runs: Runs
    of_run: Ints
    voxels: Ints
    first: Ints
    together: bool

    @property
    def label(self) -> Ints:
        """The label of the first run of each component."""
        return self.runs.label[self.first].astype(np.int64)

    def largest(self) -> Bools:
        """Which components are the largest of their label, or of all labels."""
        owner = np.zeros_like(self.first) if self.together else self.label
        order = np.lexsort((self.first, -self.voxels, owner))
        leads = np.ones(len(order), np.bool_)
        leads[1:] = owner[order][1:] != owner[order][:-1]
        found = np.zeros(len(order), np.bool_)
        found[order[leads]] = True
        return found

    def places(self, chosen: Bools) -> tuple[Ints, Ints]:
        """The voxels of some components, and the component of each.

        Voxels are (n, 3) indices (z, y, x) in the array that the runs were read from.
        """
        which = chosen[self.of_run]
        runs, of_run = self.runs.take(which), self.of_run[which]
        z, y = (np.repeat(index, runs.voxels) for index in runs.place())
        before = np.cumsum(runs.voxels) - runs.voxels
        x = np.arange(len(z)) - np.repeat(before - runs.start, runs.voxels)
        return np.stack([z, y, x], axis=1), np.repeat(of_run, runs.voxels)


def runs_of(volume: LabelVolume, labels: Collection[int]) -> Runs:
    """All runs in the box around the labels, including background and other labels."""
    if 0 in labels:
        raise StepError("label 0 is the background, which cannot be cleaned; give labels from 1")
    boxes = [box for label in labels if not is_empty(box := volume.region(label))]
    region = hull(*boxes)
    return runs_in(volume.array[region], region)


def runs_in(array: LabelArray, region: Region) -> Runs:
    """All runs of an array that holds only the box ``region`` of an image, including background."""
    depth, height, width = array.shape
    begins = np.ones((height, width), np.bool_)
    starts, values = [np.zeros(0, np.int32)], [np.zeros(0, array.dtype)]
    for plane in array:
        np.not_equal(plane[:, 1:], plane[:, :-1], out=begins[:, 1:])
        here = np.flatnonzero(begins)
        values.append(plane.take(here))
        starts.append(here.astype(np.int32))
    # Half the memory where all numbers are small enough: those of lines and x too, of any image but the largest.
    small: Any = np.int32 if (depth + 2) * height * (width + 2) < 2**31 else np.int64
    first = np.repeat(np.arange(depth, dtype=small) * height, [len(here) for here in starts[1:]])
    line, start = (np.asarray(each, small) for each in np.divmod(np.concatenate(starts), max(width, 1)))
    del starts
    line += first
    stop = np.append(start[1:], start[:1])
    stop[stop == 0] = width  # the next run begins a line
    return Runs(region, (depth, height, width), line, start, stop, np.concatenate(values))


def components_of(
    volume: LabelVolume, labels: Collection[int], connectivity: int, together: bool = False
) -> Components:
    if connectivity not in CONNECTIVITIES:
        raise StepError(f"unknown connectivity {connectivity!r}; give 6, 18 or 26")
    runs = runs_of(volume, labels)
    return find_components(runs.take(np.isin(runs.label, list(labels))), connectivity, together)


def find_components(runs: Runs, connectivity: int, together: bool = False) -> Components:
    """Components of the runs: each of one label, or with ``together`` of any labels."""
    return link(runs, pairs_of(runs, connectivity), together)


def pairs_of(runs: Runs, connectivity: int) -> Iterator[tuple[Small, Small]]:
    """The pairs of runs that are neighbours, of any labels, some at a time."""
    for first in range(0, len(runs.line), _AT_ONCE):
        next_on_line = np.flatnonzero(runs.take(slice(first, first + _AT_ONCE + 1)).adjoining()).astype(np.int32)
        next_on_line += np.int32(first)
        yield next_on_line, next_on_line + np.int32(1)
    if connectivity == 6 and len(runs.line) and runs.voxels.sum() == np.prod(runs.shape):
        yield from _pairs_of_all(runs)
        return
    for line in _LINES[connectivity]:
        for a, b in _touching(runs, runs, *line):
            yield a.astype(np.int32), b.astype(np.int32)


def _pairs_of_all(runs: Runs) -> Iterator[tuple[Small, Small]]:
    """The pairs on neighbouring lines of runs that fill their box, through faces, some at a time.

    There a new pair begins only where a run of one of the two lines begins.
    """
    depth, height, width = runs.shape
    plane = height * width
    begin = runs.line * width + runs.start
    for along_y, away in ((True, width), (False, plane)):
        end = depth * plane - away
        count = int(np.searchsorted(begin, begin.dtype.type(end)))  # another type would be a copy of all
        for first in range(0, count, _AT_ONCE // 2):  # of both lines
            stop = min(first + _AT_ONCE // 2, count)
            low, high = begin[first], begin[stop] if stop < count else end
            other, last = np.searchsorted(begin, np.array([low + away, high + away], begin.dtype)).tolist()
            # Where each run begins in the first of its two lines; odd for those of the second line.
            keys = np.concatenate([begin[first:stop], begin[other:last] - away]).astype(np.int64)
            keys *= 2
            keys[stop - first :] += 1
            keys.sort(kind="stable")
            of_other = np.cumsum(keys & 1)
            keys >>= 1
            pair = np.append(keys[1:] != keys[:-1], True)
            if along_y:
                pair &= keys % plane < plane - width  # the last line of a plane is not beside the first of the next
            at = np.flatnonzero(pair)
            b = of_other.take(at)
            yield (at - b + first).astype(np.int32), (b + (other - 1)).astype(np.int32)


def link(runs: Runs, neighbours: Iterable[tuple[Small, Small]], together: bool = False) -> Components:
    """Components of the runs, joined by those pairs of neighbours that have one label, or with ``together`` by all."""
    if not together:
        neighbours = ((a[same], b[same]) for a, b in neighbours for same in (of_one_label(runs, a, b),))
    return joined(runs, neighbours, together)


def joined(runs: Runs, pairs: Iterable[tuple[Small, Small]], together: bool = False) -> Components:
    """Components of the runs, joined by all pairs; ``together`` says whether these can be of different labels."""
    count = len(runs.line)
    of_run = linked(count, pairs)
    first = np.zeros(int(of_run.max(initial=-1)) + 1, np.int64)
    first[of_run[::-1]] = np.arange(count, dtype=np.int32 if count < 2**31 else np.int64)[::-1]  # the last one stays
    # Exact, because these are sums of whole numbers far below 2**53. One after the other, so that no sum is in memory.
    ends, starts = (np.bincount(of_run, weights=each, minlength=len(first)) for each in (runs.stop, runs.start))
    return Components(runs, of_run, (ends - starts).astype(np.int64), first, together)


def of_one_label(runs: Runs, a: Small, b: Small) -> Bools:
    """Which pairs of runs have one label."""
    found: Bools = runs.label.take(a) == runs.label.take(b)
    return found


def most_area(component: Ints, label: Ints, area: NDArray[np.float64]) -> tuple[Ints, Ints]:
    """Each component, and the label with the largest common area; if equal, the smallest label.

    The arrays have one entry for each contact, and a component can have many with one label.
    """
    known, index = np.unique(label, return_inverse=True)
    keys, place = np.unique(component * len(known) + index, return_inverse=True)
    total = np.bincount(place, weights=area)
    owner, candidate = np.divmod(keys, len(known))
    starts = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
    most = np.repeat(np.maximum.reduceat(total, starts), np.diff(np.append(starts, len(owner))))
    # Ties, despite floating-point rounding; the candidates are sorted by integer.
    best = total >= most * (1 - 1e-9)
    components, first = np.unique(owner[best], return_index=True)
    return components, known[candidate[best][first]]


def touching(a: Runs, b: Runs, dz: int, dy: int, reach: int) -> tuple[Ints, Ints]:
    """Pairs of a run of ``a`` and a run of ``b`` on the line (dz, dy) away, at most ``reach`` apart in x.

    With a reach of 0 the two overlap in x; with 1 they can also be adjacent.
    """
    nothing = np.zeros(0, np.int64), np.zeros(0, np.int64)
    one, other = (np.concatenate(column) for column in zip(nothing, *_touching(a, b, dz, dy, reach), strict=True))
    return one, other


def _touching(a: Runs, b: Runs, dz: int, dy: int, reach: int) -> Iterator[tuple[Ints, Ints]]:
    """The same, for some runs of ``a`` at a time: what is made on the way is larger than the result."""
    _, height, width = a.shape
    # One number for line and x, wide enough that x - 1 and x + 1 do not reach the next line.
    pitch, away = width + 2, dz * height + dy
    for first in range(0, len(a.line), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        y = a.line[some] % max(height, 1) + dy
        which = np.flatnonzero((y >= 0) & (y < height)) + first
        if not len(which):
            continue
        at = slice(*np.searchsorted(b.line, [a.line[which[0]] + away, a.line[which[-1]] + away + 1]))
        begins, ends = b.line[at] * pitch + b.start[at], b.line[at] * pitch + b.stop[at]
        line = (a.line[which] + away) * pitch
        low = np.searchsorted(ends, line + a.start[which] - reach, side="right")
        high = np.searchsorted(begins, line + a.stop[which] + reach, side="left")
        counts = np.maximum(high - low, 0)
        offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        yield np.repeat(which, counts), np.repeat(low + at.start, counts) + offset


def contacts(
    connected: Components, spacing: tuple[float, float, float], chosen: Bools
) -> tuple[Ints, Ints, NDArray[np.float64]]:
    """Contacts of ``chosen`` components: the component, the other component, and the area in mm2."""
    runs = connected.runs
    size_z, size_y, size_x = spacing
    is_own = chosen.take(connected.of_run)
    which = np.flatnonzero(is_own)
    own = runs.take(which)
    next_on_line = np.flatnonzero(runs.adjoining() & (is_own[1:] | is_own[:-1]))
    face = np.full(len(next_on_line), size_z * size_y)
    found = [(next_on_line, next_on_line + 1, face), (next_on_line + 1, next_on_line, face)]
    for dz, dy, size in ((0, 1, size_z), (0, -1, size_z), (1, 0, size_y), (-1, 0, size_y)):
        a, b = touching(own, runs, dz, dy, 0)
        shared = np.minimum(own.stop[a], runs.stop[b]) - np.maximum(own.start[a], runs.start[b])
        found.append((which[a], b, shared * size * size_x))
    a, b, area = (np.concatenate(column) for column in zip(*found, strict=True))
    component, other = connected.of_run[a], connected.of_run[b]
    kept = chosen[component] & (component != other)
    return component[kept], other[kept], area[kept]


def touching_components(connected: Components, neighbours: Iterable[tuple[Small, Small]]) -> Ints:
    """The pairs of components, (n, 2), that have neighbours in each other: each once, the smaller number first."""
    count, keys = len(connected.voxels), [np.zeros(0, np.int64)]
    for a, b in neighbours:
        one, other = connected.of_run.take(a), connected.of_run.take(b)
        key = np.minimum(one, other) * count + np.maximum(one, other)
        keys.append(np.unique(key[one != other]))
    return np.stack(np.divmod(np.unique(np.concatenate(keys)), max(count, 1)), axis=1)
