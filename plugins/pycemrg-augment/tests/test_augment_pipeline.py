"""Pipelines: checked as a whole, reproducible from one seed, and replayed from their records."""

from __future__ import annotations

import json
import pickle
import textwrap
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from phantom import heart_phantom
from pycemrg_augment import plugin
from pycemrg_augment.pipelines import Pipeline, record, replay
from pycemrg_augment.transforms import intensity, noise, normalising
from sample_images import make

from pycemrg_core import AugmentationError, DocumentError, load_catalogue
from pycemrg_core.api import Augmentation, Sample, voxels_sha256

CATALOGUE = load_catalogue()
LABELS = heart_phantom(48, (2.0, 2.0, 2.0))
SCAN = sitk.Cast(LABELS, sitk.sitkFloat32) * 40 - 100

NORMALISE: dict[str, Any] = {"clip": {"window": [-200, 800]}}
# Each augmentation once, with parameters that suit the phantom.
EACH: dict[str, dict[str, Any]] = {
    "clip": {"window": [-200, 800]},
    "min_max": {},
    "percentile": {"low": 2},
    "brightness": {"shift": [-0.1, 0.1]},
    "contrast": {"factor": [0.5, 1.5], "inside": [1, 2]},
    "gamma": {"exponent": [0.5, 2]},
    "gaussian_noise": {"sigma": [0.01, 0.1]},
    "rician_noise": {"sigma": [0.01, 0.1]},
    "bias_field": {"coefficient": [-0.4, 0.4], "order": 2},
    "blur": {"sigma_mm": [1, 4]},
    "downsample": {"spacing": [2, 2, 6]},
    "slice_shift": {"thickness": [5, 8]},
    "isotropic": {"spacing": 3, "smooth": True},
    "centre_patch": {"size": [20, 20, 20]},
    "random_patch": {"size": [20, 20, 20]},
    "flip": {},
    "drop_structure": {"labels": [8, 9, 10]},
    "leak": {"between": [1, 0]},
    "islands": {"label": 4},
    "staircase": {"shift_mm": 4},
    "swap_labels": {"labels": [4, 5]},
    "standardise": {},
    "motion": {"degrees": [-8, 8]},
    "rotation": {"degrees": [-20, 20]},
    "affine": {"scale": [0.8, 1.2], "shear": [-0.1, 0.1], "shift_mm": [-4, 4]},
    "elastic": {"most_mm": [4, 8]},
    "label_patch": {"size": [20, 20, 20], "weights": {1: 2, 4: 1}},
    "consecutive_classes": {"labels": [4, 1, 2, 3, 5], "others": "background"},
    "one_of": {"of": [{"brightness": {}}, {"blur": {}, "probability": 0.5}]},
    "some_of": {"of": ["gamma", {"gaussian_noise": {}}, {"rotation": {}}], "count": [1, 3]},
}
# These draw nothing, so that another seed gives the same voxels.
FIXED = {"clip", "min_max", "percentile", "downsample", "isotropic", "centre_patch", "swap_labels"} | {
    "standardise",
    "consecutive_classes",
}


def build(*entries: Any) -> Pipeline:
    return Pipeline.build(list(entries), CATALOGUE)


def sample() -> Sample:
    return Sample(image=SCAN, labels=LABELS)


def hashes(made: Sample) -> tuple[str, str]:
    return voxels_sha256(made.image), voxels_sha256(made.labels)


def test_every_augmentation_of_the_plugin_is_tried_here() -> None:
    assert {one.name for one in plugin.pycemrg_augmentations()} == set(EACH)
    assert {one.name for one in CATALOGUE.all(Augmentation)} >= set(EACH)
    (entry,) = (one for one in entry_points(group="pycemrg.v1") if one.name == "augment")
    assert entry.value == "pycemrg_augment.plugin"


@pytest.mark.slow(every=30)
@pytest.mark.parametrize("name", EACH)
def test_seeds_decide_and_inputs_stay(name: str) -> None:
    pipeline = build(NORMALISE, {name: EACH[name]})
    given = sample()
    before = hashes(given)
    (first, drawn), (again, redrawn) = (pipeline.apply(given, seed=7, index=3) for _ in range(2))
    assert hashes(first) == hashes(again)
    assert drawn == redrawn
    assert json.loads(json.dumps(drawn)) == drawn
    assert hashes(given) == before
    others = {
        hashes(pipeline.apply(given, seed=seed, index=index)[0]) for seed, index in ((7, 4), (8, 3), (9, 0), (9, 1))
    }
    assert (others == {hashes(first)}) == (name in FIXED)


