"""Labels as the consecutive classes that a network is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import SimpleITK as sitk

from pycemrg_core.api import AugmentationError, image_from_array, voxel_array

Others = Literal["refuse", "background"]


def consecutive_classes(
    labels: sitk.Image, order: Sequence[int], others: Others = "refuse", ignored: int | None = None
) -> sitk.Image:
    """Turn the first label of ``order`` into class 1, the next into class 2, and so on; 0 stays 0.

    The classes do not depend on which labels an image has. The label ``ignored`` stays as it is, for a loss that leaves
    it out. Any other label is an error, or becomes 0 with ``others="background"``.
    """
    if len(set(order)) != len(order) or 0 in order or ignored in order:
        raise AugmentationError(
            f"consecutive_classes: the labels are {list(order)}; give each once, without 0 and the ignored"
        )
    if ignored is not None and 0 <= ignored <= len(order):
        raise AugmentationError(
            f"consecutive_classes: the ignored label {ignored} would be a class too; give one below 0 or above"
            f" {len(order)}"
        )
    array = voxel_array(labels)
    classes = {0: 0, **{label: number for number, label in enumerate(order, 1)}}
    if ignored is not None:
        classes[ignored] = ignored
    found = np.unique(array)
    unknown = [int(label) for label in found if int(label) not in classes]
    if unknown and others != "background":
        raise AugmentationError(
            f"consecutive_classes: no class for {', '.join(map(str, unknown))}; add them to the labels, or give others:"
            " background"
        )
    new = [classes.get(int(label), 0) for label in found]
    if new and max(new) > np.iinfo(array.dtype).max:
        raise AugmentationError(
            f"consecutive_classes: class {max(new)} does not fit into {array.dtype}; convert the labels"
        )
    return image_from_array(np.array(new, array.dtype)[np.searchsorted(found, array)], labels)
