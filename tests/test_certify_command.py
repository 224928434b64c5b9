"""``certify``, ``repair`` and ``run --with certificate``; what a recipe asks for and allows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from shutil import copyfile
from typing import Any

import attrs
import numpy as np
import pytest
import SimpleITK as sitk
from closed_heart import catalogue
from command_line import HEART, contents, pycemrg, small_heart, voxels

from pycemrg_core import run_recipe
from pycemrg_core.api.contracts import Label, LabelType, reads, roles, writes
from pycemrg_core.api.documents import records_from_yaml
from pycemrg_core.api.records import Check, CheckOn, Recipe, include
from pycemrg_core.api.refs import Ref
from pycemrg_core.cli.faults import record_faults
from pycemrg_core.errors import LabelError, RecordError
from pycemrg_core.images.blueprint import Ring, Valve, Wall
from pycemrg_core.images.heart import Severity
from pycemrg_core.images.image_files import read_labels
from pycemrg_core.recipes.blueprints import blueprint_of
from pycemrg_core.recipes.flatten import Rules, rules_of
from schematics_builtin.certificate import certify_result
from schematics_builtin.certificate.hearts import asked_of, heart_of

pytestmark = pytest.mark.usefixtures("loaded_once")

VEINS = set(range(8, 15))


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four_chamber_full on the real heart, certified."""
    folder = tmp_path_factory.mktemp("grown")
    pycemrg("run", "four_chamber_full", HEART, "-o", folder / "out", "--with", "certificate", "--no-plugins", code=1)
    return folder / "out"


@pytest.mark.slow
def test_a_run_can_be_certified(grown: Path) -> None:
    data = json.loads((grown / "certificate.json").read_text())
    sha256 = json.loads((grown / "run.json").read_text())["output"]["voxels_sha256"]
    about = {"name": "heart.nrrd", "voxels_sha256": sha256}
    assert (data["verdict"], data["recipe"], data["input"]) == ("FAIL", "four_chamber_full", about)
    assert {one["check"] for one in data["findings"] if one["severity"] == "error"} == {
        "edge_contact",
        "holes",
        "components",
    }
    array = voxels(grown / "heart.nrrd")
    for one in data["findings"]:
        x, y, z = one["voxel"]
        if one["check"] == "components":
            assert array[z, y, x] == one["values"][0]
        if one["check"] == "holes":
            assert array[z, y, x] in (0, one["values"][-1])


@pytest.mark.slow
def test_certify_says_the_same_of_the_image_alone(grown: Path) -> None:
    result = pycemrg("certify", grown / "heart.nrrd", "--recipe", "four_chamber_full", "--json", code=1)
    assert json.loads(result.stdout) == json.loads((grown / "certificate.json").read_text())


@pytest.mark.slow
def test_python_says_the_same(grown: Path) -> None:
    image, _ = read_labels(HEART)
    result = run_recipe("four_chamber_full", image, catalogue())
    data = certify_result(result, catalogue(), name="heart.nrrd").as_json()
    assert data == json.loads((grown / "certificate.json").read_text())


@pytest.mark.slow
def test_the_thickness_is_that_of_the_run(tmp_path: Path) -> None:
    """A thin wall passes when it was asked for, and fails by the recipe's own thickness."""
    pycemrg("run", "left_atrium_with_veins", HEART, "-o", tmp_path, "--set", "LA_WT=1", "--with", "certificate", code=1)
    data = json.loads((tmp_path / "certificate.json").read_text())
    assert "wall_thickness" not in {one["check"] for one in data["findings"]}
    result = pycemrg("certify", tmp_path / "heart.nrrd", "--recipe", "left_atrium_with_veins", "--json", code=1)
    thin = [one for one in json.loads(result.stdout)["findings"] if one["check"] == "wall_thickness"]
    # Within 1 mm on a grid of 1 mm there are face neighbours only, and the outside begins at the next edge.
    assert [one["what"] for one in thin] == ["the wall of LA_BP_label is 0 mm thin, not 2 mm"]


