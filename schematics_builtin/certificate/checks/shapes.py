"""Structures that a mesher cannot process: in several components, with holes, or joined only at an edge."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from pycemrg_core.api import Finding, Heart, LabelType, Severity, amount, counted
from schematics_builtin.certificate.checks import severity_in


def edge_contact(heart: Heart) -> Iterator[Finding]:
    """Voxels meet only at an edge or a corner, so the surface is not a manifold there.

    For all meshed labels together it is an error, because the mesher follows their common surface. For a single
    label, with others next to it, it is a warning: exactly there, VTK's SurfaceNets gives the surface of each label
    points of its own, and a mesher that welds or clusters points may merge two labels.
    """
    if heart.meshed:
        yield from _pinched(heart, Severity.ERROR, "the meshed labels as one", heart.meshed)
    for label in heart.volume.boxes:
        yield from _pinched(heart, Severity.WARNING, heart.name(label), (label,), _UNWELDED)


_UNWELDED = ": there VTK's SurfaceNets leaves points unwelded, and a mesher may merge labels; repair --weld welds them"


def _pinched(heart: Heart, severity: Severity, who: str, labels: Collection[int], why: str = "") -> Iterator[Finding]:
    pinches = heart.adjacency.pinches(labels)
    if not pinches.edges and not pinches.corners:
        return
    counts = ((pinches.edges, "edge"), (pinches.corners, "corner"))
    where = " and ".join(counted(n, word) for n, word in counts if n)
    values = labels if severity is Severity.WARNING else ()
    yield heart.finding(
        severity, f"{who}: voxels meet only at {where}{why}", values, pinches.voxels, voxels=len(pinches.voxels)
    )


def components(heart: Heart) -> Iterator[Finding]:
    """A label is in more than one face-connected component; all but the largest are counted."""
    found = heart.components
    for label in heart.volume.boxes:
        loose = np.flatnonzero((found.label == label) & ~found.largest)
        if not len(loose):
            continue
        voxels = int(found.voxels[loose].sum())
        yield heart.finding(
            severity_in(heart, label),
            f"{heart.name(label)} is in {len(loose) + 1:,} components; all but the largest have"
            f" {counted(voxels, 'voxel')} ({amount(voxels * heart.volume.voxel_mm3, 'mm3')})",
            (label,),
            found.places(loose),
            voxels=voxels,
        )


def holes(heart: Heart) -> Iterator[Finding]:
    """Enclosed background is an error; a component of a label inside another label is a warning.

    A lumen inside its wall is normal.
    """
    found = heart.components
    groups: dict[tuple[int, int], list[int]] = {}
    for component, around in found.enclosed():
        label = int(found.label[component])
        if not (found.largest[component] and heart.blueprint.types.get(label) is LabelType.LUMEN):
            groups.setdefault((label, around), []).append(component)
    for (label, around), inside in sorted(groups.items()):
        voxels = int(found.voxels[inside].sum())
        much = f"{counted(voxels, 'voxel')} ({amount(voxels * heart.volume.voxel_mm3, 'mm3')})"
        where = f"inside {heart.name(around)}" if label else f"enclosed, most of it next to {heart.name(around)}"
        yield heart.finding(
            Severity.WARNING if label else severity_in(heart, around),
            f"{heart.name(label)} is {where}: {counted(len(inside), 'component')} of {much}",
            (around, label) if label else (around,),
            found.places(np.array(inside)),
            voxels=voxels,
        )
