"""Read an openCARP mesh line by line: slowly, but it can say which line is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from pycemrg_core.api import name_of
from pycemrg_spatial.errors import MeshError

Integers = npt.NDArray[np.int64]

# kind: VTK cell type, and the position of each node in the order of VTK; the same swap converts back.
KINDS: dict[str, tuple[int, tuple[int, ...]]] = {
    "Ln": (3, (0, 1)),
    "Tr": (5, (0, 1, 2)),
    "Qd": (9, (0, 1, 2, 3)),
    "Tt": (10, (0, 1, 2, 3)),
    "Hx": (12, (0, 1, 2, 3, 4, 7, 6, 5)),
    "Pr": (13, (0, 1, 2, 3, 5, 4)),
    "Py": (14, (0, 1, 2, 3, 4)),
}
NAMES = tuple(KINDS)
SIZES = np.array([len(order) for _, order in KINDS.values()])
WHOLE = "export the mesh again"


def points_by_line(lines: list[str], path: Path) -> npt.NDArray[np.float64]:
    """The nodes (n, 3) of ``path``, from its lines after the count. Raises :class:`MeshError`."""
    _require_decimal(lines, path)
    words = [line.split() for line in lines]
    for number, line in enumerate(words, 2):
        if len(line) != 3:
            raise MeshError(f"{name_of(path)}: line {number} has {len(line)} numbers, not x, y and z; {WHOLE}")
    try:
        return np.array(words, float).reshape(-1, 3)
    except ValueError as error:
        raise MeshError(f"{name_of(path)}: a coordinate is not a number ({error}); {WHOLE}") from None


def elements_by_line(lines: list[str], path: Path) -> tuple[Integers, Integers]:
    """For each element of ``path`` its place in ``KINDS``; and the nodes of all, each element followed by its tag.

    ``lines`` are those after the count. Raises :class:`MeshError`.
    """
    _require_decimal(lines, path)
    words = [line.split() for line in lines]
    sizes = [_size(line, number, path) for number, line in enumerate(words, 2)]
    bare = [number for number, (line, size) in enumerate(zip(words, sizes, strict=True), 2) if len(line) == size + 1]
    if bare and len(bare) < len(words):
        raise MeshError(f"{path}: line {bare[0]} has no tag or a node too few, unlike others; {WHOLE}")
    tag = ["0"] if bare else []
    try:
        numbers = np.array([word for line in words for word in line[1:] + tag], np.int64)
    except (ValueError, OverflowError) as error:
        raise MeshError(f"{path}: an element has a value that is not an integer ({error}); {WHOLE}") from None
    return np.array([NAMES.index(line[0]) for line in words], np.int64), numbers


def _require_decimal(lines: list[str], path: Path) -> None:
    for number, line in enumerate(lines, 2):
        if "_" in line or not line.isascii():  # Python reads 1_0 as 10
            raise MeshError(f"{name_of(path)}: line {number} is not of decimal numbers: {line[:40]!r}; {WHOLE}")


def _size(words: list[str], number: int, path: Path) -> int:
    """The number of nodes of an element."""
    kind = words[0] if words else ""
    if kind not in KINDS:
        known = ", ".join(KINDS)
        raise MeshError(
            f"{name_of(path)}: line {number} has an unknown kind of element {kind!r} (known: {known}); {WHOLE}"
        )
    size = len(KINDS[kind][1])
    if len(words) - 1 not in (size, size + 1):
        raise MeshError(
            f"{name_of(path)}: line {number}: {kind} needs {size} nodes and a tag,"
            f" not {len(words) - 1} numbers; {WHOLE}"
        )
    return size
