"""What a user asks of a fusion, checked against what the sources have."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from numbers import Real
from typing import Any

from attrs import field, frozen

from pycemrg_core import Catalogue
from pycemrg_core.api import LabelError, PlanError, Structure, close_to, names_in
from schematics_builtin.fusing.choices import APPENDAGE, FROM, PULMONARY, VEINS, Choices
from schematics_builtin.fusing.doubts import DOUBTS, unknown_doubts
from schematics_builtin.fusing.sources import Grid, Source

_TITLE = "the choices do not fit:"
_MARGIN_MM = 10.0


def choices_of(
    sources: Sequence[Source], given: Sequence[str], catalogue: Catalogue, asked: Mapping[str, Any]
) -> Choices:
    """The choices for a fusion. ``given`` are the sources as the user wrote them, ``asked`` the arguments of ``fuse``.

    Raises :class:`LabelError` for names that are unknown, and :class:`PlanError` with everything that does not fit.
    """
    return _Asking(sources, given, _Names(catalogue), asked).choices()


@frozen(eq=False)
class _Asking:
    """Reads the arguments, one after the other, and collects what does not fit."""

    sources: Sequence[Source]
    given: Sequence[str]
    names: _Names
    asked: Mapping[str, Any]
    problems: list[str] = field(factory=list)

    def choices(self) -> Choices:
        """All choices. Raises :class:`PlanError`."""
        asked, names = self.asked, self.names
        crops = self._crops()
        joins = self._joins()
        choices = Choices(
            grid=asked["grid"],
            spacing_mm=None if asked["spacing"] is None else self._length("spacing", asked["spacing"]),
            prefer=self._prefer(),
            over=self._over(),
            roots=names.roots,
            crops={**names.crops, **crops},
            joins=(*names.joins, *joins),
            margin_mm=_MARGIN_MM if asked["margin"] is None else self._length("margin", asked["margin"]),
            veins=asked["veins"],
            accept=self._accepted(),
            asked_crops=tuple(crops),
            asked_joins=tuple(joins),
        )
        self._require(choices)
        if self.problems:
            raise PlanError(_TITLE, self.problems)
        return choices

    def _require(self, choices: Choices) -> None:
        """What does not go together, or has no effect."""
        problems, there = self.problems, {name for one in self.sources for name in one.masks}
        if choices.veins not in FROM:
            problems.append(f"veins is {choices.veins!r}; give one of {', '.join(FROM)}")
        if choices.veins == "atrium" and (split := sorted(there.intersection((VEINS, *PULMONARY)))):
            problems.append(f"veins is 'atrium', but a source has {_short(split[0])}; leave it out")
        if not (choices.grid is None or isinstance(choices.grid, Grid)):
            problems.append(f"grid is {choices.grid!r:.60}; give an image file, or its Grid")
        if choices.grid is not None and choices.spacing_mm is not None:
            problems.append("both a grid and a spacing are given; give one of them")
        if choices.grid is not None and self.asked["margin"] is not None:
            problems.append("both a grid and a margin are given; give one of them")
        if choices.spacing_mm is not None and not 0.1 <= choices.spacing_mm <= 10:
            problems.append(f"spacing is {choices.spacing_mm:g} mm; give one from 0.1 to 10 mm")
        if choices.margin_mm > 200:
            problems.append(f"margin is {choices.margin_mm:g} mm; give one up to 200 mm")
        problems += unknown_doubts(choices.accept, DOUBTS, "fuse")

    def _there(self, name: str) -> bool:
        """Whether a structure is in a source, or can be found in one."""
        there = {name for one in self.sources for name in one.masks}
        atrium = self.asked["veins"] == "atrium"
        found = (*PULMONARY, APPENDAGE) if atrium else PULMONARY if VEINS in there else ()
        return name in there or name in found

    def _prefer(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for text, file in self._mapping("prefer", "the source of a structure, as in {'aorta': 'total.nii.gz'}"):
            name, source = self.names(text), _source(str(file), self.sources, self.given)
            if name in found:
                self.problems.append(f"the source of {_short(name)} is given twice; give it once")
            elif name not in source.masks:
                self.problems.append(f"{source.name} has no {_short(name)}, so it cannot come from there")
            found[name] = source.name
        return found

    def _crops(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for text, mm in self._mapping("crops", "the length of a vessel in mm, as in {'aorta': 50}"):
            name = self.names.vessel(text)
            if name in found:
                self.problems.append(f"the length of {_short(name)} is given twice; give it once")
            elif not self._there(name):
                self.problems.append(f"no source has {_short(name)}, so it cannot be cut")
            found[name] = self._length(text, mm)
        if VEINS in found:
            found = {**dict.fromkeys(PULMONARY, found[VEINS]), **found}
        return found

    def _over(self) -> tuple[tuple[str, str], ...]:
        found: list[tuple[str, str]] = []
        for a, b in self._pairs("over", ">"):
            pair = f"{_short(a)}>{_short(b)}"
            if (a, b) in found:
                self.problems.append(f"{pair} is given twice; give it once")
            elif (b, a) in found:
                self.problems.append(f"{pair} contradicts {_short(b)}>{_short(a)}; give one of them")
            found.append((a, b))
        return tuple(found)

    def _joins(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for a, b in self._pairs("joins", "-"):
            if (a, b) in found or (b, a) in found:
                self.problems.append(f"{_short(a)}-{_short(b)} is given twice; give it once")
            elif (a, b) in self.names.joins or (b, a) in self.names.joins:
                self.problems.append(f"{_short(a)}-{_short(b)} is joined anyway; leave it out")
            found.append((a, b))
        return found

    def _pairs(self, option: str, sign: str) -> list[tuple[str, str]]:
        """Pairs of two structures that are in the sources."""
        given, example = self.asked[option], f"pairs of two structures, as in [('LAA', 'LA')] for LAA{sign}LA"
        if isinstance(given, str) or not isinstance(given, Iterable):
            self.problems.append(f"{option} is {given!r:.60}; give {example}")
            return []
        found = []
        for one in given:
            if isinstance(one, str) or not isinstance(one, Sequence) or len(one) != 2:
                self.problems.append(f"{option} has {one!r:.60}; give {example}")
                continue
            a, b = (self.names(name) for name in one)
            if a == b:
                self.problems.append(f"{_short(a)}{sign}{_short(b)} names one structure twice; give two structures")
            for name in dict.fromkeys((a, b)):
                if not self._there(name):
                    self.problems.append(f"{_short(a)}{sign}{_short(b)}: no source has {_short(name)}")
            found.append((a, b))
        return found

    def _mapping(self, option: str, example: str) -> Iterable[tuple[str, Any]]:
        given = self.asked[option]
        if given is None or isinstance(given, Mapping):
            return (given or {}).items()
        self.problems.append(f"{option} is {given!r:.60}; give {example}")
        return ()

    def _accepted(self) -> tuple[str, ...]:
        given = self.asked["accept"]
        if isinstance(given, str):
            return (given,)
        found = tuple(given) if isinstance(given, Iterable) else (None,)
        if all(isinstance(one, str) for one in found):
            return found
        self.problems.append(f"accept is {given!r:.60}; give the names of doubts")
        return ()

    def _length(self, name: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, Real) or not isfinite(value) or value < 0:
            self.problems.append(f"{name} is {value!r}; give a length in mm")
            return 1.0
        return float(value)


class _Names:
    """The structures of a catalogue: which one a name means, and what belongs together."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._names = names_in(catalogue)
        self._structures = {one.name: one.record for one in catalogue.all(Structure)}
        vessels = {name: one for name, one in self._structures.items() if one.root}
        self.roots = {name: one.root for name, one in vessels.items()}
        self.crops = {name: one.crop_mm for name, one in vessels.items() if one.crop_mm}
        self.joins = tuple((name, other) for name, one in self._structures.items() for other in one.joins)

    def __call__(self, name: object) -> str:
        """The canonical name. Raises :class:`LabelError` for what is no known structure."""
        found = self._names.canonical(name) if isinstance(name, str) else ""
        if found not in self._structures:
            close = self._names.close(name) if isinstance(name, str) else ""
            raise LabelError(f"no structure is called {name!r}{close}; see pycemrg list-structures")
        return found

    def vessel(self, name: object) -> str:
        """The canonical name of a vessel that can be cut along its length."""
        found = self(name)
        if found not in self.roots:
            vessels = ", ".join(one.removesuffix("_label") for one in self.roots)
            raise LabelError(f"{name!r} has no chamber that it comes from, so no length along it (known: {vessels})")
        return found


def _source(text: str, sources: Sequence[Source], given: Sequence[str]) -> Source:
    """The source that the user means: as it was given, by its name in messages, or else by the name of its file."""
    pairs = list(zip(sources, given, strict=True))
    found = [one for one, path in pairs if text in (one.name, path, without_scheme_in(path))]
    found = found or [one for one, path in pairs if text == os.path.basename(without_scheme_in(path))]
    found = found or [one for one, path in pairs if os.path.realpath(text) == os.path.realpath(without_scheme_in(path))]
    if len(found) == 1:
        return found[0]
    known = [one.name for one in sources]
    if found:
        raise LabelError(f"{text!r} is the name of several sources; give one of {', '.join(known)}")
    raise LabelError(f"no source is called {text!r}{close_to(text, known)} (known: {', '.join(known)})")


def without_scheme_in(name: str) -> str:
    """A name without the label scheme after it."""
    return name.rpartition("@")[0] or name


def _short(name: str) -> str:
    return name.removesuffix("_label")
