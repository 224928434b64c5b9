"""Normalisation, intensities, noise and motion: these change the images and leave the label maps alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
import SimpleITK as sitk

from pycemrg_augment.catalogued.shared import (
    Above0,
    Count,
    Labels,
    NotNegative,
    Result,
    Rng,
    mask_of,
    on_images,
)
from pycemrg_augment.pipelines.parameters import Bounds, Range, draw
from pycemrg_augment.transforms import intensity as plain
from pycemrg_augment.transforms import motion as moved
from pycemrg_augment.transforms import noise, normalising
from pycemrg_core.api import NotApplicableError, Sample, image_from_array, voxel_array

_Percent = Annotated[float, Bounds(low=0, high=100)]
_Constant = Literal["refuse", "zero"]
_Limits = Range | None
_UNIT: _Limits = (0.0, 1.0)


def clip(sample: Sample, rng: Rng, window: Range) -> Result:
    return on_images(sample, "clip", lambda image: normalising.clip(image, window)), {}


def min_max(sample: Sample, rng: Rng, constant: _Constant = "refuse") -> Result:
    return _normalised(sample, "min_max", normalising.min_max, constant)


def percentile(
    sample: Sample, rng: Rng, low: _Percent = 1.0, high: _Percent = 99.0, constant: _Constant = "refuse"
) -> Result:
    return _normalised(sample, "percentile", lambda image: normalising.percentile(image, low, high), constant)


def standardise(sample: Sample, rng: Rng, inside: Labels = (), constant: _Constant = "refuse") -> Result:
    mask = mask_of(sample, "standardise", inside)
    return _normalised(sample, "standardise", lambda image: normalising.standardise(image, mask), constant)


def brightness(
    sample: Sample, rng: Rng, shift: Range = (-0.1, 0.1), inside: Labels = (), limits: _Limits = _UNIT
) -> Result:
    value, mask = draw(rng, shift), mask_of(sample, "brightness", inside)
    made = on_images(sample, "brightness", lambda image: plain.brightness(image, value, mask, limits))
    return made, {"shift": value}


def contrast(
    sample: Sample, rng: Rng, factor: NotNegative = (0.75, 1.25), inside: Labels = (), limits: _Limits = _UNIT
) -> Result:
    value, mask = draw(rng, factor), mask_of(sample, "contrast", inside)
    made = on_images(sample, "contrast", lambda image: plain.contrast(image, value, mask, limits))
    return made, {"factor": value}


def gamma(
    sample: Sample, rng: Rng, exponent: Above0 = (0.7, 1.5), inside: Labels = (), limits: _Limits = _UNIT
) -> Result:
    value, mask = draw(rng, exponent), mask_of(sample, "gamma", inside)
    made = on_images(sample, "gamma", lambda image: plain.gamma(image, value, mask, limits))
    return made, {"exponent": value}


def gaussian_noise(
    sample: Sample, rng: Rng, sigma: NotNegative = (0.0, 0.05), inside: Labels = (), limits: _Limits = _UNIT
) -> Result:
    return _noisy(sample, rng, "gaussian_noise", noise.gaussian_noise, sigma, inside, limits)


def rician_noise(
    sample: Sample, rng: Rng, sigma: NotNegative = (0.0, 0.05), inside: Labels = (), limits: _Limits = _UNIT
) -> Result:
    return _noisy(sample, rng, "rician_noise", noise.rician_noise, sigma, inside, limits)


def bias_field(
    sample: Sample,
    rng: Rng,
    coefficient: Range = (-0.3, 0.3),
    order: Annotated[int, Bounds(low=1, high=6)] = 3,
    inside: Labels = (),
    limits: _Limits = _UNIT,
) -> Result:
    values = [draw(rng, coefficient) for _ in plain.bias_terms(order)]
    mask = mask_of(sample, "bias_field", inside)
    made = on_images(sample, "bias_field", lambda image: plain.bias_field(image, values, order, mask, limits))
    return made, {"coefficients": values}


def blur(
    sample: Sample, rng: Rng, sigma_mm: NotNegative = (0.5, 2.0), inside: Labels = (), limits: _Limits = _UNIT
) -> Result:
    value, mask = draw(rng, sigma_mm), mask_of(sample, "blur", inside)
    made = on_images(sample, "blur", lambda image: plain.blur(image, value, mask, limits))
    return made, {"sigma_mm": value}


def motion(
    sample: Sample,
    rng: Rng,
    degrees: Range = (-3.0, 3.0),
    shift_mm: Range = (-3.0, 3.0),
    moves: Count = 2,
    axis: Literal["x", "y", "z"] = "y",
    limits: _Limits = _UNIT,
) -> Result:
    times = sorted(rng.random(moves).tolist())
    poses = [([draw(rng, degrees) for _ in "xyz"], [draw(rng, shift_mm) for _ in "xyz"]) for _ in range(moves + 1)]
    poses[moved.pose_in_the_middle(times)] = ([0.0] * 3, [0.0] * 3)
    along = "xyz".index(axis)
    made = on_images(sample, "motion", lambda image: moved.motion(image, poses, times, along, limits))
    drawn = {"times": times, "degrees": [turn for turn, _ in poses], "shifts_mm": [shift for _, shift in poses]}
    return made, drawn


def _normalised(sample: Sample, name: str, function: Callable[[sitk.Image], sitk.Image], constant: _Constant) -> Result:
    flat = 0

    def apply(image: sitk.Image) -> sitk.Image:
        nonlocal flat
        try:
            return function(image)
        except NotApplicableError:
            if constant == "refuse":
                raise
            flat += 1
            return image_from_array(np.zeros(voxel_array(image).shape, np.float32), image)

    made = on_images(sample, name, apply)
    return made, {"constant_images": flat} if flat else {}


def _noisy(
    sample: Sample,
    rng: Rng,
    name: str,
    function: Callable[..., sitk.Image],
    sigma: Range,
    inside: tuple[int, ...],
    limits: _Limits,
) -> Result:
    value, seed, mask = draw(rng, sigma), int(rng.integers(2**32)), mask_of(sample, name, inside)
    own = np.random.default_rng(seed)  # it runs on from image to image, so that their noise is independent
    drawn: dict[str, Any] = {"sigma": value, "seed": seed}
    return on_images(sample, name, lambda image: function(image, own, value, mask, limits)), drawn
