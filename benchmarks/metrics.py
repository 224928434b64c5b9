"""Measure the distances of the metrics plugin against SimpleITK and print a Markdown table, one row per case.

    python benchmarks/metrics.py [--repeat 3]

The reference is the real heart at 0.5 mm (320 x 264 x 297 voxels). The predictions are the same heart with one
label eroded by a voxel, with all labels shifted by 3 voxels along each axis, and with a far-away island.

- hausdorff: the Hausdorff distance of the label by this package, from arrays without cached results; median. -
  SimpleITK: ``HausdorffDistanceImageFilter`` on the two binary masks, which are made before, with its default
  number of threads, in the same process and alternating with ours; median.
- ratio: the median over the turns of the time of SimpleITK divided by ours: how many times faster ours is.
- all four: ``hausdorff``, ``hd95``, ``assd`` and ``nsd`` together, compared with the same time of SimpleITK.

Every turn checks that both find the same Hausdorff distance.

Rows of ``all.py`` compare with DeepMind's surface-distance, MedPy and panoptica, given the box around the structure:
the myocardium of the left ventricle against itself, shifted.
"""

import argparse
import gc
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import SimpleITK as sitk
from hearts import fine
from measuring import MEBIBYTE, Measured, Row, added, ratio
from pycemrg_metrics.distances import assd, hausdorff, hd95, nsd, surface_distances
from scipy import ndimage

from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.images.metric_subjects import Comparison, StructureMask

HEART = Path(__file__).resolve().parent / "data" / "rodero01_0.5mm.nrrd"
LABELS = {"LV_BP": 1, "LV_myo": 2, "LA_BP": 4, "Ao_BP": 6, "LAA": 12}


def eroded(heart: Any, label: int) -> Any:
    """The label without its outermost voxels."""
    mask = heart == label
    return np.where(mask & ~ndimage.binary_erosion(mask), 0, heart)


def shifted(heart: Any, _label: int) -> Any:
    return np.roll(heart, (3, 3, 3), axis=(0, 1, 2))


def with_island(heart: Any, label: int) -> Any:
    """The eroded label, and a cube of the label in the corner of the image."""
    array = eroded(heart, label)
    array[2:8, 2:8, 2:8] = label
    return array


def seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    """The seconds of one call, and its result."""
    gc.collect()
    start = perf_counter()
    value = call()
    return perf_counter() - start, value


def image_of(mask: Any, like: sitk.Image) -> sitk.Image:
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.CopyInformation(like)
    return image


def by_itk(prediction: sitk.Image, reference: sitk.Image) -> float:
    found = sitk.HausdorffDistanceImageFilter()
    found.Execute(prediction, reference)
    return found.GetHausdorffDistance()


def compared(prediction: Any, reference: Any, spacing: tuple[float, float, float], label: int) -> Comparison:
    return Comparison(
        StructureMask(LabelVolume(prediction, spacing), (label,)),
        StructureMask(LabelVolume(reference, spacing), (label,)),
    )


def all_four(comparison: Comparison) -> list[float]:
    return [hausdorff(comparison), hd95(comparison), assd(comparison), nsd(comparison, 1.0)]


def shifted_myocardium() -> tuple[Callable[[], Comparison], Any, Any, tuple[float, float, float]]:
    """A comparison without cached results, and both masks in their box with the spacing (z, y, x)."""
    volume = fine()
    array, spacing, label = volume.array, volume.spacing, LABELS["LV_myo"]
    prediction = shifted(array, label)
    masks = compared(prediction, array, spacing, label).masks
    return lambda: compared(prediction, array, spacing, label), *masks, spacing


def against_deepmind(turns: int) -> Measured:
    import surface_distance as other

    comparison, prediction, reference, spacing = shifted_myocardium()
    ours, theirs = all_four(comparison()), []

    def all_of_theirs() -> None:
        found = other.compute_surface_distances(reference, prediction, spacing)
        largest, most = (other.compute_robust_hausdorff(found, percent) for percent in (100, 95))
        mean = sum(other.compute_average_surface_distance(found)) / 2
        theirs[:] = [largest, most, mean, other.compute_surface_dice_at_tolerance(found, 1.0)]

    found = ratio(lambda: all_four(comparison()), all_of_theirs, turns)
    pairs = zip(("hausdorff", "hd95", "assd", "nsd"), ours, theirs, strict=True)
    note = ", ".join(f"{name} {mine:.3f} and {value:.3f}" for name, mine, value in pairs)
    return replace(found, note=f"theirs is of a triangulated surface: {note}")


