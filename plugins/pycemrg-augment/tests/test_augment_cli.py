"""``pycemrg augment``: what it writes, and everything it refuses."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from command_line import contents, pycemrg
from pycemrg_augment.pipelines import Pipeline, replay

from pycemrg_core import load_catalogue, read_image, read_labels
from pycemrg_core.api import Sample, voxels_sha256

DATA = Path(__file__).resolve().parents[3] / "tests" / "data"
CT, LABELS = DATA / "thorax_ct.nrrd", DATA / "thorax_ct_labels.nrrd"

PIPELINE = """
- clip: {window: [-200, 800]}
- brightness: {shift: [-0.1, 0.1]}
- rician_noise: {sigma: [0.01, 0.05]}
  probability: 0.5
- random_patch: {size: [32, 32, 32]}
- slice_shift: {thickness: [4, 6]}
"""


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    path = tmp_path / "pipeline.yaml"
    path.write_text(PIPELINE)
    return path


def augment(pipeline: Path, out: Path, *more: object, code: int = 0) -> Any:
    return pycemrg("augment", CT, "--labels", LABELS, "--pipeline", pipeline, "-o", out, *more, code=code)


@pytest.mark.slow
def test_samples_records_and_a_quiet_pipe(pipeline: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = augment(pipeline, out, "-n", 3, "--seed", 7)
    assert result.stdout == f"{out}: 3 samples written\n"
    assert result.stderr == ""
    assert sorted(contents(out)) == [
        f"000{i}{end}" for i in range(3) for end in (".json", "_image.nrrd", "_labels.nrrd")
    ]
    for number in range(3):
        document = json.loads((out / f"000{number}.json").read_text())
        image, _ = read_image(out / f"000{number}_image.nrrd")
        labels, _ = read_image(out / f"000{number}_labels.nrrd")
        assert document["output"]["image"]["voxels_sha256"] == voxels_sha256(image)
        assert document["output"]["labels"]["voxels_sha256"] == voxels_sha256(labels)
        assert image.GetSize() == labels.GetSize()
        assert image.GetPixelID() == sitk.sitkFloat32
        assert labels.GetPixelID() == read_labels(LABELS)[0].GetPixelID()
        assert (document["seed"], document["index"]) == (7, number)
        assert document["input"]["image"]["name"] == "thorax_ct.nrrd"
        assert str(tmp_path) not in json.dumps(document)
        assert image.GetSpacing()[2] == pytest.approx(document["steps"][4]["drawn"]["thickness"])


@pytest.mark.slow
def test_choices_several_patches_classes_and_a_skipped_step(pipeline: Path, tmp_path: Path) -> None:
    pipeline.write_text("""
- clip: {window: [-200, 800]}
- one_of:
    of: [{rotation: {}}, {elastic: {}}, {affine: {}}]
- drop_structure: {labels: [7]}
  if_impossible: skip
- label_patch: {size: [24, 20, 16], weights: {205: 1, 600: 2}}
  samples: 3
