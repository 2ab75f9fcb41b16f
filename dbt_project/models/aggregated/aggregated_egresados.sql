select * exclude (id_estudiante), count(*) as n
from {{ ref('int_egresados_especialidad') }}
group by all
order by all
