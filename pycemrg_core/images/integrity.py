"""Is this an image file, is it whole, and is its geometry numbers? Asked before SimpleITK opens it.

ITK reads a cut NIfTI file without a word, skips the checksum of a gzip stream, hands out noise for a damaged
compressed MetaImage, and puts 1 or 0 where a header says NaN. So headers are read here first, by hand.
"""

from __future__ import annotations

import difflib
import gzip
import math
import os
import re
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from pycemrg_core.errors import ImageError

_CHUNK = 1 << 20
_MOST_LINES = 4096
_NRRD_BYTES = {"char": 1, "int8": 1, "short": 2, "int16": 2, "int": 4, "int32": 4, "float": 4, "double": 8}
_NRRD_BYTES |= {"long long": 8, "longlong": 8, "int64": 8}
_META_BYTES = {"CHAR": 1, "SHORT": 2, "INT": 4, "LONG": 4, "LONG_LONG": 8, "FLOAT": 4, "DOUBLE": 8}


def extension(path: str | os.PathLike[str]) -> str:
    """Return the file name's extension in lower case: ``.nrrd``, ``.nii.gz``, empty when there is none."""
    name = os.fspath(path).lower()
    return ".nii.gz" if name.endswith(".nii.gz") else Path(name).suffix


def check_exists(path: str | os.PathLike[str], known: Iterable[str]) -> None:
    """Check that ``path`` is a file. ``known`` are the extensions worth suggesting when it is a folder.

    Raises ``ImageError``, one line that names the path and what was probably meant.
    """
    name, file = os.fspath(path), Path(path)
    if file.is_file():
        return
    try:
        if file.is_dir():
            found = sorted(child.name for child in file.iterdir() if extension(child) in known)
            hint = f"Give one of the files in it: {', '.join(found[:3])}." if found else "Give an image file."
            raise ImageError(f"{name}: is a folder, not an image. {hint}")
        if file.exists():
            raise ImageError(f"{name}: is not an ordinary file. Give an image file.")
        if not file.parent.is_dir():
            raise ImageError(f"{name}: no such file, and no folder {file.parent} either. Check the path.")
        names = sorted(child.name for child in file.parent.iterdir())
    except OSError as error:
        raise ImageError(f"{name}: cannot be read: {error.strerror}. Check the permissions.") from error
    close = difflib.get_close_matches(file.name, names, n=3)
    hint = f"Did you mean {' or '.join(close)}?" if close else "Check the path."
    raise ImageError(f"{name}: no such file. {hint}")


