"""What segmentation tools write of a heart, made from a label map of which the truth is known.

Two label maps: ``chambers`` like that of TotalSegmentator's task heartchambers_highres, and ``total`` like that of its
task total, coarser and on a grid of its own. All faults that such files have are drawn from a seed.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise, product
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen
from scipy import ndimage

from pycemrg_core.api import LabelVolume, Region, Zone, as_region, dilate, hull, intersect
from pycemrg_core.images.answers import places_in

Array = npt.NDArray[Any]
Point = npt.NDArray[np.float64]

LV, MYO, RV, LA, RA, AO, PA, LPV1, LPV2, RPV1, RPV2, LAA, SVC, IVC = range(1, 15)
VEINS = (LPV1, LPV2, RPV1, RPV2)
ROOT = {AO: LV, PA: RV, LPV1: LA, LPV2: LA, RPV1: LA, RPV2: LA, LAA: LA, SVC: RA, IVC: RA}

CHAMBERS = {MYO: 1, LA: 2, LAA: 2, LV: 3, RA: 4, RV: 5, AO: 6, PA: 7}
"""The integers of heartchambers_highres: the left atrium holds the appendage."""
TOTAL = {**dict.fromkeys((LV, MYO, RV, LA, RA, PA), 51), AO: 52, **dict.fromkeys(VEINS, 53), LAA: 61, SVC: 62, IVC: 63}
"""The integers of total: the heart is one label, and so are the pulmonary veins."""


@frozen
class Veins:
    """How the pulmonary veins look; lengths in mm.

    ``length`` from the mouth on; ``branch`` is the depth at which each vein divides in two (0: it does not), ``spread``
    the angle of a branch to its vein in degrees. ``trunks`` are veins joined at the atrium, up to ``trunk`` mm from it.
    ``vestibule`` mm of the atrium round each mouth are vein, in ``total`` alone if ``shared``. Between veins and atrium
    is a ``gap``. ``rough`` is how far the surface is displaced. ``missing`` veins are not there.
    """

    length: float = 30.0
    branch: float = 14.0
    spread: float = 30.0
    trunks: tuple[tuple[int, int], ...] = ()
    trunk: float = 6.0
    vestibule: float = 0.0
    shared: bool = False
    gap: float = 0.0
    rough: float = 0.0
    thick: float = 0.0
    missing: tuple[int, ...] = ()
    early: tuple[int, ...] = ()


SHAPES = {
    "straight stubs": Veins(length=14, branch=0),
    "long": Veins(length=35, branch=0),
    "branching": Veins(),
    "branching early": Veins(branch=6),
    "branching wide": Veins(branch=10, spread=45),
    "rough": Veins(rough=1.5),
    "gap of 1.5 mm": Veins(gap=1.5),
    "cut short": Veins(length=7, branch=0),
    "thick": Veins(thick=1.5),
    "left common trunk": Veins(trunks=((LPV1, LPV2),)),
    "two common trunks": Veins(trunks=((LPV1, LPV2), (RPV1, RPV2))),
    "vestibule as vein": Veins(vestibule=6),
    "vestibule as both": Veins(vestibule=6, shared=True),
}
"""Thirteen shapes of the four veins."""
OTHER = {LPV1: LPV2, LPV2: LPV1, RPV1: RPV2, RPV2: RPV1}
"""The other vein of the same side."""


@frozen(eq=False)
class Outputs:
    """The two label maps, and the ``truth`` with its long vessels, of which both were made."""

    chambers: LabelVolume
    total: LabelVolume
    truth: LabelVolume


def tool_outputs(
    heart: LabelVolume,
    seed: int,
    veins: Veins = Veins(),
    *,
    spacing: float = 1.5,
    own_grid: bool = True,
    damage: float = 1.0,
    appendage: bool = True,
) -> Outputs:
    """Make both label maps of a ``heart`` with the integers of the scheme cemrg.

    ``total`` has voxels of ``spacing`` mm on an oblique grid; without ``own_grid`` it is put back on the grid of the
    chambers by nearest neighbour. ``damage`` scales displaced borders, open valves, holes and islands. Without
    ``appendage``, total has no label for it.
    """
    made = _drawn(heart, seed, veins, spacing, damage)
    total = made.total
    if not appendage:
        total = total.with_array(np.where(total.array == TOTAL[LAA], 0, total.array))
    return Outputs(made.chambers, total if own_grid else resampled(total, made.chambers), made.truth)


@lru_cache(maxsize=2)
def _drawn(heart: LabelVolume, seed: int, veins: Veins, spacing: float, damage: float) -> Outputs:
    """Everything that is drawn at random, with ``total`` on its own grid."""
    rng = np.random.default_rng(seed)
    truth = with_long_vessels(heart, veins, rng)
    total = _total(truth, veins, rng)
    oblique = resampled(total, _oblique_grid(total, spacing, rng))
    return Outputs(_chambers(truth, veins, rng, damage), oblique, truth)


def with_long_vessels(heart: LabelVolume, veins: Veins, rng: np.random.Generator) -> LabelVolume:
    """The heart with venae cavae and aorta as far as the diaphragm and the neck, and the pulmonary veins as asked."""
    volume, ends = _with_long_trunks(heart)
    out = volume.array.copy()
    for vein in rng.permutation([vein for vein in VEINS if vein not in veins.missing]).tolist():
        _paint_vein(out, volume, vein, ends[vein], veins, rng)
    for pair in veins.trunks:
        _paint_trunk(out, volume, pair, [ends[vein] for vein in pair], veins.trunk)
    if veins.rough:
        rough = _displaced(out, volume.spacing, veins.rough, rng)
        out = np.where(np.isin(out, (0, *VEINS)) & np.isin(rough, (0, *VEINS)), rough, out)
    return volume.with_array(out)


@lru_cache(maxsize=2)
def _with_long_trunks(heart: LabelVolume) -> tuple[LabelVolume, dict[int, _Stub]]:
    """The heart in a larger image, with long vessels and no pulmonary veins; where each vessel began and ended."""
    room = int(np.ceil(45 / min(heart.spacing)))
    array = np.pad(heart.array, room).astype(np.uint8)
    origin = heart.points_mm(np.array([[-room] * 3]))[0]
    volume = LabelVolume(array, heart.spacing, origin=tuple(origin.tolist()), direction=heart.direction)
    ends = {vein: _stub(volume, vein) for vein in ROOT if vein in volume.boxes and vein != LAA}
    out = array.copy()
    _long_trunks(out, volume, ends)
    out[np.isin(array, VEINS)] = 0
    return volume.with_array(out), ends


@frozen(eq=False)
class _Stub:
    """The middle of a vessel's mouth, the unit vector along it and its radius, in mm along (z, y, x); its far end."""

    mouth: Point
    axis: Point
    radius: float
    end: Point


