"""What a notebook shows of an object: a few lines, its own picture, and no markup out of a name."""

from __future__ import annotations

import base64
import io
import re
from xml.etree import ElementTree

import brute
import numpy as np
import pytest
from phantom import heart_phantom
from PIL import Image

from pycemrg_core import (
    LabelScheme,
    LabelVolume,
    Recipe,
    RecipeStep,
    Settings,
    plan,
    prepare,
    read_heart,
    run_recipe,
)
from pycemrg_core.api import Finding, Severity, counted, html_table, volume_of
from pycemrg_core.shown.slices import slices_png
from schematics_builtin.certificate import Certificate, asked_of, repair
from schematics_builtin.fusing import Source, fuse
from schematics_builtin.labels import measure, rank


def rows_of(html: str) -> list[list[str]]:
    """The cells of the rows of the table; the whole must be well-formed."""
    page = ElementTree.fromstring(re.sub(r"<br>|<img[^>]*>", "", html))
    return [["".join(cell.itertext()) for cell in row] for row in page.iter("tr")]


def picture_of(html: str) -> Image.Image:
    (data,) = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_a_table_has_its_cells_and_numbers_stand_on_the_right() -> None:
    html = html_table("a <heart>", ("name", "voxels", "mL"), [("LV & RV", 1234567, 2.34567)], notes=["1 < 2"])
    assert rows_of(html) == [["name", "voxels", "mL"], ["LV & RV", "1,234,567", "2.346"]]
    assert html.count("text-align: right") == 2
    assert "a &lt;heart&gt;" in html
    assert "1 &lt; 2" in html


def test_words_are_counted() -> None:
    assert [counted(1, "step"), counted(0, "step"), counted(1400, "step")] == ["1 step", "0 steps", "1,400 steps"]


def test_a_long_table_is_cut_and_says_so() -> None:
    html = html_table("", ("n",), [(n,) for n in range(1060)])
    assert rows_of(html)[1:] == [[str(n)] for n in range(60)]
    assert "and 1,000 more" in html


def test_a_name_stays_text() -> None:
    evil = "<script>alert(1)</script>"
    assert "<script" not in html_table(evil, (evil,), [(evil,)], notes=[evil])


@pytest.mark.slow
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 0.5)])
def test_the_picture_shows_the_middle_slices(spacing: tuple[float, float, float]) -> None:
    """Two bricks side by side along x: in the first and second tile half the pixels each; in the third, one of them."""
    array = np.zeros((20, 30, 50), np.uint8)
    array[5:15, 5:25, 10:20] = 1
    array[5:15, 5:25, 20:30] = 2
    with Image.open(io.BytesIO(slices_png(LabelVolume(array, spacing)))) as image:
        pixels = np.asarray(image.convert("RGB"))
    side = pixels.shape[0]
    assert pixels.shape == (side, 3 * side, 3)
    tiles = [pixels[:, n * side : (n + 1) * side] for n in range(3)]
    found = [{tuple(c): n for c, n in zip(*np.unique(t.reshape(-1, 3), axis=0, return_counts=True), strict=True)}
             for t in tiles]  # fmt: skip
    paper = tuple(pixels[0, 0])
    assert [len(colours) for colours in found] == [3, 3, 2]
    for colours in found[:2]:
        first, second = (count for colour, count in colours.items() if colour != paper)
        assert first == second
    # The shape in mm: of the slice along z, y against x.
    hit = np.argwhere((tiles[0] != paper).any(axis=2))
    height, width = hit.max(axis=0) - hit.min(axis=0) + 1
    assert height / width == pytest.approx(20 * spacing[1] / (20 * spacing[2]), rel=0.02)


def test_a_picture_of_nothing_is_none() -> None:
    assert slices_png(LabelVolume(np.zeros((3, 3, 3), np.uint8), (1.0, 1.0, 1.0))) == b""


def test_a_label_volume_shows_its_size_along_x_y_z() -> None:
    array = np.zeros((4, 5, 6), np.int16)
    array[1, 2, 3] = 7
    volume = LabelVolume(array, (3.0, 2.0, 0.5))
    assert repr(volume) == "<LabelVolume: 6 x 5 x 4 voxels of 0.5 x 2 x 3 mm, int16, 1 label>"
    assert picture_of(volume._repr_html_()).size[0] == 3 * picture_of(volume._repr_html_()).size[1]


