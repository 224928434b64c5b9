"""Records with one thing wrong: refused by name and place, or read as before; never a traceback, never a wrong run."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from command_line import pycemrg, small_heart

from pycemrg_core.cli import main
from pycemrg_core.errors import DocumentError
from pycemrg_core.text.structured import load_json, wrong_places

pytestmark = pytest.mark.usefixtures("loaded_once")

RECIPE = "right_atrium_with_veins"
OTHERS: tuple[Any, ...] = (None, [], {}, "x", -1, 1e300, -(2**70), [1], True, {"a": {}}, "../../x")
# Words of Python, which say nothing to a user.
PYTHON = re.compile(r"\b(KeyError|TypeError|AttributeError|ValueError|NoneType|Traceback)\b")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("records")
    image = small_heart(folder)
    words = ("run", RECIPE, image, "-o", folder / "out", "--with", "certificate", "--keep-steps")
    CliRunner().invoke(main, [str(word) for word in words])
    assert (folder / "out/steps/progress.json").is_file()
    return folder


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = data.items() if isinstance(data, dict) else enumerate(data[:2]) if isinstance(data, list) else ()
    for key, value in inner:
        yield from places(value, (*path, key))


def damaged(text: str, rng: random.Random) -> str:
    """The text cut short, nested too deep, or with one value removed or of another type."""
    how = rng.random()
    if how < 0.1:
        return text[: rng.randrange(len(text))]
    if how < 0.13:
        return "[" * 5000
    data = json.loads(text)
    path = rng.choice([*places(data)])
    if not path:
        return json.dumps(rng.choice(OTHERS))
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    if rng.random() < 0.2:
        del inner[path[-1]]
    else:
        inner[path[-1]] = rng.choice(OTHERS)
    return json.dumps(data)


COMMANDS = {
    "run.json": ("run", "--again", "OUT/run.json", "-o", "again"),
    "run.json read by the next run": ("run", RECIPE, "small.nrrd", "-o", "OUT"),
    "run.json read by a report": ("report", "OUT"),
    "certificate.json": ("report", "OUT"),
    "steps/progress.json": ("run", RECIPE, "small.nrrd", "-o", "OUT", "--resume"),
}


@pytest.mark.slow(every=180)
@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("file", COMMANDS)
def test_one_thing_wrong(tmp_path: Path, good: Path, monkeypatch: pytest.MonkeyPatch, file: str, seed: int) -> None:
    if "report" in COMMANDS[file]:
        pytest.importorskip("pycemrg_report")
    monkeypatch.chdir(shutil.copytree(good, tmp_path / "w"))
    path = Path("out", file.partition(" ")[0])
    path.write_text(damaged(path.read_text(encoding="utf-8"), random.Random(f"{file} {seed}")), encoding="utf-8")
    done = CliRunner().invoke(main, [word.replace("OUT", "out") for word in COMMANDS[file]])
    assert not done.exception or isinstance(done.exception, SystemExit), repr(done.exception)
    assert not PYTHON.search(done.stderr), done.stderr
    if done.exit_code and "error: " in done.stderr:
        assert not Path("again").exists()


@pytest.mark.parametrize(
    ("place", "value", "text"),
    [
        ("labels", {"LA": "4"}, "labels.LA is not a whole number"),
        ("labels", {"LA": True}, "labels.LA is not a whole number"),
        ("labels", [], "labels is not a mapping"),
        ("parameters", {"LA_WT": "2"}, "parameters.LA_WT is not a number"),
        ("warnings", "none", "warnings is not a list"),
        ("output", {"voxels_sha256": "x", "pixel_type": "float32"}, "output.pixel_type is 'float32'"),
        ("steps", None, "steps is not a list"),
    ],
)
def test_a_record_says_what_is_wrong_where(good: Path, tmp_path: Path, place: str, value: Any, text: str) -> None:
    data = load_json(good / "out/run.json")
    (tmp_path / "run.json").write_text(json.dumps({**data, place: value}), encoding="utf-8")
    shown = pycemrg("run", "--again", tmp_path / "run.json", "-o", tmp_path / "o", code=1).stderr
    assert shown == f"error: {tmp_path / 'run.json'}: not the record of a run: {text}; give a run.json\n"


def test_every_part_that_a_run_writes_has_the_shape_that_is_read(good: Path) -> None:
    from pycemrg_core.runs import replay

    assert [*wrong_places(load_json(good / "out/run.json"), replay._SHAPE)] == []


@pytest.mark.parametrize(
    ("data", "shape", "found"),
    [
        (1, int, []),
        (1, float, []),
        (True, int, ["it is not a whole number"]),
        (True, bool, []),
        (1.0, int, ["it is not a whole number"]),
        (None, (int, None), []),
        ("x", (int, None), ["it is not a whole number"]),
        ([1, "x"], [int], ["[1] is not a whole number"]),
        ({"a": 1}, {"a": int, "b": str}, ["no b"]),
        ({"a": 1}, {"a": int, "?b": str}, []),
        ({"a": {"x": 1, "y": "z"}}, {"a": {"*": int}}, ["a.y is not a whole number"]),
        ({"a": [{"b": []}]}, {"a": [{"b": dict}]}, ["a[0].b is not a mapping"]),
    ],
)
def test_shapes(data: Any, shape: Any, found: list[str]) -> None:
    assert [*wrong_places(data, shape)] == found


@pytest.mark.parametrize("text", ['{"a": 1e999}', '{"a": -1e999}', '{"a": NaN}', '{"a": Infinity}'])
def test_numbers_in_json_are_finite(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DocumentError, match="is not a number"):
        load_json(tmp_path / "a.json")
