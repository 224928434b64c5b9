"""Read and write images; the only module of the core that imports SimpleITK.

Arrays are (z, y, x); size, index, spacing, origin and points are (x, y, z), in voxels and mm, as in SimpleITK;
direction is nine numbers, row by row. Functions that read return ``(image, notes)``: the notes are one-line texts
for the user about values that were assumed or converted; usually there are none.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from pycemrg_core.errors import ImageError, OutputError
from pycemrg_core.images import formats, scratch, voxel_values
from pycemrg_core.images.formats import files, grid, inria
from pycemrg_core.images.formats.header import FormatError, Header
from pycemrg_core.images.label_volume import LabelVolume

_WRITABLE = (".nrrd", ".nii", ".nii.gz", ".mha", ".inr")
_TWO_FILES = {".mhd": ".mha", ".nhdr": ".nrrd"}
_SCALARS = {
    sitk.sitkUInt8: "uint8",
    sitk.sitkUInt16: "uint16",
    sitk.sitkUInt32: "uint32",
    sitk.sitkUInt64: "uint64",
    sitk.sitkInt8: "int8",
    sitk.sitkInt16: "int16",
    sitk.sitkInt32: "int32",
    sitk.sitkInt64: "int64",
    sitk.sitkFloat32: "float32",
    sitk.sitkFloat64: "float64",
}
_UNSIGNED = ((sitk.sitkUInt8, 0xFF), (sitk.sitkUInt16, 0xFFFF), (sitk.sitkUInt32, 0xFFFFFFFF))


class Geometry(TypedDict):
    """Plain data for JSON: (x, y, z) size in voxels, spacing and origin in mm, direction row by row."""

    size: list[int]
    spacing: list[float]
    origin: list[float]
    direction: list[float]
    pixel_type: str


def read_labels(path: str | os.PathLike[str]) -> tuple[sitk.Image, tuple[str, ...]]:
    """Read a label map: ``read_image``, then ``label_image``. Returns the image and notes for the user.

    Raises ``ImageError`` with one line: the file, what is wrong, and what to do.
    """
    image, notes = read_image(path)
    image, more = label_image(image, files.name_of(path))
    return image, notes + more


def read_image(path: str | os.PathLike[str]) -> tuple[sitk.Image, tuple[str, ...]]:
    """Read a 3-D image with one number per voxel, of any pixel type; return it with notes for the user.

    Reads .nrrd, .nhdr, .nii, .nii.gz, .mha, .mhd and .inr. Raises ``ImageError`` with one line (the file, what is
    wrong, and what to do) for a missing file, a file that is too short or too long, a header that contradicts
    itself, an image that is not 3-D or has several channels, an unusable geometry, and voxels that are NaN or
    infinite.
    """
    header, array = _read(path)
    image = sitk.GetImageFromArray(array, isVector=False)
    image.SetSpacing(header.spacing)
    image.SetOrigin(header.origin)
    image.SetDirection(header.direction)
    return image, header.notes


def read_geometry(path: str | os.PathLike[str]) -> Geometry:
    """Read the geometry and pixel type of an image file from its header alone, without its voxels.

    Raises ``ImageError`` like :func:`read_image` for errors in a header.
    """
    header = formats.read_header(path)
    return {
        "size": list(header.size),
        "spacing": list(header.spacing),
        "origin": list(header.origin),
        "direction": list(header.direction),
        "pixel_type": header.dtype.name,
    }


def read_volume(path: str | os.PathLike[str]) -> tuple[LabelVolume, tuple[str, ...]]:
    """Read a label map like :func:`read_labels`, and return it as a :class:`LabelVolume` with notes for the user."""
    header, array = _read(path)
    labels, notes = _label_array(array, files.name_of(path))
    z, y, x = header.spacing[::-1]
    volume = LabelVolume(labels, (z, y, x), origin=header.origin, direction=header.direction)
    return volume, header.notes + notes


def label_volume(image: sitk.Image, name: str) -> tuple[LabelVolume, tuple[str, ...]]:
    """Validate an image like :func:`label_image`, and return it as a :class:`LabelVolume` with notes for the user."""
    image, notes = label_image(image, name)
    return volume_of(image), notes


def label_image(image: sitk.Image, name: str) -> tuple[sitk.Image, tuple[str, ...]]:
    """Make sure that ``image`` is a label map; return it in an integer pixel type, with notes for the user.

    An integer image is returned unchanged. A float image with only whole numbers, up to a rounding of 1e-3, is
    returned as a new image of the smallest type of uint8, uint16 and uint32 that fits. Messages call the image
    ``name``. Raises ``ImageError`` for anything that is not a 3-D map of labels >= 0 with at least one label > 0.
    """
    _require_image(image, name)
    array = voxel_array(image)
    labels, notes = _label_array(array, name)
    return (image, notes) if labels is array else (image_from_array(labels, image), notes)


def _read(path: str | os.PathLike[str]) -> tuple[Header, npt.NDArray[Any]]:
    header = formats.read_header(path)
    array = formats.read_voxels(path, header)
    voxel_values.require_finite(array, files.name_of(path))
    return header, np.ascontiguousarray(array, array.dtype.newbyteorder("="))


def _label_array(array: npt.NDArray[Any], name: str) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """The voxels of a label map, like in :func:`label_image`; an integer array is returned unchanged."""
    is_float = array.dtype.kind == "f"
    rounding = voxel_values.require_whole(array, name) if is_float else 0.0
    low = array.min() if array.dtype.kind != "u" else 0
    if low < -voxel_values.ROUNDING:
        raise ImageError(
            f"{name}: holds negative values (minimum {round(float(low))}), labels are 0 (background) and up;"
            " give the segmentation, not the scan"
        )
    high = round(float(array.max())) if is_float else array.max()
    if high == 0:
        raise ImageError(f"{name}: is empty, every voxel is 0 (background); give the segmentation of a heart")
    if not is_float:
        return array, ()
    dtype = next((dtype for dtype in (np.uint8, np.uint16, np.uint32) if high <= np.iinfo(dtype).max), None)
    if dtype is None:
        raise ImageError(f"{name}: label {high} does not fit in 32 bits; renumber the labels")
    labels = np.empty(array.shape, dtype)
    for plane, target in zip(array, labels, strict=True):
        target[...] = np.rint(plane)
    what = f"values up to {rounding:.2g} away from whole numbers, rounded" if rounding else "only whole numbers"
    note = f"{name}: float image holds {what}: read as {np.dtype(dtype).name}"
    return labels, (note,)


def write_volume(volume: LabelVolume, path: str | os.PathLike[str]) -> None:
    """Write a label map like :func:`write_image`."""
    write_image(image_of(volume), path)


def write_image(image: sitk.Image, path: str | os.PathLike[str]) -> None:
    """Write a 3-D image with one number per voxel, compressed if the format supports it.

    Writes .nrrd, .nii, .nii.gz, .mha and .inr. The file is written completely or not at all: it is written under a
    temporary name in the same folder, verified, and renamed. The origin and direction of an .inr are written to
    ``NAME.inr.json``. NIfTI stores geometry in single precision. Raises ``OutputError`` with one line (the file and
    what to do); an existing file is then unchanged.
    """
    name = files.name_of(path)
    target, extension = _target(path)
    try:
        _require_image(image, name)
    except ImageError as error:
        raise OutputError(f"{name}: cannot be written: {str(error).removeprefix(f'{name}: ')}") from error
    try:
        with scratch.scratch(target.parent) as inner:
            staged = inner / f"image{extension}"
            if extension == ".inr":
                _stage_inr(image, staged, inria.sidecar_path(staged))
                inria.replace(staged, target)
            else:
                # Opened here first: the error of the operating system is easier to understand than the one of ITK.
                staged.open("xb").close()
                _stage(image, staged)
                os.replace(staged, target)
    except ImageError as error:
        raise OutputError(f"{name}: cannot be written: {error}") from error
    except (OSError, RuntimeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or _reason(error)
        raise OutputError(
            f"{name}: cannot be written: {reason};"
            f" check the free space and permissions of {target.parent}, or write elsewhere"
        ) from error


def oriented_lps(image: sitk.Image) -> sitk.Image:
    """The image with permuted and flipped axes, so that x, y, z point left, posterior, superior (nearly)."""
    return sitk.DICOMOrient(image, "LPS")


def voxel_array(image: sitk.Image) -> npt.NDArray[Any]:
    """Return the voxels as a read-only (z, y, x) array that shares the memory of the image.

    The array keeps its memory alive, and keeps its values when the image is changed or deleted later.
    """
    return np.asarray(_Voxels(image))


def image_from_array(array: npt.NDArray[Any], like: sitk.Image) -> sitk.Image:
    """Return a new image of a (z, y, x) array, with the spacing, origin and direction of ``like``.

    Booleans become uint8. Metadata of ``like`` is not copied. Raises ``ValueError`` when the shapes differ.
    """
    expected = tuple(reversed(like.GetSize()))
    if array.shape != expected:
        raise ValueError(f"array of shape {array.shape} (z, y, x) for an image of shape {expected}")
    dtype = np.dtype(np.uint8) if array.dtype == bool else array.dtype.newbyteorder("=")
    image = sitk.GetImageFromArray(array.astype(dtype, copy=False), isVector=False)
    image.CopyInformation(like)
    return image


def volume_of(image: sitk.Image) -> LabelVolume:
    """Make a label volume from an image; it shares the memory of the image."""
    x, y, z = image.GetSpacing()
    return LabelVolume(voxel_array(image), (z, y, x), origin=image.GetOrigin(), direction=image.GetDirection())


def image_of(volume: LabelVolume) -> sitk.Image:
    """Make a new image with the voxels and the geometry of a label map."""
    image = sitk.GetImageFromArray(volume.array, isVector=False)
    image.SetSpacing(volume.spacing[::-1])
    image.SetOrigin(volume.origin)
    image.SetDirection(volume.direction)
    return image


def padded(image: sitk.Image, low: Sequence[int], high: Sequence[int]) -> sitk.Image:
    """The image with ``low`` and ``high`` (x, y, z) additional voxels of background at the ends of its axes."""
    return sitk.ConstantPad(image, list(low), list(high), 0)


def geometry(image: sitk.Image) -> Geometry:
    """Return the geometry and pixel type (such as ``"uint8"``) of ``image`` as plain data for JSON."""
    return {
        "size": list(image.GetSize()),
        "spacing": list(image.GetSpacing()),
        "origin": list(image.GetOrigin()),
        "direction": list(image.GetDirection()),
        "pixel_type": _pixel_type(image.GetPixelID()),
    }


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of the file's bytes, in hexadecimal. Raises ``ImageError`` if it cannot be read."""
    files.require_file(path, formats.READERS)
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ImageError(f"{files.name_of(path)}: cannot be read: {error.strerror}; check its permissions") from error


