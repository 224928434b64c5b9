"""``pycemrg labels`` and ``pycemrg clean``: what they print, what they write and what they refuse."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import yaml
from brute import catalogue
from command_line import HEART, pycemrg, small_heart, voxels
from scipy import ndimage

from pycemrg_core import LabelScheme
from pycemrg_core.images import components
from pycemrg_core.images.edits import WorkingVolume
from pycemrg_core.images.image_files import geometry, read_labels, volume_of
from pycemrg_core.text.label_tables import read_label_file

pytestmark = pytest.mark.usefixtures("loaded_once")

Array = np.ndarray[Any, Any]

CEMRG = {
    "LV_BP_label": 1,
    "LV_myo_label": 2,
    "RV_BP_label": 3,
    "LA_BP_label": 4,
    "RA_BP_label": 5,
    "Ao_BP_label": 6,
    "PArt_BP_label": 7,
    "LPV1_label": 8,
    "LPV2_label": 9,
    "RPV1_label": 10,
    "RPV2_label": 11,
    "LAA_label": 12,
    "SVC_label": 13,
    "IVC_label": 14,
}
TS = "totalsegmentator-heartchambers"


def write(path: Path, array: Array, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Path:
    """Write a (z, y, x) array with a spacing (x, y, z)."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path))
    return path


@pytest.fixture
def row(tmp_path: Path) -> Path:
    """1 1 4 99 and background, of 2 x 3 x 5 mm (x, y, z)."""
    return write(tmp_path / "row.nrrd", np.array([[[1, 1, 4, 99, 0]]], np.uint8), (2.0, 3.0, 5.0))


@pytest.fixture
def heart(tmp_path: Path) -> Path:
    return small_heart(tmp_path)


