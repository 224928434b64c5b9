"""Fuse what tools write of a known heart, and compare the result with the heart. For tests and the benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen
from brute import catalogue
from scipy import ndimage
from tool_outputs import LA, LAA, OTHER, VEINS, Outputs, Veins, resampled, stored_as, tool_outputs, with_long_vessels

from pycemrg_core import LabelScheme, LabelVolume, PlanError
from pycemrg_core.api import hull
from schematics_builtin.fusing import Fused, Source, fuse

Array = npt.NDArray[Any]

_NAMES = "LV_BP LV_myo RV_BP LA_BP RA_BP Ao_BP PArt_BP LPV1 LPV2 RPV1 RPV2 LAA SVC IVC"
LABELS = {f"{name}_label": value for value, name in enumerate(_NAMES.split(), 1)}
VALVES = ((1, 4), (3, 5), (1, 6), (3, 7))
"""Lumens with a valve between them."""


def at(volume: LabelVolume, mm: float) -> LabelVolume:
    """The heart with cubic voxels of a size, by nearest neighbour."""
    z, y, x = (int((n - 1) * s / mm) + 1 for n, s in zip(volume.array.shape, volume.spacing, strict=True))
    grid = LabelVolume(np.zeros((z, y, x), np.uint8), (mm, mm, mm), origin=volume.origin, direction=volume.direction)
    return resampled(volume, grid)


def sources_of(outputs: Outputs) -> list[Source]:
    """Both label maps as sources, by the integers of their schemes."""
    schemes = {"chambers": "totalsegmentator-heartchambers", "total": "totalsegmentator-total"}
    return [
        Source.of(name, getattr(outputs, name), {v: k for k, v in catalogue().get(LabelScheme, scheme).labels.items()})
        for name, scheme in schemes.items()
    ]


def turned_at_random(outputs: Outputs, seed: int, *, together: bool) -> Outputs:
    """The same in the same place, but with the axes of both arrays in another order and direction."""
    rng = np.random.default_rng(seed)

    def draw() -> tuple[tuple[int, ...], tuple[int, ...]]:
        return tuple(rng.permutation(3).tolist()), tuple(rng.integers(0, 2, 3).tolist())

    first = draw()
    second = first if together else draw()
    return Outputs(stored_as(outputs.chambers, *first), stored_as(outputs.total, *second), outputs.truth)


@frozen
class Score:
    """How near a fused heart is to the truth.

    ``dice`` by integer; ``named`` is the part of the voxels of each vein that are nearest to this vein in the truth;
    ``pieces`` are those beyond one of each label; ``contacts`` are faces at the valves as a part of the true ones.
    """

    dice: dict[int, float]
    named: dict[int, float]
    pieces: int
    contacts: dict[tuple[int, int], float]

    @property
    def right(self) -> bool:
        """Whether every vein has its name."""
        return min(self.named.values()) > 0.9


def score(outputs: Outputs, fused: Fused, missing: Sequence[int] = (), trunk_mm: float = 0.0) -> Score:
    """Compare a fused heart with the truth.

    Within ``trunk_mm`` of the atrium two veins have one trunk, whose voxels are of both.
    """
    volume = fused.volume
    truth = resampled(outputs.truth, volume)
    array = volume.array
    box = hull(truth.region(VEINS), volume.region(VEINS)) if volume.boxes.keys() & set(VEINS) else truth.region(VEINS)
    veins = truth.array[box]
    places = ndimage.distance_transform_edt(~np.isin(veins, VEINS), return_distances=False, return_indices=True)
    nearest = veins[tuple(places)]
    counted = np.ones(array.shape, np.bool_)
    if trunk_mm:
        near = truth.within(4, trunk_mm)
        counted[near.region] = ~near.mask
    named = {v: _share(nearest[((array == v) & counted)[box]], v) for v in VEINS}
    for vein in missing:
        named[vein] = float(not (array == vein).any())
    return Score(
        dice=_dice(array, truth.array),
        named=named,
        pieces=sum(len(volume.components(v)) - 1 for v in volume.boxes),
        contacts={(a, b): len(volume.touching(a, b)) / max(len(truth.touching(a, b)), 1) for a, b in VALVES},
    )


def _share(values: Array, value: int) -> float:
    return float((values == value).mean()) if len(values) else 0.0


def _dice(a: Array, b: Array) -> dict[int, float]:
    """By label."""
    in_a, in_b, in_both = (np.bincount(one.ravel(), minlength=256) for one in (a, b, a[a == b]))
    return {v: float(2 * in_both[v] / max(int(in_a[v] + in_b[v]), 1)) for v in LABELS.values()}


@frozen
class Trial:
    """One trial: ``refused`` holds the doubts, else ``score`` says how right it is."""

    refused: tuple[str, ...] = ()
    score: Score | None = None
    fused: Fused | None = None

    @property
    def outcome(self) -> str:
        """Right, refused, or wrong: finished with a wrong name."""
        return "refused" if self.score is None else "right" if self.score.right else "wrong"


def trial(
    heart: LabelVolume, seed: int, veins: Veins, *, own_grid: bool = True, appendage: bool = True, turn: bool = True
) -> Trial:
    """Make what tools write of a heart, and fuse it."""
    made = tool_outputs(heart, seed, veins, own_grid=own_grid, appendage=appendage)
    outputs = turned_at_random(made, seed, together=not own_grid) if turn else made
    try:
        fused = fuse(sources_of(outputs), catalogue())
    except PlanError as error:
        return Trial(refused=tuple(one.rpartition("--accept ")[2].partition(",")[0] for one in error.problems))
    trunk = veins.trunk + 2.0 if veins.trunks else 0.0
    return Trial(score=score(outputs, fused, veins.missing, trunk), fused=fused)


def in_the_atrium(heart: LabelVolume, seed: int, veins: Veins) -> Trial:
    """Fuse a heart whose left atrium holds its veins and the appendage, and find them there."""
    truth = with_long_vessels(heart, veins, np.random.default_rng(seed))
    whole = truth.with_array(np.where(np.isin(truth.array, (*VEINS, LAA)), LA, truth.array).astype(np.uint8))
    source = Source.of("whole", whole, {v: name for name, v in LABELS.items() if v not in (*VEINS, LAA)})
    try:
        fused = fuse([source], catalogue(), veins="atrium")
    except PlanError as error:
        return Trial(refused=tuple(one.rpartition("--accept ")[2].partition(",")[0] for one in error.problems))
    trunk = veins.trunk + 2.0 if veins.trunks else 0.0
    return Trial(score=score(Outputs(whole, whole, truth), fused, trunk_mm=trunk), fused=fused)


def without(vein: int, *, early: bool) -> Veins:
    """Three veins; with ``early`` the other one on that side divides close to the atrium."""
    return Veins(missing=(vein,), early=(OTHER[vein],) if early else ())
