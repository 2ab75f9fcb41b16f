{#
  A row of the official file is a post; PERSONAS = 1 marks the one post by which a person is counted. The
  specialty is that of the first subject in the TP differentiated plan, else of the second. Age is at the cut, 30 June.
#}
with people as (
  select
    d.*,
    coalesce(first.codigo, second.codigo, 0) as cod_especialidad,
    date_diff('month', make_date(d.mes_nacimiento // 100, d.mes_nacimiento % 100, 1), make_date(d.academic_year, 6, 1)) // 12 as edad
  from {{ ref('cleaned_docentes') }} as d
  left join {{ codes('especialidad') }} as first on first.codigo = d.subsector_1
  left join {{ codes('especialidad') }} as second on second.codigo = d.subsector_2
  where d.persona = 1
)
select
  p.academic_year,
  coalesce(p.cod_region, 0) as cod_region,
  coalesce(region.nombre, 'Sin información') as region,
  p.cod_especialidad,
  coalesce(especialidad.nombre, 'Formación general en EMTP') as especialidad,
  {{ sex('p.cod_sexo') }} as genero,
  count(*) as n,
  count(p.edad) as n_edad,
  sum(p.edad)::bigint as suma_edad,
  count(p.anos_servicio_sistema) as n_experiencia,
  sum(p.anos_servicio_sistema)::bigint as suma_experiencia,
  count(*) filter (where p.tit_id_1 = 1) as n_titulo_pedagogico
from people as p
left join {{ codes('region') }} as region on region.codigo = p.cod_region
{{ specialty_names('p.cod_especialidad') }}
group by all
order by all
