"""A register of simulated students and what happens in it from week to week, as the aggregated layer counts it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from emtp_assets.sources.simulated.population import population
from emtp_assets.sources.simulated.selection import STUDENTS
from emtp_assets.storage.lake import PART, Lake, Layer
from emtp_assets.storage.provenance import Origin, Provenance, code_version

MODEL = "aggregated_matricula"

_STUDENTS = """
select cod_reg::int as cod_region, any_value(nom_reg) over (partition by cod_reg) as region, cod_com::int as cod_comuna,
  any_value(nom_com) over (partition by cod_com) as comuna,
  case cod_depe2 when 1 then 'Municipal' when 2 then 'Particular Subvencionado' when 3 then 'Particular Pagado'
    when 4 then 'Corporación de Administración Delegada (DL 3166)' else 'Servicio Local de Educación' end
    as dependencia,
  'Urbano' as zona, rbd::int as rbd, cod_espe::int as cod_especialidad, 'Especialidad ' || cod_espe as especialidad,
  if(cod_grado <= 2, 'General (1º y 2º medio)', 'Diferenciado (3º y 4º medio)') as ciclo, 'jovenes' as poblacion,
  if(mujer, 'Mujer', 'Hombre') as sexo
from ({students})
"""
_SCHOOL = ("cod_region", "region", "cod_comuna", "comuna", "dependencia", "zona", "rbd")
_PLACE = (*_SCHOOL, "cod_especialidad", "especialidad", "ciclo")


def students(year: int, *, scale: float, seed: int) -> pa.Table:
    """One row a student, with the dimensions of the aggregated model."""
    groups = f"(select * from cells({year}) join schools({year}) using (rbd) where is_tp)"
    query = STUDENTS.replace("{groups}", groups).replace("{year}", str(year))
    with tempfile.TemporaryDirectory() as spill, population(scale, seed, Path(spill)) as connection:
        return connection.sql(_STUDENTS.format(students=query) + " order by all").to_arrow_table().combine_chunks()


def a_week_later(register: pa.Table, events: int, random: np.random.Generator) -> pa.Table:
    """The register after so many students left, entered or moved, a third each.

    Who enters is like somebody who is there; who moves takes the place of study of somebody else.
    """
    third = events // 3
    gone = random.choice(register.num_rows, size=third, replace=False)
    kept = register.take(pa.array(np.setdiff1d(np.arange(register.num_rows), gone)))
    moving = random.choice(kept.num_rows, size=third, replace=False)
    places = np.arange(kept.num_rows)
    places[moving] = random.integers(0, kept.num_rows, size=third)
    moved = pa.table(
        {
            name: kept.column(name).take(pa.array(places)) if name in _PLACE else kept.column(name)
            for name in kept.column_names
        }
    )
    entering = moved.take(pa.array(random.integers(0, moved.num_rows, size=third)))
    return pa.concat_tables([moved, entering]).combine_chunks()


def count(lake: Lake, register: pa.Table, year: int, origin: Origin = Origin.SIMULATED) -> None:
    """Put the register's exact counts in the aggregated layer, in place of that year's."""
    put(lake, MODEL, year, register, "select *, count(*) as n from given group by all order by all", origin)


def put(
    lake: Lake,
    model: str,
    year: int,
    given: pa.Table,
    query: str = "from given",
    origin: Origin = Origin.SIMULATED,
) -> None:
    """Put a table in the aggregated layer, in place of that model's year."""
    footer = Provenance((f"{year:064d}",), origin, code_version()).copy_option
    with lake.staging() as staging, duckdb.connect() as connection:
        staged = staging / PART
        connection.register("given", given)
        connection.execute(
            f"copy (select {year} as academic_year, * from ({query})) to '{staged}' (format parquet, {footer})"
        )
        lake.promote(staged, Layer.AGGREGATED, model, year)
