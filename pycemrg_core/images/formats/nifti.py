"""NIfTI-1 headers of single files, ``.nii`` and ``.nii.gz``.

See https://nifti.nimh.nih.gov/nifti-1. If qform and sform are both set, they must place the voxels in the same way;
then the sform is used. NIfTI points are right-anterior-superior, and the returned points left-posterior-superior.
"""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import evolve, frozen
from zlib_ng import zlib_ng

from pycemrg_core.images.formats import files, grid
from pycemrg_core.images.formats.header import (
    Extras,
    FormatError,
    Header,
    Part,
    by,
    not_an_image,
    one_frame,
    refuse_channels,
    refuse_frames,
    require_volume,
)
from pycemrg_core.images.formats.voxels import CHUNK, DAMAGE, damaged

_LENGTH = 348
FIRST_VOXEL = 352
_LAST_START = 1 << 24
_CODES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
_CHANNELS = {128: 3, 2304: 4}
_NAMES = {0: "unknown", 1: "one bit", 32: "complex", 1536: "128-bit float", 1792: "complex", 2048: "complex"}
_UNITS = {0: "", 1: "m", 2: "mm", 3: "um"}
_WIDEST = 1e-3
_LAST_CODE = 5
_REMEDY = "correct the header, or export it again"


@frozen
class _Raw:
    """The fields that matter, as they are in the file."""

    order: str
    dim: tuple[int, ...]
    datatype: int
    bits: int
    pixdim: tuple[float, ...]
    start: float
    scale: tuple[float, float]
    units: int
    codes: tuple[int, int]
    quaternion: tuple[float, ...]
    sform: tuple[float, ...]


def read_header(path: Path) -> Header:
    """Read and validate the header of a NIfTI file."""
    with files.open_file(path) as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        raw = _raw(_head(file, packed, FIRST_VOXEL))
        start = _start(raw)
        file.seek(0)
        extensions = _extensions(_head(file, packed, start), raw.order)
    dtype = _dtype(raw)
    flat = raw.dim[0] == 2
    if flat:  # one slice of 1 mm
        depth = raw.pixdim[3] or 1.0
        raw = evolve(raw, dim=(3, *raw.dim[1:3], 1, 1, 1, 1, 1), pixdim=(*raw.pixdim[:3], depth, *raw.pixdim[4:]))
    size, notes = _size(raw.dim)
    factor, unit_notes = _units(raw.units)
    spacing, origin, direction, place_notes = _placed(raw, size)
    if packed and files.extension(path) == ".nii":
        notes += ("is gzipped, although it is not called .nii.gz: read as such",)
    x, y, z = (value * factor for value in spacing)
    left, posterior, superior = (value * factor for value in origin)
    grid.require_geometry((x, y, z), (left, posterior, superior), direction)
    return Header(
        size=size,
        dtype=dtype,
        spacing=(x, y, z),
        origin=(left, posterior, superior),
        direction=direction,
        parts=(Part(path, byte_skip=start),),
        encoding="gzip" if packed else "raw",
        scale=_scale(raw.scale),
        notes=notes + unit_notes + place_notes,
        flat=flat,
        extras=Extras(extensions=extensions),
    )


def _head(file: BufferedReader, packed: bool, length: int) -> bytes:
    """The first bytes of the file, unpacked; fewer when it is shorter."""
    if not packed:
        return file.read(length)
    stream = zlib_ng.decompressobj(47)
    head = b""
    while len(head) < length and not stream.eof and (chunk := stream.unconsumed_tail or file.read(CHUNK)):
        try:
            head += stream.decompress(chunk, length - len(head))
        except DAMAGE:
            raise damaged() from None
    return head


def _raw(head: bytes) -> _Raw:
    order = next((order for order in "<>" if head[:4] == struct.pack(f"{order}i", _LENGTH)), "")
    if head[:4] in (struct.pack("<i", 540), struct.pack(">i", 540)):
        raise FormatError("is NIfTI-2, which cannot be read; convert it to NIfTI-1 or .nrrd")
    if not order:
        raise not_an_image("NIfTI")
    if len(head) < FIRST_VOXEL:
        raise FormatError("the file is cut short: its header has no end; copy or export it again")
    magic = head[344:348]
    if magic == b"ni1\0":
        raise FormatError("is the header of a NIfTI pair, which cannot be read; convert the pair to .nii.gz or .nrrd")
    if magic != b"n+1\0":
        raise FormatError(
            "is not NIfTI-1: its last header field is not 'n+1' (Analyze has none); convert it to .nii.gz or .nrrd"
        )
    return _Raw(
        order=order,
        dim=struct.unpack_from(f"{order}8h", head, 40),
        datatype=struct.unpack_from(f"{order}h", head, 70)[0],
        bits=struct.unpack_from(f"{order}h", head, 72)[0],
        pixdim=struct.unpack_from(f"{order}8f", head, 76),
        start=struct.unpack_from(f"{order}f", head, 108)[0],
        scale=struct.unpack_from(f"{order}2f", head, 112),
        units=head[123] & 7,
        codes=struct.unpack_from(f"{order}2h", head, 252),
        quaternion=struct.unpack_from(f"{order}6f", head, 256),
        sform=struct.unpack_from(f"{order}12f", head, 280),
    )


