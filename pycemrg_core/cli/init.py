"""``pycemrg init``."""

from __future__ import annotations

from pathlib import Path

import click

from pycemrg_core.cli.completion import completing
from pycemrg_core.cli.session import plugin_options, session_of
from pycemrg_core.shown.words import counted
from pycemrg_core.text.files import name_of


@click.command(short_help="Write a configuration folder for a recipe.")
@click.argument("folder")
@click.option(
    "--recipe", required=True, shell_complete=completing("recipe", "schematic"),
    help="The recipe or single schematic; see 'pycemrg list-recipes'.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace files of an earlier configuration. Other semantic maps stay.")
@plugin_options
@click.pass_context
def init(ctx: click.Context, folder: str, recipe: str, force: bool) -> None:
    """Write labels.yaml, parameters.json, semantic_maps/ and run.py for a recipe into FOLDER.

    Change them and use them with 'pycemrg run RECIPE IMAGE --config FOLDER -o OUT'.
    """
    from pycemrg_core.cli.inputs import target_of
    from pycemrg_core.runs.configuration import MAPS, write_config

    session = session_of(ctx)
    catalogue = session.catalogue()
    target, settings = target_of(recipe, catalogue)
    written = write_config(Path(folder), target, catalogue, session.local, schematics=settings.schematics, force=force)
    there = {f"{MAPS}/{path.name}" for path in Path(folder, MAPS).glob("*.json")}
    kept = [name.rpartition("/")[2] for name in sorted(there.difference(written))]
    if kept:
        shown = f"{', '.join(kept[:3])}{f' and {len(kept) - 3} more' if len(kept) > 3 else ''}"
        click.echo(f"note: {name_of(folder)}/{MAPS} also holds {shown}, which --config reads too", err=True)
    maps = sum(name.startswith("semantic_maps/") for name in written)
    click.echo(f"{name_of(folder)}: labels.yaml, parameters.json, run.py and {counted(maps, 'semantic map')} written")
    plugins = "".join(f" --plugin {name_of(path)}" for path in session.local)
    click.echo(f"next: pycemrg run {recipe} IMAGE --config {folder}{plugins} -o OUT")
