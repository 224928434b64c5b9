"""``pycemrg certify``."""

from __future__ import annotations

from pathlib import Path

import click

from pycemrg_core.api import name_of
from pycemrg_core.cli.kit import accept_option, echo_json, plugin_options, session_of
from schematics_builtin.certificate.commands.asked import echo_next, judged_heart, recipe_option, scheme_option
from schematics_builtin.certificate.commands.findings import echo_certificate

_MOST_BYTES = 100_000_000


@click.command(short_help="Report what in a grown heart would leak or break a mesher.")
@click.argument("image")
@recipe_option
@scheme_option
@accept_option
@click.option(
    "--edge", type=click.FloatRange(0, 20), metavar="MM", default=0.0,
    help="The edge length of the mesh to be made: thinner gaps between walls are found.",
)  # fmt: skip
@click.option("-o", "--output", metavar="FILE", help="Also write the certificate, as JSON.")
@click.option("-v", "--verbose", is_flag=True, help="List every finding.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@plugin_options
@click.pass_context
def certify(
    ctx: click.Context,
    image: str,
    recipe: str | None,
    scheme: str | None,
    accept: tuple[str, ...],
    edge: float,
    output: str | None,
    verbose: bool,
    as_json: bool,
) -> None:
    """Check that the label map IMAGE is a closed heart, and say what is not. Exits with 1 if the verdict is FAIL.

    Without --recipe, run.json beside IMAGE says what the heart must be. Without that, no lumen may be open, and the
    groups of the label scheme say what is a lumen or a wall.

    \b
      pycemrg certify out/heart.nrrd
      pycemrg certify heart.nrrd --recipe four_chamber_full -o certificate.json
      pycemrg certify out/heart.nrrd --edge 1.2
    """
    import attrs

    from pycemrg_core.cli.kit import write_json
    from schematics_builtin.certificate.certification import certify as certify_heart
    from schematics_builtin.certificate.hearts import heart_of

    if output:
        _require_output(Path(output))
    catalogue = session_of(ctx).catalogue()
    read, asked = judged_heart(image, catalogue, recipe, scheme, accept)
    heart = heart_of(read.volume, attrs.evolve(asked, edge_mm=edge))
    certificate = certify_heart(heart, catalogue, name=Path(image).name, voxels_sha256=heart.volume.voxels_sha256())
    if output:
        write_json(certificate.as_json(), Path(output))
        click.echo(f"{name_of(output)} written", err=True)
    if as_json:
        echo_json(certificate.as_json())
    else:
        echo_certificate(certificate, verbose=verbose)
        echo_next(certificate, heart, image, catalogue, given=recipe)
    if not certificate.passed:
        ctx.exit(1)


def _require_output(output: Path) -> None:
    """Refuse a name that is not JSON, and any file but a certificate, such as the record of a run."""
    from pycemrg_core.api import DocumentError, OutputError, load_json

    if output.suffix != ".json":
        raise OutputError(f"{name_of(output)}: a certificate is JSON; choose a name that ends with .json")
    if output.exists():
        try:
            known = load_json(output, "a certificate", _MOST_BYTES).keys() >= {"verdict", "findings"}
        except DocumentError:
            known = False
        if not known:
            raise OutputError(f"{name_of(output)}: is there, and not a certificate; choose another name, or delete it")
