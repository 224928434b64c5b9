"""The Python face: rows, groups, means, parameters, and metrics of other plugins."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from command_line import pycemrg
from pycemrg_metrics import Column, Row, Table, compare_images, compare_labels, measure, resample

from pycemrg_core import (
    ImageError,
    LabelError,
    LabelScheme,
    MetricError,
    PycemrgError,
    UnknownNameError,
    load_catalogue,
    write_volume,
)
from pycemrg_core.api import Command, LabelVolume, Measures, Metric
from schematics_builtin.readers import named_extras, segments_of

CATALOGUE = load_catalogue()
SCHEME = CATALOGUE.get(LabelScheme, "cemrg")
LV, MYO, LA = (SCHEME.labels[name] for name in ("LV_BP_label", "LV_myo_label", "LA_BP_label"))
OTHERWISE = "if they are others, name the label scheme of the file, as in FILE@mm-whs"


def image(array: Any, spacing: tuple[float, float, float] = (0.5, 1.0, 2.0)) -> sitk.Image:
    """An image of a (z, y, x) array; ``spacing`` is (x, y, z) in mm."""
    made = sitk.GetImageFromArray(np.asarray(array))
    made.SetSpacing(spacing)
    return made


def line(*values: int) -> sitk.Image:
    return image(np.array(values, np.uint8).reshape(1, 1, -1))


REFERENCE = line(LV, LV, LV, LV, MYO, MYO, 0, 77)
PREDICTION = line(LV, LV, 0, 0, MYO, MYO, LA, 0)


def test_each_label_is_a_row() -> None:
    table = compare_labels(PREDICTION, REFERENCE, CATALOGUE, metrics=["dice", "hausdorff"])
    assert [(row.name, row.labels) for row in table.rows] == [
        ("LV_BP_label", (LV,)), ("LV_myo_label", (MYO,)), ("LA_BP_label", (LA,)), ("77", (77,))
    ]  # fmt: skip
    assert [row.values["dice"] for row in table.rows] == [2 * 2 / (2 + 4), 1, 0, 0]
    # The reference reaches two voxels of 0.5 mm further.
    assert [row.values["hausdorff"] for row in table.rows] == [1.0, 0, math.inf, math.inf]
    assert [column.unit for column in table.columns] == ["", "mm"]


def test_means_leave_out_what_is_not_defined_and_count_it() -> None:
    table = compare_labels(PREDICTION, REFERENCE, CATALOGUE, metrics=["dice"], labels=["LV_BP", MYO, 5])
    mean = table.means["dice"]
    assert math.isnan(table.rows[2].values["dice"])
    assert (mean.value, mean.over, mean.of) == (pytest.approx((2 / 3 + 1) / 2), 2, 3)
    nothing = Table((Column("dice"),), (Row("a", (1,), {"dice": math.nan}),)).means["dice"]
    assert math.isnan(nothing.value)
    assert (nothing.over, nothing.of) == (0, 1)


def test_groups_are_one_structure_and_no_part_of_the_mean() -> None:
    table = compare_labels(PREDICTION, REFERENCE, CATALOGUE, metrics=["dice"], labels=["LV_BP"], groups=True)
    assert {row.name for row in table.groups} == {
        name for name, members in SCHEME.groups.items() if "LV_BP_label" in members
    }
    chambers = next(row for row in table.groups if row.name == "chambers")
    assert chambers.values["dice"] == 2 * 2 / (3 + 4)  # LV and LA against LV
    assert set(chambers.labels) == {SCHEME.labels[name] for name in SCHEME.groups["chambers"]}
    assert table.means["dice"].of == 1


def test_a_group_in_the_labels_is_its_members() -> None:
    table = compare_labels(PREDICTION, REFERENCE, CATALOGUE, metrics=["dice"], labels=["chambers"])
    assert tuple(row.name for row in table.rows) == SCHEME.groups["chambers"]


def test_a_text_is_one_name() -> None:
    table = compare_labels(PREDICTION, REFERENCE, CATALOGUE, metrics="dice", labels="LV_BP")
    assert table == compare_labels(PREDICTION, REFERENCE, CATALOGUE, metrics=["dice"], labels=["LV_BP"])


def test_parameters_reach_the_metrics_that_have_them() -> None:
    def nsd(**parameters: float) -> float:
        table = compare_labels(
            PREDICTION, REFERENCE, CATALOGUE, metrics=["dice", "nsd"], labels=["LV_BP"], parameters=parameters
        )
        return table.rows[0].values["nsd"]

    # All is surface. Prediction x = 0, 1, reference x = 0 to 3: two voxels are 0.5 and 1 mm away.
    assert [nsd(tolerance_mm=t) for t in (0.0, 0.5, 1.0)] == [4 / 6, 5 / 6, 1]
    assert nsd() == 1
    with pytest.raises(MetricError) as caught:
        nsd(tolerance=1.0)
    assert str(caught.value) == (
        "none of the metrics (dice, nsd) has a parameter 'tolerance'; did you mean 'tolerance_mm'?"
    )


def test_an_empty_prediction_is_a_result() -> None:
    table = compare_labels(line(*[0] * 8), REFERENCE, CATALOGUE, metrics=["dice", "volume_difference"])
    assert {row.values["dice"] for row in table.rows} == {0}
    assert table.rows[0].values["volume_difference"] == pytest.approx(-4 * 1e-3)


def test_grids_that_round_off_are_the_same() -> None:
    moved = sitk.Image(PREDICTION)
    moved.SetSpacing((0.50001, 1.0, 2.0))
    moved.SetOrigin((1e-3, 0, 0))
    near, same = (compare_labels(one, REFERENCE, CATALOGUE, metrics=["assd"]) for one in (moved, PREDICTION))
    assert near == same


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda one: one.SetSpacing((0.6, 1, 2)), "spacing 0.6, 1, 2 mm, not 0.5, 1, 2 mm"),
        (lambda one: one.SetOrigin((0, -1, 0)), "origin 0, -1, 0 mm, not 0, 0, 0 mm"),
        (lambda one: one.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1)),
            "direction -1, 0, 0, 0, -1, 0, 0, 0, 1, not 1, 0, 0, 0, 1, 0, 0, 0, 1"),
    ],
)  # fmt: skip
def test_grids_that_differ_are_refused(change: Callable[[sitk.Image], None], text: str) -> None:
    other = sitk.Image(PREDICTION)
    change(other)
    for compare in (compare_labels, compare_images):
        with pytest.raises(MetricError) as caught:
            compare(other, REFERENCE, CATALOGUE)
        assert str(caught.value) == (
            f"the prediction: not on the grid of the reference: {text}; resample it first,"
            " or use 'pycemrg compare --resample'"
        )
    with pytest.raises(MetricError, match="size 7 x 1 x 1, not 8 x 1 x 1"):
        compare_labels(PREDICTION[:7], REFERENCE, CATALOGUE)


def test_resampling() -> None:
    # Half as many voxels, each twice as wide and over two of the others.
    wide = image(np.array([[[LV, LV, MYO, 77]]], np.uint8), (1.0, 1.0, 2.0))
    wide.SetOrigin((0.25, 0, 0))
    moved, outside = resample(wide, REFERENCE, labels=True)
    assert sitk.GetArrayFromImage(moved).ravel().tolist() == [LV] * 4 + [MYO] * 2 + [77] * 2
    assert outside == 0
    assert compare_labels(moved, REFERENCE, CATALOGUE, metrics=["dice"]).rows[0].values["dice"] == 1
    ramp = image(np.arange(4, dtype=np.int16).reshape(1, 1, 4) * 10 + 5, (1.0, 1.0, 2.0))
    moved, outside = resample(ramp, image(np.zeros((1, 1, 12), np.uint8)), labels=False)
    # Half of both between two voxels; from half a voxel outside the last one, at 3 mm, the smallest value.
    assert sitk.GetArrayFromImage(moved).ravel().tolist() == [5, 10, 15, 20, 25, 30, 35, 5, 5, 5, 5, 5]
    assert outside == 5


def test_slices_are_images_of_one_slice() -> None:
    flat = [sitk.GetImageFromArray(np.arange(12.0).reshape(3, 4) + more) for more in (0, 2)]
    assert compare_images(*flat, CATALOGUE, metrics=["mse"], mask=flat[0] > 5).rows[0].values["mse"] == 4


def test_images_inside_labels() -> None:
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(8, 9, 10))
    prediction = reference.copy()
    prediction[:4] += 2
    labels = np.zeros((8, 9, 10), np.uint8)
    labels[1:3], labels[5:7] = LV, MYO
    given = {"metrics": ["mse"], "mask": image(labels)}
    pair = (image(prediction), image(reference), CATALOGUE)
    assert compare_images(*pair, **given).rows[0].values["mse"] == pytest.approx(2.0)
    assert compare_images(*pair, **given, labels=["LV_BP"]).rows[0].values["mse"] == pytest.approx(4.0)
    assert compare_images(*pair, **given, labels=[MYO]).rows[0].values["mse"] == 0
    # 10 log10(range^2 / mse); half the voxels are 2 off.
    psnr = compare_images(*pair, metrics=["psnr"], data_range=10.0).rows[0].values["psnr"]
    assert psnr == pytest.approx(10 * math.log10(100 / 2))
    default = compare_images(*pair, metrics=["psnr"]).rows[0].values["psnr"]
    assert default == pytest.approx(10 * math.log10(np.ptp(reference) ** 2 / 2))
    with pytest.raises(MetricError) as caught:
        compare_images(*pair, **given, labels=["LA_BP"])
    assert str(caught.value) == "no voxel is inside the mask; give other labels, or another mask"


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: compare_labels(PREDICTION, REFERENCE, CATALOGUE, metrics=["psnr"]), MetricError,
            "metric 'psnr' compares two images; ask for one that compares two label maps"),
        (lambda: compare_labels(PREDICTION, REFERENCE, CATALOGUE, metrics=["volume"]), MetricError,
            "metric 'volume' measures one structure of a label map; use 'pycemrg measure'"),
        (lambda: measure(REFERENCE, CATALOGUE, metrics=["dice"]), MetricError,
            "metric 'dice' compares two label maps; use 'pycemrg compare'"),
        (lambda: measure(REFERENCE, CATALOGUE, metrics=["contact_area"]), MetricError,
            "metric 'contact_area' measures two structures of a label map; name them with --between A:B"),
        (lambda: measure(REFERENCE, CATALOGUE, metrics=["volume"], between=[("LV_BP", "LV_myo")]), MetricError,
            "metric 'volume' measures one structure of a label map; leave out --between"),
        (lambda: compare_labels(PREDICTION, REFERENCE, CATALOGUE, metrics=["dise"]), UnknownNameError,
            "no metric is called 'dise'; did you mean 'dice'?"),
        (lambda: measure(REFERENCE, CATALOGUE, labels=["LV_mio"]), LabelError,
            "no label or group of the scheme 'cemrg' is called 'LV_mio'"
            "; did you mean 'LV_myo' or 'RV_myo' or 'LA_myo'?"),
        (lambda: measure(REFERENCE, CATALOGUE, between=("LV_BP", "LV_myo")), MetricError,
            "between is no list of pairs; give one such as [('LV_BP', 'LV_myo')]"),
        (lambda: measure(REFERENCE, CATALOGUE, labels=[0]), LabelError,
            "label 0 is not a structure; labels are integers from 1 (0 is the background)"),
        (lambda: measure(REFERENCE, CATALOGUE, scheme="cemgr"), UnknownNameError,
            "no label scheme is called 'cemgr'; did you mean 'cemrg'?"),
        (lambda: compare_images(image([[[math.nan, 1.0]]]), image([[[1.0, 2.0]]]), CATALOGUE), ImageError,
            "the prediction: 1 voxel is NaN or infinite; give it a value first"),
    ],
)  # fmt: skip
def test_refusals(call: Callable[[], Table], kind: type[PycemrgError], text: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == text


def test_measuring_structures_and_pairs() -> None:
    table = measure(REFERENCE, CATALOGUE)
    assert [column.name for column in table.columns] == ["volume", "components", "euler_number"]
    assert [row.values["volume"] for row in table.rows] == pytest.approx([4e-3, 2e-3, 1e-3])  # 1 mm3 a voxel
    pairs = measure(REFERENCE, CATALOGUE, between=[("LV_BP", "LV_myo"), ("chambers", 77)])
    contact = [(row.name, row.values["contact_area"]) for row in pairs.rows]
    assert contact == [("LV_BP_label:LV_myo_label", 2.0), ("chambers:77", 0)]


def test_nothing_is_changed() -> None:
    before = [sitk.GetArrayFromImage(one) for one in (PREDICTION, REFERENCE)]
    compare_labels(PREDICTION, REFERENCE, CATALOGUE, groups=True)
    compare_images(PREDICTION, REFERENCE, CATALOGUE, metrics=["mse"])
    measure(REFERENCE, CATALOGUE)
    for array, one in zip(before, (PREDICTION, REFERENCE), strict=True):
        assert (sitk.GetArrayFromImage(one) == array).all()


def test_what_the_plugin_contributes() -> None:
    provided = [c.record for c in CATALOGUE.contributions if c.provider.distribution == "pycemrg-metrics"]
    metrics = [record for record in provided if isinstance(record, Metric)]
    assert {record.name for record in provided if isinstance(record, Command)} == {"compare", "measure"}
    assert {record.measures for record in metrics} == set(Measures)
    for metric in metrics:
        assert callable(metric.function.load())


def test_metrics_of_another_plugin(tmp_path: Path) -> None:
    plugin = tmp_path / "their_metrics.py"
    plugin.write_text(
        "from pycemrg_core.api import Measures, Metric, Ref, hookimpl\n\n\n"
        "@hookimpl\ndef pycemrg_metrics():\n"
        "    for name in ('dice', 'common'):\n"
        "        yield Metric(name=name, summary='', measures=Measures.SEGMENTATIONS, unit='voxels',\n"
        "                     function=Ref('their_metrics:common'), parameters={'times': 1.0})\n\n\n"
        "def common(comparison, times):\n"
        "    prediction, reference = comparison.masks\n"
        "    return (prediction & reference).sum() * times\n"
    )
    catalogue = load_catalogue(local=[plugin])
    names = ["common", "their_metrics:dice", "metrics:dice"]
    table = compare_labels(
        PREDICTION, REFERENCE, catalogue, metrics=names, labels=["LV_BP"], parameters={"times": 10.0}
    )
    assert table.rows[0].values == {"common": 20, "their_metrics:dice": 20, "metrics:dice": 4 / 6}
    with pytest.raises(PycemrgError, match=r"say which: .*metrics:dice"):
        compare_labels(PREDICTION, REFERENCE, catalogue, metrics=["dice"])


def test_files_are_compared_and_measured_by_their_paths(tmp_path: Path) -> None:
    paths = [tmp_path / "mine.nrrd", str(tmp_path / "truth.nrrd")]
    images = [image(np.array([[[LV, LV, MYO]], [[LV, n, 0]]], np.uint8)) for n in (MYO, LV)]
    for one, path in zip(images, paths, strict=True):
        sitk.WriteImage(one, str(path))
    metric = ["dice"]
    for first, second in (paths, (images[0], paths[1])):
        assert compare_labels(first, second, CATALOGUE, metrics=metric) == compare_labels(
            *images, CATALOGUE, metrics=metric
        )
    assert measure(paths[0], CATALOGUE) == measure(images[0], CATALOGUE)
    assert compare_images(*paths, CATALOGUE, metrics=["mse"], mask=paths[1]) == compare_images(
        *images, CATALOGUE, metrics=["mse"], mask=images[1]
    )
    moved, outside = resample(*paths, labels=True)
    assert (outside, sitk.GetArrayFromImage(moved).tolist()) == (0, sitk.GetArrayFromImage(images[0]).tolist())


def test_the_names_in_files_name_the_rows(tmp_path: Path) -> None:
    """As on the command line: without a scheme, labels are what the files call them, whatever their integers."""
    for name, blood, muscle in (("mine", 5, 6), ("truth", 5, 6), ("other", 6, 7), ("swapped", 6, 5)):
        volume = LabelVolume(np.array([[[blood, blood, muscle, 8]]], np.uint8), (1.0, 1.0, 1.0))
        path, names = tmp_path / f"{name}.seg.nrrd", {blood: "LV_BP_label", muscle: "LV_myo_label", 8: "spleen"}
        write_volume(volume, path, named_extras(path, volume, segments_of(names, CATALOGUE)))
    mine = tmp_path / "mine.seg.nrrd"
    assert [row.name for row in measure(mine, CATALOGUE, labels=["LV_BP"]).rows] == ["LV_BP_label"]
    for name in ("truth", "other", "swapped"):
        rows = compare_labels(mine, tmp_path / f"{name}.seg.nrrd", CATALOGUE, metrics=["dice"]).rows
        assert {row.name: row.values["dice"] for row in rows} == {"LV_BP_label": 1, "LV_myo_label": 1, "spleen": 1}


def test_a_label_that_only_one_file_names_keeps_out_of_the_way(tmp_path: Path) -> None:
    """5 is the aorta in mine and the spleen in theirs: they are not compared."""
    for name, names in (("mine", {5: "Ao_BP_label", 6: "LV_BP_label"}), ("theirs", {5: "spleen", 6: "LV_BP_label"})):
        volume = LabelVolume(np.array([[[5, 6]]], np.uint8), (1.0, 1.0, 1.0))
        path = tmp_path / f"{name}.seg.nrrd"
        write_volume(volume, path, named_extras(path, volume, segments_of(names, CATALOGUE)))
    rows = compare_labels(tmp_path / "mine.seg.nrrd", tmp_path / "theirs.seg.nrrd", CATALOGUE, metrics=["dice"]).rows
    assert {row.name: row.values["dice"] for row in rows} == {"spleen": 0, "LV_BP_label": 1, "Ao_BP_label": 0}


def masks_and_map(folder: Path, blood: int, muscle: int) -> tuple[Path, Path]:
    """A folder of masks and a map without names, of the same two structures."""
    volume = LabelVolume(np.array([[[blood, blood, muscle]]], np.uint8), (1.0, 1.0, 1.0))
    (folder / "masks").mkdir()
    for value, name in ((blood, "LV"), (muscle, "LV_myo")):
        write_volume(volume.with_array((volume.array == value).astype(np.uint8)), folder / "masks" / f"{name}.nrrd")
    write_volume(volume, folder / "map.nrrd")
    return folder / "masks", folder / "map.nrrd"


@pytest.mark.slow
def test_masks_have_no_integers_that_could_name_another_map(tmp_path: Path) -> None:
    """A map without names is in the usual scheme; as masks are read, their integers depend on the recipes."""
    masks, unnamed = masks_and_map(tmp_path, LV, MYO)
    assumed = f"{unnamed}: nothing says what its integers are, so they count as those of cemrg; {OTHERWISE}"
    for pair in ((masks, unnamed), (unnamed, masks)):
        with pytest.warns(UserWarning, match=re.escape(assumed)):
            rows = compare_labels(*pair, CATALOGUE, metrics=["dice"]).rows
        assert {row.name: row.values["dice"] for row in rows} == {"LV_BP_label": 1, "LV_myo_label": 1}
        shown = pycemrg("compare", *pair, "--metrics", "dice")
        assert f"note: {assumed}\n" in shown.stderr


@pytest.mark.slow
def test_a_scheme_names_the_map_beside_masks(tmp_path: Path) -> None:
    """heartchambers_highres has the myocardium as 1 and the left ventricle as 3: in cemrg these are two others."""
    masks, unnamed = masks_and_map(tmp_path, 3, 1)
    scheme = "totalsegmentator-heartchambers"
    for pair in ((masks, unnamed), (unnamed, masks), (masks, f"{unnamed}@{scheme}")):
        rows = compare_labels(*pair, CATALOGUE, metrics=["dice"], scheme=scheme).rows
        assert {row.name: row.values["dice"] for row in rows} == {"LV_BP_label": 1, "LV_myo_label": 1}
        shown = pycemrg("compare", *pair, "--metrics", "dice", "--scheme", scheme)
        assert [line.split()[:2] for line in shown.stdout.splitlines()][-2:] == [["mean", "1.000"], ["over", "2"]]
        assert "nothing says" not in shown.stderr
    for call in (
        lambda: compare_labels(masks, masks, CATALOGUE, scheme=scheme),
        lambda: measure(masks, CATALOGUE, scheme=scheme),
    ):
        with pytest.raises(ImageError, match="masks: its labels have names and no integers; leave out"):
            call()


def test_maps_without_a_label_in_common(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.array([[[1, 2, 0]]], np.uint8))
    other = sitk.GetImageFromArray(np.array([[[51, 52, 0]]], np.uint8))
    nothing = f"no label is in both maps: the prediction has LV_BP, LV_myo, the reference 51, 52; {OTHERWISE}"
    with pytest.warns(UserWarning, match=re.escape(nothing)):
        compare_labels(image, other, CATALOGUE, metrics=["dice"])
    for name, one in (("image", image), ("other", other), ("empty", image * 0)):
        sitk.WriteImage(one, str(tmp_path / f"{name}.nrrd"))
    shown = pycemrg("compare", tmp_path / "image.nrrd", tmp_path / "other.nrrd", "--metrics", "dice")
    assert shown.stderr == f"note: {nothing}\n"
    empty = pycemrg("compare", tmp_path / "empty.nrrd", tmp_path / "image.nrrd", "--metrics", "dice")
    assert empty.stderr == ""
