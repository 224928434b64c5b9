"""Mesh files: what another library reads and writes, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import meshio
import numpy as np
import pytest
from pycemrg_spatial.errors import MeshError
from pycemrg_spatial.meshes import read_mesh, write_mesh
from pyvista import ImageData, Sphere, UnstructuredGrid
from spatial_shapes import hexahedra, oblique, tetrahedra

from pycemrg_core import OutputError, PycemrgError

POINTS = np.random.default_rng(3).normal(size=(30, 3)) * 40


def mixed() -> UnstructuredGrid:
    """A line, a triangle, a quadrilateral, and two of each volume cell in VTK's order of nodes, every one tagged."""
    box = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)], float)
    cells = [[0, 1], [0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 4], list(range(8)), [0, 1, 2, 4, 5, 6], [0, 1, 2, 3, 6]]
    kinds = [3, 5, 9, 10, 12, 13, 14]
    flat = [number for cell in cells for number in (len(cell), *cell)]
    grid = UnstructuredGrid(np.array(flat), np.array(kinds, np.uint8), box)
    grid.cell_data["tag"] = np.arange(7) * 3
    return grid


def refusal(path: Path, kind: type[PycemrgError] = MeshError) -> str:
    with pytest.raises(kind) as caught:
        read_mesh(path)
    text = str(caught.value)
    assert "\n" not in text
    assert "0x" not in text
    assert text.startswith(str(path.parent))
    return text.replace(f"{path.parent}/", "")


def surface() -> UnstructuredGrid:
    sphere = Sphere(radius=20, center=(5, 6, 7)).cast_to_unstructured_grid()
    sphere.clear_data()
    return sphere


def test_what_meshio_reads_of_a_vtu(tmp_path: Path) -> None:
    grid = tetrahedra(POINTS)
    grid.point_data["depth"] = POINTS[:, 2]
    write_mesh(grid, tmp_path / "a.vtu")
    other = meshio.read(tmp_path / "a.vtu")
    assert (other.points == POINTS).all()
    assert (other.cells_dict["tetra"] == grid.cells_dict[10]).all()
    assert (other.cell_data["tag"][0] == grid.cell_data["tag"]).all()
    assert (other.point_data["depth"] == POINTS[:, 2]).all()


def test_what_meshio_reads_of_a_vtk(tmp_path: Path) -> None:
    grid = tetrahedra(POINTS)
    write_mesh(grid, tmp_path / "a.vtk")
    other = meshio.read(tmp_path / "a.vtk")
    assert (other.points == POINTS).all()
    assert (other.cells_dict["tetra"] == grid.cells_dict[10]).all()


@pytest.mark.parametrize("name", ["a.vtk", "a.vtu"])
@pytest.mark.parametrize("binary", [True, False])
def test_vtk_files_of_meshio_are_read(tmp_path: Path, name: str, binary: bool) -> None:
    grid = tetrahedra(POINTS)
    cells = [("tetra", grid.cells_dict[10])]
    meshio.write(
        tmp_path / name, meshio.Mesh(POINTS, cells, cell_data={"ID": [np.arange(grid.n_cells)]}), binary=binary
    )
    read = read_mesh(tmp_path / name)
    np.testing.assert_allclose(read.points, POINTS, rtol=1e-9)  # meshio writes text with eleven digits
    assert (read.cells_dict[10] == grid.cells_dict[10]).all()
    assert (read.cell_data["ID"] == np.arange(grid.n_cells)).all()


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("name", ["a.ply", "a.stl", "a.vtk"])
def test_surfaces_both_ways(tmp_path: Path, name: str) -> None:
    write_mesh(surface(), tmp_path / name)
    other = meshio.read(tmp_path / name)
    meshio.write(tmp_path / f"b{name}", meshio.Mesh(other.points, other.cells))
    for path in (tmp_path / name, tmp_path / f"b{name}"):
        corners = np.sort(read_mesh(path).points[read_mesh(path).cells_dict[5]].reshape(-1, 9), axis=0)
        np.testing.assert_allclose(
            corners, np.sort(surface().points[surface().cells_dict[5]].reshape(-1, 9), axis=0), rtol=1e-5
        )


def test_a_vtk_file_of_polygons_is_a_surface(tmp_path: Path) -> None:
    Sphere().save(tmp_path / "poly.vtk")
    assert set(read_mesh(tmp_path / "poly.vtk").celltypes) == {5}


