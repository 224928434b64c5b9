"""Data sets of PyTorch: new draws every epoch, in any number of workers, from one seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from operator import index as whole
from typing import Any

import torch
from attrs import fields_dict
from torch.utils.data import Dataset, Sampler, default_collate

from pycemrg_augment.frameworks.arrays import Array, Axes, Grid, Held, held_array
from pycemrg_augment.frameworks.items import Selection, augmented, required_pipeline
from pycemrg_augment.pipelines.pipeline import Pipeline, whole_number
from pycemrg_core.api import AugmentationError

_HALF = torch.float16, torch.bfloat16


class AugmentedDataset(Dataset[Any]):  # type: ignore[misc]
    """A map-style data set that augments the items of another one; ``options`` are those of ``items.Selection``.

    Without a ``seed``, every item draws a new one from the generator of PyTorch. Each worker has its own, which the
    data loader seeds from the main one: all draws are new, and ``torch.manual_seed`` repeats them with the same number
    of workers.

    With a seed, item i of epoch e is sample ``e * len(dataset) + i``, whatever the number of workers and the order.
    Call :meth:`set_epoch` before each epoch (persistent workers follow), or give :class:`Draws` to the data loader,
    which also tells apart an index that is drawn twice.

    If the pipeline makes several samples of one, an item is a list: use :func:`collate`.
    """

    def __init__(self, dataset: Any, pipeline: Pipeline, *, seed: int | None = None, **options: Any) -> None:
        self.dataset = dataset
        self.pipeline = required_pipeline(pipeline)
        self.seed = None if seed is None else whole_number("seed", seed)
        self.options = options
        Selection(**{name: value for name, value in options.items() if name in fields_dict(Selection)})
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: Any) -> Any:
        """Item ``index``, or draw k of it for ``(index, k)``."""
        place, draw = index if isinstance(index, tuple) else (index, int(self._epoch))
        place, draw = whole(place), whole_number("draw", draw)  # a tensor is an index too
        item = self.dataset[place]  # past the end, a list raises IndexError here, which ends a for loop
        if self.seed is None:
            return augmented(self.pipeline, item, seed=_drawn(), **self.options)
        number = draw * len(self) + place % len(self)
        return augmented(self.pipeline, item, seed=self.seed, index=number, **self.options)

    def set_epoch(self, epoch: int) -> None:
        """The number of the epoch, for a data set with a seed; workers that run already see it too."""
        self._epoch.fill_(whole_number("epoch", epoch))


class Draws(Sampler[Any]):  # type: ignore[misc]
    """A sampler that counts how often each index of another one was drawn, over all epochs: (index, 0), (index, 1), ...

    The count is kept in the main process, so it does not depend on workers. With a ``DistributedSampler`` of rank r of
    n, the draws are r, r + n, ..., so that no two processes make the same sample. ``set_epoch`` is passed on to it.
    """

    def __init__(self, sampler: Any) -> None:
        self.sampler = sampler
        self._drawn: Counter[int] = Counter()
        self._first, self._step = getattr(sampler, "rank", 0), getattr(sampler, "num_replicas", 1)

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for index in self.sampler:
            try:
                place = whole(index)
            except TypeError:
                raise AugmentationError(
                    f"the sampler gives {index!r:.80}, not an index; give Draws a sampler of indices, inside a batch"
                    " sampler too"
                ) from None
            yield place, self._first + self._step * self._drawn[place]
            self._drawn[place] += 1

    def set_epoch(self, epoch: int) -> None:
        """For samplers of distributed training, which shuffle by epoch."""
        if hasattr(self.sampler, "set_epoch"):
            self.sampler.set_epoch(epoch)


def collate(items: Sequence[Any]) -> Any:
    """A batch of items, of which some are lists of several samples."""
    return default_collate([one for item in items for one in (item if isinstance(item, list) else [item])])


def held_tensor(value: torch.Tensor, key: str, grid: Grid, axes: Axes) -> Held:
    """A tensor as images; half precision comes back as it was."""
    array = numpy_of(value, key)
    return held_array(array, key, grid, axes, lambda made, _: tensor_of(made, value.dtype))


def numpy_of(value: torch.Tensor, key: str) -> Array:
    """The values of a tensor, in the same memory except for half precision, or the reason why not."""
    if value.requires_grad:
        raise AugmentationError(f"{key!r} needs a gradient, and augmentation has none; detach it")
    if value.device.type != "cpu":
        raise AugmentationError(f"{key!r} is on {value.device}; augment on the CPU, in the data set, and move it then")
    if value.layout != torch.strided or value.is_quantized or value.is_complex():
        raise AugmentationError(f"{key!r} is {value.dtype} in the layout {value.layout}; give a dense real tensor")
    try:
        array: Array = (value.float() if value.dtype in _HALF else value).resolve_neg().numpy()
    except TypeError:
        raise AugmentationError(f"{key!r} is {value.dtype}, which numpy does not know; convert it first") from None
    return array


def tensor_of(array: Array, like: torch.dtype) -> torch.Tensor:
    """A tensor of an array; in half precision if ``like`` is."""
    made = torch.from_numpy(array)
    return made.to(like) if like in _HALF and made.is_floating_point() else made


def _drawn() -> int:
    return int(torch.randint(2**63 - 1, ()).item())
