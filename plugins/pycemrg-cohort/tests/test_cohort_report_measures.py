"""Outliers, plots and thumbnails, against what is worked out here another way."""

from __future__ import annotations

import base64
import io
import statistics
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from cohort_report_pages import case, failed, report, table, words, write_cohort
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycemrg_cohort.report.measures import Measure, measures, scores
from pycemrg_cohort.report.plots import BAND, MOST_POINTS, WIDTH, plot, plots
from pycemrg_cohort.report.saved import SavedCase
from pycemrg_cohort.report.thumbnails import GAP, TILE, thumbnail

from pycemrg_core.api import from_data, volume_of


def marked(values: list[Fraction]) -> list[str]:
    """What is to be said of each value, in exact numbers: 'high', 'low' or nothing."""
    if len(values) < 5:
        return [""] * len(values)
    away = [value - statistics.median(values) for value in values]
    mad = statistics.median([abs(one) for one in away])
    # 0.6745 |x - median| / MAD > 3.5; without a MAD, its mean times sqrt(pi / 2), to 16 digits, is the scale.
    mean = sum((abs(one) for one in away), Fraction(0)) / len(away)
    limit = (
        Fraction("3.5") / Fraction("0.6745") * mad if mad else Fraction("3.5") * Fraction("1.2533141373155003") * mean
    )
    return [("high" if one > 0 else "low") if abs(one) > limit else "" for one in away]


# Hundredths, as they are shown, so that this and binary numbers cannot differ by a rounding.
hundredths = st.integers(0, 2000) | st.sampled_from([171, 157, 171, 171, 20000])


@pytest.mark.slow
@given(st.lists(hundredths, min_size=1, max_size=40))
def test_outliers_are_those_of_the_definition(numbers: list[int]) -> None:
    cases = [case(f"c{n}", volumes_ml={"a": number / 100}) for n, number in enumerate(numbers)]
    (found,) = measures(from_data(cases, tuple[SavedCase, ...]))
    told = [
        "high" if found.outliers.get(one["id"], 0) > 0 else "low" if one["id"] in found.outliers else ""
        for one in cases
    ]
    assert told == marked([Fraction(number, 100) for number in numbers])


def test_the_score_of_an_example() -> None:
    """Median 4 and deviations 3, 2, 1, 0, 1, 2, 16, so the MAD is 2: 20 is 0.6745 * 16 / 2 = 5.396 away."""
    np.testing.assert_allclose(
        scores([1, 2, 3, 4, 5, 6, 20]), 0.33725 * np.array([-3, -2, -1, 0, 1, 2, 16]), rtol=1e-12
    )
    # Four of five the same: the mean deviation is 10 / 5 = 2, and 10 / (1.2533 * 2) = 3.989.
    assert scores([7, 7, 7, 7, 17])[-1] == pytest.approx(3.98942, abs=1e-5)
    assert not scores([1, 1, 1, 100]).any()
    assert not scores([3.0] * 9).any()


@pytest.mark.slow
def test_the_page_marks_them_in_words(tmp_path: Path) -> None:
    volumes = [100, 101, 99, 103, 98, 102, 100, 160, 40]
    cases = [case(f"c{n}", volumes_ml={"LV_BP_label": float(v)}) for n, v in enumerate(volumes)]
    cases += [failed("bad", "no", volumes_ml={"LV_BP_label": 9e9})]
    cases[0]["thickness_mm"] = {"LV_myo_label": 900.0}
    page = report(write_cohort(tmp_path / "out", cases))
    expected = marked([Fraction(v) for v in volumes])
    assert expected == [""] * 7 + ["high", "low"]
    rows = table(page)
    shown = [words(rows[f"c{n}"]["LV_BP volume, mL"]) for n in range(9)]
    assert shown == [
        f"{'▲ high ' * (m == 'high')}{'▼ low ' * (m == 'low')}{v:.2f}" for v, m in zip(volumes, expected, strict=True)
    ]
    assert [*rows][:3] == ["bad", "c7", "c8"]
    # The median of nine volumes is 100 and their MAD is 2: 0.6745 * 60 / 2 = 20.2.
    title = "20.2 scaled MADs above the median, 100.00 mL"
    assert [mark["title"] for mark in rows["c7"]["LV_BP volume, mL"].select(".mark")] == [title]
    assert "Iglewicz and Hoaglin 1993" in words(page)
    assert "▲" not in words(rows["c0"]["LV_myo thickness, mm"])
    (label, other) = page.select("figure .name")
    assert {label.get_text(), other.get_text()} == {"c7", "c8"}
    assert "outliers: c7 160.00, c8 40.00" in str(page.select("svg")[0]["aria-label"])


