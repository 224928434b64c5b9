"""Metrics of how well an image matches its reference, everywhere or inside a mask.

References
----------
Wang, Bovik, Sheikh, Simoncelli: Image quality assessment: from error visibility to structural similarity.
IEEE Transactions on Image Processing 13(4), 2004. Computed in 3-D, like ``structural_similarity`` of scikit-image.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycemrg_core.api import ImagePair, MetricError

Floats = NDArray[np.float64]


def mse(pair: ImagePair) -> float:
    """The mean of the squared differences, in squared units of the intensity."""
    return float(_within((pair.prediction - pair.reference) ** 2, pair).mean())


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
    return _similarity(pair, win_size=int(window))


def ssim_gaussian(pair: ImagePair, sigma: float) -> float:
    """The mean structural similarity with Gaussian weights of ``sigma`` voxels, as Wang et al. define it.

    The weights end at 3.5 ``sigma``. Voxels to average over are those of :func:`ssim`. Raises :class:`MetricError` when
    ``sigma`` is not positive, or the weights do not fit into the image.
    """
    if not 0 < sigma < math.inf:
        raise MetricError(f"sigma is {sigma:g}; give a positive number of voxels")
    # As wide as scikit-image's weights, which it cuts at 3.5 sigma.
    width = 2 * int(3.5 * sigma + 0.5) + 1
    if min(pair.reference.shape) < width:
        shown = " x ".join(map(str, reversed(pair.reference.shape)))
        raise MetricError(
            f"the image ({shown} voxels) is smaller than the weights, {width} voxels wide; give a larger image, or a"
            " smaller sigma"
        )
    # Wang et al. use the variances of the window itself, not estimates for a larger one.
    return _similarity(pair, gaussian_weights=True, sigma=sigma, use_sample_covariance=False)


def _similarity(pair: ImagePair, **options: Any) -> float:
    from skimage.metrics import structural_similarity

    compute: Any = structural_similarity
    mean, every = compute(pair.reference, pair.prediction, data_range=pair.data_range, full=True, **options)
    return float(mean if pair.mask is None else every[pair.mask].mean())


def gradient_error(pair: ImagePair) -> float:
    """The mean length of the difference between the two gradients, per mm.

    Derivatives are central differences of the whole images, one-sided at the border. The mask only selects the
    voxels to average over.
    """
    return float(_within(np.sqrt(sum(_slopes(pair, axis) ** 2 for axis in range(3))), pair).mean())


def gradient_error_z(pair: ImagePair) -> float:
    """The mean absolute difference between the derivatives along z, per mm."""
    return _slope_error(pair, 0)


def gradient_error_y(pair: ImagePair) -> float:
    """The mean absolute difference between the derivatives along y, per mm."""
    return _slope_error(pair, 1)


def gradient_error_x(pair: ImagePair) -> float:
    """The mean absolute difference between the derivatives along x, per mm."""
    return _slope_error(pair, 2)


def _slope_error(pair: ImagePair, axis: int) -> float:
    return float(_within(np.abs(_slopes(pair, axis)), pair).mean())


def _slopes(pair: ImagePair, axis: int) -> Floats:
    """The derivative of the difference image, which is the difference of the derivatives."""
    if pair.reference.shape[axis] < 2:
        raise MetricError(
            f"the image has one voxel along {'zyx'[axis]}, so it has no derivative there; give a 3-D image"
        )
    difference = pair.once(_difference)
    return np.asarray(np.gradient(difference, pair.spacing[axis], axis=axis))


def _difference(pair: ImagePair) -> Floats:
    return pair.prediction - pair.reference


def _within(values: Floats, pair: ImagePair) -> Floats:
    return values if pair.mask is None else values[pair.mask]
