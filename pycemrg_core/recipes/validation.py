"""What is wrong with the contributions of a plugin, beyond what loading it shows.

Loading imports nothing that a record refers to. Here every reference is imported and held against what it should
be, every schematic and recipe is planned.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import click

from pycemrg_core.api import contracts
from pycemrg_core.api.contracts import Use
from pycemrg_core.api.kinds import kind_of
from pycemrg_core.api.records import (
    Augmentation,
    Check,
    Command,
    LabelScheme,
    Measures,
    Metric,
    Recipe,
    Record,
    Schematic,
    Step,
)
from pycemrg_core.errors import PlanError, PycemrgError
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.plugins.loading import Plugin
from pycemrg_core.recipes.flatten import flatten, unmet
from pycemrg_core.recipes.planner import ImageFacts, plan
from pycemrg_core.recipes.semantic_map import label_names

# So fine that no wall is too thin for it.
_SPACING = (1e-6, 1e-6, 1e-6)


def faults(plugin: Plugin, catalogue: Catalogue) -> Iterator[str]:
    """Everything wrong with what a loaded plugin contributes, one line each."""
    for record in plugin.records:
        for fault in record_faults(record, catalogue):
            yield f"{kind_of(record).word} {record.name!r}: {fault}"


def record_faults(record: Record, catalogue: Catalogue) -> Iterator[str]:
    """Everything wrong with one record: what it refers to, and whether it can be planned."""
    check: Callable[[Any, Catalogue], Iterator[str]] = _CHECKS[type(record)]
    try:
        yield from check(record, catalogue)
    except PlanError as error:
        yield from error.problems
    except (PycemrgError, TypeError) as error:  # TypeError: a contract without roles
        yield str(error)


def recipe_inputs(recipe: Recipe, catalogue: Catalogue) -> dict[str, int]:
    """The labels that a recipe needs from the image: read by a step, and written by no other.

    Raises what the catalogue and :func:`flatten` raise for a recipe whose steps cannot be found.
    """
    read: list[tuple[int, str, int]] = []
    writers: dict[int, set[int]] = {}
    for number, step in enumerate(flatten(recipe, catalogue)):
        schematic = catalogue.get(Schematic, step.schematic)
        roles = contracts.roles(catalogue.get(Step, schematic.step).contract.load())
        values = schematic.labels
        names = label_names(schematic.semantic_map, roles, [Use.READS])
        read += [(number, name, values[name]) for name in names if name in values]
        for name in label_names(schematic.semantic_map, roles, [Use.WRITES]):
            if name in values:
                writers.setdefault(values[name], set()).add(number)
    return {name: value for number, name, value in read if not writers.get(value, set()) - {number}}


def _step(record: Step, _catalogue: Catalogue) -> Iterator[str]:
    yield from _not_callable("run", record.run.load(), 2)
    contract = record.contract.load()
    contracts.roles(contract)
    if not _is_frozen(contract):
        yield f"contract {record.contract} can be changed after it is made; make it with attrs.frozen"


def _is_frozen(contract: type) -> bool:
    instance: Any = object.__new__(contract)
    for attribute in attrs.fields(contract):
        try:
            setattr(instance, attribute.name, None)
        except attrs.exceptions.FrozenInstanceError:
            continue
        return False
    return True


_SUBJECTS = {Measures.STRUCTURES: 2}


def _metric(record: Metric, _catalogue: Catalogue) -> Iterator[str]:
    yield from _not_callable("function", record.function.load(), _SUBJECTS.get(record.measures, 1), record.parameters)


def _augmentation(record: Augmentation, _catalogue: Catalogue) -> Iterator[str]:
    # What else it asks for, a pipeline gives it by name.
    yield from _not_callable("function", record.function.load(), 2, more=True)


def _check(record: Check, _catalogue: Catalogue) -> Iterator[str]:
    yield from _not_callable("function", record.function.load(), 1)


def _command(record: Command, _catalogue: Catalogue) -> Iterator[str]:
    if not isinstance(command := record.command.load(), click.Command):
        yield f"{record.command} is not a click command but {command!r:.60}"


def _scheme(record: LabelScheme, _catalogue: Catalogue) -> Iterator[str]:
    if record.anatomy is not None:
        yield from _not_callable("anatomy", record.anatomy.load(), 3)
    for group, members in record.groups.items():
        for name in members:
            if name not in record.labels:
                yield f"group {group!r} names {name!r}, which is not among its labels"


def _schematic(record: Schematic, catalogue: Catalogue) -> Iterator[str]:
    yield from _recipe(Recipe(name=record.name, steps=(record.name,)), catalogue)


def _recipe(record: Recipe, catalogue: Catalogue) -> Iterator[str]:
    if missing := list(unmet(record, catalogue)):
        yield from missing  # what is missing with it would be called unknown below
        return
    inputs = recipe_inputs(record, catalogue)
    facts = ImageFacts(labels=frozenset(inputs.values()), spacing=_SPACING, dtype="uint32")
    plan(record, catalogue, facts)


def _not_callable(name: str, function: Any, positional: int, keywords: Any = (), more: bool = False) -> Iterator[str]:
    if not callable(function):
        yield f"{name} is {function!r:.60}, not a function"
        return
    try:
        signature = inspect.signature(function)
        bind = signature.bind_partial if more else signature.bind
        bind(*range(positional), **dict.fromkeys(keywords))
    except (TypeError, ValueError) as error:
        wanted = f"{positional} argument{'' if positional == 1 else 's'}"
        wanted += f" and {', '.join(keywords)}" if keywords else ""
        yield f"{name} must take {wanted}: {error}"


_CHECKS: dict[type, Any] = {
    Schematic: _schematic,
    Recipe: _recipe,
    Step: _step,
    Metric: _metric,
    LabelScheme: _scheme,
    Augmentation: _augmentation,
    Command: _command,
    Check: _check,
}
