"""Volumes of highdicom as label volumes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pycemrg_core.api import LabelVolume


def label_volume(array: npt.NDArray[Any], affine: npt.NDArray[np.float64]) -> LabelVolume:
    """A label volume of an array (slice, row, column) and the matrix from its indices to LPS, mm.

    Slices are put in the order that makes the axes right-handed, as scanners write them.
    """
    if np.linalg.det(affine[:3, [2, 1, 0]]) < 0:
        array = array[::-1]
        affine = affine.copy()
        affine[:3, 3] += affine[:3, 0] * (len(array) - 1)
        affine[:3, 0] *= -1
    z, y, x = np.linalg.norm(affine[:3, :3], axis=0)
    direction = affine[:3, [2, 1, 0]] / (x, y, z)
    return LabelVolume(
        np.ascontiguousarray(array),
        (float(z), float(y), float(x)),
        origin=tuple(affine[:3, 3].tolist()),
        direction=tuple(direction.ravel().tolist()),
    )
