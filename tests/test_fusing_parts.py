"""The parts of a fusion, each against brute force or a shape whose answer is known."""

from __future__ import annotations

import heapq
from itertools import product
from math import inf
from pathlib import Path

import numpy as np
import pytest
from brute import Array, catalogue
from scipy import ndimage
from tool_outputs import rotation

from pycemrg_core import LabelVolume, write_volume
from pycemrg_core.api import WorkingVolume, Zone, as_region
from schematics_builtin.fusing import Grid
from schematics_builtin.fusing.cropping import crop
from schematics_builtin.fusing.deciding import in_order, settle, without_effect
from schematics_builtin.fusing.frame import heart_frame
from schematics_builtin.fusing.fusing import read_sources
from schematics_builtin.fusing.joining import join, without_loose_pieces
from schematics_builtin.fusing.pathways import ways
from schematics_builtin.fusing.placing import place, signed_distance
from schematics_builtin.fusing.trunks import branches, trunks

SPACING = (1.5, 1.0, 0.75)


def changed(volume: LabelVolume, edits: object) -> Array:
    work = WorkingVolume(volume, volume.array.dtype)
    work.apply(edits)  # type: ignore[arg-type]
    return np.array(work.array)


def whole(mask: Array) -> Zone:
    return Zone(as_region(slice(0, size) for size in mask.shape), mask)


# --- placing


def ball(grid: Grid, centre: Array, radius: float) -> Array:
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1).reshape(-1, 3)
    return (np.linalg.norm(grid.points_mm(index) - centre, axis=1) <= radius).reshape(grid.shape)


def test_a_ball_keeps_its_size_and_place_on_an_oblique_grid() -> None:
    source = Grid((40, 40, 40), (1.5, 1.5, 1.5), (-30.0, -30.0, -30.0))
    turn = rotation(np.array([1.0, 2.0, 3.0]), 20)
    x, y, z = (turn @ [-35.0, -35.0, -35.0]).tolist()
    target = Grid((70, 70, 70), (1.0, 1.0, 1.0), (x, y, z), tuple(turn.ravel().tolist()))
    mask = ball(source, np.array([1.0, 2.0, -3.0]), 18.0)
    found = place(whole(mask), source, target)
    there = target.points_mm(found.places)
    assert len(there) == pytest.approx(mask.sum() * 1.5**3, rel=0.01)
    assert there.mean(axis=0) == pytest.approx([1.0, 2.0, -3.0], abs=0.1)
    assert np.linalg.norm(there - [1.0, 2.0, -3.0], axis=1).max() < 19.0


def test_a_mask_on_the_same_voxels_is_copied() -> None:
    rng = np.random.default_rng(1)
    mask = rng.random((6, 7, 8)) < 0.5
    source = Grid((20, 20, 20), SPACING, (5.0, 6.0, 7.0))
    zone = Zone(as_region([slice(3, 9), slice(4, 11), slice(5, 13)]), mask)
    target = source.cut(as_region([slice(-4, 30), slice(2, 9), slice(7, 40)]))
    found = place(zone, source, target)
    by_hand = np.zeros(target.shape, bool)
    for z, y, x in np.add(np.argwhere(mask), (3, 4, 5)):
        if 2 <= y < 9 and x >= 7:
            by_hand[z + 4, y - 2, x - 7] = True
    assert (np.argwhere(by_hand) == found.places).all()


def test_the_surface_is_on_the_faces_of_the_voxels() -> None:
    mask = np.zeros((5, 5, 9), bool)
    mask[:, :, 3:6] = True
    line = signed_distance(mask, (1.0, 1.0, 2.0))[2, 2]
    assert line.tolist() == [6, 4, 2, -2, -4, -2, 2, 4, 6]  # between 2 and -2, halfway, is the face


