"""The heart's own frame: which way is left, back and up, whatever the header says.

Three directions are found in every heart: from the base to the apex, from the right to the left heart, and from the
centre to the great vessels. A rotation turns them into those of a mean heart, the mean of seven hearts of the cohort of
Rodero et al. 2021 (doi 10.1371/journal.pcbi.1008851), which lie as a patient does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_core.api import Doubt, LabelVolume

Point = NDArray[np.float64]
Points = NDArray[np.float64]

# Rows: base to apex, right to left, centre to great vessels; columns: to the patient's left, back and head.
_MEAN = np.array([(0.684, -0.527, -0.504), (0.697, 0.674, 0.244), (0.071, -0.329, 0.942)])

MIRRORED = "situs-inversus"
"""The doubt about a mirrored heart."""
_TURNED = 60.0  # degrees; a patient's heart lies turned by 5 to 13 in seven hearts
_SURE = 0.4  # the least determinant that shows a side

CHAMBERS = ("LV_BP_label", "RV_BP_label", "LA_BP_label", "RA_BP_label")
VESSELS = ("Ao_BP_label", "PArt_BP_label")


@frozen(eq=False)
class HeartFrame:
    """``rotation`` (3, 3) turns vectors (x, y, z) of the image's frame into left, back and up of the heart's own.

    ``handedness`` is the determinant of the three directions, positive in a heart that is not mirrored. ``turned`` is
    the angle of the rotation in degrees: how far the heart lies turned in the frame of its image.
    """

    rotation: NDArray[np.float64]
    handedness: float
    turned: float

    def own(self, vectors: Points) -> Points:
        """Vectors (n, 3), (x, y, z) in the image's frame, as (left, back, up) in the heart's own."""
        found: Points = np.asarray(vectors) @ self.rotation.T
        return found


def heart_frame(centres: Mapping[str, Point]) -> HeartFrame | None:
    """The frame from the centroids in mm of chambers and great vessels; None when they do not show it."""
    vessels = [centres[name] for name in VESSELS if name in centres]
    if not vessels or not all(name in centres for name in CHAMBERS):
        return None
    lv, rv, la, ra = (centres[name] for name in CHAMBERS)
    axes = np.array([lv + rv - la - ra, lv + la - rv - ra, np.mean(vessels, axis=0) - (lv + rv + la + ra) / 4])
    lengths = np.linalg.norm(axes, axis=1)
    if not lengths.min() > 0:
        return None
    axes /= lengths[:, None]
    # Kabsch: the rotation with the least squared difference.
    left, _, right = np.linalg.svd(axes.T @ _MEAN)
    flip = np.sign(np.linalg.det(right.T @ left.T))
    rotation = right.T @ np.diag([1.0, 1.0, flip]) @ left.T
    turned = float(np.degrees(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))))
    return HeartFrame(rotation, float(np.linalg.det(axes)), turned)


def frame_doubts(frame: HeartFrame) -> Iterable[Doubt]:
    """A mirrored heart, or one that lies in its image as no patient does."""
    if frame.handedness < _SURE:
        yield Doubt(
            MIRRORED,
            f"the heart is mirrored (handedness {-frame.handedness:+.2f}, of a heart -0.80 to -0.98); correct the"
            " direction in the header",
        )
    elif frame.turned > _TURNED:
        yield Doubt(
            "image-direction",
            f"the heart lies turned by {frame.turned:.0f} degrees from where a patient's heart lies; correct the"
            " direction in the header",
        )


def centres(volume: LabelVolume, values: Mapping[str, int]) -> dict[str, Any]:
    """The centroids in mm of chambers and great vessels."""
    found = {}
    for name in (*CHAMBERS, *VESSELS):
        if values.get(name) in volume.boxes:
            region = volume.region(values[name])
            mask = volume.mask(values[name], region)
            index = [
                float(np.average(np.arange(size), weights=mask.sum(axis=tuple({0, 1, 2} - {axis}))))
                + region[axis].start
                for axis, size in enumerate(mask.shape)
            ]
            found[name] = volume.points_mm(np.array([index]))[0]
    return found
