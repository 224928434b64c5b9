"""The page in a real browser: Chromium without a window, driven by Selenium."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser_logs import complaints, forget, network
from cohort_report_pages import case, failed, give_hearts, large_cohort, page_of, saved, write_cohort

support = pytest.importorskip("selenium.webdriver.support.ui", reason="Selenium is not installed")

pytest_plugins = ("chromium",)

VOLUMES = {"c1": 9.5, "c2": 100.25, "c10": 20.0, "c3": 101.0, "c4": 99.0, "c5": 98.0, "c6": 1000.0}
LONG = "an-id-of-eighty-letters-that-no-line-of-a-telephone-can-hold-however-small-it-is"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cases = [case(name, volumes_ml={"LV_BP_label": value, "LV_myo_label": 50 + value / 10}, verdict="PASS",
                  parameters={"LA_WT": 2.5}) for name, value in VOLUMES.items()]  # fmt: skip
    cases[0]["verdict"] = "FAIL"
    cases += [failed("broken", "hearts/broken.nrrd: the file is cut short " + "x" * 200), failed(LONG, "no")]
    folder = write_cohort(tmp_path_factory.mktemp("out"), cases)
    give_hearts(folder)
    return page_of(folder)


@pytest.fixture
def open_page(browser: Any, page: Path) -> Callable[..., Any]:
    """Open the page afresh; returns the browser."""

    def opened(path: Path = page, width: int = 1280, scheme: str = "light", script: bool = True) -> Any:
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not script})
        forget(browser)
        browser.get(path.as_uri())
        return browser

    return opened


def value(browser: Any, expression: str) -> Any:
    return browser.execute_script(f"return {expression}")


def shown(browser: Any) -> list[str]:
    """The ids of the rows that are seen, from top to bottom."""
    rows = browser.find_elements("css selector", "#cases tbody tr")
    return [row.get_attribute("data-id") for row in rows if row.is_displayed()]


def sort_by(browser: Any, heading: str) -> str:
    """Click a heading; how the column says it is sorted."""
    (head,) = (
        head
        for head in browser.find_elements("css selector", "#cases thead th")
        if " ".join(head.get_attribute("textContent").split()) == heading
    )
    browser.execute_script("arguments[0].scrollIntoView({inline: 'center', block: 'nearest'})", head)
    head.find_element("tag name", "button").click()
    others = browser.find_elements("css selector", "#cases thead th[aria-sort]")
    assert others == [head]
    return str(head.get_attribute("aria-sort"))


def test_it_opens_without_errors_and_without_the_network(open_page: Callable[..., Any]) -> None:
    browser = open_page()
    assert complaints(browser) == []
    asked, _ = network(browser)
    assert any(url.endswith("/report.html") for url in asked)
    assert [url for url in asked if not url.endswith("/report.html") and not url.startswith("data:")] == []
    pictures = value(browser, "[...document.images].map(image => image.complete && image.naturalWidth)")
    assert len(pictures) == len(VOLUMES)
    assert set(pictures) == {300}


def test_columns_sort_both_ways_and_by_number(open_page: Callable[..., Any]) -> None:
    browser = open_page()
    assert shown(browser)[:3] == [LONG, "broken", "c1"]
    assert sort_by(browser, "LV_BP volume, mL") == "ascending"
    rising = sorted(VOLUMES, key=lambda name: VOLUMES[name])
    assert shown(browser)[:7] == rising == ["c1", "c10", "c5", "c4", "c2", "c3", "c6"]
    assert sort_by(browser, "LV_BP volume, mL") == "descending"
    # Those that failed have no volume, and stay at the end.
    assert shown(browser)[:7] == rising[::-1]
    assert set(shown(browser)[7:]) == {LONG, "broken"}
    assert sort_by(browser, "case") == "ascending"
    assert shown(browser) == [LONG, "broken", "c1", "c2", "c3", "c4", "c5", "c6", "c10"]
    assert sort_by(browser, "verdict") == "ascending"
    assert shown(browser)[0] == "c1"
    button = browser.find_element("css selector", "#cases thead th:first-child button")
    button.send_keys("\ue007")  # enter
    assert shown(browser)[0] == LONG


def test_text_and_choice_filter_rows_and_pictures(open_page: Callable[..., Any]) -> None:
    browser = open_page()
    status = browser.find_element("id", "told")
    assert status.text == "all 9 shown"
    text = browser.find_element("id", "text")
    text.send_keys("CUT short")
    assert shown(browser) == ["broken"]
    assert status.text == "1 of 9 shown"
    text.clear()
    text.send_keys("c1")
    assert shown(browser) == ["c1", "c10"]
    cards = browser.find_elements("css selector", "#hearts li")
    assert [card.get_attribute("data-id") for card in cards if card.is_displayed()] == ["c1", "c10"]
    choice = support.Select(browser.find_element("id", "kind"))
    assert [option.text for option in choice.options] == [
        "all cases", "failed (2)", "done (7)", "certificate FAIL (1)", "with outliers (3)",
    ]  # fmt: skip
    choice.select_by_value("outlier")
    assert shown(browser) == ["c1", "c10"]
    choice.select_by_value("failed")
    assert shown(browser) == []
    text.clear()
    text.send_keys(" ")
    assert set(shown(browser)) == {LONG, "broken"}
    text.send_keys("\ue007")  # enter must not send the form away
    assert set(shown(browser)) == {LONG, "broken"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_the_screen(open_page: Callable[..., Any], width: int, scheme: str) -> None:
    browser = open_page(width=width, scheme=scheme)
    assert value(browser, "document.documentElement.scrollWidth") <= width
    # What a row is about stays in sight when the table is moved.
    browser.execute_script("document.querySelector('.wide').scrollLeft = 10000")
    left = value(browser, "document.querySelector('#cases tbody th').getBoundingClientRect().left")
    assert 0 <= left < 40
    paper = value(browser, "getComputedStyle(document.body).backgroundColor")
    panel = value(browser, "getComputedStyle(document.querySelector('.card')).backgroundColor")
    assert (luminance(paper) < 0.1) == (scheme == "dark")
    for selector in ("h1", "p.muted", "td.bad", "td .mark", "a", ".counts .mark", "thead small"):
        ink = value(browser, f"getComputedStyle(document.querySelector('{selector}')).color")
        # As WCAG 2 asks for ordinary text.
        assert contrast(ink, paper) >= 4.5, selector
        assert contrast(ink, panel) >= 4.5, selector
    label = value(browser, "getComputedStyle(document.querySelector('svg .name')).fill")
    assert contrast(label, panel) >= 4.5
    # And for the parts of a picture.
    for mark in ("circle", ".far"):
        assert contrast(value(browser, f"getComputedStyle(document.querySelector('{mark}')).fill"), panel) >= 3


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    numbers = [int(part) / 255 for part in colour[4:-1].split(",")]
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in numbers]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_labels_of_outliers_are_as_wide_as_was_reckoned(open_page: Callable[..., Any]) -> None:
    browser = open_page()
    boxes = value(browser, "[...document.querySelectorAll('svg .name')].map(text => {"
                  " const box = text.getBBox(); return [box.x, box.width, text.textContent.length]; })")  # fmt: skip
    assert boxes
    assert all(x >= 0 and x + width <= 270 for x, width, _ in boxes)


def test_without_javascript_the_whole_table_is_there(open_page: Callable[..., Any], page: Path) -> None:
    browser = open_page(script=False)
    try:
        assert set(shown(browser)) == {one["id"] for one in saved(page.parent)["cases"]}
        assert not browser.find_element("id", "controls").is_displayed()
        assert browser.find_elements("css selector", "#cases button") == []
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_a_thousand_cases_sort_and_filter(open_page: Callable[..., Any], tmp_path: Path) -> None:
    folder = large_cohort(tmp_path / "out", 1000)
    browser = open_page(page_of(folder))
    assert browser.find_element("id", "told").text == "all 1000 shown"
    assert sort_by(browser, "label07 volume, mL") == "ascending"
    seen = value(browser, "[...document.querySelectorAll('#cases tbody tr')].map(row => row.dataset.id)")
    volumes = {one["id"]: one["volumes_ml"]["label07_label"] for one in saved(folder)["cases"] if one["volumes_ml"]}
    shown_values = [round(volumes[name], 2) for name in seen[: len(volumes)]]
    assert shown_values == sorted(shown_values)
    browser.find_element("id", "text").send_keys("no such file")
    assert browser.find_element("id", "told").text == "50 of 1000 shown"
    assert complaints(browser) == []


INTRUDER = (
    '<script>window.intruder = 1</script><img src="x" onerror="window.intruder = 2"><img src="http://127.0.0.1:9/a">'
)


def test_a_page_runs_nothing_but_its_own_script_and_asks_nobody(browser: Any, page: Path, tmp_path: Path) -> None:
    """Even if a text of a file were not escaped."""
    text = page.read_text(encoding="utf-8")
    assert text.count("</main>") == 1
    changed = tmp_path / "changed.html"
    changed.write_text(text.replace("</main>", f"{INTRUDER}</main>"), encoding="utf-8")
    forget(browser)
    browser.get(changed.as_uri())
    assert browser.find_elements("css selector", "#cases tbody tr")
    assert value(browser, "window.intruder") is None
    _, answered = network(browser)
    assert not [url for url in answered if not url.startswith(("file:", "data:", "about:"))]


def test_hostile_texts_are_shown_as_text(browser: Any, tmp_path: Path) -> None:
    browser.get(page_of(write_cohort(tmp_path, [failed("bad", f"in.nrrd: {INTRUDER}")])).as_uri())
    assert value(browser, "window.intruder") is None
    assert "onerror=" in browser.find_element("tag name", "body").text