@pytest.mark.slow
def test_four_cases_have_no_outliers_and_the_page_says_why(tmp_path: Path) -> None:
    cases = [case(f"c{n}", volumes_ml={"a": value}) for n, value in enumerate([1.0, 1.0, 1.0, 1e6])]
    page = report(write_cohort(tmp_path / "out", cases))
    assert "Outliers are not marked, because there are fewer than 5 finished cases." in words(page)
    assert "▲ high" not in words(page.select("#cases")[0])
    assert not page.select("svg .box, svg .far")


@st.composite
def measure(draw: st.DrawFn) -> Measure:
    numbers = draw(st.lists(hundredths, min_size=1, max_size=60))
    names = draw(st.lists(st.text("abcdefgh0123456789_", min_size=1, max_size=40), min_size=len(numbers),
                          max_size=len(numbers), unique=True))  # fmt: skip
    cases = [case(name, volumes_ml={"a": number / 100}) for name, number in zip(names, numbers, strict=True)]
    (found,) = measures(from_data(cases, tuple[SavedCase, ...]))
    return found


@pytest.mark.slow
@given(measure())
def test_marks_are_where_their_values_are(found: Measure) -> None:
    drawn = plot(found)
    points = [*drawn.points, *drawn.outliers]
    assert {point.id: point.value for point in points} == found.values
    assert {point.id for point in drawn.outliers} == set(found.outliers)
    low, high = min(found.values.values()), max(found.values.values())
    for point in points:
        expected = 10 + 250 * (point.value - low) / (high - low) if high > low else 135
        assert point.x == pytest.approx(expected)
        assert drawn.top + 5 <= point.y <= drawn.top + BAND - 5
    assert [value for value, _ in drawn.ends] == ([low, high] if high > low else [low])
    assert bool(drawn.box) == (len(found.values) >= 5)
    if drawn.box:
        quartiles = statistics.quantiles(found.values.values(), n=4, method="inclusive")
        assert drawn.box[1:4] == pytest.approx(quartiles)
        usual = [value for name, value in found.values.items() if name not in found.outliers]
        assert (drawn.box[0], drawn.box[4]) == (min(usual), max(usual))
        assert [*drawn.box_x] == sorted(drawn.box_x) or min(usual) > quartiles[0] or max(usual) < quartiles[2]


@pytest.mark.slow
@given(measure())
def test_labels_of_outliers_do_not_touch(found: Measure) -> None:
    drawn = plot(found)
    named = [point for point in drawn.outliers if point.name]
    assert len(named) + drawn.unnamed == len(found.outliers)
    assert bool(named) == bool(found.outliers)
    boxes = []
    for point in named:
        assert point.id.startswith(point.name.removesuffix("…"))
        half = 7 * len(point.name) / 2
        assert half <= point.name_x <= WIDTH - half
        assert 9 <= point.name_y <= drawn.top
        boxes.append((point.name_x - half, point.name_x + half, point.name_y))
    for number, (left, right, y) in enumerate(boxes):
        assert all(right < a or b < left or abs(y - other) >= 12 for a, b, other in boxes[:number])


