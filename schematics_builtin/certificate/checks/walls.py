"""Walls that are thinner than the recipe asks for.

A wall of t mm consists of all voxels whose centre lies within t of the centre of a voxel of the lumen. So a wall is
thick enough if no voxel within t of the lumen is outside. On any grid, a wall made this way passes if nothing changes
it later. The reported thickness is measured where the outside is nearest: on the line between the two voxel centres,
without the parts inside the two voxels.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pycemrg_core.api import Finding, Heart, Ints, LabelVolume, Severity, as_region, slack
from schematics_builtin.certificate.joining import among, numbered


def wall_thickness(heart: Heart) -> Iterator[Finding]:
    """Background within the asked thickness of a lumen is an error; so near another lumen, a warning.

    Between two lumens the smaller of their two thicknesses counts. Where the two touch, or the lumen touches the
    background, this check reports nothing: that is a leak, and other checks report it.
    """
    asked: dict[int, float] = {}
    for wall in heart.blueprint.walls:
        asked[wall.lumen] = max(wall.thickness_mm, asked.get(wall.lumen, 0.0))
    for lumen, thickness in asked.items():
        if lumen in heart.blueprint.open or lumen not in heart.volume.boxes:
            continue
        yield from _thin(heart, lumen, (0,), thickness)
        for other in heart.lumens:
            both = min(thickness, asked.get(other, thickness))
            if other in asked and other < lumen:
                continue  # already reported
            if other != lumen and not heart.allows(lumen, other) and not heart.valve_between(lumen, other):
                yield from _thin(heart, lumen, (other,), both)


def _thin(heart: Heart, lumen: int, others: tuple[int, ...], thickness_mm: float) -> Iterator[Finding]:
    near = heart.near(lumen, others, thickness_mm)
    if heart.faces_between(lumen, others[0]):
        near = _without_leaks(near, heart.adjacency.faces(others, (lumen,)).voxels)
    if not len(near):
        return
    at, mm = _nearest(heart.volume, lumen, near, thickness_mm)
    walls = [wall.wall for wall in heart.blueprint.walls if wall.lumen == lumen]
    towards = "" if others == (0,) else f" towards {heart.name(others[0])}"
    yield heart.finding(
        Severity.ERROR if others == (0,) else Severity.WARNING,
        f"the wall of {heart.name(lumen)}{towards} is {mm:.3g} mm thin, not {thickness_mm:g} mm",
        (lumen, *walls, *(other for other in others if other)),
        near,
        at=near[at],
        voxels=len(near),
        mm=mm,
    )


def _without_leaks(near: Ints, touching: Ints) -> Ints:
    """Leave out places that are connected to places where the lumen is touched."""
    inside = touching[(touching >= 0).all(axis=1)]
    if not len(near) or not len(inside):
        return near
    patches = numbered(near)
    found: Ints = near[~np.isin(patches, np.unique(patches[among(near, inside)]))]
    return found


def _nearest(volume: LabelVolume, lumen: int, places: Ints, within_mm: float) -> tuple[int, float]:
    """The place nearest to the lumen, and the space between the two voxels in mm."""
    spacing = np.array(volume.spacing)
    reach = np.floor((within_mm + slack(volume.spacing)) / spacing).astype(np.int64)
    steps = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), axis=-1).reshape(-1, 3)
    distance = np.sqrt(((steps * spacing) ** 2).sum(axis=1))
    low, high = np.maximum(places.min(axis=0) - reach, 0), places.max(axis=0) + reach + 1
    window = as_region(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    mask = np.pad(volume.mask(lumen, window), [(r, r) for r in reach])
    for which in np.lexsort((np.abs(steps).max(axis=1), distance)):
        seen = mask[tuple((places - low + reach + steps[which]).T)]
        if seen.any():
            clear = float(distance[which] * (1 - 1 / np.abs(steps[which]).max()))
            return int(np.argmax(seen)), clear
    raise ValueError("no place lies near the lumen")
