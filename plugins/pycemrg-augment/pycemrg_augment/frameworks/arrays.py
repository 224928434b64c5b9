"""Arrays of a data set as images, and back; no framework is needed here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import SimpleITK as sitk
from attrs import evolve, frozen
from numpy.typing import NDArray

from pycemrg_augment.pipelines.pipeline import Pipeline
from pycemrg_augment.pipelines.steps import Entry
from pycemrg_core.api import AugmentationError, Sample, grid_difference, voxel_array

Axes = Literal["zyx", "xyz"]
Array = NDArray[Any]

_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_PIXELS = {
    **{f"u{size}": getattr(sitk, f"sitkUInt{size * 8}") for size in (1, 2, 4, 8)},
    **{f"i{size}": getattr(sitk, f"sitkInt{size * 8}") for size in (1, 2, 4, 8)},
    **{f"f{size}": getattr(sitk, f"sitkFloat{size * 8}") for size in (4, 8)},
}
_KNOWN = {*_PIXELS.values()}
_TILE = 16  # voxels, so that a tile of lines stays in the cache of the processor


@frozen(eq=False)
class Grid:
    """Spacing, origin and direction as in SimpleITK: (x, y, z) in mm, in LPS."""

    spacing: tuple[float, ...] = (1.0, 1.0, 1.0)
    origin: tuple[float, ...] = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

    @classmethod
    def of_affine(cls, affine: Any, key: str, *, lps: bool = False) -> Grid:
        """The grid of a 4 x 4 matrix from voxel indices (x, y, z) to mm, in RAS, or in LPS with ``lps``."""
        matrix = np.array(affine, np.float64)
        if matrix.shape != (4, 4):
            raise AugmentationError(
                f"{key!r} has an affine of shape {matrix.shape}; give a 3-D image with 4 x 4 numbers"
            )
        matrix = matrix if lps else _LPS @ matrix
        spacing = np.linalg.norm(matrix[:3, :3], axis=0)
        if not (np.isfinite(matrix).all() and (spacing > 0).all()):
            raise AugmentationError(f"{key!r} has an affine that is not finite or flattens the image; give a valid one")
        axes = matrix[:3, :3] / spacing
        if not np.allclose(axes.T @ axes, np.eye(3), atol=1e-4):
            raise AugmentationError(f"{key!r} has an affine with shear; resample the image to axes at right angles")
        return cls(tuple(spacing.tolist()), tuple(matrix[:3, 3].tolist()), tuple(axes.ravel().tolist()))


def affine_of(image: sitk.Image, *, lps: bool = False) -> NDArray[np.float64]:
    """The 4 x 4 matrix from voxel indices (x, y, z) to mm, in RAS, or in LPS with ``lps``."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    matrix[:3, 3] = image.GetOrigin()
    return matrix if lps else _LPS @ matrix


@frozen(eq=False)
class Held:
    """A value of an item: its channels as images, and how a value of the same kind is made of augmented ones.

    ``restored(images, kind)`` converts the voxels to ``kind`` if it is not None, unless the value is an image itself.
    """

    channels: tuple[sitk.Image, ...]
    restored: Callable[[Sequence[sitk.Image], np.dtype[Any] | None], Any]


def held_image(value: sitk.Image, key: str) -> Held:
    """A SimpleITK image; its components are channels."""
    if value.GetDimension() != 3:
        raise AugmentationError(f"{key!r} is a {value.GetDimension()}-D image; give a 3-D one")
    count = value.GetNumberOfComponentsPerPixel()
    if (value.GetPixelID() if count == 1 else sitk.VectorIndexSelectionCast(value, 0).GetPixelID()) not in _KNOWN:
        raise AugmentationError(f"{key!r} is an image of {value.GetPixelIDTypeAsString()}; give one of real numbers")
    if count == 1:
        return Held((value,), lambda images, _: images[0])
    parts = tuple(sitk.VectorIndexSelectionCast(value, number) for number in range(count))
    return Held(parts, lambda images, _: sitk.Compose(list(images)))


def held_array(
    value: Array, key: str, grid: Grid, axes: Axes, restored: Callable[[Array, Sequence[sitk.Image]], Any]
) -> Held:
    """An array with or without a first axis of channels; ``restored(array, images)`` gets one of the same layout."""
    shape = value.shape
    if value.ndim not in (3, 4) or value.dtype.kind not in "buif" or not value.size:
        hint = "; for a 2-D image, give a third axis of one slice" if value.ndim == 2 else ""
        raise AugmentationError(
            f"{key!r} is an array of {value.dtype} and shape {shape}; give 3-D numbers, or 4-D with the channels"
            f" first{hint}"
        )
    channels = value if value.ndim == 4 else value[None]

    def back(images: Sequence[sitk.Image], kind: np.dtype[Any] | None) -> Any:
        made = np.stack([voxel_array(image) for image in images], dtype=kind, casting="unsafe")
        made = made.transpose(0, 3, 2, 1) if axes == "xyz" else made
        return restored(made if len(shape) == 4 else made[0], images)

    return Held(tuple(_image_of(channel.T if axes == "xyz" else channel, grid) for channel in channels), back)


