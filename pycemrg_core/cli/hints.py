"""For a name that no loaded plugin has: say which plugin has it, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pycemrg_core.plugins.catalogue import Catalogue


def unavailable(section: str, name: str, catalogue: Catalogue) -> str:
    """Why ``name`` cannot be used and what to do. Empty if no known plugin has it.

    ``section`` is ``commands``, ``outputs`` or ``schematics``.
    """
    from pycemrg_core.text.install_hints import hints, why_not

    hint = next((one for one in hints() if name in one.get(section, ())), None)
    if hint is None or not (why := why_not(hint, catalogue.plugins)):
        return ""
    return f"the {section.removesuffix('s')} {name!r} belongs to the plugin {hint['plugin']!r}, {why}"
