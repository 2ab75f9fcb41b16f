select
  p.academic_year,
  coalesce(region.codigo, 0) as cod_region,
  p.region,
  p.tipo_proyecto,
  p.estado,
  p.monto_asignado,
  p.monto_ejecutado,
  coalesce(p.pct_ejecucion, round(100 * p.monto_ejecutado / nullif(p.monto_asignado, 0), 1)) as pct_ejecucion,
  p.establecimientos_beneficiados
from {{ ref('cleaned_proyectos') }} as p
left join {{ codes('region') }} as region on lower(strip_accents(region.nombre)) = lower(strip_accents(p.region))
order by all
