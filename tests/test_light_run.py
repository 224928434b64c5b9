"""What whole commands import, how often they look at all of an image, what memory air takes: counts, no seconds."""

from __future__ import annotations

import errno
import mmap
import os
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import pycemrg, small_heart
from numpy.typing import NDArray
from plugin_packages import modules_after

from pycemrg_core import load_catalogue, read_volume, run_recipe, write_volume
from pycemrg_core.api import LabelVolume, as_region
from pycemrg_core.images import (
    adjacency,
    boxes,
    component_map,
    edits,
    formats,
    image_files,
    label_volume,
    run_lengths,
    voxel_hash,
)
from pycemrg_core.images.formats import nrrd_writing
from pycemrg_core.images.zeros import zeros
from schematics_builtin.certificate import asked_of, certify_image
from schematics_builtin.pictures import draw_slices

COMMAND = "from pycemrg_core.cli import main; main()"
SLOW = {"SimpleITK", "scipy", "cattrs", "yaml", "PIL", "numpy.ma", "numpy.f2py", "importlib.metadata", "urllib.request"}
SLOW |= {"logging", "shutil", "tempfile", "random", "bz2", "xml.parsers.expat"}
RUN = ("run", "four_chamber_full", "{heart}", "-o", "{folder}/out", "--no-plugins")
CLEAN = ("clean", "{heart}", "-o", "{folder}/clean.nrrd", "--reassign-islands", "--fill-holes", "--no-plugins")
ALL = 208**3  # voxels of the image in air
MOST_MODULES = 300  # beyond those of Python and numpy


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [RUN, CLEAN], ids=["run", "clean"])
def test_nothing_slow_is_imported_on_the_way(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Each of these takes longer to import than a step of a recipe takes."""
    filled = [one.format(heart=small_heart(tmp_path), folder=tmp_path) for one in arguments]
    code, modules, _ = modules_after(COMMAND, *filled, cwd=tmp_path)
    assert code in (0, None)
    assert not SLOW & modules
    bare = modules_after("import numpy", cwd=tmp_path)[1]
    assert len(modules - bare) < MOST_MODULES, sorted(modules - bare)


@pytest.mark.slow
def test_a_certificate_of_a_heart_without_rings_needs_neither_scipy_nor_simpleitk(tmp_path: Path) -> None:
    pycemrg("run", "four_chamber_full", small_heart(tmp_path), "-o", tmp_path / "out")
    grown = str(tmp_path / "out" / "heart.nrrd")
    _, modules, printed = modules_after(COMMAND, "certify", grown, "--no-plugins", cwd=tmp_path)
    assert "PASS" in printed or "FAIL" in printed
    assert not {"SimpleITK", "scipy"} & modules


@pytest.mark.slow
def test_label_maps_are_compared_without_simpleitk(tmp_path: Path) -> None:
    heart = small_heart(tmp_path)
    _, modules, printed = modules_after(COMMAND, "compare", heart, heart, "--metrics", "dice", cwd=tmp_path)
    assert "LV_BP_label" in printed
    assert "SimpleITK" not in modules


def traced(work: Callable[[], object]) -> int:
    """The memory of Python and numpy at its highest during some work, in bytes."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture
def in_air(tmp_path: Path) -> Path:
    """The phantom in the middle of an image of 80 times its size."""
    heart = read_volume(small_heart(tmp_path))[0]
    write_volume(heart.with_array(np.pad(heart.array, 80)), tmp_path / "air.nrrd")
    return tmp_path / "air.nrrd"


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a function that takes time for each voxel is given all of the image in air."""
    counted: Counter[str] = Counter()

    def count(module: Any, name: str) -> None:
        function: Callable[..., Any] = getattr(module, name)

        def counting(*arguments: Any, **options: Any) -> Any:
            given = [one for one in arguments if isinstance(one, (np.ndarray, memoryview))]
            if not given or any(one.nbytes >= ALL for one in given):
                counted[name] += 1
            return function(*arguments, **options)

        monkeypatch.setattr(module, name, counting)

    count(boxes, "occupied")
    count(boxes, "_runs")
    count(label_volume, "bounding_boxes")
    count(label_volume.dilation, "dilate")
    count(formats, "read_voxels")
    count(nrrd_writing, "write")
    count(voxel_hash, "occupied")
    return counted


@pytest.mark.slow
def test_all_of_an_image_is_looked_at_once(tmp_path: Path, in_air: Path, whole: Counter[str]) -> None:
    """Once to read it, to find the boxes of its labels and to write it; all else, the hash too, is in the box."""
    pycemrg("run", "four_chamber_full", in_air, "-o", tmp_path / "out")
    assert whole == {"read_voxels": 1, "bounding_boxes": 1, "occupied": 1, "write": 1}


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        "run four_chamber_full {image} -o {out}",
        "run four_chamber_full {image} -o {out} --with picture",
        "run four_chamber_full {image} -o {out} --with certificate,itksnap-table,slicer-table",
        "plan four_chamber_full {image}",
        "clean {image} -o {out}.nrrd --reassign-islands --fill-holes",
        "certify {image} --recipe four_chamber_full",
        "repair {image} -o {out}.nrrd --recipe four_chamber_full",
        "measure {image}",
        "compare {image} {image}",
        "labels show {image}",
        "labels suggest {image}",
        "labels check {image} --recipe four_chamber_full",
        "labels remap {image} -o {out}.nrrd --map 1=101",
        "labels keep {image} LV_BP RV_BP -o {out}.nrrd",
    ],
    ids=lambda command: " ".join([*command.split()[:2], *command.split(" --with ")[1:]]),
)
def test_air_is_neither_copied_nor_read_into_memory(
    tmp_path: Path, in_air: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zeros that are never written to stay out of memory; where numpy makes them, they are counted, and only twice.

    The memory of SimpleITK is not counted, so no image of it may be made of all voxels.
    """
    made, make = [0], image_files._image
    monkeypatch.setattr(image_files, "_image", lambda array, *at: (made.append(array.nbytes), make(array, *at))[1])
    judged = command.startswith(("certify", "repair")) or "certificate" in command  # FAIL, of what is not closed

    def peak(image: Path) -> int:
        arguments = command.format(image=image, out=tmp_path / f"of_{image.stem}").split()
        return traced(lambda: pycemrg(*arguments, code=int(judged)))

    peak(small_heart(tmp_path))  # imports
    counted = 0 if sys.platform == "linux" else 2 * ALL
    assert peak(in_air) < peak(small_heart(tmp_path)) + ALL // 2 + counted
    assert max(made) < ALL // 2, "SimpleITK holds the air"


@pytest.mark.parametrize("direction", [np.eye(3), np.array([[0.0, 0.0, -1.0], [0.8, 0.6, 0.0], [0.6, -0.8, 0.0]])])
def test_the_picture_of_a_heart_in_air_is_that_of_the_heart(tmp_path: Path, direction: NDArray[np.float64]) -> None:
    """Of a heart with two chambers more than before, which touches the border of its image."""
    whole = read_volume(small_heart(tmp_path))[0]
    heart = whole.array[whole.region([*whole.boxes])]
    drawn = set()
    for width in ([(0, 0)] * 3, [(20, 5), (7, 30), (1, 16)]):
        after = np.pad(heart, width)
        turned = LabelVolume(after, (1.0, 0.7, 1.3), direction=tuple(direction.ravel().tolist()))
        png = BytesIO()
        draw_slices(turned.with_array(np.where(after < 3, after, 0)), turned, {1: "LV_BP_label"}, {}, png)
        drawn.add(png.getvalue())
    assert len(drawn) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="numpy asks for large pages on Linux only")
