"""An image that a function is given: an image that is there already, or the path of one, which is read."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Union

from pycemrg_core.images import image_files
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.images.named_volume import is_one_image, read_heart, read_labels
from pycemrg_core.plugins.catalogue import Catalogue, load_catalogue

if TYPE_CHECKING:
    import SimpleITK as sitk

AnyImage = Union["sitk.Image", LabelVolume, str, os.PathLike[str]]
"""What a function that takes an image accepts: an image of SimpleITK, a label volume, or the path of one."""


def image_given(image: AnyImage, catalogue: Catalogue | None = None) -> sitk.Image:
    """An image as one of SimpleITK. A path is read like ``read_image``, a 2-D image as one slice; what is no single
    image, such as a folder of masks, like ``read_labels`` with the readers of ``catalogue``.

    Notes on reading are warnings. Raises :class:`ImageError` for what cannot be read.
    """
    if isinstance(image, LabelVolume):
        return image_files.image_of(image)
    if not isinstance(image, (str, os.PathLike)):
        return image
    single = is_one_image(image)
    found, notes = image_files.read_image(image, flat=True) if single else read_labels(image, catalogue)
    _warn(notes)
    return found


def volume_given(image: AnyImage, catalogue: Catalogue | None = None) -> LabelVolume:
    """A label map as a label volume, which shares the memory of an image. A path is read like ``read_heart``, with the
    readers of ``catalogue``; its integers are used, and not the names in it.

    Notes on reading are warnings. Raises :class:`ImageError` for a path of what is no label map.
    """
    if isinstance(image, LabelVolume):
        return image
    if not isinstance(image, (str, os.PathLike)):
        return image_files.volume_of(image)
    read = read_heart(image, catalogue or load_catalogue(), named=True)
    _warn(read.notes)
    return read.volume


def _warn(notes: Iterable[str]) -> None:
    for note in notes:
        warnings.warn(note, stacklevel=4)
