"""Find where an open vessel is open: its openings, whether each is flat, and how much of the vessel it opens.

Only lumens that the recipe leaves open and makes a wall for have such openings. What has no wall is open on all sides.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_core.api import Heart, as_region
from schematics_builtin.certificate.joining import among, numbered

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

FLAT = 2.0
"""Voxels: how far an opening may reach along its normal. One voxel follows from the grid, the rest from repairs."""

WHOLE = 0.5
"""The smallest share of the vessel's section that is an open end, and not a pinhole."""

_LARGE = 0.2  # the part of the largest opening's faces that a flat end has at least
_RIM = 3  # voxels; what is left of an opening beside tissue that a repair has put on its rim
_FIT = 1.5  # voxels; what lies farther from the plane of an opening does not move the plane
_SLAB = (2.0, 4.0)  # voxels behind an opening, where the section of the vessel is measured


@frozen(eq=False)
class Opening:
    """Connected voxels (n, 3) of a lumen with ``faces`` towards the outside.

    ``deep_mm`` is how far the opening reaches along its normal, and ``share`` its area as a part of the vessel's
    section behind it.
    """

    voxels: Ints
    faces: int
    mm2: float
    deep_mm: float
    is_flat: bool
    share: float

    @property
    def is_end(self) -> bool:
        """Whether it is an end of the vessel: flat, and of the size of the vessel."""
        return self.is_flat and self.share >= WHOLE


def open_ends(heart: Heart) -> Mapping[int, tuple[Opening, ...]]:
    """The openings of each open lumen that has a wall, its end first. Computed once for each heart."""
    return heart.once(_openings)


def _openings(heart: Heart) -> Mapping[int, tuple[Opening, ...]]:
    walled = {wall.lumen for wall in heart.blueprint.walls}
    found = {}
    for lumen in heart.lumens:
        if lumen in heart.blueprint.open and lumen in walled:
            # Beside the background: lumens that are open too, where nothing is meant to be between the two.
            others = {other for other in heart.lumens if other != lumen and other in heart.blueprint.open}
            faces = heart.adjacency.faces((lumen,), {0, *others})
            found[lumen] = tuple(
                _opening(heart, lumen, faces.voxels[patch], faces.axis[patch])
                for patch in _patches(faces.voxels, heart.volume.spacing)
            )
    return found


def _patches(voxels: Ints, spacing: tuple[float, float, float]) -> list[Bools]:
    """Connected voxels, through faces, edges or corners: a mask over the rows for each opening, the end first.

    The end is the largest opening, or a flat one of nearly that size. What lies in its plane, close to its rim, is a
    part of it.
    """
    if not len(voxels):
        return []
    number = numbered(voxels)
    count = np.bincount(number)
    order = np.argsort(-count, kind="stable")
    patches = [number == one for one in order[count[order] > 0].tolist()]
    points, tolerance = voxels * np.array(spacing), FLAT / 2 * max(spacing)
    large = [patch for patch in patches if patch.sum() >= _LARGE * patches[0].sum()]
    flat = [patch for patch in large if np.ptp(_heights(points, points[patch], max(spacing))[patch]) <= 2 * tolerance]
    end = flat[0] if flat else patches[0]
    in_plane = np.abs(_heights(points, points[end], max(spacing))) <= tolerance
    from scipy.spatial import cKDTree  # slow to import, and only hearts with an open end need it

    near = cKDTree(voxels[end]).query(voxels, p=np.inf, distance_upper_bound=_RIM + 0.5)[0] <= _RIM
    is_rim = [patch is end or bool((in_plane & near)[patch].all()) for patch in patches]
    rim = [patch for patch, on_it in zip(patches, is_rim, strict=True) if on_it]
    return [np.logical_or.reduce(rim), *(patch for patch, on_it in zip(patches, is_rim, strict=True) if not on_it)]


def _heights(points: Floats, opening: Floats, voxel: float) -> Floats:
    """How far points lie above the plane of an opening, mm."""
    middle, normal = _plane(opening, voxel)
    found: Floats = (points - middle) @ normal
    return found


def _opening(heart: Heart, lumen: int, faces: Ints, axis: Ints) -> Opening:
    """An opening, one row of ``faces`` for each face, at right angles to its ``axis``."""
    spacing = np.array(heart.volume.spacing)
    voxels = np.unique(faces, axis=0)
    points = voxels * spacing
    middle, normal = _plane(points, float(spacing.max()))
    area = np.prod(spacing) / spacing
    along = (points - middle) @ normal
    across = float((np.bincount(axis, minlength=3) * area) @ np.abs(normal))
    deep = float(np.ptp(along))
    return Opening(
        voxels=voxels,
        faces=len(faces),
        mm2=float(np.bincount(axis, minlength=3) @ area),
        deep_mm=deep,
        is_flat=deep <= FLAT * float(spacing.max()),
        share=across / max(_section(heart, lumen, voxels, middle, normal), 1e-9),
    )


def _plane(points: Floats, voxel: float) -> tuple[Floats, Floats]:
    """A point and the normal of the plane through most points."""
    kept = np.ones(len(points), np.bool_)
    middle, normal = points.mean(axis=0), np.eye(3)[0]
    for _ in range(5):
        middle = points[kept].mean(axis=0)
        normal = np.linalg.eigh(np.cov(points[kept].T, ddof=0))[1][:, 0]  # of the smallest spread
        away = np.abs((points - middle) @ normal)
        kept = away <= max(_FIT * voxel, float(np.median(away)))
    return middle, normal


def _section(heart: Heart, lumen: int, opening: Ints, middle: Floats, normal: Floats) -> float:
    """The area, mm2, of the lumen's section a little behind an opening."""
    spacing = np.array(heart.volume.spacing)
    near, far = (depth * float(spacing.max()) for depth in _SLAB)
    low = np.maximum(opening.min(axis=0) - np.ceil(far / spacing).astype(np.int64), 0)
    high = opening.max(axis=0) + np.ceil(far / spacing).astype(np.int64) + 1
    region = as_region(map(slice, low.tolist(), np.minimum(high, heart.volume.array.shape).tolist()))
    voxels = np.argwhere(heart.volume.mask(lumen, region)) + low
    height = (voxels * spacing - middle) @ normal
    is_open = among(voxels, opening)
    most = 0
    for depth in (height, -height):  # behind it on one of its two sides
        slab = is_open | ((depth >= 0) & (depth < far))
        number = numbered(voxels[slab])
        joined = np.isin(number, number[is_open[slab]])
        most = max(most, int((joined & (depth[slab] >= near)).sum()))
    return most * heart.volume.voxel_mm3 / (far - near)
