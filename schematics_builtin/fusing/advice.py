"""What may be wrong with the names in the sources, where no heart can be made of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from pycemrg_core import Catalogue, LabelScheme
from pycemrg_core.api import LabelVolume, Segmentation, misspelt, read_segmentation
from schematics_builtin.fusing.sources import Source
from schematics_builtin.labels import Facts, contradicts, facts_of, judge, rank

FilePath = str | os.PathLike[str]
_AGAINST = -0.5
"""An expectation with fewer points says that the names are wrong."""


def advice(given: Sequence[FilePath | Source], sources: Sequence[Source], catalogue: Catalogue) -> Iterator[str]:
    """Which names are misspelt, and which sources the anatomy contradicts. ``given`` are the sources as they were."""
    there = {name for one in sources for name in one.masks}
    for path, one in zip(given, sources, strict=True):
        yield from (f"{one.name}: {hint}" for hint in misspelt(one.ignored, there, catalogue))
        volume, labels, remedy = *_painted(one), "correct its names"
        if not isinstance(path, Source) and is_one_map(path, found := read_segmentation(path, catalogue)):
            volume = found.layers[0].volume
            labels = {segment.structure: segment.value for segment in found.segments if segment.structure}
            scheme, file = likely_scheme(volume, catalogue), without_scheme(path)
            remedy = f"it is in the scheme {scheme}; give {file}@{scheme}" if scheme else f"see 'labels detect {file}'"
        facts = facts_of(volume)
        if contradicts(facts, labels):
            yield f"{one.name}: its names and its anatomy do not agree: {_against(facts, labels)}; {remedy}"


def is_one_map(path: FilePath, found: Segmentation) -> bool:
    """Whether a source is one label map, whose integers a label scheme could name; not so masks and layers."""
    return len(found.layers) == 1 and not os.path.isdir(path)


def likely_scheme(volume: LabelVolume, catalogue: Catalogue) -> str:
    """The label scheme whose names fit the anatomy; empty if none does so clearly."""
    schemes = {one.name: one.record.labels for one in catalogue.all(LabelScheme)}
    ranking = rank(facts_of(volume), schemes)
    return ranking.top if ranking.verdict == "confident" else ""


def without_scheme(path: FilePath) -> str:
    """A source as the user gave it, without the label scheme after it."""
    text = os.fspath(path)
    return text if os.path.exists(text) else text.rpartition("@")[0] or text


def _painted(source: Source) -> tuple[LabelVolume, Mapping[str, int]]:
    """The masks of a source as one label map, with its names."""
    labels = {name: value for value, name in enumerate(source.masks, 1)}
    array = source.grid.empty()
    for name, zone in source.masks.items():
        array[zone.region][zone.mask] = labels[name]
    return LabelVolume(array, source.grid.spacing), labels


def _against(facts: Facts, labels: Mapping[str, int]) -> str:
    lines = sorted(judge(facts, labels).lines, key=lambda line: line.points)
    return ", ".join(line.text for line in lines[:2] if line.points < _AGAINST)
