"""Transforms of TorchIO, against the real library: voxels, geometry, history; values where both do the same."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
tio = pytest.importorskip("torchio", reason="TorchIO is not installed")

from pycemrg_augment.frameworks.arrays import Grid, affine_of  # noqa: E402
from pycemrg_augment.frameworks.torchio import AppliedPipeline, RandomPipeline  # noqa: E402
from pycemrg_augment.pipelines import Pipeline  # noqa: E402
from pycemrg_augment.transforms import intensity, moving, patches  # noqa: E402
from sample_images import VOXELS, make  # noqa: E402
from scipy import ndimage  # noqa: E402

from pycemrg_core import AugmentationError, load_catalogue  # noqa: E402
from pycemrg_core.api import Sample  # noqa: E402

SCAN = (VOXELS / 20).astype(np.float32)
CATALOGUE = load_catalogue()
PIPELINE = Pipeline.build(
    [
        {"brightness": {"shift": [-0.2, 0.2]}},
        {"rotation": {}},
        {"downsample": {"spacing": [0.6, 0.7, 0.5]}},
        {"random_patch": {"size": [5, 6, 7]}},
    ],
    CATALOGUE,
)
SHIFT = Pipeline.build([{"brightness": {"shift": [0, 1]}}], CATALOGUE)


def subject(tmp_path: Path | None = None) -> Any:
    """From files if there is a folder, otherwise from tensors."""
    image, labels = make(SCAN), make(VOXELS)
    if tmp_path:
        sitk.WriteImage(image, tmp_path / "ct.nii.gz")
        sitk.WriteImage(labels, tmp_path / "heart.nii.gz")
        return tio.Subject(
            ct=tio.ScalarImage(tmp_path / "ct.nii.gz"), heart=tio.LabelMap(tmp_path / "heart.nii.gz"), age=45
        )
    return tio.Subject(
        ct=tio.ScalarImage(tensor=torch.from_numpy(SCAN.T.copy())[None], affine=affine_of(image), unit="HU"),
        heart=tio.LabelMap(tensor=torch.from_numpy(VOXELS.T.copy())[None], affine=affine_of(labels)),
        age=45,
    )


@pytest.mark.parametrize("files", [False, True])
def test_a_subject_is_augmented_like_simpleitk_images(files: bool, tmp_path: Path) -> None:
    given = subject(tmp_path if files else None)
    before = copy.deepcopy(given)
    made = PIPELINE(given, seed=7, index=3)
    expected, steps = PIPELINE.apply(Sample(image=make(SCAN), labels=make(VOXELS)), seed=7, index=3)
    assert type(made) is tio.Subject
    for name, image in (("ct", expected.image), ("heart", expected.labels)):
        assert type(made[name]) is type(given[name])
        np.testing.assert_allclose(made[name].data[0].numpy().T, sitk.GetArrayFromImage(image), atol=2e-5)
        np.testing.assert_allclose(made[name].affine, affine_of(image), atol=2e-5)
        assert torch.equal(given[name].data, before[name].data)
    assert made.heart.data.dtype == torch.int64
    assert made.age == 45
    assert made.shape == (1, 5, 6, 7)
    made.check_consistent_space()
    assert made.history[0].steps == steps
    assert given.history == []


@pytest.mark.parametrize("seed", range(6))
def test_any_axes_left_handed_too(seed: int) -> None:
    """An oblique affine of any handedness, such as LAS: bit for bit what SimpleITK images become."""
    rng = np.random.default_rng(seed)
    array = rng.random(rng.integers(8, 14, 3), np.float32)
    labels = (array * 5).astype(np.int16) - 1
    affine = np.eye(4)
    affine[:3, :3] = np.linalg.qr(rng.normal(size=(3, 3)))[0] * rng.uniform(0.5, 1.9, 3)
    affine[:3, 3] = rng.normal(size=3) * 100
    grid = Grid.of_affine(affine, "image")
    images = [sitk.GetImageFromArray(np.ascontiguousarray(one.T)) for one in (array, labels)]
    for image in images:
        image.SetSpacing(grid.spacing)
        image.SetOrigin(grid.origin)
        image.SetDirection(grid.direction)
    moves: list[Any] = [
        {"rotation": {}},
        {"elastic": {"most_mm": 2, "spacing_mm": 8}},
        {"downsample": {"spacing": [2, 2, 4]}},
        {"random_patch": {"size": [4, 5, 3]}},
        "flip",
        {"isotropic": {"spacing": 2}},
    ]
    pipeline = Pipeline.build(moves, CATALOGUE)
    expected, _ = pipeline.apply(Sample(image=images[0], labels=images[1]), seed=seed)
    given = tio.Subject(
        ct=tio.ScalarImage(tensor=torch.from_numpy(array)[None], affine=affine),
        heart=tio.LabelMap(tensor=torch.from_numpy(labels)[None], affine=affine),
    )
    made = pipeline(given, seed=seed)
    for name, image in (("ct", expected.image), ("heart", expected.labels)):
        np.testing.assert_array_equal(made[name].data[0].numpy().T, sitk.GetArrayFromImage(image))
        np.testing.assert_allclose(made[name].affine, affine_of(image), atol=1e-9)


def test_a_subject_of_files_does_not_keep_the_voxels(tmp_path: Path) -> None:
    """Otherwise all images of a data set would be in memory after one epoch."""
    given = subject(tmp_path)
    RandomPipeline(PIPELINE)(given)
    PIPELINE(given, seed=1)
    assert not given.ct._loaded
    assert not given.heart._loaded


def test_attributes_of_images_stay() -> None:
    assert PIPELINE(subject(), seed=7).ct["unit"] == "HU"


def test_compose_and_its_history_repeat_the_result() -> None:
    given = subject()
    transform = tio.Compose([tio.ToCanonical(), RandomPipeline(PIPELINE), tio.RandomFlip(axes=(0, 1, 2))])
    torch.manual_seed(5)
    made = transform(given)
    applied = made.history[1]
    assert isinstance(applied, AppliedPipeline)
    assert [step["name"] for step in applied.steps] == ["brightness", "rotation", "downsample", "random_patch"]
    assert -0.2 <= applied.steps[0]["drawn"]["shift"] <= 0.2
    again = made.get_composed_history()(given)
    assert torch.equal(again.ct.data, made.ct.data)
    assert torch.equal(again.heart.data, made.heart.data)
    torch.manual_seed(5)
    assert torch.equal(transform(given).ct.data, made.ct.data)
    assert not torch.equal(transform(given).ct.data, made.ct.data)
    assert "AppliedPipeline(pipeline=Pipeline(brightness, rotation" in repr(applied)


def test_the_inverse_is_refused() -> None:
    made = tio.Compose([tio.RandomFlip(flip_probability=1), RandomPipeline(PIPELINE)])(subject())
    with pytest.raises(AugmentationError) as caught:
        made.apply_inverse_transform()
    assert str(caught.value) == (
        "cannot invert the pipeline (brightness, rotation, downsample, random_patch); keep the original subject instead"
    )
    never = Pipeline.build([{"flip": {}, "probability": 0}], CATALOGUE)
    given = subject()
    made = tio.Compose([tio.Flip(0), RandomPipeline(never)])(given)
    assert torch.equal(made.apply_inverse_transform(warn=False).ct.data, given.ct.data)


def test_several_images_and_label_maps_and_channels() -> None:
    given = subject()
    affine = given.ct.affine
    given.add_image(tio.ScalarImage(tensor=torch.cat([given.ct.data, given.ct.data]), affine=affine), "mr")
    given.add_image(tio.LabelMap(tensor=given.heart.data, affine=affine), "scar")
    made = RandomPipeline(PIPELINE)(given)
    assert made.mr.shape == (2, 5, 6, 7)
    assert torch.equal(made.mr.data[:1], made.ct.data)
    assert torch.equal(made.mr.data[1:], made.ct.data)
    assert torch.equal(made.scar.data, made.heart.data)
    left = RandomPipeline(PIPELINE, exclude=["mr", "scar"])(given)
    assert left.mr.data is given.mr.data
    assert left.ct.shape == (1, 5, 6, 7)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_set_draws_anew_in_every_epoch(workers: int) -> None:
    subjects = [tio.Subject(ct=tio.ScalarImage(tensor=torch.zeros(1, 2, 2, 2))) for _ in range(4)]
    data = tio.SubjectsDataset(subjects, transform=RandomPipeline(SHIFT))
    batches = tio.SubjectsLoader(data, batch_size=1, num_workers=workers, persistent_workers=workers > 0)

    def run() -> list[float]:
        torch.manual_seed(7)
        return [float(batch["ct"]["data"].mean()) for _ in range(2) for batch in batches]

    torch.manual_seed(7)
    first = run()
    assert len(set(first)) == 8
    if not workers:  # persistent workers run on; see test_augment_torch
        assert run() == first


def test_other_kinds_of_data() -> None:
    torch.manual_seed(2)
    made = RandomPipeline(PIPELINE)(make(SCAN))
    assert made.GetSize() == (5, 6, 7)
    flat = RandomPipeline(SHIFT)(tio.ScalarImage(tensor=torch.zeros(1, 5, 6, 1)))
    assert flat.shape == (1, 5, 6, 1)
    half = RandomPipeline(SHIFT)(tio.ScalarImage(tensor=torch.zeros(1, 5, 6, 2, dtype=torch.float16)))
    assert half.data.dtype == torch.float16


@pytest.mark.parametrize(
    ("entries", "images", "said"),
    [
        (
            [{"flip": {}, "samples": 4}],
            {},
            "the pipeline makes 4 samples of one, and a transform of TorchIO one subject",
        ),
        (
            ["flip"],
            {"b": tio.ScalarImage(tensor=torch.zeros(1, 3, 4, 5))},
            "'ct' and 'b' are not on the same grid: size 14 x 13 x 12, not 3 x 4 x 5",
        ),
        (
            ["flip"],
            {"b": tio.LabelMap(tensor=torch.zeros(2, 14, 13, 12))},
            "'b' is a label map of 2 channels; give one channel of integers, such as the argmax",
        ),
        (
            ["brightness"],
            {"ct": tio.ScalarImage(tensor=torch.full((1, 14, 13, 12), -3.0), affine=affine_of(make(SCAN)))},
            "'ct' and 'heart': sample 0, pipeline[0]: brightness: the image is float32 from -3 to -3, not float32 in",
        ),
    ],
)
def test_refusals(entries: list[Any], images: dict[str, Any], said: str) -> None:
    given = subject()
    for name, image in images.items():
        given.add_image(image, name)
    with pytest.raises(AugmentationError) as caught:
        RandomPipeline(Pipeline.build(entries, CATALOGUE))(given)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "'prior' is a volume that the pipeline would leave as it is; make it a ScalarImage or a LabelMap, or"),
        ({"include": ["ct", "hart"]}, "the subject has no 'hart'; it has 'ct', 'heart', 'age', 'prior'"),
        ({"label_type": "int63"}, "label_type is 'int63'; give the name of a type of numbers, such as 'int64'"),
    ],
)
def test_nothing_is_left_as_it_is_in_silence(options: dict[str, Any], said: str) -> None:
    given = subject()
    given["prior"] = torch.zeros(14, 13, 12)
    with pytest.raises(AugmentationError) as caught:
        RandomPipeline(SHIFT, **options)(given)
    assert str(caught.value).startswith(said)
    assert RandomPipeline(SHIFT, exclude=["prior"])(given)["prior"] is given["prior"]
    assert RandomPipeline(SHIFT, include=["ct", "heart"])(given)["prior"] is given["prior"]


def test_a_transform_makes_one_subject_and_says_so_when_it_is_made() -> None:
    with pytest.raises(AugmentationError, match="the pipeline makes 4 samples of one"):
        RandomPipeline(Pipeline.build([{"flip": {}, "samples": 4}], CATALOGUE))


def test_options_of_mappings_are_refused() -> None:
    with pytest.raises(AugmentationError) as caught:
        PIPELINE(subject(), seed=1, images=["ct"], keep=["heart"])
    assert str(caught.value) == (
        "a Subject says itself what its images and label maps are, so it takes no images, keep; give include or exclude"
    )


# The same values where both do the same

SMOOTH = ndimage.gaussian_filter(SCAN, 1.5)


def straight(array: Any = SMOOTH) -> sitk.Image:
    """Anisotropic and off the origin, with axes along those of space: TorchIO turns about those."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.3, 0.7, 1 / 3))
    image.SetOrigin((-123.4, 8.5, 140.2))
    return image


