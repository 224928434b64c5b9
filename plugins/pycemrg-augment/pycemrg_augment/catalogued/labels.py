"""Classes for training, and simulated failures: these change label maps and leave the images alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import attrs
import SimpleITK as sitk

from pycemrg_augment.catalogued.shared import Count, Labels, Length, Result, Rng, on_labels
from pycemrg_augment.pipelines.parameters import Bounds
from pycemrg_augment.transforms import classes, failures
from pycemrg_augment.transforms.classes import Others
from pycemrg_core.api import AugmentationError, Sample


def consecutive_classes(
    sample: Sample, rng: Rng, labels: tuple[int, ...], others: Others = "refuse", ignored: int | None = None
) -> Result:
    def remap(image: sitk.Image) -> sitk.Image:
        return classes.consecutive_classes(image, labels, others, ignored)

    return on_labels(sample, "consecutive_classes", remap), {}


def drop_structure(sample: Sample, rng: Rng, labels: Labels) -> Result:
    return _damaged(sample, "drop_structure", lambda image: failures.drop_structure(image, rng, labels))


def leak(
    sample: Sample,
    rng: Rng,
    between: Annotated[tuple[int, int], Bounds(low=0)],
    radius_mm: Length = 2.0,
    through: Labels = (),
) -> Result:
    return _damaged(sample, "leak", lambda image: failures.leak(image, rng, between, radius_mm, through))


def islands(sample: Sample, rng: Rng, label: Count, count: Count = 3, radius_mm: Length = 2.0) -> Result:
    return _damaged(sample, "islands", lambda image: failures.islands(image, rng, label, count, radius_mm))


def staircase(sample: Sample, rng: Rng, shift_mm: Length = 2.0) -> Result:
    return _damaged(sample, "staircase", lambda image: failures.staircase(image, rng, shift_mm))


def swap_labels(sample: Sample, rng: Rng, labels: Annotated[tuple[int, int], Bounds(low=0)]) -> Result:
    return _damaged(sample, "swap_labels", lambda image: failures.swap_labels(image, rng, labels))


def _damaged(sample: Sample, name: str, damage: Callable[[sitk.Image], tuple[sitk.Image, failures.Damage]]) -> Result:
    before = sample.labels
    if before is None:
        raise AugmentationError(f"{name}: the sample has no label map; give one")
    if sample.more_labels:
        raise AugmentationError(f"{name}: the sample has {1 + len(sample.more_labels)} label maps; give one")
    labels, done = damage(before)
    drawn: dict[str, Any] = done.as_json()
    return attrs.evolve(sample, labels=labels), drawn
