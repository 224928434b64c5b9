"""Another package installs a command ``pycemrg`` too: ours says so; and no text says to install from an index."""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from command_line import pycemrg
from plugin_packages import FakeSite

from pycemrg_core.cli import program

ROOT = Path(__file__).resolve().parents[1]

# What pip, uv and the launchers of Windows write, as far as it is the same.
PROGRAM = "#!{python}\n# -*- coding: utf-8 -*-\nimport re\nimport sys\nfrom {module} import main\nsys.exit(main())\n"
LEGACY = "#!{python}\nfrom importlib.metadata import distribution\nfrom {module} import main\n"

windows = pytest.mark.skipif(os.name == "nt", reason="programs are .exe files there")


def put(folder: Path, module: str, text: str = PROGRAM, name: str = "pycemrg") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text.format(python=sys.executable, module=module), encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An otherwise empty PATH of two folders; returns the first."""
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "first"), str(tmp_path / "second")]))
    monkeypatch.setattr(sys, "argv", ["/somewhere/pycemrg-core"])
    return tmp_path / "first"


def test_both_commands_are_ours() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert scripts == {program.PROGRAM: "pycemrg_core.cli:main", program.OWN: "pycemrg_core.cli:main"}


@windows
@pytest.mark.parametrize("text", [PROGRAM, LEGACY])
def test_the_command_of_another_package(path: Path, text: str) -> None:
    put(path, "pycemrg.cli", text)
    put(path.parent / "second", "pycemrg_core.cli")
    assert program.taken_by() == "pycemrg"
    assert program.note() == (
        "the command 'pycemrg' runs the package 'pycemrg' here; where a text says 'pycemrg', type 'pycemrg-core'"
    )


@windows
def test_what_to_type_where_only_the_module_was_called(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(path, "pycemrg.cli")
    monkeypatch.setattr(sys, "argv", ["/somewhere/pycemrg_core/__main__.py"])
    assert program.note().endswith(f"type '{Path(sys.executable).name} -m pycemrg_core'")


@windows
@pytest.mark.parametrize("text", [PROGRAM, LEGACY])
def test_our_own_command_is_no_matter(path: Path, text: str) -> None:
    put(path.parent / "second", "pycemrg_core.cli", text)
    path.mkdir()
    (path / "pycemrg").write_text("not a program", encoding="utf-8")
    assert program.on_path() == str(path.parent / "second" / "pycemrg")
    assert program.note() == ""


@windows
def test_what_is_not_certain_is_not_said(path: Path) -> None:
    assert program.note() == "", "no such command"
    put(path, "", '#!/bin/sh\nexec pyenv exec "$(basename "$0")" "$@"\n')
    assert program.taken_by() == "", "a wrapper may run anything"
    put(path, "", "\x00\x01 from nowhere")
    assert program.taken_by() == ""


@windows
def test_a_terminal_sees_the_note_a_pipe_does_not(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(path, "pycemrg.cli")
    assert "note" not in pycemrg("list-recipes").stderr
    monkeypatch.setattr("pycemrg_core.cli.app.on_a_terminal", lambda: True)
    assert pycemrg("list-recipes").stderr.startswith("note: the command 'pycemrg' runs the package 'pycemrg' here; ")


@pytest.mark.slow
@windows
def test_a_bug_report_names_the_command(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def told() -> str:
        return str(json.loads(pycemrg("bug-report", "--json").stdout)["command"])

    assert told() == "there is none on the PATH; type 'pycemrg-core'"
    put(path, "pycemrg_core.cli")
    assert told() == "it runs this package"
    put(path, "pycemrg.cli")
    assert told() == "it runs the package 'pycemrg', not this one; type 'pycemrg-core'"
    assert f"- the command 'pycemrg': {told()}" in pycemrg("bug-report").stdout
    site = FakeSite(tmp_path / "site")
    site.install("other-heart", version="0.1.3", entry_points="[console_scripts]\npycemrg = pycemrg.cli:main\n")
    monkeypatch.syspath_prepend(site.folder)
    assert told().endswith("; other-heart 0.1.3 installs a command of that name too")


# ------------------------------------------------------------------------------------------------ installing

TEXTS = [
    *ROOT.glob("*.md"),
    *ROOT.glob("*.txt"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "plugins").rglob("*.md"),
    *(ROOT / "pycemrg_core").rglob("*.py"),
    *(ROOT / "pycemrg_core").rglob("*.txt"),
    *(ROOT / "schematics_builtin").rglob("*.py"),
    *(ROOT / "plugins").rglob("*.py"),
    *(ROOT / "benchmarks").rglob("*.py"),
]


# What a command installs: a file of requirements, a folder here, or what a message puts in.
PLACE = re.compile(r"(-r|-e|--force-reinstall --no-deps)? ?['\"\\]*(\.|plugins/|\{|(\w+/)*requirements[\w-]*\.txt)")


@pytest.mark.slow
def test_nothing_says_to_install_a_name_from_an_index() -> None:
    """None of our packages is there: a stranger could publish one under that name. Nor do we vouch for other names."""
    found = []
    for file in TEXTS:
        for line in re.findall(r"\bpip install ([^\n`&]+)", file.read_text(encoding="utf-8")):
            ours = [word for word in line.split() if re.match(r"['\"]*pycemrg", word)]
            found += [f"{file.relative_to(ROOT)}: {line}"] if ours or not PLACE.match(line) else []
    assert found == []


def test_one_line_installs_everything() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    listed = [line for line in lines if not line.startswith("#")]
    assert sorted(listed) == sorted([".", *(f"./plugins/{path.name}" for path in (ROOT / "plugins").glob("pycemrg-*"))])
    assert f"    {lines[0].partition(': ')[2]}\n" in (ROOT / "README.md").read_text(encoding="utf-8")


def needs(folder: Path) -> set[Path]:
    """The folders of our packages that this one needs, and itself."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[<>=~!\[ ]", text)[0] for text in project["dependencies"]}
    ours = {path.name: path for path in (ROOT / "plugins").glob("pycemrg-*")} | {"pycemrg-core": ROOT}
    return {folder}.union(*(needs(ours[name]) for name in names & ours.keys()))


def test_a_hint_names_all_that_pip_would_else_look_for_on_an_index() -> None:
    hints = tomllib.loads((ROOT / "pycemrg_core" / "text" / "install_hints.toml").read_text(encoding="utf-8"))
    for hint in hints["provider"]:
        folders = [ROOT / folder for folder in hint["folders"]]
        assert set(folders) == needs(folders[-1]), hint["plugin"]
        project = tomllib.loads((folders[-1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert project["name"] == hint["distribution"]


def test_the_pages_of_plugins_name_all_folders_too() -> None:
    """``pip install . ./plugins/pycemrg-report`` would look for pycemrg-metrics on an index."""
    for file in (path for path in TEXTS if path.suffix == ".md"):
        for line in re.findall(r"\bpip install ([^\n`&]*)", file.read_text(encoding="utf-8")):
            words = [word.strip("'\"").partition("[")[0] for word in line.split()]
            given = {(ROOT / word).resolve() for word in words if word == "." or word.startswith((".", "plugins/"))}
            missing = set().union(*(needs(one) for one in given if one != ROOT)) - given
            assert not missing, f"{file.relative_to(ROOT)}: pip install {line}"


def test_this_environment_has_both_commands() -> None:
    names = {one.name for one in metadata.distribution("pycemrg-core").entry_points if one.group == "console_scripts"}
    assert names == {program.PROGRAM, program.OWN}
