"""Plain data to records and contracts and back; every refusal says what is wrong and where."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import field, frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pycemrg_core.api import contracts, documents
from pycemrg_core.api.contracts import (
    ApplicationStep,
    Label,
    Mode,
    Role,
    Use,
    application_steps,
    number,
    reads,
    roles,
    thickness,
    writes,
)
from pycemrg_core.api.records import LabelScheme, Metric, Recipe, Schematic, Step
from pycemrg_core.errors import DocumentError
from pycemrg_core.text.structured import load_json, load_yaml
from schematics_builtin.catalogue.contracts import (
    MyocardiumCreationContract,
    PushCreationContract,
    RingCreationContract,
    ValveCreationContract,
)

# --- places

RECIPE = {
    "name": "r",
    "steps": ["lv_outflow", {"recipe": "valves"}, {"schematic": "la", "parameters": {"LA_WT": 2}}],
}
SCHEMATIC = {"name": "s", "step": "create", "labels": {"LV_BP_label": 1}}
SCHEME = {"name": "s", "summary": "", "labels": {}}
STEP = {"name": "s", "summary": "", "run": "a:b", "contract": "a:C"}
KNOWN = "(known: name, summary, step, labels, parameters, semantic_map)"


def refusal(value: Any, kind: type, where: str = "") -> str:
    with pytest.raises(DocumentError) as refused:
        documents.from_data(value, kind, where)
    return str(refused.value)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (Schematic, SCHEMATIC | {"labels": {"LV": "1"}}, "'1' is not a whole number @ labels.LV"),
        (Schematic, SCHEMATIC | {"labels": {"LV": 2.5}}, "2.5 is not a whole number @ labels.LV"),
        (Schematic, SCHEMATIC | {"labels": {"LV": True}}, "True is not a whole number @ labels.LV"),
        (Schematic, SCHEMATIC | {"labels": {1: 1}}, "1 is not text @ labels[1]"),
        (Schematic, SCHEMATIC | {"labels": ["LV"]}, "expected a mapping @ labels"),
        (Schematic, SCHEMATIC | {"semantic_map": 3}, "expected a mapping @ semantic_map"),
        (Schematic, SCHEMATIC | {"parameters": {"LA_WT": "2"}}, "'2' is not a number @ parameters.LA_WT"),
        (Schematic, SCHEMATIC | {"parameters": {"LA_WT": None}}, "None is not a number @ parameters.LA_WT"),
        (Schematic, SCHEMATIC | {"summary": 3}, "3 is not text @ summary"),
        (Schematic, SCHEMATIC | {"step": ["a"]}, "['a'] is not text @ step"),
        (Schematic, SCHEMATIC | {"kind": "create", "Name": 1}, f"unknown key 'Name', 'kind' {KNOWN}"),
        (Schematic, SCHEMATIC | {"labels": {"LV": 0}},
            "Schematic 's': label 'LV' is 0; labels are integers from 1 (0 is the background)"),
        (Schematic, {"name": "s", "labels": {}}, "missing key 'step' @ step"),
        (LabelScheme, SCHEME | {"groups": {"g": "LV"}}, "'LV' is not a list @ groups.g"),
        (LabelScheme, SCHEME | {"groups": {"g": ["LV", 2]}}, "2 is not text @ groups.g[1]"),
        (LabelScheme, SCHEME | {"colours": {"LV": 3}}, "3 is not text @ colours.LV"),
        (Recipe, RECIPE | {"steps": "lv_outflow"}, "'lv_outflow' is not a list @ steps"),
        (Recipe, RECIPE | {"steps": {"a": 1}}, "{'a': 1} is not a list @ steps"),
        (Recipe, RECIPE | {"steps": ["a", ""]}, "a recipe step needs a schematic or a recipe; give one @ steps[1]"),
        (Recipe, RECIPE | {"steps": [{}]}, "a recipe step needs a schematic or a recipe; give one @ steps[0]"),
        (Recipe, RECIPE | {"steps": [{"recipe": 3}]}, "3 is not text @ steps[0].recipe"),
        (Recipe, RECIPE | {"steps": ["a", {"step": "b"}]},
            "unknown key 'step' (known: schematic, recipe, parameters, when_present, snapshot) @ steps[1]"),
        (Step, STEP | {"run": "a.b"}, "'a.b' is not a reference; write it as 'package.module:object' @ run"),
        (Step, STEP | {"contract": 3}, "3 is not a reference; write it as 'package.module:object' @ contract"),
        (
            Metric,
            {"name": "m", "summary": "", "measures": "images", "function": "a:b", "unit": 1},
            "1 is not text @ unit",
        ),
    ],
)  # fmt: skip
def test_a_refusal_says_what_and_where(kind: type, value: Any, message: str) -> None:
    assert refusal(value, kind) == message


def test_the_place_begins_where_the_caller_says() -> None:
    steps = [*RECIPE["steps"][:2], {"schematic": "la", "parameters": {"LA_WT": "two"}}]
    message = "'two' is not a number @ recipes.r.steps[2].parameters.LA_WT"
    assert refusal(RECIPE | {"steps": steps}, Recipe, "recipes.r") == message


def test_all_faults_are_told_at_once() -> None:
    assert refusal(SCHEMATIC | {"labels": {"A": "x", "B": 1, "C": None}, "summary": 1}, Schematic) == (
        "1 is not text @ summary; 'x' is not a whole number @ labels.A; None is not a whole number @ labels.C"
    )


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("value", ["text", 3, None, ["a"], [], True])
def test_a_record_is_a_mapping(value: Any) -> None:
    assert refusal(value, Schematic, "schematics.s") == f"{value!r} is not a mapping @ schematics.s"


@pytest.mark.parametrize("value", [3, None, ["a"]])
def test_a_recipe_step_is_text_or_a_mapping(value: Any) -> None:
    message = f"{value!r} is not a mapping @ recipes.r.steps[1]"
    assert refusal(RECIPE | {"steps": ["a", value]}, Recipe, "recipes.r") == message


@pytest.mark.parametrize("value", [True, False])
def test_true_and_false(value: bool) -> None:
    assert documents.from_data(STEP | {"frozen_reference": value}, Step).frozen_reference is value


@pytest.mark.parametrize("value", ["no", 0, 1, None])
def test_nothing_else_passes_for_true_or_false(value: Any) -> None:
    message = f"{value!r} is not true or false @ frozen_reference"
    assert refusal(STEP | {"frozen_reference": value}, Step) == message


def test_whole_numbers_are_numbers_and_become_floats() -> None:
    value = documents.from_data(SCHEMATIC | {"parameters": {"LA_WT": 2}}, Schematic).parameters["LA_WT"]
    assert (type(value), value) == (float, 2.0)


# --- contracts

labels = st.builds(Label, st.text(st.characters(codec="utf-8"), max_size=12), st.integers(0, 2**31))
thicknesses = st.floats(allow_nan=False, allow_infinity=False)
applications = st.lists(
    st.builds(ApplicationStep, st.sampled_from(Mode), st.lists(labels, max_size=3).map(tuple)), max_size=3
).map(tuple)
BUILT_IN = [MyocardiumCreationContract, ValveCreationContract, RingCreationContract, PushCreationContract]
BY_USE = {
    Use.READS: labels,
    Use.WRITES: labels,
    Use.THICKNESS: thicknesses,
    Use.NUMBER: thicknesses,
    Use.CHOICE: st.sampled_from([0, 1]),
    Use.APPLIES: applications,
}


@pytest.mark.slow
@pytest.mark.parametrize("contract", BUILT_IN)
def test_contracts_of_the_built_in_steps_come_back(tmp_path: Path, contract: type) -> None:
    file = tmp_path / "contract.yaml"

    @given(st.builds(contract, **{role.field_name: BY_USE[role.use] for role in roles(contract)}))
    @settings(max_examples=30, suppress_health_check=list(HealthCheck))
    def comes_back(one: Any) -> None:
        plain = documents.to_data(one)
        assert documents.from_data(json.loads(json.dumps(plain)), contract) == one
        file.write_text(yaml.safe_dump(plain), encoding="utf-8")
        assert documents.from_data(load_yaml(file), contract) == one

    comes_back()


def test_a_contract_as_plain_data() -> None:
    contract = RingCreationContract(
        vein=Label("SVC_label", 13),
        atrium_wall=Label("RA_myo_label", 105),
        target=Label("SVC_ring_label", 213),
        thickness_mm=2.0,
        application=(ApplicationStep(Mode.REPLACE_ONLY, (Label("LA_myo_label", 104),)),),
    )
    assert documents.to_data(contract) == {
        "vein": {"name": "SVC_label", "value": 13},
        "atrium_wall": {"name": "RA_myo_label", "value": 105},
        "target": {"name": "SVC_ring_label", "value": 213},
        "thickness_mm": 2.0,
        "application": [{"mode": "REPLACE_ONLY", "labels": [{"name": "LA_myo_label", "value": 104}]}],
    }
    assert list(contracts.labels_read(contract)) == [contract.vein, contract.atrium_wall]
    assert list(contracts.labels_written(contract)) == [contract.target]


def test_a_wrong_contract_is_refused_with_its_place() -> None:
    plain = {
        "source": {"name": "LV", "value": 1},
        "target": {"name": "LV_myo", "value": 2},
        "thickness_mm": 2.0,
        "application": [{"mode": "ADD"}, {"mode": "REPLACE_ONLY", "labels": [{"name": "RV", "value": "3"}]}],
    }
    where = "steps[4].contract"
    assert refusal(plain, MyocardiumCreationContract, where) == (
        "'3' is not a whole number @ steps[4].contract.application[1].labels[0].value"
    )
    assert "@ steps[4].contract.application[0].mode" in refusal(
        plain | {"application": [{"mode": "PAINT"}]}, MyocardiumCreationContract, where
    )


@frozen(kw_only=True)
class EveryRole:
    near: Label = reads("NEAR_NAME")
    made: Label = writes("MADE_NAME")
    wall_mm: float = thickness("WALL_PARAMETER_NAME")
    share: float = number("SHARE_PARAMETER_NAME", unit="mL", minimum=-1.0)
    application: tuple[ApplicationStep, ...] = application_steps("APPLICATION_STEPS")


def test_roles_are_read_from_the_declaration() -> None:
    assert roles(EveryRole) == (
        Role("near", "NEAR_NAME", Use.READS),
        Role("made", "MADE_NAME", Use.WRITES),
        Role("wall_mm", "WALL_PARAMETER_NAME", Use.THICKNESS, "mm", 0.0),
        Role("share", "SHARE_PARAMETER_NAME", Use.NUMBER, "mL", -1.0),
        Role("application", "APPLICATION_STEPS", Use.APPLIES),
    )


@pytest.mark.parametrize("contract", [int, dict, "EveryRole", None, len])
def test_a_contract_is_an_attrs_class(contract: Any) -> None:
    with pytest.raises(TypeError) as refused:
        roles(contract)
    assert str(refused.value) == f"{contract!r} is not an attrs class"


def test_every_field_of_a_contract_says_its_role() -> None:
    @frozen
    class HalfDeclared:
        near: Label = reads("NEAR_NAME")
        wall_mm: float = field(default=2.0)

    with pytest.raises(TypeError) as refused:
        roles(HalfDeclared)
    message = str(refused.value)
    assert message.startswith("HalfDeclared.wall_mm has no role; declare it with reads(), writes(), ")
    for function in (thickness, number, application_steps):
        assert f"{function.__name__}()" in message


# --- files


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "heart.yaml"


def file_refusal(file: Path, content: str | bytes) -> str:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DocumentError) as refused:
        load_yaml(file)
    return str(refused.value)


def test_a_plain_mapping(file: Path) -> None:
    file.write_text("\ufefflabels:\n  LV: 1\n", encoding="utf-8")
    assert load_yaml(file) == {"labels": {"LV": 1}}


def test_no_file(file: Path) -> None:
    with pytest.raises(DocumentError) as refused:
        load_yaml(file)
    assert str(refused.value) == f"{file}: no such file; check the path"


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=": is a folder; give a configuration file"):
        load_yaml(tmp_path)


@pytest.mark.parametrize("content", ["", "# nothing\n", "- 1\n", "just text\n", "3\n", "null\n"])
def test_a_file_that_holds_no_mapping(file: Path, content: str) -> None:
    assert file_refusal(file, content) == f"{file}: not a mapping; write lines of the form 'name: value'"


def test_aliases(file: Path) -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30))
    assert file_refusal(file, bomb) == f"{file}, line 2: not valid YAML: aliases are not allowed"


@pytest.mark.parametrize("content", ["a: 1\nb: 2\na: 3\n", "x:\n  a: 1\n  'a': 2\n", "x: [{a: 1, a: 1}]\n"])
def test_a_key_given_twice(file: Path, content: str) -> None:
    message = file_refusal(file, content)
    assert re.fullmatch(rf"{re.escape(str(file))}, line \d: not valid YAML: key 'a' is given twice", message)


def test_merge_keys_and_unhashable_keys(file: Path) -> None:
    file.write_text("<<: {a: 1}\n")
    assert load_yaml(file) == {"<<": {"a": 1}}, "no merging"
    assert ", line 1: not valid YAML: " in file_refusal(file, "? [a, b]\n: 1\n")


def test_tags_do_not_run_code(file: Path, tmp_path: Path) -> None:
    told = tmp_path / "told"
    message = file_refusal(
        file, f"a: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{told}']]"
    )
    assert ", line 1: not valid YAML: tags such as !!int are not allowed" in message
    assert not told.exists()


def test_a_broken_document_names_the_line(file: Path) -> None:
    assert file_refusal(file, "a: 1\nb: [1,\n").startswith(f"{file}, line 3: not valid YAML: ")


@pytest.mark.parametrize("content", [bytes(range(256)), b"a: \x00\n", b"\x89PNG\r\n\x1a\n", b"a: \xff\n"])
def test_a_binary_file(file: Path, content: bytes) -> None:
    message = file_refusal(file, content)
    assert message.startswith((f"{file}: cannot read it as text", f"{file}: not valid YAML: "))
    if content == bytes(range(256)):
        assert message == f"{file}: cannot read it as text; give a configuration file, saved as UTF-8"
    assert "\n" not in message


@pytest.mark.slow
def test_a_large_file(file: Path) -> None:
    file.write_bytes(b"a: 1\n#" + b" " * 999_994)
    assert load_yaml(file) == {"a": 1}
    assert file_refusal(file, b"a: 1\n#" + b" " * 999_995) == (
        f"{file}: larger than 1,000,000 bytes; give a configuration file"
    )


@pytest.mark.slow
@pytest.mark.parametrize("content", ["a: " + "[" * 5000 + "]" * 5000, "[" * 5000, "{a: " * 5000])
def test_a_file_of_nothing_but_depth(file: Path, content: str) -> None:
    assert file_refusal(file, content) == f"{file}: not valid YAML: nested too deeply"


def json_refusal(file: Path, content: str) -> str:
    file.write_text(content, encoding="utf-8")
    with pytest.raises(DocumentError) as refused:
        load_json(file)
    return str(refused.value)


def test_json_files(tmp_path: Path) -> None:
    file = tmp_path / "parameters.json"
    with pytest.raises(DocumentError) as refused:
        load_json(file)
    assert str(refused.value) == f"{file}: no such file; check the path"
    assert json_refusal(file, "[1]") == f"{file}: not a JSON object, which begins with '{{'; give another file"
    assert json_refusal(file, f'{{"a": {"9" * 5000}}}') == f"{file}: not valid JSON: {'9' * 20}... has 5,000 digits"
    assert json_refusal(file, '{"a": 1,\n "b" 2}') == f"{file}, line 2: not valid JSON: Expecting ':' delimiter"
    file.write_text('\ufeff{\n\t"LA_WT": 1e-3\n}', encoding="utf-8")
    assert load_json(file) == {"LA_WT": 0.001}


def test_json_files_have_the_same_limits(tmp_path: Path) -> None:
    file = tmp_path / "parameters.json"
    assert "key 'LA_WT' is given twice" in json_refusal(file, '{"LA_WT": 2, "LA_WT": 3}')
    assert "larger than 1,000,000 bytes" in json_refusal(file, "{" + " " * 1_000_000 + "}")
    assert "nested too deeply" in json_refusal(file, '{"a": ' * 100_000)


# --- a YAML file of records

RECORDS = """
schematics:
  thick_la:
    step: create
    summary: a thick left atrium
    labels: {LA_BP_label: 4, LA_myo_label: 104}
    parameters: {LA_WT: 3}
    semantic_map:
      SOURCE_BLOOD_POOL_NAME: LA_BP_label
      APPLICATION_STEPS: [{MODE: ADD, RULE_LABEL_NAMES: []}]
