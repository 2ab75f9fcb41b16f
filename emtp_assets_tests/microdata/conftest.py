"""A cleaned year of simulated students, made in a second, with everything true that an attacker could know of them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from emtp_assets.privacy.keys import key_id, pseudonym_key
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import literal
from emtp_assets.storage.lake import Lake, Layer
from emtp_assets.storage.provenance import Origin, Provenance
from emtp_assets_tests.conftest import isolated_settings

STUDENTS = 12_000
SPECIALTIES = (0, 41001, 41002, 51001, 52010, 53014, 61002, 71001, 72006, 81001)


def students_sql(persons: int, year: int, seed: int) -> str:
    """A SELECT of that many students, clustered in unequal schools as real ones are; ``name`` is theirs alone."""
    listed = ", ".join(map(str, SPECIALTIES))
    return f"""
        with each_one as (
            select i, (hash(i, {seed}, 'a') % 1000) / 1000 as a, hash(i, {seed}, 'b') % 1000 as b,
                hash(i, {seed}, 'c') % 1000 as c, hash(i, {seed}, 'd') % 1000 as d
            from range({persons}) as t(i)
        ), placed as (select *, (pow(a, 2) * 400)::bigint as school from each_one)
        select {year}::bigint as agno, 90000 + school as rbd,
            (1 + hash(school, 'r') % 16)::bigint as cod_region,
            (1 + hash(school, 'r') % 16)::bigint * 1000 + 100 + (hash(school, 'k') % 7)::bigint as cod_comuna,
            (1 + hash(school, 'd') % 5)::bigint as cod_dependencia_agrupada,
            (hash(school, 'z') % 8 = 0)::bigint as cod_ruralidad,
            case when b < 60 then 463 else 410 end::bigint as cod_ensenanza,
            (1 + c % 4)::bigint as cod_grado2, case when b = 0 then 0 else 1 + d % 2 end::bigint as cod_sexo,
            case when c = 1 then null when b < 60 then 18 + d % 40 else 14 + c % 4 + (d < 50)::int end::bigint as edad,
            [{listed}][case when c % 4 < 2 then 1 else 2 + (hash(school, d % 3) % 9)::int end]::bigint
                as cod_especialidad,
            md5('persona ' || i) as id_estudiante,
            {year} * 100 - 1500 + (1 + d % 12)::int as mes_nacimiento
        from placed
    """


def write_cleaned(
    settings: Settings, persons: int = STUDENTS, year: int = 2025, *, seed: int = 1, sent: str = "a"
) -> Path:
    """Put the cleaned year of those students into the instance's lake, as made of the delivery ``sent``."""
    path = Lake(settings.data_dir).part(Layer.CLEANED, "matricula", year)
    path.parent.mkdir(parents=True, exist_ok=True)
    provenance = Provenance((sent * 64,), Origin.SIMULATED, "prueba", key_id(pseudonym_key(settings)))
    duckdb.sql(
        f"copy ({students_sql(persons, year, seed)}) to {literal(path)} (format parquet, {provenance.copy_option})"
    )
    return path


@pytest.fixture
def research(tmp_path: Path) -> Settings:
    """An instance in mode B."""
    return isolated_settings(data_dir=tmp_path / "data", privacy_mode="B")


@pytest.fixture
def cleaned(research: Settings) -> Path:
    return write_cleaned(research)
