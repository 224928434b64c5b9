"""What comes out: rows of values, and their mean."""

from __future__ import annotations

import math
from collections.abc import Mapping

from attrs import field, frozen


@frozen
class Column:
    """A metric as it was asked for, its unit (empty for a ratio), and the parameters it ran with."""

    name: str
    unit: str = ""
    parameters: Mapping[str, float] = field(factory=dict)


@frozen
class Row:
    """A structure and its values by metric. ``labels`` are its integers, none for a whole image.

    A value that is not defined is NaN, an unbounded one infinite.
    """

    name: str
    labels: tuple[int, ...]
    values: Mapping[str, float]


@frozen
class Mean:
    """The mean over the rows where a metric is defined: ``over`` of ``of``. NaN when it is so nowhere."""

    value: float
    over: int
    of: int


@frozen
class Table:
    """Values of ``columns`` for each row; ``groups`` are rows of several labels as one, kept out of means."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    groups: tuple[Row, ...] = ()

    @property
    def means(self) -> dict[str, Mean]:
        """The mean over ``rows`` by metric. A value that is not defined is left out, and counted."""
        means = {}
        for column in self.columns:
            values = [row.values[column.name] for row in self.rows]
            defined = [value for value in values if not math.isnan(value)]
            # Infinities of both signs have no mean.
            mean = sum(defined) / len(defined) if defined else math.nan
            means[column.name] = Mean(mean, len(defined), len(values))
        return means
