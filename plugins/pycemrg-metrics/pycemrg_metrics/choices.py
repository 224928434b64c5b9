"""Look up the metrics and structures that the user asked for: metrics by name, structures by name, group or integer."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count

from attrs import frozen

from pycemrg_core import Catalogue, Contribution
from pycemrg_core.api import (
    AnyImage,
    ImageError,
    LabelError,
    LabelRemapper,
    LabelScheme,
    LabelTable,
    LabelVolume,
    Measures,
    Metric,
    MetricError,
    close_to,
    heart_names,
    name_of,
    names_in,
    read_segmentation,
    remap_volume,
    source_scheme,
    whole_number,
)
from pycemrg_metrics import USUAL
from pycemrg_metrics.tables import Column

_SHOWN = 6  # labels in a note
_OTHERWISE = "if they are others, name the label scheme of the file, as in FILE@mm-whs"
_DOES = {
    Measures.STRUCTURE: "measures one structure of a label map",
    Measures.STRUCTURES: "measures two structures of a label map",
    Measures.SEGMENTATIONS: "compares two label maps",
    Measures.IMAGES: "compares two images",
}


@frozen
class Chosen:
    """A metric with its plugin, and the column it fills."""

    metric: Contribution[Metric]
    column: Column


def naming(
    scheme: str | LabelScheme | None,
    catalogue: Catalogue,
    image: AnyImage | None,
    say: Callable[[str], object] = warnings.warn,
) -> LabelScheme:
    """What names the labels of an image: ``scheme``, or else the names in its file, or else those of the run whose
    ``run.json`` lies beside it, or else the usual scheme. Notes are given to ``say``.

    Raises :class:`UnknownNameError`, and :class:`ImageError` for a scheme of what has only names, such as masks.
    """
    if scheme is not None:
        if isinstance(image, (str, os.PathLike)) and _only_names(image, catalogue):
            raise ImageError(f"{name_of(image)}: its labels have names and no integers; leave out the label scheme")
        return scheme if isinstance(scheme, LabelScheme) else catalogue.get(LabelScheme, scheme)
    found, notes = _names(image, catalogue)
    for note in notes:
        say(note)
    return source_scheme(found, catalogue) if found else catalogue.get(LabelScheme, USUAL)


def by_name(
    image: LabelVolume,
    scheme: str | LabelScheme | None,
    catalogue: Catalogue,
    prediction: AnyImage,
    reference: AnyImage,
) -> tuple[LabelVolume, LabelScheme, tuple[str, ...]]:
    """A prediction, read as ``image``, with the integers of the reference where names say what they are; the names,
    and notes.

    Labels are the same where their files call them the same. If only one of the two has names, its integers are those
    of both. Masks have names and no integers: beside them, the other map is in ``scheme``, or in the usual one, if
    it has no names. Beside another map, ``scheme`` names the integers of both. Raises :class:`UnknownNameError`.
    """
    masks = [_only_names(one, catalogue) for one in (prediction, reference)]
    if scheme is not None and not any(masks):
        return image, naming(scheme, catalogue, None), ()
    given = naming(scheme, catalogue, prediction if all(masks) else None).labels if scheme is not None else None
    notes: list[str] = []
    found: list[Mapping[str, int]] = []
    for one, only in zip((prediction, reference), masks, strict=True):
        names, said = _names(one, catalogue) if only or given is None else (given, ())
        found.append(names)
        notes += [f"{name_of(one)}: {note}" for note in said if isinstance(one, (str, os.PathLike))]
    mine, theirs = found
    if not (mine or theirs):
        return image, naming(scheme, catalogue, None), tuple(notes)
    if not (mine and theirs):
        usual = catalogue.get(LabelScheme, USUAL).labels
        path, name = (reference, "the reference") if mine else (prediction, "the prediction")
        name = name_of(path) if isinstance(path, (str, os.PathLike)) else name
        like = USUAL if any(masks) else "the other map"
        if any(masks) or any(usual.get(one, value) != value for one, value in (mine or theirs).items()):
            notes.append(f"{name}: nothing says what its integers are, so they count as those of {like}; {_OTHERWISE}")
        if any(masks):
            mine, theirs = mine or usual, theirs or usual
    mine, theirs = mine or theirs, theirs or mine
    moved = {value: theirs[name] for name, value in mine.items() if name in theirs}
    free = count(max(*mine.values(), *theirs.values()) + 1)
    moved |= {value: next(free) for value in sorted({*mine.values()} - {*moved} & {*theirs.values()})}
    own = {name: moved.get(value, value) for name, value in mine.items()}
    if own != mine:
        image = remap_volume(image, LabelRemapper(moved))
    return image, source_scheme({**own, **theirs}, catalogue), tuple(notes)


def nothing_shared(mine: Iterable[int], theirs: Iterable[int], scheme: LabelScheme) -> Iterator[str]:
    """What to say if two maps have labels, but none that is in both."""
    mine, theirs = sorted(mine), sorted(theirs)
    if mine and theirs and not {*mine} & {*theirs}:
        ours, others = (
            ", ".join(label_name(value, scheme).removesuffix("_label") for value in values[:_SHOWN])
            + (", ..." if len(values) > _SHOWN else "")
            for values in (mine, theirs)
        )
        yield f"no label is in both maps: the prediction has {ours}, the reference {others}; {_OTHERWISE}"


def _names(image: AnyImage | None, catalogue: Catalogue) -> tuple[Mapping[str, int], tuple[str, ...]]:
    """The names of the labels of a file, and notes."""
    return heart_names(image, catalogue) if isinstance(image, (str, os.PathLike)) else ({}, ())


def _only_names(image: AnyImage | None, catalogue: Catalogue) -> bool:
    """Whether the labels of a file have names and no integers, like masks and layers."""
    if not isinstance(image, (str, os.PathLike)):
        return False
    return os.path.isdir(image) or len(read_segmentation(image, catalogue).layers) > 1


def metrics(
    catalogue: Catalogue, names: Iterable[str], wanted: Measures, parameters: Mapping[str, float] | None = None
) -> tuple[Chosen, ...]:
    """The metrics called ``names`` (or ``provider:name``), each with the ``parameters`` that it accepts.

    Raises :class:`UnknownNameError` with close matches, and :class:`MetricError` for a metric of another kind, or
    for a parameter that no metric accepts.
    """
    names = (names,) if isinstance(names, str) else names
    found = {name: catalogue.find(Metric, name) for name in names}
    records = {name: contribution.record for name, contribution in found.items()}
    for name, record in records.items():
        if record.measures is not wanted:
            raise MetricError(f"metric {name!r} {_DOES[record.measures]}; {_remedy(record.measures, wanted)}")
    given = dict(parameters or {})
    known = sorted({parameter for record in records.values() for parameter in record.parameters})
    for parameter in given:
        if parameter not in known:
            has = f"; they have {', '.join(known)}" if known else "; they have none"
            raise MetricError(
                f"none of the metrics ({', '.join(records)}) has a parameter {parameter!r}"
                f"{close_to(parameter, known) or has}"
            )
    return tuple(
        Chosen(
            found[name],
            Column(name, record.unit, {key: given.get(key, value) for key, value in record.parameters.items()}),
        )
        for name, record in records.items()
    )


def _remedy(measures: Measures, wanted: Measures) -> str:
    single = (Measures.STRUCTURE, Measures.STRUCTURES)
    if measures in single and wanted in single:
        return "name them with --between A:B" if measures is Measures.STRUCTURES else "leave out --between"
    if measures in single:
        return "use 'pycemrg measure'"
    return "use 'pycemrg compare'" if wanted in single else f"ask for one that {_DOES[wanted]}"


def what_compares(catalogue: Catalogue, names: Iterable[str]) -> Measures:
    """Whether metrics compare label maps or images. Raises :class:`MetricError` for other metrics, or if mixed."""
    kinds: dict[Measures, str] = {}
    for name in (names,) if isinstance(names, str) else names:
        kinds.setdefault(catalogue.get(Metric, name).measures, name)
    for kind in (Measures.STRUCTURE, Measures.STRUCTURES):
        if kind in kinds:
            raise MetricError(f"metric {kinds[kind]!r} {_DOES[kind]}; {_remedy(kind, Measures.SEGMENTATIONS)}")
    if len(kinds) > 1:
        both = ", ".join(f"{name!r} {_DOES[kind]}" for kind, name in kinds.items())
        raise MetricError(f"metrics of two kinds: {both}; ask for one kind at a time")
    return next(iter(kinds))


def canonical(names: Iterable[str | int], catalogue: Catalogue, scheme: LabelScheme) -> list[str | int]:
    """Canonical names in the place of spellings: ``LA_BP_label`` for ``LA_BP`` or ``left atrium``."""
    known = names_in(catalogue, (*scheme.labels, *scheme.groups))
    listed = (names,) if isinstance(names, str) else names
    return [known.canonical(name) if isinstance(name, str) else name for name in listed]


def structures(names: Iterable[str | int], scheme: LabelScheme) -> dict[str, tuple[int, ...]]:
    """The structures with these names, one per label: labels, members of groups, and integers.
    Raises :class:`LabelError` with close matches.
    """
    return {label_name(value, scheme): (value,) for name in names for value in integers(name, scheme)}


def integers(name: str | int, scheme: LabelScheme) -> tuple[int, ...]:
    """The integers of one label, group or integer. Raises :class:`LabelError` with close matches."""
    value = name if isinstance(name, int) else whole_number(name)
    if value is not None:
        if value < 1:
            raise LabelError(f"label {value} is not a structure; labels are integers from 1 (0 is the background)")
        return (value,)
    assert isinstance(name, str)
    table = LabelTable(scheme.labels, scheme.groups)
    known = [*table.labels, *table.groups]
    if name not in known:
        close = close_to(name, known) or close_to(name, [one.removesuffix("_label") for one in known])
        raise LabelError(f"no label or group of the scheme {scheme.name!r} is called {name!r}{close}")
    return tuple(table.value(member) for member in table.names_of(name))


def label_name(value: int, scheme: LabelScheme) -> str:
    """The name of an integer in a scheme, or the integer as text."""
    return next((name for name, known in scheme.labels.items() if known == value), str(value))


def groups(rows: Mapping[str, tuple[int, ...]], scheme: LabelScheme) -> dict[str, tuple[int, ...]]:
    """The groups of a scheme that contain one of the rows, each as one structure."""
    shown = {value for labels in rows.values() for value in labels}
    found = {group: tuple(sorted(integers(group, scheme))) for group in scheme.groups}
    return {group: labels for group, labels in found.items() if shown & {*labels}}
