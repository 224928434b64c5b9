"""What a pipeline makes of one sample: choices, several samples, skipped steps, further images, patches, classes."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from attrs import evolve
from pycemrg_augment.pipelines import Pipeline, record, replay
from pycemrg_augment.transforms import classes, patches, slices
from sample_images import VOXELS, make

from pycemrg_core import AugmentationError, load_catalogue
from pycemrg_core.api import NotApplicableError, Sample, voxels_sha256

CATALOGUE = load_catalogue()
SCAN = make((VOXELS / 20).astype(np.float32))
BLOCKS = np.zeros((12, 13, 14), np.uint8)
BLOCKS[2:5, 3:9, 4:8], BLOCKS[8:, :4, :4], BLOCKS[6, 6, 6] = 1, 2, 3
SAMPLE = Sample(image=SCAN, labels=make(BLOCKS))

Array = np.ndarray[Any, Any]


def values(image: sitk.Image | None) -> Array:
    array: Array = sitk.GetArrayFromImage(image)
    return array


def build(*entries: Any) -> Pipeline:
    return Pipeline.build(list(entries), CATALOGUE)


# Choices


@pytest.mark.slow
def test_one_of_chooses_in_proportion_to_the_probabilities() -> None:
    pipeline = build({"one_of": {"of": [{"flip": {}, "probability": 0.9}, {"flip": {}, "probability": 0.3}]}})
    steps = [pipeline.apply(SAMPLE, seed=1, index=index)[1][0] for index in range(400)]
    share = np.mean([step["drawn"]["chosen"] == [0] for step in steps])
    assert abs(share - 0.75) < 5 * (0.75 * 0.25 / 400) ** 0.5
    assert all(step["drawn"]["steps"][0]["applied"] for step in steps)


@pytest.mark.slow
def test_some_of_makes_every_set_equally_likely_and_keeps_the_order() -> None:
    pipeline = build(
        {"some_of": {"count": 2, "of": ["flip", {"brightness": {}}, {"random_patch": {"size": [5, 5, 5]}}]}}
    )
    drawn = [pipeline.apply(SAMPLE, seed=1, index=index)[1][0]["drawn"] for index in range(300)]
    sets = Counter(tuple(one["chosen"]) for one in drawn)
    assert sets.keys() == {(0, 1), (0, 2), (1, 2)}
    assert max(abs(count / 300 - 1 / 3) for count in sets.values()) < 5 * (2 / 9 / 300) ** 0.5
    assert [step["name"] for step in drawn[0]["steps"]] == [
        ("flip", "brightness", "random_patch")[number] for number in drawn[0]["chosen"]
    ]


def test_a_chosen_step_does_what_it_does_alone() -> None:
    inner = {"brightness": {"shift": 0.25}}
    made, _ = build({"one_of": {"of": [inner]}}).apply(SAMPLE, seed=1)
    alone, _ = build(inner).apply(SAMPLE, seed=1)
    np.testing.assert_array_equal(values(made.image), values(alone.image))
    both, _ = build({"some_of": {"count": 2, "of": [inner, {"contrast": {"factor": 0.5}}]}}).apply(SAMPLE, seed=1)
    chain, _ = build(inner, {"contrast": {"factor": 0.5}}).apply(SAMPLE, seed=1)
    np.testing.assert_array_equal(values(both.image), values(chain.image))


def test_what_fails_in_a_choice_is_said_with_its_place() -> None:
    pipeline = build("flip", {"one_of": {"of": [{"one_of": {"of": [{"swap_labels": {"labels": [1, 9]}}]}}]}})
    with pytest.raises(AugmentationError) as caught:
        pipeline.apply(SAMPLE, seed=1)
    assert "pipeline[1]: " in str(caught.value)
    assert str(caught.value).endswith("of[0]: swap_labels: label 9 is not in the image; name labels that are")
    with pytest.raises(AugmentationError, match="some_of: 4 to 9 of 1 steps is no whole number of them"):
        build({"some_of": {"count": [4, 9], "of": ["flip"]}}).apply(SAMPLE, seed=1)
    with pytest.raises(AugmentationError, match="one_of: all probabilities are 0; give one above 0"):
        build({"one_of": {"of": [{"flip": {}, "probability": 0}]}}).apply(SAMPLE, seed=1)


# Several samples


@pytest.mark.slow
def test_several_samples_of_one_share_what_comes_before() -> None:
    pipeline = build(
        {"brightness": {}}, {"random_patch": {"size": [4, 5, 6]}, "samples": 3}, "flip", {"gamma": {}, "samples": 2}
    )
    assert pipeline.samples == 6
    made = list(pipeline.apply_all(SAMPLE, seed=4, index=2))
    assert len({json.dumps(steps[0]) for _, steps in made}) == 1
    starts = [steps[1]["drawn"]["start"] for _, steps in made]
    assert starts[0] == starts[1] != starts[2] == starts[3] != starts[4] == starts[5]
    assert len({steps[3]["drawn"]["exponent"] for _, steps in made}) == 6
    assert len({voxels_sha256(one.image) for one, _ in made}) == 6
    with pytest.raises(AugmentationError, match="the pipeline makes 6 samples of one; call apply_all"):
        pipeline.apply(SAMPLE, seed=4)


def test_each_of_several_samples_can_be_replayed() -> None:
    pipeline = build({"label_patch": {"size": [4, 5, 6], "weights": {1: 1, 2: 2.5}}, "samples": 3}, {"brightness": {}})
    for copy, (made, steps) in enumerate(pipeline.apply_all(SAMPLE, seed=4, index=2)):
        document = json.loads(json.dumps(record(pipeline, steps, seed=4, index=2, copy=copy)))
        assert voxels_sha256(replay(document, SAMPLE, CATALOGUE).image) == voxels_sha256(made.image)
    with pytest.raises(AugmentationError, match="not a record of an augmented sample: copy 3 of 3"):
        replay(document | {"copy": 3}, SAMPLE, CATALOGUE)


# Skipped steps


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"drop_structure": {"labels": [7]}}, "drop_structure: none of the labels 7 is in the image"),
        ({"label_patch": {"size": [2, 2, 2], "weights": {8: 1}}}, "label_patch: none of the labels 8 is in the image"),
        ({"blur": {"inside": [7, 8]}}, "blur: none of the labels 7, 8 is in the label map; name labels that are"),
        ({"one_of": {"of": [{"islands": {"label": 9}}]}}, "islands: label 9 is not in the image"),
        ({"downsample": {"spacing": [1, 0.5, 1]}}, "downsample: 0.5 mm along y is finer than the image (0.7 mm)"),
        ({"slice_shift": {"thickness": 0.2}}, "slice shift: slices of 0.2 mm are not thicker than the image slices"),
        ({"slice_shift": {"thickness": 100}}, "slice shift: no slice of 100 mm fits into"),
    ],
)
def test_what_is_missing_is_skipped_by_choice_and_said(entry: dict[str, Any], reason: str) -> None:
    made, steps = build(entry | {"if_impossible": "skip"}).apply(SAMPLE, seed=1)
    assert made is SAMPLE
    assert steps[0]["applied"] is False
    assert steps[0]["skipped"].startswith(reason)
    with pytest.raises(AugmentationError) as caught:
        build(entry).apply(SAMPLE, seed=1)
    assert reason in str(caught.value)


def test_a_single_slice_is_passed_on_by_choice() -> None:
    slice_of_one = Sample(image=make(VOXELS[:1]))
    made, steps = build({"rotation": {}, "if_impossible": "skip"}).apply(slice_of_one, seed=1)
    assert made is slice_of_one
    assert "which is one slice along z" in steps[0]["skipped"]


def test_other_failures_are_never_skipped() -> None:
    for entry in ({"brightness": {}}, {"swap_labels": {"labels": [1, 1]}}):
        with pytest.raises(AugmentationError):
            build(entry | {"if_impossible": "skip"}).apply(Sample(image=make(VOXELS), labels=make(BLOCKS)), seed=1)


@pytest.mark.parametrize("name", ["min_max", "percentile", "standardise"])
def test_a_constant_image_becomes_0_by_choice(name: str) -> None:
    flat = Sample(image=make(np.full((4, 5, 6), 7, np.int16)))
    with pytest.raises(AugmentationError, match=f"{name}: no contrast, the "):
        build(name).apply(flat, seed=1)
    made, steps = build({name: {"constant": "zero"}}, "brightness").apply(flat, seed=1)
    assert steps[0]["drawn"] == {"constant_images": 1}
    assert (values(made.image) == max(steps[1]["drawn"]["shift"], 0)).all() or steps[1]["drawn"]["shift"] > 0


def test_a_constant_image_with_gamma_and_no_limits() -> None:
    flat = Sample(image=make(np.full((4, 5, 6), 7, np.float32)))
    _, steps = build({"gamma": {"limits": None}, "if_impossible": "skip"}).apply(flat, seed=1)
    assert steps[0]["skipped"] == "gamma: no contrast, all voxels are 7; give limits, or skip such images"


# Several images and label maps


def test_further_images_and_label_maps_move_along_with_noise_of_their_own() -> None:
    whole = evolve(SAMPLE, more_images={"t2": SCAN}, more_labels={"scar": make(BLOCKS)})
    pipeline = build(
        {"brightness": {}}, {"gaussian_noise": {"sigma": 0.05}}, {"random_patch": {"size": [6, 6, 6]}}, "flip"
    )
    made, steps = pipeline.apply(whole, seed=3)
    alone, same = pipeline.apply(SAMPLE, seed=3)
    assert steps == same
    np.testing.assert_array_equal(values(made.image), values(alone.image))
    np.testing.assert_array_equal(values(made.more_labels["scar"]), values(alone.labels))
    other = values(made.more_images["t2"])
    assert other.shape == (6, 6, 6)
    assert abs(np.corrcoef((values(made.image) - other).ravel(), other.ravel())[0, 1]) < 1
    assert (other != values(made.image)).mean() > 0.5


def test_errors_name_the_further_image() -> None:
    whole = evolve(SAMPLE, more_images={"t2": make(VOXELS)})
    with pytest.raises(AugmentationError, match=r"pipeline\[0\]: 't2': brightness: the image is uint8 from 0 to 19"):
        build({"brightness": {}}).apply(whole, seed=3)
    classes_of = {"consecutive_classes": {"labels": [1, 2, 3]}}
    with pytest.raises(AugmentationError, match=r"pipeline\[0\]: 'scar': consecutive_classes: no class for 7"):
        build(classes_of).apply(evolve(SAMPLE, more_labels={"scar": make(np.full_like(BLOCKS, 7))}), seed=3)
    with pytest.raises(AugmentationError, match="swap_labels: the sample has 2 label maps; give one"):
        build({"swap_labels": {"labels": [1, 2]}}).apply(evolve(SAMPLE, more_labels={"b": make(BLOCKS)}), seed=3)
    with pytest.raises(AugmentationError, match="image and labels are not on the same grid"):
        build("flip").apply(evolve(SAMPLE, more_labels={"b": sitk.GetImageFromArray(BLOCKS)}), seed=3)


def test_augmentations_that_forget_further_images_are_refused(tmp_path: Any) -> None:
    (tmp_path / "old.py").write_text(
        """
