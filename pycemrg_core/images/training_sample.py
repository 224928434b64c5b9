"""The input and output of an augmentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    import SimpleITK as sitk

Drawn = Mapping[str, Any]
"""The values that one augmentation drew from its generator, as data for JSON."""


@frozen(eq=False, kw_only=True)
class Sample:
    """An image, its label map, or both on the same grid.

    ``image`` is float32 in [0, 1], ``labels`` a label map. An augmentation that moves voxels moves both.
    """

    image: sitk.Image | None = None
    labels: sitk.Image | None = None
