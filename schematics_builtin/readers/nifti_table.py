"""The label table in the header of a NIfTI file: an extension with XML as Caret writes it.

TotalSegmentator uses the extension code 0, Caret and Connectome Workbench use 30.
See https://www.nitrc.org/projects/nifti and https://github.com/wasserth/TotalSegmentator.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pycemrg_core.api import (
    Extras,
    ImageError,
    RecordError,
    Segment,
    Segmentation,
    name_of,
    read_extras,
    whole_number,
)
from schematics_builtin.readers.images import by_scheme, image_layer

CODE = 0
"""The code of the extension that TotalSegmentator writes."""

_CODES = (CODE, 30)
_MOST_BYTES = 4_000_000
_MOST_NAME = 500


def recognises(path: Path) -> bool:
    """Whether it is a NIfTI file with a label table."""
    named = path.name.lower().endswith((".nii", ".nii.gz")) and path.is_file()
    return named and bool(_tables(read_extras(path)))


def read(path: Path) -> Segmentation:
    """The names and colours of the table."""
    tables = _tables(read_extras(path))
    if len(tables) > 1:
        remedy = f"export it again, or {by_scheme(path)}"
        raise ImageError(f"{name_of(path)}: its header has {len(tables)} label tables; {remedy}")
    return Segmentation(layers=(image_layer(path, _segments(tables[0], path)),))


def as_extension(segments: Iterable[Segment]) -> tuple[int, bytes]:
    """The label table of segments as a header extension."""
    from xml.sax.saxutils import escape, quoteattr  # it imports half of urllib, and reading needs none of it

    rows = "".join(
        f"<Label Key={quoteattr(str(one.value))} {_channels(one.colour)}>{escape(one.name)}</Label>\n"
        for one in segments
    )
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<CaretExtension>\n<VolumeInformation Index="0">\n'
        f"<LabelTable>\n{rows}</LabelTable>\n<VolumeType>Label</VolumeType>\n</VolumeInformation>\n</CaretExtension>\n"
    )
    return CODE, text.encode("utf-8")


def _channels(colour: str) -> str:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)] if colour else [0.5] * 3
    named = zip(("Red", "Green", "Blue", "Alpha"), (*channels, 1.0), strict=True)
    return " ".join(f'{name}="{value:.6g}"' for name, value in named)


def _tables(extras: Extras) -> list[bytes]:
    return [data for code, data in extras.extensions if code in _CODES and b"<LabelTable" in data]


class _Table:
    """Collects the labels of the XML, which may hold no document type: so nothing in it expands."""

    def __init__(self) -> None:
        from xml.parsers import expat  # few files have a table, and it takes as long to import as all readers

        self.labels: list[tuple[dict[str, str], str]] = []
        self._inside: list[str] = []
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.CharacterDataHandler = self._text
        self.parser.EndElementHandler = self._end

    def _refuse(self, *_: Any) -> None:
        raise ValueError("it has a document type")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "Label" and self._inside[-1:] == ["LabelTable"]:
            self.labels.append((attributes, ""))
        self._inside.append(name)
        if len(self._inside) > 100:
            raise ValueError("it is nested too deeply")

    def _text(self, text: str) -> None:
        if self._inside[-2:] == ["LabelTable", "Label"]:
            attributes, before = self.labels[-1]
            self.labels[-1] = attributes, before + text

    def _end(self, _name: str) -> None:
        self._inside.pop()


def _segments(data: bytes, path: Path) -> tuple[Segment, ...]:
    remedy = f"export it again, or {by_scheme(path)}"
    if len(data) > _MOST_BYTES:
        raise ImageError(f"{name_of(path)}: its label table has {len(data):,} bytes; {remedy}")
    from xml.parsers.expat import ExpatError

    table = _Table()
    try:
        table.parser.Parse(data, True)
        found = [_segment(attributes, " ".join(text.split())) for attributes, text in table.labels]
    except (ExpatError, ValueError, RecordError) as error:
        raise ImageError(f"{name_of(path)}: its label table cannot be read: {error}; {remedy}") from error
    return tuple(one for one in found if one is not None)


def _segment(attributes: dict[str, str], name: str) -> Segment | None:
    """A label of the table; None for the background."""
    value = whole_number(key := attributes.get("Key", ""))
    if value is None:
        raise ValueError(f"the key of a label is {key[:40]!r}, not an integer")
    if value == 0:
        return None
    return Segment(value=value, name=name[:_MOST_NAME], colour=_colour(attributes))


def _colour(attributes: dict[str, str]) -> str:
    channels = [attributes.get(channel, "") for channel in ("Red", "Green", "Blue")]
    if not all(channels):
        return ""
    values = [float(channel) for channel in channels]
    if not all(0 <= value <= 1 for value in values):
        raise ValueError(f"a colour is {' '.join(channels)[:40]}, not three numbers from 0 to 1")
    return "#" + "".join(f"{round(255 * value):02x}" for value in values)
