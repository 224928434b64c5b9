"""The subjects of metrics: one structure, two structures, a structure in two label maps, or two images.

A metric is a pure function of objects of these classes. They hold arrays cropped to the relevant part, in (z, y, x)
order, and cache results that metrics share: ``subject.once(compute)`` is ``compute(subject)``, computed only once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycemrg_core.api.records import Metric
from pycemrg_core.errors import MetricError, blaming
from pycemrg_core.images.label_volume import LabelVolume, Mask, Region, hull, is_empty
from pycemrg_core.text.names import close_to

if TYPE_CHECKING:
    from pycemrg_core.plugins.catalogue import Contribution

T = TypeVar("T")
S = TypeVar("S", bound="_Remembering")
Spacing = tuple[float, float, float]
"""The size of a voxel along z, y and x, in mm."""


class _Remembering:
    """A subject that caches results computed from it."""

    __slots__ = ()
    _known: dict[Any, Any]

    def once(self: S, compute: Callable[[S], T]) -> T:
        """``compute(self)``, cached for the next metric that uses the same function."""
        if compute not in self._known:
            self._known[compute] = compute(self)
        return cast(T, self._known[compute])


@frozen(eq=False)
class StructureMask(_Remembering):
    """The voxels of one label, or of several labels as one, in a label map.

    ``labels`` are the integers; absent labels add nothing. Messages call the structure ``name``.
    """

    volume: LabelVolume
    labels: tuple[int, ...]
    name: str = ""
    _known: dict[Any, Any] = field(factory=dict, init=False, repr=False)

    @property
    def spacing(self) -> Spacing:
        """The voxel size (z, y, x) in mm."""
        return self.volume.spacing

    @property
    def region(self) -> Region:
        """The bounding box, in array indices (z, y, x); empty slices when the structure is absent."""
        boxes = [box for label in self.labels if not is_empty(box := self.volume.region(label))]
        region = boxes[0] if boxes else self.volume.region(-1)
        for box in boxes[1:]:
            region = hull(region, box)
        return region

    @property
    def mask(self) -> Mask:
        """Where the structure is, inside :attr:`region`."""
        return self.mask_in(self.region)

    def mask_in(self, region: Region) -> Mask:
        """Where the structure is, inside a box of array indices (z, y, x)."""
        voxels = self.volume.array[region]
        return self.volume.mask(self.labels[0], region) if len(self.labels) == 1 else np.isin(voxels, self.labels)

    @property
    def voxels(self) -> int:
        """The number of voxels."""
        return int(np.count_nonzero(self.once(_mask)))


@frozen(eq=False)
class Comparison(_Remembering):
    """One structure in two label maps of the same grid: a prediction and its reference."""

    prediction: StructureMask
    reference: StructureMask
    _known: dict[Any, Any] = field(factory=dict, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        mine, other = self.prediction.volume, self.reference.volume
        if mine.array.shape != other.array.shape or not np.allclose(mine.spacing, other.spacing, rtol=1e-5, atol=0):
            raise MetricError(
                f"cannot compare {mine.array.shape} voxels of {mine.spacing} mm with {other.array.shape} of"
                f" {other.spacing} mm (z, y, x); resample one of them first"
            )

    @property
    def spacing(self) -> Spacing:
        """The voxel size (z, y, x) in mm."""
        return self.reference.spacing

    @property
    def region(self) -> Region:
        """The smallest box around both, in array indices (z, y, x); empty slices when both are absent."""
        boxes = [box for box in (self.prediction.region, self.reference.region) if not is_empty(box)]
        return hull(boxes[0], boxes[-1]) if boxes else self.reference.region

    @property
    def masks(self) -> tuple[Mask, Mask]:
        """Where the structure is in the prediction and in the reference, inside :attr:`region`."""
        return self.once(_masks)


@frozen(eq=False)
class ImagePair(_Remembering):
    """Two images of the same grid, as (z, y, x) arrays of float64.

    ``data_range`` is the largest minus the smallest possible value. ``mask`` is a boolean array that selects the
    voxels to measure; None means all. ``spacing`` is (z, y, x) in mm.
    """

    prediction: NDArray[np.float64]
    reference: NDArray[np.float64]
    spacing: Spacing
    data_range: float
    mask: Mask | None = None
    _known: dict[Any, Any] = field(factory=dict, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        shapes = {self.prediction.shape, self.reference.shape} | ({self.mask.shape} if self.mask is not None else set())
        if len(shapes) > 1:
            shown = " and ".join(map(str, sorted(shapes)))
            raise MetricError(f"cannot compare arrays of shapes {shown} (z, y, x); resample one of them first")
        if self.mask is not None and not self.mask.any():
            raise MetricError("the mask is empty; give one that marks the voxels to measure")
        if not self.data_range > 0:
            raise MetricError(
                f"the data range is {self.data_range:g}; give a positive number, or a reference that is not constant"
            )


def evaluate(
    metric: Metric | Contribution[Metric], *subjects: Any, parameters: Mapping[str, float] | None = None
) -> float:
    """The value of a metric for its subject.

    A subject is one or two :class:`StructureMask`, a :class:`Comparison` or an :class:`ImagePair`. ``metric`` is a
    record, or the result of ``catalogue.find(Metric, name)``; then errors name its plugin.
    ``parameters`` override the parameters of the metric. A value that is not defined is NaN. Raises
    :class:`MetricError` with the name of the metric when there is no such parameter or the function fails.
    """
    named = who = f"metric {metric.name!r}"
    if not isinstance(metric, Metric):
        who, metric = f"{named} of {metric.provider}", metric.record
    given = dict(parameters or {})
    for name in sorted(given.keys() - metric.parameters.keys()):
        known = f"; it has {', '.join(metric.parameters)}" if metric.parameters else "; it has none"
        raise MetricError(f"{named} has no parameter {name!r}{close_to(name, metric.parameters) or known}")
    with blaming(MetricError, who):
        function = metric.function.load()
    with blaming(MetricError, who, function, refused=named):
        value = function(*subjects, **{**metric.parameters, **given})
        if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
            raise MetricError(f"it returned {value!r:.80}, not a number")
        return float(value)


def _mask(structure: StructureMask) -> Mask:
    return structure.mask


def _masks(comparison: Comparison) -> tuple[Mask, Mask]:
    region = comparison.region
    return comparison.prediction.mask_in(region), comparison.reference.mask_in(region)
