"""INRIA ``.inr`` images (INRIMAGE-4): the bytes, without SimpleITK.

The format holds the voxels (x fastest), the size and the spacing, and nothing else. Origin and direction live
in a JSON file beside the image, ``NAME.inr.json``; without it, origin is 0 and direction the identity.
Arrays are (z, y, x); size, spacing and origin are (x, y, z), in voxels and mm; direction is nine numbers, row
by row, as in SimpleITK.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pycemrg_core.errors import ImageError

_MAGIC = b"#INRIMAGE-4#{\n"
_END = b"##}\n"
_BLOCK = 256
_LONGEST_HEADER = 64 * _BLOCK
_BYTE_ORDER = {"decm": "<", "alpha": "<", "pc": "<", "sun": ">", "sgi": ">"}
_KINDS = {"unsigned fixed": "u", "signed fixed": "i", "float": "f"}
_DTYPES = ("u1", "u2", "u4", "i1", "i2", "i4", "f4", "f8")
_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class InrImage:
    """One image: a (z, y, x) array, geometry as in SimpleITK, and notes on what the file left open."""

    array: npt.NDArray[Any]
    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    direction: tuple[float, ...]
    notes: tuple[str, ...]


def sidecar_path(path: str | os.PathLike[str]) -> Path:
    """Return where the geometry of the image at ``path`` is kept: ``heart.inr`` -> ``heart.inr.json``."""
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

    The voxels come back little endian and contiguous: the file is the header followed by their bytes.
    Raises ``ImageError`` for pixel types the format lacks (64-bit integers among them).
    """
    code = f"{array.dtype.kind}{array.dtype.itemsize}"
    if code not in _DTYPES:
        raise ImageError(
            f".inr cannot hold {array.dtype.name} voxels. Cast them to uint8, uint16 or uint32, or use .nrrd."
        )
    depth, height, width = array.shape
    kind = next(name for name, letter in _KINDS.items() if letter == array.dtype.kind)
    fields = [f"XDIM={width}", f"YDIM={height}", f"ZDIM={depth}", "VDIM=1", f"TYPE={kind}"]
    fields += [f"PIXSIZE={array.dtype.itemsize * 8} bits", "CPU=decm"]
    # repr is the shortest text that reads back to the very same double.
    fields += [f"V{axis}={float(value)!r}" for axis, value in zip("XYZ", spacing, strict=True)]
    text = _MAGIC + "".join(f"{field}\n" for field in fields).encode("ascii")
    padding = -(len(text) + len(_END)) % _BLOCK
    header = text + b"\n" * padding + _END
    return header, np.ascontiguousarray(array, dtype=f"<{code}")


