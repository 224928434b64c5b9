"""The example packages, installed from their wheels: they appear in the lists, run, and pass their own tests."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import SimpleITK as sitk
from command_line import HEART, voxels

from pycemrg_core import __version__, load_catalogue, run_recipe

if TYPE_CHECKING:
    from wheelhouse import Environment

pytest_plugins = ("wheelhouse",)

EXAMPLES = Path(__file__).resolve().parents[1] / "plugins" / "examples"
CORE = "pycemrg-core"
INTERNAL_PART, PAPER, PARTITION = "pycemrg-internal-part", "pycemrg-paper-recipes", "pycemrg-partition"
BUILT_IN = f"{CORE} {__version__}"


@pytest.fixture(scope="module")
def installed(make_environment: Callable[..., Environment]) -> Environment:
    return make_environment(CORE, INTERNAL_PART, PAPER, PARTITION)


def record_of(folder: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return record


def test_what_they_contribute_appears_in_the_lists(installed: Environment) -> None:
    kinds = ("schematics", "recipes", "steps", "schemes", "metrics")
    theirs = {
        kind: {name: provider for name, provider in listed.items() if provider != BUILT_IN}
        for kind, listed in zip(kinds, installed.names(*kinds), strict=True)
    }
    assert theirs["schematics"] == {
        "rv_outflow": "pycemrg-internal-part 1.0",
        "la_push_part": "pycemrg-internal-part 1.0",
        "ra_push_part": "pycemrg-internal-part 1.0",
        "partition_rpv1_svc": "pycemrg-partition 1.0",
    }
    assert theirs["recipes"] == {
        "four_chamber_internal_part": "pycemrg-internal-part 1.0",
        "thin_atria": "pycemrg-paper-recipes 1.0",
        "thick_atria": "pycemrg-paper-recipes 1.0",
        "thin_atria_internal_part": "pycemrg-paper-recipes 1.0",
        "four_chamber_partitioned": "pycemrg-partition 1.0",
    }
    assert theirs["steps"] == {"partition": "pycemrg-partition 1.0"}
    assert theirs["schemes"] == {"paper-labels": "pycemrg-paper-recipes 1.0"}
    assert theirs["metrics"] == {"open_faces": "pycemrg-partition 1.0"}


def test_nothing_is_wrong_with_them(installed: Environment) -> None:
    checked = installed.pycemrg("list-plugins", "--check")
    assert checked.stdout.endswith("no faults found\n")
    assert checked.stderr == ""
    assert {plugin["state"] for plugin in installed.plugins().values()} == {"loaded"}


def instructions(name: str) -> tuple[list[list[str]], list[str]]:
    """The pycemrg commands and the Python blocks of a README."""
    text = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    commands = [line.split()[1:] for line in text.splitlines() if line.startswith("    pycemrg ")]
    return commands, [block.partition("```")[0] for block in text.split("```python\n")[1:]]


@pytest.fixture(scope="module")
def out(installed: Environment, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder that the command of each README writes, on the heart that ships with pycemrg."""
    folders = {}
    for name in (INTERNAL_PART, PAPER, PARTITION):
        work = tmp_path_factory.mktemp("work")
        shutil.copy(HEART, work / "heart.nrrd")
        (words,) = instructions(name)[0]
        installed.pycemrg(*words, cwd=work)
        folders[name] = work / "out"
    return folders


@pytest.mark.parametrize(
    ("name", "recipe", "plugin"),
    [
        (INTERNAL_PART, "four_chamber_internal_part", "internal_part"),
        (PAPER, "thin_atria", "paper_recipes"),
        (PARTITION, "four_chamber_partitioned", "partition"),
    ],
)
def test_their_recipes_run_and_the_record_names_them(out: dict[str, Path], name: str, recipe: str, plugin: str) -> None:
    record = record_of(out[name])
    assert record["recipe"] == recipe
    assert {(p["name"], p["distribution"], p["version"]) for p in record["plugins"]} == {
        ("builtin", CORE, __version__),
        (plugin, name, "1.0"),
    }


def test_the_step_of_a_plugin_is_the_one_that_ran(out: dict[str, Path]) -> None:
    usual = run_recipe("four_chamber_full", sitk.ReadImage(str(HEART)), load_catalogue()).image
    before, after = sitk.GetArrayFromImage(usual), voxels(out[PARTITION] / "heart.nrrd")
    changed = before != after
    assert set(before[changed].tolist()) == {10}, "partition_rpv1_svc turns RPV1 into wall and touches nothing else"
    assert set(after[changed].tolist()) == {105}
    last = record_of(out[PARTITION])["steps"][-1]
    assert (last["name"], last["step"], last["provider"]) == ("partition_rpv1_svc", "partition", "partition")
    assert sum(entry["voxels"] for entry in last["ledger"]) == np.count_nonzero(changed)


def test_the_python_of_a_readme_runs_on_what_its_command_wrote(installed: Environment, out: dict[str, Path]) -> None:
    (code,) = instructions(PARTITION)[1]
    assert installed.python("-c", code, cwd=out[PARTITION].parent) == "0.0 mm2\n", "what is closed has no open faces"


@pytest.mark.heavy
def test_they_pass_their_own_tests_where_they_are_installed(installed: Environment, tmp_path: Path) -> None:
    """Only the tests are copied, so that what they import is what is installed."""
    modules = []
    for name in (INTERNAL_PART, PAPER, PARTITION):
        shutil.copytree(EXAMPLES / name / "tests", tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        modules.append(name.replace("-", "_"))
    where = installed.python("-c", "\n".join(f"import {name} as m; print(*m.__path__)" for name in modules))
    assert all(Path(line).is_relative_to(installed.folder) for line in where.splitlines()), where
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    printed = installed.pytest(cwd=tmp_path)
    assert " passed" in printed
