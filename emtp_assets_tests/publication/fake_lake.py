"""A small anonymized layer, written as the real one is: by DuckDB, with provenance footers, year by year."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from emtp_assets.publication.publish import publish
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import literal, session
from emtp_assets.storage.lake import Lake, Layer
from emtp_assets.storage.provenance import Origin, Provenance
from emtp_assets_tests.conftest import STORAGE_KEY

NOW = datetime(2026, 4, 6, 9, 30, tzinfo=UTC)
YEARS = (2023, 2024, 2025)
TABLES = {
    "matricula_completa": "matricula",
    "matricula_region": "matricula",
    "matricula_retencion": "matricula",
    "egresados": "egresados",
    "titulacion": "titulacion",
    "establecimientos": "establecimientos",
    "establecimientos_resumen": "establecimientos",
    "docentes": "docentes",
    "proyectos": "proyectos",
}


def settings_for(data_dir: Path, **more: object) -> Settings:
    """Of an instance in which nothing waits for an approval, unless the test says from when."""
    values = {"restatement_floor": 10**15, "storage_key": STORAGE_KEY, **more}
    return Settings(_env_file=None, data_dir=data_dir, **values)  # pyright: ignore[reportCallIssue, reportArgumentType]


def delivery(dataset: str, year: int) -> str:
    """The SHA-256 that stands for that dataset's delivery of a year."""
    return sha256(f"{dataset} {year}".encode()).hexdigest()


def describe(sha: str, archive: Path = Path("/srv/otro")) -> dict[str, object] | None:
    """A ledger that knows every delivery but those of proyectos."""
    for dataset in set(TABLES.values()) - {"proyectos"}:
        for year in range(2010, 2030):
            if sha == delivery(dataset, year):
                return {
                    "sha256": sha,
                    "dataset": dataset,
                    "source": "carpeta",
                    "original_name": f"{dataset}_{year}.csv",
                    "received_at": datetime(year + 1, 1, 2, tzinfo=UTC),
                    "size_bytes": 10,
                    "rows": 3,
                    "years": {year: 3},
                    "simulated": False,
                    "columns": ["MRUN"],
                    "archive_path": f"{archive}/{sha}.zst",
                }
    return None


def measure(name: str, value: str) -> str:
    """A protected measure: every seventh cell suppressed."""
    return f"CASE WHEN i % 7 = 3 THEN NULL ELSE {value} END AS {name}, if(i % 7 = 3, 's', '') AS {name}_nota"


REGION = "(i % 16 + 1)::INTEGER AS cod_region, 'Región Ñ ' || (i % 16 + 1) AS region"
SPECIALTY = (
    "(41000 + i // 16)::INTEGER AS cod_especialidad, 'Especialidad \"' || (i // 16) || '\", técnica' AS especialidad"
)
CELL = f"{REGION}, (1000 + i % 16)::INTEGER AS cod_comuna, 'Comuna ' || (i % 16) AS comuna, {SPECIALTY}"
PLACE = "'Municipal' AS dependencia, 'Urbano' AS zona"
GROUP = f"{REGION}, {SPECIALTY}, 'Municipal' AS dependencia"
CYCLE = "'Diferenciado (3º y 4º medio)' AS ciclo"


