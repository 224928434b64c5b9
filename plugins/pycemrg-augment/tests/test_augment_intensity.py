"""Intensity operations against the formulas that define them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from pycemrg_augment.transforms import intensity, motion, noise, normalising
from sample_images import frame, make

from pycemrg_core import AugmentationError

RNG = np.random.default_rng(5)
ARRAY = RNG.random((7, 8, 9), np.float32)
INSIDE = RNG.random(ARRAY.shape) < 0.4


def image() -> sitk.Image:
    return make(ARRAY)


def values(made: sitk.Image) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = sitk.GetArrayFromImage(made)
    return array


def flat(value: float, n: int = 64) -> sitk.Image:
    return sitk.GetImageFromArray(np.full((n, n, n), value, np.float32))


CHANGES: dict[str, Callable[..., sitk.Image]] = {
    "brightness": lambda given, mask=None: intensity.brightness(given, 0.2, mask),
    "contrast": lambda given, mask=None: intensity.contrast(given, 1.7, mask),
    "gamma": lambda given, mask=None: intensity.gamma(given, 1.8, mask),
    "gaussian_noise": lambda given, mask=None: noise.gaussian_noise(given, np.random.default_rng(1), 0.1, mask),
    "rician_noise": lambda given, mask=None: noise.rician_noise(given, np.random.default_rng(1), 0.1, mask),
    "bias_field": lambda given, mask=None: intensity.bias_field(given, np.linspace(-0.3, 0.3, 19), 3, mask),
    "blur": lambda given, mask=None: intensity.blur(given, 0.6, mask),
}


@pytest.mark.parametrize("name", CHANGES)
def test_float32_in_0_1_comes_out_on_the_same_grid_and_the_input_stays(name: str) -> None:
    given = image()
    made = CHANGES[name](given)
    assert made.GetPixelID() == sitk.sitkFloat32
    assert 0 <= values(made).min() <= values(made).max() <= 1
    assert (values(made) != ARRAY).mean() > 0.5
    np.testing.assert_array_equal(frame(made), frame(given))
    np.testing.assert_array_equal(values(given), ARRAY)


@pytest.mark.parametrize("name", CHANGES)
def test_only_voxels_inside_the_mask_change(name: str) -> None:
    made = values(CHANGES[name](image(), make(INSIDE.astype(np.uint8))))
    np.testing.assert_array_equal(made[~INSIDE], ARRAY[~INSIDE])
    assert (made[INSIDE] != ARRAY[INSIDE]).mean() > 0.5


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize(
    ("array", "said"),
    [
        ((ARRAY * 100).astype(np.int16), "int16 from 0 to 99"),
        (ARRAY.astype(np.float64), "float64 from"),
        (ARRAY * 2, "float32 from"),
        (np.where(INSIDE, np.nan, ARRAY).astype(np.float32), "float32 from nan to nan"),
    ],
)
def test_anything_else_is_refused_with_the_normalisation_to_call(
    name: str, array: np.ndarray[Any, Any], said: str
) -> None:
    with pytest.raises(AugmentationError) as caught:
        CHANGES[name](make(array))
    assert str(caught.value).startswith(f"{name}: the image is {said}")
    assert "normalise it first with clip (a window), min_max or percentile" in str(caught.value)


@pytest.mark.parametrize("name", CHANGES)
def test_a_mask_on_another_grid_is_refused_with_the_difference(name: str) -> None:
    mask = make(INSIDE.astype(np.uint8))
    mask.SetOrigin((0, 0, 0))
    with pytest.raises(AugmentationError, match=rf"{name}: image and mask are not on the same grid: origin -123\.457"):
        CHANGES[name](image(), mask)


def test_an_empty_mask_changes_nothing() -> None:
    nothing = make(np.zeros(ARRAY.shape, np.uint8))
    np.testing.assert_array_equal(values(intensity.contrast(image(), 2.0, nothing)), ARRAY)


def test_formulas() -> None:
    wide = ARRAY.astype(np.float64)
    close: dict[str, Any] = {"rtol": 0, "atol": 1e-6}  # a few float32 steps below 1
    np.testing.assert_allclose(values(intensity.brightness(image(), 0.2)), np.clip(wide + 0.2, 0, 1), **close)
    expected = np.clip(wide.mean() + 1.7 * (wide - wide.mean()), 0, 1)
    np.testing.assert_allclose(values(intensity.contrast(image(), 1.7)), expected, **close)
    np.testing.assert_allclose(values(intensity.gamma(image(), 1.8)), wide**1.8, **close)


def test_contrast_of_a_mask_turns_about_the_mean_inside_it() -> None:
    made = values(intensity.contrast(image(), 0.0, make(INSIDE.astype(np.uint8))))
    np.testing.assert_allclose(made[INSIDE], ARRAY[INSIDE].mean(), atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_large_images_are_normalised_in_parts(dtype: type[np.generic]) -> None:
    array = np.random.default_rng(0).normal(0, 500, (35, 35, 31)).astype(dtype)  # more than a block
    image, exact = sitk.GetImageFromArray(array), array.astype(float)
    clipped = ((exact.clip(-200.3, 800.1) + 200.3) / (800.1 + 200.3)).astype(np.float32)
    assert (sitk.GetArrayFromImage(normalising.clip(image, (-200.3, 800.1))) == clipped).all()
    standard = ((exact - exact.mean()) / exact.std()).astype(np.float32)
    assert (sitk.GetArrayFromImage(normalising.standardise(image)) == standard).all()


def test_normalisations() -> None:
    hounsfield = RNG.integers(-1000, 2000, (6, 7, 8)).astype(np.int16)
    given = make(hounsfield)
    for made, low, high in (
        (normalising.clip(given, (-200, 800)), -200, 800),
        (normalising.min_max(given), hounsfield.min(), hounsfield.max()),
        (normalising.percentile(given, 5, 90), *np.percentile(hounsfield, [5, 90])),
    ):
        assert made.GetPixelID() == sitk.sitkFloat32
        np.testing.assert_array_equal(frame(made), frame(given))
        np.testing.assert_allclose(values(made), np.interp(hounsfield, [low, high], [0, 1]), atol=1e-7)
        intensity.brightness(made, 0.1)  # is accepted


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda: normalising.clip(image(), (3, 3)),
            "clip: the window is from 3 to 3; give low < high",
        ),
        (
            lambda: normalising.min_max(flat(2, 4)),
            "min_max: no contrast, the range of the image is from 2 to 2; give an image or limits",
        ),
        (
            lambda: normalising.percentile(image(), 90, 10),
            "percentile: low is 90 and high is 10; give low < high",
        ),
        (
            lambda: normalising.percentile(flat(2, 4)),
            "percentile: no contrast, the range from 1% to 99% is from 2 to 2",
        ),
        (
            lambda: normalising.min_max(flat(np.nan, 4)),
            "min_max: the image has NaN or infinite values; replace them first",
        ),
        (lambda: intensity.gamma(image(), 0), "gamma: the exponent is 0; give one above 0"),
        (lambda: intensity.blur(image(), -1), "blur: sigma is -1; give 0 or more"),
        (lambda: intensity.bias_field(image(), [0.1]), "bias_field: 1 coefficients for order 3; give 19"),
    ],
)
def test_refusals(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(AugmentationError) as caught:
        call()
    assert str(caught.value).startswith(said)


def test_gaussian_noise_has_its_moments() -> None:
    added = values(noise.gaussian_noise(flat(0.5), np.random.default_rng(3), 0.05)).astype(np.float64) - 0.5
    # Standard errors of mean, standard deviation of n normal values; five of them.
    assert abs(added.mean()) < 5 * 0.05 / added.size**0.5
    assert abs(added.std() - 0.05) < 5 * 0.05 / (2 * added.size) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize("signal", [0.0, 0.05, 0.5])
def test_rician_noise_has_the_moments_of_the_distribution(signal: float) -> None:
    from scipy import stats  # takes a second

    sigma = 0.05
    noisy = values(noise.rician_noise(flat(signal), np.random.default_rng(3), sigma)).astype(np.float64)
    rice = stats.rice(signal / sigma, scale=sigma)
    mean, variance, _, excess = rice.stats("mvsk")
    # Five standard errors of the mean and of the variance of n values.
    assert abs(noisy.mean() - mean) < 5 * (variance / noisy.size) ** 0.5
    assert abs(noisy.var() - variance) < 5 * variance * ((excess + 2) / noisy.size) ** 0.5


def test_noise_follows_the_generator() -> None:
    first, again, other = (values(noise.rician_noise(image(), np.random.default_rng(seed), 0.1)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.9


def test_bias_field_is_the_exponential_of_the_polynomial() -> None:
    coefficients = RNG.uniform(-0.3, 0.3, 9)
    terms = intensity.bias_terms(2)
    assert set(terms) == {(i, j, k) for i in range(3) for j in range(3) for k in range(3) if 0 < i + j + k <= 2}
    made = values(intensity.bias_field(make(ARRAY / 4), coefficients, 2))
    for z, y, x in [(0, 0, 0), (6, 7, 8), (2, 5, 1), (3, 3, 4)]:
        place = (2 * x / 8 - 1, 2 * y / 7 - 1, 2 * z / 6 - 1)
        exponent = sum(c * np.prod(np.power(place, term)) for c, term in zip(coefficients, terms, strict=True))
        assert made[z, y, x] == pytest.approx(ARRAY[z, y, x] / 4 * np.exp(exponent), rel=1e-5)


def test_bias_field_of_a_single_slice_is_finite() -> None:
    made = intensity.bias_field(sitk.GetImageFromArray(ARRAY[:1]), [0.2] * 19)
    assert np.isfinite(values(made)).all()


def test_blur_of_a_point_is_a_gaussian_in_mm() -> None:
    array = np.zeros((41, 41, 41), np.float32)
    array[20, 20, 20] = 1
    given = sitk.GetImageFromArray(array)
    given.SetSpacing((0.5, 1.0, 2.0))
    made = values(intensity.blur(given, 3.0))
    profiles = (made[20, 20, :], made[20, :, 20], made[:, 20, 20])
    for profile, spacing in zip(profiles, (0.5, 1.0, 2.0), strict=True):
        at = spacing * (np.arange(41) - 20)
        near = np.abs(at) < 6
        np.testing.assert_allclose(profile[near] / profile[20], np.exp(-(at[near] ** 2) / 18), atol=0.01)


@pytest.mark.parametrize("count", [1, 2, 7, 65_537])
def test_normal_values_are_those_of_the_generator(count: int) -> None:
    rng, expected = np.random.default_rng(5), []
    for size in np.diff([*range(0, (count + 1) // 2, 1 << 15), (count + 1) // 2]):
        radius, angle = (rng.random(size, np.float32) for _ in range(2))
        length = np.sqrt(-2 * np.log(1 - radius.astype(float)))
        expected.append(length * np.array([np.cos(2 * np.pi * angle), np.sin(2 * np.pi * angle)]))
    made = noise.normal(np.random.default_rng(5), count, 1.0)
    np.testing.assert_allclose(made, np.concatenate(expected, 1).ravel()[:count], atol=1e-5)


@pytest.mark.slow
def test_normal_values_are_normal_and_independent() -> None:
    """Box and Muller make pairs of one radius: neither the values nor their squares of a pair are related."""
    from scipy import stats  # takes a second

    made = noise.normal(np.random.default_rng(1), 300_001, 2.0).astype(np.float64) / 2
    assert made.size == 300_001
    assert stats.kstest(made, "norm").pvalue > 0.01
    assert stats.kurtosistest(made).pvalue > 0.01
    half = made.size // 2 + 1
    first, second = made[: half - 1], made[half:]
    for a, b in ((first, second), (first**2, second**2), (np.abs(first), np.abs(second)), (made[1:], made[:-1])):
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / a.size**0.5
    assert np.abs(made).max() < 6
    assert (noise.normal(np.random.default_rng(1), 5, 0.0) == 0).all()


# Limits

# Each with its amount, which has the unit of the image for the first few.
LIMITED: dict[str, Callable[..., sitk.Image]] = {
    "brightness": lambda given, unit, limits: intensity.brightness(given, 0.2 * unit, limits=limits),
    "gaussian_noise": lambda given, unit, limits: noise.gaussian_noise(
        given, np.random.default_rng(1), 0.1 * unit, limits=limits
    ),
    "rician_noise": lambda given, unit, limits: noise.rician_noise(
        given, np.random.default_rng(1), 0.1 * unit, limits=limits
    ),
    "contrast": lambda given, unit, limits: intensity.contrast(given, 1.7, limits=limits),
    "gamma": lambda given, unit, limits: intensity.gamma(given, 1.8, limits=limits),
    "bias_field": lambda given, unit, limits: intensity.bias_field(given, np.linspace(-0.3, 0.3, 19), 3, limits=limits),
    "blur": lambda given, unit, limits: intensity.blur(given, 0.6, limits=limits),
    "motion": lambda given, unit, limits: motion.motion(
        given, [((0, 0, 0), (0, 0, 0)), ((9, 0, 5), (0.3, 0, 0))], [0.7], limits=limits
    ),
}


@pytest.mark.parametrize("name", LIMITED)
def test_other_limits_are_another_unit_for_the_same_change(name: str) -> None:
    low, high = -3.0, 5.0
    scaled = make(ARRAY * np.float32(high - low) + np.float32(low))
    made = values(LIMITED[name](scaled, high - low, (low, high)))
    unit = values(LIMITED[name](image(), 1.0, (0.0, 1.0)))
    np.testing.assert_allclose((made - low) / (high - low), unit, atol=2e-6)


@pytest.mark.parametrize("name", LIMITED)
def test_without_limits_nothing_is_clipped(name: str) -> None:
    given = normalising.standardise(make(ARRAY))
    made = values(LIMITED[name](given, 1.0, None))
    assert np.isfinite(made).all()
    assert made.min() < 0 < made.max()
    if name in ("brightness", "contrast"):
        assert made.max() > values(given).max()
    with pytest.raises(
        AugmentationError, match=rf"{name}: the image is float32 from -1\.\d+ to 1\.\d+, not float32 in"
    ):
        LIMITED[name](given, 1.0, (0.0, 1.0))
    with pytest.raises(AugmentationError, match=f"{name}: the image is float32 from nan to nan, not finite float32"):
        LIMITED[name](flat(np.nan, 8), 1.0, None)
    with pytest.raises(AugmentationError, match=f"{name}: the limits are 1 and 1; give low < high"):
        LIMITED[name](given, 1.0, (1.0, 1.0))


def test_a_result_that_overflows_is_refused() -> None:
    with pytest.raises(AugmentationError, match="bias_field: the result is not finite; give a smaller change"):
        intensity.bias_field(image(), [200.0] * 19, limits=None)
    assert values(intensity.bias_field(image(), [200.0] * 19)).max() == 1  # clipped
    with pytest.raises(AugmentationError, match="bias_field: the result is not finite; give a smaller change"):
        intensity.bias_field(flat(0, 8), [200.0] * 19)  # 0 times infinity


def test_standardise_gives_mean_0_and_deviation_1() -> None:
    hounsfield = RNG.integers(-1000, 2000, ARRAY.shape).astype(np.int16)
    made = values(normalising.standardise(make(hounsfield))).astype(np.float64)
    np.testing.assert_allclose((made.mean(), made.std()), (0, 1), atol=1e-6)
    inside = values(normalising.standardise(make(hounsfield), make(INSIDE.astype(np.uint8)))).astype(np.float64)
    np.testing.assert_allclose((inside[INSIDE].mean(), inside[INSIDE].std()), (0, 1), atol=1e-6)
    np.testing.assert_allclose(np.corrcoef(inside.ravel(), hounsfield.ravel())[0, 1], 1, atol=1e-9)
