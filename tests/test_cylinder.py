"""The step kind ``cylinder`` against SimpleITK's own places of voxels, formulas, and what lies beyond the image."""

from __future__ import annotations

from math import pi
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from brute import catalogue
from command_line import HEART, pycemrg, voxels
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from test_docs import ROOT, fences

from pycemrg_core import PlanError, Recipe, Schematic, Settings, plan, prepare, run_plan
from pycemrg_core.api import Label, Note, StepError
from pycemrg_core.images.image_files import volume_of
from schematics_builtin.catalogue.cylinder import CylinderContract, cylinder

KEYS = ("POINT_X", "POINT_Y", "POINT_Z", "AXIS_X", "AXIS_Y", "AXIS_Z", "RADIUS", "LENGTH")
NAMES = [key.lower() for key in KEYS]


def schematic(values: tuple[float, ...], application: Any = ()) -> Schematic:
    return Schematic(
        name="stump",
        step="cylinder",
        labels={"stump_label": 9, "near_label": 2},
        parameters=dict(zip(NAMES, values, strict=True)),
        semantic_map={
            "TARGET_LABEL_NAME": "stump_label",
            **{f"{key}_PARAMETER_NAME": name for key, name in zip(KEYS, NAMES, strict=True)},
            "APPLICATION_STEPS": list(application),
        },
    )


def oblique(shape: tuple[int, ...], spacing: tuple[float, ...], seed: int) -> sitk.Image:
    rng = np.random.default_rng(seed)
    image = sitk.GetImageFromArray(rng.integers(0, 3, shape).astype(np.uint8))
    image.SetSpacing(spacing)
    image.SetOrigin(rng.uniform(-80, 80, 3).tolist())
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    image.SetDirection(turn.ravel().tolist())
    return image


def by_simpleitk(image: sitk.Image, values: tuple[float, ...]) -> np.ndarray[Any, Any]:
    """Which voxels are in the cylinder, by the place that SimpleITK gives each; ties are left open."""
    base, axis, (radius, length) = np.array(values[:3]), np.array(values[3:6]), values[6:]
    axis = axis / np.linalg.norm(axis)
    found = np.zeros(image.GetSize()[::-1], int)
    for z, y, x in np.ndindex(found.shape):
        offset = np.array(image.TransformIndexToPhysicalPoint((x, y, z))) - base
        height = float(offset @ axis)
        across = float(np.linalg.norm(np.cross(offset, axis)))
        margins = (height, length - height, radius - across)
        found[z, y, x] = -1 if min(map(abs, margins)) < 2e-3 else min(margins) > 0
    return found


@pytest.mark.slow
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(*[st.integers(3, 7)] * 3),
    st.tuples(*[st.sampled_from([0.5, 1.0, 1.7])] * 3),
    st.tuples(*[st.floats(-6, 12)] * 3),
    st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda axis: np.linalg.norm(axis) > 0.1),
    st.floats(0.5, 8),
    st.floats(0.5, 20),
)
def test_it_is_where_simpleitk_has_its_voxels(
    seed: int,
    shape: tuple[int, ...],
    spacing: tuple[float, ...],
    index: tuple[float, ...],
    axis: tuple[float, ...],
    radius: float,
    length: float,
) -> None:
    image = oblique(shape, spacing, seed)
    point = image.TransformContinuousIndexToPhysicalPoint(index)
    values = (*point, *axis, radius, length)
    work = np.array(sitk.GetArrayFromImage(image))
    expected = by_simpleitk(image, values)
    certain = expected >= 0
    contract = contract_of(values)
    for edit in cylinder(volume_of(image), contract):
        if not isinstance(edit, Note):
            work[edit.region][edit.mask] = edit.label
    before = sitk.GetArrayFromImage(image)
    assert ((work == 9) == ((expected == 1) & (before == 0)))[certain].all()
    assert (work == before)[work != 9].all()


def contract_of(values: tuple[float, ...]) -> CylinderContract:
    x, y, z, axis_x, axis_y, axis_z, radius, length = values
    return CylinderContract(
        target=Label("stump_label", 9), x=x, y=y, z=z, axis_x=axis_x, axis_y=axis_y, axis_z=axis_z,
        radius_mm=radius, length_mm=length, application=(),
    )  # fmt: skip


def run(image: sitk.Image, values: tuple[float, ...], application: Any = ()) -> Any:
    recipe = Recipe(name="one", steps=("stump",))
    settings = Settings(schematics={"stump": schematic(values, application)})
    prepared = prepare(volume_of(image), catalogue(), settings, recipe=recipe, check=False)
    *_, result = run_plan(plan(recipe, catalogue(), prepared.facts, settings), prepared)
    return result


