"""The contributions of the plugin; imports little, because every command loads this module."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import Augmentation, Command, Ref, hookimpl

# by module of pycemrg_augment.catalogued: name, what it does
_AUGMENTATIONS = {
    "intensity": (
        ("clip", "clip intensities to a window and scale them to [0, 1]"),
        ("min_max", "scale intensities from the smallest and largest to [0, 1]"),
        ("percentile", "scale intensities between two percentiles to [0, 1]"),
        ("standardise", "scale intensities to mean 0 and standard deviation 1"),
        ("brightness", "add a constant"),
        ("contrast", "stretch intensities about their mean"),
        ("gamma", "raise intensities to a power"),
        ("gaussian_noise", "add Gaussian noise"),
        ("rician_noise", "add the noise of magnitude MR images"),
        ("bias_field", "multiply by a smooth field, like the bias of an MR coil"),
        ("blur", "smooth with a Gaussian"),
        ("motion", "the artefact of a patient who moves while an MR image is measured"),
    ),
    "space": (
        ("downsample", "resample image and labels to coarser voxels, with a slice profile"),
        ("slice_shift", "make a stack of thick slices that starts at a random sub-slice offset"),
        ("isotropic", "resample image and labels to cubic voxels"),
        ("rotation", "turn image and labels about their centre"),
        ("affine", "turn, scale, shear and shift image and labels"),
        ("elastic", "deform image and labels smoothly, without folds"),
        ("flip", "reverse the voxel order along axes; every voxel stays where it is in space"),
        ("centre_patch", "cut out the patch in the middle, padded if needed"),
        ("random_patch", "cut out a patch at a random place, padded if needed"),
        ("label_patch", "cut out a patch around a random voxel of a label, drawn by weight"),
    ),
    "labels": (
        ("consecutive_classes", "turn the labels into the classes 1, 2, ... for training"),
        ("drop_structure", "failure: a label becomes background"),
        ("leak", "failure: a hole in the wall between two labels"),
        ("islands", "failure: loose balls of a label"),
        ("staircase", "failure: each slice shifted in its plane"),
        ("swap_labels", "failure: two labels exchanged"),
    ),
    "choices": (
        ("one_of", "run one of several augmentations"),
        ("some_of", "run some of several augmentations"),
    ),
}


@hookimpl
def pycemrg_augmentations() -> Iterable[Augmentation]:
    for module, augmentations in _AUGMENTATIONS.items():
        for name, summary in augmentations:
            function = Ref(f"pycemrg_augment.catalogued.{module}:{name}")
            yield Augmentation(name=name, summary=summary, function=function)


@hookimpl
def pycemrg_commands() -> Iterable[Command]:
    yield Command(
        name="augment",
        summary="Make training samples from an image with a pipeline.",
        command=Ref("pycemrg_augment.commands:augment"),
    )
