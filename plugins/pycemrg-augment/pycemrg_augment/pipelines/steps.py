"""One augmentation of a pipeline, and how it runs on a sample."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from attrs import frozen

from pycemrg_augment.transforms.grids import require_same
from pycemrg_core.api import AugmentationError, NotApplicableError, Sample, blaming

Entry = dict[str, Any]
"""What a step did, as data for JSON."""


@frozen(eq=False)
class PipelineStep:
    """One augmentation, with its parameters as written (``given``) and as its function gets them.

    ``probability`` is the share of samples that get it, ``samples`` the number of samples that it makes of one. With
    ``skip``, a sample that lacks what the augmentation changes is passed on as it is.
    """

    name: str
    provider: str
    version: str
    function: Callable[..., tuple[Sample, Mapping[str, Any]]]
    parameters: Mapping[str, Any]
    given: Mapping[str, Any]
    probability: float = 1.0
    samples: int = 1
    skip: bool = False

    def run(self, sample: Sample, rng: np.random.Generator, where: str) -> tuple[Sample, Entry]:
        """The new sample, and what was done; ``where`` begins the text of an error."""
        entry = {"name": self.name, "provider": self.provider, "version": self.version, "applied": False}
        if not rng.random() < self.probability:
            return sample, entry
        try:
            with blaming(AugmentationError, f"{where}: {self.provider}:{self.name}", self.function, refused=where):
                made, drawn = self.function(sample, rng, **self.parameters)
                drawn = json.loads(json.dumps(drawn, allow_nan=False))
                _require_whole(self.name, sample, made)
        except AugmentationError as error:
            if self.skip and (reason := _not_applicable(error)):
                return sample, entry | {"skipped": reason}
            raise
        return made, entry | {"applied": True, "drawn": drawn}


Steps = tuple[PipelineStep, ...]
"""As the type hint of a parameter: a list of augmentations, written like a pipeline."""


def _not_applicable(error: BaseException | None) -> str:
    while error is not None:
        if isinstance(error, NotApplicableError):
            return str(error)
        error = error.__cause__
    return ""


def _require_whole(name: str, before: Sample, made: Sample) -> None:
    """Refuse a sample that lost a further image or label map, or whose parts no longer belong together."""
    for what in ("more_images", "more_labels"):
        if lost := getattr(before, what).keys() - getattr(made, what).keys():
            raise AugmentationError(
                f"{name}: it takes one image and one label map, and would lose {', '.join(sorted(lost))}; give one of"
                " each, or use another augmentation"
            )
    if made.image is not before.image and any(made.more_images[key] is one for key, one in before.more_images.items()):
        raise AugmentationError(f"{name}: it changes the first image only; give one image, or use another augmentation")
    parts = [made.image, made.labels, *made.more_images.values(), *made.more_labels.values()]
    first, *others = [part for part in parts if part is not None] or [None]
    for other in others:
        require_same(first, other)
