"""``labels merge``: own integers stay, the rest is added; the merged file is what ``run`` and ``plan`` take."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import yaml
from brute import catalogue
from command_line import contents, pycemrg, small_heart
from hypothesis import given, settings
from hypothesis import strategies as st

from pycemrg_core import Schematic
from pycemrg_core.api import LabelError, UnknownNameError
from schematics_builtin.labels import merge_labels, needed_labels

pytestmark = pytest.mark.usefixtures("loaded_once")

MINE = """# my study
labels:
  LV blood pool: 1
  LV_myo: 20
  scar: 103
groups:
  left: [LV blood pool, LV_myo]
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(MINE, encoding="utf-8")
    return path


def test_each_state_once(mine: Path, tmp_path: Path) -> None:
    out = tmp_path / "merged.yaml"
    result = pycemrg("labels", "merge", mine, "lv_outflow", "rv_myocardium", "-o", out)
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["1", "LV", "blood", "pool", "reused", "as", "in", "your", "file"] in lines
    assert "20  LV_myo         mismatch  your integer stays; the default is 2" in result.stdout
    assert "3  RV_BP_label    new       added" in result.stdout
    assert "107  RV_myo_label   clash     added with a free integer: 103 is 'scar' in your file" in result.stdout
    assert "note: if 'scar' is the structure 'RV_myo_label', rename it in " in result.stderr
    assert yaml.safe_load(out.read_text(encoding="utf-8")) == {
        "labels": {"LV blood pool": 1, "LV_myo": 20, "scar": 103, "RV_BP_label": 3, "Ao_wall_label": 106}
        | {"RV_myo_label": 107},
        "groups": {"left": ["LV blood pool", "LV_myo"]},
    }


def test_a_second_merge_adds_nothing(mine: Path, tmp_path: Path) -> None:
    once, twice = tmp_path / "once.yaml", tmp_path / "twice.yaml"
    pycemrg("labels", "merge", mine, "atria_full", "-o", once)
    states = json.loads(pycemrg("labels", "merge", once, "atria_full", "-o", twice, "--json").stdout)
    assert {one["state"] for one in states} <= {"reused", "mismatch"}
    assert once.read_bytes() == twice.read_bytes()


def test_the_planner_takes_what_was_merged(mine: Path, tmp_path: Path) -> None:
    """Before, ``scar`` has the integer of RV_myo_label, and the run is refused."""
    heart = small_heart(tmp_path)
    moved = tmp_path / "moved.nrrd"
    sitk.WriteImage(sitk.ChangeLabel(sitk.ReadImage(str(heart)), {2: 20}), str(moved))
    refused = pycemrg("plan", "rv_myocardium", moved, "--labels", mine, code=1).stderr
    assert "103 is its default" in refused
    out = tmp_path / "merged.yaml"
    pycemrg("labels", "merge", mine, "rv_myocardium", "-o", out)
    planned = json.loads(pycemrg("plan", "rv_myocardium", moved, "--labels", out, "--json").stdout)
    assert planned["steps"][0]["writes"] == ["RV_myo_label 107"]


def test_a_recipe_has_the_integers_of_its_scheme() -> None:
    """The rings of four_chamber_closed are 221 to 227, those of atria_full 208 to 214."""
    closed = needed_labels(["four_chamber_closed"], catalogue())
    assert [closed[f"{vein}_ring_label"] for vein in ("LPV1", "IVC")] == [221, 227]
    assert needed_labels(["lpv1_ring"], catalogue())["LPV1_ring_label"] == 208
    assert needed_labels(["aortic_wall"], catalogue()) == dict(catalogue().get(Schematic, "aortic_wall").labels)
    with pytest.raises(LabelError, match=r"'LPV1_ring_label' is 208 in 'lpv1_ring' and 221 in 'lpv1_ring_own_cell'"):
        needed_labels(["lpv1_ring", "lpv1_ring_own_cell"], catalogue())


