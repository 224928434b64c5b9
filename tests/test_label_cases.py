"""Inputs that went wrong once, one row each: text that means something else, hearts, commands that lost something.

Where a row says "refused": one line that names the file, exit code 1, nothing written, nothing changed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from command_line import HEART, contents, pycemrg, small_heart, voxels
from phantom import heart_phantom

from pycemrg_core import Policy, load_catalogue
from pycemrg_core.api.kinds import KINDS
from pycemrg_core.cli import main
from pycemrg_core.images.image_files import read_volume, volume_of, write_volume
from pycemrg_core.plugins.loading import discover
from schematics_builtin.certificate import asked_of
from schematics_builtin.labels.anatomy import judge as judging
from schematics_builtin.labels.measuring import measure

pytestmark = pytest.mark.usefixtures("loaded_once")

NAMES = tuple("LV_BP LV_myo RV_BP LA_BP RA_BP Ao_BP PArt_BP LPV1 LPV2 RPV1 RPV2 LAA SVC IVC".split())  # noqa: SIM905


@pytest.fixture(scope="module")
def heart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_heart(tmp_path_factory.mktemp("heart"))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def relabelled(heart: Path, name: str, change: Callable[[np.ndarray], np.ndarray]) -> Path:
    volume, _ = read_volume(heart)
    path = Path(name)
    write_volume(volume.with_array(change(volume.array).astype(np.uint8)), path)
    return path


# --- D: text that means something else


def test_d1_leading_zeros_are_no_octal_numbers(place: Path, heart: Path) -> None:
    text = "labels:\n" + "".join(f"  {name}_label: {i:03d}\n" for i, name in enumerate(NAMES, 1))
    Path("octal.yaml").write_text(text, encoding="utf-8")
    before = contents(place)
    shown = pycemrg("run", "atria_full", heart, "--labels", "octal.yaml", "-o", "out", code=1).stderr
    assert shown.startswith("error: octal.yaml, line 2: label 'LV_BP_label' is '001', not a whole number")
    assert contents(place) == before


@pytest.mark.slow(every=6)
@pytest.mark.parametrize("ending", ["_label", ""], ids=["d2", "d3"])
@pytest.mark.parametrize("recipe", ["biventricular_basic", "four_chamber_full", "left_atrium_with_veins"])
def test_all_inputs_and_display_names_run_with_every_recipe(place: Path, heart: Path, recipe: str, ending: str) -> None:
    """Every recipe and every set of labels, as plans, are in test_labels_given."""
    text = "labels:\n" + "".join(f"  {name}{ending}: {i}\n" for i, name in enumerate(NAMES, 1))
    Path("all.yaml").write_text(text, encoding="utf-8")
    pycemrg("run", recipe, heart, "--labels", "all.yaml", "-o", "with")
    pycemrg("run", recipe, heart, "-o", "without")
    assert (voxels(Path("with/heart.nrrd")) == voxels(Path("without/heart.nrrd"))).all()


@pytest.mark.slow
def test_d2_the_file_that_suggest_writes_runs(place: Path, heart: Path) -> None:
    pycemrg("labels", "suggest", heart, "-o", "labels.yaml")
    for recipe in ("biventricular_basic", "four_chamber_full"):
        pycemrg("plan", recipe, heart, "--labels", "labels.yaml")


def test_d3_display_names_in_remap(place: Path, heart: Path) -> None:
    rows = "".join(f"{name},{i + 20}\n" for i, name in enumerate(NAMES, 1))
    Path("mine.csv").write_text(f"name,value\n{rows}", encoding="utf-8")
    pycemrg("labels", "remap", heart, "--from", "cemrg", "--to", "mine.csv", "-o", "moved.nrrd")
    pycemrg("labels", "remap", "moved.nrrd", "--from", "mine.csv", "--to", "cemrg", "-o", "back.nrrd")
    assert (voxels(Path("back.nrrd")) == voxels(heart)).all()
    pycemrg("labels", "keep", heart, "left ventricle", "aorta", "-o", "few.nrrd")
    assert {*np.unique(voxels(Path("few.nrrd")))} == {0, 1, 6}
    Path("odd.csv").write_text("name,value\nLV_BP,1\nspleen,2\n", encoding="utf-8")
    shown = pycemrg("labels", "remap", heart, "--from", "odd.csv", "--to", "cemrg", "-o", "x.nrrd", code=1).stderr
    assert "note: odd.csv: no structure is called 'spleen'" in shown


def test_d4_one_rule_for_numbers_and_comments_in_a_mapping(place: Path, heart: Path) -> None:
    Path("m.csv").write_text("source,target\n1.0,21.0\n2,22\n", encoding="utf-8")
    pycemrg("labels", "remap", heart, "--table", "m.csv", "-o", "out.nrrd")
    assert {21, 22} <= {*np.unique(voxels(Path("out.nrrd"))).tolist()}
    Path("m.csv").write_text("source,target\n1.0,21.0\n#3 LA,23\n", encoding="utf-8")
    shown = pycemrg("labels", "remap", heart, "--table", "m.csv", "-o", "no.nrrd", code=1).stderr
    assert shown.endswith("m.csv, line 3: begins with '#'; remove the line, or put its first cell in quotes\n")
    assert not Path("no.nrrd").exists()


@pytest.mark.parametrize("text", ["010=3", "1_0=3", "0x1=3", "1=1.5", "1:30=2"])
def test_d4_the_same_rule_on_the_command_line(place: Path, heart: Path, text: str) -> None:
    shown = pycemrg("labels", "remap", heart, "--map", text, "-o", "no.nrrd", code=2).stderr
    assert "is not a whole number; give an integer such as 10, or a name" in shown


@pytest.mark.slow
def test_d5_semicolons_in_a_cohort_table(place: Path, heart: Path) -> None:
    pytest.importorskip("pycemrg_cohort")
    Path("cohort.csv").write_text(f"path;id;LA_WT\n{heart};one;2.5\n", encoding="utf-8")
    assert "one" in pycemrg("cohort", "plan", "left_atrium_with_veins", "cohort.csv").stdout
    for wrong in ("2,5", "1_0", "nan"):
        Path("cohort.csv").write_text(f"path;id;LA_WT\n{heart};one;{wrong}\n", encoding="utf-8")
        shown = pycemrg("cohort", "plan", "left_atrium_with_veins", "cohort.csv", code=1).stderr
        assert f"line 2: LA_WT is {wrong!r}, not a number" in shown
    Path("cohort.csv").write_text(f"path,id\n{heart},{'x' * 131_073}\n", encoding="utf-8")
    shown = pycemrg("cohort", "plan", "left_atrium_with_veins", "cohort.csv", code=1).stderr
    assert "cohort.csv, line 2: not CSV: field larger than field limit" in shown


# --- E: hearts


def test_e1_a_left_atrium_numbered_from_one(place: Path) -> None:
    def alone(array: np.ndarray) -> np.ndarray:
        found = np.zeros_like(array)
        for new, old in enumerate((4, 8, 9, 10, 11, 12), 1):
            found[array == old] = new
        return found

    write_volume(volume_of(heart_phantom(64, (2.0, 2.0, 2.0))), "life_size.nrrd")
    image = relabelled(Path("life_size.nrrd"), "la.nrrd", alone)
    labels = "{LA_BP_label: 1, LPV1_label: 2, LPV2_label: 3, RPV1_label: 4, RPV2_label: 5, LAA_label: 6}"
    Path("la.yaml").write_text(f"labels: {labels}\n", encoding="utf-8")
    shown = pycemrg("run", "left_atrium_with_veins", image, "--labels", "la.yaml", "-o", "out").stderr
    assert "note: RA_BP_label counts as absent: 5 is its default in the label scheme 'cemrg', but 'RPV2_label'" in shown
    assert {1, 2, 3, 4, 5, 6, 104} <= {*np.unique(voxels(Path("out/heart.nrrd"))).tolist()}


@pytest.mark.slow
@pytest.mark.parametrize("axis", [None, 0, 1, 2])
def test_e2_a_label_one_voxel_thick_has_a_page(place: Path, heart: Path, axis: int | None) -> None:
    pytest.importorskip("pycemrg_report")

    def thin(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        region = tuple(slice(1, 2) if axis in (None, one) else slice(1, 4) for one in range(3))
        array[region] = 77
        return array

    image = relabelled(heart, "thin.nrrd", thin)
    pycemrg("run", "left_atrium_with_veins", image, "-o", "out", "--with", "report", code=1)
    assert b"77" in Path("out/report.html").read_bytes()


@pytest.mark.slow
def test_e5_exchanged_atria_are_refused_from_python_too(place: Path) -> None:
    from pycemrg_core import PlanError, run_recipe

    volume, _ = read_volume(HEART)
    array = volume.array.copy()
    array[volume.array == 4], array[volume.array == 5] = 5, 4
    with pytest.raises(PlanError, match="the anatomy contradicts the labels"):
        run_recipe("four_chamber_full", volume.with_array(array), load_catalogue(Policy(allow=frozenset())))


@pytest.mark.slow(every=2)
@pytest.mark.parametrize("kind", ["noise", "blobs"])
def test_e9_the_search_for_structures_is_bounded(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    import importlib

    module = importlib.import_module("schematics_builtin.labels.anatomy.judge")
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 20, (20, 20, 20)).astype(np.uint8)
    if kind == "blobs":  # solid labels without any anatomy
        noise = np.kron(rng.integers(0, 20, (4, 4, 4)), np.ones((6, 6, 6), int)).astype(np.uint8)
        monkeypatch.setattr(module, "TRIED", 50_000)
    looked = 0
    plain = module.Scorer.each

    def counted(self: object, choices: np.ndarray) -> np.ndarray:
        nonlocal looked
        looked += len(choices)
        found: np.ndarray = plain(self, choices)
        return found

    monkeypatch.setattr(module.Scorer, "each", counted)
    structures = [f"{name}_label" for name in NAMES] + [f"{name}_ring_label" for name in NAMES[7:]]
    found = judging.__globals__["suggest"](measure(noise, (1.0, 1.0, 1.0)), structures)
    assert not any(one.sure for one in found)
    assert {one.label for one in found} == {*range(1, 20)}
    # One round of the search looks at every exchange of every start.
    columns = len(structures) + 19
    assert looked <= (0 if kind == "noise" else 50_000 + 3 * 24 * columns**3)


@pytest.mark.slow
def test_stray_voxels_with_a_label_of_their_own_change_no_suggestion(place: Path) -> None:
    """With one label more than a segmentation has, walls and rings came into question, and veins became rings."""

    def stray(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array[0, 0, 0], array[1, 1, 1:5] = 77, 78
        return array

    relabelled(HEART, "stray.nrrd", stray)
    plain, more = (
        {row["value"]: (row["name"], row["sure"]) for row in json.loads(shown.stdout)}
        for shown in (pycemrg("labels", "suggest", image, "--json") for image in (HEART, "stray.nrrd"))
    )
    assert more == plain | {77: ("", False), 78: ("", False)}
    assert (
        pycemrg("labels", "suggest", "stray.nrrd").stdout.splitlines()[-1].endswith("too few or too scattered voxels")
    )


# --- F: commands


@pytest.mark.slow(every=4)
@pytest.mark.parametrize("how", ["same", "hard", "soft", "dotted"])
@pytest.mark.parametrize(
    "command",
    [
        ("labels", "keep", "IN", "1"),
        ("labels", "remove", "IN", "1"),
        ("labels", "remap", "IN", "--map", "1=3", "--map", "3=1"),
        ("labels", "suggest", "IN"),
        ("clean", "IN", "--fill-holes"),
        ("repair", "IN"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_no_command_works_in_place(place: Path, heart: Path, command: tuple[str, ...], how: str) -> None:
    Path("in.nrrd").write_bytes(heart.read_bytes())
    os.link("in.nrrd", "hard.nrrd")
    Path("soft.nrrd").symlink_to("in.nrrd")
    output = {"same": "in.nrrd", "hard": "hard.nrrd", "soft": "soft.nrrd", "dotted": "./in.nrrd"}[how]
    before = contents(place)
    shown = pycemrg(*("in.nrrd" if one == "IN" else one for one in command), "-o", output, code=1).stderr
    assert shown == f"error: {output}: the result would overwrite its input; choose another name\n"
    assert contents(place) == before


@pytest.mark.slow
@pytest.mark.parametrize("link", [None, os.link, os.symlink])
def test_a_run_does_not_replace_its_input(place: Path, heart: Path, link: Callable[..., None] | None) -> None:
    Path("out").mkdir()
    source = Path("out/heart.nrrd") if link is None else Path("in.nrrd")
    source.write_bytes(heart.read_bytes())
    if link:
        link(source.resolve(), "out/heart.nrrd")
    before = contents(place)
    for force in ((), ("--force",)):
        shown = pycemrg("run", "left_atrium_with_veins", source, "-o", "out", *force, code=1).stderr
        assert "the result would overwrite its input; choose another folder" in shown
    assert contents(place) == before


def test_a_table_for_a_viewer_does_not_replace_the_table_that_was_read(place: Path, heart: Path) -> None:
    Path("out.ctbl").write_text("".join(f"{i} {name} 1 2 3 255\n" for i, name in enumerate(NAMES, 1)))
    before = contents(place)
    command = ("labels", "remap", heart, "--from", "out.ctbl", "--to", "cemrg", "--label-table", "slicer")
    assert "out.ctbl: the result would overwrite its input" in pycemrg(*command, "-o", "out.nrrd", code=1).stderr
    assert contents(place) == before


@pytest.mark.parametrize("known", [(), (6,), (6, 13, 14)])
def test_drop_never_leaves_a_heart_without_a_chamber(place: Path, heart: Path, known: tuple[int, ...]) -> None:
    lines = [f'{i} 1 2 3 1 1 1 "{NAMES[i - 1] if i in known else f"thing {i}"}"\n' for i in range(1, 15)]
    Path("foreign.label").write_text("".join(lines), encoding="utf-8")
    before = contents(place)
    command = ("labels", "remap", heart, "--from", "foreign.label", "--to", "cemrg", "--drop", "-o", "no.nrrd")
    what = "no chamber" if known else "no label"
    assert f"{what} would be left, because thing 1, thing 2" in pycemrg(*command, code=1).stderr
    assert contents(place) == before


def test_drop_of_what_the_target_lacks_is_allowed(place: Path, heart: Path) -> None:
    command = ("labels", "remap", heart, "--from", "cemrg", "--drop", "-o", "some.nrrd", "--to")
    pycemrg(*command, "totalsegmentator-heartchambers")
    assert {*np.unique(voxels(Path("some.nrrd")))} == {*range(8)}


def one_vein(array: np.ndarray) -> np.ndarray:
    return np.where(np.isin(array, (9, 10, 11)), 8, array)


@pytest.mark.slow
def test_no_advice_to_clean_away_a_structure(place: Path, heart: Path) -> None:
    image = relabelled(heart, "one.nrrd", one_vein)
    shown = pycemrg("labels", "check", image, "--scheme", "cemrg").stdout
    (vein,) = [line for line in shown.splitlines() if line.startswith("note: LPV1_label")]
    assert "clean" not in vein
    assert vein.endswith("they can be several structures under one label; look at them in a viewer")

    def island(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array[1, 1, 1] = 1
        return array

    shown = pycemrg("labels", "check", relabelled(heart, "loose.nrrd", island), "--scheme", "cemrg").stdout
    assert "(0.2%); 'pycemrg clean --reassign-islands' can repair this" in shown


STEP = """
schematics:
  mend:
    step: {step}
    labels: {{LPV1_label: 8}}
    parameters: {{least: 5000}}
    semantic_map: {{LABEL_NAMES: [LPV1_label], CONNECTIVITY: 6{more}}}
