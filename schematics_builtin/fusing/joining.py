"""Close narrow gaps between two structures that belong together, and remove loose pieces."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from pycemrg_core.api import Edit, LabelVolume, as_region, expand, intersect, is_empty, shape_of, shift


def join(volume: LabelVolume, a: int, b: int, gap_mm: float) -> Iterator[Edit]:
    """Give the background between two labels that are at most ``gap_mm`` apart to the nearer of them.

    A voxel lies between them if its distances to both add up to no more than the gap and one voxel.
    """
    reach = gap_mm + float(np.cbrt(volume.voxel_mm3))
    region = intersect(volume.region(a, reach), volume.region(b, reach))
    if is_empty(region):
        return
    # Only where both are near: the rest of two large boxes holds no gap.
    near = volume.within(a, reach, near=region).mask & volume.within(b, reach, near=region).mask
    near &= volume.mask(0, region)
    if not near.any():
        return
    low, high = (np.array([f(line) for line in np.nonzero(near)]) for f in (np.min, np.max))
    corner = [axis.start for axis in region]
    box = as_region(map(slice, (low + corner).tolist(), (high + corner + 1).tolist()))
    to_a, to_b = (volume.distances(one, near=box, limit_mm=reach).mm for one in (a, b))
    between = near[shift(box, region)] & (to_a + to_b <= reach + 1e-3)
    yield Edit(box, between & (to_a <= to_b), a)
    yield Edit(box, between & (to_a > to_b), b)


def without_loose_pieces(volume: LabelVolume, labels: Collection[int]) -> Iterator[Edit]:
    """Give every piece of a label but its largest to what it borders on most: another of the labels, or background.

    Pieces share faces. Surface is measured in mm2. What borders on nothing but the image's border becomes background.
    """
    area = [float(volume.voxel_mm3 / size) for size in volume.spacing]
    for label in sorted(labels):
        found = volume.components(label)
        if len(found) < 2:
            continue
        from scipy import ndimage

        for index, box in enumerate(ndimage.find_objects(found.number, len(found))[1:], 2):
            inner = as_region(
                slice(axis.start + outer.start, axis.stop + outer.start)
                for axis, outer in zip(box, found.region, strict=True)
            )
            region = expand(inner, 1, volume.array.shape)
            piece = np.zeros(shape_of(region), np.bool_)
            piece[shift(inner, region)] = found.number[box] == index
            yield Edit(region, piece, _most_beside(volume.array[region], piece, label, labels, area))


def _most_beside(values: np.ndarray, piece: np.ndarray, label: int, labels: Collection[int], area: list[float]) -> int:
    surface: dict[int, float] = {0: 0.0}
    for axis in range(3):
        low, high = [slice(None)] * 3, [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        for near, far in ((tuple(low), tuple(high)), (tuple(high), tuple(low))):
            there = piece[near] & ~piece[far]
            for value, count in zip(*np.unique(values[far][there], return_counts=True), strict=True):
                if value == 0 or (value in labels and value != label):
                    surface[int(value)] = surface.get(int(value), 0.0) + count * area[axis]
    return max(surface, key=lambda value: (surface[value], -value))
