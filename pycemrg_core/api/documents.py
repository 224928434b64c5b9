"""Convert records and contracts to and from the data of YAML and JSON. Errors say where in the document they are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_origin

import attrs

from pycemrg_core.api.kinds import KINDS
from pycemrg_core.api.records import RecipeStep, Record
from pycemrg_core.api.refs import Ref
from pycemrg_core.errors import DocumentError, PycemrgError
from pycemrg_core.text.structured import load_yaml

if TYPE_CHECKING:
    import cattrs

T = TypeVar("T")


@cache  # it never changes, and making it costs more than most conversions
def _make_converter() -> cattrs.Converter:
    from cattrs.preconf.json import make_converter

    converter = make_converter(forbid_extra_keys=True)
    converter.register_structure_hook(Ref, lambda value, _: Ref(value))
    for exact in (int, float, str, bool):
        converter.register_structure_hook(exact, _exactly)
    converter.register_structure_hook_factory(attrs.has, _mapping_only)
    converter.register_structure_hook_factory(_is_tuple, _list_only)
    structure_step = _mapping_only(RecipeStep, converter)
    converter.register_structure_hook(
        RecipeStep,
        lambda value, kind: RecipeStep(schematic=value) if isinstance(value, str) else structure_step(value, kind),
    )
    return converter


def _mapping_only(kind: Any, converter: cattrs.Converter) -> Any:
    """Reject anything but a mapping: cattrs would fail with a message about missing methods."""
    structure_fields = converter.gen_structure_attrs_fromdict(kind)

    def structure_record(value: Any, kind: Any) -> Any:
        if not isinstance(value, Mapping):
            raise TypeError(f"{value!r} is not a mapping")
        return structure_fields(value, kind)

    return structure_record


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _list_only(kind: Any, converter: cattrs.Converter) -> Any:
    """Reject strings: cattrs would accept one as a tuple of its characters."""
    from cattrs.cols import homogenous_tuple_structure_factory

    structure_items = homogenous_tuple_structure_factory(kind, converter)

    def structure_tuple(value: Any, kind: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            raise TypeError(f"{value!r} is not a list")
        return structure_items(value, kind)

    return structure_tuple


def _exactly(value: Any, kind: Any) -> Any:
    """Reject other types: cattrs would turn 2.7 into the label 2, and 5 into '5', without a word."""
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)  # spreadsheets and other programs write 1.0
    allowed: tuple[type, ...] = (int, float) if kind is float else (kind,)
    if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{value!r} is not {_WORDS[kind]}")
    return kind(value)


_WORDS: Mapping[type, str] = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def from_data(value: Any, kind: type[T], where: str = "") -> T:
    """Build a record or contract from plain data.

    Raises :class:`DocumentError`. Each line of its text ends with the place, as in ``@ steps[2].parameters.LA_WT``.
    """
    import cattrs  # here: a run only writes data, and has no need of it

    converter = _make_converter()
    try:
        return converter.structure(value, kind)
    except cattrs.BaseValidationError as error:
        lines = [_located(line, where) for line in cattrs.transform_error(error, path="$", format_exception=_say)]
        raise DocumentError("; ".join(lines)) from error
    except (PycemrgError, ValueError, TypeError, KeyError) as error:
        raise DocumentError(_located(f"{_say(error, kind)} @ $", where)) from error


def to_data(record: Any) -> Any:
    """A record or contract as plain data, ready for JSON or YAML."""
    if isinstance(record, Ref):
        return record.target
    if attrs.has(type(record)):
        return {field.name: to_data(getattr(record, field.name)) for field in attrs.fields(type(record)) if field.init}
    if isinstance(record, Enum):
        return record.value
    if isinstance(record, Mapping):
        return {to_data(key): to_data(value) for key, value in record.items()}
    if isinstance(record, (list, tuple, Set)):
        return [to_data(value) for value in record]
    return record


def _say(error: BaseException, kind: type | None) -> str:
    import cattrs

    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        known = ", ".join(attribute.name for attribute in attrs.fields(error.cl))
        return f"unknown key {', '.join(sorted(map(repr, error.extra_fields)))} (known: {known})"
    if isinstance(error, KeyError):
        return f"missing key {error}"
    if isinstance(error, (PycemrgError, TypeError)):
        return str(error)
    return cattrs.v.format_exception(error, kind)


def _located(line: str, where: str) -> str:
    text, _, path = line.rpartition(" @ ")
    path = re.sub(r"\['?([^\]']+)'?\]", lambda m: f"[{m[1]}]" if m[1].isdigit() else f".{m[1]}", path)
    path = f"{where}{path.removeprefix('$')}".lstrip(".")
    return f"{text} @ {path}" if path else text


def records_from_yaml(path: Path) -> tuple[Record, ...]:
    """The records of a YAML file. It has a section for each kind that is data, such as ``recipes``, with names as keys.

    Raises :class:`DocumentError` that names the file and the place in it.
    """
    document = load_yaml(path)
    sections = {kind.section: kind.record for kind in KINDS if kind.data}
    if unknown := sorted(str(key) for key in document.keys() - sections.keys()):
        raise DocumentError(f"{path.name}: unknown key {', '.join(unknown)} (known: {', '.join(sections)})")
    records: list[Record] = []
    for section, kind in sections.items():
        entries = document.get(section) or {}
        if not isinstance(entries, dict):
            raise DocumentError(f"{path.name}: {section} must be a mapping of names to definitions @ {section}")
        for name, entry in entries.items():
            where = f"{section}.{name}"
            if not isinstance(entry, dict):
                raise DocumentError(f"{path.name}: must be a mapping @ {where}")
            if entry.get("name", name) != name:
                raise DocumentError(f"{path.name}: two names, {name!r} and {entry['name']!r} @ {where}; remove 'name'")
            try:
                _require_filled(entry, where)
                records.append(from_data({"name": name, **entry}, kind, where))
            except DocumentError as error:
                raise DocumentError(f"{path.name}: {error}") from error
    return tuple(records)


def _require_filled(data: Any, where: str) -> None:
    """Refuse an empty name: it would count as one that is not given. Prose may be empty."""
    inner = data.items() if isinstance(data, Mapping) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inner:
        place = f"{where}[{key}]" if isinstance(data, list) else f"{where}.{key}"
        if value == "" and key not in ("summary", "source", "unit"):
            raise DocumentError(f"the text is empty; give a name, or leave it out @ {place}")
        _require_filled(value, place)
