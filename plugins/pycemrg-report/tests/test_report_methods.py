"""The paragraph for a paper says what ran: versions, thicknesses, parameters, verdict, papers to cite."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest
from report_runs import make_run, one, record, report, words


@pytest.mark.slow
def test_the_paragraph_says_what_ran(tmp_path: Path) -> None:
    run = make_run(tmp_path, "--set", "LA_WT=2.5", "--set", "RV_WT=4")
    page, data = report(run), record(run)
    text = words(one(page, "#paragraph > p:first-child"))
    assert f"made with pycemrg-core {version('pycemrg-core')} (plugin builtin of pycemrg-core" in text
    assert "by the recipe four_chamber_full, from a segmentation of " in text
    assert " \u00d7 ".join(map(str, data["input"]["size"])) + " voxels of 1.6 \u00d7 1.6 \u00d7 1.6 mm." in text
    assert "; 2.5 mm for the wall of the left atrium; " in text
    assert "; 4 mm for the wall of the right ventricle, the mitral valve, the tricuspid valve," in text
    assert "wall of the left ventricle" not in text  # asked for, and nothing of it was missing
    assert "measured from the centres of the voxels of its lumen to the centres" in text
    for name, number in data["parameters"].items():
        assert f"{name} = {number:g}" in text
    changed = sum(bool(step["ledger"]) for step in data["steps"])
    assert f"Of {len(data['steps'])} steps, {changed} changed voxels." in text
    verdict = words(one(page, ".badge"))
    assert f"; the verdict was {verdict}" in text
    assert f"SHA-256 of the input: {data['input']['sha256']}; of the voxels of the result: " in text
    papers = [words(paper) for paper in page.select("#paragraph > p")[1:]]
    assert [(paper[:3], paper.rpartition("doi:")[2]) for paper in papers] == [
        ("[1]", "10.1371/journal.pone.0235145"), ("[2]", "10.1371/journal.pcbi.1008851"),
    ]  # fmt: skip
    assert "[1, 2]" in text


@pytest.mark.slow
def test_the_paragraph_says_how_else_it_was_made(tmp_path: Path) -> None:
    run = make_run(tmp_path, "--set", "walls_from_surface=1", "--then", "repair")
    assert "measured from the surface of its lumen" in words(one(report(run), "#paragraph"))
    data = record(run)
    for step in data["steps"]:
        step["provider"] = "my_heart"
    (run / "run.json").write_text(json.dumps(data), encoding="utf-8")
    page = report(run)
    text = words(one(page, "#paragraph"))
    assert "by the recipe four_chamber_full, followed by repair, from a segmentation" in text
    assert len(page.select("#paragraph > p")) == 1
    assert "[1, 2]" not in text
