"""The built-in readers on files as other programs write them: names, colours, codes, layers, and what is refused."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import nibabel as nib
import nrrd
import numpy as np
import pytest
import SimpleITK as sitk
from segmentation_files import AFFINE, blocks, caret, dataset_json, itksnap, nifti, slicer, terminology

from pycemrg_core import load_catalogue, read_image, read_labels, read_segmentation, read_volume, write_volume
from pycemrg_core.api import Extras, LabelVolume, Segment, Segmentation, read_extras, read_layers, read_mask
from pycemrg_core.errors import ImageError, OutputError
from pycemrg_core.plugins.loading import Policy
from schematics_builtin.readers import named_extras

CATALOGUE = load_catalogue(Policy(allow=frozenset()))
HEART = {1: "heart_myocardium", 2: "heart_atrium_left", 3: "heart_ventricle_left"}


def read(path: Path | str) -> Segmentation:
    return read_segmentation(path, CATALOGUE)


def names(found: Segmentation) -> dict[str, str]:
    return {one.name: one.structure for one in found.segments}


def test_a_label_table_in_the_header_of_nifti(tmp_path: Path) -> None:
    array = blocks([1, 2, 3])
    colours = {1: (1.0, 0.0, 0.2), 2: (0.0, 0.5, 1.0), 3: (0.1, 0.1, 0.1)}
    path = nifti(
        tmp_path / "heart.nii.gz", array, (4, b"<AFNI_attributes/>"), (0, caret({0: "none", **HEART}, colours))
    )
    found = read(path)
    assert found.reader == "nifti-label-table"
    assert [(one.value, one.structure, one.colour) for one in found.segments] == [
        (1, "LV_myo_label", "#ff0033"),
        (2, "LA_BP_label", "#0080ff"),
        (3, "LV_BP_label", "#1a1a1a"),
    ]
    volume = found.layers[0].volume
    assert np.array_equal(volume.array, array.T)
    assert volume.origin == pytest.approx(AFFINE[:3, 3] * (-1, -1, 1))


@pytest.mark.parametrize("code", [0, 30])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_uncompressed_and_connectome_workbench(tmp_path: Path, code: int, ending: str) -> None:
    path = nifti(tmp_path / f"heart{ending}", blocks([1, 2, 3]), (code, caret(HEART)))
    assert list(names(read(path)).values()) == ["LV_myo_label", "LA_BP_label", "LV_BP_label"]


def test_nifti_without_a_table_has_no_names(tmp_path: Path) -> None:
    path = nifti(tmp_path / "heart.nii.gz", blocks([1, 2]), (0, b"a comment"), (6, b"<LabelTable>"))
    assert (read(path).reader, read(path).segments) == ("", ())


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        (caret(HEART).replace(b"</LabelTable>", b""), "mismatched tag: line 1, column"),
        (caret(HEART)[: -len("</CaretExtension>")], "no element found: line 1, column"),
        (caret(HEART).replace(b'Key="2"', b'Key="02"'), "the key of a label is '02', not an integer"),
        (caret(HEART).replace(b'Key="2"', b'Key="-2"'), "a segment has the integer -2"),
        (caret(HEART).replace(b'Key="2"', b""), "the key of a label is '', not an integer"),
        (caret(HEART).replace(b'Red="0.5"', b'Red="red"'), "could not convert string to float: 'red'"),
        (caret(HEART).replace(b'Red="0.5"', b'Red="nan"'), "a colour is nan 0.25 0.125, not three numbers from 0 to 1"),
        (caret({1: "LV\x7f"}), "a segment is called 'LV\\x7f'"),
        (caret({1: " "}), "a segment is called ''"),
        (
            b'<!DOCTYPE a [<!ENTITY e "LV">]><a><LabelTable><Label Key="1">&e;</Label></LabelTable></a>',
            "it has a document type",
        ),
        (b"<a>" * 200 + b"<LabelTable>", "it is nested too deeply"),
        (b"\xff\xfe<LabelTable>", "not well-formed"),
    ],
)
def test_a_damaged_label_table_is_refused_in_one_line(tmp_path: Path, xml: bytes, text: str) -> None:
    path = nifti(tmp_path / "heart.nii.gz", blocks([1, 2, 3]), (0, xml))
    with pytest.raises(ImageError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: its label table cannot be read: {text}")
    assert str(caught.value).endswith(f"; export it again, or name the label scheme, as in {path}@cemrg")
    assert "\n" not in str(caught.value)
    assert read(f"{path}@acdc").layers[0].volume.boxes.keys() == {1, 2, 3}


def test_two_tables_and_two_names_are_refused(tmp_path: Path) -> None:
    two = nifti(tmp_path / "two.nii.gz", blocks([1, 2]), (0, caret(HEART)), (0, caret(HEART)))
    with pytest.raises(ImageError, match=r"two\.nii\.gz: its header has 2 label tables; export it again"):
        read(two)
    table = caret(HEART).replace(b'Key="2"', b'Key="3"')
    with pytest.raises(ImageError, match="label 3 is called 'heart_atrium_left' and 'heart_ventricle_left'"):
        read(nifti(tmp_path / "same.nii.gz", blocks([1, 2]), (0, table)))


SEGMENTS = (
    {"ID": "Segment_1", "Name": "LV", "LabelValue": "1", "Layer": "0", "Color": "0.8 0.2 0.2"},
    {
        "ID": "Segment_2",
        "Name": "Segment_2",
        "LabelValue": "2",
        "Layer": "0",
        "Tags": terminology("82471001", "Left atrium"),
    },
)


def test_a_segmentation_of_slicer(tmp_path: Path) -> None:
    array = blocks([1, 2])
    found = read(slicer(tmp_path / "heart.seg.nrrd", [array], SEGMENTS))
    assert found.reader == "slicer-segmentation"
    assert [(one.value, one.name, one.structure, one.colour, one.codes) for one in found.segments] == [
        (1, "LV", "LV_BP_label", "#cc3333", ()),
        (2, "Segment_2", "LA_BP_label", "", ("82471001",)),
    ]
    assert np.array_equal(found.layers[0].volume.array, array.T)


def test_layers_of_slicer_overlap(tmp_path: Path) -> None:
    one, two = blocks([1, 2]), blocks([1])
    segments = (*SEGMENTS, {"Name": "LAA", "LabelValue": "1", "Layer": "1"})
    path = slicer(tmp_path / "heart.seg.nrrd", [one, two], segments)
    found = read(path)
    assert [[segment.name for segment in layer.segments] for layer in found.layers] == [["LV", "Segment_2"], ["LAA"]]
    for layer, expected in zip(found.layers, (one, two), strict=True):
        assert np.array_equal(layer.volume.array, expected.T)
        assert layer.volume.spacing == pytest.approx((2.0, 1.0, 1.5))
        assert layer.volume.origin == pytest.approx(AFFINE[:3, 3] * (-1, -1, 1))
    reference = sitk.ReadImage(str(path))  # SimpleITK reads the layers as values of one voxel
    assert reference.GetNumberOfComponentsPerPixel() == 2
    assert np.array_equal(sitk.GetArrayFromImage(reference)[..., 1], found.layers[1].volume.array)
    assert found.layers[1].volume.direction == pytest.approx(reference.GetDirection())


def test_a_region_says_what_a_type_does_not(tmp_path: Path) -> None:
    entry = terminology("85756007", "Tissue", "SCT^87878005^Left ventricle")
    fields = {"Name": "Segment_1", "LabelValue": "1", "Tags": entry}
    (segment,) = read(slicer(tmp_path / "heart.seg.nrrd", [blocks([1])], [fields])).segments
    assert (segment.codes, segment.structure) == (("85756007", "87878005"), "LV_BP_label")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"LabelValue": "1.5"}, "Segment0: LabelValue is '1.5', not an integer from 0"),
        ({"LabelValue": "0"}, "Segment0: a segment has the integer 0"),
        ({"Layer": "-1"}, "Segment0: Layer is '-1', not an integer from 0"),
        ({"Color": "1 0"}, "Segment0: Color is '1 0', not three numbers from 0 to 1"),
        ({"Color": "2 0 0"}, "Segment0: Color is '2 0 0', not three numbers from 0 to 1"),
        ({"Name": "", "ID": ""}, "Segment0: a segment is called ''"),
    ],
)
def test_a_damaged_segment_is_refused(tmp_path: Path, fields: dict[str, str], text: str) -> None:
    path = slicer(tmp_path / "heart.seg.nrrd", [blocks([1])], [{"Name": "LV", "LabelValue": "1", **fields}])
    with pytest.raises(ImageError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: {text}")
    assert str(caught.value).endswith("; save the segmentation again in 3D Slicer")


def test_a_layer_that_is_not_there(tmp_path: Path) -> None:
    path = slicer(tmp_path / "heart.seg.nrrd", [blocks([1])], [{"Name": "LV", "LabelValue": "1", "Layer": "3"}])
    with pytest.raises(ImageError, match="a segment is on layer 3, but it has 1 layers"):
        _ = read(path).layers[0].volume


def test_a_folder_of_masks(tmp_path: Path) -> None:
    folder = tmp_path / "segmentations"
    folder.mkdir()
    for label, name in enumerate(("heart_ventricle_left", "aorta", "liver"), 1):
        nifti(folder / f"{name}.nii.gz", (blocks([1, 2, 3]) == label).astype(np.uint8))
    nifti(folder / "atrial_appendage_left.nii.gz", np.zeros((12, 10, 8), np.uint8))  # absent: all background
    (folder / "statistics.json").write_text("{}")
    (folder / ".hidden.nii.gz").touch()
    found = read(folder)
    assert (found.reader, names(found)) == (
        "mask-folder",
        {
            "aorta": "Ao_BP_label",
            "atrial_appendage_left": "LAA_label",
            "heart_ventricle_left": "LV_BP_label",
            "liver": "",
        },
    )
    aorta, appendage, *_ = found.layers
    assert np.array_equal(aorta.volume.array, (blocks([1, 2, 3]) == 2).T)
    assert not appendage.volume.boxes
    assert aorta.files == (folder / "aorta.nii.gz",)


def test_a_mask_has_one_value(tmp_path: Path) -> None:
    several = nifti(tmp_path / "several.nii.gz", blocks([1, 2]))
    with pytest.raises(ImageError, match=r"several\.nii\.gz: holds several labels; a mask holds one"):
        read_mask(several)
    white = nifti(tmp_path / "white.nii.gz", blocks([255]))
    assert read_mask(white)[0].boxes.keys() == {1}
    real = nifti(tmp_path / "real.nii.gz", blocks([1]).astype(np.float32))
    volume, notes = read_mask(real)
    assert np.array_equal(volume.array, blocks([1]).T)
    assert notes == (f"{real}: float image holds only whole numbers: read as uint8",)
    with pytest.raises(ImageError, match="not whole numbers"):
        read_mask(nifti(tmp_path / "probability.nii.gz", blocks([1]) * np.float32(0.3)))


@pytest.mark.parametrize("place", [".", ".."])
def test_dataset_json_beside_and_above(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "predictions"
    folder.mkdir()
    path = nifti(folder / "case_001.nii.gz", blocks([1, 2]))
    table = dataset_json(folder / place / "dataset.json", {"background": 0, "LV": 1, "left atrium": 2, "ignore": 3})
    found = read(path)
    assert (found.reader, names(found)) == (
        "nnunet-dataset",
        {"LV": "LV_BP_label", "left atrium": "LA_BP_label", "ignore": ""},
    )
    assert [file.resolve() for file in found.files] == [table.resolve()]


def test_integers_to_names_of_the_first_nnunet(tmp_path: Path) -> None:
    path = nifti(tmp_path / "case.nii.gz", blocks([1, 2]))
    dataset_json(tmp_path / "dataset.json", {"0": "background", "1": "LV", "2": "LA"})
    assert [(one.value, one.structure) for one in read(path).segments] == [(1, "LV_BP_label"), (2, "LA_BP_label")]


def test_regions_are_named_by_the_last_one_that_covers_an_integer(tmp_path: Path) -> None:
    """nnU-Net writes the regions one after the other: what that leaves of each integer is the truth here."""
    labels = {"background": 0, "heart": [1, 2, 3], "LV myocardium": [2, 3], "LV": 3}
    order = [1, 2, 3]
    dataset_json(tmp_path / "dataset.json", labels, regions_class_order=order)
    inside = {"heart": np.ones(9, bool), "LV myocardium": np.arange(9) > 2, "LV": np.arange(9) > 5}
    exported = np.zeros(9, np.uint8)
    for value, region in zip(order, inside.values(), strict=True):
        exported[region] = value
    path = nifti(tmp_path / "case.nii.gz", exported.reshape(3, 3, 1))
    found = {one.value: one.name for one in read(path).segments}
    for value, name in found.items():
        last = [region for region, mask in inside.items() if mask[exported == value].all()][-1]
        assert last == name


@pytest.mark.parametrize(
    ("labels", "more", "text"),
    [
        ({"a": [1, 2], "b": 2}, {}, "it has regions, but no regions_class_order with their integers"),
        ({"a": [1, 2], "b": 2}, {"regions_class_order": [1]}, "regions_class_order has 1 integers for 2 regions"),
        (
            {"a": [1, 2], "b": 2},
            {"regions_class_order": [3, 2]},
            "regions_class_order gives 3 to 'a', which does not hold it",
        ),
        (
            {"a": [1, 2], "b": [2, 3]},
            {"regions_class_order": [1, 3]},
            "2 is in the region 'a', and regions_class_order gives it to none",
        ),
        ({"a": [1, "x"]}, {"regions_class_order": [1]}, "the region 'a' is [1, 'x'], not a list of integers"),
        ({"LV": 1, "LA": 1}, {}, "the labels 'LV' and 'LA' are both 1"),
        ({"LV": "1"}, {}, "the label 'LV' is '1', not an integer from 0"),
        ({"LV": -1}, {}, "the label 'LV' is -1, not an integer from 0"),
        ({}, {}, "its labels are not names with integers"),
        ({"L\u200bV": 1}, {}, "a segment is called 'L\\u200bV'"),
    ],
)
def test_labels_of_nnunet_that_say_nothing_sure(
    tmp_path: Path, labels: dict[str, object], more: dict[str, object], text: str
) -> None:
    path = nifti(tmp_path / "case.nii.gz", blocks([1, 2]))
    table = dataset_json(tmp_path / "dataset.json", labels, **more)
    with pytest.raises(ImageError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: the labels in {table}: {text}")
    assert str(caught.value).endswith(f"; correct it, or name the label scheme, as in {path}@cemrg")


def test_another_dataset_json_is_left_alone(tmp_path: Path) -> None:
    path = nifti(tmp_path / "case.nii.gz", blocks([1, 2]))
    (tmp_path / "dataset.json").write_text('{"title": "our hearts"}')
    assert read(path).reader == ""
    (tmp_path / "dataset.json").write_text('{"labels": ')
    with pytest.raises(ImageError, match=r"dataset\.json: line 1: not valid JSON"):
        read(path)


@pytest.mark.parametrize("ending", [".label", ".txt", ".lbl"])
def test_a_label_file_of_itksnap_beside_an_image(tmp_path: Path, ending: str) -> None:
    path = nifti(tmp_path / "heart.nii.gz", blocks([1, 2]))
    table = itksnap(tmp_path / f"heart{ending}", {1: "Left Ventricle", 2: "Label 2"})
    found = read(path)
    assert (found.reader, found.files) == ("viewer-table", (table,))
    assert [(one.name, one.structure, one.colour) for one in found.segments] == [
        ("Left Ventricle", "LV_BP_label", "#090ac8"),
        ("Label 2", "", "#120ac8"),
    ]


def test_other_text_beside_an_image_is_no_table(tmp_path: Path) -> None:
    path = nifti(tmp_path / "heart.nii.gz", blocks([1, 2]))
    (tmp_path / "heart.txt").write_text("1 2 3 what I did on Monday\n")
    assert read(path).reader == ""
    (tmp_path / "heart.label").write_text("not a table")
    with pytest.raises(ImageError, match=r"heart\.nii\.gz: the label table beside it cannot be read: .*heart\.label"):
        read(path)


def test_two_tables_beside_an_image_are_refused(tmp_path: Path) -> None:
    path = nifti(tmp_path / "heart.nii.gz", blocks([1, 2]))
    itksnap(tmp_path / "heart.label", {1: "LV"})
    dataset_json(tmp_path / "dataset.json", {"background": 0, "RV": 1})
    with pytest.raises(ImageError, match=r"two readers recognise it, 'nnunet-dataset' .* and 'viewer-table'"):
        read(path)


# Writing


def segmented(values: dict[int, str]) -> tuple[LabelVolume, list[Segment]]:
    volume = LabelVolume(blocks(list(values)).T.copy(), (2.0, 1.0, 1.5), origin=(3.0, -4.0, 5.0))
    return volume, [
        Segment(value=value, name=name, colour="#c8343c", codes=("87878005",)) for value, name in values.items()
    ]


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".seg.nrrd"])
def test_names_survive_writing_and_reading(tmp_path: Path, ending: str) -> None:
    volume, segments = segmented({3: "LV_BP_label", 7: "A <&> 'B' \"C\" äß"})
    path = tmp_path / f"heart{ending}"
    write_volume(volume, path, named_extras(path, volume, [*segments, Segment(value=9, name="absent")]))
    found = read(path)
    assert [(one.value, one.name, one.colour) for one in found.segments] == [
        (3, "LV_BP_label", "#c8343c"),
        (7, "A <&> 'B' \"C\" äß", "#c8343c"),
    ]
    again = read_volume(path)[0]
    assert np.array_equal(again.array, volume.array)
    assert (again.spacing, again.origin) == (volume.spacing, volume.origin)


def test_other_programs_read_what_is_written(tmp_path: Path) -> None:
    volume, segments = segmented({1: "LV", 2: "LA"})
    for ending in (".nii.gz", ".nii", ".seg.nrrd"):
        write_volume(volume, tmp_path / f"h{ending}", named_extras(f"h{ending}", volume, segments))
    for ending in (".nii.gz", ".nii"):
        image = nib.load(tmp_path / f"h{ending}")
        assert np.array_equal(np.asanyarray(image.dataobj), volume.array.T)  # type: ignore[attr-defined]
        (extension,) = image.header.extensions  # type: ignore[attr-defined]
        assert extension.get_code() == 0
        assert b'<Label Key="1" Red="0.784314"' in extension.get_content()
        assert extension.get_sizeondisk() % 16 == 0
        assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(tmp_path / f"h{ending}")), volume.array)
    data, header = nrrd.read(str(tmp_path / "h.seg.nrrd"))
    assert np.array_equal(data, volume.array.T)
    assert (header["Segment0_Name"], header["Segment1_LabelValue"]) == ("LV", "2")
    assert header["Segment0_Extent"] == "0 11 0 9 0 7"
    assert "~SCT^87878005^Left ventricle~" in header["Segment0_Tags"]


def test_the_meaning_of_a_code_is_not_the_name_of_a_segment() -> None:
    volume, _ = segmented({1: "LV", 2: "LA"})
    aorta, other = (
        Segment(value=value, name="mine", codes=(code,)) for value, code in ((1, "15825003"), (2, "102000"))
    )
    pairs = named_extras("h.seg.nrrd", volume, [aorta, other]).pairs
    assert "~SCT^15825003^Aorta~" in pairs["Segment0_Tags"]
    assert "~SCT^102000^~" in pairs["Segment1_Tags"]


def test_what_is_written_is_the_same_each_time(tmp_path: Path) -> None:
    volume, segments = segmented({1: "LV"})
    for name in ("one.nii.gz", "two.nii.gz"):
        write_volume(volume, tmp_path / name, named_extras(name, volume, segments))
    assert (tmp_path / "one.nii.gz").read_bytes() == (tmp_path / "two.nii.gz").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"one.nii.gz", "two.nii.gz"}


@pytest.mark.parametrize("name", ["heart.nrrd", "heart.mha", "heart.inr"])
def test_other_files_have_no_place_for_names(tmp_path: Path, name: str) -> None:
    volume, segments = segmented({1: "LV"})
    assert named_extras(name, volume, segments) == Extras()
    assert named_extras("heart.nii", volume, ()) == Extras()


def test_a_header_that_does_not_come_out_is_refused(tmp_path: Path) -> None:
    volume, _ = segmented({1: "LV"})
    with pytest.raises(
        OutputError, match="cannot be written: the text 'key' does not fit into its header; leave out line ends"
    ):
        write_volume(volume, tmp_path / "heart.nrrd", Extras(pairs={"key": "two\nlines"}))
    assert not list(tmp_path.iterdir())


# Damage


def test_layers_and_extras_of_plain_files(tmp_path: Path) -> None:
    path = nifti(tmp_path / "heart.nii.gz", blocks([1, 2]), (6, b"text"))
    assert read_extras(path) == Extras(extensions=((6, b"text"),))
    (volume,), notes = read_layers(path)
    assert np.array_equal(volume.array, blocks([1, 2]).T)
    assert notes == ()
    layered = slicer(tmp_path / "heart.seg.nrrd", [blocks([1]), blocks([2])], SEGMENTS)
    with pytest.raises(ImageError, match=r"it holds 2 layers: layer 0: LV \(1\), Segment_2 \(2\)"):
        read_image(layered)


def test_a_key_with_two_values_is_refused(tmp_path: Path) -> None:
    path = slicer(tmp_path / "heart.seg.nrrd", [blocks([1])], [{"Name": "LV", "LabelValue": "1"}])
    data = path.read_bytes()
    path.write_bytes(data.replace(b"Segment0_Name:=LV\n", b"Segment0_Name:=LV\nSegment0_Name:=RV\n"))
    with pytest.raises(ImageError, match="its header has two values for 'Segment0_Name'"):
        read(path)


def damaged(data: bytes, rng: random.Random) -> bytes:
    """The bytes with one stretch changed, cut out, or repeated."""
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.choice((1, 1, 2, 8, 40)))
    middle = rng.choice((b"", bytes(rng.randrange(256) for _ in range(end - start)), data[start:end] * 3))
    return data[:start] + middle + data[end:]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["xml", "json", "nrrd", "label"])
def test_damage_is_refused_in_one_line_or_changes_no_more_than_names(tmp_path: Path, kind: str, seed: int) -> None:
    rng = random.Random(f"{kind} {seed}")
    array = blocks([1, 2, 3])
    for number in range(40):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = folder / "heart.nii.gz"
        if kind == "xml":
            nifti(path, array, (0, damaged(caret(HEART), rng)))
        elif kind == "nrrd":
            path = slicer(folder / "heart.seg.nrrd", [array, array], SEGMENTS)
            data = path.read_bytes()
            end = data.index(b"\n\n")
            path.write_bytes(damaged(data[:end], rng) + data[end:])
        else:
            nifti(path, array)
            table = (
                dataset_json(
                    folder / "dataset.json", {"background": 0, "LV": [1, 2], "LA": 2}, regions_class_order=[1, 2]
                )
                if kind == "json"
                else itksnap(folder / "heart.label", HEART)
            )
            table.write_bytes(damaged(table.read_bytes(), rng))
        text = ""
        try:
            found = read(path)
            assert all(layer.volume.array.size for layer in found.layers)
        except ImageError as error:
            text = str(error)
        assert "\n" not in text
        assert len(text) < 1000
        assert not text or str(path) in text


def test_a_table_that_expands_is_refused_before_it_does(tmp_path: Path) -> None:
    """A kilobyte that unpacks to more than the limit, and a header that promises as much."""
    huge = b"<a><LabelTable>" + b" " * 5_000_000 + b"</LabelTable></a>"
    path = nifti(tmp_path / "heart.nii.gz", blocks([1]), (0, huge))
    assert path.stat().st_size < 100_000
    with pytest.raises(ImageError, match="its label table has 5,000,"):
        read(path)
    raw = gzip.decompress(path.read_bytes())
    (tmp_path / "cut.nii.gz").write_bytes(gzip.compress(raw[: 352 + 1000]))
    with pytest.raises(ImageError, match=r"a header extension of .* bytes does not end before the voxels"):
        read(tmp_path / "cut.nii.gz")


@pytest.mark.slow
def test_json_of_a_dataset_that_is_too_large(tmp_path: Path) -> None:
    path = nifti(tmp_path / "case.nii.gz", blocks([1]))
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {f"n{i}": i for i in range(100_000)}}))
    with pytest.raises(ImageError, match=r"larger than 1,000,000 bytes"):
        read(path)
    assert read_labels(path)[1] == ()
