"""Measure the cleanups on a large label map and print a Markdown table, one row per cleanup.

    python benchmarks/cleanup.py [--turns 3]

The map has 512 x 512 x 300 voxels and 14 labels: the real heart, resampled to the nearest voxel so that it nearly
fills the map, and 600 islands of 1 to 27 voxels everywhere, which extend the bounding box of every label over the
whole map.

- seconds: of CPU, the cleanup of all labels, from an array without cached answers to the edits; least of all turns.
- one EDT: one exact Euclidean distance transform of the whole map by ``edt``, on one thread, in the same
  process, in turns with the cleanup.

"Edits carried out" runs the first and the fourth cleanup one after the other like the runner, including its copy of
the map and the counts for the record.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable

import numpy as np
from hearts import LABELS, LARGE_SPACING, large, with_islands
from measuring import ratio, transform
from numpy.typing import NDArray

from pycemrg_core.api import (
    Edit,
    LabelVolume,
    fill_holes,
    keep_largest_component,
    keep_largest_structure,
    reassign_islands,
    remove_small,
)
from pycemrg_core.images.edits import WorkingVolume

ISLANDS = 600
LARGEST = 3  # voxels along a side of an island

Array = NDArray[np.uint8]


def carried_out(array: Array) -> None:
    """Keep the largest components and fill the holes, including the edits."""
    work = WorkingVolume(LabelVolume(array, LARGE_SPACING), array.dtype)
    work.apply(keep_largest_component(work, LABELS))
    work.apply(fill_holes(work, LABELS))


def both(volume: LabelVolume) -> list[Edit]:
    """The two cleanups of the budget."""
    return [*keep_largest_component(volume, LABELS), *fill_holes(volume, LABELS)]


def cases() -> dict[str, Callable[[Array], object]]:
    """The measured functions by name."""

    def on_volume(clean: Callable[[LabelVolume], Iterable[Edit]]) -> Callable[[Array], object]:
        return lambda array: list(clean(LabelVolume(array, LARGE_SPACING)))

    return {
        "keep_largest_component": on_volume(lambda volume: keep_largest_component(volume, LABELS)),
        "keep_largest_structure": on_volume(lambda volume: keep_largest_structure(volume, LABELS)),
        "remove_small": on_volume(lambda volume: remove_small(volume, LABELS, 1.0)),
        "fill_holes": on_volume(lambda volume: fill_holes(volume, LABELS)),
        "reassign_islands": on_volume(lambda volume: reassign_islands(volume, LABELS)),
        "reassign_islands, 26": on_volume(lambda volume: reassign_islands(volume, LABELS, 26)),
        "keep_largest_component + fill_holes": on_volume(both),
        "the same, edits carried out": carried_out,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3)
    turns = parser.parse_args().turns
    array = with_islands(large().array, ISLANDS, LARGEST)
    one = transform(array, LARGE_SPACING)
    print("| cleanup of 14 labels, 512 x 512 x 300 | seconds | one EDT | ratio |")
    print("|---|---:|---:|---:|")
    for name, case in cases().items():
        print(f"{name} ...", file=sys.stderr)
        found = ratio(lambda case=case: case(array), one, turns)
        print(f"| {name} | {found.ours:.2f} | {found.floor:.2f} | {found.value:.2f} |", flush=True)


if __name__ == "__main__":
    main()
