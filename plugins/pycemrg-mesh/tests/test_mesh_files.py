"""Files of a mesh: what other libraries read is what was written, all of it or nothing."""

from __future__ import annotations

import json
from pathlib import Path

import meshio
import numpy as np
import pytest
from mesh_shapes import BLUEPRINT, LEFT, WALL, heart_of, shells
from pycemrg_mesh import Mesh, MeshedHeart, mesh_heart, write_mesh
from pycemrg_mesh.files.vtk_xml import write_vtu
from pyvista import read as read_mesh

from pycemrg_core import load_catalogue
from pycemrg_core.api import OutputError, file_sha256

CATALOGUE = load_catalogue()


@pytest.fixture(scope="module")
def made() -> MeshedHeart:
    return mesh_heart(heart_of(shells(), direction=LEFT, origin=(5.0, 6.0, -70.0)), CATALOGUE, tags="cemrg-mesh")


@pytest.mark.slow
def test_pyvista_and_meshio_read_the_same_mesh(made: MeshedHeart, tmp_path: Path) -> None:
    written = write_mesh(made, tmp_path / "heart.vtu").files
    assert [path.name for path in written] == ["heart.mesh.json", "heart.vtu"]
    by_vtk, by_meshio = read_mesh(tmp_path / "heart.vtu"), meshio.read(tmp_path / "heart.vtu")
    for points, nodes, tags in (
        (by_vtk.points, by_vtk.cells_dict[10], by_vtk.cell_data["tag"]),
        (by_meshio.points, by_meshio.cells_dict["tetra"], by_meshio.cell_data["tag"][0]),
    ):
        assert (np.asarray(points) == made.mesh.points).all()
        assert (nodes == made.mesh.tetrahedra).all()
        assert (np.asarray(tags) == made.mesh.tags).all()
        assert np.asarray(tags).dtype == np.int32
    assert by_vtk.volume == pytest.approx(sum(one.mm3 for one in made.certificate.labels))


def test_arrays_longer_than_a_block(tmp_path: Path) -> None:
    count = 70_000  # points of 1.7 MB, in blocks of 1 MB
    points = np.random.default_rng(0).normal(size=(count, 3))
    nodes = np.arange(count, dtype=np.int32).reshape(-1, 4)
    tags = np.arange(len(nodes), dtype=np.int32)
    write_vtu(Mesh(points, nodes, tags), tmp_path / "many.vtu")
    found = read_mesh(tmp_path / "many.vtu")
    assert (found.points == points).all()
    assert (found.cells_dict[10] == nodes).all()
    assert (found.cell_data["tag"] == tags).all()


def test_opencarp_is_in_micrometres_with_integer_tags(made: MeshedHeart, tmp_path: Path) -> None:
    written = write_mesh(made, carp=tmp_path / "heart").files
    assert [path.name for path in written] == ["heart.mesh.json", "heart.pts", "heart.elem", "heart.lon"]
    pts, elem, lon = (path.read_text(encoding="ascii").splitlines() for path in written[1:])
    assert int(pts[0]) == len(made.mesh.points) == len(pts) - 1
    assert np.allclose(np.array([line.split() for line in pts[1:]], float), 1000 * made.mesh.points, atol=6e-4, rtol=0)
    assert int(elem[0]) == len(made.mesh.tags) == len(elem) - 1
    rows = [line.split() for line in elem[1:]]
    assert {row[0] for row in rows} == {"Tt"}
    assert (np.array([row[1:5] for row in rows], int) == made.mesh.tetrahedra).all()
    assert [int(row[5]) for row in rows] == made.mesh.tags.tolist()
    assert lon == ["1", *["1 0 0"] * len(made.mesh.tags)]


