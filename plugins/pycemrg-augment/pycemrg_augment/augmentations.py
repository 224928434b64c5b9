"""The augmentations in the catalogue: each draws its values and calls the plain function of the same name.

All have the form ``function(sample, rng, **parameters) -> (sample, drawn)``. A range is (low, high). ``inside``
lists label integers: only voxels with these labels change. Noise has its own generator. The record holds its seed,
so the plain function gives the same voxels when called with the drawn values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import attrs
import numpy as np
import SimpleITK as sitk

from pycemrg_augment import failures, slices, spatial
from pycemrg_augment import intensity as plain
from pycemrg_augment.parameters import Bounds, Range, draw
from pycemrg_core.api import AugmentationError, Drawn, Sample, image_from_array, voxel_array

Result = tuple[Sample, Drawn]
Rng = np.random.Generator
_NotNegative = Annotated[Range, Bounds(low=0)]
_Above0 = Annotated[Range, Bounds(low=0, above=True)]
_Length = Annotated[float, Bounds(low=0, above=True)]
_Percent = Annotated[float, Bounds(low=0, high=100)]
_Size = Annotated[tuple[int, int, int], Bounds(low=1)]
_Spacing = Annotated[tuple[float, float, float], Bounds(low=0, above=True)]
_Labels = Annotated[tuple[int, ...], Bounds(low=1)]
_Count = Annotated[int, Bounds(low=1)]


def clip(sample: Sample, rng: Rng, window: Range) -> Result:
    return _image(sample, "clip", lambda image: plain.clip(image, window)), {}


def min_max(sample: Sample, rng: Rng) -> Result:
    return _image(sample, "min_max", plain.min_max), {}


def percentile(sample: Sample, rng: Rng, low: _Percent = 1.0, high: _Percent = 99.0) -> Result:
    return _image(sample, "percentile", lambda image: plain.percentile(image, low, high)), {}


def brightness(sample: Sample, rng: Rng, shift: Range = (-0.1, 0.1), inside: _Labels = ()) -> Result:
    value, mask = draw(rng, shift), _mask(sample, "brightness", inside)
    return _image(sample, "brightness", lambda image: plain.brightness(image, value, mask)), {"shift": value}


def contrast(sample: Sample, rng: Rng, factor: _NotNegative = (0.75, 1.25), inside: _Labels = ()) -> Result:
    value, mask = draw(rng, factor), _mask(sample, "contrast", inside)
    return _image(sample, "contrast", lambda image: plain.contrast(image, value, mask)), {"factor": value}


def gamma(sample: Sample, rng: Rng, exponent: _Above0 = (0.7, 1.5), inside: _Labels = ()) -> Result:
    value, mask = draw(rng, exponent), _mask(sample, "gamma", inside)
    return _image(sample, "gamma", lambda image: plain.gamma(image, value, mask)), {"exponent": value}


def gaussian_noise(sample: Sample, rng: Rng, sigma: _NotNegative = (0.0, 0.05), inside: _Labels = ()) -> Result:
    return _noisy(sample, rng, "gaussian_noise", plain.gaussian_noise, sigma, inside)


def rician_noise(sample: Sample, rng: Rng, sigma: _NotNegative = (0.0, 0.05), inside: _Labels = ()) -> Result:
    return _noisy(sample, rng, "rician_noise", plain.rician_noise, sigma, inside)


def bias_field(
    sample: Sample,
    rng: Rng,
    coefficient: Range = (-0.3, 0.3),
    order: Annotated[int, Bounds(low=1, high=6)] = 3,
    inside: _Labels = (),
) -> Result:
    values = [draw(rng, coefficient) for _ in plain.bias_terms(order)]
    mask = _mask(sample, "bias_field", inside)
    changed = _image(sample, "bias_field", lambda image: plain.bias_field(image, values, order, mask))
    return changed, {"coefficients": values}


def blur(sample: Sample, rng: Rng, sigma_mm: _NotNegative = (0.5, 2.0), inside: _Labels = ()) -> Result:
    value, mask = draw(rng, sigma_mm), _mask(sample, "blur", inside)
    return _image(sample, "blur", lambda image: plain.blur(image, value, mask)), {"sigma_mm": value}


def downsample(
    sample: Sample,
    rng: Rng,
    spacing: _Spacing,
    profile: Literal["gaussian", "box"] = "gaussian",
    vote: Literal["majority", "nearest"] = "majority",
) -> Result:
    return spatial.each(
        sample,
        lambda image: slices.downsample_volume(image, spacing, profile),
        lambda labels: slices.downsample_labels(labels, spacing, vote),
    ), {}


def slice_shift(
    sample: Sample,
    rng: Rng,
    thickness: _Above0,
    profile: Literal["gaussian", "box"] = "gaussian",
    vote: Literal["majority", "nearest"] = "majority",
) -> Result:
    width = draw(rng, thickness)
    offset = float(width * rng.random())
    stack = spatial.each(
        sample,
        lambda image: slices.shifted_slices(image, width, offset, profile),
        lambda labels: slices.shifted_label_slices(labels, width, offset, vote),
    )
    return stack, {"thickness": width, "offset": offset}


def isotropic(sample: Sample, rng: Rng, spacing: _Length, smooth: bool = False) -> Result:
    return spatial.each(
        sample,
        lambda image: spatial.isotropic_volume(image, spacing),
        lambda labels: spatial.isotropic_labels(labels, spacing, smooth=smooth),
    ), {}


def centre_patch(sample: Sample, rng: Rng, size: _Size) -> Result:
    patch, start = spatial.centre_patch(sample, size)
    return patch, {"start": list(start)}


def random_patch(sample: Sample, rng: Rng, size: _Size) -> Result:
    patch, start = spatial.random_patch(sample, rng, size)
    return patch, {"start": list(start)}


def flip(sample: Sample, rng: Rng, axes: tuple[Literal["x", "y", "z"], ...] = ("x", "y", "z")) -> Result:
    coins = rng.random(3) < 0.5  # always three, so that the coin of an axis does not depend on ``axes``
    flipped = [axis in axes and bool(coin) for axis, coin in zip("xyz", coins, strict=True)]
    turned = spatial.each(
        sample, lambda image: spatial.flip(image, flipped), lambda image: spatial.flip(image, flipped)
    )
    return turned, {"axes": [axis for axis, one in zip("xyz", flipped, strict=True) if one]}


def drop_structure(sample: Sample, rng: Rng, labels: _Labels) -> Result:
    return _damaged(sample, "drop_structure", lambda image: failures.drop_structure(image, rng, labels))


def leak(
    sample: Sample,
    rng: Rng,
    between: Annotated[tuple[int, int], Bounds(low=0)],
    radius_mm: _Length = 2.0,
    through: _Labels = (),
) -> Result:
    return _damaged(sample, "leak", lambda image: failures.leak(image, rng, between, radius_mm, through))


def islands(sample: Sample, rng: Rng, label: _Count, count: _Count = 3, radius_mm: _Length = 2.0) -> Result:
    return _damaged(sample, "islands", lambda image: failures.islands(image, rng, label, count, radius_mm))


def staircase(sample: Sample, rng: Rng, shift_mm: _Length = 2.0) -> Result:
    return _damaged(sample, "staircase", lambda image: failures.staircase(image, rng, shift_mm))


def swap_labels(sample: Sample, rng: Rng, labels: Annotated[tuple[int, int], Bounds(low=0)]) -> Result:
    return _damaged(sample, "swap_labels", lambda image: failures.swap_labels(image, rng, labels))


def _image(sample: Sample, name: str, change: Callable[[sitk.Image], sitk.Image]) -> Sample:
    if sample.image is None:
        raise AugmentationError(f"{name}: the sample has no image; give one")
    return attrs.evolve(sample, image=change(sample.image))


def _mask(sample: Sample, name: str, inside: tuple[int, ...]) -> sitk.Image | None:
    if not inside:
        return None
    if sample.labels is None:
        raise AugmentationError(
            f"{name}: 'inside' needs a label map, and the sample has none; give one, or leave 'inside' out"
        )
    return image_from_array(np.isin(voxel_array(sample.labels), inside), sample.labels)


def _noisy(
    sample: Sample, rng: Rng, name: str, function: Callable[..., sitk.Image], sigma: Range, inside: tuple[int, ...]
) -> Result:
    value, seed, mask = draw(rng, sigma), int(rng.integers(2**32)), _mask(sample, name, inside)
    own = np.random.default_rng(seed)
    return _image(sample, name, lambda image: function(image, own, value, mask)), {"sigma": value, "seed": seed}


def _damaged(sample: Sample, name: str, damage: Callable[[sitk.Image], tuple[sitk.Image, failures.Damage]]) -> Result:
    if sample.labels is None:
        raise AugmentationError(f"{name}: the sample has no label map; give one")
    labels, done = damage(sample.labels)
    drawn: dict[str, Any] = done.as_json()
    return attrs.evolve(sample, labels=labels), drawn
