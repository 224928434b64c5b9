"""Which labels are next to each other: the 2 x 2 x 2 blocks of a label map with more than one label.

Every face, edge or corner where voxels meet is inside some block of 2 x 2 x 2 voxels. Blocks with only one label
are not needed. There are many other blocks, but only a few different patterns. So the map is read once, plane by
plane, and all later questions are answered from the different patterns only.

Indices are (z, y, x). Voxels outside the image count as background.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_core.errors import ImageError
from pycemrg_core.images.label_volume import LabelVolume, Region, as_region, hull

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.uint8]

MOST_LABELS = 255
"""The largest number of different labels; a heart has a few dozen."""

# The number k of a voxel in a block is its position: bit 0 is a step along x, bit 1 along y, bit 2 along z.
_STEPS = (4, 2, 1)  # along z, y, x
# For each step, the voxels of a block before it.
_PLANES = {step: [k for k in range(8) if not k & step] for step in _STEPS}
# The diagonals of the squares that contain the first voxel of the block, each with the other one of its square.
_SQUARES = [pair for a, b in (((0, 3), (1, 2)), ((0, 5), (1, 4)), ((0, 6), (2, 4))) for pair in ((a, b), (b, a))]

_HASH = np.uint64(0x9E3779B97F4A7C15)  # the golden ratio, of which a multiple of any code spreads over all bits


@frozen(eq=False)
class Faces:
    """Voxel faces between two sets of labels: the voxels (n, 3) on the first side, one row for each face.

    ``axis`` is the axis (0 z, 1 y, 2 x) perpendicular to each face.
    """

    voxels: Ints
    axis: Ints

    def mm2(self, spacing: tuple[float, float, float]) -> float:
        """The area of the faces; ``spacing`` is (z, y, x) in mm."""
        size = np.prod(spacing) / np.array(spacing)
        return float(np.bincount(self.axis, minlength=3) @ size)


@frozen(eq=False)
class Pinches:
    """Places where voxels of a set of labels share only an edge or a corner; the voxels (n, 3), each once.

    A surface is not a manifold at such a place. ``edges`` and ``corners`` are the numbers of places.
    """

    voxels: Ints
    edges: int
    corners: int


@frozen(eq=False)
class Adjacency:
    """The different blocks of a label map, (m, 8) codes in ``patterns``, and the places of each.

    ``labels[code]`` is the label of a code. Blocks of pattern i have their first voxel at the flat indices
    ``places[starts[i]:starts[i + 1]]`` of the array of ``shape`` whose first voxel has the index ``corner``.
    """

    labels: tuple[int, ...]
    patterns: Codes
    places: Ints
    starts: Ints
    shape: tuple[int, int, int]
    corner: Ints

    @classmethod
    def of(cls, volume: LabelVolume) -> Adjacency:
        """Read a label map. Raises :class:`ImageError` when it has more than 255 different labels."""
        boxes = volume.boxes
        if len(boxes) > MOST_LABELS:
            raise ImageError(
                f"the image has {len(boxes):,} different labels; give the labels of a heart, at most {MOST_LABELS}"
            )
        labels = (0, *boxes)
        region = hull(*boxes.values())
        shape = as_shape(region, 2)
        array, known = volume.array[region], np.array(labels)
        places, codes = _read(array, known, shape)
        order, found, starts = _sorted(codes)
        patterns = found.astype("<u8").view(np.uint8).reshape(-1, 8)
        if array.dtype == np.uint8:
            patterns = np.searchsorted(known, patterns).astype(np.uint8)
        corner = np.array([axis.start - 1 for axis in region])
        return cls(labels, patterns, places.take(order), starts, shape, corner)

    @property
    def counts(self) -> Ints:
        """The number of blocks with each pattern."""
        return np.diff(self.starts)

    def touching(self) -> dict[tuple[int, int], int]:
        """The number of faces between two labels, the smaller label first; 0 is the background."""
        size = len(self.labels)
        table = np.zeros(size * size)
        for step in _STEPS:
            a, b = self.patterns[:, 0].astype(np.int64), self.patterns[:, step].astype(np.int64)
            low, high = np.minimum(a, b), np.maximum(a, b)
            table += np.bincount(low * size + high, weights=self.counts, minlength=size * size)
        pairs = ((divmod(int(at), size), int(table[at])) for at in np.flatnonzero(table))
        return {(self.labels[a], self.labels[b]): faces for (a, b), faces in pairs if a != b}

    def faces(self, first: Collection[int], second: Collection[int]) -> Faces:
        """The faces between the labels of two disjoint sets."""
        in_first, in_second = self._members(first), self._members(second)
        voxels, axes = [], []
        for axis, step in enumerate(_STEPS):
            for here, there in ((0, step), (step, 0)):
                voxels.append(self.voxels(in_first[:, here] & in_second[:, there], here))
                axes.append(np.full(len(voxels[-1]), axis))
        return Faces(self.index(np.concatenate(voxels)), np.concatenate(axes))

    def pinches(self, labels: Collection[int]) -> Pinches:
        """Places where the labels, as one structure, share only an edge or a corner, or where their outside does.

        These are the critical configurations of Latecki, "3D well-composed pictures", Graphical Models and Image
        Processing 59(3), 1997: a square with one diagonal inside and the other not, and a block in which two
        opposite voxels are inside and the other six are not, or the reverse.
        """
        inside = self._bits(labels)
        found, counts = [np.zeros(0, np.int64)], [0, 0]
        kinds: list[tuple[int, Bools, Sequence[int]]]
        kinds = [(0, inside & _bits(*own, *other) == _bits(*own), own) for own, other in _SQUARES]
        for k in range(4):
            for pair in (_bits(k, 7 - k), 255 ^ _bits(k, 7 - k)):
                kinds.append((1, inside == pair, [at for at in range(8) if pair >> at & 1]))
        for kind, critical, own in kinds:
            if critical.any():
                first = self.voxels(critical)
                counts[kind] += len(first)
                found += [first + self._offset(k) for k in own]
        return Pinches(self.index(np.unique(np.concatenate(found))), *counts)

    def fillings(self, labels: Collection[int]) -> Ints:
        """For each place of :meth:`pinches`, two voxels, (n, 2, 3); filling either with one of the labels repairs it.

        A place where voxels share only a corner, and no other voxel of the block is inside, first becomes one with
        an edge.
        """
        inside = self._bits(labels)
        pairs = [(inside & _bits(*own, *other) == _bits(*own), other) for own, other in _SQUARES]
        for k in range(4):
            pairs.append((inside == _bits(k, 7 - k), (k ^ 1, (7 - k) ^ 1)))
            pairs.append((inside == 255 ^ _bits(k, 7 - k), (k, 7 - k)))
        flat = [np.stack([self.voxels(critical, one) for one in pair], axis=1) for critical, pair in pairs]
        return self.index(np.concatenate(flat))

    def euler_number(self, labels: Collection[int]) -> int:
        """The Euler number of the labels as one structure: its voxels are closed cubes, so corners and edges join (26).

        It is the number of components, minus that of tunnels, plus that of cavities: vertices - edges + faces - cubes.
        """
        inside = self._members(labels)
        found = 8 * inside.any(axis=1) - inside.sum(axis=1)
        for step in _STEPS:
            low, high = inside[:, _PLANES[step]], inside[:, [k + step for k in _PLANES[step]]]
            found -= 4 * (low.any(axis=1).astype(np.int64) + high.any(axis=1))  # half of an edge is in the block
            found += 2 * (low | high).sum(axis=1)  # a quarter of a face
        return int(found @ self.counts) // 8

    def _members(self, labels: Collection[int]) -> Bools:
        wanted = np.isin(np.array(self.labels), list(labels))
        found: Bools = wanted[self.patterns]
        return found

    def _bits(self, labels: Collection[int]) -> Codes:
        """Which voxels of each pattern have one of the labels: bit k is voxel k."""
        return np.packbits(self._members(labels), axis=1, bitorder="little")[:, 0]

    def voxels(self, chosen: Bools, k: int = 0) -> Ints:
        """The flat indices of voxel ``k`` of all blocks with the chosen patterns; :meth:`index` gives their indices."""
        which = np.flatnonzero(chosen)
        spans = [self.places[a:b] for a, b in zip(*(self.starts[which + i].tolist() for i in (0, 1)), strict=True)]
        found: Ints = np.concatenate([np.zeros(0, np.int64), *spans])
        found += self._offset(k)
        return found

    def _offset(self, k: int) -> int:
        """From the flat index of the first voxel of a block to that of voxel ``k``."""
        _, height, width = self.shape
        return (k & 1) + (k >> 1 & 1) * width + (k >> 2) * height * width

    def index(self, flat: Ints) -> Ints:
        """Indices (z, y, x) in the image, (..., 3), of flat indices."""
        found: Ints = np.stack(np.unravel_index(flat, self.shape), axis=-1) + self.corner
        return found


def as_shape(region: Region, margin: int = 0) -> tuple[int, int, int]:
    """The shape (z, y, x) of a box, larger by ``margin``."""
    z, y, x = (axis.stop - axis.start + margin for axis in as_region(region))
    return z, y, x


def _bits(*voxels: int) -> int:
    """The voxels of a block as bits."""
    return sum(1 << k for k in voxels)


def _read(array: NDArray[np.integer], labels: Ints, shape: tuple[int, int, int]) -> tuple[Ints, NDArray[np.uint64]]:
    """The flat index of the first voxel, and the code, of each non-uniform block; ``shape`` has a margin of one.

    A code is the eight voxels, one byte each: the label itself where all labels are bytes, otherwise its number.
    """
    depth, height, width = shape
    places, codes = [np.zeros(0, np.int64)], [np.zeros(0, np.uint64)]
    below = np.zeros(height * width, np.uint8)
    mixed_below = np.zeros(max(len(below) - width - 1, 0), np.bool_)  # where the squares have more than one label
    for z in range(depth - 1):
        plane = np.zeros((height, width), np.uint8)
        if z < depth - 2:
            plane[1:-1, 1:-1] = array[z] if array.dtype == np.uint8 else np.searchsorted(labels, array[z])
        above = plane.reshape(-1)
        along_x = above[1:] != above[:-1]
        mixed_above = along_x[:-width] | along_x[width:]
        mixed_above |= above[width:-1] != above[: -width - 1]
        chosen = mixed_above | mixed_below
        chosen |= above[: -width - 1] != below[: -width - 1]
        at = np.flatnonzero(chosen)
        places.append(at + z * height * width)
        codes.append(_squares(below, at, width) | _squares(above, at, width) << np.uint64(32))
        below, mixed_below = above, mixed_above
    return np.concatenate(places), np.concatenate(codes)


def _squares(plane: Codes, at: Ints, width: int) -> NDArray[np.uint64]:
    """The four voxels of some squares of a plane, one byte each."""
    pairs = plane[1:].astype(np.uint16) << np.uint16(8)
    pairs |= plane[:-1]
    found: NDArray[np.uint64] = pairs[width:].take(at).astype(np.uint64)
    found <<= np.uint64(16)
    found |= pairs.take(at)
    return found


def _sorted(codes: NDArray[np.uint64]) -> tuple[Ints, NDArray[np.uint64], Ints]:
    """The stable order of the codes, the different codes, and where each starts in that order, and the last ends.

    Few codes are different. So their hashes, each with its place in the lower half, are sorted in place, which is
    several times as fast as a stable order of the codes; then the groups of equal codes are brought into order.
    """
    size, lower = len(codes), np.uint64(2**32 - 1)
    keys = codes * _HASH
    keys &= ~lower
    keys |= np.arange(size, dtype=np.uint64)
    keys.sort()
    keys &= lower
    order = keys.astype(np.int64)
    del keys
    different, first, sizes = _groups(codes.take(order))
    by_code = np.argsort(different)
    different, first, sizes = different[by_code], first[by_code], sizes[by_code]
    if (different[1:] == different[:-1]).any() or size > lower:  # two codes have one hash
        order = np.argsort(codes, kind="stable")
        different, first, sizes = _groups(codes[order])
    ends = np.cumsum(sizes)
    order = order.take(np.repeat(first - ends + sizes, sizes) + np.arange(size))
    return order, different, np.append(0, ends)


def _groups(codes: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], Ints, Ints]:
    """Of codes of which equal ones are in a row: each code, where its row begins, and how long the row is."""
    first = np.flatnonzero(np.append(codes[:1] >= 0, codes[1:] != codes[:-1]))
    return codes[first], first, np.diff(first, append=len(codes))
