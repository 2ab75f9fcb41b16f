"""Transformation: runs the dbt models over chosen years. The SQL lives in dbt_project; what to run, in assets."""

from emtp_assets.transformation.dbt import Input, TransformationError, run_models
from emtp_assets.transformation.models import AggregatedModel, aggregated_models

__all__ = ["AggregatedModel", "Input", "TransformationError", "aggregated_models", "run_models"]
