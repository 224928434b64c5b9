"""Checks of a schematic: it fills every role of its step, and works on a small image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

from pycemrg_core.api import contracts
from pycemrg_core.api.records import Recipe, Schematic, Step
from pycemrg_core.cli.inputs import alone as judged_alone
from pycemrg_core.cli.inputs import plan_in_principle
from pycemrg_core.errors import PlanError, PycemrgError, StepError, UnknownNameError
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.recipes.runner import RunResult
from pycemrg_core.recipes.settings import Settings
from pycemrg_core.testing import growing, volumes
from pycemrg_core.testing.base import Conformance, fail, require, who

if TYPE_CHECKING:
    import SimpleITK as sitk


class SchematicConformance(Conformance):
    """The schematics of a plugin, each as a recipe of one step.

    The snapshots that one names are the image itself; integers that it does not give come from a label scheme.
    Override the fixture ``image`` with a label map of your own. ``labels`` and ``parameters`` are what a user
    would set: integers by label name, values by parameter name.
    """

    kind = Schematic
    labels: Mapping[str, int] = {}
    parameters: Mapping[str, float] = {}

    @pytest.fixture
    def judged(self, record: Schematic, catalogue: Catalogue) -> tuple[Recipe, Settings]:
        """A recipe of this schematic only, and its settings. The schematic replaces others with its name."""
        given = Settings(labels=self.labels, parameters=self.parameters, schematics={record.name: record})
        return judged_alone(record, catalogue, given)

    @pytest.fixture
    def settings(self, judged: tuple[Recipe, Settings]) -> Settings:
        """What the user sets, the snapshots that it names, and the integers that it leaves to a label scheme."""
        return judged[1]

    @pytest.fixture
    def alone(self, judged: tuple[Recipe, Settings]) -> Recipe:
        """A recipe of this schematic only."""
        return judged[0]

    @pytest.fixture
    def image(self, alone: Recipe, catalogue: Catalogue, settings: Settings) -> sitk.Image:
        """A small oblique label map with all labels that the schematic names but does not write."""
        try:
            (step,) = plan_in_principle(alone, catalogue, settings, volumes.SPACING).steps
        except PlanError:
            pytest.skip("it cannot be planned")
        read = [*contracts.labels_read(step.contract), *contracts.labels_changed(step.contract)]
        written = {label.value for label in contracts.labels_written(step.contract)}
        rules = [label for label in growing.named_in_rules(step) if label.value not in written]
        values = dict.fromkeys(label.value for label in (*read, *rules))
        return volumes.oblique_image(volumes.random_cells(list(values) or [1]))

    def test_its_step_exists(self, record: Schematic, catalogue: Catalogue) -> None:
        """A plugin provides the kind of step."""
        try:
            catalogue.find(Step, record.step)
        except PycemrgError as error:
            fail(f"{who(record)}, step: {error}; return the step from pycemrg_steps or correct the name")

    def test_its_labels_are_unique(self, record: Schematic) -> None:
        """No two names have the same integer."""
        twice = [value for value, count in Counter(record.labels.values()).items() if count > 1]
        shared = "; ".join(
            f"{' and '.join(repr(name) for name, one in record.labels.items() if one == value)} are both {value}"
            for value in twice
        )
        require(not twice, f"{who(record)}, labels: {shared}; give each its own integer")

    def test_its_semantic_map_fits(
        self, record: Schematic, alone: Recipe, catalogue: Catalogue, settings: Settings
    ) -> None:
        """It fills every role of the step, and no other, with names that have an integer or a value."""
        if len(set(record.labels.values())) < len(record.labels):
            pytest.skip("two labels have the same integer")
        try:
            catalogue.find(Step, record.step)
        except UnknownNameError:
            pytest.skip("the step does not exist")
        try:
            plan_in_principle(alone, catalogue, settings, volumes.SPACING)
        except PlanError as error:
            fail(
                f"{who(record)}, semantic_map: {'; '.join(error.problems)}; 'pycemrg describe {record.step}' lists "
                "the roles to fill",
            )

    def test_it_runs(
        self, record: Schematic, alone: Recipe, image: sitk.Image, catalogue: Catalogue, settings: Settings
    ) -> None:
        """It can be planned for an image with the labels it reads, and it runs."""
        try:
            growing.grow(alone, image, catalogue, settings)
        except PycemrgError as error:
            fail(f"{who(record)}: {growing.reasons(error)}")

    def test_it_changes_something(
        self, record: Schematic, alone: Recipe, image: sitk.Image, catalogue: Catalogue, settings: Settings
    ) -> None:
        """On an image with the labels it reads, it changes a voxel."""
        result = _result(alone, image, catalogue, settings)
        require(
            bool(growing.changes(image, result.image)),
            f"{who(record)} changes no voxel of an image with all the labels it reads; check semantic_map and "
            "APPLICATION_STEPS, or override the fixture 'image' with one that it changes",
        )

    def test_its_changes_are_in_the_ledger(
        self, record: Schematic, alone: Recipe, image: sitk.Image, catalogue: Catalogue, settings: Settings
    ) -> None:
        """The changes in the image are those of the step's edits."""
        result = _result(alone, image, catalogue, settings)
        changed = growing.changes(image, result.image)
        ledger: Counter[tuple[int, int]] = Counter()
        for entry in (entry for step in result.record.steps for entry in step.ledger):
            ledger[entry.old, entry.new] += entry.voxels
        missing = {pair for pair in {*changed, *ledger} if changed.get(pair) != ledger.get(pair)}
        told = ", ".join(
            f"{old} became {new} in {changed.get((old, new), 0)} voxels, {ledger.get((old, new), 0)} in the ledger"
            for old, new in sorted(missing)
        )
        require(
            not missing,
            f"{who(record)}: {told}; step {record.step!r} changes the volume it is given; return edits instead",
        )


def _result(recipe: Recipe, image: sitk.Image, catalogue: Catalogue, settings: Settings) -> RunResult:
    """The result of a run. If it fails, another test reports it."""
    try:
        return growing.grow(recipe, image, catalogue, settings)
    except (PlanError, StepError):
        pytest.skip("it does not run")
