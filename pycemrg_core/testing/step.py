"""Checks of a step kind: a pure function of a label volume and a contract that does only what the contract says."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pytest

from pycemrg_core.api import contracts, documents
from pycemrg_core.api.records import Step
from pycemrg_core.cli.faults import record_faults
from pycemrg_core.errors import DocumentError, StepError
from pycemrg_core.images.edits import Doubt, Edit, Note, WorkingVolume
from pycemrg_core.images.label_volume import LabelArray, LabelVolume
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.testing import volumes
from pycemrg_core.testing.base import Conformance, describe, fail, require, who
from pycemrg_core.testing.contract import generic_contract, image_labels, ready_volume, renumbered
from pycemrg_core.testing.volumes import CASES, ROTATIONS

_MORE = 300  # beyond uint8

each_case = pytest.mark.parametrize("case", CASES)
each_rotation = pytest.mark.parametrize("rotation", ROTATIONS)


class StepConformance(Conformance):
    """The steps of a plugin, each with a generic contract on small label maps.

    Override the fixture ``contract`` when your step needs particular values, and ``volume`` when it does something
    only on a particular image. The volume has the blueprint that follows from the contract, and each snapshot that
    the contract names is the volume itself, unless yours brings them. ``depends_on_axes`` names the steps that may
    treat the axes differently.
    """

    kind = Step
    depends_on_axes: Collection[str] = ()

    @pytest.fixture
    def contract(self, record: Step, catalogue: Catalogue) -> Any:
        """The contract to check with: labels from 1, walls of 2.6 mm, other numbers 3."""
        if list(record_faults(record, catalogue)):
            pytest.skip("its function or contract cannot be used")
        return generic_contract(record.contract.load())

    @pytest.fixture
    def volume(self, contract: Any) -> LabelVolume:
        """A label map on which the step is expected to change something."""
        return volumes.ordinary_volume(image_labels(contract))

    def test_its_function_and_contract_fit(self, record: Step, catalogue: Catalogue) -> None:
        """The function takes (volume, contract). The contract is a frozen class, and each field has a role."""
        faults = list(record_faults(record, catalogue))
        require(not faults, f"{who(record)}: {'; '.join(faults)}")

    def test_its_contract_round_trips(self, record: Step, contract: Any) -> None:
        """The contract is the same after it is written as plain data and read again."""
        try:
            again = documents.from_data(documents.to_data(contract), type(contract))
        except DocumentError as error:
            again = str(error)
        require(
            again == contract,
            f"{who(record)}: {contract} written as data and read again is {again}; "
            "give every field the type that its function makes (Label, float, int, tuple[...])",
        )

    @each_case
    def test_it_runs(self, record: Step, contract: Any, case: str) -> None:
        """It works on every label map. Where there is nothing to do, it returns no edit."""
        volume = ready_volume(CASES[case](image_labels(contract)), contract)
        try:
            list(record.run.load()(volume, contract))
        except (Exception, SystemExit) as error:
            fail(
                f"{who(record)} raised {describe(error)} on the label map {case!r} of shape {volume.array.shape}; "
                "the volume is read-only, and where there is nothing to do a step returns no edit",
            )

    @each_case
    def test_its_edits_fit(self, record: Step, contract: Any, case: str) -> None:
        """It returns edits, with a boolean mask of the region's shape, inside the image."""
        volume = ready_volume(CASES[case](image_labels(contract)), contract)
        for edit in _edits(record, volume, contract):
            require(isinstance(edit, Edit), f"{who(record)} returned {edit!r:.80}, not an Edit")
            try:
                _working(volume, contract).apply([edit])
            except StepError as error:
                fail(f"{who(record)} on the label map {case!r}: {error}")

    @each_case
    def test_it_writes_what_it_declares(self, record: Step, contract: Any, case: str) -> None:
        """It writes only labels that the contract writes or changes, and background if the contract allows it."""
        written = contracts.writable_values(contract)
        volume = ready_volume(CASES[case](image_labels(contract)), contract)
        edits = _edits(record, volume, contract)
        other = {edit.label for edit in edits if isinstance(edit, Edit)} - written
        require(
            not other,
            f"{who(record)} writes {_list(other)} on the label map {case!r}, but its contract declares only "
            f"{_list(written)}; declare the label with writes(), changes() or writes_background()",
        )

    @each_case
    def test_it_leaves_its_input_alone(self, record: Step, contract: Any, case: str) -> None:
        """The voxels, the boxes and the contract do not change."""
        volume = ready_volume(CASES[case](image_labels(contract)), contract)
        voxels, boxes, plain = volume.array.tobytes(), volume.boxes, documents.to_data(contract)
        _edits(record, volume, contract)
        for what, same in (
            ("voxels", volume.array.tobytes() == voxels),
            ("boxes", volume.boxes == boxes),
            ("contract", documents.to_data(contract) == plain),
        ):
            require(same, f"{who(record)} changes the {what} it is given ({case!r}); return edits instead")

    def test_it_changes_something(self, record: Step, contract: Any, volume: LabelVolume) -> None:
        """It changes a voxel of an ordinary label map. Otherwise the other checks would prove little."""
        require(
            not np.array_equal(_grown(record, volume, contract), volume.array),
            f"{who(record)} changes no voxel of a label map that holds every label it reads; "
            "override the fixtures 'contract' or 'volume' with values for which it does",
        )

    def test_it_repeats_itself(self, record: Step, contract: Any, volume: LabelVolume) -> None:
        """The same input gives the same result."""
        first, again = (_grown(record, volume, contract) for _ in range(2))
        differing = np.count_nonzero(first != again)
        require(
            not differing,
            f"{who(record)} gives another result for the same input ({differing} voxels); "
            "it must depend only on its arguments",
        )

    @each_rotation
    def test_it_is_the_same_along_every_axis(
        self, record: Step, contract: Any, volume: LabelVolume, rotation: str
    ) -> None:
        """A heart stored with its axes in another order or direction gives the same result."""
        if record.name in self.depends_on_axes:
            pytest.skip("it depends on the axes")
        expected = ROTATIONS[rotation](_steady(record, volume, contract))
        found = _grown(record, volumes.rotated(rotation, volume), contract)
        differing = np.count_nonzero(expected != found)
        require(
            not differing,
            f"{who(record)} gives another result when the image is stored with {rotation} ({differing} voxels); "
            "measure in mm with volume.spacing, in (z, y, x) order, or name it in depends_on_axes",
        )

    def test_it_takes_labels_beyond_255(self, record: Step, contract: Any, volume: LabelVolume) -> None:
        """Labels that need uint16 give the same result as small ones."""
        small = _steady(record, volume, contract)
        dtype = np.min_scalar_type(max(int(volume.array.max()), int(small.max())) + _MORE)
        expected = _more(small, dtype)
        found = _grown(record, _renumbered(volume, dtype), renumbered(contract, _MORE))
        differing = np.count_nonzero(found != expected)
        require(
            not differing,
            f"{who(record)} gives another result when all labels are larger by {_MORE} ({differing} voxels); "
            "keep the image's pixel type and do not use labels as numbers",
        )


