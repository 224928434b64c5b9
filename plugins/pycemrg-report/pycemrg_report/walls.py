"""Compare the thickness of the walls of a run with the requested thickness."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from pycemrg_metrics import Thickness, thickness
from scipy.spatial import KDTree

from pycemrg_core.api import Mask, StructureMask
from pycemrg_report.pictures import GREY, Picture, Pixels, hexadecimal, picture
from pycemrg_report.run import Requested, Run

_BINS = 30
# From dark blue through green to light yellow in even steps of lightness, so that it also works in print and for
# colour-blind readers.
_SCALE = ((59, 28, 140), (48, 84, 166), (32, 130, 160), (38, 172, 140), (120, 204, 95), (214, 222, 60), (255, 240, 130))

# The view along each axis of (z, y, x), which point to the head, back and left, and the view against it.
_SIDES = {
    0: ("from below", "from above"),
    1: ("from the front", "from the back"),
    2: ("from the right", "from the left"),
}
# Whether the columns run backward in a view against the axis; in a view along the axis, it is the opposite.
_BACKWARD = {0: True, 1: True, 2: False}


@frozen
class Bar:
    """The number of outer voxels with a thickness from ``low`` to ``high`` mm, as a share of the largest bar."""

    low: float
    high: float
    share: float


@frozen(eq=False)
class Wall:
    """One wall: the requested thickness, and the thickness at its outer voxels, in mm.

    ``grown`` is the share of its voxels that steps wrote; the rest was in the input. ``near`` is the share of
    outer voxels within one voxel diagonal of the last requested thickness. ``pictures`` show it from two ``sides``,
    coloured from ``low`` to ``high`` mm.
    """

    label: int
    lumen: int
    requested: tuple[Requested, ...]
    grown: float
    percentiles: tuple[float, float, float]
    near: float
    bars: tuple[Bar, ...]
    low: float
    high: float
    sides: tuple[str, str]
    pictures: tuple[Picture, ...]
    measured: Thickness


def walls(run: Run) -> Iterator[Wall]:
    """Every label in the image for which a step requested a thickness, in the order of the steps."""
    requested: dict[int, list[Requested]] = defaultdict(list)
    for step in run.steps:
        for one in step.requested:
            if one not in requested[one.label]:
                requested[one.label].append(one)
    for label, asked in requested.items():
        found = thickness(StructureMask(run.volume, (label,)))
        if found.mm.size:
            yield _wall(run, label, tuple(asked), found)


def shade(run: Run, wall: Wall, points: NDArray[np.float64]) -> NDArray[np.float32]:
    """The thickness of a wall at points (n, 3), (x, y, z) in mm, on its scale: 0 to 1, or -1 if not measured."""
    centres = wall.measured.voxels[:, ::-1] * np.array(run.image.GetSpacing())
    centres = centres @ np.reshape(run.image.GetDirection(), (3, 3)).T + np.array(run.image.GetOrigin())
    # The surface of a voxel is within this distance of its centre, with a tolerance for smoothing and thinning.
    reach = 1.5 * float(np.linalg.norm(run.volume.spacing))
    _, found = KDTree(centres).query(points, distance_upper_bound=reach)
    nearest = np.asarray(found)
    there = nearest < len(centres)
    place = np.full(len(points), -1.0, np.float32)
    place[there] = np.clip((wall.measured.mm[nearest[there]] - wall.low) / (wall.high - wall.low), 0, 1)
    return place


def scale_colours() -> tuple[str, ...]:
    """The colours of the scale, ``#rrggbb``, in even steps from thin to thick."""
    return tuple(map(hexadecimal, _SCALE))


def scale_gradient() -> str:
    """The colours of the thickness pictures, as a CSS gradient from thin to thick."""
    return f"linear-gradient(90deg, {', '.join(scale_colours())})"


