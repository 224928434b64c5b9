"""Change the integers of all labels of an image at once, with a validated mapping.

A mapping applied label by label (1 to 2, then 2 to 3) merges structures without an error. A :class:`LabelRemapper`
looks up every voxel once, and refuses a mapping that would make one structure out of two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycemrg_core.api.labels import BACKGROUND
from pycemrg_core.errors import LabelError
from pycemrg_core.images import image_files
from pycemrg_core.images.boxes import occupied
from pycemrg_core.images.edits import Change
from pycemrg_core.images.given import AnyImage, image_given, volume_given
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.images.zeros import zeros
from pycemrg_core.text.names import close_to

if TYPE_CHECKING:
    import SimpleITK as sitk

Dropped = Literal["refuse", "drop", "keep"]

MOST = 2**32 - 1
# Up to this size, a table with an entry for every integer fits in the processor cache.
_TABLE = 2**16


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, np.integer) else value


def _pairs(mapping: Mapping[int, int]) -> Mapping[int, int]:
    pairs = {_whole(old): _whole(new) for old, new in mapping.items()}
    if pairs.get(0) == 0:
        del pairs[0]
    return MappingProxyType(pairs)


def _read_only(names: Mapping[int, str]) -> Mapping[int, str]:
    return MappingProxyType(dict(names))


@frozen
class RemapReport:
    """The effect of a remapper on an image.

    ``mapped``: the labels of the image that are in the mapping, including labels mapped to themselves. ``kept``:
    the other labels (``old`` equals ``new``). ``absent``: integers of the mapping that are not in the image. All
    are in order of the old integer, without the background.
    """

    mapped: tuple[Change, ...]
    kept: tuple[Change, ...]
    absent: tuple[int, ...]
    old_names: Mapping[int, str] = field(factory=dict, converter=_read_only)
    new_names: Mapping[int, str] = field(factory=dict, converter=_read_only)

    @property
    def deleted(self) -> tuple[Change, ...]:
        """The labels that become background."""
        return tuple(change for change in self.mapped if change.new == 0)

    def lines(self) -> Iterator[str]:
        """One line of text for each label: ``4 (LA) -> 3 (LA): 1,234 voxels``."""
        for change in self.mapped:
            became = f"-> {_shown([change.new], self.new_names)}" if change.new else "-> background"
            yield f"{_shown([change.old], self.old_names)} {became}: {_voxels(change.voxels)}"
        for change in self.kept:
            yield f"{_shown([change.old], self.old_names)} not mapped, kept: {_voxels(change.voxels)}"
        for old in self.absent:
            yield f"{_shown([old], self.old_names)} not in the image"


@frozen
class LabelRemapper:
    """A mapping from old to new integers, validated when it is made; other integers do not change.

    ``merge``: several integers may become one. ``delete``: a target of 0 deletes the label. ``old_names`` and
    ``new_names`` make the messages readable. ``new_names`` also contains every integer with a meaning in the
    target, so a label that is not mapped cannot get this meaning. ``dropped`` and ``kept`` are the structures that
    :meth:`between` found only in the source.

    Raises :class:`LabelError` with all problems at once: two integers that become one, a target 0 or a
    negative integer, a mapped background, an integer beyond 32 bits.
    """

    mapping: Mapping[int, int] = field(converter=_pairs)
    merge: bool = field(default=False, kw_only=True)
    delete: bool = field(default=False, kw_only=True)
    old_names: Mapping[int, str] = field(factory=dict, converter=_read_only, kw_only=True)
    new_names: Mapping[int, str] = field(factory=dict, converter=_read_only, kw_only=True)
    dropped: tuple[str, ...] = field(default=(), kw_only=True)
    kept: tuple[str, ...] = field(default=(), kw_only=True)

    def __attrs_post_init__(self) -> None:
        _refuse("the labels cannot be remapped", self._problems())

    @classmethod
    def between(
        cls,
        source: Mapping[str, int],
        target: Mapping[str, int],
        *,
        dropped: Dropped = "refuse",
        merge: bool = False,
    ) -> LabelRemapper:
        """A remapper from the integers of one scheme to the integers of another, matched by structure name.

        ``dropped`` says what to do with structures that only the source has: ``"refuse"``, ``"drop"`` (they become
        background) or ``"keep"`` (their integer stays, unless it has another meaning in the target). Structures
        that only the target has are ignored.

        Raises :class:`LabelError` with all problems at once.
        """
        if dropped not in ("refuse", "drop", "keep"):
            raise ValueError(f"dropped is {dropped!r}; give 'refuse', 'drop' or 'keep'")
        old_names, new_names = _by_value(source), _by_value(target)
        wanted: list[tuple[int, int]] = []
        only: list[str] = []
        problems: list[str] = []
        for name, old in source.items():
            if name == BACKGROUND:
                continue
            if name in target:
                wanted.append((old, target[name]))
                continue
            only.append(name)
            if dropped == "refuse":
                problems.append(_only_in_source(name, old, target))
            elif dropped == "keep" and old in new_names:
                problems.append(
                    f"{old} ({name}) cannot be kept, because {old} is {new_names[old]!r} in the target;"
                    f" drop it, or give {name!r} another integer in the target"
                )
            wanted.append((old, old if dropped == "keep" else 0))
        mapping, twice = _joined(wanted, old_names, new_names)
        _refuse("the labels cannot be remapped", [*problems, *twice])
        return cls(
            mapping,
            merge=merge,
            delete=dropped == "drop",
            old_names=old_names,
            new_names=new_names,
            dropped=tuple(only) if dropped == "drop" else (),
            kept=tuple(only) if dropped == "keep" else (),
        )

    @classmethod
    def named(
        cls,
        mapping: Mapping[int | str, int | str],
        source: Mapping[str, int],
        target: Mapping[str, int] | None = None,
        *,
        merge: bool = False,
        delete: bool = False,
    ) -> LabelRemapper:
        """A remapper from a mapping of integers or names.

        Old names are names in ``source``; new names are names in ``target``, or in ``source`` when there is no
        target. The name ``background`` means 0. Raises :class:`LabelError` with all problems at once.
        """
        labels = source if target is None else target
        wanted: list[tuple[Any, Any]] = []
        problems: list[str] = []
        where = "" if target is None else " in the target"
        for old, new in mapping.items():
            known = len(problems)
            pair = _value(old, source, "", problems), _value(new, labels, where, problems)
            if len(problems) == known:
                wanted.append(pair)
        old_names, new_names = _by_value(source), _by_value(target or {})
        joined, twice = _joined(wanted, old_names, new_names)
        _refuse("the labels cannot be remapped", [*problems, *twice])
        return cls(joined, merge=merge, delete=delete, old_names=old_names, new_names=new_names)

    def apply(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return a new array with the new integers; ``array`` (an integer type, any shape) is not changed.

        The type is kept if every target of the mapping fits, even targets not used in this image; otherwise the
        smallest unsigned type that fits is used. Raises :class:`LabelError` like :meth:`report`.
        """
        report, dtype = self.report(array), self.dtype(array.dtype)
        changes = sorted([*report.mapped, *report.kept, Change(0, 0, 0)], key=lambda change: change.old)
        old = np.array([change.old for change in changes], dtype=array.dtype)
        new = np.array([change.new for change in changes], dtype=dtype)
        table = np.zeros(int(old[-1]) + 1 if old[-1] < _TABLE else 0, dtype)
        if table.size:
            table[old.astype(np.intp)] = new
        volume = _as_volume(array)
        result, box = zeros(volume.shape, dtype), occupied(volume)
        for plane, target in zip(volume[box], result[box], strict=True):
            target[...] = table[plane.astype(np.intp)] if table.size else new[np.searchsorted(old, plane)]
        return result.reshape(array.shape)

    def report(self, array: NDArray[Any]) -> RemapReport:
        """What :meth:`apply` would do to this label array (any shape), with the number of voxels of each label.

        Raises :class:`LabelError`, with all problems at once, for an array that is not of integers from 0, and
        for unmapped labels that another label would be merged into: 6, when 5 becomes 6.
        """
        voxels = _count(array)
        self.require_known(voxels)
        labels = sorted(voxels.keys() - {0})
        return RemapReport(
            mapped=tuple(Change(old, self.mapping[old], voxels[old]) for old in labels if old in self.mapping),
            kept=tuple(Change(old, old, voxels[old]) for old in labels if old not in self.mapping),
            absent=tuple(sorted(self.mapping.keys() - voxels.keys())),
            old_names=self.old_names,
            new_names=self.new_names,
        )

    def require_known(self, labels: Iterable[int]) -> None:
        """Refuse integers that cannot be remapped, with all problems at once (:class:`LabelError`)."""
        _refuse("the image's labels cannot be remapped", self._swallowed(sorted(set(labels) - {0})))

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """The type of the result for an array of an integer ``dtype``."""
        most = max(self.mapping.values(), default=0)
        return dtype.newbyteorder("=") if most <= np.iinfo(dtype).max else np.min_scalar_type(most)

    def inverse(self) -> LabelRemapper:
        """The remapper that reverses this one.

        Raises :class:`LabelError` when labels are merged or deleted, because the result does not contain the old
        labels.
        """
        _refuse("the mapping cannot be undone", self._lost())
        return LabelRemapper(
            {new: old for old, new in self.mapping.items()},
            old_names=self.new_names,
            new_names={old: self.old_names[old] for old in self.mapping if old in self.old_names},
        )

    def _problems(self) -> Iterator[str]:
        for old, new in self.mapping.items():
            if unfit := [*_unfit(old), *_unfit(new)]:
                yield from unfit
            elif old == 0:
                yield f"0 is the background and cannot become {new}; leave 0 out"
            elif new == 0 and not self.delete:
                yield (
                    f"{self._old(old)} would become 0, the background;"
                    " give it another integer, or ask for deletion (--drop, delete=True)"
                )
        if not self.merge:
            for new, olds in self._sources().items():
                if new != 0 and len(olds) > 1:
                    yield (
                        f"{self._old(*olds)} would all become {self._new(new)};"
                        " give each its own integer, or ask for a merge (--merge, merge=True)"
                    )

    def _swallowed(self, labels: Iterable[int]) -> Iterator[str]:
        sources = self._sources()
        for label in labels:
            if label in self.mapping:
                continue
            if label in sources:
                yield (
                    f"{self._old(label)} is in the image and not mapped, and {self._old(*sources[label])} becomes"
                    f" {label}; map {label} to another integer, or to {label} with a merge (--merge, merge=True)"
                )
            elif label in self.new_names and self.new_names[label] != self.old_names.get(label):
                yield (
                    f"{self._old(label)} is in the image and not mapped, and in the target {label} is"
                    f" {self.new_names[label]!r}; map {label} too, or delete it"
                )

    def _lost(self) -> Iterator[str]:
        for new, olds in self._sources().items():
            if new == 0:
                yield f"{self._old(*olds)} would not come back from the background; go back to the original image"
            elif len(olds) > 1:
                yield f"{self._old(*olds)} are all {self._new(new)}; go back to the original image"

    def _sources(self) -> dict[int, list[int]]:
        sources: dict[int, list[int]] = {}
        for old, new in self.mapping.items():
            if type(new) is int:
                sources.setdefault(new, []).append(old)
        return sources

    def _old(self, *values: int) -> str:
        return _shown(values, self.old_names)

    def _new(self, value: int) -> str:
        return _shown([value], self.new_names)


