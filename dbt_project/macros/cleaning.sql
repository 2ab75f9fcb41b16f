{# From text as sent to typed values, as the contract says. One reading of each type for all datasets. #}

{# Official files write a blank as one space; a web form left HTML entities ("& 65279;") in a few cells. #}
{% macro text_of(column) -%}
  nullif(trim(case when contains({{ column }}, '&')
                   then regexp_replace({{ column }}, '&[# ]?[0-9]+;', '', 'g') else {{ column }} end), '')
{%- endmacro %}


{# NULL where the text is no such value: 2.1e+07 is not an identifier, 1.000 may be one or a thousand. #}
{% macro typed(text, type) -%}
  {%- if type == 'integer' -%}
    case when regexp_full_match({{ text }}, '[+-]?[0-9]{1,18}') then try_cast({{ text }} as bigint) end
  {%- elif type == 'number' -%}
    case when regexp_full_match({{ text }}, '[+-]?[0-9]+([.,][0-9]+)?')
          and not regexp_full_match({{ text }}, '[+-]?[0-9]{1,3}(\.[0-9]{3})+')
         then try_cast(replace({{ text }}, ',', '.') as double) end
  {%- elif type == 'date' -%}
    case when regexp_full_match({{ text }}, '[0-9]{8}') then try_strptime({{ text }}, '%Y%m%d')::date
         when regexp_full_match({{ text }}, '[0-9]{4}-[0-9]{2}-[0-9]{2}.*') then try_cast(left({{ text }}, 10) as date) end
  {%- elif type == 'year_month' -%}
    case when regexp_full_match({{ text }}, '[0-9]{4}(0[1-9]|1[0-2])([0-9]{2})?') then try_cast(left({{ text }}, 6) as integer)
         when regexp_full_match({{ text }}, '[0-9]{4}-(0[1-9]|1[0-2])-.*') then try_cast(replace(left({{ text }}, 7), '-', '') as integer) end
  {%- else -%}
    {{ text }}
  {%- endif -%}
{%- endmacro %}


{# An identifier's text is kept as it is, so that one person has one pseudonym in every dataset. #}
{% macro value_of(column) -%}
  {%- set text = '"t_' ~ column.name ~ '"' -%}
  {%- if column.treatment == 'pseudonym' -%} pseudonym('{{ column.identity }}', {{ text }})
  {%- else -%} {{ typed(text, column.type) }}
  {%- endif -%}
{%- endmacro %}


{#
  Every raw row with its typed values and its verdict: `_regla` NULL for a row that stands, else the rule it
  breaks (`requerido`, `ilegible`, `duplicado`) with the column and the value. Values of personal columns are
  never copied into a verdict: `_delivery` and `_row` lead whoever may see them to the raw row.
#}
{% macro judged(dataset, computed={}) %}
  {%- set contract = var('contracts').get(dataset, {'columns': []}) -%}
  {%- set columns = contract.columns -%}
  {%- set required = columns | selectattr('required') | list -%}
  {%- set readable = columns | rejectattr('type', 'equalto', 'string') | rejectattr('treatment', 'equalto', 'pseudonym') | list -%}
  with as_text as (
    select academic_year, _delivery, _row
      {%- for column in columns %},
      {{ text_of(adapter.quote(column.official)) }} as "t_{{ column.name }}"
      {%- endfor %}
    from {{ source('raw', dataset) }}
  ),
  as_values as (
    select academic_year, _delivery, _row
      {%- for column in columns %},
      {{ value_of(column) }} as "{{ column.name }}"
      {%- endfor %}
      {%- for column in required %},
      "t_{{ column.name }}"
      {%- endfor %},
      list_filter([
        {%- for column in readable %}
        case when "t_{{ column.name }}" is not null and ({{ value_of(column) }}) is null then '{{ column.name }}' end{{ ',' if not loop.last }}
        {%- endfor %}
      ]::varchar[], lambda name: name is not null) as _ilegibles
    from as_text
  ),
  first_verdict as (
    select *
      {%- for name, expression in computed.items() %},
      {{ expression }} as "{{ name }}"
      {%- endfor %},
      case
        {%- for column in required %}
        when "t_{{ column.name }}" is null then {'regla': 'requerido', 'columna': '{{ column.official }}', 'valor': null::varchar}
        when "{{ column.name }}" is null then {'regla': 'ilegible', 'columna': '{{ column.official }}',
          'valor': {% if column.personal %}null::varchar{% else %}"t_{{ column.name }}"{% endif %}}
        {%- endfor %}
      end as _verdict
    from as_values
  ),
  numbered as (
    select *,
      row_number() over (
        partition by academic_year, _verdict is null
        {%- for column in columns if column.key %}, "{{ column.name }}"{% endfor %}
        order by _row
      ) as _copy
    from first_verdict
  )
  select * exclude (_verdict, _copy
      {%- for column in required %}, "t_{{ column.name }}"{% endfor %}),
    case when _verdict is not null then _verdict.regla when _copy > 1 then 'duplicado' end as _regla,
    case when _verdict is not null then _verdict.columna
         when _copy > 1 then '{{ columns | selectattr("key") | map(attribute="official") | join(" + ") }}' end as _columna,
    case when _verdict is not null then _verdict.valor end as _valor
  from numbered
{% endmacro %}


{# The rows that stand, in the order they were sent. #}
{% macro cleaned(dataset, computed={}) %}
  select * exclude (_regla, _columna, _valor)
  from ({{ judged(dataset, computed) }})
  where _regla is null
  order by _row
{% endmacro %}


{# The rows that do not, with the reason. raw = cleaned + rejected, row for row. #}
{% macro rejected(dataset) %}
  select academic_year, _delivery, _row, _regla as regla, _columna as columna, _valor as valor
  from ({{ judged(dataset) }})
  where _regla is not null
  order by _row
{% endmacro %}
