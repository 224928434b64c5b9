"""Geometry that cannot be right, in files made by hand and in memory."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import pytest
import SimpleITK as sitk
from sample_images import VOXELS, make, refusal

from pycemrg_core.errors import ImageError, OutputError
from pycemrg_core.images import image_files

# Geometry that cannot be right

AXES = "(1,0,0) (0,1,0) (0,0,1)"


def nrrd(geometry: str) -> bytes:
    space = "space: left-posterior-superior\n" if "space" in geometry else ""
    head = f"NRRD0004\ntype: uchar\ndimension: 3\n{space}sizes: 4 3 2\n{geometry}encoding: raw\n\n"
    return head.encode() + bytes(range(24))


def mha(spacing: str = "1 1 1", matrix: str = "1 0 0 0 1 0 0 0 1", offset: str = "0 0 0") -> bytes:
    head = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
        f"TransformMatrix = {matrix}\nOffset = {offset}\nElementSpacing = {spacing}\n"
        "DimSize = 4 3 2\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    )
    return head.encode() + bytes(range(24))


BROKEN = [
    (
        ".nrrd",
        nrrd("space directions: (0,0,0) (0,1,0) (0,0,1)\nspace origin: (0,0,0)\n"),
        "voxel spacing is zero",
    ),
    (".nrrd", nrrd("space directions: (nan,0,0) (0,1,0) (0,0,1)\n"), "space directions holds 'nan'"),
    (".nrrd", nrrd("spacings: nan 1 1\n"), "spacings holds 'nan'"),
    (".nrrd", nrrd("spacings: inf 1 1\n"), "spacings holds 'inf'"),
    (".nrrd", nrrd("spacings: 0 1 1\n"), "voxel spacing is zero: spacing [0.0, 1.0, 1.0] mm"),
    (".nrrd", nrrd(f"space directions: {AXES}\nspace origin: (nan,0,0)\n"), "space origin holds 'nan'"),
    (".nrrd", nrrd("space directions: (1,0,0) (1,0,0) (0,0,1)\n"), "is not three unit vectors at right angles"),
    (
        ".nrrd",
        nrrd("space directions: (1,0,0) (0.5,1,0) (0,0,1)\n"),
        "is not three unit vectors at right angles",
    ),
    (".mha", mha(spacing="0 1 1"), "voxel spacing is zero"),
    (".mha", mha(spacing="nan 1 1"), "ElementSpacing holds 'nan'"),
    (".mha", mha(spacing="1 inf 1"), "ElementSpacing holds 'inf'"),
    (".mha", mha(offset="nan 0 0"), "Offset holds 'nan'"),
    (".mha", mha(matrix="1 0 0 0.5 1 0 0 0 1"), "is not three unit vectors at right angles"),
    (".mha", mha(matrix="1 0 0 1 0 0 0 0 1"), "is not three unit vectors at right angles"),
    (".mha", mha(matrix="nan 0 0 0 1 0 0 0 1"), "TransformMatrix holds 'nan'"),
]


@pytest.mark.parametrize(("extension", "content", "message"), BROKEN)
def test_broken_geometry_in_a_file_is_refused_in_silence(
    tmp_path: Path, extension: str, content: bytes, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"a{extension}"
    path.write_bytes(content)
    assert message in refusal(ImageError, image_files.read_image, path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("content", [nrrd(f"space directions: {AXES}\n"), nrrd("spacings: 1 1 1\n")])
def test_the_same_file_with_sound_geometry_is_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.nrrd").write_bytes(content)
    assert image_files.read_image(tmp_path / "a.nrrd")[1] == ()
    (tmp_path / "a.mha").write_bytes(mha())
    assert image_files.read_image(tmp_path / "a.mha")[1] == ()


@pytest.mark.parametrize(
    ("offset", "kind", "value", "message"),
    [
        (80, "f", 0.0, "the voxel spacing is zero (pixdim)"),
        (84, "f", math.nan, "pixdim (0.3, nan, 0.333333) is not three positive numbers"),
        (84, "f", -0.7, "pixdim (0.3, -0.7, 0.333333) is not three positive numbers"),
        (88, "f", math.inf, "pixdim (0.3, 0.7, inf) is not three positive numbers"),
        (268, "f", math.nan, "the qform holds nan"),
        (280, "f", math.nan, "the sform holds nan"),
        (40, "h", 9, "dim[0] is 9, not a number of axes from 1 to 7"),
        (42, "h", 0, "dim is 0 x 13 x 12, with an axis of less than one voxel"),
        (42, "h", 30000, "cut short or damaged"),
    ],
)
def test_broken_nifti_header_is_refused_in_silence(
    tmp_path: Path, offset: int, kind: str, value: float, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.nii"
    sitk.WriteImage(make(), str(path))
    content = bytearray(path.read_bytes())
    struct.pack_into(f"<{kind}", content, offset, value)
    path.write_bytes(content)
    assert message in refusal(ImageError, image_files.read_image, path)
    assert capfd.readouterr() == ("", "")


def test_sheared_nifti_is_refused_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.nii"
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS), str(path))
    content = bytearray(path.read_bytes())
    struct.pack_into("<h", content, 252, 0)
    struct.pack_into("<f", content, 284, 0.5)
    path.write_bytes(content)
    text = refusal(ImageError, image_files.read_image, path)
    assert text.endswith("at right angles; correct the geometry, or resample the image to axes at right angles")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("change", "value", "message"),
    [
        ("SetSpacing", (math.nan, 1, 1), "spacing [nan, 1.0, 1.0] mm is not three positive numbers"),
        ("SetSpacing", (1, math.inf, 1), "spacing [1.0, inf, 1.0] mm is not three positive numbers"),
        ("SetOrigin", (0, math.nan, 0), "origin [0.0, nan, 0.0] mm is not three numbers"),
        (
            "SetDirection",
            (1, 0.5, 0, 0, 1, 0, 0, 0, 1),
            "direction [1.0, 0.5, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]",
        ),
        ("SetDirection", (2, 0, 0, 0, 1, 0, 0, 0, 1), "is not three unit vectors at right angles"),
        ("SetDirection", (math.nan, 0, 0, 0, 1, 0, 0, 0, 1), "is not three unit vectors at right angles"),
    ],
)
def test_broken_geometry_in_memory_is_refused(
    tmp_path: Path, change: str, value: tuple[float, ...], message: str
) -> None:
    image = make()
    getattr(image, change)(value)
    assert message in refusal(ImageError, image_files.label_image, image, "memory")
    assert message in refusal(OutputError, image_files.write_image, image, tmp_path / "a.nii")
    assert list(tmp_path.iterdir()) == []


def test_mirrored_axes_are_sound() -> None:
    image = make()
    image.SetDirection((-1, 0, 0, 0, 1, 0, 0, 0, 1))
    assert image_files.label_image(image, "memory")[0] is image


@pytest.mark.parametrize(
    ("extension", "content"),
    [(".nrrd", nrrd("")), (".mha", mha().replace(b"ElementSpacing = 1 1 1\n", b""))],
)
def test_missing_spacing_is_noted(tmp_path: Path, extension: str, content: bytes) -> None:
    path = tmp_path / f"a{extension}"
    path.write_bytes(content)
    assert image_files.read_labels(path)[1] == (f"{path}: no voxel spacing in the file: 1 mm assumed",)
