"""The record of a fusion, which lies beside its heart."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pycemrg_core import __version__
from pycemrg_core.api import ImageError, name_of
from schematics_builtin.fusing.sources import Source

FORMAT = 1
SUFFIX = ".fuse.json"
MOST_BYTES = 10_000_000


def record_path(image: Path) -> Path:
    """The file of the record beside an image: ``heart.fuse.json`` beside ``heart.nrrd``."""
    stem = image.name.removesuffix(".gz").rpartition(".")[0]
    return image.with_name(f"{stem}{SUFFIX}")


def record_of(sources: Sequence[Source], found: dict[str, Any]) -> dict[str, Any]:
    """The whole record: the sources with the SHA-256 of their files, and what was found."""
    return {"format": FORMAT, "pycemrg": __version__, "sources": [_source(one) for one in sources], **found}


def _source(source: Source) -> dict[str, Any]:
    return {
        "name": source.name,
        "files": [
            {"name": file.name, "sha256": sha256} for file, sha256 in zip(source.files, source.sha256, strict=True)
        ],
        **source.grid.as_data(),
        "structures": list(source.masks),
        "ignored": list(source.ignored),
        "notes": list(source.notes),
    }


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file. Raises :class:`ImageError` if it cannot be read."""
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise ImageError(f"{name_of(file)}: cannot be read: {error.strerror}; check its permissions") from error