def test_zeros_take_memory_in_small_pages() -> None:
    """With a voxel written in each MiB, pages of 2 MiB would be all of the array."""

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")

    size = 1 << 26
    array = zeros((size // 2,), np.uint16)
    before = resident()
    array[:: 1 << 19] = 1
    assert resident() - before < size // 4
    assert array.sum() == size >> 20


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the zeros are those of numpy")
def test_zeros_of_a_kernel_without_large_pages_and_of_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mapped(mmap.mmap):
        def madvise(self, *_: int) -> None:
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(mmap, "mmap", Mapped)
    assert not zeros((200, 300, 100), np.uint8).any()
    for size in (1 << 62, 1 << 70):
        with pytest.raises(MemoryError, match=f"^{size:,} bytes do not fit$"):
            zeros((size,), np.uint8)


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 3, 4), (200, 300, 100)])
def test_zeros_are_those_of_numpy(shape: tuple[int, ...]) -> None:
    array, expected = zeros(shape, ">i2"), np.zeros(shape, ">i2")
    assert (array.dtype, array.flags.writeable) == (expected.dtype, True)
    np.testing.assert_array_equal(array, expected)


def test_a_working_copy_is_written_to_only_in_the_box_of_the_labels() -> None:
    array = np.zeros((40, 50, 60), np.uint8)
    array[10:20, 11:22, 12:24] = 3
    array[5, 30, 40] = 7
    volume = LabelVolume(array, (1.0, 1.0, 1.0))
    work = edits.WorkingVolume(volume, np.dtype(np.uint16))
    assert work.array.dtype == np.uint16
    np.testing.assert_array_equal(work.array, array)
    np.testing.assert_array_equal(work.copy().array, array)
    assert boxes.occupied(array) == (slice(5, 20), slice(11, 31), slice(12, 41))
    assert boxes.occupied(array * 0) == boxes.NOWHERE


