"""Meshes in and out: VTK, VTU, PLY, STL through VTK and trimesh, and openCARP. The only module that touches mesh files.

A mesh is a ``pyvista.UnstructuredGrid``: points (n, 3), (x, y, z), in the file's own unit.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyvista as pv
from vtkmodules.vtkCommonCore import vtkLogger, vtkOutputWindow, vtkStringOutputWindow
from vtkmodules.vtkIOGeometry import vtkSTLReader
from vtkmodules.vtkIOLegacy import vtkDataSetReader
from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridReader

from pycemrg_core.api import OutputError, close_to
from pycemrg_core.cli.kit import staged
from pycemrg_spatial.errors import MeshError
from pycemrg_spatial.opencarp import TAG, opencarp_texts, read_opencarp

FORMATS = (".vtk", ".vtu", ".ply", ".stl", ".elem", ".pts")
# VTK's triangle, polygon and quadrilateral.
SURFACE = (5, 7, 9)
_READERS: dict[str, Any] = {".vtk": vtkDataSetReader, ".vtu": vtkXMLUnstructuredGridReader, ".stl": vtkSTLReader}
# Of each of these the legacy reader takes only the first array, unless told otherwise.
_LEGACY_ARRAYS = ("Scalars", "Vectors", "Normals", "Tensors", "ColorScalars", "TCoords", "Fields")
_REMEDY = "Copy or export it again."


def read_mesh(path: str | os.PathLike[str]) -> pv.UnstructuredGrid:
    """Read a mesh with its arrays. Raises :class:`MeshError`, one line with the file, what is wrong and the remedy."""
    file = Path(path)
    extension = file.suffix.lower()
    if extension not in FORMATS:
        raise MeshError(
            f"{file}: {extension or 'files without extension'} cannot be read; read are {', '.join(FORMATS)}."
        )
    if not file.exists():
        near = [other.name for other in file.parent.glob(f"*{file.suffix}")]
        raise MeshError(f"{file}: no such file{close_to(file.name, near) or '.'}")
    if not file.is_file() or not os.access(file, os.R_OK):
        raise MeshError(f"{file}: is not a file that can be read. Check its permissions.")
    if extension in (".elem", ".pts"):
        grid = read_opencarp(file)
    else:
        grid = _from_ply(file) if extension == ".ply" else _from_vtk(file, _READERS[extension]())
    _check(grid, file)
    return grid


def write_mesh(grid: pv.UnstructuredGrid, path: str | os.PathLike[str], tag: str = TAG) -> None:
    """Write a mesh; the file, or for openCARP both files, appear whole or not at all.

    .vtk and .vtu keep all arrays, .elem the cell array ``tag`` (0 without one), .ply and .stl none. Raises
    :class:`MeshError` for what the format cannot hold and :class:`OutputError` when it cannot be written.
    """
    file = Path(path)
    extension = file.suffix.lower()
    if extension not in FORMATS:
        raise OutputError(
            f"{file}: cannot be written, unknown extension {extension!r}. Use one of {', '.join(FORMATS)}."
        )
    if not file.parent.is_dir():
        raise OutputError(f"{file}: cannot be written, the folder {file.parent} does not exist. Create it first.")
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
        target.save(folder / file.name)
        if messages() or not (folder / file.name).exists():
            raise OSError(_reason(messages()))


def surface_of(grid: pv.UnstructuredGrid, name: str) -> pv.PolyData:
    """The triangles and other polygons of a mesh that has nothing else, with its points as they are.

    Raises :class:`MeshError`, with ``name``, for other cells.
    """
    if others := sorted(set(grid.celltypes.tolist()) - set(SURFACE)):
        shown = ", ".join(pv.CellType(cell_type).name for cell_type in others)
        raise MeshError(f"{name}: a surface is made of triangles and polygons, this mesh has {shown} cells.")
    return pv.PolyData(grid.points, faces=grid.cells)


def cell_array(grid: pv.UnstructuredGrid, name: str, mesh: str) -> npt.NDArray[Any]:
    """A cell array with one number per cell. Raises :class:`MeshError` that lists the arrays there are."""
    if name not in grid.cell_data:
        there = ", ".join(grid.cell_data.keys()) or "none"
        raise MeshError(
            f"{mesh}: no cell array is called {name!r}{close_to(name, grid.cell_data.keys())} (there are: {there})"
        )
    array = np.asarray(grid.cell_data[name])
    if array.ndim != 1:
        raise MeshError(f"{mesh}: the array {name!r} has {array.shape[1]} values per cell, not one. Name another.")
    return array


def whole_numbers(array: npt.NDArray[Any], name: str, mesh: str) -> npt.NDArray[np.int64]:
    """The array as integers. Raises :class:`MeshError` when it holds anything else."""
    if array.dtype.kind == "f":
        wrong = np.flatnonzero(~np.isfinite(array) | (array != np.rint(array)))
        if len(wrong):
            raise MeshError(
                f"{mesh}: the array {name!r} is {float(array[wrong[0]]):g} at cell {wrong[0]}, which is no integer"
                f" ({len(wrong):,} of {len(array):,} cells). Tags are integers: name another array."
            )
    return array.astype(np.int64)


def _check(grid: pv.UnstructuredGrid, file: Path) -> None:
    if not grid.n_points or not grid.n_cells:
        raise MeshError(f"{file}: holds {grid.n_points:,} nodes and {grid.n_cells:,} cells, no mesh. {_REMEDY}")
    nodes = grid.cell_connectivity
    if nodes.size and (nodes.min() < 0 or nodes.max() >= grid.n_points):
        raise MeshError(f"{file}: a cell refers to node {nodes.max()}, but there are {grid.n_points:,}. {_REMEDY}")
    if not np.isfinite(grid.points).all():
        raise MeshError(f"{file}: a node has a coordinate that is NaN or infinite. {_REMEDY}")


def _from_vtk(file: Path, reader: Any) -> pv.UnstructuredGrid:
    with _vtk_messages() as messages:
        reader.SetFileName(str(file))
        for kind in _LEGACY_ARRAYS if isinstance(reader, vtkDataSetReader) else ():
            getattr(reader, f"ReadAll{kind}On")()
        reader.Update()
        found = reader.GetOutput()
    if messages() or found is None:
        raise MeshError(f"{file}: cannot be read: {_reason(messages())}. {_REMEDY}")
    wrapped = pv.wrap(found)
    return wrapped if isinstance(wrapped, pv.UnstructuredGrid) else wrapped.cast_to_unstructured_grid()


def _from_ply(file: Path) -> pv.UnstructuredGrid:
    """By trimesh: VTK's own reader crashes on a PLY file that is cut short."""
    import trimesh

    try:
        mesh = trimesh.load_mesh(file, process=False, maintain_order=True)
        faces, points = np.asarray(mesh.faces), np.asarray(mesh.vertices)
    except Exception as error:
        reason = str(error).splitlines()[0].rstrip(".!") if str(error) else type(error).__name__
        raise MeshError(f"{file}: cannot be read: {reason}. {_REMEDY}") from error
    cells = np.insert(faces, 0, 3, axis=1)
    return pv.UnstructuredGrid(cells.reshape(-1), np.full(len(faces), 5, np.uint8), points)


@contextmanager
def _vtk_messages() -> Iterator[Any]:
    """Keep VTK's complaints off stderr; the value is a function that returns them."""
    window, before = vtkStringOutputWindow(), vtkOutputWindow.GetInstance()
    verbosity = vtkLogger.GetCurrentVerbosityCutoff()
    vtkOutputWindow.SetInstance(window)
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
    try:
        yield window.GetOutput
    finally:
        vtkOutputWindow.SetInstance(before)
        vtkLogger.SetStderrVerbosity(verbosity)


def _reason(messages: str) -> str:
    """The first complaint, without VTK's file names and addresses."""
    for line in messages.splitlines():
        text = line.rpartition("): ")[2] if "): " in line else line
        if text and " In vtk" not in text:
            return text.rstrip(".!")
    return "VTK cannot make sense of it"
