"""Good files of every legal shape are read as SimpleITK, pynrrd and nibabel read them: voxels and geometry.

pynrrd and nibabel know nothing of ITK, so what all three say is the truth. Where a format says nothing, ITK is right.
"""

from __future__ import annotations

import math
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from image_bytes import layouts, meta, nifti, nrrd, raw
from packaging.version import Version
from sample_images import frame, rotation

from pycemrg_core.images import image_files

nib = pytest.importorskip("nibabel")
pynrrd = pytest.importorskip("nrrd")

many = settings(max_examples=40)
angle, positive, place = st.floats(-3, 3), st.floats(0.05, 20), st.floats(-1000, 1000)
shapes = st.tuples(*[st.integers(1, 4)] * 3)
ITS_VERSION = Version(sitk.Version.VersionString())  # older ones are wrong about some headers
codes = st.sampled_from(["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8"])
grids = st.tuples(st.tuples(angle, angle, angle), st.tuples(*[positive] * 3), st.tuples(*[place] * 3))
NRRD_NAMES = {"u1": "uchar", "i1": "int8", "u2": "unsigned short int", "i2": "int16", "u4": "uint32_t", "i4": "int"}
NRRD_NAMES |= {"u8": "unsigned long long", "i8": "longlong", "f4": "float", "f8": "double"}


def counted(shape: tuple[int, ...], code: str) -> np.ndarray[Any, Any]:
    return (np.arange(math.prod(shape)).reshape(shape) + 1).astype(code)


def agree(path: Path, tolerance: float, array: np.ndarray[Any, Any] | None = None) -> sitk.Image:
    """Read a file with ours and with SimpleITK, and compare all there is."""
    ours, _ = image_files.read_image(path)
    theirs = sitk.ReadImage(str(path))
    assert ours.GetPixelID() == theirs.GetPixelID()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(ours), sitk.GetArrayFromImage(theirs))
    np.testing.assert_allclose(frame(ours), frame(theirs), rtol=tolerance, atol=tolerance)
    if array is not None:
        np.testing.assert_array_equal(sitk.GetArrayFromImage(ours), array)
    return ours


@pytest.mark.parametrize("name", sorted(set(layouts()) - {"bzip2.nrrd", "raw.inr"}))
def test_simpleitk_reads_every_layout_alike(tmp_path: Path, name: str) -> None:
    layout = layouts()[name]
    for other, data in layout.beside.items():
        (tmp_path / other).write_bytes(data)
    (tmp_path / name).write_bytes(layout.content())
    agree(tmp_path / name, 0)


