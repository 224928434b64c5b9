"""The check of .vtu files before VTK: what VTK and meshio write is read, what is damaged is refused in one line."""

from __future__ import annotations

import random
import re
import struct
from base64 import b64decode, b64encode
from contextlib import suppress
from pathlib import Path
from typing import Any

import meshio
import numpy as np
import pytest
from pycemrg_spatial.errors import MeshError
from pycemrg_spatial.meshes import read_mesh
from pycemrg_spatial.xml_arrays import require_arrays
from pyvista import ImageData, Sphere, UnstructuredGrid
from pyvista import merge as merge_meshes
from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridWriter

MODES = [("Ascii", False), ("Binary", False), ("Appended", False), ("Appended", True)]


def grid() -> UnstructuredGrid:
    """A sphere with arrays of every kind, also of a name that the cells use."""
    ball = Sphere(radius=12, theta_resolution=12, phi_resolution=12)
    made = UnstructuredGrid(ball.faces, [5] * ball.n_cells, ball.points)
    made.point_data["offsets"] = np.arange(made.n_points) / 7
    made.point_data["fibre"] = np.asarray(ball.points) * 2
    made.cell_data["tag"] = np.arange(made.n_cells, dtype=np.int16)
    made.field_data["name"] = ["a heart", ""]
    made.field_data["none"] = np.empty(0)
    return made


def written(
    path: Path,
    mode: tuple[str, bool],
    compressor: str,
    *,
    header: str = "UInt32",
    order: str = "LittleEndian",
    block: int = 1024,
    mesh: UnstructuredGrid | None = None,
) -> bytes:
    writer: Any = vtkXMLUnstructuredGridWriter()
    writer.SetInputData(mesh or grid())
    writer.SetFileName(str(path))
    getattr(writer, f"SetDataModeTo{mode[0]}")()
    writer.SetEncodeAppendedData(mode[1])
    getattr(writer, f"SetCompressorTypeTo{compressor}")()
    getattr(writer, f"SetHeaderTypeTo{header}")()
    getattr(writer, f"SetByteOrderTo{order}")()
    writer.SetBlockSize(block)
    assert writer.Write()
    return path.read_bytes()


def same(read: UnstructuredGrid) -> bool:
    return (
        np.allclose(read.points, grid().points)
        and (read.cells == grid().cells).all()
        and np.allclose(read.point_data["offsets"], grid().point_data["offsets"])
        and (read.cell_data["tag"] == grid().cell_data["tag"]).all()
    )


@pytest.mark.slow(every=36)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("compressor", ["ZLib", "LZMA", "None"])
@pytest.mark.parametrize("header", ["UInt32", "UInt64"])
@pytest.mark.parametrize("order", ["LittleEndian", "BigEndian"])
@pytest.mark.parametrize("block", [1024, 1 << 20])
def test_what_vtk_writes_is_read(
    tmp_path: Path, mode: tuple[str, bool], compressor: str, header: str, order: str, block: int
) -> None:
    written(tmp_path / "a.vtu", mode, compressor, header=header, order=order, block=block)
    assert same(read_mesh(tmp_path / "a.vtu"))


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("compression", ["zlib", "lzma", None])
@pytest.mark.parametrize("header", ["UInt32", "UInt64"])
def test_what_meshio_writes_is_read(tmp_path: Path, compression: str | None, header: str) -> None:
    points = np.random.default_rng(1).normal(size=(5000, 3))  # several blocks, and whole ones
    triangles = np.arange(4998).reshape(-1, 3)
    mesh = meshio.Mesh(points, [("triangle", triangles)], cell_data={"tag": [np.arange(len(triangles))]})
    meshio.vtu.write(str(tmp_path / "a.vtu"), mesh, compression=compression, header_type=header)
    read = read_mesh(tmp_path / "a.vtu")
    assert (read.points == points).all()
    assert (read.cells_dict[5] == triangles).all()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("compressor", ["ZLib", "None"])
def test_polyhedra_bits_and_empty_meshes_pass(tmp_path: Path, mode: tuple[str, bool], compressor: str) -> None:
    from vtkmodules.vtkCommonCore import vtkBitArray

    cube = ImageData(dimensions=(3, 2, 2)).cast_to_unstructured_grid()
    bits = vtkBitArray()
    bits.SetName("bits")
    for number in range(cube.n_cells):
        bits.InsertNextValue(number % 2)
    cube.GetCellData().AddArray(bits)
    faces = [4, 3, 0, 2, 1, 3, 0, 1, 3, 3, 0, 3, 2, 3, 1, 2, 3]
    solid = UnstructuredGrid(np.array([len(faces), *faces]), [42], np.vstack([np.zeros(3), np.eye(3)]))
    for mesh in (cube, solid, UnstructuredGrid()):
        written(tmp_path / "a.vtu", mode, compressor, mesh=mesh)
        require_arrays(tmp_path / "a.vtu")
    two = merge_meshes([cube, cube.translate((9, 9, 9))], merge_points=False)
    two.save(tmp_path / "b.vtu")
    require_arrays(tmp_path / "b.vtu")


