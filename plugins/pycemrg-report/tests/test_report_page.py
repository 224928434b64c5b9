"""What the page says of a run, against its record and against voxels counted here."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import SimpleITK as sitk
from bs4 import BeautifulSoup
from command_line import contents, pycemrg, voxels
from pycemrg_metrics.walls import wall_thickness_median
from pycemrg_report import write_report
from pycemrg_report.run import read_run
from pycemrg_report.stack import stack_of
from report_runs import cells, make_run, one, pixels, read, record, report, words

from pycemrg_core import load_catalogue, write_image
from pycemrg_core.api import StructureMask, volume_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("loaded_once")]

ROOT = Path(__file__).resolve().parents[3]
HEART = ROOT / "benchmarks" / "data" / "rodero01_0.5mm.nrrd"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with its steps, and its report; not to be changed."""
    run = make_run(tmp_path_factory.mktemp("kept"), "--keep-steps")
    report(run)
    return run


@pytest.fixture(scope="module")
def page(kept: Path) -> BeautifulSoup:
    return read(kept / "report.html")


@pytest.fixture
def copy(kept: Path, tmp_path: Path) -> Path:
    """A copy of the run, with its input, that a test may change."""
    shutil.copytree(kept.parent, tmp_path / "copy")
    (tmp_path / "copy" / "out" / "report.html").unlink()
    return tmp_path / "copy" / "out"


def short(name: str) -> str:
    return name.removesuffix("_label")


def test_every_step_and_ledger_row_is_there_in_order(kept: Path, page: BeautifulSoup) -> None:
    steps = record(kept)["steps"]
    cards = page.select("#steps ol > li")
    assert [words(one(card, "h3")) for card in cards] == [f"{n} {step['name']}" for n, step in enumerate(steps, 1)]
    for step, card in zip(steps, cards, strict=True):
        rows = [cells(row)[:3] for row in card.select("tbody tr")]
        assert rows == [[short(e["old_name"]), short(e["new_name"]), f"{e['voxels']:,}"] for e in step["ledger"]]
        assert bool(rows) != ("changed nothing" in words(card))
        assert len(card.select("img")) == bool(rows)


def test_volumes_are_those_of_the_voxels(kept: Path, page: BeautifulSoup) -> None:
    before, after = voxels(kept.parent / "small.nrrd"), voxels(kept / "heart.nrrd")
    millilitres = 1.6**3 / 1000
    rows = {int(str(row["data-label"])): cells(row) for row in page.select("#volume-table tbody tr")}
    assert set(rows) == {*np.unique(before).tolist(), *np.unique(after).tolist()} - {0}
    for label, (number, name, old_ml, new_ml, change, count) in rows.items():
        old, new = int((before == label).sum()), int((after == label).sum())
        assert number == str(label)
        assert count == f"{new:,}"
        assert (float(old_ml.replace(",", "")), float(new_ml.replace(",", ""))) == pytest.approx(
            (old * millilitres, new * millilitres), abs=0.005
        )
        assert change == (f"{(new - old) * millilitres:+,.2f}" if new != old else "")
        assert record(kept)["labels"].get(name, label) == label


def test_what_ran_is_named(kept: Path, page: BeautifulSoup) -> None:
    data, text = record(kept), words(one(page, "#run"))
    for plugin in data["plugins"]:
        assert f"{plugin['name']} ({plugin['distribution']} {plugin['version']})" in text
    for name, value in data["parameters"].items():
        assert f"{name} = {value}" in text
    assert hashlib.sha256((kept.parent / "small.nrrd").read_bytes()).hexdigest() in text
    for warning in data["warnings"]:
        assert warning in text
    assert one(page, "title").get_text() == "four_chamber_full on small.nrrd"


def loads(page: BeautifulSoup) -> list[str]:
    """Everything that a browser would fetch for a page: attributes and style sheets."""
    names = ("src", "href", "srcset", "poster", "data", "action", "background", "xlink:href", "formaction")
    found = [str(tag[name]) for tag in page.find_all(True) for name in names if tag.has_attr(name)]
    styles = " ".join(
        [style.get_text() for style in page.select("style")] + [str(t["style"]) for t in page.select("[style]")]
    )
    return found + re.findall(r"url\(\s*['\"]?([^)'\"]*)", styles) + re.findall(r"@import\s+(\S+)", styles)


