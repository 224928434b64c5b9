"""Measure how often ``pycemrg labels detect`` is right, and print a Markdown table.

    python benchmarks/detection.py [HEART ...] [--mm-whs LABELS]

The label maps are the real heart in the package, other maps in the ``cemrg`` scheme, and one in ``mm-whs``. Each is
converted to every scheme that can represent it: ungrown, and grown (walls, valves, rings; for mesh schemes without
blood pools). Each is resampled to 1, 2 and 3 mm, flipped and permuted at random, whole and with one structure
missing. "Right" is a scheme that gives every integer its true meaning.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pycemrg_core import Recipe, include, load_catalogue, run_recipe
from pycemrg_core.api.records import LabelScheme
from pycemrg_core.images.image_files import image_from_array, read_labels, voxel_array
from pycemrg_core.images.remap import LabelRemapper
from pycemrg_core.plugins.catalogue import Catalogue
from schematics_builtin.labels.anatomy import contradicts, rank
from schematics_builtin.labels.measuring import measure

Array = NDArray[np.integer]
Spacing = tuple[float, float, float]
Schemes = dict[str, dict[str, int]]

CHAMBERS = ("LV_BP_label", "RV_BP_label", "LA_BP_label", "RA_BP_label", "LV_myo_label")
# Names of schemes with one label for several parts.
WHOLE = dict.fromkeys(CHAMBERS, "heart_label") | {
    f"{vein}_label": "pulmonary_veins_label" for vein in ("LPV1", "LPV2", "RPV1", "RPV2")
}
GROW = Recipe(name="grow", steps=(include("four_chamber_full"), include("atria_full")))
COLUMNS = ("confident, right", "ambiguous, right first", "ambiguous or none, other first", "confident, wrong")


def resample(array: Array, spacing: Spacing, mm: float) -> Array:
    """Resample to cubic voxels of ``mm`` by nearest neighbour; arrays are (z, y, x)."""
    axes = []
    for size, step in zip(array.shape, spacing, strict=True):
        centres = (np.arange(max(1, round(size * step / mm))) + 0.5) * mm / step - 0.5
        axes.append(np.clip(np.round(centres).astype(int), 0, size - 1))
    return array[np.ix_(*axes)]


def turned(array: Array, rng: np.random.Generator) -> Array:
    """Permute and flip the axes at random."""
    array = array.transpose(rng.permutation(3))
    return np.ascontiguousarray(np.flip(array, [axis for axis in range(3) if rng.random() < 0.5]))


def versions(path: Path, source: str, schemes: Schemes, catalogue: Catalogue) -> Iterator[tuple[str, Array, Spacing]]:
    """The heart in each scheme that has at least three of its structures, ungrown and grown."""
    image, _ = read_labels(path)
    x, y, z = image.GetSpacing()
    forms = [voxel_array(image)]
    if source == "cemrg":
        fine = image_from_array(forms[0], image)
        forms.append(voxel_array(run_recipe(GROW, fine, catalogue).image))
    for array in forms:
        there = set(np.unique(array).tolist())
        present = {name: value for name, value in schemes[source].items() if value in there}
        for name, labels in schemes.items():
            mapping = {value: labels.get(part, labels.get(WHOLE.get(part, ""), 0)) for part, value in present.items()}
            if len(set(mapping.values()) - {0}) >= 3:
                yield name, LabelRemapper(mapping, merge=True, delete=True).apply(array), (z, y, x)


def trials(
    array: Array, spacing: Spacing, labels: dict[str, int], rng: np.random.Generator
) -> Iterator[tuple[str, Array, float]]:
    """The same heart at three resolutions, whole and with one structure missing."""
    for mm in (1.0, 2.0, 3.0):
        coarse = resample(array, spacing, mm)
        yield "whole", turned(coarse, rng), mm
        for name in CHAMBERS:
            value = labels.get(name)
            if value is not None and (coarse == value).any():
                yield f"without {name.removesuffix('_label')}", turned(np.where(coarse == value, 0, coarse), rng), mm


def right(array: Array, true: dict[str, int], schemes: Schemes) -> set[str]:
    """The schemes that give every integer of the image its true meaning."""
    there = set(np.unique(array).tolist())
    meaning = {name: value for name, value in true.items() if value in there}
    return {name for name, labels in schemes.items() if meaning.items() <= labels.items()}


def judge_heart(
    path: Path, source: str, schemes: Schemes, catalogue: Catalogue
) -> tuple[Counter[tuple[str, str]], int]:
    """Counts by (row, column), and how often the true scheme was contradicted."""
    rng = np.random.default_rng(1)
    counts: Counter[tuple[str, str]] = Counter()
    contradicted = 0
    for scheme, array, spacing in versions(path, source, schemes, catalogue):
        for what, trial, mm in trials(array, spacing, schemes[scheme], rng):
            facts = measure(trial, (mm, mm, mm))
            ranking = rank(facts, schemes)
            good = ranking.top in right(trial, schemes[scheme], schemes)
            if ranking.verdict == "confident":
                column = COLUMNS[0] if good else COLUMNS[3]
            else:
                column = COLUMNS[1] if good and ranking.verdict == "ambiguous" else COLUMNS[2]
            for row in (
                f"{scheme}, {'whole' if what == 'whole' else 'one missing'}",
                f"all, {what}",
                f"all, {mm:g} mm",
            ):
                counts[row, column] += 1
            contradicted += contradicts(facts, schemes[scheme])
    return counts, contradicted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hearts", nargs="*", type=Path, metavar="HEART", help="label maps in the cemrg scheme")
    parser.add_argument("--mm-whs", type=Path, metavar="LABELS", help="a label map in the mm-whs scheme")
    arguments = parser.parse_args()
    catalogue = load_catalogue()
    schemes = {c.name: dict(catalogue.get(LabelScheme, c.name).labels) for c in catalogue.all(LabelScheme)}
    counts: Counter[tuple[str, str]] = Counter()
    contradicted = 0
    with as_file(files("schematics_builtin") / "demo" / "data" / "rodero01_1.0mm.nrrd") as shipped:
        sources = [(path, "cemrg") for path in [shipped, *arguments.hearts]]
        sources += [(arguments.mm_whs, "mm-whs")] if arguments.mm_whs else []
        for path, source in sources:
            print(path.name, file=sys.stderr)
            more, doubts = judge_heart(path, source, schemes, catalogue)
            counts += more
            contradicted += doubts
    print(f"| case | trials | {' | '.join(COLUMNS)} |\n|---|---:|---:|---:|---:|---:|")
    for row in sorted({row for row, _ in counts}, key=lambda row: (row.startswith("all"), row)):
        values = [counts[row, column] for column in COLUMNS]
        print(f"| {row} | {sum(values)} | {' | '.join(map(str, values))} |")
    print(f"\nThe true scheme was contradicted {contradicted} times.")


if __name__ == "__main__":
    main()
