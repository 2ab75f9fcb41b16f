"""What lies in `data/processed` after a publication, and what is refused."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from emtp_assets.publication.catalogue import all_tables, published_tables
from emtp_assets.publication.publish import PublicationError, publish
from emtp_assets.settings import Mode, Settings
from emtp_assets.storage.duck import literal, session
from emtp_assets.storage.lake import Lake, Layer
from emtp_assets.storage.provenance import Origin, Provenance
from emtp_assets_tests.publication.fake_lake import (
    NOW,
    TABLES,
    YEARS,
    delivery,
    describe,
    fill,
    query,
    settings_for,
    table_bytes,
)


@pytest.fixture(scope="module")
def processed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published set that the tests only read."""
    settings = settings_for(tmp_path_factory.mktemp("instance") / "data")
    archive = settings.data_dir / "archive"
    publish(settings, fill(settings), now=NOW, run_id="abc", describe=lambda sha: describe(sha, archive))
    return settings.data_dir / "processed"


def test_the_set_is_complete(processed: Path) -> None:
    tables = "matricula_completa egresados titulacion establecimientos docentes proyectos"
    extras = "establecimientos_historico establecimientos_resumen matricula_region"
    caches = "establecimientos matricula matricula_agregado docentes titulados"
    expected = {f"{t}.{ext}" for t in f"{tables} {extras}".split() for ext in ("csv", "parquet")}
    expected |= {f"cache_{c}.parquet" for c in caches.split()}
    expected |= {"cache_metadata.json", "diccionario_datos.csv", "diccionario_datos.md"}
    expected |= {"procedencia.json", "correcciones.md", "LEEME.txt"}
    assert {path.name for path in processed.iterdir()} == expected


