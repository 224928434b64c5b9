"""A contract of any class, filled with arbitrary labels and numbers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import attrs

from pycemrg_core.api.contracts import (
    BACKGROUND,
    LABEL_USES,
    ApplicationStep,
    Label,
    Mode,
    Role,
    Use,
    labels_in,
    roles,
    snapshot_names,
)
from pycemrg_core.images.blueprint import Blueprint
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.recipes.blueprints import blueprint_of

THICKNESS_MM = 2.6
NUMBER = 3.0
FRACTION = 0.5  # a number without a unit is most often one

_BYSTANDER = Label("bystander", 90)


def generic_contract(kind: type) -> Any:
    """A contract with the labels 1, 2, ... in its roles, walls of 2.6 mm and every choice at its default.

    Raises ``TypeError`` when the class is not a contract.
    """
    values = count(1)
    return kind(**{role.field_name: _value(role, values) for role in roles(kind)})


def ready_volume(volume: LabelVolume, contract: Any) -> LabelVolume:
    """The label map as a run would give it to a step: with a blueprint and the snapshots that the contract names.

    If the volume has a blueprint or snapshots, they stay. Otherwise the blueprint follows from the contract, and each
    snapshot is the volume itself.
    """
    labels = {label.name: label.value for label in labels_in(contract, *LABEL_USES[:-1])}
    given = volume
    if volume.blueprint == Blueprint():
        given = volume.with_blueprint(blueprint_of([contract], Catalogue(()), labels))
    given.snapshots.update({name: volume for name in snapshot_names(contract) if name not in given.snapshots})
    return given


def _value(role: Role, values: Iterator[int]) -> Any:
    match role.use:
        case Use.READS | Use.WRITES:
            return Label(role.field_name, next(values))
        case Use.WRITES_BACKGROUND:
            return BACKGROUND
        case Use.SNAPSHOT:
            return "before"
        case Use.CHANGES | Use.READS_ANY:
            return tuple(Label(f"{role.field_name}_{number}", next(values)) for number in (1, 2, 3))
        case Use.APPLIES:
            return ApplicationStep(Mode.ADD), ApplicationStep(Mode.REPLACE_EXCEPT, (_BYSTANDER,))
        case Use.THICKNESS:
            return THICKNESS_MM
        case Use.NUMBER:
            if role.between:
                return sum(role.between) / 2
            return (role.minimum or 0.0) + (NUMBER if role.unit else FRACTION)
        case Use.CHOICE:
            return role.default


def image_labels(contract: Any) -> list[int]:
    """The integers that the contract reads or changes, in the order of its fields, and one of another label."""
    found = [label.value for label in labels_in(contract, Use.READS, Use.READS_ANY, Use.CHANGES)]
    return list(dict.fromkeys([*found, _BYSTANDER.value]))


def renumbered(value: Any, more: int) -> Any:
    """A contract with all its labels' integers larger by ``more``."""
    if isinstance(value, Label):
        return attrs.evolve(value, value=value.value + more) if value != BACKGROUND else value
    if isinstance(value, tuple):
        return tuple(renumbered(item, more) for item in value)
    if attrs.has(type(value)):
        return attrs.evolve(value, **{name: renumbered(item, more) for name, item in _fields(value).items()})
    return value


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}