@pytest.mark.slow(every=24)
@pytest.mark.parametrize("name", EACH)
def test_a_record_can_be_replayed(name: str) -> None:
    pipeline = build(NORMALISE, {name: EACH[name], "probability": 0.9})
    made, steps = pipeline.apply(sample(), seed=7, index=5)
    document = json.loads(json.dumps(record(pipeline, steps, seed=7, index=5)))
    assert hashes(replay(document, sample(), CATALOGUE)) == hashes(made)


def test_a_record_of_something_else_is_refused() -> None:
    pipeline = build(NORMALISE, {"brightness": {}})
    _, steps = pipeline.apply(sample(), seed=7)
    document = json.loads(json.dumps(record(pipeline, steps, seed=7, index=0)))
    with pytest.raises(AugmentationError, match="not a record of an augmented sample in format 1; give one"):
        replay({"format": 1}, sample(), CATALOGUE)
    with pytest.raises(AugmentationError, match=r"brightness: drew \{'shift': .*use the versions and the input"):
        replay({**document, "seed": 8}, sample(), CATALOGUE)


def test_drawn_values_give_the_same_voxels_with_the_plain_function() -> None:
    pipeline = build(NORMALISE, {"gamma": {}}, {"rician_noise": {"sigma": [0.02, 0.1]}})
    made, (_, gamma, noisy) = pipeline.apply(sample(), seed=1)
    image = intensity.gamma(normalising.clip(SCAN, (-200, 800)), **gamma["drawn"])
    rng = np.random.default_rng(noisy["drawn"]["seed"])
    image = noise.rician_noise(image, rng, noisy["drawn"]["sigma"])
    assert voxels_sha256(image) == voxels_sha256(made.image)
    assert 0.02 <= noisy["drawn"]["sigma"] <= 0.1


def test_the_stream_of_a_sample_is_the_one_that_numpy_spawns() -> None:
    """So sample i depends neither on how many there are nor on their order."""
    pipeline = build(NORMALISE, {"brightness": {"shift": [-1, 1]}})
    drawn = [pipeline.apply(sample(), seed=7, index=index)[1][1]["drawn"]["shift"] for index in (4, 0, 2)]
    expected = []
    for index in (4, 0, 2):
        rng = np.random.default_rng(np.random.SeedSequence(7).spawn(5)[index].spawn(2)[1])
        rng.random()  # whether the step is applied
        expected.append(-1 + 2 * rng.random())
    assert drawn == expected


def test_a_step_at_the_end_changes_nothing_before_it() -> None:
    """So the same seed with and without the last step gives a pair: fine and coarse."""
    head = (NORMALISE, {"gamma": {}}, {"random_patch": {"size": [24, 24, 24]}})
    fine, drawn = build(*head).apply(sample(), seed=5, index=2)
    coarse, more = build(*head, {"downsample": {"spacing": [2, 2, 8], "profile": "box"}}).apply(
        sample(), seed=5, index=2
    )
    assert more[:3] == drawn
    blocks = sitk.GetArrayFromImage(fine.image).reshape(6, 4, 24, 24).mean(axis=1)
    np.testing.assert_allclose(sitk.GetArrayFromImage(coarse.image), blocks, atol=1e-6)


@pytest.mark.slow
def test_probability_is_the_share_of_samples() -> None:
    pipeline = build({"swap_labels": {"labels": [4, 5]}, "probability": 0.3})
    applied = [pipeline.apply(Sample(labels=LABELS), seed=0, index=index)[1][0]["applied"] for index in range(300)]
    assert abs(np.mean(applied) - 0.3) < 5 * (0.3 * 0.7 / 300) ** 0.5
    made, steps = build({"swap_labels": {"labels": [4, 5]}, "probability": 0}).apply(Sample(labels=LABELS), seed=0)
    assert made.labels is LABELS
    assert steps == [{"name": "swap_labels", "provider": "augment", "version": "0.1.0", "applied": False}]


def test_a_number_is_a_range_of_that_number_and_a_name_alone_takes_the_defaults() -> None:
    made, drawn = build("min_max", {"brightness": {"shift": 0.25}}, {"augment:flip": None}).apply(sample(), seed=0)
    assert drawn[1]["drawn"] == {"shift": 0.25}
    assert made.image.GetSize() == (48, 48, 48)


def test_a_pipeline_travels_to_worker_processes() -> None:
    pipeline = build(NORMALISE, {"brightness": {}})
    there = pickle.loads(pickle.dumps(pipeline))
    assert hashes(there.apply(sample(), seed=3)[0]) == hashes(pipeline.apply(sample(), seed=3)[0])


