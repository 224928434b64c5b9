"""openCARP mesh files: ``NAME.pts`` holds the nodes, ``NAME.elem`` the elements with their region tags.

Both files begin with a count. An element is its kind, its nodes counted from 0, and its tag (0 if no element has one).
Coordinates are usually in micrometres, but the files do not say so.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyvista as pv

from pycemrg_core.api import DocumentError, name_of, read_text, whole_number
from pycemrg_spatial.errors import MeshError

TAG = "tag"

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
_WHOLE = "export the mesh again"
_MOST_BYTES = 4_000_000_000


def read_opencarp(path: Path) -> pv.UnstructuredGrid:
    """Read a mesh, given either of its two files; region tags become the cell array ``tag``.

    Raises :class:`MeshError` with the file and line of the problem.
    """
    points = _points(path.with_suffix(".pts"))
    elem = path.with_suffix(".elem")
    lines = _lines(elem)
    words = [line.split() for line in lines]
    sizes = np.array([_size(line, number, elem) for number, line in enumerate(words, 2)], np.int64)
    bare = [number for number, (line, size) in enumerate(zip(words, sizes, strict=True), 2) if len(line) == size + 1]
    if bare and len(bare) < len(words):
        raise MeshError(f"{elem}: line {bare[0]} has no tag or a node too few, unlike others; {_WHOLE}")
    try:
        numbers = np.array([word for line in words for word in _with_tag(line)], np.int64)
    except (ValueError, OverflowError) as error:
        raise MeshError(f"{elem}: an element has a value that is not an integer ({error}); {_WHOLE}") from None
    tagged = np.cumsum(sizes + 1)
    tags = numbers[tagged - 1]
    nodes = np.delete(numbers, tagged - 1)
    _require_nodes(nodes, sizes, len(points), elem)
    kinds = [line[0] for line in words]
    starts = np.cumsum(sizes) - sizes
    for kind in set(kinds):
        order = KINDS[kind][1]
        at = starts[np.array(kinds) == kind, None]
        nodes[at + np.arange(len(order))] = nodes[at + order]
    cells = np.insert(nodes, starts, sizes)
    grid = pv.UnstructuredGrid(cells, np.array([KINDS[kind][0] for kind in kinds], np.uint8), points)
    grid.cell_data[TAG] = tags
    return grid


def opencarp_texts(grid: pv.UnstructuredGrid, tags: npt.NDArray[np.int64], name: str) -> tuple[str, str]:
    """The texts of ``NAME.pts`` and ``NAME.elem``; ``tags`` is one integer per cell.

    Raises :class:`MeshError` (which mentions ``name``) for cells that the format does not have.
    """
    names = {cell_type: (kind, order) for kind, (cell_type, order) in KINDS.items()}
    names[11] = ("Hx", (0, 1, 3, 2, 4, 6, 7, 5))  # the voxel of VTK, a box with its nodes in another order
    if unknown := sorted(set(grid.celltypes.tolist()) - names.keys()):
        shown = ", ".join(pv.CellType(cell_type).name for cell_type in unknown)
        raise MeshError(f"{name}: openCARP has no element for {shown} cells; use .vtk or .vtu")
    nodes, starts = grid.cell_connectivity, grid.cell_offsets
    rows = []
    for cell, (cell_type, tag) in enumerate(zip(grid.celltypes.tolist(), tags.tolist(), strict=True)):
        kind, order = names[cell_type]
        ordered = nodes[starts[cell] : starts[cell + 1]][list(order)].tolist()
        rows.append(" ".join(map(str, [kind, *ordered, tag])))
    points = [" ".join(map(repr, point)) for point in np.asarray(grid.points, float).tolist()]
    return "\n".join([str(len(points)), *points, ""]), "\n".join([str(len(rows)), *rows, ""])


def _points(path: Path) -> npt.NDArray[np.float64]:
    lines = _lines(path)
    words = [line.split() for line in lines]
    for number, line in enumerate(words, 2):
        if len(line) != 3:
            raise MeshError(f"{name_of(path)}: line {number} has {len(line)} numbers, not x, y and z; {_WHOLE}")
    try:
        return np.array(words, float).reshape(-1, 3)
    except ValueError as error:
        raise MeshError(f"{name_of(path)}: a coordinate is not a number ({error}); {_WHOLE}") from None


def _lines(path: Path) -> list[str]:
    """The lines after the count. Raises :class:`MeshError` when their number differs from the count."""
    try:
        head, *lines = read_text(path, "a text file of an openCARP mesh", _MOST_BYTES).rstrip().splitlines()
    except DocumentError as error:
        raise MeshError(f"{error}; an openCARP mesh is NAME.pts and NAME.elem together") from error
    except ValueError:
        head = ""
    if (count := whole_number(head)) is None:
        raise MeshError(f"{name_of(path)}: the first line is not the number of lines that follow; {_WHOLE}")
    if len(lines) != count:
        raise MeshError(
            f"{name_of(path)}: the first line says that {count:,} lines follow, but there are {len(lines):,}; {_WHOLE}"
        )
    for number, line in enumerate(lines, 2):
        if "_" in line or not line.isascii():  # Python reads 1_0 as 10
            raise MeshError(f"{name_of(path)}: line {number} is not of decimal numbers: {line[:40]!r}; {_WHOLE}")
    return lines


def _size(words: list[str], number: int, path: Path) -> int:
    """The number of nodes of an element."""
    kind = words[0] if words else ""
    if kind not in KINDS:
        known = ", ".join(KINDS)
        raise MeshError(
            f"{name_of(path)}: line {number} has an unknown kind of element {kind!r} (known: {known}); {_WHOLE}"
        )
    size = len(KINDS[kind][1])
    if len(words) - 1 not in (size, size + 1):
        raise MeshError(
            f"{name_of(path)}: line {number}: {kind} needs {size} nodes and a tag,"
            f" not {len(words) - 1} numbers; {_WHOLE}"
        )
    return size


def _with_tag(words: list[str]) -> list[str]:
    return words[1:] if len(words) - 1 > len(KINDS[words[0]][1]) else [*words[1:], "0"]


def _require_nodes(nodes: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64], count: int, path: Path) -> None:
    wrong = np.flatnonzero((nodes < 0) | (nodes >= count))
    if len(wrong):
        line = int(np.searchsorted(np.cumsum(sizes), wrong[0], side="right")) + 2
        raise MeshError(
            f"{name_of(path)}: line {line} refers to node {nodes[wrong[0]]},"
            f" but {path.with_suffix('.pts').name} has {count:,}"
            f" nodes, 0 to {count - 1}; give the .pts that belongs to it"
        )
