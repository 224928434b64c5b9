"""A grown label map, what each label in it is, and the faults that checks find in it.

Nothing is judged here: every :class:`~pycemrg_core.api.records.Check` gets a :class:`Heart` and yields the
:class:`Finding` s that it knows of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import Enum
from functools import cached_property
from typing import Any

import attrs
import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycemrg_core.api.contracts import Part
from pycemrg_core.images.adjacency import Blocks
from pycemrg_core.images.component_map import Pieces
from pycemrg_core.images.label_volume import LabelVolume, intersect, shift

Ints = NDArray[np.int64]
Index = tuple[int, int, int]
Point = tuple[float, float, float]


class Severity(Enum):
    """How bad a finding is. ``EXPECTED`` is what the recipe's rules allow, and is said all the same."""

    ERROR = "error"
    WARNING = "warning"
    EXPECTED = "expected"


@frozen(kw_only=True)
class Finding:
    """One fault: what it is, where, and how much of it.

    ``values`` are the labels that it concerns. ``voxel`` (x, y, z) is a voxel at the fault, ``point_mm`` its
    centre in the image's frame, ``box`` the first and last voxel (x, y, z) of the box round all of it; all None
    when the fault is that something is not there. ``check`` is filled in by :func:`certify`.
    """

    severity: Severity
    what: str
    values: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()
    voxel: Index | None = None
    point_mm: Point | None = None
    box: tuple[Index, Index] | None = None
    faces: int = 0
    mm2: float = 0.0
    voxels: int = 0
    mm: float | None = None
    check: str = ""


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
class Ring:
    """``ring`` goes round ``vein`` where that meets ``wall``."""

    ring: int
    vein: int
    wall: int


@frozen(kw_only=True, slots=False, eq=False)
class Heart:
    """A grown label map, and what each label in it is.

    ``names`` are label names by integer, ``parts`` what labels are, where that is known. ``walls``, ``valves`` and
    ``rings`` are those that a recipe asked for and ``made`` all labels that it writes. Lumens in ``open`` may
    touch the background, those in a pair of ``may_touch`` each other. ``origin`` and ``direction`` (x, y, z) are
    those of the image. What is asked of ``blocks`` and ``pieces`` is worked out once.
    """

    volume: LabelVolume
    names: Mapping[int, str] = field(factory=dict)
    parts: Mapping[int, Part] = field(factory=dict)
    walls: tuple[Wall, ...] = ()
    valves: tuple[Valve, ...] = ()
    rings: tuple[Ring, ...] = ()
    made: tuple[int, ...] = ()
    open: frozenset[int] = frozenset()
    may_touch: frozenset[frozenset[int]] = frozenset()
    origin: Point = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

    @cached_property
    def blocks(self) -> Blocks:
        """What lies beside what."""
        return Blocks.of(self.volume)

    @cached_property
    def pieces(self) -> Pieces:
        """The connected pieces of all labels and of the background."""
        return Pieces.of(self.volume)

    @cached_property
    def touching(self) -> Mapping[frozenset[int], int]:
        """How many faces two labels share; 0 is the background and what lies outside of the image."""
        return {frozenset(pair): faces for pair, faces in self.blocks.touching().items()}

    @property
    def lumens(self) -> tuple[int, ...]:
        """The labels of blood that are in the image."""
        return tuple(value for value in self.volume.boxes if self.parts.get(value) is Part.LUMEN)

    @property
    def meshed(self) -> tuple[int, ...]:
        """The labels in the image that are no blood: a mesher keeps them."""
        return tuple(value for value in self.volume.boxes if self.parts.get(value) is not Part.LUMEN)

    def name(self, value: int) -> str:
        """The name of a label, or its integer as text."""
        return self.names.get(value, str(value)) if value else "background"

    def faces_between(self, a: int, b: int) -> int:
        """How many faces two labels share."""
        return self.touching.get(frozenset((a, b)), 0)

    def valve_between(self, a: int, b: int) -> Valve | None:
        """The valve that was asked for between two lumens."""
        return next((valve for valve in self.valves if {valve.a, valve.b} == {a, b}), None)

    def allows(self, a: int, b: int) -> bool:
        """Whether two lumens may touch: a rule says so, or both are open to the outside anyway."""
        return frozenset((a, b)) in self.may_touch or {a, b} <= self.open

    def near(self, lumen: int, others: Collection[int], distance_mm: float) -> Ints:
        """Voxels of other labels, indices (z, y, x), within a distance of a lumen; 0 is the background."""
        zone = self.volume.within(lumen, distance_mm)
        found = [np.zeros((0, 3), np.int64)]
        for other in others:
            region = intersect(zone.region, self.volume.region(other)) if other else zone.region
            mask = zone.mask[shift(region, zone.region)] & self.volume.mask(other, region)
            found.append(np.argwhere(mask) + [axis.start for axis in region])
        return np.concatenate(found)

    def point_mm(self, voxel: Index) -> Point:
        """The centre of a voxel (x, y, z) in the image's frame, mm."""
        spacing = np.array(self.volume.spacing[::-1])
        x, y, z = np.array(self.origin) + np.reshape(self.direction, (3, 3)) @ (np.array(voxel) * spacing)
        return float(x), float(y), float(z)

    def finding(
        self,
        severity: Severity,
        what: str,
        values: Iterable[int],
        places: Ints | None = None,
        *,
        at: Ints | None = None,
        **amount: Any,
    ) -> Finding:
        """A finding about some labels, with its place worked out.

        ``places`` are indices (z, y, x), (n, 3), that lie at the fault. The voxel named is ``at``, or by default
        the one of them that is nearest to their middle.
        """
        values = tuple(values)
        found = Finding(
            severity=severity, what=what, values=values, labels=tuple(self.name(v) for v in values), **amount
        )
        if places is None:
            return found
        if at is None:
            offset = (places - places.mean(axis=0)) * self.volume.spacing
            at = places[np.argmin((offset**2).sum(axis=1))]
        voxel, low, high = (_xyz(index) for index in (at, places.min(axis=0), places.max(axis=0)))
        return attrs.evolve(found, voxel=voxel, point_mm=self.point_mm(voxel), box=(low, high))


def _xyz(index: Any) -> Index:
    z, y, x = (int(i) for i in index)
    return x, y, z
