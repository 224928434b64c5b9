"""The connected components of all labels and of the background, and which of them touch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import frozen

from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.images.run_lengths import (
    Bools,
    Components,
    Ints,
    Runs,
    Small,
    contacts,
    joined,
    most_area,
    of_one_label,
    pairs_of,
    runs_of,
    touching_components,
)


@frozen(eq=False)
class ComponentMap:
    """Face-connected components; the arrays, except ``touching``, have one entry per component.

    ``label`` may be 0. ``at_edge`` marks components that reach the edge of the box around all labels; those of
    background are ``outside`` the heart. ``touching`` are the pairs of components that share a face, (n, 2), each
    once. ``connected`` are the runs, to find the voxels.
    """

    label: Ints
    voxels: Ints
    largest: Bools
    at_edge: Bools
    touching: Ints
    connected: Components
    spacing: tuple[float, float, float]

    @classmethod
    def of(cls, volume: LabelVolume) -> ComponentMap:
        """Read a label map."""
        runs = runs_of(volume, volume.boxes)
        apart: list[tuple[Small, Small]] = []
        connected = joined(runs, _of_one_label(runs, apart))
        depth, height, width = runs.shape
        z, y = runs.place()
        ends = (z == 0) | (z == depth - 1) | (y == 0) | (y == height - 1) | (runs.start == 0) | (runs.stop == width)
        at_edge = np.zeros(len(connected.voxels), np.bool_)
        at_edge[connected.of_run[ends]] = True
        touching = touching_components(connected, apart)
        return cls(connected.label, connected.voxels, connected.largest(), at_edge, touching, connected, volume.spacing)

    @property
    def outside(self) -> Bools:
        """Which components are background outside the heart."""
        found: Bools = self.at_edge & (self.label == 0)
        return found

    def at(self, places: Ints) -> Ints:
        """The component of each voxel, indices (z, y, x) in the image; -1 outside the box around all labels."""
        runs = self.connected.runs
        _, height, width = runs.shape
        inside = places - [axis.start for axis in runs.region]
        found = np.full(len(places), -1)
        which = np.flatnonzero(((inside >= 0) & (inside < runs.shape)).all(axis=1))
        z, y, x = inside[which].T
        begin = runs.line * width + runs.start
        found[which] = self.connected.of_run[np.searchsorted(begin, (z * height + y) * width + x, side="right") - 1]
        return found

    def places(self, components: Ints) -> Ints:
        """Indices (z, y, x) in the image of the first and last voxels of the runs of the given components."""
        chosen = np.zeros(len(self.label), np.bool_)
        chosen[components] = True
        runs = self.connected.runs.take(np.flatnonzero(chosen.take(self.connected.of_run)))
        z, y = runs.place()
        ends = [np.stack([z, y, x], axis=1) for x in (runs.start, runs.stop - 1)]
        found: Ints = np.concatenate(ends) + np.array([axis.start for axis in runs.region])
        return found

    def enclosed(self) -> Iterator[tuple[int, int]]:
        """Components that lie wholly inside of one label, with that label, and components of background in the heart,
        with the label that they share most surface with."""
        pairs = np.concatenate([self.touching, self.touching[:, ::-1]])
        inner, around = pairs[~self.at_edge[pairs[:, 0]]].T
        labels, index = np.unique(self.label[around], return_inverse=True)
        inner, index = np.divmod(np.unique(inner * len(labels) + index), max(len(labels), 1))
        is_one = np.bincount(inner, minlength=len(self.label)) == 1
        found = {one: at for one, at in zip(inner.tolist(), labels[index].tolist(), strict=True) if is_one[one] and at}
        gaps = ~self.at_edge & (self.label == 0)
        yield from sorted({**found, **dict(self._most_of_surface(gaps) if gaps.any() else ())}.items())

    def _most_of_surface(self, chosen: Bools) -> Iterator[tuple[int, int]]:
        """Each of some components, and the label that it shares most surface with; if equal, the smallest."""
        component, other, area = contacts(self.connected, self.spacing, chosen)
        most = most_area(component, self.label[other], area)
        return zip(*(column.tolist() for column in most), strict=True)


def _of_one_label(runs: Runs, apart: list[tuple[Small, Small]]) -> Iterator[tuple[Small, Small]]:
    """The pairs of neighbours that have one label, some at a time; the others are added to ``apart``."""
    for a, b in pairs_of(runs, 6):
        is_one = of_one_label(runs, a, b)
        same, other = np.flatnonzero(is_one), np.flatnonzero(~is_one)
        apart.append((a.take(other), b.take(other)))
        yield a.take(same), b.take(same)
