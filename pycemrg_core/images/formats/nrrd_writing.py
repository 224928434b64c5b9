"""Write an NRRD file: a text header, then the voxels as one gzip stream.

Written here and not by SimpleITK, whose import takes longer than the writing. A label map is mostly runs of one value,
so only those are compressed (``Z_RLE``): smaller and faster than a search for all repetitions. Large stretches of
background cost next to nothing: one block of zeros is compressed once, and its bytes are repeated.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from zlib_ng import zlib_ng

from pycemrg_core.errors import ImageError

_PIECE = 1 << 20
_BLOCKS = (1 << 20, 1 << 16, 1 << 12)  # bytes of background that are compressed once
_LONG = 1 << 14  # bytes of background that are worth a seam
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"  # deflate, no name, no time, fastest, unknown system
_RAW_DEFLATE = -15
_NAMES = {"float32": "float", "float64": "double"}


def write(
    path: Path,
    array: npt.NDArray[Any],
    spacing: Sequence[float],
    origin: Sequence[float],
    direction: Sequence[float],
    *,
    labels: bool,
    pairs: Mapping[str, str] | None = None,
) -> None:
    """Write an image and flush it to the disk. Raises :class:`OSError`, also when the file is shorter than written.

    ``array`` is (z, y, x); ``spacing`` and ``origin`` are (x, y, z) in mm, ``direction`` nine numbers row by row.
    ``labels``: it is a label map, and compressed as such. ``pairs`` are the key/value pairs of the header.
    Raises :class:`ImageError` for one that does not fit on a line.
    """
    written = 0
    with path.open("wb") as file:
        for piece in (_header(array, spacing, origin, direction, pairs or {}), *_compressed(array, labels)):
            written += file.write(piece)
        file.flush()
        os.fsync(file.fileno())  # some network file systems report a full disk only then
    if path.stat().st_size != written:
        raise OSError("the file came out cut short")


def _header(
    array: npt.NDArray[Any],
    spacing: Sequence[float],
    origin: Sequence[float],
    direction: Sequence[float],
    pairs: Mapping[str, str],
) -> bytes:
    for key, value in pairs.items():
        if ":" in key or not (key + value).isprintable():
            raise ImageError(f"the text {key[:40]!r} does not fit into its header; leave out line ends")
    columns = [[direction[3 * row + axis] * spacing[axis] for row in range(3)] for axis in range(3)]
    lines = [
        "NRRD0004",
        "# Complete NRRD file format specification at:",
        "# http://teem.sourceforge.net/nrrd/format.html",
        f"type: {_NAMES.get(array.dtype.name, array.dtype.name)}",
        "dimension: 3",
        "space: left-posterior-superior",
        f"sizes: {' '.join(map(str, array.shape[::-1]))}",
        f"space directions: {' '.join(map(_vector, columns))}",
        "kinds: domain domain domain",
        "endian: little",
        "encoding: gzip",
        f"space origin: {_vector(origin)}",
    ]
    return "\n".join([*lines, *(f"{key}:={value}" for key, value in pairs.items()), "", ""]).encode("utf-8")


def _vector(values: Sequence[float]) -> str:
    return f"({','.join(f'{float(value):.17g}' for value in values)})"


def _compressed(array: npt.NDArray[Any], labels: bool) -> Iterator[bytes]:
    """The gzip stream of the voxels, in pieces."""
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    content = little.reshape(-1).view(np.uint8).data
    packer, check, done, zeros = _packer(labels), 0, 0, bytes(_PIECE)
    blocks = {size: _block(zeros[:size]) for size in _BLOCKS}
    yield _GZIP_HEADER
    for start, stop in (*_empty(little), (len(content), len(content))):
        for at in range(done, start, _PIECE):
            piece = content[at : min(at + _PIECE, start)]
            check = zlib_ng.crc32(piece, check)
            yield packer.compress(piece)
        # A full flush ends at a byte, and nothing after it refers to what was before.
        yield packer.flush(zlib_ng.Z_FULL_FLUSH)
        left = stop - start
        for at in range(0, left, _PIECE):
            check = zlib_ng.crc32(zeros[: min(_PIECE, left - at)], check)
        for size, block in blocks.items():
            yield block * (left // size)
            left %= size
        yield packer.compress(zeros[:left])
        done = stop
    yield packer.flush()
    yield check.to_bytes(4, "little") + (len(content) % 2**32).to_bytes(4, "little")


def _empty(array: npt.NDArray[Any]) -> Iterator[tuple[int, int]]:
    """Long stretches of lines along x in which every byte is zero: the first byte, and the one after the last."""
    if not array.size:
        return
    lines = array.view(np.uint8).reshape(-1, array.shape[2] * array.itemsize)
    empty = np.concatenate([[False], ~lines.any(axis=1), [False]])
    ends = np.flatnonzero(empty[1:] != empty[:-1]).reshape(-1, 2) * lines.shape[1]
    yield from ends[ends[:, 1] - ends[:, 0] >= _LONG].tolist()


def _block(zeros: bytes) -> bytes:
    packer = _packer(labels=True)
    block: bytes = packer.compress(zeros) + packer.flush(zlib_ng.Z_FULL_FLUSH)
    return block


def _packer(labels: bool) -> Any:
    # Level 1 of zlib-ng makes the files of intensities a third larger than level 2.
    level, strategy = (1, zlib_ng.Z_RLE) if labels else (2, zlib_ng.Z_DEFAULT_STRATEGY)
    return zlib_ng.compressobj(level, zlib_ng.DEFLATED, _RAW_DEFLATE, 9, strategy)
