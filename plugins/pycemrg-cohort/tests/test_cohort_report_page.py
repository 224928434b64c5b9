"""What the page says of a cohort, against ``cohort.json`` and the folders."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
import SimpleITK as sitk
from bs4 import BeautifulSoup
from cohort_lab import hearts
from cohort_report_pages import case, failed, give_hearts, large_cohort, report, saved, table, words, write_cohort
from command_line import pycemrg
from PIL import Image
from pycemrg_cohort.report.page import write_report

from pycemrg_core import colours_of, load_catalogue

pytestmark = pytest.mark.slow

DOCS = Path(__file__).resolve().parents[3] / "docs" / "cohort.md"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort by 'cohort run': six hearts of which one is cut short; not to be changed."""
    folder = tmp_path_factory.mktemp("made")
    inputs = hearts(folder / "hearts", 6, size=48)
    (inputs / "h03.nrrd").write_bytes((inputs / "h03.nrrd").read_bytes()[:2000])
    arguments = ("--with", "certificate", "--workers", 1, "-o", folder / "out")
    pycemrg("cohort", "run", "four_chamber_full", inputs, *arguments, code=1)
    (folder / "out" / "cases" / "h01" / "report.html").write_text("a page", encoding="utf-8")
    return folder / "out"


@pytest.fixture(scope="module")
def page(made: Path) -> BeautifulSoup:
    return report(made)


def test_the_table_is_that_of_the_summary(made: Path, page: BeautifulSoup) -> None:
    rows, cases = table(page), saved(made)["cases"]
    assert set(rows) == {one["id"] for one in cases} == {f"h{n:02}" for n in range(6)}
    assert next(iter(rows)) == "h03"
    measures = 0
    for one in cases:
        cells = rows[one["id"]]
        told = [words(cells[name]) for name in ("state", "verdict", "error", "seconds")]
        assert told == [one["state"], one["verdict"], one["error"], f"{one['seconds']:.2f}"]
        for what, unit, values in (("volume", "mL", one["volumes_ml"]), ("thickness", "mm", one["thickness_mm"])):
            for label, value in values.items():
                shown = words(cells[f"{label.removesuffix('_label')} {what}, {unit}"])
                assert re.sub(r"^(▲ high|▼ low) ", "", shown) == f"{value:.2f}"
                measures += 1
        columns = [name for name, cell in cells.items() if name.endswith((", mL", ", mm")) and words(cell)]
        assert len(columns) == len(one["volumes_ml"]) + len(one["thickness_mm"])
    assert measures > 5 * 5


def test_counts_recipe_and_versions_are_on_top(made: Path, page: BeautifulSoup) -> None:
    data, top = saved(made), words(page.select("header")[0])
    verdicts = [one["verdict"] for one in data["cases"]]
    assert "5 done 1 failed" in top
    assert f"{verdicts.count('FAIL')} of 5 certificates FAIL" in top
    assert "four_chamber_full on 6 cases" in top
    assert f"{data['pycemrg']}, Python {data['python']}" in top
    for plugin in data["plugins"]:
        assert f"{plugin['name']} ({plugin['distribution']} {plugin['version']})" in top
    # The page adds up in another order, which can round the other way.
    said = re.search(r"([0-9.]+) s of work in total", top)
    assert said is not None
    assert float(said[1]) == pytest.approx(sum(one["seconds"] for one in data["cases"]), abs=0.051)


def test_failures_come_with_their_reason_before_all_cases(made: Path, page: BeautifulSoup) -> None:
    assert [section["id"] for section in page.select("main > section")][:2] == ["failures", "table"]
    (only,) = page.select("#failures li")
    (error,) = (one["error"] for one in saved(made)["cases"] if one["state"] == "failed")
    assert "cut short" in error
    assert words(only).startswith(f"h03 : {error}")


def test_links_lead_to_what_is_there(made: Path, page: BeautifulSoup) -> None:
    links = [str(link["href"]) for link in page.select("a[href]")]
    local = [link for link in links if not link.startswith("#")]
    assert all((made / unquote(link)).exists() for link in local)
    assert "cases/h01/report.html" in local
    assert [link for link in local if link.endswith("report.html")] == ["cases/h01/report.html"]
    assert {f"cases/{name}/" for name in table(page) if name != "h03"} <= set(local)
    here = {str(tag["id"]) for tag in page.select("[id]")}
    assert {link[1:] for link in links if link.startswith("#")} <= here


