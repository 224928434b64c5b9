"""The command ``pycemrg fuse``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pycemrg_core.cli.kit import accept_option, echo_json, echo_table, plugin_options, session_of

if TYPE_CHECKING:
    from pycemrg_core import Catalogue
    from schematics_builtin.fusing.fusion import Fused


def _assigned(_ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise click.BadParameter(f"{text!r} is not NAME=VALUE; give for example AORTA=total.nii.gz, or Ao=50")
        if name in found:
            raise click.BadParameter(f"{name!r} is given twice; give it once")
        found[name] = value
    return found


def _lengths(ctx: click.Context, param: click.Parameter, texts: tuple[str, ...]) -> dict[str, float]:
    from pycemrg_core.api import parse_number

    found = {}
    for name, text in _assigned(ctx, param, texts).items():
        value = parse_number(text)
        if value is None or value < 0:
            raise click.BadParameter(f"{text!r} is no length; give mm along the vessel, as in {name}=50")
        found[name] = value
    return found


def _pairs(between: str) -> Any:
    def read(_ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...]) -> list[tuple[str, str]]:
        found = []
        for text in texts:
            first, sign, second = (part.strip() for part in text.partition(between))
            if not (first and sign and second):
                raise click.BadParameter(f"{text!r} is not A{between}B; give two structures, as in LAA{between}LA")
            found.append((first, second))
        return found

    return read


@click.command(short_help="Make one heart of what segmentation tools write.")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("-o", "--output", metavar="FILE", help="The heart to write; FILE.fuse.json beside it records how.")
@click.option("--plan", "plan_only", is_flag=True, help="Write nothing; show what would be written, or why not.")
@click.option("--grid", metavar="FILE", help="Write the heart on the grid of this image.")
@click.option("--spacing", type=float, metavar="MM", help="Write cubic voxels of this size.")
@click.option("--prefer", metavar="NAME=SOURCE", multiple=True, callback=_assigned,
              help="Take a structure from this source; may be repeated.")  # fmt: skip
@click.option("--over", metavar="A>B", multiple=True, callback=_pairs(">"),
              help="Where both are, A wins; may be repeated.")  # fmt: skip
@click.option("--crop", metavar="NAME=MM", multiple=True, callback=_lengths,
              help="Keep so much of a vessel, along it; 0 keeps all of it; may be repeated.")  # fmt: skip
@click.option("--join", metavar="A-B", multiple=True, callback=_pairs("-"),
              help="Also close narrow gaps between these two; may be repeated.")  # fmt: skip
@click.option("--margin", type=float, metavar="MM", help="Background round the heart.  [default: 10]")
@click.option("--veins", type=click.Choice(["label", "atrium", "keep"]), default="label", show_default=True,
              help="Find the pulmonary veins in their common label or in the atrium, or keep them.")  # fmt: skip
@accept_option
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
@plugin_options
@click.pass_context
def fuse(
    ctx: click.Context,
    sources: tuple[str, ...],
    output: str | None,
    plan_only: bool,
    grid: str | None,
    spacing: float | None,
    prefer: dict[str, str],
    over: list[tuple[str, str]],
    crop: dict[str, float],
    join: list[tuple[str, str]],
    margin: float | None,
    veins: str,
    accept: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make one label map of each SOURCE: a file, a folder of masks, or FILE@SCHEME where nothing names its integers.

    All are brought to one grid, overlaps are settled, narrow gaps closed, vessels cut to their length, and the
    pulmonary veins told apart. If anything is doubtful, nothing is written and every reason is listed.

    \b
      pycemrg fuse heartchambers.nii.gz total.nii.gz -o heart.nrrd
      pycemrg fuse segmentation.seg.nrrd -o heart.nrrd --crop Ao=30
      pycemrg fuse chambers.nrrd@mm-whs vessels/ --plan
    """
    from pycemrg_core.cli.kit import require_output
    from schematics_builtin.fusing.fusing import fuse as fuse_all
    from schematics_builtin.fusing.record import record_path

    if (output is None) == (not plan_only):
        raise click.UsageError("give either -o FILE or --plan", ctx)
    if output is not None:
        inputs = [source.rpartition("@")[0] or source for source in sources]
        require_output(output, *sources, *inputs, grid, image=True)
        _require_record(record_path(Path(output)))
    catalogue = session_of(ctx).catalogue()
    fused = fuse_all(
        sources, catalogue, grid=grid, spacing=spacing, prefer=prefer, over=over, crops=crop, joins=join,
        margin=margin, veins=veins, accept=accept,
    )  # fmt: skip
    for note in fused.notes:
        click.echo(f"note: {note}", err=True)
    record = dict(fused.record)
    if output is not None:
        record = write_fused(fused, Path(output), catalogue)
    if as_json:
        echo_json(record)
        return
    _echo(fused)
    if output is not None:
        click.echo(f"{output} and {record_path(Path(output)).name} written")
        click.echo(f"next: pycemrg run four_chamber_closed {output} -o out --with certificate")


def write_fused(fused: Fused, path: Path, catalogue: Catalogue) -> dict[str, Any]:
    """Write the heart, with its names where the format has a place for them, and its record, both or neither."""
    from pycemrg_core.api import file_sha256, write_volume
    from pycemrg_core.cli.kit import staged, write_json
    from schematics_builtin.fusing.record import record_path
    from schematics_builtin.readers import named_extras, segments_of

    names = {value: name for name, value in fused.labels.items()}
    extras = named_extras(path, fused.volume, segments_of(names, catalogue))
    with staged(path.parent) as folder:
        write_volume(fused.volume, folder / path.name, extras)
        output = {"name": path.name, "sha256": file_sha256(folder / path.name)}
        record = {**fused.record, "output": output}
        write_json(record, folder / record_path(path).name)
    return record


def _require_record(path: Path) -> None:
    """Refuse to replace a file of that name that no fusion wrote."""
    from pycemrg_core.api import DocumentError, OutputError, load_json, name_of
    from schematics_builtin.fusing.record import MOST_BYTES

    if path.exists():
        try:
            known = load_json(path, "the record of a fusion", MOST_BYTES).keys() >= {"sources", "structures"}
        except DocumentError:
            known = False
        if not known:
            raise OutputError(f"{name_of(path)}: is there, and not the record of a fusion; choose another name")


def _echo(fused: Fused) -> None:
    """The structures and where they are from, and how the veins were found."""
    found: Mapping[str, Any] = fused.record
    how = {vein["name"]: _how(vein) for vein in found["veins"]}
    rows = [
        (one["label"], _short(one["name"]), f"{one['volume_ml']:.1f}", one["source"], how.get(one["name"], ""))
        for one in found["structures"]
    ]
    echo_table(("label", "structure", "mL", "from", "how"), rows, right=(0, 2))
    if found["gaps_closed"]:
        closed = ", ".join(f"{pair} {voxels:,}" for pair, voxels in found["gaps_closed"].items())
        click.echo(f"gaps closed, voxels: {closed}")
    if found["crops"]:
        click.echo("cut: " + ", ".join(f"{name} at {one['length_mm']:g} mm" for name, one in found["crops"].items()))


def _how(vein: Mapping[str, Any]) -> str:
    if vein["method"] == "mouth":
        how = f"its own mouth, {vein['mouth_mm2']:.0f} mm2"
    else:
        how = f"branch of a trunk that divides at {vein['division_mm']:g} mm"
    return f"{how}; confidence {vein['confidence']:.2f}"


def _short(name: str) -> str:
    return name.removesuffix("_label")
