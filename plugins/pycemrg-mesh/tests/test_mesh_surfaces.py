"""The boundary of a mesh: its pieces, handles and faults, and the names of its surfaces."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from mesh_shapes import BLUEPRINT, COVER, LUMEN, WALL, counted, heart_of, shells, torus
from pycemrg_mesh import Mesh, cut, named_surfaces
from pycemrg_mesh.faces import faces_of
from pycemrg_mesh.spaces import spaces_of
from pycemrg_mesh.surfaces import surfaces_of
from scipy import ndimage
from test_mesh_cut import small_maps

from pycemrg_core import LabelVolume
from pycemrg_core.api import Heart, LabelType


@pytest.mark.slow
@settings(max_examples=60)
@given(small_maps())
def test_faults_are_those_of_the_voxels(array: np.ndarray) -> None:
    """Contacts by an edge or a corner become non-manifold edges and nodes, one for each."""
    if not array.any():
        return
    heart = Heart(volume=LabelVolume(array, (1.0, 1.0, 1.0)))
    mesh = cut(heart.volume, [1, 2, 3], rounds=0)
    faces = faces_of(mesh.tetrahedra)
    slow = counted(mesh)
    assert faces.crowded == 0
    assert {frozenset(face) for face in faces.boundary.tolist()} == {face for face, n in slow.faces.items() if n == 1}
    assert len(faces.shared) == sum(uses == 2 for uses in slow.faces.values())
    surfaces = surfaces_of(faces.boundary)
    pinches = heart.adjacency.pinches([1, 2, 3])
    assert (len(surfaces.edges), len(surfaces.nodes)) == (pinches.edges, pinches.corners)
    assert len(surfaces.edges) == slow.non_manifold
    if not pinches.edges and not pinches.corners:
        assert len(surfaces.genus) == spaces(array) + ndimage.label(array)[1] - 1
        # The Euler number of a solid is half of that of its surface; of voxels: corners - edges + faces - voxels.
        assert sum(2 - 2 * genus for genus in surfaces.genus) == 2 * euler(array > 0)


def spaces(array: np.ndarray) -> int:
    return int(ndimage.label(np.pad(array == 0, 1, constant_values=True), np.ones((3, 3, 3)))[1])


def euler(inside: np.ndarray) -> int:
    """The Euler number of a union of closed voxels."""
    cells: set[tuple[int, int, int]] = set()
    for voxel in np.argwhere(inside):
        cells.update(map(tuple, (2 * voxel + 1 + np.indices((3, 3, 3)).reshape(3, -1).T - 1).tolist()))
    return sum((-1) ** sum(k % 2 for k in cell) for cell in cells)


@pytest.mark.slow
def test_faces_do_not_depend_on_how_many_are_sorted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh = cut(LabelVolume(shells(), (1.0, 1.0, 1.0)), [WALL, COVER])
    whole = faces_of(mesh.tetrahedra)
    for most, bits in ((1000, 62), (1 << 22, 31)):  # small groups, and keys with little room
        monkeypatch.setattr("pycemrg_mesh.faces._MOST", most)
        monkeypatch.setattr("pycemrg_mesh.faces._BITS", bits)
        parts = faces_of(mesh.tetrahedra)
        assert sorted(parts.boundary.tolist()) == sorted(whole.boundary.tolist())
        assert {frozenset(pair) for pair in parts.shared.tolist()} == {frozenset(p) for p in whole.shared.tolist()}


def test_a_face_of_three_tetrahedra_is_counted() -> None:
    three = np.array([[0, 1, 2, 3], [0, 2, 1, 4], [0, 1, 2, 5]], np.int32)
    assert faces_of(three).crowded == 1
    assert len(faces_of(three).boundary) == 9


def test_nothing_has_no_surface() -> None:
    faces = faces_of(np.zeros((0, 4), np.int32))
    assert len(faces.boundary) == len(faces.shared) == 0
    surfaces = surfaces_of(faces.boundary)
    assert surfaces.genus == ()
    assert len(surfaces.volumes(np.zeros((0, 3)))) == 0


def test_a_ball_in_a_ball_is_two_surfaces() -> None:
    heart = heart_of(shells())
    mesh = cut(heart.volume, heart.meshed)
    surfaces = surfaces_of(faces_of(mesh.tetrahedra).boundary)
    assert surfaces.genus == (0, 0)
    outside, inside = surfaces.volumes(mesh.points)
    assert outside == pytest.approx(4 / 3 * np.pi * 7**3, rel=0.04)
    assert inside == pytest.approx(-np.count_nonzero(heart.volume.array == LUMEN), rel=0.03)
    assert surfaces.areas(mesh.points)[0] == pytest.approx(4 * np.pi * 7**2, rel=0.1)


def names_of(heart: Heart) -> dict[str, int]:
    found = spaces_of(heart)
    return dict(zip(found.names, found.voxels, strict=True))


def test_spaces_are_named_by_their_chambers() -> None:
    array = shells()
    assert names_of(heart_of(array)) == {"epicardium": 0, "LV_endocardium": np.count_nonzero(array == LUMEN)}
    array[1:4, 1:4, 1:4] = WALL
    array[2, 2, 2] = 0
    array[10:13, 1:4, 1:4] = WALL
    array[11, 2, 2] = 0
    assert [*names_of(heart_of(array))] == ["epicardium", "cavity_1", "LV_endocardium", "cavity_3"]
    open_one = shells()
    open_one[8, 8, :] = LUMEN
    assert names_of(heart_of(open_one)) == {"epicardium": 0}


@pytest.mark.parametrize(
    ("lumens", "expected"),
    [
        ({1: "Ao_BP_label"}, "Ao_lumen"),
        ({1: "LA_BP_label", 4: "LAA_label"}, "LA_endocardium"),
        ({1: "LV_BP_label", 4: "RV_BP_label"}, "LV_RV_endocardium"),
        ({1: "left/ventricle"}, "left_ventricle_lumen"),
    ],
)
def test_names_of_cavities(lumens: dict[int, str], expected: str) -> None:
    array = shells()
    array[(array == LUMEN) & (np.indices(array.shape)[0] > 8)] = max(lumens)
    blueprint = attrs.evolve(
        BLUEPRINT,
        names={**BLUEPRINT.names, **lumens},
        types={**BLUEPRINT.types, **dict.fromkeys(lumens, LabelType.LUMEN)},
    )
    heart = Heart(volume=LabelVolume(array, (1.0, 1.0, 1.0), blueprint=blueprint))
    assert [*names_of(heart)] == ["epicardium", expected]


def test_named_surfaces_are_closed_and_say_what_bounds_them() -> None:
    array = shells()
    array[8, 7:9, 0:7][array[8, 7:9, 0:7] == WALL] = 4
    blueprint = attrs.evolve(
        BLUEPRINT,
        names={**BLUEPRINT.names, 4: "MV_label"},
        types={**BLUEPRINT.types, 4: LabelType.VALVE},
    )
    heart = Heart(volume=LabelVolume(array, (1.0, 1.0, 1.0), blueprint=blueprint))
    tags = {WALL: 12, COVER: 13, 4: 14}
    mesh = cut(heart.volume, heart.meshed).with_tags(tags)
    found = {one.name: one for one in named_surfaces(mesh, heart, tags)}
    assert [*found] == ["epicardium", "LV_endocardium", "mitral_opening"]
    assert {name: set(one.tags.tolist()) for name, one in found.items()} == {
        "epicardium": {13},
        "LV_endocardium": {12, 14},
        "mitral_opening": {14},
    }
    for one in found.values():
        surfaces = surfaces_of(one.triangles)
        assert (len(surfaces.genus), len(surfaces.edges), len(surfaces.nodes)) == (1, 0, 0)
    assert surfaces_of(found["mitral_opening"].triangles).volumes(mesh.points)[0] > 0


def test_tags_are_renumbered_together() -> None:
    mesh = Mesh(np.zeros((4, 3)), np.array([[0, 1, 2, 3]] * 3, np.int32), np.array([5, 7, 5], np.int32))
    assert mesh.with_tags({5: 7, 7: 5}).tags.tolist() == [7, 5, 7]


def test_a_torus_round_a_lumen_has_its_genus() -> None:
    array = np.where(torus(small=2) > 0, LUMEN, WALL * torus())
    heart = heart_of(array)
    surfaces = surfaces_of(faces_of(cut(heart.volume, heart.meshed).tetrahedra).boundary)
    assert surfaces.genus == (1, 1)
