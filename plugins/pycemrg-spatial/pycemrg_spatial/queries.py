"""Find the points in a label, and the label nearest to a point. Points are (n, 3), (x, y, z) in mm."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from pycemrg_core.api import AnyImage, ImageError, image_given, voxel_array
from pycemrg_spatial.geometry import Floats, Mask, as_points, index_to_point, nearest_voxel, point_to_index
from pycemrg_spatial.sampling import sample_nearest

# Distances in mm that differ by less than this are equal, because of rounding: 5 x 0.4 must be 2.0.
_SLACK = 1e-9


def vertices_within(points: npt.ArrayLike, image: AnyImage, label: int) -> Mask:
    """Which points (n, 3) are in a voxel of ``label`` in a label map; False for points outside the image."""
    image = image_given(image)
    sampled = sample_nearest(image, points)
    within: Mask = (sampled.values == label) & ~sampled.outside
    return within


def nearest_label(points: npt.ArrayLike, image: AnyImage) -> tuple[npt.NDArray[np.int64], Floats]:
    """For each point (n, 3), the label with the nearest voxel centre, and its distance in mm: two (n,) arrays.

    Distances are exact and Euclidean, to voxel centres. The background is not a label. Points can be outside the
    image. If labels are equally near, the smallest one is taken. Raises :class:`ImageError` for a map without
    labels.
    """
    image = image_given(image)
    array = as_points(points)
    volume = voxel_array(image)
    indices = np.argwhere(_surface(volume))
    if not len(indices):
        raise ImageError("the label map is empty, every voxel is 0 (background); give a map with labels")
    labels = volume[tuple(indices.T)].astype(np.int64)
    tree = cKDTree(index_to_point(image, indices[:, ::-1]))
    near, place = map(np.asarray, tree.query(array, k=[1, 2]))
    found, distance = labels[np.minimum(place[:, 0], len(labels) - 1)], near[:, 0]
    tied = np.flatnonzero(near[:, 1] - distance <= _SLACK)
    for point, equal in zip(tied, tree.query_ball_point(array[tied], distance[tied] + _SLACK), strict=True):
        found[point] = labels[equal].min()
    # Inside a label, its surface can be farther away than the voxel with the point.
    own = sample_nearest(image, array)
    to_own = np.linalg.norm(array - index_to_point(image, nearest_voxel(point_to_index(image, array))), axis=1)
    inside = ~own.outside & (own.values != 0)
    equal_label = inside & (np.abs(to_own - distance) <= _SLACK)
    found[equal_label] = np.minimum(found, own.values)[equal_label]
    closer = inside & (to_own < distance - _SLACK)
    found[closer], distance[closer] = own.values[closer], to_own[closer]
    return found, distance


def _surface(volume: npt.NDArray[np.integer]) -> Mask:
    """The labelled voxels that share a face with another label or background, or with the border of the image.

    The nearest voxel of a label is the voxel with the point, or one of these; otherwise a neighbour would be nearer.
    """
    surface = np.zeros(volume.shape, np.bool_)
    for axis in range(volume.ndim):
        lines, marks = np.moveaxis(volume, axis, 0), np.moveaxis(surface, axis, 0)
        marks[0], marks[-1] = True, True
        change = lines[1:] != lines[:-1]
        marks[1:] |= change
        marks[:-1] |= change
    surface &= volume != 0
    return surface
