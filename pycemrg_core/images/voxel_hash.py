"""The hash by which a record knows the voxels of an image, whatever file they are in."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycemrg_core.images.boxes import NOWHERE, Region, as_region, occupied


def hash_of(array: NDArray[Any], within: Region | None = None) -> str:
    """The SHA-256 of the voxels (z, y, x), in hexadecimal. The air around what is in an image costs nothing.

    Hashed are a line of text with the shape, the type and the box (``start:stop`` along z, y and x) of all voxels that
    are not 0, and the voxels in the box in array order. ``within`` is a box that holds them all, where one is known. A
    voxel may have several numbers, along further axes; a slice (y, x) is an image of one plane.
    """
    array = array[None] if array.ndim == 2 else array
    if within is None:
        seen: Any = array if array.dtype.kind in "iu" else array != 0
        box = occupied(seen if seen.ndim == 3 else seen.any(axis=tuple(range(3, seen.ndim))))
    else:
        box = _shrunk(array, within)
    sides = " ".join(f"{axis.start}:{axis.stop}" for axis in box)
    made = hashlib.sha256(f"{array.shape} {array.dtype} {sides}\n".encode())
    for plane in array[box]:
        made.update(np.ascontiguousarray(plane).data)
    return made.hexdigest()


def _shrunk(array: NDArray[Any], region: Region) -> Region:
    """The box without the planes at its sides that are all 0: usually there are few."""
    box = list(region)
    for axis in range(3):
        planes = np.moveaxis(array[tuple(box)], axis, 0)
        first = next((at for at, plane in enumerate(planes) if plane.any()), None)
        if first is None:
            return NOWHERE
        last = next(at for at in range(len(planes) - 1, -1, -1) if planes[at].any())
        box[axis] = slice(box[axis].start + first, box[axis].start + last + 1)
    return as_region(box)