def said_counts(data: dict[str, Any]) -> str:
    """The line below the verdict of the real heart, from the findings of the certificate."""
    count = [sum(one["severity"] == s for one in data["findings"]) for s in ("error", "warning", "expected")]
    checks = ", ".join(dict.fromkeys(one["check"] for one in data["findings"] if one["severity"] == "error"))
    return (
        f"by the rules of four_chamber_full: {count[0]} errors ({checks}), {count[1]} warnings, {count[2]} expected;"
        " 536 spaces without tissue through faces, 21 through corners;"
        " without a wall: LPV1, LPV2, RPV1, RPV2, LAA, SVC, IVC"
    )


@pytest.mark.slow
def test_certify_says_for_each_check_how_many_and_where_most(grown: Path, tmp_path: Path) -> None:
    out = tmp_path / "c.json"
    result = pycemrg("certify", grown / "heart.nrrd", "--recipe", "four_chamber_full", "-o", out, code=1)
    verdict, judged, *found, hint, last = result.stdout.splitlines()
    data = json.loads(out.read_text())
    assert verdict == "FAIL: left open by the recipe: LA, RA; closed: LV, RV, Ao, PArt"
    assert judged == f"  {said_counts(data)}"
    assert hint == "-v lists every finding"
    repaired = grown / "heart_repaired.nrrd"
    assert last == f"next: pycemrg repair {grown / 'heart.nrrd'} --recipe four_chamber_full -o {repaired}"
    assert result.stderr == f"{out} written\n"

    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in data["findings"]:
        groups.setdefault((one["severity"], one["check"]), []).append(one)
    shown = [tuple(line.split(":")[0].split()) for line in found]
    assert set(shown) == {group for group in groups if group[0] != "expected"}
    assert [severity for severity, _ in shown] == sorted(severity for severity, _ in shown)
    errors = [sum(one["voxels"] for one in groups[group]) for group in shown if group[0] == "error"]
    assert errors == sorted(errors, reverse=True)
    advice = {check["name"]: check["advice"] for check in data["checks"]}
    for (severity, check), line in zip(shown, found, strict=True):
        largest = max(groups[severity, check], key=lambda one: one["voxels"])
        assert largest["what"] in line
        assert f"; voxel ({', '.join(map(str, largest['voxel']))}), point (" in line
        voxels = sum(one["voxels"] for one in groups[severity, check])
        if (many := len(groups[severity, check])) > 1:
            assert f": {many} findings, {voxels:,} voxels; largest: " in line
        assert line.endswith(f"; {advice[check]}") == (severity == "error")


@pytest.mark.slow
def test_certify_lists_every_finding_when_asked(grown: Path) -> None:
    data = json.loads((grown / "certificate.json").read_text())
    _, _, *found, last = pycemrg("certify", grown / "heart.nrrd", "-v", code=1).stdout.splitlines()
    assert last.startswith("next: ")
    heads = [line.split()[0] for line in found]
    assert heads == sorted(heads, key=["error", "warning", "expected"].index)
    texts = {f"{one['severity']:<8} {one['check']}: {one['what']}" for one in data["findings"]}
    assert {line.partition("; voxel")[0] for line in found} == texts


@pytest.mark.slow
@pytest.mark.usefixtures("terminal")
def test_certify_keeps_to_the_terminal(grown: Path) -> None:
    lines = pycemrg("certify", grown / "heart.nrrd", code=1).stdout.splitlines()
    assert max(map(len, lines[:-1])) <= 80  # the last is a command to copy


@pytest.mark.slow
def test_the_record_beside_a_heart_says_what_it_must_be(grown: Path, tmp_path: Path) -> None:
    heart = tmp_path / "heart.nrrd"
    copyfile(grown / "heart.nrrd", heart)
    copyfile(grown / "run.json", tmp_path / "run.json")
    with_recipe = pycemrg("certify", heart, "--recipe", "four_chamber_full", "--json", code=1)
    found = pycemrg("certify", heart, "--json", code=1)
    assert found.stdout == with_recipe.stdout
    says = "note: run.json beside it says what the heart must be: four_chamber_full"
    assert found.stderr == f"{says}\n"

    image, _ = read_labels(heart)
    array = sitk.GetArrayFromImage(image)
    array[0, 0, 0] = 1
    other = sitk.GetImageFromArray(array)
    other.CopyInformation(image)
    sitk.WriteImage(other, heart)
    assert pycemrg("certify", heart, code=1).stderr == f"{says}, though its voxels are others\n"
    array[0, 0, 0] = 250
    other = sitk.GetImageFromArray(array)
    sitk.WriteImage(other, heart)
    strange = pycemrg("certify", heart, code=1)
    assert strange.stderr == "note: run.json beside it is not used, its run did not know label 250\n"
    assert "without a recipe, so that no lumen may be open: " in strange.stdout
    (tmp_path / "run.json").write_text("{}")
    assert "note: run.json beside it is not used: " in pycemrg("certify", heart, code=1).stderr


