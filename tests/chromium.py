"""A real browser for pages: Chromium without a window, driven by Selenium. Tests skip where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from browser_logs import forget

_OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--disable-gpu-compositing",
)  # fmt: skip
# Chromium's own first page would ask for hundreds of its files.
_PREFERENCES = {"session.restore_on_startup": 4, "session.startup_urls": ["about:blank"]}


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser with a profile of its own, which logs what its console says and what it requests."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if not (program and driver):
        pytest.skip("Chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for option in (*_OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(option)
    options.add_experimental_option("prefs", _PREFERENCES)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield found
    found.quit()


@pytest.fixture(scope="module")
def browser(chromium: Any) -> Iterator[Any]:
    """The browser with a new tab, in which nothing is emulated and nothing is logged yet."""
    first = chromium.current_window_handle
    chromium.switch_to.new_window("tab")
    forget(chromium)
    yield chromium
    chromium.close()
    chromium.switch_to.window(first)
