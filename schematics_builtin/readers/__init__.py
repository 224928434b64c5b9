"""The public names of the plugin ``readers``: how names are written into an image file. Imported at first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycemrg_core.api import door

if TYPE_CHECKING:
    from schematics_builtin.readers.writing import named_extras as named_extras
    from schematics_builtin.readers.writing import segments_of as segments_of
else:
    __all__, __getattr__, __dir__ = door(__name__, {"schematics_builtin.readers.writing": "named_extras segments_of"})
