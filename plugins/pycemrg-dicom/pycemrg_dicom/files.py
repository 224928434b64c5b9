"""DICOM files: which they are, and reading them without a traceback."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pycemrg_core.api import ImageError, name_of

_MARK = b"DICM"
_MOST_FILES = 20_000
_SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""SOP classes: segmentation storage, label map segmentation storage."""


def is_segmentation(path: Path) -> bool:
    """Whether it is a DICOM-SEG file, or a folder that holds one."""
    return any(map(_is_segmentation, files_in(path)))


def is_series(path: Path) -> bool:
    """Whether it is a folder with DICOM images and no segmentation."""
    return path.is_dir() and any(True for _ in files_in(path)) and not is_segmentation(path)


def segmentations_in(path: Path) -> list[Path]:
    """The DICOM-SEG files of a source."""
    return [file for file in files_in(path) if _is_segmentation(file)]


def files_in(path: Path) -> Iterator[Path]:
    """The DICOM files of a source, a file or a folder, in the order of their names."""
    if not path.is_dir():
        yield from (file for file in (path,) if _is_dicom(file))
        return
    names = sorted(path.iterdir())
    if len(names) > _MOST_FILES:
        raise ImageError(f"{name_of(path)}: holds {len(names):,} files; give a folder with one series")
    yield from filter(_is_dicom, names)


def read_dataset(file: Path, **options: Any) -> Any:
    """A DICOM file. Raises :class:`ImageError`."""
    import pydicom

    with refusing(file):
        return pydicom.dcmread(file, **options)


@contextmanager
def refusing(file: Path) -> Iterator[None]:
    """What the libraries raise of a damaged file, as one line; their warnings are not for the user."""
    try:
        with warnings.catch_warnings(), _unlogged("highdicom", "pydicom"):
            warnings.simplefilter("ignore")
            yield
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # they raise many kinds, of which none says which file it is
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ImageError(f"{name_of(file)}: cannot be read as DICOM: {reason}; export it again") from error


@contextmanager
def _unlogged(*names: str) -> Iterator[None]:
    """What these libraries log would be printed, because pycemrg sets up no logging."""
    import logging  # takes long, and every source is asked whether it is DICOM

    loggers = [logging.getLogger(name) for name in names]
    before = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for one, level in zip(loggers, before, strict=True):
            one.setLevel(level)


def _is_dicom(file: Path) -> bool:
    if not file.is_file():
        return False
    try:
        with file.open("rb") as opened:
            return opened.read(132)[128:] == _MARK
    except OSError as error:
        raise ImageError(f"{name_of(file)}: cannot be read: {error.strerror}; check its permissions") from error


def _is_segmentation(file: Path) -> bool:
    if not _is_dicom(file):
        return False
    found = read_dataset(file, specific_tags=["SOPClassUID"], stop_before_pixels=True)
    with refusing(file):  # values are read when they are asked for
        return str(found.get("SOPClassUID", "")) in _SEGMENTATIONS
