"""A plan, or every reason why there is none, word for word."""

from __future__ import annotations

import re
from typing import Any

import brute
import pytest
from attrs import frozen

from pycemrg_core import (
    Catalogue,
    ImageFacts,
    Plan,
    PlanError,
    Recipe,
    RecipeStep,
    Schematic,
    Settings,
    include,
    plan,
)
from pycemrg_core.api import Label, Ref, Step, number, reads, writes

FACTS = ImageFacts(labels=frozenset(range(1, 15)), spacing=(1.0, 1.0, 1.0), dtype="uint8")
ROLES = {
    "SOURCE_BLOOD_POOL_NAME": "lumen",
    "TARGET_MYOCARDIUM_NAME": "wall",
    "WALL_THICKNESS_PARAMETER_NAME": "thick",
    "APPLICATION_STEPS": [{"MODE": "ADD", "RULE_LABEL_NAMES": []}],
}


def facts(**changes: Any) -> ImageFacts:
    values = {"labels": FACTS.labels, "spacing": FACTS.spacing, "dtype": FACTS.dtype, **changes}
    return ImageFacts(**values)


def wall(name: str = "one", roles: dict[str, Any] | None = None, **changes: Any) -> Schematic:
    """A schematic of the kind ``create``; ``roles`` are what differs in its semantic map."""
    semantic_map = {key: value for key, value in {**ROLES, **(roles or {})}.items() if value != ()}
    values = {"labels": {"lumen": 1, "wall": 100}, "parameters": {"thick": 2.0}, "step": "create", **changes}
    return Schematic(name=name, semantic_map=semantic_map, **values)


def planned(
    *steps: str | RecipeStep, catalogue: Catalogue | None = None, image: ImageFacts = FACTS, **settings: Any
) -> Plan:
    return plan(Recipe(name="r", steps=steps), catalogue or brute.catalogue(), image, Settings(**settings))


def problems(*steps: str | RecipeStep, **options: Any) -> tuple[str, ...]:
    with pytest.raises(PlanError) as caught:
        planned(*steps, **options)
    return caught.value.problems


def problems_of(*schematics: Schematic, **options: Any) -> tuple[str, ...]:
    """Of a recipe of these schematics."""
    return problems(*(one.name for one in schematics), catalogue=brute.catalogue(*schematics), **options)


# Names


def test_an_unknown_recipe() -> None:
    with pytest.raises(PlanError) as caught:
        plan("biventric", brute.catalogue(), FACTS)
    assert str(caught.value) == (
        "biventric will not run on the image:\n"
        "  1. no recipe is called 'biventric'; did you mean 'biventricular_basic' or 'biventricular_closed'?"
    )


def test_an_unknown_schematic() -> None:
    assert problems("la_myocardum", "nothing_like_it") == (
        "no schematic is called 'la_myocardum'; did you mean 'la_myocardium' or 'ra_myocardium' or 'rv_myocardium'?",
        "no schematic is called 'nothing_like_it'",
    )


def test_an_unknown_recipe_inside_a_recipe() -> None:
    expected = "no recipe is called 'biventric'; did you mean 'biventricular_basic' or 'biventricular_closed'?"
    assert problems(include("biventric")) == (expected,)


def test_an_unknown_kind_of_step() -> None:
    assert problems_of(wall(step="creat")) == ("no step is called 'creat'; did you mean 'create'?",)


def test_a_recipe_that_includes_itself() -> None:
    a, b = Recipe(name="a", steps=[include("b")]), Recipe(name="b", steps=["la_myocardium", include("a")])
    with pytest.raises(PlanError) as caught:
        plan("a", brute.catalogue(a, b), FACTS)
    assert str(caught.value) == "a will not run on the image:\n  1. it includes itself: a > b > a"


def test_a_recipe_included_twice_is_no_loop() -> None:
    again = planned(include("biventricular_basic"), include("biventricular_basic"))
    assert [step.name for step in again.steps] == 2 * brute.RECIPES["biventricular_basic"]


def test_a_recipe_without_steps() -> None:
    assert problems() == ("recipe 'r' has no steps; give it at least one",)


# Labels