from attrs import evolve
from pycemrg_core.api import Augmentation, Ref, Sample, hookimpl

def forgets(sample, rng):
    return Sample(image=sample.image, labels=sample.labels), {}

def first_only(sample, rng):
    return evolve(sample, image=sample.image * 0.5), {}

@hookimpl
def pycemrg_augmentations():
    for name in ("forgets", "first_only"):
        yield Augmentation(name=name, summary="mine", function=Ref(f"old:{name}"))
"""
    )
    catalogue = load_catalogue(local=[tmp_path / "old.py"])
    whole = evolve(SAMPLE, more_images={"t2": SCAN}, more_labels={"scar": make(BLOCKS)})
    with pytest.raises(AugmentationError, match="forgets: it takes one image and one label map, and would lose t2;"):
        Pipeline.build(["forgets"], catalogue).apply(whole, seed=1)
    with pytest.raises(AugmentationError, match="first_only: it changes the first image only; give one image"):
        Pipeline.build(["first_only"], catalogue).apply(whole, seed=1)
    Pipeline.build(["forgets", "first_only"], catalogue).apply(SAMPLE, seed=1)


# Label patches and classes


@pytest.mark.slow
def test_label_patches_hold_a_voxel_of_the_label_drawn_by_weight() -> None:
    rng = np.random.default_rng(5)
    found: Counter[int] = Counter()
    voxels = set()
    for _ in range(300):
        patch, start, label = patches.label_patch(SAMPLE, rng, (4, 5, 3), {1: 3.0, 3: 1.0, 9: 50.0})
        cut = values(patch.labels)
        assert cut.shape == (3, 5, 4)
        np.testing.assert_array_equal(
            cut, BLOCKS[tuple(slice(s, s + n) for s, n in zip(start[::-1], cut.shape, strict=True))]
        )
        assert (cut == label).any()
        found[label] += 1
        voxels.add(start)
    assert found.keys() == {1, 3}
    assert abs(found[1] / 300 - 0.75) < 5 * (0.75 * 0.25 / 300) ** 0.5
    assert len(voxels) > 40


def test_label_patches_at_the_border_and_larger_than_the_image() -> None:
    rng = np.random.default_rng(5)
    for _ in range(30):
        _, (x, y, z), _ = patches.label_patch(SAMPLE, rng, (10, 20, 3), {2: 1.0})
        assert 0 <= x <= 4
        assert y == -4  # 13 - 20 = -7, half of it before
        assert 0 <= z <= 9
    with pytest.raises(NotApplicableError, match=r"label_patch: none of the labels 9 is in the image"):
        patches.label_patch(SAMPLE, rng, (3, 3, 3), {1: 0, 9: 1})
    with pytest.raises(AugmentationError, match="label_patch: all weights are 0; give one above 0") as caught:
        patches.label_patch(SAMPLE, rng, (3, 3, 3), {1: 0})
    assert not isinstance(caught.value, NotApplicableError)  # no sample could get it, so it is never skipped
    _, _, label = patches.label_patch(SAMPLE, rng, (3, 3, 3), {1: 1e308, 2: 1e308})
    assert label in (1, 2)
    with pytest.raises(AugmentationError, match="label_patch: the sample has no label map; give one"):
        patches.label_patch(Sample(image=SCAN), rng, (3, 3, 3), {1: 1})


def test_classes_are_consecutive_whatever_an_image_holds() -> None:
    labels = make(np.array([[[0, 820, 500, -1, 205]]], np.int16))
    made = classes.consecutive_classes(labels, (500, 600, 820, 205), ignored=-1)
    assert values(made).tolist() == [[[0, 3, 1, -1, 4]]]
    assert made.GetPixelID() == labels.GetPixelID()
    others = classes.consecutive_classes(labels, (500,), "background", -1)
    assert values(others).tolist() == [[[0, 0, 1, -1, 0]]]
    with pytest.raises(
        AugmentationError, match="consecutive_classes: no class for -1, 205, 820; add them to the labels"
    ):
        classes.consecutive_classes(labels, (500,))
    small = make(np.array([[[3, -100]]], np.int8))
    with pytest.raises(AugmentationError, match="consecutive_classes: class 128 does not fit into int8; convert the"):
        classes.consecutive_classes(small, (*range(-1, -128, -1), 3), "background")
    with pytest.raises(AugmentationError, match=r"the labels are \[1, 1\]; give each once, without 0 and the ignored"):
        classes.consecutive_classes(labels, (1, 1))
    for ignored in (0, 1, 2):
        with pytest.raises(
            AugmentationError, match=f"the ignored label {ignored} would be a class too; give one below 0"
        ):
            classes.consecutive_classes(labels, (500, 600), "background", ignored)


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.int64])
def test_negative_labels_survive_the_vote(kind: Any) -> None:
    """Brute force: the label with the largest share of each block of eight, the smallest integer if equal."""
    array = np.random.default_rng(2).choice(np.array([-1, 0, 3, 90_000 % np.iinfo(kind).max], kind), (8, 8, 8))
    made = values(slices.downsample_labels(sitk.GetImageFromArray(array), (2, 2, 2)))
    assert made.dtype == kind
    for z, y, x in np.ndindex(4, 4, 4):
        labels, count = np.unique(array[2 * z : 2 * z + 2, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2], return_counts=True)
        assert made[z, y, x] == labels[count.argmax()]
