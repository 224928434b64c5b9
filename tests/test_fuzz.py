"""Damaged inputs of all kinds: a small sample of what ``python tests/fuzz.py`` does."""

from __future__ import annotations

import os
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")]

for library in (
    "meshio",
    "nibabel",
    "nrrd",
    "pyvista",
    "pycemrg_cohort",
    "pycemrg_augment",
    "pycemrg_spatial",
    "pycemrg_dicom",
):
    pytest.importorskip(library, reason=f"{library} is not installed")
fuzz = pytest.importorskip("fuzz", reason="no fork")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Inputs of all kinds, made once."""
    return fuzz.Fuzz(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("kind", fuzz.KINDS_ALL)
def test_damaged_inputs_are_read_rightly_or_refused(whole: Any, kind: str) -> None:
    for _, outcome, told in whole.survey(inputs=12, seed=7, kinds=(kind,)):
        assert outcome not in fuzz.BAD, f"{outcome}: {told}"
