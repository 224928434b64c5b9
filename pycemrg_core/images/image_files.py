"""Images in and out: the only place in the core that imports SimpleITK.

Arrays are (z, y, x); size, index, spacing, origin and points are (x, y, z), in voxels and mm, as in
SimpleITK; direction is nine numbers, row by row. Functions that read return ``(image, notes)``: the notes are
one-line texts for the user about what was assumed or converted, none in the ordinary case.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from pycemrg_core.errors import ImageError, OutputError
from pycemrg_core.images import inria, integrity
from pycemrg_core.images.label_volume import LabelVolume

_READERS = {
    ".nrrd": "NrrdImageIO",
    ".nhdr": "NrrdImageIO",
    ".nii": "NiftiImageIO",
    ".nii.gz": "NiftiImageIO",
    ".mha": "MetaImageIO",
    ".mhd": "MetaImageIO",
    ".inr": "",
}
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
# Files store directions with four digits or so; a larger error moves the far end of a heart by a voxel.
_DIRECTION_TOLERANCE = 1e-3
_KNOWN_REASONS = (
    ("Zero-valued spacing", "the voxel spacing is zero"),
    ("determinant is 0", "the direction matrix is singular"),
    ("orthonormal direction", "the image axes are not at right angles"),
    ("allocate memory", "the image does not fit in memory"),
)


class Geometry(TypedDict):
    """Plain data for JSON: (x, y, z) size in voxels, spacing and origin in mm, direction row by row."""

    size: list[int]
    spacing: list[float]
    origin: list[float]
    direction: list[float]
    pixel_type: str


def read_labels(path: str | os.PathLike[str]) -> tuple[sitk.Image, tuple[str, ...]]:
    """Read a label map: ``read_image``, then ``label_image``. Returns the image and notes for the user.

    Raises ``ImageError`` with one line that names the file, what is wrong and the remedy.
    """
    image, notes = read_image(path)
    image, more = label_image(image, os.fspath(path))
    return image, notes + more


def read_image(path: str | os.PathLike[str]) -> tuple[sitk.Image, tuple[str, ...]]:
    """Read a 3-D image with one number per voxel, of any pixel type; return it with notes for the user.

    Reads .nrrd, .nhdr, .nii, .nii.gz, .mha, .mhd and .inr. Raises ``ImageError`` with one line that names the
    file, what is wrong and the remedy: no such file, cut short, not 3-D, several channels, unusable geometry.
    """
    name = os.fspath(path)
    integrity.check_exists(path, _READERS)
    extension = integrity.extension(name)
    if extension not in _READERS:
        raise ImageError(
            f"{name}: {extension or 'files without extension'} cannot be read. Convert it to .nrrd; read are"
            f" {', '.join(_READERS)}."
        )
    if extension == ".inr":
        return _image_from_inr(path)
    notes = integrity.check_whole(path)
    reader = sitk.ImageFileReader()
    reader.SetImageIO(_READERS[extension])
    reader.SetFileName(name)
    try:
        with _no_itk_warnings():
            reader.ReadImageInformation()
            components = reader.GetNumberOfComponents()
            _check_kind(reader.GetDimension(), reader.GetSize(), components, reader.GetPixelID(), name)
            image = reader.Execute()
    except RuntimeError as error:
        raise ImageError(f"{name}: cannot be read: {_reason(error)}. Correct it, or export it again.") from error
    _check_image(image, name)
    return image, notes


def read_volume(path: str | os.PathLike[str]) -> tuple[LabelVolume, tuple[str, ...]]:
    """Read a label map as :func:`read_labels` does, for steps, checks and metrics to ask; notes are for the user."""
    image, notes = read_labels(path)
    return volume_of(image), notes


def label_volume(image: sitk.Image, name: str) -> tuple[LabelVolume, tuple[str, ...]]:
    """Check an image as :func:`label_image` does; return its label map, with notes for the user."""
    image, notes = label_image(image, name)
    return volume_of(image), notes


def label_image(image: sitk.Image, name: str) -> tuple[sitk.Image, tuple[str, ...]]:
    """Check that ``image`` is a label map; return it in an integer pixel type, with notes for the user.

    An integer image is returned as it is. A float image that holds only whole numbers is returned as a new
    image of the smallest of uint8, uint16, uint32 that fits. ``name`` is what error texts call the image.
    Raises ``ImageError`` for anything that is not a 3-D map of labels >= 0 with at least one label > 0.
    """
    _check_image(image, name)
    array = sitk.GetArrayViewFromImage(image)
    is_float = array.dtype.kind == "f"
    if is_float:
        _check_whole(array, name)
    low = array.min() if array.dtype.kind != "u" else 0
    if low < 0:
        raise ImageError(
            f"{name}: holds negative values (minimum {int(low)}). Labels are 0 (background) and up:"
            " give the segmentation, not the scan."
        )
    high = array.max()
    if high == 0:
        raise ImageError(f"{name}: is empty, every voxel is 0 (background). Give the segmentation of a heart.")
    if not is_float:
        return image, ()
    pixel_id = next((pixel_id for pixel_id, limit in _UNSIGNED if high <= limit), None)
    if pixel_id is None:
        raise ImageError(f"{name}: label {int(high)} does not fit in 32 bits. Renumber the labels.")
    note = f"{name}: float image holds only whole numbers: read as {_SCALARS[pixel_id]}"
    return sitk.Cast(image, pixel_id), (note,)


def write_volume(volume: LabelVolume, path: str | os.PathLike[str]) -> None:
    """Write a label map as :func:`write_image` does."""
    write_image(image_of(volume), path)


def write_image(image: sitk.Image, path: str | os.PathLike[str]) -> None:
    """Write a 3-D image with one number per voxel, compressed where the format can.

    Writes .nrrd, .nii, .nii.gz, .mha and .inr. The file appears whole or not at all: it is written under a
    temporary name in the same folder, checked, and renamed. An .inr gets its origin and direction in
    ``NAME.inr.json``. NIfTI keeps geometry in single precision. Raises ``OutputError`` with one line that
    names the file and the remedy; what was there before is untouched.
    """
    name = os.fspath(path)
    target, extension = _target(path)
    try:
        _check_image(image, name)
    except ImageError as error:
        raise OutputError(f"{name}: cannot be written: {str(error).removeprefix(f'{name}: ')}") from error
    staged = target.with_name(f".{secrets.token_hex(6)}{extension}")
    beside = inria.sidecar_path(staged)
    try:
        # Opened by us first: the operating system's own reason reads better than ITK's.
        staged.open("xb").close()
        if extension == ".inr":
            _stage_inr(image, staged, beside)
            inria.replace(staged, target)
        else:
            _stage(image, staged)
            os.replace(staged, target)
    except ImageError as error:
        raise OutputError(f"{name}: cannot be written: {error}") from error
    except (OSError, RuntimeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or _reason(error)
        raise OutputError(
            f"{name}: cannot be written: {reason}."
            f" Check the free space and permissions of {target.parent}, or write elsewhere."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            staged.unlink(missing_ok=True)
            beside.unlink(missing_ok=True)


def oriented_lps(image: sitk.Image) -> sitk.Image:
    """The image with its axes permuted and flipped so that x, y, z point left, posterior, superior at best."""
    return sitk.DICOMOrient(image, "LPS")


def voxel_array(image: sitk.Image) -> npt.NDArray[Any]:
    """Return the voxels as a read-only (z, y, x) array that shares the image's memory.

    The array keeps its memory alive, and keeps its values when the image is changed or deleted afterwards.
    """
    return np.asarray(_Voxels(image))


def image_from_array(array: npt.NDArray[Any], like: sitk.Image) -> sitk.Image:
    """Return a new image of a (z, y, x) array, with the spacing, origin and direction of ``like``.

    Booleans become uint8. Meta-data of ``like`` is not copied. Raises ``ValueError`` when the shapes differ.
    """
    expected = tuple(reversed(like.GetSize()))
    if array.shape != expected:
        raise ValueError(f"array of shape {array.shape} (z, y, x) for an image of shape {expected}")
    dtype = np.dtype(np.uint8) if array.dtype == bool else array.dtype.newbyteorder("=")
    image = sitk.GetImageFromArray(array.astype(dtype, copy=False), isVector=False)
    image.CopyInformation(like)
    return image


def volume_of(image: sitk.Image) -> LabelVolume:
    """A label map for steps, checks and metrics to ask; it shares the image's memory."""
    x, y, z = image.GetSpacing()
    return LabelVolume(voxel_array(image), (z, y, x), origin=image.GetOrigin(), direction=image.GetDirection())


