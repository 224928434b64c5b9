"""What a hook may return: each wrong field is refused when the record is made, in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs.exceptions import FrozenInstanceError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pycemrg_core.api import documents
from pycemrg_core.api.records import (
    Augmentation,
    Command,
    LabelScheme,
    Measures,
    Metric,
    Recipe,
    RecipeStep,
    Record,
    Schematic,
    Step,
    include,
)
from pycemrg_core.api.refs import Ref
from pycemrg_core.errors import RecordError
from pycemrg_core.text.structured import load_yaml

REF = Ref("package.module:object")
MEASURES = {"measures": Measures.IMAGES}


def schematic(**changes: Any) -> Schematic:
    return Schematic(**{"name": "s", "step": "create", "labels": {"LV_BP_label": 1}, **changes})


def scheme(**changes: Any) -> LabelScheme:
    return LabelScheme(**{"name": "s", "summary": "", "labels": {"LV_BP_label": 1}, **changes})


# Each kind with only what it must have, but for its name.
MAKERS: dict[type, Callable[..., Any]] = {
    Schematic: schematic,
    Recipe: lambda **changes: Recipe(**{"name": "r", "steps": ("a",), **changes}),
    Step: lambda **changes: Step(**{"name": "s", "summary": "", "run": REF, "contract": REF, **changes}),
    Metric: lambda **changes: Metric(**{"name": "m", "summary": "", **MEASURES, "function": REF, **changes}),
    LabelScheme: scheme,
    Augmentation: lambda **changes: Augmentation(**{"name": "a", "summary": "", "function": REF, **changes}),
    Command: lambda **changes: Command(**{"name": "c", "summary": "", "command": REF, **changes}),
}

each_kind = pytest.mark.parametrize("kind", MAKERS, ids=lambda kind: kind.__name__)


@each_kind
@pytest.mark.parametrize("name", ["a", "LV-wall_2.5", "4ch", "x" * 80])
def test_good_names(kind: type, name: str) -> None:
    assert MAKERS[kind](name=name).name == name


@each_kind
@pytest.mark.parametrize(
    "name", ["", ".hidden", "../up", "a/b", "a:b", "a b", "a\n", "-a", "x" * 81, "\u00e9", 3, None]
)
def test_bad_names(kind: type, name: object) -> None:
    with pytest.raises(RecordError) as refused:
        MAKERS[kind](name=name)
    assert str(refused.value) == (
        f"{kind.__name__}: name {name!r} must be 1 to 80 letters, digits, '_', '-' or '.'"
        " and start with a letter or digit"
    )


@each_kind
@pytest.mark.parametrize("summary", [None, 3, ["text"]])
def test_a_summary_that_is_not_text_is_refused(kind: type, summary: object) -> None:
    with pytest.raises(RecordError, match=rf"{kind.__name__} '\w': summary "):
        MAKERS[kind](summary=summary)


@each_kind
def test_records_are_frozen(kind: type) -> None:
    with pytest.raises(FrozenInstanceError):
        MAKERS[kind]().name = "other"


@pytest.mark.parametrize("make", [schematic, scheme])
@pytest.mark.parametrize("value", [0, -1, 2.0, "2", True, None])
def test_labels_are_integers_from_one(make: Callable[..., Record], value: object) -> None:
    with pytest.raises(RecordError) as refused:
        make(labels={"RV": value})
    kind = type(make()).__name__
    assert str(refused.value) == (
        f"{kind} 's': label 'RV' is {value!r}; labels are integers from 1 (0 is the background)"
    )


@pytest.mark.parametrize("value", ["2", True, None, [2]])
def test_parameters_are_numbers(value: object) -> None:
    with pytest.raises(RecordError) as refused:
        schematic(parameters={"LA_WT": value})
    assert str(refused.value) == f"Schematic 's': parameters.LA_WT is {value!r}, not a number"
    with pytest.raises(RecordError, match=r"parameters\.LA_WT is .*, not a number"):
        RecipeStep(schematic="s", parameters={"LA_WT": value})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (schematic, "labels"),
        (schematic, "parameters"),
        (schematic, "semantic_map"),
        (scheme, "labels"),
        (scheme, "groups"),
        (scheme, "colours"),
        (scheme, "snomed"),
    ],
)
def test_mappings_are_mappings_copied_and_read_only(make: Callable[..., Any], field: str) -> None:
    with pytest.raises(RecordError) as refused:
        make(**{field: ["a"]})
    assert str(refused.value) == "['a'] is not a mapping of names to values"
    mine: dict[str, Any] = {}
    record = make(**{field: mine})
    mine["late"] = 1
    assert dict(getattr(record, field)) == {}
    with pytest.raises(TypeError):
        getattr(record, field)["late"] = 1


@pytest.mark.parametrize("colour", ["red", "#fff", "c8343c", "#c8343g", 3, None, ""])
def test_colours_are_six_digits(colour: object) -> None:
    assert scheme(colours={"LV": "#c8343c"}).colours["LV"] == "#c8343c"
    with pytest.raises(RecordError, match=r"^LabelScheme 's': colours\.LV is .*; give a colour"):
        scheme(colours={"LV": colour})


def test_groups_are_tuples_of_names() -> None:
    assert scheme(groups={"g": ["LV", "RV"]}).groups["g"] == ("LV", "RV")
    with pytest.raises(RecordError, match="group 'g' is a list of names, not 'LV'"):
        scheme(groups={"g": "LV"})


@pytest.mark.parametrize(
    ("kind", "field"),
    [(Step, "run"), (Step, "contract"), (Metric, "function"), (Augmentation, "function"), (Command, "command")],
)
def test_code_is_given_by_reference(kind: type, field: str) -> None:
    with pytest.raises(
        RecordError, match=rf"^{kind.__name__} '\w': {field} must be a Ref, not 'package.module:object'"
    ):
        MAKERS[kind](**{field: "package.module:object"})


def test_a_recipe_step_names_one_thing() -> None:
    for wrong in ({}, {"schematic": "a", "recipe": "b"}):
        with pytest.raises(RecordError) as refused:
            RecipeStep(**wrong)
        assert str(refused.value) == "a recipe step needs a schematic or a recipe; give one"


def test_plain_texts_in_a_recipe_are_schematics() -> None:
    recipe = Recipe(name="r", steps=["a", include("b"), RecipeStep(schematic="c", parameters={"LA_WT": 2})])
    assert recipe.steps == (
        RecipeStep(schematic="a"),
        RecipeStep(recipe="b"),
        RecipeStep(schematic="c", parameters={"LA_WT": 2}),
    )


@pytest.mark.parametrize("steps", ["lv_outflow", [3], [{"schematic": "a"}], [None], ["a", ["b"]]])
def test_steps_of_a_recipe_that_are_none_are_refused(steps: Any) -> None:
    with pytest.raises(RecordError, match="step"):
        Recipe(name="r", steps=steps)


@pytest.mark.parametrize("name", [3, ["a"], ("a",)])
def test_a_recipe_step_names_by_text(name: Any) -> None:
    with pytest.raises(RecordError, match="schematic"):
        RecipeStep(schematic=name)
    with pytest.raises(RecordError, match="recipe"):
        RecipeStep(recipe=name)


@pytest.mark.parametrize("step", ["", 3, None])
def test_a_schematic_names_its_step_kind(step: Any) -> None:
    with pytest.raises(RecordError, match=r"^Schematic 's': step "):
        schematic(step=step)


# --- round trips

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", fullmatch=True)
texts = st.text(st.characters(codec="utf-8"), max_size=30)
keys = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
label_values = st.integers(1, 2**40)
numbers = st.floats(allow_nan=False, allow_infinity=False)
refs = st.from_regex(r"[a-z_][a-z0-9_]{0,6}(\.[a-z_]{1,4})?:[A-Za-z_]{1,6}(\.[a-z]{1,3})?", fullmatch=True).map(Ref)
recipe_steps = st.builds(
    RecipeStep, schematic=names, parameters=st.dictionaries(keys, numbers, max_size=3)
) | st.builds(include, names)
records: st.SearchStrategy[Record] = st.one_of(
    st.builds(
        Schematic,
        name=names,
        step=names,
        labels=st.dictionaries(keys, label_values, max_size=4),
        parameters=st.dictionaries(keys, numbers, max_size=4),
        semantic_map=st.dictionaries(
            keys,
            keys | st.lists(st.fixed_dictionaries({"MODE": keys, "RULE_LABEL_NAMES": st.lists(keys)}), max_size=2),
            max_size=3,
        ),
        summary=texts,
    ),
    st.builds(Recipe, name=names, steps=st.lists(recipe_steps, max_size=4), summary=texts),
    st.builds(Step, name=names, summary=texts, run=refs, contract=refs, frozen_reference=st.booleans()),
    st.builds(Metric, name=names, summary=texts, measures=st.sampled_from(Measures), function=refs, unit=texts),
    st.builds(
        LabelScheme,
        name=names,
        summary=texts,
        labels=st.dictionaries(keys, label_values, max_size=4),
        groups=st.dictionaries(keys, st.lists(keys, max_size=3).map(tuple), max_size=3),
        colours=st.dictionaries(keys, st.from_regex(r"#[0-9a-f]{6}", fullmatch=True), max_size=3),
        snomed=st.dictionaries(keys, texts, max_size=3),
        source=texts,
    ),
    st.builds(Augmentation, name=names, summary=texts, function=refs),
    st.builds(Command, name=names, summary=texts, command=refs),
)


@pytest.mark.slow
@given(records)
@settings(max_examples=150)
def test_records_come_back_from_json(record: Record) -> None:
    plain = json.loads(json.dumps(documents.to_data(record)))
    assert documents.from_data(plain, type(record)) == record


@pytest.mark.slow
@given(records)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_records_come_back_from_a_yaml_file(tmp_path: Path, record: Record) -> None:
    file = tmp_path / "record.yaml"
    file.write_text(yaml.safe_dump(documents.to_data(record)), encoding="utf-8", newline="")
    assert documents.from_data(load_yaml(file), type(record)) == record
