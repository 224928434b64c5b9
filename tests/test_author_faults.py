"""An author sees his own fault: plugin, file and line, and on request everything that led to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from command_line import pycemrg
from plugin_packages import FakeSite, fake_site, run_python

from pycemrg_core.api import LabelVolume, write_volume
from pycemrg_core.errors import MetricError, PluginError, PycemrgError, blaming, defined_at, fault

MAIN = "from pycemrg_core.cli import main; main()"

HEART = """
import click
from attrs import frozen
from pycemrg_core.api import Check, Command, Label, Output, Recipe, Ref, Schematic, Step, hookimpl, reads, writes

@hookimpl
def pycemrg_commands():
    yield Command(name="weigh", summary="weigh", command=Ref("heart:weigh"))

@hookimpl
def pycemrg_steps():
    yield Step(name="thicken", summary="thicken", run=Ref("heart:thicken"), contract=Ref("heart:Contract"))
    yield Step(name="keep", summary="keep", run=Ref("heart:keep"), contract=Ref("heart:Contract"))

@hookimpl
def pycemrg_schematics():
    for step in ("thicken", "keep"):
        labels = {"lumen": 1, "wall": 2}
        roles = {"SOURCE": "lumen", "TARGET": "wall"}
        yield Schematic(name=f"wall_{step}", step=step, labels=labels, semantic_map=roles)

@hookimpl
def pycemrg_recipes():
    yield Recipe(name="thick", steps=["wall_thicken"])
    yield Recipe(name="kept", steps=["wall_keep"])

@hookimpl
def pycemrg_checks():
    yield Check(name="falls", summary="falls", function=Ref("heart:falls"))

@hookimpl
def pycemrg_outputs():
    yield Output(name="lost", file="lost.txt", summary="lost", function=Ref("heart:lost"))

@frozen(kw_only=True)
class Contract:
    source: Label = reads("SOURCE")
    target: Label = writes("TARGET")

def deep(values):
    return values[3]  # DEEP

def thicken(volume, contract):
    return deep([1])

def keep(volume, contract):
    return []

def falls(heart):
    return deep([2])

def lost(run, made):
    return deep([])

@click.command("weigh")
@click.argument("how")
def weigh(how):
    if how == "deep":
        deep([])
    if how == "exit":
        raise SystemExit(7)
    if how == "own":
        class Stop(BaseException):
            def __str__(self):
                return 1 / 0
        raise Stop
    if how == "usage":
        raise click.UsageError("not so")
    if how == "heavy":
        raise OSError("too heavy")
