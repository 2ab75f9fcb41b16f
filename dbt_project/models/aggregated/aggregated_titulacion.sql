{#
  A title is timely when it is registered in the year of graduation or the one after. Months run from the
  December of the school year of graduation to the registration of the title.
#}
select
  t.academic_year,
  {{ place('t') }},
  {{ specialty('t.cod_especialidad') }},
  count(*) as n,
  count(*) filter (where t.academic_year - t.agno_escolar <= 1) as n_oportunos,
  count(t.fecha_titulo) as n_con_fecha,
  sum(date_diff('month', make_date(t.agno_escolar, 12, 1), t.fecha_titulo)) as suma_meses
from {{ ref('cleaned_titulacion') }} as t
{{ place_names('t') }}
{{ specialty_names('t.cod_especialidad') }}
where t.estado_practica = 1
group by all
order by all
