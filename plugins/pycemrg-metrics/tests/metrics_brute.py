"""Second implementations for the tests, written for clarity: loops over voxels and faces, all pairs of points."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pycemrg_core import LabelVolume
from pycemrg_core.api import Comparison, StructureMask

Array = np.ndarray[Any, Any]
Spacing = tuple[float, float, float]

SPACINGS = st.tuples(*[st.sampled_from([0.4, 0.7, 1.0, 2.5])] * 3)
"""Voxel sizes (z, y, x) in mm."""


@st.composite
def pairs(draw: st.DrawFn, largest: int = 6) -> tuple[Array, Array]:
    """Two masks (z, y, x) of one shape, either of which may be empty or full."""
    shape = draw(hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=largest))
    one, other = (draw(hnp.arrays(bool, shape)) for _ in range(2))
    return one, other


def comparison(prediction: Array, reference: Array, spacing: Spacing = (1.0, 1.0, 1.0)) -> Comparison:
    return Comparison(structure(prediction, spacing), structure(reference, spacing))


def structure(mask: Array, spacing: Spacing = (1.0, 1.0, 1.0)) -> StructureMask:
    return StructureMask(LabelVolume(mask.astype(np.uint8), spacing), (1,))


def neighbours(mask: Array, voxel: tuple[int, ...], axes: Sequence[int] = range(3)) -> list[bool]:
    """What the faces of a voxel across some axes look at; outside the array is nothing."""
    found = []
    for axis, step in product(axes, (-1, 1)):
        index = list(voxel)
        index[axis] += step
        inside = all(0 <= i < size for i, size in zip(index, mask.shape, strict=True))
        found.append(bool(inside and mask[tuple(index)]))
    return found


def surface_voxels(mask: Array) -> Array:
    """Voxels that a face divides from the outside; one slice has no faces across it."""
    axes = [axis for axis in range(3) if mask.shape[axis] > 1]
    axes = axes if len(axes) == 2 else [0, 1, 2]
    voxels = [voxel for voxel in np.ndindex(mask.shape) if mask[voxel] and not all(neighbours(mask, voxel, axes))]
    return np.array(voxels).reshape(-1, 3)


def all_distances(sources: Array, targets: Array, spacing: Spacing) -> Array:
    """The distance of each source voxel (n, 3) to the nearest target (m, 3), by all pairs."""
    apart = (sources[:, None, :] - targets[None, :, :]) * np.asarray(spacing)
    distances: Array = np.sqrt((apart**2).sum(axis=2)).min(axis=1)
    return distances


def faces_between(one: Array, other: Array, spacing: Spacing) -> float:
    """The area of the faces between two disjoint masks, face by face."""
    total = 0.0
    for voxel in np.ndindex(one.shape):
        if one[voxel]:
            for number, touches in enumerate(neighbours(other, voxel)):
                total += touches * float(np.prod(np.delete(spacing, number // 2)))
    return total


def euler(mask: Array) -> int:
    """Of the 6-connected complex: voxels, less pairs across faces, plus 2 x 2 squares, less 2 x 2 x 2 cubes."""
    total = 0
    for shape in product((1, 2), repeat=3):
        sign = -1 if sum(shape) % 2 == 0 else 1
        for corner in np.ndindex(mask.shape):
            block = mask[tuple(slice(c, c + s) for c, s in zip(corner, shape, strict=True))]
            total += sign * bool(block.shape == shape and block.all())
    return total
