"""What is wrong is refused: one message that says what, where and what to do, and nothing is written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from command_line import contents, local_plugin, pycemrg, small_heart, voxels

from pycemrg_core.images import image_files, scratch
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.runs import outputs
from pycemrg_core.runs.replay import SavedRun

pytestmark = pytest.mark.usefixtures("loaded_once")

RECIPE = "four_chamber_full"
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and limits")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small heart and the result of a run."""
    folder = tmp_path_factory.mktemp("shared")
    heart = small_heart(folder, "heart_labels.nrrd")
    pycemrg("run", RECIPE, heart, "-o", folder / "out")
    return folder


@pytest.fixture
def heart(shared: Path) -> Path:
    return shared / "heart_labels.nrrd"


@pytest.fixture
def earlier(shared: Path, tmp_path: Path) -> Path:
    """A folder that holds an earlier result, which a refused run must leave alone."""
    folder = tmp_path / "out"
    folder.mkdir()
    for name, data in contents(shared / "out").items():
        (folder / name).write_bytes(data or b"")
    return folder


def refused(folder: Path, *arguments: object, code: int = 1) -> str:
    """The message of a run into ``folder``, and into a new folder, that must not change a byte."""
    before = contents(folder.parent)
    text = pycemrg("run", *arguments, "-o", folder, code=code).stderr
    fresh = folder.parent / "fresh" / "deep"
    again = pycemrg("run", *arguments, "-o", fresh, code=code).stderr
    assert contents(folder.parent) == before
    assert text.splitlines()[-1] == again.splitlines()[-1]
    if code == 1:
        assert "error: " in text
        assert "Traceback" not in text
    return text


# --------------------------------------------------------------------------------------------------- the image


def _image(array: np.ndarray[Any, Any], vector: bool = False) -> Callable[[Path], None]:
    return lambda path: sitk.WriteImage(sitk.GetImageFromArray(array, isVector=vector), str(path))


def _text(path: Path) -> None:
    path.write_text("These are not voxels.\n", encoding="utf-8")


def _cut(path: Path) -> None:
    small_heart(path.parent, path.name)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])


def _fraction() -> np.ndarray[Any, Any]:
    array = np.ones((4, 5, 6), np.float32)
    array[1, 2, 3] = 2.5
    return array


BAD_IMAGES: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "missing": (lambda path: None, ("no such file", "did you mean heart_label.nrrd")),
    "folder": (lambda path: path.mkdir(), ("is a folder", "give")),
    "text": (_text, ("not an image", "xport it again")),
    "nothing at all": (lambda path: path.write_bytes(b""), ("not an image", "xport it again")),
    "cut short": (_cut, ("cut short", "copy or export it again")),
    "2-D": (_image(np.ones((5, 6), np.uint8)), ("2-D", "not 3-D", "give the whole volume")),
    "4-D": (_image(np.ones((2, 4, 5, 6), np.uint8)), ("4-D", "not 3-D", "extract one")),
    "channels": (_image(np.ones((4, 5, 6, 3), np.uint8), vector=True), ("3 values per voxel", "extract one")),
    "fractions": (_image(_fraction()), ("not whole numbers", "2.5", "(3, 2, 1)", "nearest-neighbour")),
    "negative": (_image(np.full((4, 5, 6), -3, np.int16)), ("negative", "-3", "not the scan")),
    "empty": (_image(np.zeros((4, 5, 6), np.uint8)), ("empty", "background", "give the segmentation")),
}


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("case", BAD_IMAGES)
def test_a_file_that_is_no_label_map(tmp_path: Path, earlier: Path, case: str) -> None:
    make, parts = BAD_IMAGES[case]
    path = tmp_path / "heart_labels.nrrd"
    (tmp_path / "heart_label.nrrd").touch()
    make(path)
    text = refused(earlier, RECIPE, path)
    assert f"error: {path}: " in text
    for part in parts:
        assert part in text
    assert text.count("\n") == 1


