"""Transforms of MONAI, against the real library: affine, state, caching, history; values where both do the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
monai = pytest.importorskip("monai", reason="MONAI is not installed")

from monai.data import CacheDataset, Dataset, MetaTensor, PersistentDataset, decollate_batch, list_data_collate  # noqa: E402
from monai.transforms import (  # noqa: E402
    AdjustContrast,
    CenterSpatialCrop,
    Compose,
    EnsureChannelFirstd,
    Flipd,
    GaussianSmooth,
    Invertd,
    Lambda,
    LoadImaged,
    RandFlipd,
    SaveImaged,
    Spacingd,
)
from monai.utils import set_determinism  # noqa: E402
from pycemrg_augment.frameworks.arrays import Grid, affine_of  # noqa: E402
from pycemrg_augment.frameworks.monai import RandomPipeline  # noqa: E402
from pycemrg_augment.frameworks.torch import AugmentedDataset  # noqa: E402
from pycemrg_augment.pipelines import Pipeline  # noqa: E402
from pycemrg_augment.transforms import intensity, patches  # noqa: E402
from sample_images import VOXELS, make  # noqa: E402
from scipy import ndimage  # noqa: E402

from pycemrg_core import AugmentationError, load_catalogue  # noqa: E402
from pycemrg_core.api import Sample  # noqa: E402

SCAN = (VOXELS / 20).astype(np.float32)
CATALOGUE = load_catalogue()
KEYS = ["image", "label"]
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
NEVER = Pipeline.build([{"flip": {}, "probability": 0}], CATALOGUE)
BLACK = [{"image": MetaTensor(torch.zeros(1, 2, 2, 2)), "id": number} for number in range(4)]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    sitk.WriteImage(make(SCAN), tmp_path / "image.nii.gz")
    sitk.WriteImage(make(VOXELS), tmp_path / "label.nii.gz")
    return {key: str(tmp_path / f"{key}.nii.gz") for key in KEYS}


@pytest.fixture(autouse=True)
def _undetermined() -> Any:
    yield
    set_determinism(None)


def load(*transforms: Any) -> Any:
    return Compose([LoadImaged(KEYS), EnsureChannelFirstd(KEYS), *transforms])


def value(made: Any) -> float:
    return float(made["image"].mean())


# Values and geometry


def test_a_meta_tensor_is_augmented_like_a_simpleitk_image(files: dict[str, str]) -> None:
    given = load()(files)
    made = RandomPipeline(PIPELINE).applied(given, seed=7, index=3)
    expected, _ = PIPELINE.apply(Sample(image=make(SCAN), labels=make(VOXELS)), seed=7, index=3)
    for key, image in (("image", expected.image), ("label", expected.labels)):
        assert isinstance(made[key], MetaTensor)
        np.testing.assert_allclose(made[key].numpy()[0].T, sitk.GetArrayFromImage(image), atol=2e-5)
        np.testing.assert_allclose(made[key].affine.numpy(), affine_of(image), atol=2e-5)
        assert tuple(made[key].meta["spatial_shape"]) == (5, 6, 7)
        np.testing.assert_allclose(made[key].pixdim, image.GetSpacing(), rtol=1e-4)
        np.testing.assert_allclose(made[key].meta["original_affine"], given[key].affine)
    assert made["label"].dtype == torch.int64
    assert given["image"].shape == (1, 14, 13, 12)
    np.testing.assert_array_equal(given["image"].numpy()[0].T, SCAN)


def test_the_case_that_was_silently_wrong() -> None:
    """40 x 36 x 24 mm of 0.8 x 0.9 x 1.5 mm, downsampled to 1.6 x 1.8 x 3 mm."""
    affine = np.diag([0.8, 0.9, 1.5, 1.0])
    affine[:3, 3] = 10, -20, 30
    image = MetaTensor(torch.rand(1, 32, 28, 24), affine=torch.from_numpy(affine))
    coarse = Pipeline.build([{"downsample": {"spacing": [1.6, 1.8, 3], "profile": "box"}}], CATALOGUE)
    made = RandomPipeline(coarse)({"image": image})["image"]
    assert made.shape == (1, 16, 14, 12)
    np.testing.assert_allclose(made.affine[:3, :3].diagonal(), (1.6, 1.8, 3), rtol=1e-12)
    np.testing.assert_allclose(made.affine[:3, 3], (10.4, -19.55, 30.75), rtol=1e-12)
    blocks = image.numpy()[0].reshape(16, 2, 14, 2, 12, 2).mean(axis=(1, 3, 5))
    np.testing.assert_allclose(made.numpy()[0], blocks, atol=1e-6)


def test_what_is_saved_is_where_it_belongs(files: dict[str, str], tmp_path: Path) -> None:
    save = SaveImaged(KEYS, output_dir=tmp_path / "out", output_postfix="", separate_folder=False, print_log=False)
    load(RandomPipeline(PIPELINE), save).set_random_state(3)(files)
    image, labels = (sitk.ReadImage(tmp_path / "out" / f"{key}.nii.gz") for key in KEYS)
    assert image.GetSize() == labels.GetSize() == (5, 6, 7)
    np.testing.assert_allclose(image.GetSpacing(), (0.6, 0.7, 0.5), rtol=0.02)
    np.testing.assert_allclose(image.GetDirection(), make(SCAN).GetDirection(), atol=1e-5)
    for corner in ((0, 0, 0), (4, 5, 6)):
        inside = make(SCAN).TransformPhysicalPointToContinuousIndex(image.TransformIndexToPhysicalPoint(corner))
        assert all(-0.5 <= at <= n for at, n in zip(inside, (14, 13, 12), strict=True))


def test_a_tensor_in_lps_stays_in_lps() -> None:
    image = make(SCAN)
    tensor = MetaTensor(
        torch.from_numpy(SCAN.T.copy())[None], meta={"space": "LPS", "affine": affine_of(image, lps=True)}
    )
    made = RandomPipeline(PIPELINE).applied({"image": tensor}, seed=7)["image"]
    expected, _ = PIPELINE.apply(Sample(image=image), seed=7)
    np.testing.assert_allclose(made.affine.numpy(), affine_of(expected.image, lps=True), atol=1e-9)
    assert made.meta["space"] == "LPS"


@pytest.mark.parametrize("wrap", [np.asarray, torch.from_numpy])
def test_plain_arrays_are_channel_x_y_z_of_1_mm(wrap: Any) -> None:
    image = sitk.GetImageFromArray(SCAN)
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))  # the identity in RAS
    coarse = Pipeline.build([{"downsample": {"spacing": [2, 1, 1]}}], CATALOGUE)
    with pytest.warns(UserWarning, match="'image' is no MetaTensor: its voxels count as 1 mm, with x, y, z in RAS"):
        made = RandomPipeline(coarse)({"image": wrap(SCAN.T[None].copy())})["image"]
    expected, _ = coarse.apply(Sample(image=image), seed=7)
    np.testing.assert_allclose(made.numpy()[0].T, sitk.GetArrayFromImage(expected.image), atol=1e-6)
    np.testing.assert_allclose(made.affine.numpy(), affine_of(expected.image), atol=1e-12)


def test_several_images_labels_and_channels(files: dict[str, str]) -> None:
    given = load()(files)
    given["mr"] = torch.cat([given["image"], given["image"]])
    given["scar"] = given["label"].clone()
    given["prior"] = torch.zeros(1, 3, 3, 3)
    chosen = RandomPipeline(PIPELINE, images=["image", "mr"], labels=["label", "scar"], keep=["prior"])
    made = chosen.set_random_state(3)(given)
    assert made["mr"].shape == (2, 5, 6, 7)
    assert torch.equal(made["mr"][1:], made["image"])
    assert torch.equal(made["scar"], made["label"])
    assert made["prior"] is given["prior"]
    with pytest.raises(AugmentationError, match="'prior' is a volume that the pipeline would leave as it is"):
        RandomPipeline(PIPELINE, images=["image", "mr"], labels=["label", "scar"])(given)


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
    tensors = {
        key: MetaTensor(torch.from_numpy(one)[None], affine=torch.from_numpy(affine))
        for key, one in zip(KEYS, (array, labels), strict=True)
    }
    made = RandomPipeline(pipeline).applied(tensors, seed=seed)
    for key, image in (("image", expected.image), ("label", expected.labels)):
        np.testing.assert_array_equal(made[key].numpy()[0].T, sitk.GetArrayFromImage(image))
        np.testing.assert_allclose(made[key].affine.numpy(), affine_of(image), atol=1e-9)


# Random state


def test_the_random_state_is_that_of_compose(files: dict[str, str]) -> None:
    transform = load(RandomPipeline(PIPELINE))
    first = [value(transform.set_random_state(7)(files)), *(value(transform(files)) for _ in range(3))]
    assert len(set(first)) == 4
    assert [value(transform.set_random_state(7)(files)), *(value(transform(files)) for _ in range(3))] == first
    assert value(load(RandomPipeline(PIPELINE)).set_random_state(7)(files)) == first[0]


def test_set_determinism_decides() -> None:
    def run() -> list[float]:
        set_determinism(11)
        alone, inside = RandomPipeline(SHIFT), Compose([RandomPipeline(SHIFT)])
        return [value(transform(BLACK[0])) for transform in (alone, alone, inside, inside)]

    first = run()
    assert run() == first
    assert first[0] != first[1]
    assert first[2] != first[3]


def test_caching_data_sets_do_not_freeze_it(files: dict[str, str], tmp_path: Path) -> None:
    loaded = []

    def count(item: Any) -> Any:
        loaded.append(1)
        return item

    transform = load(Lambda(count), RandomPipeline(PIPELINE))
    cached = CacheDataset([files], transform, progress=False)
    assert len({value(cached[0]) for _ in range(4)}) == 4
    assert len(loaded) == 1
    kept = PersistentDataset([files], transform, cache_dir=tmp_path / "cache", track_meta=True, weights_only=False)
    assert len({value(kept[0]) for _ in range(4)}) == 4
    assert len(loaded) == 2


@pytest.mark.parametrize("library", [monai.data.DataLoader, torch.utils.data.DataLoader])
@pytest.mark.parametrize("workers", [0, 2])
def test_workers_and_epochs_draw_anew(library: Any, workers: int) -> None:
    """With PyTorch's own data loader too, where the workers hold copies of one random state."""

    def run() -> list[float]:
        set_determinism(5)
        data = Dataset(BLACK, Compose([RandomPipeline(SHIFT)]))
        batches = library(data, batch_size=1, num_workers=workers, persistent_workers=workers > 0)
        return [value(batch) for _ in range(3) for batch in batches]

    first = run()
    assert len(set(first)) == 12
    assert run() == first


