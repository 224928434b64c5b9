"""Types of parameters, and what several augmentations need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

import numpy as np
import SimpleITK as sitk

from pycemrg_augment.pipelines.parameters import Bounds, Range
from pycemrg_core.api import (
    AugmentationError,
    Drawn,
    NotApplicableError,
    Sample,
    image_from_array,
    voxel_array,
)

Result = tuple[Sample, Drawn]
Rng = np.random.Generator
NotNegative = Annotated[Range, Bounds(low=0)]
Above0 = Annotated[Range, Bounds(low=0, above=True)]
Length = Annotated[float, Bounds(low=0, above=True)]
Labels = Annotated[tuple[int, ...], Bounds(low=1)]
Count = Annotated[int, Bounds(low=1)]


def on_images(sample: Sample, name: str, change: Callable[[sitk.Image], sitk.Image]) -> Sample:
    """The sample with all its images changed; an error about a further image names it."""
    if sample.image is None:
        raise AugmentationError(f"{name}: the sample has no image; give one")
    return sample.changed(images=_named(sample.more_images, change))


def on_labels(sample: Sample, name: str, change: Callable[[sitk.Image], sitk.Image]) -> Sample:
    """The sample with all its label maps changed; an error about a further label map names it."""
    if sample.labels is None:
        raise AugmentationError(f"{name}: the sample has no label map; give one")
    return sample.changed(labels=_named(sample.more_labels, change))


def _named(
    further: Mapping[str, sitk.Image], change: Callable[[sitk.Image], sitk.Image]
) -> Callable[[sitk.Image], sitk.Image]:
    known = {id(image): key for key, image in further.items()}

    def named(image: sitk.Image) -> sitk.Image:
        try:
            return change(image)
        except AugmentationError as error:
            if id(image) not in known:
                raise
            raise type(error)(f"{known[id(image)]!r}: {error}") from None

    return named


def mask_of(sample: Sample, name: str, inside: tuple[int, ...]) -> sitk.Image | None:
    """Where the first label map has one of these labels; None for no labels."""
    if not inside:
        return None
    if sample.labels is None:
        raise AugmentationError(
            f"{name}: 'inside' needs a label map, and the sample has none; give one, or leave 'inside' out"
        )
    there = np.isin(voxel_array(sample.labels), inside)
    if not there.any():
        raise NotApplicableError(
            f"{name}: none of the labels {', '.join(map(str, inside))} is in the label map; name labels that are"
        )
    return image_from_array(there, sample.labels)
