"""The command ``pycemrg compare``: compare two label maps, or two images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pycemrg_core.api import counted, name_of
from pycemrg_core.cli.kit import heart_from, plugin_options, session_of
from pycemrg_metrics.commands.show import listed, show, show_one, table_options

if TYPE_CHECKING:
    from pycemrg_core import Catalogue
    from pycemrg_core.api import LabelVolume, PlainImage

_MOST_LABELS = 128


@click.command(short_help="Compare two label maps, or two images.")
@click.argument("prediction")
@click.argument("reference")
@click.option(
    "--metrics", metavar="NAMES", callback=listed, help="Metrics, comma-separated; see 'pycemrg list-metrics'."
)
@click.option("--labels", metavar="NAMES", callback=listed, help="Labels, groups or integers, comma-separated.")
@click.option("--mask", metavar="FILE", help="For images: compare only where this label map is not 0, or has --labels.")
@click.option(
    "--data-range", type=float, metavar="NUMBER", help="For images: range of values; default: range of REFERENCE."
)
@click.option("--resample", is_flag=True, help="Resample PREDICTION to the grid of REFERENCE.")
@table_options
@plugin_options
@click.pass_context
def compare(
    ctx: click.Context,
    prediction: str,
    reference: str,
    metrics: tuple[str, ...],
    labels: tuple[str, ...],
    mask: str | None,
    data_range: float | None,
    resample: bool,
    parameters: dict[str, float],
    scheme: str | None,
    groups: bool,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Compare PREDICTION with REFERENCE: label by label for label maps, as a whole for images.

    Without --metrics, two files with few different whole numbers are label maps (dice, hd95, assd,
    volume_difference), all others are images (mse, psnr, ssim, gradient_error).

    \b
      pycemrg compare mine.nrrd truth.nrrd
      pycemrg compare mine.nrrd truth.nrrd --metrics dice,nsd --set tolerance_mm=2 --labels chambers
      pycemrg compare denoised.nrrd ct.nrrd --mask labels.nrrd --labels LV_BP,LV_myo
    """
    from pycemrg_core.api import Measures
    from pycemrg_metrics import choices, faces

    catalogue = session_of(ctx).catalogue()
    of_images = choices.what_compares(catalogue, metrics) is Measures.IMAGES if metrics else None
    ours, theirs = (_read(path, catalogue) for path in (prediction, reference))
    if of_images is None:
        of_images = not (_like_labels(ours) and _like_labels(theirs))
    _require_options(ctx, of_images, labels, mask, data_range, groups)
    more = {"prediction": prediction, "reference": reference}
    if of_images:
        table = faces.compare_images(
            _on_grid(ours, theirs, prediction, reference, resample, of_images), theirs, catalogue,
            metrics=metrics or faces.IMAGE_METRICS, labels=labels, data_range=data_range,
            mask=_read_mask(mask, theirs, reference, catalogue), scheme=choices.naming(scheme, catalogue, mask, _say),
            parameters=parameters,
        )  # fmt: skip
        show_one(table, as_json, as_csv, **more)
        return
    ours, names, notes = choices.by_name(_labels(ours, prediction), scheme, catalogue, prediction, reference)
    theirs = _labels(theirs, reference)
    ours = _labels(_on_grid(ours, theirs, prediction, reference, resample, of_images), prediction)
    table, more_notes = faces.labels_table(
        ours, theirs, catalogue, names, metrics or faces.LABEL_METRICS, labels, groups, parameters
    )
    for note in (*notes, *more_notes):
        _say(note)
    show(table, as_json, as_csv, title="label", mean=True, **more)


def _say(note: str) -> None:
    click.echo(f"note: {note}", err=True)


def _require_options(
    ctx: click.Context,
    of_images: bool,
    labels: tuple[str, ...],
    mask: str | None,
    data_range: float | None,
    groups: bool,
) -> None:
    if of_images and labels and not mask:
        raise click.UsageError("for images, --labels selects voxels of --mask; give --mask", ctx)
    if of_images and groups:
        raise click.UsageError("--groups is only for label maps, and these files are images; leave it out", ctx)
    if not of_images and (mask or data_range is not None):
        raise click.UsageError(
            "--mask and --data-range are only for images, and these files are label maps; leave them out", ctx
        )


def _read(path: str, catalogue: Catalogue) -> LabelVolume | PlainImage:
    """A single image as it is, anything else as one label map."""
    from pycemrg_core.api import is_one_image, read_plain

    if not is_one_image(path):
        return heart_from(path, catalogue).volume
    image, notes = read_plain(path, flat=True)
    for note in notes:
        _say(note)
    return image


def _read_mask(
    path: str | None, like: LabelVolume | PlainImage, like_path: str, catalogue: Catalogue
) -> LabelVolume | None:
    from pycemrg_metrics.grids import require_same_grid

    if path is None:
        return None
    mask = _labels(_read(path, catalogue), path)
    require_same_grid(mask, like, (path, like_path))
    return mask


def _labels(image: LabelVolume | PlainImage, path: str) -> LabelVolume:
    from pycemrg_metrics.grids import as_labels

    volume, notes = as_labels(image, path)
    for note in notes:
        _say(note)
    return volume


def _like_labels(image: LabelVolume | PlainImage) -> bool:
    """Whether an image holds only few different whole numbers from 0, so it is probably a label map."""
    import numpy as np

    from pycemrg_core.api import occupied

    # What is outside the box of all other values is 0, one value more.
    inside = image.array[occupied(image.array)] if image.array.dtype.kind in "iu" else image.array
    most = _MOST_LABELS - int(inside.size < image.array.size and inside.all())
    # Look at a sample first: it is enough for most scans, and sorting all voxels takes long.
    values = np.unique(inside.ravel()[::1009])
    if len(values) <= most:
        values = np.unique(inside)
    return bool(len(values) <= most and (values >= 0).all() and (values == np.rint(values)).all())


def _on_grid(
    image: LabelVolume | PlainImage,
    like: LabelVolume | PlainImage,
    path: str,
    like_path: str,
    resample: bool,
    of_images: bool,
) -> LabelVolume | PlainImage:
    from pycemrg_core.api import plain_of
    from pycemrg_metrics import grids

    if not resample:
        grids.require_same_grid(image, like, (path, like_path))
        return image
    moved, outside = grids.resample(image, like, labels=not of_images)
    how = "linear" if of_images else "nearest voxel"
    text = f"note: {name_of(path)} resampled to the grid of {name_of(like_path)} ({how})"
    if outside:
        value = "get its smallest value" if of_images else "count as background"
        text += f"; {counted(outside, 'voxel')} of this grid outside the image {value}"
    click.echo(text, err=True)
    return plain_of(moved)
