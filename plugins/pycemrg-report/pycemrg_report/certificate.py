"""The certificate of a run: read it from the folder of the run, or make it now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from pycemrg_core import Catalogue
from pycemrg_core.api import Blueprint, DocumentError, LabelVolume, Output, load_json, name_of, wrong_places
from pycemrg_core.cli.kit import IMAGE
from schematics_builtin.certificate import Closure

NAME = "certificate"
FILE = "certificate.json"
SEVERITIES = ("error", "warning", "expected")


def read_certificate(folder: Path, voxels_sha256: str, notes: list[str]) -> Mapping[str, Any] | None:
    """The certificate in the folder of a run, as plain data; None when there is none, or it is for another heart.

    Raises :class:`DocumentError` when the file exists and is not a certificate.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    data = load_json(path)
    if problem := _problem(data):
        raise DocumentError(
            f"{name_of(path)}: not a certificate: {problem}; remove it, or write it again with 'pycemrg certify'"
        )
    about = data.get("input")
    if not isinstance(about, dict) or about.get("voxels_sha256") != voxels_sha256:
        notes.append(f"{FILE} is for another heart, and is left out.")
        return None
    return data


def certify(volume: LabelVolume, catalogue: Catalogue, blueprint: Blueprint) -> Mapping[str, Any] | None:
    """Make a new certificate of a heart; None when the certificate plugin is not loaded."""
    if not any(contribution.name == NAME for contribution in catalogue.all(Output)):
        return None
    from schematics_builtin.certificate import certify_image

    return certify_image(volume, catalogue, blueprint, name=IMAGE).as_json()


# What a page shows of a certificate.
_SHAPE = {
    "verdict": str,
    "findings": [
        {
            "what": str,
            "severity": str,
            "?check": str,
            "?labels": [str],
            "?values": [int],
            "?voxel": ([int], None),
            "?point_mm": ([float], None),
            "?box": ([[int]], None),
            "?faces": int,
            "?voxels": int,
            "?mm": (float, None),
            "?mm2": float,
        }
    ],
    "?checks": [{"name": str, "provider": str, "?summary": str, "?advice": str}],
    "?statement": str,
    "?recipe": str,
    "?closure": {**{f"?{one.name}": [str] for one in attrs.fields(Closure)}, "?spaces": {"*": int}},
}


def _problem(data: Mapping[str, Any]) -> str:
    if data.get("verdict") not in ("PASS", "FAIL"):
        return f"its verdict is {data.get('verdict')!r}"
    if wrong := next(wrong_places(data, _SHAPE), None):
        return wrong
    for number, finding in enumerate(data["findings"]):
        if finding["severity"] not in SEVERITIES:
            return f"the severity of findings[{number}] is {finding['severity']!r}"
        if (point := finding.get("point_mm")) is not None and len(point) != 3:
            return f"point_mm of findings[{number}] is {point!r}, not three numbers"
    return ""
