"""Lumens that are not closed, that are connected to another, or that are closed but should be open."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import NDArray

from pycemrg_core.api import Finding, Heart, Severity, counted
from schematics_builtin.certificate.cavities import Cavities, Cavity, cavities, may_be_open

Ints = NDArray[np.int64]


def closed_lumens(heart: Heart) -> Iterator[Finding]:
    """A lumen that should be closed is connected to the outside or to another; an open one is closed.

    Found by flooding everything that is not tissue, through faces, edges and corners.
    """
    found = cavities(heart)
    yield from _open(heart, found)
    for cavity in found.closed:
        yield from _joined(heart, cavity)
        yield from _sealed(heart, cavity, found.outside)


def _open(heart: Heart, found: Cavities) -> Iterator[Finding]:
    lumens, allowed = found.open_lumens(heart), may_be_open(heart)
    for lumen in lumens:
        at_background = bool(heart.faces_between(lumen, 0))
        beyond = [other for other in lumens if other != lumen and heart.faces_between(lumen, other)]
        through = "" if at_background or not beyond else f" through {', '.join(map(heart.name, beyond))}"
        voxels = found.outside.voxels[lumen]
        severity, what = Severity.EXPECTED, f"{heart.name(lumen)} is open to the outside{through}"
        if lumen not in allowed:
            severity = Severity.ERROR
            what = f"{heart.name(lumen)} is not closed: {counted(voxels, 'voxel')} connected to the outside{through}"
        places = _border(heart, lumen, (0,) if at_background else beyond)
        yield heart.finding(severity, what, (lumen,), places, voxels=voxels)


def _joined(heart: Heart, cavity: Cavity) -> Iterator[Finding]:
    for a, b, allowed in cavity.pairs(heart):
        yield heart.finding(
            Severity.EXPECTED if allowed else Severity.ERROR,
            f"{heart.name(a)} and {heart.name(b)} are one cavity",
            (a, b),
            _border(heart, a, (b,)),
            voxels=cavity.voxels[a] + cavity.voxels[b],
        )


def _sealed(heart: Heart, cavity: Cavity, outside: Cavity) -> Iterator[Finding]:
    """An open lumen that is closed completely is an error; a closed part of it is a warning."""
    for lumen in cavity.lumens(heart):
        if lumen in heart.blueprint.open:
            voxels = cavity.voxels[lumen]
            yield heart.finding(
                Severity.WARNING if lumen in outside.voxels else Severity.ERROR,
                f"{heart.name(lumen)} should be open; closed in: {counted(voxels, 'voxel')}",
                (lumen,),
                _border(heart, lumen, heart.meshed),
                voxels=voxels,
            )


def _border(heart: Heart, lumen: int, others: Collection[int]) -> Ints | None:
    """Where a lumen touches other labels. If it does so only at edges or corners, all its voxels."""
    places = heart.adjacency.faces((lumen,), others).voxels
    return places if len(places) else heart.places(lumen)
