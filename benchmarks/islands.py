"""Rows of ``all.py``: a label map with a million islands, against ``cc3d`` on the same map.

The map has 512 x 512 x 300 voxels and 14 labels: the real heart, resampled so that it nearly fills the map, and a
million loose voxels of all labels. The floor is what ``cc3d`` does for the same work: the components of all labels,
and for ``reassign_islands`` the contacts between them. Ours is all of the work, from the array to the changed array.
To compare the voxels, the decision which component becomes what is made from these with numpy; that is not timed.
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


def by_cc3d(array: Array) -> tuple[Array, int]:
    """The component of each voxel, and how many there are."""
    import cc3d

    of_voxel, count = cc3d.connected_components(array, connectivity=6, return_N=True)
    return of_voxel, int(count)


def with_contacts(array: Array) -> tuple[Array, int, dict[tuple[int, int], float]]:
    """The same, and the common surface of components in mm2."""
    import cc3d

    of_voxel, count = by_cc3d(array)
    return of_voxel, count, cc3d.contacts(of_voxel, connectivity=6, surface_area=True, anisotropy=LARGE_SPACING)


def largest_of(array: Array, of_voxel: Array, count: int) -> tuple[Array, Array]:
    """The label of each component, and whether it is the largest of its label."""
    voxels = np.bincount(of_voxel.ravel(), minlength=count + 1)
    label = np.zeros(count + 1, array.dtype)
    label[of_voxel.ravel()] = array.ravel()
    order = np.lexsort((np.arange(count + 1), -voxels, label))
    largest = np.zeros(count + 1, np.bool_)
    largest[order[np.append(True, np.diff(label[order].astype(int)) != 0)]] = True
    return label, largest


def kept(array: Array, of_voxel: Array, count: int) -> Array:
    """Only the largest component of each label."""
    label, largest = largest_of(array, of_voxel, count)
    return np.asarray(np.where(largest, label, 0).astype(array.dtype)[of_voxel])


def given(array: Array, of_voxel: Array, count: int, areas: dict[tuple[int, int], float]) -> Array:
    """Each island belongs to the neighbour with the largest common surface; what touches only islands follows these."""
    label, largest = largest_of(array, of_voxel, count)
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
    ours: Callable[[LabelVolume], Iterable[Edit]], floor: Callable[[Array], Any], decided: Callable[..., Array]
) -> Callable[[int], Measured]:
    """A row: a cleanup with its edits carried out, against the part that ``cc3d`` does."""

    def measure(turns: int) -> Measured:
        array = with_islands(large().array, COUNT, 1)
        found: dict[str, Any] = {}

        def clean() -> None:
            found["ours"] = written(array, ours(LabelVolume(array, LARGE_SPACING)))

        def compared() -> None:
            found["theirs"] = floor(array)

        least = in_turns(min(turns, 3), ours=clean, floor=compared)
        same = bool(np.array_equal(found["ours"], decided(array, *found["theirs"])))
        return Measured(value=least["ours"] / least["floor"], **least, same=same)

    return measure


ROWS = (
    Row(
        name="keep_largest",
        what="a million islands: keep_largest_component",
        against="cc3d: connected_components",
        measure=against(lambda volume: keep_largest_component(volume, LABELS), by_cc3d, kept),
        budget=4,
        aim=2,
        unit="x",
    ),
    Row(
        name="reassign",
        what="a million islands: reassign_islands",
        against="cc3d: connected_components, contacts",
        measure=against(lambda volume: reassign_islands(volume, LABELS), with_contacts, given),
        budget=4,
        aim=2,
        unit="x",
    ),
)
