"""Dilation of a mask by a ball of exact Euclidean radius, 64 voxels at a time.

A wall consists of the voxels within a few voxels of a label, so the distance itself is not needed, only whether it
is below a threshold. The ball is a stack of line segments along x: the mask is widened along x to each half-width
of the ball, then the widened masks are shifted along y and z and united. With one bit per voxel and 64 voxels per
word, this takes a small fraction of the time of a distance transform, and the result is the same set of voxels.
"""

from __future__ import annotations

from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Words = NDArray[np.uint64]

_ONE = np.uint64(1)
_CARRY = np.uint64(63)


def slack(spacing: tuple[float, float, float]) -> float:
    """The tolerance in mm: a distance this far beyond a threshold still counts as within it.

    It makes 5 x 0.4 mm equal to 2.0 mm, despite floating-point rounding.
    """
    return 1e-3 * min(spacing)


def dilate(mask: Mask, spacing: tuple[float, float, float], radius_mm: float) -> Mask:
    """All voxels whose centre is at most ``radius_mm`` from the centre of a voxel of ``mask``.

    ``mask`` is (z, y, x), ``spacing`` is (z, y, x) in mm. A distance equal to the radius is within. The result has
    the shape of the mask; voxels outside the array do not count.
    """
    if not mask.size:
        return mask
    spacing_z, spacing_y, spacing_x = spacing
    squared = (radius_mm + slack(spacing)) ** 2
    depth, height, width = mask.shape
    discs = []
    # Shifts beyond the image have no effect. The remaining radius can be negative through rounding.
    for dz in range(min(int(sqrt(squared) / spacing_z) + 1, depth)):
        left_z = max(squared - (dz * spacing_z) ** 2, 0.0)
        lines = range(min(int(sqrt(left_z) / spacing_y) + 1, height))
        half_widths = [int(sqrt(max(left_z - (dy * spacing_y) ** 2, 0.0)) / spacing_x) for dy in lines]
        # A segment wider than the image fills every line that has a voxel.
        discs.append([min(half_width, width) for half_width in half_widths])
    widened = [_pack(mask)]
    del mask  # nobody else may have it, and the result is as large
    while len(widened) <= discs[0][0]:
        widened.append(_widen(widened[-1]))
    ball, disc = np.zeros_like(widened[0]), np.zeros_like(widened[0])
    united: dict[int, int] = {}
    # From the smallest disc to the largest: each contains the one before.
    for dz in range(len(discs) - 1, -1, -1):
        for dy, half_width in enumerate(discs[dz]):
            if united.get(dy) != half_width:
                united[dy] = half_width
                _unite(disc, widened[half_width], dy, axis=1)
        _unite(ball, disc, dz, axis=0)
    return _unpack(ball, width)


def distances(mask: Mask, spacing: tuple[float, float, float], limit_mm: float) -> NDArray[np.float64]:
    """The distance in mm, up to a small limit, of each voxel to the nearest of ``mask``; infinite beyond.

    Ties are within. It costs a few passes for each voxel of the limit.
    """
    squared = np.where(mask, 0.0, inf)
    for axis, size in enumerate(spacing):
        moved = np.moveaxis(squared, axis, 0)
        best = moved.copy()
        for step in range(1, min(int((limit_mm + slack(spacing)) / size) + 1, len(moved))):
            np.minimum(best[step:], moved[:-step] + (step * size) ** 2, out=best[step:])
            np.minimum(best[:-step], moved[step:] + (step * size) ** 2, out=best[:-step])
        squared = np.moveaxis(best, 0, axis)
    mm: NDArray[np.float64] = np.sqrt(squared)
    mm[mm > limit_mm + slack(spacing)] = inf
    return mm


def _pack(mask: Mask) -> Words:
    depth, height, width = mask.shape
    words = np.zeros((depth, height, -(-width // 64) * 8), np.uint8)
    bits = np.packbits(mask, axis=2, bitorder="little")
    words[..., : bits.shape[2]] = bits
    return words.view("<u8")


def _unpack(words: Words, width: int) -> Mask:
    return np.unpackbits(words.view(np.uint8), axis=2, count=width, bitorder="little").view(np.bool_)


def _widen(words: Words) -> Words:
    """Make each line one voxel longer at both ends, across the borders of words."""
    wider = words << _ONE
    more = words >> _ONE
    wider |= more
    wider |= words
    if words.shape[2] > 1:
        # A line has few words, so all lines are shifted as one, and nothing is carried from one to the next.
        np.right_shift(words, _CARRY, out=more)
        more[..., -1] = 0
        wider.reshape(-1)[1:] |= more.reshape(-1)[:-1]
        np.left_shift(words, _CARRY, out=more)
        more[..., 0] = 0
        wider.reshape(-1)[:-1] |= more.reshape(-1)[1:]
    return wider


def _unite(target: Words, source: Words, shift: int, axis: int) -> None:
    """Add ``source``, shifted by ``shift`` in both directions along ``axis``, to ``target``."""
    if shift == 0:
        target |= source
        return
    ahead: list[slice] = [slice(None)] * 3
    behind: list[slice] = [slice(None)] * 3
    ahead[axis], behind[axis] = slice(shift, None), slice(None, -shift)
    target[tuple(ahead)] |= source[tuple(behind)]
    target[tuple(behind)] |= source[tuple(ahead)]
