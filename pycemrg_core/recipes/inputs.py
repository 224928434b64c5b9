"""What a recipe needs from the image, told from its steps alone."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import contracts
from pycemrg_core.api.contracts import Label, LabelType
from pycemrg_core.api.records import Recipe
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.recipes.labelling import labels_of
from pycemrg_core.recipes.planner import ImageFacts, Plan, PlannedStep, Settings, plan

# So fine that no wall is too thin for it.
SO_FINE = (1e-6, 1e-6, 1e-6)


def plan_in_principle(
    recipe: Recipe,
    catalogue: Catalogue,
    settings: Settings | None = None,
    spacing: tuple[float, float, float] = SO_FINE,
) -> Plan:
    """A plan for an image that has every label the recipe speaks of, with voxels of ``spacing`` (z, y, x) in mm.

    Raises :class:`~pycemrg_core.errors.PlanError`.
    """
    settings = settings or Settings()
    labels = set(labels_of(recipe, catalogue, settings.labels, settings.schematics).values())
    dtype = "uint8" if max(labels, default=1) < 256 else "uint32"
    facts = ImageFacts(name="an image with all labels", labels=frozenset(labels), spacing=spacing, dtype=dtype)
    return plan(recipe, catalogue, facts, settings)


def inputs(planned: Plan) -> dict[int, str]:
    """The labels that the image must hold, by integer: those that a step reads or changes before another writes them.

    A label that only a later step makes is not among them: the order of the steps is wrong. It is, where that step
    adds to a label that is there: when it reads the label itself, works on what the earlier step made, or is not
    declared to make it.
    """
    found: dict[int, str] = {}
    written: set[int] = set()
    for number, step in enumerate(planned.steps):
        for label in (*contracts.labels_read(step.contract), *contracts.labels_changed(step.contract)):
            if label.value not in written and not _is_too_early(label.value, planned.steps[number:]):
                found[label.value] = label.name
        written |= _values(contracts.labels_written(step.contract))
    return found


def _is_too_early(label: int, steps: tuple[PlannedStep, ...]) -> bool:
    """Whether the first step reads a label that only a later one makes, so that their order is wrong."""
    reader, *later = steps
    depends = _values(contracts.labels_written(reader.contract))
    if label in depends:
        return False
    for step in later:
        reads = _values(contracts.labels_read(step.contract))
        if label in _made(step):
            return label not in reads and not reads & depends
        if reads & depends:
            depends |= _values(contracts.labels_written(step.contract))
    return False


def _made(step: PlannedStep) -> set[int]:
    """The labels that a step is declared to make: walls, valves, planes and rings."""
    roles = contracts.roles(type(step.contract))
    made = (
        role for role in roles if role.use is contracts.Use.WRITES and role.label_type not in (None, LabelType.LUMEN)
    )
    return _values(getattr(step.contract, role.field_name) for role in made)


def _values(labels: Iterable[Label]) -> set[int]:
    return {label.value for label in labels}