recipes:
  mended: {{steps: [mend]}}
"""


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("step", ["keep_largest_component", "keep_largest_structure", "remove_small"])
def test_a_cleanup_says_when_it_takes_most_of_a_label(place: Path, heart: Path, step: str) -> None:
    image = relabelled(heart, "one.nrrd", one_vein)
    lost = int((voxels(image) == 8).sum())
    option = "--remove-small=5000" if step == "remove_small" else f"--{step.replace('_', '-')}"
    shown = pycemrg("clean", image, option, "--labels", "LPV1", "-o", "clean.nrrd").stderr
    lost -= int((voxels(Path("clean.nrrd")) == 8).sum())
    assert f"warning: {step}: LPV1_label loses {lost:,} of its" in shown
    more = ", SMALLER_THAN_PARAMETER_NAME: least" if step == "remove_small" else ""
    Path("mend.yaml").write_text(STEP.format(step=step, more=more), encoding="utf-8")
    shown = pycemrg("run", "mended", image, "-o", "out", "--plugin", "mend.yaml", "--no-check").stderr
    assert f"note: mend: LPV1_label loses {lost:,} of its" in shown
    assert "see whether they are a structure of their own" in shown


OTHER_INTEGERS = """
from pycemrg_core.api import LabelScheme, Schematic, hookimpl

