"""Pipelines: lists of augmentations by name, checked as a whole, run with one seed, and repeated from their records."""

from pycemrg_augment.pipelines.pipeline import Pipeline as Pipeline
from pycemrg_augment.pipelines.records import record as record
from pycemrg_augment.pipelines.records import replay as replay
from pycemrg_augment.pipelines.steps import PipelineStep as PipelineStep
