"""The result of a comparison or measurement: rows of values, and their means."""

from __future__ import annotations

import math
from collections.abc import Mapping

from attrs import field, frozen

from pycemrg_core.api import counted, html_table


@frozen
class Column:
    """A metric by the name asked for, its unit (empty for a ratio), and its parameters."""

    name: str
    unit: str = ""
    parameters: Mapping[str, float] = field(factory=dict)


@frozen
class Row:
    """A structure and its values by metric. ``labels`` are its integers, empty for a whole image.

    NaN means that a value is not defined.
    """

    name: str
    labels: tuple[int, ...]
    values: Mapping[str, float]


@frozen
class Mean:
    """The mean of a metric over the rows where it is defined: ``over`` rows of ``of``. NaN if there is none."""

    value: float
    over: int
    of: int


@frozen
class Table:
    """Values of ``columns`` for each row; ``groups`` are rows for several labels as one, not part of the means."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    groups: tuple[Row, ...] = ()

    def __repr__(self) -> str:
        return f"<Table: {counted(len(self.rows), 'row')} of {', '.join(column.name for column in self.columns)}>"

    def _repr_html_(self) -> str:
        columns = [f"{column.name} ({column.unit})" if column.unit else column.name for column in self.columns]
        rows = [(row.name, *(row.values[column.name] for column in self.columns)) for row in (*self.rows, *self.groups)]
        means = ("mean", *(mean.value for mean in self.means.values()))
        return html_table("", ("", *columns), [*rows, means])

    @property
    def means(self) -> dict[str, Mean]:
        """The mean over ``rows`` by metric. Values that are not defined are left out, and counted."""
        means = {}
        for column in self.columns:
            values = [row.values[column.name] for row in self.rows]
            defined = [value for value in values if not math.isnan(value)]
            # Positive and negative infinity together have no mean.
            mean = sum(defined) / len(defined) if defined else math.nan
            means[column.name] = Mean(mean, len(defined), len(values))
        return means
