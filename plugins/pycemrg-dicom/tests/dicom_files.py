"""A CT series as a scanner writes it, and segmentations of it made by highdicom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

SPACING = (2.5, 0.75, 0.5)  # slices, rows, columns
ORIGIN = (12.0, -30.0, 7.5)
# Oblique: columns, rows and slices point along these, in LPS.
ACROSS = np.array([0.8, 0.6, 0.0])
DOWN = np.array([-0.48, 0.64, -0.6])
UP = np.cross(ACROSS, DOWN)


def series(
    folder: Path,
    shape: tuple[int, ...] = (7, 16, 12),
    series_uid: str = "1.2.3.4",
    spacing: tuple[float, float, float] = SPACING,
) -> list[FileDataset]:
    """Write a CT series of ``shape`` (slices, rows, columns); file names are not in the order of the slices."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for index in range(shape[0]):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = f"{series_uid}.{index + 1}"
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = folder / f"image_{(index * 3) % 1009:04d}.dcm"
        image = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
        image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = "1.2.3", series_uid, "1.2.9"
        image.Modality, image.PatientName, image.PatientID, image.AccessionNumber = "CT", "Nobody^No", "1", ""
        image.PatientBirthDate = image.PatientSex = image.StudyDate = image.StudyTime = image.StudyID = ""
        image.ReferringPhysicianName, image.InstanceNumber, image.SeriesNumber = "", index + 1, 1
        image.Rows, image.Columns, image.PixelSpacing = shape[1], shape[2], list(spacing[1:])
        image.SliceThickness = spacing[0]
        image.ImageOrientationPatient = [*ACROSS, *DOWN]
        image.ImagePositionPatient = [f"{value:.9g}" for value in np.array(ORIGIN) + UP * spacing[0] * index]
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 1
        image.RescaleIntercept, image.RescaleSlope = 0, 1
        image.PixelData = np.zeros(shape[1:], np.int16).tobytes()
        image.save_as(path, enforce_file_format=True)
        made.append(image)
    return made


def described(number: int, label: str, kind: Code = codes.SCT.Tissue, colour: Sequence[float] | None = None) -> Any:
    more: Mapping[str, Any] = {"display_color": hd.color.CIELabColor(*colour)} if colour else {}
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=kind,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        **more,
    )


def segmentation(
    path: Path, source: Sequence[FileDataset], masks: npt.NDArray[Any], segments: Sequence[Any], kind: str = "BINARY"
) -> Path:
    """Write masks (slices, rows, columns, segments), in the order of the source images."""
    made = hd.seg.Segmentation(
        source_images=source,
        pixel_array=masks,
        segmentation_type=kind,
        segment_descriptions=segments,
        series_instance_uid="1.2.3.99",
        series_number=2,
        sop_instance_uid=f"1.2.3.99.{abs(hash(path.name)) % 10**6}",
        instance_number=1,
        manufacturer="pycemrg",
        manufacturer_model_name="tests",
        software_versions="1",
        device_serial_number="1",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(path)
    assert pydicom.dcmread(path).SOPClassUID == made.SOPClassUID
    return path
