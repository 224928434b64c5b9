"""The step kinds ``join``, ``crop_vessel`` and ``split_veins``, and steps that refuse with a reason."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from brute import catalogue
from command_line import contents, pycemrg
from fusing_trials import LABELS, at
from tool_outputs import RPV2, SHAPES, VEINS, Veins, tool_outputs

from pycemrg_core import (
    LabelVolume,
    PlanError,
    Recipe,
    Schematic,
    Settings,
    plan,
    prepare,
    read_volume,
    run_plan,
    write_volume,
)
from pycemrg_core.api import Step
from pycemrg_core.testing import PluginConformance, StepConformance, volumes
from pycemrg_core.testing.contract import image_labels
from schematics_builtin.demo import heart_file
from schematics_builtin.fusing import split_veins
from schematics_builtin.fusing.doubts import VEIN_DOUBTS

FUSING = "schematics_builtin.fusing.plugin"
ALL = 53
SPLIT = Schematic(
    name="split",
    step="split_veins",
    labels={**LABELS, "pulmonary_veins_label": ALL},
    semantic_map={
        "SOURCE_VEIN_LABEL_NAME": "pulmonary_veins_label",
        "ATRIUM_BLOOD_POOL_NAME": "LA_BP_label",
        "APPENDAGE_LABEL_NAMES": ["LAA_label"],
        **{f"{name}_BLOOD_POOL_NAME": f"{name}_BP_label" for name in ("LV", "RV", "RA")},
        "GREAT_VESSEL_LABEL_NAMES": ["Ao_BP_label", "PArt_BP_label"],
        "LEFT_UPPER_VEIN_NAME": "LPV1_label",
        "LEFT_LOWER_VEIN_NAME": "LPV2_label",
        "RIGHT_UPPER_VEIN_NAME": "RPV1_label",
        "RIGHT_LOWER_VEIN_NAME": "RPV2_label",
    },
)
JOIN = Schematic(
    name="joined",
    step="join",
    labels={name: LABELS[name] for name in ("LV_BP_label", "LA_BP_label", "Ao_BP_label")},
    parameters={"gap": 3.0},
    semantic_map={"LABEL_NAMES": ["LV_BP_label", "LA_BP_label", "Ao_BP_label"], "GAP_PARAMETER_NAME": "gap"},
)
CROP = Schematic(
    name="shorter",
    step="crop_vessel",
    labels={name: LABELS[name] for name in ("SVC_label", "IVC_label", "RA_BP_label")},
    parameters={"length": 12.0},
    semantic_map={
        "VESSEL_LABEL_NAMES": ["SVC_label", "IVC_label"],
        "ROOT_LABEL_NAME": "RA_BP_label",
        "LENGTH_PARAMETER_NAME": "length",
    },
)


@cache
def truth(mm: float, shape: str = "straight stubs") -> LabelVolume:
    return tool_outputs(at(read_volume(heart_file())[0], mm), 1, SHAPES[shape]).truth


def one_label(volume: LabelVolume) -> LabelVolume:
    return volume.with_array(np.where(np.isin(volume.array, VEINS), ALL, volume.array).astype(np.uint8))


def ran(schematic: Schematic, volume: LabelVolume, **options: Any) -> LabelVolume:
    """The image after a recipe of this one step."""
    recipe = Recipe(name="one", steps=(schematic.name,))
    settings = Settings(schematics={schematic.name: schematic}, **options)
    prepared = prepare(volume, catalogue(), settings, recipe=recipe, check=False)
    *_, result = run_plan(plan(recipe, catalogue(), prepared.facts, settings), prepared)
    return result.volume


class TestFusingPlugin(PluginConformance):
    plugin = FUSING


class TestFusingSteps(StepConformance):
    plugin = FUSING
    depends_on_axes = frozenset(("split_veins",))  # its ways tie, and a mirrored array is a mirrored heart

    @pytest.fixture
    def volume(self, record: Step, contract: Any) -> LabelVolume:
        if record.name != "split_veins":
            return volumes.ordinary_volume(image_labels(contract))
        heart = one_label(truth(3.0))
        of = {"veins": ALL, "left_ventricle": 1, "right_ventricle": 3, "atrium": 4, "right_atrium": 5}
        array = np.zeros_like(heart.array)
        for field, value in of.items():
            array[heart.array == value] = getattr(contract, field).value
        for label, value in zip(contract.great_vessels, (6, 7), strict=False):
            array[heart.array == value] = label.value
        return heart.with_array(array)


@pytest.mark.slow
def test_one_label_becomes_the_veins_that_it_was_made_of() -> None:
    heart = truth(2.0)
    after = ran(SPLIT, one_label(heart))
    assert ALL not in after.boxes
    veins = np.isin(heart.array, VEINS)
    assert (after.array[veins] == heart.array[veins]).mean() > 0.99
    assert (after.array[~veins] == heart.array[~veins]).all()


@pytest.mark.slow
def test_a_doubt_refuses_the_run_and_can_be_accepted() -> None:
    made = tool_outputs(at(read_volume(heart_file())[0], 2.0), 1, Veins(length=14, branch=0, missing=(RPV2,)))
    volume = one_label(made.truth)
    with pytest.raises(PlanError) as error:
        ran(SPLIT, volume)
    assert str(error.value).startswith("step 'split_veins' of ")
    assert (
        " refuses in split:\n  1. there is one vein on the right side of the atrium, two were expected; or accept it:"
        " --accept missing-vein, in Python accept='missing-vein'"
    ) in str(error.value)
    after = ran(SPLIT, volume, accept=("missing-vein",))
    assert 10 in after.boxes
    assert 11 not in after.boxes


def test_gaps_are_closed_and_vessels_cut() -> None:
    heart = truth(3.0)
    array, near = heart.array.copy(), heart.within(1, 3.0, near=4)
    array[near.region][near.mask & (array[near.region] == 4)] = 0
    opened = heart.with_array(array)
    assert len(opened.touching(1, 4)) == 0
    assert len(ran(JOIN, opened).touching(1, 4)) > 0.5 * len(heart.touching(1, 4))
    shorter = ran(CROP, heart)
    for value in (13, 14):
        before, after = (int((one.array == value).sum()) for one in (heart, shorter))
        assert 0.05 < after / before < 0.4


@pytest.mark.parametrize("accept", ["missing-vien", ("missing-vien", "vein-order")])
def test_split_veins_refuses_a_doubt_that_it_does_not_have(accept: str | tuple[str, ...]) -> None:
    volume = LabelVolume(np.ones((2, 2, 2), np.uint8), (1.0, 1.0, 1.0))
    with pytest.raises(PlanError) as refused:
        split_veins(volume, {}, 1, accept)
    assert refused.value.problems == (
        f"split-veins has no doubt 'missing-vien'; did you mean 'missing-vein'? (known: {', '.join(VEIN_DOUBTS)})",
    )


@pytest.mark.slow
def test_the_schematics_do_the_same_on_one_map() -> None:
    """Joined, split and cut in one recipe: what fuse does to several files."""
    names = [c.name for c in catalogue().all(Schematic) if c.provider.name == "fusing"]
    assert len(names) == 9
    heart = truth(3.0, "straight stubs")
    array = one_label(heart).array.copy()
    array[array == ALL] = 15
    recipe = Recipe(name="one", steps=tuple(name for name in names if not name.startswith("split")))
    settings = Settings(accept=("vein-order",))
    prepared = prepare(heart.with_array(array), catalogue(), settings, recipe=recipe, check=False)
    *_, result = run_plan(plan(recipe, catalogue(), prepared.facts, settings), prepared)
    for value in (13, 14):
        assert (result.volume.array == value).sum() < 0.5 * (heart.array == value).sum()


WRONG = """
from pycemrg_core.api import Doubt, Ref, Recipe, Schematic, Step, hookimpl
from schematics_builtin.fusing.contracts import JoinContract


