"""The page in a real browser: Chromium without a window, driven by Selenium."""

from __future__ import annotations

import base64
import io
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from browser_logs import complaints, forget, network
from command_line import pycemrg, small_heart, voxels
from PIL import Image
from report_runs import make_run, one, page_of, read, record, words

webdriver = pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")
wheel_input = pytest.importorskip("selenium.webdriver.common.actions.wheel_input", reason="Selenium is not installed")

pytest_plugins = ("chromium",)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page_of(make_run(tmp_path_factory.mktemp("run")))


@pytest.fixture
def open_page(browser: Any, page: Path) -> Callable[..., Any]:
    """Open the page afresh; returns the browser once the view in 3-D is there."""

    def opened(width: int = 1280, height: int = 900, scheme: str = "light", script: bool = True) -> Any:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": width < 500})
        # What moves slowly may not be there yet when it is clicked.
        features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        media = {"features": [{"name": name, "value": value} for name, value in features.items()]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not script})
        forget(browser)
        browser.get(page.as_uri())
        if script:
            until(lambda: value(browser, "document.getElementById('view').dataset.ready") == "yes")
            browser.execute_script(
                "document.getElementById('view').scrollIntoView({block: 'center', behavior: 'instant'})"
            )
        return browser

    return opened


def show_view(browser: Any) -> None:
    browser.execute_script("document.getElementById('view').scrollIntoView({block: 'center', behavior: 'instant'})")


