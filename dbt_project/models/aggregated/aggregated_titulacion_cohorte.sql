with titled as (
  select distinct academic_year, id_estudiante
  from {{ ref('cleaned_titulacion') }}
  where estado_practica = 1
)
select
  e.academic_year + 1 as academic_year,
  e.* exclude (academic_year, id_estudiante),
  count(*) as n_egresados,
  count(titled.id_estudiante) as n_titulados
from {{ ref('int_egresados_especialidad') }} as e
left join titled on titled.academic_year = e.academic_year + 1 and titled.id_estudiante = e.id_estudiante
group by all
order by all
