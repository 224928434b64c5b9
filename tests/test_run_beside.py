"""The ``run.json`` beside a heart names its labels, for every command and function that names them."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copyfile

import numpy as np
import pytest
from command_line import pycemrg, small_heart, voxels

from pycemrg_core import LabelScheme, load_catalogue, read_volume, write_volume
from pycemrg_core.api import heart_names, read_heart_names
from pycemrg_core.plugins.loading import Policy

pytestmark = pytest.mark.usefixtures("loaded_once")

CATALOGUE = load_catalogue(Policy(allow=frozenset()))
CEMRG = {value: name for name, value in CATALOGUE.get(LabelScheme, "cemrg").labels.items()}
RECIPE = "atria_closed"
SAYS = f"run.json beside it names the labels: recipe {RECIPE}"
PLANE, RING = "RPV2_plane_label", "LPV1_ring_label"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    pycemrg("run", RECIPE, small_heart(folder), "-o", folder / "out")
    return folder / "out"


@pytest.fixture
def heart(made: Path, tmp_path: Path) -> Path:
    """A heart with the record of its run beside it."""
    (tmp_path / "run").mkdir()
    for name in ("heart.nrrd", "run.json"):
        copyfile(made / name, tmp_path / "run" / name)
    return tmp_path / "run" / "heart.nrrd"


@pytest.fixture
def names(heart: Path) -> dict[int, str]:
    """The names of the integers in the heart, as the record lists them."""
    listed = json.loads(heart.with_name("run.json").read_text())["labels"]
    present = {int(value) for value in np.unique(voxels(heart))}
    return {value: name for name, value in listed.items() if value in present}


def shown(*arguments: object) -> dict[int, str]:
    """The names that ``labels show`` gives to the integers of an image."""
    return {one["value"]: one["name"] for one in json.loads(pycemrg("labels", "show", *arguments, "--json").stdout)}


def added(heart: Path, label: int) -> None:
    """Give one voxel of the background another label."""
    volume = read_volume(heart)[0]
    array = volume.array.copy()
    assert array[0, 0, 0] == 0
    array[0, 0, 0] = label
    write_volume(volume.with_array(array), heart)


def test_the_scheme_gives_other_names(names: dict[int, str]) -> None:
    """Otherwise the tests below would show nothing."""
    value = next(value for value, name in names.items() if name == PLANE)
    assert CEMRG.get(value) not in (None, PLANE)


def test_showing(heart: Path, names: dict[int, str]) -> None:
    assert shown(heart) == names
    for command in (("show", heart), ("volumes", heart, "planes"), ("suggest", heart)):
        assert pycemrg("labels", *command).stderr == f"note: {SAYS}\n", "one note says what names the labels"
    rows = pycemrg("labels", "volumes", heart, PLANE, "--csv").stdout.splitlines()[1:]
    assert [row.split(",")[1] for row in rows] == [PLANE]
    assert "beside" not in pycemrg("labels", "detect", heart).stderr, "the anatomy alone is asked"


def test_a_scheme_that_the_user_names_wins(heart: Path) -> None:
    found = {value: CEMRG.get(value, "") for value in map(int, np.unique(voxels(heart))) if value}
    assert shown(heart, "--scheme", "cemrg") == shown(f"{heart}@cemrg") == found
    for command in (("show", heart, "--scheme", "cemrg"), ("show", f"{heart}@cemrg")):
        assert "beside" not in pycemrg("labels", *command).stderr
    assert read_heart_names(f"{heart}@acdc", CATALOGUE) == dict(CATALOGUE.get(LabelScheme, "acdc").labels)


def test_a_heart_elsewhere_is_named_as_before(heart: Path, tmp_path: Path) -> None:
    copyfile(heart, tmp_path / "copy.nrrd")
    assert shown(tmp_path / "copy.nrrd") == shown(heart, "--scheme", "cemrg")
    assert pycemrg("labels", "show", tmp_path / "copy.nrrd").stderr == ""
    assert read_heart_names(tmp_path / "copy.nrrd", CATALOGUE) == {}


def test_a_heart_renamed_in_the_folder_of_its_run_keeps_its_names(heart: Path, names: dict[int, str]) -> None:
    assert shown(heart.rename(heart.with_name("mine.nrrd"))) == names


@pytest.mark.parametrize("kind", ["remove", "keep"])
def test_selecting(heart: Path, names: dict[int, str], tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out.nii.gz"
    assert SAYS in pycemrg("labels", kind, heart, RING, "-o", out).stderr
    ring = next(value for value, name in names.items() if name == RING)
    before = voxels(heart)
    gone = (before == ring) == (kind == "remove")
    np.testing.assert_array_equal(voxels(out), np.where(gone, 0, before))
    assert shown(out).items() <= names.items(), "the names are in the file now"


def test_changing_integers(heart: Path, names: dict[int, str], tmp_path: Path) -> None:
    out = tmp_path / "out.nrrd"
    assert SAYS in pycemrg("labels", "remap", heart, "-o", out, "--map", f"{PLANE}=250").stderr
    plane = next(value for value, name in names.items() if name == PLANE)
    before = voxels(heart)
    np.testing.assert_array_equal(voxels(out), np.where(before == plane, 250, before))
    pycemrg("labels", "remap", heart, "-o", out, "--from", "cemrg", "--map", f"{CEMRG[plane]}=250")
    np.testing.assert_array_equal(voxels(out), np.where(before == plane, 250, before))


def test_cleaning(heart: Path, names: dict[int, str], tmp_path: Path) -> None:
    volume = read_volume(heart)[0]
    plane = next(value for value, name in names.items() if name == PLANE)
    added(heart, plane)
    done = pycemrg("clean", heart, "-o", tmp_path / "out.nrrd", "--keep-largest-component", "--labels", PLANE, "--json")
    assert f"note: {SAYS}, though its voxels are others\n" in done.stderr
    assert {one["old"] for one in json.loads(done.stdout)} == {PLANE}
    assert voxels(tmp_path / "out.nrrd")[0, 0, 0] == 0
    assert set(np.unique(voxels(tmp_path / "out.nrrd"))) - {0} == set(volume.boxes)


def test_a_label_that_the_run_did_not_know(heart: Path) -> None:
    added(heart, 250)
    unused = "run.json beside it is not used, its run did not know label 250"
    assert f"note: {unused}\n" in pycemrg("labels", "show", heart).stderr
    assert shown(heart) == shown(heart, "--scheme", "cemrg")
    assert heart_names(heart, CATALOGUE) == ({}, (unused,))


def test_a_record_that_cannot_be_read(heart: Path) -> None:
    heart.with_name("run.json").write_text("{}")
    assert "note: run.json beside it is not used: " in pycemrg("labels", "show", heart).stderr
    assert shown(heart) == shown(heart, "--scheme", "cemrg")


def test_the_input_of_a_run_that_changed_the_integers(tmp_path: Path) -> None:
    """The integers 1 to 7 of the input are those of the run too, and mean other structures there."""
    scheme = CATALOGUE.get(LabelScheme, "totalsegmentator-heartchambers")
    mine = tmp_path / "mine.nrrd"
    to = ("--from", "cemrg", "--to", scheme.name, "--drop")
    pycemrg("labels", "remap", small_heart(tmp_path), "-o", tmp_path / "named.nrrd", *to)
    write_volume(read_volume(tmp_path / "named.nrrd")[0], mine)  # without the names
    pycemrg("run", "four_chamber_full", mine, "-o", tmp_path, "--scheme", scheme.name, "--no-check")
    assert "not used, the image is the input of its run" in pycemrg("labels", "show", mine).stderr
    assert heart_names(mine, CATALOGUE)[0] == {}
    assert heart_names(tmp_path / "heart.nrrd", CATALOGUE)[0]


def test_names_in_the_file_win(heart: Path) -> None:
    ours, _ = heart_names(heart, CATALOGUE)
    other = heart.with_name("other.nii.gz")
    pycemrg("labels", "remap", heart, "-o", other, "--from", "cemrg", "--map", "4=5", "--map", "5=4")
    found, notes = heart_names(other, CATALOGUE)
    assert notes == ()
    assert found[RING] == next(value for value, name in CEMRG.items() if name == RING)
    assert found[RING] != ours[RING]


def test_from_python(heart: Path, names: dict[int, str]) -> None:
    found, notes = heart_names(heart, CATALOGUE)
    assert notes == (SAYS,)
    assert {value: name for name, value in found.items() if value in names} == names
    assert read_heart_names(heart, CATALOGUE) == found
    assert heart_names(heart, CATALOGUE, read_volume(heart)[0]) == (found, notes)


def test_a_recipe_of_a_heart_asks_nothing_of_the_record(heart: Path, tmp_path: Path) -> None:
    """Its steps write the integers of the recipe, with or without the record."""
    copyfile(heart, tmp_path / "heart.nrrd")
    beside, alone = (pycemrg("plan", RECIPE, one, "--no-check") for one in (heart, tmp_path / "heart.nrrd"))
    assert beside.stderr == alone.stderr
    assert beside.stdout.replace(str(heart), str(tmp_path / "heart.nrrd")) == alone.stdout


def test_another_heart_beside_the_record_is_named_as_if_it_were_alone(heart: Path, tmp_path: Path) -> None:
    """Its small integers are known to the run, and mean something else."""
    volume = read_volume(small_heart(tmp_path))[0]
    table = np.arange(256, dtype=np.uint8)
    table[:8] = (0, 3, 1, 5, 2, 4, 6, 7)
    other = volume.with_array(table[np.where(volume.array < 8, volume.array, 0)])
    for place in (heart.with_name("other.nrrd"), tmp_path / "other.nrrd"):
        write_volume(other, place)
    beside = pycemrg("labels", "show", heart.with_name("other.nrrd"))
    assert "note: run.json beside it is not used, the image has few of the labels that its run made" in beside.stderr
    assert beside.stdout == pycemrg("labels", "show", tmp_path / "other.nrrd").stdout


def test_a_repaired_heart_keeps_its_names(heart: Path, names: dict[int, str]) -> None:
    pycemrg("repair", heart, "-o", heart.with_name("repaired.nrrd"), code=1)  # rings that are no loops
    assert shown(heart.with_name("repaired.nrrd")) == names
