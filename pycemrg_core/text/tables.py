"""Read and write tables: CSV with commas, semicolons or tabs. One rule for tables of labels, mappings and cohorts."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Iterator

from pycemrg_core.errors import DocumentError
from pycemrg_core.text.files import name_of

_SEPARATORS = "\t,;"
# Where the first column is a colour, a row begins with one.
_COMMENT = re.compile(r"[ \t]*#(?![0-9a-fA-F]{6}[ \t]*[,;\t])")
Row = tuple[int, list[str]]
"""A line number, and the cells that begin there, without white space at their ends."""


def is_comment(line: str) -> bool:
    """Whether a line begins with ``#``, and not with a colour."""
    return _COMMENT.match(line) is not None


def header_of(text: str) -> list[str]:
    """The cells of the first line that is neither empty nor a comment; of any text."""
    try:
        return next(table_rows(text, ""), (0, [""]))[1]
    except DocumentError:
        return []


def table_rows(text: str, path: str | os.PathLike[str]) -> Iterator[Row]:
    """The rows of a table, the header first. Empty rows are left out.

    The header shows the separator: the one of comma, semicolon and tab that it has most of, or the one that a line
    ``sep=;`` above it names. Lines above the header that begin with ``#`` are comments. Below it such a line is
    refused, because a row would vanish; in quotes its first cell is data.

    Raises :class:`DocumentError` naming ``path`` and the line.
    """
    lines = text.split("\n")
    begin = next((n for n, line in enumerate(lines) if line.strip() and not is_comment(line)), len(lines))
    separator = ""
    if begin < len(lines) and (said := re.fullmatch(r"sep=([,;\t])", lines[begin].strip(" "))):
        separator, begin = said[1], begin + 1
    head = re.sub(r'"[^"]*"', "", lines[begin]) if begin < len(lines) else ""
    reader = csv.reader(
        io.StringIO("\n".join(lines[begin:])),
        delimiter=separator or max(_SEPARATORS, key=head.count),
        skipinitialspace=True,
        strict=True,
    )
    while True:
        start = begin + reader.line_num
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise _wrong(path, start, f"not CSV: {error}; correct the quotes") from error
        if cells is None:
            return
        if is_comment(lines[start]):
            raise _wrong(path, start, "begins with '#'; remove the line, or put its first cell in quotes")
        if any(cell.strip() for cell in cells):
            yield start + 1, [cell.strip() for cell in cells]


def _wrong(path: str | os.PathLike[str], line: int, text: str) -> DocumentError:
    return DocumentError(f"{name_of(path)}, line {line + 1}: {text}")


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Rows as CSV. A text that a spreadsheet would take for a formula gets a ``'`` in front; numbers stay numbers."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([[_cell(value) for value in row] for row in rows])
    return text.getvalue()


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = value.replace("\r", " ")  # the writer does not quote it, and it would end the row
    if not value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return text
    try:
        float(value)
    except ValueError:
        return f"'{text}"
    return text
