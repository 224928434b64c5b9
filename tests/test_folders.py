"""A folder is written by one command at a time, through folders that no other user can reach, and nothing stays."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from command_line import contents, pycemrg, small_heart, voxels

from pycemrg_core.cli.kit import held, staged, write_json, write_text
from pycemrg_core.errors import OutputError
from pycemrg_core.images import scratch
from pycemrg_core.images.image_files import read_image, write_image

pytestmark = pytest.mark.usefixtures("loaded_once")

RECIPE = "left_atrium_with_veins"
LEFT = f"{scratch.PREFIX}abcdefgh"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no locks of folders")


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """What a killed command leaves in a folder."""
    folder = tmp_path / LEFT
    (folder / ".old").mkdir(parents=True)
    (folder / "heart.nrrd").write_bytes(b"half")
    return folder


# ------------------------------------------------------------------------------------------- temporary folders


@pytest.mark.parametrize("write", ["text", "json", "image", "staged"])
def test_what_killed_commands_left_is_removed(tmp_path: Path, left: Path, write: str) -> None:
    image, _ = read_image(small_heart(tmp_path))
    mine = [".partial-abcdefgh", f"{scratch.PREFIX}mine", f"{LEFT}.txt", f"{scratch.PREFIX}ABCDEFGH"]
    for name in mine:
        (tmp_path / name).mkdir()
    if write == "text":
        write_text("a", tmp_path / "a.txt")
    elif write == "json":
        write_json({}, tmp_path / "a.txt")
    elif write == "image":
        write_image(image, tmp_path / "a.nrrd")
    else:
        with staged(tmp_path) as inner:
            (inner / "a.txt").touch()
    assert not left.exists()
    assert {path.name for path in tmp_path.iterdir()} - {"a.txt", "a.nrrd", "small.nrrd"} == {*mine}


def test_a_folder_that_a_living_process_uses_stays(tmp_path: Path) -> None:
    with scratch.scratch(tmp_path) as mine:
        write_text("a", tmp_path / "a.txt")
        assert mine.is_dir()
        assert mine.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_behind_a_link_is_not_swept(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("three years")
    (tmp_path / LEFT).symlink_to(precious)
    write_text("a", tmp_path / "a.txt")
    assert (precious / "thesis.txt").read_text() == "three years"
    assert (tmp_path / LEFT).is_symlink()


@pytest.mark.slow
@pytest.mark.parametrize("steps", [(), ("--keep-steps",)])
def test_a_folder_of_results_may_be_a_link(tmp_path: Path, steps: tuple[str, ...]) -> None:
    """As on a cluster, where results are kept on another disk."""
    heart = small_heart(tmp_path, size=32)
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk", target_is_directory=True)
    for _ in range(2):
        pycemrg("run", "left_atrium_with_veins", heart, "-o", tmp_path / "out", "--no-check", *steps)
    assert {"heart.nrrd", "run.json"} <= {*contents(tmp_path / "disk")}
    refused = pytest.raises(OutputError, match="another command is writing here")
    with held(tmp_path / "disk"), refused, held(tmp_path / "out"):
        raise AssertionError("one folder under two names")
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    for place in ("lost", "lost/in"):
        told = pycemrg("run", "left_atrium_with_veins", heart, "-o", tmp_path / place, "--no-check", code=1).stderr
        assert told == (
            f"error: {tmp_path / place}: {tmp_path / 'lost'} is a link to a place that does not exist;"
            " choose another folder\n"
        )


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), FileNotFoundError(2, "No such file")])
def test_a_folder_that_cannot_be_opened_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    """It may be written and not listed, or another command removes it at this moment."""

    def refuse(_: Path) -> int:
        raise error

    monkeypatch.setattr(scratch, "_lock", refuse)
    with pytest.raises(OutputError) as refused, held(tmp_path):
        raise AssertionError("held")
    assert str(refused.value) == f"{tmp_path}: cannot be opened: {error.strerror}; choose another folder"


@pytest.mark.slow
def test_a_link_with_the_name_of_a_temporary_file_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("three years")
    heart = small_heart(tmp_path)
    for name in (".c.json.partial", "c.json.partial", ".c.json"):
        (tmp_path / name).symlink_to(precious)
    pycemrg("certify", heart, "-o", tmp_path / "c.json", code=1)
    assert json.loads((tmp_path / "c.json").read_text())["verdict"] == "FAIL"
    assert precious.read_text() == "three years"


@pytest.mark.slow
def test_many_writers_of_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from pycemrg_core.cli.kit import write_json
for number in range(60):
    write_json({{"writer": [number] * 1000}}, Path({str(tmp_path)!r}) / "c.json")
"""
    writers = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for writer in writers:
        _, err = writer.communicate(timeout=120)
        assert (writer.returncode, err) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["c.json"]
    assert len(set(json.loads((tmp_path / "c.json").read_text())["writer"])) == 1


