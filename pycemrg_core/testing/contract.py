"""A contract of any class, filled with labels and numbers that mean nothing in particular."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import attrs

from pycemrg_core.api.contracts import (
    ApplicationStep,
    Label,
    Mode,
    Role,
    Use,
    labels_changed,
    labels_read,
    roles,
)

THICKNESS_MM = 2.6
NUMBER = 3.0
FRACTION = 0.5  # a number without a unit is most often one

_BYSTANDER = Label("bystander", 90)


def generic_contract(kind: type) -> Any:
    """A contract with the labels 1, 2, ... in its roles, walls of 2.6 mm and every choice at its default.

    Raises ``TypeError`` when the class is no contract.
    """
    values = count(1)
    return kind(**{role.field_name: _value(role, values) for role in roles(kind)})


def _value(role: Role, values: Iterator[int]) -> Any:
    match role.use:
        case Use.READS | Use.WRITES:
            return Label(role.field_name, next(values))
        case Use.CHANGES:
            return tuple(Label(f"{role.field_name}_{number}", next(values)) for number in (1, 2, 3))
        case Use.APPLIES:
            return ApplicationStep(Mode.ADD), ApplicationStep(Mode.REPLACE_EXCEPT, (_BYSTANDER,))
        case Use.THICKNESS:
            return THICKNESS_MM
        case Use.NUMBER:
            return (role.minimum or 0.0) + (NUMBER if role.unit else FRACTION)
        case Use.CHOICE:
            return role.default


def image_labels(contract: Any) -> list[int]:
    """The integers that the contract reads or changes, in the order of its fields, and a bystander's."""
    found = [label.value for label in (*labels_read(contract), *labels_changed(contract))]
    return list(dict.fromkeys([*found, _BYSTANDER.value]))


def renumbered(value: Any, more: int) -> Any:
    """A contract with all its labels' integers larger by ``more``."""
    if isinstance(value, Label):
        return attrs.evolve(value, value=value.value + more)
    if isinstance(value, tuple):
        return tuple(renumbered(item, more) for item in value)
    if attrs.has(type(value)):
        return attrs.evolve(value, **{name: renumbered(item, more) for name, item in _fields(value).items()})
    return value


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}
