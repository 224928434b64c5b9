"""Read and write label tables and mappings: YAML, JSON, CSV, and the tables of 3D Slicer and ITK-SNAP.

Reading is tolerant (comments, tabs, quotes, a byte-order mark, extra columns); writing is exact. Tables do not
contain the background: 0 is left out when read, and written as each tool expects it.
"""

from __future__ import annotations

import colorsys
import csv
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from attrs import evolve, field, frozen

from pycemrg_core.api import DocumentError, LabelError, OutputError, load_yaml, read_text
from pycemrg_core.cli.kit import write_text

Kind = Literal["slicer", "itksnap"]
Entry = tuple[int, int, str, str]  # line (0 when there is none), value, name, colour

# The name of each tool, and the largest integer in its tables.
_TOOLS = {"slicer": ("3D Slicer", 1_000_000), "itksnap": ("ITK-SNAP", 65_534)}
_BACKGROUNDS = {"background", "clear label", "unlabelled", "unlabeled", "exterior", "none", "(none)"}
_COLUMNS = {
    "value": ("value", "labelvalue", "label_value", "integer", "index", "id"),
    "name": ("name", "structure", "label_name"),
    "colour": ("colour", "color", "hex"),
    "r": ("color_r", "r", "red"),
    "g": ("color_g", "g", "green"),
    "b": ("color_b", "b", "blue"),
    "source": ("source", "from", "old"),
    "target": ("target", "to", "new"),
}


def _one_line(name: Any) -> Any:
    return " ".join(name.split()) if isinstance(name, str) else name


@frozen
class LabelRow:
    """One label of a table: its integer (from 1), its name, and its colour ``#rrggbb`` (or empty).

    Runs of white space in a name become one space. Raises :class:`LabelError` for anything else.
    """

    value: int
    name: str = field(converter=_one_line)
    colour: str = ""

    def __attrs_post_init__(self) -> None:
        value, name, colour = self.value, self.name, self.colour
        if type(value) is not int or not 1 <= value < 2**32:
            raise LabelError(f"label {name!r} is {value!r}; labels are integers from 1 to {2**32 - 1}")
        if not isinstance(name, str) or not name or not name.isprintable():
            raise LabelError(f"label {value} is called {name!r}; give it a name of printable characters")
        if not isinstance(colour, str) or not re.fullmatch(r"(#[0-9a-f]{6})?", colour):
            raise LabelError(f"label {name!r} has the colour {colour!r}; give it as '#rrggbb', in lower case")


def labels_of(rows: Iterable[LabelRow]) -> dict[str, int]:
    """Names to integers. Raises :class:`LabelError` when two rows share a name."""
    labels: dict[str, int] = {}
    for row in rows:
        if labels.setdefault(row.name, row.value) != row.value:
            raise LabelError(f"labels {labels[row.name]} and {row.value} are both {row.name!r}; rename one")
    return labels


def read_label_file(path: str | os.PathLike[str]) -> tuple[LabelRow, ...]:
    """Read the labels of a file, in its order and without the background; content and extension tell the format.

    - YAML, JSON: ``labels:`` with names and integers (or the reverse), optionally ``colours:``; or only the labels.
    - CSV, TSV: a header with ``name`` and ``value``, and ``colour`` (``#rrggbb``) or ``R``, ``G``, ``B``. - 3D
      Slicer (``.ctbl``, ``.txt``): ``index name R G B A``. It writes spaces as underscores. They stay underscores,
      because many label names contain them.
    - ITK-SNAP (``.label``, ``.txt``): ``IDX R G B A VIS MSH "NAME"``.

    Raises :class:`DocumentError` with file and line for anything else, for a repeated integer, for an invalid name
    or colour, and when there are no labels.
    """
    path = Path(path)
    text = read_text(path, "a table of labels")
    rows: dict[int, tuple[int, LabelRow]] = {}
    for line, value, name, colour in _READERS[_kind(path, text)](path, text):
        if value == 0 and name.lower() in _BACKGROUNDS:
            continue
        try:
            row = LabelRow(value, name, str(colour).lower())
        except LabelError as error:
            raise _wrong(path, line, str(error)) from error
        if value in rows:
            before, other = rows[value]
            given = f" (line {before})" if before else ""
            raise _wrong(path, line, f"labels {other.name!r}{given} and {name!r} are both {value}; remove one")
        rows[value] = (line, row)
    if not rows:
        raise DocumentError(f"{path}: no labels; give each an integer from 1 and a name")
    return tuple(row for _, row in rows.values())


