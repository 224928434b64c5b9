"""Read and write YAML and JSON. Every message names the file, and the line if there is one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from pycemrg_core.errors import DocumentError
from pycemrg_core.text.files import MOST_BYTES, name_of, read_text

Path = str | os.PathLike[str]


def load_json(path: Path, what: str = "a configuration file", most: int = MOST_BYTES) -> dict[str, Any]:
    """Read a JSON file that holds a mapping.

    Raises :class:`DocumentError` naming the file (and line) when it is missing, no ordinary file, over ``most`` bytes,
    not JSON, or holds anything else, a key twice, or NaN.
    """
    loaded = parse_json(read_text(path, what, most), path)
    if not isinstance(loaded, dict):
        raise DocumentError(f"{name_of(path)}: not a JSON object, which begins with '{{'; give another file")
    return loaded


def parse_json(text: str, path: Path) -> Any:
    """The data of a JSON text. Raises :class:`DocumentError` naming ``path``."""
    try:
        return json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refused, parse_float=_finite, parse_int=_whole
        )
    except json.JSONDecodeError as error:
        raise DocumentError(f"{name_of(path)}, line {error.lineno}: not valid JSON: {error.msg}") from error
    except ValueError as error:
        raise DocumentError(f"{name_of(path)}: not valid JSON: {error}") from error
    except RecursionError:
        raise DocumentError(f"{name_of(path)}: not valid JSON: nested too deeply") from None


def load_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping. ``010``, ``0x10``, ``1:30``, ``no`` and dates are text there.

    Raises :class:`DocumentError` naming the file (and line) when it is missing, no ordinary file, over 1 MB, not YAML,
    or holds anything else, aliases, tags, or a key twice.
    """
    return _mapping(path, parse_yaml(read_text(path), path))


def load_yaml_list(path: Path) -> list[Any]:
    """Read a YAML file that holds a list. Raises the same errors as :func:`load_yaml`."""
    loaded = parse_yaml(read_text(path), path)
    if not isinstance(loaded, list):
        raise DocumentError(f"{name_of(path)}: not a list; write one item per line, each after '- '")
    return loaded


def parse_yaml(text: str, path: Path) -> Any:
    """The data of a YAML text. Raises :class:`DocumentError` naming ``path``."""
    import yaml  # here: most commands read no YAML

    from pycemrg_core.text.yaml_loader import Loader

    name = name_of(path)
    try:
        return yaml.load(text, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise DocumentError(f"{name}{line}: not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise DocumentError(f"{name}: not valid YAML: {' '.join(str(error).split())}") from error
    except RecursionError:
        raise DocumentError(f"{name}: not valid YAML: nested too deeply") from None


def as_yaml(data: Any) -> str:
    """Plain data as the text of a YAML file. The order of keys is kept.

    A text that YAML 1.1 would read as something else, such as ``no``, is quoted: other programs read the same.
    """
    import yaml

    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def wrong_places(data: Any, shape: Any, where: str = "") -> Iterator[str]:
    """The places in ``data``, such as ``steps[2].name``, that are missing or have another type than in ``shape``.

    A shape is a type; a list with the shape of its items; a mapping of keys to shapes, where a key with ``?`` before it
    can be missing and ``*`` stands for every key; or a tuple of shapes, one of which fits. None is null. An int is a
    float too, a bool is neither. Other keys are not looked at.
    """
    kind: Any = shape if isinstance(shape, type) else type(shape)
    fits = isinstance(data, (int, float) if kind is float else kind) and (kind is bool or not isinstance(data, bool))
    if kind is tuple:
        problems = [list(wrong_places(data, one, where)) for one in shape]
        yield from min(problems, key=len)
    elif not fits:
        yield f"{where or 'it'} is not {_WORDS[kind]}"
    elif isinstance(shape, Mapping):
        for key, inner in (dict.fromkeys(data, shape["*"]) if "*" in shape else shape).items():
            name = key.removeprefix("?")
            place = f"{where}.{name}".lstrip(".")
            if name in data:
                yield from wrong_places(data[name], inner, place)
            elif name == key:
                yield f"no {place}"
    elif isinstance(shape, list):
        for index, one in enumerate(data):
            yield from wrong_places(one, shape[0], f"{where}[{index}]")


_WORDS: dict[type, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a mapping",
    type(None): "null",
}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key {key!r} is given twice")
        found[key] = value
    return found


def _finite(text: str) -> float:
    value = float(text)
    return value if abs(value) != float("inf") else _refused(text[:20])


def _whole(text: str) -> int:
    if len(text) > 300:  # a float has as many
        raise ValueError(f"{text[:20]}... has {len(text):,} digits")
    return int(text)


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")


def _mapping(path: Path, loaded: Any) -> dict[str, Any]:
    if not isinstance(loaded, dict):
        raise DocumentError(f"{name_of(path)}: not a mapping; write lines of the form 'name: value'")
    return loaded
