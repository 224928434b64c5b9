"""Reading a source with the readers of a catalogue: which reader reads it, what its names mean, what is refused."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
from phantom import heart_phantom

from pycemrg_core import load_catalogue, read_segmentation, write_image
from pycemrg_core.api import Layer, Segment, Segmentation, Structure, read_volume
from pycemrg_core.errors import ImageError, LabelError, RecordError, UnknownNameError
from pycemrg_core.plugins.catalogue import Catalogue

PLUGIN = """
from pycemrg_core.api import ImageError, Layer, Reader, Ref, Segment, Segmentation, hookimpl, read_volume

def ours(path):
    return path.suffix == ".heart"

def anything(path):
    return True

def read_ours(path):
    SEGMENTS
    load = lambda: read_volume(path.with_suffix(".nrrd"))
    return Segmentation(layers=(Layer(segments=segments, load=load, files=(path,)),))

@hookimpl
def pycemrg_readers():
    yield Reader(name="ours", summary="our hearts", recognises=Ref("NAME:RECOGNISES"), read=Ref("NAME:read_ours"), MORE)
"""
SEGMENTS = "segments = (Segment(value=1, name='left ventricle'), Segment(value=9, name='liver'))"


def plugin(folder: Path, name: str, segments: str = SEGMENTS, more: str = "", recognises: str = "ours") -> Path:
    text = PLUGIN.replace("SEGMENTS", segments).replace("NAME", name).replace("MORE", more)
    file = folder / f"{name}.py"
    file.write_text(dedent(text.replace("RECOGNISES", recognises)), encoding="utf-8")
    return file


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file that no image reader reads, beside an image of the same name."""
    write_image(heart_phantom(12), tmp_path / "one.nrrd")
    (tmp_path / "one.heart").touch()
    return tmp_path / "one.heart"


def catalogue_of(*files: Path) -> Catalogue:
    return load_catalogue(local=files)


def test_a_plugin_reads_its_own_form(source: Path, tmp_path: Path) -> None:
    found = read_segmentation(source, catalogue_of(plugin(tmp_path, "reads_hearts")))
    assert found.reader == "ours"
    assert [(one.value, one.name, one.structure) for one in found.segments] == [
        (1, "left ventricle", "LV_BP_label"),
        (9, "liver", ""),
    ]
    expected, _ = read_volume(source.with_suffix(".nrrd"))
    assert np.array_equal(found.layers[0].volume.array, expected.array)
    assert found.layers[0].notes == ()


def test_voxels_are_read_when_they_are_asked_for(source: Path, tmp_path: Path) -> None:
    found = read_segmentation(source, catalogue_of(plugin(tmp_path, "reads_late")))
    source.with_suffix(".nrrd").unlink()
    with pytest.raises(ImageError, match=r"one\.nrrd: no such file"):
        _ = found.layers[0].volume


def test_an_image_that_no_reader_recognises_has_no_names(tmp_path: Path) -> None:
    write_image(heart_phantom(12), tmp_path / "heart.nrrd")
    found = read_segmentation(tmp_path / "heart.nrrd", load_catalogue())
    assert (found.reader, found.segments) == ("", ())
    assert sorted(found.layers[0].volume.boxes) == sorted(read_volume(tmp_path / "heart.nrrd")[0].boxes)


def test_a_scheme_names_the_integers_of_an_image(tmp_path: Path) -> None:
    write_image(heart_phantom(12), tmp_path / "heart.nrrd")
    found = read_segmentation(f"{tmp_path}/heart.nrrd@acdc", load_catalogue())
    assert {one.value: one.structure for one in found.segments} == {
        1: "RV_BP_label",
        2: "LV_myo_label",
        3: "LV_BP_label",
    }
    with pytest.raises(UnknownNameError, match="no label scheme is called 'adcd'; did you mean 'acdc'"):
        read_segmentation(f"{tmp_path}/heart.nrrd@adcd", load_catalogue())


def test_a_file_with_that_name_wins_over_a_scheme(tmp_path: Path) -> None:
    write_image(heart_phantom(12), tmp_path / "heart@home.nrrd")
    assert read_segmentation(tmp_path / "heart@home.nrrd", load_catalogue()).segments == ()


