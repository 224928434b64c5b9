"""What is fused: structures by name, each a mask on the grid of its file."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycemrg_core.api import AnyImage, LabelError, LabelVolume, Region, Zone, counted, volume_given

Floats = NDArray[np.float64]
Point = tuple[float, float, float]


@frozen(eq=False)
class Grid:
    """Where voxels are: ``shape`` and ``spacing`` along (z, y, x), ``origin`` (x, y, z) in mm, ``direction``."""

    shape: tuple[int, int, int]
    spacing: Point
    origin: Point = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

    @classmethod
    def of(cls, volume: LabelVolume) -> Grid:
        """The grid of a label map."""
        z, y, x = volume.array.shape
        return cls((z, y, x), volume.spacing, volume.origin, volume.direction)

    @property
    def steps(self) -> Floats:
        """The step (x, y, z) in mm from a voxel to the next, one column for each array axis (z, y, x)."""
        cosines = np.reshape(np.array(self.direction, np.float64), (3, 3))
        found: Floats = (cosines * np.array(self.spacing[::-1]))[:, ::-1]
        return found

    def points_mm(self, places: NDArray[np.number]) -> Floats:
        """The points (n, 3), (x, y, z), of array indices (n, 3), (z, y, x)."""
        found: Floats = np.asarray(places) @ self.steps.T + np.array(self.origin)
        return found

    def indices(self, points: Floats) -> Floats:
        """The array indices (n, 3), (z, y, x), with fractions, of points (n, 3)."""
        found: Floats = (np.asarray(points) - np.array(self.origin)) @ np.linalg.inv(self.steps).T
        return found

    def corners_mm(self, region: Region) -> Floats:
        """The points of the eight corner voxels of a box."""
        return self.points_mm(np.array(list(product(*((axis.start, axis.stop - 1) for axis in region)))))

    def cut(self, region: Region) -> Grid:
        """The part of the grid in a box, which may also reach beyond it."""
        x, y, z = self.points_mm(np.array([[axis.start for axis in region]]))[0].tolist()
        depth, height, width = (axis.stop - axis.start for axis in region)
        return Grid((depth, height, width), self.spacing, (x, y, z), self.direction)

    def as_data(self) -> dict[str, list[Any]]:
        """The grid as plain data, everything along (x, y, z)."""
        return {
            "size": list(self.shape[::-1]),
            "spacing": list(self.spacing[::-1]),
            "origin": list(self.origin),
            "direction": list(self.direction),
        }

    def empty(self) -> NDArray[np.uint8]:
        """An array of background."""
        return np.zeros(self.shape, np.uint8)


@frozen(eq=False)
class Source:
    """One file or folder: its ``name`` in messages, its ``grid``, and masks on it by the structure's canonical name.

    ``files`` are those that it was read from, and ``sha256`` their hashes. ``ignored`` are names in it that are no
    parts of a heart, ``notes`` are for the user.
    """

    name: str
    grid: Grid
    masks: Mapping[str, Zone] = field(repr=lambda masks: counted(len(masks), "mask"))
    files: tuple[Path, ...] = ()
    sha256: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, image: AnyImage, labels: Mapping[int, str]) -> Source:
        """A source from a label map, or its path, and the structure of each of its integers; the rest is ignored.

        Raises :class:`LabelError` for what is no name, or no structures by integer.
        """
        if not isinstance(name, str) or not name:
            raise LabelError(f"{name!r:.60} is no name of a source; give a text")
        if not isinstance(labels, Mapping) or not all(
            isinstance(value, Integral) and value > 0 and isinstance(one, str) for value, one in labels.items()
        ):
            raise LabelError(f"{name}: the labels are {labels!r:.60}; give the structure of each, as in {{1: 'LV_BP'}}")
        volume = volume_given(image)
        boxes = volume.boxes
        masks: dict[str, Zone] = {}
        for structure in dict.fromkeys(labels.values()):
            values = [value for value, one in labels.items() if one == structure and value in boxes]
            if values:
                region = volume.region(values)
                masks[structure] = Zone(region, volume.mask(values, region))
        ignored = tuple(str(value) for value in boxes if value not in labels)
        return cls(name, Grid.of(volume), masks, ignored=ignored)
