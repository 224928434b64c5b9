"""Measure the certificate of a large grown heart and print a Markdown table.

    python benchmarks/certificate.py [--repeat 3]

The real heart, resampled to the nearest voxel so that it nearly fills 512 x 512 x 300 voxels, grown by the recipe.

- seconds: of CPU, from an image without cached answers to the certificate; median.
- one EDT: one exact Euclidean distance transform of the whole image by ``edt``, on one thread, in the same process,
  alternating with the certificate; median.
- ratio: median of the ratios of each turn. A machine that slows down slows both.

``--checks`` also prints the time of each check alone, on a new heart.
"""

import argparse
import gc
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time

import edt
import numpy as np
import SimpleITK as sitk

from pycemrg_core import load_catalogue, run_recipe
from pycemrg_core.api.records import Check
from pycemrg_core.images import image_files
from schematics_builtin.certificate.hearts import asked_of, certify_image, heart_of

HEART = Path(__file__).resolve().parent / "data" / "rodero01_0.5mm.nrrd"
SHAPE = (300, 512, 512)  # (z, y, x)
MARGIN = 10  # voxels of background on all sides
SPACING = (0.4, 0.4, 0.5)  # (x, y, z) in mm
RECIPES = ("biventricular_basic", "four_chamber_full", "atria_full")


def label_map() -> sitk.Image:
    """The heart at the size of a fine CT."""
    heart = sitk.GetArrayFromImage(sitk.ReadImage(HEART))
    inner = [size - 2 * MARGIN for size in SHAPE]
    nearest = [np.arange(new) * old // new for new, old in zip(inner, heart.shape, strict=True)]
    image = sitk.GetImageFromArray(np.pad(heart[np.ix_(*nearest)], MARGIN))
    image.SetSpacing(SPACING)
    return image


def seconds(call: Callable[[], object]) -> float:
    """The CPU seconds of one call."""
    gc.collect()
    start = process_time()
    call()
    return process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--checks", action="store_true")
    options = parser.parse_args()
    catalogue = load_catalogue()
    heart = label_map()
    print("| recipe, 512 x 512 x 300 | labels | findings | seconds | one EDT | ratio |")
    print("|---|---:|---:|---:|---:|---:|")
    for recipe in RECIPES:
        grown = run_recipe(recipe, heart, catalogue).image
        asked = asked_of(catalogue, recipe)
        array = image_files.voxel_array(grown)
        background = np.ascontiguousarray(array != 1)
        ours, transform = [], []
        for _ in range(options.repeat):
            ours.append(seconds(lambda image=grown, asked=asked: certify_image(image, catalogue, asked)))
            transform.append(seconds(lambda mask=background: edt.edt(mask, anisotropy=SPACING[::-1], parallel=1)))
        found = certify_image(grown, catalogue, asked)
        ratio = median(a / b for a, b in zip(ours, transform, strict=True))
        labels, findings = len(np.unique(array)) - 1, len(found.findings)
        print(f"| {recipe} | {labels} | {findings} | {median(ours):.2f} | {median(transform):.2f} | {ratio:.2f} |")
        for contribution in catalogue.all(Check) if options.checks else ():
            alone = heart_of(grown, asked)
            function = catalogue.get(Check, contribution.name).function.load()
            spent = seconds(lambda check=function, heart=alone: list(check(heart)))
            print(f"|   {contribution.name} | | | {spent:.2f} | | |")


if __name__ == "__main__":
    main()
