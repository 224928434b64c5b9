"""Gaps of the background between walls that are narrower than an edge of the mesh that is to be made."""

from __future__ import annotations

from itertools import product

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_core.api import Heart, Ints, LabelArray
from schematics_builtin.certificate.joining import joined
from schematics_builtin.manifold import EULER, OFFSETS, narrow_places

Bools = NDArray[np.bool_]

_FACES = np.array([[-1, 0, 0], [0, -1, 0], [0, 0, -1], [0, 0, 1], [0, 1, 0], [1, 0, 0]])
# One of each two opposite steps to the 26 voxels round a voxel.
_AHEAD = np.array([step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0)])


@frozen(eq=False)
class Gaps:
    """The background voxels, (n, 3), of gaps thinner than ``edge_mm``, the gap ``of`` each, and what the gaps do.

    Voxels of one gap are connected through faces, edges and corners. By gap: ``between``, the two tissues that it has
    most faces with, or one; and ``euler``, what filling it would add to the Euler number of the tissue. If that is
    more than 0, the gap is part of a tunnel, or shuts in a space.
    """

    edge_mm: float
    places: Ints
    of: Ints
    between: tuple[tuple[int, ...], ...]
    euler: Ints


def gaps_of(heart: Heart, edge_mm: float) -> Gaps:
    """The gaps thinner than an edge."""
    volume = heart.volume
    region = volume.region(heart.meshed)
    corner = np.array([axis.start for axis in region])
    array = np.pad(volume.array[region], 1)
    labels = np.arange(int(array.max(initial=0)) + 1) if array.max(initial=0) < 2**16 else np.unique(array)
    if len(labels) <= array.max(initial=0):
        array = np.searchsorted(labels, array)
    tissue = np.isin(labels, heart.meshed)
    places = narrow_places(array, tissue, volume.spacing, edge_mm)
    of = _connected(places)
    count = int(of.max(initial=-1)) + 1
    between = tuple(tuple(labels[[*pair]].tolist()) for pair in _between(array, tissue, places, of, count))
    return Gaps(edge_mm, places + corner - 1, of, between, _euler_gains(array, tissue, places, of, count))


def _connected(places: Ints) -> Ints:
    """The number of the component, through faces, edges and corners, of each of some voxels."""
    keys = _codes(places)
    order = np.argsort(keys)
    ordered, pairs = keys[order], []
    for step in _AHEAD:
        beside = keys + _codes(step)
        at = np.minimum(np.searchsorted(ordered, beside), len(keys) - 1)
        near = np.flatnonzero(ordered[at] == beside) if len(keys) else at
        pairs.append(np.stack([near, order[at[near]]], axis=1))
    return joined(len(places), pairs)


def _codes(places: Ints) -> Ints:
    """One number for each voxel."""
    found: Ints = (places[..., 0] << 42) + (places[..., 1] << 21) + places[..., 2]
    return found


def _between(array: LabelArray, tissue: Bools, places: Ints, of: Ints, count: int) -> tuple[tuple[int, ...], ...]:
    """For each gap, the two tissues that it has most faces with; or the only one."""
    flat = np.ravel_multi_index(tuple(places.T), array.shape)
    beside = array.reshape(-1).take(flat[:, None] + _steps(_FACES, array)).astype(np.int64)
    chosen = tissue[beside]
    keys = (of[:, None] * len(tissue) + beside)[chosen]
    faces = np.bincount(keys, minlength=count * len(tissue)).reshape(count, len(tissue))
    order = np.argsort(-faces, axis=1, kind="stable")[:, :2]
    return tuple(tuple(sorted(one for one in row if faces[gap, one])) for gap, row in enumerate(order.tolist()))


def _euler_gains(array: LabelArray, tissue: Bools, places: Ints, of: Ints, count: int) -> Ints:
    """What each gap, filled, adds to the Euler number. No block of 2 x 2 x 2 voxels holds voxels of two gaps."""
    steps = _steps(OFFSETS, array)
    flat = np.ravel_multi_index(tuple(places.T), array.shape)
    blocks, first = np.unique((flat[:, None] - steps).ravel(), return_index=True)
    filled = np.zeros(array.size, np.bool_)
    filled[flat] = True
    voxels = blocks[:, None] + steps
    before = tissue.take(array.reshape(-1).take(voxels))
    after = before | filled.take(voxels)
    bits, bits_after = (np.packbits(one, axis=1, bitorder="little")[:, 0] for one in (before, after))
    gains = EULER[bits_after] - EULER[bits]
    found: Ints = np.bincount(of[first // len(OFFSETS)], weights=gains, minlength=count).astype(np.int64) // 8
    return found


def _steps(offsets: Ints, array: LabelArray) -> Ints:
    """From the flat index of a voxel to those at some offsets (n, 3), where all are inside the array."""
    _, height, width = array.shape
    found: Ints = offsets @ [height * width, width, 1]
    return found
