"""Where the segmentation of a vessel ends: the flat end of its lumen that is farthest from its root.

How far is measured along the lumen, so that a curved vessel is cut at its end and not on its side.
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_core.api import LabelVolume, Zone, as_region, find_components, runs_in

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_FLAT = 1.2  # voxels; how far behind the outermost voxel of a flat end its others may lie
_BLOCK_MM = 2.5  # the lumen's length is measured on blocks of about this size
_STEEPEST = 0.4  # the smallest cosine of the angle between the lumen and the normal of its end
_STARTS = 12  # directions that the search starts from
_APART = 0.95  # the largest cosine of the angle between two of them
_FINALISTS = 3  # directions that are left after the first searches
_UNDECIDED = 1  # searches after which none is given up
# Ever finer searches: how far from the best direction so far, in radians, and how flat is flat, in voxels.
_SEARCHES = ((0.2, 2.4), (0.1, 1.8), (0.05, _FLAT), (0.025, _FLAT), (0.012, _FLAT), (0.006, _FLAT), (0.003, _FLAT))


@frozen(eq=False)
class End:
    """A flat end: its outward ``normal``, (z, y, x), how far out it lies, in mm along it, and its voxels (n, 3)."""

    normal: Floats
    extreme: float
    voxels: Ints


def flat_end(volume: LabelVolume, lumen: int, root: int) -> End | None:
    """The flat end of a lumen that is farthest from where it touches its root.

    None where the lumen does not touch its root, is too short to have an end, or ends on all sides alike.
    """
    contact = volume.touching(lumen, root).first
    if not len(contact):
        return None
    region = volume.region(lumen)
    corner = np.array([axis.start for axis in region]) - 1
    mask = np.pad(volume.mask(lumen, region), 1)
    spacing = np.array(volume.spacing)
    block = np.maximum(np.round(_BLOCK_MM / spacing), 1).astype(np.int64)
    level = _levels(_coarse(mask, block), np.unique((contact - corner) // block, axis=0))
    last = int(level.max())
    if last < 1:
        return None
    # In blocks, as the levels are.
    size = float(np.prod(spacing * block)) ** (1 / 3)
    width = 2 * sqrt(mask.sum() * volume.voxel_mm3 / (last * size) / pi) / size
    axis = _direction(level, width, spacing * block)
    if axis @ axis < 0.5:  # not a unit vector: the middle of the end is the middle of what is before it
        return None
    surface = Zone(as_region(slice(0, n) for n in mask.shape), mask & _beside(~mask)).places
    # The far part of the lumen is one and a half times as long as it is wide.
    surface = surface[level[tuple((surface // block).T)] >= last - 1.5 * width] + corner
    points = surface * spacing
    normal = _flattest(points, axis, float(spacing.min()))
    out = points @ normal
    extreme = float(out.max())
    return End(normal, extreme, surface[out >= extreme - _FLAT * spacing.min()])


def joined_to(zone: Zone, places: Ints) -> Zone:
    """The part of a zone that hangs together with some voxels, (n, 3) indices (z, y, x).

    Across corners too: what is cut off can be a single layer of voxels, aslant.
    """
    runs = runs_in(zone.mask.view(np.uint8), zone.region)
    connected = find_components(runs.take(runs.label > 0), 26)
    inside = places - [axis.start for axis in zone.region]
    inside = inside[((inside >= 0) & (inside < zone.mask.shape)).all(axis=1)]
    inside = inside[zone.mask[tuple(inside.T)]]
    runs = connected.runs
    flat = np.ravel_multi_index(tuple(inside.T), runs.shape)
    begin = runs.line * runs.shape[2] + runs.start
    chosen = np.zeros(len(connected.voxels), np.bool_)
    chosen[connected.of_run[np.searchsorted(begin, flat, side="right") - 1]] = True
    mask = np.zeros(zone.mask.shape, np.bool_)
    mask[tuple(connected.places(chosen)[0].T)] = True
    return Zone(zone.region, mask)


def _direction(level: Ints, width: float, block_mm: Floats) -> Floats:
    """The direction in which a lumen runs at its end, from the middles of its last blocks and of those before."""
    at = np.argwhere(level >= 0)
    along = level[tuple(at.T)]
    last = int(along.max())
    end: Bools = np.asarray(along >= last - min(width, last) / 2)
    before: Bools = ~end & (along >= last - max(width, 1))
    axis: Floats = (at[end].mean(axis=0) - at[before].mean(axis=0)) * block_mm
    axis /= max(float(np.linalg.norm(axis)), 1e-12)
    return axis


def _coarse(mask: Bools, block: Ints) -> Bools:
    """Blocks that hold a voxel of the mask."""
    size = -(-np.array(mask.shape) // block)
    padded = np.zeros(size * block, np.bool_)
    padded[tuple(slice(0, n) for n in mask.shape)] = mask
    (a, b, c), (k, j, i) = size.tolist(), block.tolist()
    found: Bools = np.logical_or.reduce(padded.reshape(a, k, b, j, c, i), axis=(1, 3, 5))
    return found


def _levels(mask: Bools, seeds: Ints) -> Ints:
    """How many steps each place of a mask is from the seeds; -1 where it cannot be reached.

    Steps across faces and across corners take turns, so that a step is about as long in every direction.
    """
    level = np.full(mask.shape, -1)
    front = np.zeros_like(mask)
    front[tuple(seeds.T)] = True
    step = 0
    while front.any():
        level[front] = step
        step += 1
        front = (_beside(front) if step % 2 else _around(front)) & mask & (level < 0)
    return level


def _beside(mask: Bools) -> Bools:
    """Voxels that share a face with a voxel of the mask, and are none of it."""
    found = np.zeros_like(mask)
    for axis in range(3):
        moved, out = np.moveaxis(mask, axis, 0), np.moveaxis(found, axis, 0)
        out[1:] |= moved[:-1]
        out[:-1] |= moved[1:]
    found &= ~mask
    return found


def _around(mask: Bools) -> Bools:
    """Voxels that share at least a corner with a voxel of the mask, and that mask."""
    found = mask
    for axis in range(3):
        moved = np.moveaxis(found, axis, 0)
        wider = moved.copy()
        wider[1:] |= moved[:-1]
        wider[:-1] |= moved[1:]
        found = np.moveaxis(wider, 0, axis)
    return found


def _flattest(points: Floats, axis: Floats, voxel: float) -> Floats:
    """The direction, not too far from the axis, in which most points are about as far out as the outermost."""
    found = _starts(points, axis, voxel)
    for number, (spread, flat) in enumerate(_SEARCHES):
        around = [_not_too_steep(_round(one, spread), one, axis) for one in found]
        scores = [_flat(points, tried, flat * voxel) for tried in around]
        # Each start is followed on its own: the outer side of a bend is nearly as flat as a small end.
        order = np.argsort([-score.max() for score in scores], kind="stable")
        kept = order[: _STARTS if number < _UNDECIDED else _FINALISTS]
        found = np.stack([around[at][scores[at].argmax()] for at in kept])
    result: Floats = found[0]
    # The plane through the voxels found does not depend on the directions that happened to be tried.
    out = points @ result
    flat = points[out >= out.max() - _FLAT * voxel]
    normal = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)[2][-1] if len(flat) > 3 else result
    normal = normal if normal @ result > 0 else -normal
    score = _flat(points, np.stack([result, normal]), _FLAT * voxel)
    return normal if score[1] >= score[0] else result


def _not_too_steep(directions: Floats, first: Floats, axis: Floats) -> Floats:
    """One direction, and those of others that are not too far from the axis."""
    return np.concatenate([first[None], directions[directions @ axis > _STEEPEST]])


def _starts(points: Floats, axis: Floats, voxel: float) -> Floats:
    """The directions with most points about as far out as the outermost, well apart from each other."""
    directions = _sphere(600)
    directions = directions[directions @ axis > _STEEPEST]
    order = np.argsort(-_flat(points, directions, 3.0 * voxel), kind="stable")
    found: list[Floats] = []
    for one in directions[order]:
        if len(found) < _STARTS and all(one @ other < _APART for other in found):
            found.append(one)
    return np.stack(found)


def _flat(points: Floats, directions: Floats, tolerance: float) -> Ints:
    """For each direction: how many points lie within the tolerance of the outermost."""
    x, y, z = np.ascontiguousarray(points.T, np.float32)
    found = np.zeros(len(directions), np.int64)
    out, more = np.empty_like(x), np.empty_like(x)  # used again: new memory would cost more than the sums
    # Not as a product of matrices, whose threads would cost more than it does.
    for at, (a, b, c) in enumerate(directions.astype(np.float32)):
        np.multiply(x, a, out=out)
        out += np.multiply(y, b, out=more)
        out += np.multiply(z, c, out=more)
        found[at] = np.count_nonzero(out >= out.max() - np.float32(tolerance))
    return found


def _sphere(count: int) -> Floats:
    """Directions spread evenly over the sphere."""
    k = np.arange(count) + 0.5
    polar, turn = np.arccos(1 - 2 * k / count), pi * (1 + sqrt(5)) * k
    return np.stack([np.cos(polar), np.sin(turn) * np.sin(polar), np.cos(turn) * np.sin(polar)], axis=1)


def _round(direction: Floats, spread: float) -> Floats:
    """Directions at up to ``spread`` radians from one."""
    first = np.cross(direction, np.eye(3)[np.abs(direction).argmin()])
    first /= np.linalg.norm(first)
    second = np.cross(direction, first)
    steps = np.linspace(-1, 1, 5) * spread
    a, b = (one.ravel()[:, None] for one in np.meshgrid(steps, steps))
    found = direction + a * first + b * second
    result: Floats = found / np.linalg.norm(found, axis=1, keepdims=True)
    return result