@pytest.fixture(scope="module")
def ts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped heart as TotalSegmentator would write it."""
    path = tmp_path_factory.mktemp("ts") / "ts.nrrd"
    pycemrg("labels", "remap", HEART, "-o", path, "--from", "cemrg", "--to", TS, "--drop")
    return path


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


# ---------------------------------------------------------------------------------------------- show, volumes


def test_show_says_what_is_there(row: Path) -> None:
    result = pycemrg("labels", "show", row)
    assert words(result.stdout) == [
        ["name", "voxels", "mL", "comp.", "box", "x", "y", "z", "touches", "most"],
        ["1", "LV_BP", "2", "0.06", "1", "0:1", "0:0", "0:0", "LA_BP"],
        ["4", "LA_BP", "1", "0.03", "1", "2:2", "0:0", "0:0", "LV_BP,", "99"],
        ["99", "?", "1", "0.03", "1", "3:3", "0:0", "0:0", "LA_BP"],
    ]


def test_show_in_another_scheme(row: Path) -> None:
    rows = words(pycemrg("labels", "show", row, "--scheme", TS).stdout)
    assert [cells[1] for cells in rows[1:]] == ["LV_myo", "RA_BP", "?"]


def test_show_for_machines(row: Path) -> None:
    first, *others = json.loads(pycemrg("labels", "show", row, "--json").stdout)
    assert first == {
        "value": 1,
        "name": "LV_BP_label",
        "state": "present",
        "voxels": 2,
        "ml": 0.06,
        "components": 1,
        "whole": 1.0,
        "box": [[0, 1], [0, 0], [0, 0]],
        "touches": [{"value": 4, "name": "LA_BP_label", "mm2": 15.0}],
    }
    assert [label["value"] for label in others] == [4, 99]


def test_volumes_in_three_forms(row: Path) -> None:
    expected = [(1, "LV_BP_label", 2, 0.06), (4, "LA_BP_label", 1, 0.03), (99, "", 1, 0.03)]
    assert words(pycemrg("labels", "volumes", row).stdout) == [
        ["value", "name", "voxels", "mL"],
        *[[str(value), name or "?", str(count), f"{ml:.2f}"] for value, name, count, ml in expected],
    ]
    lines = list(csv.reader(io.StringIO(pycemrg("labels", "volumes", row, "--csv").stdout)))
    assert lines == [["value", "name", "voxels", "ml"], *[[str(cell) for cell in one] for one in expected]]
    assert json.loads(pycemrg("labels", "volumes", row, "--json").stdout) == [
        dict(zip(("value", "name", "voxels", "ml"), one, strict=True)) for one in expected
    ]


@pytest.mark.slow
def test_volumes_of_the_shipped_heart_are_its_voxels() -> None:
    values, counts = np.unique(voxels(HEART), return_counts=True)
    rows = list(csv.DictReader(io.StringIO(pycemrg("labels", "volumes", HEART, "--csv").stdout)))
    assert [(int(one["value"]), int(one["voxels"])) for one in rows] == list(
        zip(values[1:].tolist(), counts[1:].tolist(), strict=True)
    )
    assert [one["name"] for one in rows] == list(CEMRG)


def test_a_note_about_the_image_is_not_part_of_the_answer(tmp_path: Path) -> None:
    image = write(tmp_path / "float.nrrd", np.ones((1, 1, 1), np.float32))
    result = pycemrg("labels", "show", image, "--json")
    assert result.stderr.startswith("note: ")
    assert len(json.loads(result.stdout)) == 1


# ------------------------------------------------------------------------------------------------------ check


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["four_chamber_full", "atria_full", "biventricular_basic"])
def test_a_heart_that_has_everything(recipe: str) -> None:
    result = pycemrg("labels", "check", HEART, "--recipe", recipe)
    assert result.stdout.splitlines()[-1] == f"{HEART}: no problem"
    assert "problem: " not in result.stdout


@pytest.mark.slow
def test_what_is_missing_is_a_problem(tmp_path: Path, heart: Path) -> None:
    image = tmp_path / "without.nrrd"
    pycemrg("labels", "remove", heart, "SVC", "IVC", "-o", image)
    result = pycemrg("labels", "check", image, "--recipe", "right_atrium_with_veins", code=1)
    *_, svc, ivc, last = result.stdout.splitlines()
    assert svc == "problem: SVC_label (13) is not in the image; needed by svc_ring"
    assert ivc == "problem: IVC_label (14) is not in the image; needed by ivc_ring"
    assert last == f"{image}: 2 problems"
    pycemrg("labels", "check", image, "--schematic", "laa_ring", code=1)  # it reads the wall, which is not made
    pycemrg("labels", "check", image, "--recipe", "biventricular_basic")


def test_a_check_for_machines(tmp_path: Path, heart: Path) -> None:
    image = tmp_path / "without.nrrd"
    pycemrg("labels", "remove", heart, "SVC", "-o", image)
    data = json.loads(pycemrg("labels", "check", image, "--recipe", "atria_full", "--json", code=1).stdout)
    assert data.keys() == {"labels", "problems", "notes"}
    assert data["problems"] == ["SVC_label (13) is not in the image; needed by svc_ring"]
    assert [label["name"] for label in data["labels"] if label["state"] == "missing"] == ["SVC_label"]


@pytest.mark.slow
def test_anatomy_that_contradicts_the_labels_is_a_problem(ts: Path) -> None:
    result = pycemrg("labels", "check", ts, "--recipe", "four_chamber_full", code=1)
    (problem,) = [line for line in result.stdout.splitlines() if line.startswith("problem: ")]
    assert "the anatomy contradicts the labels" in problem
    assert f"try --scheme {TS}" in problem


@pytest.mark.slow
def test_a_check_in_the_image_s_own_scheme(ts: Path) -> None:
    pycemrg("labels", "check", ts, "--recipe", "four_chamber_full", "--scheme", TS)
    pycemrg("labels", "check", ts, "--scheme", TS)
    result = pycemrg("labels", "check", ts, "--recipe", "atria_full", "--scheme", TS, code=1)
    assert result.stdout.count("problem: ") == 7


@pytest.mark.slow
def test_a_check_with_integers_of_one_s_own(tmp_path: Path) -> None:
    swapped = tmp_path / "swapped.nrrd"
    pycemrg("labels", "remap", HEART, "-o", swapped, "--map", "1=3", "--map", "3=1")
    pycemrg("labels", "check", swapped, "--recipe", "biventricular_basic", code=1)
    table = tmp_path / "labels.yaml"
    table.write_text("labels:\n  LV_BP_label: 3\n  RV_BP_label: 1\n", encoding="utf-8")
    pycemrg("labels", "check", swapped, "--recipe", "biventricular_basic", "--labels", table)


# ------------------------------------------------------------------------------------------- detect, suggest


@pytest.mark.slow
@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("name", ["cemrg", TS, "totalsegmentator-v1", "mm-whs", "hvsmr-2"])
def test_detect_knows_the_scheme_by_the_anatomy(tmp_path: Path, name: str) -> None:
    image = tmp_path / "heart.nrrd"
    pycemrg("labels", "remap", HEART, "-o", image, "--from", "cemrg", "--to", name, "--drop")
    result = pycemrg("labels", "detect", image)
    assert result.stdout.splitlines()[0] == f"{image} is in the scheme {name}"
    assert f"evidence for {name}:" in result.stdout
    assert all(len(line) <= 80 for line in result.stdout.splitlines()[1:])
    data = json.loads(pycemrg("labels", "detect", image, "--json").stdout)
    assert (data["verdict"], data["scheme"], data["doubts"]) == ("confident", name, [])
    scores = [reading["score"] for reading in data["readings"]]
    assert scores == sorted(scores, reverse=True)


def test_detect_does_not_guess(row: Path) -> None:
    result = pycemrg("labels", "detect", row)
    first = result.stdout.splitlines()[0]
    assert first in (f"{row}: ambiguous", f"{row}: none fits")
    data = json.loads(pycemrg("labels", "detect", row, "--json").stdout)
    assert data["verdict"] != "confident"
    assert data["doubts"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_suggest_finds_the_structures_behind_any_integers(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    other = np.array([0, *(rng.permutation(14) + 1)], np.uint8)
    image = tmp_path / "slicer.nrrd"
    original = sitk.ReadImage(str(HEART))
    renumbered = sitk.GetImageFromArray(other[sitk.GetArrayFromImage(original)])
    renumbered.CopyInformation(original)
    sitk.WriteImage(renumbered, str(image))
    table = tmp_path / "labels.yaml"
    result = pycemrg("labels", "suggest", image, "--json", "-o", table)
    assert result.stderr == f"{table} written, with the structures that are sure\n"
    found = json.loads(result.stdout)
    assert [one["value"] for one in found] == list(range(1, 15))
    truth = {int(other[value]): name for name, value in CEMRG.items()}
    named = {truth[one["value"]]: one["name"] for one in found}
    for name in list(CEMRG)[:7]:
        assert named[name] == name
    # The pulmonary veins may be taken for one another; what is sure is right.
    assert all(one["name"] == truth[one["value"]] for one in found if one["sure"])
    assert sum(one["sure"] for one in found) >= 7
    written = yaml.safe_load(table.read_text(encoding="utf-8"))["labels"]
    assert written == {one["name"]: one["value"] for one in found if one["sure"]}


@pytest.mark.slow
def test_suggest_says_that_it_is_sure_of_nothing(tmp_path: Path, heart: Path) -> None:
    image = tmp_path / "two.nrrd"
    pycemrg("labels", "keep", heart, "RV_BP", "RA_BP", "-o", image)
    found = pycemrg("labels", "suggest", image, code=1)
    assert [line.split() for line in found.stdout.splitlines()] == [
        ["value", "structure"],
        ["3", "unknown"],
        ["5", "unknown"],
    ]
    assert "two.nrrd: the anatomy does not say what any label is; look at them in a viewer" in found.stderr


@pytest.mark.slow
def test_what_suggest_writes_is_what_check_reads(tmp_path: Path, ts: Path) -> None:
    table = tmp_path / "labels.yaml"
    pycemrg("labels", "suggest", ts, "-o", table)
    pycemrg("labels", "check", ts, "--recipe", "four_chamber_full", "--labels", table)


# ------------------------------------------------------------------------------------------------------ remap


@pytest.mark.slow
def test_there_and_back_is_bit_identical(tmp_path: Path, ts: Path) -> None:
    to, back = tmp_path / "cemrg.nrrd", tmp_path / "back.nrrd"
    pycemrg("labels", "remap", ts, "-o", to, "--from", TS, "--to", "cemrg")
    pycemrg("labels", "remap", to, "-o", back, "--from", "cemrg", "--to", TS)
    assert not np.array_equal(voxels(to), voxels(ts))
    assert np.array_equal(voxels(back), voxels(ts))
    assert geometry(read_labels(back)[0]) == geometry(read_labels(ts)[0])
    kept = np.isin(voxels(HEART), range(1, 8))
    assert np.array_equal(voxels(to), np.where(kept, voxels(HEART), 0))
    assert voxels(back).dtype == voxels(ts).dtype


def remapped(image: Path, *options: object) -> list[int]:
    target = image.with_name("out.nrrd")
    pycemrg("labels", "remap", image, "-o", target, *options)
    return [int(value) for value in voxels(target).ravel()]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--map", "1=4", "--map", "4=1"], [4, 4, 1, 99, 0]),
        (["--map", "LV_BP_label=LA_BP_label", "--map", "LA_BP_label=LV_BP_label"], [4, 4, 1, 99, 0]),
        (["--map", "1=4", "--map", "4=99", "--map", "99=1"], [4, 4, 99, 1, 0]),
        (["--map", " 99 = SVC_label "], [1, 1, 4, 13, 0]),
        (["--map", "1=70000"], [70000, 70000, 4, 99, 0]),
        (["--map", "99=0", "--drop"], [1, 1, 4, 0, 0]),
        (["--map", "99=background", "--drop"], [1, 1, 4, 0, 0]),
        (["--map", "99=4", "--map", "4=4", "--merge"], [1, 1, 4, 4, 0]),
        (["--from", "hvsmr-2", "--map", "RA_BP_label=7"], [1, 1, 7, 99, 0]),
        (["--to", "mm-whs", "--map", "1=LV_BP_label"], [500, 500, 4, 99, 0]),
    ],
)
def test_one_label_at_a_time(row: Path, options: list[str], expected: list[int]) -> None:
    assert remapped(row, *options) == expected


def test_a_table_of_what_becomes_what(row: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("source,target\n1,4\nLA_BP_label,1\n99,IVC_label\n", encoding="utf-8")
    assert remapped(row, "--table", table) == [4, 4, 1, 14, 0]
    # What --map says wins.
    assert remapped(row, "--table", table, "--map", "99=12") == [4, 4, 1, 12, 0]


def test_from_a_slicer_colour_table(row: Path, tmp_path: Path) -> None:
    table = tmp_path / "mine.ctbl"
    table.write_text(
        "# Color table file mine.ctbl\n# 4 values\n0 Background 0 0 0 0\n"
        "1 RA_BP_label 255 0 0 255\n4 LV_BP_label 0 255 0 255\n99 SVC_label 0 0 255 255\n",
        encoding="utf-8",
    )
    assert remapped(row, "--from", table, "--to", "cemrg") == [5, 5, 1, 13, 0]
    names = ("--map", "4=RA_BP_label", "--map", "1=LV_BP_label", "--map", "99=SVC_label")
    assert remapped(row, "--to", table, *names) == [4, 4, 1, 99, 0]


def test_what_becomes_of_each_label_is_said(row: Path, tmp_path: Path) -> None:
    result = pycemrg("labels", "remap", row, "-o", tmp_path / "out.nrrd", "--map", "1=3", "--map", "7=8")
    assert result.stderr.splitlines() == [
        "1 (LV_BP_label) -> 3: 2 voxels",
        "4 (LA_BP_label) not mapped, kept: 1 voxel",
        "99 not mapped, kept: 1 voxel",
        "7 (PArt_BP_label) not in the image",
    ]
    assert result.stdout == f"{tmp_path / 'out.nrrd'} written\n"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--map", "1=4"], "4 (LA_BP_label) is in the image and not mapped, and 1 (LV_BP_label) becomes 4"),
        (["--map", "1=9", "--map", "4=9"], "1 (LV_BP_label) and 4 (LA_BP_label) would all become 9"),
        (["--map", "1=0"], "1 (LV_BP_label) would become 0, the background"),
        (["--map", "0=1"], "0 is the background and cannot become 1"),
        (["--map", "LV_PB_label=9"], "no label is called 'LV_PB_label'; did you mean 'LV_BP_label'"),
        (["--map", "1=4294967296"], "4294967296 does not fit in 32 bits"),
        (["--from", "cemrg", "--to", "acdc"], "4 (LA_BP_label) is not in the target"),
        (["--from", TS, "--to", "hvsmr-2"], "1 (LV_myo_label) is not in the target"),
        (["--from", "no-such", "--to", "cemrg"], "no label scheme is called 'no-such'"),
        (["--table", "absent.csv"], "absent.csv: no such file"),
    ],
)
def test_what_would_lose_a_structure_is_refused(row: Path, options: list[str], expected: str) -> None:
    result = pycemrg("labels", "remap", row, "-o", row.with_name("out.nrrd"), *options, code=1)
    assert result.stderr.startswith("error: ")
    assert expected in result.stderr
    assert not row.with_name("out.nrrd").exists()


# ----------------------------------------------------------------------------------------------- keep, remove


@pytest.mark.slow
def test_keep_and_remove_part_the_image(tmp_path: Path) -> None:
    kept, removed = tmp_path / "kept.nrrd", tmp_path / "removed.nrrd"
    names = ("chambers", "LV_myo", "SVC_label", "14")
    first = pycemrg("labels", "keep", HEART, *names, "-o", kept)
    second = pycemrg("labels", "remove", HEART, *names, "-o", removed)
    chosen = np.isin(voxels(HEART), [1, 2, 3, 4, 5, 13, 14])
    assert np.array_equal(voxels(kept), np.where(chosen, voxels(HEART), 0))
    assert np.array_equal(voxels(removed), np.where(chosen, 0, voxels(HEART)))
    assert "6 (Ao_BP_label) -> background: 40,060 voxels" in first.stderr.splitlines()
    assert "14 (IVC_label) -> background: 2,844 voxels" in second.stderr.splitlines()


@pytest.mark.slow
def test_groups_are_those_of_the_scheme(ts: Path, tmp_path: Path) -> None:
    pycemrg("labels", "keep", ts, "chambers", "-o", tmp_path / "out.nrrd", "--scheme", TS)
    assert set(np.unique(voxels(tmp_path / "out.nrrd"))) == {0, 2, 3, 4, 5}
    result = pycemrg("labels", "keep", ts, "veins", "-o", tmp_path / "no.nrrd", "--scheme", TS, code=1)
    assert "no label or group is called 'veins'" in result.stderr


@pytest.mark.parametrize(
    ("command", "names", "expected"),
    [
        ("keep", ["rings"], "no label would be left; the image has 1, 4, 99"),
        ("remove", ["1", "4", "99"], "no label would be left; the image has 1, 4, 99"),
        ("keep", ["chambrs"], "no label or group is called 'chambrs'; did you mean 'chambers'?"),
        ("keep", ["LV_PB"], "no label or group is called 'LV_PB'; did you mean 'LV_BP'"),
        ("remove", ["\N{SUPERSCRIPT TWO}"], "no label or group is called"),
        ("keep", ["-1"], ""),
    ],
)
def test_selections_that_are_refused(row: Path, command: str, names: list[str], expected: str) -> None:
    code = 2 if names == ["-1"] else 1
    result = pycemrg("labels", command, row, *names, "-o", row.with_name("out.nrrd"), code=code)
    assert expected in result.stderr
    assert not row.with_name("out.nrrd").exists()


def test_digits_that_are_no_decimals_are_names(row: Path) -> None:
    arguments = ("-o", row.with_name("out.nrrd"), "--map", "\N{SUPERSCRIPT TWO}=3")
    assert "no label is called" in pycemrg("labels", "remap", row, *arguments, code=1).stderr


# ------------------------------------------------------------------------------------------------ label table


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), [("slicer", "out.ctbl"), ("itksnap", "out.label")])
@pytest.mark.parametrize("output", ["out.nrrd", "out.nii.gz"])
def test_a_table_for_a_viewer(tmp_path: Path, kind: str, name: str, output: str) -> None:
    arguments = ("--from", "cemrg", "--to", "mm-whs", "--drop", "--label-table", kind)
    result = pycemrg("labels", "remap", HEART, "-o", tmp_path / output, *arguments)
    assert result.stdout == f"{tmp_path / output} and {tmp_path / name} written\n"
    record = catalogue().get(LabelScheme, "mm-whs")
    assert [(row.value, row.name, row.colour) for row in read_label_file(tmp_path / name)] == [
        (value, structure, record.colours[structure]) for structure, value in record.labels.items()
    ]


def test_a_table_has_a_row_for_every_integer(row: Path, tmp_path: Path) -> None:
    pycemrg("labels", "keep", row, "1", "99", "-o", tmp_path / "out.nrrd", "--label-table", "slicer")
    assert [(one.value, one.name) for one in read_label_file(tmp_path / "out.ctbl")] == [
        (1, "LV_BP_label"),
        (99, "label_99"),
    ]


# --------------------------------------------------------------------------------------- run, and what it doubts


@pytest.mark.slow
def test_a_run_without_the_scheme_is_refused_and_names_it(ts: Path, tmp_path: Path) -> None:
    result = pycemrg("run", "four_chamber_full", ts, "-o", tmp_path / "out", code=1)
    title = f"error: {ts}: a check of the image found errors (to run anyway: --no-check, in Python check=False):\n"
    assert result.stderr.startswith(title)
    assert "the anatomy contradicts the labels" in result.stderr
    assert f"try --scheme {TS}, " in result.stderr
    assert "--no-check" in result.stderr
    assert not (tmp_path / "out").exists()
    pycemrg("run", "biventricular_basic", ts, "-o", tmp_path / "out", "--no-check")
    assert (tmp_path / "out" / "heart.nrrd").exists()


@pytest.mark.slow
def test_a_map_without_any_of_the_labels_is_told_its_scheme(tmp_path: Path) -> None:
    image = tmp_path / "whs.nrrd"
    pycemrg("labels", "remap", HEART, "-o", image, "--from", "cemrg", "--to", "mm-whs", "--drop")
    # 205 is a plane in the older scheme and nothing in ours.
    result = pycemrg("run", "four_chamber_full", image, "-o", tmp_path / "out", code=1)
    assert "--scheme mm-whs" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("factor", "figure"), [(1000.0, "714,065,000.0 L"), (0.001, "7.1e-07 mL"), (0.1, "0.71 mL"), (10.0, "714.1 L")]
)
def test_spacing_that_no_heart_has(tmp_path: Path, factor: float, figure: str) -> None:
    image = sitk.ReadImage(str(HEART))
    image.SetSpacing([size * factor for size in image.GetSpacing()])
    sitk.WriteImage(image, str(tmp_path / "heart.nrrd"))
    result = pycemrg("run", "biventricular_basic", tmp_path / "heart.nrrd", "-o", tmp_path / "out", code=1)
    assert f"its structures have {figure} with voxels of {factor:g} x {factor:g} x {factor:g} mm" in result.stderr
    check = pycemrg("labels", "check", tmp_path / "heart.nrrd", "--recipe", "biventricular_basic", code=1)
    assert f"problem: its structures have {figure}" in check.stdout


@pytest.mark.slow
def test_a_size_that_is_right_after_all(tmp_path: Path) -> None:
    """A mouse's heart: the thicknesses are given, and the user insists."""
    image = sitk.ReadImage(str(HEART))
    image.SetSpacing([0.1] * 3)
    sitk.WriteImage(image, str(tmp_path / "mouse.nrrd"))
    thin = [f"--set={name}=0.3" for name in ("LV_neck_WT", "RV_WT", "valve_WT")]
    arguments = ("biventricular_basic", tmp_path / "mouse.nrrd", "-o", tmp_path / "out", *thin)
    assert "--no-check" in pycemrg("run", *arguments, code=1).stderr
    pycemrg("run", *arguments, "--no-check")
    assert 103 in voxels(tmp_path / "out" / "heart.nrrd")