LABELS = {"LA_BP_label": 44, "LA_myo_label": 144, "RA_BP_label": 55, "RA_myo_label": 155, "LPV1_ring_label": 233}


@hookimpl
def pycemrg_schematics():
    yield Schematic(name="aaa", step="create", labels=LABELS, semantic_map={
        "SOURCE_BLOOD_POOL_NAME": "LA_BP_label", "TARGET_MYOCARDIUM_NAME": "LA_myo_label", "APPLICATION_STEPS": [],
        "WALL_THICKNESS_PARAMETER_NAME": "t"}, parameters={"t": 2.0})


@hookimpl
def pycemrg_label_schemes():
    yield LabelScheme(name="aaa", summary="the same names", labels={**LABELS, "LV": 1, "left atrium": 3})
"""


def test_the_integers_of_a_plugin_change_no_recipe_and_no_certificate(tmp_path: Path) -> None:
    plugin = tmp_path / "other_integers.py"
    plugin.write_text(OTHER_INTEGERS, encoding="utf-8")
    plain, more = (load_catalogue(Policy(allow=frozenset()), local=local) for local in ([], [str(plugin)]))
    assert [one.found.name for one in more.plugins if one.found.local] == ["other_integers"]
    for recipe in ("atria_full", "four_chamber_full", "four_chamber_closed"):
        assert asked_of(more, recipe) == asked_of(plain, recipe)
    from pycemrg_core.images.structures import names_in
    from pycemrg_core.recipes.labelling import labelling_of
    from pycemrg_core.recipes.settings import Settings

    given = Settings(labels={"LV": 21, "left atrium": 24})
    assert labelling_of("atria_full", more, given) == labelling_of("atria_full", plain, given)
    assert names_in(more).canonical("LV") == "LV_BP_label"


EARLY = """
recipes:
  early: {steps: [pulmonary_artery, part_push_lv, lv_outflow]}
  wrong: {steps: [la_push_aorta, aortic_wall, la_myocardium]}
