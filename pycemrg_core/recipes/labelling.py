"""Which integer each label name has in a recipe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from pycemrg_core.api.labels import LabelTable
from pycemrg_core.api.records import LabelScheme, Recipe, Schematic
from pycemrg_core.errors import PlanError, PycemrgError
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.recipes.flatten import flatten

ALL = "*"
"""Stands for all labels of a recipe, in places where a group of labels is allowed."""


def scheme_of(recipe: Recipe, catalogue: Catalogue) -> LabelScheme | None:
    """The label scheme of a recipe: its own, or else the common one of the recipes that it includes.

    Raises :class:`PlanError` when these differ, and the catalogue's errors for unknown names.
    """
    if recipe.scheme:
        return catalogue.get(LabelScheme, recipe.scheme)
    inner = [scheme_of(catalogue.get(Recipe, step.recipe), catalogue) for step in recipe.steps if step.recipe]
    found = {scheme.name: scheme for scheme in inner if scheme}
    if len(found) > 1:
        raise PlanError(
            f"recipe {recipe.name!r} is refused",
            [f"the recipes that it includes have the label schemes {', '.join(sorted(found))}; give it its own scheme"],
        )
    return next(iter(found.values()), None)


def recipe_schematics(recipe: Recipe, catalogue: Catalogue, own: Mapping[str, Schematic]) -> list[Schematic]:
    """All schematics of a recipe. A schematic in ``own`` replaces the catalogue's.

    Raises the errors of :func:`flatten` and of the catalogue.
    """
    names = dict.fromkeys(step.schematic for step in flatten(recipe, catalogue))
    return [own.get(name) or catalogue.get(Schematic, name) for name in names]


def known_labels(
    catalogue: Catalogue,
    given: Mapping[str, int],
    recipe: Recipe | None = None,
    schematics: Iterable[Schematic] = (),
    scheme: LabelScheme | None = None,
) -> dict[str, int]:
    """The integers of all label names that a recipe can use.

    The integers ``given`` by the user win, then those of the recipe's ``scheme``, then those of its ``schematics``.
    Names that are only in other schematics of the catalogue are added if their integer is free, so another plugin
    cannot change the meaning of a recipe. Without a recipe, the catalogue's schematics decide.
    """
    found: dict[str, int] = dict(scheme.labels) if scheme else {}
    for schematic in schematics:
        found = {**schematic.labels, **found}
    taken = {*found.values(), *given.values()}
    for contribution in catalogue.all(Schematic):
        for name, value in contribution.record.labels.items():
            if name not in found and (recipe is None or value not in taken):
                found[name] = value
                taken.add(value)
    return {**found, **given}


def expand(name: str, labels: Mapping[str, int], scheme: LabelScheme | None) -> tuple[str, ...]:
    """The labels that a name stands for: all of ``labels``, a group of the scheme, or the name itself."""
    if name == ALL:
        return tuple(sorted(labels, key=labels.__getitem__))
    if name in labels or scheme is None or name not in scheme.groups:
        return (name,)
    return LabelTable(scheme.labels, scheme.groups).names_of(name)


def labels_of(
    recipe: str | Recipe,
    catalogue: Catalogue,
    given: Mapping[str, int] = MappingProxyType({}),
    own: Mapping[str, Schematic] = MappingProxyType({}),
) -> dict[str, int]:
    """:func:`known_labels` for a recipe. If the recipe cannot be used, those of the whole catalogue."""
    try:
        record = catalogue.get(Recipe, recipe) if isinstance(recipe, str) else recipe
        schematics, scheme = recipe_schematics(record, catalogue, own), scheme_of(record, catalogue)
    except PycemrgError:  # the planner says why
        return known_labels(catalogue, given)
    return known_labels(catalogue, given, record, schematics, scheme)
