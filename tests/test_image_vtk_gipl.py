"""Legacy VTK images and GIPL: as SimpleITK and VTK read and write them, and refused where they would drop or guess."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from attrs import evolve
from command_line import pycemrg, small_heart
from hypothesis import given, settings
from hypothesis import strategies as st
from image_bytes import SMALL, Layout, gipl, raw, vtk
from sample_images import frame, make, refusal

from pycemrg_core.errors import ImageError, OutputError
from pycemrg_core.images import image_files

NOTES = {end: f"a {end} image has no direction: identity assumed" for end in (".vtk", ".gipl")}
TYPES = {
    ".vtk": ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8"],
    ".gipl": ["u1", "u2", "i1", "i2", "f4", "f8"],
}
PRECISION = {".vtk": 0.0, ".gipl": 1e-6}
positive, place = st.floats(0.05, 20), st.floats(-1000, 1000)


def put(folder: Path, content: Layout | bytes, name: str = "a.vtk") -> Path:
    path = folder / name
    path.write_bytes(content.content() if isinstance(content, Layout) else content)
    return path


def refused(folder: Path, content: Layout | bytes, name: str = "a.vtk") -> str:
    path = put(folder, content, name)
    return refusal(ImageError, image_files.read_image, path).removeprefix(f"{path}: ")


def line(layout: Layout, key: str, value: str | None, new: str = "") -> Layout:
    """The layout with another value of a line, under another keyword, or without the line."""
    fields = [(new or name, value) if name == key and value is not None else (name, old) for name, old in layout.fields]
    return evolve(layout, fields=[one for one in fields if value is not None or one[0] != key])


@pytest.mark.slow
@pytest.mark.parametrize("extension", NOTES)
@settings(max_examples=12)
@given(
    st.data(),
    st.tuples(positive, positive, positive),
    st.tuples(place, place, place),
    st.tuples(*[st.integers(1, 4)] * 3),
)
def test_written_and_read_as_by_simpleitk(
    extension: str, data: Any, spacing: tuple[float, ...], origin: tuple[float, ...], shape: tuple[int, ...]
) -> None:
    code = data.draw(st.sampled_from(TYPES[extension]))
    array = (np.arange(math.prod(shape)).reshape(shape) + 1).astype(code)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder, f"ours{extension}"), Path(folder, f"theirs{extension}")
        image_files.write_image(image, ours)
        sitk.WriteImage(image, str(theirs))
        for path in (ours, theirs):
            found, notes = image_files.read_image(path)
            assert notes == (f"{path}: {NOTES[extension]}",)
            np.testing.assert_array_equal(sitk.GetArrayFromImage(found), array)
            assert found.GetPixelID() == image.GetPixelID()
            if shape[0] > 1:  # SimpleITK reads one slice as 2-D
                assert (frame(found) == frame(sitk.ReadImage(str(path)))).all()
            assert (np.abs(frame(found) - frame(image)) <= PRECISION[extension] * (1 + np.abs(frame(image)))).all()


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("code", ["u1", "i2", "u2", "i8", "f4", "f8"])
def test_what_vtk_writes(tmp_path: Path, code: str, text: bool) -> None:
    numpy_support = pytest.importorskip("vtkmodules.util.numpy_support")
    data_model = pytest.importorskip("vtkmodules.vtkCommonDataModel")
    legacy = pytest.importorskip("vtkmodules.vtkIOLegacy")
    array = (np.arange(24).reshape(2, 3, 4) + 1).astype(code)
    grid = data_model.vtkImageData()
    grid.SetDimensions(4, 3, 2)
    grid.SetSpacing(0.5, 0.25, 2)
    grid.SetOrigin(5, 6, 7)
    values = numpy_support.numpy_to_vtk(array.ravel(), deep=True)
    values.SetName("labels")
    grid.GetPointData().SetScalars(values)
    writer = legacy.vtkStructuredPointsWriter()
    writer.SetInputData(grid)
    writer.SetFileName(str(tmp_path / "a.vtk"))
    writer.SetFileType(1 if text else 2)
    assert writer.Write()
    if text and code == "u1":  # VTK calls these colours, and writes shares of 255
        told = refusal(ImageError, image_files.read_image, tmp_path / "a.vtk")
        assert "its voxels are colours from 0 to 1 as text; export it as BINARY" in told
        return
    image, _ = image_files.read_image(tmp_path / "a.vtk")
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), array)
    assert image.GetSpacing() == (0.5, 0.25, 2)
    assert image.GetOrigin() == (5, 6, 7)


def test_what_the_header_leaves_out_is_said(tmp_path: Path) -> None:
    bare = line(line(vtk(), "SPACING", None), "ORIGIN", None)
    path = put(tmp_path, bare)
    image, notes = image_files.read_image(path)
    assert image.GetSpacing() == (1, 1, 1)
    assert [note.removeprefix(f"{path}: ") for note in notes] == [
        "no voxel spacing in the file: 1 mm assumed",
        "no origin in the file: 0 assumed",
        NOTES[".vtk"],
    ]
    older = line(vtk(), "SPACING", "0.5 0.25 2", "ASPECT_RATIO")
    assert image_files.read_image(put(tmp_path, older))[0].GetSpacing() == (0.5, 0.25, 2)
    assert image_files.read_image(put(tmp_path, line(vtk(), "SCALARS", "labels unsigned_short")))[0].GetSize() == (
        4,
        3,
        2,
    )


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("# vtk DataFile Version", "x", "not an image of the kind legacy VTK"),
        ("DATASET", "UNSTRUCTURED_GRID", "holds a mesh or grid (UNSTRUCTURED_GRID), not an image of STRUCTURED_POINTS"),
        ("DATASET", "FIELD", "DATASET is 'FIELD', not STRUCTURED_POINTS; correct the header"),
        ("DATASET", None, "its header has the line 'DIMENSIONS 4 3 2', twice or too early"),
        ("DIMENSIONS", None, "its header has no field DIMENSIONS; export it again"),
        ("DIMENSIONS", "4 3", "DIMENSIONS has 2 where 3 are needed"),
        ("DIMENSIONS", "4 3 3", "POINT_DATA 24 contradicts DIMENSIONS 4 3 3; correct the header"),
        ("POINT_DATA", "23", "POINT_DATA 23 contradicts DIMENSIONS 4 3 2"),
        ("SPACING", "0.5 0 2", "the voxel spacing is zero"),
        ("SPACING", "0.5 x 2", "SPACING is not a number: 'x'"),
        ("ORIGIN", "1e300 0 0", "is not three numbers up to 1e9"),
        ("SCALARS", "labels unsigned_short 3", "has 3 values per voxel, not one; extract one channel from it"),
        ("SCALARS", "labels bit 1", "voxels of the type 'bit' are not read; convert them to integers"),
        ("SCALARS", "labels", "SCALARS is 'labels', not a name and a type"),
        ("SCALARS", None, "its header has the line 'LOOKUP_TABLE default', which is not read"),
        ("LOOKUP_TABLE", None, "SCALARS is followed by "),
    ],
)
def test_vtk_headers_that_say_something_else(tmp_path: Path, key: str, value: str | None, message: str) -> None:
    assert message in refused(tmp_path, line(vtk(), key, value))


def test_other_vtk_sections_are_refused(tmp_path: Path) -> None:
    assert "CELL_DATA" not in refused(tmp_path, line(vtk(), "POINT_DATA", "6", "CELL_DATA"))
    assert "its values belong to cells, not to points" in refused(tmp_path, line(vtk(), "POINT_DATA", "6", "CELL_DATA"))
    assert "which is not read" in refused(tmp_path, line(vtk(), "SCALARS", "a float", "VECTORS"))
    both = line(vtk(), "ORIGIN", "1 1 1", "ASPECT_RATIO")
    assert "has both SPACING and ASPECT_RATIO" in refused(tmp_path, both)
    assert "its third line is 'XML', not BINARY or ASCII" in refused(
        tmp_path, evolve(vtk(), fields=[*vtk().fields[:2], ("", "XML"), *vtk().fields[3:]])
    )
    for more in (b"\nMETADATA\nINFORMATION 1\nNAME x\n", b"\nSCALARS b float\n", b"\n" * 3, b"\n" + bytes(200)):
        text = refused(tmp_path, evolve(vtk(), data=raw(SMALL, ">") + more))
        assert text.startswith("holds ")
        assert "the header promises 48" in text
    text = refused(tmp_path, evolve(vtk(text=True), data=vtk(text=True).data + b"METADATA\nINFORMATION 1\n"))
    assert "its voxels are not written as uint16 numbers" in text


def test_a_long_of_four_bytes_is_refused(tmp_path: Path) -> None:
    """Windows writes four bytes for it, others eight: what the data holds decides, and nothing is guessed."""
    layout = line(vtk(), "SCALARS", "labels long 1")
    text = refused(tmp_path, evolve(layout, data=SMALL.astype(">i4").tobytes()))
    assert "cut short or damaged: 96 of 192 bytes of voxels" in text
    read = evolve(layout, data=SMALL.astype(">i8").tobytes())
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image_files.read_image(put(tmp_path, read))[0]), SMALL)


# --------------------------------------------------------------------------------------------------- GIPL


def test_gipl_by_hand(tmp_path: Path) -> None:
    for magic in (4026526128, 719555000):
        path = put(tmp_path, gipl(magic=magic, dim_3=magic % 2), "a.gipl")
        image, notes = image_files.read_labels(path)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image), SMALL)
        assert image.GetSpacing() == (0.5, 0.25, 2)
        assert image.GetOrigin() == (5, 6, 7)
        assert notes == (f"{path}: {NOTES['.gipl']}",)
    image, _ = image_files.read_image(put(tmp_path, gipl(matrix_0=1, matrix_5=1, matrix_10=1, matrix_15=1), "b.gipl"))
    assert image.GetDirection() == (1, 0, 0, 0, 1, 0, 0, 0, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"magic": 7}, "not an image of the kind GIPL, or its header is damaged; export it again"),
        ({"type": 1}, "its voxels (one bit) are not one number per voxel that is read; convert them to integers"),
        ({"type": 99}, "its voxels (type 99) are not one number per voxel"),
        ({"dim_2": 0}, "is 2-D (4 x 3), not 3-D; give the whole volume"),
        ({"dim_1": 0}, "has no voxels (4 x 0 x 2 x 1)"),
        ({"dim_3": 2}, "is 4-D (4 x 3 x 2 x 2), not 3-D: it holds 2 frames; extract one of them"),
        ({"dim_2": 3}, "the file is cut short or damaged: 48 of 72 bytes of voxels"),
        ({"type": 8}, "holds 48 bytes of voxels, the header promises 24"),
        ({"pixdim_1": 0}, "the voxel spacing is zero"),
        ({"origin_2": math.nan}, "is not three numbers up to 1e9"),
        ({"matrix_1": 1}, "has a matrix of its own in the header, which says nothing certain; convert it to .nrrd"),
        ({"scale": 2}, "asks for its values to be scaled by 2 and moved by 0; export it without scaling"),
        ({"offset": -5}, "asks for its values to be scaled by 0 and moved by -5"),
    ],
)
def test_gipl_headers_that_say_something_else(tmp_path: Path, changes: dict[str, float], message: str) -> None:
    assert message in refused(tmp_path, gipl(**changes), "a.gipl")


def test_short_and_packed_gipl(tmp_path: Path) -> None:
    import gzip

    assert "not an image of the kind GIPL" in refused(tmp_path, gipl()[:255], "a.gipl")
    assert "is gzipped; unpack it first" in refused(tmp_path, gzip.compress(gipl()) + bytes(300), "a.gipl")
    path = put(tmp_path, gzip.compress(gipl()), "a.gipl.gz")
    text = refusal(ImageError, image_files.read_image, path)
    assert "cannot read .gz; unpack it, or convert it to one of .nrrd, .nhdr" in text


# ------------------------------------------------------------------------------------------------ writing


@pytest.mark.parametrize("extension", NOTES)
def test_a_direction_is_not_dropped(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a{extension}"
    text = refusal(OutputError, image_files.write_image, make(), path)
    assert f"{extension} cannot hold the direction of the image; use .nrrd, .mha or .nii.gz" in text
    assert not path.exists()


def test_types_that_gipl_lacks(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.ones((2, 2, 2), np.uint32))
    text = refusal(OutputError, image_files.write_image, image, tmp_path / "a.gipl")
    assert ".gipl cannot hold uint32 voxels; cast them to uint16, or use .nrrd" in text


@pytest.mark.slow
@pytest.mark.parametrize("extension", NOTES)
def test_the_front_door_of_commands(tmp_path: Path, extension: str) -> None:
    heart, copy = small_heart(tmp_path), tmp_path / f"heart{extension}"
    sitk.WriteImage(sitk.ReadImage(str(heart)), str(copy))
    said = pycemrg("labels", "volumes", copy)
    assert said.stdout == pycemrg("labels", "volumes", heart).stdout
    assert NOTES[extension] in said.stderr
    pycemrg("labels", "keep", copy, "1", "-o", tmp_path / f"kept{extension}")
    kept = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / f"kept{extension}")))
    assert set(np.unique(kept)) == {0, 1}
