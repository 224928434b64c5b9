"""Measure the recipe ``four_chamber_full`` and print a Markdown table, one row per heart.

    python benchmarks/run.py [--reference PYTHON] [--sizes 128,256,400] [--repeat 3]

The columns of a row:

- recipe: all fourteen steps, in memory, from image to image; median of the repeats.
- one EDT: one exact Euclidean distance transform by ``edt`` of the same image at full size (distance of every
  voxel to the LV blood pool), on one thread, in the same process, alternating with the recipe; median.
- recipe / EDT: median of the ratios of each turn. A machine that slows down slows both.
- memory: the increase of the resident memory during one run in a new process, at its highest. The input image and
  all imports are loaded before; the result is included. Linux only.
- reference: with ``--reference``, the same recipe once with pycemrg-image-analysis in another interpreter.
  It takes about a second for every 100 000 voxels.

The phantoms are one life-size heart, 115 mm long, at finer and finer voxels; the real heart fills its image.
Rows go to stdout as they become known, progress to stderr.
"""

import argparse
import gc
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

import edt
import SimpleITK as sitk

from pycemrg_core import load_catalogue, run_recipe

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from phantom import heart_phantom  # noqa: E402

RECIPE = "four_chamber_full"
LV_BP = 1
MEBIBYTE = 2**20


class Case(NamedTuple):
    """A heart to measure: an uncompressed label map in the ``cemrg`` scheme."""

    name: str
    path: Path


class Timing(NamedTuple):
    """Seconds of the recipe and of the distance transform, turn by turn."""

    recipe: list[float]
    transform: list[float]

    @property
    def ratio(self) -> float:
        """The time of the recipe divided by the time of the transform: the median over the turns."""
        return median(ours / one for ours, one in zip(self.recipe, self.transform, strict=True))


def cases(sizes: list[int], folder: Path) -> Iterator[Case]:
    """Write the hearts to `folder`, each on demand: phantoms of the given sizes, then the real heart."""
    for n in sizes:
        voxel = min(256 / n, 2.0)  # no larger than the thinnest wall, 2 mm
        path = folder / f"phantom{n}.nrrd"
        sitk.WriteImage(heart_phantom(n, (voxel, voxel, voxel)), path)
        yield Case(f"phantom {n}³, {voxel:.3g} mm", path)
    path = folder / "real.nrrd"
    sitk.WriteImage(sitk.ReadImage(HERE / "data" / "rodero01_0.5mm.nrrd"), path)
    yield Case("real heart, 0.5 mm", path)


def run_once(image: sitk.Image) -> float:
    """Seconds of the recipe on `image`. The catalogue is loaded before the clock starts."""
    catalogue = load_catalogue()
    start = perf_counter()
    run_recipe(RECIPE, image, catalogue, check=False)
    return perf_counter() - start


def transform_once(image: sitk.Image) -> float:
    """Seconds of one distance transform of the whole `image`: from every voxel to the nearest voxel of the LV."""
    background = sitk.GetArrayViewFromImage(image) != LV_BP  # (z, y, x)
    start = perf_counter()
    edt.edt(background, anisotropy=image.GetSpacing()[::-1], parallel=1)
    return perf_counter() - start


def warm_up() -> None:
    """Set one thread for all, and do the imports at first use."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    small = heart_phantom(48)
    run_once(small)
    transform_once(small)


def measure(case: Case, repeat: int) -> Timing:
    """Measure the recipe and the transform alternately, `repeat` times."""
    image = sitk.ReadImage(case.path)
    timing = Timing([], [])
    for turn in range(repeat):
        gc.collect()
        timing.recipe.append(run_once(image))
        timing.transform.append(transform_once(image))
        say(f"{case.name}: turn {turn + 1}: {timing.recipe[-1]:.3f} s, EDT {timing.transform[-1]:.3f} s")
    return timing


def memory_of(path: Path) -> int:
    """The increase of the resident memory by the recipe at its peak, in bytes. Only for a new process."""
    image = sitk.ReadImage(path)
    warm_up()
    gc.collect()
    with suppress(OSError):  # if the peak cannot be reset, it is hardly above the current memory
        Path("/proc/self/clear_refs").write_text("5")
    before = _resident("VmRSS")
    run_once(image)
    return _resident("VmHWM") - before


def _resident(which: str) -> int:
    """Resident bytes of this process: now (``VmRSS``) or at the peak (``VmHWM``)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{which}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(f"/proc/self/status has no {which}")


