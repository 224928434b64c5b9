"""Transforms of MONAI: a pipeline inside ``Compose``, on tensors with their affine."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch
from monai.data import MetaTensor, get_track_meta
from monai.transforms import InvertibleTransform, MapTransform, Randomizable
from monai.utils import TraceKeys, TraceStatusKeys, get_seed

from pycemrg_augment.frameworks.arrays import Array, Axes, Grid, Held, affine_of, held_array
from pycemrg_augment.frameworks.items import Selection, augmented_mappings, one_or_all, required_pipeline
from pycemrg_augment.frameworks.torch import numpy_of, tensor_of
from pycemrg_augment.pipelines.pipeline import Pipeline
from pycemrg_core.api import AugmentationError

_SPACE = "space"


class RandomPipeline(Randomizable, MapTransform, InvertibleTransform):  # type: ignore[misc]
    """A pipeline as a random transform of dictionaries: all images change together, and all label maps with them.

    Arrays are (channel, x, y, z), as everywhere in MONAI; their affine is that of the ``MetaTensor``, and the identity
    for plain arrays, with a warning. The random state is that of a ``Randomizable``: ``Compose.set_random_state``,
    ``set_determinism`` and the data loader of MONAI set it, and data sets that cache stop before it. In a worker of
    PyTorch's own data loader, the seed of the worker is mixed in. The values drawn stand in ``applied_operations``.

    If the pipeline makes several samples of one, the result is a list, as of ``RandCropByPosNegLabeld``.
    ``images``, ``labels``, ``keep`` and ``label_type`` are those of ``items.Selection``.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        images: Sequence[str] | None = None,
        labels: Sequence[str] | None = None,
        keep: Sequence[str] = (),
        label_type: str | None = "int64",
    ) -> None:
        self.selection = Selection(images=images, labels=labels, keep=keep, axes="xyz", label_type=label_type)
        keys = [*(images or ()), *(labels or ())] or ["image", "label"]
        MapTransform.__init__(self, keys, allow_missing_keys=images is None and labels is None)
        self.pipeline = required_pipeline(pipeline)
        self._seed = 0
        if (seed := get_seed()) is not None:
            self.set_random_state(seed)

    def randomize(self, data: Any = None) -> None:
        """Draw the seed of the next item."""
        words = self.R.randint(2**32, size=2, dtype=np.uint32).tolist()
        worker = torch.utils.data.get_worker_info()
        words += [worker.seed] if worker else []
        self._seed = int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0])

    def __call__(self, data: Mapping[Any, Any]) -> Any:
        self.randomize()
        return self.applied(data, seed=self._seed)

    def applied(self, data: Mapping[Any, Any], *, seed: int, index: int = 0) -> Any:
        """Augment an item with a seed of its own."""
        if not isinstance(data, Mapping):
            raise AugmentationError(f"cannot augment a {type(data).__name__}; give a dictionary, and name its keys")
        all_made = augmented_mappings(self.pipeline, data, self.selection, seed=seed, index=index, hold=_held)
        for copy, (made, steps) in enumerate(all_made):
            drawn = {"seed": seed, "index": index, "copy": copy, "steps": steps, "pipeline": self.pipeline.as_json()}
            for key in {*self.selection.keys(data)[0], *self.selection.keys(data)[1]}:
                if isinstance(made[key], MetaTensor):
                    self.push_transform(made[key], orig_size=tuple(data[key].shape[1:]), extra_info=drawn)
                    if names := _applied(steps):
                        # MONAI would pass over this transform when it inverts others, and restore wrongly.
                        made[key].applied_operations[-1][TraceKeys.STATUSES] = {
                            TraceStatusKeys.PENDING_DURING_APPLY: [_refusal(names)]
                        }
        return one_or_all([made for made, _ in all_made])

    def inverse(self, data: Mapping[Any, Any]) -> dict[Any, Any]:
        """Undo nothing: raises :class:`AugmentationError` if any step was applied."""
        back = dict(data)
        for key in self.key_iterator(back):
            if isinstance(back[key], MetaTensor):
                steps = self.get_most_recent_transform(back, key)[TraceKeys.EXTRA_INFO]["steps"]
                if names := _applied(steps):
                    raise AugmentationError(f"{key!r}: {_refusal(names)}")
                self.pop_transform(back, key)
        return back


def _applied(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    return [step["name"] for step in steps if step["applied"]]


def _refusal(names: Sequence[str]) -> str:
    return f"cannot invert the pipeline ({', '.join(names)}); keep the original image instead"


def _held(value: Any, key: str, grid: Grid, axes: Axes) -> Held:
    """A (channel, x, y, z) tensor as images, with its affine; ``grid`` and ``axes`` are MONAI's own here."""
    known = isinstance(value, MetaTensor)
    if not isinstance(value, torch.Tensor) and not isinstance(value, np.ndarray):
        raise AugmentationError(
            f"{key!r} is a {type(value).__name__}; give a tensor: call LoadImaged before the pipeline"
        )
    tensor = value.as_tensor() if known else torch.as_tensor(value)
    if tensor.ndim != 4:
        raise AugmentationError(
            f"{key!r} has the shape {tuple(tensor.shape)}; give (channel, x, y, z): call EnsureChannelFirstd before,"
            " and make a 2-D image one slice"
        )
    lps = False
    if known:
        if value.pending_operations:
            raise AugmentationError(
                f"{key!r} has operations of lazy resampling to come; apply them before the pipeline"
            )
        lps = str(value.meta.get(_SPACE, "")).upper().endswith("LPS")
        grid = Grid.of_affine(value.affine.numpy(), key, lps=lps)
    else:
        warnings.warn(f"{key!r} is no MetaTensor: its voxels count as 1 mm, with x, y, z in RAS", stacklevel=2)
        grid = Grid.of_affine(np.eye(4), key)

    def restored(array: Array, images: Sequence[sitk.Image]) -> torch.Tensor:
        made = tensor_of(array, tensor.dtype)
        if not (known or get_track_meta()):
            return made
        made = MetaTensor(made)
        if known:
            made.copy_meta_from(value)
        made.affine = torch.as_tensor(affine_of(images[0], lps=lps))
        if "spatial_shape" in made.meta:
            made.meta["spatial_shape"] = np.array(made.shape[1:])
        if "pixdim" in made.meta:
            made.meta["pixdim"] = np.array([1.0, *images[0].GetSpacing(), 0.0, 0.0, 0.0, 0.0])
        return made

    return held_array(numpy_of(tensor, key), key, grid, "xyz", restored)
