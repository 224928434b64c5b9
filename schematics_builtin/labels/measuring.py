"""Measure the labels of a label map, independent of their names: volumes, contacts, gaps, components.

Arrays are (z, y, x); ``spacing_zyx_mm`` is the voxel size in the same order, in mm. All measures depend only on the
shapes: flipping an axis, or permuting the axes together with their spacing, changes nothing. So a wrong orientation
in a header has no effect, and nothing here distinguishes left from right.

The image is read as *runs*: sequences of one value along a grid line. Two consecutive runs share one voxel face,
and the runs after them show what is across a thin gap. All measures are computed from the runs, so the time depends
on the surface of the labels, not on their volume.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_core.api import (
    AnyImage,
    ImageError,
    Region,
    Shown,
    counted,
    graph_components,
    html_table,
    hull,
    is_empty,
    occupied,
    volume_given,
)

NEAR_MM = 6.0
"""Two labels are near where the gap between them is at most this wide: a valve or a wall, not a septum."""

MOST_LABELS = 1024
"""An image with more values than this is not a label map."""

_SLACK_MM = 1e-3

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@frozen(eq=False, repr=False)
class Facts(Shown):
    """Measures of a label map.

    Arrays are in the order of ``labels``. In square arrays, index 0 is the background and ``labels[i]`` has index
    ``i + 1``. ``centroid_mm`` is (n, 3) in array axes (z, y, x) from the centre of the first voxel; ``box`` is (n,
    3, 2), first and last voxel index; ``components`` is the number of face-connected components, ``whole`` is the
    share of the largest one in the volume; ``contact_mm2`` is the area of the voxel faces between two labels,
    ``near_mm2`` the same across a gap of at most ``NEAR_MM``; ``between_ml`` is the background enclosed by two
    labels (by a label and itself: its lumen), as the mean over the three axes.
    """

    labels: tuple[int, ...]
    volume_ml: Floats
    centroid_mm: Floats
    box: Ints
    components: Ints
    whole: Floats
    contact_mm2: Floats
    near_mm2: Floats
    between_ml: Floats

    @property
    def in_short(self) -> str:
        """How many labels, and their volume."""
        return f"{counted(len(self.labels), 'label')}, {self.volume_ml.sum():.1f} mL"

    def _repr_html_(self) -> str:
        columns = ("integer", "mL", "components", "surface mm2")
        rows = zip(self.labels, self.volume_ml, self.components.tolist(), self.surface_mm2[1:], strict=True)
        return html_table(self.in_short, columns, rows)

    @property
    def surface_mm2(self) -> Floats:
        """The surface area of each label; index 0 is the background."""
        return np.asarray(self.contact_mm2.sum(axis=1))

    def index(self, label: int) -> int:
        """The row of a label in the square arrays."""
        return self.labels.index(label) + 1

    def only(self, labels: Iterable[int]) -> Facts:
        """The same facts for some of the labels; the others count as background, so surfaces do not change."""
        wanted = set(labels)
        rows = [row for row, label in enumerate(self.labels) if label in wanted]
        index = [0, *(row + 1 for row in rows)]
        gone = [row + 1 for row, label in enumerate(self.labels) if label not in wanted]
        squares = []
        for square in (self.contact_mm2, self.near_mm2):
            kept = square[np.ix_(index, index)]
            kept[0, 1:] += square[np.ix_(gone, index[1:])].sum(axis=0)
            kept[1:, 0] = kept[0, 1:]
            squares.append(kept)
        return Facts(
            labels=tuple(self.labels[row] for row in rows),
            volume_ml=self.volume_ml[rows],
            centroid_mm=self.centroid_mm[rows],
            box=self.box[rows],
            components=self.components[rows],
            whole=self.whole[rows],
            contact_mm2=squares[0],
            near_mm2=squares[1],
            between_ml=self.between_ml[np.ix_(index, index)],
        )


def facts_of(image: AnyImage) -> Facts:
    """Measure every label of a label map, or of its path; 0 and the outside of the image are background."""
    volume = volume_given(image)
    return measure(volume.array, volume.spacing, hull(*volume.boxes.values()))


def measure(array_zyx: NDArray[Any], spacing_zyx_mm: tuple[float, float, float], within: Region | None = None) -> Facts:
    """Like :func:`facts_of`, of an integer array. ``within`` is a box that holds all labels, where one is known."""
    if array_zyx.ndim != 3 or array_zyx.dtype.kind not in "bui":
        raise ValueError("a label map must be a 3-D array of integers")
    if not all(np.isfinite(s) and s > 0 for s in spacing_zyx_mm):
        raise ValueError(f"the spacing must be three positive numbers in mm, not {spacing_zyx_mm}")
    array, corner = _crop(array_zyx, occupied(array_zyx) if within is None else within)
    spacing = np.asarray(spacing_zyx_mm, dtype=np.float64)
    along_x = _runs(array, 2)
    labels = _distinct(along_x.value)
    if len(labels) > MOST_LABELS:
        raise ImageError(
            f"the image has {len(labels):,} different labels, a heart has a few dozen; "
            "give the segmentation, not the scan"
        )
    n = len(labels) + 1
    contact, near, between = np.zeros((n, n)), np.zeros((n, n)), np.zeros((n, n))
    for axis in range(3):
        runs = (along_x if axis == 2 else _runs(array, axis)).renumbered(labels)
        area, step = float(np.prod(np.delete(spacing, axis))), float(spacing[axis])
        contact += area * _meeting(runs, n, 0)
        near += area * _meeting(runs, n, int((NEAR_MM + _SLACK_MM) / step))
        between += area * step / 3000.0 * _between(runs, n)
    runs = along_x.renumbered(labels)
    volume, centroid, box = _moments(runs, array.shape, n)
    components, whole = _components(runs, array, n)
    return Facts(
        labels=tuple(int(v) for v in labels),
        volume_ml=volume * float(np.prod(spacing)) / 1000.0,
        centroid_mm=(centroid + corner) * spacing,
        box=box + corner[None, :, None],
        components=components,
        whole=whole,
        contact_mm2=contact,
        near_mm2=near,
        between_ml=between,
    )


def _distinct(values: NDArray[Any]) -> NDArray[Any]:
    """The values except 0, sorted. ``np.unique`` would import ``numpy.ma``."""
    ordered = np.sort(values)
    first = np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]
    return np.asarray(ordered[first & (ordered != 0)])


class _Runs(NamedTuple):
    """Runs along the last axis of a C-ordered array: value, first flat index, length and grid line."""

    value: NDArray[Any]
    start: Ints
    length: Ints
    line: Ints

    def renumbered(self, labels: NDArray[Any]) -> _Runs:
        """The same runs with values 0..n in the order of ``labels``."""
        value = np.where(self.value == 0, 0, np.searchsorted(labels, self.value) + 1)
        return _Runs(value.astype(np.int64), self.start, self.length, self.line)


def _crop(array: NDArray[Any], box: Region) -> tuple[NDArray[Any], Ints]:
    """A box with a margin of one voxel of background, and the index of its first voxel in the image."""
    if is_empty(box):
        return np.zeros((3, 3, 3), dtype=array.dtype), np.zeros(3, dtype=np.int64)
    return np.pad(array[box], 1), np.array([axis.start - 1 for axis in box])


def _runs(array: NDArray[Any], axis: int) -> _Runs:
    moved = np.ascontiguousarray(np.moveaxis(array, axis, -1))
    flat, width = moved.ravel(), moved.shape[-1]
    first = np.empty(flat.size, dtype=bool)
    np.not_equal(flat[1:], flat[:-1], out=first[1:])
    first[::width] = True
    start = np.flatnonzero(first)
    return _Runs(flat[start], start, np.diff(start, append=flat.size), start // width)


def _meeting(runs: _Runs, n: int, gap: int) -> Floats:
    """How often two values meet along a line, with at most ``gap`` voxels of other values between them."""
    table = np.zeros(n * n)
    end = runs.start + runs.length
    first = np.arange(len(runs.start))
    for skip in range(1, len(runs.start)):
        first = first[: np.searchsorted(first, len(runs.start) - skip)]
        between = runs.start[first + skip] - end[first]
        first = first[(between <= gap) & (runs.line[first] == runs.line[first + skip])]
        if first.size == 0:
            break
        table += np.bincount(runs.value[first] * n + runs.value[first + skip], minlength=n * n)
    square = table.reshape(n, n)
    square = square + square.T
    np.fill_diagonal(square, 0)
    return square


def _between(runs: _Runs, n: int) -> Floats:
    """The background voxels on chords that end at two labels, by these labels."""
    middle = np.flatnonzero(runs.value[1:-1] == 0) + 1
    middle = middle[runs.line[middle - 1] == runs.line[middle + 1]]
    pair = runs.value[middle - 1] * n + runs.value[middle + 1]
    table = np.bincount(pair, weights=runs.length[middle], minlength=n * n).reshape(n, n)
    return np.asarray((table + table.T) / (1.0 + np.eye(n)))


def _moments(runs: _Runs, shape: tuple[int, ...], n: int) -> tuple[Floats, Floats, Ints]:
    """Voxel count, mean index and bounding box of each label except the background."""
    value, length = runs.value, runs.length.astype(np.float64)
    z, y, x = np.unravel_index(runs.start, shape)
    count = np.bincount(value, weights=length, minlength=n)
    middle = (z, y, x + (length - 1) / 2)
    centroid = np.stack([np.bincount(value, weights=length * m, minlength=n) for m in middle], axis=1)
    box = np.empty((n, 3, 2), dtype=np.int64)
    box[..., 0] = np.iinfo(np.int64).max
    box[..., 1] = -1
    for axis, (lo, hi) in enumerate(((z, z), (y, y), (x, x + runs.length - 1))):
        np.minimum.at(box[:, axis, 0], value, lo)
        np.maximum.at(box[:, axis, 1], value, hi)
    return count[1:].astype(np.float64), centroid[1:] / count[1:, None], box[1:]


def _components(runs: _Runs, array: NDArray[Any], n: int) -> tuple[Ints, Floats]:
    """The face-connected components of each label, and the share of the largest; joins runs of neighbouring lines."""
    flat = array.ravel()
    links: list[tuple[Ints, Ints]] = []
    for step in (array.shape[2], array.shape[1] * array.shape[2]):
        for away in (step, -step):  # to where a run begins, from the line before or after
            beside = runs.start + away
            one = np.flatnonzero((beside >= 0) & (beside < flat.size) & (runs.value > 0))
            one = one[flat[beside[one]] == flat[runs.start[one]]]
            links.append((one, np.searchsorted(runs.start, beside[one], side="right") - 1))
    a, b = np.concatenate(links, axis=1)
    component = graph_components(len(runs.start), a, b)
    size = np.bincount(component, weights=runs.length)
    owner = np.zeros(size.size, dtype=np.int64)
    owner[component] = runs.value
    largest = np.zeros(n)
    np.maximum.at(largest, owner, size)
    total = np.bincount(runs.value, weights=runs.length, minlength=n)
    return np.bincount(owner, minlength=n)[1:], largest[1:] / total[1:]
