"""Transforms of TorchIO: a pipeline among other transforms, with its history."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import SimpleITK as sitk
import torchio

from pycemrg_augment.frameworks.arrays import (
    Array,
    Grid,
    Held,
    affine_of,
    as_labels,
    augment_held,
    held_array,
    known_type,
)
from pycemrg_augment.frameworks.items import drawn_seed, holds_volume, required_pipeline
from pycemrg_augment.frameworks.torch import numpy_of, tensor_of
from pycemrg_augment.pipelines.pipeline import Pipeline
from pycemrg_augment.pipelines.steps import Entry
from pycemrg_core.api import AugmentationError


class RandomPipeline(torchio.transforms.augmentation.RandomTransform):  # type: ignore[misc]
    """A pipeline as a random transform: all images of a subject change together, and all its label maps with them.

    The seed comes from the generator of PyTorch. The history of the subject holds an :class:`AppliedPipeline`, with the
    seed and the values drawn. ``exclude`` names images that stay as they are; other arguments are those of a transform.
    """

    def __init__(self, pipeline: Pipeline, *, label_type: str | None = "int64", **kwargs: Any) -> None:
        super().__init__(**{"copy": False, **kwargs})  # no image is changed in place
        _require_one_sample(pipeline)
        known_type(label_type)
        self.pipeline = pipeline
        self.label_type = label_type
        self.args_names = ["pipeline", "label_type"]

    def apply_transform(self, subject: Any) -> Any:
        applied = AppliedPipeline(
            self.pipeline,
            seed=drawn_seed(),
            label_type=self.label_type,
            include=self.include,
            exclude=self.exclude,
            copy=False,
        )
        return applied(subject)


class AppliedPipeline(torchio.Transform):  # type: ignore[misc]
    """A pipeline with its seed: the same subject always becomes the same. ``steps`` is what was done, in a history."""

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        seed: int,
        index: int = 0,
        label_type: str | None = "int64",
        steps: Sequence[Entry] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"copy": False, **kwargs})
        _require_one_sample(pipeline)
        known_type(label_type)
        self.pipeline, self.seed, self.index = pipeline, seed, index
        self.label_type, self.steps = label_type, steps
        self.args_names = ["pipeline", "seed", "index", "label_type", "steps"]

    def apply_transform(self, subject: Any) -> Any:
        _require_nothing_left(subject, self.include, self.exclude)
        chosen = subject.get_images_dict(intensity_only=False, include=self.include, exclude=self.exclude)
        if not chosen:
            raise AugmentationError("the subject has no image to augment; include one, or exclude less")
        images = {name: _held(one, name) for name, one in chosen.items() if one["type"] != torchio.LABEL}
        labels = {
            name: as_labels(_held(one, name), name, self.label_type)
            for name, one in chosen.items()
            if one["type"] == torchio.LABEL
        }
        ((values, self.steps, _),) = augment_held(self.pipeline, images, labels, seed=self.seed, index=self.index)
        made = copy.copy(subject)
        made.applied_transforms = list(subject.applied_transforms)
        for name, image in values.items():
            made.add_image(image, name)
        return made

    def is_invertible(self) -> bool:
        """Whether TorchIO asks for the inverse, which is refused: it would pass over this transform otherwise."""
        return self.steps is None or any(step["applied"] for step in self.steps)

    def inverse(self) -> Any:
        """Raises :class:`AugmentationError`: patches, noise and resampling lose what was there before."""
        names = [step["name"] for step in self.steps or () if step["applied"]]
        raise AugmentationError(f"cannot invert the pipeline ({', '.join(names)}); keep the original subject instead")


def _require_one_sample(pipeline: Pipeline) -> None:
    if required_pipeline(pipeline).samples != 1:
        raise AugmentationError(
            f"the pipeline makes {pipeline.samples} samples of one, and a transform of TorchIO one subject of one;"
            " leave 'samples' out, and draw several patches with a sampler of TorchIO"
        )


def _require_nothing_left(subject: Any, include: Sequence[str] | None, exclude: Sequence[str] | None) -> None:
    """Refuse names that are not there, and arrays that are no images, which would no longer fit."""
    if absent := [name for name in include or () if name not in subject]:
        raise AugmentationError(
            f"the subject has no {', '.join(map(repr, absent))}; it has {', '.join(map(repr, subject))}"
        )
    for name, value in subject.items() if include is None else ():
        if not isinstance(value, torchio.Image) and name not in (exclude or ()) and holds_volume(value):
            raise AugmentationError(
                f"{name!r} is a volume that the pipeline would leave as it is; make it a ScalarImage or a LabelMap, or"
                " exclude it if it does not belong to the others"
            )


def _held(image: Any, name: str) -> Held:
    if not getattr(image, "_loaded", True):
        image = copy.copy(image)  # which reads the file, so that the given subject does not keep its voxels in memory
    tensor = image.data

    def restored(array: Array, images: Sequence[sitk.Image]) -> Any:
        made = copy.copy(image)
        made.set_data(tensor_of(array, tensor.dtype))
        made.affine = affine_of(images[0])
        return made

    return held_array(numpy_of(tensor, name), name, Grid.of_affine(image.affine, name), "xyz", restored)
