"""The building blocks of a step's contract.

A contract is a frozen attrs class that names every label and parameter that a step uses. Declare each field with
one of the functions here. They say its role in the semantic map and what the step does with it. The planner can
then check a step without running it::

    @frozen(kw_only=True)
    class MyocardiumCreationContract:
        source: Label = reads("SOURCE_BLOOD_POOL_NAME")
        target: Label = writes("TARGET_MYOCARDIUM_NAME")
        thickness_mm: float = thickness("WALL_THICKNESS_PARAMETER_NAME")
        application: tuple[ApplicationStep, ...] = application_steps("APPLICATION_STEPS")
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from functools import lru_cache
from typing import Any

import attrs
from attrs import field, frozen

_METADATA_KEY = "pycemrg_role"


class Mode(Enum):
    """How a mask is written: which voxels under it take the new label."""

    ADD = "ADD"  # background
    REPLACE = "REPLACE"  # anything
    REPLACE_ONLY = "REPLACE_ONLY"  # background, or one of the rule's labels
    REPLACE_EXCEPT = "REPLACE_EXCEPT"  # anything but one of the rule's labels


@frozen
class Label:
    """A label's name and its integer in the image."""

    name: str
    value: int


@frozen
class ApplicationStep:
    """One pass of writing a mask: a mode and the labels that the mode applies to."""

    mode: Mode
    labels: tuple[Label, ...] = ()


class LabelType(Enum):
    """What a label is. The value is the group of a label scheme that holds labels of this type."""

    LUMEN = "blood_pools"  # blood, dropped at meshing
    WALL = "walls"
    VALVE = "valves"  # between two lumens
    PLANE = "planes"  # closes one lumen against another
    RING = "rings"  # round a vein, on a wall


@frozen
class Makes:
    """What the label is that a step writes, in terms of the fields of its contract.

    ``around`` names the fields with the labels that it belongs to, ``thickness`` the field with its thickness in mm.
    Use :func:`wall_round`, :func:`valve_between`, :func:`plane_between` or :func:`ring_round`.
    """

    label_type: LabelType
    around: tuple[str, ...]
    thickness: str = ""


def wall_round(lumen: str, *, thickness: str) -> Makes:
    """A wall round the whole of the lumen in the field ``lumen``, as thick as the field ``thickness`` says."""
    return Makes(LabelType.WALL, (lumen,), thickness)


def valve_between(a: str, b: str) -> Makes:
    """A valve that separates the lumens in the fields ``a`` and ``b``."""
    return Makes(LabelType.VALVE, (a, b))


def plane_between(a: str, b: str) -> Makes:
    """A plane that closes the lumen in the field ``b`` against the one in the field ``a``."""
    return Makes(LabelType.PLANE, (a, b))


def ring_round(lumen: str, *, on: str) -> Makes:
    """A ring round the lumen in the field ``lumen``, where the lumen meets the wall in the field ``on``."""
    return Makes(LabelType.RING, (lumen, on))


class Use(Enum):
    """What a step does with the label or number in a field."""

    READS = "reads"
    READS_ANY = "reads any of"
    WRITES = "writes"
    WRITES_BACKGROUND = "writes background"
    APPLIES = "applies"
    THICKNESS = "thickness"
    NUMBER = "number"
    CHANGES = "changes"
    CHOICE = "choice"
    SNAPSHOT = "measures on a snapshot"


LABEL_USES = (Use.READS, Use.READS_ANY, Use.WRITES, Use.CHANGES, Use.APPLIES)
"""The uses that a semantic map fills with names of labels."""

BACKGROUND = Label("background", 0)
"""The value of a field made with :func:`writes_background`."""


@frozen
class Role:
    """A field of a contract: its ``key`` in the semantic map, how it is used, and the unit of a number.

    ``options`` are the values of a choice; ``default`` is used when the map does not have the key. ``label_type``
    says what the label of the field is, if known; ``makes`` says what the step makes.
    """

    field_name: str
    key: str
    use: Use
    unit: str = ""
    minimum: float | None = None
    between: tuple[float, float] | None = None
    options: tuple[int, ...] = ()
    default: int | None = None
    label_type: LabelType | None = None
    makes: Makes | None = None


def reads(key: str, *, label_type: LabelType | None = None) -> Any:
    """A label that must be in the image, or be written by an earlier step; ``label_type`` says what it is."""
    return _role(key, Use.READS, label_type=label_type)


def reads_any(key: str, *, label_type: LabelType | None = None) -> Any:
    """Labels, as a ``tuple[Label, ...]``, that the step looks at. They may be absent from the image.

    The semantic map holds a list of label names, or names of groups of the recipe's label scheme; ``"*"`` stands
    for all labels of the recipe. ``label_type`` says what all of them are.
    """
    return _role(key, Use.READS_ANY, label_type=label_type)


def writes(key: str, *, label_type: LabelType | None = None, makes: Makes | None = None) -> Any:
    """The label that the step writes.

    ``makes`` says what the step makes, for example a wall round a lumen; the certificate then checks the result for
    it. A step that only adds to an existing structure says what the label is with ``label_type``.
    """
    return _role(key, Use.WRITES, label_type=makes.label_type if makes else label_type, makes=makes)


def writes_background() -> Any:
    """The step may write background. It has no key, because the semantic map does not fill it."""
    return _role("", Use.WRITES_BACKGROUND, value=BACKGROUND)


