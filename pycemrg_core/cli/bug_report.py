"""``pycemrg bug-report``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from pycemrg_core import __version__
from pycemrg_core.api.kinds import KINDS, Kind
from pycemrg_core.cli.session import echo_json, plugin_options, session_of

if TYPE_CHECKING:
    from pycemrg_core.plugins.loading import Plugin


@click.command("bug-report")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@plugin_options
@click.pass_context
def bug_report(ctx: click.Context, as_json: bool) -> None:
    """Show versions, plugins and platform for a bug report, without personal paths."""
    catalogue = session_of(ctx).quiet_catalogue()
    report = {
        **_machine(),
        "command": _command(),
        "libraries": _libraries(),
        "environment": _environment(),
        "plugins": [_entry(plugin) for plugin in catalogue.plugins],
        "conflicts": list(catalogue.conflicts()),
    }
    if as_json:
        echo_json(report)
        return
    for line in _lines(report):
        click.echo(line)


def _machine() -> dict[str, Any]:
    import os
    import platform

    return {
        "pycemrg": __version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "cores": os.cpu_count(),
    }


def _command() -> str:
    """What the command ``pycemrg`` runs, and which other distributions install a command of that name."""
    from importlib import metadata

    from pycemrg_core.cli.program import OWN, PROGRAM, on_path, taken_by
    from pycemrg_core.plugins.loading import CORE_DISTRIBUTION

    if not on_path():
        text = f"there is none on the PATH; type '{OWN}'"
    elif other := taken_by():
        text = f"it runs the package {other!r}, not this one; type '{OWN}'"
    else:
        text = "it runs this package"
    commands = metadata.entry_points(group="console_scripts", name=PROGRAM)
    found = {f"{one.dist.name} {one.dist.version}" for one in commands if one.dist}
    others = sorted(name for name in found if not name.startswith(f"{CORE_DISTRIBUTION} "))
    installed = f"; {', '.join(others)} installs a command of that name too" if others else ""
    return f"{text}{installed}"


def _libraries() -> dict[str, str]:
    """Installed versions of the core's dependencies."""
    from importlib import metadata

    from packaging.requirements import Requirement

    from pycemrg_core.plugins.loading import CORE_DISTRIBUTION

    found = {}
    for text in metadata.requires(CORE_DISTRIBUTION) or ():
        requirement = Requirement(text)
        if requirement.marker is None:
            try:
                found[requirement.name] = metadata.version(requirement.name)
            except metadata.PackageNotFoundError:
                found[requirement.name] = "not installed"
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def _environment() -> dict[str, str]:
    import os

    return {key: _private(value) for key, value in sorted(os.environ.items()) if key.startswith("PYCEMRG_")}


def _entry(plugin: Plugin) -> dict[str, Any]:
    provides = [kind.counted(number) for kind, number in _counts(plugin) if number]
    return {
        "name": plugin.found.name,
        "distribution": f"{plugin.found.distribution} {plugin.found.version}",
        "api": plugin.found.group,
        "state": plugin.state.value,
        "reason": _private(plugin.reason),
        "provides": ", ".join(provides),
    }


def _counts(plugin: Plugin) -> Iterator[tuple[Kind, int]]:
    for kind in KINDS:
        yield kind, sum(type(record) is kind.record for record in plugin.records)


def _private(text: str) -> str:
    """The text with each absolute path shortened to its last part."""
    import os
    import re

    for folder in (os.getcwd(), os.path.expanduser("~")):
        text = text.replace(folder, "~")  # these may contain blanks, which end a path below
    return re.sub(r"(?:~|[A-Za-z]:)?[\\/](?:[^\\/\s'\":;,]+[\\/])*([^\\/\s'\":;,]+)", r"…/\1", text)


def _lines(report: dict[str, Any]) -> Iterable[str]:
    yield f"- pycemrg {report['pycemrg']}, {report['python']}, {report['platform']}, {report['cores']} cores"
    yield f"- the command 'pycemrg': {report['command']}"
    yield "- " + ", ".join(f"{name} {version}" for name, version in report["libraries"].items())
    for key, value in report["environment"].items():
        yield f"- {key}={value}"
    yield ""
    yield "| plugin | from | API | state | provides, or why not |"
    yield "|---|---|---|---|---|"
    for entry in report["plugins"]:
        cells = [entry[key] for key in ("name", "distribution", "api", "state")]
        cells.append(entry["reason"] or entry["provides"])
        yield f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
    for conflict in report["conflicts"]:
        yield f"\nconflict: {conflict}"
