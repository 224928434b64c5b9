"""Cut a vessel off flat where it is a given way from its chamber, measured along the vessel."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pycemrg_core.api import Edit, LabelVolume, Mask, edit_at
from schematics_builtin.fusing.pathways import Ways, beside, pieces, ways

Floats = NDArray[np.float64]

_WHOLE = 0.85  # of the usual section
_LEAST_MM = 12  # a vessel that gets thin earlier is left as it is
_LITTLE = 0.1  # of a vessel: less than that beyond its length is not cut
_LAYER_MM = 2.0  # so thick is the last layer of a vessel
_SECTION = 0.7  # of the usual section is in this layer where the vessel was cut,
_FLAT = 0.8  # and of a layer before it
_FAR = 0.6  # of the way to the farthest voxel is the way to the end, at least
_AROUND_MM = 6.0  # on both sides of a cut, the vessel shows its direction


def crop(volume: LabelVolume, vessel: int, root: int, length_mm: float, *, whole_end: bool = False) -> Iterator[Edit]:
    """Turn what is farther than ``length_mm`` along the vessel from its root into background.

    Each branch is cut by a plane across it, unless less than a tenth of the vessel is beyond its length. With
    ``whole_end``, a vessel that does not end in a plane is cut before it gets thin. What has no way to the root inside
    the vessel becomes background too. A vessel that does not touch its root stays as it is.
    """
    start = beside(volume, vessel, root)
    if not len(start):
        return
    region = volume.region(vessel)
    corner = np.array([axis.start for axis in region])
    mask = volume.mask(vessel, region)
    seeds = np.zeros(mask.shape, np.int32)
    seeds[tuple((start - corner).T)] = 1
    found = ways(mask, volume.spacing, seeds)
    cut = ~np.isfinite(found.mm)
    beyond = np.flatnonzero(~cut & (found.mm > length_mm))
    if long_enough := len(beyond) <= _LITTLE * np.sum(~cut):
        beyond = beyond[:0]
    if whole_end and not (long_enough and _ends_flat(found, volume)):
        length_mm = _whole_length(found.mm, volume.voxel_mm3, length_mm)
        beyond = np.flatnonzero(~cut & (found.mm > length_mm))
    number = pieces(found.places[beyond], mask.shape)
    for piece in range(1, int(number.max(initial=0)) + 1):
        cut |= _behind_plane(found, beyond[number == piece], length_mm, volume.spacing)
    yield edit_at(found.places[cut] + corner, 0)


def _ends_flat(found: Ways, volume: LabelVolume) -> bool:
    """Whether a vessel ends in one plane, as a cut leaves it.

    Then there is a direction in which its last layer is nearly as large as a usual section, and as a layer before it.
    """
    reached = np.isfinite(found.mm)
    mm = found.mm[reached]
    section = _section(mm, volume.voxel_mm3)
    far = mm > mm.max() / 3
    points, mm = found.places[reached][far] * np.array(volume.spacing), mm[far]
    directions = _directions(300)
    some = points[:: -(-len(points) // 20_000)] @ directions.T
    share = (some > some.max(axis=0) - _LAYER_MM).sum(axis=0)
    return any(_is_end(points, mm, directions[one], section / volume.voxel_mm3) for one in np.argsort(-share)[:6])


def _is_end(points: Floats, mm: Floats, normal: Floats, section: float) -> bool:
    """Whether the last layer in a direction, which is turned until it is across this layer, is the end of a vessel.

    ``section`` is that of the vessel in voxels for a millimetre along it.
    """
    for _ in range(6):
        height = points @ normal
        top = points[height > height.max() - _LAYER_MM]
        if len(top) < 4:
            return False
        across = np.linalg.eigh(np.cov(top.T))[1][:, 0]
        normal = across * (np.sign(across @ normal) or 1.0)
    depth = (points @ normal).max() - points @ normal
    last, before = (int(((depth >= at) & (depth < at + _LAYER_MM)).sum()) for at in (0.0, 3 * _LAYER_MM))
    return bool(
        last >= max(_SECTION * section * _LAYER_MM, _FLAT * before) and mm[depth < _LAYER_MM].mean() >= _FAR * mm.max()
    )


def _directions(count: int) -> Floats:
    """Unit vectors all over a sphere, along a spiral."""
    z = (np.arange(count) + 0.5) / count * 2 - 1
    turn = np.arange(count) * np.pi * (3 - np.sqrt(5))
    return np.stack([z, np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn)], axis=1)


def _section(mm: NDArray[np.float64], voxel_mm3: float) -> float:
    """The usual section of a vessel in mm2: the volume of the voxels from one millimetre along it to the next."""
    steps = np.bincount(mm.astype(int)) * voxel_mm3
    return float(np.median(steps[len(steps) // 4 :]))


def _whole_length(mm: NDArray[np.float64], voxel_mm3: float, length_mm: float) -> float:
    """How far the vessel keeps most of its usual section, at most ``length_mm``; that, if it never does.

    The section in mm2 is the volume of the voxels from one millimetre to the next, averaged over five.
    """
    steps = np.bincount(mm[np.isfinite(mm) & (mm < length_mm + 2)].astype(int)) * voxel_mm3
    if len(steps) < _LEAST_MM:
        return length_mm
    section = np.convolve(np.pad(steps, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    whole = np.flatnonzero(section >= _WHOLE * np.median(section[len(section) // 4 :]))
    last = int(whole[-1])
    return length_mm if last < _LEAST_MM else min(length_mm, last - 1.0)


def _behind_plane(
    found: Ways, branch: NDArray[np.int64], length_mm: float, spacing: tuple[float, float, float]
) -> Mask:
    """The voxels behind a plane across a branch, of which ``branch`` are the voxels farther than the length."""
    points, mm = found.places * np.array(spacing), found.mm
    own = np.zeros(len(mm), np.bool_)
    own[branch] = True
    rim = points[branch[mm[branch] <= length_mm + 2 * max(spacing)]]
    radius = float(np.linalg.norm(rim - rim.mean(axis=0), axis=1).max()) + max(spacing)
    level = (np.linalg.norm(points - rim.mean(axis=0), axis=1) <= radius) & (np.abs(mm - length_mm) <= max(spacing))
    middle = points[level].mean(axis=0)
    near = np.linalg.norm(points - middle, axis=1) <= radius + _AROUND_MM
    before = points[near & (mm > length_mm - _AROUND_MM) & (mm <= length_mm)]
    after = points[own & (mm <= length_mm + _AROUND_MM)]
    along = after.mean(axis=0) - before.mean(axis=0) if len(before) else np.zeros(3)
    if not np.linalg.norm(along) > 0:
        return own
    behind = (points - middle) @ along > 0
    # Near the cut the plane decides; farther on, a bent vessel may come back to its front.
    local = near & (np.abs(mm - length_mm) <= radius + _AROUND_MM)
    result: Mask = np.where(local, behind & (own | (mm <= length_mm)), own)
    return result