def _stub(volume: LabelVolume, vein: int) -> _Stub:
    spacing = np.array(volume.spacing)
    places = _places(volume, vein) * spacing
    contact = volume.touching(vein, ROOT[vein]).first
    mouth = (contact * spacing if len(contact) else places).mean(axis=0)
    axis = places.mean(axis=0) - mouth
    axis /= np.linalg.norm(axis)
    along = (places - mouth) @ axis
    far = places[along > along.max() - 2.0].mean(axis=0)
    middle = np.abs(along - along.max() / 2) < along.max() / 4
    area = middle.sum() * volume.voxel_mm3 / (along.max() / 2)
    return _Stub(mouth, axis, float(np.sqrt(area / np.pi)), far)


def _places(volume: LabelVolume, label: int) -> Array:
    """The indices of the voxels of a label, in array order."""
    region = volume.region(label)
    return Zone(region, volume.mask(label, region)).places


def _long_trunks(out: Array, volume: LabelVolume, ends: dict[int, _Stub]) -> None:
    """Draw out the venae cavae, the aortic arch, the descending aorta and the pulmonary trunk."""
    up = (np.linalg.inv(volume.orientation.cosines) @ [0, 0, 1])[::-1]
    back = (np.linalg.inv(volume.orientation.cosines) @ [0, 1, 0])[::-1]
    for vein, way in ((SVC, up), (IVC, -up)):
        if vein in ends:
            stub = ends[vein]
            _tube(out, volume, [stub.end - 3 * stub.axis, stub.end + 5 * way, stub.end + 90 * way], stub.radius, vein)
    if AO in ends:
        places = _places(volume, AO) * np.array(volume.spacing)
        high = places @ up
        top = places[high > high.max() - 4].mean(axis=0)
        behind = (_places(volume, LA) * np.array(volume.spacing) @ back).max() + 14 - top @ back
        arch = [top - 4 * up, top + 8 * up + behind / 3 * back, top + 6 * up + behind * back]
        _tube(out, volume, arch, ends[AO].radius, AO)
        _tube(out, volume, [arch[-1], arch[-1] - 200 * up], 10.0, AO)
    if PA in ends:
        stub = ends[PA]
        _tube(out, volume, [stub.end - 2 * stub.axis, stub.end + 12 * stub.axis], stub.radius, PA)


