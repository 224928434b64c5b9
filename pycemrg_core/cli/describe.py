"""``pycemrg describe``."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

import attrs
import click

from pycemrg_core.api.kinds import KINDS, kind_of
from pycemrg_core.api.records import Record, Schematic
from pycemrg_core.api.refs import Ref
from pycemrg_core.cli.completion import completing
from pycemrg_core.cli.session import echo_json, plugin_options, session_of, wrapped
from pycemrg_core.cli.terminal import style

if TYPE_CHECKING:
    from pycemrg_core.plugins.catalogue import Catalogue, Contribution


_WORDS = [kind.word for kind in KINDS]


@click.command(
    short_help="Show what a name reads and writes, and which plugin provides it.",
    help=f"Describe a {', '.join(_WORDS[:-1])} or {_WORDS[-1]}.",
)
@click.argument("name", shell_complete=completing())
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@plugin_options
@click.pass_context
def describe(ctx: click.Context, name: str, as_json: bool) -> None:
    from pycemrg_core.cli.described import parameter
    from pycemrg_core.errors import UnknownNameError
    from pycemrg_core.images.structures import names_in
    from pycemrg_core.text.names import close_to

    catalogue = session_of(ctx).catalogue()
    names = names_in(catalogue)
    found = catalogue.named(name) or catalogue.named(names.canonical(name))
    described = [_describe(contribution, catalogue) for contribution in found]
    if not described and (about := parameter(name, catalogue)):
        described = [about]
    if not described:
        parameters = {one for c in catalogue.all(Schematic) for one in c.record.parameters}
        hint = close_to(name, sorted({c.name for c in catalogue.contributions} | parameters)) or names.close(name)
        failed = "; ".join(str(plugin.found) for plugin in catalogue.failures())
        not_loaded = f" (not loaded: {failed}; see list-plugins)" if failed else ""
        hint = hint or "; the list-* commands show all names"
        raise UnknownNameError(f"nothing is called {name!r}{hint}{not_loaded}")
    if as_json:
        echo_json(described)
        return
    for i, entry in enumerate(described):
        if i:
            click.echo()
        bold, heading = entry.pop("name"), f"{entry.pop('summary')}"
        heading = wrapped(f"{bold}: {heading}", "", "  ")
        click.echo(style(bold, bold=True) + heading.removeprefix(bold))
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
            click.echo(wrapped(line, "    ", "      "))
    elif value:
        click.echo(wrapped(f"{key}: {value}", "  ", "    "))


def _describe(contribution: Contribution[Record], catalogue: Catalogue) -> dict[str, Any]:
    from pycemrg_core.errors import RecordError, blaming

    record = contribution.record
    kind = kind_of(record)
    with blaming(RecordError, f"{kind.word} {record.name!r} of {contribution.provider}"):
        details = kind.described.load()(record, catalogue) if kind.described else _fields(record)
    return {
        "name": contribution.name,
        "summary": record.summary,
        "kind": kind.word,
        "provider": f"{contribution.provider.distribution} {contribution.provider.version}"
        f" (plugin {contribution.provider.name})",
        **details,
    }


def _fields(record: Record) -> dict[str, Any]:
    """All fields of a record. Empty fields are not shown."""
    names = [field.name for field in attrs.fields(type(record)) if field.name not in ("name", "summary")]
    return {name: _shown(getattr(record, name)) for name in names}


def _shown(value: Any) -> Any:
    if isinstance(value, Mapping):
        return [f"{key}: {_shown(inner)}" for key, inner in value.items()]
    if isinstance(value, (tuple, list)):
        return tuple(str(_shown(inner)) for inner in value)
    if isinstance(value, float):
        return f"{value:g}"
    return value.value if isinstance(value, Enum) else str(value) if isinstance(value, Ref) else value
