"""Which pulmonary vein is which, from where each begins on the left atrium, in the heart's own frame."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import combinations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_core.api import Doubt, Ints, LabelVolume
from schematics_builtin.fusing.appendage import without_narrow
from schematics_builtin.fusing.frame import HeartFrame
from schematics_builtin.fusing.trunks import Piece, branches, merged, trunks

Floats = NDArray[np.float64]

# Where a vein begins, as (left, back, up) from the middle of the left atrium with its appendage, in units of the mean
# of the standard deviations of the atrium's voxels along these axes (11 to 14 mm): the mean of seven hearts of the
# cohort of Rodero et al. 2021, of which none is farther away than 0.5.
_PLACES = {
    "LPV1_label": (1.38, 0.10, 2.21),
    "LPV2_label": (1.68, 1.18, 0.85),
    "RPV1_label": (-2.48, -0.63, 1.44),
    "RPV2_label": (-2.68, 0.90, 0.09),
    "LAA_label": (2.02, -0.79, 1.20),
}
PULMONARY = ("LPV1_label", "LPV2_label", "RPV1_label", "RPV2_label")
SIDES = {"left": PULMONARY[:2], "right": PULMONARY[2:]}
APPENDAGE = "LAA_label"
_BETWEEN = -0.5  # left of it begin the left veins
APART = 0.45
"""Two veins of a side begin at least so far apart, as a part of the distance of their usual places."""
FARTHEST = 1.7
"""A vein begins at most so far from its usual place, in the units of those places; 1.4 is the most that was seen."""
IN_FRONT_MM = 3.0
"""The upper vein begins at least so far in front of the lower one."""
DEEPEST_MM = 10.0
"""A trunk divides at most so deep."""
ONE_MOUTH_MM = 9.0
"""Pieces that begin so near to each other are one vein, whose mouth is in pieces; up to 7 mm was seen."""
WIDEST_MM2 = 800.0
"""A mouth is at most so large."""


BALLS_MM = (8.0, 9.0, 10.0, 11.0)
"""The radii of balls that enter the atrium, but no vein: the first one by which all veins are found."""


@frozen(eq=False)
class Vein:
    """A vein that was found: its structure's name, its voxels, and how it was found.

    ``confidence`` is 0 if it begins as near to another vein's usual place as to its own, and 1 if it is at its own.
    ``method`` is ``mouth`` if it has a mouth of its own, ``branch`` if it is a part of a common trunk, which divides
    ``division_mm`` from the atrium.
    """

    name: str
    places: Ints
    volume_ml: float
    length_mm: float
    mouth_mm2: float
    division_mm: float
    method: str
    confidence: float


@frozen(eq=False)
class Split:
    """The veins that were found, what is doubtful about them, and what else the user should know."""

    veins: tuple[Vein, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    notes: tuple[str, ...] = ()


def split_label(
    volume: LabelVolume, veins: int, atrium: Iterable[int], frame: HeartFrame, accepted: Collection[str] = ()
) -> Split:
    """Divide the one label ``veins`` into the four pulmonary veins.

    ``atrium`` is the label of the left atrium, and of its appendage if that has a label. With the doubt
    ``deep-division`` in ``accepted``, a vein that divides deep is a common trunk.
    """
    atrium = tuple(atrium)
    site = _Site.of(volume, atrium, frame)
    return _named(volume, trunks(volume, veins, atrium[0]), site, accepted)


def split_atrium(
    volume: LabelVolume, atrium: int, appendage: int | None, frame: HeartFrame, accepted: Collection[str] = ()
) -> Split:
    """Find the four pulmonary veins in the label of the left atrium, and the appendage if it has no label of its own.

    They are what a ball cannot enter: the smallest ball of 8 to 11 mm by which all are found, and else the one by which
    most are.
    """
    site = _Site.of(volume, (atrium,) if appendage is None else (atrium, appendage), frame)
    best = Split()
    for radius in BALLS_MM:
        opened, veins = without_narrow(volume, atrium, radius)
        pieces = [part for piece in trunks(opened, veins, atrium) for part in _shallow_parts(opened, piece)]
        found = _named(opened, pieces, site, accepted, appendage=appendage is None)
        if not found.doubts:
            return found
        best = max(best, found, key=lambda one: len(one.veins))
    return best


def _shallow_parts(volume: LabelVolume, piece: Piece) -> list[Piece]:
    """A piece, or its branches if it divides near the atrium: veins and appendage can begin on one ridge."""
    parts = branches(volume, piece)
    if len(parts) < 2 or parts[0].division_mm > DEEPEST_MM:
        return [piece]
    return [one for part in parts for one in _shallow_parts(volume, part)]


def _named(
    volume: LabelVolume, found: list[Piece], site: _Site, accepted: Collection[str], *, appendage: bool = False
) -> Split:
    """Name pieces, and say what is doubtful. ``appendage``: it may be one of them."""
    veins: list[Vein] = []
    doubts: list[Doubt] = []
    notes: list[str] = []
    for side, names in SIDES.items():
        here = [piece for piece in found if (site.at(piece)[0] > _BETWEEN) == (side == "left")]
        one_side = _Side(volume, site, side, names, doubts, notes, frozenset(accepted), appendage)
        veins += one_side.named(here)
    return Split(tuple(veins), tuple(dict.fromkeys(doubts)), tuple(notes))


@frozen(eq=False)
class _Site:
    """The left atrium: its middle, and the unit of length of its hearts' usual places."""

    volume: LabelVolume
    frame: HeartFrame
    middle: Floats
    unit_mm: float

    @classmethod
    def of(cls, volume: LabelVolume, atrium: tuple[int, ...], frame: HeartFrame) -> _Site:
        region = volume.region(atrium)
        places = np.argwhere(volume.mask(atrium, region)) + [axis.start for axis in region]
        points = frame.own(volume.points_mm(places))
        return cls(volume, frame, points.mean(axis=0), float(points.std(axis=0).mean()))

    def at(self, piece: Piece) -> Floats:
        """Where a piece begins, in the units of the usual places."""
        point = self.frame.own(self.volume.points_mm(piece.start[None]))[0]
        found: Floats = (point - self.middle) / self.unit_mm
        return found