def as_labels(held: Held, key: str, label_type: str | None) -> Held:
    """A value that holds a label map: whole numbers, which come back as ``label_type`` if that is given."""
    if len(held.channels) != 1:
        raise AugmentationError(
            f"{key!r} is a label map of {len(held.channels)} channels; give one channel of integers, such as the argmax"
        )
    (image,) = held.channels
    array = voxel_array(image)
    if array.dtype.kind == "f":
        if not (np.isfinite(array).all() and (array == np.rint(array)).all()):
            raise AugmentationError(f"{key!r} has values that are not whole numbers; give a label map")
        if not (np.abs(array) < 2.0**63).all():
            raise AugmentationError(f"{key!r} has values beyond int64; give a label map")
        image = sitk.Cast(image, sitk.sitkInt64)
    wanted = known_type(label_type)
    if wanted is None:
        return evolve(held, channels=(image,))
    lowest, highest = _whole_numbers_of(wanted)

    def back(images: Sequence[sitk.Image], _: np.dtype[Any] | None) -> Any:
        low, high = (int(end) for end in (voxel_array(images[0]).min(), voxel_array(images[0]).max()))
        if low < lowest or high > highest:
            raise AugmentationError(
                f"{key!r} has labels from {low} to {high}, beyond {wanted}; give a wider label_type"
            )
        return held.restored(images, wanted)

    return Held((image,), back)


def known_type(label_type: Any) -> np.dtype[Any] | None:
    """The type of label maps that is asked for; None for none."""
    if label_type is None:
        return None
    try:
        found: np.dtype[Any] = np.dtype(label_type)
    except TypeError:
        found = np.dtype(object)
    if found.kind not in "iuf":
        raise AugmentationError(f"label_type is {label_type!r}; give the name of a type of numbers, such as 'int64'")
    return found


def _whole_numbers_of(kind: np.dtype[Any]) -> tuple[int, int]:
    """The ends of the whole numbers that a type holds without rounding."""
    if kind.kind in "iu":
        return int(np.iinfo(kind).min), int(np.iinfo(kind).max)
    most = 2 ** (int(np.finfo(kind).nmant) + 1)
    return -most, most


def augment_held(
    pipeline: Pipeline, images: Mapping[str, Held], labels: Mapping[str, Held], *, seed: int, index: int
) -> Iterator[tuple[dict[str, Any], list[Entry], tuple[float, ...]]]:
    """Augment the values of one item together: for each sample made, the new values by key, what was done, spacing."""
    parts = [(key, number) for key, held in images.items() for number in range(len(held.channels))]
    names = {part: f"{part[0]}[{part[1]}]" if len(images[part[0]].channels) > 1 else part[0] for part in parts}
    scans = {names[part]: _single(images[part[0]].channels[part[1]]) for part in parts}
    maps = {key: held.channels[0] for key, held in labels.items()}
    _require_one_grid([*scans.items(), *maps.items()])
    (first, *more), (truth, *others) = list(scans) or [""], list(maps) or [""]
    sample = Sample(
        image=scans.get(first),
        labels=maps.get(truth),
        more_images={name: scans[name] for name in more},
        more_labels={name: maps[name] for name in others},
    )
    try:
        for made, steps in pipeline.apply_all(sample, seed=seed, index=index):
            after: dict[str, Any] = {first: made.image, **made.more_images}
            truths: dict[str, Any] = {truth: made.labels, **made.more_labels}
            values = {
                key: held.restored([after[names[key, number]] for number in range(len(held.channels))], None)
                for key, held in images.items()
            }
            values |= {key: held.restored([truths[key]], None) for key, held in labels.items()}
            yield values, steps, (after[first] if first else truths[truth]).GetSpacing()
    except AugmentationError as error:
        raise AugmentationError(f"{_and(map(repr, (*images, *labels)))}: {error}") from error


def _require_one_grid(parts: Sequence[tuple[str, sitk.Image]]) -> None:
    (name, first), *others = parts
    for other, image in others:
        if found := grid_difference(first, image):
            raise AugmentationError(
                f"{name!r} and {other!r} are not on the same grid: {found}; resample one of them onto the other"
            )


def _single(image: sitk.Image) -> sitk.Image:
    return sitk.Cast(image, sitk.sitkFloat32) if image.GetPixelID() == sitk.sitkFloat64 else image


def _image_of(array: Array, grid: Grid) -> sitk.Image:
    if array.dtype in (np.bool_, np.float16):  # which SimpleITK does not know
        array = array.astype(np.uint8 if array.dtype == np.bool_ else np.float32)
    image = _copied(array)
    image.SetSpacing(grid.spacing)
    image.SetOrigin(grid.origin)
    image.SetDirection(grid.direction)
    return image


def _copied(array: Array) -> sitk.Image:
    """The voxels (z, y, x) as an image, whose memory has x fastest."""
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if not array.T.flags.c_contiguous:
        return sitk.GetImageFromArray(np.ascontiguousarray(array), isVector=False)
    image = sitk.Image(array.shape[::-1], _PIXELS[array.dtype.str[1:]])
    made = np.asarray(_Memory(image))
    for z in range(0, array.shape[0], _TILE):  # three times as fast as all at once
        for x in range(0, array.shape[2], _TILE):
            made[z : z + _TILE, :, x : x + _TILE] = array[z : z + _TILE, :, x : x + _TILE]
    return image


class _Memory:
    """The memory of a new image that nobody else holds yet, for numpy to write into."""

    def __init__(self, image: sitk.Image) -> None:
        shared = sitk.GetArrayViewFromImage(image).__array_interface__
        self.__array_interface__ = {**shared, "data": (shared["data"][0], False)}
        self._image = image  # keeps the memory


def _and(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
