"""What the objects of a script say of themselves in a few lines, on a terminal and in a notebook.

Each class here is a base of the class that it shows.
"""

from __future__ import annotations

from typing import Any

from pycemrg_core.shown.slices import slices_png
from pycemrg_core.shown.words import counted, html_table


class Shown:
    """A base for objects that are shown as their class and, in a few words, what they are: ``in_short``.

    A class of attrs needs ``repr=False`` beside it. ``_repr_html_`` is for a notebook.
    """

    __slots__ = ()

    @property
    def in_short(self: Any) -> str:
        """What it is, in a few words."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.in_short}>"


class ShownVolume(Shown):
    """A label map: its size and spacing, (x, y, z), and three slices."""

    __slots__ = ()

    @property
    def in_short(self: Any) -> str:
        size, spacing = (" x ".join(f"{n:.6g}" for n in three[::-1]) for three in (self.array.shape, self.spacing))
        return f"{size} voxels of {spacing} mm, {self.array.dtype}, {counted(len(self.boxes), 'label')}"

    def _repr_html_(self: Any) -> str:
        return html_table(self.in_short, png=slices_png(self))


class ShownPlan(Shown):
    """A plan: its steps, and what is left out."""

    __slots__ = ()

    @property
    def in_short(self: Any) -> str:
        left_out = f", {len(self.left_out)} left out" if self.left_out else ""
        return f"{self.recipe}, {counted(len(self.steps), 'step')}{left_out}, {self.dtype} pixels"

    def _repr_html_(self: Any) -> str:
        rows = [(number, step.name, step.kind) for number, step in enumerate(self.steps, 1)]
        left_out = [f"left out: {one}" for one in self.left_out]
        return html_table(self.in_short, ("", "schematic", "step"), rows, notes=[*left_out, *self.warnings])


class ShownRecord(Shown):
    """The record of a run: how many voxels each step changed, and in how many seconds."""

    __slots__ = ()

    @property
    def in_short(self: Any) -> str:
        seconds = sum(step.seconds for step in self.steps)
        return f"{self.recipe}, {counted(len(self.steps), 'step')} in {seconds:.2f} s"

    def _repr_html_(self: Any) -> str:
        rows = [(number, step.name, step.voxels, step.seconds) for number, step in enumerate(self.steps, 1)]
        left_out = [f"left out: {one}" for one in self.left_out]
        columns = ("", "step", "voxels changed", "seconds")
        return html_table(self.in_short, columns, rows, notes=[*left_out, *self.warnings])


class ShownResult(Shown):
    """The result of a run: three slices, and the volumes of its labels in mL."""

    __slots__ = ()

    @property
    def in_short(self: Any) -> str:
        return f"{self.record.in_short}; {self.volume.in_short}"

    def _repr_html_(self: Any) -> str:
        volume, names = self.volume, self.volume.blueprint.names
        counts = {label: int(volume.mask(label, box).sum()) for label, box in volume.boxes.items()}
        rows = [(names.get(one, ""), one, n, n * volume.voxel_mm3 / 1000) for one, n in counts.items()]
        columns = ("label", "integer", "voxels", "mL")
        return html_table(self.in_short, columns, rows, png=slices_png(volume), notes=self.record.warnings)


class ShownRead(Shown):
    """A label map with the names in its source: three slices, the names, and the notes."""

    __slots__ = ()

    @property
    def in_short(self: Any) -> str:
        return f"{counted(len(self.labels), 'name')}; {self.volume.in_short}"

    def _repr_html_(self: Any) -> str:
        rows = sorted(self.labels.items(), key=lambda one: one[1])
        return html_table(self.in_short, ("label", "integer"), rows, png=slices_png(self.volume), notes=self.notes)


class ShownPrepared(Shown):
    """A label map that is ready for a plan: three slices, and the notes."""

    __slots__ = ()

    @property
    def in_short(self: Any) -> str:
        return f"{self.facts.name}; {self.volume.in_short}"

    def _repr_html_(self: Any) -> str:
        return html_table(self.in_short, png=slices_png(self.volume), notes=self.notes)


class ShownSegmentation(Shown):
    """What a source holds: its named labels, layer by layer."""

    __slots__ = ()

    @property
    def in_short(self: Any) -> str:
        by = f", read by {self.reader}" if self.reader else ""
        return f"{counted(len(self.layers), 'layer')} with {counted(len(self.segments), 'name')}{by}"

    def _repr_html_(self: Any) -> str:
        rows = [
            (number, one.name, one.value, one.structure)
            for number, layer in enumerate(self.layers, 1)
            for one in layer.segments
        ]
        return html_table(self.in_short, ("layer", "name", "integer", "structure"), rows, notes=self.notes)


class ShownSettings(Shown):
    """Settings: how many of each kind there are."""

    __slots__ = ()

    @property
    def in_short(self: Any) -> str:
        words = {"labels": "label", "configured": "configured label", "named": "named label"}
        words |= {"parameters": "parameter", "defaults": "default", "schematics": "schematic"}
        found = [counted(len(getattr(self, kind)), word) for kind, word in words.items() if getattr(self, kind)]
        lists = [f"{kind} {', '.join(getattr(self, kind))}" for kind in ("then", "accept") if getattr(self, kind)]
        return ", ".join([*found, *lists, *([] if self.pad else ["no padding"])]) or "the defaults"


class ShownBlueprint(Shown):
    """What a recipe makes: how many labels and structures."""

    __slots__ = ()

    @property
    def in_short(self: Any) -> str:
        made = [counted(len(getattr(self, f"{one}s")), one) for one in ("wall", "valve", "plane", "ring")]
        return f"{self.recipe or 'no recipe'}, {counted(len(self.names), 'label')}; {', '.join(made)}"
