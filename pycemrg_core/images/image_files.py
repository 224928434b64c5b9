"""Read and write images; the only module of the core that imports SimpleITK, and only where it is needed: a command
that reads and writes label maps as NRRD does without, and is faster by the time of the import.

Arrays are (z, y, x); size, index, spacing, origin and points are (x, y, z), in voxels and mm, as in SimpleITK;
direction is nine numbers, row by row. Functions that read return ``(image, notes)``: the notes are one-line texts
for the user about values that were assumed or converted; usually there are none.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict, overload

import numpy as np
import numpy.typing as npt

from pycemrg_core.errors import ImageError, OutputError
from pycemrg_core.images import formats, voxel_values, writing
from pycemrg_core.images.formats import files, grid
from pycemrg_core.images.formats.header import Extras, FormatError, Header
from pycemrg_core.images.label_volume import LabelVolume, Region, as_region
from pycemrg_core.images.plain_image import PlainImage
from pycemrg_core.images.voxel_hash import hash_of
from pycemrg_core.images.writing import Content

if TYPE_CHECKING:
    import SimpleITK as sitk

_NO_EXTRAS = Extras()
# The words of ITK, and the type of numpy.
_SCALARS = {f"{bits}-bit unsigned integer": f"uint{bits}" for bits in (8, 16, 32, 64)}
_SCALARS |= {f"{bits}-bit signed integer": f"int{bits}" for bits in (8, 16, 32, 64)}
_SCALARS |= {"32-bit float": "float32", "64-bit float": "float64"}
_COMPLEX = ("complex of 32-bit float", "complex of 64-bit float")


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


def read_image(path: str | os.PathLike[str], *, flat: bool = False) -> tuple[sitk.Image, tuple[str, ...]]:
    """Read a 3-D image with one number per voxel, of any pixel type; return it with notes for the user.

    Reads .nrrd, .nhdr, .nii, .nii.gz, .mha, .mhd, .inr, .vtk and .gipl. Raises ``ImageError`` with one line (the
    file, what is wrong, and what to do) for a missing file, a file that is too short or too long, a header that
    contradicts itself, an image that is not 3-D or has several channels, an unusable geometry, and voxels that are NaN
    or infinite. ``flat``: a 2-D image is read as one slice of 1 mm, with a note.
    """
    header, array = _read(path, flat)
    return _image(array, header.spacing, header.origin, header.direction), header.notes


def read_plain(path: str | os.PathLike[str], *, flat: bool = False) -> tuple[PlainImage, tuple[str, ...]]:
    """Read an image like :func:`read_image`, without SimpleITK; return it with notes for the user."""
    header, array = _read(path, flat)
    x, y, z = header.spacing
    return PlainImage(array=array, spacing=(z, y, x), origin=header.origin, direction=header.direction), header.notes


def is_flat(path: str | os.PathLike[str]) -> bool:
    """Whether an image file is 2-D. Raises ``ImageError`` like :func:`read_image` for errors in a header."""
    return formats.read_header(path, flat=True).flat


def one_slice(image: sitk.Image) -> sitk.Image:
    """A 2-D image as a 3-D one of one slice of 1 mm at z = 0; any other image as it is."""
    import SimpleITK as sitk

    return sitk.JoinSeries(image, 0.0, 1.0) if image.GetDimension() == 2 else image


def flattened(image: sitk.Image) -> sitk.Image:
    """A 3-D image of one slice as a 2-D one, the inverse of :func:`one_slice`.

    Raises :class:`ImageError` when it has several slices.
    """
    width, height, depth = image.GetSize()
    if depth != 1:
        raise ImageError(f"an image of {depth} slices cannot become 2-D; give one slice")
    import SimpleITK as sitk

    return sitk.Extract(image, (width, height, 0), (0, 0, 0), sitk.ExtractImageFilter.DIRECTIONCOLLAPSETOSUBMATRIX)


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


def read_volume(path: str | os.PathLike[str], *, flat: bool = False) -> tuple[LabelVolume, tuple[str, ...]]:
    """Read a label map like :func:`read_labels`, and return it as a :class:`LabelVolume` with notes for the user."""
    header, array = _read(path, flat)
    labels, notes = _label_array(array, files.name_of(path))
    return _placed(labels, header), header.notes + notes


def read_layers(path: str | os.PathLike[str]) -> tuple[tuple[LabelVolume, ...], tuple[str, ...]]:
    """Read a file with one or more label maps on one grid, the layers of a ``.seg.nrrd``; return them with notes.

    A label map may be empty here. Raises ``ImageError`` like :func:`read_volume`.
    """
    header = formats.read_layered_header(path)
    found, notes = [], header.notes
    for array in formats.read_voxels(path, header).reshape(-1, *header.size[::-1]):
        voxel_values.require_finite(array, files.name_of(path))
        labels, more = _label_array(array, files.name_of(path), empty=True)
        found.append(_placed(labels, header))
        notes += more
    return tuple(found), notes


def read_mask(path: str | os.PathLike[str]) -> tuple[LabelVolume, tuple[str, ...]]:
    """Read a mask: a label map with the label 1 where the image is not 0, or with no label; and notes for the user.

    Raises ``ImageError`` like :func:`read_volume`, and where the image holds several values beside 0.
    """
    header, array = _read(path)
    name = files.name_of(path)
    labels, notes = _label_array(array, name, empty=True)
    mask = labels != 0
    value = labels[mask][:1]
    if value.size and not np.array_equal(labels, mask * value):
        raise ImageError(f"{name}: holds several labels; a mask holds one, so give this file itself")
    return _placed(mask.astype(np.uint8), header), header.notes + notes


def read_extras(path: str | os.PathLike[str]) -> Extras:
    """What the header of an image file holds beside the grid: key/value pairs of NRRD, header extensions of NIfTI.

    Raises ``ImageError`` like :func:`read_image` for errors in a header.
    """
    return formats.read_layered_header(path).extras


def label_volume(image: sitk.Image | PlainImage, name: str) -> tuple[LabelVolume, tuple[str, ...]]:
    """Validate an image like :func:`label_image`, and return it as a :class:`LabelVolume` with notes for the user."""
    if isinstance(image, PlainImage):
        labels, notes = _label_array(image.array, name)
        return image.labels(labels), notes
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


def _read(path: str | os.PathLike[str], flat: bool = False) -> tuple[Header, npt.NDArray[Any]]:
    header = formats.read_header(path, flat)
    array = formats.read_voxels(path, header)
    voxel_values.require_finite(array, files.name_of(path))
    return header, _native(array)


def _placed(labels: npt.NDArray[Any], header: Header) -> LabelVolume:
    """A label map at the place that its header says."""
    x, y, z = header.spacing
    return LabelVolume(labels, (z, y, x), origin=header.origin, direction=header.direction)


def _label_array(
    array: npt.NDArray[Any], name: str, *, empty: bool = False
) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
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
    if high == 0 and not empty:
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


def write_volume(volume: LabelVolume, path: str | os.PathLike[str], extras: Extras = _NO_EXTRAS) -> None:
    """Write a label map like :func:`write_image`."""
    spacing = volume.spacing[::-1]
    try:
        grid.require_geometry(spacing, volume.origin, volume.direction)
    except FormatError as refusal:
        raise OutputError(f"{files.name_of(path)}: cannot be written: {refusal}") from refusal
    writing.write(
        Content(
            _native(volume.array), spacing, volume.origin, volume.direction, True, lambda: image_of(volume), extras
        ),
        path,
    )


def write_image(image: sitk.Image, path: str | os.PathLike[str], extras: Extras = _NO_EXTRAS) -> None:
    """Write a 3-D or 2-D image with one number per voxel, compressed if the format supports it.

    Writes .nrrd, .nii, .nii.gz, .mha, .inr, .vtk and .gipl; the last three hold no 2-D image. The file is written
    completely or not at all: it is written under a temporary name in the same folder, verified, and renamed. The origin
    and direction of an .inr are written to ``NAME.inr.json``. NIfTI and GIPL store geometry in single precision. VTK
    and GIPL have no direction: an image with another one than the identity is refused. Metadata of the image are not
    written to .nrrd and .inr.

    Of ``extras``, a NRRD file gets the pairs and a NIfTI file the extensions.

    Raises ``OutputError`` with one line (the file and what to do); an existing file is then unchanged.
    """
    name = files.name_of(path)
    flat = hasattr(image, "GetDimension") and image.GetDimension() == 2
    volume = one_slice(image) if flat else image
    try:
        _require_image(volume, name, "a SimpleITK.Image or a LabelVolume")
    except ImageError as error:
        raise OutputError(f"{name}: cannot be written: {str(error).removeprefix(f'{name}: ')}") from error
    geometry = volume.GetSpacing(), volume.GetOrigin(), volume.GetDirection()
    writing.write(Content(voxel_array(volume), *geometry, False, lambda: image, extras, flat), path)


@overload
def oriented_lps(image: LabelVolume) -> LabelVolume: ...
@overload
def oriented_lps(image: sitk.Image) -> sitk.Image: ...
def oriented_lps(image: sitk.Image | LabelVolume) -> sitk.Image | LabelVolume:
    """The image with permuted and flipped axes, so that x, y, z point left, posterior, superior (nearly).

    A label volume shares its voxels with the one that is given.
    """
    if isinstance(image, LabelVolume):
        return _volume_lps(image)
    import SimpleITK as sitk

    return sitk.DICOMOrient(image, "LPS")


def _volume_lps(volume: LabelVolume) -> LabelVolume:
    order, ways = volume.orientation.patient_axes
    shape = [volume.array.shape[axis] for axis in order]
    turned = [way.step < 0 for way in ways]

    def moved(box: Region) -> Region:
        sides = zip([box[axis] for axis in order], shape, turned, strict=True)
        return as_region(slice(n - one.stop, n - one.start) if back else one for one, n, back in sides)

    first = np.zeros(3, np.int64)
    first[list(order)] = [(n - 1) * back for n, back in zip(shape, turned, strict=True)]
    x, y, z = volume.points_mm(first[np.newaxis])[0].tolist()
    towards = volume.orientation.cosines[:, [2 - axis for axis in reversed(order)]] * [way.step for way in ways[::-1]]
    depth, down, across = (volume.spacing[axis] for axis in order)
    return LabelVolume(
        volume.array.transpose(order)[ways],
        (depth, down, across),
        origin=(x, y, z),
        direction=tuple(towards.ravel().tolist()),
        blueprint=volume.blueprint,
        boxes={label: moved(box) for label, box in volume.boxes.items()},
    )


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
    return _image(array.astype(dtype, copy=False), like.GetSpacing(), like.GetOrigin(), like.GetDirection())


def volume_of(image: sitk.Image) -> LabelVolume:
    """Make a label volume from an image; it shares the memory of the image."""
    x, y, z = image.GetSpacing()
    return LabelVolume(voxel_array(image), (z, y, x), origin=image.GetOrigin(), direction=image.GetDirection())


def plain_of(image: sitk.Image | LabelVolume | PlainImage) -> PlainImage:
    """A 3-D image without SimpleITK; it shares the memory of the image."""
    if isinstance(image, PlainImage):
        return image
    if isinstance(image, LabelVolume):
        return PlainImage(array=image.array, spacing=image.spacing, origin=image.origin, direction=image.direction)
    x, y, z = image.GetSpacing()
    return PlainImage(
        array=voxel_array(image), spacing=(z, y, x), origin=image.GetOrigin(), direction=image.GetDirection()
    )


def image_of(volume: LabelVolume | PlainImage) -> sitk.Image:
    """Make a new image with the voxels and the geometry of a label map or a plain image."""
    return _image(_native(volume.array), volume.spacing[::-1], volume.origin, volume.direction)


def _native(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array in the byte order of this machine, and in one piece."""
    return np.ascontiguousarray(array, array.dtype.newbyteorder("="))