def test_pycemrg_spatial_reads_both(made: MeshedHeart, tmp_path: Path) -> None:
    meshes = pytest.importorskip("pycemrg_spatial.meshes")
    write_mesh(made, tmp_path / "heart.vtu", carp=tmp_path / "heart")
    for name, unit in (("heart.vtu", 1), ("heart.elem", 1000)):
        grid = meshes.read_mesh(tmp_path / name)
        assert np.allclose(np.asarray(grid.points) / unit, made.mesh.points, atol=1e-6)
        assert np.asarray(grid.cell_data["tag"]).tolist() == made.mesh.tags.tolist()


def test_the_frame_of_an_inr_is_index_times_spacing(made: MeshedHeart, tmp_path: Path) -> None:
    write_mesh(made, tmp_path / "heart.vtu", surfaces=tmp_path, frame="inr")
    for one in made.certificate.surfaces:
        surface = read_mesh(tmp_path / f"{one.name}.vtp")
        assert surface.n_cells == one.triangles
        # VTK's volume has no sign; that of the triangles as they run is positive round the outside, negative in it.
        a, b, c = (np.asarray(surface.points)[surface.regular_faces[:, k]] for k in range(3))
        signed = float((a * np.cross(b, c)).sum() / 6)
        assert signed == pytest.approx(one.mm3 if one.name == "epicardium" else -one.mm3)
    grid = read_mesh(tmp_path / "heart.vtu")
    middle = (np.array(made.heart.volume.array.shape)[::-1] - 1) / 2
    assert np.allclose(np.asarray(grid.points).mean(axis=0), middle, atol=0.05)
    assert grid.cell_quality("scaled_jacobian")["scaled_jacobian"].min() > 0.05
    assert json.loads((tmp_path / "heart.mesh.json").read_text(encoding="utf-8"))["frame"] == "inr"


def test_surfaces_are_closed_and_have_the_nodes_of_the_mesh(made: MeshedHeart, tmp_path: Path) -> None:
    written = write_mesh(
        made, tmp_path / "heart.vtu", carp=tmp_path / "carp" / "heart", surfaces=tmp_path / "surfaces"
    ).files
    names = [path.relative_to(tmp_path).as_posix() for path in written]
    assert names == [
        "heart.mesh.json",
        "surfaces/epicardium.vtp", "surfaces/epicardium.surf",
        "surfaces/LV_endocardium.vtp", "surfaces/LV_endocardium.surf",
        "heart.vtu", "carp/heart.pts", "carp/heart.elem", "carp/heart.lon",
    ]  # fmt: skip
    data = json.loads((tmp_path / "heart.mesh.json").read_text(encoding="utf-8"))
    assert list(data["files"]) == names[1:]
    assert data["files"] == {name: file_sha256(tmp_path / name) for name in names[1:]}
    for one in made.certificate.surfaces:
        surface = read_mesh(tmp_path / "surfaces" / f"{one.name}.vtp")
        assert surface.is_manifold
        assert surface.n_cells == one.triangles
        assert surface.volume == pytest.approx(abs(one.mm3), rel=1e-6)
        nodes = np.asarray(surface.point_data["node"])
        assert (made.mesh.points[nodes] == np.asarray(surface.points)).all()
        lines = (tmp_path / "surfaces" / f"{one.name}.surf").read_text(encoding="ascii").splitlines()
        assert int(lines[0]) == one.triangles
        triangles = np.array([line.split()[1:] for line in lines[1:]], int)
        assert (triangles == nodes[surface.regular_faces]).all()


@pytest.mark.slow
def test_surfaces_of_a_mesh_before_do_not_stay(made: MeshedHeart, tmp_path: Path) -> None:
    array = shells()
    array[1:4, 1:4, 1:4] = WALL
    array[2, 2, 2] = 0
    before = mesh_heart(heart_of(array), CATALOGUE, force=True)
    write_mesh(before, tmp_path / "heart.vtu", surfaces=tmp_path / "surfaces")
    (tmp_path / "surfaces" / "mine.vtp").write_text("mine", encoding="utf-8")
    assert (tmp_path / "surfaces" / "cavity_1.vtp").exists()
    write_mesh(made, tmp_path / "heart.vtu", surfaces=tmp_path / "surfaces")
    left = sorted(path.name for path in (tmp_path / "surfaces").iterdir())
    assert left == ["LV_endocardium.vtp", "epicardium.vtp", "mine.vtp"]


