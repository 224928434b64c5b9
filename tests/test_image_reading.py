"""Reading images. Broken files are made by hand, byte by byte; each refusal is read as a user would."""

from __future__ import annotations

import gzip
import math
import struct
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from sample_images import VOXELS, make, refusal

from pycemrg_core.errors import ImageError, OutputError
from pycemrg_core.images import image_files
from pycemrg_core.images.formats import voxels

READABLE = [".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd", ".inr", ".vtk", ".gipl"]


def test_the_heart_that_ships_is_read_without_notes() -> None:
    path = Path(str(files("schematics_builtin") / "demo" / "data" / "rodero01_1.0mm.nrrd"))
    image, notes = image_files.read_labels(path)
    sizes = next(line for line in path.read_bytes().split(b"\n") if line.startswith(b"sizes:"))
    assert list(image.GetSize()) == [int(n) for n in sizes.split()[1:]]
    assert notes == ()
    np.testing.assert_array_equal(image_files.voxel_array(image), sitk.GetArrayFromImage(sitk.ReadImage(str(path))))


def test_missing_file_suggests_what_was_probably_meant(tmp_path: Path) -> None:
    (tmp_path / "heart_01.nrrd").touch()
    path = tmp_path / "hart_01.nrrd"
    assert refusal(ImageError, image_files.read_labels, path) == f"{path}: no such file; did you mean heart_01.nrrd?"
    (path.parent / "odd\nheart\x1b.nrrd").touch()
    told = refusal(ImageError, image_files.read_labels, path.parent / "oddheart.nrrd")
    assert told.endswith("did you mean odd\\nheart\\x1b.nrrd or heart_01.nrrd?")
    other = tmp_path / "zzz.nii"
    assert refusal(ImageError, image_files.read_labels, other) == f"{other}: no such file; check the path"
    deep = tmp_path / "no" / "heart.nrrd"
    assert "no such file, and no folder" in refusal(ImageError, image_files.read_labels, deep)


def test_folder_is_refused_with_the_images_in_it(tmp_path: Path) -> None:
    assert refusal(ImageError, image_files.read_image, tmp_path).endswith(
        "is a folder, not an image; give an image file"
    )
    for name in ("b.nii.gz", "a.nrrd", "notes.txt"):
        (tmp_path / name).touch()
    text = refusal(ImageError, image_files.read_image, tmp_path)
    assert text == f"{tmp_path}: is a folder, not an image; give one of the files in it: a.nrrd, b.nii.gz"


@pytest.mark.parametrize(("name", "shown"), [("a.png", ".png"), ("a.jpg", ".jpg"), ("a", "files without extension")])
def test_unknown_extension_is_refused(tmp_path: Path, name: str, shown: str) -> None:
    (tmp_path / name).write_bytes(b"x" * 1000)
    text = refusal(ImageError, image_files.read_image, tmp_path / name)
    assert f"cannot read {shown}; convert it to one of .nrrd, .nhdr, .nii, .nii.gz" in text