def read_mapping_file(path: str | os.PathLike[str]) -> dict[int | str, int | str]:
    """Read a mapping of labels: CSV or TSV with the columns ``source`` and ``target``, each an integer or a name.

    Raises :class:`DocumentError` with file and line for anything else, and for a repeated source.
    """
    path = Path(path)
    text = read_text(path, "a table of labels")
    if _kind(path, text) != "table":
        raise DocumentError(f"{path}: not a mapping of labels; give CSV or TSV with the columns source,target")
    mapping: dict[int | str, int | str] = {}
    lines: dict[int | str, int] = {}
    for line, cells in _records(path, text, ("source", "target")):
        old, new = _either(cells["source"]), _either(cells["target"])
        if "" in (old, new):
            raise _wrong(path, line, "source or target is empty; give an integer or a name (0 deletes)")
        if old in mapping:
            raise _wrong(path, line, f"source {old!r} is also on line {lines[old]}; remove one")
        mapping[old], lines[old] = new, line
    if not mapping:
        raise DocumentError(f"{path}: the mapping is empty; give old and new labels")
    return mapping


def write_label_table(rows: Iterable[LabelRow], path: str | os.PathLike[str], kind: Kind) -> None:
    """Write the table of :func:`label_table` to a file, completely or not at all.

    Raises :class:`OutputError` when the file cannot be written, or the tool could not load it.
    """
    target = Path(os.path.realpath(path))
    try:
        text = label_table(rows, kind, target.name)
    except OutputError as error:
        raise OutputError(f"{path}: {error}") from error
    try:
        write_text(text, target)
    except OutputError as error:
        raise OutputError(f"{path}{str(error).removeprefix(str(target))}") from error


def label_table(rows: Iterable[LabelRow], kind: Kind, name: str = "labels") -> str:
    """A table for 3D Slicer (``"slicer"``) or ITK-SNAP (``"itksnap"``), in the order of the integers.

    A label without a colour gets a different one from the others, always the same. Tables of Slicer cannot contain
    spaces: they become underscores, which Slicer shows as spaces. ``name`` is in the header of the table. Raises
    :class:`OutputError` when the tool could not load the table.
    """
    if kind not in _TOOLS:
        raise OutputError(f"unknown kind of table {kind!r}; use one of {', '.join(_TOOLS)}")
    tool, largest = _TOOLS[kind]
    ordered = sorted(rows, key=lambda row: row.value)
    before: LabelRow | None = None
    for row in ordered:
        if before and row.value == before.value:
            raise OutputError(f"labels {before.name!r} and {row.name!r} are both {row.value}; remove one")
        if row.value > largest:
            raise OutputError(
                f"{tool} cannot load the integer {row.value} of {row.name!r}; give it one up to {largest}"
            )
        if '"' in row.name or "'" in (row.name[0], row.name[-1]) or len(row.name) > 200 or row.name == "(none)":
            raise OutputError(
                f"{tool} cannot load the name {row.name[:40]!r} (label {row.value});"
                " give another, of up to 200 characters without quotes"
            )
        before = row
    coloured = [evolve(row, colour=row.colour or _own_colour(row.value)) for row in ordered]
    return _slicer_text(coloured, name) if kind == "slicer" else _itksnap_text(coloured)


def _wrong(path: Path, line: int, text: str) -> DocumentError:
    return DocumentError(f"{path}, line {line}: {text}" if line else f"{path}: {text}")


