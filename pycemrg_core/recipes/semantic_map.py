"""Reading a schematic's semantic map: which labels fill the roles of its step, and with which integers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pycemrg_core.api.contracts import ApplicationStep, Label, Mode, Role, Use
from pycemrg_core.errors import LabelError

_HIGHEST = 2**32 - 1
_LISTS = (Use.READS_ANY, Use.CHANGES)


def label_names(semantic_map: Mapping[str, Any], roles: Iterable[Role], uses: Iterable[Use]) -> Iterator[str]:
    """The names of labels and groups in the roles with one of these uses. Values that are not names are skipped."""
    wanted = set(uses)
    for role in roles:
        if role.use not in wanted:
            continue
        filled = semantic_map.get(role.key)
        if role.use in (Use.READS, Use.WRITES):
            yield from _names([filled])
        elif role.use in _LISTS:
            yield from _names(filled)
        elif role.use is Use.APPLIES and isinstance(filled, (list, tuple)):
            for step in filled:
                yield from _names(step.get("RULE_LABEL_NAMES") if isinstance(step, Mapping) else ())


def _names(values: Any) -> Iterator[str]:
    if isinstance(values, (list, tuple)):
        yield from (value for value in values if isinstance(value, str))


def integer_problems(labels: Mapping[str, int], given: Mapping[str, int]) -> Iterator[str]:
    """What is wrong with the integers of a recipe's ``labels``, and with the integers ``given`` by the user."""
    by_value: dict[int, list[str]] = {}
    for name, value in {**given, **labels}.items():
        if type(value) is not int or value < 1:
            yield f"{name!r} is {value!r}; labels are integers from 1 (0 is the background)"
            continue
        if value > _HIGHEST:
            yield f"{name!r} is {value}; no pixel type holds labels above {_HIGHEST}"
        by_value.setdefault(value, []).append(name)
    for value, names in by_value.items():
        if len(names) > 1:
            yield f"{' and '.join(map(repr, names))} are both {value}; give each its own integer"


def fill(
    role: Role, filled: Any, labels: Mapping[str, int], expand: Callable[[str], Iterable[str]], lost: Mapping[str, str]
) -> Any:
    """The value of a role that holds labels: a label, several, or application steps.

    ``expand`` replaces the name of a group by the names of its labels, and keeps other names. Labels that are ``lost``
    have no integer, so no voxel can be of them: lists of labels and rules go on without them. Raises
    :class:`LabelError` when the value does not fit the role, or only lost labels would fill it.
    """
    if role.use is Use.APPLIES:
        if not isinstance(filled, (list, tuple)):
            raise LabelError(f"{role.key} is {filled!r}; give a list of {{MODE, RULE_LABEL_NAMES}}")
        return tuple(_application_step(one, labels, lost) for one in filled)
    if role.use in _LISTS:
        if not isinstance(filled, (list, tuple)) or not filled:
            raise LabelError(f"{role.key} is {filled!r}; give a list of label names")
        names = [one for name in filled for one in (expand(name) if isinstance(name, str) else [name])]
        there = [name for name in names if not isinstance(name, str) or name not in lost]
        return tuple(dict.fromkeys(_label(name, labels, lost) for name in there or names))
    return _label(filled, labels, lost)


def option(name: str, value: Any, role: Role) -> int:
    """A choice's value. Raises :class:`LabelError` when it is not one of the options."""
    if isinstance(value, bool) or value not in role.options:
        raise LabelError(f"{name} is {value!r}; it must be one of {', '.join(map(str, role.options))}")
    return int(value)


def _label(name: Any, labels: Mapping[str, int], lost: Mapping[str, str]) -> Label:
    if isinstance(name, str) and name in lost:
        raise LabelError(f"{name!r} has no integer: {lost[name]}; give {name!r} its own integer in your labels")
    if not isinstance(name, str) or name not in labels:
        raise LabelError(f"{name!r} is not the name of a label")
    return Label(name, labels[name])


def _application_step(described: Any, labels: Mapping[str, int], lost: Mapping[str, str]) -> ApplicationStep:
    if not isinstance(described, Mapping) or "MODE" not in described:
        raise LabelError(f"{described!r} is not an application step; write it as {{MODE, RULE_LABEL_NAMES}}")
    try:
        mode = Mode(described["MODE"])
    except ValueError:
        known = ", ".join(mode.value for mode in Mode)
        raise LabelError(f"unknown mode {described['MODE']!r}; give one of {known}") from None
    names = described.get("RULE_LABEL_NAMES") or ()
    if not isinstance(names, (list, tuple)):
        raise LabelError(f"RULE_LABEL_NAMES is {names!r}; give a list of label names")
    there = (name for name in names if not isinstance(name, str) or name not in lost)
    return ApplicationStep(mode, tuple(_label(name, labels, lost) for name in there))
