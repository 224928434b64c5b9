"""Close narrow gaps between two structures that belong together, and remove loose pieces."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from pycemrg_core.api import (
    Edit,
    LabelVolume,
    Mask,
    Region,
    as_region,
    dilate,
    expand,
    intersect,
    is_empty,
    shape_of,
    shift,
)


def join(volume: LabelVolume, a: int, b: int, gap_mm: float, *, grooves: bool = False) -> Iterator[Edit]:
    """Give the open gaps between two labels that are at most ``gap_mm`` wide to the nearer of both.

    A voxel lies between them if its distances to both add up to no more than the gap and one voxel. A gap is open
    where the labels do not touch as near as that, or if it is enclosed. The groove beside a contact is none, so that a
    gap that was closed stays as it is; with ``grooves``, it is filled too.
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
    box = _bounds(near, region, 1, volume.array.shape)
    near = _moved(near, region, box)
    if grooves:
        wide, enclosed = near, np.zeros_like(near)
    else:
        wide = near & ~dilate(_contact(volume, a, b, box), volume.spacing, reach)
        enclosed = _enclosed(volume.mask(0, box), near)
    if not (wide | enclosed).any():
        return
    # Distances are needed only where a gap is open.
    inner = _bounds(wide | enclosed, box, int(np.ceil(reach / min(volume.spacing))), volume.array.shape)
    near, wide, enclosed = (_moved(one, box, inner) for one in (near, wide, enclosed))
    to_a, to_b = (volume.distances(one, near=inner, limit_mm=reach).mm for one in (a, b))
    between = near & (to_a + to_b <= reach + 1e-3)
    between &= dilate(between & wide, volume.spacing, reach)
    yield Edit(inner, (between | enclosed) & (to_a <= to_b), a)
    yield Edit(inner, (between | enclosed) & (to_a > to_b), b)


def _bounds(mask: Mask, region: Region, by: int, shape: tuple[int, ...]) -> Region:
    """The box of what is in a mask, that lies in a region of an image, and some voxels round it."""
    lines = (np.flatnonzero(mask.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1)))
    box = (
        slice(axis.start + int(line[0]), axis.start + int(line[-1]) + 1)
        for axis, line in zip(region, lines, strict=True)
    )
    return expand(as_region(box), by, shape)


def _moved(mask: Mask, region: Region, box: Region) -> Mask:
    """A mask in a region as one in another box, which may also reach beyond it."""
    found = np.zeros(shape_of(box), np.bool_)
    both = intersect(region, box)
    found[shift(both, box)] = mask[shift(both, region)]
    return found


def _contact(volume: LabelVolume, a: int, b: int, box: Region) -> Mask:
    """The voxels of both labels where they share a face, in a box."""
    faces = volume.touching(a, b)
    mask = np.zeros(shape_of(box), np.bool_)
    for places in (faces.first, faces.second):
        inside = places - [axis.start for axis in box]
        mask[tuple(inside[((inside >= 0) & (inside < mask.shape)).all(axis=1)].T)] = True
    return mask


def _enclosed(empty: Mask, near: Mask) -> Mask:
    """The background that is connected to nothing but itself, and near both labels in all its voxels."""
    from scipy import ndimage

    number, count = ndimage.label(empty)
    kept = np.ones(count + 1, np.bool_)
    kept[0] = False
    kept[number[empty & ~near]] = False
    for axis in range(3):
        for end in (0, -1):
            kept[np.take(number, end, axis=axis)] = False
    found: Mask = kept[number]
    return found


def without_loose_pieces(volume: LabelVolume, labels: Collection[int], takers: Collection[int]) -> Iterator[Edit]:
    """Give every piece of a label but its largest to what it borders on most: one of the takers, or background.

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
            yield Edit(region, piece, _most_beside(volume.array[region], piece, label, takers, area))


def _most_beside(values: np.ndarray, piece: np.ndarray, label: int, takers: Collection[int], area: list[float]) -> int:
    surface: dict[int, float] = {0: 0.0}
    for axis in range(3):
        low, high = [slice(None)] * 3, [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        for near, far in ((tuple(low), tuple(high)), (tuple(high), tuple(low))):
            there = piece[near] & ~piece[far]
            for value, count in zip(*np.unique(values[far][there], return_counts=True), strict=True):
                if value == 0 or (value in takers and value != label):
                    surface[int(value)] = surface.get(int(value), 0.0) + count * area[axis]
    return max(surface, key=lambda value: (surface[value], -value))
