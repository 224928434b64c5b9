"""Repair leaks, holes and loose voxels in a grown heart by rule, and say what changed.

Loose voxels and enclosed background are settled; open lumens get walls and touching lumens are separated; then pinches
are filled. If it is asked for, narrow gaps are filled and labels are welded after that. All but walls and leaks is done
by the kernel of the step ``manifold``. After that only what changed is looked at again, until nothing changes. No
structure of blood gains or loses more than a given share of its volume. The command and the step of a recipe use the
same code, but the step cannot enlarge the image, and changes only the labels of its contract.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import attrs
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_core import Catalogue, LedgerEntry
from pycemrg_core.api import (
    AnyImage,
    Blueprint,
    Edit,
    Finding,
    Heart,
    Ints,
    Label,
    LabelError,
    LabelVolume,
    Note,
    Padding,
    Severity,
    Shown,
    WorkingVolume,
    as_region,
    changes,
    choice,
    counted,
    html_table,
    image_of,
    number,
    slack,
    volume_given,
)
from schematics_builtin.certificate.certification import Certificate, certify
from schematics_builtin.certificate.groups import Group
from schematics_builtin.certificate.hearts import heart_of
from schematics_builtin.certificate.repair_limits import Limits, Refusal
from schematics_builtin.certificate.repair_rules import LEAK, WALL, Fix, further_openings, openings
from schematics_builtin.manifold import ENCLOSED, GAP, LOOSE, PINCH, WELD, Manifold, Mend, net_edits

if TYPE_CHECKING:
    import SimpleITK as sitk

LIMIT_PERCENT = 2.0
MOST_GAP_MM = 20.0
MOST_ROUNDS = 20
_TABLE = 2**24  # the integers that tables of the rules have a place for
_TILE = 16  # voxels; what changed is looked at again in boxes of about this size

# The rules that can mend what a check finds; for checks that are not here, any rule.
_RULES_FOR = {
    "closed_lumens": (LEAK, WALL),
    "components": (LOOSE,),
    "edge_contact": (PINCH, WELD),
    "holes": (ENCLOSED, LOOSE),
    "image_border": (),
    "lumen_contact": (LEAK,),
    "lumen_open": (WALL,),
    "narrow_gap": (GAP,),
    "not_made": (),
    "open_end": (WALL,),
    "ring_loop": (),
    "tag_range": (),
    "tunnels": (GAP,),
    "valve_seal": (LEAK,),
    "wall_thickness": (WALL,),
}


def is_repaired(check: str) -> bool:
    """Whether a rule may repair what a check finds; of a check of another plugin one cannot know."""
    return _RULES_FOR.get(check) != () or check == "image_border"


def repair_options(group: Group) -> str | None:
    """The options with which ``pycemrg repair`` mends what a check of ours found; None when no rule does."""
    rules = _RULES_FOR.get(group.check.name, ())
    if GAP in rules:
        widths = [one.mm for one in group.findings if one.mm]
        return f"--gap {max(widths):g}" if widths else None
    if WELD in rules and group.severity is Severity.WARNING:
        return "--weld"
    return "" if rules or group.check.name == "image_border" else None


@frozen(kw_only=True)
class RepairEntry:
    """The voxels that one rule changed from one label to another, over all rounds."""

    rule: str
    change: LedgerEntry


@frozen(kw_only=True, eq=False, repr=False)
class Repair(Shown):
    """The repaired label map, what changed, what was not done for the limit's sake, and the new certificate.

    ``padding`` are the voxels added to the image at the low and high end of each axis (x, y, z).
    """

    volume: LabelVolume
    ledger: tuple[RepairEntry, ...]
    padding: tuple[tuple[int, int, int], tuple[int, int, int]]
    refused: tuple[Refusal, ...]
    certificate: Certificate

    @property
    def image(self) -> sitk.Image:
        """The label map as a SimpleITK image."""
        return image_of(self.volume)

    @property
    def in_short(self) -> str:
        """The verdict after the repair, how many voxels changed, and how many changes were refused."""
        changed = counted(sum(entry.change.voxels for entry in self.ledger), "voxel")
        return f"{changed} changed, {len(self.refused)} refused; {self.certificate.in_short}"

    def _repr_html_(self) -> str:
        columns = ("rule", "from", "to", "voxels")
        rows = [(one.rule, one.change.old_name, one.change.new_name, one.change.voxels) for one in self.ledger]
        refused = [f"not repaired: {one}" for one in dict.fromkeys(map(str, self.refused))]
        return html_table(self.in_short, columns, rows, notes=refused)

    @property
    def left(self) -> tuple[Finding, ...]:
        """The errors that no rule could repair."""
        return self.certificate.of(Severity.ERROR)

    def reasons(self, finding: Finding) -> tuple[str, ...]:
        """The changes that would have mended what a check still finds, and why they were not made."""
        rules, about = _RULES_FOR.get(finding.check), set(finding.values)
        # The last of several rounds says how much it would have been in all.
        found = {
            (one.rule, one.labels): str(one)
            for one in self.refused
            if (rules is None or one.rule in rules) and (not about or about & one.touched)
        }
        return tuple(found.values())


def repair(
    image: AnyImage,
    catalogue: Catalogue,
    asked: Blueprint,
    *,
    limit_percent: float = LIMIT_PERCENT,
    gap_mm: float = 0.0,
    weld: bool = False,
    name: str = "",
    told: Callable[[str], None] = lambda _: None,
) -> Repair:
    """Repair a label map, or that of a path. The given image is not changed, nor is its file.

    Raises :class:`LabelError` when ``limit_percent`` is not from 0 to 100, ``gap_mm`` not from 0 to 20, or a label over
    16 million: tables of the rules have a place for each integer.

    ``limit_percent``: no lumen gains or loses more than this share of its volume or ten voxels, and a component with
    more than this share of its label is not treated as loose. Repairs beyond the limit are not made. With a limit of 0,
    the blood does not change.

    ``gap_mm``: background between walls that is thinner than this becomes the tissue beside it, and the certificate
    looks for such gaps. ``weld``: where voxels of one label meet by an edge or corner only, a voxel between them gets
    another label. ``told`` is told what is being done, for a line of progress.
    """
    if not 0 <= limit_percent <= 100:
        raise LabelError(f"the limit is {limit_percent:g} %; give a number from 0 to 100")
    if not 0 <= gap_mm <= MOST_GAP_MM:
        raise LabelError(f"the gap is {gap_mm:g} mm; give a number from 0 to {MOST_GAP_MM:g}")
    asked = attrs.evolve(asked, edge_mm=gap_mm or asked.edge_mm)
    volume = volume_given(image, catalogue)
    heart = heart_of(volume, asked)
    low, high = ((int(x), int(y), int(z)) for z, y, x in zip(*_pads(heart), strict=True))
    work = WorkingVolume(Padding(low=low, high=high).add_to(heart.volume), _dtype(heart))
    mends, refused = _repaired(attrs.evolve(heart, volume=work), limit_percent, gap_mm=gap_mm, weld=weld, told=told)
    work.apply(net_edits(mends))
    again = heart_of(work.frozen(), asked)
    told("certifying ...")
    return Repair(
        volume=again.volume,
        ledger=tuple(_entries(mends, again)),
        padding=(low, high),
        refused=refused,
        certificate=certify(again, catalogue, name=name, voxels_sha256=again.volume.voxels_sha256()),
    )


@frozen(kw_only=True)
class RepairCreationContract:
    """The labels that the step may change, the most that a structure of blood may gain or lose, in percent, the gaps
    to fill, and whether labels are welded."""

    labels: tuple[Label, ...] = changes("LABEL_NAMES")
    limit_percent: float = number("LIMIT_PARAMETER_NAME", unit="%", between=(0.0, 100.0))
    gap_mm: float = number("GAP_PARAMETER_NAME", unit="mm", between=(0.0, MOST_GAP_MM))
    weld: int = choice("WELD", (0, 1))


def repair_step(volume: LabelVolume, contract: RepairCreationContract) -> Iterator[Edit | Note]:
    """Repair the heart in its current state; see :func:`repair`. Each rule has its part of the ledger."""
    heart = Heart(volume=volume)
    allowed = frozenset({0, *(label.value for label in contract.labels)})
    mends, refused = _repaired(heart, contract.limit_percent, allowed, gap_mm=contract.gap_mm, weld=bool(contract.weld))
    yield from net_edits(mends)
    for text in dict.fromkeys(map(str, refused)):
        yield Note(f"not repaired: {text}")
    if np.any(_pads(heart)):
        yield Note(
            "the heart touches the border of the image, and a step cannot enlarge the image; pad it, or use"
            " 'pycemrg repair'"
        )


def _repaired(
    heart: Heart,
    limit_percent: float,
    allowed: frozenset[int] | None = None,
    *,
    gap_mm: float,
    weld: bool,
    told: Callable[[str], None] = lambda _: None,
) -> tuple[list[Mend], tuple[Refusal, ...]]:
    """Apply the rules in rounds until nothing changes; what changed, and what was refused and is still so."""
    volume = heart.volume
    if not volume.boxes:
        return [], ()
    if (largest := max(volume.boxes)) >= _TABLE:
        raise LabelError(
            f"the label {largest} is too large to repair; give integers under {_TABLE:,} with 'pycemrg labels remap'"
        )
    had = {label: _count(volume, label) for label in volume.boxes}
    limits = Limits(limit_percent / 100, had, heart.blueprint, allowed)
    asked = heart.blueprint
    made = {wall.wall for wall in asked.walls} | {valve.valve for valve in asked.valves}
    made |= {plane.plane for plane in asked.planes}
    work = Manifold.of(
        volume, heart.lumens, {*heart.meshed, *made}, permit=limits.permit, margin=max(_reach(heart, volume)) + 1
    )
    inside = np.array(volume.array.shape)
    told("repairing: loose voxels ...")
    work.mend()  # before walls are made, so that loose blood gets none
    boxes: Iterable[tuple[Ints, Ints]] = [(-inside, 2 * inside)]
    for turn in range(MOST_ROUNDS):
        told(f"repairing: walls and leaks, round {turn + 1} ...")
        seen = len(work.mends)
        fixes = [fix for box in boxes for fix in _openings_in(box, work, heart, had, whole=turn == 0)]
        done = _carry_out(work, fixes, inside)
        # Gaps and welds last: nothing else is left to do, and they call for few of the other rules.
        done = done or (work.fill_gaps(gap_mm) if gap_mm else []) or (work.weld(heart.blueprint.open) if weld else [])
        if not done:
            break
        work.mend_round(done)
        # After that, a wall or a valve can only be missing where a voxel has become blood or background.
        boxes = _boxes([mend.places[_is_open(heart, mend.new)] for mend in work.mends[seen:]], heart)
    return work.mends, tuple(_unsettled(limits, work))


def _is_open(heart: Heart, labels: Ints) -> NDArray[np.bool_]:
    return np.isin(labels, [0, *heart.lumens])


def _carry_out(work: Manifold, fixes: Iterable[Fix], inside: Ints) -> list[Mend]:
    """Write what the rules ask for; the first to ask for a voxel gets it."""
    before = len(work.mends)
    for fix in fixes:
        if len(fix.places):
            places = fix.places[((fix.places >= 0) & (fix.places < inside)).all(axis=1)]
            places = places[work.at(places) == fix.old]
            work.write(fix.rule, places, np.full(len(places), fix.new))
    return work.mends[before:]


def _boxes(changed: list[Ints], heart: Heart) -> Iterator[tuple[Ints, Ints]]:
    """Boxes, from the first to after the last voxel, round changed voxels, wide enough for the thickest wall."""
    places = np.concatenate([np.zeros((0, 3), np.int64), *changed])
    margin = np.array(_reach(heart, heart.volume)) + 1
    for tile in np.unique(places // _TILE, axis=0):
        own = places[(places // _TILE == tile).all(axis=1)]
        yield own.min(axis=0) - margin, own.max(axis=0) + 1 + margin


def _openings_in(
    box: tuple[Ints, Ints], work: Manifold, heart: Heart, had: dict[int, int], *, whole: bool
) -> Iterator[Fix]:
    """What the rules ask for in a box of the map as it is now; ``whole``: it is the whole map."""
    low, high = np.maximum(box[0], work.corner), np.minimum(box[1], work.corner + work.work.array.shape)
    region = as_region(slice(int(a), int(b)) for a, b in zip(low - work.corner, high - work.corner, strict=True))
    part = Heart(volume=heart.volume.with_array(work.work.array[region]))
    for fix in (*openings(part, had), *(further_openings(part) if whole else ())):
        yield attrs.evolve(fix, places=fix.places + low)


def _unsettled(limits: Limits, work: Manifold) -> Iterator[Refusal]:
    """Refused changes that are still to be made; another change may have made them needless."""
    if not limits.refused:
        return
    loose = set(map(tuple, work.loose().tolist()))
    for one in limits.refused:
        places = one.mend.places + work.corner  # of the kernel's copy
        still = (work.at(places) == one.mend.old).any()
        if one.rule == LOOSE:
            still &= not loose.isdisjoint(map(tuple, places.tolist()))
        if still and (one.rule != PINCH or work.is_pinched(places)):
            yield one


def _dtype(heart: Heart) -> np.dtype[np.integer]:
    """A type that holds all labels, also those that the recipe makes and the image does not have yet."""
    asked = heart.blueprint
    new = (
        *(one.wall for one in asked.walls),
        *(one.valve for one in asked.valves),
        *(one.plane for one in asked.planes),
    )
    return np.promote_types(
        heart.volume.array.dtype, np.min_scalar_type(max([*heart.volume.boxes, *new, *asked.made, 0]))
    )


def _reach(heart: Heart, volume: LabelVolume) -> list[int]:
    """Voxels along each axis (z, y, x) that the thickest wall takes, and one of background."""
    thickest = max((wall.thickness_mm for wall in heart.blueprint.walls), default=0.0)
    return [int((thickest + slack(volume.spacing)) / spacing) + 1 for spacing in volume.spacing]


def _pads(heart: Heart) -> tuple[tuple[int, int], ...]:
    """The number of voxels to add at the low and high end of each axis (z, y, x) where the heart touches the border.

    They give room for the thickest wall and a voxel of background. A lumen whose wall would touch the border counts.
    """
    volume, walled = heart.volume, {wall.lumen for wall in heart.blueprint.walls} - heart.blueprint.open
    pads = []
    for axis, (reach, size) in enumerate(zip(_reach(heart, volume), volume.array.shape, strict=True)):
        low = [box[axis].start - (reach - 1) * (label in walled) for label, box in volume.boxes.items()]
        high = [box[axis].stop + (reach - 1) * (label in walled) for label, box in volume.boxes.items()]
        pads.append(((reach + 1) * (min(low, default=1) <= 0), (reach + 1) * (max(high, default=0) >= size)))
    return tuple(pads)


def _count(volume: LabelVolume, label: int) -> int:
    return int(np.count_nonzero(volume.mask(label, volume.region(label))))


def _entries(mends: Iterable[Mend], heart: Heart) -> Iterator[RepairEntry]:
    counts: dict[tuple[str, int, int], int] = {}
    for mend in mends:
        pairs, voxels = np.unique(np.stack([mend.old, mend.new]), axis=1, return_counts=True)
        for old, new, count in zip(*pairs.tolist(), voxels.tolist(), strict=True):
            counts[mend.rule, old, new] = counts.get((mend.rule, old, new), 0) + count
    for (rule, old, new), count in counts.items():
        names = {"old_name": heart.name(old), "new_name": heart.name(new)}
        mm3 = round(count * heart.volume.voxel_mm3, 6)
        yield RepairEntry(rule=rule, change=LedgerEntry(old=old, new=new, voxels=count, mm3=mm3, **names))
