"""A source as one label map: what a run, and every other command that takes a heart, makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import pycemrg
from phantom import heart_phantom
from segmentation_files import blocks, caret, dataset_json, itksnap, nifti, slicer

from pycemrg_core import load_catalogue, read_heart, read_labels, read_volume, run_recipe, write_image, write_volume
from pycemrg_core.api import LabelScheme, LabelVolume, Segment, names_in, volume_of
from pycemrg_core.errors import ImageError, PlanError
from pycemrg_core.plugins.loading import Policy
from schematics_builtin.readers import named_extras

pytestmark = pytest.mark.usefixtures("loaded_once")

CATALOGUE = load_catalogue(Policy(allow=frozenset()))
CEMRG = CATALOGUE.get(LabelScheme, "cemrg").labels
NAMES = {value: name for name, value in CEMRG.items()}
RECIPE = "biventricular_basic"
FUSE = "make one label map with 'pycemrg fuse'"


@pytest.fixture(scope="module")
def heart() -> LabelVolume:
    return volume_of(heart_phantom(64, (1.9, 1.9, 1.9)))


@pytest.fixture
def masks(tmp_path: Path, heart: LabelVolume) -> Path:
    """The heart as a folder of masks, with one structure that is none of the heart, and an absent one."""
    folder = tmp_path / "masks"
    folder.mkdir()
    for label in heart.boxes:
        mask = heart.with_array((heart.array == label).astype(np.uint8))
        write_volume(mask, folder / f"{NAMES[label].removesuffix('_label')}.nii.gz")
    write_volume(heart.with_array((heart.array == 3).astype(np.uint8)), folder / "liver.nii.gz")
    write_volume(heart.with_array(np.zeros(heart.array.shape, np.uint8)), folder / "pulmonary_vein.nii.gz")
    return folder


def renumbered(heart: LabelVolume) -> LabelVolume:
    """The heart with integers of nobody's scheme."""
    return heart.with_array(np.where(heart.array, 60 - heart.array, 0).astype(np.uint8))


@pytest.mark.slow
def test_a_folder_of_masks_is_the_heart_that_they_were_made_of(masks: Path, heart: LabelVolume) -> None:
    read = read_heart(masks, CATALOGUE)
    assert np.array_equal(read.volume.array, heart.array)
    assert read.labels == {NAMES[label]: label for label in heart.boxes}
    assert read.notes[0] == f"{masks}: left out, because no structure of a heart is called so: 'liver'"
    assert read.notes[1].startswith(f"{masks}: labels are named by mask-folder: LV_BP 1, LV_myo 2, RV_BP 3")
    assert (read.volume.spacing, read.volume.origin) == (pytest.approx(heart.spacing), heart.origin)


@pytest.mark.slow
def test_integers_can_be_given(masks: Path, heart: LabelVolume) -> None:
    read = read_heart(masks, CATALOGUE, integers={"LV_BP_label": 300, "RV_BP_label": 7})
    assert read.labels["LV_BP_label"] == 300
    assert read.volume.array.dtype == np.uint16
    assert np.array_equal(read.volume.array == 300, heart.array == 1)
    assert len(set(read.labels.values())) == len(read.labels)


@pytest.mark.slow
def test_masks_that_overlap_are_no_label_map(masks: Path, heart: LabelVolume) -> None:
    both = heart.with_array(np.isin(heart.array, (1, 4)).astype(np.uint8))
    write_volume(both, masks / "LA_BP.nii.gz")
    expected = int((heart.array == 1).sum())
    with pytest.raises(ImageError) as caught:
        read_heart(masks, CATALOGUE)
    assert str(caught.value) == f"{masks}: 'LA_BP' and 'LV_BP' overlap in {expected:,} voxels; {FUSE}"


@pytest.mark.slow
def test_masks_on_two_grids_are_no_label_map(masks: Path, heart: LabelVolume) -> None:
    array = (heart.array == 1).astype(np.uint8)
    moved = LabelVolume(array, heart.spacing, origin=(1.0, 0.0, 0.0), direction=heart.direction)
    write_volume(moved, masks / "LV_BP.nii.gz")
    with pytest.raises(
        ImageError, match=r"'LV_BP' is on another grid than 'Ao_BP': up to .* mm away; make one label map"
    ):
        read_heart(masks, CATALOGUE)
    write_volume(moved.with_array(array[1:]), masks / "LV_BP.nii.gz")
    with pytest.raises(
        ImageError, match=r"'LV_BP' is on another grid than 'Ao_BP': 64 x 64 x 63 voxels, not 64 x 64 x 64"
    ):
        read_heart(masks, CATALOGUE)