def test_an_unknown_extension(tmp_path: Path, earlier: Path) -> None:
    path = tmp_path / "heart.mgz"
    path.touch()
    text = refused(earlier, RECIPE, path)
    assert str(path) in text
    assert ".nrrd" in text


def test_whole_numbers_in_a_float_image_are_accepted_and_said(tmp_path: Path, shared: Path, heart: Path) -> None:
    path = tmp_path / "float.nrrd"
    sitk.WriteImage(sitk.Cast(sitk.ReadImage(str(heart)), sitk.sitkFloat64), str(path))
    result = pycemrg("run", RECIPE, path, "-o", tmp_path / "out")
    assert f"note: {path}: float image" in result.stderr
    assert "uint8" in result.stderr
    assert np.array_equal(voxels(tmp_path / "out" / "heart.nrrd"), voxels(shared / "out" / "heart.nrrd"))
    record = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert any("float image" in warning for warning in record["warnings"])


# ---------------------------------------------------------------------------------------- the recipe and labels


def test_an_unknown_recipe(earlier: Path, heart: Path) -> None:
    text = refused(earlier, "four_chamber_ful", heart)
    assert "four_chamber_ful" in text
    assert "did you mean 'four_chamber_full'" in text


def test_missing_labels_and_other_problems_come_in_one_message(tmp_path: Path, earlier: Path, heart: Path) -> None:
    array = voxels(heart)
    array[np.isin(array, [4, 13])] = 0
    image = image_files.image_from_array(array, sitk.ReadImage(str(heart)))
    path = tmp_path / "partial.nrrd"
    sitk.WriteImage(image, str(path))
    text = refused(earlier, "atria_full", path, "--set", "RA_WT=-1", "--set", "RV_TW=3")
    assert f"{path}" in text
    assert "LA_BP_label (4) is not in the image" in text
    assert "SVC_label (13) is not in the image" in text
    assert "labels.yaml" in text
    assert "RA_WT is -1" in text
    assert "'RV_TW'" in text
    assert "the image holds 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 14" in text
    assert text.count("\n") >= 5


def test_a_wall_thinner_than_a_voxel(earlier: Path, heart: Path) -> None:
    text = refused(earlier, RECIPE, heart, "--set", "LA_WT=0.4")
    for part in ("LA_WT", "0.4 mm", "less than a voxel", "make it thicker or resample"):
        assert part in text


@pytest.mark.parametrize("value", ["nan", "inf", "1_0", "0x2", "1e999", "2,5", ""])
def test_a_parameter_that_is_no_number(earlier: Path, heart: Path, value: str) -> None:
    text = refused(earlier, RECIPE, heart, "--set", f"LA_WT={value}", code=2)
    assert f"'LA_WT={value}' is not NAME=NUMBER; write it like LA_WT=2.5" in text


def test_a_parameter_that_is_set_twice(earlier: Path, heart: Path) -> None:
    text = refused(earlier, RECIPE, heart, "--set", "LA_WT=2", "--set", "LA_WT=2.5", code=2)
    assert "LA_WT is set to 2 and to 2.5; give it once" in text


@pytest.mark.parametrize("value", ["0", "-2"])
def test_a_thickness_that_is_none(earlier: Path, heart: Path, value: str) -> None:
    assert f"LA_WT is {value}; it must be" in refused(earlier, RECIPE, heart, "--set", f"LA_WT={value}")


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("name", ["la_wt", "LA_TW", "LA-WT"])
def test_a_misspelt_parameter(earlier: Path, heart: Path, name: str) -> None:
    text = refused(earlier, RECIPE, heart, "--set", f"{name}=2")
    assert f"{name!r}" in text
    assert "LA_WT" in text


