"""Bytes that are not voxels, headers that contradict themselves, and odd files that are fine all the same."""

from __future__ import annotations

import gzip
import json
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from attrs import evolve
from command_line import pycemrg
from image_bytes import SMALL, Layout, inr, layouts, meta, nifti, nrrd, raw, vtk
from sample_images import refusal

from pycemrg_core.errors import ImageError
from pycemrg_core.images import image_files

pytestmark = pytest.mark.usefixtures("loaded_once")

U1 = SMALL.astype(np.uint8)


def put(folder: Path, layout: Layout) -> Path:
    for name, data in layout.beside.items():
        (folder / name).write_bytes(data)
    path = folder / layout.name
    path.write_bytes(layout.content())
    return path


def refused(folder: Path, name: str, content: bytes | Layout) -> str:
    """The reason why a file is refused, without its name."""
    path = folder / name
    if isinstance(content, Layout):
        path = put(folder, evolve(content, name=name))
    else:
        path.write_bytes(content)
    return refusal(ImageError, image_files.read_labels, path).removeprefix(f"{path}: ")


def read(folder: Path, name: str, content: bytes | Layout) -> tuple[sitk.Image, tuple[str, ...]]:
    """The image and its notes, without the file's name."""
    path = folder / name
    if isinstance(content, Layout):
        path = put(folder, evolve(content, name=name))
    else:
        path.write_bytes(content)
    image, notes = image_files.read_labels(path)
    assert all(note.startswith(f"{path}: ") for note in notes)
    return image, tuple(note.removeprefix(f"{path}: ") for note in notes)


@pytest.mark.parametrize("layout", layouts().values(), ids=layouts())
def test_every_layout_is_read_without_a_note(tmp_path: Path, layout: Layout, capfd: pytest.CaptureFixture[str]) -> None:
    image, notes = image_files.read_labels(put(tmp_path, layout))
    np.testing.assert_array_equal(image_files.voxel_array(image), SMALL)
    assert image.GetSpacing() == (0.5, 0.25, 2.0)
    assert image.GetOrigin() == ((0, 0, 0) if layout.name.endswith(".inr") else (5, 6, 7))
    assert notes == () or layout.name.endswith((".inr", ".vtk"))
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow(every=2)
@pytest.mark.parametrize("layout", layouts().values(), ids=layouts())
@pytest.mark.parametrize("change", ["shorter", "longer"])
def test_data_of_another_length_is_refused(tmp_path: Path, layout: Layout, change: str) -> None:
    path = put(tmp_path, layout)
    data = [tmp_path / name for name in layout.beside] or [path]
    content = data[-1].read_bytes()
    more = b"77"
    data[-1].write_bytes(content[:-2] if change == "shorter" else content + more)
    text = refusal(ImageError, image_files.read_labels, path)
    if change == "shorter" and layout.name == "tail.vtk":  # what follows the voxels is cut
        assert "the header promises 48" in text
        return
    found = ("cut short", "not pairs of hex") if change == "shorter" else ("holds ", "bytes follow", "header")
    assert any(word in text for word in found)


# A. Bytes that are not voxels


def test_compressed_metaimage_without_its_length_is_refused(tmp_path: Path) -> None:
    text = refused(tmp_path, "a.mha", meta(U1, packed=True).having(CompressedDataSize=None))
    assert text == "its data is compressed, but the header has no CompressedDataSize; export it again"


@pytest.mark.parametrize("wrong", ["5", "4000"])
def test_compressed_metaimage_with_a_wrong_length_is_refused(tmp_path: Path, wrong: str) -> None:
    text = refused(tmp_path, "a.mha", meta(U1, packed=True).having(CompressedDataSize=wrong))
    assert f"CompressedDataSize is {int(wrong):,}, but" in text


def test_compressed_data_in_a_file_of_its_own_needs_no_length(tmp_path: Path) -> None:
    layout = meta(U1, packed=True, file="a.zraw").having(CompressedDataSize=None)
    image, _ = read(tmp_path, "a.mhd", evolve(layout, data=b"", beside={"a.zraw": zlib.compress(raw(U1))}))
    np.testing.assert_array_equal(image_files.voxel_array(image), U1)


def test_skip_to_the_end_needs_all_the_voxels(tmp_path: Path) -> None:
    layout = nrrd(U1).having(byte_skip="-1")
    assert "cut short or damaged: 19 of 24 bytes" in refused(tmp_path, "a.nrrd", evolve(layout, data=raw(U1)[:-5]))
    assert "byte skip -1 is for encoding raw only" in refused(
        tmp_path, "a.nrrd", nrrd(U1, "gzip").having(byte_skip="-1")
    )
    assert "holds 32 bytes of voxels" in refused(tmp_path, "a.nrrd", evolve(layout, data=b"whatever" + raw(U1)))
    short = evolve(meta(U1).having(HeaderSize="-1"), data=raw(U1)[:-5])
    assert "cut short or damaged: 19 of 24 bytes" in refused(tmp_path, "a.mha", short)