@pytest.mark.slow
def test_the_next_command_keeps_the_thicknesses_of_the_run(tmp_path: Path) -> None:
    """A recipe by its name has its own thicknesses, so it is only proposed where run.json is not beside the heart."""
    pycemrg("run", "atria_closed", HEART, "-o", tmp_path, "--set", "LA_WT=1", "--set", "RA_WT=1")
    heart = tmp_path / "heart.nrrd"
    for arguments, recipe in (((), ""), (("--recipe", "atria_closed"), " --recipe atria_closed")):
        last = pycemrg("certify", heart, *arguments, code=1 if recipe else 0).stdout.splitlines()[-1]
        assert last.startswith(f"next: pycemrg {'repair' if recipe else 'mesh'} {heart}{recipe} -o ")
    elsewhere = tmp_path / "other" / "closed.nrrd"
    elsewhere.parent.mkdir()
    said = pycemrg("repair", heart, "-o", elsewhere, "--gap", "0.5").stdout.splitlines()
    assert "narrow gap: none is thinner than 0.5 mm" in said
    assert said[-1] == f"next: pycemrg mesh {elsewhere} --recipe atria_closed -o {elsewhere.with_suffix('.vtu')}"


@pytest.mark.slow
def test_a_segmentation_is_told_from_a_grown_heart() -> None:
    last = pycemrg("certify", HEART, code=1).stdout.splitlines()[-1]
    assert last == (f"next: this is a segmentation that no recipe has grown; pycemrg plan four_chamber_closed {HEART}")


@pytest.mark.slow
def test_without_a_recipe_nothing_may_be_open(grown: Path, tmp_path: Path) -> None:
    heart = tmp_path / "heart.nrrd"
    copyfile(grown / "heart.nrrd", heart)
    result = pycemrg("certify", heart, "--json", code=1)
    findings = json.loads(result.stdout)["findings"]
    said = pycemrg("certify", heart, code=1).stdout
    assert "without a recipe, so that no lumen may be open: " in " ".join(said.split())
    assert {one["severity"] for one in findings if one["check"].startswith("lumen")} == {"error"}
    assert {one["values"][0] for one in findings if one["check"] == "lumen_open"} == VEINS


@pytest.mark.slow
def test_another_scheme(grown: Path, tmp_path: Path) -> None:
    other = tmp_path / "mmwhs.nrrd"
    pycemrg("labels", "remap", HEART, "-o", other, "--from", "cemrg", "--to", "mm-whs", "--drop")
    findings = json.loads(pycemrg("certify", other, "--scheme", "mm-whs", "--json", code=1).stdout)["findings"]
    over = {one["labels"][0] for one in findings if one["check"] == "tag_range"}
    assert over == {"LV_BP_label", "RV_BP_label", "LA_BP_label", "RA_BP_label", "Ao_BP_label", "PArt_BP_label"}


@pytest.mark.slow
def test_repair_closes_the_real_heart(grown: Path, tmp_path: Path) -> None:
    out = tmp_path / "repaired.nrrd"
    result = pycemrg("repair", grown / "heart.nrrd", "-o", out, "--recipe", "four_chamber_full")
    lines = result.stdout.splitlines()
    assert lines[-3] == "PASS: left open by the recipe: LA, RA; closed: LV, RV, Ao, PArt"
    assert lines[-2].startswith("  by the rules of four_chamber_full: 0 errors, ")
    assert lines[-1].startswith("next: ")
    assert "enclosed background: " in result.stdout
    assert result.stderr == f"{out} written\n"
    pycemrg("certify", out, "--recipe", "four_chamber_full")
    again = pycemrg("repair", out, "-o", tmp_path / "twice.nrrd", "--recipe", "four_chamber_full")
    assert again.stdout.startswith("nothing to repair\nPASS")
    assert np.array_equal(voxels(out), voxels(tmp_path / "twice.nrrd"))


