"""Headers of legacy VTK files, ``.vtk``, that hold an image: STRUCTURED_POINTS with one number per point.

As in https://docs.vtk.org/en/latest/vtk_file_formats/vtk_legacy_file_format.html. The format has no direction, and
binary voxels are big-endian.
"""

from __future__ import annotations

import math
import os
import re
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np

from pycemrg_core.images.formats import files, grid
from pycemrg_core.images.formats.header import (
    FormatError,
    Header,
    Part,
    not_an_image,
    numbers,
    refuse_channels,
    shown,
    whole,
    wholes,
)

_MAGIC = re.compile(r"# vtk DataFile Version [1-9]\.[0-9]", re.ASCII | re.IGNORECASE)
_MESHES = ("POLYDATA", "UNSTRUCTURED_GRID", "STRUCTURED_GRID", "RECTILINEAR_GRID")
_DTYPES = {
    "char": "i1",
    "signed_char": "i1",
    "unsigned_char": "u1",
    "short": "i2",
    "unsigned_short": "u2",
    "int": "i4",
    "unsigned_int": "u4",
    "float": "f4",
    "double": "f8",
    # On the systems that write 8 bytes for it; where it has 4, the data is too short and refused.
    "long": "i8",
    "unsigned_long": "u8",
    "vtktypeint64": "i8",
    "vtktypeuint64": "u8",
}
_FIELDS = ("DIMENSIONS", "ORIGIN", "SPACING", "ASPECT_RATIO", "POINT_DATA")
# What VTK writes after the voxels.
_END = re.compile(rb"(\r?\n)?(METADATA\r?\nINFORMATION 0\r?\n(\r?\n)?)?")
_LONGEST_END = 100
_REMEDY = "correct the header, or export it again"
_NO_DIRECTION = "a .vtk image has no direction: identity assumed"


def read_header(path: Path) -> Header:
    """Read and check the header of a legacy VTK image."""
    with files.open_file(path) as file:
        encoding = _encoding(file)
        fields, values = _fields(file)
        dtype = _dtype(values, encoding)
        start = file.tell()
        for key in ("DIMENSIONS", "POINT_DATA"):
            if key not in fields:
                raise FormatError(f"its header has no field {key}; export it again")
        x, y, z = wholes(fields["DIMENSIONS"], "DIMENSIONS", 3)
        points = whole(fields["POINT_DATA"], "POINT_DATA", 1, 1 << 62)
        if points != math.prod((x, y, z)):
            raise FormatError(f"POINT_DATA {points:,} contradicts DIMENSIONS {x} {y} {z}; {_REMEDY}")
        tail = _tail(file, start, points * dtype.itemsize, encoding)
    spacing, origin, notes = _geometry(fields)
    return Header(
        size=(x, y, z),
        dtype=dtype,
        spacing=spacing,
        origin=origin,
        direction=grid.IDENTITY,
        parts=(Part(path, start, tail=tail),),
        encoding=encoding,
        notes=(*notes, _NO_DIRECTION),
    )


def _encoding(file: BufferedReader) -> str:
    """The encoding of the voxels, after the three lines that begin every legacy file."""
    magic, _title, how = (files.header_line(file, "VTK", count) or "" for count in range(3))
    if not _MAGIC.fullmatch(magic.rstrip()):
        raise not_an_image("legacy VTK")
    encodings = {"BINARY": "raw", "ASCII": "text"}
    if how.strip().upper() not in encodings:
        raise FormatError(f"its third line is {shown(how)}, not BINARY or ASCII; {_REMEDY}")
    return encodings[how.strip().upper()]


