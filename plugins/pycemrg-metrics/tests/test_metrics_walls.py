"""Wall thickness: slabs and spherical shells, open and closed, and walls of a given thickness on a real heart."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from metrics_brute import Array, Spacing, neighbours
from pycemrg_metrics import thickness, walls
from scipy import ndimage

from pycemrg_core import LabelVolume, load_catalogue, read_labels, run_recipe
from pycemrg_core.api import StructureMask, volume_of

HEART = Path(__file__).resolve().parents[3] / "benchmarks" / "data" / "rodero01_0.5mm.nrrd"
SPACINGS = [(1.0, 1.0, 1.0), (0.5, 0.5, 0.5), (2.0, 1.0, 1.0), (0.6, 1.4, 1.0)]
LUMEN, WALL, CAP = 1, 2, 9


def wall_of(array: Array, spacing: Spacing) -> StructureMask:
    return StructureMask(LabelVolume(array, spacing), (WALL,))


def shell(inner: float, outer: float, spacing: Spacing, cut: float = math.inf) -> StructureMask:
    """A spherical wall between two radii (mm), off the grid; above ``cut`` no wall, and a cap for the lumen."""
    sizes = [int(np.ceil(2 * (outer + 3) / step)) for step in spacing]
    axes = [(np.arange(n) - (n - 1) / 2 + 0.13) * step for n, step in zip(sizes, spacing, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    radius = np.sqrt(z**2 + y**2 + x**2)
    array = np.where(radius <= inner, LUMEN, np.where(radius <= outer, WALL, 0)).astype(np.uint8)
    array[(z > cut) & (array == WALL)] = 0
    array[(z > cut) & (array == LUMEN)] = CAP
    return wall_of(array, spacing)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("voxels", [1, 2, 5])
def test_a_slab_is_exact_and_its_rim_does_not_count(axis: int, voxels: int) -> None:
    spacing = (0.7, 1.5, 0.4)
    array = np.zeros((16, 16, 16), np.uint8)
    part = array[2:14, 2:14, 2:14]  # a plate with a rim on all four sides
    np.moveaxis(part, axis, 0)[:4] = LUMEN
    np.moveaxis(part, axis, 0)[4 : 4 + voxels] = WALL
    found = thickness(wall_of(array, spacing))
    assert found.lumen == LUMEN
    assert found.mm == pytest.approx(voxels * spacing[axis])
    # All on the outermost plane.
    assert (found.voxels[:, axis] == 2 + 4 + voxels - 1).all()
    assert len(found.mm) > 0


@pytest.mark.slow(every=2)
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize(("inner", "outer"), [(10.0, 12.0), (8.0, 16.5), (15.0, 22.0)])
def test_a_spherical_shell(inner: float, outer: float, spacing: Spacing) -> None:
    wall = shell(inner, outer, spacing)
    found = thickness(wall)
    assert np.abs(found.mm - (outer - inner)).max() <= np.linalg.norm(spacing)
    assert abs(np.median(found.mm) - (outer - inner)) <= 0.5 * max(spacing)
    for voxel in found.voxels[:: max(1, len(found.voxels) // 50)]:
        index = tuple(voxel)
        assert wall.volume.array[index] == WALL
        assert not all(neighbours(wall.volume.array != 0, index))


@pytest.mark.slow(every=4)
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize(("inner", "outer"), [(10.0, 12.0), (8.0, 16.5), (15.0, 22.0)])
@pytest.mark.parametrize("cut", [0.0, 4.0])
def test_a_rim_does_not_reach_the_fifth_percentile(inner: float, outer: float, spacing: Spacing, cut: float) -> None:
    wall = shell(inner, outer, spacing, cut)
    low = outer - inner - np.linalg.norm(spacing)
    assert walls.wall_thickness_p5(wall) >= low
    assert walls.wall_thickness_p95(wall) <= outer - inner + np.linalg.norm(spacing)
    # The rim is there: with every wall voxel that faces something else, thick walls would fail.
    array = wall.volume.array
    every = (array == WALL) & ~ndimage.binary_erosion(array != 0)
    naive = ndimage.distance_transform_edt(array != LUMEN, spacing)[every]
    assert outer - inner < 5 or np.percentile(naive, 5) < low


def test_the_border_of_the_image_is_a_rim_too() -> None:
    array = np.zeros((9, 9, 20), np.uint8)
    array[..., :5], array[..., 5:11] = LUMEN, WALL
    assert walls.wall_thickness_p5(wall_of(array, (1.0, 1.0, 1.0))) == 6
    assert (thickness(wall_of(array, (1.0, 1.0, 1.0))).voxels[:, 2] == 10).all()
    # One slice is enough.
    assert walls.wall_thickness_p5(wall_of(array[:1], (1.0, 1.0, 1.0))) == 6


def test_the_lumen_is_what_the_wall_touches_most() -> None:
    array = np.zeros((9, 9, 20), np.uint8)
    array[..., 5:8], array[..., 8:11] = 7, WALL
    array[:3, :, 11:13] = 5  # a neighbour on the outside
    found = thickness(wall_of(array, (1.0, 1.0, 1.0)))
    assert found.lumen == 7
    assert (found.mm == 3).all()


@pytest.mark.parametrize("metric", [walls.wall_thickness_median, walls.wall_thickness_p5, walls.wall_thickness_p95])
def test_without_a_lumen_there_is_no_thickness(metric: Any) -> None:
    alone = np.zeros((5, 5, 5), np.uint8)
    alone[2:4, 2:4, 2:4] = WALL
    absent = np.zeros((5, 5, 5), np.uint8)
    absent[2, 2, 2] = LUMEN
    for array in (alone, absent):
        assert math.isnan(metric(wall_of(array, (1.0, 1.0, 1.0))))
        assert thickness(wall_of(array, (1.0, 1.0, 1.0))).mm.size == 0


@pytest.mark.slow
def test_walls_grown_on_a_real_heart() -> None:
    """Grown walls have the thickness they were given: no more, and a voxel less at most nearly everywhere."""
    image, _ = read_labels(HEART)
    wanted = {"LA_WT": 2.5, "RA_WT": 2.0, "RV_WT": 3.5, "Ao_WT": 2.0}
    result = run_recipe("four_chamber_myocardium", image, load_catalogue(), parameters=wanted)
    volume, labels = volume_of(result.image), result.record.labels
    for name, lumen, given in (
        ("LA_myo_label", "LA_BP_label", 2.5),
        ("RA_myo_label", "RA_BP_label", 2.0),
        ("RV_myo_label", "RV_BP_label", 3.5),
        ("Ao_wall_label", "Ao_BP_label", 2.0),
    ):
        wall = StructureMask(volume, (labels[name],))
        assert wall.once(thickness).lumen == labels[lumen]
        assert given - 0.5 <= walls.wall_thickness_median(wall) <= given
        assert walls.wall_thickness_p5(wall) >= given - math.dist((0, 0, 0), (0.5, 0.5, 0.5))
        assert walls.wall_thickness_p95(wall) <= given + 1e-9
