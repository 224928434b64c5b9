"""A package that is broken in every way costs only itself; what the policy blocks does not run at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from command_line import HEART, voxels

if TYPE_CHECKING:
    from wheelhouse import Environment

pytest_plugins = ("wheelhouse",)

CORE, BROKEN, PARTITION = "pycemrg-core", "pycemrg-broken", "pycemrg-partition"
BOTH = (
    "schematic 'mitral_valve' is provided by broken_conflict (pycemrg-broken 1.0), builtin (pycemrg-core 0.1.0); "
    "say which: broken_conflict:mitral_valve or builtin:mitral_valve"
)
INCOMPATIBLE = "written for plugin API pycemrg.v2, but this is pycemrg.v1; install a matching version"

BUILT_IN = ("builtin", "certificate", "demo", "fusing", "labels", "pictures", "readers")

# Each plugin, its state, and what the reason must say.
STATES = {
    "broken_conflict": ("loaded", ""),
    "broken_future": ("incompatible", INCOMPATIBLE),
    "broken_hook": ("failed", "unknown hook 'pycemrg_schematic'; did you mean 'pycemrg_schematics'"),
    "broken_import": (
        "failed",
        "importing 'pycemrg_broken.raises_on_import': RuntimeError: this module cannot be imported",
    ),
    "broken_marker": ("loaded", ""),
    "broken_ref": ("loaded", ""),
    "broken_type": ("failed", "pycemrg_schematics must return Schematic records, not {'name': 'a_dict'"),
    "partition": ("loaded", ""),
    **dict.fromkeys(BUILT_IN, ("loaded", "")),
}
REST = {name for name in STATES if name.startswith("broken_")}


@pytest.fixture(scope="module")
def site(make_environment: Callable[..., Environment]) -> Environment:
    return make_environment(CORE, BROKEN, PARTITION)


def test_list_plugins_says_what_became_of_each(site: Environment) -> None:
    found = site.plugins()
    assert {name: plugin["state"] for name, plugin in found.items()} == {
        name: state for name, (state, _) in STATES.items()
    }
    for name, (_, reason) in STATES.items():
        assert found[name]["reason"].startswith(reason)
        assert bool(found[name]["reason"]) == bool(reason)
    assert f"conflict: {BOTH}" in site.pycemrg("list-plugins").stdout


def test_a_list_says_one_line_for_each_that_failed_and_each_conflict(site: Environment) -> None:
    listed = site.pycemrg("list-steps")
    *lines, last = listed.stderr.splitlines()
    assert last == f"warning: {BOTH}"
    failed = [(name, state, reason) for name, (state, reason) in STATES.items() if state != "loaded"]
    assert len(lines) == len(failed)
    for line, (name, state, reason) in zip(lines, failed, strict=True):
        verb = "is incompatible" if state == "incompatible" else "failed"
        assert line.startswith(f"warning: plugin {name} (pycemrg-broken 1.0) {verb}: {reason}")
    (steps,) = site.names("steps")
    assert {"create", "partition", "lost"} <= steps.keys()
    assert site.pycemrg("--help").stderr == ""


def test_what_is_not_broken_works(site: Environment, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "recipes: {mine: {steps: [{recipe: four_chamber_myocardium}, partition_rpv1_svc]}}", encoding="utf-8"
    )
    site.pycemrg("run", "mine", HEART, "-o", "out", "--plugin", "mine.yaml", cwd=tmp_path)
    record = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert {plugin["name"] for plugin in record["plugins"]} == {"builtin", "partition", "mine"}


def test_a_name_of_two_providers_must_be_qualified(site: Environment, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("recipes: {mine: {steps: [mitral_valve]}}", encoding="utf-8")
    refused = site.pycemrg("run", "mine", HEART, "-o", "mine", "--plugin", "mine.yaml", cwd=tmp_path, code=1)
    assert BOTH in refused.stderr
    assert not (tmp_path / "mine").exists()
    voxels_of_valve = {}
    for recipe in ("this_mitral_valve", "that_mitral_valve"):
        site.pycemrg("run", recipe, HEART, "-o", recipe, cwd=tmp_path)
        voxels_of_valve[recipe] = np.count_nonzero(voxels(tmp_path / recipe / "heart.nrrd") == 201)
    # 2 mm of the one, 4 mm of the other: the same valve, half as thick.
    assert 0 < voxels_of_valve["this_mitral_valve"] < voxels_of_valve["that_mitral_valve"]


def test_a_reference_that_leads_nowhere_is_named_when_it_is_used(site: Environment, tmp_path: Path) -> None:
    refused = site.pycemrg("run", "lost_heart", HEART, "-o", "out", cwd=tmp_path, code=1).stderr
    assert "cannot import 'pycemrg_broken.nowhere' for 'pycemrg_broken.nowhere:Contract'" in refused
    assert not (tmp_path / "out").exists()


def test_check_finds_the_faults_and_exits_with_one(site: Environment) -> None:
    assert site.pycemrg("list-plugins").returncode == 0
    check = ("list-plugins", "--check")
    checked, as_json = site.answers(check, (*check, "--json"), code=1)
    start = "fault: plugin broken_ref (pycemrg-broken 1.0): "
    for record in ("step 'lost'", "schematic 'lost_wall'", "recipe 'lost_heart'"):
        (line,) = (line for line in checked.splitlines() if line.startswith(f"{start}{record}: "))
        assert "cannot import 'pycemrg_broken.nowhere'" in line
    assert "no faults found" not in checked
    faults = {plugin["name"]: plugin["faults"] for plugin in json.loads(as_json)["plugins"]}
    assert len(faults["broken_ref"]) == 3
    assert faults["broken_marker"] == []
    # With the broken ones blocked, nothing is wrong.
    site.pycemrg(*check, PYCEMRG_PLUGINS="partition")


@pytest.mark.parametrize(
    ("words", "policy", "blocked", "imported"),
    [
        ((), None, set(), True),
        ((), "partition", REST, False),
        ((), "broken_marker", REST - {"broken_marker"} | {"partition"}, True),
        ((), "-broken_marker", {"broken_marker"}, False),
        ((), "-pycemrg-broken", REST, False),
        ((), "-builtin,-broken_marker", {"builtin", "broken_marker"}, False),
        ((), "", REST | {"partition"}, False),
        (("--no-plugins",), None, REST | {"partition"}, False),
        (("--no-plugins",), "broken_marker", REST | {"partition"}, False),
    ],
)
def test_what_the_policy_blocks_is_not_imported(
    site: Environment, tmp_path: Path, words: tuple[str, ...], policy: str | None, blocked: set[str], imported: bool
) -> None:
    marker = tmp_path / "marker"
    environment = {} if policy is None else {"PYCEMRG_PLUGINS": policy}
    found = site.plugins(*words, BROKEN_MARKER=str(marker), **environment)
    assert {name for name, plugin in found.items() if plugin["state"] == "blocked"} == blocked
    # broken_future would leave its name too: a plugin of another API version is never imported.
    assert (marker.read_text() if marker.exists() else "") == ("broken_marker\n" if imported else "")


def test_a_bug_report_names_them_and_no_folder_of_this_machine(site: Environment) -> None:
    report = site.pycemrg("bug-report", "--json")
    states = {plugin["name"]: plugin["state"] for plugin in json.loads(report.stdout)["plugins"]}
    assert states == {name: state for name, (state, _) in STATES.items()}
    for folder in (site.folder, Path.home(), Path(__file__).parents[1]):
        assert str(folder) not in report.stdout
    assert report.stderr == ""


def test_a_failure_is_fatal_when_strict(site: Environment) -> None:
    refused = site.pycemrg("list-steps", code=1, PYCEMRG_STRICT="1")
    assert refused.stdout == ""
    assert refused.stderr == (
        f"error: plugin broken_future (pycemrg-broken 1.0): {INCOMPATIBLE}; fix it, or unset PYCEMRG_STRICT to go on\n"
    )
    assert "broken_import" in site.pycemrg("list-plugins", PYCEMRG_STRICT="1").stdout
    assert site.pycemrg("list-steps", PYCEMRG_STRICT="1", PYCEMRG_PLUGINS="-pycemrg-broken").stderr == ""


def test_nothing_of_it_is_left_when_it_is_removed(site: Environment) -> None:
    """The last test: it changes the environment of the others."""
    site.uninstall(BROKEN)
    assert set(site.plugins()) == {*BUILT_IN, "partition"}
    checked = site.pycemrg("list-plugins", "--check")
    assert checked.stdout.endswith("no faults found\n")
    assert checked.stderr == ""
    (recipes,) = site.names("recipes")
    assert {"lost_heart", "marked", "this_mitral_valve"}.isdisjoint(recipes)
