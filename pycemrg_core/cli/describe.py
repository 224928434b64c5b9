"""``pycemrg describe``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pycemrg_core.cli.session import echo_json, plugin_options, session_of
from pycemrg_core.records import (
    Augmentation,
    Command,
    LabelScheme,
    Metric,
    Recipe,
    Schematic,
    Step,
)

if TYPE_CHECKING:
    from pycemrg_core.catalogue import Catalogue, Contribution


@click.command(short_help="What a name reads, writes and where it comes from.")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@plugin_options
@click.pass_context
def describe(ctx: click.Context, name: str, as_json: bool) -> None:
    """Describe a recipe, schematic, step, metric, label scheme, augmentation or command."""
    from pycemrg_core.errors import UnknownNameError
    from pycemrg_core.labels import close_to

    catalogue = session_of(ctx).catalogue()
    found = catalogue.named(name)
    if not found:
        hint = close_to(name, sorted({c.name for c in catalogue.contributions}))
        failed = "; ".join(str(plugin.found) for plugin in catalogue.failures())
        not_loaded = f" (not loaded: {failed}; see list-plugins)" if failed else ""
        raise UnknownNameError(f"nothing is called {name!r}{hint}{not_loaded}")
    described = [_describe(contribution, catalogue) for contribution in found]
    if as_json:
        echo_json(described)
        return
    for i, entry in enumerate(described):
        if i:
            click.echo()
        click.echo(f"{click.style(entry.pop('name'), bold=True)}: {entry.pop('summary')}")
        for key, value in entry.items():
            _echo(key, value)
    for conflict in catalogue.conflicts():
        if f"{name!r}" in conflict:
            click.echo(f"warning: {conflict}", err=True)


def _echo(key: str, value: Any) -> None:
    if isinstance(value, list):
        click.echo(f"  {key}:")
        for line in value:
            click.echo(click.wrap_text(line, 80, "    ", "      "))
    elif value:
        click.echo(click.wrap_text(f"{key}: {value}", 80, "  ", "    "))


def _describe(contribution: Contribution, catalogue: Catalogue) -> dict[str, Any]:
    from pycemrg_core.catalogue import KINDS

    record: Any = contribution.record
    return {
        "name": contribution.name,
        "summary": record.summary,
        "kind": KINDS[type(record)],
        "provider": f"{contribution.provider.distribution} {contribution.provider.version}"
        f" (plugin {contribution.provider.name})",
        **_DETAILS[type(record)](record, catalogue),
    }


def _schematic(record: Schematic, catalogue: Catalogue) -> dict[str, Any]:
    lines = []
    for key, value in record.semantic_map.items():
        if key == "APPLICATION_STEPS":
            rules = [f"{rule['MODE']} {', '.join(rule['RULE_LABEL_NAMES'])}".strip() for rule in value]
            lines.append(f"{key}: {'; '.join(rules) or 'none'}")
        elif value in record.labels:
            lines.append(f"{key}: {value} = {record.labels[value]}")
        elif value in record.parameters:
            lines.append(f"{key}: {value} = {record.parameters[value]:g}")
        else:
            lines.append(f"{key}: {value}")
    recipes = [c.name for c in catalogue.all(Recipe) if record.name in _schematics(c.record, catalogue)]
    return {"step": record.step, "roles": lines, "used by": ", ".join(recipes)}


def _recipe(record: Recipe, catalogue: Catalogue) -> dict[str, Any]:
    from pycemrg_core.errors import PycemrgError
    from pycemrg_core.planner import flatten

    lines = []
    try:
        for step in flatten(record, catalogue):
            schematic = catalogue.get(Schematic, step.schematic)
            lines.append(f"{step.schematic} ({schematic.step}): {schematic.summary}")
    except PycemrgError as error:
        lines.append(f"not usable: {error}")
    includes = ", ".join(step.recipe for step in record.steps if step.recipe)
    return {"includes": includes, "steps": lines}


def _step(record: Step, catalogue: Catalogue) -> dict[str, Any]:
    from pycemrg_core import contracts

    contract = record.contract.load()
    lines = [
        f"{role.key}: {role.use.value}" + (f", {role.unit}" if role.unit else "") for role in contracts.roles(contract)
    ]
    users = [c.name for c in catalogue.all(Schematic) if getattr(c.record, "step", "") == record.name]
    return {
        "contract": str(record.contract),
        "runs": str(record.run),
        "roles": lines,
        "used by": ", ".join(users),
    }


def _scheme(record: LabelScheme, _catalogue: Catalogue) -> dict[str, Any]:
    return {
        "labels": [f"{value:>4}  {name}" for name, value in sorted(record.labels.items(), key=lambda item: item[1])],
        "groups": [f"{group}: {', '.join(members)}" for group, members in record.groups.items()],
        "source": record.source,
    }


def _metric(record: Metric, _catalogue: Catalogue) -> dict[str, Any]:
    return {"unit": record.unit, "function": str(record.function)}


def _augmentation(record: Augmentation, _catalogue: Catalogue) -> dict[str, Any]:
    return {"function": str(record.function)}


def _command(record: Command, _catalogue: Catalogue) -> dict[str, Any]:
    return {"runs": str(record.command)}


_DETAILS: dict[type, Any] = {
    Schematic: _schematic,
    Recipe: _recipe,
    Step: _step,
    LabelScheme: _scheme,
    Metric: _metric,
    Augmentation: _augmentation,
    Command: _command,
}


def _schematics(recipe: Any, catalogue: Catalogue) -> set[str]:
    from pycemrg_core.errors import PycemrgError
    from pycemrg_core.planner import flatten

    try:
        return {step.schematic for step in flatten(recipe, catalogue)}
    except PycemrgError:
        return set()
