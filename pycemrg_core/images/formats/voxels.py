"""Convert bytes to voxels: raw, gzip, zlib, bzip2, text and hex; every byte is accounted for.

Data that is shorter or longer than the header says is refused, and so is a wrong checksum. Data is validated and
read in one pass, into one array.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator
from io import BufferedReader
from typing import Any

import numpy as np
import numpy.typing as npt
from zlib_ng import zlib_ng

from pycemrg_core.images.formats.files import open_file
from pycemrg_core.images.formats.header import FormatError, Header, Part, plain
from pycemrg_core.images.zeros import zeros

CHUNK = 1 << 20
_PACKED, _UNPACKED = 1 << 16, 1 << 18  # bytes at once; they stay in the processor's cache
_BLOCK = 1 << 15
_ZEROS = bytes(_BLOCK)
_MOST_BYTES = 1 << 46
# The largest possible compression ratios. A block of bzip2 holds 46 MB of zeros in 35 bytes.
_BEST = {"gzip": 1040, "zlib": 1040, "bzip2": 2_000_000}
_GZIP_OR_ZLIB = 47
DAMAGE: type[Exception] = zlib_ng.error  # type: ignore[assignment]  # its types say an exception, not a class of them
_TEXT = {"i": rb"[0-9+\-,\s]*", "f": rb"[0-9+\-.eEnNaAiIfFtTyY,\s]*"}
_HEX = re.compile(rb"[0-9a-fA-F\s]*")


def read_voxels(header: Header) -> npt.NDArray[Any]:
    """All voxels of an image as a (z, y, x) array in native byte order, scaled if the header says so.

    With several layers, it is a (layer, z, y, x) array.
    """
    count, width = math.prod(header.size) * header.layers, header.dtype.itemsize
    if count * width > _MOST_BYTES:
        raise FormatError(
            f"the header promises {count * width:,} bytes of voxels, which no file holds; export it again"
        )
    share = count * width // len(header.parts)
    for part in header.parts:
        _require_plausible(part, share, header)
    try:
        raw = zeros((count * width,), np.uint8)
        for index, part in enumerate(header.parts):
            with open_file(part.path) as file:
                _fill(raw[index * share : (index + 1) * share], file, part, header)
        array = raw.view(header.dtype)
        if header.layers > 1:
            array = np.ascontiguousarray(array.reshape(-1, header.layers).T)
        array = array.reshape(*([header.layers] if header.layers > 1 else []), *header.size[::-1])
        array = array.astype(header.dtype.newbyteorder("="), copy=False)
        return array if header.scale is None else _scaled(array, *header.scale)
    except MemoryError:
        raise MemoryError(f"the {count * width:,} bytes of voxels of {header.parts[0].path.name} do not fit") from None


def _scaled(array: npt.NDArray[Any], slope: float, intercept: float) -> npt.NDArray[Any]:
    dtype = np.float32 if array.dtype.itemsize <= 2 or array.dtype == np.float32 else np.float64
    scaled = np.empty(array.shape, dtype)
    # What overflows becomes infinite, and is refused as such.
    with np.errstate(over="ignore"):
        for source, target in zip(array, scaled, strict=True):
            target[...] = source.astype(np.float64) * slope + intercept
    return scaled


def _require_plausible(part: Part, share: int, header: Header) -> None:
    """Before memory is allocated, refuse data that is too short for any encoding of this many bytes."""
    length = os.stat(part.path).st_size - part.start - part.tail
    if header.encoding == "raw":
        skip = 0 if part.line_skip else max(part.byte_skip, 0)
        if length - skip < share:
            raise cut_short(length - skip, share)
    elif header.encoding in _BEST and max(length, 0) * _BEST[header.encoding] + CHUNK < share:
        raise FormatError(
            f"the file is cut short: {length:,} bytes cannot hold {share:,} bytes of voxels; export it again"
        )
    elif header.encoding in ("text", "hex") and length < share // header.dtype.itemsize:
        raise cut_short(length, share)


def _fill(out: npt.NDArray[np.uint8], file: BufferedReader, part: Part, header: Header) -> None:
    file.seek(part.start)
    for _ in range(part.line_skip):
        if not file.readline(CHUNK):
            raise FormatError(f"it has fewer than the {part.line_skip} lines to skip; correct the header")
    if header.encoding in ("gzip", "zlib", "bzip2"):
        _fill_unpacked(out, file, part, header.encoding)
        return
    length = os.fstat(file.fileno()).st_size - part.tail
    if part.byte_skip < 0:
        # Voxels at the end of a separate file; after the header in the same file there is nothing to skip.
        if length - len(out) < file.tell() or part.start:
            require_length(length - file.tell(), len(out))
        file.seek(length - len(out))
    else:
        file.seek(part.byte_skip, os.SEEK_CUR)
    if header.encoding == "raw":
        require_length(length - file.tell(), len(out))
        if file.readinto(out.data) != len(out):
            raise FormatError("the file changed while it was read; try again")
    elif header.encoding == "hex":
        _fill_from_hex(out, file.read())
    else:
        text = file.read(max(length - file.tell(), 0))
        out.view(header.dtype)[:] = _from_text(text, len(out) // header.dtype.itemsize, header.dtype)


def tail_note(field: str) -> str:
    """The note for voxels that are the last bytes of a file, after unknown bytes."""
    return f"{field} -1: the last bytes of the data file are read as voxels, and the bytes before them are ignored"


def require_length(found: int, expected: int) -> None:
    """Refuse data of another length than the header says."""
    if found < expected:
        raise cut_short(found, expected)
    if found > expected:
        raise too_long(f"{found:,} bytes of voxels", expected)


def cut_short(found: int, expected: int) -> FormatError:
    return FormatError(
        f"the file is cut short or damaged: {max(found, 0):,} of {expected:,} bytes of voxels; copy or export it again"
    )


def too_long(found: str, expected: int) -> FormatError:
    return FormatError(f"holds {found}, the header promises {expected:,}: size or voxel type is wrong; export it again")


def _fill_unpacked(out: npt.NDArray[np.uint8], file: BufferedReader, part: Part, encoding: str) -> None:
    if part.length is not None:
        follows = os.fstat(file.fileno()).st_size - file.tell()
        if follows != part.length:
            where = "" if part.start else f" in {plain(part.path.name)}"
            what = "the file is cut short or damaged: " if follows < part.length else ""
            raise FormatError(
                f"{what}CompressedDataSize is {part.length:,}, but {follows:,} bytes follow{where}; export it again"
            )
    unpack = _bunzipped if encoding == "bzip2" else _inflated
    skip, filled = part.byte_skip, 0
    for piece in unpack(file.read, encoding == "gzip"):
        dropped = min(skip, len(piece))
        skip -= dropped
        rest = piece[dropped:]
        if filled + len(rest) > len(out):
            raise too_long(f"more than {len(out):,} bytes of voxels", len(out))
        _write_into(out[filled : filled + len(rest)], rest)
        filled += len(rest)
    if filled < len(out):
        raise cut_short(filled, len(out))


def _write_into(out: npt.NDArray[np.uint8], content: bytes) -> None:
    """Write bytes to zeros, but no blocks of zeros: the air around a heart takes neither time nor memory."""
    source, first = np.frombuffer(content, np.uint8), 0
    for at in range(0, len(content), _BLOCK):
        if content.startswith(_ZEROS, at):
            out[first:at] = source[first:at]
            first = at + _BLOCK
    out[first:] = source[first:]


def _inflated(read: Callable[[int], bytes], in_members: bool) -> Iterator[bytes]:
    """The contents of a gzip or zlib stream, in chunks of limited size; the checksum is verified.

    A gzip file can contain several streams, and can end with zeros.
    """
    stream = zlib_ng.decompressobj(_GZIP_OR_ZLIB)
    pending = read(_PACKED)
    while pending:
        try:
            yield stream.decompress(pending, _UNPACKED)
        except DAMAGE:
            raise damaged() from None
        pending = stream.unconsumed_tail or stream.unused_data or read(_PACKED)
        if stream.eof:
            pending += read(_PACKED) if len(pending) < 2 else b""
            if in_members and pending.startswith(b"\x1f\x8b"):
                stream = zlib_ng.decompressobj(_GZIP_OR_ZLIB)
            else:
                _refuse_rest(pending, read, zeros=in_members)
                return
    if not stream.eof:
        raise FormatError("the file is cut short or damaged: its compressed data has no end; copy or export it again")


def _bunzipped(read: Callable[[int], bytes], _: bool) -> Iterator[bytes]:
    import bz2

    stream = bz2.BZ2Decompressor()
    pending = read(CHUNK)
    while pending or not (stream.eof or stream.needs_input):
        try:
            yield stream.decompress(pending, 4 * CHUNK)
        except OSError:
            raise damaged() from None
        pending = b""
        if stream.eof:
            pending = stream.unused_data or read(CHUNK)
            if not pending.startswith(b"BZ"):
                _refuse_rest(pending, read, zeros=False)
                return
            stream = bz2.BZ2Decompressor()
        elif stream.needs_input:
            pending = read(CHUNK)
    if not stream.eof:
        raise FormatError("the file is cut short or damaged: its compressed data has no end; copy or export it again")


def _refuse_rest(rest: bytes, read: Callable[[int], bytes], zeros: bool) -> None:
    while rest:
        if not zeros or rest.strip(b"\0"):
            raise FormatError("holds bytes after the end of its compressed data; export it again")
        rest = read(CHUNK)


def damaged() -> FormatError:
    return FormatError("the file is cut short or damaged: its compressed data is wrong; copy or export it again")


def _fill_from_hex(out: npt.NDArray[np.uint8], text: bytes) -> None:
    digits = b"".join(text.split()) if _HEX.fullmatch(text) else b"?"
    if digits == b"?" or len(digits) % 2:
        raise FormatError("its voxels are not pairs of hexadecimal digits, as the header says; export it again")
    require_length(len(digits) // 2, len(out))
    out[:] = np.frombuffer(bytes.fromhex(digits.decode("ascii")), np.uint8)


def _from_text(text: bytes, count: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    kind = "f" if dtype.kind == "f" else "i"
    words = text.replace(b",", b" ").split() if re.fullmatch(_TEXT[kind], text) else [b"?"]
    try:
        values: list[Any] = [float(word) if kind == "f" else int(word) for word in words]
        if kind == "i" and values and not np.iinfo(dtype).min <= min(values) <= max(values) <= np.iinfo(dtype).max:
            raise ValueError
        if len(values) == count:
            with np.errstate(over="ignore"):
                return np.array(values, dtype)
    except ValueError:
        raise FormatError(f"its voxels are not written as {dtype.name} numbers; export it again") from None
    if len(values) < count:
        raise FormatError(
            f"the file is cut short or damaged: {len(values):,} of {count:,} voxels; copy or export it again"
        )
    raise FormatError(f"holds {len(values):,} voxels, the header promises {count:,}; export it again")
