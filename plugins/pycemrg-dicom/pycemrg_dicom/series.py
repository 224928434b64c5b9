"""The grid of a DICOM series, from the headers of its images."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np

from pycemrg_core.api import ImageError, LabelVolume, Layer, Segmentation, name_of
from pycemrg_dicom.files import files_in, read_dataset, refusing
from pycemrg_dicom.volumes import label_volume

_TAGS = (
    *("SOPClassUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Rows", "Columns", "PixelSpacing"),
    *("ImagePositionPatient", "ImageOrientationPatient", "SpacingBetweenSlices", "SliceThickness", "NumberOfFrames"),
)


def read(path: Path) -> Segmentation:
    """A layer without labels on the grid of the series."""
    files = tuple(files_in(path))
    load = partial(_grid, path, files)
    note = f"{name_of(path)}: a series of images, which has a grid and no labels"
    return Segmentation(layers=(Layer(load=load, files=files),), notes=(note,))


def _grid(path: Path, files: tuple[Path, ...]) -> tuple[LabelVolume, tuple[str, ...]]:
    images = [read_dataset(file, specific_tags=list(_TAGS), stop_before_pixels=True) for file in files]
    with refusing(path):  # values are read when they are asked for
        series = {str(image.get("SeriesInstanceUID", "")) for image in images}
        several = any(image.get("NumberOfFrames", 1) != 1 for image in images)
    if len(series) > 1:
        raise ImageError(f"{name_of(path)}: holds {len(series)} series; give a folder with one of them")
    if several:
        raise ImageError(
            f"{name_of(path)}: its images have several frames each, so it is not read; convert it to .nrrd"
        )
    with refusing(path):
        spacing, places = hd.spatial.get_series_volume_positions(images)
        if spacing is None:
            raise ImageError(f"{name_of(path)}: its images are not evenly spaced slices; export the series again")
        first = images[places.index(0)]
        geometry = hd.VolumeGeometry.from_attributes(
            image_position=_numbers(first.ImagePositionPatient),
            image_orientation=_numbers(first.ImageOrientationPatient),
            rows=first.Rows,
            columns=first.Columns,
            pixel_spacing=_numbers(first.PixelSpacing),
            spacing_between_slices=spacing,
            number_of_frames=len(images),
            coordinate_system="PATIENT",
        )
    return label_volume(np.zeros(geometry.spatial_shape, np.uint8), geometry.affine), ()


def _numbers(values: Any) -> list[float]:
    return [float(value) for value in values]
