"""Read and write mesh files: VTK, VTU, PLY and STL with VTK and trimesh, and openCARP.

A mesh is a ``pyvista.UnstructuredGrid``: points (n, 3), (x, y, z), in the unit of the file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyvista as pv
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkLogger, vtkOutputWindow, vtkStringOutputWindow
from vtkmodules.vtkIOGeometry import vtkSTLReader
from vtkmodules.vtkIOLegacy import vtkDataSetReader, vtkUnstructuredGridWriter
from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridReader

from pycemrg_core.api import OutputError, close_to, name_of
from pycemrg_core.cli.kit import staged
from pycemrg_spatial.errors import MeshError
from pycemrg_spatial.opencarp import TAG, opencarp_texts, read_opencarp
from pycemrg_spatial.xml_arrays import require_arrays

FORMATS = (".vtk", ".vtu", ".ply", ".stl", ".elem", ".pts")
# The VTK cell types triangle, polygon and quadrilateral.
SURFACE = (5, 7, 9)
_READERS: dict[str, Any] = {".vtk": vtkDataSetReader, ".vtu": vtkXMLUnstructuredGridReader, ".stl": vtkSTLReader}
# By default, the legacy reader reads only the first array of each of these kinds.
_LEGACY_ARRAYS = ("Scalars", "Vectors", "Normals", "Tensors", "ColorScalars", "TCoords", "Fields")
_LEGACY_VERSION = 42
_REMEDY = "copy or export it again"


_HEAD = 1 << 16
# Cell types of VTK: those of straight and of quadratic cells. With them, the number of nodes of the straight ones.
_TYPES = (*range(15), *range(21, 38))
_NODES = {3: 2, 5: 3, 8: 4, 9: 4, 10: 4, 11: 8, 12: 8, 13: 6, 14: 5}
_LIKE_A_NUMBER = re.compile(rb"[-+]?\.?\d")
_NUMBER = re.compile(rb"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_OFFSETS = re.compile(rb"\nOFFSETS[ \t]+[a-z]\w+[ \t]*\r?\n")
_VERSION_5 = re.compile(rb"# vtk DataFile Version[ \t]+[5-9]\.\d+\s")


def read_mesh(path: str | os.PathLike[str]) -> pv.UnstructuredGrid:
    """Read a mesh with its arrays. Raises :class:`MeshError`: one line with the file, the problem and what to do."""
    file = Path(path)
    extension = file.suffix.lower()
    if extension not in FORMATS:
        raise MeshError(
            f"{name_of(file)}: cannot read {extension or 'files without extension'};"
            f" convert it to one of {', '.join(FORMATS)}"
        )
    if not file.exists():
        near = [other.name for other in file.parent.glob(f"*{file.suffix}")]
        raise MeshError(f"{name_of(file)}: no such file{close_to(file.name, near)}")
    if not file.is_file() or not os.access(file, os.R_OK):
        raise MeshError(f"{name_of(file)}: not a readable file; check its permissions")
    if extension in (".elem", ".pts"):
        grid = read_opencarp(file)
    else:
        _require_numbers(file)
        if extension == ".vtk":
            _require_types(file)
        elif extension == ".vtu":
            require_arrays(file)
        grid = _from_ply(file) if extension == ".ply" else _from_vtk(file, _READERS[extension]())
    _require_cells(grid, file)
    return grid


def _require_numbers(file: Path) -> None:
    """Refuse a text file with a word that begins like a number and is none.

    VTK reads ``14.03.5`` as two numbers, so that all that follow are in the wrong place.
    """
    with file.open("rb") as opened:
        if b"\0" in (head := opened.read(_HEAD)):
            if file.suffix.lower() == ".stl":
                _require_triangles(file, head)
            return
        opened.seek(0)
        for number, line in enumerate(opened, 1):
            if b'format="binary"' in line or b"<AppendedData" in line:
                return
            line = line.strip()
            words = line.removeprefix(b"vertex").split()
            # Other lines of fewer words may hold names; that of a point holds numbers even if some ran together.
            if (len(words) > 2 or line.startswith(b"vertex")) and all(map(_LIKE_A_NUMBER.match, words)):
                for word in words:
                    if not _NUMBER.fullmatch(word):
                        shown = word[:40].decode("latin-1")
                        raise MeshError(
                            f"{name_of(file)}, line {number}: {shown!r} is not a number; export the mesh again"
                        )


def _require_triangles(file: Path, head: bytes) -> None:
    """Refuse a binary .stl with another number of triangles than it says: VTK reads what is there."""
    said = int.from_bytes(head[80:84], "little")
    if file.stat().st_size != 84 + 50 * said:
        raise MeshError(
            f"{name_of(file)}: it says {said:,} triangles, and has bytes for another number; copy or export it again"
        )


def _require_types(file: Path) -> None:
    """Refuse a legacy file with cells of a type that no mesh here has: VTK can crash on a polyhedron without faces."""
    data = file.read_bytes()
    # Since version 5, cells are stored in another way; VTK crashes on one that it takes for the other.
    if bool(_OFFSETS.search(data)) > bool(_VERSION_5.match(data)):
        raise MeshError(f"{file}: it has the cells of version 5, and does not say so in its first line; {_REMEDY}")
    head = re.search(rb"\nCELL_TYPES[ \t]+(\d{1,12})[ \t]*\r?\n", data)
    if head is None:
        return
    count, binary = int(head[1]), data.split(b"\n", 3)[2:3] == [b"BINARY"]
    if binary:
        types = np.frombuffer(data[head.end() : head.end() + 4 * count][: len(data) // 4 * 4], np.uint8)
        types = types[: len(types) // 4 * 4].view(">i4")
    else:
        words = [word for word in data[head.end() :].split(None, count)[:count] if word.isdigit() and len(word) < 10]
        types = np.array(words, dtype=np.int64)
    if len(types) < count or not np.isin(types, _TYPES).all():
        raise MeshError(
            f"{name_of(file)}: CELL_TYPES lists a cell type that is not known, or too few of them; {_REMEDY}"
        )


def write_mesh(grid: pv.UnstructuredGrid, path: str | os.PathLike[str], tag: str = TAG) -> None:
    """Write a mesh completely or not at all: one file, or both files for openCARP.

    .vtk and .vtu keep all arrays, .elem keeps the cell array ``tag`` (0 if missing), .ply and .stl keep none.
    Raises :class:`MeshError` when the format cannot store the mesh, and :class:`OutputError` when the file cannot
    be written.
    """
    file = Path(path)
    extension = file.suffix.lower()
    if extension not in FORMATS:
        raise OutputError(
            f"{name_of(file)}: cannot write {extension or 'files without extension'}; use one of {', '.join(FORMATS)}"
        )
    if not file.parent.is_dir():
        raise OutputError(f"{name_of(file)}: the folder {file.parent} does not exist; create it first")
    if extension in (".elem", ".pts"):
        tags = np.zeros(grid.n_cells, np.int64)
        if tag in grid.cell_data:
            tags = whole_numbers(cell_array(grid, tag, str(file)), tag, str(file))
        pts, elem = opencarp_texts(grid, tags, str(file))
        with staged(file.parent) as folder:
            (folder / file.name).with_suffix(".pts").write_text(pts, encoding="ascii")
            (folder / file.name).with_suffix(".elem").write_text(elem, encoding="ascii")
        return
    target = surface_of(grid, str(file)) if extension in (".ply", ".stl") else grid
    with staged(file.parent) as folder, _vtk_messages() as messages:
        if extension == ".vtk":
            _write_legacy(grid, folder / file.name)
        else:
            target.save(folder / file.name)
        if messages() or not (folder / file.name).exists():
            raise OSError(_reason(messages()))


def _write_legacy(grid: pv.UnstructuredGrid, file: Path) -> None:
    """Version 4.2, which other readers know (5.1 stores cells in another way).

    Integers are int32 where they fit: VTK writes uint8 as colours, which others leave out, and int64 under a name of
    its own.
    """
    plain = grid.copy(deep=False)
    for data in (plain.point_data, plain.cell_data, plain.field_data):
        for name in [*data]:
            array = np.asarray(data[name])
            if array.dtype.kind in "iub" and (not array.size or abs(array.astype(np.int64)).max() < 2**31):
                data[name] = array.astype(np.int32)
    writer = vtkUnstructuredGridWriter()
    writer.SetInputData(plain)
    writer.SetFileName(str(file))
    writer.SetFileTypeToBinary()
    writer.SetFileVersion(_LEGACY_VERSION)
    writer.Write()


def surface_of(grid: pv.UnstructuredGrid, name: str) -> pv.PolyData:
    """The triangles and other polygons of a mesh with only such cells; points are not changed.

    Raises :class:`MeshError` (which mentions ``name``) for other cells.
    """
    if others := sorted(set(grid.celltypes.tolist()) - set(SURFACE)):
        shown = ", ".join(pv.CellType(cell_type).name for cell_type in others)
        raise MeshError(
            f"{name}: a surface can have only triangles and polygons, and this mesh has {shown} cells; give a surface"
        )
    return pv.PolyData(grid.points, faces=grid.cells)


def cell_array(grid: pv.UnstructuredGrid, name: str, mesh: str) -> npt.NDArray[Any]:
    """A cell array with one number per cell. Raises :class:`MeshError` that lists the existing arrays."""
    if name not in grid.cell_data:
        there = ", ".join(grid.cell_data.keys()) or "none"
        raise MeshError(
            f"{mesh}: no cell array is called {name!r}{close_to(name, grid.cell_data.keys())} (arrays: {there})"
        )
    array = np.asarray(grid.cell_data[name])
    if array.ndim != 1:
        raise MeshError(f"{mesh}: the array {name!r} has {array.shape[1]} values per cell, not one; name another")
    return array


def whole_numbers(array: npt.NDArray[Any], name: str, mesh: str) -> npt.NDArray[np.int64]:
    """The array as integers. Raises :class:`MeshError` when it holds anything else."""
    if array.dtype.kind == "f":
        wrong = np.flatnonzero(~np.isfinite(array) | (array != np.rint(array)))
        if len(wrong):
            raise MeshError(
                f"{mesh}: the array {name!r} is {float(array[wrong[0]]):g} at cell {wrong[0]}, which is not an integer"
                f" ({len(wrong):,} of {len(array):,} cells); name an array of integers"
            )
    return array.astype(np.int64)


def _require_cells(grid: pv.UnstructuredGrid, file: Path) -> None:
    if not grid.n_points or not grid.n_cells:
        raise MeshError(f"{name_of(file)}: not a mesh: {grid.n_points:,} nodes and {grid.n_cells:,} cells; {_REMEDY}")
    nodes = grid.cell_connectivity
    if nodes.size and (nodes.min() < 0 or nodes.max() >= grid.n_points):
        raise MeshError(
            f"{name_of(file)}: a cell refers to node {nodes.max()}, but there are {grid.n_points:,} nodes; {_REMEDY}"
        )
    sizes = np.diff(vtk_to_numpy(grid.GetCells().GetOffsetsArray()))
    for kind, count in _NODES.items():
        if (sizes[grid.celltypes == kind] != count).any():
            raise MeshError(
                f"{name_of(file)}: a cell of type {pv.CellType(kind).name} has not {count} nodes; {_REMEDY}"
            )
    if not np.isfinite(grid.points).all():
        raise MeshError(f"{name_of(file)}: a node has a coordinate that is NaN or infinite; {_REMEDY}")


def _from_vtk(file: Path, reader: Any) -> pv.UnstructuredGrid:
    with _vtk_messages() as messages:
        reader.SetFileName(str(file))
        for kind in _LEGACY_ARRAYS if isinstance(reader, vtkDataSetReader) else ():
            getattr(reader, f"ReadAll{kind}On")()
        reader.Update()
        found = reader.GetOutput()
    if messages() or found is None:
        raise MeshError(f"{name_of(file)}: cannot be read: {_reason(messages())}; {_REMEDY}")
    wrapped = pv.wrap(found)
    return wrapped if isinstance(wrapped, pv.UnstructuredGrid) else wrapped.cast_to_unstructured_grid()


def _from_ply(file: Path) -> pv.UnstructuredGrid:
    """Read with trimesh, because the reader of VTK crashes on a truncated PLY file."""
    import trimesh

    try:
        mesh = trimesh.load_mesh(file, process=False, maintain_order=True)
        faces, points = np.asarray(mesh.faces), np.asarray(mesh.vertices)
    except MemoryError:
        raise
    except Exception as error:
        reason = str(error).splitlines()[0].rstrip(".!") if str(error) else type(error).__name__
        raise MeshError(f"{name_of(file)}: cannot be read: {reason}; {_REMEDY}") from error
    cells = np.insert(faces, 0, 3, axis=1)
    return pv.UnstructuredGrid(cells.reshape(-1), np.full(len(faces), 5, np.uint8), points)


@contextmanager
def _vtk_messages() -> Iterator[Any]:
    """Keep messages of VTK off stderr; the value is a function that returns them."""
    window, before = vtkStringOutputWindow(), vtkOutputWindow.GetInstance()
    verbosity = vtkLogger.GetCurrentVerbosityCutoff()
    vtkOutputWindow.SetInstance(window)
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
    try:
        yield lambda: _text(window.GetOutput())
    finally:
        vtkOutputWindow.SetInstance(before)
        vtkLogger.SetStderrVerbosity(verbosity)


def _text(said: str | bytes) -> str:
    """VTK gives bytes when it quotes what is not UTF-8."""
    return said if isinstance(said, str) else said.decode("ascii", "replace")


def _reason(messages: str) -> str:
    """The first message, without file names and addresses of VTK."""
    for line in messages.splitlines():
        text = line.rpartition("): ")[2] if "): " in line else line
        if text and " In vtk" not in text:
            return text.rstrip(".!")
    return "VTK does not understand it"
