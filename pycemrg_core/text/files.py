"""Read text files: small ordinary files in UTF-8, or with a byte-order mark. Everything that is text is read here.

And whether two paths are one file.
"""

from __future__ import annotations

import codecs
import os
import stat
from contextlib import suppress
from io import BufferedReader

from pycemrg_core.errors import DocumentError

MOST_BYTES = 1_000_000

# The mark of UTF-32 begins with the one of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class NotOrdinaryError(OSError):
    """A pipe, a device or a socket: reading it could wait for ever."""


def name_of(path: str | os.PathLike[str]) -> str:
    """The path for messages: as given, but on one line, and with nothing that a terminal would obey."""
    name = os.fspath(path)
    return name if name.isprintable() else repr(name)[1:-1]


def stem_of(path: str | os.PathLike[str]) -> str:
    """The name of a file without its folder and without what says its format: ``heart`` of ``scans/heart.nii.gz``."""
    name = os.path.basename(os.fspath(path).rstrip("/\\"))
    return name.removesuffix(".gz").rpartition(".")[0] or name


def open_ordinary(path: str | os.PathLike[str]) -> BufferedReader:
    """Open an ordinary file for reading, without waiting for a pipe or a device.

    Raises :class:`OSError`; :class:`NotOrdinaryError` for a pipe or a device.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(f"{os.fspath(path)} is a folder")
        if not stat.S_ISREG(mode):
            raise NotOrdinaryError(f"{os.fspath(path)} is not an ordinary file")
        return open(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_text(path: str | os.PathLike[str], what: str = "a configuration file", most: int = MOST_BYTES) -> str:
    """The text of a small file in UTF-8, or in UTF-16 or UTF-32 with a byte-order mark; lines end with ``\\n``.

    ``what`` says what the file should be, ``most`` how many bytes it may have. Raises :class:`DocumentError` naming
    the file when it is missing, a folder, a pipe or a device, too large, or not text.
    """
    name = name_of(path)
    try:
        with open_ordinary(path) as file:
            parts, size = [], 0
            while size <= most and (more := file.read(1 << 20)):
                parts.append(more)
                size += len(more)
    except FileNotFoundError:
        raise DocumentError(f"{name}: no such file; check the path") from None
    except IsADirectoryError:
        raise DocumentError(f"{name}: is a folder; give {what}") from None
    except NotOrdinaryError:
        raise DocumentError(f"{name}: not an ordinary file; give {what}") from None
    except ValueError:  # each version of Python has its own words for it
        raise DocumentError(f"{name}: cannot be read: embedded null byte; check the path and its permissions") from None
    except OSError as error:
        reason = error.strerror or error
        raise DocumentError(f"{name}: cannot be read: {reason}; check the path and its permissions") from error
    if size > most:
        raise DocumentError(f"{name}: larger than {most:,} bytes; give {what}")
    data = b"".join(parts)
    mark, encoding = next(((mark, code) for mark, code in _MARKS if data.startswith(mark)), (b"", "utf-8"))
    try:
        text = data.removeprefix(mark).decode(encoding)
    except UnicodeDecodeError as error:
        if b"\0" in data:  # an image or an archive; Python's words about its bytes would help nobody
            raise DocumentError(f"{name}: cannot read it as text; give {what}, saved as UTF-8") from None
        raise DocumentError(f"{name}: cannot read it as text: {error}; save it as UTF-8") from error
    if "\0" in text:
        raise DocumentError(f"{name}: cannot read it as text: it holds NUL characters; save it as UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def same_file(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Whether two paths are one file, also through links of both kinds; or would be, where there is none yet."""
    with suppress(OSError):
        return os.path.samefile(one, other)
    return os.path.realpath(one) == os.path.realpath(other)
