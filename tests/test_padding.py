"""An image is padded where a wall would meet its border: what was there stays where it is, in voxels and in mm."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from command_line import pycemrg
from hypothesis import given, settings
from hypothesis import strategies as st

from pycemrg_core import (
    PlanError,
    Settings,
    load_catalogue,
    make_room,
    plan,
    prepare,
    read_volume,
    run_recipe,
    write_volume,
)
from pycemrg_core.api import LabelVolume, Recipe, Schematic, image_of, volume_of
from pycemrg_core.images.padding import Padding
from pycemrg_core.plugins.loading import Policy

pytestmark = pytest.mark.usefixtures("loaded_once")

CATALOGUE = load_catalogue(Policy(allow=frozenset()))
RECIPE = Recipe(name="one_wall", steps=("lv_outflow",))
WALL_MM = {"LV_neck_WT": 2.0}

DIRECTIONS = {
    "as it is": np.eye(3),
    "oblique": np.linalg.qr(np.array([[2.0, 1, 0], [-1, 2, 1], [0.5, -1, 2]]))[0],
    "left-handed": np.diag([1.0, 1.0, -1.0]),
}


def box(low: tuple[int, int, int], high: tuple[int, int, int], direction: np.ndarray[Any, Any] | None = None) -> Any:
    """A lumen of 4 x 4 x 4 voxels with so much background before and after it along z, y and x."""
    array = np.pad(np.ones((4, 4, 4), np.uint8), list(zip(low, high, strict=True)))
    directed = tuple(map(float, (np.eye(3) if direction is None else direction).ravel()))
    return LabelVolume(array, (1.0, 0.8, 1.25), origin=(3.0, -7.5, 11.0), direction=directed)


def room(volume: LabelVolume, pad: bool = True) -> Any:
    settings = Settings(parameters=WALL_MM, pad=pad)
    prepared = prepare(volume, CATALOGUE, settings, recipe=RECIPE, check=False)
    return make_room(prepared, plan(RECIPE, CATALOGUE, prepared.facts, settings), settings)


@pytest.mark.slow
@pytest.mark.parametrize("name", DIRECTIONS)
@settings(deadline=None, max_examples=20)
@given(st.tuples(*[st.integers(0, 4)] * 3), st.tuples(*[st.integers(0, 4)] * 3))
def test_padding_is_that_of_simpleitk_and_can_be_taken_away(
    name: str, low: tuple[int, int, int], high: tuple[int, int, int]
) -> None:
    volume = box((1, 2, 0), (0, 1, 2), DIRECTIONS[name])
    padding = Padding(low=low, high=high)
    found, expected = padding.add_to(volume), volume_of(sitk.ConstantPad(image_of(volume), low, high, 0))
    np.testing.assert_array_equal(found.array, expected.array)
    assert found.origin == pytest.approx(expected.origin)
    assert found.direction == pytest.approx(expected.direction)
    assert found.boxes == LabelVolume(found.array, found.spacing).boxes
    back = padding.take_from(found)
    np.testing.assert_array_equal(back.array, volume.array)
    assert back.origin == pytest.approx(volume.origin)
    assert {**back.geometry(), "origin": None} == {**volume.geometry(), "origin": None}


@pytest.mark.parametrize("name", DIRECTIONS)
def test_the_wall_of_a_heart_cut_to_its_box_is_that_of_the_heart_with_room(name: str) -> None:
    tight, wide = box((0, 3, 2), (4, 0, 0), DIRECTIONS[name]), box((6, 6, 6), (6, 6, 6), DIRECTIONS[name])
    one, other = (
        run_recipe(RECIPE, volume, CATALOGUE, parameters=WALL_MM, check=False).volume for volume in (tight, wide)
    )
    # As many voxels, and in the frame of the heart at the same points.
    walls = [
        volume.points_mm(np.argwhere(volume.array == 2)) - volume.points_mm(np.argwhere(volume.array == 1))[0]
        for volume in (one, other)
    ]
    np.testing.assert_allclose(*walls, atol=1e-9)
    first = [volume.points_mm(np.argwhere(volume.array == 1))[0] for volume in (one, tight)]
    np.testing.assert_allclose(*first, atol=1e-9)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("voxels", range(5))
def test_padded_only_on_the_sides_that_need_it(axis: int, voxels: int) -> None:
    """The wall takes 2 voxels along z, 3 along y and 2 along x; beyond it one must stay background."""
    needs = (2, 3, 2)[axis]
    low = [6, 6, 6]
    low[axis] = voxels
    prepared = room(box(tuple(low), (6, 6, 6)))
    if voxels > needs:
        assert (prepared.padding, prepared.notes) == (None, ())
    else:
        added = [0, 0, 0]
        added[2 - axis] = needs + 1
        assert prepared.padding == Padding(low=tuple(added), high=(0, 0, 0))
        assert f"padded with background, in voxels: {needs + 1} at low {'zyx'[axis]}; " in prepared.notes[0]


def test_without_padding_a_note_says_what_is_cut() -> None:
    prepared = room(box((0, 6, 6), (6, 6, 6)), pad=False)
    assert (prepared.padding, prepared.volume.array.shape) == (None, (10, 16, 16))
    assert prepared.notes == (
        "not padded: LV_BP_label, LV_myo_label would meet the border of the image; what lies beyond is cut off",
    )


@pytest.mark.parametrize("thickness", [1e6, 1e20, 1e300])
def test_a_thickness_that_would_make_the_image_huge_is_refused(thickness: float) -> None:
    volume = box((6, 6, 6), (6, 6, 6))
    with pytest.raises(PlanError, match=r"a wall of 1e\+\d+ mm needs an image of [\d,]+ voxels; make it thinner"):
        run_recipe(RECIPE, volume, CATALOGUE, parameters={"LV_neck_WT": thickness}, check=False)
    if thickness > 1e6:
        return
    result = run_recipe(RECIPE, volume, CATALOGUE, parameters={"LV_neck_WT": 1e6}, check=False, pad=False)
    assert (result.volume.array > 0).all()


def test_labels_of_no_step_do_not_count() -> None:
    volume = box((6, 6, 6), (6, 6, 6))
    array = volume.array.copy()
    array[0, 0, 0] = 99
    assert room(volume.with_array(array)).padding is None


def test_a_ring_has_room_too() -> None:
    array = np.zeros((16, 20, 20), np.uint8)
    array[6:12, 6:12, 6:12], array[12:15, 8:10, 8:10] = 4, 8
    recipe = Recipe(name="rings", steps=("la_myocardium", "lpv1_ring"), scheme="cemrg")
    result = run_recipe(recipe, LabelVolume(array, (1.0, 1.0, 1.0)), CATALOGUE, check=False)
    assert result.record.padding == Padding(low=(0, 0, 0), high=(0, 0, 3))
    assert "3 at high z; LPV1_ring_label would meet the border" in result.record.warnings[0]


@pytest.fixture
def cropped(tmp_path: Path) -> Path:
    """Two chambers, cut to their box, as a file in an oblique frame."""
    array = np.zeros((12, 14, 26), np.uint8)
    array[:, :, :13], array[:, :, 13:] = 2, 3
    array[2:10, 2:12, 2:11] = 1
    volume = LabelVolume(
        array, (1.0, 1.0, 1.0), origin=(5.0, 6.0, 7.0), direction=tuple(map(float, DIRECTIONS["oblique"].ravel()))
    )
    write_volume(volume, tmp_path / "cropped.nrrd")
    return tmp_path / "cropped.nrrd"


def one_wall(folder: Path) -> Path:
    """A plugin with a recipe of one wall."""
    path = folder / "one.yaml"
    path.write_text("recipes:\n  one_wall:\n    summary: a wall\n    scheme: cemrg\n    steps: [rv_myocardium]\n")
    return path


def test_run_pads_records_it_and_repeats_it(cropped: Path, tmp_path: Path) -> None:
    plugin = one_wall(tmp_path)
    options = ("--plugin", plugin, "--no-check")
    out, plain = tmp_path / "out", tmp_path / "plain"
    assert (
        "note: padded with background, in voxels: 5 on all sides"
        in pycemrg("run", "one_wall", cropped, "-o", out, *options).stderr
    )
    record = json.loads((out / "run.json").read_text())
    assert record["padding"] == {"low": [5, 5, 5], "high": [5, 5, 5]}
    given, _ = read_volume(cropped)
    assert record["input"]["size"] == [26, 14, 12]
    assert record["input"]["origin"] == pytest.approx(given.origin)
    grown = sitk.ReadImage(str(out / "heart.nrrd"))
    corner = grown.TransformIndexToPhysicalPoint((5, 5, 5))
    assert corner == pytest.approx(given.origin)
    pycemrg("run", "--again", out / "run.json", "-o", tmp_path / "again", "--plugin", plugin)
    assert read_volume(tmp_path / "again" / "heart.nrrd")[0].geometry() == read_volume(out / "heart.nrrd")[0].geometry()
    note = "not padded: LV_myo_label, RV_BP_label, RV_myo_label would meet the border of the image"
    assert note in pycemrg("plan", "one_wall", cropped, "--no-pad", *options).stderr
    assert note in pycemrg("run", "one_wall", cropped, "-o", plain, "--no-pad", *options).stderr
    assert read_volume(plain / "heart.nrrd")[0].geometry() == given.geometry()
    assert "padding" not in json.loads((plain / "run.json").read_text())


def test_a_damaged_padding_is_refused(cropped: Path, tmp_path: Path) -> None:
    plugin = one_wall(tmp_path)
    pycemrg("run", "one_wall", cropped, "-o", tmp_path / "out", "--plugin", plugin, "--no-check")
    path = tmp_path / "out" / "run.json"
    record = json.loads(path.read_text())
    for wrong in ({"low": [5, 5], "high": [5, 5, 5]}, {"low": [-1, 0, 0], "high": [0, 0, 0]}, 5):
        path.write_text(json.dumps({**record, "padding": wrong}))
        found = pycemrg("run", "--again", path, "-o", tmp_path / "again", "--plugin", plugin, code=1)
        assert re.search(r"run\.json: .*padding\b", found.stderr)


def test_a_kept_step_of_a_padded_run_is_not_taken_up_without_padding(cropped: Path, tmp_path: Path) -> None:
    plugin = one_wall(tmp_path)
    call = ("run", "one_wall", cropped, "-o", tmp_path / "out", "--plugin", plugin, "--no-check")
    pycemrg(*call, "--keep-steps")
    assert "cannot be resumed" in pycemrg(*call, "--resume", "--no-pad", code=1).stderr
    pycemrg(*call, "--resume")


def test_schematics_of_this_test_exist() -> None:
    assert {one.name for one in CATALOGUE.all(Schematic)} >= {"lv_outflow", "rv_myocardium", "lpv1_ring"}