def _more(array: LabelArray, dtype: np.dtype[Any]) -> LabelArray:
    return np.where(array > 0, array.astype(dtype) + _MORE, 0).astype(dtype)


def _renumbered(volume: LabelVolume, dtype: np.dtype[Any]) -> LabelVolume:
    snapshots = {name: _renumbered(kept, dtype) for name, kept in volume.snapshots.items()}
    return LabelVolume(_more(volume.array, dtype), volume.spacing, snapshots=snapshots)


def _edits(record: Step, volume: LabelVolume, contract: Any) -> tuple[Any, ...]:
    """What the step returns. If it cannot run, another test reports it."""
    try:
        returned = record.run.load()(volume, contract)
        return tuple(one for one in returned if not isinstance(one, (Doubt, Note)))
    except (Exception, SystemExit) as error:
        pytest.skip(f"it does not run: {describe(error)}")


def _working(volume: LabelVolume, contract: Any) -> WorkingVolume:
    """A copy whose type can hold all labels that the contract writes."""
    written = contracts.writable_values(contract)
    dtype = np.promote_types(volume.array.dtype, np.min_scalar_type(max(written, default=0)))
    return WorkingVolume(volume, dtype)


def _grown(record: Step, volume: LabelVolume, contract: Any) -> LabelArray:
    """The label map after the step, computed on a copy."""
    work = _working(volume, contract)
    given = volume.with_array(volume.array.copy())
    given.snapshots.update(volume.snapshots)
    edits = _edits(record, ready_volume(given, contract), contract)
    try:
        work.apply(edits)
    except (StepError, AttributeError) as error:
        pytest.skip(f"its edits do not fit: {describe(error)}")
    return work.array


def _steady(record: Step, volume: LabelVolume, contract: Any) -> LabelArray:
    """The label map after a repeatable step. If it is not repeatable, another test reports it."""
    first, again = (_grown(record, volume, contract) for _ in range(2))
    if not np.array_equal(first, again):
        pytest.skip("it does not repeat itself")
    return first


def _list(labels: Collection[int]) -> str:
    return ", ".join(map(str, sorted(labels))) or "none"
