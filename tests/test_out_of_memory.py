"""That memory runs out is nobody's fault: the command line says what to do, and in Python the error itself arrives."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import contents, pycemrg, small_heart
from test_misbehaviour import KINDS, OUT_OF_MEMORY, plugin

from pycemrg_core import Catalogue, load_catalogue, read_volume, run_recipe
from pycemrg_core.api import Check, Heart, Metric, StructureMask, evaluate, faults_of, image_of, read_segmentation
from pycemrg_core.images.formats import voxels

BODY = "raise MemoryError('5 bytes do not fit')"
READER = """
from pycemrg_core.api import Reader


@hookimpl
def pycemrg_readers():
    yield Reader(
        name="own", summary="", recognises=Ref(f"{__name__}:recognises"), read=Ref(f"{__name__}:run"), beside=False
    )


def recognises(path):
    return path.suffix == ".own"


def run(path):
    BODY
"""


def measured(heart: Path, catalogue: Catalogue) -> object:
    return evaluate(catalogue.find(Metric, "own"), StructureMask(read_volume(heart)[0], (1,)))


def checked(heart: Path, catalogue: Catalogue) -> object:
    return list(faults_of(Heart(volume=read_volume(heart)[0], schemes={}), (catalogue.find(Check, "own"),)))


def stepped(heart: Path, catalogue: Catalogue) -> object:
    return run_recipe("own_recipe", heart, catalogue, check=False)


@pytest.mark.parametrize(("kind", "work"), [("step", stepped), ("metric", measured), ("check", checked)])
def test_the_error_itself_arrives_in_python(
    tmp_path: Path, kind: str, work: Callable[[Path, Catalogue], object]
) -> None:
    path, _ = plugin(tmp_path, KINDS[kind][0], BODY)
    with pytest.raises(MemoryError, match="5 bytes do not fit"):
        work(small_heart(tmp_path, size=32), load_catalogue(local=[path]))


def test_a_reader_that_runs_out_of_memory(tmp_path: Path) -> None:
    path, _ = plugin(tmp_path, READER, BODY)
    source = tmp_path / "heart.own"
    source.touch()
    with pytest.raises(MemoryError, match="5 bytes do not fit"):
        read_segmentation(source, load_catalogue(local=[path]))
    before = contents(tmp_path)
    command = ("run", "left_atrium_with_veins", source, "-o", tmp_path / "out", "--plugin", path)
    assert pycemrg(*command, code=1).stderr.splitlines()[-1] == OUT_OF_MEMORY
    assert contents(tmp_path) == before


def test_voxels_that_do_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    heart = small_heart(tmp_path, size=32)
    monkeypatch.setattr(voxels, "zeros", full)
    what = f"the {32**3:,} bytes of voxels of {heart.name} do not fit"
    with pytest.raises(MemoryError, match=what):
        read_volume(heart)
    assert pycemrg("labels", "show", heart, code=1).stderr == OUT_OF_MEMORY.replace("5 bytes do not fit", what) + "\n"


def test_an_image_of_simpleitk_that_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "Exception thrown in SimpleITK new_Image: itkImportImageContainer.hxx:179:\nFailed to allocate memory"

    def full(*_: object, **__: object) -> None:
        raise RuntimeError(text)

    volume = read_volume(small_heart(tmp_path, size=32))[0]
    monkeypatch.setattr("SimpleITK.GetImageFromArray", full)
    with pytest.raises(MemoryError, match=f"^{volume.array.nbytes:,} bytes of an image do not fit$"):
        image_of(volume)
    text = "something else"
    with pytest.raises(RuntimeError, match="something else"):
        image_of(volume)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process")
def test_a_process_with_little_memory(tmp_path: Path) -> None:
    """Eight gigabytes of zeros, which take no room on the disk, in a process that may have three."""
    image = tmp_path / "large.nrrd"
    head = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2000 2000 2000\nspacings: 1 1 1\nencoding: raw\n\n"
    with image.open("wb") as file:
        file.write(head.encode("ascii"))
        file.truncate(len(head) + 2000**3)
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30,) * 2); "
        f"from pycemrg_core.cli import main; main(['clean', {str(image)!r}, '-o', 'clean.nrrd', '--fill-holes'])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    what = "the 8,000,000,000 bytes of voxels of large.nrrd do not fit"
    assert done.stderr == OUT_OF_MEMORY.replace("5 bytes do not fit", what) + "\n"
    assert [*tmp_path.iterdir()] == [image]
