"""Read and write INRIA ``.inr`` images (INRIMAGE-4) as bytes, without SimpleITK.

The format stores only the voxels (x fastest), the size and the spacing. Origin and direction are in a second file,
``NAME.inr.json``; without it, the origin is 0 and the direction is the identity. Arrays are (z, y, x); size,
spacing and origin are (x, y, z), in voxels and mm; direction is nine numbers, row by row, as in SimpleITK.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pycemrg_core.errors import ImageError
from pycemrg_core.images.formats import grid
from pycemrg_core.images.formats.files import name_of, open_file
from pycemrg_core.images.formats.header import (
    FormatError,
    Header,
    Part,
    Triple,
    number,
    plain,
    refuse_channels,
    shown,
    whole,
)

_MAGIC = b"#INRIMAGE-4#{\n"
_END = b"##}\n"
_BLOCK = 256
_LONGEST_HEADER = 64 * _BLOCK
_BYTE_ORDER = {"decm": "<", "alpha": "<", "pc": "<", "sun": ">", "sgi": ">"}
_KINDS = {"unsigned fixed": "u", "signed fixed": "i", "float": "f"}
_DTYPES = ("u1", "u2", "u4", "i1", "i2", "i4", "f4", "f8")
_PLACE = ("TX", "TY", "TZ", "RX", "RY", "RZ")
_LONGEST_SIDECAR = 1 << 16
_REMEDY = "correct the header, or export it again"
_SIDECAR_REMEDY = "correct it, or delete it to read the image with origin 0 and identity direction"


def sidecar_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of the file with the geometry of the image at ``path``: ``heart.inr`` -> ``heart.inr.json``."""
    return Path(f"{os.fspath(path)}.json")


