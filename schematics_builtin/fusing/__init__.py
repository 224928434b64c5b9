"""The plugin ``fusing``: from what segmentation tools write to one heart. Names are imported at first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycemrg_core.api import door

if TYPE_CHECKING:
    from schematics_builtin.fusing.fusing import fuse as fuse
    from schematics_builtin.fusing.fusion import Fused as Fused
    from schematics_builtin.fusing.sources import Grid as Grid
    from schematics_builtin.fusing.sources import Source as Source
    from schematics_builtin.fusing.splitting import split_veins as split_veins
    from schematics_builtin.fusing.veins import Vein as Vein
else:
    __all__, __getattr__, __dir__ = door(
        __name__,
        {
            "schematics_builtin.fusing.fusing": "fuse",
            "schematics_builtin.fusing.fusion": "Fused",
            "schematics_builtin.fusing.sources": "Grid Source",
            "schematics_builtin.fusing.splitting": "split_veins",
            "schematics_builtin.fusing.veins": "Vein",
        },
    )
