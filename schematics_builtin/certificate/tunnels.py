"""Count the tunnels of the tissue: handles, as of a torus. A mesh of the tissue has as many.

By the formula of Euler and Poincaré, the Euler number is components - tunnels + cavities. It is counted at the places
where labels meet. Voxels are closed cubes, so the tissue is joined through edges and corners too.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from attrs import Factory, frozen
from numpy.typing import NDArray

from pycemrg_core.api import Heart, Ints
from schematics_builtin.certificate.cavities import FACES, cavities
from schematics_builtin.certificate.joining import across, joined, touching

Bools = NDArray[np.bool_]


@frozen(eq=False)
class Tunnels:
    """The number of tunnels of the tissue, and how many of them lead through open lumens.

    A lumen with n openings to the background makes n - 1 tunnels: in at one opening and out at another. ``openings``
    are voxels (n, 3) of blood, one at each opening; they are looked for only if there are tunnels.
    """

    all: int
    through_lumens: int = 0
    openings: Ints = Factory(lambda: np.zeros((0, 3), np.int64))

    @property
    def between_walls(self) -> int:
        """The tunnels that no opening explains."""
        return self.all - self.through_lumens


def tunnels(heart: Heart) -> Tunnels:
    """The tunnels of a heart's tissue."""
    if not heart.meshed:
        return Tunnels(0)
    holes = cavities(heart).spaces[FACES] - 1
    count = _pieces(heart) + holes - heart.adjacency.euler_number(heart.meshed)
    if not count:
        return Tunnels(0)
    openings, joining = _openings(heart)
    return Tunnels(count, _loops(heart, openings, joining), openings[:, 0])


def _pieces(heart: Heart) -> int:
    """The number of components of the tissue, all its labels as one, through faces, edges and corners."""
    found = heart.components
    is_tissue = np.isin(found.label, heart.meshed)
    pairs = [touching(heart, is_tissue)]
    free = [0, *heart.lumens]
    pairs.append(across(heart, heart.adjacency.fillings(free)))  # where tissue meets by an edge or a corner only
    of = joined(len(is_tissue) + 1, pairs)
    return len(np.unique(of[:-1][is_tissue]))


def _loops(heart: Heart, openings: Ints, joining: Ints) -> int:
    """The loops of the graph in which openings join bodies of blood and of background.

    ``joining`` are pairs of voxels, (n, 2, 3), of background that belong together although they share no face.
    """
    found, outside = heart.components, len(heart.components.label)
    same = [touching(heart, np.isin(found.label, heart.lumens)), across(heart, joining)]
    at_edge = np.flatnonzero(found.outside)
    same.append(np.stack([at_edge, np.full(len(at_edge), outside)], axis=1))
    group = joined(outside + 1, same)
    ends = heart.components.at(openings.reshape(-1, 3))
    ends[ends < 0] = outside
    known, pairs = np.unique(group[ends], return_inverse=True)
    graph = joined(len(known), [pairs.reshape(-1, 2)])
    return len(openings) - len(known) + len(np.unique(graph))


def _openings(heart: Heart) -> tuple[Ints, Ints]:
    """A voxel of blood and one of background, (n, 2, 3), at each connected patch of faces between the two.

    Two faces are connected where the surface of the blood goes on from one to the other round an edge without tissue
    at it. Where blood meets itself by such an edge, the background beside it goes on across: these are the second
    pairs.
    """
    blocks = _Blocks.of(heart)
    keys, of_blood = blocks.all_faces()
    links, joining = zip(*blocks.squares(), blocks.corners(), strict=True)
    patch = joined(len(keys), [np.searchsorted(keys, np.concatenate(links))])
    one = np.unique(patch, return_index=True)[1]
    at, step = np.divmod(keys[one], 8)
    voxels = heart.adjacency.index(at)
    pairs = np.stack([voxels, voxels + (step[:, None] >> [2, 1, 0] & 1)], axis=1)
    pairs[~of_blood[one]] = pairs[~of_blood[one]][:, ::-1]
    return pairs, np.concatenate(joining)


