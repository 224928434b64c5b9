"""Checks of a recipe: its steps exist, their order works, and each run gives the same result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pycemrg_core.api import contracts
from pycemrg_core.api.records import Recipe, Step
from pycemrg_core.cli.inputs import inputs, plan_in_principle, segmented
from pycemrg_core.errors import PlanError, PycemrgError
from pycemrg_core.images import image_files
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.recipes.runner import RunResult
from pycemrg_core.recipes.settings import Settings
from pycemrg_core.testing import growing, volumes
from pycemrg_core.testing.base import Conformance, fail, require, who

if TYPE_CHECKING:
    import SimpleITK as sitk

_SHAPE = (24, 34, 48)


class RecipeConformance(Conformance):
    """The recipes of a plugin, on a small oblique label map with the labels each needs.

    Override the fixture ``image`` with a heart of your own. ``labels`` and ``parameters`` are what a user would
    set: integers by label name, values by parameter name.
    """

    kind = Recipe
    labels: Mapping[str, int] = {}
    parameters: Mapping[str, float] = {}

    @pytest.fixture
    def settings(self) -> Settings:
        """What the user sets."""
        return Settings(labels=self.labels, parameters=self.parameters)

    @pytest.fixture
    def image(self, record: Recipe, catalogue: Catalogue, settings: Settings) -> sitk.Image:
        """A small label map with all labels that the recipe reads but does not make."""
        try:
            planned = plan_in_principle(record, catalogue, settings, volumes.SPACING)
        except PlanError:
            pytest.skip("it cannot be planned")
        array = volumes.random_cells(list(inputs(planned, segmented(catalogue))) or [1], _SHAPE)
        return volumes.oblique_image(array)

    def test_its_steps_exist(self, record: Recipe, catalogue: Catalogue, settings: Settings) -> None:
        """Every schematic, step kind and included recipe exists, and no recipe includes itself."""
        problems = _unresolved(record, catalogue, settings)
        require(not problems, f"{who(record)}, steps: {'; '.join(problems)}")

    def test_its_steps_fit(self, record: Recipe, catalogue: Catalogue, settings: Settings) -> None:
        """For an image with every label, each step gets its labels and numbers."""
        if _unresolved(record, catalogue, settings):
            pytest.skip("its steps do not exist")
        try:
            plan_in_principle(record, catalogue, settings, volumes.SPACING)
        except PlanError as error:
            fail(f"{who(record)}: {'; '.join(error.problems)}")

    def test_it_runs(self, record: Recipe, image: sitk.Image, catalogue: Catalogue, settings: Settings) -> None:
        """Its steps find what they read. Geometry and pixel type are kept, and the input does not change."""
        voxels = image_files.voxels_sha256(image)
        try:
            result = growing.grow(record, image, catalogue, settings)
        except PycemrgError as error:
            fail(f"{who(record)}: {growing.reasons(error)}{_needed(record, catalogue, settings)}")
        require(image_files.voxels_sha256(image) == voxels, f"{who(record)} changes the image it is given")
        expected = {**image_files.geometry(image), "pixel_type": result.record.dtype}
        found = image_files.geometry(result.image)
        require(found == expected, f"{who(record)} gives an image with {found}; it must keep {expected}")

    def test_it_writes_what_it_declares(
        self, record: Recipe, image: sitk.Image, catalogue: Catalogue, settings: Settings
    ) -> None:
        """Only labels that a step's contract writes or changes have grown."""
        result = _result(record, image, catalogue, settings)
        declared: set[int] = set()
        for step in result.record.steps:
            declared |= contracts.writable_values(step.contract)
        other = {new for _, new in growing.changes(image, result.image)} - declared
        require(
            not other,
            f"{who(record)} writes {', '.join(map(str, sorted(other)))}, which no contract of its steps declares; "
            "a step changes voxels of the volume it is given; return edits instead",
        )

    def test_it_repeats_itself(
        self, record: Recipe, image: sitk.Image, catalogue: Catalogue, settings: Settings
    ) -> None:
        """The same image gives the same result, bit for bit."""
        first, again = (image_files.voxel_array(_result(record, image, catalogue, settings).image) for _ in "ab")
        differing = np.count_nonzero(first != again)
        require(
            not differing,
            f"{who(record)} gives another result for the same image ({differing} voxels); "
            "its steps must depend only on their arguments",
        )


def _unresolved(recipe: Recipe, catalogue: Catalogue, settings: Settings) -> list[str]:
    """Why the steps of a recipe cannot be found."""
    problems: list[str] = []
    for part in recipe.steps:
        try:
            for schematic in growing.schematics(Recipe(name=recipe.name, steps=(part,)), catalogue, settings):
                catalogue.find(Step, schematic.step)
        except PycemrgError as error:
            problems.append(growing.reasons(error))
    return problems if recipe.steps else ["there are none"]


def _needed(recipe: Recipe, catalogue: Catalogue, settings: Settings) -> str:
    """The labels that the image needs, for a message."""
    try:
        planned = plan_in_principle(recipe, catalogue, settings, volumes.SPACING)
        needed = inputs(planned, segmented(catalogue))
    except PlanError:
        return ""
    named = ", ".join(f"{name} ({value})" for value, name in sorted(needed.items()))
    return f"; the recipe needs {named} in the image" if named else ""


def _result(recipe: Recipe, image: sitk.Image, catalogue: Catalogue, settings: Settings) -> RunResult:
    """The result of a run. If it fails, another test reports it."""
    try:
        return growing.grow(recipe, image, catalogue, settings)
    except PycemrgError:
        pytest.skip("it does not run")
