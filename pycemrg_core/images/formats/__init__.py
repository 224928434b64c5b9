"""Readers of image files that account for every byte, without SimpleITK; ``image_files`` makes images from them.

The whole header is read and validated before any voxel: numbers are whole, positive, bounded and as many as the
dimension says, repeated information agrees, and the data has exactly the length in the header.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import numpy.typing as npt
from attrs import evolve

from pycemrg_core.errors import ImageError
from pycemrg_core.images.formats import files, voxels
from pycemrg_core.images.formats.header import FormatError, Header, by, not_an_image, require_volume

READERS = {
    ".nrrd": ("NRRD", "nrrd"),
    ".nhdr": ("NRRD", "nrrd"),
    ".nii": ("NIfTI", "nifti"),
    ".nii.gz": ("NIfTI", "nifti"),
    ".mha": ("MetaImage", "metaimage"),
    ".mhd": ("MetaImage", "metaimage"),
    ".inr": ("INRIA", "inria"),
    ".vtk": ("legacy VTK", "vtk"),
    ".gipl": ("GIPL", "gipl"),
}
"""What an extension says, and the module here whose ``read_header`` reads it, imported when there is such a file."""
Given = TypeVar("Given")
Read = TypeVar("Read")
_HALVES = {".hdr": "header", ".img": "voxels"}


def read_header(path: str | os.PathLike[str], flat: bool = False) -> Header:
    """Read and check the header of an image; notes and errors begin with the file's name.

    A 2-D image is refused unless ``flat``: then its header is that of one slice of 1 mm, and a note says so.

    Raises ``ImageError``, one line that names the file, what is wrong and what to do.
    """
    name = files.name_of(path)
    files.require_file(path, READERS)
    extension = files.extension(name)
    if extension in _HALVES:
        raise ImageError(
            f"{name}: is the {_HALVES[extension]} of an Analyze or NIfTI pair, which cannot be read;"
            " convert the pair to .nii.gz or .nrrd"
        )
    if extension not in READERS:
        raise ImageError(
            f"{name}: cannot read {extension or 'files without extension'};"
            f" {'unpack it, or ' if extension == '.gz' else ''}convert it to one of {', '.join(READERS)}"
        )
    kind, module = READERS[extension]
    read: Callable[[Path], Header] = import_module(f"{__name__}.{module}").read_header
    return _noted(name, kind, _told(name, kind, read, Path(path)), flat)


def read_layered_header(path: str | os.PathLike[str], flat: bool = False) -> Header:
    """Like :func:`read_header`; a NRRD file may hold several layers."""
    name = files.name_of(path)
    if files.extension(path) not in (".nrrd", ".nhdr"):
        return read_header(path, flat)
    from pycemrg_core.images.formats import nrrd

    files.require_file(path, READERS)
    header = _told(name, "NRRD", partial(nrrd.read_header, layered=True), Path(path))
    return _noted(name, "NRRD", header, flat)


def _noted(name: str, kind: str, header: Header, flat: bool) -> Header:
    """The header with notes that begin with the file's name. Refuses a 2-D image unless ``flat``."""
    notes = header.notes
    if header.flat:
        size = header.size[:2]
        if not flat:
            _told(name, kind, require_volume, size)
        notes = (f"is 2-D ({by(size)}): read as one slice, {header.spacing[2]:g} mm thick", *notes)
    return evolve(header, notes=tuple(f"{name}: {note}" for note in notes))


def read_voxels(path: str | os.PathLike[str], header: Header) -> npt.NDArray[Any]:
    """Read the voxels of an image whose header was read: a (z, y, x) array, checked in the same pass."""
    return _told(files.name_of(path), "its extension says", voxels.read_voxels, header)


def _told(name: str, kind: str, read: Callable[[Given], Read], given: Given) -> Read:
    """Call a reader; every error becomes one line that begins with the file name."""
    try:
        return read(given)
    except FormatError as refusal:
        raise ImageError(f"{name}: {refusal}") from refusal
    except OSError as error:
        reason = error.strerror or "its compressed data is damaged"
        raise ImageError(f"{name}: cannot be read: {reason}; check the file and its permissions") from error
    except (ValueError, OverflowError) as error:
        raise ImageError(f"{name}: {not_an_image(kind)}") from error
