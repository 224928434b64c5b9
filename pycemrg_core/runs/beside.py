"""The record of how an image was made, which the command that made it wrote beside it."""

from __future__ import annotations

import glob
import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import field, frozen

from pycemrg_core.errors import DocumentError
from pycemrg_core.text.structured import load_json

_MOST_BYTES = 10_000_000


@frozen
class Beside:
    """A record beside an image: the name of its file, the SHA-256 of its bytes, and its content."""

    name: str
    sha256: str
    content: dict[str, Any] = field(repr=False, eq=False)


def record_beside(image: Path, sha256: str) -> tuple[Beside | None, tuple[str, ...]]:
    """The first file ``STEM.*.json`` beside an image ``STEM.nrrd`` whose ``output.sha256`` is that of the image.

    With it come notes on such files that are about other bytes: those of the image before someone changed it.
    """
    stem = image.name.removesuffix(".gz").rpartition(".")[0]
    notes = []
    for file in sorted(image.parent.glob(f"{glob.escape(stem)}.*.json")) if stem else ():
        with suppress(DocumentError, OSError, KeyError, TypeError):
            content = load_json(file, "a record", _MOST_BYTES)
            if content["output"]["sha256"] == sha256:
                return Beside(file.name, hashlib.sha256(file.read_bytes()).hexdigest(), content), ()
            notes.append(f"{image.name} changed since {file.name} was written; the record of the run does not name it")
    return None, tuple(notes)