def _paint_vein(
    out: Array, volume: LabelVolume, vein: int, stub: _Stub, veins: Veins, rng: np.random.Generator
) -> None:
    """One vein from its mouth on, with its branches."""
    radius = min(stub.radius, 7.0) + veins.thick
    depth = 4.0 if vein in veins.early else veins.branch
    trunk = min(depth, veins.length) if depth else veins.length
    fork = stub.mouth + trunk * stub.axis
    _tube(out, volume, [stub.mouth - 4 * stub.axis, fork], radius, vein)
    if trunk >= veins.length:
        return
    side = np.cross(stub.axis, rng.normal(size=3))
    side /= np.linalg.norm(side)
    for sign, share in ((1, rng.uniform(0.8, 1.0)), (-1, rng.uniform(0.6, 0.9))):
        angle = np.radians(veins.spread) * rng.uniform(0.8, 1.2)
        way = np.cos(angle) * stub.axis + sign * np.sin(angle) * side
        _tube(out, volume, [fork, fork + (veins.length - trunk) * way], 0.75 * share * radius, vein)


def _paint_trunk(out: Array, volume: LabelVolume, pair: tuple[int, int], stubs: list[_Stub], depth: float) -> None:
    """Fill the space between two veins up to a depth from the atrium, each voxel for the vein with the nearer axis."""
    a, b = stubs
    trunk = np.where(out == 0, 0, 254).astype(np.uint8)
    for share in np.linspace(0, 1, 25):
        mouth = a.mouth + share * (b.mouth - a.mouth)
        axis = a.axis + share * (b.axis - a.axis)
        axis /= np.linalg.norm(axis)
        radius = min(a.radius, b.radius, 5.5)
        _tube(trunk, volume, [mouth - 4 * axis, mouth + (depth - radius / 2) * axis], radius, 255)
    places = places_in(trunk == 255)
    from_axis = []
    for stub in stubs:
        along = places * np.array(volume.spacing) - stub.mouth
        from_axis.append(np.linalg.norm(along - np.outer(along @ stub.axis, stub.axis), axis=1))
    out[tuple(places.T)] = np.where(from_axis[0] <= from_axis[1], *pair)


def _tube(out: Array, volume: LabelVolume, points: Iterable[Point], radius: float, label: int) -> None:
    """Write a label on the background within ``radius`` mm of a line."""
    spacing = np.array(volume.spacing)
    for start, end in pairwise(points):
        low = np.maximum(np.floor((np.minimum(start, end) - radius) / spacing).astype(int), 0)
        high = np.minimum(np.ceil((np.maximum(start, end) + radius) / spacing).astype(int) + 1, out.shape)
        if (high <= low).any():
            continue
        grid = np.stack(np.meshgrid(*map(np.arange, low, high), indexing="ij"), axis=-1) * spacing
        along = end - start
        share = np.clip((grid - start) @ along / max(float(along @ along), 1e-9), 0, 1)
        near = np.linalg.norm(grid - start - share[..., None] * along, axis=-1) <= radius
        view = out[tuple(map(slice, low, high))]
        view[near & (view == 0)] = label


def _total(truth: LabelVolume, veins: Veins, rng: np.random.Generator) -> LabelVolume:
    table = np.zeros(256, np.uint8)
    table[list(TOTAL)] = list(TOTAL.values())
    array = table[truth.array]
    heart = dilate(array == 51, truth.spacing, 3.0)
    array[heart & (array == 0)] = 51
    if veins.vestibule:
        array[_vestibule(truth, veins)] = 53
    return truth.with_array(_displaced(array, truth.spacing, 0.5 * min(truth.spacing), rng))


