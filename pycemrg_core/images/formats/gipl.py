"""Headers of GIPL images (Guy's Image Processing Lab), ``.gipl``: 256 bytes, big-endian, then the voxels.

As SimpleITK and ITK-SNAP write them. Spacing has single precision; there is no direction.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from pycemrg_core.images.formats import files, grid
from pycemrg_core.images.formats.header import (
    FormatError,
    Header,
    Part,
    by,
    not_an_image,
    refuse_frames,
    require_volume,
)

LENGTH = 256
_MAGIC = (719555000, 4026526128)
_LAYOUT = struct.Struct(">4HH4f80s20f2B2d4d4fI")
_CODES = {7: "i1", 8: "u1", 15: "i2", 16: "u2", 31: "u4", 32: "i4", 64: "f4", 65: "f8"}
_NAMES = {1: "one bit", 144: "complex", 160: "complex", 192: "complex", 193: "complex"}
_IDENTITIES = ([0.0] * 16, [1.0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 1.0])
_REMEDY = "correct the header, or export it again"
_NO_DIRECTION = "a .gipl image has no direction: identity assumed"


def read_header(path: Path) -> Header:
    """Read and check the header of a GIPL file."""
    with files.open_file(path) as file:
        head = file.read(LENGTH)
    if len(head) < LENGTH or _LAYOUT.unpack(head)[-1] not in _MAGIC:
        if head[:2] == b"\x1f\x8b":
            raise FormatError("is gzipped; unpack it first")
        raise not_an_image("GIPL")
    raw: tuple[Any, ...] = _LAYOUT.unpack(head)
    size = _size(raw[:4])
    _refuse_meaning(raw)
    x, y, z = (float(value) for value in raw[5:8])
    left, posterior, superior = (float(value) for value in raw[34:37])
    grid.require_geometry((x, y, z), (left, posterior, superior), grid.IDENTITY)
    return Header(
        size=size,
        dtype=_dtype(raw[4]),
        spacing=(x, y, z),
        origin=(left, posterior, superior),
        direction=grid.IDENTITY,
        parts=(Part(path, LENGTH),),
        notes=(_NO_DIRECTION,),
    )


def _size(dimensions: tuple[int, ...]) -> tuple[int, int, int]:
    """The size (x, y, z); the number of frames is the fourth dimension, which some programs leave 0."""
    x, y, z, frames = dimensions
    if 0 in (x, y):
        raise FormatError(f"has no voxels ({by(dimensions)}); {_REMEDY}")
    if z == 0:
        require_volume((x, y))
    if frames > 1:
        refuse_frames(dimensions, frames)
    return x, y, z


def _dtype(code: int) -> np.dtype[Any]:
    if code not in _CODES:
        kind = _NAMES.get(code, f"type {code}")
        raise FormatError(f"its voxels ({kind}) are not one number per voxel that is read; convert them to integers")
    return np.dtype(f">{_CODES[code]}")


def _refuse_meaning(raw: tuple[Any, ...]) -> None:
    """Refuse fields that would give voxels another value or place; no two programs agree on them."""
    matrix, offset, scale = list(raw[10:26]), raw[38], raw[39]
    if matrix not in _IDENTITIES or any(raw[26:30]):
        raise FormatError("has a matrix of its own in the header, which says nothing certain; convert it to .nrrd")
    if (offset, scale) not in ((0.0, 0.0), (0.0, 1.0)):
        raise FormatError(
            f"asks for its values to be scaled by {scale:g} and moved by {offset:g}; export it without scaling"
        )
