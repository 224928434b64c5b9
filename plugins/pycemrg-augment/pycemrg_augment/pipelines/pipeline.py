"""Run a list of augmentations with one seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from operator import index as whole
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from pycemrg_augment.pipelines.building import IF_IMPOSSIBLE, PROBABILITY, SAMPLES, steps_of
from pycemrg_augment.pipelines.steps import Entry, PipelineStep
from pycemrg_augment.transforms.grids import require_same
from pycemrg_core.api import AugmentationError, Sample, load_yaml_list, name_of

if TYPE_CHECKING:
    from pycemrg_core import Catalogue

_KEY = "pipeline"


def whole_number(name: str, value: Any) -> int:
    """A seed or an index, or the reason why it is none."""
    try:
        found = whole(value)
    except TypeError:
        found = -1
    if found < 0:
        raise AugmentationError(f"the {name} is {value!r}; give a whole number of at least 0")
    return found


@frozen(eq=False, repr=False)
class Pipeline:
    """Augmentations in the order they run; immutable, so many processes can share it."""

    steps: tuple[PipelineStep, ...]

    def __repr__(self) -> str:
        return f"Pipeline({', '.join(step.name for step in self.steps)})"

    @classmethod
    def read(cls, path: Path, catalogue: Catalogue) -> Pipeline:
        """Read a pipeline from a YAML file that holds a list of augmentations.

        Raises :class:`DocumentError` when the file is not a YAML list, and :class:`AugmentationError` like
        :meth:`build`.
        """
        entries = load_yaml_list(path)
        try:
            return cls.build(entries, catalogue)
        except AugmentationError as error:
            raise AugmentationError(f"{name_of(path)}: {error}") from None

    @classmethod
    def build(cls, entries: Sequence[Any], catalogue: Catalogue) -> Pipeline:
        """Make a pipeline from entries ``{name: {parameter: value}}``, each with its own options beside the name.

        The options are ``probability`` (1), ``samples`` (1, the number of samples that the step makes of one) and
        ``if_impossible`` ("refuse" or "skip"). Names come from the catalogue; ``provider:name`` also works. A name
        alone uses all defaults. Raises :class:`AugmentationError` with every problem and its place, one per line.
        """
        if not isinstance(entries, (list, tuple)) or not entries:
            raise AugmentationError(f"the {_KEY} must be a list of augmentations, not {entries!r:.80}")
        problems: list[str] = []
        steps = steps_of(entries, _KEY, catalogue, problems)
        if problems:
            raise AugmentationError("the pipeline will not run" + "".join(f"\n  {line}" for line in problems))
        return cls(steps)

    @property
    def samples(self) -> int:
        """How many samples the pipeline makes of one."""
        return prod(step.samples for step in self.steps)

    def apply(self, sample: Sample, *, seed: int, index: int = 0) -> tuple[Sample, list[Entry]]:
        """Make sample number ``index`` of ``seed``; also return what each step did, as data for JSON.

        Every step of every sample has its own random stream: ``numpy.random.SeedSequence(seed)`` with a spawn key
        of ``index`` and the number of the step. So a sample does not depend on the number or the order of samples,
        and a step added at the end does not change the results of the steps before it. The input is not changed.

        Raises :class:`AugmentationError` when a step fails (the message names the step), when image and labels are not
        on the same grid, and when the pipeline makes several samples of one: use :meth:`apply_all` for that.
        """
        if self.samples != 1:
            raise AugmentationError(f"the {_KEY} makes {self.samples} samples of one; call apply_all")
        (made,) = self.apply_all(sample, seed=seed, index=index)
        return made

    def apply_all(self, sample: Sample, *, seed: int, index: int = 0) -> Iterator[tuple[Sample, list[Entry]]]:
        """Make all samples that the pipeline makes of one, each when it is asked for.

        The steps before the first one with ``samples`` run once. From there on, the number of the copy is added to the
        spawn key of each step (see :meth:`apply`).
        """
        seed, index = whole_number("seed", seed), whole_number("index", index)
        for other in (sample.labels, *sample.more_images.values(), *sample.more_labels.values()):
            if sample.image is not None and other is not None:
                require_same(sample.image, other)
        yield from self._follow(sample, seed, index, 0, ())

    def __call__(self, item: Any, *, seed: int | None = None, index: int = 0, **options: Any) -> Any:
        """Augment one item of a data set; see :func:`pycemrg_augment.frameworks.items.augmented`."""
        from pycemrg_augment.frameworks.items import augmented

        return augmented(self, item, seed=seed, index=index, **options)

    def as_json(self) -> list[dict[str, Any]]:
        """The entries in the form that :meth:`build` takes, with the provider in each name."""
        return [
            {
                f"{step.provider}:{step.name}": dict(step.given),
                **({PROBABILITY: step.probability} if step.probability < 1 else {}),
                **({SAMPLES: step.samples} if step.samples > 1 else {}),
                **({IF_IMPOSSIBLE: "skip"} if step.skip else {}),
            }
            for step in self.steps
        ]

    def _follow(
        self, sample: Sample, seed: int, index: int, number: int, copies: tuple[int, ...]
    ) -> Iterator[tuple[Sample, list[Entry]]]:
        if number == len(self.steps):
            yield sample, []
            return
        step = self.steps[number]
        for copy in range(step.samples):
            key = (*copies, copy) if step.samples > 1 else copies
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index, number, *key)))
            made, entry = step.run(sample, rng, f"sample {index}, {_KEY}[{number}]")
            for last, entries in self._follow(made, seed, index, number + 1, key):
                yield last, [entry, *entries]
