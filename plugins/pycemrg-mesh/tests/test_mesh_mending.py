"""Mending a mesh that also has its surroundings, on voxels cut into tetrahedra; and better places for bad nodes."""

from __future__ import annotations

import numpy as np
import pytest
from mesh_shapes import Array, counted, determinants
from pycemrg_mesh import Mesh, cut
from pycemrg_mesh.faces import faces_of
from pycemrg_mesh.mending import mended
from pycemrg_mesh.quality import scaled_jacobians
from pycemrg_mesh.relaxing import relaxed
from pycemrg_mesh.surfaces import surfaces_of
from scipy import ndimage

from pycemrg_core import LabelVolume


def cut_all(array: Array) -> tuple[Mesh, Array]:
    """The mesh of an array and its background, tag 0, with a border of it; and the space of each tetrahedron."""
    padded = np.pad(array, 2)
    mesh = cut(LabelVolume((padded + 1).astype(np.uint8), (1.0, 1.0, 1.0)), range(1, 10), rounds=0)
    spaces = ndimage.label(padded == 0, np.ones((3, 3, 3)))[0].ravel()
    return Mesh(mesh.points, mesh.tetrahedra, mesh.tags - 1), np.repeat(spaces, 5).astype(np.int32)


def pieces(array: Array) -> dict[int, int]:
    return {int(label): ndimage.label(array == label)[1] for label in np.unique(array[array > 0])}


def tissue(mesh: Mesh, tags: Array) -> Mesh:
    return Mesh(mesh.points, mesh.tetrahedra[tags > 0], tags[tags > 0])


def boxes(*corners: tuple[int, int, int], size: int = 3) -> Array:
    array = np.zeros((12, 12, 12), np.uint8)
    for z, y, x in corners:
        array[z : z + size, y : y + size, x : x + size] = 1
    return array


def test_what_is_sound_stays() -> None:
    array = boxes((2, 2, 2), (7, 7, 7))
    array[2, 2:5, 2:5] = 2
    mesh, spaces = cut_all(array)
    assert (mended(mesh.tetrahedra, mesh.tags, spaces, pieces(array)) == mesh.tags).all()


@pytest.mark.parametrize("corners", [((2, 2, 2), (5, 5, 2)), ((2, 2, 2), (5, 5, 5))])
def test_boxes_that_touch_at_an_edge_or_a_corner_are_joined(corners: tuple[tuple[int, int, int], ...]) -> None:
    array = boxes(*corners)
    mesh, spaces = cut_all(array)
    found = mended(mesh.tetrahedra, mesh.tags, spaces, {1: 1})
    surfaces = surfaces_of(faces_of(mesh.tetrahedra[found > 0]).boundary)
    assert (len(surfaces.edges), len(surfaces.nodes), surfaces.genus) == (0, 0, (0,))
    assert counted(tissue(mesh, found)).non_manifold == 0
    assert (found[mesh.tags > 0] == 1).all()
    assert 0 < np.count_nonzero(found != mesh.tags) < 5 * 12


def test_a_loose_piece_gets_the_tag_that_it_touches_most() -> None:
    array = boxes((2, 2, 2))
    array[3, 3, 3], array[2, 2, 2], array[9, 9, 9] = 2, 3, 3
    array[2, 2, 5:8] = 2  # the largest piece of 2
    mesh, spaces = cut_all(array)
    found = mended(mesh.tetrahedra, mesh.tags, spaces, {1: 1, 2: 1, 3: 2})
    voxels = found.reshape(16, 16, 16, 5)[2:14, 2:14, 2:14]
    assert (voxels[3, 3, 3] == 1).all()
    assert (voxels[2, 2, 5:8] == 2).all()
    assert (voxels[9, 9, 9] == 3).all()
    gone = mended(mesh.tetrahedra, mesh.tags, spaces, {1: 1, 2: 1, 3: 1}).reshape(16, 16, 16, 5)
    assert (gone[11, 11, 11] == 0).all()


def test_a_pocket_that_is_no_space_of_its_own_is_filled() -> None:
    array = boxes((2, 2, 2), size=5)
    array[4, 4, 4] = 0
    mesh, spaces = cut_all(array)
    assert (mended(mesh.tetrahedra, mesh.tags, spaces, {1: 1}) == mesh.tags).all()
    found = mended(mesh.tetrahedra, mesh.tags, np.minimum(spaces, 1), {1: 1}).reshape(16, 16, 16, 5)
    assert (found[6, 6, 6] == 1).all()


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("seed", range(4))
def test_any_tissue_becomes_a_manifold(seed: int) -> None:
    array = np.random.default_rng(seed).choice(3, (5, 5, 5), p=(0.5, 0.3, 0.2)).astype(np.uint8)
    mesh, spaces = cut_all(array)
    found = mended(mesh.tetrahedra, mesh.tags, spaces, pieces(array))
    assert counted(tissue(mesh, mesh.tags)).non_manifold > 0
    assert counted(tissue(mesh, found)).non_manifold == 0
    assert not len(surfaces_of(faces_of(mesh.tetrahedra[found > 0]).boundary).nodes)


def test_bad_nodes_move_a_little_and_others_not() -> None:
    mesh = cut(LabelVolume(np.ones((4, 4, 4), np.uint8), (1.0, 1.0, 1.0)), [1], rounds=0)
    inner = int(np.flatnonzero((np.abs(mesh.points - 1.5) < 0.1).all(axis=1))[0])
    for step in np.arange(0.4, 1, 0.02):
        points = mesh.points.copy()
        points[inner] += step * np.array([1, 1, -1])
        before = scaled_jacobians(points, mesh.tetrahedra)
        if before.min() < 0.08:
            break
    found = relaxed(points, mesh.tetrahedra)
    after = scaled_jacobians(found, mesh.tetrahedra)
    assert before.min() < 0.1 <= after.min()
    bad = np.unique(mesh.tetrahedra[before < 0.1])
    moved = np.flatnonzero((found != points).any(axis=1))
    assert np.isin(moved, bad).all()
    assert np.abs(found - points).max() < 0.5
    assert (determinants(Mesh(found, mesh.tetrahedra, mesh.tags)) > 0).all()
