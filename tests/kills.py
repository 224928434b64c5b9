"""Kill commands at random moments, and look at what they leave.

    python tests/kills.py --moments 50 [--command run] [--signal SIGKILL] [--fresh]

Each command runs in a process of its own, forked from one that has imported everything, so that the moments are those
of its work; with ``--fresh`` it is a new process, so that they are those of its start too. Its process session is its
own and its signals are the usual ones. After each signal: inputs and foreign files are untouched, every result is as
before or whole, and the same command, run again, ends as if nothing had happened and leaves nothing behind.
"""

from __future__ import annotations

import argparse
import collections
import os
import py_compile
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from attrs import field, frozen
from command_line import small_heart

from pycemrg_core import load_catalogue
from pycemrg_core.api import load_json
from pycemrg_core.images.scratch import PREFIX

SIGNALS = ("SIGKILL", "SIGTERM", "SIGINT")
_START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from pycemrg_core.cli import main; main()"
)
_HEAVY = ("scipy.ndimage", "SimpleITK", "pycemrg_core.cli.run", "pycemrg_core.runs.results", "yaml", "cattrs")
_METRIC = """
from pycemrg_core.api import Measures, Metric, Ref, hookimpl


@hookimpl
def pycemrg_metrics():
    yield Metric(
        name="wall_thickness_median", summary="a number that differs from heart to heart",
        measures=Measures.STRUCTURE, function=Ref(f"{__name__}:thickness"), unit="mm",
    )


def thickness(structure):
    return structure.voxels * structure.spacing[0]
"""
_LIBRARIES = ("pycemrg_report.report", "pycemrg_augment.pipelines", "pycemrg_cohort.engine", "pycemrg_cohort.cluster")


def tree(root: Path) -> dict[str, Any]:
    """Every file below a folder: bytes, or data without the seconds that everything took."""
    found: dict[str, Any] = {}
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        name = path.relative_to(root).as_posix()
        if path.suffix == ".json":
            found[name] = timeless(load_json(path))
        elif path.suffix in (".csv", ".html"):
            found[name] = path.suffix  # they hold seconds; that they are whole is tested elsewhere
        else:
            found[name] = path.read_bytes()
    return found


def timeless(data: Any) -> Any:
    """The same data without any ``seconds``."""
    if isinstance(data, dict):
        return {key: timeless(value) for key, value in data.items() if key != "seconds"}
    return [timeless(one) for one in data] if isinstance(data, list) else data


def leftovers(root: Path) -> list[str]:
    """The temporary folders below a folder."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob(f"{PREFIX}*"))


@frozen
class Scene:
    """A command, the folder that it writes to, and the parts of this folder that are written at once.

    ``parts`` gives the names of files that appear together, from the names in the final result.
    """

    name: str
    make: Callable[[Path], list[str]]
    parts: Callable[[set[str]], list[set[str]]] = lambda names: [names]
    code: int = 0
    environment: dict[str, str] = field(factory=dict)


def _run(folder: Path) -> list[str]:
    heart = small_heart(folder)
    outputs = "picture,itksnap-table"
    return ["run", "left_atrium_with_veins", str(heart), "-o", str(folder / "out"), "--no-check", "--with", outputs]


def _repair(folder: Path) -> list[str]:
    (folder / "out").mkdir(exist_ok=True)
    return ["repair", str(small_heart(folder)), "-o", str(folder / "out" / "repaired.nii.gz"), "--json"]


def _report(folder: Path) -> list[str]:
    if not (folder / "out" / "run.json").exists():
        recipe, heart = "left_atrium_with_veins", small_heart(folder, size=32)
        finished(["run", recipe, str(heart), "-o", str(folder / "out"), "--no-check"])
    return ["report", str(folder / "out")]


def _augment(folder: Path) -> list[str]:
    (folder / "pipeline.yaml").write_text("- flip: {}\n- elastic: {}\n", encoding="utf-8")
    labels, pipeline = str(small_heart(folder)), str(folder / "pipeline.yaml")
    return ["augment", "--labels", labels, "--pipeline", pipeline, "-n", "4", "-o", str(folder / "out")]


def _cohort(folder: Path) -> list[str]:
    (folder / "in").mkdir(exist_ok=True)
    for number in range(4):
        small_heart(folder / "in", f"h{number}.nrrd", size=40 + 2 * number)
    metric, out = folder / "in_millimetres.py", str(folder / "out")
    if not metric.exists():
        metric.write_text(_METRIC, encoding="utf-8")
        py_compile.compile(str(metric))  # so that no command leaves what it compiled among the inputs
    recipe, options = "left_atrium_with_veins", ["--no-check", "--workers", "2", "--plugin", str(metric)]
    return ["cohort", "run", recipe, str(folder / "in"), "-o", out, *options]


def _cohort_parts(names: set[str]) -> list[set[str]]:
    cases = {name.split("/")[1] for name in names if name.startswith("cases/")}
    return [
        *({name for name in names if name.startswith(f"cases/{case}/") and "case.json" not in name} for case in cases),
        *({name} for name in names if name.endswith("case.json") or "/" not in name),
    ]


SCENES = {
    scene.name: scene
    for scene in (
        Scene("run", _run),
        Scene("repair", _repair, code=1),
        Scene("report", _report),
        Scene("augment", _augment),
        # Each new worker would import what measures walls for longer than its hearts take.
        Scene("cohort", _cohort, parts=_cohort_parts, environment={"PYCEMRG_PLUGINS": "-metrics"}),
    )
}


def started(command: list[str], log: Path, fresh: bool = False) -> int:
    """Start a command in a process session of its own, with the usual signals; the number of the process."""
    if fresh:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        files = [(os.POSIX_SPAWN_OPEN, number, str(log), flags, 0o644) for number in (1, 2)]
        arguments, usual = [sys.executable, "-c", _START, *command], [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
        return os.posix_spawn(sys.executable, arguments, os.environ, file_actions=files, setsid=True, setsigdef=usual)
    if pid := os.fork():
        return pid
    code = 1
    try:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        from pycemrg_core.cli import main

        try:
            main(command)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        sys.stdout.flush()
        sys.stderr.flush()
    except KeyboardInterrupt:
        code = 130  # after the command
    finally:
        os._exit(code)


def ended(pid: int, patience: float = 120.0) -> int:
    """The exit code of a process; minus the number of a signal."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError("it did not end")


