"""openCARP mesh files: ``NAME.pts`` holds the nodes, ``NAME.elem`` the elements with their region tags.

Both files begin with a count. An element is its kind, its nodes counted from 0, and its tag (0 if no element has one).
Coordinates are usually in micrometres, but the files do not say so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyvista as pv

from pycemrg_core.api import DocumentError, name_of, read_text, whole_number
from pycemrg_spatial.errors import MeshError
from pycemrg_spatial.opencarp_blocks import elements_at_once, points_at_once
from pycemrg_spatial.opencarp_lines import KINDS, SIZES, WHOLE, Integers, elements_by_line, points_by_line

TAG = "tag"
_MOST_BYTES = 4_000_000_000
_ROWS = 1 << 16  # lines at a time
T = TypeVar("T")


def read_opencarp(path: Path) -> pv.UnstructuredGrid:
    """Read a mesh, given either of its two files; region tags become the cell array ``tag``.

    Raises :class:`MeshError` with the file and line of the problem.
    """
    points = _read(path.with_suffix(".pts"), points_at_once, points_by_line)
    elem = path.with_suffix(".elem")
    kinds, numbers = _read(elem, elements_at_once, elements_by_line)
    sizes = SIZES[kinds]
    tagged = np.cumsum(sizes + 1) - 1
    tags = numbers[tagged]
    numbers[tagged] = 0
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(points):
        _require_nodes(np.delete(numbers, tagged), sizes, len(points), elem)
    # A cell of VTK is the number of its nodes and its nodes.
    starts = tagged - sizes
    cells = np.empty_like(numbers)
    cells[1:] = numbers[:-1]
    cells[starts] = sizes
    for number, (_, order) in enumerate(KINDS.values()):
        if order != tuple(range(len(order))):
            at = starts[kinds == number, None] + 1
            cells[at + np.arange(len(order))] = cells[at + order]
    types = np.array([cell_type for cell_type, _ in KINDS.values()], np.uint8)
    grid = pv.UnstructuredGrid(cells, types[kinds], points)
    grid.cell_data[TAG] = tags
    return grid


def opencarp_texts(grid: pv.UnstructuredGrid, tags: Integers, name: str) -> tuple[str, str]:
    """The texts of ``NAME.pts`` and ``NAME.elem``; ``tags`` is one integer per cell.

    Raises :class:`MeshError` (which mentions ``name``) for cells that the format does not have.
    """
    names = {cell_type: (name, order) for name, (cell_type, order) in KINDS.items()}
    names[11] = ("Hx", (0, 1, 3, 2, 4, 6, 7, 5))  # the voxel of VTK, a box with its nodes in another order
    kinds = np.unique(grid.celltypes).tolist()
    if unknown := sorted(set(kinds) - names.keys()):
        shown = ", ".join(pv.CellType(cell_type).name for cell_type in unknown)
        raise MeshError(f"{name}: openCARP has no element for {shown} cells; use .vtk or .vtu")
    # As in the file: the nodes of each cell, and its tag.
    ends = grid.cell_offsets[1:]
    numbers = np.insert(grid.cell_connectivity, ends, tags)
    starts = np.append(0, ends + np.arange(1, len(ends) + 1))
    for cell_type in kinds:
        order = names[cell_type][1]
        if order != tuple(range(len(order))):
            at = starts[:-1][grid.celltypes == cell_type, None]
            numbers[at + np.arange(len(order))] = numbers[at + order]
    formats = {kind: f"{name}{' %d' * (len(order) + 1)}\n" for kind, (name, order) in names.items()}
    elements = [f"{grid.n_cells}\n"]
    for first in range(0, grid.n_cells, _ROWS):
        part = grid.celltypes[first : first + _ROWS].tolist()
        values = numbers[starts[first] : starts[first + len(part)]].tolist()
        elements.append("".join([formats[kind] for kind in part]) % tuple(values))
    nodes = [f"{grid.n_points}\n"]
    for first in range(0, grid.n_points, _ROWS):
        points = np.asarray(grid.points[first : first + _ROWS], float)
        nodes.append("%r %r %r\n" * len(points) % tuple(points.ravel().tolist()))
    return "".join(nodes), "".join(elements)


def _read(path: Path, at_once: Callable[[str], T | None], by_line: Callable[[list[str], Path], T]) -> T:
    """What the lines after the count hold. Raises :class:`MeshError` when their number differs from the count."""
    try:
        text = read_text(path, "a text file of an openCARP mesh", _MOST_BYTES).rstrip()
    except DocumentError as error:
        raise MeshError(f"{error}; an openCARP mesh is NAME.pts and NAME.elem together") from error
    head, _, rest = text.partition("\n")
    count = whole_number(head)
    if count == rest.count("\n") + 1 and (found := at_once(rest)) is not None:
        return found
    head, *lines = text.splitlines() or [""]
    if (count := whole_number(head)) is None:
        raise MeshError(f"{name_of(path)}: the first line is not the number of lines that follow; {WHOLE}")
    if len(lines) != count:
        raise MeshError(
            f"{name_of(path)}: the first line says that {count:,} lines follow, but there are {len(lines):,}; {WHOLE}"
        )
    return by_line(lines, path)


def _require_nodes(nodes: Integers, sizes: Integers, count: int, path: Path) -> None:
    wrong = np.flatnonzero((nodes < 0) | (nodes >= count))
    if len(wrong):
        line = int(np.searchsorted(np.cumsum(sizes), wrong[0], side="right")) + 2
        raise MeshError(
            f"{name_of(path)}: line {line} refers to node {nodes[wrong[0]]},"
            f" but {path.with_suffix('.pts').name} has {count:,}"
            f" nodes, 0 to {count - 1}; give the .pts that belongs to it"
        )
