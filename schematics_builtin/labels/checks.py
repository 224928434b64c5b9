"""What the plugin ``labels`` looks for in an image before a run."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from pycemrg_core.api import Finding, Heart, Severity
from schematics_builtin.labels.anatomy import doubts
from schematics_builtin.labels.anatomy.sides import wrong_sides


def sides(heart: Heart) -> Iterator[Finding]:
    """Whether the heart is mirrored, or veins are exchanged."""
    labels = {name: value for value, name in heart.blueprint.names.items()}
    for doubt, what, values in wrong_sides(heart.volume, labels):
        yield evolve(heart.finding(Severity.ERROR, what, values), doubt=doubt)


def anatomy(heart: Heart) -> Iterator[Finding]:
    """Whether size and anatomy can be what the labels say; if they can, whether everything is on its side."""
    labels = {name: value for value, name in heart.blueprint.names.items()}
    found = [heart.finding(Severity.ERROR, doubt, ()) for doubt in doubts(heart.volume, labels, heart.schemes)]
    yield from found or sides(heart)