PROBLEMS = [
    ({"blurr": {}}, "pipeline[1]: no augmentation is called 'blurr'; did you mean 'blur'?"),
    ({"blur": {"sgima_mm": 1}}, "pipeline[1].sgima_mm: no such parameter; did you mean 'sigma_mm'?"),
    ({"blur": {"z": 1}}, "pipeline[1].z: no such parameter; it has sigma_mm, inside, limits"),
    ({"min_max": {"z": 1}}, "pipeline[1].z: no such parameter; it has constant"),
    ({"one_of": {"of": []}}, "pipeline[1].of: must be a list of augmentations, not []"),
    ({"one_of": {"of": ["flip", {"blur": {"sgima": 1}}]}}, "pipeline[1].of[1].sgima: no such parameter"),
    ({"some_of": {"of": ["flipp"]}}, "pipeline[1].of[0]: no augmentation is called 'flipp'; did you mean 'flip'"),
    ({"some_of": {"of": [{"flip": {}, "samples": 2}]}}, "pipeline[1].of[0].samples: a step inside another one makes"),
    ({"flip": {}, "samples": 0}, "pipeline[1].samples: must be a whole number of at least 1, not 0"),
    ({"flip": {}, "if_impossible": "pass"}, "pipeline[1].if_impossible: must be 'refuse' or 'skip', not 'pass'"),
    ({"label_patch": {"size": [2, 2, 2], "weights": [1]}}, "pipeline[1].weights: must be a mapping, such as {1: 2.0"),
    (
        {"label_patch": {"size": [2, 2, 2], "weights": {1: -1}}},
        "pipeline[1].weights: must be at least 0, not {1: -1.0}",
    ),
    (
        {"label_patch": {"size": [2, 2, 2], "weights": {"LV": 1}}},
        "pipeline[1].weights: must be a whole number, not 'LV'",
    ),
    ({"downsample": {}}, "pipeline[1].downsample: missing spacing"),
    ({"downsample": None}, "pipeline[1].downsample: missing spacing"),
    ({"blur": [1]}, "pipeline[1].blur: must be a mapping of parameters to values, not [1]"),
    ({"blur": {"sigma_mm": "2"}}, "pipeline[1].sigma_mm: must be a range [low, high] or a number, not '2'"),
    ({"blur": {"sigma_mm": [1, 2, 3]}}, "pipeline[1].sigma_mm: must be a range [low, high] or a number, not [1, 2, 3]"),
    ({"blur": {"sigma_mm": [2, 1]}}, "pipeline[1].sigma_mm: must be a range [low, high] with low <= high, not [2, 1]"),
    ({"blur": {"sigma_mm": [-1, 1]}}, "pipeline[1].sigma_mm: must be at least 0, not [-1.0, 1.0]"),
    ({"gamma": {"exponent": 0}}, "pipeline[1].exponent: must be above 0, not [0.0, 0.0]"),
    ({"brightness": {"shift": [0, float("inf")]}}, "pipeline[1].shift: must be a range [low, high] or a number"),
    ({"percentile": {"high": 101}}, "pipeline[1].high: must be at least 0 and at most 100, not 101.0"),
    ({"blur": {"inside": 1}}, "pipeline[1].inside: must be a list, not 1"),
    ({"blur": {"inside": ["LV"]}}, "pipeline[1].inside: must be a whole number, not 'LV'"),
    ({"blur": {"inside": [0]}}, "pipeline[1].inside: must be at least 1, not [0]"),
    ({"random_patch": {"size": [1, 2]}}, "pipeline[1].size: must be a list of 3, not [1, 2]"),
    ({"random_patch": {"size": [1, 2, 2.5]}}, "pipeline[1].size: must be a whole number, not 2.5"),
    ({"isotropic": {"spacing": 1, "smooth": 1}}, "pipeline[1].smooth: must be true or false, not 1"),
    (
        {"downsample": {"spacing": [1, 1, 1], "profile": "sinc"}},
        "pipeline[1].profile: must be 'gaussian' or 'box', not",
    ),
    ({"flip": {}, "probability": 2}, "pipeline[1].probability: must be a number from 0 to 1, not 2"),
    (
        {"flip": {}, "probabilty": 0.5},
        "pipeline[1]: must be one augmentation with its parameters, such as 'brightness:",
    ),
    ({"flip": {}, "probabilty": 0.5}, "; did you mean 'probability'?"),
    (7, "pipeline[1]: must be one augmentation with its parameters"),
]


