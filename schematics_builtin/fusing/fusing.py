"""Fuse files and folders, as a user names them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite

import numpy as np
from attrs import evolve

from pycemrg_core import Catalogue, LabelScheme
from pycemrg_core.api import (
    ImageError,
    LabelError,
    LabelVolume,
    PlanError,
    Segmentation,
    Structure,
    Zone,
    close_to,
    hull,
    misspelt,
    name_of,
    names_in,
    read_segmentation,
    shift,
)
from schematics_builtin.fusing.advice import advice, is_one_map, likely_scheme, without_scheme
from schematics_builtin.fusing.choices import FROM, Choices
from schematics_builtin.fusing.doubts import DOUBTS, unknown_doubts
from schematics_builtin.fusing.fusion import Fused, fuse_sources
from schematics_builtin.fusing.record import record_of
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
    margin: float = 10.0,
    veins: str = "label",
    accept: Iterable[str] = (),
) -> Fused:
    """Make one heart, in the scheme ``cemrg``, of what segmentation tools write.

    ``sources`` are files or folders that a reader of the catalogue reads, images as ``FILE@SCHEME``, or sources in
    memory. Structures may be given by any of their names. The heart has the voxels of the source with the chambers, or
    cubic voxels of ``spacing`` mm, or the grid of an image, ``grid``. ``prefer`` names the source of a structure,
    ``over`` are pairs of which the first wins a voxel, ``crops`` the lengths of vessels in mm along them (0 keeps all),
    ``joins`` are more pairs between which gaps are closed, ``margin`` is the background round the heart in mm.
    ``veins``: the pulmonary veins come from their common ``label``, from the ``atrium`` that holds them, or stay as
    they are (``keep``). ``accept`` are doubts that are no reason against it.

    Raises :class:`ImageError` and :class:`LabelError` for sources that cannot be read, and :class:`PlanError` with
    every reason against the fusion.
    """
    read = read_sources(sources, catalogue)
    if isinstance(grid, (str, os.PathLike)):
        grid = grid_of(grid, catalogue)
    names = _Names(catalogue)
    choices = Choices(
        grid=grid,
        spacing_mm=_length("spacing", spacing) if spacing is not None else None,
        prefer={names(name): _source(file, read).name for name, file in (prefer or {}).items()},
        over=tuple((names(winner), names(loser)) for winner, loser in over),
        roots=names.roots,
        crops={**names.crops, **{names.vessel(name): _length(name, mm) for name, mm in (crops or {}).items()}},
        joins=(*names.joins, *((names(a), names(b)) for a, b in joins)),
        margin_mm=_length("margin", margin),
        veins=veins,
        accept=(accept,) if isinstance(accept, str) else tuple(accept),
    )
    _require(choices)
    try:
        fused = fuse_sources(read, catalogue.get(LabelScheme, SCHEME).labels, choices)
    except PlanError as error:
        raise PlanError(error.title, [*advice(sources, read, catalogue), *error.problems]) from error
    return evolve(fused, record=record_of(read, dict(fused.record)), notes=(*_said(read), *fused.notes))


def _said(sources: Iterable[Source]) -> Iterable[str]:
    for one in sources:
        yield from one.notes
        if one.ignored:
            shown = ", ".join(one.ignored[:6]) + (f" and {len(one.ignored) - 6} more" if len(one.ignored) > 6 else "")
            yield f"{one.name}: not used: {shown}"


def read_sources(sources: Sequence[FilePath | Source], catalogue: Catalogue) -> list[Source]:
    """Read all sources. Raises :class:`ImageError` for one that cannot be read, or names no structure of a heart."""
    if not sources or isinstance(sources, (str, os.PathLike)):
        raise ImageError("there is nothing to fuse; give the files and folders in a list")
    known = {one.name: one.record for one in catalogue.all(Structure)}
    parts = {name for name, one in known.items() if _PARTS.intersection(one.groups) or name in ("heart_label",)}
    texts = [one.name if isinstance(one, Source) else str(one) for one in sources]
    short = [_file(name_of(text)) for text in texts]
    if twice := next((text for text in texts if texts.count(text) > 1), None):
        raise ImageError(f"{name_of(twice)}: is given twice; give each source once")
    return [
        one if isinstance(one, Source) else _read(one, name if short.count(name) == 1 else text, catalogue, parts)
        for one, name, text in zip(sources, short, texts, strict=True)
    ]


def _file(name: str) -> str:
    """A name without the label scheme after it."""
    return name.rpartition("@")[0] or name


def _read(path: FilePath, name: str, catalogue: Catalogue, parts: set[str]) -> Source:
    try:
        found = read_segmentation(path, catalogue)
    except ImageError as error:  # where the masks of a folder are told to come here
        raise ImageError(str(error).partition(", or make one label map")[0]) from error
    masks, grid = _masks(found, name, parts)
    there = set(found.layers[0].volume.boxes) if is_one_map(path, found) else None
    ignored = tuple(
        sorted({one.name for one in found.segments if one.structure not in parts and (not there or one.value in there)})
    )
    if grid is None:
        raise ImageError(f"{name}: {_nothing(path, found, ignored, catalogue)}")
    return Source(
        name=name,
        grid=grid,
        masks=masks,
        files=tuple(dict.fromkeys([*(file for layer in found.layers for file in layer.files), *found.files])),
        ignored=ignored,
        notes=(
            *found.notes,
            *_notes(found, name, parts),
            *(f"{name}: {one}" for one in misspelt(ignored, masks, catalogue)),
        ),
    )


def _notes(found: Segmentation, name: str, parts: set[str]) -> Iterator[str]:
    """What was assumed of the voxels that are used, and names that mean one structure."""
    used = [layer for layer in found.layers if any(one.structure in parts for one in layer.segments)]
    yield from dict.fromkeys(note for layer in used for note in layer.notes)
    called: dict[str, list[str]] = {}
    for one in found.segments:
        called.setdefault(one.structure, []).append(one.name)
    for structure, names in called.items():
        if structure in parts and len(names) > 1:
            yield f"{name}: {' and '.join(map(repr, names))} are one structure, {structure}, and taken together"


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
    """The grid of an image file, from its header, or of a folder that a reader reads, such as a series of images."""
    from pycemrg_core.api import read_geometry

    if os.path.isdir(path):
        return Grid.of(read_segmentation(path, catalogue).layers[0].volume)
    found = read_geometry(path)
    x, y, z = found["size"]
    dx, dy, dz = found["spacing"]
    ox, oy, oz = found["origin"]
    return Grid((z, y, x), (dz, dy, dx), (ox, oy, oz), tuple(found["direction"]))


def _source(text: str, sources: Sequence[Source]) -> Source:
    """The source that the user means: by the name in messages, or as it was given."""
    found = [one for one in sources if one.name in (text, _file(name_of(text)))]
    if len(found) != 1:
        known = [one.name for one in sources]
        raise LabelError(f"no source is called {text!r}{close_to(text, known)} (known: {', '.join(known)})")
    return found[0]


def _length(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value) or value < 0:
        raise PlanError("the choices do not fit:", [f"{name} is {value!r}; give a length in mm"])
    return float(value)


def _require(choices: Choices) -> None:
    problems = []
    if choices.veins not in FROM:
        problems.append(f"veins is {choices.veins!r}; give one of {', '.join(FROM)}")
    if choices.grid is not None and choices.spacing_mm is not None:
        problems.append("both a grid and a spacing are given; give one of them")
    if choices.spacing_mm is not None and not 0.1 <= choices.spacing_mm <= 10:
        problems.append(f"spacing is {choices.spacing_mm:g} mm; give one from 0.1 to 10 mm")
    if choices.margin_mm > 200:
        problems.append(f"margin is {choices.margin_mm:g} mm; give one up to 200 mm")
    problems += unknown_doubts(choices.accept, DOUBTS, "fuse")
    if problems:
        raise PlanError("the choices do not fit:", problems)


class _Names:
    """The structures of a catalogue: which one a name means, and what belongs together."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._names = names_in(catalogue)
        self._structures = {one.name: one.record for one in catalogue.all(Structure)}
        vessels = {name: one for name, one in self._structures.items() if one.root}
        self.roots = {name: one.root for name, one in vessels.items()}
        self.crops = {name: one.crop_mm for name, one in vessels.items() if one.crop_mm}
        self.joins = tuple((name, other) for name, one in self._structures.items() for other in one.joins)

    def __call__(self, name: str) -> str:
        """The canonical name. Raises :class:`LabelError` for what is no known structure."""
        found = self._names.canonical(name)
        if found not in self._structures:
            raise LabelError(f"no structure is called {name!r}{self._names.close(name)}; see pycemrg list-structures")
        return found

    def vessel(self, name: str) -> str:
        """The canonical name of a vessel that can be cut along its length."""
        found = self(name)
        if found not in self.roots:
            vessels = ", ".join(one.removesuffix("_label") for one in self.roots)
            raise LabelError(f"{name!r} has no chamber that it comes from, so no length along it (known: {vessels})")
        return found
