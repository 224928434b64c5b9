"""``pycemrg report``."""

from __future__ import annotations

import click

from pycemrg_core.cli.kit import plugin_options, session_of


@click.command(short_help="Write one page about a run, to look at in a browser.")
@click.argument("folder", metavar="OUT")
@click.option("-o", "--output", metavar="FILE", help="The page to write; OUT/report.html by default.")
@plugin_options
@click.pass_context
def report(ctx: click.Context, folder: str, output: str | None) -> None:
    """Write one page about a run: OUT is a folder that 'pycemrg run' wrote.

    The page holds all that it shows, needs no network, and can be sent as one file.

    \b
      pycemrg report out
      pycemrg report out -o heart_07.html
    """
    from pathlib import Path

    from pycemrg_report.report import write_report

    page = write_report(Path(folder), session_of(ctx).catalogue(), Path(output) if output else None)
    click.echo(f"{page} written")
