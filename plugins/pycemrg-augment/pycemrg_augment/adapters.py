"""Adapters that use a pipeline with data sets of PyTorch, MONAI and TorchIO, without importing any of them.

An item is a :class:`~pycemrg_core.images.training_sample.Sample`, a TorchIO ``Subject`` (``get_images_dict``,
``add_image``, images with ``as_sitk`` and ``from_sitk``), or a mapping with the keys ``image`` and ``label`` (one
of them may be missing). The values of a mapping are SimpleITK images or 3-D arrays, with or without a first axis of
one channel.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import numpy as np
import SimpleITK as sitk
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_augment.pipeline import Pipeline
from pycemrg_core.api import AugmentationError, Sample

Axes = Literal["zyx", "xyz"]
_SPACING = "spacing"
_KEYS = ("image", "label")


class MapDataset(Protocol):
    """A map-style data set, as PyTorch defines it."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any: ...


@frozen(eq=False)
class AugmentedDataset:
    """A map-style data set that augments the items of another data set.

    Item ``i`` becomes sample ``epoch * len(dataset) + i`` of the seed. It does not depend on the order of access or
    on the number of worker processes. For new variations, make another data set with the next ``epoch``.
    """

    dataset: MapDataset
    pipeline: Pipeline
    seed: int
    epoch: int = 0
    axes: Axes = "zyx"

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        # Past the end, a list raises IndexError here, which ends a for loop.
        item = self.dataset[index]
        number = self.epoch * len(self) + index % len(self)
        return augmented(self.pipeline, item, seed=self.seed, index=number, axes=self.axes)


def augmented(pipeline: Pipeline, item: Any, *, seed: int | None = None, index: int = 0, axes: Axes = "zyx") -> Any:
    """Augment one item, and return an item of the same kind; other entries of a mapping or subject are kept.

    ``axes`` is the order of the array axes: (z, y, x) as in SimpleITK, or (x, y, z) as in MONAI's readers. The key
    ``spacing`` of a mapping, (x, y, z) in mm, is the voxel size of its arrays (1 mm if missing), and is updated
    with them. Returned arrays are new numpy arrays with the same layout as the given ones.

    Without a ``seed``, each call takes a new one from the operating system, in every process.
    Raises :class:`AugmentationError` for any other item.
    """
    seed = int(np.random.SeedSequence().generate_state(1, np.uint64)[0]) if seed is None else seed
    if isinstance(item, Sample):
        return pipeline.apply(item, seed=seed, index=index)[0]
    if hasattr(item, "get_images_dict"):
        return _subject(pipeline, item, seed, index)
    if isinstance(item, Mapping):
        return _mapping(pipeline, item, seed, index, axes)
    raise AugmentationError(
        f"cannot augment a {type(item).__name__}; give a Sample, a TorchIO Subject, or a mapping with 'image'"
        " and 'label'"
    )


def _subject(pipeline: Pipeline, subject: Any, seed: int, index: int) -> Any:
    images = subject.get_images_dict(intensity_only=False)
    labels = [name for name, image in images.items() if image["type"] == "label"]
    others = [name for name in images if name not in labels]
    if len(labels) > 1 or len(others) > 1:
        raise AugmentationError(
            f"the subject has the images {', '.join(others) or 'none'} and the label maps"
            f" {', '.join(labels) or 'none'}; a pipeline takes at most one of each"
        )
    before = Sample(
        image=images[others[0]].as_sitk() if others else None, labels=images[labels[0]].as_sitk() if labels else None
    )
    if before.labels is not None:
        before = Sample(image=before.image, labels=_whole(before.labels, labels[0]))
    after, _ = pipeline.apply(before, seed=seed, index=index)
    made = copy.copy(subject)
    for names, image in ((others, after.image), (labels, after.labels)):
        if names and image is not None:
            made.add_image(type(images[names[0]]).from_sitk(image), names[0])
    return made


def _mapping(pipeline: Pipeline, item: Mapping[Any, Any], seed: int, index: int, axes: Axes) -> dict[Any, Any]:
    if axes not in ("zyx", "xyz"):
        raise AugmentationError(f"the axes are {axes!r}; give 'zyx' or 'xyz'")
    present = [key for key in _KEYS if item.get(key) is not None]
    if not present:
        raise AugmentationError(
            f"the item has the keys {', '.join(map(repr, item))}; it needs 'image', 'label' or both"
        )
    spacing = item.get(_SPACING, (1.0, 1.0, 1.0))
    images = {key: _image(item[key], key, spacing, axes) for key in present}
    if "label" in images:
        images["label"] = _whole(images["label"], "label")
    after, _ = pipeline.apply(Sample(image=images.get("image"), labels=images.get("label")), seed=seed, index=index)
    made = dict(item)
    for key, image in zip(_KEYS, (after.image, after.labels), strict=True):
        if key in present and image is not None:
            made[key] = image if isinstance(item[key], sitk.Image) else _array(image, np.ndim(item[key]), axes)
            if _SPACING in item:
                made[_SPACING] = image.GetSpacing()
    return made


def _image(value: Any, key: str, spacing: Sequence[float], axes: Axes) -> sitk.Image:
    if isinstance(value, sitk.Image):
        return value
    array: NDArray[Any] = np.asarray(value)
    shape = array.shape
    if array.ndim == 4 and shape[0] == 1:
        array = array[0]
    if array.ndim != 3 or array.dtype.kind not in "buif":
        raise AugmentationError(
            f"{key!r} is an array of {array.dtype} and shape {shape}; give 3-D numbers, with one channel at most"
        )
    array = array.T if axes == "xyz" else array
    image = sitk.GetImageFromArray(np.ascontiguousarray(array, np.uint8 if array.dtype == bool else None))
    image.SetSpacing([float(value) for value in spacing])
    return image


def _whole(labels: sitk.Image, name: str) -> sitk.Image:
    """Convert a label map to integers: frameworks often store it as floats."""
    array = sitk.GetArrayViewFromImage(labels)
    if array.dtype.kind in "iu":
        return labels
    if (array != np.rint(array)).any() or array.min() < 0:
        raise AugmentationError(f"{name!r} has values that are negative or not whole numbers; give a label map")
    return sitk.Cast(labels, sitk.sitkUInt32)


def _array(image: sitk.Image, dimensions: int, axes: Axes) -> NDArray[Any]:
    array: NDArray[Any] = sitk.GetArrayFromImage(image)
    array = np.ascontiguousarray(array.T if axes == "xyz" else array)
    return array[None] if dimensions == 4 else array
