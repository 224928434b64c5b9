"""Entry points of the installed distributions, read from their metadata files.

``importlib.metadata`` gives the same answer, but it imports 66 modules (email, zipfile, socket, ...), which would
slow down every ``--help`` and ``list-*``. It is used only for entries of the path that are not plain folders.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from typing import NamedTuple

_SUFFIXES = (".dist-info", ".egg-info")


class EntryPoint(NamedTuple):
    """One line of a distribution's ``entry_points.txt``."""

    distribution: str
    version: str
    group: str
    name: str
    value: str


def entry_points(prefix: str, path: list[str] | None = None) -> tuple[EntryPoint, ...]:
    """All entry points in groups whose name starts with ``prefix``, sorted.

    ``path`` is a list of folders, ``sys.path`` by default. If a distribution is found twice, the first one is used, as
    for an import.
    """
    found: list[EntryPoint] = []
    seen: set[str] = set()
    for folder in sys.path if path is None else path:
        for key, points in _distributions(folder or os.curdir, prefix):
            if key not in seen:
                seen.add(key)
                found.extend(points)
    return tuple(sorted(found))


def _distributions(folder: str, prefix: str) -> Iterator[tuple[str, list[EntryPoint]]]:
    if os.path.isdir(folder):
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            return
        for name in names:
            if name.endswith(_SUFFIXES):
                yield (_key(name.rpartition(".")[0].partition("-")[0]), _read(os.path.join(folder, name), prefix))
    elif os.path.isfile(folder):
        from importlib.metadata import distributions

        for distribution in distributions(path=[folder]):
            # One reader of metadata gives None for a missing header, another raises KeyError.
            headers = distribution.metadata
            name = headers["Name"] if "Name" in headers else "unknown"  # noqa: SIM401 - the type has no get()
            version = headers["Version"] if "Version" in headers else "unknown"  # noqa: SIM401
            yield (
                _key(name),
                [
                    EntryPoint(name, version, point.group, point.name, point.value)
                    for point in distribution.entry_points
                    if point.group.startswith(prefix)
                ],
            )


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _read(info: str, prefix: str) -> list[EntryPoint]:
    text = _text(os.path.join(info, "entry_points.txt"))
    if prefix not in text:
        return []
    group, lines = "", []
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("["):
            group = line.strip("[] ")
        elif group and "=" in line and not line.startswith("#") and group.startswith(prefix):
            name, _, value = line.partition("=")
            lines.append((group, name.strip(), value.partition("[")[0].strip()))
    headers = _text(os.path.join(info, "METADATA")) or _text(os.path.join(info, "PKG-INFO"))
    distribution, version = _header(headers, "Name"), _header(headers, "Version")
    return [EntryPoint(distribution, version, *line) for line in lines]


def _header(headers: str, name: str) -> str:
    match = re.search(rf"^{name}: *(.+?) *$", headers.partition("\n\n")[0], re.MULTILINE)
    return match[1] if match else "unknown"


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
