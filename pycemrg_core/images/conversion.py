"""Convert an image that uses the integers of another label scheme, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from pycemrg_core.api.records import LabelScheme
from pycemrg_core.images.label_volume import LabelVolume


@frozen(kw_only=True)
class ConvertedLabel:
    """One structure of a converted image: its integer before and after, and how many voxels it has."""

    name: str
    old: int
    new: int
    voxels: int


@frozen(kw_only=True)
class Conversion:
    """How the integers of an image in another scheme were replaced by the integers of the recipe."""

    scheme: str
    labels: tuple[ConvertedLabel, ...]

    @property
    def mapping(self) -> dict[int, int]:
        """Old integers to new ones."""
        return {label.old: label.new for label in self.labels}


def convert(volume: LabelVolume, scheme: LabelScheme, target: Mapping[str, int]) -> tuple[LabelVolume, Conversion]:
    """The label map with the integers of ``target`` for the structures of ``scheme``, matched by name.

    A structure that is not in the target keeps its integer if the target does not use it; otherwise it gets a free
    one. Raises :class:`LabelError` when the image has an integer that is not in the scheme and is needed for a label.
    """
    from pycemrg_core.images.remap import LabelRemapper, remap_volume  # here: few runs convert

    there = {0, *volume.boxes}
    present = {name: value for name, value in scheme.labels.items() if value in there}
    wanted = dict(target)
    taken = {*target.values(), *there}
    for name, value in present.items():
        if name not in wanted:
            free = value if value not in target.values() else next(v for v in range(1, 2**16) if v not in taken)
            wanted[name] = free
            taken.add(free)
    remapper = LabelRemapper.between(present, wanted)
    report = remapper.report(volume.array)
    names = {value: name for name, value in scheme.labels.items()}
    return remap_volume(volume, remapper), Conversion(
        scheme=scheme.name,
        labels=tuple(
            ConvertedLabel(name=names[change.old], old=change.old, new=change.new, voxels=change.voxels)
            for change in report.mapped
        ),
    )


def convert_again(volume: LabelVolume, conversion: Conversion) -> LabelVolume:
    """The label map, converted in the same way as before."""
    from pycemrg_core.images.remap import LabelRemapper, remap_volume

    return remap_volume(volume, LabelRemapper(conversion.mapping))
