"""Read a source, a file or a folder, with the reader of the catalogue that recognises it."""

from __future__ import annotations

import os
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from attrs import evolve

from pycemrg_core.api.records import LabelScheme, Reader, Structure
from pycemrg_core.api.refs import Ref
from pycemrg_core.errors import ImageError, blaming
from pycemrg_core.images import formats
from pycemrg_core.images.formats.files import extension, require_file
from pycemrg_core.images.image_files import read_volume
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.images.segmentation import Layer, Segment, Segmentation, listed
from pycemrg_core.images.structures import names_in
from pycemrg_core.plugins.catalogue import Catalogue, Contribution
from pycemrg_core.text.files import name_of, open_ordinary
from pycemrg_core.text.install_hints import advice, hints, why_not

_LOOKED_AT = 20  # files of a folder


def read_segmentation(source: str | os.PathLike[str], catalogue: Catalogue, *, beside: bool = True) -> Segmentation:
    """Read the names of a source; its label maps are read when they are asked for.

    ``source`` is a file or folder that a reader of the catalogue recognises, or any image, whose integers then have no
    names. ``FILE@SCHEME`` names the integers of an image by a label scheme, whatever names it has. With
    ``beside=False``, names next to the source are not looked for. Each segment of a known structure has the canonical
    name as its ``structure``.

    Raises :class:`ImageError`, one line with the source, what is wrong and what to do, and the errors of the catalogue
    for an unknown scheme.
    """
    path, scheme = split_scheme(source)
    if scheme:
        if path.is_dir() or (path.is_file() and extension(path) not in formats.READERS):
            raise ImageError(f"{name_of(path)}: a label scheme names the integers of an image; leave out @{scheme}")
        labels = catalogue.get(LabelScheme, scheme).labels
        segments = tuple(Segment(value=value, name=name) for name, value in labels.items())
        return _with_structures(Segmentation(layers=(_image(path, segments),)), catalogue, path)
    readers = _readers(path, catalogue, beside)
    if not readers:
        if hint := _missing(path, catalogue):
            raise ImageError(hint)
        return Segmentation(layers=(_image(path),))
    found = evolve(_read(readers[0], path), reader=readers[0].name)
    for other in readers[1:]:
        note = f"{name_of(path)}: has names in itself; what {other.name!r} would read next to it is not used"
        found = evolve(found, notes=(*found.notes, note))
    return _with_structures(found, catalogue, path)


def split_scheme(source: str | os.PathLike[str]) -> tuple[Path, str]:
    """``FILE@SCHEME`` as the file and the name of the scheme, empty if there is none. A file of that name wins."""
    path = Path(source)
    name, at, scheme = path.name.rpartition("@")
    if not (name and at and scheme) or path.exists():
        return path, ""
    return path.with_name(name), scheme


def _image(path: Path, segments: tuple[Segment, ...] = ()) -> Layer:
    """An image, which is read as it is."""
    try:
        require_file(path, formats.READERS)
    except ImageError as error:
        if path.is_dir():
            raise ImageError(f"{error}, or {advice('several')}") from error
        raise
    return Layer(segments=segments, load=partial(read_volume, path), files=(path,))


def _missing(path: Path, catalogue: Catalogue) -> str:
    """For a source that no reader recognises: which known plugin reads it, and why that is not there."""
    if not path.is_dir() and (extension(path) in formats.READERS or not path.is_file()):
        return ""
    inside = sorted(islice((one for one in path.rglob("*") if one.is_file()), _LOOKED_AT)) if path.is_dir() else [path]
    for hint in hints():
        fits = any(one.name.lower().endswith(tuple(hint.get("endings", ()))) for one in inside)
        if (fits or ("mark" in hint and any(_at_128(one, hint["mark"]) for one in inside))) and (
            why := why_not(hint, catalogue.plugins)
        ):
            return f"{name_of(path)}: the plugin {hint['plugin']!r} reads {hint['reads']}, {why}"
    return ""


def _at_128(file: Path, mark: str) -> bool:
    try:
        with open_ordinary(file) as opened:
            return opened.read(128 + len(mark))[128:] == mark.encode("ascii")
    except OSError:
        return False


def _readers(path: Path, catalogue: Catalogue, beside: bool) -> list[Contribution[Reader]]:
    """The readers that recognise a source; first the one that finds names in the source itself.

    Raises :class:`ImageError` if two go first.
    """
    if not path.exists():
        return []
    readers = [
        one
        for one in catalogue.all(Reader)
        if (beside or not one.record.beside) and _called(one, one.record.recognises, path) is True
    ]
    readers.sort(key=lambda one: one.record.beside)
    if len(readers) > 1 and readers[0].record.beside == readers[1].record.beside:
        other = "" if path.is_dir() else f"name the label scheme, as in {name_of(path)}@cemrg, or "
        both = " and ".join(f"{one.name!r} ({one.record.summary})" for one in readers[:2])
        raise ImageError(
            f"{name_of(path)}: two readers recognise it, {both}; {other}give only the files that one of them reads"
        )
    return readers


def _read(reader: Contribution[Reader], path: Path) -> Segmentation:
    found = _called(reader, reader.record.read, path)
    if not isinstance(found, Segmentation) or not found.layers:
        what = f"returned {found!r:.60}, not a Segmentation with layers"
        raise ImageError(f"{name_of(path)}: {_who(reader)} {what}; use another reader")
    return evolve(found, layers=tuple(evolve(layer, load=partial(_loaded, reader, layer)) for layer in found.layers))


def _loaded(reader: Contribution[Reader], layer: Layer) -> tuple[LabelVolume, tuple[str, ...]]:
    volume, notes = _call(reader, layer.load)
    if not isinstance(volume, LabelVolume):
        raise ImageError(f"{_who(reader)} loads {volume!r:.60}, not a LabelVolume and notes; use another reader")
    return volume, tuple(notes)


def _who(reader: Contribution[Reader]) -> str:
    return f"reader {reader.name!r} of {reader.provider}"


def _called(reader: Contribution[Reader], function: Ref, path: Path) -> Any:
    with blaming(ImageError, _who(reader)):
        loaded = function.load()
    return _call(reader, loaded, path)


def _call(reader: Contribution[Reader], function: Any, *arguments: Any) -> Any:
    """Call a reader's function. Its own ``ImageError`` is about the source and stays as it is."""
    with blaming(ImageError, _who(reader), function):
        try:
            return function(*arguments)
        except ImageError as error:
            refusal = error
    raise refusal


def _with_structures(found: Segmentation, catalogue: Catalogue, path: Path) -> Segmentation:
    """Find the structure of each segment: by its name, or else by its codes."""
    names = names_in(catalogue)
    otherwise: dict[str, list[str]] = {}
    coded = {one.record.snomed: one.name for one in catalogue.all(Structure) if one.record.snomed}

    def named(segment: Segment) -> Segment:
        by_name = names.canonical(segment.name)
        by_code = next((coded[code] for code in segment.codes if code in coded), "")
        if by_name not in names.known:
            return evolve(segment, structure=by_code)
        if by_code not in ("", by_name):
            otherwise.setdefault(by_code, []).append(segment.name)
        return evolve(segment, structure=by_name)

    layers = tuple(evolve(layer, segments=tuple(map(named, layer.segments))) for layer in found.layers)
    notes = (
        f"{name_of(path)}: {listed(those)} {'has' if len(those) == 1 else 'have'} the code of {code};"
        f" the name{'s are' if len(those) > 1 else ' is'} believed"
        for code, those in otherwise.items()
    )
    return evolve(found, layers=layers, notes=(*found.notes, *notes))
