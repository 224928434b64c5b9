"""Make the tissue of a label map a manifold. A library for the built-in plugins, and its names for other code.

Names are imported at first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycemrg_core.api import door

if TYPE_CHECKING:
    from schematics_builtin.manifold.gaps import GAP as GAP
    from schematics_builtin.manifold.gaps import narrow_places as narrow_places
    from schematics_builtin.manifold.mending import Manifold as Manifold
    from schematics_builtin.manifold.mending import make_manifold as make_manifold
    from schematics_builtin.manifold.mending import net_edits as net_edits
    from schematics_builtin.manifold.pinches import EULER as EULER
    from schematics_builtin.manifold.pinches import OFFSETS as OFFSETS
    from schematics_builtin.manifold.welding import WELD as WELD
    from schematics_builtin.manifold.working_map import ENCLOSED as ENCLOSED
    from schematics_builtin.manifold.working_map import LOOSE as LOOSE
    from schematics_builtin.manifold.working_map import PINCH as PINCH
    from schematics_builtin.manifold.working_map import Mend as Mend
    from schematics_builtin.manifold.working_map import each_once as each_once
else:
    __all__, __getattr__, __dir__ = door(
        __name__,
        {
            "schematics_builtin.manifold.gaps": "GAP narrow_places",
            "schematics_builtin.manifold.mending": "Manifold make_manifold net_edits",
            "schematics_builtin.manifold.pinches": "EULER OFFSETS",
            "schematics_builtin.manifold.welding": "WELD",
            "schematics_builtin.manifold.working_map": "ENCLOSED LOOSE Mend PINCH each_once",
        },
    )