@pytest.mark.slow
def test_no_file_of_a_mesh_before_stays(made: MeshedHeart, tmp_path: Path) -> None:
    write_mesh(made, tmp_path / "a.vtu", carp=tmp_path / "carp" / "a", surfaces=tmp_path / "surfaces")
    (tmp_path / "carp" / "mine.pts").write_text("mine", encoding="utf-8")
    other = mesh_heart(heart_of(shells(20)), CATALOGUE)
    lon = tmp_path / "carp" / "a.lon"
    lon.write_text("1\n0 1 0\n", encoding="utf-8")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(OutputError) as error:
        write_mesh(other, tmp_path / "a.vtu")
    assert str(error.value) == (
        f"{lon}: was written with a mesh (a.mesh.json), and was changed since; move it, or choose another name for the"
        " new mesh"
    )
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    lon.rename(tmp_path / "carp" / "fibres.lon")
    write_mesh(other, tmp_path / "a.vtu")
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["a.mesh.json", "a.vtu", "carp/fibres.lon", "carp/mine.pts"]
    assert read_mesh(tmp_path / "a.vtu").n_cells == len(other.mesh.tags)


@pytest.mark.slow
def test_a_certificate_names_only_files_of_its_mesh(made: MeshedHeart, tmp_path: Path) -> None:
    write_mesh(made, tmp_path / "a.vtu", carp=tmp_path / "b", surfaces=tmp_path / "s")
    before = (tmp_path / "a.mesh.json").read_bytes()
    again = write_mesh(made, carp=tmp_path / "b")
    assert (again.removed, again.parted, (tmp_path / "a.mesh.json").read_bytes()) == ((), (), before)
    other = mesh_heart(heart_of(shells(20)), CATALOGUE)
    done = write_mesh(other, carp=tmp_path / "b", surfaces=tmp_path / "s")
    assert (done.removed, done.parted) == ((), (tmp_path / "a.mesh.json",))
    data = json.loads((tmp_path / "a.mesh.json").read_text(encoding="utf-8"))
    assert data == json.loads(before) | {"files": {"a.vtu": file_sha256(tmp_path / "a.vtu")}}
    done = write_mesh(made, tmp_path / "c.vtu", carp=tmp_path / "b", surfaces=tmp_path / "s")
    assert (done.removed, done.parted) == ((tmp_path / "b.mesh.json",), ())
    assert sorted(path.name for path in tmp_path.glob("*.json")) == ["a.mesh.json", "c.mesh.json"]


def test_files_of_the_same_mesh_stay_together(made: MeshedHeart, tmp_path: Path) -> None:
    write_mesh(made, tmp_path / "a.vtu", carp=tmp_path / "a")
    write_mesh(made, tmp_path / "a.vtu", surfaces=tmp_path)
    data = json.loads((tmp_path / "a.mesh.json").read_text(encoding="utf-8"))
    names = ["LV_endocardium.vtp", "a.elem", "a.lon", "a.pts", "a.vtu", "epicardium.vtp"]
    assert data["files"] == {name: file_sha256(tmp_path / name) for name in names}
    write_mesh(made, tmp_path / "a.vtu", frame="inr")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mesh.json", "a.vtu"]