@pytest.mark.slow(every=3)
@pytest.mark.parametrize(
    ("labels", "parts"),
    [
        (
            "labels:\n  LA_BP_label: 4\n  RA_BP_label: 4\n",
            ("'LA_BP_label' (line 2) and 'RA_BP_label' are both 4", "remove one"),
        ),
        (
            "labels:\n  LA_BP_label: 5\n",
            (
                "'RA_BP_label' has no integer: 5 is its default in",
                "but 'LA_BP_label' in your labels",
                "its own integer",
            ),
        ),
        ("labels:\n  LA_BP_lable: 44\n", ("'LA_BP_lable'", "did you mean 'LA_BP_label'?")),
        ("labels:\n  LA_BP_label: 0\n", ("LA_BP_label", "0", "integers from 1")),
        ("labels:\n  LA_BP_label: -4\n", ("LA_BP_label", "-4", "integers from 1")),
    ],
)
def test_labels_with_the_wrong_meaning(tmp_path: Path, earlier: Path, heart: Path, labels: str, parts: str) -> None:
    (tmp_path / "labels.yaml").write_text(labels, encoding="utf-8")
    text = refused(earlier, RECIPE, heart, "--labels", tmp_path / "labels.yaml")
    for part in parts:
        assert part in text


@pytest.mark.slow(every=3)
@pytest.mark.parametrize(
    ("labels", "parts"),
    [
        ("labels:\n  LA_BP_label: 4.5\n", ("4.5", "whole number", "LA_BP_label")),
        ("labels:\n  LA_BP_label: four\n", ("'four'", "whole number", "LA_BP_label")),
        ("labels:\n  LA_BP_label:\n", ("None", "whole number", "LA_BP_label")),
        ("labels:\n  LA_BP_label: 4\n  LA_BP_label: 5\n", ("line ", "given twice")),
        ("labels: [LA_BP_label]\n", ("labels must hold names and integers",)),
        ("labels:\n  LA_BP_label: 010\n", ("'LA_BP_label' is '010'", "whole number")),
        ("labels:\n  LA_BP_label: [4\n", ("line", "YAML")),
        ("", ("mapping",)),
        (None, ("no such file",)),
    ],
)
def test_a_labels_file_of_another_form(
    tmp_path: Path, earlier: Path, heart: Path, labels: str | None, parts: tuple[str, ...]
) -> None:
    path = tmp_path / "my_labels.yaml"
    if labels is not None:
        path.write_text(labels, encoding="utf-8")
    text = refused(earlier, RECIPE, heart, "--labels", path)
    assert str(path) in text
    for part in parts:
        assert part in text


# ------------------------------------------------------------------------------------------------------- usage


@pytest.mark.parametrize("text", ["LA_WT", "LA_WT=", "LA_WT=thick", "=2", "LA_WT=2mm", "LA_WT 2"])
def test_set_of_another_form_is_wrong_usage(earlier: Path, heart: Path, text: str) -> None:
    shown = refused(earlier, RECIPE, heart, "--set", text, code=2)
    assert "--set" in shown
    assert repr(text) in shown
    assert f"write it like {'thickness' if text == '=2' else 'LA_WT'}=2.5" in shown


@pytest.mark.parametrize("arguments", [[], [RECIPE], [RECIPE, "a", "b", "-o", "c"]])
def test_arguments_that_are_missing_or_too_many_are_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "Usage: " in pycemrg("run", *arguments, code=2).stderr
    assert contents(tmp_path) == {}


def test_an_unknown_command_or_option_is_wrong_usage() -> None:
    assert "did you mean 'run'" in pycemrg("rnu", code=2).stderr
    assert "--keep-steps" in pycemrg("run", "--keep-step", code=2).stderr


@pytest.mark.parametrize(
    "options", [["--set", "LA_WT=2"], ["--labels", "l"], ["--config", "c"], ["--keep-steps"], ["--resume"]]
)
def test_again_takes_no_other_settings(earlier: Path, options: list[str]) -> None:
    before = contents(earlier.parent)
    text = pycemrg("run", "--again", earlier / "run.json", *options, code=2).stderr
    assert "--again takes" in text
    assert contents(earlier.parent) == before