def test_a_missing_label_and_who_needs_it() -> None:
    found = problems(include("biventricular_basic"), image=facts(labels=frozenset([1, 2, 4, 6, 7])))
    assert found == (
        "RV_BP_label (3) is not in the image; needed by rv_myocardium, tricuspid_valve, pulmonary_valve"
        "; if it has another integer there, set it in labels.yaml",
        "RA_BP_label (5) is not in the image; needed by tricuspid_valve"
        "; if it has another integer there, set it in labels.yaml",
        "the image holds 1, 2, 4, 6, 7",
    )


def test_an_image_of_many_labels_is_not_listed_whole() -> None:
    assert problems("la_myocardium", image=facts(labels=frozenset(range(20, 50))))[-1] == (
        f"the image holds {', '.join(map(str, range(20, 40)))} and 10 more"
    )
    assert problems("la_myocardium", image=facts(labels=frozenset()))[-1] == "the image holds nothing but background"


def test_a_label_that_only_allows_or_forbids_overwriting_may_be_absent() -> None:
    # Walls of the aorta and all veins are missing; svc_ring speaks of six of them.
    assert planned("aortic_wall", "pulmonary_artery", image=facts(labels=frozenset([6, 7]))).warnings == ()
    assert planned("svc_ring", image=facts(labels=frozenset([13, 105]))).steps[0].name == "svc_ring"


def test_a_label_that_an_earlier_step_writes_need_not_be_in_the_image() -> None:
    assert len(planned("aortic_wall", "part_push_aorta", image=facts(labels=frozenset([6, 7]))).steps) == 2


def test_a_label_that_only_a_later_step_writes() -> None:
    assert problems("part_push_aorta", "la_myocardium", "aortic_wall") == (
        "part_push_aorta reads Ao_wall_label (106) before it is first written: it is not in the image, and only"
        " aortic_wall writes it, later; move aortic_wall before part_push_aorta",
    )


def test_a_label_that_only_the_step_itself_writes_is_missing() -> None:
    assert problems_of(wall(labels={"lumen": 50}, roles={"TARGET_MYOCARDIUM_NAME": "lumen"})) == (
        "lumen (50) is not in the image; needed by one; if it has another integer there, set it in labels.yaml",
        f"the image holds {', '.join(map(str, range(1, 15)))}",
    )


def test_two_names_on_one_integer() -> None:
    assert problems_of(wall(labels={"lumen": 1, "wall": 1})) == (
        "'lumen' and 'wall' are both 1; give each its own integer",
    )
    assert problems("la_myocardium", labels={"LA_myo_label": 4}) == (
        "'LA_BP_label' has no integer: 4 is its default in the schematic 'la_myocardium', but 'LA_myo_label' in your"
        " labels; needed by la_myocardium; give it its own integer in your labels",
    )


def test_defaults_in_conflict_and_how_to_settle_it() -> None:
    pair = wall("one"), wall("two", labels={"lumen": 2, "wall": 100})
    assert problems_of(*pair) == ("'lumen' is 1 in one and 2 in two; set it in labels.yaml",)
    settled = planned("one", "two", catalogue=brute.catalogue(*pair), labels={"lumen": 3})
    assert [step.contract.source for step in settled.steps] == [Label("lumen", 3)] * 2


def test_a_name_without_an_integer() -> None:
    assert problems_of(wall(labels={"lumen": 1, "walls": 100}))[0] == (
        "one uses 'wall', which has no integer; did you mean 'walls'?; give it one in the schematic or in labels.yaml"
    )


def test_a_misspelt_label_in_the_settings() -> None:
    assert problems("la_myocardium", labels={"LA_BP_lable": 9}) == (
        "no structure is called 'LA_BP_lable'; did you mean 'LA_BP_label'?",
    )
    # A table of the whole heart holds names that this recipe does not use.
    assert planned("la_myocardium", labels={"LV_apex_label": 90}).labels["LA_BP_label"] == 4