def test_lz4_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "a.vtu", ("Appended", False), "LZ4")
    with pytest.raises(MeshError, match=r"cannot be read: it is compressed with 'vtkLZ4DataCompressor', not with ZLib"):
        read_mesh(tmp_path / "a.vtu")


def damaged(data: bytes, begin: int, end: int, chance: random.Random) -> bytes:
    place, changed = chance.randrange(begin, end), bytearray(data)
    changed[place] ^= 1 << chance.randrange(8)
    return bytes(changed)


@pytest.mark.slow(every=4)
@pytest.mark.parametrize("compressor", ["ZLib", "LZMA"])
@pytest.mark.parametrize("header", ["UInt32", "UInt64"])
def test_one_bit_in_compressed_data_is_refused_in_one_line(tmp_path: Path, compressor: str, header: str) -> None:
    """Every bit counts: headers are held against the data, and the data has checksums."""
    path, chance = tmp_path / "a.vtu", random.Random(header + compressor)
    data = written(path, ("Appended", False), compressor, header=header)
    begin, end = data.index(b"_", data.index(b"<AppendedData")) + 1, data.index(b"\n", data.rindex(b"</Append") - 6)
    said = []
    for _ in range(100):
        path.write_bytes(damaged(data, begin, end, chance))
        try:
            require_arrays(path)
        except MeshError as error:
            said.append(str(error))
        else:
            # What is left: the size of a block in an array with one block only, and bits that the data does not use.
            assert same(read_mesh(path))
    assert len(said) > 90
    assert all(
        re.fullmatch(rf"{path}: cannot be read: the array '\w+' .*; copy or export it again", text) for text in said
    )


@pytest.mark.slow(every=9)
@pytest.mark.parametrize("mode", MODES[1:])
@pytest.mark.parametrize("compressor", ["ZLib", "LZMA", "None"])
def test_one_bit_anywhere_is_refused_or_harmless(tmp_path: Path, mode: tuple[str, bool], compressor: str) -> None:
    path, chance = tmp_path / "a.vtu", random.Random(f"{mode} {compressor}")
    data = written(path, mode, compressor, header=chance.choice(["UInt32", "UInt64"]))
    for _ in range(60):
        path.write_bytes(damaged(data, 0, len(data), chance))
        with suppress(MeshError):
            read_mesh(path)


@pytest.mark.slow(every=3)
@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((1 << 60, 1024, 0), "has less data than the file says"),
        ((1, 0, 0), "has blocks of an impossible size"),
        ((1, 8, 1 << 62), "has blocks of an impossible size"),
        ((0, 0, 0), "has less data than the file says"),
    ],
)
def test_a_header_that_cannot_be_true(tmp_path: Path, words: tuple[int, int, int], text: str) -> None:
    path = tmp_path / "a.vtu"
    data = written(path, ("Binary", False), "ZLib", header="UInt64", block=1 << 20)
    mark = data.index(b">", data.index(b'Name="Points"')) + 1
    start = mark + len(data[mark:]) - len(data[mark:].lstrip())
    assert struct.unpack("<3Q", b64decode(data[start : start + 32]))[0] == 1
    path.write_bytes(data[:start] + b64encode(struct.pack("<3Q", *words)) + data[start + 32 :])
    with pytest.raises(MeshError, match=f"the array 'Points' {text}; copy"):
        read_mesh(path)
    path.write_bytes(data)
    assert same(read_mesh(path))


@pytest.mark.parametrize("name", ["NumberOfPoints", "NumberOfCells"])
@pytest.mark.parametrize("mode", MODES)
def test_a_number_of_points_or_cells_that_the_arrays_do_not_have(
    tmp_path: Path, name: str, mode: tuple[str, bool]
) -> None:
    data = written(tmp_path / "a.vtu", mode, "ZLib")
    (tmp_path / "a.vtu").write_bytes(data.replace(name.encode() + b'="', name.encode() + b'="99999999'))
    with pytest.raises(MeshError, match="has less data than the file says"):
        read_mesh(tmp_path / "a.vtu")


def test_an_offset_beyond_the_nodes_of_the_cells(tmp_path: Path) -> None:
    """VTK would reserve memory for that many nodes."""
    path = tmp_path / "a.vtu"
    data = written(path, ("Appended", False), "None")
    last = np.int64(grid().n_cells * 3).tobytes()
    assert data.count(last) == 1
    path.write_bytes(data.replace(last, np.int64(1 << 60).tobytes()))
    with pytest.raises(MeshError, match="the array 'connectivity' has less data than the file says"):
        read_mesh(path)
