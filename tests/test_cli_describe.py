"""``pycemrg describe`` says of each kind of thing what it reads, writes and where it comes from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import local_plugin, pycemrg

from pycemrg_core import __version__, load_catalogue
from pycemrg_core.api.kinds import KINDS, kind_of

pytestmark = pytest.mark.usefixtures("loaded_once")


def described(name: str, *options: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(pycemrg("describe", name, "--json", *options).stdout)
    return found


@pytest.mark.parametrize(
    ("name", "kind", "parts"),
    [
        ("la_myocardium", "schematic", ("LA_BP_label = 4", "LA_WT = 2", "REPLACE_ONLY RA_BP_label", "atria_full")),
        ("mitral_valve", "schematic", ("STRUCTURE_A_NAME: LA_BP_label", "MV_label = 201", "four_chamber_full")),
        ("part_push_lv", "schematic", ("PUSHER_WALL_NAME: LV_myo_label = 2", "four_chamber_myocardium")),
        ("atria_full", "recipe", ("left_atrium_with_veins", "svc_ring (ring)", "la_myocardium (create)")),
        ("create", "step", ("SOURCE_BLOOD_POOL_NAME: reads", "mm", "MyocardiumCreationContract", "lv_outflow")),
        ("cemrg", "label scheme", ("1  LV_BP_label", "214  IVC_ring_label", "source: http")),
        ("demo", "command", ("schematics_builtin.demo.command:demo",)),
    ],
)
def test_each_kind_says_what_matters_of_it(name: str, kind: str, parts: tuple[str, ...]) -> None:
    result = pycemrg("describe", name)
    text = " ".join(result.stdout.split())
    assert text.startswith(f"{name}: ")
    assert f"kind: {kind}" in text
    plugin = "demo" if name == "demo" else "builtin"
    assert f"provider: pycemrg-core {__version__} (plugin {plugin})" in text
    for part in parts:
        assert " ".join(part.split()) in text
    assert result.stderr == ""


PLUGIN = """
from pycemrg_core.api import Augmentation, Measures, Metric, Ref, hookimpl


MEASURES = Measures.STRUCTURES

@hookimpl
def pycemrg_metrics():
    yield Metric(
        name="overlap_of_two", summary="how much is common", measures=MEASURES, function=Ref("somewhere:overlap")
    )
    yield Metric(
        name="mean_gap", summary="how far apart", measures=MEASURES, function=Ref("somewhere:gap"), unit="mm"
    )

@hookimpl
def pycemrg_augmentations():
    yield Augmentation(name="wobble", summary="wobble a heart", function=Ref("somewhere:wobble"))
"""


def test_metrics_and_augmentations_of_a_plugin(tmp_path: Path) -> None:
    plugin = tmp_path / "describe_metrics.py"
    plugin.write_text(PLUGIN, encoding="utf-8")
    for name, kind, parts in (
        ("mean_gap", "metric", ("unit: mm", "function: somewhere:gap")),
        ("overlap_of_two", "metric", ("function: somewhere:overlap",)),
        ("wobble", "augmentation", ("function: somewhere:wobble",)),
    ):
        text = pycemrg("describe", name, "--plugin", plugin).stdout
        assert f"kind: {kind}" in text
        assert "describe_metrics" in text
        for part in parts:
            assert part in text
    assert "unit" not in pycemrg("describe", "overlap_of_two", "--plugin", plugin).stdout


@pytest.mark.slow
@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("kind", sorted(kind.word for kind in KINDS))
def test_everything_in_the_catalogue_is_described_in_80_columns(kind: str) -> None:
    for contribution in load_catalogue().contributions:
        if kind_of(contribution.record).word != kind:
            continue
        text = pycemrg("describe", contribution.qualified_name).stdout
        assert text.startswith(contribution.name)
        for line in text.splitlines():
            assert len(line) <= 80, line
            assert line.rstrip() == line
        for line, after in zip(text.splitlines(), [*text.splitlines()[1:], ""], strict=True):
            assert not line.endswith(":") or after.startswith("    "), f"{line!r} with nothing below it"


def test_json_holds_the_same() -> None:
    (found,) = described("la_myocardium")
    assert found["name"] == "la_myocardium"
    assert found["kind"] == "schematic"
    assert found["step"] == "create"
    assert found["summary"]
    assert "atria_full" in found["used by"]
    (found,) = described("atria_full")
    assert len(found["steps"]) == 9
    (found,) = described("cemrg")
    assert any("LV_BP_label" in label and "1" in label for label in found["labels"])
    assert pycemrg("describe", "cemrg", "--json").stderr == ""


def test_lists_are_lists_in_json() -> None:
    assert described("la_myocardium")[0]["used by"][:2] == ["atria_closed", "atria_full"]
    assert described("create")[0]["used by"][:1] == ["aortic_wall"]
    assert described("atria_full")[0]["includes"] == ["left_atrium_with_veins", "right_atrium_with_veins"]


@pytest.mark.slow(every=3)
@pytest.mark.parametrize(
    ("name", "close"), [("la_myocardum", "la_myocardium"), ("craete", "create"), ("atria_ful", "atria_full")]
)
def test_an_unknown_name_is_refused_with_a_close_match(name: str, close: str) -> None:
    for options in ([], ["--json"]):
        result = pycemrg("describe", name, *options, code=1)
        assert result.stdout == ""
        assert result.stderr.startswith(f"error: nothing is called {name!r}; did you mean '{close}'")


def test_a_name_like_no_other_says_where_to_look() -> None:
    text = pycemrg("describe", "xylophone", code=1).stderr
    assert "'xylophone'" in text
    assert "did you mean" not in text
    assert "list-" in text


def test_an_unknown_name_mentions_the_plugin_that_did_not_load(tmp_path: Path) -> None:
    plugin = tmp_path / "describe_broken.py"
    plugin.write_text("import no_such_module_anywhere\n", encoding="utf-8")
    text = pycemrg("describe", "xylophone", "--plugin", plugin, code=1).stderr
    assert "not loaded: describe_broken" in text
    assert "list-plugins" in text


def test_a_name_of_two_providers_shows_both_and_says_so(tmp_path: Path) -> None:
    plugin = tmp_path / "describe_rival.yaml"
    plugin.write_text("recipes:\n  atria_full: {summary: only one wall, steps: [la_myocardium]}\n", encoding="utf-8")
    result = pycemrg("describe", "atria_full", "--plugin", plugin)
    assert "only one wall" in result.stdout
    assert "both atria with all vein rings" in result.stdout
    for part in ("warning", "builtin:atria_full", "describe_rival:atria_full"):
        assert part in result.stderr
    assert len(described("atria_full", "--plugin", plugin)) == 2
    (one,) = described("describe_rival:atria_full", "--plugin", plugin)
    assert one["summary"] == "only one wall"
    # What includes the name cannot be used, and says why.
    assert "not usable" not in pycemrg("describe", "atria_full").stdout


def test_a_recipe_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    plugin = tmp_path / "describe_gap.yaml"
    plugin.write_text("recipes:\n  house: {summary: ours, steps: [la_myocardum]}\n", encoding="utf-8")
    text = pycemrg("describe", "house", "--plugin", plugin).stdout
    assert "not usable" in text
    assert "la_myocardium" in text


@pytest.mark.slow(every=3)
@pytest.mark.parametrize(
    ("source", "application"),
    [
        ("LA_BP_label", "[{MODE: ADD}]"),
        ("LA_BP_label", "[{RULE_LABEL_NAMES: [SVC_label]}]"),
        ("LA_BP_label", "[{MODE: [ADD], RULE_LABEL_NAMES: 3}]"),
        ("LA_BP_label", "[ADD]"),
        ("LA_BP_label", "ADD"),
        ("LA_BP_label", "null"),
        ("[LA_BP_label]", "[{MODE: ADD, RULE_LABEL_NAMES: []}]"),
        ("{LA_BP_label: 4}", "[{MODE: ADD, RULE_LABEL_NAMES: []}]"),
        ("null", "[]"),
        ("4", "[]"),
    ],
)
def test_a_schematic_is_described_however_its_map_is_filled(tmp_path: Path, application: str, source: str) -> None:
    """Describing is how one finds the mistake, so it must not stumble over one."""
    plugin = tmp_path / "describe_odd.yaml"
    plugin.write_text(
        f"""
