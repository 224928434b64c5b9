"""The connected pieces of all labels and of the background, and what each of them touches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.images.run_lengths import Bools, Ints, Parts, contacts, find_parts, scan


@frozen(eq=False)
class Pieces:
    """Face-connected pieces; the arrays have one entry per piece, but those of ``contact``.

    ``label`` may be 0. ``outside`` are pieces of background that reach the edge of the box round all labels, and
    so lie outside of the heart. ``contact`` holds a piece, a label it touches (0 outside of the box) and the area
    of the faces in mm2, one row for each such pair. ``parts`` are the runs, to find the voxels.
    """

    label: Ints
    voxels: Ints
    largest: Bools
    outside: Bools
    contact: tuple[Ints, Ints, NDArray[np.float64]]
    parts: Parts

    @classmethod
    def of(cls, volume: LabelVolume) -> Pieces:
        """Read a label map."""
        parts = find_parts(scan(volume, volume.boxes), 6)
        runs = parts.runs
        depth, height, width = runs.shape
        z, y = runs.place()
        at_edge = (z == 0) | (z == depth - 1) | (y == 0) | (y == height - 1) | (runs.start == 0) | (runs.stop == width)
        reaches = np.zeros(len(parts.voxels), np.bool_)
        reaches[parts.of_run[at_edge]] = True
        largest, outside = parts.largest(), reaches & (parts.label == 0)
        # Large pieces are never asked what they touch, and have most of the surface.
        small = ~outside & (~largest | ~reaches)
        piece, other, area = contacts(parts, volume.spacing, small)
        edge = np.flatnonzero(reaches & small)
        rows = np.append(piece, edge), np.append(parts.label[other], 0 * edge), np.append(area, 0.0 * edge)
        return cls(parts.label, parts.voxels, largest, outside, _merged(*rows), parts)

    def places(self, pieces: Ints) -> Ints:
        """Indices (z, y, x) in the image of the first and last voxels of the runs of some pieces."""
        runs = self.parts.runs.take(np.isin(self.parts.of_run, pieces))
        z, y = runs.place()
        ends = [np.stack([z, y, x], axis=1) for x in (runs.start, runs.stop - 1)]
        found: Ints = np.concatenate(ends) + np.array([axis.start for axis in runs.region])
        return found

    def voxels_of(self, pieces: Ints) -> Ints:
        """Indices (z, y, x) in the image of all voxels of some pieces, piece by piece."""
        of_run = self.parts.of_run[np.isin(self.parts.of_run, pieces)]
        runs = self.parts.runs.take(np.isin(self.parts.of_run, pieces))
        z, y = (np.repeat(index, runs.voxels) for index in runs.place())
        before = np.cumsum(runs.voxels) - runs.voxels
        x = np.arange(len(z)) - np.repeat(before - runs.start, runs.voxels)
        found: Ints = np.stack([z, y, x], axis=1) + np.array([axis.start for axis in runs.region])
        return found[np.argsort(np.repeat(of_run, runs.voxels), kind="stable")]

    def enclosed(self) -> Iterator[tuple[int, int]]:
        """Pieces that lie wholly inside of one label, with that label, and pieces of background in the heart,
        with the label that they share most surface with."""
        piece, label, area = self.contact
        for one in np.unique(piece).tolist():
            rows = slice(*np.searchsorted(piece, [one, one + 1]))
            around = label[rows]
            if self.label[one] == 0 or (len(around) == 1 and around[0]):
                # Rounded, so that equal areas tie whatever order they were added up in.
                yield one, int(around[np.argmax(np.round(area[rows], 6))])


def _merged(piece: Ints, label: Ints, area: NDArray[np.float64]) -> tuple[Ints, Ints, NDArray[np.float64]]:
    """One row for each pair of piece and label, sorted."""
    keys, row = np.unique(np.stack([piece, label], axis=1).reshape(-1, 2), axis=0, return_inverse=True)
    total = np.bincount(row.ravel(), weights=area, minlength=len(keys)).astype(np.float64)
    return keys[:, 0], keys[:, 1], total
