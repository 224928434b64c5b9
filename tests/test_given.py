"""Where a function of Python takes an image, it takes a path and a label volume too, and does the same."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from command_line import HEART
from phantom import heart_phantom
from test_docs import DOORS, PUBLIC

from pycemrg_core import (
    DocumentError,
    LabelScheme,
    Recipe,
    SavedRun,
    Settings,
    Source,
    load_catalogue,
    make_room,
    plan,
    prepare,
    prepare_source,
    read_config,
    require_place,
    run_plan,
    run_recipe,
    write_config,
    write_result,
    write_volume,
)
from pycemrg_core.api import (
    AnyImage,
    FinishedRun,
    ImageError,
    LabelRemapper,
    Sample,
    image_given,
    image_of,
    read_volume,
    remap_image,
    remap_volume,
    volume_given,
)
from schematics_builtin.certificate import asked_of, certify_image, heart_of, repair
from schematics_builtin.fusing import Source as Fusible
from schematics_builtin.fusing import split_veins
from schematics_builtin.labels import contradictions, facts_of
from schematics_builtin.pictures import draw_slices
from schematics_builtin.readers import named_extras, segments_of

CATALOGUE = load_catalogue()
CEMRG = CATALOGUE.get(LabelScheme, "cemrg").labels
ASKED = asked_of(CATALOGUE)
ONE_WALL = Recipe(name="one", steps=("lv_outflow",))


def drawn(image: AnyImage) -> bytes:
    target = io.BytesIO()
    draw_slices(image, image, {}, {}, target)
    return target.getvalue()


def one_label_for_veins(image: AnyImage) -> np.ndarray[Any, Any]:
    return split_veins(image, CEMRG, 53)[0].array


# What a function says of an image: equal for every form of the same one.
CALLS: dict[str, Callable[[AnyImage], Any]] = {
    "pycemrg_core.run_recipe": lambda it: run_recipe(ONE_WALL, it, CATALOGUE, check=False).volume.voxels_sha256(),
    "pycemrg_core.prepare": lambda it: prepare(it, CATALOGUE).facts,
    "pycemrg_core.prepare_source": lambda it: prepare_source(it, CATALOGUE, check=False)[0].facts,
    "pycemrg_core.api.image_given": lambda it: sitk.GetArrayFromImage(image_given(it)).tobytes(),
    "pycemrg_core.api.volume_given": lambda it: volume_given(it).voxels_sha256(),
    "pycemrg_core.api.remap_image": lambda it: sitk.GetArrayFromImage(remap_image(it, LabelRemapper({1: 90}))).max(),
    "pycemrg_core.api.remap_volume": lambda it: remap_volume(it, LabelRemapper({1: 90})).voxels_sha256(),
    "schematics_builtin.certificate.certify_image": lambda it: certify_image(it, CATALOGUE, ASKED),
    "schematics_builtin.certificate.heart_of": lambda it: heart_of(it, ASKED).volume.voxels_sha256(),
    "schematics_builtin.certificate.repair": lambda it: repair(it, CATALOGUE, ASKED).certificate,
    "schematics_builtin.labels.facts_of": lambda it: str(facts_of(it)),
    "schematics_builtin.labels.contradictions": lambda it: list(contradictions(it, {"LA_BP_label": 1}, {})),
    "schematics_builtin.pictures.draw_slices": drawn,
}
ELSEWHERE = {"split_veins"}  # on a heart of its own
# Steps, augmentations and conversions are given data, and never read a file: label volumes, and images of SimpleITK.
DATA = {
    "pycemrg_core": {"read_heart", "write_image", "write_volume"},
    "pycemrg_core.api": {
        *("components", "convert", "edit_at", "fill_holes", "flattened", "geometry", "grid_difference", "grow"),
        *("image_from_array", "image_of", "keep_largest_component", "keep_largest_structure", "label_image"),
        *("label_volume", "losses", "one_slice", "oriented_lps", "plain_of", "read_heart"),
        *("reassign_islands", "remove_small", "require_sound", "runs_of", "volume_of", "voxel_array", "voxels_sha256"),
        *("write_image", "write_volume"),
        "heart_names",
    },
    "pycemrg_core.testing": {"example_heart"},
    "schematics_builtin.manifold": {"make_manifold"},
    "schematics_builtin.readers": {"named_extras"},
}


def forms(folder: Path) -> list[AnyImage]:
    """One heart as an image, a label volume, a path and the text of a path."""
    path = folder / "heart.nrrd"
    image = heart_phantom(40, (3.0, 2.0, 2.5))
    sitk.WriteImage(image, str(path))
    return [image, read_volume(path)[0], path, str(path)]


@pytest.mark.slow(every=6)
@pytest.mark.parametrize("name", CALLS)
def test_a_path_does_what_an_image_does(name: str, tmp_path: Path) -> None:
    first, *others = map(CALLS[name], forms(tmp_path))
    assert all(other == first for other in others)


@pytest.mark.slow
def test_the_veins_of_a_path(tmp_path: Path) -> None:
    volume, _ = read_volume(HEART)
    whole = volume.with_array(np.where(np.isin(volume.array, (8, 9, 10, 11)), 53, volume.array))
    sitk.WriteImage(image_of(whole), str(tmp_path / "veins.nrrd"))
    assert (one_label_for_veins(tmp_path / "veins.nrrd") == one_label_for_veins(whole)).all()


def functions(module: str) -> dict[str, str]:
    """The public functions of a module whose parameters hold an image, with these parameters as text."""
    found = {}
    for name in import_module(module).__all__:
        function = getattr(import_module(module), name)
        if inspect.isfunction(function) and function.__module__ != "typing":
            given = " ".join(str(one.annotation) for one in inspect.signature(function).parameters.values())
            if any(word in given for word in ("AnyImage", "sitk.Image", "LabelVolume")):
                found[name] = given
    return found


@pytest.mark.parametrize("module", [*DOORS, *PUBLIC])
def test_no_function_is_left_out(module: str) -> None:
    """A function for users takes paths and is called above; one for authors is given data, and is in the list."""
    for name, given in functions(module).items():
        if "AnyImage" in given:
            assert name in ELSEWHERE | {called.rpartition(".")[2] for called in CALLS}, f"{module}.{name}"
        else:
            assert name in DATA.get(module, ()), f"{module}.{name}"


def test_samples_and_sources_are_read(tmp_path: Path) -> None:
    image, _, path, _ = forms(tmp_path)
    sample = Sample(image=path, labels=path, more_images={"again": path})
    for read in (sample.image, sample.labels, sample.more_images["again"]):
        assert (sitk.GetArrayFromImage(read) == sitk.GetArrayFromImage(image)).all()
    names = {1: "LV_BP_label"}
    of_path, of_image = (Fusible.of("one", form, names).masks["LV_BP_label"] for form in (path, image))
    assert of_path.region == of_image.region


def test_what_reading_says_is_a_warning(tmp_path: Path) -> None:
    image = sitk.Cast(heart_phantom(40), sitk.sitkFloat32)
    sitk.WriteImage(image + 0.0005 * sitk.Cast(image > 0, sitk.sitkFloat32), str(tmp_path / "rounded.nrrd"))
    with pytest.warns(UserWarning, match=r"rounded\.nrrd: .*rounded"):
        certify_image(tmp_path / "rounded.nrrd", CATALOGUE, ASKED)
    with pytest.raises(ImageError, match="no such file"):
        certify_image(tmp_path / "absent.nrrd", CATALOGUE, ASKED)


@pytest.mark.slow
def test_names_in_a_file_are_not_used_without_a_word(tmp_path: Path) -> None:
    """``prepare`` and ``certify_image`` are given what the integers mean."""
    volume, _ = read_volume(HEART)
    path = tmp_path / "heart.seg.nrrd"
    names = {value: name for name, value in CEMRG.items() if value in volume.boxes}
    write_volume(volume, path, named_extras(path, volume, segments_of(names, CATALOGUE)))
    with pytest.warns(UserWarning, match=r"heart\.seg\.nrrd: its own names are not used"):
        heart_of(path, ASKED)
    assert "its own names are not used" in " ".join(prepare(path, CATALOGUE, Settings()).notes)


def test_a_folder_can_be_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_config("config", ONE_WALL, CATALOGUE)
    assert read_config("config", CATALOGUE).configured["LV_BP_label"] == 1
    with pytest.raises(DocumentError, match="no such folder"):
        read_config("absent", CATALOGUE)
    sitk.WriteImage(heart_phantom(40), "heart.nrrd")
    prepared = prepare("heart.nrrd", CATALOGUE, recipe=ONE_WALL, check=False)
    planned = plan(ONE_WALL, CATALOGUE, prepared.facts)
    *_, result = run_plan(planned, make_room(prepared, planned))
    run = FinishedRun(
        result=result, prepared=prepared, plan=planned, source=Source.of("heart.nrrd"), catalogue=CATALOGUE
    )
    assert require_place("out", run.source, CATALOGUE) == ()
    write_result(run, "out")
    assert SavedRun.read("out/run.json").data["input"]["path"] == "../heart.nrrd"
