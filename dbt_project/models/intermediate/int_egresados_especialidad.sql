{{ config(materialized='ephemeral') }}
{# The official file of graduates has no specialty: that of the same year's enrolment, by pseudonym. #}
select
  e.academic_year,
  e.id_estudiante,
  {{ place('e') }},
  {{ specialty('m.cod_especialidad') }}
from {{ ref('cleaned_egresados') }} as e
left join {{ ref('cleaned_matricula') }} as m
  on m.academic_year = e.academic_year and m.id_estudiante = e.id_estudiante
{{ place_names('e') }}
{{ specialty_names('m.cod_especialidad') }}
