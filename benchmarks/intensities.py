"""Rows of ``all.py``: augmentations of intensities, against SimpleITK and batchgenerators where they do the same.

The image is a cube of 160 voxels along each side, float32 from 0 to 1. One thread. Noise is the same when its mean and
standard deviation are; else the voxels are compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from measuring import Measured, Row, added, ratio
from numpy.typing import NDArray

SIZE, SIGMA = 160, 0.05
Array = NDArray[Any]


def cube() -> Any:
    """The image; its voxels are smooth, so that few are at the ends of the range."""
    import SimpleITK as sitk

    array = np.random.default_rng(0).random((SIZE, SIZE, SIZE), np.float32)
    image = sitk.GetImageFromArray(0.3 + 0.4 * array)
    image.SetSpacing((0.9, 1.1, 1.3))
    return image


def against(
    ours: Callable[[Any], Any], theirs: Callable[[Any, Array], Any], noisy: bool = False, most: float = 1e-6
) -> Callable[[int], Measured]:
    """A row: an image by our function, against another's, which gets the image and its voxels."""

    def measure(turns: int) -> Measured:
        import SimpleITK as sitk

        image = cube()
        array = sitk.GetArrayFromImage(image)
        one = sitk.GetArrayFromImage(ours(image))
        other = theirs(image, array)
        other = sitk.GetArrayFromImage(other) if isinstance(other, sitk.Image) else np.asarray(other)
        other = other.reshape(one.shape)
        same = np.abs(one - other).max() <= most
        if noisy:
            moments = [(float((each - array).mean()), float((each - array).std())) for each in (one, other)]
            same = np.allclose(*moments, rtol=0.01, atol=SIGMA / 100)
        return ratio(lambda: ours(image), lambda: theirs(image, array), turns, same=bool(same))

    return measure


def noise(image: Any) -> Any:
    from pycemrg_augment.transforms.noise import gaussian_noise

    return gaussian_noise(image, np.random.default_rng(1), SIGMA)


def noise_by_itk(image: Any, _: Array) -> Any:
    import SimpleITK as sitk

    return sitk.Clamp(sitk.AdditiveGaussianNoise(image, SIGMA, 0.0, 1), sitk.sitkFloat32, 0, 1)


def noise_by_batchgenerators(_: Any, array: Array) -> Any:
    from batchgenerators.augmentations.noise_augmentations import augment_gaussian_noise

    return np.clip(augment_gaussian_noise(array[None].copy(), (SIGMA, SIGMA)), 0, 1)


def window(image: Any) -> Any:
    from pycemrg_augment.transforms.normalising import clip

    return clip(image, (0.4, 0.6))


def window_by_itk(image: Any, _: Array) -> Any:
    import SimpleITK as sitk

    return sitk.IntensityWindowing(image, 0.4, 0.6, 0, 1)


def gamma(image: Any) -> Any:
    from pycemrg_augment.transforms.intensity import gamma

    return gamma(image, 1.3, limits=None)


def gamma_by_batchgenerators(_: Any, array: Array) -> Any:
    from batchgenerators.augmentations.color_augmentations import augment_gamma

    return augment_gamma(array[None].copy(), (1.3, 1.3), per_channel=False)


def blur(image: Any) -> Any:
    from pycemrg_augment.transforms.intensity import blur

    return blur(image, 1.0)


def blur_by_itk(image: Any, _: Array) -> Any:
    import SimpleITK as sitk

    return sitk.SmoothingRecursiveGaussian(image, 1.0)


def memory(_: int) -> Measured:
    image = cube()
    noise(image)  # imports
    extra = added(lambda: noise(image))
    return Measured(value=extra / SIZE**3, note="4 of them are the result")


ROWS = (
    Row(
        name="noise_itk",
        what="augment: Gaussian noise, 160³",
        against="SimpleITK: noise, then Clamp",
        measure=against(noise, noise_by_itk, noisy=True),
        budget=2,
        aim=1,
        unit="x",
    ),
    Row(
        name="noise_memory",
        what="augment: memory of Gaussian noise, 160³",
        against="a voxel of the image",
        measure=memory,
        unit=" bytes",
    ),
    Row(
        name="noise_batchgenerators",
        what="augment: Gaussian noise, 160³",
        against="batchgenerators: noise, then clip",
        measure=against(noise, noise_by_batchgenerators, noisy=True),
        budget=1,
        unit="x",
    ),
    Row(
        name="window_itk",
        what="augment: clip to a window, 160³",
        against="SimpleITK: IntensityWindowing",
        measure=against(window, window_by_itk),
        budget=2,
        aim=1,
        unit="x",
    ),
    Row(
        name="gamma_batchgenerators",
        what="augment: gamma, 160³",
        against="batchgenerators: gamma",
        measure=against(gamma, gamma_by_batchgenerators),
        budget=1.5,
        aim=1,
        unit="x",
    ),
    Row(
        name="blur_itk",
        what="augment: Gaussian blur of 1 mm, 160³",
        against="SimpleITK: SmoothingRecursiveGaussian (an approximation)",
        measure=against(blur, blur_by_itk, most=0.02),
        budget=1,
        unit="x",
    ),
)