@pytest.mark.slow
def test_a_certificate_reads_the_labels_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All checks share the runs, their neighbours, the blocks where labels meet, and the flood."""
    catalogue = load_catalogue()
    grown = run_recipe("four_chamber_full", small_heart(tmp_path), catalogue).image
    counted: Counter[str] = Counter()

    def count(module: Any, name: str) -> None:
        function: Callable[..., Any] = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given: (counted.update([name]), function(*given))[1])

    count(component_map, "runs_of")
    count(component_map, "pairs_of")
    count(adjacency, "_read")
    assert len(certify_image(grown, catalogue, asked_of(catalogue, "four_chamber_full")).checks) > 10
    assert counted == {"runs_of": 1, "pairs_of": 1, "_read": 1}


@pytest.mark.slow
def test_components_are_found_without_all_neighbours_in_memory() -> None:
    """Each run has more neighbours than it has numbers: together they would take most of the memory of a recipe."""
    noise = np.random.default_rng(0).integers(0, 2, (60, 60, 60), np.uint8)
    runs = run_lengths.runs_in(noise, as_region(slice(0, n) for n in noise.shape))
    pairs = sum(len(a) for a, _ in run_lengths.pairs_of(runs, 26))
    peak = traced(lambda: run_lengths.find_components(runs, 26))
    assert pairs > 3 * len(runs.line) > 3 * run_lengths._AT_ONCE
    assert peak < 8 * pairs


@pytest.mark.slow
def test_python_ends_without_a_last_search_for_circles(tmp_path: Path) -> None:
    """It would look at all objects that a command has made; what is frozen it leaves alone."""
    last = "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count(), gc.get_threshold()[0]));"
    printed = modules_after(f"{last} {COMMAND}", "--version", cwd=tmp_path)[2]
    frozen, threshold = map(int, printed.split()[-2:])
    assert frozen > 10_000
    assert threshold == 100_000


@pytest.mark.parametrize(("theirs", "expected"), [("", "1"), ("OPENBLAS_NUM_THREADS", "3"), ("OMP_NUM_THREADS", "3")])
def test_a_command_needs_no_threads_for_linear_algebra(
    monkeypatch: pytest.MonkeyPatch, theirs: str, expected: str
) -> None:
    """They spin while they wait, at the cost of a seventh of a run; whoever sets their number is heard."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    if theirs:
        monkeypatch.setenv(theirs, "3")
    pycemrg("--version")
    assert os.environ["OPENBLAS_NUM_THREADS"] == expected
