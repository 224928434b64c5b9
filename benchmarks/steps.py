"""Measure the steps of recipes in memory, and print a Markdown table, one row per heart and recipe.

    python benchmarks/steps.py [--reference PYTHON] [--sizes 128,256,400] [--turns 3]

The columns of a row:

- steps: all steps of the recipe, from label map to label map; CPU seconds, the least of all turns.
- EDT: one exact Euclidean distance transform by ``edt`` of the same image at full size (distance of every voxel to the
  LV blood pool), on one thread, in the same process, in turns with the recipe.
- memory: the increase of the resident memory during one run in a new process, at its highest. The input image and
  all imports are loaded before; the result is included. Linux only. "bytes per voxel" is for the box of all labels of
  the result, which is the largest crop that a step can ask for.
- reference: with ``--reference``, the recipe ``four_chamber_full`` once with pycemrg-image-analysis in another
  interpreter. It takes about a second for every 100 000 voxels. "other voxels": in how many voxels its result differs.

The phantoms are one life-size heart, 115 mm long, at finer and finer voxels; the real heart fills its image.
Rows go to stdout as they become known, progress to stderr. The rows of ``all.py`` are those of the real heart.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from hearts import FINE, fine
from measuring import MEBIBYTE, PYTHON, Measured, Row, added, ratio, say, transform

from pycemrg_core import Settings, load_catalogue, make_room, plan, prepare, read_volume, run_plan, write_volume
from pycemrg_core.api import LabelVolume, hull, shape_of

HERE = Path(__file__).resolve().parent
RECIPES = ("four_chamber_full", "four_chamber_closed", "biventricular_closed", "atria_closed")
COMPARED = RECIPES[0]


def steps_of(recipe: str, volume: LabelVolume, *, warm: bool = True) -> Callable[[], LabelVolume]:
    """The steps of a recipe on a label map, planned: a call runs them. ``warm``: they have run once before."""
    catalogue, settings = load_catalogue(), Settings()
    prepared = prepare(volume, catalogue, settings, recipe=recipe, check=False)
    planned = plan(recipe, catalogue, prepared.facts, settings)
    prepared = make_room(prepared, planned, settings)

    def run() -> LabelVolume:
        *_, result = run_plan(planned, prepared)
        return result.volume

    if warm:
        run()
    return run


def steps(recipe: str) -> Callable[[int], Measured]:
    """A row: the steps of a recipe on the real heart, in EDT."""

    def measure(turns: int) -> Measured:
        heart = fine()
        return ratio(steps_of(recipe, heart), transform(heart.array, heart.spacing), turns)

    return measure


def memory(recipe: str) -> Callable[[int], Measured]:
    """A row: bytes beyond the input image for each voxel of the largest crop, the least of some processes.

    What the allocator keeps of freed memory differs from process to process.
    """

    def measure(turns: int) -> Measured:
        (least, crop, image), *_, (most, *_) = sorted(in_fresh_process(FINE, recipe) for _ in range(turns))
        sizes = f"a crop of {crop / 1e6:.1f} M voxels in an image of {image / 1e6:.1f} M"
        return Measured(value=least / crop, note=f"{least / MEBIBYTE:.0f} to {most / MEBIBYTE:.0f} MiB, {sizes}")

    return measure


def memory_of(path: Path, recipe: str) -> tuple[int, int, int]:
    """Bytes beyond the input during a run, voxels of the largest crop, voxels of the image. Only in a new process."""
    steps_of(recipe, phantom(48))()  # imports
    volume = read_volume(path)[0]
    run = steps_of(recipe, volume, warm=False)
    found = []
    extra = added(lambda: found.append(run()))
    (result,) = found
    return extra, int(np.prod(shape_of(hull(*result.boxes.values())))), volume.array.size


ROWS = (
    Row(
        name="steps",
        what="all steps of four_chamber_full, in memory, real heart 0.5 mm",
        against="one EDT of the image",
        measure=steps("four_chamber_full"),
        budget=0.25,
        aim=0.15,
        unit=" EDT",
    ),
    Row(
        name="closed",
        what="all steps of four_chamber_closed, the same heart",
        against="one EDT of the image",
        measure=steps("four_chamber_closed"),
        budget=1.0,
        aim=0.6,
        unit=" EDT",
    ),
    Row(
        name="memory",
        what="memory beyond the input during the steps of four_chamber_full",
        against="the largest crop",
        measure=memory("four_chamber_full"),
        budget=4,
        unit=" bytes/voxel",
    ),
    Row(
        name="memory_closed",
        what="memory beyond the input during the steps of four_chamber_closed",
        against="the largest crop",
        measure=memory("four_chamber_closed"),
        budget=4,
        unit=" bytes/voxel",
    ),
    Row(
        name="reference",
        what="all steps of four_chamber_full, in memory, real heart 0.5 mm",
        against="pycemrg-image-analysis 0.2.0, the same recipe",
        measure=lambda turns: against_reference(turns),
    ),
)


class Case(NamedTuple):
    """A heart to measure: a label map in the ``cemrg`` scheme."""

    name: str
    path: Path


def phantom(size: int, voxel: float = 2.0) -> LabelVolume:
    """The analytic heart of the tests at ``size`` voxels along each axis."""
    sys.path.append(str(HERE.parent / "tests"))
    from phantom import heart_phantom

    from pycemrg_core.api import volume_of

    return volume_of(heart_phantom(size, (voxel, voxel, voxel)))


def cases(sizes: list[int], folder: Path) -> Iterator[Case]:
    """Write the hearts to `folder`, each on demand: phantoms of the given sizes, then the real heart."""
    for n in sizes:
        voxel = min(256 / n, 2.0)  # no larger than the thinnest wall, 2 mm
        path = folder / f"phantom{n}.nrrd"
        write_volume(phantom(n, voxel), path)
        yield Case(f"phantom {n}³, {voxel:.3g} mm", path)
    yield Case("real heart, 0.5 mm", FINE)


def in_fresh_process(path: Path, recipe: str) -> tuple[int, int, int]:
    """:func:`memory_of` the heart, in a separate process."""
    command = [sys.executable, str(Path(__file__).resolve()), "--memory-of", str(path), recipe]
    extra, crop, image = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return extra, crop, image


def reference(python: str, case: Case, folder: Path) -> tuple[float, int]:
    """Seconds of the recipe in the reference library, and the voxels in which its result differs from ours."""
    say(f"{case.name}: reference library, step by step")
    output = folder / "reference.nrrd"
    command = [python, str(HERE / "reference.py"), str(case.path), "--output", str(output)]
    printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    ours, theirs = steps_of(COMPARED, read_volume(case.path)[0])(), read_volume(output)[0]
    return float(json.loads(printed.splitlines()[-1])["seconds"]), int((ours.array != theirs.array).sum())


def against_reference(turns: int) -> Measured:
    """The steps against the same recipe in the reference library, which takes minutes and is timed once."""
    python = os.environ.get(PYTHON)
    if not python:
        raise RuntimeError("give --reference PYTHON, an interpreter with pycemrg-image-analysis")
    case, volume = Case("real heart, 0.5 mm", FINE), fine()
    ours = ratio(steps_of(COMPARED, volume), transform(volume.array, volume.spacing), turns).ours or 0.0
    with tempfile.TemporaryDirectory() as folder:
        theirs, others = reference(python, case, Path(folder))
    note = f"it takes {theirs / ours:,.0f} times as long; {others:,} of {volume.array.size:,} voxels are others"
    return Measured(value=ours / theirs, ours=ours, floor=theirs, note=note)


def cells(case: Case, recipe: str, turns: int, python: str | None, folder: Path) -> list[str]:
    """The cells of one row."""
    say(f"{case.name}: {recipe}")
    volume = read_volume(case.path)[0]
    measured = ratio(steps_of(recipe, volume), transform(volume.array, volume.spacing), turns)
    taken = [case.name, recipe, f"{volume.array.size / 1e6:.1f} M"]
    taken += [f"{measured.ours:.3f}", f"{measured.floor:.3f}", f"{measured.value:.2f}"]
    extra, crop, _ = in_fresh_process(case.path, recipe)
    taken += [f"{extra / MEBIBYTE:.0f} MiB", f"{extra / crop:.1f}"]
    if python and recipe == COMPARED and measured.ours:
        seconds, others = reference(python, case, folder)
        taken += [f"{seconds:.0f}", f"{seconds / measured.ours:,.0f}x", f"{others:,}"]
    return taken


def main() -> None:
    """Measure every case and print its row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", metavar="PYTHON", help="an interpreter with pycemrg-image-analysis")
    parser.add_argument("--sizes", default="128,256,400", help="of the phantoms, in voxels; empty for none")
    parser.add_argument("--turns", type=int, default=3, help="turns per row (default 3)")
    parser.add_argument("--memory-of", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_of:
        print(json.dumps(memory_of(Path(options.memory_of[0]), options.memory_of[1])))
        return
    columns = ["case", "recipe", "voxels", "steps, s", "EDT, s", "steps / EDT", "memory", "bytes per voxel"]
    if options.reference:
        columns += ["reference, s", "reference / steps", "other voxels"]
    print(f"| {' | '.join(columns)} |\n|---|---|{'---:|' * (len(columns) - 2)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for case in cases([int(size) for size in options.sizes.split(",") if size], Path(folder)):
            for recipe in RECIPES if case.path == FINE else RECIPES[:1]:
                row = cells(case, recipe, options.turns, options.reference, Path(folder))
                print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
