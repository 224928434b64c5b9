"""A schematic judged alone keeps the snapshots that it names; a label scheme gives the integers that it leaves out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_docs import ROOT, blocks

from pycemrg_core import load_catalogue
from pycemrg_core.api import LabelScheme, Recipe, Schematic
from pycemrg_core.cli.faults import faults
from pycemrg_core.cli.inputs import alone, plan_in_principle
from pycemrg_core.plugins.catalogue import Catalogue

KIT = """
from pycemrg_core.testing import *

class Test_plugin(PluginConformance):
    plugin = "own_cell.py"

class Test_schematics(SchematicConformance):
    plugin = "own_cell.py"

class Test_step(StepConformance):
    plugin = "own_cell.py"
"""
RECIPES = "\n\n@hookimpl\ndef pycemrg_recipes():"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def example() -> str:
    (text,) = (one for one in blocks(ROOT / "docs" / "guides.md", "python") if "class CellRingContract" in one)
    return text


def with_plugin(text: str) -> Catalogue:
    sys.modules.pop("own_cell", None)
    Path("own_cell.py").write_text(text, encoding="utf-8")
    return load_catalogue(local=["own_cell.py"])


def found(catalogue: Catalogue) -> list[str]:
    (plugin,) = (one for one in catalogue.plugins if one.found.name == "own_cell")
    return list(faults(plugin, catalogue))


def integers(catalogue: Catalogue, name: str = "lpv1_own_ring") -> dict[str, int]:
    recipe, settings = alone(catalogue.get(Schematic, name), catalogue)
    return dict(plan_in_principle(recipe, catalogue, settings).labels)


@pytest.mark.usefixtures("folder")
def test_the_example_has_no_faults() -> None:
    catalogue = with_plugin(example())
    assert found(catalogue) == []
    scheme = catalogue.get(LabelScheme, catalogue.get(Recipe, "left_atrium_own_rings").scheme)
    assert integers(catalogue)["SVC_label"] == scheme.labels["SVC_label"]


@pytest.mark.slow
def test_the_example_passes_the_kit(folder: Path) -> None:
    with_plugin(example())
    (folder / "test_them.py").write_text(KIT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), "test_them.py"],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.usefixtures("folder")
def test_without_a_recipe_any_scheme_gives_the_integer() -> None:
    catalogue = with_plugin(example().partition(RECIPES)[0])
    assert found(catalogue) == []
    values = integers(catalogue)
    assert len({*values.values()}) == len(values)
    assert values["LPV1_label"] == 8  # its own stays


@pytest.mark.usefixtures("folder")
def test_a_label_that_nothing_knows_is_a_fault() -> None:
    for text in (example(), example().partition(RECIPES)[0]):
        problems = found(with_plugin(text.replace('["SVC_label"]', '["SVC_lable"]')))
        schematics = [one for one in problems if one.startswith("schematic")]
        assert any("'SVC_lable', which has no integer" in one for one in schematics)
        assert all("'SVC_lable'" in one for one in schematics)


@pytest.mark.usefixtures("folder")
def test_a_recipe_must_keep_the_snapshots_of_its_schematics() -> None:
    problems = found(with_plugin(example().replace(', snapshot="before_rings")', ")")))
    assert problems
    for one in problems:
        assert one.startswith("recipe 'left_atrium_own_rings'")
        assert one.endswith("keeps; put an entry with 'snapshot: before_rings' before it in a recipe")
