"""Voxelising and cell values against brute force, analytic volumes and the real heart."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from pycemrg_spatial.at_mesh import sample_cells, sample_mesh
from pycemrg_spatial.errors import MeshError
from pycemrg_spatial.geometry import index_to_point
from pycemrg_spatial.voxels import open_edges, voxelise_cells, voxelise_surface
from pyvista import Box, ImageData, PolyData, Sphere, UnstructuredGrid
from scipy.spatial import ConvexHull
from spatial_shapes import HEART, hexahedra, in_tetrahedra, itk_points, label_maps, oblique, tetrahedra

SEEDS = st.integers(0, 2**32 - 1)


def tags(grid: UnstructuredGrid) -> np.ndarray:
    return np.asarray(grid.cell_data["tag"]).astype(np.int64)


@pytest.mark.slow
@given(label_maps(), st.sampled_from([11, 12]))
def test_an_images_own_voxels_give_the_image_back(image: sitk.Image, cell_type: int) -> None:
    grid = hexahedra(image, cell_type)
    result = voxelise_cells(grid, tags(grid), image)
    assert (sitk.GetArrayFromImage(result) == sitk.GetArrayFromImage(image)).all()
    assert result.GetOrigin() == image.GetOrigin()
    assert result.GetSpacing() == image.GetSpacing()
    assert result.GetDirection() == image.GetDirection()
    assert (sample_cells(grid, image).values == tags(grid)).all()


@pytest.mark.slow
@settings(max_examples=30)
@given(SEEDS)
def test_tetrahedra_by_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = oblique(rng.integers(0, 4, (6, 7, 5)).astype(np.uint8), seed)
    grid = tetrahedra(itk_points(image, rng.uniform(-2, 8, (9, 3))))
    expected, cells = np.zeros((6, 7, 5), int), [[] for _ in range(grid.n_cells)]
    corners = grid.points[grid.cells_dict[10]]
    for z, y, x in np.ndindex(6, 7, 5):
        point = image.TransformIndexToPhysicalPoint((x, y, z))
        for cell in np.flatnonzero(in_tetrahedra(np.array(point), corners)):
            expected[z, y, x] = expected[z, y, x] or cell + 1
            cells[cell].append(image[x, y, z])
    assert (sitk.GetArrayFromImage(voxelise_cells(grid, tags(grid), image)) == expected).all()
    sampled = sample_cells(grid, image, outside=9)
    for cell, inside in enumerate(cells):
        if inside:
            assert sampled.values[cell] == np.bincount(inside).argmax()  # the smallest of equally many
            assert not sampled.outside[cell]
        else:
            centroid = corners[cell].mean(axis=0)
            try:
                value = image.EvaluateAtPhysicalPoint(centroid.tolist(), sitk.sitkNearestNeighbor)
            except RuntimeError:
                value = 9
                assert sampled.outside[cell]
            assert sampled.values[cell] == value


@pytest.mark.parametrize(("kind", "nodes"), [(10, 4), (12, 8), (13, 6), (14, 5)])
@pytest.mark.parametrize("seed", range(4))
def test_every_kind_of_cell_is_the_hull_of_its_nodes(kind: int, nodes: int, seed: int) -> None:
    box = {
        10: [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)],
        12: [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)],
        13: [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (0, 1, 1)],
        14: [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0.5, 0.5, 1)],
    }[kind]
    rng = np.random.default_rng(seed)
    image = oblique(np.zeros((16, 17, 18), np.uint8), seed)
    # An affine map keeps faces flat; its sign turns some cells inside out.
    indices = np.array(box) @ (rng.normal(size=(3, 3)) * 9) + 8 + rng.normal(size=3)
    grid = UnstructuredGrid(
        np.array([nodes, *range(nodes)]), np.array([kind], np.uint8), index_to_point(image, indices)
    )
    hull = ConvexHull(indices).equations
    centres = np.argwhere(np.ones((16, 17, 18)))[:, ::-1]
    expected = (centres @ hull[:, :3].T + hull[:, 3] <= 0).all(axis=1)
    found = sitk.GetArrayFromImage(voxelise_cells(grid, np.array([5]), image)).ravel()
    assert expected.sum() > 3
    assert (found == 5 * expected).all()


def test_a_centre_on_a_shared_face_has_the_smallest_tag_and_flat_cells_none() -> None:
    points = np.array([(1, 1, 1), (3, 1, 1), (1, 3, 1), (1, 1, 3), (1, 1, -1), (2, 2, 1)], float)
    cells = np.array([4, 0, 1, 2, 3, 4, 0, 1, 2, 4, 4, 0, 1, 2, 5])
    grid = UnstructuredGrid(cells, np.full(3, 10, np.uint8), points)
    like = sitk.Image([5, 5, 5], sitk.sitkUInt8)
    array = sitk.GetArrayFromImage(voxelise_cells(grid, np.array([7, 4, 1]), like))
    on_face = {(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (3, 1)}
    assert {(y, x) for y, x in np.argwhere(array[1])} == on_face
    assert set(array[1][array[1] > 0]) == {4}
    assert set(array[2].ravel()) == {0, 7}
    assert set(array[0].ravel()) == {0, 4}


def test_cells_that_are_not_linear_are_refused_with_their_number() -> None:
    """Left out in silence, they would be holes in the label map."""
    linear = ImageData(dimensions=(2, 2, 2)).to_tetrahedra().cast_to_unstructured_grid()
    corners = np.array([[2, 0, 0], [3, 0, 0], [2, 1, 0], [2, 0, 1]], float)
    middles = [(corners[a] + corners[b]) / 2 for a, b in ((0, 1), (1, 2), (0, 2), (0, 3), (1, 3), (2, 3))]
    quadratic = UnstructuredGrid(np.array([10, *range(10)]), [24], np.vstack([corners, middles]))
    like = sitk.Image(8, 8, 8, sitk.sitkUInt8)
    for grid in (linear.merge(quadratic), quadratic):
        with pytest.raises(MeshError, match=r"the mesh has 1 QUADRATIC_TETRA cells; convert them to linear cells"):
            voxelise_cells(grid, np.ones(grid.n_cells, np.int64), like)
    assert sitk.GetArrayFromImage(voxelise_cells(linear, np.ones(linear.n_cells, np.int64), like)).any()


def test_tags_that_are_no_labels() -> None:
    grid, like = tetrahedra(np.eye(4, 3) * 3), sitk.Image([4, 4, 4], sitk.sitkUInt8)
    with pytest.raises(
        MeshError, match=r"the tag -3 is not a label; renumber the tags to 0 \(background\) to 4294967295"
    ):
        voxelise_cells(grid, np.array([-3]), like)
    assert voxelise_cells(grid, np.array([300]), like).GetPixelID() == sitk.sitkUInt16


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_volume_of_a_sphere(seed: int) -> None:
    image = oblique(np.zeros((60, 61, 62), np.uint8), seed)
    image.SetSpacing((0.8, 0.9, 1.0))
    centre = index_to_point(image, [(30.2, 30.1, 29.7)])[0]
    sphere = Sphere(radius=20, center=centre.tolist(), theta_resolution=90, phi_resolution=90)
    result = voxelise_surface(sphere.cast_to_unstructured_grid(), image, 4)
    inside = sitk.GetArrayFromImage(result)
    volume = (inside == 4).sum() * 0.8 * 0.9
    # The inscribed polyhedron has 0.2 % less than the ball, counting centres errs by far less than a layer.
    assert volume == pytest.approx(4 / 3 * np.pi * 20**3, rel=0.005)
    centres = index_to_point(image, np.argwhere(np.ones(inside.shape))[:, ::-1])
    distance = np.linalg.norm(centres - centre, axis=1).reshape(inside.shape)
    assert (inside[distance < 19.9] == 4).all()
    assert (inside[distance > 20] == 0).all()


def test_a_surface_as_its_tetrahedra() -> None:
    points = np.random.default_rng(1).normal(size=(40, 3)) * 6 + 12
    like = sitk.Image([25, 25, 25], sitk.sitkUInt8)
    hull = ConvexHull(points)
    faces = np.insert(hull.simplices, 0, 3, axis=1).ravel()  # facing any way
    closed = PolyData(points, faces=faces).cast_to_unstructured_grid()
    volume = tetrahedra(points)
    inside = sitk.GetArrayFromImage(voxelise_surface(closed, like))
    assert (inside == (sitk.GetArrayFromImage(voxelise_cells(volume, tags(volume), like)) > 0)).all()
    assert inside.sum() > 500


def test_bodies_that_touch_share_no_voxel_and_leave_none_out() -> None:
    like = sitk.Image([9, 9, 9], sitk.sitkUInt8)
    # Their common wall and all sides run through voxel centres.
    for axis in range(3):
        left, right = [2.0, 6, 2, 6, 2, 6], [2.0, 6, 2, 6, 2, 6]
        left[2 * axis + 1] = right[2 * axis] = 4
        both = [
            sitk.GetArrayFromImage(voxelise_surface(Box(box).cast_to_unstructured_grid(), like))
            for box in (left, right)
        ]
        whole = sitk.GetArrayFromImage(voxelise_surface(Box((2, 6, 2, 6, 2, 6)).cast_to_unstructured_grid(), like))
        assert (both[0] + both[1] == whole).all()
        assert whole.sum() == 4**3


def test_a_surface_within_a_surface_is_a_hole() -> None:
    outer, inner = Sphere(radius=10, center=(12, 12, 12)), Sphere(radius=5, center=(12, 12, 12))
    array = sitk.GetArrayFromImage(
        voxelise_surface(
            (outer.append_polydata(inner)).cast_to_unstructured_grid(), sitk.Image([25] * 3, sitk.sitkUInt8)
        )
    )
    assert array[12, 12, 12] == 0
    assert array[12, 12, 19] == 1


def test_an_open_surface_is_refused_with_its_open_edges() -> None:
    closed = Box((1, 5, 1, 5, 1, 5)).triangulate()
    assert open_edges(closed) == 0
    opened = PolyData(closed.points, faces=closed.faces.reshape(-1, 4)[1:].ravel())
    with pytest.raises(MeshError, match="the surface is not closed: it has 3 open edges; close its holes first"):
        voxelise_surface(opened.cast_to_unstructured_grid(), sitk.Image([6] * 3, sitk.sitkUInt8))


@pytest.mark.slow
def test_the_real_heart_there_and_back() -> None:
    image = sitk.ReadImage(str(HEART))[45:85, 45:85, 55:95]
    array = sitk.GetArrayFromImage(image)
    grid = hexahedra(image)
    assert (sitk.GetArrayFromImage(voxelise_cells(grid, tags(grid), image)) == array).all()
    assert (sample_mesh(grid, image, "cells", "nearest", 0).values == tags(grid)).all()
    assert (sample_mesh(grid, image, "cells", "label", 0).values == tags(grid)).all()
    smooth = sample_mesh(grid, image, "nodes", "label", 0)
    assert set(smooth.values.tolist()) <= set(np.unique(array).tolist())


@pytest.mark.slow
def test_a_surface_of_the_real_heart_encloses_its_left_ventricle() -> None:
    image = sitk.ReadImage(str(HEART))
    ventricle = sitk.GetArrayFromImage(image) == 1
    image_data = ImageData(dimensions=image.GetSize())
    image_data.point_data["inside"] = ventricle.ravel().astype(float)
    contour = image_data.contour([0.5], scalars="inside")
    surface = PolyData(index_to_point(image, contour.points), faces=contour.faces).cast_to_unstructured_grid()
    assert (sitk.GetArrayFromImage(voxelise_surface(surface, image)) == ventricle).all()
