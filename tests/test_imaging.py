"""What is a label map; arrays and plain data of images."""

from __future__ import annotations

import hashlib
import math
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sample_images import VOXELS, frame, make, refusal, rotation

from pycemrg_core.errors import ImageError
from pycemrg_core.images import image_files
from pycemrg_core.images.edits import Edit, WorkingVolume
from pycemrg_core.images.label_volume import LabelVolume, as_region


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8"])
def test_integer_image_is_returned_as_it_is(dtype: str) -> None:
    image = make(VOXELS.astype(dtype))
    found, notes = image_files.label_image(image, "memory")
    assert found is image
    assert notes == ()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(
    ("high", "kind"),
    [(255, "uint8"), (256, "uint16"), (65535, "uint16"), (65536, "uint32"), (2**24, "uint32")],
)
def test_whole_numbered_float_image_becomes_the_smallest_integer_type(dtype: str, high: int, kind: str) -> None:
    array = VOXELS.astype(dtype)
    array[3, 2, 1] = high
    image = make(array)
    found, notes = image_files.label_image(image, "memory")
    assert notes == (f"memory: float image holds only whole numbers: read as {kind}",)
    result = sitk.GetArrayFromImage(found)
    assert result.dtype == kind
    np.testing.assert_array_equal(result, array)
    np.testing.assert_array_equal(frame(found), frame(image))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), array)


def test_scaled_nifti_is_read_as_its_scaled_integers(tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    sitk.WriteImage(make(), str(path))
    content = bytearray(path.read_bytes())
    struct.pack_into("<f", content, 112, 2.0)
    path.write_bytes(content)
    image, notes = image_files.read_labels(path)
    np.testing.assert_array_equal(image_files.voxel_array(image), VOXELS * 2)
    assert notes == (f"{path}: float image holds only whole numbers: read as uint8",)


def test_fractions_are_counted_and_shown() -> None:
    array = VOXELS.astype(np.float32)
    array[3, 2, 1] = 1.5
    text = refusal(ImageError, image_files.label_image, make(array), "memory")
    assert text == (
        "memory: 1 voxel is not whole numbers, for example 1.5 at index (x, y, z) = (1, 2, 3); a label map"
        " holds integers: give the segmentation, resampled with nearest-neighbour interpolation"
    )
    array[4:6] = 0.25
    assert "365 voxels are not whole numbers" in refusal(ImageError, image_files.label_image, make(array), "memory")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_pixels_that_are_no_numbers_are_refused(value: float) -> None:
    array = VOXELS.astype(np.float64)
    array[5, 4, 3] = value
    text = refusal(ImageError, image_files.label_image, make(array), "memory")
    assert f"1 voxel is NaN or infinite, for example {value:g} at index (x, y, z) = (3, 4, 5)" in text


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "f4", "f8"])
def test_negative_values_are_refused(dtype: str) -> None:
    array = VOXELS.astype(dtype)
    array[0, 0, 0] = -7
    text = refusal(ImageError, image_files.label_image, make(array), "memory")
    assert "holds negative values (minimum -7), labels are 0 (background) and up" in text


@pytest.mark.parametrize("dtype", ["u1", "i4", "f4"])
def test_empty_image_is_refused(dtype: str) -> None:
    text = refusal(ImageError, image_files.label_image, make(np.zeros((2, 3, 4), dtype)), "memory")
    assert "is empty, every voxel is 0 (background)" in text


def test_image_without_voxels_is_refused() -> None:
    image = sitk.Image([0, 3, 2], sitk.sitkUInt8)
    text = refusal(ImageError, image_files.label_image, image, "memory")
    assert text == "memory: has no voxels (0 x 3 x 2); give the whole volume"


def test_labels_beyond_32_bits_are_refused() -> None:
    array = np.full((2, 2, 2), 2.0**32)
    assert "label 4294967296 does not fit" in refusal(ImageError, image_files.label_image, make(array), "memory")


def test_voxel_array_shares_memory_and_is_read_only() -> None:
    image = make()
    array = image_files.voxel_array(image)
    np.testing.assert_array_equal(array, VOXELS)
    assert array.shape == (12, 13, 14)
    assert array.flags.c_contiguous
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0, 0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        array.flags.writeable = True


@pytest.mark.slow
def test_voxel_array_outlives_its_image() -> None:
    image = sitk.Image(200, 200, 200, sitk.sitkUInt8) + 3
    address = sitk.GetArrayViewFromImage(image).ctypes.data
    array = image_files.voxel_array(image)
    assert array.ctypes.data == address
    del image
    others = [sitk.Image(200, 200, 200, sitk.sitkUInt8) + 9 for _ in range(3)]
    assert len(others) == 3
    assert (array == 3).all()


def test_voxel_array_keeps_its_values_when_the_image_changes() -> None:
    image = make()
    array = image_files.voxel_array(image)
    image[1, 2, 3] = 99
    image += 1
    again = image_files.voxel_array(image)
    np.testing.assert_array_equal(array, VOXELS)
    assert again[3, 2, 1] == 100


def test_image_from_array_copies_geometry_and_no_metadata() -> None:
    like = make()
    like.SetMetaData("patient", "name")
    array = np.asfortranarray(VOXELS[:, :, ::-1]).astype(">u2")
    image = image_files.image_from_array(array, like)
    assert image.GetPixelID() == sitk.sitkUInt16
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), array)
    assert frame(image).tobytes() == frame(like).tobytes()
    for index in ((0, 0, 0), (13, 12, 11)):
        assert image.TransformIndexToPhysicalPoint(index) == like.TransformIndexToPhysicalPoint(index)
    assert image.GetMetaDataKeys() == ()


