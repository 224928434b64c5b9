"""Sampling against SimpleITK's interpolators, on random oblique images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from pycemrg_spatial.geometry import point_to_index
from pycemrg_spatial.queries import nearest_label, vertices_within
from pycemrg_spatial.sampling import sample_label, sample_linear, sample_nearest
from spatial_shapes import itk_points, label_maps, oblique

from pycemrg_core import ImageError

SEEDS = st.integers(0, 2**32 - 1)


def around(image: sitk.Image, seed: int, count: int = 60) -> np.ndarray:
    """Points in and round the image."""
    size = np.array(image.GetSize())
    return itk_points(image, np.random.default_rng(seed).uniform(-1.2, size + 0.2, (count, 3)))


def itk_values(image: sitk.Image, points: np.ndarray, interpolator: int) -> list[float | None]:
    """What SimpleITK gives; None where it refuses the point as outside."""
    values: list[float | None] = []
    for point in points.tolist():
        try:
            values.append(float(image.EvaluateAtPhysicalPoint(point, interpolator)))
        except RuntimeError:
            values.append(None)
    return values


@pytest.mark.slow
@given(label_maps(), SEEDS)
def test_nearest_and_linear_are_simpleitks(image: sitk.Image, seed: int) -> None:
    points = around(image, seed)
    nearest, linear = sample_nearest(image, points, 99), sample_linear(image, points)
    expected = itk_values(image, points, sitk.sitkNearestNeighbor)
    assert nearest.outside.tolist() == linear.outside.tolist() == [value is None for value in expected]
    assert nearest.values.tolist() == [99 if value is None else value for value in expected]
    smooth = np.array(itk_values(image, points, sitk.sitkLinear), float)  # None becomes NaN
    np.testing.assert_allclose(linear.values, smooth, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_a_whole_grid_is_what_the_resample_filter_makes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = oblique(rng.normal(size=(9, 8, 7)), seed)
    grid = oblique(np.zeros((6, 7, 8)), seed + 10)
    centre = image.TransformContinuousIndexToPhysicalPoint([3, 3.5, 4])
    middle = np.array(grid.TransformContinuousIndexToPhysicalPoint([3.5, 3, 2.5]))
    grid.SetOrigin((np.array(grid.GetOrigin()) + centre - middle).tolist())
    points = itk_points(grid, np.argwhere(np.ones((6, 7, 8)))[:, ::-1].astype(float))
    for function, interpolator in ((sample_nearest, sitk.sitkNearestNeighbor), (sample_linear, sitk.sitkLinear)):
        expected = sitk.GetArrayFromImage(sitk.Resample(image, grid, sitk.Transform(), interpolator, -7.0)).ravel()
        found = function(image, points, -7.0).values
        assert (expected != -7).sum() > 30
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_on_the_face_between_two_voxels_the_larger_index_wins() -> None:
    image = sitk.GetImageFromArray(np.arange(4, dtype=np.uint8).reshape(1, 1, 4))
    points = [(x, 0, 0) for x in (-0.5, 0.5, 1.5, 2.5)]
    assert sample_nearest(image, points).values.tolist() == [0, 1, 2, 3]
    assert itk_values(image, np.array(points), sitk.sitkNearestNeighbor) == [0, 1, 2, 3]


def brute_label(image: sitk.Image, point: list[float]) -> tuple[int, set[int]]:
    """The label of largest weight, smallest on ties, and all labels of the eight neighbours."""
    index = np.array(image.TransformPhysicalPointToContinuousIndex(point))
    index = np.clip(index, 0, np.array(image.GetSize()) - 1)
    weights: dict[int, float] = {}
    for corner in np.ndindex(2, 2, 2):
        at = np.minimum(np.floor(index).astype(int) + corner, np.array(image.GetSize()) - 1)
        part = index - np.floor(index)
        weight = float(np.prod(np.where(corner, part, 1 - part)))
        label = image[at.tolist()]
        weights[label] = weights.get(label, 0) + weight
    best = max(weights.values())
    return min(label for label, weight in weights.items() if weight > best - 1e-9), set(weights)


@pytest.mark.slow
@given(label_maps(), SEEDS)
def test_label_is_the_heaviest_of_the_eight_neighbours(image: sitk.Image, seed: int) -> None:
    points = around(image, seed, 30)
    sampled = sample_label(image, points, 200)
    for point, value, outside in zip(points.tolist(), sampled.values, sampled.outside, strict=True):
        expected, neighbours = brute_label(image, point)
        assert value == (200 if outside else expected)
        assert outside or value in neighbours


@pytest.mark.slow
@given(label_maps(), SEEDS)
def test_label_is_itks_own_label_interpolator(image: sitk.Image, seed: int) -> None:
    points = around(image, seed, 30)
    expected = itk_values(image, points, sitk.sitkLabelLinear)
    sampled = sample_label(image, points)
    assert sampled.values.tolist() == [0 if value is None else value for value in expected]


def test_of_labels_with_the_same_weight_the_smallest() -> None:
    image = sitk.GetImageFromArray(np.array([[[7, 3]]], np.uint8))
    assert sample_label(image, [(0.5, 0, 0), (0.4, 0, 0), (0.6, 0, 0)]).values.tolist() == [3, 7, 3]


def test_rounding_decides_no_tie() -> None:
    image = sitk.GetImageFromArray(np.array([[[9, 3], [7, 3]]], np.uint8))
    # At (f, f / (1 - f)) label 3 weighs f, label 7 (1 - f) * f / (1 - f), and label 9 the rest, which is less.
    f = np.random.default_rng(0).uniform(0.35, 0.49, 500)
    points = np.stack([f, f / (1 - f), np.zeros(500)], axis=1)
    assert set(sample_label(image, points).values.tolist()) == {3}


def test_the_type_holds_the_value_outside() -> None:
    image = sitk.Image([2, 2, 2], sitk.sitkUInt8)
    far = [(9.0, 9.0, 9.0)]
    assert sample_nearest(image, far).values.dtype == np.uint8
    assert sample_nearest(image, far, -1).values.tolist() == [-1]
    assert np.isnan(sample_linear(image, far).values).all()


def test_points_have_three_coordinates() -> None:
    with pytest.raises(ValueError, match=r"points have the shape \(3,\); give an \(n, 3\) array of x, y, z in mm"):
        sample_nearest(sitk.Image([2, 2, 2], sitk.sitkUInt8), [1, 2, 3])


def test_the_input_stays_as_it_is() -> None:
    image = oblique(np.arange(27, dtype=np.int16).reshape(3, 3, 3), 1)
    points = around(image, 1)
    before = points.copy(), sitk.GetArrayFromImage(image)
    for function in (sample_nearest, sample_linear, sample_label):
        function(image, points)
    assert (points == before[0]).all()
    assert (sitk.GetArrayFromImage(image) == before[1]).all()


@pytest.mark.slow
@given(label_maps(), SEEDS)
def test_the_nearest_label_by_brute_force(image: sitk.Image, seed: int) -> None:
    points = around(image, seed, 25)
    array = sitk.GetArrayFromImage(image)
    places = np.argwhere(array)
    centres, labels = itk_points(image, places[:, ::-1].astype(float)), array[tuple(places.T)]
    distances = np.linalg.norm(points[:, None] - centres[None], axis=2)
    found, distance = nearest_label(points, image)
    np.testing.assert_allclose(distance, distances.min(axis=1), atol=1e-8)
    expected = [labels[row <= row.min() + 1e-9].min() for row in distances]
    assert found.tolist() == expected


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
def test_equally_near_labels_give_the_smallest(seed: int) -> None:
    rng = np.random.default_rng(seed)
    array = rng.integers(0, 4, (4, 4, 4)).astype(np.uint8)
    array[0, 0, 0] = 1
    image = sitk.GetImageFromArray(array)
    # Half steps lie exactly between voxel centres.
    points = rng.integers(-2, 10, (40, 3)) / 2
    places = np.argwhere(array)
    squared = ((2 * points[:, None] - 2 * places[None, :, ::-1]) ** 2).sum(axis=2)
    expected = [array[tuple(places[row == row.min()].T)].min() for row in squared]
    assert nearest_label(points, image)[0].tolist() == expected


def test_an_empty_map_has_no_nearest_label() -> None:
    with pytest.raises(ImageError, match=r"the label map is empty, every voxel is 0 \(background\)"):
        nearest_label([(0, 0, 0)], sitk.Image([2, 2, 2], sitk.sitkUInt8))


@pytest.mark.slow
@given(label_maps(), SEEDS, st.integers(0, 4))
def test_vertices_within_a_label(image: sitk.Image, seed: int, label: int) -> None:
    points = around(image, seed)
    expected = itk_values(image, points, sitk.sitkNearestNeighbor)
    assert vertices_within(points, image, label).tolist() == [value == label for value in expected]


def test_an_image_can_be_a_path(tmp_path: Path) -> None:
    image = oblique(np.arange(24, dtype=np.uint8).reshape(2, 3, 4), 3)
    path = tmp_path / "image.nrrd"
    sitk.WriteImage(image, str(path))
    points = around(image, 3)
    for sample in (sample_label, sample_linear, sample_nearest):
        np.testing.assert_allclose(sample(path, points).values, sample(image, points).values, atol=1e-6)
    assert (vertices_within(points, str(path), 5) == vertices_within(points, image, 5)).all()
    assert (nearest_label(points, path)[0] == nearest_label(points, image)[0]).all()
    np.testing.assert_allclose(point_to_index(path, points), point_to_index(image, points), atol=1e-6)
