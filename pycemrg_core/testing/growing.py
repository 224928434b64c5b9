"""Plan and run a recipe on an image made for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from pycemrg_core.api import contracts
from pycemrg_core.api.contracts import ApplicationStep, Label
from pycemrg_core.api.records import Recipe, Schematic
from pycemrg_core.errors import PlanError, PycemrgError
from pycemrg_core.images import image_files
from pycemrg_core.images.label_volume import LabelArray
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.recipes.flatten import flatten
from pycemrg_core.recipes.planner import plan
from pycemrg_core.recipes.plans import PlannedStep
from pycemrg_core.recipes.preparation import prepare
from pycemrg_core.recipes.runner import RunResult, run_plan
from pycemrg_core.recipes.settings import Settings

if TYPE_CHECKING:
    import SimpleITK as sitk


def schematics(recipe: Recipe, catalogue: Catalogue, settings: Settings) -> list[Schematic]:
    """The schematics of a recipe and of the recipes that it includes, in order.

    Raises the catalogue's errors for an unknown name, and ``PlanError`` for a recipe that includes itself.
    """
    names = [step.schematic for step in flatten(recipe, catalogue)]
    return [settings.schematics.get(name) or catalogue.get(Schematic, name) for name in names]


def named_in_rules(step: PlannedStep) -> list[Label]:
    """The labels that only allow or forbid overwriting."""
    fields = (getattr(step.contract, role.field_name) for role in contracts.roles(type(step.contract)))
    passes = (one for value in fields if isinstance(value, tuple) for one in value if isinstance(one, ApplicationStep))
    return [label for one in passes for label in one.labels]


def grow(recipe: Recipe, image: sitk.Image, catalogue: Catalogue, settings: Settings) -> RunResult:
    """The result of a recipe.

    Raises :class:`~pycemrg_core.errors.PlanError` and :class:`~pycemrg_core.errors.StepError`.
    """
    volume, notes = image_files.label_volume(image, "the image")
    prepared = prepare(volume, catalogue, settings, recipe=recipe, notes=notes, check=False)
    *_, result = run_plan(plan(recipe, catalogue, prepared.facts, settings), prepared)
    assert isinstance(result, RunResult)
    return result


def reasons(error: PycemrgError) -> str:
    """The text of an error in one line."""
    return "; ".join(error.problems) if isinstance(error, PlanError) else str(error)


def changes(before: sitk.Image, after: sitk.Image) -> Mapping[tuple[int, int], int]:
    """How many voxels of each label changed to another label, counted in the images."""
    old, new = _array(before), _array(after)
    differs = old != new
    pairs, counts = np.unique(np.stack([old[differs], new[differs]]), axis=1, return_counts=True)
    return {(int(a), int(b)): int(count) for (a, b), count in zip(pairs.T, counts, strict=True)}


def _array(image: sitk.Image) -> LabelArray:
    return image_files.voxel_array(image).astype(np.int64)