@pytest.mark.slow
def test_a_name_that_is_not_utf8_is_recorded(tmp_path: Path) -> None:
    heart = os.fsencode(small_heart(tmp_path))
    strange = heart.replace(b"small", b"sm\xe5ll")
    try:
        os.rename(heart, strange)
    except OSError:
        pytest.skip("this file system wants UTF-8")
    pycemrg("run", RECIPE, os.fsdecode(strange), "-o", tmp_path / "out", "--no-check")
    pycemrg("run", "--again", tmp_path / "out" / "run.json", "-o", tmp_path / "again")


# ------------------------------------------------------------------------------------------- one at a time


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the folder ``out``."""
    code = f"""
from pathlib import Path
from pycemrg_core.cli.kit import held
with held(Path({str(tmp_path / "out")!r})):
    print("held", flush=True)
    input()
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate(timeout=60)


@pytest.mark.slow
def test_a_second_command_is_refused_until_the_first_ends(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    heart = small_heart(tmp_path)
    command = ("run", RECIPE, heart, "-o", tmp_path / "out", "--no-check")
    said = "another command is writing here; wait until it has ended, or choose another folder"
    for one in (command, ("demo", "-o", tmp_path / "out")):
        assert pycemrg(*one, code=1).stderr.splitlines()[-1] == f"error: {tmp_path / 'out'}: {said}"
    assert contents(tmp_path / "out") == {}
    holder.kill()
    holder.wait(timeout=60)
    pycemrg(*command)


def test_a_folder_that_was_made_to_be_held_is_removed_when_nothing_was_written(tmp_path: Path) -> None:
    with held(tmp_path / "deep" / "out"):
        with pytest.raises(OutputError, match="another command"), held(tmp_path / "deep" / "out"):
            pass
        assert (tmp_path / "deep" / "out").is_dir()
    assert contents(tmp_path) == {}


# ------------------------------------------------------------------------------------------- taken up again


@pytest.mark.slow
@pytest.mark.parametrize("swapped", ["last", "middle"])
def test_a_step_that_is_not_the_one_that_was_kept_is_not_taken_up(tmp_path: Path, swapped: str) -> None:
    """The image of another heart in the place of a kept step would go on as this heart."""
    heart, other = small_heart(tmp_path), small_heart(tmp_path, "other.nrrd", size=52)
    for name, image in (("out", heart), ("other", other)):
        pycemrg("run", RECIPE, image, "-o", tmp_path / name, "--keep-steps", "--no-check")
    (tmp_path / "out" / "run.json").unlink()
    (tmp_path / "out" / "heart.nrrd").unlink()
    steps = sorted(path.name for path in (tmp_path / "out" / "steps").glob("*.nrrd"))
    step = tmp_path / "out" / "steps" / (steps[-1] if swapped == "last" else steps[1])
    shutil.copy(tmp_path / "other" / "steps" / step.name, step)
    before = contents(tmp_path)
    command = ("run", RECIPE, heart, "-o", tmp_path / "out", "--resume", "--no-check")
    text = pycemrg(*command, code=1).stderr
    assert f"{step} has changed since its step (its SHA-256 differs); run without --resume" in text
    assert contents(tmp_path) == before


@pytest.mark.slow
def test_steps_that_were_kept_are_taken_up(tmp_path: Path) -> None:
    heart = small_heart(tmp_path)
    command = ("run", RECIPE, heart, "-o", tmp_path / "out", "--no-check")
    pycemrg(*command, "--keep-steps")
    whole = voxels(tmp_path / "out" / "heart.nrrd")
    (tmp_path / "out" / "run.json").unlink()
    (tmp_path / "out" / "heart.nrrd").unlink()
    pycemrg(*command, "--resume")
    assert np.array_equal(voxels(tmp_path / "out" / "heart.nrrd"), whole)


@pytest.mark.slow
def test_a_report_does_not_show_the_verdict_of_another_heart(tmp_path: Path) -> None:
    """Neither after a run of another heart, nor when a certificate was put there."""
    pytest.importorskip("pycemrg_report.report", reason="pycemrg-report is not installed")
    out = tmp_path / "out"
    for name, size in (("one", 48), ("two", 52)):
        heart = small_heart(tmp_path, f"{name}.nrrd", size=size)
        command = ("run", RECIPE, heart, "-o", out, "--no-check", "--force")
        pycemrg(*command, *(("--with", "certificate,picture") if name == "one" else ()), code=1 if name == "one" else 0)
        if name == "one":
            first = (out / "certificate.json").read_bytes()
    assert not (out / "certificate.json").exists()
    assert not (out / "slices.png").exists()
    (out / "certificate.json").write_bytes(first)
    pycemrg("report", out)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "certificate.json is for another heart, and is left out" in page
    assert json.loads((out / "run.json").read_text())["output"]["voxels_sha256"] in page
    assert json.loads(first)["input"]["voxels_sha256"] not in page
