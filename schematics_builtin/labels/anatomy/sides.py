"""Left and right, upper and lower: whether a heart is mirrored, and whether its veins are in their places.

Measured in the heart's own frame, from the centroids of its lumens: from base to apex, from the left to the right
heart, and from its centre to the great vessels. The determinant of these unit vectors does not depend on how the
heart lies in the image: it is -0.93 to -0.98 in seven hearts of the cohort of Rodero et al. 2021 (doi
10.1371/journal.pcbi.1008851), and the opposite in a mirrored one. Along these axes, right veins lie 31 to 51 mm to the
right of the left ones, upper veins 18 to 31 mm above the lower ones, and the superior vena cava 65 to 85 mm above the
inferior one, with the middle of the right atrium between them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pycemrg_core.api import LabelVolume

Point = NDArray[np.float64]

MIRRORED = "situs-inversus"
"""The doubt about a mirrored heart."""
VEIN_ORDER = "vein-order"
"""The doubt about veins that are exchanged."""

SURE = 0.4
"""The least determinant that shows a side."""
SLACK_MM = 5.0
"""How far a vein may lie on the wrong side of another."""

_CHAMBERS = ("LV_BP_label", "RV_BP_label", "LA_BP_label", "RA_BP_label")
_VESSELS = ("Ao_BP_label", "PArt_BP_label")
# A mesh has no blood: then the wall of a chamber or vessel, and the plane or ring of a vein, is in its place.
_INSTEAD = {"BP": ("myo", "wall"), "": ("plane", "ring")}
_LEFT, _RIGHT = ("LPV1_label", "LPV2_label"), ("RPV1_label", "RPV2_label")
_CAVAE = ("SVC_label", "IVC_label")
VEINS = frozenset((*_LEFT, *_RIGHT, *_CAVAE, "LAA_label"))
_SIDES = tuple(product(_LEFT, _RIGHT))
# Upper and lower; where one vena cava is missing, the right atrium shows which one the other is.
_HEIGHTS = (
    *(("LPV1_label", "LPV2_label"), ("RPV1_label", "RPV2_label"), _CAVAE),
    *(("SVC_label", "RA_BP_label"), ("RA_BP_label", "IVC_label")),
)


class Frame(NamedTuple):
    """The heart's own axes as unit vectors in the image's frame (x, y, z): to its right side, and to its great vessels.

    ``handedness`` is the determinant of base to apex, left to right, and centre to great vessels.
    """

    right: Point
    up: Point
    handedness: float


def stand_ins(labels: Mapping[str, int], there: Collection[int]) -> dict[str, int]:
    """The labels in the image that show where chambers, great vessels and veins are: lumens, or what surrounds them."""
    found = {}
    for name in (*_CHAMBERS, *_VESSELS, *_LEFT, *_RIGHT, *_CAVAE):
        stem, _, kind = name.removesuffix("_label").partition("_")
        tried = (name, *(f"{stem}_{other}_label" for other in _INSTEAD[kind]))
        label = next((labels[one] for one in tried if labels.get(one) in there), None)
        if label is not None:
            found[name] = label
    return found


def centroids(volume: LabelVolume, labels: Mapping[str, int]) -> dict[str, Point]:
    """The centroids of ``labels`` in mm, (x, y, z) in the image's frame."""
    direction = np.reshape(volume.direction, (3, 3))
    found = {}
    for name, label in labels.items():
        region = volume.region(label)
        mask = volume.mask(label, region)
        flat = mask.sum(axis=0, dtype=np.uint32)  # the fastest way: the sums along y and x are of far fewer numbers
        counts = [np.count_nonzero(plane) for plane in mask], flat.sum(axis=1), flat.sum(axis=0)
        index = [
            float(np.average(np.arange(len(count)), weights=count)) + axis.start
            for axis, count in zip(region, counts, strict=True)
        ]
        found[name] = direction @ (np.array(index) * volume.spacing)[::-1]
    return found


def frame_of(places: Mapping[str, Point]) -> Frame | None:
    """The heart's own frame, or None when a chamber or both great vessels are missing, or they do not span it."""
    vessels = [places[name] for name in _VESSELS if name in places]
    if not vessels or not all(name in places for name in _CHAMBERS):
        return None
    lv, rv, la, ra = (places[name] for name in _CHAMBERS)
    axes = [lv + rv - la - ra, rv + ra - lv - la, np.mean(vessels, axis=0) - (lv + rv + la + ra) / 4]
    lengths = [float(np.linalg.norm(axis)) for axis in axes]
    if not min(lengths) > 0:
        return None
    apex, right, up = (axis / length for axis, length in zip(axes, lengths, strict=True))
    return Frame(right=right, up=up, handedness=float(np.linalg.det([apex, right, up])))


def wrong_sides(volume: LabelVolume, labels: Mapping[str, int]) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """What is on the wrong side: the name of the doubt, what is wrong, and the labels concerned.

    ``labels`` are integers by structure name. Says nothing about a heart without all four chambers and a great vessel.
    """
    labels = stand_ins(labels, volume.boxes)
    places = centroids(volume, labels)
    frame = frame_of(places)
    if frame is None:
        return
    if frame.handedness > SURE:
        yield (
            MIRRORED,
            f"the heart is mirrored: its left and right side are exchanged (handedness {frame.handedness:+.2f}, of a"
            " heart -0.80 to -0.98); correct the direction in the header, or the labels of left and right",
            tuple(labels[name] for name in _CHAMBERS),
        )
    for pairs, axis, side in ((_SIDES, frame.right, "to the right of"), (_HEIGHTS, -frame.up, "below")):
        wrong = [
            (first, second, float((places[first] - places[second]) @ axis))
            for first, second in pairs
            if first in places and second in places
        ]
        wrong = [one for one in wrong if one[2] > SLACK_MM]
        if wrong:
            first, second, mm = max(wrong, key=lambda one: one[2])
            yield (
                VEIN_ORDER,
                f"{first.removesuffix('_label')} ({labels[first]}) lies {mm:.0f} mm {side}"
                f" {second.removesuffix('_label')} ({labels[second]}) in the heart's own frame; correct the labels of"
                " the veins, or of the chambers",
                tuple(dict.fromkeys(labels[name] for one in wrong for name in one[:2])),
            )