def image_of(volume: LabelVolume) -> sitk.Image:
    """A new image with the voxels and the geometry of a label map."""
    image = sitk.GetImageFromArray(volume.array, isVector=False)
    image.SetSpacing(volume.spacing[::-1])
    image.SetOrigin(volume.origin)
    image.SetDirection(volume.direction)
    return image


def padded(image: sitk.Image, low: Sequence[int], high: Sequence[int]) -> sitk.Image:
    """The image with ``low`` and ``high`` (x, y, z) voxels of background more at the ends of its axes."""
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
    integrity.check_exists(path, _READERS)
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ImageError(f"{os.fspath(path)}: cannot be read: {error.strerror}. Check its permissions.") from error


def voxels_sha256(image: sitk.Image) -> str:
    """Return the SHA-256 of the voxels in memory order, in hexadecimal, whatever file they are in."""
    return hashlib.sha256(np.ascontiguousarray(voxel_array(image)).data).hexdigest()


class _Voxels:
    """What a voxel array holds on to: an image of our own that shares the buffer."""

    def __init__(self, image: sitk.Image) -> None:
        self.__array_interface__ = sitk.GetArrayViewFromImage(image).__array_interface__
        # SimpleITK copies on write, so whoever changes the caller's image leaves this buffer alone.
        self._image = sitk.Image(image)


