"""Noise: independent random values for each voxel."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from pycemrg_augment.transforms.intensity import UNIT, Floats, Inside, Limits, changed, floor_of
from pycemrg_core.api import AugmentationError

_BLOCK = 1 << 15  # pairs at a time, so that they stay in the cache of the processor


def gaussian_noise(
    image: sitk.Image,
    rng: np.random.Generator,
    sigma: float,
    mask: sitk.Image | None = None,
    limits: Limits = UNIT,
) -> sitk.Image:
    """Add independent Gaussian noise of standard deviation ``sigma`` to each voxel."""
    _require_sigma("gaussian_noise", sigma)

    def add(array: Floats, _: Inside) -> Floats:
        noise = normal(rng, array.size, sigma).reshape(array.shape)
        noise += array
        return noise

    return changed(image, mask, "gaussian_noise", add, limits)


def rician_noise(
    image: sitk.Image,
    rng: np.random.Generator,
    sigma: float,
    mask: sitk.Image | None = None,
    limits: Limits = UNIT,
) -> sitk.Image:
    """Add Gaussian noise of ``sigma`` to the real and the imaginary part, and return the magnitude.

    The signal is what lies above the lower limit, or above the smallest value of the image without limits.
    Gudbjartsson and Patz, The Rician distribution of noisy MRI data, Magn Reson Med 34:910-914, 1995.
    """
    _require_sigma("rician_noise", sigma)

    def magnitude(array: Floats, _: Inside) -> Floats:
        floor = floor_of(array, limits)
        real = normal(rng, array.size, sigma).reshape(array.shape)
        real += array - floor
        np.hypot(real, normal(rng, array.size, sigma).reshape(array.shape), out=real)
        real += floor
        return real

    return changed(image, mask, "rician_noise", magnitude, limits)


def normal(rng: np.random.Generator, count: int, sigma: float) -> Floats:
    """``count`` independent normal values of standard deviation ``sigma`` in float32, none beyond 5.8 of it.

    They are those of two calls of ``rng.random(n, np.float32)`` for each block, made from the 64-bit words of the
    generator themselves, and several times as fast as ``Generator.standard_normal``, since numpy vectorises each of the
    operations. Box and Muller, Ann Math Stat 29:610-611, 1958.
    """
    half = (count + 1) // 2
    made = np.empty((2, half), np.float32)
    for start in range(0, half, _BLOCK):
        first, second = made[:, start : start + _BLOCK]
        words = rng.bit_generator.random_raw(first.size).astype("<u8", copy=False).view("<u4")
        words >>= 8  # a float32 has 24 bits; as signed integers, they become floats twice as fast
        radius, angle = words.view("<i4").astype(np.float32).reshape(2, -1)
        radius *= np.float32(2**-24)
        angle *= np.float32(2**-24)
        np.subtract(np.float32(1), radius, out=radius)  # in (0, 1]
        angle *= np.float32(2 * np.pi)
        np.log(radius, out=radius)
        radius *= np.float32(-2)
        np.sqrt(radius, out=radius)
        radius *= np.float32(sigma)
        np.cos(angle, out=first)
        first *= radius
        np.sin(angle, out=second)
        second *= radius
    return made.reshape(-1)[:count]


def _require_sigma(what: str, sigma: float) -> None:
    if not sigma >= 0:
        raise AugmentationError(f"{what}: sigma is {sigma:g}; give 0 or more")
