"""Image files: which they are by their names, and the layer of one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from pycemrg_core.api import ImageError, LabelError, Layer, Segment, name_of, read_volume

IMAGES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".inr", ".vtk", ".gipl")
"""The endings of image files that the core reads; the longest first."""


def is_image(path: Path) -> bool:
    """Whether a file has the name of an image."""
    return path.name.lower().endswith(IMAGES)


def stem(path: Path) -> str:
    """The name of an image file without its ending: ``heart`` of ``heart.seg.nrrd``."""
    name = path.name
    ending = next((ending for ending in (".seg.nrrd", *IMAGES) if name.lower().endswith(ending)), "")
    return name[: len(name) - len(ending)]


def image_layer(path: Path, segments: Iterable[Segment]) -> Layer:
    """The label map of an image file with these names. Raises :class:`ImageError` for two names of one integer."""
    try:
        return Layer(segments=tuple(segments), load=partial(read_volume, path), files=(path,))
    except LabelError as error:
        raise ImageError(f"{name_of(path)}: {error}, or {by_scheme(path)}") from error


def by_scheme(path: Path) -> str:
    """What to do where the names in or beside an image cannot be used; every command takes it."""
    return f"name the label scheme, as in {name_of(path)}@cemrg"
