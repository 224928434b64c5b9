"""The folder of a plugin of ours is a template: copied and renamed, it works outside this repository.

``pycemrg-dicom`` is the smallest; ``pycemrg-spatial`` has commands.
"""

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
TEMPLATES = {
    "pycemrg-dicom": ("list-readers", "dicom-series"),
    "pycemrg-spatial": ("voxelise", "Usage: pycemrg voxelise "),
}
NEW, SMALLEST = "heart-lab", "pycemrg-dicom"


def copied(template: str, folder: Path) -> Path:
    """A copy of the plugin's folder in which its name is another, as an author would make it."""
    new = folder / NEW
    shutil.copytree(PLUGINS / template, new, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    module, new_module = (name.replace("-", "_") for name in (template, NEW))
    (new / module).rename(new / new_module)
    for file in new.rglob("*"):
        if file.suffix in (".py", ".md", ".toml"):
            text = file.read_text(encoding="utf-8").replace(template, NEW).replace(module, new_module)
            file.write_text(text, encoding="utf-8")
    name = template.removeprefix("pycemrg-")
    entry_point = (new / "pyproject.toml").read_text(encoding="utf-8").replace(f"{name} = ", "heart_lab = ")
    (new / "pyproject.toml").write_text(entry_point, encoding="utf-8")
    return new


@pytest.mark.heavy
@pytest.mark.parametrize("template", TEMPLATES)
def test_a_copy_of_one_of_our_plugins_works_elsewhere(core: Environment, tmp_path: Path, template: str) -> None:
    new = copied(template, tmp_path)
    core.install("-e", new)
    plugin = core.plugins("--check")["heart_lab"]
    assert (plugin["distribution"], plugin["state"], plugin["faults"]) == (NEW, "loaded", [])
    command, shown = TEMPLATES[template]
    assert shown in core.pycemrg(*([command] if command.startswith("list-") else [command, "--help"])).stdout
    # Its own tests, with nothing of ours but what is installed. Those of the smallest are few: all of them.
    printed = core.pytest(*(() if template == SMALLEST else ("-m", "not slow")), cwd=new)
    assert re.search(r"\d+ passed(, \d+ deselected)? in", printed), printed
    core.uninstall(NEW)
    assert "heart_lab" not in core.plugins()


def test_the_readme_of_the_plugins_names_the_smallest() -> None:
    def lines(folder: Path) -> int:
        return sum(len(file.read_text(encoding="utf-8").splitlines()) for file in folder.rglob("*.py"))

    assert min(PLUGINS.glob("pycemrg-*"), key=lines).name == SMALLEST
    assert f"copy `{SMALLEST}`" in (PLUGINS / "README.md").read_text(encoding="utf-8")
