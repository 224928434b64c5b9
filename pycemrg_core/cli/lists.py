"""The ``list-*`` commands: one for each kind of record, as a table or as JSON, and what each shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pycemrg_core.api.kinds import Kind
from pycemrg_core.api.records import Check, LabelScheme, Metric, Output, Reader, Recipe, Schematic, Step, Structure
from pycemrg_core.cli.session import echo_json, echo_table, plugin_options, session_of, wrapped
from pycemrg_core.cli.terminal import style

if TYPE_CHECKING:
    from pycemrg_core.plugins.catalogue import Catalogue, Contribution

Entry = dict[str, Any]


def list_command(kind: Kind) -> click.Command:
    """The command that lists one kind of record."""

    @click.command(kind.listing, help=kind.help)
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @plugin_options
    @click.pass_context
    def command(ctx: click.Context, as_json: bool) -> None:
        catalogue = session_of(ctx).catalogue()
        entries = _entries(kind, catalogue)
        if as_json:
            echo_json(entries)
        elif entries:
            _show(kind, entries)
        else:
            click.echo(f"none; no plugin provides {kind.a_word}")
        for conflict in catalogue.conflicts():
            click.echo(f"warning: {conflict}", err=True)

    return command


def _entries(kind: Kind, catalogue: Catalogue) -> list[Entry]:
    details = kind.listed.load() if kind.listed else lambda _contribution, _catalogue: {}
    return [
        {
            "name": c.name,
            "summary": c.record.summary,
            **details(c, catalogue),
            "plugin": c.provider.name,
            "provider": f"{c.provider.distribution} {c.provider.version}",
        }
        for c in catalogue.all(kind.record)
    ]


def _show(kind: Kind, entries: list[Entry]) -> None:
    if kind.lines:
        _blocks(kind, entries)
        return
    groups: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: [entry[key] for key in kind.groups]):
        groups.setdefault(": ".join(entry[key] for key in kind.groups), []).append(entry)
    for number, (group, members) in enumerate(groups.items()):
        if group:
            click.echo(("\n" if number else "") + style(group, bold=True))
        echo_table(kind.columns, [[_cell(entry[column]) for column in kind.columns] for entry in members])


def _cell(value: Any) -> str:
    return ", ".join(value) or "none" if isinstance(value, list) else str(value)


def _blocks(kind: Kind, entries: list[Entry]) -> None:
    """Show each name with its long values on the lines below it."""
    width = max(len(entry["name"]) for entry in entries)
    for entry in entries:
        head, indent = entry["name"].ljust(width), " " * (width + 2)
        summary = wrapped(entry["summary"], f"{head}  ", indent)
        click.echo(style(head, bold=True) + summary.removeprefix(head) if summary else head.rstrip())
        for line in kind.lines:
            text = line.format_map({key: _cell(value) for key, value in entry.items()})
            click.echo(wrapped(text, indent, indent + "  "))


# What a list shows beyond name, summary and provider, by kind. Used in the rows of the kinds.


def step(contribution: Contribution[Step], catalogue: Catalogue) -> dict[str, Any]:
    users = [c.name for c in catalogue.all(Schematic) if contribution.answers_to(c.record.step)]
    return {"schematics": users}


def schematic(contribution: Contribution[Schematic], _catalogue: Catalogue) -> dict[str, Any]:
    record = contribution.record
    return {
        "step": record.step,
        "labels": [f"{name} {value}" for name, value in record.labels.items()],
        "parameters": [f"{name} {value:g}" for name, value in record.parameters.items()],
    }


def recipe(contribution: Contribution[Recipe], _catalogue: Catalogue) -> dict[str, Any]:
    record = contribution.record
    return {
        "steps": [step.schematic or f"[{step.recipe}]" for step in record.steps],
        "requires": list(record.requires),
    }


def metric(contribution: Contribution[Metric], _catalogue: Catalogue) -> dict[str, Any]:
    return {"measures": contribution.record.measures.value, "unit": contribution.record.unit}


def scheme(contribution: Contribution[LabelScheme], _catalogue: Catalogue) -> dict[str, Any]:
    record = contribution.record
    return {"labels": [f"{name} {value}" for name, value in record.labels.items()], "source": record.source}


def structure(contribution: Contribution[Structure], _catalogue: Catalogue) -> dict[str, Any]:
    record = contribution.record
    return {
        "spellings": ", ".join(record.spellings),
        "snomed": record.snomed,
        "colour": record.colour,
        "groups": list(record.groups),
        "root": record.root,
        "crop_mm": record.crop_mm,
        "joins": list(record.joins),
    }


def reader(contribution: Contribution[Reader], _catalogue: Catalogue) -> dict[str, Any]:
    return {"names": "next to it" if contribution.record.beside else "inside"}


def output(contribution: Contribution[Output], _catalogue: Catalogue) -> dict[str, Any]:
    record = contribution.record
    return {"file": record.file, "needs": list(record.needs), "uses": list(record.uses)}


def check(contribution: Contribution[Check], _catalogue: Catalogue) -> dict[str, Any]:
    return {"on": contribution.record.on.value}
