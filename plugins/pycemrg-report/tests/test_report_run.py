"""``run --with report`` and ``demo`` write the page at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import pycemrg, small_heart
from report_runs import one, report, words

from pycemrg_core.api import file_sha256


@pytest.mark.slow
def test_a_run_writes_its_page(tmp_path: Path) -> None:
    heart = small_heart(tmp_path)
    result = pycemrg("run", "biventricular_basic", heart, "-o", tmp_path / "out", "--with", "report", code=1)
    assert f"{tmp_path / 'out'}: heart.nrrd, run.json, certificate.json and report.html written" in result.stdout
    assert "biventricular_basic" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_demo_writes_its_page(tmp_path: Path) -> None:
    pycemrg("demo", "-o", tmp_path / "demo")
    assert "four_chamber_closed" in (tmp_path / "demo" / "report.html").read_text(encoding="utf-8")


def test_without_asking_there_is_no_page(tmp_path: Path) -> None:
    pycemrg("run", "biventricular_basic", small_heart(tmp_path), "-o", tmp_path / "out")
    assert not (tmp_path / "out" / "report.html").exists()


@pytest.mark.slow
def test_what_the_input_was_made_from(tmp_path: Path) -> None:
    """A record beside the input, such as that of a fusion; one that is about another file is not shown."""
    heart = small_heart(tmp_path)
    fused = {"name": "total <b>", "files": [{"name": "total.nrrd", "sha256": "ab" * 32}], "structures": ["SVC_label"]}
    vein = {"name": "LPV1_label", "volume_ml": 2.04, "method": "mouth", "mouth_mm2": 193.4, "division_mm": 0.0}
    content = {
        "sources": [fused],
        "veins": [{**vein, "confidence": 0.5}],
        "accepted": [{"name": "missing-vein", "text": "there is one vein"}],
        "gaps_closed": {"LV_BP-LA_BP": 1910, "RA_BP-SVC": 38},
        "crops": {"Ao_BP": {"length_mm": 50.0, "voxels": 5241}, "SVC": {"length_mm": 12.5, "voxels": 7}},
        "claims": [{"winner": "LAA_label", "loser": "LA_BP_label", "voxels": 2448}],
    }
    for sha256, shown in ((file_sha256(heart), True), ("0" * 64, False)):
        record = {**content, "output": {"sha256": sha256}}
        (tmp_path / "small.fuse.json").write_text(json.dumps(record), encoding="utf-8")
        pycemrg("run", "left_atrium_with_veins", heart, "-o", tmp_path / "out")
        page = report(tmp_path / "out")
        text = words(one(page, "#run"))
        for what in (
            "total <b> SVC total.nrrd abababababababab",
            "LPV1 2.0 its own mouth, 193 mm² 0.50",
            "missing-vein",
            "gaps closed, voxelsLV_BP-LA_BP 1,910, RA_BP-SVC 38",
            "cut off, voxelsAo_BP 5,241, at 50 mm; SVC 7, at 12.5 mm",
            "overlaps, voxelsLAA over LA_BP 2,448",
        ):
            assert (what in text) is shown