def finished(command: list[str]) -> tuple[int, str]:
    """Run a command to its end: exit code and text."""
    with tempfile.TemporaryDirectory() as place:
        log = Path(place) / "log"
        return ended(started(command, log)), log.read_text(encoding="utf-8", errors="replace")


@frozen
class Judge:
    """What a command leaves when nothing happens to it, and how long it takes."""

    scene: Scene
    place: Path
    command: list[str]
    inputs: dict[str, Any]
    before: dict[str, Any]
    whole: dict[str, Any]
    seconds: float

    @classmethod
    def of(cls, scene: Scene, place: Path, fresh: bool = False) -> Judge:
        command = scene.make(place)
        before = tree(place / "out")
        inputs = cls._inputs(place)
        begin = time.monotonic()
        code = ended(started(command, place / "log", fresh))
        seconds = time.monotonic() - begin
        assert code == scene.code, (place / "log").read_text()
        judge = cls(scene, place, command, inputs, before, tree(place / "out"), seconds)
        judge.reset()
        return judge

    @staticmethod
    def _inputs(place: Path) -> dict[str, Any]:
        return {name: data for name, data in tree(place).items() if not name.startswith(("out/", "log"))}

    def reset(self) -> None:
        """Remove what the command wrote."""
        for name in sorted(self.whole.keys() - self.before.keys()):
            (self.place / "out" / name).unlink(missing_ok=True)
        if not self.before:
            shutil.rmtree(self.place / "out", ignore_errors=True)
            self.scene.make(self.place)

    def interrupted(self, number: int, moment: float, fresh: bool = False) -> str:
        """Send a signal at a moment; what it found. Raises :class:`AssertionError` when a promise is broken."""
        log, out = self.place / "log", self.place / "out"
        pid = started(self.command, log, fresh)
        time.sleep(moment)
        sent = True
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            sent = False
        code = ended(pid)
        said = log.read_text(encoding="utf-8", errors="replace")
        assert self._inputs(self.place) == self.inputs, "an input has changed"
        there = tree(out)
        left = leftovers(out)
        there = {name: data for name, data in there.items() if not any(name.startswith(f"{one}/") for one in left)}
        assert there.keys() <= {*self.whole, *self.before}, sorted(there)
        for part in self.scene.parts({*self.whole}):
            now = {name: there[name] for name in part if name in there}
            whole, before = ({name: all_[name] for name in part if name in all_} for all_ in (self.whole, self.before))
            assert now in (whole, before), f"a part of a result: {sorted(now)}"
        if number != signal.SIGKILL:
            early = fresh and code in (-number, 1) and "Traceback" in said and "main()" not in said.split("\n")[-3:]
            assert "Traceback" not in said or early, said
            assert code in (1, 130, self.scene.code, -number), code
        if number == signal.SIGKILL and self.scene.name == "cohort":
            time.sleep(0.5)  # its workers end by themselves
        again = finished(self.command)
        assert again[0] == self.scene.code, again
        assert tree(out) == self.whole, "the next command ended differently"
        assert leftovers(out) == [], "something was left"
        state = "whole" if there == self.whole else "as before" if there == self.before else "some parts whole"
        return f"{state}{', leftovers swept' if left else ''}" if sent else "ended before"


def warm(name: str) -> None:
    """Import and compile what the command needs, so that a fork has it."""
    import importlib

    for module in _HEAVY:
        importlib.import_module(module)
    for module in _LIBRARIES:
        if module.startswith(f"pycemrg_{name}"):
            importlib.import_module(module)
    load_catalogue()
    if name == "report":
        sys.modules["pycemrg_report.report"]._template()  # compiling it takes half of a command's time


def survey(
    name: str, signals: tuple[str, ...], moments: int, seed: int, fresh: bool = False
) -> collections.Counter[str]:
    """The outcomes of a command that is stopped at random moments, by signal."""
    counts: collections.Counter[str] = collections.Counter()
    draw = random.Random(seed)
    warm(name)
    with patch.dict(os.environ, SCENES[name].environment), tempfile.TemporaryDirectory() as place:
        judge = Judge.of(SCENES[name], Path(place), fresh)
        for one in signals:
            for _ in range(moments):
                moment = draw.uniform(0.0, 1.05 * judge.seconds)
                outcome = judge.interrupted(getattr(signal, one), moment, fresh)
                counts[f"{name:8} {one:8} {outcome}"] += 1
                judge.reset()
    return counts


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--moments", type=int, default=50)
    parser.add_argument("--command", choices=SCENES, action="append")
    parser.add_argument("--signal", choices=SIGNALS, action="append")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fresh", action="store_true")
    given = parser.parse_args()
    for scene_name in given.command or SCENES:
        signals_given = tuple(given.signal or SIGNALS)
        for outcome, count in sorted(survey(scene_name, signals_given, given.moments, given.seed, given.fresh).items()):
            print(f"{count:4} {outcome}", flush=True)
