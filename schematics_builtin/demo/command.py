"""``pycemrg demo``: a run on the heart that comes with the package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pycemrg_core.api import Output
from pycemrg_core.cli.kit import plugin_options, run, session_of, wrapped

if TYPE_CHECKING:
    from pycemrg_core import Catalogue, Contribution

RECIPE = "four_chamber_closed"
HEART = "rodero01_1.0mm.nrrd"
INPUT = "input.nrrd"
# Those that the plugins in use have. The page is the first to open, if it is made.
OUTPUTS = ("picture", "certificate", "report")
PAGE, PICTURE = "report.html", "slices.png"


@click.command(short_help="Run four_chamber_closed on the heart that comes with the package.")
@click.option("-o", "--output", metavar="DIR", default="pycemrg_demo", show_default=True, help="The folder to write.")
@click.option("--force", is_flag=True, help="Replace files in DIR that are of another heart, or of no run.")
@plugin_options
@click.pass_context
def demo(ctx: click.Context, output: str, force: bool) -> None:
    """Close a real heart (1.0 mm) with four_chamber_closed: walls, valves, vein planes and rings; certify the result.

    The heart itself is written to input.nrrd.

    The heart is case 01 of Rodero et al. 2021, CC BY 4.0, modified; see ATTRIBUTION.md in its folder.
    """
    from pycemrg_core.cli.kit import outputs_from

    catalogue = session_of(ctx).catalogue()
    names = tuple(name for name in OUTPUTS if any(c.name == name for c in catalogue.all(Output)))
    click.echo(f"{RECIPE} on {HEART} (Rodero et al. 2021, doi 10.5281/zenodo.4590294, CC BY 4.0, modified)", err=True)
    folder = Path(output)
    with _nothing_left_behind(folder):
        _write_input(folder, catalogue, outputs_from(catalogue, names), force)
        ctx.invoke(
            run,
            recipe=RECIPE,
            image=str(folder / INPUT),
            output=output,
            parameters={},
            check=True,
            pad=True,
            outputs=names,
            force=force,
        )
    _say_what_is_next(folder)


@contextmanager
def _nothing_left_behind(folder: Path) -> Iterator[None]:
    """When the run is refused or fails, remove the copy of the heart, and the folders that were made for it.

    A run whose verdict is FAIL has written its result, which stays.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    is_new = not (folder / INPUT).exists()
    try:
        yield
    except click.exceptions.Exit:
        raise
    except BaseException:
        if is_new and not (folder / "run.json").exists():
            with suppress(OSError):
                (folder / INPUT).unlink()
        for place in made:  # those that are empty
            with suppress(OSError):
                place.rmdir()
        raise


def _say_what_is_next(folder: Path) -> None:
    page = next((folder / name for name in (PAGE, PICTURE) if (folder / name).is_file()), folder / "heart.nrrd")
    more = "" if page.name == PAGE else "; the plugin pycemrg-report adds a page with the heart in 3-D"
    click.echo(wrapped(f"next: open {page}{more}", "", "  "))
    own = f"your own heart: pycemrg plan {RECIPE} my_heart.nrrd; pycemrg run {RECIPE} my_heart.nrrd -o out"
    click.echo(wrapped(own, "", "  "))


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
