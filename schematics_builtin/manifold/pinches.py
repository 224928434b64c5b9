"""Pinches: where voxels of the tissue meet by an edge or a corner only, and filling them.

A pinch is a critical configuration of a block of 2 x 2 x 2 voxels, after Latecki, "3D well-composed pictures",
Graphical Models and Image Processing 59(3), 1997.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from schematics_builtin.manifold.working_map import FACES, NEVER, PINCH, Ints, WorkingMap, each_once

Words = NDArray[np.uint64]

_ONE = np.uint64(1)
_CARRY = np.uint64(63)

OFFSETS = np.array([[k >> 2 & 1, k >> 1 & 1, k & 1] for k in range(8)])
"""The place (z, y, x) of each voxel in a block: bit 0 is a step along x, bit 1 along y, bit 2 along z."""


def _configurations() -> Iterator[tuple[int, int, int, int]]:
    """Critical configurations of a block: the voxels to look at, those that are tissue, and two that would mend it."""
    for axis in range(3):
        u, v = (1 << other for other in range(3) if other != axis)
        for base in (0, 1 << axis):
            square = [base, base | u, base | v, base | u | v]
            for own, other in ((square[::3], square[1:3]), (square[1:3], square[::3])):
                yield sum(1 << k for k in square), sum(1 << k for k in own), other[0], other[1]
    for k in range(4):
        pair = 1 << k | 1 << (7 - k)
        yield 255, pair, k ^ 1, (7 - k) ^ 1
        yield 255, 255 - pair, k, 7 - k


_CONFIGURATIONS = tuple(_configurations())
IS_CRITICAL = np.array([any(code & seen == own for seen, own, _, _ in _CONFIGURATIONS) for code in range(256)])


def _euler_numbers() -> Ints:
    inside = (np.arange(256)[:, None] >> np.arange(8) & 1).astype(np.int64)
    found: Ints = 8 * inside.any(axis=1) - inside.sum(axis=1)
    for step in (1, 2, 4):
        low = [k for k in range(8) if not k & step]
        a, b = inside[:, low], inside[:, [k + step for k in low]]
        found += 2 * (a | b).sum(axis=1) - 4 * a.any(axis=1) - 4 * b.any(axis=1)
    return found


EULER = _euler_numbers()
"""What a block adds to eight times the Euler number of its voxels, as closed cubes, by its bits."""


def pinched_blocks(work: WorkingMap) -> Ints:
    """The first voxels of the blocks, of the whole map, in which the tissue is pinched.

    64 blocks at a time: a bit of a word is a voxel.
    """
    found = [np.zeros((0, 3), np.int64)]
    is_tissue = work.tissue.astype(np.uint8)
    below: tuple[Words, Words] | None = None
    for z, plane in enumerate(work.array):
        packed = _pack(is_tissue.take(plane))  # faster than indexing
        next_x = packed >> _ONE
        next_x[:, :-1] |= packed[:, 1:] << _CARRY
        above = packed, next_x
        if below is not None:
            hit = _critical_bits(below, above)
            if hit.any():
                y, word = np.nonzero(hit)
                bits = np.unpackbits(hit[y, word].view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
                which, x = np.nonzero(bits)
                found.append(np.stack([np.full(len(which), z - 1), y[which], word[which] * 64 + x], axis=1))
        below = above
    return np.concatenate(found)


def _pack(plane: NDArray[np.uint8]) -> Words:
    """64 voxels of a line in a word, the first in its lowest bit."""
    height, width = plane.shape
    words = np.zeros((height, -(-width // 64) * 8), np.uint8)
    bits = np.packbits(plane, axis=1, bitorder="little")
    words[:, : bits.shape[1]] = bits
    return words.view("<u8")


def _critical_bits(below: tuple[Words, Words], above: tuple[Words, Words]) -> Words:
    """The blocks between two planes that are critical. Each plane comes as its words and those one step along x."""
    a, b, e, f = below[0][:-1], below[1][:-1], above[0][:-1], above[1][:-1]
    c, d, g, h = below[0][1:], below[1][1:], above[0][1:], above[1][1:]
    ab, cd, ef = a ^ b, c ^ d, e ^ f
    hit: Words = ab & cd & (a ^ c)  # the square at z
    hit |= ab & ef & (a ^ e)  # at y
    hit |= (a ^ c) & (e ^ g) & (a ^ e)  # at x
    # Two opposite voxels against the other six: the four diagonals are equal at both ends, and one of them differs.
    hit |= ~((a ^ h) | (b ^ g) | (c ^ f) | (d ^ e)) & (a ^ b ^ c ^ d)
    return hit


def blocks_around(places: Ints) -> Ints:
    """The blocks that hold one of some voxels, each once."""
    blocks = (places[:, None, :] - OFFSETS).reshape(-1, 3)
    return each_once(blocks)


def fill_pinches(work: WorkingMap, blocks: Ints) -> tuple[Ints, Ints]:
    """Fill a voxel of each pinch in some blocks, and of those that this makes, until there is none.

    Returns the voxels filled and the label that each had.
    """
    filled, was = [np.zeros((0, 3), np.int64)], [np.zeros(0, np.int64)]
    costs = work.costs()
    forbidden = np.zeros(0, np.int64)
    while len(blocks := critical_blocks(work, blocks)):
        code = _tissue_bits(work, blocks)
        pairs = []
        for seen, own, *either in _CONFIGURATIONS:
            here = blocks[(code & seen) == own]
            pairs.append(np.stack([here + OFFSETS[k] for k in either], axis=1))
        places = np.concatenate(pairs)
        cost = costs[work.array[tuple(np.moveaxis(places, 2, 0))]]
        if len(forbidden):
            flat = np.ravel_multi_index(tuple(np.moveaxis(places, 2, 0)), work.array.shape)
            cost = np.where(np.isin(flat, forbidden), NEVER, cost)
        # Of two that cost the same, the first in array order.
        swap = cost[:, 0] > cost[:, 1]
        chosen = np.where(swap[:, None], places[:, 1], places[:, 0])[cost.min(axis=1) < NEVER]
        chosen = each_once(chosen)
        old = work.array[tuple(chosen.T)].astype(np.int64)
        written = work.write(PINCH, chosen, tissue_beside(work, chosen))
        filled.append(chosen[written])
        was.append(old[written])
        # Where a voxel may not be filled, the other one of the pair is tried.
        forbidden = np.append(forbidden, np.ravel_multi_index(tuple(chosen[~written].T), work.array.shape))
        blocks = blocks_around(chosen)
    return np.concatenate(filled), np.concatenate(was)


def critical_blocks(work: WorkingMap, blocks: Ints) -> Ints:
    """Those of some blocks in which the tissue is pinched."""
    found: Ints = blocks[IS_CRITICAL[_tissue_bits(work, blocks)]]
    return found


def _tissue_bits(work: WorkingMap, blocks: Ints) -> Ints:
    """The tissue of each block, a bit for each of its voxels."""
    code = np.zeros(len(blocks), np.int64)
    for k, offset in enumerate(OFFSETS):
        code |= work.tissue[work.array[tuple((blocks + offset).T)]].astype(np.int64) << k
    return code


def tissue_beside(work: WorkingMap, places: Ints) -> Ints:
    """The tissue that each voxel shares most faces with; of equal ones the smallest integer."""
    around = work.array[tuple(np.moveaxis(places[:, None, :] + FACES, 2, 0))].astype(np.int64)
    votes = (around[:, :, None] == around[:, None, :]).sum(axis=2)
    score = np.where(work.tissue[around], votes * (1 << 40) - around, -1)
    found: Ints = around[np.arange(len(places)), score.argmax(axis=1)]
    return found