def _image(
    array: npt.NDArray[Any], spacing: Sequence[float], origin: Sequence[float], direction: Sequence[float]
) -> sitk.Image:
    import SimpleITK as sitk

    try:
        image = sitk.GetImageFromArray(array, isVector=False)
    except RuntimeError as error:
        if "allocate" not in str(error):
            raise
        raise MemoryError(f"{array.nbytes:,} bytes of an image do not fit") from error
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    image.SetDirection(direction)
    return image


def geometry(image: sitk.Image) -> Geometry:
    """Return the geometry and pixel type (such as ``"uint8"``) of ``image`` as plain data for JSON."""
    return {
        "size": list(image.GetSize()),
        "spacing": list(image.GetSpacing()),
        "origin": list(image.GetOrigin()),
        "direction": list(image.GetDirection()),
        "pixel_type": _pixel_type(image),
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
    """Return the SHA-256 of the voxels, in hexadecimal; it depends neither on the file format nor on the place."""
    return hash_of(voxel_array(image))


class _Voxels:
    """The owner of the memory of a voxel array: a second image that shares the buffer."""

    def __init__(self, image: sitk.Image) -> None:
        import SimpleITK as sitk

        self.__array_interface__ = sitk.GetArrayViewFromImage(image).__array_interface__
        # SimpleITK copies on write, so changes of the caller's image do not reach this buffer.
        self._image = sitk.Image(image)


def _require_image(image: sitk.Image, name: str, wanted: str = "a SimpleITK.Image, a LabelVolume or a path") -> None:
    import SimpleITK as sitk

    if not isinstance(image, sitk.Image):
        raise ImageError(f"{name}: is of type {type(image).__name__}; give {wanted}")
    size, dimension, components = image.GetSize(), image.GetDimension(), image.GetNumberOfComponentsPerPixel()
    pixel_type = _pixel_type(image)
    if dimension != 3:
        shown = " x ".join(map(str, size))
        remedy = "give the whole volume" if dimension < 3 else "extract one 3-D volume from it"
        raise ImageError(f"{name}: is {dimension}-D ({shown}), not 3-D; {remedy}")
    # Complex numbers count as two components in a file, and as one in an image.
    if components > 1 and pixel_type not in _COMPLEX:
        raise ImageError(f"{name}: has {components} values per voxel, not one; extract one channel from it")
    if pixel_type not in _SCALARS.values():
        raise ImageError(f"{name}: pixel type {pixel_type!r} is not one number per voxel; convert it to integers")
    if 0 in size:
        raise ImageError(f"{name}: has no voxels ({' x '.join(map(str, size))}); give the whole volume")
    try:
        grid.require_geometry(image.GetSpacing(), image.GetOrigin(), image.GetDirection())
    except FormatError as refusal:
        raise ImageError(f"{name}: {refusal}") from refusal


def _pixel_type(image: sitk.Image) -> str:
    """The type as numpy names it, such as ``"uint8"``; what numpy lacks, in the words of ITK."""
    said = str(image.GetPixelIDTypeAsString())
    return _SCALARS.get(said, said)
