"""Forbidden contacts of lumens: with each other, the background, or the far side of their valve."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from pycemrg_core.api import Finding, Heart, Severity, Valve, amount, counted


def lumen_contact(heart: Heart) -> Iterator[Finding]:
    """Two lumens share voxel faces. :func:`valve_seal` checks pairs that have a valve."""
    for a, b in combinations(heart.lumens, 2):
        if not heart.faces_between(a, b) or heart.valve_between(a, b):
            continue
        allowed = heart.allows(a, b)
        severity = Severity.EXPECTED if allowed else Severity.ERROR
        yield _contact(heart, severity, f"{heart.name(a)} touches {heart.name(b)}", (a, b))


def lumen_open(heart: Heart) -> Iterator[Finding]:
    """A lumen shares voxel faces with the background or lies at the border of the image."""
    for lumen in heart.lumens:
        if heart.faces_between(lumen, 0):
            severity = Severity.EXPECTED if lumen in heart.blueprint.open else Severity.ERROR
            what = "is open to" if lumen in heart.blueprint.open else "touches"
            yield _contact(heart, severity, f"{heart.name(lumen)} {what} the background", (lumen, 0))


def valve_seal(heart: Heart) -> Iterator[Finding]:
    """A valve's two lumens touch next to it or through it, or it does not touch both of them.

    Nothing is said of a valve or a lumen that is not in the image.
    """
    there = heart.volume.boxes
    for valve in heart.blueprint.valves:
        if not {valve.valve, valve.a, valve.b} <= there.keys():
            continue
        if heart.faces_between(valve.a, valve.b):
            what = f"{heart.name(valve.valve)} does not separate {heart.name(valve.a)} from {heart.name(valve.b)}:"
            yield _contact(heart, Severity.ERROR, f"{what} they touch", (valve.a, valve.b), (valve.valve,))
        yield from _beside(heart, valve)


def _beside(heart: Heart, valve: Valve) -> Iterator[Finding]:
    for lumen in (valve.a, valve.b):
        if not heart.faces_between(valve.valve, lumen):
            places = heart.places(valve.valve)
            yield heart.finding(
                Severity.ERROR,
                f"{heart.name(valve.valve)} does not touch {heart.name(lumen)}, which it should close",
                (valve.valve, lumen),
                places,
                voxels=len(places),
            )


def _contact(heart: Heart, severity: Severity, what: str, pair: tuple[int, int], more: tuple[int, ...] = ()) -> Finding:
    faces = heart.adjacency.faces(pair[:1], pair[1:])
    count, mm2 = len(faces.voxels), faces.mm2(heart.volume.spacing)
    sizes: dict[str, Any] = {"faces": count, "mm2": mm2}
    text = f"{what} on {counted(count, 'face')} ({amount(mm2, 'mm2')})"
    values = (*more, *(value for value in pair if value))
    return heart.finding(severity, text, values, faces.voxels, **sizes)
