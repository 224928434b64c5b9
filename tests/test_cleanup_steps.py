"""The cleanup steps in a recipe: what they change, what they may name, and what the planner refuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import numpy as np
import pytest
from attrs import frozen
from brute import Array, catalogue, image_of

from pycemrg_core import PlanError, Recipe, RunResult, Schematic, run_recipe
from pycemrg_core.api import Step
from pycemrg_core.api.contracts import Label, Use, changes, choice, labels_changed, roles
from pycemrg_core.api.documents import from_data, to_data
from pycemrg_core.api.refs import Ref
from pycemrg_core.errors import StepError
from pycemrg_core.images import image_files as core_imaging
from pycemrg_core.images.edits import Edit
from pycemrg_core.images.label_volume import LabelVolume, as_region
from schematics_builtin.catalogue import cleanup

NAMES = {"A_label": 1, "B_label": 2, "C_label": 3, "absent_label": 300}
KINDS = {
    "keep_largest_component": "KeepLargestComponentContract",
    "keep_largest_structure": "KeepLargestStructureContract",
    "remove_small": "RemoveSmallContract",
    "fill_holes": "FillHolesContract",
    "reassign_islands": "ReassignIslandsContract",
}
# Names of their own: the built-in catalogue may hold steps of the usual ones.
STEPS = [
    Step(
        name=f"this_{name}",
        summary=name,
        run=Ref(f"schematics_builtin.catalogue.cleanup:{name}"),
        contract=Ref(f"schematics_builtin.catalogue.cleanup:{contract}"),
    )
    for name, contract in KINDS.items()
]
ALL = ["A_label", "B_label", "C_label", "absent_label"]


def picture() -> Array:
    """Three labels, the same in three slices: two islands of 1, one of them at a corner of 2; one of 2 in 3."""
    return np.array(
        [
            [
                [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                [0, 1, 1, 1, 0, 0, 3, 3, 3, 0],
                [0, 1, 1, 1, 0, 0, 3, 2, 3, 0],
                [0, 1, 1, 1, 0, 0, 3, 3, 3, 0],
                [0, 0, 0, 0, 1, 0, 0, 0, 0, 0],
                [0, 0, 0, 0, 0, 2, 2, 2, 2, 0],
                [0, 0, 1, 1, 0, 0, 0, 0, 0, 0],
            ]
        ]
        * 3,
        np.uint8,
    )


def run(
    kind: str,
    array: Array,
    semantic_map: Mapping[str, Any] | None = None,
    defaults: Mapping[str, float] | None = None,
    **settings: Any,
) -> RunResult:
    """Run a recipe of one such step on an image of 1 mm voxels. By default it names all labels."""
    schematic = Schematic(
        name="clean",
        step=f"this_{kind}",
        labels=NAMES,
        parameters=defaults or {},
        semantic_map={"LABEL_NAMES": ALL, **(semantic_map or {})},
    )
    recipe = Recipe(name="cleaning", steps=["clean"])
    return run_recipe(recipe, image_of(array), catalogue(*STEPS, schematic), **settings, check=False)


def voxels(result: RunResult) -> Array:
    return np.asarray(core_imaging.voxel_array(result.image))


def problems(*args: Any, **kwargs: Any) -> tuple[str, ...]:
    with pytest.raises(PlanError) as caught:
        run(*args, **kwargs)
    return caught.value.problems


def ledger(result: RunResult) -> list[tuple[str, str, int]]:
    [record] = result.record.steps
    return [(entry.old_name, entry.new_name, entry.voxels) for entry in record.ledger]


def test_keep_largest_component() -> None:
    result = run("keep_largest_component", picture())
    expected = picture()
    expected[:, 4, 4] = expected[:, 6] = expected[:, 2, 7] = 0
    np.testing.assert_array_equal(voxels(result), expected)
    assert ledger(result) == [("A_label", "background", 9), ("B_label", "background", 3)]


def test_keep_largest_structure() -> None:
    result = run("keep_largest_structure", picture(), {"CONNECTIVITY": 18})
    expected = picture()
    expected[:, 1:4, 5:] = expected[:, 6] = 0  # A and its corner, and B that the corner touches
    np.testing.assert_array_equal(voxels(result), expected)


def test_remove_small() -> None:
    threshold = {"SMALLER_THAN_PARAMETER_NAME": "speck"}
    result = run("remove_small", picture(), threshold, {"speck": 6.0})
    expected = picture()
    expected[:, 4, 4] = expected[:, 2, 7] = 0  # three voxels each; the island of six stays
    np.testing.assert_array_equal(voxels(result), expected)
    result = run("remove_small", picture(), threshold, {"speck": 6.0}, parameters={"speck": 1e6})
    np.testing.assert_array_equal(voxels(result), voxels(run("keep_largest_component", picture())))
    assert result.record.parameters == {"speck": 1e6}


def test_fill_holes() -> None:
    array = np.zeros((5, 5, 5), np.uint8)
    array[1:4, 1:4, 1:4] = 2
    array[2, 2, 2] = 0
    result = run("fill_holes", array)
    assert ledger(result) == [("background", "B_label", 1)]
    assert voxels(result)[2, 2, 2] == 2


def test_reassign_islands() -> None:
    result = run("reassign_islands", picture())
    expected = picture()
    expected[:, 4, 4] = expected[:, 6] = 0  # neither touches another label by a face
    expected[:, 2, 7] = 3
    np.testing.assert_array_equal(voxels(result), expected)
    assert ledger(result) == [("A_label", "background", 9), ("B_label", "C_label", 3)]


def test_only_labels_named_change() -> None:
    result = run("reassign_islands", picture(), {"LABEL_NAMES": ["B_label"]})
    assert ledger(result) == [("B_label", "background", 3)]
    result = run("keep_largest_component", picture(), {"LABEL_NAMES": ["C_label"]})
    assert ledger(result) == []
    assert result.record.warnings == ("clean changed nothing: no voxel is where it would write",)


def test_absent_labels_may_be_named_and_do_not_widen_the_pixels() -> None:
    result = run("keep_largest_component", picture(), {"LABEL_NAMES": ["absent_label"]})
    np.testing.assert_array_equal(voxels(result), picture())
    assert result.record.dtype == "uint8"
    assert result.record.labels == {"absent_label": 300}


def test_integers_of_the_user_count() -> None:
    array = np.where(picture() == 2, 7, picture()).astype(np.uint8)
    result = run("keep_largest_component", array, {"LABEL_NAMES": ["B_label"]}, labels={"B_label": 7})
    assert ledger(result) == [("B_label", "background", 3)]


def test_names_without_an_integer_and_defaults_that_give_way() -> None:
    [problem, *_] = problems("fill_holes", picture(), {"LABEL_NAMES": ["A_lable"]})
    assert problem.startswith("clean uses 'A_lable', which has no integer")
    assert "A_label" in problem
    result = run("fill_holes", picture(), labels={"A_label": 2})
    assert [label.name for label in result.record.steps[0].contract.labels] == ["A_label", "C_label", "absent_label"]
    assert (
        "B_label counts as absent: 2 is its default in the schematic 'clean', but 'A_label' in your labels"
        in result.record.warnings
    )


@pytest.mark.parametrize("names", ["A_label", [], 5, None])
def test_label_names_are_a_list(names: Any) -> None:
    [problem] = problems("fill_holes", picture(), {"LABEL_NAMES": names})
    assert problem == f"clean: LABEL_NAMES is {names!r}; give a list of label names"


def test_each_entry_of_label_names_is_a_name() -> None:
    [problem] = problems("fill_holes", picture(), {"LABEL_NAMES": ["A_label", ["B_label"]]})
    assert problem == "clean: ['B_label'] is not the name of a label"


def test_a_label_named_twice_is_one() -> None:
    result = run("fill_holes", picture(), {"LABEL_NAMES": ["A_label", "A_label"]})
    assert result.record.steps[0].contract.labels == (Label("A_label", 1),)


@pytest.mark.parametrize(
    ("semantic_map", "defaults", "parameters", "expected"),
    [
        ({}, {}, {}, 6),
        ({"CONNECTIVITY": 26}, {}, {}, 26),
        ({"CONNECTIVITY": "neighbours"}, {"neighbours": 18}, {}, 18),
        ({"CONNECTIVITY": "neighbours"}, {"neighbours": 18}, {"neighbours": 26}, 26),
        ({"CONNECTIVITY": "neighbours"}, {}, {"neighbours": 26.0}, 26),
    ],
)
def test_connectivity_is_a_number_a_parameter_or_six(
    semantic_map: Mapping[str, Any],
    defaults: Mapping[str, float],
    parameters: Mapping[str, float],
    expected: int,
) -> None:
    result = run("keep_largest_component", picture(), semantic_map, defaults, parameters=parameters)
    connectivity = result.record.steps[0].contract.connectivity
    assert connectivity == expected
    assert type(connectivity) is int


@pytest.mark.parametrize(
    ("value", "defaults", "message"),
    [
        (4, {}, "clean: CONNECTIVITY is 4; it must be one of 6, 18, 26"),
        (True, {}, "clean: CONNECTIVITY is True; it must be one of 6, 18, 26"),
        ([6], {}, "clean: CONNECTIVITY is [6]; it must be one of 6, 18, 26"),
        ("n", {"n": 7.5}, "clean: n is 7.5; it must be one of 6, 18, 26"),
        ("n", {}, "clean: parameter 'n' has no value; set it: --set n=..., in Python parameters={'n': ...}"),
    ],
)
def test_other_connectivities_are_refused(value: Any, defaults: Mapping[str, float], message: str) -> None:
    assert problems("reassign_islands", picture(), {"CONNECTIVITY": value}, defaults) == (message,)


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_threshold_is_positive(value: float) -> None:
    found = problems("remove_small", picture(), {"SMALLER_THAN_PARAMETER_NAME": "speck"}, {"speck": value})
    assert found == (f"clean: speck is {value:g}; it must be more than 0 mm3",)


def test_what_cleaning_needs_is_named() -> None:
    schematic = Schematic(name="clean", step="this_remove_small", labels=NAMES)
    with pytest.raises(PlanError) as caught:
        run_recipe(Recipe(name="r", steps=["clean"]), image_of(picture()), catalogue(*STEPS, schematic), check=False)
    assert caught.value.problems == (
        "clean: nothing fills the role 'LABEL_NAMES' of step 'this_remove_small'; add it to the semantic map",
        "clean: nothing fills the role 'SMALLER_THAN_PARAMETER_NAME' of step 'this_remove_small'; add it to the"
        " semantic map",
    )


@pytest.mark.parametrize("kind", KINDS)
def test_contracts_say_what_they_change_and_survive_a_file(kind: str) -> None:
    contract_class = getattr(cleanup, KINDS[kind])
    values: dict[str, Any] = {"labels": (Label("A_label", 1), Label("B_label", 2))}
    names = [attribute.name for attribute in attrs.fields(contract_class)]
    values |= {"connectivity": 18} if "connectivity" in names else {}
    values |= {"smaller_than_mm3": 4.5} if "smaller_than_mm3" in names else {}
    contract = contract_class(**values)
    assert list(labels_changed(contract)) == list(contract.labels)
    assert from_data(to_data(contract), contract_class) == contract
    by_use = {role.use: role for role in roles(contract_class)}
    assert by_use[Use.CHANGES].key == "LABEL_NAMES"
    if "connectivity" in names:
        assert by_use[Use.CHOICE].options == (6, 18, 26)
        assert by_use[Use.CHOICE].default == 6


def test_cleaning_before_and_after_growing() -> None:
    array = np.zeros((24, 24, 24), np.uint8)
    array[6:14, 6:14, 6:14] = 1  # LV blood pool
    array[9, 9, 9] = 0  # with a hole
    array[20, 20, 20] = 1  # and an island, which would get a wall of its own
    names = {"LV_BP_label": 1, "LV_myo_label": 2}
    pool, both = (
        Schematic(
            name=name,
            step=f"this_{kind}",
            labels=names,
            semantic_map={"LABEL_NAMES": labels},
        )
        for name, kind, labels in (
            ("one_pool", "keep_largest_component", ["LV_BP_label"]),
            ("no_holes", "fill_holes", ["LV_BP_label", "LV_myo_label"]),
        )
    )
    recipe = Recipe(name="clean_lv", steps=["one_pool", "no_holes", "lv_outflow"])
    result = run_recipe(recipe, image_of(array), catalogue(*STEPS, pool, both), check=False)
    clean = array.copy()
    clean[9, 9, 9], clean[20, 20, 20] = 1, 0
    expected = voxels(
        run_recipe(Recipe(name="lv", steps=["lv_outflow"]), image_of(clean), catalogue(*STEPS, pool, both), check=False)
    )
    np.testing.assert_array_equal(voxels(result), expected)
    assert [record.voxels for record in result.record.steps][:2] == [1, 1]


@frozen(kw_only=True)
class StrangeContract:
    labels: tuple[Label, ...] = changes("LABEL_NAMES")
    new: int = choice("NEW", (0, 1, 2, 3, 300))


def strange(volume: LabelVolume, contract: StrangeContract) -> Iterable[Edit]:
    """Write the new label into the first voxel."""
    yield Edit(as_region([slice(0, 1)] * 3), np.ones((1, 1, 1), bool), contract.new)


@pytest.mark.parametrize("new", [0, 1, 2])
def test_a_step_may_write_background_and_the_labels_it_changes(new: int) -> None:
    assert voxels(run_strange(new))[0, 0, 0] == new


@pytest.mark.parametrize("new", [3, 300])
def test_a_step_may_not_write_other_labels(new: int) -> None:
    with pytest.raises(StepError, match=f"it writes the label {new}, which its contract does not declare as written"):
        run_strange(new)


def run_strange(new: int) -> RunResult:
    step = Step(
        name="strange",
        summary="writes anything",
        run=Ref(f"{__name__}:strange"),
        contract=Ref(f"{__name__}:StrangeContract"),
    )
    schematic = Schematic(
        name="clean",
        step="strange",
        labels=NAMES,
        semantic_map={"LABEL_NAMES": ["A_label", "B_label"], "NEW": new},
    )
    return run_recipe(Recipe(name="r", steps=["clean"]), image_of(picture()), catalogue(step, schematic), check=False)
