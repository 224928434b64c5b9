"""The command ``pycemrg clean``: remove islands and fill holes of a label map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pycemrg_core.api import counted
from pycemrg_core.cli.kit import echo_json, heart_from, plugin_options, scheme_from, session_of
from schematics_builtin.labels.commands.changing import (
    USUAL,
    chosen_labels,
    label_table_option,
    require_outputs,
    scheme_option,
    write_label_map,
)

if TYPE_CHECKING:
    from pycemrg_core.api import Change, WorkingVolume
    from schematics_builtin.labels.label_files import Kind


@click.command(short_help="Remove islands and fill holes, label by label.")
@click.argument("image")
@click.option("-o", "--output", required=True, metavar="FILE", help="The image to write.")
@click.option("--labels", metavar="NAMES", help="Labels, groups or integers, comma-separated; default: all.")
@click.option("--reassign-islands", is_flag=True, help="Give islands to the neighbour that they touch most.")
@click.option("--keep-largest-component", is_flag=True, help="Keep the largest component of each label.")
@click.option("--keep-largest-structure", is_flag=True, help="Keep the largest component of all labels as one.")
@click.option("--remove-small", type=float, metavar="MM3", help="Remove components smaller than this.")
@click.option("--fill-holes", is_flag=True, help="Fill background that a label encloses.")
@click.option("--connectivity", type=click.Choice(["6", "18", "26"]), default="6", show_default=True)
@scheme_option
@label_table_option
@click.option("--json", "as_json", is_flag=True, help="Print the changes as JSON.")
@plugin_options
@click.pass_context
def clean(
    ctx: click.Context,
    image: str,
    output: str,
    labels: str | None,
    reassign_islands: bool,
    keep_largest_component: bool,
    keep_largest_structure: bool,
    remove_small: float | None,
    fill_holes: bool,
    connectivity: str,
    scheme: str | None,
    label_table: Kind | None,
    as_json: bool,
) -> None:
    """Clean the labels of IMAGE, in the order of the options below, and show the changes.

    \b
      pycemrg clean heart.nrrd -o clean.nrrd --reassign-islands --fill-holes
      pycemrg clean heart.nrrd -o clean.nrrd --keep-largest-component --labels chambers
    """
    from pycemrg_core import api
    from pycemrg_core.api import WorkingVolume

    neighbours = int(connectivity)
    asked: dict[str, tuple[object, dict[str, Any]]] = {
        "reassign_islands": (reassign_islands, {"connectivity": neighbours}),
        "keep_largest_component": (keep_largest_component, {"connectivity": neighbours}),
        "keep_largest_structure": (keep_largest_structure, {"connectivity": neighbours}),
        "remove_small": (remove_small, {"smaller_than_mm3": remove_small, "connectivity": neighbours}),
        "fill_holes": (fill_holes, {}),
    }
    work = {step: options for step, (wanted, options) in asked.items() if wanted}
    if not work or (remove_small is not None and not remove_small > 0):
        raise click.UsageError("no cleanup chosen; give for example --reassign-islands or --remove-small 20", ctx)

    require_outputs(output, label_table, image)
    catalogue = session_of(ctx).catalogue()
    read = heart_from(image, catalogue, scheme, flat=True)
    record, start = scheme_from(read, catalogue, scheme, USUAL), read.volume
    volume = WorkingVolume(start, start.array.dtype)
    chosen = sorted(chosen_labels(map(str.strip, labels.split(",")), record, catalogue) if labels else start.boxes)
    names = {value: name for name, value in record.labels.items()}
    ledger = []
    for step, options in work.items():
        edits = list(getattr(api, step)(volume, chosen, **options))
        for label, lost, every in api.losses(volume, edits):
            click.echo(
                f"warning: {step}: {names.get(label, label)} loses {lost:,} of its {every:,} voxels"
                f" ({lost / every:.0%}); see whether they are a structure of their own",
                err=True,
            )
        ledger += [_entry(step, change, volume, names) for change in volume.apply(edits)]
    sure = bool(scheme or read.labels)
    write_label_map(volume.frozen(), output, names, catalogue, label_table, read=read, sure=sure, quiet=as_json)
    if as_json:
        echo_json(ledger)
        return
    for entry in ledger:
        click.echo(
            f"{entry['step']}: {counted(entry['voxels'], 'voxel')} ({entry['mm3']:g} mm3)"
            f" of {entry['old']} -> {entry['new']}"
        )
    if not ledger:
        click.echo("nothing to clean")


def _entry(step: str, change: Change, volume: WorkingVolume, names: dict[int, str]) -> dict[str, Any]:
    def name(value: int) -> str:
        return names.get(value, str(value)) if value else "background"

    return {
        "step": step,
        "old": name(change.old),
        "new": name(change.new),
        "voxels": change.voxels,
        "mm3": round(change.voxels * volume.voxel_mm3, 6),
    }
