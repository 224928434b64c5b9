"""What names the labels of a heart: the names in it, or else the run whose ``run.json`` lies beside it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.images.named_volume import names_within, read_slice
from pycemrg_core.images.sources import read_segmentation, split_scheme
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.runs.run_folder import RECORD


def read_heart_names(source: str | os.PathLike[str], catalogue: Catalogue) -> Mapping[str, int]:
    """The names of :func:`heart_names`."""
    return heart_names(source, catalogue)[0]


def heart_names(
    source: str | os.PathLike[str], catalogue: Catalogue, volume: LabelVolume | None = None
) -> tuple[Mapping[str, int], tuple[str, ...]]:
    """The integers by name of the labels of a source, empty if nothing names them, and notes for the user.

    They are the ``labels`` of :func:`~pycemrg_core.images.named_volume.read_heart`, without the voxels of one image. If
    there are none, and a ``run.json`` lies beside an image, they are those of its run, if it knew all labels of the
    image: of ``volume``, or else of the file. Raises :class:`ImageError`.
    """
    if found := names_within(source, catalogue):
        return found, ()
    return names_beside(source, catalogue, volume)


def names_beside(
    source: str | os.PathLike[str], catalogue: Catalogue, volume: LabelVolume | None = None
) -> tuple[Mapping[str, int], tuple[str, ...]]:
    """The names that the run beside an image gives to its labels, and notes: :func:`heart_names` of one without names.

    There are none where the user names a label scheme, as in ``FILE@SCHEME``.
    """
    path, scheme = split_scheme(source)
    if scheme or path.is_dir() or not (path.parent / RECORD).is_file():
        return {}, ()
    from pycemrg_core.runs.replay import OTHERS, SavedRun  # most images have no record beside them

    if volume is None:
        flat = read_slice(path)
        volume = flat.volume if flat else read_segmentation(path, catalogue).layers[0].volume
    blueprint, said = SavedRun.blueprint_beside(path, volume, catalogue)
    if blueprint is None:
        return {}, (said,)
    # A result that was changed still has most of what the run made; another heart has not, whatever its integers.
    if said.endswith(OTHERS) and 2 * len(volume.boxes.keys() & set(blueprint.made)) <= len(blueprint.made):
        return {}, (f"{RECORD} beside it is not used, the image has few of the labels that its run made",)
    # Where two integers have one name, it is that of the label in the image.
    ordered = sorted(blueprint.names.items(), key=lambda one: one[0] in volume.boxes)
    return {name: value for value, name in ordered}, (f"{RECORD} beside it names the labels: recipe {said}",)