def in_fresh_process(case: Case) -> int | None:
    """:func:`memory_of` the case, in a separate process. None if memory cannot be measured."""
    if not Path("/proc/self/status").exists():
        return None
    say(f"{case.name}: memory")
    command = [sys.executable, str(Path(__file__).resolve()), "--memory-of", str(case.path)]
    return int(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def reference_seconds(python: str, case: Case) -> float:
    """Seconds of the recipe in the reference library, which the interpreter `python` can import."""
    say(f"{case.name}: reference library, step by step")
    command = [python, str(HERE / "reference.py"), str(case.path)]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return float(json.loads(output.splitlines()[-1])["seconds"])


def row(case: Case, timing: Timing, memory: int | None, reference: float | None) -> list[str]:
    """The cells of one row, without the two cells of the reference if it is not measured."""
    recipe = median(timing.recipe)
    voxels = sitk.ReadImage(case.path).GetNumberOfPixels()
    cells = [
        case.name,
        f"{voxels / 1e6:.1f} M",
        f"{recipe:.3f}",
        f"{median(timing.transform):.3f}",
        f"{timing.ratio:.2f}",
        "n/a" if memory is None else f"{memory / MEBIBYTE:.0f} MiB",
        "n/a" if memory is None else f"{memory / voxels:.1f}",
    ]
    if reference is not None:
        cells += [f"{reference:.0f}", f"{reference / recipe:.0f}x"]
    return cells


def say(text: str) -> None:
    """Print one line of progress."""
    print(text, file=sys.stderr, flush=True)


def print_row(cells: list[str]) -> None:
    """Print one line of the table."""
    print(f"| {' | '.join(cells)} |", flush=True)


def sizes_from(text: str) -> list[int]:
    """``"128,256"`` as numbers; an empty text means no phantom."""
    return [int(size) for size in text.split(",") if size]


def main() -> None:
    """Measure every case and print its row."""
    parser = argparse.ArgumentParser(description=f"measure the recipe {RECIPE}; a Markdown table on stdout")
    parser.add_argument("--reference", metavar="PYTHON", help="an interpreter with pycemrg-image-analysis")
    parser.add_argument("--sizes", type=sizes_from, default="128,256,400", help="of the phantoms, in voxels")
    parser.add_argument("--repeat", type=int, default=3, help="turns per case (default 3)")
    parser.add_argument("--memory-of", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory_of:
        print(memory_of(arguments.memory_of))
        return
    if arguments.repeat < 1:
        parser.error("--repeat must be 1 or more")

    columns = ["case", "voxels", "recipe, s", "one EDT, s", "recipe / EDT", "memory", "bytes per voxel"]
    if arguments.reference:
        columns += ["reference, s", "reference / recipe"]
    warm_up()
    print_row(columns)
    print_row(["---"] + ["---:"] * (len(columns) - 1))
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(arguments.sizes, Path(folder)):
            timing = measure(case, arguments.repeat)
            memory = in_fresh_process(case)
            reference = reference_seconds(arguments.reference, case) if arguments.reference else None
            print_row(row(case, timing, memory, reference))
    packages = ", ".join(f"{name} {version(name)}" for name in ("pycemrg-core", "numpy", "SimpleITK", "edt"))
    print(f"\n{arguments.repeat} turns, Python {platform.python_version()}, {platform.machine()}, {packages}")


if __name__ == "__main__":
    main()