def doubtful(volume, contract):
    yield Doubt({doubt!r}, "this heart is strange")


@hookimpl
def pycemrg_steps():
    yield Step(name="doubtful", summary="doubts", run=Ref("{module}:doubtful"),
               contract=Ref("schematics_builtin.fusing.contracts:JoinContract"), doubts=("strange",))


@hookimpl
def pycemrg_schematics():
    yield Schematic(name="strange_one", step="doubtful", labels={{"LV_BP_label": 1}}, parameters={{"gap": 1.0}},
                    semantic_map={{"LABEL_NAMES": ["LV_BP_label"], "GAP_PARAMETER_NAME": "gap"}})


@hookimpl
def pycemrg_recipes():
    yield Recipe(name="strange_heart", steps=("strange_one",))
"""


@pytest.mark.slow(every=3)
@pytest.mark.parametrize(
    ("doubt", "accepted", "code", "message"),
    [
        ("strange", "", 1, "refuses in strange_one:\n  1. this heart is strange; or accept it: --accept strange"),
        ("strange", "strange", 0, "strange_one: this heart is strange (accepted)"),
        ("strange", "strnge", 1, "no check or step has the doubt 'strnge'; did you mean 'strange'"),
        ("other", "", 1, "the doubt 'other' is none of the doubts of its record"),
    ],
)
def test_a_step_of_a_plugin_refuses(tmp_path: Path, doubt: str, accepted: str, code: int, message: str) -> None:
    module = f"strange_{doubt}_{accepted or 'not'}"
    (tmp_path / f"{module}.py").write_text(WRONG.format(doubt=doubt, module=module), encoding="utf-8")
    write_volume(LabelVolume(np.pad(np.ones((4, 4, 4), np.uint8), 4), (1.0, 1.0, 1.0)), tmp_path / "cube.nrrd")
    words: list[object] = ["--plugin", tmp_path / f"{module}.py", *(["--accept", accepted] if accepted else [])]
    words += [] if accepted == "strnge" else ["--no-check"]
    words = ["run", "strange_heart", tmp_path / "cube.nrrd", "-o", tmp_path / "out", *words]
    result = pycemrg(*words, code=code)
    assert message in result.stderr
    if code:
        assert not [name for name in contents(tmp_path) if name.startswith("out/")]
