"""The step kind ``cylinder``: a straight stump of a vessel, from a point along an axis."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_core.api import (
    ApplicationStep,
    Edit,
    Label,
    LabelVolume,
    Mode,
    Note,
    StepError,
    application_steps,
    as_region,
    number,
    slack,
    writable,
    writes,
)

_ADD = (ApplicationStep(Mode.ADD),)


@frozen(kw_only=True)
class CylinderContract:
    """``cylinder``: voxels whose centre is in a cylinder become ``target``.

    The cylinder begins at the point ``x``, ``y``, ``z`` on its axis, in mm in the frame of the image, and extends for
    ``length_mm`` along ``axis_x``, ``axis_y``, ``axis_z``, which need not be a unit vector.
    """

    target: Label = writes("TARGET_LABEL_NAME")
    x: float = number("POINT_X_PARAMETER_NAME", unit="mm")
    y: float = number("POINT_Y_PARAMETER_NAME", unit="mm")
    z: float = number("POINT_Z_PARAMETER_NAME", unit="mm")
    axis_x: float = number("AXIS_X_PARAMETER_NAME", unit="")
    axis_y: float = number("AXIS_Y_PARAMETER_NAME", unit="")
    axis_z: float = number("AXIS_Z_PARAMETER_NAME", unit="")
    radius_mm: float = number("RADIUS_PARAMETER_NAME", unit="mm", minimum=0.0)
    length_mm: float = number("LENGTH_PARAMETER_NAME", unit="mm", minimum=0.0)
    application: tuple[ApplicationStep, ...] = application_steps("APPLICATION_STEPS")


def cylinder(volume: LabelVolume, contract: CylinderContract) -> Iterable[Edit | Note]:
    """Write a label into a cylinder."""
    axis = np.array([contract.axis_x, contract.axis_y, contract.axis_z])
    if not np.linalg.norm(axis) > 0:
        raise StepError("the axis is 0, 0, 0; give a direction, such as 0, 0, 1 for upwards")
    # From here on in (z, y, x) along the axes of the image, mm from its first voxel.
    cosines = volume.orientation.cosines
    along = (axis / np.linalg.norm(axis) @ cosines)[::-1]
    base = ((np.array([contract.x, contract.y, contract.z]) - volume.origin) @ cosines)[::-1]
    spacing = np.array(volume.spacing)
    # A disc across the axis reaches as far along each image axis as the sine of their angle.
    disc = contract.radius_mm * np.sqrt(np.clip(1 - along**2, 0, 1))
    ends = np.stack([base, base + contract.length_mm * along])
    low, high = (ends.min(axis=0) - disc) / spacing, (ends.max(axis=0) + disc) / spacing
    last = np.array(volume.array.shape) - 1
    if (low < -0.5).any() or (high > last + 0.5).any():
        yield Note(f"the cylinder of {contract.target.name} reaches beyond the image; what lies there is cut off")
    first = np.clip(np.ceil(low - 1), 0, last + 1).astype(int)
    stop = np.clip(np.floor(high + 1), -1, last).astype(int) + 1
    if (stop <= first).any():
        return
    region = as_region(slice(int(start), int(end)) for start, end in zip(first, stop, strict=True))
    mask = _inside(region, spacing, base, along, contract, slack(volume.spacing))
    allowed = writable(volume.array[region], contract.application or _ADD)
    yield Edit(region, mask & allowed, contract.target.value)


def _inside(
    region: tuple[slice, slice, slice],
    spacing: NDArray[np.float64],
    base: NDArray[np.float64],
    along: NDArray[np.float64],
    contract: CylinderContract,
    tie: float,
) -> NDArray[np.bool_]:
    """Which voxel centres of a box are in the cylinder; all vectors are (z, y, x) in mm from the first voxel."""
    axes = [np.arange(axis.start, axis.stop) * size for axis, size in zip(region, spacing, strict=True)]
    offsets = np.ix_(*(places - start for places, start in zip(axes, base, strict=True)))
    height = sum(offset * part for offset, part in zip(offsets, along, strict=True))
    square = sum(offset**2 for offset in offsets)
    across = np.sqrt(np.maximum(square - height**2, 0))
    inside: NDArray[np.bool_] = (
        (height >= -tie) & (height <= contract.length_mm + tie) & (across <= contract.radius_mm + tie)
    )
    return inside
