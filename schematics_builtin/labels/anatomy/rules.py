"""The rules: what is expected of the anatomy of a heart, as a table.

One row is one expectation: a structure, a relation, the other structures, the value at which it is clearly not met
(``never``) and clearly met (``sure``), and the points ``against`` and ``for`` the reading, as log-odds. Between the
two values, points are interpolated. If ``never`` is larger than ``sure``, the row means "at most". ``a|b`` makes
one row for each. ``*`` stands for one of the endings none, ``_plane`` and ``_ring``, the same in the whole row. If
the structure in ``unless`` is present, the row does not apply.

| relation | value |
|---|---|
| whole | share of A in its largest component |
| lumen | background that A encloses, over A's own volume |
| near | share of A's surface that touches B or meets it across a thin gap, valve or wall (``NEAR_MM``) |
| more | of A's surface near B or C, the share near B |
| larger, thicker | volume (2 volume / surface) of A over that of B |
| closer | distance of A's centroid to C's, over that of B's to C's |

Sources. The relations are textbook anatomy: the left ventricle is lined by its myocardium and opens into the left
atrium and the aorta; the right ventricle lies on the septum and opens into the right atrium and the pulmonary
artery; pulmonary veins and appendage open into the left atrium, venae cavae into the right; the right ventricle
never meets the left atrium; the right superior pulmonary vein passes behind the superior vena cava, the left
superior one lies next to the appendage. The numbers are ranges measured on seven hearts of the cohort of Rodero et
al. 2021 (doi 10.1371/journal.pcbi.1008851) and one thorax CT at 1 to 3 mm, widened by judgement for dilated, thick,
damaged and congenitally unusual hearts. Only ``near`` depends on a unit of length.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

RELATIONS = {"whole": 1, "lumen": 1, "near": 2, "larger": 2, "thicker": 2, "closer": 3, "more": 3}
"""The number of structures in each relation."""

_TABLE = """
# A                   relation B                         C                never sure  against for  unless

# one structure, mostly one component
LV_BP|LV_myo|RV_BP|LA_BP|RA_BP|heart whole -             -                0.30  0.80  1.5     0.1  -
Ao_BP|PArt_BP         whole    -                         -                0.20  0.60  1.0     0.1  -

# the left ventricle in its myocardium
LV_BP                 near     LV_myo                    -                0.30  0.60  5.0     3.0  -
LV_BP                 near     LV_myo                    -                1.00  0.97  1.5     0.0  -
LV_myo                near     LV_BP                     -                0.05  0.20  2.0     0.5  -
LV_BP                 thicker  LV_myo                    -                0.40  1.00  1.0     0.3  -
LA_BP|RA_BP           near     LV_myo                    -                0.35  0.18  2.0     0.2  -
Ao_BP|PArt_BP         near     LV_myo                    -                0.50  0.25  1.5     0.2  -
LV_myo                near     LA_BP|RA_BP|Ao_BP|PArt_BP -                0.25  0.12  1.5     0.2  -

# a cavity is not wrapped in another cavity, only in a wall
LV_BP                 near     RV_BP|LA_BP|RA_BP|Ao_BP|PArt_BP -          0.80  0.55  5.0     0.0  -
RV_BP                 near     LV_BP|LA_BP|RA_BP|Ao_BP|PArt_BP -          0.80  0.55  3.0     0.0  -
LA_BP                 near     LV_BP|RV_BP|RA_BP|Ao_BP|PArt_BP -          0.80  0.55  3.0     0.0  -
RA_BP                 near     LV_BP|RV_BP|LA_BP|Ao_BP|PArt_BP -          0.80  0.55  3.0     0.0  -
Ao_BP|PArt_BP         near     LV_BP|RV_BP|LA_BP|RA_BP   -                0.80  0.55  3.0     0.0  -

# the right ventricle on the septum
RV_BP                 near     LV_myo                    -                0.02  0.12  2.0     1.5  -
RV_BP                 near     LV_myo                    -                0.80  0.50  2.0     0.2  -
LV_myo                near     RV_BP                     -                0.02  0.08  1.0     1.5  -
LV_myo                near     RV_BP                     -                0.40  0.30  2.0     0.2  -
LV_BP                 near     RV_BP                     -                0.35  0.10  1.5     0.3  -

