"""The command ``pycemrg augment``: make training samples from one image."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pycemrg_core.api import counted, name_of
from pycemrg_core.cli.kit import echo_json, plugin_options, session_of

if TYPE_CHECKING:
    from pycemrg_augment.pipelines import Pipeline
    from pycemrg_core.api import Sample


@click.command(short_help="Make training samples from an image with a pipeline.")
@click.argument("image", required=False)
@click.option("--labels", metavar="FILE", help="The segmentation of IMAGE; IMAGE is not needed to simulate failures.")
@click.option("--pipeline", "path", required=True, metavar="FILE", help="A YAML file that lists the augmentations.")
@click.option(
    "-n",
    "count",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Number of samples, or how often the pipeline runs.",
)
@click.option("-o", "--output", required=True, metavar="DIR", help="The folder to write to.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The random seed.")
@click.option("--json", "as_json", is_flag=True, help="Print the records of all samples as JSON.")
@plugin_options
@click.pass_context
def augment(
    ctx: click.Context,
    image: str | None,
    labels: str | None,
    path: str,
    count: int,
    output: str,
    seed: int,
    as_json: bool,
) -> None:
    """Make training samples from IMAGE with a pipeline of augmentations.

    Each sample is NUMBER_image.nrrd, NUMBER_labels.nrrd and NUMBER.json, the record of the values drawn. Sample
    number i does not depend on -n. A pipeline with a step of 'samples: 4' makes four samples each time it runs. If
    one sample fails, nothing is written to DIR.

    \b
      pycemrg augment ct.nrrd --pipeline pipeline.yaml -n 20 -o samples --seed 7
      pycemrg augment ct.nrrd --labels seg.nrrd --pipeline pipeline.yaml -n 20 -o samples
      pycemrg augment --labels heart.nrrd --pipeline failures.yaml -n 50 -o broken
    """
    from pycemrg_augment.pipelines import Pipeline
    from pycemrg_augment.transforms.grids import require_same
    from pycemrg_core import Source
    from pycemrg_core.api import PycemrgError, Sample, read_image, read_labels
    from pycemrg_core.cli.kit import held, require_folder, staged

    if image is None and labels is None:
        raise click.UsageError("nothing to augment; give IMAGE, --labels or both", ctx)
    catalogue = session_of(ctx).catalogue()
    pipeline = Pipeline.read(Path(path), catalogue)
    sources = {what: file for what, file in (("image", image), ("labels", labels)) if file}
    folder = Path(output)
    require_folder(folder)
    _require_places(folder, sources, count * pipeline.samples)
    scan, notes = read_image(image) if image else (None, ())
    label_map, more = read_labels(labels, catalogue) if labels else (None, ())
    for note in (*notes, *more):
        click.echo(f"note: {note}", err=True)
    if image and labels:
        require_same(scan, label_map, f"{name_of(image)} and {labels}")
    inputs = {what: {"name": Path(file).name, "sha256": Source.of(file).sha256} for what, file in sources.items()}
    sample = Sample(image=scan, labels=label_map)
    try:
        with held(folder), staged(folder) as inner:
            records = _write(pipeline, sample, inputs, inner, count, seed)
    except KeyboardInterrupt:
        raise PycemrgError(f"interrupted; {name_of(folder)} was not changed") from None
    if as_json:
        echo_json(records)
    else:
        for note in _skipped(records):
            click.echo(f"note: {note}", err=True)
        click.echo(f"{name_of(folder)}: {counted(len(records), 'sample')} written")


def _write(
    pipeline: Pipeline, sample: Sample, inputs: dict[str, Any], folder: Path, count: int, seed: int
) -> list[dict[str, Any]]:
    """Make and write the samples, and return their records."""
    from pycemrg_augment.pipelines import record
    from pycemrg_core.api import geometry, voxels_sha256, write_image
    from pycemrg_core.cli.kit import write_json

    records: list[dict[str, Any]] = []
    bar = click.progressbar(range(count), label="samples", file=sys.stderr) if sys.stderr.isatty() else None
    with bar or nullcontext(range(count)) as numbers:
        for index in numbers:
            for copy, (made, steps) in enumerate(pipeline.apply_all(sample, seed=seed, index=index)):
                files = _files(len(records), made)
                document = record(pipeline, steps, seed=seed, index=index, copy=copy)
                document["input"] = inputs
                document["output"] = {
                    what: {"name": name, "voxels_sha256": voxels_sha256(image), **geometry(image)}
                    for what, (name, image) in files.items()
                }
                for name, image in files.values():
                    write_image(image, folder / name)
                write_json(document, folder / f"{len(records):04}.json")
                records.append(document)
    return records


def _skipped(records: list[dict[str, Any]]) -> list[str]:
    """What was skipped in how many samples, and why."""
    from collections import Counter

    steps = (step for document in records for step in document["steps"])
    reasons = Counter(step["skipped"] for step in steps if "skipped" in step)
    return [f"skipped in {number} of {counted(len(records), 'sample')}: {text}" for text, number in reasons.items()]


def _files(index: int, sample: Sample) -> dict[str, tuple[str, Any]]:
    """The images of a sample, each with the name of its file."""
    pairs = (("image", sample.image), ("labels", sample.labels))
    return {what: (f"{index:04}_{what}.nrrd", image) for what, image in pairs if image is not None}


def _require_places(folder: Path, inputs: dict[str, str], count: int) -> None:
    """Refuse a folder where old samples would stay next to the new ones, or where a sample would replace an input."""
    import os
    import re

    from pycemrg_core.api import OutputError

    written = {f"{index:04}{end}" for index in range(count) for end in [".json", *(f"_{what}.nrrd" for what in inputs)]}
    for name in inputs.values():
        if os.path.realpath(name) in {os.path.realpath(folder / one) for one in written}:
            raise OutputError(f"{name}: a sample would overwrite this input; choose another folder")
    known = os.listdir(folder) if folder.is_dir() else []
    samples = (name for name in known if re.fullmatch(r"\d{4,}(_image\.nrrd|_labels\.nrrd|\.json)", name))
    if old := sorted(set(samples) - written):
        raise OutputError(
            f"{name_of(folder)}: {old[0]} from an earlier run would stay among the new samples;"
            " delete the old samples, or"
            " choose another folder"
        )
