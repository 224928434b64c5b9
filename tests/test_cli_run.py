"""``pycemrg run``: what it writes is what the library computes, and it can be taken up and repeated."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import yaml
from command_line import HEART, contents, local_plugin, pycemrg, small_heart, voxels
from PIL import Image

from pycemrg_core import LabelScheme, __version__, load_catalogue, run_recipe
from pycemrg_core.errors import OutputError
from pycemrg_core.images.image_files import file_sha256, geometry, read_labels, read_volume, voxels_sha256
from pycemrg_core.recipes.planner import plan
from pycemrg_core.recipes.preparation import prepare
from pycemrg_core.recipes.runner import Resume, RunResult, run_plan
from pycemrg_core.recipes.settings import Settings
from schematics_builtin.catalogue.schematics import LABELS

pytestmark = pytest.mark.usefixtures("loaded_once")

RECIPE = "four_chamber_full"


def record_of(folder: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return record


def steps_without_seconds(folder: Path) -> list[dict[str, Any]]:
    return [{key: value for key, value in step.items() if key != "seconds"} for step in record_of(folder)["steps"]]


def changes(before: np.ndarray[Any, Any], after: np.ndarray[Any, Any]) -> dict[tuple[int, int], int]:
    differs = before != after
    pairs, counts = np.unique(np.stack([before[differs], after[differs]]), axis=1, return_counts=True)
    return {(int(old), int(new)): int(n) for (old, new), n in zip(pairs.T, counts, strict=True)}


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped heart after the main recipe, with a picture and the image after each step."""
    folder = tmp_path_factory.mktemp("heart") / "out"
    result = pycemrg("run", RECIPE, HEART, "-o", folder, "--keep-steps", "--with", "picture")
    assert str(folder) in result.stdout
    for name in ("heart.nrrd", "run.json", "slices.png"):
        assert name in result.stdout
    return folder


@pytest.fixture
def heart(tmp_path: Path) -> Path:
    return small_heart(tmp_path)


# ------------------------------------------------------------------------------------------- image and record


@pytest.mark.slow
def test_the_image_is_the_one_the_library_computes(grown: Path) -> None:
    image, _ = read_labels(HEART)
    expected = run_recipe(RECIPE, image, load_catalogue()).image
    written, _ = read_labels(grown / "heart.nrrd")
    assert geometry(written) == geometry(expected) == geometry(image)
    assert np.array_equal(sitk.GetArrayViewFromImage(written), sitk.GetArrayViewFromImage(expected))


def test_nothing_is_left_beside_the_result(grown: Path) -> None:
    assert {path.name for path in grown.iterdir()} == {"heart.nrrd", "run.json", "slices.png", "steps"}


def test_the_record_says_what_went_in_and_what_ran(grown: Path) -> None:
    record = record_of(grown)
    image, _ = read_labels(HEART)
    assert record["pycemrg"] == __version__
    assert record["recipe"] == RECIPE
    assert record["plugins"] == [{"name": "builtin", "distribution": "pycemrg-core", "version": __version__}]
    assert record["input"]["name"] == HEART.name
    assert record["input"]["sha256"] == file_sha256(HEART)
    assert {key: record["input"][key] for key in geometry(image)} == geometry(image)
    assert (grown / record["input"]["path"]).resolve() == HEART.resolve()
    assert record["output"]["voxels_sha256"] == voxels_sha256(read_labels(grown / "heart.nrrd")[0])
    assert record["labels"].items() <= LABELS.items()
    assert record["parameters"]["RV_WT"] == 3.5


def test_every_step_is_recorded_with_its_resolved_contract(grown: Path) -> None:
    steps = record_of(grown)["steps"]
    assert [step["name"] for step in steps[:3]] == ["lv_outflow", "aortic_wall", "pulmonary_artery"]
    assert len(steps) == 14
    assert all(step["seconds"] >= 0 and step["provider"] == "builtin" for step in steps)
    la_wall = next(step for step in steps if step["name"] == "la_myocardium")
    assert la_wall["step"] == "create"
    assert la_wall["contract"] == {
        "source": {"name": "LA_BP_label", "value": 4},
        "target": {"name": "LA_myo_label", "value": 104},
        "thickness_mm": 2.0,
        "application": [
            {"mode": "REPLACE_ONLY", "labels": [{"name": "RA_BP_label", "value": 5}]},
            {"mode": "REPLACE_ONLY", "labels": [{"name": "SVC_label", "value": 13}]},
        ],
        "from_surface": 0,
    }


