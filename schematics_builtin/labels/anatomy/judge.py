"""Find out which structures the integers of a label map mean, from the anatomy and never from the integers alone.

A *reading* maps structure names to integers. ``judge`` evaluates one reading, ``rank`` compares known schemes,
``contradicts`` says that a reading is impossible, and ``suggest`` finds a reading when no scheme is known. The
table in ``rules`` says what is expected of a heart; its points are log-odds and are added. A reading is accepted
only if no exchange of its integers explains the image nearly as well: the set of integers alone proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Literal

import numpy as np
from attrs import frozen

from pycemrg_core.api import Shown, html_table
from schematics_builtin.labels.anatomy.rules import CORE, MAIN, MIRRORS, Rule
from schematics_builtin.labels.anatomy.scoring import Ints, Scorer
from schematics_builtin.labels.measuring import Facts

_MADE = ("_plane_label", "_ring_label")

ENOUGH = 6.0
"""The minimum points of an accepted reading: two structures are not enough, three can be."""
FIT = 0.85
"""The minimum share of its possible points that an accepted reading has."""
MARGIN = 2.0
"""The minimum lead in points of an accepted reading over other schemes and over exchanges of its own integers."""
MARGIN_SMALL = 0.5
"""The same if only veins, valves, planes and rings change; up to MARGIN they are listed as unsure."""
OUTSIDE = 2.0
"""Points subtracted for an exchange that adds a chamber or vessel missing in the reading."""
MOST = 40
"""The number of labels that ``suggest`` looks at: for a whole body, a search over all pairs would take minutes."""

CRUMB_ML = 0.02
"""A label smaller than this is a few stray voxels, and no structure is suggested for it."""
TRIED = 5_000_000
"""The number of readings that ``suggest`` looks at, about; if it needs more, nothing is sure."""

UNEXPLAINED = 1.0
"""Points subtracted for each integer of the image that a scheme does not name, up to three."""
DUST = 0.05
"""If the share of the largest component is below this, a label is scattered voxels and is not judged."""
JUDGEABLE = 3.0
"""The minimum possible points of a reading that can be contradicted: two small structures say little."""
PATIENCE = 4
"""``suggest`` stops after this number of rounds without a better reading."""
REFUSED = ((-0.25, -np.inf), (0.3, 3.5), (0.5, 8.0))
"""A reading is contradicted if its fit is below the first number and an exchange gains more than the next."""


@frozen(eq=False)
class Line:
    """One expectation, how well the image meets it, and its points for (above 0) or against the reading."""

    points: float
    text: str

    def __str__(self) -> str:
        return f"{self.points:+.1f}  {self.text}"


@frozen(eq=False, repr=False)
class Evidence(Shown):
    """How well a reading fits: ``score`` of ``possible`` points, and the lines that explain it, largest first.

    ``gain`` is the number of points that the best exchange of meanings would add (negative: every exchange is
    worse). ``gains`` is the same by structure, for the exchanges that change this structure. ``exchange`` are the
    structures that change their meaning in the best exchange.
    """

    score: float
    possible: float
    lines: tuple[Line, ...]
    gain: float
    gains: Mapping[str, float]
    exchange: tuple[str, ...] = ()

    @property
    def fit(self) -> float:
        """The share of the possible points; 0 if nothing could be judged."""
        return self.score / self.possible if self.possible else 0.0

    @property
    def in_short(self) -> str:
        """The points."""
        return f"{self.score:.1f} of {self.possible:.1f} points"

    def _repr_html_(self) -> str:
        return html_table(self.in_short, ("points", "because"), [(line.points, line.text) for line in self.lines])


@frozen(eq=False)
class Reading:
    """Schemes that agree on this image. ``unsure``: integers whose exchange would cost less than MARGIN."""

    schemes: tuple[str, ...]
    evidence: Evidence
    score: float
    unsure: tuple[int, ...]


@frozen(eq=False, repr=False)
class Ranking(Shown):
    """Readings, the best first. ``doubts`` says why the verdict is not ``confident``."""

    verdict: Literal["confident", "ambiguous", "none fits"]
    readings: tuple[Reading, ...]
    doubts: tuple[str, ...]

    @property
    def top(self) -> str:
        """The first scheme of the best reading; the other schemes of this reading agree with it here."""
        return self.readings[0].schemes[0] if self.readings else ""

    @property
    def in_short(self) -> str:
        """The verdict, and the schemes of the best reading."""
        return f"{self.verdict}: {', '.join(self.readings[0].schemes) if self.readings else 'no scheme'}"

    def _repr_html_(self) -> str:
        rows = [(", ".join(one.schemes), one.evidence.score, one.evidence.possible) for one in self.readings]
        return html_table(self.in_short, ("schemes", "points", "of"), rows, notes=self.doubts)


@frozen(eq=False)
class Suggestion:
    """A meaning for one integer (empty: none of the structures), its lead in points, and the next best meaning."""

    label: int
    structure: str
    margin: float
    instead: str

    @property
    def sure(self) -> bool:
        # If a vein or appendage is absent, its neighbour is a reasonable candidate for its place.
        return bool(self.structure) and self.margin >= (MARGIN if self.structure in MAIN else 2 * MARGIN)


def _present(facts: Facts, labels: Mapping[str, int]) -> dict[str, int]:
    """The structures of a reading that are more than scattered voxels in the image, with their label indices."""
    solid = {label: i for i, label in enumerate(facts.labels) if facts.whole[i] >= DUST}
    return {name: solid[label] for name, label in labels.items() if label in solid}


def judge(facts: Facts, labels: Mapping[str, int]) -> Evidence:
    """Evaluate the claim that these integers mean these structures; missing structures do not count."""
    return _judged(facts, tuple(labels.items()))


@lru_cache(maxsize=1)
def _judged(facts: Facts, reading: tuple[tuple[str, int], ...]) -> Evidence:
    """The same, once for those who ask the same one after the other."""
    labels = dict(reading)
    facts = facts.only(labels.values())
    present = _present(facts, labels)
    others = () if not any(n in present for n in CORE if n != "LV_myo_label") else CORE
    choice = present | {name: len(facts.labels) for name in others if name not in present}
    scorer = Scorer(facts, list(choice))
    here = np.array(list(choice.values()), dtype=np.int64)
    each = scorer.each(here[None])[:, 0]
    lines, possible = [], 0.0
    for rule, points in zip(scorer.rules, each, strict=True):
        if not np.isnan(points):
            possible += rule.gain
            lines.append(Line(float(points), _text(rule, [choice[n] for n in rule.names], scorer, facts)))
    lines.sort(key=lambda line: (-abs(line.points), line.text))
    score = float(np.nansum(each))
    exchanged = here[_exchanges(list(choice))]
    other = scorer.score(exchanged)
    other -= OUTSIDE * ((exchanged < scorer.absent) & (here == scorer.absent)).any(axis=1)
    changed = exchanged != here
    gain = float(other[changed.any(axis=1)].max(initial=-np.inf)) - score
    gains = {name: float(other[changed[:, i]].max(initial=-np.inf)) - score for i, name in enumerate(present)}
    exchange: tuple[str, ...] = ()
    if changed.any():
        best = changed[int(np.where(changed.any(axis=1), other, -np.inf).argmax())]
        exchange = tuple(name for name, moved in zip(choice, best, strict=True) if moved)
    return Evidence(score, possible, tuple(lines), gain, gains, exchange)


def _text(rule: Rule, where: Sequence[int], scorer: Scorer, facts: Facts) -> str:
    pairs = zip(where, rule.names, strict=True)
    who = [f"{facts.labels[i]} ({name.removesuffix('_label')})" for i, name in pairs]
    share = rule.relation in ("whole", "near", "more")
    said = {
        "whole": "the largest component of {0} holds {x:.0%} of it",
        "lumen": "{0} encloses {x:.2f} times its own volume of background",
        "near": "{1} lies along {x:.1%} of the surface of {0}",
        "more": "of {0}'s contact with {1} and {2}, {x:.0%} is with {1}",
        "larger": "{0} has {x:.2f} times the volume of {1}",
        "thicker": "{0} is {x:.2f} times as thick as {1}",
        "closer": "{0} is {x:.2f} times as far from {2} as {1} is",
    }[rule.relation].format(*who, x=float(scorer.values[rule.relation][tuple(where)]))
    bound = f"{rule.sure:.3g}" if not share else f"{100 * rule.sure:.3g}%"
    return f"{said} (expected: {'at least' if rule.sure > rule.never else 'at most'} {bound})"


def _exchanges(names: Sequence[str]) -> Ints:
    """Permutations of the structures: each pair, each cycle of three (of MAIN if there are many), and MIRRORS."""
    n = len(names)
    main = [i for i, name in enumerate(names) if name in MAIN or n <= 24]
    pairs = np.array([*combinations(range(n), 2)], np.int64).reshape(-1, 2)
    threes = np.array([*combinations(main, 3)], np.int64).reshape(-1, 3)
    out = np.tile(np.arange(n, dtype=np.int64), (len(pairs) + 2 * len(threes) + len(MIRRORS), 1))
    rows = np.arange(len(pairs))[:, None]
    out[rows, pairs] = pairs[:, ::-1]
    rows = len(pairs) + 2 * np.arange(len(threes))[:, None]
    out[rows, threes] = threes[:, [1, 2, 0]]
    out[rows + 1, threes] = threes[:, [2, 0, 1]]
    for row, mirror in zip(out[len(out) - len(MIRRORS) :], MIRRORS, strict=True):
        for a, b in mirror:
            if a in names and b in names:
                i, j = names.index(a), names.index(b)
                row[i], row[j] = j, i
    return out


def contradicts(facts: Facts, labels: Mapping[str, int]) -> bool:
    """Whether the anatomy excludes a reading.

    Pathological or damaged anatomy also costs a reading points. A reading is wrong if it would fit much better with
    exchanged integers, or if hardly anything fits.
    """
    e = judge(facts, labels)
    return e.possible >= JUDGEABLE and any(e.fit < fit and e.gain > gain for fit, gain in REFUSED)


def exchanged(facts: Facts, labels: Mapping[str, int]) -> tuple[str, ...]:
    """The structures that seem to have each other's labels: the reading fits well with these exchanged, and less now.

    The exchange adds at least ``MARGIN`` points. In a true reading of a whole or incomplete heart, no exchange adds
    more than 0.3; any two structures of a heart exchanged lose 2.2 or more. Planes and rings are left out: recipes make
    them, and an integer can be a ring of one and a plane of another.
    """
    given = {name: value for name, value in labels.items() if not name.endswith(_MADE)}
    e = judge(facts, given)
    fits = e.possible >= JUDGEABLE and e.score + e.gain >= FIT * e.possible
    there = set(e.exchange) <= _present(facts, given).keys()
    return e.exchange if fits and there and e.gain >= MARGIN else ()


def rank(facts: Facts, schemes: Mapping[str, Mapping[str, int]]) -> Ranking:
    """Compare schemes, in the order of ``schemes``.

    Schemes that give the integers of this image the same meanings are one reading. The verdict is ``confident`` only
    if there is no doubt about the best one.
    """
    alike: dict[frozenset[tuple[str, int]], list[str]] = {}
    for name, labels in schemes.items():
        if reading := frozenset((n, labels[n]) for n in _present(facts, labels)):
            alike.setdefault(reading, []).append(name)
    readings = [_weigh(facts, dict(sorted(reading)), names) for reading, names in alike.items()]
    readings.sort(key=lambda reading: -reading.score)
    if not readings or readings[0].score <= 0:
        return Ranking("none fits", tuple(readings), ("no scheme fits the anatomy",))
    doubts = _doubts(*readings[:2])
    return Ranking("ambiguous" if doubts else "confident", tuple(readings), doubts)


def _weigh(facts: Facts, labels: dict[str, int], schemes: Iterable[str]) -> Reading:
    evidence = judge(facts, labels)
    solid = zip(facts.labels, facts.whole, strict=True)
    other = tuple(label for label, whole in solid if whole >= DUST and label not in labels.values())
    unsure = tuple(sorted(labels[name] for name, gain in evidence.gains.items() if gain > -MARGIN))
    return Reading(tuple(schemes), evidence, evidence.score - UNEXPLAINED * min(3, len(other)), unsure)


def _doubts(best: Reading, second: Reading | None = None) -> tuple[str, ...]:
    e = best.evidence
    main = {name: gain for name, gain in e.gains.items() if name in MAIN and gain > -MARGIN}
    doubts = []
    if best.score < ENOUGH:
        doubts.append(f"too little evidence: {best.score:.1f} points, {ENOUGH:g} needed")
    if e.fit < FIT:
        doubts.append(f"fits only {e.fit:.0%}, {FIT:.0%} needed")
    if main:
        names = ", ".join(sorted(name.removesuffix("_label") for name in main))
        doubts.append(f"exchanging {names} would fit about as well")
    if not main and e.gain > -MARGIN_SMALL:
        doubts.append("other veins, valves, planes or rings would fit as well")
    if second and best.score - second.score < MARGIN:
        doubts.append(f"{second.schemes[0]} fits about as well")
    return tuple(doubts)


def suggest(facts: Facts, structures: Iterable[str], *, starts: int = 24, seed: int = 0) -> tuple[Suggestion, ...]:
    """Give each integer the structure that fits the anatomy best, and each structure to at most one integer.

    This is a local search by exchanges from ``starts`` random readings, and then from the best reading with random
    changes. The answer depends on ``seed`` only where the anatomy does not decide; the margin shows this. Offer
    only structures that can be present: rings and walls for a map of blood pools only add doubt. Only the ``MOST``
    largest labels that are more than scattered voxels get a structure, and the search ends after ``TRIED`` readings.
    If all of it together is not an accepted reading, every margin is 0: among enough labels of anything, some look
    like a part of a heart.
    """
    solid = np.where((facts.whole >= DUST) & (facts.volume_ml >= CRUMB_ML), facts.volume_ml, -1.0)
    largest = {i for i in np.argsort(-solid, kind="stable")[:MOST].tolist() if solid[i] > 0}
    rest = [Suggestion(label, "", 0.0, "") for i, label in enumerate(facts.labels) if i not in largest]
    if not largest:
        return tuple(rest)
    facts = facts.only(label for i, label in enumerate(facts.labels) if i in largest)
    names = list(dict.fromkeys(structures))
    columns = names + [f"none of them {i}" for i in range(len(facts.labels))]
    scorer = Scorer(facts, columns)
    rng = np.random.default_rng(seed)
    labels = np.minimum(np.arange(len(columns)), scorer.absent)
    exchanges = _exchanges(columns)
    # Labels that mean nothing can change places without a change of meaning.
    exchanges = exchanges[(exchanges[:, : len(names)] != np.arange(len(names))).any(axis=1)]
    seen = _climb(scorer, np.array([rng.permutation(labels) for _ in range(starts)]), exchanges)
    best, score, idle = seen[0], -np.inf, 0
    while idle < PATIENCE and scorer.tried < TRIED:
        top = scorer.score(seen)
        idle = 0 if top.max() > score + 1e-9 else idle + 1
        best, score = seen[int(top.argmax())], float(top.max())
        seen = np.unique(np.concatenate([seen, _climb(scorer, _shaken(best, starts, rng), exchanges)]), axis=0)
    meaning = {names[i]: facts.labels[at] for i, at in enumerate(best[: len(names)].tolist()) if at < scorer.absent}
    accepted = scorer.tried < TRIED and _accepted(judge(facts, meaning))
    seen = np.concatenate([seen, best[exchanges]])
    behind = score - scorer.score(seen)
    out = []
    for i, label in enumerate(facts.labels):
        at = np.argmax(seen == i, axis=1)  # the column of this label in each reading seen
        meant = [columns[c] if c < len(names) else "" for c in at]
        mine = columns[int(np.flatnonzero(best == i)[0])]
        mine = mine if mine in names else ""
        other = np.array([m != mine for m in meant])
        nearest = int(np.where(other, behind, np.inf).argmin())
        margin = 0.0 if not accepted else float(behind[nearest]) if other.any() else np.inf
        out.append(Suggestion(label, mine, margin, meant[nearest]))
    return tuple(sorted([*out, *rest], key=lambda suggestion: suggestion.label))


def _accepted(evidence: Evidence) -> bool:
    return evidence.score >= ENOUGH and evidence.fit >= FIT


def _shaken(choice: Ints, copies: int, rng: np.random.Generator) -> Ints:
    """Copies of a choice, each with a few of its structures replaced at random."""
    out = np.tile(choice, (copies, 1))
    for row in out:
        some = rng.choice(row.size, min(row.size, 6), replace=False)
        row[some] = row[rng.permutation(some)]
    return out


def _climb(scorer: Scorer, choices: Ints, exchanges: Ints) -> Ints:
    """Improve each choice by its best exchange until no exchange improves it; (n, structures) label indices."""
    score, active = scorer.score(choices), np.arange(len(choices))
    while active.size and scorer.tried < TRIED:
        got = scorer.exchanged(choices[active], exchanges)
        pick = got.argmax(axis=1)
        better = got[np.arange(len(active)), pick] > score[active] + 1e-9
        moved = active[better]
        choices[moved] = np.take_along_axis(choices[moved], exchanges[pick[better]], axis=1)
        score[moved] = got[better, pick[better]]
        active = moved
    return choices
