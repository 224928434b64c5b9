"""A new kind of contribution takes the three edits that CONTRIBUTING.md says, and all the rest follows from them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from textwrap import indent

import pytest
from plugin_packages import run_python

import pycemrg_core

ROOT = Path(__file__).resolve().parent.parent
MAIN = "from pycemrg_core.cli import main; main()"
CHECK = ("--no-plugins", "list-plugins", "--check", "--plugin")  # what else is installed has tests of its own

Pycemrg = Callable[..., "subprocess.CompletedProcess[str]"]

PLUGIN = """
from pycemrg_core.api import Atlas, Ref, hookimpl

@hookimpl
def pycemrg_atlases():
    yield Atlas(name="mean_heart", summary="the mean of ours", function=Ref("NAME:mean_heart"), subjects=30)

def mean_heart(ARGUMENTS):
    return None
"""


def blocks() -> list[str]:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition("\n## A new kind of contribution\n")[2].partition("\n## ")[0]
    return re.findall(r"^```python\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the core in which the three edits are made."""
    folder = tmp_path_factory.mktemp("copy")
    original = Path(pycemrg_core.__file__).parent
    shutil.copytree(original, folder / "pycemrg_core", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(original.parent / "schematics_builtin", folder / "schematics_builtin")
    api = folder / "pycemrg_core" / "api"
    record, hook, row = blocks()

    def edit(name: str, change: Callable[[str], str]) -> None:
        text = (api / name).read_text(encoding="utf-8")
        (api / name).write_text(change(text), encoding="utf-8")

    def importing(text: str) -> str:
        return text.replace("records import (\n", "records import (\n    Atlas,\n", 1)

    edit("records.py", lambda text: f"{text}\n\n{record}")
    edit("hookspecs.py", lambda text: f"{importing(text)}\n{indent(hook, '    ')}")
    rows = re.compile(r"(\nKINDS: .*?\n)\)\n", re.DOTALL)
    edit("kinds.py", lambda text: rows.sub(rf"\1    {row.strip()},\n)\n", text))
    return folder


@pytest.fixture
def pycemrg(core: Path, tmp_path: Path) -> Pycemrg:
    def run(*arguments: object, code: int = 0, path: tuple[Path, ...] = ()) -> subprocess.CompletedProcess[str]:
        done = run_python(MAIN, *map(str, arguments), path=[core, *path], cwd=tmp_path)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run


def plugin(folder: Path, name: str, arguments: str = "") -> Path:
    file = folder / f"{name}.py"
    file.write_text(PLUGIN.replace("NAME", name).replace("ARGUMENTS", arguments))
    return file


@pytest.mark.slow
def test_it_is_listed_and_described(pycemrg: Pycemrg, tmp_path: Path) -> None:
    file = plugin(tmp_path, "our_atlas")
    assert "list-atlases" in pycemrg("--help").stdout
    assert pycemrg("list-atlases").stdout == "none; no plugin provides an atlas\n"
    (listed,) = json.loads(pycemrg("list-atlases", "--json", "--plugin", file).stdout)
    assert (listed["name"], listed["summary"], listed["plugin"]) == ("mean_heart", "the mean of ours", "our_atlas")
    assert "mean_heart" in pycemrg("list-atlases", "--plugin", file).stdout
    text = pycemrg("describe", "mean_heart", "--plugin", file).stdout
    for line in ("mean_heart: the mean of ours", "kind: atlas", "function: our_atlas:mean_heart", "subjects: 30"):
        assert line in text
    assert "atlas" in pycemrg("describe", "--help").stdout
    provided = json.loads(pycemrg("list-plugins", "--json", "--plugin", file).stdout)["plugins"]
    assert [entry["provides"]["atlas"] for entry in provided if entry["name"] == "our_atlas"] == [["mean_heart"]]


@pytest.mark.slow
def test_it_is_validated(pycemrg: Pycemrg, tmp_path: Path) -> None:
    pycemrg(*CHECK, plugin(tmp_path, "our_atlas"))
    wrong = pycemrg(*CHECK, plugin(tmp_path, "odd_atlas", "heart"), code=1).stdout
    assert "atlas 'mean_heart': function must take 0 arguments: missing a required argument: 'heart'" in wrong
    other = tmp_path / "other.py"
    other.write_text("from pycemrg_core.api import hookimpl\n@hookimpl\ndef pycemrg_atlases():\n    return ['mine']\n")
    text = json.loads(pycemrg("list-plugins", "--json", "--plugin", other).stdout)["plugins"]
    (reason,) = (entry["reason"] for entry in text if entry["name"] == "other")
    assert reason == "pycemrg_atlases must return Atlas records, not 'mine' (other.py:2, in pycemrg_atlases)"


@pytest.mark.slow
def test_two_of_one_name_are_a_conflict(pycemrg: Pycemrg, tmp_path: Path) -> None:
    one, two = plugin(tmp_path, "one_atlas"), plugin(tmp_path, "two_atlas")
    text = pycemrg("list-plugins", "--plugin", one, "--plugin", two).stdout
    assert "conflict: atlas 'mean_heart' is provided by one_atlas (local file), two_atlas (local file); " in text
    assert pycemrg("describe", "two_atlas:mean_heart", "--plugin", one, "--plugin", two).stdout


@pytest.mark.slow
def test_new_plugin_offers_it(pycemrg: Pycemrg, tmp_path: Path) -> None:
    assert "atlas" in pycemrg("new-plugin", "--help").stdout
    pycemrg("new-plugin", "my-atlas", "--with", "atlas,metric")
    folder = tmp_path / "my-atlas"
    written = (folder / "my_atlas" / "plugin.py").read_text(encoding="utf-8")
    assert 'name="my_atlas_mean_heart"' in written
    assert 'Ref("my_atlas.atlases:mean_heart")' in written
    assert "def mean_heart():" in (folder / "my_atlas" / "atlases.py").read_text(encoding="utf-8")
    checked = pycemrg(*CHECK, folder / "my_atlas" / "plugin.py", path=(folder,))
    assert checked.stdout.endswith("no faults found\n")
    form = ["ruff", "format", "--isolated", "--check", "."]
    subprocess.run(form, cwd=folder, check=True, capture_output=True)
