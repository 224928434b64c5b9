"""Air round a heart: the page stays the same, and nothing but what is read is as large as the image."""

from __future__ import annotations

import json
import re
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bs4 import BeautifulSoup
from command_line import pycemrg
from pycemrg_metrics import thickness
from pycemrg_report import run as run_module
from pycemrg_report import walls, write_report
from pycemrg_report.run import read_run
from report_runs import make_run, one, pixels, read, words

from pycemrg_core import load_catalogue, read_volume, write_volume
from pycemrg_core.api import LabelVolume, StructureMask, image_of, oriented_lps, volume_of

LOW, HIGH = (90, 80, 70), (70, 80, 90)  # voxels of air (z, y, x)
RECIPE = "four_chamber_full"


def in_air(heart: LabelVolume, path: Path) -> Path:
    """A heart with air round it, at the same place."""
    x, y, z = heart.points_mm(-np.array([LOW]))[0].tolist()
    array = np.pad(heart.array, [*zip(LOW, HIGH, strict=True)])
    write_volume(LabelVolume(array, heart.spacing, origin=(x, y, z), direction=heart.direction), path)
    return path


def shown(page: BeautifulSoup, moved: tuple[int, int, int]) -> dict[str, Any]:
    """What a page says of a heart, its voxels moved back, without what took which time."""
    about = json.loads(str(one(page, "#heart")["data-about"]))
    corner = np.round(about.pop("corner"), 6).tolist()
    in_file = np.subtract(about.pop("file")["corner"], moved).tolist()

    def back(found: re.Match[str]) -> str:
        return f"voxel {tuple(int(at) - by for at, by in zip(found[1].split(', '), moved, strict=True))}"

    said = {name: words(one(page, f"#{name}")) for name in ("heart", "walls", "volumes")}
    said["findings"] = re.sub(r"voxel \(([-\d, ]+)\)", back, words(one(page, "#findings")))
    places = [str(link["data-at"]) for link in page.select("[data-at]")]
    slices = {name: str(one(page, "#slices")[f"data-{name}"]) for name in ("after", "change")}
    pictures = [pixels(image).tobytes() for image in page.select("img")]
    return {**about, **said, **slices, "corner": corner, "file": in_file, "places": places, "pictures": pictures}


@pytest.mark.heavy
def test_a_page_of_a_heart_in_air_is_that_of_the_heart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone, air = make_run(tmp_path, recipe=RECIPE), tmp_path / "air"
    large = in_air(read_volume(tmp_path / "small.nrrd")[0], tmp_path / "large.nrrd")
    pycemrg("run", RECIPE, large, "-o", air, "--keep-steps")
    catalogue, whole = load_catalogue(), read_volume(large)[0].array.nbytes
    made: list[int] = []
    monkeypatch.setattr(run_module, "image_of", lambda volume: (made.append(volume.array.nbytes), image_of(volume))[1])
    write_report(alone, catalogue)  # imports
    peaks: list[dict[str, int]] = []
    for folder in (alone, air):
        peaks.append({})
        tracemalloc.start()
        write_report(folder, catalogue, told=lambda what: peaks[-1].update({what: tracemalloc.get_traced_memory()[1]}))
        tracemalloc.stop()
    expected, found = shown(read(alone / "report.html"), (0, 0, 0)), shown(read(air / "report.html"), LOW[::-1])
    for what, value in expected.items():
        assert found[what] == value, what
    assert len(expected["places"]) > 2
    assert len(expected["pictures"]) > 20
    # The heart, the input, and pieces of 4 MiB of a file that is being read; images of SimpleITK are not in it.
    assert peaks[1]["drawing steps ..."] - peaks[0]["drawing steps ..."] < 2 * whole + 12 * 2**20
    assert 0 < max(made) < whole / 20


@pytest.mark.slow
def test_a_wall_ends_at_the_border_of_the_image_and_not_at_that_of_the_labels(tmp_path: Path) -> None:
    make_run(tmp_path)
    path = tmp_path / "out" / "heart.nrrd"
    grown = read_volume(path)[0]
    z, y, _ = ((side.start + side.stop) // 2 for side in grown.region([*grown.boxes]))
    array = grown.array[:, y:].copy()  # cut by the image
    array[z:] = 0  # ends in air
    write_volume(grown.with_array(array), path)
    run = read_run(tmp_path / "out", load_catalogue())
    whole = volume_of(oriented_lps(image_of(grown.with_array(array))))
    assert run.volume.array.size < whole.array.size
    found = {wall.label: wall.measured.mm for wall in walls.walls(run)}
    assert len(found) >= 5
    for label, mm in found.items():
        np.testing.assert_allclose(mm, thickness(StructureMask(whole, (label,))).mm, rtol=1e-9)
