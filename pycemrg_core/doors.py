"""What makes a door: a module that offers names of other modules and imports each at first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def door(
    name: str, offers: Mapping[str, str], classes_of: str = ""
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """``__all__``, ``__getattr__`` and ``__dir__`` of the module ``name``.

    ``offers`` maps a module to the names that it gives, separated by spaces. Importing a door imports none of them.
    ``classes_of`` is a module whose public classes are given even when they are not listed: the records, so that a new
    kind can be used before it has its place in the reference.
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
