"""The contributions of the plugin ``dicom``; imports little, because every command loads this module."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import Reader, Ref, hookimpl


@hookimpl
def pycemrg_readers() -> Iterable[Reader]:
    yield Reader(
        name="dicom-segmentation",
        summary="DICOM-SEG: a file, or a folder with such files",
        recognises=Ref("pycemrg_dicom.files:is_segmentation"),
        read=Ref("pycemrg_dicom.segmentations:read"),
    )
    yield Reader(
        name="dicom-series",
        summary="the grid of a DICOM series: a folder with its images",
        recognises=Ref("pycemrg_dicom.files:is_series"),
        read=Ref("pycemrg_dicom.series:read"),
    )