def test_any_version_without_again_is_wrong_usage(earlier: Path, heart: Path) -> None:
    assert "--again" in refused(earlier, RECIPE, heart, "--any-version", code=2)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (None, ("no such file",)),
        ("{", ("line 1", "JSON")),
        ("[]", ("not a JSON object",)),
        ("{}", ("not the record of a run",)),
    ],
)
def test_again_of_what_is_no_record(tmp_path: Path, text: str | None, parts: tuple[str, ...]) -> None:
    path = tmp_path / "run.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    before = contents(tmp_path)
    shown = pycemrg("run", "--again", path, "-o", tmp_path / "out", code=1).stderr
    assert str(path) in shown
    for part in parts:
        assert part in shown
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 99),
        ("input", {}),
        ("input", "heart.nrrd"),
        ("output", {}),
        ("plugins", [3]),
        ("labels", [3]),
        ("steps", [{}]),
        ("steps", 3),
    ],
)
def test_again_of_a_record_with_a_hole(tmp_path: Path, shared: Path, key: str, value: object) -> None:
    record = dict(SavedRun.read(shared / "out" / "run.json").data)
    record["input"] = {**record["input"], "path": str(shared / "heart_labels.nrrd")}
    path = tmp_path / "run.json"
    path.write_text(json.dumps({**record, key: value}), encoding="utf-8")
    text = pycemrg("run", "--again", path, "-o", tmp_path / "out", code=1).stderr
    assert str(path) in text
    assert key in text
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------------------------------------------ plugins


def test_a_step_that_raises_is_named_with_its_plugin(tmp_path: Path, earlier: Path, heart: Path) -> None:
    plugin = local_plugin(tmp_path, "raise ZeroDivisionError('a wall of no width')")
    text = refused(earlier, "mine", heart, "--plugin", plugin)
    assert text.count("\n") == 1
    for part in ("'painted'", plugin.stem, "paint", "ZeroDivisionError", "a wall of no width"):
        assert part in text


@pytest.mark.slow(every=4)
@pytest.mark.parametrize(
    ("body", "part"),
    [
        ("return None", "it returned None; yield Edits or return a list of them"),
        ("return [3]", "not an Edit"),
        ("return [Edit(volume.region(4), volume.mask(4), 77)]", "does not fit"),
        ("return [Edit(volume.region(4), volume.mask(4, volume.region(4)), 78)]", "78"),
        ("raise SystemExit(0)", "SystemExit"),
        ("volume.array[:] = 0", "read-only"),
        ("from pycemrg_core import PycemrgError; raise PycemrgError('no label at hand')", "no label at hand"),
        ("raise ValueError('first\\nsecond')", "first"),
    ],
)
def test_a_step_that_breaks_its_contract(tmp_path: Path, earlier: Path, heart: Path, body: str, part: str) -> None:
    plugin = local_plugin(tmp_path, body)
    text = refused(earlier, "mine", heart, "--plugin", plugin)
    assert text.count("\n") == 1
    assert part in text
    assert "'painted'" in text
    assert plugin.stem in text


@pytest.mark.slow(every=3)
@pytest.mark.parametrize(
    ("name", "source", "part"),
    [
        ("absent.py", None, "no such plugin file"),
        ("notes.txt", "hello", ".py or .yaml"),
        ("no_module.py", "import no_such_module_anywhere", "no_such_module_anywhere"),
        ("broken_syntax.py", "def (", "SyntaxError"),
        ("no_hooks.py", "x = 1", "@hookimpl"),
        ("no_mapping.yaml", "- a\n", "mapping"),
        ("bad_key.yaml", "recipe: {}\n", "unknown key recipe"),
        ("bad_step.yaml", "recipes:\n  mine: {steps: [{schematics: la_myocardium}]}\n", "recipes.mine.steps[0]"),
        ("no_step.yaml", "recipes:\n  mine: {steps: [la_myocard]}\n", "did you mean 'la_myocardium'"),
    ],
)
def test_a_broken_local_plugin(
    tmp_path: Path, earlier: Path, heart: Path, name: str, source: str | None, part: str
) -> None:
    path = tmp_path / name
    if source is not None:
        path.write_text(source, encoding="utf-8")
    text = refused(earlier, "mine", heart, "--plugin", path)
    assert part in text
    assert path.stem in text or name == "no_step.yaml"


