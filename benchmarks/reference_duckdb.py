"""Stand-alone program: the published enrolment tables of one file by one plain DuckDB script. For comparison only.

Usage: ``python -m benchmarks.reference_duckdb FILE… --seeds FOLDER --into FOLDER [--report FILE]``

The same result as the platform's, and nothing else: no archive, ledger, raw or cleaned layer, check or provenance.
It borrows one function of it, disclosure control, for without it there is nothing that may be published.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

import duckdb

from emtp_assets.privacy.disclosure import ProtectedTable, protect

MINIMUM = 10
_PLACE = ("cod_region", "region")
_CELL = (*_PLACE, "cod_comuna", "comuna", "cod_especialidad", "especialidad", "ciclo", "dependencia", "zona")
TABLES = {
    "pais": (),
    "pais_sexo": ("sexo",),
    "pais_ciclo": ("ciclo",),
    "pais_ciclo_sexo": ("ciclo", "sexo"),
    "region": _PLACE,
    "region_sexo": (*_PLACE, "sexo"),
    "region_ciclo": (*_PLACE, "ciclo"),
    "region_ciclo_sexo": (*_PLACE, "ciclo", "sexo"),
    "celda": _CELL,
    "celda_sexo": (*_CELL, "sexo"),
    "establecimiento": (
        *("cod_region", "cod_comuna", "dependencia", "zona", "rbd"),
        *("cod_especialidad", "especialidad", "ciclo"),
    ),
}

CELLS = """
with enrolled as (
  select trim(AGNO)::int as anio, trim(RBD)::bigint as rbd, trim(COD_ENSE)::bigint as cod_ense,
    try_cast(trim(COD_GRADO) as bigint) as grado, try_cast(trim(COD_ESPE) as bigint) as espe,
    try_cast(trim(COD_REG_RBD) as bigint) as reg, try_cast(trim(COD_COM_RBD) as bigint) as com,
    nullif(trim(NOM_COM_RBD), '') as nom_com, try_cast(trim(COD_DEPE2) as bigint) as depe,
    try_cast(trim(RURAL_RBD) as bigint) as rural, try_cast(trim(GEN_ALU) as bigint) as genero, MRUN
  from read_csv('{file}', delim = ';', header = true, all_varchar = true, quote = '', auto_detect = false,
    columns = {columns})
  where try_cast(trim(COD_ENSE) as bigint) in (select codigo::bigint from {ensenanza} where es_emtp = '1')
), once as (
  select distinct on (anio, MRUN) * from enrolled
)
select anio, coalesce(reg, 0) as cod_region, coalesce(r.nombre, 'Sin información') as region,
  coalesce(com, 0) as cod_comuna, coalesce(c.nombre, nom_com, 'Sin información') as comuna,
  coalesce(d.nombre, 'Sin información') as dependencia, coalesce(z.nombre, 'Sin información') as zona, rbd,
  coalesce(espe, 0) as cod_especialidad,
  coalesce(e.nombre, case when coalesce(espe, 0) = 0 then 'Sin especialidad'
                          else 'Código ' || espe || ' (no listado)' end) as especialidad,
  case when grado <= 2 then 'General (1º y 2º medio)' else 'Diferenciado (3º y 4º medio)' end as ciclo,
  coalesce(t.poblacion, 'jovenes') as poblacion,
  case genero when 1 then 'Hombre' when 2 then 'Mujer' else 'Sin información' end as sexo,
  count(*) as n
from once
left join {region} as r on r.codigo::bigint = reg
left join {comuna} as c on c.codigo::bigint = com
left join {dependencia_agrupada} as d on d.codigo::bigint = depe
left join {ruralidad} as z on z.codigo::bigint = rural
left join {especialidad} as e on e.codigo::bigint = espe
left join {ensenanza} as t on t.codigo::bigint = cod_ense
group by all
"""

# By sex, beside the total: the value shown (0 for a cell that does not exist), null where hidden.
_SEX = """
case when bool_or(x.suppressed) filter (x.sexo = '{sex}') then null
     else coalesce(max(x.n) filter (x.sexo = '{sex}'), 0) end as matricula_{name},
