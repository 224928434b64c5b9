"""Plugins come, go, are upgraded and required, in environments of their own and from real wheels."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from command_line import HEART, voxels

from pycemrg_core import __version__

if TYPE_CHECKING:
    from wheelhouse import Environment

pytest_plugins = ("wheelhouse",)

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
EXAMPLES = PLUGINS / "examples"
CORE, INTERNAL_PART, PAPER = "pycemrg-core", "pycemrg-internal-part", "pycemrg-paper-recipes"


def record_of(folder: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return record


def test_the_core_alone_is_a_whole_product(core: Environment, tmp_path: Path) -> None:
    found = core.plugins()
    assert set(found) == {"builtin", "certificate", "demo", "fusing", "labels", "pictures", "readers"}
    assert {(plugin["state"], plugin["version"]) for plugin in found.values()} == {("loaded", __version__)}
    *lists, metrics, augmentations = core.names("steps", "schematics", "schemes", "metrics", "augmentations")
    for listed, some in zip(lists, ({"create", "push"}, {"aortic_wall"}, {"cemrg"}), strict=True):
        assert some <= listed.keys()
        assert set(listed.values()) == {f"{CORE} {__version__}"}
    # What the other packages bring is absent, and nobody complains.
    assert metrics == augmentations == {}
    assert "python3 -m pip install . ./plugins/pycemrg-metrics" in core.pycemrg("compare", code=1).stderr
    for words in (["--help"], ["list-recipes"], ["list-metrics"], ["list-plugins", "--check"]):
        assert core.pycemrg(*words).stderr == "", words
    core.pycemrg("demo", cwd=tmp_path)
    assert np.count_nonzero(voxels(tmp_path / "pycemrg_demo" / "heart.nrrd") == 104), "a left atrial wall"


# distribution: entry of a list, and its commands
FIRST_PARTY = {
    "pycemrg-metrics": (("metrics", "dice"), ("compare", "measure")),
    "pycemrg-augment": (("augmentations", "gamma"), ("augment",)),
    "pycemrg-spatial": (None, ("sample", "voxelise")),
    "pycemrg-report": (None, ("report",)),
    "pycemrg-cohort": (None, ("cohort",)),
    "pycemrg-mesh": (None, ("mesh",)),
    "pycemrg-dicom": (("readers", "dicom-segmentation"), ()),
}


def test_our_plugins_appear_when_installed_and_are_gone_when_removed(core: Environment) -> None:
    before, usage_before = core.plugins(), core.pycemrg("--help").stdout
    core.install(*FIRST_PARTY)
    plugins = {plugin["distribution"]: plugin for plugin in core.plugins().values()}
    usage = core.pycemrg("--help").stdout
    kinds = [entry[0] for entry, _ in FIRST_PARTY.values() if entry]
    providers = dict(zip(kinds, core.names(*kinds), strict=True))
    for name, (entry, commands) in FIRST_PARTY.items():
        project = tomllib.loads((PLUGINS / name / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert (plugins[name]["state"], plugins[name]["version"]) == ("loaded", project["version"])
        if entry:
            kind, contribution = entry
            assert providers[kind][contribution] == f"{name} {project['version']}"
        for command in commands:
            assert f"\n  {command} " in usage
            assert core.pycemrg(command, "--help").stdout.startswith(f"Usage: pycemrg {command} ")
    core.uninstall(*FIRST_PARTY)
    assert core.plugins() == before
    assert core.pycemrg("--help").stdout == usage_before


def test_a_recipe_says_what_it_misses_and_works_once_that_is_there(core: Environment, tmp_path: Path) -> None:
    before = core.plugins()
    core.install("-e", EXAMPLES / PAPER)  # a package without code can be worked on like any other
    run = ("run", "thin_atria_internal_part", HEART, "-o", "out")
    refused = core.pycemrg(*run, cwd=tmp_path, code=1)
    missing = (
        "recipe 'thin_atria_internal_part' requires pycemrg-internal-part>=1.0, which is not installed; "
        "install it from where its authors publish it"
    )
    assert missing in refused.stderr
    assert not (tmp_path / "out").exists()
    checked = core.pycemrg("list-plugins", "--check", code=1).stdout
    assert f"fault: plugin paper_recipes ({PAPER} 1.0): recipe 'thin_atria_internal_part': {missing}" in checked
    core.pycemrg("plan", "thin_atria", HEART)

    core.install(INTERNAL_PART)
    core.pycemrg(*run, cwd=tmp_path)
    record = record_of(tmp_path / "out")
    assert {plugin["distribution"] for plugin in record["plugins"]} == {CORE, PAPER, INTERNAL_PART}
    thickness = {step["name"]: step["contract"]["thickness_mm"] for step in record["steps"]}
    assert record["parameters"]["LA_WT"] == 1.5
    # 1.5 mm through two recipes, one in the other; the schematics of both packages say 2 mm.
    assert [thickness[name] for name in ("la_myocardium", "la_push_part", "ra_push_part")] == [1.5] * 3
    # Blocked is as good as missing, and the message says which of the two it is.
    blocked = core.pycemrg(*run, code=1, PYCEMRG_PLUGINS="-internal_part").stderr
    assert "requires pycemrg-internal-part>=1.0, whose plugin internal_part is blocked: blocked by name" in blocked

    core.uninstall(PAPER, INTERNAL_PART)
    assert core.plugins() == before


def test_a_run_is_not_repeated_with_another_version_unless_allowed(core: Environment, tmp_path: Path) -> None:
    core.install(INTERNAL_PART)
    core.pycemrg("run", "four_chamber_internal_part", HEART, "-o", "out", cwd=tmp_path)
    again = ("run", "--again", "out/run.json", "-o", "again")

    newer = tmp_path / "newer"
    shutil.copytree(EXAMPLES / INTERNAL_PART, newer)
    project = (newer / "pyproject.toml").read_text(encoding="utf-8")
    assert 'version = "1.0"' in project
    (newer / "pyproject.toml").write_text(project.replace('version = "1.0"', 'version = "1.1"'), encoding="utf-8")
    core.install(newer)
    refused = core.pycemrg(*again, cwd=tmp_path, code=1).stderr
    assert (
        "plugin internal_part was pycemrg-internal-part 1.0 and is pycemrg-internal-part 1.1; "
        "install the earlier version, or allow it with --any-version" in refused
    )
    assert not (tmp_path / "again").exists()
    core.pycemrg(*again, "--any-version", cwd=tmp_path)
    assert {(p["name"], p["version"]) for p in record_of(tmp_path / "again")["plugins"]} == {
        ("builtin", __version__),
        ("internal_part", "1.1"),
    }
    assert np.array_equal(*(voxels(tmp_path / name / "heart.nrrd") for name in ("out", "again")))

    core.uninstall(INTERNAL_PART)
    gone = core.pycemrg("run", "--again", "out/run.json", "-o", "third", cwd=tmp_path, code=1).stderr
    missing = "plugin internal_part (pycemrg-internal-part 1.0) is not installed; install it from where its authors"
    assert missing in gone
    assert not (tmp_path / "third").exists()
