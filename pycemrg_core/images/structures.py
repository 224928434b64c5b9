"""What the structures of a catalogue are called, and their colours."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from pycemrg_core.api.records import LabelScheme, Schematic, Structure
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.text.names import LIKELY, Names


def names_in(catalogue: Catalogue, own: Iterable[str] = ()) -> Names:
    """The structures of a catalogue with their spellings, and the label names of its schemes and schematics.

    ``own`` are names that mean themselves here, whatever they are a spelling of.
    """
    structures = [one.record for one in catalogue.all(Structure)]
    others = [name for one in catalogue.all(LabelScheme) for name in one.record.labels]
    others += [name for one in catalogue.all(Schematic) for name in one.record.labels]
    spellings = ((spelling, one.name) for one in structures for spelling in one.spellings)
    return Names.of({*own, *(structure.name for structure in structures)}, spellings, others)


def misspelt(names: Iterable[str], present: Collection[str], catalogue: Catalogue) -> list[str]:
    """For names that no structure has, but nearly: which one may be meant. Nothing if that structure is ``present``."""
    import difflib  # only a mistake needs it

    spelt = {
        spelling: one.name
        for one in catalogue.all(Structure)
        for spelling in (one.name.removesuffix("_label"), *one.record.spellings)
        if one.name not in present
    }
    return [
        f"{name!r} is the name of no structure; did you mean {near!r}?"
        for name in names
        for near in difflib.get_close_matches(name, sorted(spelt), n=1, cutoff=LIKELY)
    ]


def source_scheme(labels: Mapping[str, int], catalogue: Catalogue) -> LabelScheme:
    """The names in a source as a label scheme, with the groups of the structures."""
    groups: dict[str, list[str]] = {}
    for one in catalogue.all(Structure):
        for group in one.record.groups if one.name in labels else ():
            groups.setdefault(group, []).append(one.name)
    held = {group: tuple(members) for group, members in groups.items()}
    return LabelScheme(name="source", summary="the names in the source", labels=labels, groups=held)


def colours_of(catalogue: Catalogue) -> dict[str, str]:
    """The colour, ``#rrggbb``, of each structure by its name; that of a label scheme where the structure has none."""
    colours: dict[str, str] = {}
    for scheme in catalogue.all(LabelScheme):
        colours = {**scheme.record.colours, **colours}
    own = {one.name: one.record.colour for one in catalogue.all(Structure)}
    return {**colours, **{name: colour for name, colour in own.items() if colour}}
