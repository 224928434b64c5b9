"""What only tells must start fast: each command in a fresh interpreter, its imports counted."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from plugin_packages import FakeSite, modules_after, schematics_source

from pycemrg_core.plugins.loading import discover

HEAVY = {"numpy", "scipy", "SimpleITK", "cattrs", "yaml", "PIL"}
MOST_MODULES = 150

LISTS = [
    "list-recipes",
    "list-schematics",
    "list-steps",
    "list-metrics",
    "list-schemes",
    "list-augmentations",
    "list-plugins",
]
COMMANDS = [("--help",), ("--version",), *((name,) for name in LISTS), *((name, "--json") for name in LISTS)]
RUN = "from pycemrg_core.cli import main; main()"


@cache
def bare(folder: Path) -> set[str]:
    """What Python itself imports in this environment."""
    return modules_after("pass", cwd=folder)[1]


def beyond(modules: set[str], folder: Path) -> list[str]:
    """What is neither Python's own nor of a plugin that happens to be installed where the tests run."""
    others = {found.module.partition(".")[0] for found in discover() if not found.built_in}
    return sorted(name for name in modules - bare(folder) if name.partition(".")[0] not in others)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_command_that_only_tells(tmp_path_factory: pytest.TempPathFactory, arguments: tuple[str, ...]) -> None:
    folder = tmp_path_factory.getbasetemp()
    code, modules, printed = modules_after(RUN, *arguments, cwd=folder)
    assert code in (0, None)
    assert printed
    assert not HEAVY & modules
    ours = beyond(modules, folder)
    assert len(ours) < MOST_MODULES, f"{len(ours)} modules: {ours}"


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 20 plugins and 300 other distributions."""
    site = FakeSite(tmp_path_factory.mktemp("crowd"))
    for number in range(20):
        site.install(f"crowd-plugin{number}", schematics_source(f"crowded{number}"))
    for number in range(300):
        site.install(
            f"crowd-other{number}", entry_points=f"[console_scripts]\nother{number} = crowd_other{number}:main\n"
        )
    return site.folder


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("--help",), ("list-schematics",), ("list-plugins", "--json")], ids=" ".join)
def test_many_plugins_bring_only_their_own_modules(
    tmp_path_factory: pytest.TempPathFactory, crowd: Path, arguments: tuple[str, ...]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    _, modules, printed = modules_after(RUN, *arguments, path=[crowd], cwd=folder)
    assert not HEAVY & modules
    theirs = {name for name in modules if name.startswith("crowd_")}
    assert theirs == {f"crowd_plugin{number}" for number in range(20)}
    ours = beyond(modules - theirs, folder)
    assert len(ours) < MOST_MODULES, f"{len(ours)} modules: {ours}"
    if arguments != ("--help",):
        assert "crowded19" in printed or "crowd-plugin19" in printed


@pytest.mark.slow
def test_discovery_alone_imports_no_plugin(tmp_path: Path, crowd: Path) -> None:
    work = "from pycemrg_core.plugins.loading import discover; print(len(discover()))"
    _, modules, printed = modules_after(work, path=[crowd], cwd=tmp_path)
    assert int(printed) >= 21
    assert not {name for name in modules if name.startswith(("crowd_", "schematics_builtin", "importlib.metadata"))}


@pytest.mark.slow(every=4)
@pytest.mark.parametrize("door", ["pycemrg_core", "pycemrg_core.api", "pycemrg_core.cli.kit", "pycemrg_core.testing"])
def test_a_door_imports_nothing_until_a_name_is_used(tmp_path: Path, door: str) -> None:
    """Beyond its package: what the command line imports is there anyway when a command is loaded."""
    _, modules, _ = modules_after(f"import {door}", cwd=tmp_path)
    _, before, _ = modules_after(f"import {door.rpartition('.')[0] or 'typing'}", cwd=tmp_path)
    ours = {name for name in modules - before if name.startswith("pycemrg_core")}
    assert ours <= {"pycemrg_core", "pycemrg_core.doors", door}
    assert not {*HEAVY, "pytest"} & modules


@pytest.mark.slow
def test_records_and_hooks_come_without_numpy(tmp_path: Path) -> None:
    _, modules, _ = modules_after("from pycemrg_core.api import Ref, Schematic, hookimpl, reads", cwd=tmp_path)
    assert not HEAVY & modules
