"""What a repair adds to a manifold: walls where a lumen is open, and tissue between lumens that must not touch.

The rules look at a heart, or at a box of one, and say which voxels should get which label.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np
from attrs import frozen

from pycemrg_core.api import Heart, Ints, Zone, edit_at
from schematics_builtin.certificate.open_ends import open_ends

LEAK, WALL = "leak between lumens", "wall"
"""The names of the rules."""


@frozen(eq=False)
class Fix:
    """Voxels (n, 3), indices (z, y, x), of one label and the label that they should get."""

    rule: str
    places: Ints
    old: int
    new: int


def openings(heart: Heart, voxels: Mapping[int, int]) -> Iterator[Fix]:
    """Where lumens are open that should not be; ``voxels`` are the sizes of the labels."""
    yield from _leaks(heart, voxels)
    yield from _walls(heart)


def further_openings(heart: Heart) -> Iterator[Fix]:
    """Where an open vessel is open elsewhere than at its end: background or blood there becomes its wall.

    Only for whole hearts: in a part of one, an end cannot be told from a hole.
    """
    walls = {wall.lumen: wall.wall for wall in heart.blueprint.walls}
    for lumen, (_, *more) in ((lumen, ends) for lumen, ends in open_ends(heart).items() if ends):
        for opening in more:
            zone = edit_at(opening.voxels, lumen)
            beside = heart.volume.touching(Zone(zone.region, zone.mask), _open_beside(heart, lumen)).second
            places = np.unique(beside, axis=0)
            labels = heart.volume.array[tuple(places.T)]
            for label in np.unique(labels).tolist():
                yield Fix(WALL, places[labels == label], label, walls[lumen])


def _open_beside(heart: Heart, lumen: int) -> tuple[int, ...]:
    return (0, *(other for other in heart.lumens if other != lumen and other in heart.blueprint.open))


def _leaks(heart: Heart, voxels: Mapping[int, int]) -> Iterator[Fix]:
    """Where two lumens touch but must not, a layer of the larger one becomes their valve or plane, or the adjacent
    tissue."""
    for a, b in combinations(heart.lumens, 2):
        between = _between(heart, a, b)
        if not heart.faces_between(a, b) or (heart.allows(a, b) and not between):
            continue
        larger, other = sorted((a, b), key=lambda value: -voxels[value])
        places = np.unique(heart.adjacency.faces((larger,), (other,)).voxels, axis=0)
        if between:
            yield Fix(LEAK, places, larger, between)
            continue
        walls = [wall.wall for lumen in (larger, other) for wall in heart.blueprint.walls if wall.lumen == lumen]
        yield from _fixes(LEAK, heart, places, _tissue_beside(heart, places, walls[0] if walls else 0))


def _between(heart: Heart, a: int, b: int) -> int:
    """The valve or the plane that the recipe makes between two lumens; 0 if it makes none."""
    if valve := heart.valve_between(a, b):
        return valve.valve
    return next((plane.plane for plane in heart.blueprint.planes if {plane.a, plane.b} == {a, b}), 0)


def _walls(heart: Heart) -> Iterator[Fix]:
    """Background too near to a lumen becomes its wall. A lumen without a wall gets a layer of the adjacent tissue."""
    walled = {wall.lumen: wall for wall in sorted(heart.blueprint.walls, key=lambda wall: wall.thickness_mm)}
    for lumen in heart.lumens:
        if lumen in heart.blueprint.open:
            continue
        if lumen in walled:
            wall = walled[lumen]
            yield Fix(WALL, heart.near(lumen, (0,), wall.thickness_mm), 0, wall.wall)
        elif heart.faces_between(lumen, 0):
            places = np.unique(heart.adjacency.faces((0,), (lumen,)).voxels, axis=0)
            places = places[((places >= 0) & (places < heart.volume.array.shape)).all(axis=1)]
            yield from _fixes(WALL, heart, places, _tissue_beside(heart, places, 0))


def _fixes(rule: str, heart: Heart, places: Ints, new: Ints) -> Iterator[Fix]:
    """One fix for each pair of old and new label, the smallest first. New labels below 0 are ignored."""
    old = heart.volume.array[tuple(places.T)].astype(np.int64)
    wanted = (new >= 0) & (new != old)
    pairs, which = np.unique(np.stack([old, new], axis=1)[wanted], axis=0, return_inverse=True)
    fixes = [Fix(rule, places[wanted][which.ravel() == i], int(a), int(b)) for i, (a, b) in enumerate(pairs)]
    yield from sorted(fixes, key=lambda fix: len(fix.places))


def _tissue_beside(heart: Heart, places: Ints, default: int) -> Ints:
    """The tissue that each voxel has most neighbours of, across faces or else corners; ``default``, or -1 if 0."""
    steps = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    at_face = np.abs(steps).sum(axis=1) == 1
    wider = np.pad(heart.volume.array, 1)
    around = wider[tuple(np.moveaxis(places[:, None, :] + 1 + steps, 2, 0))]
    best = np.full(len(places), default or -1)
    for chosen in (np.ones(27, np.bool_), at_face):  # faces last: they win
        most = np.zeros(len(places), np.int64)
        for label in heart.meshed:
            count = (around[:, chosen] == label).sum(axis=1)
            best = np.where(count > most, label, best)
            most = np.maximum(most, count)
    return best
