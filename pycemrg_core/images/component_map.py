"""The connected components of all labels and of the background, and the labels that each of them touches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.images.run_lengths import Bools, Components, Ints, contacts, find_components, runs_of


@frozen(eq=False)
class ComponentMap:
    """Face-connected components; the arrays, except those of ``contact``, have one entry per component.

    ``label`` may be 0. ``outside`` marks components of background that reach the edge of the box around all labels,
    and so are outside the heart. ``contact`` holds a component, a label that it touches (0 outside the box) and the
    area of the faces in mm2, one row for each such pair. ``connected`` are the runs, to find the voxels.
    """

    label: Ints
    voxels: Ints
    largest: Bools
    outside: Bools
    contact: tuple[Ints, Ints, NDArray[np.float64]]
    connected: Components

    @classmethod
    def of(cls, volume: LabelVolume) -> ComponentMap:
        """Read a label map."""
        connected = find_components(runs_of(volume, volume.boxes), 6)
        runs = connected.runs
        depth, height, width = runs.shape
        z, y = runs.place()
        at_edge = (z == 0) | (z == depth - 1) | (y == 0) | (y == height - 1) | (runs.start == 0) | (runs.stop == width)
        reaches = np.zeros(len(connected.voxels), np.bool_)
        reaches[connected.of_run[at_edge]] = True
        largest, outside = connected.largest(), reaches & (connected.label == 0)
        # The contacts of large components are never needed, and they have most of the surface.
        small = ~outside & (~largest | ~reaches)
        component, other, area = contacts(connected, volume.spacing, small)
        edge = np.flatnonzero(reaches & small)
        rows = np.append(component, edge), np.append(connected.label[other], 0 * edge), np.append(area, 0.0 * edge)
        return cls(connected.label, connected.voxels, largest, outside, _merged(*rows), connected)

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
        runs = self.connected.runs.take(np.isin(self.connected.of_run, components))
        z, y = runs.place()
        ends = [np.stack([z, y, x], axis=1) for x in (runs.start, runs.stop - 1)]
        found: Ints = np.concatenate(ends) + np.array([axis.start for axis in runs.region])
        return found

    def voxels_of(self, components: Ints) -> Ints:
        """Indices (z, y, x) in the image of all voxels of the given components, component by component."""
        of_run = self.connected.of_run[np.isin(self.connected.of_run, components)]
        runs = self.connected.runs.take(np.isin(self.connected.of_run, components))
        z, y = (np.repeat(index, runs.voxels) for index in runs.place())
        before = np.cumsum(runs.voxels) - runs.voxels
        x = np.arange(len(z)) - np.repeat(before - runs.start, runs.voxels)
        found: Ints = np.stack([z, y, x], axis=1) + np.array([axis.start for axis in runs.region])
        return found[np.argsort(np.repeat(of_run, runs.voxels), kind="stable")]

    def enclosed(self) -> Iterator[tuple[int, int]]:
        """Components that lie wholly inside of one label, with that label, and components of background in the heart,
        with the label that they share most surface with."""
        component, label, area = self.contact
        for one in np.unique(component).tolist():
            rows = slice(*np.searchsorted(component, [one, one + 1]))
            around = label[rows]
            if self.label[one] == 0 or (len(around) == 1 and around[0]):
                # Rounded, so that equal areas are equal regardless of the order of the sums.
                yield one, int(around[np.argmax(np.round(area[rows], 6))])


def _merged(component: Ints, label: Ints, area: NDArray[np.float64]) -> tuple[Ints, Ints, NDArray[np.float64]]:
    """One row for each pair of component and label, sorted."""
    width = int(label.max(initial=0)) + 1
    keys, row = np.unique(component * width + label, return_inverse=True)
    total = np.bincount(row, weights=area, minlength=len(keys)).astype(np.float64)
    return keys // width, keys % width, total
