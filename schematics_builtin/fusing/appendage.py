"""What is narrow of an atrium: its veins and appendage; and thin rests of one structure on another."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pycemrg_core.api import Edit, LabelVolume, Mask, dilate, expand, is_empty, shift

THIN_MM = 2.0
"""Half the thickness of what of the atrium is a rest round the appendage, and how far from it that is looked for."""


def without_narrow(volume: LabelVolume, atrium: int, radius_mm: float) -> tuple[LabelVolume, int]:
    """The volume where what a ball cannot enter of an atrium has a label of its own, and this label."""
    veins = max(volume.boxes) + 1
    region = expand(volume.region(atrium), 1, volume.array.shape)
    mask = volume.mask(atrium, region)
    array = volume.array.astype(np.promote_types(volume.array.dtype, np.min_scalar_type(veins)))
    array[region][mask & ~_opened(mask, volume.spacing, radius_mm)] = veins
    return volume.with_array(array), veins


def without_shell(volume: LabelVolume, appendage: int, atrium: int) -> Iterator[Edit]:
    """Give what is thin of the atrium, and lies beside the appendage, to the appendage.

    Thin is where no ball of 2 mm fits into the atrium.
    """
    region = volume.region(appendage, 3 * THIN_MM)
    if is_empty(region):
        return
    own = volume.mask(atrium, region)
    near = volume.within(appendage, THIN_MM, near=region)
    thin = own & ~_opened(own, volume.spacing, THIN_MM)
    given = near.mask & thin[shift(near.region, region)]
    yield Edit(near.region, _beside(given, volume.mask(appendage, near.region)), appendage)


def _beside(given: Mask, mask: Mask) -> Mask:
    """What of some voxels is connected to a mask by faces, so that it becomes no loose piece of it."""
    from scipy import ndimage

    number = ndimage.label(given | mask)[0]
    found: Mask = given & np.isin(number, np.unique(number[mask]))
    return found


def without_skirt(volume: LabelVolume, vein: int, atrium: int) -> Iterator[Edit]:
    """Give what is thin of a vein, and lies on the atrium, to the atrium.

    Thin is where no ball of 2 mm fits into the vein: a skirt that two sources leave where their borders differ.
    """
    region = expand(volume.region(vein), 1, volume.array.shape)
    own = volume.mask(vein, region)
    thin = own & ~_opened(own, volume.spacing, THIN_MM)
    near = volume.within(atrium, THIN_MM, near=region)
    yield Edit(near.region, near.mask & thin[shift(near.region, region)], atrium)


def _opened(mask: Mask, spacing: tuple[float, float, float], radius_mm: float) -> Mask:
    """What balls of a radius cover that fit into a mask."""
    return dilate(~dilate(~mask, spacing, radius_mm), spacing, radius_mm)
