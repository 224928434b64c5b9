"""The engine ``cgal``. Most tests need pygalmesh; where it is not installed, another mesher stands in for CGAL."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from mesh_shapes import COVER, LEFT, LUMEN, WALL, counted, determinants, heart_of, radius, shells
from pycemrg_mesh import MeshingError, cut, mesh_heart
from pycemrg_mesh.engines import cgal as engine
from pycemrg_mesh.engines.cgal import cgal

from pycemrg_core import LabelVolume, load_catalogue, write_image
from pycemrg_core.testing import run_command

SPACING = (1.0, 0.8, 1.25)
CATALOGUE = load_catalogue()
needs_cgal = pytest.mark.skipif(importlib.util.find_spec("pygalmesh") is None, reason="pygalmesh is not installed")
GIVEN: dict[str, Any] = {}


def stand_in(codes: np.ndarray, spacing: tuple[float, float, float], edge: float) -> Any:
    """Another mesher: points in the frame where a voxel is at index times spacing, half of the tetrahedra inverted."""
    GIVEN.update(codes=codes, spacing=spacing, edge=edge)
    mesh = cut(LabelVolume(codes, spacing), np.unique(codes[codes > 0]).tolist())
    nodes = mesh.tetrahedra.copy()
    nodes[::2] = nodes[::2, [1, 0, 2, 3]]
    return mesh.points, nodes, mesh.tags.astype(np.int64)


@pytest.fixture
def no_cgal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygalmesh", SimpleNamespace())
    monkeypatch.setattr(engine, "run_cgal", stand_in)


@pytest.mark.slow
@pytest.mark.usefixtures("no_cgal")
def test_the_mesh_is_in_its_place_with_its_labels() -> None:
    volume = LabelVolume(shells(16, SPACING), SPACING, direction=LEFT, origin=(3.0, -4.0, 5.0))
    mesh, expected = cgal(volume, [WALL, COVER], edge_mm=1.5), cut(volume, [WALL, COVER])
    assert (determinants(mesh) > 0).all()
    assert len(mesh.points) == len(expected.points)
    assert sorted(np.unique(mesh.tags).tolist()) == [WALL, COVER]
    for tag in (WALL, COVER):
        centres = [one.points[one.tetrahedra[one.tags == tag]].mean(axis=(0, 1)) for one in (mesh, expected)]
        assert np.allclose(*centres, atol=1e-3)
    assert (GIVEN["spacing"], GIVEN["codes"].dtype, GIVEN["edge"]) == (SPACING, np.uint8, 1.5)
    # The labels are 1 and 2, the lumen is 3, and a layer of the outside is 4.
    assert np.bincount(GIVEN["codes"].ravel())[1:4].tolist() == [
        int((volume.array == label).sum()) for label in (WALL, COVER, LUMEN)
    ]
    assert GIVEN["codes"].max() == 4


@pytest.mark.usefixtures("no_cgal")
def test_by_default_edges_are_as_long_as_the_largest_spacing() -> None:
    cgal(LabelVolume(shells(16, SPACING), SPACING), [WALL])
    assert GIVEN["edge"] == 1.25


@pytest.mark.usefixtures("no_cgal")
def test_too_many_labels() -> None:
    volume = LabelVolume(np.arange(512, dtype=np.uint16).reshape(8, 8, 8), (1.0, 1.0, 1.0))
    with pytest.raises(MeshingError, match="the engine cgal meshes 253 labels at most, not 511; give a heart, or"):
        cgal(volume, range(1, 512))


@pytest.mark.usefixtures("no_cgal")
def test_labels_that_cut_refuses_too() -> None:
    with pytest.raises(MeshingError, match="no voxel has a label to mesh; give a heart with walls"):
        cgal(LabelVolume(shells(), (1.0, 1.0, 1.0)), [9])
    with pytest.raises(MeshingError, match="label 4000000000 does not fit in a tag of 32 bits; renumber the labels"):
        cgal(LabelVolume(np.full((2, 2, 2), 4_000_000_000, np.uint32), (1.0, 1.0, 1.0)), [4_000_000_000])


@pytest.mark.usefixtures("no_cgal")
def test_no_tetrahedra_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = np.zeros((0, 3)), np.zeros((0, 4), np.int32), np.zeros(0, np.int64)
    monkeypatch.setattr(engine, "run_cgal", lambda *_: nothing)
    with pytest.raises(MeshingError) as error:
        cgal(LabelVolume(shells(), (1.0, 1.0, 1.0)), [WALL], edge_mm=3)
    assert str(error.value) == (
        "CGAL made no tetrahedra with edges of 3 mm; give a shorter edge length, or use --engine cut"
    )


@pytest.mark.usefixtures("no_cgal")
@pytest.mark.parametrize(
    ("edge_mm", "message"),
    [
        (0.05, "an edge length of 0.05 mm makes about 107 million tetrahedra with cgal; give one of at least 0.09 mm"),
        (8, "an edge length of 8 mm is too long for LV_myo_label, which has 416 mm3; give one of at most 7.46 mm, or"),
    ],
)
def test_edges_that_make_no_sense(edge_mm: float, message: str) -> None:
    with pytest.raises(MeshingError) as error:
        mesh_heart(heart_of(shells()), CATALOGUE, engine="cgal", edge_mm=edge_mm)
    assert str(error.value).startswith(message)


@pytest.mark.usefixtures("no_cgal")
def test_the_edge_length_by_default_is_checked_too() -> None:
    array = np.full((130, 130, 130), WALL, np.uint8)  # 10 tetrahedra for each voxel
    with pytest.raises(MeshingError) as error:
        mesh_heart(heart_of(array), CATALOGUE, engine="cgal", force=True)
    assert str(error.value) == (
        "an edge length of 1 mm makes about 22 million tetrahedra with cgal; give one of at least 1.04 mm"
    )


@pytest.mark.usefixtures("no_cgal")
def test_rounds_of_smoothing_are_for_cut() -> None:
    with pytest.raises(MeshingError, match=r"^only the engine cut smooths; leave out --smooth \(rounds\) with cgal$"):
        mesh_heart(heart_of(shells()), CATALOGUE, engine="cgal", rounds=20)


@pytest.mark.usefixtures("no_cgal")
@pytest.mark.parametrize(
    ("code", "stderr", "message"),
    [
        (1, "Traceback\nCGAL ERROR: precondition violation!\n", "CGAL ERROR: precondition violation!; give a longer"),
        (-9, "", "it ended with -9 (-9: the system stopped it, mostly for want of memory); give a longer"),
    ],
)
def test_a_failure_of_cgal(monkeypatch: pytest.MonkeyPatch, code: int, stderr: str, message: str) -> None:
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "pygalmesh", SimpleNamespace())
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=code, stderr=stderr))
    with pytest.raises(MeshingError) as error:
        cgal(LabelVolume(shells(), (1.0, 1.0, 1.0)), [WALL], edge_mm=3)
    assert str(error.value).startswith(f"CGAL failed with edges of 3 mm: {message}")


@pytest.mark.slow
@pytest.mark.usefixtures("no_cgal")
def test_a_bad_mesh_of_a_good_heart_says_what_to_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def shrunk(*given: Any) -> Any:
        points, nodes, codes = stand_in(*given)
        return points.mean(axis=0) + 0.9 * (points - points.mean(axis=0)), nodes, codes

    monkeypatch.setattr(engine, "run_cgal", shrunk)
    monkeypatch.chdir(tmp_path)
    array = shells()
    array[array == COVER] = WALL
    write_image(sitk.GetImageFromArray(array), "heart.nrrd")
    done = run_command("mesh", "heart.nrrd", "-o", "a.vtu", "--scheme", "cemrg", "--engine", "cgal", code=1)
    # 0.9 cubed is 0.729; smoothing changes a little.
    assert re.match(r"FAIL: volumes of labels differ from the voxels': LV_myo_label -2[67]\.\d %; ", done.stdout)
    assert done.stdout.splitlines()[-1] == (
        "next: try a shorter --edge, or fill narrow gaps with 'pycemrg repair heart.nrrd --gap MM --weld'"
    )
    assert (tmp_path / "a.mesh.json").is_file()


@needs_cgal
@pytest.mark.slow
@pytest.mark.parametrize("edge_mm", [2.0, 3.0])
def test_a_ball_in_a_ball_passes(edge_mm: float) -> None:
    mm = radius(36)
    array = np.select([mm < 8, mm < 12, mm < 16], [LUMEN, WALL, COVER], 0).astype(np.uint8)
    made = mesh_heart(heart_of(array, direction=LEFT), CATALOGUE, engine="cgal", edge_mm=edge_mm)
    assert made.certificate.verdict == "PASS", made.certificate.statement
    assert [(one.name, one.genus) for one in made.certificate.surfaces] == [("epicardium", 0), ("LV_endocardium", 0)]
    assert [one.tag for one in made.certificate.labels] == [WALL, COVER]
    for label, (inner, outer) in zip(made.certificate.labels, ((8, 12), (12, 16)), strict=True):
        assert label.mm3 == pytest.approx(4 / 3 * np.pi * (outer**3 - inner**3), rel=0.03)
    found = counted(made.mesh)
    assert max(found.faces.values()) == 2
    assert found.non_manifold == 0
    ends = made.mesh.points[made.mesh.tetrahedra[:, [0, 0, 0, 1, 1, 2]]]
    edges = np.linalg.norm(ends - made.mesh.points[made.mesh.tetrahedra[:, [1, 2, 3, 2, 3, 3]]], axis=2)
    assert np.median(edges) == pytest.approx(edge_mm, rel=0.3)


@needs_cgal
@pytest.mark.slow
def test_a_hollow_shell_whose_middle_is_background_is_meshed() -> None:
    mm = radius(18, (1.0, 1.0, 1.0))
    array = np.where((mm > 4) & (mm < 7), WALL, 0).astype(np.uint8)
    mesh = cgal(LabelVolume(array, (1.0, 1.0, 1.0)), [WALL], edge_mm=2)
    assert determinants(mesh).sum() / 6 == pytest.approx(4 / 3 * np.pi * (7**3 - 4**3), rel=0.05)
    assert np.array_equal(np.unique(mesh.tetrahedra), np.arange(len(mesh.points)))
    assert np.linalg.norm(mesh.points - 8.5, axis=1).min() > 3


@needs_cgal
@pytest.mark.slow
def test_two_runs_give_the_same_mesh() -> None:
    volume = LabelVolume(shells(), (1.0, 1.0, 1.0))
    first, second = (cgal(volume, [WALL, COVER], edge_mm=2) for _ in range(2))
    assert np.array_equal(first.points, second.points)
    assert np.array_equal(first.tags, second.tags)
