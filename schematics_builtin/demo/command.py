"""``pycemrg demo``: a run on the heart that comes with the package."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pycemrg_core.api import Output, Schematic
from pycemrg_core.cli.kit import plugin_options, run, session_of

if TYPE_CHECKING:
    from pycemrg_core import Catalogue, Contribution

RECIPE = "four_chamber_full"
HEART = "rodero01_1.0mm.nrrd"
INPUT = "input.nrrd"
# Those that the plugins in use have.
THEN = ("repair",)
OUTPUTS = ("picture", "certificate", "report")


@click.command(short_help="Run four_chamber_full on the heart that comes with the package.")
@click.option("-o", "--output", metavar="DIR", default="pycemrg_demo", show_default=True, help="The folder to write.")
@click.option("--force", is_flag=True, help="Replace files in DIR that are of another heart, or of no run.")
@plugin_options
@click.pass_context
def demo(ctx: click.Context, output: str, force: bool) -> None:
    """Grow walls and valves on a real heart (1.0 mm) with four_chamber_full, repair and certify the result.

    The heart itself is written to input.nrrd.

    The heart is case 01 of Rodero et al. 2021, CC BY 4.0, modified; see ATTRIBUTION.md in its folder.
    """
    from pycemrg_core.cli.kit import outputs_from

    catalogue = session_of(ctx).catalogue()
    names = tuple(name for name in OUTPUTS if any(c.name == name for c in catalogue.all(Output)))
    click.echo(f"{RECIPE} on {HEART} (Rodero et al. 2021, doi 10.5281/zenodo.4590294, CC BY 4.0, modified)", err=True)
    _write_input(Path(output), catalogue, outputs_from(catalogue, names), force)
    ctx.invoke(
        run,
        recipe=RECIPE,
        image=str(Path(output) / INPUT),
        output=output,
        parameters={},
        then=tuple(name for name in THEN if any(c.name == name for c in catalogue.all(Schematic))),
        check=True,
        outputs=names,
        force=force,
    )


def _write_input(folder: Path, catalogue: Catalogue, chosen: tuple[Contribution[Output], ...], force: bool) -> None:
    """Write the heart into the folder, unless something there would be lost."""
    import shutil

    from pycemrg_core import Source, require_place
    from pycemrg_core.api import OutputError, file_sha256
    from pycemrg_core.cli.kit import held, staged

    with as_file(files("schematics_builtin") / "demo" / "data" / HEART) as image, held(folder):
        sha256, target = file_sha256(image), folder / INPUT
        require_place(folder, Source(target, sha256), catalogue, chosen, force=force)
        if target.is_file() and file_sha256(target) == sha256:
            return
        if target.exists() and not force:
            raise OutputError(
                f"{target}: is another file than the demo's heart; choose another folder, or replace it with --force"
            )
        with staged(folder) as inner:
            shutil.copyfile(image, inner / INPUT)