def of_torchio(transform: Any, image: sitk.Image) -> Any:
    return transform(tio.ScalarImage.from_sitk(image)).data[0].numpy().T


def test_blur_and_gamma_are_those_of_torchio() -> None:
    image = make(SMOOTH)
    blurred = of_torchio(tio.Blur(std=(0.5, 0.5, 0.5)), image)
    ours = sitk.GetArrayFromImage(intensity.blur(image, 0.5))
    inner = (slice(4, -4),) * 3  # TorchIO mirrors at the border, and we repeat the last voxel
    np.testing.assert_allclose(ours[inner], blurred[inner], atol=2e-3)
    np.testing.assert_allclose(
        sitk.GetArrayFromImage(intensity.gamma(image, 0.8)), of_torchio(tio.Gamma(0.8), image), atol=1e-6
    )


@pytest.mark.parametrize(
    ("degrees", "scale", "shift"),
    [
        ((0, 0, 20), (1, 1, 1), (0, 0, 0)),
        ((12, -8, 5), (1, 1, 1), (0.3, -0.4, 0.2)),
        ((0, 0, 0), (1.1, 0.9, 1.2), (0, 0, 0)),
    ],
)
def test_an_affine_is_that_of_torchio(degrees: Any, scale: Any, shift: Any) -> None:
    """TorchIO turns about x and y the other way, in RAS, and about z, y, x in this order."""
    image = straight()
    theirs = of_torchio(tio.Affine(scales=scale, degrees=degrees, translation=shift, center="image"), image)
    flip = np.diag([-1.0, -1.0, 1.0])  # RAS to LPS
    turn = sitk.Euler3DTransform((0, 0, 0), *np.radians(degrees))
    matrix = flip @ np.reshape(turn.GetMatrix(), (3, 3)) @ np.diag(scale) @ flip
    ours = sitk.GetArrayFromImage(moving.move_volume(image, matrix, flip @ np.array(shift)))
    inner = (slice(4, -4),) * 3
    assert np.abs(ours - SMOOTH)[inner].max() > 0.005
    np.testing.assert_allclose(ours[inner], theirs[inner], atol=1e-4)


def test_a_patch_is_the_crop_of_torchio() -> None:
    image = make(SCAN)
    patch, (x, y, z) = patches.centre_patch(Sample(image=image), (5, 6, 7))
    crop = tio.Crop((x, 14 - x - 5, y, 13 - y - 6, z, 12 - z - 7))(tio.ScalarImage.from_sitk(image))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(patch.image), crop.data[0].numpy().T)
    np.testing.assert_allclose(crop.affine, affine_of(patch.image), atol=1e-9)