@pytest.mark.slow
def test_misspelt_labels_come_in_the_same_order_every_time() -> None:
    names = ["LA_BP_labe", "LA_BP_lab", "LA_myo_labe", "LA_myo_lab", "SVC_labe", "RA_BP_labe", "RA_BP_lab"]
    found = problems("la_myocardium", labels={name: 50 + n for n, name in enumerate(names)})
    assert [line.split("'")[1] for line in found] == sorted(names)


@pytest.mark.parametrize("value", [0, -3, 2.0, True])
def test_a_label_that_is_no_label(value: Any) -> None:
    assert problems_of(wall(), labels={"wall": value})[0] == (
        f"'wall' is {value!r}; labels are integers from 1 (0 is the background)"
    )


@pytest.mark.parametrize("value", ["100", None])
def test_a_label_that_is_no_number(value: Any) -> None:
    assert problems_of(wall(), labels={"wall": value}) == (
        f"'wall' is {value!r}; labels are integers from 1 (0 is the background)",
    )


def test_a_label_that_does_not_fit_the_pixels_widens_them_and_says_so() -> None:
    for label, dtype in ((300, "uint16"), (65_535, "uint16"), (65_536, "uint32")):
        wide = planned("la_myocardium", labels={"LA_myo_label": label})
        assert wide.dtype == dtype
        assert wide.warnings == (f"label {label} does not fit uint8 pixels; the result is written as {dtype}",)
    assert planned("la_myocardium", labels={"LA_myo_label": 255}).dtype == "uint8"
    assert planned("la_myocardium", labels={"LA_myo_label": 200}, image=facts(dtype="int8")).dtype == "uint16"
    assert planned("la_myocardium", labels={"LA_myo_label": 300}, image=facts(dtype="int16")).dtype == "int16"


def test_a_label_beyond_any_pixel_type_is_refused() -> None:
    assert "'wall'" in problems_of(wall(), labels={"wall": 2**70})[0]


# Numbers


def test_a_wall_thinner_than_a_voxel_along_one_axis_is_a_warning() -> None:
    thin = planned("la_myocardium", image=facts(spacing=(3.0, 1.0, 1.0)))
    assert thin.warnings == (
        "la_myocardium: LA_WT of 2 mm is less than a voxel along z 3 mm; expect holes across that axis",
    )
    assert planned("la_myocardium", image=facts(spacing=(0.5, 2.25, 4.0))).warnings == (
        "la_myocardium: LA_WT of 2 mm is less than a voxel along y 2.25 mm, x 4 mm; expect holes across that axis",
    )


def test_a_wall_thinner_than_a_voxel_along_all_axes_is_refused() -> None:
    assert problems("la_myocardium", image=facts(spacing=(3.0, 2.1, 4.0))) == (
        "la_myocardium: LA_WT is 2 mm, less than a voxel (z 3 mm, y 2.1 mm, x 4 mm): the structure would be empty; "
        "make it thicker or resample the image",
    )


def test_a_wall_of_exactly_one_voxel_is_fine() -> None:
    assert planned("la_myocardium", image=facts(spacing=(2.0, 2.0, 2.0))).warnings == ()
    assert planned("la_myocardium", parameters={"LA_WT": 0.3}, image=facts(spacing=(0.1 * 3,) * 3)).warnings == ()


@pytest.mark.parametrize(("value", "shown"), [(0, "0"), (-1.5, "-1.5"), (float("nan"), "nan"), (float("inf"), "inf")])
def test_a_thickness_that_is_none(value: float, shown: str) -> None:
    assert problems("la_myocardium", parameters={"LA_WT": value}) == (
        f"la_myocardium: LA_WT is {shown}; it must be more than 0 mm",
    )


@pytest.mark.parametrize("value", ["2.5", [2.0], True])
def test_a_thickness_that_is_no_number(value: Any) -> None:
    found = problems("la_myocardium", parameters={"LA_WT": value})
    assert len(found) == 1
    assert "LA_WT" in found[0]


@frozen(kw_only=True)
class Numbers:
    source: Label = reads("SOURCE")
    target: Label = writes("TARGET")
    degrees: float = number("ANGLE", unit="degrees")
    times: float = number("TIMES", unit="", minimum=1)


