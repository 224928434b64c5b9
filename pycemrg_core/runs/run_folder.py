"""The folder of a run, and files that are written completely or not at all.

Everything is first written next to its place and renamed when it is complete. So the folder always has the old result
or the complete new one.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from attrs import frozen

from pycemrg_core.errors import OutputError
from pycemrg_core.images import image_files

IMAGE = "heart.nrrd"
"""The file name of the resulting label map in the folder of a run."""
RECORD = "run.json"
"""The file name of the record in the folder of a run."""
STEPS = "steps"
"""The name of the folder with the image after each step, inside the folder of a run."""
FORMAT = 1
_OLD = ".old"


@frozen
class Source:
    """The input file of a run: its path and the SHA-256 of its bytes."""

    path: Path
    sha256: str

    @classmethod
    def of(cls, path: str | Path) -> Source:
        """Hash a file. Raises :class:`ImageError` when it cannot be read."""
        return cls(Path(path), image_files.file_sha256(path))


@contextmanager
def staged(folder: Path, remove: Iterable[str] = ()) -> Iterator[Path]:
    """A folder inside ``folder`` to write into. Its files move to ``folder`` when the block ends without an error.

    At the same time, files of ``folder`` whose names are in ``remove`` are deleted, unless they were written again.

    Raises :class:`OutputError` when ``folder`` cannot be made or written.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    inner = None
    try:
        require_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        inner = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
        yield inner
        _take_places(inner, folder, remove)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written: {error.strerror or error}; free some space or choose another folder"
        ) from error
    except OutputError as error:
        # Name the folder that the user knows, not the one inside it.
        text = str(error).replace(os.path.realpath(inner or folder), str(folder)).replace(str(inner), str(folder))
        raise OutputError(text) from error
    finally:
        if inner:
            shutil.rmtree(inner, ignore_errors=True)
        for place in made:  # removes only those that are still empty
            with suppress(OSError):
                place.rmdir()


def require_folder(folder: Path) -> None:
    """Refuse a folder that cannot be made or written. Raises :class:`OutputError`."""
    place = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not place.is_dir():
        what = "is a file" if place == folder else f"{place} is a file"
        raise OutputError(f"{folder}: {what}, not a folder; choose another folder")
    if not os.access(place, os.W_OK | os.X_OK):
        raise OutputError(f"{folder}: cannot be written: Permission denied; choose another folder")


def _take_places(inner: Path, folder: Path, remove: Iterable[str]) -> None:
    """Move the files of ``inner`` to ``folder``: all of them, or none if one cannot be moved."""
    names = sorted(os.listdir(inner), key=lambda name: (name == RECORD, name))
    (inner / _OLD).mkdir()
    done = []
    try:
        for name in {*remove} - {*names}:
            if (folder / name).is_file():
                done.append(name)
                os.replace(folder / name, inner / _OLD / name)
        for name in names:
            done.append(name)
            if (folder / name).is_file():
                _keep_copy(folder / name, inner / _OLD / name)
            os.replace(inner / name, folder / name)
    except BaseException:
        for name in done:
            if (inner / _OLD / name).exists():
                os.replace(inner / _OLD / name, folder / name)
            elif not (inner / name).exists():
                (folder / name).rename(inner / name)
        raise


def _keep_copy(path: Path, copy: Path) -> None:
    try:
        os.link(path, copy)
    except OSError:  # a file system without hard links
        shutil.copy2(path, copy)


def write_json(data: Any, path: Path) -> None:
    """Write JSON under a temporary name, then rename. Raises :class:`OutputError`."""
    write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", path)


def write_text(text: str, path: Path) -> None:
    """Write text under a temporary name, then rename. Raises :class:`OutputError`."""
    temporary = path.with_name(f".{path.name}.partial")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written: {error.strerror}; check the folder and its free space"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
