"""The engine ``cut``: conforming, positive, in its place, of the right size, in any frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mesh_shapes import COVER, LEFT, LUMEN, OBLIQUE, WALL, counted, determinants, radius, shells, torus
from pycemrg_mesh import MeshingError, cut
from pycemrg_mesh.faces import faces_of
from pycemrg_mesh.quality import mean_ratios, scaled_jacobians, volumes
from pycemrg_mesh.surfaces import surfaces_of

from pycemrg_core import LabelVolume

CUBIC = (1.0, 1.0, 1.0)


def volume_of(array: np.ndarray, spacing: tuple[float, float, float] = CUBIC, **geometry: Any) -> LabelVolume:
    return LabelVolume(array, spacing, **geometry)


def small_maps() -> st.SearchStrategy[np.ndarray]:
    sizes = st.tuples(*[st.integers(1, 5)] * 3)
    return sizes.flatmap(
        lambda size: st.binary(min_size=int(np.prod(size)), max_size=int(np.prod(size))).map(
            lambda data: (np.frombuffer(data, np.uint8) % 4).reshape(size)
        )
    )


@pytest.mark.slow
@settings(max_examples=40)
@given(small_maps(), st.sampled_from([0, 20]))
def test_any_label_map_gives_a_conforming_mesh_with_its_voxels(array: np.ndarray, rounds: int) -> None:
    if not array.any():
        return
    mesh = cut(volume_of(array), [1, 2, 3], rounds=rounds)
    assert max(counted(mesh).faces.values()) <= 2
    assert (determinants(mesh) > 0).all()
    labels, voxels = np.unique(array[array > 0], return_counts=True)
    tags, tetrahedra = np.unique(mesh.tags, return_counts=True)
    assert (tags.tolist(), tetrahedra.tolist()) == (labels.tolist(), (5 * voxels).tolist())
    # Faces between voxels are shared, and there are two triangles on each.
    shared = sum(int(((a > 0) & (b > 0)).sum()) for a, b in neighbours(array))
    inside = sum(uses == 2 for uses in counted(mesh).faces.values()) - 4 * np.count_nonzero(array)
    assert inside == 2 * shared


def neighbours(array: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    return [
        (np.take(array, range(size - 1), axis), np.take(array, range(1, size), axis))
        for axis, size in enumerate(array.shape)
    ]


@pytest.mark.slow(every=4)
@pytest.mark.parametrize("rounds", [0, 20])
@pytest.mark.parametrize("spacing", [CUBIC, (2.0, 0.8, 1.25)])
@pytest.mark.parametrize("direction", [None, OBLIQUE, LEFT])
def test_every_frame_gives_the_same_positive_mesh(
    rounds: int, spacing: tuple[float, float, float], direction: tuple[float, ...] | None
) -> None:
    array = shells(16, spacing)
    plain = cut(volume_of(array, spacing), [WALL, COVER], rounds=rounds)
    given = {} if direction is None else {"direction": direction, "origin": (10.0, -20.0, 30.0)}
    volume = volume_of(array, spacing, **given)
    mesh = cut(volume, [WALL, COVER], rounds=rounds)
    assert (determinants(mesh) > 0).all()
    assert np.allclose(volumes(mesh.points, mesh.tetrahedra), determinants(mesh) / 6)
    world = np.array(volume.origin) + plain.points @ volume.orientation.cosines.T
    assert np.allclose(mesh.points, world)
    assert (mesh.tags == plain.tags).all()
    back = mesh.in_grid_frame(volume)
    assert np.allclose(back.points, plain.points)
    assert (back.tetrahedra == plain.tetrahedra).all()


def test_without_smoothing_each_five_tetrahedra_are_their_voxel() -> None:
    array, spacing = shells(), (1.0, 0.5, 2.0)
    mesh = cut(volume_of(array, spacing), [LUMEN, WALL, COVER], rounds=0)
    places = np.argwhere(array > 0)
    assert np.allclose(determinants(mesh).reshape(-1, 5).sum(axis=1) / 6, 1.0)
    corners = mesh.points[mesh.tetrahedra].reshape(len(places), 20, 3)
    middle = (corners.min(axis=1) + corners.max(axis=1)) / 2
    assert np.allclose(middle, places[:, ::-1] * np.array(spacing[::-1]))
    assert (mesh.tags.reshape(-1, 5) == array[array > 0][:, None]).all()


def test_nodes_move_half_a_voxel_at_most_and_only_between_regions() -> None:
    array, spacing = shells(), (1.0, 0.8, 1.5)
    volume = volume_of(array, spacing)
    rest, smooth = (cut(volume, [WALL, COVER], rounds=rounds) for rounds in (0, 20))
    assert (rest.tetrahedra == smooth.tetrahedra).all()
    moved = (smooth.points - rest.points) / np.array(spacing[::-1])
    assert np.abs(moved).max() <= 0.5 + 1e-9
    assert np.abs(moved).max() > 0.3
    corners = np.round(rest.points / np.array(spacing[::-1]) + 0.5).astype(int)[:, ::-1]
    kept = np.where(np.isin(array, [WALL, COVER]), array, 0)
    regions = [len(np.unique(kept[z - 1 : z + 1, y - 1 : y + 1, x - 1 : x + 1])) for z, y, x in corners]
    still = np.abs(moved).max(axis=1) == 0
    assert still[np.array(regions) == 1].all()
    assert (~still[np.array(regions) == 2]).mean() > 0.9


def test_where_three_regions_meet_nodes_stay_on_their_line() -> None:
    # Two halves of a box: the line where they meet the outside runs round its middle.
    array = np.zeros((10, 10, 10), np.uint8)
    array[2:8, 2:8, 2:5], array[2:8, 2:8, 5:8] = 1, 2
    mesh = cut(volume_of(array), [1, 2])
    rest = cut(volume_of(array), [1, 2], rounds=0)
    on_plane = rest.points[:, 0] == 4.5
    assert np.allclose(mesh.points[on_plane, 0], 4.5)
    edge = on_plane & (np.abs(rest.points[:, 1:] - 4.5).max(axis=1) == 3)
    assert np.abs(mesh.points - rest.points)[edge].max() > 0.1


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("spacing", [CUBIC, (1.5, 0.7, 0.9), (6.0, 1.0, 1.0)])
def test_no_tetrahedron_is_bad(spacing: tuple[float, float, float]) -> None:
    mesh = cut(volume_of(shells(16, spacing), spacing), [WALL, COVER])
    rest = cut(volume_of(shells(16, spacing), spacing), [WALL, COVER], rounds=0)
    for measure, limit in ((mean_ratios, 0.3), (scaled_jacobians, 0.1)):
        own = measure(rest.points, rest.tetrahedra).min()
        assert measure(mesh.points, mesh.tetrahedra).min() >= min(limit, 0.8 * own) - 1e-12


@pytest.mark.slow(every=4)
@pytest.mark.parametrize("spacing", [CUBIC, (2.0, 0.8, 1.25)])
@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("around", [0, WALL])
def test_small_labels_keep_their_volume(size: int, around: int, spacing: tuple[float, float, float]) -> None:
    array = np.zeros((12, 12, 12), np.uint8)
    array[1:-1, 1:-1, 1:-1] = around
    array[4, 5, 5 : 5 + size] = COVER
    array[7:9, 7, 7 : 7 + size] = 7
    mesh = cut(volume_of(array, spacing), [WALL, COVER, 7])
    mm3 = volumes(mesh.points, mesh.tetrahedra)
    for label in np.unique(array[array > 0]):
        expected = np.count_nonzero(array == label) * np.prod(spacing)
        assert mm3[mesh.tags == label].sum() == pytest.approx(expected, rel=0.04)
    own = cut(volume_of(array, spacing), [WALL, COVER, 7], rounds=0)
    for measure, limit in ((mean_ratios, 0.3), (scaled_jacobians, 0.1)):
        least = min(limit, 0.8 * measure(own.points, own.tetrahedra).min())
        assert measure(mesh.points, mesh.tetrahedra).min() >= least - 1e-12


@pytest.mark.slow
def test_a_ball_becomes_round() -> None:
    mm = radius(34)
    array = (mm < 14).astype(np.uint8)
    centre = 16.5
    roughness = []
    for rounds in (0, 20):
        mesh = cut(volume_of(array), [1], rounds=rounds)
        triangles = faces_of(mesh.tetrahedra).boundary
        a, b, c = (mesh.points[triangles[:, k]] - centre for k in range(3))
        normal = np.cross(b - a, c - a)
        area = np.linalg.norm(normal, axis=1)
        across = np.einsum("ij,ij->i", normal, a + b + c) / area / np.linalg.norm(a + b + c, axis=1)
        roughness.append(float(np.degrees(np.arccos(np.clip(across, -1, 1))) @ area / area.sum()))
        size = volumes(mesh.points, mesh.tetrahedra).sum()
        assert size == pytest.approx(np.count_nonzero(array), rel=0.01)
        assert size == pytest.approx(4 / 3 * np.pi * 14**3, rel=0.02)
    # The mean angle between a triangle and the sphere: that of a staircase is near 45 degrees.
    assert roughness[0] > 40
    assert roughness[1] < 15


def test_a_torus_has_one_handle_and_its_volume() -> None:
    mesh = cut(volume_of(torus()), [1])
    surfaces = surfaces_of(faces_of(mesh.tetrahedra).boundary)
    assert surfaces.genus == (1,)
    assert surfaces.volumes(mesh.points)[0] == pytest.approx(volumes(mesh.points, mesh.tetrahedra).sum())
    assert surfaces.volumes(mesh.points)[0] == pytest.approx(2 * np.pi**2 * 8 * 4**2, rel=0.05)


def test_what_is_told_and_what_cannot_be_meshed() -> None:
    told: list[str] = []
    cut(volume_of(shells()), [WALL, 9], told=told.append)
    assert told == ["cutting voxels", "smoothing surfaces"]
    with pytest.raises(MeshingError, match="no voxel has a label to mesh; give a heart with walls"):
        cut(volume_of(shells()), [9])
    with pytest.raises(MeshingError, match="-1 rounds of smoothing; give 0 to 1,000"):
        cut(volume_of(shells()), [WALL], rounds=-1)
    huge = np.full((1, 1, 1), 2**31, np.uint32)
    with pytest.raises(MeshingError, match="label 2147483648 does not fit in a tag of 32 bits; renumber the labels"):
        cut(volume_of(huge), [2**31])


def test_many_labels_and_the_border_of_the_image() -> None:
    array = np.arange(1, 343 + 1, dtype=np.uint16).reshape(7, 7, 7)
    mesh = cut(volume_of(array), range(1, 344))
    assert len(np.unique(mesh.tags)) == 343
    assert (determinants(mesh) > 0).all()
    assert surfaces_of(faces_of(mesh.tetrahedra).boundary).genus == (0,)


def test_a_spacing_and_an_origin_of_whole_numbers() -> None:
    whole, exact = (cut(volume_of(shells(), (kind(1),) * 3, origin=(kind(2),) * 3), [WALL]) for kind in (int, float))
    assert np.array_equal(whole.points, exact.points)


def test_the_input_stays_and_the_mesh_repeats_itself() -> None:
    array = shells()
    before = array.copy()
    one, two = (cut(volume_of(array), [WALL, COVER]) for _ in range(2))
    assert (array == before).all()
    assert (one.points == two.points).all()
    assert (one.tetrahedra == two.tetrahedra).all()
    padded = cut(volume_of(np.pad(array, 3)), [WALL, COVER])
    assert np.allclose(padded.points, one.points + 3)
    assert (padded.tetrahedra == one.tetrahedra).all()