"""


@pytest.mark.slow
def test_what_a_segmentation_holds_is_not_read_too_early(place: Path, heart: Path) -> None:
    Path("early.yaml").write_text(EARLY, encoding="utf-8")
    shown = pycemrg("list-plugins", "--check", "--plugin", "early.yaml", code=1)
    faults = [line for line in (shown.stdout + shown.stderr).splitlines() if line.startswith("fault: ")]
    assert len(faults) == 1
    assert "recipe 'wrong': la_push_aorta reads Ao_wall_label (106) before it is first written" in faults[0]
    pycemrg("plan", "early", heart, "--plugin", "early.yaml")


@pytest.mark.slow(every=4)
@pytest.mark.parametrize("section", [kind.section for kind in KINDS if kind.data])
@pytest.mark.parametrize("key", ["anatomy", "function", "summary", "labels", "steps", "step", "spellings"])
def test_yaml_never_imports_or_calls(place: Path, section: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever looks like a reference to code is text, or refused; no kind that YAML can hold refers to code."""
    monkeypatch.setenv("PYCEMRG_PLUGINS", ",".join(f"-{one.distribution}" for one in discover()))  # check no other
    Path("touched.py").write_text("from pathlib import Path\nPath('touched').write_text('x')\n", encoding="utf-8")
    Path("p.yaml").write_text(f'{section}:\n  x:\n    {key}: "touched:f"\n', encoding="utf-8")
    for words in (["list-plugins", "--check"], ["describe", "x"]):
        done = CliRunner().invoke(main, [*words, "--plugin", "p.yaml"])
        assert not done.exception or isinstance(done.exception, SystemExit)
    assert not Path("touched").exists()
    for kind in KINDS:
        references = [name for name, type_ in kind.record.__annotations__.items() if "Ref" in str(type_)]
        assert not (kind.data and references), kind


