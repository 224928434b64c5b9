"""Pictures of label maps, and the colours of labels: names for other code, imported at first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schematics_builtin.pictures.picture import Colour, colour_of, draw_slices

_HOMES = {"Colour": "picture", "colour_of": "picture", "draw_slices": "picture"}

__all__ = ["Colour", "colour_of", "draw_slices"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
