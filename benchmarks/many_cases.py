"""Measure ``pycemrg cohort run`` on many small hearts, and print a Markdown table.

    python benchmarks/many_cases.py [--counts 1000 10000]

The phantoms have 48 x 48 x 48 voxels, the recipe is ``four_chamber_full``, on two local workers. CPU seconds: other
work on the machine changes them little.

- loop: the function that workers call, on 300 of the cases, in one process; two loops: in two at the same time, which
  share the caches of the processor and its memory as two workers do.
- workers, command: CPU of a case in the workers, and in the command itself, which reads the cases, hands them out and
  writes the tables; start-up included.
- overhead: both together, less the two loops.
- memory: of the command at its highest, without the workers.
- again: CPU and time of the same command when every case is done.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import SimpleITK as sitk
from measuring import MEBIBYTE, command, say

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from phantom import heart_phantom

RECIPE, SIZE, LOOP = "four_chamber_full", 48, 300


class Spent:
    """The CPU seconds of a command and of its workers, its memory at its highest, and the time it took."""

    def __init__(self, arguments: list[str]) -> None:
        begin, self.own, self.peak = time.monotonic(), 0.0, 0
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
        while not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            self._look(Path(f"/proc/{process.pid}"))
            time.sleep(0.2)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert not process.returncode, process.returncode
        self.elapsed = time.monotonic() - begin
        self.workers = usage.ru_utime + usage.ru_stime - self.own

    def _look(self, folder: Path) -> None:
        try:
            status = (folder / "status").read_text()
            user, system = (folder / "stat").read_text().rpartition(")")[2].split()[11:13]
        except OSError:
            return
        found = [int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")]
        self.peak = max([self.peak, *found])
        self.own = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def phantoms(folder: Path, count: int) -> None:
    """One heart at ``count`` voxel sizes, 1.6 to 2 mm."""
    folder.mkdir()
    heart = heart_phantom(SIZE)
    for number in range(count):
        heart.SetSpacing([1.6 + 0.4 * number / count] * 3)
        sitk.WriteImage(heart, str(folder / f"h{number:05}.nrrd"), useCompression=True)


def loop(folder: Path, root: Path) -> float:
    """CPU seconds of a case in one process, after the first few, which import everything."""
    from pycemrg_cohort.cases import read_cases
    from pycemrg_cohort.job import Job, loaded_plugins
    from pycemrg_cohort.worker import bring

    from pycemrg_core import load_catalogue
    from pycemrg_core.recipes.settings import Settings

    job = Job(recipe=RECIPE, settings=Settings(), plugins=loaded_plugins(load_catalogue())).as_text()
    cases = read_cases([str(folder)], parameters=(), schemes=())[: LOOP + 10]
    for number, case in enumerate(cases):
        if number == 10:
            begin = time.process_time()
        assert not bring(case.as_json(), job=job, root=str(root))["error"]
    return (time.process_time() - begin) / (len(cases) - 10)


def loops(folder: Path, root: Path, count: int) -> float:
    """The mean CPU seconds of a case of so many loops at the same time, each in a process of its own."""
    lines = [[sys.executable, __file__, "--loop", str(folder), str(root / str(at))] for at in range(count)]
    started = [subprocess.Popen(line, stdout=subprocess.PIPE, text=True) for line in lines]
    printed = [one.communicate()[0] for one in started]
    assert not any(one.returncode for one in started)
    return sum(map(float, printed)) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument("--loop", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.loop:
        print(loop(*options.loop))
        return
    columns = (
        "cases|loop, ms a case|two loops, ms|workers, ms|command, ms|overhead, ms|memory, MiB|again, CPU s|again, s"
    )
    print(f"| {columns.replace('|', ' | ')} |\n|{' ---: |' * 9}")
    for count in options.counts:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            phantoms(folder / "in", count)
            say(f"{count:,} cases: loop")
            alone, beside = (loops(folder / "in", folder / f"loops{many}", many) for many in (1, 2))
            whole = command("cohort", "run", RECIPE, folder / "in", "-o", folder / "out", "--workers", "2")
            say(f"{count:,} cases: two workers")
            first, again = Spent(whole), Spent(whole)
        each = [1000 * seconds / count for seconds in (first.workers, first.own)]
        shown = [1000 * alone, 1000 * beside, *each, sum(each) - 1000 * beside, max(first.peak, again.peak) / MEBIBYTE]
        cells = [f"{value:.1f}" for value in (*shown, again.own + again.workers, again.elapsed)]
        print(f"| {count:,} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
