"""``pycemrg list-plugins``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from pycemrg_core.api.kinds import KINDS
from pycemrg_core.cli.session import echo_json, echo_table, plugin_options, session_of

if TYPE_CHECKING:
    from pycemrg_core.plugins.catalogue import Catalogue
    from pycemrg_core.plugins.loading import Plugin


@click.command("list-plugins")
@click.option("--check", is_flag=True, help="Import and plan all contributions; exit with 1 if anything is wrong.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@plugin_options
@click.pass_context
def list_plugins(ctx: click.Context, check: bool, as_json: bool) -> None:
    """List plugins, their state, why one is not loaded, and what they provide."""
    from pycemrg_core.plugins.loading import Policy

    session = session_of(ctx)
    catalogue = session.quiet_catalogue()
    for plugin in catalogue.failures():
        session.show_chain(plugin.error)
    entries = [plugin_entry(plugin) for plugin in catalogue.plugins]
    conflicts = list(catalogue.conflicts())
    wrong = bool(catalogue.failures() or conflicts)
    if check:
        for entry, faults in zip(entries, _faults(catalogue), strict=True):
            entry["faults"] = faults
            wrong |= bool(faults)
    if as_json:
        echo_json({"plugins": entries, "conflicts": conflicts})
    else:
        _show(entries, conflicts)
        for line in Policy.from_environment().unknown(plugin.found for plugin in catalogue.plugins):
            click.echo(f"note: PYCEMRG_PLUGINS: {line}", err=True)
        if os.path.exists("pycemrg.toml") and not session.uses_project:
            click.echo("note: pycemrg.toml is not used; to use it, give --project or PYCEMRG_PROJECT=1", err=True)
    if check and wrong:
        ctx.exit(1)
    if check and not as_json:
        click.echo("no faults found")


def plugin_entry(plugin: Plugin) -> dict[str, Any]:
    """A plugin as plain data."""
    return {
        "name": plugin.found.name,
        "distribution": plugin.found.distribution,
        "version": plugin.found.version,
        "group": plugin.found.group,
        "state": plugin.state.value,
        "reason": plugin.reason,
        "provides": {
            kind.word: [record.name for record in plugin.records if type(record) is kind.record] for kind in KINDS
        },
    }


def _faults(catalogue: Catalogue) -> list[list[str]]:
    from pycemrg_core.cli.faults import faults

    return [list(faults(plugin, catalogue)) for plugin in catalogue.plugins]


def _show(entries: list[dict[str, Any]], conflicts: list[str]) -> None:
    rows = [
        (
            entry["name"],
            f"{entry['distribution']} {entry['version']}",
            entry["state"],
            entry["reason"]
            or ", ".join(
                kind.counted(len(entry["provides"][kind.word])) for kind in KINDS if entry["provides"][kind.word]
            ),
        )
        for entry in entries
    ]
    echo_table(("plugin", "from", "state", "provides, or why not"), rows)
    for conflict in conflicts:
        click.echo(f"conflict: {conflict}")
    for entry in entries:
        for fault in entry.get("faults", ()):
            click.echo(f"fault: plugin {entry['name']} ({entry['distribution']} {entry['version']}): {fault}")
