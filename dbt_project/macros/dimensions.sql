{#
  The dimensions that published tables share, named once: place, specialty, cycle, sex. Joins are on codes, and a name
  is the official one of its code, never a text of the file: one name a code, and no text that a mistake put there.
#}

{% macro place(row) -%}
  coalesce({{ row }}.cod_region, 0) as cod_region,
  coalesce(region.nombre, 'Sin información') as region,
  coalesce({{ row }}.cod_comuna, 0) as cod_comuna,
  coalesce(comuna.nombre, {{ unlisted(row ~ '.cod_comuna') }}, 'Sin información') as comuna,
  coalesce(dependencia.nombre, 'Sin información') as dependencia,
  coalesce(zona.nombre, 'Sin información') as zona
{%- endmacro %}

{% macro place_names(row) -%}
  left join {{ codes('region') }} as region on region.codigo = {{ row }}.cod_region
  left join {{ codes('comuna') }} as comuna on comuna.codigo = {{ row }}.cod_comuna
  left join {{ codes('dependencia_agrupada') }} as dependencia on dependencia.codigo = {{ row }}.cod_dependencia_agrupada
  left join {{ codes('ruralidad') }} as zona on zona.codigo = {{ row }}.cod_ruralidad
{%- endmacro %}

{% macro specialty(code) -%}
  coalesce({{ code }}, 0) as cod_especialidad,
  coalesce(especialidad.nombre, {{ unlisted(code) }}) as especialidad
{%- endmacro %}

{% macro unlisted(code) -%}
  case when {{ code }} <> 0 then 'Código ' || {{ code }} || ' (no listado)' end
{%- endmacro %}

{% macro specialty_names(code) -%}
  left join {{ codes('especialidad') }} as especialidad on especialidad.codigo = coalesce({{ code }}, 0)
{%- endmacro %}

{% macro cycle(grade) -%}
  case when {{ grade }} <= 2 then 'General (1º y 2º medio)' else 'Diferenciado (3º y 4º medio)' end
{%- endmacro %}

{% macro sex(code) -%}
  case {{ code }} when 1 then 'Hombre' when 2 then 'Mujer' else 'Sin información' end
{%- endmacro %}

{% macro lists_emtp(row, population=none) -%}
  list_has_any(
    [{% for i in range(1, 13) %}{{ row }}.ens_{{ '%02d' % i }}{{ ', ' if not loop.last }}{% endfor %}],
    (select list(codigo) from {{ codes('tipo_ensenanza') }} where es_emtp = '1'{% if population %} and poblacion = '{{ population }}'{% endif %})
  )
{%- endmacro %}
