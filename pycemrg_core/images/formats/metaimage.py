"""MetaImage headers, ``.mha`` and ``.mhd``: fields, voxel type, and the files that hold the data.

As in https://itk.org/Wiki/MetaIO/Documentation, and as MetaIO reads it where that is silent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
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
    number,
    numbers,
    one_frame,
    refuse_channels,
    refuse_frames,
    require_volume,
    shown,
    tokens,
    whole,
    wholes,
)
from pycemrg_core.images.formats.voxels import tail_note

_LONGEST_VALUE = 10_000
_MOST_DIMENSIONS = 10
_FIELD = re.compile(r"\s*([^=:]+?)\s*[=:](.*)", re.DOTALL)
_PLACE = ("Offset", "Position", "Origin", "ImagePosition")
_TURN = ("TransformMatrix", "Rotation", "Orientation")
_ORDER = ("BinaryDataByteOrderMSB", "ElementByteOrderMSB")
_DTYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_REMEDY = "correct the header, or export it again"


def read_header(path: Path) -> Header:
    """Read and check the header of a MetaImage file, and find its data."""
    with files.open_file(path) as file:
        fields = _fields(file)
        start = file.tell()
        listed = _listed(file) if fields["ElementDataFile"].split()[:1] == ["LIST"] else []
    _require_object(fields)
    dimension = whole(fields["NDims"], "NDims", 1, _MOST_DIMENSIONS)
    sizes = wholes(fields["DimSize"], "DimSize", dimension)
    flat = dimension == 2
    if flat:
        fields, dimension, sizes = _of_one_slice(fields), 3, (*sizes, 1)
    channels = whole(fields.get("ElementNumberOfChannels", "1"), "ElementNumberOfChannels", 1)
    if channels > 1:
        refuse_channels(channels)
    require_volume(sizes)
    if math.prod(sizes[3:]) > 1:
        refuse_frames(sizes, math.prod(sizes[3:]))
    size = sizes[0], sizes[1], sizes[2]
    spacing, origin, direction, notes = _geometry(fields, dimension)
    dtype, encoding = _dtype(fields)
    parts = _parts(fields, sizes, path, start, listed, encoding)
    if parts[0].byte_skip < 0 and not parts[0].start:
        notes += (tail_note("HeaderSize"),)
    return Header(
        size=size,
        dtype=dtype,
        spacing=spacing,
        origin=origin,
        direction=direction,
        parts=parts,
        encoding=encoding,
        notes=((one_frame(sizes, size),) if dimension > 3 else ()) + notes,
        flat=flat,
    )


def _of_one_slice(fields: dict[str, str]) -> dict[str, str]:
    """The fields of a 2-D image as those of one slice of 1 mm."""
    ends = dict.fromkeys((*_PLACE, "CenterOfRotation"), "0") | dict.fromkeys(("ElementSpacing", "ElementSize"), "1")
    made = {key: f"{value} {ends[key]}" if key in ends else value for key, value in fields.items()}
    for key in made.keys() & {*_TURN}:
        first, second, third, fourth = tokens(made[key], key, 4)
        made[key] = f"{first} {second} 0 {third} {fourth} 0 0 0 1"
    return made


def _fields(file: BufferedReader) -> dict[str, str]:
    """All fields up to ``ElementDataFile``, which is the last."""
    fields: dict[str, str] = {}
    count = 0
    while (line := files.header_line(file, "MetaImage", count := count + 1)) is not None:
        match = _FIELD.fullmatch(line)
        if match is None and not line.strip():
            continue
        if match is None or (count == 1 and not re.fullmatch(r"[A-Za-z][\w ]*", match[1], re.ASCII)):
            raise not_an_image("MetaImage")
        key, value = match[1], match[2].strip()
        if key in fields:
            raise FormatError(f"its header has the field {shown(key)} twice; {_REMEDY}")
        if len(value) > _LONGEST_VALUE:
            raise FormatError(f"its field {shown(key)} has {len(value):,} characters; {_REMEDY}")
        fields[key] = value
        if key == "ElementDataFile":
            break
    if not {"NDims", "DimSize", "ElementType"} & set(fields):
        raise not_an_image("MetaImage")
    for key in ("NDims", "DimSize", "ElementType", "ElementDataFile"):
        if key not in fields:
            raise FormatError(f"its header has no field {key}; export it again")
    return fields


def _listed(file: BufferedReader) -> list[str]:
    names: list[str] = []
    while (line := files.header_line(file, "MetaImage", len(names))) is not None:
        names.append(line.strip())
    while names and not names[-1]:
        names.pop()
    return names


def _require_object(fields: dict[str, str]) -> None:
    kind = fields.get("ObjectType", "Image")
    if kind != "Image":
        raise FormatError(f"holds an object of type {shown(kind)}, not an image; give the segmentation")
    slope = number(fields.get("ElementToIntensityFunctionSlope", "1"), "ElementToIntensityFunctionSlope")
    offset = number(fields.get("ElementToIntensityFunctionOffset", "0"), "ElementToIntensityFunctionOffset")
    if (slope, offset) != (1, 0):
        raise FormatError(
            f"asks for its values to be scaled by {slope:g} and moved by {offset:g}; export it without scaling"
        )


def _flag(fields: dict[str, str], key: str, default: str) -> bool:
    value = fields.get(key, default)
    if value.lower() not in ("true", "false", "t", "f", "1", "0"):
        raise FormatError(f"{key} is {shown(value)}, not True or False; {_REMEDY}")
    return value[0].lower() in "t1"


def _same(fields: dict[str, str], keys: Sequence[str], default: str) -> str:
    """The value of a field that has several names; two names with two values contradict each other."""
    found = {key: fields[key] for key in keys if key in fields}
    for key, value in list(found.items())[1:]:
        first = next(iter(found))
        if value.split() != found[first].split():
            raise FormatError(f"{first} {shown(found[first])} contradicts {key} {shown(value)}; {_REMEDY}")
    return next(iter(found.values()), default)


def _geometry(
    fields: dict[str, str], dimension: int
) -> tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, ...], tuple[str, ...]]:
    """Spacing, origin and direction of the first three axes in mm, with notes."""
    zeros = " ".join(["0"] * dimension)
    place = numbers(_same(fields, _PLACE, zeros), next((key for key in _PLACE if key in fields), "Offset"), dimension)
    identity = " ".join("01"[row == column] for row in range(dimension) for column in range(dimension))
    turn_field = next((key for key in _TURN if key in fields), "TransformMatrix")
    turn = np.reshape(numbers(_same(fields, _TURN, identity), turn_field, dimension**2), (dimension, dimension))
    if turn[:3, 3:].any() or turn[3:, :3].any():
        raise FormatError(f"{turn_field} mixes the three axes of space with others; give a 3-D volume")
    key = "ElementSpacing" if "ElementSpacing" in fields else "ElementSize"
    spacing = numbers(fields[key], key, dimension) if key in fields else (1.0,) * dimension
    # Of no use here, and still a sign of damage.
    for key, count in (("ElementSize", dimension), ("CenterOfRotation", dimension)):
        numbers(fields.get(key, zeros), key, count)
    factor, notes = grid.unit_factor([fields.get("DistanceUnits", "")], "DistanceUnits")
    if not {"ElementSpacing", "ElementSize"} & set(fields):
        notes += (grid.NO_SPACING,)
    x, y, z = (value * factor for value in spacing[:3])
    left, posterior, superior = (value * factor for value in place[:3])
    # One row of the file is the direction of one axis.
    direction = tuple(float(value) for value in turn[:3, :3].T.ravel())
    grid.require_geometry((x, y, z), (left, posterior, superior), direction)
    return (x, y, z), (left, posterior, superior), direction, notes


def _dtype(fields: dict[str, str]) -> tuple[np.dtype[Any], str]:
    """The voxel type with its byte order, and the encoding."""
    code = _DTYPES.get(fields["ElementType"])
    if code is None:
        raise FormatError(
            f"ElementType {shown(fields['ElementType'])} is not one number per voxel; convert it to integers"
        )
    big = _flag({"byte order": _same(fields, _ORDER, "False")}, "byte order", "False")
    packed, binary = _flag(fields, "CompressedData", "False"), _flag(fields, "BinaryData", "True")
    if packed and not binary:
        raise FormatError(f"says both CompressedData = True and BinaryData = False; {_REMEDY}")
    if not binary:
        return np.dtype(f"={code}"), "text"
    return np.dtype(f"{'>' if big else '<'}{code}"), "zlib" if packed else "raw"


def _parts(
    fields: dict[str, str], sizes: Sequence[int], path: Path, start: int, listed: list[str], encoding: str
) -> tuple[Part, ...]:
    skip = whole(fields.get("HeaderSize", "0"), "HeaderSize", -1)
    if skip and encoding != "raw":
        raise FormatError(f"HeaderSize {skip} is for plain binary data only; {_REMEDY}")
    packed = (
        whole(fields["CompressedDataSize"], "CompressedDataSize", 1, 1 << 46)
        if "CompressedDataSize" in fields
        else None
    )
    if fields["ElementDataFile"].lower() == "local":
        if encoding == "zlib" and packed is None:
            raise FormatError("its data is compressed, but the header has no CompressedDataSize; export it again")
        if 0 < skip < start:
            raise FormatError(f"HeaderSize {skip} ends inside the header, which has {start} bytes; {_REMEDY}")
        return (Part(path, max(skip, start), byte_skip=min(skip, 0), length=packed if encoding == "zlib" else None),)
    names = _data_files(fields["ElementDataFile"], sizes, path.parent, listed)
    return tuple(Part(name, byte_skip=skip, length=packed if encoding == "zlib" else None) for name in names)


def _data_files(text: str, sizes: Sequence[int], folder: Path, listed: list[str]) -> list[Path]:
    """The files of ``ElementDataFile``: one name, a list, or a pattern with first, last and step."""
    words = text.split()
    if words[:1] == ["LIST"]:
        depth = words[1].removesuffix("D").removesuffix("d") if len(words) == 2 else str(len(sizes) - 1)
        if len(words) > 2:
            raise FormatError(f"ElementDataFile is {shown(text)}, not LIST and a dimension; {_REMEDY}")
        expected = math.prod(sizes[whole(depth, "the dimension of the LIST", 1, len(sizes)) :])
        if len(listed) != expected:
            raise FormatError(f"lists {len(listed):,} data files, but its size asks for {expected:,}; {_REMEDY}")
        return [files.data_file(folder, name) for name in listed]
    pattern = re.fullmatch(r"(.*?%.*?d.*?)((?:\s+[+-]?\d{1,9}){0,3})", text)
    if pattern is None or not files.is_pattern(pattern[1]) or files.found(folder, text):
        return [files.data_file(folder, text)]
    given = [int(word) for word in pattern[2].split()]
    low = given[0] if given else 1
    step = given[2] if len(given) > 2 else 1
    expected = sizes[-1]
    if len(given) > 1 and (step == 0 or len(range(low, given[1] + (1 if step > 0 else -1), step)) != expected):
        raise FormatError(f"ElementDataFile {shown(text)} does not give {expected:,} data files; {_REMEDY}")
    return [files.data_file(folder, files.numbered(pattern[1], low + step * index)) for index in range(expected)]