def remap_volume(volume: AnyImage, remapper: LabelRemapper) -> LabelVolume:
    """Return a new label map with the new integers; ``volume`` is not changed.

    The integer type is kept if the targets fit. Raises :class:`LabelError` like :meth:`LabelRemapper.report`.
    """
    volume = volume_given(volume)
    return volume.with_array(remapper.apply(volume.array))


def remap_image(image: AnyImage, remapper: LabelRemapper) -> sitk.Image:
    """Return a new image with the new integers and the exact geometry of ``image``, which is not changed.

    ``image`` has one integer per voxel; the pixel type is kept if the targets fit. Raises :class:`LabelError` like
    :meth:`LabelRemapper.report`.
    """
    image = image_given(image)
    return image_files.image_from_array(remapper.apply(image_files.voxel_array(image)), image)


def _refuse(title: str, problems: Iterable[str]) -> None:
    lines = [f"  {number}. {problem}" for number, problem in enumerate(dict.fromkeys(problems), 1)]
    if lines:
        raise LabelError("\n".join([f"{title}:", *lines]))


def _unfit(value: Any) -> Iterator[str]:
    if type(value) is not int:
        yield f"{value!r} is not a whole number; labels are integers from 1 (0 is the background)"
    elif value < 0:
        yield f"{value} is negative; labels are integers from 1 (0 is the background)"
    elif value > MOST:
        yield f"{value} does not fit in 32 bits; the largest label is {MOST}"


