"""The heart that comes with the package."""

from __future__ import annotations

from pathlib import Path


def heart_file() -> Path:
    """The file of the heart that comes with the package: voxels of 1 mm, integers of the scheme ``cemrg``."""
    return Path(__file__).with_name("data") / "rodero01_1.0mm.nrrd"
