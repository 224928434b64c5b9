"""The measured values of all cases, and their outliers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycemrg_cohort.report.saved import SavedCase

FEWEST = 5
FAR = 3.5
# The ratio of standard deviation to mean absolute deviation for normally distributed values.
_MEAN_TO_SD = math.sqrt(math.pi / 2)


@frozen
class Measure:
    """One measured number for every case that has it, in the order of the cases.

    ``label`` is the name of a label, ``what`` and ``unit`` are ``volume`` and ``mL`` or ``thickness`` and ``mm``.
    ``outliers`` are the :func:`scores` of the cases beyond :data:`FAR`, by id. Values are rounded as they are
    shown, to two decimals, because wall thicknesses on one grid can differ only in the last digits.
    """

    label: str
    what: str
    unit: str
    values: Mapping[str, float]
    median: float
    outliers: Mapping[str, float] = field(factory=dict)


def measures(cases: Sequence[SavedCase]) -> tuple[Measure, ...]:
    """All volumes, then all thicknesses, of finished cases."""
    done = [case for case in cases if not case.failed]
    volumes = _measures({case.id: case.volumes_ml for case in done}, "volume", "mL")
    return *volumes, *_measures({case.id: case.thickness_mm for case in done}, "thickness", "mm")


def _measures(found: Mapping[str, Mapping[str, float]], what: str, unit: str) -> Iterator[Measure]:
    for label in dict.fromkeys(label for values in found.values() for label in values):
        values = {name: one[label] for name, one in found.items() if label in one}
        scored = zip(values, scores([round(value, 2) for value in values.values()]).tolist(), strict=True)
        outliers = {name: score for name, score in scored if abs(score) > FAR}
        yield Measure(label, what, unit, values, float(np.median([*values.values()])), outliers)


def scores(values: Sequence[float]) -> NDArray[np.float64]:
    """The signed distance of each value from the median, in scaled median absolute deviations (MAD).

    The modified z-score 0.6745 (x - median) / MAD of Iglewicz and Hoaglin, "How to Detect and Handle Outliers",
    1993. If the MAD is 0, because at least half of the values are the same, the mean absolute deviation times
    sqrt(pi / 2) is used instead. All scores are 0 for fewer than :data:`FEWEST` values.
    """
    array = np.asarray(values, np.float64)
    if len(array) < FEWEST:
        return np.zeros(len(array))
    away = array - np.median(array)
    mad, mean = float(np.median(np.abs(away))), float(np.mean(np.abs(away)))
    if mad:
        return 0.6745 * away / mad
    return away / (_MEAN_TO_SD * mean) if mean else away
