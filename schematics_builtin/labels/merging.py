"""Merge the labels that schematics and recipes need into a table of one's own integers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from attrs import frozen

from pycemrg_core import Catalogue, Recipe, Schematic, flatten, recipe_labels
from pycemrg_core.api import LabelError, UnknownNameError, close_to, names_in

State = Literal["reused", "mismatch", "new", "clash"]

_MOST = 2**32 - 1


@frozen
class MergedLabel:
    """What becomes of one label: its name and integer in the merged table, its default, and how the two compare.

    ``reused``: the table has it with the default integer. ``mismatch``: the table has another integer, which stays.
    ``new``: it was added with the default. ``clash``: it was added with a free integer, because ``holder`` of the table
    has the default.
    """

    name: str
    value: int
    default: int
    state: State
    holder: str = ""


def merge_labels(own: Mapping[str, int], needed: Mapping[str, int], catalogue: Catalogue) -> tuple[MergedLabel, ...]:
    """Compare the labels that are ``needed``, with their default integers, with one's ``own``; own integers stay.

    A name of ``own`` may be a spelling of a structure, such as ``LV blood``; it stays as it is written. Integers for a
    ``clash`` are above all others, up to 255 if there is room.

    Raises :class:`LabelError` when two names of ``own`` are one structure.
    """
    names = names_in(catalogue, needed)
    spelt: dict[str, str] = {}
    for name in own:
        if (other := spelt.setdefault(names.canonical(name), name)) != name:
            raise LabelError(f"{other!r} and {name!r} are one structure, {names.canonical(name)!r}; keep one of them")
    holders = {value: name for name, value in own.items()}
    taken = {*holders, *needed.values()}
    found = []
    for name, default in needed.items():
        if name in spelt:
            value = own[spelt[name]]
            found.append(MergedLabel(spelt[name], value, default, "reused" if value == default else "mismatch"))
        elif default not in holders:
            found.append(MergedLabel(name, default, default, "new"))
        else:
            taken.add(value := _free(taken))
            found.append(MergedLabel(name, value, default, "clash", holders[default]))
    return tuple(found)


def needed_labels(targets: Iterable[str], catalogue: Catalogue) -> dict[str, int]:
    """The labels of recipes and schematics with their default integers; a recipe's scheme gives those of its labels.

    Raises :class:`UnknownNameError` with close matches, and :class:`LabelError` when two targets give one name two
    integers.
    """
    found: dict[str, tuple[int, str]] = {}
    for target in (targets,) if isinstance(targets, str) else targets:
        for name, value in _labels_of(target, catalogue).items():
            before, other = found.setdefault(name, (value, target))
            if before != value:
                raise LabelError(
                    f"{name!r} is {before} in {other!r} and {value} in {target!r}; merge only one of the two, and keep"
                    " your integer for both"
                )
    return {name: value for name, (value, _) in found.items()}


def _labels_of(target: str, catalogue: Catalogue) -> dict[str, int]:
    if any(one.answers_to(target) for one in catalogue.all(Recipe)):
        known = recipe_labels(catalogue, recipe=target)
        steps = flatten(catalogue.get(Recipe, target), catalogue)
        schematics = [catalogue.get(Schematic, step.schematic) for step in steps]
        used = {name for one in schematics for name in (*one.labels, *_texts(one.semantic_map)) if name in known}
        return {name: value for name, value in sorted(known.items(), key=lambda item: item[1]) if name in used}
    if any(one.answers_to(target) for one in catalogue.all(Schematic)):
        return dict(catalogue.get(Schematic, target).labels)
    known_names = {one.name for kind in (Recipe, Schematic) for one in catalogue.all(kind)}
    raise UnknownNameError(f"no recipe or schematic is called {target!r}{close_to(target, known_names)}")


def _texts(data: object) -> Iterable[str]:
    """All texts in a semantic map."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for one in data.values():
            yield from _texts(one)
    elif isinstance(data, (list, tuple)):
        for one in data:
            yield from _texts(one)


def _free(taken: set[int]) -> int:
    above = max(taken) + 1
    if above <= 255:
        return above
    below = next((value for value in range(1, 256) if value not in taken), above)
    if below > _MOST:
        raise LabelError("every integer is taken; give your labels smaller integers")
    return below
