"""Whether what was read, and what became of it, can be the structures of a heart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from pycemrg_core.api import Doubt, LabelVolume, as_region, intersect, shift
from schematics_builtin.fusing.choices import ATRIUM, CHAMBERS, HEART, PULMONARY
from schematics_builtin.fusing.sources import Source
from schematics_builtin.labels import contradictions

_BORDER = 0.5  # of the voxels at the border of an image: no structure holds so many
_CHAMBER_ML = (2.0, 1000.0)
_HEART_ML = (20.0, 3000.0)
_VESSEL_ML = (0.0, 1500.0)
_ROOT_MM2 = 20.0
"""Less contact than this is no opening."""
_BESIDE = 3.0
"""A vessel touches a chamber that it passes by up to so many times as much as the one that it opens into."""


def implausible(sources: Iterable[Source]) -> Iterator[Doubt]:
    """Masks of the background, and structures of a size that none has."""
    for source in sources:
        voxel_ml = float(np.prod(source.grid.spacing)) / 1000
        for name, zone in source.masks.items():
            who = f"{name.removesuffix('_label')} of {source.name}"
            border = _border_share(source, name)
            if border > _BORDER:
                yield Doubt(
                    "inverted-mask",
                    f"{who} holds {border:.0%} of the border of its image; its background seems to be marked",
                )
                continue
            least, most = _CHAMBER_ML if name in CHAMBERS else _HEART_ML if name == HEART else _VESSEL_ML
            ml = float(zone.mask.sum()) * voxel_ml
            if not least <= ml <= most:
                between = f"between {least:g} and {most:g} mL" if least else f"at most {most:g} mL"
                yield Doubt(
                    "implausible-size",
                    f"{who} has {ml:,.2g} mL, {between} were expected; look at it, and at the spacing in the header"
                    if ml < 100
                    else f"{who} has {ml:,.0f} mL, {between} were expected; look at it, and at the spacing in the"
                    " header",
                )


def larger_than_the_atrium(sources: Iterable[Source]) -> Iterator[Doubt]:
    """Pulmonary veins, each with its own name, that are larger than the atrium: anatomy does not see it once they are
    cut to their length.
    """
    for source in sources:
        if ATRIUM not in source.masks:
            continue
        size = int(source.masks[ATRIUM].mask.sum())
        for name in PULMONARY:
            if name in source.masks and int(source.masks[name].mask.sum()) > size:
                vein, atrium = (one.removesuffix("_label") for one in (name, ATRIUM))
                yield Doubt(
                    "exchanged-labels",
                    f"{vein} of {source.name} is larger than {atrium}: they seem to be exchanged; correct the names in"
                    " its source",
                )


def _border_share(source: Source, name: str) -> float:
    """The part of the voxels at the border of an image that a structure holds."""
    zone, shape = source.masks[name], source.grid.shape
    inner = intersect(as_region(slice(1, max(size - 1, 1)) for size in shape), zone.region)
    inside = int(zone.mask[shift(inner, zone.region)].sum())
    border = float(np.prod(shape) - np.prod([max(size - 2, 0) for size in shape]))
    return (int(zone.mask.sum()) - inside) / border


def contradicted(volume: LabelVolume, labels: Mapping[str, int], *, mirrored: bool) -> Iterator[Doubt]:
    """What the anatomy of a fused heart says against its names. ``mirrored``: that it is so was said already."""
    for one in contradictions(volume, labels, {}):
        if not (mirrored and one.doubt == "situs-inversus"):
            advice = "; correct the names in its source" if one.advice else ""
            yield Doubt(one.doubt or "anatomy", f"{one.what}{advice}")


def wrong_roots(volume: LabelVolume, labels: Mapping[str, int], roots: Mapping[str, str]) -> Iterator[Doubt]:
    """Vessels that open into another chamber than the one that they come from."""
    chambers = {root for root in roots.values() if root in labels}
    mm2 = volume.voxel_mm3 ** (2 / 3)
    for vessel in (name for name in roots if name in labels):
        own = roots[vessel]
        contact = {name: len(volume.touching(labels[vessel], labels[name])) * mm2 for name in sorted(chambers)}
        most = max(contact, key=lambda name: contact[name], default=own)
        if contact.get(most, 0.0) > max(_BESIDE * contact.get(own, 0.0), _ROOT_MM2):
            short = [name.removesuffix("_label") for name in (vessel, most, own)]
            yield Doubt(
                "wrong-root",
                f"{short[0]} touches {short[1]} by {contact[most]:.0f} mm2, and {short[2]}, which it comes from, by"
                f" {contact.get(own, 0.0):.0f} mm2; correct the names in its source",
            )
