"""Records of runs made before are run again, to the same voxels.

``data/records`` holds records as the package wrote them before its modules and records were rearranged. They were made
of the heart that the package ships. ``VOXELS`` are the SHA-256 of all bytes of the label maps, from then; in the
records it is of the box of what is not background, as records have it now.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from command_line import pycemrg

import schematics_builtin
from pycemrg_core import load_catalogue, read_volume
from pycemrg_core.runs.replay import SavedRun
from pycemrg_core.runs.run_folder import Source

RECORDS = Path(__file__).parent / "data" / "records"
HEART = Path(schematics_builtin.__file__).parent / "demo" / "data" / "rodero01_1.0mm.nrrd"
VOXELS = {
    "four_chamber_full": "cf6cfc0c",
    "atria_full": "445c691c",
}


@pytest.mark.parametrize("recipe", VOXELS)
def test_an_older_record_gives_the_recorded_voxels_again(recipe: str, tmp_path: Path) -> None:
    record = tmp_path / "then" / "run.json"
    record.parent.mkdir()
    shutil.copy(RECORDS / f"{recipe}.json", record)
    result = pycemrg("run", "--again", record, HEART, "-o", tmp_path / "now")
    assert "every voxel is the same as in" in result.stdout
    then, now = (json.loads((tmp_path / folder / "run.json").read_text()) for folder in ("then", "now"))
    volume = read_volume(tmp_path / "now" / "heart.nrrd")[0]
    assert hashlib.sha256(volume.array.tobytes()).hexdigest().startswith(VOXELS[recipe])
    assert volume.voxels_sha256() == now["output"]["voxels_sha256"] == then["output"]["voxels_sha256"]
    for before, after in zip(then["steps"], now["steps"], strict=True):
        # A choice that contracts did not have then has its default.
        choices = {"from_surface": 0} if after["step"] == "create" else {}
        contract = {**before["contract"], **choices}
        assert {**after, "seconds": 0} == {**before, "seconds": 0, "contract": contract}
    # Steps that changed nothing were said one by one.
    idle = [text.partition(" changed nothing")[0] for text in then["warnings"]]
    assert now["warnings"] == (
        [f"{', '.join(idle)} changed nothing: no voxel is where they would write"] if idle else []
    )
    for key in then.keys() - {"steps", "input", "warnings"}:
        assert (now[key].items() >= then[key].items()) if key == "output" else (now[key] == then[key])


@pytest.mark.parametrize("recipe", VOXELS)
def test_the_plan_of_an_older_record_knows_what_its_steps_made(recipe: str) -> None:
    plan = SavedRun.read(RECORDS / f"{recipe}.json").plan(load_catalogue(), Source.of(HEART))
    made = plan.blueprint
    assert {wall.wall for wall in made.walls} == ({104, 105} if recipe == "atria_full" else {2, *range(103, 108)})
    assert len(made.rings) == (7 if recipe == "atria_full" else 0)
    assert len(made.valves) == (0 if recipe == "atria_full" else 4)