def test_one_turned_image_against_simpleitk() -> None:
    """A sample of the test above, for the fast lane."""
    image = oblique((7, 6, 5), (0.5, 1.0, 1.7), 7)
    values = (*image.TransformContinuousIndexToPhysicalPoint((2.0, 2.5, 1.0)), 0.3, -0.2, 0.9, 2.1, 4.3)
    expected, work = by_simpleitk(image, values), np.array(sitk.GetArrayFromImage(image))
    for edit in cylinder(volume_of(image), contract_of(values)):
        if not isinstance(edit, Note):
            work[edit.region][edit.mask] = edit.label
    assert (work == 9).sum() > 3
    assert ((work == 9) == ((expected == 1) & (sitk.GetArrayFromImage(image) == 0)))[expected >= 0].all()


def test_its_volume_is_that_of_a_cylinder() -> None:
    image = sitk.GetImageFromArray(np.zeros((70, 60, 60), np.uint8))
    image[0, 0, 0] = 2
    image.SetSpacing((0.5, 0.5, 0.5))
    result = run(image, (15.0, 15.0, 5.0, 0.2, -0.1, 2.0, 6.0, 20.0))
    (entry,) = result.record.steps[0].ledger
    assert entry.mm3 == pytest.approx(pi * 6**2 * 20, rel=0.01)
    assert result.record.warnings == ()


def test_what_it_may_overwrite() -> None:
    array = np.full((9, 9, 9), 1, np.uint8)
    array[:, :, :4] = 2
    array[0] = 0
    image = sitk.GetImageFromArray(array)
    values = (4.0, 4.0, 0.0, 0.0, 0.0, 1.0, 2.0, 8.0)
    assert set(np.unique(run(image, values).volume.array[1:])) == {1, 2}
    over = [{"MODE": "REPLACE_ONLY", "RULE_LABEL_NAMES": ["near_label"]}]
    found = run(image, values, over).volume.array
    assert ((found == 9) == (np.hypot(*(np.indices((9, 9)) - 4)) <= 2)[None] & (array != 1)).all()


def test_what_lies_beyond_the_image_is_said() -> None:
    image = sitk.GetImageFromArray(np.ones((5, 5, 5), np.uint8))
    note = "stump: the cylinder of stump_label reaches beyond the image; what lies there is cut off"
    over = [{"MODE": "REPLACE", "RULE_LABEL_NAMES": []}]
    partly = run(image, (2.0, 2.0, 2.0, 0.0, 0.0, 1.0, 1.0, 9.0), over)
    assert note in partly.record.warnings
    assert (partly.volume.array == 9).sum() == 5 * 3
    away = run(image, (200.0, 2.0, 2.0, 0.0, 0.0, 1.0, 1.0, 9.0), over)
    assert {note, "stump changed nothing: no voxel is where it would write"} <= set(away.record.warnings)


def test_an_axis_has_a_direction() -> None:
    image = sitk.GetImageFromArray(np.ones((5, 5, 5), np.uint8))
    with pytest.raises(StepError, match="failed in stump: the axis is 0, 0, 0; give a direction, such as 0, 0, 1"):
        run(image, (2.0, 2.0, 2.0, 0.0, 0.0, 0.0, 1.0, 9.0))


def test_a_radius_is_positive() -> None:
    image = sitk.GetImageFromArray(np.ones((5, 5, 5), np.uint8))
    with pytest.raises(PlanError, match="radius is 0; it must be more than 0 mm"):
        run(image, (2.0, 2.0, 2.0, 0.0, 0.0, 1.0, 0.0, 9.0))


@pytest.mark.slow
def test_the_example_of_the_page_on_the_heart_that_ships(tmp_path: Path) -> None:
    """It joins the vein whose end it lengthens, and most of it is new."""
    (text,) = (block.text for block in fences(ROOT / "docs" / "steps.md") if "svc_stump" in str(block.attributes))
    plugin, out = tmp_path / "svc_stump.yaml", tmp_path / "out"
    plugin.write_text(text, encoding="utf-8")
    pycemrg("run", "svc_stump", HEART, "-o", out, "--plugin", plugin)
    before, after = voxels(HEART) == 13, voxels(out / "heart.nrrd") == 13
    assert (after >= before).all()
    assert after.sum() - before.sum() == pytest.approx(pi * 8**2 * 20, rel=0.15)
    assert ndimage.label(after)[1] == ndimage.label(before)[1]
