"""A label volume's answers are those of the whole array, before and after any edits; edits are checked first."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from brute import Array, Spacing, all_pairs, limit
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from pycemrg_core.errors import ImageError, StepError
from pycemrg_core.images.edits import Change, Edit, WorkingVolume
from pycemrg_core.images.label_volume import LabelVolume, Region, Zone, as_region

WIDE = 70_000  # more than 16 bits
LABELS = (0, 1, 2, 3, WIDE)
DISTANCES = (0.0, 0.5, 1.0, 1.7, 3.0, 50.0)
ONE = (1.0, 1.0, 1.0)

shapes = st.tuples(*[st.integers(1, 8)] * 3)
spacings = st.tuples(*[st.sampled_from([0.4, 0.7, 1.0, 2.0])] * 3)


def arrays(shape: tuple[int, int, int], dtype: Any) -> st.SearchStrategy[Array]:
    labels = [label for label in LABELS if label <= np.iinfo(dtype).max]
    return hnp.arrays(dtype, shape, elements=st.sampled_from(labels), fill=st.just(0))


@st.composite
def regions(draw: Any, shape: tuple[int, int, int]) -> Region:
    ends = [sorted((draw(st.integers(0, size)), draw(st.integers(0, size)))) for size in shape]
    return as_region(slice(*pair) for pair in ends)


@st.composite
def edits_of(draw: Any, shape: tuple[int, int, int], dtype: Any) -> Edit:
    region = draw(st.one_of(regions(shape), st.just(as_region(slice(0, size) for size in shape))))
    mask = draw(hnp.arrays(bool, [axis.stop - axis.start for axis in region]))
    return Edit(region, mask, draw(st.sampled_from([n for n in LABELS if n <= np.iinfo(dtype).max])))


@st.composite
def histories(draw: Any) -> tuple[Array, Spacing, list[list[Edit]]]:
    """An array and the edits of several steps."""
    shape, dtype = draw(shapes), draw(st.sampled_from([np.uint8, np.uint32]))
    steps = draw(st.lists(st.lists(edits_of(shape, dtype), min_size=1, max_size=3), max_size=3))
    return draw(arrays(shape, dtype)), draw(spacings), steps


def box_of(mask: Array) -> Region | None:
    found = ndimage.find_objects(mask.astype(np.int8))
    return as_region(found[0]) if found else None


def assert_answers(volume: LabelVolume, truth: Array, distance_mm: float) -> None:
    """Every question, for every label, against the whole array."""
    boxes = {label: box_of(truth == label) for label in LABELS[1:]}
    assert volume.boxes == {label: box for label, box in boxes.items() if box}
    for label, box in boxes.items():
        assert volume.region(label) == (box or as_region([slice(0, 0)] * 3))
        np.testing.assert_array_equal(volume.mask(label), truth == label)
        expected = all_pairs(truth == label, volume.spacing) <= limit(distance_mm, volume.spacing)
        np.testing.assert_array_equal(spread(volume.within(label, distance_mm), truth.shape), expected)
        expected &= truth != label
        np.testing.assert_array_equal(spread(volume.shell(label, distance_mm), truth.shape), expected)


def spread(zone: Zone, shape: tuple[int, ...]) -> Array:
    """A zone as a mask of the whole volume."""
    whole = np.zeros(shape, bool)
    whole[zone.region] = zone.mask
    return whole


@pytest.mark.slow
@settings(max_examples=120)
@given(histories(), st.sampled_from(DISTANCES))
def test_answers_and_ledger_equal_the_whole_arrays_after_any_edits(
    history: tuple[Array, Spacing, list[list[Edit]]], distance_mm: float
) -> None:
    array, spacing, steps = history
    work = WorkingVolume(LabelVolume(array, spacing), array.dtype)
    truth = array.copy()
    assert_answers(work, truth, distance_mm)
    for edits in steps:
        ledger: Counter[tuple[int, int]] = Counter()
        for edit in edits:
            here = truth[edit.region]
            ledger.update((int(old), edit.label) for old in here[edit.mask] if old != edit.label)
            here[edit.mask] = edit.label
        changes = work.apply(edits)
        assert changes == tuple(Change(old, new, n) for (old, new), n in sorted(ledger.items()))
        np.testing.assert_array_equal(work.array, truth)
        # The first look at each answer filled the cache, so a stale one shows here.
        assert_answers(work, truth, distance_mm)


@pytest.mark.slow
@settings(max_examples=100)
@given(st.data(), shapes, spacings, st.sampled_from(DISTANCES))
def test_near_crops_the_full_answer(
    data: st.DataObject, shape: tuple[int, int, int], spacing: Spacing, distance_mm: float
) -> None:
    volume = LabelVolume(data.draw(arrays(shape, np.uint32)), spacing)
    near: int | Region = data.draw(st.one_of(st.sampled_from(LABELS[1:]), regions(shape)))
    box = volume.region(near) if isinstance(near, int) else near
    for label in LABELS[1:]:
        full = spread(LabelVolume(volume.array, spacing).within(label, distance_mm), shape)
        cropped = np.zeros(shape, bool)
        cropped[box] = full[box]
        zone = volume.within(label, distance_mm, near=near)
        np.testing.assert_array_equal(spread(zone, shape), cropped)
        assert all(a.start >= b.start and a.stop <= b.stop for a, b in zip(zone.region, box, strict=True)) or not (
            zone.mask.size
        )


@pytest.mark.slow
@settings(max_examples=100)
@given(st.data(), shapes)
def test_zones_intersect_as_masks_do(data: st.DataObject, shape: tuple[int, int, int]) -> None:
    a, b = (
        Zone(region, data.draw(hnp.arrays(bool, [axis.stop - axis.start for axis in region])))
        for region in (data.draw(regions(shape)), data.draw(regions(shape)))
    )
    np.testing.assert_array_equal(spread(a & b, shape), spread(a, shape) & spread(b, shape))


@pytest.mark.slow
@settings(max_examples=60)
@given(st.data(), shapes, spacings, st.sampled_from(DISTANCES))
def test_a_margin_reaches_the_voxels_within_it(
    data: st.DataObject, shape: tuple[int, int, int], spacing: Spacing, margin: float
) -> None:
    array = data.draw(arrays(shape, np.uint8))
    assume((array == 1).any())
    (z, y, x) = (
        slice(max(axis.start - n, 0), min(axis.stop + n, size))
        for axis, size, step in zip(box_of(array == 1) or (), shape, spacing, strict=True)
        for n in [int(limit(margin, spacing) / step)]
    )
    assert LabelVolume(array, spacing).region(1, margin) == (z, y, x)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.uint32, np.int64, np.uint64])
def test_every_integer_type_answers_alike(dtype: Any) -> None:
    array = np.zeros((4, 5, 6), dtype)
    array[1, 2, 3:5] = 100
    volume = WorkingVolume(LabelVolume(array, ONE), np.dtype(dtype))
    assert volume.boxes == {100: (slice(1, 2), slice(2, 3), slice(3, 5))}
    assert volume.within(100, 1.0).mask.sum() == 2 + 8 + 2
    assert volume.apply([whole(array.shape, 1)]) == (Change(0, 1, 118), Change(100, 1, 2))


def test_labels_beyond_16_bits_keep_apart() -> None:
    highest = 2**32 - 1
    array = np.zeros((3, 3, 9), np.uint32)
    array[1, 1, [1, 4, 7]] = WIDE, highest, WIDE + 2**16
    volume = WorkingVolume(LabelVolume(array, ONE), np.dtype(np.uint32))
    assert list(volume.boxes) == [WIDE, WIDE + 2**16, highest]
    edit = Edit(volume.region(WIDE), np.ones((1, 1, 1), bool), highest)
    assert volume.apply([edit]) == (Change(WIDE, highest, 1),)
    assert list(volume.boxes) == [WIDE + 2**16, highest]
    assert volume.region(highest) == (slice(1, 2), slice(1, 2), slice(1, 5))


def whole(shape: tuple[int, ...], label: int) -> Edit:
    return Edit(as_region(slice(0, size) for size in shape), np.ones(shape, bool), label)


def small() -> WorkingVolume:
    array = np.zeros((4, 4, 4), np.uint8)
    array[1:3, 1:3, 1:3] = 1
    return WorkingVolume(LabelVolume(array, ONE), np.dtype(np.uint8))


def test_a_step_cannot_write_into_what_it_is_given() -> None:
    volume = small()
    for array in (volume.array, volume.within(1, 1.0).mask, volume.copy().array, volume.reference.array):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0, 0] = 1
    # A mask is the caller's own: writing there reaches nothing.
    volume.mask(1)[...] = True
    assert volume.mask(1).sum() == 8


def test_the_array_given_stays_as_writable_as_it_was() -> None:
    array = np.ones((2, 2, 2), np.uint8)
    volume = WorkingVolume(LabelVolume(array, ONE), np.dtype(np.uint8))
    volume.apply([whole(array.shape, 2)])
    assert array.flags.writeable
    assert (array == 1).all()


def test_edits_of_one_step_are_written_in_order() -> None:
    volume = small()
    one = (slice(0, 1), slice(0, 1), slice(0, 1))
    mask = np.ones((1, 1, 1), bool)
    changes = volume.apply([Edit(one, mask, 2), Edit(one, mask, 3)])
    assert changes == (Change(0, 2, 1), Change(2, 3, 1))
    assert volume.array[0, 0, 0] == 3
    assert list(volume.boxes) == [1, 3]


def test_a_snapshot_does_not_see_later_edits() -> None:
    volume = small()
    before = volume.copy()
    volume.apply([whole((4, 4, 4), 2)])
    assert list(before.boxes) == [1]
    assert before.within(1, 0.0).mask.sum() == 8


def test_a_vanished_label_is_nowhere() -> None:
    volume = small()
    volume.apply([whole((4, 4, 4), 0)])
    assert volume.boxes == {}
    assert volume.region(1) == as_region([slice(0, 0)] * 3)
    assert volume.within(1, 5.0).mask.size == 0
    assert volume.shell(1, 5.0).mask.size == 0


BOX = (slice(0, 3), slice(0, 3), slice(0, 3))
FULL = np.ones((3, 3, 3), bool)


@pytest.mark.parametrize(
    ("region", "mask", "text"),
    [
        (BOX, FULL[:2, :2, :2], "bool mask of shape (2, 2, 2)"),
        (BOX, FULL[0].astype(np.uint8), "uint8 mask of shape (3, 3)"),
        (BOX, FULL[0], "bool mask of shape (3, 3)"),
        (BOX[:2], FULL[0], "bool mask of shape (3, 3)"),
        ((slice(2, 5), *BOX[1:]), FULL, "bool mask of shape (3, 3, 3)"),
        ((slice(-3, 0), *BOX[1:]), FULL, "bool mask of shape (3, 3, 3)"),
        ((slice(-4, -1), *BOX[1:]), FULL, "bool mask of shape (3, 3, 3)"),
        ((slice(None, 3), *BOX[1:]), FULL, "bool mask of shape (3, 3, 3)"),
        ((slice(3, 0), *BOX[1:]), FULL, "bool mask of shape (3, 3, 3)"),
        ((slice(0, 4, 2), *BOX[1:]), FULL[:2], "bool mask of shape (2, 3, 3)"),
    ],
)
def test_an_edit_that_does_not_fit_is_refused_before_anything_is_written(region: Any, mask: Any, text: str) -> None:
    volume = small()
    before = volume.array.copy()
    with pytest.raises(StepError) as caught:
        volume.apply([whole((4, 4, 4), 2), Edit(region, mask, 2)])
    assert str(caught.value) == f"an edit with a {text} for the box {region} does not fit an image of shape (4, 4, 4)"
    np.testing.assert_array_equal(volume.array, before)
    assert list(volume.boxes) == [1]


def test_a_mask_of_integers_is_told_how_to_become_one() -> None:
    with pytest.raises(StepError) as caught:
        small().apply([Edit(BOX, FULL.astype(np.int64), 2)])  # type: ignore[arg-type]
    assert str(caught.value) == "an edit's mask is int64; it must be boolean (mask.astype(bool))"


@pytest.mark.parametrize("label", [-1, 256, 300])
def test_a_label_that_the_image_cannot_hold_is_refused_before_anything_is_written(label: int) -> None:
    volume = small()
    before = volume.array.copy()
    with pytest.raises(StepError) as caught:
        volume.apply([whole((4, 4, 4), 2), Edit(BOX, FULL, label)])
    assert str(caught.value) == f"an edit writes the label {label}, which does not fit in uint8"
    np.testing.assert_array_equal(volume.array, before)


def test_bounds_may_be_numpy_integers() -> None:
    # What np.argwhere(mask).min(axis=0) gives.
    volume = small()
    box = as_region(slice(*np.array([0, 3])) for _ in range(3))
    volume.apply([Edit(box, FULL, 2)])
    assert (volume.array[BOX] == 2).all()


@pytest.mark.parametrize(
    ("region", "mask"),
    [(BOX, FULL.tolist()), (BOX, None), ([0, 0, 0], FULL), (slice(0, 3), FULL), (None, FULL)],
)
def test_an_edit_made_of_something_else_is_refused_too(region: Any, mask: Any) -> None:
    with pytest.raises(StepError):
        small().apply([Edit(region, mask, 2)])


def test_negative_values_are_no_labels() -> None:
    for size in (3, 40):
        array = np.full((size, size, size), 30, np.int16)
        array[1, 1, 1] = -3
        with pytest.raises(ImageError, match=r"^holds negative values \(minimum -3\); labels are 0"):
            LabelVolume(array, (1.0, 1.0, 1.0))
