"""``pycemrg compare`` and ``pycemrg measure``: what they print, and every refusal."""

from __future__ import annotations

import csv
import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from command_line import HEART, pycemrg

pytestmark = pytest.mark.usefixtures("loaded_once")

DATA = Path(__file__).resolve().parents[3] / "tests" / "data"
CT, CT_LABELS = DATA / "thorax_ct.nrrd", DATA / "thorax_ct_labels.nrrd"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real heart shifted by two voxels without an appendage, the same on another grid, and a smoothed CT."""
    made = tmp_path_factory.mktemp("compare")
    heart = sitk.ReadImage(str(HEART))
    array = np.roll(sitk.GetArrayFromImage(heart), 2, axis=2)
    array[array == 12] = 0
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(heart)
    sitk.WriteImage(image, str(made / "mine.nrrd"), useCompression=True)
    sitk.WriteImage(image[:, :, 5:], str(made / "cut.nrrd"), useCompression=True)
    sitk.WriteImage(image * 0, str(made / "empty.nrrd"), useCompression=True)
    ct = sitk.Cast(sitk.ReadImage(str(CT)), sitk.sitkFloat32)
    sitk.WriteImage(sitk.DiscreteGaussian(ct, 1.0), str(made / "smooth.nrrd"), useCompression=True)
    return made


@cache
def image_of(path: Path) -> sitk.Image:
    return sitk.ReadImage(str(path))


def overlap(path: Path, label: int) -> float:
    measures = sitk.LabelOverlapMeasuresImageFilter()
    measures.Execute(*(image_of(one) == label for one in (HEART, path)))
    return float(measures.GetDiceCoefficient(1))


@pytest.mark.slow
def test_a_table_of_all_labels(folder: Path) -> None:
    lines = pycemrg("compare", folder / "mine.nrrd", HEART).stdout.splitlines()
    assert lines[0].split() == ["label", "dice", "hd95", "assd", "volume_difference"]
    assert lines[1].split() == ["mm", "mm", "mL"]
    rows = {line.split()[0]: line.split()[1:] for line in lines[2:]}
    assert rows["LV_BP_label"][0] == f"{overlap(folder / 'mine.nrrd', 1):.4f}"
    assert rows["LAA_label"][:3] == ["0.0000", "inf", "inf"]
    assert rows["over"] == ["14", "of", "14"] * 4
    dice = [overlap(folder / "mine.nrrd", label) if label != 12 else 0 for label in range(1, 15)]
    assert rows["mean"][:2] == [f"{np.mean(dice):.4f}", "inf"]


@pytest.mark.slow
def test_many_columns_make_blocks(folder: Path) -> None:
    names = "dice,jaccard,precision,recall,nsd,hausdorff,hd95,assd,volume_difference,relative_volume_difference"
    shown = pycemrg("compare", folder / "mine.nrrd", HEART, "--metrics", names, "--labels", "LV_BP,LV_myo").stdout
    blocks = [block.splitlines() for block in shown.split("\n\n")]
    assert [name for block in blocks for name in block[0].split()[1:]] == names.split(",")
    for block in blocks:
        assert max(map(len, block)) <= 80
        assert [line.split()[0] for line in block[2:]] == ["LV_BP_label", "LV_myo_label", "mean", "over"]


@pytest.mark.slow
def test_what_is_not_defined_is_left_out_and_counted(folder: Path) -> None:
    result = pycemrg("compare", folder / "mine.nrrd", HEART, "--metrics", "dice", "--labels", "LV_BP,LAA,99")
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[3] == ["99", "-"]
    assert rows[4] == ["mean", f"{overlap(folder / 'mine.nrrd', 1) / 2:.4f}"]
    assert rows[5] == ["over", "2", "of", "3"]
    assert result.stderr == "note: - means not defined, and is left out of the mean\n"


@pytest.mark.slow
def test_json_and_csv_hold_the_same(folder: Path) -> None:
    arguments = (
        "compare",
        folder / "mine.nrrd",
        HEART,
        "--metrics",
        "dice,hd95,metrics:nsd",
        "--set",
        "tolerance_mm=2",
    )
    arguments = (*arguments, "--labels", "chambers,LAA,99", "--groups")
    data = json.loads(pycemrg(*arguments, "--json").stdout, parse_constant=pytest.fail)
    assert data["prediction"] == str(folder / "mine.nrrd")
    assert data["metrics"][2] == {"name": "metrics:nsd", "unit": "", "parameters": {"tolerance_mm": 2.0}}
    assert [row["name"] for row in data["rows"]][-2:] == ["LAA_label", "99"]
    assert data["rows"][-2]["values"]["hd95"] == "inf"
    assert data["rows"][-1]["values"]["dice"] is None
    assert (data["mean"]["dice"]["over"], data["mean"]["dice"]["of"]) == (5, 6)
    table = list(csv.DictReader(io.StringIO(pycemrg(*arguments, "--csv").stdout)))
    assert [line["kind"] for line in table] == ["structure"] * 6 + ["group"] * len(data["groups"])
    for line, row in zip(table, data["rows"] + data["groups"], strict=True):
        assert line["name"] == row["name"]
        assert line["labels"] == " ".join(map(str, row["labels"]))
        for metric in ("dice", "hd95", "metrics:nsd"):
            assert (float(line[metric]) if line[metric] else None) == (
                float(row["values"][metric]) if row["values"][metric] is not None else None
            )


@pytest.mark.slow
def test_identical_maps_and_an_empty_one(folder: Path) -> None:
    names = "dice,jaccard,precision,recall,nsd,hausdorff,hd95,assd,volume_difference,relative_volume_difference"
    same = json.loads(pycemrg("compare", HEART, HEART, "--metrics", names, "--json").stdout)
    assert [same["mean"][name]["value"] for name in names.split(",")] == [1] * 5 + [0] * 5
    empty = json.loads(pycemrg("compare", folder / "empty.nrrd", HEART, "--json").stdout)
    assert {row["values"]["dice"] for row in empty["rows"]} == {0}
    assert {row["values"]["assd"] for row in empty["rows"]} == {"inf"}


@pytest.mark.slow
def test_images(folder: Path) -> None:
    lines = pycemrg("compare", folder / "smooth.nrrd", CT).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["metric", "mse", "psnr", "ssim", "gradient_error"]
    data = json.loads(pycemrg("compare", folder / "smooth.nrrd", CT, "--json").stdout)["rows"][0]["values"]
    ours, theirs = (sitk.GetArrayFromImage(sitk.ReadImage(str(p))).astype(float) for p in (folder / "smooth.nrrd", CT))
    assert data["mse"] == pytest.approx(((ours - theirs) ** 2).mean())
    assert data["psnr"] == pytest.approx(10 * np.log10(np.ptp(theirs) ** 2 / data["mse"]))
    options = ("--mask", CT_LABELS, "--labels", "LV_BP", "--scheme", "mm-whs", "--data-range", 1000, "--csv")
    line = next(csv.DictReader(io.StringIO(pycemrg("compare", folder / "smooth.nrrd", CT, *options).stdout)))
    inside = sitk.GetArrayFromImage(sitk.ReadImage(str(CT_LABELS))) == 500  # the left ventricle in MM-WHS
    mse = ((ours - theirs)[inside] ** 2).mean()
    assert (line["kind"], float(line["mse"])) == ("image", pytest.approx(mse))
    assert float(line["psnr"]) == pytest.approx(10 * np.log10(1000**2 / mse))
    same = json.loads(pycemrg("compare", CT, CT, "--json").stdout)["rows"][0]["values"]
    assert same["psnr"] == "inf"
    assert same["ssim"] == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["int16", "float32"])
@pytest.mark.parametrize(("most", "metric"), [(127, "dice"), (128, "mse")])
def test_up_to_128_different_values_are_labels(tmp_path: Path, dtype: str, most: int, metric: str) -> None:
    """With the background, wherever it is, and whatever the type."""
    array = np.zeros((20, 20, 20), dtype)
    array[5:15, 5:15, 5:15] = (np.arange(1000) % most + 1).reshape(10, 10, 10)
    sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / "one.nrrd"))
    assert metric in pycemrg("compare", tmp_path / "one.nrrd", tmp_path / "one.nrrd").stdout


def test_resample_says_how(folder: Path) -> None:
    result = pycemrg(
        "compare", folder / "cut.nrrd", HEART, "--resample", "--metrics", "dice", "--labels", "1", "--json"
    )
    missing = 5 * 161 * 133  # slices of the heart's x and y
    assert result.stderr == (
        f"note: {folder / 'cut.nrrd'} resampled to the grid of {HEART} (nearest voxel);"
        f" {missing:,} voxels of this grid outside the image count as background\n"
    )
    whole = sitk.ReadImage(str(folder / "mine.nrrd"))
    array = sitk.GetArrayFromImage(whole)
    array[:5] = 0
    heart = sitk.GetArrayFromImage(sitk.ReadImage(str(HEART)))
    a, b = array == 1, heart == 1
    assert json.loads(result.stdout)["rows"][0]["values"]["dice"] == pytest.approx(
        2 * (a & b).sum() / (a.sum() + b.sum())
    )
    linear = pycemrg("compare", folder / "smooth.nrrd", CT, "--resample", "--metrics", "mse").stderr
    assert linear == f"note: {folder / 'smooth.nrrd'} resampled to the grid of {CT} (linear)\n"


@pytest.mark.slow
def test_measure(folder: Path) -> None:
    lines = pycemrg("measure", HEART).stdout.splitlines()
    assert lines[0].split() == ["label", "volume", "components", "euler_number"]
    assert lines[1].split() == ["mL"]
    voxels = (sitk.GetArrayFromImage(sitk.ReadImage(str(HEART))) == 1).sum()  # 1 mm3 each
    assert lines[2].split()[:2] == ["LV_BP_label", f"{voxels / 1000:.2f}"]
    assert len(lines) == 2 + 14
    data = json.loads(pycemrg("measure", HEART, "--between", "LV_BP:LV_myo", "--json").stdout)
    assert "mean" not in data
    assert data["rows"][0]["labels"] == [1, 2]
    assert data["rows"][0]["values"]["contact_area"] > 10_000
    table = pycemrg("measure", HEART, "--metrics", "wall_thickness_median", "--labels", "LV_myo", "--groups", "--csv")
    line = next(csv.DictReader(io.StringIO(table.stdout)))
    assert (line["name"], 7 < float(line["wall_thickness_median"]) < 12) == ("LV_myo_label", True)


MINE = "mine.nrrd"
IMAGES = ("compare", "smooth.nrrd", CT)
LABELS = ("compare", MINE, HEART)


@pytest.mark.slow(every=24)
@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ((*LABELS, "--metrics", "dice,psnr"), 1, "error: metrics of two kinds: 'dice' compares two label maps, 'psnr'"
            " compares two images; ask for one kind at a time"),
        ((*LABELS, "--metrics", "volume"), 1, "error: metric 'volume' measures one structure of a label map; use"
            " 'pycemrg measure'"),
        ((*LABELS, "--metrics", "dise"), 1, "error: no metric is called 'dise'; did you mean 'dice'?"),
        ((*LABELS, "--labels", "LV_PB"), 1, "error: no label or group of the scheme 'cemrg' is called 'LV_PB'; did you"
            " mean 'LV_BP' or 'RV_BP' or 'LA_BP'?"),
        ((*LABELS, "--labels", "0"), 1, "error: label 0 is not a structure; labels are integers from 1 (0 is the"
            " background)"),
        ((*LABELS, "--set", "tolerance=2"), 1, "error: none of the metrics (dice, hd95, assd, volume_difference) has a"
            " parameter 'tolerance'; they have none"),
        ((*LABELS, "--metrics", "nsd", "--set", "tolerance_mm=-1"), 1, "error: metric 'nsd': tolerance_mm is -1; give 0"
            " or more"),
        ((*LABELS, "--set", "tolerance_mm"), 2, "'tolerance_mm' is not NAME=NUMBER; give for example tolerance_mm=2"),
        ((*LABELS, "--set", "tolerance_mm=1", "--set", "tolerance_mm=2"), 2, "tolerance_mm is set to 1 and to 2; give"
            " it once"),
        ((*LABELS, "--json", "--csv"), 2, "give --json or --csv, not both"),
        ((*LABELS, "--mask", HEART), 2, "--mask and --data-range are only for images, and these files are label"
        " maps; leave" " them out"),
        ((*LABELS, "--scheme", "cemgr"), 1, "error: no label scheme is called 'cemgr'; did you mean 'cemrg'?"),
        (("compare", "cut.nrrd", HEART), 1, "error: cut.nrrd: not on the grid of {heart}: size 161 x 133 x 144, not"
            " 161 x 133 x 149; origin -13, -13, -7 mm, not -13, -13, -12 mm; resample it first, or use 'pycemrg"
            " compare --resample'"),
        (("compare", "empty.nrrd", "empty.nrrd"), 1, "error: both label maps are empty; give maps with labels"),
        (("compare", "none.nrrd", HEART), 1, "error: none.nrrd: "),
        ((*IMAGES, "--labels", "1"), 2, "for images, --labels selects voxels of --mask; give --mask"),
        ((*IMAGES, "--groups"), 2, "--groups is only for label maps, and these files are images; leave it out"),
        ((*IMAGES, "--mask", HEART), 1, "error: {heart}: not on the grid of {ct}: size 161 x 133 x 149, not"),
        ((*IMAGES, "--mask", CT_LABELS, "--labels", "77"), 1, "error: no voxel is inside the mask; give other"
            " labels, or another mask"),
        ((*IMAGES, "--data-range", "0"), 1, "error: the data range is 0; give a positive number, or a reference"),
        ((*IMAGES, "--metrics", "ssim", "--set", "window=4"), 1, "error: metric 'ssim': the window is 4; give"
        " an odd number"
            " of voxels, 3 or more"),
        ((*IMAGES, "--metrics", "dice"), 1, "error: smooth.nrrd: "),
        (("measure", HEART, "--between", "LV_BP"), 2, "'LV_BP' is not A:B; give two names, such as"
        " LV_BP_label:LA_BP_label"),
        (("measure", HEART, "--between", "1:2", "--labels", "1"), 2, "--between already names what to"
        " measure; leave out"
            " --labels and --groups"),
        (("measure", HEART, "--between", "chambers:LV_BP"), 1, "error: metric 'contact_area': both"
        " structures contain" " label 1; give two that do not overlap"),
        (("measure", HEART, "--metrics", "dice"), 1, "error: metric 'dice' compares two label maps; use"
            " 'pycemrg compare'"),
        (("measure", HEART, "--metrics", "contact_area"), 1, "error: metric 'contact_area' measures two structures of a"
            " label map; name them with --between A:B"),
        (("measure", CT), 1, "holds negative values"),
    ],
)  # fmt: skip
def test_refusals(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[Any, ...], code: int, text: str
) -> None:
    monkeypatch.chdir(folder)
    result = pycemrg(*arguments, code=code)
    assert text.format(heart=HEART, ct=CT) in result.stderr
    assert result.stdout == ""


def test_the_commands_and_metrics_are_listed() -> None:
    shown = pycemrg("--help").stdout
    assert "Compare two label maps, or two images." in shown
    assert "Measure the structures of a label map." in shown
    listed = json.loads(pycemrg("list-metrics", "--json").stdout)
    ours = {entry["name"] for entry in listed if entry["plugin"] == "metrics"}
    assert {"ssim", "dice", "hausdorff", "nsd", "contact_area", "wall_thickness_p5"} <= ours
