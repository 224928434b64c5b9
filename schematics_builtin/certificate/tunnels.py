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
from schematics_builtin.certificate.joining import across, faces_of, joined

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
    found, tissue = heart.components, heart.meshed
    label = found.label
    counts = np.bincount(label, minlength=int(label.max()) + 1)
    whole = [one for one in tissue if counts[one] == 1]
    number = {one: int(np.flatnonzero(label == one)[0]) for one in whole}
    touching = [(number[a], number[b]) for a in whole for b in whole if a < b and heart.faces_between(a, b)]
    pairs = [np.array(touching, np.int64).reshape(-1, 2)]
    split = [one for one in tissue if counts[one] > 1]
    for k, one in enumerate(split):
        pairs.append(across(heart, faces_of(heart, one, [*whole, *split[:k]])))
    free = [0, *heart.lumens]
    pairs.append(across(heart, heart.adjacency.fillings(free)))  # where tissue meets by an edge or a corner only
    of = joined(len(label) + 1, pairs)
    return len(np.unique(of[:-1][np.isin(label, tissue)]))


def _loops(heart: Heart, openings: Ints, joining: Ints) -> int:
    """The loops of the graph in which openings join bodies of blood and of background.

    ``joining`` are pairs of voxels, (n, 2, 3), of background that belong together although they share no face.
    """
    outside = len(heart.components.label)
    lumens, at_edge = heart.lumens, np.flatnonzero(heart.components.outside)
    same = [across(heart, faces_of(heart, one, lumens[:k])) for k, one in enumerate(lumens) if k]
    same.append(across(heart, joining))
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
    faces = [blocks.faces(0, step) for step in (1, 2, 4)]
    keys = np.concatenate([key[is_open] for is_open, key in faces])
    of_blood = np.concatenate([blocks.blood[is_open, 0] for is_open, _ in faces])
    order = np.argsort(keys)
    keys, of_blood = keys[order], of_blood[order]
    links, joining = zip(*blocks.squares(), blocks.corners(), strict=True)
    patch = joined(len(keys), [np.searchsorted(keys, np.concatenate(links))])
    one = np.unique(patch, return_index=True)[1]
    at, step = np.divmod(keys[one], 8)
    voxels = blocks.places(at)
    pairs = np.stack([voxels, voxels + (step[:, None] >> [2, 1, 0] & 1)], axis=1)
    pairs[~of_blood[one]] = pairs[~of_blood[one]][:, ::-1]
    return pairs, np.concatenate(joining)


@frozen(eq=False)
class _Blocks:
    """The blocks of 2 x 2 x 2 voxels with both blood and background: which voxels, (n, 8), are which, and the flat
    index of the first voxel in the array of the adjacency."""

    blood: Bools
    empty: Bools
    first: Ints
    heart: Heart

    @classmethod
    def of(cls, heart: Heart) -> _Blocks:
        found = heart.adjacency
        codes = np.array(found.labels)
        blood, empty = np.isin(codes, heart.lumens)[found.patterns], (codes == 0)[found.patterns]
        pattern = np.repeat(np.arange(len(blood)), found.counts)
        chosen = (blood.any(axis=1) & empty.any(axis=1))[pattern]
        return cls(blood[pattern[chosen]], empty[pattern[chosen]], found.places[chosen], heart)

    def places(self, flat: Ints) -> Ints:
        """Indices (z, y, x) in the image."""
        whole = self.heart.adjacency
        return np.stack(np.unravel_index(flat, whole.shape), axis=-1) + whole.corner

    def voxels(self, here: int, chosen: Bools) -> Ints:
        """The flat indices of one voxel of some blocks."""
        _, height, width = self.heart.adjacency.shape
        steps = (here & 1) + (here >> 1 & 1) * width + (here >> 2) * height * width
        return self.first[chosen] + steps

    def faces(self, here: int, step: int) -> tuple[Bools, Ints]:
        """Which blocks have a face of blood and background between a voxel and the next, and the number of the face."""
        there = here + step
        is_open = (self.blood[:, here] & self.empty[:, there]) | (self.empty[:, here] & self.blood[:, there])
        return is_open, 8 * self.voxels(here, np.ones(len(self.first), np.bool_)) + step

    def squares(self) -> Iterator[tuple[Ints, Ints]]:
        """Pairs of faces that are connected at an edge, and pairs of background voxels that are."""
        free = self.blood | self.empty
        for a, b in ((1, 2), (1, 4), (2, 4)):
            whole = free[:, [0, a, b, a + b]].all(axis=1)
            sides = [self.faces(0, a), self.faces(b, a), self.faces(0, b), self.faces(a, b)]
            crossed = whole & np.all([is_open for is_open, _ in sides], axis=0)
            for (i, one), (j, other) in combinations(enumerate(sides), 2):
                linked = whole & one[0] & other[0] & ~crossed
                # Crossed: of the two at a voxel of blood, which is the first or else the one along a.
                if {i, j} in ({0, 2}, {1, 3}):
                    linked |= crossed & self.blood[:, 0]
                elif {i, j} in ({0, 3}, {1, 2}):
                    linked |= crossed & ~self.blood[:, 0]
                yield np.stack([one[1][linked], other[1][linked]], axis=1), np.zeros((0, 2, 3), np.int64)
            for here, there in ((0, a + b), (a, b)):
                chosen = crossed & self.empty[:, here]
                pairs = [self.places(self.voxels(one, chosen)) for one in (here, there)]
                yield np.zeros((0, 2), np.int64), np.stack(pairs, axis=1)

    def corners(self) -> tuple[Ints, Ints]:
        """The same where two opposite voxels of a block are background and the other six are blood."""
        links, joining = [np.zeros((0, 2), np.int64)], [np.zeros((0, 2, 3), np.int64)]
        for k in range(4):
            chosen = self.empty[:, k] & self.empty[:, 7 - k] & (self.blood.sum(axis=1) == 6)
            ends = [self.faces(min(one, one ^ 1), 1)[1][chosen] for one in (k, 7 - k)]
            links.append(np.stack(ends, axis=1))
            joining.append(np.stack([self.places(self.voxels(one, chosen)) for one in (k, 7 - k)], axis=1))
        return np.concatenate(links), np.concatenate(joining)
