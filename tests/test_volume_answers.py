"""What a label volume says of distances, cells, contacts, components and orientation, against brute force."""

from __future__ import annotations

from collections import Counter
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from brute import Array, all_pairs, limit
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import ndimage

from pycemrg_core.api import (
    Edit,
    LabelVolume,
    Region,
    WorkingVolume,
    Zone,
    as_region,
    edit_at,
    edits_between,
    image_of,
    oriented_lps,
    volume_of,
)
from pycemrg_core.errors import StepError
from pycemrg_core.images.boxes import bounding_boxes

LABELS = (0, 1, 2, 3, 300)
ABSENT = 7
DISTANCES = (0.0, 0.5, 1.0, 1.7, 3.0, 50.0)
STRUCTURES = (1, 300, ABSENT, (1, 2), (2, 3, ABSENT), (1, 2, 3, 300), (ABSENT,))

shapes = st.tuples(*[st.integers(1, 7)] * 3)
spacings = st.tuples(*[st.sampled_from([0.4, 0.7, 1.0, 2.0])] * 3)


@st.composite
def volumes(draw: Any) -> LabelVolume:
    """Sparse or dense label maps; some labels are absent, some a single voxel."""
    shape = draw(shapes)
    fill = st.just(0) if draw(st.booleans()) else st.nothing()
    array = draw(hnp.arrays(np.uint16, shape, elements=st.sampled_from(LABELS), fill=fill))
    return LabelVolume(array, draw(spacings))


@st.composite
def regions(draw: Any, shape: tuple[int, ...]) -> Region:
    ends = [sorted((draw(st.integers(0, size)), draw(st.integers(0, size)))) for size in shape]
    return as_region(slice(*pair) for pair in ends)


def whole(volume: LabelVolume) -> Region:
    return as_region(slice(0, size) for size in volume.array.shape)


def truth_of(volume: LabelVolume, where: Any) -> Array:
    """The mask of a structure over the whole image."""
    if isinstance(where, Zone):
        return spread(where, volume.array.shape)
    return np.isin(volume.array, np.atleast_1d(where))


def spread(zone: Zone, shape: tuple[int, ...]) -> Array:
    mask = np.zeros(shape, bool)
    mask[zone.region] = zone.mask
    return mask


@st.composite
def asked(draw: Any) -> tuple[LabelVolume, Any]:
    """A volume and a structure in it: a label, several, or any voxels."""
    volume = draw(volumes())
    if draw(st.booleans()):
        return volume, draw(st.sampled_from(STRUCTURES))
    region = draw(regions(volume.array.shape))
    return volume, Zone(region, draw(hnp.arrays(bool, [axis.stop - axis.start for axis in region])))


@pytest.mark.slow
@settings(max_examples=80)
@given(asked(), st.sampled_from(DISTANCES))
def test_within_and_shell_of_labels_and_masks(asked: tuple[LabelVolume, Any], distance_mm: float) -> None:
    volume, where = asked
    mask = truth_of(volume, where)
    np.testing.assert_array_equal(volume.mask(where), mask)
    near = all_pairs(mask, volume.spacing) <= limit(distance_mm, volume.spacing)
    np.testing.assert_array_equal(spread(volume.within(where, distance_mm), mask.shape), near)
    np.testing.assert_array_equal(spread(volume.shell(where, distance_mm), mask.shape), near & ~mask)
    box = volume.region(where)
    assert not mask.any() or mask[box].sum() == mask.sum()


@pytest.mark.slow
@settings(max_examples=80)
@given(asked(), st.sampled_from([*DISTANCES[1:], np.inf]), st.data())
def test_distances(asked: tuple[LabelVolume, Any], limit_mm: float, data: st.DataObject) -> None:
    volume, where = asked
    mask = truth_of(volume, where)
    expected = all_pairs(mask, volume.spacing).astype(float)
    expected[expected > limit(limit_mm, volume.spacing)] = np.inf
    region = data.draw(regions(mask.shape))
    found = volume.distances(where, region, limit_mm)
    assert found.region == region
    np.testing.assert_allclose(found.mm, expected[region], rtol=1e-12)
    everywhere = volume.distances(where, limit_mm=limit_mm)
    spread_out = np.full(mask.shape, np.inf)
    spread_out[everywhere.region] = everywhere.mm
    np.testing.assert_allclose(spread_out, expected, rtol=1e-12)
    assert not found.mm.flags.writeable


