"""Metrics of how well an image matches its reference, everywhere or inside a mask.

They are computed for some planes at a time, so they need little memory beside the two images.

References
----------
Wang, Bovik, Sheikh, Simoncelli: Image quality assessment: from error visibility to structural similarity.
IEEE Transactions on Image Processing 13(4), 2004. Computed in 3-D, like ``structural_similarity`` of scikit-image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from pycemrg_core.api import ImagePair, MetricError

Floats = NDArray[np.float64]

_SLAB = 1 << 16  # voxels; so much at once stays in the processor's cache


def mse(pair: ImagePair) -> float:
    """The mean of the squared differences, in squared units of the intensity."""
    return _mean(pair, lambda planes, _: (pair.prediction[planes] - pair.reference[planes]) ** 2)


def psnr(pair: ImagePair) -> float:
    """10 log10(data_range^2 / MSE) in dB; infinite for identical images."""
    error = pair.once(mse)
    return 10 * math.log10(pair.data_range**2 / error) if error else math.inf


def ssim(pair: ImagePair, window: float) -> float:
    """The mean structural similarity with a cubic, uniform window of ``window`` voxels.

    Without a mask, this is the mean over the voxels whose window is inside the image, as in scikit-image. With a
    mask, it is the mean over the mask; windows that cross the border see the image reflected. Raises
    :class:`MetricError` when the window is not an odd number from 3, or is larger than the image.
    """
    if window < 3 or window % 2 != 1:
        raise MetricError(f"the window is {window:g}; give an odd number of voxels, 3 or more")
    if min(pair.reference.shape) < window:
        shown = " x ".join(map(str, reversed(pair.reference.shape)))
        raise MetricError(
            f"the image ({shown} voxels) is smaller than the window of {window:g}; give a larger image, or set window"
        )
    size = int(window)
    # The variances are estimates for a larger window, as in scikit-image.
    return _similarity(pair, size // 2, _uniform(size), size**3 / (size**3 - 1))


def ssim_gaussian(pair: ImagePair, sigma: float) -> float:
    """The mean structural similarity with Gaussian weights of ``sigma`` voxels, as Wang et al. define it.

    The weights end at 3.5 ``sigma``. Voxels to average over are those of :func:`ssim`. Raises :class:`MetricError` when
    ``sigma`` is not positive, or the weights do not fit into the image.
    """
    if not 0 < sigma < math.inf:
        raise MetricError(f"sigma is {sigma:g}; give a positive number of voxels")
    # As wide as scikit-image's weights, which it cuts at 3.5 sigma.
    radius = int(3.5 * sigma + 0.5)
    width = 2 * radius + 1
    if min(pair.reference.shape) < width:
        shown = " x ".join(map(str, reversed(pair.reference.shape)))
        raise MetricError(
            f"the image ({shown} voxels) is smaller than the weights, {width} voxels wide; give a larger image, or a"
            " smaller sigma"
        )
    # Wang et al. use the variances of the window itself, not estimates for a larger one.
    return _similarity(pair, radius, _gaussian(sigma), 1.0)


Smooth = Callable[[Floats, int], Floats]
"""The weighted means along an axis."""


def _uniform(size: int) -> Smooth:
    from scipy import ndimage

    return lambda values, axis: np.asarray(ndimage.uniform_filter1d(values, size, axis))


def _gaussian(sigma: float) -> Smooth:
    from scipy import ndimage

    def smooth(values: Floats, axis: int) -> Floats:
        return np.asarray(ndimage.gaussian_filter(values, [sigma * (one == axis) for one in range(3)], truncate=3.5))

    return smooth


def _similarity(pair: ImagePair, radius: int, smooth: Smooth, estimate: float) -> float:
    """The mean of equation 13 of Wang et al.; variances are multiplied by ``estimate``."""
    c1, c2 = (0.01 * pair.data_range) ** 2, (0.03 * pair.data_range) ** 2
    border = radius if pair.mask is None else 0
    inner = tuple(slice(border, size - border) for size in pair.reference.shape[1:])

    def values(around: slice, planes: slice) -> Floats:
        def means(of: Floats) -> Floats:
            return smooth(smooth(smooth(of, 0)[planes], 1), 2)[:, *inner]

        x, y = pair.reference[around], pair.prediction[around]
        ux, uy = means(x), means(y)
        product, squares = ux * uy, ux**2 + uy**2
        covariance = estimate * (means(x * y) - product)
        variances = estimate * (means(x * x + y * y) - squares)
        return (2 * product + c1) * (2 * covariance + c2) / ((squares + c1) * (variances + c2))

    return _mean(pair, values, reach=radius, border=border)


def gradient_error(pair: ImagePair) -> float:
    """The mean length of the difference between the two gradients, per mm.

    Derivatives are central differences of the whole images, one-sided at the border. The mask only selects the
    voxels to average over.
    """
    return _slope_error(pair, 0, 1, 2)


def gradient_error_z(pair: ImagePair) -> float:
    """The mean absolute difference between the derivatives along z, per mm."""
    return _slope_error(pair, 0)


def gradient_error_y(pair: ImagePair) -> float:
    """The mean absolute difference between the derivatives along y, per mm."""
    return _slope_error(pair, 1)


def gradient_error_x(pair: ImagePair) -> float:
    """The mean absolute difference between the derivatives along x, per mm."""
    return _slope_error(pair, 2)


def _slope_error(pair: ImagePair, *axes: int) -> float:
    """The mean length of the derivatives along ``axes`` of the difference image: the difference of the derivatives."""
    for axis in axes:
        if pair.reference.shape[axis] < 2:
            raise MetricError(
                f"the image has one voxel along {'zyx'[axis]}, so it has no derivative there; give a 3-D image"
            )

    def values(around: slice, planes: slice) -> Floats:
        difference = pair.prediction[around] - pair.reference[around]

        def slope(axis: int) -> Floats:
            if axis == 0:
                return np.asarray(np.gradient(difference, pair.spacing[0], axis=0))[planes]
            return np.asarray(np.gradient(difference[planes], pair.spacing[axis], axis=axis))

        if len(axes) == 1:
            return np.abs(slope(*axes))
        return np.sqrt(sum((slope(axis) ** 2 for axis in axes), np.float64(0)))

    return _mean(pair, values, reach=1 if 0 in axes else 0)


def _mean(pair: ImagePair, values: Callable[[slice, slice], Floats], *, reach: int = 0, border: int = 0) -> float:
    """The mean over the mask, or else over all planes but ``border`` at both ends.

    ``values(around, planes)`` are those of some planes: ``around`` are these planes of the image and ``reach`` more on
    both sides, as far as there are any, and ``planes`` are their places in ``around``.
    """
    sums, count = [], 0
    for around, planes in _slabs(pair.reference.shape, reach, border):
        mask = None if pair.mask is None else pair.mask[around][planes]
        if mask is None or mask.any():
            found = values(around, planes)
            found = found if mask is None else found[mask]
            sums.append(float(found.sum()))
            count += found.size
    return math.fsum(sums) / count


def _slabs(shape: tuple[int, ...], reach: int, border: int) -> Iterator[tuple[slice, slice]]:
    depth, height, width = shape
    # Planes that are only looked at cost time: no more of them than of the others.
    thick = max(_SLAB // (height * width), 2 * reach, 1)
    for start in range(border, depth - border, thick):
        stop = min(start + thick, depth - border)
        first = max(start - reach, 0)
        yield slice(first, min(stop + reach, depth)), slice(start - first, stop - first)
