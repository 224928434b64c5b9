"""The plugin's conformance, and its step and metric on the heart that ships with pycemrg and on brute force."""

from __future__ import annotations

import itertools
from importlib.resources import files

import numpy as np
import pytest
import SimpleITK as sitk
from pycemrg_partition.metric import open_faces
from scipy import ndimage

from pycemrg_core import LabelVolume, load_catalogue, run_recipe
from pycemrg_core.api import StructureMask
from pycemrg_core.testing import (
    MetricConformance,
    PluginConformance,
    RecipeConformance,
    SchematicConformance,
    StepConformance,
)

PLUGIN = "pycemrg_partition.plugin"
RPV1, SVC, RA_MYO = 10, 13, 105


class TestPlugin(PluginConformance):
    plugin = PLUGIN


class TestStep(StepConformance):
    plugin = PLUGIN


class TestSchematic(SchematicConformance):
    plugin = PLUGIN


class TestRecipe(RecipeConformance):
    plugin = PLUGIN


class TestMetric(MetricConformance):
    plugin = PLUGIN


@pytest.mark.parametrize("seed", range(5))
def test_open_faces_counts_every_face(seed: int) -> None:
    """Every pair of neighbouring voxels, one by one."""
    array = np.random.default_rng(seed).integers(0, 4, (4, 3, 5), dtype=np.uint8)
    spacing = (2.0, 1.0, 0.5)
    areas = (1.0 * 0.5, 2.0 * 0.5, 2.0 * 1.0)
    expected = 0.0
    for place in itertools.product(*map(range, array.shape)):
        for axis, area in enumerate(areas):
            beside = tuple(index + (number == axis) for number, index in enumerate(place))
            if beside[axis] < array.shape[axis] and {int(array[place]), int(array[beside])} == {1, 2}:
                expected += area
    volume = LabelVolume(array, spacing)
    found = [open_faces(StructureMask(volume, (a,)), StructureMask(volume, (b,))) for a, b in ((1, 2), (2, 1))]
    assert found == pytest.approx([expected, expected])


@pytest.mark.parametrize("thickness", [1.0, 2.5])
def test_the_vein_and_the_vena_cava_are_sealed_from_each_other(thickness: float) -> None:
    heart = sitk.ReadImage(str(files("schematics_builtin") / "demo" / "data" / "rodero01_1.0mm.nrrd"))
    catalogue = load_catalogue()
    before, after = (
        sitk.GetArrayFromImage(run_recipe(recipe, heart, catalogue, parameters=parameters).image)
        for recipe, parameters in (("four_chamber_full", {}), ("four_chamber_partitioned", {"partition_WT": thickness}))
    )
    # 1 mm voxels: the distance in voxels, by scipy, is the distance in mm.
    near = ndimage.distance_transform_edt(before != SVC) <= thickness
    assert np.array_equal(after, np.where((before == RPV1) & near, RA_MYO, before))
    meeting = [np.count_nonzero(ndimage.binary_dilation(array == RPV1) & (array == SVC)) for array in (before, after)]
    assert meeting[0] > 0, "the built-in recipe must leave a gap, or nothing is tested"
    assert meeting[1] == 0
