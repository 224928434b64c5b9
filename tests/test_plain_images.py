"""Images without SimpleITK: the same voxels, places and labels as with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from sample_images import make

from pycemrg_core import ImageError
from pycemrg_core.api import image_of, label_volume, plain_of, read_plain


@pytest.mark.parametrize("pixel", [sitk.sitkUInt8, sitk.sitkInt16, sitk.sitkFloat32, sitk.sitkFloat64])
def test_a_file_is_read_like_simpleitk_does(tmp_path: Path, pixel: int) -> None:
    image = sitk.Cast(make(), pixel)
    sitk.WriteImage(image, str(tmp_path / "a.nrrd"))
    plain, notes = read_plain(tmp_path / "a.nrrd")
    expected = sitk.ReadImage(str(tmp_path / "a.nrrd"))
    assert notes == ()
    assert plain.array.dtype == sitk.GetArrayViewFromImage(expected).dtype
    np.testing.assert_array_equal(plain.array, sitk.GetArrayViewFromImage(expected))
    again = image_of(plain)
    for one in (again, image_of(plain_of(again))):
        assert one.GetSpacing() == pytest.approx(expected.GetSpacing(), rel=1e-12)
        assert one.GetOrigin() == pytest.approx(expected.GetOrigin(), rel=1e-12)
        assert one.GetDirection() == pytest.approx(expected.GetDirection(), abs=1e-12)
    assert np.shares_memory(plain_of(plain).array, plain.array)


def test_a_slice_is_read_as_one_of_1_mm(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.Image(5, 4, sitk.sitkInt16), str(tmp_path / "slice.nrrd"))
    plain, notes = read_plain(tmp_path / "slice.nrrd", flat=True)
    assert (plain.array.shape, plain.spacing) == ((1, 4, 5), (1, 1, 1))
    assert "is 2-D" in notes[0]


@pytest.mark.parametrize("change", [0.0, 1e-4])
def test_labels_are_those_of_the_image(change: float) -> None:
    image = sitk.Cast(make(), sitk.sitkFloat64) + change
    (mine, said), (theirs, expected) = label_volume(plain_of(image), "it"), label_volume(image, "it")
    assert (mine.array.dtype, said) == (theirs.array.dtype, expected)
    np.testing.assert_array_equal(mine.array, theirs.array)
    assert mine.geometry() == theirs.geometry()


def test_a_scan_is_no_label_map() -> None:
    scan = sitk.Cast(make(), sitk.sitkFloat32) - 0.5
    with pytest.raises(ImageError) as expected:
        label_volume(scan, "it")
    with pytest.raises(ImageError) as caught:
        label_volume(plain_of(scan), "it")
    assert str(caught.value) == str(expected.value)
