"""What the plugin ``labels`` looks for in an image before a run."""

from __future__ import annotations

from collections.abc import Iterator

from pycemrg_core.api import Finding, Heart, Severity
from schematics_builtin.labels.anatomy import doubts


def anatomy(heart: Heart) -> Iterator[Finding]:
    """Whether size and anatomy can be what the labels say."""
    labels = {name: value for value, name in heart.blueprint.names.items()}
    for doubt in doubts(heart.volume, labels, heart.schemes):
        yield heart.finding(Severity.ERROR, doubt, ())
