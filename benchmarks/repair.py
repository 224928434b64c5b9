"""Damage a closed heart on purpose, certify it, repair it, and print a Markdown table, one row per kind of damage.

    python benchmarks/repair.py [--hearts 4]

Needs the plugin pycemrg-augment, whose failures have known places; ``certificate.py`` has the times. The heart is the
one in the package, grown by ``four_chamber_closed`` at 1 mm, so that its certificate is PASS before the damage.

- found: hearts whose certificate is FAIL after the damage, with an error about a damaged label or about all labels.
- repaired: hearts whose certificate is PASS after the repair; limit 2 %.
- Dice, HD95: of the labels that the damage concerns, against the undamaged heart, before and after the repair;
  means over labels and hearts. HD95 is the 95th percentile of the distances between the surface voxels of both, mm.
  A missing label has Dice 0 and no HD95.
- left: the checks that still find an error in a heart.
"""

import argparse
from collections.abc import Callable, Iterable
from importlib.resources import as_file, files
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from pycemrg_augment.transforms import failures
from scipy import ndimage
from scipy.spatial import cKDTree

from pycemrg_core import load_catalogue, run_recipe
from pycemrg_core.images import image_files
from pycemrg_core.images.heart import Severity
from schematics_builtin.certificate.certification import Certificate
from schematics_builtin.certificate.hearts import asked_of, certify_image
from schematics_builtin.certificate.repairing import repair

RECIPE = "four_chamber_closed"
HEART = "rodero01_1.0mm.nrrd"

Array = npt.NDArray[Any]
Damaged = Callable[[sitk.Image, np.random.Generator], tuple[sitk.Image, Any]]

KINDS: dict[str, Damaged] = {
    "leak, 2 mm: LV to LA": lambda image, rng: failures.leak(image, rng, (1, 4), 2.0),
    "leak, 2 mm: LA to RA": lambda image, rng: failures.leak(image, rng, (4, 5), 2.0),
    "leak, 2 mm: LA to background": lambda image, rng: failures.leak(image, rng, (4, 0), 2.0),
    "leak, 2 mm: LA to LPV1": lambda image, rng: failures.leak(image, rng, (4, 8), 2.0),
    "leak, 2 mm: Ao to background": lambda image, rng: failures.leak(image, rng, (6, 0), 2.0),
    "islands of LA_myo, 3 of 2 mm": lambda image, rng: failures.islands(image, rng, 104, 3, 2.0),
    "islands of LA_BP, 3 of 2 mm": lambda image, rng: failures.islands(image, rng, 4, 3, 2.0),
    "dropped: LA_myo": lambda image, rng: failures.drop_structure(image, rng, [104]),
    "dropped: MV": lambda image, rng: failures.drop_structure(image, rng, [201]),
    "dropped: SVC_plane": lambda image, rng: failures.drop_structure(image, rng, [210]),
    "dropped: LPV1_ring": lambda image, rng: failures.drop_structure(image, rng, [221]),
    "staircase, 1 mm": lambda image, rng: failures.staircase(image, rng, 1.0),
    "swapped: MV and AV": lambda image, rng: failures.swap_labels(image, rng, (201, 203)),
}


def dice(a: Array, b: Array) -> float:
    """The Dice coefficient of two masks."""
    return float(2 * (a & b).sum() / max(a.sum() + b.sum(), 1))


def hd95(a: Array, b: Array) -> float:
    """The HD95 of two masks on a grid of 1 mm; NaN when one is empty."""
    if not a.any() or not b.any():
        return float("nan")
    first, second = (np.argwhere(mask & ~ndimage.binary_erosion(mask)) for mask in (a, b))
    ways = cKDTree(second).query(first)[0], cKDTree(first).query(second)[0]
    return float(np.percentile(np.concatenate(ways), 95))


def likeness(ours: Array, truth: Array, labels: Iterable[int]) -> tuple[float, float]:
    """The mean Dice and HD95 of some labels."""
    pairs = [(ours == label, truth == label) for label in labels if label]
    return mean(dice(*pair) for pair in pairs), mean(hd95(*pair) for pair in pairs)


def mean(numbers: Iterable[float]) -> float:
    """The mean of the values that are not NaN."""
    kept = [number for number in numbers if number == number]
    return float(np.mean(kept)) if kept else float("nan")


def names_one_of(certificate: Certificate, labels: Iterable[int]) -> bool:
    """Whether an error is about one of the labels, or about all."""
    wanted = set(labels)
    return any(not one.values or wanted & set(one.values) for one in certificate.of(Severity.ERROR))


def damages(count: int) -> None:
    """A row for each kind of damage."""
    catalogue = load_catalogue()
    asked = asked_of(catalogue, RECIPE)
    with as_file(files("schematics_builtin") / "demo" / "data" / HEART) as path:
        image, _ = image_files.read_labels(path)
    closed = run_recipe(RECIPE, image, catalogue).image
    truth = image_files.voxel_array(closed)
    assert certify_image(closed, catalogue, asked).passed
    print("| damage | hearts | found | repaired | Dice before | after | HD95 before | after | left |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---|")
    for kind, damage in KINDS.items():
        found = mended = 0
        rows, left = [], set()
        for seed in range(count):
            broken, what = damage(closed, np.random.default_rng(seed))
            found += names_one_of(certify_image(broken, catalogue, asked), what.labels)
            done = repair(broken, catalogue, asked)
            mended += done.certificate.passed
            left |= {finding.check for finding in done.left}
            low, size = done.padding[0], closed.GetSize()
            inner = sitk.RegionOfInterest(done.image, size, low)
            before = likeness(image_files.voxel_array(broken), truth, what.labels)
            rows.append((*before, *likeness(image_files.voxel_array(inner), truth, what.labels)))
        a, b, c, d = (mean(column) for column in zip(*rows, strict=True))
        numbers = f"{a:.3f} | {c:.3f} | {b:.2f} | {d:.2f}".replace("nan", "-")
        print(
            f"| {kind} | {count} | {found} | {mended} | {numbers} | {', '.join(sorted(left)) or '-'} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hearts", type=int, default=4)
    damages(parser.parse_args().hearts)


if __name__ == "__main__":
    main()
