"""Find from a recipe's steps which labels the image must have, and make a recipe of a single schematic."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from attrs import evolve

from pycemrg_core.api import contracts
from pycemrg_core.api.contracts import LABEL_USES, Label, LabelType, Use
from pycemrg_core.api.records import LabelScheme, Recipe, Schematic, Step
from pycemrg_core.errors import PycemrgError, UnknownNameError
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.recipes.flatten import flatten
from pycemrg_core.recipes.labelling import ALL, labelling_of, scheme_of
from pycemrg_core.recipes.planner import plan
from pycemrg_core.recipes.plans import ImageFacts, Plan, PlannedStep
from pycemrg_core.recipes.semantic_map import label_names
from pycemrg_core.recipes.settings import Settings
from pycemrg_core.text.names import close_to

# Voxels so small that no wall is too thin.
SO_FINE = (1e-6, 1e-6, 1e-6)


def plan_in_principle(
    recipe: Recipe,
    catalogue: Catalogue,
    settings: Settings | None = None,
    spacing: tuple[float, float, float] = SO_FINE,
) -> Plan:
    """A plan for an image that has every label of the recipe, with voxels of ``spacing`` (z, y, x) in mm.

    Raises :class:`~pycemrg_core.errors.PlanError`.
    """
    settings = settings or Settings()
    labels = set(labelling_of(recipe, catalogue, settings).labels.values())
    dtype = "uint8" if max(labels, default=1) < 256 else "uint32"
    facts = ImageFacts(name="an image with all labels", labels=frozenset(labels), spacing=spacing, dtype=dtype)
    return plan(recipe, catalogue, facts, settings)


def target_of(name: str, catalogue: Catalogue, settings: Settings | None = None) -> tuple[str | Recipe, Settings]:
    """What a command is to run: the recipe of this name, or the schematic of this name :func:`alone`; and the settings.

    Where a recipe and a schematic have the same name, the recipe is meant. A name that is neither is left to the
    planner, unless it is close to schematics only: then this raises :class:`UnknownNameError`.
    """
    settings = settings or Settings()
    if any(one.answers_to(name) for one in catalogue.all(Recipe)):
        return name, settings
    if any(one.answers_to(name) for one in catalogue.all(Schematic)):
        schematic = settings.schematics.get(name) or catalogue.get(Schematic, name)
        recipe, settings = alone(schematic, catalogue, settings)
        # Say which provider is meant, if the name does.
        return recipe if schematic.name in settings.schematics else evolve(recipe, steps=(name,)), settings
    recipes, schematics = ({one.name for one in catalogue.all(kind)} for kind in (Recipe, Schematic))
    if not close_to(name, recipes) and (hint := close_to(name, schematics)):
        raise UnknownNameError(f"no recipe or schematic is called {name!r}{hint}")
    return name, settings


def alone(schematic: Schematic, catalogue: Catalogue, settings: Settings | None = None) -> tuple[Recipe, Settings]:
    """A recipe of this schematic only, and the settings to plan it with.

    The snapshots that it names are the image itself. Integers that neither it nor the settings give come from the
    label scheme of a recipe that uses it, or else from any label scheme that has the name.
    """
    settings = settings or Settings()
    recipe = Recipe(name=schematic.name, steps=(schematic.name,), summary=schematic.summary)
    try:
        roles = contracts.roles(catalogue.get(Step, schematic.step).contract.load())
    except (PycemrgError, TypeError):  # the planner says why
        return recipe, settings
    filled = (schematic.semantic_map.get(role.key) for role in roles if role.use is Use.SNAPSHOT)
    snapshots = tuple(dict.fromkeys(name for name in filled if isinstance(name, str)))
    settings = evolve(settings, snapshots=(*settings.snapshots, *snapshots))

    known = {**schematic.labels, **settings.labels}
    named = label_names(schematic.semantic_map, roles, LABEL_USES)
    missing = [name for name in dict.fromkeys(named) if name != ALL and name not in known]
    if not missing:
        return recipe, settings
    groups = set(label_names(schematic.semantic_map, roles, (Use.READS_ANY, Use.CHANGES)))

    def lacking(scheme: LabelScheme) -> list[str]:
        """The missing names that the scheme has neither as a label nor as a group where a group can stand."""
        has = {*scheme.labels, *(groups & scheme.groups.keys())}
        return [name for name in missing if name not in has]

    every = [found.record for found in catalogue.all(LabelScheme) if isinstance(found.record, LabelScheme)]
    somewhere = {name for scheme in every for name in scheme.labels}
    users = sorted(_schemes_of_users(schematic, catalogue), key=lambda one: len(lacking(one)))
    grouped = [scheme for scheme in every if groups.intersection(missing, scheme.groups)]
    # A group can come only from the scheme of the recipe, a label from any.
    scheme = min((*users, *grouped), key=lambda one: len({*lacking(one)} - somewhere), default=None)
    if scheme:
        recipe, missing = evolve(recipe, scheme=scheme.name), lacking(scheme)
    found: dict[str, int] = {}
    taken = {*known.values(), *(scheme.labels.values() if scheme else ())}
    for name in missing:
        values = [one.labels[name] for one in every if name in one.labels]
        if values:
            # Alone it has no scheme to agree with: another integer serves where this one is taken.
            found[name] = next(value for value in (*values, max(taken, default=0) + 1) if value not in taken)
            taken.add(found[name])
    if found:
        judged = evolve(schematic, labels={**found, **schematic.labels})
        settings = evolve(settings, schematics={**settings.schematics, schematic.name: judged})
    return recipe, settings


def _schemes_of_users(schematic: Schematic, catalogue: Catalogue) -> Iterator[LabelScheme]:
    """The label schemes of the catalogue's recipes that use the schematic."""
    for contribution in catalogue.all(Recipe):
        recipe = contribution.record
        assert isinstance(recipe, Recipe)
        try:
            names = {step.schematic.rpartition(":")[2] for step in flatten(recipe, catalogue)}
            scheme = scheme_of(recipe, catalogue) if schematic.name in names else None
        except PycemrgError:  # that recipe has a fault of its own
            continue
        if scheme:
            yield scheme