@pytest.mark.parametrize("name", ["snapshot", "scheme", "schematic", "recipe"])
def test_an_empty_name_in_yaml_is_not_an_absent_one(place: Path, name: str) -> None:
    entry = f"{{schematic: la_myocardium, {name}: ''}}" if name == "snapshot" else f"{{{name}: ''}}"
    text = f"recipes:\n  mine:\n    steps: [{entry}]\n"
    if name == "scheme":
        text = "recipes:\n  mine:\n    steps: [la_myocardium]\n    scheme: ''\n"
    Path("p.yaml").write_text(text, encoding="utf-8")
    shown = pycemrg("list-recipes", "--plugin", "p.yaml").stderr
    where = name if name == "scheme" else f"steps[0].{name}"
    assert f"the text is empty; give a name, or leave it out @ recipes.mine.{where}" in shown


TOO_LONG = ("x" * 5000, "/tmp/" + "y" * 300)


@pytest.mark.slow(every=4)
@pytest.mark.parametrize("path", TOO_LONG, ids=["path", "name"])
@pytest.mark.parametrize(
    "command",
    [
        ("run", "atria_full", "PATH", "-o", "o"),
        ("run", "atria_full", "HEART", "-o", "PATH"),
        ("run", "atria_full", "HEART", "-o", "o", "--labels", "PATH"),
        ("run", "atria_full", "HEART", "-o", "o", "--config", "PATH"),
        ("run", "--again", "PATH"),
        ("certify", "HEART", "-o", "PATH.json"),
        ("repair", "HEART", "-o", "PATH.nrrd"),
        ("labels", "keep", "HEART", "1", "-o", "PATH.nrrd"),
        ("labels", "remap", "HEART", "--from", "PATH.csv", "--to", "cemrg", "-o", "o.nrrd"),
        ("labels", "suggest", "PATH"),
        ("init", "PATH", "--recipe", "atria_full"),
        ("new-plugin", "some-name", "-o", "PATH"),
        ("--plugin", "PATH.yaml", "list-recipes"),
        ("demo", "-o", "PATH"),
        ("report", "PATH"),
        ("cohort", "plan", "atria_full", "PATH"),
        ("cohort", "report", "PATH"),
    ],
    ids=lambda command: " ".join(command),
)
def test_a_path_that_is_too_long_is_one_line(place: Path, heart: Path, command: tuple[str, ...], path: str) -> None:
    words = [one.replace("PATH", path).replace("HEART", str(heart)) for one in command]
    shown = pycemrg(*words, code=1).stderr
    assert len([line for line in shown.splitlines() if line.startswith("error: ")]) == 1
    assert "Traceback" not in shown
    assert not {"o", "o.nrrd"} & {one.name for one in place.iterdir()}