@pytest.mark.parametrize(("entry", "said"), PROBLEMS)
def test_what_is_wrong_is_said_with_its_place(entry: Any, said: str) -> None:
    with pytest.raises(AugmentationError) as caught:
        build(NORMALISE, entry)
    assert said in str(caught.value)


def test_all_problems_come_at_once() -> None:
    with pytest.raises(AugmentationError) as caught:
        build(*(entry for entry, _ in PROBLEMS), {"blur": {"a": 1, "sigma_mm": -1}})
    lines = str(caught.value).splitlines()
    assert lines[0] == "the pipeline will not run"
    assert len(lines) == 1 + len(PROBLEMS) + 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("blur\n", "p.yaml: not a list; write one item per line, each after '- '"),
        ("pipeline: [blur]\n", "p.yaml: not a list; write one item per line, each after '- '"),
        ("[]\n", "p.yaml: the pipeline must be a list of augmentations, not []"),
        (
            "[{blurr: {}}]\n",
            "p.yaml: the pipeline will not run\n  pipeline[0]: no augmentation is called 'blurr'",
        ),
        ("- [\n", "p.yaml, line 2: not valid YAML"),
    ],
)
def test_files_that_hold_no_pipeline(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises((AugmentationError, DocumentError)) as caught:
        Pipeline.read(path, CATALOGUE)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("entries", "given", "said"),
    [
        (["brightness"], sample, "sample 2, pipeline[0]: brightness: the image is float32 from -100 to 460, not"),
        (["flip", "brightness"], lambda: Sample(labels=LABELS), "pipeline[1]: brightness: the sample has no image"),
        ([{"islands": {"label": 1}}], lambda: Sample(image=SCAN), "pipeline[0]: islands: the sample has no label map"),
        (
            ["min_max", {"blur": {"inside": [1]}}],
            lambda: Sample(image=SCAN),
            "pipeline[1]: blur: 'inside' needs a label map, and the sample has none; give one, or leave 'inside' out",
        ),
        ([{"swap_labels": {"labels": [1, 99]}}], sample, "pipeline[0]: swap_labels: label 99 is not in the image"),
        (
            ["flip"],
            lambda: Sample(image=make(), labels=LABELS),
            "image and labels are not on the same grid: size 14 x 13 x 12, not 48 x 48 x 48; spacing",
        ),
    ],
)
def test_what_fails_on_the_way(entries: list[Any], given: Callable[[], Sample], said: str) -> None:
    with pytest.raises(AugmentationError) as caught:
        build(*entries).apply(given(), seed=1, index=2)
    assert said in str(caught.value)


def test_augmentations_of_any_plugin(tmp_path: Path) -> None:
    (tmp_path / "my_augmentations.py").write_text(
        textwrap.dedent(
            """
            from pycemrg_core.api import Augmentation, Ref, hookimpl
            from pycemrg_core.api import Sample

            def shift(sample, rng, by: int, word: str = "x"):
                return Sample(image=sample.image + by, labels=sample.labels), {"by": by, "word": word}

            def broken(sample, rng, **anything):
                raise ValueError("no more film")

            def moved(sample, rng):
                return Sample(image=sample.image[1:, :, :], labels=sample.labels), {}

            @hookimpl
            def pycemrg_augmentations():
                for name in ("shift", "broken", "moved", "flip"):
                    yield Augmentation(name=name, summary="mine", function=Ref(f"my_augmentations:{name}"))
            """
        )
    )
    catalogue = load_catalogue(local=[tmp_path / "my_augmentations.py"])
    made, drawn = Pipeline.build([{"shift": {"by": 3}}], catalogue).apply(sample(), seed=0)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(made.image), sitk.GetArrayFromImage(SCAN) + 3)
    assert drawn[0]["drawn"] == {"by": 3, "word": "x"}
    with pytest.raises(AugmentationError, match=r"pipeline\[0\]: augmentation 'flip' is provided by .* say which"):
        Pipeline.build(["flip"], catalogue)
    Pipeline.build(["augment:flip"], catalogue)
    with pytest.raises(AugmentationError, match=r"pipeline\[0\]: cannot import|has no 'flip'"):
        Pipeline.build(["my_augmentations:flip"], catalogue)
    with pytest.raises(
        AugmentationError, match=r"sample 0, pipeline\[0\]: my_augmentations:broken failed: ValueError: no"
    ):
        Pipeline.build([{"broken": {"x": 1}}], catalogue).apply(sample(), seed=0)
    with pytest.raises(
        AugmentationError, match=r"pipeline\[0\]: image and labels are not on the same grid: size 47 x 48"
    ):
        Pipeline.build(["moved"], catalogue).apply(sample(), seed=0)
