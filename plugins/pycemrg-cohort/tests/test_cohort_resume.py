"""What is done is not done again, and nothing that is not whole counts as done."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import SimpleITK as sitk
from cohort_lab import hearts, tree
from command_line import local_plugin
from pycemrg_cohort.cases import read_cases
from pycemrg_cohort.engine import sweep
from pycemrg_cohort.job import Job, loaded_plugins
from pycemrg_cohort.worker import bring

from pycemrg_core import Settings, load_catalogue

pytestmark = pytest.mark.slow

CATALOGUE = load_catalogue()
RECIPE = "four_chamber_full"


class One:
    """One heart in a folder, and what brings it up to date."""

    def __init__(self, folder: Path) -> None:
        if not (folder / "in").is_dir():
            hearts(folder / "in", 1, size=48)
        self.heart = folder / "in" / "h00.nrrd"
        self.root = folder / "out"
        self.folder = self.root / "cases" / "h00"

    def bring(self, scheme: str = "", recipe: str = RECIPE, **job: Any) -> dict[str, Any]:
        (case,) = read_cases([str(self.heart)], parameters=(), schemes=(), scheme=scheme)
        todo = Job(**{"recipe": recipe, "settings": Settings(), "plugins": loaded_plugins(CATALOGUE), **job})
        return bring(case.as_json(), job=todo.as_text(), root=str(self.root))


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("once")
    assert One(folder).bring()["again"] is False
    return folder


@pytest.fixture
def one(made_once: Path, tmp_path: Path) -> One:
    """A heart that is up to date."""
    shutil.copytree(made_once, tmp_path / "one")
    return One(tmp_path / "one")


def test_the_same_again_does_nothing(one: One) -> None:
    before = {path: path.stat().st_mtime_ns for path in one.folder.iterdir()}
    first = one.bring()
    assert (first["state"], first["again"]) == ("done", True)
    assert {path: path.stat().st_mtime_ns for path in one.folder.iterdir()} == before


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def same_size(path: Path) -> None:
    """One byte differs, in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def edited(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        data = json.loads(path.read_text(encoding="utf-8"))
        change(data)
        path.write_text(json.dumps(data), encoding="utf-8")

    return edit


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("heart.nrrd", Path.unlink),
        ("heart.nrrd", truncate),
        ("heart.nrrd", same_size),
        ("run.json", Path.unlink),
        ("run.json", truncate),
        ("run.json", edited(lambda data: data["plugins"][0].update(version="0.0.9"))),
        ("run.json", edited(lambda data: data["steps"][3]["contract"].update(thickness_mm=9.0))),
        ("run.json", edited(lambda data: data["steps"].pop())),
        ("case.json", Path.unlink),
        ("case.json", truncate),
        ("case.json", edited(lambda data: data["facts"]["labels"].remove(4))),
        ("case.json", edited(lambda data: data.update(facts=3))),
    ],
)
def test_what_is_not_whole_is_done_again(one: One, name: str, damage: Callable[[Path], None]) -> None:
    whole = tree(one.root)
    damage(one.folder / name)
    outcome = one.bring()
    assert (outcome["state"], outcome["again"]) == ("done", False)
    assert tree(one.root) == whole
    assert one.bring()["again"] is True


@pytest.mark.parametrize(
    "other",
    [
        {"settings": Settings(parameters={"LA_WT": 4.0})},
        {"settings": Settings(defaults={"LA_WT": 4.0})},
        {"settings": Settings(labels={"LA_myo_label": 444})},
        {"settings": Settings(pad=False)},
        {"recipe": "four_chamber_myocardium"},
        {"check": False},
        {"outputs": ("picture",)},
        {"scheme": "cemrg"},
    ],
    ids=str,
)
def test_what_was_asked_otherwise_is_done_again(one: One, other: dict[str, Any]) -> None:
    outcome = one.bring(**other)
    assert (outcome["state"], outcome["again"]) == ("done", False), outcome["error"]
    assert one.bring(**other)["again"] is True
    assert one.bring()["again"] is False