def _shown(values: Iterable[int], names: Mapping[int, str]) -> str:
    texts = [f"{value} ({names[value]})" if value in names else str(value) for value in values]
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def _voxels(count: int) -> str:
    return "1 voxel" if count == 1 else f"{count:,} voxels"


def _by_value(labels: Mapping[str, int]) -> dict[int, str]:
    # Reversed, so that the first of several names for one integer is shown.
    return {value: name for name, value in reversed(list(labels.items())) if value != 0}


def _only_in_source(name: str, value: int, target: Mapping[str, int]) -> str:
    return (
        f"{value} ({name}) is not in the target; name it there, or choose to drop it"
        f" (--drop, dropped='drop'){close_to(name, target, cutoff=0.85)}"
    )


def _value(value: Any, labels: Mapping[str, int], where: str, problems: list[str]) -> Any:
    """The integer of a name or integer; adds a problem when the name is unknown."""
    if not isinstance(value, str):
        return value
    if value not in labels and value != BACKGROUND:
        problems.append(f"no label is called {value!r}{where}{close_to(value, labels)}")
    return labels.get(value, 0)


def _joined(
    pairs: Iterable[tuple[int, int]], old_names: Mapping[int, str], new_names: Mapping[int, str]
) -> tuple[dict[int, int], list[str]]:
    """The pairs as a mapping, and a problem for each integer that has two targets."""
    mapping: dict[int, int] = {}
    problems: list[str] = []
    for old, new in pairs:
        if mapping.setdefault(old, new) != new:
            became = f"{_shown([mapping[old]], new_names)} and {_shown([new], new_names)}"
            problems.append(f"{_shown([old], old_names)} would become both {became}; leave one of them out")
    return mapping, problems


