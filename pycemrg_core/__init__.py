"""Plugin framework that turns a whole-heart segmentation into a simulation-ready cardiac label map."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pycemrg_core.api.contracts import (
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
    from pycemrg_core.api.hookspecs import hookimpl
    from pycemrg_core.api.labels import LabelTable
    from pycemrg_core.api.records import (
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
    from pycemrg_core.api.refs import Ref
    from pycemrg_core.errors import PlanError, PycemrgError
    from pycemrg_core.images.heart import Finding, Heart, Severity
    from pycemrg_core.images.kernels import convert, grow
    from pycemrg_core.images.label_volume import Edit, LabelVolume, Zone
    from pycemrg_core.plugins.catalogue import Catalogue, load_catalogue
    from pycemrg_core.plugins.loading import Policy
    from pycemrg_core.recipes.planner import ImageFacts, Plan, Settings, plan
    from pycemrg_core.recipes.runner import RunRecord, RunResult, run_plan, run_recipe

__version__ = "0.1.0"

# Imported at first use: a plugin that only needs records must not pay for numpy and SimpleITK.
_HOMES = {
    "ApplicationStep": "api.contracts",
    "Augmentation": "api.records",
    "Catalogue": "plugins.catalogue",
    "Check": "api.records",
    "Command": "api.records",
    "Edit": "images.label_volume",
    "Finding": "images.heart",
    "Heart": "images.heart",
    "ImageFacts": "recipes.planner",
    "Label": "api.contracts",
    "LabelScheme": "api.records",
    "LabelTable": "api.labels",
    "LabelVolume": "images.label_volume",
    "Measures": "api.records",
    "Metric": "api.records",
    "Mode": "api.contracts",
    "Part": "api.contracts",
    "Plan": "recipes.planner",
    "PlanError": "errors",
    "Policy": "plugins.loading",
    "PycemrgError": "errors",
    "Recipe": "api.records",
    "RecipeStep": "api.records",
    "Ref": "api.refs",
    "RunRecord": "recipes.runner",
    "RunResult": "recipes.runner",
    "Schematic": "api.records",
    "Settings": "recipes.planner",
    "Severity": "images.heart",
    "Step": "api.records",
    "Zone": "images.label_volume",
    "application_steps": "api.contracts",
    "changes": "api.contracts",
    "choice": "api.contracts",
    "convert": "images.kernels",
    "grow": "images.kernels",
    "hookimpl": "api.hookspecs",
    "include": "api.records",
    "load_catalogue": "plugins.catalogue",
    "number": "api.contracts",
    "plan": "recipes.planner",
    "reads": "api.contracts",
    "run_plan": "recipes.runner",
    "run_recipe": "recipes.runner",
    "thickness": "api.contracts",
    "writes": "api.contracts",
}

__all__ = [
    "ApplicationStep",
    "Augmentation",
    "Catalogue",
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
