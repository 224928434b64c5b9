"""The folder of a plugin of ours is a template: copied and renamed, it works outside this repository."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from wheelhouse import Environment

pytest_plugins = ("wheelhouse",)

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
TEMPLATE, NEW = "pycemrg-spatial", "heart-meshes"


def copied(folder: Path) -> Path:
    """A copy of the plugin's folder in which its name is another, as an author would make it."""
    new = folder / NEW
    shutil.copytree(PLUGINS / TEMPLATE, new, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    module, new_module = (name.replace("-", "_") for name in (TEMPLATE, NEW))
    (new / module).rename(new / new_module)
    for file in new.rglob("*"):
        if file.suffix in (".py", ".md", ".toml"):
            text = file.read_text(encoding="utf-8").replace(TEMPLATE, NEW).replace(module, new_module)
            file.write_text(text, encoding="utf-8")
    entry_point = (new / "pyproject.toml").read_text(encoding="utf-8").replace("spatial = ", "heart_meshes = ")
    (new / "pyproject.toml").write_text(entry_point, encoding="utf-8")
    return new


@pytest.mark.heavy
def test_a_copy_of_one_of_our_plugins_works_elsewhere(core: Environment, tmp_path: Path) -> None:
    new = copied(tmp_path)
    core.install("-e", new)
    plugin = core.plugins("--check")["heart_meshes"]
    assert (plugin["distribution"], plugin["state"], plugin["faults"]) == (NEW, "loaded", [])
    assert core.pycemrg("voxelise", "--help").stdout.startswith("Usage: pycemrg voxelise ")
    # Its own tests, with nothing of ours but what is installed.
    printed = core.pytest("-m", "not slow", cwd=new)
    assert re.search(r"\d+ passed, \d+ deselected in", printed), printed
    core.uninstall(NEW)
    assert "heart_meshes" not in core.plugins()


def test_the_readme_of_the_plugins_names_it() -> None:
    assert f"copy `{TEMPLATE}`" in (PLUGINS / "README.md").read_text(encoding="utf-8")
