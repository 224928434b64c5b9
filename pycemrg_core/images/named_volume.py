"""A source as one label map, with the names that it gives to its labels: what a command that takes a heart works on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from attrs import evolve, field, frozen

from pycemrg_core.api.records import Schematic
from pycemrg_core.errors import ImageError, PlanError
from pycemrg_core.images import formats, image_files
from pycemrg_core.images.formats.files import extension
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.images.segmentation import Layer, Segment, Segmentation, listed
from pycemrg_core.images.sources import read_segmentation, split_scheme
from pycemrg_core.images.structures import misspelt
from pycemrg_core.images.zeros import zeros
from pycemrg_core.plugins.catalogue import Catalogue, load_catalogue
from pycemrg_core.shown.objects import ShownRead
from pycemrg_core.text.files import name_of
from pycemrg_core.text.install_hints import advice

if TYPE_CHECKING:
    import SimpleITK as sitk

_TOLERANCE = 0.1  # of a voxel, between the corners of two grids


@frozen(kw_only=True, eq=False, repr=False)
class NamedVolume(ShownRead):
    """One label map, and the names in its source.

    ``labels`` are integers by canonical name, or by the name in the source where that is no known structure; empty if
    no name is known. ``notes`` are for the user. ``segmentation`` is what the reader found. ``flat``: the source is
    2-D, and the volume one slice.
    """

    volume: LabelVolume
    labels: Mapping[str, int] = field(factory=dict)
    notes: tuple[str, ...] = ()
    segmentation: Segmentation
    flat: bool = False


def read_slice(path: str | os.PathLike[str]) -> NamedVolume | None:
    """A 2-D image file as one slice of 1 mm; None for anything else. Raises :class:`ImageError`."""
    place, scheme = split_scheme(path)
    if scheme or not place.is_file() or extension(place) not in formats.READERS:
        return None
    if not formats.read_layered_header(place, flat=True).flat:
        return None
    volume, notes = image_files.read_volume(place, flat=True)
    layer = Layer(load=lambda: (volume, notes), files=(place,))
    return NamedVolume(volume=volume, notes=notes, segmentation=Segmentation(layers=(layer,)), flat=True)


def read_heart(
    source: sitk.Image | LabelVolume | str | os.PathLike[str],
    catalogue: Catalogue,
    *,
    named: bool = False,
    integers: Mapping[str, int] | None = None,
) -> NamedVolume:
    """Read a source as one label map, with its names. A label volume, or a label map of SimpleITK, has none.

    A source with one layer keeps its integers. If it has several, such as a folder of masks, each known structure gets
    its integer in ``integers``, or else in the catalogue's schematics, or else a free one. ``named``: the user names
    the integers, so names next to the source, and in one with one layer, are not used.

    Raises :class:`ImageError` like :func:`~pycemrg_core.images.sources.read_segmentation`, and where the source is not
    one label map: its layers overlap or have different grids, or two of its labels are one structure.
    """
    if not isinstance(source, (str, os.PathLike)):
        return _of_image(source)
    found = read_segmentation(source, catalogue, beside=not named)
    name = name_of(source)
    # The integer of a mask means nothing, even where a folder has only one.
    if len(found.layers) == 1 and not Path(source).is_dir():
        return _of_one_layer(found, name, named)
    return _of_layers(found, name, integers or _usual(catalogue), catalogue)


def names_within(source: str | os.PathLike[str], catalogue: Catalogue) -> Mapping[str, int]:
    """The ``labels`` of :func:`read_heart` for a source that was read with it, or for one image without its voxels."""
    found = read_segmentation(source, catalogue)
    if len(found.layers) > 1 or Path(source).is_dir():
        return _given([one.structure for one in found.segments if one.structure], _usual(catalogue))
    known = {one.structure: one.value for one in found.segments if one.structure}
    return {**{one.name: one.value for one in found.segments if not one.structure}, **known} if known else {}


def read_labels(path: str | os.PathLike[str], catalogue: Catalogue | None = None) -> tuple[sitk.Image, tuple[str, ...]]:
    """Read a label map: an image file, or what a reader reads as one label map. Returns the image and notes.

    The readers are those of ``catalogue``, or else of :func:`~pycemrg_core.plugins.catalogue.load_catalogue`. Raises
    ``ImageError`` with one line: the file, what is wrong, and what to do.
    """
    if is_one_image(path):
        return image_files.read_labels(path)
    read = read_heart(path, catalogue or load_catalogue())
    return image_files.image_of(read.volume), read.notes


def read_volume(
    path: str | os.PathLike[str], catalogue: Catalogue | None = None
) -> tuple[LabelVolume, tuple[str, ...]]:
    """Read a label map like :func:`read_labels`, and return it as a :class:`LabelVolume` with notes for the user."""
    if is_one_image(path):
        return image_files.read_volume(path)
    read = read_heart(path, catalogue or load_catalogue())
    return read.volume, read.notes


def is_one_image(path: str | os.PathLike[str]) -> bool:
    """Whether it is one image, or nothing that exists."""
    place, scheme = split_scheme(path)
    if not place.is_file():
        return not place.is_dir() and not scheme
    if scheme or extension(place) not in formats.READERS:
        return False
    return formats.read_layered_header(place, flat=True).layers == 1


@contextmanager
def telling(hints: Sequence[str]) -> Iterator[None]:
    """Add hints to what is said against a label map."""
    try:
        yield
    except PlanError as error:
        raise PlanError(error.title, [*error.problems, *hints]) from error


def hints_of(read: NamedVolume, catalogue: Catalogue) -> tuple[str, ...]:
    """What may be wrong with a label map that cannot be used: names that are misspelt, or it is a mask."""
    unknown = [one.name for one in read.segmentation.segments if not one.structure]
    alone = (perhaps_a_mask(),) if len(read.volume.boxes) == 1 else ()
    return (*misspelt(unknown, read.labels, catalogue), *alone)


def perhaps_a_mask() -> str:
    """What to say of an image with one label that cannot be used."""
    return f"it has one label; if it is a mask, give all masks, or {advice('several')}"


def _of_image(image: sitk.Image | LabelVolume) -> NamedVolume:
    volume, notes = (image, ()) if isinstance(image, LabelVolume) else image_files.label_volume(image, "the image")
    found = Segmentation(layers=(Layer(load=lambda: (volume, notes)),))
    return NamedVolume(volume=volume, notes=notes, segmentation=found)


def _of_one_layer(found: Segmentation, name: str, named: bool) -> NamedVolume:
    layer = found.layers[0]
    volume, notes = layer.volume, (*found.notes, *layer.notes)
    if not volume.boxes:
        raise ImageError(f"{name}: is empty, every voxel is 0 (background); give the segmentation of a heart")
    present = [one for one in layer.segments if one.value in volume.boxes]
    if not present or named:
        more = (f"{name}: its own names are not used",) if present else ()
        return NamedVolume(volume=volume, notes=(*notes, *more), segmentation=found)
    if not any(one.structure for one in present):
        names = listed(one.name for one in present)
        more = (f"{name}: no name in it is that of a structure, so they are not used: {names}",)
        return NamedVolume(volume=volume, notes=(*notes, *more), segmentation=found)
    _refuse_doubles(present, name)
    absent = {one.structure: one.value for one in layer.segments if one.structure}
    labels = {**absent, **{one.structure or one.name: one.value for one in present}}
    return NamedVolume(volume=volume, labels=labels, notes=(*notes, _said(present, found, name)), segmentation=found)


def _of_layers(found: Segmentation, name: str, integers: Mapping[str, int], catalogue: Catalogue) -> NamedVolume:
    """The layers as one label map. What is no known structure is left out."""
    pairs = [(layer, one) for layer in found.layers for one in layer.segments if one.structure]
    others = [one.name for one in found.segments if not one.structure]
    hints = misspelt(others, {one.structure for _, one in pairs}, catalogue)
    if not found.segments:
        raise ImageError(f"{name}: holds no labels; give the segmentation, or {advice('several')}")
    if not pairs:
        raise ImageError(
            f"{name}: holds no structure of a heart: {listed(others)}{'; ' if hints else ''}{'; '.join(hints)};"
            f" give the file or folder that does, or {advice('several')}"
        )
    pairs = [(layer, one) for layer, one in pairs if one.value in layer.volume.boxes]
    if not pairs:
        raise ImageError(f"{name}: is empty, every voxel is 0 (background); give the segmentation of a heart")
    _refuse_doubles([one for _, one in pairs], name)
    first = pairs[0][0].volume
    labels = _given([one.structure for _, one in pairs], integers)
    array = zeros(first.array.shape, np.min_scalar_type(max(labels.values())))
    notes = list(found.notes)
    for layer, one in pairs:
        if problem := _other_grid(layer.volume, first):
            raise ImageError(
                f"{name}: {one.name!r} is on another grid than {pairs[0][1].name!r}: {problem}; {advice('several')}"
            )
        box = layer.volume.boxes[one.value]
        mask, target = layer.volume.array[box] == one.value, array[box]
        if (taken := mask & (target != 0)).any():
            other = next(key for key, value in labels.items() if value == target[taken][0])
            other = next(segment.name for _, segment in pairs if segment.structure == other)
            count = int(np.count_nonzero(taken))
            raise ImageError(f"{name}: {other!r} and {one.name!r} overlap in {count:,} voxels; {advice('several')}")
        target[mask] = labels[one.structure]
        notes += [note for note in layer.notes if note not in notes]
    if others:
        notes.append(f"{name}: left out, because no structure of a heart is called so: {listed(others)}")
    notes += [f"{name}: {hint}" for hint in hints]
    renumbered = [evolve(one, value=labels[one.structure]) for _, one in pairs]
    return NamedVolume(
        volume=LabelVolume(array, first.spacing, origin=first.origin, direction=first.direction),
        labels=labels,
        notes=(*notes, _said(renumbered, found, name)),
        segmentation=found,
    )


def _given(structures: Sequence[str], integers: Mapping[str, int]) -> dict[str, int]:
    """An integer for each structure, and none twice: the one that it is given, if that is a label, or a free one."""
    labels: dict[str, int] = {}
    taken = set(integers.values())
    for name in structures:
        value = integers.get(name)
        if type(value) is not int or not 0 < value < 2**32 or value in labels.values():
            value = next(one for one in range(1, 2**16) if one not in taken)
        labels[name] = value
        taken.add(value)
    return labels


def _refuse_doubles(segments: Sequence[Segment], name: str) -> None:
    said: dict[str, str] = {}
    for one in segments:
        if one.structure and one.structure in said:
            raise ImageError(
                f"{name}: {said[one.structure]!r} and {one.name!r} are one structure, {one.structure!r}; rename one,"
                f" or {advice('several')}"
            )
        said[one.structure] = one.name


def _said(segments: Sequence[Segment], found: Segmentation, name: str) -> str:
    known = sorted((one for one in segments if one.structure), key=lambda one: one.value)
    names = ", ".join(f"{one.structure.removesuffix('_label')} {one.value}" for one in known)
    unknown = [one for one in segments if not one.structure]
    others = f"; no structure is called so: {listed(one.name for one in unknown)}" if unknown else ""
    source = f" by {found.reader}" if found.reader else ""
    return f"{name}: labels are named{source}: {names}{others}"


def _usual(catalogue: Catalogue) -> Mapping[str, int]:
    """The integer of each name in the catalogue's schematics, and no integer twice."""
    found: dict[str, int] = {}
    for one in catalogue.all(Schematic):
        for name, value in one.record.labels.items():
            if name not in found and value not in found.values():
                found[name] = value
    return found


def _other_grid(volume: LabelVolume, like: LabelVolume) -> str:
    if volume.array.shape != like.array.shape:
        sizes = (" x ".join(map(str, one.array.shape[::-1])) for one in (volume, like))
        return f"{next(sizes)} voxels, not {next(sizes)}"
    apart = max(float(np.linalg.norm(one - other)) for one, other in zip(*map(_corners, (volume, like)), strict=True))
    return "" if apart <= _TOLERANCE * min(like.spacing) else f"up to {apart:.3g} mm away"


def _corners(volume: LabelVolume) -> Iterator[npt.NDArray[np.float64]]:
    """The places of the eight corner voxels, mm."""
    axes = np.reshape(volume.direction, (3, 3)) * volume.spacing[::-1]
    for corner in product(*((0, size - 1) for size in volume.array.shape[::-1])):
        yield np.array(volume.origin) + axes @ np.array(corner)
