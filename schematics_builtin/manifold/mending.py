"""Make the tissue of a label map a manifold: each label in one component, no enclosed background, no pinches.

Rounds of three rules run until nothing changes:

- loose components: every component of a label but its largest goes to the tissue that it shares most surface with,
  without tissue to a lumen, without a lumen to the background;
- enclosed background: what cannot reach the outside becomes the tissue beside it, or the lumen where there is none;
- pinches: where voxels of the tissue, all its labels taken as one, meet by an edge or a corner only, one voxel
  between them is filled: of the background if there is one, otherwise of the largest lumen.

The last rule only adds tissue, and the other two only move what is cut off from its own label, so the rounds end.
The whole map is read once. After that, only what a filled voxel may have changed is read again: the eight blocks of
2 x 2 x 2 voxels that hold it, and whether its old label still hangs together.

Indices are (z, y, x). What lies outside the array is background.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import reduce

import numpy as np

from pycemrg_core.api import Edit, LabelVolume, edit_at, hull
from schematics_builtin.manifold.cut_off import settle_all, settle_cut_off
from schematics_builtin.manifold.pinches import blocks_around, fill_pinches, pinched_blocks
from schematics_builtin.manifold.working_map import Bools, Mend, WorkingMap

_MARGIN = 2  # a filled voxel lies between voxels of the tissue, so never beyond their box
_TILE = 64  # voxels; one edit covers at most this many along each axis


def make_manifold(volume: LabelVolume, lumens: Collection[int], tissue: Collection[int]) -> list[Mend]:
    """What has to change so that the tissue is a manifold, in the order in which the rules do it.

    ``tissue`` are the labels that are meshed and ``lumens`` those that are not. Other labels are left alone.
    """
    boxes = [box for label, box in volume.boxes.items() if label in {*lumens, *tissue}]
    if not boxes:
        return []
    region = reduce(hull, boxes)
    corner = np.array([axis.start for axis in region]) - _MARGIN
    size = 1 + int(max(*volume.boxes, *lumens, *tissue))
    work = WorkingMap(
        array=np.pad(volume.array[region], _MARGIN),
        spacing=volume.spacing,
        tissue=_members(tissue, size),
        lumen=_members(lumens, size),
        voxels=np.zeros(size, np.int64),
    )
    settle_all(work)
    blocks = pinched_blocks(work)
    while len(blocks):
        before = len(work.done)
        settle_cut_off(work, *fill_pinches(work, blocks))
        changed = [mend.places for mend in work.done[before:]]
        blocks = blocks_around(np.concatenate(changed)) if changed else blocks[:0]
    return [Mend(mend.rule, mend.places + corner, mend.old, mend.new) for mend in work.done]


def _members(labels: Collection[int], size: int) -> Bools:
    found = np.zeros(size, np.bool_)
    found[list(labels)] = True
    return found


def net_edits(mends: Iterable[Mend]) -> Iterator[Edit]:
    """The edits that write each changed voxel once, with its last label, in boxes of a bounded size."""
    mends = list(mends)
    if not mends:
        return
    places = np.concatenate([mend.places for mend in mends])
    old, new = (np.concatenate([getattr(mend, side) for mend in mends]) for side in ("old", "new"))
    shape = places.max(axis=0) + 1
    flat = np.ravel_multi_index(tuple(places.T), tuple(shape))
    _, first = np.unique(flat, return_index=True)
    last = len(flat) - 1 - np.unique(flat[::-1], return_index=True)[1]
    differs = old[first] != new[last]
    places, new = places[first][differs], new[last][differs]
    keys = np.stack([*(places // _TILE).T, new])
    order = np.lexsort(keys)
    cuts = np.flatnonzero(np.any(np.diff(keys[:, order]), axis=0)) + 1
    for group in np.split(order, cuts) if len(order) else ():
        yield edit_at(places[group], int(new[group[0]]))
