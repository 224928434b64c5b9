"""What the plugin ``labels`` looks for in an image before a run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

from attrs import evolve

from pycemrg_core.api import Finding, Heart, LabelVolume, Severity, hull
from schematics_builtin.labels.anatomy import doubts
from schematics_builtin.labels.anatomy.sides import wrong_sides

_COARSE_MM = 1.0
"""Anatomy is as clear on a grid of 1 mm as on a finer one, and measured there in an eighth of the time of 0.5 mm."""
_MOST_STRIDE = 4


def sides(heart: Heart) -> Iterator[Finding]:
    """Whether the heart is mirrored, or veins are exchanged."""
    labels = {name: value for value, name in heart.blueprint.names.items()}
    for doubt, what, values in wrong_sides(heart.volume, labels):
        yield evolve(heart.finding(Severity.ERROR, what, values), doubt=doubt)


def anatomy(heart: Heart) -> Iterator[Finding]:
    """Whether size and anatomy can be what the labels say; if they can, whether everything is on its side.

    A fine image is first looked at on a coarser grid, and all of it only if that leaves a doubt.
    """
    coarse = coarser(heart.volume)
    if coarse is None or any(_anatomy(evolve(heart, volume=coarse))):
        yield from _anatomy(heart)


def coarser(volume: LabelVolume) -> LabelVolume | None:
    """Every second to fourth voxel of a fine image, in the box of its labels, at 1 mm or less; None if it is coarse."""
    steps = [min(max(int(_COARSE_MM / spacing), 1), _MOST_STRIDE) for spacing in volume.spacing]
    if max(steps) == 1 or not volume.boxes:
        return None
    box = reduce(hull, volume.boxes.values())
    array = volume.array[tuple(slice(axis.start, axis.stop, step) for axis, step in zip(box, steps, strict=True))]
    z, y, x = (step * spacing for step, spacing in zip(steps, volume.spacing, strict=True))
    found = LabelVolume(array.copy(), (z, y, x), origin=volume.origin, direction=volume.direction)
    return found.with_blueprint(volume.blueprint)


def _anatomy(heart: Heart) -> Iterator[Finding]:
    labels = {name: value for value, name in heart.blueprint.names.items()}
    found = [heart.finding(Severity.ERROR, doubt, ()) for doubt in doubts(heart.volume, labels, heart.schemes)]
    yield from found or sides(heart)
