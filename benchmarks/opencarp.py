"""Rows of ``all.py``: reading and writing of openCARP text, against numpy on the same files.

The mesh fills a cube with a million nodes and five tetrahedra to a box. Coordinates are in micrometres with 17 digits,
as a program writes them. numpy reads nodes and elements with ``loadtxt`` and writes them with ``savetxt``, and is told
the columns; it checks nothing else. Both must read the same nodes, elements and tags, and write files that read
the same.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from measuring import Measured, Row, ratio
from numpy.typing import NDArray

NODES = 1_000_000
Array = NDArray[Any]

# The corners of a box as bits (z, y, x), and the five tetrahedra in it; every second box is mirrored along x.
FIVE = np.array([(0, 1, 2, 4), (3, 2, 1, 7), (5, 4, 7, 1), (6, 7, 4, 2), (1, 2, 4, 7)])


def cube(count: int) -> Any:
    """A cube of about ``count`` nodes, shaken by a tenth of their distance."""
    import pyvista as pv

    side = round(count ** (1 / 3))
    index = np.arange(side**3).reshape([side] * 3)
    corners = np.stack(
        [index[z : side - 1 + z, y : side - 1 + y, x : side - 1 + x] for z in (0, 1) for y in (0, 1) for x in (0, 1)],
        -1,
    ).reshape(-1, 8)
    z, y, x = np.unravel_index(np.arange(len(corners)), [side - 1] * 3)
    odd = (z + y + x) % 2 == 1
    corners[odd] = corners[odd][:, np.arange(8) ^ 1]
    cells = corners[:, FIVE].reshape(-1, 4)
    cells[np.repeat(odd, 5)] = cells[np.repeat(odd, 5)][:, [1, 0, 2, 3]]
    nodes = 500.0 * np.argwhere(index >= 0)[:, ::-1] + np.random.default_rng(0).uniform(-50, 50, (side**3, 3))
    grid = pv.UnstructuredGrid({pv.CellType.TETRA: cells}, nodes)
    grid.cell_data["tag"] = np.repeat(np.arange(len(corners)) % 7 + 1, 5)
    return grid


def by_numpy(file: Path) -> tuple[Array, Array]:
    nodes = np.loadtxt(file.with_suffix(".pts"), skiprows=1)
    return nodes, np.loadtxt(file, np.int64, skiprows=1, usecols=range(1, 6))


def with_numpy(nodes: Array, elements: Array, file: Path) -> None:
    np.savetxt(file.with_suffix(".pts"), nodes, "%.17g", header=str(len(nodes)), comments="")
    np.savetxt(file, elements, "Tt %d %d %d %d %d", header=str(len(elements)), comments="")


def files(folder: str) -> tuple[Any, Array, Path, Path]:
    """The mesh, its elements with their tags, and names of files for us and for numpy."""
    grid = cube(NODES)
    elements = np.column_stack([grid.cells_dict[10], grid.cell_data["tag"]])
    return grid, elements, Path(folder) / "ours.elem", Path(folder) / "numpy.elem"


def reading(turns: int) -> Measured:
    from pycemrg_spatial.meshes import read_mesh, write_mesh

    with tempfile.TemporaryDirectory() as folder:
        grid, _, file, _ = files(folder)
        write_mesh(grid, file)
        read, (points, numbers) = read_mesh(file), by_numpy(file)
        same = (read.points == points).all() and (points == grid.points).all()
        same &= (read.cells_dict[10] == numbers[:, :4]).all() and (read.cell_data["tag"] == numbers[:, 4]).all()
        del read, points, numbers
        return ratio(lambda: read_mesh(file), lambda: by_numpy(file), min(turns, 3), same=bool(same))


def writing(turns: int) -> Measured:
    from pycemrg_spatial.meshes import write_mesh

    with tempfile.TemporaryDirectory() as folder:
        grid, elements, file, other = files(folder)
        turns = min(turns, 3)
        found = ratio(lambda: write_mesh(grid, file), lambda: with_numpy(grid.points, elements, other), turns)
        ours, theirs = by_numpy(file), by_numpy(other)
        same = all(np.array_equal(one, two) for one, two in zip(ours, theirs, strict=True))
        return replace(found, same=same)


ROWS = (
    Row(
        name="opencarp_read",
        what="openCARP text: read a million nodes, 4.85 million elements",
        against="numpy.loadtxt of the same files",
        measure=reading,
        budget=3,
        aim=1.5,
        unit="x",
    ),
    Row(
        name="opencarp_write",
        what="openCARP text: write the same",
        against="numpy.savetxt of the same numbers",
        measure=writing,
        budget=1,
        unit="x",
    ),
)