schematics:
  odd:
    summary: an odd one
    step: create
    labels: {{LA_BP_label: 4, LA_myo_label: 104}}
    semantic_map:
      SOURCE_BLOOD_POOL_NAME: {source}
      TARGET_MYOCARDIUM_NAME: LA_myo_label
      WALL_THICKNESS_PARAMETER_NAME: LA_WT
      APPLICATION_STEPS: {application}
""",
        encoding="utf-8",
    )
    text = pycemrg("describe", "odd", "--plugin", plugin).stdout
    assert "LA_myo_label = 104" in text
    for role in ("SOURCE_BLOOD_POOL_NAME", "APPLICATION_STEPS"):
        assert role in text
    assert described("odd", "--plugin", plugin)


def test_a_step_whose_contract_cannot_be_imported_is_refused_in_one_line(tmp_path: Path) -> None:
    plugin = local_plugin(tmp_path, "return []")
    source = plugin.read_text(encoding="utf-8")
    plugin.write_text(source.replace(":PaintContract", ":PaintContrakt"), encoding="utf-8")
    text = pycemrg("describe", "painted", "--plugin", plugin, code=1).stderr
    assert "PaintContrakt" in text
    assert text.count("\n") == 1


def test_a_step_whose_contract_says_no_roles_is_refused_in_one_line(tmp_path: Path) -> None:
    plugin = local_plugin(tmp_path, "return []")
    source = plugin.read_text(encoding="utf-8")
    plugin.write_text(source.replace('reads("SOURCE_NAME")', '"LA_BP_label"'), encoding="utf-8")
    text = pycemrg("describe", "painted", "--plugin", plugin, code=1).stderr
    assert "PaintContract.source" in text
    assert text.count("\n") == 1


BROKEN = """
from attrs import frozen
from pycemrg_core.api import Label, Ref, Step, hookimpl

@hookimpl
def pycemrg_steps():
    run = Ref("describe_faulty:run")
    for name in ("Bare", "Missing"):
        yield Step(name=f"odd_{name}", summary="odd", run=run, contract=Ref(f"describe_faulty:{name}"))

@frozen(kw_only=True)
class Bare:
    wall: Label
"""


def test_a_step_that_cannot_be_described_names_its_plugin(tmp_path: Path) -> None:
    plugin = tmp_path / "describe_faulty.py"
    plugin.write_text(BROKEN, encoding="utf-8")
    for name, text in (("Bare", "Bare.wall has no role; "), ("Missing", "module 'describe_faulty' has no 'Missing'")):
        stderr = pycemrg("describe", f"odd_{name}", "--plugin", plugin, code=1).stderr
        assert stderr.startswith(f"error: step 'odd_{name}' of describe_faulty (local file): {text}")
