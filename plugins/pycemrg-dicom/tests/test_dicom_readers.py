"""DICOM files made by highdicom, read back: voxels, place, names, codes, colours; and what is refused."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_files import ORIGIN, SPACING, described, segmentation, series
from pycemrg_dicom.files import is_segmentation, is_series
from pydicom.sr.codedict import codes

from pycemrg_core import ImageError, LabelScheme, load_catalogue, read_heart, read_segmentation, read_volume
from pycemrg_core.api import LabelVolume, Reader, Structure
from pycemrg_core.testing import PluginConformance, ReaderConformance, run_command
from schematics_builtin.demo import heart_file
from schematics_builtin.readers import named_extras, segments_of

CATALOGUE = load_catalogue()


class TestPlugin(PluginConformance):
    plugin = "pycemrg_dicom.plugin"
    heavy = ("numpy", "scipy", "SimpleITK", "cattrs", "yaml", "PIL", "pydicom", "highdicom")


@pytest.mark.slow
class TestReaders(ReaderConformance):
    plugin = "pycemrg_dicom.plugin"

    @pytest.fixture
    def source(self, record: Reader, tmp_path: Path) -> Path:
        written = heart(tmp_path / "tool")
        return written if record.name == "dicom-segmentation" else tmp_path / "tool" / "ct"


def masks() -> np.ndarray:
    """Two structures in seven slices, the second only in some; they overlap in one voxel."""
    found = np.zeros((7, 16, 12, 2), np.uint8)
    found[1:6, 3:9, 2:7, 0] = 1
    found[2:5, 8:14, 6:10, 1] = 1
    return found


def heart(folder: Path, array: np.ndarray | None = None, kind: str = "BINARY") -> Path:
    images = series(folder / "ct")
    segments = [
        described(1, "LV", codes.SCT.LeftVentricle, (50.0, 60.0, 40.0)),
        described(2, "Segment_2", codes.SCT.LeftAtrium),
    ]
    return segmentation(folder / "seg" / "heart.dcm", images, masks() if array is None else array, segments, kind)


def scan(folder: Path) -> sitk.Image:
    """The series as SimpleITK reads it."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def test_segments_with_names_codes_and_colours(tmp_path: Path) -> None:
    found = read_segmentation(heart(tmp_path), CATALOGUE)
    assert found.reader == "dicom-segmentation"
    assert [(one.name, one.structure, one.codes) for one in found.segments] == [
        ("LV", "LV_BP_label", ("87878005",)),
        ("Segment_2", "LA_BP_label", ("82471001",)),
    ]
    red, green, blue = (int(found.segments[0].colour[at : at + 2], 16) for at in (1, 3, 5))
    assert red > 150 > green > 50 > blue - 30
    assert found.segments[1].colour == ""


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP", "FRACTIONAL"])
def test_voxels_are_where_the_scan_has_them(tmp_path: Path, kind: str) -> None:
    array = masks()
    if kind == "LABELMAP":
        array[..., 1] &= 1 - array[..., 0]
    layers = read_segmentation(
        heart(tmp_path, array.astype(float if kind == "FRACTIONAL" else np.uint8), kind), CATALOGUE
    ).layers
    image = scan(tmp_path / "ct")
    for index, layer in enumerate(layers):
        volume = layer.volume
        (label,) = volume.boxes
        assert volume.spacing == pytest.approx(SPACING)
        places = np.argwhere(volume.array == label)[:, ::-1]
        points = np.array(volume.origin) + (places * volume.spacing[::-1]) @ np.reshape(volume.direction, (3, 3)).T
        found = sorted(image.TransformPhysicalPointToIndex(point.tolist())[::-1] for point in points)
        assert found == sorted(map(tuple, np.argwhere(array[..., index]).tolist()))
        assert np.linalg.det(np.reshape(volume.direction, (3, 3))) == pytest.approx(1)


@pytest.mark.slow
def test_a_folder_of_segmentations(tmp_path: Path) -> None:
    one = heart(tmp_path)
    segmentation(one.with_name("aorta.dcm"), series(tmp_path / "ct"), masks()[..., :1], [described(1, "aorta")])
    found = read_segmentation(one.parent, CATALOGUE)
    assert [segment.structure for segment in found.segments] == ["Ao_BP_label", "LV_BP_label", "LA_BP_label"]


@pytest.mark.slow
def test_a_heart_of_segments_that_do_not_overlap(tmp_path: Path) -> None:
    array = masks()
    array[..., 1] &= 1 - array[..., 0]
    read = read_heart(heart(tmp_path, array), CATALOGUE)
    assert read.labels == {"LV_BP_label": 1, "LA_BP_label": 4}
    assert {label: int((read.volume.array == label).sum()) for label in (1, 4)} == {
        1: array[..., 0].sum(),
        4: array[..., 1].sum(),
    }
    shown = run_command("labels", "volumes", tmp_path / "seg" / "heart.dcm", "--csv").stdout
    assert "LV_BP_label" in shown
    overlapping = heart(tmp_path / "two")
    text = run_command("labels", "show", overlapping, code=1).stderr
    assert "'LV' and 'Segment_2' overlap in 3 voxels; make one label map with 'pycemrg fuse'" in text


