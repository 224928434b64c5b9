"""Compare the grids of two images: size, spacing, origin and direction."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import SimpleITK as sitk

_TOLERANCE = 0.1  # voxels; files store directions with few digits, and no measurement here is more accurate than this


def grid_difference(image: sitk.Image, like: sitk.Image) -> str:
    """The differences between the grids of ``image`` and ``like``, in words; empty when they share a grid.

    Sizes must be equal, and corresponding corner voxels must not differ by more than a tenth of the smallest
    spacing.
    """
    if image.GetSize() == like.GetSize() and _shift(image, like) <= _TOLERANCE * min(like.GetSpacing()):
        return ""
    parts = (
        ("size", _shown(image.GetSize(), " x "), _shown(like.GetSize(), " x ")),
        ("spacing", f"{_shown(image.GetSpacing())} mm", f"{_shown(like.GetSpacing())} mm"),
        ("origin", f"{_shown(image.GetOrigin())} mm", f"{_shown(like.GetOrigin())} mm"),
        ("direction", _shown(image.GetDirection()), _shown(like.GetDirection())),
    )
    return "; ".join(f"{what} {mine}, not {other}" for what, mine, other in parts if mine != other)


def _shift(image: sitk.Image, like: sitk.Image) -> float:
    """The largest distance in mm between corresponding corner voxels of two grids of the same size."""
    corners = product(*((0, size - 1) for size in like.GetSize()))
    return max(
        float(np.linalg.norm(np.subtract(*(one.TransformIndexToPhysicalPoint(corner) for one in (image, like)))))
        for corner in corners
    )


def _shown(numbers: Sequence[float], between: str = ", ") -> str:
    return between.join(f"{number:.6g}" for number in numbers)
