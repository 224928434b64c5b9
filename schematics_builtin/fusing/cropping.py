"""Cut a vessel off flat where it is a given way from its chamber, measured along the vessel."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pycemrg_core.api import Edit, LabelVolume, Mask, edit_at
from schematics_builtin.fusing.pathways import Ways, beside, pieces, ways

_WHOLE = 0.85  # of the usual section
_LEAST_MM = 12  # a vessel that gets thin earlier is left as it is
_AROUND_MM = 6.0  # on both sides of a cut, the vessel shows its direction


def crop(volume: LabelVolume, vessel: int, root: int, length_mm: float, *, whole_end: bool = False) -> Iterator[Edit]:
    """Turn what is farther than ``length_mm`` along the vessel from its root into background.

    Each branch is cut by a plane across it. With ``whole_end``, the vessel is cut before it gets thin, where it was cut
    obliquely or by a corner of an image. What has no way to the root inside the vessel becomes background too. A vessel
    that does not touch its root stays as it is.
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
    if whole_end:
        length_mm = _whole_length(found.mm, volume.voxel_mm3, length_mm)
    cut = ~np.isfinite(found.mm)
    beyond = np.flatnonzero(np.isfinite(found.mm) & (found.mm > length_mm))
    number = pieces(found.places[beyond], mask.shape)
    for piece in range(1, int(number.max(initial=0)) + 1):
        cut |= _behind_plane(found, beyond[number == piece], length_mm, volume.spacing)
    yield edit_at(found.places[cut] + corner, 0)


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