"""
LINE = next(number for number, line in enumerate(HEART.splitlines(), 1) if "# DEEP" in line)
WHERE = f"IndexError: list index out of range (heart.py:{LINE}, in deep)"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSite]:
    monkeypatch.chdir(tmp_path)
    with fake_site(tmp_path) as site:
        site.install("my-heart", entry_points="[pycemrg.v1]\nheart = heart\n")
        (site.folder / "heart.py").write_text(HEART, encoding="utf-8")
        array = np.zeros((6, 7, 8), np.uint8)
        array[2:4, 2:5, 2:6] = 1
        write_volume(LabelVolume(array, (1.0, 1.0, 1.0)), tmp_path / "in.nrrd")
        yield site


def outcome(site: FakeSite, *arguments: str, code: int = 1, **environment: str) -> str:
    """What a command prints on stderr, with the plugins imported afresh."""
    site.forget()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        return pycemrg(*arguments, code=code).stderr


COMMAND = "command 'weigh' of heart (my-heart 1.0) failed: "
RUN = ("run", "thick", "in.nrrd", "-o", "out", "--no-check")


@pytest.mark.slow(every=3)
@pytest.mark.parametrize(
    ("how", "code", "text"),
    [
        ("deep", 1, f"error: {COMMAND}{WHERE}\n"),
        ("heavy", 1, f"error: {COMMAND}OSError: too heavy (heart.py:{HEART.count(chr(10))}, in weigh)\n"),
        ("exit", 7, ""),
        ("well", 0, ""),
    ],
)
def test_a_command_that_fails_is_one_line(site: FakeSite, how: str, code: int, text: str) -> None:
    assert outcome(site, "weigh", how, code=code) == text


def test_a_command_that_raises_what_nobody_expects(site: FakeSite) -> None:
    text = outcome(site, "weigh", "own")
    assert text.startswith(f"error: {COMMAND}Stop, whose text cannot be shown: its __str__ raises ZeroDivisionError (")
    assert re.search(r"\(heart\.py:\d+, in weigh\)\n$", text)
    assert "not so" in outcome(site, "weigh", "usage", code=2)


def test_a_step_that_fails_is_one_line(site: FakeSite) -> None:
    (line,) = (line for line in outcome(site, *RUN).splitlines() if line.startswith("error"))
    assert line == f"error: step 'thicken' of heart (my-heart 1.0) failed in wall_thicken: {WHERE}"


def test_an_output_that_fails_is_one_line(site: FakeSite) -> None:
    arguments = ("run", "kept", "in.nrrd", "-o", "out", "--no-check", "--with", "lost")
    (line,) = (line for line in outcome(site, *arguments).splitlines() if line.startswith("error"))
    assert line == f"error: output 'lost' of heart (my-heart 1.0) failed: {WHERE}"
    assert (site.folder.parent / "out" / "heart.nrrd").exists()


def test_a_check_that_fails_in_an_output_is_told_with_its_own_place_alone(site: FakeSite) -> None:
    arguments = ("run", "kept", "in.nrrd", "-o", "out", "--no-check", "--with", "certificate")
    (line,) = (line for line in outcome(site, *arguments).splitlines() if line.startswith("error"))
    assert re.sub(r"pycemrg-core [^)]*", "pycemrg-core", line) == (
        "error: output 'certificate' of certificate (pycemrg-core): "
        f"check 'falls' of heart (my-heart 1.0) failed: {WHERE}"
    )


@pytest.mark.slow(every=3)
@pytest.mark.parametrize(
    ("before", "after", "environment"),
    [
        (("--traceback",), (), {}),
        ((), ("--traceback",), {}),
        ((), (), {"PYCEMRG_DEBUG": "1"}),
    ],
)
def test_the_whole_chain_on_request(
    site: FakeSite, before: tuple[str, ...], after: tuple[str, ...], environment: dict[str, str]
) -> None:
    text = outcome(site, *before, *RUN, *after, **environment)
    chain, _, last = text.rstrip("\n").rpartition("\n")
    assert last == f"error: step 'thicken' of heart (my-heart 1.0) failed in wall_thicken: {WHERE}"
    assert "return deep([1])" in chain
    assert "IndexError: list index out of range\n" in chain
    assert "The above exception was the direct cause of the following exception:" in chain


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("environment", [{}, {"PYCEMRG_DEBUG": ""}, {"PYCEMRG_DEBUG": "0"}])
def test_no_chain_unasked(site: FakeSite, environment: dict[str, str]) -> None:
    assert "Traceback" not in outcome(site, *RUN, **environment)


def test_the_chain_of_a_command(site: FakeSite) -> None:
    text = outcome(site, "--traceback", "weigh", "deep")
    assert "values[3]  # DEEP" in text
    assert text.endswith(f"error: {COMMAND}{WHERE}\n")


@pytest.mark.slow
def test_the_chain_of_a_plugin_that_does_not_load(site: FakeSite) -> None:
    site.install("sick", "def cough():\n    1 / 0\ncough()\n")
    for command in ("list-plugins", "list-recipes"):
        assert "Traceback" not in outcome(site, command, code=0)
        assert "    1 / 0\n" in outcome(site, "--traceback", command, code=0)
    warning = outcome(site, "list-recipes", "--traceback", code=0).splitlines()[-1]
    assert warning == (
        "warning: plugin sick (sick 1.0) failed: importing 'sick': ZeroDivisionError: division by zero "
        "(sick.py:2, in cough)"
    )


# --- the helper


def own_words() -> None:
    raise PluginError("not today")


def through_the_core() -> None:
    LabelVolume(np.zeros((2, 2, 2), np.uint8), (1.0, 1.0, 1.0)).snapshot("nobody kept it")


def through_numpy() -> None:
    np.zeros(3).reshape(2, 2)


def quiet() -> None:
    raise KeyError


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (own_words, "metric: not today"),
        (through_numpy, "metric failed: ValueError: cannot reshape array of size 3 into shape (2,2) (HERE)"),
        (quiet, "metric failed: KeyError (HERE)"),
    ],
)
def test_what_a_failure_says(function: object, text: str) -> None:
    with pytest.raises(MetricError) as caught, blaming(MetricError, "metric", function):
        function()  # type: ignore[operator]
    said = re.sub(rf"test_author_faults\.py:\d+, in {function.__name__}", "HERE", str(caught.value))  # type: ignore[attr-defined]
    assert said == text
    assert caught.value.__cause__ is not None


def test_an_error_of_the_core_names_who_caused_it() -> None:
    with pytest.raises(MetricError) as caught, blaming(MetricError, "metric"):
        through_the_core()
    assert isinstance(caught.value.__cause__, PycemrgError)
    assert re.search(r"test_author_faults\.py:\d+, in through_the_core\)$", str(caught.value))


def test_a_call_that_does_not_fit_names_the_function() -> None:
    with pytest.raises(MetricError) as caught, blaming(MetricError, "metric", quiet):
        quiet(1)  # type: ignore[call-arg]
    assert str(caught.value).endswith(f"takes 0 positional arguments but 1 was given{defined_at(quiet)}")


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_what_is_nobodys_fault_passes(error: type[BaseException]) -> None:
    with pytest.raises(error), blaming(MetricError, "metric"):
        raise error


def test_a_place_is_told_once() -> None:
    def inner() -> None:
        raise ZeroDivisionError

    try:
        inner()
    except ZeroDivisionError as error:
        text = fault(error)
    assert fault(PycemrgError(text)) == text


def test_what_was_blamed_gets_no_second_place() -> None:
    def refuses() -> None:
        with blaming(PluginError, "check"):
            own_words()

    with pytest.raises(MetricError) as caught, blaming(MetricError, "output"):
        refuses()
    assert str(caught.value) == "output: check: not today"
    with pytest.raises(MetricError) as caught, blaming(MetricError, "output"), blaming(PluginError, "check"):
        quiet()
    assert re.fullmatch(r"output: check failed: KeyError \(test_author_faults\.py:\d+, in quiet\)", str(caught.value))


def test_a_text_that_joins_errors_which_were_blamed_gets_no_place() -> None:
    def joined() -> None:
        try:
            with blaming(PluginError, "output"):
                quiet()
        except PluginError as error:
            raise PycemrgError(f"{error}; and more") from error

    with pytest.raises(PycemrgError) as caught:
        joined()
    assert fault(caught.value) == str(caught.value)


# --- once


@pytest.mark.slow
def test_each_hook_runs_once_in_a_process(site: FakeSite) -> None:
    """Also where a YAML plugin is installed, and whatever the command asks the catalogue for."""
    told = site.folder.parent / "calls"
    counting = f"""
