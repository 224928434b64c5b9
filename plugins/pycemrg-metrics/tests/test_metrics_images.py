"""Image quality: identical images, hand-computed values, scikit-image and SimpleITK as second opinions."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from pycemrg_metrics import images
from skimage import metrics as skimage_metrics

from pycemrg_core import MetricError
from pycemrg_core.api import ImagePair

DATA = Path(__file__).resolve().parents[3] / "tests" / "data"
SPACING = (2.5, 1.0, 0.5)
RNG = np.random.default_rng(1)
REFERENCE = RNG.normal(100, 20, (11, 12, 13))
PREDICTION = REFERENCE + RNG.normal(0, 5, REFERENCE.shape)
MASK = RNG.random(REFERENCE.shape) < 0.3
GRADIENTS = ("gradient_error", "gradient_error_z", "gradient_error_y", "gradient_error_x")


def pair(prediction: Any = PREDICTION, reference: Any = REFERENCE, mask: Any = None) -> ImagePair:
    return ImagePair(prediction, reference, SPACING, float(np.ptp(REFERENCE)), mask)


@pytest.mark.parametrize("mask", [None, MASK])
def test_identical_images(mask: Any) -> None:
    same = pair(REFERENCE, REFERENCE.copy(), mask)
    assert images.mse(same) == 0
    assert images.psnr(same) == math.inf
    assert images.ssim(same, 7) == pytest.approx(1)
    for name in GRADIENTS:
        assert getattr(images, name)(same) == 0


def test_as_in_scikit_image() -> None:
    data_range = float(np.ptp(REFERENCE))
    assert images.mse(pair()) == pytest.approx(skimage_metrics.mean_squared_error(REFERENCE, PREDICTION))
    assert images.psnr(pair()) == pytest.approx(
        skimage_metrics.peak_signal_noise_ratio(REFERENCE, PREDICTION, data_range=data_range)
    )


@pytest.mark.parametrize("window", [3, 7])
def test_ssim_by_its_definition(window: int) -> None:
    """Wang et al. 2004, equation 13, window by window, with sample variances."""
    data_range = float(np.ptp(REFERENCE))
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    values = np.full(REFERENCE.shape, np.nan)
    half = window // 2
    for centre in np.ndindex(*(size - window + 1 for size in REFERENCE.shape)):
        box = tuple(slice(start, start + window) for start in centre)
        x, y = REFERENCE[box].ravel(), PREDICTION[box].ravel()
        (vx, cov), (_, vy) = np.cov(x, y)
        values[tuple(start + half for start in centre)] = (
            (2 * x.mean() * y.mean() + c1) * (2 * cov + c2) / ((x.mean() ** 2 + y.mean() ** 2 + c1) * (vx + vy + c2))
        )
    assert images.ssim(pair(), window) == pytest.approx(np.nanmean(values))
    inside = MASK & ~np.isnan(values)
    assert images.ssim(pair(mask=inside), window) == pytest.approx(values[inside].mean())


@pytest.mark.parametrize("sigma", [0.6, 1.1])
def test_ssim_with_gaussian_weights_by_its_definition(sigma: float) -> None:
    """Wang et al. 2004, equations 13 to 16, voxel by voxel, with weights that end at 3.5 sigma."""
    data_range = float(np.ptp(REFERENCE))
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    half = int(3.5 * sigma + 0.5)
    line = np.exp(-(np.arange(-half, half + 1) ** 2) / (2 * sigma**2))
    weights = line[:, None, None] * line[:, None] * line
    weights /= weights.sum()
    values = np.full(REFERENCE.shape, np.nan)
    for centre in np.ndindex(*(size - 2 * half for size in REFERENCE.shape)):
        box = tuple(slice(start, start + 2 * half + 1) for start in centre)
        x, y = REFERENCE[box], PREDICTION[box]
        mx, my = (weights * x).sum(), (weights * y).sum()
        vx, vy = (weights * (x - mx) ** 2).sum(), (weights * (y - my) ** 2).sum()
        cov = (weights * (x - mx) * (y - my)).sum()
        values[tuple(start + half for start in centre)] = (
            (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
        )
    assert images.ssim_gaussian(pair(), sigma) == pytest.approx(np.nanmean(values))
    inside = MASK & ~np.isnan(values)
    assert images.ssim_gaussian(pair(mask=inside), sigma) == pytest.approx(values[inside].mean())


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.inf, math.nan])
def test_gaussian_weights_have_a_width(sigma: float) -> None:
    with pytest.raises(MetricError, match=r"sigma is .*; give a positive number of voxels"):
        images.ssim_gaussian(pair(), sigma)


def test_gaussian_weights_fit_into_the_image() -> None:
    assert images.ssim_gaussian(pair(REFERENCE, REFERENCE.copy()), 1.5) == pytest.approx(1)
    text = r"the image \(13 x 12 x 11 voxels\) is smaller than the weights, 15 voxels wide"
    with pytest.raises(MetricError, match=text):
        images.ssim_gaussian(pair(), 2.0)


def test_ramps_by_hand() -> None:
    z, y, x = np.meshgrid(*(np.arange(n) * s for n, s in zip((5, 6, 7), SPACING, strict=True)), indexing="ij")
    # Slopes of 3, -4 and 12 per mm too much: 13 together.
    ramps = ImagePair(3 * z - 4 * y + 12 * x, np.zeros_like(x), SPACING, 1.0)
    assert images.gradient_error_z(ramps) == pytest.approx(3)
    assert images.gradient_error_y(ramps) == pytest.approx(4)
    assert images.gradient_error_x(ramps) == pytest.approx(12)
    assert images.gradient_error(ramps) == pytest.approx(13)


@pytest.mark.parametrize("slab", [1, 3 * 12 * 13, 10**9], ids=["thin", "some", "whole"])
@pytest.mark.parametrize("depth", [7, 8, 11, 40])
@pytest.mark.parametrize("masked", [False, True])
def test_slabs_are_as_good_as_the_whole(monkeypatch: pytest.MonkeyPatch, slab: int, depth: int, masked: bool) -> None:
    """What scikit-image and numpy say of the whole images, whether or not a window fits into a slab."""
    monkeypatch.setattr(images, "_SLAB", slab)
    rng = np.random.default_rng(depth)
    reference = rng.normal(100, 20, (depth, 12, 13))
    prediction = reference + rng.normal(0, 5, reference.shape)
    mask = rng.random(reference.shape) < 0.3 if masked else None
    if mask is not None:
        mask[1:4] = False
    given = ImagePair(prediction, reference, SPACING, 150.0, mask)

    def expected(**options: Any) -> float:
        compute: Any = skimage_metrics.structural_similarity
        mean, every = compute(reference, prediction, data_range=150.0, full=True, **options)
        return float(mean if mask is None else every[mask].mean())

    def close(value: float) -> Any:
        return pytest.approx(value, rel=1e-12, abs=1e-12)

    for window in (3, 5, 7):
        assert images.ssim(given, window) == close(expected(win_size=window))
    for sigma in (0.1, 0.4, 0.8):
        weights = {"gaussian_weights": True, "sigma": sigma, "use_sample_covariance": False}
        assert images.ssim_gaussian(given, sigma) == close(expected(**weights))
    inside = ... if mask is None else mask
    difference = prediction - reference
    slopes = np.array(np.gradient(difference, *SPACING))
    assert images.mse(given) == close((difference**2)[inside].mean())
    assert images.gradient_error(given) == close(np.linalg.norm(slopes, axis=0)[inside].mean())
    for name, slope in zip(GRADIENTS[1:], slopes, strict=True):
        assert getattr(images, name)(given) == close(np.abs(slope)[inside].mean())


@pytest.mark.slow
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    "metric",
    [
        images.mse,
        images.psnr,
        lambda pair: images.ssim(pair, 7),
        lambda pair: images.ssim_gaussian(pair, 1.5),
        *(getattr(images, name) for name in GRADIENTS),
    ],
    ids=["mse", "psnr", "ssim", "ssim_gaussian", *GRADIENTS],
)
def test_metrics_need_little_memory_beside_the_images(metric: Callable[[ImagePair], float], masked: bool) -> None:
    reference = np.random.default_rng(0).normal(100, 20, (2000, 48, 48))
    given = ImagePair(reference + 1, reference, SPACING, 150.0, reference > 100 if masked else None)
    metric(pair())  # imports
    tracemalloc.start()
    try:
        metric(given)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < reference.nbytes // 4  # an eighth of the two images


def test_inside_a_mask() -> None:
    masked = pair(mask=MASK)
    assert images.mse(masked) == pytest.approx(((PREDICTION - REFERENCE)[MASK] ** 2).mean())
    mse, data_range = images.mse(masked), float(np.ptp(REFERENCE))
    assert images.psnr(masked) == pytest.approx(20 * math.log10(data_range / math.sqrt(mse)))
    slopes = [np.gradient(array, *SPACING) for array in (PREDICTION, REFERENCE)]
    wrong = np.subtract(*slopes)
    assert images.gradient_error(masked) == pytest.approx(np.linalg.norm(wrong, axis=0)[MASK].mean())
    assert images.gradient_error_y(masked) == pytest.approx(np.abs(wrong[1])[MASK].mean())


@pytest.mark.slow
def test_the_real_ct() -> None:
    ct = sitk.Cast(sitk.ReadImage(str(DATA / "thorax_ct.nrrd")), sitk.sitkFloat64)
    reference = sitk.GetArrayFromImage(ct)
    values = []
    for sigma in (0.5, 1.0, 3.0):
        smooth = sitk.GetArrayFromImage(sitk.DiscreteGaussian(ct, sigma**2))
        found = ImagePair(smooth, reference, ct.GetSpacing()[::-1], float(np.ptp(reference)))
        values.append([images.ssim(found, 7), images.psnr(found), -images.gradient_error(found)])
    # The smoother, the worse, whatever one asks.
    assert (np.diff(values, axis=0) < 0).all()


def test_an_image_smaller_than_the_window() -> None:
    thin = ImagePair(PREDICTION[:5], REFERENCE[:5], SPACING, 1.0)
    with pytest.raises(MetricError) as caught:
        images.ssim(thin, 7)
    assert str(caught.value) == (
        "the image (13 x 12 x 5 voxels) is smaller than the window of 7; give a larger image, or set window"
    )
    assert 0 < images.ssim(thin, 5) < 1


@pytest.mark.parametrize("window", [1, 4, 6.5])
def test_a_window_that_is_not_odd(window: float) -> None:
    with pytest.raises(MetricError) as caught:
        images.ssim(pair(), window)
    assert str(caught.value) == f"the window is {window:g}; give an odd number of voxels, 3 or more"


def test_one_slice_has_no_gradient_across() -> None:
    flat = ImagePair(PREDICTION[:1], REFERENCE[:1], SPACING, 1.0)
    with pytest.raises(MetricError) as caught:
        images.gradient_error(flat)
    assert str(caught.value) == "the image has one voxel along z, so it has no derivative there; give a 3-D image"
    assert images.gradient_error_x(flat) > 0
