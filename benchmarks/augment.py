"""Augment one image with its label map in pycemrg-augment, TorchIO and MONAI, and print two Markdown tables.

    python benchmarks/augment.py [--size 128] [--repeat 7]

Needs PyTorch, TorchIO and MONAI, which nothing else here needs: an environment of its own with
them and this tree. The image is the CT of the tests with its chambers, resampled to
``size`` anisotropic voxels along each axis.

CPU time in ms, one thread, medians of turns that take the libraries one after another; the ratio is the median of the
ratios of all turns. Each library gets the kind of item that it is made for: SimpleITK images, a TorchIO ``Subject`` as
read from a file, and a dictionary of MONAI ``MetaTensor`` s. The last column is our pipeline on the ``Subject``.

The second table compares values where two libraries do the same: the largest difference of the voxels at least six
from the border, on the CT as it is, with axes along those of space.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import monai.transforms as mt
import numpy as np
import SimpleITK as sitk
import torch
import torchio as tio
from monai.data import MetaTensor
from pycemrg_augment.frameworks.arrays import affine_of
from pycemrg_augment.frameworks.torchio import RandomPipeline
from pycemrg_augment.pipelines import Pipeline
from pycemrg_augment.transforms import intensity, moving, normalising, patches

from pycemrg_core import load_catalogue, read_image, read_labels
from pycemrg_core.api import Sample, voxel_array

DATA = Path(__file__).resolve().parents[1] / "tests" / "data"
CT, SEGMENTATION = DATA / "thorax_ct.nrrd", DATA / "thorax_ct_labels.nrrd"
KEYS = ["image", "label"]

# name: our entry, TorchIO's transform, MONAI's transform
KINDS: dict[str, tuple[Any, Any, Any]] = {
    "gaussian noise": (
        {"gaussian_noise": {"sigma": 0.05}},
        tio.RandomNoise(std=(0.05, 0.05)),
        mt.RandGaussianNoised(["image"], prob=1, std=0.05, sample_std=False),
    ),
    "gamma": (
        {"gamma": {"exponent": 0.8}},
        tio.RandomGamma(log_gamma=(np.log(0.8), np.log(0.8))),
        mt.RandAdjustContrastd(["image"], prob=1, gamma=(0.8, 0.800001)),
    ),
    "blur, 1 mm": (
        {"blur": {"sigma_mm": 1.0}},
        tio.RandomBlur(std=(1, 1)),
        mt.GaussianSmoothd(["image"], [0.9] * 3),
    ),
    "bias field, order 3": (
        {"bias_field": {}},
        tio.RandomBiasField(coefficients=0.3, order=3),
        mt.RandBiasFieldd(["image"], degree=3, coeff_range=(-0.3, 0.3), prob=1),
    ),
    "affine": (
        {"affine": {"crumbs": "keep"}},
        tio.RandomAffine(scales=0.1, degrees=10),
        mt.RandAffined(
            KEYS,
            prob=1,
            rotate_range=[0.17] * 3,
            scale_range=[0.1] * 3,
            mode=("bilinear", "nearest"),
            padding_mode="zeros",
        ),
    ),
    "affine, labels in one piece": ({"affine": {}}, None, None),
    "elastic": (
        {"elastic": {"most_mm": 5.0, "spacing_mm": 30.0, "crumbs": "keep"}},
        tio.RandomElasticDeformation(num_control_points=7, max_displacement=5),
        mt.Rand3DElasticd(KEYS, (5, 8), (10, 20), prob=1, mode=("bilinear", "nearest"), padding_mode="zeros"),
    ),
    "motion": ({"motion": {}}, tio.RandomMotion(degrees=3, translation=3, num_transforms=2), None),
    "patch of half the size": (
        {"random_patch": {"size": [64, 64, 64]}},
        tio.CropOrPad((64, 64, 64)),
        mt.RandSpatialCropd(KEYS, (64, 64, 64), random_size=False),
    ),
}


def items(size: int) -> tuple[Sample, Any, dict[str, Any]]:
    """The same anisotropic image and label map for each library."""
    images = [normalising.clip(read_image(str(CT))[0], (-200, 800)), read_labels(str(SEGMENTATION))[0]]
    extent = [n * width for n, width in zip(images[0].GetSize(), images[0].GetSpacing(), strict=True)]
    width = [length / size for length in extent]
    for number, interpolator in enumerate((sitk.sitkLinear, sitk.sitkNearestNeighbor)):
        old = images[number]
        made = sitk.Resample(
            old, [size] * 3, sitk.Transform(), interpolator, old.GetOrigin(), width, old.GetDirection()
        )
        images[number] = sitk.Cast(made, sitk.sitkUInt16) if number else made
    subject = tio.Subject(image=tio.ScalarImage.from_sitk(images[0]), label=tio.LabelMap.from_sitk(images[1]))
    for image in subject.get_images(intensity_only=False):
        image.set_data(image.data.contiguous())  # as if read from a file
    tensors = {
        key: MetaTensor(
            torch.from_numpy(voxel_array(image).astype(np.float32).T.copy())[None],
            affine=torch.from_numpy(affine_of(image)),
        )
        for key, image in zip(KEYS, images, strict=True)
    }
    return Sample(image=images[0], labels=images[1]), subject, tensors


def cpu(call: Callable[[], Any] | None) -> float:
    if call is None:
        return float("nan")
    start = time.process_time()
    call()
    return (time.process_time() - start) * 1000


def speeds(size: int, repeat: int) -> None:
    catalogue = load_catalogue()
    sample, subject, tensors = items(size)
    columns = ("ours, ms", "TorchIO, ms", "MONAI, ms", "TorchIO / ours", "MONAI / ours", "ours on a Subject, ms")
    print(f"| {size} x {size} x {size} | {' | '.join(columns)} |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, (entry, theirs, monai) in KINDS.items():
        pipeline = Pipeline.build([entry], catalogue)
        on_subject = RandomPipeline(pipeline)
        calls: list[Callable[[], Any] | None] = [
            lambda pipeline=pipeline: pipeline.apply(sample, seed=1),
            theirs and (lambda theirs=theirs: theirs(subject)),
            monai and (lambda monai=monai: monai(tensors)),
            lambda on_subject=on_subject: on_subject(subject),
        ]
        turns = [[cpu(call) for call in calls] for _ in range(repeat + 1)][1:]
        times = [median(column) for column in zip(*turns, strict=True)]
        ratios = [median(turn[other] / turn[0] for turn in turns) for other in (1, 2)]
        shown = [*(f"{value:.1f}" for value in times[:3]), *(f"{value:.1f}" for value in ratios), f"{times[3]:.1f}"]
        print(f"| {name} | {' | '.join('' if value == 'nan' else value for value in shown)} |", flush=True)


def values() -> None:
    image = normalising.clip(read_image(str(CT))[0], (-200, 800))
    image.SetDirection(np.eye(3).ravel().tolist())
    array = voxel_array(image)
    inner = (slice(6, -6),) * 3
    volume = torch.from_numpy(array.T.copy())[None]

    def of_torchio(transform: Any) -> Any:
        return transform(tio.ScalarImage.from_sitk(image)).data[0].numpy().T

    def of_monai(transform: Any) -> Any:
        return transform(volume).numpy()[0].T

    flip = np.diag([-1.0, -1.0, 1.0])  # TorchIO works in RAS
    turn = flip @ np.reshape(sitk.Euler3DTransform((0, 0, 0), *np.radians((8, -5, 12))).GetMatrix(), (3, 3)) @ flip
    patch = patches.centre_patch(Sample(image=image), (64, 65, 65))[0].image
    sigma = [2 / one for one in image.GetSpacing()]
    ours = {
        "gamma 0.8": (intensity.gamma(image, 0.8), tio.Gamma(0.8), mt.AdjustContrast(0.8)),
        "blur, 2 mm": (intensity.blur(image, 2.0), tio.Blur(std=(2, 2, 2)), mt.GaussianSmooth(sigma, approx="sampled")),
        "rotation about three axes": (
            moving.move_volume(image, turn),
            tio.Affine(scales=(1, 1, 1), degrees=(8, -5, 12), translation=(0, 0, 0), center="image"),
            None,
        ),
        "patch in the middle": (patch, tio.CropOrPad((64, 65, 65)), mt.CenterSpatialCrop((64, 65, 65))),
    }
    print("\n| largest difference from ours, of 1 | TorchIO | MONAI |\n|---|---:|---:|")
    for name, (mine, theirs, monai) in ours.items():
        other = [call(one) if one else None for call, one in ((of_torchio, theirs), (of_monai, monai))]
        shown = ["" if one is None else f"{np.abs(voxel_array(mine)[inner] - one[inner]).max():.1g}" for one in other]
        print(f"| {name} | {' | '.join(shown)} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--repeat", type=int, default=7)
    given = parser.parse_args()
    torch.set_num_threads(1)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    speeds(given.size, given.repeat)
    values()
