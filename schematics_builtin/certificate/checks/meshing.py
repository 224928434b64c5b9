"""What a mesh of the heart inherits: tunnels through the tissue, and gaps that are thinner than its edges."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pycemrg_core.api import Finding, Heart, Severity, counted
from schematics_builtin.certificate.gaps import gaps_of
from schematics_builtin.certificate.tunnels import Tunnels
from schematics_builtin.certificate.tunnels import tunnels as tunnels_of

_LOOKED_FOR = (2, 4)
"""Voxels: thinner gaps are looked for where there are tunnels, the second only if there are none of the first."""


def tunnels(heart: Heart) -> Iterator[Finding]:
    """The tissue has tunnels that no opening of a lumen explains: background passes between walls that touch.

    Tunnels through open lumens, in at one opening and out at another, are expected.
    """
    found = tunnels_of(heart)
    if found.through_lumens:
        count = counted(found.through_lumens, "tunnel")
        what = f"{count} through open lumens, which have {counted(len(found.openings), 'opening')}"
        lumens = np.unique(heart.volume.array[tuple(found.openings.T)]).tolist()
        yield heart.finding(Severity.EXPECTED, what, lumens, found.openings)
    if found.between_walls:
        yield _between_walls(heart, found)


def _between_walls(heart: Heart, found: Tunnels) -> Finding:
    what = f"the walls have {counted(found.between_walls, 'tunnel')} between them, and so will a mesh"
    for voxels in _LOOKED_FOR:
        gaps = gaps_of(heart, voxels * min(heart.volume.spacing))
        part = np.flatnonzero(gaps.euler > 0)
        if len(part):
            places, widest = gaps.places[np.isin(gaps.of, part)], part[np.argmax(gaps.euler[part])]
            filled = f"{counted(len(part), 'gap')} thinner than {gaps.edge_mm:g} mm"
            return heart.finding(
                Severity.WARNING,
                f"{what}; fill {filled} in their way with pycemrg repair --gap {gaps.edge_mm:g}",
                (),
                places,
                at=gaps.places[gaps.of == widest][0],
                voxels=len(places),
                mm=gaps.edge_mm,
            )
    surface = heart.adjacency.faces(heart.meshed, (0,)).voxels
    what = f"{what}; none has a gap thinner than {gaps.edge_mm:g} mm in its way"
    return heart.finding(Severity.WARNING, what, (), surface)


def narrow_gap(heart: Heart) -> Iterator[Finding]:
    """Background between walls is thinner than the edges of the mesh that is asked for.

    A mesh generator pinches there, or makes flat elements. Nothing is found where no edge length is given.
    """
    if not heart.blueprint.edge_mm:
        return
    gaps = gaps_of(heart, heart.blueprint.edge_mm)
    groups: dict[tuple[int, ...], list[int]] = {}
    for gap, between in enumerate(gaps.between):
        groups.setdefault(between, []).append(gap)
    for between, members in sorted(groups.items()):
        places = gaps.places[np.isin(gaps.of, members)]
        names = " and ".join(map(heart.name, between))
        where = f"between {names}" if len(between) > 1 else f"in folds of {names}"
        amount = f"{counted(len(places), 'voxel')} in {counted(len(members), 'place')}"
        yield heart.finding(
            Severity.WARNING,
            f"background {where} is thinner than {gaps.edge_mm:g} mm: {amount}",
            between,
            places,
            voxels=len(places),
            mm=gaps.edge_mm,
        )
