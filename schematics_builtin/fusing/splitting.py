"""Tell the pulmonary veins of a label map apart, without anything else of a fusion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from pycemrg_core.api import (
    AnyImage,
    Blueprint,
    Doubt,
    Edit,
    Label,
    LabelError,
    LabelVolume,
    Note,
    PlanError,
    WorkingVolume,
    volume_given,
)
from schematics_builtin.fusing.choices import APPENDAGE, ATRIUM, PULMONARY
from schematics_builtin.fusing.contracts import SplitVeinsContract
from schematics_builtin.fusing.doubts import unknown_doubts
from schematics_builtin.fusing.fusion import refuse
from schematics_builtin.fusing.plugin import VEIN_DOUBTS
from schematics_builtin.fusing.steps import split_veins as split_step

_CHAMBERS = ("LV_BP_label", "RV_BP_label", "RA_BP_label", ATRIUM)
_VESSELS = ("Ao_BP_label", "PArt_BP_label")


def split_veins(
    image: AnyImage, labels: Mapping[str, int], veins: int, accept: Iterable[str] = ()
) -> tuple[LabelVolume, tuple[str, ...]]:
    """Divide the one label ``veins`` into the four pulmonary veins, and return the label map with notes for the user.

    ``image`` is a label map or its path. ``labels`` are integers by structure name: those of the image, and of the
    four veins to write. ``accept`` are doubts that are no reason against it.

    Raises :class:`LabelError` for a structure that is missing, and :class:`PlanError` with every reason against it.
    """
    accepted = (accept,) if isinstance(accept, str) else tuple(accept)
    if problems := list(unknown_doubts(accepted, VEIN_DOUBTS, "split-veins")):
        raise PlanError("what is to be accepted is unknown:", problems)
    volume = volume_given(image)
    if missing := [name for name in _CHAMBERS if labels.get(name) not in volume.boxes]:
        names = ", ".join(name.removesuffix("_label") for name in missing)
        raise LabelError(f"the image has no {names}; veins are named by how all four chambers lie")
    if veins not in volume.boxes:
        raise LabelError(f"the image has no label {veins}; name the one label of all pulmonary veins")
    if taken := [name for name in PULMONARY if labels[name] in volume.boxes and labels[name] != veins]:
        names = ", ".join(f"{name.removesuffix('_label')} ({labels[name]})" for name in taken)
        raise LabelError(f"the image has {names} already; give the veins other integers, or remove these labels first")
    yielded = list(split_step(volume.with_blueprint(Blueprint(accepted=accepted)), _contract(volume, labels, veins)))
    doubts = [one for one in yielded if isinstance(one, Doubt)]
    refuse("the veins are not told apart:", doubts, accepted)
    largest = max(labels[name] for name in PULMONARY)
    work = WorkingVolume(volume, np.promote_types(volume.array.dtype, np.min_scalar_type(largest)))
    work.apply(one for one in yielded if isinstance(one, Edit))
    notes = [one.text for one in yielded if isinstance(one, Note)]
    return work.frozen(), (*notes, *(f"{one.text} (accepted)" for one in doubts))


def _contract(volume: LabelVolume, labels: Mapping[str, int], veins: int) -> SplitVeinsContract:
    def label(name: str) -> Label:
        return Label(name, labels[name])

    def there(*names: str) -> tuple[Label, ...]:
        return tuple(label(name) for name in names if labels.get(name) in volume.boxes)

    left_ventricle, right_ventricle, right_atrium, atrium = map(label, _CHAMBERS)
    left_upper, left_lower, right_upper, right_lower = map(label, PULMONARY)
    return SplitVeinsContract(
        veins=Label("veins", veins),
        atrium=atrium,
        appendage=there(APPENDAGE),
        left_ventricle=left_ventricle,
        right_ventricle=right_ventricle,
        right_atrium=right_atrium,
        great_vessels=there(*_VESSELS),
        left_upper=left_upper,
        left_lower=left_lower,
        right_upper=right_upper,
        right_lower=right_lower,
    )