def until(there: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that a slow machine may take a while for; fails when it does not come."""
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def value(browser: Any, expression: str) -> Any:
    return browser.execute_script(f"return {expression}")


def view(browser: Any) -> np.ndarray[Any, Any]:
    """The pixels (rows, columns, 3) of the view in 3-D, without its rounded corners."""
    # Two frames later what was asked for is on the screen.
    browser.execute_async_script("const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done))")
    png = browser.find_element("id", "view").screenshot_as_png
    return np.array(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)[10:-10, 10:-10]


def differing(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    """The share of pixels that differ by more than a rounding."""
    return float((np.abs(one - other).max(axis=2) > 8).mean())


def switch(browser: Any, label: int) -> Any:
    return browser.find_element("css selector", f"#labels input[data-label='{label}']")


def click(browser: Any, selector: str) -> None:
    browser.execute_script("arguments[0].click()", browser.find_element("css selector", selector))


def test_it_opens_without_errors_and_without_the_network(open_page: Callable[..., Any]) -> None:
    browser = open_page()
    assert complaints(browser) == []
    asked, _ = network(browser)
    assert any(url.endswith("/report.html") for url in asked)
    assert [url for url in asked if not url.startswith(("file:", "data:", "about:", "blob:"))] == []
    assert [url for url in asked if url.startswith("file:") and not url.endswith("/report.html")] == []


def test_the_heart_is_shown_and_labels_are_switched(open_page: Callable[..., Any], page: Path) -> None:
    browser = open_page()
    whole = view(browser)
    empty = whole[0, 0]
    assert 0.1 < (np.abs(whole - empty).max(axis=2) > 8).mean() < 0.9
    right_ventricle = record(page.parent)["labels"]["RV_myo_label"]
    switch(browser, right_ventricle).click()
    without = view(browser)
    assert differing(whole, without) > 0.05
    switch(browser, right_ventricle).click()
    assert differing(whole, view(browser)) == 0
    click(browser, "[data-all=off]")
    assert not any(
        value(browser, "[...document.querySelectorAll('#labels input[data-label]')].map(box => box.checked)")
    )
    assert (view(browser) == empty).all()
    # One label alone has its own colour: most of what is seen is nearer to it than to the background's grey.
    switch(browser, right_ventricle).click()
    alone = view(browser)
    seen = alone[np.abs(alone - empty).max(axis=2) > 8]
    chip = value(browser, f"getComputedStyle(document.querySelector('#labels input[data-label=\"{right_ventricle}\"]')"
                 ".parentElement.querySelector('.chip')).backgroundColor")  # fmt: skip
    colour = np.array([int(part) for part in chip[4:-1].split(",")])
    shade, hue = seen.mean(axis=0) / seen.mean(), colour / colour.mean()
    np.testing.assert_allclose(shade, hue, atol=0.12)
    click(browser, "[data-all=on]")
    assert differing(whole, view(browser)) == 0


def test_walls_take_the_colours_of_their_thickness(open_page: Callable[..., Any]) -> None:
    browser = open_page()
    own = view(browser)
    bars = browser.find_elements("css selector", "#labels .scale")
    assert not any(bar.is_displayed() for bar in bars)
    click(browser, "#shading")
    # Each wall's bar has its numbers in mm: low, middle, high.
    for bar in bars:
        low, half, high = (float(number) for number in bar.text.removesuffix(" mm").split())
        assert low < high
        assert half == pytest.approx((low + high) / 2, abs=0.1)
    shaded = view(browser)
    assert differing(own, shaded) > 0.1
    # The same outline in other colours: what is background stays background.
    assert differing(np.where(own == own[0, 0], 0, 1) * 255, np.where(shaded == own[0, 0], 0, 1) * 255) < 0.01
    click(browser, "#shading")
    assert differing(own, view(browser)) == 0


def test_labels_are_switched_by_the_keyboard(open_page: Callable[..., Any], page: Path) -> None:
    browser = open_page()
    whole = view(browser)
    box = switch(browser, record(page.parent)["labels"]["RV_myo_label"])
    box.send_keys(" ")
    assert not box.is_selected()
    assert differing(whole, view(browser)) > 0.05


def test_the_heart_is_turned_by_mouse_buttons_and_keys(open_page: Callable[..., Any]) -> None:
    browser = open_page()
    front = view(browser)
    frame = browser.find_element("id", "view")
    actions = webdriver.ActionChains(browser)
    actions.move_to_element(frame).click_and_hold().move_by_offset(120, 30).release().perform()
    assert differing(front, view(browser)) > 0.05
    click(browser, "[data-side=front]")
    assert differing(front, view(browser)) < 0.005
    click(browser, "[data-side=back]")
    back = view(browser)
    assert differing(front, back) > 0.05
    # The same outline, the other way round.
    outline = np.abs(front - front[0, 0]).max(axis=2) > 8, np.abs(back - back[0, 0]).max(axis=2) > 8
    assert abs(outline[0].mean() - outline[1].mean()) < 0.05
    browser.switch_to.frame(frame)
    browser.find_element("css selector", "canvas").send_keys("\ue014")  # arrow right
    browser.switch_to.default_content()
    assert differing(back, view(browser)) > 0.02


def test_the_wheel_scrolls_the_page_until_the_view_is_clicked(open_page: Callable[..., Any]) -> None:
    browser = open_page()
    before, place = view(browser), value(browser, "scrollY")
    frame = browser.find_element("id", "view")
    origin = wheel_input.ScrollOrigin.from_element(frame)
    webdriver.ActionChains(browser).scroll_from_origin(origin, 0, 200).perform()
    until(lambda: value(browser, "scrollY") > place)
    show_view(browser)
    assert differing(before, view(browser)) == 0
    place = value(browser, "scrollY")
    webdriver.ActionChains(browser).move_to_element(frame).click().perform()
    webdriver.ActionChains(browser).scroll_from_origin(origin, 0, -200).perform()
    until(lambda: differing(before, view(browser)) > 0.02)
    assert value(browser, "scrollY") == place


def touch(browser: Any, kind: str, *points: tuple[float, float]) -> None:
    places = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
    browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})


def test_fingers_turn_and_enlarge_the_heart(open_page: Callable[..., Any]) -> None:
    browser = open_page(390, 844)
    front = view(browser)
    place = value(browser, "document.getElementById('view').getBoundingClientRect().toJSON()")
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    scrolled = value(browser, "scrollY")
    touch(browser, "touchStart", (x, y))
    for step in range(1, 6):
        touch(browser, "touchMove", (x + 15 * step, y))
    touch(browser, "touchEnd")
    turned = view(browser)
    assert differing(front, turned) > 0.03
    click(browser, "[data-side=front]")
    touch(browser, "touchStart", (x - 30, y), (x + 30, y))
    for step in range(1, 6):
        touch(browser, "touchMove", (x - 30 - 8 * step, y), (x + 30 + 8 * step, y))
    touch(browser, "touchEnd")
    large = view(browser)
    heart = [(np.abs(shown - shown[0, 0]).max(axis=2) > 8).mean() for shown in (front, large)]
    assert heart[1] > 1.2 * heart[0]
    assert value(browser, "scrollY") == scrolled


def heart_place(browser: Any) -> list[int]:
    """The voxel (x, y, z) that all views show, after the page has drawn it."""
    browser.execute_async_script("const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done))")
    return [int(i) for i in value(browser, "document.getElementById('heart').dataset.at").split()]


def slice_of(browser: Any, plane: str, stage: str = "after") -> Any:
    until(lambda: value(browser, "document.getElementById('slices').dataset.ready") == "yes")
    return browser.find_element("css selector", f"[data-plane={plane}] [data-stage={stage}] .slice")


def drawn(browser: Any, shown: Any) -> np.ndarray[Any, Any]:
    """The pixels (rows, columns, 4) of the canvas of a slice."""
    url = browser.execute_script("return arguments[0].querySelector('canvas').toDataURL()", shown)
    return np.array(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGBA"))


def expected_slice(page: Path, plane: str, at: list[int], array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A slice of the phantom through a place in the stack, in the colours of the legend."""
    text = read(page)
    start = json.loads(str(one(text, "#heart")["data-about"]))["file"]["corner"][::-1]
    size = json.loads(str(one(text, "#heart")["data-about"]))["size"][::-1]
    box = array[tuple(slice(low, low + count) for low, count in zip(start, size, strict=True))]
    x, y, z = at
    labels = {"axial": box[z], "coronal": box[::-1, y], "sagittal": box[::-1, :, x]}[plane]
    colours = np.zeros((256, 4), np.uint8)
    for entry in text.select(".legend li"):
        colours[int(words(entry).split()[0])] = (*bytes.fromhex(str(one(entry, ".chip")["style"])[-6:]), 255)
    return colours[labels]


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_slices_scroll_by_slider_wheel_and_keys(open_page: Callable[..., Any], page: Path, plane: str) -> None:
    browser, axis = open_page(), {"axial": 2, "coronal": 1, "sagittal": 0}[plane]
    shown = slice_of(browser, plane)
    hearts = {"after": voxels(page.parent / "heart.nrrd"), "before": voxels(page.parent.parent / "small.nrrd")}
    slider = browser.find_element("css selector", f"[data-plane={plane}] input")
    slider.send_keys("\ue012")  # arrow left: the slice before
    start = heart_place(browser)
    shown.click()
    at = heart_place(browser)
    assert at[axis] == start[axis]
    for key, step in (("\ue00e", 1), ("\ue00f", -1)):  # Page Up, Page Down
        shown.send_keys(key)
        assert heart_place(browser)[axis] == at[axis] + (step if step > 0 else 0)
    scrolled = value(browser, "scrollY")
    origin = wheel_input.ScrollOrigin.from_element(shown)
    webdriver.ActionChains(browser).scroll_from_origin(origin, 0, -120).perform()
    until(lambda: heart_place(browser)[axis] > at[axis])
    assert value(browser, "scrollY") == scrolled
    at = heart_place(browser)
    for stage, array in hearts.items():
        np.testing.assert_array_equal(
            drawn(browser, slice_of(browser, plane, stage)), expected_slice(page, plane, at, array)
        )
    assert value(browser, f"document.querySelector('[data-plane={plane}] input').valueAsNumber") == at[axis]


def test_a_click_in_one_slice_moves_the_cross_in_all(open_page: Callable[..., Any], page: Path) -> None:
    browser = open_page()
    shown = slice_of(browser, "axial")
    box = shown.rect
    webdriver.ActionChains(browser).move_to_element_with_offset(
        shown, round(-0.2 * box["width"]), round(0.1 * box["height"])
    ).click().perform()
    size = json.loads(str(one(read(page), "#heart")["data-about"]))["size"]
    x, y, z = heart_place(browser)
    assert x == pytest.approx(0.3 * size[0], abs=2)
    assert y == pytest.approx(0.6 * size[1], abs=2)
    for plane in ("axial", "coronal", "sagittal"):
        np.testing.assert_array_equal(
            drawn(browser, slice_of(browser, plane)),
            expected_slice(page, plane, [x, y, z], voxels(page.parent / "heart.nrrd")),
        )
    # The voxel that it names is one of the file, with the label that is there.
    said = browser.find_element("id", "cross").text
    voxel = [int(i) for i in re.search(r"voxel \((.*?)\)", said)[1].split(",")]  # type: ignore[index]
    names = {0: "background", **{label: name for name, label in record(page.parent)["labels"].items()}}
    after = names[int(voxels(page.parent / "heart.nrrd")[tuple(voxel[::-1])])].removesuffix("_label")
    assert after in said.partition(", voxel")[0]


def test_the_link_of_a_finding_shows_its_place_everywhere(open_page: Callable[..., Any], page: Path) -> None:
    browser = open_page()
    front = view(browser)
    link = browser.find_element("css selector", ".finding [data-at]")
    place = [int(i) for i in link.get_attribute("data-at").split()]
    browser.execute_script("arguments[0].closest('details').open = true", link)
    browser.execute_script("document.documentElement.style.scrollBehavior = 'auto'")
    link.click()
    assert heart_place(browser) == place
    rings = browser.find_elements("css selector", ".shot:not([data-stage=difference]) .ring")
    assert [ring.is_displayed() for ring in rings] == [True] * 6
    assert value(browser, "document.getElementById('view').dataset.at") == " ".join(map(str, place))
    top = value(browser, "document.getElementById('view').getBoundingClientRect().top")
    assert -50 < top < 300
    turned = view(browser)
    assert differing(front, turned) > 0.05
    # The marker is in front of everything, in its own colour, near the middle of what the camera looks at.
    marks = np.argwhere(np.abs(turned - (214, 0, 110)).max(axis=2) < 8)
    assert len(marks) > 20
    middle = (np.array(turned.shape[:2]) - 1) / 2
    assert np.abs(marks.mean(axis=0) - middle).max() < 40


def test_a_click_on_the_heart_in_3d_moves_the_cross(open_page: Callable[..., Any], page: Path) -> None:
    browser = open_page()
    webdriver.ActionChains(browser).move_to_element(browser.find_element("id", "view")).click().perform()
    until(lambda: value(browser, "document.getElementById('heart').dataset.at") is not None)
    x, y, z = heart_place(browser)
    # Seen from the front, along y, it is the first voxel that is not background; the surface is smoothed.
    heart = voxels(page.parent / "heart.nrrd")
    start = json.loads(str(one(read(page), "#heart")["data-about"]))["file"]["corner"]
    column = heart[z + start[2], :, x + start[0]]
    assert abs(int(np.flatnonzero(column)[0]) - (y + start[1])) <= 1


def test_no_lumen_is_seen_through_a_wall_of_one_voxel(browser: Any, tmp_path: Path) -> None:
    """The right ventricle from the front: where a ray meets its wall first, the picture has the colour of the wall."""
    run = make_run(tmp_path, "--set", "RV_WT=1.6")
    shown = page_of(run)
    labels = record(run)["labels"]
    wall, lumen = labels["RV_myo_label"], labels["RV_BP_label"]
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    browser.get(shown.as_uri())
    until(lambda: value(browser, "document.getElementById('view').dataset.ready") == "yes")
    show_view(browser)
    click(browser, "[data-all=off]")
    seen = {}
    for label in (wall, lumen):
        click(browser, f"#labels input[data-label='{label}']")
        seen[label] = view(browser)
    colours = {}
    for label in (wall, lumen):
        chip = browser.execute_script(
            "return getComputedStyle(arguments[0].parentElement.querySelector('.chip')).backgroundColor",
            switch(browser, label),
        )
        colours[label] = np.array(rgb(chip), float)
    both = seen[lumen].astype(float)
    there = np.abs(both - both[0, 0]).max(axis=2) > 8
    hues = {label: colour / np.linalg.norm(colour) for label, colour in colours.items()}
    hue = both / np.linalg.norm(both, axis=2, keepdims=True)
    is_lumen = there & (np.linalg.norm(hue - hues[lumen], axis=2) < np.linalg.norm(hue - hues[wall], axis=2))
    # By rays through the voxels: the phantom's front is at its first rows.
    heart = voxels(run / "heart.nrrd")
    first = np.where(np.isin(heart, (wall, lumen)), heart, 0)
    front = np.take_along_axis(first, (first != 0).argmax(axis=1)[:, None], axis=1)
    truth = (front == lumen).sum() / (front != 0).sum()
    assert is_lumen.sum() / there.sum() == pytest.approx(truth, abs=0.02)


def test_a_heart_far_from_the_origin_is_as_bright(open_page: Callable[..., Any], tmp_path: Path) -> None:
    """Scanners place the origin anywhere; the same heart moved by half a metre looks the same from all sides."""
    small_heart(tmp_path)
    image = sitk.ReadImage(str(tmp_path / "small.nrrd"))
    image.SetOrigin([mm + 500 for mm in image.GetOrigin()])
    sitk.WriteImage(image, str(tmp_path / "far.nrrd"))
    pycemrg("run", "four_chamber_full", tmp_path / "far.nrrd", "-o", tmp_path / "far")
    far = page_of(tmp_path / "far")
    browser = open_page()
    sides = ("left", "above", "back")
    shown = {}
    for side in sides:
        click(browser, f"[data-side={side}]")
        shown[side] = view(browser)
    browser.get(far.as_uri())
    until(lambda: value(browser, "document.getElementById('view').dataset.ready") == "yes")
    show_view(browser)
    for side in sides:
        click(browser, f"[data-side={side}]")
        assert differing(shown[side], view(browser)) < 0.01


def test_the_methods_are_copied(open_page: Callable[..., Any], page: Path) -> None:
    browser = open_page()
    browser.execute_script(
        "navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }"
    )
    click(browser, "#methods [data-copy]")
    until(lambda: browser.find_element("css selector", "#methods [data-copy]").text == "copied")
    copied = " ".join(value(browser, "window.copied").split())
    assert copied.startswith("The label map of the heart was made with pycemrg-core")
    for paragraph in read(page).select("#paragraph > p"):
        assert words(paragraph) in copied


def test_print_unfolds_and_shows_pictures(open_page: Callable[..., Any]) -> None:
    browser = open_page()
    folds = "[...document.querySelectorAll('details')].map(one => one.open)"
    before = value(browser, folds)
    assert before == [True] + [False] * (len(before) - 1)  # the most important error, and no more
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    try:
        assert value(browser, folds) == [True] * len(before)
        assert slice_of(browser, "axial").is_displayed()
        assert not browser.find_element("id", "view").is_displayed()
        browser.execute_script("dispatchEvent(new Event('afterprint'))")
        assert value(browser, folds) == before
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_fingers_scroll_slices_and_move_the_cross(open_page: Callable[..., Any]) -> None:
    browser = open_page(390, 844)
    shown = slice_of(browser, "axial")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", shown)
    box = browser.execute_script("return arguments[0].getBoundingClientRect().toJSON()", shown)
    assert box["width"] > 120
    touch(browser, "touchStart", (box["x"] + 0.25 * box["width"], box["y"] + box["height"] / 2))
    touch(browser, "touchEnd")
    until(lambda: value(browser, "document.getElementById('heart').dataset.at") is not None)
    at = heart_place(browser)
    slider = browser.find_element("css selector", "[data-plane=axial] input")
    place = browser.execute_script("return arguments[0].getBoundingClientRect().toJSON()", slider)
    touch(browser, "touchStart", (place["x"] + 0.2 * place["width"], place["y"] + place["height"] / 2))
    touch(browser, "touchEnd")
    until(lambda: heart_place(browser)[2] < at[2])
    assert heart_place(browser)[:2] == at[:2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_the_screen(open_page: Callable[..., Any], width: int, scheme: str) -> None:
    browser = open_page(width, scheme=scheme)
    for details in browser.find_elements("css selector", "details"):
        browser.execute_script("arguments[0].open = true", details)
    assert value(browser, "document.documentElement.scrollWidth") <= width
    # Text against paper, as WCAG 2 asks for ordinary text; the view has the paper's kind of background.
    ink, paper, panel, muted = (
        value(browser, f"getComputedStyle(document.querySelector('{where}')).{what}")
        for where, what in (
            ("body", "color"),
            ("body", "backgroundColor"),
            ("#view", "backgroundColor"),
            ("p.muted", "color"),
        )
    )
    assert contrast(ink, paper) > 7
    assert contrast(muted, paper) > 4.5
    assert contrast(muted, panel) > 4.5
    assert (luminance(paper) < 0.1) == (scheme == "dark")
    np.testing.assert_allclose(view(browser)[0, 0], rgb(panel), atol=2)


def rgb(colour: str) -> list[int]:
    return [int(part) for part in colour[4:-1].split(",")]


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb(colour)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_without_javascript_all_but_the_view_is_there(open_page: Callable[..., Any]) -> None:
    browser = open_page(script=False)
    try:
        text = browser.find_element("tag name", "body").text
        assert "The view in 3-D needs JavaScript; everything else on this page works without it." in text
        for part in ("Heart", "Findings", "Steps", "Wall thickness", "Volumes", "What ran", "mitral_valve"):
            assert part in text
        assert not browser.find_element("id", "stage").is_displayed()
        assert not [one for one in browser.find_elements("css selector", ".scripted") if one.is_displayed()]
        pictures = browser.find_elements("css selector", ".slice img")
        assert [one.is_displayed() for one in pictures] == [True] * 9
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


INTRUDER = """
<script>window.intruder = 1</script>
<img src="x" onerror="window.intruder = 2"><img src="http://127.0.0.1:9/seen.png">
<iframe srcdoc="<script>parent.intruder = 3</script>"></iframe>
<base href="http://127.0.0.1:9/">
"""


def test_a_page_runs_nothing_but_its_own_scripts_and_asks_nobody(browser: Any, page: Path, tmp_path: Path) -> None:
    """Even if a text of a file were not escaped; and every text is (see the tests of the page)."""
    text = page.read_text(encoding="utf-8")
    assert text.count("</main>") == 1
    changed = tmp_path / "changed.html"
    changed.write_text(text.replace("</main>", f"{INTRUDER}</main>"), encoding="utf-8")
    forget(browser)
    browser.get(changed.as_uri())
    until(lambda: value(browser, "document.getElementById('view').dataset.ready") == "yes")
    assert value(browser, "window.intruder") is None
    refused = " ".join(entry["message"] for entry in browser.get_log("browser"))
    assert "Content Security Policy" in refused
    _, answered = network(browser)
    assert not [url for url in answered if not url.startswith(("file:", "data:", "blob:", "about:"))]


def test_hostile_texts_are_shown_as_text(browser: Any, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    data = record(run)
    data["recipe"], data["warnings"] = "a<script>window.intruder=1</script>", [INTRUDER]
    data["input"]["name"] = "<img src=x onerror=window.intruder=4>"
    data["plugins"][0]["version"] = '"><script>window.intruder=5</script>'
    data["steps"][0]["name"] = "</td><script>window.intruder=6</script>"
    (run / "run.json").write_text(json.dumps(data), encoding="utf-8")
    browser.get(page_of(run).as_uri())
    until(lambda: value(browser, "document.getElementById('view').dataset.ready") == "yes")
    assert value(browser, "window.intruder") is None
    assert "a<script>window.intruder=1</script>" in browser.find_element("tag name", "h1").text
    assert "<img src=x onerror=window.intruder=4>" in browser.find_element("tag name", "h1").text
