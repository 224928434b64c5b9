"""The voxels of a heart as a page carries them, for slices that scroll.

Voxels are places in the list of labels, compressed with gzip, which browsers unpack by themselves. Those before are
what must be added to those after, modulo the size of the number: mostly zeros, which take no space.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_core.api import LabelArray, Region
from pycemrg_report import pictures
from pycemrg_report.run import Run

_GZIP = 16 + zlib.MAX_WBITS
_TABLE = 2**16

Places = NDArray[np.unsignedinteger]


@frozen(eq=False)
class Stack:
    """``about`` is JSON: sizes, geometry, names and colours. ``after`` and ``change`` are data URIs; ``change`` can be
    empty. ``box`` is the part of the image that is shown."""

    box: Region
    about: str
    after: str
    change: str

    def place(self, voxel: Sequence[int]) -> tuple[int, int, int]:
        """The voxel (z, y, x) of the image as (x, y, z) in the stack; what is outside is moved to its border."""
        z, y, x = (
            min(max(at - side.start, 0), side.stop - side.start - 1) for at, side in zip(voxel, self.box, strict=True)
        )
        return x, y, z


def stack_of(run: Run, box: Region) -> Stack:
    """The stack of a run within a box."""
    labels = [0, *run.names]
    kind = np.dtype("u1" if len(labels) <= 256 else "<u2")
    after = _places(run.volume.array[box], labels, kind)
    change = None if run.before is None else _places(run.before.array[box], labels, kind) - after
    return Stack(box, json.dumps(_about(run, box, labels, kind)), _uri(after), "" if change is None else _uri(change))


def _about(run: Run, box: Region, labels: Sequence[int], kind: np.dtype[Any]) -> dict[str, object]:
    image = run.image
    start = [side.start for side in box[::-1]]
    corner = image.TransformIndexToPhysicalPoint(start)
    own = run.stored.orientation.cosines
    in_file = np.rint(np.linalg.solve(own, np.subtract(corner, run.stored.origin)) / run.stored.spacing[::-1])
    along = np.rint(own.T @ np.reshape(image.GetDirection(), (3, 3)))
    return {
        "size": [side.stop - side.start for side in box[::-1]],
        "spacing": list(image.GetSpacing()),
        "corner": list(corner),
        "direction": list(image.GetDirection()),
        "file": {"corner": in_file.astype(int).tolist(), "axes": along.astype(int).tolist()},
        "bytes": kind.itemsize,
        "names": ["background", *(run.names[label].removesuffix("_label") for label in labels[1:])],
        "colours": [pictures.hexadecimal(run.colours[label]) for label in labels[1:]],
        "removed": pictures.hexadecimal(pictures.REMOVED),
        "unchanged": pictures.hexadecimal(pictures.GREY),
    }


def _places(array: LabelArray, labels: Sequence[int], kind: np.dtype[Any]) -> Places:
    """The place of each voxel's label in ``labels``, which are in order."""
    if max(labels) >= _TABLE:
        return np.searchsorted(labels, array).astype(kind)
    table = np.zeros(max(labels) + 1, kind)
    table[labels] = np.arange(len(labels))
    return table[array]


def _uri(voxels: Places) -> str:
    packer = zlib.compressobj(4, zlib.DEFLATED, _GZIP)
    packed = packer.compress(np.ascontiguousarray(voxels).data) + packer.flush()
    return f"data:application/gzip;base64,{base64.b64encode(packed).decode()}"
