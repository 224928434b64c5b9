"""Rows of ``all.py``: what other libraries do too, on the real heart at 0.5 mm.

``cc3d``, ``fastremap`` and ``edt`` are under the LGPL, scipy under the BSD licence.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hearts import LABELS, fine
from measuring import Measured, Row, ratio
from numpy.typing import NDArray

from pycemrg_core.api import LabelVolume, components

Array = NDArray[Any]


def counted(array: Array, spacing: tuple[float, float, float]) -> list[int]:
    """The number of components of each label, without cached results."""
    volume = LabelVolume(array, spacing)
    return [len(components(volume, label)) for label in LABELS]


def by_scipy(array: Array) -> list[int]:
    """The same, each label in its box."""
    from scipy import ndimage

    boxes = ndimage.find_objects(array)
    return [ndimage.label(array[box] == label)[1] for label, box in enumerate(boxes, 1)]


def by_cc3d(array: Array) -> list[int]:
    """The same, from one image of the components of all labels."""
    import cc3d

    of_voxel, count = cc3d.connected_components(array, connectivity=6, return_N=True)
    label = np.zeros(count + 1, array.dtype)
    label[of_voxel.ravel()] = array.ravel()
    return np.bincount(label[1:], minlength=len(LABELS) + 1)[1:].tolist()


def against_scipy(turns: int) -> Measured:
    heart = fine()
    same = counted(heart.array, heart.spacing) == by_scipy(heart.array)
    return ratio(lambda: counted(heart.array, heart.spacing), lambda: by_scipy(heart.array), turns, same=same)


def against_cc3d(turns: int) -> Measured:
    heart = fine()
    array = heart.array.copy()  # cc3d refuses an array that it cannot write to
    same = counted(array, heart.spacing) == by_cc3d(array)
    return ratio(lambda: counted(array, heart.spacing), lambda: by_cc3d(array), turns, same=same)


def remapping(turns: int) -> Measured:
    """Every label gets another integer; ours also counts the voxels of each, for its report."""
    import fastremap

    from pycemrg_core.images.remap import LabelRemapper, remap_volume

    heart = fine()
    mapping = {label: label + 100 for label in LABELS}
    remapper = LabelRemapper(mapping)

    def theirs() -> Array:
        found: Array = fastremap.remap(heart.array, {0: 0, **mapping}, in_place=False)
        return found

    same = bool((remap_volume(heart, remapper).array == theirs()).all())
    return ratio(lambda: remap_volume(LabelVolume(heart.array, heart.spacing), remapper), theirs, turns, same=same)


def transform(turns: int) -> Measured:
    """What a wall of 2 mm needs, against the distance of every voxel."""
    import edt

    heart = fine()
    background = np.ascontiguousarray(heart.array != 1)

    def theirs() -> Array:
        found: Array = (edt.edt(background, anisotropy=heart.spacing, parallel=1) <= 2.0005) & background
        return found

    zone = heart.shell(1, 2.0)
    wall = np.zeros(heart.array.shape, bool)
    wall[zone.region] = zone.mask
    same = bool((wall == theirs()).all())
    return ratio(lambda: LabelVolume(heart.array, heart.spacing).shell(1, 2.0), theirs, turns, same=same)


ROWS = (
    Row(
        name="components_scipy",
        what="components of 14 labels, real heart 0.5 mm",
        against="scipy.ndimage.label (BSD), each in its box",
        measure=against_scipy,
        budget=1,
        unit="x",
    ),
    Row(
        name="components_cc3d",
        what="components of 14 labels, real heart 0.5 mm",
        against="cc3d (LGPL)",
        measure=against_cc3d,
        budget=1.5,
        aim=1,
        unit="x",
    ),
    Row(
        name="remap_fastremap",
        what="14 labels get other integers, real heart 0.5 mm",
        against="fastremap.remap (LGPL)",
        measure=remapping,
        unit="x",
    ),
    Row(
        name="shell_edt",
        what="voxels within 2 mm of a ventricle, real heart 0.5 mm",
        against="edt (LGPL) of the image",
        measure=transform,
        budget=0.25,
        unit="x",
    ),
)
