"""Intensity augmentations as plain functions on SimpleITK images.

The normalisations ``clip``, ``min_max`` and ``percentile`` take any image and return float32 in [0, 1]. The other
functions take and return float32 in [0, 1]; results outside are clipped. ``mask`` is an image on the same grid:
where it is 0, nothing changes. All raise :class:`AugmentationError`, and none changes its input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from pycemrg_augment.grids import require_same
from pycemrg_core.api import AugmentationError, image_from_array, voxel_array

Floats = NDArray[np.float32]
_Change = Callable[[Floats, NDArray[np.bool_]], Floats]


def clip(image: sitk.Image, window: tuple[float, float]) -> sitk.Image:
    """Clip to ``window`` (low, high), in the unit of the image, and scale to [0, 1]."""
    return _scaled(voxel_array(image), window, "clip", "window", image)


def min_max(image: sitk.Image) -> sitk.Image:
    """Scale the image so that its smallest value becomes 0 and its largest 1."""
    array = voxel_array(image)
    return _scaled(array, (float(array.min()), float(array.max())), "min_max", "range of the image", image)


def percentile(image: sitk.Image, low: float = 1.0, high: float = 99.0) -> sitk.Image:
    """Clip to two percentiles of the voxels, and scale to [0, 1]."""
    array = voxel_array(image)
    ends = np.percentile(array, (low, high))
    return _scaled(array, (float(ends[0]), float(ends[1])), "percentile", f"range from {low:g}% to {high:g}%", image)


def brightness(image: sitk.Image, shift: float, mask: sitk.Image | None = None) -> sitk.Image:
    """Add ``shift`` to each voxel."""
    return _changed(image, mask, "brightness", lambda array, _: array + np.float32(shift))


def contrast(image: sitk.Image, factor: float, mask: sitk.Image | None = None) -> sitk.Image:
    """Multiply the difference from the mean by ``factor``; the mean is taken over the voxels that change."""

    def stretch(array: Floats, inside: NDArray[np.bool_]) -> Floats:
        mean = np.float32(array[inside].mean(dtype=np.float64))
        return mean + np.float32(factor) * (array - mean)

    return _changed(image, mask, "contrast", stretch)


def gamma(image: sitk.Image, exponent: float, mask: sitk.Image | None = None) -> sitk.Image:
    """Raise to the power ``exponent``, above 0: an exponent below 1 brightens, one above 1 darkens."""
    if not exponent > 0:
        raise AugmentationError(f"gamma: the exponent is {exponent:g}; give one above 0")
    return _changed(image, mask, "gamma", lambda array, _: array ** np.float32(exponent))


def gaussian_noise(
    image: sitk.Image, rng: np.random.Generator, sigma: float, mask: sitk.Image | None = None
) -> sitk.Image:
    """Add independent Gaussian noise of standard deviation ``sigma`` to each voxel."""
    _require_sigma("gaussian_noise", sigma)
    return _changed(image, mask, "gaussian_noise", lambda array, _: array + _normal(rng, array, sigma))


def rician_noise(
    image: sitk.Image, rng: np.random.Generator, sigma: float, mask: sitk.Image | None = None
) -> sitk.Image:
    """Add Gaussian noise of ``sigma`` to the real and the imaginary part, and return the magnitude.

    Gudbjartsson and Patz, The Rician distribution of noisy MRI data, Magn Reson Med 34:910-914, 1995.
    """
    _require_sigma("rician_noise", sigma)

    def magnitude(array: Floats, _: NDArray[np.bool_]) -> Floats:
        found: Floats = np.hypot(array + _normal(rng, array, sigma), _normal(rng, array, sigma))
        return found

    return _changed(image, mask, "rician_noise", magnitude)


def bias_field(
    image: sitk.Image, coefficients: Sequence[float], order: int = 3, mask: sitk.Image | None = None
) -> sitk.Image:
    """Multiply by exp(polynomial of the position), a model of the bias of an MR coil.

    The position runs from -1 to 1 along each axis of the image. There is one of ``coefficients`` for each term of
    :func:`bias_terms`, in the same order. Van Leemput et al., IEEE Trans Med Imaging 18:885-896, 1999.
    """
    terms = bias_terms(order)
    if len(coefficients) != len(terms):
        raise AugmentationError(
            f"bias_field: {len(coefficients)} coefficients for order {order}; give {len(terms)}, one per term"
        )

    table = np.zeros([order + 1] * 3)
    table[tuple(np.transpose(terms))] = coefficients

    def multiply(array: Floats, _: NDArray[np.bool_]) -> Floats:
        places = (np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in array.shape)
        z, y, x = (place[:, None] ** np.arange(order + 1) for place in places)
        # The polynomials in x and y are the same in all slices.
        planes = np.einsum("ijk,yj,xi->kyx", table, y, x)
        exponent = sum(z[:, k, None, None] * plane for k, plane in enumerate(planes))
        found: Floats = (array * np.exp(exponent)).astype(np.float32)
        return found

    return _changed(image, mask, "bias_field", multiply)


def bias_terms(order: int) -> tuple[tuple[int, int, int], ...]:
    """The exponents (x, y, z) of all terms up to ``order``, without the constant."""
    powers = range(order + 1)
    return tuple((i, j, k) for i, j, k in product(powers, powers, powers) if 0 < i + j + k <= order)


def blur(image: sitk.Image, sigma_mm: float, mask: sitk.Image | None = None) -> sitk.Image:
    """Smooth with a Gaussian of standard deviation ``sigma_mm``, the same in mm along all axes."""
    _require_sigma("blur", sigma_mm)
    sigmas = [sigma_mm / spacing for spacing in reversed(image.GetSpacing())]
    return _changed(image, mask, "blur", lambda array, _: ndimage.gaussian_filter(array, sigmas, mode="nearest"))


def require_normalised(image: sitk.Image, what: str) -> None:
    """Refuse an image that is not float32 in [0, 1]; ``what`` is the operation that needs it."""
    array = voxel_array(image)
    low, high = array.min(), array.max()
    if array.dtype != np.float32 or not (low >= 0 and high <= 1):  # a comparison with NaN is false
        raise AugmentationError(
            f"{what}: the image is {array.dtype} from {low:g} to {high:g}, not float32 in [0, 1];"
            " normalise it first with clip (a window), min_max or percentile"
        )


def _changed(image: sitk.Image, mask: sitk.Image | None, what: str, change: _Change) -> sitk.Image:
    require_normalised(image, what)
    array = voxel_array(image)
    if mask is None:
        inside = np.ones(array.shape, np.bool_)
    else:
        require_same(image, mask, f"{what}: image and mask")
        inside = voxel_array(mask) != 0
    if not inside.any():
        return sitk.Image(image)
    return image_from_array(np.where(inside, np.clip(change(array, inside), 0, 1), array).astype(np.float32), image)


def _scaled(
    array: NDArray[np.generic], ends: tuple[float, float], what: str, name: str, like: sitk.Image
) -> sitk.Image:
    low, high = ends
    if not np.isfinite(array).all():
        raise AugmentationError(f"{what}: the image has NaN or infinite values; replace them first")
    if not low < high:
        raise AugmentationError(
            f"{what}: no contrast, the {name} is from {low:g} to {high:g}; give an image or limits with contrast"
        )
    scaled = (np.clip(array.astype(np.float64), low, high) - low) / (high - low)
    return image_from_array(scaled.astype(np.float32), like)


def _normal(rng: np.random.Generator, array: Floats, sigma: float) -> Floats:
    return rng.standard_normal(array.shape, np.float32) * np.float32(sigma)


def _require_sigma(what: str, sigma: float) -> None:
    if not sigma >= 0:
        raise AugmentationError(f"{what}: sigma is {sigma:g}; give 0 or more")
