"""Data sets of PyTorch, against the real library: values, seeds, epochs and workers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from pycemrg_augment.frameworks.items import Selection, augmented  # noqa: E402
from pycemrg_augment.frameworks.torch import AugmentedDataset, Draws, collate  # noqa: E402
from pycemrg_augment.pipelines import Pipeline  # noqa: E402
from sample_images import VOXELS  # noqa: E402
from torch.utils.data import (  # noqa: E402
    BatchSampler,
    DataLoader,
    DistributedSampler,
    RandomSampler,
    WeightedRandomSampler,
)

from pycemrg_core import AugmentationError, load_catalogue  # noqa: E402
from pycemrg_core.api import Sample  # noqa: E402

SCAN = (VOXELS / 20).astype(np.float32)
CATALOGUE = load_catalogue()
PIPELINE = Pipeline.build([{"brightness": {"shift": [-0.2, 0.2]}}, {"random_patch": {"size": [5, 6, 7]}}], CATALOGUE)
# The mean of a black image tells the draws apart.
SHIFT = Pipeline.build([{"brightness": {"shift": [0, 1]}}], CATALOGUE)
BLACK = [{"image": torch.zeros(2, 2, 2), "id": number} for number in range(4)]


def expected(seed: int, index: int) -> tuple[Any, Any]:
    made, _ = PIPELINE.apply(
        Sample(image=sitk.GetImageFromArray(SCAN), labels=sitk.GetImageFromArray(VOXELS)), seed=seed, index=index
    )
    return sitk.GetArrayFromImage(made.image), sitk.GetArrayFromImage(made.labels)


def loader(data: Any, **options: Any) -> Any:
    workers = options.get("num_workers", 0)
    return DataLoader(data, batch_size=1, persistent_workers=workers > 0, **options)


def draws(batches: Any) -> list[tuple[int, float]]:
    """The item and the draw of each batch."""
    return [(int(batch["id"]), float(batch["image"].mean())) for batch in batches]


# Values


@pytest.mark.parametrize("channel", [False, True])
@pytest.mark.parametrize("axes", ["zyx", "xyz"])
def test_tensors_are_augmented_like_simpleitk_images(axes: Any, channel: bool) -> None:
    def laid_out(array: Any) -> Any:
        tensor = torch.from_numpy(array if axes == "zyx" else array.T)
        return tensor[None] if channel else tensor

    item = {"image": laid_out(SCAN.copy()), "label": laid_out(VOXELS.copy())}
    made = augmented(PIPELINE, item, seed=7, index=3, axes=axes)
    image, labels = expected(7, 3)
    assert torch.equal(made["image"], laid_out(image))
    assert torch.equal(made["label"], laid_out(labels.astype(np.int64)))
    assert torch.equal(item["image"], laid_out(SCAN))
    made["image"][:] = 9
    assert torch.equal(item["image"], laid_out(SCAN))


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_stays_half(kind: Any) -> None:
    made = augmented(
        PIPELINE, {"image": torch.from_numpy(SCAN).to(kind), "label": torch.from_numpy(VOXELS).to(kind)}, seed=7
    )
    assert made["image"].dtype == kind
    assert made["label"].dtype == torch.int64
    assert torch.allclose(made["image"].float(), torch.from_numpy(expected(7, 0)[0]), atol=1e-2)


def test_labels_work_in_a_loss_that_ignores_minus_1() -> None:
    labels = torch.from_numpy(np.where(VOXELS > 15, -1, VOXELS.astype(int)).astype(np.float32))
    coarse = Pipeline.build([{"downsample": {"spacing": [2, 2, 2]}}], CATALOGUE)
    made = augmented(coarse, {"label": labels}, seed=1)["label"]
    assert (made == -1).any()
    assert (made > 3).any()
    scores = torch.zeros(1, 16, *made.shape)
    loss = torch.nn.functional.cross_entropy(scores, made[None], ignore_index=-1)
    assert float(loss) == pytest.approx(np.log(16), rel=1e-5)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (
            torch.zeros(3, 4, 5).to(torch.float8_e4m3fn),
            "'image' is torch.float8_e4m3fn, which numpy does not know; convert it first",
        ),
        (torch.zeros(3, 4, 5, requires_grad=True), "'image' needs a gradient, and augmentation has none; detach it"),
        (
            torch.zeros(3, 4, 5, device="meta"),
            "'image' is on meta; augment on the CPU, in the data set, and move it then",
        ),
        (
            torch.zeros(3, 4, 5).to_sparse(),
            "'image' is torch.float32 in the layout torch.sparse_coo; give a dense real",
        ),
        (torch.zeros(3, 4, 5, dtype=torch.complex64), "'image' is torch.complex64 in the layout torch.strided; give a"),
        (
            torch.zeros(4, 5),
            "'image' is an array of float32 and shape (4, 5); give 3-D numbers, or 4-D with the channels",
        ),
    ],
)
def test_tensors_that_are_refused(image: Any, said: str) -> None:
    with pytest.raises(AugmentationError) as caught:
        augmented(PIPELINE, {"image": image}, seed=1)
    assert str(caught.value).startswith(said)


def test_a_tensor_that_is_negated_when_it_is_read() -> None:
    image = torch.linspace(0, 1, 60).reshape(3, 4, 5)
    made = [augmented(PIPELINE, {"image": one}, seed=1)["image"] for one in (image, torch._neg_view(-image))]
    assert torch.equal(*made)


@pytest.mark.parametrize("wrong", [torch.int64, "int63", "bool", "complex64"])
def test_a_label_type_that_is_none_is_refused_at_once(wrong: Any) -> None:
    with pytest.raises(AugmentationError) as caught:
        Selection(label_type=wrong)
    assert str(caught.value) == f"label_type is {wrong!r}; give the name of a type of numbers, such as 'int64'"


@pytest.mark.parametrize("kind", [torch.float64, torch.int32])
def test_the_spacing_stays_a_tensor(kind: Any) -> None:
    coarse = Pipeline.build([{"downsample": {"spacing": [1.5, 2, 3]}}], load_catalogue())
    item = {"image": torch.zeros(6, 4, 6), "spacing": torch.ones(3, dtype=kind)}
    batch = next(iter(torch.utils.data.DataLoader(AugmentedDataset([item] * 2, coarse), batch_size=2)))
    assert batch["spacing"].tolist() == [[1.5, 2, 3]] * 2
    assert batch["spacing"].dtype == (kind if kind.is_floating_point else torch.float32)


# Without a seed: the generators of PyTorch


def test_manual_seed_decides_and_every_draw_is_new() -> None:
    data = AugmentedDataset(BLACK, SHIFT)
    torch.manual_seed(7)
    first = draws(loader(data)) + draws(loader(data)) + [(0, float(data[0]["image"].mean()))]
    assert len({value for _, value in first}) == 9
    torch.manual_seed(7)
    assert draws(loader(data)) + draws(loader(data)) == first[:8]
    assert float(SHIFT(BLACK[0])["image"].mean()) != float(SHIFT(BLACK[0])["image"].mean())


def test_persistent_workers_draw_anew_in_every_epoch_and_repeat_with_the_seed() -> None:
    def run() -> list[tuple[int, float]]:
        torch.manual_seed(7)
        batches = loader(AugmentedDataset(BLACK, SHIFT), num_workers=2)
        return [one for _ in range(3) for one in draws(batches)]

    first = run()
    assert len({value for _, value in first}) == 12
    assert run() == first


def test_an_index_drawn_twice_is_two_samples() -> None:
    sampler = WeightedRandomSampler([1.0, 0, 0, 0], 6)
    for workers in (0, 2):
        made = draws(loader(AugmentedDataset(BLACK, SHIFT), sampler=sampler, num_workers=workers))
        assert len({value for _, value in made}) == 6


# With a seed


def test_with_a_seed_workers_and_order_do_not_matter() -> None:
    torch.manual_seed(1)
    plain = draws(loader(AugmentedDataset(BLACK, SHIFT, seed=7)))
    shuffled = draws(loader(AugmentedDataset(BLACK, SHIFT, seed=7), shuffle=True, num_workers=2))
    assert [number for number, _ in shuffled] != [0, 1, 2, 3]
    assert sorted(shuffled) == plain
    for number, value in plain:
        made = SHIFT(BLACK[number], seed=7, index=number)
        assert float(made["image"].mean()) == value


@pytest.mark.parametrize("workers", [0, 2])
def test_persistent_workers_follow_set_epoch(workers: int) -> None:
    data = AugmentedDataset(BLACK, SHIFT, seed=7)
    batches = loader(data, num_workers=workers)
    epochs = []
    for epoch in (0, 1, 0):
        data.set_epoch(epoch)
        epochs.append(draws(batches))
    assert epochs[0] == epochs[2]
    assert len({value for _, value in epochs[0] + epochs[1]}) == 8
    made = SHIFT(BLACK[2], seed=7, index=4 + 2)
    assert epochs[1][2] == (2, float(made["image"].mean()))


def test_draws_count_over_epochs_and_within_one() -> None:
    def run(workers: int) -> list[tuple[int, float]]:
        data, order = AugmentedDataset(BLACK, SHIFT, seed=7), torch.Generator().manual_seed(3)
        sampler = RandomSampler(data, replacement=True, num_samples=8, generator=order)
        batches = loader(data, sampler=Draws(sampler), num_workers=workers)
        return [one for _ in range(2) for one in draws(batches)]

    alone = run(0)
    assert len({value for _, value in alone}) == 16
    assert run(2) == alone
    data = AugmentedDataset(BLACK, SHIFT, seed=7)
    third = [value for number, value in alone if number == 2][2]
    assert float(data[2, 2]["image"].mean()) == third


@pytest.mark.parametrize("wrong", [BatchSampler(range(4), 2, drop_last=False), [{}]])
def test_draws_are_of_indices(wrong: Any) -> None:
    with pytest.raises(AugmentationError) as caught:
        list(Draws(wrong))
    shown = "[0, 1]" if isinstance(wrong, BatchSampler) else "{}"
    assert str(caught.value).startswith(f"the sampler gives {shown}, not an index; give Draws a sampler of indices")


@pytest.mark.parametrize("options", [{"images": "image"}, {"label_type": "x"}, {"record": True}, {"axes": "yx"}])
def test_wrong_options_are_refused_when_the_data_set_is_made(options: dict[str, Any]) -> None:
    with pytest.raises(AugmentationError):
        AugmentedDataset(BLACK, PIPELINE, **options)


@pytest.mark.parametrize("wrong", [-1, 1.5])
def test_an_epoch_and_a_draw_are_whole_numbers(wrong: Any) -> None:
    data = AugmentedDataset(BLACK, PIPELINE, seed=7)
    with pytest.raises(AugmentationError, match=f"the epoch is {wrong}; give a whole number of at least 0"):
        data.set_epoch(wrong)
    with pytest.raises(AugmentationError, match=f"the draw is {wrong}; give a whole number of at least 0"):
        data[0, wrong]


def test_no_two_processes_of_distributed_training_make_the_same_sample() -> None:
    """An item moves between processes from epoch to epoch."""
    ranks = [Draws(DistributedSampler(BLACK, num_replicas=2, rank=rank, seed=1)) for rank in range(2)]
    made = []
    for epoch in range(6):
        for sampler in ranks:
            sampler.set_epoch(epoch)
            made += list(sampler)
    assert len(set(made)) == len(made) == 24
    assert {draw % 2 for _, draw in made} == {0, 1}


def test_draws_pass_the_epoch_on() -> None:
    sampler = Draws(DistributedSampler(BLACK, num_replicas=2, rank=0, shuffle=True, seed=1))
    assert len(sampler) == 2
    orders = []
    for epoch in range(6):
        sampler.set_epoch(epoch)
        orders.append([index for index, _ in sampler])
    assert len({tuple(order) for order in orders}) > 1
    Draws(RandomSampler(BLACK)).set_epoch(1)  # has none of its own


def test_indices() -> None:
    data = AugmentedDataset(BLACK, SHIFT, seed=7)
    assert len(data) == 4
    assert torch.equal(data[torch.tensor(3)]["image"], data[3]["image"])
    assert torch.equal(data[-1]["image"], data[3]["image"])
    assert torch.equal(data[np.int64(1)]["image"], data[1, 0]["image"])
    assert sum(1 for _ in data) == 4  # a list says itself where it ends
    with pytest.raises(TypeError):
        data["a"]


def test_several_patches_in_one_batch() -> None:
    pipeline = Pipeline.build([{"random_patch": {"size": [5, 6, 7]}, "samples": 3}, {"brightness": {}}], CATALOGUE)
    data = AugmentedDataset([{"image": torch.from_numpy(SCAN)[None]}] * 4, pipeline, seed=7)
    (batch, _) = DataLoader(data, batch_size=2, collate_fn=collate, num_workers=2)
    assert batch["image"].shape == (6, 1, 7, 6, 5)
    assert len({one.numpy().tobytes() for one in batch["image"]}) == 6


def test_the_drawn_values_travel_in_a_batch() -> None:
    data = AugmentedDataset(BLACK, SHIFT, record="drawn")
    (batch,) = DataLoader(data, batch_size=4, num_workers=2)
    for image, text in zip(batch["image"], batch["drawn"], strict=True):
        done = json.loads(text)
        assert done["steps"][0]["drawn"]["shift"] == pytest.approx(float(image.mean()), rel=1e-6)
        again = SHIFT({"image": BLACK[0]["image"]}, seed=done["seed"], index=done["index"])
        assert torch.equal(again["image"], image)


def test_options_name_the_keys() -> None:
    items = [{"ct": torch.from_numpy(SCAN), "heart": torch.from_numpy(VOXELS), "prior": torch.zeros(12, 13, 14)}]
    data = AugmentedDataset(items, PIPELINE, seed=7, images=["ct"], labels=["heart"], keep=["prior"])
    assert data[0]["ct"].shape == (7, 6, 5)
    assert data[0]["prior"].shape == (12, 13, 14)
    with pytest.raises(AugmentationError, match="'prior' is a volume that the pipeline would leave as it is"):
        AugmentedDataset(items, PIPELINE, seed=7, images=["ct"], labels=["heart"])[0]