@pytest.mark.parametrize(
    ("vtu", "carp", "message"),
    [
        ("", None, "'': is not the name of a file; give one such as 'heart.vtu'"),
        ("x/.vtu", None, "'x/.vtu': is not the name of a file; give one such as 'heart.vtu'"),
        (None, "", "'': is not the name of a file; give one such as 'heart'"),
        (None, ".", "'.': is not the name of a file; give one such as 'heart'"),
        (None, "x/..", "'x/..': is not the name of a file; give one such as 'heart'"),
        (None, "c/", "'c/': is not the name of a file; give one such as 'heart'"),
        ("heart.vtk", None, "heart.vtk: a mesh is written as .vtu; choose a name that ends with .vtu"),
        (None, "heart.elem", "heart.elem: names three files, .pts, .elem, .lon; give it without extension"),
        (None, None, "no file for the mesh; give the name of a .vtu, or of openCARP files"),
    ],
)
def test_names_that_do_not_fit(made: MeshedHeart, vtu: str | None, carp: str | None, message: str) -> None:
    with pytest.raises(OutputError) as error:
        write_mesh(made, vtu, carp=carp)
    assert str(error.value) == message


def test_folders_in_the_place_of_files(made: MeshedHeart, tmp_path: Path) -> None:
    for name in ("a.vtu", "b.lon"):
        (tmp_path / name).mkdir()
    with pytest.raises(OutputError, match=r"a\.vtu: is a folder; move it, or choose another name"):
        write_mesh(made, tmp_path / "a.vtu")
    with pytest.raises(OutputError, match=r"b\.lon: is a folder; move it, or choose another name"):
        write_mesh(made, carp=tmp_path / "b")
    with pytest.raises(OutputError, match=r"^'': is not the name of a folder; give one such as 'surfaces'$"):
        write_mesh(made, tmp_path / "c.vtu", surfaces="")
    for more in ({"surfaces": "c.vtu"}, {"surfaces": "c.vtu/x"}, {"carp": "c.vtu/x"}):
        with pytest.raises(OutputError, match=r"c\.vtu: cannot be a file and a folder at once; choose another name"):
            write_mesh(made, tmp_path / "c.vtu", **{name: tmp_path / path for name, path in more.items()})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.vtu", "b.lon"]


def test_settings_that_are_numbers_of_numpy(tmp_path: Path) -> None:
    made = mesh_heart(heart_of(shells()), CATALOGUE, rounds=np.int64(3), edge_mm=np.float32(1.0))  # type: ignore[arg-type]
    write_mesh(made, tmp_path / "a.vtu")
    settings = json.loads((tmp_path / "a.mesh.json").read_text(encoding="utf-8"))["settings"]
    assert settings == {"edge_mm": 1.0, "rounds": 3, "tags": None}


def test_a_frame_that_is_not_known(made: MeshedHeart, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no frame is called 'grid'; give one of world, inr"):
        write_mesh(made, tmp_path / "a.vtu", frame="grid")  # type: ignore[arg-type]
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("text", ["{}", '{"verdict": "PASS", "scaled_jacobian": {}, "files": null}'])
def test_another_file_is_not_taken_for_a_certificate(made: MeshedHeart, tmp_path: Path, text: str) -> None:
    (tmp_path / "heart.mesh.json").write_text(text, encoding="utf-8")
    with pytest.raises(OutputError, match=r"heart\.mesh\.json: is there, and not a certificate of a mesh; move it"):
        write_mesh(made, tmp_path / "heart.vtu")
    assert [path.name for path in tmp_path.iterdir()] == ["heart.mesh.json"]


def test_nothing_is_half_written(made: MeshedHeart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_mesh(made, tmp_path / "heart.vtu", carp=tmp_path / "heart")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pycemrg_mesh.writing.write_opencarp", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write_mesh(made, tmp_path / "heart.vtu", carp=tmp_path / "heart", frame="inr")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.slow
def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        made = mesh_heart(heart_of(shells()), CATALOGUE, name="heart.nrrd")
        write_mesh(made, tmp_path / name / "heart.vtu", carp=tmp_path / name / "heart")
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes(), file.name
    assert BLUEPRINT.recipe == ""
