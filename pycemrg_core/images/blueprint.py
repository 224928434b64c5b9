"""The blueprint: what a recipe says about the labels of a heart, as data for steps, checks and outputs.

The core only builds the blueprint from the contracts of the steps, and passes it on. Others give it a meaning: a
step can ask which labels are lumens, and a check can compare a wall with its thickness.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from attrs import field, frozen

from pycemrg_core.api.contracts import LabelType
from pycemrg_core.shown.objects import ShownBlueprint


@frozen
class Wall:
    """``wall`` is asked for around ``lumen``, with the thickness ``thickness_mm``."""

    lumen: int
    wall: int
    thickness_mm: float


@frozen
class Valve:
    """``valve`` is between the lumens ``a`` and ``b``."""

    valve: int
    a: int
    b: int


@frozen
class Plane:
    """``plane`` closes the lumen ``b`` against the lumen ``a``."""

    plane: int
    a: int
    b: int


@frozen
class Ring:
    """``ring`` is around ``lumen``, where the lumen meets ``wall``."""

    ring: int
    lumen: int
    wall: int


@frozen(kw_only=True, repr=False)
class Blueprint(ShownBlueprint):
    """What the labels of a heart are, and what a recipe makes with them; all by integer.

    ``names`` are the label names, and ``types`` the label types if known. ``walls``, ``valves``, ``planes`` and
    ``rings`` are the structures that the recipe asks for, and ``made`` are all labels that it writes. A label in
    ``waits_for`` is made only if the heart has all labels of one of these sets. Lumens in ``open`` may touch the
    background and each other; the two lumens of a pair in ``may_touch`` may touch each other. ``accepted`` are the
    doubts that the user accepted. ``edge_mm`` is the edge length of the mesh that is to be made, 0 if it is not known.
    """

    recipe: str = ""
    names: Mapping[int, str] = field(factory=dict)
    types: Mapping[int, LabelType] = field(factory=dict)
    walls: tuple[Wall, ...] = ()
    valves: tuple[Valve, ...] = ()
    planes: tuple[Plane, ...] = ()
    rings: tuple[Ring, ...] = ()
    made: tuple[int, ...] = ()
    waits_for: Mapping[int, tuple[frozenset[int], ...]] = field(factory=dict)
    open: frozenset[int] = frozenset()
    may_touch: frozenset[frozenset[int]] = frozenset()
    accepted: tuple[str, ...] = ()
    edge_mm: float = 0.0

    def name(self, label: int) -> str:
        """The name of a label, or its integer as text."""
        return self.names.get(label, str(label)) if label else "background"

    def must_have(self, label: int, there: Collection[int]) -> bool:
        """Whether a heart with the labels ``there`` must also have this label, because the recipe makes it."""
        waits = self.waits_for.get(label, ())
        return label in self.made and (not waits or any(labels <= set(there) for labels in waits))

    def of_type(self, label_type: LabelType, among: Iterable[int] | None = None) -> tuple[int, ...]:
        """The labels of a type, in order; only labels in ``among`` if this is given."""
        return tuple(
            label for label in sorted(self.types if among is None else among) if self.types.get(label) is label_type
        )