# Several samples, history, inverse


def test_several_patches_are_a_list_that_compose_follows(files: dict[str, str]) -> None:
    pipeline = Pipeline.build(
        [{"label_patch": {"size": [5, 6, 7], "weights": {3: 1, 5: 1}}, "samples": 4}, "flip"], CATALOGUE
    )
    made = load(RandomPipeline(pipeline), Flipd(KEYS, 0))(files)
    assert len(made) == 4
    assert all(one["image"].shape == (1, 5, 6, 7) for one in made)
    assert all(((one["label"] == 3) | (one["label"] == 5)).any() for one in made)
    batch = list_data_collate([made, made])
    assert batch["image"].shape == (8, 1, 5, 6, 7)
    for one, back in zip(made, decollate_batch(batch), strict=False):
        assert torch.equal(one["image"].affine, back["image"].affine)
        steps = back["image"].applied_operations[0]["extra_info"]["steps"]
        assert steps == one["image"].applied_operations[0]["extra_info"]["steps"]
    copies = [one["image"].applied_operations[0]["extra_info"]["copy"] for one in made]
    assert copies == [0, 1, 2, 3]


def test_the_drawn_values_travel_and_repeat_the_sample(files: dict[str, str]) -> None:
    made = load(RandomPipeline(PIPELINE))(files)
    for key in KEYS:
        assert made[key].applied_operations[-1]["class"] == "RandomPipeline"
        assert made[key].applied_operations[-1]["orig_size"] == (14, 13, 12)
    drawn = made["image"].applied_operations[-1]["extra_info"]
    assert -0.2 <= drawn["steps"][0]["drawn"]["shift"] <= 0.2
    again = RandomPipeline(Pipeline.build(drawn["pipeline"], CATALOGUE)).applied(load()(files), seed=drawn["seed"])
    assert torch.equal(again["image"], made["image"])


