"""A finished run, for the code that works with its result."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from attrs import frozen

from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.images.structures import colours_of
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.recipes.plans import Plan
from pycemrg_core.recipes.preparation import Prepared
from pycemrg_core.recipes.run_record import RunRecord
from pycemrg_core.recipes.runner import RunResult
from pycemrg_core.runs.run_folder import Source


@frozen(kw_only=True, eq=False, slots=False)
class FinishedRun:
    """A finished run, as an output gets it. Do not change any part of it.

    ``result`` holds image and record, ``prepared`` the input of the steps, ``plan`` what ran, ``source`` the input
    file. ``kept_steps`` is the folder with the image after each step, if these were kept. ``prepared`` is None only if
    the run was read from its folder and its input no longer exists.
    """

    result: RunResult
    prepared: Prepared | None
    plan: Plan
    source: Source
    catalogue: Catalogue
    kept_steps: Path | None = None

    @property
    def record(self) -> RunRecord:
        """What ran."""
        return self.result.record

    @property
    def volume(self) -> LabelVolume:
        """The resulting label map, with its blueprint."""
        return self.result.volume

    @property
    def before(self) -> LabelVolume | None:
        """The input."""
        return self.prepared.volume if self.prepared else None

    @cached_property
    def voxels_sha256(self) -> str:
        """The hash of the result's voxels, as in ``run.json``. An output can store it to say which image it shows."""
        return self.result.volume.voxels_sha256()

    @cached_property
    def colours(self) -> Mapping[str, str]:
        """The colour, ``#rrggbb``, that label schemes give to each name."""
        return colours_of(self.catalogue)

    def name(self, label: int) -> str:
        """The name of a label; without a name, its integer as text."""
        return self.plan.names.get(label, str(label)) if label else "background"
