"""Every command that a page shows runs, in the order of the page, on files such as the page speaks of.

Blocks of ``sh`` are run by ``test_docs.py``, with the rest of their pages; here are the commands that stand indented.
"""

from __future__ import annotations

import csv
import multiprocessing
import os
import re
import shlex
import shutil
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from command_line import HEART, pycemrg
from fusing_trials import at
from test_docs import DOCS, ROOT, WALKED, blocks, call, folder, of_tools, our_plugins

from pycemrg_core import LabelScheme, LabelVolume, load_catalogue, read_volume, run_recipe, write_volume
from pycemrg_core.api import image_of
from schematics_builtin.readers import named_extras, segments_of

__all__ = ["folder", "our_plugins"]

PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md")), *sorted((ROOT / "plugins").glob("*/README.md"))]
# What the pages say that a command answers with 1: a verdict of FAIL.
FAILS = re.compile(r"certify (out/)?heart|four_chamber_full (?!.*--then repair).*--with (\w+,)?(certificate|report)")
# These need what a test cannot have, or are run elsewhere: a reason for each.
ELSEWHERE = {
    "--scheduler": "a Dask scheduler on another machine; see test_cohort_workers.py",
    "heart_seg.dcm": "test_dicom_readers.py, which writes DICOM",
    "--segsmooth": "test_spatial_segsmooth.py, which writes as segsmooth does",
    "pycemrg mesh ": "test_mesh_docs.py",
    "pycemrg augment ": "test_augment_docs.py",
}


@pytest.fixture
def forked_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of a cohort have what this process has imported; the tests of cohorts start them as commands do."""
    if not hasattr(os, "fork") or not find_spec("pycemrg_cohort"):
        return
    from pycemrg_cohort import workers

    pipes: list[Connection] = []

    def serve(pipe: Connection) -> None:
        for one in pipes:  # a worker ends when nobody holds the other end of its pipe
            one.close()
        workers._serve(pipe)

    def started() -> workers._Worker:
        here, there = multiprocessing.Pipe()
        pipes.append(here)
        process = multiprocessing.get_context("fork").Process(target=serve, args=(there,), daemon=True)
        process.start()
        there.close()
        return workers._Worker(process, here)

    monkeypatch.setattr(workers, "_started", started)


@cache
def demo() -> LabelVolume:
    return read_volume(HEART)[0]


@cache
def grown() -> LabelVolume:
    return run_recipe("four_chamber_full", HEART, load_catalogue()).volume


@cache
def remapped(scheme: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        pycemrg("labels", "remap", HEART, "-o", path, "--from", "cemrg", "--to", scheme, "--drop")

    return write


def of_tool(kind: str) -> Callable[[Path], None]:
    return lambda path: write_volume(getattr(of_tools(), kind), path)


def scan(path: Path) -> None:
    values = np.where(demo().array > 0, 150.0, -50.0) + np.random.default_rng(1).normal(0, 20, demo().array.shape)
    image = sitk.GetImageFromArray(values.astype(np.float32))
    image.CopyInformation(image_of(demo()))
    sitk.WriteImage(image, str(path))


def moved(path: Path) -> None:
    write_volume(demo().with_array(np.roll(demo().array, 1, axis=0)), path)


def with_names(path: Path) -> None:
    labels = load_catalogue().get(LabelScheme, "cemrg").labels
    names = {value: name for name, value in labels.items() if value in demo().boxes}
    write_volume(demo(), path, named_extras(path, demo(), segments_of(names, load_catalogue())))


def masks(path: Path) -> None:
    path.mkdir()
    names = {"heart_ventricle_left": 1, "heart_myocardium": 2, "heart_ventricle_right": 3}
    names |= {"heart_atrium_left": 4, "heart_atrium_right": 5, "aorta": 6, "pulmonary_artery": 7}
    for name, value in names.items():
        write_volume(demo().with_array((demo().array == value).astype(np.uint8)), path / f"{name}.nii.gz")


def hearts(path: Path) -> None:
    path.mkdir(exist_ok=True)
    for number in (1, 2):
        write_volume(at(demo(), 1.5), path / f"h{number}.nrrd")


def of_totalsegmentator(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    remapped("totalsegmentator-heartchambers")(path.parent / "t1.nii.gz")


def cohort(path: Path) -> None:
    write_volume(at(demo(), 1.5), path.with_name("one.nrrd"))
    rows = [("path", "id", "scheme", "LA_WT"), ("one.nrrd", "patient17", "", "2.5")]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def mesh(path: Path) -> None:
    """The heart as boxes, one of each voxel, thinned out; openCARP's are in micrometres."""
    pyvista = pytest.importorskip("pyvista")
    from pycemrg_spatial.meshes import write_mesh

    volume = at(demo(), 6.0)
    image = image_of(volume)
    places = np.argwhere(volume.array)[:, ::-1]
    corners = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)]) - 0.5
    nodes, cells = np.unique((places[:, None] + corners).reshape(-1, 3), axis=0, return_inverse=True)
    points = np.array([image.TransformContinuousIndexToPhysicalPoint(node) for node in nodes.tolist()])
    grid = pyvista.UnstructuredGrid({12: cells.reshape(-1, 8)}, points)
    grid.cell_data["tag"] = grid.cell_data["ID"] = volume.array[volume.array > 0].astype(np.int32)
    if path.suffix == ".elem":
        grid = grid.triangulate()
        grid.points *= 1000
    write_mesh(grid, path)


def surface(path: Path) -> None:
    pyvista = pytest.importorskip("pyvista")
    middle = image_of(demo()).TransformContinuousIndexToPhysicalPoint([n / 2 for n in image_of(demo()).GetSize()])
    pyvista.Sphere(radius=20, center=middle).save(path)


