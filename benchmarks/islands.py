"""Rows of ``all.py``: a label map with a million islands, against ``cc3d`` on the same map.

The map has 512 x 512 x 300 voxels and 14 labels: the real heart, resampled so that it nearly fills the map, and a
million loose voxels of all labels. What ``cc3d`` needs for the same work: the components of all labels and their
sizes, for islands also the contacts between components; the decision which component becomes what is made with numpy.
Both results must be the same voxels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from hearts import LABELS, LARGE_SPACING, large, with_islands
from measuring import Measured, Row, in_turns
from numpy.typing import NDArray

from pycemrg_core.api import Edit, LabelVolume, keep_largest_component, reassign_islands

COUNT = 1_000_000
Array = NDArray[Any]


def written(array: Array, edits: Iterable[Edit]) -> Array:
    """The array after the edits."""
    result = array.copy()
    for edit in edits:
        result[edit.region][edit.mask] = edit.label
    return result


def by_cc3d(array: Array) -> tuple[Array, Array, Array]:
    """The component of each voxel, the label of each component, and whether it is the largest of its label."""
    import cc3d

    of_voxel, count = cc3d.connected_components(array, connectivity=6, return_N=True)
    voxels = np.bincount(of_voxel.ravel(), minlength=count + 1)
    label = np.zeros(count + 1, array.dtype)
    label[of_voxel.ravel()] = array.ravel()
    order = np.lexsort((np.arange(count + 1), -voxels, label))
    largest = np.zeros(count + 1, np.bool_)
    largest[order[np.append(True, np.diff(label[order].astype(int)) != 0)]] = True
    return of_voxel, label, largest


def kept_by_cc3d(array: Array) -> Array:
    """Only the largest component of each label."""
    of_voxel, label, largest = by_cc3d(array)
    return np.asarray(np.where(largest, label, 0).astype(array.dtype)[of_voxel])


def given_by_cc3d(array: Array) -> Array:
    """Each island belongs to the neighbour with the largest common surface; what touches only islands follows these."""
    import cc3d

    of_voxel, label, largest = by_cc3d(array)
    areas = cc3d.contacts(of_voxel, connectivity=6, surface_area=True, anisotropy=LARGE_SPACING[::-1])
    pairs = np.array(list(areas), np.int64).reshape(-1, 2)
    area = np.array(list(areas.values()))
    island, other = np.concatenate([pairs, pairs[:, ::-1]]).T
    area = np.concatenate([area, area])
    future = np.where(largest | (label == 0), label.astype(np.int64), -1)
    island, other, area = (one[(future[island] < 0) & (label[other] > 0)] for one in (island, other, area))
    while np.any(ready := (future[island] < 0) & (future[other] >= 0)):
        keys, place = np.unique(island[ready] * 256 + future[other[ready]], return_inverse=True)
        total = np.bincount(place, weights=area[ready])
        owner, candidate = np.divmod(keys, 256)
        order = np.lexsort((candidate, -total.round(6), owner))
        first = order[np.append(True, np.diff(owner[order]) != 0)]
        future[owner[first]] = candidate[first]
        island, other, area = island[~ready], other[~ready], area[~ready]
    return np.asarray(np.maximum(future, 0).astype(array.dtype)[of_voxel])


def against(
    ours: Callable[[LabelVolume], Iterable[Edit]], theirs: Callable[[Array], Array]
) -> Callable[[int], Measured]:
    """A row: a cleanup with its edits carried out, against the same by ``cc3d``."""

    def measure(turns: int) -> Measured:
        array = with_islands(large().array, COUNT, 1)
        found: dict[str, Array] = {}

        def clean() -> None:
            found["ours"] = written(array, ours(LabelVolume(array, LARGE_SPACING)))

        def compared() -> None:
            found["theirs"] = theirs(array)

        least = in_turns(min(turns, 3), ours=clean, floor=compared)
        same = bool(np.array_equal(found["ours"], found["theirs"]))
        return Measured(value=least["ours"] / least["floor"], **least, same=same)

    return measure


ROWS = (
    Row(
        name="keep_largest",
        what="a million islands: keep_largest_component",
        against="the same by cc3d and numpy",
        measure=against(lambda volume: keep_largest_component(volume, LABELS), kept_by_cc3d),
        budget=4,
        aim=2,
        unit="x",
    ),
    Row(
        name="reassign",
        what="a million islands: reassign_islands",
        against="the same by cc3d and numpy",
        measure=against(lambda volume: reassign_islands(volume, LABELS), given_by_cc3d),
        budget=4,
        aim=2,
        unit="x",
    ),
)
