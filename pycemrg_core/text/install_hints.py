"""For what no loaded plugin has: which plugin has it, and what to do, as ``install_hints.toml`` says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

HINTS = "install_hints.toml"


def hints() -> list[dict[str, Any]]:
    """What is known of each plugin: its name, its distribution, its folders in a checkout, and what it has."""
    found: list[dict[str, Any]] = _document()["provider"]
    return found


def advice(name: str) -> str:
    """What to do in a case that has a name here."""
    return str(_document()["advice"][name])


def _document() -> dict[str, Any]:
    import tomllib
    from importlib.resources import files

    return tomllib.loads((files(__package__) / HINTS).read_text(encoding="utf-8"))


def why_not(hint: dict[str, Any], plugins: Iterable[Any]) -> str:
    """Why a plugin is not there, and what to do: ``which is not installed; ...``. Empty if it is loaded.

    ``plugins`` are the plugins of a catalogue.
    """
    for plugin in plugins:
        if (plugin.found.name, plugin.found.distribution) != (hint["plugin"], hint["distribution"]):
            continue
        if plugin.state.value == "loaded":
            return ""
        blocked = plugin.state.value == "blocked"
        remedy = "see PYCEMRG_PLUGINS and --no-plugins" if blocked else "see 'pycemrg list-plugins'"
        return f"which is {plugin.state.value} ({plugin.reason}); {remedy}"
    folders = " ".join(hint["folders"])
    return f"which is not installed; in a checkout of pycemrg: python3 -m pip install {folders}"
