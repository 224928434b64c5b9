"""What a terminal is shown: nothing that it would obey; and signals, which stop a command wherever it is."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path

import click
import pytest
import SimpleITK as sitk
from command_line import contents, local_plugin, pycemrg, small_heart
from hypothesis import given
from hypothesis import strategies as st

from pycemrg_core.cli import session
from pycemrg_core.cli.terminal import shown, status, style
from pycemrg_core.guard import guarded

RECIPE = "left_atrium_with_veins"
EVIL = "\x1b[2J\x07 \u202etxt.exe\u2066 \x9b31m \u2028 \udc80 \x00"
UNSAFE = ["\x1b", "\x07", "\u202e", "\u2066", "\x9b", "\u2028", "\udc80", "\x00"]


@pytest.mark.slow
@given(st.text())
def test_no_text_can_make_a_terminal_do_anything(text: str) -> None:
    assert not [c for c in shown(text)[1:] if c in "\x1b\x07\x9b\r\u202e" or (c < " " and c not in "\n\t")]
    shown(text).encode("utf-8")


def test_ordinary_text_and_what_commands_write_themselves_stay() -> None:
    for text in ("ß 心臓 é\tb\n", "\r3 of 4", "\r\x1b[?25l  [###]", "\x1b[?25h\n"):
        assert shown(text) == text
    assert shown("a\rb") == "a\\u000db"


def test_only_our_own_styles_reach_a_terminal() -> None:
    """A colour in a name is a control as any other; also inside a text that has a style of ours."""
    assert shown(style("bold", bold=True)) == click.style("bold", bold=True)
    assert shown(style("\x1b[31mred\x1b[0m", fg="green")) == click.style("\\u001b[31mred\\u001b[0m", fg="green")
    assert shown("\x1b[31mred \x1b[?25l") == "\\u001b[31mred \\u001b[?25l"
    assert click.unstyle(style("bold", bold=True)) == "bold"


@pytest.mark.parametrize("terminal", [True, False])
def test_what_a_command_is_doing_is_one_line_that_goes_away(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    written = io.StringIO()
    written.isatty = lambda: terminal  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", written)
    monkeypatch.setenv("COLUMNS", "12")
    with suppress(ValueError), status() as told:
        told("first ...")
        told("a second, longer than the terminal")
        raise ValueError
    assert written.getvalue() == ("\rfirst ...  \ra second, l\r           \r" if terminal else "")


@pytest.mark.slow
def test_the_verdict_of_a_run_fits_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("run", RECIPE, small_heart(tmp_path), "-o", "out", "--no-check", "--with", "certificate")
    monkeypatch.chdir(tmp_path)
    piped = pycemrg(*command, code=1).stdout
    monkeypatch.setattr(session, "terminal_width", lambda: 70)
    narrow = pycemrg(*command, code=1).stdout
    assert max(map(len, piped.splitlines())) > 100
    assert max(map(len, narrow.splitlines())) <= 70
    assert narrow.split() == piped.split()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no terminals")
def test_a_repair_says_what_it_is_doing_on_a_terminal_only(tmp_path: Path) -> None:
    image = small_heart(tmp_path)
    command = [sys.executable, "-m", "pycemrg_core", "repair", str(image), "-o", str(tmp_path / "repaired.nrrd")]
    command += ["--scheme", "cemrg"]
    piped = subprocess.run(command, capture_output=True, text=True)
    assert "..." not in piped.stderr
    ours, theirs = os.openpty()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=theirs)
    shown_there = os.read(ours, 100_000).decode()
    os.close(ours), os.close(theirs)
    assert "\rrepairing: walls and leaks, round 1 ..." in shown_there
    assert "\rcertifying ..." in shown_there
    assert shown_there.replace("\r\n", "\n").rsplit("\r", 1)[-1] == piped.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no such file name")
def test_a_file_name_stays_on_its_line(tmp_path: Path) -> None:
    image = small_heart(tmp_path, "a\nerror: b\t\x1b[31m\r.nrrd")
    out = tmp_path / "kept\nnote: c.nrrd"
    checked = pycemrg("labels", "check", image, "--scheme", "cemrg", "--no-plugins")
    detected = pycemrg("labels", "detect", image, "--no-plugins")
    kept = pycemrg("labels", "keep", image, "LV_BP_label", "-o", out, "--no-plugins")
    swapped = tmp_path / image.name.replace("error", "problem")
    sitk.WriteImage(sitk.ChangeLabel(sitk.ReadImage(str(image)), {1: 4, 4: 1}), str(swapped))
    refused = pycemrg("run", RECIPE, swapped, "-o", tmp_path / "out", "--no-plugins", code=1)
    assert "a\\nproblem: b\\t\\x1b[31m\\r.nrrd: a check of the image found errors" in refused.stderr
    text = "".join(one.stdout + one.stderr for one in (checked, detected, kept))
    assert "a\\nerror: b\\t\\x1b[31m\\r.nrrd" in text
    assert "kept\\nnote: c.nrrd written" in text
    assert not [line for line in text.splitlines() if line.startswith(("error: b", "note: c"))]


PLUGIN = """
import os

