"""The meshes that are already there: the files that their certificates name, and what of this a new mesh changes."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from pycemrg_core.api import DocumentError, OutputError, file_sha256, load_json, name_of

CERTIFICATE = ".mesh.json"

_MOST_BYTES = 10_000_000


@frozen
class Earlier:
    """The certificate of a mesh that is there; ``files`` are the names of its files, with their hashes."""

    path: Path
    data: Mapping[str, Any]
    files: Mapping[str, str]

    def named(self, name: str) -> Path:
        """The file of a name, by the path of the certificate."""
        return self.path.parent / name

    def is_of(self, data: Mapping[str, Any]) -> bool:
        """Whether all but the files is as in the ``data`` of another certificate."""
        return bool(self.data == json.loads(json.dumps({**data, "files": self.files})))

    def require_unchanged(self, paths: Collection[Path]) -> None:
        """Refuse to replace or remove a file that was changed since, as a ``.lon`` with fibres.

        Raises :class:`OutputError`.
        """
        places = {*map(place, paths)}
        for name, written in self.files.items():
            file = self.named(name)
            if place(file) in places and file.is_file() and file_sha256(file) != written:
                raise OutputError(
                    f"{name_of(file)}: was written with a mesh ({self.path.name}), and was changed since; move it, or"
                    " choose another name for the new mesh"
                )

    def without(self, names: Collection[str]) -> str:
        """The text of the certificate when it no longer names some files; empty when it names none then."""
        left = {name: written for name, written in self.files.items() if name not in names}
        return text_of({**self.data, "files": left}) if left else ""


def earlier(path: Path) -> Earlier | None:
    """The certificate at a path; None where there is none."""
    try:
        data = load_json(path, "a certificate of a mesh", _MOST_BYTES) if path.is_file() else {}
    except DocumentError:
        return None
    files = data.get("files")
    if not data.keys() >= {"verdict", "scaled_jacobian"} or not isinstance(files, dict):
        return None
    return Earlier(path, data, {str(name): str(written) for name, written in files.items()})


def earlier_in(folders: Iterable[Path]) -> list[Earlier]:
    """All certificates in some folders."""
    once = {folder.resolve(): folder for folder in folders}
    paths = (path for folder in once.values() for path in sorted(folder.glob(f"*{CERTIFICATE}")))
    return [found for path in paths if (found := earlier(path))]


def text_of(data: Mapping[str, Any]) -> str:
    """The text of a certificate."""
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def place(path: Path) -> Path:
    """Where a file is; a link stays one."""
    return path.parent.resolve() / path.name
