"""``pycemrg fuse``: what it reads, prints, writes and refuses."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from shutil import copyfile

import numpy as np
import pytest
from click.testing import Result
from command_line import contents, pycemrg
from fusing_trials import LABELS, at
from tool_outputs import SHAPES, VEINS, Veins, moved, tool_outputs, with_long_vessels

from pycemrg_core import LabelVolume, read_volume, write_volume
from schematics_builtin.demo import heart_file

pytestmark = pytest.mark.usefixtures("loaded_once")

SCHEME = "totalsegmentator-heartchambers"
CHAMBERS = f"chambers.nrrd@{SCHEME}"
TOTAL = "total.nrrd@totalsegmentator-total"
RIGHT = "name the label scheme, as in chambers.nrrd@totalsegmentator-heartchambers"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Chambers as an image, total as an image and as a folder of masks, and a total that is somewhere else."""
    folder = tmp_path_factory.mktemp("tools")
    outputs = tool_outputs(at(read_volume(heart_file())[0], 2.0), 4, spacing=2.0)
    write_volume(outputs.chambers, folder / "chambers.nrrd")
    write_volume(outputs.total, folder / "total.nrrd")
    write_volume(moved(outputs.total, (40, 0, 0)), folder / "elsewhere.nrrd")
    masks = folder / "total"
    masks.mkdir()
    names = {51: "heart", 52: "aorta", 53: "pulmonary_vein", 61: "atrial_appendage_left"}
    names |= {62: "superior_vena_cava", 63: "inferior_vena_cava"}
    for value, name in names.items():
        write_volume(
            outputs.total.with_array((outputs.total.array == value).astype(np.uint8)), masks / f"{name}.nii.gz"
        )
    (folder / "misspelt").mkdir()
    for name, right in (("hart", "heart"), ("aorta", "aorta")):
        (folder / "misspelt" / f"{name}.nii.gz").write_bytes((masks / f"{right}.nii.gz").read_bytes())
    (folder / "empty").mkdir()
    (folder / "link.nrrd").symlink_to("chambers.nrrd")
    spleen = np.zeros_like(outputs.total.array)
    spleen[:3] = 1
    write_volume(outputs.total.with_array(spleen), masks / "spleen.nii.gz")
    return folder


def truth(veins: Veins) -> LabelVolume:
    return with_long_vessels(at(read_volume(heart_file())[0], 2.0), veins, np.random.default_rng(4))