from pycemrg_core.api import Measures, Metric, Ref, hookimpl

print("import")
os.write(1, b"import, compiled\\n")
os.chdir("/")


@hookimpl
def pycemrg_metrics():
    print("hook")
    yield Metric(
        name="{name}",
        summary={evil!r},
        function=Ref("{name}:metric"),
        measures=Measures.STRUCTURE,
    )


def metric(structure):
    print("metric")
    os.write(1, b"metric, compiled\\n")
    os.chdir("/")
    return 3.5
"""


def plugin(folder: Path) -> Path:
    name = f"evil_{abs(hash(folder))}"
    path = folder / f"{name}.py"
    path.write_text(PLUGIN.format(name=name, evil=EVIL), encoding="utf-8")
    return path


@pytest.mark.slow(every=3)
@pytest.mark.parametrize(
    "command", [("list-metrics",), ("list-plugins",), ("bug-report",), ("list-metrics", "--json"), ("--help",)]
)
def test_texts_of_a_plugin_cannot_crash_or_steer_a_list(tmp_path: Path, command: tuple[str, ...]) -> None:
    result = pycemrg("--plugin", plugin(tmp_path), *command)
    for character in UNSAFE:
        assert character not in result.stdout
    if "--json" in command:
        assert EVIL in [one["summary"] for one in json.loads(result.stdout)]


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pycemrg_core", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.slow
def test_what_a_plugin_prints_is_not_in_the_data(tmp_path: Path) -> None:
    """Neither print nor a write of compiled code, at import, in a hook, or in a metric."""
    heart, path = small_heart(tmp_path), plugin(tmp_path)
    listed = run("list-metrics", "--json", "--plugin", path, cwd=tmp_path)
    assert path.stem in [one["name"] for one in json.loads(listed.stdout)]
    for text in ("import\n", "import, compiled\n", "hook\n"):
        assert text in listed.stderr
    measured = run("measure", heart, "--metrics", path.stem, "--json", "--plugin", path, cwd=tmp_path)
    assert json.loads(measured.stdout)
    assert "metric\n" in measured.stderr
    assert "metric, compiled\n" in measured.stderr


@pytest.mark.slow
def test_a_step_that_changes_the_working_directory_moves_no_result(tmp_path: Path) -> None:
    small_heart(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    path = local_plugin(tmp_path, f"print('step')\nos.chdir({str(other)!r})\nreturn paint(volume, contract)")
    done = run("run", "mine", "small.nrrd", "-o", "out", "--no-check", "--plugin", path.name, cwd=tmp_path)
    last = "next: pycemrg certify out/heart.nrrd  (is it closed?)\n"
    assert (done.returncode, done.stdout) == (0, f"out: heart.nrrd and run.json written\n{last}"), done.stderr
    assert "step\n" in done.stderr
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"heart.nrrd", "run.json"}
    assert contents(other) == {}


def test_a_step_that_changes_the_umask_changes_no_permission() -> None:
    before = os.umask(0o022)
    try:
        with guarded():
            os.umask(0o777)
        assert os.umask(before) == 0o022
    finally:
        os.umask(before)


def test_a_plugin_that_closes_its_output_does_not_take_the_error_line(tmp_path: Path) -> None:
    path = local_plugin(tmp_path, "import sys\nsys.stdout.close()\nraise ValueError('after')")
    command = ("run", "mine", small_heart(tmp_path), "-o", tmp_path / "out", "--no-check", "--plugin", path)
    assert "ValueError: after" in pycemrg(*command, code=1).stderr


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_unicode_is_shown_escapes(tmp_path: Path, encoding: str) -> None:
    path = plugin(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pycemrg_core", "list-metrics", "--plugin", str(path)],
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"\\u202etxt.exe" in done.stdout


# ------------------------------------------------------------------------------------------------- signals

START = """
import signal, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
{before}
from pycemrg_core.cli import main
main()
"""

posix = pytest.mark.skipif(sys.platform == "win32", reason="no signals")


def signalled(tmp_path: Path, number: int, body: str, before: str = "") -> tuple[int, str, str]:
    """Run the body of a step, which makes the file ``started``, and send a signal then."""
    started = tmp_path / "started"
    path = local_plugin(tmp_path, f"Path({str(started)!r}).touch()\n{textwrap.dedent(body)}")
    command = ["run", "mine", str(small_heart(tmp_path)), "-o", str(tmp_path / "out"), "--plugin", str(path)]
    process = subprocess.Popen(
        [sys.executable, "-c", START.format(before=before), *command, "--no-check"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        end = time.monotonic() + 60
        while not started.exists() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, out, err


@posix
@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_a_command_as_control_c_does(tmp_path: Path, name: str) -> None:
    code, out, err = signalled(tmp_path, getattr(signal, name), "time.sleep(60)")
    assert (code, out, err) == (1, "", f"error: interrupted; {tmp_path / 'out'} is unchanged\n")
    assert not (tmp_path / "out").exists()


SWALLOWED = """
    try:
        time.sleep(60)
    except BaseException:
        pass
