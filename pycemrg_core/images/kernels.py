"""The two operations that most steps use, and functions that make edits from places and arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from pycemrg_core.api.contracts import ApplicationStep, Label, Mode
from pycemrg_core.errors import StepError
from pycemrg_core.images.answers import Ints
from pycemrg_core.images.edits import Edit
from pycemrg_core.images.label_volume import NOWHERE, LabelArray, LabelVolume, Mask, Region, Zone, as_region

_SLAB = 1 << 18  # voxels


def grow(
    volume: LabelVolume,
    shell: Zone,
    target: Label,
    application: Iterable[ApplicationStep],
    *,
    beside: Label | None = None,
    beside_mm: float = 0.0,
) -> Iterable[Edit]:
    """Turn a shell into ``target`` where the application steps allow it.

    With ``beside``, only the part of the shell within ``beside_mm`` of that label becomes ``target``.
    """
    if beside is not None:
        shell &= volume.within(beside.value, beside_mm, near=shell.region)
    allowed = writable(volume.array[shell.region], application)
    allowed &= shell.mask
    yield Edit(shell.region, allowed, target.value)


def convert(
    volume: LabelVolume,
    a: Label,
    b: Label,
    distance_mm: float,
    target: Label,
    application: Iterable[ApplicationStep] = (ApplicationStep(Mode.REPLACE),),
) -> Iterable[Edit]:
    """Turn voxels of ``b`` within ``distance_mm`` of ``a`` into ``target``."""
    zone = volume.within(a.value, distance_mm, near=b.value)
    mask = volume.mask(b.value, zone.region)
    mask &= zone.mask
    mask &= writable(volume.array[zone.region], application)
    yield Edit(zone.region, mask, target.value)


def writable(values: LabelArray, application: Iterable[ApplicationStep]) -> Mask:
    """The mask where a sequence of application steps may overwrite ``values``.

    All steps write the same label through the same mask, so a voxel is written when any of them allows it.
    """
    allowed, steps = np.zeros(values.shape, np.bool_), tuple(application)
    thick = max(_SLAB // max(values[:1].size, 1), 1)  # planes; so much at once stays in the processor's cache
    for z in range(0, len(values), thick):
        _allow(allowed[z : z + thick], values[z : z + thick], steps)
    return allowed


def _allow(allowed: Mask, values: LabelArray, steps: Iterable[ApplicationStep]) -> None:
    for step in steps:
        match step.mode:
            case Mode.REPLACE:
                allowed[...] = True
            case Mode.REPLACE_EXCEPT:
                forbidden = _is_any(values, step.labels)
                allowed |= np.logical_not(forbidden, out=forbidden)
            case Mode.REPLACE_ONLY:
                allowed |= values == 0
                allowed |= _is_any(values, step.labels)
            case Mode.ADD:
                allowed |= values == 0


def _is_any(values: LabelArray, labels: Iterable[Label]) -> Mask:
    found = np.zeros(values.shape, np.bool_)
    for label in labels:
        found |= values == label.value
    return found


def edit_at(places: Ints, label: int, part: str = "") -> Edit:
    """The edit that writes ``label`` at some array indices (n, 3), (z, y, x)."""
    places = np.asarray(places, np.int64).reshape(-1, 3)
    if not len(places):
        return Edit(NOWHERE, np.zeros((0, 0, 0), np.bool_), label, part)
    low, high = places.min(axis=0), places.max(axis=0) + 1
    mask = np.zeros(high - low, np.bool_)
    mask[tuple((places - low).T)] = True
    return Edit(as_region(map(slice, low.tolist(), high.tolist())), mask, label, part)


def edits_between(old: LabelArray, new: LabelArray, region: Region | None = None) -> Iterator[Edit]:
    """The edits that turn one array (z, y, x) into another of the same shape, one edit for each new label.

    ``region`` is the box of the image that the arrays cover; by default the whole image.
    """
    if old.shape != new.shape:
        raise StepError(f"the arrays have different shapes: {old.shape} and {new.shape}; give arrays of one shape")
    corner = [axis.start for axis in region] if region else [0, 0, 0]
    differs = old != new
    for label in np.unique(new[differs]).tolist():
        yield edit_at(np.argwhere(differs & (new == label)) + corner, label)
