"""Open vessels: one flat end is expected; pinholes, further openings and missing wall are found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from pycemrg_core.api import Blueprint, Finding, Heart, LabelType, LabelVolume, Severity
from pycemrg_core.api import Wall as WallAsked
from schematics_builtin.certificate.checks.open_ends import open_end
from schematics_builtin.certificate.closure import closure_of
from schematics_builtin.certificate.open_ends import open_ends

Array = np.ndarray[Any, Any]
LUMEN, WALL, VEIN = 6, 106, 8
SPACINGS = [(1.0, 1.0, 1.0), (1.5, 1.0, 0.8), (0.7, 2.0, 1.2)]
BLUEPRINT = Blueprint(
    names={LUMEN: "Ao_BP_label", WALL: "Ao_wall_label", VEIN: "LPV1_label"},
    types={LUMEN: LabelType.LUMEN, WALL: LabelType.WALL, VEIN: LabelType.LUMEN},
    walls=(WallAsked(LUMEN, WALL, 2.0),),
    made=(WALL,),
    open=frozenset({LUMEN, VEIN}),
)
WAYS = [(1, 0, 0), (0, 0, 1), (0.3, 0.2, 1), (1, 1, 1), (-0.5, 0.8, 0.4), (1, -1, 0.1)]


def tube(way: tuple[float, ...], spacing: tuple[float, float, float]) -> tuple[Array, Array, Array]:
    """A tube of 8 mm radius with a wall of 3 mm, along ``way``: its voxels, and mm along and away from its axis.

    It ends flat, at right angles to its axis, at 15 mm.
    """
    shape = [int(52 / size) for size in spacing]
    points = [(np.arange(n) - (n - 1) / 2) * size for n, size in zip(shape, spacing, strict=True)]
    grid = np.meshgrid(*points, indexing="ij")
    unit = np.array(way) / np.linalg.norm(way)
    along = sum(one * u for one, u in zip(grid, unit, strict=True))
    away = np.sqrt(np.maximum(sum(one**2 for one in grid) - along**2, 0))
    voxels = np.zeros(shape, np.uint8)
    voxels[(np.abs(along) < 15) & (away < 11)] = WALL
    voxels[(along > -12) & (along < 15) & (away < 8)] = LUMEN
    return voxels, along, away


def found(voxels: Array, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> list[Finding]:
    return list(open_end(Heart(volume=LabelVolume(voxels, spacing, blueprint=BLUEPRINT))))


def heart(voxels: Array, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Heart:
    return Heart(volume=LabelVolume(voxels, spacing, blueprint=BLUEPRINT))


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("way", WAYS)
def test_one_flat_end_is_expected(way: tuple[float, ...], spacing: tuple[float, float, float]) -> None:
    voxels, along, _ = tube(way, spacing)
    (one,) = found(voxels, spacing)
    assert one.severity is Severity.EXPECTED
    # It lies in the plane of the end, and its faces along the axes look onto more than the area of the disc.
    assert one.voxel is not None
    assert abs(along[one.voxel[::-1]] - 15) < 2 * max(spacing)
    assert one.mm2 is not None
    assert one.mm2 > 0.9 * np.pi * 8**2
    assert one.what.startswith("Ao_BP_label is open at its end: one flat opening of ")
    (end,) = open_ends(heart(voxels, spacing))[LUMEN]
    assert end.share == pytest.approx(1.0, abs=0.25)
    assert end.deep_mm <= max(spacing) * 1.01
    assert closure_of(heart(voxels, spacing)).statement == "closed: no lumen; open: Ao at its end"


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("way", WAYS)
def test_a_hole_in_the_wall_is_a_further_opening(way: tuple[float, ...], spacing: tuple[float, float, float]) -> None:
    voxels, along, _ = tube(way, spacing)
    # One voxel wide, from the lumen out, along the axis that is most across the tube.
    hole = np.array(voxels.shape) // 2
    while voxels[tuple(hole)]:
        if voxels[tuple(hole)] == WALL:
            voxels[tuple(hole)] = 0
        hole[np.argmin(np.abs(way))] -= 1
    expected, error = found(voxels, spacing)
    assert (expected.severity, error.severity) == (Severity.EXPECTED, Severity.ERROR)
    # In an oblique wall, a hole of one voxel can open to several sides.
    size = "1 face" if error.faces == 1 else f"{error.faces} faces"
    assert error.what.startswith(f"Ao_BP_label has a further opening beside its end: {size} (")
    assert error.voxel is not None
    assert abs(along[error.voxel[::-1]]) < 8
    assert closure_of(heart(voxels, spacing)).open_elsewhere == ("Ao_BP_label",)


def test_another_open_lumen_at_the_side_is_a_further_opening() -> None:
    voxels, along, _ = tube((1, 0, 0), (1.0, 1.0, 1.0))
    voxels[(np.abs(along) < 2) & (voxels == WALL)] = VEIN
    expected, error = found(voxels)
    assert expected.severity is Severity.EXPECTED
    assert "further opening" in error.what


@pytest.mark.parametrize("way", WAYS)
def test_wall_missing_beside_the_end_is_not_flat(way: tuple[float, ...]) -> None:
    voxels, along, _ = tube(way, (1.0, 1.0, 1.0))
    z, _, _ = np.indices(voxels.shape)
    voxels[(along > 7) & (voxels == WALL) & (z > voxels.shape[0] / 2)] = 0
    (error,) = found(voxels)
    assert error.severity is Severity.ERROR
    assert error.what.startswith("Ao_BP_label is not open at a flat end: its opening of ")
    assert error.mm is not None
    assert error.mm > 4


def test_no_wall_at_all_is_not_flat() -> None:
    voxels, _, _ = tube((1, 0, 0), (1.0, 1.0, 1.0))
    voxels[voxels == WALL] = 0
    (error,) = found(voxels)
    assert "wall is missing" in error.what


def test_a_pinhole_alone_is_not_an_end() -> None:
    voxels, along, away = tube((1, 0, 0), (1.0, 1.0, 1.0))
    voxels[(along > 12) & (voxels == LUMEN) & (away > 2)] = WALL
    (error,) = found(voxels)
    assert error.severity is Severity.ERROR
    assert error.what.startswith("Ao_BP_label is open by a pinhole, not at its end: ")


def test_a_lumen_that_is_closed_in_has_no_opening() -> None:
    voxels, along, _ = tube((1, 0, 0), (1.0, 1.0, 1.0))
    voxels[(along > 12) & (voxels == LUMEN)] = WALL
    assert found(voxels) == []
    assert closure_of(heart(voxels)).statement == "closed in, but should be open: Ao; closed: no lumen"


def test_an_end_that_is_sealed_except_for_edges_of_voxels() -> None:
    """A lid of one layer on a slanted end: nothing passes through faces, the flood passes through edges."""
    voxels, _, _ = tube((0.3, 0.2, 1), (1.0, 1.0, 1.0))
    voxels[binary_dilation(voxels == LUMEN) & (voxels == 0)] = WALL
    (error,) = found(voxels)
    assert error.severity is Severity.ERROR
    assert error.what == "Ao_BP_label has no opening: it is open only through edges or corners of voxels"
    assert error.voxel is not None
    assert voxels[error.voxel[::-1]] == LUMEN
    assert closure_of(heart(voxels)).open_elsewhere == ("Ao_BP_label",)


def test_tissue_on_the_rim_does_not_make_a_second_opening() -> None:
    """A repair may put voxels of wall on the rim of a slanted end."""
    voxels, along, away = tube((0.3, 0.2, 1), (1.0, 1.0, 1.0))
    rim = np.argwhere((along > 14) & (voxels == LUMEN) & (away > 6) & (away < 7))
    voxels[tuple(rim[::3].T)] = WALL
    (one,) = found(voxels)
    assert one.severity is Severity.EXPECTED