def _image_from_inr(path: str | os.PathLike[str]) -> tuple[sitk.Image, tuple[str, ...]]:
    found = inria.read_inr(path)
    # Before SimpleITK sees the numbers: it prints matrices to stderr when one is NaN.
    _check_geometry(found.spacing, found.origin, found.direction, os.fspath(path))
    image = sitk.GetImageFromArray(found.array, isVector=False)
    image.SetSpacing(found.spacing)
    image.SetOrigin(found.origin)
    image.SetDirection(found.direction)
    return image, found.notes


def _check_image(image: sitk.Image, name: str) -> None:
    components = image.GetNumberOfComponentsPerPixel()
    _check_kind(image.GetDimension(), image.GetSize(), components, image.GetPixelID(), name)
    _check_geometry(image.GetSpacing(), image.GetOrigin(), image.GetDirection(), name)


def _check_kind(dimension: int, size: Sequence[int], components: int, pixel_id: int, name: str) -> None:
    if dimension != 3:
        shown = " x ".join(map(str, size))
        remedy = "Give the whole volume." if dimension < 3 else "Extract one 3-D volume from it."
        raise ImageError(f"{name}: is {dimension}-D ({shown}), not 3-D. {remedy}")
    # A file's complex numbers count as two components, an image's as one.
    if components > 1 and pixel_id not in (sitk.sitkComplexFloat32, sitk.sitkComplexFloat64):
        raise ImageError(f"{name}: has {components} values per voxel, not one. Extract one channel from it.")
    if pixel_id not in _SCALARS:
        raise ImageError(
            f"{name}: pixel type {_pixel_type(pixel_id)!r} is not one number per voxel. Convert it to integers."
        )
    if 0 in size:
        raise ImageError(f"{name}: has no voxels ({' x '.join(map(str, size))}). Give the whole volume.")