def _wall(run: Run, label: int, requested: tuple[Requested, ...], found: Thickness) -> Wall:
    volume = run.volume
    voxels = int(np.count_nonzero(volume.mask(label, volume.region(label))))
    diagonal = float(np.linalg.norm(volume.spacing))
    wanted = requested[-1].mm
    p5, p50, p95 = (float(value) for value in np.percentile(found.mm, (5, 50, 95)))
    grown = 1 - _inherited(run, label, voxels) / voxels
    low, high = (float(value) for value in np.percentile(found.mm, (1, 99)))
    if grown >= 0.5:  # the requested thickness is in the middle of the scale
        reach = max(wanted - low, high - wanted, diagonal)
        low, high = max(wanted - reach, 0.0), wanted + reach
    high = max(high, low + diagonal)
    sides, pictures = _views(run, label, found, low, high)
    return Wall(
        label=label,
        lumen=found.lumen,
        requested=requested,
        grown=grown,
        percentiles=(p5, p50, p95),
        near=float(np.mean(np.abs(found.mm - wanted) <= diagonal + 1e-9)),
        bars=_bars(found.mm, wanted),
        low=low,
        high=high,
        sides=sides,
        pictures=pictures,
        measured=found,
    )


def _inherited(run: Run, label: int, voxels: int) -> int:
    """The number of voxels of a label that were there before the first step, from the ledger; from 0 to all."""
    entries = [entry for step in run.steps for entry in step.ledger]
    gained = sum(entry.voxels for entry in entries if entry.new == label)
    lost = sum(entry.voxels for entry in entries if entry.old == label)
    return min(max(voxels - gained + lost, 0), voxels)


def _bars(mm: NDArray[np.float64], wanted: float) -> tuple[Bar, ...]:
    top = max(float(mm.max()), wanted) * 1.1
    counts, edges = np.histogram(mm, _BINS, (0.0, top))
    shares = counts / counts.max()
    return tuple(Bar(*map(float, bar)) for bar in zip(edges, edges[1:], shares, strict=False))


def _views(
    run: Run, label: int, found: Thickness, low: float, high: float
) -> tuple[tuple[str, str], tuple[Picture, ...]]:
    """A wall from the two opposite sides that show most of its thickness, and the names of the sides."""
    box = run.volume.region(label)
    mask = run.volume.mask(label, box)
    mm = np.full(mask.shape, np.nan)
    mm[tuple((found.voxels - [axis.start for axis in box]).T)] = found.mm
    seen = {sides: [*_seen(mask, mm, axis)] for axis, sides in _SIDES.items()}
    sides = max(seen, key=lambda sides: sum(np.count_nonzero(np.isfinite(values)) for values, _ in seen[sides]))
    across = [run.volume.spacing[axis] for axis in range(3) if _SIDES[axis] != sides]
    return sides, tuple(
        picture(_shaded(values, wall, low, high), (across[0], across[1]), f"Thickness of {run.names[label]}: {side}")
        for side, (values, wall) in zip(sides, seen[sides], strict=True)
    )


def _seen(mask: Mask, mm: NDArray[np.float64], axis: int) -> Iterator[tuple[NDArray[np.float64], Mask]]:
    """The views along an axis of (z, y, x), from its far end and from its near end: thickness, and the wall mask.

    Rows and columns are as seen from there, head or front up.
    """
    mask, mm = np.moveaxis(mask, axis, 0), np.moveaxis(mm, axis, 0)
    for turned in (False, True):
        there, here = (mask[::-1], mm[::-1]) if turned else (mask, mm)
        first = there.argmax(axis=0)[None]
        values = np.take_along_axis(here, first, axis=0)[0]
        wall: Mask = np.any(there, axis=0)
        rows = slice(None, None, -1 if axis else 1)
        columns = slice(None, None, -1 if _BACKWARD[axis] == turned else 1)
        yield values[rows, columns], wall[rows, columns]


def _shaded(mm: NDArray[np.float64], wall: NDArray[np.bool_], low: float, high: float) -> Pixels:
    """RGBA: the colour of the scale where there is a thickness, grey on the rest of the wall."""
    pixels = np.zeros((*mm.shape, 4), np.uint8)
    pixels[wall] = (*GREY, 90)
    known = np.isfinite(mm)
    place = np.clip((mm[known] - low) / (high - low), 0, 1) * (len(_SCALE) - 1)
    stops = np.arange(len(_SCALE))
    for channel, values in enumerate(zip(*_SCALE, strict=True)):
        pixels[known, channel] = np.interp(place, stops, values).round()
    pixels[known, 3] = 255
    return pixels
