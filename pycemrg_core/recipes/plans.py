"""What a plan is: the facts of an image that it is made for, its steps, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from pycemrg_core.api.records import Step
from pycemrg_core.images.blueprint import Blueprint
from pycemrg_core.plugins.loading import Found
from pycemrg_core.shown.objects import ShownPlan


@frozen(kw_only=True)
class ImageFacts:
    """What the planner needs to know about an image: its integers, voxel size and pixel type.

    ``spacing`` is (z, y, x) in mm. ``scheme`` is the label scheme that the image was converted from, ``lacks`` the
    names that this scheme does not have. ``hints`` are what may
    be wrong with it where it does not fit.
    """

    name: str = "the image"
    labels: frozenset[int]
    spacing: tuple[float, float, float]
    dtype: str
    scheme: str = ""
    lacks: frozenset[str] = frozenset()
    hints: tuple[str, ...] = ()


@frozen(kw_only=True)
class PlannedStep:
    """One step ready to run: the schematic's name, the step kind, its contract, and who provides the two.

    ``snapshots`` are the names under which the image before the step is kept. ``when_present`` are labels that the step
    needs to run; without one of them it would have been left out.
    """

    name: str
    step: Step
    contract: Any
    schematic_provider: Found | None
    step_provider: Found
    snapshots: tuple[str, ...] = ()
    when_present: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The step kind's qualified name."""
        return f"{self.step_provider.name}:{self.step.name}"


@frozen
class LeftOut:
    """An entry of a recipe that is left out, because labels of its ``when_present`` are missing."""

    name: str
    missing: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name}: {', '.join(self.missing)} not in the image"


@frozen(kw_only=True, repr=False)
class Plan(ShownPlan):
    """What will run, with every label and number resolved.

    ``names`` are label names by integer, for reports. ``dtype`` is the pixel type of the result. ``needs`` are the
    labels that the recipe says it needs, by integer. ``contributors`` are further plugins that take part, beyond those
    of the recipe and its steps. ``blueprint`` says what the labels of the result are and what the recipe makes.
    ``left_out`` are entries that will not run.
    """

    recipe: str
    recipe_provider: Found | None
    steps: tuple[PlannedStep, ...]
    labels: Mapping[str, int]
    parameters: Mapping[str, float]
    names: Mapping[int, str]
    dtype: str
    warnings: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    needs: Mapping[int, str] = field(factory=dict)
    contributors: tuple[Found, ...] = ()
    blueprint: Blueprint = field(factory=Blueprint)
    then: tuple[str, ...] = ()

    @property
    def providers(self) -> tuple[Found, ...]:
        """All plugins that take part, sorted."""
        found = {self.recipe_provider, *self.contributors} | {step.step_provider for step in self.steps}
        found |= {step.schematic_provider for step in self.steps}
        return tuple(sorted(provider for provider in found if provider is not None))