def test_voxels_at_the_end_of_a_foreign_file_are_read_with_a_note(tmp_path: Path) -> None:
    beside = {"scan.img": b"whatever" + raw(U1)}
    for name, field, layout in (
        ("a.nhdr", "byte skip", nrrd(U1).having(byte_skip="-1", data_file="scan.img")),
        ("a.mhd", "HeaderSize", meta(U1, file="scan.img").having(HeaderSize="-1")),
    ):
        image, notes = read(tmp_path, name, evolve(layout, data=b"", beside=beside))
        np.testing.assert_array_equal(image_files.voxel_array(image), U1)
        assert notes == (
            f"{field} -1: the last bytes of the data file are read as voxels, and the bytes before them are ignored",
        )


def test_voxels_never_begin_inside_a_header(tmp_path: Path) -> None:
    assert "HeaderSize 20 ends inside the header" in refused(tmp_path, "a.mha", meta(U1).having(HeaderSize="20"))
    for offset in (0, 348, 351, 352.5, -352, math.inf, math.nan, 1e30):
        text = refused(tmp_path, "a.nii", nifti(U1, vox_offset=offset))
        assert f"vox_offset is {offset:g}, not a whole number from 352" in text


def test_an_extension_of_a_nifti_header_ends_where_the_voxels_begin(tmp_path: Path) -> None:
    head, voxels = nifti(U1, vox_offset=384, extension=1)[:352], raw(U1)
    note = struct.pack("<2i", 32, 6) + b"a comment".ljust(24, b"\0")
    image, _ = read(tmp_path, "a.nii", head + note + voxels)
    np.testing.assert_array_equal(image_files.voxel_array(image), U1)
    read(tmp_path, "b.nii.gz", gzip.compress(head + note + voxels))
    long = struct.pack("<2i", 48, 6) + note[8:]
    assert "a header extension of 48 bytes does not end before" in refused(tmp_path, "a.nii", head + long + voxels)


@pytest.mark.parametrize("layout", [nrrd(U1), meta(U1), inr(U1), vtk(U1)], ids=["nrrd", "mha", "inr", "vtk"])
def test_data_that_is_twice_as_wide_as_the_header_says_is_refused(tmp_path: Path, layout: Layout) -> None:
    text = refused(tmp_path, layout.name, evolve(layout, data=raw(SMALL)))
    assert text == "holds 48 bytes of voxels, the header promises 24: size or voxel type is wrong; export it again"


@pytest.mark.parametrize("packed", [False, True])
def test_nifti_data_of_another_length_is_refused(tmp_path: Path, packed: bool) -> None:
    def content(voxels: bytes) -> bytes:
        return gzip.compress(nifti(U1)[:352] + voxels) if packed else nifti(U1)[:352] + voxels

    name = "a.nii.gz" if packed else "a.nii"
    assert "holds " in refused(tmp_path, name, content(raw(U1) + b"\1"))
    assert "cut short" in refused(tmp_path, name, content(raw(U1)[:-1]))


def test_bytes_after_compressed_data_are_refused_and_padding_is_not(tmp_path: Path) -> None:
    layout = nrrd(U1, "gzip")
    read(tmp_path, "a.nrrd", evolve(layout, data=layout.data + bytes(100)))
    for more in (b"more", bytes(100) + b"x"):
        text = refused(tmp_path, "a.nrrd", evolve(layout, data=layout.data + more))
        assert text == "holds bytes after the end of its compressed data; export it again"


def test_a_small_file_that_promises_a_lot_takes_no_memory(tmp_path: Path) -> None:
    for encoding in ("raw", "gzip", "bzip2", "hex", "ascii"):
        assert refused(tmp_path, "a.nrrd", nrrd(U1, encoding).having(sizes="100000 100000 1000"))
    assert "no file holds" in refused(tmp_path, "a.nrrd", nrrd(U1).having(sizes="2000000000 2000000000 2000000000"))


# B. Headers that contradict themselves or are out of bounds


def test_sform_and_pixdim_say_one_spacing(tmp_path: Path) -> None:
    wide = {"pixdim[1]": 1, "pixdim[2]": 1, "pixdim[3]": 1, "qform_code": 0}
    text = refused(tmp_path, "a.nii", nifti(U1, **wide))
    assert "the sform says a spacing of (0.5, 0.25, 2), pixdim says (1, 1, 1)" in text
    assert read(tmp_path, "a.nii", nifti(U1, **{"srow_x[0]": 0.5001}))[0].GetSpacing() == (0.5, 0.25, 2)


