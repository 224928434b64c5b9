"""The findings of a certificate on the page: what is said, in which order, and the picture of the place."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from bs4 import Tag
from click.testing import CliRunner
from command_line import contents, pycemrg, voxels
from report_runs import make_run, one, pixels, record, report, words

from pycemrg_core import write_image
from pycemrg_core.cli.kit import main

pytestmark = pytest.mark.usefixtures("loaded_once")

SPACING = 1.6


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("run"))


def finding(severity: str, what: str, voxel: tuple[int, int, int], values: list[int]) -> dict[str, Any]:
    """A finding at a voxel (x, y, z) of the phantom, whose origin is taken from the record."""
    place = {"voxel": list(voxel), "box": [list(voxel), list(voxel)]}
    amount = {"faces": 1, "mm2": 2.56, "voxels": 0, "mm": None}
    return {
        "check": "lumen_contact",
        "severity": severity,
        "what": what,
        "labels": [],
        "values": values,
        **place,
        **amount,
    }


def certify(run: Path, findings: list[dict[str, Any]], verdict: str) -> None:
    """Write a certificate; the points in mm follow from the voxels and the record."""
    origin = np.array(record(run)["input"]["origin"])
    for one_of_them in findings:
        one_of_them["point_mm"] = (origin + SPACING * np.array(one_of_them["voxel"])).tolist()
    about = {"name": "heart.nrrd", "voxels_sha256": record(run)["output"]["voxels_sha256"]}
    data = {"format": 1, "verdict": verdict, "recipe": "four_chamber_full", "input": about,
            "checks": [{"name": "lumen_contact", "provider": "builtin", "summary": "two lumens touch",
                        "advice": "separate them"}], "findings": findings}  # fmt: skip
    (run / "certificate.json").write_text(json.dumps(data), encoding="utf-8")


def middle(image: Tag) -> list[int]:
    shown = pixels(image)
    assert shown.shape[0] % 2 == shown.shape[1] % 2 == 1
    return [int(value) for value in shown[shown.shape[0] // 2, shown.shape[1] // 2]]


@pytest.mark.slow
def test_findings_stand_with_their_place_in_the_middle(run: Path) -> None:
    heart = voxels(run / "heart.nrrd")
    places = {label: tuple(int(i) for i in np.argwhere(heart == label)[7][::-1]) for label in (1, 4, 103)}
    faults = [
        finding("expected", "a vein is open", places[103], [103]),
        finding("warning", "thin & <b>torn</b>", places[4], [4]),
        finding("error", "LV_BP_label leaks", places[1], [4]),
    ]
    certify(run, faults, "FAIL")
    page = report(run)
    assert words(one(page, ".badge")) == "FAIL"
    shown = page.select("#findings .finding")
    assert [words(one(entry, "summary")) for entry in shown] == [
        "error two lumens touch lumen_contact, 1 face LV_BP_label leaks",
        "warning two lumens touch lumen_contact, 1 face thin & <b>torn</b>",
        "expected the recipe allows it lumen_contact, 1 face a vein is open",
    ]
    assert page.select("#findings b") == []
    colours = {
        int(words(li).split()[0]): [*bytes.fromhex(str(one(li, ".chip")["style"])[-6:])]
        for li in page.select(".legend li")
    }
    # The first is about another label than the one at the place, which is therefore faded.
    for entry, label, strong in zip(shown, (1, 4, 103), (False, True, True), strict=True):
        images = entry.select("img")
        assert len(images) == 3
        for image in images:
            assert middle(image)[:3] == colours[label]
            assert (middle(image)[3] == 255) is strong


@pytest.mark.slow
def test_a_finding_at_the_border_of_the_image_is_in_the_middle_too(run: Path) -> None:
    certify(run, [finding("error", "at the corner", (0, 0, 0), [1])], "FAIL")
    images = report(run).select("#findings img")
    reach = 2 * round(16 / SPACING) + 1
    assert [pixels(image).shape for image in images] == [(reach, reach, 4)] * 3
    assert all(middle(image)[3] == 0 for image in images)


@pytest.mark.slow
def test_a_finding_without_a_place_has_no_picture(run: Path) -> None:
    nowhere = {
        "check": "not_made",
        "severity": "error",
        "what": "MV_label was not made",
        "point_mm": None,
        "voxel": None,
    }
    certify(run, [], "FAIL")
    data = json.loads((run / "certificate.json").read_text(encoding="utf-8"))
    (run / "certificate.json").write_text(json.dumps({**data, "findings": [nowhere]}), encoding="utf-8")
    page = report(run)
    assert words(one(page, "#findings summary")) == "error not_made not_made MV_label was not made"
    assert page.select("#findings img, #findings [data-at]") == []


@pytest.mark.slow
def test_a_heart_that_passes_says_so(run: Path) -> None:
    certify(run, [], "PASS")
    page = report(run)
    assert words(one(page, ".badge")) == "PASS"
    assert "0 errors, 0 warnings, 0 expected by 1 checks" in words(one(page, "#findings"))


@pytest.mark.slow
def test_thousands_of_findings_do_not_make_thousands_of_pictures(run: Path) -> None:
    certify(run, [finding("warning", f"fault {n}", (20, 20, 20), [1]) for n in range(300)], "PASS")
    page = report(run)
    (row,) = page.select(".finding")
    assert words(one(row, "summary")) == (
        "warning two lumens touch lumen_contact, 300 places, 300 faces largest: fault 0"
    )
    assert len(row.select(".places > li")) == len(row.select("[data-at]")) == 300
    assert len(row.select("img")) == 3 * 3


@pytest.mark.slow
def test_a_row_says_what_to_do_with_a_command_that_does_it(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    page = report(run)
    rows = {
        (words(one(row, ".severity")), words(row.select("code")[-1]).split()[-1]): row
        for row in page.select(".finding")
    }
    commands = {key: words(row.select(".command")[0]) if row.select(".command") else "" for key, row in rows.items()}
    assert commands["error", "components"] == "pycemrg repair heart.nrrd -o heart_repaired.nrrd"
    assert commands["warning", "edge_contact"] == "pycemrg repair heart.nrrd --weld -o heart_repaired.nrrd"
    assert {command for (severity, _), command in commands.items() if severity == "expected"} == {""}
    for row in page.select(".finding"):
        if asked := re.search(r"pycemrg repair (--gap [0-9.]+)", words(one(row, ".largest"))):
            assert asked[1] in words(one(row, ".command"))
    following = words(one(page, "header .command"))
    assert following == commands["error", "components"]
    before = json.loads(CliRunner().invoke(main, ["certify", str(run / "heart.nrrd"), "--json"]).stdout)["findings"]
    name, command, image, *options = following.split()
    options[-1] = str(run / options[-1])
    CliRunner().invoke(main, [command, str(run / image), *options])
    after = json.loads(CliRunner().invoke(main, ["certify", options[-1], "--json"]).stdout)["findings"]
    assert name == "pycemrg"
    assert sum(one["severity"] == "error" for one in after) < sum(one["severity"] == "error" for one in before)


@pytest.mark.slow
def test_without_a_certificate_the_heart_is_certified(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    # Turned, so that the voxels named are those of the file and not of an image in the usual order.
    turned = sitk.Flip(sitk.PermuteAxes(sitk.ReadImage(str(run / "heart.nrrd")), [1, 2, 0]), [True, False, False])
    write_image(turned, run / "heart.nrrd")
    command = ("certify", run / "heart.nrrd", "--recipe", "four_chamber_full", "--json")
    said = json.loads(CliRunner().invoke(main, [str(word) for word in command]).stdout)
    page = report(run)
    assert words(one(page, ".badge")) == said["verdict"]
    shown = {
        (words(one(row, ".severity")), words(one(place, "p")).partition(", point")[0])
        for row in page.select(".finding")
        for place in row.select(".places > li")
    }
    expected = {
        (f["severity"], f"{f['what']} show voxel ({', '.join(map(str, f['voxel']))})")
        for f in said["findings"]
        if f["voxel"]
    }
    assert len(expected) > 3
    assert expected <= shown


@pytest.mark.slow(every=3)
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"verdict": "MAYBE"}, "its verdict is 'MAYBE'"),
        ({"findings": None}, "findings is not a list"),
        ({"findings": [{"severity": "error"}]}, "no findings[0].what"),
        ({"findings": [{"severity": "bad", "what": "x"}]}, "the severity of findings[0] is 'bad'"),
        (
            {"findings": [{"severity": "error", "what": "x", "point_mm": [1, "2", 3]}]},
            "findings[0].point_mm[1] is not a number",
        ),
        ({"closure": {"closed": True}}, "closure.closed is not a list"),
        ({"closure": {"spaces": [6]}}, "closure.spaces is not a mapping"),
    ],
)
def test_what_is_not_a_certificate_is_refused(run: Path, change: dict[str, Any], reason: str) -> None:
    certify(run, [], "PASS")
    data = json.loads((run / "certificate.json").read_text(encoding="utf-8"))
    (run / "certificate.json").write_text(json.dumps({**data, **change}), encoding="utf-8")
    before = contents(run)
    result = pycemrg("report", run, code=1)
    assert result.stderr == (
        f"error: {run / 'certificate.json'}: not a certificate: {reason};"
        " remove it, or write it again with 'pycemrg certify'\n"
    )
    assert contents(run) == before
