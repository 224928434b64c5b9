"""``pycemrg sample`` and ``pycemrg voxelise``: what they write, say and refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pycemrg_spatial.geometry import index_to_point, world_to_inr
from pycemrg_spatial.meshes import read_mesh, write_mesh
from pycemrg_spatial.placing import place
from pyvista import Line, PolyData, Sphere, UnstructuredGrid
from spatial_shapes import contents, hexahedra, oblique, voxels

from pycemrg_core import write_image
from pycemrg_core.testing import run_command as pycemrg

LABELS = np.random.default_rng(2).integers(0, 4, (12, 13, 14)).astype(np.uint8)


@pytest.fixture
def image(tmp_path: Path) -> sitk.Image:
    image = oblique(LABELS, 7)
    write_image(image, tmp_path / "heart.nrrd")
    return image


@pytest.fixture
def folder(tmp_path: Path, image: sitk.Image) -> Path:
    """heart.nrrd and, of its voxels, heart.vtu."""
    write_mesh(hexahedra(image), tmp_path / "heart.vtu")
    return tmp_path


def test_placing_leaves_the_mesh_as_it_is(folder: Path, image: sitk.Image) -> None:
    grid = read_mesh(folder / "heart.vtu")
    own = np.array(grid.points)
    grid.points = own * 1000
    placed = place(grid, image, "um")
    np.testing.assert_allclose(placed.points, own, rtol=1e-12)
    assert (grid.points == own * 1000).all()


def moved(folder: Path, name: str, points: np.ndarray) -> Path:
    grid = read_mesh(folder / "heart.vtu")
    grid.points = points
    write_mesh(grid, folder / name)
    return folder / name


def refused(*arguments: object) -> str:
    result = pycemrg(*arguments, code=1)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr.strip()


def box_of(points: np.ndarray) -> str:
    sides = [f"{low:.6g} to {high:.6g}" for low, high in zip(points.min(axis=0), points.max(axis=0), strict=True)]
    return f"x {sides[0]}, y {sides[1]}, z {sides[2]}"


def image_corners(image: sitk.Image) -> np.ndarray:
    last = np.array(image.GetSize()) - 0.5
    return index_to_point(
        image, [[(-0.5, e)[b] for e, b in zip(last, bits, strict=True)] for bits in np.ndindex(2, 2, 2)]
    )


@pytest.mark.slow(every=2)
@pytest.mark.parametrize("output", ["out.vtk", "out.vtu"])
def test_labels_on_cells_are_the_image(folder: Path, output: str) -> None:
    result = pycemrg("sample", folder / "heart.vtu", folder / "heart.nrrd", "-o", folder / output, "--on", "cells")
    count = (LABELS > 0).sum()
    assert result.stdout == f"{count:,} cells sampled as 'label', 0 outside the image\n{folder / output} written\n"
    written = read_mesh(folder / output)
    assert (written.cell_data["label"] == written.cell_data["tag"]).all()
    assert (written.points == read_mesh(folder / "heart.vtu").points).all()


def test_nodes_as_json(folder: Path, image: sitk.Image) -> None:
    points = index_to_point(image, [(0, 0, 0), (5, 6, 7), (13.4, 12.4, 11.4), (13.6, 0, 0)])
    grid = UnstructuredGrid(np.array([4, 0, 1, 2, 3]), np.array([10], np.uint8), points)
    write_mesh(grid, folder / "four.vtk")
    out = folder / "out.vtk"
    result = pycemrg(
        "sample", folder / "four.vtk", folder / "heart.nrrd", "-o", out, "--outside", -1, "--name", "where", "--json"
    )
    expected = [int(LABELS[0, 0, 0]), int(LABELS[7, 6, 5]), int(LABELS[11, 12, 13]), -1]
    assert read_mesh(out).point_data["where"].tolist() == expected
    facts = json.loads(result.stdout)
    assert facts.pop("values") == {str(value): expected.count(value) for value in sorted(set(expected))}
    assert facts == {
        "mesh": str(folder / "four.vtk"), "image": str(folder / "heart.nrrd"), "output": str(out), "on": "nodes",
        "method": "nearest", "array": "where", "count": 4, "outside": 1, "outside_value": -1,
    }  # fmt: skip
    assert result.stderr == f"{out} written\n"


@pytest.mark.slow
def test_a_scan_on_the_nodes_of_a_surface(folder: Path) -> None:
    scan = oblique(np.random.default_rng(1).normal(size=(12, 13, 14)), 7)
    write_image(scan, folder / "ct.nrrd")
    sphere = Sphere(radius=6, center=index_to_point(scan, [(0, 6, 6)])[0].tolist())
    write_mesh(sphere.cast_to_unstructured_grid(), folder / "ball.stl")
    result = pycemrg(
        "sample", folder / "ball.stl", folder / "ct.nrrd", "-o", folder / "hu.vtu", "--method", "linear", "--name", "HU"
    )
    written = read_mesh(folder / "hu.vtu")
    beyond = 0
    for point, value in zip(written.points.tolist(), written.point_data["HU"].tolist(), strict=True):
        try:
            assert value == pytest.approx(scan.EvaluateAtPhysicalPoint(point, sitk.sitkLinear), abs=1e-9)
        except RuntimeError:
            beyond += 1
            assert np.isnan(value)
    assert 0 < beyond < written.n_points
    assert f"'HU', {beyond:,} outside the image: nan" in result.stdout


@pytest.mark.slow
def test_opencarp_in_micrometres_there_and_back(folder: Path, image: sitk.Image) -> None:
    grid = read_mesh(folder / "heart.vtu")
    micrometres = np.array(grid.points) * 1000
    grid.points, tags = micrometres, grid.cell_data["tag"].copy()
    grid.cell_data["tag"] = np.zeros(grid.n_cells, np.int32)
    write_mesh(grid, folder / "um.elem")
    heart, tagged = folder / "heart.nrrd", folder / "tagged.elem"
    result = pycemrg("sample", folder / "um.elem", heart, "-o", tagged, "--on", "cells", "--mesh-unit", "um")
    assert "the array 'tag' is replaced" in result.stderr
    read = read_mesh(tagged)
    assert (read.points == micrometres).all()
    assert (read.cell_data["tag"] == tags).all()
    pycemrg("voxelise", tagged, heart, "-o", folder / "back.nrrd", "--mesh-unit", "um")
    assert (voxels(folder / "back.nrrd") == LABELS).all()


@pytest.mark.slow
def test_voxelise_gives_the_image_back(folder: Path, image: sitk.Image) -> None:
    out = folder / "out.nrrd"
    result = pycemrg("voxelise", folder / "heart.vtu", folder / "heart.nrrd", "-o", out)
    assert (voxels(out) == LABELS).all()
    assert sitk.ReadImage(str(out)).GetDirection() == pytest.approx(image.GetDirection())
    assert [line.split()[:2] for line in result.stdout.splitlines()[1:]] == [
        [str(label), str((label == LABELS).sum())] for label in (1, 2, 3)
    ]
    assert result.stderr == f"{out} written: 3 labels\n"
    data = json.loads(pycemrg("voxelise", folder / "heart.vtu", folder / "heart.nrrd", "-o", out, "--json").stdout)
    volume = float(np.prod(image.GetSpacing()))
    assert data["labels"][0] == {
        "label": 1,
        "voxels": (LABELS == 1).sum(),
        "mm3": pytest.approx((LABELS == 1).sum() * volume),
    }


@pytest.mark.slow(every=2)
@pytest.mark.parametrize("name", ["ball.stl", "ball.ply"])
def test_voxelise_a_closed_surface(folder: Path, image: sitk.Image, name: str) -> None:
    centre = index_to_point(image, [(7, 6, 6)])[0]
    write_mesh(Sphere(radius=5, center=centre.tolist()).cast_to_unstructured_grid(), folder / name)
    pycemrg("voxelise", folder / name, folder / "heart.nrrd", "-o", folder / "out.nrrd", "--label", 7)
    array = voxels(folder / "out.nrrd")
    distance = np.linalg.norm(index_to_point(image, np.argwhere(array >= 0)[:, ::-1]) - centre, axis=1)
    assert (array.ravel()[distance < 4.8] == 7).all()
    assert (array.ravel()[distance > 5] == 0).all()


@pytest.mark.slow
def test_a_mesh_made_from_an_inr(folder: Path, image: sitk.Image) -> None:
    write_image(image, folder / "heart.inr")
    mesh = moved(folder, "made.vtu", world_to_inr(read_mesh(folder / "heart.vtu").points, image))
    pycemrg("voxelise", mesh, folder / "heart.inr", "-o", folder / "out.nrrd", "--mesh-frame", "inr")
    assert (voxels(folder / "out.nrrd") == LABELS).all()
    out = folder / "out.vtu"
    pycemrg(
        "sample", mesh, folder / "heart.inr", "-o", out, "--on", "cells", "--mesh-frame", "inr", "--method", "label"
    )
    assert (read_mesh(out).cell_data["label"] == read_mesh(out).cell_data["tag"]).all()
    assert (read_mesh(out).points == read_mesh(mesh).points).all()


@pytest.mark.slow
@pytest.mark.parametrize(("unit", "factor", "word"), [("um", 1000, "micrometres"), ("m", 0.001, "metres")])
@pytest.mark.parametrize("command", ["sample", "voxelise"])
def test_another_unit_is_recognised(
    folder: Path, image: sitk.Image, command: str, unit: str, factor: float, word: str
) -> None:
    own = read_mesh(folder / "heart.vtu").points
    mesh, heart = moved(folder, "other.vtu", own * factor), folder / "heart.nrrd"
    before = contents(folder)
    text = refused(command, mesh, heart, "-o", folder / ("o.vtu" if command == "sample" else "o.nrrd"))
    what = "far larger than" if unit == "um" else "smaller than a voxel of"
    assert text == (
        f"error: {mesh}: {what} {heart}: in mm, the mesh is {box_of(own * factor)} and the image is"
        f" {box_of(image_corners(image))}; its coordinates look like {word}: use --mesh-unit {unit}"
    )
    assert contents(folder) == before
    text = refused("voxelise", folder / "heart.vtu", heart, "-o", folder / "o.nrrd", "--mesh-unit", unit)
    assert text.endswith("; its coordinates look like millimetres: use --mesh-unit mm")


@pytest.mark.slow
def test_a_mesh_elsewhere(folder: Path, image: sitk.Image) -> None:
    own, heart, out = read_mesh(folder / "heart.vtu").points, folder / "heart.nrrd", folder / "o.nrrd"
    ras = moved(folder, "ras.vtu", own * (-1, -1, 1))
    text = refused("voxelise", ras, heart, "-o", out)
    assert f"ras.vtu: no overlap with {heart}: in mm, the mesh is {box_of(own * (-1, -1, 1))} and the image" in text
    negate = "; it overlaps when x and y are negated, so one is LPS and the other RAS: negate them in the mesh"
    assert text.endswith(negate)
    both = moved(folder, "both.vtu", own * (-1e3, -1e3, 1e3))
    assert refused("voxelise", both, heart, "-o", out).endswith(f"{negate} and use --mesh-unit um")
    local = moved(folder, "local.vtu", world_to_inr(own, image))
    made = "; it may be made from an .inr, which has no origin: use --mesh-frame inr"
    assert refused("voxelise", local, heart, "-o", out).endswith(made)
    local_um = moved(folder, "local_um.vtu", world_to_inr(own, image) * 1000)
    assert refused("voxelise", local_um, heart, "-o", out).endswith(f"{made} --mesh-unit um")
    far = moved(folder, "far.vtu", own + 5000)
    expected = "; make sure that they belong together, and that --mesh-unit is right"
    assert refused("voxelise", far, heart, "-o", out).endswith(expected)


@pytest.mark.slow
def test_a_folder_of_masks_is_a_label_map_too(folder: Path, image: sitk.Image) -> None:
    (folder / "masks").mkdir()
    for value, name in ((1, "LV_BP"), (2, "LV_myo"), (3, "RV_BP")):
        write_image(image == value, folder / "masks" / f"{name}.nrrd")
    for source in ("heart.nrrd", "masks"):
        pycemrg("sample", folder / "heart.vtu", folder / source, "-o", folder / f"{source}.vtu", "--on", "cells")
        pycemrg("voxelise", folder / "heart.vtu", folder / source, "-o", folder / f"like_{source}.nrrd")
    one, other = (read_mesh(folder / f"{source}.vtu").cell_data["label"] for source in ("heart.nrrd", "masks"))
    np.testing.assert_array_equal(one, other)
    assert (folder / "like_masks.nrrd").read_bytes() == (folder / "like_heart.nrrd.nrrd").read_bytes()


@pytest.mark.slow
def test_what_voxelise_refuses(folder: Path, image: sitk.Image) -> None:
    mesh, heart, out = folder / "heart.vtu", folder / "heart.nrrd", folder / "o.nrrd"
    grid = read_mesh(mesh)
    grid.cell_data["region"] = grid.cell_data["tag"] + np.where(np.arange(grid.n_cells) == 3, 0.5, 0)
    grid.cell_data["fibre"] = np.zeros((grid.n_cells, 3))
    grid.cell_data["less"] = -grid.cell_data["tag"]
    write_mesh(grid, folder / "more.vtu")
    more = folder / "more.vtu"
    half = grid.cell_data["region"][3]
    for tag, text in {
        "regoin": "no cell array is called 'regoin'; did you mean 'region'? (arrays: tag, region, fibre, less)",
        "region": f"the array 'region' is {half:g} at cell 3, which is not an integer (1 of {grid.n_cells:,} cells);"
        " name an array of integers",
        "fibre": "the array 'fibre' has 3 values per cell, not one; name another",
        "less": "the tag -3 is not a label; renumber the tags to 0 (background) to 4294967295",
    }.items():
        assert refused("voxelise", more, heart, "-o", out, "--tag", tag) == f"error: {more}: {text}"
    ball = Sphere(radius=5, center=index_to_point(image, [(7, 6, 6)])[0].tolist())
    opened = PolyData(ball.points, faces=ball.faces.reshape(-1, 4)[1:].ravel())
    write_mesh(opened.cast_to_unstructured_grid(), folder / "open.stl")
    text = "the surface is not closed: it has 3 open edges; close its holes first"
    assert refused("voxelise", folder / "open.stl", heart, "-o", out) == f"error: {folder / 'open.stl'}: {text}"
    assert "a surface gives one label, and --tag is for volume meshes; use --label" in refused(
        "voxelise", folder / "open.stl", heart, "-o", out, "--tag", "tag"
    )
    assert "a volume mesh gets its labels from its region tags, and --label is for surfaces; use --tag" in refused(
        "voxelise", mesh, heart, "-o", out, "--label", 3
    )
    line = Line(image.GetOrigin(), index_to_point(image, [(7, 6, 6)])[0].tolist()).cast_to_unstructured_grid()
    write_mesh(line, folder / "line.vtk")
    assert (
        "no tetrahedra, hexahedra, prisms, pyramids or surface to voxelise; give a volume mesh or a surface"
        in refused("voxelise", folder / "line.vtk", heart, "-o", out)
    )
    assert "none.vtu: no such file" in refused("voxelise", folder / "none.vtu", heart, "-o", out)
    assert "none.nrrd: no such file" in refused("voxelise", mesh, folder / "none.nrrd", "-o", out)
    assert "unknown extension '.xyz'" in refused("voxelise", mesh, heart, "-o", folder / "o.xyz")
    assert not out.exists()


@pytest.mark.slow
def test_what_sample_refuses(folder: Path) -> None:
    mesh, heart = folder / "heart.vtu", folder / "heart.nrrd"
    before = contents(folder)
    for arguments, text in [
        (("-o", folder / "o.stl"), ".stl cannot store arrays; use .vtk, .vtu or .elem"),
        (("-o", folder / "o.elem"), "an openCARP mesh stores one integer per element and no other array"),
        (("-o", folder / "o.vtu", "--outside", 0.5), "--outside 0.5 is not a label; give an integer"),
        (("-o", folder / "o.vtu", "--outside", "nan"), "--outside nan is not a label; give an integer"),
    ]:
        result = pycemrg("sample", mesh, heart, *arguments, code=2)
        assert text in " ".join(result.stderr.split())
    write_image(oblique(LABELS.astype(np.float32) - 0.5, 7), folder / "scan.nrrd")
    text = refused("sample", mesh, folder / "scan.nrrd", "-o", folder / "o.vtu", "--method", "label")
    assert "not whole numbers" in text
    (folder / "scan.nrrd").unlink()
    assert "does not exist; create it first" in refused("sample", mesh, heart, "-o", folder / "none" / "o.vtu")
    assert contents(folder) == before


def test_an_old_array_is_replaced_and_said(folder: Path) -> None:
    out = folder / "o.vtu"
    result = pycemrg("sample", folder / "heart.vtu", folder / "heart.nrrd", "-o", out, "--on", "cells", "--name", "tag")
    assert result.stderr == f"note: {folder / 'heart.vtu'}: the array 'tag' is replaced\n"
