"""Writing images: what comes back is what went in, and a failure leaves what was there."""

from __future__ import annotations

import gzip
import itertools
import json
import math
import os
import stat
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

import nrrd
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_images import VOXELS, frame, make, refusal, rotation

from pycemrg_core.errors import ImageError, OutputError
from pycemrg_core.images import image_files
from pycemrg_core.images.formats import nrrd_writing
from pycemrg_core.images.label_volume import LabelVolume

WRITABLE = [".nrrd", ".nii", ".nii.gz", ".mha", ".inr"]
# NIfTI is in single precision, NRRD stores direction times spacing, MetaImage drops subnormal numbers.
PRECISION = {".nrrd": 1e-12, ".nii": 1e-5, ".nii.gz": 1e-5, ".mha": 1e-300, ".inr": 0.0}

Full = dict[tuple[str, int], tuple[Path, dict[str, bytes], str]]

angle = st.floats(-3, 3)
positive = st.floats(0.05, 20)
place = st.floats(-1000, 1000)


@pytest.mark.slow
@pytest.mark.parametrize("extension", WRITABLE)
@settings(max_examples=25)
@given(
    st.tuples(angle, angle, angle),
    st.tuples(positive, positive, positive),
    st.tuples(place, place, place),
    st.sampled_from(["u1", "u2", "u4", "i1", "i2", "i4", "f4", "f8"]),
    st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4)),
)
def test_round_trip(
    extension: str,
    angles: tuple[float, ...],
    spacing: tuple[float, ...],
    origin: tuple[float, ...],
    dtype: str,
    shape: tuple[int, ...],
) -> None:
    array = (np.arange(math.prod(shape)).reshape(shape) + 1).astype(dtype)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    image.SetDirection(rotation(*angles))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"heart{extension}")
        image_files.write_image(image, path)
        found, notes = image_files.read_image(path)
    assert notes == ()
    assert found.GetPixelID() == image.GetPixelID()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found), array)
    tolerance = PRECISION[extension]
    scale = 1 + np.abs(frame(image))
    assert (np.abs(frame(found) - frame(image)) <= tolerance * scale).all()


@pytest.mark.parametrize("extension", [".NRRD", ".NII", ".NII.GZ", ".MHA", ".INR"])
def test_extensions_in_capitals_are_read_and_written(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"HEART{extension}"
    image_files.write_image(make(), path)
    image, _ = image_files.read_labels(path)
    np.testing.assert_array_equal(image_files.voxel_array(image), VOXELS)


def test_voxels_are_compressed_where_the_format_can(tmp_path: Path) -> None:
    image = make(np.ones((50, 50, 50), np.uint8))
    for extension in (".nrrd", ".nii.gz", ".mha"):
        image_files.write_image(image, tmp_path / f"a{extension}")
        assert (tmp_path / f"a{extension}").stat().st_size < 2000


@pytest.mark.parametrize("extension", WRITABLE)
def test_written_twice_the_bytes_are_the_same_and_nothing_else_is_left(tmp_path: Path, extension: str) -> None:
    first, second = tmp_path / f"a{extension}", tmp_path / f"b{extension}"
    image_files.write_image(make(), first)
    image_files.write_image(make(), second)
    assert first.read_bytes() == second.read_bytes()
    beside = [".json"] if extension == ".inr" else []
    expected = {f"{path.name}{suffix}" for path in (first, second) for suffix in ("", *beside)}
    assert {path.name for path in tmp_path.iterdir()} == expected


@pytest.mark.parametrize("extension", WRITABLE)
def test_file_gets_the_ordinary_permissions(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a{extension}"
    before = os.umask(0o027)
    try:
        image_files.write_image(make(), path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    link = tmp_path / "a.nrrd"
    link.symlink_to(tmp_path / "store" / "real.nrrd")
    image_files.write_image(make(), link)
    assert link.is_symlink()
    np.testing.assert_array_equal(image_files.voxel_array(image_files.read_labels(link)[0]), VOXELS)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.mhd", ".mhd is two files, which cannot be replaced as one; use .mha instead"),
        ("a.nhdr", ".nhdr is two files, which cannot be replaced as one; use .nrrd instead"),
        ("a.xyz", "unknown extension '.xyz'; use one of .nrrd, .nii, .nii.gz, .mha, .inr"),
        ("a", "unknown extension ''; use one of .nrrd"),
        ("no/a.nrrd", "does not exist; create it first"),
        ("folder.nrrd", "it is not an ordinary file; give another name"),
    ],
)
def test_target_that_cannot_be_written_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder.nrrd").mkdir()
    assert message in refusal(OutputError, image_files.write_image, make(), tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.nrrd"]


def test_pixel_type_that_inr_lacks_is_refused(tmp_path: Path) -> None:
    image = make(VOXELS.astype(np.uint64))
    text = refusal(OutputError, image_files.write_image, image, tmp_path / "a.inr")
    assert ".inr cannot hold uint64 voxels; cast them to uint8, uint16 or uint32, or use .nrrd" in text
    assert list(tmp_path.iterdir()) == []


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("extension", WRITABLE)
@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), KeyboardInterrupt()])
def test_failure_at_the_last_moment_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extension: str, error: BaseException
) -> None:
    path = tmp_path / f"a{extension}"
    image_files.write_image(make(), path)
    before = snapshot(tmp_path)
    replace = os.replace

    def fail(source: Path, target: Path) -> None:
        if Path(target) == path:
            raise error
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    other = make(VOXELS + 1)
    other.SetOrigin((7, 8, 9))
    if isinstance(error, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt):
            image_files.write_image(other, path)
    else:
        text = refusal(OutputError, image_files.write_image, other, path)
        assert "cannot be written: Permission denied; check the free space and permissions of" in text
    assert snapshot(tmp_path) == before
    path.unlink()
    path.with_name(f"{path.name}.json").unlink(missing_ok=True)
    with pytest.raises(type(error) if isinstance(error, KeyboardInterrupt) else OutputError):
        image_files.write_image(other, path)
    assert list(tmp_path.iterdir()) == []


