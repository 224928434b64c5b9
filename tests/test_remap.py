"""Every voxel is looked up once, and no structure becomes part of another unless somebody asked for it."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pycemrg_core.errors import LabelError
from pycemrg_core.images import image_files
from pycemrg_core.images.edits import Change
from pycemrg_core.images.remap import Dropped, LabelRemapper, remap_image
from tests.sample_images import frame, make

SOURCE = {"LV": 1, "RV": 3, "LA": 4}
TARGET = {"LV": 3, "RV": 1, "LA": 2, "RA": 4}

SMALL = st.integers(1, 40)
SPARSE = st.one_of(SMALL, st.integers(1, 2**32 - 1))
TYPES: list[Any] = [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64]


def refusal(call: Any, *args: Any, **options: Any) -> list[str]:
    """The numbered problems of a refusal."""
    with pytest.raises(LabelError) as refused:
        call(*args, **options)
    title, *problems = str(refused.value).split("\n")
    assert title.endswith(":")
    assert all(line.startswith(f"  {number}. ") for number, line in enumerate(problems, 1))
    return [line.split(". ", 1)[1] for line in problems]


def slowly(array: NDArray[Any], mapping: dict[int, int]) -> list[int]:
    return [mapping.get(value, value) for value in array.ravel().tolist()]


@st.composite
def permutations(draw: st.DrawFn, labels: st.SearchStrategy[int]) -> tuple[dict[int, int], NDArray[Any]]:
    """Swaps, chains and cycles of some labels, and an image of these and of labels that are not mapped."""
    some = draw(st.lists(labels, unique=True, max_size=12))
    mapping = dict(zip(some, draw(st.permutations(some)), strict=True))
    others = draw(st.lists(labels, unique=True, max_size=4))
    values = draw(st.lists(st.sampled_from([0, *some, *others]), max_size=60))
    dtype = draw(st.sampled_from([t for t in TYPES if np.iinfo(t).max >= max([0, *some, *others])]))
    return mapping, np.array(values, dtype).reshape(-1, 1, 1)


@pytest.mark.slow
@given(permutations(SMALL))
def test_any_permutation_is_the_function_of_every_voxel(case: tuple[dict[int, int], NDArray[Any]]) -> None:
    mapping, array = case
    remapper, before = LabelRemapper(mapping), array.copy()
    result = remapper.apply(array)
    assert result.ravel().tolist() == slowly(array, mapping)
    assert (result.shape, result.dtype) == (array.shape, array.dtype)
    assert np.array_equal(array, before)
    back = remapper.inverse().apply(result)
    assert np.array_equal(back, array)


@pytest.mark.slow
@given(permutations(SPARSE))
def test_sparse_huge_integers(case: tuple[dict[int, int], NDArray[Any]]) -> None:
    mapping, array = case
    result = LabelRemapper(mapping).apply(array)
    assert result.ravel().tolist() == slowly(array, mapping)
    assert np.array_equal(LabelRemapper(mapping).inverse().apply(result), array)


@pytest.mark.slow
@given(st.dictionaries(SMALL, st.integers(0, 400)), st.lists(st.integers(0, 60), max_size=60))
def test_merges_and_deletions_are_the_function_of_every_voxel(mapping: dict[int, int], values: list[int]) -> None:
    array = np.array(values, np.uint8)
    remapper = LabelRemapper(mapping, merge=True, delete=True)
    swallowed = (set(values) - mapping.keys()) & set(mapping.values()) - {0}
    if swallowed:
        assert len(refusal(remapper.apply, array)) == len(swallowed)
    else:
        assert remapper.apply(array).tolist() == slowly(array, mapping)


@pytest.mark.slow
@given(st.dictionaries(SPARSE, SPARSE, max_size=8), st.lists(SPARSE, max_size=20))
def test_what_is_not_refused_can_be_undone(mapping: dict[int, int], values: list[int]) -> None:
    array = np.array([*values, *list(mapping)[:4]], np.int64)
    try:
        remapper = LabelRemapper(mapping)
        result = remapper.apply(array)
    except LabelError:
        return
    assert remapper.inverse().apply(result).tolist() == array.tolist()


@pytest.mark.parametrize("air", [(0, 0), (2, 1)])
def test_an_image_with_air_around_it(air: tuple[int, int]) -> None:
    for most in (300, 10**9):
        array = np.pad(np.random.default_rng(0).choice([0, 1, 2, 200, most], (3, 5, 4)).astype(np.uint32), air)
        mapping = {1: 2, 2: 1, most: 77}
        remapper = LabelRemapper(mapping)
        assert remapper.apply(array).ravel().tolist() == slowly(array, mapping)
        assert remapper.report(array).mapped[0] == Change(1, 2, int((array == 1).sum()))


@pytest.mark.parametrize("order", ["F", "strided", "swapped", "read-only"])
def test_any_memory_layout(order: str) -> None:
    array = np.random.default_rng(1).integers(0, 5, (4, 5, 6)).astype(np.uint16)
    expected = np.array(slowly(array, {1: 2, 2: 1})).reshape(array.shape)
    if order == "F":
        array = np.asfortranarray(array)
    elif order == "strided":
        array, expected = array[::2, :, ::-1], expected[::2, :, ::-1]
    elif order == "swapped":
        array = array.astype(">u2")
    else:
        array.flags.writeable = False
    result = LabelRemapper({1: 2, 2: 1}).apply(array)
    assert np.array_equal(result, expected)
    assert result.dtype == np.uint16
    assert result.flags.writeable


@pytest.mark.parametrize(
    ("before", "target", "after"),
    [
        (np.uint8, 255, np.uint8),
        (np.uint8, 256, np.uint16),
        (np.int8, 127, np.int8),
        (np.int8, 200, np.uint8),
        (np.int16, 40_000, np.uint16),
        (np.uint16, 65_536, np.uint32),
        (np.int32, 2**31, np.uint32),
        (np.uint8, 2**32 - 1, np.uint32),
        (np.int64, 2**32 - 1, np.int64),
        (np.uint64, 300, np.uint64),
    ],
)
def test_the_type_is_widened_only_when_a_target_does_not_fit(before: Any, target: int, after: Any) -> None:
    result = LabelRemapper({1: target}).apply(np.array([[0, 1, 2]], before))
    assert result.dtype == after
    assert result.tolist() == [[0, target, 2]]


def test_the_type_does_not_depend_on_the_labels_in_the_image() -> None:
    remapper = LabelRemapper({1: 2, 9: 900})
    assert remapper.apply(np.array([1], np.uint8)).dtype == np.uint16


def test_an_array_without_voxels() -> None:
    assert LabelRemapper({1: 300}).apply(np.zeros((0, 3, 3), np.uint8)).shape == (0, 3, 3)
    assert LabelRemapper({}).apply(np.array([3], np.uint8)).tolist() == [3]


def test_two_labels_that_would_become_one() -> None:
    assert refusal(LabelRemapper, {4: 2, 5: 2, 6: 2, 7: 8}, old_names={4: "LA"}, new_names={2: "atria"}) == [
        "4 (LA), 5 and 6 would all become 2 (atria);"
        " give each its own integer, or ask for a merge (--merge, merge=True)"
    ]
    merged = LabelRemapper({4: 2, 5: 2, 2: 2}, merge=True)
    assert merged.apply(np.array([0, 2, 4, 5, 9])).tolist() == [0, 2, 2, 2, 9]


def test_all_problems_of_a_mapping_at_once() -> None:
    whole = "is not a whole number; labels are integers from 1 (0 is the background)"
    mapping: Any = {1: 9, 2: 9, 3: 0, 0: 5, -4: 6, 7: 2**32, 8: 1.5, "x": 10}
    assert refusal(LabelRemapper, {**mapping, 5: None, 6: [1]}) == [
        "3 would become 0, the background; give it another integer, or ask for deletion (--drop, delete=True)",
        "0 is the background and cannot become 5; leave 0 out",
        "-4 is negative; labels are integers from 1 (0 is the background)",
        "4294967296 does not fit in 32 bits; the largest label is 4294967295",
        f"1.5 {whole}",
        f"'x' {whole}",
        f"None {whole}",
        f"[1] {whole}",
        "1 and 2 would all become 9; give each its own integer, or ask for a merge (--merge, merge=True)",
    ]


def test_truth_values_are_no_labels() -> None:
    assert refusal(LabelRemapper, {5: True})[0].startswith("True is not a whole number")


def test_numpy_integers_are_integers() -> None:
    numpy_mapping: Any = {np.int64(1): np.uint8(2)}
    remapper = LabelRemapper(numpy_mapping)
    assert dict(remapper.mapping) == {1: 2}
    assert {type(value) for pair in remapper.mapping.items() for value in pair} == {int}


def test_deletion_is_asked_for() -> None:
    assert refusal(LabelRemapper, {4: 0}) == [
        "4 would become 0, the background; give it another integer, or ask for deletion (--drop, delete=True)"
    ]
    remapper = LabelRemapper({4: 0, 5: 0}, delete=True)
    assert remapper.apply(np.array([3, 4, 5])).tolist() == [3, 0, 0]
    assert remapper.report(np.array([3, 4, 4])).deleted == (Change(4, 0, 2),)


def test_the_background_stays_the_background() -> None:
    assert dict(LabelRemapper({0: 0, 1: 2}).mapping) == {1: 2}


def test_a_label_that_is_not_mapped_is_not_swallowed() -> None:
    remapper = LabelRemapper({5: 6, 1: 2}, old_names={5: "RA", 6: "Ao"})
    assert refusal(remapper.apply, np.array([0, 1, 2, 5, 6])) == [
        "2 is in the image and not mapped, and 1 becomes 2;"
        " map 2 to another integer, or to 2 with a merge (--merge, merge=True)",
        "6 (Ao) is in the image and not mapped, and 5 (RA) becomes 6;"
        " map 6 to another integer, or to 6 with a merge (--merge, merge=True)",
    ]
    assert remapper.apply(np.array([1, 5, 9])).tolist() == [2, 6, 9]
    # Whoever applies a mapping twice hears of it.
    refusal(remapper.apply, remapper.apply(np.array([1, 5])))


@pytest.mark.parametrize("dtype", [np.float32, np.bool_, np.complex64])
def test_only_integers_are_remapped(dtype: Any) -> None:
    with pytest.raises(LabelError) as refused:
        LabelRemapper({1: 2}).apply(np.ones((2, 2), dtype))
    assert str(refused.value) == f"the array has the type {np.dtype(dtype)}, not integers; labels are integers from 1"


def test_a_scan_is_no_label_map() -> None:
    with pytest.raises(LabelError) as refused:
        LabelRemapper({1: 2}).apply(np.array([-1000, 1], np.int16))
    assert str(refused.value) == (
        "the image has the value -1000; labels are integers from 1: give the segmentation, not the scan"
    )


def test_between_two_schemes() -> None:
    remapper = LabelRemapper.between({"background": 0, **SOURCE}, TARGET)
    assert dict(remapper.mapping) == {1: 3, 3: 1, 4: 2}
    assert remapper.apply(np.array([0, 1, 3, 4])).tolist() == [0, 3, 1, 2]
    assert remapper.inverse().apply(np.array([0, 3, 1, 2])).tolist() == [0, 1, 3, 4]


def test_what_only_the_source_has_is_refused_unless_told() -> None:
    source = {**SOURCE, "LAA_label": 9, "spleen": 30}
    target = {**TARGET, "LAA_lable": 11}
    assert refusal(LabelRemapper.between, source, target) == [
        "9 (LAA_label) is not in the target; name it there, or choose to drop it"
        " (--drop, dropped='drop'); did you mean 'LAA_lable'?",
        "30 (spleen) is not in the target; name it there, or choose to drop it (--drop, dropped='drop')",
    ]
    array = np.array([0, 1, 9, 30])
    dropping = LabelRemapper.between(source, target, dropped="drop")
    assert dropping.dropped == ("LAA_label", "spleen")
    assert dropping.apply(array).tolist() == [0, 3, 0, 0]
    keeping = LabelRemapper.between(source, target, dropped="keep")
    assert (keeping.dropped, keeping.kept) == ((), ("LAA_label", "spleen"))
    assert keeping.apply(array).tolist() == [0, 3, 9, 30]


@pytest.mark.parametrize("merge", [False, True])
def test_what_is_kept_must_not_take_on_another_meaning(merge: bool) -> None:
    assert refusal(LabelRemapper.between, {"spleen": 4}, TARGET, dropped="keep", merge=merge) == [
        "4 (spleen) cannot be kept, because 4 is 'RA' in the target; drop it, or give 'spleen'"
        " another integer in the target"
    ]


def test_an_integer_without_a_name_must_not_take_on_a_meaning_either() -> None:
    remapper = LabelRemapper.between({"LV": 1}, TARGET)
    assert refusal(remapper.apply, np.array([1, 2, 9])) == [
        "2 is in the image and not mapped, and in the target 2 is 'LA'; map 2 too, or delete it"
    ]
    assert remapper.apply(np.array([1, 9])).tolist() == [3, 9]


def test_names_that_share_an_integer() -> None:
    assert refusal(LabelRemapper.between, {"LV": 1, "RV": 1}, TARGET) == [
        "1 (LV) would become both 3 (LV) and 1 (RV); leave one of them out"
    ]
    halves = {"left": 1, "right": 2}
    assert refusal(LabelRemapper.between, halves, {"left": 7, "right": 7}) == [
        "1 (left) and 2 (right) would all become 7 (left);"
        " give each its own integer, or ask for a merge (--merge, merge=True)"
    ]
    merged = LabelRemapper.between(halves, {"left": 7, "right": 7}, merge=True)
    assert merged.apply(np.array([1, 2])).tolist() == [7, 7]


def test_dropped_is_one_of_three_words() -> None:
    wrong: Any = "ignore"
    with pytest.raises(ValueError, match="dropped is 'ignore'; give 'refuse', 'drop' or 'keep'"):
        LabelRemapper.between(SOURCE, TARGET, dropped=wrong)


def test_by_name() -> None:
    remapper = LabelRemapper.named({"LV": 500, 3: 600, "LA": "RV"}, SOURCE, delete=True)
    assert dict(remapper.mapping) == {1: 500, 3: 600, 4: 3}
    into = LabelRemapper.named({"LV": "LA", 4: "background"}, SOURCE, TARGET, delete=True)
    assert dict(into.mapping) == {1: 2, 4: 0}


def test_unknown_names_all_at_once() -> None:
    assert refusal(LabelRemapper.named, {"LVV": 1, "spleen": "RVV", 1: 7, "LV": 8}, SOURCE, TARGET) == [
        "no label is called 'LVV'; did you mean 'LV'?",
        "no label is called 'spleen'",
        "no label is called 'RVV' in the target; did you mean 'RV'?",
        "1 (LV) would become both 7 and 8; leave one of them out",
    ]


def test_what_is_merged_or_deleted_cannot_be_undone() -> None:
    remapper = LabelRemapper({1: 5, 2: 5, 3: 0, 4: 6, 8: 0}, merge=True, delete=True)
    assert refusal(remapper.inverse) == [
        "1 and 2 are all 5; go back to the original image",
        "3 and 8 would not come back from the background; go back to the original image",
    ]


def test_the_report() -> None:
    remapper = LabelRemapper({1: 3, 3: 1, 4: 0, 8: 9}, delete=True, old_names={1: "LV", 8: "MV"}, new_names={3: "LV"})
    report = remapper.report(np.array([0, 0, 1, 1, 3, 4, 7] + [7] * 1233))
    assert report.mapped == (Change(1, 3, 2), Change(3, 1, 1), Change(4, 0, 1))
    assert report.kept == (Change(7, 7, 1234),)
    assert report.deleted == (Change(4, 0, 1),)
    assert report.absent == (8,)
    assert list(report.lines()) == [
        "1 (LV) -> 3 (LV): 2 voxels",
        "3 -> 1: 1 voxel",
        "4 -> background: 1 voxel",
        "7 not mapped, kept: 1,234 voxels",
        "8 (MV) not in the image",
    ]


def test_an_image_keeps_its_geometry() -> None:
    image = make()
    before = image_files.voxels_sha256(image)
    result = remap_image(image, LabelRemapper({5: 6, 6: 5, 7: 700}))
    assert np.array_equal(frame(result), frame(image))
    assert result.GetPixelID() == sitk.sitkUInt16
    assert image_files.voxels_sha256(image) == before
    assert remap_image(image, LabelRemapper({5: 6, 6: 5})).GetPixelID() == sitk.sitkUInt8


@pytest.fixture(scope="module")
def heart() -> sitk.Image:
    image, notes = image_files.read_labels(str(files("schematics_builtin") / "demo" / "data" / "rodero01_1.0mm.nrrd"))
    assert notes == ()
    return image


@pytest.mark.slow
def test_a_whole_heart_there_and_back(heart: sitk.Image) -> None:
    voxels = image_files.voxel_array(heart)
    remapper = LabelRemapper({label: label % 14 + 1 for label in range(1, 15)})
    moved = remap_image(heart, remapper)
    assert np.array_equal(image_files.voxel_array(moved), np.where(voxels > 0, voxels % 14 + 1, 0))
    assert np.array_equal(frame(moved), frame(heart))
    back = remap_image(moved, remapper.inverse())
    assert image_files.voxels_sha256(back) == image_files.voxels_sha256(heart)
    report = remapper.report(voxels)
    assert sum(change.voxels for change in report.mapped) == np.count_nonzero(voxels)
    assert (report.kept, report.absent) == ((), ())


@pytest.mark.parametrize("dropped", ["drop", "keep"])
def test_a_whole_heart_in_another_scheme(heart: sitk.Image, dropped: Dropped) -> None:
    source = {f"label_{label}": label for label in range(1, 15)}
    target = {"label_1": 500, "label_3": 600, "label_4": 420, "label_5": 550}
    remapper = LabelRemapper.between(source, target, dropped=dropped)
    result = image_files.voxel_array(remap_image(heart, remapper))
    assert result.dtype == np.uint16
    others = {2, *range(6, 15)} if dropped == "keep" else set()
    assert set(np.unique(result).tolist()) == {0, 500, 600, 420, 550} | others
    assert np.count_nonzero(result == 420) == np.count_nonzero(image_files.voxel_array(heart) == 4)
