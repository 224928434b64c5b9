"""``pycemrg init``."""

from __future__ import annotations

from pathlib import Path

import click

from pycemrg_core.cli.session import plugin_options, session_of
from pycemrg_core.text.files import name_of


@click.command(short_help="Write a configuration folder for a recipe.")
@click.argument("folder")
@click.option("--recipe", required=True, help="The recipe to configure; see 'pycemrg list-recipes'.")
@plugin_options
@click.pass_context
def init(ctx: click.Context, folder: str, recipe: str) -> None:
    """Write labels.yaml, parameters.json, semantic_maps/ and run.py for a recipe into FOLDER.

    Change them and use them with 'pycemrg run RECIPE IMAGE --config FOLDER -o OUT'.
    """
    from pycemrg_core.runs.configuration import write_config

    session = session_of(ctx)
    written = write_config(Path(folder), recipe, session.catalogue(), session.local)
    maps = sum(name.startswith("semantic_maps/") for name in written)
    click.echo(f"{name_of(folder)}: labels.yaml, parameters.json, run.py and {maps} semantic maps written")
    plugins = "".join(f" --plugin {name_of(path)}" for path in session.local)
    click.echo(f"next: pycemrg run {recipe} IMAGE --config {folder}{plugins} -o OUT")