@pytest.fixture
def here(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(made)
    return made


@pytest.fixture(scope="module")
def fused(made: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """The folder with the heart of both images, and what the command said."""
    folder = tmp_path_factory.mktemp("fused")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        return folder, pycemrg("fuse", CHAMBERS, TOTAL, "-o", folder / "heart.nrrd")


@pytest.mark.slow
def test_two_images_become_a_heart_and_a_record(here: Path, fused: tuple[Path, Result]) -> None:
    folder, result = fused
    volume, _ = read_volume(folder / "heart.nrrd")
    assert sorted(volume.boxes) == sorted(LABELS.values())
    record = json.loads((folder / "heart.fuse.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in record["sources"]] == ["chambers.nrrd", "total.nrrd"]
    for one in record["sources"]:
        for file in one["files"]:
            assert file["sha256"] == hashlib.sha256((here / file["name"]).read_bytes()).hexdigest()
    assert record["output"] == {
        "name": "heart.nrrd",
        "sha256": hashlib.sha256((folder / "heart.nrrd").read_bytes()).hexdigest(),
    }
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["label", "structure", "mL", "from", "how"]
    assert [line.split()[:2] for line in lines[1:15]] == [
        [str(value), name.removesuffix("_label")] for name, value in LABELS.items()
    ]
    assert "its own mouth, " in lines[8]
    assert lines[-3].startswith("cut: ")
    assert "gaps closed, voxels: " in result.stdout
    assert lines[-2] == f"{folder / 'heart.nrrd'} and heart.fuse.json written"
    assert lines[-1] == f"next: pycemrg run four_chamber_closed {folder / 'heart.nrrd'} -o out --with certificate"
    assert sorted(contents(folder)) == ["heart.fuse.json", "heart.nrrd"]


@pytest.mark.slow
def test_a_folder_of_masks_gives_the_same_heart(here: Path, tmp_path: Path, fused: tuple[Path, Result]) -> None:
    result = pycemrg("fuse", CHAMBERS, "total", "-o", tmp_path / "heart.nrrd")
    one, other = (read_volume(folder / "heart.nrrd")[0] for folder in (fused[0], tmp_path))
    # Geometry in NIfTI has single precision.
    assert one.array.shape == other.array.shape
    assert (one.array != other.array).sum() < 50
    assert "note: total: not used: spleen" in result.stderr


@pytest.mark.slow
def test_a_plan_shows_the_same_and_writes_nothing(here: Path, fused: tuple[Path, Result]) -> None:
    before = contents(here)
    planned = pycemrg("fuse", CHAMBERS, TOTAL, "--plan")
    assert fused[1].stdout.startswith(planned.stdout)
    assert contents(here) == before
    record = json.loads(pycemrg("fuse", CHAMBERS, TOTAL, "--plan", "--json").stdout)
    assert record["chambers"] == "chambers.nrrd"
    assert "output" not in record


@pytest.mark.slow
def test_what_is_refused_leaves_nothing_behind(here: Path, tmp_path: Path) -> None:
    out = tmp_path / "heart.nrrd"
    for words in (("-o", out), ("--plan",)):
        text = pycemrg("fuse", CHAMBERS, "elsewhere.nrrd@totalsegmentator-total", *words, code=1).stderr
        assert text.startswith("error: the sources are not fused:\n  1. only ")
        assert "are inside the heart of elsewhere.nrrd; they are of different scans, or a header is wrong" in text
    assert contents(tmp_path) == {}


@pytest.mark.slow(every=36)
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((CHAMBERS, TOTAL), 2, "give either -o FILE or --plan"),
        ((CHAMBERS, "--plan", "-o", "x.nrrd"), 2, "give either -o FILE or --plan"),
        ((), 2, "Missing argument"),
        ((CHAMBERS, "chambers.nrrd@totalsegmentator-heartchambers", "--plan"), 1, "is given twice"),
        (("chambers.nrrd", "--plan"), 1, "nothing says what its integers are; name the label scheme, as in"),
        (("nowhere.nrrd", "--plan"), 1, "nowhere.nrrd: no such file"),
        ((CHAMBERS, "-o", "chambers.nrrd"), 1, "the result would overwrite its input; choose another name"),
        (
            (CHAMBERS, "total", "-o", "total/aorta.nii.gz"),
            1,
            "total/aorta.nii.gz: lies in the input total; choose another folder",
        ),
        ((CHAMBERS, "--plan", "--crop", "Ao=long"), 2, "'long' is no length; give mm along the vessel, as in Ao=50"),
        ((CHAMBERS, "--plan", "--crop", "Ao"), 2, "'Ao' is not NAME=VALUE"),
        ((CHAMBERS, "--plan", "--over", "LAA"), 2, "'LAA' is not A>B; give two structures, as in LAA>LA"),
        ((CHAMBERS, "--plan", "--join", "SVC"), 2, "'SVC' is not A-B"),
        ((CHAMBERS, "--plan", "--accept", "everything"), 1, "fuse has no doubt 'everything'"),
        ((CHAMBERS, "--plan", "--prefer", "Ao=total"), 1, "no source is called 'total' (known: chambers.nrrd)"),
        ((CHAMBERS, "--plan", "--crop", "Ao=30", "--crop", "Ao=40"), 2, "'Ao' is given twice; give it once"),
        ((CHAMBERS, "--plan", "--crop", "Ao=30", "--crop", "aorta=40"), 1, "the length of Ao_BP is given twice"),
        ((CHAMBERS, "--plan", "--crop", "SVC=30"), 1, "no source has SVC, so it cannot be cut"),
        ((CHAMBERS, "--plan", "--over", "LA>LA"), 1, "LA_BP>LA_BP names one structure twice; give two structures"),
        ((CHAMBERS, "--plan", "--join", "Ao-Ao"), 1, "Ao_BP-Ao_BP names one structure twice; give two structures"),
        (
            (CHAMBERS, f"link.nrrd@{SCHEME}", "--plan"),
            1,
            "link.nrrd: holds the same as chambers.nrrd; give each source",
        ),
        (
            (TOTAL, "total", CHAMBERS, "total/aorta.nii.gz@acdc", "--plan"),
            1,
            "aorta.nii.gz: holds the same as total; give",
        ),
        ((CHAMBERS, "--plan", "--margin", "900"), 1, "margin is 900 mm; give one up to 200 mm"),
        (
            ("total/spleen.nii.gz", "--plan"),
            1,
            "spleen.nii.gz: it has one label; if it is a mask, give the folder with all masks, each named like its",
        ),
        (("chambers.nrrd@mm-whs", TOTAL, "--plan"), 1, f"none of the integers with names is in it; {RIGHT}"),
        (("chambers.nrrd", TOTAL, "--plan"), 1, f"nothing says what its integers are; {RIGHT}"),
        (("total@cemrg", "--plan"), 1, "total: a label scheme names the integers of an image; leave out @cemrg"),
        (("misspelt", "--plan"), 1, "misspelt: 'hart' is the name of no structure; did you mean 'heart'?\n  2. no "),
        (("empty", "--plan"), 1, "empty: is a folder, not an image; give an image file, or a folder of masks"),
    ],
)
def test_what_does_not_fit(here: Path, words: tuple[str, ...], code: int, message: str) -> None:
    before = contents(here)
    result = pycemrg("fuse", *words, code=code)
    assert message in result.stderr
    assert contents(here) == before


@pytest.mark.slow
@pytest.mark.parametrize("source", ["total", "total.nrrd@totalsegmentator-total"])
def test_a_run_of_one_source_that_lacks_the_chambers_names_fuse(here: Path, tmp_path: Path, source: str) -> None:
    result = pycemrg("run", "four_chamber_closed", source, "-o", tmp_path / "out", code=1)
    assert "LV_BP_label (1) is not in the image; four_chamber_closed needs it" in result.stderr
    assert "if another source has what is missing, make one label map with 'pycemrg fuse'\n" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["cemrg", "acdc", "hvsmr-2"])
def test_names_that_the_anatomy_contradicts_are_the_first_reason(here: Path, scheme: str) -> None:
    text = pycemrg("fuse", f"chambers.nrrd@{scheme}", TOTAL, "--plan", code=1).stderr
    assert "\n  1. chambers.nrrd: its names and its anatomy do not agree: " in text
    assert "; it is in the scheme totalsegmentator-heartchambers; give chambers.nrrd@totalsegmentator-heartch" in text


@pytest.mark.slow
def test_masks_with_each_others_names(here: Path, tmp_path: Path) -> None:
    chambers, _ = read_volume("chambers.nrrd")
    for value, name in {1: "heart_myocardium", 2: "heart_atrium_left", 3: "heart_atrium_right",
                        4: "heart_ventricle_left", 5: "heart_ventricle_right", 6: "aorta"}.items():  # fmt: skip
        write_volume(chambers.with_array((chambers.array == value).astype(np.uint8)), tmp_path / f"{name}.nrrd")
    text = pycemrg("fuse", tmp_path, TOTAL, "--plan", code=1).stderr
    assert f"\n  1. {tmp_path}: its names and its anatomy do not agree: " in text
    assert "; correct its names\n" in text


@pytest.mark.slow
def test_a_file_of_the_user_is_not_replaced(here: Path, tmp_path: Path) -> None:
    (tmp_path / "heart.fuse.json").write_text("{}", encoding="utf-8")
    text = pycemrg("fuse", CHAMBERS, "-o", tmp_path / "heart.nrrd", code=1).stderr
    assert "heart.fuse.json: is there, and not the record of a fusion; choose another name" in text
    (tmp_path / "heart.fuse.json").unlink()
    pycemrg("fuse", CHAMBERS, "-o", tmp_path / "heart.nrrd")
    pycemrg("fuse", CHAMBERS, "-o", tmp_path / "heart.nrrd", "--margin", "5")


@pytest.mark.slow
def test_the_record_keeps_what_was_said(here: Path, tmp_path: Path) -> None:
    said = pycemrg("fuse", CHAMBERS, "-o", tmp_path / "heart.nrrd").stderr
    notes = json.loads((tmp_path / "heart.fuse.json").read_text(encoding="utf-8"))["notes"]
    assert any("pulmonary vein" in note for note in notes)  # no source has one
    for note in notes:
        assert f"note: {note}\n" in said


@pytest.mark.slow
def test_options_reach_the_fusion(here: Path, tmp_path: Path) -> None:
    words = ("--prefer", "aorta=total.nrrd", "--crop", "SVC=10", "--over", "LA>LAA", "--join", "SVC-LA")
    pycemrg("fuse", CHAMBERS, TOTAL, "-o", tmp_path / "h.nrrd", *words, "--spacing", "2.5", "--margin", "5")
    volume, _ = read_volume(tmp_path / "h.nrrd")
    assert volume.spacing == (2.5, 2.5, 2.5)
    record = json.loads((tmp_path / "h.fuse.json").read_text(encoding="utf-8"))
    where = {one["name"]: one["source"] for one in record["structures"]}
    assert where["Ao_BP_label"] == "total.nrrd"
    assert record["crops"]["SVC"]["length_mm"] == 10
    pycemrg("fuse", CHAMBERS, TOTAL, "-o", tmp_path / "g.nrrd", "--grid", "chambers.nrrd", "--veins", "keep")
    assert read_volume(tmp_path / "g.nrrd")[0].geometry() == read_volume(here / "chambers.nrrd")[0].geometry()


@pytest.mark.slow
def test_a_source_is_named_as_it_was_given(here: Path, tmp_path: Path) -> None:
    """Two files of one name: by their paths, in any spelling; the name alone says too little."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / "map.nrrd").write_bytes((here / "chambers.nrrd").read_bytes())
    (tmp_path / "two" / "map.nrrd").write_bytes((here / "total.nrrd").read_bytes())
    sources = (f"{tmp_path}/one/map.nrrd@totalsegmentator-heartchambers",)
    sources += (f"{tmp_path}/two/map.nrrd@totalsegmentator-total",)
    two = f"{tmp_path}/two/map.nrrd"
    for text in (sources[1], two, f"{tmp_path}/one/../two/map.nrrd"):
        record = json.loads(pycemrg("fuse", *sources, "--plan", "--json", "--prefer", f"Ao={text}").stdout)
        assert {one["name"]: one["source"] for one in record["structures"]}["Ao_BP_label"] == two
        assert record["choices"]["prefer"] == {"Ao_BP_label": two}
    text = pycemrg("fuse", *sources, "--plan", "--prefer", "Ao=map.nrrd", code=1).stderr
    assert "'map.nrrd' is the name of several sources; give one of " in text


@pytest.mark.slow
def test_a_run_cites_the_record_of_its_input(tmp_path: Path, fused: tuple[Path, Result]) -> None:
    for name in ("heart.nrrd", "heart.fuse.json"):
        copyfile(fused[0] / name, tmp_path / name)
    (tmp_path / "heart.other.json").write_text("[]", encoding="utf-8")
    pycemrg("run", "biventricular_basic", tmp_path / "heart.nrrd", "-o", tmp_path / "run")
    cited = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))["input"]["record"]
    sha256 = hashlib.sha256((tmp_path / "heart.fuse.json").read_bytes()).hexdigest()
    assert cited == {"name": "heart.fuse.json", "sha256": sha256}
    # It is about that file and no other one.
    volume, _ = read_volume(tmp_path / "heart.nrrd")
    array = volume.array.copy()
    array[array == 14] = 0
    write_volume(volume.with_array(array), tmp_path / "heart.nrrd")
    changed = pycemrg("run", "biventricular_basic", tmp_path / "heart.nrrd", "-o", tmp_path / "other").stderr
    assert (
        "note: heart.nrrd changed since heart.fuse.json was written; the record of the run does not name it" in changed
    )
    assert "record" not in json.loads((tmp_path / "other" / "run.json").read_text(encoding="utf-8"))["input"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["heart.nii.gz", "heart.seg.nrrd"])
def test_the_names_are_in_the_file_where_it_has_a_place_for_them(here: Path, tmp_path: Path, name: str) -> None:
    from pycemrg_core import load_catalogue, read_heart

    pycemrg("fuse", CHAMBERS, TOTAL, "-o", tmp_path / name)
    read = read_heart(tmp_path / name, load_catalogue())
    assert set(read.labels.values()) == set(read.volume.boxes)
    assert {"LV_BP_label", "LPV1_label", "LAA_label"} <= read.labels.keys()


@pytest.mark.slow
def test_veins_of_one_label_are_split(tmp_path: Path) -> None:
    volume = truth(SHAPES["straight stubs"])
    write_volume(volume.with_array(np.where(np.isin(volume.array, VEINS), 15, volume.array)), tmp_path / "one.nrrd")
    words = ("labels", "split-veins", tmp_path / "one.nrrd", "-o", tmp_path / "four.nrrd")
    text = pycemrg(*words, code=1).stderr
    assert "nothing says which label is all pulmonary veins; give it, as in --veins 53, or name the" in text
    pycemrg(*words, "--veins", "15")
    found, _ = read_volume(tmp_path / "four.nrrd")
    veins = np.isin(volume.array, VEINS)
    assert (found.array[veins] == volume.array[veins]).mean() > 0.99
    assert (found.array[~veins] == volume.array[~veins]).all()
    # Now the four are there, and there is nothing to split.
    again = ("labels", "split-veins", tmp_path / "four.nrrd", "-o", tmp_path / "again.nrrd")
    assert "the image has no label 15" in pycemrg(*again, "--veins", "15", code=1).stderr
    assert "the image has LPV1 (8), LPV2 (9), RPV1 (10)" in pycemrg(*again, "--veins", "11", code=1).stderr


@pytest.mark.slow
def test_a_missing_vein_is_refused_and_can_be_accepted(tmp_path: Path) -> None:
    volume = truth(Veins(length=14, branch=0, missing=(9,)))
    write_volume(volume.with_array(np.where(np.isin(volume.array, VEINS), 15, volume.array)), tmp_path / "one.nrrd")
    words = ("labels", "split-veins", tmp_path / "one.nrrd", "-o", tmp_path / "three.nrrd", "--veins", "15")
    text = pycemrg(*words, code=1).stderr
    assert text.startswith(
        "error: the veins are not told apart:\n  1. there is one vein on the left side of the atrium"
    )
    assert not (tmp_path / "three.nrrd").exists()
    assert "(accepted)" in pycemrg(*words, "--accept", "missing-vein").stderr
    assert {8, 10, 11} <= set(read_volume(tmp_path / "three.nrrd")[0].boxes)


@pytest.mark.slow
@pytest.mark.parametrize("order", [(51, 52, 53), (53, 51, 52), (52, 51, 53), (1, 2, 3)])
def test_the_integers_of_total_are_sure_only_where_the_anatomy_agrees(
    here: Path, tmp_path: Path, order: tuple[int, int, int]
) -> None:
    total, _ = read_volume("total.nrrd")
    table = np.arange(64, dtype=np.uint8)
    table[[51, 52, 53]] = order
    write_volume(total.with_array(table[total.array]), tmp_path / "map.nrrd")
    right = order == (51, 52, 53)
    rows = json.loads(pycemrg("labels", "suggest", tmp_path / "map.nrrd", "--json", code=0 if right else 1).stdout)
    sure = {row["value"]: row["name"] for row in rows if row["sure"] and 50 < row["value"] < 54}
    assert sure == ({51: "heart_label", 52: "Ao_BP_label", 53: "pulmonary_veins_label"} if right else {})
