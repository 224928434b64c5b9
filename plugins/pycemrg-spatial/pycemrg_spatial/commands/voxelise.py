"""The command ``pycemrg voxelise``: turn a mesh into a label map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pycemrg_core.api import counted, name_of
from pycemrg_core.cli.kit import echo_json, echo_table, plugin_options, require_output, session_of
from pycemrg_spatial.commands.options import echo_notes, mesh_options, segsmooth_of

if TYPE_CHECKING:
    from pycemrg_spatial.placing import Frame, Unit


@click.command(short_help="Turn a mesh into a label map on the grid of an image.")
@click.argument("mesh")
@click.argument("like")
@click.option("-o", "--output", required=True, metavar="FILE", help="The label map to write.")
@click.option("--tag", metavar="ARRAY", help="The cell array with the region tags of a volume mesh; default: 'tag'.")
@click.option(
    "--label", type=click.IntRange(1, 2**32 - 1), metavar="N", help="The label inside a closed surface; default: 1."
)
@mesh_options
@click.option("--json", "as_json", is_flag=True, help="Print the labels and their voxels as JSON.")
@plugin_options
@click.pass_context
def voxelise(
    ctx: click.Context,
    mesh: str,
    like: str,
    output: str,
    tag: str | None,
    label: int | None,
    mesh_frame: Frame,
    mesh_unit: Unit,
    segsmooth: tuple[str, str] | None,
    as_json: bool,
) -> None:
    """Turn MESH into a label map with the geometry of the image LIKE.

    A voxel gets the region tag of the cell that contains its centre, in a mesh of tetrahedra, hexahedra, prisms or
    pyramids. For a closed surface, voxels inside get one label.

    \b
      pycemrg voxelise heart.vtu ct.nrrd -o heart.nrrd --tag ID
      pycemrg voxelise heart.elem ct.nrrd -o heart.nrrd --mesh-unit um
      pycemrg voxelise left_atrium.stl ct.nrrd -o la.nrrd --label 4
    """
    require_output(output, mesh, like, image=True)
    catalogue = session_of(ctx).catalogue()
    from pycemrg_core.api import image_of, is_one_image, read_image, read_segmentation, write_image
    from pycemrg_spatial.meshes import read_mesh
    from pycemrg_spatial.placing import place

    grid = read_mesh(mesh)
    if is_one_image(like):
        grid_image, notes = read_image(like)
    else:  # such as the folder of a DICOM series
        layer = read_segmentation(like, catalogue).layers[0]
        grid_image, notes = image_of(layer.volume), layer.notes
    echo_notes(notes)
    frame = segsmooth_of(ctx, segsmooth, mesh_frame)
    placed = place(grid, grid_image, mesh_unit, mesh_frame, segsmooth=frame, names=(mesh, like))
    result = _label_map(placed, grid_image, mesh, tag, label)
    write_image(result, output)
    _report(result, output, as_json)


def _label_map(placed: Any, like: Any, mesh: str, tag: str | None, label: int | None) -> Any:
    from pycemrg_spatial.errors import MeshError
    from pycemrg_spatial.meshes import cell_array, whole_numbers
    from pycemrg_spatial.voxels import is_surface, is_volume, voxelise_cells, voxelise_surface

    if not is_volume(placed) and not is_surface(placed):
        raise MeshError(
            f"{mesh}: no tetrahedra, hexahedra, prisms, pyramids or surface to voxelise; give a volume"
            " mesh or a surface"
        )
    if is_volume(placed) and label is not None:
        raise MeshError(
            f"{mesh}: a volume mesh gets its labels from its region tags, and --label is for surfaces; use --tag"
        )
    if not is_volume(placed) and tag is not None:
        raise MeshError(f"{mesh}: a surface gives one label, and --tag is for volume meshes; use --label")
    try:
        if not is_volume(placed):
            return voxelise_surface(placed, like, label or 1)
        name = tag or "tag"
        tags = whole_numbers(cell_array(placed, name, mesh), name, mesh)
        return voxelise_cells(placed, tags, like)
    except MeshError as error:
        text = str(error)
        raise MeshError(text if text.startswith(mesh) else f"{mesh}: {text}") from error


def _report(result: Any, output: str, as_json: bool) -> None:
    import numpy as np

    from pycemrg_core.api import voxel_array

    values, counts = np.unique(voxel_array(result), return_counts=True)
    labels = [(value, count) for value, count in zip(values.tolist(), counts.tolist(), strict=True) if value]
    voxel = float(np.prod(result.GetSpacing()))
    if as_json:
        rows = [{"label": value, "voxels": count, "mm3": round(count * voxel, 6)} for value, count in labels]
        echo_json({"output": output, "labels": rows})
    else:
        echo_table(
            ("label", "voxels", "mL"), [(v, f"{c:,}", f"{c * voxel / 1000:.3f}") for v, c in labels], right=(0, 1, 2)
        )
    if not labels:
        click.echo("warning: the mesh contains no voxel centre; the label map is empty", err=True)
    click.echo(f"{name_of(output)} written: {counted(len(labels), 'label')}", err=True)
