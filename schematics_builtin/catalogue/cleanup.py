"""Step kinds that remove islands and holes of labels, and their contracts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen

from pycemrg_core import api
from pycemrg_core.api import CONNECTIVITIES, Edit, Label, LabelVolume, Note, changes, choice, number


@frozen(kw_only=True)
class KeepLargestComponentContract:
    """``keep_largest_component``: all components of each of ``labels`` except the largest become background."""

    labels: tuple[Label, ...] = changes("LABEL_NAMES")
    connectivity: int = choice("CONNECTIVITY", CONNECTIVITIES)


@frozen(kw_only=True)
class KeepLargestStructureContract:
    """``keep_largest_structure``: voxels outside the largest component of all ``labels`` together become background."""

    labels: tuple[Label, ...] = changes("LABEL_NAMES")
    connectivity: int = choice("CONNECTIVITY", CONNECTIVITIES)


@frozen(kw_only=True)
class RemoveSmallContract:
    """``remove_small``: components of ``labels`` below a volume, except the largest of each, become background."""

    labels: tuple[Label, ...] = changes("LABEL_NAMES")
    connectivity: int = choice("CONNECTIVITY", CONNECTIVITIES)
    smaller_than_mm3: float = number("SMALLER_THAN_PARAMETER_NAME", unit="mm3", minimum=0.0)


@frozen(kw_only=True)
class FillHolesContract:
    """``fill_holes``: background inside a cavity of one of ``labels`` becomes this label."""

    labels: tuple[Label, ...] = changes("LABEL_NAMES")


@frozen(kw_only=True)
class ReassignIslandsContract:
    """``reassign_islands``: islands of ``labels`` get the label among them that they touch most."""

    labels: tuple[Label, ...] = changes("LABEL_NAMES")
    connectivity: int = choice("CONNECTIVITY", CONNECTIVITIES)


def keep_largest_component(volume: LabelVolume, contract: KeepLargestComponentContract) -> Iterator[Edit | Note]:
    """Keep the largest component of each label."""
    yield from _said(volume, api.keep_largest_component(volume, _values(contract.labels), contract.connectivity))


def keep_largest_structure(volume: LabelVolume, contract: KeepLargestStructureContract) -> Iterator[Edit | Note]:
    """Keep the largest component of several labels as one structure."""
    yield from _said(volume, api.keep_largest_structure(volume, _values(contract.labels), contract.connectivity))


def remove_small(volume: LabelVolume, contract: RemoveSmallContract) -> Iterator[Edit | Note]:
    """Remove components below a volume, but never the largest one of a label."""
    yield from _said(
        volume, api.remove_small(volume, _values(contract.labels), contract.smaller_than_mm3, contract.connectivity)
    )


def fill_holes(volume: LabelVolume, contract: FillHolesContract) -> Iterable[Edit]:
    """Fill background that a label encloses."""
    return api.fill_holes(volume, _values(contract.labels))


def reassign_islands(volume: LabelVolume, contract: ReassignIslandsContract) -> Iterator[Edit | Note]:
    """Give islands to the neighbour with the largest common surface."""
    yield from _said(volume, api.reassign_islands(volume, _values(contract.labels), contract.connectivity))


def _said(volume: LabelVolume, edits: Iterable[Edit]) -> Iterator[Edit | Note]:
    """The edits, and a note for each label that loses much by them."""
    edits = list(edits)
    yield from edits
    for label, lost, every in api.losses(volume, edits):
        yield Note(
            f"{volume.blueprint.name(label)} loses {lost:,} of its {every:,} voxels ({lost / every:.0%});"
            " see whether they are a structure of their own"
        )


def _values(labels: Iterable[Label]) -> list[int]:
    return [label.value for label in labels]
