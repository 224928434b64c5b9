"""The hearts that are measured: the real one at 0.5 mm, as it is and at the size of a fine CT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pycemrg_core.api import LabelVolume, read_volume

FINE = Path(__file__).resolve().parent / "data" / "rodero01_0.5mm.nrrd"
LABELS = range(1, 15)
LARGE = (300, 512, 512)  # (z, y, x)
LARGE_SPACING = (0.5, 0.4, 0.4)  # (z, y, x) in mm
MARGIN = 10  # voxels of background on all sides


def fine() -> LabelVolume:
    """The real heart at 0.5 mm, 264 x 297 x 320 voxels (z, y, x)."""
    return read_volume(FINE)[0]


def large() -> LabelVolume:
    """The same, resampled to the nearest voxel so that it nearly fills 300 x 512 x 512 voxels."""
    heart = fine().array
    inner = [size - 2 * MARGIN for size in LARGE]
    nearest = [np.arange(new) * old // new for new, old in zip(inner, heart.shape, strict=True)]
    return LabelVolume(np.pad(heart[np.ix_(*nearest)], MARGIN), LARGE_SPACING)


def with_islands(array: NDArray[np.uint8], count: int, largest: int, seed: int = 0) -> NDArray[np.uint8]:
    """The array with cubes of 1 to ``largest`` voxels along each side, of all labels in turn, anywhere."""
    array = array.copy()
    rng = np.random.default_rng(seed)
    sides = rng.integers(1, largest + 1, count)
    corners = [rng.integers(1, size - largest - 1, count) for size in array.shape]
    for number, (side, z, y, x) in enumerate(zip(sides.tolist(), *(at.tolist() for at in corners), strict=True)):
        array[z : z + side, y : y + side, x : x + side] = LABELS[number % len(LABELS)]
    return array