@pytest.mark.slow
@many
@given(
    grids,
    codes,
    shapes,
    st.sampled_from(["LPS", "left-posterior-superior", "RAS", "right-anterior-superior", "LAS", "scanner-xyz"]),
    st.sampled_from(["raw", "gzip", "bzip2", "ascii"]),
    st.sampled_from(["little", "big"]),
)
def test_nrrd(grid: Any, code: str, shape: tuple[int, ...], space: str, encoding: str, endian: str) -> None:
    (angles, spacing, origin), array = grid, counted(shape, code)
    columns = (np.reshape(rotation(*angles), (3, 3)) * spacing).T
    data = None
    if encoding == "ascii":
        data = " ".join(map(str, array.ravel())).encode()
    order = array.astype(array.dtype.newbyteorder("<" if endian == "little" else ">"))
    layout = nrrd(order.view(array.dtype), encoding, data).having(
        type=NRRD_NAMES[code],
        endian=endian,
        space=space,
        space_directions=" ".join("({!r},{!r},{!r})".format(*map(float, column)) for column in columns),
        space_origin="({!r},{!r},{!r})".format(*origin),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.nrrd")
        path.write_bytes(layout.content())
        if encoding == "bzip2" or (space == "LAS" and Version("2.5.6") > ITS_VERSION):
            ours, _ = image_files.read_image(path)
            np.testing.assert_array_equal(sitk.GetArrayFromImage(ours), array)
        else:
            agree(path, 1e-12, array)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs, header = pynrrd.read(str(path), index_order="C")
        np.testing.assert_array_equal(theirs, array)
        np.testing.assert_allclose(header["space directions"], columns)


@pytest.mark.slow
@many
@given(shapes, codes, st.tuples(*[positive] * 3), st.booleans(), st.sampled_from(["raw", "gzip", "bzip2", "ascii"]))
def test_what_pynrrd_writes(
    shape: tuple[int, ...], code: str, spacing: tuple[float, ...], frames: bool, encoding: str
) -> None:
    array = counted(shape, code)
    header: dict[str, Any] = {"spacings": [*spacing, math.nan][: 4 if frames else 3], "encoding": encoding}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.nrrd", "a.nhdr"):
            path = Path(folder, name)
            pynrrd.write(str(path), array[np.newaxis] if frames else array, header, index_order="C")
            image, notes = image_files.read_image(path)
            np.testing.assert_array_equal(sitk.GetArrayFromImage(image), array)
            assert image.GetSpacing() == spacing
            assert len(notes) == frames


@pytest.mark.slow
@many
@given(
    grids,
    st.sampled_from(["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8"]),
    shapes,
    st.sampled_from(["a.nii", "a.nii.gz"]),
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
    st.booleans(),
)
def test_what_nibabel_writes(
    grid: Any, code: str, shape: tuple[int, ...], name: str, form: tuple[int, int], note: bool
) -> None:
    (angles, spacing, origin), array = grid, counted(shape, code)
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(rotation(*angles), (3, 3)) * spacing
    affine[:3, 3] = origin
    written = nib.Nifti1Image(array.T, affine, dtype=array.dtype)
    written.set_qform(affine, form[0])
    written.set_sform(affine, form[1])
    if note:
        written.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"an extension of a header"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        nib.save(written, path)
        ours = agree(path, 1e-4, array)
        theirs = nib.load(path)
        np.testing.assert_array_equal(np.asarray(theirs.dataobj).T, array)
        if any(form):
            last = [size - 1 for size in ours.GetSize()]
            flipped = np.array([-1, -1, 1]) * nib.affines.apply_affine(theirs.affine, last)
            np.testing.assert_allclose(ours.TransformIndexToPhysicalPoint(last), flipped, rtol=1e-4, atol=1e-2)


@pytest.mark.slow
@many
@given(
    st.sampled_from(["uint8", "uint16", "int16", "float32", "float64"]),
    st.sampled_from([0.0, 1.0, 2.0, 0.5, -1.0, 0.1]),
    st.sampled_from([0.0, 1.0, -1024.0, 0.25]),
    st.sampled_from("<>"),
)
def test_scaled_nifti(code: str, slope: float, intercept: float, order: str) -> None:
    array = counted((2, 3, 4), code)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.nii")
        path.write_bytes(nifti(array, order, scl_slope=slope, scl_inter=intercept))
        ours, _ = image_files.read_image(path)
        theirs = np.asarray(nib.load(path).dataobj).T
        np.testing.assert_allclose(sitk.GetArrayFromImage(ours), theirs, rtol=1e-6, atol=1e-6)
        if slope:
            agree(path, 1e-6)


@pytest.mark.slow
@many
@given(grids, st.integers(1, 3), st.sampled_from([-1, 0, 1]))
def test_quaternions_of_nifti(grid: Any, unit: int, handed: int) -> None:
    (angles, spacing, origin), array = grid, counted((2, 3, 4), "uint8")
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(rotation(*angles), (3, 3)) * spacing * np.array([1, 1, handed or 1])
    affine[:3, 3] = origin
    written = nib.Nifti1Image(array.T, None)
    written.set_qform(affine, 1)
    written.header["xyzt_units"] = unit
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.nii")
        nib.save(written, path)
        ours, _ = image_files.read_image(path)
        if unit == 2 or Version("2.4") <= ITS_VERSION:
            np.testing.assert_allclose(frame(ours), frame(sitk.ReadImage(str(path))), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@many
@given(
    grids,
    st.sampled_from(["uint8", "uint16", "float32"]),
    shapes,
    st.booleans(),
    st.booleans(),
    st.sampled_from(["Offset", "Position", "Origin", "ImagePosition"]),
    st.sampled_from(["TransformMatrix", "Rotation", "Orientation"]),
    st.sampled_from(["ElementSpacing", "ElementSize"]),
)
def test_metaimage(
    grid: Any, code: str, shape: tuple[int, ...], big: bool, packed: bool, offset: str, matrix: str, size: str
) -> None:
    (angles, spacing, origin), array = grid, counted(shape, code)
    columns = np.reshape(rotation(*angles), (3, 3)).T
    order = array.astype(array.dtype.newbyteorder(">" if big else "<")).view(array.dtype)
    layout = meta(order, packed).having(
        BinaryDataByteOrderMSB=str(big), Offset=None, TransformMatrix=None, ElementSpacing=None
    )
    layout = layout.having(
        **{
            offset: " ".join(map(repr, origin)),
            matrix: " ".join(repr(float(value)) for value in columns.ravel()),
            size: " ".join(map(repr, spacing)),
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.mha")
        path.write_bytes(layout.content())
        agree(path, 1e-12, array)


@pytest.mark.slow
@many
@given(
    grids, codes, shapes, st.sampled_from(["a.nrrd", "a.nhdr", "a.mha", "a.mhd", "a.nii", "a.nii.gz"]), st.booleans()
)
def test_what_simpleitk_writes(grid: Any, code: str, shape: tuple[int, ...], name: str, packed: bool) -> None:
    angles, spacing, origin = grid
    image = sitk.GetImageFromArray(counted(shape, code))
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    image.SetDirection(rotation(*angles))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        sitk.WriteImage(image, str(path), packed)
        agree(path, 1e-4 if ".nii" in name else 1e-12, counted(shape, code))


@pytest.mark.parametrize("changes", [{"axis_mins": "5 6 7"}, {"axis_mins": "5 6 7", "centers": "node cell node"}, {}])
@pytest.mark.parametrize("spacings", ["2 1 3", None])
def test_nrrd_without_space(tmp_path: Path, changes: dict[str, str], spacings: str | None) -> None:
    bare = nrrd().having(space=None, space_directions=None, space_origin=None, space_units=None, spacings=spacings)
    (tmp_path / "a.nrrd").write_bytes(bare.having(**changes).content())
    agree(tmp_path / "a.nrrd", 0)


def test_slabs_and_lists(tmp_path: Path) -> None:
    four = counted((4, 3, 4), "uint8")
    (tmp_path / "a.raw").write_bytes(raw(four[:2]))
    (tmp_path / "b.raw").write_bytes(raw(four[2:]))
    layout = evolve(layouts()["list.nhdr"], data=b"a.raw\nb.raw\n").having(
        data_file="LIST 3", sizes="4 3 4", type="uint8"
    )
    (tmp_path / "a.nhdr").write_bytes(layout.content())
    agree(tmp_path / "a.nhdr", 0, four)
    pattern = layouts()["pattern.mhd"].having(ElementDataFile="p%02d.raw", DimSize="4 3 4", ElementType="MET_UCHAR")
    for index in range(4):
        (tmp_path / f"p{index + 1:02d}.raw").write_bytes(raw(four[index]))
    (tmp_path / "a.mhd").write_bytes(pattern.content())
    agree(tmp_path / "a.mhd", 0, four)
