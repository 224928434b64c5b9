"""The hash by which a record knows the voxels of an image, whatever file they are in."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycemrg_core.images.boxes import Region, bounds, occupied


def hash_of(array: NDArray[Any], box: Region | None = None) -> str:
    """The SHA-256 of the voxels (z, y, x), in hexadecimal. The air around what is in an image costs nothing.

    Hashed are a line of text with the shape, the type and the box of all voxels that are not 0, and the voxels in the
    box in array order. ``box`` is that box, where it is known. A voxel may have several numbers, along a last axis.
    """
    if box is None:
        seen: Any = array if array.dtype.kind in "iu" else array != 0
        box = occupied(seen if seen.ndim == 3 else seen.any(axis=3))
    made = hashlib.sha256(f"{array.shape} {array.dtype} {bounds(box)}\n".encode())
    for plane in array[box]:
        made.update(np.ascontiguousarray(plane).data)
    return made.hexdigest()
