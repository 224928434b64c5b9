"""Names: the structure that one means, by its canonical name or a spelling of it, and names that are close to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

LIKELY = 0.85
"""So close to a known name that it is a misspelling."""


@lru_cache(maxsize=4096)  # every plan asks for the same names
def _key(name: str) -> str:
    """A name without what does not matter in a spelling: case, spaces, punctuation, and ``label`` at its end."""
    return re.sub(r"[\W_]+", "", name.casefold()).removesuffix("label")


def close_to(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """``"; did you mean 'x' or 'y'?"``, or nothing when no known name is close."""
    import difflib  # only a mistake needs it

    matches = difflib.get_close_matches(name, sorted(known), n=3, cutoff=cutoff)
    return f"; did you mean {' or '.join(repr(match) for match in matches)}?" if matches else ""


def _wordless(name: str) -> str:
    return re.sub(r"\d", "", name)


class Names(NamedTuple):
    """The names of labels, and what else they are called; see :func:`pycemrg_core.images.structures.names_in`."""

    known: frozenset[str]
    spelt: Mapping[str, frozenset[str]]
    own: frozenset[str]

    @classmethod
    def of(cls, own: Iterable[str], spellings: Iterable[tuple[str, str]], others: Iterable[str] = ()) -> Names:
        """``spellings`` are pairs of a spelling and the name that it means; a name of one's ``own`` wins over it.

        ``others`` are known too, but a spelling wins over them: what an unrelated plugin calls a label changes nothing.
        """
        own = frozenset(own)
        known = own.union(others)
        levels: tuple[dict[str, set[str]], ...] = ({}, {}, {})
        for level, pairs in zip(levels, (((n, n) for n in known), spellings, ((n, n) for n in own)), strict=True):
            for spelling, name in pairs:
                level.setdefault(_key(spelling), set()).add(name)
        spelt = {**levels[0], **levels[1], **levels[2]}
        return cls(known, {key: frozenset(names) for key, names in spelt.items()}, own)

    def canonical(self, name: str) -> str:
        """The canonical name; the name itself if it is unknown, or means several structures."""
        meant = () if name in self.own else self.spelt.get(_key(name), ())
        return next(iter(meant)) if len(meant) == 1 else name

    def close(self, name: str) -> str:
        """``"; did you mean 'x'?"``, or nothing when no known name is close."""
        if len(meant := self.spelt.get(_key(name), ())) > 1:
            return f"; did you mean {' or '.join(map(repr, sorted(meant)))}?"
        return next(
            filter(None, (close_to(name, those, by) for by in (LIKELY, 0.6) for those in (self.known, self._short))),
            "",
        )

    def is_misspelt(self, name: str) -> bool:
        """Whether an unknown name is likely to be a known one, or means several.

        ``LPV3`` beside ``LPV1`` is another structure.
        """
        if len(self.spelt.get(_key(name), ())) > 1:
            return True
        likely = [one for one in (*self.known, *self._short) if close_to(name, [one], cutoff=LIKELY)]
        return bool(likely) and not any(_wordless(one) == _wordless(name) for one in likely)

    @property
    def _short(self) -> list[str]:
        return [name.removesuffix("_label") for name in self.known]
