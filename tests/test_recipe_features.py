"""Optional entries, snapshots and the scheme of a recipe; roles of lists, groups, background and what a step makes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import brute
import numpy as np
import pytest
from attrs import frozen
from brute import Array
from command_line import pycemrg, small_heart, voxels

from pycemrg_core import (
    ImageFacts,
    LabelScheme,
    LabelVolume,
    LeftOut,
    Plan,
    PlanError,
    Recipe,
    RecipeStep,
    RecordError,
    RunResult,
    Schematic,
    StepError,
    include,
    plan,
    run_recipe,
)
from pycemrg_core.api import (
    Edit,
    Label,
    LabelType,
    Ref,
    Step,
    blueprint_of,
    changes,
    plane_between,
    reads,
    reads_any,
    roles,
    snapshot,
    thickness,
    valve_between,
    wall_round,
    writes,
    writes_background,
)
from pycemrg_core.api.documents import records_from_yaml
from pycemrg_core.images.blueprint import Plane, Valve, Wall
from pycemrg_core.recipes.labelling import labelling_of
from schematics_builtin.certificate.hearts import asked_of
from schematics_builtin.labels.diagnosis import LabelDiagnostic

HERE = __name__


@frozen(kw_only=True)
class CarveContract:
    """Voxels of ``label`` that no label of ``kept`` touches become background, as they were in a snapshot."""

    label: Label = reads("LABEL")
    kept: tuple[Label, ...] = reads_any("KEPT", label_type=LabelType.LUMEN)
    before: str = snapshot("BEFORE")
    background: Label = writes_background()


def carve(volume: LabelVolume, contract: CarveContract) -> Iterator[Edit]:
    then = volume.snapshot(contract.before)
    mask = then.mask(contract.label.value, region := then.region(contract.label.value))
    near = then.within([label.value for label in contract.kept], max(volume.spacing), near=region)
    mask[
        tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(near.region, region, strict=True))
    ] &= ~near.mask
    yield Edit(region, mask, 0)


@frozen(kw_only=True)
class PaintContract:
    source: Label = reads("SOURCE")
    target: Label = writes("TARGET")


def paint(volume: LabelVolume, contract: PaintContract) -> Iterator[Edit]:
    region = volume.region(contract.source.value)
    yield Edit(region, volume.mask(contract.source.value, region), contract.target.value)


@frozen(kw_only=True)
class ListContract:
    labels: tuple[Label, ...] = changes("LABELS")


def nothing(_volume: LabelVolume, _contract: Any) -> list[Edit]:
    return []


STEPS = (
    Step(name="carve", summary="-", run=Ref(f"{HERE}:carve"), contract=Ref(f"{HERE}:CarveContract")),
    Step(name="paint", summary="-", run=Ref(f"{HERE}:paint"), contract=Ref(f"{HERE}:PaintContract")),
    Step(
        name="look",
        summary="-",
        run=Ref(f"{HERE}:nothing"),
        contract=Ref(f"{HERE}:ListContract"),
        may_change_nothing=True,
    ),
)
PAINT = Schematic(name="paint_b", step="paint", labels={"B": 2, "P": 9}, semantic_map={"SOURCE": "B", "TARGET": "P"})


def carving(**more: Any) -> Schematic:
    semantic_map = {"LABEL": "A", "KEPT": ["B", "C"], **more}
    return Schematic(name="carve_a", step="carve", labels={"A": 1, "B": 2, "C": 3}, semantic_map=semantic_map)


def line(*values: int) -> Array:
    return np.array([[values]], np.uint8)


def run(recipe: Recipe, array: Array, *records: Any) -> RunResult:
    return run_recipe(
        recipe, LabelVolume(array, (1.0, 1.0, 1.0)), brute.catalogue(*STEPS, *records), check=False, pad=False
    )


def planned(recipe: Recipe, labels: set[int], *records: Any) -> Plan:
    facts = ImageFacts(labels=frozenset(labels), spacing=(1.0, 1.0, 1.0), dtype="uint8")
    return plan(recipe, brute.catalogue(*STEPS, *records), facts)


def problems(recipe: Recipe, labels: set[int], *records: Any) -> tuple[str, ...]:
    with pytest.raises(PlanError) as error:
        planned(recipe, labels, *records)
    return error.value.problems


# ------------------------------------------------------------------------------------------------------- snapshots


def test_a_step_measures_on_the_image_as_it_was_where_the_recipe_keeps_it() -> None:
    recipe = Recipe(name="r", steps=[RecipeStep(schematic="paint_b", snapshot="start"), "carve_a"])
    array = line(1, 1, 1, 2, 2)
    now = run(recipe, array, PAINT, carving())
    assert now.volume.array.ravel().tolist() == [0, 0, 0, 9, 9]  # no label 2 is left to keep it
    then = run(recipe, array, PAINT, carving(BEFORE="start"))
    assert then.volume.array.ravel().tolist() == [0, 0, 1, 9, 9]
    assert [step.snapshots for step in then.record.steps] == [("start",), ()]
    assert then.record.steps[1].contract.before == "start"


def test_a_snapshot_of_an_entry_that_is_left_out_is_kept_all_the_same() -> None:
    first = RecipeStep(schematic="paint_b", when_present=["C"], snapshot="start")
    recipe = Recipe(name="r", steps=[first, "paint_b", "carve_a"])
    result = run(recipe, line(1, 1, 1, 2, 2), PAINT, carving(BEFORE="start"))
    assert result.record.left_out == (LeftOut("paint_b", ("C",)),)
    assert result.volume.array.ravel().tolist() == [0, 0, 1, 9, 9]


def test_a_snapshot_of_an_included_recipe_is_the_image_before_its_first_step() -> None:
    inner = Recipe(name="inner", steps=["paint_b", "carve_a"])
    recipe = Recipe(name="r", steps=[RecipeStep(recipe="inner", snapshot="start")])
    result = run(recipe, line(1, 1, 1, 2, 2), PAINT, carving(BEFORE="start"), inner)
    assert result.volume.array.ravel().tolist() == [0, 0, 1, 9, 9]


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        (
            ["paint_b", "carve_a"],
            "carve_a measures on the snapshot 'start', which no entry up to there keeps; "
            "put an entry with 'snapshot: start' before it in a recipe",
        ),
        (
            ["carve_a", RecipeStep(schematic="paint_b", snapshot="start")],
            "carve_a measures on the snapshot 'start', which no entry up to there keeps; "
            "put an entry with 'snapshot: start' before it in a recipe",
        ),
        (
            [RecipeStep(schematic="paint_b", snapshot="strat"), "carve_a"],
            "carve_a measures on the snapshot 'start', which no entry up to there keeps; did you mean 'strat'?; "
            "put an entry with 'snapshot: start' before it in a recipe",
        ),
        (
            [RecipeStep(schematic="paint_b", snapshot="start"), RecipeStep(schematic="carve_a", snapshot="start")],
            "two snapshots are called 'start': before paint_b and before carve_a; rename one",
        ),
    ],
)
def test_snapshots_that_cannot_be(steps: list[Any], problem: str) -> None:
    assert problems(Recipe(name="r", steps=steps), {1, 2}, PAINT, carving(BEFORE="start")) == (problem,)


def test_a_snapshot_has_one_name_and_that_is_text() -> None:
    inner = Recipe(name="inner", steps=[RecipeStep(schematic="paint_b", snapshot="before"), "carve_a"])
    twice = Recipe(name="r", steps=[RecipeStep(recipe="inner", snapshot="start")])
    assert problems(twice, {1, 2}, PAINT, carving(BEFORE="start"), inner) == (
        "the image before 'inner' has two names, 'start' and 'before'; use one",
    )
    recipe = Recipe(name="r", steps=["paint_b", "carve_a"])
    assert problems(recipe, {1, 2}, PAINT, carving(BEFORE=["start"])) == (
        "carve_a: BEFORE is ['start']; give the name of a snapshot",
    )


def test_a_snapshot_that_is_not_there_says_so() -> None:
    volume = LabelVolume(line(1), (1.0, 1.0, 1.0))
    assert volume.snapshot("") is volume
    with pytest.raises(StepError, match=r"^no snapshot is called 'before'$"):
        volume.snapshot("before")


@pytest.mark.parametrize("name", ["a/b", ".x", "builtin:ring", 3])
def test_the_name_of_a_snapshot_is_a_name(name: Any) -> None:
    with pytest.raises(RecordError, match="snapshot"):
        RecipeStep(schematic="x", snapshot=name)


PLUGIN = """
from attrs import frozen
import numpy as np
from pycemrg_core.api import (
    Edit, Label, Recipe, RecipeStep, Ref, Schematic, Step, hookimpl, reads, snapshot, thickness, writes,
)

