"""What a repair may change, and what was refused: how much blood may be lost or gained, and what counts as loose."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from attrs import Factory, frozen
from numpy.typing import NDArray

from pycemrg_core.api import Blueprint, LabelType
from schematics_builtin.certificate.repair_rules import LEAK, WALL
from schematics_builtin.manifold import LOOSE, Mend

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

FLOOR = 10
"""Voxels that may always change, however small the structure is; not with a limit of 0."""


@frozen(eq=False)
class Refusal:
    """A change that was not made: its rule, the labels concerned, the reason, and its voxels (n, 3)."""

    rule: str
    labels: tuple[int, ...]
    why: str
    mend: Mend

    @property
    def touched(self) -> frozenset[int]:
        """All labels that the change would have taken voxels from or given voxels to, without the background."""
        return frozenset({*self.mend.old.tolist(), *self.mend.new.tolist()} - {0})

    def __str__(self) -> str:
        return f"{self.rule}: {self.why}"


@frozen(eq=False)
class Limits:
    """How much of each lumen may change, and how large a loose component may be: a share of its label's volume.

    ``had`` are the voxels of each label at the start. Only ``allowed`` labels may change, if this is given. ``walls``
    are the voxels that were made tissue to close a lumen: they stay tissue.
    """

    share: float
    had: Mapping[int, int]
    blueprint: Blueprint
    allowed: frozenset[int] | None = None
    change: dict[int, int] = Factory(dict)
    refused: list[Refusal] = Factory(list)
    walls: list[Ints] = Factory(list)

    def permit(self, mend: Mend, group: Ints, voxels: Ints) -> Bools:
        """Which voxels of a change may be written; groups are judged one after the other, the smallest first.

        ``voxels`` are the current sizes of the labels.
        """
        written = np.zeros(len(group), np.bool_)
        order = np.argsort(group, kind="stable")
        cuts = np.flatnonzero(np.diff(group[order])) + 1
        for rows in sorted(np.split(order, cuts), key=len):
            old, new = int(mend.old[rows[0]]), int(mend.new[rows[0]])
            part = Mend(mend.rule, mend.places[rows], mend.old[rows], mend.new[rows])
            if refusal := self._opens(part, new) or self._refusal(mend.rule, old, new, len(rows), int(voxels[old])):
                labels, why = refusal
                self.refused.append(Refusal(mend.rule, labels, why, part))
            else:
                written[rows] = True
                if mend.rule in (LEAK, WALL):
                    self.walls.append(_codes(part.places))
        return written

    def _opens(self, part: Mend, new: int) -> tuple[tuple[int, ...], str] | None:
        """The refusal of a change that would take a wall away again."""
        becomes_open = new == 0 or self.blueprint.types.get(new) is LabelType.LUMEN
        walled = {wall.lumen for wall in self.blueprint.walls}
        if part.rule != LOOSE or not self.walls or not becomes_open or new in self.blueprint.open - walled:
            return None
        if not np.isin(_codes(part.places), np.concatenate(self.walls)).any():
            return None
        old = int(part.old[0])
        return (
            old,
        ), f"a component of {self.blueprint.name(old)} is not joined to the rest, but a lumen needs it there"

    def _refusal(self, rule: str, old: int, new: int, count: int, now: int) -> tuple[tuple[int, ...], str] | None:
        """The labels and the reason of a refusal; a change that stays within the limits is counted."""
        name = self.blueprint.name
        if self.allowed is not None and not {old, new} <= self.allowed:
            what = f"{name(old)} would become {name(new)}"
            return (old, new), f"{what}, but one of them is not a label of the recipe"
        # A loose component is compared with its label as it is: a wall may have been made again.
        if rule == LOOSE and count > self._most(now):
            return (old,), self._too_much(f"a component of {name(old)} is", count, now)
        change = {
            label: self.change.get(label, 0) + gain
            for label, gain in ((old, -count), (new, count))
            if self.blueprint.types.get(label) is LabelType.LUMEN
        }
        for label, much in change.items():
            had = self.had.get(label, 0)
            if abs(much) > self._most(had):
                verb = "lose" if much < 0 else "gain"
                return (label,), self._too_much(f"{name(label)} would {verb}", abs(much), had)
        self.change.update(change)
        return None

    def _most(self, had: int) -> float:
        return max(self.share * had, FLOOR) if self.share else 0.0

    def _too_much(self, what: str, much: int, had: int) -> str:
        limit = 100 * self.share
        floor = f" or {FLOOR} voxels" if self.share else ""
        return (
            f"{what} {above(limit, 100 * much / max(had, 1))} % of its volume ({much:,} of {had:,} voxels), more than"
            f" the limit of {limit:g} %{floor}"
        )


def above(limit: float, share: float) -> str:
    """A share in three digits, or in as many as show that it is above the limit."""
    texts = [f"{share:.{digits}g}" for digits in range(3, 17)]
    return next((text for text in texts if float(text) > limit), texts[0])


def _codes(places: Ints) -> Ints:
    """One number for each voxel."""
    found: Ints = (places[:, 0] << 42) + (places[:, 1] << 21) + places[:, 2]
    return found