@pytest.mark.slow
def test_the_ledger_of_each_step_is_the_true_difference_between_its_images(grown: Path) -> None:
    kept = sorted((grown / "steps").glob("*.nrrd"))
    before = voxels(HEART)
    names = {value: name for name, value in LABELS.items()} | {0: "background"}
    for step, path in zip(record_of(grown)["steps"], kept, strict=True):
        after = voxels(path)
        assert {(e["old"], e["new"]): e["voxels"] for e in step["ledger"]} == changes(before, after), step["name"]
        for entry in step["ledger"]:
            assert entry["mm3"] == entry["voxels"] * 1.0
            assert (entry["old_name"], entry["new_name"]) == (names[entry["old"]], names[entry["new"]])
        before = after


def test_the_ledgers_add_up_to_the_difference_between_input_and_result(grown: Path) -> None:
    balance: dict[int, int] = {}
    for step in record_of(grown)["steps"]:
        for entry in step["ledger"]:
            balance[entry["old"]] = balance.get(entry["old"], 0) - entry["voxels"]
            balance[entry["new"]] = balance.get(entry["new"], 0) + entry["voxels"]
    before, after = (np.bincount(voxels(path).ravel(), minlength=256) for path in (HEART, grown / "heart.nrrd"))
    true = {label: int(n) for label, n in enumerate(after.astype(int) - before) if n}
    assert {label: n for label, n in balance.items() if n} == true


@pytest.mark.slow
def test_the_ledger_counts_in_cubic_millimetres(tmp_path: Path, heart: Path) -> None:
    image = sitk.ReadImage(str(heart))
    image.SetSpacing((1.25, 1.5, 2.0))
    sitk.WriteImage(image, str(heart))
    pycemrg("run", RECIPE, heart, "-o", tmp_path / "out", "--set", "valve_WT=2.5")
    entries = [entry for step in record_of(tmp_path / "out")["steps"] for entry in step["ledger"]]
    assert entries
    assert all(entry["mm3"] == pytest.approx(entry["voxels"] * 3.75) for entry in entries)


def test_steps_that_change_nothing_are_said_and_recorded(tmp_path: Path) -> None:
    result = pycemrg("run", RECIPE, HEART, "-o", tmp_path / "out")
    idle = [step["name"] for step in record_of(tmp_path / "out")["steps"] if not step["ledger"]]
    warnings = record_of(tmp_path / "out")["warnings"]
    assert idle
    for name in idle:
        assert any(name in warning and "nothing" in warning for warning in warnings)
        assert name in result.stderr
    assert "note" not in result.stdout


def test_every_kept_step_is_there_and_the_last_is_the_result(grown: Path) -> None:
    names = sorted(path.name for path in (grown / "steps").glob("*.nrrd"))
    steps = [step["name"] for step in record_of(grown)["steps"]]
    assert names == [f"{number:02d}_{name}.nrrd" for number, name in enumerate(steps, 1)]
    assert np.array_equal(voxels(grown / "steps" / names[-1]), voxels(grown / "heart.nrrd"))