def _start(raw: _Raw) -> int:
    """The byte of the first voxel."""
    if not (math.isfinite(raw.start) and raw.start.is_integer() and FIRST_VOXEL <= raw.start <= _LAST_START):
        raise FormatError(
            f"vox_offset is {raw.start:g}, not a whole number from {FIRST_VOXEL}, the end of the header, to"
            f" {_LAST_START}; {_REMEDY}"
        )
    return int(raw.start)


def _extensions(head: bytes, order: str) -> tuple[tuple[int, bytes], ...]:
    """The code and the bytes of each header extension. Refuse those that do not end before the voxels."""
    found: list[tuple[int, bytes]] = []
    if not head[348:349].strip(b"\0"):
        return ()
    place = FIRST_VOXEL
    while place + 8 <= len(head):
        length, code = struct.unpack_from(f"{order}2i", head, place)
        if length == 0:
            break
        if length < 8 or place + length > len(head):
            raise FormatError(
                f"a header extension of {length} bytes does not end before the voxels (vox_offset); {_REMEDY}"
            )
        found.append((code, head[place + 8 : place + length].rstrip(b"\0")))
        place += length
    return tuple(found)


def with_extensions(head: bytes, extensions: Sequence[tuple[int, bytes]]) -> bytes:
    """The first 352 bytes of a file without extensions, followed by these; the voxels come after them."""
    order = _raw(head).order
    blocks = [_block(code, data, order) for code, data in extensions]
    start = struct.pack(f"{order}f", FIRST_VOXEL + sum(map(len, blocks)))
    return b"".join((head[:108], start, head[112:_LENGTH], b"\1\0\0\0", *blocks))


