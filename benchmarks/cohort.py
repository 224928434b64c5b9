"""Measure ``pycemrg cohort run`` and print Markdown tables.

    python benchmarks/cohort.py [--count 1000] [--hearts FOLDER ...]

All is measured in one run, with the recipe ``four_chamber_full``:

- loop: the cases one after the other in this process, with the same function that workers call; ``plain`` does only
  the same as ``pycemrg run``, without measuring volumes and walls and without ``case.json``.
- 1 worker, 2 workers: the same cases on local worker processes. Overhead is the additional time of a case on one
  worker, compared with the loop. Start is the time until the workers have imported everything; it is needed once.
- again: the same on 2 workers when every case is already done.
- memory: for images of growing size, the increase of the resident memory of a new worker during one case, divided
  by the bytes of the voxels of the image.

The phantoms are one heart at ``--count`` voxel sizes. Rows go to stdout as they become known.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import SimpleITK as sitk
from pycemrg_cohort.cases import Case, read_cases
from pycemrg_cohort.cluster import connected
from pycemrg_cohort.engine import plan_cases, run_cases, sample_case
from pycemrg_cohort.job import Job, loaded_plugins
from pycemrg_cohort.memory import voxel_bytes
from pycemrg_cohort.worker import bring

from pycemrg_core import load_catalogue
from pycemrg_core.images import image_files
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.recipes import planner
from pycemrg_core.recipes.preparation import prepare
from pycemrg_core.recipes.runner import RunResult, run_plan
from pycemrg_core.recipes.settings import Settings
from pycemrg_core.runs.finished import FinishedRun
from pycemrg_core.runs.results import write_result
from pycemrg_core.runs.run_folder import Source

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from phantom import heart_phantom  # noqa: E402

RECIPE = "four_chamber_full"
MEBIBYTE = 2**20
Cases = tuple[Case, ...]


def resident(pid: int | None = None) -> int:
    """The resident memory of this or another process, in bytes."""
    import psutil

    return int(psutil.Process(pid).memory_info().rss)


def plain(case: Case, catalogue: Catalogue, root: Path) -> None:
    """Do the same as ``pycemrg run``."""
    label_map, notes = image_files.read_labels(case.file)
    prepared = prepare(image_files.volume_of(label_map), catalogue, Settings(), name=case.path, notes=notes)
    planned = planner.plan(RECIPE, catalogue, prepared.facts, Settings())
    *_, result = run_plan(planned, prepared)
    assert isinstance(result, RunResult)
    source = Source.of(case.file)
    run = FinishedRun(result=result, prepared=prepared, plan=planned, source=source, catalogue=catalogue)
    write_result(run, root / "cases" / case.id)


def on_workers(cases: Cases, job: str, root: Path, workers: int) -> tuple[float, float]:
    """Seconds to start worker processes, and to bring all cases up to date on them."""
    begin = perf_counter()
    with connected(len(cases), 0, workers, None) as there:
        list(plan_cases(there, cases[:workers], job))  # now everything is imported
        start = perf_counter() - begin
        begin = perf_counter()
        outcomes = list(run_cases(there, cases, job, root))
        seconds = perf_counter() - begin
    wrong = [outcome["error"] for outcome in outcomes if outcome["error"]]
    assert not wrong, wrong[0]
    return start, seconds


def throughput(title: str, cases: Cases, catalogue: Catalogue, job: str, folder: Path) -> None:
    """Print one table: the time for all cases, in each way."""
    print(f"\n{title}: {len(cases):,} cases\n")
    print("| how | all, s | a case, ms | loop / this | start, s |")
    print("| --- | ---: | ---: | ---: | ---: |")

    def row(how: str, seconds: float, loop: float, start: float | None = None) -> None:
        began = "" if start is None else f"{start:.1f}"
        each = 1000 * seconds / len(cases)
        print(f"| {how} | {seconds:.1f} | {each:.1f} | {loop / seconds:.2f} | {began} |", flush=True)

    begin = perf_counter()
    for case in cases:
        plain(case, catalogue, folder / "plain")
    bare = perf_counter() - begin
    begin = perf_counter()
    for case in cases:
        assert not bring(case.as_json(), job=job, root=str(folder / "loop"))["error"]
    loop = perf_counter() - begin
    row("plain", bare, loop)
    row("loop", loop, loop)
    for workers in (1, 2):
        root = folder / f"workers{workers}"
        start, seconds = on_workers(cases, job, root, workers)
        row(f"{workers} worker{'s' * (workers > 1)}", seconds, loop, start)
        if workers == 1:
            overhead = 1000 * (seconds - loop) / len(cases)
    start, seconds = on_workers(cases, job, folder / "workers2", 2)
    row("again, 2 workers", seconds, loop, start)
    print(f"\nOverhead on one worker: {overhead:.1f} ms a case.", flush=True)
    for name in ("plain", "loop", "workers1", "workers2"):
        shutil.rmtree(folder / name)


def memory(cases: Cases, job: str) -> None:
    """Print one table: the memory of a new worker for one case."""
    print("\n| case | voxels | worker before, MiB | worker at most, MiB | bytes more per byte of voxels |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for case in cases:
        with connected(1, 0, 1, None) as there:
            list(plan_cases(there, [case], job))  # now everything is imported
            before = max(map(resident, there.processes()))
            outcome = sample_case(there, case, job)
        assert isinstance(outcome, dict)
        size = voxel_bytes(case.file)
        ratio = (outcome["memory"] - before) / size
        shown = f"{before / MEBIBYTE:.0f} | {outcome['memory'] / MEBIBYTE:.0f} | {ratio:.1f}"
        print(f"| {case.id} | {size / 1e6:.1f} MB | {shown} |", flush=True)


def phantoms(folder: Path, count: int) -> None:
    """One heart at ``count`` voxel sizes, 1.6 to 2 mm."""
    folder.mkdir()
    heart = heart_phantom(48)
    for number in range(count):
        heart.SetSpacing([1.6 + 0.4 * number / count] * 3)
        sitk.WriteImage(heart, str(folder / f"h{number:04}.nrrd"), useCompression=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="Number of phantoms.")
    parser.add_argument("--hearts", nargs="*", default=[], help="Files and folders of real hearts.")
    options = parser.parse_args()
    catalogue = load_catalogue()
    job = Job(recipe=RECIPE, settings=Settings(), plugins=loaded_plugins(catalogue)).as_text()
    real = [*options.hearts, str(HERE.parent / "schematics_builtin" / "demo" / "data" / "rodero01_1.0mm.nrrd")]
    print(f"load before: {os.getloadavg()[0]:.1f}; {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        phantoms(folder / "in", options.count)
        for size in (128, 256):
            large = heart_phantom(size, [256 / size] * 3)
            sitk.WriteImage(large, str(folder / f"phantom{size}.nrrd"), useCompression=True)

        def cases(*inputs: str) -> Cases:
            return read_cases(inputs, parameters=(), schemes=())

        throughput("Phantoms of 48 x 48 x 48 voxels", cases(str(folder / "in")), catalogue, job, folder)
        throughput("Real hearts", cases(*real), catalogue, job, folder)
        memory(cases(*real, *(str(folder / f"phantom{size}.nrrd") for size in (128, 256))), job)


if __name__ == "__main__":
    main()
