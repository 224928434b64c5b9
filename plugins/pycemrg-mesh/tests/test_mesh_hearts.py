"""Real hearts: the closed one passes, and the faults of an unrepaired one are those that its certificate counts."""

from __future__ import annotations

import numpy as np
import pytest
from pycemrg_mesh import mesh_heart
from pycemrg_mesh.faces import faces_of
from pycemrg_mesh.surfaces import surfaces_of

from pycemrg_core import load_catalogue, read_volume, run_recipe
from pycemrg_core.api import Heart, LabelVolume
from schematics_builtin.demo import heart_file

CATALOGUE = load_catalogue()


def grown(recipe: str, heart: LabelVolume) -> Heart:
    return Heart(volume=run_recipe(recipe, heart, CATALOGUE).volume)


def every_other_voxel(heart: LabelVolume) -> LabelVolume:
    array, (z, y, x) = heart.array[::2, ::2, ::2].copy(), heart.spacing
    return LabelVolume(array, (2 * z, 2 * y, 2 * x), origin=heart.origin, direction=heart.direction)


@pytest.mark.slow
def test_the_closed_heart_passes() -> None:
    found = mesh_heart(
        grown("four_chamber_closed", read_volume(heart_file())[0]), CATALOGUE, tags="cemrg-mesh"
    ).certificate
    assert found.verdict == "PASS", found.statement
    assert [one.tag for one in sorted(found.labels, key=lambda one: one.tag)] == [*range(1, 25)]
    assert {one.name for one in found.surfaces} == {
        "epicardium", "LV_endocardium", "RV_endocardium", "LA_endocardium", "RA_endocardium",
    }  # fmt: skip
    assert found.scaled_jacobian.smallest >= 0.1
    assert max(abs(one.mm3 / one.voxels_mm3 - 1) for one in found.labels) < 0.02


@pytest.mark.slow
def test_the_faults_of_an_unrepaired_heart_are_those_of_its_certificate() -> None:
    heart = grown("four_chamber_full", every_other_voxel(read_volume(heart_file())[0]))
    made = mesh_heart(heart, CATALOGUE, rounds=0, force=True)
    surfaces = surfaces_of(faces_of(made.mesh.tetrahedra).boundary)
    pinches = heart.adjacency.pinches(heart.meshed)
    assert pinches.edges > 2000
    assert (len(surfaces.edges), len(surfaces.nodes)) == (pinches.edges, pinches.corners)
    labels = heart.components.label
    pieces = {one.label: one.pieces for one in made.certificate.labels}
    assert pieces == {label: int(np.count_nonzero(labels == label)) for label in heart.meshed}
    assert not made.certificate.passed
