"""What a recipe says of the labels of a heart: data that steps, checks and outputs are given.

Nothing here has a meaning of its own. A step may ask which labels are lumens, a check may hold a wall to its
thickness; the core only builds the blueprint from the contracts of the steps and hands it on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import field, frozen

from pycemrg_core.api.contracts import LabelType


@frozen
class Wall:
    """``wall`` was asked for round ``lumen``, ``thickness_mm`` thick."""

    lumen: int
    wall: int
    thickness_mm: float


@frozen
class Valve:
    """``valve`` lies between the lumens ``a`` and ``b``."""

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
    """``ring`` goes round ``lumen`` where that meets ``wall``."""

    ring: int
    lumen: int
    wall: int


@frozen(kw_only=True)
class Blueprint:
    """What the labels of a heart are, and what a recipe makes of them; all by integer.

    ``names`` are label names, ``types`` what labels are, where that is known. ``walls``, ``valves``, ``planes`` and
    ``rings`` are those that the recipe asks for, ``made`` all labels that it writes. Lumens in ``open`` may touch the
    background, and one another; those in a pair of ``may_touch`` may touch each other.
    """

    recipe: str = ""
    names: Mapping[int, str] = field(factory=dict)
    types: Mapping[int, LabelType] = field(factory=dict)
    walls: tuple[Wall, ...] = ()
    valves: tuple[Valve, ...] = ()
    planes: tuple[Plane, ...] = ()
    rings: tuple[Ring, ...] = ()
    made: tuple[int, ...] = ()
    open: frozenset[int] = frozenset()
    may_touch: frozenset[frozenset[int]] = frozenset()

    def name(self, label: int) -> str:
        """The name of a label, or its integer as text."""
        return self.names.get(label, str(label)) if label else "background"

    def of_type(self, label_type: LabelType, among: Iterable[int] | None = None) -> tuple[int, ...]:
        """The labels of a type, in order; only those ``among`` some labels when these are given."""
        return tuple(
            label for label in sorted(self.types if among is None else among) if self.types.get(label) is label_type
        )
