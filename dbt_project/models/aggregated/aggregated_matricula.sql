{#
  Two official readings of "matrícula TP" exist: grades 1 to 4 and grades 3 to 4. `ciclo` keeps them apart: the
  first two years are general education, the specialty begins in the third.
#}
select
  m.academic_year,
  {{ place('m') }},
  m.rbd,
  {{ specialty('m.cod_especialidad') }},
  {{ cycle('m.cod_grado') }} as ciclo,
  coalesce(t.poblacion, 'jovenes') as poblacion,
  {{ sex('m.cod_sexo') }} as sexo,
  count(*) as n
from {{ ref('cleaned_matricula') }} as m
{{ place_names('m') }}
{{ specialty_names('m.cod_especialidad') }}
left join {{ codes('tipo_ensenanza') }} as t on t.codigo = m.cod_ensenanza
group by all
order by all