@frozen(kw_only=True)
class Contract:
    near: Label = reads("NEAR")
    over: Label = reads("OVER")
    target: Label = writes("TARGET")
    mm: float = thickness("MM")
    before: str = snapshot("BEFORE")

def run(volume, contract):
    zone = volume.snapshot(contract.before).within(contract.near.value, contract.mm, near=contract.over.value)
    yield Edit(zone.region, zone.mask & volume.mask(contract.over.value, zone.region), contract.target.value)

@hookimpl
def pycemrg_steps():
    yield Step(name="late", summary="-", run=Ref("NAME:run"), contract=Ref("NAME:Contract"))

@hookimpl
def pycemrg_schematics():
    yield Schematic(
        name="late_paint", step="late", labels={"LA_BP_label": 4, "RA_BP_label": 5, "Paint_label": 90},
        parameters={"paint_mm": 6.0},
        semantic_map={"NEAR": "RA_BP_label", "OVER": "LA_BP_label", "TARGET": "Paint_label", "MM": "paint_mm",
                      "BEFORE": "untouched"},
    )

@hookimpl
def pycemrg_recipes():
    yield Recipe(name="late", scheme="late", steps=(
        RecipeStep(schematic="ra_myocardium", snapshot="untouched"),
        RecipeStep(schematic="svc_ring", when_present=("SVC_label", "Nothing_label")),
        "la_myocardium",
        "late_paint",
    ))