# valves: which structures open into each other, and which do not
LV_BP                 near     LA_BP                     -                0.001 0.02  1.5     1.5  -
RV_BP                 near     RA_BP                     -                0.001 0.02  1.5     1.5  -
LV_BP                 near     Ao_BP                     -                0.001 0.008 0.8     1.0  -
RV_BP                 near     PArt_BP                   -                0.001 0.008 0.8     1.0  -
RV_BP                 near     LA_BP                     -                0.04  0.005 1.5     0.4  -
LV_BP                 near     RA_BP                     -                0.06  0.02  1.5     0.3  -
LV_BP                 near     PArt_BP                   -                0.03  0.01  0.7     0.3  -
RV_BP                 near     Ao_BP                     -                0.08  0.03  0.5     0.2  -
RV_BP                 near     Ao_BP                     -                0.000 0.002 0.4     0.7  -
LV_BP|LV_myo          more     LA_BP                     Ao_BP            0.25  0.50  0.5     0.5  -
RV_BP                 more     RA_BP                     PArt_BP          0.30  0.55  0.7     0.7  -
LV_myo|LA_BP          more     RA_BP                     PArt_BP          0.25  0.60  0.4     0.4  -

# sizes and places of chambers and great vessels
LV_BP|RV_BP           larger   LA_BP|RA_BP|Ao_BP|PArt_BP -                0.10  0.40  0.5     0.1  -
RA_BP                 larger   PArt_BP                   -                0.50  1.50  0.5     0.4  -
RA_BP                 thicker  PArt_BP                   -                0.80  1.30  0.5     0.4  -
Ao_BP                 closer   LA_BP                     PArt_BP          1.30  0.85  0.5     0.5  -
LA_BP                 closer   PArt_BP                   RA_BP            1.20  0.90  0.5     0.5  -
RV_BP                 closer   LA_BP|RA_BP               LV_BP|LV_myo     1.20  0.90  0.5     0.2  -
RA_BP                 closer   LV_BP|LV_myo              SVC|IVC          1.10  0.80  0.7     0.3  -
LA_BP                 closer   RV_BP                     LPV1|LPV2|RPV1|RPV2 1.10 0.80 0.5    0.2  -

# a blood pool is full, a wall is hollow
LV_BP|RV_BP           lumen    -                         -                0.45  0.15  2.0     0.2  -
LA_BP|RA_BP           lumen    -                         -                0.50  0.20  2.0     0.2  -
LV_myo                lumen    -                         -                0.02  0.15  2.0     1.5  LV_BP
RV_myo                lumen    -                         -                0.10  0.50  2.0     1.0  RV_BP
LA_myo                lumen    -                         -                0.20  1.00  2.0     1.5  LA_BP
RA_myo                lumen    -                         -                0.20  1.00  2.0     1.5  RA_BP
Ao_wall               lumen    -                         -                0.10  0.60  2.0     1.0  Ao_BP
PArt_wall             lumen    -                         -                0.02  0.30  1.0     1.0  PArt_BP

# walls around their blood pools, and along each other
RV_BP                 near     RV_myo                    -                0.10  0.40  2.0     1.5  -
LA_BP                 near     LA_myo                    -                0.15  0.50  2.0     1.5  -
RA_BP                 near     RA_myo                    -                0.15  0.50  2.0     1.5  -
Ao_BP                 near     Ao_wall                   -                0.10  0.40  2.0     1.0  -
PArt_BP               near     PArt_wall                 -                0.10  0.35  2.0     1.0  -
RV_BP                 thicker  RV_myo                    -                0.80  1.50  1.0     0.4  -
LA_BP                 thicker  LA_myo                    -                0.80  1.50  1.0     0.4  -
RA_BP                 thicker  RA_myo                    -                0.80  1.50  1.0     0.4  -
Ao_BP                 thicker  Ao_wall                   -                0.80  1.50  1.0     0.4  -
PArt_BP               thicker  PArt_wall                 -                0.80  1.50  1.0     0.4  -
PArt_wall             near     RV_BP                     -                0.30  0.12  1.0     0.3  -
Ao_wall               near     LV_BP                     -                0.30  0.12  1.0     0.3  -
RV_myo                near     LV_myo                    -                0.005 0.03  1.5     0.7  -
RV_myo                near     RA_myo                    -                0.001 0.015 1.5     0.7  -
RV_myo                near     PArt_wall                 -                0.000 0.004 1.0     0.7  -
LV_myo                near     LA_myo                    -                0.001 0.01  1.5     0.7  -
LV_myo                near     Ao_wall                   -                0.000 0.003 1.0     0.5  -
RV_myo                near     LA_myo                    -                0.05  0.01  1.5     0.5  -
PArt_wall             near     LV_myo                    -                0.15  0.05  0.7     0.3  -
LV_myo                thicker  RV_myo|LA_myo|RA_myo|Ao_wall|PArt_wall -   0.70  1.40  1.0     0.5  -
RV_myo                larger   LA_myo|RA_myo|Ao_wall|PArt_wall -          0.50  1.50  0.5     0.3  -

