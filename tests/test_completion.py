"""What a shell completes: the names that the plugins contribute."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from pycemrg_core import Recipe, Schematic, load_catalogue
from pycemrg_core.api import LabelScheme, Output
from pycemrg_core.cli import main


def completed(*arguments: str) -> set[str]:
    *given, last = arguments
    return {one.value for one in ShellComplete(main, {}, "pycemrg", "_PYCEMRG_COMPLETE").get_completions(given, last)}


def names(*kinds: type[Recipe | Schematic | LabelScheme | Output], start: str = "") -> set[str]:
    return {one.name for kind in kinds for one in load_catalogue().all(kind) if one.name.startswith(start)}


def test_recipes_and_schematics() -> None:
    assert completed("run", "four_") == names(Recipe, Schematic, start="four_") > {"four_chamber_closed"}
    assert completed("plan", "") == names(Recipe, Schematic)


def test_names_after_options() -> None:
    assert completed("run", "four_chamber_full", "heart.nrrd", "--scheme", "mm") == names(LabelScheme, start="mm")
    assert completed("run", "four_chamber_full", "heart.nrrd", "--then", "rep") == {"repair"}
    assert "LA_WT=" in completed("run", "four_chamber_full", "heart.nrrd", "--set", "LA_")
    assert completed("run", "a", "b", "--with", "picture,cert") == {"picture,certificate"}
    assert completed("certify", "heart.nrrd", "--recipe", "biventricular_") == names(Recipe, start="biventricular_")


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("command", [("certify",), ("repair",), ("labels", "show"), ("clean",), ("compare",)])
def test_schemes_are_completed_everywhere(command: tuple[str, ...]) -> None:
    assert completed(*command, "heart.nrrd", "--scheme", "") == names(LabelScheme)


def test_describe_completes_any_name() -> None:
    found = completed("describe", "")
    assert found > names(Recipe, Schematic, LabelScheme, Output) | {"LA_WT"}
    assert completed("describe", "LA_WT") >= {"LA_WT"}


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_lines_for_a_shell_work(shell: str) -> None:
    """The lines of docs/commands.md: the command answers with the shell's own code, which asks it for names."""
    page = (Path(__file__).resolve().parent.parent / "docs" / "commands.md").read_text(encoding="utf-8")
    assert f"_PYCEMRG_COMPLETE={shell}_source pycemrg" in page
    asked = {**os.environ, "_PYCEMRG_COMPLETE": f"{shell}_source"}
    program = Path(sys.executable).with_name("pycemrg")
    done = subprocess.run([program], env=asked, capture_output=True, text=True, check=True)
    assert f"{shell}_complete" in done.stdout