def test_nothing_is_loaded_from_anywhere(page: BeautifulSoup) -> None:
    inner = BeautifulSoup(str(one(page, "#view")["data-page"]), "html.parser")
    assert inner.select("script")
    outside = [place for place in loads(page) + loads(inner) if not place.startswith(("data:", "#"))]
    assert outside == []
    assert len(loads(page)) > 20
    for script in page.select("script"):
        assert "http" not in script.get_text()


def test_every_picture_says_what_it_shows(page: BeautifulSoup) -> None:
    assert len(page.select("img")) >= 9 + 10
    assert all(str(image.get("alt", "")).strip() for image in page.select("img"))
    for image in page.select("img"):
        rows, columns = pixels(image).shape[:2]
        assert (int(str(image["width"])), int(str(image["height"]))) == (columns, rows)
    assert all(str(drawing.get("aria-label", "")).strip() for drawing in page.select("svg"))


def test_slices_show_the_voxels_in_the_colours_of_the_legend(kept: Path, page: BeautifulSoup) -> None:
    """The axial slice through the middle of the box round the heart; the phantom's axes are left, back, head."""
    before, after = voxels(kept.parent / "small.nrrd"), voxels(kept / "heart.nrrd")
    box = [(int(side.min()), int(side.max())) for side in np.nonzero((before != 0) | (after != 0))]
    z, cut = sum(box[0]) // 2, tuple(slice(low, high + 1) for low, high in box[1:])
    colours = {
        int(words(entry).split()[0]): bytes.fromhex(str(one(entry, ".chip")["style"])[-6:])
        for entry in page.select(".legend li")
    }
    axial = page.select(".plane")[0].select(".shot")
    stages = {words(one(shot, ".caption")): one(shot, "img") for shot in axial}
    assert list(stages) == ["before", "after", "difference"]
    for name, array in (("before", before), ("after", after)):
        shown = pixels(stages[name])
        expected = np.zeros((*array[z][cut].shape, 4), np.uint8)
        for label, colour in colours.items():
            expected[array[z][cut] == label] = (*colour, 255)
        np.testing.assert_array_equal(shown, expected)
    strong = pixels(stages["difference"])[..., 3] == 255
    np.testing.assert_array_equal(strong, (before != after)[z][cut])


def unpacked(data: object) -> np.ndarray[Any, Any]:
    kind, _, text = str(data).partition(",")
    assert kind == "data:application/gzip;base64"
    return np.frombuffer(gzip.decompress(base64.b64decode(text)), np.uint8)


def test_the_slices_that_scroll_are_all_voxels_before_and_after(kept: Path, page: BeautifulSoup) -> None:
    about, slices = json.loads(str(one(page, "#heart")["data-about"])), one(page, "#slices")
    after = unpacked(slices["data-after"]).reshape(about["size"][::-1])
    before = after + unpacked(slices["data-change"]).reshape(after.shape)
    legend = [words(entry).split(maxsplit=1) for entry in page.select(".legend li")]
    label_of = {"background": 0, **{name: int(label) for label, name in legend}}
    labels = np.array([label_of.get(name, -1) for name in about["names"]])
    for shown, path in ((before, kept.parent / "small.nrrd"), (after, kept / "heart.nrrd")):
        array, start = voxels(path), about["file"]["corner"][::-1]
        box = tuple(slice(low, low + size) for low, size in zip(start, shown.shape, strict=True))
        np.testing.assert_array_equal(labels[shown], array[box])
        assert np.count_nonzero(array[box]) == np.count_nonzero(array)


def test_the_cross_names_voxels_of_a_file_whose_axes_are_turned(copy: Path) -> None:
    image = sitk.Flip(sitk.PermuteAxes(sitk.ReadImage(str(copy / "heart.nrrd")), [1, 2, 0]), [True, False, False])
    write_image(image, copy / "heart.nrrd")
    page = report(copy)
    about = json.loads(str(one(page, "#heart")["data-about"]))
    shown = unpacked(one(page, "#slices")["data-after"]).reshape(about["size"][::-1])
    legend = [words(entry).split(maxsplit=1) for entry in page.select(".legend li")]
    names = {0: "background", **{int(label): name for label, name in legend}}
    axes, corner = np.array(about["file"]["axes"]), np.array(about["file"]["corner"])
    for at in np.random.default_rng(1).integers(0, about["size"], (200, 3)):
        voxel = [int(i) for i in corner + axes @ at]
        point = np.array(about["corner"]) + np.reshape(about["direction"], (3, 3)) @ (np.array(about["spacing"]) * at)
        np.testing.assert_allclose(image.TransformIndexToPhysicalPoint(voxel), point, atol=1e-6)
        assert about["names"][shown[tuple(at[::-1])]] == names[image[voxel]]


