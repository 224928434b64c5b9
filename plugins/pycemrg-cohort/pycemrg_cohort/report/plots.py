"""Lay out strip plots: the place of each mark in an SVG."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from attrs import frozen

from pycemrg_cohort.report.measures import FEWEST, Measure

WIDTH, BAND = 270, 40
_MARGIN, _ROW = 10, 14
_MOST_ROWS = 4
# The width of a letter in a label (more than most letters need), and the largest number of letters shown.
_LETTER, _LONGEST = 7.4, 26
# The number of points that a browser still scrolls smoothly.
MOST_POINTS = 20_000


@frozen
class Point:
    """A case at its place; ``name`` is its label (empty if there is no room), with its middle and baseline."""

    id: str
    value: float
    x: float
    y: float
    name: str = ""
    name_x: float = 0.0
    name_y: float = 0.0


@frozen
class Plot:
    """A strip plot in a view box of :data:`WIDTH` by ``height``; the points are in a band from ``top`` on.

    ``box`` holds the lowest value that is not an outlier, the first quartile, the median, the third quartile, and
    the highest such value; ``box_x`` holds their places. Both are empty for fewer than five cases. ``ends`` are the
    lowest and highest value with their places. ``unnamed`` is the number of outliers without a label.
    """

    measure: Measure
    height: int
    top: int
    box: tuple[float, ...]
    box_x: tuple[float, ...]
    points: tuple[Point, ...]
    outliers: tuple[Point, ...]
    ends: tuple[tuple[float, float], ...]

    @property
    def unnamed(self) -> int:
        return sum(not point.name for point in self.outliers)


def plots(measures: Sequence[Measure]) -> tuple[tuple[Plot, ...], bool]:
    """A plot of each measure, and whether they contain all points; if there are too many, only outliers are drawn."""
    every = sum(len(measure.values) for measure in measures) <= MOST_POINTS
    return tuple(plot(measure, every) for measure in measures), every


def plot(measure: Measure, every: bool = True) -> Plot:
    """Lay out one measure; without ``every``, only outliers become points."""
    values = np.array([*measure.values.values()])
    low, high = float(values.min()), float(values.max())
    if high > low:
        places = _MARGIN + (values - low) * (WIDTH - 2 * _MARGIN) / (high - low)
    else:
        places = np.full(len(values), WIDTH / 2)
    x = dict(zip(measure.values, places.tolist(), strict=True))
    furthest = sorted(measure.outliers, key=lambda name: -abs(measure.outliers[name]))
    labels, rows = _labels((name, x[name]) for name in furthest)
    top = rows * _ROW + 2
    # Multiples of the golden ratio spread any number of points over the band, always in the same way.
    y = {name: top + 6 + (BAND - 12) * ((0.5 + 0.618034 * n) % 1) for n, name in enumerate(measure.values)}
    plain = [Point(name, value, x[name], y[name]) for name, value in measure.values.items() if every]
    box: tuple[float, ...] = ()
    box_x: tuple[float, ...] = ()
    if len(values) >= FEWEST:
        usual = [value for name, value in measure.values.items() if name not in measure.outliers]
        box = (min(usual), *np.percentile(values, (25, 50, 75)).tolist(), max(usual))
        box_x = tuple(np.interp(box, (low, high), (places.min(), places.max())).tolist())
    ends = ((low, float(places.min())), (high, float(places.max())))
    return Plot(
        measure=measure,
        height=top + BAND + 18,
        top=top,
        box=box,
        box_x=box_x,
        points=tuple(point for point in plain if point.id not in measure.outliers),
        outliers=tuple(
            Point(name, measure.values[name], x[name], y[name], *labels.get(name, ())) for name in measure.outliers
        ),
        ends=ends if high > low else ends[:1],
    )


def _labels(wanted: Iterable[tuple[str, float]]) -> tuple[dict[str, tuple[str, float, float]], int]:
    """Text, middle and baseline of the labels that fit above the band without touching, and their number of rows."""
    taken: list[list[tuple[float, float]]] = []
    placed: dict[str, tuple[str, float, int]] = {}
    for name, x in wanted:
        text = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
        half = len(text) * _LETTER / 2
        middle = min(max(x, half), WIDTH - half)
        span = (middle - half - 4, middle + half + 4)
        free = (n for n, row in enumerate(taken) if all(span[1] < a or b < span[0] for a, b in row))
        row = next(free, len(taken))
        if row == _MOST_ROWS:
            continue
        if row == len(taken):
            taken.append([])
        taken[row].append(span)
        placed[name] = text, middle, row
    rows = len(taken)
    return {name: (text, x, (rows - row) * _ROW - 3) for name, (text, x, row) in placed.items()}, rows
