"""The proof of a written set finds what was tampered with, by reading the files alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from emtp_assets.publication.catalogue import PublishedTable, published_tables
from emtp_assets.publication.publish import publish
from emtp_assets.publication.reconcile import Expected, problems
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import literal
from emtp_assets.storage.lake import Lake
from emtp_assets.storage.provenance import Origin
from emtp_assets_tests.publication.fake_lake import NOW, YEARS

TABLE: PublishedTable = next(table for table in published_tables() if table.name == "titulacion")
EXPECTED = {"titulacion": Expected(600, dict.fromkeys(YEARS, Origin.OFFICIAL))}


@pytest.fixture
def folder(settings: Settings, lake: Lake, tmp_path: Path) -> Path:
    published = publish(settings, lake, now=NOW, run_id="a")
    return Path(shutil.copytree(published.folder, tmp_path / "copy"))


def found(folder: Path, expected: Expected = EXPECTED["titulacion"]) -> list[str]:
    with duckdb.connect() as connection:
        return problems(connection, folder, (TABLE,), {"titulacion": expected})


def rewrite(folder: Path, select: str) -> None:
    path = folder / "titulacion.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t AS FROM read_parquet({literal(path)})")
        connection.execute(f"COPY ({select}) TO {literal(path)} (FORMAT parquet)")


def test_a_sound_table_has_no_problem(folder: Path) -> None:
    assert found(folder) == []


def test_a_missing_file(folder: Path) -> None:
    (folder / "titulacion.csv").unlink()
    assert found(folder) == ["titulacion: faltan archivos: titulacion.csv"]


def test_a_lost_row(folder: Path) -> None:
    rewrite(folder, "FROM t LIMIT 599")
    assert "titulacion: tiene 599 filas y sus datos anonimizados 600" in found(folder)
    assert "titulacion: el CSV tiene 600 filas y el Parquet 599" in found(folder)


def test_a_column_outside_the_dictionary(folder: Path) -> None:
    rewrite(folder, "SELECT *, 1 AS mrun FROM t")
    assert found(folder) == ["titulacion: las columnas no son las del diccionario: mrun INTEGER"]


def test_a_value_that_differs_between_csv_and_parquet(folder: Path) -> None:
    text = (folder / "titulacion.csv").read_text(encoding="utf-8")
    (folder / "titulacion.csv").write_text(text.replace("Municipal", "Particular", 1), encoding="utf-8")
    assert found(folder) == ["titulacion: el CSV y el Parquet no tienen los mismos valores"]


def test_a_csv_without_its_bom(folder: Path) -> None:
    path = folder / "titulacion.csv"
    path.write_bytes(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    assert found(folder) == ["titulacion: el encabezado del CSV no es el del diccionario, o le falta el BOM"]


def test_a_year_that_no_input_has(folder: Path) -> None:
    without = Expected(600, {2023: Origin.OFFICIAL, 2024: Origin.OFFICIAL})
    assert found(folder, without) == ["titulacion: el año 2025 no viene de ningún archivo anonimizado"]


def test_rows_called_official_that_come_from_a_simulation(folder: Path) -> None:
    simulated = Expected(600, dict.fromkeys(YEARS, Origin.SIMULATED))
    assert found(folder, simulated)[0] == "titulacion: el año 2023 tiene filas OFICIAL y sus archivos son SIMULADO"
