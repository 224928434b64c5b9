"""Slice models: profiles against analytic ones, geometry against SimpleITK, votes by brute force."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from pycemrg_augment.transforms import slices
from sample_images import make, rotation
from scipy.special import ndtr

from pycemrg_core import AugmentationError

RNG = np.random.default_rng(11)


def values(made: sitk.Image) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = sitk.GetArrayFromImage(made)
    return array


def corners(image: sitk.Image) -> np.ndarray[Any, Any]:
    ends = [(-0.5, size - 0.5) for size in image.GetSize()]
    return np.array([image.TransformContinuousIndexToPhysicalPoint(index) for index in product(*ends)])


def column(profile: list[float] | np.ndarray[Any, Any], spacing: float) -> sitk.Image:
    """An image that changes along z only."""
    array = np.broadcast_to(np.asarray(profile, np.float64)[:, None, None], (len(profile), 3, 3))
    image = sitk.GetImageFromArray(np.ascontiguousarray(array))
    image.SetSpacing((1, 1, spacing))
    return image


@pytest.mark.parametrize("profile", ["gaussian", "box"])
@pytest.mark.parametrize("spacing", [(0.6, 1.4, 1.0), (0.3, 0.7, 0.77), (1.1, 0.9, 3.0), (10, 10, 10)])
def test_corners_and_direction_are_kept_on_an_oblique_image(spacing: tuple[float, ...], profile: Any) -> None:
    image = make()
    for made in (
        slices.downsample_volume(image, spacing, profile),
        slices.downsample_labels(image, spacing, "majority"),
        slices.downsample_labels(image, spacing, "nearest"),
    ):
        np.testing.assert_allclose(corners(made), corners(image), rtol=0, atol=1e-9)
        np.testing.assert_allclose(made.GetDirection(), image.GetDirection(), atol=1e-12)
        assert made.GetSize() == tuple(
            max(1, round(n * old / new))
            for n, old, new in zip(image.GetSize(), image.GetSpacing(), spacing, strict=True)
        )


@pytest.mark.parametrize("spacing", [(0.6, 1.4, 1.0), (0.4, 0.9, 0.8)])
def test_a_box_keeps_the_mean_and_a_gaussian_keeps_a_constant(spacing: tuple[float, ...]) -> None:
    array = RNG.random((12, 13, 14))
    assert values(slices.downsample_volume(make(array), spacing, "box")).mean() == pytest.approx(
        array.mean(), rel=1e-12
    )
    constant = values(slices.downsample_volume(make(np.full((12, 13, 14), 0.37)), spacing))
    np.testing.assert_allclose(constant, 0.37, rtol=1e-12)


def test_a_box_of_whole_voxels_is_the_mean_of_blocks() -> None:
    array = RNG.random((12, 8, 6)).astype(np.float32)
    image = sitk.GetImageFromArray(array)
    made = values(slices.downsample_volume(image, (3, 2, 4), "box"))
    np.testing.assert_allclose(made, array.reshape(3, 4, 4, 2, 2, 3).mean(axis=(1, 3, 5)), rtol=1e-6)
    assert made.dtype == np.float32


def test_a_step_comes_out_as_the_integral_of_the_gaussian() -> None:
    thin, thick, edge = 0.25, 4.0, 30.0
    image = column((np.arange(240) * thin >= edge).astype(float), thin)
    made = slices.downsample_volume(image, (1, 1, thick))
    centres = (np.arange(15) + 0.5) * thick
    # The full width at half maximum of exp(-x^2 / 2 s^2) is 2 sqrt(2 ln 2) s.
    expected = ndtr((centres - edge) / (thick / (2 * np.sqrt(2 * np.log(2)))))
    np.testing.assert_allclose(values(made)[:, 1, 1], expected, atol=1e-9)


def test_a_thin_sheet_comes_out_as_the_gaussian() -> None:
    thin, thick = 0.1, 3.0
    profile = np.zeros(600)
    profile[300] = 1
    made = values(slices.downsample_volume(column(profile, thin), (1, 1, thick)))[:, 1, 1]
    sigma = thick / 2.3548200450309493
    distance = (np.arange(20) + 0.5) * thick - 300.5 * thin
    expected = thin * np.exp(-(distance**2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))
    near = np.abs(distance) < thick
    # A sheet t thick is blurred by t^2 / 24 times the second derivative: 0.12% of the value at 3 mm.
    np.testing.assert_allclose(made[near], expected[near], rtol=1.5e-3)


def test_axes_that_hold_the_spacing_are_left_alone() -> None:
    array = RNG.random((12, 13, 14))
    image = make(array)
    made = slices.downsample_volume(image, image.GetSpacing())
    np.testing.assert_array_equal(values(made), array)


def brute_majority(array: np.ndarray[Any, Any], counts: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Each fine voxel cut into pieces that lie in one coarse voxel; all whole numbers, so that ties are exact."""
    fine = array
    for axis, count in enumerate(counts):
        fine = np.repeat(fine, count, axis)  # then each coarse voxel is array.shape[axis] pieces wide
    winner = np.zeros(counts, array.dtype)
    for place in product(*map(range, counts)):
        box = tuple(slice(i * n, (i + 1) * n) for i, n in zip(place, array.shape, strict=True))
        found, votes = np.unique(fine[box], return_counts=True)
        winner[place] = found[votes.argmax()]  # the first of equal ones is the smallest
    return winner


