"""Smooth the stairs of voxels: move the nodes between regions to the mean of their neighbours, within half a voxel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from pycemrg_mesh.errors import MeshingError
from pycemrg_mesh.lattice import Lattice
from pycemrg_mesh.mesh import Nodes, Points, blocks
from pycemrg_mesh.quality import mean_ratios, scaled_jacobians, volumes

Floats = NDArray[np.float64]
Measure = Callable[[Points, Nodes], Floats]

ROUNDS = 20
MOST_ROUNDS = 1000
_STEPS = (0.5, -0.53)
_REACH = 0.5  # voxels
_LIMITS = ((mean_ratios, 0.3), (scaled_jacobians, 0.1))
_OF_VOXEL = 0.8  # of the shape of a voxel's own tetrahedra, where voxels are so flat that these hardly reach a limit
_LESS = 0.9  # of its way, for each time that a node goes back; by halves, most of the stairs would stay
_TURNS = 40
_KEPT = 0.04  # of the volume of a label; its certificate allows 0.05
_LESS_OF_LABEL = 0.7
_TURNS_OF_LABEL = 8


def require_rounds(rounds: int) -> None:
    """Refuse what is no number of rounds from 0 to 1,000. Raises :class:`MeshingError`."""
    if not (isinstance(rounds, Integral) and 0 <= rounds <= MOST_ROUNDS):
        raise MeshingError(f"{rounds} rounds of smoothing; give 0 to {MOST_ROUNDS:,}")


def smoothed(
    lattice: Lattice, codes: NDArray[np.integer], spacing: tuple[float, float, float], rounds: int = ROUNDS
) -> Points:
    """The nodes of a lattice, (n, 3), (x, y, z) in mm from its first corner, smoothed.

    A node between two regions moves towards the mean of its neighbours on the surface between them; one where three
    or more meet moves along the lines where they meet, and stays where such a line ends. Each round moves them by 0.5
    of the way and then by 0.53 back, so that nothing shrinks: G. Taubin, "A signal processing approach to fair surface
    design", SIGGRAPH 1995. No node moves more than half a voxel along an axis. Where a tetrahedron would have a mean
    ratio under 0.3 or a scaled Jacobian under 0.1, its nodes go back; so do all nodes of a label whose volume would
    change by more than 4 %. ``codes`` is the number of the label of each voxel; ``spacing`` is (z, y, x) in mm.
    """
    at, moved = _moved(lattice, rounds)
    voxel = np.array(spacing, np.float64)
    points: Points = (lattice.nodes * voxel)[:, ::-1].copy()
    if not len(at):
        return points
    own = _tetrahedra_of_voxel(spacing)
    limits = [(measure, min(limit, _OF_VOXEL * float(measure(*own).min()))) for measure, limit in _LIMITS]
    nodes = _Nodes(points, at, (moved * voxel)[:, ::-1], lattice.tetrahedra, limits)
    nodes.back_for_shapes(np.arange(len(at)))
    expected = np.bincount(codes) * float(voxel.prod())
    turns = np.zeros(len(expected), np.intp)
    while len(off := np.flatnonzero(np.abs(nodes.volumes(codes, len(expected)) - expected) > _KEPT * expected)):
        turns[off] += 1
        stopped = turns[off] > _TURNS_OF_LABEL
        nodes.back_for_labels(np.isin(codes, off[~stopped]), _LESS_OF_LABEL)
        nodes.back_for_labels(np.isin(codes, off[stopped]), 0.0)
    return points


def _moved(lattice: Lattice, rounds: int) -> tuple[NDArray[np.intp], Floats]:
    """The nodes that can move, and how far they do, in voxels (z, y, x)."""
    from scipy.sparse import coo_array, diags_array

    count = len(lattice.nodes)
    # A node where three regions meet has neighbours only along lines where three meet.
    source = np.concatenate([lattice.edges, lattice.edges[:, ::-1]])
    junction = np.tile(lattice.round_edge > 2, 2)
    source = source[junction | (lattice.regions[source[:, 0]] == 2)]
    degree = np.bincount(source[:, 0], minlength=count)
    at = np.flatnonzero((lattice.regions > 1) & (degree > 1))
    near = coo_array((np.ones(len(source), np.float64), source.T), shape=(count, count)).tocsr()[at]
    mean = diags_array(1 / degree[at]) @ near
    rest = lattice.nodes.astype(np.float64)
    place = rest.copy()
    for part in _STEPS * rounds:
        step = place[at] + part * (mean @ place - place[at]) - rest[at]
        place[at] = rest[at] + np.clip(step, -_REACH, _REACH)
    return at, place[at] - rest[at]


def _tetrahedra_of_voxel(spacing: tuple[float, float, float]) -> tuple[Points, Nodes]:
    """The two kinds of tetrahedra that a voxel is cut into."""
    z, y, x = spacing
    corner = [[0, 0, 0], [x, 0, 0], [0, y, 0], [0, 0, z]]
    middle = [[0, 0, 0], [x, y, 0], [0, y, z], [x, 0, z]]
    return np.array(corner + middle, np.float64), np.arange(8, dtype=np.int32).reshape(2, 4)


class _Nodes:
    """The nodes ``at`` of ``points``, and how much of its way ``step`` each of them goes."""

    def __init__(
        self,
        points: Points,
        at: NDArray[np.intp],
        step: Floats,
        tetrahedra: Nodes,
        limits: Sequence[tuple[Measure, float]],
    ) -> None:
        self._points, self._at, self._step, self._tetrahedra, self._limits = points, at, step, tetrahedra, limits
        self._rest, self._share = points[at], np.ones(len(at))
        self._row = np.full(len(points), -1, np.int32)
        self._row[at] = np.arange(len(at), dtype=np.int32)
        points[at] += step

    def back_for_shapes(self, moved: NDArray[np.intp]) -> None:
        """Move nodes back where one of the tetrahedra of ``moved`` nodes is under a limit, until none is."""
        turn = 0
        while len(check := self._touching(moved)):
            chosen = self._tetrahedra[check]
            bad = np.logical_or.reduce([measure(self._points, chosen) < limit for measure, limit in self._limits])
            turn += 1
            moved = self._back(chosen[bad], _LESS if turn <= _TURNS else 0.0)

    def back_for_labels(self, voxels: NDArray[np.bool_], less: float) -> None:
        """Move all nodes of some voxels back, and others where this makes a bad shape."""
        self.back_for_shapes(self._back(self._tetrahedra.reshape(-1, 5, 4)[voxels], less))

    def volumes(self, codes: NDArray[np.integer], count: int) -> Floats:
        """The volume of each label, by number."""
        voxels = volumes(self._points, self._tetrahedra).reshape(-1, 5).sum(axis=1)
        return np.bincount(codes, weights=voxels, minlength=count).astype(np.float64)

    def _back(self, tetrahedra: Nodes, less: float) -> NDArray[np.intp]:
        back = np.unique(self._row[tetrahedra]).astype(np.intp)
        back = back[back >= 0]
        back = back[self._share[back] > 0]
        self._share[back] *= less
        self._points[self._at[back]] = self._rest[back] + self._share[back, None] * self._step[back]
        return back

    def _touching(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        chosen = np.zeros(len(self._points), np.bool_)
        chosen[self._at[rows]] = True
        return _touching(self._tetrahedra, chosen)


def _touching(tetrahedra: Nodes, nodes: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The tetrahedra with one of the nodes."""
    if not nodes.any():
        return np.zeros(0, np.intp)
    found = [block.start + np.flatnonzero(nodes[tetrahedra[block]].any(axis=1)) for block in blocks(len(tetrahedra))]
    return np.concatenate(found)