def test_sidecar_that_cannot_be_placed_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.inr.json").mkdir()
    assert "cannot be written: " in refusal(OutputError, image_files.write_image, make(), tmp_path / "a.inr")
    assert [path.name for path in tmp_path.iterdir()] == ["a.inr.json"]


@pytest.mark.parametrize(
    ("extension", "module", "function"), [(".mha", sitk, "WriteImage"), (".nrrd", nrrd_writing, "write")]
)
def test_interrupt_while_writing_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extension: str, module: Any, function: str
) -> None:
    def interrupted(*arguments: Any, **_: Any) -> None:
        staged = Path(next(one for one in arguments if isinstance(one, (str, Path))))
        assert staged.parent.parent == tmp_path
        staged.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(module, function, interrupted)
    with pytest.raises(KeyboardInterrupt):
        image_files.write_image(make(), tmp_path / f"a{extension}")
    assert list(tmp_path.iterdir()) == []


def with_air(dtype: str) -> np.ndarray[Any, Any]:
    """Long and short stretches of zeros at both ends and between, longer and shorter than a block of the writer."""
    flat = np.zeros(40 * 100 * 200, dtype)
    for start, stop in ((70_000, 70_010), (150_000, 300_000), (550_000, 550_001), (700_000, 760_123)):
        flat[start:stop] = np.arange(start, stop) % 7 + 1
    return flat.reshape(40, 100, 200)


@pytest.mark.slow(every=10)
@pytest.mark.parametrize("dtype", ["u1", "u2", "u8", "i2", "f4", "f8", ">u2"])
@pytest.mark.parametrize("labels", [True, False])
def test_other_libraries_read_an_nrrd_of_ours(tmp_path: Path, dtype: str, labels: bool) -> None:
    path, like = tmp_path / "a.nrrd", make()
    for array in (with_air(dtype), with_air(dtype)[::-1, :, ::2], np.zeros((3, 4, 5), dtype)):
        geometry = like.GetSpacing(), like.GetOrigin(), like.GetDirection()
        nrrd_writing.write(path, array, *geometry, labels=labels)
        image = sitk.ReadImage(path)
        assert sitk.GetArrayFromImage(image).dtype == np.dtype(dtype).newbyteorder("=")
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image), array)
        np.testing.assert_allclose(frame(image), frame(like), rtol=1e-12, atol=1e-12)
        voxels, header = nrrd.read(str(path), index_order="C")
        np.testing.assert_array_equal(voxels, array)
        assert header["space"] == "left-posterior-superior"
        assert len(gzip.decompress(path.read_bytes().partition(b"\n\n")[2])) == array.nbytes


def test_air_is_almost_free_in_an_nrrd(tmp_path: Path) -> None:
    array = np.zeros((400, 200, 200), np.uint8)
    array[180:220, 90:110, 90:110] = 3
    nrrd_writing.write(tmp_path / "a.nrrd", array, (1, 1, 1), (0, 0, 0), (1, 0, 0, 0, 1, 0, 0, 0, 1), labels=True)
    assert (tmp_path / "a.nrrd").stat().st_size < array.size / 500


