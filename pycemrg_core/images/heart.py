"""A grown label map with its blueprint, and the findings of checks.

This module does not judge a heart: every :class:`~pycemrg_core.api.records.Check` gets a :class:`Heart` and yields
its :class:`Finding` s.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs
import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycemrg_core.api.contracts import LabelType
from pycemrg_core.images.blueprint import Blueprint, Valve
from pycemrg_core.images.label_volume import LabelVolume, Zone, intersect

if TYPE_CHECKING:
    from pycemrg_core.images.adjacency import Adjacency
    from pycemrg_core.images.component_map import ComponentMap

T = TypeVar("T")
Ints = NDArray[np.int64]
"""An array of whole numbers, such as array indices (z, y, x), (n, 3)."""
Index = tuple[int, int, int]
Point = tuple[float, float, float]


class Severity(Enum):
    """How bad a finding is. ``EXPECTED`` findings are allowed by the rules of the recipe, and are still reported."""

    ERROR = "error"
    WARNING = "warning"
    EXPECTED = "expected"


@frozen(kw_only=True)
class Finding:
    """One fault: what it is, where it is, and how large it is.

    ``values`` are the labels concerned. ``voxel`` (x, y, z) is a voxel at the fault, ``point_mm`` is its centre in
    the frame of the image, and ``box`` holds the first and last voxel (x, y, z) of the bounding box of the fault;
    all are None when the fault is that something is missing. ``doubt`` is one of the ``doubts`` of its check: what the
    user can accept. ``check`` is filled in by :func:`certify`.
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
    doubt: str = ""


@frozen(kw_only=True, slots=False, eq=False)
class Heart:
    """A label map whose ``blueprint`` says what each label in it is.

    ``adjacency`` and ``components`` are computed only once, and so are results that checks share:
    ``heart.once(compute)`` is ``compute(heart)``. ``schemes`` are the integers of all known label schemes by
    name; only checks of the input are given them.
    """

    volume: LabelVolume
    schemes: Mapping[str, Mapping[str, int]] = field(factory=dict)
    _known: dict[Any, Any] = field(factory=dict, init=False, repr=False)

    def once(self, compute: Callable[[Heart], T]) -> T:
        """``compute(self)``, cached for the next check that uses the same function."""
        if compute not in self._known:
            self._known[compute] = compute(self)
        return cast(T, self._known[compute])

    @property
    def blueprint(self) -> Blueprint:
        """What the labels are, and what the recipe asks for."""
        return self.volume.blueprint

    @cached_property
    def adjacency(self) -> Adjacency:
        """Which labels are next to each other."""
        from pycemrg_core.images.adjacency import Adjacency  # here: checks before a run need none

        return Adjacency.of(self.volume)

    @cached_property
    def components(self) -> ComponentMap:
        """The connected components of all labels and of the background."""
        from pycemrg_core.images.component_map import ComponentMap

        return ComponentMap.of(self.volume)

    @cached_property
    def touching(self) -> Mapping[frozenset[int], int]:
        """The number of faces that two labels share; 0 is the background and the outside of the image."""
        return {frozenset(pair): faces for pair, faces in self.adjacency.touching().items()}

    @cached_property
    def lumens(self) -> tuple[int, ...]:
        """The labels of lumens in the image."""
        return tuple(value for value in self.volume.boxes if self.blueprint.types.get(value) is LabelType.LUMEN)

    @cached_property
    def meshed(self) -> tuple[int, ...]:
        """The labels in the image that are not lumens: a mesher keeps them."""
        return tuple(value for value in self.volume.boxes if self.blueprint.types.get(value) is not LabelType.LUMEN)

    def name(self, value: int) -> str:
        """The name of a label, or its integer as text."""
        return self.blueprint.name(value)

    def faces_between(self, a: int, b: int) -> int:
        """The number of faces that two labels share."""
        return self.touching.get(frozenset((a, b)), 0)

    def valve_between(self, a: int, b: int) -> Valve | None:
        """The valve that the recipe asks for between two lumens."""
        return next((valve for valve in self.blueprint.valves if {valve.a, valve.b} == {a, b}), None)

    def allows(self, a: int, b: int) -> bool:
        """Whether two lumens may touch: either a rule allows it, or both are open to the outside."""
        return frozenset((a, b)) in self.blueprint.may_touch or {a, b} <= self.blueprint.open

    def places(self, value: int) -> Ints:
        """The indices (z, y, x) of the voxels of a label, (n, 3), in array order."""
        region = self.volume.region(value)
        return Zone(region, self.volume.mask(value, region)).places

    def near(self, lumen: int, others: Collection[int], distance_mm: float) -> Ints:
        """Voxels of other labels, indices (z, y, x), within a distance of a lumen; 0 is the background."""
        zone = self.volume.within(lumen, distance_mm)
        found = [np.zeros((0, 3), np.int64)]
        for other in others:
            region = intersect(zone.region, self.volume.region(other)) if other else zone.region
            found.append(Zone(region, zone.inside(region) & self.volume.mask(other, region)).places)
        return np.concatenate(found)

    def point_mm(self, voxel: Index) -> Point:
        """The centre of a voxel (x, y, z) in the frame of the image, in mm."""
        spacing = np.array(self.volume.spacing[::-1])
        x, y, z = np.array(self.volume.origin) + np.reshape(self.volume.direction, (3, 3)) @ (np.array(voxel) * spacing)
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
        """Make a finding about some labels, and compute its place.

        ``places`` are indices (z, y, x), (n, 3), at the fault. The voxel of the finding is ``at``; by default, the
        place nearest to the middle of all places.
        """
        values = tuple(values)
        found = Finding(
            severity=severity, what=what, values=values, labels=tuple(self.name(v) for v in values), **amount
        )
        if places is None:
            return found
        axes = np.ascontiguousarray(places.T)  # several times faster than along the rows
        if at is None:
            offset = [(one - one.mean()) * size for one, size in zip(axes, self.volume.spacing, strict=True)]
            at = places[np.argmin(sum(one**2 for one in offset))]
        voxel, low, high = (_xyz(index) for index in (at, axes.min(axis=1), axes.max(axis=1)))
        return attrs.evolve(found, voxel=voxel, point_mm=self.point_mm(voxel), box=(low, high))


def _xyz(index: Any) -> Index:
    z, y, x = (int(i) for i in index)
    return x, y, z