@frozen(eq=False)
class _Blocks:
    """The different blocks of 2 x 2 x 2 voxels of a heart: which of their voxels, (m, 8), are blood and background.

    A face between a voxel and the next along an axis has the number 8 * the flat index of the voxel + the step: bit 0
    is a step along x, bit 1 along y, bit 2 along z.
    """

    blood: Bools
    empty: Bools
    heart: Heart

    @classmethod
    def of(cls, heart: Heart) -> _Blocks:
        found = heart.adjacency
        codes = np.array(found.labels)
        return cls(np.isin(codes, heart.lumens)[found.patterns], (codes == 0)[found.patterns], heart)

    def voxels(self, chosen: Bools, k: int = 0) -> Ints:
        """The flat index of voxel ``k`` of each block of the chosen kinds."""
        return self.heart.adjacency.voxels(chosen, k)

    def is_face(self, here: int, there: int) -> Bools:
        """In which kinds of blocks one of two voxels is blood and the other background."""
        found: Bools = (self.blood[:, here] & self.empty[:, there]) | (self.empty[:, here] & self.blood[:, there])
        return found

    def all_faces(self) -> tuple[Ints, Bools]:
        """The numbers of all faces between blood and background, sorted, and whether their first voxel is blood."""
        numbers, of_blood = [], []
        for step in (1, 2, 4):
            for first, is_blood in ((self.blood[:, 0], True), (self.empty[:, 0], False)):
                numbers.append(8 * self.voxels(first & self.is_face(0, step)) + step)
                of_blood.append(np.full(len(numbers[-1]), is_blood))
        keys = np.concatenate(numbers)
        order = np.argsort(keys)
        return keys[order], np.concatenate(of_blood)[order]

    def squares(self) -> Iterator[tuple[Ints, Ints]]:
        """Pairs of faces that are connected at an edge, and pairs of background voxels that are."""
        free = self.blood | self.empty
        for a, b in ((1, 2), (1, 4), (2, 4)):
            whole = free[:, [0, a, b, a + b]].all(axis=1)
            sides = ((0, a), (b, a), (0, b), (a, b))
            opens = [self.is_face(here, here + step) for here, step in sides]
            crossed = whole & np.all(opens, axis=0)
            for i, j in combinations(range(4), 2):
                linked = whole & opens[i] & opens[j] & ~crossed
                # Crossed: of the two at a voxel of blood, which is the first or else the one along a.
                if {i, j} in ({0, 2}, {1, 3}):
                    linked |= crossed & self.blood[:, 0]
                elif {i, j} in ({0, 3}, {1, 2}):
                    linked |= crossed & ~self.blood[:, 0]
                pair = [8 * self.voxels(linked, sides[k][0]) + sides[k][1] for k in (i, j)]
                yield np.stack(pair, axis=1), np.zeros((0, 2, 3), np.int64)
            for here, there in ((0, a + b), (a, b)):
                yield np.zeros((0, 2), np.int64), self.pairs(crossed & self.empty[:, here], here, there)

    def corners(self) -> tuple[Ints, Ints]:
        """The same where two opposite voxels of a block are background and the other six are blood."""
        links, joining = [np.zeros((0, 2), np.int64)], [np.zeros((0, 2, 3), np.int64)]
        for k in range(4):
            chosen = self.empty[:, k] & self.empty[:, 7 - k] & (self.blood.sum(axis=1) == 6)
            ends = [8 * self.voxels(chosen, min(one, one ^ 1)) + 1 for one in (k, 7 - k)]
            links.append(np.stack(ends, axis=1))
            joining.append(self.pairs(chosen, k, 7 - k))
        return np.concatenate(links), np.concatenate(joining)

    def pairs(self, chosen: Bools, here: int, there: int) -> Ints:
        """Two voxels, (n, 2, 3), of each block of the chosen kinds."""
        ends = [self.voxels(chosen, one) for one in (here, there)]
        return self.heart.adjacency.index(np.stack(ends, axis=1))