@pytest.mark.slow
def test_two_masks_of_one_structure_are_refused(masks: Path, heart: LabelVolume) -> None:
    write_volume(heart.with_array((heart.array == 6).astype(np.uint8)), masks / "aorta.nii.gz")
    with pytest.raises(ImageError) as caught:
        read_heart(masks, CATALOGUE)
    assert str(caught.value) == (
        f"{masks}: 'Ao_BP' and 'aorta' are one structure, 'Ao_BP_label'; rename one, or {FUSE}"
    )


def test_a_folder_without_a_heart_is_refused(tmp_path: Path, heart: LabelVolume) -> None:
    for name in ("patient_1", "patient_2"):
        write_volume(heart, tmp_path / f"{name}.nrrd")
    with pytest.raises(ImageError) as caught:
        read_heart(tmp_path, CATALOGUE)
    assert str(caught.value) == (
        f"{tmp_path}: holds no structure of a heart: 'patient_1', 'patient_2'; give the file or folder that does,"
        f" or {FUSE}"
    )


def test_empty_masks_are_refused(tmp_path: Path) -> None:
    nifti(tmp_path / "aorta.nii.gz", blocks([1]) * 0)
    with pytest.raises(ImageError, match="is empty, every voxel is 0"):
        read_heart(tmp_path, CATALOGUE)


def test_names_in_a_file_keep_its_integers(tmp_path: Path, heart: LabelVolume) -> None:
    other = renumbered(heart)
    segments = [Segment(value=60 - label, name=NAMES[label]) for label in heart.boxes]
    path = tmp_path / "heart.nii.gz"
    write_volume(other, path, named_extras(path, other, segments))
    read = read_heart(path, CATALOGUE)
    assert np.array_equal(read.volume.array, other.array)
    assert read.labels == {NAMES[label]: 60 - label for label in heart.boxes}


def test_names_that_say_nothing_are_not_used(tmp_path: Path, heart: LabelVolume) -> None:
    """As 3D Slicer and ITK-SNAP call labels that nobody named: the integers are then those of the recipe."""
    write_volume(heart, tmp_path / "heart.nrrd")
    itksnap(tmp_path / "heart.label", {label: f"Label {label}" for label in heart.boxes})
    read = read_heart(tmp_path / "heart.nrrd", CATALOGUE)
    assert read.labels == {}
    assert read.notes == (
        f"{tmp_path}/heart.nrrd: no name in it is that of a structure, so they are not used: 'Label 1', 'Label 2',"
        " 'Label 3', 'Label 4', 'Label 5' and 9 more",
    )


def test_one_layer_with_two_labels_of_one_structure_is_refused(tmp_path: Path) -> None:
    path = nifti(tmp_path / "heart.nii.gz", blocks([1, 2]), (0, caret({1: "aorta", 2: "ascending aorta"})))
    with pytest.raises(ImageError, match="'aorta' and 'ascending aorta' are one structure, 'Ao_BP_label'"):
        read_heart(path, CATALOGUE)
    assert read_heart(path, CATALOGUE, named=True).labels == {}


def test_layers_of_slicer_become_one_map_unless_they_overlap(tmp_path: Path) -> None:
    apart = [blocks([1, 0]), blocks([0, 1])]
    segments = [
        {"Name": "LV", "LabelValue": "1", "Layer": "0"},
        {"Name": "left atrium", "LabelValue": "1", "Layer": "1"},
    ]
    read = read_heart(slicer(tmp_path / "heart.seg.nrrd", apart, segments), CATALOGUE)
    assert read.labels == {"LV_BP_label": 1, "LA_BP_label": 4}
    assert np.array_equal(read.volume.array, (apart[0] + 4 * apart[1]).T)
    path = slicer(tmp_path / "two.seg.nrrd", [blocks([1, 0]), blocks([1, 1])], segments)
    with pytest.raises(ImageError, match=r"'LV' and 'left atrium' overlap in .* voxels; make one label map"):
        read_heart(path, CATALOGUE)


# Running


