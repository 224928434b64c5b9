"""Read label tables and mappings: YAML, JSON, CSV, and the tables of 3D Slicer and ITK-SNAP.

Reading is tolerant of form (comments, tabs, quotes, byte-order marks, extra columns) and strict about numbers (see
:mod:`pycemrg_core.text.numbers`). Tables do not contain the background: 0 is left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from attrs import field, frozen

from pycemrg_core.errors import DocumentError, LabelError
from pycemrg_core.text.files import name_of, read_text
from pycemrg_core.text.numbers import DECIMAL, like_number, whole_number
from pycemrg_core.text.structured import parse_json, parse_yaml
from pycemrg_core.text.tables import header_of, is_comment, table_rows

Entry = tuple[int, int, str, str]  # line (0 when there is none), value, name, colour
Path = str | os.PathLike[str]

LABEL_FILES = (".yaml", ".yml", ".json", ".csv", ".tsv", ".ctbl", ".label", ".txt", ".lbl")
"""The extensions of files that :func:`read_label_file` reads."""

_WHAT = "a table of labels"
_INTEGER = f"give each label an integer from 1, {DECIMAL}"
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


def read_label_file(path: Path) -> tuple[LabelRow, ...]:
    """Read the labels of a file, in its order and without the background; content and extension tell the format.

    - YAML, JSON: ``labels:`` with names and integers (or the reverse), optionally ``colours:``; or only the labels.
    - CSV, TSV: a header with ``name`` and ``value``, and ``colour`` (``#rrggbb``) or ``R``, ``G``, ``B``.
    - 3D Slicer (``.ctbl``, ``.txt``): ``index name R G B A``. It writes spaces as underscores. They stay underscores,
      because many label names contain them.
    - ITK-SNAP (``.label``, ``.txt``): ``IDX R G B A VIS MSH "NAME"``.

    Raises :class:`DocumentError` with file and line for anything else, for a repeated integer, for an invalid name
    or colour, and when there are no labels.
    """
    text = read_text(path, _WHAT)
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
        raise DocumentError(f"{name_of(path)}: no labels; give each an integer from 1 and a name")
    return tuple(row for _, row in rows.values())


def read_labels_file(path: Path) -> dict[str, int]:
    """Names to integers, from a file that :func:`read_label_file` reads.

    Raises the same errors, and :class:`DocumentError` when two labels share a name.
    """
    try:
        return labels_of(read_label_file(path))
    except LabelError as error:
        raise DocumentError(f"{name_of(path)}: {error}") from error


def read_mapping_file(path: Path) -> dict[int | str, int | str]:
    """Read a mapping of labels: CSV or TSV with the columns ``source`` and ``target``, each an integer or a name.

    Raises :class:`DocumentError` with file and line for anything else, and for a repeated source.
    """
    text = read_text(path, _WHAT)
    if _kind(path, text) != "table":
        raise DocumentError(f"{name_of(path)}: not a mapping of labels; give CSV or TSV with the columns source,target")
    mapping: dict[int | str, int | str] = {}
    lines: dict[int | str, int] = {}
    for line, cells in _records(path, text, ("source", "target")):
        old, new = _either(cells["source"]), _either(cells["target"])
        if "" in (old, new):
            raise _wrong(path, line, "source or target is empty; give an integer or a name (0 deletes)")
        if wrong := [one for one in (old, new) if isinstance(one, str) and like_number(one)]:
            raise _wrong(path, line, f"{wrong[0]!r} is not a whole number; give an integer, {DECIMAL}, or a name")
        if old in mapping:
            raise _wrong(path, line, f"source {old!r} is also on line {lines[old]}; remove one")
        mapping[old], lines[old] = new, line
    if not mapping:
        raise DocumentError(f"{name_of(path)}: the mapping is empty; give old and new labels")
    return mapping


def _wrong(path: Path, line: int, text: str) -> DocumentError:
    return DocumentError(f"{name_of(path)}, line {line}: {text}" if line else f"{name_of(path)}: {text}")


def _kind(path: Path, text: str) -> str:
    """The format of the file; the extension decides only if the content does not."""
    extension = os.path.splitext(path)[1].lower()
    known = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".csv": "table", ".tsv": "table"}
    if extension in known:
        return known[extension]
    if "# color procedural file" in text[:1000].lower():
        raise DocumentError(
            f"{name_of(path)}: a continuous colour map; save a colour table with one line for each label"
        )
    first = next((line for _, line in _data_lines(text)), "")
    fields = first.split()
    if len(fields) > 7 and all(map(_is_number, fields[:7])):
        return "described"
    if len(fields) > 4 and _is_number(fields[0]) and all(map(_is_number, fields[-3:])):
        return "coloured"
    columns = _columns(header_of(text))
    if columns.keys() >= {"value", "name"} or columns.keys() >= {"source", "target"}:
        return "table"
    if extension in (".label", ".lbl", ".ctbl"):
        return "coloured" if extension == ".ctbl" else "described"
    raise DocumentError(
        f"{name_of(path)}: not a table of labels; give YAML, JSON, CSV, or the table of a viewer (.ctbl, .label)"
    )


def _data_lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not is_comment(line):
            yield number, line.rstrip()


def _coloured(path: Path, text: str) -> Iterator[Entry]:
    for line, content in _data_lines(text):
        index, _, rest = content.replace("\t", " ").strip().partition(" ")
        parts = rest.rsplit(None, 4)  # there is no opacity if there are only four
        if len(parts) < 4 or not all(map(_is_number, parts[1:])):
            raise _wrong(path, line, f"{content[:80]!r} is not 'index name R G B A'; correct the line")
        value, name = _integer(path, line, index), _unquoted(parts[0])
        if value and name != "(none)":  # Slicer's word for an integer without a label
            yield line, value, name, _hex(path, line, parts[1:4])


def _described(path: Path, text: str) -> Iterator[Entry]:
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
    columns: dict[str, int] = {}
    for number, cells in table_rows(text, path):
        if columns:
            padded = [*cells, *[""] * len(columns)]
            yield number, {column: padded[index] for column, index in columns.items()}
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
        raise _wrong(path, lines.get("labels", 0), "labels must hold names and integers, such as 'labels: {wall: 1}'")
    if beside := [key for key in document if entries is not document and str(key).endswith("_label")]:
        raise _wrong(path, lines.get(beside[0], 0), f"{beside[0]!r} is beside 'labels', not below it; indent the line")
    found = document.get("colours", document.get("colors"))
    colours: dict[Any, Any] = found if "labels" in document and isinstance(found, dict) else {}
    by_value = bool(entries) and all(type(_either(key)) is int and type(entries[key]) is str for key in entries)
    for key, content in entries.items():
        name, value = (content, _either(key)) if by_value else (key, content)
        line = lines.get(str(key), 0)
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(name) is not str or like_number(name):
            raise _wrong(path, line, f"{name!r} is not the name of a label; give a name and an integer from 1")
        if type(value) is not int:
            raise _wrong(path, line, f"label {name!r} is {value!r:.80}, not a whole number; {_INTEGER}")
        yield line, value, name, colours.get(name, "")


def _document(path: Path, text: str) -> dict[Any, Any]:
    document = parse_json(text, path) if os.fspath(path).lower().endswith(".json") else parse_yaml(text, path)
    if not isinstance(document, dict):
        raise DocumentError(f"{name_of(path)}: not a mapping; write lines of the form 'name: integer'")
    return document


def _key_lines(text: str) -> dict[str, int]:
    """The line of each key in YAML or JSON with one key per line."""
    lines: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        lines.setdefault(line.partition(":")[0].strip(" \t\"'{"), number)
    return lines


def _either(text: Any) -> Any:
    """A cell or key as an integer if it is one, otherwise unchanged."""
    found = whole_number(text) if isinstance(text, str) else None
    return text if found is None else found


def _integer(path: Path, line: int, text: str) -> int:
    if (value := whole_number(text)) is None:
        raise _wrong(path, line, f"{text[:40]!r} is not a whole number; {_INTEGER}")
    return value


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\d{1,12}(\.\d*)?([eE][+-]?\d{1,3})?", text) is not None


def _unquoted(name: str) -> str:
    name = name.strip()
    return name[1:].partition(name[0])[0] if name[:1] in ('"', "'") else name


def _hex(path: Path, line: int, channels: Sequence[str]) -> str:
    if not all(_is_number(channel) and float(channel) <= 255 for channel in channels):
        raise _wrong(path, line, f"colour {' '.join(channels)} is not three numbers from 0 to 255; correct it")
    return "#" + "".join(f"{round(float(channel)):02x}" for channel in channels)


_READERS = {"yaml": _named, "json": _named, "table": _table, "coloured": _coloured, "described": _described}
