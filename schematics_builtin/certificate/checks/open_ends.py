"""Open vessels that are open elsewhere than at one flat end."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pycemrg_core.api import Finding, Heart, Severity, amount, counted
from schematics_builtin.certificate.cavities import cavities
from schematics_builtin.certificate.open_ends import Opening, open_ends


def open_end(heart: Heart) -> Iterator[Finding]:
    """A vessel that the recipe leaves open is open at one flat end; any other opening is an error."""
    outside = cavities(heart).outside.voxels
    for lumen, openings in open_ends(heart).items():
        if lumen not in outside:
            continue  # closed in
        if not openings:
            yield from _without_face(heart, lumen)
            continue
        end, *more = openings
        yield _judged(heart, lumen, end)
        if more:
            faces, mm2 = sum(one.faces for one in more), sum(one.mm2 for one in more)
            where = "opening" if len(more) == 1 else f"{len(more):,} openings"
            yield heart.finding(
                Severity.ERROR,
                f"{heart.name(lumen)} has {'a further ' if len(more) == 1 else 'further '}{where} beside its end:"
                f" {counted(faces, 'face')} ({amount(mm2, 'mm2')})",
                (lumen,),
                np.concatenate([one.voxels for one in more]),
                at=more[0].voxels[len(more[0].voxels) // 2],
                faces=faces,
                mm2=mm2,
            )


def _without_face(heart: Heart, lumen: int) -> Iterator[Finding]:
    """A lumen whose end is sealed so badly that the flood passes at an edge or a corner. Others are open by a lumen."""
    if heart.adjacency.faces((lumen,), [other for other in heart.lumens if other != lumen]).voxels.size:
        return
    what = f"{heart.name(lumen)} has no opening: it is open only through edges or corners of voxels"
    yield heart.finding(Severity.ERROR, what, (lumen,), heart.places(lumen))


def _judged(heart: Heart, lumen: int, end: Opening) -> Finding:
    severity, name = Severity.ERROR, heart.name(lumen)
    size = f"{counted(end.faces, 'face')} ({amount(end.mm2, 'mm2')})"
    if not end.is_flat:
        what = (
            f"{name} is not open at a flat end: its opening of {size} is {end.deep_mm:.3g} mm deep, so wall is missing"
        )
    elif not end.is_end:
        what = f"{name} is open by a pinhole, not at its end: {size}, {end.share:.0%} of its section"
    else:
        severity, what = Severity.EXPECTED, f"{name} is open at its end: one flat opening of {size}"
    return heart.finding(severity, what, (lumen,), end.voxels, faces=end.faces, mm2=end.mm2, mm=end.deep_mm)