def _block(code: int, data: bytes, order: str) -> bytes:
    """An extension with its size and code; its size is a multiple of 16 bytes."""
    length = -(-(len(data) + 8) // 16) * 16
    return struct.pack(f"{order}2i", length, code) + data.ljust(length - 8, b"\0")


def _dtype(raw: _Raw) -> np.dtype[Any]:
    if raw.datatype in _CHANNELS:
        refuse_channels(_CHANNELS[raw.datatype])
    if raw.datatype not in _CODES:
        name = _NAMES.get(raw.datatype, "unknown")
        raise FormatError(f"datatype {raw.datatype} ({name}) is not one number per voxel; convert it to integers")
    dtype = np.dtype(f"{raw.order}{_CODES[raw.datatype]}")
    if raw.bits != dtype.itemsize * 8:
        raise FormatError(f"datatype {raw.datatype} ({dtype.name}) contradicts bitpix {raw.bits}; {_REMEDY}")
    return dtype


def _size(dim: Sequence[int]) -> tuple[tuple[int, int, int], tuple[str, ...]]:
    if not 1 <= dim[0] <= 7:
        raise FormatError(f"dim[0] is {dim[0]}, not a number of axes from 1 to 7; {_REMEDY}")
    sizes = dim[1 : dim[0] + 1]
    if min(sizes) < 1:
        raise FormatError(f"dim is {by(sizes)}, with an axis of less than one voxel; {_REMEDY}")
    require_volume(sizes)
    size = sizes[0], sizes[1], sizes[2]
    if len(sizes) == 3:
        return size, ()
    if len(sizes) > 4 and sizes[4] > 1:
        refuse_channels(sizes[4])
    if math.prod(sizes[3:]) > 1:
        refuse_frames(sizes, math.prod(sizes[3:]))
    return size, (one_frame(sizes, size),)


def _units(code: int) -> tuple[float, tuple[str, ...]]:
    if code not in _UNITS:
        raise FormatError(f"xyzt_units has the unit of length {code}, which NIfTI does not know; {_REMEDY}")
    return grid.unit_factor([_UNITS[code]], "xyzt_units")


def _scale(scale: tuple[float, float]) -> tuple[float, float] | None:
    """Slope and intercept, or None for none. A slope of 0 or NaN means none, as nibabel writes it."""
    slope, intercept = scale
    if slope == 0 or (math.isnan(slope) and (math.isnan(intercept) or intercept == 0)):
        return None
    if not (math.isfinite(slope) and math.isfinite(intercept)):
        raise FormatError(f"scl_slope {slope:g} and scl_inter {intercept:g} are not two numbers; {_REMEDY}")
    return None if (slope, intercept) == (1, 0) else scale


def _placed(
    raw: _Raw, size: Sequence[int]
) -> tuple[Sequence[float], Sequence[float], tuple[float, ...], tuple[str, ...]]:
    """Spacing, origin and direction in LPS, in the unit of the file."""
    spacing = raw.pixdim[1:4]
    if 0 in spacing:
        raise FormatError(f"the voxel spacing is zero (pixdim); {_REMEDY}")
    if not all(math.isfinite(value) and value > 0 for value in spacing):
        raise FormatError(f"pixdim {_shown(spacing)} is not three positive numbers; {_REMEDY}")
    for form, code in zip(("qform", "sform"), raw.codes, strict=True):
        if not 0 <= code <= _LAST_CODE:
            raise FormatError(f"{form}_code is {code}, which NIfTI does not know; {_REMEDY}")
    qform = _qform(raw) if raw.codes[0] > 0 else None
    sform = _sform(raw) if raw.codes[1] > 0 else None
    if qform is not None and sform is not None:
        _refuse_two_places(qform, sform, size, spacing)
    active = qform if sform is None else sform
    if active is None:
        note = "no orientation in the file (qform and sform are not set): origin 0 and identity direction assumed"
        return spacing, (0.0, 0.0, 0.0), grid.IDENTITY, (note,)
    flipped = np.array([[-1.0], [-1.0], [1.0]]) * active
    _, direction = grid.unit_columns(flipped[:, :3].T.tolist())
    return spacing, flipped[:, 3].tolist(), direction, ()


def _qform(raw: _Raw) -> npt.NDArray[np.float64]:
    """The 3 x 4 matrix of the quaternion, as in the NIfTI standard."""
    b, c, d, *origin = raw.quaternion
    _require_numbers("qform", raw.quaternion)
    square = b * b + c * c + d * d
    if square > 1 + _WIDEST:
        raise FormatError(f"the quaternion of the qform {_shown(raw.quaternion[:3])} is longer than 1; {_REMEDY}")
    if not math.isfinite(raw.pixdim[0]) or abs(raw.pixdim[0]) not in (0, 1):
        raise FormatError(f"pixdim[0] is {raw.pixdim[0]:g}, not the 1 or -1 that the qform needs; {_REMEDY}")
    if square > 1 - 1e-7:
        b, c, d = (value / math.sqrt(square) for value in (b, c, d))
    a = math.sqrt(max(0.0, 1 - (b * b + c * c + d * d)))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    rotation[:, 2] *= -1 if raw.pixdim[0] < 0 else 1
    return np.column_stack([rotation * np.array(raw.pixdim[1:4]), origin])


def _sform(raw: _Raw) -> npt.NDArray[np.float64]:
    _require_numbers("sform", raw.sform)
    matrix: npt.NDArray[np.float64] = np.reshape(raw.sform, (3, 4)).astype(np.float64)
    lengths, direction = grid.unit_columns(matrix[:, :3].T.tolist())
    grid.require_rotation(direction)
    if not all(math.isclose(a, b, rel_tol=_WIDEST) for a, b in zip(lengths, raw.pixdim[1:4], strict=True)):
        raise FormatError(
            f"the sform says a spacing of {_shown(lengths)}, pixdim says {_shown(raw.pixdim[1:4])}; {_REMEDY}"
        )
    return matrix


def _require_numbers(form: str, values: Sequence[float]) -> None:
    for value in values:
        if not math.isfinite(value):
            raise FormatError(f"the {form} holds {value:g}; {_REMEDY}")


def _refuse_two_places(
    qform: npt.NDArray[np.float64], sform: npt.NDArray[np.float64], size: Sequence[int], spacing: Sequence[float]
) -> None:
    """Refuse a qform and an sform that place a corner voxel more than half a voxel apart."""
    for corner in itertools.product(*((0, length - 1) for length in size)):
        points = [matrix @ np.array([*corner, 1.0]) for matrix in (qform, sform)]
        if float(np.linalg.norm(points[0] - points[1])) > min(spacing) / 2:
            raise FormatError(
                f"qform and sform disagree: they place voxel {corner} at {_shown(points[0])} and {_shown(points[1])};"
                f" {_REMEDY}"
            )


def _shown(values: Sequence[float] | npt.NDArray[np.float64]) -> str:
    return f"({', '.join(f'{float(value):.6g}' for value in values)})"