def test_all_arrays_of_an_old_vtk_file_are_there_and_stay(tmp_path: Path) -> None:
    (tmp_path / "old.vtk").write_text(
        "# vtk DataFile Version 2.0\nmesh\nASCII\nDATASET UNSTRUCTURED_GRID\nPOINTS 4 float\n"
        "0 0 0\n1 0 0\n0 1 0\n0 0 1\nCELLS 1 5\n4 0 1 2 3\nCELL_TYPES 1\n10\n"
        "CELL_DATA 1\nSCALARS ID int 1\nLOOKUP_TABLE default\n7\nSCALARS side float 1\nLOOKUP_TABLE default\n0.5\n"
        "VECTORS fibre float\n1 0 0\nVECTORS sheet float\n0 1 0\n"
        "POINT_DATA 4\nSCALARS phi float 1\nLOOKUP_TABLE default\n0 1 2 3\n"
    )
    write_mesh(read_mesh(tmp_path / "old.vtk"), tmp_path / "new.vtk")
    read = read_mesh(tmp_path / "new.vtk")
    assert {name: array.tolist() for name, array in read.cell_data.items()} == {
        "ID": [7],
        "side": [0.5],
        "fibre": [[1, 0, 0]],
        "sheet": [[0, 1, 0]],
    }
    assert read.point_data["phi"].tolist() == [0, 1, 2, 3]
    assert (read.points == np.vstack([np.zeros(3), np.eye(3)])).all()


def test_opencarp_both_ways(tmp_path: Path) -> None:
    grid = mixed()
    write_mesh(grid, tmp_path / "m.elem")
    for name in ("m.elem", "m.pts"):
        read = read_mesh(tmp_path / name)
        assert (read.points == grid.points).all()
        assert (read.cells == grid.cells).all()
        assert (read.celltypes == grid.celltypes).all()
        assert (read.cell_data["tag"] == grid.cell_data["tag"]).all()


def test_opencarp_files_to_the_letter(tmp_path: Path) -> None:
    write_mesh(mixed(), tmp_path / "m.elem")
    assert (tmp_path / "m.pts").read_text().splitlines()[:3] == ["8", "0.0 0.0 0.0", "1.0 0.0 0.0"]
    # openCARP counts the far face of a hexahedron and of a prism the other way round than VTK.
    assert (tmp_path / "m.elem").read_text().splitlines() == [
        "7",
        "Ln 0 1 0",
        "Tr 0 1 2 3",
        "Qd 0 1 2 3 6",
        "Tt 0 1 2 4 9",
        "Hx 0 1 2 3 4 7 6 5 12",
        "Pr 0 1 2 4 6 5 15",
        "Py 0 1 2 3 6 18",
    ]


def test_vtk_voxels_become_hexahedra_of_opencarp(tmp_path: Path) -> None:
    image = oblique(np.arange(8, dtype=np.uint8).reshape(2, 2, 2), 1)
    write_mesh(hexahedra(image, 11), tmp_path / "voxel.elem")
    write_mesh(hexahedra(image, 12), tmp_path / "hexa.elem")
    assert (tmp_path / "voxel.elem").read_text() == (tmp_path / "hexa.elem").read_text()


def test_elements_without_a_tag_have_tag_0(tmp_path: Path) -> None:
    (tmp_path / "m.pts").write_text("3\n0 0 0\n1 0 0\n0 1 0\n")
    (tmp_path / "m.elem").write_text("1\nTr 0 1 2\n")
    assert read_mesh(tmp_path / "m.elem").cell_data["tag"].tolist() == [0]


PTS = "4\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n"
ELEM = "1\nTt 0 1 2 3 7\n"


@pytest.mark.parametrize(
    ("pts", "elem", "text"),
    [
        (PTS, "2\nTt 0 1 2 3 7\nTt 0 2 3 1\n", "m.elem: line 3 has no tag or a node too few, unlike others; export"),
        (PTS, "1\nTt 0 1 2 3 1_0\n", "m.elem: line 2 is not of decimal numbers: 'Tt 0 1 2 3 1_0'; export"),
        (PTS, "1\nTt 0 1 2 4 7\n", "m.elem: line 2 refers to node 4, but m.pts has 4 nodes, 0 to 3; give the .pts"),
        (PTS, "2\nTt 0 1 2 3 7\nTr 0 1 -1 7\n", "m.elem: line 3 refers to node -1, but m.pts has 4 nodes, 0 to 3;"
        " give the .pts"),
        (PTS, "2\nTt 0 1 2 3 7\n", "m.elem: the first line says that 2 lines follow, but there are 1; export"
        " the mesh again"),
        (PTS, "Tt 0 1 2 3 7\n", "m.elem: the first line is not the number of lines that follow; export"),
        (PTS, "", "m.elem: the first line is not the number of lines that follow; export"),
        (PTS, "1\nXx 0 1 2 3 7\n", "m.elem: line 2 has an unknown kind of element 'Xx' (known: Ln, Tr, Qd, Tt, Hx, Pr,"
        " Py); export"),
        (PTS, "1\nTt 0 1 2\n", "m.elem: line 2: Tt needs 4 nodes and a tag, not 3 numbers; export"),
        (PTS, "1\nTt 0 1 2 3 7.5\n", "m.elem: an element has a value that is not an integer"),
        ("5\n0 0 0\n", ELEM, "m.pts: the first line says that 5 lines follow, but there are 1; export"),
        ("1\n0 0\n", ELEM, "m.pts: line 2 has 2 numbers, not x, y and z; export"),
        ("1\n0 0 x\n", ELEM, "m.pts: a coordinate is not a number"),
        (PTS.replace("1 0 0", "nan 0 0"), ELEM, "m.elem: a node has a coordinate that is NaN or infinite;"
        " copy or export"),
        (None, ELEM, "m.pts: no such file; check the path; an openCARP mesh is NAME.pts and NAME.elem together"),
    ],
)  # fmt: skip
def test_what_opencarp_files_are_refused(tmp_path: Path, pts: str | None, elem: str, text: str) -> None:
    (tmp_path / "m.elem").write_text(elem)
    if pts is not None:
        (tmp_path / "m.pts").write_text(pts)
    assert refusal(tmp_path / "m.elem").startswith(text)


