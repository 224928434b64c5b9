"""What the anatomy of a label map says about the meaning of its integers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pycemrg_core.api import LabelVolume
from schematics_builtin.labels.anatomy.judge import contradicts, judge, rank, suggest
from schematics_builtin.labels.measuring import measure

__all__ = ["contradicts", "doubts", "judge", "rank", "suggest"]

# A heart with its vessels, from a newborn's to a badly dilated adult's; outside, the spacing is not in mm.
LEAST_ML, MOST_ML = 10.0, 2000.0


def doubts(volume: LabelVolume, labels: Mapping[str, int], schemes: Mapping[str, Mapping[str, int]]) -> Iterable[str]:
    """Why an image cannot be what ``labels`` (integers by structure name) say; nothing when it can.

    ``volume`` is (z, y, x). ``schemes`` are the integers of other label schemes, to name one that would fit.
    """
    facts = measure(volume.array, volume.spacing)
    heart = [ml for label, ml in zip(facts.labels, facts.volume_ml, strict=True) if label in labels.values()]
    total = float(sum(heart))
    # One label alone can have another meaning in a scheme of which nothing else is there.
    if len(heart) < 2 and (ranking := rank(facts, schemes)).verdict == "confident":
        few = "only one" if heart else "none"
        yield f"it holds {few} of the labels asked for; its anatomy is that of --scheme {ranking.top}"
    elif heart and not LEAST_ML <= total < MOST_ML:
        size = " x ".join(f"{spacing:g}" for spacing in volume.spacing[::-1])
        yield (
            f"its structures have {_litres(total)} with voxels of {size} mm; a heart has between {LEAST_ML:g} mL "
            f"and {MOST_ML / 1000:g} L; correct the spacing in the header (is it in cm, m or um?)"
        )
    elif heart and contradicts(facts, labels):
        worst = judge(facts, labels).lines
        against = [line.text for line in sorted(worst, key=lambda line: line.points) if line.points < -0.5][:3]
        ranking = rank(facts, schemes)
        likely = f"--scheme {ranking.top}" if ranking.verdict == "confident" else "'pycemrg labels detect'"
        yield (
            f"the anatomy contradicts the labels: {'; '.join(against)}; try {likely}, or give the integers with "
            "--labels"
        )


def _litres(ml: float) -> str:
    return f"{ml / 1000:,.1f} L" if ml >= 1000 else f"{ml:.2g} mL"
