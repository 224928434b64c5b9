"""What can be doubtful about the parts of a heart, by the names under which it is accepted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pycemrg_core.api import close_to
from schematics_builtin.fusing.plugin import VEIN_DOUBTS

DOUBTS = (
    *("inverted-mask", "implausible-size", "different-scans", "unchecked-alignment"),
    *("exchanged-labels", "anatomy", "wrong-root", "lost-structure", "cut-by-grid"),
    *VEIN_DOUBTS,
)
"""All of them."""


def unknown_doubts(accept: Iterable[str], known: Sequence[str], who: str) -> Iterator[str]:
    """What is wrong with doubts to be accepted that ``who`` does not have."""
    for name in accept:
        if name not in known:
            yield f"{who} has no doubt {name!r}{close_to(name, known)} (known: {', '.join(known)})"
