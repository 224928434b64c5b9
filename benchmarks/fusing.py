"""Fuse what segmentation tools write of known hearts: are the veins named right, and what is refused?

    python benchmarks/fusing.py [--part hearts|shapes|atrium|missing]... [--mm 1.0] HEART...

What tools write is made of each heart by ``tests/tool_outputs.py``: borders displaced by half a voxel, open valves,
holes, islands, and the other task on a coarser grid. Parts, one table each:

- hearts: branching veins; how near the fused heart is to the truth, and the verdict of ``four_chamber_closed`` on it.
- shapes: thirteen shapes of veins, on a grid of their own or put back on that of the chambers by nearest neighbour, the
  axes of both files in a random order and direction. Right, refused, or wrong: finished, with a wrong name. Voxels of a
  common trunk are of both its veins, and are not counted.
- atrium: the left atrium holds veins and appendage, where ``--veins atrium`` looks for them.
- missing: one vein is not there, the other of its side divides early or not, the appendage has a label or not.

``time`` is the CPU time of the fusion, in units of one distance transform of the fused grid.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from brute import catalogue
from fusing_trials import LABELS, Trial, at, in_the_atrium, score, sources_of, trial, without
from hearts import fine
from measuring import Measured, Row, in_turns, ratio, transform
from tool_outputs import LAA, SHAPES, VEINS, Veins, tool_outputs

from pycemrg_core import LabelVolume, read_volume, run_recipe
from schematics_builtin.certificate import certify_result
from schematics_builtin.fusing import fuse

CHAMBERS = (1, 2, 3, 4, 5)
IN_THE_ATRIUM = ("straight stubs", "long", "branching", "rough", "cut short")
NAMES = {value: name.removesuffix("_label") for name, value in LABELS.items()}


def two_sources(turns: int) -> Measured:
    """A row: both sources of the real heart at 1 mm, in memory, to the fused heart."""
    sources = sources_of(tool_outputs(at(fine(), 1.0), 0, Veins()))
    grid = fuse(sources, catalogue()).volume
    note = f"the fused grid has {grid.array.size / 1e6:.1f} M voxels"
    return ratio(lambda: fuse(sources, catalogue()), transform(grid.array, grid.spacing), turns, note=note)


ROWS = (
    Row(
        name="fuse",
        what="fuse of two sources, 1 mm, without start-up and reading",
        against="one EDT of the fused grid",
        measure=two_sources,
        budget=20,
        aim=10,
        unit=" EDT",
    ),
)


def hearts(paths: list[Path], mm: float) -> None:
    """One row for each heart."""
    print("| heart | names right | chambers, Dice | LAA, Dice | extra pieces | valves, contact | verdict | time, EDT |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | --- | ---: |")
    for number, path in enumerate(paths):
        heart = at(read_volume(path)[0], mm)
        outputs = tool_outputs(heart, number, Veins())
        sources = sources_of(outputs)
        begin = time.process_time()
        fused = fuse(sources, catalogue())
        seconds = time.process_time() - begin
        found = score(outputs, fused)
        closed = certify_result(run_recipe("four_chamber_closed", fused.volume, catalogue()), catalogue())
        low, high = min(found.contacts.values()), max(found.contacts.values())
        print(
            f"| {path.stem} | {min(found.named.values()):.3f} | {min(found.dice[v] for v in CHAMBERS):.3f}"
            f" | {found.dice[12]:.3f} | {found.pieces} | {low:.2f} to {high:.2f} | {closed.verdict}"
            f" | {seconds / _edt(fused.volume):.1f} |",
            flush=True,
        )


def _edt(volume: LabelVolume) -> float:
    """The CPU time of one distance transform of the whole grid, one thread."""
    return in_turns(3, floor=transform(volume.array, volume.spacing))["floor"]


def shapes(paths: list[Path], mm: float, chosen: list[str] | None = None) -> None:
    """One row for each shape; two trials for each heart and grid."""
    print("| veins | trials | right | refused | wrong | names right, least | extra pieces |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    loaded = [at(read_volume(path)[0], mm) for path in paths]
    for number, (name, veins) in enumerate(SHAPES.items()):
        if chosen and name not in chosen:
            continue
        trials = [
            trial(heart, 1000 * number + 10 * index + repeat, veins, own_grid=own)
            for (index, heart), own, repeat in product(enumerate(loaded), (True, False), range(2))
        ]
        _row(name, trials)


def atrium(paths: list[Path], mm: float) -> None:
    """One row for each heart. A vein is wrong if most of it is another one: where it begins is not sharp."""
    print("| heart | trials | right | refused | wrong | names right, least | LAA, Dice, least |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for index, path in enumerate(paths):
        heart = at(read_volume(path)[0], mm)
        trials = [in_the_atrium(heart, index, SHAPES[name]) for name in IN_THE_ATRIUM]
        scores = [one.score for one in trials if one.score is not None]
        named = [min(one.named.values()) for one in scores]
        right = sum(one > 0.5 for one in named)
        counts = f"{right} | {len(trials) - len(scores)} | {len(scores) - right}"
        least = min((one.dice[LAA] for one in scores), default=float("nan"))
        print(
            f"| {path.stem} | {len(trials)} | {counts} | {min(named, default=float('nan')):.3f} | {least:.2f} |",
            flush=True,
        )


def missing(paths: list[Path], mm: float) -> None:
    """One row for each missing vein."""
    print("| missing | trials | right | refused | wrong | names right, least | extra pieces |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    loaded = [at(read_volume(path)[0], mm) for path in paths]
    for vein in VEINS:
        trials = [
            trial(heart, 100 * vein + index, without(vein, early=early), appendage=appendage)
            for (index, heart), early, appendage in product(enumerate(loaded), (True, False), (True, False))
        ]
        _row(NAMES[vein], trials)


def _row(name: str, trials: list[Trial]) -> None:
    outcomes = Counter(one.outcome for one in trials)
    scores = [one.score for one in trials if one.score is not None]
    least = min((min(one.named.values()) for one in scores), default=float("nan"))
    pieces = max((one.pieces for one in scores), default=0)
    counts = " | ".join(str(outcomes[outcome]) for outcome in ("right", "refused", "wrong"))
    print(f"| {name} | {len(trials)} | {counts} | {least:.3f} | {pieces} |", flush=True)
    for doubts, count in Counter(one.refused for one in trials if one.refused).most_common():
        print(f"{name}: {count} refused for {', '.join(doubts)}", file=sys.stderr, flush=True)


PARTS: dict[str, Callable[..., None]] = {"hearts": hearts, "shapes": shapes, "atrium": atrium, "missing": missing}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="fused hearts against the truth; Markdown tables on stdout")
    parser.add_argument("hearts", nargs="+", type=Path)
    parser.add_argument("--part", action="append", choices=list(PARTS), help="a table (default: all)")
    parser.add_argument("--mm", type=float, default=1.0, help="the voxels of the chambers (default: 1)")
    parser.add_argument("--shape", action="append", choices=list(SHAPES), help="of the shapes, only this one")
    arguments = parser.parse_args()
    for part in arguments.part or PARTS:
        print(f"\n{part}, {arguments.mm:g} mm\n")
        if part == "shapes":
            shapes(arguments.hearts, arguments.mm, arguments.shape)
        else:
            PARTS[part](arguments.hearts, arguments.mm)


if __name__ == "__main__":
    main()
