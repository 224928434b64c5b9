"""The points of the rules of anatomy for any choice of labels, many choices at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schematics_builtin.labels.anatomy.rules import RULES, Rule
from schematics_builtin.labels.measuring import Facts

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Scorer:
    """Compute the points of all rules for any choice of labels; an absent structure has the index after the last."""

    def __init__(self, facts: Facts, structures: Sequence[str]) -> None:
        self.tried = 0
        self.absent = len(facts.labels)
        self.column = {name: i for i, name in enumerate(structures)}
        self.rules = [rule for rule in RULES if all(name in self.column for name in rule.names)]
        self.values = _values(facts)
        self._tables = [_points(rule, self.values[rule.relation]) for rule in self.rules]
        self._moves: tuple[Ints, list[tuple[Floats, Ints]], Any] | None = None

    def each(self, choices: Ints) -> Floats:
        """The points (rules, choices) for label indices (choices, structures); NaN where a rule does not apply."""
        self.tried += len(choices)
        out = np.empty((len(self.rules), len(choices)))
        columns = np.ascontiguousarray(choices.T)
        for row, rule, table in zip(out, self.rules, self._tables, strict=True):
            row[:] = table[tuple(columns[self.column[name]] for name in rule.names)]
            if rule.unless in self.column:
                row[columns[self.column[rule.unless]] != self.absent] = np.nan
        return out

    def score(self, choices: Ints) -> Floats:
        return np.asarray(np.nansum(self.each(choices), axis=0))

    def exchanged(self, choices: Ints, exchanges: Ints) -> Floats:
        """The score of each choice after each exchange (choices, exchanges); only rules of what moves are applied."""
        before = np.nan_to_num(self.each(choices))
        self.tried += len(choices) * len(exchanges)
        if self._moves is None or self._moves[0] is not exchanges:
            self._moves = (exchanges, *self._moved(exchanges))
        _, tables, moved = self._moves
        columns = np.ascontiguousarray(choices.T)
        changes = [before.sum(axis=0)[None]]
        for old, rule, (table, places) in zip(before, self.rules, tables, strict=True):
            chosen = columns[places]  # (structures, places, choices)
            index = chosen[0]
            for other, size in zip(chosen[1:], table.shape[1:], strict=False):
                index = index * size + other
            points = table.take(index)
            if len(chosen) > len(rule.names):
                points[chosen[-1] != self.absent] = 0.0
            changes.append(points - old)
        out: Floats = moved @ np.concatenate(changes)
        return np.asarray(out.T.round(9))  # equal scores are equal whatever moved

    def _moved(self, exchanges: Ints) -> tuple[list[tuple[Floats, Ints]], Any]:
        """For each rule its table and the columns (structures, places) that it reads after an exchange, each once; and
        a matrix that adds, for each exchange, what changes at its places to the score before, in the order of rules."""
        from scipy.sparse import csr_array

        tables, count = [], 1
        rows, found = [np.arange(len(exchanges))], [np.zeros(len(exchanges), np.int64)]
        for rule, table in zip(self.rules, self._tables, strict=True):
            names = (*rule.names, *([rule.unless] if rule.unless in self.column else []))
            own = np.array([self.column[name] for name in names])
            columns = exchanges[:, own].T
            moved = np.flatnonzero((own != columns.T).any(axis=1))
            code = np.ravel_multi_index(tuple(columns[:, moved]), (len(self.column),) * len(names))
            _, first, alike = np.unique(code, return_index=True, return_inverse=True)
            tables.append((np.nan_to_num(table), columns[:, moved[first]]))
            rows.append(moved)
            found.append(count + alike)
            count += len(first)
        where = np.concatenate(rows), np.concatenate(found)
        return tables, csr_array((np.ones(len(where[0])), where), shape=(len(exchanges), count))


def _values(facts: Facts) -> dict[str, Floats]:
    """Every relation between all labels; the last row is NaN, for an absent label."""
    volume, surface = facts.volume_ml, facts.surface_mm2[1:]
    thickness, near = 2000.0 * volume / surface, facts.near_mm2[1:, 1:] / surface[:, None]
    apart = np.linalg.norm(facts.centroid_mm[:, None] - facts.centroid_mm[None], axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = {
            "whole": facts.whole,
            "lumen": np.diagonal(facts.between_ml)[1:] / volume,
            "near": near,
            "more": near[:, :, None] / (near[:, :, None] + near[:, None, :]),
            "larger": volume[:, None] / volume[None],
            "thicker": thickness[:, None] / thickness[None],
            "closer": apart[:, None, :] / apart[None],
        }
    return {name: np.pad(v, (0, 1), constant_values=np.nan) for name, v in values.items()}


def _points(rule: Rule, value: Floats) -> Floats:
    """The points that a rule gives for these values of its relation."""
    grade = 2.0 * (value - rule.never) / (rule.sure - rule.never) - 1.0
    grade = np.minimum(np.maximum(grade, -1.0), 1.0)  # half the time of ``np.clip``
    return grade * np.where(grade > 0, rule.gain, rule.against)
