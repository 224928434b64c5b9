"""``bug-report``: versions, plugins and platform, and no path of the user's."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib import metadata
from pathlib import Path

import pytest
from command_line import pycemrg

import pycemrg_core
from pycemrg_core import Policy, Recipe, load_catalogue
from pycemrg_core.api import Schematic


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    """A plugin in a personal folder whose failure speaks of it."""
    folder = tmp_path / "Jane Doe's hearts"
    folder.mkdir()
    path = folder / "secret heart.py"
    text = f"cannot read {folder}/patients/Jane.nrrd"
    path.write_text(f"raise RuntimeError({text!r})\n", encoding="utf-8")
    return path


def test_it_names_versions_and_plugins(failing: Path) -> None:
    text = pycemrg("bug-report", "--plugin", failing).stdout
    assert f"pycemrg {pycemrg_core.__version__}, CPython {platform.python_version()}" in text
    for library in ("numpy", "scipy", "click", "pluggy"):
        assert f"{library} {metadata.version(library)}" in text
    assert "| builtin | pycemrg-core" in text
    catalogue = load_catalogue(Policy(allow=frozenset()))
    (built_in,) = (plugin for plugin in catalogue.plugins if plugin.found.name == "builtin")
    counts = [sum(type(record) is kind for record in built_in.records) for kind in (Schematic, Recipe)]
    assert f"| loaded | {counts[0]} schematics, {counts[1]} recipes," in text
    version = hashlib.sha256(failing.read_bytes()).hexdigest()[:12]
    assert f"| secret heart | local file {version} | pycemrg.v1 | failed | importing" in text


@pytest.mark.slow
def test_it_holds_no_personal_path(failing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYCEMRG_PLUGINS", str(tmp_path / "mine"))
    monkeypatch.chdir(failing.parent)
    for form in ((), ("--json",)):
        text = pycemrg("bug-report", "--plugin", failing, *form).stdout
        for private in (str(tmp_path), "Jane Doe", str(Path.home())):
            assert private not in text
        assert "Jane.nrrd" in text  # the file's name says what failed


def test_json(failing: Path) -> None:
    report = json.loads(pycemrg("bug-report", "--json", "--plugin", failing).stdout)
    assert report["pycemrg"] == pycemrg_core.__version__
    assert report["libraries"]["numpy"] == metadata.version("numpy")
    assert {entry["name"]: entry["state"] for entry in report["plugins"]}["secret heart"] == "failed"