def by_medpy(prediction: Any, reference: Any, spacing: tuple[float, float, float]) -> list[float]:
    from medpy.metric import binary

    return [measure(prediction, reference, spacing) for measure in (binary.hd, binary.hd95, binary.assd)]


def by_panoptica(prediction: Any, reference: Any, spacing: tuple[float, float, float]) -> list[float]:
    from panoptica.metrics._surface_distances import _surface_distance_pair

    one, two = _surface_distance_pair(reference, prediction, spacing)
    return [max(one.max(), two.max()), np.percentile(np.hstack([one, two]), 95), (one.mean() + two.mean()) / 2]


def against(theirs: Callable[[Any, Any, tuple[float, float, float]], list[float]]) -> Callable[[int], Measured]:
    """A row: three metrics; both pool the distances of both directions for the percentile, and we do not."""

    def measure(turns: int) -> Measured:
        comparison, prediction, reference, spacing = shifted_myocardium()
        there, back = surface_distances(comparison())
        pooled = [
            hausdorff(comparison()),
            np.percentile(np.hstack([there, back]), 95),
            (there.mean() + back.mean()) / 2,
        ]
        same = np.allclose(pooled, theirs(prediction, reference, spacing), rtol=1e-9)

        def three() -> list[float]:
            found = comparison()
            return [hausdorff(found), hd95(found), assd(found)]

        return ratio(three, lambda: theirs(prediction, reference, spacing), min(turns, 3), same=bool(same))

    return measure


def memory(_: int) -> Measured:
    """Bytes for each voxel of the box around the structure."""
    comparison, prediction, _reference, _spacing = shifted_myocardium()
    all_four(comparison())  # imports
    extra = added(lambda: all_four(comparison()))
    return Measured(value=extra / prediction.size, note=f"{extra / MEBIBYTE:.0f} MiB, {prediction.size:,} voxels")


ROWS = (
    Row(
        name="surface_distance",
        what="hausdorff, hd95, assd, nsd of the myocardium, 0.5 mm",
        against="DeepMind's surface-distance: the same four",
        measure=against_deepmind,
        budget=1,
        aim=0.5,
        unit="x",
    ),
    Row(
        name="metrics_memory",
        what="memory of hausdorff, hd95, assd, nsd of the myocardium, 0.5 mm",
        against="a voxel of the box around it",
        measure=memory,
        unit=" bytes",
    ),
    Row(
        name="medpy",
        what="hausdorff, hd95, assd of the myocardium, 0.5 mm",
        against="MedPy: the same three, on the box around it",
        measure=against(by_medpy),
        budget=1,
        aim=0.5,
        unit="x",
    ),
    Row(
        name="panoptica",
        what="hausdorff, hd95, assd of the myocardium, 0.5 mm",
        against="panoptica: the same three from one pair of transforms, on the box",
        measure=against(by_panoptica),
        budget=1,
        aim=0.5,
        unit="x",
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    repeat = parser.parse_args().repeat
    image = sitk.ReadImage(str(HEART))
    heart = sitk.GetArrayFromImage(image)
    spacing = image.GetSpacing()[::-1]
    print("| label | prediction | mm | hausdorff | SimpleITK | ratio | all four, ratio |")
    print("|---|---|---|---|---|---|---|")
    for name, label in LABELS.items():
        for change in (eroded, shifted, with_island):
            prediction = change(heart, label)
            masks = [image_of(array == label, image) for array in (prediction, heart)]
            ours, four, theirs = [], [], []
            for turn in range(repeat):
                print(f"{name}, {change.__name__}, turn {turn + 1}", file=sys.stderr)
                took, mm = seconds(lambda p=prediction, v=label: hausdorff(compared(p, heart, spacing, v)))
                ours.append(took)
                four.append(seconds(lambda p=prediction, v=label: all_four(compared(p, heart, spacing, v)))[0])
                took, expected = seconds(lambda m=masks: by_itk(*m))
                theirs.append(took)
                assert abs(mm - expected) < 1e-4, (mm, expected)
            ratio, ratio_four = (median(b / a for a, b in zip(times, theirs, strict=True)) for times in (ours, four))
            print(
                f"| {name} | {change.__name__.replace('_', ' ')} | {mm:.2f} | {median(ours):.2f} s"
                f" | {median(theirs):.2f} s | {ratio:.0f} | {ratio_four:.0f} |"
            )


if __name__ == "__main__":
    main()