def _kind(path: Path, text: str) -> str:
    """The format of the file; the extension decides only if the content does not."""
    extension = path.suffix.lower()
    known = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".csv": "table", ".tsv": "table"}
    if extension in known:
        return known[extension]
    if "# color procedural file" in text[:1000].lower():
        raise DocumentError(f"{path}: a continuous colour map; save a colour table with one line for each label")
    first = next((line for _, line in _data_lines(text)), "")
    fields = first.split()
    if len(fields) > 7 and all(map(_is_number, fields[:7])):
        return "itksnap"
    if len(fields) > 4 and _is_number(fields[0]) and all(map(_is_number, fields[-3:])):
        return "slicer"
    columns = _columns(re.split(r"[,;\t]", first))
    if columns.keys() >= {"value", "name"} or columns.keys() >= {"source", "target"}:
        return "table"
    if extension in (".label", ".lbl", ".ctbl"):
        return "slicer" if extension == ".ctbl" else "itksnap"
    raise DocumentError(f"{path}: not a table of labels; give YAML, JSON, CSV, or a table of 3D Slicer or ITK-SNAP")


def _data_lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        # The rows of a CSV can begin with the colour.
        if line.strip() and not re.match(r"\s*#(?![0-9a-fA-F]{6}[,;\t])", line):
            yield number, line.rstrip()


def _slicer(path: Path, text: str) -> Iterator[Entry]:
    for line, content in _data_lines(text):
        index, _, rest = content.replace("\t", " ").strip().partition(" ")
        parts = rest.rsplit(None, 4)  # there is no opacity if there are only four
        if len(parts) < 4 or not all(map(_is_number, parts[1:])):
            raise _wrong(path, line, f"{content[:80]!r} is not 'index name R G B A'; correct the line")
        value, name = _integer(path, line, index), _unquoted(parts[0])
        if value and name != "(none)":  # Slicer's word for an integer without a label
            yield line, value, name, _hex(path, line, parts[1:4])


def _itksnap(path: Path, text: str) -> Iterator[Entry]:
    for line, content in _data_lines(text):
        parts = content.split(None, 7)
        if len(parts) < 8 or not all(map(_is_number, parts[1:7])):
            raise _wrong(path, line, f"{content[:80]!r} is not 'IDX R G B A VIS MSH \"NAME\"'; correct the line")
        value = _integer(path, line, parts[0])
        if value:
            yield line, value, _unquoted(parts[7]), _hex(path, line, parts[1:4])


def _table(path: Path, text: str) -> Iterator[Entry]:
    for line, cells in _records(path, text, ("name", "value")):
        colour = cells.get("colour", "")
        rgb = [cells.get(channel, "") for channel in "rgb"]
        if not colour and all(rgb):
            colour = _hex(path, line, rgb)
        yield line, _integer(path, line, cells["value"]), cells["name"], colour


