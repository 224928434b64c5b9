"""The artefact of a patient who moves while an MR image is measured."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import SimpleITK as sitk

from pycemrg_augment.transforms.intensity import UNIT, Floats, Inside, Limits, changed, floor_of
from pycemrg_augment.transforms.moving import affine_matrix, move_volume
from pycemrg_core.api import AugmentationError, image_from_array, voxel_array

Pose = tuple[Sequence[float], Sequence[float]]
"""Degrees about the axes (x, y, z) of the image, and shift along them in mm."""


def motion(
    image: sitk.Image, poses: Sequence[Pose], times: Sequence[float], axis: int = 1, limits: Limits = UNIT
) -> sitk.Image:
    """Measure the lines of k-space along ``axis`` (0 for x) one after another, while the patient takes several poses.

    Pose i lasts from ``times[i - 1]`` to ``times[i]``, shares of the whole time; there is one pose more than times. The
    lines run from the lowest frequency, over 0 in the middle of the time, to the highest. Make the pose in the middle
    all zeros (see :func:`pose_in_the_middle`), so that labels stay in place. The signal is what lies above the lower
    limit. After Shaw et al., MRI k-space motion artefact augmentation, Proc MIDL 2019.
    """
    edges = [0.0, *times, 1.0]
    if len(poses) != len(edges) - 1 or any(before > after for before, after in pairwise(edges)):
        raise AugmentationError(
            f"motion: {len(poses)} poses for the times {list(times)}; give rising times in [0, 1] and one pose more"
        )
    along = 2 - axis

    def measure(array: Floats, _: Inside) -> Floats:
        floor = floor_of(array, limits)
        signal = image_from_array(array - floor, image)
        lines = np.fft.fftshift(np.arange(array.shape[along]))  # from the lowest frequency to the highest
        cuts = [round(edge * len(lines)) for edge in edges]
        measured = np.zeros(array.shape, np.complex64)
        for pose, (first, last) in zip(poses, pairwise(cuts), strict=True):
            chosen: list[slice | np.ndarray[tuple[int], np.dtype[np.intp]]] = [slice(None)] * 3
            chosen[along] = lines[first:last]
            still = not np.any(pose)
            posed = signal if still else move_volume(signal, affine_matrix(pose[0]), pose[1])
            measured[tuple(chosen)] = np.fft.fft(voxel_array(posed), axis=along)[tuple(chosen)]
        found: Floats = np.abs(np.fft.ifft(measured, axis=along)).astype(np.float32) + floor
        return found

    return changed(image, None, "motion", measure, limits)


def pose_in_the_middle(times: Sequence[float]) -> int:
    """The number of the pose at the middle of the time, when the frequency 0 is measured."""
    return sum(time <= 0.5 for time in times)
