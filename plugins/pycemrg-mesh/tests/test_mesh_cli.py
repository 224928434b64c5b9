"""The command ``pycemrg mesh``: what it prints, its exit codes, its refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from mesh_shapes import COVER, WALL, shells

from pycemrg_core import load_catalogue, write_image
from pycemrg_core.testing import run_command

LV, MYO, RV_MYO = 1, 2, 103  # in the scheme cemrg


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def heart(name: str = "heart.nrrd", leak: bool = False) -> str:
    array = shells()
    array[array == COVER] = RV_MYO
    if leak:
        array[8, 8, :] = LV
    image = sitk.GetImageFromArray(array)
    image.SetOrigin((5.0, -7.0, 9.0))
    write_image(image, name)
    return name


def files() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def test_a_mesh_and_its_certificate() -> None:
    done = run_command("mesh", heart(), "-o", "heart.vtu", "--scheme", "cemrg")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("PASS: ")
    assert "2 labels, each in one piece; 2 closed surfaces; worst scaled Jacobian 0." in lines[0]
    assert lines[1].split() == ["surface", "triangles", "mL", "mL", "in", "voxels", "genus"]
    assert [line.split()[0] for line in lines[2:-2]] == ["epicardium", "LV_endocardium"]
    assert lines[-1] == "next: heart.mesh.json has the volumes, surfaces and shapes"
    assert done.stderr == "heart.mesh.json written\nheart.vtu written\n"
    assert files() == ["heart.mesh.json", "heart.nrrd", "heart.vtu"]
    found = json.loads(Path("heart.mesh.json").read_text(encoding="utf-8"))
    assert (found["verdict"], found["heart_verdict"], found["engine"]) == ("PASS", "PASS", "cut")
    assert found["input"]["name"] == "heart.nrrd"
    assert list(found["files"]) == ["heart.vtu"]


@pytest.mark.slow
def test_opencarp_files_with_the_tags_of_a_scheme_and_surfaces() -> None:
    words = ("--carp", "mesh/lv", "--surfaces", "mesh/surfaces", "--scheme", "cemrg", "--tags", "cemrg-mesh", "--json")
    done = run_command("mesh", heart(), *words)
    assert json.loads(done.stdout)["verdict"] == "PASS"
    assert done.stderr == (
        "mesh/lv.mesh.json written\nmesh/lv.pts written\nmesh/lv.elem written\nmesh/lv.lon written\n"
        "mesh/surfaces: 2 surfaces written\n"
    )
    tags = {line.split()[-1] for line in Path("mesh/lv.elem").read_text(encoding="ascii").splitlines()[1:]}
    assert tags == {"1", "2"}


@pytest.mark.slow
def test_a_heart_that_leaks_is_refused_and_meshed_by_force() -> None:
    refused = run_command("mesh", heart(leak=True), "-o", "heart.vtu", "--scheme", "cemrg", code=1)
    assert refused.stdout == ""
    assert refused.stderr == (
        "error: heart.nrrd: not meshed, because its certificate is FAIL: not closed: LV; closed: no lumen"
        " (errors: closed_lumens, image_border, lumen_open); see"
        " 'pycemrg certify' and 'pycemrg repair', or mesh it all the same with --force (force=True)\n"
    )
    assert files() == ["heart.nrrd"]
    run_command("mesh", "heart.nrrd", "-o", "heart.vtu", "--scheme", "cemrg", "--force")
    assert files() == ["heart.mesh.json", "heart.nrrd", "heart.vtu"]


def test_a_mesh_that_fails_is_written_and_exits_with_1() -> None:
    array = np.zeros((6, 6, 6), np.uint8)
    array[1:3, 1:3, 1:3] = array[3:5, 3:5, 1:3] = WALL
    write_image(sitk.GetImageFromArray(array), "two.nrrd")
    done = run_command("mesh", "two.nrrd", "-o", "two.vtu", "--scheme", "cemrg", "--force", code=1)
    assert done.stdout.startswith("FAIL: 2 non-manifold edges; ")
    assert "in several pieces: LV_myo_label in 2" in done.stdout
    assert done.stdout.endswith("next: pycemrg certify two.nrrd -v\n")
    assert files() == ["two.mesh.json", "two.nrrd", "two.vtu"]


def test_the_stairs_stay_when_asked() -> None:
    run_command("mesh", heart(), "-o", "a.vtu", "--scheme", "cemrg", "--smooth", "0")
    found = json.loads(Path("a.mesh.json").read_text(encoding="utf-8"))
    assert found["settings"]["rounds"] == 0
    assert found["scaled_jacobian"]["smallest"] == pytest.approx(np.sqrt(0.5))
    assert [one["mm3"] for one in found["labels"]] == [one["voxels_mm3"] for one in found["labels"]]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "no file for the mesh; give -o FILE.vtu, --carp NAME, or both"),
        (("-o", "heart.vtk"), 1, "heart.vtk: a mesh is written as .vtu; choose a name that ends with .vtu"),
        (("--carp", "heart.elem"), 1, "heart.elem: names three files, .pts, .elem, .lon; give it without extension"),
        (("-o", "a.vtu", "--engine", "cgl"), 1, "no engine is called 'cgl'; did you mean 'cgal'?"),
        (("-o", "a.vtu", "--tags", "mnms-2"), 1, "the scheme mnms-2 has no tag for 103 (RV_myo_label)"),
        (("-o", "a.vtu", "--recipe", "four_chambers"), 1, "four_chamber"),
        (("-o", "heart.nrrd/a.vtu"), 1, "heart.nrrd"),
        (("-o", "a.vtu", "--carp", "c/"), 1, "error: 'c/': is not the name of a file; give one such as 'heart'\n"),
    ],
)
def test_refusals(words: tuple[str, ...], code: int, message: str) -> None:
    more = () if "--recipe" in words else ("--scheme", "cemrg")
    done = run_command("mesh", heart(), *words, *more, code=code)
    assert message in done.stderr
    assert files() == ["heart.nrrd"]


def test_an_input_is_not_overwritten() -> None:
    Path("heart.vtu").symlink_to(heart())
    before = Path("heart.nrrd").read_bytes()
    done = run_command("mesh", "heart.nrrd", "-o", "heart.vtu", "--scheme", "cemrg", code=1)
    assert "heart.vtu: the result would overwrite its input; choose another name" in done.stderr
    assert Path("heart.nrrd").read_bytes() == before


def test_a_missing_heart() -> None:
    assert "nowhere.nrrd: no such file" in run_command("mesh", "nowhere.nrrd", "-o", "a.vtu", code=1).stderr


@pytest.mark.slow
def test_a_heart_of_a_run_is_known_and_leads_to_the_report(here: Path) -> None:
    image = heart()
    run_command("run", "lv_outflow", image, "-o", "out", "--no-check")
    done = run_command("mesh", "out/heart.nrrd", "-o", "out/heart.vtu", "--force")
    assert "note: run.json beside it says what the heart must be: lv_outflow\n" in done.stderr
    leads = ("next: pycemrg report out", "next: out/heart.mesh.json has the volumes, surfaces and shapes")
    assert done.stdout.splitlines()[-1] == leads[not load_catalogue().named("report")]
    assert (here / "out" / "heart.mesh.json").is_file()


@pytest.mark.slow
def test_every_check_and_label_on_request() -> None:
    lines = run_command("mesh", heart(), "-o", "heart.vtu", "--scheme", "cemrg", "-v").stdout.splitlines()
    assert lines[1:4] == [
        "ok    positive: all tetrahedra are positive",
        "ok    faces: no face in more than two tetrahedra",
        "ok    edges: no non-manifold edge",
    ]
    at = lines.index("tag  label         tetrahedra    mL  mL in voxels  pieces")
    assert [line.split()[:2] for line in lines[at + 1 : at + 3]] == [["2", "LV_myo_label"], ["103", "RV_myo_label"]]
    assert "-v lists every check and every label" not in lines
    assert (
        "-v lists every check and every label\n"
        in run_command("mesh", "heart.nrrd", "--carp", "b", "--scheme", "cemrg").stdout
    )


@pytest.mark.slow
def test_files_that_go_are_named() -> None:
    run_command("mesh", heart(), "-o", "a.vtu", "--carp", "b", "--scheme", "cemrg")
    done = run_command("mesh", "heart.nrrd", "--carp", "b", "--scheme", "cemrg", "--smooth", "0")
    assert done.stderr == (
        "b.mesh.json written\nb.pts written\nb.elem written\nb.lon written\n"
        "a.mesh.json changed: it no longer names files that are of the new mesh\n"
    )
    assert list(json.loads(Path("a.mesh.json").read_text(encoding="utf-8"))["files"]) == ["a.vtu"]
    done = run_command("mesh", "heart.nrrd", "-o", "b.vtu", "--scheme", "cemrg")
    assert done.stderr == (
        "b.mesh.json written\nb.vtu written\nb.pts removed: it was of the mesh before\n"
        "b.elem removed: it was of the mesh before\nb.lon removed: it was of the mesh before\n"
    )
    assert files() == ["a.mesh.json", "a.vtu", "b.mesh.json", "b.vtu", "heart.nrrd"]


@pytest.mark.slow
def test_fibres_are_refused_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    run_command("mesh", heart(), "--carp", "b", "--scheme", "cemrg")
    Path("b.lon").write_text("1\n0 1 0\n", encoding="utf-8")
    monkeypatch.setattr("pycemrg_mesh.meshing.mesh_with", None)
    done = run_command("mesh", "heart.nrrd", "--carp", "b", "--scheme", "cemrg", code=1)
    assert done.stderr == (
        "error: b.lon: was written with a mesh (b.mesh.json), and was changed since; move it, or choose another name"
        " for the new mesh\n"
    )
