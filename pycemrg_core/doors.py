"""What makes a door: a module that offers names of other modules and imports each at first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def door(name: str, offers: Mapping[str, str]) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """``__all__``, ``__getattr__`` and ``__dir__`` of the module ``name``.

    ``offers`` maps a module to the names that it gives, separated by spaces. Importing a door imports none of them.
    """
    homes = {each: module for module, names in offers.items() for each in names.split()}
    everything = sorted(homes)

    def get(attribute: str) -> Any:
        if attribute not in homes:
            raise AttributeError(f"module {name!r} has no attribute {attribute!r}")
        return getattr(import_module(homes[attribute]), attribute)

    return everything, get, lambda: everything
