"""A new plugin package: every choice of parts gives one that loads, has no faults and is formatted."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line import contents, pycemrg

from pycemrg_core.api.kinds import KINDS, kind_of
from pycemrg_core.cli.faults import faults
from pycemrg_core.plugins.catalogue import load_catalogue
from pycemrg_core.plugins.loading import GROUP, Found, Policy, discover

pytestmark = pytest.mark.usefixtures("loaded_once")

PARTS = [kind.part for kind in KINDS]
DATA = [kind.part for kind in KINDS if kind.data]
FIRST = PARTS[:4]
CHOICES = [
    *(",".join(parts) for size in range(1, 5) for parts in itertools.combinations(FIRST, size)),
    *PARTS[4:],
    ",".join(PARTS),
]
YAML_CHOICES = [",".join(parts) for size in range(1, 4) for parts in itertools.combinations(DATA, size)]


@pytest.fixture
def importing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """Makes the package of a folder importable, which is forgotten afterwards."""
    known = set(sys.modules)
    yield monkeypatch.syspath_prepend
    for name in set(sys.modules) - known:
        if name.partition(".")[0] == "my_heart_steps":
            del sys.modules[name]


@pytest.mark.slow
@pytest.mark.parametrize("parts", CHOICES)
def test_every_choice_of_parts_works(tmp_path: Path, parts: str, importing: Callable[[Path], None]) -> None:
    pycemrg("new-plugin", "my-heart-steps", "--with", parts, "-o", tmp_path)
    folder = tmp_path / "my-heart-steps"
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    (module,) = project["project"]["entry-points"]["pycemrg.v1"].values()
    importing(folder)
    built_in = [found for found in discover() if found.built_in]
    catalogue = load_catalogue(Policy(strict=True), found=[*built_in, Found("mine", "mine", "1", GROUP, module)])
    (mine,) = (plugin for plugin in catalogue.plugins if plugin.found.name == "mine")
    assert str(folder) in str(sys.modules[module].__file__)
    assert sorted(kind_of(record).word for record in mine.records) == sorted(parts.replace("-", " ").split(","))
    assert list(faults(mine, catalogue)) == []
    assert not {name for name in contents(folder) if "partial" in name}


@pytest.mark.slow
@pytest.mark.parametrize("parts", YAML_CHOICES)
def test_a_package_of_yaml_alone(tmp_path: Path, parts: str) -> None:
    pycemrg("new-plugin", "my-study", "--yaml", "--with", parts, "-o", tmp_path)
    folder = tmp_path / "my-study"
    assert [name for name in contents(folder) if name.endswith(".py")] == ["tests/test_contributions.py"]
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["my_study"]
    assert project["project"]["entry-points"]["pycemrg.v1"] == {"my_study": "my_study:contributions.yaml"}
    file = folder / "my_study" / "contributions.yaml"
    listed = pycemrg("--no-plugins", "list-plugins", "--json", "--plugin", file).stdout
    (mine,) = (entry for entry in json.loads(listed)["plugins"] if entry["name"] == "contributions")
    # --check would look at the built-in plugins too, for each choice again.
    catalogue = load_catalogue(Policy(allow=frozenset()), local=[file])
    (loaded,) = (plugin for plugin in catalogue.plugins if plugin.found.name == "contributions")
    assert list(faults(loaded, catalogue)) == []
    assert [word.replace(" ", "-") for word, names in mine["provides"].items() if names] == parts.split(",")


@pytest.mark.slow
@pytest.mark.parametrize("parts", [",".join(FIRST), ",".join(PARTS)])
def test_its_own_tests_pass_and_its_form_is_good(tmp_path: Path, parts: str) -> None:
    pycemrg("new-plugin", "my-heart-steps", "-o", tmp_path, "--with", parts)
    folder = tmp_path / "my-heart-steps"
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert tests.returncode == 0, tests.stdout
    for form in (["check", "--select", "E,F,I,B,UP"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *form[:1], "--isolated", *form[1:], "."]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_what_it_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = pycemrg("new-plugin", "my-recipes", "--with", "recipe").stdout.splitlines()
    assert lines == [
        *(f"my-recipes/{name}" for name in ("pyproject.toml", "README.md", "my_recipes/__init__.py")),
        "my-recipes/my_recipes/plugin.py",
        "my-recipes/tests/test_contributions.py",
        'next: cd my-recipes && pip install -e ".[test]" && pytest && pycemrg list-plugins --check',
    ]
    assert all((tmp_path / line).is_file() for line in lines[:-1])


@pytest.mark.parametrize("name", ["../escaped", "a/b", ".", "..", "My-Heart", "my_heart", "1st", "-a", "a" * 41])
def test_a_name_that_is_no_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "inside").mkdir()
    before = contents(tmp_path)
    stderr = pycemrg("new-plugin", "-o", tmp_path / "inside", "--", name, code=1).stderr
    assert stderr == (
        f"error: {name!r} cannot name a package; use lower-case letters, digits and '-': my-heart-steps\n"
    )
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["class", "json"])
def test_a_name_of_python_itself(tmp_path: Path, name: str) -> None:
    stderr = pycemrg("new-plugin", name, "-o", tmp_path, code=1).stderr
    assert stderr == f"error: {name!r} is a name of Python itself; choose another, such as my-{name}\n"


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("three years of work", encoding="utf-8")
    before = contents(tmp_path)
    stderr = pycemrg("new-plugin", "mine", "-o", tmp_path, code=1).stderr
    assert stderr == f"error: {tmp_path / 'mine'}: already exists; choose another name\n"
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ("schematc", f"--with knows no 'schematc'; did you mean 'schematic' or 'check'? (known: {', '.join(PARTS)})"),
        (" , ", f"--with needs at least one of {', '.join(PARTS)}"),
    ],
)
def test_parts_that_are_not_known(tmp_path: Path, parts: str, text: str) -> None:
    assert text in pycemrg("new-plugin", "mine", "--with", parts, "-o", tmp_path, code=2).stderr
    assert contents(tmp_path) == {}


def test_help_lists_every_kind() -> None:
    text = " ".join(pycemrg("new-plugin", "--help").stdout.split())
    assert ", ".join(PARTS) in text
    assert f"without code: {', '.join(DATA)}" in text


def test_yaml_holds_no_code(tmp_path: Path) -> None:
    stderr = pycemrg("new-plugin", "mine", "--yaml", "--with", "recipe,step", "-o", tmp_path, code=2).stderr
    assert f"--yaml cannot write a step, which needs code; choose from {', '.join(DATA)}" in stderr
    assert contents(tmp_path) == {}
