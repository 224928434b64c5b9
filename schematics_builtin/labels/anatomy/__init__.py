"""What the anatomy of a label map says about the meaning of its integers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

from pycemrg_core.api import LabelVolume
from schematics_builtin.labels.anatomy.judge import contradicts, exchanged, judge, rank, suggest
from schematics_builtin.labels.measuring import Facts, facts_of

__all__ = ["Contradiction", "contradicts", "doubts", "exchanged", "judge", "rank", "suggest"]

EXCHANGED = "exchanged-labels"
"""The doubt about structures that seem to have each other's labels."""

# A heart with its vessels, from a newborn's to a badly dilated adult's; outside, the spacing is not in mm.
LEAST_ML, MOST_ML = 10.0, 2000.0


@frozen
class Contradiction:
    """Why labels cannot be right: ``what`` is wrong, what to do (``advice``), and the labels concerned (``values``).

    ``doubt`` is the name under which a user can accept it, empty if that is never so.
    """

    what: str
    advice: str
    doubt: str = ""
    values: tuple[int, ...] = ()


def doubts(
    volume: LabelVolume, labels: Mapping[str, int], schemes: Mapping[str, Mapping[str, int]]
) -> Iterable[Contradiction]:
    """Why an image cannot be what ``labels`` (integers by structure name) say; nothing when it can.

    ``volume`` is (z, y, x). ``schemes`` are the integers of other label schemes, to name one that would fit.
    """
    facts = facts_of(volume)
    heart = [ml for label, ml in zip(facts.labels, facts.volume_ml, strict=True) if label in labels.values()]
    total = float(sum(heart))
    # One label alone can have another meaning in a scheme of which nothing else is there.
    if len(heart) < 2 and (ranking := rank(facts, schemes)).verdict == "confident":
        few = "only one" if heart else "none"
        anatomy = f"its anatomy is that of --scheme {ranking.top}"
        yield Contradiction(f"it holds {few} of the labels asked for", anatomy)
    elif heart and not LEAST_ML <= total < MOST_ML:
        size = " x ".join(f"{spacing:g}" for spacing in volume.spacing[::-1])
        yield Contradiction(
            f"its structures have {_litres(total)} with voxels of {size} mm; a heart has between {LEAST_ML:g} mL "
            f"and {MOST_ML / 1000:g} L",
            "correct the spacing in the header (is it in cm, m or um?)",
        )
    elif heart and contradicts(facts, labels):
        likely = _likely(facts, schemes) or "'pycemrg labels detect'"
        yield Contradiction(
            f"the anatomy contradicts the labels: {_against(facts, labels)}",
            f"try {likely}, or give the integers with --labels",
        )
    elif heart and (names := exchanged(facts, labels)):
        likely = f", or try {scheme}" if (scheme := _likely(facts, schemes)) else ""
        shown = [f"{name.removesuffix('_label')} ({labels[name]})" for name in names]
        yield Contradiction(
            f"{', '.join(shown[:-1])} and {shown[-1]} seem to be exchanged: {_against(facts, labels)}",
            f"correct their labels{likely}",
            EXCHANGED,
            tuple(labels[name] for name in names),
        )


def _likely(facts: Facts, schemes: Mapping[str, Mapping[str, int]]) -> str:
    """The option for the scheme that certainly fits; empty if none does."""
    ranking = rank(facts, schemes)
    return f"--scheme {ranking.top}" if ranking.verdict == "confident" else ""


def _against(facts: Facts, labels: Mapping[str, int]) -> str:
    """What speaks most against a reading."""
    lines = sorted(judge(facts, labels).lines, key=lambda line: line.points)
    return "; ".join([line.text for line in lines if line.points < -0.5][:3] or [lines[0].text])


def _litres(ml: float) -> str:
    return f"{ml / 1000:,.1f} L" if ml >= 1000 else f"{ml:.2g} mL"