# valves close the gaps between the walls
MV|AV                 near     LV_myo                    -                0.01  0.10  1.5     0.7  -
MV                    near     LA_BP|LA_myo              -                0.005 0.04  1.5     0.7  -
TV|PV                 near     RV_myo                    -                0.01  0.10  1.5     0.7  -
TV                    near     RA_BP|RA_myo              -                0.005 0.04  1.5     0.7  -
AV                    near     Ao_BP|Ao_wall             -                0.005 0.03  1.5     0.7  -
PV                    near     PArt_BP|PArt_wall         -                0.005 0.06  1.5     0.7  -
MV                    near     RV_BP|RA_BP|RV_myo|RA_myo -                0.15  0.03  0.7     0.1  -
TV|PV                 near     LA_BP|LA_myo              -                0.15  0.03  0.7     0.1  -
PV                    near     LV_BP|LV_myo|RA_myo       -                0.20  0.06  0.7     0.1  -
MV|AV                 near     LV_BP                     -                0.02  0.10  1.0     0.5  -
TV|PV                 near     RV_BP                     -                0.02  0.10  1.0     0.5  -
PArt_BP|Ao_BP         larger   PV|AV                     -                0.50  1.20  0.7     0.3  -
PV                    more     PArt_BP                   PArt_wall        0.35  0.55  0.5     0.4  -
AV                    more     Ao_BP                     Ao_wall          0.35  0.60  0.5     0.4  -
MV|TV|AV|PV           lumen    -                         -                0.90  0.40  1.0     0.1  -
PArt_wall             larger   PV                        -                0.50  1.05  0.5     0.3  -
Ao_wall               larger   AV                        -                0.50  1.50  0.5     0.3  -
LV_BP|RV_BP|LA_BP|RA_BP larger MV|TV|AV|PV               -                1.00  4.00  0.7     0.1  -
LV_myo                larger   MV|TV|AV|PV               -                1.00  4.00  0.7     0.1  -

# veins and appendage on the left atrium, venae cavae on the right; also their end planes and rings
LPV1*|LPV2*|RPV1*|RPV2*|LAA* near LA_BP                  -                0.002 0.03  1.5     0.7  -
LPV1*|LPV2*|RPV1*|RPV2*|LAA* near LA_myo                 -                0.002 0.03  1.5     0.7  LA_BP
SVC*|IVC*             near     RA_BP                     -                0.002 0.03  1.5     0.7  -
SVC*|IVC*             near     RA_myo                    -                0.002 0.03  1.5     0.7  RA_BP
LPV1*|LPV2*|LAA*      near     RA_BP|RA_myo              -                0.15  0.03  0.7     0.1  -
LPV1*|LPV2*|RPV1*|RPV2* near   LV_BP|RV_BP|LV_myo        -                0.20  0.05  0.7     0.1  -
SVC*|IVC*|LAA*        near     LV_BP|RV_BP               -                0.25  0.08  0.7     0.1  -
IVC*                  near     LA_BP|LA_myo              -                0.20  0.05  0.7     0.1  -
LPV1*|LPV2*|RPV1*|RPV2*|LAA* larger LA_BP                -                1.00  0.50  1.0     0.1  -
SVC*                  larger   RA_BP                     -                1.50  0.70  1.0     0.1  -

