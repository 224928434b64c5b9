"""Write meshes and surfaces as openCARP text: ``.pts``, ``.elem``, ``.lon`` and ``.surf``, in micrometres.

The format: https://opencarp.org/manual/opencarp-manual-latest.pdf, "File formats".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycemrg_mesh.mesh import Mesh, Nodes, blocks

EXTENSIONS = (".pts", ".elem", ".lon")

_UM = 1000.0  # in a mm
_LINES = 1 << 16


def write_opencarp(mesh: Mesh, path: Path) -> None:
    """Write ``path`` with ``.pts``, ``.elem`` and ``.lon``. Raises :class:`OSError`.

    Points are in micrometres, to a thousandth. The mesh has no fibres: each element has the direction 1 0 0, which
    holds the place until fibres are computed.
    """
    count = len(mesh.tags)
    _write(path.with_name(f"{path.name}.pts"), len(mesh.points), "%.3f %.3f %.3f\n", mesh.points * _UM)
    rows = np.column_stack([mesh.tetrahedra, mesh.tags])
    _write(path.with_name(f"{path.name}.elem"), count, "Tt %d %d %d %d %d\n", rows)
    with path.with_name(f"{path.name}.lon").open("wb") as file:
        file.write(b"1\n")
        file.writelines(b"1 0 0\n" * (block.stop - block.start) for block in blocks(count, _LINES))


def write_surf(triangles: Nodes, path: Path) -> None:
    """Write triangles (b, 3) of nodes of the mesh, for use with its ``.pts``. Raises :class:`OSError`."""
    _write(path, len(triangles), "Tr %d %d %d\n", triangles)


def _write(path: Path, count: int, line: str, rows: NDArray[Any]) -> None:
    """The count, and a line for each row."""
    with path.open("wb") as file:
        file.write(b"%d\n" % count)
        for block in blocks(count, _LINES):
            values = rows[block]
            file.write((line * len(values) % tuple(values.ravel().tolist())).encode("ascii"))
