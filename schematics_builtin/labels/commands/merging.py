"""``pycemrg labels merge``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from pycemrg_core.api import name_of
from pycemrg_core.cli.kit import completing, echo_json, echo_table, plugin_options, require_output, session_of

_STATES = {
    "reused": "as in your file",
    "mismatch": "your integer stays; the default is {default}",
    "new": "added",
    "clash": "added with a free integer: {default} is {holder!r} in your file",
}


@click.command(short_help="Add the labels of recipes and schematics to a label file of yours.")
@click.argument("file")
@click.argument("names", nargs=-1, required=True, shell_complete=completing("recipe", "schematic"))
@click.option("-o", "--output", metavar="FILE", help="Write the merged labels, as YAML. Without it, only show them.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@plugin_options
@click.pass_context
def merge(ctx: click.Context, file: str, names: tuple[str, ...], output: str | None, as_json: bool) -> None:
    """Add to the label file FILE what the recipes and schematics NAMES need. Integers that FILE gives stay.

    \b
      pycemrg labels merge labels.yaml four_chamber_full
      pycemrg labels merge labels.yaml lpv1_ring lpv2_ring -o merged.yaml
    """
    from pycemrg_core.api import as_yaml, read_labels_file
    from pycemrg_core.cli.kit import write_text
    from schematics_builtin.labels.merging import merge_labels, needed_labels

    if output:
        require_output(output, file)
    catalogue = session_of(ctx).catalogue()
    if not Path(file).exists() and (later := next((one for one in names if Path(one).is_file()), None)):
        raise click.UsageError(f"the label file comes first: pycemrg labels merge {name_of(later)} {name_of(file)}")
    own = read_labels_file(file)
    merged = merge_labels(own, needed_labels(names, catalogue), catalogue)
    if as_json:
        from pycemrg_core.api import to_data

        echo_json(to_data(merged))
    else:
        said = {one.name: _STATES[one.state].format(default=one.default, holder=one.holder) for one in merged}
        echo_table(("", "name", "state", ""), [(o.value, o.name, o.state, said[o.name]) for o in merged], right=(0,))
    for one in merged:
        if one.state == "clash":
            text = f"if {one.holder!r} is the structure {one.name!r}, rename it in {name_of(file)} and merge again"
            click.echo(f"note: {text}", err=True)
    if output:
        write_text(as_yaml(_document(file, {**own, **{one.name: one.value for one in merged}})), Path(output))
        click.echo(f"{name_of(output)} written", err=as_json)


def _document(file: str, labels: dict[str, int]) -> dict[str, Any]:
    """The labels, and what else a YAML file with a section ``labels`` has, such as groups."""
    from pycemrg_core.api import load_yaml

    if os.path.splitext(file)[1].lower() in (".yaml", ".yml"):
        before = load_yaml(file)
        if isinstance(before.get("labels"), dict):
            return {**before, "labels": labels}
    return {"labels": labels}