# ----------------------------------------------------------------------------------------------- usage errors


@pytest.mark.slow(every=2)
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["labels", "check", "IN"], "nothing to compare with; give --recipe, --schematic or --scheme"),
        (
            ["labels", "check", "IN", "--recipe", "atria_full", "--schematic", "laa_ring"],
            "nothing to compare with; give --recipe, --schematic or --scheme",
        ),
        (["labels", "remap", "IN", "-o", "OUT"], "no mapping of labels; give --from and --to, --map, or --table"),
        (
            ["labels", "remap", "IN", "-o", "OUT", "--from", "cemrg"],
            "no mapping of labels; give --from and --to, --map, or --table",
        ),
        (["labels", "remap", "IN", "-o", "OUT", "--map", "1"], "'1' is not OLD=NEW"),
        (["labels", "remap", "IN", "-o", "OUT", "--map", "=1"], "'=1' is not OLD=NEW"),
        (["labels", "remap", "IN", "--map", "1=3"], "--output"),
        (["labels", "keep", "IN", "-o", "OUT"], "NAMES"),
        (["labels", "remove", "IN", "1"], "--output"),
        (["labels", "keep", "IN", "1", "-o", "OUT", "--label-table", "word"], "slicer"),
        (["labels", "show"], "IMAGE"),
        (["labels", "shwo", "IN"], "shwo"),
        (["clean", "IN", "-o", "OUT"], "no cleanup chosen; give for example --reassign-islands"),
        (["clean", "IN", "-o", "OUT", "--remove-small", "0"], "no cleanup chosen; give for example --reassign-islands"),
        (
            ["clean", "IN", "-o", "OUT", "--remove-small", "-1"],
            "no cleanup chosen; give for example --reassign-islands",
        ),
        (["clean", "IN", "-o", "OUT", "--fill-holes", "--connectivity", "8"], "connectivity"),
        (["clean", "IN", "--fill-holes"], "--output"),
    ],
)
def test_usage_errors(row: Path, arguments: list[str], expected: str) -> None:
    places = {"IN": str(row), "OUT": str(row.with_name("out.nrrd"))}
    result = pycemrg(*[places.get(word, word) for word in arguments], code=2)
    assert expected in result.stderr
    assert not row.with_name("out.nrrd").exists()


