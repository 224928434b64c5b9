"""What is written twice about this repository says the same."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from pycemrg_core import __version__

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PLUGINS = {path.parent.name for path in (ROOT / "plugins").glob("*/pyproject.toml")}


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_pip_and_uv_install_the_same() -> None:
    """Our own packages, each with the same extras."""
    lines = [line.removeprefix("-e ") for line in text("requirements-dev.txt").splitlines() if line.startswith("-e ")]
    by_pip = {line.replace("./plugins/", "").replace(".[", "pycemrg-core[") for line in lines}
    assert by_pip == set(PROJECT["dependency-groups"]["dev"])
    assert (
        {name.partition("[")[0] for name in by_pip}
        == {"pycemrg-core", *PLUGINS}
        == set(PROJECT["tool"]["uv"]["sources"])
    )


def test_types_and_coverage_look_at_all_our_packages() -> None:
    packages = {"pycemrg_core", "schematics_builtin", *(name.replace("-", "_") for name in PLUGINS)}
    assert set(PROJECT["tool"]["mypy"]["packages"]) == packages
    assert set(PROJECT["tool"]["coverage"]["run"]["source_pkgs"]) == packages


def test_the_command_of_the_readme_is_one_short_line() -> None:
    commands = re.findall(
        r"^    (python3 -m pip install .*) && (python3 -m pytest.*)$", text("README.md"), re.MULTILINE
    )
    assert commands == [("python3 -m pip install -r requirements-dev.txt", "python3 -m pytest")]


def test_the_lowest_versions_are_those_of_the_projects() -> None:
    printed = subprocess.run(
        [sys.executable, ".ci/lowest.py"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    ).stdout.splitlines()
    assert printed == sorted(printed)
    names = {line.partition("==")[0] for line in printed}
    needed = {re.split(r"[<>=~!\[ ]", line)[0] for line in PROJECT["project"]["dependencies"]}
    assert needed <= names


def test_the_citation_is_of_this_version() -> None:
    """What the schema of the Citation File Format, 1.2.0, requires, and what is written twice."""
    cited = yaml.safe_load(text("CITATION.cff"))
    assert {"authors", "cff-version", "message", "title"} <= cited.keys()
    assert (cited["cff-version"], cited["version"], cited["type"]) == ("1.2.0", __version__, "software")
    assert cited["license"] == PROJECT["project"]["license"]
    assert cited["authors"] == PROJECT["project"]["authors"]
    attribution = text("schematics_builtin/demo/data/ATTRIBUTION.md")
    for work in cited["references"]:
        assert {"type", "title", "authors"} <= work.keys()
        assert work["doi"] in attribution
        assert all(author.keys() <= {"name", "family-names", "given-names"} for author in work["authors"])


def test_python_versions_agree() -> None:
    classified = re.findall(r"Python :: (3\.\d+)", text("pyproject.toml"))
    workflow = yaml.safe_load(text(".github/workflows/test.yml"))
    assert workflow["jobs"]["matrix"]["strategy"]["matrix"]["python"] == classified
    assert PROJECT["project"]["requires-python"] == f">={classified[0]}"


@pytest.mark.parametrize("name", ["bug.yml", "wish.yml"])
def test_both_templates_of_issues_ask_for_a_bug_report(name: str) -> None:
    template = yaml.safe_load(text(f".github/ISSUE_TEMPLATE/{name}"))
    (asked,) = (part for part in template["body"] if "pycemrg bug-report" in part["attributes"]["label"])
    assert asked["validations"]["required"]


@pytest.mark.parametrize("name", ["requirements-dev.txt", ".pre-commit-config.yaml", "pyproject.toml", ".ci/run"])
def test_no_host_of_a_registry_is_named(name: str) -> None:
    assert "://" not in text(name)


def test_tasks_are_those_of_the_guide() -> None:
    listed = set(re.findall(r"^\| `poe (\w+)` \|", text("CONTRIBUTING.md"), re.MULTILINE))
    assert listed == {name for name in PROJECT["tool"]["poe"]["tasks"] if not name.startswith("_")}