@pytest.mark.slow
@settings(max_examples=80)
@given(volumes(), st.permutations([1, (2, 3), 300, ABSENT]), st.sampled_from([1.0, 3.0, np.inf]), st.data())
def test_nearest_cells(volume: LabelVolume, structures: list[Any], limit_mm: float, data: st.DataObject) -> None:
    region = data.draw(st.one_of(st.none(), regions(volume.array.shape)))
    found = volume.nearest(structures, region, limit_mm)
    region = region or whole(volume)
    distances = np.stack([all_pairs(truth_of(volume, one), volume.spacing)[region] for one in structures])
    best = distances.min(axis=0)
    # Of those that are equally near the first one has the voxel.
    expected = (distances <= best + 1e-6 * min(volume.spacing)).argmax(axis=0)
    expected[~np.isfinite(best) | (best > limit(limit_mm, volume.spacing))] = -1
    assert found.region == region
    np.testing.assert_array_equal(found.owner, expected)
    for index, one in enumerate(structures):
        zone = found.of(one if isinstance(one, int) else one[-1])
        np.testing.assert_array_equal(zone.mask, expected == index)
    assert not found.of(99).mask.any()


def test_a_tie_goes_to_the_one_named_first() -> None:
    volume = LabelVolume(np.array([[[1, 0, 0, 0, 2]]], np.uint8), (0.4, 0.4, 0.4))
    assert volume.nearest([1, 2]).owner.tolist() == [[[0, 0, 0, 1, 1]]]
    assert volume.nearest([2, 1]).owner.tolist() == [[[1, 1, 0, 0, 0]]]
    # 5 x 0.3 mm and 3 x 0.5 mm are equally far, whatever floating point makes of it.
    flat = np.zeros((1, 6, 4), np.uint8)
    flat[0, 5, 0], flat[0, 0, 3] = 1, 2
    line = LabelVolume(flat, (1.0, 0.3, 0.5))
    assert line.nearest([1, 2]).owner[0, 0, 0] == line.nearest([2, 1]).owner[0, 0, 0] == 0


def faces(volume: LabelVolume, a: Array, b: Array) -> Counter[tuple[tuple[int, ...], tuple[int, ...], int]]:
    """Every face between voxels of two masks, one by one."""
    found: Counter[tuple[tuple[int, ...], tuple[int, ...], int]] = Counter()
    for place in np.argwhere(a):
        for axis, way in product(range(3), (-1, 1)):
            other = place.copy()
            other[axis] += way
            if 0 <= other[axis] < a.shape[axis] and b[tuple(other)]:
                found[tuple(place.tolist()), tuple(other.tolist()), axis] += 1
    return found


@settings(max_examples=60)
@given(volumes(), st.sampled_from([(1, 2), (1, 0), ((1, 2), 3), ((1, 300), (2, 3)), (1, ABSENT), (ABSENT, 9)]))
def test_touching(volume: LabelVolume, pair: tuple[Any, Any]) -> None:
    a, b = pair
    contact = volume.touching(a, b)
    rows = zip(contact.first.tolist(), contact.second.tolist(), contact.axis.tolist(), strict=True)
    found = Counter((tuple(first), tuple(second), axis) for first, second, axis in rows)
    expected = faces(volume, truth_of(volume, a), truth_of(volume, b))
    assert found == expected
    assert len(contact) == sum(expected.values())
    z, y, x = volume.spacing
    area = sum((y * x, z * x, z * y)[axis] * count for (_, _, axis), count in expected.items())
    assert contact.mm2(volume.spacing) == pytest.approx(area)