def _vestibule(truth: LabelVolume, veins: Veins) -> Array:
    """The voxels of the atrium that are nearer to a vein than the vestibule is long."""
    near = truth.within(tuple(vein for vein in VEINS if vein in truth.boxes), veins.vestibule, near=LA)
    mask = np.zeros(truth.array.shape, np.bool_)
    mask[near.region] = near.mask & (truth.array[near.region] == LA)
    return mask


def _chambers(truth: LabelVolume, veins: Veins, rng: np.random.Generator, damage: float) -> LabelVolume:
    """Like heartchambers_highres: cropped 10 mm round the heart, displaced, with open valves, holes and islands."""
    heart = truth.region((LV, MYO, RV, LA, RA, LAA), 10.0)
    box = np.zeros(truth.array.shape, np.bool_)
    box[heart] = True
    labels = truth.array.copy()
    if veins.vestibule and not veins.shared:
        labels[_vestibule(truth, veins)] = LPV1
    if veins.gap:
        near = truth.within(tuple(vein for vein in VEINS if vein in truth.boxes), veins.gap, near=LA)
        view = labels[near.region]
        view[near.mask & (view == LA)] = 0
    if damage:
        labels = _displaced(labels, truth.spacing, 0.5 * damage * min(truth.spacing), rng)
        for a, b in ((LV, LA), (RV, RA), (LV, AO), (RV, PA)):
            beside = dilate(labels == a, truth.spacing, max(1.0, *truth.spacing))
            labels[beside & (labels == b)] = 0
        edge = dilate(labels == LV, truth.spacing, 1.01 * max(truth.spacing)) & (labels == MYO)
        _blobs(labels, truth, places_in(edge), rng, int(40 * damage), (1.0, 2.0), 0)
        places = places_in(dilate(np.isin(labels, (LV, RV, LA, RA)), truth.spacing, 8.0) & (labels == 0))
        for label in (LV, RV, LA, RA, AO):
            _blobs(labels, truth, places, rng, int(2 * damage), (0.8, 1.6), label)
    table = np.zeros(256, np.uint8)
    table[list(CHAMBERS)] = list(CHAMBERS.values())
    return truth.with_array(np.where(box, table[labels], 0).astype(np.uint8))


def _blobs(
    labels: Array, volume: LabelVolume, places: Array, rng: np.random.Generator, count: int, mm: tuple[float, float],
    label: int,
) -> None:  # fmt: skip
    """Write a label in balls at places drawn at random."""
    spacing = np.array(volume.spacing)
    for place in places[rng.integers(len(places), size=count)]:
        radius = rng.uniform(*mm)
        reach = np.ceil(radius / spacing).astype(int)
        low, high = np.maximum(place - reach, 0), np.minimum(place + reach + 1, labels.shape)
        grid = np.stack(np.meshgrid(*map(np.arange, low, high), indexing="ij"), axis=-1)
        labels[tuple(map(slice, low, high))][np.linalg.norm((grid - place) * spacing, axis=-1) <= radius] = label