def encode_sidecar(
    size: Sequence[int], spacing: Sequence[float], origin: Sequence[float], direction: Sequence[float]
) -> str:
    """Return the JSON text that goes beside an ``.inr`` image. Floats are exact to the last bit."""
    content = {
        "size": list(size),
        "spacing": list(spacing),
        "origin": list(origin),
        "direction": list(direction),
        "index_to_world": index_to_world(spacing, origin, direction),
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def read_inr(path: str | os.PathLike[str]) -> InrImage:
    """Read an ``.inr`` image and the geometry beside it.

    Raises ``ImageError`` when the header cannot be right, when the file is shorter or longer than the header
    says, and when ``NAME.inr.json`` contradicts the header.
    """
    name = os.fspath(path)
    try:
        with open(path, "rb") as file:
            head = file.read(_LONGEST_HEADER)
        fields, offset = _fields(head, name)
        size, dtype = _size(fields, name), _dtype(fields, name)
        _check_length(os.path.getsize(path), offset, math.prod(size) * dtype.itemsize, name)
        raw = np.fromfile(path, dtype=dtype, offset=offset)
    except OSError as error:
        raise ImageError(f"{name}: cannot be read: {error.strerror}. Check the file and its permissions.") from error
    array = raw.astype(dtype.newbyteorder("="), copy=False).reshape(size[::-1])
    spacing, notes = _spacing(fields, name)
    beside = _sidecar(sidecar_path(path), size, spacing)
    if beside is not None:
        return InrImage(array, *beside, notes=())
    notes += (f"{name}: no {sidecar_path(path).name} beside it: origin 0 and identity direction assumed",)
    return InrImage(array, spacing, (0.0, 0.0, 0.0), _IDENTITY, notes)


def replace(staged: Path, target: Path) -> None:
    """Rename an image and its sidecar to ``target``; a failure restores the sidecar of before."""
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


def _fields(head: bytes, name: str) -> tuple[dict[str, str], int]:
    end = head.find(_END)
    if not head.startswith(_MAGIC.rstrip(b"\n")) or end < 0:
        raise ImageError(f"{name}: not an INRIMAGE-4 file, or its header is cut short. Export it again.")
    lines = head[:end].decode("latin-1").splitlines()
    fields = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    blocks = -(-(end + len(_END)) // _BLOCK)
    return {key.strip(): value.strip() for key, value in fields.items()}, blocks * _BLOCK


def _size(fields: dict[str, str], name: str) -> tuple[int, ...]:
    values = [fields.get(key, "") for key in ("XDIM", "YDIM", "ZDIM")]
    if not all(value.isdecimal() and int(value) > 0 for value in values):
        raise ImageError(f"{name}: the header has no usable XDIM, YDIM, ZDIM ({values}). Export it again.")
    if fields.get("VDIM", "1") != "1":
        raise ImageError(f"{name}: has {fields['VDIM']} values per voxel (VDIM). Export a single channel.")
    return tuple(int(value) for value in values)


def _dtype(fields: dict[str, str], name: str) -> np.dtype[Any]:
    kind, bits = fields.get("TYPE", ""), fields.get("PIXSIZE", "").removesuffix("bits").strip()
    width = int(bits) // 8 if bits.isdecimal() and int(bits) % 8 == 0 else 0
    code = f"{_KINDS.get(kind, '?')}{width}"
    if code not in _DTYPES:
        raise ImageError(
            f"{name}: voxels of TYPE={kind!r}, PIXSIZE={fields.get('PIXSIZE', '')!r} are not read."
            " Export them as unsigned fixed, 8, 16 or 32 bits."
        )
    order = _BYTE_ORDER.get(fields.get("CPU", "decm" if width == 1 else ""))
    if order is None:
        known = ", ".join(_BYTE_ORDER)
        raise ImageError(f"{name}: unknown byte order CPU={fields.get('CPU', '')!r}. Known: {known}.")
    return np.dtype(f"{order}{code}")


def _check_length(length: int, offset: int, expected: int, name: str) -> None:
    found = max(length - offset, 0)
    if found < expected:
        raise ImageError(
            f"{name}: the file is cut short: {found:,} of {expected:,} bytes of voxels. Copy or export it again."
        )
    if found > expected:
        raise ImageError(f"{name}: holds {found:,} bytes of voxels, the header promises {expected:,}. Export it again.")


def _spacing(fields: dict[str, str], name: str) -> tuple[tuple[float, ...], tuple[str, ...]]:
    keys = ("VX", "VY", "VZ")
    try:
        spacing = tuple(float(fields.get(key, "1")) for key in keys)
    except ValueError:
        shown = ", ".join(f"{key}={fields.get(key)}" for key in keys)
        raise ImageError(f"{name}: the spacing is not a number ({shown}). Correct the header.") from None
    missing = any(key not in fields for key in keys)
    return spacing, (f"{name}: no voxel spacing in the file: 1 mm assumed",) if missing else ()


def _sidecar(
    path: Path, size: tuple[int, ...], spacing: tuple[float, ...]
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]] | None:
    """Return spacing, origin and direction from the JSON file, or None when there is none."""
    remedy = "Correct it, or delete it to read the image with origin 0 and identity direction."
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        text = str(error).splitlines()[0]
        raise ImageError(f"{path}: cannot be read as JSON: {text}. {remedy}") from error
    values = {}
    for key, count in (("size", 3), ("spacing", 3), ("origin", 3), ("direction", 9)):
        found = content.get(key) if isinstance(content, dict) else None
        if not isinstance(found, list) or len(found) != count or any(type(x) not in (int, float) for x in found):
            raise ImageError(f"{path}: {key!r} must be a list of {count} numbers. {remedy}")
        values[key] = tuple(float(x) for x in found)
    if values["size"] != size:
        shown = [int(x) if x.is_integer() else x for x in values["size"]]
        raise ImageError(f"{path}: size {shown} contradicts the image, which has {list(size)}. {remedy}")
    # Other tools rewrite the header with six digits; that is not a contradiction.
    if not all(math.isclose(a, b, rel_tol=1e-5) for a, b in zip(values["spacing"], spacing, strict=True)):
        shown = list(values["spacing"])
        raise ImageError(f"{path}: spacing {shown} contradicts the image, which has {list(spacing)}. {remedy}")
    return values["spacing"], values["origin"], values["direction"]