def segmented(catalogue: Catalogue) -> set[str]:
    """The names of labels that segmentations hold: those of label schemes with lumens, but no valves, planes or rings.

    A scheme with these is that of a grown heart.
    """
    schemes = [found.record for found in catalogue.all(LabelScheme)]
    made = [kind.value for kind in (LabelType.VALVE, LabelType.PLANE, LabelType.RING)]
    given = [one for one in schemes if LabelType.LUMEN.value in one.groups and not one.groups.keys() & {*made}]
    return {name for one in given for name in one.labels}


def inputs(planned: Plan, present: Collection[str] = ()) -> dict[int, str]:
    """The labels that the image must have, by integer.

    The recipe says that it needs them, or a step reads or changes them before another step writes them.

    A label that only a later step makes is left out: there the order of the steps is wrong. It is kept if its name is
    in ``present``, and if the later step only adds to a label that exists: it reads the label itself, works on what the
    earlier step made, or does not declare that it makes the label.
    """
    found = dict(planned.needs)
    written: set[int] = set()
    for number, step in enumerate(planned.steps):
        for label in (*contracts.labels_read(step.contract), *contracts.labels_changed(step.contract)):
            early = label.name not in present and _is_too_early(label.value, planned.steps[number:])
            if label.value not in written and not early:
                found[label.value] = label.name
        written |= _values(contracts.labels_written(step.contract))
    return found


def _is_too_early(label: int, steps: tuple[PlannedStep, ...]) -> bool:
    """Whether the first step reads a label that only a later step makes: then their order is wrong."""
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
