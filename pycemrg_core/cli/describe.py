"""``pycemrg describe``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from pycemrg_core.api.records import (
    Augmentation,
    Check,
    Command,
    LabelScheme,
    Metric,
    Recipe,
    Schematic,
    Step,
)
from pycemrg_core.cli.session import echo_json, plugin_options, session_of

if TYPE_CHECKING:
    from pycemrg_core.plugins.catalogue import Catalogue, Contribution


@click.command(short_help="What a name reads, writes and where it comes from.")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@plugin_options
@click.pass_context
def describe(ctx: click.Context, name: str, as_json: bool) -> None:
    """Describe a recipe, schematic, step, metric, label scheme, augmentation, command or check."""
    from pycemrg_core.api.labels import close_to
    from pycemrg_core.errors import UnknownNameError

    catalogue = session_of(ctx).catalogue()
    found = catalogue.named(name)
    if not found:
        hint = close_to(name, sorted({c.name for c in catalogue.contributions}))
        failed = "; ".join(str(plugin.found) for plugin in catalogue.failures())
        not_loaded = f" (not loaded: {failed}; see list-plugins)" if failed else ""
        hint = hint or "; the list-* commands show all names"
        raise UnknownNameError(f"nothing is called {name!r}{hint}{not_loaded}")
    described = [_describe(contribution, catalogue) for contribution in found]
    if as_json:
        echo_json(described)
        return
    for i, entry in enumerate(described):
        if i:
            click.echo()
        bold, heading = entry.pop("name"), f"{entry.pop('summary')}"
        heading = click.wrap_text(f"{bold}: {heading}", 80, "", "  ")
        click.echo(click.style(bold, bold=True) + heading.removeprefix(bold))
        for key, value in entry.items():
            _echo(key, value)
    for conflict in catalogue.conflicts():
        if f"{name!r}" in conflict:
            click.echo(f"warning: {conflict}", err=True)


def _echo(key: str, value: Any) -> None:
    if isinstance(value, tuple):
        value = ", ".join(value)
    if value and isinstance(value, list):
        click.echo(f"  {key}:")
        for line in value:
            click.echo(click.wrap_text(line, 80, "    ", "      "))
    elif value:
        click.echo(click.wrap_text(f"{key}: {value}", 80, "  ", "    "))


def _describe(contribution: Contribution[Any], catalogue: Catalogue) -> dict[str, Any]:
    from pycemrg_core.api.kinds import kind_of

    record: Any = contribution.record
    return {
        "name": contribution.name,
        "summary": record.summary,
        "kind": kind_of(record).word,
        "provider": f"{contribution.provider.distribution} {contribution.provider.version}"
        f" (plugin {contribution.provider.name})",
        **_DETAILS[type(record)](record, catalogue),
    }


def _schematic(record: Schematic, catalogue: Catalogue) -> dict[str, Any]:
    lines = []
    for key, value in record.semantic_map.items():
        # Shown as it is when it is not what it should be: planning says what is wrong.
        if isinstance(value, (list, tuple)):
            lines.append(f"{key}: {('; ' if key == 'APPLICATION_STEPS' else ', ').join(map(_rule, value)) or 'none'}")
        elif not isinstance(value, str):
            lines.append(f"{key}: {value!r}")
        elif value in record.labels:
            lines.append(f"{key}: {value} = {record.labels[value]}")
        elif value in record.parameters:
            lines.append(f"{key}: {value} = {record.parameters[value]:g}")
        else:
            lines.append(f"{key}: {value}")
    recipes = tuple(c.name for c in catalogue.all(Recipe) if record.name in _schematics(c.record, catalogue))
    return {"step": record.step, "roles": lines, "used by": recipes}


def _rule(rule: Any) -> str:
    if isinstance(rule, str):
        return rule
    if not isinstance(rule, Mapping) or not isinstance(names := rule.get("RULE_LABEL_NAMES") or [], (list, tuple)):
        return repr(rule)
    return f"{rule.get('MODE')} {', '.join(map(str, names))}".strip()


def _recipe(record: Recipe, catalogue: Catalogue) -> dict[str, Any]:
    from pycemrg_core.errors import PycemrgError
    from pycemrg_core.recipes.flatten import flatten

    lines = []
    try:
        for step in flatten(record, catalogue):
            schematic = catalogue.get(Schematic, step.schematic)
            lines.append(f"{step.schematic} ({schematic.step}): {schematic.summary}")
    except PycemrgError as error:
        lines.append(f"not usable: {error}")
    includes = tuple(step.recipe for step in record.steps if step.recipe)
    return {
        "includes": includes,
        "requires": record.requires,
        "steps": lines,
        "may be open": record.open,
        "may touch": tuple(" - ".join(pair) for pair in record.may_touch),
    }


def _step(record: Step, catalogue: Catalogue) -> dict[str, Any]:
    from pycemrg_core.api import contracts
    from pycemrg_core.errors import RecordError

    try:
        roles = contracts.roles(record.contract.load())
    except TypeError as error:
        raise RecordError(f"step {record.name!r}: {error}") from error
    lines = [f"{role.key}: {role.use.value}" + (f", {role.unit}" if role.unit else "") for role in roles]
    users = tuple(c.name for c in catalogue.all(Schematic) if getattr(c.record, "step", "") == record.name)
    return {
        "contract": str(record.contract),
        "runs": str(record.run),
        "roles": lines,
        "used by": users,
    }


def _scheme(record: LabelScheme, _catalogue: Catalogue) -> dict[str, Any]:
    return {
        "labels": [f"{value:>4}  {name}" for name, value in sorted(record.labels.items(), key=lambda item: item[1])],
        "groups": [f"{group}: {', '.join(members)}" for group, members in record.groups.items()],
        "source": record.source,
    }


def _metric(record: Metric, _catalogue: Catalogue) -> dict[str, Any]:
    parameters = tuple(f"{name} {value:g}" for name, value in record.parameters.items())
    return {
        "measures": record.measures.value,
        "unit": record.unit,
        "parameters": parameters,
        "function": str(record.function),
    }


def _augmentation(record: Augmentation, _catalogue: Catalogue) -> dict[str, Any]:
    import inspect

    from pycemrg_core.errors import PycemrgError

    try:
        asked = list(inspect.signature(record.function.load()).parameters.values())[2:]
    except PycemrgError as error:
        return {"function": str(record.function), "not usable": str(error)}
    shown = [one.name if one.default is one.empty else f"{one.name} = {one.default!r}" for one in asked]
    return {"parameters": shown, "function": str(record.function)}


def _command(record: Command, _catalogue: Catalogue) -> dict[str, Any]:
    return {"runs": str(record.command)}


def _check(record: Check, _catalogue: Catalogue) -> dict[str, Any]:
    return {"function": str(record.function)}


_DETAILS: dict[type, Any] = {
    Schematic: _schematic,
    Recipe: _recipe,
    Step: _step,
    LabelScheme: _scheme,
    Metric: _metric,
    Augmentation: _augmentation,
    Command: _command,
    Check: _check,
}


def _schematics(recipe: Any, catalogue: Catalogue) -> set[str]:
    from pycemrg_core.errors import PycemrgError
    from pycemrg_core.recipes.flatten import flatten

    try:
        return {step.schematic for step in flatten(recipe, catalogue)}
    except PycemrgError:
        return set()
