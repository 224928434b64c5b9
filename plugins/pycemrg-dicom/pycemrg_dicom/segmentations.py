"""DICOM segmentations: each segment is a layer, because segments may overlap."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np

from pycemrg_core.api import ImageError, LabelVolume, Layer, RecordError, Segment, Segmentation, name_of
from pycemrg_dicom.files import read_dataset, refusing, segmentations_in
from pycemrg_dicom.volumes import label_volume

_SNOMED = "SCT"


def read(path: Path) -> Segmentation:
    """The segments of a DICOM-SEG file, or of all such files in a folder."""
    layers = [layer for file in segmentations_in(path) for layer in _layers(file)]
    if not layers:
        raise ImageError(f"{name_of(path)}: holds no segment; export it again")
    return Segmentation(layers=tuple(layers))


def _layers(file: Path) -> list[Layer]:
    described = read_dataset(file, stop_before_pixels=True)
    opened = cache(partial(_opened, file))
    layers = []
    with refusing(file):
        for item in described.SegmentSequence:
            if not (number := int(item.SegmentNumber)):  # the background of a label map
                continue
            load = partial(_volume, file, opened, number)
            layers.append(Layer(segments=(_segment(item, file),), load=load, files=(file,)))
    return layers


def _segment(item: Any, file: Path) -> Segment:
    codes = [
        _code(one)
        for key in ("SegmentedPropertyTypeCodeSequence", "AnatomicRegionSequence")
        for one in item.get(key, ())
    ]
    colour = ""
    if lab := item.get("RecommendedDisplayCIELabValue"):
        colour = "#" + "".join(f"{channel:02x}" for channel in _rgb(lab))
    name = " ".join(str(item.get("SegmentLabel", "")).split())
    try:
        return Segment(value=1, name=name, colour=colour, codes=tuple(code for code in codes if code))
    except RecordError as error:
        raise ImageError(f"{name_of(file)}: segment {item.SegmentNumber}: {error}; export it again") from error


def _code(item: Any) -> str:
    return str(item.get("CodeValue", "")) if item.get("CodingSchemeDesignator") == _SNOMED else ""


def _rgb(lab: Any) -> list[int]:
    """A colour as DICOM has it: unsigned 16-bit numbers for L*, a* and b*."""
    return [int(channel) for channel in hd.color.CIELabColor.from_dicom_value([int(value) for value in lab]).to_rgb()]


def _opened(file: Path) -> Any:
    with refusing(file):
        return hd.seg.segread(file)


def _volume(file: Path, opened: Any, number: int) -> tuple[LabelVolume, tuple[str, ...]]:
    segmentation = opened()
    with refusing(file):
        volume = segmentation.get_volume(segment_numbers=[number])
    values = volume.array[..., 0]
    mask = values > 0
    if not np.array_equal(values, mask):
        raise ImageError(f"{name_of(file)}: segment {number} holds probabilities; export it as a binary segmentation")
    return label_volume(mask.astype(np.uint8), volume.affine), ()
