"""Hearts whose veins were moved towards each other, turned or thickened: what the rings must stand.

A variant is made from a label map with the integers of the scheme ``cemrg`` and voxels of 1 mm. Only background is
written over, so that chambers and the other veins stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from pycemrg_core.api import LabelVolume, dilate
from pycemrg_core.images.answers import places_in

Array = npt.NDArray[Any]

ROOT = {8: 4, 9: 4, 10: 4, 11: 4, 12: 4, 13: 5, 14: 5}
"""The atrium that each vein opens into."""

NAME = {8: "LPV1", 9: "LPV2", 10: "RPV1", 11: "RPV2", 12: "LAA", 13: "SVC", 14: "IVC"}

_MM = (1.0, 1.0, 1.0)
_ROOM = 8  # voxels round a heart


def at_1_mm(volume: LabelVolume) -> LabelVolume:
    """The heart on a grid of 1 mm by nearest neighbour, with room round it."""
    index = []
    for size, spacing in zip(volume.array.shape, volume.spacing, strict=True):
        count = int((size - 1) * spacing) + 1
        index.append(np.minimum(np.round(np.arange(count) / spacing).astype(int), size - 1))
    return LabelVolume(np.pad(volume.array[np.ix_(*index)], _ROOM), _MM)


def variants(array: Array) -> Iterator[tuple[str, Array]]:
    """All variants of one heart by what was done to it; the first is the heart itself."""

    def together(a: int, b: int, mm: float) -> Array:
        return moved(moved(array, b, _middle(array, a), mm / 2), a, _middle(array, b), mm / 2)

    yield "as it is", array
    for mm in (1, 2, 3, 4):
        yield f"SVC and RPV1 {mm} mm nearer", together(13, 10, mm)
    for a, b in ((10, 11), (8, 9), (8, 12)):
        for mm in (2, 4):
            yield f"{NAME[a]} and {NAME[b]} {mm} mm nearer", together(a, b, mm)
    for degrees in (10, 20):
        yield f"SVC turned {degrees} degrees to RPV1", turned(array, 13, _middle(array, 10), degrees)
        yield f"RPV1 turned {degrees} degrees to SVC", turned(array, 10, _middle(array, 13), degrees)
    for mm in (1, 2, 3):
        yield f"SVC {mm} mm thicker", thickened(array, (13,), mm)
        yield f"RPV1 {mm} mm thicker", thickened(array, (10,), mm)
    for mm in (1, 2):
        yield f"all veins {mm} mm thicker", thickened(array, tuple(ROOT), mm)


def moved(array: Array, vein: int, towards: Array, mm: float) -> Array:
    """The vein moved sideways in the direction of a point, and drawn out into its atrium."""
    _, axis = _axis(array, vein)
    places = places_in(array == vein)
    step = towards - places.mean(axis=0)
    step -= (step @ axis) * axis
    step *= mm / max(float(np.linalg.norm(step)), 1e-9)
    out = np.where(array == vein, 0, array)
    for back in np.arange(0, mm + 3.0, 0.5):
        _paint(out, np.round(places + step - back * axis).astype(int), vein)
    return out


def turned(array: Array, vein: int, towards: Array, degrees: float) -> Array:
    """The vein turned round the middle of its mouth, towards a point."""
    mouth, axis = _axis(array, vein)
    side = towards - mouth
    side -= (side @ axis) * axis
    side /= max(float(np.linalg.norm(side)), 1e-9)
    angle = np.radians(degrees)
    frame = np.stack([axis, side, np.cross(axis, side)])
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    rotation = frame.T @ turn @ frame
    places = places_in(array == vein)
    low, high = np.maximum(places.min(axis=0) - 12, 0), np.minimum(places.max(axis=0) + 13, array.shape)
    grid = np.stack(np.meshgrid(*map(np.arange, low, high), indexing="ij"), axis=-1).reshape(-1, 3)
    source = np.round((grid - mouth) @ rotation + mouth).astype(int)  # the inverse of a rotation is its transpose
    there = ((source >= 0) & (source < array.shape)).all(axis=1)
    grid, source = grid[there], source[there]
    out = np.where(array == vein, 0, array)
    _paint(out, grid[array[tuple(source.T)] == vein], vein)
    return out


def thickened(array: Array, veins: tuple[int, ...], mm: float) -> Array:
    """Veins thicker all round, but no longer; of two the first gets a voxel."""
    out = array.copy()
    for vein in veins:
        mouth, axis = _axis(array, vein)
        along = (places_in(array == vein) - mouth) @ axis
        grown = places_in(dilate(array == vein, _MM, mm))
        height = (grown - mouth) @ axis
        _paint(out, grown[(height <= along.max()) & (height >= along.min())], vein)
    return out


def _paint(out: Array, places: Array, vein: int) -> None:
    """Write a vein on the background among some places."""
    places = places[((places >= 0) & (places < out.shape)).all(axis=1)]
    places = places[out[tuple(places.T)] == 0]
    out[tuple(places.T)] = vein


def _middle(array: Array, vein: int) -> Array:
    found: Array = places_in(array == vein).mean(axis=0)
    return found


def _axis(array: Array, vein: int) -> tuple[Array, Array]:
    """The middle of a vein's mouth, and the unit vector from there to its middle, in voxels."""
    mask = array == vein
    near = dilate(array == ROOT[vein], _MM, 1.0) & mask
    mouth = places_in(near if near.any() else mask).mean(axis=0)
    axis = places_in(mask).mean(axis=0) - mouth
    return mouth, axis / max(float(np.linalg.norm(axis)), 1e-9)
