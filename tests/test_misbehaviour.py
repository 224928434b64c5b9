"""Plugins that end the process, raise what nobody expects, never end, or return nonsense: blamed, by file and line."""

from __future__ import annotations

import csv
import io
import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import contents, pycemrg, small_heart
from hypothesis import given
from hypothesis import strategies as st

from pycemrg_core.cli.kit import csv_text

_numbers = itertools.count(1)

# Each is the body of a function; LINE stands at the line that is to blame.
FAULTS = {
    "exit": ("sys.exit(3)", "SystemExit: 3"),
    "exit without a word": ("sys.exit()", "SystemExit"),
    "base": ("raise Strange('no')", "Strange: no"),
    "mute": ("raise Mute", "Mute, whose text cannot be shown: its __str__ raises RuntimeError"),
    "half a character": ("raise ValueError('\\udc80')", "ValueError: \\udc80"),
    "recursion": ("return recursive()", "RecursionError: maximum recursion depth exceeded"),
    "generator exit": ("raise GeneratorExit", "GeneratorExit"),
    "stop": ("raise StopIteration(1)", "StopIteration: 1"),
}

HEAD = """
import sys

from attrs import frozen

from pycemrg_core.api import (
    Check, CheckOn, Edit, Finding, Label, Made, Measures, Metric, Note, Output, Recipe, Ref, Schematic, Severity, Step,
    hookimpl, reads, writes,
)


class Strange(BaseException):
    pass


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("again")

    __repr__ = __str__


def recursive():
    return recursive()
"""

STEP = """
@frozen(kw_only=True)
class Contract:
    source: Label = reads("SOURCE_NAME")
    target: Label = writes("TARGET_NAME")


@hookimpl
def pycemrg_steps():
    yield Step(name="own", summary="", run=Ref(f"{__name__}:run"), contract=Ref(f"{__name__}:Contract"))


@hookimpl
def pycemrg_schematics():
    yield Schematic(
        name="own", step="own", labels={"LA_BP_label": 4, "Own_label": 77},
        semantic_map={"SOURCE_NAME": "LA_BP_label", "TARGET_NAME": "Own_label"},
    )


@hookimpl
def pycemrg_recipes():
    yield Recipe(name="own_recipe", steps=("own",))


def run(volume, contract):
    BODY
"""

METRIC = """
@hookimpl
def pycemrg_metrics():
    yield Metric(name="own", summary="", function=Ref(f"{__name__}:run"), measures=Measures.STRUCTURE)


def run(structure):
    BODY
"""

CHECK = """
@hookimpl
def pycemrg_checks():
    yield Check(name="own", summary="", function=Ref(f"{__name__}:run"), on=CheckOn.RESULT)


def run(heart):
    BODY
"""

OUTPUT = """
@hookimpl
def pycemrg_outputs():
    yield Output(name="own", file="own.txt", summary="", function=Ref(f"{__name__}:run"))


def run(finished, made):
    BODY
"""

HOOK = """
@hookimpl
def pycemrg_metrics():
    BODY
"""

KINDS = {
    "step": (STEP, "step 'own' of "),
    "metric": (METRIC, "metric 'own' of "),
    "check": (CHECK, "check 'own' of "),
    "output": (OUTPUT, "output 'own' of "),
}


def plugin(folder: Path, kind: str, body: str) -> tuple[Path, int]:
    """A plugin file, and the line of the first statement of the body."""
    text = HEAD + kind
    line = text[: text.index("BODY")].count("\n") + 1
    path = folder / f"misbehaved_{next(_numbers)}.py"
    path.write_text(text.replace("BODY", body.replace("\n", "\n    ")), encoding="utf-8")
    return path, line


