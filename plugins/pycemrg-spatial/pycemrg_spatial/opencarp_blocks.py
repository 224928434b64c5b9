"""Read the lines of an openCARP mesh many at a time, with array operations on their characters.

Only lines as programs write them are read: kinds of two letters at the beginning, plain decimal numbers, blanks between
them. For all others the functions return None: :mod:`pycemrg_spatial.opencarp_lines` reads them, or says what is wrong.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pycemrg_spatial.opencarp_lines import NAMES, SIZES, Integers

_BLOCK = 1 << 22  # characters at a time
_INTEGER, _NUMBER = b"+-", b"+-.eE"  # beside digits
_IS_BLANK = np.isin(np.arange(256), [*b" \t"])
Characters = npt.NDArray[np.uint8]


def points_at_once(text: str) -> npt.NDArray[np.float64] | None:
    """The nodes (n, 3) of lines, or None when a line is not three plain decimal numbers."""
    if not text.isascii():
        return None
    parts = []
    for block, ends in _blocks(text):
        if (part := _numbers(block, ends, np.full(len(ends), 3), _NUMBER, np.float64)) is None:
            return None
        parts.append(part)
    return np.concatenate(parts).reshape(-1, 3) if parts else None


def elements_at_once(text: str) -> tuple[Integers, Integers] | None:
    """For each element its place in ``NAMES``; and the nodes of all, each element followed by its tag.

    None when a line is not a kind, its nodes and a tag, all plain integers of 64 bits. If no line has a tag, all are 0.
    """
    if not text.isascii():
        return None
    kinds: list[Integers] = []
    numbers, tag = [], 1
    for block, ends in _blocks(text):
        first = block[: ends[0]].tobytes().split()
        if (kind := _kinds(block, ends)) is None:
            return None
        if not kinds:
            tag = len(first) - 1 - int(SIZES[kind[0]])
        if tag not in (0, 1):
            return None
        found = _numbers(block, ends, SIZES[kind] + tag, _INTEGER, np.int64)
        limits = np.iinfo(np.int64)  # what numpy makes of integers beyond
        if found is None or found.min() == limits.min or found.max() == limits.max:
            return None
        kinds.append(kind)
        numbers.append(found)
    if not kinds:
        return None
    every, values = np.concatenate(kinds), np.concatenate(numbers)
    return every, values if tag else np.insert(values, np.cumsum(SIZES[every]), 0)


def _kinds(block: Characters, ends: Integers) -> Integers | None:
    """The place in ``NAMES`` of the two letters that begin each line, which become blanks; None for other lines."""
    place = np.full(1 << 16, -1)
    place[[int.from_bytes(name.encode(), "little") for name in NAMES]] = range(len(NAMES))
    starts = np.append(0, ends[:-1] + 1)
    if (ends - starts).min() < 3 or not _IS_BLANK[block[starts + 2]].all():
        return None
    kinds = place[block[starts] | block[starts + 1].astype(np.uint16) << 8]
    block[starts] = block[starts + 1] = ord(" ")
    return kinds if kinds.min() >= 0 else None


def _blocks(text: str) -> Iterator[tuple[Characters, Integers]]:
    """Copies of whole lines of the text, and where each line ends; the text is ASCII."""
    start = 0
    while start < len(text):
        stop = text.find("\n", start + _BLOCK) + 1 or len(text)
        part = text[start:stop]
        block = np.frombuffer(bytearray(part if part.endswith("\n") else part + "\n", "ascii"), np.uint8)
        yield block, np.flatnonzero(block == ord("\n"))
        start = stop


def _numbers(
    block: Characters, ends: Integers, counts: npt.NDArray[np.int64], beside: bytes, dtype: type[np.generic]
) -> npt.NDArray[np.generic] | None:
    """The numbers of lines that have ``counts`` of them; None for other lines."""
    known = np.count_nonzero(block - ord("0") < 10) + len(ends)  # the characters wrap round: below "0" is above 200
    if known + sum(np.count_nonzero(block == other) for other in (*b" \t", *beside)) < len(block):
        return None
    word = block > ord(" ")
    word[1:] &= ~word[:-1]
    words = np.flatnonzero(word)
    after = np.cumsum(counts)
    if len(words) != after[-1] or (words[after - 1] > ends).any() or (words[after[:-1]] < ends[:-1]).any():
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # numpy before 2.3 warns of what it cannot read
        try:
            numbers = np.fromstring(block.tobytes(), dtype, sep=" ")
        except (ValueError, DeprecationWarning):
            return None
    return numbers if len(numbers) == len(words) else None  # a sign alone is a word, and no number
