"""``pycemrg init`` and ``--config``: what is written is read back, and folders of the field load as they are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from command_line import HEART, contents, local_plugin, pycemrg, small_heart, voxels

from pycemrg_core import Recipe, Schematic, load_catalogue
from pycemrg_core.recipes.flatten import flatten
from schematics_builtin.catalogue.schematics import LABELS, PARAMETERS

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


def grown(folder: Path, *arguments: object) -> np.ndarray[Any, Any]:
    pycemrg("run", *arguments, "-o", folder)
    return voxels(folder / "heart.nrrd")


def put(path: Path, data: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data, indent=4), encoding="utf-8")


# ----------------------------------------------------------------------------------------------------- writing


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_the_folder_of_every_recipe_gives_the_same_voxels(tmp_path: Path, heart: Path, recipe: str) -> None:
    config = tmp_path / "config"
    result = pycemrg("init", config, "--recipe", recipe)
    assert str(config) in result.stdout
    assert f"run {recipe}" in result.stdout
    catalogue = load_catalogue()
    names = {step.schematic for step in flatten(catalogue.get(Recipe, recipe), catalogue)}
    files = {"labels.yaml", "parameters.json", "run.py", *(f"semantic_maps/{name}.json" for name in names)}
    assert contents(config).keys() == {*files, "semantic_maps"}
    labels = yaml.safe_load((config / "labels.yaml").read_text(encoding="utf-8"))["labels"]
    assert labels.items() <= LABELS.items()
    parameters = json.loads((config / "parameters.json").read_text(encoding="utf-8"))
    assert parameters.items() <= PARAMETERS.items()
    for name in names:
        written = json.loads((config / "semantic_maps" / f"{name}.json").read_text(encoding="utf-8"))
        assert written == dict(catalogue.get(Schematic, name).semantic_map)
    with_config = grown(tmp_path / "a", recipe, heart, "--config", config)
    assert np.array_equal(with_config, grown(tmp_path / "b", recipe, heart))


def run_script(script: Path, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(script), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.slow
def test_the_script_runs_the_recipe_with_the_folder(tmp_path: Path) -> None:
    config = tmp_path / "my config"
    pycemrg("init", config, "--recipe", "four_chamber_full")
    put(config / "parameters.json", {**PARAMETERS, "LA_WT": 4.0})
    done = run_script(config / "run.py", HEART, "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    expected = grown(tmp_path / "b", "four_chamber_full", HEART, "--set", "LA_WT=4")
    assert np.array_equal(voxels(tmp_path / "out" / "heart.nrrd"), expected)


@pytest.mark.slow
def test_the_script_says_how_it_is_used_and_passes_refusals_on(tmp_path: Path) -> None:
    pycemrg("init", tmp_path / "config", "--recipe", "atria_full")
    script = tmp_path / "config" / "run.py"
    done = run_script(script, cwd=tmp_path)
    assert done.returncode == 1
    assert "python run.py IMAGE OUTPUT_FOLDER" in done.stderr
    done = run_script(script, "absent.nrrd", "out", cwd=tmp_path)
    assert done.returncode == 1
    assert "absent.nrrd: no such file" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_script_of_a_recipe_from_a_local_plugin_finds_it(tmp_path: Path, heart: Path) -> None:
    plugin = local_plugin(tmp_path, "return paint(volume, contract)")
    result = pycemrg("init", tmp_path / "config", "--recipe", "mine", "--plugin", plugin)
    assert "--plugin" in result.stdout
    done = run_script(tmp_path / "config" / "run.py", heart, "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    expected = grown(tmp_path / "b", "mine", heart, "--plugin", plugin)
    assert np.array_equal(voxels(tmp_path / "out" / "heart.nrrd"), expected)


@pytest.mark.parametrize("name", ["labels.yaml", "parameters.json", "run.py", "semantic_maps/la_myocardium.json"])
def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path, name: str) -> None:
    put(tmp_path / "config" / name, "mine")
    before = contents(tmp_path)
    text = pycemrg("init", tmp_path / "config", "--recipe", "atria_full", code=1).stderr
    assert f"{tmp_path / 'config'}: already holds {name.partition('/')[0]}" in text
    assert "another folder" in text
    assert contents(tmp_path) == before


def test_maps_of_another_recipe_are_left_alone(tmp_path: Path) -> None:
    """Either all of the new files are there afterwards, or none."""
    put(tmp_path / "config" / "semantic_maps" / "mine.json", {})
    before = contents(tmp_path)
    text = pycemrg("init", tmp_path / "config", "--recipe", "atria_full", code=1).stderr
    assert "semantic_maps" in text
    assert "another folder" in text
    assert contents(tmp_path) == before


def test_other_files_in_the_folder_are_no_obstacle(tmp_path: Path) -> None:
    put(tmp_path / "notes.txt", "mine")
    pycemrg("init", tmp_path, "--recipe", "atria_full")
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert (tmp_path / "labels.yaml").is_file()


def test_refusals_of_init(tmp_path: Path) -> None:
    put(tmp_path / "file", "mine")
    before = contents(tmp_path)
    text = pycemrg("init", tmp_path / "config", "--recipe", "atria_ful", code=1).stderr
    assert "did you mean 'atria_full'" in text
    for place in ("file", "file/config"):
        text = pycemrg("init", tmp_path / place, "--recipe", "atria_full", code=1).stderr
        assert str(tmp_path / place) in text
        assert "another folder" in text
        assert " -o" not in text, "init has no such option"
    assert "--recipe" in pycemrg("init", tmp_path / "config", code=2).stderr
    assert contents(tmp_path) == before


# ----------------------------------------------------------------------------------------------------- reading


@pytest.fixture
def config(tmp_path: Path) -> Path:
    pycemrg("init", tmp_path / "config", "--recipe", "four_chamber_full")
    return tmp_path / "config"


@pytest.mark.slow
def test_a_changed_parameter_takes_effect_and_set_wins_over_it(tmp_path: Path, heart: Path, config: Path) -> None:
    put(config / "parameters.json", {**PARAMETERS, "LA_WT": 4})
    run = ["four_chamber_full", heart]
    expected = grown(tmp_path / "b", *run, "--set", "LA_WT=4")
    assert np.array_equal(grown(tmp_path / "a", *run, "--config", config), expected)
    three = grown(tmp_path / "c", *run, "--config", config, "--set", "LA_WT=3")
    assert np.array_equal(three, grown(tmp_path / "d", *run, "--set", "LA_WT=3"))
    assert not np.array_equal(three, expected)


@pytest.mark.slow
def test_a_changed_label_takes_effect_and_labels_wins_over_it(tmp_path: Path, heart: Path, config: Path) -> None:
    labels = {**LABELS, "LA_myo_label": 55}
    put(config / "labels.yaml", yaml.safe_dump({"labels": labels}))
    usual = grown(tmp_path / "a", "four_chamber_full", heart)
    other = grown(tmp_path / "b", "four_chamber_full", heart, "--config", config)
    assert np.array_equal(other, np.where(usual == 104, 55, usual))
    put(tmp_path / "labels.yaml", "labels:\n  LA_myo_label: 66\n")
    options = ["--config", config, "--labels", tmp_path / "labels.yaml"]
    other = grown(tmp_path / "c", "four_chamber_full", heart, *options)
    assert np.array_equal(other, np.where(usual == 104, 66, usual))


@pytest.mark.slow
def test_a_changed_rule_takes_effect(tmp_path: Path, heart: Path, config: Path) -> None:
    path = config / "semantic_maps" / "la_myocardium.json"
    semantic_map = json.loads(path.read_text(encoding="utf-8"))
    semantic_map["APPLICATION_STEPS"] = [{"MODE": "REPLACE_EXCEPT", "RULE_LABEL_NAMES": ["LA_BP_label"]}]
    put(path, semantic_map)
    pycemrg("run", "four_chamber_full", heart, "--config", config, "-o", tmp_path / "a")
    record = json.loads((tmp_path / "a" / "run.json").read_text(encoding="utf-8"))
    step = next(step for step in record["steps"] if step["name"] == "la_myocardium")
    assert step["contract"]["application"] == [
        {"mode": "REPLACE_EXCEPT", "labels": [{"name": "LA_BP_label", "value": 4}]}
    ]
    assert not np.array_equal(voxels(tmp_path / "a" / "heart.nrrd"), grown(tmp_path / "b", "four_chamber_full", heart))


@pytest.mark.slow
def test_a_run_with_a_folder_can_be_repeated_without_it(tmp_path: Path, heart: Path, config: Path) -> None:
    put(config / "parameters.json", {**PARAMETERS, "LA_WT": 4})
    first = grown(tmp_path / "a", "four_chamber_full", heart, "--config", config)
    (config / "labels.yaml").unlink()
    pycemrg("run", "--again", tmp_path / "a" / "run.json", "-o", tmp_path / "b")
    assert np.array_equal(voxels(tmp_path / "b" / "heart.nrrd"), first)


# The wording of the reference library: names of roles in capitals, an empty map for the pushes.
def _create(source: str, target: str, wall: str, *rules: tuple[str, ...]) -> dict[str, Any]:
    return {
        "SOURCE_BLOOD_POOL_NAME": source,
        "TARGET_MYOCARDIUM_NAME": target,
        "WALL_THICKNESS_PARAMETER_NAME": wall,
        "APPLICATION_STEPS": [{"MODE": mode, "RULE_LABEL_NAMES": labels} for mode, *labels in rules],
    }


def _valve(a: str, b: str, target: str) -> dict[str, Any]:
    return {
        "STRUCTURE_A_NAME": a,
        "STRUCTURE_B_NAME": b,
        "TARGET_VALVE_NAME": target,
        "INTERSECTION_THICKNESS_PARAMETER_NAME": "valve_WT",
        "APPLICATION_STEPS": [{"MODE": "REPLACE", "RULE_LABEL_NAMES": []}],
    }


REFERENCE_MAPS: dict[str, dict[str, Any]] = {
    "lv_outflow": _create("LV_BP_label", "LV_myo_label", "LV_neck_WT", ("ADD",)),
    "aortic_wall": _create(
        "Ao_BP_label", "Ao_wall_label", "Ao_WT", ("REPLACE_EXCEPT", "LV_BP_label", "LV_myo_label", "Ao_BP_label")
    ),
    "pulmonary_artery": _create(
        "PArt_BP_label",
        "PArt_wall_label",
        "PArt_WT",
        ("REPLACE_EXCEPT", "RV_BP_label", "Ao_wall_label", "Ao_BP_label"),
    ),
    "rv_myocardium": _create("RV_BP_label", "RV_myo_label", "RV_WT", ("REPLACE_ONLY", "Ao_wall_label")),
    "la_myocardium": _create(
        "LA_BP_label", "LA_myo_label", "LA_WT", ("REPLACE_ONLY", "RA_BP_label"), ("REPLACE_ONLY", "SVC_label")
    ),
    "ra_myocardium": _create("RA_BP_label", "RA_myo_label", "RA_WT", ("REPLACE_ONLY", "RPV1_label")),
    "mitral_valve": _valve("LA_BP_label", "LV_BP_label", "MV_label"),
    "tricuspid_valve": _valve("RA_BP_label", "RV_BP_label", "TV_label"),
    "aortic_valve": _valve("Ao_BP_label", "LV_BP_label", "AV_label"),
    "pulmonary_valve": _valve("PArt_BP_label", "RV_BP_label", "PV_label"),
    "myo_push_steps": {},
}


@pytest.fixture
def reference_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "from_the_reference"
    lines = ["labels:", *(f"  {name}: {value}" for name, value in LABELS.items())]
    groups = ["groups:", "  Atria:", "  - LA_BP_label", "  - RA_BP_label", "  Heart: [Atria, LV_BP_label]"]
    put(folder / "labels.yaml", "\n".join([*lines, *groups, ""]))
    put(folder / "parameters.json", PARAMETERS)
    for name, semantic_map in REFERENCE_MAPS.items():
        put(folder / "semantic_maps" / f"{name}.json", semantic_map)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["biventricular_basic", "four_chamber_full"])
def test_a_folder_of_the_reference_library_loads_as_it_is(
    tmp_path: Path, heart: Path, reference_folder: Path, recipe: str
) -> None:
    with_folder = grown(tmp_path / "a", recipe, heart, "--config", reference_folder)
    assert np.array_equal(with_folder, grown(tmp_path / "b", recipe, heart))


@pytest.mark.slow
def test_a_thickness_edited_in_a_folder_of_the_reference_library(
    tmp_path: Path, heart: Path, reference_folder: Path
) -> None:
    put(reference_folder / "parameters.json", {**PARAMETERS, "RA_WT": 3.0})
    with_folder = grown(tmp_path / "a", "four_chamber_full", heart, "--config", reference_folder)
    assert np.array_equal(with_folder, grown(tmp_path / "b", "four_chamber_full", heart, "--set", "RA_WT=3"))


@pytest.mark.slow
def test_a_folder_with_labels_alone_is_enough(tmp_path: Path, heart: Path) -> None:
    put(tmp_path / "config" / "labels.yaml", "labels: {LA_myo_label: 55}\n")
    usual = grown(tmp_path / "a", "four_chamber_full", heart)
    other = grown(tmp_path / "b", "four_chamber_full", heart, "--config", tmp_path / "config")
    assert np.array_equal(other, np.where(usual == 104, 55, usual))


# ---------------------------------------------------------------------------------------- schematics of one's own

SLEEVE = _create("SVC_label", "Sleeve_label", "sleeve_WT", ("ADD",))
HOUSE = "recipes:\n  house:\n    summary: a sleeve\n    steps: [la_myocardium, sleeve]\n"


def own_schematic(folder: Path, semantic_map: object, parameters: dict[str, float] | None = None) -> list[object]:
    """A folder with a schematic that the catalogue does not know, and a local recipe that uses it."""
    put(folder / "config" / "labels.yaml", "labels:\n  SVC_label: 13\n  Sleeve_label: 240\n")
    put(folder / "config" / "parameters.json", {"sleeve_WT": 3} if parameters is None else parameters)
    put(folder / "config" / "semantic_maps" / "sleeve.json", semantic_map)
    put(folder / "house.yaml", HOUSE)
    return ["--config", folder / "config", "--plugin", folder / "house.yaml"]


@pytest.mark.slow
def test_a_schematic_of_ones_own_gets_its_step_kind_from_its_roles(tmp_path: Path, heart: Path) -> None:
    options = own_schematic(tmp_path, SLEEVE)
    found = grown(tmp_path / "a", "house", heart, *options)
    assert (found == 240).sum() > 100
    record = json.loads((tmp_path / "a" / "run.json").read_text(encoding="utf-8"))
    assert [(step["name"], step["step"]) for step in record["steps"]] == [
        ("la_myocardium", "create"),
        ("sleeve", "create"),
    ]
    assert record["steps"][1]["contract"]["thickness_mm"] == 3
    valve = {**_valve("RA_BP_label", "SVC_label", "Sleeve_label")}
    options = own_schematic(tmp_path, valve, {"valve_WT": 4})
    put(tmp_path / "config" / "labels.yaml", "labels: {SVC_label: 13, RA_BP_label: 5, Sleeve_label: 240}\n")
    assert (grown(tmp_path / "b", "house", heart, *options) == 240).any()


def test_a_schematic_without_its_numbers_is_refused(tmp_path: Path, heart: Path) -> None:
    text = pycemrg("plan", "house", heart, *own_schematic(tmp_path, SLEEVE, {}), code=1).stderr
    for part in ("sleeve", "sleeve_WT", "no value"):
        assert part in text
    options = own_schematic(tmp_path, {**SLEEVE, "TARGET_MYOCARDIUM_NAME": "Sleeve_lable"})
    text = pycemrg("plan", "house", heart, *options, code=1).stderr
    for part in ("sleeve", "'Sleeve_lable'", "did you mean 'Sleeve_label'", "labels.yaml"):
        assert part in text


@pytest.mark.parametrize(
    ("semantic_map", "parts"),
    [
        ({"SOURCE": "SVC_label"}, ("SOURCE", "no step kind", "list-steps")),
        (
            {key: value for key, value in SLEEVE.items() if key[0] != "A"},
            ("TARGET_MYOCARDIUM_NAME", "no step kind"),
        ),
        ("{", ("line 1", "JSON")),
        ("[]", ("not a JSON object",)),
        ("", ("JSON",)),
    ],
)
def test_a_map_that_fits_no_step_kind(
    tmp_path: Path, heart: Path, semantic_map: object, parts: tuple[str, ...]
) -> None:
    options = own_schematic(tmp_path, semantic_map)
    text = pycemrg("plan", "house", heart, *options, code=1).stderr
    assert str(tmp_path / "config" / "semantic_maps" / "sleeve.json") in text
    for part in parts:
        assert part in text


def _rule(mode: object = "ADD", names: object = ()) -> dict[str, object]:
    return {"APPLICATION_STEPS": [{"MODE": mode, "RULE_LABEL_NAMES": names}]}


@pytest.mark.slow(every=4)
@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"APPLICATION_STEPS": None}, "APPLICATION_STEPS"),
        ({"APPLICATION_STEPS": 3}, "APPLICATION_STEPS"),
        ({"APPLICATION_STEPS": "ADD"}, "'ADD'"),
        ({"APPLICATION_STEPS": ["ADD"]}, "'ADD'"),
        ({"APPLICATION_STEPS": [{"RULE_LABEL_NAMES": []}]}, "MODE"),
        (_rule("ERASE"), "unknown mode 'ERASE'; give one of ADD, REPLACE, REPLACE_ONLY, REPLACE_EXCEPT"),
        (_rule(["ADD"]), "['ADD']"),
        (_rule("ADD", 3), "RULE_LABEL_NAMES"),
        (_rule("REPLACE_ONLY", "SVC_label"), "RULE_LABEL_NAMES"),
        (_rule("REPLACE_ONLY", [["SVC_label"]]), "['SVC_label'] is not the name of a label"),
        (_rule("REPLACE_ONLY", ["SVC_lable"]), "did you mean 'SVC_label'"),
        ({"SOURCE_BLOOD_POOL_NAME": 13}, "13 is not the name of a label"),
        ({"SOURCE_BLOOD_POOL_NAME": ["SVC_label"]}, "['SVC_label'] is not the name of a label"),
        ({"SOURCE_BLOOD_POOL_NAME": None}, "None is not the name of a label"),
        ({"WALL_THICKNESS_PARAMETER_NAME": 3.0}, "3.0"),
        ({"WALL_THICKNESS_PARAMETER_NAME": ["sleeve_WT"]}, "['sleeve_WT']"),
    ],
)
def test_a_role_filled_with_the_wrong_thing_is_named(
    tmp_path: Path, heart: Path, change: dict[str, object], part: str
) -> None:
    options = own_schematic(tmp_path, {**SLEEVE, **change})
    text = pycemrg("plan", "house", heart, *options, code=1).stderr
    assert "sleeve" in text
    assert part in text
    assert text.count("\n") <= 3, "one mistake, one message"


@pytest.mark.slow(every=3)
@pytest.mark.parametrize(
    ("name", "text", "parts"),
    [
        ("labels.yaml", None, ("no such file",)),
        ("labels.yaml", "labels: {LA_BP_label: 4.5}", ("4.5", "'LA_BP_label'")),
        ("labels.yaml", "labels: {LA_BP_label: 4, RA_BP_label: 4}", ("LA_BP_label", "RA_BP_label", "both 4")),
        ("labels.yaml", "labels: {four: LA_BP_label}", ("'LA_BP_label'", "whole number")),
        ("parameters.json", '{"LA_WT": "thick"}', ("'thick'", "not a number", "LA_WT")),
        ("parameters.json", '{"LA_WT": true}', ("True", "not a number", "LA_WT")),
        ("parameters.json", '{"LA_WT": 2,}', ("line 1", "JSON")),
        ("parameters.json", "[2]", ("not a JSON object",)),
        ("semantic_maps/la_myocardium.json", "{", ("line 1", "JSON")),
        ("semantic_maps/la_myocardium.json", "[]", ("not a JSON object",)),
    ],
)
def test_a_wrong_file_is_named_with_the_place(
    tmp_path: Path, heart: Path, config: Path, name: str, text: str | None, parts: tuple[str, ...]
) -> None:
    if text is None:
        (config / name).unlink()
    else:
        put(config / name, text)
    shown = pycemrg("run", "atria_full", heart, "--config", config, "-o", tmp_path / "out", code=1).stderr
    assert str(config / name) in shown
    for part in parts:
        assert part in shown
    assert shown.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_misspelt_role_of_a_known_schematic_is_named(heart: Path, config: Path) -> None:
    path = config / "semantic_maps" / "la_myocardium.json"
    put(path, path.read_text(encoding="utf-8").replace("SOURCE_BLOOD_POOL_NAME", "SOURCE_BLOOD_POL_NAME"))
    text = pycemrg("plan", "four_chamber_full", heart, "--config", config, code=1).stderr
    for part in ("la_myocardium", "'SOURCE_BLOOD_POL_NAME'", "did you mean 'SOURCE_BLOOD_POOL_NAME'"):
        assert part in text


def test_a_folder_that_is_not_there_says_how_to_make_one(heart: Path) -> None:
    text = pycemrg("plan", "atria_full", heart, "--config", "absent", code=1).stderr
    assert "absent: no such folder" in text
    assert "pycemrg init absent" in text


@pytest.mark.slow
def test_a_recipe_that_sets_thicknesses(tmp_path: Path) -> None:
    """``init`` writes what the recipe uses, and an edit that cannot count is told."""
    recipe = tmp_path / "thin.yaml"
    recipe.write_text(
        "recipes: {thin: {steps: [{schematic: la_myocardium, parameters: {LA_WT: 1.5}}, ra_myocardium]}}\n",
        encoding="utf-8",
    )
    plugin = ("--plugin", recipe)
    pycemrg("init", tmp_path / "cfg", "--recipe", "thin", *plugin)
    parameters = tmp_path / "cfg" / "parameters.json"
    assert json.loads(parameters.read_text(encoding="utf-8")) == {"LA_WT": 1.5, "RA_WT": 2.0, "walls_from_surface": 0}
    command = ("plan", "thin", HEART, "--config", tmp_path / "cfg", *plugin)
    assert "which is used" not in pycemrg(*command).stderr
    parameters.write_text('{"LA_WT": 2.5, "RA_WT": 3.0}', encoding="utf-8")
    told = (
        "LA_WT is 2.5 in the configuration, but the recipe sets 1.5, which is used; to change that, use --set LA_WT=2.5"
    )
    assert told in pycemrg(*command).stderr
    assert "which is used" not in pycemrg(*command, "--set", "LA_WT=2").stderr


def test_a_map_of_a_name_with_two_providers_is_refused(tmp_path: Path) -> None:
    pycemrg("init", tmp_path / "cfg", "--recipe", "biventricular_basic")
    rival = tmp_path / "rival.yaml"
    rival.write_text("schematics: {mitral_valve: {step: valve, labels: {A: 1}}}\n", encoding="utf-8")
    heart = small_heart(tmp_path)
    command = ("plan", "biventricular_basic", heart, "--config", tmp_path / "cfg", "--plugin", rival)
    assert "schematic 'mitral_valve' is provided by" in pycemrg(*command, code=1).stderr
    told = pycemrg("plan", "biventricular_basic", heart, "--plugin", rival, code=1).stderr
    assert "or leave one of them out with PYCEMRG_PLUGINS=-NAME" in told