# which vein is which without left and right: by neighbours
LPV1*                 closer   LPV2*                     LAA*             1.10  0.90  1.5     1.0  -
LPV1*                 closer   LPV2*                     PArt_BP|PArt_wall 1.08 0.92  1.0     0.7  -
LAA*                  closer   LPV2*                     PArt_BP|PArt_wall 1.08 0.92  0.7     0.5  -
RPV1*                 closer   RPV2*                     SVC*             1.15  0.85  1.5     1.0  -
RPV2*                 closer   RPV1*                     IVC*             1.08  0.97  0.7     0.4  -
LPV1*|LPV2*           closer   RPV1*|RPV2*|SVC*|IVC*     LAA*             1.15  0.85  0.5     0.2  -
RPV1*|RPV2*           closer   LPV1*|LPV2*|LAA*          SVC*             1.15  0.85  0.5     0.2  -
RPV2*                 closer   LPV1*|LPV2*|LAA*          IVC*             1.10  0.90  0.5     0.2  -
LAA*                  closer   LPV1*|LPV2*               LV_BP|LV_myo     1.06  0.94  0.8     0.5  -
SVC*                  closer   IVC*                      RPV1*|RPV2*|LAA* 1.15  0.85  0.7     0.4  -
SVC*                  closer   IVC*                      LA_BP|LA_myo     1.10  0.90  0.7     0.5  -
SVC*                  closer   IVC*                      PArt_BP|PArt_wall 1.10 0.90  0.7     0.5  -
SVC*                  closer   IVC*                      Ao_BP|Ao_wall    1.15  0.80  0.5     0.5  -

# planes end the veins, rings lie around both: from thick to thin
LPV1|LPV1_plane       thicker  LPV1_ring                 -                0.80  1.30  0.7     0.4  -
LPV1                  larger   LPV1_plane                -                0.70  1.50  0.5     0.3  -
LPV1_plane            closer   LPV1                      LA_BP            1.10  0.95  0.7     0.5  -
LPV2|LPV2_plane       thicker  LPV2_ring                 -                0.80  1.30  0.7     0.4  -
LPV2                  larger   LPV2_plane                -                0.70  1.50  0.5     0.3  -
LPV2_plane            closer   LPV2                      LA_BP            1.10  0.95  0.7     0.5  -
RPV1|RPV1_plane       thicker  RPV1_ring                 -                0.80  1.30  0.7     0.4  -
RPV1                  larger   RPV1_plane                -                0.70  1.50  0.5     0.3  -
RPV1_plane            closer   RPV1                      LA_BP            1.10  0.95  0.7     0.5  -
RPV2|RPV2_plane       thicker  RPV2_ring                 -                0.80  1.30  0.7     0.4  -
RPV2                  larger   RPV2_plane                -                0.70  1.50  0.5     0.3  -
RPV2_plane            closer   RPV2                      LA_BP            1.10  0.95  0.7     0.5  -
LAA|LAA_plane         thicker  LAA_ring                  -                0.80  1.30  0.7     0.4  -
LAA                   larger   LAA_plane                 -                0.70  1.50  0.5     0.3  -
LAA_plane             closer   LAA                       LA_BP            1.10  0.95  0.7     0.5  -
SVC|SVC_plane         thicker  SVC_ring                  -                0.80  1.30  0.7     0.4  -
SVC                   larger   SVC_plane                 -                0.70  1.50  0.5     0.3  -
SVC_plane             closer   SVC                       RA_BP            1.10  0.95  0.7     0.5  -
IVC|IVC_plane         thicker  IVC_ring                  -                0.80  1.30  0.7     0.4  -
IVC                   larger   IVC_plane                 -                0.70  1.50  0.5     0.3  -
IVC_plane             closer   IVC                       RA_BP            1.10  0.95  0.7     0.5  -

# rings lie around their planes and veins
LPV1_ring             near     LPV1_plane|LPV1           -                0.001 0.02  1.0     0.7  -
LPV2_ring             near     LPV2_plane|LPV2           -                0.001 0.02  1.0     0.7  -
RPV1_ring             near     RPV1_plane|RPV1           -                0.001 0.02  1.0     0.7  -
RPV2_ring             near     RPV2_plane|RPV2           -                0.001 0.02  1.0     0.7  -
LAA_ring              near     LAA_plane|LAA             -                0.001 0.02  1.0     0.7  -
SVC_ring              near     SVC_plane|SVC             -                0.001 0.02  1.0     0.7  -
IVC_ring              near     IVC_plane|IVC             -                0.001 0.02  1.0     0.7  -

