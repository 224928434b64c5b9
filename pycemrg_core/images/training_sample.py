"""The input and output of an augmentation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen
from attrs.converters import optional

from pycemrg_core.images.given import AnyImage, image_given

if TYPE_CHECKING:
    import SimpleITK as sitk

Drawn = Mapping[str, Any]
"""The values that one augmentation drew from its generator, as data for JSON."""


def _all(images: Mapping[str, AnyImage]) -> Mapping[str, sitk.Image]:
    return {name: image_given(image) for name, image in images.items()}


@frozen(eq=False, kw_only=True)
class Sample:
    """An image, its label map, or both on the same grid.

    ``image`` is usually float32 in [0, 1], and ``labels`` a label map. ``more_images`` and ``more_labels`` hold further
    ones on the same grid, by name: other channels, other modalities, a second segmentation. A path is read. An
    augmentation treats all images alike, and moves all voxels that it moves in all of them. :meth:`changed` does that.
    """

    image: sitk.Image | None = field(default=None, converter=optional(image_given))
    labels: sitk.Image | None = field(default=None, converter=optional(image_given))
    more_images: Mapping[str, sitk.Image] = field(factory=dict, converter=_all)
    more_labels: Mapping[str, sitk.Image] = field(factory=dict, converter=_all)

    def changed(
        self,
        images: Callable[[sitk.Image], sitk.Image] | None = None,
        labels: Callable[[sitk.Image], sitk.Image] | None = None,
    ) -> Sample:
        """The sample with a function applied to each image, the first one first, and another one to each label map."""
        made = self
        if images is not None:
            first = None if self.image is None else images(self.image)
            more = {name: images(image) for name, image in self.more_images.items()}
            made = evolve(made, image=first, more_images=more)
        if labels is not None:
            first = None if self.labels is None else labels(self.labels)
            more = {name: labels(image) for name, image in self.more_labels.items()}
            made = evolve(made, labels=first, more_labels=more)
        return made
