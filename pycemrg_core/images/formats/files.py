"""Files on disk: test that a file exists, get its extension, and find the data file that a header names."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable
from io import BufferedReader
from pathlib import Path

from pycemrg_core.errors import ImageError
from pycemrg_core.images.formats.header import FormatError, plain
from pycemrg_core.text.files import NotOrdinaryError, open_ordinary
from pycemrg_core.text.files import name_of as name_of

_LONGEST_LINE = 1 << 20
_MOST_LINES = 20_000
_PATTERN = re.compile(r"%(0?[0-9]{0,2})d", re.ASCII)


def extension(path: str | os.PathLike[str]) -> str:
    """Return the file name's extension in lower case: ``.nrrd``, ``.nii.gz``, empty when there is none."""
    name = os.fspath(path).lower()
    return ".nii.gz" if name.endswith(".nii.gz") else Path(name).suffix


def require_file(path: str | os.PathLike[str], known: Iterable[str]) -> None:
    """Refuse anything but an ordinary file. ``known`` are the extensions to suggest when it is a folder.

    Raises ``ImageError``: one line with the path and a guess what was meant.
    """
    name, file = name_of(path), Path(path)
    try:
        if file.is_file():
            return
        if file.is_dir():
            found = sorted(child.name for child in file.iterdir() if extension(child) in known)
            hint = (
                f"give one of the files in it: {', '.join(map(name_of, found[:3]))}" if found else "give an image file"
            )
            raise ImageError(f"{name}: is a folder, not an image; {hint}")
        if file.exists():
            raise ImageError(f"{name}: is not an ordinary file; give an image file")
        if not file.parent.is_dir():
            raise ImageError(f"{name}: no such file, and no folder {name_of(file.parent)} either; check the path")
        names = sorted(child.name for child in file.parent.iterdir())
    except OSError as error:
        raise ImageError(f"{name}: cannot be read: {error.strerror}; check the path and its permissions") from error
    close = difflib.get_close_matches(file.name, names, n=3)
    hint = f"did you mean {' or '.join(map(name_of, close))}?" if close else "check the path"
    raise ImageError(f"{name}: no such file; {hint}")


def open_file(path: str | os.PathLike[str]) -> BufferedReader:
    """Open an ordinary file for reading. A pipe or a device is refused, without waiting for it."""
    try:
        return open_ordinary(path)
    except (NotOrdinaryError, IsADirectoryError):
        raise FormatError(f"{plain(os.path.basename(path))} is not an ordinary file; give an image file") from None


def header_line(file: BufferedReader, kind: str, lines: int) -> str | None:
    """The next line of a text header without its line end, or None at the end of the file. Bounded in length."""
    line = file.readline(_LONGEST_LINE + 1)
    if len(line) > _LONGEST_LINE or lines > _MOST_LINES:
        raise FormatError(
            f"its {kind} header has more than {_MOST_LINES:,} lines, or one of more than {_LONGEST_LINE:,} characters;"
            " export it again"
        )
    # Names of data files are in UTF-8 or in the encoding of the file system.
    return line.decode("utf-8", "surrogateescape").rstrip("\r\n") if line else None


def data_file(folder: Path, name: str) -> Path:
    """The data file that a header in ``folder`` names; a name as written on Windows or in Latin-1 is understood."""
    tried = found(folder, name)
    if tried is None:
        raise FormatError(f"its data file {plain(name)} is missing; copy it to the folder of the header")
    return tried


def found(folder: Path, name: str) -> Path | None:
    """The file of that name, if there is one."""
    if not name.strip() or "\0" in name:
        return None
    latin = name.encode("utf-8", "surrogateescape").decode("latin-1")
    for spelling in dict.fromkeys((name, name.replace("\\", "/"), latin, latin.replace("\\", "/"))):
        path = folder / spelling
        if path.is_file():
            return path
        if path.exists():
            raise FormatError(
                f"its data file {plain(name)} is not an ordinary file; copy the data to the folder of the header"
            )
    return None


def is_pattern(name: str) -> bool:
    """Whether the name has a place for a number, as in ``slice%03d.raw``."""
    return len(_PATTERN.findall(name.replace("%%", ""))) == 1


def numbered(name: str, number: int) -> str:
    """The name with the number in it; ``%%`` is a percent sign."""
    halves = (_PATTERN.sub(lambda match: f"%{match[1]}d" % number, half) for half in name.split("%%"))
    return "%".join(halves)