def thickness(key: str) -> Any:
    """A wall's thickness in mm: positive, and refused if it is so small that no voxel lies within it."""
    return _role(key, Use.THICKNESS, unit="mm", minimum=0.0)


def number(key: str, *, unit: str, minimum: float | None = None, between: tuple[float, float] | None = None) -> Any:
    """Any other parameter, in ``unit``.

    Values at or below ``minimum`` are refused, and so are values outside ``between``, whose two ends are allowed.
    """
    return _role(key, Use.NUMBER, unit=unit, minimum=minimum, between=between)


def changes(key: str) -> Any:
    """Labels, as a ``tuple[Label, ...]``, whose voxels may become background or another of these labels.

    The semantic map holds a list as for :func:`reads_any`. Labels that are not in the image are allowed, and stay
    absent.
    """
    return _role(key, Use.CHANGES)


def choice(key: str, options: tuple[int, ...] = (6, 18, 26), default: int | None = None) -> Any:
    """One of several whole numbers. Without the key in the semantic map it is ``default``, or else the first option.

    The semantic map holds the number itself or the name of a parameter.
    """
    default = options[0] if default is None else default
    return _role(key, Use.CHOICE, default, options=options, default=default)


def snapshot(key: str) -> Any:
    """The name of a snapshot, a ``str``: measure on ``volume.snapshot(contract.this_field)``.

    The semantic map holds the name of the snapshot: an entry of the recipe gives it to the image before that entry.
    Without the key the name is empty, and ``volume.snapshot("")`` is the current image.
    """
    return _role(key, Use.SNAPSHOT)


def application_steps(key: str) -> Any:
    """How the mask is written. Labels named here only allow or forbid overwriting; they may be absent."""
    return _role(key, Use.APPLIES)


def _role(key: str, use: Use, value: Any = attrs.NOTHING, **more: Any) -> Any:
    # By keyword, a field with a value can stand before fields without one.
    metadata = {_METADATA_KEY: {"key": key, "use": use, **more}}
    return field(default=value, kw_only=value is not attrs.NOTHING, metadata=metadata)


def roles(contract: type) -> tuple[Role, ...]:
    """The roles of a contract class, in the order of its fields.

    Raises ``TypeError`` when it is not an attrs class or a field was not declared with this module.
    """
    kind: Any = contract
    return _roles(kind)


@lru_cache(maxsize=256)  # asked for at every step of every run
def _roles(contract: Any) -> tuple[Role, ...]:
    if not attrs.has(contract):
        raise TypeError(f"{contract!r} is not an attrs class")
    found = []
    for attribute in attrs.fields(contract):
        if _METADATA_KEY not in attribute.metadata:
            raise TypeError(
                f"{contract.__name__}.{attribute.name} has no role; declare it with reads(), writes(), "
                "thickness(), number(), changes(), choice(), application_steps(), reads_any(), writes_background() or "
                "snapshot()"
            )
        found.append(Role(attribute.name, **attribute.metadata[_METADATA_KEY]))
    _require_makes(contract, found)
    return tuple(found)


def _require_makes(contract: type, found: Iterable[Role]) -> None:
    uses = {role.field_name: role.use for role in found}
    for role in found:
        if role.makes is None:
            continue
        wanted: list[tuple[str, tuple[Use, ...]]] = [(name, (Use.READS, Use.READS_ANY)) for name in role.makes.around]
        if role.makes.thickness:
            wanted.append((role.makes.thickness, (Use.THICKNESS,)))
        if len(set(role.makes.around)) < len(role.makes.around):
            raise TypeError(
                f"{contract.__name__}.{role.field_name} makes a {role.makes.label_type.name.lower()} of the field"
                f" {role.makes.around[0]!r} twice; name different fields"
            )
        for name, allowed in wanted:
            if uses.get(name) not in allowed:
                raise TypeError(
                    f"{contract.__name__}.{role.field_name} makes a {role.makes.label_type.name.lower()} of the field"
                    f" {name!r}; declare that field with {allowed[0].value}()"
                )


def labels_in(contract: Any, *uses: Use) -> Iterator[Label]:
    """The labels in the fields of a contract that are used in one of these ways."""
    for role in roles(type(contract)):
        if role.use in uses:
            value = getattr(contract, role.field_name)
            yield from (value,) if isinstance(value, Label) else value


def labels_read(contract: Any) -> Iterator[Label]:
    """The labels that a contract needs to find in the image."""
    return labels_in(contract, Use.READS)


def labels_written(contract: Any) -> Iterator[Label]:
    """The labels that a contract may write."""
    return labels_in(contract, Use.WRITES)


def labels_changed(contract: Any) -> Iterator[Label]:
    """The labels whose voxels a contract may turn into one another or into background."""
    return labels_in(contract, Use.CHANGES)


def thicknesses(contract: Any) -> Iterator[float]:
    """The thicknesses of a contract, in mm."""
    return (getattr(contract, role.field_name) for role in roles(type(contract)) if role.use is Use.THICKNESS)


def writable_values(contract: Any) -> frozenset[int]:
    """All integers that the step of this contract may write; 0 is the background."""
    values = {label.value for label in labels_in(contract, Use.WRITES, Use.WRITES_BACKGROUND)}
    changed = {label.value for label in labels_changed(contract)}
    return frozenset(values | changed | ({0} if changed else set()))


def snapshot_names(contract: Any) -> Iterator[str]:
    """The names of the snapshots that a contract measures on."""
    names = (getattr(contract, role.field_name) for role in roles(type(contract)) if role.use is Use.SNAPSHOT)
    return (name for name in names if name)