def _short(name: str) -> str:
    return name.removesuffix("_label")


@frozen(eq=False)
class _Side:
    """One side of the atrium, with the list of doubts to which it adds its own."""

    volume: LabelVolume
    site: _Site
    side: str
    names: tuple[str, ...]
    doubts: list[Doubt]
    notes: list[str]
    accepted: frozenset[str]
    appendage: bool

    def named(self, found: list[Piece]) -> list[Vein]:
        """The upper and the lower vein of this side."""
        for piece in found:
            if piece.mouth_mm2 > WIDEST_MM2:
                self._doubt(
                    "wide-mouth",
                    f"a vein on the {self.side} side opens into the atrium by {piece.mouth_mm2:.0f} mm2, more than"
                    f" {WIDEST_MM2:.0f} mm2: it may hold a part of the atrium",
                )
        found, appendages = self._without_appendage(found)
        return [*self._pair(found), *(self._vein(APPENDAGE, piece) for piece in appendages)]

    def _pair(self, found: list[Piece]) -> list[Vein]:
        deep = ""
        if len(found) == 1:
            found, deep = self._divided(found[0])
        if len(found) > 2:
            found = self._two_of(found)
        if len(found) < 2:
            what = f"there is {'one' if found else 'no'} vein on the {self.side} side of the atrium"
            self._doubt("missing-vein", f"{what}, two were expected{deep}")
            return [self._vein(self._nearer(piece), piece) for piece in found]
        upper, lower = sorted(found, key=self._height)
        self._compare(upper, lower)
        return [self._vein(name, piece) for name, piece in zip(self.names, (upper, lower), strict=True)]

    def _doubt(self, name: str, text: str) -> None:
        self.doubts.append(Doubt(name, text))

    def _without_appendage(self, found: list[Piece]) -> tuple[list[Piece], list[Piece]]:
        """The veins, and the piece that begins where the appendage does; it is a doubt if it should not be here."""
        if self.side == "right":
            return found, []
        places = np.array([_PLACES[name] for name in (*self.names, APPENDAGE)])
        like = [piece for piece in found if np.linalg.norm(places - self.site.at(piece), axis=1).argmin() == 2]
        if self.appendage and len(like) == 1:
            return [piece for piece in found if piece is not like[0]], like
        for piece in like:
            self._doubt(
                "appendage-among-veins",
                f"a piece of {piece.volume_ml:.1f} mL among the left veins begins in front of them, where the appendage"
                " does",
            )
        return [piece for piece in found if piece not in like], []

    def _divided(self, trunk: Piece) -> tuple[list[Piece], str]:
        """The parts of a common trunk; the trunk alone, and why, if it has none that lie as two veins do."""
        parts = branches(self.volume, trunk)
        if len(parts) > 2:
            parts = self._two_of(parts)
        if len(parts) < 2 or abs(self._height(parts[0]) - self._height(parts[1])) < APART:
            return [trunk], ""
        depth = parts[0].division_mm
        if depth > DEEPEST_MM:
            deep = f"it divides only {depth:.1f} mm from the atrium, deeper than {DEEPEST_MM:.0f} mm"
            if "deep-division" not in self.accepted:
                return [trunk], f" ({deep}; if its branches are the two veins, --accept deep-division instead)"
            self._doubt("deep-division", f"there is one vein on the {self.side} side, and {deep}")
        self.notes.append(f"the {self.side} veins have a common trunk, which divides {depth:.1f} mm from the atrium")
        return parts, ""

    def _two_of(self, found: list[Piece]) -> list[Piece]:
        """Join the pieces that begin nearest to each other, until two are left."""
        while len(found) > 2:
            pairs = list(combinations(found, 2))
            a, b = min(pairs, key=lambda pair: self._apart(*pair))
            if self._apart(a, b) > ONE_MOUTH_MM and not a.division_mm:
                self._doubt(
                    "three-veins",
                    f"{len(found)} veins open on the {self.side} side of the atrium, two were expected; if you accept"
                    f" it, two that begin {self._apart(a, b):.0f} mm apart are counted as one",
                )
            self.notes.append(
                f"the {self.side} side has {len(found)} veins; two that begin {self._apart(a, b):.0f} mm apart"
                f" ({a.volume_ml:.1f} and {b.volume_ml:.1f} mL) are counted as one"
            )
            found = [*(one for one in found if one is not a and one is not b), merged(self.volume, a, b)]
        return found

    def _apart(self, a: Piece, b: Piece) -> float:
        return float(np.linalg.norm(self.site.at(a) - self.site.at(b)) * self.site.unit_mm)

    def _height(self, piece: Piece) -> float:
        """0 at the usual place of the upper vein, 1 at that of the lower one."""
        upper, lower = (np.array(_PLACES[name]) for name in self.names)
        line = lower - upper
        return float((self.site.at(piece) - upper) @ line / (line @ line))

    def _nearer(self, piece: Piece) -> str:
        return self.names[int(self._height(piece) > 0.5)]

    def _compare(self, upper: Piece, lower: Piece) -> None:
        """Doubt two veins that do not lie to each other as an upper and a lower vein do."""
        high, low = self._height(upper), self._height(lower)
        apart = self.site.at(lower) - self.site.at(upper)
        behind = float(apart[1] * self.site.unit_mm)
        if low - high < APART:
            self._doubt(
                "vein-order",
                f"the two {self.side} veins begin {self._apart(upper, lower):.0f} mm apart, too near for an upper and a"
                " lower vein: they may be branches of one",
            )
        elif behind < IN_FRONT_MM:
            self._doubt(
                "vein-order",
                f"the upper {self.side} vein begins {behind:.0f} mm in front of the lower one; at least"
                f" {IN_FRONT_MM:.0f} mm were expected",
            )
        elif apart[2] > 0 or high > 0.6 or low < 0.4:
            self._doubt(
                "vein-order",
                f"the {self.side} veins do not begin where an upper and a lower vein do: one of them may be missing, or"
                " another structure be counted as a vein",
            )

    def _vein(self, name: str, piece: Piece) -> Vein:
        place = self.site.at(piece)
        if name != APPENDAGE and np.linalg.norm(place - _PLACES[name]) > FARTHEST:
            self._doubt(
                "vein-order", f"{_short(name)} does not begin where it usually does: it may be another structure"
            )
        away = {one: float(np.linalg.norm(place - at)) for one, at in _PLACES.items()}
        other = min(mm for one, mm in away.items() if one != name)
        return Vein(
            name=name,
            places=piece.places,
            volume_ml=round(piece.volume_ml, 3),
            length_mm=round(piece.length_mm, 1),
            mouth_mm2=round(piece.mouth_mm2, 1),
            division_mm=round(piece.division_mm, 2),
            method="branch" if piece.division_mm else "mouth",
            confidence=round(max(0.0, 1 - away[name] / max(other, 1e-9)), 2),
        )
