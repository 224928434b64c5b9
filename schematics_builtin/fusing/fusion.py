"""From sources to one heart: the phases, each with what it found for the record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import asdict, frozen

from pycemrg_core.api import (
    Change,
    Doubt,
    Edit,
    LabelVolume,
    PlanError,
    Shown,
    WorkingVolume,
    Zone,
    as_region,
    counted,
    edit_at,
    fill_holes,
    html_table,
    hull,
    slices_png,
)
from schematics_builtin.fusing.appendage import without_shell, without_skirt
from schematics_builtin.fusing.choices import APPENDAGE, ARTERIES, ATRIUM, GAP_MM, HEART, PULMONARY, VEINS, Choices
from schematics_builtin.fusing.choices import CHAMBERS as ASKED
from schematics_builtin.fusing.cropping import crop
from schematics_builtin.fusing.frame import HeartFrame, centres, frame_doubts, heart_frame
from schematics_builtin.fusing.joining import join, without_loose_pieces
from schematics_builtin.fusing.placing import place
from schematics_builtin.fusing.same_scan import all_differences
from schematics_builtin.fusing.sources import Grid, Source
from schematics_builtin.fusing.veins import Split, Vein, split_atrium, split_label

_REFUSED = "the sources are not fused:"
_ROUNDS = 8  # of tidying; two or three are usual
_REACH_MM = 75.0  # round the chambers: the longest vessel and the margin


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
    doubts = list(all_differences(main, (one for one in sources if one is not main)))
    refuse(_REFUSED, doubts, choices.accept)  # nothing that follows means anything for sources of different scans
    work = _Work(sources, main, integers, choices)
    work.decide()
    work.tidy()
    work.name_veins(doubts)
    refuse(_REFUSED, doubts, choices.accept)
    work.crop_vessels()
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
        self.changed: set[int] = set()
        self.volume: WorkingVolume

    def decide(self) -> None:
        """Place every structure, and settle who gets a voxel that several claim."""
        array = np.zeros(self.grid.shape, np.uint8 if max(self.values.values()) < 256 else np.uint16)
        names = [name for name in self.choices.order() if name in self._named]
        names += sorted(self._named - {*names, HEART})
        for name in reversed(names):
            source = self._winner(name)
            zone = place(source.masks[name], source.grid, self.grid)
            view = array[zone.region]
            for old, count in zip(*np.unique(view[zone.mask], return_counts=True), strict=True):
                if old:
                    self.claims.append({"winner": name, "loser": self._name(int(old)), "voxels": int(count)})
            view[zone.mask] = self.values[name]
            self.won[name] = source.name
        volume = LabelVolume(array, self.grid.spacing, origin=self.grid.origin, direction=self.grid.direction)
        self.volume = WorkingVolume(volume, array.dtype)
        self.changed = set(self.volume.boxes)

    @property
    def _named(self) -> set[str]:
        return {name for one in self.sources for name in one.masks}

    def _winner(self, name: str) -> Source:
        having = [one for one in self.sources if name in one.masks]
        preferred = self.choices.prefer.get(name)
        return next((one for one in having if one.name == preferred), self.main if self.main in having else having[0])

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
                closed = self._apply(join(self.volume, self.values[a], self.values[b], GAP_MM))
                if closed:
                    pair = f"{_short(a)}-{_short(b)}"
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

    def name_veins(self, doubts: list[Doubt]) -> None:
        """Find the heart's own frame, and divide the pulmonary veins if they are one label."""
        frame = self._frame()
        if frame is None:
            return
        doubts += frame_doubts(frame)
        atrium, veins, accepted = self.values[ATRIUM], self.choices.veins, self.choices.accept
        appendage = self.values[APPENDAGE] if self._there(APPENDAGE) else None
        if veins == "atrium" and not any(self._there(name) for name in PULMONARY):
            self.split = split_atrium(self.volume, atrium, appendage, frame, accepted)
        elif veins == "label" and self._there(VEINS):
            both = (atrium,) if appendage is None else (atrium, appendage)
            self.split = split_label(self.volume, self.values[VEINS], both, frame, accepted)
        doubts += self.split.doubts
        self.notes += self.split.notes

    def _frame(self) -> HeartFrame | None:
        return heart_frame(centres(self.volume, self.values))

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

    def finished(self, accepted: Sequence[Doubt]) -> Fused:
        """The heart, cut to its margin, with its record."""
        volume = with_margin(self.volume, self.choices)
        labels = {name: value for name, value in self.values.items() if value in volume.boxes}
        for name, source in self.won.items():
            if name not in labels and name != VEINS:
                self.notes.append(f"nothing is left of {_short(name)} of {source}")
        taken = {name: self.won.get(name) or self.won.get(VEINS) or self.won[ATRIUM] for name in labels}
        ml = volume.voxel_mm3 / 1000
        sizes = {name: int(volume.mask(value, volume.region(value)).sum()) * ml for name, value in labels.items()}
        record = {
            "chambers": self.main.name,
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
            "veins": [asdict(vein, filter=lambda field, _: field.name != "places") for vein in self.split.veins],
            "accepted": [asdict(one) for one in dict.fromkeys(accepted)],
        }
        return Fused(volume, labels, record, tuple(self.notes), self.split.veins)


def _short(name: str) -> str:
    return name.removesuffix("_label")


def target_grid(main: Source, choices: Choices) -> Grid:
    """The grid to work on: that of the source with the chambers, as far round them as vessels are kept."""
    if choices.grid is not None:
        return choices.grid
    zones = [main.masks[name] for name in ASKED if name in main.masks]
    box = zones[0].region
    for zone in zones:
        box = hull(box, zone.region)
    grid = main.grid
    if choices.spacing_mm:
        size = [
            int(np.ceil((axis.stop - axis.start) * mm / choices.spacing_mm))
            for axis, mm in zip(box, grid.spacing, strict=True)
        ]
        x, y, z = grid.points_mm(np.array([[axis.start for axis in box]]))[0].tolist()
        grid = Grid((size[0], size[1], size[2]), (choices.spacing_mm,) * 3, (x, y, z), grid.direction)
        box = as_region(slice(0, one) for one in size)
    reach = [int(np.ceil(_REACH_MM / mm)) for mm in grid.spacing]
    return grid.cut(as_region(slice(a.start - by, a.stop + by) for a, by in zip(box, reach, strict=True)))


def with_margin(volume: LabelVolume, choices: Choices) -> LabelVolume:
    """The label map with a margin of background on all sides; on a given grid, as it is."""
    if choices.grid is not None:
        return volume
    box = volume.region(list(volume.boxes))
    by = [int(np.ceil(choices.margin_mm / mm)) for mm in volume.spacing]
    wanted = as_region(slice(a.start - m, a.stop + m) for a, m in zip(box, by, strict=True))
    inner = as_region(slice(max(a.start, 0), min(a.stop, n)) for a, n in zip(wanted, volume.array.shape, strict=True))
    pads = [(i.start - w.start, w.stop - i.stop) for i, w in zip(inner, wanted, strict=True)]
    grid = Grid.of(volume).cut(wanted)
    return LabelVolume(
        np.pad(volume.array[inner], pads), volume.spacing, origin=grid.origin, direction=volume.direction
    )
