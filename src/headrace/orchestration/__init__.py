"""Orchestration: pipelines as graphs of steps, each run once, in a process of its own, and committed whole."""

from headrace.orchestration.handles import Handle
from headrace.orchestration.mapping import each
from headrace.orchestration.pipelines import Pipeline, load_pipeline, pipeline
from headrace.orchestration.steps import Step, step
from headrace.orchestration.stores import open_store

__all__ = ["Handle", "Pipeline", "Step", "each", "load_pipeline", "open_store", "pipeline", "step"]