def test_more_labels_than_a_byte_can_count_scroll_too(kept: Path) -> None:
    run = read_run(kept, load_catalogue())
    array = run.volume.array.astype(np.uint16)
    places = np.nonzero(array)
    array[places] = np.where(np.arange(len(places[0])) % 7 == 0, 1000 + np.arange(len(places[0])) % 400, array[places])
    names = {**run.names, **{label: f"label {label}" for label in range(1000, 1400)}}
    many = attrs.evolve(run, volume=run.volume.with_array(array), names=names, colours=dict.fromkeys(names, (1, 2, 3)))
    assert run.before is not None
    box = run.volume.region([*run.volume.boxes, *run.before.boxes])
    stack = stack_of(many, box)
    assert json.loads(stack.about)["bytes"] == 2
    after, change = (unpacked(data).view("<u2").reshape(array[box].shape) for data in (stack.after, stack.change))
    labels = np.array([0, *names])
    np.testing.assert_array_equal(labels[after], array[box])
    np.testing.assert_array_equal(labels[after + change], run.before.array[box])


def test_steps_look_the_same_when_they_are_run_again(copy: Path, page: BeautifulSoup) -> None:
    shutil.rmtree(copy / "steps")
    again = report(copy)
    pictures = [[str(image["src"]) for image in found.select("#steps img")] for found in (again, page)]
    assert pictures[0] == pictures[1]
    assert len(pictures[0]) >= 10


def test_kept_steps_of_another_run_are_not_shown(copy: Path, page: BeautifulSoup) -> None:
    last = sorted((copy / "steps").glob("*.nrrd"))[-1]
    image = sitk.ReadImage(str(last))
    write_image(image * 0 + 1, last)
    assert [i["src"] for i in report(copy).select("#steps img")] == [i["src"] for i in page.select("#steps img")]


def test_an_input_that_is_gone_is_said_and_before_left_out(copy: Path) -> None:
    (copy.parent / "small.nrrd").unlink()
    page = report(copy)
    assert [words(note) for note in page.select("header .note")] == [
        "The input small.nrrd is not at the path of the run: 'before' is left out."
    ]
    assert [words(one(shot, ".caption")) for shot in page.select(".shot")] == ["after"] * 3
    assert page.select("#changes") == []
    assert "before, mL" not in words(one(page, "#volume-table thead"))
    # What the first step changed is not known, what the others changed is.
    changed = [bool(step["ledger"]) for step in record(copy)["steps"]]
    assert len(page.select("#steps img")) == sum(changed[1:])


def test_an_input_that_has_changed_is_said(copy: Path) -> None:
    image = sitk.ReadImage(str(copy.parent / "small.nrrd"))
    image[0, 0, 0] = 1
    write_image(image, copy.parent / "small.nrrd")
    note = words(one(report(copy), "header .note"))
    assert note == "The input small.nrrd has changed since the run (its SHA-256 differs): 'before' is left out."


def test_without_input_and_steps_the_ledger_remains(copy: Path) -> None:
    (copy.parent / "small.nrrd").unlink()
    shutil.rmtree(copy / "steps")
    page = report(copy)
    assert page.select("#steps img") == []
    rows = sum(len(step["ledger"]) for step in record(copy)["steps"])
    assert len(page.select("#steps tbody tr")) == rows
    assert words(page.select("header .note")[-1]) == (
        "The images between the steps were not saved, and cannot be made without the input."
    )


def test_steps_whose_plugin_is_not_here_have_no_pictures(copy: Path) -> None:
    shutil.rmtree(copy / "steps")
    data = record(copy)
    data["plugins"].append({"name": "atlas", "distribution": "my-atlas", "version": "1.2"})
    (copy / "run.json").write_text(json.dumps(data), encoding="utf-8")
    page = report(copy)
    assert words(one(page, "header .note")) == (
        "The steps cannot be run again here: plugin atlas (my-atlas 1.2) is not installed; install it from where its"
        " authors publish it."
    )
    assert page.select("#steps img") == []


def test_a_step_that_is_not_known_here_is_said(copy: Path) -> None:
    data = record(copy)
    data["steps"][6]["step"] = "inflate"
    (copy / "run.json").write_text(json.dumps(data), encoding="utf-8")
    page = report(copy)
    name = data["steps"][6]["name"]
    assert words(one(page, "header .note")) == (
        f"The contracts of {name} are not known: the step kind is not installed, or has changed."
    )
    assert len(page.select("#steps li")) == len(data["steps"])


