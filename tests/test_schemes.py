"""The built-in label schemes hold the field's integers, and an image in any of them runs as one in our own."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from brute import catalogue, image_of
from command_line import HEART, pycemrg, voxels

from pycemrg_core import LabelScheme, Recipe, include
from pycemrg_core.errors import LabelError
from pycemrg_core.images.conversion import convert, convert_again
from pycemrg_core.images.image_files import read_labels, volume_of, write_image
from pycemrg_core.images.remap import LabelRemapper, remap_image
from pycemrg_core.recipes.labelling import recipe_labels

pytestmark = pytest.mark.usefixtures("loaded_once")

RECIPE = "four_chamber_full"

WALLS = "LV_myo_label RV_myo_label LA_myo_label RA_myo_label Ao_wall_label PArt_wall_label"
VALVES = "MV_label TV_label AV_label PV_label"
VEINS = ("LPV1", "LPV2", "RPV1", "RPV2", "LAA", "SVC", "IVC")


def row(first: int, names: str, suffix: str = "") -> dict[str, int]:
    return {f"{name}{suffix}": value for value, name in enumerate(names.split(), first)}


# LPV1 is the left superior pulmonary vein, LPV2 the left inferior; RPV1 and RPV2 likewise on the right.
INPUTS_AND_WALLS = {
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
    "RV_myo_label": 103,
    "LA_myo_label": 104,
    "RA_myo_label": 105,
    "Ao_wall_label": 106,
    "PArt_wall_label": 107,
    "MV_label": 201,
    "TV_label": 202,
    "AV_label": 203,
    "PV_label": 204,
}
EXPECTED: dict[str, dict[str, int]] = {
    "cemrg": {**INPUTS_AND_WALLS, **row(208, "LPV1 LPV2 RPV1 RPV2 LAA SVC IVC", "_ring_label")},
    "cemrg-legacy": {
        **INPUTS_AND_WALLS,
        **row(205, "LPV1 LPV2 RPV1 RPV2 LAA SVC IVC", "_plane_label"),
        **row(221, "LPV1 LPV2 RPV1 RPV2 LAA SVC IVC", "_ring_label"),
    },
    "cemrg-mesh": {
        **row(1, WALLS),
        **row(7, VALVES),
        **row(11, "LPV1 LPV2 RPV1 RPV2 LAA SVC IVC", "_plane_label"),
        **row(18, "LAA SVC IVC LPV1 LPV2 RPV1 RPV2", "_ring_label"),
    },
    "strocchi-2020": {
        **row(1, WALLS),
        **row(7, "LAA LPV1 LPV2 RPV2 RPV1 SVC IVC", "_ring_label"),
        **row(14, VALVES),
        **row(18, "LAA LPV1 LPV2 RPV2 RPV1 SVC IVC", "_plane_label"),
    },
    "rodero-2021": {
        **row(1, WALLS),
        **row(7, VALVES),
        **row(11, "LAA LPV1 LPV2 RPV2 RPV1 SVC IVC", "_plane_label"),
        **row(18, "LAA RPV2 LPV2 LPV1 RPV1 SVC IVC", "_ring_label"),
    },
    "totalsegmentator-heartchambers": {
        "LV_myo_label": 1,
        "LA_BP_label": 2,
        "LV_BP_label": 3,
        "RA_BP_label": 4,
        "RV_BP_label": 5,
        "Ao_BP_label": 6,
        "PArt_BP_label": 7,
    },
    "totalsegmentator-total": {
        "heart_label": 51,
        "Ao_BP_label": 52,
        "pulmonary_veins_label": 53,
        "LAA_label": 61,
        "SVC_label": 62,
        "IVC_label": 63,
    },
    "totalsegmentator-v1": {
        "Ao_BP_label": 7,
        "IVC_label": 8,
        "LV_myo_label": 44,
        "LA_BP_label": 45,
        "LV_BP_label": 46,
        "RA_BP_label": 47,
        "RV_BP_label": 48,
        "PArt_BP_label": 49,
    },
    "mm-whs": {
        "LV_BP_label": 500,
        "RV_BP_label": 600,
        "LA_BP_label": 420,
        "RA_BP_label": 550,
        "LV_myo_label": 205,
        "Ao_BP_label": 820,
        "PArt_BP_label": 850,
    },
    "hvsmr-2": {
        "LV_BP_label": 1,
        "RV_BP_label": 2,
        "LA_BP_label": 3,
        "RA_BP_label": 4,
        "Ao_BP_label": 5,
        "PArt_BP_label": 6,
        "SVC_label": 7,
        "IVC_label": 8,
    },
    "acdc": {"RV_BP_label": 1, "LV_myo_label": 2, "LV_BP_label": 3},
    "mnms-2": {"LV_BP_label": 1, "LV_myo_label": 2, "RV_BP_label": 3},
}
CEMRG = EXPECTED["cemrg"]


def scheme(name: str) -> LabelScheme:
    return catalogue().get(LabelScheme, name)


# ------------------------------------------------------------------------------------------------ the tables


def test_these_are_the_schemes() -> None:
    assert {c.name for c in catalogue().all(LabelScheme)} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_integers_of_the_field(name: str) -> None:
    assert dict(scheme(name).labels) == EXPECTED[name]
    assert list(scheme(name).labels.values()) == sorted(EXPECTED[name].values())


@pytest.mark.parametrize("name", EXPECTED)
def test_every_structure_has_a_colour_and_no_other_has(name: str) -> None:
    colours = scheme(name).colours
    assert colours.keys() == EXPECTED[name].keys()
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours.values())
    assert len(set(colours.values())) == len(colours)


@pytest.mark.parametrize("name", EXPECTED)
def test_groups_hold_structures_of_the_scheme(name: str) -> None:
    groups = scheme(name).groups
    assert groups
    for group, members in groups.items():
        assert members, group
        assert set(members) <= EXPECTED[name].keys(), group
        assert len(set(members)) == len(members), group
        assert group not in EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_codes_are_numbers_and_belong_to_one_structure(name: str) -> None:
    codes = scheme(name).snomed
    assert codes.keys() <= EXPECTED[name].keys()
    assert all(re.fullmatch("[1-9][0-9]{5,17}", code) for code in codes.values())
    assert len(set(codes.values())) == len(codes)


def verhoeff(number: str) -> int:
    """The check that every SNOMED CT identifier passes: 0."""
    five = [[(i + j) % 5 for j in range(5)] for i in range(5)]
    table = [five[i] + [x + 5 for x in five[i]] for i in range(5)]
    table += [[(i - j) % 5 + 5 for j in range(5)] + [(i - j) % 5 for j in range(5)] for i in range(5)]
    step = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
    permuted, check = list(range(10)), 0
    for digit in reversed(number):
        check = table[check][permuted[int(digit)]]
        permuted = [step[i] for i in permuted]
    return check


def test_codes_have_their_check_digit() -> None:
    codes = {code for name in EXPECTED for code in scheme(name).snomed.values()}
    assert {code: verhoeff(code) for code in codes} == dict.fromkeys(codes, 0)


def test_a_structure_has_the_same_name_colour_and_code_in_every_scheme() -> None:
    colours: dict[str, str] = {}
    codes: dict[str, str] = {}
    for name in EXPECTED:
        record = scheme(name)
        for structure, colour in record.colours.items():
            assert colours.setdefault(structure, colour) == colour
        for structure in record.labels:
            assert codes.setdefault(structure, record.snomed.get(structure, "")) == record.snomed.get(structure, "")
    nowhere_else = {"heart_label", "pulmonary_veins_label"}
    planes = {f"{vein}_plane_label" for vein in ["LPV1", "LPV2", "RPV1", "RPV2", "LAA", "SVC", "IVC"]}
    assert set(colours) == CEMRG.keys() | planes | nowhere_else


@pytest.mark.parametrize("name", EXPECTED)
def test_every_scheme_says_where_it_is_from(name: str) -> None:
    assert scheme(name).source


# --------------------------------------------------------------------------------------- runs with --scheme


def heart_in(name: str, path: Path, *, known_to: str = "") -> Path:
    """The shipped heart in a scheme, without what that scheme (or ``known_to``) does not have."""
    target = {structure: value for structure, value in EXPECTED[name].items() if structure in CEMRG}
    kept = EXPECTED[known_to] if known_to else target
    source = {structure: value for structure, value in CEMRG.items() if value <= 14}
    target = {structure: value for structure, value in target.items() if structure in kept}
    write_image(
        remap_image(read_labels(HEART)[0], LabelRemapper.between(source, target, dropped="drop", merge=True)), path
    )
    return path


def record_of(folder: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return record


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["cemrg-legacy", "totalsegmentator-heartchambers", "totalsegmentator-v1", "mm-whs", "hvsmr-2"]
)
def test_the_same_heart_in_another_scheme_gives_the_same_voxels(tmp_path: Path, name: str) -> None:
    theirs = heart_in(name, tmp_path / "theirs.nrrd")
    ours = heart_in("cemrg", tmp_path / "ours.nrrd", known_to=name)
    pycemrg("run", RECIPE, theirs, "-o", tmp_path / "out", "--scheme", name)
    pycemrg("run", RECIPE, ours, "-o", tmp_path / "expected")
    result = voxels(tmp_path / "out" / "heart.nrrd")
    assert np.array_equal(result, voxels(tmp_path / "expected" / "heart.nrrd"))
    assert {103, 104, 105, 106, 107, 201, 202, 203, 204} <= set(np.unique(result).tolist())


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a map in the scheme of another tool, with the image after each step."""
    folder = tmp_path_factory.mktemp("converted")
    image = heart_in("totalsegmentator-heartchambers", folder / "ts.nrrd")
    arguments = ("--scheme", "totalsegmentator-heartchambers", "--keep-steps")
    result = pycemrg("run", RECIPE, image, "-o", folder / "out", *arguments)
    note = "note: labels converted from totalsegmentator-heartchambers to the integers of the recipe"
    assert note in result.stderr
    return folder


