"""Build a blueprint from the contracts of a recipe's steps, its rules and the label schemes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import product
from typing import Any

from pycemrg_core.api import contracts
from pycemrg_core.api.contracts import Label, LabelType, Makes, Role
from pycemrg_core.api.labels import LabelTable
from pycemrg_core.api.records import LabelScheme
from pycemrg_core.errors import LabelError
from pycemrg_core.images.blueprint import Blueprint, Plane, Ring, Valve, Wall
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.recipes.flatten import Rules


def blueprint_of(
    steps: Iterable[Any],
    catalogue: Catalogue,
    labels: Mapping[str, int],
    *,
    names: Mapping[int, str] | None = None,
    rules: Rules | None = None,
    when_present: Iterable[tuple[str, ...]] = (),
    recipe: str = "",
    scheme: str = "",
    accepted: tuple[str, ...] = (),
) -> Blueprint:
    """The blueprint that follows from the contracts of ``steps``. ``labels`` maps names to integers.

    ``names`` gives each integer one name, in case it has several. ``when_present`` are the labels that each step waits
    for, by name. The type of a label comes from the contracts first,
    then from the groups of ``scheme``, then from the groups of other schemes.
    """
    rules = rules or Rules()
    steps = tuple(steps)
    made: dict[LabelType, list[Any]] = {kind: [] for kind in LabelType}
    for contract in steps:
        for role in contracts.roles(type(contract)):
            if role.makes is not None:
                made[role.makes.label_type] += _made(contract, role, role.makes)
    return Blueprint(
        recipe=recipe,
        names=names or {value: name for name, value in labels.items()},
        types={**_scheme_types(catalogue, labels, scheme), **_contract_types(steps)},
        walls=tuple(made[LabelType.WALL]),
        valves=tuple(made[LabelType.VALVE]),
        planes=tuple(made[LabelType.PLANE]),
        rings=tuple(made[LabelType.RING]),
        made=tuple(dict.fromkeys(label.value for one in steps for label in contracts.labels_written(one))),
        waits_for=_waits_for(steps, when_present, labels),
        open=_values(labels, rules.open) | (_values(labels, rules.included) - {w.lumen for w in made[LabelType.WALL]}),
        accepted=accepted,
        may_touch=frozenset(_values(labels, pair) for pair in rules.may_touch if labels.keys() >= pair),
    )


def _waits_for(
    steps: tuple[Any, ...], when_present: Iterable[tuple[str, ...]], labels: Mapping[str, int]
) -> dict[int, tuple[frozenset[int], ...]]:
    found: dict[int, tuple[frozenset[int], ...]] = {}
    for contract, names in zip(steps, when_present, strict=False):
        for label in contracts.labels_written(contract):
            found[label.value] = (*found.get(label.value, ()), _values(labels, names))
    return {label: waits for label, waits in found.items() if all(waits)}


def _made(contract: Any, role: Role, makes: Makes) -> Iterator[Wall | Valve | Plane | Ring]:
    label = getattr(contract, role.field_name).value
    for around in product(*(_labels(getattr(contract, name)) for name in makes.around)):
        first, *more = (one.value for one in around)
        match makes.label_type:
            case LabelType.WALL:
                yield Wall(first, label, getattr(contract, makes.thickness))
            case LabelType.VALVE:
                yield Valve(label, first, *more)
            case LabelType.PLANE:
                yield Plane(label, first, *more)
            case _:
                yield Ring(label, first, *more)


def _labels(value: Label | tuple[Label, ...]) -> tuple[Label, ...]:
    return (value,) if isinstance(value, Label) else value


def _contract_types(steps: Iterable[Any]) -> dict[int, LabelType]:
    return {
        label.value: role.label_type
        for contract in steps
        for role in contracts.roles(type(contract))
        if role.label_type is not None
        for label in _labels(getattr(contract, role.field_name))
    }


def _scheme_types(catalogue: Catalogue, labels: Mapping[str, int], first: str) -> dict[int, LabelType]:
    """The types of these labels, from the groups of the label schemes."""
    types: dict[int, LabelType] = {}
    for scheme in sorted(catalogue.all(LabelScheme), key=lambda one: not one.answers_to(first)):
        for one, names in _members(tuple(scheme.record.labels.items()), tuple(scheme.record.groups.items())).items():
            for label in _values(labels, names):
                types.setdefault(label, one)
    return types


@lru_cache(maxsize=256)  # every plan asks for every scheme
def _members(labels: tuple[Any, ...], groups: tuple[Any, ...]) -> dict[LabelType, tuple[str, ...]]:
    try:
        table = LabelTable(dict(labels), dict(groups))
    except LabelError:  # "list-plugins --check" says what is wrong with the scheme
        return {}
    return {one: table.names_of(one.value) for one in LabelType if one.value in table.groups}


def _values(labels: Mapping[str, int], names: Iterable[str]) -> frozenset[int]:
    return frozenset(labels[name] for name in names if name in labels)
