"""How much memory a case needs, guessed from its header and watched while it runs."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import SimpleITK as sitk

# Measured by benchmarks/cohort.py, and rounded up.
BASE_BYTES = 256 * 2**20
"""What a worker holds whatever the image is: Python, Dask, SciPy, SimpleITK and the catalogue."""

COPIES, COPIES_FOR_REPORT = 12, 32
"""How many times the bytes of the image's voxels a case needs besides, without and with a report."""


def voxel_bytes(file: str) -> int:
    """The bytes of an image's voxels, from its header; of the file where the header cannot be read."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(file)
    try:
        reader.ReadImageInformation()
        width = int(sitk.Image([1] * reader.GetDimension(), reader.GetPixelID()).GetSizeOfPixelComponent())
    except RuntimeError:
        return os.path.getsize(file) if os.path.isfile(file) else 0
    return math.prod(map(int, reader.GetSize())) * width


def case_bytes(image_bytes: int, *, report: bool = False) -> int:
    """What a worker needs for a case whose voxels have that many bytes."""
    return BASE_BYTES + (COPIES_FOR_REPORT if report else COPIES) * image_bytes


@contextmanager
def peak_memory() -> Iterator[Callable[[], int]]:
    """Watch this process: a function that tells its highest resident memory within the block, in bytes."""
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