@pytest.mark.slow
def test_the_record_says_what_became_what(converted: Path) -> None:
    conversion = record_of(converted / "out")["conversion"]
    assert conversion["scheme"] == "totalsegmentator-heartchambers"
    before = voxels(converted / "ts.nrrd")
    assert conversion["labels"] == [
        {"name": name, "old": old, "new": CEMRG[name], "voxels": int((before == old).sum())}
        for name, old in EXPECTED["totalsegmentator-heartchambers"].items()
    ]


def test_a_run_in_our_own_integers_records_no_conversion(tmp_path: Path) -> None:
    pycemrg("run", "biventricular_basic", HEART, "-o", tmp_path / "out")
    assert "conversion" not in record_of(tmp_path / "out")


@pytest.mark.slow
def test_the_run_can_be_repeated(converted: Path, tmp_path: Path) -> None:
    result = pycemrg("run", "--again", converted / "out" / "run.json", "-o", tmp_path / "again")
    assert "every voxel is the same as in" in result.stdout
    assert np.array_equal(voxels(tmp_path / "again" / "heart.nrrd"), voxels(converted / "out" / "heart.nrrd"))
    assert record_of(tmp_path / "again")["conversion"] == record_of(converted / "out")["conversion"]


def forget_steps_after(folder: Path, count: int) -> None:
    """What a run leaves that was stopped after this many steps."""
    for name in ("heart.nrrd", "run.json"):
        (folder / name).unlink()
    for path in sorted((folder / "steps").glob("*.nrrd"))[count:]:
        path.unlink()
    progress = json.loads((folder / "steps" / "progress.json").read_text(encoding="utf-8"))
    progress["steps"] = progress["steps"][:count]
    (folder / "steps" / "progress.json").write_text(json.dumps(progress), encoding="utf-8")