@pytest.mark.slow
def test_a_run_on_a_folder_is_that_on_the_label_map(masks: Path, tmp_path: Path, heart: LabelVolume) -> None:
    write_volume(heart, tmp_path / "heart.nrrd")
    for source, out in ((tmp_path / "heart.nrrd", "one"), (masks, "two")):
        pycemrg("run", RECIPE, source, "-o", tmp_path / out)
    one, two = (read_volume(tmp_path / out / "heart.nrrd")[0] for out in ("one", "two"))
    assert np.array_equal(one.array, two.array)
    record = json.loads((tmp_path / "two" / "run.json").read_text(encoding="utf-8"))
    assert record["input"]["reader"] == "mask-folder"
    assert record["input"]["names"]["LV_myo_label"] == 2
    assert any("labels are named by mask-folder" in note for note in record["warnings"])
    again = pycemrg("run", "--again", tmp_path / "two" / "run.json", "-o", tmp_path / "three").stdout
    assert "every voxel is the same" in again
    (masks / "liver.nii.gz").unlink()
    text = pycemrg("run", "--again", tmp_path / "two" / "run.json", "-o", tmp_path / "four", code=1).stderr
    assert "masks is not the image of that run: its SHA-256 differs" in text


@pytest.mark.slow
def test_python_runs_a_folder_too(masks: Path, heart: LabelVolume) -> None:
    result = run_recipe(RECIPE, masks, CATALOGUE)
    assert np.array_equal(result.volume.array, run_recipe(RECIPE, heart, CATALOGUE).volume.array)
    image, notes = read_labels(masks, CATALOGUE)
    assert np.array_equal(volume_of(image).array, heart.array)
    assert notes == read_volume(masks)[1]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["nifti", "slicer", "nnunet", "itksnap"])
def test_names_in_a_source_identify_labels_as_a_label_file_does(tmp_path: Path, heart: LabelVolume, form: str) -> None:
    other, path = renumbered(heart), tmp_path / "heart.nii.gz"
    labels = {NAMES[label]: 60 - label for label in heart.boxes}
    write_volume(other, path)
    (tmp_path / "labels.yaml").write_text(json.dumps({"labels": labels}))
    pycemrg("run", RECIPE, path, "-o", tmp_path / "expected", "--labels", tmp_path / "labels.yaml")
    segments = [Segment(value=value, name=name) for name, value in labels.items()]
    if form in ("nifti", "slicer"):
        path = path if form == "nifti" else tmp_path / "heart.seg.nrrd"
        write_volume(other, path, named_extras(path, other, segments))
    elif form == "nnunet":
        dataset_json(tmp_path / "dataset.json", {"background": 0, **labels})
    else:
        itksnap(tmp_path / "heart.label", {value: name for name, value in labels.items()})
    result = pycemrg("run", RECIPE, path, "-o", tmp_path / "out")
    assert f"note: {path}: labels are named by" in result.stderr
    expected, found = (read_volume(tmp_path / out / "heart.nrrd")[0] for out in ("expected", "out"))
    assert np.array_equal(found.array, expected.array)
    planned = pycemrg("plan", RECIPE, path, "--json").stdout
    assert any("labels are named by" in note for note in json.loads(planned)["warnings"])


@pytest.mark.slow
def test_what_the_user_says_wins_over_names_in_the_source(tmp_path: Path, heart: LabelVolume) -> None:
    path = tmp_path / "heart.nii.gz"
    wrong = [Segment(value=1, name="RV"), Segment(value=3, name="LV")]
    write_volume(heart, path, named_extras(path, heart, wrong))
    text = pycemrg("run", RECIPE, path, "-o", tmp_path / "wrong", code=1).stderr
    assert "a check of the image found errors" in text
    for option in (("--scheme", "cemrg"), ("--labels", tmp_path / "labels.yaml")):
        (tmp_path / "labels.yaml").write_text("LV: 1\nRV: 3\n")
        result = pycemrg("run", RECIPE, path, "-o", tmp_path / "out", "--force", *option)
        assert f"note: {path}: its own names are not used" in result.stderr
    itksnap(tmp_path / "heart.label", {1: "RV"})
    pycemrg("run", RECIPE, path, "-o", tmp_path / "out", "--scheme", "cemrg")


@pytest.mark.slow
def test_a_scheme_and_masks_contradict_each_other(masks: Path) -> None:
    with pytest.raises(ImageError, match="its labels have names and no integers; leave out the label scheme"):
        run_recipe(RECIPE, masks, CATALOGUE, scheme="acdc")
    for labels in ({"LV": -4}, {"LV": 2**40}, {"LV": 9, "RV": 9}):
        with pytest.raises(PlanError):
            run_recipe(RECIPE, masks, CATALOGUE, labels=labels)
    result = run_recipe(RECIPE, masks, CATALOGUE, labels={"LV": 41})
    assert result.record.labels["LV_BP_label"] == 41


