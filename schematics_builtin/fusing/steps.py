"""The steps that do parts of a fusion: pure functions from a label volume and a contract to edits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pycemrg_core.api import Doubt, Edit, LabelVolume, Note, Zone, edit_at
from schematics_builtin.fusing.contracts import CropVesselContract, JoinContract, SplitVeinsContract
from schematics_builtin.fusing.cropping import crop
from schematics_builtin.fusing.frame import CHAMBERS, VESSELS, centres, frame_doubts, heart_frame
from schematics_builtin.fusing.joining import join as join_two
from schematics_builtin.fusing.veins import PULMONARY, split_label


def join(volume: LabelVolume, contract: JoinContract) -> Iterable[Edit]:
    """Give the gaps between the first label and each of the others to the nearer of both."""
    there = [label.value for label in contract.labels if label.value in volume.boxes]
    for other in there[1:]:
        yield from join_two(volume, there[0], other, contract.gap_mm)


def crop_vessel(volume: LabelVolume, contract: CropVesselContract) -> Iterable[Edit]:
    """Cut vessels off where they are a given way from their root."""
    for vessel in contract.vessels:
        if vessel.value in volume.boxes:
            root, length = contract.root.value, contract.length_mm
            yield from crop(volume, vessel.value, root, length, whole_end=bool(contract.whole_end))


def split_veins(volume: LabelVolume, contract: SplitVeinsContract) -> Iterator[Edit | Note | Doubt]:
    """Divide the one label of the pulmonary veins into four veins, or say what is doubtful."""
    chambers = (contract.left_ventricle, contract.right_ventricle, contract.atrium, contract.right_atrium)
    vessels = [label for label in contract.great_vessels if label.value in volume.boxes][:2]
    labels = zip((*CHAMBERS, *VESSELS), (*chambers, *vessels), strict=False)
    frame = heart_frame(centres(volume, {name: label.value for name, label in labels}))
    if contract.veins.value not in volume.boxes:
        return
    if frame is None:
        yield Doubt("vein-order", "chambers and great vessels do not show which way is up: no vein can be named")
        return
    yield from frame_doubts(frame)
    atrium = [contract.atrium.value, *(one.value for one in contract.appendage if one.value in volume.boxes)]
    split = split_label(volume, contract.veins.value, atrium, frame, volume.blueprint.accepted)
    yield from split.doubts
    yield from map(Note, split.notes)
    region = volume.region(contract.veins.value)
    yield edit_at(Zone(region, volume.mask(contract.veins.value, region)).places, 0)
    names = (contract.left_upper, contract.left_lower, contract.right_upper, contract.right_lower)
    labels_of = {name: label.value for name, label in zip(PULMONARY, names, strict=True)}
    for vein in split.veins:
        yield edit_at(vein.places, labels_of[vein.name])
