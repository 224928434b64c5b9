"""Fuse files and folders, as a user names them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from attrs import evolve

from pycemrg_core import Catalogue, LabelScheme
from pycemrg_core.api import (
    ImageError,
    LabelError,
    LabelVolume,
    Layer,
    Names,
    PlanError,
    Segmentation,
    Structure,
    Zone,
    hull,
    is_one_image,
    misspelt,
    name_of,
    names_in,
    read_segmentation,
    shift,
)
from schematics_builtin.fusing.advice import advice, is_one_map, likely_scheme, without_scheme
from schematics_builtin.fusing.asking import choices_of, without_scheme_in
from schematics_builtin.fusing.fusion import Fused, fuse_sources
from schematics_builtin.fusing.record import record_of, sha256_of
from schematics_builtin.fusing.sources import Grid, Source

FilePath = str | os.PathLike[str]
SCHEME = "cemrg"
"""The label scheme of a fused heart."""
_PARTS = frozenset(("chambers", "blood_pools", "veins", "walls", "left_heart", "right_heart"))


def fuse(
    sources: Sequence[FilePath | Source],
    catalogue: Catalogue,
    *,
    grid: FilePath | Grid | None = None,
    spacing: float | None = None,
    prefer: Mapping[str, str] | None = None,
    over: Iterable[tuple[str, str]] = (),
    crops: Mapping[str, float] | None = None,
    joins: Iterable[tuple[str, str]] = (),
    margin: float | None = None,
    veins: str = "label",
    accept: Iterable[str] = (),
) -> Fused:
    """Make one heart, in the scheme ``cemrg``, of what segmentation tools write.

    ``sources`` are files or folders that a reader of the catalogue reads, images as ``FILE@SCHEME``, or sources in
    memory. Structures may be given by any of their names. The heart has the voxels of the source with the chambers, or
    cubic voxels of ``spacing`` mm, or the grid of an image, ``grid``. ``prefer`` names the source of a structure,
    ``over`` are pairs of which the first wins a voxel, ``crops`` the lengths of vessels in mm along them (0 keeps all),
    ``joins`` are more pairs between which gaps are closed, ``margin`` is the background round the heart in mm (10).
    ``veins``: the pulmonary veins come from their common ``label``, from the ``atrium`` that holds them, or stay as
    they are (``keep``). ``accept`` are doubts that are no reason against it.

    Raises :class:`ImageError` and :class:`LabelError` for sources that cannot be read, and :class:`PlanError` with
    every reason against the fusion.
    """
    sources = _listed(sources)
    read = read_sources(sources, catalogue)
    if isinstance(grid, (str, os.PathLike)):
        grid = grid_of(grid, catalogue)
    asked: dict[str, Any] = {"prefer": prefer, "over": over, "crops": crops, "joins": joins, "accept": accept}
    asked |= {"grid": grid, "spacing": spacing, "margin": margin, "veins": veins}
    choices = choices_of(read, _texts(sources), catalogue, asked)
    try:
        fused = fuse_sources(read, catalogue.get(LabelScheme, SCHEME).labels, choices)
    except PlanError as error:
        raise PlanError(error.title, [*advice(sources, read, catalogue), *error.problems]) from error
    found = {**fused.record, "notes": list(fused.notes)}
    return evolve(fused, record=record_of(read, found), notes=(*_said(read), *fused.notes))


def _said(sources: Iterable[Source]) -> Iterable[str]:
    for one in sources:
        yield from one.notes
        if one.ignored:
            shown = ", ".join(one.ignored[:6]) + (f" and {len(one.ignored) - 6} more" if len(one.ignored) > 6 else "")
            yield f"{one.name}: not used: {shown}"


def read_sources(sources: Sequence[FilePath | Source], catalogue: Catalogue) -> list[Source]:
    """Read all sources. Raises :class:`ImageError` for one that cannot be read, or names no structure of a heart."""
    sources = _listed(sources)
    for one in sources:
        if not isinstance(one, (str, os.PathLike, Source)):
            raise ImageError(
                f"{one!r:.60} is no source; give a file, a folder, or a label map with its names (Source.of)"
            )
    known = {one.name: one.record for one in catalogue.all(Structure)}
    parts = {name for name, one in known.items() if _PARTS.intersection(one.groups) or name in ("heart_label",)}
    texts = _texts(sources)
    names = names_in(catalogue)
    short = [without_scheme_in(name_of(text)) for text in texts]
    if twice := next((text for text in texts if texts.count(text) > 1), None):
        raise ImageError(f"{name_of(twice)}: is given twice; give each source once")
    found = []
    for one, name, text in zip(sources, short, texts, strict=True):
        if isinstance(one, Source):
            found.append(_in_memory(one, names, parts))
        else:
            found.append(_read(one, name if short.count(name) == 1 else text, catalogue, parts))
    for one, other in combinations(found, 2):
        same = {*one.sha256} <= {*other.sha256} or {*other.sha256} <= {*one.sha256}
        if same and one.sha256 and other.sha256:
            raise ImageError(f"{other.name}: holds the same as {one.name}; give each source once")
    return found


def _listed(sources: Iterable[FilePath | Source]) -> list[FilePath | Source]:
    """The sources in a list. Raises :class:`ImageError` for what is no list of sources."""
    wrong = isinstance(sources, (str, bytes, os.PathLike, Source, Mapping)) or not isinstance(sources, Iterable)
    if wrong or not (found := list(sources)):
        raise ImageError("there is nothing to fuse; give the files and folders in a list")
    return found


def _texts(sources: Iterable[FilePath | Source]) -> list[str]:
    """The sources as the user wrote them."""
    return [one.name if isinstance(one, Source) else os.fspath(one) for one in sources]


def _read(path: FilePath, name: str, catalogue: Catalogue, parts: set[str]) -> Source:
    try:
        found = read_segmentation(path, catalogue)
    except ImageError as error:  # where the masks of a folder are told to come here
        text = str(error).partition(", or make one label map")[0]
        more = ", or a folder of masks, each named like its structure" if text.endswith("give an image file") else ""
        raise ImageError(f"{text}{more}") from error
    masks, grid = _masks(found, name, parts)
    there = set(found.layers[0].volume.boxes) if is_one_map(path, found) else None
    ignored = tuple(
        sorted({one.name for one in found.segments if one.structure not in parts and (not there or one.value in there)})
    )
    if grid is None:
        raise ImageError(f"{name}: {_nothing(path, found, ignored, catalogue)}")
    files = tuple(dict.fromkeys([*(file for layer in _used(found, parts) for file in layer.files), *found.files]))
    return Source(
        name=name,
        grid=grid,
        masks=masks,
        files=files,
        sha256=tuple(map(sha256_of, files)),
        ignored=ignored,
        notes=(
            *found.notes,
            *_notes(found, name, parts),
            *(f"{name}: {one}" for one in misspelt(ignored, masks, catalogue)),
        ),
    )


def _in_memory(source: Source, names: Names, parts: set[str]) -> Source:
    """A source with the canonical names of its structures. Raises :class:`LabelError` for a name that is no part."""
    masks: dict[str, Zone] = {}
    for name, zone in source.masks.items():
        found = names.canonical(name)
        if found not in parts:
            raise LabelError(f"{source.name}: no structure of a heart is called {name!r}{names.close(name)}")
        if found in masks:
            raise LabelError(f"{source.name}: {found} is named twice; name each structure once")
        masks[found] = zone
    return evolve(source, masks=masks)


def _notes(found: Segmentation, name: str, parts: set[str]) -> Iterator[str]:
    """What was assumed of the voxels that are used, and names that mean one structure."""
    yield from dict.fromkeys(note for layer in _used(found, parts) for note in layer.notes)
    called: dict[str, list[str]] = {}
    for one in found.segments:
        called.setdefault(one.structure, []).append(one.name)
    for structure, names in called.items():
        if structure in parts and len(names) > 1:
            yield f"{name}: {' and '.join(map(repr, names))} are one structure, {structure}, and taken together"


def _used(found: Segmentation, parts: set[str]) -> list[Layer]:
    """The layers with a part of a heart."""
    return [layer for layer in found.layers if any(one.structure in parts for one in layer.segments)]


def _nothing(path: FilePath, found: Segmentation, ignored: Sequence[str], catalogue: Catalogue) -> str:
    """Why a source has no part of a heart, and what to do."""
    hints = misspelt(ignored, (), catalogue)
    if is_one_map(path, found):
        volume, file = found.layers[0].volume, without_scheme(path)
        scheme = likely_scheme(volume, catalogue)
        if len(volume.boxes) == 1 and not found.segments:
            return "it has one label; if it is a mask, give the folder with all masks, each named like its structure"
        if scheme or not found.segments:
            why = "none of the integers with names is in it" if found.segments else "nothing says what its integers are"
            like = f"; its anatomy is that of {scheme}" if scheme else " (see 'pycemrg list-schemes')"
            return f"{why}; name the label scheme, as in {file}@{scheme or 'mm-whs'}{like}"
    if not found.segments:
        return "holds no labels; give the segmentation of the heart (a series of images can be the --grid)"
    if not ignored:
        return "is empty where its names are; give the segmentation of a heart"
    shown = ", ".join(f"{one!r:.60}" for one in ignored[:5]) + (", ..." if len(ignored) > 5 else "")
    return "; ".join([f"holds no structure of a heart: {shown}", *hints, "give the source that does"])


def _masks(found: Segmentation, name: str, parts: set[str]) -> tuple[dict[str, Zone], Grid | None]:
    """The masks of all structures, and their grid. Raises :class:`ImageError` if layers have several grids."""
    masks: dict[str, Zone] = {}
    grid: Grid | None = None
    for layer in found.layers:
        wanted = [segment for segment in layer.segments if segment.structure in parts]
        if not wanted:
            continue
        volume = layer.volume
        if grid is None:
            grid = Grid.of(volume)
        elif not _same(grid, Grid.of(volume)):
            raise ImageError(f"{name}: its files have different grids; give them as sources of their own")
        for segment in wanted:
            if segment.value in volume.boxes:
                masks[segment.structure] = _union(masks.get(segment.structure), volume, segment.value)
    return masks, grid if masks else None


def _same(one: Grid, other: Grid) -> bool:
    corners = np.array([[0, 0, 0], one.shape])
    return one.shape == other.shape and bool(
        np.allclose(one.points_mm(corners), other.points_mm(corners), atol=0.1 * min(one.spacing))
    )


def _union(before: Zone | None, volume: LabelVolume, value: int) -> Zone:
    region = volume.region(value)
    if before is not None:
        region = hull(region, before.region)
    mask = volume.mask(value, region)
    if before is not None:
        mask[shift(before.region, region)] |= before.mask
    return Zone(region, mask)


def grid_of(path: FilePath, catalogue: Catalogue) -> Grid:
    """The grid of an image file, from its header, or of what a reader reads, such as a series of images."""
    from pycemrg_core.api import read_geometry

    if not is_one_image(path):
        return Grid.of(read_segmentation(path, catalogue).layers[0].volume)
    found = read_geometry(path)
    x, y, z = found["size"]
    dx, dy, dz = found["spacing"]
    ox, oy, oz = found["origin"]
    return Grid((z, y, x), (dz, dy, dx), (ox, oy, oz), tuple(found["direction"]))
