"""The frame of what segsmooth writes: a simulation of its reading of headers, and the world as SimpleITK has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from pycemrg_spatial.errors import MeshError
from pycemrg_spatial.geometry import inr_to_world
from pycemrg_spatial.meshes import read_mesh, write_mesh
from pycemrg_spatial.segsmooth import Segsmooth, read_segsmooth
from spatial_shapes import hexahedra, itk_points, oblique

from pycemrg_core import ImageError, read_image, write_image
from pycemrg_core.testing import run_command as pycemrg

LABELS = np.random.default_rng(3).integers(0, 4, (8, 9, 10)).astype(np.uint8)


def believed(image: sitk.Image) -> np.ndarray:
    """The diagonal of the space directions, as SimpleITK writes them: one row per axis."""
    rows = (np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()).T
    return np.diagonal(rows)


def smoothed(image: sitk.Image, path: Path, first: tuple[int, ...] = (0, 0, 0), step: float = 1.0) -> np.ndarray:
    """Write what segsmooth would, of voxels ``step`` as large from index ``first`` on. Returns its signed spacing."""
    spacing, mins = believed(image) * step, np.array(image.GetOrigin()) + believed(image) * first
    x, y, z = image.GetSize()
    head = f"NRRD0004\ntype: uint8\ndimension: 3\nsizes: {x} {y} {z}\nencoding: raw\nendian: little\n"
    # segsmooth's voxels are mirrored where the diagonal is negative; its spacings are lengths.
    head += f"spacings: {' '.join(map(repr, np.abs(spacing).tolist()))}\n"
    head += f"axis mins: {' '.join(map(repr, mins.tolist()))}\n\n"
    path.write_bytes(head.encode() + sitk.GetArrayFromImage(image).tobytes())
    return spacing


def turned(seed: int) -> sitk.Image:
    """An image turned by some degrees: the diagonal of its direction is positive."""
    image = oblique(LABELS, seed)
    angles = np.random.default_rng(seed).uniform(-0.4, 0.4, 3)
    image.SetDirection(sitk.Euler3DTransform((0, 0, 0), *angles.tolist()).GetMatrix())
    return image


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1), st.tuples(*[st.integers(-3, 3)] * 3), st.sampled_from([0.5, 1.0, 1.3]))
def test_a_mesh_of_its_output_comes_back_to_the_world(seed: int, first: tuple[int, ...], step: float) -> None:
    """Any direction, also mirrored: the mesher's points are index times (signed) spacing from the first voxel."""
    image = oblique(LABELS, seed)
    direction = np.reshape(image.GetDirection(), (3, 3))
    frame = Segsmooth(direction, np.array(image.GetOrigin()), np.array(image.GetOrigin()) + believed(image) * first)
    indices = np.random.default_rng(seed).uniform(0, 10, (20, 3))
    points = indices * believed(image) * step
    world = itk_points(image, indices * step + first)
    assert np.abs(frame.to_world(points) - world).max() < 1e-6 * max(1, np.abs(world).max())


def test_the_headers_say_it_all(tmp_path: Path) -> None:
    image = turned(5)
    write_image(image, tmp_path / "given.nrrd")
    spacing = smoothed(image, tmp_path / "smooth.nrrd", (1, 2, 3), 0.5)
    frame = read_segsmooth(tmp_path / "given.nrrd", tmp_path / "smooth.nrrd")
    indices = np.random.default_rng(1).uniform(0, 8, (50, 3))
    points, world = indices * spacing, itk_points(image, indices * 0.5 + (1, 2, 3))
    assert np.abs(frame.to_world(points) - world).max() < 1e-9
    # Without it, the mesh is millimetres away, and overlaps all the same.
    naive = inr_to_world(points, read_image(tmp_path / "smooth.nrrd")[0])
    assert np.abs(naive - world).max() > 1
    placed = frame.image_in_world(read_image(tmp_path / "smooth.nrrd")[0])
    assert np.abs(itk_points(placed, indices) - world).max() < 1e-9
    np.testing.assert_array_equal(sitk.GetArrayFromImage(placed), LABELS)


def test_the_image_of_a_mirrored_axis(tmp_path: Path) -> None:
    image = oblique(LABELS, 11)
    diagonal = np.diagonal(np.reshape(image.GetDirection(), (3, 3)))
    assert (diagonal < 0).any()
    frame = Segsmooth(
        np.reshape(image.GetDirection(), (3, 3)), np.array(image.GetOrigin()), np.array(image.GetOrigin())
    )
    output = sitk.GetImageFromArray(LABELS)
    output.SetSpacing(np.abs(believed(image)).tolist())
    placed = frame.image_in_world(output)
    assert np.linalg.det(np.reshape(placed.GetDirection(), (3, 3))) == pytest.approx(
        np.linalg.det(np.reshape(image.GetDirection(), (3, 3))) * np.prod(np.sign(diagonal))
    )
    indices = np.random.default_rng(1).uniform(0, 8, (20, 3))
    np.testing.assert_allclose(itk_points(placed, indices), itk_points(image, indices * np.sign(diagonal)), atol=1e-9)


@pytest.mark.slow
def test_the_commands_take_the_two_files(tmp_path: Path) -> None:
    image = turned(5)
    write_image(image, tmp_path / "given.nrrd")
    spacing = smoothed(image, tmp_path / "smooth.nrrd")
    mesh = hexahedra(image)
    indices = np.array(
        [image.TransformPhysicalPointToContinuousIndex(p) for p in np.array(mesh.points, float).tolist()]
    )
    mesh.points = indices * spacing * 1000
    write_mesh(mesh, tmp_path / "made.vtu")
    frame = ("--mesh-unit", "um", "--segsmooth", tmp_path / "given.nrrd", tmp_path / "smooth.nrrd")
    pycemrg("voxelise", tmp_path / "made.vtu", tmp_path / "given.nrrd", "-o", tmp_path / "back.nrrd", *frame)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "back.nrrd"))), LABELS)
    sample = ("sample", tmp_path / "made.vtu", tmp_path / "given.nrrd", "-o", tmp_path / "tagged.vtu", "--on", "cells")
    pycemrg(*sample, *frame)
    sampled = read_mesh(tmp_path / "tagged.vtu").cell_data
    np.testing.assert_array_equal(sampled["label"], sampled["tag"])
    text = pycemrg(*sample, *frame, "--mesh-frame", "inr", code=2).stderr
    assert "--segsmooth says what the mesh was made from; leave out --mesh-frame inr" in text


def test_files_that_are_not_of_segsmooth(tmp_path: Path) -> None:
    image = turned(5)
    given, smooth, other = tmp_path / "given.nrrd", tmp_path / "smooth.nrrd", tmp_path / "given.mha"
    write_image(image, given)
    write_image(image, other)
    smoothed(image, smooth)
    with pytest.raises(MeshError, match=r"given\.nrrd: its header has no axis mins of three numbers; give the file of"):
        read_segsmooth(given, given)
    with pytest.raises(MeshError, match=r"smooth\.nrrd: its header has no space directions in left-posterior-superior"):
        read_segsmooth(smooth, smooth)
    with pytest.raises(MeshError, match=r"given\.mha: is not a NRRD file; segsmooth reads and writes \.nrrd"):
        read_segsmooth(other, smooth)
    with pytest.raises(ImageError, match="no such file"):
        read_segsmooth(tmp_path / "none.nrrd", smooth)
    image.SetDirection((0, 1, 0, 1, 0, 0, 0, 0, 1))
    write_image(image, given)
    with pytest.raises(MeshError, match="the axis x is at a right angle to that of the world"):
        read_segsmooth(given, smooth)
