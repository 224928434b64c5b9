"""Resampling, patches, padding and flips: voxels keep their place, and labels stay with the image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from pycemrg_augment.catalogued import space
from pycemrg_augment.transforms import moving, patches, resampling
from sample_images import VOXELS, make

from pycemrg_core import AugmentationError
from pycemrg_core.api import Sample

RNG = np.random.default_rng(4)


def values(made: sitk.Image) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = sitk.GetArrayFromImage(made)
    return array


def there(image: sitk.Image, made: sitk.Image, index: tuple[int, ...]) -> tuple[int, ...]:
    """The voxel of ``image`` at the place of a voxel of ``made``, not cut at the border."""
    at = image.TransformPhysicalPointToContinuousIndex(made.TransformIndexToPhysicalPoint(index))
    np.testing.assert_allclose(at, np.rint(at), atol=1e-6)
    return tuple(round(one) for one in at)


def assert_in_place(image: sitk.Image, made: sitk.Image, background: float) -> None:
    """Every voxel has the value of the image at its place in space, or the background outside it."""
    inside = 0
    for z, y, x in np.ndindex(values(made).shape):
        at = there(image, made, (x, y, z))
        if all(0 <= one < size for one, size in zip(at, image.GetSize(), strict=True)):
            assert made[x, y, z] == image[at]
            inside += 1
        else:
            assert made[x, y, z] == background
    assert inside


@pytest.mark.slow
@settings(max_examples=20)
@given(st.tuples(*[st.integers(-4, 9)] * 3), st.tuples(*[st.integers(5, 8)] * 3))
def test_a_crop_keeps_every_voxel_in_place(start: tuple[int, ...], size: tuple[int, ...]) -> None:
    image = make()
    made = patches.crop(image, start, size, 99)
    assert made.GetSize() == size
    assert_in_place(image, made, 99)


def test_a_crop_beside_the_image_is_background() -> None:
    made = patches.crop(make(), (50, 0, -20), (3, 4, 5), 7)
    assert made.GetSize() == (3, 4, 5)
    assert (values(made) == 7).all()


def test_padding_is_that_of_simpleitk() -> None:
    image = make()
    made = patches.pad(image, (1, 0, 3), (2, 5, 0), 200)
    expected = sitk.ConstantPad(image, (1, 0, 3), (2, 5, 0), 200)
    np.testing.assert_array_equal(values(made), values(expected))
    np.testing.assert_allclose(made.GetOrigin(), expected.GetOrigin(), atol=1e-9)
    with pytest.raises(AugmentationError, match=r"pad: \[-1, 0, 0\] and \[0, 0, 0\] voxels; give 0 or more"):
        patches.pad(image, (-1, 0, 0), (0, 0, 0))


@pytest.mark.slow
def test_patches_pad_images_with_their_smallest_value_and_labels_with_0() -> None:
    scan = make((VOXELS.astype(np.float32) + 5) / 50)
    sample = Sample(image=scan, labels=make(VOXELS + np.uint8(1)))
    patch, start = patches.centre_patch(sample, (20, 5, 12))
    assert patch.image is not None
    assert patch.labels is not None
    assert start == (-3, 4, 0)  # (14 - 20) / 2, (13 - 5) / 2, (12 - 12) / 2
    assert_in_place(scan, patch.image, values(scan).min())
    assert sample.labels is not None
    assert_in_place(sample.labels, patch.labels, 0)


@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize("size", [(9, 12, 8), (30, 4, 17)])
def test_patches_repeat_voxels_as_numpy_does(mode: Any, size: tuple[int, ...]) -> None:
    """Image and labels in the same way; also where the padding is wider than the image."""
    image = make()
    labels = sitk.Cast(image > 9, sitk.sitkUInt8)
    made, start = patches.centre_patch(Sample(image=image, labels=labels), size, patches.Padding(mode))
    before = [max(-first, 0) for first in reversed(start)]
    after = [max(f + n - k, 0) for f, n, k in zip(reversed(start), reversed(size), VOXELS.shape, strict=True)]
    wide = np.pad(VOXELS, list(zip(before, after, strict=True)), mode=mode)
    cut = tuple(slice(max(f, 0), max(f, 0) + n) for f, n in zip(reversed(start), reversed(size), strict=True))
    assert made.image is not None
    assert made.labels is not None
    np.testing.assert_array_equal(values(made.image), wide[cut])
    np.testing.assert_array_equal(values(made.labels), wide[cut] > 9)
    assert there(image, made.image, (0, 0, 0)) == start


def test_a_patch_can_be_padded_with_a_value() -> None:
    image = make(VOXELS.astype(np.float32))
    made, _ = patches.random_patch(Sample(image=image), RNG, (30, 4, 4), patches.Padding(value=-7.5))
    assert made.image is not None
    assert (values(made.image)[:, :, [0, -1]] == -7.5).all()
    same, _ = patches.random_patch(Sample(image=image), RNG, (4, 4, 4), patches.Padding(value=-7.5))
    assert same.image is not None
    assert values(same.image).min() >= VOXELS.min()
    with pytest.raises(AugmentationError, match="padding 'edge' has no value; leave out 3 or the mode"):
        patches.Padding("edge", 3)


def test_random_patches_reach_every_place() -> None:
    rng = np.random.default_rng(0)
    sample = Sample(labels=make())
    starts = np.array([patches.random_patch(sample, rng, (12, 13, 20))[1] for _ in range(200)])
    # 14 - 12 leaves the starts 0, 1, 2; 13 - 13 leaves 0; 12 is padded to 20, four on each side.
    assert [set(column) for column in starts.T.tolist()] == [{0, 1, 2}, {0}, {-4}]


@pytest.mark.slow
@pytest.mark.parametrize("axes", [(True, False, False), (False, True, True), (True, True, True), (False,) * 3])
def test_a_flip_turns_the_array_and_leaves_the_body(axes: tuple[bool, ...]) -> None:
    image = make()
    made = moving.flip(image, axes)
    turned = [2 - number for number, one in enumerate(axes) if one]
    np.testing.assert_array_equal(values(made), np.flip(VOXELS, turned))
    assert_in_place(image, made, 0)
    back = moving.flip(made, axes)
    np.testing.assert_allclose(back.GetOrigin(), image.GetOrigin(), atol=1e-9)
    np.testing.assert_allclose(back.GetDirection(), image.GetDirection(), atol=1e-12)


@pytest.mark.parametrize("spacing", [0.6, 0.29])
def test_voxels_in_the_middle_between_two_take_the_same_side_everywhere(spacing: float) -> None:
    """Twice as wide, each new centre lies between two voxels; rounding of an oblique direction must not choose."""
    labels = RNG.integers(0, 50, (12, 14, 16), np.int16)
    oblique, straight = make(labels), sitk.GetImageFromArray(labels)
    for image in (oblique, straight):
        image.SetSpacing((0.3, 0.3, 0.3))
    made = values(resampling.isotropic_labels(oblique, spacing))
    np.testing.assert_array_equal(made, values(resampling.isotropic_labels(straight, spacing)))
    if spacing == 0.6:
        np.testing.assert_array_equal(made, labels[1::2, 1::2, 1::2])


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("spacing", [0.25, 0.5, 0.61])
def test_isotropic_voxels_fill_the_same_corners(spacing: float) -> None:
    image = make()
    for made in (
        resampling.isotropic_volume(image, spacing),
        resampling.isotropic_labels(image, spacing),
        resampling.isotropic_labels(image, spacing, smooth=True),
    ):
        for low, high in (
            ((-0.5,) * 3, (-0.5,) * 3),
            (np.array(image.GetSize()) - 0.5, np.array(made.GetSize()) - 0.5),
        ):
            before = image.TransformContinuousIndexToPhysicalPoint([float(one) for one in low])
            after = made.TransformContinuousIndexToPhysicalPoint([float(one) for one in high])
            np.testing.assert_allclose(after, before, atol=1e-9)
        # The extent is 4 to 9 mm, so a whole number of voxels of about 0.5 mm is within a tenth of it.
        np.testing.assert_allclose(made.GetSpacing(), spacing, rtol=0.1)


def test_linear_interpolation_of_a_ramp_is_the_ramp() -> None:
    z, y, x = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in (9, 10, 11)), indexing="ij")
    image = make(2 * x - 3 * y + z)
    made = resampling.isotropic_volume(image, 0.29)
    for place in [(5, 8, 4), (8, 15, 6), (3, 11, 7)]:
        i, j, k = image.TransformPhysicalPointToContinuousIndex(made.TransformIndexToPhysicalPoint(place))
        assert made[place] == pytest.approx(2 * i - 3 * j + k, abs=1e-4)


@pytest.mark.slow
@settings(max_examples=15)
@given(st.integers(0, 10**6), st.floats(0.2, 1.5), st.booleans())
def test_resampled_labels_are_never_new(seed: int, spacing: float, smooth: bool) -> None:
    array = np.random.default_rng(seed).choice([0, 2, 9, 300], (5, 6, 7)).astype(np.uint16)
    made = resampling.isotropic_labels(make(array), spacing, smooth=smooth)
    assert made.GetPixelID() == sitk.sitkUInt16
    assert set(np.unique(values(made))) <= set(np.unique(array))


def test_a_smooth_vote_rounds_a_stair() -> None:
    """Half-way between two thick slices the vote moves the edge of a slope half-way, the nearest does not."""
    array = np.zeros((2, 1, 9), np.uint8)
    array[0, :, :3] = 1
    array[1, :, :7] = 1
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((1, 1, 5))
    smooth = values(resampling.isotropic_labels(image, 1.0, smooth=True))[:, 0].sum(axis=1)
    stairs = values(resampling.isotropic_labels(image, 1.0))[:, 0].sum(axis=1)
    assert set(stairs.tolist()) == {3, 7}
    assert smooth.tolist() == sorted(smooth.tolist())
    share = sitk.Resample(
        sitk.Cast(image, sitk.sitkFloat64), (9, 1, 10), sitk.Transform(), sitk.sitkLinear, (0, 0, -2), (1, 1, 1)
    )
    np.testing.assert_array_equal(smooth, (values(share) > 0.5 + 1e-9)[:, 0].sum(axis=1))


MOVES: dict[str, Callable[[Sample, np.random.Generator], Any]] = {
    "downsample": lambda sample, rng: space.downsample(sample, rng, (0.6, 1.4, 0.7), "box", "nearest"),
    "slice_shift": lambda sample, rng: space.slice_shift(sample, rng, (0.7, 1.4), "box", "nearest"),
    "isotropic": lambda sample, rng: space.isotropic(sample, rng, 0.31),
    "centre_patch": lambda sample, rng: space.centre_patch(sample, rng, (5, 6, 20)),
    "random_patch": lambda sample, rng: space.random_patch(sample, rng, (5, 6, 7)),
    "flip": lambda sample, rng: space.flip(sample, rng),
}


@pytest.mark.parametrize("name", MOVES)
def test_image_and_labels_move_together(name: str) -> None:
    """The label map is pushed through as the image too: where the image is purely one label, so are the labels."""
    z, y, x = np.indices((12, 13, 14))
    blocks = ((z // 4 + y // 5 + x // 5) % 2).astype(np.uint8)
    sample = Sample(image=make(blocks.astype(np.float32)), labels=make(blocks))
    made, _ = MOVES[name](sample, np.random.default_rng(8))
    image, labels = values(made.image), values(made.labels)
    np.testing.assert_allclose(made.image.GetOrigin(), made.labels.GetOrigin(), atol=1e-9)
    np.testing.assert_allclose(made.image.GetSpacing(), made.labels.GetSpacing(), atol=1e-12)
    pure = np.isclose(image, np.rint(image), rtol=0, atol=1e-6)
    assert pure.mean() > 0.2
    np.testing.assert_array_equal(np.rint(image[pure]), labels[pure])
    assert set(labels[pure].tolist()) == {0, 1}


def test_refusals() -> None:
    with pytest.raises(AugmentationError, match=r"patch: the size is \[4, 0, 4\]; give three positive numbers"):
        patches.centre_patch(Sample(labels=make()), (4, 0, 4))
    with pytest.raises(AugmentationError, match="the sample has neither image nor labels; give one of them"):
        patches.centre_patch(Sample(), (4, 4, 4))
    with pytest.raises(AugmentationError, match="isotropic: the spacing is 0 mm; give a positive number"):
        resampling.isotropic_volume(make(), 0)