def test_qform_and_sform_say_one_place(tmp_path: Path) -> None:
    text = refused(tmp_path, "a.nii", nifti(U1, qoffset_x=5.2))
    assert "qform and sform disagree: they place voxel (0, 0, 0) at (5.2, 6, 7) and (5, 6, 7)" in text
    text = refused(tmp_path, "a.nii", nifti(U1, quatern_d=1))
    assert "qform and sform disagree" in text
    read(tmp_path, "a.nii", nifti(U1, qoffset_x=5.1))
    read(tmp_path, "a.nii", nifti(U1, quatern_d=1, sform_code=0))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pixdim[1]": -0.5}, "pixdim (-0.5, 0.25, 2) is not three positive numbers"),
        ({"srow_x[0]": 0}, "is not three unit vectors at right angles"),
        ({"srow_x[1]": 0.2}, "is not three unit vectors at right angles"),
        ({"quatern_b": 1, "quatern_c": 1}, "is longer than 1"),
        ({"pixdim[0]": 3}, "pixdim[0] is 3, not the 1 or -1 that the qform needs"),
        ({"bitpix": 16}, "datatype 2 (uint8) contradicts bitpix 16"),
        ({"scl_slope": math.inf}, "scl_slope inf and scl_inter 0 are not two numbers"),
        ({"scl_slope": math.nan, "scl_inter": 5}, "scl_slope nan and scl_inter 5 are not two numbers"),
        ({"sform_code": 6}, "sform_code is 6, which NIfTI does not know"),
        ({"qform_code": -1}, "qform_code is -1, which NIfTI does not know"),
        ({"xyzt_units": 6}, "unit of length 6, which NIfTI does not know"),
    ],
)
def test_nifti_headers_that_contradict_themselves(tmp_path: Path, changes: dict[str, float], message: str) -> None:
    assert message in refused(tmp_path, "a.nii", nifti(U1, **changes))


NRRD_FAULTS = [
    ({"sizes": "4 3"}, "sizes has 2 where 3 are needed"),
    ({"sizes": "4 3 2 1"}, "sizes has 4 where 3 are needed"),
    ({"sizes": "4 -3 2"}, "sizes is '-3', not a whole number from 1"),
    ({"sizes": "4 3.0 2"}, "sizes is '3.0', not a whole number"),
    ({"sizes": f"4 3 {'9' * 2000}"}, "sizes is '9999"),
    ({"dimension": "-1"}, "dimension is '-1', not a whole number from 1 to 16"),
    ({"kinds": "1" * 2000}, "kinds has 1 where 3 are needed"),
    ({"kinds": "domain " * 2000}, "'kinds' has 14,001 characters"),
    ({"thicknesses": "1"}, "thicknesses has 1 where 3 are needed"),
    ({"centers": "cell cell middle"}, "centers has 'middle', not cell or node"),
    ({"type": "block"}, "type 'block' is not one number per voxel"),
    ({"type": "uint16", "endian": None}, "does not say the byte order"),
    ({"endian": "middle"}, "endian is 'middle', not little or big"),
    ({"encoding": "lzma"}, "encoding 'lzma' is not known"),
    ({"space": "up-down-sideways"}, "is not one that NRRD knows"),
    ({"space_dimension": "3"}, "has both space 'left-posterior-superior' and space dimension '3'"),
    ({"space": None}, "has space directions but no space"),
    ({"space_directions": "(1,0,0) (0,1,0)"}, "are not 3 vectors"),
    ({"space_directions": "(1,0) (0,1) (0,0)"}, "is not a vector of 3 numbers"),
    ({"space_directions": "(1,0,0) (0,1,0) (0,0,x)"}, "space directions is not a number: 'x'"),
    ({"space_origin": "(1,2)"}, "space origin '(1,2)' is not a vector of 3 numbers"),
    ({"spacings": "1 1 1"}, "has both space and spacings '1 1 1'"),
    ({"axis_mins": "1 1 1"}, "has both space and axis mins '1 1 1'"),
    ({"line_skip": "-1"}, "line skip is '-1'"),
    ({"byte_skip": "-2"}, "byte skip is '-2'"),
    ({"byte_skip": "1"}, "cut short"),
    ({"line_skip": "9"}, "fewer than the 9 lines to skip"),
    ({"sizes": None}, "its header has no field 'sizes'"),
    ({"Sizes": "4 3 2"}, "has the field 'sizes' twice"),
    ({"flavour": "mint"}, "a line that is not a NRRD field: 'flavour: mint'"),
    ({"space": None, "space_dimension": "2"}, "space dimension is 2, not 3; give a 3-D volume"),
    ({"space_directions": None, "spacings": "1 1 1"}, "has space and spacings but no space directions"),
    ({"space_units": '"mm" "mm"'}, "are not 3 quoted texts"),
    ({"space_units": "mm mm mm"}, "are not 3 quoted texts"),
    ({"encoding": "hex"}, "its voxels are not pairs of hexadecimal digits"),
]


