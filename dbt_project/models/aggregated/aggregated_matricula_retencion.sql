{#
  A student is retained who is enrolled in EMTP, in any school, the year after. Those in the last grade (4) are
  left out: they are expected to leave. Cells are those of the year of origin; names are added once students are
  counted, so that the join carries codes alone.
#}
with origin as (
  select
    academic_year + 1 as academic_year, academic_year as agno_origen, id_estudiante, cod_region, cod_comuna,
    nombre_comuna, cod_dependencia_agrupada, cod_ruralidad, cod_especialidad,
    {{ cycle('cod_grado') }} as ciclo
  from {{ ref('cleaned_matricula') }}
  where cod_grado < 4
),
present as (
  select distinct academic_year, id_estudiante from {{ ref('cleaned_matricula') }}
),
counted as (
  select
    origin.* exclude (id_estudiante),
    count(*) as n,
    count(present.id_estudiante) as n_retenidos
  from origin
  left join present using (academic_year, id_estudiante)
  group by all
)
select
  c.academic_year,
  c.agno_origen,
  {{ place('c') }},
  {{ specialty('c.cod_especialidad') }},
  c.ciclo,
  sum(c.n)::bigint as n,
  sum(c.n_retenidos)::bigint as n_retenidos
from counted as c
{{ place_names('c') }}
{{ specialty_names('c.cod_especialidad') }}
group by all
order by all