def _fields(file: BufferedReader) -> tuple[dict[str, str], list[str]]:
    """The fields of the header, and the words of the line that describes the voxels, which come next."""
    fields: dict[str, str] = {}
    dataset = ""
    count = 0
    while (line := files.header_line(file, "VTK", count := count + 1)) is not None:
        word, _, rest = line.strip().partition(" ")
        key = word.upper()
        if not key:
            continue
        if key == "DATASET" and not dataset:
            dataset = _dataset(rest.strip().upper())
        elif key in ("SCALARS", "COLOR_SCALARS") and dataset:
            if key == "SCALARS":
                _require_table(file, count)
            return fields, [key, *rest.split()]
        elif key in _FIELDS and key not in fields and dataset:
            fields[key] = rest.strip()
        elif key == "CELL_DATA":
            raise FormatError("its values belong to cells, not to points; export the values of points, or .nrrd")
        else:
            what = (
                "twice or too early"
                if key in (*_FIELDS, "DATASET", "SCALARS", "COLOR_SCALARS")
                else "which is not read"
            )
            raise FormatError(f"its header has the line {shown(line)}, {what}; {_REMEDY}")
    raise FormatError("its header has no field SCALARS; export it again with one number per point")


def _dataset(kind: str) -> str:
    if kind in _MESHES:
        raise FormatError(f"holds a mesh or grid ({kind}), not an image of STRUCTURED_POINTS; give the image")
    if kind != "STRUCTURED_POINTS":
        raise FormatError(f"DATASET is {shown(kind)}, not STRUCTURED_POINTS; {_REMEDY}")
    return kind


def _require_table(file: BufferedReader, count: int) -> None:
    """Read the line of the colour table, which follows SCALARS; the voxels follow it."""
    line = files.header_line(file, "VTK", count) or ""
    words = line.split()
    if len(words) != 2 or words[0].upper() != "LOOKUP_TABLE":
        raise FormatError(f"SCALARS is followed by {shown(line)}, not by LOOKUP_TABLE and a name; {_REMEDY}")


def _dtype(values: list[str], encoding: str) -> np.dtype[Any]:
    """The voxel type of the line SCALARS or COLOR_SCALARS, with its byte order."""
    key, *words = values
    colours = key == "COLOR_SCALARS"
    if not (len(words) == 2 or (len(words) == 3 and not colours)):
        raise FormatError(f"{key} is {shown(' '.join(words))}, not a name and a type; {_REMEDY}")
    channels = whole(words[-1], f"the number of values of {key}", 1, 1000) if colours or len(words) == 3 else 1
    if channels > 1:
        refuse_channels(channels)
    if colours and encoding == "text":
        raise FormatError("its voxels are colours from 0 to 1 as text; export it as BINARY, or .nrrd")
    code = "u1" if colours else _DTYPES.get(words[1].lower())
    if code is None:
        raise FormatError(f"voxels of the type {shown(words[1])} are not read; convert them to integers")
    return np.dtype(f"{'=' if encoding == 'text' else '>'}{code}")


def _tail(file: BufferedReader, start: int, length: int, encoding: str) -> int:
    """How many bytes after the voxels are a line end and information that VTK leaves empty; others will be refused."""
    end = os.fstat(file.fileno()).st_size
    if encoding == "text":
        file.seek(max(start, end - _LONGEST_END))
        rest = file.read(_LONGEST_END)
        rest = rest[rest.find(b"METADATA") :] if b"METADATA" in rest else b""
    else:
        file.seek(start + length)
        rest = file.read(_LONGEST_END) if start + length < end <= start + length + _LONGEST_END else b""
    return len(rest) if _END.fullmatch(rest) else 0


def _geometry(
    fields: dict[str, str],
) -> tuple[tuple[float, float, float], tuple[float, float, float], tuple[str, ...]]:
    if {"SPACING", "ASPECT_RATIO"} <= fields.keys():
        raise FormatError(f"its header has both SPACING and ASPECT_RATIO; {_REMEDY}")
    key = "ASPECT_RATIO" if "ASPECT_RATIO" in fields else "SPACING"
    notes = () if key in fields else (grid.NO_SPACING,)
    x, y, z = numbers(fields.get(key, "1 1 1"), key, 3)
    if "ORIGIN" not in fields:
        notes = (*notes, "no origin in the file: 0 assumed")
    left, posterior, superior = numbers(fields.get("ORIGIN", "0 0 0"), "ORIGIN", 3)
    grid.require_geometry((x, y, z), (left, posterior, superior), grid.IDENTITY)
    return (x, y, z), (left, posterior, superior), notes
