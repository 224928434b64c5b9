"""Whether two images share a grid."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from sample_images import make

from pycemrg_core.images.geometry import grid_difference


def moved(voxels: float) -> sitk.Image:
    """The image with its origin moved along its first axis."""
    image = make()
    image.SetOrigin(image.TransformContinuousIndexToPhysicalPoint((voxels, 0.0, 0.0)))
    return image


@pytest.mark.parametrize(("voxels", "same"), [(0.0, True), (0.09, True), (0.11, False), (-0.5, False)])
def test_a_tenth_of_the_smallest_voxel_is_let_pass(voxels: float, same: bool) -> None:
    # The first axis has the smallest spacing, 0.3 mm.
    assert (grid_difference(moved(voxels), make()) == "") is same


def test_a_direction_that_only_turns_the_far_corner_away() -> None:
    image, like = sitk.Image(200, 10, 10, sitk.sitkUInt8), sitk.Image(200, 10, 10, sitk.sitkUInt8)
    # 0.1 voxels at 199 voxels from the first one.
    for angle, same in ((0.09 / 199, True), (0.11 / 199, False)):
        image.SetDirection(sitk.Euler3DTransform((0, 0, 0), 0, 0, angle).GetMatrix())
        assert (grid_difference(image, like) == "") is same


def test_every_difference_is_named() -> None:
    image = sitk.GetImageFromArray(np.zeros((2, 3, 4), np.uint8))
    assert grid_difference(image, make()).startswith(
        "size 4 x 3 x 2, not 14 x 13 x 12; spacing 1, 1, 1 mm, not 0.3, 0.7, 0.333333 mm;"
        " origin 0, 0, 0 mm, not -123.457, 3.33333e-08, 142.857 mm; direction 1, 0, 0, 0, 1, 0, 0, 0, 1, not 0."
    )
