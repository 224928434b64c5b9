"""The command ``pycemrg mesh``: mesh a closed heart, and certify the mesh."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pycemrg_core.api import counted, name_of
from pycemrg_core.cli.kit import (
    accept_option,
    echo_json,
    echo_table,
    plugin_options,
    session_of,
    status,
    style,
    wrapped,
)

if TYPE_CHECKING:
    from pycemrg_mesh.certificate import MeshCertificate
    from pycemrg_mesh.writing import Frame, Written


@click.command(short_help="Mesh a closed heart with tetrahedra, and certify the mesh.")
@click.argument("heart")
@click.option("-o", "--output", metavar="FILE.vtu", help="The mesh to write.")
@click.option("--carp", metavar="NAME", help="Write openCARP files: NAME.pts, NAME.elem, NAME.lon, in micrometres.")
@click.option("--surfaces", metavar="DIR", help="Write endocardia, epicardium and openings as closed surfaces.")
@click.option("--recipe", metavar="NAME", help="The recipe that made HEART; its rules are used.")
@click.option("--scheme", metavar="NAME", help="The label scheme of HEART; see 'pycemrg list-schemes'.")
@accept_option
@click.option("--tags", metavar="SCHEME", help="The label scheme with the tags of the mesh; default: the labels.")
@click.option("--engine", default="cut", show_default=True, metavar="NAME", help="cut, or cgal where it is installed.")
@click.option(
    "--smooth", "rounds", type=click.IntRange(0, 1000), metavar="ROUNDS",
    help="How often cut smooths the surfaces, by default 20; 0 leaves the stairs of the voxels.",
)  # fmt: skip
@click.option(
    "--edge", "edge_mm", type=click.FloatRange(0.05, 50), metavar="MM",
    help="Mesh with edges of this length; with cut, HEART is resampled, repaired and certified.",
)  # fmt: skip
@click.option(
    "--frame", type=click.Choice(["world", "inr"]), default="world", show_default=True,
    help="inr: coordinates are index times spacing, as in a mesh made from an .inr.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Mesh a heart that fails its certificate.")
@click.option("-v", "--verbose", is_flag=True, help="List every check, and every label.")
@click.option("--json", "as_json", is_flag=True, help="Print the certificate of the mesh as JSON.")
@plugin_options
@click.pass_context
def mesh(
    ctx: click.Context,
    heart: str,
    output: str | None,
    carp: str | None,
    surfaces: str | None,
    recipe: str | None,
    scheme: str | None,
    accept: tuple[str, ...],
    tags: str | None,
    engine: str,
    rounds: int | None,
    edge_mm: float | None,
    frame: Frame,
    force: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Mesh the tissue of the label map HEART with tetrahedra. Exits with 1 if the mesh fails its certificate.

    Blood is not meshed. The certificate of the mesh is written beside it, as NAME.mesh.json. What is blood, and what
    may be open, is as for 'pycemrg certify': --recipe says it, or run.json beside HEART.

    \b
      pycemrg mesh out/heart.nrrd -o heart.vtu
      pycemrg mesh out/heart.nrrd --carp heart --tags cemrg-mesh
    """
    if output is None and carp is None:
        raise click.UsageError("no file for the mesh; give -o FILE.vtu, --carp NAME, or both", ctx)
    from pycemrg_mesh.meshing import mesh_heart
    from pycemrg_mesh.writing import require_targets, write_mesh
    from schematics_builtin.certificate import heart_of, judged_heart

    require_targets(output, carp, surfaces, heart)
    catalogue = session_of(ctx).catalogue()
    read, asked = judged_heart(heart, catalogue, recipe, scheme, accept)
    with status() as told:
        made = mesh_heart(
            heart_of(read.volume, asked),
            catalogue,
            engine=engine,
            rounds=rounds,
            edge_mm=edge_mm,
            tags=tags,
            force=force,
            name=Path(heart).name,
            told=told,
        )
        written = write_mesh(made, output, carp=carp, surfaces=surfaces, frame=frame, told=told)
    for note in made.notes:
        click.echo(f"note: {note}", err=True)
    _tell(written, surfaces)
    if as_json:
        echo_json(made.certificate.as_json())
    else:
        _show(made.certificate, verbose)
        click.echo(f"next: {_next(made.certificate, heart, written.files[0], bool(catalogue.named('report')))}")
    if not made.certificate.passed:
        ctx.exit(1)


def _tell(written: Written, surfaces: str | None) -> None:
    """Name the files that were written, removed, or are of two meshes no more; surfaces by their number."""
    for file in written.files:
        if file.suffix not in (".vtp", ".surf"):
            click.echo(f"{name_of(file)} written", err=True)
    if surfaces:
        count = sum(file.suffix == ".vtp" for file in written.files)
        click.echo(f"{name_of(surfaces)}: {counted(count, 'surface')} written", err=True)
    for file in written.removed:
        click.echo(f"{name_of(file)} removed: it was of the mesh before", err=True)
    for file in written.parted:
        click.echo(f"{name_of(file)} changed: it no longer names files that are of the new mesh", err=True)


def _show(certificate: MeshCertificate, verbose: bool) -> None:
    click.echo(wrapped(f"{certificate.verdict}: {certificate.statement}", "", "  "))
    if verbose:
        for check in certificate.checks:
            head = f"{'ok' if check.passed else 'error':<6}"
            line = wrapped(f"{check.name}: {check.what}", head, " " * len(head))
            click.echo(style(head, bold=not check.passed) + line.removeprefix(head))
        labels = [
            (str(one.tag), one.name, f"{one.tetrahedra:,}", _ml(one.mm3), _ml(one.voxels_mm3), f"{one.pieces}")
            for one in certificate.labels
        ]
        echo_table(("tag", "label", "tetrahedra", "mL", "mL in voxels", "pieces"), labels, right=(0, 2, 3, 4, 5))
    rows = []
    for one in certificate.surfaces:
        genus = str(one.genus) if one.genus >= 0 else "-"
        voxels = _ml(one.voxels_mm3) if one.voxels_mm3 else ""
        rows.append((one.name, f"{one.triangles:,}", _ml(one.mm3), voxels, genus))
    echo_table(("surface", "triangles", "mL", "mL in voxels", "genus"), rows, right=(1, 2, 3, 4))
    if not verbose:
        click.echo("-v lists every check and every label")


def _ml(mm3: float) -> str:
    return f"{mm3 / 1000:.2f}"


def _next(certificate: MeshCertificate, heart: str, written: Path, can_report: bool) -> str:
    """The next command, or the file with all that was measured."""
    from pycemrg_core.cli.kit import RECORD
    from pycemrg_mesh.engines import CGAL

    folder = Path(heart).parent
    if not certificate.passed:
        if certificate.engine == CGAL and certificate.heart_verdict == "PASS":
            return (
                f"try a shorter --edge, or fill narrow gaps with 'pycemrg repair {shlex.quote(heart)} --gap MM --weld'"
            )
        return f"pycemrg certify {shlex.quote(heart)} -v"
    if can_report and (folder / RECORD).is_file() and written.parent == folder:
        return f"pycemrg report {shlex.quote(str(folder))}"
    return f"{name_of(written)} has the volumes, surfaces and shapes"
