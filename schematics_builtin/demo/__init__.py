"""The plugin ``demo``: a run on the heart that comes with the package. Its public name is that heart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycemrg_core.api import door

if TYPE_CHECKING:
    from schematics_builtin.demo.heart import heart_file as heart_file
else:
    __all__, __getattr__, __dir__ = door(__name__, {"schematics_builtin.demo.heart": "heart_file"})
