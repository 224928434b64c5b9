"""Makes a door: a module that offers names from other modules and imports each one at first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def door(
    name: str, offers: Mapping[str, str], classes_of: str = ""
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """``__all__``, ``__getattr__`` and ``__dir__`` of the module ``name``.

    ``offers`` maps a module to its names, separated by spaces. Importing a door imports none of these modules.
    ``classes_of`` is a module whose public classes are offered even if they are not listed. It is for the records: a
    new kind can be used before it is in the reference.
    """
    homes = {each: module for module, names in offers.items() for each in names.split()}
    everything = sorted(homes)

    def get(attribute: str) -> Any:
        if attribute in homes:
            return getattr(import_module(homes[attribute]), attribute)
        found = getattr(import_module(classes_of), attribute, None) if classes_of and attribute[:1].isupper() else None
        if not isinstance(found, type) or found.__module__ != classes_of:
            raise AttributeError(f"module {name!r} has no attribute {attribute!r}")
        return found

    return everything, get, lambda: everything
