"""What is cut off: components that are not their label's largest, and background that cannot reach the outside.

The whole map is searched once. Afterwards only what filled voxels may have cut off is looked at, in boxes round them
that grow until the answer is certain.
"""

from __future__ import annotations

import attrs
import numpy as np
from attrs import frozen

from pycemrg_core.api import LabelArray, as_region, find_components, graph_components, runs_in
from schematics_builtin.manifold.box_stack import BoxStack
from schematics_builtin.manifold.working_map import FACES, Bools, Ints, WorkingMap, each_once

_STRIDE = 6  # voxels between two nodes of the lattice
_WINDOW = 4  # voxels on each side of a filled one that are looked at first
_WIDEST = 32  # voxels on each side that are looked at before the whole map is

Cluster = tuple[Ints, Ints, int]

# The voxels that join two face neighbours of a voxel: the numbers of the faces, and the offset of the voxel.
_JOINTS = tuple(
    (i, j, FACES[i] + FACES[j]) for i in range(6) for j in range(i) if not np.array_equal(FACES[i], -FACES[j])
)


def settle_all(work: WorkingMap) -> None:
    """Settle loose components and enclosed background of the whole map."""
    boxes = BoxStack.of_whole(work.array)
    connected = boxes.connected
    outside = np.arange(len(connected.voxels)) == connected.of_run[0]
    loose = (work.tissue | work.lumen)[connected.label] & ~connected.largest()
    work.settle(*boxes.places(loose | ((connected.label == 0) & ~outside)))


def loose_places(work: WorkingMap) -> Ints:
    """The voxels of loose components."""
    boxes = BoxStack.of_whole(work.array)
    connected = boxes.connected
    return boxes.places((work.tissue | work.lumen)[connected.label] & ~connected.largest())[0]


def settle_cut_off(work: WorkingMap, filled: Ints, old: Ints) -> None:
    """Settle what filled voxels have cut off from the rest of their old label, or from the outside.

    A voxel cuts nothing off when those of its six neighbours that have its old label hang together among the 18
    round it. Where they do not, boxes round the voxel decide.
    """
    new = work.array[tuple(filled.T)]
    work.array[tuple(filled.T)] = old
    doubtful = [np.zeros(0, np.int64)]
    # One after the other: what comes later still has its old label. Voxels three apart do not see each other.
    turn = (filled % 3) @ [9, 3, 1]
    for step in np.unique(turn):
        at = np.flatnonzero(turn == step)
        doubtful.append(at[may_cut(work.array, filled[at], old[at])])
        work.array[tuple(filled[at].T)] = new[at]
    gone = dict(zip(map(tuple, filled.tolist()), old.tolist(), strict=True))
    clusters = []
    for at in np.concatenate(doubtful).tolist():
        if cluster := _take_cluster(gone, tuple(filled[at].tolist())):
            places, label = np.array(cluster), int(old[at])
            beside = each_once((places[:, None, :] + FACES).reshape(-1, 3))
            clusters.append((places, beside[work.array[tuple(beside.T)] == label], label))
    if clusters:
        _settle_doubts(work, _Doubts.of_clusters(clusters))


def settle_added(work: WorkingMap, places: Ints) -> None:
    """Settle voxels that were given a label in a settled map, where they are not joined to others of that label.

    Of a label that was not there before, the largest component stays.
    """
    if not len(places):
        return
    low, high = places.min(axis=0) - 1, places.max(axis=0) + 2  # room for neighbours
    label = work.array[tuple(places.T)].astype(np.int64)
    added = np.zeros(high - low, work.array.dtype)
    added[tuple((places - low).T)] = label
    runs = runs_in(added, as_region(slice(0, n) for n in added.shape))
    connected = find_components(runs.take(runs.label > 0), 6)
    kept = ~(work.tissue | work.lumen)[connected.label]
    inside, component = connected.places(np.ones(len(connected.voxels), np.bool_))
    own = connected.label[component]
    for face in FACES:
        there = inside + face
        beside = work.array[tuple((there + low).T)] == own
        kept[component[beside & (added[tuple(there.T)] == 0)]] = True
    sizes = np.bincount(label, minlength=len(work.voxels))
    is_new = (sizes == work.voxels)[connected.label]
    kept |= is_new & connected.largest()
    loose = ~kept[component]
    work.settle(inside[loose] + low, component[loose])