@pytest.mark.slow
def test_the_run_can_be_taken_up(converted: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    shutil.copytree(converted / "out", folder)
    forget_steps_after(folder, 5)
    image = shutil.copy(converted / "ts.nrrd", tmp_path / "ts.nrrd")
    pycemrg("run", RECIPE, image, "-o", folder, "--scheme", "totalsegmentator-heartchambers", "--resume")
    assert np.array_equal(voxels(folder / "heart.nrrd"), voxels(converted / "out" / "heart.nrrd"))
    assert record_of(folder)["conversion"] == record_of(converted / "out")["conversion"]


@pytest.mark.slow
def test_a_run_is_not_taken_up_in_another_scheme(converted: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    shutil.copytree(converted / "out", folder)
    arguments = ("-o", folder, "--scheme", "hvsmr-2", "--no-check", "--resume")
    result = pycemrg("run", RECIPE, converted / "ts.nrrd", *arguments, code=1)
    assert "cannot be resumed" in result.stderr
    assert "without --resume" in result.stderr


@pytest.mark.slow
def test_what_the_scheme_lacks_is_refused_by_name(converted: Path, tmp_path: Path) -> None:
    name = "totalsegmentator-heartchambers"
    arguments = ("-o", tmp_path / "out", "--scheme", name)
    result = pycemrg("run", "atria_full", converted / "ts.nrrd", *arguments, code=1)
    veins = {"LPV1": 8, "LPV2": 9, "RPV1": 10, "RPV2": 11, "LAA": 12, "SVC": 13, "IVC": 14}
    lines = [line.strip().split(". ", 1)[1] for line in result.stderr.splitlines()[1:]]
    assert lines[:-1] == [
        f"{vein}_label ({value}) is not in the image; needed by {vein.lower()}_ring; the scheme {name} does not have it"
        for vein, value in veins.items()
    ]
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------------------------------------ conversion


def converted_pairs(image: sitk.Image, name: str, recipe: Recipe | None = None) -> dict[str, tuple[int, int]]:
    _, conversion = convert(volume_of(image), scheme(name), recipe_labels(catalogue(), recipe=recipe))
    return {label.name: (label.old, label.new) for label in conversion.labels}


def test_a_structure_that_no_recipe_knows_keeps_its_integer_when_it_is_free() -> None:
    image = image_of(np.array([[[51, 52, 53, 62, 0]]], np.uint8))
    assert converted_pairs(image, "totalsegmentator-total") == {
        "heart_label": (51, 51),
        "Ao_BP_label": (52, 6),
        "pulmonary_veins_label": (53, 15),  # fusing knows it
        "SVC_label": (62, 13),
    }


def test_a_structure_that_no_recipe_knows_gets_a_free_integer_otherwise() -> None:
    """The older planes at 208 to 211 stand where the rings are now."""
    planes = {f"{vein}_plane_label": value for value, vein in enumerate(VEINS, 205)}
    image = image_of(np.array([[[*planes.values(), 221]]], np.uint8))
    # The whole catalogue knows the planes, from the recipe of the closed heart; these two recipes do not.
    both = Recipe(name="both", steps=(include("four_chamber_full"), include("atria_full")))
    pairs = converted_pairs(image, "cemrg-legacy", both)
    assert pairs.pop("LPV1_ring_label") == (221, 208)
    assert {name: old for name, (old, _) in pairs.items()} == planes
    new = {name: new for name, (_, new) in pairs.items()}
    assert {name: new[name] for name in list(planes)[:3]} == {name: planes[name] for name in list(planes)[:3]}
    assert len(set(new.values())) == 7
    assert not set(new.values()) & set(CEMRG.values())
    assert not {new[name] for name in list(planes)[3:]} & set(EXPECTED["cemrg-legacy"].values())


def test_an_integer_that_the_scheme_does_not_name_stays_unless_it_is_in_the_way() -> None:
    image = image_of(np.array([[[1, 3, 77]]], np.uint8))
    result, conversion = convert(volume_of(image), scheme("mnms-2"), recipe_labels(catalogue()))
    assert result.array.tolist() == [[[1, 3, 77]]]
    assert conversion.mapping == {1: 1, 3: 3}


@pytest.mark.parametrize(("name", "value"), [("mnms-2", 4), ("totalsegmentator-heartchambers", 14), ("acdc", 208)])
def test_an_integer_in_the_way_is_refused(tmp_path: Path, name: str, value: int) -> None:
    image = image_of(np.array([[[1, 3, value]]], np.uint8))
    with pytest.raises(LabelError, match=f"{value} .*is in the image and not mapped"):
        convert(volume_of(image), scheme(name), recipe_labels(catalogue()))
    sitk.WriteImage(image, str(tmp_path / "image.nrrd"))
    arguments = ("-o", tmp_path / "out", "--scheme", name, "--no-check")
    result = pycemrg("run", "biventricular_basic", tmp_path / "image.nrrd", *arguments, code=1)
    assert f"{value} " in result.stderr


def test_an_image_is_converted_again_as_it_was() -> None:
    image = image_of(np.array([[[1, 2, 3, 4, 5, 6, 7, 0]]], np.uint8))
    result, conversion = convert(volume_of(image), scheme("totalsegmentator-heartchambers"), recipe_labels(catalogue()))
    assert result.array.tolist() == [[[2, 4, 1, 5, 3, 6, 7, 0]]]
    assert convert_again(volume_of(image), conversion).array.tolist() == [[[2, 4, 1, 5, 3, 6, 7, 0]]]
