"""Rings that do not go round their veins."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import cKDTree

from pycemrg_core.api import Finding, Heart, Ints, Ring, Severity

_Floats = NDArray[np.float64]


def ring_loop(heart: Heart) -> Iterator[Finding]:
    """The voxels of a ring that touch the atrium's wall do not form a closed loop round the vein.

    Two such voxels are connected if they share at least a corner. The vein's axis is the normal of the plane that
    fits these voxels best, through the centre of the vein's voxels there. ``mm`` is the distance between the two ends
    of the ring.
    """
    there = heart.volume.boxes
    for ring in heart.blueprint.rings:
        if not {ring.ring, ring.lumen, ring.wall} <= there.keys():
            continue
        who = f"{heart.name(ring.ring)} does not go round {heart.name(ring.lumen)}"
        values = (ring.ring, ring.lumen, ring.wall)
        contact = np.unique(heart.adjacency.faces((ring.ring,), (ring.wall,)).voxels, axis=0)
        if not len(contact):
            region = heart.volume.region(ring.ring)
            places = np.argwhere(heart.volume.mask(ring.ring, region)) + [axis.start for axis in region]
            yield heart.finding(
                Severity.ERROR, f"{who}: it does not touch {heart.name(ring.wall)}", values, places, voxels=len(places)
            )
            continue
        angle = _angles(heart, ring, contact)
        if not _closed(contact, angle):
            end, mm = _gap(contact, angle, heart.volume.spacing)
            yield heart.finding(
                Severity.ERROR,
                f"{who}: where it touches {heart.name(ring.wall)} it has a gap of {mm:.3g} mm",
                values,
                contact,
                at=contact[end],
                mm=mm,
            )


def _angles(heart: Heart, ring: Ring, contact: Ints) -> _Floats:
    """The angle of each voxel round the vein's axis."""
    spacing = np.array(heart.volume.spacing)
    low, high = contact.min(axis=0), contact.max(axis=0) + 1
    region = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    vein = np.argwhere(heart.volume.array[region] == ring.lumen) + low
    points = contact * spacing
    middle = (vein * spacing if len(vein) else points).mean(axis=0)
    _, _, directions = np.linalg.svd(points - points.mean(axis=0), full_matrices=True)
    along, across = directions[:2] @ (points - middle).T
    found: _Floats = np.arctan2(across, along)
    return found


def _closed(contact: Ints, angle: _Floats) -> bool:
    """Whether a closed path through the voxels goes round the axis.

    Along a spanning forest, each voxel gets an angle without jumps. If a link outside the forest connects two voxels
    whose angles differ by a full turn, the path is closed.
    """
    pairs = cKDTree(contact).query_pairs(1.0, p=np.inf, output_type="ndarray")
    if not len(pairs):
        return False
    a, b = pairs.T
    turn = np.angle(np.exp(1j * (angle[b] - angle[a])))
    size = len(contact)
    links = sparse.coo_array((np.ones(len(a)), (a, b)), shape=(size, size)).tocsr()
    _, component = sparse.csgraph.connected_components(links, directed=False)
    total = np.zeros(size)
    for start in np.unique(component, return_index=True)[1]:
        order, before = sparse.csgraph.breadth_first_order(links, start, directed=False)
        for voxel in order[1:]:
            total[voxel] = total[before[voxel]] + np.angle(np.exp(1j * (angle[voxel] - angle[before[voxel]])))
    return bool(np.any(np.abs(total[a] + turn - total[b]) > np.pi))


def _gap(contact: Ints, angle: _Floats, spacing: tuple[float, float, float]) -> tuple[int, float]:
    """A voxel at the end of the widest gap, and the distance to the voxel at its other end, mm."""
    order = np.argsort(angle, kind="stable")
    jump = np.diff(angle[order], append=angle[order[0]] + 2 * np.pi)
    widest = int(np.argmax(jump))
    end, other = order[widest], order[(widest + 1) % len(order)]
    return int(end), float(np.linalg.norm((contact[end] - contact[other]) * np.array(spacing)))
