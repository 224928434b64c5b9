"""Which package the command ``pycemrg`` on the PATH belongs to: another one installs a command of the same name."""

from __future__ import annotations

import os
import re
import sys

PROGRAM = "pycemrg"
OWN = "pycemrg-core"
"""The command that no other package installs."""
_MOST_BYTES = 2**20
_IMPORT = re.compile(rb"^\s*from\s+([A-Za-z_]\w*)[\w.]*\s+import\s", re.MULTILINE)
_NOT_THE_PACKAGE = {b"importlib", b"pkg_resources"}


def on_path() -> str:
    """The program that ``pycemrg`` runs, or empty. For the same answer, ``shutil`` imports archive formats."""
    name = f"{PROGRAM}.exe" if os.name == "nt" else PROGRAM
    for folder in os.get_exec_path():
        path = os.path.join(folder, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return ""


def package_of(path: str) -> str:
    """The package that a program made by pip or uv imports. Empty if it imports none, such as a wrapper."""
    try:
        with open(path, "rb") as file:
            content = file.read(_MOST_BYTES)
    except OSError:
        return ""
    found = [name for name in _IMPORT.findall(content) if name not in _NOT_THE_PACKAGE]
    return found[-1].decode() if found else ""


def taken_by() -> str:
    """The other package that the command ``pycemrg`` runs. Empty if it runs ours, or if there is no such command."""
    path = on_path()
    package = package_of(path) if path else ""
    return "" if package == __package__.partition(".")[0] else package


def note() -> str:
    """What to type instead of ``pycemrg``, if that runs another package; else empty."""
    other = taken_by()
    if not other:
        return ""
    called = os.path.basename(sys.argv[0]).removesuffix(".exe")
    ours = f"{os.path.basename(sys.executable)} -m pycemrg_core" if called == "__main__.py" else OWN
    return f"the command '{PROGRAM}' runs the package {other!r} here; where a text says '{PROGRAM}', type '{ours}'"
