"""The spine: six datasets flow raw → cleaned → aggregated → anonymized → published, for several years."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import duckdb
import pandas as pd
import pytest

from emtp_assets.contracts import DATASETS, contract_for, read_codes
from emtp_assets.intake import Ledger
from emtp_assets.keys import PUBLISHED, key_of
from emtp_assets.storage.lake import Lake, Layer
from emtp_assets.storage.provenance import Origin, Provenance
from emtp_assets_tests.opened import archived_bytes, rows
from emtp_assets_tests.pipeline.conftest import YEARS, Instance

pytestmark = pytest.mark.pipeline
LAYERS = (Layer.RAW, Layer.CLEANED, Layer.AGGREGATED, Layer.ANONYMIZED)


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_of_every_dataset_is_materialized_for_every_year(
    demo: Instance, layer: Layer, dataset: str
) -> None:
    assert demo.dagster.get_materialized_partitions(key_of(layer, dataset)) == {str(year) for year in YEARS}


def test_no_blocking_check_failed_and_the_year_of_each_is_told(demo: Instance) -> None:
    results = [
        event.event_log_entry.dagster_event.asset_check_evaluation_data  # pyright: ignore[reportOptionalMemberAccess]
        for event in demo.dagster.get_event_records(dg.EventRecordsFilter(dg.DagsterEventType.ASSET_CHECK_EVALUATION))
    ]
    assert len(results) > 150
    assert [r.check_name for r in results if not r.passed and r.severity is dg.AssetCheckSeverity.ERROR] == []
    assert all("regla" in r.metadata or r.asset_key == PUBLISHED for r in results)


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("year", YEARS)
def test_each_raw_row_is_cleaned_or_rejected_and_none_is_both(demo: Instance, dataset: str, year: int) -> None:
    lake = Lake(demo.settings.data_dir)
    found = {
        layer: rows("select _delivery, _row from part", demo.settings, part=lake.part(layer, dataset, year))
        for layer in (Layer.RAW, Layer.CLEANED, Layer.REJECTED)
    }
    assert sorted(found[Layer.RAW]) == sorted(found[Layer.CLEANED] + found[Layer.REJECTED])
    assert found[Layer.RAW]


@pytest.mark.parametrize("year", YEARS)
def test_published_enrolment_is_what_a_plain_count_of_the_delivered_file_says(
    demo: Instance, year: int, tmp_path: Path
) -> None:
    delivery = Ledger(demo.settings.data_dir).latest("matricula", year)
    assert delivery is not None
    emtp = ", ".join(f"'{code}'" for code in read_codes("tipo_ensenanza", "es_emtp"))
    (tmp_path / "entrega.csv").write_bytes(archived_bytes(delivery.sha256, demo.settings))
    counted = duckdb.sql(
        f"""select count(*), count(*) filter (GEN_ALU = '2'), count(*) filter (COD_GRADO in ('3', '4'))
        from read_csv('{tmp_path}/entrega.csv', delim=';', header=true, all_varchar=true, quote='')
        where COD_ENSE in ({emtp})"""
    ).fetchone()
    table = pd.read_parquet(demo.processed / "matricula_region.parquet")
    country = table[(table["año"] == year) & (table["cod_region"] == 0)].set_index("lectura")
    assert counted == (
        country.loc["1º a 4º medio", "matricula_total"],
        country.loc["1º a 4º medio", "matricula_mujeres"],
        country.loc["3º y 4º medio", "matricula_total"],
    )


def test_simulated_figures_say_so_in_every_file_and_row(demo: Instance) -> None:
    for path in demo.processed.glob("*.parquet"):
        assert Provenance.of(path).origin is Origin.SIMULATED, path.name
    for path in demo.processed.glob("*.csv"):
        table = pd.read_csv(path)
        if "origen_datos" in table:
            assert set(table["origen_datos"]) == {"SIMULADO"}, path.name
    assert "SIMULAD" in (demo.processed / "LEEME.txt").read_text(encoding="utf-8").upper()
    assert json.loads((demo.processed / "procedencia.json").read_text(encoding="utf-8"))["origen"] == "SIMULADO"


def test_no_direct_identifier_nor_pseudonym_leaves(demo: Instance) -> None:
    people = duckdb.sql(
        f"select distinct id_estudiante from '{Lake(demo.settings.data_dir).part(Layer.CLEANED, 'matricula', 2025)}'"
    ).fetchnumpy()["id_estudiante"]
    pseudonyms = set(people)
    mruns = {
        mrun
        for (mrun,) in rows(
            "select distinct trim(MRUN) from raw",
            demo.settings,
            raw=Lake(demo.settings.data_dir).part(Layer.RAW, "matricula", 2025),
        )
    }
    for layer in (Layer.CLEANED, Layer.AGGREGATED, Layer.ANONYMIZED):
        for path in (demo.settings.data_dir / layer).rglob("*.parquet"):
            held = _values(pd.read_parquet(path))
            assert not held & mruns, path
            assert layer is Layer.CLEANED or not held & pseudonyms, path
    for path in demo.processed.glob("*.csv"):
        assert not _values(pd.read_csv(path, dtype=str)) & (mruns | pseudonyms), path.name


def _values(table: pd.DataFrame) -> set[str]:
    texts = table.select_dtypes(["str", "object"])
    return {value for name in texts.columns for value in texts[name].dropna() if isinstance(value, str)}


def test_the_client_reads_what_it_always_read(demo: Instance) -> None:
    names = {"matricula_completa", "egresados", "titulacion", "establecimientos", "docentes", "proyectos"}
    assert names <= {p.stem for p in demo.processed.glob("*.csv")} & {p.stem for p in demo.processed.glob("*.parquet")}
    enrolment = pd.read_csv(demo.processed / "matricula_completa.csv")
    assert (demo.processed / "matricula_completa.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert {
        "año",
        "region",
        "comuna",
        "cod_comuna",
        "especialidad",
        "dependencia",
        "zona",
        "tasa_retencion",
    } <= set(enrolment)
    assert enrolment["matricula_total"].dropna().min() >= demo.settings.suppression_minimum
    assert set(enrolment.loc[enrolment["matricula_total"].isna(), "matricula_total_nota"]) == {"s"}


def test_running_a_year_again_gives_the_same_bytes(own_demo: Instance) -> None:
    before = own_demo.published_bytes()
    own_demo.run(2024, 2024)
    assert own_demo.published_bytes() == before


def test_titles_and_graduates_are_the_same_people(demo: Instance) -> None:
    rates = pd.read_parquet(demo.processed / "titulacion.parquet")
    shown = rates.loc[(rates["año"] == 2025), "tasa_titulacion"].dropna()
    assert shown.between(0.3, 0.95).all()
    assert len(shown)


def test_the_contract_describes_every_column_that_the_cleaned_table_has(demo: Instance) -> None:
    lake = Lake(demo.settings.data_dir)
    for dataset in DATASETS:
        columns = {c for c, *_ in duckdb.sql(f"describe from '{lake.part(Layer.CLEANED, dataset, 2025)}'").fetchall()}
        assert {c.name for c in contract_for(dataset).cleaned_columns} <= columns