def voxels_sha256(image: sitk.Image) -> str:
    """Return the SHA-256 of the voxels in memory order, in hexadecimal; it does not depend on the file format."""
    return hashlib.sha256(np.ascontiguousarray(voxel_array(image)).data).hexdigest()


class _Voxels:
    """The owner of the memory of a voxel array: a second image that shares the buffer."""

    def __init__(self, image: sitk.Image) -> None:
        self.__array_interface__ = sitk.GetArrayViewFromImage(image).__array_interface__
        # SimpleITK copies on write, so changes of the caller's image do not reach this buffer.
        self._image = sitk.Image(image)


def _require_image(image: sitk.Image, name: str) -> None:
    if not isinstance(image, sitk.Image):
        raise ImageError(f"{name}: is of type {type(image).__name__}; give a SimpleITK.Image, a LabelVolume or a path")
    components = image.GetNumberOfComponentsPerPixel()
    _require_kind(image.GetDimension(), image.GetSize(), components, image.GetPixelID(), name)
    try:
        grid.require_geometry(image.GetSpacing(), image.GetOrigin(), image.GetDirection())
    except FormatError as refusal:
        raise ImageError(f"{name}: {refusal}") from refusal


def _require_kind(dimension: int, size: Sequence[int], components: int, pixel_id: int, name: str) -> None:
    if dimension != 3:
        shown = " x ".join(map(str, size))
        remedy = "give the whole volume" if dimension < 3 else "extract one 3-D volume from it"
        raise ImageError(f"{name}: is {dimension}-D ({shown}), not 3-D; {remedy}")
    # Complex numbers count as two components in a file, and as one in an image.
    if components > 1 and pixel_id not in (sitk.sitkComplexFloat32, sitk.sitkComplexFloat64):
        raise ImageError(f"{name}: has {components} values per voxel, not one; extract one channel from it")
    if pixel_id not in _SCALARS:
        raise ImageError(
            f"{name}: pixel type {_pixel_type(pixel_id)!r} is not one number per voxel; convert it to integers"
        )
    if 0 in size:
        raise ImageError(f"{name}: has no voxels ({' x '.join(map(str, size))}); give the whole volume")


