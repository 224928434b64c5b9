"""The data sets of PyTorch, MONAI and TorchIO, by stand-ins that keep their protocols."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from pycemrg_augment.adapters import AugmentedDataset, augmented
from pycemrg_augment.pipeline import Pipeline
from sample_images import VOXELS, make

from pycemrg_core import AugmentationError, load_catalogue
from pycemrg_core.api import Sample

SCAN = (VOXELS / 20).astype(np.float32)
PIPELINE = Pipeline.build(
    [{"brightness": {"shift": [-0.2, 0.2]}}, {"random_patch": {"size": [5, 6, 7]}}], load_catalogue()
)
COARSE = Pipeline.build([{"downsample": {"spacing": [2, 1, 1], "profile": "box", "vote": "nearest"}}], load_catalogue())


def expected(seed: int, index: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """What the pipeline makes of the images themselves."""
    made, _ = PIPELINE.apply(
        Sample(image=sitk.GetImageFromArray(SCAN), labels=sitk.GetImageFromArray(VOXELS)), seed=seed, index=index
    )
    return sitk.GetArrayFromImage(made.image), sitk.GetArrayFromImage(made.labels)


class Tensor:
    """Knows the array protocol and nothing else, as a tensor on the CPU does."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self._array = array
        self.ndim = array.ndim

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
        return np.asarray(self._array, dtype)


class ScalarImage(dict[str, Any]):
    """As of TorchIO: a dictionary that holds its type, and turns into and out of SimpleITK."""

    kind = "intensity"

    def __init__(self, image: sitk.Image) -> None:
        super().__init__(type=self.kind)
        self._image = image

    def as_sitk(self) -> sitk.Image:
        return self._image

    @classmethod
    def from_sitk(cls, image: sitk.Image) -> ScalarImage:
        return cls(image)


class LabelMap(ScalarImage):
    kind = "label"


class Subject(dict[str, Any]):
    """As of TorchIO."""

    def get_images_dict(self, intensity_only: bool = True) -> dict[str, ScalarImage]:
        images = {name: one for name, one in self.items() if isinstance(one, ScalarImage)}
        return {name: one for name, one in images.items() if not intensity_only or one["type"] == "intensity"}

    def add_image(self, image: ScalarImage, image_name: str) -> None:
        self[image_name] = image

    def __copy__(self) -> Subject:
        return Subject({name: copy.copy(one) for name, one in self.items()})


@pytest.mark.parametrize("wrap", [np.asarray, Tensor])
@pytest.mark.parametrize("channel", [False, True])
def test_arrays(wrap: Any, channel: bool) -> None:
    image, labels = (array[None] if channel else array for array in (SCAN, VOXELS))
    item = {"image": wrap(image), "label": wrap(labels), "name": "case 1"}
    made = PIPELINE(item, seed=7, index=3)
    for key, wanted in zip(("image", "label"), expected(7, 3), strict=True):
        np.testing.assert_array_equal(made[key], wanted[None] if channel else wanted)
        assert type(made[key]) is np.ndarray
        assert made[key].flags.c_contiguous
        assert made[key].flags.writeable
    assert made["name"] == "case 1"
    assert item["image"] is not made["image"]
    np.testing.assert_array_equal(np.asarray(item["image"]), image)


def test_axes_in_the_order_x_y_z() -> None:
    made = augmented(PIPELINE, {"image": SCAN.T[None], "label": VOXELS.T[None]}, seed=7, index=3, axes="xyz")
    image, labels = expected(7, 3)
    np.testing.assert_array_equal(made["image"], image.T[None])
    np.testing.assert_array_equal(made["label"], labels.T[None])


def test_spacing_follows_the_voxels() -> None:
    made = augmented(COARSE, {"image": SCAN, "label": VOXELS, "spacing": (1, 1, 1)}, seed=0)
    assert made["spacing"] == (2, 1, 1)
    np.testing.assert_allclose(made["image"], SCAN.reshape(12, 13, 7, 2).mean(axis=3), atol=1e-6)
    assert made["label"].shape == (12, 13, 7)


