"""``run --with report`` and ``demo`` write the page at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import HEART, pycemrg


@pytest.mark.slow
def test_a_run_writes_its_page(tmp_path: Path) -> None:
    result = pycemrg("run", "biventricular_basic", HEART, "-o", tmp_path / "out", "--with", "report", code=1)
    assert f"{tmp_path / 'out'}: heart.nrrd, run.json, certificate.json and report.html written" in result.stdout
    assert "biventricular_basic" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_demo_writes_its_page(tmp_path: Path) -> None:
    pycemrg("demo", "-o", tmp_path / "demo")
    assert "four_chamber_closed" in (tmp_path / "demo" / "report.html").read_text(encoding="utf-8")


def test_without_asking_there_is_no_page(tmp_path: Path) -> None:
    pycemrg("run", "biventricular_basic", HEART, "-o", tmp_path / "out")
    assert not (tmp_path / "out" / "report.html").exists()
