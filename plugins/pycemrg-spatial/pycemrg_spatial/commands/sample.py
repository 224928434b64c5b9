"""The command ``pycemrg sample``: sample an image at the nodes or cells of a mesh."""

from __future__ import annotations

from math import isnan, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from pycemrg_core.api import counted, name_of
from pycemrg_core.cli.kit import echo_json, plugin_options, require_output, session_of
from pycemrg_spatial.commands.options import echo_notes, mesh_options, segsmooth_of

if TYPE_CHECKING:
    from pycemrg_spatial.placing import Frame, Unit

_HOLDING = (".vtk", ".vtu", ".elem", ".pts")


@click.command(short_help="Sample an image or its labels at the nodes or cells of a mesh.")
@click.argument("mesh")
@click.argument("image")
@click.option("-o", "--output", required=True, metavar="FILE", help="The mesh to write: .vtu (best), .vtk or .elem.")
@click.option("--on", type=click.Choice(["nodes", "cells"]), default="nodes", show_default=True)
@click.option("--method", type=click.Choice(["nearest", "linear", "label"]), default="nearest", show_default=True)
@click.option("--name", metavar="ARRAY", help="The array to write; default: 'label', for linear 'value'.")
@click.option("--outside", type=float, metavar="VALUE", help="The value outside the image; default: 0, for linear NaN.")
@mesh_options
@click.option("--json", "as_json", is_flag=True, help="Print a summary of the samples as JSON.")
@plugin_options
@click.pass_context
def sample(
    ctx: click.Context,
    mesh: str,
    image: str,
    output: str,
    on: Literal["nodes", "cells"],
    method: Literal["nearest", "linear", "label"],
    name: str | None,
    outside: float | None,
    mesh_frame: Frame,
    mesh_unit: Unit,
    segsmooth: tuple[str, str] | None,
    as_json: bool,
) -> None:
    """Write MESH again with an array of the values of IMAGE at its nodes or cells.

    For a label map, use --method label, which weights the eight voxels around a point, or nearest. For a scan, use
    --method linear. A cell gets the most frequent value of the voxels in it. With linear, or when the cell contains
    no voxel centre, it gets the value at its centroid.

    \b
      pycemrg sample heart.vtk heart.nrrd -o tagged.vtu --method label
      pycemrg sample heart.elem heart.nrrd -o tagged.elem --on cells --mesh-unit um
      pycemrg sample surface.stl ct.nrrd -o values.vtu --method linear --name HU
    """
    opencarp = Path(output).suffix.lower() in (".elem", ".pts")
    _require_usage(output, on, method, name, outside, ctx)
    for written in (Path(output).with_suffix(".elem"), Path(output).with_suffix(".pts")) if opencarp else (output,):
        require_output(written, mesh, image)
    catalogue = session_of(ctx).catalogue()
    from pycemrg_core.api import is_one_image, read_image, read_labels
    from pycemrg_spatial.at_mesh import sample_mesh
    from pycemrg_spatial.meshes import read_mesh, write_mesh
    from pycemrg_spatial.placing import place

    array = "tag" if opencarp else name or ("value" if method == "linear" else "label")
    beyond = outside if outside is not None else nan if method == "linear" else 0.0
    grid = read_mesh(mesh)
    labels = method == "label" or not is_one_image(image)
    volume, notes = read_labels(image, catalogue) if labels else read_image(image)
    echo_notes(notes)
    frame = segsmooth_of(ctx, segsmooth, mesh_frame)
    placed = place(grid, volume, mesh_unit, mesh_frame, segsmooth=frame, names=(mesh, image))
    sampled = sample_mesh(placed, volume, on, method, beyond)
    data = grid.point_data if on == "nodes" else grid.cell_data
    if array in data:
        echo_notes([f"{mesh}: the array {array!r} is replaced"])
    data[array] = sampled.values
    write_mesh(grid, output, tag=array)
    facts = {"mesh": mesh, "image": image, "output": output, "on": on, "method": method, "array": array}
    _report({**facts, "outside_value": beyond}, sampled, as_json)


def _require_usage(
    output: str, on: str, method: str, name: str | None, outside: float | None, ctx: click.Context
) -> None:
    extension = Path(output).suffix.lower()
    if extension not in _HOLDING:
        raise click.UsageError(
            f"{name_of(output)}: {extension or 'a file without extension'} cannot store arrays;"
            " use .vtk, .vtu or .elem",
            ctx,
        )
    if extension in (".elem", ".pts") and (on == "nodes" or method == "linear" or name):
        raise click.UsageError(
            f"{name_of(output)}: an openCARP mesh stores one integer per element and no other array; use --on cells"
            " without --name or --method linear, or write .vtk or .vtu",
            ctx,
        )
    if method != "linear" and outside is not None and not outside.is_integer():
        raise click.UsageError(f"--outside {outside:g} is not a label; give an integer, or use --method linear", ctx)


def _report(facts: dict[str, Any], sampled: Any, as_json: bool) -> None:
    import numpy as np

    count, beyond, outside = len(sampled.values), int(sampled.outside.sum()), facts["outside_value"]
    if not as_json:
        got = f": {outside:g}" if beyond else ""
        click.echo(
            f"{counted(count, facts['on'][:-1])} sampled as {facts['array']!r}, {beyond:,} outside the image{got}"
        )
        click.echo(f"{name_of(facts['output'])} written")
        return
    # JSON has no NaN; labels are written as integers.
    value = None if isnan(outside) else int(outside) if outside.is_integer() else outside
    facts |= {"count": count, "outside": beyond, "outside_value": value}
    if facts["method"] != "linear":
        values, counts = np.unique(sampled.values, return_counts=True)
        facts["values"] = {f"{value:g}": number for value, number in zip(values.tolist(), counts.tolist(), strict=True)}
    echo_json(facts)
    click.echo(f"{name_of(facts['output'])} written", err=True)
