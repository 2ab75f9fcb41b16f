{#
  A school gives EMTP when any of its listed teaching codes (ENS_01 … ENS_12) is EMTP. Its specialties are those
  the directory lists (ESPE_01 …, since 2022) and those with enrolment; a school with neither has one row.
#}
with schools as (
  select e.*
  from {{ ref('cleaned_establecimientos') }} as e
  where {{ lists_emtp('e') }}
),
specialties as (
  select academic_year, rbd, unnest([{% for i in range(1, 12) %}espe_{{ '%02d' % i }}{{ ', ' if not loop.last }}{% endfor %}]) as cod_especialidad
  from schools
  union
  select academic_year, rbd, cod_especialidad from {{ ref('cleaned_matricula') }}
)
select
  s.academic_year,
  s.rbd,
  s.nombre_establecimiento,
  {{ place('s') }},
  estado.nombre as estado,
  s.latitud,
  s.longitud,
  {{ specialty('p.cod_especialidad') }}
from schools as s
left join specialties as p on p.academic_year = s.academic_year and p.rbd = s.rbd and p.cod_especialidad > 0
{{ place_names('s') }}
{{ specialty_names('p.cod_especialidad') }}
left join {{ codes('estado_establecimiento') }} as estado on estado.codigo = s.cod_estado_establecimiento
order by all