def test_with_too_many_points_only_outliers_are_drawn() -> None:
    values = {f"c{n}": float(n % 10) for n in range(MOST_POINTS)}
    values["far"] = 1e6
    ((drawn,), every) = plots([Measure("a", "volume", "mL", values, 5.0, {"far": 9.9})])
    assert not every
    assert drawn.points == ()
    assert [point.id for point in drawn.outliers] == ["far"]
    del values["far"]
    ((drawn,), every) = plots([Measure("a", "volume", "mL", values, 5.0, {})])
    assert every
    assert len(drawn.points) == MOST_POINTS


def pixels(src: str) -> np.ndarray:
    """The RGBA pixels (rows, columns, 4) of a data URI."""
    kind, _, data = src.partition(",")
    assert kind == "data:image/png;base64"
    return np.array(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA"))


COLOURS = {"left": "#ff0000", "right": "#00ff00", "head": "#0000ff", "front": "#ffff00"}


def block() -> sitk.Image:
    """40 mm cubed in voxels of 1 x 2 x 4 mm (x, y, z; to the left, back and head), with background round it.

    Its left half is 1 and its right half 2, the uppermost 8 mm are 3, and the front 8 mm below them 4.
    """
    array = np.zeros((14, 30, 60), np.uint16)
    heart = array[2:12, 5:25, 10:50]
    heart[:, :, 20:], heart[:, :, :20] = 1, 2
    heart[:, :4] = 4
    heart[8:] = 3
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((1, 2, 4))
    return image


def test_a_thumbnail_shows_the_patient_as_a_radiologist_does() -> None:
    names = {1: "left", 2: "right", 3: "head", 4: "front"}
    turned = sitk.DICOMOrient(block(), "ASR")
    assert turned.GetSize() != block().GetSize()
    for image in (block(), turned):
        found = thumbnail(image, names, COLOURS, "a block")
        shown = pixels(found.src)
        assert shown.shape == (found.height, found.width, 4) == (TILE, 3 * TILE + 2 * GAP, 4)
        assert len(found.src) < 2000

        def colour(plane: int, down: float, across: float, shown: np.ndarray = shown) -> str:
            red, green, blue, alpha = shown[int(down * TILE), plane * (TILE + GAP) + int(across * TILE)]
            assert alpha == 255
            return f"#{red:02x}{green:02x}{blue:02x}"

        axial = [colour(0, 0.1, 0.5), colour(0, 0.6, 0.1), colour(0, 0.6, 0.9)]
        assert axial == [COLOURS["front"], COLOURS["right"], COLOURS["left"]]
        coronal = [colour(1, 0.1, 0.5), colour(1, 0.6, 0.1), colour(1, 0.6, 0.9)]
        assert coronal == [COLOURS["head"], COLOURS["right"], COLOURS["left"]]
        sagittal = [colour(2, 0.1, 0.5), colour(2, 0.6, 0.1), colour(2, 0.6, 0.9)]
        assert sagittal == [COLOURS["head"], COLOURS["front"], COLOURS["right"]]
        # Between the tiles there is nothing.
        assert not shown[:, TILE : TILE + GAP, 3].any()


def test_a_thumbnail_of_more_labels_than_a_palette_has() -> None:
    array = np.arange(1, 1 + 24**3, dtype=np.uint32).reshape(24, 24, 24)
    found = thumbnail(sitk.GetImageFromArray(array), {}, {}, "many")
    shown = pixels(found.src)
    assert (shown[:, :TILE, 3] == 255).all()
    assert len(np.unique(shown[:, :TILE].reshape(-1, 4), axis=0)) > 50


def test_a_thumbnail_of_a_heart_in_air_is_that_of_the_heart() -> None:
    for image in (block(), sitk.DICOMOrient(block(), "ASR")):
        in_air = sitk.ConstantPad(image, (3, 20, 7), (11, 1, 30), 0)
        assert thumbnail(in_air, {}, {}, "").src == thumbnail(volume_of(image), {}, {}, "").src
