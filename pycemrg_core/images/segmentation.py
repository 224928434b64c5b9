"""What a reader returns: the label maps of a source, loaded when asked for, with the names that its tool gave."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from pycemrg_core.errors import LabelError, RecordError
from pycemrg_core.shown.objects import ShownSegmentation

if TYPE_CHECKING:
    from pycemrg_core.images.label_volume import LabelVolume

_SHOWN = 5  # names in a message
_COLOUR = re.compile(r"(#[0-9a-f]{6})?")


def listed(names: Iterable[str]) -> str:
    """The first of some names, each quoted, and how many more there are."""
    found = [f"{name!r:.60}" for name in names]
    return ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")


def _require_value(_segment: Any, _attribute: Any, value: Any) -> None:
    if type(value) is not int or not 1 <= value < 2**32:
        raise RecordError(f"a segment has the integer {value!r}; give one from 1 to {2**32 - 1}")


def _require_name(_segment: Any, _attribute: Any, name: Any) -> None:
    if not isinstance(name, str) or not name or not name.isprintable():
        raise RecordError(f"a segment is called {name!r}; give it a name of printable characters")


def _require_colour(_segment: Any, _attribute: Any, colour: Any) -> None:
    if not isinstance(colour, str) or not _COLOUR.fullmatch(colour):
        raise RecordError(f"a segment has the colour {colour!r}; give it as '#rrggbb', in lower case")


def _several(kind: type, **default: Any) -> Any:
    """A field with a tuple of objects of a kind."""

    def require(_holder: Any, attribute: Any, items: object) -> None:
        if not isinstance(items, tuple) or not all(isinstance(item, kind) for item in items):
            raise RecordError(f"{attribute.name} is {items!r:.80}; give a tuple of {kind.__name__}")

    return field(validator=require, **default)


@frozen(kw_only=True)
class Segment:
    """One label of a layer: its integer there, and the name that its tool gave it.

    ``colour`` is ``#rrggbb`` in lower case, or empty. ``codes`` are SNOMED CT codes of what it is, the most specific
    first. ``structure`` is the canonical name, which :func:`~pycemrg_core.images.sources.read_segmentation` finds by
    name and codes; it is empty for what is no known structure. Raises :class:`RecordError` for other values.
    """

    value: int = field(validator=_require_value)
    name: str = field(validator=_require_name)
    colour: str = field(default="", validator=_require_colour)
    codes: tuple[str, ...] = _several(str, default=())
    structure: str = ""


@frozen(kw_only=True)
class Layer:
    """One label map of a segmentation.

    ``segments`` are the labels that have a name; integers of the label map may be missing in it, and the label map may
    have others. ``load`` reads the voxels and notes for the user, as
    :func:`~pycemrg_core.images.image_files.read_volume` does; it is called at the first use of ``volume`` or ``notes``.
    ``files`` are the files that it reads.
    """

    segments: tuple[Segment, ...] = _several(Segment, default=())
    load: Callable[[], tuple[LabelVolume, tuple[str, ...]]]
    files: tuple[Path, ...] = _several(Path, default=())

    def __attrs_post_init__(self) -> None:
        values = [segment.value for segment in self.segments]
        if twice := {value for value in values if values.count(value) > 1}:
            names = [segment.name for segment in self.segments if segment.value == min(twice)]
            raise LabelError(f"label {min(twice)} is called {' and '.join(map(repr, names))}; give it one name")

    @cached_property
    def _loaded(self) -> tuple[LabelVolume, tuple[str, ...]]:
        return self.load()

    @property
    def volume(self) -> LabelVolume:
        """The label map; it may be without any label. Raises the :class:`ImageError` of ``load``."""
        return self._loaded[0]

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about the voxels: what was assumed or converted."""
        return self._loaded[1]


@frozen(kw_only=True, repr=False)
class Segmentation(ShownSegmentation):
    """What one source holds: one or more label maps, which may overlap, with the names in the source.

    ``notes`` are what the user should know about the names. ``files`` are files that were read beside those of the
    layers, such as a table of names. ``reader`` is the name of the reader; it is empty where the image alone was read.
    """

    layers: tuple[Layer, ...] = _several(Layer)
    notes: tuple[str, ...] = _several(str, default=())
    files: tuple[Path, ...] = _several(Path, default=())
    reader: str = ""

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The named labels of all layers, layer by layer."""
        return tuple(segment for layer in self.layers for segment in layer.segments)
