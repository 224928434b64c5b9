"""A cohort to disturb: small hearts, a recipe whose progress the test controls, and folders as plain data."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import SimpleITK as sitk
from command_line import local_plugin, pycemrg
from phantom import heart_phantom

PATIENCE = 60.0

# Every new process would import what measures walls for longer than all its hearts take.
FEW_IMPORTS = ("PYCEMRG_PLUGINS", "-metrics")

_THICKNESS = """

from pycemrg_core.api import Measures, Metric


@hookimpl
def pycemrg_metrics():
    yield Metric(
        name="wall_thickness_median",
        summary="a number that differs from heart to heart",
        measures=Measures.STRUCTURE,
        function=Ref(f"{__name__}:thickness"),
        unit="mm",
    )


def thickness(structure):
    return structure.voxels * structure.spacing[0]
"""


def hearts(folder: Path, count: int, size: int = 32) -> Path:
    """Hearts that differ in their voxel size, so that no result is another's."""
    folder.mkdir()
    for number in range(count):
        millimetres = 1.6 + number / 50
        heart = heart_phantom(size, (millimetres, millimetres, millimetres))
        sitk.WriteImage(heart, str(folder / f"h{number:02}.nrrd"), useCompression=True)
    return folder


def measuring_plugin(folder: Path, run: str, recipe: str) -> Path:
    """A local plugin that measures walls too, for processes with :data:`FEW_IMPORTS`."""
    plugin = local_plugin(folder, run, recipe=recipe)
    plugin.write_text(plugin.read_text(encoding="utf-8") + _THICKNESS, encoding="utf-8")
    return plugin


class Gate:
    """A recipe ``gated``: each case announces itself, then waits for a ticket, or for the gate to be opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "gate"
        self.folder.mkdir()
        body = f"""
            gate = Path({str(self.folder)!r})
            (gate / f"waiting-{{os.getpid()}}").touch()
            while not (gate / "open").exists():
                try:
                    next(gate.glob("ticket-*")).unlink()
                    break
                except (StopIteration, FileNotFoundError):
                    time.sleep(0.01)
            (gate / f"waiting-{{os.getpid()}}").unlink(missing_ok=True)
            return paint(volume, contract)
        """
        self.plugin = measuring_plugin(folder, body, "gated")

    def admit(self, count: int) -> None:
        """Let that many cases through."""
        for number in range(count):
            (self.folder / f"ticket-{time.monotonic_ns()}-{number}").touch()

    def open(self) -> None:
        """Let all cases through from now on."""
        (self.folder / "open").touch()

    def close(self) -> None:
        """Let none through, and forget who waited."""
        for file in self.folder.iterdir():
            file.unlink()

    def waiting(self) -> list[int]:
        """The processes that have a case in hand."""
        return [int(file.name.rpartition("-")[2]) for file in self.folder.glob("waiting-*")]


class Processes:
    """Commands in groups of their own, none of which outlives the test."""

    def __init__(self, **environment: str) -> None:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PYCEMRG_")}
        self.environment = {**kept, **environment}
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *command: object, **environment: str) -> subprocess.Popen[str]:
        """Start ``python -m COMMAND`` with its output in pipes."""
        process = subprocess.Popen(
            [sys.executable, "-m", *map(str, command)],
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A shell's background job ignores Ctrl-C, and so would its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self._started.append(process)
        return process

    def cohort(self, *arguments: object) -> subprocess.Popen[str]:
        """Start ``pycemrg cohort``."""
        return self.start("pycemrg_core", "cohort", *arguments)

    def kill(self, process: subprocess.Popen[str]) -> None:
        """``kill -9`` of a command and all its children."""
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=PATIENCE)

    def end(self) -> None:
        """Kill whatever is left."""
        for process in self._started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=PATIENCE)
        self._started.clear()


def ended(process: subprocess.Popen[str], code: int) -> str:
    """Wait for a command, which must end with this exit code; all that it printed."""
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, f"{process.returncode}\n{out}\n{err}"
    assert "Traceback" not in err
    return out + err


def here(*command: object, code: int) -> str:
    """Call ``pycemrg cohort`` in this process; all that it and its workers printed."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as printed:
        kept = os.dup(2)
        os.dup2(printed.fileno(), 2)  # where workers print
        try:
            result = pycemrg("cohort", *command, code=code)
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        printed.seek(0)
        told = result.stdout + result.stderr + printed.read()
    assert "Traceback" not in told
    return told


@contextmanager
def dask_here(workers: int, port: int = 0) -> Iterator[Any]:
    """A cluster: a scheduler and its workers in threads of this process."""
    from distributed import LocalCluster

    place = {"protocol": "tcp://", "host": "127.0.0.1", "scheduler_port": port, "dashboard_address": None}
    with LocalCluster(n_workers=workers, threads_per_worker=1, processes=False, **place) as cluster:
        yield cluster


def eventually(condition: Callable[[], Any], what: str) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.01)


def tree(root: Path) -> dict[str, Any]:
    """Every file below a folder by its path: bytes, or data without the seconds that everything took."""
    found: dict[str, Any] = {}
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        name = path.relative_to(root).as_posix()
        if path.suffix == ".json":
            found[name] = timeless(json.loads(path.read_text(encoding="utf-8")))
        elif path.suffix == ".csv":
            rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
            found[name] = [timeless(row) for row in rows]
        else:
            found[name] = path.read_bytes()
    return found


def timeless(data: Any) -> Any:
    """The same data without any ``seconds``."""
    if isinstance(data, dict):
        return {key: timeless(value) for key, value in data.items() if key != "seconds"}
    return [timeless(one) for one in data] if isinstance(data, list) else data


def done(root: Path) -> set[str]:
    """The cases whose marker is there."""
    return {path.parent.name for path in root.glob("cases/*/case.json")}
