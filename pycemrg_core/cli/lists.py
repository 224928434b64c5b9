"""``list-*``: what the catalogue holds, as a table for people and as JSON for machines."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from pycemrg_core.api.kinds import kind_of
from pycemrg_core.api.records import (
    Augmentation,
    Check,
    LabelScheme,
    Metric,
    Recipe,
    Record,
    Schematic,
    Step,
)
from pycemrg_core.cli.session import echo_json, echo_table, plugin_options, session_of

if TYPE_CHECKING:
    from pycemrg_core.plugins.catalogue import Catalogue, Contribution

Details = Callable[["Contribution[Any]", "Catalogue"], dict[str, Any]]
Entry = dict[str, Any]


def _entries(kind: type[Record], catalogue: Catalogue, details: Details) -> list[Entry]:
    return [
        {
            "name": c.name,
            "summary": c.record.summary,
            **details(c, catalogue),
            "plugin": c.provider.name,
            "provider": f"{c.provider.distribution} {c.provider.version}",
        }
        for c in catalogue.all(kind)
    ]


def _list(
    name: str, kind: type[Record], help_line: str, details: Details, show: Callable[[list[Entry]], None]
) -> click.Command:
    @click.command(name, help=help_line)
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @plugin_options
    @click.pass_context
    def command(ctx: click.Context, as_json: bool) -> None:
        catalogue = session_of(ctx).catalogue()
        entries = _entries(kind, catalogue, details)
        if as_json:
            echo_json(entries)
        elif entries:
            show(entries)
        else:
            click.echo(f"none; no plugin provides a {kind_of(kind).word}")
        for conflict in catalogue.conflicts():
            click.echo(f"warning: {conflict}", err=True)

    return command


def _table(*columns: str) -> Callable[[list[Entry]], None]:
    def show(entries: list[Entry]) -> None:
        rows = [[_cell(entry[column]) for column in columns] for entry in entries]
        echo_table(columns, rows)

    return show


def _cell(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _grouped(by: tuple[str, ...], columns: tuple[str, ...]) -> Callable[[list[Entry]], None]:
    """A table for each group, under its name: there are many, from few providers."""

    def show(entries: list[Entry]) -> None:
        groups: dict[str, list[Entry]] = {}
        for entry in sorted(entries, key=lambda entry: [entry[key] for key in by]):
            groups.setdefault(": ".join(entry[key] for key in by), []).append(entry)
        for number, (group, members) in enumerate(groups.items()):
            click.echo(("\n" if number else "") + click.style(group, bold=True))
            echo_table(columns, [[_cell(entry[column]) for column in columns] for entry in members])

    return show


def _blocks(entries: list[Entry]) -> None:
    """Room for a long list under each name."""
    width = max(len(entry["name"]) for entry in entries)
    for entry in entries:
        head, indent = entry["name"].ljust(width), " " * (width + 2)
        summary = click.wrap_text(entry["summary"], 80, f"{head}  ", indent)
        click.echo(click.style(head, bold=True) + summary.removeprefix(head) if summary else head.rstrip())
        for text in (f"used by {_cell(entry['schematics']) or 'no schematic'}", f"from {entry['provider']}"):
            click.echo(click.wrap_text(text, 80, " " * (width + 2), " " * (width + 4)))


def _step_details(contribution: Contribution[Any], catalogue: Catalogue) -> dict[str, Any]:
    users = [
        c.name
        for c in catalogue.all(Schematic)
        if isinstance(c.record, Schematic) and contribution.answers_to(c.record.step)
    ]
    return {"schematics": users}


def _schematic_details(contribution: Contribution[Any], _catalogue: Catalogue) -> dict[str, Any]:
    record = contribution.record
    assert isinstance(record, Schematic)
    return {
        "step": record.step,
        "labels": [f"{name} {value}" for name, value in record.labels.items()],
        "parameters": [f"{name} {value:g}" for name, value in record.parameters.items()],
    }


def _recipe_details(contribution: Contribution[Any], _catalogue: Catalogue) -> dict[str, Any]:
    record = contribution.record
    assert isinstance(record, Recipe)
    return {
        "steps": [step.schematic or f"[{step.recipe}]" for step in record.steps],
        "requires": list(record.requires),
    }


def _metric_details(contribution: Contribution[Any], _catalogue: Catalogue) -> dict[str, Any]:
    record = contribution.record
    assert isinstance(record, Metric)
    return {"measures": record.measures.value, "unit": record.unit}


def _scheme_details(contribution: Contribution[Any], _catalogue: Catalogue) -> dict[str, Any]:
    record = contribution.record
    assert isinstance(record, LabelScheme)
    return {"labels": [f"{name} {value}" for name, value in record.labels.items()], "source": record.source}


def _no_details(_contribution: Contribution[Any], _catalogue: Catalogue) -> dict[str, Any]:
    return {}


list_steps = _list("list-steps", Step, "Step kinds and the schematics that use them.", _step_details, _blocks)
list_schematics = _list(
    "list-schematics",
    Schematic,
    "Structures that can be made.",
    _schematic_details,
    _table("name", "step", "provider", "summary"),
)
list_recipes = _list(
    "list-recipes", Recipe, "Recipes and their steps.", _recipe_details, _table("name", "provider", "summary")
)
list_metrics = _list(
    "list-metrics", Metric, "Metrics.", _metric_details, _grouped(("provider", "measures"), ("name", "unit", "summary"))
)
list_schemes = _list(
    "list-schemes", LabelScheme, "Label schemes.", _scheme_details, _table("name", "provider", "summary")
)
list_augmentations = _list(
    "list-augmentations", Augmentation, "Augmentations.", _no_details, _grouped(("provider",), ("name", "summary"))
)
list_checks = _list(
    "list-checks", Check, "Checks of a certificate.", _no_details, _table("name", "provider", "summary")
)
