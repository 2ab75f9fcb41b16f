"""The code location as Dagster loads it: whole, described in Spanish, and quick to load."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import dagster as dg
import pytest

from emtp_assets.automation.jobs import EVERYTHING, PUBLISH, job_of
from emtp_assets.contracts import DATASETS
from emtp_assets.definitions import build_definitions
from emtp_assets.keys import key_of
from emtp_assets.settings import HOME, Settings
from emtp_assets.storage.lake import Layer
from emtp_assets_tests.conftest import isolated_settings


@pytest.fixture
def definitions(settings: Settings) -> dg.Definitions:
    return build_definitions(settings)


def test_each_dataset_is_a_chain_of_four_assets_by_academic_year(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for dataset in DATASETS:
        chain = [key_of(layer, dataset) for layer in (Layer.RAW, Layer.CLEANED, Layer.AGGREGATED, Layer.ANONYMIZED)]
        for upstream, downstream in pairwise(chain):
            assert upstream in graph.get(downstream).parent_keys
        assert all(isinstance(graph.get(key).partitions_def, dg.TimeWindowPartitionsDefinition) for key in chain)
        assert all(graph.get(key).description for key in chain)


def test_jobs_of_all_of_one_and_of_the_publication(definitions: dg.Definitions) -> None:
    names = {job.name for job in definitions.resolve_all_job_defs()}
    assert {EVERYTHING, PUBLISH, *(job_of(dataset) for dataset in DATASETS)} <= names


def test_every_check_has_a_rule_in_words_and_errors_block(definitions: dg.Definitions) -> None:
    specs = list(definitions.resolve_asset_graph().asset_check_keys)
    assert len(specs) > 200
    for key in specs:
        spec = definitions.resolve_asset_graph().get_check_spec(key)
        assert spec.description, key


def test_partitions_begin_where_the_setting_says(settings: Settings) -> None:
    graph = build_definitions(isolated_settings(data_dir=settings.data_dir, first_year=2019)).resolve_asset_graph()
    partitions = graph.get(key_of(Layer.RAW, "matricula")).partitions_def
    assert partitions is not None
    assert partitions.get_first_partition_key() == "2019"


def test_loading_does_not_import_what_costs_seconds() -> None:
    program = (
        "import sys, emtp_assets.definitions as d;"
        "print([m for m in ('great_expectations', 'dbt.cli', 'pandas', 'scipy', 'pyodbc', 'arrow_odbc',"
        " 'paramiko', 'msal', 'httpx', 'tenacity') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=HOME)
    assert said.stdout.strip() == "[]"


def test_telemetry_is_off_and_nothing_covers_the_pages() -> None:
    import yaml

    instance = yaml.safe_load((HOME / "dagster_home" / "dagster.yaml").read_text(encoding="utf-8"))
    assert instance["telemetry"] == {"enabled": False}
    assert instance["nux"] == {"enabled": False}
