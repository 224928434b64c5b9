"""What the benchmarks share: CPU seconds, memory, the distance transform that times are compared with, and rows.

A :class:`Row` is a line of the table that ``all.py`` prints. Its ``measure`` returns a :class:`Measured`: our value and
that of the floor, taken in turns in one run. Seconds are CPU seconds, and of several turns the least counts: other work
on the machine can only add to them.
"""

from __future__ import annotations

import gc
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

MEBIBYTE = 2**20
# What libraries read when they are imported; whatever is measured inside a process is measured so.
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
ONE_THREAD["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
PYTHON = "PYCEMRG_REFERENCE"  # the variable that names an interpreter with the reference library


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The value of a row, the seconds that it is the ratio of, and whether both results were the same.

    ``same`` is None where the floor does other work. ``note`` is shown below the table.
    """

    value: float
    ours: float | None = None
    floor: float | None = None
    same: bool | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table: what is measured, compared with what, and the most that its value may be.

    ``measure`` is called with the number of turns. It imports what only benchmarks need inside, so that a missing
    library costs one row. ``budget`` is what a release must meet; ``aim`` is what we would like. Both are None for a
    row that only informs.
    """

    name: str
    what: str
    against: str
    measure: Callable[[int], Measured]
    budget: float | None = None
    aim: float | None = None
    unit: str = ""


def in_turns(turns: int, **calls: Callable[[], object]) -> dict[str, float]:
    """The least CPU seconds of each call, called one after the other, several times."""
    least = dict.fromkeys(calls, float("inf"))
    for _ in range(turns):
        for name, call in calls.items():
            gc.collect()
            start = process_time()
            call()
            least[name] = min(least[name], process_time() - start)
    return least


def ratio(ours: Callable[[], object], floor: Callable[[], object], turns: int, **more: Any) -> Measured:
    """Our CPU seconds, those of the floor, and their ratio. ``more`` are other fields of :class:`Measured`."""
    least = in_turns(turns, ours=ours, floor=floor)
    return Measured(value=least["ours"] / least["floor"], ours=least["ours"], floor=least["floor"], **more)


def transform(array: Any, spacing: Sequence[float], label: int = 1) -> Callable[[], object]:
    """One EDT: the exact distance of every voxel to the nearest one of a label, by ``edt`` on one thread.

    ``array`` and ``spacing`` are (z, y, x).
    """
    import edt
    import numpy as np

    background = np.ascontiguousarray(array != label)
    return lambda: edt.edt(background, anisotropy=tuple(spacing), parallel=1)


@dataclass(frozen=True)
class Spent:
    """What a process used: CPU seconds, and its resident memory in bytes at its highest."""

    seconds: float
    peak: int


def process(command: Sequence[str]) -> Spent:
    """What a command used; it must succeed. The caller must be small: a child starts with its parent's memory.

    It gets as many threads as when a user starts it, ``ONE_THREAD`` or not. Compiled modules are kept, as in any
    installed environment, and here in a folder of their own.
    """
    kept = Path(tempfile.gettempdir()) / "pycemrg-benchmarks" / platform.python_version()
    ours = {"PYTHONDONTWRITEBYTECODE", *ONE_THREAD}
    variables = {name: value for name, value in os.environ.items() if name not in ours}
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**variables, "PYTHONPYCACHEPREFIX": str(kept)})
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return Spent(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def resident(which: str = "VmRSS") -> int:
    """Resident bytes of this process: now (``VmRSS``) or at the peak (``VmHWM``). Linux only."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{which}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(f"/proc/self/status has no {which}")


def added(call: Callable[[], object]) -> int:
    """Resident bytes that a call adds at its highest, its result included. Best in a new process."""
    gc.collect()
    with suppress(OSError):  # if the peak cannot be reset, it is hardly above the current memory
        Path("/proc/self/clear_refs").write_text("5")
    before = resident()
    result = call()
    extra = resident("VmHWM") - before
    del result
    return extra


def least(turns: int, *commands: Sequence[str]) -> list[Spent]:
    """What each command used at least, started one after the other, several times; a first time does not count."""
    for command in commands:
        process(command)
    spent = [[process(command) for command in commands] for _ in range(turns)]
    return [
        Spent(min(one.seconds for one in column), min(one.peak for one in column))
        for column in zip(*spent, strict=True)
    ]


def command(*arguments: str | Path) -> list[str]:
    """The command line of ``pycemrg`` in this interpreter."""
    return [sys.executable, "-m", "pycemrg_core", *map(str, arguments)]


def say(text: str) -> None:
    """Print one line of progress."""
    print(text, file=sys.stderr, flush=True)
