"""Compare and measure from Python: functions that take images and a catalogue and return a :class:`Table`.

Images are SimpleITK images, label volumes or paths; nothing is written. Structures are named by the labels, groups
or integers of a label scheme, and metrics by ``name`` or ``provider:name`` in the catalogue. Metrics of any plugin
work.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pycemrg_core import Catalogue
from pycemrg_core.api import (
    AnyImage,
    Comparison,
    ImageError,
    ImagePair,
    LabelScheme,
    LabelVolume,
    Mask,
    Measures,
    MetricError,
    PlainImage,
    StructureMask,
    evaluate,
    is_one_image,
    one_slice,
    plain_of,
    read_plain,
    read_volume,
)
from pycemrg_metrics import choices
from pycemrg_metrics.choices import Chosen
from pycemrg_metrics.grids import as_labels, require_same_grid
from pycemrg_metrics.tables import Row, Table

if TYPE_CHECKING:
    import SimpleITK as sitk

LABEL_METRICS = ("dice", "hd95", "assd", "volume_difference")
IMAGE_METRICS = ("mse", "psnr", "ssim", "gradient_error")
STRUCTURE_METRICS = ("volume", "components", "euler_number")
PAIR_METRICS = ("contact_area",)

Names = Sequence[str | int]
Parameters = Mapping[str, float]


def compare_labels(
    prediction: AnyImage,
    reference: AnyImage,
    catalogue: Catalogue,
    *,
    metrics: Sequence[str] = LABEL_METRICS,
    labels: Names = (),
    groups: bool = False,
    scheme: str | LabelScheme | None = None,
    parameters: Parameters | None = None,
) -> Table:
    """Compare two label maps of the same grid, structure by structure; 2-D ones are slices of 1 mm.

    ``scheme`` names the labels; by default the names in the files do, or else the runs whose ``run.json`` lies beside
    them, or else ``cemrg``. Labels that two files call the same are compared, whatever their integers are; masks are
    not named by ``scheme``. That a record names the labels, what is assumed of a map without names, and that nothing is
    in both maps, are warnings. ``labels``: the rows; by default every label in either map. ``groups``: also the groups
    of the scheme that contain one of them, each as one structure. ``parameters`` go to the metrics that accept them.

    Raises :class:`ImageError` for an image that is not a label map, :class:`MetricError` when the grids differ or a
    metric cannot be computed, :class:`LabelError` and :class:`UnknownNameError` for unknown names.
    """
    mine, _ = as_labels(_given(prediction, catalogue), "the prediction")
    mine, record, notes = choices.by_name(mine, scheme, catalogue, prediction, reference)
    theirs, _ = as_labels(_given(reference, catalogue), "the reference")
    table, more = labels_table(mine, theirs, catalogue, record, metrics, labels, groups, parameters)
    for note in (*notes, *more):
        warnings.warn(note, stacklevel=2)
    return table


def labels_table(
    prediction: LabelVolume,
    reference: LabelVolume,
    catalogue: Catalogue,
    record: LabelScheme,
    metrics: Sequence[str],
    labels: Names,
    groups: bool,
    parameters: Parameters | None,
) -> tuple[Table, tuple[str, ...]]:
    """Compare two label maps whose integers are those of ``record``; the table, and notes for the user."""
    chosen = choices.metrics(catalogue, metrics, Measures.SEGMENTATIONS, parameters)
    require_same_grid(prediction, reference, ("the prediction", "the reference"))
    # Both get the same spacing: the grids are the same, except for rounding in the files.
    ours = LabelVolume(prediction.array, reference.spacing, boxes=prediction.boxes)
    rows = choices.structures(
        choices.canonical(labels, catalogue, record) or sorted({*ours.boxes, *reference.boxes}), record
    )
    if not rows:
        raise MetricError("both label maps are empty; give maps with labels")

    def subjects(values: tuple[int, ...], name: str) -> tuple[Comparison]:
        return (Comparison(StructureMask(ours, values, name), StructureMask(reference, values, name)),)

    table = _table(chosen, rows, choices.groups(rows, record) if groups else {}, subjects)
    return table, tuple(choices.nothing_shared(ours.boxes, reference.boxes, record))


def compare_images(
    prediction: AnyImage | PlainImage,
    reference: AnyImage | PlainImage,
    catalogue: Catalogue,
    *,
    metrics: Sequence[str] = IMAGE_METRICS,
    mask: AnyImage | None = None,
    labels: Names = (),
    data_range: float | None = None,
    scheme: str | LabelScheme | None = None,
    parameters: Parameters | None = None,
) -> Table:
    """Compare two images of the same grid; the table has one row.

    ``mask``: a label map; only voxels where it is not 0, or where it has one of ``labels``, are compared.
    ``data_range``: the largest minus the smallest possible value; by default the range of the whole reference.

    Raises :class:`ImageError` for NaN or infinite voxels, :class:`MetricError` when the grids differ, the mask is
    empty or a metric cannot be computed, :class:`UnknownNameError` for unknown names.
    """
    chosen = choices.metrics(catalogue, metrics, Measures.IMAGES, parameters)
    record = choices.naming(scheme, catalogue, mask)
    ours, other = plain_of(_given(prediction, catalogue)), plain_of(_given(reference, catalogue))
    inside = None
    if mask is not None:
        labels = choices.canonical(labels, catalogue, record)
        inside = _inside(_given(mask, catalogue), other, labels, record)
    require_same_grid(ours, other, ("the prediction", "the reference"))
    theirs = _numbers(other, "the reference")
    pair = ImagePair(
        _numbers(ours, "the prediction"),
        theirs,
        other.spacing,
        float(np.ptp(theirs)) if data_range is None else data_range,
        inside,
    )
    return _table(chosen, {"image": ()}, {}, lambda values, name: (pair,))


def measure(
    image: AnyImage,
    catalogue: Catalogue,
    *,
    metrics: Sequence[str] = (),
    labels: Names = (),
    groups: bool = False,
    between: Sequence[tuple[str | int, str | int]] = (),
    scheme: str | LabelScheme | None = None,
    parameters: Parameters | None = None,
) -> Table:
    """Measure each structure of a label map, or each pair of structures in ``between``.

    The default ``metrics`` are ``STRUCTURE_METRICS``, or ``PAIR_METRICS`` for pairs. A name in ``between`` can be
    the name of a group. ``labels``, ``groups`` and errors are as in :func:`compare_labels`.
    """
    record = choices.naming(scheme, catalogue, image)
    wanted = Measures.STRUCTURES if between else Measures.STRUCTURE
    names = metrics or (PAIR_METRICS if between else STRUCTURE_METRICS)
    chosen = choices.metrics(catalogue, names, wanted, parameters)
    volume, _ = as_labels(_given(image, catalogue), "the image")
    if between:
        if any(isinstance(pair, str) or len(pair) != 2 for pair in between):
            raise MetricError("between is no list of pairs; give one such as [('LV_BP', 'LV_myo')]")
        named = [choices.canonical(pair, catalogue, record) for pair in between]
        pairs = {f"{a}:{b}": (choices.integers(a, record), choices.integers(b, record)) for a, b in named}
        rows = {name: (*a, *b) for name, (a, b) in pairs.items()}
        return _table(chosen, rows, {}, lambda _, name: tuple(StructureMask(volume, part) for part in pairs[name]))
    rows = choices.structures(choices.canonical(labels, catalogue, record) or sorted(volume.boxes), record)
    more = choices.groups(rows, record) if groups else {}
    return _table(chosen, rows, more, lambda values, name: (StructureMask(volume, values, name),))


def _table(
    chosen: Iterable[Chosen],
    rows: Mapping[str, tuple[int, ...]],
    groups: Mapping[str, tuple[int, ...]],
    subjects: Callable[[tuple[int, ...], str], tuple[Any, ...]],
) -> Table:
    chosen = tuple(chosen)

    def row(name: str, labels: tuple[int, ...]) -> Row:
        # One subject for all metrics of a row, so that they share costly results.
        given = subjects(labels, name)
        values = {one.column.name: evaluate(one.metric, *given, parameters=one.column.parameters) for one in chosen}
        return Row(name, labels, values)

    return Table(
        tuple(one.column for one in chosen),
        tuple(row(name, labels) for name, labels in rows.items()),
        tuple(row(name, labels) for name, labels in groups.items()),
    )


def _given(image: AnyImage | PlainImage, catalogue: Catalogue) -> sitk.Image | LabelVolume | PlainImage:
    """An image of SimpleITK as it is, but a 2-D one as one slice; files are read like by ``image_given``."""
    if isinstance(image, (LabelVolume, PlainImage)):
        return image
    if not isinstance(image, (str, os.PathLike)):
        return one_slice(image)
    found, notes = read_plain(image, flat=True) if is_one_image(image) else read_volume(image, catalogue)
    for note in notes:
        warnings.warn(note, stacklevel=3)
    return found


def _numbers(image: PlainImage, name: str) -> Any:
    array = image.array.astype(np.float64, copy=False)
    if wrong := sum(int(np.count_nonzero(~np.isfinite(plane))) for plane in array):
        voxels, them = ("voxel is", "it") if wrong == 1 else ("voxels are", "them")
        raise ImageError(f"{name}: {wrong:,} {voxels} NaN or infinite; give {them} a value first")
    return array


def _inside(
    mask: sitk.Image | LabelVolume | PlainImage, reference: PlainImage, labels: Names, scheme: LabelScheme
) -> Mask:
    require_same_grid(mask, reference, ("the mask", "the reference"))
    array = as_labels(mask, "the mask")[0].array
    wanted = [value for values in choices.structures(labels, scheme).values() for value in values]
    found: Mask = np.isin(array, wanted) if wanted else array > 0
    if not found.any():
        raise MetricError("no voxel is inside the mask; give other labels, or another mask")
    return found