@settings(max_examples=60)
@given(asked(), st.sampled_from([6, 18, 26]))
def test_components(asked: tuple[LabelVolume, Any], connectivity: int) -> None:
    volume, where = asked
    mask = truth_of(volume, where)
    structure = ndimage.generate_binary_structure(3, {6: 1, 18: 2, 26: 3}[connectivity])
    labelled, count = ndimage.label(mask, structure)
    sets = [np.flatnonzero(labelled.ravel() == n + 1).tolist() for n in range(count)]
    expected = sorted(sets, key=lambda places: (-len(places), places[0]))
    found = volume.components(where, connectivity)
    assert len(found) == count
    assert [np.flatnonzero(spread(zone, mask.shape)).tolist() for zone in found] == expected
    assert found.voxels.tolist() == [len(places) for places in expected]
    with pytest.raises(IndexError):
        found[count]


def test_components_refuse_another_connectivity() -> None:
    volume = LabelVolume(np.ones((2, 2, 2), np.uint8), (1.0, 1.0, 1.0))
    with pytest.raises(StepError, match="unknown connectivity 4; give 6, 18 or 26"):
        volume.components(1, 4)


@settings(max_examples=50)
@given(hnp.arrays(np.uint32, shapes, elements=st.sampled_from([0, 1, 5, 300, 70_000]), fill=st.just(0)))
def test_boxes_are_those_of_scipy(array: Array) -> None:
    for values in (array, np.minimum(array, 255).astype(np.uint8), array.astype(np.int64)):
        small = np.searchsorted(np.array([0, 1, 5, 255, 300, 70_000]), values)
        numbers = (0, 1, 5, 255, 300, 70_000)
        expected = {numbers[n + 1]: box for n, box in enumerate(ndimage.find_objects(small)) if box is not None}
        assert bounding_boxes(values) == expected


def test_orientation() -> None:
    array = np.zeros((1, 1, 1), np.uint8)
    plain = LabelVolume(array, (1.0, 1.0, 1.0)).orientation
    assert (plain.code, plain.right_handed) == ("LPS", True)
    turned = LabelVolume(array, (1.0, 1.0, 1.0), direction=(0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)).orientation
    assert (turned.code, turned.right_handed) == ("PRS", True)
    mirrored = LabelVolume(array, (1.0, 1.0, 1.0), direction=(-1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)).orientation
    assert (mirrored.code, mirrored.right_handed) == ("RPS", False)
    oblique = (0.8, 0.6, 0.0, -0.6, 0.8, 0.0, 0.0, 0.0, -1.0)
    assert LabelVolume(array, (1.0, 1.0, 1.0), direction=oblique).orientation.code == "LPI"


EQUAL = np.array([[1.0, -1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 2**0.5]]) / 2**0.5  # x is as near to L as to P
TURNS = [np.eye(3)[list(order)] * signs for order in permutations(range(3)) for signs in product((1.0, -1.0), repeat=3)]
OBLIQUE = [np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0] for seed in range(20)]


@pytest.mark.parametrize("cosines", [*TURNS, *(turn @ EQUAL @ TURNS[9] for turn in TURNS), *OBLIQUE])
def test_a_label_map_is_turned_as_simpleitk_turns_it(cosines: NDArray[np.float64]) -> None:
    array = np.zeros((4, 5, 6), np.uint8)
    array[1:3, 2:4, 1:5], array[3, 0, 2] = 3, 7
    volume = LabelVolume(array, (1.0, 0.7, 1.3), origin=(3.0, -5.0, 7.0), direction=tuple(cosines.ravel().tolist()))
    expected, found = volume_of(oriented_lps(image_of(volume))), oriented_lps(volume)
    np.testing.assert_array_equal(found.array, expected.array)
    assert found.spacing == expected.spacing
    assert found.boxes == expected.boxes
    np.testing.assert_allclose(found.origin, expected.origin, atol=1e-12)
    np.testing.assert_allclose(found.direction, expected.direction, atol=1e-12)
    assert np.shares_memory(found.array, array)


def test_points_are_those_of_simpleitk() -> None:
    import SimpleITK as sitk

    image = sitk.Image(5, 6, 7, sitk.sitkUInt8)
    image.SetSpacing((0.5, 2.0, 3.0))
    image.SetOrigin((10.0, -3.0, 7.0))
    image.SetDirection((0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0))
    volume = volume_of(image)
    places = np.array([[0, 0, 0], [6, 5, 4], [1, 2, 3]])
    expected = [image.TransformIndexToPhysicalPoint(place[::-1]) for place in places.tolist()]
    np.testing.assert_allclose(volume.points_mm(places), expected)
    again = image_of(volume)
    for part in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
        assert getattr(again, part)() == getattr(image, part)()


