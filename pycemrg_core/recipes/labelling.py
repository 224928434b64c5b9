"""Which integer each label name has in a recipe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import numpy as np
from attrs import frozen

from pycemrg_core.api.kinds import kind_of
from pycemrg_core.api.labels import LabelTable
from pycemrg_core.api.records import LabelScheme, Recipe, Schematic
from pycemrg_core.errors import PlanError, PycemrgError
from pycemrg_core.images.structures import names_in
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.recipes.flatten import flatten
from pycemrg_core.recipes.settings import Settings
from pycemrg_core.text.names import Names

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


@frozen(kw_only=True)
class Labelling:
    """The integers of all label names that a recipe can use, and where they come from.

    ``labels`` are integers by name, ``given`` those that the user gave, by canonical name. ``lost`` are the defaults
    whose integer the user gave to another name, with the reason: these names have no integer. ``problems`` are reasons
    not to run, ``notes`` what the user should know.
    """

    labels: Mapping[str, int]
    given: Mapping[str, int]
    lost: Mapping[str, str]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def labelling(
    catalogue: Catalogue,
    settings: Settings,
    recipe: Recipe | None = None,
    schematics: Iterable[Schematic] = (),
    scheme: LabelScheme | None = None,
) -> Labelling:
    """The integers of all label names that a recipe can use.

    The integers that the user gave win, then those of the recipe's ``scheme``, then those of its ``schematics``. A
    default never takes an integer that the user gave to another name. Names that are only in other schematics of the
    catalogue are added if their integer is free, so another plugin cannot change the meaning of a recipe. Without a
    recipe, the catalogue's schematics decide.
    """
    defaults: dict[str, tuple[int, str]] = {}  # integer, and whose default it is
    sources: list[LabelScheme | Schematic] = [*([scheme] if scheme else []), *schematics]
    for source in sources:
        for name, value in source.labels.items():
            defaults.setdefault(name, (value, f"the {kind_of(source).word} {source.name!r}"))
    names = names_in(catalogue, defaults) if settings.configured or settings.labels else Names.of((), ())
    problems: list[str] = []
    notes: list[str] = []
    configured = _canonical(settings.configured, names, problems, notes)
    usual = _usual(catalogue) if configured else {}
    needed = {value: name for name, (value, _) in defaults.items()}
    foreign = {}
    for name, value in configured.items():
        own = defaults[name][0] if name in defaults else value
        if value in usual.get(name, ()) and (own != value or needed.get(value, name) != name):
            foreign[name] = value
    if foreign:
        listed = ", ".join(f"{name} {value}" for name, value in foreign.items())
        notes.append(f"the configuration has defaults of another recipe, which are not used here: {listed}")
        configured = {name: value for name, value in configured.items() if name not in foreign}
    given = {**configured, **settings.named, **_canonical(settings.labels, names, problems, notes)}
    takers = {value: name for name, value in given.items()}
    found: dict[str, int] = {}
    lost: dict[str, str] = {}
    for name, (value, whose) in defaults.items():
        if name not in given and value in takers:
            lost[name] = f"{value} is its default in {whose}, but {takers[value]!r} in your labels"
        elif name not in given:
            found[name] = value
    taken = {*found.values(), *takers}
    decided = {*defaults, *given}
    for contribution in catalogue.all(Schematic):
        for name, value in contribution.record.labels.items():
            if name not in decided and value not in (taken if recipe else takers):
                found[name] = value
                taken.add(value)
    return Labelling(
        labels={**found, **given},
        given=given,
        lost=lost,
        problems=tuple(sorted(problems)),
        notes=tuple(dict.fromkeys(notes)),
    )


def _canonical(labels: Mapping[str, Any], names: Names, problems: list[str], notes: list[str]) -> dict[str, int]:
    """Labels with canonical names. Adds what is wrong with names, and which are unknown."""
    found: dict[str, int] = {}
    said: dict[str, str] = {}
    for spelling, value in labels.items():
        if not isinstance(spelling, str):
            problems.append(f"{spelling!r} is not the name of a label; give names and their integers")
            continue
        if isinstance(value, float | np.floating):
            problems.append(f"{spelling!r} is {value}; labels are integers from 1 (0 is the background)")
            continue
        value = int(value) if isinstance(value, np.integer) else value
        name = names.canonical(spelling)
        if found.setdefault(name, value) != value:
            problems.append(f"{said[name]!r} and {spelling!r} are one structure, {name!r}; give it one integer")
        said.setdefault(name, spelling)
        if name in names.known:
            continue
        if names.is_misspelt(name):
            # The default integer of the right name would stay, and the wall would be in the wrong place.
            problems.append(f"no structure is called {name!r}{names.close(name)}")
        else:
            notes.append(f"no structure is called {name!r}{names.close(name)}; its label {value} stays as it is")
    return found


def _usual(catalogue: Catalogue) -> dict[str, set[int]]:
    """The default integers of each name, in any schematic and any label scheme of a recipe."""
    schemes = {recipe.record.scheme for recipe in catalogue.all(Recipe)}
    sources = [one.record.labels for one in catalogue.all(Schematic)]
    sources += [one.record.labels for one in catalogue.all(LabelScheme) if one.name in schemes]
    found: dict[str, set[int]] = {}
    for name, value in chain.from_iterable(labels.items() for labels in sources):
        found.setdefault(name, set()).add(value)
    return found


def recipe_labels(
    catalogue: Catalogue, settings: Settings | None = None, recipe: str | Recipe | None = None
) -> dict[str, int]:
    """Every label name that a recipe can use, with its integer. The user's integers win; see :class:`Settings`.

    Without a recipe: every name in the catalogue's schematics.
    """
    settings = settings or Settings()
    if recipe is None:
        return dict(labelling(catalogue, settings).labels)
    return dict(labelling_of(recipe, catalogue, settings).labels)


def expand(name: str, labels: Mapping[str, int], scheme: LabelScheme | None) -> tuple[str, ...]:
    """The labels that a name stands for: all of ``labels``, a group of the scheme, or the name itself."""
    if name == ALL:
        return tuple(sorted(labels, key=labels.__getitem__))
    if name in labels or scheme is None or name not in scheme.groups:
        return (name,)
    return LabelTable(scheme.labels, scheme.groups).names_of(name)


def labelling_of(recipe: str | Recipe, catalogue: Catalogue, settings: Settings | None = None) -> Labelling:
    """:func:`labelling` for a recipe. If the recipe cannot be used, that of the whole catalogue."""
    settings = settings or Settings()
    try:
        record = recipe if isinstance(recipe, Recipe) else catalogue.get(Recipe, recipe)
        schematics, scheme = recipe_schematics(record, catalogue, settings.schematics), scheme_of(record, catalogue)
    except PycemrgError:  # the planner says why
        return labelling(catalogue, settings)
    return labelling(catalogue, settings, record, schematics, scheme)