def index_to_world(spacing: Sequence[float], origin: Sequence[float], direction: Sequence[float]) -> list[list[float]]:
    """Return the 4x4 matrix, row by row, that takes a voxel index (x, y, z, 1) to a point in mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(direction, (3, 3)) * np.asarray(spacing)
    matrix[:3, 3] = origin
    rows: list[list[float]] = matrix.tolist()
    return rows


def encode(array: npt.NDArray[Any], spacing: Sequence[float]) -> tuple[bytes, npt.NDArray[Any]]:
    """Return header and voxels of an ``.inr`` file for a (z, y, x) array and (x, y, z) spacing in mm.

    The voxels are returned little-endian and contiguous: the file is the header followed by their bytes. Raises
    ``ImageError`` for pixel types that the format does not have, such as 64-bit integers.
    """
    code = f"{array.dtype.kind}{array.dtype.itemsize}"
    if code not in _DTYPES:
        raise ImageError(
            f".inr cannot hold {array.dtype.name} voxels; cast them to uint8, uint16 or uint32, or use .nrrd"
        )
    depth, height, width = array.shape
    kind = next(name for name, letter in _KINDS.items() if letter == array.dtype.kind)
    fields = [f"XDIM={width}", f"YDIM={height}", f"ZDIM={depth}", "VDIM=1", f"TYPE={kind}"]
    fields += [f"PIXSIZE={array.dtype.itemsize * 8} bits", "CPU=decm"]
    # repr is the shortest text that is read back as exactly the same double.
    fields += [f"V{axis}={float(value)!r}" for axis, value in zip("XYZ", spacing, strict=True)]
    text = _MAGIC + "".join(f"{field}\n" for field in fields).encode("ascii")
    padding = -(len(text) + len(_END)) % _BLOCK
    header = text + b"\n" * padding + _END
    return header, np.ascontiguousarray(array, dtype=f"<{code}")


def encode_sidecar(
    size: Sequence[int], spacing: Sequence[float], origin: Sequence[float], direction: Sequence[float]
) -> str:
    """Return the text of the JSON file of an ``.inr`` image. Floats are exact to the last bit."""
    content = {
        "size": list(size),
        "spacing": list(spacing),
        "origin": list(origin),
        "direction": list(direction),
        "index_to_world": index_to_world(spacing, origin, direction),
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def read_header(path: Path) -> Header:
    """Read and validate the header of an ``.inr`` image and its ``.inr.json`` file."""
    with open_file(path) as file:
        fields, offset = _fields(file.read(_LONGEST_HEADER))
    size, dtype = _size(fields), _dtype(fields)
    _refuse_scale(fields)
    spacing, notes = _spacing(fields)
    beside = _sidecar(sidecar_path(path), size, spacing)
    origin: Triple
    direction: tuple[float, ...]
    if beside is None:
        origin, direction = (0.0, 0.0, 0.0), grid.IDENTITY
        notes += (f"no {sidecar_path(path).name} next to it: origin 0 and identity direction assumed",)
        if ignored := [f"{key}={fields[key]}" for key in _PLACE if _moves(fields.get(key, "0"))]:
            notes += (f"its header fields {plain(', '.join(ignored))} are not used",)
    else:
        (spacing, origin, direction), notes = beside, ()
    grid.require_geometry(spacing, origin, direction)
    return Header(size, dtype, spacing, origin, direction, (Part(path, offset),), notes=notes)


def replace(staged: Path, target: Path) -> None:
    """Rename an image and its sidecar to ``target``; on failure, the old sidecar is restored."""
    sidecar = sidecar_path(target)
    before = sidecar.read_bytes() if sidecar.exists() else None
    try:
        os.replace(sidecar_path(staged), sidecar)
        os.replace(staged, target)
    except BaseException:
        if before is None:
            sidecar.unlink(missing_ok=True)
        else:
            sidecar.write_bytes(before)
        raise


def _fields(head: bytes) -> tuple[dict[str, str], int]:
    end = head.find(_END)
    if not head.startswith(_MAGIC.rstrip(b"\n")) or end < 0:
        raise FormatError("not an INRIMAGE-4 file, or its header is cut short; export it again")
    offset = end + len(_END)
    if offset % _BLOCK:
        raise FormatError(f"its header ends at byte {offset}, not at a multiple of {_BLOCK}; export it again")
    fields: dict[str, str] = {}
    for line in head[:end].decode("latin-1").splitlines():
        key, equals, value = line.partition("=")
        if not equals or line.startswith("#"):
            continue
        if key.strip() in fields:
            raise FormatError(f"its header has the field {shown(key.strip())} twice; {_REMEDY}")
        fields[key.strip()] = value.strip()
    return fields, offset


def _size(fields: dict[str, str]) -> tuple[int, int, int]:
    for key in ("XDIM", "YDIM", "ZDIM"):
        if key not in fields:
            raise FormatError(f"its header has no field {key}; export it again")
    width, height, depth = (whole(fields[key], key, 1) for key in ("XDIM", "YDIM", "ZDIM"))
    channels = whole(fields.get("VDIM", "1"), "VDIM", 1)
    if channels > 1:
        refuse_channels(channels)
    return width, height, depth


def _dtype(fields: dict[str, str]) -> np.dtype[Any]:
    kind, bits = fields.get("TYPE", ""), fields.get("PIXSIZE", "").removesuffix("bits").strip()
    width = int(bits) // 8 if bits in ("8", "16", "32", "64") else 0
    code = f"{_KINDS.get(kind, '?')}{width}"
    if code not in _DTYPES:
        raise FormatError(
            f"voxels of TYPE={shown(kind)}, PIXSIZE={shown(fields.get('PIXSIZE', ''))} are not read;"
            " export them as unsigned fixed, 8, 16 or 32 bits"
        )
    order = _BYTE_ORDER.get(fields.get("CPU", "decm" if width == 1 else ""))
    if order is None:
        raise FormatError(
            f"byte order CPU={shown(fields.get('CPU', ''))} is not one of {', '.join(_BYTE_ORDER)}; {_REMEDY}"
        )
    return np.dtype(f"{order}{code}")


def _moves(text: str) -> bool:
    """Does a translation or rotation of the header say anything?"""
    return text.strip("0.+-eE ") != ""


def _refuse_scale(fields: dict[str, str]) -> None:
    """Fixed-point voxels can have a power of two to be multiplied with; labels never have."""
    scale = "".join(fields.get("SCALE", "2**0").split())
    if scale not in ("2**0", "1"):
        raise FormatError(f"asks for its values to be scaled, SCALE={shown(scale)}; export it without scaling")


def _spacing(fields: dict[str, str]) -> tuple[Triple, tuple[str, ...]]:
    x, y, z = (number(fields.get(key, "1"), key) for key in ("VX", "VY", "VZ"))
    return (x, y, z), () if {"VX", "VY", "VZ"} <= set(fields) else (grid.NO_SPACING,)


def _sidecar(
    path: Path, size: tuple[int, ...], spacing: tuple[float, ...]
) -> tuple[Triple, Triple, tuple[float, ...]] | None:
    """Return spacing, origin and direction from the JSON file, or None when there is none."""
    content = _sidecar_content(path)
    if content is None:
        return None
    values = {}
    for key, count in (("size", 3), ("spacing", 3), ("origin", 3), ("direction", 9)):
        found = content.get(key) if isinstance(content, dict) else None
        if not isinstance(found, list) or len(found) != count or any(type(x) not in (int, float) for x in found):
            raise ImageError(f"{name_of(path)}: {key!r} must be a list of {count} numbers; {_SIDECAR_REMEDY}")
        if not all(abs(x) < 1e300 for x in found):
            raise ImageError(f"{name_of(path)}: {key!r} has a number that is too large; {_SIDECAR_REMEDY}")
        values[key] = tuple(float(x) for x in found)
    if values["size"] != size:
        says = [int(x) if x.is_integer() else x for x in values["size"]]
        raise ImageError(
            f"{name_of(path)}: size {says} contradicts the image, which has {list(size)}; {_SIDECAR_REMEDY}"
        )
    # Other tools rewrite the header with six digits; that is not a contradiction.
    if not all(math.isclose(a, b, rel_tol=1e-5) for a, b in zip(values["spacing"], spacing, strict=True)):
        found = list(values["spacing"])
        raise ImageError(
            f"{name_of(path)}: spacing {found} contradicts the image, which has {list(spacing)}; {_SIDECAR_REMEDY}"
        )
    x, y, z = values["spacing"]
    left, posterior, superior = values["origin"]
    return (x, y, z), (left, posterior, superior), values["direction"]


def _sidecar_content(path: Path) -> Any:
    try:
        with open_file(path) as file:
            text = file.read(_LONGEST_SIDECAR + 1)
        if len(text) > _LONGEST_SIDECAR:
            raise FormatError("is longer than any geometry")
        return json.loads(text)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, FormatError) as error:
        what = (str(error).splitlines() or [type(error).__name__])[0]
        raise ImageError(f"{name_of(path)}: cannot be read as JSON: {what}; {_SIDECAR_REMEDY}") from error
