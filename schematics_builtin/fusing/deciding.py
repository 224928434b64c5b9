"""Who gets a voxel that several structures claim."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycemrg_core.api import Zone
from schematics_builtin.fusing.choices import HEART, ORDER

Pairs = Collection[tuple[str, str]]


def in_order(names: Iterable[str]) -> list[str]:
    """Structures by who usually wins, the first one over all others; those that have no place in it, by name."""
    names = set(names) - {HEART}
    return [name for name in ORDER if name in names] + sorted(names.difference(ORDER))


def settle(
    array: NDArray[np.integer], zones: dict[str, Zone], values: Mapping[str, int], over: Pairs
) -> list[dict[str, Any]]:
    """Write structures into an array of background, and return who won how many voxels of whom.

    ``zones`` are in order, the strongest first. Of the pairs ``over`` the first one wins; that says nothing about any
    other pair.
    """
    names = {value: name for name, value in values.items()}
    claims: list[dict[str, Any]] = []
    for name, zone in reversed(zones.items()):
        view, mine = array[zone.region], zone.mask.copy()
        for old, count in zip(*np.unique(view[zone.mask], return_counts=True), strict=True):
            if not old:
                continue
            winner, loser = name, names[int(old)]
            if (loser, name) in over:
                mine &= view != old
                winner, loser = loser, name
            claims.append({"winner": winner, "loser": loser, "voxels": int(count)})
        view[mine] = values[name]
    return claims


def without_effect(over: Pairs, names: Iterable[str], claims: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, str]]:
    """The pairs that change nothing: the first structure would win anyway, or they share no voxel."""
    usual = {name: place for place, name in enumerate(in_order(names))}
    claimed = {(one["winner"], one["loser"]) for one in claims}
    return [(a, b) for a, b in over if (a, b) not in claimed or usual[a] < usual[b]]
