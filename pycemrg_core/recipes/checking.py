"""Run the checks of a catalogue: input checks on the image before a run, result checks on the result."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

import attrs

from pycemrg_core.api.records import Check, CheckOn, LabelScheme, Step
from pycemrg_core.errors import PlanError, PycemrgError, blaming, returned_one
from pycemrg_core.images.blueprint import Blueprint
from pycemrg_core.images.heart import Finding, Heart, Severity
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.plugins.catalogue import Catalogue, Contribution
from pycemrg_core.text.files import name_of
from pycemrg_core.text.names import close_to

_MOST_FINDINGS = 100_000
ACCEPT = "; or accept it: --accept {0}, in Python accept={0!r}"
"""What the text of a doubt ends with."""
UNCHECKED = "no anatomy check was made: no loaded plugin checks images before a run"


def checks_on(catalogue: Catalogue, on: CheckOn) -> tuple[Contribution[Check], ...]:
    """The checks that look at the input, or at the result."""
    return tuple(contribution for contribution in catalogue.all(Check) if contribution.record.on is on)


def faults_of(heart: Heart, checks: tuple[Contribution[Check], ...]) -> Iterator[Finding]:
    """The findings of the checks in a heart.

    Raises :class:`PycemrgError` naming the check and its provider when one fails.
    """
    for contribution in checks:
        who = f"check {contribution.name!r} of {contribution.provider}"
        with blaming(PycemrgError, who):
            look = contribution.record.function.load()
        with blaming(PycemrgError, who, look):
            returned = look(heart)
            if not isinstance(returned, Iterable):
                raise PycemrgError(f"it {returned_one(returned, 'Findings')}")
            found = list(islice(returned, _MOST_FINDINGS + 1))
            if len(found) > _MOST_FINDINGS:
                raise PycemrgError(f"it yields more than {_MOST_FINDINGS:,} findings; does it end?")
            for one in found:
                if not isinstance(one, Finding):
                    raise PycemrgError(f"it yields {one!r:.80}, not a Finding")
                if one.doubt not in ("", *contribution.record.doubts):
                    raise PycemrgError(f"the doubt {one.doubt!r} of the finding {one.what!r:.80} is none of its doubts")
                if not all(map(math.isfinite, (one.mm2, one.mm or 0.0, *(one.point_mm or ())))):
                    raise PycemrgError(f"a number of the finding {one.what!r:.80} is not finite")
        for one in found:
            accepted = one.doubt and one.doubt in heart.blueprint.accepted
            severity = Severity.EXPECTED if accepted else one.severity
            yield attrs.evolve(one, check=contribution.name, severity=severity)


def require_doubts(accept: Iterable[str], catalogue: Catalogue) -> None:
    """Refuse doubts that no check or step has. Raises :class:`PlanError`."""
    checked = {doubt for one in catalogue.all(Check) for doubt in one.record.doubts}
    known = sorted(checked.union(*(one.record.doubts for one in catalogue.all(Step))))
    if problems := [
        f"no check or step has the doubt {name!r}{close_to(name, known)} (known: {', '.join(known) or 'none'})"
        for name in accept
        if name not in known
    ]:
        raise PlanError("what is to be accepted is unknown:", problems)


def require_sound(
    volume: LabelVolume, labels: Mapping[str, int], catalogue: Catalogue, name: str, accept: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Run the input checks on a label map whose integers mean ``labels``.

    Warnings, and errors whose doubt is in ``accept``, are returned as notes. ``name`` is the image's name in messages.
    Raises :class:`PlanError` with every error that was found.
    """
    require_doubts(accept, catalogue)
    checks = checks_on(catalogue, CheckOn.INPUT)
    if not checks:
        return (UNCHECKED,)
    blueprint = Blueprint(names={value: label for label, value in labels.items()}, accepted=accept)
    schemes = {contribution.name: contribution.record.labels for contribution in catalogue.all(LabelScheme)}
    found = tuple(faults_of(Heart(volume=volume.with_blueprint(blueprint), schemes=schemes), checks))
    if errors := [one for one in found if one.severity is Severity.ERROR]:
        raise PlanError(
            f"{name_of(name)}: a check of the image found errors (to run anyway: --no-check, in Python check=False):",
            [f"{one.what}{ACCEPT.format(one.doubt) if one.doubt else ''}" for one in errors],
        )
    return tuple(
        f"{one.check}: {one.what}{' (accepted)' if one.severity is Severity.EXPECTED else ''}" for one in found
    )
