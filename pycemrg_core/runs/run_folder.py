"""The folder of a run, and files that are written completely or not at all.

Everything is first written next to its place and renamed when it is complete. So the folder always has the old result
or the complete new one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from attrs import field, frozen

from pycemrg_core.errors import ImageError, OutputError
from pycemrg_core.images import image_files, scratch
from pycemrg_core.images.named_volume import NamedVolume
from pycemrg_core.images.sources import split_scheme
from pycemrg_core.runs.beside import Beside, record_beside
from pycemrg_core.text.files import name_of

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
    """The input of a run, a file or a folder: its path and the SHA-256 of its bytes.

    ``reader`` is the reader that found the names in it, ``names`` are the integers that these have in the label map.
    ``record`` is the record of how the image was made, if one lies beside it; ``notes`` are about records of another.
    """

    path: Path
    sha256: str
    reader: str = ""
    names: Mapping[str, int] = field(factory=dict)
    record: Beside | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: str | Path, read: NamedVolume | None = None) -> Source:
        """Hash a file, or the names and bytes of all files in a folder. ``read`` is what was read from it.

        Raises :class:`ImageError` when it cannot be read.
        """
        place, _ = split_scheme(path)
        folder = place.is_dir()
        sha256 = _folder_sha256(place) if folder else image_files.file_sha256(place)
        record, notes = (None, ()) if folder else record_beside(place, sha256)
        if read is None:
            return cls(place, sha256, record=record, notes=notes)
        return cls(place, sha256, read.segmentation.reader, dict(read.labels), record, notes)


def _folder_sha256(folder: Path) -> str:
    total = hashlib.sha256()
    try:
        for file in sorted(one for one in folder.rglob("*") if one.is_file()):
            with file.open("rb") as opened:
                total.update(hashlib.file_digest(opened, "sha256").digest())
            total.update(file.relative_to(folder).as_posix().encode("utf-8", "surrogateescape") + b"\0")
    except OSError as error:
        raise ImageError(f"{name_of(folder)}: cannot be read: {error.strerror}; check its permissions") from error
    return total.hexdigest()


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other commands out of a folder, which is made if it does not exist.

    Raises :class:`OutputError` when another command works in it, or when it cannot be made.
    """
    with _made(folder), ExitStack() as stack:
        try:
            alone = stack.enter_context(scratch.holding(folder))
        except OSError as error:
            raise OutputError(
                f"{name_of(folder)}: cannot be opened: {error.strerror or error}; choose another folder"
            ) from error
        if not alone:
            raise OutputError(
                f"{name_of(folder)}: another command is writing here; wait until it has ended, or choose another folder"
            )
        yield


@contextmanager
def staged(folder: Path, remove: Iterable[str] = ()) -> Iterator[Path]:
    """A folder inside ``folder`` to write into. Its files move to ``folder`` when the block ends without an error.

    At the same time, files of ``folder`` whose names are in ``remove`` are deleted, unless they were written again.

    Raises :class:`OutputError` when ``folder`` cannot be made or written.
    """
    inner = None
    try:
        with _made(folder), scratch.scratch(folder) as inner:
            yield inner
            _take_places(inner, folder, remove)
    except OSError as error:
        raise OutputError(
            f"{name_of(folder)}: cannot be written: {error.strerror or error}; free some space or choose another folder"
        ) from error
    except OutputError as error:
        # Name the folder that the user knows, not the one inside it.
        text = str(error).replace(os.path.realpath(inner or folder), str(folder)).replace(str(inner), str(folder))
        raise OutputError(text) from error


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder, and remove it at the end of the block if it is still empty."""
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        require_folder(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{name_of(folder)}: cannot be written: {error.strerror or error};"
                " free some space or choose another folder"
            ) from error
        yield
    finally:
        for place in made:  # removes only those that are still empty
            with suppress(OSError):
                place.rmdir()


def require_folder(folder: Path) -> None:
    """Refuse a folder that cannot be made or written. Raises :class:`OutputError`."""
    places = (folder, *folder.absolute().parents)
    if links := [place for place in places if place.is_symlink() and not place.exists()]:
        raise OutputError(
            f"{name_of(folder)}: {links[0]} is a link to a place that does not exist; choose another folder"
        )
    place = next(place for place in places if place.exists())
    if not place.is_dir():
        what = "is a file" if place == folder else f"{place} is a file"
        raise OutputError(f"{name_of(folder)}: {what}, not a folder; choose another folder")
    if not os.access(place, os.W_OK | os.X_OK):
        raise OutputError(f"{name_of(folder)}: cannot be written: Permission denied; choose another folder")


def _take_places(inner: Path, folder: Path, remove: Iterable[str]) -> None:
    """Move the files of ``inner`` to ``folder``: all of them, or none if one cannot be moved."""
    names = sorted(os.listdir(inner), key=lambda name: (name == RECORD, name))
    old = inner / _OLD
    old.mkdir()
    done: list[tuple[str, Path]] = []
    try:
        for name in sorted({*remove} - {*names}):
            if (folder / name).is_file():
                done.append((name, old / str(len(done))))
                os.replace(folder / name, done[-1][1])
        for name in names:
            done.append((name, old / str(len(done))))
            if (folder / name).is_file():
                _keep_copy(folder / name, done[-1][1])
            os.replace(inner / name, folder / name)
    except BaseException:
        for name, copy in done:
            if os.path.lexists(copy):
                os.replace(copy, folder / name)
            elif name in names and not (inner / name).exists():
                (folder / name).rename(inner / name)
        raise
    with suppress(OSError):
        for _, copy in done:
            copy.unlink(missing_ok=True)
        old.rmdir()


def _keep_copy(path: Path, copy: Path) -> None:
    try:
        os.link(path, copy, follow_symlinks=False)
    except OSError:  # a file system without hard links
        import shutil

        shutil.copy2(path, copy, follow_symlinks=False)


def write_json(data: Any, path: Path) -> None:
    """Write JSON under a temporary name, then rename. Raises :class:`OutputError`."""
    write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", path)


def write_text(text: str, path: Path) -> None:
    """Write text as UTF-8 under a temporary name, then rename. Raises :class:`OutputError`."""
    try:
        with scratch.scratch(path.parent) as inner, (inner / path.name).open("wb") as file:
            # A name of a file that is not UTF-8 has surrogates; JSON has the same notation for them.
            file.write(text.encode("utf-8", "backslashreplace"))
            file.flush()
            os.fsync(file.fileno())
            os.replace(inner / path.name, path)
    except OSError as error:
        raise OutputError(
            f"{name_of(path)}: cannot be written: {error.strerror or error}; check the folder and its free space"
        ) from error


def relative_path(path: str | Path, folder: str | os.PathLike[str]) -> str:
    """A relative path: a folder and its inputs can move together, and no personal path is recorded."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return Path(path).resolve().as_posix()
