"""Write an image file completely or not at all: under a temporary name in the same folder, verified, then renamed."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from attrs import frozen

from pycemrg_core.errors import ImageError, OutputError
from pycemrg_core.images import formats, scratch
from pycemrg_core.images.formats import files, grid
from pycemrg_core.images.formats.header import Extras

if TYPE_CHECKING:
    import SimpleITK as sitk

_WRITABLE = (".nrrd", ".nii", ".nii.gz", ".mha", ".inr", ".vtk", ".gipl")
_WITHOUT_DIRECTION = (".vtk", ".gipl")
_GIPL_TYPES = ("uint8", "int8", "uint16", "int16", "float32", "float64")
_TWO_FILES = {".mhd": ".mha", ".nhdr": ".nrrd"}


@frozen(eq=False)
class Content:
    """What is written: the voxels and their geometry, as an array and, where ITK writes it, as an image.

    ``flat``: the image is 2-D, and the array one slice.
    """

    array: npt.NDArray[Any]
    spacing: Sequence[float]
    origin: Sequence[float]
    direction: Sequence[float]
    labels: bool
    image: Callable[[], sitk.Image]
    extras: Extras
    flat: bool = False


def write(content: Content, path: str | os.PathLike[str]) -> None:
    """Write an image. Raises :class:`OutputError`; an existing file is then unchanged."""
    name = files.name_of(path)
    target, extension = _target(path)
    try:
        _require_room(content, extension)
        with scratch.scratch(target.parent) as inner:
            staged = inner / f"image{extension}"
            if extension == ".inr":
                from pycemrg_core.images.formats import inria

                _stage_inr(content, staged, inria.sidecar_path(staged))
                inria.replace(staged, target)
            else:
                # Opened here first: the error of the operating system is easier to understand than the one of ITK.
                staged.open("xb").close()
                _stage(content, staged)
                os.replace(staged, target)
    except ImageError as error:
        raise OutputError(f"{name}: cannot be written: {error}") from error
    except (OSError, RuntimeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or _reason(error)
        raise OutputError(
            f"{name}: cannot be written: {reason};"
            f" check the free space and permissions of {target.parent}, or write elsewhere"
        ) from error


def writable_extension(path: str | os.PathLike[str]) -> str:
    """The extension in lower case. Raises :class:`OutputError` where no image can be written under it."""
    name, extension = files.name_of(path), files.extension(path)
    if extension in _TWO_FILES:
        raise OutputError(
            f"{name}: {extension} is two files, which cannot be replaced as one; use {_TWO_FILES[extension]} instead"
        )
    if extension not in _WRITABLE:
        raise OutputError(
            f"{name}: cannot be written, unknown extension {extension!r}; use one of {', '.join(_WRITABLE)}"
        )
    return extension


def _target(path: str | os.PathLike[str]) -> tuple[Path, str]:
    """Return the file to replace (behind any link) and its extension in lower case."""
    extension = writable_extension(path)
    name, target = files.name_of(path), Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise OutputError(f"{name}: cannot be written, the folder {target.parent} does not exist; create it first")
    if target.exists() and not target.is_file():
        raise OutputError(f"{name}: cannot be written, it is not an ordinary file; give another name")
    return target, extension


def _require_room(content: Content, extension: str) -> None:
    """Refuse what a format cannot hold, where ITK would drop it without a word or say little."""
    if content.flat and extension in (".inr", *_WITHOUT_DIRECTION):
        raise ImageError(f"{extension} cannot hold a 2-D image; use .nrrd, .mha or .nii.gz")
    if extension in _WITHOUT_DIRECTION and tuple(content.direction) != grid.IDENTITY:
        raise ImageError(f"{extension} cannot hold the direction of the image; use .nrrd, .mha or .nii.gz")
    if extension == ".gipl" and content.array.dtype.name not in _GIPL_TYPES:
        raise ImageError(f".gipl cannot hold {content.array.dtype.name} voxels; cast them to uint16, or use .nrrd")


def _stage(content: Content, staged: Path) -> None:
    if staged.suffix == ".nrrd" and not content.flat:
        from pycemrg_core.images.formats import nrrd_writing

        geometry = content.spacing, content.origin, content.direction
        nrrd_writing.write(staged, content.array, *geometry, labels=content.labels, pairs=content.extras.pairs)
        return
    import SimpleITK as sitk

    extensions = content.extras.extensions if files.extension(staged) in (".nii", ".nii.gz") else ()
    plain = staged.with_name("plain.nii") if extensions else staged
    with _no_itk_warnings():
        sitk.WriteImage(content.image(), str(plain), useCompression=True)
    if extensions:
        _add_extensions(plain, staged, extensions)
    try:
        # ITK does not report a full disk for NIfTI.
        header = formats.read_header(staged, content.flat)
        written = formats.read_voxels(staged, header)
    except ImageError as error:
        raise OSError("the file came out cut short") from error
    if written.dtype != content.array.dtype or not _same_bytes(written, content.array):
        raise OSError("the file came out with other voxels")
    if header.extras.extensions != extensions:
        raise OSError("the file came out with another header")
    _flush(staged)


def _add_extensions(plain: Path, staged: Path, extensions: tuple[tuple[int, bytes], ...]) -> None:
    """Copy a NIfTI file without extensions to one with these, compressed if its name says so."""
    import gzip
    import shutil

    from pycemrg_core.images.formats import nifti

    packed = staged.name.endswith(".gz")
    with plain.open("rb") as source, staged.open("wb") as raw:
        target = gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) if packed else raw
        target.write(nifti.with_extensions(source.read(nifti.FIRST_VOXEL), extensions))
        shutil.copyfileobj(source, target)
        if packed:
            target.close()
    plain.unlink()


def _same_bytes(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    """Are two (z, y, x) arrays equal to the bit? NaN equals NaN; plane by plane, to spare memory."""
    return all(np.array_equal(a.view(np.uint8), b.view(np.uint8)) for a, b in zip(one, other, strict=True))


def _stage_inr(content: Content, staged: Path, beside: Path) -> None:
    from pycemrg_core.images.formats import inria

    header, voxels = inria.encode(content.array, content.spacing)
    with staged.open("wb") as file:
        file.write(header)
        file.write(voxels.data)
    text = inria.encode_sidecar(content.array.shape[::-1], content.spacing, content.origin, content.direction)
    beside.write_text(text, encoding="utf-8")
    _flush(staged)
    _flush(beside)


def _flush(path: Path) -> None:
    """Flush the file to the disk; some network file systems report a full disk only then."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


@contextlib.contextmanager
def _no_itk_warnings() -> Iterator[None]:
    """Keep C++ warnings of ITK off stderr; errors and notes of this module say what matters."""
    import SimpleITK as sitk

    before = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(before)


def _reason(error: Exception) -> str:
    """Reduce a C++ exception of many lines to the line that says what happened."""
    text = str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1] if lines else type(error).__name__
    last = re.sub(r"^(\S* ?ERROR:|\w+\(0x[0-9a-f]+\):|\[nrrd\]|_?nrrd\w+:|Reason:|\s)+", "", last)
    return last.rstrip(".") or type(error).__name__