def test_a_heart_that_has_changed_is_said(copy: Path) -> None:
    image = sitk.ReadImage(str(copy / "heart.nrrd"))
    image[0, 0, 0] = 1
    write_image(image, copy / "heart.nrrd")
    notes = [words(note) for note in report(copy).select("header .note")]
    assert notes == ["heart.nrrd has changed since the run: the hash of its voxels is not the one in run.json."]


def test_walls_are_as_thick_as_the_metrics_say(kept: Path, page: BeautifulSoup) -> None:
    data = record(kept)
    volume = volume_of(sitk.ReadImage(str(kept / "heart.nrrd")))
    rows = {row[0]: row for row in map(cells, page.select("#walls tbody tr"))}
    assert {"RV_myo", "LA_myo", "RA_myo", "MV"} <= set(rows)
    for name, parameter in (("RV_myo", "RV_WT"), ("LA_myo", "LA_WT"), ("RA_myo", "RA_WT"), ("MV", "valve_WT")):
        median = wall_thickness_median(StructureMask(volume, (data["labels"][f"{name}_label"],)))
        assert rows[name][2] == f"{data['parameters'][parameter]:g} mm"
        assert rows[name][4] == f"{median:.2f} mm"
    # The left ventricle's wall was in the input, and a thickness was asked for its neck only.
    assert rows["LV_myo"][2].endswith("% grown")
    assert rows["LV_myo"][6] == "-"
    assert len(page.select("#walls figure")) == len(rows)


def test_walls_without_a_measure_are_named(tmp_path: Path) -> None:
    run = make_run(tmp_path, recipe="atria_full")
    data, page = record(run), report(run)
    volume = volume_of(sitk.ReadImage(str(run / "heart.nrrd")))
    rings = {name: label for name, label in data["labels"].items() if name.endswith("_ring_label")}
    there = {name: label for name, label in rings.items() if label in volume.boxes}
    empty = {
        short(name) for name, label in there.items() if np.isnan(wall_thickness_median(StructureMask(volume, (label,))))
    }
    measured = {cells(row)[0] for row in page.select("#walls tbody tr")}
    assert empty
    assert measured.isdisjoint(empty)
    said = words(page.select("#walls > p")[-1])
    assert set(said.partition("Not measured at all: ")[2].removesuffix(".").split(", ")) == empty


def test_names_cannot_inject_html(tmp_path: Path) -> None:
    evil = "<b onclick=x>LA & co</b>"
    (tmp_path / "evil.yaml").write_text(
        f"""
        schematics:
          odd:
            step: create
            labels: {{LA_BP_label: 4, "{evil}": 77}}
            parameters: {{odd_WT: 2.0}}
            semantic_map:
              SOURCE_BLOOD_POOL_NAME: LA_BP_label
              TARGET_MYOCARDIUM_NAME: "{evil}"
              WALL_THICKNESS_PARAMETER_NAME: odd_WT
              APPLICATION_STEPS: [{{MODE: ADD, RULE_LABEL_NAMES: []}}]
        recipes:
          odd_heart: {{summary: odd, steps: [odd]}}
        """,
        encoding="utf-8",
    )
    run = make_run(tmp_path, "--plugin", tmp_path / "evil.yaml", "--no-check", recipe="odd_heart")
    data = record(run)
    data["recipe"], data["warnings"] = "a<script>1</script>&b", ["<i>careful</i> & so"]
    data["left_out"] = [{"name": "<b>ring", "missing": ["LAA_label", "LA_myo_label"]}]
    (run / "run.json").write_text(json.dumps(data), encoding="utf-8")
    page = report(run, "--plugin", tmp_path / "evil.yaml")
    assert page.select("b, i") == []
    assert len(page.select("script")) == 1
    for part in ("#steps tbody", ".legend", "#labels", "#volume-table", "#walls tbody"):
        assert evil in words(one(page, part))
    assert one(page, "title").get_text() == "a<script>1</script>&b on small.nrrd"
    assert "<i>careful</i> & so" in words(one(page, "#run"))
    assert "<b>ring: LAA_label, LA_myo_label not in the image" in words(one(page, "#run"))