def test_what_is_beyond_the_grid_is_left_out() -> None:
    source = Grid((10, 10, 10), (1.0, 1.0, 1.0))
    mask = np.ones((10, 10, 10), bool)
    assert len(place(whole(mask), source, Grid((5, 5, 5), (1.3, 1.3, 1.3), (200.0, 0.0, 0.0))).places) == 0
    assert len(place(whole(mask), source, Grid((5, 5, 5), (1.0, 1.0, 1.0), (200.0, 0.0, 0.0))).places) == 0


# --- ways


def dijkstra(mask: Array, starts: list[tuple[int, ...]]) -> Array:
    """The shortest ways over 26 neighbours, one voxel after the other."""
    mm = np.full(mask.shape, inf)
    heap = [(0.0, start) for start in starts]
    while heap:
        length, at = heapq.heappop(heap)
        if length >= mm[at]:
            continue
        mm[at] = length
        for step in product((-1, 0, 1), repeat=3):
            to = tuple(np.add(at, step).tolist())
            if any(step) and all(0 <= i < n for i, n in zip(to, mask.shape, strict=True)) and mask[to]:
                heapq.heappush(heap, (length + float(np.linalg.norm(np.multiply(step, SPACING))), to))
    return mm


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("seed", range(4))
def test_ways_are_the_shortest(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((7, 8, 9)) < 0.4
    places = np.argwhere(mask)
    starts = [tuple(one) for one in places[:: len(places) // 3][:3].tolist()]
    seeds = np.zeros(mask.shape, np.int32)
    for number, start in enumerate(starts, 1):
        seeds[start] = number
    found = ways(mask, SPACING, seeds)
    assert (found.places == places).all()
    each = np.stack([dijkstra(mask, [start])[tuple(places.T)] for start in starts])
    assert np.allclose(found.mm, each.min(axis=0))
    for length, origin, own in zip(found.mm, found.origin.tolist(), each.T, strict=True):
        assert (origin == -1) if length == inf else own[origin - 1] == pytest.approx(length)


def test_nothing_is_reached_without_a_start_or_beyond_the_limit() -> None:
    mask = np.ones((1, 1, 9), bool)
    seeds = np.zeros(mask.shape, np.int32)
    assert not np.isfinite(ways(mask, (1.0, 1.0, 1.0), seeds).mm).any()
    seeds[0, 0, 0] = 7
    found = ways(mask, (1.0, 1.0, 1.0), seeds, 4.0)
    assert found.mm.tolist() == [0, 1, 2, 3, 4, *[inf] * 4]
    assert found.origin.tolist() == [7] * 5 + [-1] * 4


def test_a_bent_vessel_is_cut_along_its_length() -> None:
    """A U of 1 voxel: its end is beside its root, but far along it."""
    array = np.zeros((5, 12, 12), np.uint8)
    array[2, 1:3, 1:3] = 3
    array[2, 3:10, 1] = 6
    array[2, 9, 1:6] = 6
    array[2, 3:10, 5] = 6
    array[4, 11, 11] = 6  # a piece of its own
    after = changed(LabelVolume(array, (1.0, 1.0, 1.0)), crop(LabelVolume(array, (1.0, 1.0, 1.0)), 6, 3, 8.0))
    # Down 6 mm, round the corner by a diagonal, and on for 1 mm.
    assert np.argwhere(after == 6)[:, 1:].tolist() == [*([y, 1] for y in range(3, 10)), [9, 2], [9, 3]]
    assert (after[array == 3] == 3).all()
    assert after[4, 11, 11] == 0


# --- who gets a voxel


@pytest.mark.parametrize("over", [(), ("62",), ("64",), ("62", "35"), ("23", "42", "65")])
def test_an_order_of_two_says_nothing_about_others(over: tuple[str, ...]) -> None:
    """Each voxel by hand: structures come one after the other, and one that is there stays if it is over the next."""
    names = {2: "LV_myo_label", 3: "RV_BP_label", 4: "LA_BP_label", 5: "RA_BP_label", 6: "Ao_BP_label"}
    rng = np.random.default_rng(len(over))
    zones = {name: whole(rng.random((6, 7, 8)) < 0.5) for name in in_order(names.values())}
    assert list(zones) == [names[value] for value in (2, 3, 5, 4, 6)]
    pairs = [(names[int(a)], names[int(b)]) for a, b in over]
    array = np.zeros((6, 7, 8), np.uint8)
    claims = settle(array, zones, {name: value for value, name in names.items()}, pairs)
    by_hand = np.zeros_like(array)
    won: dict[tuple[str, str], int] = {}
    for voxel in np.ndindex(array.shape):
        holder = ""
        for name in reversed(zones):
            if zones[name].mask[voxel]:
                stays = (holder, name) in pairs
                if holder:
                    pair = (holder, name) if stays else (name, holder)
                    won[pair] = won.get(pair, 0) + 1
                holder = holder if stays else name
        by_hand[voxel] = next((value for value, name in names.items() if name == holder), 0)
    assert (array == by_hand).all()
    assert {(one["winner"], one["loser"]): one["voxels"] for one in claims} == won
    assert list(without_effect(pairs, names.values(), claims)) == [
        (a, b) for a, b in pairs if list(zones).index(a) < list(zones).index(b)
    ]


# --- joining


def gap_by_hand(array: Array, a: int, b: int, gap: float) -> Array:
    """Between both, and farther from where they touch than the gap is wide, or near such a voxel; or enclosed."""
    to_a, to_b = (ndimage.distance_transform_edt(array != one, sampling=SPACING) for one in (a, b))
    reach = gap + np.prod(SPACING) ** (1 / 3) + 1e-3
    between = (array == 0) & (to_a + to_b <= reach)
    cross = ndimage.generate_binary_structure(3, 1)
    contact = np.zeros(array.shape, bool)
    for one, other in ((a, b), (b, a)):
        contact |= (array == one) & ndimage.binary_dilation(array == other, cross)
    far = between & (ndimage.distance_transform_edt(np.pad(~contact, 20, constant_values=True), sampling=SPACING)
                     [20:-20, 20:-20, 20:-20] > reach) if contact.any() else between  # fmt: skip
    open_gap = between & (ndimage.distance_transform_edt(~far, sampling=SPACING) <= reach) if far.any() else far
    number, count = ndimage.label(array == 0)
    for index in range(1, count + 1):
        one = number == index
        inner = not (np.pad(np.zeros(np.array(array.shape) - 2, bool), 1, constant_values=True) & one).any()
        if inner and (to_a[one] <= reach).all() and (to_b[one] <= reach).all():
            open_gap |= one
    return np.where(open_gap, np.where(to_a <= to_b, a, b), array)


@pytest.mark.parametrize("seed", range(5))
def test_gaps_are_given_to_the_nearer(seed: int) -> None:
    rng = np.random.default_rng(seed)
    coarse = rng.choice([0, 0, 0, 4, 9], size=(4, 4, 4))
    array = np.kron(coarse, np.ones((3, 3, 3), int)).astype(np.uint8)
    array[rng.random(array.shape) < 0.2] = 0
    array[rng.random(array.shape) < 0.05] = 2
    volume = LabelVolume(array, SPACING)
    assert (changed(volume, join(volume, 9, 4, 2.5)) == gap_by_hand(array, 9, 4, 2.5)).all()


def test_a_gap_that_was_closed_stays_as_it_is() -> None:
    """Two balls with a gap between them: the groove round their contact is not filled again and again."""
    grid = Grid((30, 30, 40), (1.0, 1.0, 1.0))
    array = np.zeros(grid.shape, np.uint8)
    for label, x in ((1, 11.0), (4, 29.0)):
        array[ball(grid, np.array([x, 15.0, 15.0]), 8.2)] = label
    once = changed(LabelVolume(array, grid.spacing), join(LabelVolume(array, grid.spacing), 1, 4, 2.5))
    volume = LabelVolume(once, grid.spacing)
    assert (once != array).sum() > 20
    assert len(volume.touching(1, 4)) > 20
    assert (changed(volume, join(volume, 1, 4, 2.5)) == once).all()


def test_a_wide_gap_stays_open() -> None:
    for voxels, closed in ((1, True), (2, True), (3, False)):
        array = np.zeros((9, 9, 20), np.uint8)
        array[2:7, 2:7, 2:8] = 1
        array[2:7, 2:7, 8 + voxels : 16] = 4
        volume = LabelVolume(array, (1.0, 1.0, 1.0))
        after = changed(volume, join(volume, 1, 4, 2.5))
        assert bool(after[4, 4, 8 : 8 + voxels].all()) is closed


def test_loose_pieces_go_to_what_they_border_on_most() -> None:
    array = np.zeros((12, 12, 24), np.uint8)
    array[2:10, 2:10, 2:10] = 1
    array[2:10, 2:10, 10:14] = 2
    array[4:6, 4:6, 4:6] = 2  # inside 1
    array[4:6, 4:6, 20:22] = 1  # in the background
    array[10:11, 4:6, 4:6] = 3  # 3 is nowhere else: it is its largest piece
    volume = LabelVolume(array, (1.0, 1.0, 1.0))
    after = changed(volume, without_loose_pieces(volume, [1, 2, 3], [1, 2, 3]))
    assert (after[4:6, 4:6, 4:6] == 1).all()
    assert (after[4:6, 4:6, 20:22] == 0).all()
    assert (after[10, 4:6, 4:6] == 3).all()
    assert (after[2:10, 2:10, 10:14] == 2).all()


# --- the heart's own frame


def test_the_frame_follows_the_heart() -> None:
    """Points of a heart that lies as the mean heart does; turned, the frame turns with them."""
    points = {
        "LV_BP_label": [40.0, -20.0, -30.0],
        "RV_BP_label": [5.0, -45.0, -25.0],
        "LA_BP_label": [10.0, 25.0, 10.0],
        "RA_BP_label": [-35.0, -5.0, 0.0],
        "Ao_BP_label": [5.0, -15.0, 45.0],
    }
    centres = {name: np.array(point) for name, point in points.items()}
    upright = heart_frame(centres)
    assert upright is not None
    assert upright.turned < 20
    assert upright.handedness > 0.5
    turn = rotation(np.array([1.0, -1.0, 2.0]), 100)
    turned = heart_frame({name: turn @ point + 70 for name, point in centres.items()})
    assert turned is not None
    vector = np.array([[1.0, 2.0, 3.0]])
    assert turned.own(vector @ turn.T) == pytest.approx(upright.own(vector))
    mirror = np.array([-1.0, 1.0, 1.0])
    mirrored = heart_frame({name: mirror * point for name, point in centres.items()})
    assert mirrored is not None
    assert mirrored.handedness == pytest.approx(-upright.handedness)
    del centres["Ao_BP_label"]
    assert heart_frame(centres) is None


# --- trunks and branches


def tube(array: Array, start: list[float], end: list[float], radius: float, label: int) -> None:
    grid = np.stack(np.meshgrid(*map(np.arange, array.shape), indexing="ij"), axis=-1)
    a, b = np.array(start), np.array(end)
    share = np.clip((grid - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
    near = np.linalg.norm(grid - a - share[..., None] * (b - a), axis=-1) <= radius
    array[near & (array == 0)] = label


@pytest.fixture(scope="module")
def y_shape() -> LabelVolume:
    """An atrium, 4, with a straight vein and one that divides 10 mm from it."""
    array = np.zeros((50, 40, 60), np.uint8)
    array[2:48, 2:38, 2:20] = 4
    tube(array, [12, 20, 19], [12, 20, 45], 4, 53)
    tube(array, [34, 20, 19], [34, 20, 30], 4, 53)
    tube(array, [34, 20, 30], [26, 20, 48], 3, 53)
    tube(array, [34, 20, 30], [42, 20, 48], 3, 53)
    array[24, 20, 55:58] = 53  # not connected
    array[20, 5, 20] = 53  # a speck on the atrium
    return LabelVolume(array, (1.0, 1.0, 1.0))


def test_a_piece_for_each_mouth(y_shape: LabelVolume) -> None:
    found = trunks(y_shape, 53, 4)
    assert len(found) == 2
    straight, forked = sorted(found, key=lambda piece: piece.start[0])
    assert straight.start == pytest.approx([12, 20, 22.5], abs=0.6)
    assert forked.start == pytest.approx([34, 20, 22.5], abs=0.6)
    for piece in found:
        assert piece.mouth_mm2 == pytest.approx(np.pi * 16, rel=0.1)
        assert piece.volume_ml == pytest.approx(len(piece.places) / 1000)
    assert straight.length_mm == pytest.approx(29, abs=1.5)


def test_a_trunk_divides_where_its_branches_do(y_shape: LabelVolume) -> None:
    straight, forked = sorted(trunks(y_shape, 53, 4), key=lambda piece: piece.start[0])
    assert branches(y_shape, straight) == []
    one, other = sorted(branches(y_shape, forked), key=lambda piece: piece.start[0])
    assert one.division_mm == other.division_mm == pytest.approx(15, abs=4)
    assert {*map(tuple, one.places.tolist()), *map(tuple, other.places.tolist())} == set(
        map(tuple, forked.places.tolist())
    )
    # The branches end at z = 26 and z = 42, and the trunk between them is divided in the middle.
    assert one.places[:, 0].min() == pytest.approx(23, abs=1.5)
    assert other.places[:, 0].max() == pytest.approx(45, abs=1.5)
    assert len(one.places) == pytest.approx(len(other.places), rel=0.2)  # ties in the middle go to one


def test_without_contact_there_is_no_piece(y_shape: LabelVolume) -> None:
    array = y_shape.array.copy()
    array[:, :, 20] = 0
    assert trunks(y_shape.with_array(array), 53, 4) == []


# --- reading


def test_what_is_told_of_a_folder_of_masks(tmp_path: Path) -> None:
    (masks := tmp_path / "masks").mkdir()
    cube = LabelVolume(np.pad(np.ones((2, 2, 2), np.uint8), 1), (1.0, 1.0, 1.0))
    for name in ("aorta", "Ao", "left_ventrical", "spleen"):
        write_volume(cube, masks / f"{name}.nrrd")
    (source,) = read_sources([masks], catalogue())
    assert list(source.masks) == ["Ao_BP_label"]
    assert source.ignored == ("left_ventrical", "spleen")
    assert source.notes == (
        f"{masks}: 'Ao' and 'aorta' are one structure, Ao_BP_label, and taken together",
        f"{masks}: 'left_ventrical' is the name of no structure; did you mean 'left ventricle'?",
    )


def test_a_folder_of_masks_may_hold_another_source(tmp_path: Path) -> None:
    """Files of it that are not used are no part of the source, and their hashes no part of the record."""
    write_volume(
        LabelVolume(np.arange(8, dtype=np.uint8).reshape(2, 2, 2), (1.0, 1.0, 1.0)), tmp_path / "chambers.nrrd"
    )
    write_volume(LabelVolume(np.ones((2, 2, 2), np.uint8), (1.0, 1.0, 1.0)), tmp_path / "aorta.nrrd")
    chambers, masks = read_sources([f"{tmp_path}/chambers.nrrd@cemrg", tmp_path], catalogue())
    assert [file.name for file in chambers.files] == ["chambers.nrrd"]
    assert [file.name for file in masks.files] == ["aorta.nrrd"]
    assert masks.ignored == ("chambers",)


def test_names_of_a_scheme_that_are_not_in_the_image_are_not_ignored(tmp_path: Path) -> None:
    """The scheme has rings, and the segmentation has none."""
    write_volume(LabelVolume(np.arange(8, dtype=np.uint8).reshape(2, 2, 2), (1.0, 1.0, 1.0)), tmp_path / "heart.nrrd")
    (source,) = read_sources([f"{tmp_path}/heart.nrrd@cemrg"], catalogue())
    assert (len(source.masks), source.ignored) == (7, ())
