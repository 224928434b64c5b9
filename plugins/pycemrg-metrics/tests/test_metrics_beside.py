"""What ``run.json`` beside a heart says of its labels is used by ``measure`` and ``compare``, and from Python."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from shutil import copyfile

import numpy as np
import pytest
import SimpleITK as sitk
from command_line import pycemrg, small_heart, voxels
from pycemrg_metrics import choices, faces

from pycemrg_core import LabelScheme, load_catalogue

pytestmark = pytest.mark.usefixtures("loaded_once")

CATALOGUE = load_catalogue()
RECIPE = "atria_closed"
SAYS = f"run.json beside it names the labels: recipe {RECIPE}"
PLANE = "RPV2_plane_label"
ML = 1.6**3 / 1000  # of a voxel of the phantom


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    pycemrg("run", RECIPE, small_heart(folder), "-o", folder / "out")
    copyfile(folder / "out" / "heart.nrrd", folder / "alone.nrrd")
    return folder


@pytest.fixture(scope="module")
def plane(made: Path) -> int:
    """The integer of a plane, as the record lists it."""
    return int(json.loads((made / "out" / "run.json").read_text())["labels"][PLANE])


def test_measuring(made: Path, plane: int) -> None:
    done = pycemrg("measure", made / "out" / "heart.nrrd", "--labels", PLANE, "--metrics", "volume", "--json")
    (row,) = json.loads(done.stdout)["rows"]
    assert done.stderr == f"note: {SAYS}\n"
    assert (row["name"], row["labels"]) == (PLANE, [plane])
    counted = np.count_nonzero(voxels(made / "out" / "heart.nrrd") == plane)
    assert row["values"]["volume"] == pytest.approx(counted * ML)
    named = pycemrg("measure", made / "out" / "heart.nrrd", "--scheme", "cemrg")
    alone = pycemrg("measure", made / "alone.nrrd")
    assert (named.stdout, named.stderr, alone.stderr) == (alone.stdout, "", "")


def test_measuring_from_python(made: Path, plane: int) -> None:
    with pytest.warns(UserWarning, match=SAYS) as said:
        table = faces.measure(made / "out" / "heart.nrrd", CATALOGUE, metrics=["volume"])
    assert len(said) == 1
    assert {row.labels: row.name for row in table.rows}[plane,] == PLANE
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alone = faces.measure(made / "alone.nrrd", CATALOGUE, metrics=["volume"])
        named = faces.measure(made / "out" / "heart.nrrd", CATALOGUE, metrics=["volume"], scheme="cemrg")
        read = faces.measure(sitk.ReadImage(str(made / "out" / "heart.nrrd")), CATALOGUE, metrics=["volume"])
    assert alone.rows == named.rows == read.rows, "without a record, or with a scheme, all is as before"


@pytest.mark.parametrize("pair", [("out/heart.nrrd", "alone.nrrd"), ("alone.nrrd", "out/heart.nrrd")])
def test_comparing(made: Path, plane: int, pair: tuple[str, str]) -> None:
    """The names of one heart are those of both, whichever it is."""
    ours, theirs = (made / one for one in pair)
    done = pycemrg("compare", ours, theirs, "--metrics", "dice", "--json")
    rows = {row["name"]: row for row in json.loads(done.stdout)["rows"]}
    assert rows[PLANE]["labels"] == [plane]
    assert {row["values"]["dice"] for row in rows.values()} == {1}
    assumed = (
        f"note: {made / 'alone.nrrd'}: nothing says what its integers are, so they count as those of the other map; if"
    )
    known, guessed = done.stderr.splitlines()
    assert known == f"note: {made / 'out' / 'heart.nrrd'}: {SAYS}"
    assert guessed.startswith(assumed)
    with pytest.warns(UserWarning, match=SAYS):
        table = faces.compare_labels(ours, theirs, CATALOGUE, metrics=["dice"])
    assert {row.name: row.labels for row in table.rows} == {name: tuple(row["labels"]) for name, row in rows.items()}
    named = pycemrg("compare", ours, theirs, "--metrics", "dice", "--scheme", "cemrg")
    assert named.stderr == ""
    assert PLANE not in named.stdout


def test_two_runs_are_compared_by_name(made: Path, plane: int, tmp_path: Path) -> None:
    """The other heart has the same structures with other integers, and its record says so."""
    heart, record = made / "out" / "heart.nrrd", json.loads((made / "out" / "run.json").read_text())
    pycemrg("labels", "remap", heart, "-o", tmp_path / "heart.nrrd", "--map", f"{PLANE}=250")
    record["labels"][PLANE] = 250
    names = record["blueprint"]["names"]
    record["blueprint"]["names"] = {"250": PLANE, **{label: name for label, name in names.items() if name != PLANE}}
    record["blueprint"]["planes"] = []
    (tmp_path / "run.json").write_text(json.dumps(record))
    done = pycemrg("compare", tmp_path / "heart.nrrd", heart, "--metrics", "dice", "--json")
    rows = {row["name"]: row for row in json.loads(done.stdout)["rows"]}
    assert rows[PLANE]["labels"] == [plane]
    assert {row["values"]["dice"] for row in rows.values()} == {1}


def test_a_mask_is_named_by_its_record(made: Path) -> None:
    heart = made / "out" / "heart.nrrd"
    image = sitk.Cast(sitk.ReadImage(str(heart)), sitk.sitkFloat32)
    said: list[str] = []
    assert PLANE in choices.naming(None, CATALOGUE, heart, said.append).labels
    assert said == [SAYS]
    assert choices.naming("cemrg", CATALOGUE, heart, said.append) == CATALOGUE.get(LabelScheme, "cemrg")
    assert said == [SAYS]
    with pytest.warns(UserWarning, match=SAYS):
        table = faces.compare_images(image, image, CATALOGUE, metrics=["mse"], mask=heart, labels=[PLANE])
    assert table.rows[0].values["mse"] == 0
