"""``pycemrg plan`` says what a run would do, or why it would not run, and writes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import HEART, contents, pycemrg, small_heart

pytestmark = pytest.mark.usefixtures("loaded_once")

RECIPES = (
    "biventricular_basic",
    "four_chamber_myocardium",
    "four_chamber_full",
    "left_atrium_with_veins",
    "right_atrium_with_veins",
    "atria_full",
)


@pytest.fixture(scope="module")
def heart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_heart(tmp_path_factory.mktemp("heart"))


@pytest.mark.slow(every=3)
@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_a_table_of_its_steps_in_80_columns(heart: Path, recipe: str) -> None:
    *table, verdict = pycemrg("plan", recipe, heart).stdout.splitlines()
    steps = json.loads(pycemrg("plan", recipe, heart, "--json").stdout)["steps"]
    assert max(map(len, table)) <= 80
    assert len(table) == len(steps) + 1
    for number, (line, step) in enumerate(zip(table[1:], steps, strict=True), 1):
        assert line.split()[:3] == [str(number), step["name"], step["step"]]
    assert recipe in verdict
    assert str(heart) in verdict
    assert f"{len(steps)} step" in verdict


def test_a_step_says_what_it_reads_and_writes_and_how_thick(heart: Path) -> None:
    result = pycemrg("plan", "four_chamber_full", heart, "--set", "RV_WT=4.5", "--json")
    plan = json.loads(result.stdout)
    step = next(step for step in plan["steps"] if step["name"] == "rv_myocardium")
    assert step["reads"] == ["RV_BP_label 3"]
    assert step["writes"] == ["RV_myo_label 103"]
    assert "4.5 mm" in step["numbers"].values()
    assert step["provider"] == "builtin"
    assert (plan["recipe"], plan["pixel_type"]) == ("four_chamber_full", "uint8")
    assert plan["image"] == str(heart)
    line = next(
        line
        for line in pycemrg("plan", "four_chamber_full", heart, "--set", "RV_WT=4.5").stdout.splitlines()
        if "rv_myocardium" in line
    )
    for part in ("RV_myo 103", "RV_BP 3", "4.5 mm"):
        assert part in line


def test_the_plan_is_what_the_run_does(tmp_path: Path, heart: Path) -> None:
    labels = tmp_path / "labels.yaml"
    labels.write_text("labels:\n  LA_myo_label: 55\n", encoding="utf-8")
    options = ["--set", "ring_thickness=3", "--labels", labels]
    plan = json.loads(pycemrg("plan", "atria_full", heart, *options, "--json").stdout)
    pycemrg("run", "atria_full", heart, *options, "-o", tmp_path / "out")
    record = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert [step["name"] for step in plan["steps"]] == [step["name"] for step in record["steps"]]
    for planned, run in zip(plan["steps"], record["steps"], strict=True):
        target = run["contract"]["target"]
        assert planned["writes"] == [f"{target['name']} {target['value']}"]
        assert f"{run['contract']['thickness_mm']:g} mm" in planned["numbers"].values()
    assert plan["pixel_type"] == record["output"]["pixel_type"]


def test_warnings_go_to_stderr_and_into_the_json(tmp_path: Path, heart: Path) -> None:
    labels = tmp_path / "labels.yaml"
    labels.write_text("labels:\n  LA_myo_label: 700\n", encoding="utf-8")
    command = ["plan", "atria_full", heart, "--labels", labels]
    result = pycemrg(*command)
    assert "700" in result.stderr
    assert "uint16" in result.stderr
    assert "note" not in result.stdout
    assert any("700" in warning for warning in json.loads(pycemrg(*command, "--json").stdout)["warnings"])


@pytest.mark.slow(every=3)
@pytest.mark.parametrize(
    "arguments",
    [
        ["four_chamber_ful", "HEART"],
        ["atria_full", "absent.nrrd"],
        ["atria_full", "HEART", "--set", "LA_WT=0.1", "--set", "nothing=2"],
        ["atria_full", "HEART", "--labels", "absent.yaml"],
        ["atria_full", "HEART", "--labels", "LABELS"],
        ["atria_full", "HEART", "--config", "absent"],
        ["atria_full", "HEART", "--plugin", "absent.py"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("as_json", [False, True])
def test_what_would_not_run_is_refused_with_the_words_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heart: Path, arguments: list[str], as_json: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    labels = "labels:\n  LA_BP_label: 40\n  SVC_lable: 3\n  RA_BP_label: 3\n  RV_BP_label: 33\n"
    Path("labels.yaml").write_text(labels, encoding="utf-8")
    names = {"HEART": str(heart), "LABELS": "labels.yaml"}
    arguments = [names.get(word, word) for word in arguments]
    before = contents(tmp_path)
    planned = pycemrg("plan", *arguments, *(["--json"] if as_json else []), code=1)
    run = pycemrg("run", *arguments, "-o", tmp_path / "out", code=1)
    assert planned.stderr == run.stderr
    assert planned.stderr.startswith("error: ")
    assert planned.stdout == ""
    assert contents(tmp_path) == before


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pycemrg("plan", "four_chamber_full", HEART)
    assert contents(tmp_path) == {}


@pytest.mark.usefixtures("terminal")
def test_a_long_name_of_a_schematic_fits_in_80_columns(tmp_path: Path, heart: Path) -> None:
    name = "the_wall_of_the_left_atrium_as_our_house_has_always_made_it_1998"
    plugin = tmp_path / "house.yaml"
    plugin.write_text(
        f"""
schematics:
  {name}:
    step: create
    labels: {{LA_BP_label: 4, LA_myo_label: 104}}
    parameters: {{LA_WT: 2}}
    semantic_map:
      SOURCE_BLOOD_POOL_NAME: LA_BP_label
      TARGET_MYOCARDIUM_NAME: LA_myo_label
      WALL_THICKNESS_PARAMETER_NAME: LA_WT
      APPLICATION_STEPS: [{{MODE: ADD, RULE_LABEL_NAMES: []}}]
recipes:
  house: {{steps: [{name}]}}
""",
        encoding="utf-8",
    )
    lines = pycemrg("plan", "house", heart, "--plugin", plugin).stdout.splitlines()[:-1]
    assert max(map(len, lines)) <= 80
    assert name[:20] in lines[1]
    assert any(name[-6:] in line for line in lines[1:])


def test_usage(heart: Path) -> None:
    assert "Usage: " in pycemrg("plan", "four_chamber_full", code=2).stderr
    assert "--set" in pycemrg("plan", "four_chamber_full", heart, "--set", "LA_WT", code=2).stderr


@pytest.mark.slow
def test_a_step_with_many_labels_is_shown_by_its_first_few() -> None:
    lines = pycemrg("plan", "four_chamber_closed", HEART).stdout.splitlines()
    (step,) = (line for line in lines if " make_manifold " in line)
    assert "LV_BP 1, RV_BP 3, LA_BP 4, RA_BP 5 and 33 more" in step
    steps = json.loads(pycemrg("plan", "four_chamber_closed", HEART, "--json").stdout)["steps"]
    assert len(steps[-1]["writes"]) == 4 + 33
