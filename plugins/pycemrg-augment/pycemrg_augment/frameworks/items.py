"""Augment one item of a data set, of any framework, and return an item of the same kind."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk
from attrs import frozen

from pycemrg_augment.frameworks.arrays import (
    Axes,
    Grid,
    Held,
    as_labels,
    augment_held,
    held_array,
    held_image,
    known_type,
)
from pycemrg_augment.pipelines.pipeline import Pipeline, whole_number
from pycemrg_augment.pipelines.steps import Entry
from pycemrg_core.api import AugmentationError, Sample

_SPACING = "spacing"
_GEOMETRY = ("affine", "_meta_dict", "_affine", "origin", "direction")


@frozen(kw_only=True)
class Selection:
    """The entries of a mapping that a pipeline changes.

    ``images`` and ``labels`` are keys; if neither is given, they are "image" and "label", as far as present; a label
    that is a number or a list of numbers, for the whole image, is passed on. Any other volume in the mapping is an
    error, since it would no longer fit, unless its key is in ``keep``. ``axes`` is the order of the axes of arrays
    without geometry of their own. Label maps come back as ``label_type``, or in the type of the pipeline if that is
    None. With ``record``, the entry of that name holds what was done, as JSON text, which a data loader can batch.
    """

    images: Sequence[str] | None = None
    labels: Sequence[str] | None = None
    keep: Sequence[str] = ()
    axes: Axes = "zyx"
    label_type: str | None = "int64"
    record: str | None = None

    def __attrs_post_init__(self) -> None:
        for what in ("images", "labels", "keep"):
            if isinstance(getattr(self, what), str):
                raise AugmentationError(f"{what} is the text {getattr(self, what)!r}; give a list of keys")
        if self.axes not in ("zyx", "xyz"):
            raise AugmentationError(f"the axes are {self.axes!r}; give 'zyx' or 'xyz'")
        if not isinstance(self.record, (str, type(None))):
            raise AugmentationError(f"record is {self.record!r}; give the name of the new entry")
        known_type(self.label_type)

    def keys(self, item: Mapping[Any, Any]) -> tuple[list[str], list[str]]:
        """The keys of images and of label maps in an item."""
        if self.images is None and self.labels is None:
            found = [[key] if item.get(key) is not None else [] for key in ("image", "label")]
            if isinstance(label := item.get("label"), (int, float)) or getattr(label, "ndim", 3) < 2:
                found[1] = []  # a class of the whole image, not a label map
        else:
            found = [list(self.images or ()), list(self.labels or ())]
            if absent := [key for keys in found for key in keys if item.get(key) is None]:
                raise AugmentationError(f"the item has no {', '.join(map(repr, absent))}; it has {_shown(item)}")
        if not any(found):
            raise AugmentationError(f"the item has the keys {_shown(item)}; it needs 'image', 'label' or both")
        if self.record is not None and self.record in item:
            raise AugmentationError(f"the item has {self.record!r} already; give record another name")
        self._require_nothing_left(item, {*found[0], *found[1], *self.keep})
        return found[0], found[1]

    def _require_nothing_left(self, item: Mapping[Any, Any], known: set[str]) -> None:
        for key, value in item.items():
            if key in known or key == _SPACING:
                continue
            if holds_volume(value):
                raise AugmentationError(
                    f"{key!r} is a volume that the pipeline would leave as it is; name it in images or labels, or in"
                    " keep if it does not belong to the others"
                )
            if isinstance(key, str) and key.endswith(_GEOMETRY):
                raise AugmentationError(
                    f"{key!r} is geometry that would no longer fit; give a MetaTensor, the key 'spacing' or SimpleITK"
                    " images, or name it in keep"
                )


def augmented(pipeline: Pipeline, item: Any, *, seed: int | None = None, index: int = 0, **options: Any) -> Any:
    """Augment one item, and return an item of the same kind, or a list if the pipeline makes several samples of one.

    An item is a :class:`Sample`, a TorchIO ``Subject``, or a mapping. ``options`` are those of :class:`Selection` for
    a mapping, and those of :class:`~pycemrg_augment.frameworks.torchio.AppliedPipeline` for a subject. The values of a
    mapping are SimpleITK images, MONAI ``MetaTensor`` s with their affine, or tensors and arrays with or without a
    first axis of channels. The key ``spacing`` of a mapping, (x, y, z) in mm, is the voxel size of its arrays (1 mm if
    missing), and is updated with them. Other entries are passed on.

    Without a ``seed``, it is drawn from the generator of PyTorch if that is imported, otherwise from the operating
    system. Raises :class:`AugmentationError` for what it cannot augment.
    """
    if hasattr(item, "get_images_dict"):
        from pycemrg_augment.frameworks.torchio import AppliedPipeline

        if wrong := [name for name in ("images", "labels", "keep", "axes", "record") if name in options]:
            raise AugmentationError(
                f"a Subject says itself what its images and label maps are, so it takes no {', '.join(wrong)}; give"
                " include or exclude"
            )
        return AppliedPipeline(pipeline, seed=drawn_seed(seed), index=index, **options)(item)
    if isinstance(item, Sample):
        return one_or_all([made for made, _ in pipeline.apply_all(item, seed=drawn_seed(seed), index=index)])
    if not isinstance(item, Mapping):
        raise AugmentationError(
            f"cannot augment a {type(item).__name__}; give a Sample, a TorchIO Subject, or a mapping with 'image'"
            " and 'label'"
        )
    if any(hasattr(value, "applied_operations") for value in item.values()):
        from pycemrg_augment.frameworks.monai import RandomPipeline

        if seed is None:
            raise AugmentationError(
                "the item has MetaTensors; in MONAI, use pycemrg_augment.frameworks.monai.RandomPipeline, which follows"
                " set_random_state, or give a seed"
            )
        return RandomPipeline(pipeline, **options).applied(item, seed=seed, index=index)
    made = augmented_mappings(pipeline, item, Selection(**options), seed=drawn_seed(seed), index=index)
    return one_or_all([one for one, _ in made])


def augmented_mappings(
    pipeline: Pipeline,
    item: Mapping[Any, Any],
    selection: Selection,
    *,
    seed: int,
    index: int = 0,
    hold: Callable[[Any, str, Grid, Axes], Held] | None = None,
) -> list[tuple[dict[Any, Any], list[Entry]]]:
    """All samples that the pipeline makes of a mapping, with what was done; ``hold`` says how values are read."""
    images, labels = selection.keys(item)
    grid, hold = Grid(_spacing(item)), hold or _held
    held = {key: hold(item[key], key, grid, selection.axes) for key in images}
    truths = {key: as_labels(hold(item[key], key, grid, selection.axes), key, selection.label_type) for key in labels}
    made = []
    for copy, (values, steps, spacing) in enumerate(augment_held(pipeline, held, truths, seed=seed, index=index)):
        new = {**item, **values}
        if _SPACING in item:
            new[_SPACING] = _like(spacing, item[_SPACING])
        if selection.record is not None:
            new[selection.record] = json.dumps({"seed": seed, "index": index, "copy": copy, "steps": steps})
        made.append((new, steps))
    return made


def drawn_seed(seed: int | None = None) -> int:
    """The seed itself, or a new one: from PyTorch's generator if it is imported, which ``manual_seed`` controls."""
    if seed is not None:
        return whole_number("seed", seed)
    if torch := sys.modules.get("torch"):
        return int(torch.randint(2**63 - 1, ()).item())
    return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])


