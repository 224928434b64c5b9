"""Loose voxels that resampling tears off a label."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from pycemrg_core.api import (
    Components,
    as_region,
    find_components,
    image_from_array,
    most_area,
    runs_in,
    voxel_array,
)

LARGEST = 26
"""In voxels, the largest piece that counts as torn off: less than a block of 3 x 3 x 3."""


def without_crumbs(moved: sitk.Image, before: sitk.Image) -> sitk.Image:
    """Give new small pieces of each label to the label with the largest common surface.

    A label keeps as many face-connected components as it has in ``before``, the largest ones, and all that have more
    than :data:`LARGEST` voxels: these are real, such as a vessel that the border cuts. The background is left alone.
    """
    array = voxel_array(moved)
    found = _components(array)
    order = np.lexsort((found.first, -found.voxels, found.label))
    label = found.label[order]
    rank = np.arange(len(order)) - np.searchsorted(label, label)  # 0 for the largest of its label
    known, count = np.unique(_components(voxel_array(before)).label, return_counts=True)
    allowed = count[np.minimum(np.searchsorted(known, label), len(known) - 1)]  # no label is new, except 0
    loose = np.zeros(len(order), np.bool_)
    loose[order] = (label != 0) & (found.voxels[order] <= LARGEST) & (rank >= allowed)
    if not loose.any():
        return moved
    return image_from_array(_settled(array, *found.places(loose), moved.GetSpacing()[::-1]), moved)


def _components(array: NDArray[np.integer]) -> Components:
    return find_components(runs_in(array, as_region(slice(0, n) for n in array.shape)), 6)


def _settled(
    array: NDArray[np.integer], places: NDArray[np.int64], piece: NDArray[np.int64], spacing: tuple[float, ...]
) -> NDArray[np.integer]:
    """The array with each piece given to a neighbour; pieces that touch only others follow these."""
    made = np.pad(array, 1)  # so that each voxel has six neighbours
    at = tuple(places.T + 1)
    undecided = np.ones(made.shape, np.bool_)  # what is beyond the border stays undecided, and takes no piece
    undecided[1:-1, 1:-1, 1:-1] = False
    undecided[at] = True
    while len(piece):
        contacts = [
            (piece[free], made[beside][free], np.full(int(free.sum()), np.prod(spacing) / spacing[axis]))
            for axis in range(3)
            for step in (-1, 1)
            for beside in [tuple(index + step * (number == axis) for number, index in enumerate(at))]
            for free in [~undecided[beside]]
        ]
        owner, label = most_area(*(np.concatenate(parts) for parts in zip(*contacts, strict=True)))
        now = np.isin(piece, owner)
        if not now.any():
            made[at] = 0
            break
        here = tuple(index[now] for index in at)
        made[here] = label[np.searchsorted(owner, piece[now])]
        undecided[here] = False
        at, piece = tuple(index[~now] for index in at), piece[~now]
    return made[1:-1, 1:-1, 1:-1]
