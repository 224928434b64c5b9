"""``cohort plan`` and ``cohort run`` as a user sees them."""

from __future__ import annotations

import csv
import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from cohort_lab import FEW_IMPORTS, dask_here, hearts, tree
from command_line import pycemrg, voxels

pytestmark = pytest.mark.slow

pytest.importorskip("distributed", reason="Dask is not installed")

RECIPE = "four_chamber_full"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hearts, a table that thickens one of them, and one that is no heart."""
    made = tmp_path_factory.mktemp("cohort")
    hearts(made / "in", 3, size=48)
    (made / "table.csv").write_text("path,id,LA_WT\nin/h00.nrrd,thin,\nin/h01.nrrd,thick,4\n", encoding="utf-8")
    (made / "bad.nrrd").write_text("nonsense", encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A cluster that all commands here share."""
    with dask_here(workers=2) as cluster:
        yield cluster.scheduler_address


def test_every_case_is_as_the_plain_command_makes_it(folder: Path, address: str) -> None:
    root = folder / "out"
    also = ("--with", "picture,certificate")
    command = ("cohort", "run", RECIPE, folder / "table.csv", "-o", root, "--scheduler", address)
    result = pycemrg(*command, *also, code=1)
    assert result.stdout == (
        f"{root}: 2 cases, 2 done, 0 failed; cohort.json and cases.csv written\nverdicts: 0 PASS, 2 FAIL\n"
        "  2 cases: certificate: FAIL: not closed: RV, Ao, PArt; left open by the recipe: LA, RA; closed: LV\n"
    )
    assert result.stderr == ""
    plain = folder / "plain" / "cases"
    pycemrg("run", RECIPE, folder / "in" / "h00.nrrd", "-o", plain / "thin", *also, code=1)
    pycemrg("run", RECIPE, folder / "in" / "h01.nrrd", "-o", plain / "thick", *also, "--set", "LA_WT=4", code=1)
    made, expected = tree(root), tree(folder / "plain")
    assert made.keys() - expected.keys() == {
        "cohort.json", "cases.csv", "cases/thin/case.json", "cases/thick/case.json",
    }  # fmt: skip
    assert {name: made[name] for name in expected} == expected
    for case in made["cohort.json"]["cases"]:
        assert case["verdict"] == made[f"{case['folder']}/certificate.json"]["verdict"]
    again = pycemrg(*command, *also, code=1)
    assert "2 cases, 2 done (2 of them before), 0 failed" in again.stdout
    assert tree(root) == made


def test_a_page_for_each_case(folder: Path, address: str) -> None:
    pytest.importorskip("pycemrg_report.report", reason="pycemrg-report is not installed")
    root = folder / "pages"
    command = ("cohort", "run", RECIPE, folder / "in" / "h00.nrrd", "-o", root, "--scheduler", address)
    command = (*command, "--with", "report")
    pycemrg(*command, code=1)
    (case,) = json.loads((root / "cohort.json").read_text(encoding="utf-8"))["cases"]
    assert RECIPE in (root / case["outputs"]["report"]).read_text(encoding="utf-8")
    (root / case["outputs"]["report"]).unlink()
    assert "before" not in pycemrg(*command, code=1).stdout
    assert (root / case["outputs"]["report"]).is_file()