def may_cut(array: LabelArray, places: Ints, label: Ints) -> Bools:
    """Which voxels join neighbours of a label that do not hang together without them, as far as can be seen."""
    same = array[tuple(np.moveaxis(places[:, None, :] + FACES, 2, 0))] == label[:, None]
    reach = np.eye(6, dtype=np.bool_) & same[:, :, None]
    for i, j, offset in _JOINTS:
        link = same[:, i] & same[:, j] & (array[tuple((places + offset).T)] == label)
        reach[:, i, j] = reach[:, j, i] = link
    for _ in range(3):
        reach = reach @ reach
    first = same.argmax(axis=1)
    found: Bools = (same & ~reach[np.arange(len(places)), first]).any(axis=1)
    return found


def _take_cluster(gone: dict[tuple[int, ...], int], start: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The filled voxels of one old label that hang together with one of them; they are taken out of ``gone``."""
    if (label := gone.pop(start, None)) is None:
        return []
    found = [start]
    for z, y, x in found:
        for dz, dy, dx in FACES.tolist():
            beside = (z + dz, y + dy, x + dx)
            if gone.get(beside) == label:
                del gone[beside]
                found.append(beside)
    return found


@frozen(eq=False)
class _Doubts:
    """Clusters of filled voxels that may have cut something off.

    One entry per cluster: its box from ``low`` to before ``high``, its old ``label``, and how many voxels of that
    label lay beside it at first. One entry per such voxel that is still in doubt: its place, and its cluster ``of``.
    """

    low: Ints
    high: Ints
    label: Ints
    count: Ints
    beside: Ints
    of: Ints

    @classmethod
    def of_clusters(cls, clusters: list[Cluster]) -> _Doubts:
        of = np.repeat(np.arange(len(clusters)), [len(places) for _, places, _ in clusters])
        return cls(
            low=np.array([places.min(axis=0) for places, _, _ in clusters]),
            high=np.array([places.max(axis=0) + 1 for places, _, _ in clusters]),
            label=np.array([label for _, _, label in clusters]),
            count=np.bincount(of, minlength=len(clusters)),
            beside=np.concatenate([places for _, places, _ in clusters]),
            of=of,
        )

    def take(self, chosen: Bools) -> _Doubts:
        """Only some of the voxels beside clusters."""
        return attrs.evolve(self, beside=self.beside[chosen], of=self.of[chosen])


def _settle_doubts(work: WorkingMap, doubts: _Doubts) -> None:
    """Settle the components beside filled voxels that are not their label's main one, or not the outside."""
    main = _main_nodes(work.array)
    window = _WINDOW
    while len(doubts.of):
        pending = _settle_in_boxes(work, doubts, main, window)
        doubts = doubts.take(pending[doubts.of])
        # What was settled just now is no longer there.
        doubts = doubts.take(work.array[tuple(doubts.beside.T)] == doubts.label[doubts.of])
        window *= 2


def _settle_in_boxes(work: WorkingMap, doubts: _Doubts, main: Bools, window: int) -> Bools:
    """Settle what is surely cut off, as seen in boxes of a ``window`` round clusters; returns those still in doubt."""
    shape = np.array(work.array.shape)
    left, box = np.unique(doubts.of, return_inverse=True)
    everything = window > _WIDEST
    if everything:  # one box will do for all
        box, lows, highs = 0 * box, 0 * shape[None], shape[None]
    else:
        lows = np.maximum(doubts.low[left] - window, 0)
        highs = np.minimum(doubts.high[left] + window, shape)
    boxes = BoxStack.of(work.array, lows, highs, np.unique(doubts.label[left]))
    connected = boxes.connected
    # The components beside each cluster, each once.
    component, owner = np.unique(np.stack([boxes.component_at(doubts.beside, box), doubts.of]), axis=1)
    at_border, beyond = boxes.reaching(shape)
    if everything:
        kept = np.where(connected.label == 0, at_border, connected.largest())
    else:
        kept = _holding_main_nodes(boxes, main) | (at_border & (connected.label == 0))
    # A component is certain when it is kept, or ends inside of its box. A label that has none that is kept may have
    # its largest one here.
    clusters = len(doubts.count)
    uncertain = beyond[component] & ~kept[component]
    unknown = np.bincount(owner, weights=uncertain, minlength=clusters) > 0
    unknown |= (doubts.label > 0) & (np.bincount(owner, weights=kept[component], minlength=clusters) == 0)
    unknown &= not everything
    # A cluster with one component beside it has cut nothing off, if nothing beside it was settled before.
    uncut = np.bincount(owner, minlength=clusters) == 1
    uncut &= np.bincount(doubts.of, minlength=clusters) == doubts.count
    loose = np.zeros(len(connected.voxels), np.bool_)
    loose[component[~beyond[component] & ~kept[component] & ~(unknown | uncut)[owner]]] = True
    work.settle(*boxes.places(loose))
    pending: Bools = unknown & ~uncut
    return pending


def _main_nodes(array: LabelArray) -> Bools:
    """Which nodes of a lattice lie in the outside or in their label's main component.

    The lattice has a node at every ``_STRIDE`` voxels along each axis. Two nodes hang together when all voxels on the
    line between them have their label. The component of a label that holds the largest set of such nodes is taken for
    its main one; of the background, that in the corner of the map.
    """
    lines = [array[::_STRIDE, ::_STRIDE], array[::_STRIDE, :, ::_STRIDE], array[:, ::_STRIDE, ::_STRIDE]]
    nodes = array[::_STRIDE, ::_STRIDE, ::_STRIDE]
    number = np.arange(nodes.size).reshape(nodes.shape)
    pairs = []
    for axis, values in zip((2, 1, 0), lines, strict=True):
        line = np.moveaxis(values, axis, 0)
        count = len(line[::_STRIDE]) - 1
        equal = line[1 : count * _STRIDE + 1] == line[: count * _STRIDE]
        joined = equal.reshape(count, _STRIDE, *equal.shape[1:]).all(axis=1)
        numbers = np.moveaxis(number, axis, 0)
        pairs.append((numbers[:-1][joined], numbers[1:][joined]))
    a, b = (np.concatenate(ends) for ends in zip(*pairs, strict=True))
    of = graph_components(nodes.size, a, b)
    # The last of each label in order of size.
    size = np.bincount(of)
    label = np.zeros(len(size), np.int64)
    label[of] = nodes.ravel()
    order = np.lexsort((size, label))
    last = np.append(label[order][1:] != label[order][:-1], True)
    chosen = np.zeros(len(size), np.bool_)
    chosen[order[last]] = True
    chosen &= label > 0
    chosen[of[0]] = True
    found: Bools = chosen[of].reshape(nodes.shape)
    return found


def _holding_main_nodes(boxes: BoxStack, main: Bools) -> Bools:
    """Which components in some boxes hold a node of a main component."""
    places, owners = [], []
    for box, (low, high) in enumerate(zip(boxes.low, boxes.high, strict=True)):
        first, last = -(-low // _STRIDE), (high - 1) // _STRIDE + 1
        nodes = np.argwhere(main[tuple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True))]) + first
        places.append(nodes * _STRIDE)
        owners.append(np.full(len(nodes), box))
    component = boxes.component_at(np.concatenate(places), np.concatenate(owners))
    found = np.zeros(len(boxes.connected.voxels), np.bool_)
    found[component[component >= 0]] = True
    return found
