"""Narrow gaps of the background: where no ball with the diameter of an edge of the mesh fits between the tissue.

That is where the local thickness of what is not tissue is less than the edge: Hildebrand and Rüegsegger, "A new method
for the model-independent assessment of thickness in three-dimensional images", Journal of Microscopy 185(1), 1997.
64 voxels are looked at at once: a bit of a word is a voxel.
"""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray

from pycemrg_core.api import LabelArray, slack
from schematics_builtin.manifold.pinches import tissue_beside
from schematics_builtin.manifold.working_map import FACES, Bools, Ints, WorkingMap

Words = NDArray[np.uint64]

GAP = "narrow gap"
"""The rule that fills background between tissue where it is narrower than an edge of the mesh."""

_WORD = 64


def narrow_places(array: LabelArray, tissue: Bools, spacing: tuple[float, float, float], edge_mm: float) -> Ints:
    """The background voxels (n, 3) of a map that no ball with a diameter of ``edge_mm`` covers without touching tissue.

    The ball is the smallest whose voxels together are not thinner than the edge along any axis. So a gap between two
    planes is narrow if its voxels together are thinner than the edge. Blood gives a ball room, as background does.
    What lies outside the array is background. ``tissue`` says by integer which labels are tissue.
    """
    size = _size(spacing, edge_mm)
    if max(size) < 2:  # no gap is thinner than a voxel
        return np.zeros((0, 3), np.int64)
    margin = max(size)
    free = _packed(array, tissue, margin)
    narrow = (free & ~_opened(free, _ball(size)))[margin:-margin, margin:-margin]
    z, y, word = np.nonzero(narrow)
    bits = np.unpackbits(narrow[z, y, word].view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
    which, x = np.nonzero(bits)
    places = np.stack([z[which], y[which], word[which] * _WORD + x - margin], axis=1)
    places = places[((places[:, 2] >= 0) & (places[:, 2] < array.shape[2]))]
    found: Ints = places[array[tuple(places.T)] == 0]
    return found


def fill_gaps(work: WorkingMap, edge_mm: float) -> None:
    """Fill narrow gaps, layer by layer: each voxel becomes the tissue that it shares most faces with.

    A voxel between edges and corners of tissue stays: filled, it would hang on these alone.
    """
    places = narrow_places(work.array, work.tissue, work.spacing, edge_mm)
    while len(places):
        around = work.array[tuple(np.moveaxis(places[:, None, :] + FACES, 2, 0))]
        ready = work.tissue[around].any(axis=1)
        if not work.write(GAP, places[ready], tissue_beside(work, places[ready])).any():
            break
        places = places[~ready]


def _size(spacing: tuple[float, float, float], edge_mm: float) -> tuple[int, int, int]:
    """The fewest voxels along each axis that are not thinner than the edge."""
    z, y, x = (max(ceil((edge_mm - slack(spacing)) / size), 1) for size in spacing)
    return z, y, x


def _ball(size: tuple[int, int, int]) -> list[tuple[int, int, int, int]]:
    """A ball so many voxels across along each axis (z, y, x), as rows: z, y, and x from the first to after the last."""
    away = [((np.arange(n) - (n - 1) / 2) / (n / 2)) ** 2 for n in size]
    rows = []
    for z, y in np.ndindex(size[:2]):
        inside = np.flatnonzero(away[0][z] + away[1][y] + away[2] <= 1)
        if len(inside):
            rows.append((z, y, int(inside[0]), int(inside[-1]) + 1))
    return rows


def _packed(array: LabelArray, tissue: Bools, margin: int) -> Words:
    """What is not tissue, in an array with a margin on all sides that is not tissue either."""
    depth, height, width = (size + 2 * margin for size in array.shape)
    is_tissue = tissue.astype(np.uint8)
    packed = np.zeros((depth, height, -(-width // _WORD) * 8), np.uint8)
    line = np.zeros((array.shape[1], width), np.uint8)
    for z, plane in enumerate(array, margin):
        line[:, margin:-margin] = is_tissue.take(plane)  # faster than indexing
        bits = np.packbits(line, axis=1, bitorder="little")
        packed[z, margin:-margin, : bits.shape[1]] = bits
    found: Words = ~packed.view("<u8")
    return found


def _opened(free: Words, ball: list[tuple[int, int, int, int]]) -> Words:
    """The voxels that a ball inside of ``free`` covers."""
    deep, high = (1 + max(row[axis] for row in ball) for axis in (0, 1))
    depth, height, _ = free.shape
    shape = depth - deep + 1, height - high + 1
    fits = np.full((*shape, free.shape[2]), ~np.uint64(0))
    for first, last in sorted({row[2:] for row in ball}):
        run = _ahead(free, first)
        for step in range(first + 1, last):
            run &= _ahead(free, step)
        for z, y, *_ in (row for row in ball if row[2:] == (first, last)):
            fits &= run[z : z + shape[0], y : y + shape[1]]
    found = np.zeros_like(free)
    for first, last in sorted({row[2:] for row in ball}):
        run = _behind(fits, first)
        for step in range(first + 1, last):
            run |= _behind(fits, step)
        for z, y, *_ in (row for row in ball if row[2:] == (first, last)):
            found[z : z + shape[0], y : y + shape[1]] |= run
    return found


def _ahead(words: Words, step: int) -> Words:
    """The voxel that is ``step`` further along x; set beyond the end."""
    whole, bits = divmod(step, _WORD)
    wider = np.full((*words.shape[:2], words.shape[2] + whole + 1), ~np.uint64(0))
    wider[..., : words.shape[2]] = words
    found: Words = wider[..., whole : whole + words.shape[2]].copy()
    if bits:
        found >>= np.uint64(bits)
        found |= wider[..., whole + 1 :] << np.uint64(_WORD - bits)
    return found


def _behind(words: Words, step: int) -> Words:
    """The voxel that is ``step`` back along x; not set before the start."""
    whole, bits = divmod(step, _WORD)
    wider = np.zeros((*words.shape[:2], words.shape[2] + whole + 1), np.uint64)
    wider[..., whole + 1 :] = words
    found: Words = wider[..., 1 : 1 + words.shape[2]].copy()
    if bits:
        found <<= np.uint64(bits)
        found |= wider[..., : words.shape[2]] >> np.uint64(_WORD - bits)
    return found