@pytest.mark.slow
@settings(max_examples=50)
@given(volumes(), st.data())
def test_answers_are_those_of_the_image_as_it_is_after_edits(volume: LabelVolume, data: st.DataObject) -> None:
    """Each question is asked before and after, so that a stale answer shows."""
    work = WorkingVolume(volume, np.dtype(np.uint16))
    for _ in range(2):
        region = data.draw(regions(volume.array.shape))
        mask = data.draw(hnp.arrays(bool, [axis.stop - axis.start for axis in region]))
        ask(work)
        work.apply([Edit(region, mask, data.draw(st.sampled_from(LABELS)))])
        assert ask(work) == ask(LabelVolume(work.array.copy(), work.spacing))


def ask(volume: LabelVolume) -> list[Any]:
    cells = volume.nearest([1, (2, 3), 300])
    contact = volume.touching((1, 2), (0, 3))
    within = volume.within((1, 300), 1.7, near=(2, 3))
    parts = volume.components((1, 2))
    return [
        cells.owner.tolist(),
        contact.first.tolist(),
        spread(within, volume.array.shape).tolist(),
        volume.distances((2, 3)).mm.tolist(),
        [spread(zone, volume.array.shape).tolist() for zone in parts],
    ]


def test_an_answer_is_kept_until_an_edit_touches_its_labels() -> None:
    array = np.zeros((6, 6, 6), np.uint8)
    array[1:3], array[4:] = 1, 2
    work = WorkingVolume(LabelVolume(array, (1.0, 1.0, 1.0)), np.dtype(np.uint8))
    first = work.components(1)
    assert work.components(1) is first
    work.apply([edit_at(np.array([[5, 0, 0]]), 3)])
    assert work.components(1) is first
    work.apply([edit_at(np.array([[1, 0, 0]]), 3)])
    assert work.components(1) is not first


@settings(max_examples=50)
@given(volumes(), st.data())
def test_edits_between_two_arrays(volume: LabelVolume, data: st.DataObject) -> None:
    region = data.draw(regions(volume.array.shape))
    new = data.draw(hnp.arrays(np.uint16, volume.array[region].shape, elements=st.sampled_from(LABELS)))
    work = WorkingVolume(volume, np.dtype(np.uint16))
    work.apply(edits_between(volume.array[region], new, region))
    expected = volume.array.copy()
    expected[region] = new
    np.testing.assert_array_equal(work.array, expected)
    whole = WorkingVolume(volume, np.dtype(np.uint16))
    whole.apply(edits_between(volume.array, expected))
    np.testing.assert_array_equal(whole.array, expected)


def test_an_edit_at_places() -> None:
    places = np.array([[3, 1, 2], [0, 4, 1], [3, 1, 2]])
    edit = edit_at(places, 9)
    assert spread(Zone(edit.region, edit.mask), (5, 5, 5)).nonzero()[0].tolist() == [0, 3]
    assert (edit.label, edit.part) == (9, "")
    assert edit_at(places, 9, "rim").part == "rim"
    nothing = edit_at(np.zeros((0, 3), int), 9)
    assert not nothing.mask.size
    WorkingVolume(LabelVolume(np.zeros((2, 2, 2), np.uint8), (1.0, 1.0, 1.0)), np.dtype(np.uint8)).apply([nothing])


def test_edits_between_arrays_of_other_shapes_are_refused() -> None:
    with pytest.raises(StepError, match="the arrays have different shapes"):
        list(edits_between(np.zeros((1, 1, 2)), np.zeros((1, 2, 1))))


def test_no_voxel_within_a_zone_that_is_empty() -> None:
    volume = LabelVolume(np.zeros((3, 3, 3), np.uint8), (1.0, 1.0, 1.0))
    zone = volume.within(1, 5.0)
    assert not volume.within(zone, 5.0).mask.size
