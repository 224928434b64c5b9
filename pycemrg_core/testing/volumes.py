"""Small label maps made for the checks: every label touches others, with islands, holes, and background all round.

Arrays are (z, y, x), spacings (z, y, x) in mm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import cos, radians, sin

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage, spatial

from pycemrg_core.images.label_volume import LabelArray, LabelVolume

SHAPE = (14, 18, 24)
SPACING = (2.0, 1.25, 0.8)
_SEEDS = 3


def random_cells(
    labels: Sequence[int], shape: tuple[int, ...] = SHAPE, spacing: Sequence[float] = SPACING
) -> LabelArray:
    """An ellipsoid of cells: each voxel has the label of the nearest of a few random points.

    Each label has an island in another's cell or in the background, and the largest cell a hole. Labels that
    need more than uint8 make it uint16 or uint32. The same arguments give the same array.
    """
    return _random_cells(tuple(labels), tuple(shape), tuple(spacing)).copy()


@lru_cache(maxsize=256)  # each check of a kit asks for the same few
def _random_cells(labels: tuple[int, ...], shape: tuple[int, ...], spacing: tuple[float, ...]) -> LabelArray:
    dtype = np.min_scalar_type(max(labels))
    array = np.zeros(shape, dtype)
    grid = np.moveaxis(np.indices(shape), 0, -1)
    middle, half = (np.array(shape) - 1) / 2, np.array(shape) * 0.4
    inside = (((grid - middle) / half) ** 2).sum(axis=-1) <= 1
    places = grid[inside]
    seeds = np.random.default_rng(2024).choice(places, size=len(labels) * _SEEDS, replace=False)
    nearest = spatial.KDTree(seeds * spacing).query(places * spacing)[1]
    array[inside] = np.repeat(np.array(labels, dtype), _SEEDS)[nearest]
    _mark(array, labels)
    return array


def _mark(array: LabelArray, labels: Sequence[int]) -> None:
    """Make islands and a hole deep inside cells, and one island in a corner of the background."""
    cross = ndimage.generate_binary_structure(3, 1)
    deep = {label: np.argwhere(ndimage.binary_erosion(array == label, cross, 2)) for label in labels}
    roomy = [label for label in labels if len(deep[label])]
    for label in roomy:
        other = labels[(labels.index(label) + 1) % len(labels)]
        array[tuple(deep[label][0])] = other if other != label else 0
    largest = max(roomy, key=lambda label: len(deep[label]), default=0)
    if largest:
        array[tuple(deep[largest][-1])] = 0
    array[1, 1, 1] = labels[0]


def _absent(labels: Sequence[int]) -> int:
    return next(value for value in range(1, 256) if value not in labels)


def _filled(labels: Sequence[int], shape: tuple[int, int, int]) -> LabelArray:
    """Labels alternate from voxel to voxel: they reach every border and there is no background."""
    return np.resize(np.array(labels, np.min_scalar_type(max(labels))), shape)


def ordinary_volume(labels: Sequence[int]) -> LabelVolume:
    """The label map on which a step is expected to change something: anisotropic, with all labels."""
    return LabelVolume(random_cells(labels), SPACING)


def _cut(labels: Sequence[int]) -> LabelVolume:
    return LabelVolume(random_cells(labels)[3:-3, 4:-4, 6:-6].copy(), SPACING)


def _without_the_first(labels: Sequence[int]) -> LabelVolume:
    array = random_cells(labels)
    array[array == labels[0]] = 0
    return LabelVolume(array, SPACING)


CASES: Mapping[str, Callable[[Sequence[int]], LabelVolume]] = {
    "anisotropic": ordinary_volume,
    "one voxel": lambda labels: LabelVolume(_filled(labels, (1, 1, 1)), SPACING),
    "two voxels wide": lambda labels: LabelVolume(_filled(labels, (2, 2, 2)), SPACING),
    "one slice": lambda labels: LabelVolume(random_cells(labels)[7:8].copy(), SPACING),
    "cut at the border": _cut,
    "no background": lambda labels: LabelVolume(_filled(labels, (5, 4, 7)), SPACING),
    "first label absent": _without_the_first,
    "labels absent": lambda labels: LabelVolume(random_cells([_absent(labels)]), SPACING),
    "background only": lambda labels: LabelVolume(np.zeros((4, 5, 6), np.uint8), SPACING),
}
"""Label maps by name that a step or metric must work with, made from the integers that it reads."""

ROTATIONS: Mapping[str, Callable[[NDArray[np.generic]], NDArray[np.generic]]] = {
    "z reversed": lambda array: array[::-1],
    "y reversed": lambda array: array[:, ::-1],
    "x reversed": lambda array: array[:, :, ::-1],
    "axes in turn": lambda array: array.transpose(1, 2, 0),
    "z and x swapped": lambda array: array.transpose(2, 1, 0),
}
"""By name: the same heart with its axes in another order or direction."""


def rotated_spacing(rotation: str, spacing: tuple[float, float, float]) -> tuple[float, float, float]:
    """The spacing after a rotation."""
    z, y, x = spacing
    return {"axes in turn": (y, x, z), "z and x swapped": (x, y, z)}.get(rotation, spacing)


def rotated(rotation: str, volume: LabelVolume) -> LabelVolume:
    """The same heart, at the same place, with its axes in another order or direction."""
    array = np.ascontiguousarray(ROTATIONS[rotation](volume.array))
    snapshots = {name: rotated(rotation, kept) for name, kept in volume.snapshots.items()}
    spacing = rotated_spacing(rotation, volume.spacing)
    # For each old axis, one step along each new one: 1, 0 or -1. Read from a small array, as the image may be flat.
    places = [ROTATIONS[rotation](index) for index in np.indices((2, 2, 2))]
    steps = np.array([[int(np.diff(index, axis=axis).flat[0]) for axis in range(3)] for index in places])
    first = np.where(steps.sum(axis=1) < 0, np.array(volume.array.shape) - 1, 0)
    x, y, z = volume.points_mm(first[None])[0].tolist()
    cosines = volume.orientation.cosines[:, ::-1] @ steps
    return LabelVolume(
        array,
        spacing,
        origin=(x, y, z),
        direction=tuple(cosines[:, ::-1].ravel().tolist()),
        blueprint=volume.blueprint,
        snapshots=snapshots,
    )


def oblique_image(array: NDArray[np.generic], spacing: tuple[float, float, float] = SPACING) -> sitk.Image:
    """An image of an array, away from the origin and turned by 20 degrees about z and 10 about x."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing[::-1])
    image.SetOrigin((-31.5, 12.25, 107.0))
    c, s, k, t = cos(radians(20)), sin(radians(20)), cos(radians(10)), sin(radians(10))
    image.SetDirection((c, -s * k, s * t, s, c * k, -c * t, 0.0, t, k))
    return image
