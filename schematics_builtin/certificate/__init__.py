"""The public names of the plugin ``certificate``: check that a grown heart is closed, and repair it.

Names are imported at first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycemrg_core.api import door

if TYPE_CHECKING:
    from schematics_builtin.certificate.certification import Certificate as Certificate
    from schematics_builtin.certificate.certification import MadeCheck as MadeCheck
    from schematics_builtin.certificate.certification import certificate_of as certificate_of
    from schematics_builtin.certificate.certification import certify as certify
    from schematics_builtin.certificate.closure import Closure as Closure
    from schematics_builtin.certificate.commands.asked import judged_heart as judged_heart
    from schematics_builtin.certificate.commands.findings import verdict_line as verdict_line
    from schematics_builtin.certificate.groups import Group as Group
    from schematics_builtin.certificate.groups import grouped as grouped
    from schematics_builtin.certificate.hearts import asked_of as asked_of
    from schematics_builtin.certificate.hearts import certify_image as certify_image
    from schematics_builtin.certificate.hearts import certify_result as certify_result
    from schematics_builtin.certificate.hearts import heart_of as heart_of
    from schematics_builtin.certificate.hearts import is_ungrown as is_ungrown
    from schematics_builtin.certificate.repair_limits import Refusal as Refusal
    from schematics_builtin.certificate.repairing import Repair as Repair
    from schematics_builtin.certificate.repairing import RepairEntry as RepairEntry
    from schematics_builtin.certificate.repairing import repair as repair
    from schematics_builtin.certificate.repairing import repair_options as repair_options
else:
    __all__, __getattr__, __dir__ = door(
        __name__,
        {
            "schematics_builtin.certificate.certification": "Certificate MadeCheck certificate_of certify",
            "schematics_builtin.certificate.commands.asked": "judged_heart",
            "schematics_builtin.certificate.commands.findings": "verdict_line",
            "schematics_builtin.certificate.groups": "Group grouped",
            "schematics_builtin.certificate.hearts": "asked_of certify_image certify_result heart_of is_ungrown",
            "schematics_builtin.certificate.closure": "Closure",
            "schematics_builtin.certificate.repair_limits": "Refusal",
            "schematics_builtin.certificate.repairing": "Repair RepairEntry repair repair_options",
        },
    )
