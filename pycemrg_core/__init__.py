"""Plugin framework that turns a whole-heart segmentation into a simulation-ready cardiac label map.

This module is the door for scripts and notebooks: load plugins, plan and run recipes, read and write images. Plugins
are written with :mod:`pycemrg_core.api`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycemrg_core.doors import door

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pycemrg_core.api.labels import LabelTable as LabelTable
    from pycemrg_core.api.records import LabelScheme as LabelScheme
    from pycemrg_core.api.records import Recipe as Recipe
    from pycemrg_core.api.records import RecipeStep as RecipeStep
    from pycemrg_core.api.records import Schematic as Schematic
    from pycemrg_core.api.records import include as include
    from pycemrg_core.errors import AugmentationError as AugmentationError
    from pycemrg_core.errors import DocumentError as DocumentError
    from pycemrg_core.errors import ImageError as ImageError
    from pycemrg_core.errors import LabelError as LabelError
    from pycemrg_core.errors import MetricError as MetricError
    from pycemrg_core.errors import NameConflictError as NameConflictError
    from pycemrg_core.errors import NotApplicableError as NotApplicableError
    from pycemrg_core.errors import OutputError as OutputError
    from pycemrg_core.errors import PlanError as PlanError
    from pycemrg_core.errors import PluginError as PluginError
    from pycemrg_core.errors import PycemrgError as PycemrgError
    from pycemrg_core.errors import RecordError as RecordError
    from pycemrg_core.errors import RefError as RefError
    from pycemrg_core.errors import StepError as StepError
    from pycemrg_core.errors import UnknownNameError as UnknownNameError
    from pycemrg_core.images.image_files import read_image as read_image
    from pycemrg_core.images.image_files import write_image as write_image
    from pycemrg_core.images.image_files import write_volume as write_volume
    from pycemrg_core.images.label_volume import LabelVolume as LabelVolume
    from pycemrg_core.images.named_volume import read_heart as read_heart
    from pycemrg_core.images.named_volume import read_labels as read_labels
    from pycemrg_core.images.named_volume import read_volume as read_volume
    from pycemrg_core.images.sources import read_segmentation as read_segmentation
    from pycemrg_core.images.structures import colours_of as colours_of
    from pycemrg_core.plugins.catalogue import Catalogue as Catalogue
    from pycemrg_core.plugins.catalogue import Contribution as Contribution
    from pycemrg_core.plugins.catalogue import load_catalogue as load_catalogue
    from pycemrg_core.plugins.loading import Found as Found
    from pycemrg_core.plugins.loading import Plugin as Plugin
    from pycemrg_core.plugins.loading import Policy as Policy
    from pycemrg_core.plugins.loading import State as State
    from pycemrg_core.plugins.loading import discover as discover
    from pycemrg_core.plugins.loading import local_plugin as local_plugin
    from pycemrg_core.recipes.flatten import flatten as flatten
    from pycemrg_core.recipes.labelling import recipe_labels as recipe_labels
    from pycemrg_core.recipes.planner import plan as plan
    from pycemrg_core.recipes.plans import ImageFacts as ImageFacts
    from pycemrg_core.recipes.plans import LeftOut as LeftOut
    from pycemrg_core.recipes.plans import Plan as Plan
    from pycemrg_core.recipes.plans import PlannedStep as PlannedStep
    from pycemrg_core.recipes.preparation import Prepared as Prepared
    from pycemrg_core.recipes.preparation import make_room as make_room
    from pycemrg_core.recipes.preparation import prepare as prepare
    from pycemrg_core.recipes.preparation import prepare_source as prepare_source
    from pycemrg_core.recipes.run_record import LedgerEntry as LedgerEntry
    from pycemrg_core.recipes.run_record import RunRecord as RunRecord
    from pycemrg_core.recipes.run_record import StepRecord as StepRecord
    from pycemrg_core.recipes.runner import RunResult as RunResult
    from pycemrg_core.recipes.runner import StepFinished as StepFinished
    from pycemrg_core.recipes.runner import StepStarted as StepStarted
    from pycemrg_core.recipes.runner import run_plan as run_plan
    from pycemrg_core.recipes.runner import run_recipe as run_recipe
    from pycemrg_core.recipes.settings import Settings as Settings
    from pycemrg_core.runs.configuration import read_config as read_config
    from pycemrg_core.runs.configuration import write_config as write_config
    from pycemrg_core.runs.earlier import require_place as require_place
    from pycemrg_core.runs.outputs import Outputs as Outputs
    from pycemrg_core.runs.outputs import choose_outputs as choose_outputs
    from pycemrg_core.runs.outputs import make_outputs as make_outputs
    from pycemrg_core.runs.replay import SavedRun as SavedRun
    from pycemrg_core.runs.results import record_json as record_json
    from pycemrg_core.runs.results import write_result as write_result
    from pycemrg_core.runs.run_folder import Source as Source
else:
    __all__, __getattr__, __dir__ = door(
        __name__,
        {
            "pycemrg_core.api.labels": "LabelTable",
            "pycemrg_core.api.records": "LabelScheme Recipe RecipeStep Schematic include",
            "pycemrg_core.errors": (
                "AugmentationError DocumentError ImageError LabelError MetricError NameConflictError "
                "NotApplicableError OutputError PlanError PluginError PycemrgError RecordError RefError StepError "
                "UnknownNameError"
            ),
            "pycemrg_core.images.image_files": "read_image write_image write_volume",
            "pycemrg_core.images.label_volume": "LabelVolume",
            "pycemrg_core.images.named_volume": "read_heart read_labels read_volume",
            "pycemrg_core.images.sources": "read_segmentation",
            "pycemrg_core.images.structures": "colours_of",
            "pycemrg_core.plugins.catalogue": "Catalogue Contribution load_catalogue",
            "pycemrg_core.plugins.loading": "Found Plugin Policy State discover local_plugin",
            "pycemrg_core.recipes.flatten": "flatten",
            "pycemrg_core.recipes.labelling": "recipe_labels",
            "pycemrg_core.recipes.planner": "plan",
            "pycemrg_core.recipes.plans": "ImageFacts LeftOut Plan PlannedStep",
            "pycemrg_core.recipes.preparation": "Prepared make_room prepare prepare_source",
            "pycemrg_core.recipes.settings": "Settings",
            "pycemrg_core.recipes.run_record": "LedgerEntry RunRecord StepRecord",
            "pycemrg_core.recipes.runner": "RunResult StepFinished StepStarted run_plan run_recipe",
            "pycemrg_core.runs.configuration": "read_config write_config",
            "pycemrg_core.runs.outputs": "Outputs choose_outputs make_outputs",
            "pycemrg_core.runs.replay": "SavedRun",
            "pycemrg_core.runs.earlier": "require_place",
            "pycemrg_core.runs.results": "record_json write_result",
            "pycemrg_core.runs.run_folder": "Source",
        },
    )
