"""The command ``pycemrg cohort report``: write one page about a cohort."""

from __future__ import annotations

from contextlib import nullcontext

import click

from pycemrg_core.api import name_of
from pycemrg_core.cli.kit import held, plugin_options, session_of


@click.command(short_help="Write one page about a cohort.")
@click.argument("folder", metavar="DIR")
@plugin_options
@click.pass_context
def report(ctx: click.Context, folder: str) -> None:
    """Write DIR/report.html, one page about a cohort. DIR is a folder written by 'pycemrg cohort run'.

    The page contains everything it shows and needs no network. It links to the case folders in DIR.

    \b
      pycemrg cohort report out
    """
    import sys
    from pathlib import Path

    from pycemrg_cohort.report.page import write_report

    def drawn(count: int, all_of_them: int) -> None:
        click.echo(f"\r{count} of {all_of_them} pictures", err=True, nl=count == all_of_them)

    more = {"drawn": drawn} if sys.stderr.isatty() else {}
    catalogue = session_of(ctx).catalogue()
    with held(Path(folder)) if Path(folder).is_dir() else nullcontext():
        page = write_report(Path(folder), catalogue, **more)
    click.echo(f"{name_of(page)} written")
