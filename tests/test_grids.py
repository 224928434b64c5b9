"""Whether two images share a grid."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from sample_images import make

from pycemrg_core.api import plain_of, volume_of
from pycemrg_core.images.geometry import _Grid, _shift, grid_difference


def moved(voxels: float) -> sitk.Image:
    """The image with its origin moved along its first axis."""
    image = make()
    image.SetOrigin(image.TransformContinuousIndexToPhysicalPoint((voxels, 0.0, 0.0)))
    return image


@pytest.mark.parametrize(("voxels", "same"), [(0.0, True), (0.09, True), (0.11, False), (-0.5, False)])
def test_a_tenth_of_the_smallest_voxel_is_let_pass(voxels: float, same: bool) -> None:
    # The first axis has the smallest spacing, 0.3 mm.
    assert (grid_difference(moved(voxels), make()) == "") is same


@pytest.mark.parametrize("voxels", [0.0, 0.09, 0.11, -0.5])
def test_every_form_of_an_image_has_its_grid(voxels: float) -> None:
    expected = grid_difference(moved(voxels), make())
    forms = [(one, volume_of(one), plain_of(one)) for one in (moved(voxels), make())]
    assert {grid_difference(mine, other) for mine in forms[0] for other in forms[1]} == {expected}


def test_corners_are_where_simpleitk_has_them() -> None:
    """In a lopsided frame, the farther apart the more of the image lies between."""
    image, like = make(), make()
    image.SetDirection(sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.1).GetMatrix())
    image.SetOrigin(like.GetOrigin())
    corners = [(x, y, z) for x in (0, 13) for y in (0, 12) for z in (0, 11)]
    apart = max(
        np.linalg.norm(np.subtract(*(one.TransformIndexToPhysicalPoint(at) for one in (image, like)))) for at in corners
    )
    assert _shift(_Grid.of(image), _Grid.of(like)) == pytest.approx(apart)


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
