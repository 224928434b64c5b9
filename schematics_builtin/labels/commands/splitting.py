"""The command ``pycemrg labels split-veins``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pycemrg_core.api import name_of
from pycemrg_core.cli.kit import accept_option, heart_from, plugin_options, scheme_from, session_of
from schematics_builtin.labels.commands.changing import (
    USUAL,
    chosen_labels,
    label_table_option,
    require_outputs,
    scheme_option,
    write_label_map,
)

VEINS = "pulmonary_veins_label"

if TYPE_CHECKING:
    from schematics_builtin.labels.label_files import Kind


@click.command("split-veins", short_help="Make four pulmonary veins of their one label.")
@click.argument("image")
@click.option("-o", "--output", required=True, metavar="FILE", help="The image to write.")
@click.option("--veins", metavar="LABEL", default=VEINS, show_default=True,
              help="The one label of all pulmonary veins: its name or integer.")  # fmt: skip
@scheme_option
@accept_option
@label_table_option
@plugin_options
@click.pass_context
def split_veins(
    ctx: click.Context,
    image: str,
    output: str,
    veins: str,
    scheme: str | None,
    accept: tuple[str, ...],
    label_table: Kind | None,
) -> None:
    """Make LPV1, LPV2, RPV1 and RPV2 of the one label of all pulmonary veins of IMAGE, or say what is doubtful.

    \b
      pycemrg labels split-veins heart.nrrd -o veins.nrrd --veins 15
    """
    from pycemrg_core.api import LabelError, LabelScheme, names_in
    from schematics_builtin.fusing import split_veins as split

    require_outputs(output, label_table, image)
    catalogue = session_of(ctx).catalogue()
    read = heart_from(image, catalogue, scheme)
    record = scheme_from(read, catalogue, scheme, USUAL)
    usual = catalogue.get(LabelScheme, USUAL).labels
    labels = {**{name: usual[name] for name in usual if name.startswith(("LPV", "RPV"))}, **record.labels}
    if names_in(catalogue).canonical(veins) == VEINS and VEINS not in record.labels:
        raise LabelError(
            f"{name_of(image)}: nothing says which label is all pulmonary veins; give it, as in --veins 53, or name the"
            f" label scheme, as in {name_of(image)}@totalsegmentator-total"
        )
    chosen = sorted(chosen_labels([veins], record, catalogue))
    if len(chosen) != 1:
        raise LabelError(f"{veins!r} is {len(chosen)} labels; name the one label of all pulmonary veins")
    result, notes = split(read.volume, labels, chosen[0], accept)
    for note in notes:
        click.echo(f"note: {note}", err=True)
    names = {value: name for name, value in labels.items()}
    write_label_map(result, output, names, catalogue, label_table, read=read, sure=bool(scheme or read.labels))