def test_what_is_refused(mine: Path, tmp_path: Path) -> None:
    before = contents(tmp_path)
    text = pycemrg("labels", "merge", mine, "lpv1_rin", code=1).stderr
    assert text.startswith("error: no recipe or schematic is called 'lpv1_rin'; did you mean 'lpv1_ring'")
    with pytest.raises(UnknownNameError):
        needed_labels(["nothing_of_the_kind"], catalogue())
    assert "would overwrite its input" in pycemrg("labels", "merge", mine, "lv_outflow", "-o", mine, code=1).stderr
    assert "no such file" in pycemrg("labels", "merge", tmp_path / "none.yaml", "lv_outflow", code=1).stderr
    assert contents(tmp_path) == before
    twice = tmp_path / "twice.yaml"
    twice.write_text("{LV: 1, LV_BP_label: 5}", encoding="utf-8")
    text = pycemrg("labels", "merge", twice, "lv_outflow", code=1).stderr
    assert "'LV' and 'LV_BP_label' are one structure, 'LV_BP_label'; keep one of them" in text


def test_a_table_of_a_viewer_becomes_yaml(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("value,name\n7,LV\n", encoding="utf-8")
    pycemrg("labels", "merge", tmp_path / "mine.csv", "lv_outflow", "-o", tmp_path / "out.yaml")
    assert yaml.safe_load((tmp_path / "out.yaml").read_text(encoding="utf-8")) == {
        "labels": {"LV": 7, "LV_myo_label": 2}
    }


names = st.sampled_from(["a", "b", "c", "LV_BP_label", "LV_myo_label", "RV_BP_label"])


@settings(max_examples=30)
@given(st.dictionaries(names, st.integers(1, 300), max_size=5), st.dictionaries(names, st.integers(1, 9), max_size=5))
def test_own_integers_stay_and_none_is_given_twice(own: dict[str, int], needed: dict[str, int]) -> None:
    own = {name: value for value, name in {value: name for name, value in own.items()}.items()}
    needed = {name: value for value, name in {value: name for name, value in needed.items()}.items()}
    merged = {**own, **{one.name: one.value for one in merge_labels(own, needed, catalogue())}}
    assert own.items() <= merged.items()
    assert merged.keys() == {*own, *needed}
    assert len(set(merged.values())) == len(merged)


def test_integers_beyond_one_byte_only_where_there_is_no_room() -> None:
    (label,) = merge_labels({"mine": 2, "high": 255}, {"LV_myo_label": 2}, catalogue())
    assert (label.value, label.state, label.holder) == (1, "clash", "mine")
    full = {f"label {value}": value for value in range(1, 256)}
    (label,) = merge_labels(full, {"LV_myo_label": 2}, catalogue())
    assert label.value == 256


# ----------------------------------------------------------------------------------------------- volumes


def test_volumes_of_some_labels(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.array([[[1, 1, 4, 99, 0]]], np.uint8))
    image.SetSpacing((2.0, 3.0, 5.0))
    sitk.WriteImage(image, str(tmp_path / "row.nrrd"))
    table = pycemrg("labels", "volumes", tmp_path / "row.nrrd", "LV", "99", "MV_label").stdout
    assert [line.split() for line in table.splitlines()[1:]] == [
        ["1", "LV_BP_label", "2", "0.06"],
        ["99", "?", "1", "0.03"],
        ["201", "MV_label", "0", "0.00"],
        ["sum", "3", "0.09"],
    ]
    rows = json.loads(pycemrg("labels", "volumes", tmp_path / "row.nrrd", "4", "77", "--json").stdout)
    assert [(row["value"], row["voxels"], row["ml"]) for row in rows] == [(4, 1, 0.03), (77, 0, 0.0)]
    assert "chambers" not in pycemrg("labels", "volumes", tmp_path / "row.nrrd", "chambers").stdout
    refused = pycemrg("labels", "volumes", tmp_path / "row.nrrd", "LV_BPP", code=1).stderr
    assert "no label or group is called 'LV_BPP'" in refused