"""
PAINT = "return paint(volume, contract)"


@posix
@pytest.mark.slow
@pytest.mark.parametrize("after", ["", "time.sleep(60)"])
def test_a_signal_that_a_plugin_swallows_is_not_lost(tmp_path: Path, after: str) -> None:
    code, _, err = signalled(tmp_path, signal.SIGINT, f"{textwrap.dedent(SWALLOWED)}\n{after}\n{PAINT}")
    assert (code, err) == (1, f"error: interrupted; {tmp_path / 'out'} is unchanged\n")
    assert not (tmp_path / "out").exists()


@posix
@pytest.mark.slow
def test_a_signal_waits_until_a_module_is_imported(tmp_path: Path) -> None:
    """An interrupted import of a compiled module can end the process."""
    (tmp_path / "slow_module.py").write_text(
        f"import time\nfrom pathlib import Path\ntime.sleep(1)\nPath({str(tmp_path / 'imported')!r}).touch()\n"
    )
    body = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport slow_module\ntime.sleep(60)"
    code, _, err = signalled(tmp_path, signal.SIGTERM, body)
    assert (tmp_path / "imported").exists()
    assert (code, err) == (1, f"error: interrupted; {tmp_path / 'out'} is unchanged\n")


DELETED = """
    class Slow:
        def __del__(self):
            time.sleep(2)
    slow = Slow()
    del slow
    time.sleep(60)
"""


@posix
@pytest.mark.slow
def test_a_signal_in_a_destructor_is_not_lost(tmp_path: Path) -> None:
    """Python ignores what is raised there; libraries that wrap C++ have many of them."""
    code, _, err = signalled(tmp_path, signal.SIGINT, DELETED)
    assert (code, err) == (1, f"error: interrupted; {tmp_path / 'out'} is unchanged\n")


@posix
@pytest.mark.slow
def test_a_signal_that_the_caller_ignores_stays_ignored(tmp_path: Path) -> None:
    body = "time.sleep(1)\nreturn paint(volume, contract)"
    code, out, _ = signalled(tmp_path, signal.SIGHUP, body, before="signal.signal(signal.SIGHUP, signal.SIG_IGN)")
    assert code == 0
    assert "written" in out


@posix
@pytest.mark.slow
def test_a_plugin_does_not_take_control_c_away(tmp_path: Path) -> None:
    """A library that a plugin uses may set a handler of its own."""
    taken = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nreturn paint(volume, contract)"
    path = local_plugin(tmp_path, taken)
    code = """
import signal, sys
from pycemrg_core.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main(sys.argv[1:], standalone_mode=False)
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""
    command = ["run", "mine", small_heart(tmp_path), "-o", tmp_path / "out", "--no-check", "--plugin", path]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, command)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.endswith("True\n"), done.stderr