def test_names_in_the_source_go_before_names_next_to_it(source: Path, tmp_path: Path) -> None:
    inside = plugin(tmp_path, "inside_it")
    beside = plugin(tmp_path, "next_to_it", more="beside=True")
    beside.write_text(beside.read_text(encoding="utf-8").replace('"ours"', '"neighbours"'), encoding="utf-8")
    found = read_segmentation(source, catalogue_of(beside, inside))
    assert found.reader == "ours"
    note = "one.heart: has names in itself; what 'neighbours' would read next to it is not used"
    assert [text.replace(f"{tmp_path}/", "") for text in found.notes] == [note]


def test_two_readers_of_one_source_are_refused(source: Path, tmp_path: Path) -> None:
    one, two = plugin(tmp_path, "first_one"), plugin(tmp_path, "second_one", recognises="anything")
    two.write_text(two.read_text(encoding="utf-8").replace('"our hearts"', '"all hearts"'), encoding="utf-8")
    with pytest.raises(ImageError) as caught:
        read_segmentation(source, catalogue_of(one, two))
    assert str(caught.value) == (
        f"{source}: two readers recognise it, 'ours' (our hearts) and 'ours' (all hearts);"
        f" name the label scheme, as in {source}@cemrg, or give only the files that one of them reads"
    )


@pytest.mark.parametrize(
    ("segments", "text"),
    [
        ("raise ImageError(f'{path}: has no end; copy it again')", "{source}: has no end; copy it again"),
        ("raise KeyError('names')", "reader 'ours' of {provider} failed: KeyError: 'names' ({name}.py:"),
        (
            "return None",
            "{source}: reader 'ours' of {provider} returned None, not a Segmentation with layers; use another reader",
        ),
        (
            "segments = (Segment(value=0, name='LV'),)",
            "reader 'ours' of {provider}: a segment has the integer 0; give one from 1 to 4294967295 ({name}.py:",
        ),
        (
            "segments = (Segment(value=2, name='LV'), Segment(value=2, name='RV'))",
            "reader 'ours' of {provider}: label 2 is called 'LV' and 'RV'; give it one name ({name}.py:",
        ),
    ],
)
def test_the_faults_of_a_reader_are_its_own(source: Path, tmp_path: Path, segments: str, text: str) -> None:
    name = f"faulty_{abs(hash(segments))}"
    with pytest.raises(ImageError) as caught:
        read_segmentation(source, catalogue_of(plugin(tmp_path, name, segments)))
    assert str(caught.value).startswith(text.format(source=source, provider=f"{name} (local file)", name=name))


def test_a_reader_that_loads_something_else_is_blamed(source: Path, tmp_path: Path) -> None:
    file = plugin(tmp_path, "loads_nothing")
    file.write_text(
        file.read_text(encoding="utf-8").replace(
            'lambda: read_volume(path.with_suffix(".nrrd"))', "lambda: (None, ())"
        ),
        encoding="utf-8",
    )
    (layer,) = read_segmentation(source, catalogue_of(file)).layers
    with pytest.raises(ImageError, match="loads None, not a LabelVolume and notes"):
        _ = layer.volume


def test_layers_and_segmentations_refuse_what_can_never_be_right() -> None:
    with pytest.raises(RecordError, match="segments is"):
        Layer(segments=[Segment(value=1, name="x")], load=lambda: None)  # type: ignore[arg-type, return-value]
    with pytest.raises(RecordError, match="layers is"):
        Segmentation(layers=None)  # type: ignore[arg-type]
    with pytest.raises(LabelError, match="label 1 is called 'a' and 'b'"):
        Layer(segments=(Segment(value=1, name="a"), Segment(value=1, name="b")), load=read_volume)  # type: ignore