def test_the_summary_says_what_the_hearts_say(folder: Path, address: str) -> None:
    root = folder / "summed"
    inputs = (folder / "in", folder / "bad.nrrd")
    failed = pycemrg("cohort", "run", RECIPE, *inputs, "-o", root, "--scheduler", address, code=1)
    assert failed.stderr.startswith(f"error: 1 of 4 cases failed, bad: {folder / 'bad.nrrd'}: not an image")
    cohort = json.loads((root / "cohort.json").read_text(encoding="utf-8"))
    assert cohort["counts"] == {"done": 3, "failed": 1}
    rows = list(csv.DictReader((root / "cases.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["id"] for row in rows] == [case["id"] for case in cohort["cases"]] == ["bad", "h00", "h01", "h02"]
    for case, row in zip(cohort["cases"][1:], rows[1:], strict=True):
        assert (root / "cases" / case["id"] / case["folder"]).parts[-2:] == ("cases", case["id"])
        assert (root / case["input"]["path"]).resolve() == (folder / "in" / f"{case['id']}.nrrd").resolve()
        heart = root / case["folder"] / "heart.nrrd"
        mm3 = np.prod(sitk.ReadImage(str(heart)).GetSpacing())
        millilitres = np.count_nonzero(voxels(heart) == 104) * mm3 / 1000
        assert case["volumes_ml"]["LA_myo_label"] == pytest.approx(millilitres, abs=1e-6)
        assert float(row["volume_LA_myo_label_ml"]) == case["volumes_ml"]["LA_myo_label"]
        if importlib.util.find_spec("pycemrg_metrics"):
            shown = pycemrg(
                "measure", heart, "--metrics", "wall_thickness_median", "--labels", "RV_myo,LA_myo", "--json"
            )
            (one, other) = (row["values"]["wall_thickness_median"] for row in json.loads(shown.stdout)["rows"])
            assert case["thickness_mm"]["RV_myo_label"] == pytest.approx(one, abs=1e-6)
            assert case["thickness_mm"]["LA_myo_label"] == pytest.approx(other, abs=1e-6)
            assert "metrics" in {plugin["name"] for plugin in cohort["plugins"]}


def test_a_plan_of_good_hearts(folder: Path, address: str) -> None:
    shown = pycemrg("cohort", "plan", RECIPE, folder / "table.csv", "--scheduler", address)
    lines = shown.stdout.splitlines()
    assert lines[1].split() == ["thick", "48", "x", "48", "x", "48", "1.62", "x", "1.62", "x", "1.62", "14", "steps"]
    assert re.fullmatch(
        r"the largest, thin, takes [\d.]+ s and [\d,]+ MiB; all: about [\d.]+ s on 2 workers, without writing", lines[3]
    )
    assert not (folder / "cases").exists()


def test_a_plan_says_all_that_is_wrong(folder: Path, address: str) -> None:
    inputs = (folder / "bad.nrrd", folder / "in" / "h02.nrrd", "--set", "LA_WT=0.1", "--set", "LA_WTT=1")
    failed = pycemrg("cohort", "plan", RECIPE, *inputs, "--scheduler", address, "--json", code=1)
    assert failed.stderr == "error: 2 of 2 cases would fail\n"
    found = json.loads(failed.stdout)
    assert found["total"] is None
    bad, heart = found["cases"]
    assert bad["problems"][0].startswith(f"{folder / 'bad.nrrd'}: not an image")
    assert heart["problems"][0].startswith("no step uses the parameter 'LA_WTT'; did you mean 'LA_WT'")
    assert "LA_WT is 0.1 mm, less than a voxel" in heart["problems"][1]
    shown = pycemrg("cohort", "plan", RECIPE, folder / "bad.nrrd", "--scheduler", address, code=1)
    assert "not an image" in shown.stdout


def test_a_plan_of_the_real_thing_counts_the_voxels(folder: Path, address: str) -> None:
    found = json.loads(pycemrg("cohort", "plan", RECIPE, folder / "in", "--scheduler", address, "--json").stdout)
    assert [case["size"] for case in found["cases"]] == [[48, 48, 48]] * 3
    total = found["total"]
    # Three cases of one size, shared by two workers.
    assert total["seconds"] == pytest.approx(total["sample_seconds"] * 3 / 2, abs=0.01)


def test_refusals(folder: Path) -> None:
    both = ("--workers", 2, "--scheduler", "tcp://127.0.0.1:9")
    used = pycemrg("cohort", "run", RECIPE, folder / "in", "-o", folder / "x", *both, code=2)
    assert "--workers is for this machine, and a scheduler has its own workers; give only one of the two" in used.stderr
    unknown = pycemrg("cohort", "run", "four_chamber_ful", folder / "in", "-o", folder / "x", code=1)
    assert unknown.stderr.startswith("error: no recipe is called 'four_chamber_ful'; did you mean")
    scheme = pycemrg("cohort", "run", RECIPE, folder / "in", "-o", folder / "x", "--scheme", "cemr", code=1)
    assert scheme.stderr.startswith("error: no label scheme is called 'cemr'; did you mean 'cemrg'")
    place = pycemrg("cohort", "run", RECIPE, folder / "in", "-o", folder / "bad.nrrd", code=1)
    assert place.stderr == f"error: {folder / 'bad.nrrd'}: is a file, not a folder; choose another folder\n"
    nothing = pycemrg("cohort", "nothing", code=2)
    assert "No such command 'nothing'" in nothing.stderr
    assert not (folder / "x").exists()


def test_when_every_case_fails_the_summary_says_why(folder: Path, address: str, tmp_path: Path) -> None:
    root = tmp_path / "not" / "there"
    command = ("cohort", "run", RECIPE, folder / "bad.nrrd", "-o", root, "--scheduler", address)
    assert pycemrg(*command, code=1).stderr.startswith("error: 1 of 1 case failed, bad: ")
    summary = json.loads((root / "cohort.json").read_text(encoding="utf-8"))
    assert summary["counts"] == {"done": 0, "failed": 1}
    assert "bad.nrrd" in summary["cases"][0]["error"]


def test_a_single_schematic_can_stand_for_the_recipe(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(*FEW_IMPORTS)
    command = (
        "cohort",
        "run",
        "lv_outflow",
        folder / "in" / "h00.nrrd",
        "-o",
        tmp_path / "out",
        "--set",
        "LV_neck_WT=3",
    )
    assert ": 1 case, 1 done, 0 failed;" in pycemrg(*command).stdout
    pycemrg("run", "lv_outflow", folder / "in" / "h00.nrrd", "-o", tmp_path / "plain", "--set", "LV_neck_WT=3")
    made, expected = (voxels(tmp_path / one / "heart.nrrd") for one in ("out/cases/h00", "plain"))
    assert (made == expected).all()
    assert "1 done (1 of them before)" in pycemrg(*command).stdout
    assert "1 step" in pycemrg("cohort", "plan", "lv_outflow", folder / "in" / "h00.nrrd").stdout


def test_the_hearts_before_the_recipe(folder: Path, tmp_path: Path) -> None:
    said = pycemrg("cohort", "run", folder / "in", RECIPE, "-o", tmp_path / "out", code=2).stderr
    assert f"Error: the recipe comes first: pycemrg cohort run {RECIPE} {folder / 'in'}" in said
    said = pycemrg("cohort", "plan", folder / "in", RECIPE, code=2).stderr
    assert f"Error: the recipe comes first: pycemrg cohort plan {RECIPE} {folder / 'in'}" in said
    said = pycemrg("cohort", "run", "lv_outflw", folder / "in", "-o", tmp_path / "out", code=1).stderr
    assert said == "error: no recipe or schematic is called 'lv_outflw'; did you mean 'lv_outflow'?\n"


def test_a_scheduler_without_dask(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    command = ("cohort", "run", RECIPE, folder / "in", "-o", tmp_path / "out", "--scheduler", "tcp://node1:8786")
    assert pycemrg(*command, code=1).stderr == (
        "error: --scheduler needs Dask, which is not installed; in a checkout of pycemrg:"
        ' python3 -m pip install . "./plugins/pycemrg-cohort[dask]"\n'
    )