def test_no_personal_path_is_recorded(tmp_path: Path, heart: Path) -> None:
    pycemrg("run", RECIPE, heart, "-o", tmp_path / "out")
    assert record_of(tmp_path / "out")["input"]["path"] == "../small.nrrd"
    assert str(tmp_path) not in (tmp_path / "out" / "run.json").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_files_of_an_earlier_run_give_way_and_others_stay(tmp_path: Path, heart: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    pycemrg("run", RECIPE, heart, "-o", folder)
    before = voxels(folder / "heart.nrrd")
    pycemrg("run", RECIPE, heart, "-o", folder, "--set", "LA_WT=4")
    assert not np.array_equal(voxels(folder / "heart.nrrd"), before)
    assert record_of(folder)["parameters"]["LA_WT"] == 4
    assert {path.name: path.name for path in folder.iterdir()}.keys() == {"heart.nrrd", "run.json", "notes.txt"}


@pytest.mark.slow
@pytest.mark.parametrize("extension", [".nii.gz", ".nii", ".mha"])
def test_the_input_may_be_in_another_format(tmp_path: Path, heart: Path, extension: str) -> None:
    other = tmp_path / f"same{extension}"
    sitk.WriteImage(sitk.ReadImage(str(heart)), str(other))
    for path, name in ((heart, "a"), (other, "b")):
        pycemrg("run", "biventricular_basic", path, "-o", tmp_path / name)
    assert np.array_equal(voxels(tmp_path / "a" / "heart.nrrd"), voxels(tmp_path / "b" / "heart.nrrd"))


# --------------------------------------------------------------------------------------------------- settings


@pytest.mark.slow
def test_set_changes_a_thickness(tmp_path: Path, heart: Path) -> None:
    thick = {"LA_WT": 3.0, "valve_WT": 2.5}
    options = [word for name, value in thick.items() for word in ("--set", f"{name}={value}")]
    pycemrg("run", RECIPE, heart, "-o", tmp_path / "out", *options)
    catalogue, (image, _) = load_catalogue(), read_labels(heart)
    expected = sitk.GetArrayFromImage(run_recipe(RECIPE, image, catalogue, parameters=thick).image)
    usual = sitk.GetArrayFromImage(run_recipe(RECIPE, image, catalogue).image)
    assert np.array_equal(voxels(tmp_path / "out" / "heart.nrrd"), expected)
    assert not np.array_equal(expected, usual)
    assert record_of(tmp_path / "out")["parameters"].items() >= thick.items()


@pytest.mark.slow(every=2)
@pytest.mark.parametrize("recipe", ["four_chamber_full", "atria_full"])
def test_other_integers_give_the_same_anatomy(tmp_path: Path, heart: Path, recipe: str) -> None:
    """Every label gets another's integer, and the image is renumbered likewise: only the numbers differ."""
    values = list(LABELS.values())
    shuffled = np.random.default_rng(3).permutation(values).tolist()
    assert shuffled != values
    table = np.zeros(256, np.uint8)
    table[values] = shuffled
    image = sitk.ReadImage(str(heart))
    renumbered = sitk.GetImageFromArray(table[sitk.GetArrayViewFromImage(image)])
    renumbered.CopyInformation(image)
    sitk.WriteImage(renumbered, str(tmp_path / "other.nrrd"))
    mine = dict(zip(LABELS, shuffled, strict=True))
    (tmp_path / "labels.yaml").write_text(yaml.safe_dump({"labels": mine}), encoding="utf-8")
    pycemrg("run", recipe, heart, "-o", tmp_path / "a")
    pycemrg("run", recipe, tmp_path / "other.nrrd", "-o", tmp_path / "b", "--labels", tmp_path / "labels.yaml")
    assert np.array_equal(table[voxels(tmp_path / "a" / "heart.nrrd")], voxels(tmp_path / "b" / "heart.nrrd"))
    assert record_of(tmp_path / "b")["labels"].items() <= mine.items()


def test_labels_of_a_file_apply_to_the_names_it_holds(tmp_path: Path, heart: Path) -> None:
    (tmp_path / "labels.yaml").write_text("labels:\n  LA_myo_label: 55\n", encoding="utf-8")
    pycemrg("run", RECIPE, heart, "-o", tmp_path / "a")
    pycemrg("run", RECIPE, heart, "-o", tmp_path / "b", "--labels", tmp_path / "labels.yaml")
    expected = voxels(tmp_path / "a" / "heart.nrrd")
    expected[expected == 104] = 55
    assert np.array_equal(voxels(tmp_path / "b" / "heart.nrrd"), expected)


def test_an_integer_too_large_for_the_pixels_widens_them(tmp_path: Path, heart: Path) -> None:
    (tmp_path / "labels.yaml").write_text("labels:\n  LA_myo_label: 1104\n", encoding="utf-8")
    result = pycemrg("run", RECIPE, heart, "-o", tmp_path / "a", "--labels", tmp_path / "labels.yaml")
    assert "1104" in result.stderr
    assert "uint16" in result.stderr
    found = voxels(tmp_path / "a" / "heart.nrrd")
    assert found.dtype == np.uint16
    assert 1104 in found


# ------------------------------------------------------------------------------------------------- taking up


def forget_steps_after(folder: Path, count: int) -> None:
    """What a run leaves that was killed after this many steps."""
    for file in (path for path in folder.iterdir() if path.is_file()):
        file.unlink()
    for path in sorted((folder / "steps").glob("*.nrrd"))[count:]:
        path.unlink()
    progress = json.loads((folder / "steps" / "progress.json").read_text(encoding="utf-8"))
    progress["steps"] = progress["steps"][:count]
    (folder / "steps" / "progress.json").write_text(json.dumps(progress), encoding="utf-8")


@pytest.fixture(scope="module")
def atria(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small heart, and an undisturbed run with rings so thick that they take from each other."""
    folder = tmp_path_factory.mktemp("atria")
    heart = small_heart(folder, size=64)
    pycemrg("run", "atria_full", heart, "-o", folder / "whole", "--keep-steps", "--set", "ring_thickness=5")
    return heart, folder / "whole"


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small heart, ``small.nrrd``, and in ``out`` what a run left that stopped after step 5."""
    folder = tmp_path_factory.mktemp("stopped")
    pycemrg("run", RECIPE, small_heart(folder), "-o", folder / "out", "--keep-steps")
    forget_steps_after(folder / "out", 5)
    return folder


@pytest.mark.slow(every=12)
@pytest.mark.parametrize("done", range(10))
def test_a_run_taken_up_ends_like_one_undisturbed(tmp_path: Path, atria: tuple[Path, Path], done: int) -> None:
    heart, whole = atria
    shutil.copytree(whole, tmp_path / "out")
    forget_steps_after(tmp_path / "out", done)
    # Steps that are done are not done again: the input of a later one is what was kept.
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out" / "steps").glob("*.nrrd")}
    assert len(kept) == done
    pycemrg("run", "atria_full", heart, "-o", tmp_path / "out", "--resume", "--set", "ring_thickness=5")
    assert np.array_equal(voxels(tmp_path / "out" / "heart.nrrd"), voxels(whole / "heart.nrrd"))
    assert steps_without_seconds(tmp_path / "out") == steps_without_seconds(whole)
    assert record_of(tmp_path / "out")["warnings"] == record_of(whole)["warnings"]
    for name, time in kept.items():
        assert (tmp_path / "out" / "steps" / name).stat().st_mtime_ns == time
    assert len(list((tmp_path / "out" / "steps").glob("*.nrrd"))) == 9


def test_the_rings_of_that_run_depend_on_the_image_before_them(atria: tuple[Path, Path]) -> None:
    """Else the test above would not notice a reference that is lost."""
    heart, whole = atria
    image, _ = read_volume(heart)
    catalogue, settings = load_catalogue(), Settings(parameters={"ring_thickness": 5.0})
    prepared = prepare(image, catalogue, settings)
    planned = plan("atria_full", catalogue, prepared.facts, settings)
    *_, result = run_plan(planned, prepared)
    assert isinstance(result, RunResult)
    kept = sorted((whole / "steps").glob("*.nrrd"))
    lost = Resume(result.record.steps[:4], read_volume(kept[3])[0])
    *_, other = run_plan(planned, prepared, resume=lost)
    assert isinstance(other, RunResult)
    assert not np.array_equal(sitk.GetArrayFromImage(other.image), voxels(whole / "heart.nrrd"))


@pytest.mark.slow
def test_the_shipped_heart_is_taken_up_in_the_middle(tmp_path: Path, grown: Path) -> None:
    shutil.copytree(grown, tmp_path / "out")
    forget_steps_after(tmp_path / "out", 7)
    pycemrg("run", RECIPE, HEART, "-o", tmp_path / "out", "--resume")
    assert np.array_equal(voxels(tmp_path / "out" / "heart.nrrd"), voxels(grown / "heart.nrrd"))


@pytest.mark.slow
def test_a_run_that_crashed_is_taken_up(tmp_path: Path, heart: Path) -> None:
    steps = "include('left_atrium_with_veins'), 'paint', include('right_atrium_with_veins')"
    body = f"""
        if not Path({str(tmp_path / "mended")!r}).exists():
            raise RuntimeError("the light went out")
        return paint(volume, contract)
    """
    plugin = local_plugin(tmp_path, body, steps=steps)
    command = ["run", "mine", heart, "-o", tmp_path / "out", "--plugin", plugin]
    pycemrg(*command, "--keep-steps", code=1)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"steps"}
    (tmp_path / "mended").touch()
    pycemrg(*command, "--resume")
    pycemrg("run", "mine", heart, "-o", tmp_path / "whole", "--plugin", plugin)
    assert np.array_equal(voxels(tmp_path / "out" / "heart.nrrd"), voxels(tmp_path / "whole" / "heart.nrrd"))
    assert steps_without_seconds(tmp_path / "out") == steps_without_seconds(tmp_path / "whole")


@pytest.mark.slow
def test_resume_without_anything_kept_is_an_ordinary_run(tmp_path: Path, heart: Path) -> None:
    pycemrg("run", RECIPE, heart, "-o", tmp_path / "a", "--resume")
    pycemrg("run", RECIPE, heart, "-o", tmp_path / "b")
    assert np.array_equal(voxels(tmp_path / "a" / "heart.nrrd"), voxels(tmp_path / "b" / "heart.nrrd"))


@pytest.mark.slow(every=6)
@pytest.mark.parametrize(
    "options", [["--set", "LA_WT=4"], ["--labels", "LABELS"], ["IMAGE"], ["RECIPE"]], ids=lambda words: words[0]
)
def test_resume_is_refused_when_anything_differs(tmp_path: Path, stopped: Path, options: list[str]) -> None:
    folder = stopped / "out"
    before = contents(folder)
    (tmp_path / "labels.yaml").write_text("labels:\n  LA_myo_label: 55\n", encoding="utf-8")
    recipe, image = RECIPE, stopped / "small.nrrd"
    if options == ["RECIPE"]:
        recipe, options = "four_chamber_myocardium", []
    elif options == ["IMAGE"]:
        image, options = small_heart(tmp_path, "other.nrrd", size=52), []
    options = [str(tmp_path / "labels.yaml") if word == "LABELS" else word for word in options]
    result = pycemrg("run", recipe, image, "-o", folder, "--resume", *options, code=1)
    assert str(folder / "steps") in result.stderr
    assert "cannot be resumed" in result.stderr
    assert "without --resume" in result.stderr
    assert contents(folder) == before


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("damage", ["cut", "no steps", "a hole"])
def test_resume_with_a_damaged_progress_file_says_how_to_go_on(tmp_path: Path, stopped: Path, damage: str) -> None:
    shutil.copytree(stopped / "out", tmp_path / "out")
    progress = tmp_path / "out" / "steps" / "progress.json"
    text = progress.read_text(encoding="utf-8")
    data = json.loads(text)
    damaged = {
        "cut": text[:200],
        "no steps": json.dumps({"run": data["run"]}),
        "a hole": json.dumps({**data, "steps": [{}, *data["steps"][1:]]}),
    }
    progress.write_text(damaged[damage], encoding="utf-8")
    result = pycemrg("run", RECIPE, stopped / "small.nrrd", "-o", tmp_path / "out", "--resume", code=1)
    assert str(progress) in result.stderr
    assert "without --resume" in result.stderr


@pytest.mark.parametrize("lost", [3, 5])
def test_resume_with_a_kept_image_missing_says_how_to_go_on(
    tmp_path: Path, atria: tuple[Path, Path], lost: int
) -> None:
    heart, whole = atria
    shutil.copytree(whole, tmp_path / "out")
    forget_steps_after(tmp_path / "out", 5)
    image = sorted((tmp_path / "out" / "steps").glob("*.nrrd"))[lost - 1]
    image.unlink()
    command = ["run", "atria_full", heart, "-o", tmp_path / "out", "--resume", "--set", "ring_thickness=5"]
    if lost == 5:  # the image to go on from
        result = pycemrg(*command, code=1)
        assert str(image) in result.stderr
        assert "without --resume" in result.stderr
    else:  # one that nothing needs any more
        pycemrg(*command)
        assert np.array_equal(voxels(tmp_path / "out" / "heart.nrrd"), voxels(whole / "heart.nrrd"))


# -------------------------------------------------------------------------------------------------- once more


def test_again_is_bit_identical(tmp_path: Path, grown: Path) -> None:
    result = pycemrg("run", "--again", grown / "run.json", "-o", tmp_path / "twice")
    assert "every voxel" in result.stdout
    assert (tmp_path / "twice" / "heart.nrrd").read_bytes() == (grown / "heart.nrrd").read_bytes()
    assert steps_without_seconds(tmp_path / "twice") == steps_without_seconds(grown)
    for key in ("recipe", "labels", "parameters", "plugins", "output", "warnings", "pycemrg"):
        assert record_of(tmp_path / "twice")[key] == record_of(grown)[key], key


def test_again_keeps_settings_and_has_a_folder_of_its_own(tmp_path: Path, heart: Path) -> None:
    (tmp_path / "labels.yaml").write_text("labels:\n  LA_myo_label: 55\n", encoding="utf-8")
    labels = ["--labels", tmp_path / "labels.yaml"]
    pycemrg("run", RECIPE, heart, "-o", tmp_path / "out", "--set", "LA_WT=3", *labels)
    (tmp_path / "labels.yaml").unlink()
    before = contents(tmp_path / "out")
    result = pycemrg("run", "--again", tmp_path / "out" / "run.json")
    assert "out_again" in result.stdout
    assert contents(tmp_path / "out") == before
    again = tmp_path / "out_again"
    assert (again / "heart.nrrd").read_bytes() == (tmp_path / "out" / "heart.nrrd").read_bytes()
    pycemrg("run", "--again", again / "run.json", "-o", tmp_path / "third")
    assert (tmp_path / "third" / "heart.nrrd").read_bytes() == (again / "heart.nrrd").read_bytes()


def test_again_finds_an_input_that_moved_with_its_result(tmp_path: Path) -> None:
    (tmp_path / "case").mkdir()
    heart = small_heart(tmp_path / "case")
    pycemrg("run", RECIPE, heart, "-o", tmp_path / "case" / "out")
    (tmp_path / "case").rename(tmp_path / "elsewhere")
    pycemrg("run", "--again", tmp_path / "elsewhere" / "out" / "run.json", "-o", tmp_path / "twice")


def test_again_with_the_input_elsewhere_takes_it_as_an_argument(tmp_path: Path, heart: Path) -> None:
    pycemrg("run", RECIPE, heart, "-o", tmp_path / "out")
    heart.rename(tmp_path / "moved.nrrd")
    record = tmp_path / "out" / "run.json"
    result = pycemrg("run", "--again", record, "-o", tmp_path / "twice", code=1)
    assert "small.nrrd: no such file" in result.stderr
    assert not (tmp_path / "twice").exists()
    pycemrg("run", "--again", record, tmp_path / "moved.nrrd", "-o", tmp_path / "twice")
    assert (tmp_path / "twice" / "heart.nrrd").read_bytes() == (tmp_path / "out" / "heart.nrrd").read_bytes()


def test_again_is_refused_for_another_image(tmp_path: Path, heart: Path) -> None:
    pycemrg("run", RECIPE, heart, "-o", tmp_path / "out")
    small_heart(tmp_path, size=50)
    result = pycemrg("run", "--again", tmp_path / "out" / "run.json", "-o", tmp_path / "twice", code=1)
    assert "small.nrrd" in result.stderr
    assert "SHA-256" in result.stderr
    assert not (tmp_path / "twice").exists()


def test_again_is_refused_for_another_version_unless_allowed(tmp_path: Path, heart: Path) -> None:
    pycemrg("run", RECIPE, heart, "-o", tmp_path / "out")
    record = record_of(tmp_path / "out")
    record["plugins"][0]["version"] = "0.0.9"
    (tmp_path / "out" / "run.json").write_text(json.dumps(record), encoding="utf-8")
    command = ["run", "--again", tmp_path / "out" / "run.json", "-o", tmp_path / "twice"]
    result = pycemrg(*command, code=1)
    for part in ("builtin", "pycemrg-core 0.0.9", f"pycemrg-core {__version__}", "--any-version"):
        assert part in result.stderr
    assert not (tmp_path / "twice").exists()
    pycemrg(*command, "--any-version")
    assert (tmp_path / "twice" / "heart.nrrd").read_bytes() == (tmp_path / "out" / "heart.nrrd").read_bytes()


def test_again_with_a_local_plugin_asks_for_it(tmp_path: Path, heart: Path) -> None:
    plugin = local_plugin(tmp_path, "return paint(volume, contract)")
    pycemrg("run", "mine", heart, "-o", tmp_path / "out", "--plugin", plugin)
    command = ["run", "--again", tmp_path / "out" / "run.json", "-o", tmp_path / "twice"]
    result = pycemrg(*command, code=1)
    assert plugin.stem in result.stderr
    assert "--plugin" in result.stderr
    pycemrg(*command, "--plugin", plugin)
    assert (tmp_path / "twice" / "heart.nrrd").read_bytes() == (tmp_path / "out" / "heart.nrrd").read_bytes()
    assert record_of(tmp_path / "twice")["plugins"] == record_of(tmp_path / "out")["plugins"]


@pytest.mark.slow
def test_a_local_plugin_that_was_edited_is_another_version(tmp_path: Path, heart: Path) -> None:
    plugin = tmp_path / "edited.yaml"
    plugin.write_text("recipes:\n  house: {steps: [la_myocardium, ra_myocardium]}\n", encoding="utf-8")
    before = hashlib.sha256(plugin.read_bytes()).hexdigest()[:12]
    command = ["run", "house", heart, "-o", tmp_path / "out", "--plugin", plugin, "--keep-steps"]
    pycemrg(*command)
    pycemrg(*command, "--resume")
    plugin.write_text(plugin.read_text(encoding="utf-8") + "# a word more\n", encoding="utf-8")
    after = hashlib.sha256(plugin.read_bytes()).hexdigest()[:12]
    assert "from another image, recipe, setting or plugin version" in pycemrg(*command, "--resume", code=1).stderr
    again = ["run", "--again", tmp_path / "out" / "run.json", "-o", tmp_path / "twice", "--plugin", plugin]
    assert (
        f"plugin edited was local file {before} and is local file {after};"
        " give the earlier version of the file, or allow it with --any-version"
    ) in pycemrg(*again, code=1).stderr
    pycemrg(*again, "--any-version")


@pytest.mark.slow
def test_steps_of_an_earlier_longer_run_are_removed(tmp_path: Path, heart: Path) -> None:
    pycemrg("run", "atria_full", heart, "-o", tmp_path / "out", "--keep-steps", "--set", "ring_thickness=5")
    (tmp_path / "out" / "steps" / "mine.txt").write_text("a note", encoding="utf-8")
    pycemrg("run", "left_atrium_with_veins", heart, "-o", tmp_path / "out", "--keep-steps", "--set", "ring_thickness=4")
    pycemrg("run", "left_atrium_with_veins", heart, "-o", tmp_path / "new", "--keep-steps", "--set", "ring_thickness=4")
    kept, fresh = ({path.name for path in (tmp_path / name / "steps").iterdir()} for name in ("out", "new"))
    assert kept == fresh | {"mine.txt"}


def test_again_remembers_who_provided_recipe_and_schematics(tmp_path: Path, heart: Path) -> None:
    plugin = tmp_path / "house.yaml"
    plugin.write_text("recipes:\n  house: {steps: [la_myocardium]}\n", encoding="utf-8")
    pycemrg("run", "house", heart, "-o", tmp_path / "out", "--plugin", plugin)
    pycemrg("run", "--again", tmp_path / "out" / "run.json", "-o", tmp_path / "twice", "--plugin", plugin)
    assert record_of(tmp_path / "twice")["plugins"] == record_of(tmp_path / "out")["plugins"]


def test_again_says_so_when_a_plugin_changed_its_mind(tmp_path: Path, heart: Path) -> None:
    switch = tmp_path / "switch"
    body = f"""
        edits = paint(volume, contract)
        return [] if Path({str(switch)!r}).exists() else edits
    """
    plugin = local_plugin(tmp_path, body)
    pycemrg("run", "mine", heart, "-o", tmp_path / "out", "--plugin", plugin)
    switch.touch()
    record = tmp_path / "out" / "run.json"
    result = pycemrg("run", "--again", record, "-o", tmp_path / "b", "--plugin", plugin, code=1)
    assert "differs" in result.stderr
    assert str(record) in result.stderr
    assert "every voxel" not in result.stdout


# ------------------------------------------------------------------------------------------- picture and demo


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour.removeprefix("#")))


