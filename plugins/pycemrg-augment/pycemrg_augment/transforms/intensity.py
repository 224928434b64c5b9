"""Intensity augmentations as plain functions on SimpleITK images.

They take and return float32 within ``limits``, [0, 1] by default; results outside are clipped. Without limits (None),
any finite float32 is accepted and nothing is clipped. ``mask`` is an image on the same grid: where it is 0, nothing
changes. All raise :class:`AugmentationError`, and none changes its input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from pycemrg_augment.transforms.grids import require_same
from pycemrg_core.api import AugmentationError, NotApplicableError, image_from_array, voxel_array

Floats = NDArray[np.float32]
Inside = NDArray[np.bool_] | None
Limits = tuple[float, float] | None

UNIT: Limits = (0.0, 1.0)


def brightness(image: sitk.Image, shift: float, mask: sitk.Image | None = None, limits: Limits = UNIT) -> sitk.Image:
    """Add ``shift`` to each voxel."""
    return changed(image, mask, "brightness", lambda array, _: array + np.float32(shift), limits)


def contrast(image: sitk.Image, factor: float, mask: sitk.Image | None = None, limits: Limits = UNIT) -> sitk.Image:
    """Multiply the difference from the mean by ``factor``; the mean is taken over the voxels that change."""

    def stretch(array: Floats, inside: Inside) -> Floats:
        mean = np.float32((array if inside is None else array[inside]).mean(dtype=np.float64))
        return mean + np.float32(factor) * (array - mean)

    return changed(image, mask, "contrast", stretch, limits)


def gamma(image: sitk.Image, exponent: float, mask: sitk.Image | None = None, limits: Limits = UNIT) -> sitk.Image:
    """Raise to the power ``exponent``, above 0: an exponent below 1 brightens, one above 1 darkens.

    The power is taken of the position between the limits, or between the smallest and the largest value of the image
    without limits.
    """
    if not exponent > 0:
        raise AugmentationError(f"gamma: the exponent is {exponent:g}; give one above 0")

    def power(array: Floats, _: Inside) -> Floats:
        if limits == UNIT:
            return array ** np.float32(exponent)
        low, high = limits or (float(array.min()), float(array.max()))
        if not low < high:
            raise NotApplicableError(f"gamma: no contrast, all voxels are {low:g}; give limits, or skip such images")
        found: Floats = array - np.float32(low)
        found /= np.float32(high - low)
        np.clip(found, 0, 1, out=found)
        found **= np.float32(exponent)
        found *= np.float32(high - low)
        found += np.float32(low)
        return found

    return changed(image, mask, "gamma", power, limits)


def bias_field(
    image: sitk.Image,
    coefficients: Sequence[float],
    order: int = 3,
    mask: sitk.Image | None = None,
    limits: Limits = UNIT,
) -> sitk.Image:
    """Multiply by exp(polynomial of the position), a model of the bias of an MR coil.

    The position runs from -1 to 1 along each axis of the image. There is one of ``coefficients`` for each term of
    :func:`bias_terms`, in the same order. What is multiplied lies above the lower limit, or above the smallest value of
    the image without limits. Van Leemput et al., IEEE Trans Med Imaging 18:885-896, 1999.
    """
    terms = bias_terms(order)
    if len(coefficients) != len(terms):
        raise AugmentationError(
            f"bias_field: {len(coefficients)} coefficients for order {order}; give {len(terms)}, one per term"
        )

    table = np.zeros([order + 1] * 3)
    table[tuple(np.transpose(terms))] = coefficients

    def multiply(array: Floats, _: Inside) -> Floats:
        places = (np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in array.shape)
        z, y, x = (place[:, None] ** np.arange(order + 1) for place in places)
        # The polynomials in x and y are the same in all slices.
        planes = np.einsum("ijk,yj,xi->kyx", table, y, x).astype(np.float32)
        floor = floor_of(array, limits)
        made = np.empty_like(array)
        for powers, old, new in zip(z.astype(np.float32), array, made, strict=True):
            exponent = sum(power * plane for power, plane in zip(powers, planes, strict=True))
            np.multiply(old - floor, np.exp(exponent), out=new)
            new += floor
        return made

    return changed(image, mask, "bias_field", multiply, limits)


def bias_terms(order: int) -> tuple[tuple[int, int, int], ...]:
    """The exponents (x, y, z) of all terms up to ``order``, without the constant."""
    powers = range(order + 1)
    return tuple((i, j, k) for i, j, k in product(powers, powers, powers) if 0 < i + j + k <= order)


def blur(image: sitk.Image, sigma_mm: float, mask: sitk.Image | None = None, limits: Limits = UNIT) -> sitk.Image:
    """Smooth with a Gaussian of standard deviation ``sigma_mm``, the same in mm along all axes."""
    if not sigma_mm >= 0:
        raise AugmentationError(f"blur: sigma is {sigma_mm:g}; give 0 or more")
    sigmas = [sigma_mm / spacing for spacing in reversed(image.GetSpacing())]
    return changed(image, mask, "blur", lambda array, _: ndimage.gaussian_filter(array, sigmas, mode="nearest"), limits)


def require_range(image: sitk.Image, what: str, limits: Limits = UNIT) -> None:
    """Refuse an image that is not finite float32 within the limits; ``what`` is the operation that needs it."""
    if limits is not None and not limits[0] < limits[1]:
        raise AugmentationError(f"{what}: the limits are {limits[0]:g} and {limits[1]:g}; give low < high")
    array = voxel_array(image)
    low, high = array.min(), array.max()
    least, most = limits or (-np.finfo(np.float32).max, np.finfo(np.float32).max)
    if array.dtype != np.float32 or not (low >= least and high <= most):  # a comparison with NaN is false
        wanted = f"float32 in [{least:g}, {most:g}]" if limits else "finite float32"
        advice = "normalise it first with clip (a window), min_max or percentile" if limits == UNIT else "convert it"
        other = ", or give its limits" if limits == UNIT else ""
        raise AugmentationError(
            f"{what}: the image is {array.dtype} from {low:g} to {high:g}, not {wanted}; {advice}{other}"
        )


def floor_of(array: Floats, limits: Limits) -> np.float32:
    """The value that means no signal: the lower limit, or the smallest value."""
    return np.float32(array.min() if limits is None else limits[0])


def changed(
    image: sitk.Image,
    mask: sitk.Image | None,
    what: str,
    change: Callable[[Floats, Inside], Floats],
    limits: Limits = UNIT,
) -> sitk.Image:
    """The image with ``change(array, inside)`` where the mask is not 0; ``inside`` is None without a mask."""
    require_range(image, what, limits)
    array, inside = voxel_array(image), None
    if mask is not None:
        require_same(image, mask, f"{what}: image and mask")
        inside = voxel_array(mask) != 0
        if not inside.any():
            return sitk.Image(image)
    with np.errstate(over="ignore", invalid="ignore"):
        made = change(array, inside)
    if limits is not None:
        np.clip(made, *limits, out=made)  # NaN stays
    if not np.isfinite(made.min() + made.max()):
        raise AugmentationError(f"{what}: the result is not finite; give a smaller change")
    return image_from_array(made if inside is None else np.where(inside, made, array), image)
