"""Segmentations as other programs write them: made with nibabel and pynrrd, and not with our own writers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import nrrd
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# (x, y, z) voxels of 1.5 x 1 x 2 mm, right to left, front to back; the third axis is tilted.
AFFINE = np.array([[-1.5, 0.0, 0.0, 30.0], [0.0, -0.8, -1.2, 20.0], [0.0, -0.6, 1.6, -10.0], [0.0, 0.0, 0.0, 1.0]])


def blocks(labels: Sequence[int], shape: tuple[int, int, int] = (12, 10, 8)) -> Array:
    """An (x, y, z) label map with one block for each label, side by side along x."""
    array = np.zeros(shape, np.uint8)
    width = (shape[0] - 2) // len(labels)
    for index, label in enumerate(labels):
        array[1 + index * width : 1 + (index + 1) * width, 2:-2, 2:-2] = label
    return array


def nifti(path: Path, array: Array, *extensions: tuple[int, bytes]) -> Path:
    image = nib.Nifti1Image(array, AFFINE)
    for code, data in extensions:
        image.header.extensions.append(nib.nifti1.Nifti1Extension(code, data))
    path.parent.mkdir(exist_ok=True)
    nib.save(image, path)
    return path


def caret(names: Mapping[int, str], colours: Mapping[int, Sequence[float]] | None = None) -> bytes:
    """The extension that TotalSegmentator writes with ``--ml``."""
    rows = []
    for value, name in names.items():
        red, green, blue = (colours or {}).get(value, (0.5, 0.25, 0.125))
        rows.append(
            f'<Label Key="{value}" Red="{red}" Green="{green}" Blue="{blue}" Alpha="1"><![CDATA[{name}]]></Label>'
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><CaretExtension><Date><![CDATA[2013-07-14T05:45:09]]></Date>'
        f'<VolumeInformation Index="0"><LabelTable>{"".join(rows)}</LabelTable><StudyMetaDataLinkSet>'
        "</StudyMetaDataLinkSet><VolumeType><![CDATA[Label]]></VolumeType></VolumeInformation></CaretExtension>"
    ).encode()


def terminology(code: str, meaning: str, region: str = "^^") -> str:
    context = "Segmentation category and type - 3D Slicer General Anatomy list"
    category = "SCT^123037004^Anatomical Structure"
    kind = f"{category}~SCT^{code}^{meaning}~^^"
    return f"TerminologyEntry:{context}~{kind}~Anatomic codes - DICOM master list~{region}~^^|"


def slicer(path: Path, layers: Sequence[Array], segments: Sequence[Mapping[str, str]]) -> Path:
    """A ``.seg.nrrd``: one layer is 3-D; several are 4-D, with the layer first."""
    several = len(layers) > 1
    directions = (AFFINE[:3, :3] * np.array([[-1.0], [-1.0], [1.0]])).T
    header: dict[str, Any] = {
        "space": "left-posterior-superior",
        "space directions": np.vstack([np.full(3, np.nan), directions]) if several else directions,
        "space origin": AFFINE[:3, 3] * (-1, -1, 1),
        "kinds": ["list", "domain", "domain", "domain"] if several else ["domain"] * 3,
        "encoding": "gzip",
        "Segmentation_ContainedRepresentationNames": "Binary labelmap|Closed surface|",
        "Segmentation_SourceRepresentation": "Binary labelmap",
    }
    for index, fields in enumerate(segments):
        header |= {f"Segment{index}_{field}": value for field, value in fields.items()}
    nrrd.write(str(path), np.stack(layers) if several else layers[0], header)
    return path


def dataset_json(path: Path, labels: Mapping[str, Any], **more: Any) -> Path:
    document = {"channel_names": {"0": "CT"}, "labels": labels, "numTraining": 1, "file_ending": ".nii.gz", **more}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def itksnap(path: Path, names: Mapping[int, str]) -> Path:
    head = ["################", "# ITK-SnAP Label Description File", "# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL"]
    rows = [f'{value:5d} {9 * value % 256:5d}  10   200        1  1  1    "{name}"' for value, name in names.items()]
    clear = '    0     0    0    0        0  0  0    "Clear Label"'
    path.write_text("\n".join([*head, clear, *rows, ""]), encoding="utf-8")
    return path
