"""The contributions of the plugin; imports little, because every command loads this module."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import Augmentation, Command, Ref, hookimpl

# name, what it does
_AUGMENTATIONS = (
    ("clip", "clip intensities to a window and scale them to [0, 1]"),
    ("min_max", "scale intensities from the smallest and largest to [0, 1]"),
    ("percentile", "scale intensities between two percentiles to [0, 1]"),
    ("brightness", "add a constant"),
    ("contrast", "stretch intensities about their mean"),
    ("gamma", "raise intensities to a power"),
    ("gaussian_noise", "add Gaussian noise"),
    ("rician_noise", "add the noise of magnitude MR images"),
    ("bias_field", "multiply by a smooth field, like the bias of an MR coil"),
    ("blur", "smooth with a Gaussian"),
    ("downsample", "resample image and labels to coarser voxels, with a slice profile"),
    ("slice_shift", "make a stack of thick slices that starts at a random sub-slice offset"),
    ("isotropic", "resample image and labels to cubic voxels"),
    ("centre_patch", "cut out the patch in the middle, padded if needed"),
    ("random_patch", "cut out a patch at a random place, padded if needed"),
    ("flip", "reverse the voxel order along axes; every voxel stays where it is in space"),
    ("drop_structure", "failure: a label becomes background"),
    ("leak", "failure: a hole in the wall between two labels"),
    ("islands", "failure: loose balls of a label"),
    ("staircase", "failure: each slice shifted in its plane"),
    ("swap_labels", "failure: two labels exchanged"),
)


@hookimpl
def pycemrg_augmentations() -> Iterable[Augmentation]:
    for name, summary in _AUGMENTATIONS:
        yield Augmentation(name=name, summary=summary, function=Ref(f"pycemrg_augment.augmentations:{name}"))


@hookimpl
def pycemrg_commands() -> Iterable[Command]:
    yield Command(
        name="augment",
        summary="Make training samples from an image with a pipeline.",
        command=Ref("pycemrg_augment.commands:augment"),
    )