def test_the_inverse_is_refused_wherever_it_is_asked_for(files: dict[str, str]) -> None:
    said = (
        "cannot invert the pipeline (brightness, rotation, downsample, random_patch); keep the original image instead"
    )
    ours = RandomPipeline(PIPELINE)
    transform = load(RandFlipd(KEYS, prob=1.0, spatial_axis=0), ours, Spacingd(KEYS, (1, 1, 1)))
    made = transform(files)
    with pytest.raises(RuntimeError) as caught:
        transform.inverse(made)
    assert said in str(caught.value)
    with pytest.raises(AugmentationError) as refused:
        ours.inverse(load(ours)(files))
    assert str(refused.value) == f"'image': {said}"
    # A transform of MONAI alone would pass over ours and restore wrongly: its own inverse in a Compose is refused too.
    flips = Compose([RandFlipd(KEYS, prob=1.0, spatial_axis=0)])
    mixed = ours(flips(load()(files)))
    with pytest.raises(RuntimeError):
        Invertd(KEYS, flips, orig_keys=KEYS, nearest_interp=False)(mixed)


def test_what_was_not_applied_can_be_inverted(files: dict[str, str]) -> None:
    transform = load(RandFlipd(KEYS, prob=1.0, spatial_axis=0), RandomPipeline(NEVER))
    given = load()(files)
    back = transform.inverse(transform(files))
    assert torch.equal(back["image"], given["image"])