def check_whole(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Check that the image at ``path`` is whole and its geometry is numbers; return notes for the user.

    Knows .nrrd, .nhdr, .nii, .nii.gz, .mha and .mhd. Layouts that are rare (lists of data files, text
    encodings) are left to SimpleITK. Raises ``ImageError``, one line that names the file.
    """
    name = os.fspath(path)
    check = {".nrrd": _nrrd, ".nhdr": _nrrd, ".mha": _meta, ".mhd": _meta}.get(extension(path), _nifti)
    try:
        with open(path, "rb") as file:
            return check(file, name)
    except OSError as error:
        # gzip raises OSError without an errno for a file that only looks compressed.
        reason = error.strerror or "its compressed data is damaged"
        raise ImageError(f"{name}: cannot be read: {reason}. Check the file and its permissions.") from error
    except (EOFError, zlib.error) as error:
        raise _cut(name) from error
    except (ValueError, struct.error) as error:
        raise _not_an_image(name) from error


def _nrrd(file: BinaryIO, name: str) -> tuple[str, ...]:
    if not file.readline().startswith(b"NRRD"):
        raise _not_an_image(name)
    fields = {}
    for line in _lines(file):
        if not line:
            break
        key, colon, value = line.partition(":")
        if colon and not line.startswith("#") and not value.startswith("="):
            fields[key.strip().lower()] = value.strip()
    directions = fields.get("space directions", "")
    _check_finite(name, (fields.get("spacings", ""), directions, fields.get("space origin", "")))
    encoding = {"gz": "gzip"}.get(fields.get("encoding", ""), fields.get("encoding", ""))
    kind = re.sub(r"^(un)?signed |^u(?=\w)|_t$", "", fields.get("type", ""))
    kind = re.sub(r"(?<=.) int$", "", kind)
    skips = any(fields.get(key, "0") != "0" for key in ("line skip", "byte skip", "lineskip", "byteskip"))
    if encoding in ("raw", "gzip") and kind in _NRRD_BYTES and not skips:
        expected = math.prod(int(n) for n in fields.get("sizes", "0").split()) * _NRRD_BYTES[kind]
        _check_data(file, name, fields.get("data file", fields.get("datafile")), encoding == "gzip", expected)
    has_spacing = "spacings" in fields or "(" in directions
    return () if has_spacing else (_no_spacing(name),)


def _meta(file: BinaryIO, name: str) -> tuple[str, ...]:
    fields = {}
    for line in _lines(file):
        key, equals, value = line.partition("=")
        if not equals:
            break
        fields[key.strip()] = value.strip()
        if key.strip() == "ElementDataFile":
            break
    if "NDims" not in fields or "ElementDataFile" not in fields:
        raise _not_an_image(name)
    keys = ("ElementSpacing", "ElementSize", "Offset", "Position", "Origin", "TransformMatrix", "Rotation")
    _check_finite(name, (fields.get(key, "") for key in keys))
    width = _META_BYTES.get(fields.get("ElementType", "").removeprefix("MET_").removeprefix("U"))
    data = None if fields["ElementDataFile"].upper() == "LOCAL" else fields["ElementDataFile"]
    plain = fields.get("HeaderSize", "0") == "0" and fields.get("BinaryData", "True").lower() in ("true", "1")
    if width and plain:
        shape = [*fields.get("DimSize", "0").split(), fields.get("ElementNumberOfChannels", "1")]
        expected = math.prod(int(n) for n in shape) * width
        packed = fields.get("CompressedData", "False").lower() in ("true", "1")
        _check_data(file, name, data, packed, expected)
    has_spacing = "ElementSpacing" in fields or "ElementSize" in fields
    return () if has_spacing else (_no_spacing(name),)


def _nifti(file: BinaryIO, name: str) -> tuple[str, ...]:
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    head = gzip.GzipFile(fileobj=file).read(348) if packed else file.read(348)
    if head[:4] in (struct.pack("<i", 540), struct.pack(">i", 540)):
        raise ImageError(f"{name}: is NIfTI-2, which cannot be read. Convert it to NIfTI-1 or .nrrd.")
    order = next((o for o in "<>" if head[:4] == struct.pack(f"{o}i", 348)), None)
    if order is None:
        raise _not_an_image(name)
    dims, bits = struct.unpack_from(f"{order}8h", head, 40), struct.unpack_from(f"{order}h", head, 72)[0]
    spacing = struct.unpack_from(f"{order}3f", head, 80)
    start = struct.unpack_from(f"{order}f", head, 108)[0]
    placed = struct.unpack_from(f"{order}2h", head, 252)
    origins = struct.unpack_from(f"{order}6f", head, 256), struct.unpack_from(f"{order}12f", head, 280)
    if not 1 <= dims[0] <= 7 or min(dims[1 : dims[0] + 1]) < 1 or bits < 1:
        raise _not_an_image(name)
    used = [value for code, values in zip(placed, origins, strict=True) if code > 0 for value in values]
    _check_finite(name, (str(value) for value in (*spacing[: dims[0]], *used)))
    if 0 in spacing[: dims[0]]:
        raise ImageError(f"{name}: the voxel spacing is zero (pixdim). Correct the header, or export it again.")
    file.seek(0)
    expected = int(start) + math.prod(dims[1 : dims[0] + 1]) * bits // 8
    _check_data(file, name, None, packed, expected)
    return ()


def _lines(file: BinaryIO) -> Iterable[str]:
    """Yield header lines without their line ends; a header longer than any real one is no header."""
    for _ in range(_MOST_LINES):
        line = file.readline(_CHUNK)
        if not line:
            return
        yield line.decode("latin-1").rstrip("\r\n")


def _check_finite(name: str, texts: Iterable[str]) -> None:
    for text in texts:
        # NRRD writes an axis outside space as "none".
        for token in re.split(r"[\s(),]+", text.strip(" \t()")):
            if token and token != "none" and not math.isfinite(float(token)):
                raise ImageError(
                    f"{name}: the header's geometry holds {token}. Correct the header, or export it again."
                )


def _check_data(file: BinaryIO, name: str, data: str | None, packed: bool, expected: int) -> None:
    """Check that ``expected`` bytes follow in ``file``, or are in the data file named in its header."""
    if data is None:
        found = _unpacked(file, name) if packed else os.fstat(file.fileno()).st_size - file.tell()
    elif data.upper().startswith("LIST") or "%" in data:
        return
    else:
        beside = Path(name).parent / data
        if not beside.is_file():
            raise ImageError(f"{name}: its data file {data} is missing. Copy it beside the header.")
        with beside.open("rb") as other:
            found = _unpacked(other, name) if packed else beside.stat().st_size
    if found < expected:
        raise _cut(name, f": {max(found, 0):,} of {expected:,} bytes of voxels")


def _unpacked(file: BinaryIO, name: str) -> int:
    """Return how many bytes the gzip or zlib stream holds; its checksum is verified on the way."""
    total = 0
    stream = zlib.decompressobj(47)
    pending = file.read(_CHUNK)
    while pending:
        # Bounded output: a label map of one value shrinks a thousandfold.
        total += len(stream.decompress(pending, 4 * _CHUNK))
        pending = stream.unconsumed_tail or stream.unused_data or file.read(_CHUNK)
        if stream.eof:
            pending += file.read(_CHUNK) if len(pending) < 2 else b""
            if not pending.startswith(b"\x1f\x8b"):
                return total
            stream = zlib.decompressobj(47)
    if not stream.eof:
        raise _cut(name)
    return total


def _cut(name: str, detail: str = "") -> ImageError:
    return ImageError(f"{name}: the file is cut short or damaged{detail}. Copy or export it again.")


def _not_an_image(name: str) -> ImageError:
    return ImageError(
        f"{name}: not an image of the kind its extension says, or its header is damaged. Export it again."
    )


def _no_spacing(name: str) -> str:
    return f"{name}: no voxel spacing in the file: 1 mm assumed"
