"""The recipe ``four_chamber_closed`` on hearts that are wrong: lumens that touch, and segmentations damaged on purpose.

    python benchmarks/closed_stress.py [--kind grown] [--kind damaged] HEART...

- grown: every lumen grows by 1.5 or 3 mm into the background, so that chambers, arteries and veins run into each other.
- damaged: by the failures of the plugin pycemrg-augment, in the segmentation, before the recipe.

The columns are those of ``closed_heart.py``; then the checks that find errors, and how many rings have gaps that other
tissue fills. A heart that is refused says why. Needs vtk, pyvista and, for damage, pycemrg-augment.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from closed_heart import RECIPE, flooded, surface
from scipy import ndimage

from pycemrg_core import PycemrgError, load_catalogue, read_volume, run_recipe
from pycemrg_core.api import LabelType, LabelVolume, Severity, image_of, volume_of
from schematics_builtin.certificate import certify_result

LUMENS = (1, *range(3, 15))
GROWTHS = (1.5, 3.0)


def lumens_grown(volume: LabelVolume, mm: float) -> LabelVolume:
    """Every lumen grown into the background; of several, the nearest gets a voxel."""
    array = np.pad(volume.array, int(mm / min(volume.spacing)) + 2)
    distance, nearest = ndimage.distance_transform_edt(
        ~np.isin(array, LUMENS), sampling=volume.spacing, return_indices=True
    )
    return volume.with_array(np.where((array == 0) & (distance <= mm), array[tuple(nearest)], array))


def grown(volume: LabelVolume) -> Iterator[tuple[str, LabelVolume]]:
    """The heart with its lumens grown."""
    for mm in GROWTHS:
        yield f"lumens {mm:g} mm larger", lumens_grown(volume, mm)


def damaged(volume: LabelVolume) -> Iterator[tuple[str, LabelVolume]]:
    """The heart after each kind of damage."""
    from pycemrg_augment.transforms import failures

    kinds: dict[str, Callable[..., Any]] = {
        "hole of 3 mm: LV to background": lambda image, rng: failures.leak(image, rng, (1, 0), 3.0),
        "hole of 3 mm: LV to RV": lambda image, rng: failures.leak(image, rng, (1, 3), 3.0),
        "3 islands of LA, 3 mm": lambda image, rng: failures.islands(image, rng, 4, 3, 3.0),
        "3 islands of LV_myo, 3 mm": lambda image, rng: failures.islands(image, rng, 2, 3, 3.0),
        "slices shifted by 1 mm": lambda image, rng: failures.staircase(image, rng, 1.0),
        "slices shifted by 2 mm": lambda image, rng: failures.staircase(image, rng, 2.0),
        "a vein dropped": lambda image, rng: failures.drop_structure(image, rng, range(8, 15)),
        "LPV1 and RPV2 swapped": lambda image, rng: failures.swap_labels(image, rng, (8, 11)),
    }
    for seed, (what, damage) in enumerate(kinds.items()):
        yield what, volume_of(damage(image_of(volume), np.random.default_rng(seed))[0])


KINDS = {"grown": grown, "damaged": damaged}


def main() -> None:
    """Run every heart after each change, and print its row."""
    parser = argparse.ArgumentParser(description=f"{RECIPE} on wrong label maps; a Markdown table on stdout")
    parser.add_argument("hearts", nargs="+", type=Path)
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="a kind of change (default: all)")
    arguments = parser.parse_args()
    catalogue = load_catalogue()
    columns = [
        "heart",
        "change",
        "6",
        "26",
        "boundary",
        "non-manifold",
        "surfaces",
        "verdict",
        "errors",
        "rings filled",
    ]
    print(f"| {' | '.join(columns)} |\n| --- | --- |{' ---: |' * 5} --- | --- | ---: |", flush=True)
    for path in arguments.hearts:
        for kind in arguments.kind or KINDS:
            for what, volume in KINDS[kind](read_volume(path)[0]):
                try:
                    result = run_recipe(RECIPE, volume, catalogue)
                except PycemrgError as error:
                    print(f"| {path.stem} | {what} | refused: {' '.join(str(error).split())} |", flush=True)
                    continue
                blood = result.blueprint.of_type(LabelType.LUMEN)
                union = (result.volume.array > 0) & ~np.isin(result.volume.array, blood)
                certificate = certify_result(result, catalogue)
                errors = Counter(finding.check for finding in certificate.of(Severity.ERROR))
                rings = sum(finding.check == "ring_loop" for finding in certificate.of(Severity.WARNING))
                cells = [path.stem, what, *flooded(union), *surface(union), certificate.verdict]
                cells += [", ".join(f"{check} {count}" for check, count in errors.items()), rings]
                print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()