def test_a_data_set_with_a_seed_over_items_of_monai(files: dict[str, str]) -> None:
    data = AugmentedDataset(CacheDataset([files] * 2, load(), progress=False), PIPELINE, seed=3)
    made = data[1]
    expected = RandomPipeline(PIPELINE).applied(load()(files), seed=3, index=1)
    assert torch.equal(made["image"], expected["image"])
    assert torch.equal(made["image"].affine, expected["image"].affine)
    assert AugmentedDataset(data.dataset, PIPELINE)[0]["image"].shape == (1, 5, 6, 7)


# Refusals


def lazy() -> Any:
    tensor = MetaTensor(torch.zeros(1, 4, 5, 6))
    return Flipd(["image"], 0, lazy=True)({"image": tensor})["image"]


@pytest.mark.filterwarnings("ignore:'image' is no MetaTensor")
@pytest.mark.parametrize(
    ("item", "said"),
    [
        (
            {"image": torch.zeros(4, 5, 6)},
            "'image' has the shape (4, 5, 6); give (channel, x, y, z): call EnsureChannelFirstd",
        ),
        ({"image": torch.zeros(1, 4, 5)}, "'image' has the shape (1, 4, 5); give (channel, x, y, z)"),
        ({"image": "ct.nii.gz"}, "'image' is a str; give a tensor: call LoadImaged before the pipeline"),
        ({"ct": torch.zeros(1, 4, 5, 6)}, "the item has the keys 'ct'; it needs 'image', 'label' or both"),
        (
            {"image": torch.zeros(1, 4, 5, 6) - 3},
            "'image': sample 0, pipeline[0]: brightness: the image is float32 from -3",
        ),
        ({"image": torch.zeros(1, 4, 5, 6, device="meta")}, "'image' is on meta; augment on the CPU"),
        (
            {"image": torch.zeros(1, 4, 5, 6), "image_meta_dict": {}},
            "'image_meta_dict' is geometry that would no longer",
        ),
        ([torch.zeros(1, 4, 5, 6)], "cannot augment a list; give a dictionary, and name its keys"),
        (
            {
                "image": MetaTensor(torch.zeros(1, 4, 5, 6)),
                "label": MetaTensor(torch.zeros(1, 4, 5, 6), affine=2 * torch.eye(4)),
            },
            "'image' and 'label' are not on the same grid: spacing",
        ),
    ],
)
def test_refusals(item: Any, said: str) -> None:
    with pytest.raises(AugmentationError) as caught:
        RandomPipeline(SHIFT)(item)
    assert str(caught.value).startswith(said)


def test_keys_are_named_as_images_or_labels() -> None:
    with pytest.raises(TypeError):  # as keys of another transform: labels would be interpolated
        RandomPipeline(SHIFT, KEYS)
    with pytest.raises(AugmentationError) as caught:
        RandomPipeline(KEYS)
    assert str(caught.value) == "the pipeline is a list; make one with Pipeline.read or Pipeline.build"


def test_lazy_operations_are_refused_or_applied_before() -> None:
    with pytest.raises(AugmentationError, match="'image' has operations of lazy resampling to come; apply them before"):
        RandomPipeline(SHIFT)({"image": lazy()})
    ramp = MetaTensor(torch.arange(4.0).reshape(1, 4, 1, 1).expand(1, 4, 5, 6) / 4)
    made = Compose([Flipd(["image"], 0), RandomPipeline(NEVER)], lazy=True)({"image": ramp})
    assert made["image"][0, :, 0, 0].tolist() == [0.75, 0.5, 0.25, 0]


def test_a_bare_pipeline_points_to_the_transform() -> None:
    with pytest.raises(RuntimeError) as caught:
        Compose([SHIFT])({"image": MetaTensor(torch.zeros(1, 4, 5, 6))})
    assert "use pycemrg_augment.frameworks.monai.RandomPipeline, which follows" in str(caught.value.__cause__)


# The same values where both do the same

SMOOTH = ndimage.gaussian_filter(SCAN, 1.5)


def of_monai(transform: Any, array: Any = SMOOTH) -> Any:
    return transform(torch.from_numpy(array.T.copy())[None]).numpy()[0].T


def test_blur_gamma_and_patches_are_those_of_monai() -> None:
    image = make(SMOOTH)
    sigma = [0.5 / spacing for spacing in image.GetSpacing()]
    ours = sitk.GetArrayFromImage(intensity.blur(image, 0.5))
    inner = (slice(4, -4),) * 3  # MONAI fills up with 0 at the border, and we repeat the last voxel
    np.testing.assert_allclose(ours[inner], of_monai(GaussianSmooth(sigma, approx="sampled"))[inner], atol=5e-3)
    ours = sitk.GetArrayFromImage(intensity.gamma(image, 0.8, limits=None))
    np.testing.assert_allclose(ours, of_monai(AdjustContrast(0.8)), atol=1e-5)
    patch, _ = patches.centre_patch(Sample(image=image), (6, 5, 6))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(patch.image), of_monai(CenterSpatialCrop((6, 5, 6))))