def _as_volume(array: NDArray[Any]) -> NDArray[Any]:
    """The array as (z, y, x); one of another shape is one line."""
    return array if array.ndim == 3 else array.reshape(1, 1, -1)


def _count(array: NDArray[Any]) -> dict[int, int]:
    """The number of voxels of each integer; of the background, those in the box of all others.

    Raises :class:`LabelError` unless all are integers from 0.
    """
    if array.dtype.kind not in "iu":
        raise LabelError(f"the array has the type {array.dtype}, not integers; labels are integers from 1")
    volume = _as_volume(array)
    inside = volume[occupied(volume)]
    if inside.size == 0:
        return {}
    if inside.min() < 0:
        raise LabelError(
            f"the image has the value {inside.min()}; labels are integers from 1: give the segmentation, not the scan"
        )
    high = int(inside.max())
    if high < _TABLE:
        totals = np.zeros(high + 1, np.int64)
        for plane in inside:
            totals += np.bincount(plane.ravel().astype(np.intp), minlength=high + 1)
        return {int(label): int(totals[label]) for label in np.flatnonzero(totals)}
    voxels: dict[int, int] = {}
    for plane in inside:
        for label, count in zip(*(found.tolist() for found in np.unique(plane, return_counts=True)), strict=True):
            voxels[label] = voxels.get(label, 0) + count
    return voxels
