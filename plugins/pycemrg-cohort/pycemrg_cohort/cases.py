"""Read the cases of a cohort from files, folders, patterns and tables."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from pycemrg_core.api import PlanError, PycemrgError, close_to, name_of, parse_number, read_text, table_rows

EXTENSIONS = (".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd", ".inr", ".vtk", ".gipl")
_TABLES = (".csv", ".tsv")
_COLUMNS = ("path", "id", "scheme")
# An id becomes the name of a folder, so it follows the rule for names of records, which become file names.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")


@frozen(kw_only=True)
class Case:
    """One heart: its id, its image, the label scheme of its image, and its own parameters.

    ``path`` is the path as the user gave it, and ``file`` is the absolute path. ``where`` is the place in a table.
    """

    id: str
    path: str
    file: str
    scheme: str = ""
    parameters: dict[str, float] = field(factory=dict)
    where: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain data for a worker."""
        return {"id": self.id, "path": self.path, "file": self.file, "scheme": self.scheme, "values": self.parameters}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Case:
        """Make a case from the data of :meth:`as_json`."""
        return cls(
            id=data["id"], path=data["path"], file=data["file"], scheme=data["scheme"], parameters=data["values"]
        )


def read_cases(
    inputs: Iterable[str],
    *,
    parameters: Collection[str],
    schemes: Collection[str],
    scheme: str = "",
    is_structure: Callable[[str], bool] = lambda _: False,
) -> tuple[Case, ...]:
    """Read the cases of ``inputs``, sorted by id: label maps, folders, patterns with ``*`` and tables.

    ``parameters`` and ``schemes`` are the names that a table can use; ``scheme`` is the scheme of cases without one
    in the table. ``is_structure`` says whether a name is that of a structure: a folder of images that all have such
    names is one heart in masks. Raises :class:`PlanError` with all problems at once; problems of tables have a line
    number.
    """
    problems: list[str] = []
    cases: list[Case] = []
    for text in inputs:
        try:
            cases.extend(_cases(text, parameters, schemes, is_structure, problems))
        except PycemrgError as error:
            problems.append(str(error))
    problems.extend(_id_problems(cases))
    if not cases and not problems:
        problems.append("the inputs contain no case")
    if problems:
        raise PlanError("the cohort cannot be used:", problems)
    return tuple(sorted((evolve(case, scheme=case.scheme or scheme) for case in cases), key=lambda case: case.id))


def _cases(
    text: str,
    parameters: Collection[str],
    schemes: Collection[str],
    is_structure: Callable[[str], bool],
    problems: list[str],
) -> Iterator[Case]:
    path = Path(text)
    if path.is_dir():
        yield from _folder(path, text, is_structure, problems)
    elif path.is_file() and path.suffix.lower() in _TABLES:
        yield from _table(path, parameters, schemes, problems)
    elif path.is_file():
        yield _case(text)
    elif glob.has_magic(text):
        found = sorted(glob.glob(text, recursive=True))
        if not found:
            problems.append(f"{text}: no file matches")
        yield from map(_case, found)
    else:
        problems.append(f"{text}: no such file or folder")


def _folder(path: Path, text: str, is_structure: Callable[[str], bool], problems: list[str]) -> Iterator[Case]:
    """The images of a folder; the folders in it, such as those with masks, if it has no images."""
    inside = sorted(name for name in os.listdir(path) if not name.startswith("."))
    found = [name for name in inside if extension(name)]
    if len(found) > 1 and all(is_structure(name[: -len(extension(name))]) for name in found):
        problems.append(
            f"{text}: its images are the structures of one heart; give the folder that it is in, or a pattern in"
            " quotes, such as 'hearts/*'"
        )
        return
    found = found or [name for name in inside if (path / name).is_dir()]
    if not found:
        problems.append(f"{text}: no readable image in this folder ({', '.join(EXTENSIONS)}), and no folder of masks")
    yield from (_case(str(path / name)) for name in found)


def extension(name: str) -> str:
    """The extension of a readable image, in lower case; empty for any other file."""
    return next((end for end in sorted(EXTENSIONS, key=len, reverse=True) if name.lower().endswith(end)), "")


def _case(path: str, **given: Any) -> Case:
    name = os.path.basename(path)
    stem = name[: -len(end)] if (end := extension(name)) else name.partition(".")[0]
    return Case(**{"id": stem, "path": path, "file": os.path.abspath(path), **given})


def _table(table: Path, parameters: Collection[str], schemes: Collection[str], problems: list[str]) -> Iterator[Case]:
    rows = table_rows(read_text(table, "a table of cases"), table)
    first, header = next(rows, (1, []))
    wrong = [*_header_problems(header, parameters)]
    problems += [f"{name_of(table)}, line {first}: {problem}" for problem in wrong]
    if wrong:
        return
    for line, cells in rows:
        where = f"{name_of(table)}, line {line}"
        row = dict(zip(header, cells, strict=False))
        told = _row_problems(row, len(cells), len(header), table.parent, schemes)
        problems += [f"{where}: {problem}" for problem in told]
        if len(cells) == len(header) and row["path"]:  # its id is tested too, even if something else is wrong
            given = {key: row[key] for key in ("id", "scheme") if row.get(key)}
            numbers = {name: parse_number(cell) for name, cell in row.items() if name not in _COLUMNS}
            values = {name: value for name, value in numbers.items() if value is not None}
            yield _case(os.path.normpath(table.parent / row["path"]), where=where, parameters=values, **given)


def _header_problems(header: list[str], parameters: Collection[str]) -> Iterator[str]:
    if "path" not in header:
        yield f"no column 'path'{close_to('path', header)}; the first line names the columns"
    for name in dict.fromkeys(name for name in header if header.count(name) > 1):
        yield f"column {name!r} appears {header.count(name)} times"
    for name in header:
        if name not in (*_COLUMNS, *parameters):
            hint = close_to(name, [*_COLUMNS, *parameters]) or "; remove it"
            yield f"column {name!r} is not path, id, scheme or a parameter of the recipe{hint}"


def _row_problems(
    row: dict[str, str], cells: int, columns: int, folder: Path, schemes: Collection[str]
) -> Iterator[str]:
    if cells != columns:
        yield f"{cells} cells for {columns} columns"
        return
    if not row["path"]:
        yield "no path"
    elif not (folder / row["path"]).exists():
        yield f"no such file: {name_of(folder / row['path'])}"
    if (scheme := row.get("scheme", "")) and scheme not in schemes:
        yield f"no label scheme is called {scheme!r}{close_to(scheme, schemes)}"
    for name, cell in row.items():
        if name not in _COLUMNS and cell and parse_number(cell) is None:
            yield f"{name} is {cell!r}, not a number"


def _id_problems(cases: Iterable[Case]) -> Iterator[str]:
    users: dict[str, list[Case]] = {}
    for case in cases:
        at = name_of(case.where or case.path)
        if not _ID.fullmatch(case.id):
            yield (
                f"{at}: id {case.id!r} must be 1 to 80 letters, digits, '_', '-' or '.' and start with a letter or"
                " digit; give ids in a table"
            )
        # Some file systems do not distinguish A from a.
        users.setdefault(case.id.casefold(), []).append(case)
    for same in users.values():
        if len(same) > 1:
            at = ", ".join(case.where or case.path for case in same)
            yield f"{len(same)} cases have the id {same[0].id!r}: {at}; give different ids in a table"