def _check_geometry(spacing: Sequence[float], origin: Sequence[float], direction: Sequence[float], name: str) -> None:
    remedy = "Correct the geometry, or export the image again."
    if not all(math.isfinite(value) and value > 0 for value in spacing):
        raise ImageError(f"{name}: spacing {list(spacing)} mm is not three positive numbers. {remedy}")
    if not all(map(math.isfinite, origin)):
        raise ImageError(f"{name}: origin {list(origin)} mm is not three numbers. {remedy}")
    matrix = np.reshape(direction, (3, 3))
    error = np.abs(matrix.T @ matrix - np.eye(3)).max() if np.isfinite(matrix).all() else math.inf
    if error > _DIRECTION_TOLERANCE:
        shown = [round(value, 4) for value in direction]
        raise ImageError(
            f"{name}: direction {shown} is not three unit vectors at right angles."
            " Correct the geometry, or resample the image to axes at right angles."
        )


def _check_whole(array: npt.NDArray[Any], name: str) -> None:
    """Refuse a float (z, y, x) array unless all is whole numbers; plane by plane, to spare memory."""
    counts = {"NaN or infinite": 0, "not whole numbers": 0}
    examples: dict[str, str] = {}
    for z, plane in enumerate(array):
        finite = np.isfinite(plane)
        for kind, wrong in (
            ("NaN or infinite", ~finite),
            ("not whole numbers", finite & (plane != np.rint(plane))),
        ):
            counts[kind] += int(np.count_nonzero(wrong))
            if kind not in examples and counts[kind]:
                y, x = np.unravel_index(int(wrong.argmax()), wrong.shape)
                examples[kind] = f"{float(plane[y, x]):g} at index (x, y, z) = ({x}, {y}, {z})"
    for kind, example in examples.items():
        count = counts[kind]
        voxels = f"{count:,} voxel is" if count == 1 else f"{count:,} voxels are"
        raise ImageError(
            f"{name}: {voxels} {kind}, for example {example}. A label map holds integers:"
            " give the segmentation, and resample it with nearest-neighbour interpolation."
        )


def _target(path: str | os.PathLike[str]) -> tuple[Path, str]:
    """Return the file to replace (behind any link) and its extension in lower case."""
    name, target = os.fspath(path), Path(os.path.realpath(path))
    extension = integrity.extension(name)
    if extension in _TWO_FILES:
        raise OutputError(
            f"{name}: {extension} is two files, which cannot be replaced as one. Use {_TWO_FILES[extension]} instead."
        )
    if extension not in _WRITABLE:
        raise OutputError(
            f"{name}: cannot be written, unknown extension {extension!r}. Use one of {', '.join(_WRITABLE)}."
        )
    if not target.parent.is_dir():
        raise OutputError(f"{name}: cannot be written, the folder {target.parent} does not exist. Create it first.")
    if target.exists() and not target.is_file():
        raise OutputError(f"{name}: cannot be written, it is not an ordinary file. Give another name.")
    return target, extension


def _stage(image: sitk.Image, staged: Path) -> None:
    with _no_itk_warnings():
        sitk.WriteImage(image, str(staged), useCompression=True)
    try:
        # ITK reports a full disk neither for NIfTI nor for the last bytes of a compressed NRRD.
        integrity.check_whole(staged)
    except ImageError as error:
        raise OSError("the file came out cut short") from error
    _flush(staged)


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
    """Push the file to the disk, where network file systems report that there was no room."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


@contextlib.contextmanager
def _no_itk_warnings() -> Iterator[None]:
    """Keep ITK's C++ warnings off stderr; what matters is said by our errors and notes."""
    before = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(before)


def _pixel_type(pixel_id: int) -> str:
    return _SCALARS.get(pixel_id) or str(sitk.GetPixelIDValueAsString(pixel_id))


def _reason(error: Exception) -> str:
    """Reduce a C++ exception of many lines to the one that says what happened."""
    text = str(error)
    for mark, reason in _KNOWN_REASONS:
        if mark in text:
            return reason
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1] if lines else type(error).__name__
    last = re.sub(r"^(\S* ?ERROR:|\w+\(0x[0-9a-f]+\):|\[nrrd\]|_?nrrd\w+:|Reason:|\s)+", "", last)
    return last.rstrip(".") or type(error).__name__