- some_of: {of: [motion, {gamma: {}}, {blur: {}}]}
- consecutive_classes: {labels: [500, 600, 420, 550, 205, 820, 850]}
""")
    out = tmp_path / "out"
    result = augment(pipeline, out, "-n", 2)
    assert result.stdout == f"{out}: 6 samples written\n"
    assert result.stderr == (
        "note: skipped in 6 of 6 samples: drop_structure: none of the labels 7 is in the image; name labels that are\n"
    )
    given = Sample(image=read_image(CT)[0], labels=read_labels(LABELS)[0])
    for number in range(6):
        document = json.loads((out / f"{number:04}.json").read_text())
        assert (document["index"], document["copy"]) == divmod(number, 3)
        labels, _ = read_labels(out / f"{number:04}_labels.nrrd")
        assert labels.GetSize() == (24, 20, 16)
        assert set(np.unique(sitk.GetArrayFromImage(labels))) & {5, 2}  # the classes of 205 and 600
    made = replay(document, given, load_catalogue())
    assert voxels_sha256(made.image) == document["output"]["image"]["voxels_sha256"]
    pipeline.write_text("- flip\n")
    assert "0002.json from an earlier run would stay among" in augment(pipeline, out, "-n", 2, code=1).stderr


@pytest.mark.slow
def test_a_written_record_can_be_replayed(pipeline: Path, tmp_path: Path) -> None:
    augment(pipeline, tmp_path / "out", "-n", 2, "--seed", 7)
    document = json.loads((tmp_path / "out" / "0001.json").read_text())
    made = replay(document, Sample(image=read_image(CT)[0], labels=read_labels(LABELS)[0]), load_catalogue())
    assert voxels_sha256(made.image) == document["output"]["image"]["voxels_sha256"]
    assert voxels_sha256(made.labels) == document["output"]["labels"]["voxels_sha256"]


@pytest.mark.slow
def test_the_same_seed_writes_the_same_bytes_whatever_the_number(pipeline: Path, tmp_path: Path) -> None:
    few, many, other = (tmp_path / name for name in ("few", "many", "other"))
    augment(pipeline, few, "-n", 2, "--seed", 7)
    augment(pipeline, many, "-n", 4, "--seed", 7)
    augment(pipeline, other, "-n", 2, "--seed", 8)
    assert contents(few).items() <= contents(many).items()
    images = [name for name in contents(few) if name.endswith("image.nrrd")]
    assert all(contents(few)[name] != contents(other)[name] for name in images)
    before = contents(few)
    augment(pipeline, few, "-n", 2, "--seed", 7)
    assert contents(few) == before


@pytest.mark.slow
def test_json(pipeline: Path, tmp_path: Path) -> None:
    result = augment(pipeline, tmp_path / "out", "-n", 2, "--json")
    records = json.loads(result.stdout)
    assert records == [json.loads((tmp_path / "out" / f"000{i}.json").read_text()) for i in range(2)]
    assert records[0]["seed"] == 0


def test_labels_alone(tmp_path: Path) -> None:
    path = tmp_path / "failures.yaml"
    path.write_text("- drop_structure: {labels: [500, 420]}\n- islands: {label: 600, count: 2}\n")
    pycemrg("augment", "--labels", LABELS, "--pipeline", path, "-o", tmp_path / "out")
    assert sorted(contents(tmp_path / "out")) == ["0000.json", "0000_labels.nrrd"]
    drop = json.loads((tmp_path / "out" / "0000.json").read_text())["steps"][0]["drawn"]
    before = sitk.GetArrayFromImage(sitk.ReadImage(str(LABELS)))
    assert drop["voxels"] == (before == drop["labels"][0]).sum()


@pytest.mark.slow
def test_progress_is_for_terminals(pipeline: Path, tmp_path: Path) -> None:
    terminal, inside = pty.openpty()
    arguments = ["augment", CT, "--pipeline", pipeline, "-o", tmp_path / "out", "-n", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "pycemrg_core", *map(str, arguments)], stdout=subprocess.PIPE, stderr=inside, check=True
    )
    os.close(inside)
    shown = os.read(terminal, 10000).decode()
    os.close(terminal)
    assert "samples" in shown
    assert "100%" in shown
    assert done.stdout.decode() == f"{tmp_path / 'out'}: 2 samples written\n"


def refused(*arguments: object, code: int = 1) -> str:
    text: str = pycemrg("augment", *arguments, code=code).stderr
    return text


def test_what_the_pipeline_has_wrong_is_said_at_once(tmp_path: Path) -> None:
    path, out = tmp_path / "p.yaml", tmp_path / "out"
    path.write_text("- clip: {window: [-200, 800]}\n- blurr: {}\n- blur: {sgima_mm: 1}\n")
    assert refused(CT, "--pipeline", path, "-o", out).splitlines() == [
        f"error: {path}: the pipeline will not run",
        "  pipeline[1]: no augmentation is called 'blurr'; did you mean 'blur'?",
        "  pipeline[2].sgima_mm: no such parameter; did you mean 'sigma_mm'?",
    ]
    assert not out.exists()


@pytest.mark.slow
def test_nothing_is_written_when_a_sample_fails(tmp_path: Path) -> None:
    path, out = tmp_path / "p.yaml", tmp_path / "out"
    path.write_text("- brightness: {}\n")
    assert refused(CT, "--pipeline", path, "-o", out, "-n", 3) == (
        "error: sample 0, pipeline[0]: brightness: the image is int16 from -200 to 800, not float32 in [0, 1];"
        " normalise it first with clip (a window), min_max or percentile, or give its limits\n"
    )
    assert not out.exists()
    # The leak fails, but in some samples only: what comes before it must not stay either.
    path.write_text("- leak: {between: [600, 77]}\n  probability: 0.3\n")
    text = refused("--labels", LABELS, "--pipeline", path, "-o", out, "-n", 30)
    assert "leak: label 77 is not in the image; name labels that are" in text
    assert not text.startswith("error: sample 0,")
    assert not out.exists()


@pytest.mark.slow
def test_refusals(pipeline: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tail = ("--pipeline", pipeline, "-o", out)
    assert "nothing to augment; give IMAGE, --labels or both" in refused(*tail, code=2)
    assert "Missing option '--pipeline'" in refused(CT, "-o", out, code=2)
    assert "Missing option '-o'" in refused(CT, "--pipeline", pipeline, code=2)
    assert "0 is not in the range x>=1" in refused(CT, *tail, "-n", 0, code=2)
    assert "-1 is not in the range x>=0" in refused(CT, *tail, "--seed", -1, code=2)
    nowhere = tmp_path / "no.nrrd"
    assert refused(nowhere, *tail).startswith(f"error: {nowhere}: no such file")
    assert refused(CT, "--labels", nowhere, *tail).startswith(f"error: {nowhere}: no such file")
    assert (
        refused(CT, "--pipeline", tmp_path / "no.yaml", "-o", out)
        == f"error: {tmp_path / 'no.yaml'}: no such file; check the path\n"
    )
    assert "holds negative values" in refused("--labels", CT, *tail)
    assert refused(CT, "--pipeline", pipeline, "-o", pipeline).startswith(f"error: {pipeline}: is a file, not a folder")
    assert not out.exists()


def test_image_and_labels_on_other_grids(pipeline: Path, tmp_path: Path) -> None:
    labels = sitk.ReadImage(str(LABELS))
    labels.SetSpacing((1.5, 1.5, 2.0))
    sitk.WriteImage(labels, str(tmp_path / "other.nrrd"))
    text = refused(CT, "--labels", tmp_path / "other.nrrd", "--pipeline", pipeline, "-o", tmp_path / "out")
    assert text == (
        f"error: {CT} and {tmp_path / 'other.nrrd'} are not on the same grid: spacing 1.5, 1.5, 1.5 mm, not"
        " 1.5, 1.5, 2 mm; resample one of them onto the other\n"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_old_samples_and_inputs_are_not_mixed_in(pipeline: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    augment(pipeline, out, "-n", 3)
    before = contents(out)
    text = augment(pipeline, out, "-n", 2, code=1).stderr
    assert text == (
        f"error: {out}: 0002.json from an earlier run would stay among the new samples; delete the old samples, or"
        " choose another folder\n"
    )
    assert "0000_labels.nrrd from an earlier run" in refused(CT, "--pipeline", pipeline, "-o", out, "-n", 3)
    taken = refused(out / "0001_image.nrrd", "--pipeline", pipeline, "-o", out, "-n", 3)
    assert taken.startswith(f"error: {out / '0001_image.nrrd'}: a sample would overwrite this input")
    assert contents(out) == before


@pytest.mark.slow
def test_drawn_values_spread_over_their_range(pipeline: Path, tmp_path: Path) -> None:
    records = json.loads(augment(pipeline, tmp_path / "out", "-n", 30, "--json").stdout)
    shifts = np.array([one["steps"][1]["drawn"]["shift"] for one in records])
    assert len(set(shifts)) == 30
    assert (np.abs(shifts) <= 0.1).all()
    assert (shifts > 0).any()
    assert (shifts < 0).any()
    assert {one["steps"][2]["applied"] for one in records} == {True, False}


@pytest.mark.slow
def test_an_interruption_leaves_nothing(pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Pipeline.apply_all

    def stopped(self: Pipeline, sample: Sample, *, seed: int, index: int = 0) -> Any:
        if index == 2:
            raise KeyboardInterrupt
        return whole(self, sample, seed=seed, index=index)

    monkeypatch.setattr(Pipeline, "apply_all", stopped)
    out = tmp_path / "out"
    assert augment(pipeline, out, "-n", 4, code=1).stderr == f"error: interrupted; {out} was not changed\n"
    assert not out.exists()
