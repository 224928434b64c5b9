"""The certificate of a mesh: a good mesh passes, and each fault fails the check that is for it, in words."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

import attrs
import numpy as np
import pytest
from mesh_shapes import COVER, LUMEN, WALL, heart_of, shells
from pycemrg_mesh import Mesh, MeshCertificate, MeshingError, certify_mesh, cut, mesh_heart
from pycemrg_mesh.quality import mean_ratios, scaled_jacobians

from pycemrg_core import load_catalogue
from pycemrg_core.api import Heart, LabelScheme
from schematics_builtin.certificate import certify

CATALOGUE = load_catalogue()
HEART = heart_of(shells())
CERTIFICATE = certify(HEART, CATALOGUE, name="heart.nrrd", voxels_sha256=HEART.volume.voxels_sha256())
MESH = cut(HEART.volume, HEART.meshed)


def checked(mesh: Mesh, heart: Heart = HEART) -> MeshCertificate:
    return certify_mesh(mesh, heart, CERTIFICATE, engine="cut")


def wrong(mesh: Mesh, heart: Heart = HEART) -> dict[str, str]:
    """The checks that a mesh fails, and what they say."""
    return {check.name: check.what for check in checked(mesh, heart).checks if not check.passed}


def test_a_good_mesh_passes() -> None:
    found = checked(MESH)
    assert (found.verdict, found.heart_verdict, found.name) == ("PASS", "PASS", "heart.nrrd")
    assert found.statement == (
        f"{len(MESH.tags):,} tetrahedra; 2 labels, each in one piece; 2 closed surfaces;"
        f" worst scaled Jacobian {found.scaled_jacobian.smallest:.2f}"
    )
    assert [check.name for check in found.checks] == [
        "positive", "faces", "edges", "nodes", "surfaces", "labels", "pieces",
        "label_volumes", "cavity_volumes", "place", "worst_shape", "bad_shapes",
    ]  # fmt: skip
    array = HEART.volume.array
    assert [(one.name, one.pieces, one.voxels_mm3) for one in found.labels] == [
        ("LV_myo_label", 1, float((array == WALL).sum())),
        ("RV_myo_label", 1, float((array == COVER).sum())),
    ]
    assert [(one.name, one.genus, one.voxels_mm3) for one in found.surfaces] == [
        ("epicardium", 0, 0.0),
        ("LV_endocardium", 0, float((array == LUMEN).sum())),
    ]
    assert sum(found.scaled_jacobian.histogram) == sum(found.mean_ratio.histogram) == found.tetrahedra
    values = scaled_jacobians(MESH.points, MESH.tetrahedra)
    assert found.scaled_jacobian.smallest == values.min()
    assert found.mean_ratio.median == np.median(mean_ratios(MESH.points, MESH.tetrahedra))


def test_it_is_plain_data() -> None:
    found = json.loads(json.dumps(checked(MESH).as_json()))
    assert found["format"] == 1
    assert found["verdict"] == "PASS"
    assert found["input"] == {"name": "heart.nrrd", "voxels_sha256": HEART.volume.voxels_sha256()}
    assert found["labels"][0]["name"] == "LV_myo_label"
    assert found["scaled_jacobian"]["low"] == 0


def test_shapes_are_those_of_the_libraries() -> None:
    regular = np.array([[1, 1, 1], [-1, 1, -1], [1, -1, -1], [-1, -1, 1]], float)
    right = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], float)
    flat = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], float)
    inverted = right[[0, 2, 1, 3]]
    points = np.concatenate([regular, right, flat, inverted, np.zeros((4, 3))])
    nodes = np.arange(20, dtype=np.int32).reshape(5, 4)
    with np.errstate(invalid="ignore"):
        ratios = mean_ratios(points[:16], nodes[:4])
    assert np.allclose(ratios, [1, 12 * 0.25 ** (1 / 3) / 9, 0, -12 * 0.25 ** (1 / 3) / 9])
    assert np.allclose(scaled_jacobians(points, nodes), [1, np.sqrt(0.5), 0, -np.sqrt(0.5), 0])
    pv = pytest.importorskip("pyvista")
    cells = np.insert(MESH.tetrahedra, 0, 4, axis=1).ravel()
    grid = pv.UnstructuredGrid(cells, np.full(len(MESH.tags), 10, np.uint8), MESH.points)
    theirs = np.asarray(grid.cell_quality("scaled_jacobian")["scaled_jacobian"])
    assert np.allclose(theirs, scaled_jacobians(MESH.points, MESH.tetrahedra))


def test_inverted_tetrahedra_are_counted() -> None:
    nodes = MESH.tetrahedra.copy()
    nodes[:3] = nodes[:3, [1, 0, 2, 3]]
    found = wrong(attrs.evolve(MESH, tetrahedra=nodes))
    assert found["positive"] == "3 tetrahedra without positive volume"
    assert "worst_shape" in found


def test_a_tetrahedron_twice_is_found() -> None:
    twice = Mesh(MESH.points, np.append(MESH.tetrahedra, MESH.tetrahedra[:1], 0), np.append(MESH.tags, MESH.tags[:1]))
    assert wrong(twice)["faces"].endswith("faces in more than two tetrahedra")


def test_a_hole_in_the_wall_is_found() -> None:
    kept = np.ones(len(MESH.tags), bool)
    kept[np.flatnonzero(MESH.tags == WALL)[:5]] = False
    assert wrong(Mesh(MESH.points, MESH.tetrahedra[kept], MESH.tags[kept])).keys() <= {"surfaces", "edges", "nodes"}
    outer = MESH.tags == COVER
    found = wrong(Mesh(MESH.points, MESH.tetrahedra[outer], MESH.tags[outer]))
    assert found["labels"] == "not in the mesh: LV_myo_label"


def test_pieces_and_surfaces_are_counted() -> None:
    far = MESH.points[MESH.tetrahedra[0]] + 100
    more = Mesh(
        np.concatenate([MESH.points, far]),
        np.append(MESH.tetrahedra, np.arange(4, dtype=np.int32)[None] + len(MESH.points), 0),
        np.append(MESH.tags, MESH.tags[:1]),
    )
    found = wrong(more)
    assert found["pieces"] == f"in several pieces: {HEART.name(int(MESH.tags[0]))} in 2"
    assert found["surfaces"] == "3 closed surfaces, but the heart has 1 cavity"


def test_a_tag_of_no_label_is_named() -> None:
    tags = MESH.tags.copy()
    tags[:5] = 99
    assert wrong(attrs.evolve(MESH, tags=tags))["labels"] == "tags of no label: 99"


def test_a_mesh_in_another_place_or_of_another_size_is_found() -> None:
    away = wrong(attrs.evolve(MESH, points=MESH.points + 2))
    assert away["place"].startswith("only ")
    assert away["place"].endswith(" % of the volume has the label of its place")
    middle = MESH.points.mean(axis=0)
    small = wrong(attrs.evolve(MESH, points=middle + 0.96 * (MESH.points - middle)))
    assert small["label_volumes"].startswith("volumes of labels differ from the voxels': LV_myo_label -")
    assert small["cavity_volumes"].startswith("volumes of cavities differ from the voxels': LV_endocardium -")


def test_slivers_are_found() -> None:
    points = MESH.points.copy()
    node = int(MESH.tetrahedra[0, 0])
    points[node] += 0.98 * (points[MESH.tetrahedra[0, 1:]].mean(axis=0) - points[node])
    found = wrong(attrs.evolve(MESH, points=points))
    assert found["worst_shape"].startswith("worst scaled Jacobian ")
    assert found["worst_shape"].endswith(", under 0.05")
    flat = attrs.evolve(MESH, points=MESH.points * [1, 1, 0.05])
    assert "with a scaled Jacobian under 0.1" in wrong(flat)["bad_shapes"]


def leaking() -> Heart:
    array = shells()
    array[8, 8, :] = LUMEN
    return heart_of(array)


def test_a_heart_that_leaks_is_refused() -> None:
    with pytest.raises(MeshingError) as error:
        mesh_heart(leaking(), CATALOGUE, name="heart.nrrd")
    assert str(error.value) == (
        "heart.nrrd: not meshed, because its certificate is FAIL: not closed: LV; closed: no lumen"
        " (errors: closed_lumens, image_border, lumen_open); see"
        " 'pycemrg certify' and 'pycemrg repair', or mesh it all the same with --force (force=True)"
    )
    made = mesh_heart(leaking(), CATALOGUE, force=True)
    assert made.notes == (
        "the certificate of the heart is FAIL: not closed: LV; closed: no lumen; meshed all the same",
    )
    forced = made.certificate
    assert (forced.heart_verdict, forced.verdict) == ("FAIL", "PASS")
    assert [one.name for one in forced.surfaces] == ["epicardium"]


def test_a_segmentation_leads_to_a_recipe() -> None:
    with pytest.raises(MeshingError) as error:
        mesh_heart(heart_of((shells() == LUMEN).astype(np.uint8)), CATALOGUE)
    assert str(error.value).endswith(
        "(errors: closed_lumens, lumen_open); it is a segmentation that no recipe has grown: see 'pycemrg plan', or"
        " mesh it all the same with --force (force=True)"
    )


def test_a_mesh_has_the_faults_of_its_heart() -> None:
    array = shells()
    array[0:2, 0:2, 0:2] = 0
    array[0, 0, 0] = array[1, 1, 0] = WALL  # they share an edge
    array[0, 0, 14] = array[1, 1, 15] = COVER  # they share a corner
    heart = heart_of(array)
    certificate = mesh_heart(heart, CATALOGUE, force=True).certificate
    found = {check.name: check.what for check in certificate.checks if not check.passed}
    pinches = heart.adjacency.pinches(heart.meshed)
    assert (pinches.edges, pinches.corners) == (1, 1)
    assert found["edges"] == "1 non-manifold edge"
    assert found["nodes"] == "1 non-manifold node"
    assert found["pieces"] == "in several pieces: LV_myo_label in 3, RV_myo_label in 3"
    assert certificate.surfaces[0].genus == -1
    assert certificate.verdict == "FAIL"
    assert certificate.statement == "; ".join(found.values())


def test_tags_of_a_scheme() -> None:
    made = mesh_heart(HEART, CATALOGUE, tags="cemrg-mesh")
    assert made.tags == {WALL: 1, COVER: 2}
    assert set(made.mesh.tags.tolist()) == {1, 2}
    assert made.certificate.passed
    assert [one.tag for one in made.certificate.labels] == [1, 2]
    with pytest.raises(MeshingError, match=r"the scheme acdc has no tag for 3 \(RV_myo_label\); choose another"):
        mesh_heart(HEART, CATALOGUE, tags="acdc")


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        (7, "the scheme odd has the tag 7 for LV_myo_label and RV_myo_label; choose another scheme, or give them one"),
        (
            2**31,
            "the scheme odd has the tag 2147483648 for RV_myo_label, which does not fit in 32 bits; choose another",
        ),
    ],
)
def test_tags_that_no_mesh_can_have(tag: int, message: str) -> None:
    odd = LabelScheme(name="odd", summary="odd", labels={"LV_myo_label": 7, "RV_myo_label": tag})
    catalogue = SimpleNamespace(get=lambda kind, name: {(LabelScheme, "odd"): odd}[kind, name])
    with pytest.raises(MeshingError) as error:
        mesh_heart(HEART, catalogue, tags="odd")  # type: ignore[arg-type]
    assert str(error.value).startswith(message)


def test_an_engine_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MeshingError, match="no engine is called 'cutt'; did you mean 'cut'"):
        mesh_heart(HEART, CATALOGUE, engine="cutt")
    monkeypatch.setitem(__import__("sys").modules, "pygalmesh", None)
    with pytest.raises(MeshingError) as error:
        mesh_heart(HEART, CATALOGUE, engine="cgal")
    assert str(error.value).startswith("the engine cgal is unavailable (")
    assert str(error.value).endswith(
        "in a checkout of pycemrg: python3 -m pip install . './plugins/pycemrg-mesh[cgal]'; or use --engine cut"
    )


@pytest.mark.slow
def test_an_edge_length_resamples_and_certifies_again() -> None:
    made = mesh_heart(HEART, CATALOGUE, edge_mm=0.8)
    assert made.heart.volume.spacing == (0.8, 0.8, 0.8)
    assert made.certificate.passed
    assert made.certificate.voxels_sha256 == HEART.volume.voxels_sha256()
    assert made.certificate.settings == {"edge_mm": 0.8, "rounds": 20, "tags": None}
    assert len(made.mesh.tags) > 1.5 * len(MESH.tags)
    (note,) = made.notes
    assert re.fullmatch(
        r"resampled to voxels of 0\.8 mm, of which repair changed [\d,]+ \('pycemrg repair' says its rules\)", note
    )
    with pytest.raises(MeshingError, match="voxels of 6 mm leave nothing of LV_BP_label; choose a shorter edge length"):
        mesh_heart(HEART, CATALOGUE, edge_mm=6.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rounds": -1}, "-1 rounds of smoothing; give 0 to 1,000"),
        ({"edge_mm": 0.01}, "an edge length of 0.01 mm; give one from 0.05 to 50 mm"),
        ({"rounds": 1.5}, "1.5 rounds of smoothing; give 0 to 1,000"),
        ({"edge_mm": -1.0}, "an edge length of -1 mm; give one from 0.05 to 50 mm"),
        ({"edge_mm": "2"}, "an edge length of '2' mm; give one from 0.05 to 50 mm"),
        ({"engine": None}, "no engine is called None; give one of cut, cgal"),
    ],
)
def test_settings_that_python_refuses_as_the_command(given: dict[str, Any], message: str) -> None:
    with pytest.raises(MeshingError) as error:
        mesh_heart(HEART, CATALOGUE, **given)
    assert str(error.value) == message


def test_an_edge_length_that_makes_too_many_voxels() -> None:
    heart = heart_of(shells(), spacing=(10.0, 10.0, 10.0))  # 4.096 litres
    with pytest.raises(MeshingError) as error:
        mesh_heart(heart, CATALOGUE, edge_mm=0.05)
    assert str(error.value) == (
        "an edge length of 0.05 mm makes 32.8 billion voxels; give one of at least 0.13 mm, or crop the image"
    )


def test_labels_that_are_too_large_or_have_no_name() -> None:
    array = shells().astype(np.uint32)
    array[array == COVER] = 4_000_000_000
    with pytest.raises(MeshingError) as error:
        mesh_heart(heart_of(array), CATALOGUE, name="heart.nrrd")
    assert str(error.value) == (
        "heart.nrrd: not meshed, because its certificate is FAIL: closed: LV (errors: tag_range); give its labels"
        " smaller integers with 'pycemrg labels remap', or mesh it all the same with --force (force=True)"
    )
    with pytest.raises(MeshingError, match=r"the scheme cemrg-mesh has no tag for 4000000000 \(no name\); choose"):
        mesh_heart(heart_of(array), CATALOGUE, tags="cemrg-mesh")


def test_many_findings_are_counted() -> None:
    array = np.zeros((10, 10, 10), np.uint8)
    array[1:9, 1:9, 1:9] = WALL
    array[2:8:2, 2:8:2, 4] = array[2:8:2, 2:8:2, 6] = 0
    found = mesh_heart(heart_of(array), CATALOGUE, force=True).certificate
    volumes = next(check.what for check in found.checks if check.name == "cavity_volumes")
    assert re.fullmatch(
        r"volumes of cavities differ from the voxels': (cavity_\d+ -\d+\.\d %, ){4}cavity_\d+ -\d+\.\d % and 13 more;"
        r" --smooth 0 \(rounds=0\) keeps those of the voxels",
        volumes,
    )
    assert mesh_heart(heart_of(array), CATALOGUE, force=True, rounds=0).certificate.passed


def test_voxels_that_are_far_from_cubes() -> None:
    spacing = (6.0, 1.0, 1.0)
    found = mesh_heart(heart_of(shells(48, spacing), spacing), CATALOGUE, force=True).certificate
    shape = {check.name: check.what for check in found.checks if not check.passed}
    assert re.fullmatch(
        r"worst scaled Jacobian 0\.03\d, under 0\.05; voxels of 1 x 1 x 6 mm are too far from cubes: give --edge MM"
        r" \(edge_mm\)",
        shape["worst_shape"],
    )
    assert re.fullmatch(r"[\d,]+ tetrahedra \(\d+\.\d\d %\) with a scaled Jacobian under 0\.1", shape["bad_shapes"])
