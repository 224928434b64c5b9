"""Validation of the parameters of an augmentation, from the type hints of its function.

A parameter hinted ``tuple[float, float]`` is a range [low, high]; one number means that number. ``Bounds`` in
an ``Annotated`` hint limits the numbers. A parameter without a hint takes anything.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
from attrs import frozen

from pycemrg_augment.pipelines.steps import Steps
from pycemrg_core.api import close_to

Range = tuple[float, float]

_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


@frozen
class Bounds:
    """Limits for all numbers of a parameter: from ``low`` to ``high``; ``above`` excludes ``low`` itself."""

    low: float = -math.inf
    high: float = math.inf
    above: bool = False

    def require(self, value: Any) -> None:
        numbers = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else (value,)
        if any(not self.low <= number <= self.high or (self.above and number == self.low) for number in numbers):
            least = f"above {self.low:g}" if self.above else f"at least {self.low:g}"
            limits = " and ".join([least, *([f"at most {self.high:g}"] if self.high < math.inf else [])])
            raise ValueError(f"must be {limits}, not {_shown(value)}")


def draw(rng: np.random.Generator, ends: Range) -> float:
    """Draw a number uniformly from the range."""
    low, high = ends
    return float(low + (high - low) * rng.random())


def structured(
    function: Callable[..., Any], given: Mapping[str, Any], nested: Callable[[Any, str], Any]
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The parameters for a function, and the problems of the given ones as (name, text).

    ``function(sample, rng, **parameters)`` is an augmentation. A problem about missing parameters has the name
    ``""``. ``nested(value, name)`` makes the value of a parameter that is hinted ``Steps``, and reports its problems.
    """
    known = list(inspect.signature(function).parameters.values())[2:]
    names = [one.name for one in known if one.kind is not inspect.Parameter.VAR_KEYWORD]
    anything = len(names) < len(known)
    hints = get_type_hints(function, include_extras=True)
    values: dict[str, Any] = {}
    problems = []
    for name, value in given.items():
        if name not in names and not anything:
            others = f"; it has {', '.join(names)}" if names else "; it has none"
            problems.append((name, f"no such parameter{close_to(name, names) or others}"))
            continue
        try:
            hint = hints.get(name, Any)
            values[name] = nested(value, name) if hint == Steps else _fit(value, hint)
        except ValueError as error:
            problems.append((name, str(error)))
    missing = [one.name for one in known if one.name in names and one.default is one.empty and one.name not in given]
    if missing:
        problems.append(("", f"missing {', '.join(missing)}"))
    return values, problems


def _fit(value: Any, hint: Any) -> Any:
    """The value in the type of the hint, lists as tuples. Raises ``ValueError`` that says what is expected."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin is Annotated:
        fitted = _fit(value, arguments[0])
        for limit in arguments[1:]:
            limit.require(fitted)
        return fitted
    if origin in (Union, UnionType):
        return None if value is None and NoneType in arguments else _fit(value, arguments[0])
    if origin is Literal:
        if value not in arguments:
            raise ValueError(f"must be {' or '.join(map(repr, arguments))}, not {value!r}")
        return value
    if hint == Range:
        return _range(value)
    if origin is dict:
        return _mapping(value, arguments)
    if origin is tuple:
        return _tuple(value, arguments)
    if hint in _WORDS:
        return _plain(value, hint)
    return value


def _plain(value: Any, kind: Any) -> Any:
    allowed: tuple[type, ...] = (int, float) if kind is float else (kind,)
    if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"must be {_WORDS[kind]}, not {_shown(value)}")
    found = kind(value)
    if kind is float and not math.isfinite(found):
        raise ValueError(f"must be a finite number, not {value}")
    return found


def _range(value: Any) -> Range:
    ends = value if isinstance(value, (list, tuple)) else [value, value]
    try:
        low, high = (_plain(end, float) for end in ends)
    except ValueError:
        raise ValueError(f"must be a range [low, high] or a number, not {_shown(value)}") from None
    if low > high:
        raise ValueError(f"must be a range [low, high] with low <= high, not {_shown(value)}")
    return low, high


def _tuple(value: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    open_ended = arguments[-1] is Ellipsis
    if not isinstance(value, (list, tuple)) or (not open_ended and len(value) != len(arguments)):
        count = "" if open_ended else f" of {len(arguments)}"
        raise ValueError(f"must be a list{count}, not {_shown(value)}")
    kinds = [arguments[0]] * len(value) if open_ended else list(arguments)
    return tuple(_fit(one, kind) for one, kind in zip(value, kinds, strict=True))


def _mapping(value: Any, arguments: tuple[Any, ...]) -> dict[Any, Any]:
    if not isinstance(value, Mapping) or not value:
        raise ValueError(f"must be a mapping, such as {{1: 2.0, 2: 1.0}}, not {_shown(value)}")
    # JSON has only texts as keys.
    keys = [int(key) if isinstance(key, str) and key.lstrip("-").isdigit() else key for key in value]
    return {_fit(key, arguments[0]): _fit(one, arguments[1]) for key, one in zip(keys, value.values(), strict=True)}


def _shown(value: Any) -> str:
    return repr(list(value) if isinstance(value, tuple) else value)[:80]