def project(path: Path) -> None:
    """The working folder of docs/plugins.md: the file that lists its plugins, and these."""
    page = DOCS / "plugins.md"
    path.with_name("pycemrg.toml").write_text(blocks(page, "toml")[0], encoding="utf-8")
    path.with_name("my_recipes.yaml").write_text(blocks(page, "yaml")[0], encoding="utf-8")
    (text,) = (block for block in blocks(ROOT / "README.md", "python") if block.startswith("# my_heart.py"))
    path.with_name("my_heart.py").write_text(text.replace('"my_heart"', '"our_heart"'), encoding="utf-8")


def write(text: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(text, encoding="utf-8") and None


def save(volume: Callable[[], LabelVolume]) -> Callable[[Path], None]:
    return lambda path: write_volume(volume(), path)


# The files that the pages speak of; each is made when a command first names it.
FILES: dict[str, Callable[[Path], None]] = {
    "my_heart.nrrd": save(demo),
    "heart.nrrd": save(grown),
    "mine.nrrd": moved,
    "truth.nrrd": save(demo),
    "labels.nrrd": save(demo),
    "seg.nrrd": save(demo),
    "slicer_export.nrrd": save(demo),
    "ct.nrrd": scan,
    "denoised.nrrd": scan,
    "ts.nrrd": remapped("totalsegmentator-heartchambers"),
    "heart.seg.nrrd": with_names,
    "segmentations": masks,
    "hearts": hearts,
    "hearts/*.nrrd": lambda path: hearts(path.parent),
    "hearts/*.nii.gz": of_totalsegmentator,
    "cohort.csv": cohort,
    "my_config": lambda path: pycemrg("init", path, "--recipe", "four_chamber_full") and None,
    "--project": project,
    "labels.yaml": write("LV_BP_label: 1\nmyocardium: 2\n"),
    "mapping.csv": write("old,new\n1,101\n2,102\n"),
    "heartchambers.nii.gz": of_tool("chambers"),
    "total.nii.gz": of_tool("total"),
    "heart.vtk": mesh,
    "heart.vtu": mesh,
    "heart.elem": mesh,
    "surface.stl": surface,
    "left_atrium.stl": surface,
}


def one_label_of_veins(path: Path) -> None:
    veins = np.isin(demo().array, (8, 9, 10, 11))
    write_volume(demo().with_array(np.where(veins, 15, demo().array).astype(np.uint8)), path)


def maker(name: str, words: list[str]) -> Callable[[Path], None]:
    """What a file is where a command says more about it: its scheme, or the one label of all veins."""
    if name == "my_heart.nrrd" and "--scheme" in words:
        return remapped(words[words.index("--scheme") + 1])
    if name == "heart.nrrd" and words[0] == "run":
        return FILES["my_heart.nrrd"]
    return one_label_of_veins if name == "my_heart.nrrd" and "--veins" in words else FILES[name]


def typed(page: Path) -> list[str]:
    """The indented commands of a page, those of a fenced block left out."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"^    (?:.*&& )?(pycemrg .*?)(?: &&.*)?$", prose, re.MULTILINE)


def save_plugins(page: Path) -> None:
    """The plugins that a page shows and its commands use: saved under the name in their first line, or in a command."""
    for text in (text for text in blocks(page, "python") if "@hookimpl" in text):
        named = re.match(r"# (\w+\.py)\n", text)
        for name in [named[1]] if named else re.findall(r"--plugin (\w+\.py)", " ".join(typed(page))):
            if not Path(name).exists():
                Path(name).write_text(text, encoding="utf-8")


@pytest.mark.slow
@pytest.mark.usefixtures("terminal", "forked_workers")
@pytest.mark.parametrize("page", [page for page in PAGES if typed(page)], ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_run(page: Path, folder: Path) -> None:
    save_plugins(page)
    made: dict[str, Callable[[Path], None]] = {}
    for line in typed(page):
        if any(word in line for word in ELSEWHERE):
            continue
        words = shlex.split(line, comments=True)[1:]
        for name in inputs(words):
            needed = maker(name, words)
            there = Path(name).exists() and name not in made and "--scheme" not in words
            if not there and made.get(name) is not needed:
                made[name] = needed
                needed(folder / name)
        for result in (word for word in words if is_output(words, word) and word in ("out", "both", "again")):
            shutil.rmtree(result, ignore_errors=True)  # of another heart: the lines are examples, and not one study
        if words[0] == "demo":
            call(line, 0)
        else:
            pycemrg(*words, code=1 if FAILS.search(line) else 0)


def is_output(words: list[str], word: str) -> bool:
    return words[0] == "init" or any(a in ("-o", "--output") and b == word for a, b in pairwise(words))


def inputs(words: list[str]) -> list[str]:
    return [name for word in words if not is_output(words, word) and (name := word.partition("@")[0]) in FILES]


def test_no_page_is_left_out() -> None:
    """A block of commands is fenced on a page that test_docs.py walks, or indented."""
    fenced = {page.name for page in PAGES if blocks(page, "sh")}
    assert fenced <= set(WALKED)
    for page in PAGES:
        for text in (*blocks(page, "text"), *blocks(page, "bash"), *blocks(page, "console")):
            # After the line that installs: run by test_program.py, and by the package of the tutorial.
            assert not re.search(r"^(?:\$ )?pycemrg ", text, re.MULTILINE) or "pip install" in text, page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_command_is_part_of_a_list(page: Path) -> None:
    """What stands indented below a list is text of its last entry, and no block of code."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for before, after in pairwise(re.split(r"\n\s*\n", prose)):
        assert not (re.search(r"^([-*]|\d+\.) ", before, re.MULTILINE) and after.startswith("    ")), after
