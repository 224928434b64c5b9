"""A single schematic as the target of ``run``, ``plan`` and ``init``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from brute import catalogue
from command_line import HEART, contents, local_plugin, pycemrg, small_heart, voxels

from pycemrg_core import Recipe, run_recipe, write_volume
from pycemrg_core.api import Schematic
from pycemrg_core.cli.inputs import target_of

pytestmark = pytest.mark.usefixtures("loaded_once")


@pytest.fixture
def heart(tmp_path: Path) -> Path:
    return small_heart(tmp_path)


@pytest.mark.slow
def test_it_runs_like_a_recipe_of_one_step(heart: Path, tmp_path: Path) -> None:
    pycemrg("run", "aortic_wall", heart, "-o", tmp_path / "out", "--set", "Ao_WT=3.5")
    recipe = Recipe(name="one", steps=("aortic_wall",))
    expected = run_recipe(recipe, heart, catalogue(), parameters={"Ao_WT": 3.5})
    assert np.array_equal(voxels(tmp_path / "out" / "heart.nrrd"), expected.volume.array)
    record = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert (record["recipe"], [step["name"] for step in record["steps"]]) == ("aortic_wall", ["aortic_wall"])
    again = pycemrg("run", "--again", tmp_path / "out" / "run.json", "-o", tmp_path / "again").stdout
    assert "every voxel is the same" in again


def test_plan_says_what_it_lacks(heart: Path) -> None:
    planned = json.loads(pycemrg("plan", "builtin:lv_outflow", heart, "--json").stdout)
    assert [step["name"] for step in planned["steps"]] == ["lv_outflow"]
    refused = pycemrg("plan", "svc_ring", heart, code=1).stderr
    assert "svc_ring will not run on" in refused
    assert "RA_myo_label (105) is not in the image; needed by svc_ring" in refused


@pytest.mark.slow
def test_one_that_measures_on_a_snapshot_takes_the_image_as_it_is(heart: Path, tmp_path: Path) -> None:
    pycemrg("run", "la_myocardium", heart, "-o", tmp_path / "walls")
    pycemrg("run", "lpv1_ring_own_cell", tmp_path / "walls" / "heart.nrrd", "-o", tmp_path / "ring")
    assert 221 in np.unique(voxels(tmp_path / "ring" / "heart.nrrd"))


def test_a_misspelt_schematic(heart: Path) -> None:
    text = pycemrg("run", "lv_outflw", heart, "-o", "out", code=1).stderr
    assert text == "error: no recipe or schematic is called 'lv_outflw'; did you mean 'lv_outflow'?\n"
    assert "did you mean 'four_chamber_full'" in pycemrg("plan", "four_chamber_ful", heart, code=1).stderr


def test_a_recipe_of_the_same_name_is_meant(tmp_path: Path) -> None:
    target, _ = target_of("atria_full", catalogue())
    assert target == "atria_full"
    target, settings = target_of("aortic_wall", catalogue())
    assert isinstance(target, Recipe)
    assert target.summary == catalogue().get(Schematic, "aortic_wall").summary
    assert not settings.schematics


@pytest.mark.slow
def test_its_configuration(heart: Path, tmp_path: Path) -> None:
    config = tmp_path / "config"
    text = pycemrg("init", config, "--recipe", "aortic_wall").stdout
    assert "run.py and 1 semantic map written" in text
    assert f"next: pycemrg run aortic_wall IMAGE --config {config}" in text
    pycemrg("run", "aortic_wall", heart, "--config", config, "-o", tmp_path / "a")
    pycemrg("run", "aortic_wall", heart, "-o", tmp_path / "b")
    assert np.array_equal(voxels(tmp_path / "a" / "heart.nrrd"), voxels(tmp_path / "b" / "heart.nrrd"))


def test_a_schematic_of_a_local_plugin(heart: Path, tmp_path: Path) -> None:
    plugin = local_plugin(tmp_path, "return paint(volume, contract)")
    pycemrg("run", "paint", heart, "-o", tmp_path / "out", "--plugin", plugin)
    assert 77 in np.unique(voxels(tmp_path / "out" / "heart.nrrd"))


# ------------------------------------------------------------------------------------------- init --force


def test_force_replaces_what_was_there_and_keeps_other_maps(tmp_path: Path) -> None:
    config = tmp_path / "config"
    pycemrg("init", config, "--recipe", "biventricular_basic")
    refused = pycemrg("init", config, "--recipe", "atria_full", code=1).stderr
    assert "choose another folder, or replace them with --force" in refused
    (config / "labels.yaml").write_text("labels: {LA_BP_label: 40}\n", encoding="utf-8")
    said = pycemrg("init", config, "--recipe", "atria_full", "--force").stderr
    assert "semantic_maps also holds aortic_valve.json, lv_outflow.json, mitral_valve.json and 3 more" in said
    fresh = tmp_path / "fresh"
    pycemrg("init", fresh, "--recipe", "atria_full")
    for path in (path for path in fresh.rglob("*") if path.is_file()):
        assert (config / path.relative_to(fresh)).read_bytes() == path.read_bytes()
    assert (config / "semantic_maps" / "lv_outflow.json").is_file()
    pycemrg("init", fresh, "--recipe", "atria_full", "--force")
    assert {path.name for path in tmp_path.iterdir()} == {"config", "fresh"}


@pytest.mark.parametrize("name", ["labels.yaml", "semantic_maps/lv_outflow.json", "semantic_maps"])
def test_force_replaces_files_only(tmp_path: Path, name: str) -> None:
    config = tmp_path / "config"
    place = config / name
    if name == "semantic_maps":
        config.mkdir()
        place.write_text("a file", encoding="utf-8")
    else:
        place.mkdir(parents=True)
    before = contents(tmp_path)
    refused = pycemrg("init", config, "--recipe", "lv_outflow", "--force", code=1).stderr
    assert f"error: {place}: " in refused
    assert "choose another folder" in refused
    assert contents(tmp_path) == before


@pytest.mark.slow
def test_the_rings_of_a_heart_one_after_the_other(tmp_path: Path) -> None:
    """An integer is a ring of this schematic and a plane in another recipe: that is no reason to refuse the heart."""
    result = run_recipe("left_atrium_with_veins", HEART, catalogue())
    write_volume(result.volume, tmp_path / "rings.nrrd")
    for name in ("lpv1_ring", "laa_ring"):
        assert "runs on" in pycemrg("plan", name, tmp_path / "rings.nrrd").stdout
