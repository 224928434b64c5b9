"""Between the file that comes in and the one that goes out a heart is a label volume: images are made at the door."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import SimpleITK as sitk
from command_line import pycemrg, small_heart

CONVERSIONS = ("GetArrayViewFromImage", "GetArrayFromImage", "GetImageFromArray", "Cast", "ReadImage")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often SimpleITK is asked to turn an image into an array, or an array into an image."""
    counted: Counter[str] = Counter()

    def count(name: str, function: Any) -> Any:
        def counting(*arguments: Any, **options: Any) -> Any:
            counted[name] += 1
            return function(*arguments, **options)

        return counting

    for name in CONVERSIONS:
        monkeypatch.setattr(sitk, name, count(name, getattr(sitk, name)))
    return counted


@pytest.mark.parametrize("options", [(), ("--scheme", "cemrg")])
def test_a_run_makes_no_image_of_simpleitk(tmp_path: Path, calls: Counter[str], options: tuple[str, ...]) -> None:
    heart = small_heart(tmp_path)
    calls.clear()
    pycemrg("run", "four_chamber_full", heart, "-o", tmp_path / "out", "--no-check", *options)
    assert not calls


@pytest.mark.slow
def test_nor_do_the_steps_that_are_kept(tmp_path: Path, calls: Counter[str]) -> None:
    heart = small_heart(tmp_path)
    calls.clear()
    pycemrg("run", "left_atrium_with_veins", heart, "-o", tmp_path / "out", "--no-check", "--keep-steps")
    assert not calls