@pytest.mark.slow
def test_gaps_and_welds_of_the_real_heart(grown: Path, tmp_path: Path) -> None:
    recipe = ("--recipe", "four_chamber_full")
    out = tmp_path / "meshable.nrrd"
    shown = pycemrg("repair", grown / "heart.nrrd", "-o", out, *recipe, "--gap", "2", "--weld").stdout
    assert "narrow gap: " in shown
    assert re.search(r"^weld: \d+ voxels \(\d+ mm3\); most \w+ -> \w+, \d+$", shown, re.MULTILINE)
    data = json.loads(pycemrg("certify", out, *recipe, "--edge", "2", "--json").stdout)
    assert {one["check"] for one in data["findings"] if one["severity"] == "warning"} <= {"tunnels"}
    # Before, the certificate shows what was filled and welded.
    before = json.loads(pycemrg("certify", grown / "heart.nrrd", *recipe, "--edge", "2", "--json", code=1).stdout)
    assert {"narrow_gap", "edge_contact", "tunnels"} <= {
        one["check"] for one in before["findings"] if one["severity"] == "warning"
    }
    plain = json.loads(pycemrg("certify", grown / "heart.nrrd", *recipe, "--json", code=1).stdout)
    assert "narrow_gap" not in {one["check"] for one in plain["findings"]}


@pytest.mark.slow
def test_repair_says_what_it_could_not_do(tmp_path: Path) -> None:
    heart, out = small_heart(tmp_path), tmp_path / "out.nrrd"
    result = pycemrg("repair", heart, "-o", out, "--recipe", "four_chamber_full", "--json", code=1)
    data = json.loads(result.stdout)
    assert set(data) == {"ledger", "padding", "not_repaired", "certificate"}
    left = [one["what"] for one in data["certificate"]["findings"] if one["severity"] == "error"]
    assert [one["what"] for one in data["not_repaired"]] == left
    reasons = {one["check"]: one["why"] for one in data["not_repaired"]}
    assert reasons["not_made"] == "no rule repairs this; correct the segmentation and run again"
    shown = pycemrg("repair", heart, "-o", out, "--recipe", "four_chamber_full", "-v", code=1).stdout
    assert "not repaired: not_made: MV_label is absent; the recipe makes it; no rule" in shown
    before, after = voxels(heart), voxels(out)
    changed = sum(entry["voxels"] for entry in data["ledger"])
    assert (before != after).sum() <= changed
    assert all(entry["mm3"] == pytest.approx(entry["voxels"] * 1.6**3) for entry in data["ledger"])


@pytest.mark.slow(every=3)
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("certify", "HEART", "--recipe", "four_chambers_full"),
            "error: no recipe is called 'four_chambers_full'; did you mean 'four_chamber_full'"),
        (("certify", "HEART", "--scheme", "cemgr"), "error: no label scheme is called 'cemgr'; did you mean 'cemrg'"),
        (("certify", "nowhere.nrrd"), "error: nowhere.nrrd: no such file"),
        (("certify", "HEART", "-o", "c.txt"),
            "error: c.txt: a certificate is JSON; choose a name that ends with .json"),
        (("certify", "HEART", "-o", "gone/c.json"), "error: gone/c.json: cannot be written: No such file"),
        (("repair", "HEART", "-o", "HEART"), "the result would overwrite its input; choose another name"),
        (("repair", "HEART", "-o", "gone/r.nrrd"), "error: gone/r.nrrd: cannot be written, the folder"),
        (("repair", "nowhere.nrrd", "-o", "r.nrrd"), "error: nowhere.nrrd: no such file"),
    ],
)  # fmt: skip
def test_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], text: str) -> None:
    heart = small_heart(tmp_path)
    before = contents(tmp_path)
    monkeypatch.chdir(tmp_path)
    result = pycemrg(*(str(heart) if one == "HEART" else one for one in arguments), code=1)
    assert text in result.stderr
    assert contents(tmp_path) == before


