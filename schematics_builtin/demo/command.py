"""``pycemrg demo``: a run on the heart that comes with the package."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import click

from pycemrg_core.api import Output, Schematic
from pycemrg_core.cli.kit import plugin_options, run, session_of

RECIPE = "four_chamber_full"
HEART = "rodero01_1.0mm.nrrd"
INPUT = "input.nrrd"
# Those that the plugins in use have.
THEN = ("repair",)
OUTPUTS = ("picture", "certificate", "report")


@click.command(short_help="Run four_chamber_full on the heart that comes with the package.")
@click.option("-o", "--output", metavar="DIR", default="pycemrg_demo", show_default=True, help="The folder to write.")
@plugin_options
@click.pass_context
def demo(ctx: click.Context, output: str) -> None:
    """Grow walls and valves on a real heart (1.0 mm) with four_chamber_full, repair and certify the result.

    The heart itself is written to input.nrrd.

    The heart is case 01 of Rodero et al. 2021, CC BY 4.0, modified; see ATTRIBUTION.md in its folder.
    """
    import shutil

    from pycemrg_core.cli.kit import staged

    catalogue = session_of(ctx).catalogue()
    click.echo(f"{RECIPE} on {HEART} (Rodero et al. 2021, doi 10.5281/zenodo.4590294, CC BY 4.0, modified)", err=True)
    with as_file(files("schematics_builtin") / "demo" / "data" / HEART) as image, staged(Path(output)) as folder:
        shutil.copyfile(image, folder / INPUT)
    ctx.invoke(
        run,
        recipe=RECIPE,
        image=str(Path(output) / INPUT),
        output=output,
        parameters={},
        then=tuple(name for name in THEN if any(c.name == name for c in catalogue.all(Schematic))),
        check=True,
        outputs=tuple(name for name in OUTPUTS if any(c.name == name for c in catalogue.all(Output))),
    )
