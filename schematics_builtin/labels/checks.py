"""What the plugin ``labels`` looks for in an image before a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import evolve

from pycemrg_core.api import AnyImage, Finding, Heart, LabelVolume, Severity, hull, volume_given
from schematics_builtin.labels.anatomy import Contradiction, doubts
from schematics_builtin.labels.anatomy.sides import VEIN_ORDER, VEINS, wrong_sides

_COARSE_MM = 2.0
"""Anatomy is as clear on a grid of 2 mm as on a finer one, and there are 64 times as many voxels of 0.5 mm."""
_MOST_STRIDE = 4


def sides(heart: Heart) -> Iterator[Finding]:
    """Whether the heart is mirrored, or veins are exchanged."""
    labels = {name: value for value, name in heart.blueprint.names.items()}
    for doubt, what, values in wrong_sides(heart.volume, labels):
        yield evolve(heart.finding(Severity.ERROR, what, values), doubt=doubt)


def anatomy(heart: Heart) -> Iterator[Finding]:
    """Whether size and anatomy can be what the labels say; if they can, whether everything is on its side."""
    labels = {name: value for value, name in heart.blueprint.names.items()}
    for one in contradictions(heart.volume, labels, heart.schemes):
        what = f"{one.what}; {one.advice}" if one.advice else one.what
        yield evolve(heart.finding(Severity.ERROR, what, one.values), doubt=one.doubt)


def contradictions(
    image: AnyImage, labels: Mapping[str, int], schemes: Mapping[str, Mapping[str, int]]
) -> Iterator[Contradiction]:
    """What says that the ``labels`` (integers by structure name) of an image are wrong.

    ``image`` is a label map or its path. ``schemes`` are the integers of other label schemes, to name one that would
    fit. A fine image is first looked at on a coarser grid, and all of it only if that leaves a doubt.
    """
    volume = volume_given(image)
    coarse = coarser(volume)
    if coarse is None or any(_contradictions(coarse, labels, schemes)):
        yield from _contradictions(volume, labels, schemes)


def _contradictions(
    volume: LabelVolume, labels: Mapping[str, int], schemes: Mapping[str, Mapping[str, int]]
) -> Iterator[Contradiction]:
    found = list(doubts(volume, labels, schemes))
    if not any(one.doubt == "" for one in found):
        sides = [Contradiction(what, "", doubt, values) for doubt, what, values in wrong_sides(volume, labels)]
        order = [one for one in sides if one.doubt == VEIN_ORDER]
        veins = {value for name, value in labels.items() if name in VEINS}
        # Where veins lie says more than that they are exchanged, and that atria are exchanged more than a mirror.
        found = [*(one for one in found if not (order and veins.issuperset(one.values))), *order] or sides
    yield from found


def coarser(volume: LabelVolume) -> LabelVolume | None:
    """Every second to fourth voxel of a fine image, in the box of its labels, up to 2 mm; None if it is coarse."""
    steps = [min(max(int(_COARSE_MM / spacing), 1), _MOST_STRIDE) for spacing in volume.spacing]
    if max(steps) == 1 or not volume.boxes:
        return None
    box = hull(*volume.boxes.values())
    array = volume.array[tuple(slice(axis.start, axis.stop, step) for axis, step in zip(box, steps, strict=True))]
    z, y, x = (step * spacing for step, spacing in zip(steps, volume.spacing, strict=True))
    found = LabelVolume(array.copy(), (z, y, x), origin=volume.origin, direction=volume.direction)
    return found.with_blueprint(volume.blueprint)
