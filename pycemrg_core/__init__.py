"""Plugin framework that turns a whole-heart segmentation into a simulation-ready cardiac label map."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pycemrg_core.catalogue import Catalogue, load_catalogue
    from pycemrg_core.certificate import Certificate, Finding, Heart, Severity
    from pycemrg_core.contracts import (
        ApplicationStep,
        Label,
        Mode,
        Part,
        application_steps,
        changes,
        choice,
        number,
        reads,
        thickness,
        writes,
    )
    from pycemrg_core.errors import PlanError, PycemrgError
    from pycemrg_core.hookspecs import hookimpl
    from pycemrg_core.kernels import convert, grow
    from pycemrg_core.labels import LabelTable
    from pycemrg_core.planner import ImageFacts, Plan, Settings, plan
    from pycemrg_core.plugins import Policy
    from pycemrg_core.records import (
        Augmentation,
        Check,
        Command,
        LabelScheme,
        Measures,
        Metric,
        Recipe,
        RecipeStep,
        Schematic,
        Step,
        include,
    )
    from pycemrg_core.refs import Ref
    from pycemrg_core.runner import RunRecord, RunResult, run_plan, run_recipe
    from pycemrg_core.volume import Edit, LabelVolume, Zone

__version__ = "0.1.0"

# Imported at first use: a plugin that only needs records must not pay for numpy and SimpleITK.
_HOMES = {
    "ApplicationStep": "contracts",
    "Augmentation": "records",
    "Catalogue": "catalogue",
    "Certificate": "certificate",
    "Check": "records",
    "Command": "records",
    "Edit": "volume",
    "Finding": "certificate",
    "Heart": "certificate",
    "ImageFacts": "planner",
    "Label": "contracts",
    "LabelScheme": "records",
    "LabelTable": "labels",
    "LabelVolume": "volume",
    "Measures": "records",
    "Metric": "records",
    "Mode": "contracts",
    "Part": "contracts",
    "Plan": "planner",
    "PlanError": "errors",
    "Policy": "plugins",
    "PycemrgError": "errors",
    "Recipe": "records",
    "RecipeStep": "records",
    "Ref": "refs",
    "RunRecord": "runner",
    "RunResult": "runner",
    "Schematic": "records",
    "Settings": "planner",
    "Severity": "certificate",
    "Step": "records",
    "Zone": "volume",
    "application_steps": "contracts",
    "changes": "contracts",
    "choice": "contracts",
    "convert": "kernels",
    "grow": "kernels",
    "hookimpl": "hookspecs",
    "include": "records",
    "load_catalogue": "catalogue",
    "number": "contracts",
    "plan": "planner",
    "reads": "contracts",
    "run_plan": "runner",
    "run_recipe": "runner",
    "thickness": "contracts",
    "writes": "contracts",
}

__all__ = [
    "ApplicationStep",
    "Augmentation",
    "Catalogue",
    "Certificate",
    "Check",
    "Command",
    "Edit",
    "Finding",
    "Heart",
    "ImageFacts",
    "Label",
    "LabelScheme",
    "LabelTable",
    "LabelVolume",
    "Measures",
    "Metric",
    "Mode",
    "Part",
    "Plan",
    "PlanError",
    "Policy",
    "PycemrgError",
    "Recipe",
    "RecipeStep",
    "Ref",
    "RunRecord",
    "RunResult",
    "Schematic",
    "Settings",
    "Severity",
    "Step",
    "Zone",
    "application_steps",
    "changes",
    "choice",
    "convert",
    "grow",
    "hookimpl",
    "include",
    "load_catalogue",
    "number",
    "plan",
    "reads",
    "run_plan",
    "run_recipe",
    "thickness",
    "writes",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
