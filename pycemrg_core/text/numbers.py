"""Numbers in text: decimal digits only. What another program could read as another number is not a number here."""

from __future__ import annotations

import re

DECIMAL = "in decimal digits, such as 10"

_WHOLE = re.compile(r"[+-]?(0|[1-9][0-9]{0,19})(\.0{0,20})?")
_NUMBER = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?")
_LIKE = re.compile(
    r"[+-]?(0[xXoObB][0-9a-fA-F_]*|[0-9][0-9_:.,]*([eE][+-]?[0-9]*)?|\.(inf|nan|[0-9].*))", re.IGNORECASE
)


def whole_number(text: str) -> int | None:
    """The integer that a text is, or None for ``010``, ``1_0``, ``0x10`` too. ``1.0`` is 1: spreadsheets write it."""
    found = _WHOLE.fullmatch(text.strip(" \t"))
    return int(found[0].partition(".")[0]) if found else None


def parse_number(text: str) -> float | None:
    """The number that a text is, or None: decimal digits with a point and an exponent, finite."""
    text = text.strip(" \t")
    value = float(text) if _NUMBER.fullmatch(text) else float("inf")
    return value if abs(value) != float("inf") else None


def like_number(text: str) -> bool:
    """Whether a text looks like a number: then it is no name, even if it is not a number that is read."""
    return _LIKE.fullmatch(text.strip(" \t")) is not None
