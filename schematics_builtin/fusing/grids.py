"""The grid that a fusion works on, and the one that its heart is written on."""

from __future__ import annotations

import numpy as np

from pycemrg_core.api import LabelVolume, as_region, hull, intersect, is_empty, shift
from schematics_builtin.fusing.choices import CHAMBERS, Choices
from schematics_builtin.fusing.sources import Grid, Source

_REACH_MM = 75.0  # round the chambers: the longest vessel and the margin


def target_grid(main: Source, choices: Choices) -> Grid:
    """The grid to work on: that of the source with the chambers, or the one asked for, round the chambers.

    It reaches as far as vessels are kept, also beyond the image.
    """
    box = hull(*(main.masks[name].region for name in CHAMBERS if name in main.masks))
    grid = main.grid
    if choices.grid is not None:
        index = choices.grid.indices(grid.corners_mm(box))
        grid = choices.grid
        low, high = np.floor(index.min(axis=0)).astype(int), np.ceil(index.max(axis=0)).astype(int) + 1
        box = as_region(map(slice, low.tolist(), high.tolist()))
    elif choices.spacing_mm:
        size = [
            int(np.ceil((axis.stop - axis.start) * mm / choices.spacing_mm))
            for axis, mm in zip(box, grid.spacing, strict=True)
        ]
        x, y, z = grid.points_mm(np.array([[axis.start for axis in box]]))[0].tolist()
        grid = Grid((size[0], size[1], size[2]), (choices.spacing_mm,) * 3, (x, y, z), grid.direction)
        box = as_region(slice(0, one) for one in size)
    reach = [int(np.ceil(_REACH_MM / mm)) for mm in grid.spacing]
    return grid.cut(as_region(slice(a.start - by, a.stop + by) for a, by in zip(box, reach, strict=True)))


def on_its_grid(volume: LabelVolume, choices: Choices) -> tuple[LabelVolume, dict[int, float]]:
    """The label map with a margin of background, or on the grid that was asked for; what part of labels that cuts."""
    own = Grid.of(volume)
    if choices.grid is None:
        box = volume.region(list(volume.boxes))
        by = [int(np.ceil(choices.margin_mm / mm)) for mm in volume.spacing]
        wanted = as_region(slice(a.start - m, a.stop + m) for a, m in zip(box, by, strict=True))
        grid = own.cut(wanted)
    else:
        grid = choices.grid
        start = np.rint(own.indices(np.array([grid.origin]))[0]).astype(int)
        wanted = as_region(map(slice, start.tolist(), (start + grid.shape).tolist()))
    inner = intersect(wanted, as_region(slice(0, size) for size in own.shape))
    array = np.zeros(grid.shape, volume.array.dtype)
    if not is_empty(inner):
        array[shift(inner, wanted)] = volume.array[inner]
    found = LabelVolume(array, grid.spacing, origin=grid.origin, direction=grid.direction)
    cut = {}
    for label in volume.boxes:
        before, after = (int(one.mask(label, one.region(label)).sum()) for one in (volume, found))
        if after < before:
            cut[label] = 1 - after / before
    return found, cut