@pytest.mark.parametrize("arguments", [["--help"], ["describe", "create"], ["list-steps"]])
def test_a_plugin_file_that_is_not_there_is_refused_by_every_command(arguments: list[str]) -> None:
    result = pycemrg("--plugin", "absent.py", *arguments, code=1)
    assert "error: absent.py: no such plugin file" in result.stderr


# --------------------------------------------------------------------------------------------------- the output


@pytest.mark.parametrize("place", ["notes.txt/out", "notes.txt"])
def test_a_folder_that_cannot_be_made(tmp_path: Path, heart: Path, place: str) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    before = contents(tmp_path)
    text = pycemrg("run", RECIPE, heart, "-o", tmp_path / place, code=1).stderr.splitlines()[-1]
    assert text.startswith(f"error: {tmp_path / place}: ")
    assert "another folder" in text
    assert "File exists" not in text
    text = pycemrg("run", RECIPE, heart, "-o", tmp_path / place, "--keep-steps", code=1).stderr.splitlines()[-1]
    assert str(tmp_path / place) in text
    assert contents(tmp_path) == before


@posix
def test_a_folder_without_permission(tmp_path: Path, earlier: Path, heart: Path) -> None:
    before = contents(tmp_path)
    tmp_path.chmod(0o555)
    earlier.chmod(0o555)
    try:
        if os.access(earlier, os.W_OK):
            pytest.skip("this user may write everywhere")
        for folder in (earlier, tmp_path / "fresh" / "deep"):
            text = pycemrg("run", RECIPE, heart, "-o", folder, code=1).stderr.splitlines()[-1]
            assert text.startswith(f"error: {folder}: ")
            assert "Permission denied" in text
            assert "another folder" in text
    finally:
        tmp_path.chmod(0o755)
        earlier.chmod(0o755)
    assert contents(tmp_path) == before


def test_the_input_is_never_overwritten(tmp_path: Path) -> None:
    small_heart(tmp_path, "heart.nrrd")
    before = contents(tmp_path)
    text = pycemrg("run", RECIPE, tmp_path / "heart.nrrd", "-o", tmp_path, code=1).stderr
    assert str(tmp_path / "heart.nrrd") in text
    assert "another folder" in text
    assert contents(tmp_path) == before


SMALL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.dont_write_bytecode = True  # Python would leave a cut .pyc, and with it a broken checkout
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
from pycemrg_core.cli import main
main()
"""


@pytest.mark.slow
@posix
@pytest.mark.parametrize("limit", [1000, 9000])
@pytest.mark.parametrize("place", ["out", "fresh/deep"])
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, earlier: Path, heart: Path, limit: int, place: str) -> None:
    """At 1000 bytes the image does not fit, at 9000 the record does not."""
    assert 1000 < (earlier / "heart.nrrd").stat().st_size < 9000 < (earlier / "run.json").stat().st_size
    before = contents(tmp_path)
    folder = tmp_path / place
    command = ["run", RECIPE, str(heart), "-o", str(folder), "--set", "LA_WT=3"]
    done = subprocess.run(
        [sys.executable, "-c", SMALL_DISK, str(limit), *command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"error: {folder}")
    assert "cannot be written" in last
    assert "ree s" in last  # Free some space, or: check the free space
    assert scratch.PREFIX not in last
    assert "Traceback" not in done.stderr
    assert contents(tmp_path) == before


INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from pycemrg_core.cli import main
main()
"""


@pytest.mark.slow
@posix
@pytest.mark.parametrize("kept", [False, True])
def test_control_c_while_a_step_works(tmp_path: Path, earlier: Path, heart: Path, kept: bool) -> None:
    started = tmp_path / "started"
    plugin = local_plugin(tmp_path, f"Path({str(started)!r}).touch()\ntime.sleep(60)")
    command = ["run", "mine", str(heart), "-o", str(earlier), "--plugin", str(plugin)]
    before = contents(earlier)
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *command, *(["--keep-steps"] if kept else [])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 30
        while not started.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 1
    assert out == ""
    assert err.startswith("error: interrupted")
    assert err.count("\n") == 1
    after = contents(earlier)
    assert {name: data for name, data in after.items() if not name.startswith("steps")} == before
    if kept:
        # What is done is whole, and the message says how to go on.
        assert after.keys() - before.keys() == {
            "steps",
            "steps/01_la_myocardium.nrrd",
            "steps/progress.json",
        }
        assert "--resume" in err


