"""Temporary folders inside the folder that will be written, and locks that keep two commands out of one folder.

A temporary folder has a random name, can be opened only by its owner, and is locked while its process lives. So what
is found unlocked was left by a process that was killed: the next command that writes to the same folder removes it.
Locks end with the process that holds them. Some network file systems have none; there, nothing is removed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PREFIX = ".pycemrg-"
_NAME = re.compile(re.escape(PREFIX) + r"[a-z0-9_]{8}")
_TRIES = 100


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A new temporary folder inside ``folder``, removed at the end of the block. Raises :class:`OSError`."""
    sweep(folder)
    inner, lock = _new(folder)
    try:
        yield inner
    finally:
        _remove(inner)
        if lock is not None:
            os.close(lock)


def sweep(folder: Path) -> None:
    """Remove the temporary folders in ``folder`` that killed processes left."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in [one for one in entries if _NAME.fullmatch(one.name) and one.is_dir(follow_symlinks=False)]:
            with suppress(OSError):
                if (lock := _lock(Path(entry.path))) is not None:
                    _remove(Path(entry.path))
                    os.close(lock)


@contextmanager
def holding(folder: Path) -> Iterator[bool]:
    """Lock a folder that exists, also one behind a link; False when another process holds it.

    The lock ends with the block or the process. Raises :class:`OSError` when the folder cannot be opened.
    """
    try:
        lock = _lock(folder.resolve())
    except BlockingIOError:
        yield False
        return
    try:
        yield True
    finally:
        if lock is not None:
            os.close(lock)


def _new(folder: Path) -> tuple[Path, int | None]:
    for _ in range(_TRIES):
        inner = folder / f"{PREFIX}{os.urandom(4).hex()}"
        inner.mkdir(mode=0o700)
        # Another process may find the new folder unlocked, and remove it.
        with suppress(BlockingIOError, FileNotFoundError):
            return inner, _lock(inner)
    raise OSError("no temporary folder can be locked")


def _remove(folder: Path) -> None:
    try:
        folder.rmdir()  # as a rule it is empty, and ``shutil`` takes long to import
    except OSError:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)


def _lock(folder: Path) -> int | None:
    """Lock a folder; None if its file system has no locks.

    Raises :class:`BlockingIOError` when another process holds it, and :class:`FileNotFoundError` when it is gone.
    """
    if fcntl is None:
        return None
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(descriptor), os.lstat(folder)):
            raise FileNotFoundError(folder)
    except (BlockingIOError, FileNotFoundError):
        os.close(descriptor)
        raise
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
