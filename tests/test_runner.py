"""Running a plan: its events, taking it up again, and what a stranger's broken step costs."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import brute
import numpy as np
import pytest
import SimpleITK as sitk
from attrs import evolve, frozen
from brute import RECIPES, Array
from phantom import heart_phantom

from pycemrg_core import Catalogue, LabelVolume, Recipe, Schematic, load_catalogue, run_recipe
from pycemrg_core.api import Edit, Label, Ref, Step, reads, writes
from pycemrg_core.errors import ImageError, PlanError, PycemrgError, StepError
from pycemrg_core.images import image_files
from pycemrg_core.recipes.run_record import LedgerEntry, RunRecord
from pycemrg_core.recipes.runner import (
    Resume,
    RunResult,
    StepFinished,
    StepStarted,
)

SPACING = (3.0, 2.0, 2.5)


def phantom() -> sitk.Image:
    return heart_phantom(40, SPACING)


def voxels(image: sitk.Image) -> Array:
    return sitk.GetArrayFromImage(image)


def test_events_come_in_order_and_the_result_last() -> None:
    image = phantom()
    *steps, last = brute.events("atria_full", image, brute.catalogue())
    names = RECIPES["atria_full"]
    assert [event for event in steps if isinstance(event, StepStarted)] == [
        StepStarted(number, len(names), name) for number, name in enumerate(names, 1)
    ]
    finished = [event for event in steps if isinstance(event, StepFinished)]
    assert steps[1::2] == finished
    assert [(event.number, event.total, event.record.name) for event in finished] == [
        (number, len(names), name) for number, name in enumerate(names, 1)
    ]
    assert isinstance(last, RunResult)
    assert last.record.steps == tuple(event.record for event in finished)


def test_the_volume_of_an_event_is_the_image_as_it_is_then() -> None:
    image = phantom()
    before = voxels(image)
    for event in brute.events("atria_full", image, brute.catalogue()):
        if isinstance(event, StepStarted):
            continue
        after = event.volume.array.copy() if isinstance(event, StepFinished) else voxels(event.image)
        if isinstance(event, StepFinished):
            assert (before != after).sum() == event.record.voxels
        else:
            np.testing.assert_array_equal(before, after)
        before = after


def test_the_record_holds_what_a_second_run_needs() -> None:
    image = phantom()
    record = run_recipe(
        "atria_full", image, brute.catalogue(), parameters={"LA_WT": 4}, labels={"LAA_label": 12}, check=False
    ).record
    assert record.recipe == "atria_full"
    assert record.image == image_files.geometry(image)
    assert record.dtype == "uint8"
    assert record.labels["LAA_ring_label"] == 212
    assert record.parameters == {"LA_WT": 4, "RA_WT": 2.0, "ring_thickness": 2.0, "walls_from_surface": 0}
    assert [str(provider) for provider in record.providers] == ["builtin (pycemrg-core 0.1.0)"]
    first = record.steps[0]
    assert (first.name, first.step, first.provider) == ("la_myocardium", "create", "builtin")
    assert first.contract.thickness_mm == 4.0
    assert first.contract.source == Label("LA_BP_label", 4)
    assert first.seconds >= 0
    assert first.ledger[0] == LedgerEntry(
        old=0,
        old_name="background",
        new=104,
        new_name="LA_myo_label",
        voxels=first.ledger[0].voxels,
        mm3=first.ledger[0].voxels * 15.0,
    )


@pytest.mark.slow(every=2)
@pytest.mark.parametrize("recipe", ["atria_full", "four_chamber_full"])
def test_a_run_taken_up_in_the_middle_equals_the_whole(recipe: str) -> None:
    image = phantom()
    records, kept, whole = [], [image_files.volume_of(image)], None
    for event in brute.events(recipe, image, brute.catalogue()):
        if isinstance(event, StepFinished):
            records.append(event.record)
            kept.append(event.volume.with_array(event.volume.array.copy()))
        elif isinstance(event, RunResult):
            whole = event
    assert whole is not None
    first_ring = next((n for n, name in enumerate(RECIPES[recipe]) if name.endswith("_ring")), None)
    for done in range(len(records) + 1):
        snapshots = {"builtin:ring": kept[first_ring]} if first_ring is not None and done > first_ring else {}
        resume = Resume(tuple(records[:done]), kept[done], snapshots)
        *events, result = brute.events(recipe, image, brute.catalogue(), resume=resume)
        assert isinstance(result, RunResult)
        assert len(events) == 2 * (len(records) - done)
        if events:
            assert events[0] == StepStarted(done + 1, len(records), RECIPES[recipe][done])
        assert voxels(result.image).tobytes() == voxels(whole.image).tobytes()
        assert timeless(result.record) == timeless(whole.record)


def timeless(record: RunRecord) -> RunRecord:
    return evolve(record, steps=tuple(evolve(step, seconds=0.0) for step in record.steps))


def test_a_ring_taken_up_without_its_reference_would_differ() -> None:
    array = np.array([[[0, 0, 1, 3, 3, 2, 2, 2, 2, 0, 0, 0]]], np.uint8)
    rows = [
        brute.Row("a", "ring", (1, 2), 8, 2.0, [(brute.ONLY, 3)]),
        brute.Row("b", "ring", (3, 2), 9, 2.0, [(brute.ONLY, 2)]),
    ]
    image = brute.image_of(array)
    recipe, catalogue = brute.recipe(*rows)
    events = list(brute.events(recipe, image, catalogue))
    first = next(event for event in events if isinstance(event, StepFinished))
    after = LabelVolume(brute.run(array, rows[:1], (1.0, 1.0, 1.0)), (1.0, 1.0, 1.0))
    whole = Resume((first.record,), after, {"builtin:ring": image_files.volume_of(image)})
    *_, right = brute.events(recipe, image, catalogue, resume=whole)
    *_, wrong = brute.events(recipe, image, catalogue, resume=Resume((first.record,), after))
    assert voxels(right.image).tobytes() == voxels(events[-1].image).tobytes()
    assert voxels(wrong.image).tobytes() != voxels(events[-1].image).tobytes()


def test_a_step_that_changes_nothing_is_a_warning() -> None:
    array = np.zeros((3, 3, 9), np.uint8)
    array[1, 1, 0], array[1, 1, 8] = 106, 7
    recipe = Recipe(name="r", steps=["part_push_aorta"])
    record = run_recipe(recipe, brute.image_of(array), brute.catalogue(), check=False).record
    assert record.warnings == ("part_push_aorta changed nothing: no voxel is where it would write",)
    assert record.steps[0].ledger == ()


def test_a_label_beyond_8_bits_widens_the_result() -> None:
    array = np.zeros((7, 7, 9), np.uint8)
    array[3, 3, 4] = 4
    result = run_recipe(
        Recipe(name="r", steps=["la_myocardium"]),
        brute.image_of(array),
        brute.catalogue(),
        labels={"LA_myo_label": 300},
        check=False,
    )
    after = voxels(result.image)
    assert after.dtype == np.uint16
    assert after[3, 3].tolist() == [0, 0, 300, 300, 4, 300, 300, 0, 0]
    assert result.record.dtype == "uint16"
    assert result.record.warnings == ("label 300 does not fit uint8 pixels; the result is written as uint16",)


def test_a_float_image_of_whole_numbers_is_read_as_integers_and_says_so() -> None:
    image = sitk.Cast(phantom(), sitk.sitkFloat32)
    result = run_recipe("atria_full", image, brute.catalogue(), check=False)
    np.testing.assert_array_equal(
        voxels(result.image), voxels(run_recipe("atria_full", phantom(), brute.catalogue(), check=False).image)
    )
    assert result.record.warnings[0] == "the image: float image holds only whole numbers: read as uint8"


def test_an_image_that_is_no_label_map_is_refused() -> None:
    with pytest.raises(ImageError, match=r"^the image: is empty"):
        run_recipe("atria_full", sitk.Image(4, 4, 4, sitk.sitkUInt8), brute.catalogue(), check=False)


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("pixel", [sitk.sitkUInt8, sitk.sitkInt16, sitk.sitkUInt16, sitk.sitkInt32, sitk.sitkUInt64])
def test_the_pixel_type_is_kept(pixel: int) -> None:
    result = run_recipe("atria_full", sitk.Cast(phantom(), pixel), brute.catalogue(), check=False).image
    assert result.GetPixelID() == pixel
    np.testing.assert_array_equal(
        voxels(result), voxels(run_recipe("atria_full", phantom(), brute.catalogue(), check=False).image)
    )


# A stranger's steps, each wrong in one way.


@frozen(kw_only=True)
class StrangersContract:
    source: Label = reads("SOURCE")
    target: Label = writes("TARGET")


def everywhere(volume: LabelVolume, label: int) -> Edit:
    return Edit(tuple(slice(0, size) for size in volume.array.shape), np.ones(volume.array.shape, bool), label)


def good(volume: LabelVolume, contract: StrangersContract) -> Iterable[Edit]:
    return [everywhere(volume, contract.target.value)]


def undeclared(volume: LabelVolume, contract: StrangersContract) -> Iterator[Edit]:
    yield everywhere(volume, contract.target.value)
    yield everywhere(volume, 9)


def reads_only(volume: LabelVolume, contract: StrangersContract) -> Iterator[Edit]:
    yield everywhere(volume, contract.source.value)


def raises(volume: LabelVolume, contract: StrangersContract) -> Iterable[Edit]:
    raise RuntimeError("no luck")


def raises_late(volume: LabelVolume, contract: StrangersContract) -> Iterator[Edit]:
    yield everywhere(volume, contract.target.value)
    raise KeyError("later")


def no_edit(volume: LabelVolume, contract: StrangersContract) -> Iterable[Any]:
    return [everywhere(volume, contract.target.value), {"label": 2}]


def one_edit(volume: LabelVolume, contract: StrangersContract) -> Any:
    return everywhere(volume, contract.target.value)


def nothing(volume: LabelVolume, contract: StrangersContract) -> Any:
    pass


def a_label(volume: LabelVolume, contract: StrangersContract) -> Any:
    return [Edit(volume.region(1), volume.mask(1, volume.region(1)), contract.target)]  # type: ignore[arg-type]


def a_name(volume: LabelVolume, contract: StrangersContract) -> Any:
    return [Edit(volume.region(1), volume.mask(1, volume.region(1)), "wall")]  # type: ignore[arg-type]


def integers(volume: LabelVolume, contract: StrangersContract) -> Any:
    region = volume.region(1)
    return [Edit(region, volume.mask(1, region).astype(np.int64), contract.target.value)]  # type: ignore[arg-type]


def in_place(volume: LabelVolume, contract: StrangersContract) -> Iterable[Edit]:
    volume.array[volume.mask(1)] = 2
    return []


def into_a_zone(volume: LabelVolume, contract: StrangersContract) -> Iterable[Edit]:
    volume.within(1, 1.0).mask[...] = False
    return []


def misfit(volume: LabelVolume, contract: StrangersContract) -> Iterator[Edit]:
    yield everywhere(volume, contract.target.value)
    yield Edit((slice(0, 1),) * 3, np.ones((2, 2, 2), bool), contract.target.value)


def deep(volume: LabelVolume) -> int:
    return [1][int(volume.array.max())]


def falls_deep(volume: LabelVolume, contract: StrangersContract) -> Iterator[Edit]:
    yield everywhere(volume, deep(volume))


class Stop(BaseException):
    def __str__(self) -> str:
        raise ValueError("no words")


def stops(volume: LabelVolume, contract: StrangersContract) -> Iterable[Edit]:
    raise Stop


def exits(volume: LabelVolume, contract: StrangersContract) -> Iterable[Edit]:
    sys.exit("enough")


def asks_wrongly(volume: LabelVolume, contract: StrangersContract) -> Iterable[Edit]:
    return [Edit(volume.region(99), np.zeros((1, 1, 1), bool), "two")]  # type: ignore[arg-type]


def takes_one(volume: LabelVolume) -> Iterable[Edit]:
    return []


def interrupts(volume: LabelVolume, contract: StrangersContract) -> Iterable[Edit]:
    raise KeyboardInterrupt


def refuses(volume: LabelVolume, contract: StrangersContract) -> Iterable[Edit]:
    raise StepError("this heart is too small")


def list_mask(volume: LabelVolume, contract: StrangersContract) -> Iterator[Edit]:
    yield Edit((slice(0, 1),) * 3, [[[True]]], contract.target.value)  # type: ignore[arg-type]


def stranger(function: str) -> tuple[Recipe, Catalogue]:
    step = Step(
        name="odd",
        summary="somebody else's",
        run=Ref(f"{__name__}:{function}"),
        contract=Ref(f"{__name__}:StrangersContract"),
    )
    schematic = Schematic(
        name="odd_wall",
        step="odd",
        labels={"lumen": 1, "wall": 2},
        semantic_map={"SOURCE": "lumen", "TARGET": "wall"},
    )
    return Recipe(name="odd_recipe", steps=["odd_wall"]), brute.catalogue(step, schematic)


def one_voxel() -> sitk.Image:
    array = np.zeros((3, 3, 3), np.uint8)
    array[1, 1, 1] = 1
    return brute.image_of(array)


def test_a_strangers_step_runs_like_ours() -> None:
    recipe, catalogue = stranger("good")
    result = run_recipe(recipe, one_voxel(), catalogue, check=False)
    assert (voxels(result.image) == 2).all()
    assert [(entry.old_name, entry.new_name, entry.voxels) for entry in result.record.steps[0].ledger] == [
        ("background", "wall", 26),
        ("lumen", "wall", 1),
    ]
    assert [provider.name for provider in result.record.providers] == ["stranger"]


@pytest.mark.parametrize(
    ("function", "text"),
    [
        ("undeclared", "it writes the label 9, which its contract does not declare as written"),
        ("reads_only", "it writes the label 1, which its contract does not declare as written"),
        ("raises", "RuntimeError: no luck"),
        ("raises_late", "KeyError: 'later'"),
        ("no_edit", "it returned {'label': 2}, not an Edit"),
        ("one_edit", "it returned one Edit; yield Edits or return a list of them"),
        ("nothing", "it returned None; yield Edits or return a list of them"),
        ("a_label", "an edit's label is an integer: give contract.target.value"),
        ("a_name", "an edit's label is an integer: it is 'wall'"),
        ("integers", "an edit's mask is int64; it must be boolean (mask.astype(bool))"),
        ("in_place", "ValueError: assignment destination is read-only"),
        ("into_a_zone", "ValueError: assignment destination is read-only"),
        (
            "misfit",
            "an edit with a bool mask of shape (2, 2, 2) for the box (slice(0, 1, None), slice(0, 1, None), "
            "slice(0, 1, None)) does not fit an image of shape (3, 3, 3)",
        ),
    ],
)
def test_a_strangers_broken_step_is_one_line_and_writes_nothing(function: str, text: str) -> None:
    image, (recipe, catalogue) = one_voxel(), stranger(function)
    before = voxels(image).tobytes()
    events = brute.events(recipe, image, catalogue)
    assert next(events) == StepStarted(1, 1, "odd_wall")
    with pytest.raises(StepError) as caught:
        next(events)
    said, _, place = str(caught.value).rpartition(" (")
    assert said == f"step 'odd' of stranger (stranger 1) failed in odd_wall: {text}"
    assert re.fullmatch(rf"test_runner\.py:\d+, in {function}\)", place)
    assert voxels(image).tobytes() == before


@pytest.mark.parametrize(
    ("function", "text", "place"),
    [
        ("falls_deep", "IndexError: list index out of range", "deep"),
        ("stops", "Stop, whose text cannot be shown: its __str__ raises ValueError", "stops"),
        ("exits", "SystemExit: enough", "exits"),
        ("takes_one", "TypeError: takes_one() takes 1 positional argument but 2 were given", "takes_one"),
        ("refuses", "this heart is too small", "refuses"),
        ("asks_wrongly", "", "asks_wrongly"),
    ],
)
def test_an_author_sees_where_his_step_failed(function: str, text: str, place: str) -> None:
    recipe, catalogue = stranger(function)
    with pytest.raises(StepError) as caught:
        run_recipe(recipe, one_voxel(), catalogue, check=False)
    assert str(caught.value).startswith(f"step 'odd' of stranger (stranger 1) failed in odd_wall: {text}")
    # The line is the innermost one of the author's, not one of the core or of numpy.
    lines, first = inspect.getsourcelines(globals()[place])
    found = re.search(rf" \(test_runner\.py:(\d+), in {place}\)$", str(caught.value))
    assert found
    assert first <= int(found[1]) < first + len(lines)


def test_an_interrupt_is_not_a_fault_of_the_step() -> None:
    recipe, catalogue = stranger("interrupts")
    with pytest.raises(KeyboardInterrupt):
        run_recipe(recipe, one_voxel(), catalogue, check=False)


def test_a_mask_that_is_no_array_is_one_line_too() -> None:
    recipe, catalogue = stranger("list_mask")
    with pytest.raises(StepError, match=r"^step 'odd' of stranger \(stranger 1\) failed in odd_wall: "):
        run_recipe(recipe, one_voxel(), catalogue, check=False)


def test_a_step_that_cannot_be_imported_says_where_it_was_looked_for() -> None:
    recipe, catalogue = stranger("misspelt")
    with pytest.raises(PlanError) as caught:
        run_recipe(recipe, one_voxel(), catalogue, check=False)
    assert caught.value.problems[0] == (
        f"step 'odd' of stranger (stranger 1): module {__name__!r} has no 'misspelt' (from '{__name__}:misspelt')"
    )


def test_two_catalogues_live_side_by_side() -> None:
    recipe, catalogue = stranger("good")
    assert run_recipe(recipe, one_voxel(), catalogue, check=False).record.recipe == "odd_recipe"
    assert brute.catalogue().named("odd_wall") == ()


@pytest.mark.slow(every=2)
@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"scheme": 3}, "3 is not the name of a label scheme; give its name as text"),
        ({"scheme": ["cemrg"]}, "['cemrg'] is not the name of a label scheme"),
        ({"recipe": 3}, "3 is not the name of a recipe"),
        ({"then": 3}, "then is 3; give a tuple of names"),
        ({"then": ("la_myocardium", 3)}, "give a tuple of names"),
        ({"accept": [None]}, "accept is [None]; give a tuple of names"),
        ({"labels": [1]}, "labels is [1]; give a dictionary of names and numbers"),
        ({"labels": {3: 4}}, "3 is not the name of a label; give names and their integers"),
        ({"labels": {"LA_BP_label": 10**5000}}, "'LA_BP_label' is an integer of more than 1000 bits"),
        ({"parameters": 2.0}, "parameters is 2.0; give a dictionary of names and numbers"),
        ({"parameters": {3: 2.0}}, "parameters: 3 is not a name"),
        ({"parameters": {"LA_WT": 10**400}}, "'LA_WT' is an integer of more than 1000 bits"),
        ({"parameters": {"LA_WT": -(10**5000)}}, "'LA_WT' is an integer of more than 1000 bits"),
        ({"parameters": {"LA_WT": "2"}}, "LA_WT is '2', not a number"),
    ],
)
def test_values_of_the_wrong_type_are_refused_as_on_the_command_line(given: dict[str, Any], text: str) -> None:
    recipe = given.pop("recipe", "left_atrium_with_veins")
    with pytest.raises(PycemrgError, match=re.escape(text)):
        run_recipe(recipe, phantom(), load_catalogue(), check=False, **given)


def test_the_advice_names_the_python_way_too() -> None:
    bad = sitk.ChangeLabel(phantom(), {1: 4, 4: 1})
    with pytest.raises(PlanError, match=re.escape("(to run anyway: --no-check, in Python check=False)")):
        run_recipe("left_atrium_with_veins", bad, load_catalogue())
