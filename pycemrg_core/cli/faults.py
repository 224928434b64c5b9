"""Find faults in a plugin's contributions that loading does not show.

Loading imports nothing that a record refers to. Here every reference is imported and checked, and every schematic
and recipe is planned.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import attrs
import click

from pycemrg_core.api import contracts
from pycemrg_core.api.kinds import kind_of
from pycemrg_core.api.records import (
    Augmentation,
    Command,
    LabelScheme,
    Measures,
    Metric,
    Recipe,
    Record,
    Schematic,
    Step,
    Structure,
)
from pycemrg_core.api.refs import Ref
from pycemrg_core.cli.inputs import SO_FINE, alone, inputs, plan_in_principle, segmented
from pycemrg_core.errors import NOBODYS_FAULT, PlanError, PycemrgError, fault
from pycemrg_core.images.structures import names_in
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.plugins.loading import Plugin
from pycemrg_core.recipes.flatten import flatten, unmet
from pycemrg_core.recipes.labelling import labelling_of
from pycemrg_core.recipes.planner import plan
from pycemrg_core.recipes.plans import ImageFacts
from pycemrg_core.recipes.settings import Settings
from pycemrg_core.text.names import close_to

_LIKELY = 0.85  # so close to a known name that it is a misspelling


def faults(plugin: Plugin, catalogue: Catalogue) -> Iterator[str]:
    """Everything wrong with the contributions of a loaded plugin, one line each."""
    for record in plugin.records:
        for text in record_faults(record, catalogue):
            yield f"{kind_of(record).word} {record.name!r}: {text}"


def record_faults(record: Record, catalogue: Catalogue) -> Iterator[str]:
    """Everything wrong with one record: what it refers to, and whether it can be planned."""
    try:
        yield from _reference_faults(record)
        if own := kind_of(record).faults:
            yield from own.load()(record, catalogue)
    except PlanError as error:
        yield from error.problems
    except NOBODYS_FAULT:
        raise
    except (PycemrgError, TypeError) as error:  # TypeError: a contract without roles
        yield fault(error) if isinstance(error, PycemrgError) else str(error)
    except BaseException as error:  # code of the plugin may raise anything
        yield fault(error)


def _reference_faults(record: Record) -> Iterator[str]:
    """Raises :class:`RefError` for what cannot be imported."""
    for attribute in attrs.fields(type(record)):
        if isinstance(ref := getattr(record, attribute.name), Ref):
            found = ref.load()
            if (positional := kind_of(record).calls.get(attribute.name)) is not None:
                yield from _not_callable(attribute.name, found, positional)


def step_faults(record: Step, _catalogue: Catalogue) -> Iterator[str]:
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


def metric_faults(record: Metric, _catalogue: Catalogue) -> Iterator[str]:
    yield from _not_callable("function", record.function.load(), _SUBJECTS.get(record.measures, 1), record.parameters)


def augmentation_faults(record: Augmentation, _catalogue: Catalogue) -> Iterator[str]:
    # A pipeline gives further arguments by name.
    yield from _not_callable("function", record.function.load(), 2, more=True)


def command_faults(record: Command, _catalogue: Catalogue) -> Iterator[str]:
    if not isinstance(command := record.command.load(), click.Command):
        yield f"{record.command} is {command!r:.60}, not a click command"


def scheme_faults(record: LabelScheme, _catalogue: Catalogue) -> Iterator[str]:
    for group, members in record.groups.items():
        for name in members:
            if name not in record.labels:
                yield f"group {group!r} names {name!r}, which is not a label of the scheme"


def structure_faults(record: Structure, catalogue: Catalogue) -> Iterator[str]:
    names = names_in(catalogue)
    for spelling in record.spellings:
        if (meant := names.canonical(spelling)) != record.name:
            what = f"is a name of {meant!r}" if meant != spelling else "means several structures"
            yield f"the spelling {spelling!r} {what}; leave it out"
    known = {one.name for one in catalogue.all(Structure)}
    for other in filter(None, (record.root, *record.joins)):
        # The structures of a plugin that is not loaded are unknown here, which is no fault.
        if other not in known and (close := close_to(other, known, _LIKELY)):
            yield f"no structure is called {other!r}{close}"


def schematic_faults(record: Schematic, catalogue: Catalogue) -> Iterator[str]:
    yield from _recipe_faults(*alone(record, catalogue), catalogue)


def recipe_faults(record: Recipe, catalogue: Catalogue) -> Iterator[str]:
    yield from _recipe_faults(record, Settings(), catalogue)


def _recipe_faults(record: Recipe, settings: Settings, catalogue: Catalogue) -> Iterator[str]:
    if missing := list(unmet(record, catalogue)):
        yield from missing  # names from a missing distribution would be reported as unknown below
        return
    needed = set(inputs(plan_in_principle(record, catalogue, settings), segmented(catalogue)))
    # With the labels that entries wait for, every entry is planned.
    values = labelling_of(record, catalogue, settings).labels
    needed |= {values[name] for step in flatten(record, catalogue) for name in step.when_present if name in values}
    plan(record, catalogue, ImageFacts(labels=frozenset(needed), spacing=SO_FINE, dtype="uint32"), settings)


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