@pytest.mark.parametrize("command", ["show", "volumes", "detect", "suggest", "check", "remap", "keep", "remove"])
def test_every_command_is_on_the_help_page(command: str) -> None:
    assert f"\n  {command} " in pycemrg("labels", "--help").stdout
    assert "IMAGE" in pycemrg("labels", command, "--help").stdout


# ------------------------------------------------------------------------------------------------------ clean

CLEANING: dict[str, tuple[list[str], Any]] = {
    "reassign_islands": (["--reassign-islands"], components.reassign_islands),
    "keep_largest_component": (["--keep-largest-component"], components.keep_largest_component),
    "keep_largest_structure": (["--keep-largest-structure"], components.keep_largest_structure),
    "remove_small": (["--remove-small", "9"], lambda v, c, n=6: components.remove_small(v, c, 9.0, n)),
    "fill_holes": (["--fill-holes"], components.fill_holes),
}


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A heart with specks of every label all over it, and holes."""
    folder = tmp_path_factory.mktemp("dirty")
    array = voxels(small_heart(folder))
    rng = np.random.default_rng(3)
    specks = rng.random(array.shape) < 0.01
    array[specks] = rng.integers(0, 15, int(specks.sum()))
    inside = np.argwhere(ndimage.binary_erosion(array == 1))
    array[tuple(inside[len(inside) // 2])] = 0
    return write(folder / "dirty.nrrd", array, (1.6, 1.6, 2.0))


def differences(before: Array, after: Array) -> dict[tuple[str, str], int]:
    names = {0: "background"} | {value: name for name, value in CEMRG.items()}
    differs = before != after
    pairs, counts = np.unique(np.stack([before[differs], after[differs]]), axis=1, return_counts=True)
    return {(names[int(a)], names[int(b)]): int(n) for (a, b), n in zip(pairs.T, counts, strict=True)}


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("connectivity", ["6", "18", "26"])
@pytest.mark.parametrize("name", CLEANING)
def test_each_option_is_the_function_of_that_name(dirty: Path, tmp_path: Path, name: str, connectivity: str) -> None:
    options, function = CLEANING[name]
    chosen = [1, 3, 4, 5, 13]
    output = tmp_path / "clean.nrrd"
    arguments = ("--labels", "chambers,SVC", "--connectivity", connectivity, "--json")
    ledger = json.loads(pycemrg("clean", dirty, "-o", output, *options, *arguments).stdout)
    start = volume_of(read_labels(dirty)[0])
    expected = WorkingVolume(start, start.array.dtype)
    more = () if name == "fill_holes" else (int(connectivity),)
    expected.apply(function(expected, chosen, *more))
    assert np.array_equal(voxels(output), expected.array)
    assert geometry(read_labels(output)[0]) == geometry(read_labels(dirty)[0])
    changed = differences(voxels(dirty), voxels(output))
    assert changed
    assert {(one["old"], one["new"]): one["voxels"] for one in ledger} == changed
    for one in ledger:
        assert one["step"] == name
        assert one["mm3"] == pytest.approx(one["voxels"] * 1.6 * 1.6 * 2.0)


@pytest.mark.slow
def test_options_run_in_their_order(dirty: Path, tmp_path: Path) -> None:
    """Islands first, holes last, whatever the order on the command line; one after the other is the same."""
    together = tmp_path / "together.nrrd"
    result = pycemrg("clean", dirty, "-o", together, "--fill-holes", "--remove-small", "9", "--reassign-islands")
    image = dirty
    for number, options in enumerate((["--reassign-islands"], ["--remove-small", "9"], ["--fill-holes"])):
        target = tmp_path / f"{number}.nrrd"
        pycemrg("clean", image, "-o", target, *options)
        image = target
    assert np.array_equal(voxels(together), voxels(image))
    first, *lines = result.stdout.splitlines()
    assert first == f"{together} written"
    order = [line.partition(":")[0] for line in lines]
    assert order == sorted(order, key=["reassign_islands", "remove_small", "fill_holes"].index)
    assert all(int(one["components"]) == 1 for one in json.loads(pycemrg("labels", "show", together, "--json").stdout))


def test_a_line_says_what_changed(tmp_path: Path) -> None:
    image = write(tmp_path / "image.nrrd", np.array([[[1, 1, 0, 1, 4, 4, 0, 99]]], np.uint8), (1.0, 1.0, 0.5))
    result = pycemrg(
        "clean", image, "-o", tmp_path / "out.nrrd", "--keep-largest-component", "--keep-largest-structure"
    )
    assert result.stdout.splitlines()[1:] == [
        "keep_largest_component: 1 voxel (0.5 mm3) of LV_BP_label -> background",
        "keep_largest_structure: 2 voxels (1 mm3) of LA_BP_label -> background",
        "keep_largest_structure: 1 voxel (0.5 mm3) of 99 -> background",
    ]


def test_nothing_to_clean(row: Path) -> None:
    result = pycemrg("clean", row, "-o", row.with_name("out.nrrd"), "--keep-largest-component")
    assert result.stdout.splitlines()[-1] == "nothing to clean"
    assert np.array_equal(voxels(row), voxels(row.with_name("out.nrrd")))


def test_labels_to_clean_may_have_spaces_between_them(row: Path) -> None:
    pycemrg("clean", row, "-o", row.with_name("out.nrrd"), "--fill-holes", "--labels", "LV_BP, LA_BP_label , 99")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("chambrs", "no label or group is called 'chambrs'; did you mean 'chambers'?"),
        ("0", "label 0 is the background"),
    ],
)
def test_labels_that_cannot_be_cleaned(row: Path, labels: str, expected: str) -> None:
    result = pycemrg("clean", row, "-o", row.with_name("out.nrrd"), "--fill-holes", "--labels", labels, code=1)
    assert result.stderr.startswith(f"error: {expected}")
    assert not row.with_name("out.nrrd").exists()


# ------------------------------------------------------------------------------------------ many labels at once


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process")
@pytest.mark.parametrize("command", [["labels", "detect"], ["labels", "check", "--recipe", "four_chamber_full"]])
def test_a_map_of_the_whole_body_fits_in_memory(tmp_path: Path, command: list[str]) -> None:
    """Some hundred labels, as an atlas or a map of connected components has."""
    image = write(tmp_path / "atlas.nrrd", np.arange(1, 401, dtype=np.uint16).reshape(10, 8, 5), (8.0, 8.0, 8.0))
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30,) * 2); "
        f"from pycemrg_core.cli import main; main({[*command, str(image)]!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "MemoryError" not in done.stderr
    assert done.returncode in (0, 1)