@pytest.mark.parametrize("name", ["a.vtk", "a.vtu", "a.ply", "a.stl"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_a_file_cut_short(tmp_path: Path, name: str, share: float, capfd: pytest.CaptureFixture[str]) -> None:
    write_mesh(surface(), tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(len(whole) * share)])
    text = refusal(tmp_path / name)
    assert text.startswith(f"{name}: ")
    assert text.endswith("; copy or export it again")
    out, err = capfd.readouterr()
    assert out == err == ""


@pytest.mark.parametrize("name", ["a.vtk", "a.vtu", "a.ply", "a.stl"])
def test_a_file_of_something_else(tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_text("hello\n" * 20)
    assert refusal(tmp_path / name).startswith(f"{name}: ")
    out, err = capfd.readouterr()
    assert out == err == ""


def test_a_vtu_that_refers_to_nodes_that_are_not_there(tmp_path: Path) -> None:
    meshio.write(tmp_path / "a.vtu", meshio.Mesh(np.eye(3), [("triangle", [[0, 1, 2]])]), binary=False)
    text = (tmp_path / "a.vtu").read_text()
    before, mark, after = text.partition('Name="connectivity"')
    (tmp_path / "a.vtu").write_text(before + mark + after.replace("2\n", "9\n", 1).replace("\n2", "\n9", 1))
    assert (
        refusal(tmp_path / "a.vtu") == "a.vtu: a cell refers to node 9, but there are 3 nodes; copy or export it again"
    )


def test_names_that_cannot_be_read(tmp_path: Path) -> None:
    write_mesh(surface(), tmp_path / "heart.vtk")
    assert refusal(tmp_path / "haert.vtk") == "haert.vtk: no such file; did you mean 'heart.vtk'?"
    expected = "heart.obj: cannot read .obj; convert it to one of .vtk, .vtu, .ply, .stl, .elem, .pts"
    assert refusal(tmp_path / "heart.obj") == expected
    (tmp_path / "folder.vtk").mkdir()
    assert refusal(tmp_path / "folder.vtk") == "folder.vtk: not a readable file; check its permissions"


def test_what_a_format_cannot_hold_leaves_the_old_file(tmp_path: Path) -> None:
    volume = tetrahedra(POINTS)
    (tmp_path / "a.stl").write_text("old")
    with pytest.raises(
        MeshError, match=r"a\.stl: a surface can have only triangles and polygons, and this mesh has TETRA cells"
    ):
        write_mesh(volume, tmp_path / "a.stl")
    strip = UnstructuredGrid(np.array([4, 0, 1, 2, 3]), np.array([6], np.uint8), np.eye(4, 3))
    with pytest.raises(MeshError, match=r"a\.elem: openCARP has no element for TRIANGLE_STRIP cells; use .vtk or .vtu"):
        write_mesh(strip, tmp_path / "a.elem")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.stl": "old"}


def test_where_a_mesh_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"a\.obj: cannot write \.obj; use one of \.vtk"):
        write_mesh(surface(), tmp_path / "a.obj")
    with pytest.raises(OutputError, match=r"the folder .*none does not exist; create it first"):
        write_mesh(surface(), tmp_path / "none" / "a.vtk")


# --- what other programs read


def tagged_box(labels: np.ndarray) -> UnstructuredGrid:
    """A box of tetrahedra with labels at nodes and cells."""
    box = ImageData(dimensions=(3, 3, 3)).to_tetrahedra()
    grid = box.cast_to_unstructured_grid()
    grid.clear_data()
    grid.point_data["label"] = np.resize(labels, grid.n_points)
    grid.cell_data["tag"] = np.resize(labels, grid.n_cells)
    return grid


@pytest.mark.parametrize("extension", [".vtk", ".vtu"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int64", "float64"])
def test_another_library_reads_every_array(tmp_path: Path, extension: str, dtype: str) -> None:
    grid = tagged_box(np.array([1, 7, 200], dtype))
    path = tmp_path / f"mesh{extension}"
    write_mesh(grid, path)
    found = meshio.read(path)
    assert found.points == pytest.approx(np.asarray(grid.points))
    (cells,) = found.cells
    assert cells.type == "tetra"
    assert (cells.data == grid.cells.reshape(-1, 5)[:, 1:]).all()
    assert (found.point_data["label"].ravel() == grid.point_data["label"]).all()
    assert (np.asarray(found.cell_data["tag"]).ravel() == grid.cell_data["tag"]).all()
    again = read_mesh(path)
    assert (again.point_data["label"] == grid.point_data["label"]).all()


def test_a_legacy_file_is_of_the_version_that_all_know(tmp_path: Path) -> None:
    write_mesh(tagged_box(np.array([1, 200], np.uint8)), tmp_path / "mesh.vtk")
    data = (tmp_path / "mesh.vtk").read_bytes()
    assert data.startswith(b"# vtk DataFile Version 4.2\n")
    for word in (b"COLOR_SCALARS", b"unsigned_char", b"vtktypeint64", b"OFFSETS"):
        assert word not in data
    assert b"SCALARS label int" in data or b"label 1 27 int" in data


@pytest.mark.parametrize("extension", [".vtk", ".vtu", ".stl", ".ply"])
def test_two_numbers_that_ran_together_are_refused(tmp_path: Path, extension: str) -> None:
    """VTK reads them as two, so that every later coordinate is one place off."""
    sphere = Sphere(radius=12, theta_resolution=12, phi_resolution=12)
    path = tmp_path / f"a{extension}"
    (sphere if extension in (".stl", ".ply") else sphere.cast_to_unstructured_grid()).save(path, binary=False)
    text = path.read_text(encoding="ascii")
    read_mesh(path)
    found = [*re.finditer(r"(?m)(?<=\d) -?(?=\d+\.\d+(?:\s|$))", text)]
    one = [each for each in found if "normal" not in text[: each.start()].rpartition("\n")[2]][-1]
    path.write_text(text[: one.start()] + "." + text[one.end() :], encoding="ascii")
    with pytest.raises(MeshError):
        read_mesh(path)


@pytest.mark.parametrize("change", [-100, -50, -7, 7, 50])
def test_a_binary_stl_of_another_length_is_refused(tmp_path: Path, change: int) -> None:
    path = tmp_path / "a.stl"
    Sphere(radius=12).save(path)
    data = path.read_bytes()
    assert len(data) == 84 + 50 * Sphere().n_cells
    path.write_bytes(data[:change] if change < 0 else data + bytes(change))
    with pytest.raises(MeshError, match="export it again"):
        read_mesh(path)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("kind", [10, 12, 42, 99, 24874])
def test_a_cell_of_another_type_than_its_nodes_is_refused(tmp_path: Path, kind: int, binary: bool) -> None:
    """VTK hangs or crashes on some, and takes a triangle for a tetrahedron."""
    sphere = Sphere(radius=12, theta_resolution=12, phi_resolution=12)
    path = tmp_path / "a.vtk"
    UnstructuredGrid(sphere.faces, [5] * sphere.n_cells, sphere.points).save(path, binary=binary)
    read_mesh(path)
    data = path.read_bytes()
    head = re.search(rb"CELL_TYPES \d+\n", data)
    assert head is not None
    new = kind.to_bytes(4, "big") if binary else str(kind).encode()
    old = 4 if binary else 1
    path.write_bytes(data[: head.end()] + new + data[head.end() + old :])
    with pytest.raises(MeshError, match=r"a cell of type|CELL_TYPES lists a cell type that is not known"):
        read_mesh(path)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("version", [b"4.1", b"5\x18.1", b"5.", b"x.1"])
def test_cells_of_another_version_than_the_file_says_are_refused(tmp_path: Path, version: bytes, binary: bool) -> None:
    """VTK crashes on some."""
    path = tmp_path / "a.vtk"
    surface().save(path, binary=binary)
    read_mesh(path)
    path.write_bytes(path.read_bytes().replace(b"Version 5.1", b"Version " + version, 1))
    assert "it has the cells of version 5, and does not say so in its first line; copy" in refusal(path)


@pytest.mark.parametrize("word", [b"CELL_TYPES", b"Version 5", b"POINTS"])
def test_a_byte_of_no_text_that_vtk_quotes(tmp_path: Path, word: bytes) -> None:
    path = tmp_path / "a.vtk"
    surface().save(path)
    path.write_bytes(path.read_bytes().replace(word, word[:-1] + b"\xff", 1))
    assert refusal(path).startswith("a.vtk: ")