def test_wrong_usage(tmp_path: Path) -> None:
    heart = small_heart(tmp_path)
    assert "'101.0' is not in the range" in pycemrg(
        "repair", heart, "-o", tmp_path / "r.nrrd", "--limit", "101.0", code=2
    ).stderr.replace("101.0 is", "'101.0' is")
    pycemrg("run", "atria_full", heart, "-o", tmp_path / "out", "--no-check")
    record = tmp_path / "out" / "run.json"
    assert "--again takes at most" in pycemrg("run", "--again", record, "--then", "repair", code=2).stderr


@pytest.mark.slow
def test_a_certificate_replaces_nothing_but_a_certificate(tmp_path: Path) -> None:
    heart = small_heart(tmp_path, size=32)
    pycemrg("run", "left_atrium_with_veins", heart, "-o", tmp_path / "out", "--no-check")
    (tmp_path / "cut.json").write_text('{"verdict": ')
    for other in (tmp_path / "out" / "run.json", tmp_path / "cut.json"):
        before = other.read_bytes()
        refused = pycemrg("certify", heart, "-o", other, code=1)
        assert refused.stderr == f"error: {other}: is there, and not a certificate; choose another name, or delete it\n"
        assert other.read_bytes() == before
    for _ in range(2):
        pycemrg("certify", heart, "-o", tmp_path / "c.json", code=1)


def test_checks_are_listed_and_described() -> None:
    listed = {one["name"]: one for one in json.loads(pycemrg("list-checks", "--json", "--no-plugins").stdout)}
    assert set(listed) == {c.name for c in catalogue().all(Check)}
    assert listed["holes"]["summary"] in pycemrg("describe", "holes").stdout
    shown = pycemrg("describe", "four_chamber_full", "--no-plugins").stdout
    assert "may be open" not in shown  # its rules are those of the recipe that it includes
    inner = " ".join(pycemrg("describe", "four_chamber_myocardium", "--no-plugins").stdout.split())
    assert "may be open: LPV1_label, LPV2_label" in inner
    assert "LV_BP_label - LA_BP_label" in inner


def test_what_a_recipe_asks_for() -> None:
    image, _ = read_labels(HEART)
    full = asked_of(catalogue(), "four_chamber_full")
    assert set(full.walls) == {
        Wall(1, 2, 2.0), Wall(3, 103, 3.5), Wall(4, 104, 2.0), Wall(5, 105, 2.0), Wall(6, 106, 2.0), Wall(7, 107, 2.0)
    }  # fmt: skip
    assert set(full.valves) == {Valve(201, 4, 1), Valve(202, 5, 3), Valve(203, 6, 1), Valve(204, 7, 3)}
    assert set(full.made) == {2, *range(103, 108), *range(201, 205)}
    assert full.open == VEINS
    assert set(heart_of(image, full).lumens) == {1, *range(3, 15)}
    atria = asked_of(catalogue(), "atria_full")
    assert Ring(213, 13, 105) in atria.rings
    assert len(atria.rings) == 7
    # Each half leaves the other's atrium open; together both have walls, so both must be closed.
    assert atria.open == VEINS | {1, 3, 6, 7}
    two = asked_of(catalogue(), "biventricular_basic")
    assert two.open == VEINS | {4, 5, 6, 7}


def test_contracts_without_parts_still_work() -> None:
    @attrs.frozen(kw_only=True)
    class Plain:
        source: Label = reads("SOURCE_NAME")
        target: Label = writes("TARGET_NAME")

    assert [role.label_type for role in roles(Plain)] == [None, None]
    contract = Plain(source=Label("LA_BP_label", 4), target=Label("Paint_label", 77))
    asked = blueprint_of((contract,), catalogue(), {"LA_BP_label": 4, "Paint_label": 77})
    assert (asked.walls, asked.valves, asked.rings, asked.made) == ((), (), (), (77,))
    assert asked.types == {4: LabelType.LUMEN}


