"""Checks of a reader: what it recognises and returns, what it leaves alone, and how it refuses damaged files."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pycemrg_core.api.records import Reader
from pycemrg_core.cli.faults import record_faults
from pycemrg_core.errors import ImageError
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.images.segmentation import Layer, Segmentation
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.testing.base import Conformance, describe, fail, require, who

_MOST_DAMAGED = 4  # files of a source: further ones are of the same kind
_OTHERS: dict[str, bytes | None] = {  # what a folder has beside the source; None is an empty folder
    "folder": None,
    "empty": b"",
    "notes.txt": b"What I did on Monday.\n",
    "table.json": b'{"title": "our hearts"}',
    "snapshot.jpg": b"\xff\xd8\xff\xe0" + bytes(200),
}


class ReaderConformance(Conformance):
    """The readers of a plugin, on a source as the tool writes it and on damaged ones.

    Override the fixture ``source``: the path of a file or folder, alone in its folder but for what belongs to it.
    """

    kind = Reader

    @pytest.fixture
    def source(self, record: Reader, tmp_path: Path) -> Path:
        """A source as the tool writes it; make it in a folder of its own in ``tmp_path``."""
        fail(f"{who(record)}: nothing to read; override the fixture 'source' with a file or folder as its tool writes")

    def test_its_functions_fit(self, record: Reader, catalogue: Catalogue) -> None:
        """Both functions take a path, and nothing else."""
        faults = list(record_faults(record, catalogue))
        require(not faults, f"{who(record)}: {'; '.join(faults)}")

    def test_it_reads(self, record: Reader, catalogue: Catalogue, source: Path) -> None:
        """It recognises its source, and returns a ``Segmentation`` whose named labels are in its label maps."""
        _require_callable(record, catalogue)
        seen = _call(record, record.recognises.load(), source)
        require(seen is True, f"{who(record)}: recognises() returns {seen!r} for its source; return True")
        found = _read(record, source)
        missing = [file for layer in found.layers for file in layer.files if not file.is_file()]
        require(not missing, f"{who(record)}: a layer names the file {missing[:1]}, which is not there")
        named = [(layer, one) for layer in found.layers for one in layer.segments]
        there = [one for layer, one in named if one.value in layer.volume.boxes]
        require(bool(there or not named), f"{who(record)}: no label that it names is in its label maps")

    def test_it_repeats_itself(self, record: Reader, catalogue: Catalogue, source: Path) -> None:
        """The same source gives the same names and voxels."""
        first, again = (_state(_read_or_skip(record, catalogue, source)) for _ in range(2))
        require(first == again, f"{who(record)} reads something else from the same source; depend on nothing but it")

    def test_it_writes_nothing(self, record: Reader, catalogue: Catalogue, source: Path) -> None:
        """The source and its folder are the same afterwards."""
        before = _contents(source.parent)
        _state(_read_or_skip(record, catalogue, source))
        require(_contents(source.parent) == before, f"{who(record)} changes its source or its folder; only read it")

    def test_it_leaves_others_alone(self, record: Reader, catalogue: Catalogue, tmp_path: Path) -> None:
        """For what is not of its form, ``recognises`` returns False and raises nothing."""
        _require_callable(record, catalogue)
        for name, content in _OTHERS.items():
            other = tmp_path / f"with {name}" / name
            other.parent.mkdir(parents=True)
            other.mkdir() if content is None else other.write_bytes(content)
            seen = _call(record, record.recognises.load(), other)
            require(seen is False, f"{who(record)}: recognises() returns {seen!r} for {name}; return False")

    def test_damage_is_refused_in_words(
        self, record: Reader, catalogue: Catalogue, source: Path, tmp_path: Path
    ) -> None:
        """Files that are empty, cut short or overwritten are read all the same, or refused with an ``ImageError``."""
        _read_or_skip(record, catalogue, source)
        whole = sorted(file for file in source.parent.rglob("*") if file.is_file())
        for number, (file, change) in enumerate((a, b) for a in whole[:_MOST_DAMAGED] for b in _DAMAGE):
            folder = tmp_path / "damaged" / str(number)
            shutil.copytree(source.parent, folder)
            damaged = folder / file.relative_to(source.parent)
            damaged.write_bytes(_DAMAGE[change](damaged.read_bytes()))
            where = f"{who(record)}: {file.name} {change}"
            try:
                if record.recognises.load()(folder / source.name):
                    _state(record.read.load()(folder / source.name))
            except ImageError as error:
                text = str(error)
                require(bool(text) and "\n" not in text, f"{where}: its refusal is no line of text: {text[:80]!r}")
            except Exception as error:
                fail(f"{where}: raises {describe(error)}; raise an ImageError that says what is wrong, and what to do")


_DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "without content": lambda data: b"",
    "cut in half": lambda data: data[: len(data) // 2],
    "without its end": lambda data: data[:-5],
    "overwritten from the middle on": lambda data: data[: len(data) // 2] + b"\xff" * (len(data) - len(data) // 2),
    "of text": lambda data: b"These are not voxels.\n",
}


def _require_callable(record: Reader, catalogue: Catalogue) -> None:
    if any(record_faults(record, catalogue)):
        pytest.skip("its functions cannot be called")


def _call(record: Reader, function: Callable[[Path], Any], source: Path) -> Any:
    try:
        return function(source)
    except Exception as error:
        name = getattr(function, "__name__", "load")
        fail(f"{who(record)}: {name}() raises {describe(error)} for {source.name}")


def _read(record: Reader, source: Path) -> Segmentation:
    """What it reads, with its voxels."""
    found = _call(record, record.read.load(), source)
    require(isinstance(found, Segmentation), f"{who(record)}: read() returns {found!r:.60}; return a Segmentation")
    require(bool(found.layers), f"{who(record)}: read() returns no layer; return one for each label map")
    for layer in found.layers:
        volume = _call(record, partial(_volume, layer), source)
        require(isinstance(volume, LabelVolume), f"{who(record)}: load() returns {volume!r:.60}; return a LabelVolume")
    read: Segmentation = found
    return read


def _volume(layer: Layer, _source: Path) -> LabelVolume:
    return layer.volume


def _read_or_skip(record: Reader, catalogue: Catalogue, source: Path) -> Segmentation:
    """What it reads; that it cannot is the matter of another test."""
    _require_callable(record, catalogue)
    try:
        return _read(record, source)
    except pytest.fail.Exception as error:
        pytest.skip(f"it is not read: {error}")


def _state(found: Segmentation) -> tuple[object, ...]:
    layers = [(one.segments, one.volume.array.tobytes(), one.volume.geometry(), one.notes) for one in found.layers]
    return (*map(repr, layers), found.notes)


def _contents(folder: Path) -> list[tuple[object, ...]]:
    return sorted(_each(folder))


def _each(folder: Path) -> Iterator[tuple[object, ...]]:
    for file in folder.rglob("*"):
        yield str(file), file.stat().st_mtime_ns if file.is_file() else 0, file.read_bytes() if file.is_file() else b""
