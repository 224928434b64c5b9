"""Random oblique images, meshes made of an image's voxels, and a slow test of a point in a tetrahedron."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from hypothesis import strategies as st
from pyvista import UnstructuredGrid
from scipy.spatial import Delaunay

from schematics_builtin.demo import heart_file

Array = np.ndarray[Any, Any]

HEART = heart_file()


def voxels(path: Path) -> Array:
    """The voxels (z, y, x) of an image file."""
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file below a folder with its bytes, and every folder."""
    found = sorted(folder.rglob("*"))
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in found}


def oblique(array: Array, seed: int) -> sitk.Image:
    """An image of a (z, y, x) array with random spacing, origin and direction, sometimes left-handed."""
    rng = np.random.default_rng(seed)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(rng.uniform(0.2, 3, 3).tolist())
    image.SetOrigin(rng.uniform(-300, 300, 3).tolist())
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    image.SetDirection(turn.ravel().tolist())
    return image


@st.composite
def label_maps(draw: st.DrawFn, smallest: int = 1) -> sitk.Image:
    """A random oblique label map of up to 6 voxels along each axis."""
    shape = draw(st.tuples(*[st.integers(smallest, 6)] * 3))
    seed = draw(st.integers(0, 2**32 - 1))
    labels = np.random.default_rng(seed).integers(0, 5, shape).astype(np.uint8)
    labels.flat[0] = 1
    return oblique(labels, seed)


def itk_points(image: sitk.Image, indices: Array) -> Array:
    return np.array([image.TransformContinuousIndexToPhysicalPoint(index) for index in indices.tolist()])


def hexahedra(image: sitk.Image, cell_type: int = 12) -> UnstructuredGrid:
    """One hexahedron per labelled voxel with its label as ``tag``; nodes are placed by SimpleITK."""
    array = sitk.GetArrayFromImage(image)
    places = np.argwhere(array)[:, ::-1]
    order = {
        11: [(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 0, 1), (1, 0, 1), (0, 1, 1), (1, 1, 1)],
        12: [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)],
    }
    nodes, numbers = np.unique(
        (places[:, None] + np.array(order[cell_type])).reshape(-1, 3), axis=0, return_inverse=True
    )
    axes = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    cells = np.insert(numbers.reshape(-1, 8), 0, 8, axis=1)
    grid = UnstructuredGrid(
        cells.ravel(), np.full(len(places), cell_type, np.uint8), (nodes - 0.5) @ axes.T + image.GetOrigin()
    )
    grid.cell_data["tag"] = array[array != 0].astype(np.int32)
    return grid


def tetrahedra(points: Array) -> UnstructuredGrid:
    """The Delaunay tetrahedra of points, tagged from 1 up."""
    cells = Delaunay(points).simplices
    grid = UnstructuredGrid(np.insert(cells, 0, 4, axis=1).ravel(), np.full(len(cells), 10, np.uint8), points)
    grid.cell_data["tag"] = np.arange(1, len(cells) + 1, dtype=np.int32)
    return grid


def in_tetrahedra(point: Array, corners: Array) -> Array:
    """Which tetrahedra (n, 4, 3) hold a point, by their barycentric coordinates, one point at a time."""
    above = np.ones((len(corners), 1, 4))
    weights = np.linalg.solve(np.concatenate([corners.transpose(0, 2, 1), above], axis=1), np.array([[*point, 1]]).T)
    return (weights[..., 0] >= 0).all(axis=1)
