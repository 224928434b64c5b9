"""``list-*`` and the group itself: what is told, to people and to machines, when plugins are fine and when not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from plugin_packages import FakeSite, fake_site, schematics_source

import pycemrg_core
from pycemrg_core.cli import main

# The kind that each command lists, and what JSON says beyond name, summary, plugin and provider.
LISTS = {
    "list-recipes": {"requires", "steps"},
    "list-schematics": {"step", "labels", "parameters"},
    "list-steps": {"schematics"},
    "list-metrics": {"measures", "unit"},
    "list-schemes": {"labels", "source"},
    "list-augmentations": set(),
}
EVERY_KIND = """

from pycemrg_core.api import *

WORDS = " ".join(["a summary that goes on for longer than a line of the terminal has room"] * 2)
REF = Ref("nowhere_at_all:thing")

@hookimpl
def pycemrg_schematics():
    yield Schematic(
        name="my_wall", step="my_step", summary=WORDS, labels={"LV_BP_label": 1}, parameters={"WT": 2.5}
    )

@hookimpl
def pycemrg_recipes():
    yield Recipe(name="my_recipe", summary=WORDS, steps=["my_wall", include("four_chamber_full")])

@hookimpl
def pycemrg_steps():
    yield Step(name="my_step", summary=WORDS, run=REF, contract=REF)

@hookimpl
def pycemrg_metrics():
    yield Metric(name="my_metric", measures=Measures.STRUCTURE, summary=WORDS, function=REF, unit="mL")

@hookimpl
def pycemrg_label_schemes():
    yield LabelScheme(name="my_scheme", summary=WORDS, labels={"LV_BP_label": 77}, source="a book")

@hookimpl
def pycemrg_augmentations():
    yield Augmentation(name="my_augmentation", summary=WORDS, function=REF)

@hookimpl
def pycemrg_commands():
    yield Command(name="my-command", summary=WORDS, command=REF)
    yield Command(name="run", summary="another run", command=REF)
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSite]:
    monkeypatch.delenv("PYCEMRG_STRICT", raising=False)
    # Only the plugins of the test, whatever else is installed where the tests run.
    monkeypatch.setenv("PYCEMRG_PLUGINS", "full-heart,broken,future,alpha,beta")
    with fake_site(tmp_path) as site:
        yield site


@pytest.fixture
def full(site: FakeSite) -> FakeSite:
    site.install("full-heart", EVERY_KIND, version="4.5.6")
    return site


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def entries(*arguments: str) -> list[dict[str, Any]]:
    listed = json.loads(run(*arguments, "--json").stdout)
    assert isinstance(listed, list)
    return listed


