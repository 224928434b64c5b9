"""The record of a run: its steps, what each step changed, and everything needed to run it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from pycemrg_core.images.conversion import Conversion
from pycemrg_core.images.padding import Padding
from pycemrg_core.plugins.loading import Found
from pycemrg_core.recipes.plans import LeftOut
from pycemrg_core.shown.objects import ShownRecord


@frozen(kw_only=True)
class LedgerEntry:
    """How many voxels a step changed from the label ``old`` to ``new``, and their volume.

    A step that does several things names them: ``part``.
    """

    old: int
    old_name: str
    new: int
    new_name: str
    voxels: int
    mm3: float
    part: str = ""


@frozen(kw_only=True)
class StepRecord:
    """What one step did: its contract, its provider, how long it took and its ledger.

    ``snapshots`` are the names under which the image before the step was kept, ``notes`` the messages of the step.
    """

    name: str
    step: str
    provider: str
    contract: Any
    seconds: float
    ledger: tuple[LedgerEntry, ...]
    snapshots: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def voxels(self) -> int:
        """How many voxels changed."""
        return sum(entry.voxels for entry in self.ledger)


@frozen(kw_only=True, repr=False)
class RunRecord(ShownRecord):
    """What ran, with everything needed to run it again.

    ``image`` is the geometry of the input, before the ``padding``. ``left_out`` are the entries that did not run.
    """

    recipe: str
    image: Mapping[str, Any]
    dtype: str
    labels: Mapping[str, int]
    parameters: Mapping[str, float]
    providers: tuple[Found, ...]
    steps: tuple[StepRecord, ...]
    conversion: Conversion | None = None
    padding: Padding | None = None
    warnings: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    then: tuple[str, ...] = ()