@pytest.mark.slow
@settings(max_examples=25)
@given(st.tuples(*[st.integers(1, 6)] * 3), st.data())
def test_the_majority_is_that_of_brute_force_and_no_label_is_new(shape: tuple[int, ...], data: Any) -> None:
    counts = tuple(data.draw(st.integers(1, n)) for n in shape)
    seed = data.draw(st.integers(0, 10**6))
    array = np.random.default_rng(seed).choice([0, 3, 7, 500], shape).astype(np.uint16)
    spacing = [n / count for n, count in zip(reversed(shape), reversed(counts), strict=True)]
    image = sitk.GetImageFromArray(array)
    made = values(slices.downsample_labels(image, spacing, "majority"))
    np.testing.assert_array_equal(made, brute_majority(array, counts))
    nearest = values(slices.downsample_labels(image, spacing, "nearest"))
    assert set(np.unique(nearest)) <= set(np.unique(array))
    assert made.dtype == nearest.dtype == np.uint16


@pytest.mark.slow
@settings(max_examples=25)
@given(st.integers(4, 12), st.integers(2, 4), st.integers(0, 10**6), st.data())
def test_the_majority_of_a_shifted_stack_is_that_of_brute_force(size: int, thick: int, seed: int, data: Any) -> None:
    """Labels differ from slice to slice, so that some lie beside the stack altogether."""
    first = data.draw(st.integers(0, size - thick))
    rng = np.random.default_rng(seed)
    array = (rng.integers(0, 2, (size, 3, 4)) * (1 + np.arange(size) // 2)[:, None, None]).astype(np.uint8)
    made = slices.shifted_label_slices(sitk.GetImageFromArray(array), thick, first, "majority")
    count = (size - first) // thick
    inside = array[first : first + count * thick]
    np.testing.assert_array_equal(values(made), brute_majority(inside, (count, 3, 4)))


def test_nearest_is_the_label_at_the_centre() -> None:
    image = make(RNG.integers(0, 9, (12, 9, 15)).astype(np.uint8))
    made = slices.downsample_labels(image, (0.9, 2.1, 1.0), "nearest")
    assert made.GetSize() == (5, 3, 4)  # three by three by three voxels, whose centre is a voxel's
    for index in np.ndindex(5, 3, 4):
        point = made.TransformIndexToPhysicalPoint(index)
        there = image.TransformPhysicalPointToIndex(point)
        assert made[index] == image[there]


@pytest.mark.slow(every=3)
@pytest.mark.parametrize(("thickness", "count"), [(1.0, 3), (0.8, 4), (2 / 3, 2), (1.5, 1)])
def test_shifted_stacks_start_along_the_slice_direction(thickness: float, count: int) -> None:
    image = make()
    fine = image.GetSpacing()[2]
    stacks = slices.create_slice_shifted_volumes(image, thickness, count)
    labels = slices.create_slice_shifted_labels(image, thickness, count)
    assert len(stacks) == len(labels) == count
    assert len({stack.GetSize() for stack in stacks}) == 1
    for number, (stack, label_stack) in enumerate(zip(stacks, labels, strict=True)):
        # The lower edge of the first slice, in voxels of the image, then half a slice to its centre.
        centre = number * thickness / count / fine + thickness / fine / 2 - 0.5
        expected = image.TransformContinuousIndexToPhysicalPoint((0, 0, centre))
        np.testing.assert_allclose(stack.GetOrigin(), expected, rtol=0, atol=1e-9)
        np.testing.assert_allclose(stack.GetSpacing(), (*image.GetSpacing()[:2], thickness), atol=1e-12)
        np.testing.assert_allclose(label_stack.GetOrigin(), stack.GetOrigin(), atol=1e-12)
        assert label_stack.GetSize() == stack.GetSize()
        assert corners(stack)[:, 0].size == 8
        last = image.TransformPhysicalPointToContinuousIndex(corners(stack)[-1])[2]
        assert last <= image.GetSize()[2] - 0.5 + 1e-6  # no slice reaches beyond the image
    if count > 1:
        step = np.subtract(stacks[1].GetOrigin(), stacks[0].GetOrigin())
        along = np.reshape(image.GetDirection(), (3, 3))[:, 2] * thickness / count
        np.testing.assert_allclose(step, along, atol=1e-9)
        assert abs(step[0]) > 1e-3  # the test image is oblique: world z alone would be wrong


def test_the_same_place_has_the_same_value_in_every_stack() -> None:
    """A ramp along the slice direction stays what it is wherever the slices begin."""
    image = sitk.GetImageFromArray(np.zeros((40, 6, 6)))
    image.SetSpacing((1, 1, 0.5))
    image.SetDirection(rotation(0.4, 0.3, -0.2))
    along = np.reshape(image.GetDirection(), (3, 3))[:, 2]
    ramp = np.broadcast_to((np.arange(40) * 0.5)[:, None, None], (40, 6, 6))
    ramp_image = sitk.GetImageFromArray(np.ascontiguousarray(ramp))
    ramp_image.CopyInformation(image)
    for stack in slices.create_slice_shifted_volumes(ramp_image, 2.0, 4, "box"):
        for z in range(stack.GetSize()[2]):
            point = np.array(stack.TransformIndexToPhysicalPoint((2, 2, z)))
            assert values(stack)[z, 2, 2] == pytest.approx(point @ along, abs=1e-9)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda: slices.downsample_volume(make(), (0.2, 1, 1)),
            "downsample: 0.2 mm along x is finer than the image (0.3",
        ),
        (
            lambda: slices.downsample_volume(make(), (1, 1, 1), "sinc"),
            "no slice profile is called 'sinc'; give 'gaussian'",
        ),
        (
            lambda: slices.downsample_labels(make(), (1, 1, 1), "mean"),
            "no vote is called 'mean'; give 'majority' or 'nearest'",
        ),
        (
            lambda: slices.downsample_labels(make(np.zeros((2, 2, 2), np.float32)), (1, 1, 1)),
            "a label map must hold integers, not float32",
        ),
        (
            lambda: slices.create_slice_shifted_volumes(make(), 0.3, 2),
            "slice shift: slices of 0.3 mm are not thicker than",
        ),
        (lambda: slices.create_slice_shifted_volumes(make(), 3, 3), "slice shift: no slice of 3 mm fits into the 4 mm"),
        (lambda: slices.create_slice_shifted_volumes(make(), 1, 0), "slice shift: 0 stacks; give 1 or more"),
    ],
)
def test_refusals(call: Any, said: str) -> None:
    with pytest.raises(AugmentationError) as caught:
        call()
    assert str(caught.value).startswith(said)
