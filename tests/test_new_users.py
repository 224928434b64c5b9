"""Mistakes of somebody new, each with the answer that helps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import HEART, pycemrg, small_heart

from pycemrg_core import Recipe, load_catalogue, run_recipe, write_image
from pycemrg_core.api import LabelError, read_volume
from pycemrg_core.errors import OutputError, PlanError
from schematics_builtin.certificate import asked_of
from schematics_builtin.labels import needed_labels


@pytest.mark.parametrize("command", ["run", "plan"])
def test_the_image_before_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    small_heart(tmp_path)
    monkeypatch.chdir(tmp_path)
    said = pycemrg(command, "small.nrrd", "four_chamber_full", code=2).stderr
    assert f"Error: the recipe comes first: pycemrg {command} four_chamber_full small.nrrd" in said


def test_a_command_of_a_group_without_the_group() -> None:
    assert "no command is called 'show'; did you mean 'labels show'?" in pycemrg("show", HEART, code=2).stderr


def test_no_command_at_all(tmp_path: Path) -> None:
    heart = small_heart(tmp_path)
    said = pycemrg(heart, code=2).stderr
    assert f"no command is called '{heart}'; the command comes first, as in 'pycemrg labels show {heart}'" in said
    assert "no command is called 'list'; did you mean 'list-steps'" in pycemrg("list", code=2).stderr


def test_a_thickness_in_another_unit(tmp_path: Path) -> None:
    heart = small_heart(tmp_path)
    arguments = ("left_atrium_with_veins", heart, "--no-check", "--set")
    thick = pycemrg("plan", *arguments, "LA_WT=20").stderr
    assert "note: la_myocardium: LA_WT of 20 mm is more than 15 mm; is it in mm?" in thick
    assert "is it in mm?" not in pycemrg("plan", *arguments, "LA_WT=15").stderr


def test_a_parameter_is_described() -> None:
    """What a schematic says in the catalogue is what ``describe`` shows."""
    (shown,) = json.loads(pycemrg("describe", "LA_WT", "--json").stdout)
    assert (shown["kind"], shown["default"]) == ("parameter", ["2 mm"])
    assert "la_myocardium" in shown["schematics"]
    assert "left_atrium_with_veins" in shown["recipes"]
    assert "biventricular_basic" not in shown["recipes"]
    assert "nothing is called 'LA_TW'; did you mean 'LA_WT'" in pycemrg("describe", "LA_TW", code=1).stderr


def test_a_recipe_where_a_schematic_is_asked_for(tmp_path: Path) -> None:
    heart = small_heart(tmp_path)
    said = pycemrg("plan", "atria_full", heart, "--no-check", "--then", "four_chamber_full", code=1).stderr
    assert "no schematic is called 'four_chamber_full'" in said
    assert "; it is a recipe" in said


def test_no_folder_for_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heart = small_heart(tmp_path)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    done = pycemrg("run", "left_atrium_with_veins", heart, "--no-check")
    assert "small_left_atrium_with_veins: heart.nrrd and run.json written" in done.stdout
    assert (work / "small_left_atrium_with_veins" / "heart.nrrd").is_file()
    last = done.stdout.splitlines()[-1]
    assert last == "next: pycemrg certify small_left_atrium_with_veins/heart.nrrd  (is it closed?)"


def test_a_grown_heart_grown_again(tmp_path: Path) -> None:
    heart = small_heart(tmp_path)
    pycemrg("run", "left_atrium_with_veins", heart, "-o", tmp_path / "out", "--no-check")
    grown = tmp_path / "out" / "heart.nrrd"
    said = pycemrg("run", "left_atrium_with_veins", grown, "-o", tmp_path / "twice", "--no-check").stderr
    assert "run it on the segmentation, not on the result of a run" in said


def test_a_file_that_is_nearly_called_so(tmp_path: Path) -> None:
    heart = small_heart(tmp_path)
    said = pycemrg("run", "four_chamber_full", heart.with_name("smal.nrrd"), code=1).stderr
    assert "no such file; did you mean small.nrrd?" in said


@pytest.mark.slow
def test_integers_of_another_scheme(tmp_path: Path) -> None:
    other = tmp_path / "other.nrrd"
    pycemrg("labels", "remap", HEART, "-o", other, "--from", "cemrg", "--to", "mm-whs", "--drop")
    said = pycemrg("plan", "four_chamber_full", other, code=1).stderr
    assert "--scheme mm-whs" in said


@pytest.mark.parametrize(
    ("command", "more"),
    [("labels keep", ("LV_BP",)), ("clean", ("--fill-holes",)), ("repair", ()), ("fuse", ())],
)
def test_a_picture_as_the_result_is_refused_before_the_work(
    tmp_path: Path, command: str, more: tuple[str, ...]
) -> None:
    """The source would be refused too, but later."""
    result = pycemrg(*command.split(), "nothing.nrrd", *more, "-o", tmp_path / "heart.png", code=1)
    assert result.stderr.startswith(f"error: {tmp_path / 'heart.png'}: cannot be written, unknown extension '.png'")


@pytest.mark.slow
def test_a_segmentation_is_repaired_before_it_is_grown(tmp_path: Path) -> None:
    heart = small_heart(tmp_path)
    last = pycemrg("repair", heart, code=1).stdout.splitlines()[-1]
    assert last.startswith("next: this is a segmentation that no recipe has grown; pycemrg ")
    assert last.endswith(f" {heart}")


def test_an_image_in_the_place_of_a_text(tmp_path: Path) -> None:
    said = pycemrg("run", "--again", HEART, code=1).stderr
    assert said == f"error: {HEART}: cannot read it as text; give the run.json of a run, saved as UTF-8\n"


def test_the_recipe_before_the_label_file(tmp_path: Path) -> None:
    (tmp_path / "labels.yaml").write_text("labels: {LV_BP_label: 1}\n", encoding="utf-8")
    said = pycemrg("labels", "merge", "lv_outflow", tmp_path / "labels.yaml", code=2).stderr
    assert f"Error: the label file comes first: pycemrg labels merge {tmp_path / 'labels.yaml'} lv_outflow" in said


def test_a_name_where_python_asks_for_a_list(tmp_path: Path) -> None:
    """It is one name, not a list of its letters."""
    file = tmp_path / "mine.yaml"
    file.write_text("recipes: {mine: {summary: mine, steps: [lv_outflow]}}\n", encoding="utf-8")
    catalogue = load_catalogue(local=str(file))
    assert catalogue.get(Recipe, "mine").summary == "mine"
    assert asked_of(catalogue, "atria_full", accept="situs-inversus").accepted == ("situs-inversus",)
    assert needed_labels("lv_outflow", catalogue) == needed_labels(["lv_outflow"], catalogue)


def test_a_path_where_an_image_is_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"x.nrrd: cannot be written: is of type str; give a SimpleITK.Image or a La"):
        write_image(str(HEART), tmp_path / "x.nrrd")  # type: ignore[arg-type]


@pytest.mark.slow
def test_python_refuses_the_same() -> None:
    catalogue = load_catalogue()
    with pytest.raises(PlanError, match=r"no recipe is called 'four_chambers_full'; did you mean 'four_chamber_full'"):
        run_recipe("four_chambers_full", HEART, catalogue)
    volume, _ = read_volume(HEART)
    with pytest.raises((PlanError, LabelError), match=r"no schematic is called 'atria_full'.*; it is a recipe"):
        run_recipe("four_chamber_full", volume, catalogue, then=("atria_full",))