@pytest.mark.parametrize(("changes", "message"), NRRD_FAULTS)
def test_nrrd_headers_that_contradict_themselves(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    assert message in refused(tmp_path, "a.nrrd", nrrd(U1).having(**changes))


META_FAULTS = [
    ({"NDims": "-1"}, "NDims is '-1', not a whole number from 1 to 10"),
    ({"NDims": "3.0"}, "NDims is '3.0', not a whole number"),
    ({"DimSize": "4 3"}, "DimSize has 2 where 3 are needed"),
    ({"DimSize": "4 3 99999999999"}, "DimSize is '99999999999', not a whole number"),
    ({"ElementType": "MET_STRING"}, "ElementType 'MET_STRING' is not one number per voxel"),
    ({"ElementNumberOfChannels": "3"}, "has 3 values per voxel, not one"),
    ({"BinaryData": "maybe"}, "BinaryData is 'maybe', not True or False"),
    ({"ElementByteOrderMSB": "True"}, "BinaryDataByteOrderMSB 'False' contradicts ElementByteOrderMSB 'True'"),
    ({"Position": "1 2 3"}, "Offset '5 6 7' contradicts Position '1 2 3'"),
    ({"Rotation": "0 1 0 1 0 0 0 0 1"}, "TransformMatrix '1 0 0 0 1 0 0 0 1' contradicts Rotation"),
    ({"ElementSpacing": "1 1"}, "ElementSpacing has 2 where 3 are needed"),
    ({"ElementSpacing": "1 -1 1"}, "is not three positive numbers"),
    ({"ElementToIntensityFunctionSlope": "2"}, "asks for its values to be scaled by 2"),
    ({"ObjectType": "Tube"}, "holds an object of type 'Tube', not an image"),
    ({"DistanceUnits": "parsec"}, "DistanceUnits is 'parsec', which is not a known unit of length"),
    ({"HeaderSize": "-3"}, "HeaderSize is '-3'"),
    ({"ElementType": None}, "its header has no field ElementType"),
    ({"Comment": "m" * 10_001}, "its field 'Comment' has 10,001 characters"),
    ({"CompressedData": "True", "BinaryData": "False"}, "says both CompressedData = True and BinaryData = False"),
    ({"HeaderSize": "8", "BinaryData": "False"}, "HeaderSize 8 is for plain binary data only"),
    ({"ElementDataFile": "LIST 2 2"}, "ElementDataFile is 'LIST 2 2', not LIST and a dimension"),
    ({"ElementDataFile": "p%d.raw 0 5 1"}, "does not give 2 data files"),
    ({"ElementDataFile": "p%d.raw 0 1 0"}, "does not give 2 data files"),
]


@pytest.mark.parametrize(("changes", "message"), META_FAULTS)
def test_metaimage_headers_that_contradict_themselves(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    assert message in refused(tmp_path, "a.mha", meta(U1).having(**changes))


def test_a_list_of_a_metaimage_has_as_many_files_as_slices(tmp_path: Path) -> None:
    listed = evolve(meta(U1, file="LIST"), data=b"one.raw\n\n")
    assert "lists 1 data files, but its size asks for 2" in refused(tmp_path, "a.mhd", listed)


def test_inria_headers_and_geometry_that_do_not_fit(tmp_path: Path) -> None:
    assert "SCALE='2**3'; export it without scaling" in refused(tmp_path, "a.inr", inr(U1).having(SCALE="2**3"))
    content = inr(U1).content()
    assert "its header ends at byte 257, not at a multiple of 256" in refused(
        tmp_path, "a.inr", content.replace(b"##}", b"\n##}", 1)
    )
    (tmp_path / "a.inr").write_bytes(content)
    geometry = {"size": [4, 3, 2], "spacing": [0.5, 0.25, 2], "origin": [1e301, 0, 0], "direction": [1, 0, 0] * 3}
    (sidecar := tmp_path / "a.inr.json").write_text(json.dumps(geometry), encoding="utf-8")
    assert "'origin' has a number that is too large" in refusal(ImageError, image_files.read_labels, tmp_path / "a.inr")
    sidecar.write_text(" " * (1 << 16) + "{}", encoding="utf-8")
    assert "is longer than any geometry" in refusal(ImageError, image_files.read_labels, tmp_path / "a.inr")


def test_a_field_given_twice_is_refused_in_every_text_header(tmp_path: Path) -> None:
    for layout in (nrrd(U1), meta(U1), inr(U1), vtk(U1)):
        at = 4 if layout.name.endswith(".vtk") else 1  # the first lines of a .vtk are no fields
        twice = evolve(layout, fields=[*layout.fields[: at - 1], layout.fields[at], *layout.fields[at - 1 :]])
        assert "twice" in refused(tmp_path, layout.name, twice)


@pytest.mark.slow
def test_lines_without_an_end_are_refused(tmp_path: Path) -> None:
    for name, start in (("a.nrrd", b"NRRD0004\n"), ("a.mha", b"ObjectType = Image\n")):
        text = refused(tmp_path, name, start + b"x" * 3_000_000)
        assert "more than 20,000 lines, or one of more than 1,048,576 characters" in text
        many = b"".join(b"Key%d:=value\n" % number for number in range(30_000))
        assert "more than 20,000 lines" in refused(tmp_path, name, start + many)


@pytest.mark.parametrize(("unit", "factor"), [("um", 1e-3), ("micron", 1e-3), ("cm", 10.0), ("m", 1000.0)])
def test_units_are_converted_with_a_note_in_every_format(tmp_path: Path, unit: str, factor: float) -> None:
    quoted = " ".join([f'"{unit}"'] * 3)
    found = [
        read(tmp_path, "a.nrrd", nrrd(U1).having(space_units=quoted)),
        read(tmp_path, "a.mha", meta(U1).having(DistanceUnits=unit)),
    ]
    if unit in ("um", "m"):
        found.append(read(tmp_path, "a.nii", nifti(U1, xyzt_units={"um": 3, "m": 1}[unit])))
    for image, notes in found:
        np.testing.assert_allclose(image.GetSpacing(), np.array([0.5, 0.25, 2]) * factor)
        np.testing.assert_allclose(np.abs(image.GetOrigin()), np.array([5, 6, 7]) * factor)
        assert [note.partition(" ")[2].endswith("spacing and origin converted to mm") for note in notes] == [True]
    assert read(tmp_path, "a.nii", nifti(U1, xyzt_units=0))[1] == ()


def test_units_of_plain_nrrd_axes_count_too(tmp_path: Path) -> None:
    bare = nrrd(U1).having(space=None, space_directions=None, space_origin=None, space_units=None, spacings="1 1 1")
    image, notes = read(tmp_path, "a.nrrd", bare.having(units='"cm" "cm" "cm"'))
    assert image.GetSpacing() == (10, 10, 10)
    assert notes == ("units cm: spacing and origin converted to mm",)
    assert "units differ between the axes: 'cm', 'mm', 'mm'" in refused(
        tmp_path, "a.nrrd", bare.having(units='"cm" "mm" "mm"')
    )
    assert "which is not a known unit of length" in refused(tmp_path, "a.nrrd", bare.having(units='"s" "s" "s"'))


def test_ends_of_axes_agree_with_their_spacings(tmp_path: Path) -> None:
    bare = nrrd(U1).having(space=None, space_directions=None, space_origin=None, space_units=None)
    ends = bare.having(axis_mins="0 0 0", axis_maxs="8 6 4")
    assert read(tmp_path, "a.nrrd", ends.having(spacings="2 2 2"))[0].GetOrigin() == (1, 1, 1)
    assert "contradicts axis mins 0 with 4 voxels of 1 mm" in refused(tmp_path, "a.nrrd", ends.having(spacings="1 2 2"))
    assert "has axis maxs but no spacings" in refused(tmp_path, "a.nrrd", ends)


# C. Good files, and what was lost


@pytest.mark.parametrize("name", ["hérz.raw", "50%dose.raw", "a%20b.raw", "two words.raw", "%%.raw"])
@pytest.mark.parametrize("kind", ["nhdr", "mhd"])
def test_names_of_data_files_are_taken_as_they_are(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / name).write_bytes(raw(U1))
    layout = meta(U1, file=name) if kind == "mhd" else nrrd(U1).having(data_file=name)
    image, _ = read(tmp_path, f"a.{kind}", evolve(layout, data=b""))
    np.testing.assert_array_equal(image_files.voxel_array(image), U1)


@pytest.mark.parametrize("written", [b".\\hart.raw", b"./hart.raw", b"sub\\h\xc3\xa4rt.raw", b"sub/h\xe4rt.raw"])
def test_names_as_windows_and_old_programs_write_them(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "hart.raw").write_bytes(raw(U1))
    (tmp_path / "sub" / "härt.raw").write_bytes(raw(U1))
    name = written.decode("utf-8", "surrogateescape")
    for kind, layout in (("mhd", meta(U1, file=name)), ("nhdr", nrrd(U1).having(data_file=name))):
        read(tmp_path, f"a.{kind}", evolve(layout, data=b""))


@pytest.mark.parametrize(
    ("text", "names", "message"),
    [
        ("p%d.raw 0 2 1", [], "names 3 data files, but its sizes ask for 2"),
        ("p%d.raw 0 1 0", [], "names 0 data files"),
        ("p%d.raw 0 900000000 1", [], "more than voxels"),
        ("p%d.raw 0 1 1", [], "its data file p0.raw is missing; copy it to the folder of the header"),
        ("LIST", ["p1.raw"], "names 1 data files, but its sizes ask for 2"),
        ("LIST 2 2", ["p1.raw"], "not LIST and a dimension"),
        ("LIST 9", ["p1.raw"], "data file dimension is '9'"),
        ("folder", [], "its data file folder is not an ordinary file"),
    ],
)
def test_lists_and_patterns_that_do_not_fit(tmp_path: Path, text: str, names: list[str], message: str) -> None:
    (tmp_path / "folder").mkdir()
    listed = evolve(layouts()["list.nhdr"], data="".join(f"{name}\n" for name in names).encode(), beside={})
    assert message in refused(tmp_path, "a.nhdr", listed.having(data_file=text))


def test_a_header_with_data_and_a_data_file_contradicts_itself(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(raw(U1))
    assert "names the data file 'a.raw', but holds data too" in refused(
        tmp_path, "a.nrrd", nrrd(U1).having(data_file="a.raw")
    )


def test_slabs_of_several_planes_are_read(tmp_path: Path) -> None:
    four = np.concatenate([U1, U1 + 1])
    slabs = {"a.raw": raw(four[:2]), "b.raw": raw(four[2:])}
    layout = evolve(layouts()["list.nhdr"], data=b"a.raw\nb.raw\n", beside=slabs)
    changes = {"data_file": "LIST 3", "sizes": "4 3 4", "type": "uint8"}
    image, _ = read(tmp_path, "a.nhdr", layout.having(**changes))
    np.testing.assert_array_equal(image_files.voxel_array(image), four)


FRAME = {"dimension": "4", "sizes": "1 4 3 2", "kinds": "list domain domain domain"}
FRAME |= {"space_directions": "none (0.5,0,0) (0,0.25,0) (0,0,2)"}
ALONE = {"space": None, "space_directions": None, "space_origin": None, "space_units": None, "kinds": None}


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        (FRAME, "1 x 4 x 3 x 2"),
        (FRAME | {"kinds": "vector domain domain domain"}, "1 x 4 x 3 x 2"),
        (FRAME | {"kinds": None}, "1 x 4 x 3 x 2"),
        (ALONE | {"dimension": "4", "sizes": "4 3 2 1", "spacings": "0.5 0.25 2 nan"}, "4 x 3 x 2 x 1"),
        (ALONE | {"dimension": "4", "sizes": "1 4 3 2", "spacings": "nan 0.5 0.25 2"}, "1 x 4 x 3 x 2"),
        (
            {"dimension": "4", "sizes": "4 3 2 1", "kinds": "space space space time", "space": "LPST"}
            | {"space_directions": "(0.5,0,0,0) (0,0.25,0,0) (0,0,2,0) (0,0,0,1)", "space_origin": "(5,6,7,0)"}
            | {"space_units": '"mm" "mm" "mm" "s"'},
            "4 x 3 x 2 x 1",
        ),
    ],
)
def test_one_frame_of_a_nrrd_file_is_read_with_a_note(tmp_path: Path, changes: dict[str, str], sizes: str) -> None:
    image, notes = read(tmp_path, "a.nrrd", nrrd(U1).having(**changes))
    np.testing.assert_array_equal(image_files.voxel_array(image), U1)
    assert image.GetSpacing() == (0.5, 0.25, 2)
    assert notes == (f"is 4-D ({sizes}) with one frame: read as 3-D (4 x 3 x 2)",)


def test_one_frame_of_other_formats_is_read_with_a_note(tmp_path: Path) -> None:
    note = ("is 4-D (4 x 3 x 2 x 1) with one frame: read as 3-D (4 x 3 x 2)",)
    assert read(tmp_path, "a.nii", nifti(U1, **{"dim[0]": 4}))[1] == note
    matrix = "1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1"
    frame = {"NDims": "4", "DimSize": "4 3 2 1", "TransformMatrix": matrix, "Offset": "5 6 7 0"}
    frame |= {"ElementSpacing": "0.5 0.25 2 1", "CenterOfRotation": "0 0 0 0"}
    image, notes = read(tmp_path, "a.mha", meta(U1).having(**frame))
    assert notes == note
    assert image.GetSpacing() == (0.5, 0.25, 2)
    turned = frame | {"TransformMatrix": "0 0 0 1 0 1 0 0 0 0 1 0 1 0 0 0"}
    assert "mixes the three axes of space with others" in refused(tmp_path, "a.mha", meta(U1).having(**turned))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_one_frame_written_by_simpleitk_is_read(tmp_path: Path, dtype: type) -> None:
    image = sitk.GetImageFromArray(U1[np.newaxis].astype(dtype), isVector=False)
    for name in ("a.nrrd", "a.mha", "a.nii.gz"):
        sitk.WriteImage(image, str(tmp_path / name))
        found, notes = image_files.read_labels(tmp_path / name)
        np.testing.assert_array_equal(image_files.voxel_array(found), U1)
        assert any("with one frame: read as 3-D" in note for note in notes)


def test_several_frames_are_refused_with_their_number(tmp_path: Path) -> None:
    two = np.stack([U1, U1])
    assert refused(tmp_path, "a.nii", nifti(two, **{"dim[0]": 4})) == (
        "is 4-D (4 x 3 x 2 x 2), not 3-D: it holds 2 frames; extract one of them"
    )
    assert "has 5 values per voxel" in refused(tmp_path, "a.nii", nifti(U1, **{"dim[0]": 5, "dim[5]": 5}))
    layout = evolve(nrrd(U1).having(**FRAME | {"sizes": "2 4 3 2"}), data=raw(two))
    assert "it holds 2 layers; extract one" in refused(tmp_path, "a.nrrd", layout)
    layout = layout.having(kinds="vector domain domain domain")
    assert "has 2 values per voxel, not one" in refused(tmp_path, "a.nrrd", layout)


def test_layers_of_a_segmentation_are_told_apart(tmp_path: Path) -> None:
    layout = evolve(nrrd(U1).having(**FRAME | {"sizes": "2 4 3 2"}), data=raw(np.stack([U1, U1])))
    segments = [("LV", 0, 1), ("left \x1b[31matrium", 0, 2), ("aorta", 1, 1)]
    pairs = b"".join(
        f"Segment{index}_Name:={name}\nSegment{index}_Layer:={layer}\nSegment{index}_LabelValue:={value}\n".encode()
        for index, (name, layer, value) in enumerate(segments)
    )
    content = layout.content().replace(b"encoding:", pairs + b"encoding:")
    assert refused(tmp_path, "a.seg.nrrd", content) == (
        "is 4-D (2 x 4 x 3 x 2), not 3-D: it holds 2 layers: layer 0: LV (1), left \\x1b[31matrium (2);"
        " layer 1: aorta (1); export one layer, or merge them"
    )


def test_a_gzipped_nii_is_read_with_a_note(tmp_path: Path) -> None:
    image, notes = read(tmp_path, "a.nii", gzip.compress(nifti(U1)))
    np.testing.assert_array_equal(image_files.voxel_array(image), U1)
    assert notes == ("is gzipped, although it is not called .nii.gz: read as such",)
    assert read(tmp_path, "a.nii.gz", nifti(U1))[1] == ()


def test_halves_of_pairs_are_refused_by_name(tmp_path: Path) -> None:
    for name in ("a.hdr", "a.img"):
        assert "of an Analyze or NIfTI pair, which cannot be read; convert" in refused(tmp_path, name, nifti(U1))
    pair = bytearray(nifti(U1))
    pair[344:348] = b"ni1\0"
    assert "is the header of a NIfTI pair" in refused(tmp_path, "a.nii", bytes(pair))
    pair[344:348] = bytes(4)
    assert "is not NIfTI-1" in refused(tmp_path, "a.nii", bytes(pair))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_no_numbers_are_refused_in_every_format(tmp_path: Path, value: float) -> None:
    array = U1.astype(np.float32)
    array[1, 2, 3] = value
    files: dict[str, bytes | Layout] = {
        "a.nrrd": nrrd(array).having(type="float"),
        "b.nrrd": nrrd(array, "gzip").having(type="float"),
        "a.mha": meta(array),
        "b.mha": meta(array, packed=True),
        "a.nii": nifti(array),
        "a.nii.gz": gzip.compress(nifti(array)),
        "a.inr": inr(array).having(TYPE="float"),
    }
    for name, content in files.items():
        text = refused(tmp_path, name, content)
        assert f"1 voxel is NaN or infinite, for example {value} at index (x, y, z) = (3, 2, 1); replace" in text
        # Grey values as much as labels.
        assert "NaN or infinite" in refusal(ImageError, image_files.read_image, tmp_path / name)


@pytest.mark.parametrize("slope", [0.99995, 1.0003, 0.9997])
def test_labels_off_by_a_rounding_are_rounded_with_a_note(tmp_path: Path, slope: float) -> None:
    array = (U1 * slope).astype(np.float32)
    files = {"a.nrrd": nrrd(array).having(type="float"), "a.mha": meta(array), "a.nii": nifti(U1, scl_slope=slope)}
    for name, content in files.items():
        image, notes = read(tmp_path, name, content)
        np.testing.assert_array_equal(image_files.voxel_array(image), U1)
        largest = f"{3 * abs(1 - slope):.2g}"
        assert notes == (f"float image holds values up to {largest} away from whole numbers, rounded: read as uint8",)


def test_labels_off_by_more_are_refused_with_digits_that_matter(tmp_path: Path) -> None:
    array = U1.astype(np.float64)
    array[1, 2, 3] = 11.9985
    text = refused(tmp_path, "a.nrrd", nrrd(array).having(type="double"))
    assert "1 voxel is not whole numbers, for example 11.9985 at index (x, y, z) = (3, 2, 1)" in text


def test_integers_scaled_to_integers_are_read(tmp_path: Path) -> None:
    image, _ = read(tmp_path, "a.nii", nifti(U1, scl_slope=2, scl_inter=0))
    np.testing.assert_array_equal(image_files.voxel_array(image), U1 * 2)
    read(tmp_path, "a.nii", nifti(U1, scl_slope=math.nan, scl_inter=math.nan))


def test_an_image_without_orientation_is_read_with_a_note(tmp_path: Path) -> None:
    image, notes = read(tmp_path, "a.nii", nifti(U1, qform_code=0, sform_code=0))
    assert image.GetOrigin() == (0, 0, 0)
    assert notes[0].startswith("no orientation in the file")
    layout = nrrd(U1).having(space="3D-right-handed")
    assert read(tmp_path, "a.nrrd", layout)[1] == (
        "space does not say where left is: taken as left-posterior-superior",
    )


# Pipes and devices, names, and the command line


def test_a_name_is_shown_on_one_line(tmp_path: Path) -> None:
    path = tmp_path / "two\nlines\x1b[31m.nrrd"
    path.write_bytes(nrrd(U1).having(sizes="x").content())
    for function in (image_files.read_image, image_files.read_volume, image_files.read_geometry):
        with pytest.raises(ImageError) as caught:
            function(path)
        assert str(caught.value).startswith(f"{tmp_path}/two\\nlines\\x1b[31m.nrrd: sizes has 1 where 3 are needed")
    image_files.write_image(sitk.GetImageFromArray(U1), path)
    assert image_files.read_image(path)[1] == ()


def test_the_geometry_of_a_file_needs_no_voxels(tmp_path: Path) -> None:
    (tmp_path / "a.nrrd").write_bytes(evolve(nrrd(U1), data=b"").content())
    found = image_files.read_geometry(tmp_path / "a.nrrd")
    assert found == {
        "size": [4, 3, 2],
        "spacing": [0.5, 0.25, 2],
        "origin": [5, 6, 7],
        "direction": [1, 0, 0, 0, 1, 0, 0, 0, 1],
        "pixel_type": "uint8",
    }


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    for name in ("a.nrrd", "a.nii.gz", "a.mha", "a.inr"):
        os.mkfifo(tmp_path / name)
        assert "is not an ordinary file; give an image file" in refusal(
            ImageError, image_files.read_image, tmp_path / name
        )
    os.mkfifo(tmp_path / "voxels.raw")
    for kind, layout in (("mhd", meta(U1, file="voxels.raw")), ("nhdr", nrrd(U1).having(data_file="voxels.raw"))):
        text = refused(tmp_path, f"b.{kind}", evolve(layout, data=b""))
        assert "its data file voxels.raw is not an ordinary file" in text
    (tmp_path / "c.inr").write_bytes(inr(U1).content())
    os.mkfifo(tmp_path / "c.inr.json")
    with pytest.raises(ImageError, match="is not an ordinary file"):
        image_files.read_image(tmp_path / "c.inr")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.mha", meta(U1, packed=True).having(CompressedDataSize=None).content()),
        ("b.mha", meta(U1).having(NDims="-1").content()),
        ("c.nrrd", nrrd(U1).having(kinds="1" * 2000).content()),
        ("d.nii", nifti(U1, vox_offset=math.inf)),
        ("e\x1b[31m.nrrd", nrrd(U1).having(sizes="x").content()),
    ],
)
def test_the_command_line_refuses_in_one_line_and_writes_nothing(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    for command in (("run", "four_chamber_full"), ("labels", "show"), ("labels", "volumes")):
        more = ("-o", tmp_path / "out") if command[0] == "run" else ()
        result = pycemrg(*command, tmp_path / name, *more, code=1)
        assert result.stdout == ""
        assert result.stderr.startswith("error: ")
        assert result.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]
