"""Commands on what segmentation tools write: every one reads it, uses its names, and keeps them in what it writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import pycemrg
from phantom import heart_phantom
from segmentation_files import itksnap

from pycemrg_core import load_catalogue, read_heart, read_segmentation, read_volume, write_volume
from pycemrg_core.api import LabelScheme, LabelVolume, Segment, volume_of
from pycemrg_core.plugins.loading import Policy
from schematics_builtin.readers import named_extras, segments_of

pytestmark = pytest.mark.usefixtures("loaded_once")

CATALOGUE = load_catalogue(Policy(allow=frozenset()))
CEMRG = CATALOGUE.get(LabelScheme, "cemrg").labels
NAMES = {value: name for name, value in CEMRG.items()}


@pytest.fixture(scope="module")
def heart() -> LabelVolume:
    return volume_of(heart_phantom(48, (2.4, 2.4, 2.4)))


@pytest.fixture
def named(tmp_path: Path, heart: LabelVolume) -> Path:
    """The heart with the integers 40 to 53, whose names are in its header."""
    other = heart.with_array(np.where(heart.array, heart.array + 39, 0).astype(np.uint8))
    path = tmp_path / "named.nii.gz"
    segments = segments_of({value + 39: name for value, name in NAMES.items() if value in heart.boxes}, CATALOGUE)
    write_volume(other, path, named_extras(path, other, segments))
    return path


@pytest.fixture
def masks(tmp_path: Path, heart: LabelVolume) -> Path:
    (tmp_path / "masks").mkdir()
    for label in heart.boxes:
        mask = heart.with_array((heart.array == label).astype(np.uint8))
        write_volume(mask, tmp_path / "masks" / f"{NAMES[label].removesuffix('_label')}.nrrd")
    return tmp_path / "masks"


@pytest.mark.slow
def test_showing(named: Path, masks: Path, heart: LabelVolume) -> None:
    shown = {row["value"]: row["name"] for row in json.loads(pycemrg("labels", "show", named, "--json").stdout)}
    assert shown == {label + 39: NAMES[label] for label in heart.boxes}
    plain = {row["value"]: row["name"] for row in json.loads(pycemrg("labels", "show", masks, "--json").stdout)}
    assert plain == {label: NAMES[label] for label in heart.boxes}
    other = {row["name"] for row in json.loads(pycemrg("labels", "show", named, "--scheme", "acdc", "--json").stdout)}
    assert other == {""}
    rows = pycemrg("labels", "volumes", named, "chambers", "--csv").stdout.splitlines()
    assert [row.split(",")[1] for row in rows[1:]] == ["LV_BP_label", "RV_BP_label", "LA_BP_label", "RA_BP_label"]
    checked = pycemrg("labels", "check", named, "--recipe", "atria_full").stdout
    assert "no problem" in checked
    assert "note: " in checked
    assert "labels are named by nifti-label-table" in checked


@pytest.mark.slow
def test_an_image_that_may_be_a_mask_is_told_of_fuse(masks: Path) -> None:
    mask = masks / "LV_BP.nrrd"
    said = "it has one label; if it is a mask, give all masks, or make one label map with 'pycemrg fuse'"
    recipe = "biventricular_basic"
    for code, *words in (
        (0, "labels", "show", mask),
        (0, "labels", "detect", mask),
        (1, "labels", "suggest", mask),
        (1, "labels", "check", mask, "--recipe", recipe),
        (1, "certify", mask),
        (1, "plan", recipe, mask),
    ):
        shown = pycemrg(*words, code=code)
        assert said in shown.stdout + shown.stderr, words
    assert said not in pycemrg("labels", "show", mask, "--scheme", "cemrg").stderr


@pytest.mark.slow
def test_what_3d_slicer_called_and_coloured_its_segments_stays(tmp_path: Path, heart: LabelVolume) -> None:
    names = {1: "left ventricle", 2: "Left ventricular wall", 3: "my RV", 4: "Left atrium"}
    own = [Segment(value=value, name=name, colour=f"#0{value}ff00") for value, name in names.items()]
    few = heart.with_array(np.where(heart.array < 5, heart.array, 0))
    write_volume(few, path := tmp_path / "s.seg.nrrd", named_extras(path, few, own))
    for end in (".seg.nrrd", ".nii.gz"):
        for number, words in enumerate(
            (("clean", path, "--fill-holes"), ("labels", "keep", path, "1", "2", "3", "4"), ("repair", path))
        ):
            written = tmp_path / f"{number}{end}"
            pycemrg(*words, "-o", written, code=1 if words[0] == "repair" else 0)
            found = read_segmentation(written, CATALOGUE).segments
            assert [(one.value, one.name, one.colour) for one in found] == [
                (one.value, one.name, one.colour) for one in own
            ]
        mapped = tmp_path / f"mapped{end}"
        pycemrg("labels", "remap", path, "-o", mapped, "--to", "mm-whs", "--drop")
        found = read_segmentation(mapped, CATALOGUE).segments
        assert {one.value: (one.name, one.colour) for one in found} == {
            205: ("Left ventricular wall", "#02ff00"), 420: ("Left atrium", "#04ff00"),
            500: ("left ventricle", "#01ff00"),
        }  # fmt: skip


@pytest.mark.slow
def test_a_scheme_for_masks_is_refused(masks: Path, tmp_path: Path) -> None:
    for command in (
        ("labels", "show", masks, "--scheme", "acdc"),
        ("certify", masks, "--scheme", "acdc"),
        ("measure", masks, "--scheme", "acdc"),
        ("clean", masks, "--fill-holes", "-o", tmp_path / "out.nrrd", "--scheme", "acdc"),
    ):
        assert "its labels have names and no integers; leave out --scheme" in pycemrg(*command, code=1).stderr
    text = pycemrg("labels", "show", masks, "--scheme", "adcd", code=1).stderr
    assert text.startswith("error: no label scheme is called 'adcd'")


@pytest.mark.slow
def test_remapping_from_the_names(named: Path, masks: Path, tmp_path: Path, heart: LabelVolume) -> None:
    for source in (named, masks):
        pycemrg("labels", "remap", source, "--to", "cemrg", "-o", tmp_path / "out.nii.gz")
        found = read_heart(tmp_path / "out.nii.gz", CATALOGUE)
        assert np.array_equal(found.volume.array, heart.array)
        assert found.labels == {NAMES[label]: label for label in heart.boxes}
    write_volume(heart, tmp_path / "plain.nrrd")
    text = pycemrg("labels", "remap", tmp_path / "plain.nrrd", "--to", "hvsmr-2", "-o", tmp_path / "no.nrrd", code=2)
    assert "plain.nrrd has no names; give --from too, --map, or --table" in text.stderr


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".seg.nrrd"])
def test_names_survive_every_command_that_writes_an_image(named: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"out{ending}"
    for command in (
        ("labels", "keep", named, "chambers", "-o", out),
        ("labels", "remove", named, "LAA", "-o", out),
        ("clean", named, "--fill-holes", "-o", out),
        ("labels", "remap", named, "--map", "LV=200", "-o", out),
        ("repair", named, "-o", out),
    ):
        pycemrg(*command, code=1 if command[0] == "repair" else 0)
        found = {one.structure: one for one in read_segmentation(out, CATALOGUE).segments}
        assert found["LV_BP_label" if "--map" not in command else "RV_BP_label"].colour != ""
        assert found["RA_BP_label"].value == 44
        assert ("LAA_label" in found) is (command[1] not in ("keep", "remove"))


def test_names_that_nobody_gave_are_not_written(tmp_path: Path, heart: LabelVolume) -> None:
    write_volume(heart, tmp_path / "heart.nrrd")
    out = tmp_path / "out.nii.gz"
    pycemrg("clean", tmp_path / "heart.nrrd", "--fill-holes", "-o", out)
    assert read_segmentation(out, CATALOGUE).segments == ()
    pycemrg("clean", tmp_path / "heart.nrrd", "--fill-holes", "-o", out, "--scheme", "cemrg")
    assert len(read_segmentation(out, CATALOGUE).segments) == len(heart.boxes)


@pytest.mark.slow
def test_certifying_and_measuring(named: Path, masks: Path, tmp_path: Path, heart: LabelVolume) -> None:
    write_volume(heart, tmp_path / "heart.nrrd")
    expected = json.loads(pycemrg("certify", tmp_path / "heart.nrrd", "--scheme", "cemrg", "--json", code=1).stdout)
    for source in (named, masks):
        found = json.loads(pycemrg("certify", source, "--json", code=1).stdout)
        for key in ("verdict", "lumens"):
            assert found.get(key) == expected.get(key)
        assert [one["check"] for one in found["findings"]] == [one["check"] for one in expected["findings"]]
    plain, other, folder = (
        json.loads(pycemrg("measure", source, "--labels", "LV_BP,LV_myo", "--json").stdout)["rows"]
        for source in (tmp_path / "heart.nrrd", named, masks)
    )
    assert [row["name"] for row in plain] == ["LV_BP_label", "LV_myo_label"]
    assert [row["name"] for row in other] == [row["name"] for row in folder] == [row["name"] for row in plain]


@pytest.mark.slow
def test_comparing_by_name(named: Path, masks: Path, tmp_path: Path, heart: LabelVolume) -> None:
    write_volume(heart, tmp_path / "heart.nrrd")
    rows = json.loads(pycemrg("compare", masks, tmp_path / "heart.nrrd", "--metrics", "dice", "--json").stdout)["rows"]
    assert {row["name"] for row in rows} == {NAMES[label] for label in heart.boxes}
    assert {row["values"]["dice"] for row in rows} == {1.0}
    rows = json.loads(pycemrg("compare", named, masks, "--metrics", "dice", "--json").stdout)["rows"]
    assert {row["name"]: row["values"]["dice"] for row in rows} == {NAMES[label]: 1.0 for label in heart.boxes}
    same = json.loads(pycemrg("compare", named, named, "--metrics", "dice", "--json").stdout)["rows"]
    assert {row["name"] for row in same} == {NAMES[label] for label in heart.boxes}


@pytest.mark.slow
def test_a_cohort_with_a_folder_of_masks(masks: Path, tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_text("path,id\nmasks,one\n")
    pycemrg("cohort", "run", "biventricular_basic", tmp_path / "cases.csv", "-o", tmp_path / "cohort", "--set",
            "LV_neck_WT=3", "--set", "RV_WT=4", "--workers", "1")  # fmt: skip
    record = json.loads((tmp_path / "cohort" / "cases" / "one" / "run.json").read_text(encoding="utf-8"))
    assert record["input"]["reader"] == "mask-folder"
    assert record["input"]["names"]["LV_BP_label"] == 1


def test_a_table_beside_an_image_names_it(tmp_path: Path, heart: LabelVolume) -> None:
    write_volume(heart, tmp_path / "heart.nrrd")
    itksnap(tmp_path / "heart.label", {1: "left ventricle", 77: "right ventricle"})
    rows = json.loads(pycemrg("labels", "show", tmp_path / "heart.nrrd", "--json").stdout)
    shown = {row["value"]: row["name"] for row in rows}
    assert (shown[1], shown[3]) == ("LV_BP_label", "")
    assert read_volume(tmp_path / "heart.nrrd")[1] == ()
