"""The built-in catalogue passes what it asks of other plugins, and the kit's label maps are what they say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import attrs
import edt
import numpy as np
import pytest
import segmentation_files
from scipy import ndimage

from pycemrg_core.api import LabelVolume, Reader, Step
from pycemrg_core.images import image_files
from pycemrg_core.testing import (
    CheckConformance,
    PluginConformance,
    ReaderConformance,
    RecipeConformance,
    SchematicConformance,
    StepConformance,
    volumes,
)
from pycemrg_core.testing.contract import generic_contract, image_labels

BUILT_IN = "schematics_builtin.catalogue.plugin"


class TestPlugin(PluginConformance):
    plugin = BUILT_IN


@pytest.mark.slow(every=4)
class TestSteps(StepConformance):
    plugin = BUILT_IN

    @pytest.fixture
    def contract(self, record: Step) -> Any:
        """The kit's own; a cylinder shall be in its label maps."""
        made = generic_contract(record.contract.load())
        return attrs.evolve(made, x=12.0, y=14.0, z=-2.0, length_mm=12.0) if record.name == "cylinder" else made

    @pytest.fixture
    def volume(self, record: Step, contract: Any) -> LabelVolume:
        """A label map of cells, but for the step that needs a vessel with an end."""
        if record.name != "open_vessel":
            return volumes.ordinary_volume(image_labels(contract))
        array = np.zeros((30, 24, 30), np.uint8)
        z, y, x = np.indices(array.shape)
        inside = (y - 11.5) ** 2 + (x - 14.5) ** 2 < 64
        array[((y - 11.5) ** 2 + (x - 14.5) ** 2 < 100) & (z > 3) & (z < 28)] = contract.cut[0].value
        array[inside & (z > 3) & (z < 26)] = contract.lumen.value
        array[inside & (z > 1) & (z <= 3)] = contract.root.value
        return LabelVolume(array, (1.2, 1.0, 1.0))


@pytest.mark.slow(every=4)
class TestSchematics(SchematicConformance):
    plugin = BUILT_IN


@pytest.mark.slow(every=4)
class TestRecipes(RecipeConformance):
    plugin = BUILT_IN


@pytest.mark.slow(every=4)
class TestChecks(CheckConformance):
    plugin = "schematics_builtin.certificate.plugin"


class TestReaders(ReaderConformance):
    plugin = "schematics_builtin.readers.plugin"

    @pytest.fixture
    def source(self, record: Reader, tmp_path: Path) -> Path:
        """What TotalSegmentator, 3D Slicer, nnU-Net and ITK-SNAP write."""
        folder, array = tmp_path / "tool", segmentation_files.blocks([1, 2])
        folder.mkdir()
        names = {1: "left ventricle", 2: "aorta"}
        if record.name == "mask-folder":
            for value, name in names.items():
                segmentation_files.nifti(folder / "masks" / f"{name}.nii.gz", (array == value).astype(np.uint8))
            return folder / "masks"
        if record.name == "nifti-label-table":
            return segmentation_files.nifti(folder / "ml.nii.gz", array, (0, segmentation_files.caret(names)))
        if record.name == "slicer-segmentation":
            fields = [{"Name": name, "LabelValue": str(value)} for value, name in names.items()]
            return segmentation_files.slicer(folder / "heart.seg.nrrd", [array], fields)
        if record.name == "nnunet-dataset":
            segmentation_files.dataset_json(folder / "dataset.json", {name: value for value, name in names.items()})
        else:
            segmentation_files.itksnap(folder / "case.label", names)
        return segmentation_files.nifti(folder / "case.nii.gz", array)


LABELS = ([1], [1, 2], [1, 2, 3, 90], list(range(1, 15)), [301, 70000])


@pytest.mark.parametrize("labels", LABELS, ids=str)
def test_a_body_has_its_labels_and_background_all_round(labels: list[int]) -> None:
    shape = (24, 34, 48)
    array = volumes.random_cells(labels, shape)
    assert array.shape == shape
    assert array.dtype == np.min_scalar_type(max(labels))
    assert set(np.unique(array)) == {0, *labels}
    for axis in range(3):
        assert not np.take(array, [0, -1], axis).any()


def test_a_body_has_islands_and_a_hole() -> None:
    array = volumes.random_cells([1, 2, 3])
    for label in (1, 2, 3):
        assert ndimage.label(array == label)[1] > 1
    holes = [ndimage.binary_fill_holes(array == label) & (array == 0) for label in (1, 2, 3)]
    assert any(hole.any() for hole in holes)


def test_the_labels_of_a_body_touch() -> None:
    array = volumes.random_cells([1, 2, 3])
    for one, other in ((1, 2), (2, 3), (1, 3)):
        # Of one voxel to the next along the longest edge.
        distance = edt.edt(array != other, anisotropy=volumes.SPACING)
        assert distance[array == one].min() <= max(volumes.SPACING)


@pytest.mark.parametrize("rotation", volumes.ROTATIONS)
def test_a_rotation_keeps_sizes_in_mm(rotation: str) -> None:
    volume = volumes.ordinary_volume([1, 2, 3])
    turned = volumes.rotated(rotation, volume)
    assert Counter(turned.array.ravel().tolist()) == Counter(volume.array.ravel().tolist())
    extents = [np.multiply(one.array.shape, one.spacing).tolist() for one in (volume, turned)]
    assert sorted(extents[0]) == sorted(extents[1])
    # The extent in mm goes with its axis: mark the last voxel of each axis and measure how far it is.
    for axis in range(3):
        marked = np.zeros(volume.array.shape, np.uint8)
        corner = [0, 0, 0]
        marked[tuple(corner)] = 1
        corner[axis] = marked.shape[axis] - 1
        marked[tuple(corner)] = 1
        moved = volumes.rotated(rotation, type(volume)(marked, volume.spacing))
        first, last = np.argwhere(moved.array) * moved.spacing
        assert np.linalg.norm(last - first) == pytest.approx((marked.shape[axis] - 1) * volume.spacing[axis])


def test_an_oblique_image_is_oblique() -> None:
    array = volumes.random_cells([1, 2])
    image = volumes.oblique_image(array)
    assert np.array_equal(image_files.voxel_array(image), array)
    assert image.GetSpacing() == volumes.SPACING[::-1]
    direction = np.reshape(image.GetDirection(), (3, 3))
    assert direction @ direction.T == pytest.approx(np.eye(3))
    assert np.linalg.det(direction) == pytest.approx(1)
    # The columns are the image's axes in the patient; none is along one of the patient's.
    assert np.abs(direction).max(axis=0).max() < 1
    # By ITK's own account, one voxel along z is as far as the spacing says.
    origin, above = (np.array(image.TransformIndexToPhysicalPoint(index)) for index in ((0, 0, 0), (0, 0, 1)))
    assert np.linalg.norm(above - origin) == pytest.approx(volumes.SPACING[0])


CELLS = Path(__file__).with_name("kit_cells_plugin.py")


class TestStepsWithListsAndSnapshots(StepConformance):
    """The kit gives steps the snapshots and the blueprint that their contracts ask for."""

    plugin = CELLS


class TestRecipesWithConditionsAndSnapshots(RecipeConformance):
    plugin = CELLS