FULL_DISK = """
    import json, resource, signal, sys
    sys.dont_write_bytecode = True  # Python would leave a cut .pyc, and with it a broken checkout
    import numpy as np, SimpleITK as sitk
    from pycemrg_core.errors import OutputError
    from pycemrg_core.images.image_files import write_image
    noise = np.random.default_rng(1).integers(1, 200, (30, 40, 50)).astype(np.uint8)
    image = sitk.GetImageFromArray(noise)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    said = {}
    for path, limit in zip(sys.argv[1::2], sys.argv[2::2]):
        usual = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), usual[1]))
        try:
            write_image(image, path)
        except OutputError as error:
            said[path] = str(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    json.dump(said, sys.stdout)
"""
LIMITS = (100, 20000, 57000)


@pytest.fixture(scope="module")
def full_disks(tmp_path_factory: pytest.TempPathFactory) -> Full:
    """One process meets every full disk: by extension and limit the file, its folder before, and what was said."""
    asked = {}
    for extension, limit in itertools.product(WRITABLE, LIMITS):
        path = tmp_path_factory.mktemp("full") / f"a{extension}"
        image_files.write_image(make(), path)
        asked[extension, limit] = path, snapshot(path.parent)
    words = [str(word) for (_, limit), (path, _) in asked.items() for word in (path, limit)]
    command = [sys.executable, "-c", textwrap.dedent(FULL_DISK), *words]
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {case: (path, before, said.get(str(path), "")) for case, (path, before) in asked.items()}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no file size limits to stand in for a full disk")
@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("extension", WRITABLE)
def test_full_disk_is_reported_and_leaves_what_was_there(full_disks: Full, extension: str, limit: int) -> None:
    path, before, said = full_disks[extension, limit]
    assert said.startswith(f"{path}: cannot be written: ")
    assert "ree space" in said or "disk full" in said
    assert "\n" not in said
    assert snapshot(path.parent) == before


def test_warnings_are_silenced_only_while_itk_works(tmp_path: Path) -> None:
    before = sitk.ProcessObject.GetGlobalWarningDisplay()
    for wanted in (True, False):
        sitk.ProcessObject.SetGlobalWarningDisplay(wanted)
        image_files.write_image(make(), tmp_path / "a.nii")
        image_files.read_image(tmp_path / "a.nii")
        assert sitk.ProcessObject.GetGlobalWarningDisplay() is wanted
    sitk.ProcessObject.SetGlobalWarningDisplay(before)


def test_inr_geometry_is_exact_and_matches_simpleitk(tmp_path: Path) -> None:
    image, path = make(), tmp_path / "a.inr"
    image_files.write_image(image, path)
    content = path.read_bytes()
    assert content[256:] == VOXELS.tobytes()
    assert b"VZ=0.3333333333333333\n" in content[:256]
    matrix = np.array(json.loads(path.with_name("a.inr.json").read_text())["index_to_world"])
    for index in ((0, 0, 0), (13, 12, 11), (5, 0, 7)):
        point = image.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose((matrix @ [*index, 1])[:3], point, rtol=1e-13)
    found, notes = image_files.read_labels(path)
    assert notes == ()
    assert frame(found).tobytes() == frame(image).tobytes()


def test_inr_without_sidecar_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    image_files.write_image(make(), path)
    path.with_name("a.inr.json").unlink()
    image, notes = image_files.read_labels(path)
    assert image.GetSpacing() == make().GetSpacing()
    assert image.GetOrigin() == (0, 0, 0)
    assert notes == (f"{path}: no a.inr.json next to it: origin 0 and identity direction assumed",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"VX=0.3\n", b"VX=nan\n", "VX holds 'nan'"),
        (b"VX=0.3\n", b"VX=0.0\n", "spacing [0.0, 0.7, 0.3333333333333333] mm is not three positive numbers"),
    ],
)
def test_inr_with_broken_spacing_is_refused(tmp_path: Path, old: bytes, new: bytes, message: str) -> None:
    path = tmp_path / "a.inr"
    image_files.write_image(make(), path)
    path.with_name("a.inr.json").unlink()
    path.write_bytes(path.read_bytes().replace(old, new))
    assert message in refusal(ImageError, image_files.read_image, path)


@pytest.mark.parametrize("extension", [*WRITABLE, ".vtk", ".gipl"])
@pytest.mark.parametrize("layout", ["strided", "F", "big-endian"])
def test_arrays_of_any_layout_are_written(tmp_path: Path, extension: str, layout: str) -> None:
    array = np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6)
    given = {"strided": array[:, ::2, ::-1], "F": np.asfortranarray(array), "big-endian": array.astype(">u2")}[layout]
    image_files.write_volume(LabelVolume(given, (1.0, 1.0, 1.0)), tmp_path / f"image{extension}")
    found, _ = image_files.read_volume(tmp_path / f"image{extension}")
    np.testing.assert_array_equal(found.array, given)
    assert found.array.dtype == np.uint16
