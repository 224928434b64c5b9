"""The public names of the plugin ``pictures``: pictures of label maps and colours. Imported at first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycemrg_core.api import door

if TYPE_CHECKING:
    from schematics_builtin.pictures.picture import Colour as Colour
    from schematics_builtin.pictures.picture import colour_of as colour_of
    from schematics_builtin.pictures.picture import draw_slices as draw_slices
else:
    __all__, __getattr__, __dir__ = door(
        __name__,
        {
            "schematics_builtin.pictures.picture": "Colour colour_of draw_slices",
        },
    )