recipes:
  mine:
    steps: [thick_la, {recipe: valves}, {schematic: mitral_valve, parameters: {valve_WT: 3.5}}]
"""


def test_records_of_a_file(file: Path) -> None:
    file.write_text(RECORDS)
    schematic, recipe = documents.records_from_yaml(file)
    assert isinstance(schematic, Schematic)
    assert isinstance(recipe, Recipe)
    assert (schematic.name, schematic.step, dict(schematic.parameters)) == ("thick_la", "create", {"LA_WT": 3.0})
    assert [(step.schematic, step.recipe) for step in recipe.steps] == [
        ("thick_la", ""),
        ("", "valves"),
        ("mitral_valve", ""),
    ]
    assert dict(recipe.steps[2].parameters) == {"valve_WT": 3.5}


@pytest.mark.parametrize("content", ["schematics:\n", "recipes: {}\n", "schematics: {}\nrecipes:\n"])
def test_sections_may_be_empty(file: Path, content: str) -> None:
    file.write_text(content)
    assert documents.records_from_yaml(file) == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (RECORDS.replace("LA_WT: 3}", "LA_WT: three}"),
            "'three' is not a number @ schematics.thick_la.parameters.LA_WT"),
        (RECORDS.replace("valve_WT: 3.5", "valve_WT: 3.5mm"),
            "'3.5mm' is not a number @ recipes.mine.steps[2].parameters.valve_WT"),
        (RECORDS.replace("LA_BP_label: 4", "LA_BP_label: 4.5"),
            "4.5 is not a whole number @ schematics.thick_la.labels.LA_BP_label"),
        (RECORDS.replace("summary:", "sumary:"), f"unknown key 'sumary' {KNOWN} @ schematics.thick_la"),
        (RECORDS.replace("thick_la:", "7:"), "7 is not text @ schematics.7.name"),
        ("schematics: [a]", "schematics must be a mapping of names to definitions @ schematics"),
        ("recipes: {mine: [a, b]}", "must be a mapping @ recipes.mine"),
        ("recipe: {}\nsteps: {}", "unknown key recipe, steps (known: schematics, recipes, label_schemes, structures)"),
    ],
)  # fmt: skip
def test_a_wrong_file_of_records(file: Path, content: str, message: str) -> None:
    file.write_text(content)
    with pytest.raises(DocumentError) as refused:
        documents.records_from_yaml(file)
    assert str(refused.value) == f"heart.yaml: {message}"


def test_a_definition_has_one_name(file: Path) -> None:
    file.write_text(RECORDS.replace("    step: create", "    name: other\n    step: create"))
    with pytest.raises(DocumentError, match=r"'other'.* @ schematics\.thick_la"):
        documents.records_from_yaml(file)