def use(folder: Path, kind: str, path: Path, code: int = 1) -> str:
    """Use the plugin; what is said on stderr."""
    heart = small_heart(folder, size=32)
    command = {
        "step": ("run", "own_recipe", heart, "-o", folder / "out", "--no-check"),
        "metric": ("measure", heart, "--metrics", "own"),
        "check": ("certify", heart, "-o", folder / "c.json"),
        "output": ("run", "left_atrium_with_veins", heart, "-o", folder / "out", "--no-check", "--with", "own"),
    }[kind]
    return str(pycemrg(*command, "--plugin", path, code=code).stderr)


@pytest.mark.slow(every=9)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_plugin_raises_is_blamed_on_it(tmp_path: Path, kind: str, fault: str) -> None:
    if kind == "metric":
        pytest.importorskip("pycemrg_metrics", reason="pycemrg-metrics is not installed")
    body, what = FAULTS[fault]
    code, who = KINDS[kind]
    path, line = plugin(tmp_path, code, body)
    said = use(tmp_path, kind, path)
    error = said[said.rindex("error: ") :]
    assert error.startswith(f"error: {who}{path.stem} (local file) failed")
    assert what in error
    where = f"({path.name}:{line}, in run)" if fault != "recursion" else f"({path.name}:"
    assert where in error
    assert error.count("\n") == 1
    if kind != "output":
        assert not (tmp_path / "out").exists()
        assert not (tmp_path / "c.json").exists()


OUT_OF_MEMORY = "error: out of memory: 5 bytes do not fit; end other programs, or give a smaller or coarser image"


@pytest.mark.parametrize("kind", KINDS)
def test_that_memory_runs_out_is_no_fault_of_a_plugin(tmp_path: Path, kind: str) -> None:
    if kind == "metric":
        pytest.importorskip("pycemrg_metrics", reason="pycemrg-metrics is not installed")
    path, _ = plugin(tmp_path, KINDS[kind][0], "raise MemoryError('5 bytes do not fit')")
    assert use(tmp_path, kind, path).splitlines()[-1] == OUT_OF_MEMORY
    assert {*contents(tmp_path)} == {path.name, "small.nrrd"}


def test_a_hook_that_runs_out_of_memory_costs_only_its_plugin(tmp_path: Path) -> None:
    path, _ = plugin(tmp_path, HOOK, "raise MemoryError")
    result = pycemrg("list-recipes", "--plugin", path)
    assert "four_chamber_full" in result.stdout
    assert "pycemrg_metrics failed: out of memory: no more can be had; end other programs" in result.stderr


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_hook_raises_costs_only_its_plugin(tmp_path: Path, fault: str) -> None:
    body, what = FAULTS[fault]
    path, line = plugin(tmp_path, HOOK, body)
    result = pycemrg("list-recipes", "--plugin", path)
    assert "four_chamber_full" in result.stdout
    (warning,) = result.stderr.splitlines()
    assert warning.startswith(f"warning: plugin {path.stem} (local file) failed: pycemrg_metrics failed: {what}")
    assert (f"({path.name}:{line}, in pycemrg_metrics)" in warning) == (fault != "recursion")


@pytest.mark.slow(every=4)
@pytest.mark.parametrize("fault", FAULTS)
def test_what_an_import_raises_costs_only_its_plugin(tmp_path: Path, fault: str) -> None:
    body, what = FAULTS[fault]
    body = body.replace("return ", "")
    path = tmp_path / f"misbehaved_{next(_numbers)}.py"
    path.write_text(f"{HEAD}\n{body}\n", encoding="utf-8")
    (warning,) = pycemrg("list-recipes", "--plugin", path).stderr.splitlines()
    assert f"plugin {path.stem} (local file) failed: importing " in warning
    assert what in warning


