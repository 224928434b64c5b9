"""Simulated segmentation failures, each with its ground truth.

Every function takes a label map and a random generator, and returns the damaged map with a :class:`Damage`. The
changed voxels are exactly the voxels where the two maps differ. The input is never changed. All functions raise
:class:`NotApplicableError` when the structure to damage is not in the map. Lengths are in mm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk
from attrs import asdict, frozen
from numpy.typing import NDArray
from scipy import ndimage

from pycemrg_core.api import (
    AugmentationError,
    NotApplicableError,
    Region,
    as_region,
    dilate,
    image_from_array,
    slack,
    volume_of,
    voxel_array,
)

Index = tuple[int, int, int]
_Labels = NDArray[np.integer]

THICKEST_MM = 20.0
"""The thickest wall that :func:`leak` makes a hole in."""

_MOST_PLACES = 1000


@frozen
class Damage:
    """The ground truth of a failure: its ``kind``, the labels concerned and the voxels changed.

    ``voxel`` (x, y, z) is the changed voxel nearest to the centre of all changed voxels. ``box`` holds the first
    and the last index (x, y, z) of their bounding box, both inclusive.
    """

    kind: str
    labels: tuple[int, ...]
    voxels: int
    voxel: Index
    box: tuple[Index, Index]

    def as_json(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def drop_structure(image: sitk.Image, rng: np.random.Generator, labels: Sequence[int]) -> tuple[sitk.Image, Damage]:
    """Turn one of ``labels``, drawn from those in the image, into background, like a vein that was not found."""
    array = voxel_array(image)
    present = [label for label in labels if label and (array == label).any()]
    if not present:
        raise NotApplicableError(
            f"drop_structure: none of the labels {_shown(labels)} is in the image; name labels that are"
        )
    label = present[int(rng.integers(len(present)))]
    return _finish("drop_structure", image, np.where(array == label, 0, array), (label,))


def swap_labels(image: sitk.Image, rng: np.random.Generator, labels: tuple[int, int]) -> tuple[sitk.Image, Damage]:
    """Exchange two labels; nothing is drawn."""
    array, (a, b) = voxel_array(image), labels
    _require_present("swap_labels", array, labels)
    if a == b:
        raise AugmentationError(f"swap_labels: {a} and {b} are the same label; give two different ones")
    return _finish("swap_labels", image, np.where(array == a, b, np.where(array == b, a, array)), (a, b))


def islands(
    image: sitk.Image, rng: np.random.Generator, label: int, count: int = 3, radius_mm: float = 2.0
) -> tuple[sitk.Image, Damage]:
    """Add ``count`` loose balls of ``label`` to the background; they touch neither the label nor each other."""
    array = voxel_array(image)
    _require_present("islands", array, (label,))
    _require_radius("islands", radius_mm)
    spacing = image.GetSpacing()[::-1]
    ball = _ball(spacing, radius_mm)
    reach = [n // 2 for n in ball.shape]
    # One voxel more than the ball, so that the ball does not touch anything at a corner either.
    near = ndimage.binary_dilation(dilate(array == label, spacing, radius_mm), np.ones((3, 3, 3), np.bool_))
    blocked = near | dilate(array != 0, spacing, radius_mm)
    for axis, r in enumerate(reach):
        lines = np.moveaxis(blocked, axis, 0)
        lines[:r] = lines[max(len(lines) - r, 0) :] = True
    damaged = array.copy()
    for done in range(count):
        places = np.flatnonzero(~blocked)
        if not places.size:
            raise NotApplicableError(
                f"islands: the background has room for only {done} of {count} loose balls of {radius_mm:g} mm;"
                " ask for fewer or smaller ones"
            )
        centre = np.unravel_index(places[int(rng.integers(places.size))], array.shape)
        damaged[_around(centre, reach)][ball] = label
        blocked[_around(centre, [2 * r + 1 for r in reach])] = True
    return _finish("islands", image, damaged, (label,))


def staircase(image: sitk.Image, rng: np.random.Generator, shift_mm: float = 2.0) -> tuple[sitk.Image, Damage]:
    """Shift each slice along z in its plane by up to ``shift_mm`` along x and y, in whole voxels.

    Voxels shifted in from outside are background. This simulates a scan in which the heart or the chest moved.
    """
    array = voxel_array(image)
    steps = (int(shift_mm / spacing + 1e-6) for spacing in image.GetSpacing()[:2])
    most = [
        min(step, n) for step, n in zip(steps, image.GetSize()[:2], strict=True)
    ]  # a larger shift moves everything out of the image
    if max(most) < 1:
        raise AugmentationError(
            f"staircase: {shift_mm:g} mm is less than one voxel ({min(image.GetSpacing()[:2]):g} mm); give more"
        )
    damaged = np.zeros_like(array)
    for z, plane in enumerate(array):
        dx, dy = (int(rng.integers(-limit, limit + 1)) for limit in most)
        height, width = plane.shape
        target = damaged[z, max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
        target[:] = plane[max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)]
    moved = array != damaged
    found = np.union1d(array[moved], damaged[moved])
    return _finish("staircase", image, damaged, tuple(int(label) for label in found if label))


def leak(
    image: sitk.Image,
    rng: np.random.Generator,
    between: tuple[int, int],
    radius_mm: float = 2.0,
    through: Sequence[int] = (),
) -> tuple[sitk.Image, Damage]:
    """Make a hole of ``radius_mm`` in the wall between two lumens, or between a lumen and the background (0).

    The place of the hole is drawn from the thinner half of the wall. The hole gets the label of the first lumen (of
    the other one when the first is 0). Only labels on the straight line between the lumens are opened, never
    background; with ``through``, only the labels given there. After that the lumens share a face at the hole;
    before, they did not touch within one voxel of it. ``Damage.labels`` holds the two lumens and the labels opened.
    """
    array = voxel_array(image)
    lumen, other = between if between[0] else between[::-1]
    if lumen == other:
        raise AugmentationError(f"leak: {between[0]} and {between[1]} are the same label; give two different ones")
    _require_radius("leak", radius_mm)
    _require_present("leak", array, between)
    spacing = np.array(image.GetSpacing()[::-1])
    region = volume_of(image).region(lumen, THICKEST_MM + radius_mm)
    part = array[region]
    walls = set(through or np.unique(part).tolist()) - {0, lumen, other}
    for near, far in _thin_places(part, lumen, other, walls, spacing, rng):
        path = _face_path(near, far)
        crossed = np.unique(part[tuple(path[:-1].T)])
        if not walls.issuperset(crossed.tolist()):
            continue
        damaged, box = _tunnel(part, path, lumen, crossed, spacing, radius_mm)
        if not _touch(part[box], lumen, other) and _touch(damaged[box], lumen, other):
            whole = array.copy()
            whole[region] = damaged
            return _finish("leak", image, whole, (lumen, other, *map(int, crossed)))
    what = f" of the labels {_shown(through)}" if through else ""
    raise NotApplicableError(
        f"leak: no wall of up to {THICKEST_MM:g} mm{what} separates labels {lumen} and {other}"
        f"{' (background)' if other == 0 else ''}; grow walls and valves first, or name two other lumens"
    )


def _thin_places(
    part: _Labels, lumen: int, other: int, walls: set[int], spacing: NDArray[np.float64], rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Wall voxels next to the lumen, each with the nearest voxel of the other; the thinner half, in random order."""
    if not (part == other).any():
        return
    faces = ndimage.binary_dilation(_largest(part == lumen)) & np.isin(part, sorted(walls))
    distance, nearest = ndimage.distance_transform_edt(~_largest(part == other), spacing, return_indices=True)
    places = np.argwhere(faces & (distance <= THICKEST_MM))
    thickness = distance[tuple(places.T)]
    # Rounded, so that the last bit does not make equal thicknesses different.
    order = np.argsort(np.round(thickness, 6), kind="stable")
    half = order[: (order.size + 1) // 2]
    for chosen in [*rng.permutation(half)[:_MOST_PLACES], *order[:_MOST_PLACES]]:
        place = places[chosen]
        yield place, np.array(nearest[(slice(None), *place)], np.intp)


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest component: a hole into a stray voxel of a lumen is not a leak."""
    components, _ = ndimage.label(mask)
    counts = np.bincount(components.ravel())
    counts[0] = 0
    found: NDArray[np.bool_] = components == counts.argmax()
    return found


def _face_path(start: NDArray[np.intp], end: NDArray[np.intp]) -> NDArray[np.intp]:
    """The voxels of a nearly straight path, ends included; each voxel shares a face with the next."""
    steps = np.abs(end - start)
    moves = [(float((done + 0.5) / count), axis) for axis, count in enumerate(steps) for done in range(count)]
    path = [start]
    for _, axis in sorted(moves):
        step = np.zeros(3, np.intp)
        step[axis] = np.sign(end[axis] - start[axis])
        path.append(path[-1] + step)
    return np.array(path)


def _tunnel(
    part: _Labels,
    path: NDArray[np.intp],
    lumen: int,
    walls: _Labels,
    spacing: NDArray[np.float64],
    radius_mm: float,
) -> tuple[_Labels, Region]:
    """The array with the wall opened around the path, and the box of the opening with a margin of one voxel."""
    margin = np.ceil(radius_mm / spacing).astype(int) + 1
    low = np.maximum(path.min(axis=0) - margin, 0)
    high = np.minimum(path.max(axis=0) + margin + 1, part.shape)
    box = as_region(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    seeds = np.ones(high - low, np.bool_)
    seeds[tuple((path - low).T)] = False
    near = ndimage.distance_transform_edt(seeds, spacing) <= radius_mm + 1e-6
    opened = near & np.isin(part[box], walls)
    opened[tuple((path[:-1] - low).T)] = True
    damaged = part.copy()
    damaged[box][opened] = lumen
    return damaged, box


def _touch(array: _Labels, a: int, b: int) -> bool:
    """Whether a voxel of one label shares a face with one of the other."""
    for axis in range(3):
        lines = np.moveaxis(array, axis, 0)
        first, second = lines[:-1], lines[1:]
        if (((first == a) & (second == b)) | ((first == b) & (second == a))).any():
            return True
    return False


def _ball(spacing: tuple[float, float, float], radius_mm: float) -> NDArray[np.bool_]:
    """A ball of voxels (z, y, x), odd along each axis, at least one voxel."""
    reach = [int((radius_mm + slack(spacing)) / one) for one in spacing]
    middle = np.zeros([2 * r + 1 for r in reach], np.bool_)
    middle[tuple(reach)] = True
    return dilate(middle, spacing, radius_mm)


def _around(centre: Sequence[np.intp], reach: Sequence[int]) -> Region:
    """The box that extends ``reach`` voxels to all sides of a voxel (z, y, x), cut at the lower border."""
    return as_region(slice(max(int(c) - r, 0), int(c) + r + 1) for c, r in zip(centre, reach, strict=True))


def _finish(kind: str, before: sitk.Image, after: _Labels, labels: tuple[int, ...]) -> tuple[sitk.Image, Damage]:
    array = voxel_array(before)
    changed = np.argwhere(array != after)
    if not changed.size:
        raise NotApplicableError(f"{kind}: nothing changed; give other labels or a larger size")
    middle = changed[np.argmin(((changed - changed.mean(axis=0)) ** 2).sum(axis=1))]
    box = (_index(changed.min(axis=0)), _index(changed.max(axis=0)))
    image = image_from_array(after.astype(array.dtype), before)
    return image, Damage(kind, labels, len(changed), _index(middle), box)


def _index(place: NDArray[np.intp]) -> Index:
    z, y, x = (int(value) for value in place)
    return x, y, z


def _require_present(kind: str, array: _Labels, labels: Sequence[int]) -> None:
    if absent := [label for label in labels if not (array == label).any()]:
        raise NotApplicableError(f"{kind}: label {_shown(absent)} is not in the image; name labels that are")


def _require_radius(kind: str, radius_mm: float) -> None:
    if not radius_mm > 0:
        raise AugmentationError(f"{kind}: the radius is {radius_mm:g} mm; give a positive one")


def _shown(labels: Sequence[int]) -> str:
    return ", ".join(map(str, labels))
