"""Expand a recipe: all its steps, its rules, and the distributions it requires."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pycemrg_core.api.records import Recipe, RecipeStep
from pycemrg_core.errors import LabelError, PlanError
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.plugins.loading import Plugin, State
from pycemrg_core.text.names import close_to


def flatten(recipe: Recipe, catalogue: Catalogue) -> Iterator[RecipeStep]:
    """The recipe's steps. An included recipe is replaced by its steps.

    Raises :class:`PlanError` when a recipe includes itself, and the catalogue's errors when one is unknown.
    """
    yield from _flatten(recipe, catalogue, ())


def unmet(recipe: Recipe, catalogue: Catalogue) -> Iterator[str]:
    """Why a requirement of the recipe, or of a recipe that it includes, is not met, and what to install."""
    seen: set[str] = set()
    todo = [recipe]
    while todo:
        one = todo.pop()
        if one.name in seen:
            continue
        seen.add(one.name)
        for text in one.requires:
            if problem := _unmet(one.name, text, catalogue):
                yield problem
        # An unknown recipe is reported elsewhere, when the steps are expanded.
        inner = {step.recipe for step in one.steps if step.recipe}
        todo += [
            c.record
            for c in catalogue.all(Recipe)
            if isinstance(c.record, Recipe) and any(c.answers_to(name) for name in inner)
        ]


class Rules(NamedTuple):
    """What a recipe allows and needs, by name: lumens that may touch the background, pairs that may touch, inputs.

    ``included`` are lumens that an included recipe leaves open. If a step gives such a lumen a wall, it must be closed.
    """

    open: frozenset[str] = frozenset()
    included: frozenset[str] = frozenset()
    may_touch: frozenset[frozenset[str]] = frozenset()
    needs: frozenset[str] = frozenset()


def rules_of(recipe: Recipe, catalogue: Catalogue) -> Rules:
    """The rules of a recipe and of all recipes that it includes.

    Raises :class:`LabelError` when a rule names a label that is in no schematic and no label scheme, and the errors
    of :func:`flatten`.
    """
    inside = [rules_of(catalogue.get(Recipe, step.recipe), catalogue) for step in recipe.steps if step.recipe]
    own = Rules(
        open=frozenset(recipe.open),
        may_touch=frozenset(map(frozenset, recipe.may_touch)),
        needs=frozenset(recipe.needs),
    )
    known = {name for c in catalogue.contributions for name in getattr(c.record, "labels", ())}
    for name in sorted(own.open.union(own.needs, *own.may_touch)):
        if name not in known:
            hint = close_to(name, known) or "; correct 'open', 'may_touch' or 'needs'"
            raise LabelError(f"unknown label {name!r} in the rules of recipe {recipe.name!r}{hint}")
    return Rules(
        own.open,
        frozenset().union(*(rules.open | rules.included for rules in inside)),
        own.may_touch.union(*(rules.may_touch for rules in inside)),
        own.needs.union(*(rules.needs for rules in inside)),
    )


def _flatten(recipe: Recipe, catalogue: Catalogue, inside: tuple[str, ...]) -> Iterator[RecipeStep]:
    if recipe.name in inside:
        chain = " > ".join([*inside, recipe.name])
        raise PlanError(f"recipe {recipe.name!r} is refused", [f"it includes itself: {chain}"])
    for step in recipe.steps:
        if step.schematic:
            yield step
            continue
        included = catalogue.get(Recipe, step.recipe)
        snapshot = step.snapshot
        for inner in _flatten(included, catalogue, (*inside, recipe.name)):
            if snapshot and inner.snapshot not in ("", snapshot):
                raise PlanError(
                    f"recipe {recipe.name!r} is refused",
                    [f"the image before {step.recipe!r} has two names, {snapshot!r} and {inner.snapshot!r}; use one"],
                )
            yield RecipeStep(
                schematic=inner.schematic,
                parameters={**inner.parameters, **step.parameters},
                when_present=tuple(dict.fromkeys((*step.when_present, *inner.when_present))),
                snapshot=snapshot or inner.snapshot,
            )
            snapshot = ""


def _unmet(recipe: str, text: str, catalogue: Catalogue) -> str:
    # Slow to import, and few recipes require anything.
    from importlib import metadata

    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return f"recipe {recipe!r} requires {text!r}, which pip cannot read; write it as 'pycemrg-core>=0.1'"
    if requirement.marker and not requirement.marker.evaluate():
        return ""
    name = canonicalize_name(requirement.name)
    remedy = "install it from where its authors publish it"
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"recipe {recipe!r} requires {text}, which is not installed; {remedy}"
    if not requirement.specifier.contains(version, prereleases=True):
        return f"recipe {recipe!r} requires {text}; {requirement.name} {version} is installed; {remedy}"
    for plugin in catalogue.plugins:
        if canonicalize_name(plugin.found.distribution) == name and plugin.state is not State.LOADED:
            return f"recipe {recipe!r} requires {text}, whose plugin {_why_not(plugin)}"
    return ""


def _why_not(plugin: Plugin) -> str:
    return f"{plugin.found.name} is {plugin.state.value}: {plugin.reason}"
