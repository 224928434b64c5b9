"""``pycemrg.toml``: listed plugins are used when the user says so, and never because the file lies there."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from command_line import pycemrg

_numbers = itertools.count(1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a plugin that leaves a trace when it is imported, and a recipe in YAML."""
    monkeypatch.chdir(tmp_path)
    module = f"project_heart{next(_numbers)}"
    source = f"from pathlib import Path\nPath({str(tmp_path / 'trace')!r}).touch()\n"
    source += "from pycemrg_core.api import Recipe, hookimpl\n\n\n@hookimpl\ndef pycemrg_recipes():\n"
    source += "    yield Recipe(name='of_code', steps=('mitral_valve',))\n"
    (tmp_path / f"{module}.py").write_text(source, encoding="utf-8")
    (tmp_path / "mine.yaml").write_text("recipes: {of_yaml: {steps: [mitral_valve]}}", encoding="utf-8")
    (tmp_path / "pycemrg.toml").write_text(f'[plugins]\nfiles = ["{module}.py", "mine.yaml"]\n', encoding="utf-8")
    return tmp_path


def test_nothing_runs_because_it_lies_there(folder: Path) -> None:
    for command in ("list-recipes", "--help", "list-plugins"):
        assert "of_yaml" not in pycemrg(command).stdout
    assert not (folder / "trace").exists()


def test_list_plugins_says_how_to_use_it(folder: Path) -> None:
    note = "note: pycemrg.toml is not used; to use it, give --project or PYCEMRG_PROJECT=1\n"
    assert pycemrg("list-plugins").stderr == note
    assert pycemrg("list-plugins", "--project").stderr == ""


@pytest.mark.parametrize("arguments", [("list-recipes", "--project"), ("--project", "list-recipes")])
def test_the_option(folder: Path, arguments: tuple[str, ...]) -> None:
    listed = pycemrg(*arguments).stdout
    assert "of_code" in listed
    assert "of_yaml" in listed
    assert (folder / "trace").exists()


@pytest.mark.parametrize(("value", "used"), [("1", True), ("0", False), ("", False)])
def test_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch, value: str, used: bool) -> None:
    monkeypatch.setenv("PYCEMRG_PROJECT", value)
    assert ("of_yaml" in pycemrg("list-recipes").stdout) is used
    assert (folder / "trace").exists() is used


def test_no_plugins_wins_over_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYCEMRG_PROJECT", "1")
    assert "of_yaml" not in pycemrg("list-recipes", "--no-plugins").stdout
    assert not (folder / "trace").exists()


def test_without_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "error: no pycemrg.toml in this folder; write one, or leave out --project\n"
    assert pycemrg("list-recipes", "--project", code=1).stderr == text
    # The environment may be set for all folders.
    monkeypatch.setenv("PYCEMRG_PROJECT", "1")
    pycemrg("list-recipes")


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("[plugins\n", "pycemrg.toml: cannot read it: "),
        ("[plugin]\nfiles = []\n", "pycemrg.toml: unknown key plugin (known: plugins)"),
        ("[plugins]\nfile = []\n", "pycemrg.toml: unknown key plugins.file (known: plugins.files)"),
        (
            "[plugins]\nfiles = 'a.py'\n",
            'pycemrg.toml: plugins.files is missing or wrong; write [plugins] and files = ["my_heart.py"]',
        ),
        ("", 'pycemrg.toml: plugins is missing or wrong; write [plugins] and files = ["my_heart.py"]'),
        ("[plugins]\nfiles = [3]\n", "pycemrg.toml: plugins.files holds 3; give a list of paths"),
        ("[plugins]\nfiles = ['gone.py']\n", "./gone.py: no such plugin file; give a .py or .yaml file that exists"),
    ],
)
def test_what_is_wrong_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, refusal: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pycemrg.toml").write_text(text, encoding="utf-8")
    assert pycemrg("list-recipes", "--project", code=1).stderr.startswith(f"error: {refusal}")