def test_nothing_is_loaded_and_pictures_have_texts(page: BeautifulSoup) -> None:
    images = page.select("img")
    assert [str(image["alt"]) for image in images] == [
        f"Axial, coronal and sagittal slice of {name}" for name in sorted(set(table(page)) - {"h03"})
    ]
    names = ("src", "srcset", "poster", "data", "action", "background", "xlink:href", "formaction")
    loaded = [str(tag[name]) for tag in page.find_all(True) for name in names if tag.has_attr(name)]
    assert len(loaded) == len(images)
    assert all(place.startswith("data:image/png;base64,") for place in loaded)
    assert not re.search(r"url\(|@import|http", "".join(tag.get_text() for tag in page.select("style, script")))
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in page.select("svg"))


def test_a_point_is_there_for_every_value(made: Path, page: BeautifulSoup) -> None:
    expected = []
    for one in saved(made)["cases"]:
        expected += [f"{one['id']}: {value:.2f} mL" for value in one["volumes_ml"].values()]
        expected += [f"{one['id']}: {value:.2f} mm" for value in one["thickness_mm"].values()]
    titles = [re.sub(", .* scaled MADs .*", "", title.get_text()) for title in page.select("svg title")]
    assert sorted(titles) == sorted(expected)


def test_everything_is_escaped(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script><b a='x' b=\"y\">&amp; & {{ 7*7 }}"
    cases = [
        case("a&b<i>", volumes_ml={f"{evil}_label": value}, verdict=evil, scheme=evil, parameters={evil: 1.0})
        if number == 0
        else case(f"n{number}", volumes_ml={f"{evil}_label": value})
        for number, value in enumerate([900.0, 10, 11, 12, 13, 14])
    ]
    cases.append(failed("'\"><img src=x onerror=alert(1)>", evil))
    plugin = {"name": evil, "distribution": evil, "version": evil}
    folder = write_cohort(tmp_path / "out", cases, recipe=evil, pycemrg=evil, python=evil, plugins=[plugin])
    page = report(folder)
    assert len(page.select("script")) == 1
    assert not page.select("b, i, img, [onerror], [onload]")
    text = words(page)
    assert text.count(" ".join(evil.split())) >= 8
    rows = table(page)
    assert set(rows) == {one["id"] for one in cases}
    assert words(rows["'\"><img src=x onerror=alert(1)>"]["error"]) == evil
    assert page.select("svg .name")[0].get_text() == "a&b<i>"


def test_cases_whose_files_went_wrong_since_are_shown_with_that(tmp_path: Path) -> None:
    names = ("changed", "cut", "damaged", "gone", "good", "record", "unmarked")
    folder = write_cohort(tmp_path / "out", [case(name) for name in names])
    give_hearts(folder)
    for name in ("changed", "cut", "damaged"):
        heart = folder / "cases" / name / "heart.nrrd"
        data = heart.read_bytes()
        heart.unlink()
        heart.write_bytes({"changed": data + b"x", "cut": data[: len(data) // 2], "damaged": b"not an image"}[name])
    (folder / "cases" / "gone" / "heart.nrrd").unlink()
    (folder / "cases" / "record" / "run.json").write_text("{", encoding="utf-8")
    (folder / "cases" / "unmarked" / "case.json").unlink()
    page = report(folder)
    told = {name: words(cells["error"]) for name, cells in table(page).items()}
    differs = "heart.nrrd has changed since the run (its SHA-256 differs)"
    assert told == {
        "changed": differs,
        "cut": differs,
        "damaged": differs,
        "gone": "heart.nrrd is missing now",
        "good": "",
        "record": "run.json, line 1: not valid JSON: Expecting property name enclosed in double quotes",
        "unmarked": "case.json: no such file; check the path",
    }
    assert [image["alt"] for image in page.select("img")] == ["Axial, coronal and sagittal slice of good"]
    assert "6 changed or missing since the run" in words(page.select("header")[0])


def test_an_image_that_was_no_heart_from_the_start_is_told(tmp_path: Path) -> None:
    """Its hash is right, so only reading it shows that it cannot be drawn."""
    folder = write_cohort(tmp_path / "out", [case("a")])
    give_hearts(folder)
    place = folder / "cases" / "a"
    (place / "heart.nrrd").unlink()
    (place / "heart.nrrd").write_bytes(b"not an image")
    sha256 = hashlib.sha256(b"not an image").hexdigest()
    (place / "case.json").write_text(json.dumps({"image_sha256": sha256}), encoding="utf-8")
    page = report(folder)
    assert words(table(page)["a"]["error"]).startswith("heart.nrrd: ")
    assert not page.select("img")


def test_whoever_waits_is_told_how_far_it_is(tmp_path: Path) -> None:
    folder = write_cohort(tmp_path / "out", [case("a"), case("b"), failed("c", "no")])
    give_hearts(folder)
    told: list[tuple[int, int]] = []
    assert write_report(folder, load_catalogue(), lambda *drawn: told.append(drawn)) == folder / "report.html"
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_failed_case_shows_its_input_and_no_older_result(tmp_path: Path) -> None:
    folder = write_cohort(tmp_path / "out", [case("heart")])
    heart = give_hearts(folder)
    lost = failed("lost", "no", input={"path": "nowhere.nrrd", "sha256": ""})
    refused = failed("refused", "no", input={"path": os.path.relpath(heart, folder), "sha256": ""})
    write_cohort(folder, [case("heart"), lost, refused])
    (folder / "cases" / "refused").mkdir()
    (folder / "cases" / "refused" / "report.html").write_text("an older page", encoding="utf-8")
    page = report(folder)
    assert [image["alt"] for image in page.select("img")] == [
        "Axial, coronal and sagittal slice of the input of refused",
        "Axial, coronal and sagittal slice of heart",
    ]
    assert not page.select("a[href$='report.html']")


@pytest.mark.heavy
def test_a_thousand_cases_make_a_page_that_opens(tmp_path: Path) -> None:
    folder = large_cohort(tmp_path / "out", 1000)
    page = report(folder)
    assert (folder / "report.html").stat().st_size < 20_000_000
    rows = table(page)
    assert len(rows) == 1000
    states = [words(cells["state"]) for cells in rows.values()]
    assert states == ["failed"] * 50 + ["done"] * 950
    apart = {name for name, cells in rows.items() if words(cells["outliers"])}
    assert {card["data-id"] for card in page.select("#hearts li")} == apart
    assert 0 < len(apart) < 300
    assert "With more than 300 cases, only failed cases and cases with outliers are shown" in words(page)
    # 950 times 29 values are too many to draw, so only outliers are.
    assert "There are more than 20,000 points in total, so only outliers are drawn." in words(page)
    marks = sum(
        cell.get_text().count("▲") + cell.get_text().count("▼") for row in rows.values() for cell in row.values()
    )
    assert len(page.select("svg title")) == marks
    assert len(page.select("#failures details li")) == 40


def test_pictures_have_a_limit(tmp_path: Path) -> None:
    """Of 700 cases a half stands far apart from the other: with 301 such cases one goes without."""
    values = [100 + n % 7 for n in range(399)] + [500.0] * 301
    folder = write_cohort(tmp_path / "out", [case(f"c{n:03}", volumes_ml={"a": v}) for n, v in enumerate(values)])
    give_hearts(folder)
    page = report(folder)
    assert [card["data-id"] for card in page.select("#hearts li")] == [f"c{n}" for n in range(399, 699)]
    assert "are shown, the first 300 of them." in words(page.select("#hearts")[0])


@pytest.mark.slow(every=3)
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "{folder}: not a cohort: it has no cohort.json; 'pycemrg cohort run' writes one"),
        ("{", "{file}, line 1: not valid JSON: Expecting property name enclosed in double quotes"),
        ('{"format": NaN}', "{file}: not valid JSON: NaN is not a number"),
        ('{"format": 2}', "{file}: unknown format 2, this version reads 1"),
        ("[]", "{file}: not a JSON object"),
        ('{"format": 1}', "{file}: not what 'pycemrg cohort run' writes there: missing key 'pycemrg'"),
        ([case("a"), case("a")], "{file}: not what 'pycemrg cohort run' writes there: the id 'a' appears twice"),
        ([case("a", state="begun")], "the state of 'a' is 'begun', not 'done' or 'failed'"),
        ([case("a", seconds="1")], "'1' is not a number @ cases[0].seconds"),
    ],
)
def test_what_is_no_cohort_is_refused_in_one_line(tmp_path: Path, text: object, message: str) -> None:
    if isinstance(text, list):
        write_cohort(tmp_path, text)
    elif text is not None:
        (tmp_path / "cohort.json").write_text(str(text), encoding="utf-8")
    (tmp_path / "report.html").write_text("the older page", encoding="utf-8")
    result = pycemrg("cohort", "report", tmp_path, code=1)
    (line,) = result.stderr.splitlines()
    assert message.format(folder=tmp_path, file=tmp_path / "cohort.json") in line
    assert line.startswith("error: ")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == "the older page"


def test_no_folder_at_all_is_refused(tmp_path: Path) -> None:
    assert "not a cohort" in pycemrg("cohort", "report", tmp_path / "nowhere", code=1).stderr


def test_the_page_takes_its_place_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_cohort(tmp_path / "out", [case("a")])
    (folder / "report.html").write_text("the older page", encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        result = pycemrg("cohort", "report", folder, code=1)
    assert "report.html: cannot be written: No space left on device" in result.stderr
    assert sorted(os.listdir(folder)) == ["cohort.json", "report.html"]
    assert (folder / "report.html").read_text(encoding="utf-8") == "the older page"
    (folder / "report.html").unlink()
    (folder / "report.html").mkdir()
    assert "cannot be written: it is a folder; rename that folder" in pycemrg("cohort", "report", folder, code=1).stderr


def test_an_empty_cohort_and_one_without_numbers_are_pages_too(tmp_path: Path) -> None:
    assert "on 0 cases" in words(report(write_cohort(tmp_path / "none", [])))
    page = report(write_cohort(tmp_path / "failed", [failed("a", "no"), failed("b", "no")]))
    assert [words(cells["error"]) for cells in table(page).values()] == ["no", "no"]
    assert not page.select("#distributions")


def empty_because(folder: Path, *cases: dict[str, Any], **changes: Any) -> str:
    said = report(write_cohort(folder, [*cases], **changes)).select("#empty")
    return words(said[0]) if said else ""


def test_why_a_column_is_empty_is_said(tmp_path: Path) -> None:
    verdict = "No verdicts: no output that judges a heart was asked for. Run the cohort again with --with certificate."
    missing = "No wall thicknesses: no plugin with the metric wall_thickness_median ran. Install one, and run again."
    assert empty_because(tmp_path, case("a")) == f"{verdict} {missing}"
    metrics = [{"name": "metrics", "distribution": "pycemrg-metrics", "version": "0.1.0"}]
    assert empty_because(tmp_path, case("a", verdict="PASS"), plugins=metrics) == (
        "No wall thicknesses: no label of these hearts is a wall round a lumen."
    )
    whole = {"verdict": "PASS", "thickness_mm": {"LA_myo_label": 2.0}}
    assert empty_because(tmp_path, case("a", **whole)) == ""
    two = case("b", **whole, volumes_ml={"LV_BP_label": 1.0, "LAA_label": 2.0})
    assert empty_because(tmp_path, case("a", **whole), two, failed("c", "no")) == (
        "An empty cell: the heart has no voxel of that label, or the wall there has no lumen."
        " Cases that failed have no values."
    )


def test_the_docs_have_the_command() -> None:
    text = DOCS.read_text(encoding="utf-8")
    section = text[text.index("## Report\n") :]
    assert "### `pycemrg cohort report`\n" in section
    assert "    pycemrg cohort report out\n" in section
    assert "images/cohort.png" in section


@pytest.mark.parametrize(
    ("recipe", "name"), [("four_chamber_closed", "RPV2_plane_label"), ("atria_full", "LPV1_ring_label")]
)
def test_an_integer_with_two_names_has_that_of_the_recipe(tmp_path: Path, recipe: str, name: str) -> None:
    """208 is a plane in one scheme and a ring in another; the picture of a failed case shows its colour."""
    folder = tmp_path / "out"
    folder.mkdir()
    sitk.WriteImage(sitk.GetImageFromArray(np.full((8, 8, 8), 208, np.uint8)), str(folder / "heart.nrrd"))
    write_cohort(folder, [failed("a", "no", input={"path": "heart.nrrd", "sha256": ""})], recipe=recipe)
    (image,) = report(folder).select("img")
    pixels = np.array(Image.open(io.BytesIO(base64.b64decode(image["src"].partition(",")[2]))).convert("RGB"))
    shown = {"#" + bytes(pixel).hex() for pixel in np.unique(pixels.reshape(-1, 3), axis=0)} - {"#000000"}
    assert shown == {colours_of(load_catalogue())[name]}


def test_what_is_closed_is_on_top(tmp_path: Path) -> None:
    says = "certificate: PASS: closed: LV, RV; open: Ao at its end"
    cases = [case("a", verdict="PASS", statement=says), case("b", verdict="PASS", statement=says), case("c")]
    assert f"2 cases : {says}" in words(report(write_cohort(tmp_path / "out", cases)).select("header")[0])
