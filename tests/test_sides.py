"""Left and right of a heart: every mirror image is found, however the heart lies; so are exchanged veins."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from command_line import pycemrg

from pycemrg_core import Catalogue, Policy, load_catalogue, run_recipe
from pycemrg_core.api import Check, CheckOn, Finding, Ref, Severity
from pycemrg_core.errors import PlanError, PycemrgError
from pycemrg_core.images.blueprint import Blueprint
from pycemrg_core.images.heart import Heart
from pycemrg_core.images.image_files import read_volume, write_volume
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.plugins.catalogue import Contribution
from pycemrg_core.plugins.loading import Found
from pycemrg_core.recipes.checking import faults_of
from schematics_builtin.certificate import asked_of, certify
from schematics_builtin.labels.anatomy.sides import centroids, frame_of, stand_ins, wrong_sides

pytestmark = pytest.mark.usefixtures("loaded_once")

DEMO = Path(__file__).parent.parent / "schematics_builtin/demo/data/rodero01_1.0mm.nrrd"
NAMES = ("LV_BP", "LV_myo", "RV_BP", "LA_BP", "RA_BP", "Ao_BP", "PArt_BP", "LPV1", "LPV2", "RPV1", "RPV2")
LABELS = {f"{name}_label": value for value, name in enumerate(NAMES, 1)}
VEINS = {"LPV1": 8, "LPV2": 9, "RPV1": 10, "RPV2": 11}


@pytest.fixture(scope="module")
def heart() -> LabelVolume:
    """The heart of the demo at a coarse grid: the sides do not depend on details."""
    volume, _ = read_volume(DEMO)
    return LabelVolume(np.ascontiguousarray(volume.array[::2, ::2, ::2]), (2.0, 2.0, 2.0), origin=volume.origin)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(Policy(allow=frozenset()))


def doubts(volume: LabelVolume, labels: dict[str, int] = LABELS) -> list[str]:
    return [doubt for doubt, _, _ in wrong_sides(volume, labels)]


def turned(volume: LabelVolume, order: tuple[int, ...], signs: tuple[int, ...]) -> LabelVolume:
    """The voxels in another order of the axes, with some axes flipped, in an image of identity direction."""
    array = volume.array.transpose(order)[tuple(slice(None, None, sign) for sign in signs)]
    return LabelVolume(np.ascontiguousarray(array), volume.spacing)


def parity(order: tuple[int, ...], signs: tuple[int, ...]) -> int:
    return round(float(np.linalg.det(np.eye(3)[list(order)]))) * int(np.prod(signs))


@pytest.mark.slow(every=5)
@pytest.mark.parametrize("signs", list(product((1, -1), repeat=3)))
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_every_turn_is_a_heart_and_every_mirror_image_is_none(heart: LabelVolume, order: Any, signs: Any) -> None:
    expected = [] if parity(order, signs) == 1 else ["situs-inversus"]
    assert doubts(turned(heart, order, signs)) == expected


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (1, -1, -1), (-1, -1, -1)])
def test_the_direction_in_the_header_counts(heart: LabelVolume, signs: tuple[int, ...]) -> None:
    direction = tuple(np.diag(signs).astype(float).ravel())
    placed = LabelVolume(heart.array, heart.spacing, direction=direction)
    assert doubts(placed) == ([] if np.prod(signs) == 1 else ["situs-inversus"])


@pytest.mark.parametrize(
    "pair", [("LPV1", "RPV1"), ("LPV2", "RPV2"), ("LPV1", "LPV2"), ("RPV1", "RPV2"), ("LPV1", "RPV2")]
)
@pytest.mark.parametrize("mirrored", [False, True])
def test_exchanged_veins(heart: LabelVolume, pair: tuple[str, str], mirrored: bool) -> None:
    one, other = (VEINS[name] for name in pair)
    array = heart.array.copy()
    array[heart.array == one], array[heart.array == other] = other, one
    found = doubts(heart.with_array(array[:, :, ::-1].copy() if mirrored else array))
    assert "vein-order" in found
    assert ("situs-inversus" in found) is mirrored


@pytest.mark.parametrize("gone", ["LV", "RV", "LA", "RA"])
def test_without_a_chamber_nothing_is_said(heart: LabelVolume, gone: str) -> None:
    mirrored = heart.with_array(heart.array[:, :, ::-1].copy())
    assert doubts(mirrored, {name: value for name, value in LABELS.items() if not name.startswith(f"{gone}_")}) == []


@pytest.mark.parametrize("gone", [("Ao_BP",), ("PArt_BP",), ("Ao_BP", "PArt_BP")])
def test_one_great_vessel_is_enough(heart: LabelVolume, gone: tuple[str, ...]) -> None:
    labels = {name: value for name, value in LABELS.items() if name not in {f"{one}_label" for one in gone}}
    assert doubts(heart, labels) == []
    mirrored = heart.with_array(heart.array[:, :, ::-1].copy())
    assert doubts(mirrored, labels) == (["situs-inversus"] if len(gone) == 1 else [])


def test_centroids_are_those_of_the_voxels(heart: LabelVolume) -> None:
    found = centroids(heart, stand_ins(LABELS, heart.boxes))
    for name in ("LV_BP_label", "RPV2_label"):
        by_hand = np.argwhere(heart.array == LABELS[name]).mean(axis=0)[::-1] * 2.0
        assert found[name] == pytest.approx(by_hand)


@pytest.mark.parametrize("veins", ["plane", "ring"])
def test_a_mesh_without_blood_has_its_walls_planes_and_rings(heart: LabelVolume, veins: str) -> None:
    """The labels stay where they are, under the names of what surrounds them."""
    walls = {"LV_BP": "LV_myo", "RV_BP": "RV_myo", "LA_BP": "LA_myo", "RA_BP": "RA_myo"}
    walls |= {"Ao_BP": "Ao_wall", "PArt_BP": "PArt_wall", **{vein: f"{vein}_{veins}" for vein in VEINS}}
    names = {f"{new}_label": LABELS[f"{old}_label"] for old, new in walls.items()}
    assert doubts(heart, names) == []
    swapped = heart.array.copy()
    swapped[heart.array == 8], swapped[heart.array == 10] = 10, 8
    assert doubts(heart.with_array(swapped[:, :, ::-1].copy()), names) == ["situs-inversus", "vein-order"]


def cohort() -> Iterator[Path]:
    return Path(os.environ.get("PYCEMRG_HEARTS", "none")).glob("*.nrrd")


@pytest.mark.slow
@pytest.mark.skipif(not [*cohort()], reason="no folder of hearts in PYCEMRG_HEARTS")
def test_hearts_of_a_cohort() -> None:
    for path in cohort():
        volume, _ = read_volume(path)
        frame = frame_of(centroids(volume, stand_ins(LABELS, volume.boxes)))
        assert frame is not None
        assert -1.0 <= frame.handedness <= -0.8, path
        assert doubts(volume) == [], path


# --- on every face


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, heart: LabelVolume) -> Path:
    folder = tmp_path_factory.mktemp("sides")
    write_volume(heart.with_array(heart.array[:, :, ::-1].copy()), folder / "mirrored.nrrd")
    swapped = heart.array.copy()
    swapped[heart.array == 8], swapped[heart.array == 10] = 10, 8
    write_volume(heart.with_array(swapped), folder / "veins.nrrd")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text", "doubt"),
    [
        ("mirrored", "the heart is mirrored: its left and right side are exchanged (handedness +0.9", "situs-inversus"),
        ("veins", "LPV1 (8) lies 4", "vein-order"),
    ],
)
def test_refused_and_accepted_on_every_face(
    files: Path, catalogue: Catalogue, tmp_path: Path, name: str, text: str, doubt: str
) -> None:
    image = files / f"{name}.nrrd"
    recipe = ("left_atrium_with_veins", image)
    for command in (("plan", *recipe), ("run", *recipe, "-o", tmp_path / "out")):
        refused = pycemrg(*command, code=1).stderr
        assert text in refused
        assert f"or accept it: --accept {doubt}, in Python accept={doubt!r}" in refused
        assert "(accepted)" in pycemrg(*command, "--accept", doubt).stderr
    checked = ("labels", "check", image, "--recipe", "left_atrium_with_veins")
    assert text in pycemrg(*checked, code=1).stdout
    assert "no problem" in pycemrg(*checked, "--accept", doubt).stdout
    with pytest.raises(PlanError, match="--accept"):
        run_recipe(*recipe, catalogue)
    result = run_recipe(*recipe, catalogue, accept=(doubt,))
    assert result.blueprint.accepted == (doubt,)
    found = [one for one in certify(Heart(volume=result.volume), catalogue).findings if one.check == "heart_sides"]
    assert [one.severity for one in found] == [Severity.EXPECTED]
    run_recipe(*recipe, catalogue, check=False)


@pytest.mark.slow
def test_the_certificate_finds_it_too(files: Path, catalogue: Catalogue) -> None:
    volume, _ = read_volume(files / "mirrored.nrrd")
    for accept, severity in (((), Severity.ERROR), (("situs-inversus",), Severity.EXPECTED)):
        asked = asked_of(catalogue, "four_chamber_full", accept=accept)
        found = certify(Heart(volume=volume.with_blueprint(asked)), catalogue).findings
        assert [one.severity for one in found if one.check == "heart_sides"] == [severity]
    data = json.loads(pycemrg("certify", files / "mirrored.nrrd", "--json", code=1).stdout)
    assert [one.get("doubt") for one in data["findings"] if one["check"] == "heart_sides"] == ["situs-inversus"]
    shown = pycemrg("certify", files / "mirrored.nrrd", "--accept", "situs-inversus", "-v", code=1).stdout
    assert "expected heart_sides: the heart is mirrored" in shown


def test_an_unknown_doubt_is_refused(files: Path, catalogue: Catalogue) -> None:
    with pytest.raises(
        PlanError, match="no check or step has the doubt 'situs-inverse'; did you mean 'situs-inversus'"
    ):
        run_recipe("left_atrium_with_veins", files / "veins.nrrd", catalogue, accept=("situs-inverse",))
    text = pycemrg("certify", files / "veins.nrrd", "--accept", "me", code=1).stderr
    assert "situs-inversus, " in text
    assert ", vein-order" in text


def undeclared(_heart: Heart) -> Iterator[Finding]:
    yield Finding(severity=Severity.ERROR, what="odd", doubt="secret")


def test_a_finding_has_a_doubt_of_its_check(heart: LabelVolume) -> None:
    record = Check(name="odd", summary="odd", function=Ref(f"{__name__}:undeclared"), on=CheckOn.RESULT)
    checks = (Contribution(record, Found("mine", "mine", "1", "pycemrg.v1", __name__)),)
    with pytest.raises(PycemrgError, match="the doubt 'secret' of the finding 'odd' is none of its doubts"):
        [*faults_of(Heart(volume=heart.with_blueprint(Blueprint())), checks)]
    declared = (evolve(checks[0], record=evolve(record, doubts=("secret",))),)
    accepted = Heart(volume=heart.with_blueprint(Blueprint(accepted=("secret",))))
    assert [one.severity for one in faults_of(accepted, declared)] == [Severity.EXPECTED]