@pytest.mark.parametrize("table", published_tables(), ids=lambda table: table.name)
def test_pandas_reads_the_same_from_csv_and_parquet(processed: Path, table) -> None:
    assert (processed / f"{table.name}.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    csv = pd.read_csv(processed / f"{table.name}.csv")
    parquet = pd.read_parquet(processed / f"{table.name}.parquet")
    assert list(csv.columns) == list(parquet.columns) == [column.name for column in table.columns]
    assert len(csv) > 0
    plain = parquet.astype(object).replace({"": None}).map(lambda value: None if pd.isna(value) else value)
    as_read = csv.astype(object).map(lambda value: None if pd.isna(value) else value)
    assert_frame_equal(as_read, plain, check_dtype=False)


def test_rows_come_in_the_order_of_the_key(processed: Path) -> None:
    key = ["año", "cod_comuna", "cod_especialidad"]
    frame = pd.read_parquet(processed / "matricula_completa.parquet")[key]
    assert_frame_equal(frame, frame.sort_values(key).reset_index(drop=True))


def test_a_suppressed_cell_is_empty_and_says_so(processed: Path) -> None:
    frame = pd.read_csv(processed / "matricula_completa.csv")
    suppressed = frame[frame.matricula_total_nota == "s"]
    assert len(suppressed) > 0
    assert suppressed.matricula_total.isna().all()
    assert frame[frame.matricula_total_nota.isna()].matricula_total.notna().all()


def test_retention_is_of_the_year_before_its_partition_and_missing_for_the_last(
    processed: Path,
) -> None:
    frame = pd.read_parquet(processed / "matricula_completa.parquet")
    notes = frame.groupby("año").tasa_retencion_nota.agg(set)
    assert notes[2025] == {"nd"}
    assert notes[2024] == {"", "s"}
    assert len(frame) == 3 * 200


def test_what_sige_does_not_know_is_not_available_rather_than_zero(processed: Path) -> None:
    frame = pd.read_csv(processed / "egresados.csv")
    for column in ("transicion_esup", "tasa_transicion", "a_universidades", "a_institutos"):
        assert frame[column].isna().all()
        assert set(frame[f"{column}_nota"]) == {"nd"}


def test_establecimientos_is_the_latest_year_and_its_history_all(processed: Path) -> None:
    assert set(pd.read_csv(processed / "establecimientos.csv")["año"]) == {2025}
    assert set(pd.read_csv(processed / "establecimientos_historico.csv")["año"]) == set(YEARS)


def test_the_visualizadors_loader_can_filter_and_tell_the_age(processed: Path) -> None:
    for name, columns in {
        "establecimientos": ("Region", "Comuna"),
        "matricula": ("Region", "Comuna", "Año", "Especialidad"),
        "matricula_agregado": ("Region", "Año"),
        "docentes": ("Region", "Especialidad"),
        "titulados": ("Region", "Año"),
    }.items():
        frame = pd.read_parquet(processed / f"cache_{name}.parquet")
        for column in columns:
            assert len(frame[frame[column] == frame[column].iloc[0]]) > 0
    metadata = json.loads((processed / "cache_metadata.json").read_text(encoding="utf-8"))
    updated = datetime.fromisoformat(metadata["fecha_actualizacion"])
    # The loader subtracts it from a naive now(), which raises on a date with offset; 09:30 UTC is 05:30.
    assert datetime(2026, 4, 7, 5, 30) - updated == timedelta(days=1)
    assert metadata["errores"] == []
    assert metadata["registros_totales"] == sum(s["registros"] for s in metadata["fuentes_actualizadas"])
    for source in metadata["fuentes_actualizadas"]:
        assert len(pd.read_parquet(processed / source["archivo"])) == source["registros"] > 0


def test_the_aggregate_cache_sums_to_the_country_once(processed: Path) -> None:
    frame = pd.read_parquet(processed / "cache_matricula_agregado.parquet")
    assert not frame.duplicated(["Año", "CodigoRegion"]).any()
    assert 0 not in set(frame.CodigoRegion)


def test_provenance_names_the_deliveries_of_each_year_and_every_files_hash(processed: Path) -> None:
    record = json.loads((processed / "procedencia.json").read_text(encoding="utf-8"))
    for entry in record["tablas"].values():
        for name, digest in entry["sha256"].items():
            assert sha256((processed / name).read_bytes()).hexdigest() == digest
    year = record["tablas"]["matricula_completa"]["años"]["2024"]
    assert set(year["entregas"]) == {delivery("matricula", 2024), delivery("matricula", 2025)}
    assert year["corte"] == "30 de abril de 2024"
    docentes = record["tablas"]["docentes"]["años"]["2023"]
    assert docentes["entregas"] == [delivery("docentes", 2023)]
    known = record["entregas"][delivery("titulacion", 2023)]
    assert known["nombre_original"] == "titulacion_2023.csv"
    assert known["archivo_historico"] == f"archive/{delivery('titulacion', 2023)}.zst"
    assert "columns" not in known
    assert record["entregas"][delivery("proyectos", 2023)] == {"conocida": False}
    assert record["minimo_supresion"] == 10
    assert record["origen"] == "OFICIAL"


def test_a_parquet_carries_its_provenance_in_its_own_footer(processed: Path) -> None:
    for table in all_tables():
        path = processed / f"{table.name}.parquet"
        assert Provenance.of(path).origin is Origin.OFFICIAL
        metadata = pq.read_metadata(path)
        assert metadata.num_rows == 0 or metadata.row_group(0).column(0).compression == "ZSTD"


def test_the_dictionary_describes_every_published_column(processed: Path) -> None:
    dictionary = pd.read_csv(processed / "diccionario_datos.csv")
    for table in all_tables():
        described = dictionary[dictionary.tabla == table.name]
        assert list(described.columna) == list(pd.read_parquet(processed / f"{table.name}.parquet").columns)
        assert described.descripcion.notna().all()
        assert f"## {table.name}\n" in (processed / "diccionario_datos.md").read_text(encoding="utf-8")


def test_two_publications_of_one_lake_give_the_same_bytes(settings: Settings, lake: Lake) -> None:
    first = publish(settings, lake, now=NOW, run_id="a")
    second = publish(settings, lake, now=NOW + timedelta(days=7), run_id="b")
    assert first.folder != second.folder
    assert table_bytes(first.folder) == table_bytes(second.folder)


def test_simulated_figures_are_called_so_everywhere(settings: Settings) -> None:
    lake = fill(settings, origins={2024: Origin.SIMULATED})
    published = publish(settings, lake, now=NOW, run_id="a")
    readme = (published.folder / "LEEME.txt").read_text(encoding="utf-8-sig")
    metadata = json.loads((published.folder / "cache_metadata.json").read_text(encoding="utf-8"))
    assert published.origin is Origin.MIXED
    assert "titulacion: SIMULADO 2024" in published.simulated
    # 2023's retention rests on 2024's simulated enrolment.
    assert "matricula_completa: MIXTO 2023, 2024" in published.simulated
    for said in published.simulated:
        assert said in readme
        assert said in metadata["tablas_con_datos_simulados"]
    assert readme.index("DATOS SIMULADOS") < 300
    assert metadata["simulado"] is True
    frame = pd.read_csv(published.folder / "titulacion.csv")
    assert frame.groupby("año").origen_datos.agg(set).to_dict() == {
        2023: {"OFICIAL"},
        2024: {"SIMULADO"},
        2025: {"OFICIAL"},
    }


@pytest.mark.parametrize("origin", [Origin.SIMULATED, Origin.MIXED])
def test_production_refuses_what_is_not_official(settings: Settings, origin: Origin) -> None:
    before = publish(settings, fill(settings), now=NOW, run_id="a")
    production = settings_for(settings.data_dir, mode=Mode.PRODUCTION)
    with pytest.raises(PublicationError, match=r"producción.*docentes/academic_year=2024"):
        publish(production, fill(settings, origins={2024: origin}), now=NOW, run_id="b")
    assert (settings.data_dir / "processed").resolve() == before.folder


def test_production_publishes_official_figures(settings: Settings, lake: Lake) -> None:
    production = settings_for(settings.data_dir, mode=Mode.PRODUCTION)
    assert publish(production, lake, now=NOW, run_id="a").origin is Origin.OFFICIAL


def test_a_dataset_that_never_had_data_is_published_empty_and_said(settings: Settings) -> None:
    lake = fill(settings, tables=[name for name in TABLES if name != "proyectos"])
    published = publish(settings, lake, now=NOW, run_id="a")
    assert published.missing == ("proyectos",)
    frame = pd.read_csv(published.folder / "proyectos.csv")
    assert len(frame) == 0
    assert "monto_asignado" in frame.columns
    metadata = json.loads((published.folder / "cache_metadata.json").read_text(encoding="utf-8"))
    assert [error for error in metadata["errores"] if "proyectos" in error]
    assert "proyectos: sin datos" in (published.folder / "LEEME.txt").read_text(encoding="utf-8-sig")


def test_a_dataset_that_disappears_stops_the_publication(settings: Settings, lake: Lake) -> None:
    before = publish(settings, lake, now=NOW, run_id="a")
    for year in YEARS:
        lake.withdraw(Layer.ANONYMIZED, "docentes", year)
    with pytest.raises(PublicationError, match="docentes"):
        publish(settings, lake, now=NOW, run_id="b")
    assert (settings.data_dir / "processed").resolve() == before.folder
    wanted = publish(settings, lake, now=NOW, run_id="c", allow_missing=True)
    assert wanted.missing == ("docentes",)


def test_a_production_instance_may_drop_its_demonstration_figures(settings: Settings) -> None:
    simulated = fill(settings, origins=dict.fromkeys(YEARS, Origin.SIMULATED))
    publish(settings, simulated, now=NOW, run_id="a")
    for table in TABLES:
        for year in YEARS:
            simulated.withdraw(Layer.ANONYMIZED, table, year)
    lake = fill(settings, tables=["establecimientos", "establecimientos_resumen"])
    production = settings_for(settings.data_dir, mode=Mode.PRODUCTION)
    published = publish(production, lake, now=NOW, run_id="b")
    assert "docentes" in published.missing
    assert published.rows["establecimientos"] == 200


def test_a_year_that_disappears_is_a_warning(settings: Settings, lake: Lake) -> None:
    publish(settings, lake, now=NOW, run_id="a")
    lake.withdraw(Layer.ANONYMIZED, "titulacion", 2023)
    published = publish(settings, lake, now=NOW, run_id="b")
    assert [w for w in published.warnings if w.startswith("titulacion:") and "2023" in w]


def test_an_empty_lake_is_not_published(settings: Settings) -> None:
    with pytest.raises(PublicationError, match="ningún dato"):
        publish(settings, Lake(settings.data_dir), now=NOW, run_id="a")
    assert not (settings.data_dir / "processed").exists()


def put(settings: Settings, lake: Lake, table: str, sql: str, *, provenance: bool = True) -> None:
    """Replace 2025's anonymized file by what ``sql`` selects."""
    footer = Provenance((delivery(TABLES[table], 2025),), Origin.OFFICIAL, "1").copy_option
    with session(settings) as connection, lake.staging() as folder:
        staged = folder / "part.parquet"
        option = f", {footer}" if provenance else ""
        connection.execute(f"COPY ({sql}) TO {literal(staged)} (FORMAT parquet{option})")
        lake.promote(staged, Layer.ANONYMIZED, table, 2025)


GOOD = query("titulacion", 2025, 50, Origin.OFFICIAL)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (f"({GOOD}) UNION ALL ({GOOD})", "clave .*repetidas"),
        (f"SELECT * REPLACE (7 AS titulados) FROM ({GOOD})", "cifras de titulados visibles pese a su nota"),
        (f"SELECT * REPLACE ('' AS titulados_nota) FROM ({GOOD})", "titulados vacías sin nota"),
        (f"SELECT * REPLACE ('?' AS titulados_nota) FROM ({GOOD})", "símbolo desconocido"),
        (f"SELECT * REPLACE ('SIMULADO' AS origen_datos) FROM ({GOOD})", "2025 tiene filas SIMULADO"),
        (
            f"SELECT * EXCLUDE (titulados, titulados_nota) FROM ({GOOD})",
            "titulacion 2025: faltan columnas .*titulados",
        ),
        (f'SELECT * REPLACE (NULL::INTEGER AS "año") FROM ({GOOD})', "filas sin año"),
        (f"SELECT * REPLACE ('muchos' AS titulados) FROM ({GOOD})", "No se pudieron escribir"),
    ],
)
def test_an_anonymized_table_that_is_not_fit_stops_everything(
    settings: Settings, lake: Lake, sql: str, said: str
) -> None:
    before = publish(settings, lake, now=NOW, run_id="a")
    bytes_before = table_bytes(before.folder)
    put(settings, lake, "titulacion", sql)
    with pytest.raises(PublicationError, match=said):
        publish(settings, lake, now=NOW, run_id="b")
    assert (settings.data_dir / "processed").resolve() == before.folder
    assert table_bytes(before.folder) == bytes_before


def test_a_file_without_provenance_is_not_published(settings: Settings, lake: Lake) -> None:
    put(settings, lake, "titulacion", GOOD, provenance=False)
    with pytest.raises(PublicationError, match="procedencia"):
        publish(settings, lake, now=NOW, run_id="a")


def test_an_extra_column_of_the_anonymized_layer_does_not_get_out(settings: Settings, lake: Lake) -> None:
    put(settings, lake, "titulacion", f"SELECT *, 'x' AS id_estudiante FROM ({GOOD})")
    published = publish(settings, lake, now=NOW, run_id="a")
    assert "id_estudiante" not in pd.read_parquet(published.folder / "titulacion.parquet").columns