def test_another_image_is_done_again(one: One) -> None:
    heart = sitk.ReadImage(str(one.heart))
    heart.SetSpacing((2.0, 2.0, 2.0))
    sitk.WriteImage(heart, str(one.heart), useCompression=True)
    outcome = one.bring()
    assert (outcome["state"], outcome["again"]) == ("done", False)
    record = json.loads((one.folder / "run.json").read_text(encoding="utf-8"))
    assert record["input"]["spacing"] == [2.0, 2.0, 2.0]


def test_a_recipe_of_another_content_is_done_again(one: One, tmp_path: Path) -> None:
    """The name of the recipe is the same; a plugin says something else under it."""
    for steps, again in (("'la_myocardium'", False), ("'la_myocardium', 'paint'", False)):
        plugin = local_plugin(tmp_path, "return paint(volume, contract)", recipe="same_name", steps=steps)
        plugins = loaded_plugins(load_catalogue(local=[plugin]))
        outcome = one.bring(recipe="same_name", plugins=plugins)
        assert (outcome["state"], outcome["again"]) == ("done", again), outcome["error"]
        assert one.bring(recipe="same_name", plugins=plugins)["again"] is True


def test_a_case_that_fails_leaves_nothing(tmp_path: Path) -> None:
    one = One(tmp_path)
    outcome = one.bring(settings=Settings(parameters={"LA_WT": 0.1}))
    assert outcome["state"] == "failed"
    assert outcome["error"].startswith("four_chamber_full will not run on ")
    assert "LA_WT is 0.1 mm, less than a voxel" in outcome["error"]
    assert "\n" not in outcome["error"]
    assert not one.folder.exists()


_DIES = """
import json, os, sys
from pycemrg_cohort.worker import bring

case, job, root, other = json.loads(sys.argv[1]), *sys.argv[2:]
left = -1


def dying(real):
    def call(*arguments, **more):
        global left
        left -= 1
        if left == -1:
            os._exit(9)
        return real(*arguments, **more)
    return call


bring(case, job=job, root=other)  # all that is imported, once for all children
for name in ("replace", "link", "unlink"):
    setattr(os, name, dying(getattr(os, name)))
for line in sys.stdin:
    child = os.fork()
    if not child:
        left = int(line)
        os._exit(bring(case, job=job, root=root)["state"] != "done")
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@contextmanager
def mortal(one: One, folder: Path) -> Iterator[Callable[[int], int]]:
    """Bring a heart up to date in a process that ends at a given change of the folder; its exit code."""
    (case,) = read_cases([str(one.heart)], parameters=(), schemes=())
    job = Job(recipe=RECIPE, settings=Settings(), plugins=loaded_plugins(CATALOGUE)).as_text()
    arguments = (json.dumps(case.as_json()), job, str(one.root), str(folder / "other"))
    command = [sys.executable, "-c", _DIES, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None

        def bring_until(step: int) -> int:
            print(step, file=parent.stdin, flush=True)
            return int(parent.stdout.readline())

        yield bring_until


def test_death_at_any_step_of_writing_leaves_nothing_that_counts(one: One, tmp_path: Path) -> None:
    """The process ends at its first, second, ... change of the folder, over an older result with other settings."""
    older = {"settings": Settings(parameters={"LA_WT": 4.0})}
    whole = tree(one.root)
    steps, code = 0, 9
    with mortal(one, tmp_path) as bring_until:
        while code == 9:
            one.bring(**older)
            code, steps = bring_until(steps), steps + 1
            assert code in (0, 9)
            # Only one whose very last act was done may count.
            if (outcome := one.bring())["again"]:
                sweep(one.root)
                assert tree(one.root) == whole
            assert outcome["state"] == "done"
            sweep(one.root)
            assert tree(one.root) == whole
    assert steps > 5
