"""Label maps of nnU-Net: ``dataset.json`` beside or above them names the integers.

See https://github.com/MIC-DKFZ/nnUNet, "Dataset format" and "Region-based training". With regions, nnU-Net writes for
each region, in order, the integer in ``regions_class_order`` at the same place: so the integer of a region is what no
later region covers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pycemrg_core.api import (
    DocumentError,
    ImageError,
    RecordError,
    Segment,
    Segmentation,
    load_json,
    name_of,
    whole_number,
)
from schematics_builtin.readers.images import by_scheme, image_layer, is_image

_FILE = "dataset.json"
_BACKGROUND = "background"


def recognises(path: Path) -> bool:
    """Whether it is an image with a ``dataset.json`` that has labels, or that cannot be read."""
    if not (is_image(path) and path.is_file() and (tables := _tables(path))):
        return False
    try:
        return "labels" in load_json(tables[0])
    except DocumentError:
        return True


def read(path: Path) -> Segmentation:
    """The names of ``dataset.json``."""
    table = _tables(path)[0]
    try:
        document = load_json(table)
        segments = [Segment(value=value, name=name) for value, name in _names(document).items()]
    except (DocumentError, ValueError, RecordError) as error:
        text = str(error).removeprefix(name_of(table)).removeprefix(": ").removeprefix(", ")
        remedy = f"correct it, or {by_scheme(path)}"
        raise ImageError(f"{name_of(path)}: the labels in {name_of(table)}: {text}; {remedy}") from error
    return Segmentation(layers=(image_layer(path, segments),), files=(table,))


def _tables(path: Path) -> list[Path]:
    places = (path.absolute().parent, path.absolute().parent.parent)
    return [place / _FILE for place in places if (place / _FILE).is_file()]


def _names(document: Mapping[str, Any]) -> dict[int, str]:
    """The name of each integer but the background."""
    labels = document["labels"]
    if not isinstance(labels, dict) or not labels:
        raise ValueError("its labels are not names with integers")
    if all(whole_number(key) is not None and isinstance(name, str) for key, name in labels.items()):
        labels = {name: whole_number(key) for key, name in labels.items()}  # as nnU-Net 1 has them
    if any(isinstance(value, list) and len(value) != 1 for value in labels.values()):
        return _regions(labels, document.get("regions_class_order"))
    found: dict[int, str] = {}
    for name, given in labels.items():
        value = given[0] if isinstance(given, list) else given
        if type(value) is not int or value < 0:
            raise ValueError(f"the label {name[:40]!r} is {given!r:.40}, not an integer from 0")
        if found.setdefault(value, name) != name:
            raise ValueError(f"the labels {found[value][:40]!r} and {name[:40]!r} are both {value}")
    return {value: name for value, name in found.items() if value and name != _BACKGROUND}


def _regions(labels: Mapping[str, Any], order: Any) -> dict[int, str]:
    """The name of each integer of regions: that of the last region which covers it."""
    regions = {name: _members(name, value) for name, value in labels.items() if name != _BACKGROUND}
    regions = {name: members for name, members in regions.items() if members != {0}}
    if not isinstance(order, list) or not all(type(value) is int for value in order):
        raise ValueError("it has regions, but no regions_class_order with their integers")
    if len(order) != len(regions) or len(set(order)) != len(order):
        raise ValueError(f"regions_class_order has {len(order)} integers for {len(regions)} regions")
    found = {}
    for value, (name, members) in zip(order, regions.items(), strict=True):
        if value not in members:
            raise ValueError(f"regions_class_order gives {value} to {name[:40]!r}, which does not hold it")
        found[value] = name
    for name, members in regions.items():
        if shared := sorted(members - found.keys()):
            raise ValueError(f"{shared[0]} is in the region {name[:40]!r}, and regions_class_order gives it to none")
    return found


def _members(name: str, value: Any) -> set[int]:
    members = value if isinstance(value, list) else [value]
    if not members or not all(type(one) is int and one >= 0 for one in members):
        raise ValueError(f"the region {name[:40]!r} is {value!r:.40}, not a list of integers")
    return set(members)
