"""An image with a label table of ITK-SNAP or 3D Slicer next to it, under the same name."""

from __future__ import annotations

from pathlib import Path

from pycemrg_core.api import DocumentError, ImageError, Segment, Segmentation, name_of, read_label_file, read_text
from schematics_builtin.readers.images import image_layer, is_image, stem

_ENDINGS = (".label", ".lbl", ".txt", ".ctbl")
_SNAP = "itk-snap label description file"


def recognises(path: Path) -> bool:
    """Whether it is an image with a table of its name beside it."""
    return is_image(path) and path.is_file() and bool(_tables(path))


def read(path: Path) -> Segmentation:
    """The names and colours of the table."""
    table = _tables(path)[0]
    try:
        rows = read_label_file(table)
    except DocumentError as error:
        raise ImageError(f"{name_of(path)}: the label table beside it cannot be read: {error}") from error
    segments = (Segment(value=row.value, name=row.name, colour=row.colour) for row in rows)
    return Segmentation(layers=(image_layer(path, segments),), files=(table,))


def _tables(path: Path) -> list[Path]:
    tables = (path.with_name(stem(path) + ending) for ending in _ENDINGS)
    return [table for table in tables if table.is_file() and _is_table(table)]


def _is_table(file: Path) -> bool:
    """A ``.txt`` can be anything: it must say what it is."""
    if file.suffix.lower() != ".txt":
        return True
    try:
        return _SNAP in read_text(file)[:2000].lower()
    except DocumentError:
        return False
