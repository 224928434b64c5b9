"""Whether two sources show the same heart in the same place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from pycemrg_core.api import Doubt, Mask, Note, Zone, as_region
from schematics_builtin.fusing.choices import APPENDAGE, ATRIUM, CHAMBERS, HEART, VEINS
from schematics_builtin.fusing.sources import Grid, Source

Floats = NDArray[np.float64]

AORTA = "Ao_BP_label"
INSIDE = 0.9
"""At least this part of the chambers is inside the label of the whole heart."""
MIDDLES_MM = 6.0
"""The middles of the whole heart and of all chambers are at most so far apart."""
SURFACES = 1.5
"""The surfaces of the same aorta are at most so many voxels apart."""
_UNLIKE = (HEART, VEINS, ATRIUM, APPENDAGE)
"""What tools draw so differently that it does not show a shift."""
_MOST = 20_000  # voxels that are looked at


def differences(chambers: Source, other: Source) -> Iterator[Doubt | Note]:
    """What says that ``other`` is not of the same scan as ``chambers``, or not in its place, or does not show it."""
    if HEART in other.masks:
        inside = _inside(chambers, other)
        if inside < INSIDE:
            yield Doubt(
                "different-scans",
                f"only {inside:.0%} of the chambers of {chambers.name} are inside the heart of {other.name}; they are"
                " of different scans, or a header is wrong",
            )
        apart = _middles_apart(chambers, other)
        if inside >= INSIDE and apart > MIDDLES_MM:
            yield Doubt(
                "different-scans",
                f"the middle of the heart of {other.name} is {apart:.1f} mm from that of the chambers of"
                f" {chambers.name}, at most {MIDDLES_MM:.1f} mm were expected; they are of different scans,"
                " or a header is wrong",
            )
    shared = [name for name in other.masks if name in chambers.masks and name not in _UNLIKE]
    if not shared:
        yield _unchecked(chambers, other)
        return
    # The aorta is whole in all of them; of the rest, tools mean different things, so that one that agrees is enough.
    apart, name = min(
        (surface_distance(chambers, other, name), name) for name in ([AORTA] if AORTA in shared else shared)
    )
    limit = SURFACES * max(*chambers.grid.spacing, *other.grid.spacing)
    if not apart <= limit:
        yield Doubt(
            "different-scans",
            f"{name.removesuffix('_label')} of {chambers.name} and {other.name} {_far(apart)}, at most"
            f" {limit:.2g} mm were expected; they are of different scans, a header is wrong, or one calls something"
            " else so",
        )


def _far(apart: float) -> str:
    if np.isinf(apart):
        return "are apart: each lies outside the image of the other"
    return f"are {apart:.1f} mm apart (half of the surface is farther)"


def _unchecked(chambers: Source, other: Source) -> Doubt | Note:
    """Nothing but the grids says that two sources lie alike."""
    what = "but the whole heart " if HEART in other.masks else ""
    said = f"{chambers.name} and {other.name} have no structure in common {what}that shows how they lie to each other"
    if _same_voxels(chambers.grid, other.grid):
        return Note(f"{said}; their grid is the same")
    return Doubt(
        "unchecked-alignment",
        f"{said}, and their grids differ: a shift of some millimetres would not be seen; look at both in a viewer, or"
        " give a source with the aorta in both",
    )


def _same_voxels(one: Grid, other: Grid) -> bool:
    """Whether the voxels of two grids coincide, whatever part of space they cover."""
    if not np.allclose(one.steps, other.steps, atol=1e-4):
        return False
    offset = one.indices(np.array([other.origin]))[0]
    return bool(np.allclose(offset, np.rint(offset), atol=1e-2))


def _inside(chambers: Source, other: Source) -> float:
    """The part of the chambers that is inside the whole heart of the other source."""
    found = total = 0
    zone = other.masks[HEART]
    for name in CHAMBERS:
        if name in chambers.masks:
            points = _points(chambers.grid, chambers.masks[name].places)
            total += len(points)
            found += int(_holds(zone, other.grid, points).sum())
    return found / max(total, 1)


def _middles_apart(chambers: Source, other: Source) -> float:
    """The distance in mm of the middle of all chambers from that of the whole heart."""
    points = [_points(chambers.grid, chambers.masks[name].places) for name in CHAMBERS if name in chambers.masks]
    sizes = [int(chambers.masks[name].mask.sum()) for name in CHAMBERS if name in chambers.masks]
    middle = np.average([one.mean(axis=0) for one in points], axis=0, weights=sizes)
    return float(np.linalg.norm(middle - _points(other.grid, other.masks[HEART].places).mean(axis=0)))


def _holds(zone: Zone, grid: Grid, points: Floats) -> Mask:
    """Whether points are in the voxels of a mask."""
    index = np.rint(grid.indices(points)).astype(int) - [axis.start for axis in zone.region]
    there = ((index >= 0) & (index < zone.mask.shape)).all(axis=1)
    found: Mask = there.copy()
    found[there] = zone.mask[tuple(index[there].T)]
    return found


def surface_distance(one: Source, other: Source, name: str) -> float:
    """The median distance in mm of the surface of a structure in one source from that in another.

    One may show only a part of it, so that of the two directions the smaller distance counts. Points where the other
    image ends are left out.
    """
    from scipy.spatial import cKDTree

    a, b = (_surface(source, name) for source in (one, other))
    ways = ((_in_view(a, other.grid), b), (_in_view(b, one.grid), a))
    medians = [float(np.median(cKDTree(to).query(start)[0])) for start, to in ways if len(start) and len(to)]
    return min(medians, default=np.inf)


def _in_view(points: Floats, grid: Grid) -> Floats:
    index = grid.indices(points)
    return points[((index > 1) & (index < np.array(grid.shape) - 2)).all(axis=1)]


def _surface(source: Source, name: str) -> Floats:
    """The middles of the faces of a structure."""
    zone, points = source.masks[name], []
    mask = np.pad(zone.mask, 1)
    box = as_region(slice(axis.start - 1, axis.stop + 1) for axis in zone.region)
    for axis in range(3):
        low = [slice(None)] * 3
        high = [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        points.append(Zone(box, mask[tuple(low)] != mask[tuple(high)]).places + 0.5 * np.eye(3)[axis])
    return _points(source.grid, np.concatenate(points))


def _points(grid: Grid, places: NDArray[np.number]) -> Floats:
    step = -(-len(places) // _MOST)
    return grid.points_mm(places[:: max(step, 1)])


def all_differences(chambers: Source, others: Iterable[Source]) -> tuple[Doubt | Note, ...]:
    """The doubts and notes about all other sources."""
    return tuple(one for other in others for one in differences(chambers, other))
