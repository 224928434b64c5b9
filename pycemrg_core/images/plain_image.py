"""An image of any voxel type without SimpleITK, which needs no memory for air."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from numpy.typing import NDArray

from pycemrg_core.images.label_volume import LabelVolume, Point


@frozen(eq=False, kw_only=True)
class PlainImage:
    """An image as an array (z, y, x) of integers or floats, with the geometry of a :class:`LabelVolume`.

    ``spacing`` is (z, y, x) in mm; ``origin`` and ``direction`` are (x, y, z).
    """

    array: NDArray[Any]
    spacing: tuple[float, float, float]
    origin: Point
    direction: tuple[float, ...]

    def labels(self, array: NDArray[Any]) -> LabelVolume:
        """A label map at the same place."""
        return LabelVolume(array, self.spacing, origin=self.origin, direction=self.direction)