case when bool_or(x.suppressed) filter (x.sexo = '{sex}') then 's' else '' end as matricula_{name}_nota
"""
_BOTH = ", ".join(_SEX.format(sex=sex, name=name) for sex, name in (("Hombre", "hombres"), ("Mujer", "mujeres")))

LAYOUTS = {
    "matricula_completa": f"""
select {{year}} as "año", t.* exclude (n, suppressed), any_value(t.n) as matricula_total,
  case when any_value(t.suppressed) then 's' else '' end as matricula_total_nota, {_BOTH}
from celda as t left join celda_sexo as x using ({", ".join(_CELL)}) group by all order by all""",
    "matricula_region": f"""
with total as (
  select cod_region, region, '1º a 4º medio' as lectura, n, suppressed from region
  union all by name select 0 as cod_region, 'País' as region, '1º a 4º medio' as lectura, n, suppressed from pais
  union all by name select cod_region, region, '3º y 4º medio' as lectura, n, suppressed from region_ciclo
    where ciclo like 'Dif%'
  union all by name select 0 as cod_region, 'País' as region, '3º y 4º medio' as lectura, n, suppressed
    from pais_ciclo where ciclo like 'Dif%'
), x as (
  select cod_region, '1º a 4º medio' as lectura, sexo, n, suppressed from region_sexo
  union all by name select 0 as cod_region, '1º a 4º medio' as lectura, sexo, n, suppressed from pais_sexo
  union all by name select cod_region, '3º y 4º medio' as lectura, sexo, n, suppressed from region_ciclo_sexo
    where ciclo like 'Dif%'
  union all by name select 0 as cod_region, '3º y 4º medio' as lectura, sexo, n, suppressed from pais_ciclo_sexo
    where ciclo like 'Dif%'
), schools as (
  select coalesce(cod_region, 0) as cod_region, count(distinct rbd) as n from cells group by rollup (cod_region)
)
select {{year}} as "año", cod_region, region, lectura, any_value(t.n) as matricula_total,
  case when any_value(t.suppressed) then 's' else '' end as matricula_total_nota, {_BOTH},
  any_value(s.n) as cantidad_establecimientos
from total as t left join x using (cod_region, lectura) left join schools as s using (cod_region)
group by all order by all""",
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--seeds", type=Path, required=True)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--report", type=Path)
    given = parser.parse_args()
    given.into.mkdir(parents=True, exist_ok=True)
    peaks = []
    for file in given.files:
        publish(file, given.seeds, given.into)
        peaks.append(round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1))
    if given.report:
        given.report.write_text(json.dumps({"peaks": peaks, "own_cpu": time.process_time()}), encoding="utf-8")


def publish(file: Path, seeds: Path, into: Path) -> None:
    """Exact cells to ``cells_<year>.parquet``, published tables to ``<table>_<year>.parquet`` and ``.csv``."""
    lists = ("region", "comuna", "dependencia_agrupada", "ruralidad", "especialidad")
    codes = {name: _codes(seeds / f"{name}.csv") for name in lists}
    with file.open(encoding="utf-8-sig") as text:
        header = text.readline().rstrip("\r\n").split(";")
    with duckdb.connect(config={"threads": 2, "memory_limit": "400MB", "temp_directory": str(into / "spill")}) as con:
        columns = dict.fromkeys(header, "VARCHAR")
        query = CELLS.format(file=file, columns=columns, ensenanza=_codes(seeds / "tipo_ensenanza.csv"), **codes)
        con.execute(f"create table cells as {query}")
        ((year,),) = con.execute("select distinct anio from cells").fetchall()
        con.execute(f"copy (select * exclude (anio) from cells) to '{into}/cells_{year}.parquet'")
        tables = [ProtectedTable(name, dimensions) for name, dimensions in TABLES.items()]
        cells = con.sql("select * from cells").to_arrow_table()
        for name, table in protect(cells, "n", tables, minimum=MINIMUM).items():
            con.register(name, table)
        for name, layout in LAYOUTS.items():
            target = into / f"{name}_{year}"
            con.execute(f"copy ({layout.format(year=year)}) to '{target}.parquet' (compression zstd)")
            con.execute(f"copy (from '{target}.parquet') to '{target}.csv' (header)")


def _codes(path: Path) -> str:
    return f"read_csv('{path}', header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"')"


if __name__ == "__main__":
    main()
