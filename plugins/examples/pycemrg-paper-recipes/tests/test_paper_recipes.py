"""The recipes' conformance, and the thickness of the walls they make."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from pycemrg_core import LabelScheme, Recipe, load_catalogue, run_recipe
from pycemrg_core.testing import PluginConformance, RecipeConformance

RECIPES = "pycemrg_paper_recipes:recipes.yaml"
HEART = str(files("schematics_builtin") / "demo" / "data" / "rodero01_1.0mm.nrrd")
LA_BP, RA_BP, LA_MYO, RA_MYO = 4, 5, 104, 105


class TestPlugin(PluginConformance):
    plugin = RECIPES


class TestThinAtria(RecipeConformance):
    plugin = RECIPES
    name = "thin_atria"


class TestThickAtria(RecipeConformance):
    plugin = RECIPES
    name = "thick_atria"


@pytest.mark.parametrize(("recipe", "thickness"), [("thin_atria", 1.5), ("thick_atria", 3.0)])
def test_the_atria_have_the_thickness_of_the_study(recipe: str, thickness: float) -> None:
    heart = sitk.ReadImage(HEART)
    before = sitk.GetArrayFromImage(heart)
    after = sitk.GetArrayFromImage(run_recipe(recipe, heart, load_catalogue()).image)
    for pool, wall in ((LA_BP, LA_MYO), (RA_BP, RA_MYO)):
        # The shell round the blood pool, where nothing else had grown before: 1 mm voxels, measured by scipy.
        distance = ndimage.distance_transform_edt(before != pool)
        farthest = distance[(after == wall) & (before == 0)].max()
        assert farthest <= thickness
        assert farthest > thickness - 0.2
        assert not ((after == 0) & (distance > 0) & (distance <= thickness)).any()


def test_the_scheme_has_the_structures_that_the_recipes_start_from() -> None:
    """Renumbered to the scheme's integers, the heart grows as it does with those of the built-in scheme."""
    catalogue = load_catalogue()
    heart = sitk.ReadImage(HEART)
    ours = catalogue.get(LabelScheme, "paper-labels").labels
    usual = catalogue.get(LabelScheme, "cemrg").labels
    numbers = np.zeros(256, np.uint8)
    for name, value in ours.items():
        numbers[usual[name]] = value
    renumbered = sitk.GetImageFromArray(numbers[sitk.GetArrayFromImage(heart)])
    renumbered.CopyInformation(heart)
    expected = run_recipe("thin_atria", heart, catalogue).image
    found = run_recipe(catalogue.get(Recipe, "thin_atria"), renumbered, catalogue, scheme="paper-labels").image
    assert np.array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(expected))
