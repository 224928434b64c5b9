"""Find which lumens are closed: flood all voxels that a mesher drops, and see which of them the flood connects.

The flood goes through blood and background alike and stops at tissue. Voxels are neighbours when they share a face,
an edge or a corner (26), so a leak through a corner counts. A lumen is closed when the flood from it does not reach
the outside of the heart. A second flood, through faces only (6), counts the same spaces in a heart that can be meshed.

A flood joins the components of the heart where they touch, and does not look at the voxels again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_core.api import Heart
from schematics_builtin.certificate.joining import across, joined, touching

Bools = NDArray[np.bool_]

FACES = 6
CONNECTIVITY = 26


@frozen
class Cavity:
    """A connected space without tissue: its number of voxels by label, 0 for background."""

    voxels: Mapping[int, int]

    def lumens(self, heart: Heart) -> tuple[int, ...]:
        """The labels of blood in it."""
        return tuple(label for label in self.voxels if label in heart.lumens)

    def pairs(self, heart: Heart) -> Iterator[tuple[int, int, bool]]:
        """Each two lumens in it that follow each other, and whether a rule lets the two be one."""
        for a, b in pairwise(self.lumens(heart)):
            yield a, b, heart.allows(a, b) and not heart.valve_between(a, b)


@frozen
class Cavities:
    """The ``closed`` cavities of a heart, and the voxels that are connected to the ``outside``.

    ``spaces`` are the connected spaces, including the outside, by the number of neighbours of a voxel.
    """

    closed: tuple[Cavity, ...]
    outside: Cavity
    spaces: Mapping[int, int]

    def open_lumens(self, heart: Heart) -> tuple[int, ...]:
        """The lumens that are connected to the outside, in the order of their labels."""
        return self.outside.lumens(heart)


def cavities(heart: Heart) -> Cavities:
    """The cavities of a heart, connected through faces, edges and corners. Computed once for each heart."""
    return heart.once(flood)


def flood(heart: Heart, connectivity: int = CONNECTIVITY) -> Cavities:
    """Flood a heart; ``connectivity`` is 6 (faces) or 26 (faces, edges and corners)."""
    found, tissue = heart.components, heart.meshed
    outside, is_free = len(found.label), ~np.isin(found.label, tissue)
    at_edge = np.flatnonzero(found.at_edge & is_free)
    pairs = [np.stack([at_edge, np.full(len(at_edge), outside)], axis=1), touching(heart, is_free)]
    groups = {FACES: joined(outside + 1, pairs)}
    # Without tissue between them, two voxels that share only an edge or a corner are joined through faces too.
    groups[CONNECTIVITY] = joined(outside + 1, [*pairs, across(heart, heart.adjacency.fillings(tissue))])
    counts = {
        neighbours: len(np.unique(of[:-1][is_free & (of[:-1] != of[-1])])) + 1 for neighbours, of in groups.items()
    }
    # One number for each pair of a space and a label; the outside is space 0.
    of = groups[connectivity]
    space = np.where(of[:-1] == of[-1], 0, of[:-1] + 1)[is_free]
    labels, label = np.unique(found.label[is_free], return_inverse=True)
    voxels = np.bincount(space * len(labels) + label, weights=found.voxels[is_free])
    spaces: dict[int, dict[int, int]] = {0: {}}
    for key in np.flatnonzero(voxels).tolist():
        at, which = divmod(key, len(labels))
        spaces.setdefault(at, {})[int(labels[which])] = int(voxels[key])
    beyond = Cavity(spaces.pop(0))
    return Cavities(tuple(Cavity(one) for one in spaces.values()), beyond, counts)


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