def test_label_maps_in_floats_or_booleans_stay_label_maps() -> None:
    floats = augmented(PIPELINE, {"image": SCAN, "label": VOXELS.astype(np.float32)}, seed=7, index=3)
    np.testing.assert_array_equal(floats["label"], expected(7, 3)[1])
    assert floats["label"].dtype.kind == "u"
    flags = augmented(PIPELINE, {"label": VOXELS > 9, "image": SCAN}, seed=7, index=3)
    np.testing.assert_array_equal(flags["label"], expected(7, 3)[1] > 9)


def test_simpleitk_images_keep_their_geometry() -> None:
    made = augmented(PIPELINE, {"image": make(SCAN), "label": make(VOXELS)}, seed=7, index=3)
    wanted, _ = PIPELINE.apply(Sample(image=make(SCAN), labels=make(VOXELS)), seed=7, index=3)
    assert made["image"].GetOrigin() == wanted.image.GetOrigin()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(made["label"]), expected(7, 3)[1])
    assert augmented(PIPELINE, Sample(image=make(SCAN)), seed=7).labels is None


def test_a_subject() -> None:
    subject = Subject(ct=ScalarImage(make(SCAN)), heart=LabelMap(make(VOXELS)), age=45)
    made = PIPELINE(subject, seed=7, index=3)
    assert type(made) is Subject
    assert type(made["heart"]) is LabelMap
    image, labels = expected(7, 3)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(made["ct"].as_sitk()), image)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(made["heart"].as_sitk()), labels)
    assert made["age"] == 45
    assert subject["ct"].as_sitk().GetSize() == (14, 13, 12)


def test_a_data_set_depends_on_seed_epoch_and_index_alone() -> None:
    items = [{"image": SCAN, "label": VOXELS}] * 4
    data = AugmentedDataset(items, PIPELINE, seed=7)
    assert len(data) == 4
    backwards = [data[index]["image"] for index in (3, 2, 1, 0)][::-1]
    for index, image in enumerate(backwards):
        np.testing.assert_array_equal(image, expected(7, index)[0])
    np.testing.assert_array_equal(data[-1]["image"], backwards[3])
    np.testing.assert_array_equal(AugmentedDataset(items, PIPELINE, seed=7, epoch=1)[0]["image"], expected(7, 4)[0])
    assert sum(1 for _ in data) == 4  # a list says itself where it ends


def test_without_a_seed_every_call_is_another() -> None:
    made = [PIPELINE({"image": SCAN})["image"] for _ in range(3)]
    assert len({image.tobytes() for image in made}) == 3


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ([1], "cannot augment a list; give a Sample, a TorchIO Subject, or a mapping with 'image' and 'label'"),
        ({"img": SCAN}, "the item has the keys 'img'; it needs 'image', 'label' or both"),
        ({"image": np.zeros((3, 4, 5, 6))}, "'image' is an array of float64 and shape (3, 4, 5, 6); give 3-D numbers"),
        ({"image": np.array([["x"]])}, "'image' is an array of <U1 and shape (1, 1)"),
        ({"label": SCAN, "image": SCAN}, "'label' has values that are negative or not whole numbers; give a label map"),
        ({"image": SCAN, "label": VOXELS[1:]}, "image and labels are not on the same grid: size 14 x 13 x 12, not"),
        (
            Subject(a=ScalarImage(make(SCAN)), b=ScalarImage(make(SCAN))),
            "the subject has the images a, b and the label maps none; a pipeline takes at most one of each",
        ),
    ],
)
def test_refusals(item: Any, said: str) -> None:
    with pytest.raises(AugmentationError) as caught:
        augmented(PIPELINE, item, seed=0)
    assert str(caught.value).startswith(said)
    with pytest.raises(AugmentationError, match="the axes are 'zxy'; give 'zyx' or 'xyz'"):
        augmented(PIPELINE, {"image": SCAN}, axes="zxy")  # type: ignore[arg-type]
