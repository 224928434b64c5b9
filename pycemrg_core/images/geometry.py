"""Compare the grids of two images: size, spacing, origin and direction."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.images.plain_image import PlainImage

if TYPE_CHECKING:
    import SimpleITK as sitk
    from numpy.typing import NDArray

_TOLERANCE = 0.1  # voxels; files store directions with few digits, and no measurement here is more accurate than this


def grid_difference(image: sitk.Image | LabelVolume | PlainImage, like: sitk.Image | LabelVolume | PlainImage) -> str:
    """The differences between the grids of ``image`` and ``like``, in words; empty when they share a grid.

    Sizes must be equal, and corresponding corner voxels must not differ by more than a tenth of the smallest
    spacing.
    """
    one, other = _Grid.of(image), _Grid.of(like)
    if one.size == other.size and _shift(one, other) <= _TOLERANCE * min(other.spacing):
        return ""
    parts = (
        ("size", _shown(one.size, " x "), _shown(other.size, " x ")),
        ("spacing", f"{_shown(one.spacing)} mm", f"{_shown(other.spacing)} mm"),
        ("origin", f"{_shown(one.origin)} mm", f"{_shown(other.origin)} mm"),
        ("direction", _shown(one.direction), _shown(other.direction)),
    )
    return "; ".join(f"{what} {mine}, not {theirs}" for what, mine, theirs in parts if mine != theirs)


class _Grid(NamedTuple):
    size: tuple[int, ...]
    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    direction: tuple[float, ...]

    @classmethod
    def of(cls, image: sitk.Image | LabelVolume | PlainImage) -> _Grid:
        if isinstance(image, (LabelVolume, PlainImage)):
            return cls(image.array.shape[::-1], image.spacing[::-1], image.origin, image.direction)
        return cls(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())

    def corners(self) -> NDArray[np.float64]:
        """The places of the corner voxels, one a row, in mm."""
        corners = np.array(list(product(*((0, size - 1) for size in self.size))))
        axes = np.reshape(np.array(self.direction, np.float64), (len(self.size), -1))
        found: NDArray[np.float64] = np.array(self.origin) + corners * np.array(self.spacing) @ axes.T
        return found


def _shift(one: _Grid, other: _Grid) -> float:
    """The largest distance in mm between corresponding corner voxels of two grids of the same size."""
    return float(np.linalg.norm(one.corners() - other.corners(), axis=1).max())


def _shown(numbers: Sequence[float], between: str = ", ") -> str:
    return between.join(f"{number:.6g}" for number in numbers)