def test_the_grid_of_a_series(tmp_path: Path) -> None:
    series(tmp_path / "ct")
    (layer,) = read_segmentation(tmp_path / "ct", CATALOGUE).layers
    image = scan(tmp_path / "ct")
    volume = layer.volume
    assert volume.array.shape == image.GetSize()[::-1] == (7, 16, 12)
    assert volume.spacing == pytest.approx(image.GetSpacing()[::-1])
    assert volume.spacing == pytest.approx(SPACING)
    assert volume.origin == pytest.approx(image.GetOrigin())
    assert volume.origin == pytest.approx(ORIGIN)
    assert volume.direction == pytest.approx(image.GetDirection(), abs=1e-6)
    text = run_command("labels", "show", tmp_path / "ct", code=1).stderr
    assert "holds no labels" in text
    assert "'pycemrg fuse'" in text


@pytest.mark.slow
def test_a_series_that_is_no_grid(tmp_path: Path) -> None:
    series(tmp_path / "ct")
    (tmp_path / "ct" / "image_0009.dcm").unlink()
    (layer,) = read_segmentation(tmp_path / "ct", CATALOGUE).layers
    with pytest.raises(ImageError, match="its images are not evenly spaced slices; export the series again"):
        _ = layer.volume
    series(tmp_path / "two")
    for image in series(tmp_path / "more", series_uid="1.2.3.5"):
        image.save_as(tmp_path / "two" / f"more_{image.InstanceNumber}.dcm")
    (layer,) = read_segmentation(tmp_path / "two", CATALOGUE).layers
    with pytest.raises(ImageError, match="holds 2 series; give a folder with one of them"):
        _ = layer.volume


def test_probabilities_are_no_mask(tmp_path: Path) -> None:
    path = heart(tmp_path, masks() * 0.3, "FRACTIONAL")
    with pytest.raises(
        ImageError, match=r"heart\.dcm: segment 1 holds probabilities; export it as a binary segmentation"
    ):
        _ = read_segmentation(path, CATALOGUE).layers[0].volume


def test_a_segment_without_a_name(tmp_path: Path) -> None:
    path = heart(tmp_path)
    dataset = pydicom.dcmread(path)
    dataset.SegmentSequence[0].SegmentLabel = ""
    dataset.save_as(path)
    with pytest.raises(ImageError, match=r"heart\.dcm: segment 1: a segment is called ''; .*; export it again"):
        read_segmentation(path, CATALOGUE)


def test_the_meanings_that_are_written_for_slicer_are_those_of_dicom() -> None:
    known: dict[str, set[str]] = {}
    for entry in codes.SCT.concepts.values():
        known.setdefault(entry.value, set()).add(entry.meaning.casefold())
    coded = [one.record for one in CATALOGUE.all(Structure) if one.record.snomed]
    volume = LabelVolume(np.arange(1, len(coded) + 1, dtype=np.uint8).reshape(1, 1, -1), (1.0, 1.0, 1.0))
    segments = segments_of({value: one.name for value, one in enumerate(coded, 1)}, CATALOGUE)
    pairs = named_extras("heart.seg.nrrd", volume, segments).pairs
    for index, one in enumerate(coded):
        _, code, meaning = pairs[f"Segment{index}_Tags"].split("~")[2].split("^")
        assert code == one.snomed
        assert meaning.casefold() in known[code], one.name


def test_other_files_are_left_to_others(tmp_path: Path) -> None:
    other = tmp_path / "notes.dcm"
    other.write_text("no DICOM")
    assert not any(map(is_segmentation, (other, tmp_path)))
    assert not any(map(is_series, (other, tmp_path)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_damage_is_refused_in_one_line(tmp_path: Path, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    data, rng = heart(tmp_path).read_bytes(), random.Random(seed)
    for number in range(15):
        start = rng.randrange(132, len(data))
        end = start + rng.choice((1, 4, 30, len(data)))
        middle = rng.choice((b"", rng.randbytes(min(end, len(data)) - start)))
        path = tmp_path / f"damaged_{number}.dcm"
        path.write_bytes(data[:start] + middle + data[end:])
        text = ""
        try:
            assert all(layer.volume.array.size for layer in read_segmentation(path, CATALOGUE).layers)
        except ImageError as error:
            text = str(error)
        assert "\n" not in text
        assert not text or str(path) in text
    assert not caplog.records


PLUGIN = Path(__file__).parents[1]
PAGES = [page for page in (PLUGIN / "README.md", PLUGIN.parents[1] / "docs" / "dicom.md") if page.exists()]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every other voxel of the demo's heart, whose slices, rows and columns are those of a series."""
    folder = tmp_path_factory.mktemp("demo")
    volume = read_volume(heart_file())[0].array[::2, ::2, ::2]
    labels = CATALOGUE.get(LabelScheme, "cemrg").labels
    images = series(folder / "ct_series", volume.shape, spacing=(2.0, 2.0, 2.0))
    found = [(name, value) for name, value in labels.items() if value in volume]
    array = np.stack([volume == value for _, value in found], axis=-1).astype(np.uint8)
    segmentation(folder / "heart_seg.dcm", images, array, [described(i, n) for i, (n, _) in enumerate(found, 1)])
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_the_pages_run(tmp_path: Path, demo: Path, monkeypatch: pytest.MonkeyPatch, page: Path) -> None:
    shutil.copytree(demo, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    lines = [line.split() for line in page.read_text().splitlines() if line.startswith("    pycemrg ")]
    assert lines
    for _, *words in lines:
        if "fuse" not in words:
            run_command(*words)
    if page.name == "dicom.md":
        fused = ("fuse", "heart_seg.dcm", "-o", "fused.nrrd", "--grid", "ct_series")
        run_command(*fused)
        assert read_volume("fused.nrrd")[0].array.shape == read_volume(heart_file())[0].array[::2, ::2, ::2].shape
        assert read_volume("out/heart.nrrd")[0].boxes.keys() >= {2, 103}