def _records(path: Path, text: str, needed: tuple[str, str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The line number, and the cells by column, of every row below the header."""
    delimiter = max("\t,;", key=next((line for _, line in _data_lines(text)), "").count)
    columns: dict[str, int] = {}
    for number, line in _data_lines(text):
        try:
            cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True, strict=True))
        except csv.Error as error:
            raise _wrong(path, number, f"not CSV: {error}; correct the quotes") from error
        if not any(map(str.strip, cells)):
            continue
        if columns:
            padded = [*cells, *[""] * len(columns)]
            yield number, {column: padded[index].strip() for column, index in columns.items()}
            continue
        columns = _columns(cells)
        if missing := [column for column in needed if column not in columns]:
            found = f"{', '.join(map(repr, cells))[:80]} in the header"
            raise _wrong(path, number, f"no column {' or '.join(missing)} among {found}; add it")


def _columns(cells: Iterable[str]) -> dict[str, int]:
    """The position of each column that has one of its known names."""
    heading = [cell.strip(" \"'").lower() for cell in cells]
    # The first name wins.
    places = [(column, name) for column, names in _COLUMNS.items() for name in reversed(names)]
    return {column: heading.index(name) for column, name in places if name in heading}


def _named(path: Path, text: str) -> Iterator[Entry]:
    document = _document(path, text)
    entries, lines = document.get("labels", document), _key_lines(text)
    if not isinstance(entries, dict):
        raise _wrong(path, lines.get("labels", 0), "labels must hold names and integers, such as 'labels: {LV: 1}'")
    found = document.get("colours", document.get("colors"))
    colours: dict[Any, Any] = found if "labels" in document and isinstance(found, dict) else {}
    by_value = bool(entries) and all(type(_either(key)) is int and type(entries[key]) is str for key in entries)
    for key, content in entries.items():
        name, value = (content, _either(key)) if by_value else (key, content)
        line = lines.get(str(key), 0)
        if type(name) is not str or type(value) is not int:
            raise _wrong(path, line, f"label {name!r} is {value!r}; give a name and an integer from 1")
        yield line, value, name, colours.get(name, "")


def _document(path: Path, text: str) -> dict[Any, Any]:
    if path.suffix.lower() != ".json":
        return load_yaml(path)
    try:
        document = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        reason = getattr(error, "msg", error)
        raise _wrong(path, getattr(error, "lineno", 0), f"not valid JSON: {reason}; correct it") from error
    if not isinstance(document, dict):
        raise DocumentError(f"{path}: must hold a mapping of names to integers")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (key, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"key {key!r} is given twice")
    return found


def _key_lines(text: str) -> dict[str, int]:
    """The line of each key in YAML or JSON with one key per line."""
    lines: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        lines.setdefault(line.partition(":")[0].strip(" \t\"'{"), number)
    return lines


def _either(text: Any) -> Any:
    """A cell or key as an integer if it is one, otherwise unchanged."""
    return int(text) if isinstance(text, str) and re.fullmatch(r"\s*[+-]?\d{1,20}\s*", text) else text


def _integer(path: Path, line: int, text: str) -> int:
    # If a column has an empty cell, spreadsheets write its integers as 1.0.
    if not re.fullmatch(r"\d{1,10}(\.0+)?", text):
        raise _wrong(path, line, f"{text[:40]!r} is not a whole number; give each label an integer from 1")
    return int(text.partition(".")[0])


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\d{1,12}(\.\d*)?([eE][+-]?\d{1,3})?", text) is not None


def _unquoted(name: str) -> str:
    name = name.strip()
    return name[1:].partition(name[0])[0] if name[:1] in ('"', "'") else name


def _hex(path: Path, line: int, channels: Sequence[str]) -> str:
    if not all(_is_number(channel) and float(channel) <= 255 for channel in channels):
        raise _wrong(path, line, f"colour {' '.join(channels)} is not three numbers from 0 to 255; correct it")
    return "#" + "".join(f"{round(float(channel)):02x}" for channel in channels)


def _own_colour(value: int) -> str:
    # Steps of the golden ratio on the colour wheel give neighbouring integers very different colours.
    channels = colorsys.hsv_to_rgb(value * 0.618034 % 1, 0.65, 0.9)
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in channels)


def _slicer_text(rows: Iterable[LabelRow], file_name: str) -> str:
    lines = ["0 Background 0 0 0 0"]
    for row in rows:
        rgb = " ".join(map(str, bytes.fromhex(row.colour[1:])))
        lines.append(f"{row.value} {row.name.replace(' ', '_')} {rgb} 255")
    shown = file_name.encode("ascii", "replace").decode().replace("\n", "?")
    return "\n".join([f"# Color table file {shown}", f"# {len(lines)} values", *lines, ""])


_SNAP_HEADING = """\
################################################
# ITK-SnAP Label Description File
# File format:
# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL
# Fields:
#    IDX:   Zero-based index
#    -R-:   Red color component (0..255)
#    -G-:   Green color component (0..255)
#    -B-:   Blue color component (0..255)
#    -A-:   Label transparency (0.00 .. 1.00)
#    VIS:   Label visibility (0 or 1)
#    IDX:   Label mesh visibility (0 or 1)
#  LABEL:   Label description
################################################
    0     0    0    0        0  0  0    "Clear Label"
"""


def _itksnap_text(rows: Iterable[LabelRow]) -> str:
    lines = []
    for row in rows:
        red, green, blue = bytes.fromhex(row.colour[1:])
        lines.append(f'  {row.value:>3}   {red:>3}  {green:>3}  {blue:>3}  {1:>7}  1  1    "{row.name}"\n')
    return _SNAP_HEADING + "".join(lines)


_READERS = {"yaml": _named, "json": _named, "table": _table, "slicer": _slicer, "itksnap": _itksnap}
