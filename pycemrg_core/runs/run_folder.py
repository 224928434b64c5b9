"""The folder that a run leaves: ``heart.nrrd``, ``run.json`` and, if asked, the image after each step.

Everything is written beside its place first and renamed when all of it is there, so whoever looks sees the old
result or the whole new one.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from attrs import frozen

from pycemrg_core import __version__
from pycemrg_core.api import documents
from pycemrg_core.errors import OutputError
from pycemrg_core.images import image_files
from pycemrg_core.recipes.run_record import StepRecord
from pycemrg_core.recipes.runner import RunResult

IMAGE = "heart.nrrd"
RECORD = "run.json"
CERTIFICATE = "certificate.json"
FORMAT = 1
_OLD = ".old"


@frozen
class Source:
    """The file a run started from: its path and the SHA-256 of its bytes."""

    path: Path
    sha256: str

    @classmethod
    def of(cls, path: str | Path) -> Source:
        """Hash a file. Raises :class:`ImageError` when it cannot be read."""
        return cls(Path(path), image_files.file_sha256(path))


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A folder inside ``folder`` to write into; its files are moved up when the block ends without an error.

    Raises :class:`OutputError` when ``folder`` cannot be made or written.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    inner = None
    try:
        check_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        inner = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
        yield inner
        _take_places(inner, folder)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written: {error.strerror or error}; free some space or choose another folder"
        ) from error
    except OutputError as error:
        # The user knows the folder, not the one inside it.
        text = str(error).replace(os.path.realpath(inner or folder), str(folder)).replace(str(inner), str(folder))
        raise OutputError(text) from error
    finally:
        if inner:
            shutil.rmtree(inner, ignore_errors=True)
        for place in made:  # those that are still empty
            with suppress(OSError):
                place.rmdir()


def check_folder(folder: Path) -> None:
    """Refuse a folder that cannot be made or written. Raises :class:`OutputError`."""
    place = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not place.is_dir():
        what = "is a file" if place == folder else f"{place} is a file"
        raise OutputError(f"{folder}: {what}, not a folder; choose another folder")
    if not os.access(place, os.W_OK | os.X_OK):
        raise OutputError(f"{folder}: cannot be written: Permission denied; choose another folder")


def check_place(folder: Path, source: Source) -> None:
    """Refuse, before anything runs, a folder that cannot be written or where the result would replace its input.

    Raises :class:`OutputError`.
    """
    check_folder(folder)
    if os.path.realpath(folder / IMAGE) == os.path.realpath(source.path):
        raise OutputError(f"{source.path}: the result would take the place of its input; choose another folder")


def _take_places(inner: Path, folder: Path) -> None:
    """Move the files of ``inner`` up: all of them, or, when one cannot be moved, none."""
    names = sorted(os.listdir(inner), key=lambda name: (name == RECORD, name))
    (inner / _OLD).mkdir()
    done = []
    try:
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


def write_result(result: RunResult, source: Source, folder: Path, extra: Mapping[str, Any] | None = None) -> None:
    """Write image and record, and move ``extra`` files (name to a function of the path) beside them."""
    with staged(folder) as inner:
        image_files.write_volume(result.volume, inner / IMAGE)
        for name, write in (extra or {}).items():
            write(inner / name)
        write_json(record_json(result, source, folder), inner / RECORD)


def record_json(result: RunResult, source: Source, folder: Path) -> dict[str, Any]:
    """The record of a run as plain data: what ``run.json`` holds."""
    record = result.record
    return {
        "format": FORMAT,
        "pycemrg": __version__,
        "recipe": record.recipe,
        "input": {
            "name": source.path.name,
            "path": _relative(source.path, folder),
            "sha256": source.sha256,
            **record.image,
        },
        "output": {
            "name": IMAGE,
            "pixel_type": record.dtype,
            "voxels_sha256": result.volume.voxels_sha256(),
        },
        "labels": dict(record.labels),
        "parameters": dict(record.parameters),
        **({"conversion": documents.to_data(record.conversion)} if record.conversion else {}),
        "plugins": [
            {"name": found.name, "distribution": found.distribution, "version": found.version}
            for found in record.providers
        ],
        "steps": [step_json(step) for step in record.steps],
        **({"left_out": documents.to_data(record.left_out)} if record.left_out else {}),
        "warnings": list(record.warnings),
    }


def step_json(step: StepRecord) -> dict[str, Any]:
    return {
        "name": step.name,
        "step": step.step,
        "provider": step.provider,
        "contract": documents.to_data(step.contract),
        **({"snapshots": list(step.snapshots)} if step.snapshots else {}),
        "seconds": round(step.seconds, 4),
        "ledger": documents.to_data(step.ledger),
    }


def _relative(path: Path, folder: Path) -> str:
    """Relative, so that a folder and its inputs can move together and no personal path is recorded."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()
