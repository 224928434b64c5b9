"""Convert records and contracts to and from YAML and JSON. Errors say where in the document they are."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_origin

import attrs
import cattrs
import yaml
from cattrs.cols import homogenous_tuple_structure_factory
from cattrs.preconf.json import make_converter

from pycemrg_core.api.kinds import KINDS
from pycemrg_core.api.records import RecipeStep, Record
from pycemrg_core.api.refs import Ref
from pycemrg_core.errors import DocumentError, PycemrgError

T = TypeVar("T")

_MOST_BYTES = 1_000_000


@cache  # it never changes, and making it costs more than most conversions
def _make_converter() -> cattrs.Converter:
    converter = make_converter(forbid_extra_keys=True)
    converter.register_structure_hook(Ref, lambda value, _: Ref(value))
    converter.register_unstructure_hook(Ref, lambda ref: ref.target)
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
    structure_items = homogenous_tuple_structure_factory(kind, converter)

    def structure_tuple(value: Any, kind: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            raise TypeError(f"{value!r} is not a list")
        return structure_items(value, kind)

    return structure_tuple


def _exactly(value: Any, kind: Any) -> Any:
    """Reject other types: cattrs would turn 2.7 into the label 2, and 5 into '5', without a word."""
    allowed: tuple[type, ...] = (int, float) if kind is float else (kind,)
    if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{value!r} is not {_WORDS[kind]}")
    return kind(value)


_WORDS: Mapping[type, str] = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def from_data(value: Any, kind: type[T], where: str = "") -> T:
    """Build a record or contract from plain data.

    Raises :class:`DocumentError`. Each line of its text ends with the place, as in ``@ steps[2].parameters.LA_WT``.
    """
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
    return _make_converter().unstructure(record)


def _say(error: BaseException, kind: type | None) -> str:
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


class _Loader(yaml.SafeLoader):
    """Plain YAML. Aliases are refused, because they can make a small file huge; duplicate keys too."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases are not allowed", problem_mark=event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        first: dict[Any, Any] = {}
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable):  # the call below refuses any other key
                if key in first:
                    raise yaml.MarkedYAMLError(problem=f"key {key!r} is given twice", problem_mark=first[key])
                first[key] = key_node.start_mark
        return super().construct_mapping(node, deep)


def load_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds a mapping.

    Raises :class:`DocumentError` naming the file (and line) when it is missing, over 1 MB, not JSON, or holds
    anything else, or a key twice.
    """
    text = read_text(path)
    try:
        loaded = json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise DocumentError(f"{path}, line {error.lineno}: not valid JSON: {error.msg}") from error
    except ValueError as error:
        raise DocumentError(f"{path}: not valid JSON: {error}") from error
    except RecursionError:
        raise DocumentError(f"{path}: not valid JSON: nested too deeply") from None
    return _mapping(path, loaded)


def load_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises :class:`DocumentError` naming the file (and line) when it is missing, over 1 MB, not YAML, or holds
    anything else, aliases, or a key twice.
    """
    return _mapping(path, _yaml(path))


def load_yaml_list(path: Path) -> list[Any]:
    """Read a YAML file that holds a list. Raises the same errors as :func:`load_yaml`."""
    loaded = _yaml(path)
    if not isinstance(loaded, list):
        raise DocumentError(f"{path}: not a list; write one item per line, each after '- '")
    return loaded


def as_yaml(data: Any) -> str:
    """Plain data as the text of a YAML file. The order of keys is kept."""
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def _yaml(path: Path) -> Any:
    text = read_text(path)
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise DocumentError(f"{path}{line}: not valid YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise DocumentError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    except RecursionError:
        raise DocumentError(f"{path}: not valid YAML: nested too deeply") from None


def read_text(path: Path, what: str = "a configuration file") -> str:
    """The text of a small UTF-8 file, with or without a byte-order mark. ``what`` says what it should be.

    Raises :class:`DocumentError` naming the file when it is missing, over 1 MB, or not text.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DocumentError(f"{path}: larger than {_MOST_BYTES:,} bytes; give {what}")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DocumentError(f"{path}: no such file; check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{path}: cannot read it as text: {error}; save it as UTF-8") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key {key!r} is given twice")
        found[key] = value
    return found


def _mapping(path: Path, loaded: Any) -> dict[str, Any]:
    if not isinstance(loaded, dict):
        raise DocumentError(f"{path}: not a mapping; write lines of the form 'name: value'")
    return loaded


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
                records.append(from_data({"name": name, **entry}, kind, where))
            except DocumentError as error:
                raise DocumentError(f"{path.name}: {error}") from error
    return tuple(records)
