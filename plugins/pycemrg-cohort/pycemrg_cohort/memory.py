"""The memory that a case needs: estimated from the image header, and measured while it runs."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import psutil

from pycemrg_cohort.cases import extension
from pycemrg_core.api import ImageError, read_geometry

# Measured with benchmarks/cohort.py, and rounded up.
BASE_BYTES = 256 * 2**20
"""The memory of a worker without a case: Python, SciPy, SimpleITK and the catalogue."""

COPIES, COPIES_FOR_OUTPUTS = 12, 32
"""The additional memory for a case, as a multiple of the bytes of its voxels: alone or with outputs of the core, and
with outputs of other plugins, which may make surfaces."""


def voxel_bytes(file: str) -> int:
    """The bytes of the voxels of an image, from its header; the size of the file if the header is unreadable.

    For a folder of masks, that of all images in it.
    """
    if os.path.isdir(file):
        return sum(voxel_bytes(one.path) for one in os.scandir(file) if extension(one.name))
    try:
        found = read_geometry(file)
    except ImageError:
        return os.path.getsize(file) if os.path.isfile(file) else 0
    return math.prod(found["size"]) * np.dtype(found["pixel_type"]).itemsize


def case_bytes(image_bytes: int, *, outputs: bool = False) -> int:
    """The memory that a worker needs for a case with this many bytes of voxels.

    ``outputs``: whether outputs of plugins other than the built-in ones are made.
    """
    return BASE_BYTES + (COPIES_FOR_OUTPUTS if outputs else COPIES) * image_bytes


@contextmanager
def peak_memory() -> Iterator[Callable[[], int]]:
    """Watch this process; yields a function that returns the highest resident memory within the block, in bytes."""
    process, highest, stop = psutil.Process(), [0], threading.Event()

    def watch() -> None:
        while True:
            highest[0] = max(highest[0], process.memory_info().rss)
            if stop.wait(0.005):
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield lambda: highest[0]
    finally:
        stop.set()
        watcher.join()
