"""Connected components of labels: list them, and remove islands and holes from a label map.

Each cleanup is a pure function that returns the :class:`~pycemrg_core.images.label_volume.Edit` s to apply. All
edits of one call are computed from the same volume, and no two of them change the same voxel. So the order of the
edits and of the labels does not matter.

All functions work on runs, see :mod:`pycemrg_core.images.run_lengths`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import attrs
import numpy as np
from attrs import frozen

from pycemrg_core.images.edits import Edit
from pycemrg_core.images.label_volume import LabelVolume, Region, as_region
from pycemrg_core.images.run_lengths import (
    CONNECTIVITIES,
    Bools,
    Components,
    Ints,
    Runs,
    components_of,
    contacts,
    find_components,
    most_area,
    runs_of,
    touching,
)

__all__ = [
    "CONNECTIVITIES",
    "Component",
    "components",
    "fill_holes",
    "keep_largest_component",
    "keep_largest_structure",
    "reassign_islands",
    "remove_small",
]

_TILE = 64  # voxels; the approximate size of one edit along each axis


@frozen
class Component:
    """One connected component of a label.

    ``region`` is its bounding box, array indices (z, y, x); ``first`` the indices (z, y, x) of its first voxel
    in array order.
    """

    label: int
    voxels: int
    mm3: float
    region: Region
    first: tuple[int, int, int]


def components(volume: LabelVolume, label: int, connectivity: int = 6) -> list[Component]:
    """The connected components of a label, the largest first; if equal, the one with the first voxel first.

    Empty when the label is absent. Raises :class:`StepError` when ``connectivity`` is not 6, 18 or 26, or
    ``label`` is the background.
    """
    connected = components_of(volume, (label,), connectivity)
    runs = connected.runs
    z, y = runs.place()
    begin, end = np.stack([z, y, runs.start], axis=1), np.stack([z + 1, y + 1, runs.stop], axis=1)
    low, high = begin[connected.first], end[connected.first]
    np.minimum.at(low, connected.of_run, begin)
    np.maximum.at(high, connected.of_run, end)
    corner = [axis.start for axis in runs.region]
    low, high, first = low + corner, high + corner, begin[connected.first] + corner
    found = []
    for component in np.lexsort((connected.first, -connected.voxels)).tolist():
        voxels = int(connected.voxels[component])
        box = as_region(map(slice, low[component].tolist(), high[component].tolist()))
        k, j, i = first[component].tolist()
        found.append(Component(label, voxels, voxels * volume.voxel_mm3, box, (k, j, i)))
    return found


def keep_largest_component(volume: LabelVolume, labels: Collection[int], connectivity: int = 6) -> Iterator[Edit]:
    """Keep the largest component of each label; its other components become background.

    If components are equally large, the one with the first voxel in array order (z, y, x) is kept. Absent labels
    are ignored. Raises :class:`StepError` when ``connectivity`` is not 6, 18 or 26, or a label is the background.
    """
    connected = components_of(volume, labels, connectivity)
    return _clear(connected, ~connected.largest())


def keep_largest_structure(volume: LabelVolume, labels: Collection[int], connectivity: int = 6) -> Iterator[Edit]:
    """Treat several labels as one structure, and keep its largest component; the others become background.

    A label without a voxel in this component disappears. Ties, absent labels and errors are as in
    :func:`keep_largest_component`.
    """
    connected = components_of(volume, labels, connectivity, together=True)
    return _clear(connected, ~connected.largest())


def remove_small(
    volume: LabelVolume, labels: Collection[int], smaller_than_mm3: float, connectivity: int = 6
) -> Iterator[Edit]:
    """Turn components of each label with less than ``smaller_than_mm3`` into background.

    The largest component of a label always stays, even if it is small: a threshold that is too high must not delete
    a structure. A component of exactly the given volume also stays. Ties, absent labels and errors are as in
    :func:`keep_largest_component`.
    """
    connected = components_of(volume, labels, connectivity)
    # 27 voxels of 0.1 mm must be 0.027 mm3, despite floating-point rounding.
    small = connected.voxels * volume.voxel_mm3 < smaller_than_mm3 * (1 - 1e-9)
    return _clear(connected, small & ~connected.largest())


def losses(volume: LabelVolume, edits: Iterable[Edit], share: float = 0.1) -> Iterator[tuple[int, int, int]]:
    """Labels that lose more than a ``share`` of their voxels by edits that do not overlap: label, lost, all voxels."""
    lost: dict[int, int] = {}
    for edit in edits:
        old, counts = np.unique(volume.array[edit.region][edit.mask], return_counts=True)
        for label, count in zip(old.tolist(), counts.tolist(), strict=True):
            if label not in (0, edit.label):
                lost[label] = lost.get(label, 0) + count
    for label, count in sorted(lost.items()):
        every = int(volume.mask(label, volume.region(label)).sum())
        if count > share * every:
            yield label, count, every


def fill_holes(volume: LabelVolume, labels: Collection[int]) -> Iterator[Edit]:
    """Fill the background inside a cavity of a label with this label.

    A cavity is a 6-connected set of voxels without the label that does not reach the border of the image; other
    labels do not close it. An image of one slice has its border only within the slice. Other labels in the cavity are
    not changed. Background in nested cavities of several
    labels gets the label with the smallest cavity, which is the innermost one; if equal, the smaller integer.
    Absent labels are ignored. Raises :class:`StepError` when a label is the background.
    """
    runs = runs_of(volume, labels)
    empty = runs.take(runs.label == 0)
    filled_by = np.zeros(len(empty.line), np.int64)
    smallest = np.full(len(empty.line), np.iinfo(np.int64).max)
    for label in sorted(set(labels)):
        gaps, voxels = _cavities(runs.take(runs.label == label), volume.array.shape)
        # A run of background contains no voxel of the label, so it is in one gap, or in none.
        gap, run = touching(gaps, empty, 0, 0, 0)
        better = voxels[gap] < smallest[run]
        filled_by[run[better]] = label
        smallest[run[better]] = voxels[gap[better]]
    return _paint(empty, filled_by)


def reassign_islands(volume: LabelVolume, labels: Collection[int], connectivity: int = 6) -> Iterator[Edit]:
    """Give all components of each label except the largest to the neighbour with the largest common surface.

    Neighbours are the largest components of the other labels given; surface is the area of common voxel faces in
    mm2, and if areas are equal, the smaller integer gets the island. An island that touches no largest component,
    but other islands, follows these: after they are given to a label, they count as part of its component. An
    island that touches neither becomes background. After that, each of the labels is one component.

    Other labels do not lose or gain voxels. Ties between components, absent labels and errors are as in
    :func:`keep_largest_component`.
    """
    connected = components_of(volume, labels, connectivity)
    # The new label of each component: a label, 0, or -1 while undecided.
    future = np.where(connected.largest(), connected.label, -1)
    island, other, area = contacts(connected, volume.spacing, ~connected.largest())
    while np.any(ready := (future[island] < 0) & (future[other] >= 0)):
        settled, label = most_area(island[ready], future[other[ready]], area[ready])
        future[settled] = label
        island, other, area = island[~ready], other[~ready], area[~ready]
    return _paint(connected.runs, np.maximum(future, 0)[connected.of_run])


def _cavities(runs: Runs, image: tuple[int, ...]) -> tuple[Runs, Ints]:
    """The gaps on lines that belong to closed cavities of the runs of one label, and the voxels of their cavities.

    In an ``image`` (z, y, x) of one slice, the label need not close a cavity across the slice.
    """
    same = runs.line[1:] == runs.line[:-1]
    before = runs.take(np.append(same, False)) if len(runs.line) else runs
    after = runs.take(np.append(False, same)) if len(runs.line) else runs
    gaps = attrs.evolve(before, start=before.stop, stop=after.start)
    # For each line, with an empty line on all sides: where the label begins and ends.
    depth, height, width = runs.shape
    begin = np.full((depth + 2, height + 2), width)
    end = np.zeros((depth + 2, height + 2), np.int64)
    z, y = runs.place()
    end[z + 1, y + 1] = runs.stop  # the last run of a line wins
    begin[z[::-1] + 1, y[::-1] + 1] = runs.start[::-1]
    z, y = gaps.place()
    open_gap = np.zeros(len(gaps.line), np.bool_)
    across = [(-1, 0), (1, 0)] if image[0] > 1 else []
    for dz, dy in (*across, (0, -1), (0, 1)):
        beside = (z + 1 + dz, y + 1 + dy)
        open_gap |= (gaps.start < begin[beside]) | (gaps.stop > end[beside])
    connected = find_components(gaps, 6)
    open_part = np.zeros(len(connected.voxels), np.bool_)
    open_part[connected.of_run[open_gap]] = True
    closed = ~open_part[connected.of_run]
    return gaps.take(closed), connected.voxels[connected.of_run][closed]


def _clear(connected: Components, cleared: Bools) -> Iterator[Edit]:
    """Turn some components into background."""
    return _paint(connected.runs, np.where(cleared[connected.of_run], 0, connected.runs.label))


def _paint(runs: Runs, new: Ints) -> Iterator[Edit]:
    """Edits that give each run its ``new`` label if this differs, in boxes of limited size."""
    changed = new != runs.label
    runs, new = runs.take(changed), new[changed].astype(np.int64)
    if not len(new):
        return
    z, y = runs.place()
    depth, height, width = (size // _TILE + 1 for size in runs.shape)
    tile = ((new * depth + z // _TILE) * height + y // _TILE) * width + runs.start // _TILE
    order = np.argsort(tile, kind="stable")
    z, y, start, stop, new, tile = (one[order] for one in (z, y, runs.start, runs.stop, new, tile))
    cuts = np.flatnonzero(np.append(True, tile[1:] != tile[:-1]))
    lows = np.stack([np.minimum.reduceat(one, cuts) for one in (z, y, start)], axis=1).tolist()
    highs = np.stack([np.maximum.reduceat(one, cuts) for one in (z + 1, y + 1, stop)], axis=1).tolist()
    corner = [axis.start for axis in runs.region]
    for first, last, low, high in zip(cuts, [*cuts[1:], len(new)], lows, highs, strict=True):
        group = slice(first, last)
        shape = [b - a for a, b in zip(low, high, strict=True)]
        mask = np.zeros(shape, np.bool_)
        line = (z[group] - low[0]) * shape[1] + y[group] - low[1]
        mask.reshape(-1)[_within(line * shape[2] + start[group] - low[2], stop[group] - start[group])] = True
        region = (slice(a + at, b + at) for a, b, at in zip(low, high, corner, strict=True))
        yield Edit(as_region(region), mask, int(new[first]))


def _within(first: Ints, lengths: Ints) -> Ints:
    """The numbers of several ranges, which begin at ``first`` and are so long, one after the other."""
    before = np.cumsum(lengths) - lengths
    found: Ints = np.arange(lengths.sum()) + np.repeat(first - before, lengths)
    return found
