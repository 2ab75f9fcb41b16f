{#
  MAT_ENS_7 and MAT_ENS_8 are the directory's own totals of technical-professional enrolment, youths and adults;
  by the official grouping (COD_ENSE2 7 and 8) they include artistic education. They exist since 2025.
#}
select
  e.academic_year,
  coalesce(e.cod_region, 0) as cod_region,
  coalesce(region.nombre, 'Sin información') as region,
  count(*) as establecimientos,
  count(*) filter (where {{ lists_emtp('e') }}) as establecimientos_emtp,
  count(*) filter (where {{ lists_emtp('e') }} and e.cod_estado_establecimiento = 1 and e.con_matricula = 1)
    as establecimientos_emtp_con_matricula,
  count(*) filter (where {{ lists_emtp('e', 'jovenes') }}) as establecimientos_emtp_jovenes,
  sum(e.mat_ens_7)::bigint as matricula_tp_jovenes,
  sum(e.mat_ens_8)::bigint as matricula_tp_adultos
from {{ ref('cleaned_establecimientos') }} as e
left join {{ codes('region') }} as region on region.codigo = e.cod_region
group by all
order by all
