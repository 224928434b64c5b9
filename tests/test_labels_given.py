"""Labels that the user gives: what is true changes nothing, whatever else a recipe or a plugin calls these integers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from command_line import pycemrg
from hypothesis import given, settings
from hypothesis import strategies as st
from phantom import heart_phantom

from pycemrg_core import Catalogue, Policy, load_catalogue, run_recipe
from pycemrg_core.api import contracts
from pycemrg_core.api.contracts import ApplicationStep, Label
from pycemrg_core.api.records import LabelScheme, Recipe, Structure
from pycemrg_core.errors import PlanError
from pycemrg_core.images.image_files import volume_of
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.images.structures import names_in
from pycemrg_core.recipes.planner import plan
from pycemrg_core.recipes.plans import ImageFacts, Plan
from pycemrg_core.recipes.settings import Settings
from pycemrg_core.runs.configuration import read_config, write_config

NAMES = "LV_BP LV_myo RV_BP LA_BP RA_BP Ao_BP PArt_BP LPV1 LPV2 RPV1 RPV2 LAA SVC IVC"
INPUTS = {f"{name}_label": value for value, name in enumerate(NAMES.split(), 1)}


@cache
def catalogue() -> Catalogue:
    return load_catalogue(Policy(allow=frozenset()))


RECIPES = [found.name for found in catalogue().all(Recipe)]


def planned(recipe: str, present: Mapping[str, int], **given: Any) -> Plan:
    facts = ImageFacts(labels=frozenset(present.values()), spacing=(0.5, 0.5, 0.5), dtype="uint16")
    return plan(recipe, catalogue(), facts, Settings(**given))


def meaning(made: Plan, present: Mapping[str, int]) -> list[Any]:
    """What a plan does: its steps and their contracts, with names for integers, without labels that are nowhere."""
    there = {*present.values()}
    steps = []
    for step in made.steps:
        there |= {label.value for label in contracts.labels_written(step.contract)}
        steps.append(
            (
                step.name,
                {one.name: _told(getattr(step.contract, one.name), there) for one in attrs.fields(type(step.contract))},
            )
        )
    return steps


def _told(value: Any, there: set[int]) -> Any:
    if isinstance(value, Label):
        return value.name
    if isinstance(value, ApplicationStep):
        return value.mode, {label.name for label in value.labels if label.value in there}
    if isinstance(value, tuple):
        found = [_told(one, there) for one in value if not isinstance(one, Label) or one.value in there]
        return sorted(found) if value and isinstance(value[0], Label) else found
    return value


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_true_set_of_labels_changes_nothing(recipe: str) -> None:
    """Every set that leaves out up to two, or holds up to two; and all, with more."""
    without = meaning(planned(recipe, INPUTS), INPUTS)
    names = list(INPUTS)
    sets = [set(some) for count in (0, 1, 2) for some in combinations(names, count)]
    sets += [{*names} - some for some in sets]
    for some in sets:
        true = {name: INPUTS[name] for name in some}
        assert meaning(planned(recipe, INPUTS, labels=true), INPUTS) == without
    more = {**INPUTS, "pulmonary_veins_label": 250, "tumour": 251}
    assert meaning(planned(recipe, INPUTS, labels=more), INPUTS) == without


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
@given(data=st.data())
@settings(max_examples=25)
def test_every_renumbering_of_the_heart_is_the_same_heart(recipe: str, data: st.DataObject) -> None:
    """Whatever the integers are, also those of other structures; but not those that the recipe writes."""
    written = {
        label.value for step in planned(recipe, INPUTS).steps for label in contracts.labels_written(step.contract)
    } - {*INPUTS.values()}
    free = [value for value in range(1, 256) if value not in written]
    chosen = data.draw(st.permutations(free))[: len(INPUTS)]
    heart = dict(zip(INPUTS, chosen, strict=True))
    assert meaning(planned(recipe, heart, labels=heart), heart) == meaning(planned(recipe, INPUTS), INPUTS)
    spelt = {name.removesuffix("_label").lower(): np.uint8(value) for name, value in heart.items()}
    assert meaning(planned(recipe, heart, labels=spelt), heart) == meaning(planned(recipe, INPUTS), INPUTS)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_the_configuration_folder_of_another_recipe_changes_nothing(tmp_path: Path, recipe: str) -> None:
    without = meaning(planned(recipe, INPUTS), INPUTS)
    for other in RECIPES:
        write_config(tmp_path / other, other, catalogue())
        config = attrs.evolve(read_config(tmp_path / other, catalogue()), defaults={})
        facts = ImageFacts(labels=frozenset(INPUTS.values()), spacing=(0.5, 0.5, 0.5), dtype="uint16")
        assert meaning(plan(recipe, catalogue(), facts, config), INPUTS) == without, other


def test_an_integer_of_a_configuration_that_was_changed_counts(tmp_path: Path) -> None:
    write_config(tmp_path / "c", "atria_full", catalogue())
    text = (tmp_path / "c" / "labels.yaml").read_text(encoding="utf-8")
    (tmp_path / "c" / "labels.yaml").write_text(text.replace("LPV1_ring_label: 208", "LPV1_ring_label: 99"))
    facts = ImageFacts(labels=frozenset(INPUTS.values()), spacing=(0.5, 0.5, 0.5), dtype="uint8")
    made = plan("four_chamber_closed", catalogue(), facts, read_config(tmp_path / "c", catalogue()))
    assert (made.labels["LPV1_ring_label"], made.labels["LPV2_ring_label"]) == (99, 222)
    assert "not used here: LPV2_ring_label 209, RPV1_ring_label 210" in "".join(made.warnings)


LEFT = {"LA_BP_label": 1, "LPV1_label": 2, "LPV2_label": 3, "RPV1_label": 4, "RPV2_label": 5, "LAA_label": 6}


@pytest.fixture(scope="module")
def left_atrium() -> LabelVolume:
    """A left atrium alone, numbered from 1."""
    whole = volume_of(heart_phantom(64, (2.0, 2.0, 2.0)))
    array = np.zeros_like(whole.array)
    for name, value in LEFT.items():
        array[whole.array == INPUTS[name]] = value
    return whole.with_array(array)


@pytest.fixture(scope="module")
def as_usual(left_atrium: LabelVolume) -> LabelVolume:
    array = np.zeros_like(left_atrium.array)
    for name, value in LEFT.items():
        array[left_atrium.array == value] = INPUTS[name]
    return left_atrium.with_array(array)


def test_a_default_never_judges_what_the_user_named(left_atrium: LabelVolume, as_usual: LabelVolume) -> None:
    result = run_recipe("left_atrium_with_veins", left_atrium, catalogue(), labels=LEFT)
    usual = run_recipe("left_atrium_with_veins", as_usual, catalogue()).volume.array.copy()
    for name, value in LEFT.items():
        usual[usual == INPUTS[name]] = value
    assert (result.volume.array == usual).all()


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_the_voxels_of_a_renumbered_heart_are_those_of_the_heart(recipe: str) -> None:
    """With integers in use for other structures and in another order, and the labels given as spellings."""
    usual = volume_of(heart_phantom(64, (2.0, 2.0, 2.0)))
    shuffled = [14, 50, 1, 2, 90, 3, 4, 60, 13, 12, 8, 9, 7, 30]
    new = np.zeros(256, np.uint8)
    new[list(INPUTS.values())] = shuffled
    heart = dict(zip((name.removesuffix("_label") for name in INPUTS), shuffled, strict=True))
    result = run_recipe(recipe, usual.with_array(new[usual.array]), catalogue(), labels=heart)
    expected = run_recipe(recipe, usual, catalogue()).volume.array
    assert (result.volume.array == np.where(expected < 15, new[expected], expected)).all()


WAYS = {
    "yaml": "labels:\n{lines}",
    "flat.yaml": "{flat}",
    "csv": "name,value\n{rows}",
    "semicolons.csv": "value;name\n{swapped}",
    "tsv": "name\tvalue\n{tabs}",
    "json": "{json}",
    "ctbl": "{coloured}",
    "label": "{described}",
}


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("way", WAYS)
def test_every_kind_of_file_says_the_same(tmp_path: Path, way: str) -> None:
    heart = {name: value + 20 for name, value in INPUTS.items()}
    path = tmp_path / f"labels.{way}"
    path.write_text(
        WAYS[way].format(
            lines="".join(f"  {name}: {value}\n" for name, value in heart.items()),
            flat="".join(f"{name}: {value}\n" for name, value in heart.items()),
            rows="".join(f"{name},{value}\n" for name, value in heart.items()),
            swapped="".join(f"{value};{name}\n" for name, value in heart.items()),
            tabs="".join(f"{name}\t{value}\n" for name, value in heart.items()),
            json=json.dumps({"labels": heart}),
            coloured="".join(f"{value} {name} 1 2 3 255\n" for name, value in heart.items()),
            described="".join(f'{value} 1 2 3 1 1 1 "{name}"\n' for name, value in heart.items()),
        ),
        encoding="utf-8",
    )
    whole = volume_of(heart_phantom(64, (2.0, 2.0, 2.0)))
    from pycemrg_core.images.image_files import write_volume

    write_volume(whole.with_array(np.where(whole.array > 0, whole.array + 20, 0).astype(np.uint8)), tmp_path / "h.nrrd")
    shown = pycemrg("plan", "four_chamber_full", tmp_path / "h.nrrd", "--labels", path).stdout
    assert "LV_BP 21" in shown
    assert "RA_BP 25" in shown


def test_a_default_in_the_way_says_whose_it_is() -> None:
    with pytest.raises(PlanError) as refused:
        planned("left_atrium_with_veins", INPUTS, labels={"tumour": 104, "scar": 8})
    assert refused.value.problems == (
        "'LA_myo_label' has no integer: 104 is its default in the label scheme 'cemrg', but 'tumour' in your labels;"
        " needed by la_myocardium, lpv1_ring, lpv2_ring, rpv1_ring, rpv2_ring, laa_ring; give it its own integer in"
        " your labels",
        "'LPV1_label' has no integer: 8 is its default in the label scheme 'cemrg', but 'scar' in your labels; needed"
        " by lpv1_ring; give it its own integer in your labels",
    )


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ({"LV_BP": 1, "lv bp": 2}, "'LV_BP' and 'lv bp' are one structure, 'LV_BP_label'; give it one integer"),
        ({"left_atrim": 1}, None),
        ({"LA_BP_lable": 1}, "no structure is called 'LA_BP_lable'; did you mean 'LA_BP_label'?"),
        ({"LA_BPP": 1}, "no structure is called 'LA_BPP'; did you mean 'LA_BP'?"),
        ({"LA_BP_label": 4.0}, "'LA_BP_label' is 4.0; labels are integers from 1 (0 is the background)"),
        ({"LA_BP_label": 1.5}, "'LA_BP_label' is 1.5; labels are integers from 1 (0 is the background)"),
        ({"LA_BP_label": float("nan")}, "'LA_BP_label' is nan; labels are integers from 1 (0 is the background)"),
        ({"LA_BP_label": float("inf")}, "'LA_BP_label' is inf; labels are integers from 1 (0 is the background)"),
        ({4: "LA_BP_label"}, "4 is not the name of a label; give names and their integers"),
    ],
)
def test_names_that_are_not_understood(labels: Any, problem: str | None) -> None:
    if problem is None:
        assert any("no structure is called" in text for text in planned("atria_full", INPUTS, labels=labels).warnings)
        return
    with pytest.raises(PlanError) as refused:
        planned("atria_full", INPUTS, labels=labels)
    assert problem in refused.value.problems[0]


def test_an_unknown_name_is_said_and_stays() -> None:
    made = planned("atria_full", {**INPUTS, "tumour": 99}, labels={"tumour": 99, "LPV3_label": 98})
    assert "no structure is called 'tumour'; its label 99 stays as it is" in made.warnings
    assert "no structure is called 'LPV3_label'; did you mean" in "\n".join(made.warnings)


# --- spellings

SPELT = {
    "LV_BP": "LV_BP_label",
    "LV": "LV_BP_label",
    "left ventricle": "LV_BP_label",
    "Left-Ventricle": "LV_BP_label",
    "heart_ventricle_left": "LV_BP_label",  # TotalSegmentator
    "heart_atrium_right": "RA_BP_label",
    "heart_myocardium": "LV_myo_label",
    "Myo": "LV_myo_label",  # nnU-Net, from the MM-WHS data
    "AO": "Ao_BP_label",  # HVSMR
    "PA": "PArt_BP_label",
    "pulmonary_artery": "PArt_BP_label",
    "aorta": "Ao_BP_label",
    "pulmonary_vein": "pulmonary_veins_label",
    "atrial_appendage_left": "LAA_label",
    "superior_vena_cava": "SVC_label",
    "Inferior vena cava": "IVC_label",  # 3D Slicer
    "LSPV": "LPV1_label",
    "RIPV ring": "RPV2_ring_label",
    "PArt_wall": "PArt_wall_label",
    "mitral valve": "MV_label",
    "PV": "PV_label",  # the valve, as the schemes say
}


@pytest.mark.parametrize("spelling", SPELT)
def test_what_tools_call_a_structure(spelling: str) -> None:
    assert names_in(catalogue()).canonical(spelling) == SPELT[spelling]


def test_a_spelling_of_two_structures_is_refused(tmp_path: Path) -> None:
    plugin = tmp_path / "second_left.yaml"
    plugin.write_text("structures:\n  left_lung_label: {summary: left lung, spellings: [LV, left lung]}\n")
    more = load_catalogue(Policy(allow=frozenset()), local=[str(plugin)])
    facts = ImageFacts(labels=frozenset(INPUTS.values()), spacing=(0.5, 0.5, 0.5), dtype="uint8")
    with pytest.raises(PlanError) as refused:
        plan("atria_full", more, facts, Settings(labels={"LV": 1}))
    assert refused.value.problems[0] == (
        "no structure is called 'LV'; did you mean 'LV_BP_label' or 'left_lung_label'?"
    )
    assert names_in(more).canonical("Left Lung") == "left_lung_label"


def test_every_name_of_a_scheme_is_a_structure_and_no_spelling_means_two() -> None:
    structures = {found.name: found.record for found in catalogue().all(Structure)}
    assert {name for one in catalogue().all(LabelScheme) for name in one.record.labels} <= structures.keys()
    names = names_in(catalogue())
    for name, record in structures.items():
        for spelling in (name, name.removesuffix("_label"), name.lower(), *record.spellings):
            assert names.canonical(spelling) == name, spelling


def test_codes_are_those_of_the_schemes() -> None:
    for found in catalogue().all(LabelScheme):
        for name, code in found.record.snomed.items():
            assert catalogue().get(Structure, name).snomed == code
