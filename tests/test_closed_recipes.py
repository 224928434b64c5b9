"""The recipes of closed hearts on the shipped heart at 2 mm: which cavities are closed, and hearts that lack labels.

At 2 mm most walls are one layer of voxels, which is the hardest case for what must not leak. Flooding knows nothing of
the recipe: what is not meshed must fall into the outside and one component for each closed cavity.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from brute import Array, catalogue
from command_line import pycemrg
from scipy import ndimage

from pycemrg_core import LabelVolume, PlanError, RunResult, read_volume, run_recipe, write_volume
from pycemrg_core.api import LabelScheme, LabelType, Recipe, Severity, image_of, volume_of
from schematics_builtin.catalogue.structures import VEINS
from schematics_builtin.certificate import Certificate, certify_result
from schematics_builtin.demo import heart_file

pytestmark = pytest.mark.usefixtures("loaded_once")

INPUTS = [name for name, value in catalogue().get(LabelScheme, "cemrg").labels.items() if value <= 14]
VALUES = catalogue().get(LabelScheme, "cemrg").labels
CHAMBERS = ("LV_BP_label", "RV_BP_label", "LA_BP_label", "RA_BP_label")
ARTERIES = ("Ao_BP_label", "PArt_BP_label")
VEIN_LABELS = tuple(f"{vein}_label" for vein in VEINS)

# recipe, the labels that it needs, the chambers that it closes
RECIPES = {
    "four_chamber_closed": (("LV_BP_label", "LV_myo_label", *CHAMBERS[1:]), CHAMBERS),
    "biventricular_closed": (("LV_BP_label", "LV_myo_label", "RV_BP_label"), CHAMBERS[:2]),
    "atria_closed": ((), CHAMBERS[2:]),
}


@cache
def shipped(mm: float) -> LabelVolume:
    """The shipped heart, at this voxel size by nearest neighbour."""
    whole, _ = read_volume(heart_file())
    index = [np.round(np.arange(int(size / mm)) * mm).astype(int).clip(0, size - 1) for size in whole.array.shape]
    return LabelVolume(np.ascontiguousarray(whole.array[np.ix_(*index)]), (mm, mm, mm))


def without(*names: str, mm: float = 2.0) -> LabelVolume:
    array = shipped(mm).array.copy()
    array[np.isin(array, [VALUES[name] for name in names])] = 0
    return shipped(mm).with_array(array)


@cache
def closed(recipe: str, *lacking: str, mm: float = 2.0) -> RunResult:
    return run_recipe(recipe, without(*lacking, mm=mm), catalogue())


def flooded(result: RunResult) -> tuple[int, int]:
    """Components of what is not meshed, with 6 and with 26 neighbours."""
    array: Array = result.volume.array
    rest = np.pad((array == 0) | np.isin(array, result.blueprint.of_type(LabelType.LUMEN)), 1, constant_values=True)
    return ndimage.label(rest)[1], ndimage.label(rest, np.ones((3, 3, 3)))[1]


def short(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.removesuffix("_label").removesuffix("_BP") for name in names)


def require_closed(recipe: str, *lacking: str, mm: float = 2.0) -> Certificate:
    """What the recipe closes is closed, the rest is open, and nothing else is enclosed."""
    result = closed(recipe, *lacking, mm=mm)
    chambers = tuple(name for name in RECIPES[recipe][1] if name not in lacking)
    assert flooded(result) == (len(chambers) + 1,) * 2
    certificate = certify_result(result, catalogue())
    assert certificate.of(Severity.ERROR) == ()
    found = certificate.closure
    assert short(found.closed) == short(chambers)
    rest = {name for name in (*CHAMBERS, *ARTERIES, *VEIN_LABELS) if name not in (*chambers, *lacking)}
    as_asked = (*found.open_at_end, *found.left_open, *found.without_wall)
    assert sorted(short(as_asked)) == sorted(short(tuple(rest)))
    return certificate


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_it_closes_its_chambers_and_no_other(recipe: str) -> None:
    require_closed(recipe)


@pytest.mark.slow
def test_the_atria_stay_closed_without_the_ventricles_myocardium(tmp_path: Path) -> None:
    """A model of the atria has no ventricle; the command of the docs takes it out."""
    write_volume(closed("atria_closed").volume, tmp_path / "heart.nrrd")
    pycemrg("labels", "remove", tmp_path / "heart.nrrd", "LV_myo_label", "-o", tmp_path / "atria.nrrd")
    array = read_volume(tmp_path / "atria.nrrd")[0].array
    assert not (array == VALUES["LV_myo_label"]).any()
    result = closed("atria_closed")
    rest = np.pad((array == 0) | np.isin(array, result.blueprint.of_type(LabelType.LUMEN)), 1, constant_values=True)
    assert (ndimage.label(rest)[1], ndimage.label(rest, np.ones((3, 3, 3)))[1]) == (3, 3)


@pytest.mark.slow
@pytest.mark.parametrize("mm", [1.0, 1.5])
@pytest.mark.parametrize("recipe", RECIPES)
def test_it_closes_its_chambers_at_other_sizes(recipe: str, mm: float) -> None:
    require_closed(recipe, mm=mm)


def lacking_one() -> list[tuple[str, str]]:
    return [(recipe, name) for recipe, (needs, _) in RECIPES.items() for name in INPUTS if name not in needs]


FEW = {
    ("four_chamber_closed", "LAA_label"),
    ("four_chamber_closed", "Ao_BP_label"),
    ("biventricular_closed", "LA_BP_label"),
    ("atria_closed", "RA_BP_label"),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "name"),
    [pytest.param(*one, marks=() if one in FEW else pytest.mark.slow) for one in lacking_one()],
)
def test_a_heart_without_a_label_is_closed_too(recipe: str, name: str) -> None:
    require_closed(recipe, name)
    left_out = closed(recipe, name).record.left_out
    steps = {step.schematic: step.when_present for step in catalogue().get(Recipe, recipe).steps}
    assert {one.name for one in left_out} >= {step for step, names in steps.items() if name in names}
    assert all(one.missing for one in left_out)


@pytest.mark.slow(every=3)
@pytest.mark.parametrize(
    ("recipe", "name"), [(recipe, name) for recipe, (needs, _) in RECIPES.items() for name in needs]
)
def test_a_heart_without_what_the_recipe_is_about_is_refused_at_the_door(recipe: str, name: str) -> None:
    with pytest.raises(PlanError) as caught:
        run_recipe(recipe, without(name), catalogue())
    problems = [f"{name} ({VALUES[name]}) is not in the image; {recipe} needs it"]
    if name not in RECIPES["biventricular_closed"][0]:
        problems.append("the image has what biventricular_closed needs")
    assert list(caught.value.problems) == problems


def test_labels_check_says_what_the_recipe_needs(tmp_path: Path) -> None:
    write_volume(without("LV_myo_label"), tmp_path / "in.nrrd")
    found = pycemrg("labels", "check", tmp_path / "in.nrrd", "--recipe", "four_chamber_closed", code=1)
    assert "LV_myo_label (2) is not in the image; needed by four_chamber_closed" in found.stdout + found.stderr


@pytest.mark.slow
def test_the_chambers_alone_are_closed() -> None:
    """What the MM-WHS challenge and the chambers of TotalSegmentator have: no veins, no appendage."""
    require_closed("four_chamber_closed", *VEIN_LABELS)


def test_the_ventricles_alone_are_closed() -> None:
    """What short-axis MR segmentations have, such as those of ACDC: no atria, no arteries."""
    rest = [name for name in INPUTS if name not in RECIPES["biventricular_closed"][0]]
    require_closed("biventricular_closed", *rest)


@pytest.mark.slow
def test_one_atrium_alone_is_closed() -> None:
    require_closed("atria_closed", *(name for name in INPUTS if name != "LA_BP_label"))


@pytest.mark.slow
def test_the_four_chambers_without_arteries_are_closed() -> None:
    require_closed("four_chamber_closed", *VEIN_LABELS, *ARTERIES)


@pytest.mark.slow
def test_a_heart_in_another_scheme_without_veins(tmp_path: Path) -> None:
    """Plan and run list what is left out, and the certificate does not miss it."""
    write_volume(without(*VEIN_LABELS), tmp_path / "cemrg.nrrd")
    pycemrg("labels", "remap", tmp_path / "cemrg.nrrd", "--from", "cemrg", "--to", "mm-whs", "-o", tmp_path / "in.nrrd")
    call = ("four_chamber_closed", tmp_path / "in.nrrd", "--scheme", "mm-whs")
    lines = [
        *("svc_skirt: SVC_label", "ivc_skirt: IVC_label", "svc_push_aorta: SVC_label"),
        *(f"{vein.lower()}_ring_own_cell: {vein}_label" for vein in VEINS),
        *(f"{vein.lower()}_plane: {vein}_label" for vein in VEINS),
    ]
    expected = [f"left out: {line} not in the image" for line in lines]
    planned = pycemrg("plan", *call).stdout.splitlines()
    assert [line for line in planned if line.startswith("left out")] == expected
    ran = pycemrg("run", *call, "-o", tmp_path / "out", "--with", "certificate")
    assert [line for line in ran.stderr.splitlines() if line.startswith("left out")] == expected
    assert "PASS" in ran.stdout
    # Judged alone, without the record, the structures of veins that are not there are not missed.
    assert "PASS" in pycemrg("certify", tmp_path / "out" / "heart.nrrd", "--recipe", "four_chamber_closed").stdout


@pytest.mark.slow
def test_a_structure_that_this_heart_should_have_is_missed(tmp_path: Path) -> None:
    grown = closed("four_chamber_closed").volume
    array = grown.array.copy()
    array[array == 225] = 0
    write_volume(grown.with_array(array), tmp_path / "ringless.nrrd")
    found = pycemrg("certify", tmp_path / "ringless.nrrd", "--recipe", "four_chamber_closed", code=1)
    assert "not_made: LAA_ring_label is absent; the recipe makes it" in found.stdout


# What the scripts of the field number the structures of a mesh, and what the recipe numbers them.
MESH_TAGS = {
    2: 1,
    103: 2,
    104: 3,
    105: 4,
    106: 5,
    107: 6,
    **{201 + at: 7 + at for at in range(4)},
    **{205 + at: 11 + at for at in range(7)},
    221: 21,
    222: 22,
    223: 23,
    224: 24,
    225: 18,
    226: 19,
    227: 20,
}


@pytest.mark.slow
def test_the_complete_heart_has_the_tags_of_a_mesh_without_blood(tmp_path: Path) -> None:
    grown = closed("four_chamber_closed").volume
    write_volume(grown, tmp_path / "heart.nrrd")
    call = ("labels", "remap", tmp_path / "heart.nrrd", "--from", "cemrg-legacy", "--to", "cemrg-mesh")
    refused = pycemrg(*call, "-o", tmp_path / "mesh.nrrd", code=1).stderr
    assert "1 (LV_BP_label) is not in the target" in refused
    pycemrg(*call, "--drop", "-o", tmp_path / "mesh.nrrd")
    tags = read_volume(tmp_path / "mesh.nrrd")[0].array
    expected = np.zeros(256, np.uint8)
    expected[list(MESH_TAGS)] = list(MESH_TAGS.values())
    np.testing.assert_array_equal(tags, expected[grown.array])
    assert set(np.unique(tags).tolist()) == set(range(25))
    # Without its blood, the heart encloses as many cavities as before.
    rest = np.pad(tags == 0, 1, constant_values=True)
    assert (ndimage.label(rest)[1], ndimage.label(rest, np.ones((3, 3, 3)))[1]) == (5, 5)


def lumens_grown(volume: LabelVolume, mm: float) -> LabelVolume:
    """Every lumen grown into the background, so that they run into each other; of several the nearest gets a voxel."""
    array = np.pad(volume.array, int(mm / min(volume.spacing)) + 2)
    lumens = [value for name, value in VALUES.items() if name in (*CHAMBERS, *ARTERIES, *VEIN_LABELS)]
    away = ~np.isin(array, lumens)
    distance, nearest = ndimage.distance_transform_edt(away, sampling=volume.spacing, return_indices=True)
    return volume.with_array(np.where((array == 0) & (distance <= mm), array[tuple(nearest)], array))


@pytest.mark.slow
@pytest.mark.parametrize(("mm", "growth"), [(2.0, 3.0), (1.0, 1.5), (1.0, 3.0)])
def test_lumens_that_touch_are_separated(mm: float, growth: float) -> None:
    """``benchmarks/closed_stress.py`` has more hearts, and segmentations damaged on purpose."""
    result = run_recipe("four_chamber_closed", lumens_grown(shipped(mm), growth), catalogue())
    assert flooded(result) == (5, 5)
    errors = certify_result(result, catalogue()).of(Severity.ERROR)
    # A ring may lack room between veins that have become one; nothing else may be wrong.
    assert [one.what for one in errors if one.check != "ring_loop"] == []


def placed(volume: LabelVolume) -> dict[tuple[float, ...], int]:
    """The label at each point of the heart, in mm in the frame of the image."""
    places = np.argwhere(volume.array > 0)
    points = volume.points_mm(places).round(6).tolist()
    return dict(zip(map(tuple, points), volume.array[tuple(places.T)].tolist(), strict=True))


@pytest.mark.slow
def test_a_heart_cut_to_its_own_box_gives_the_same_heart() -> None:
    whole = shipped(2.0)
    places = np.argwhere(whole.array > 0)
    low, high = places.min(axis=0), places.max(axis=0) + 1
    array = whole.array[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]
    x, y, z = whole.points_mm(low[None])[0].tolist()
    result = run_recipe("four_chamber_closed", LabelVolume(array, whole.spacing, origin=(x, y, z)), catalogue())
    assert result.record.padding is not None
    assert placed(result.volume) == placed(closed("four_chamber_closed").volume)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["islands", "hole to the outside", "hole between ventricles", "shifted slices"])
def test_a_damaged_segmentation_is_closed(what: str) -> None:
    """Damage by the failure simulator; its places are drawn, and the recipe does not know them."""
    failures = pytest.importorskip("pycemrg_augment.transforms.failures")
    damage = {
        "islands": lambda image, rng: failures.islands(image, rng, 4, 3, 4.0),
        "hole to the outside": lambda image, rng: failures.leak(image, rng, (1, 0), 4.0),
        "hole between ventricles": lambda image, rng: failures.leak(image, rng, (1, 3), 4.0),
        "shifted slices": lambda image, rng: failures.staircase(image, rng, 2.0),
    }
    mm = 1.0 if what == "shifted slices" else 2.0
    image, _ = damage[what](image_of(shipped(mm)), np.random.default_rng(7))
    result = run_recipe("four_chamber_closed", volume_of(image), catalogue())
    assert flooded(result) == (5, 5)
    # Slices shifted by 2 mm leave no flat end of an artery; nothing else is wrong.
    errors = {one.check for one in certify_result(result, catalogue()).of(Severity.ERROR)}
    assert errors <= ({"open_end"} if what == "shifted slices" else set())


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_the_seven_structures_on_a_ct_are_closed(recipe: str) -> None:
    """Another heart, segmented in another way: a CT of 1.5 mm with labels of the scheme ``mm-whs``."""
    volume, _ = read_volume(Path(__file__).parent / "data" / "thorax_ct_labels.nrrd")
    result = run_recipe(recipe, volume, catalogue(), scheme="mm-whs")
    chambers = RECIPES[recipe][1]
    assert flooded(result) == (len(chambers) + 1,) * 2
    certificate = certify_result(result, catalogue())
    assert certificate.of(Severity.ERROR) == ()
    assert short(certificate.closure.closed) == short(chambers)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "z", "parameters"),
    [
        ("biventricular_closed", 8.0, {}),
        ("atria_closed", 3.0, {}),
        ("four_chamber_closed", 3.0, {"walls_from_surface": 1}),
    ],
)
def test_slices_that_are_thicker_than_the_walls(recipe: str, z: float, parameters: dict[str, float]) -> None:
    """As from MR: a wall of 2 mm in slices of 3 or 8 mm. Lumens that touch across slices are sealed all the same."""
    whole, _ = read_volume(heart_file())
    planes = np.round(np.arange(int(whole.array.shape[0] / z)) * z).astype(int)
    volume = LabelVolume(np.ascontiguousarray(whole.array[planes]), (z, 1.0, 1.0))
    result = run_recipe(recipe, volume, catalogue(), parameters=parameters)
    assert certify_result(result, catalogue()).of(Severity.ERROR) == ()
    assert flooded(result) == (len(RECIPES[recipe][1]) + 1,) * 2


def test_a_share_above_one_is_refused() -> None:
    """A skirt of more than the whole vein would leave nothing for its ring and its plane."""
    with pytest.raises(PlanError, match=r"skirt_ratio is 1\.5; give a number from 0 to 1"):
        run_recipe("four_chamber_closed", shipped(2.0), catalogue(), parameters={"skirt_ratio": 1.5})


@pytest.mark.slow
def test_a_fail_says_where_it_is_explained_and_what_may_help(tmp_path: Path) -> None:
    """An aorta that ends before the ventricle is closed in, which no repair mends."""
    heart = shipped(2.0)
    away = ndimage.distance_transform_edt(heart.array != VALUES["LV_BP_label"], sampling=heart.spacing)
    array = np.where((heart.array == VALUES["Ao_BP_label"]) & (away < 8), 0, heart.array)
    write_volume(heart.with_array(array), tmp_path / "in.nrrd")
    call = ("run", "four_chamber_closed", tmp_path / "in.nrrd", "--with", "certificate")
    plain = pycemrg(*call, "-o", tmp_path / "plain", code=1).stdout
    assert "FAIL: closed in, but should be open: Ao; closed: LV, RV, LA, RA; open: PArt at its end\n" in plain
    assert " 2 errors (closed_lumens, not_made), " in plain
    where = "; certificate.json says where"
    assert plain.endswith(f"{where}, and 'pycemrg repair' or --then repair repairs what a rule can\n")
    mended = pycemrg(*call, "-o", tmp_path / "mended", "--then", "repair", code=1).stdout
    assert mended.endswith(f"{where}\n")