@pytest.mark.parametrize("content", [b"", b"hello\n" * 200])
@pytest.mark.parametrize("extension", READABLE)
def test_file_that_is_no_image_is_refused_in_silence(
    tmp_path: Path, extension: str, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"a{extension}"
    path.write_bytes(content)
    assert refusal(ImageError, image_files.read_image, path).split(": ")[1].startswith("not an ")
    assert capfd.readouterr() == ("", "")


FORMATS = [
    ("a.nrrd", False, "a.nrrd"),
    ("a.nrrd", True, "a.nrrd"),
    ("a.nhdr", False, "a.raw"),
    ("a.nhdr", True, "a.raw.gz"),
    ("a.nii", False, "a.nii"),
    ("a.nii.gz", True, "a.nii.gz"),
    ("a.mha", False, "a.mha"),
    ("a.mha", True, "a.mha"),
    ("a.mhd", False, "a.raw"),
    ("a.mhd", True, "a.zraw"),
    ("a.inr", False, "a.inr"),
]


def write_any(path: Path, compressed: bool) -> None:
    if path.suffix == ".inr":
        image_files.write_image(make(), path)
    else:
        sitk.WriteImage(make(), str(path), compressed)


@pytest.mark.parametrize(("name", "compressed", "data"), FORMATS)
def test_truncated_file_is_refused_in_silence(
    tmp_path: Path, name: str, compressed: bool, data: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path, part = tmp_path / name, tmp_path / data
    write_any(path, compressed)
    assert image_files.read_labels(path)[1] == ()
    whole = part.read_bytes()
    for keep in (len(whole) // 2, len(whole) - 9, len(whole) - 5, len(whole) - 1):
        part.write_bytes(whole[:keep])
        assert "cut short" in refusal(ImageError, image_files.read_labels, path)
    assert capfd.readouterr() == ("", "")
    part.write_bytes(whole)
    image_files.read_labels(path)


@pytest.mark.parametrize(("name", "compressed", "data"), [row for row in FORMATS if row[1]])
def test_damaged_compressed_data_is_refused_in_silence(
    tmp_path: Path, name: str, compressed: bool, data: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path, part = tmp_path / name, tmp_path / data
    write_any(path, compressed)
    content = bytearray(part.read_bytes())
    content[-20] ^= 0x55
    part.write_bytes(content)
    assert "cut short or damaged" in refusal(ImageError, image_files.read_labels, path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("header", "data"), [("a.mhd", "a.raw"), ("a.nhdr", "a.raw")])
def test_missing_data_file_is_named(tmp_path: Path, header: str, data: str) -> None:
    sitk.WriteImage(make(), str(tmp_path / header))
    (tmp_path / data).unlink()
    text = refusal(ImageError, image_files.read_image, tmp_path / header)
    assert text.endswith(f"its data file {data} is missing; copy it to the folder of the header")


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_gzip_in_several_members_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(voxels, "CHUNK", chunk)
    sitk.WriteImage(make(), str(tmp_path / "a.nii"))
    content = (tmp_path / "a.nii").read_bytes()
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(content[:1000]) + gzip.compress(content[1000:]))
    np.testing.assert_array_equal(image_files.voxel_array(image_files.read_labels(path)[0]), VOXELS)


@pytest.mark.parametrize(
    ("kind", "width"),
    [
        ("signed char", 1),
        ("uint8_t", 1),
        ("unsigned short int", 2),
        ("ushort", 2),
        ("short int", 2),
        ("int", 4),
        ("uint32", 4),
        ("unsigned long long int", 8),
        ("longlong", 8),
        ("float", 4),
        ("double", 8),
    ],
)
def test_every_nrrd_type_name_is_measured(tmp_path: Path, kind: str, width: int) -> None:
    path = tmp_path / "a.nrrd"
    head = f"NRRD0004\ntype: {kind}\ndimension: 3\nsizes: 4 3 2\nspacings: 1 1 1\nendian: little\n"
    head += "encoding: raw\n\n"
    path.write_bytes(head.encode() + bytes(24 * width))
    assert image_files.read_image(path)[0].GetSize() == (4, 3, 2)
    path.write_bytes(head.encode() + bytes(24 * width - 1))
    text = refusal(ImageError, image_files.read_image, path)
    assert f"cut short or damaged: {24 * width - 1} of {24 * width} bytes of voxels" in text


def nifti(order: str) -> bytes:
    """A NIfTI file of 4 x 3 x 2 uint16 voxels, 0 to 23, by hand."""
    head = bytearray(352)
    struct.pack_into(f"{order}i", head, 0, 348)
    struct.pack_into(f"{order}8h", head, 40, 3, 4, 3, 2, 1, 1, 1, 1)
    struct.pack_into(f"{order}2h", head, 70, 512, 16)
    struct.pack_into(f"{order}8f", head, 76, 1, 0.5, 0.25, 2, 0, 0, 0, 0)
    struct.pack_into(f"{order}f", head, 108, 352)
    head[344:348] = b"n+1\0"
    return bytes(head) + struct.pack(f"{order}24H", *range(24))


@pytest.mark.parametrize("order", ["<", ">"])
def test_nifti_is_read_in_both_byte_orders(tmp_path: Path, order: str) -> None:
    path = tmp_path / "a.nii"
    path.write_bytes(nifti(order))
    image, _ = image_files.read_labels(path)
    assert image.GetSpacing() == (0.5, 0.25, 2.0)
    np.testing.assert_array_equal(image_files.voxel_array(image).ravel(), range(24))
    path.write_bytes(nifti(order)[:-1])
    assert "cut short" in refusal(ImageError, image_files.read_labels, path)


@pytest.mark.parametrize("order", ["<", ">"])
def test_second_nifti_version_is_refused(tmp_path: Path, order: str) -> None:
    path = tmp_path / "a.nii"
    path.write_bytes(struct.pack(f"{order}i", 540) + bytes(1000))
    text = refusal(ImageError, image_files.read_labels, path)
    assert text == f"{path}: is NIfTI-2, which cannot be read; convert it to NIfTI-1 or .nrrd"


def test_voxels_of_a_type_that_is_no_number_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    content = bytearray(nifti("<"))
    struct.pack_into("<h", content, 70, 1536)
    path.write_bytes(content)
    text = refusal(ImageError, image_files.read_image, path)
    assert text == f"{path}: datatype 1536 (128-bit float) is not one number per voxel; convert it to integers"


def test_nifti_geometry_that_is_not_in_use_may_be_anything(tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    content = bytearray(nifti("<"))
    struct.pack_into("<18f", content, 256, *[math.nan] * 18)
    path.write_bytes(content)
    assert image_files.read_labels(path)[0].GetSpacing() == (0.5, 0.25, 2.0)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (sitk.Image([4, 3], sitk.sitkUInt8), "is 2-D (4 x 3), not 3-D; give the whole volume"),
        (sitk.Image([4, 3, 2, 5], sitk.sitkUInt8), "is 4-D (4 x 3 x 2 x 5), not 3-D"),
        (
            sitk.Image([4, 3, 2], sitk.sitkVectorUInt8, 3),
            "has 3 values per voxel, not one; extract one channel",
        ),
        (
            sitk.Image([4, 3, 2], sitk.sitkComplexFloat32),
            "not one number per voxel; convert it to integers",
        ),
    ],
)
def test_kinds_of_image_that_are_no_label_map_are_refused(tmp_path: Path, image: sitk.Image, message: str) -> None:
    path = tmp_path / "a.nrrd"
    sitk.WriteImage(image, str(path))
    assert message in refusal(ImageError, image_files.read_image, path)
    assert message in refusal(ImageError, image_files.label_image, image, "memory")
    if image.GetDimension() == 2:  # see test_flat_images.py
        return
    target = tmp_path / "b.nrrd"
    assert message in refusal(OutputError, image_files.write_image, image, target)
    assert not target.exists()


@pytest.mark.parametrize(
    "image", [None, 3, b"heart", np.ones((3, 3, 3), np.uint8)], ids=lambda image: type(image).__name__
)
def test_what_is_no_image_is_refused_by_its_type(image: Any) -> None:
    with pytest.raises(ImageError) as refused:
        image_files.label_volume(image, "the image")
    kind = type(image).__name__
    assert str(refused.value) == f"the image: is of type {kind}; give a SimpleITK.Image, a LabelVolume or a path"
