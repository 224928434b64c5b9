"""The validated header of an image, and the errors and text helpers that all formats share.

The modules of this package do not know the file name as the user gave it: they raise :class:`FormatError` and
collect notes without it, and ``formats.read_header`` and ``formats.read_voxels`` put it in front.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import field, frozen

MOST_VALUES = 2**31 - 1
_LONGEST_NUMBER = 40
_LONGEST_SHOWN = 40
_WHOLE = re.compile(r"[+-]?[0-9]+", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.ASCII | re.IGNORECASE)

Triple = tuple[float, float, float]


class FormatError(Exception):
    """The reason for refusing a file, and what to do: ``what is wrong; what to do``, without the file name."""


@frozen
class Part:
    """The place of a part of the voxels: in ``path``, from byte ``start`` on.

    First ``line_skip`` lines are left out. ``byte_skip`` bytes more are left out, after decompression where the data
    is compressed; -1 says that the voxels are the last bytes of the file. ``length`` is the number of compressed
    bytes where the header states it. ``tail`` bytes after the voxels were checked with the header; only uncompressed
    data has them.
    """

    path: Path
    start: int = 0
    line_skip: int = 0
    byte_skip: int = 0
    length: int | None = None
    tail: int = 0


@frozen
class Extras:
    """What a header holds beside the grid and the voxel type.

    ``pairs`` are the key/value pairs of a NRRD file. ``extensions`` are the header extensions of a NIfTI file, each a
    code and its bytes; zeros that fill up their end are left out.
    """

    pairs: Mapping[str, str] = field(factory=dict)
    extensions: tuple[tuple[int, bytes], ...] = ()


@frozen
class Header:
    """A checked header of a 3-D image with one number per voxel.

    ``size``, ``spacing`` and ``origin`` are (x, y, z), in voxels and mm; ``direction`` is nine numbers, row by row.
    ``dtype`` has the byte order of the file. ``encoding`` is raw, gzip, zlib, bzip2, text or hex. ``scale`` holds slope
    and intercept where the voxels have to be scaled. ``notes`` say what was assumed, converted or left out. ``flat``:
    the file is 2-D, and this is the header of one slice of 1 mm. With several ``layers``, each voxel has one number per
    layer, next to each other in the file.
    """

    size: tuple[int, int, int]
    dtype: np.dtype[Any]
    spacing: Triple
    origin: Triple
    direction: tuple[float, ...]
    parts: tuple[Part, ...]
    encoding: str = "raw"
    scale: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()
    flat: bool = False
    layers: int = 1
    extras: Extras = Extras()


def shown(text: str) -> str:
    """The text for a message: quoted, cut to 40 characters, without control characters for a terminal."""
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}...")


def plain(text: str) -> str:
    """A file name for a message: without quotes, with odd bytes and control characters escaped."""
    return repr(text if len(text) <= 300 else f"{text[:297]}...")[1:-1]


def by(size: Iterable[int]) -> str:
    return " x ".join(map(str, size))


def whole(text: str, field: str, low: int = 0, high: int = MOST_VALUES) -> int:
    """A decimal integer within bounds; otherwise raises an error that names the field."""
    if len(text) > _LONGEST_NUMBER or not _WHOLE.fullmatch(text) or not low <= int(text) <= high:
        raise FormatError(
            f"{field} is {shown(text)}, not a whole number from {low} to {high}; correct the header, or export it again"
        )
    return int(text)


def wholes(text: str, field: str, count: int, low: int = 1, high: int = MOST_VALUES) -> tuple[int, ...]:
    return tuple(whole(token, field, low, high) for token in tokens(text, field, count))


def number(text: str, field: str) -> float:
    """A finite decimal number; otherwise raises an error that names the field."""
    value = float(text) if len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(text) else math.nan
    if math.isfinite(value):
        return value
    what = "holds" if len(text) <= _LONGEST_NUMBER and _NOT_FINITE.fullmatch(text) else "is not a number:"
    raise FormatError(f"{field} {what} {shown(text)}; correct the header, or export it again")


def numbers(text: str, field: str, count: int) -> tuple[float, ...]:
    return tuple(number(token, field) for token in tokens(text, field, count))


def tokens(text: str, field: str, count: int) -> list[str]:
    """The words of a field, as many as its header asks for."""
    found = text.split(None, count)
    if len(found) != count or len(found[-1].split()) != 1:
        raise FormatError(
            f"{field} has {len(text.split()):,} where {count} are needed: {shown(text)};"
            " correct the header, or export it again"
        )
    return found


def require_volume(size: Sequence[int]) -> None:
    """Refuse an image that is not 3-D."""
    if len(size) < 3:
        raise FormatError(f"is {len(size)}-D ({by(size)}), not 3-D; give the whole volume")


def refuse_channels(count: int) -> None:
    raise FormatError(f"has {count} values per voxel, not one; extract one channel from it")


def refuse_frames(size: Sequence[int], count: int, word: str = "frames") -> None:
    raise FormatError(f"is {len(size)}-D ({by(size)}), not 3-D: it holds {count} {word}; extract one of them")


def one_frame(size: Sequence[int], kept: Sequence[int]) -> str:
    """The note on an axis of length one that was dropped."""
    return f"is {len(size)}-D ({by(size)}) with one frame: read as 3-D ({by(kept)})"


def not_an_image(kind: str) -> FormatError:
    return FormatError(f"not an image of the kind {kind}, or its header is damaged; export it again")
