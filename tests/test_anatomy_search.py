"""The search for structures: what it costs, and how it scores an exchange."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from test_anatomy import HEART, SCHEMES

from schematics_builtin.labels.anatomy import suggest
from schematics_builtin.labels.measuring import Facts, measure


@pytest.mark.slow
def test_a_search_costs_the_same_however_many_labels_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    judge_module = sys.modules["schematics_builtin.labels.anatomy.judge"]
    made: list[Any] = []

    class Counting(judge_module.Scorer):  # type: ignore[misc,name-defined]
        def __init__(self, facts: Facts, structures: Sequence[str]) -> None:
            super().__init__(facts, structures)
            made.append(self)

    monkeypatch.setattr(judge_module, "Scorer", Counting)
    monkeypatch.setattr(judge_module, "MOST", 10)
    for more in (10, 300):
        crowded = np.pad(HEART.astype(np.int32), (0, 30))
        places = np.argwhere(np.ones((10, 10, 10)))[:more] * 3 + HEART.shape
        for value, (z, y, x) in enumerate(places, 1000):
            crowded[z : z + 2, y : y + 2, x : x + 2] = value
        suggest(measure(crowded, (2.0, 2.0, 2.0)), SCHEMES["cemrg"])
    few, _, many, _ = made  # the second and fourth judge what was found
    assert len(few.values["whole"]) == len(many.values["whole"]) == 11  # ten labels, and an absent one
    assert few.tried == many.tried < judge_module.TRIED


def test_exchanges_are_scored_like_readings() -> None:
    judge_module = sys.modules["schematics_builtin.labels.anatomy.judge"]
    names = [*SCHEMES["cemrg"], "none"]
    scorer = judge_module.Scorer(measure(HEART, (2.0, 2.0, 2.0)), names)
    exchanges = judge_module._exchanges(names)
    rng = np.random.default_rng(0)
    choices = np.array([rng.permutation(len(names)) for _ in range(5)])
    every = choices[:, exchanges]
    expected = scorer.score(every.reshape(-1, len(names))).reshape(every.shape[:2])
    assert np.allclose(scorer.exchanged(choices, exchanges), expected, atol=1e-8)
