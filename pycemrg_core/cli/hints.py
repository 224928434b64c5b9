"""For a name that no loaded plugin has: say which plugin has it, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pycemrg_core.plugins.catalogue import Catalogue

HINTS = "install_hints.toml"


def unavailable(section: str, name: str, catalogue: Catalogue) -> str:
    """Why ``name`` cannot be used and what to do. Empty if no known plugin has it.

    ``section`` is ``commands``, ``outputs`` or ``schematics``.
    """
    from pycemrg_core.plugins.loading import State

    hint = next((one for one in _hints() if name in one.get(section, ())), None)
    if hint is None:
        return ""
    word = section.removesuffix("s")
    what = f"the {word} {name!r} belongs to the plugin {hint['plugin']!r}"
    for plugin in catalogue.plugins:
        if (plugin.found.name, plugin.found.distribution) != (hint["plugin"], hint["distribution"]):
            continue
        if plugin.state is State.LOADED:
            return ""
        remedy = (
            "see PYCEMRG_PLUGINS and --no-plugins" if plugin.state is State.BLOCKED else "see 'pycemrg list-plugins'"
        )
        return f"{what}, which is {plugin.state.value} ({plugin.reason}); {remedy}"
    folders = " ".join(hint["folders"])
    return f"{what}, which is not installed; in a checkout of pycemrg: python3 -m pip install {folders}"


def _hints() -> list[dict[str, Any]]:
    import tomllib
    from importlib.resources import files

    text = (files(__package__) / HINTS).read_text(encoding="utf-8")
    hints: list[dict[str, Any]] = tomllib.loads(text)["provider"]
    return hints