def test_the_page_goes_where_it_is_told_to(kept: Path, tmp_path: Path) -> None:
    result = pycemrg("report", kept, "-o", tmp_path / "heart.html")
    assert result.stdout == f"{tmp_path / 'heart.html'} written\n"
    assert [path.name for path in tmp_path.iterdir()] == ["heart.html"]
    assert write_report(str(kept), load_catalogue(), str(tmp_path / "same.html")) == tmp_path / "same.html"
    assert len(read(tmp_path / "same.html").select("section")) == len(read(tmp_path / "heart.html").select("section"))


def refused(*arguments: object) -> str:
    result = pycemrg("report", *arguments, code=1)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr.strip()


def test_what_is_not_a_run_is_refused(copy: Path, tmp_path: Path) -> None:
    assert refused(tmp_path) == f"error: {tmp_path}: no run.json in this folder; give a folder written by 'pycemrg run'"
    asked = "give a folder written by 'pycemrg run'"
    assert refused(tmp_path / "nowhere") == f"error: {tmp_path / 'nowhere'}: no such folder; {asked}"
    assert refused(copy / "run.json") == f"error: {copy / 'run.json'}: is a file, not a folder; {asked}"
    (copy / "report.html").write_text("old", encoding="utf-8")
    data = record(copy)
    data["steps"][1]["ledger"] = [{"old": 0, "voxels": "many"}]
    (copy / "run.json").write_text(json.dumps(data), encoding="utf-8")
    assert "steps[1].ledger" in refused(copy)
    (copy / "heart.nrrd").unlink()
    (copy / "run.json").write_text("{", encoding="utf-8")
    assert "not valid JSON" in refused(copy)
    assert (copy / "report.html").read_text(encoding="utf-8") == "old"


def test_a_missing_heart_is_refused(copy: Path) -> None:
    (copy / "heart.nrrd").unlink()
    before = contents(copy)
    assert f"{copy / 'heart.nrrd'}" in refused(copy)
    assert contents(copy) == before


def test_places_that_cannot_be_written_are_refused(kept: Path, tmp_path: Path) -> None:
    assert refused(kept, "-o", tmp_path / "a.pdf") == (
        f"error: {tmp_path / 'a.pdf'}: not a web page; choose a name that ends in .html"
    )
    nowhere = tmp_path / "none" / "a.html"
    assert refused(kept, "-o", nowhere) == (
        f"error: {nowhere}: cannot write, the folder {nowhere.parent} does not exist; choose another name"
    )
    (tmp_path / "dir.html").mkdir()
    assert "it is a folder" in refused(kept, "-o", tmp_path / "dir.html")
    assert [path.name for path in tmp_path.iterdir()] == ["dir.html"]


def test_the_page_of_a_heart_at_half_a_millimetre_can_be_sent(tmp_path: Path) -> None:
    pycemrg("run", "four_chamber_full", HEART, "-o", tmp_path / "out")
    page = report(tmp_path / "out")
    assert (tmp_path / "out" / "report.html").stat().st_size < 8e6  # budget: 12 MB
    labels = np.unique(voxels(tmp_path / "out" / "heart.nrrd")).tolist()
    assert [int(str(box["data-label"])) for box in page.select("#labels input[data-label]")] == labels[1:]


def test_the_plugin_module_is_light() -> None:
    code = "import sys, pycemrg_report.plugin, pycemrg_report.command; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert "pycemrg_report.plugin" in loaded
    assert loaded.isdisjoint({"numpy", "jinja2", "vtk", "vtkmodules", "pyvista", "trimesh", "SimpleITK", "PIL"})


def test_the_examples_of_the_documents_run(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy.parent)
    for place in (ROOT / "docs" / "report.md", ROOT / "plugins" / "pycemrg-report" / "README.md"):
        blocks = re.findall(r"^```python\n(.*?)^```$", place.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        assert blocks
        for block in blocks:
            (copy / "report.html").unlink(missing_ok=True)
            exec(compile(block, place.name, "exec"), {})
            assert read(copy / "report.html").select("#view")


def test_a_page_of_the_user_is_not_overwritten(kept: Path, tmp_path: Path) -> None:
    shutil.copytree(kept, tmp_path / "out")
    page = tmp_path / "out" / "report.html"
    page.write_text("my own page", encoding="utf-8")
    said = pycemrg("report", tmp_path / "out", code=1).stderr
    assert said == f"error: {page}: is not a page of a run; move it, or choose another name with -o\n"
    assert page.read_text(encoding="utf-8") == "my own page"
    page.unlink()
    for _ in range(2):
        pycemrg("report", tmp_path / "out")