@pytest.mark.parametrize("fresh", [False, True])
def test_control_c_while_the_image_is_written(
    earlier: Path, heart: Path, monkeypatch: pytest.MonkeyPatch, fresh: bool
) -> None:
    def interrupted(volume: LabelVolume, path: Path) -> None:
        Path(path).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(image_files, "write_volume", interrupted)
    before = contents(earlier.parent)
    folder = earlier.parent / "fresh" / "deep" if fresh else earlier
    text = pycemrg("run", RECIPE, heart, "-o", folder, "--set", "LA_WT=3", code=1).stderr
    assert "interrupted" in text.splitlines()[-1]
    assert contents(earlier.parent) == before


def test_control_c_after_the_steps_says_that_they_are_kept(
    tmp_path: Path, heart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    folder = tmp_path / "out"
    command = ["run", RECIPE, heart, "-o", folder, "--with", "picture"]
    with monkeypatch.context() as patched:
        patched.setattr(outputs, "make_outputs", interrupted)
        bare = pycemrg(*command, code=1).stderr
        kept = pycemrg(*command, "--keep-steps", code=1).stderr
    assert bare.splitlines()[-1] == f"error: interrupted; {folder} is unchanged"
    assert kept.splitlines()[-1] == "error: interrupted; the finished steps are kept, continue with --resume"
    assert {one.name for one in folder.iterdir()} == {"steps"}, "what is kept is the steps alone"
    pycemrg(*command, "--resume")
    pycemrg(*command[:4], tmp_path / "whole")
    assert (voxels(folder / "heart.nrrd") == voxels(tmp_path / "whole" / "heart.nrrd")).all()


@pytest.mark.slow(every=6)
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
@pytest.mark.parametrize("at", ["heart.nrrd", "run.json", "slices.png"])
def test_a_failure_while_files_take_their_places_leaves_the_old_result(
    earlier: Path, heart: Path, monkeypatch: pytest.MonkeyPatch, at: str, error: BaseException
) -> None:
    """Image, picture and record belong together: not one of them may come from another run."""
    replace = os.replace

    def fail(source: Path, target: Path) -> None:
        if Path(target) == earlier / at and Path(source).parent.name.startswith(scratch.PREFIX):
            raise error
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    before = contents(earlier)
    text = pycemrg("run", RECIPE, heart, "-o", earlier, "--set", "LA_WT=3", "--with", "picture", code=1).stderr
    assert str(earlier) in text.splitlines()[-1]
    assert contents(earlier) == before


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (("run", "atria_full", "heart.nrrd", "-o", ""), " after -o"),
        (("fuse", "", "-o", "x.nrrd"), " after fuse"),
        (("clean", "heart.nrrd", "--fill-holes", "--output="), " after --output"),
        (("",), ""),
    ],
)
def test_an_empty_argument_is_no_name(words: tuple[str, ...], where: str) -> None:
    """A shell gives one for a variable that is not set. As a path it would be this folder."""
    text = pycemrg(*words, code=2).stderr
    assert text.endswith(f"Error: an argument is empty{where}; give it a value, or leave it out"
                         " (is a shell variable not set?)\n")  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [("fuse", "heart.nrrd@cemrg"), ("clean", "heart.nrrd", "--fill-holes"), ("labels", "keep", "heart.nrrd", "1")],
)
def test_a_folder_is_no_file_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    small_heart(tmp_path, "heart.nrrd")
    monkeypatch.chdir(tmp_path)
    text = pycemrg(*words, "-o", ".", code=1).stderr
    assert text == "error: .: is a folder; give the name of a file in it\n"
