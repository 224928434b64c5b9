"""What all tests of this repository share: how hypothesis draws, which lane a test is in, and a terminal.

Lanes are markers. Whoever asks for files, names or markers gets every case of what was asked for::

    python3 -m pytest -m "not slow"     the fast lane, for every change
    python3 -m pytest                   all tests but the heavy ones; of each slow one only every tenth case
    python3 -m pytest --sample 1        every case of every test
    python3 -m pytest -m installed      what is installed from wheels into environments of their own
    python3 -m pytest -m browser        pages in a real browser

``slow(every=3)`` leaves every third case of a parametrised test in the fast lane. Cases are counted from the first. On
a class or file it counts the cases of each test in it. ``heavy`` is for tests of many seconds whose subject a shorter
test looks at too.
"""

from __future__ import annotations

import gc
import os
import sys
from collections import Counter
from collections.abc import Generator, Iterable
from functools import cache

import pytest
from hypothesis import HealthCheck, settings

from pycemrg_core.plugins import catalogue, loading
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.plugins.loading import Found, Plugin, Policy

# Hundreds of processes start here. Each compiles what it imports, unless the first may keep what it compiled.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A busy machine is no fault: nothing is timed. In CI every run draws the same examples.
settings.register_profile(
    "pycemrg", deadline=None, derandomize="CI" in os.environ, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("pycemrg")

# Whoever asks for one of these fixtures is in that lane. Both lanes are slow.
LANES = {"browser": "browser", "built": "installed", "house": "installed"}


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """While tests are collected nothing becomes garbage, and later nobody searches for garbage among them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def _at_least_1(text: str) -> int:
    if int(text) < 1:
        raise ValueError
    return int(text)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--sample", type=_at_least_1, metavar="N", help="run every Nth case of each slow test: 10, or 1 with a choice"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Only the first process knows what was asked for; those that run the tests are told."""
    if config.option.sample is None:
        option = config.option
        again = config.getoption("lf", False) or config.getoption("failedfirst", False)
        chosen = again or config.args_source is pytest.Config.ArgsSource.ARGS or option.markexpr or option.keyword
        config.option.sample = 1 if chosen else 10


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for fixture, lane in LANES.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(lane)
                item.add_marker("slow")
        if item.get_closest_marker("heavy"):
            item.add_marker("slow")
    seen: Counter[str] = Counter()
    left_out = set()
    for item, slow in [(item, item.get_closest_marker("slow")) for item in items]:
        if slow:
            test = item.nodeid.partition("[")[0]
            fast = "every" in slow.kwargs and seen[test] % slow.kwargs["every"] == 0
            if "every" in slow.kwargs:
                _mark_alone(item, slow, fast)
            heavy = item.get_closest_marker("heavy") and config.option.sample > 1
            if heavy or (not fast and seen[test] % config.option.sample):
                left_out.add(item)
            seen[test] += 1
    if left_out:
        config.hook.pytest_deselected(items=[*left_out])
        items[:] = [item for item in items if item not in left_out]


def _mark_alone(item: pytest.Item, slow: pytest.Mark, fast: bool) -> None:
    """Take the marker from the test, class or file that has it, and give it to this case if it is slow."""
    for node in item.listchain():
        if slow in node.own_markers:
            node.own_markers.remove(slow)
    if not fast:
        item.add_marker("slow")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns, in which text wraps; without it a test reads what goes into a pipe."""
    monkeypatch.setattr("pycemrg_core.cli.session.terminal_width", lambda: 80)


@pytest.fixture
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands know the installed plugins: for modules with many commands in which none of these comes or goes."""
    installed, load, compose = _installed(), loading.load, catalogue.compose

    def load_others(found: Iterable[Found], policy: Policy, known: Iterable[Plugin] = ()) -> tuple[Plugin, ...]:
        return load(found, policy, (*installed, *known))

    def compose_once(loaded: Iterable[Plugin]) -> Catalogue:
        loaded = tuple(loaded)
        key = tuple(map(id, loaded))
        if not set(key) <= set(map(id, installed)):  # the others may go, and others have their numbers
            return compose(loaded)
        if key not in _composed:
            _composed[key] = compose(loaded)
        return _composed[key]

    monkeypatch.setattr(loading, "load", load_others)
    monkeypatch.setattr(catalogue, "compose", compose_once)
    monkeypatch.setattr(loading, "discover", lambda: tuple(plugin.found for plugin in installed))


_composed: dict[tuple[int, ...], Catalogue] = {}


@cache
def _installed() -> tuple[Plugin, ...]:
    return loading.load(loading.discover(), Policy())