def test_image_from_array_takes_masks() -> None:
    image = image_files.image_from_array(VOXELS > 5, make())
    assert image.GetPixelID() == sitk.sitkUInt8
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), (VOXELS > 5).astype(np.uint8))


def test_image_from_array_refuses_another_shape() -> None:
    with pytest.raises(ValueError, match=r"array of shape \(14, 13, 12\) \(z, y, x\) for an image of shape"):
        image_files.image_from_array(VOXELS.T, make())


def test_geometry_is_plain_data() -> None:
    image = make()
    assert image_files.geometry(image) == {
        "size": [14, 13, 12],
        "spacing": [0.3, 0.7, 1 / 3],
        "origin": [-123.456789012345, 1e-7 / 3, 1000 / 7],
        "direction": list(rotation(0.3, -0.2, 0.1)),
        "pixel_type": "uint8",
    }
    kinds = ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8"]
    named = [image_files.geometry(make(VOXELS.astype(kind)))["pixel_type"] for kind in kinds]
    assert named == [np.dtype(kind).name for kind in kinds]


def test_file_sha256(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc")
    assert image_files.file_sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    path.write_bytes(b"x" * 3_000_000)
    assert image_files.file_sha256(path) == hashlib.sha256(b"x" * 3_000_000).hexdigest()
    missing = tmp_path / "a.bim"
    assert "did you mean a.bin?" in refusal(ImageError, image_files.file_sha256, missing)


def hashed(array: np.ndarray) -> str:
    """The hash as its definition says it, from the indices of all voxels that are not 0."""
    there = np.argwhere(array)[:, :3]
    low, high = (there.min(0), there.max(0) + 1) if len(there) else (np.zeros(3, int), np.zeros(3, int))
    box = list(zip(low.tolist(), high.tolist(), strict=True))
    voxels = array[tuple(slice(*axis) for axis in box)].tobytes()
    sides = " ".join(f"{start}:{stop}" for start, stop in box)
    return hashlib.sha256(f"{array.shape} {array.dtype} {sides}\n".encode() + voxels).hexdigest()


def test_voxels_sha256_is_of_the_voxels_and_not_of_their_place() -> None:
    image = make()
    assert image_files.voxels_sha256(image) == hashed(VOXELS)
    image.SetOrigin((0, 0, 0))
    assert image_files.voxels_sha256(image) == hashed(VOXELS)


@pytest.mark.parametrize("kind", ["uint8", "int16", "uint32", "float32", "float64"])
def test_voxels_sha256_is_of_the_box_of_what_is_not_0(kind: str) -> None:
    array = np.zeros((6, 7, 8), kind)
    array[1, 2, 3], array[4, 5, 3] = 1, 2
    by_hand = hashlib.sha256(f"(6, 7, 8) {kind} 1:5 2:6 3:4\n".encode() + array[1:5, 2:6, 3].tobytes())
    assert image_files.voxels_sha256(sitk.GetImageFromArray(array)) == by_hand.hexdigest() == hashed(array)


def test_voxels_sha256_of_air_and_of_several_numbers_per_voxel() -> None:
    nothing = np.zeros((2, 3, 4), np.uint8)
    assert image_files.voxels_sha256(sitk.GetImageFromArray(nothing)) == hashed(nothing)
    assert LabelVolume(nothing, (1, 1, 1)).voxels_sha256() == hashed(nothing)
    vectors = np.zeros((2, 3, 4, 2), np.float32)
    vectors[1, 0, 2, 1] = 5
    assert image_files.voxels_sha256(sitk.GetImageFromArray(vectors, isVector=True)) == hashed(vectors)
    moving = np.zeros((2, 3, 4, 2, 3), np.float32)
    moving[1, 2, 3, 0, 1] = 5
    assert image_files.voxels_sha256(sitk.GetImageFromArray(moving, isVector=True)) == hashed(moving)
    assert image_files.voxels_sha256(sitk.GetImageFromArray(nothing[0] + 1)) == hashed(nothing[:1] + 1)


def test_voxels_sha256_after_edits_is_of_the_new_voxels() -> None:
    """Boxes are only known to be large enough then, and those of a plugin may be numbers of numpy."""
    array = np.zeros((6, 7, 8), np.uint8)
    array[1:5, 2:6, 3:7] = 1
    working = WorkingVolume(LabelVolume(array, (1, 1, 1)), array.dtype)
    assert working.voxels_sha256() == hashed(array)
    box = tuple(slice(np.int64(0), np.int64(2)) for _ in range(3))
    for label in (2, 0):
        working.apply([Edit(as_region(box), np.ones((2, 2, 2), np.bool_), label)])
        assert working.voxels_sha256() == hashed(working.array)
    everything = as_region(slice(0, size) for size in array.shape)
    working.apply([Edit(everything, working.array == 1, 0)])
    assert not working.array.any()
    assert working.voxels_sha256() == hashed(working.array)


@given(arrays(np.uint8, (3, 4, 5), elements=st.sampled_from([0, 0, 0, 0, 1, 2])), st.integers(0, 59), st.integers(0, 2))
def test_an_edit_of_one_voxel_gives_another_hash(array: np.ndarray, where: int, value: int) -> None:
    volume, changed = LabelVolume(array, (1, 1, 1)), array.copy()
    changed.flat[where] = value
    assert volume.voxels_sha256() == hashed(array)
    same = LabelVolume(changed, (1, 1, 1)).voxels_sha256() == volume.voxels_sha256()
    assert same == (array.flat[where] == value)
