"""The contributions of the plugin ``readers``; imports little, because every command loads this module."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import Reader, Ref, hookimpl

# reader, what it reads, module, whether the names are next to the source
_READERS = (
    ("mask-folder", "a folder of masks, each named like its structure, such as aorta.nii.gz", "mask_folder", False),
    ("nifti-label-table", "NIfTI with a table of labels in its header, as TotalSegmentator --ml writes it",
        "nifti_table", False),
    ("slicer-segmentation", "segmentations of 3D Slicer, .seg.nrrd, also with several layers", "slicer", False),
    ("nnunet-dataset", "a prediction or label map of nnU-Net: dataset.json beside or above it", "nnunet", True),
    ("viewer-table", "a label table of ITK-SNAP or 3D Slicer with the image's name, such as heart.label",
        "viewer_table", True),
)  # fmt: skip


@hookimpl
def pycemrg_readers() -> Iterable[Reader]:
    for name, summary, module, beside in _READERS:
        home = f"schematics_builtin.readers.{module}"
        yield Reader(
            name=name, summary=summary, recognises=Ref(f"{home}:recognises"), read=Ref(f"{home}:read"), beside=beside
        )
