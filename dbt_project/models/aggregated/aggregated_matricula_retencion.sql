{#
  A student is retained who is enrolled in EMTP, in any school, the year after. Those in the last grade (4) are
  left out: they are expected to leave. Cells are those of the year of origin.
#}
with origin as (
  select
    m.academic_year + 1 as academic_year,
    m.academic_year as agno_origen,
    m.id_estudiante,
    {{ place('m') }},
    {{ specialty('m.cod_especialidad') }},
    {{ cycle('m.cod_grado') }} as ciclo
  from {{ ref('cleaned_matricula') }} as m
  {{ place_names('m') }}
  {{ specialty_names('m.cod_especialidad') }}
  where m.cod_grado < 4
),
present as (
  select distinct academic_year, id_estudiante from {{ ref('cleaned_matricula') }}
)
select
  origin.* exclude (id_estudiante),
  count(*) as n,
  count(present.id_estudiante) as n_retenidos
from origin
left join present using (academic_year, id_estudiante)
group by all
order by all
