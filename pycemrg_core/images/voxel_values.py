"""Tests of the voxel values of float images: all must be finite, and whole numbers in a label map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pycemrg_core.errors import ImageError

ROUNDING = 1e-3
"""The largest distance of a label from a whole number; the slope of a NIfTI file can cause it, resampling more."""


def require_finite(array: npt.NDArray[Any], name: str) -> None:
    """Refuse NaN and infinity, plane by plane to save memory."""
    if array.dtype.kind == "f":
        _refuse_values(
            array,
            name,
            "NaN or infinite",
            lambda plane: ~np.isfinite(plane),
            "replace them with numbers in the program that wrote the file",
        )


def require_whole(array: npt.NDArray[Any], name: str) -> float:
    """Refuse a float (z, y, x) array with values that are not whole, up to rounding; return the largest difference."""
    remedy = "a label map holds integers: give the segmentation, resampled with nearest-neighbour interpolation"
    _refuse_values(array, name, "NaN or infinite", lambda plane: ~np.isfinite(plane), remedy)
    largest = max(float(np.abs(plane - np.rint(plane)).max()) for plane in array)
    if largest > ROUNDING:
        _refuse_values(
            array, name, "not whole numbers", lambda plane: np.abs(plane - np.rint(plane)) > ROUNDING, remedy
        )
    return largest


def _refuse_values(
    array: npt.NDArray[Any],
    name: str,
    what: str,
    wrong: Callable[[npt.NDArray[Any]], npt.NDArray[np.bool_]],
    remedy: str,
) -> None:
    """Refuse an array with wrong values; the message has their number and an example."""
    count, example = 0, ""
    for z, plane in enumerate(array):
        found = wrong(plane)
        if not example and found.any():
            y, x = np.unravel_index(int(found.argmax()), found.shape)
            # str, not a format: it has all digits that distinguish the value from a whole number.
            example = f"{plane[y, x]!s} at index (x, y, z) = ({x}, {y}, {z})"
        count += int(np.count_nonzero(found))
    if count:
        voxels = f"{count:,} voxel is" if count == 1 else f"{count:,} voxels are"
        raise ImageError(f"{name}: {voxels} {what}, for example {example}; {remedy}")
