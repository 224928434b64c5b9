"""The meshes of a heart on its page: what their certificates say, and only those of this heart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import contents, pycemrg
from report_runs import cells, make_run, one, record, report, words


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("run"))


def certificate(sha256: str) -> dict[str, Any]:
    surface = {"name": "epicardium", "triangles": 1234, "genus": 2, "mm2": 5678.9, "mm3": 123456.0, "voxels_mm3": 0.0}
    broken = {**surface, "name": "LV_endocardium", "genus": -1, "voxels_mm3": 98765.0}
    return {
        "format": 1, "verdict": "FAIL", "statement": "3 non-manifold edges", "engine": "cut",
        "input": {"name": "heart.nrrd", "voxels_sha256": sha256}, "points": 4321, "tetrahedra": 20000,
        "checks": [{"name": "edges", "passed": False, "what": "3 non-manifold edges <b>"}],
        "surfaces": [surface, broken],
        "scaled_jacobian": {"smallest": 0.11, "median": 0.71, "low": 0, "histogram": [0] * 10 + [100, 400] + [0] * 8},
    }  # fmt: skip


def write(run: Path, data: object) -> Path:
    path = run / "heart.mesh.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_mesh_has_its_section(run: Path) -> None:
    write(run, certificate(record(run)["output"]["voxels_sha256"]))
    page = report(run)
    section = one(page, "#mesh")
    assert words(one(section, "h3")) == "FAIL heart.mesh.json"
    assert [words(part) for part in section.select("p")] == [
        "3 non-manifold edges",
        "Engine cut, 4,321 nodes; 3 non-manifold edges <b>.",
    ]
    assert [cells(row) for row in section.select("tbody tr")] == [
        ["epicardium", "1,234", "5,679", "123.46", "", "2"],
        ["LV_endocardium", "1,234", "5,679", "123.46", "98.77", "-"],
    ]
    bars = [(float(str(bar["x"])), float(str(bar["height"]))) for bar in section.select("rect.bar")]
    assert [bar for bar in bars if bar[1]] == [(450.5, 33.0), (495.5, 66.0)]
    assert [words(link) for link in page.select("nav a")].count("Mesh") == 1


@pytest.mark.slow
def test_a_mesh_of_another_heart_is_left_out(run: Path) -> None:
    write(run, certificate("0" * 64))
    page = report(run)
    assert page.select("#mesh") == []
    assert "heart.mesh.json is for another heart, and is left out." in [words(note) for note in page.select(".note")]


@pytest.mark.slow(every=3)
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"verdict": "MAYBE"}, "its verdict is 'MAYBE'"),
        ({"surfaces": [{"name": "x"}]}, "no surfaces[0].triangles"),
        ({"scaled_jacobian": None}, "scaled_jacobian is not a mapping"),
        ({"input": {}}, "no input.voxels_sha256"),
    ],
)
def test_what_is_not_a_certificate_is_refused(run: Path, change: dict[str, Any], reason: str) -> None:
    path = write(run, {**certificate(""), **change})
    before = contents(run)
    assert pycemrg("report", run, code=1).stderr == (
        f"error: {path}: not a certificate of a mesh: {reason}; remove it, or write it again with 'pycemrg mesh'\n"
    )
    assert contents(run) == before