def test_other_numbers() -> None:
    step = Step(
        name="turn",
        summary="-",
        run=Ref("schematics_builtin.catalogue.steps:push"),
        contract=Ref(f"{__name__}:Numbers"),
    )
    schematic = Schematic(
        name="one",
        step="turn",
        labels={"a": 1, "b": 2},
        parameters={"angle": -30.0, "n": 2},
        semantic_map={"SOURCE": "a", "TARGET": "b", "ANGLE": "angle", "TIMES": "n"},
    )
    both = brute.catalogue(step, schematic)
    assert planned("one", catalogue=both).steps[0].contract.degrees == -30.0
    assert problems("one", catalogue=both, parameters={"angle": float("inf"), "n": 1}) == (
        "one: angle is inf; it must be finite",
        "one: n is 1; it must be more than 1",
    )


def test_an_unknown_parameter_in_the_settings() -> None:
    known = "(in use: LA_WT, ring_thickness, walls_from_surface)"
    assert problems("la_myocardium", "lpv1_ring", parameters={"LA_WTT": 2.0, "aaaaa": 1.0}) == (
        f"no step uses the parameter 'LA_WTT'; did you mean 'LA_WT'? {known}",
        f"no step uses the parameter 'aaaaa' {known}",
    )


def test_an_unknown_parameter_of_a_configuration_is_said() -> None:
    # Those of other recipes are known: a folder may serve several.
    made = planned("la_myocardium", defaults={"LA_WT": 3.0, "RA_WT": 2.0, "LA_WTT": 4.0, "zzz": 1.0})
    assert [text for text in made.warnings if "configuration sets" in text] == [
        "the configuration sets 'LA_WTT', a parameter that no schematic has;"
        " did you mean 'LA_WT' or 'RA_WT' or 'Ao_WT'?",
        "the configuration sets 'zzz', a parameter that no schematic has",
    ]


def test_an_unknown_parameter_in_a_step_of_the_recipe() -> None:
    # Otherwise the wall silently keeps its default thickness.
    found = problems(RecipeStep(schematic="la_myocardium", parameters={"LA_WTT": 3.0}))
    assert len(found) == 1
    assert "'LA_WTT'; did you mean 'LA_WT'?" in found[0]


def test_whose_value_of_a_parameter_wins() -> None:
    inner = Recipe(name="inner", steps=[RecipeStep(schematic="la_myocardium", parameters={"LA_WT": 3.0})])
    outer = Recipe(name="outer", steps=[RecipeStep(recipe="inner", parameters={"LA_WT": 4.0})])
    catalogue = brute.catalogue(inner, outer)

    def thickness(recipe: str, **settings: Any) -> float:
        return float(plan(recipe, catalogue, FACTS, Settings(**settings)).steps[0].contract.thickness_mm)

    assert thickness("left_atrium_with_veins") == 2.0
    assert thickness("left_atrium_with_veins", defaults={"LA_WT": 2.5}) == 2.5
    assert thickness("inner", defaults={"LA_WT": 2.5}) == 3.0
    assert thickness("outer") == 4.0
    assert thickness("outer", parameters={"LA_WT": 5}) == 5.0


def test_a_parameter_without_a_value() -> None:
    assert problems_of(wall(parameters={})) == (
        "one: parameter 'thick' has no value; set it: --set thick=..., in Python parameters={'thick': ...}",
    )


# Semantic maps


def test_an_unknown_role() -> None:
    assert problems_of(wall(roles={"SOURCE_BLOOD_POOL": "lumen"})) == (
        "schematic 'one' fills the role 'SOURCE_BLOOD_POOL', which step 'create' does not have"
        "; did you mean 'SOURCE_BLOOD_POOL_NAME'?",
    )


@pytest.mark.parametrize("role", ROLES)
def test_a_missing_role(role: str) -> None:
    assert problems_of(wall(roles={role: ()})) == (
        f"one: nothing fills the role {role!r} of step 'create'; add it to the semantic map",
    )


def test_an_unknown_mode() -> None:
    assert problems_of(wall(roles={"APPLICATION_STEPS": [{"MODE": "OVERWRITE"}]})) == (
        "one: unknown mode 'OVERWRITE'; give one of ADD, REPLACE, REPLACE_ONLY, REPLACE_EXCEPT",
    )