def _target(path: str | os.PathLike[str]) -> tuple[Path, str]:
    """Return the file to replace (behind any link) and its extension in lower case."""
    name, target = files.name_of(path), Path(os.path.realpath(path))
    extension = files.extension(path)
    if extension in _TWO_FILES:
        raise OutputError(
            f"{name}: {extension} is two files, which cannot be replaced as one; use {_TWO_FILES[extension]} instead"
        )
    if extension not in _WRITABLE:
        raise OutputError(
            f"{name}: cannot be written, unknown extension {extension!r}; use one of {', '.join(_WRITABLE)}"
        )
    if not target.parent.is_dir():
        raise OutputError(f"{name}: cannot be written, the folder {target.parent} does not exist; create it first")
    if target.exists() and not target.is_file():
        raise OutputError(f"{name}: cannot be written, it is not an ordinary file; give another name")
    return target, extension


def _stage(image: sitk.Image, staged: Path) -> None:
    with _no_itk_warnings():
        sitk.WriteImage(image, str(staged), useCompression=True)
    try:
        # ITK does not report a full disk for NIfTI, or for the last bytes of a compressed NRRD.
        header = formats.read_header(staged)
        written = formats.read_voxels(staged, header)
    except ImageError as error:
        raise OSError("the file came out cut short") from error
    voxels = sitk.GetArrayViewFromImage(image)
    if written.dtype != voxels.dtype or not _same_bytes(written, voxels):
        raise OSError("the file came out with other voxels")
    _flush(staged)


def _same_bytes(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    """Are two (z, y, x) arrays equal to the bit? NaN equals NaN; plane by plane, to spare memory."""
    return all(np.array_equal(a.view(np.uint8), b.view(np.uint8)) for a, b in zip(one, other, strict=True))


def _stage_inr(image: sitk.Image, staged: Path, beside: Path) -> None:
    header, voxels = inria.encode(sitk.GetArrayViewFromImage(image), image.GetSpacing())
    with staged.open("wb") as file:
        file.write(header)
        file.write(voxels.data)
    size, spacing = image.GetSize(), image.GetSpacing()
    text = inria.encode_sidecar(size, spacing, image.GetOrigin(), image.GetDirection())
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
    before = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(before)


def _pixel_type(pixel_id: int) -> str:
    return _SCALARS.get(pixel_id) or str(sitk.GetPixelIDValueAsString(pixel_id))


def _reason(error: Exception) -> str:
    """Reduce a C++ exception of many lines to the line that says what happened."""
    text = str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1] if lines else type(error).__name__
    last = re.sub(r"^(\S* ?ERROR:|\w+\(0x[0-9a-f]+\):|\[nrrd\]|_?nrrd\w+:|Reason:|\s)+", "", last)
    return last.rstrip(".") or type(error).__name__
