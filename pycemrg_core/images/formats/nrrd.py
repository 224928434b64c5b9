"""NRRD headers, ``.nrrd`` and ``.nhdr``: fields, voxel type, encoding, and the files that hold the data.

See https://teem.sourceforge.net/nrrd/format.html. The module ``nrrd_axes`` interprets the axes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np

from pycemrg_core.images.formats import files, nrrd_axes
from pycemrg_core.images.formats.header import Extras, FormatError, Header, Part, not_an_image, shown, whole, wholes
from pycemrg_core.images.formats.voxels import tail_note

_MAGIC = re.compile(r"NRRD(000[1-6]|00\.01)")
_LONGEST_VALUE = 10_000
_MOST_DIMENSIONS = 16
_MOST_SKIPPED = 1_000_000
_FIELDS = {
    *("type", "block size", "dimension", "encoding", "endian", "content", "min", "max", "old min", "old max"),
    *("data file", "line skip", "byte skip", "number", "sample units", "sizes", "spacings", "thicknesses"),
    *("axis mins", "axis maxs", "centers", "labels", "units", "kinds", "space", "space dimension", "space units"),
    *("space origin", "space directions", "measurement frame"),
}
_SPELLINGS = {field.replace(" ", ""): field for field in _FIELDS} | {"centerings": "centers"}
_ENCODINGS = {"raw": "raw", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2", "hex": "hex"}
_ENCODINGS |= dict.fromkeys(("text", "txt", "ascii"), "text")
_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_DTYPES = {name: code for code, names in _TYPES.items() for name in names}
_SEGMENT = re.compile(r"Segment([0-9]{1,4})_(Name|Layer|LabelValue)", re.ASCII)


def read_header(path: Path, layered: bool = False) -> Header:
    """Read and validate the header of a NRRD file, and find its data. ``layered``: it may hold several layers."""
    with files.open_file(path) as file:
        fields, pairs, data_names = _fields(file)
        start, attached = file.tell(), "data file" not in fields
        if not attached and file.read(_LONGEST_VALUE).strip():
            raise FormatError(
                f"names the data file {shown(fields['data file'])}, but holds data too; export it again as one file"
            )
    for field in ("type", "dimension", "sizes", "encoding"):
        if field not in fields:
            raise FormatError(f"its header has no field {field!r}; export it again")
    dimension = whole(fields["dimension"], "dimension", 1, _MOST_DIMENSIONS)
    sizes = wholes(fields["sizes"], "sizes", dimension)
    flat = dimension == 2 and "space" not in fields
    if flat:
        fields, sizes = nrrd_axes.of_one_slice(fields), (*sizes, 1)
    encoding = _encoding(fields)
    dtype = _dtype(fields, encoding)
    frame = nrrd_axes.read_axes(fields, sizes, _segments(pairs), layered)
    if attached:
        names: list[Path] = [path]
    else:
        names, start = _data_files(fields, sizes, path.parent, data_names), 0
    line_skip, byte_skip = _skips(fields, encoding)
    return Header(
        size=frame.size,
        dtype=dtype,
        spacing=frame.spacing,
        origin=frame.origin,
        direction=frame.direction,
        parts=tuple(Part(name, start, line_skip, byte_skip) for name in names),
        encoding=encoding,
        notes=frame.notes + (() if attached or byte_skip >= 0 else (tail_note("byte skip"),)),
        flat=flat,
        layers=frame.layers,
        extras=Extras(pairs=pairs),
    )


def _fields(file: BufferedReader) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """The fields of a header, its key/value pairs, and the file names that follow a ``data file: LIST``."""
    if not _MAGIC.fullmatch(file.readline(20).decode("latin-1").rstrip("\r\n")):
        raise not_an_image("NRRD")
    fields: dict[str, str] = {}
    pairs: dict[str, str] = {}
    count = 0
    while line := files.header_line(file, "NRRD", count := count + 1):
        key, colon, value = line.partition(":")
        if line.startswith("#"):
            continue
        if value.startswith("="):
            if pairs.get(key, value[1:]) != value[1:]:
                raise FormatError(f"its header has two values for {shown(key)}; correct it, or export it again")
            pairs[key] = value[1:]
            continue
        field = _SPELLINGS.get(key.lower().replace(" ", ""))
        if not colon or field is None:
            raise FormatError(
                f"its header has a line that is not a NRRD field: {shown(line)}; correct it, or export it again"
            )
        if field in fields:
            raise FormatError(f"its header has the field {field!r} twice; correct it, or export it again")
        if len(value) > _LONGEST_VALUE:
            raise FormatError(f"its field {field!r} has {len(value):,} characters; correct it, or export it again")
        fields[field] = value.strip()
        if field == "data file" and value.split()[:1] == ["LIST"]:
            return fields, pairs, _listed(file)
    if line is None and "data file" not in fields:
        raise FormatError("the file is cut short: its header has no end; copy or export it again")
    return fields, pairs, []


def _listed(file: BufferedReader) -> list[str]:
    names: list[str] = []
    while line := files.header_line(file, "NRRD", len(names)):
        names.append(line.strip())
    return names


def _encoding(fields: dict[str, str]) -> str:
    encoding = _ENCODINGS.get(fields["encoding"].lower())
    if encoding is None:
        raise FormatError(
            f"encoding {shown(fields['encoding'])} is not known; export it again with encoding raw or gzip"
        )
    return encoding


def _dtype(fields: dict[str, str], encoding: str) -> np.dtype[Any]:
    code = _DTYPES.get(" ".join(fields["type"].lower().split()))
    if code is None:
        raise FormatError(f"type {shown(fields['type'])} is not one number per voxel; convert it to integers")
    endian = fields.get("endian", "").lower()
    if endian not in ("", "little", "big"):
        raise FormatError(f"endian is {shown(fields['endian'])}, not little or big; correct the header")
    if code.endswith("1") or encoding == "text":
        return np.dtype(f"={code}")
    if not endian:
        raise FormatError(
            f"the header does not say the byte order of its {fields['type']} voxels; add endian: little or big"
        )
    return np.dtype(f"{'<' if endian == 'little' else '>'}{code}")


def _skips(fields: dict[str, str], encoding: str) -> tuple[int, int]:
    lines = whole(fields.get("line skip", "0"), "line skip", 0, _MOST_SKIPPED)
    skipped = whole(fields.get("byte skip", "0"), "byte skip", -1)
    if skipped < 0 and encoding != "raw":
        raise FormatError(
            f"byte skip -1 is for encoding raw only, not {encoding}; correct the header, or export it again"
        )
    return lines, skipped


def _data_files(fields: dict[str, str], sizes: Sequence[int], folder: Path, listed: list[str]) -> list[Path]:
    """The files of a ``data file`` field: one name, a list, or a pattern with first, last and step."""
    text = fields["data file"]
    words = text.split()
    if words[:1] == ["LIST"]:
        depth = words[1:]
        names = listed
        if len(depth) > 1:
            raise FormatError(f"data file is {shown(text)}, not LIST and a dimension; correct the header")
    else:
        pattern = re.fullmatch(r"(.*%.*?d.*?)\s+([+-]?\d{1,9})\s+([+-]?\d{1,9})\s+([+-]?\d{1,9})(\s+\d{1,2})?", text)
        if pattern is None or not files.is_pattern(pattern[1]) or files.found(folder, text):
            return [files.data_file(folder, text)]
        low, high, step = (int(pattern[index]) for index in (2, 3, 4))
        depth = (pattern[5] or "").split()
        span = range(low, high + (1 if step > 0 else -1), step) if step else range(0)
        if len(span) > math.prod(sizes):
            raise FormatError(f"data file {shown(text)} is {len(span):,} files, more than voxels; correct the header")
        names = [files.numbered(pattern[1], number) for number in span]
    whole_axes = whole(depth[0], "data file dimension", 1, len(sizes)) if depth else len(sizes) - 1
    expected = math.prod(sizes[whole_axes:])
    if whole_axes == len(sizes) and names and sizes[-1] % len(names) == 0:
        expected = len(names)
    if not names or len(names) != expected:
        raise FormatError(f"names {len(names):,} data files, but its sizes ask for {expected:,}; correct the header")
    return [files.data_file(folder, name) for name in names]


def _segments(pairs: dict[str, str]) -> tuple[str, ...]:
    """The contents of the layers of a ``.seg.nrrd``: ``layer 0: LV (1), LA (2)``, one text per layer."""
    segments: dict[int, dict[str, str]] = {}
    for key, value in pairs.items():
        if match := _SEGMENT.fullmatch(key):
            segments.setdefault(int(match[1]), {})[match[2]] = value[:60]
    layers: dict[str, list[str]] = {}
    for _, segment in sorted(segments.items()):
        what = f"{segment.get('Name', 'unnamed')} ({segment.get('LabelValue', '?')})"
        layers.setdefault(segment.get("Layer", "0"), []).append(shown(what)[1:-1])
    return tuple(f"layer {shown(layer)[1:-1]}: {', '.join(names)}" for layer, names in sorted(layers.items()))