def query(table: str, year: int, rows: int, origin: Origin) -> str:
    """The rows of one table and partition, in no order."""
    ends = f"{literal(origin)} AS origen_datos FROM range({rows}) AS r(i) ORDER BY hash(i)"
    starts = f'SELECT {year}::INTEGER AS "año", '
    if table == "matricula_completa":
        counts = ", ".join(measure(f"matricula_{k}", "i + 10") for k in ("total", "hombres", "mujeres"))
        return f"{starts} {CELL}, {CYCLE}, {PLACE}, {counts}, {ends}"
    if table == "matricula_retencion":
        starts = f'SELECT {year - 1}::INTEGER AS "año", '
        kept = (
            f"(1000 + i % 16)::INTEGER AS cod_comuna, (41000 + i // 16)::INTEGER AS cod_especialidad, {CYCLE}, {PLACE}"
        )
        return f"{starts} {kept}, {measure('tasa_retencion', '1 / (i + 3.0)')}, {ends}"
    if table == "matricula_region":
        counts = ", ".join(measure(f"matricula_{k}", "i + 10") for k in ("total", "hombres", "mujeres"))
        return (
            f"{starts} (i // 2)::INTEGER AS cod_region, 'Región ' || (i // 2) AS region,"
            f" if(i % 2 = 0, '1º a 4º medio', '3º y 4º medio') AS lectura, {counts},"
            f" i::INTEGER AS cantidad_establecimientos, {literal(origin)} AS origen_datos"
            " FROM range(34) AS r(i)"
        )
    if table == "egresados":
        return f"{starts} {GROUP}, {measure('egresados_total', 'i')}, {ends}"
    if table == "titulacion":
        shares = ", ".join(
            measure(m, "i / 7.0") for m in ("tasa_titulacion", "tiempo_titulacion_meses", "titulacion_oportuna")
        )
        return f"{starts} {GROUP}, {measure('titulados', 'i')}, {shares}, {ends}"
    if table == "establecimientos":
        return (
            f"{starts} (90000 + i)::INTEGER AS establecimiento_id, 'SIMULADO Liceo, ' || i AS nombre,"
            f" {CELL}, {PLACE}, 'Funcionando' AS estado, {measure('matricula_especialidad', 'i')},"
            f" -33.5 - i / 1000 AS latitud, if(i % 5 = 0, NULL, -70.6) AS longitud, {ends}"
        )
    if table == "establecimientos_resumen":
        return (
            f"{starts} i::INTEGER AS cod_region, 'Región ' || i AS region, i AS establecimientos_emtp,"
            " i AS establecimientos_emtp_con_matricula, i AS establecimientos_emtp_jovenes,"
            f" {measure('matricula_tp_jovenes', 'i')}, {measure('matricula_tp_adultos', 'i')},"
            f" {literal(origin)} AS origen_datos FROM range(17) AS r(i)"
        )
    if table == "docentes":
        means = ", ".join(
            measure(m, "i / 3.0")
            for m in ("docentes_total", "edad_media", "experiencia_media", "pct_titulo_pedagogico")
        )
        return f"{starts} {REGION}, {SPECIALTY}, 'Mujer' AS genero, {means}, {ends}"
    return (
        f"{starts} {REGION}, 'Equipamiento' AS tipo_proyecto, 'En ejecución' AS estado,"
        f" i * 1000.0 AS monto_asignado, i * 500.0 AS monto_ejecutado, 50.0 AS pct_ejecucion,"
        f" 3 AS establecimientos_beneficiados, {ends}"
    )


def fill(
    settings: Settings,
    *,
    years: Iterable[int] = YEARS,
    tables: Iterable[str] = tuple(TABLES),
    origins: Mapping[int, Origin] | None = None,
    rows: int = 200,
) -> Lake:
    """Put an anonymized layer in the instance's lake; official unless ``origins`` says otherwise."""
    lake = Lake(settings.data_dir)
    with session(settings) as connection:
        for table in tables:
            for year in years:
                origin = (origins or {}).get(year, Origin.OFFICIAL)
                provenance = Provenance((delivery(TABLES[table], year),), origin, "1+prueba")
                with lake.staging() as folder:
                    staged = folder / "part.parquet"
                    connection.execute(
                        f"COPY ({query(table, year, rows, origin)}) TO {literal(staged)}"
                        f" (FORMAT parquet, COMPRESSION zstd, {provenance.copy_option})"
                    )
                    lake.promote(staged, Layer.ANONYMIZED, table, year)
    return lake


def table_bytes(folder: Path) -> dict[str, str]:
    """SHA-256 of every CSV and Parquet file of a set."""
    return {
        path.name: sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.suffix in (".csv", ".parquet")
    }


if __name__ == "__main__":  # a publication in a process of its own, to be killed or limited
    instance = settings_for(Path(sys.argv[1]))
    publish(instance, Lake(instance.data_dir), now=NOW, run_id="aparte")
