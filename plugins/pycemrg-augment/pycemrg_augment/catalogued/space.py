"""Grids, movements and patches: these change images and label maps together."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from pycemrg_augment.catalogued.shared import Above0, Length, Result, Rng
from pycemrg_augment.pipelines.parameters import Bounds, Range, draw
from pycemrg_augment.transforms import moving, patches, resampling, slices
from pycemrg_augment.transforms.moving import Crumbs, Interpolation
from pycemrg_augment.transforms.patches import Padding, PadMode
from pycemrg_augment.transforms.slices import Profile, Vote
from pycemrg_core.api import AugmentationError, Sample

_Size = Annotated[tuple[int, int, int], Bounds(low=1)]
_Spacing = Annotated[tuple[float, float, float], Bounds(low=0, above=True)]
_Axes = tuple[Literal["x", "y", "z"], ...]


def downsample(
    sample: Sample, rng: Rng, spacing: _Spacing, profile: Profile = "gaussian", vote: Vote = "majority"
) -> Result:
    return sample.changed(
        images=lambda image: slices.downsample_volume(image, spacing, profile),
        labels=lambda labels: slices.downsample_labels(labels, spacing, vote),
    ), {}


def slice_shift(
    sample: Sample, rng: Rng, thickness: Above0, profile: Profile = "gaussian", vote: Vote = "majority"
) -> Result:
    width = draw(rng, thickness)
    offset = float(width * rng.random())
    stack = sample.changed(
        images=lambda image: slices.shifted_slices(image, width, offset, profile),
        labels=lambda labels: slices.shifted_label_slices(labels, width, offset, vote),
    )
    return stack, {"thickness": width, "offset": offset}


def isotropic(sample: Sample, rng: Rng, spacing: Length, smooth: bool = False) -> Result:
    return sample.changed(
        images=lambda image: resampling.isotropic_volume(image, spacing),
        labels=lambda labels: resampling.isotropic_labels(labels, spacing, smooth=smooth),
    ), {}


def rotation(
    sample: Sample,
    rng: Rng,
    degrees: Range = (-10.0, 10.0),
    axes: _Axes = ("x", "y", "z"),
    interpolation: Interpolation = "linear",
    smooth: bool = False,
    crumbs: Crumbs = "join",
) -> Result:
    angles = [draw(rng, degrees) for _ in "xyz"]  # always three, as in flip
    angles = [angle if axis in axes else 0.0 for axis, angle in zip("xyz", angles, strict=True)]
    made = _moved(sample, moving.affine_matrix(angles), [0.0] * 3, interpolation, smooth, crumbs)
    return made, {"degrees": angles}


def affine(
    sample: Sample,
    rng: Rng,
    degrees: Range = (-10.0, 10.0),
    scale: Above0 = (0.9, 1.1),
    shear: Range = (0.0, 0.0),
    shift_mm: Range = (0.0, 0.0),
    interpolation: Interpolation = "linear",
    smooth: bool = False,
    crumbs: Crumbs = "join",
) -> Result:
    drawn = {
        "degrees": [draw(rng, degrees) for _ in "xyz"],
        "scale": [draw(rng, scale) for _ in "xyz"],
        "shear": [draw(rng, shear) for _ in "xyz"],
        "shift_mm": [draw(rng, shift_mm) for _ in "xyz"],
    }
    matrix = moving.affine_matrix(drawn["degrees"], drawn["scale"], drawn["shear"])
    return _moved(sample, matrix, drawn["shift_mm"], interpolation, smooth, crumbs), drawn


def elastic(
    sample: Sample,
    rng: Rng,
    most_mm: Annotated[Range, Bounds(low=0)] = (2.0, 6.0),
    spacing_mm: Length = 30.0,
    interpolation: Interpolation = "linear",
    smooth: bool = False,
    crumbs: Crumbs = "join",
) -> Result:
    if most_mm[1] > moving.FOLD_FREE * spacing_mm:
        raise AugmentationError(
            f"elastic: displacements of {most_mm[1]:g} mm between control points {spacing_mm:g} mm apart could fold;"
            f" give at most {moving.FOLD_FREE * spacing_mm:.3g} mm, or control points further apart"
        )
    value, seed = draw(rng, most_mm), int(rng.integers(2**32))
    first = sample.image if sample.labels is None else sample.labels
    if first is None:
        raise AugmentationError("elastic: the sample has neither image nor labels; give one of them")
    field = moving.elastic_field(first, np.random.default_rng(seed), value, spacing_mm)
    warped = sample.changed(
        images=lambda image: moving.warp_volume(image, field, interpolation),
        labels=lambda labels: moving.warp_labels(labels, field, smooth=smooth, crumbs=crumbs),
    )
    return warped, {"most_mm": value, "seed": seed}


def flip(sample: Sample, rng: Rng, axes: _Axes = ("x", "y", "z")) -> Result:
    coins = rng.random(3) < 0.5  # always three, so that the coin of an axis does not depend on ``axes``
    flipped = [axis in axes and bool(coin) for axis, coin in zip("xyz", coins, strict=True)]
    turned = sample.changed(
        images=lambda image: moving.flip(image, flipped), labels=lambda image: moving.flip(image, flipped)
    )
    return turned, {"axes": [axis for axis, one in zip("xyz", flipped, strict=True) if one]}


def centre_patch(
    sample: Sample, rng: Rng, size: _Size, pad: PadMode = "constant", value: float | None = None
) -> Result:
    patch, start = patches.centre_patch(sample, size, Padding(pad, value))
    return patch, {"start": list(start)}


def random_patch(
    sample: Sample, rng: Rng, size: _Size, pad: PadMode = "constant", value: float | None = None
) -> Result:
    patch, start = patches.random_patch(sample, rng, size, Padding(pad, value))
    return patch, {"start": list(start)}


def label_patch(
    sample: Sample,
    rng: Rng,
    size: _Size,
    weights: Annotated[dict[int, float], Bounds(low=0)],
    pad: PadMode = "constant",
    value: float | None = None,
) -> Result:
    patch, start, label = patches.label_patch(sample, rng, size, weights, Padding(pad, value))
    return patch, {"start": list(start), "label": label}


def _moved(
    sample: Sample,
    matrix: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    shift_mm: list[float],
    interpolation: Interpolation,
    smooth: bool,
    crumbs: Crumbs,
) -> Sample:
    return sample.changed(
        images=lambda image: moving.move_volume(image, matrix, shift_mm, interpolation),
        labels=lambda labels: moving.move_labels(labels, matrix, shift_mm, smooth=smooth, crumbs=crumbs),
    )