@pytest.mark.slow
def test_rules_from_yaml(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "recipes:\n  my_heart:\n    summary: mine\n    steps: [{recipe: four_chamber_full}]\n"
        "    open: [Ao_BP_label]\n    may_touch: [[LV_BP_label, RV_BP_label]]\n"
    )
    (recipe,) = records_from_yaml(file)
    assert isinstance(recipe, Recipe)
    rules = rules_of(recipe, catalogue())
    assert rules.open == {"Ao_BP_label"}
    assert rules.included == {"LPV1_label", "LPV2_label", "RPV1_label", "RPV2_label", "LAA_label", "SVC_label",
                              "IVC_label"}  # fmt: skip
    assert {frozenset({"LV_BP_label", "RV_BP_label"}), frozenset({"LA_BP_label", "LAA_label"})} <= rules.may_touch
    # Said by the recipe itself, it holds even for a lumen with a wall.
    assert asked_of(catalogue(), recipe).open == VEINS | {6}
    result = pycemrg("certify", HEART, "--recipe", "my_heart", "--plugin", file, "--json", code=1)
    touching = [f for f in json.loads(result.stdout)["findings"] if f["check"] == "lumen_open" and f["values"] == [6]]
    assert [one["severity"] for one in touching] == [Severity.EXPECTED.value]


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ({"open": "LPV1_label"}, "the labels that a recipe leaves open are a list, not 'LPV1_label'"),
        ({"open": [3]}, "the labels that a recipe leaves open are names, not 3"),
        ({"may_touch": [("A_label",)]}, "may_touch is a list of pairs of label names, not ('A_label',)"),
        ({"may_touch": ["A_label"]}, "may_touch is a list of pairs of label names, not 'A_label'"),
        ({"may_touch": [("A_label", "B_label", "C_label")]}, "may_touch is a list of pairs of label names, not ("),
    ],
)
def test_rules_that_cannot_be(rules: dict[str, object], text: str) -> None:
    with pytest.raises(RecordError) as error:
        Recipe(name="mine", steps=("la_myocardium",), **rules)  # type: ignore[arg-type]
    assert str(error.value).startswith(text)


def test_a_rule_about_nothing_known_is_refused() -> None:
    recipe = Recipe(name="mine", steps=(include("atria_full"),), open=("LPV_1_label",))
    text = "unknown label 'LPV_1_label' in the rules of recipe 'mine'; did you mean 'LPV1_label'"
    with pytest.raises(LabelError) as error:
        rules_of(recipe, catalogue())
    assert str(error.value).startswith(text)
    (fault,) = record_faults(recipe, catalogue())
    assert fault.startswith(text)
    assert rules_of(Recipe(name="none", steps=("la_myocardium",)), catalogue()) == Rules()


def no_function() -> None:
    """Takes no heart."""


def test_faults_of_a_check() -> None:
    good = Check(name="good", summary="", function=Ref("schematics_builtin.certificate.checks.shapes:holes"))
    bad = Check(name="bad", summary="", function=Ref("test_certify_command:no_function"))
    assert list(record_faults(good, catalogue())) == []
    (fault,) = record_faults(bad, catalogue())
    assert fault.startswith("function must take 1 argument: ")


def test_an_image_is_not_changed_by_a_certificate(tmp_path: Path) -> None:
    heart = small_heart(tmp_path)
    image = sitk.ReadImage(str(heart))
    before = sitk.GetArrayFromImage(image)
    heart_of(image, asked_of(catalogue(), "atria_full"))
    pycemrg("certify", heart, code=1)
    assert np.array_equal(sitk.GetArrayFromImage(image), before)


PAGE = Path(__file__).resolve().parent.parent / "docs" / "certificate.md"


def test_the_page_has_a_heading_for_each_check_and_command() -> None:
    headings = re.findall(r"^### (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    checks = {c.name for c in catalogue().all(Check) if c.record.on is CheckOn.RESULT}
    assert set(headings) == checks | {"`pycemrg certify`", "`pycemrg repair`"}


@pytest.mark.slow
def test_the_python_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, check = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    pycemrg("labels", "keep", HEART, "blood_pools", "LV_myo_label", "-o", "my_heart.nrrd")
    exec(compile(run, PAGE.name, "exec"), {})
    assert "expected lumen_open LPV1_label is open to the background on " in capsys.readouterr().out
    (tmp_path / "small_lumens.py").write_text(check)
    result = pycemrg("certify", "my_heart.nrrd", "--plugin", "small_lumens.py", "--json", code=1)
    findings = json.loads(result.stdout)["findings"]
    found = {one["values"][0] for one in findings if one["check"] == "small_lumen"}
    array = voxels(tmp_path / "my_heart.nrrd")
    small = {label for label in (1, *range(3, 15)) if (array == label).sum() < 5000}  # voxels of 1 mm3
    assert found == small != set()
