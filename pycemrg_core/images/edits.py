"""Edits, which steps return, and the volume that the runner applies them to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
from attrs import frozen

from pycemrg_core.errors import StepError
from pycemrg_core.images.answers import Mask
from pycemrg_core.images.blueprint import Blueprint
from pycemrg_core.images.boxes import LabelArray, Region, hull
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.images.zeros import zeros


@frozen(eq=False)
class Edit:
    """Inside the box ``region``, where ``mask`` is true, write ``label``.

    ``region`` are array indices (z, y, x) into the volume, ``mask`` is a boolean array with the shape of the region.
    ``part`` names a part of the step's ledger, for a step that does several things.
    """

    region: Region
    mask: Mask
    label: int
    part: str = ""


@frozen
class Note:
    """A message of a step for the user; a step may yield notes among its edits, and the record keeps them."""

    text: str


@frozen
class Doubt:
    """A reason of a step not to go on; it may yield doubts among its edits.

    ``name`` is one of the ``doubts`` of the step kind. If the user does not accept it, the run is refused with
    ``text``, and no voxel changes. If the user does, the text is a note.
    """

    name: str
    text: str


@frozen
class Change:
    """The number of voxels that changed from label ``old`` to ``new``, in a part of the step's ledger."""

    old: int
    new: int
    voxels: int
    part: str = ""


class WorkingVolume(LabelVolume):
    """A label map that the runner changes, one step at a time; it owns its array."""

    def __init__(self, volume: LabelVolume, dtype: np.dtype[np.integer], blueprint: Blueprint | None = None) -> None:
        self._owned = _copied(volume.array, dtype, volume.boxes)
        super().__init__(
            self._owned,
            volume.spacing,
            origin=volume.origin,
            direction=volume.direction,
            blueprint=volume.blueprint if blueprint is None else blueprint,
            boxes=volume.boxes,
        )
        self._reference: LabelVolume | None = None

    @property
    def reference(self) -> LabelVolume:
        return self._reference or self

    @reference.setter
    def reference(self, volume: LabelVolume | None) -> None:
        self._reference = volume

    def copy(self) -> LabelVolume:
        """The current image; later edits do not change it."""
        return self.frozen(_copied(self._owned, self._owned.dtype, self._boxes))

    def frozen(self, array: LabelArray | None = None) -> LabelVolume:
        """The current image, in the same memory or in ``array``; only for use after the last edit."""
        volume = self.with_array(self._owned if array is None else array, boxes=self._boxes)
        volume._loose = set(self._loose)
        return volume

    def apply(self, edits: Iterable[Edit]) -> tuple[Change, ...]:
        """Apply the edits of one step in order, and return the changes.

        Raises :class:`StepError`, before anything is written, when an edit does not fit the image.
        """
        edits = tuple(edits)
        self._hash = ""
        for edit in edits:
            self._require_inside(edit)
        voxels: Counter[tuple[str, int, int]] = Counter()
        for edit in edits:
            for old, count in self._write(edit).items():
                voxels[edit.part, old, edit.label] += count
        touched = frozenset(label for _, *labels in voxels for label in labels)
        self._answers = {key: one for key, one in self._answers.items() if not one[0] & touched}
        return tuple(Change(old, new, voxels[part, old, new], part) for part, old, new in sorted(voxels))

    def _require_inside(self, edit: Edit) -> None:
        if not isinstance(edit.mask, np.ndarray):
            raise StepError(f"the mask of an edit must be a boolean array, not {edit.mask!r:.80}")
        boxed = isinstance(edit.region, tuple) and all(isinstance(axis, slice) for axis in edit.region)
        # Explicit bounds only: a negative or missing bound would silently mean another box.
        inside = (
            boxed
            and len(edit.region) == 3
            and all(
                isinstance(axis.start, (int, np.integer))
                and isinstance(axis.stop, (int, np.integer))
                and axis.step in (None, 1)
                and 0 <= axis.start <= axis.stop <= size
                for axis, size in zip(edit.region, self.array.shape, strict=True)
            )
        )
        shape = tuple(axis.stop - axis.start for axis in edit.region) if inside else ()
        if inside and edit.mask.shape == shape and edit.mask.dtype != np.bool_:
            raise StepError(f"an edit's mask is {edit.mask.dtype}; it must be boolean (mask.astype(bool))")
        if not inside or edit.mask.shape != shape:
            raise StepError(
                f"an edit with a {edit.mask.dtype} mask of shape {edit.mask.shape} for the box {edit.region} "
                f"does not fit an image of shape {self.array.shape}"
            )
        if not 0 <= edit.label <= np.iinfo(self.array.dtype).max:
            raise StepError(f"an edit writes the label {edit.label}, which does not fit in {self.array.dtype}")

    def _write(self, edit: Edit) -> dict[int, int]:
        view = self._owned[edit.region]
        values, counts = _count(view[edit.mask])
        overwritten = {old: voxels for old, voxels in zip(values, counts, strict=True) if old != edit.label}
        if overwritten:
            np.copyto(view, edit.label, where=edit.mask, casting="unsafe")
            for label in {*overwritten, edit.label} - {0}:
                self._loose.add(label)
            if edit.label:
                self._boxes[edit.label] = hull(self._boxes.get(edit.label, edit.region), edit.region)
        return overwritten


def _copied(array: LabelArray, dtype: np.dtype[np.integer], boxes: Mapping[int, Region]) -> LabelArray:
    """A copy. Only the box of the labels is written: the air around it takes neither time nor memory."""
    copy = zeros(array.shape, dtype)
    box = hull(*boxes.values())
    copy[box] = array[box]
    return copy


def _count(values: LabelArray) -> tuple[list[int], list[int]]:
    """The distinct values, and how often each occurs."""
    if values.dtype.itemsize > 2:
        distinct, counts = np.unique(values, return_counts=True)
        return distinct.tolist(), counts.tolist()
    counts = np.bincount(values)
    distinct = np.flatnonzero(counts)
    return distinct.tolist(), counts[distinct].tolist()
