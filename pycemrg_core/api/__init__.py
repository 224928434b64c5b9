"""The door for authors of plugins: records, hooks, contracts, label volumes and helpers.

Importing it is cheap, because each name is imported at first use. A plugin module with only hooks and records stays
light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycemrg_core.doors import door as door

if TYPE_CHECKING:
    from pycemrg_core.api.contracts import BACKGROUND as BACKGROUND
    from pycemrg_core.api.contracts import ApplicationStep as ApplicationStep
    from pycemrg_core.api.contracts import Label as Label
    from pycemrg_core.api.contracts import LabelType as LabelType
    from pycemrg_core.api.contracts import Makes as Makes
    from pycemrg_core.api.contracts import Mode as Mode
    from pycemrg_core.api.contracts import Role as Role
    from pycemrg_core.api.contracts import Use as Use
    from pycemrg_core.api.contracts import application_steps as application_steps
    from pycemrg_core.api.contracts import changes as changes
    from pycemrg_core.api.contracts import choice as choice
    from pycemrg_core.api.contracts import labels_changed as labels_changed
    from pycemrg_core.api.contracts import labels_in as labels_in
    from pycemrg_core.api.contracts import labels_read as labels_read
    from pycemrg_core.api.contracts import labels_written as labels_written
    from pycemrg_core.api.contracts import number as number
    from pycemrg_core.api.contracts import plane_between as plane_between
    from pycemrg_core.api.contracts import reads as reads
    from pycemrg_core.api.contracts import reads_any as reads_any
    from pycemrg_core.api.contracts import ring_round as ring_round
    from pycemrg_core.api.contracts import roles as roles
    from pycemrg_core.api.contracts import snapshot as snapshot
    from pycemrg_core.api.contracts import snapshot_names as snapshot_names
    from pycemrg_core.api.contracts import thickness as thickness
    from pycemrg_core.api.contracts import valve_between as valve_between
    from pycemrg_core.api.contracts import wall_round as wall_round
    from pycemrg_core.api.contracts import writable_values as writable_values
    from pycemrg_core.api.contracts import writes as writes
    from pycemrg_core.api.contracts import writes_background as writes_background
    from pycemrg_core.api.documents import from_data as from_data
    from pycemrg_core.api.documents import to_data as to_data
    from pycemrg_core.api.hookspecs import hookimpl as hookimpl
    from pycemrg_core.api.labels import LabelTable as LabelTable
    from pycemrg_core.api.records import Augmentation as Augmentation
    from pycemrg_core.api.records import Check as Check
    from pycemrg_core.api.records import CheckOn as CheckOn
    from pycemrg_core.api.records import Command as Command
    from pycemrg_core.api.records import LabelScheme as LabelScheme
    from pycemrg_core.api.records import Measures as Measures
    from pycemrg_core.api.records import Metric as Metric
    from pycemrg_core.api.records import Output as Output
    from pycemrg_core.api.records import Reader as Reader
    from pycemrg_core.api.records import Recipe as Recipe
    from pycemrg_core.api.records import RecipeStep as RecipeStep
    from pycemrg_core.api.records import Record as Record
    from pycemrg_core.api.records import Schematic as Schematic
    from pycemrg_core.api.records import Step as Step
    from pycemrg_core.api.records import Structure as Structure
    from pycemrg_core.api.records import include as include
    from pycemrg_core.api.refs import Ref as Ref
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
    from pycemrg_core.errors import blaming as blaming
    from pycemrg_core.errors import debugging as debugging
    from pycemrg_core.errors import fault as fault
    from pycemrg_core.images.answers import Cells as Cells
    from pycemrg_core.images.answers import Connected as Connected
    from pycemrg_core.images.answers import Contact as Contact
    from pycemrg_core.images.answers import Distances as Distances
    from pycemrg_core.images.answers import Mask as Mask
    from pycemrg_core.images.answers import Orientation as Orientation
    from pycemrg_core.images.answers import Zone as Zone
    from pycemrg_core.images.blueprint import Blueprint as Blueprint
    from pycemrg_core.images.blueprint import Plane as Plane
    from pycemrg_core.images.blueprint import Ring as Ring
    from pycemrg_core.images.blueprint import Valve as Valve
    from pycemrg_core.images.blueprint import Wall as Wall
    from pycemrg_core.images.boxes import NOWHERE as NOWHERE
    from pycemrg_core.images.boxes import LabelArray as LabelArray
    from pycemrg_core.images.boxes import Region as Region
    from pycemrg_core.images.boxes import as_region as as_region
    from pycemrg_core.images.boxes import expand as expand
    from pycemrg_core.images.boxes import hull as hull
    from pycemrg_core.images.boxes import intersect as intersect
    from pycemrg_core.images.boxes import is_empty as is_empty
    from pycemrg_core.images.boxes import occupied as occupied
    from pycemrg_core.images.boxes import shape_of as shape_of
    from pycemrg_core.images.boxes import shift as shift
    from pycemrg_core.images.components import Component as Component
    from pycemrg_core.images.components import components as components
    from pycemrg_core.images.components import fill_holes as fill_holes
    from pycemrg_core.images.components import keep_largest_component as keep_largest_component
    from pycemrg_core.images.components import keep_largest_structure as keep_largest_structure
    from pycemrg_core.images.components import losses as losses
    from pycemrg_core.images.components import reassign_islands as reassign_islands
    from pycemrg_core.images.components import remove_small as remove_small
    from pycemrg_core.images.dilation import dilate as dilate
    from pycemrg_core.images.dilation import slack as slack
    from pycemrg_core.images.edits import Change as Change
    from pycemrg_core.images.edits import Doubt as Doubt
    from pycemrg_core.images.edits import Edit as Edit
    from pycemrg_core.images.edits import Note as Note
    from pycemrg_core.images.edits import WorkingVolume as WorkingVolume
    from pycemrg_core.images.formats.header import Extras as Extras
    from pycemrg_core.images.geometry import grid_difference as grid_difference
    from pycemrg_core.images.given import AnyImage as AnyImage
    from pycemrg_core.images.given import image_given as image_given
    from pycemrg_core.images.given import volume_given as volume_given
    from pycemrg_core.images.heart import Finding as Finding
    from pycemrg_core.images.heart import Heart as Heart
    from pycemrg_core.images.heart import Ints as Ints
    from pycemrg_core.images.heart import Severity as Severity
    from pycemrg_core.images.image_files import file_sha256 as file_sha256
    from pycemrg_core.images.image_files import flattened as flattened
    from pycemrg_core.images.image_files import geometry as geometry
    from pycemrg_core.images.image_files import image_from_array as image_from_array
    from pycemrg_core.images.image_files import image_of as image_of
    from pycemrg_core.images.image_files import is_flat as is_flat
    from pycemrg_core.images.image_files import label_image as label_image
    from pycemrg_core.images.image_files import label_volume as label_volume
    from pycemrg_core.images.image_files import one_slice as one_slice
    from pycemrg_core.images.image_files import oriented_lps as oriented_lps
    from pycemrg_core.images.image_files import plain_of as plain_of
    from pycemrg_core.images.image_files import read_extras as read_extras
    from pycemrg_core.images.image_files import read_geometry as read_geometry
    from pycemrg_core.images.image_files import read_image as read_image
    from pycemrg_core.images.image_files import read_layers as read_layers
    from pycemrg_core.images.image_files import read_mask as read_mask
    from pycemrg_core.images.image_files import read_plain as read_plain
    from pycemrg_core.images.image_files import volume_of as volume_of
    from pycemrg_core.images.image_files import voxel_array as voxel_array
    from pycemrg_core.images.image_files import voxels_sha256 as voxels_sha256
    from pycemrg_core.images.image_files import write_image as write_image
    from pycemrg_core.images.image_files import write_volume as write_volume
    from pycemrg_core.images.kernels import convert as convert
    from pycemrg_core.images.kernels import edit_at as edit_at
    from pycemrg_core.images.kernels import edits_between as edits_between
    from pycemrg_core.images.kernels import grow as grow
    from pycemrg_core.images.kernels import writable as writable
    from pycemrg_core.images.label_volume import LabelVolume as LabelVolume
    from pycemrg_core.images.label_volume import Where as Where
    from pycemrg_core.images.linking import graph_components as graph_components
    from pycemrg_core.images.metric_subjects import Comparison as Comparison
    from pycemrg_core.images.metric_subjects import ImagePair as ImagePair
    from pycemrg_core.images.metric_subjects import Spacing as Spacing
    from pycemrg_core.images.metric_subjects import StructureMask as StructureMask
    from pycemrg_core.images.metric_subjects import evaluate as evaluate
    from pycemrg_core.images.named_volume import NamedVolume as NamedVolume
    from pycemrg_core.images.named_volume import is_one_image as is_one_image
    from pycemrg_core.images.named_volume import perhaps_a_mask as perhaps_a_mask
    from pycemrg_core.images.named_volume import read_heart as read_heart
    from pycemrg_core.images.named_volume import read_labels as read_labels
    from pycemrg_core.images.named_volume import read_volume as read_volume
    from pycemrg_core.images.padding import Padding as Padding
    from pycemrg_core.images.plain_image import PlainImage as PlainImage
    from pycemrg_core.images.remap import LabelRemapper as LabelRemapper
    from pycemrg_core.images.remap import RemapReport as RemapReport
    from pycemrg_core.images.remap import remap_image as remap_image
    from pycemrg_core.images.remap import remap_volume as remap_volume
    from pycemrg_core.images.run_lengths import CONNECTIVITIES as CONNECTIVITIES
    from pycemrg_core.images.run_lengths import Components as Components
    from pycemrg_core.images.run_lengths import Runs as Runs
    from pycemrg_core.images.run_lengths import find_components as find_components
    from pycemrg_core.images.run_lengths import most_area as most_area
    from pycemrg_core.images.run_lengths import runs_in as runs_in
    from pycemrg_core.images.run_lengths import runs_of as runs_of
    from pycemrg_core.images.segmentation import Layer as Layer
    from pycemrg_core.images.segmentation import Segment as Segment
    from pycemrg_core.images.segmentation import Segmentation as Segmentation
    from pycemrg_core.images.sources import read_segmentation as read_segmentation
    from pycemrg_core.images.structures import misspelt as misspelt
    from pycemrg_core.images.structures import names_in as names_in
    from pycemrg_core.images.structures import source_scheme as source_scheme
    from pycemrg_core.images.training_sample import Drawn as Drawn
    from pycemrg_core.images.training_sample import Sample as Sample
    from pycemrg_core.recipes.blueprints import blueprint_of as blueprint_of
    from pycemrg_core.recipes.checking import checks_on as checks_on
    from pycemrg_core.recipes.checking import faults_of as faults_of
    from pycemrg_core.recipes.checking import require_doubts as require_doubts
    from pycemrg_core.recipes.checking import require_sound as require_sound
    from pycemrg_core.runs.finished import FinishedRun as FinishedRun
    from pycemrg_core.runs.naming import heart_names as heart_names
    from pycemrg_core.runs.naming import read_heart_names as read_heart_names
    from pycemrg_core.runs.outputs import Made as Made
    from pycemrg_core.shown.objects import Shown as Shown
    from pycemrg_core.shown.slices import slices_png as slices_png
    from pycemrg_core.shown.words import amount as amount
    from pycemrg_core.shown.words import counted as counted
    from pycemrg_core.shown.words import html_table as html_table
    from pycemrg_core.text.files import name_of as name_of
    from pycemrg_core.text.files import read_text as read_text
    from pycemrg_core.text.files import stem_of as stem_of
    from pycemrg_core.text.label_tables import LABEL_FILES as LABEL_FILES
    from pycemrg_core.text.label_tables import LabelRow as LabelRow
    from pycemrg_core.text.label_tables import labels_of as labels_of
    from pycemrg_core.text.label_tables import read_label_file as read_label_file
    from pycemrg_core.text.label_tables import read_labels_file as read_labels_file
    from pycemrg_core.text.label_tables import read_mapping_file as read_mapping_file
    from pycemrg_core.text.names import Names as Names
    from pycemrg_core.text.names import close_to as close_to
    from pycemrg_core.text.numbers import like_number as like_number
    from pycemrg_core.text.numbers import parse_number as parse_number
    from pycemrg_core.text.numbers import whole_number as whole_number
    from pycemrg_core.text.structured import as_yaml as as_yaml
    from pycemrg_core.text.structured import load_json as load_json
    from pycemrg_core.text.structured import load_yaml as load_yaml
    from pycemrg_core.text.structured import load_yaml_list as load_yaml_list
    from pycemrg_core.text.structured import wrong_places as wrong_places
    from pycemrg_core.text.tables import table_rows as table_rows
else:
    __all__, __getattr__, __dir__ = door(
        __name__,
        {
            "pycemrg_core.api.contracts": (
                "ApplicationStep BACKGROUND Label LabelType Makes Mode Role Use application_steps changes choice "
                "labels_changed labels_in labels_read labels_written number plane_between reads reads_any ring_round "
                "roles snapshot snapshot_names thickness valve_between wall_round writable_values writes "
                "writes_background"
            ),
            "pycemrg_core.api.documents": "from_data to_data",
            "pycemrg_core.api.hookspecs": "hookimpl",
            "pycemrg_core.api.labels": "LabelTable",
            "pycemrg_core.api.records": (
                "Augmentation Check CheckOn Command LabelScheme Measures Metric Output Reader Recipe RecipeStep Record "
                "Schematic Step Structure include"
            ),
            "pycemrg_core.api.refs": "Ref",
            "pycemrg_core.errors": (
                "AugmentationError DocumentError ImageError LabelError MetricError NameConflictError "
                "NotApplicableError OutputError PlanError PluginError PycemrgError RecordError RefError StepError "
                "UnknownNameError blaming debugging fault"
            ),
            "pycemrg_core.images.answers": "Cells Connected Contact Distances Mask Orientation Zone",
            "pycemrg_core.images.blueprint": "Blueprint Plane Ring Valve Wall",
            "pycemrg_core.images.boxes": (
                "LabelArray NOWHERE Region as_region expand hull intersect is_empty occupied shape_of shift"
            ),
            "pycemrg_core.images.components": (
                "Component components fill_holes keep_largest_component keep_largest_structure "
                "losses reassign_islands remove_small"
            ),
            "pycemrg_core.images.dilation": "dilate slack",
            "pycemrg_core.images.edits": "Change Doubt Edit Note WorkingVolume",
            "pycemrg_core.images.formats.header": "Extras",
            "pycemrg_core.images.geometry": "grid_difference",
            "pycemrg_core.images.given": "AnyImage image_given volume_given",
            "pycemrg_core.images.heart": "Finding Heart Ints Severity",
            "pycemrg_core.images.image_files": (
                "file_sha256 flattened geometry image_from_array image_of is_flat label_image label_volume one_slice "
                "oriented_lps plain_of read_extras read_geometry read_image read_layers read_mask read_plain volume_of "
                "voxel_array voxels_sha256 write_image write_volume"
            ),
            "pycemrg_core.images.kernels": "convert edit_at edits_between grow writable",
            "pycemrg_core.images.label_volume": "LabelVolume Where",
            "pycemrg_core.images.linking": "graph_components",
            "pycemrg_core.images.metric_subjects": "Comparison ImagePair Spacing StructureMask evaluate",
            "pycemrg_core.images.padding": "Padding",
            "pycemrg_core.images.plain_image": "PlainImage",
            "pycemrg_core.images.remap": "LabelRemapper RemapReport remap_image remap_volume",
            "pycemrg_core.images.run_lengths": (
                "CONNECTIVITIES Components Runs find_components most_area runs_in runs_of"
            ),
            "pycemrg_core.images.segmentation": "Layer Segment Segmentation",
            "pycemrg_core.images.named_volume": (
                "NamedVolume is_one_image perhaps_a_mask read_heart read_labels read_volume"
            ),
            "pycemrg_core.images.sources": "read_segmentation",
            "pycemrg_core.images.structures": "misspelt names_in source_scheme",
            "pycemrg_core.images.training_sample": "Drawn Sample",
            "pycemrg_core.recipes.blueprints": "blueprint_of",
            "pycemrg_core.recipes.checking": "checks_on faults_of require_doubts require_sound",
            "pycemrg_core.runs.finished": "FinishedRun",
            "pycemrg_core.runs.naming": "heart_names read_heart_names",
            "pycemrg_core.runs.outputs": "Made",
            "pycemrg_core.shown.objects": "Shown",
            "pycemrg_core.shown.slices": "slices_png",
            "pycemrg_core.shown.words": "amount counted html_table",
            "pycemrg_core.text.files": "name_of read_text stem_of",
            "pycemrg_core.text.label_tables": (
                "LABEL_FILES LabelRow labels_of read_label_file read_labels_file read_mapping_file"
            ),
            "pycemrg_core.text.names": "Names close_to",
            "pycemrg_core.text.numbers": "like_number parse_number whole_number",
            "pycemrg_core.text.structured": "as_yaml load_json load_yaml load_yaml_list wrong_places",
            "pycemrg_core.text.tables": "table_rows",
        },
        classes_of="pycemrg_core.api.records",
    )