@pytest.mark.parametrize("described", ["ADD", {"RULE_LABEL_NAMES": []}, 3, None])
def test_an_application_step_that_is_none(described: Any) -> None:
    assert problems_of(wall(roles={"APPLICATION_STEPS": [described]})) == (
        f"one: {described!r} is not an application step; write it as {{MODE, RULE_LABEL_NAMES}}",
    )


@pytest.mark.parametrize("filled", [None, 3])
def test_application_steps_that_are_no_list(filled: Any) -> None:
    found = problems_of(wall(roles={"APPLICATION_STEPS": filled}))
    assert len(found) == 1
    assert found[0].startswith("one: ")


@pytest.mark.parametrize("names", [5, [["lumen"]], "lumen"])
def test_rule_labels_that_are_no_names(names: Any) -> None:
    found = problems_of(wall(roles={"APPLICATION_STEPS": [{"MODE": "REPLACE_ONLY", "RULE_LABEL_NAMES": names}]}))
    assert len(found) == 1
    assert found[0].startswith("one")


def test_a_role_filled_with_something_that_is_no_name() -> None:
    assert problems_of(wall(roles={"SOURCE_BLOOD_POOL_NAME": ["lumen"]})) == (
        "one: ['lumen'] is not the name of a label",
    )
    found = problems_of(wall(roles={"WALL_THICKNESS_PARAMETER_NAME": ["thick"]}))
    assert len(found) == 1
    assert found[0].startswith("one: ")


@frozen(kw_only=True)
class NoRole:
    source: Label


def test_a_contract_that_says_no_roles() -> None:
    step = Step(name="odd", summary="-", run=Ref("nowhere:nothing"), contract=Ref(f"{__name__}:NoRole"))
    schematic = Schematic(name="one", step="odd", labels={})
    assert problems("one", catalogue=brute.catalogue(step, schematic)) == (
        "step 'odd' of stranger (stranger 1): NoRole.source has no role; declare it with reads(), writes(), "
        "thickness(), number(), changes(), choice(), application_steps(), reads_any(), "
        "writes_background() or snapshot()",
    )


# All of them


def test_several_problems_come_at_once() -> None:
    catalogue = brute.catalogue(wall(roles={"APPLICATION_STEPS": [{"MODE": "OVERWRITE"}]}))
    recipe = Recipe(name="mine", steps=["one", "la_myocardum", "tricuspid_valve", "mitral_valve", "la_push_aorta"])
    image = facts(name="heart.nrrd", labels=frozenset([1, 3, 4]), spacing=(5.0, 1.0, 1.0))
    with pytest.raises(PlanError) as caught:
        plan(recipe, catalogue, image, Settings(parameters={"LA_WT": -1.0, "RA_WT": 3.0}, labels={"MV_label": 4}))
    assert str(caught.value).split("\n") == [
        "mine will not run on heart.nrrd:",
        "  1. no schematic is called 'la_myocardum'; did you mean 'la_myocardium' or 'ra_myocardium' "
        "or 'rv_myocardium'?",
        "  2. 'lumen' and 'LV_BP_label' are both 1; give each its own integer",
        "  3. no step uses the parameter 'RA_WT'; did you mean 'LA_WT'? (in use: LA_WT, thick, valve_WT)",
        "  4. one: unknown mode 'OVERWRITE'; give one of ADD, REPLACE, REPLACE_ONLY, REPLACE_EXCEPT",
        "  5. 'LA_BP_label' has no integer: 4 is its default in the schematic 'mitral_valve', but 'MV_label' in your"
        " labels; needed by mitral_valve, la_push_aorta; give it its own integer in your labels",
        "  6. RA_BP_label (5) is not in the image; needed by tricuspid_valve"
        "; if it has another integer there, set it in labels.yaml",
        "  7. the image holds 1, 3, 4",
    ]


