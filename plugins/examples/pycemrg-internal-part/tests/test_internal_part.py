"""The plugin's conformance, and its recipe on a real heart with an artery drawn between the atria."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from pycemrg_core import load_catalogue, run_recipe
from pycemrg_core.testing import PluginConformance, RecipeConformance, SchematicConformance

PLUGIN = "pycemrg_internal_part.plugin"
RV_BP, LA_BP, RA_BP, PART_BP, RV_MYO, LA_MYO, RA_MYO, PART_WALL = 3, 4, 5, 7, 103, 104, 105, 107

Array = NDArray[np.integer]


class TestPlugin(PluginConformance):
    plugin = PLUGIN


class TestSchematics(SchematicConformance):
    plugin = PLUGIN


class TestRecipe(RecipeConformance):
    plugin = PLUGIN


@pytest.fixture(scope="module")
def patient() -> sitk.Image:
    """The heart that ships with pycemrg, with a tube of 7 mm radius, 30 mm long, where its atria come closest."""
    heart = sitk.ReadImage(str(files("schematics_builtin") / "demo" / "data" / "rodero01_1.0mm.nrrd"))
    array = sitk.GetArrayFromImage(heart)
    towards_la = ndimage.distance_transform_edt(array != LA_BP)
    towards_ra = ndimage.distance_transform_edt(array != RA_BP)
    middle = np.unravel_index(np.argmin(towards_la + towards_ra + (array == 0)), array.shape)
    z, y, x = np.indices(array.shape)
    tube = ((y - middle[1]) ** 2 + (x - middle[2]) ** 2 <= 7**2) & (np.abs(z - middle[0]) <= 15)
    array[tube & np.isin(array, (0, LA_BP, RA_BP))] = PART_BP
    drawn = sitk.GetImageFromArray(array)
    drawn.CopyInformation(heart)
    return drawn


@pytest.fixture(scope="module")
def before(patient: sitk.Image) -> Array:
    """The walls that the built-in recipe makes."""
    return grown("four_chamber_myocardium", patient)


@pytest.fixture(scope="module")
def after(patient: sitk.Image) -> Array:
    return grown("four_chamber_internal_part", patient, {"LA_WT": 2.5, "RA_WT": 1.5})


def grown(recipe: str, image: sitk.Image, parameters: dict[str, float] | None = None) -> Array:
    result = run_recipe(recipe, image, load_catalogue(), parameters=parameters or {"LA_WT": 2.5, "RA_WT": 1.5})
    array: Array = sitk.GetArrayFromImage(result.image)
    return array


def faces(array: Array, a: int, b: int) -> int:
    """How many voxels of ``a`` share a face with one of ``b``, by dilation."""
    return int(np.count_nonzero(ndimage.binary_dilation(array == a) & (array == b)))


@pytest.mark.parametrize(("pool", "wall", "thickness"), [(LA_BP, LA_MYO, 2.5), (RA_BP, RA_MYO, 1.5)])
def test_the_atria_get_a_wall_where_the_artery_stands_in_them(
    before: Array, after: Array, pool: int, wall: int, thickness: float
) -> None:
    assert faces(before, PART_WALL, pool) > 100, "the artery must stand in the atrium, or nothing is tested"
    # A push turns what lies within the wall's thickness of the pusher into wall: scipy measures it on 1 mm voxels.
    pusher = (before == PART_WALL) & (after == PART_WALL)
    near = ndimage.distance_transform_edt(~pusher) <= thickness
    assert np.array_equal((before == pool) & (after == wall), (before == pool) & near)
    assert faces(after, PART_WALL, pool) == 0


def test_muscle_takes_the_root_of_the_arterys_wall(before: Array, after: Array) -> None:
    near = ndimage.distance_transform_edt(before != RV_BP) <= 2.0
    taken = (before == PART_WALL) & (after == RV_MYO)
    assert taken.any()
    assert np.array_equal(taken, (before == PART_WALL) & near)
    assert faces(after, PART_WALL, RV_BP) == 0
