"""The main job on the heart that ships with the package: plugin ``demo``, and that heart for others."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["heart_file"]


def heart_file() -> Path:
    """The file of the heart that ships with the package: voxels of 1 mm, integers of the scheme ``cemrg``.

    >>> heart_file().name
    'rodero01_1.0mm.nrrd'
    """
    from pathlib import Path

    return Path(__file__).with_name("data") / "rodero01_1.0mm.nrrd"