def test_a_catalogue_shows_its_plugins() -> None:
    catalogue = brute.catalogue()
    assert len(repr(catalogue)) < 300
    assert repr(catalogue).startswith(f"<Catalogue: {len(catalogue.plugins)} plugins with ")
    rows = rows_of(catalogue._repr_html_())
    assert [row[0] for row in rows[1:]] == [plugin.found.name for plugin in catalogue.plugins]


def test_a_run_shows_its_labels_with_their_volumes() -> None:
    image, catalogue = heart_phantom(40, (3.0, 2.0, 2.5)), brute.catalogue()
    result = run_recipe("atria_full", image, catalogue)
    labels, counts = np.unique(result.volume.array, return_counts=True)
    rows = rows_of(result._repr_html_())[1:]
    assert [row[1:3] for row in rows] == [
        [str(label), f"{n:,}"] for label, n in zip(labels, counts, strict=True) if label
    ]
    named = {name: value for name, value in result.record.labels.items() if value in labels}
    assert named.items() <= {row[0]: int(row[1]) for row in rows}.items()
    for row in rows:
        assert float(row[3]) == pytest.approx(int(row[2].replace(",", "")) * 15 / 1000, rel=1e-3)
    assert repr(result).startswith(f"<RunResult: atria_full, {len(result.record.steps)} steps in ")
    assert len(repr(result)) < 200
    assert picture_of(result._repr_html_()).format == "PNG"

    steps = rows_of(result.record._repr_html_())[1:]
    assert [row[1:3] for row in steps] == [[step.name, f"{step.voxels:,}"] for step in result.record.steps]
    assert len(repr(result.record)) < 100


def test_a_plan_shows_its_steps_and_what_is_left_out() -> None:
    catalogue = brute.catalogue()
    optional = RecipeStep(schematic="svc_ring", when_present=("SVC_label", "PV_label"))
    recipe = Recipe(name="mine", steps=("lv_outflow", optional))
    prepared = prepare(volume_of(heart_phantom(40)), catalogue, Settings(), recipe=recipe, check=False)
    planned = plan(recipe, catalogue, prepared.facts)
    assert repr(planned) == "<Plan: mine, 1 step, 1 left out, uint8 pixels>"
    assert rows_of(planned._repr_html_())[1:] == [["1", "lv_outflow", planned.steps[0].kind]]
    assert "left out: svc_ring: " in planned._repr_html_()


@pytest.mark.slow
def test_what_a_script_is_given_is_short_and_has_a_table() -> None:
    """Every object of a session: a line on a terminal, a few in a notebook, and none of its arrays."""
    catalogue, image = brute.catalogue(), heart_phantom(40, (3.0, 2.0, 2.5))
    result = run_recipe("four_chamber_myocardium", image, catalogue, check=False)
    names = {value: name for name, value in catalogue.get(LabelScheme, "cemrg").labels.items()}
    facts = measure(result.volume.array, result.volume.spacing)
    ranking = rank(facts, {"cemrg": catalogue.get(LabelScheme, "cemrg").labels})
    objects = [
        read_heart(image, catalogue),
        read_heart(image, catalogue).segmentation,
        prepare(image, catalogue, check=False),
        repair(image, catalogue, asked_of(catalogue)),
        fuse([Source.of("one", image, names)], catalogue, margin=2),
        facts,
        ranking,
        ranking.readings[0].evidence,
    ]
    for one in objects:
        assert re.fullmatch(rf"<{type(one).__name__}: .{{5,200}}>", repr(one))
        assert rows_of(one._repr_html_()) is not None
    assert repr(Settings(parameters={"LA_WT": 2}, pad=False)) == "<Settings: 1 parameter, no padding>"
    assert repr(result.blueprint).startswith("<Blueprint: four_chamber_myocardium, ")
    assert all(len(repr(plugin)) < 400 for plugin in catalogue.plugins)
    fused = objects[4]
    assert [row[:2] for row in rows_of(fused._repr_html_())[1:]] == [[n, str(v)] for n, v in fused.labels.items()]
    assert picture_of(fused._repr_html_()).format == "PNG"


def test_a_certificate_shows_verdict_and_findings() -> None:
    found = Finding(severity=Severity.ERROR, what="a <hole>", voxel=(1, 2, 3), check="leaks")
    certificate = Certificate(checks=(), findings=(found,))
    assert repr(certificate) == "<Certificate: FAIL: closed: no lumen; 1 finding>"
    assert rows_of(certificate._repr_html_())[1:] == [["error", "leaks", "a <hole>", "1, 2, 3"]]
