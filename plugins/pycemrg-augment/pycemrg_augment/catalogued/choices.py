"""Augmentations that choose among others, which are written like a pipeline."""

from __future__ import annotations

from math import ceil, floor

import attrs
import numpy as np

from pycemrg_augment.catalogued.shared import NotNegative, Result, Rng
from pycemrg_augment.pipelines.steps import Steps
from pycemrg_core.api import AugmentationError, Sample


def one_of(sample: Sample, rng: Rng, of: Steps) -> Result:
    """Run one of the steps, drawn in proportion to its ``probability``."""
    shares = np.array([step.probability for step in of], np.float64)
    if not shares.sum() > 0:
        raise AugmentationError("one_of: all probabilities are 0; give one above 0")
    number = int(rng.choice(len(of), p=shares / shares.sum()))
    made, entry = attrs.evolve(of[number], probability=1.0).run(sample, rng, f"of[{number}]")
    return made, {"chosen": [number], "steps": [entry]}


def some_of(sample: Sample, rng: Rng, of: Steps, count: NotNegative = (1.0, 2.0)) -> Result:
    """Run some of the steps, in the order of the list; all sets of one size are equally likely."""
    least, most = ceil(count[0]), min(floor(count[1]), len(of))
    if least > most:
        raise AugmentationError(
            f"some_of: {count[0]:g} to {count[1]:g} of {len(of)} steps is no whole number of them; give another count"
        )
    chosen = sorted(rng.choice(len(of), int(rng.integers(least, most + 1)), replace=False).tolist())
    entries = []
    for number in chosen:
        sample, entry = of[number].run(sample, rng, f"of[{number}]")
        entries.append(entry)
    return sample, {"chosen": chosen, "steps": entries}
