"""The page on what does not work: its messages are real. Those of its commands are checked with the page itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command_line import pycemrg, small_heart
from test_docs import DOCS, fences
from test_program import put, windows

from pycemrg_core.cli import program

PAGE = DOCS / "troubleshooting.md"


def block(title: str) -> str:
    (text,) = (one.text for one in fences(PAGE) if one.attributes.get("title") == title)
    return text.strip()


def test_out_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heart = small_heart(tmp_path)
    what = "Unable to allocate 23.9 MiB for an array with shape (297, 264, 320) and data type uint8"

    def full(*_: object) -> None:
        raise MemoryError(what)

    monkeypatch.setattr("pycemrg_core.recipes.runner.WorkingVolume", full)
    command = ("run", "left_atrium_with_veins", heart, "-o", tmp_path / "out", "--no-check")
    assert pycemrg(*command, code=1).stderr.splitlines()[-1] == block("memory")
    what = ""
    assert "error: out of memory: no more can be had; end other programs" in pycemrg(*command, code=1).stderr
    assert not (tmp_path / "out" / "heart.nrrd").exists()


@windows
def test_another_command_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "bin", "pycemrg.cli")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr("sys.argv", ["/somewhere/pycemrg-core"])
    assert f"note: {program.note()}" == block("clash")


def test_the_words_of_the_table_are_in_the_sections() -> None:
    """Who searches the page for what a terminal said finds it, and the table leads there."""
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*) \| \[(.*?)\]\(#.*?\) \|$", text, re.MULTILINE)
    assert len(rows) > 10
    for cell, heading in rows:
        section = re.split(r"^## ", text.partition(f"## {heading}\n")[2], flags=re.MULTILINE)[0]
        assert any(word in section for word in re.findall(r"`(.*?)`", cell)), heading


def test_the_times_are_those_that_were_measured() -> None:
    measured = (DOCS / "performance.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(.*?)` \| ([\d.]+) \| (\d+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == 4
    for command, seconds, memory in rows:
        assert re.search(
            rf"^\| 320x264x297 \| {command} \| {seconds} \|.*\| {memory} \| 0\.0 \|$", measured, re.MULTILINE
        )
