"""The step ``repair``: what ``pycemrg repair`` does, at the end of a run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from command_line import HEART, pycemrg, small_heart, voxels

pytestmark = pytest.mark.usefixtures("loaded_once")

RECIPE = "four_chamber_full"


@pytest.fixture(scope="module")
def repaired(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the real heart that ends with a repair, with the image after each step."""
    folder = tmp_path_factory.mktemp("repaired") / "out"
    result = pycemrg(
        "run", RECIPE, HEART, "-o", folder, "--then", "repair", "--with", "certificate", "--keep-steps", "--no-plugins"
    )
    assert "certificate: PASS: left open by the recipe: LA, RA; closed: LV, RV, Ao, PArt\n" in result.stdout
    return folder


def record(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.slow
def test_it_does_what_the_command_does(repaired: Path, tmp_path: Path) -> None:
    before = repaired / "steps" / "14_pulmonary_valve.nrrd"
    pycemrg("repair", before, "-o", tmp_path / "by_command.nrrd", "--recipe", RECIPE)
    assert np.array_equal(voxels(repaired / "heart.nrrd"), voxels(tmp_path / "by_command.nrrd"))


@pytest.mark.slow
def test_it_stands_in_the_record_and_runs_again(repaired: Path, tmp_path: Path) -> None:
    said = record(repaired)
    assert (said["recipe"], said["then"]) == (RECIPE, ["repair"])
    last = said["steps"][-1]
    assert (last["name"], last["step"], last["provider"]) == ("repair", "repair", "certificate")
    rules = {entry["part"] for entry in last["ledger"]}
    assert rules <= {"leak between lumens", "wall", "loose components", "enclosed background", "edge contact"}
    assert {"enclosed background", "edge contact"} <= rules
    assert all("part" not in entry for step in said["steps"][:-1] for entry in step["ledger"])
    assert said["parameters"]["repair_limit"] == 2.0
    result = pycemrg("run", "--again", repaired / "run.json", "-o", tmp_path / "again", "--with", "certificate")
    assert "every voxel is the same as in" in result.stdout
    assert (tmp_path / "again" / "certificate.json").read_bytes() == (repaired / "certificate.json").read_bytes()
    # Without another word about the recipe: what the heart was to be is in the record.
    assert record(tmp_path / "again")["blueprint"] == said["blueprint"]


@pytest.mark.slow
def test_it_can_be_resumed(repaired: Path, tmp_path: Path) -> None:
    shutil.copytree(repaired, tmp_path / "out")
    progress = tmp_path / "out" / "steps" / "progress.json"
    data = json.loads(progress.read_text(encoding="utf-8"))
    progress.write_text(json.dumps({**data, "steps": data["steps"][:14]}), encoding="utf-8")
    (tmp_path / "out" / "heart.nrrd").unlink()
    pycemrg("run", RECIPE, HEART, "-o", tmp_path / "out", "--then", "repair", "--resume", "--no-plugins")
    assert np.array_equal(voxels(repaired / "heart.nrrd"), voxels(tmp_path / "out" / "heart.nrrd"))
    refused = pycemrg("run", RECIPE, HEART, "-o", tmp_path / "out", "--resume", "--no-plugins", code=1)
    assert "its steps come from another image, recipe" in refused.stderr


@pytest.mark.slow
def test_its_limit_is_a_parameter(tmp_path: Path) -> None:
    heart = small_heart(tmp_path)
    command = ("run", RECIPE, heart, "-o", tmp_path / "out", "--then", "repair", "--no-check")
    pycemrg(*command, "--set", "repair_limit=0")
    before, after = voxels(heart), voxels(tmp_path / "out" / "heart.nrrd")
    plain = tmp_path / "plain"
    pycemrg("run", RECIPE, heart, "-o", plain, "--no-check")
    grown = voxels(plain / "heart.nrrd")
    for label in np.unique(before)[1:8]:
        if label != 2:  # blood
            assert np.array_equal(grown == label, after == label)
    for limit in ("101", "-1"):
        refused = pycemrg(*command, "--set", f"repair_limit={limit}", code=1).stderr
        planned = pycemrg(
            "plan", *command[1:3], "--then", "repair", "--no-check", "--set", f"repair_limit={limit}", code=1
        )
        for said in (refused, planned.stdout + planned.stderr):
            assert f"repair_limit is {limit} %; give a number from 0 to 100" in said


@pytest.mark.slow
def test_gaps_and_welds_are_parameters(tmp_path: Path) -> None:
    heart = small_heart(tmp_path)
    command = ("run", RECIPE, heart, "-o", tmp_path / "out", "--then", "repair", "--no-check")
    # Voxels of 1.6 mm: gaps of one voxel.
    pycemrg(*command, "--set", "repair_gap=3.2", "--set", "repair_weld=1")
    (last,) = (step for step in record(tmp_path / "out")["steps"] if step["name"] == "repair")
    assert {"narrow gap", "weld"} <= {entry["part"] for entry in last["ledger"]}
    pycemrg(*command[:3], "-o", tmp_path / "grown", "--no-check")
    by_command = ("repair", tmp_path / "grown" / "heart.nrrd", "-o", tmp_path / "by_command.nrrd", "--recipe", RECIPE)
    pycemrg(*by_command, "--gap", "3.2", "--weld")
    ours, theirs = voxels(tmp_path / "out" / "heart.nrrd"), voxels(tmp_path / "by_command.nrrd")
    assert np.array_equal(ours, theirs)
    refused = pycemrg(*command, "--set", "repair_gap=21", code=1).stderr
    assert "repair_gap is 21 mm; give a number from 0 to 20" in refused
    refused = pycemrg(*command, "--set", "repair_weld=2", code=1).stderr
    assert "repair_weld is 2.0; it must be one of 0, 1" in refused


def test_a_heart_at_the_border_is_told_of(tmp_path: Path) -> None:
    image = sitk.ReadImage(str(small_heart(tmp_path)))
    low = int(np.argwhere(sitk.GetArrayFromImage(image))[:, 0].min())
    sitk.WriteImage(image[:, :, low:], str(tmp_path / "cut.nrrd"))
    command = (
        "run",
        RECIPE,
        tmp_path / "cut.nrrd",
        "-o",
        tmp_path / "out",
        "--then",
        "repair",
        "--no-check",
        "--no-pad",
    )
    note = "repair: the heart touches the border of the image, and a step cannot enlarge the image"
    assert f"note: {note}" in pycemrg(*command).stderr
    assert any(text.startswith(note) for text in record(tmp_path / "out")["warnings"])
    assert record(tmp_path / "out")["steps"][-1]["notes"]


@pytest.mark.slow
def test_any_schematic_can_follow_any_recipe_in_plan_and_run(tmp_path: Path) -> None:
    heart = small_heart(tmp_path)
    command = (heart, "--then", "la_myocardium", "--then", "repair", "--no-check")
    planned = json.loads(pycemrg("plan", "biventricular_basic", *command, "--json").stdout)
    assert [step["name"] for step in planned["steps"]][-2:] == ["la_myocardium", "repair"]
    pycemrg("run", "biventricular_basic", *command, "-o", tmp_path / "out")
    assert [step["name"] for step in record(tmp_path / "out")["steps"]][-2:] == ["la_myocardium", "repair"]
    refused = pycemrg("plan", "biventricular_basic", heart, "--then", "repiar", "--no-check", code=1).stderr
    assert "no schematic is called 'repiar'; did you mean 'repair'" in refused