def required_pipeline(value: Any) -> Pipeline:
    """The pipeline itself, or the reason why it is none."""
    if not isinstance(value, Pipeline):
        raise AugmentationError(
            f"the pipeline is a {type(value).__name__}; make one with Pipeline.read or Pipeline.build"
        )
    return value


def one_or_all(made: list[Any]) -> Any:
    """The only one, or the list of several."""
    return made[0] if len(made) == 1 else made


def holds_volume(value: Any) -> bool:
    """Whether this is a volume, or a list or mapping with one in it."""
    if isinstance(value, Mapping):
        return any(map(holds_volume, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(holds_volume, value))
    return isinstance(value, sitk.Image) or getattr(value, "ndim", 0) >= 3


def _like(spacing: tuple[float, ...], given: Any) -> Any:
    """The spacing in the kind of the given one, so that a data loader batches it alike. Integers become float32."""
    if isinstance(given, np.ndarray):
        return np.array(spacing, given.dtype if given.dtype.kind == "f" else np.float32)
    torch = sys.modules.get("torch")
    if torch and isinstance(given, torch.Tensor):
        return torch.tensor(spacing, dtype=given.dtype if given.is_floating_point() else torch.float32)
    return list(spacing) if isinstance(given, list) else spacing


def _spacing(item: Mapping[Any, Any]) -> tuple[float, ...]:
    given = item.get(_SPACING, (1.0, 1.0, 1.0))
    try:
        spacing = tuple(float(value) for value in given)
    except (TypeError, ValueError):
        spacing = ()
    if len(spacing) != 3 or not all(0 < value < float("inf") for value in spacing):
        raise AugmentationError(f"{_SPACING!r} is {given!r:.80}; give three positive numbers (x, y, z) in mm")
    return spacing


def _held(value: Any, key: str, grid: Grid, axes: Axes) -> Held:
    if isinstance(value, sitk.Image):
        return held_image(value, key)
    torch = sys.modules.get("torch")
    if torch and isinstance(value, torch.Tensor):
        from pycemrg_augment.frameworks.torch import held_tensor

        return held_tensor(value, key, grid, axes)
    array = np.asarray(value)
    half = array.dtype == np.float16
    return held_array(
        array, key, grid, axes, lambda made, _: made.astype(np.float16) if half and made.dtype.kind == "f" else made
    )


def _shown(item: Mapping[Any, Any]) -> str:
    return ", ".join(map(repr, item))
