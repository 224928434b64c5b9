"""2-D label maps: read as one slice where a command can, written as 2-D again, refused everywhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from command_line import contents, pycemrg
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sample_images import refusal
from scipy import ndimage

from pycemrg_core import ImageError, LabelVolume, OutputError, read_image, read_labels, write_image
from pycemrg_core.api import WorkingVolume, fill_holes, flattened, is_flat, one_slice

FORMATS = (".nrrd", ".nii", ".nii.gz", ".mha")
ARRAY = np.zeros((20, 30), np.uint8)
ARRAY[3:9, 3:9] = 1
ARRAY[5, 5] = 0
ARRAY[12:14, 20:24] = 1


def flat(turn: float = 0.0) -> sitk.Image:
    image = sitk.GetImageFromArray(ARRAY)
    image.SetSpacing((0.5, 2.0))
    image.SetOrigin((7.0, -8.0))
    image.SetDirection((np.cos(turn), -np.sin(turn), np.sin(turn), np.cos(turn)))
    return image


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("turn", [0.0, 0.4])
def test_a_slice_keeps_its_place(tmp_path: Path, extension: str, turn: float) -> None:
    """What SimpleITK wrote is read as one slice; what we write is what SimpleITK reads, in 2-D."""
    theirs, ours = tmp_path / f"a{extension}", tmp_path / f"b{extension}"
    sitk.WriteImage(flat(turn), str(theirs))
    write_image(flat(turn), ours)
    for path in (theirs, ours):
        assert is_flat(path)
        image, notes = read_image(path, flat=True)
        assert notes[0] == f"{path}: is 2-D (30 x 20): read as one slice, 1 mm thick"
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image), ARRAY[None])
        np.testing.assert_allclose(image.GetSpacing(), (0.5, 2.0, 1.0))
        np.testing.assert_allclose(image.GetOrigin(), (7.0, -8.0, 0.0), atol=1e-5)
        np.testing.assert_allclose(image.GetDirection(), one_slice(flat(turn)).GetDirection(), atol=1e-6)
        again = sitk.ReadImage(str(path))
        assert again.GetDimension() == 2
        np.testing.assert_allclose(again.GetDirection(), flat(turn).GetDirection(), atol=1e-6)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(again), ARRAY)


def test_what_reads_hearts_refuses_a_slice(tmp_path: Path) -> None:
    for extension in FORMATS:
        path = tmp_path / f"a{extension}"
        sitk.WriteImage(flat(), str(path))
        for read in (read_image, read_labels):
            text = refusal(ImageError, read, path)
            assert text == f"{path}: is 2-D (30 x 20), not 3-D; give the whole volume"
    refused = pycemrg("plan", "four_chamber_full", tmp_path / "a.nrrd", code=1).stderr
    assert "is 2-D (30 x 20), not 3-D; give the whole volume" in refused
    assert not is_flat(Path(__file__).parents[1] / "schematics_builtin" / "demo" / "data" / "rodero01_1.0mm.nrrd")


def test_a_slice_in_a_space_of_three_dimensions_is_refused(tmp_path: Path) -> None:
    head = b"NRRD0004\ntype: uint8\ndimension: 2\nspace: left-posterior-superior\nsizes: 2 2\nencoding: raw\n"
    head += b"space directions: (1,0,0) (0,0,1)\nspace origin: (0,0,0)\n\n"
    (tmp_path / "a.nrrd").write_bytes(head + bytes([1, 2, 3, 4]))
    assert "is 2-D (2 x 2), not 3-D" in refusal(ImageError, read_image, tmp_path / "a.nrrd")
    with pytest.raises(ImageError, match="is 2-D"):
        read_image(tmp_path / "a.nrrd", flat=True)


def test_plain_headers(tmp_path: Path) -> None:
    """As pynrrd and MetaIO write them, with every field that has a value per axis."""
    nrrd = b"NRRD0004\ntype: uint8\ndimension: 2\nsizes: 3 2\nspacings: 0.5 2\naxis mins: 1 2\ncenters: node node\n"
    nrrd += b'kinds: domain domain\nunits: "mm" "mm"\nthicknesses: nan nan\nencoding: raw\n\n'
    (tmp_path / "a.nrrd").write_bytes(nrrd + bytes(range(1, 7)))
    image, _ = read_image(tmp_path / "a.nrrd", flat=True)
    assert (image.GetSize(), image.GetSpacing(), image.GetOrigin()) == ((3, 2, 1), (0.5, 2.0, 1.0), (1.0, 2.0, 0.0))
    mha = b"ObjectType = Image\nNDims = 2\nDimSize = 3 2\nElementSize = 1 1\nElementSpacing = 0.5 2\nPosition = 1 2\n"
    mha += b"Orientation = 0 1 1 0\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    (tmp_path / "a.mha").write_bytes(mha + bytes(range(1, 7)))
    image, _ = read_image(tmp_path / "a.mha", flat=True)
    assert image.GetDirection() == (0, 1, 0, 1, 0, 0, 0, 0, 1)
    for old, new in ((b"0 1 1 0", b"0 1 1"), (b"0 1 1 0", b"0 1 1 0 0"), (b"0 1 1 0", b"0 2 1 0"), (b"3 2", b"3 3")):
        (tmp_path / "b.mha").write_bytes(mha.replace(old, new, 1) + bytes(range(1, 7)))
        assert refusal(ImageError, is_and_read, tmp_path / "b.mha")


def is_and_read(path: Path) -> None:
    read_image(path, flat=True)


def test_where_a_slice_cannot_be_written(tmp_path: Path) -> None:
    for extension in (".inr", ".vtk", ".gipl"):
        text = refusal(OutputError, write_image, flat(), tmp_path / f"a{extension}")
        assert f"{extension} cannot hold a 2-D image; use .nrrd, .mha or .nii.gz" in text
    assert contents(tmp_path) == {}
    with pytest.raises(ImageError, match="an image of 2 slices cannot become 2-D"):
        flattened(sitk.Image(3, 3, 2, sitk.sitkUInt8))


# ------------------------------------------------------------------------------------------------- commands


@pytest.mark.slow
@pytest.mark.parametrize("extension", FORMATS)
def test_clean_gives_a_slice_back(tmp_path: Path, extension: str) -> None:
    path, out = tmp_path / f"a{extension}", tmp_path / f"out{extension}"
    sitk.WriteImage(flat(), str(path))
    done = pycemrg("clean", path, "-o", out, "--keep-largest-component", "--fill-holes")
    assert "is 2-D (30 x 20): read as one slice, 1 mm thick" in done.stderr
    image = sitk.ReadImage(str(out))
    expected = np.zeros_like(ARRAY)
    expected[3:9, 3:9] = 1
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), expected)
    np.testing.assert_allclose(image.GetSpacing(), (0.5, 2.0))
    volumes = pycemrg("labels", "volumes", out, "--csv").stdout.splitlines()
    assert volumes[1] == "1,LV_BP_label,36,0.036"
    assert "36" in pycemrg("labels", "show", out).stdout


slices = hnp.arrays(
    np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from([0, 1, 1, 1, 2])
)


@pytest.mark.slow
@settings(max_examples=50)
@given(slices)
def test_holes_of_a_slice_are_those_that_scipy_fills(array: np.ndarray[Any, Any]) -> None:
    volume = LabelVolume(array[None], (1.0, 1.0, 1.0))
    work = WorkingVolume(volume, volume.array.dtype)
    work.apply(list(fill_holes(volume, [1])))
    filled = ndimage.binary_fill_holes(array == 1) & (array == 0)
    np.testing.assert_array_equal(work.array[0], np.where(filled, 1, array))
