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
_BITS = 1 << np.arange(8)


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
    pairs = []
    for step in _AHEAD:
        beside = _codes(places + step)
        at = np.minimum(np.searchsorted(keys[order], beside), len(keys) - 1)
        near = np.flatnonzero(keys[order][at] == beside) if len(keys) else at
        pairs.append(np.stack([near, order[at[near]]], axis=1))
    return joined(len(places), pairs)


def _codes(places: Ints) -> Ints:
    """One number for each voxel."""
    found: Ints = (places[..., 0] << 42) + (places[..., 1] << 21) + places[..., 2]
    return found


def _between(array: LabelArray, tissue: Bools, places: Ints, of: Ints, count: int) -> tuple[tuple[int, ...], ...]:
    """For each gap, the two tissues that it has most faces with; or the only one."""
    beside = array[tuple(np.moveaxis(places[:, None, :] + _FACES, 2, 0))].astype(np.int64)
    chosen = tissue[beside]
    faces = np.zeros((count, len(tissue)), np.int64)
    np.add.at(faces, (np.repeat(of, len(_FACES)).reshape(beside.shape)[chosen], beside[chosen]), 1)
    order = np.argsort(-faces, axis=1, kind="stable")[:, :2]
    return tuple(tuple(sorted(one for one in row if faces[gap, one])) for gap, row in enumerate(order.tolist()))


def _euler_gains(array: LabelArray, tissue: Bools, places: Ints, of: Ints, count: int) -> Ints:
    """What each gap, filled, adds to the Euler number. No block of 2 x 2 x 2 voxels holds voxels of two gaps."""
    blocks = (places[:, None, :] - OFFSETS).reshape(-1, 3)
    _, first = np.unique(_codes(blocks), return_index=True)  # much faster than rows
    voxels = blocks[first][:, None, :] + OFFSETS
    filled = np.zeros(array.shape, np.bool_)
    filled[tuple(places.T)] = True
    at = tuple(np.moveaxis(voxels, 2, 0))
    before = tissue[array[at]]
    after = before | filled[at]
    gains = EULER[after @ _BITS] - EULER[before @ _BITS]
    found: Ints = np.bincount(of[first // len(OFFSETS)], weights=gains, minlength=count).astype(np.int64) // 8
    return found
