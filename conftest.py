"""What all tests of this repository share: how hypothesis draws, which lane a test is in, and a terminal.

Lanes are markers, and every test of the slow lane is in the ordinary suite too::

    python3 -m pytest -m "not slow"     the fast lane, for every change
    python3 -m pytest                   the ordinary suite
    python3 -m pytest -m installed      what is installed from wheels into environments of their own
    python3 -m pytest -m browser        pages in a real browser
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no fault: nothing is timed. In CI every run draws the same examples.
settings.register_profile(
    "pycemrg", deadline=None, derandomize="CI" in os.environ, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("pycemrg")

# Whoever asks for one of these fixtures is in that lane. Both lanes are slow.
LANES = {"browser": "browser", "built": "installed", "house": "installed"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture, lane in LANES.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(lane)
                item.add_marker("slow")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns, in which text wraps; without it a test reads what goes into a pipe."""
    monkeypatch.setattr("pycemrg_core.cli.session.terminal_width", lambda: 80)