def _displaced(array: Array, spacing: tuple[float, float, float], mm: float, rng: np.random.Generator) -> Array:
    """Labels whose borders are moved by a smooth random field of ``mm`` (root mean square), by nearest neighbour."""
    knots = [int(np.ceil(n * s / 5.0)) + 3 for n, s in zip(array.shape, spacing, strict=True)]
    coarse = rng.normal(size=(3, *knots)).astype(np.float32)
    border = np.zeros(array.shape, np.bool_)
    for axis in range(3):
        low, high = [slice(None)] * 3, [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        border[tuple(low)] |= array[tuple(low)] != array[tuple(high)]
    places = places_in(dilate(border, spacing, 2.5 * mm + max(spacing)))
    at = (places * (np.array(spacing) / 5.0) + 1).T
    index = places.T.astype(np.float32)
    for axis, size in enumerate(spacing):
        moved = ndimage.map_coordinates(coarse[axis], at, order=1)
        index[axis] += moved / moved.std() * (mm / size)
    index = np.clip(np.rint(index).astype(int), 0, np.array(array.shape)[:, None] - 1)
    out = array.copy()
    out[tuple(places.T)] = array[tuple(index)]
    return out


def _oblique_grid(volume: LabelVolume, spacing: float, rng: np.random.Generator) -> LabelVolume:
    """An empty grid that covers the volume, turned by up to 15 degrees about a random axis."""
    corners = np.array(np.meshgrid(*[(0, size - 1) for size in volume.array.shape])).reshape(3, -1).T
    points = volume.points_mm(corners)
    turn = rotation(rng.normal(size=3), float(rng.uniform(5, 15))) @ volume.orientation.cosines
    local = points @ turn  # along the axes x, y, z of the new grid
    size = np.ceil(np.ptp(local, axis=0) / spacing).astype(int) + 1
    origin = turn @ local.min(axis=0)
    return LabelVolume(
        np.zeros(size[::-1], np.uint8),
        (spacing,) * 3,
        origin=tuple(origin.tolist()),
        direction=tuple(turn.ravel().tolist()),
    )


def rotation(axis: Point, degrees: float) -> Point:
    """The matrix of a rotation about an axis (Rodrigues)."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    turn: Point = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return turn


def resampled(volume: LabelVolume, grid: LabelVolume) -> LabelVolume:
    """The labels on another grid by nearest neighbour; 0 outside the volume."""
    matrix = np.linalg.inv(volume.orientation.cosines) @ grid.orientation.cosines
    scale = np.diag(grid.spacing[::-1])
    step = (np.diag(1 / np.array(volume.spacing[::-1])) @ matrix @ scale)[::-1, ::-1]
    offset = (np.linalg.inv(volume.orientation.cosines) @ (np.array(grid.origin) - volume.origin))[::-1]
    start = offset / np.array(volume.spacing)
    found = np.zeros(grid.array.shape, volume.array.dtype)
    z, y, x = (np.arange(axis.start, axis.stop) for axis in _covered(volume, grid, step, start))
    for plane in z:
        at = [first + plane * by[0] + y[:, None] * by[1] + x * by[2] for first, by in zip(start, step, strict=True)]
        inside = np.logical_and.reduce([(a >= 0) & (a <= n - 1) for a, n in zip(at, volume.array.shape, strict=True)])
        index = tuple(np.floor(a[inside] + 0.5).astype(np.intp) for a in at)
        found[plane, y[0] : y[-1] + 1, x[0] : x[-1] + 1][inside] = volume.array[index]
    return grid.with_array(found)


def _covered(volume: LabelVolume, grid: LabelVolume, step: Array, start: Point) -> Region:
    """The box of the grid that holds all labels: there is nothing to look up outside of it."""
    box = hull(*volume.boxes.values())
    corners = np.array(list(product(*((axis.start - 1, axis.stop) for axis in box))))
    index = np.linalg.solve(step, (corners - start).T)
    low, high = np.floor(index.min(axis=1)).astype(int), np.ceil(index.max(axis=1)).astype(int) + 1
    whole = as_region(slice(0, size) for size in grid.array.shape)
    return intersect(as_region(map(slice, low.tolist(), high.tolist())), whole)


def stored_as(volume: LabelVolume, order: tuple[int, ...], flips: tuple[int, ...]) -> LabelVolume:
    """The same heart in the same place, with array axes (z, y, x) in another order and some of them reversed."""
    steps = (volume.orientation.cosines * volume.spacing[::-1]).T[::-1]  # one row per array axis z, y, x
    origin, array = np.array(volume.origin), volume.array
    for axis, flip in enumerate(flips):
        if flip:
            origin = origin + (array.shape[axis] - 1) * steps[axis]
            steps[axis] = -steps[axis]
            array = np.flip(array, axis)
    array, steps = np.ascontiguousarray(array.transpose(order)), steps[list(order)]
    spacing = np.linalg.norm(steps, axis=1)
    direction = (steps / spacing[:, None])[::-1].T
    return LabelVolume(array, tuple(spacing), origin=tuple(origin), direction=tuple(direction.ravel()))


def moved(volume: LabelVolume, mm: Iterable[float]) -> LabelVolume:
    """The same voxels at another place: a header whose origin is wrong."""
    return LabelVolume(
        volume.array, volume.spacing, origin=tuple(np.add(volume.origin, list(mm))), direction=volume.direction
    )
