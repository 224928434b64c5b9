"""Items of data sets without any framework: mappings of arrays and of SimpleITK images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from pycemrg_augment.frameworks.arrays import Grid, affine_of
from pycemrg_augment.frameworks.items import augmented
from pycemrg_augment.pipelines import Pipeline
from sample_images import VOXELS, make

from pycemrg_core import AugmentationError, load_catalogue
from pycemrg_core.api import Sample

SCAN = (VOXELS / 20).astype(np.float32)
CATALOGUE = load_catalogue()
PIPELINE = Pipeline.build([{"brightness": {"shift": [-0.2, 0.2]}}, {"random_patch": {"size": [5, 6, 7]}}], CATALOGUE)
COARSE = Pipeline.build([{"downsample": {"spacing": [2, 1, 1], "profile": "box", "vote": "nearest"}}], CATALOGUE)

Array = np.ndarray[Any, Any]


def expected(seed: int, index: int) -> tuple[Array, Array]:
    """What the pipeline makes of the images themselves."""
    made, _ = PIPELINE.apply(
        Sample(image=sitk.GetImageFromArray(SCAN), labels=sitk.GetImageFromArray(VOXELS)), seed=seed, index=index
    )
    return sitk.GetArrayFromImage(made.image), sitk.GetArrayFromImage(made.labels)


@pytest.mark.parametrize("channel", [False, True])
@pytest.mark.parametrize("axes", ["zyx", "xyz"])
def test_arrays(axes: Any, channel: bool) -> None:
    def laid_out(array: Array) -> Array:
        array = array if axes == "zyx" else array.T
        return array[None] if channel else array

    item = {"image": laid_out(SCAN), "label": laid_out(VOXELS), "name": "case 1"}
    made = augmented(PIPELINE, item, seed=7, index=3, axes=axes)
    for key, wanted in zip(("image", "label"), expected(7, 3), strict=True):
        np.testing.assert_array_equal(made[key], laid_out(wanted))
        assert type(made[key]) is np.ndarray
        assert made[key].flags.writeable
    assert made["name"] == "case 1"
    np.testing.assert_array_equal(item["image"], laid_out(SCAN))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("axes", ["zyx", "xyz"])
def test_any_order_in_memory(axes: Any, order: Any) -> None:
    array = np.array(SCAN if axes == "zyx" else SCAN.T, order=order, dtype=">f4")
    made = augmented(COARSE, {"image": array[:, ::1]}, seed=0, axes=axes)["image"]
    made = made if axes == "zyx" else made.T
    np.testing.assert_allclose(made, SCAN.reshape(12, 13, 7, 2).mean(axis=3), atol=1e-6)
    np.testing.assert_allclose(
        augmented(COARSE, {"image": SCAN[::-1, :, ::-1]}, seed=0)["image"],
        SCAN[::-1, :, ::-1].reshape(12, 13, 7, 2).mean(axis=3),
        atol=1e-6,
    )


def test_spacing_follows_the_voxels() -> None:
    made = augmented(COARSE, {"image": SCAN, "label": VOXELS, "spacing": (1, 1, 1)}, seed=0)
    assert made["spacing"] == (2, 1, 1)
    assert made["label"].shape == (12, 13, 7)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.uint16, np.uint32, np.int16, np.int64, np.float16, np.float64])
def test_label_maps_come_back_as_int64(kind: Any) -> None:
    labels = (VOXELS > 9 if kind is bool else VOXELS).astype(kind)
    made = augmented(PIPELINE, {"image": SCAN, "label": labels}, seed=7, index=3)["label"]
    assert made.dtype == np.int64
    wanted = expected(7, 3)[1]
    np.testing.assert_array_equal(made, wanted > 9 if kind is bool else wanted)
    other = augmented(PIPELINE, {"image": SCAN, "label": VOXELS}, seed=7, index=3, label_type="float32")["label"]
    assert other.dtype == np.float32
    same = augmented(PIPELINE, {"image": SCAN, "label": VOXELS}, seed=7, index=3, label_type=None)["label"]
    assert same.dtype == np.uint8


@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_an_ignored_label_of_minus_1_stays(kind: Any) -> None:
    labels = np.where(VOXELS > 15, -1, VOXELS.astype(int)).astype(kind)
    made = augmented(COARSE, {"label": labels}, seed=0)["label"]
    np.testing.assert_array_equal(made, labels[:, :, 1::2] if (made == labels[:, :, 1::2]).all() else labels[:, :, ::2])
    assert (made == -1).any()
    with pytest.raises(
        AugmentationError, match="'label' has labels from -1 to 15, beyond uint8; give a wider label_type"
    ):
        augmented(COARSE, {"label": labels}, seed=0, label_type="uint8")


def test_half_precision_and_doubles() -> None:
    half = augmented(PIPELINE, {"image": SCAN.astype(np.float16)}, seed=7, index=3)["image"]
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, expected(7, 3)[0], atol=2e-3)
    double = augmented(PIPELINE, {"image": SCAN.astype(np.float64)}, seed=7, index=3)["image"]
    assert double.dtype == np.float32
    np.testing.assert_array_equal(double, expected(7, 3)[0])


def test_keys_by_name_and_several_images() -> None:
    item = {
        "t1": SCAN,
        "t2": np.stack([SCAN, 1 - SCAN]),
        "heart": VOXELS,
        "scar": VOXELS[None],
        "prior": SCAN,
        "age": 45,
    }
    made = augmented(PIPELINE, item, seed=7, index=3, images=["t1", "t2"], labels=["heart", "scar"], keep=["prior"])
    image, labels = expected(7, 3)
    np.testing.assert_array_equal(made["t1"], image)
    np.testing.assert_array_equal(made["t2"][0], image)
    assert made["t2"].shape == (2, 7, 6, 5)
    np.testing.assert_array_equal(made["heart"], labels)
    np.testing.assert_array_equal(made["scar"], labels[None])
    assert made["prior"] is SCAN
    assert made["age"] == 45


@pytest.mark.parametrize("label", [3, 2.5, True, np.int64(3), np.array(3), np.array([0, 1])])
def test_a_label_of_the_whole_image_is_passed_on(label: Any) -> None:
    made = augmented(PIPELINE, {"image": SCAN, "label": label}, seed=7, index=3)
    assert made["label"] is label
    np.testing.assert_array_equal(made["image"], expected(7, 3)[0])


def test_simpleitk_images_keep_their_geometry() -> None:
    made = augmented(PIPELINE, {"image": make(SCAN), "label": make(VOXELS)}, seed=7, index=3)
    wanted, _ = PIPELINE.apply(Sample(image=make(SCAN), labels=make(VOXELS)), seed=7, index=3)
    assert made["image"].GetOrigin() == wanted.image.GetOrigin()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(made["label"]), expected(7, 3)[1])
    assert augmented(PIPELINE, Sample(image=make(SCAN)), seed=7).labels is None
    vector = sitk.Compose([make(SCAN), make(SCAN)])
    both = augmented(PIPELINE, {"image": vector}, seed=7, index=3)["image"]
    assert both.GetNumberOfComponentsPerPixel() == 2
    assert both.GetOrigin() == wanted.image.GetOrigin()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(both)[..., 1], expected(7, 3)[0])


def test_several_samples_are_a_list() -> None:
    pipeline = Pipeline.build([{"random_patch": {"size": [5, 6, 7]}, "samples": 3}], CATALOGUE)
    made = pipeline({"image": SCAN, "id": 4}, seed=7)
    assert [one["image"].shape for one in made] == [(7, 6, 5)] * 3
    assert [one["id"] for one in made] == [4] * 3
    assert len(pipeline(Sample(image=make(SCAN)), seed=7)) == 3


def test_without_a_seed_every_call_is_another() -> None:
    made = [PIPELINE({"image": SCAN})["image"] for _ in range(3)]
    assert len({image.tobytes() for image in made}) == 3


def test_an_affine_and_back() -> None:
    image = make(SCAN)
    grid = Grid.of_affine(affine_of(image), "image")
    np.testing.assert_allclose(grid.spacing, image.GetSpacing(), rtol=1e-12)
    np.testing.assert_allclose(grid.origin, image.GetOrigin(), rtol=1e-12)
    np.testing.assert_allclose(grid.direction, image.GetDirection(), atol=1e-12)
    corner = affine_of(image) @ (13, 12, 11, 1)  # RAS
    np.testing.assert_allclose(corner[:3] * (-1, -1, 1), image.TransformIndexToPhysicalPoint((13, 12, 11)), atol=1e-9)
    np.testing.assert_allclose(Grid.of_affine(affine_of(image, lps=True), "a", lps=True).origin, image.GetOrigin())


def shear(value: float) -> Array:
    matrix = np.eye(4)
    matrix[0, 1] = value
    return matrix


@pytest.mark.parametrize(
    ("affine", "said"),
    [
        (np.eye(3), "'image' has an affine of shape (3, 3); give a 3-D image with 4 x 4 numbers"),
        (shear(0.2), "'image' has an affine with shear; resample the image to axes at right angles"),
        (np.zeros((4, 4)), "'image' has an affine that is not finite or flattens the image; give a valid one"),
        (np.full((4, 4), np.nan), "'image' has an affine that is not finite or flattens the image; give a valid one"),
    ],
)
def test_affines_that_are_no_grid(affine: Array, said: str) -> None:
    with pytest.raises(AugmentationError) as caught:
        Grid.of_affine(affine, "image")
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("item", "options", "said"),
    [
        ([1], {}, "cannot augment a list; give a Sample, a TorchIO Subject, or a mapping with 'image' and 'label'"),
        ({"img": SCAN}, {}, "the item has the keys 'img'; it needs 'image', 'label' or both"),
        ({"image": SCAN}, {"images": ["ct"]}, "the item has no 'ct'; it has 'image'"),
        ({"image": SCAN}, {"images": "image"}, "images is the text 'image'; give a list of keys"),
        ({"image": SCAN, "id": 3}, {"record": "id"}, "the item has 'id' already; give record another name"),
        ({"image": SCAN}, {"record": "image"}, "the item has 'image' already; give record another name"),
        ({"image": SCAN}, {"record": True}, "record is True; give the name of the new entry"),
        ({"image": SCAN}, {"axes": "zxy"}, "the axes are 'zxy'; give 'zyx' or 'xyz'"),
        ({"image": SCAN, "mask": VOXELS}, {}, "'mask' is a volume that the pipeline would leave as it is; name it in"),
        (
            {"image": SCAN, "priors": [VOXELS]},
            {},
            "'priors' is a volume that the pipeline would leave as it is; name it",
        ),
        ({"image": SCAN, "more": {"a": VOXELS}}, {}, "'more' is a volume that the pipeline would leave as it is; name"),
        ({"image": SCAN}, {"label_type": "bool"}, "label_type is 'bool'; give the name of a type of numbers, such as"),
        ({"label": np.full((3, 4, 5), 1e19)}, {}, "'label' has values beyond int64; give a label map"),
        (
            {"image": sitk.Image([3, 4, 5], sitk.sitkComplexFloat32)},
            {},
            "'image' is an image of complex of 32-bit float; give one of real numbers",
        ),
        ({"image": SCAN, "t2": make(SCAN)}, {}, "'t2' is a volume that the pipeline would leave as it is; name it in"),
        ({"image": SCAN, "affine": np.eye(4)}, {}, "'affine' is geometry that would no longer fit; give a MetaTensor"),
        ({"image": SCAN, "image_meta_dict": {}}, {}, "'image_meta_dict' is geometry that would no longer fit"),
        (
            {"image": SCAN, "spacing": (1, 0, 1)},
            {},
            "'spacing' is (1, 0, 1); give three positive numbers (x, y, z) in mm",
        ),
        ({"image": SCAN, "spacing": 2}, {}, "'spacing' is 2; give three positive numbers (x, y, z) in mm"),
        (
            {"image": SCAN[0]},
            {},
            "'image' is an array of float32 and shape (13, 14); give 3-D numbers, or 4-D with the",
        ),
        (
            {"image": np.zeros((2, 3, 3, 4, 5))},
            {},
            "'image' is an array of float64 and shape (2, 3, 3, 4, 5); give 3-D",
        ),
        ({"image": np.zeros((0, 3, 3))}, {}, "'image' is an array of float64 and shape (0, 3, 3); give 3-D numbers"),
        ({"image": np.array([["x"]])}, {}, "'image' is an array of <U1 and shape (1, 1)"),
        ({"image": sitk.Image(3, 3, sitk.sitkUInt8)}, {}, "'image' is a 2-D image; give a 3-D one"),
        ({"label": SCAN, "image": SCAN}, {}, "'label' has values that are not whole numbers; give a label map"),
        (
            {"label": np.stack([VOXELS, VOXELS])},
            {},
            "'label' is a label map of 2 channels; give one channel of integers",
        ),
        (
            {"image": SCAN, "label": VOXELS[1:]},
            {},
            "'image' and 'label' are not on the same grid: size 14 x 13 x 12, not",
        ),
        (
            {"ct": VOXELS},
            {"images": ["ct"]},
            "'ct': sample 0, pipeline[0]: brightness: the image is uint8 from 0 to 19",
        ),
        (
            {"image": np.stack([SCAN, SCAN * 9])},
            {},
            "'image': sample 0, pipeline[0]: 'image[1]': brightness: the image is float32 from 0 to 8.55, not float32",
        ),
    ],
)
def test_refusals(item: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(AugmentationError) as caught:
        augmented(PIPELINE, item, seed=0, **options)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(("kind", "most"), [("float16", 2048), ("float32", 2**24), ("uint8", 255), ("int16", 32767)])
def test_labels_that_a_type_would_round_are_refused(kind: str, most: int) -> None:
    flip = Pipeline.build(["flip"], CATALOGUE)
    made = augmented(flip, {"label": np.full((3, 4, 5), most)}, seed=0, label_type=kind)["label"]
    assert made.dtype == kind
    assert (made == most).all()
    with pytest.raises(AugmentationError) as caught:
        augmented(flip, {"label": np.full((3, 4, 5), most + 1)}, seed=0, label_type=kind)
    assert str(caught.value) == (
        f"'label': 'label' has labels from {most + 1} to {most + 1}, beyond {kind}; give a wider label_type"
    )


@pytest.mark.parametrize("wrong", [-1, 1.5, "7"])
def test_a_seed_is_a_whole_number(wrong: Any) -> None:
    for number, name in (({"seed": wrong}, "seed"), ({"seed": 1, "index": wrong}, "index")):
        with pytest.raises(AugmentationError) as caught:
            augmented(PIPELINE, {"image": SCAN}, **number)
        assert str(caught.value).endswith(f"the {name} is {wrong!r}; give a whole number of at least 0")


@pytest.mark.parametrize("kind", [tuple, list, np.array])
def test_the_spacing_stays_what_it_is(kind: Any) -> None:
    coarse = Pipeline.build([{"downsample": {"spacing": [1.5, 2, 3]}}], CATALOGUE)
    made = augmented(coarse, {"image": np.zeros((6, 4, 6)), "spacing": kind([1, 1, 1])}, seed=0)["spacing"]
    assert type(made) is type(kind([1, 1, 1]))
    assert list(made) == [1.5, 2, 3]
