"""The certificates of meshes that lie beside a heart, written by ``pycemrg mesh``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pycemrg_core.api import DocumentError, load_json, name_of, wrong_places

_FILES = "*.mesh.json"
_MOST_BYTES = 10_000_000

# What a page shows of the certificate of a mesh.
_SHAPE = {
    "verdict": str,
    "statement": str,
    "engine": str,
    "points": int,
    "tetrahedra": int,
    "checks": [{"name": str, "passed": bool, "what": str}],
    "surfaces": [{"name": str, "triangles": int, "genus": int, "mm2": float, "mm3": float, "voxels_mm3": float}],
    "scaled_jacobian": {"smallest": float, "median": float, "low": int, "histogram": [int]},
    "input": {"voxels_sha256": str},
}


def read_meshes(folder: Path, voxels_sha256: str, notes: list[str]) -> tuple[Mapping[str, Any], ...]:
    """The certificates of the meshes of a heart in its folder, as plain data with the ``file`` of each.

    Those of another heart are left out, with a note. Raises :class:`DocumentError` when a file is not one.
    """
    found = []
    for path in sorted(folder.glob(_FILES)):
        data = load_json(path, "a certificate of a mesh", _MOST_BYTES)
        if problem := _problem(data):
            raise DocumentError(
                f"{name_of(path)}: not a certificate of a mesh: {problem}; remove it, or write it again with"
                " 'pycemrg mesh'"
            )
        if data["input"]["voxels_sha256"] == voxels_sha256:
            found.append({**data, "file": path.name})
        else:
            notes.append(f"{path.name} is for another heart, and is left out.")
    return tuple(found)


def _problem(data: Mapping[str, Any]) -> str:
    if data.get("verdict") not in ("PASS", "FAIL"):
        return f"its verdict is {data.get('verdict')!r}"
    return next(wrong_places(data, _SHAPE), "")
