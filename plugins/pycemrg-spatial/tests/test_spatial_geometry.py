"""Indices and points against SimpleITK's own transforms, on random oblique images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from pycemrg_spatial.geometry import (
    image_box,
    index_to_point,
    inr_to_world,
    is_inside,
    nearest_voxel,
    point_to_index,
    slice_voxels,
    voxel_corners,
    world_to_inr,
)
from spatial_shapes import HEART, itk_points, label_maps, oblique

from pycemrg_core import read_image, write_image


@pytest.mark.slow
@given(label_maps(), st.integers(0, 2**32 - 1))
def test_indices_and_points_are_simpleitks(image: sitk.Image, seed: int) -> None:
    indices = np.random.default_rng(seed).uniform(-50, 600, (20, 3))
    points = itk_points(image, indices)
    assert np.abs(index_to_point(image, indices) - points).max() < 1e-9
    back = [image.TransformPhysicalPointToContinuousIndex(point) for point in points.tolist()]
    assert np.abs(point_to_index(image, points) - back).max() < 1e-9
    whole = [image.TransformPhysicalPointToIndex(point) for point in points.tolist()]
    assert (nearest_voxel(point_to_index(image, points)) == whole).all()


def test_a_half_rounds_up_as_in_itk() -> None:
    image = sitk.Image([4, 4, 4], sitk.sitkUInt8)
    halves = [(-1.5, -0.5, 0.5), (1.5, 2.5, 3.5)]
    itk = [image.TransformPhysicalPointToIndex(point) for point in halves]
    assert nearest_voxel(halves).tolist() == [list(index) for index in itk] == [[-1, 0, 1], [2, 3, 4]]


@pytest.mark.slow
@given(label_maps())
def test_all_eight_corners_of_a_box_of_voxels(image: sitk.Image) -> None:
    last = np.array(image.GetSize()) - 1
    corners = voxel_corners(image, (0, 0, 0), last)
    ends = np.array([[-0.5] * 3, last + 0.5])
    expected = itk_points(
        image, np.array([(ends[x, 0], ends[y, 1], ends[z, 2]) for z in (0, 1) for y in (0, 1) for x in (0, 1)])
    )
    assert np.abs(corners - expected).max() < 1e-9
    assert np.abs(image_box(image) - [expected.min(axis=0), expected.max(axis=0)]).max() < 1e-9
    single = voxel_corners(image, [(0, 0, 0), last])
    assert single.shape == (2, 8, 3)
    assert np.abs(single.mean(axis=1) - itk_points(image, np.array([(0, 0, 0), last], float))).max() < 1e-9


@pytest.mark.slow
@given(label_maps(), st.sampled_from("xyz"), st.integers(0, 4))
def test_the_voxels_of_a_slice(image: sitk.Image, axis: str, label: int) -> None:
    number = "xyz".index(axis)
    for position in range(image.GetSize()[number]):
        found = slice_voxels(image, axis, position, label)  # type: ignore[arg-type]
        size = image.GetSize()
        brute = [
            [x, y, z]
            for z in range(size[2]) for y in range(size[1]) for x in range(size[0])
            if (x, y, z)[number] == position and image[x, y, z] == label
        ]  # fmt: skip
        assert found.tolist() == brute


def test_a_slice_that_is_not_there() -> None:
    image = sitk.Image([4, 5, 6], sitk.sitkUInt8)
    with pytest.raises(ValueError, match="no slice 5 along y; give 0 to 4"):
        slice_voxels(image, "y", 5, 1)
    with pytest.raises(ValueError, match="no axis 'w'; give x, y or z"):
        slice_voxels(image, "w", 0, 1)  # type: ignore[arg-type]


def test_outside_begins_half_a_voxel_from_the_last_centres() -> None:
    image = sitk.Image([4, 4, 4], sitk.sitkUInt8)
    indices = [(-0.5, 0, 0), (-0.5000001, 0, 0), (3.4999999, 0, 0), (3.5, 0, 0), (np.nan, 0, 0)]
    assert is_inside(image, indices).tolist() == [True, False, True, False, False]


def test_a_mesh_made_from_an_inr_maps_back_through_the_sidecar(tmp_path: Path) -> None:
    heart = sitk.ReadImage(str(HEART))
    image = oblique(sitk.GetArrayFromImage(heart), 5)
    write_image(image, tmp_path / "heart.inr")
    read, _ = read_image(tmp_path / "heart.inr")
    indices = np.random.default_rng(0).uniform(0, 130, (200, 3))
    # What a mesher that knows nothing but the header calls the place of these indices.
    made = indices * image.GetSpacing()
    world = itk_points(image, indices)
    assert np.abs(inr_to_world(made, read) - world).max() < 1e-9
    assert np.abs(world_to_inr(world, read) - made).max() < 1e-9
