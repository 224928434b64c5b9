"""Label maps to mesh, and what a mesh is, counted one tetrahedron at a time."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import Any

import numpy as np
from attrs import frozen
from pycemrg_mesh import Mesh

from pycemrg_core import LabelVolume
from pycemrg_core.api import Blueprint, Heart, LabelType

Array = np.ndarray[Any, Any]

LUMEN, WALL, COVER = 1, 2, 3
# An oblique and a left-handed frame: the columns are the directions of the axes of the image.
OBLIQUE = (0.36, 0.48, -0.8, -0.8, 0.6, 0.0, 0.48, 0.64, 0.6)
LEFT = (0.36, 0.48, 0.8, -0.8, 0.6, 0.0, 0.48, 0.64, -0.6)
BLUEPRINT = Blueprint(
    names={LUMEN: "LV_BP_label", WALL: "LV_myo_label", COVER: "RV_myo_label"},
    types={LUMEN: LabelType.LUMEN, WALL: LabelType.WALL, COVER: LabelType.WALL},
)


def radius(size: int, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Array:
    """The distance in mm of each voxel (z, y, x) of a cube from its middle."""
    axes = [(np.arange(round(size / mm)) - (round(size / mm) - 1) / 2) * mm for mm in spacing]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return np.sqrt(z * z + y * y + x * x)


def shells(size: int = 16, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Array:
    """A lumen of 3 mm, a wall to 5 mm and a cover to 7 mm."""
    mm = radius(size, spacing)
    return np.select([mm < 3, mm < 5, mm < 7], [LUMEN, WALL, COVER], 0).astype(np.uint8)


def torus(size: int = 28, large: float = 8.0, small: float = 4.0) -> Array:
    """A ring of tissue."""
    z, y, x = np.meshgrid(*[np.arange(size) - (size - 1) / 2] * 3, indexing="ij")
    return (np.hypot(np.hypot(x, y) - large, z) < small).astype(np.uint8)


def heart_of(array: Array, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0), **geometry: Any) -> Heart:
    """A heart whose lumen is 1 and whose walls are 2 and 3."""
    return Heart(volume=LabelVolume(array, spacing, blueprint=BLUEPRINT, **geometry))


@frozen
class Counted:
    """What a slow count finds in a mesh: the uses of each face, and the boundary triangles round each edge."""

    faces: Counter[frozenset[int]]
    edges: Counter[frozenset[int]]

    @property
    def non_manifold(self) -> int:
        """The edges with other than two triangles of the boundary."""
        return sum(uses != 2 for uses in self.edges.values())


def counted(mesh: Mesh) -> Counted:
    faces: Counter[frozenset[int]] = Counter()
    for nodes in mesh.tetrahedra.tolist():
        faces.update(frozenset(face) for face in combinations(nodes, 3))
    edges: Counter[frozenset[int]] = Counter()
    for face, uses in faces.items():
        if uses == 1:
            edges.update(frozenset(edge) for edge in combinations(sorted(face), 2))
    return Counted(faces, edges)


def determinants(mesh: Mesh) -> Array:
    """Six times the volume of each tetrahedron, by numpy's determinant."""
    corners = mesh.points[mesh.tetrahedra]
    return np.linalg.det(corners[:, 1:] - corners[:, :1])