def test_other_names_keep_their_integers_from_the_recipe(tmp_path: Path, heart: LabelVolume) -> None:
    """A liver with the default integer of the right ventricle must not become one."""
    array = np.where(heart.array == 3, 33, heart.array)
    array[:2, :2, :2] = 3
    names = {label: NAMES[label] for label in heart.boxes if label != 3} | {33: "RV_BP", 3: "liver"}
    segments = [Segment(value=value, name=name) for value, name in names.items()]
    path, volume = tmp_path / "heart.nii.gz", heart.with_array(array)
    write_volume(volume, path, named_extras(path, volume, segments))
    result = run_recipe(RECIPE, path, CATALOGUE, check=False)
    assert result.record.labels["RV_BP_label"] == 33
    assert (result.volume.array == 3).sum() == 8
    without = [one for one in segments if one.value != 33]
    write_volume(volume, path, named_extras(path, volume, without))
    with pytest.raises(PlanError, match=r"3 is its default .* but 'liver' in your labels"):
        run_recipe(RECIPE, path, CATALOGUE, check=False)


@pytest.mark.slow(every=3)
@pytest.mark.parametrize(
    "name", ["spleen", "brachiocephalic_vein_left", "iliac_vena_right", "heart_like", "vertebrae_L1"]
)
def test_names_of_other_organs_are_no_misspelt_hearts(tmp_path: Path, heart: LabelVolume, name: str) -> None:
    segments = [Segment(value=label, name=NAMES[label]) for label in heart.boxes if label < 8]
    path = tmp_path / "heart.nii.gz"
    write_volume(heart, path, named_extras(path, heart, [*segments, Segment(value=8, name=name)]))
    result = run_recipe(RECIPE, path, CATALOGUE)
    assert any(note.endswith(f"no structure is called so: {name!r}") for note in result.record.warnings)


# What cannot be read


