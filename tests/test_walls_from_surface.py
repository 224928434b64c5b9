"""Walls measured from the surface of their lumen: by brute force, on shapes known by formula, and as the docs say."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import brute
import numpy as np
import pytest
from brute import Array, Spacing, catalogue
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pycemrg_core import LabelVolume, RunResult, read_volume, run_recipe
from pycemrg_core.api import ApplicationStep, Label, Mode, Severity, WorkingVolume
from schematics_builtin.catalogue.contracts import MyocardiumCreationContract
from schematics_builtin.catalogue.steps import create
from schematics_builtin.certificate import certify_result
from schematics_builtin.demo import heart_file

DOCS = Path(__file__).resolve().parent.parent / "docs" / "steps.md"
WALL_MM = 2.0


def walled(array: Array, spacing: Spacing, mm: float, from_surface: int) -> Array:
    contract = MyocardiumCreationContract(
        source=Label("lumen", 1),
        target=Label("wall", 9),
        thickness_mm=mm,
        application=(ApplicationStep(Mode.ADD),),
        from_surface=from_surface,
    )
    work = WorkingVolume(LabelVolume(array, spacing), np.dtype(np.uint8))
    work.apply(list(create(work, contract)))
    return work.array


@st.composite
def maps(draw: Any) -> tuple[Array, Spacing]:
    shape = draw(st.tuples(*[st.integers(1, 8)] * 3))
    array = draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 0, 1, 2]), fill=st.just(0)))
    return array, draw(st.tuples(*[st.sampled_from([0.4, 0.7, 1.0, 1.3, 2.0])] * 3))


@pytest.mark.slow
@settings(deadline=None, max_examples=100)
@given(maps(), st.sampled_from([0.5, 1.0, 2.0, 2.6, 5.5]))
def test_half_a_voxel_farther_along_each_axis(case: tuple[Array, Spacing], mm: float) -> None:
    array, spacing = case
    reach = mm + np.array(spacing) / 2
    places, inside = np.argwhere(array >= 0), np.argwhere(array == 1)
    expected = array.copy()
    if len(inside):
        steps = (places[:, None] - inside) * spacing / reach
        near = (np.linalg.norm(steps, axis=2) <= 1 + 1e-9).any(axis=1).reshape(array.shape)
        expected[near & (array == 0)] = 9
    np.testing.assert_array_equal(walled(array, spacing, mm, 1), expected)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.7, 1.3, 2.0)])
def test_beyond_a_flat_face_the_wall_ends_where_it_should(axis: int, spacing: Spacing) -> None:
    """Layers whose centres are within the thickness of the face of the lumen."""
    array = np.zeros((9, 9, 9), np.uint8)
    np.moveaxis(array, axis, 0)[0] = 1
    wall = np.moveaxis(walled(array, spacing, 4.0, 1), axis, 0)[:, 4, 4]
    assert (wall == 9).sum() == sum((layer + 0.5) * spacing[axis] <= 4.0 + 1e-9 for layer in range(8))


@cache
def lumen(shape: str, size: float) -> tuple[Array, float, Array]:
    """How far voxels are from the middle of a sphere or the axis of an oblique tube; the radius; where to look."""
    count = int(48 / size)
    z, y, x = np.meshgrid(*[(np.arange(count) - (count - 1) / 2) * size + by for by in (0.1, 0.2, 0.3)], indexing="ij")
    square = x * x + y * y + z * z
    if shape == "sphere":
        return np.sqrt(square), 20.0, square >= 0
    along = (z + 2 * y + 3 * x) / np.sqrt(14)
    return np.sqrt(np.maximum(square - along**2, 0)), 8.0, np.abs(along) < 10


def compared(shape: str, size: float, from_surface: int) -> tuple[float, float]:
    """The volume of the wall in shares of the true one, and the Dice coefficient of the two."""
    distance, radius, where = lumen(shape, size)
    true = (distance > radius) & (distance <= radius + WALL_MM) & where
    wall = (walled((distance <= radius).astype(np.uint8), (size,) * 3, WALL_MM, from_surface) == 9) & where
    return wall.sum() / true.sum(), 2 * (wall & true).sum() / (wall.sum() + true.sum())


def rows(start: str) -> list[list[str]]:
    lines = DOCS.read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith(start)]


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("row", rows("| sphere, ") + rows("| tube, "), ids=" ".join)
def test_the_volumes_and_dice_of_the_docs(row: list[str]) -> None:
    what, size, *numbers = row
    shape = what.split(",")[0]
    found = [value for from_surface in (0, 1) for value in compared(shape, float(size), from_surface)]
    assert found == pytest.approx(list(map(float, numbers)), abs=0.006)


@cache
def heart(from_surface: int) -> RunResult:
    volume, _ = read_volume(heart_file())
    return run_recipe("four_chamber_closed", volume, catalogue(), parameters={"walls_from_surface": from_surface})


@pytest.mark.slow
def test_the_complete_heart_is_closed_with_thicker_walls() -> None:
    assert certify_result(heart(1), brute.catalogue()).of(Severity.ERROR) == ()
    assert heart(1).record.parameters["walls_from_surface"] == 1


@pytest.mark.slow
def test_what_it_changes_in_the_heart_is_what_the_docs_say() -> None:
    labels = heart(0).record.labels
    found = {}
    for name, volume, dice in (row for row in rows("| ") if len(row) == 3 and re.fullmatch(r"\w+_(myo|wall)", row[0])):
        a, b = (heart(from_surface).volume.array == labels[f"{name}_label"] for from_surface in (0, 1))
        measured = b.sum() / a.sum(), 2 * (a & b).sum() / (a.sum() + b.sum())
        assert measured == pytest.approx((float(volume), float(dice)), abs=0.006), name
        found[name] = measured
    assert len(found) == 5
