"""From sources to one heart: the phases, each with what it found for the record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import asdict, frozen

from pycemrg_core.api import (
    Change,
    Doubt,
    Edit,
    LabelVolume,
    Note,
    PlanError,
    Shown,
    WorkingVolume,
    Zone,
    counted,
    edit_at,
    fill_holes,
    html_table,
    slices_png,
)
from schematics_builtin.fusing.appendage import without_shell, without_skirt
from schematics_builtin.fusing.choices import (
    APPENDAGE,
    ARTERIES,
    ATRIUM,
    CAVAE,
    GAP_MM,
    HEART,
    PULMONARY,
    VEINS,
    Choices,
)
from schematics_builtin.fusing.choices import CHAMBERS as ASKED
from schematics_builtin.fusing.cropping import crop
from schematics_builtin.fusing.deciding import in_order, settle, without_effect
from schematics_builtin.fusing.frame import MIRRORED, centres, frame_doubts, heart_frame
from schematics_builtin.fusing.grids import on_its_grid, target_grid
from schematics_builtin.fusing.joining import join, without_loose_pieces
from schematics_builtin.fusing.placing import place
from schematics_builtin.fusing.plausible import contradicted, implausible, larger_than_the_atrium, wrong_roots
from schematics_builtin.fusing.same_scan import all_differences
from schematics_builtin.fusing.sources import Source
from schematics_builtin.fusing.veins import Split, Vein, split_atrium, split_label

_REFUSED = "the sources are not fused:"
_ROUNDS = 8  # of tidying; two or three are usual
_MUCH = 0.5  # of a structure


@frozen(eq=False, repr=False)
class Fused(Shown):
    """A fused heart: the label map, the integer of each structure, the record as plain data, and notes for the user.

    ``veins`` are the pulmonary veins that were told apart.
    """

    volume: LabelVolume
    labels: Mapping[str, int]
    record: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    veins: tuple[Vein, ...] = ()

    @property
    def in_short(self) -> str:
        """How many structures, of how many sources, and the label map."""
        sources = counted(len(self.record["sources"]), "source")
        return f"{counted(len(self.labels), 'structure')} of {sources}; {self.volume.in_short}"

    def _repr_html_(self) -> str:
        columns = ("structure", "integer", "mL", "from")
        rows = [(one["name"], one["label"], one["volume_ml"], one["source"]) for one in self.record["structures"]]
        return html_table(self.in_short, columns, rows, png=slices_png(self.volume), notes=self.notes)


def fuse_sources(sources: Sequence[Source], integers: Mapping[str, int], choices: Choices) -> Fused:
    """Fuse sources into one label map with the ``integers`` of a scheme.

    Raises :class:`PlanError` with every reason against it.
    """
    main = chambers_of(sources)
    compared = all_differences(main, (one for one in sources if one is not main))
    doubts = [
        *implausible(sources),
        *larger_than_the_atrium(sources),
        *(one for one in compared if isinstance(one, Doubt)),
    ]
    refuse(_REFUSED, doubts, choices.accept)  # nothing that follows means anything for such sources
    work = _Work(sources, main, integers, choices)
    work.notes += [one.text for one in compared if isinstance(one, Note)]
    work.decide()
    work.tidy()
    doubts += work.name_veins()
    work.crop_vessels()
    doubts += work.result()
    refuse(_REFUSED, doubts, choices.accept)
    unfound = set(choices.accept).difference(one.name for one in doubts)
    work.notes += [f"{name} is accepted, but was not found" for name in choices.accept if name in unfound]
    return work.finished([one for one in doubts if one.name in choices.accept])


def chambers_of(sources: Sequence[Source]) -> Source:
    """The source with the chambers: the one that has most of them."""
    best = max(sources, key=lambda one: sum(name in one.masks for name in ASKED))
    missing = [name for name in ASKED if not any(name in one.masks for one in sources)]
    if missing:
        names = ", ".join(name.removesuffix("_label") for name in missing)
        raise PlanError(
            "no heart can be made of these sources:",
            [f"no source has {names}; a label of the whole heart does not show them, give a segmentation that does"],
        )
    return best


def refuse(title: str, doubts: Iterable[Doubt], accepted: Collection[str]) -> None:
    """Refuse what is doubtful and not accepted. Raises :class:`PlanError` with all of it."""
    problems = [
        f"{one.text}; or accept it: --accept {one.name}, in Python accept={one.name!r}"
        for one in dict.fromkeys(doubts)
        if one.name not in accepted
    ]
    if problems:
        raise PlanError(title, problems)


class _Work:
    """The label map in the making."""

    def __init__(self, sources: Sequence[Source], main: Source, integers: Mapping[str, int], choices: Choices) -> None:
        self.sources, self.main, self.choices = sources, main, choices
        self.values = dict(integers)
        for name in sorted({name for one in sources for name in one.masks} - {HEART}):
            self.values.setdefault(name, max(self.values.values()) + 1)
        self.grid = target_grid(main, choices)
        self.notes: list[str] = []
        self.joined: dict[str, int] = {}
        self.cropped: dict[str, Any] = {}
        self.won: dict[str, str] = {}
        self.claims: list[dict[str, Any]] = []
        self.loose: Counter[str] = Counter()
        self.split = Split()
        self.mirrored = False
        self.placed: dict[str, int] = {}
        self.labels: dict[str, int] = {}
        self.heart: LabelVolume
        self.changed: set[int] = set()
        self.volume: WorkingVolume

    def decide(self) -> None:
        """Place every structure, and settle who gets a voxel that several claim."""
        zones = {name: self._placed(name) for name in in_order(self._named)}
        array = np.zeros(self.grid.shape, np.uint8 if max(self.values.values()) < 256 else np.uint16)
        self.claims = settle(array, zones, self.values, self.choices.over)
        if VEINS not in zones and (having := [one.name for one in self.sources if VEINS in one.masks]):
            self.notes.append(
                f"{_short(VEINS)} of {', '.join(having)} is not used: each vein has a name in another source"
            )
        for a, b in without_effect(self.choices.over, self._named, self.claims):
            self.notes.append(
                f"{_short(a)}>{_short(b)} changes nothing: they share no voxel, or {_short(a)} wins anyway"
            )
        volume = LabelVolume(array, self.grid.spacing, origin=self.grid.origin, direction=self.grid.direction)
        self.volume = WorkingVolume(volume, array.dtype)
        self.changed = set(self.volume.boxes)

    def _placed(self, name: str) -> Zone:
        source = self._winner(name)
        if self.choices.prefer.get(name) and source is self._winner(name, preferred=False):
            self.notes.append(f"{_short(name)} would come from {source.name} anyway")
        zone = place(source.masks[name], source.grid, self.grid)
        self.won[name] = source.name
        self.placed[name] = int(zone.mask.sum())
        return zone

    @property
    def _named(self) -> set[str]:
        """The structures of all sources; without the one label of all veins where each vein has a name."""
        named = {name for one in self.sources for name in one.masks}
        return named - {VEINS} if self.choices.veins == "label" and named.issuperset(PULMONARY) else named

    def _winner(self, name: str, *, preferred: bool = True) -> Source:
        having = [one for one in self.sources if name in one.masks]
        wanted = self.choices.prefer.get(name) if preferred else None
        return next((one for one in having if one.name == wanted), self.main if self.main in having else having[0])

    def _name(self, value: int) -> str:
        return next((name for name, one in self.values.items() if one == value), str(value))

    def _there(self, name: str) -> bool:
        return self.values.get(name) in self.volume.boxes

    def _labels(self, *but: str) -> list[int]:
        left_out = {self.values[name] for name in but if name in self.values}
        return [value for value in self.volume.boxes if value not in left_out]

    def tidy(self) -> None:
        """Remove loose pieces, close gaps and fill holes until nothing changes: then a fused heart stays as it is."""
        for _ in range(_ROUNDS):
            new, self.changed = self.changed, set()
            self._without_loose(new)
            self._close_gaps(new)
            self._apply(fill_holes(self.volume, new.intersection(self.volume.boxes)))
            if self._there(APPENDAGE) and self._there(ATRIUM):
                self._apply(without_shell(self.volume, self.values[APPENDAGE], self.values[ATRIUM]))
            if not self.changed:
                return

    def _close_gaps(self, new: set[int]) -> None:
        """Close the gaps between the pairs of which one is new, or has changed since."""
        for a, b in self.choices.joins:
            if self._there(a) and self._there(b) and (new | self.changed) & {self.values[a], self.values[b]}:
                pair = f"{_short(a)}-{_short(b)}"
                # Each vein of the one label opens into the atrium by one mouth, not by pieces of it.
                mouths = VEINS in (a, b) and pair not in self.joined
                closed = self._apply(join(self.volume, self.values[a], self.values[b], GAP_MM, grooves=mouths))
                if closed:
                    self.joined[pair] = self.joined.get(pair, 0) + closed

    def _apply(self, edits: Iterable[Edit]) -> int:
        """Apply edits, and return how many voxels changed."""
        return sum(change.voxels for change in self._edit(edits))

    def _edit(self, edits: Iterable[Edit]) -> tuple[Change, ...]:
        """Apply edits, and remember the labels that changed."""
        changes = tuple(self.volume.apply(edits))
        self.changed |= {label for change in changes for label in (change.old, change.new) if label}
        return changes

    def _without_loose(self, labels: set[int]) -> None:
        labels = labels.intersection(self.volume.boxes) - {self.values.get(VEINS)}
        for change in self._edit(without_loose_pieces(self.volume, labels, self._labels(VEINS))):
            self.loose[_short(self._name(change.old))] += change.voxels

    def name_veins(self) -> Iterator[Doubt]:
        """Find the heart's own frame, and divide the pulmonary veins if they are one label."""
        absent = [_short(name) for name in PULMONARY if not self._there(name)]
        if self.choices.veins == "label" and not self._there(VEINS) and 0 < len(absent) < len(PULMONARY):
            yield Doubt("missing-vein", f"no source has {', '.join(absent)}, only the other pulmonary veins")
        frame = heart_frame(centres(self.volume, self.values))
        veins, accepted = self.choices.veins, self.choices.accept
        if frame is None:
            if veins == "label" and self._there(VEINS):
                yield Doubt(
                    "vein-order", "chambers and great vessels do not show which way is up: no vein can be named"
                )
            return
        yield from frame_doubts(frame)
        self.mirrored = any(one.name == MIRRORED for one in frame_doubts(frame))
        atrium, appendage = self.values[ATRIUM], self.values[APPENDAGE] if self._there(APPENDAGE) else None
        if veins == "atrium" and not any(self._there(name) for name in PULMONARY):
            self.split = split_atrium(self.volume, atrium, appendage, frame, accepted)
        elif veins == "label" and self._there(VEINS):
            both = (atrium,) if appendage is None else (atrium, appendage)
            self.split = split_label(self.volume, self.values[VEINS], both, frame, accepted)
        yield from self.split.doubts
        self.notes += self.split.notes

    def crop_vessels(self) -> None:
        """Write the veins that were found, and cut all vessels to their length."""
        if self.split.veins:
            edits = []
            if self._there(VEINS):  # what is in no vein becomes background
                region = self.volume.region(self.values[VEINS])
                edits.append(edit_at(Zone(region, self.volume.mask(self.values[VEINS], region)).places, 0))
            edits += [edit_at(vein.places, self.values[vein.name]) for vein in self.split.veins]
            self._apply(edits)
            for vein in self.split.veins:
                self._apply(without_skirt(self.volume, self.values[vein.name], self.values[ATRIUM]))
        for name, length in self.choices.crops.items():
            root = self.choices.roots.get(name, "")
            if length and self._there(name) and self._there(root):
                labels = self.values[name], self.values[root]
                cuts = [self._apply(crop(self.volume, *labels, length, whole_end=name in ARTERIES))]
                while cuts[-1] and len(cuts) < 3 and name in ARTERIES:
                    cuts.append(self._apply(crop(self.volume, *labels, length, whole_end=True)))
                if sum(cuts):
                    self.cropped[_short(name)] = {"length_mm": length, "voxels": sum(cuts)}
        self.tidy()
        self.notes += self._without_effect()

    def _without_effect(self) -> Iterator[str]:
        """What the user asked for that changed nothing."""
        for name in map(_short, self.choices.asked_crops):
            length = self.choices.crops[f"{name}_label"]
            if length and name not in self.cropped and self._there(f"{name}_label"):
                yield f"{name} is not cut: it is hardly longer than {length:g} mm, or does not touch its chamber"
        for pair in self.choices.asked_joins:
            if "-".join(map(_short, pair)) not in self.joined:
                yield f"no gap is closed between {' and '.join(map(_short, pair))}: there is none so narrow"
        if self.choices.veins == "keep" and not self._there(VEINS):
            yield "there is no one label of all pulmonary veins to keep"

    def result(self) -> Iterator[Doubt]:
        """Cut the heart to its margin or grid, and say what is doubtful about it."""
        self.heart, cut = on_its_grid(self.volume, self.choices)
        self.labels = {name: value for name, value in self.values.items() if value in self.volume.boxes}
        yield from contradicted(self.volume, self.labels, mirrored=self.mirrored)
        yield from wrong_roots(self.volume, self.labels, self.choices.roots)
        yield from self._lost()
        cuts = {_short(self._name(value)): max(share, 0.01) for value, share in cut.items()}
        whole = {_short(name) for name in (*ASKED, APPENDAGE)}
        if much := [f"{share:.0%} of {name}" for name, share in cuts.items() if name in whole or share > _MUCH]:
            yield Doubt("cut-by-grid", f"the grid ends inside the heart: it leaves out {', '.join(much)}")
        if ends := [f"{share:.0%} of {name}" for name, share in cuts.items() if name not in whole and share <= _MUCH]:
            self.notes.append(f"the grid leaves out {', '.join(ends)}")

    def _lost(self) -> Iterator[Doubt]:
        """Structures of which nothing is left, and chambers that lost most of their voxels to others."""
        losers = {loser for _, loser in self.choices.over}
        for name, source in self.won.items():
            left = max(0, self.placed[name] - sum(one["voxels"] for one in self.claims if one["loser"] == name))
            if name in ASKED and self._there(name) and left < _MUCH * self.placed[name]:
                to = max((one for one in self.claims if one["loser"] == name), key=lambda one: one["voxels"])
                yield Doubt(
                    "lost-structure",
                    f"only {left / self.placed[name]:.0%} of {_short(name)} of {source} is left, the most of it went to"
                    f" {_short(to['winner'])}; look at both, or give --over {_short(name)}>{_short(to['winner'])}",
                )
            elif name not in self.labels and name != VEINS:
                text = f"nothing is left of {_short(name)} of {source}"
                if name in losers:
                    self.notes.append(text)
                else:
                    yield Doubt("lost-structure", f"{text}; look at where it lies, and at what lies over it")
        for vein in self.split.veins:
            if vein.name not in self.labels:
                yield Doubt("lost-structure", f"nothing is left of {_short(vein.name)}, which was found")
        if APPENDAGE not in self.labels:
            self.notes.append("no source has LAA: if the left atrium holds it, it stays a part of that")
        if self.choices.veins == "label" and not {VEINS, *PULMONARY} & self._named:
            self.notes.append(
                "no source has pulmonary veins: if the left atrium holds them, --veins atrium looks for them there,"
                " in Python veins='atrium'"
            )
        if absent := [_short(name) for name in (*ARTERIES, *CAVAE) if name not in self._named]:
            self.notes.append(f"no source has {', '.join(absent)}: the heart has none")
        unused = [one for one in self.sources if one.name not in self.won.values() and set(one.masks) - {HEART}]
        self.notes += [f"nothing of {one.name} is used: other sources have its structures" for one in unused]

    def finished(self, accepted: Sequence[Doubt]) -> Fused:
        """The heart with its record."""
        volume = self.heart
        labels = {name: value for name, value in self.labels.items() if value in volume.boxes}
        taken = {name: self.won.get(name) or self.won.get(VEINS) or self.won[ATRIUM] for name in labels}
        ml = volume.voxel_mm3 / 1000
        sizes = {name: int(volume.mask(value, volume.region(value)).sum()) * ml for name, value in labels.items()}
        record = {
            "chambers": self.main.name,
            "choices": self.choices.as_data(),
            "structures": [
                {
                    "name": name,
                    "label": labels[name],
                    "volume_ml": round(sizes[name], 3),
                    "source": taken[name],
                    "also_in": [one.name for one in self.sources if name in one.masks and one.name != taken[name]],
                }
                for name in labels
            ],
            "claims": self.claims,
            "loose_voxels": dict(self.loose),
            "gaps_closed": self.joined,
            "crops": self.cropped,
            "veins": [
                {
                    **asdict(vein, filter=lambda field, _: field.name != "places"),
                    "volume_ml": round(sizes[vein.name], 3),
                }
                for vein in self.split.veins
                if vein.name in sizes
            ],
            "accepted": [asdict(one) for one in dict.fromkeys(accepted)],
        }
        return Fused(volume, labels, record, tuple(self.notes), self.split.veins)


def _short(name: str) -> str:
    return name.removesuffix("_label")
