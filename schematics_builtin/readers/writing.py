"""Write the names of labels into the image file that holds them, where its format has a place for them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from attrs import evolve

from pycemrg_core import Catalogue, colours_of
from pycemrg_core.api import Extras, LabelVolume, Segment, Structure
from schematics_builtin.readers import nifti_table, slicer


def segments_of(names: Mapping[int, str], catalogue: Catalogue, own: Iterable[Segment] = ()) -> list[Segment]:
    """Segments with these names, and the colours and codes of the structures that they are.

    ``own`` are the segments of the source: what is in it keeps its name and colour, and codes where
    its structure has none.
    """
    known = {one.name: one.record for one in catalogue.all(Structure)}
    colours = colours_of(catalogue)
    before = {one.structure or one.name: one for one in own}
    found = []
    for value, name in names.items():
        code = known[name].snomed if name in known else ""
        usual = Segment(
            value=value, name=name, colour=colours.get(name, "").lower(), codes=(code,) if code else (), structure=name
        )
        one = before.get(name, usual)
        found.append(evolve(usual, name=one.name, colour=one.colour or usual.colour, codes=usual.codes or one.codes))
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