# the heart as one label, with the vessels around it
heart                 larger   Ao_BP                     -                0.70  1.50  2.0     0.7  -
heart                 larger   pulmonary_veins|LAA|SVC|IVC -              1.00  4.00  2.0     0.7  -
pulmonary_veins       whole    -                         -                0.97  0.70  0.7     0.7  -
LAA|SVC|IVC           whole    -                         -                0.40  0.80  0.7     0.1  -
Ao_BP                 thicker  pulmonary_veins|LAA|SVC|IVC -              0.80  1.40  0.6     0.3  -
Ao_BP                 larger   pulmonary_veins|IVC       -                0.50  1.50  0.6     0.3  -
LAA                   closer   SVC                       heart            1.07  0.93  0.6     0.6  -
SVC                   closer   LAA                       IVC              1.15  0.85  0.6     0.6  -
pulmonary_veins       closer   SVC|IVC                   LAA              1.15  0.92  0.5     0.4  -
heart                 thicker  Ao_BP|pulmonary_veins|LAA|SVC|IVC -        0.70  1.40  1.5     0.4  -
Ao_BP|pulmonary_veins|LAA near heart                     -                0.001 0.03  1.5     0.7  -
SVC|IVC               near     heart                     -                0.001 0.03  1.0     0.5  -
Ao_BP                 larger   SVC|LAA                   -                0.50  1.50  1.0     0.4  -
LAA|pulmonary_veins   closer   IVC                       Ao_BP            1.10  0.90  0.5     0.4  -
pulmonary_veins       closer   IVC|Ao_BP                 SVC|LAA          1.20  0.90  0.5     0.3  -
SVC                   closer   IVC                       pulmonary_veins  1.10  0.90  0.7     0.5  -
"""


class Rule(NamedTuple):
    """One expectation about the structures ``names`` (A, B, C as the relation needs)."""

    names: tuple[str, ...]
    relation: str
    never: float
    sure: float
    against: float
    gain: float
    unless: str


def _read(table: str) -> tuple[Rule, ...]:
    """Make one :class:`Rule` for each row and each of its alternatives."""
    rules = []
    for line in table.splitlines():
        if not line or line.startswith("#"):
            continue
        a, relation, b, c, never, sure, against, gain, unless = line.split()
        columns = (a, b, c)[: RELATIONS[relation]]
        for suffix in ("", "_plane", "_ring") if "*" in line else ("",):
            for names in product(*(column.split("|") for column in columns)):
                full = tuple(f"{name.replace('*', suffix)}_label" for name in names)
                numbers = (float(never), float(sure), float(against), float(gain))
                rules.append(Rule(full, relation, *numbers, "" if unless == "-" else f"{unless}_label"))
    return tuple(rules)


RULES = _read(_TABLE)


def _names(text: str) -> tuple[str, ...]:
    return tuple(f"{name}_label" for name in text.split())


CORE = _names("LV_BP LV_myo RV_BP LA_BP RA_BP Ao_BP PArt_BP")
"""Chambers, great vessels, left myocardium: the most likely meanings of an unknown integer of a heart."""

MAIN = frozenset((*CORE, *_names("RV_myo LA_myo RA_myo Ao_wall PArt_wall heart")))
"""Structures that must be certain in an accepted reading; veins, valves, planes and rings may stay unsure."""

MIRRORS = tuple(
    tuple(zip(_names(left), _names(right), strict=True))
    for left, right in (
        ("LV_BP LA_BP Ao_BP", "RV_BP RA_BP PArt_BP"),
        ("LV_BP LA_BP", "RV_BP RA_BP"),
        ("LA_BP Ao_BP", "RA_BP PArt_BP"),
        ("Ao_BP Ao_wall", "PArt_BP PArt_wall"),
        ("LA_BP LA_myo", "RA_BP RA_myo"),
        ("LA_myo Ao_wall LV_myo", "RA_myo PArt_wall RV_myo"),
        ("LPV1 LPV2", "RPV1 RPV2"),
        ("LPV1 LPV2 LAA", "RPV1 RPV2 SVC"),
        ("LPV1 RPV1", "LPV2 RPV2"),
        ("LPV1 RPV1 SVC", "LPV2 RPV2 IVC"),
    )
)
"""Exchanges of several structures at once that look similar: left heart for right, upper veins for lower."""
