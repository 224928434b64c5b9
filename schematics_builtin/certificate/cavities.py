"""Find which lumens are closed: flood all voxels that a mesher drops, and see which of them the flood connects.

The flood goes through blood and background alike and stops at tissue. Voxels are neighbours when they share a face,
an edge or a corner (26), so a leak through a corner counts. A lumen is closed when the flood from it does not reach
the outside of the heart.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from attrs import frozen

from pycemrg_core.api import Heart, find_components, runs_of

CONNECTIVITY = 26


@frozen
class Cavity:
    """A connected space without tissue: its number of voxels by label, 0 for background."""

    voxels: Mapping[int, int]

    def lumens(self, heart: Heart) -> tuple[int, ...]:
        """The labels of blood in it."""
        return tuple(label for label in self.voxels if label in heart.lumens)


@frozen
class Cavities:
    """The ``closed`` cavities of a heart, and the voxels that are connected to the ``outside``."""

    closed: tuple[Cavity, ...]
    outside: Cavity

    def count(self) -> int:
        """The number of connected spaces, including the outside."""
        return len(self.closed) + 1

    def closed_lumens(self, heart: Heart) -> tuple[int, ...]:
        """The lumens without any part connected to the outside, in the order of their labels."""
        return tuple(lumen for lumen in heart.lumens if lumen not in self.outside.voxels)

    def open_lumens(self, heart: Heart) -> tuple[int, ...]:
        """The lumens that are connected to the outside, in the order of their labels."""
        return self.outside.lumens(heart)


def cavities(heart: Heart) -> Cavities:
    """The cavities of a heart, connected through faces, edges and corners. Computed once for each heart."""
    return heart.once(flood)


def flood(heart: Heart, connectivity: int = CONNECTIVITY) -> Cavities:
    """Flood a heart; ``connectivity`` is 6 (faces) or 26 (faces, edges and corners)."""
    volume = heart.volume
    runs = runs_of(volume, volume.boxes)
    tissue = np.array(sorted(heart.meshed), np.int64)
    found = find_components(runs.take(~np.isin(runs.label, tissue)), connectivity, together=True)
    space = found.runs
    depth, height, width = space.shape
    z, y = space.place()
    at_edge = (z == 0) | (z == depth - 1) | (y == 0) | (y == height - 1) | (space.start == 0) | (space.stop == width)
    reaches = np.zeros(len(found.voxels), np.bool_)
    reaches[found.of_run[at_edge]] = True
    where = np.where(reaches[found.of_run], -1, found.of_run)
    pairs, which = np.unique(np.stack([where, space.label], axis=1).reshape(-1, 2), axis=0, return_inverse=True)
    voxels = np.bincount(which.ravel(), weights=space.voxels, minlength=len(pairs)).astype(np.int64)
    spaces: dict[int, dict[int, int]] = {-1: {}}
    for (space_of, label), count in zip(pairs.tolist(), voxels.tolist(), strict=True):
        spaces.setdefault(space_of, {})[label] = count
    outside = Cavity(spaces.pop(-1))
    return Cavities(tuple(Cavity(one) for one in spaces.values()), outside)


def may_be_open(heart: Heart) -> frozenset[int]:
    """The lumens that the recipe leaves open, directly or through others.

    A lumen that may touch an open one is open too, unless the recipe makes a valve or a plane between the two.
    """
    made = {frozenset((valve.a, valve.b)) for valve in heart.blueprint.valves}
    made |= {frozenset((plane.a, plane.b)) for plane in heart.blueprint.planes}
    pairs = [tuple(pair) for pair in heart.blueprint.may_touch - made if len(pair) == 2]
    found = set(heart.blueprint.open)
    while more := {b for pair in pairs for a, b in (pair, pair[::-1]) if a in found} - found:
        found |= more
    return frozenset(found)
