"""Measure reading and writing of openCARP text against numpy on the same files, and print a Markdown table.

    python benchmarks/opencarp.py [--nodes 1000000] [--repeat 3]

The mesh fills a cube with tetrahedra, five to a box, with coordinates in micrometres as a program writes them, 17
digits. numpy reads the nodes and the elements with ``loadtxt`` and writes them with ``savetxt``, without checking what
they mean. CPU seconds; medians of turns that take both one after the other; the ratio is the median of the ratios.
Every turn checks that both read the same nodes, elements and tags.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import numpy as np
import pyvista as pv
from pycemrg_spatial.meshes import read_mesh, write_mesh

# The corners of a box as bits (z, y, x), and the five tetrahedra in it; every second box is mirrored along x.
FIVE = np.array([(0, 1, 2, 4), (3, 2, 1, 7), (5, 4, 7, 1), (6, 7, 4, 2), (1, 2, 4, 7)])


def cube(count: int) -> pv.UnstructuredGrid:
    """A cube of about ``count`` nodes, shaken by a tenth of their distance."""
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


def seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of one call, and its result."""
    start = process_time()
    value = call()
    return process_time() - start, value


def by_numpy(file: Path) -> tuple[Any, Any]:
    nodes = np.loadtxt(file.with_suffix(".pts"), skiprows=1)
    return nodes, np.loadtxt(file, np.int64, skiprows=1, usecols=range(1, 6))


def with_numpy(nodes: Any, elements: Any, file: Path) -> None:
    np.savetxt(file.with_suffix(".pts"), nodes, "%.17g", header=str(len(nodes)), comments="")
    np.savetxt(file, elements, "Tt %d %d %d %d %d", header=str(len(elements)), comments="")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    grid = cube(given.nodes)
    elements = np.column_stack([grid.cells_dict[10], grid.cell_data["tag"]])
    times: dict[str, list[tuple[float, float]]] = {"read": [], "write": []}
    with tempfile.TemporaryDirectory() as name:
        file, other = Path(name) / "cube.elem", Path(name) / "numpy.elem"
        for _ in range(given.repeat):
            ours, _ = seconds(lambda: write_mesh(grid, file))
            times["write"].append((ours, seconds(lambda: with_numpy(grid.points, elements, other))[0]))
            ours, read = seconds(lambda: read_mesh(file))
            theirs, (points, numbers) = seconds(lambda: by_numpy(file))
            times["read"].append((ours, theirs))
            assert (read.points == points).all()
            assert (read.cells_dict[10] == numbers[:, :4]).all()
            assert (read.cell_data["tag"] == numbers[:, 4]).all()
            del read, points, numbers
    print(f"| {grid.n_points:,} nodes, {grid.n_cells:,} tetrahedra | s | numpy, s | ours / numpy |")
    print("| --- | ---: | ---: | ---: |")
    for how, turns in times.items():
        shown = [f"{median(turn[which] for turn in turns):.1f}" for which in (0, 1)]
        print(f"| {how} | {' | '.join(shown)} | {median(ours / theirs for ours, theirs in turns):.2f} |")


if __name__ == "__main__":
    main()