def test_a_step_that_cannot_be_planned_does_not_accuse_those_that_follow() -> None:
    # part_push_aorta reads what aortic_wall writes; only the thickness is wrong.
    assert problems("aortic_wall", "part_push_aorta", parameters={"Ao_WT": float("nan")}) == (
        "aortic_wall: Ao_WT is nan; it must be more than 0 mm",
    )


def test_a_problem_is_listed_once() -> None:
    assert problems("la_myocardium", "la_myocardium", parameters={"LA_WT": 0}) == (
        "la_myocardium: LA_WT is 0; it must be more than 0 mm",
    )


# What a plan holds


def test_a_plan_resolves_every_label_and_number() -> None:
    made = planned("svc_ring", parameters={"ring_thickness": 3}, image=facts(labels=frozenset([13, 105])))
    assert made.recipe == "r"
    assert made.recipe_provider is None
    assert made.parameters == {"ring_thickness": 3}
    (step,) = made.steps
    assert (step.name, step.step.name) == ("svc_ring", "ring")
    assert step.contract.vein == Label("SVC_label", 13)
    assert step.contract.thickness_mm == 3.0
    assert [one.labels[0].value for one in step.contract.application] == [106, 104, 210, 10, 211, 11]
    assert made.names[213] == "SVC_ring_label"
    assert made.names[4] == "LA_BP_label"  # of another schematic, for reports


@pytest.mark.parametrize("recipe", brute.RECIPES)
def test_the_built_in_recipes_are_the_table(recipe: str) -> None:
    made = plan(recipe, brute.catalogue(), FACTS)
    assert [step.name for step in made.steps] == brute.RECIPES[recipe]
    for step in made.steps:
        row = brute.TABLE[step.name]
        assert step.contract.thickness_mm == row.mm
        if row.kind != "push":
            application = tuple(
                (one.mode.value, *(label.value for label in one.labels)) for one in step.contract.application
            )
            assert application == row.application


def test_a_schematic_of_the_users_own_stands_in() -> None:
    own = wall("la_myocardium", labels={"lumen": 4, "wall": 90})
    made = planned("la_myocardium", schematics={"la_myocardium": own})
    assert made.steps[0].contract.target == Label("wall", 90)
    assert made.steps[0].schematic_provider is None


def test_code_that_cannot_be_imported_is_refused_before_anything_runs() -> None:
    step = Step(name="turn", summary="-", run=Ref("nowhere:nothing"), contract=Ref(f"{__name__}:Numbers"))
    schematic = Schematic(name="one", step="turn", labels={})
    assert problems("one", catalogue=brute.catalogue(step, schematic))[0] == (
        "step 'turn' of stranger (stranger 1): cannot import 'nowhere' for 'nowhere:nothing': "
        "ModuleNotFoundError: No module named 'nowhere'"
    )


@frozen(kw_only=True)
class Choosy:
    source: Label = reads("SOURCE")

    def __attrs_post_init__(self) -> None:
        raise ArithmeticError("not this one")


def test_a_contract_that_refuses_its_values_is_a_problem_like_others() -> None:
    step = Step(name="odd", summary="-", run=Ref("builtins:print"), contract=Ref(f"{__name__}:Choosy"))
    schematic = Schematic(name="one", step="odd", labels={"lumen": 1}, semantic_map={"SOURCE": "lumen"})
    (problem,) = problems("one", catalogue=brute.catalogue(step, schematic))
    assert problem.startswith(
        "one: contract of step 'odd' of stranger (stranger 1) failed: ArithmeticError: not this one ("
    )
    assert re.search(r" \(test_planner\.py:\d+, in __attrs_post_init__\)$", problem)


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ((), None),
        ((103, 104), None),  # walls may be segmented
        ((201,), "MV_label"),
        ((201, 202, 203, 204), "MV_label, TV_label, AV_label and 1 more"),
    ],
)
def test_the_result_of_a_run_is_noted(there: tuple[int, ...], said: str | None) -> None:
    image = facts(labels=frozenset({*range(1, 15), *there}))
    warnings = plan("four_chamber_full", brute.catalogue(), image).warnings
    expected = f"the image already holds {said}, which four_chamber_full makes; run it on the segmentation, not on the"
    assert list(warnings) == ([f"{expected} result of a run"] if said else [])