@hookimpl
def pycemrg_label_schemes():
    from pycemrg_core.api import LabelScheme
    yield LabelScheme(name="late", summary="-", labels={"Nothing_label": 99})
"""


def late_plugin(path: Path) -> Path:
    path.write_text(PLUGIN.replace("NAME", path.stem))
    return path


def test_replay_and_resume_restore_snapshots(tmp_path: Path) -> None:
    plugin, heart = late_plugin(tmp_path / "late_again.py"), small_heart(tmp_path)
    command = ["run", "late", heart, "--plugin", plugin]
    pycemrg(*command, "-o", tmp_path / "whole", "--keep-steps")
    record = json.loads((tmp_path / "whole" / "run.json").read_text())
    assert [step["name"] for step in record["steps"]] == ["ra_myocardium", "la_myocardium", "late_paint"]
    assert record["steps"][0]["snapshots"] == ["untouched"]
    assert record["left_out"] == [{"name": "svc_ring", "missing": ["Nothing_label"]}]
    assert record["steps"][2]["ledger"]
    pycemrg("run", "--again", tmp_path / "whole" / "run.json", "-o", tmp_path / "again", "--plugin", plugin)
    again = json.loads((tmp_path / "again" / "run.json").read_text())
    assert again["left_out"] == record["left_out"]
    assert again["steps"][0]["snapshots"] == ["untouched"]
    # The last step did not get to run: it must measure on the input, not on what the others left.
    progress = tmp_path / "whole" / "steps" / "progress.json"
    data = json.loads(progress.read_text())
    data["steps"].pop()
    progress.write_text(json.dumps(data))
    before = voxels(tmp_path / "whole" / "heart.nrrd")
    pycemrg(*command, "-o", tmp_path / "whole", "--resume")
    assert np.array_equal(voxels(tmp_path / "whole" / "heart.nrrd"), before)


# ---------------------------------------------------------------------------------------------------- when_present


def test_an_entry_without_its_labels_is_left_out_and_said(tmp_path: Path) -> None:
    recipe = Recipe(name="r", steps=["paint_b", RecipeStep(schematic="carve_a", when_present=("C", "P"))])
    made = planned(recipe, {1, 2}, PAINT, carving())
    assert [step.name for step in made.steps] == ["paint_b"]
    assert made.left_out == (LeftOut("carve_a", ("C",)),)
    # P is made by the step before.
    whole = planned(recipe, {1, 2, 3}, PAINT, carving())
    assert [step.name for step in whole.steps] == ["paint_b", "carve_a"]
    assert whole.left_out == ()


def test_the_plan_command_lists_what_is_left_out(tmp_path: Path) -> None:
    plugin, heart = late_plugin(tmp_path / "late_plan.py"), small_heart(tmp_path)
    shown = pycemrg("plan", "late", heart, "--plugin", plugin).stdout
    assert "left out: svc_ring: Nothing_label not in the image" in shown
    data = json.loads(pycemrg("plan", "late", heart, "--plugin", plugin, "--json").stdout)
    assert data["left_out"] == [{"name": "svc_ring", "missing": ["Nothing_label"]}]


def test_describe_shows_schemes_conditions_snapshots_and_roles(tmp_path: Path) -> None:
    plugin = late_plugin(tmp_path / "late_described.py")
    shown = " ".join(pycemrg("describe", "late", "--plugin", plugin).stdout.split())
    assert "label scheme: late" in shown
    assert "only with SVC_label and Nothing_label in the image" in shown
    assert "keeps the image before it as 'untouched'" in shown
    create = pycemrg("describe", "create").stdout
    assert "SOURCE_BLOOD_POOL_NAME: reads, a lumen" in create
    assert "TARGET_MYOCARDIUM_NAME: writes, makes a wall" in create


def test_what_an_entry_waits_for_must_be_known_and_something_must_run() -> None:
    unknown = Recipe(name="r", steps=["paint_b", RecipeStep(schematic="carve_a", when_present=["D"])])
    (problem,) = problems(unknown, {1, 2}, PAINT, carving())
    assert problem.startswith("carve_a runs when 'D' is present, which no schematic and no label scheme")
    nothing = Recipe(name="r", steps=[RecipeStep(schematic="carve_a", when_present=["C"])])
    assert problems(nothing, {1, 2}, carving()) == (
        "every step is left out: the image has none of the labels in their when_present",
    )


def test_what_an_entry_waits_for_is_not_needed_of_an_image() -> None:
    recipe = Recipe(name="r", steps=["paint_b", RecipeStep(schematic="carve_a", when_present=["A"])])
    found = LabelDiagnostic.for_recipe(recipe, brute.catalogue(*STEPS, PAINT, carving()))
    assert found.needed == {"B": ("paint_b",)}
    schemed = LabelDiagnostic.for_recipe(
        Recipe(name="s", steps=["paint_b"], scheme="mine"), brute.catalogue(*STEPS, PAINT, MINE)
    )
    assert schemed.names["B"] == 12


def test_what_an_included_recipe_waits_for_holds_for_each_of_its_steps() -> None:
    inner = Recipe(name="inner", steps=["paint_b", RecipeStep(schematic="carve_a", when_present=["A"])])
    recipe = Recipe(name="r", steps=["paint_b", RecipeStep(recipe="inner", when_present=["C"])])
    assert planned(recipe, {1, 2}, PAINT, carving(), inner).left_out == (
        LeftOut("paint_b", ("C",)),
        LeftOut("carve_a", ("C",)),
    )


@pytest.mark.parametrize(("names", "text"), [("SVC_label", "are a list"), ([""], "are names"), ([3], "are names")])
def test_when_present_is_a_list_of_names(names: Any, text: str) -> None:
    with pytest.raises(RecordError, match=f"the labels that a recipe step waits for {text}"):
        RecipeStep(schematic="x", when_present=names)


# ----------------------------------------------------------------------------------------------------------- scheme

MINE = LabelScheme(name="mine", summary="-", labels={"A": 11, "B": 12, "C": 13}, groups={"both": ("B", "C")})


def test_the_labels_of_a_recipe_take_the_integers_of_its_scheme() -> None:
    recipe = Recipe(name="r", steps=["carve_a", "paint_b"], scheme="mine")
    made = planned(recipe, {11, 12}, PAINT, carving(), MINE)
    assert made.labels == {"A": 11, "B": 12, "C": 13, "P": 9}
    assert made.steps[1].contract == PaintContract(source=Label("B", 12), target=Label("P", 9))
    # What the user says wins.
    facts = ImageFacts(labels=frozenset({5, 12}), spacing=(1.0, 1.0, 1.0), dtype="uint8")
    from pycemrg_core import Settings

    own = plan(recipe, brute.catalogue(*STEPS, PAINT, carving(), MINE), facts, Settings(labels={"A": 5}))
    assert own.labels["A"] == 5


def test_an_included_recipe_brings_its_scheme_unless_they_differ() -> None:
    inner = Recipe(name="inner", steps=["paint_b"], scheme="mine")
    other = Recipe(name="other", steps=["carve_a"], scheme="cemrg")
    assert planned(Recipe(name="r", steps=[include("inner")]), {12}, PAINT, inner, MINE).labels["B"] == 12
    both = Recipe(name="r", steps=[include("inner"), include("other")])
    assert problems(both, {1, 2, 12}, PAINT, carving(), inner, other, MINE) == (
        "the recipes that it includes have the label schemes cemrg, mine; give it its own scheme",
    )
    settled = Recipe(name="r", steps=[include("inner"), include("other")], scheme="mine")
    assert planned(settled, {11, 12}, PAINT, carving(), inner, other, MINE).labels["A"] == 11


def test_a_scheme_that_is_not_there_is_a_problem() -> None:
    (problem,) = problems(Recipe(name="r", steps=["paint_b"], scheme="mien"), {1, 2}, PAINT, MINE)
    assert "'mien'" in problem
    assert "mine" in problem


STRANGE = (
    Schematic(
        name="strange",
        step="paint",
        labels={"LA_BP_label": 44, "SVC_label": 45, "Strange_label": 4, "Free_label": 88},
        semantic_map={"SOURCE": "LA_BP_label", "TARGET": "Free_label"},
    ),
    LabelScheme(name="strange", summary="-", labels={"LA_BP_label": 44}, groups={"walls": ("LA_BP_label",)}),
)


@pytest.mark.parametrize("recipe", ["atria_full", "four_chamber_full", "biventricular_basic"])
def test_the_integers_of_another_plugin_change_nothing_for_a_built_in_recipe(recipe: str) -> None:
    alone, beside = brute.catalogue(), brute.catalogue(*STEPS, *STRANGE)
    expected, found = asked_of(alone, recipe), asked_of(beside, recipe)
    for field in ("types", "walls", "valves", "planes", "rings", "made", "open", "may_touch"):
        assert getattr(found, field) == getattr(expected, field), field
    assert {**found.names, **expected.names} == dict(found.names)
    assert labelling_of(recipe, beside).labels["LA_BP_label"] == 4
    assert "Strange_label" not in labelling_of(recipe, beside).labels  # 4 is taken
    assert labelling_of(recipe, beside).labels["Free_label"] == 88


# ----------------------------------------------------------------------------------------------------------- roles


def test_lists_hold_names_and_groups_of_labels_that_may_be_absent() -> None:
    recipe = Recipe(name="r", steps=["carve_a"], scheme="mine")
    for kept in (["both"], ["both", "B"], ["B", "C"]):
        (step,) = planned(recipe, {11}, carving(KEPT=kept), MINE).steps
        assert step.contract.kept == (Label("B", 12), Label("C", 13))
    (step,) = planned(recipe, {11}, carving(KEPT=["*"]), MINE).steps
    assert step.contract.kept == (Label("A", 11), Label("B", 12), Label("C", 13))
    (problem, *_) = problems(recipe, {11}, carving(KEPT=["bohts"]), MINE)
    assert problem.startswith("carve_a uses 'bohts', which has no integer")


def test_changes_take_groups_and_a_step_may_have_nothing_to_do() -> None:
    look = Schematic(name="look_at_all", step="look", labels={}, semantic_map={"LABELS": ["*"]})
    recipe = Recipe(name="r", steps=["paint_b", "look_at_all"])
    result = run(recipe, line(2, 2), PAINT, look)
    assert result.record.steps[1].contract.labels == (Label("B", 2), Label("P", 9))
    assert result.record.warnings == ()


def test_background_is_written_only_where_the_contract_says_so() -> None:
    result = run(Recipe(name="r", steps=["carve_a"]), line(1, 1, 1, 2), carving())
    (entry,) = result.record.steps[0].ledger
    assert (entry.old, entry.new, entry.voxels) == (1, 0, 2)
    # What the contract says counts more than what schemes say of these integers.
    assert [result.blueprint.types[label] for label in (2, 3)] == [LabelType.LUMEN, LabelType.LUMEN]


@frozen(kw_only=True)
class MakesContract:
    lumens: tuple[Label, ...] = reads_any("LUMENS", label_type=LabelType.LUMEN)
    a: Label = reads("A")
    b: Label = reads("B")
    wall: Label = writes("WALL", makes=wall_round("lumens", thickness="mm"))
    valve: Label = writes("VALVE", makes=valve_between("a", "b"))
    plane: Label = writes("PLANE", makes=plane_between("a", "b"))
    mm: float = thickness("MM")


def test_a_blueprint_holds_what_contracts_say_that_they_make() -> None:
    contract = MakesContract(
        lumens=(Label("x", 1), Label("y", 2)),
        a=Label("x", 1),
        b=Label("y", 2),
        wall=Label("w", 3),
        valve=Label("v", 4),
        plane=Label("p", 5),
        mm=1.5,
    )
    made = blueprint_of([contract], brute.catalogue(), {})
    assert made.walls == (Wall(1, 3, 1.5), Wall(2, 3, 1.5))
    assert made.valves == (Valve(4, 1, 2),)
    assert made.planes == (Plane(5, 1, 2),)
    assert made.types == {
        1: LabelType.LUMEN,
        2: LabelType.LUMEN,
        3: LabelType.WALL,
        4: LabelType.VALVE,
        5: LabelType.PLANE,
    }
    assert made.made == (3, 4, 5)
    assert made.of_type(LabelType.LUMEN) == (1, 2)
    assert made.of_type(LabelType.LUMEN, among=[2, 9]) == (2,)


@frozen(kw_only=True)
class WrongContract:
    lumen: Label = reads("LUMEN")
    wall: Label = writes("WALL", makes=wall_round("lumne", thickness="mm"))
    mm: float = thickness("MM")


@frozen(kw_only=True)
class NumberAsLumenContract:
    wall: Label = writes("WALL", makes=wall_round("mm", thickness="mm"))
    mm: float = thickness("MM")


@frozen(kw_only=True)
class OneLumenTwiceContract:
    lumen: Label = reads("LUMEN")
    valve: Label = writes("VALVE", makes=valve_between("lumen", "lumen"))


@pytest.mark.parametrize(
    ("contract", "text"),
    [
        (WrongContract, "wall makes a wall of the field 'lumne'; declare that field with reads"),
        (NumberAsLumenContract, "wall makes a wall of the field 'mm'; declare that field with reads"),
        (OneLumenTwiceContract, "valve makes a valve of the field 'lumen' twice; name different fields"),
    ],
)
def test_what_a_step_makes_refers_to_fields_of_its_contract(contract: type, text: str) -> None:
    with pytest.raises(TypeError) as error:
        roles(contract)
    assert str(error.value).startswith(f"{contract.__name__}.{text}")


def test_the_blueprint_reaches_the_steps() -> None:
    seen: list[Any] = []
    globals()["watch"] = lambda volume, _contract: seen.append(volume.blueprint) or []
    watching = Step(name="watch", summary="-", run=Ref(f"{HERE}:watch"), contract=Ref(f"{HERE}:PaintContract"))
    schematic = Schematic(
        name="watching", step="watch", labels={"B": 2, "P": 9}, semantic_map={"SOURCE": "B", "TARGET": "P"}
    )
    result = run(Recipe(name="r", steps=["watching"], open=["B"]), line(2, 2), watching, schematic)
    assert seen == [result.blueprint]
    assert seen[0].open == {2}
    assert seen[0].recipe == "r"


# ------------------------------------------------------------------------------------------------------------ YAML


def test_all_of_it_from_yaml(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        """
label_schemes:
  theirs: {summary: mine, labels: {A: 21, B: 22, C: 23}, groups: {both: [B, C]}}
schematics:
  carve_a:
    step: carve
    labels: {A: 1}
    semantic_map: {LABEL: A, KEPT: [both], BEFORE: start}
recipes:
  r:
    scheme: theirs
    steps:
      - {schematic: paint_b, when_present: [C]}
      - {schematic: carve_a, snapshot: start}
"""
    )
    records = records_from_yaml(file)
    recipe = next(record for record in records if isinstance(record, Recipe))
    others = [record for record in records if record is not recipe]
    made = planned(recipe, {21, 22}, PAINT, *others)
    assert made.left_out == (LeftOut("paint_b", ("C",)),)
    assert made.steps[0].snapshots == ("start",)
    assert made.steps[0].contract.kept == (Label("B", 22), Label("C", 23))