def named(listed: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (entry,) = (entry for entry in listed if entry["name"] == name)
    return entry


def words(text: str) -> str:
    """Text as one line, for what may be wrapped."""
    return " ".join(text.split())


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("command", LISTS)
def test_json_has_everything(full: FakeSite, command: str) -> None:
    listed = entries(command)
    assert listed
    for entry in listed:
        assert set(entry) == {"name", "summary", "plugin", "provider"} | LISTS[command]
    assert [entry["name"] for entry in listed] == sorted(entry["name"] for entry in listed)
    (mine,) = (entry for entry in listed if entry["plugin"] == "full-heart")
    assert mine["provider"] == "full-heart 4.5.6"
    assert mine["summary"].startswith("a summary that goes on")


def test_json_details(full: FakeSite) -> None:
    assert named(entries("list-steps"), "my_step")["schematics"] == ["my_wall"]
    assert named(entries("list-recipes"), "my_recipe")["steps"] == ["my_wall", "[four_chamber_full]"]
    assert named(entries("list-metrics"), "my_metric")["unit"] == "mL"
    wall = named(entries("list-schematics"), "my_wall")
    assert (wall["step"], wall["labels"], wall["parameters"]) == ("my_step", ["LV_BP_label 1"], ["WT 2.5"])
    scheme = named(entries("list-schemes"), "my_scheme")
    assert (scheme["labels"], scheme["source"]) == (["LV_BP_label 77"], "a book")


@pytest.mark.slow(every=2)
@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("command", [*LISTS, "list-plugins"])
def test_tables_fit_80_columns(full: FakeSite, command: str) -> None:
    result = run(command)
    lines = result.stdout.splitlines()
    assert len(lines) > 1
    assert max(len(line) for line in lines) <= 80, max(lines, key=len)
    assert not any(line != line.rstrip() for line in lines)
    notes = [f"note: PYCEMRG_PLUGINS: no plugin is called {name!r}" for name in ("alpha", "beta", "broken", "future")]
    assert result.stderr.splitlines() == (notes if command == "list-plugins" else [])


@pytest.mark.slow
def test_in_a_pipe_nothing_is_cut(full: FakeSite) -> None:
    """One line for each entry, so that ``| grep`` finds what it looks for."""
    for command in LISTS:
        lines = run(command).stdout.splitlines()
        for entry in entries(command):
            assert any(entry["summary"] in line for line in lines), entry


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("command", LISTS)
def test_tables_say_name_summary_and_provider(full: FakeSite, command: str) -> None:
    text = words(run(command).stdout)
    for entry in entries(command):
        assert entry["name"] in text
    assert "full-heart 4.5.6" in text
    assert "a summary that goes on" in text


@pytest.mark.slow
@pytest.mark.usefixtures("terminal")
def test_long_names_leave_room(site: FakeSite) -> None:
    site.install("cardiac-electromechanics-valves", EVERY_KIND, version="2024.10.31", plugin="alpha")
    for command in [*LISTS, "list-plugins"]:
        lines = run(command).stdout.splitlines()
        assert max(len(line) for line in lines) <= 80, max(lines, key=len)


def test_list_steps_shows_each_step_kind(full: FakeSite) -> None:
    listed = entries("list-steps")
    text = words(run("list-steps").stdout)
    assert {entry["name"] for entry in listed} >= {"create", "valve", "ring", "push", "my_step"}
    for entry in listed:
        assert words(entry["summary"]) in text
        assert ", ".join(entry["schematics"]) in text
        assert entry["provider"] in text
    create = named(listed, "create")
    assert {"lv_outflow", "la_myocardium"} <= set(create["schematics"])
    assert create["provider"] == f"pycemrg-core {pycemrg_core.__version__}"


def test_a_list_of_nothing_says_so(site: FakeSite) -> None:
    assert entries("list-metrics") == []
    assert "none" in run("list-metrics").stdout


def plugins_listed(*arguments: str) -> dict[str, dict[str, Any]]:
    told = json.loads(run(*arguments, "list-plugins", "--json").stdout)
    assert set(told) == {"plugins", "conflicts"}
    return {entry["name"]: entry for entry in told["plugins"]}


def test_list_plugins_tells_states_and_reasons(full: FakeSite) -> None:
    full.install("broken", "import nowhere_at_all", version="0.1")
    full.install("future", group="pycemrg.v9")
    full.install("unwanted", schematics_source("unwanted"))
    listed = plugins_listed()
    states = {"broken": "failed", "builtin": "loaded", "full-heart": "loaded", "future": "incompatible"}
    states["unwanted"] = "blocked"
    assert {name: listed[name]["state"] for name in states} == states
    assert listed["broken"]["reason"] == (
        "importing 'broken': ModuleNotFoundError: No module named 'nowhere_at_all' (broken.py:1, in <module>)"
    )
    assert (listed["broken"]["distribution"], listed["broken"]["version"]) == ("broken", "0.1")
    assert listed["future"]["group"] == "pycemrg.v9"
    assert listed["unwanted"]["reason"] == "not among the plugins allowed"
    assert listed["full-heart"]["reason"] == ""
    assert listed["full-heart"]["provides"]["metric"] == ["my_metric"]

    result = run("list-plugins")
    text = words(result.stdout)
    for entry in listed.values():
        assert entry["name"] in text
        assert entry["state"] in text
    assert "No module named 'nowhere_at_all'" in text
    assert "pycemrg.v9" in text
    assert "1 metric" in text
    assert result.stderr.splitlines() == [
        "note: PYCEMRG_PLUGINS: no plugin is called 'alpha'",
        "note: PYCEMRG_PLUGINS: no plugin is called 'beta'",
    ]


def test_list_plugins_always_works(full: FakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    full.install("broken", "import nowhere_at_all")
    monkeypatch.setenv("PYCEMRG_STRICT", "1")
    assert plugins_listed()["broken"]["state"] == "failed"


@pytest.mark.slow(every=4)
@pytest.mark.parametrize("command", LISTS)
@pytest.mark.parametrize("option", [(), ("--json",)])
def test_a_failing_plugin_is_one_line_on_stderr(full: FakeSite, command: str, option: tuple[str, ...]) -> None:
    full.install("broken", "raise RuntimeError('first\\nsecond')")
    result = run(command, *option)
    (line,) = result.stderr.splitlines()
    assert line == (
        "warning: plugin broken (broken 1.0) failed: importing 'broken': RuntimeError: first (broken.py:1, in <module>)"
    )
    assert result.stdout


def test_help_and_version_say_nothing_of_failing_plugins(full: FakeSite) -> None:
    full.install("broken", "import nowhere_at_all")
    assert run("--help").stderr == ""
    assert run("--version").stderr == ""
    assert pycemrg_core.__version__ in run("--version").stdout


def test_a_conflict_is_told(site: FakeSite) -> None:
    site.install("alpha", schematics_source("shared"))
    site.install("beta", schematics_source("shared"), version="2.0")
    result = run("list-schematics")
    (line,) = result.stderr.splitlines()
    assert "schematic 'shared' is provided by alpha (alpha 1.0), beta (beta 2.0)" in line
    assert "alpha:shared or beta:shared" in line
    (told,) = json.loads(run("list-plugins", "--json").stdout)["conflicts"]
    assert told in line
    assert words(told) in words(run("list-plugins").stdout)


@pytest.mark.parametrize("strict", [False, True])
def test_a_strict_policy_ends_the_command(full: FakeSite, monkeypatch: pytest.MonkeyPatch, strict: bool) -> None:
    full.install("broken", "import nowhere_at_all", version="0.1")
    if not strict:
        run("list-steps")
        return
    monkeypatch.setenv("PYCEMRG_STRICT", "1")
    result = run("list-steps", code=1)
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: plugin broken (broken 0.1): importing 'broken': ModuleNotFoundError")


def test_help_works_whatever_the_policy(full: FakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    full.install("broken", "import nowhere_at_all")
    monkeypatch.setenv("PYCEMRG_STRICT", "1")
    assert "list-plugins" in run("--help").stdout


@pytest.mark.parametrize("arguments", [("--no-plugins", "list-metrics"), ("list-metrics", "--no-plugins")])
def test_no_plugins_before_and_after_the_command(full: FakeSite, arguments: tuple[str, ...]) -> None:
    assert entries(*arguments) == []
    assert entries("list-metrics") != []


@pytest.mark.parametrize("first", [True, False])
def test_a_local_plugin_before_and_after_the_command(site: FakeSite, tmp_path: Path, first: bool) -> None:
    file = tmp_path / "my_listed_heart.py"
    file.write_text(schematics_source("of_my_own"))
    option = ("--plugin", str(file))
    arguments = (*option, "list-schematics") if first else ("list-schematics", *option)
    mine = named(entries(*arguments), "of_my_own")
    assert mine["plugin"] == "my_listed_heart"
    assert "local file" in mine["provider"]


@pytest.mark.parametrize("arguments", [("list-steps",), ("list-plugins",), ("describe", "create")])
def test_a_local_plugin_that_is_missing(site: FakeSite, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = run("--plugin", str(tmp_path / "missing.py"), *arguments, code=1)
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert line.endswith("missing.py: no such plugin file; give a .py or .yaml file that exists")


def test_help_with_a_local_plugin_that_is_missing(site: FakeSite, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["--plugin", str(tmp_path / "missing.py"), "--help"])
    assert isinstance(result.exception, SystemExit | None)
    assert result.exit_code in (0, 1)


# --- commands


def test_an_unknown_command_offers_close_ones(site: FakeSite) -> None:
    result = run("list-step", code=2)
    assert result.stdout == ""
    assert "no command is called 'list-step'; did you mean 'list-steps'" in result.stderr
    assert "Traceback" not in result.stderr
    assert "no command is called 'zzzzz'" in run("zzzzz", code=2).stderr


def test_a_misspelt_command_of_a_plugin_is_offered_too(full: FakeSite) -> None:
    assert "'my-command'" in run("my-comand", code=2).stderr


def test_help_names_every_command(full: FakeSite) -> None:
    text = words(run("--help").stdout)
    for command in [*LISTS, "list-plugins", "run", "plan", "describe", "my-command", "demo"]:
        assert command in text
    assert max(len(line) for line in run("--help").stdout.splitlines()) <= 80


@pytest.mark.slow
def test_a_command_of_a_plugin_runs(site: FakeSite) -> None:
    source = """
import click
from pycemrg_core.api import Command, Ref, hookimpl

@hookimpl
def pycemrg_commands():
    yield Command(name="weigh", summary="weigh the heart", command=Ref("alpha:weigh"))
    yield Command(name="nothing", summary="not a command", command=Ref("alpha:pycemrg_commands"))
    yield Command(name="gone", summary="no module", command=Ref("nowhere_at_all:gone"))
    yield Command(name="run", summary="another run", command=Ref("alpha:weigh"))

@click.command
@click.argument("grams", type=int)
def weigh(grams):
    click.echo(f"{grams} g")
"""
    site.install("alpha", source)
    assert run("weigh", "300").stdout == "300 g\n"
    assert run("alpha:weigh", "300").stdout == "300 g\n"
    assert run("weigh", "heavy", code=2).stdout == ""
    assert run("nothing", code=1).stderr == (
        "error: command 'nothing' of alpha (alpha 1.0): alpha:pycemrg_commands is not a click command; "
        "decorate it with @click.command\n"
    )
    assert run("gone", code=1).stderr == (
        "error: command 'gone' of alpha (alpha 1.0): cannot import 'nowhere_at_all' for 'nowhere_at_all:gone': "
        "ModuleNotFoundError: No module named 'nowhere_at_all'\n"
    )
    # A name that is taken is not taken over, and not lost.
    assert "alpha:run" in run("--help").stdout
    assert run("alpha:run", "7").stdout == "7 g\n"
    assert run("run", "--help").stdout != run("alpha:run", "--help").stdout


def test_two_commands_of_one_name_are_told_apart(site: FakeSite) -> None:
    for name in ("alpha", "beta"):
        site.install(
            name,
            "import click\nfrom pycemrg_core.api import Command, Ref, hookimpl\n"
            "@hookimpl\ndef pycemrg_commands():\n"
            f"    yield Command(name='weigh', summary='', command=Ref('{name}:weigh'))\n"
            f"@click.command\ndef weigh():\n    click.echo('{name}')\n",
            plugin="alpha",
        )
    assert "is provided by alpha (alpha 1.0), alpha (beta 1.0)" in run("weigh", code=1).stderr
    assert run("beta:weigh").stdout == "beta\n"


def test_every_list_command_explains_itself(site: FakeSite) -> None:
    for command in [*LISTS, "list-plugins"]:
        assert "--json" in run(command, "--help").stdout
    assert isinstance(main, click.Group)


@pytest.mark.parametrize(
    ("command", "plugin"),
    [("compare", "metrics"), ("voxelise", "spatial"), ("report", "report")],
)
def test_a_command_of_a_plugin_that_is_not_there(command: str, plugin: str) -> None:
    result = CliRunner().invoke(main, ["--no-plugins", command, "a.nrrd"])
    assert result.exit_code == 1
    assert result.stderr == (
        f"error: the command {command!r} belongs to the plugin {plugin!r}, which is blocked (plugins are switched off);"
        " see PYCEMRG_PLUGINS and --no-plugins\n"
    )
