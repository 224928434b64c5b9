"""A folder of masks, one file for each structure and named like it, as TotalSegmentator writes it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from pycemrg_core.api import ImageError, Layer, Segment, Segmentation, name_of, read_mask
from schematics_builtin.readers.images import is_image, stem

_MOST = 5000  # files of a folder


def recognises(path: Path) -> bool:
    """Whether it is a folder with image files."""
    return path.is_dir() and any(map(_is_mask, path.iterdir()))


def read(path: Path) -> Segmentation:
    """One layer for each file, whose name is the name of its structure; a mask may be empty."""
    files = sorted(filter(_is_mask, path.iterdir()))
    if len(files) > _MOST:
        raise ImageError(f"{name_of(path)}: holds {len(files):,} images; give a folder with the masks of one heart")
    return Segmentation(layers=tuple(map(_layer, files)))


def _is_mask(file: Path) -> bool:
    return not file.name.startswith(".") and bool(stem(file)) and is_image(file) and file.is_file()


def _layer(file: Path) -> Layer:
    name = stem(file)
    segment = Segment(value=1, name=name if name.isprintable() else name_of(name))
    return Layer(segments=(segment,), load=partial(read_mask, file), files=(file,))
