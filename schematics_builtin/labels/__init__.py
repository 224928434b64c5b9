"""The plugin ``labels``: label tables, measuring, diagnosis and anatomy of label maps, with its public names.

Names are imported at first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycemrg_core.api import door

if TYPE_CHECKING:
    from schematics_builtin.labels.anatomy import Contradiction as Contradiction
    from schematics_builtin.labels.anatomy.judge import Evidence as Evidence
    from schematics_builtin.labels.anatomy.judge import Ranking as Ranking
    from schematics_builtin.labels.anatomy.judge import Reading as Reading
    from schematics_builtin.labels.anatomy.judge import Suggestion as Suggestion
    from schematics_builtin.labels.anatomy.judge import contradicts as contradicts
    from schematics_builtin.labels.anatomy.judge import judge as judge
    from schematics_builtin.labels.anatomy.judge import rank as rank
    from schematics_builtin.labels.anatomy.judge import suggest as suggest
    from schematics_builtin.labels.checks import contradictions as contradictions
    from schematics_builtin.labels.diagnosis import Contact as Contact
    from schematics_builtin.labels.diagnosis import LabelDiagnostic as LabelDiagnostic
    from schematics_builtin.labels.diagnosis import LabelReport as LabelReport
    from schematics_builtin.labels.diagnosis import LabelStatus as LabelStatus
    from schematics_builtin.labels.label_files import label_table as label_table
    from schematics_builtin.labels.label_files import write_label_table as write_label_table
    from schematics_builtin.labels.measuring import Facts as Facts
    from schematics_builtin.labels.measuring import facts_of as facts_of
    from schematics_builtin.labels.measuring import measure as measure
    from schematics_builtin.labels.merging import MergedLabel as MergedLabel
    from schematics_builtin.labels.merging import merge_labels as merge_labels
    from schematics_builtin.labels.merging import needed_labels as needed_labels
else:
    __all__, __getattr__, __dir__ = door(
        __name__,
        {
            "schematics_builtin.labels.anatomy.judge": (
                "Evidence Ranking Reading Suggestion contradicts judge rank suggest"
            ),
            "schematics_builtin.labels.anatomy": "Contradiction",
            "schematics_builtin.labels.checks": "contradictions",
            "schematics_builtin.labels.diagnosis": "Contact LabelDiagnostic LabelReport LabelStatus",
            "schematics_builtin.labels.label_files": "label_table write_label_table",
            "schematics_builtin.labels.measuring": "Facts facts_of measure",
            "schematics_builtin.labels.merging": "MergedLabel merge_labels needed_labels",
        },
    )