def test_a_folder_without_the_reader_says_what_is_missing(masks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYCEMRG_PLUGINS", "-readers")
    text = pycemrg("plan", RECIPE, masks, code=1).stderr
    assert text == (
        f"error: {masks}: the plugin 'readers' reads folders of masks, which is blocked (blocked by name);"
        " see PYCEMRG_PLUGINS and --no-plugins\n"
    )


def test_dicom_without_its_reader_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYCEMRG_PLUGINS", "-dicom")
    (tmp_path / "ct").mkdir()
    for source in (tmp_path / "heart.dcm", tmp_path / "ct" / "IM0001"):
        source.write_bytes(bytes(128) + b"DICM")
    for source in (tmp_path / "heart.dcm", tmp_path / "ct"):
        text = pycemrg("labels", "show", source, code=1).stderr
        assert text.startswith(f"error: {source}: the plugin 'dicom' reads DICOM, which is ")
        assert "(blocked by name); see PYCEMRG_PLUGINS and --no-plugins" in text or "pip install" in text


def test_an_empty_folder_and_a_missing_one(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "absent", "absent@acdc"):
        with pytest.raises(ImageError, match=f"{name.partition('@')[0]}: (is a folder|no such file)"):
            read_heart(tmp_path / name, CATALOGUE)
    write_image(heart_phantom(12), tmp_path / "small.nrrd")
    assert read_heart(f"{tmp_path}/small.nrrd@cemrg", CATALOGUE).labels["LV_BP_label"] == 1


def test_a_scheme_names_only_images(masks: Path) -> None:
    with pytest.raises(ImageError) as caught:
        read_heart(f"{masks}@mm-whs", CATALOGUE)
    assert str(caught.value) == f"{masks}: a label scheme names the integers of an image; leave out @mm-whs"


@pytest.mark.slow
def test_a_misspelt_mask_is_named_where_it_is_missed(masks: Path) -> None:
    (masks / "LV_BP.nii.gz").rename(masks / "left_ventrical.nii.gz")
    said = "'left_ventrical' is the name of no structure; did you mean 'left ventricle'?"
    assert f"{masks}: {said}" in read_heart(masks, CATALOGUE).notes
    for option in ((), ("--no-check",)):
        assert said in pycemrg("plan", RECIPE, masks, *option, code=1).stderr
    for file in masks.iterdir():
        if file.name != "left_ventrical.nii.gz":
            file.unlink()
    with pytest.raises(ImageError, match=rf"holds no structure of a heart: 'left_ventrical'; {said[:-1]}"):
        read_heart(masks, CATALOGUE)


@pytest.mark.slow
def test_a_mask_given_as_a_heart(masks: Path, tmp_path: Path) -> None:
    for option in ((), ("--no-check",)):
        text = pycemrg("plan", RECIPE, masks / "LV_BP.nii.gz", *option, code=1).stderr
        assert f"it has one label; if it is a mask, give all masks, or {FUSE}" in text
    shown = pycemrg("labels", "show", masks / "LV_BP.nii.gz").stderr
    assert f"LV_BP.nii.gz: it has one label; if it is a mask, give all masks, or {FUSE}" in shown
    (tmp_path / "empty").mkdir()
    text = pycemrg("plan", RECIPE, tmp_path / "empty", code=1).stderr
    assert text == f"error: {tmp_path}/empty: is a folder, not an image; give an image file, or {FUSE}\n"


@pytest.mark.slow
def test_labels_of_another_scheme_are_shown_with_its_names(tmp_path: Path, heart: LabelVolume) -> None:
    scheme = CATALOGUE.get(LabelScheme, "totalsegmentator-heartchambers").labels
    array = np.zeros_like(heart.array)
    for name, value in scheme.items():
        array[heart.array == CEMRG[name]] = value
    path = tmp_path / "chambers.nrrd"
    write_volume(heart.with_array(array), path)
    shown = pycemrg("labels", "show", path, "--json")
    assert {row["value"]: row["name"] for row in json.loads(shown.stdout)} == {v: k for k, v in scheme.items()}
    what = "looks like totalsegmentator-heartchambers"
    assert shown.stderr == f"note: {path} {what}, whose names are shown; see 'labels detect'\n"
    assert pycemrg("labels", "show", path, "--scheme", "cemrg").stderr == ""
    pycemrg("labels", "suggest", path, "-o", tmp_path / "labels.yaml")
    assert "LV_myo_label: 1\n" in (tmp_path / "labels.yaml").read_text()


@pytest.mark.slow
def test_a_suggestion_for_what_has_names(masks: Path, heart: LabelVolume) -> None:
    rows = json.loads(pycemrg("labels", "suggest", masks, "--json").stdout)
    assert {row["value"]: row["name"] for row in rows} == {label: NAMES[label] for label in heart.boxes}
    assert all(row["sure"] for row in rows)


def test_names_of_the_rest_of_the_body_mean_nothing_here() -> None:
    """Classes of TotalSegmentator that are near the heart in the body or in their name."""
    known = names_in(CATALOGUE)
    others = (
        "brachiocephalic_trunk brachiocephalic_vein_left common_carotid_artery_left coronary_arteries iliac_vena_left "
        "lung_vessels pericardial_effusion portal_vein_and_splenic_vein subclavian_artery_right trachea ventricle"
    )
    assert {known.canonical(name) for name in others.split()} & known.known == set()


@pytest.mark.slow
def test_what_the_anatomy_does_not_say_is_not_guessed(tmp_path: Path) -> None:
    array = np.zeros((60, 60, 60), np.uint8)
    for index in range(6):
        array[index * 9 : index * 9 + 8, 5 + index * 3 : 30 + index * 3, 10:40] = 3 * index + 2
    path = tmp_path / "organs.nrrd"
    write_volume(LabelVolume(array, (2.0, 2.0, 2.0)), path)
    result = pycemrg("labels", "suggest", path, "-o", tmp_path / "labels.yaml", code=1)
    assert [line.split() for line in result.stdout.splitlines()[1:]] == [[str(3 * i + 2), "unknown"] for i in range(6)]
    assert result.stderr == (
        f"error: {path}: the anatomy does not say what any label is, and {tmp_path}/labels.yaml is not written;"
        " look at them in a viewer\n"
    )
    assert not (tmp_path / "labels.yaml").exists()


def test_total_has_no_chambers_to_suggest(tmp_path: Path, heart: LabelVolume) -> None:
    """One label for the heart, one for all pulmonary veins: neither is a chamber."""
    array = np.select(
        [np.isin(heart.array, (1, 2, 3, 4, 5, 7)), heart.array == 6, np.isin(heart.array, (8, 9, 10, 11))], [51, 52, 53]
    ).astype(np.uint8)
    array[heart.array > 11] = heart.array[heart.array > 11] + 49
    path = tmp_path / "total.nrrd"
    write_volume(heart.with_array(array), path)
    found = {row["value"]: row for row in json.loads(pycemrg("labels", "suggest", path, "--json").stdout)}
    assert {value: row["name"] for value, row in found.items() if row["sure"]}.items() >= {51: "heart_label"}.items()
    assert not {row["name"] for row in found.values()} & {"LV_BP_label", "RV_BP_label", "LA_BP_label", "RA_BP_label"}
