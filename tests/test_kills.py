"""Commands that are killed at random moments: a small sample of what ``python tests/kills.py`` does."""

from __future__ import annotations

import os

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")]

kills = pytest.importorskip("kills", reason="no fork")


@pytest.mark.parametrize("number", kills.SIGNALS)
@pytest.mark.parametrize("command", kills.SCENES)
def test_killed_at_random_moments(command: str, number: str) -> None:
    """Inputs are untouched, results whole or as before, and the next command ends as if nothing had happened."""
    if command in ("report", "augment", "cohort"):
        pytest.importorskip(f"pycemrg_{command}", reason=f"pycemrg-{command} is not installed")
    counts = kills.survey(command, (number,), moments=3, seed=7)
    assert sum(counts.values()) == 3
