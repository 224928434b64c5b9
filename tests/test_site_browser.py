"""The documents as a site, in a real browser: on a telephone and a desk, in the light and in the dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ("built_site", "chromium")

NAMES = ("index", "start", "notebook", "troubleshooting", "certificate", "migrating", "api-plugins", "closed-heart")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_fit_and_follow_the_scheme(browser: Any, site: Path, width: int, scheme: str) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get((site / "index.html").as_uri())
    browser.execute_script("localStorage.clear()")  # the site remembers the scheme of the last reader
    for name in NAMES:
        browser.get((site / f"{name}.html").as_uri())
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width, name
        broken = "return [...document.images].filter(one => one.complete && !one.naturalWidth).map(one => one.src)"
        assert browser.execute_script(broken) == [], name
        paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        brightness = sum(int(part) for part in paper.partition("(")[2].rstrip(")").split(",")[:3]) / 3
        assert (brightness > 200) == (scheme == "light"), name
