"""Write meshes (.vtu) and surfaces (.vtp) as VTK XML: arrays in raw appended data, compressed with ZLib.

Of our own, because the libraries that write such files cost hundreds of megabytes to install (VTK) or keep several
copies of a mesh in memory. The format: https://docs.vtk.org/en/latest/vtk_file_formats/vtkxml_file_format.html
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from attrs import define, field
from numpy.typing import NDArray

from pycemrg_mesh.mesh import Mesh, Nodes, Points

_BLOCK = 1 << 20  # bytes that are compressed at once
_LEVEL = 1  # a third of the time of the usual 6, for files a tenth larger
_TETRAHEDRON = 10
_NAMES = {"f8": "Float64", "i4": "Int32", "i8": "Int64", "u1": "UInt8"}


def write_vtu(mesh: Mesh, path: Path) -> None:
    """Write a mesh; its tags are the cell array ``tag``. Raises :class:`OSError`."""
    file = _File("UnstructuredGrid")
    count = len(mesh.tags)
    ends = np.arange(4, 4 * count + 4, 4, dtype=np.int64 if 4 * count >= 1 << 31 else np.int32)
    kinds = np.full(count, _TETRAHEDRON, np.uint8)
    with file.element("UnstructuredGrid"), file.element("Piece", NumberOfPoints=len(mesh.points), NumberOfCells=count):
        file.arrays("Points", {"Points": mesh.points})
        file.arrays("Cells", {"connectivity": mesh.tetrahedra.ravel(), "offsets": ends, "types": kinds})
        file.arrays("CellData", {"tag": mesh.tags}, Scalars="tag")
    file.write(path)


def write_vtp(points: Points, triangles: Nodes, nodes: Nodes, tags: Nodes, path: Path) -> None:
    """Write a surface of triangles (b, 3).

    ``nodes`` is the number of each point in the mesh, as the point array ``node``, and ``tags`` the tag of the
    tetrahedron that each triangle belongs to, as the cell array ``tag``. Raises :class:`OSError`.
    """
    file = _File("PolyData")
    ends = np.arange(3, 3 * len(triangles) + 3, 3, dtype=np.int32)
    with file.element("PolyData"), file.element("Piece", NumberOfPoints=len(points), NumberOfPolys=len(triangles)):
        file.arrays("Points", {"Points": points})
        file.arrays("Polys", {"connectivity": triangles.ravel(), "offsets": ends})
        file.arrays("PointData", {"node": nodes}, Scalars="node")
        file.arrays("CellData", {"tag": tags}, Scalars="tag")
    file.write(path)


@define
class _File:
    """The text of the file, and the bytes of its arrays."""

    kind: str
    lines: list[str] = field(factory=list)
    data: list[bytes] = field(factory=list)
    offset: int = 0

    @contextmanager
    def element(self, name: str, **values: object) -> Iterator[None]:
        shown = "".join(f' {key}="{value}"' for key, value in values.items())
        self.lines.append(f"<{name}{shown}>")
        yield
        self.lines.append(f"</{name}>")

    def arrays(self, name: str, arrays: Mapping[str, NDArray[Any]], **values: object) -> None:
        with self.element(name, **values):
            for called, array in arrays.items():
                # Some readers make a column of an array that says it has one.
                columns = "" if array.ndim == 1 else f' NumberOfComponents="{array.shape[1]}"'
                kind = _NAMES[array.dtype.str[1:]]
                self.lines.append(
                    f'<DataArray type="{kind}" Name="{called}"{columns} format="appended" offset="{self.offset}"/>'
                )
                packed = _packed(array)
                self.data += packed
                self.offset += sum(map(len, packed))

    def write(self, path: Path) -> None:
        head = (
            f'<VTKFile type="{self.kind}" version="1.0" byte_order="{sys.byteorder.capitalize()}Endian"'
            ' header_type="UInt64" compressor="vtkZLibDataCompressor">'
        )
        text = "\n".join(['<?xml version="1.0"?>', head, *self.lines, '<AppendedData encoding="raw">', "_"])
        with path.open("wb") as file:
            file.write(text.encode("ascii"))
            file.writelines(self.data)
            file.write(b"\n</AppendedData>\n</VTKFile>\n")


def _packed(array: NDArray[Any]) -> list[bytes]:
    """The header of an array, and its blocks.

    The header: the number of blocks, the size of a block, that of a shorter last one, and the packed size of each.
    """
    raw = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    packed = [zlib.compress(raw[start : start + _BLOCK], _LEVEL) for start in range(0, len(raw), _BLOCK)]
    header = np.array([len(packed), _BLOCK, len(raw) % _BLOCK, *map(len, packed)], np.uint64)
    return [header.tobytes(), *packed]
