"""Print a table of values: columns for people, JSON and CSV for programs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pycemrg_core.api import parse_number
from pycemrg_core.cli.kit import completing, csv_text, echo_json, echo_table
from pycemrg_metrics import USUAL

if TYPE_CHECKING:
    from pycemrg_metrics.tables import Column, Row, Table

F = TypeVar("F", bound=Callable[..., Any])

_NOT_DEFINED = "-"
_WIDTH = 80  # characters; echo_table breaks words in wider tables


def _settings(_ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...]) -> dict[str, float]:
    values: dict[str, float] = {}
    for text in texts:
        name, _, number = text.partition("=")
        found = parse_number(number)
        if found is None:
            raise click.BadParameter(f"{text!r} is not NAME=NUMBER; give for example tolerance_mm=2")
        if values.setdefault(name.strip(), found) != found:
            raise click.BadParameter(
                f"{name.strip()} is set to {values[name.strip()]:g} and to {found:g}; give it once"
            )
    return values


def table_options(command: F) -> F:
    """Add the options ``--set``, ``--scheme``, ``--groups``, ``--json`` and ``--csv``."""
    command = click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")(command)
    command = click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)
    command = click.option(
        "--groups", is_flag=True, help="Add rows for the groups of the scheme, each as one structure."
    )(command)
    command = click.option(
        "--scheme", metavar="NAME", shell_complete=completing("label scheme"),
        help=f"The label scheme of the label maps; default: the names in them, in run.json beside, or else {USUAL}.",
    )(command)  # fmt: skip
    return click.option(
        "--set", "parameters", metavar="NAME=NUMBER", multiple=True, callback=_settings,
        help="Set a parameter of a metric, such as tolerance_mm=2; can be repeated.",
    )(command)  # fmt: skip


def listed(_ctx: click.Context, _param: click.Parameter, text: str | None) -> tuple[str, ...]:
    """Split a comma-separated list of names."""
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def show(table: Table, as_json: bool, as_csv: bool, *, title: str, mean: bool = False, **more: Any) -> None:
    """Print a table, with the mean of its rows if ``mean``; ``more`` goes into the JSON before the table."""
    if as_json and as_csv:
        raise click.UsageError("give --json or --csv, not both", click.get_current_context())
    if as_json:
        echo_json({**more, **_plain(table, mean)})
    elif as_csv:
        _print_csv(table)
    else:
        _print_table(table, title, mean)


def show_one(table: Table, as_json: bool, as_csv: bool, **more: Any) -> None:
    """Print the values of the only row, one per line."""
    if as_json or as_csv:
        show(table, as_json, as_csv, title="", **more)
        return
    values = table.rows[0].values
    rows = [(column.name, _alone(values[column.name]), column.unit) for column in table.columns]
    echo_table(("metric", "value", "unit"), rows, right=(1,))


def _print_table(table: Table, title: str, mean: bool) -> None:
    mean = mean and len(table.rows) > 1
    names = [row.name for row in table.rows] + ["mean", "over"] * mean + [row.name for row in table.groups]
    columns = [_cells(table, column, mean) for column in table.columns]
    columns = [[column.name, column.unit, *cells] for column, cells in zip(table.columns, columns, strict=True)]
    for number, block in enumerate(_blocks([title, "", *names], columns)):
        if number:
            click.echo()
        headers, units, *rows = zip(*block, strict=True)
        echo_table(headers, [units, *rows] if any(units) else rows, right=range(1, len(headers)))
    if any(math.isnan(value) for row in (*table.rows, *table.groups) for value in row.values.values()):
        click.echo(f"note: {_NOT_DEFINED} means not defined{', and is left out of the mean' * mean}", err=True)


def _blocks(names: list[str], columns: list[list[str]]) -> Iterator[list[list[str]]]:
    """Blocks of as many columns as fit side by side, each block with the names first."""
    block = [names]
    for column in columns:
        if len(block) > 1 and sum(max(map(len, one)) + 2 for one in [*block, column]) - 2 > _WIDTH:
            yield block
            block = [names]
        block.append(column)
    yield block


def _cells(table: Table, column: Column, mean: bool) -> list[str]:
    """The values of a column with the same number of decimals; the mean is between rows and groups."""
    rows, groups = ([row.values[column.name] for row in found] for found in (table.rows, table.groups))
    finite = [abs(value) for value in (*rows, *groups) if math.isfinite(value)]
    few = 0 if all(value == int(value) for value in finite) else _decimals(max(finite))
    middle = []
    if mean:
        found = table.means[column.name]
        digits = few or _decimals(max(finite, default=1.0))
        middle = [_shown(found.value, f",.{digits}f"), f"{found.over} of {found.of}"]
    return [*(_shown(value, f",.{few}f") for value in rows), *middle, *(_shown(value, f",.{few}f") for value in groups)]


def _decimals(largest: float) -> int:
    """The number of decimals: four digits for values near 1, and at least two decimals."""
    return min(max(3 - math.floor(math.log10(largest)), 2), 6) if largest else 2


def _alone(value: float) -> str:
    return _shown(value, ".6g")


def _shown(value: float, how: str) -> str:
    return _NOT_DEFINED if math.isnan(value) else format(value, how)


def _plain(table: Table, mean: bool) -> dict[str, Any]:
    """Data for JSON, which has neither NaN (null) nor infinity ("inf")."""

    def rows(found: Sequence[Row]) -> list[dict[str, Any]]:
        return [
            {"name": row.name, "labels": [*row.labels], "values": {name: _number(v) for name, v in row.values.items()}}
            for row in found
        ]

    plain: dict[str, Any] = {
        "metrics": [
            {"name": column.name, "unit": column.unit, "parameters": dict(column.parameters)}
            for column in table.columns
        ],
        "rows": rows(table.rows),
        "groups": rows(table.groups),
    }
    if mean:
        plain["mean"] = {
            name: {"value": _number(found.value), "over": found.over, "of": found.of}
            for name, found in table.means.items()
        }
    return plain


def _number(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else str(value)


def _print_csv(table: Table) -> None:
    """Print one line per row; an empty field is not defined. Means are not printed."""
    lines: list[list[object]] = [["kind", "name", "labels", *(column.name for column in table.columns)]]
    for kind, rows in (("structure", table.rows), ("group", table.groups)):
        for row in rows:
            values = ("" if math.isnan(value) else repr(value) for value in row.values.values())
            lines.append([kind if row.labels else "image", row.name, " ".join(map(str, row.labels)), *values])
    click.echo(csv_text(lines), nl=False)