@pytest.mark.slow
def test_the_picture_shows_each_structure_in_the_colour_of_its_scheme(grown: Path) -> None:
    colour = load_catalogue().get(LabelScheme, "cemrg").colours
    names = {value: name for name, value in LABELS.items()}
    shown = [names[int(label)] for label in np.unique(voxels(grown / "heart.nrrd")) if label]
    with Image.open(grown / "slices.png") as picture:
        assert picture.format == "PNG"
        assert picture.mode == "RGB"
        assert 900 < picture.width < 2000
        assert 700 < picture.height < 2000
        pixels = np.asarray(picture)
    colours, counts = np.unique(pixels.astype(int) @ (65536, 256, 1), return_counts=True)
    drawn = {(*divmod(found // 256, 256), found % 256): n for found, n in zip(colours.tolist(), counts, strict=True)}
    # The legend shows all labels of the result, each in a swatch of some 13 x 13 pixels.
    assert all(drawn.get(rgb(colour[name]), 0) > 100 for name in shown)
    # Walls and valves are made by the run: they are below the middle only, blood pools in both halves.
    halves = pixels[: pixels.shape[0] // 2 - 30], pixels[pixels.shape[0] // 2 - 30 :]
    amounts = [{name: int((half == rgb(colour[name])).all(axis=-1).sum()) for name in shown} for half in halves]
    for name in ("LV_BP_label", "RV_BP_label", "LA_BP_label", "RA_BP_label"):
        assert min(amounts[0][name], amounts[1][name]) > 1000, name
    for name in ("RV_myo_label", "LA_myo_label", "RA_myo_label", "MV_label"):
        assert amounts[0][name] == 0, name
        assert amounts[1][name] > 300, name


@pytest.mark.slow
def test_the_picture_is_a_radiologists_view(tmp_path: Path) -> None:
    """Patient's left on the right, superior up, anterior up or left, whichever way the voxels lie in the file."""
    array = np.full((40, 40, 40), LABELS["LV_BP_label"], np.uint8)  # right, in LPS as all below
    array[:, :, 20:] = LABELS["RV_BP_label"]  # left
    array[:, :10] = LABELS["LA_BP_label"]  # anterior
    array[30:] = LABELS["RA_BP_label"]  # superior
    image = sitk.GetImageFromArray(array)
    plugin = local_plugin(tmp_path, "return []", steps="'paint'")
    pages = []
    for orientation in ("LPS", "RAI", "SAR"):
        path = tmp_path / f"{orientation}.nrrd"
        sitk.WriteImage(sitk.DICOMOrient(image, orientation), str(path))
        pycemrg(
            "run", "mine", path, "-o", tmp_path / orientation, "--with", "picture", "--no-check", "--plugin", plugin
        )
        with Image.open(tmp_path / orientation / "slices.png") as picture:
            pages.append(np.asarray(picture))
    assert np.array_equal(pages[0], pages[1])
    assert np.array_equal(pages[0], pages[2])
    colour = load_catalogue().get(LabelScheme, "cemrg").colours
    name_of = {rgb(colour[name]): name for name in ("LV_BP_label", "RV_BP_label", "LA_BP_label", "RA_BP_label")}
    axial, coronal, sagittal = (slice(left, left + 340) for left in (24, 378, 732))
    tiles = [pages[0][52 : 52 + 340, columns] for columns in (axial, coronal, sagittal)]
    top, bottom_left, bottom_right = (20, 170), (320, 100), (320, 250)
    shown = [[name_of[tuple(tile[place].tolist())] for place in (top, bottom_left, bottom_right)] for tile in tiles]
    assert shown[0] == ["LA_BP_label", "LV_BP_label", "RV_BP_label"]
    assert shown[1] == ["RA_BP_label", "LV_BP_label", "RV_BP_label"]
    assert shown[2] == ["RA_BP_label", "LV_BP_label", "LV_BP_label"]
    assert name_of[tuple(tiles[2][320, 20].tolist())] == "LA_BP_label"


@pytest.mark.slow
def test_demo_closes_the_shipped_heart_and_draws_it(tmp_path: Path) -> None:
    result = pycemrg("--no-plugins", "demo", "-o", tmp_path / "demo")
    written = {path.name for path in (tmp_path / "demo").iterdir()}
    assert written == {"certificate.json", "heart.nrrd", "input.nrrd", "run.json", "slices.png"}
    assert (tmp_path / "demo" / "input.nrrd").read_bytes() == HEART.read_bytes()
    assert record_of(tmp_path / "demo")["input"]["path"] == "input.nrrd"
    assert "certificate: PASS: closed: LV, RV, LA, RA; open: Ao, PArt at their ends\n" in result.stdout
    assert result.stdout.splitlines()[-2:] == [
        f"next: open {tmp_path / 'demo' / 'slices.png'}; the plugin pycemrg-report adds a page with the heart in 3-D",
        "your own heart: pycemrg plan four_chamber_closed my_heart.nrrd;"
        " pycemrg run four_chamber_closed my_heart.nrrd -o out",
    ]
    for part in ("Rodero", "CC BY 4.0"):
        assert part in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["demo", "deep/demo"])
def test_a_demo_that_fails_leaves_nothing_behind(tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused, because the plugin of the recipe is blocked; and failed, because the disk is full."""
    with monkeypatch.context() as patch:
        patch.setenv("PYCEMRG_PLUGINS", "demo,-builtin")
        refused = pycemrg("demo", "-o", tmp_path / folder, code=1)
    assert "four_chamber_closed" in refused.stderr
    assert list(tmp_path.iterdir()) == []

    def full(*_: object, **__: object) -> None:
        raise OutputError("no space left")

    monkeypatch.setattr("pycemrg_core.runs.results.write_result", full)
    assert "no space left" in pycemrg("--no-plugins", "demo", "-o", tmp_path / folder, code=1).stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_demo_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pycemrg("--no-plugins", "demo")
    assert (tmp_path / "pycemrg_demo" / "slices.png").is_file()


@pytest.mark.slow
def test_python_m_pycemrg_core_is_the_same_command(tmp_path: Path, heart: Path) -> None:
    command = [sys.executable, "-m", "pycemrg_core", "run", RECIPE, "small.nrrd", "-o", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "out: heart.nrrd and run.json written" in done.stdout
    assert "note: " not in done.stdout
    # Quiet in a pipe: what is on stderr is notes.
    assert all(line.startswith("note: ") for line in done.stderr.splitlines())
    pycemrg("run", RECIPE, heart, "-o", tmp_path / "b")
    assert (tmp_path / "out" / "heart.nrrd").read_bytes() == (tmp_path / "b" / "heart.nrrd").read_bytes()
