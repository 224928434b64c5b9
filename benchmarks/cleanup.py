"""Measure the cleanups on a large label map and print a Markdown table, one row per cleanup.

    python benchmarks/cleanup.py [--repeat 3]

The map has 512 x 512 x 300 voxels and 14 labels: the real heart, resampled to the nearest voxel so that it nearly
fills the map, and 600 islands of 1 to 27 voxels everywhere, which extend the bounding box of every label over the
whole map.

- seconds: the cleanup of all labels, from an array without cached answers to the edits; median.
- one EDT: one exact Euclidean distance transform of the whole map by ``edt``, on one thread, in the same
  process, alternating with the cleanups; median.
- ratio: median of the ratios of each turn. A machine that slows down slows both.

"Edits carried out" runs the first and the fourth cleanup one after the other like the runner, including its copy of
the map and the counts for the record.
"""

import argparse
import gc
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import edt
import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from pycemrg_core.images import components
from pycemrg_core.images.label_volume import LabelVolume, WorkingVolume

HEART = Path(__file__).resolve().parent / "data" / "rodero01_0.5mm.nrrd"
SHAPE = (300, 512, 512)  # (z, y, x)
MARGIN = 10  # voxels of background on all sides
SPACING = (0.5, 0.4, 0.4)  # (z, y, x) in mm
ISLANDS = 600
LABELS = range(1, 15)

Array = npt.NDArray[np.uint8]


def label_map() -> Array:
    """The heart with its islands, (z, y, x)."""
    heart = sitk.GetArrayFromImage(sitk.ReadImage(HEART))
    inner = [size - 2 * MARGIN for size in SHAPE]
    nearest = [np.arange(new) * old // new for new, old in zip(inner, heart.shape, strict=True)]
    array = np.pad(heart[np.ix_(*nearest)], MARGIN)
    rng = np.random.default_rng(0)
    for number in range(ISLANDS):
        size = rng.integers(1, 4)
        z, y, x = (rng.integers(1, axis - size - 1) for axis in SHAPE)
        array[z : z + size, y : y + size, x : x + size] = LABELS[number % len(LABELS)]
    return array


def carried_out(array: Array) -> None:
    """Keep the largest components and fill the holes, including the edits."""
    work = WorkingVolume(LabelVolume(array, SPACING), array.dtype)
    work.apply(components.keep_largest_component(work, LABELS))
    work.apply(components.fill_holes(work, LABELS))


def both(volume: LabelVolume) -> None:
    """The two cleanups of the budget."""
    list(components.keep_largest_component(volume, LABELS))
    list(components.fill_holes(volume, LABELS))


def cases() -> dict[str, Callable[[Array], object]]:
    """The measured functions by name."""

    def on_volume(clean: Callable[[LabelVolume], object]) -> Callable[[Array], object]:
        return lambda array: clean(LabelVolume(array, SPACING))

    return {
        "keep_largest_component": on_volume(lambda v: list(components.keep_largest_component(v, LABELS))),
        "keep_largest_structure": on_volume(lambda v: list(components.keep_largest_structure(v, LABELS))),
        "remove_small": on_volume(lambda v: list(components.remove_small(v, LABELS, 1.0))),
        "fill_holes": on_volume(lambda v: list(components.fill_holes(v, LABELS))),
        "reassign_islands": on_volume(lambda v: list(components.reassign_islands(v, LABELS))),
        "reassign_islands, 26": on_volume(lambda v: list(components.reassign_islands(v, LABELS, 26))),
        "keep_largest_component + fill_holes": on_volume(both),
        "the same, edits carried out": carried_out,
    }


def seconds(call: Callable[[], object]) -> float:
    """The seconds of one call."""
    gc.collect()
    start = perf_counter()
    call()
    return perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    repeat = parser.parse_args().repeat
    array = label_map()
    background = array != 1
    ours: dict[str, list[float]] = {name: [] for name in cases()}
    transform: dict[str, list[float]] = {name: [] for name in cases()}
    for turn in range(1, repeat + 1):
        for name, case in cases().items():
            ours[name].append(seconds(lambda case=case: case(array)))
            transform[name].append(seconds(lambda: edt.edt(background, anisotropy=SPACING, parallel=1)))
            print(f"turn {turn}: {name}: {ours[name][-1]:.2f} s, EDT {transform[name][-1]:.2f} s", file=sys.stderr)
    print("| cleanup of 14 labels, 512 x 512 x 300 | seconds | one EDT | ratio |")
    print("|---|---|---|---|")
    for name in ours:
        ratio = median(a / b for a, b in zip(ours[name], transform[name], strict=True))
        print(f"| {name} | {median(ours[name]):.2f} | {median(transform[name]):.2f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