@pytest.mark.parametrize(
    ("codes", "name", "structure", "notes"),
    [
        ("('87878005',)", "Segment_1", "LV_BP_label", []),
        ("('85756007', '73829009')", "Segment_1", "RA_BP_label", []),  # "Tissue" says nothing
        ("('85756007',)", "Segment_1", "", []),
        ("('82471001',)", "LAA", "LAA_label", ["'LAA' has the code of LA_BP_label; the name is believed"]),
        ("('33626005',)", "LAA", "LAA_label", []),
    ],
)
def test_a_structure_is_known_by_name_or_code(
    source: Path, tmp_path: Path, codes: str, name: str, structure: str, notes: list[str]
) -> None:
    file = plugin(
        tmp_path,
        f"has_codes_{name}_{codes[2:10]}_{len(codes)}",
        f"segments = (Segment(value=1, name='{name}', codes={codes}),)",
    )
    found = read_segmentation(source, catalogue_of(file))
    assert found.segments[0].structure == structure
    assert [note.removeprefix(f"{source}: ") for note in found.notes] == notes


def test_codes_that_say_otherwise_are_one_note(source: Path, tmp_path: Path) -> None:
    """Some tools write the code of the heart for each of its parts."""
    parts = "segments = tuple(Segment(value=i, name=n, codes=('80891009',)) for i, n in enumerate(('LV', 'RV'), 1))"
    found = read_segmentation(source, catalogue_of(plugin(tmp_path, "one_code", parts)))
    assert [one.structure for one in found.segments] == ["LV_BP_label", "RV_BP_label"]
    assert found.notes == (f"{source}: 'LV', 'RV' have the code of heart_label; the names are believed",)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"value": True}, "a segment has the integer True"),
        ({"value": 2**32}, "a segment has the integer 4294967296"),
        ({"name": ""}, "a segment is called ''"),
        ({"name": "a\nb"}, "a segment is called 'a\\nb'"),
        ({"colour": "#C8343C"}, "a segment has the colour '#C8343C'"),
        ({"codes": "87878005"}, "codes is '87878005'; give a tuple of str"),
    ],
)
def test_a_segment_refuses_what_can_never_be_right(values: dict[str, object], text: str) -> None:
    with pytest.raises(RecordError) as caught:
        Segment(**{"value": 1, "name": "LV", **values})  # type: ignore[arg-type]
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"crop_mm": 10}, "crop_mm is measured from the root; name the root"),
        ({"crop_mm": -1, "root": "LV_BP_label"}, "crop_mm is -1; give a length in mm"),
        ({"crop_mm": "9", "root": "LV_BP_label"}, "crop_mm.length is '9', not a number"),
        ({"colour": "red"}, "colour is 'red'; give a colour such as #c8343c"),
        ({"groups": "veins"}, "the groups of a structure are a list, not 'veins'"),
        ({"joins": [7]}, "the structures that a structure joins are names, not 7"),
    ],
)
def test_a_structure_refuses_what_can_never_be_right(values: dict[str, object], text: str) -> None:
    with pytest.raises(RecordError) as caught:
        Structure(name="stent", summary="a stent", **values)  # type: ignore[arg-type]
    assert text in str(caught.value)


def test_a_misspelt_root_is_a_fault_of_the_structure() -> None:
    from pycemrg_core.cli.faults import record_faults

    stent = Structure(name="stent", summary="a stent", root="LV_BP_labl", crop_mm=5.0, joins=("left lung",))
    (text,) = record_faults(stent, load_catalogue())
    assert text == "no structure is called 'LV_BP_labl'; did you mean 'LV_BP_label' or 'RV_BP_label' or 'LA_BP_label'?"


def test_the_built_in_structures_say_how_they_belong_together() -> None:
    known = {one.name: one.record for one in load_catalogue().all(Structure)}
    lengths = {name.removesuffix("_label"): one.crop_mm for name, one in known.items() if one.crop_mm}
    veins = dict.fromkeys(("LPV1", "LPV2", "RPV1", "RPV2", "pulmonary_veins"), 15)
    assert lengths == {"Ao_BP": 50, "PArt_BP": 40, "SVC": 20, "IVC": 20, **veins}
    assert {known[one.root].groups[0] for one in known.values() if one.root} == {"chambers"}
    assert all((one.colour and one.groups) or one.name == "heart_label" for one in known.values())
    pairs = {frozenset((one.name, other)) for one in known.values() for other in one.joins}
    assert frozenset(("LV_BP_label", "Ao_BP_label")) in pairs
    assert all(frozenset((name, one.root)) in pairs for name, one in known.items() if one.root)
