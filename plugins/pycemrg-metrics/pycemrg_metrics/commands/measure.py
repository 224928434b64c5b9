"""The command ``pycemrg measure``: measure the structures of one label map."""

from __future__ import annotations

import click

from pycemrg_core.cli.kit import heart_from, plugin_options, scheme_from, session_of
from pycemrg_metrics import USUAL
from pycemrg_metrics.commands.show import listed, show, table_options


def _pairs(_ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for text in texts:
        one, colon, other = (part.strip() for part in text.partition(":"))
        if not (one and colon and other):
            raise click.BadParameter(f"{text!r} is not A:B; give two names, such as LV_BP_label:LA_BP_label")
        pairs.append((one, other))
    return tuple(pairs)


@click.command(short_help="Measure the structures of a label map.")
@click.argument("image")
@click.option(
    "--metrics", metavar="NAMES", callback=listed, help="Metrics, comma-separated; see 'pycemrg list-metrics'."
)
@click.option("--labels", metavar="NAMES", callback=listed, help="Labels, groups or integers, comma-separated.")
@click.option(
    "--between", metavar="A:B", multiple=True, callback=_pairs,
    help="Measure a pair of labels, groups or integers; can be repeated.",
)  # fmt: skip
@table_options
@plugin_options
@click.pass_context
def measure(
    ctx: click.Context,
    image: str,
    metrics: tuple[str, ...],
    labels: tuple[str, ...],
    between: tuple[tuple[str, str], ...],
    parameters: dict[str, float],
    scheme: str | None,
    groups: bool,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Measure each structure of IMAGE: volume, components and euler_number, or the --metrics asked for.

    \b
      pycemrg measure heart.nrrd
      pycemrg measure heart.nrrd --metrics wall_thickness_median,wall_thickness_p5 --labels walls
      pycemrg measure heart.nrrd --between LV_BP:LA_BP --between LV_BP:Ao_BP
    """
    from pycemrg_metrics import faces

    if between and (labels or groups):
        raise click.UsageError("--between already names what to measure; leave out --labels and --groups", ctx)
    catalogue = session_of(ctx).catalogue()
    read = heart_from(image, catalogue, scheme, flat=True)
    table = faces.measure(
        read.volume, catalogue, metrics=metrics, labels=labels, groups=groups, between=between,
        scheme=scheme_from(read, catalogue, scheme, USUAL), parameters=parameters,
    )  # fmt: skip
    show(table, as_json, as_csv, title="between" if between else "label", image=image)
