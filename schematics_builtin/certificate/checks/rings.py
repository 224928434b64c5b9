"""Rings that do not go round their veins."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_core.api import Finding, Heart, Ints, Ring, Severity, Zone, as_region

_Floats = NDArray[np.float64]


def ring_loop(heart: Heart) -> Iterator[Finding]:
    """The voxels of a ring that touch the atrium's wall do not form a closed loop round the vein.

    Two such voxels are connected if they share at least a corner. The vein's axis is the normal of the plane that
    fits these voxels best, through the centre of the vein's voxels there. ``mm`` is the distance between the two ends
    of the ring. Where other tissue on the wall, as near to the vein as the ring is, closes the loop, it does the
    ring's work: that is a warning.
    """
    there = heart.volume.boxes
    for ring in heart.blueprint.rings:
        if not {ring.ring, ring.lumen, ring.wall} <= there.keys():
            continue
        who = f"{heart.name(ring.ring)} does not go round {heart.name(ring.lumen)}"
        values = (ring.ring, ring.lumen, ring.wall)
        contact = np.unique(heart.adjacency.faces((ring.ring,), (ring.wall,)).voxels, axis=0)
        if not len(contact):
            places = heart.places(ring.ring)
            yield heart.finding(
                Severity.ERROR, f"{who}: it does not touch {heart.name(ring.wall)}", values, places, voxels=len(places)
            )
            continue
        axis = _Axis.of(heart, ring, contact)
        if not _closed(contact, axis.angles(contact)):
            yield _open_ring(heart, ring, contact, axis, f"{who}: where it touches {heart.name(ring.wall)} it has")


def _open_ring(heart: Heart, ring: Ring, contact: Ints, axis: _Axis, who: str) -> Finding:
    gap = _Gap.of(contact, axis)
    beside, labels = _beside(heart, ring, contact)
    is_tissue = np.isin(labels, heart.meshed)
    path = np.concatenate([contact, beside[is_tissue]])
    filled = _closed(path, axis.angles(path))
    inside = gap.holds(axis.angles(beside)) & (is_tissue == filled)
    names = [heart.name(label) for label in np.unique(labels[inside]).tolist()]
    with_what = f", filled by {', '.join(names)}" if names else ""
    what = f"a gap of {gap.mm:.3g} mm{with_what}"
    if gap.is_narrow:
        what = f"pieces that pass each other{' and other tissue that joins them' if filled else ' and do not join'}"
    return heart.finding(
        Severity.WARNING if filled else Severity.ERROR,
        f"{who} {what}",
        (ring.ring, ring.lumen, ring.wall),
        contact,
        at=contact[gap.end],
        mm=gap.mm,
    )


@frozen(eq=False)
class _Axis:
    """The axis of a vein where its ring touches the wall: a point of it in mm, and two directions at right angles."""

    middle: _Floats
    across: _Floats
    spacing: _Floats

    @classmethod
    def of(cls, heart: Heart, ring: Ring, contact: Ints) -> _Axis:
        spacing = np.array(heart.volume.spacing)
        points, vein = contact * spacing, _vein_at(heart, ring, contact)
        middle = (vein * spacing if len(vein) else points).mean(axis=0)
        # The normal of the plane has the smallest spread.
        directions = np.linalg.eigh(np.cov((points - points.mean(axis=0)).T, ddof=0))[1].T
        return cls(middle, directions[1:], spacing)

    def angles(self, voxels: Ints) -> _Floats:
        """The angle of each voxel round the axis."""
        along, across = self.across @ (voxels * self.spacing - self.middle).T
        found: _Floats = np.arctan2(across, along)
        return found


@frozen
class _Gap:
    """The widest gap of a ring: a voxel at one ``end``, how wide it is, and the angles where it begins and how many
    radians it takes.

    It ``is_narrow`` where its ends are neighbours: then the ring is open although no angle is without it.
    """

    end: int
    mm: float
    start: float
    width: float
    is_narrow: bool

    @classmethod
    def of(cls, contact: Ints, axis: _Axis) -> _Gap:
        angle = axis.angles(contact)
        order = np.argsort(angle, kind="stable")
        jump = np.diff(angle[order], append=angle[order[0]] + 2 * np.pi)
        widest = int(np.argmax(jump))
        end, other = order[widest], order[(widest + 1) % len(order)]
        mm = float(np.linalg.norm((contact[end] - contact[other]) * axis.spacing))
        is_narrow = bool(np.abs(contact[end] - contact[other]).max() <= 1)
        return cls(int(end), mm, float(angle[end]), float(jump[widest]), is_narrow)

    def holds(self, angle: _Floats) -> NDArray[np.bool_]:
        """Which angles lie in the gap."""
        found: NDArray[np.bool_] = (angle - self.start) % (2 * np.pi) < self.width
        return found


def _vein_at(heart: Heart, ring: Ring, contact: Ints) -> Ints:
    """The voxels of the vein in the box of its ring's contact with the wall."""
    low, high = contact.min(axis=0), contact.max(axis=0) + 1
    region = as_region(map(slice, low.tolist(), high.tolist()))
    return Zone(region, heart.volume.mask(ring.lumen, region)).places


def _beside(heart: Heart, ring: Ring, contact: Ints) -> tuple[Ints, Ints]:
    """Voxels on the wall that are not of the ring but as near to the vein, and the label of each."""
    from scipy.spatial import cKDTree  # slow to import, and only hearts with rings need it

    vein, spacing = _vein_at(heart, ring, contact), np.array(heart.volume.spacing)
    others = [label for label in (0, *heart.volume.boxes) if label not in (ring.ring, ring.wall, ring.lumen)]
    found = np.unique(heart.adjacency.faces(others, (ring.wall,)).voxels, axis=0)
    found = found[((found >= 0) & (found < heart.volume.array.shape)).all(axis=1)]
    if len(vein) and len(found):
        tree = cKDTree(vein * spacing)
        reach = float(np.max(tree.query(contact * spacing)[0]))
        found = found[tree.query(found * spacing, distance_upper_bound=reach * (1 + 1e-9))[0] <= reach]
    else:
        found = found[:0]
    return found, heart.volume.array[tuple(found.T)].astype(np.int64)


def _closed(contact: Ints, angle: _Floats) -> bool:
    """Whether a closed path through the voxels goes round the axis.

    Along a spanning forest, each voxel gets an angle without jumps. If a link outside the forest connects two voxels
    whose angles differ by a full turn, the path is closed.
    """
    from scipy import sparse
    from scipy.spatial import cKDTree

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
        reached = order[1:]
        steps = np.angle(np.exp(1j * (angle[reached] - angle[before[reached]])))
        turned = {int(start): 0.0}
        for voxel, from_voxel, step in zip(reached.tolist(), before[reached].tolist(), steps.tolist(), strict=True):
            turned[voxel] = turned[from_voxel] + step
        total[list(turned)] = list(turned.values())
    return bool(np.any(np.abs(total[a] + turn - total[b]) > np.pi))