from pycemrg_core.api import Command, Recipe, Ref, hookimpl

def tell(name):
    with open({str(told)!r}, "a") as file:
        file.write(name + "\\n")

tell("import")

@hookimpl
def pycemrg_recipes():
    tell("recipes")
    return [Recipe(name="counted", steps=["lv_outflow"])]

@hookimpl
def pycemrg_commands():
    tell("commands")
    return []
"""
    site.install("counting", counting)
    site.install("data", entry_points="[pycemrg.v1]\ndata = data_package:data.yaml\n")
    (site.folder / "data_package").mkdir()
    (site.folder / "data_package" / "data.yaml").write_text("recipes:\n  of_data: {steps: [lv_outflow]}\n")
    local = site.folder.parent / "local.yaml"
    local.write_text("recipes:\n  of_local: {steps: [lv_outflow]}\n")
    file = site.folder.parent / "counted_file.py"
    file.write_text(counting.replace('"counted"', '"of_file"').replace('tell("', 'tell("file '))
    for arguments in (
        ("--help",),
        ("list-recipes", "--json"),
        ("labels", "show", "in.nrrd"),
        ("labels", "show", "in.nrrd", "--plugin", str(local)),
        ("weigh", "well"),
        ("list-plugins", "--check"),
        ("run", "kept", "in.nrrd", "-o", "once", "--no-check"),
    ):
        told.unlink(missing_ok=True)
        outcome(site, *arguments, code=0)
        assert sorted(told.read_text().split("\n")[:-1]) == ["commands", "import", "recipes"], arguments
    told.unlink()
    again = ("run", "kept", "in.nrrd", "-o", "again", "--no-check")
    assert run_python(MAIN, *again, path=[site.folder], cwd=site.folder.parent).returncode == 0
    assert sorted(told.read_text().split("\n")[:-1]) == ["commands", "import", "recipes"]
    for arguments in (("labels", "show", "in.nrrd", "--plugin"), ("list-recipes", "--plugin")):
        told.unlink()
        outcome(site, *arguments, str(file), code=0)
        once = ["commands", "import", "recipes"]
        assert sorted(told.read_text().split("\n")[:-1]) == sorted([*once, *(f"file {word}" for word in once)])


@pytest.mark.slow
def test_plugins_that_are_switched_off_are_never_imported(site: FakeSite) -> None:
    """Wherever in the command the option stands."""
    site.install("telling", "print('telling')\n" + "raise RuntimeError")
    for arguments in (("--no-plugins", "labels", "show", "in.nrrd"), ("labels", "show", "in.nrrd", "--no-plugins")):
        assert "telling" not in outcome(site, *arguments, code=0)
    assert "telling" in outcome(site, "labels", "show", "in.nrrd", code=0)
    listed = pycemrg("list-plugins", "--json", "--no-plugins")
    states = {entry["name"]: entry["state"] for entry in json.loads(listed.stdout)["plugins"]}
    assert states["telling"] == "blocked"
