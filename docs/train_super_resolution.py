"""Train a small network to see between thick slices, and draw its curve.

    python docs/train_super_resolution.py tests/data/thorax_ct.nrrd -o docs/images/super_resolution.png

Needs PyTorch and matplotlib, and takes some minutes on two cores. The network gets slices of 6 mm, interpolated to
1.5 mm, and learns what is missing. The lower part of the image is for training; the upper 24 slices are for the score.
The same network is trained twice, on patches as they are and on augmented ones.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from pycemrg_augment.pipelines import Pipeline
from torch import nn
from torch.utils.data import DataLoader, Dataset, RandomSampler

from pycemrg_core import load_catalogue, read_image
from pycemrg_core.api import Sample, voxel_array

SPACING, THICK = 1.5, 6.0  # mm
HELD_OUT = 24  # slices
CLIP = {"clip": {"window": [-200, 800]}}
PATCH = {"random_patch": {"size": [24, 24, 24]}}
COARSE = {"downsample": {"spacing": [SPACING, SPACING, THICK]}}
AUGMENTED = [
    {"affine": {"degrees": [-10, 10], "scale": [0.85, 1.15]}, "probability": 0.7},
    {"some_of": {"count": [0, 2], "of": [{"gamma": {"exponent": [0.8, 1.25]}}, {"contrast": {}}, {"brightness": {}}]}},
]


class Pairs(Dataset[Any]):
    """Pairs of a coarse and a fine patch: the same pipeline with the same seed, with and without the last step."""

    def __init__(self, sample: Sample, steps: list[Any]) -> None:
        catalogue = load_catalogue()
        self.sample = sample
        self.fine = Pipeline.build([CLIP, *steps, PATCH], catalogue)
        self.coarse = Pipeline.build([CLIP, *steps, PATCH, COARSE], catalogue)

    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        seed = int(torch.randint(2**62, ()))
        coarse, fine = (pipeline(self.sample, seed=seed).image for pipeline in (self.coarse, self.fine))
        return tensor(coarse), tensor(fine)


class Network(nn.Module):
    """What a few convolutions add to the interpolated image."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv3d(1, width, (5, 3, 3), padding=(2, 1, 1)),
            nn.LeakyReLU(0.1),
            nn.Conv3d(width, width, (5, 3, 3), padding=(2, 1, 1)),
            nn.LeakyReLU(0.1),
            nn.Conv3d(width, width, 3, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv3d(width, 1, 3, padding=1),
        )
        nn.init.zeros_(self.layers[-1].weight)
        nn.init.zeros_(self.layers[-1].bias)

    def forward(self, coarse: torch.Tensor) -> torch.Tensor:
        between = interpolated(coarse)
        return between + self.layers(between - 0.5)


def tensor(image: Any) -> torch.Tensor:
    """(channel, z, y, x)"""
    return torch.from_numpy(voxel_array(image).copy())[None]


def interpolated(coarse: torch.Tensor) -> torch.Tensor:
    return nn.functional.interpolate(coarse, scale_factor=(THICK / SPACING, 1, 1), mode="trilinear")


def score(network: nn.Module, sample: Sample) -> float:
    """The peak signal-to-noise ratio in dB."""
    catalogue = load_catalogue()
    fine, coarse = (Pipeline.build(steps, catalogue)(sample, seed=0).image for steps in ([CLIP], [CLIP, COARSE]))
    with torch.no_grad():
        made = network(tensor(coarse)[None]).clamp(0, 1)
    return float(-10 * torch.log10(((made - tensor(fine)[None]) ** 2).mean()))


def train(sample: Sample, held_out: Sample, steps: list[Any], batches: int) -> list[tuple[int, float]]:
    torch.manual_seed(7)
    network, data = Network(), Pairs(sample, steps)
    optimiser = torch.optim.Adam(network.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, batches)
    sampler = RandomSampler(data, replacement=True, num_samples=4 * batches)
    curve = [(0, score(network, held_out))]
    for number, (coarse, fine) in enumerate(DataLoader(data, batch_size=4, sampler=sampler), 1):
        loss = nn.functional.l1_loss(network(coarse), fine)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if number % 25 == 0 or number == batches:
            curve.append((number, score(network, held_out)))
            print(f"{number:5} batches: {curve[-1][1]:.2f} dB", flush=True)
    return curve


def draw(curves: dict[str, list[tuple[int, float]]], base: float, path: Path) -> None:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3.6), layout="constrained")
    for name, curve in curves.items():
        axes.plot(*zip(*curve, strict=True), label=f"{name}: {curve[-1][1]:.2f} dB", linewidth=1.8)
    axes.axhline(base, color="0.5", linestyle="--", label=f"linear interpolation: {base:.2f} dB")
    axes.set(xlabel="batches of four patches", ylabel="PSNR of the held-out slices, dB")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="center right")
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", help="a CT of the chest with voxels of 1.5 mm")
    parser.add_argument("-o", "--output", type=Path, default=Path("super_resolution.png"))
    parser.add_argument("--batches", type=int, default=1000)
    given = parser.parse_args()
    image, _ = read_image(given.image)
    below, above = Sample(image=image[:, :, :-HELD_OUT]), Sample(image=image[:, :, -HELD_OUT:])
    curves = {}
    for name, steps in (("patches as they are", []), ("augmented patches", AUGMENTED)):
        print(name)
        curves[name] = train(below, above, steps, given.batches)
    draw(curves, curves["augmented patches"][0][1], given.output)


if __name__ == "__main__":
    main()