def test_a_long_text_is_shortened(tmp_path: Path) -> None:
    path, line = plugin(tmp_path, CHECK, "raise ValueError('x' * 10**6)")
    said = use(tmp_path, "check", path)
    assert f"ValueError: {'x' * 1000}... ({path.name}:{line}, in run)\n" in said
    assert len(said) < 2000


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_copy_of_the_process_that_a_plugin_made_ends(tmp_path: Path) -> None:
    """One process writes the result, and one says so."""
    path, _ = plugin(tmp_path, OUTPUT, "import os\nos.fork()\nopen('seen', 'a').write('x')\nreturn Made(b'text')")
    heart = small_heart(tmp_path, size=32)
    out = tmp_path / "out"
    command = ("run", "left_atrium_with_veins", heart, "-o", out, "--no-check", "--with", "own", "--plugin", path)
    told = subprocess.run(
        [sys.executable, "-m", "pycemrg_core", *map(str, command)],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.count("written") == 1, told
    assert (tmp_path / "seen").read_text() == "xx"
    assert sorted(contents(out)) == ["heart.nrrd", "own.txt", "run.json"]


ENDLESS = {
    "step": ("while True:\n    yield Note('again')", "it returns more than 100,000 edits; does it end?"),
    "check": (
        "while True:\n    yield Finding(severity=Severity.ERROR, what='again')",
        "it yields more than 100,000 findings; does it end?",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ENDLESS)
def test_what_never_ends_is_stopped(tmp_path: Path, kind: str) -> None:
    body, what = ENDLESS[kind]
    path, _ = plugin(tmp_path, KINDS[kind][0], body)
    said = use(tmp_path, kind, path)
    assert what in said
    assert f"({path.name}:" in said


@pytest.mark.parametrize("count", [200_000, 10**12])
def test_a_hook_with_too_many_records_costs_only_its_plugin(tmp_path: Path, count: int) -> None:
    record = "Metric(name=f'm{n}', summary='', function=Ref('a:b'), measures=Measures.STRUCTURE)"
    path, _ = plugin(tmp_path, HOOK, f"for n in range({count}):\n    yield {record}")
    result = pycemrg("list-metrics", "--plugin", path)
    assert "returns more than 10,000 records; does it end?" in result.stderr
    assert f"({path.name}:" in result.stderr


NONSENSE = {
    "metric": [
        ("return 'a'", "it returned 'a', not a number"),
        ("return None", "it returned None, not a number"),
        ("return 1j", "it returned 1j, not a number"),
        ("return True", "it returned True, not a number"),
    ],
    "check": [
        (
            "yield Finding(severity=Severity.ERROR, what='x', mm2=float('nan'))",
            "a number of the finding 'x' is not finite",
        ),
        (
            "yield Finding(severity=Severity.ERROR, what='x', point_mm=(0.0, float('inf'), 0.0))",
            "a number of the finding 'x' is not finite",
        ),
        ("yield 3", "it yields 3, not a Finding"),
    ],
    "step": [
        ("return [3]", "it returned 3, not an Edit"),
        ("return [Note(3)]", "the text of a note is 3; give text"),
        ("return None", "it returned None; yield Edits or return a list of them"),
    ],
    "output": [
        ("return Made(b'', summary=3)", "the summary is 3; give text"),
        ("return Made('text')", "content must be bytes: use .encode()"),
    ],
}


@pytest.mark.slow(every=12)
@pytest.mark.parametrize(("kind", "body", "what"), [(kind, *one) for kind, all_ in NONSENSE.items() for one in all_])
def test_nonsense_is_blamed_on_its_plugin(tmp_path: Path, kind: str, body: str, what: str) -> None:
    if kind == "metric":
        pytest.importorskip("pycemrg_metrics", reason="pycemrg-metrics is not installed")
    path, line = plugin(tmp_path, KINDS[kind][0], body)
    said = use(tmp_path, kind, path)
    assert what in said
    assert f"{KINDS[kind][1]}{path.stem} (local file)" in said
    assert f"({path.name}:{line - 1}, in run)" in said


@pytest.mark.parametrize("value", ["float('nan')", "float('-inf')", "10**400"])
def test_a_parameter_that_is_not_finite_costs_only_its_plugin(tmp_path: Path, value: str) -> None:
    record = "Metric(name='m', summary='', function=Ref('a:b'), measures=Measures.STRUCTURE, parameters={'x': VALUE})"
    path, line = plugin(tmp_path, HOOK, f"yield {record.replace('VALUE', value)}")
    (warning,) = pycemrg("list-metrics", "--plugin", path).stderr.splitlines()
    assert "parameters.x is " in warning
    assert f"not a finite number ({path.name}:{line}, in pycemrg_metrics)" in warning


# ------------------------------------------------------------------------------- outputs are contributions

REPORT_COMMAND = """
import click

from pycemrg_core.api import Command, Made, Output, Ref, hookimpl


@hookimpl
def pycemrg_commands():
    yield Command(name="report", summary="another report", command=Ref(f"{__name__}:report"))


@click.command()
def report():
    click.echo("this report")
"""

MARKED = """
from pathlib import Path

from pycemrg_core.api import Made, Output, Ref, hookimpl

Path({marker!r}).touch()


@hookimpl
def pycemrg_outputs():
    yield Output(name="marked", file="marked.txt", summary="", function=Ref(f"{{__name__}}:made"))


def made(run, others):
    return Made(b"")
"""


@pytest.mark.slow
def test_the_output_report_is_not_the_command_of_another_plugin(tmp_path: Path) -> None:
    pytest.importorskip("pycemrg_report.report", reason="pycemrg-report is not installed")
    path = tmp_path / "other_report.py"
    path.write_text(REPORT_COMMAND, encoding="utf-8")
    heart = small_heart(tmp_path)
    command = ("run", "left_atrium_with_veins", heart, "-o", tmp_path / "out", "--no-check", "--with", "report")
    pycemrg(*command, "--plugin", path, code=1)  # what the certificate says of it
    assert (tmp_path / "out" / "report.html").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("command", ["run", "cohort run"])
def test_the_code_of_a_blocked_plugin_never_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """Neither in the command nor in its workers."""
    from plugin_packages import FakeSite, run_python

    if command == "cohort run":
        pytest.importorskip("pycemrg_cohort", reason="pycemrg-cohort is not installed")
    marker = tmp_path / "imported"
    site = FakeSite(tmp_path / "site")
    site.install("blocked-output", MARKED.format(marker=str(marker)), version="1.0")
    heart = small_heart(tmp_path)
    code = "import sys; from pycemrg_core.cli import main; main(sys.argv[1:])"
    arguments = [*command.split(), "left_atrium_with_veins", str(heart), "-o", str(tmp_path / "out"), "--no-check"]
    place: dict[str, Any] = {"path": [tmp_path / "site"], "cwd": tmp_path}
    done = run_python(code, *arguments, "--with", "marked", **place)
    assert done.returncode == 0, done.stderr
    assert marker.exists()
    marker.unlink()
    place["environment"] = {"PYCEMRG_PLUGINS": "-blocked-output"}
    before = contents(tmp_path / "out")
    done = run_python(code, *arguments, "--with", "marked", **place)
    assert done.returncode == 1
    assert "'marked'" in done.stderr
    done = run_python(code, *arguments, **place)
    assert done.returncode == 0, done.stderr
    assert before
    assert not marker.exists()


# ------------------------------------------------------------------------------------------- spreadsheets


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")'])
def test_a_text_that_a_spreadsheet_would_run_is_text(text: str) -> None:
    (row,) = csv.reader(io.StringIO(csv_text([[text, "x"]]), newline=""))
    assert row == [f"'{text}".replace("\r", " "), "x"]


@given(st.floats() | st.integers())
def test_numbers_stay_numbers(value: float) -> None:
    assert csv_text([[value, repr(value)]]) == f"{value},{value!r}\n"


@pytest.mark.slow
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), min_size=1))
def test_other_texts_come_back(cells: list[str]) -> None:
    (row,) = csv.reader(io.StringIO(csv_text([cells]), newline=""))
    assert [cell.removeprefix("'") for cell in row] == [cell.replace("\r", " ").removeprefix("'") for cell in cells]
