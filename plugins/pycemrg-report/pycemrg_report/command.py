"""The command ``pycemrg report``: write one page about a run."""

from __future__ import annotations

import click

from pycemrg_core.api import name_of
from pycemrg_core.cli.kit import plugin_options, session_of, status


@click.command(short_help="Write one page about a run, for a browser.")
@click.argument("folder", metavar="OUT")
@click.option("-o", "--output", metavar="FILE", help="The page to write; default: OUT/report.html.")
@plugin_options
@click.pass_context
def report(ctx: click.Context, folder: str, output: str | None) -> None:
    """Write one page about a run. OUT is a folder written by 'pycemrg run'.

    The page contains everything it shows, needs no network, and is a single file that you can send.

    \b
      pycemrg report out
      pycemrg report out -o heart_07.html
    """
    from pathlib import Path

    from pycemrg_report.report import write_report

    with status() as told:
        page = write_report(Path(folder), session_of(ctx).catalogue(), Path(output) if output else None, told)
    click.echo(f"{name_of(page)} written")
