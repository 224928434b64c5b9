"""Write the names of labels into the image file that holds them, where its format has a place for them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from pycemrg_core import Catalogue, colours_of
from pycemrg_core.api import Extras, LabelVolume, Segment, Structure
from schematics_builtin.readers import nifti_table, slicer


def segments_of(names: Mapping[int, str], catalogue: Catalogue) -> list[Segment]:
    """Segments with these names, and the colours and codes of the structures that they are."""
    known = {one.name: one.record for one in catalogue.all(Structure)}
    colours = colours_of(catalogue)
    found = []
    for value, name in names.items():
        code = known[name].snomed if name in known else ""
        colour = colours.get(name, "").lower()
        found.append(Segment(value=value, name=name, colour=colour, codes=(code,) if code else ()))
    return found


def named_extras(path: str | os.PathLike[str], volume: LabelVolume, segments: Iterable[Segment]) -> Extras:
    """What :func:`pycemrg_core.write_volume` must add to the file for the names of its labels.

    NIfTI gets a label table, ``.seg.nrrd`` the segments of 3D Slicer, other files nothing. Segments without a voxel in
    ``volume`` are left out.
    """
    name = os.fspath(path).lower()
    present = sorted((one for one in segments if one.value in volume.boxes), key=lambda one: one.value)
    if present and name.endswith((".nii", ".nii.gz")):
        return Extras(extensions=(nifti_table.as_extension(present),))
    if present and name.endswith(".seg.nrrd"):
        z, y, x = volume.array.shape
        return Extras(pairs=slicer.as_pairs(present, (x, y, z)))
    return Extras()
