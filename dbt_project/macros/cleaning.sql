{#
  From text as sent to typed values, as the contract says: `text.sql` makes the text of a cell, `typed.sql` reads it,
  `forms.sql` finds out about the year what they must know. Here each row gets its verdict. One way for all datasets.
#}

{# The text of a cell, what is read of it and whether that failed: worked out here where the column is of the official
   form, else looked up in what `learn_forms` read. #}
{% macro text_of(column) -%}
  {%- if found(column, 'official') -%} nullif(trim({{ adapter.quote(column.official) }}), '')
  {%- else -%} {{ read_of(column, 'text') }}
  {%- endif -%}
{%- endmacro %}

{% macro value_of(column) -%}
  {%- set value = without_sentinels(typed_official('"t_' ~ column.name ~ '"', column), column) if found(column, 'official') else '"v_' ~ column.name ~ '"' -%}
  {#- One person, one pseudonym: made of the identifier as read, never of a damaged one. -#}
  {%- if column.treatment == 'pseudonym' and column.provisional -%}
    coalesce(pseudonym('{{ column.identity }}', {{ value }}), pseudonym('IPE', "p_{{ column.name }}"))
  {%- elif column.treatment == 'pseudonym' -%} pseudonym('{{ column.identity }}', {{ value }})
  {%- else -%} {{ value }}
  {%- endif -%}
{%- endmacro %}

{# What is sent beside the identifier of a person who has only a provisional one; words for nothing are none. #}
{% macro provisional_of(column) -%}
  {%- set sent = 'trim(sent.' ~ adapter.quote(column.provisional) ~ ')' -%}
  case when regexp_full_match({{ sent }}, '[0-9.]*[1-9][0-9.]*(?:-[0-9Kk])?') then {{ sent }} end
{%- endmacro %}

{% macro is_unreadable(column) -%}
  {%- if found(column, 'official') -%}
    "t_{{ column.name }}" is not null and {{ typed_official('"t_' ~ column.name ~ '"', column) }} is null
  {%- else -%} "u_{{ column.name }}"
  {%- endif -%}
{%- endmacro %}


{#
  Every raw row with its typed values and its verdict: `_regla` NULL for a row that stands, else the rule it breaks
  (`corrida`, `requerido`, `ilegible`, `duplicado`) with the column and the value. Values of personal columns are
  never copied into a verdict, nor any of a row that slid: `_delivery` and `_row` lead whoever may see them to the
  raw row.
#}
{% macro judged(dataset, computed={}) %}
  {{ config(meta={'judges': dataset}) }}
  {%- set contract = var('contracts').get(dataset, {'columns': []}) -%}
  {%- set columns = contract.columns -%}
  {%- set required = columns | selectattr('required') | list -%}
  {#- Those of whom a provisional identifier is known to have become another: `privacy.crosswalk`, in the session. -#}
  {%- set people = columns | selectattr('treatment', 'equalto', 'pseudonym') | selectattr('identifier', 'equalto', 'number') | list if var('crosswalk', false) else [] -%}
  {%- set looked_up, readable = [], [] -%}
  {%- for column in columns -%}
    {%- if not found(column, 'official') -%} {%- do looked_up.append(column) -%} {%- endif -%}
    {#- A number or an identifier of the official form is always read; eight digits may be no day of the calendar. -#}
    {%- if (is_typed(column) or column.words) and (column.type == 'date' or not found(column, 'official')) -%} {%- do readable.append(column) -%} {%- endif -%}
  {%- endfor -%}
  with as_text as (
    select academic_year, _delivery, _row
      {%- for column in columns %},
      {{ text_of(column) }} as "t_{{ column.name }}"
      {%- endfor %}
      {%- for column in columns if column.provisional %},
      {{ provisional_of(column) }} as "p_{{ column.name }}"
      {%- endfor %}
      {%- for column in looked_up %},
      {{ read_of(column, 'value') }} as "v_{{ column.name }}", {{ read_of(column, 'unreadable') }} as "u_{{ column.name }}"
      {%- endfor %}
    from {{ model.rows or source('raw', dataset) }} as sent
    {%- for column in looked_up if column.official in model.joined %}
    left join {{ reading_of(column) }} on {{ adapter.quote('reading_' ~ column.official) }}.sent = sent.{{ adapter.quote(column.official) }}
    {%- endfor %}
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
        case when {{ is_unreadable(column) }} then '{{ column.name }}' end{{ ',' if not loop.last }}
        {%- endfor %}
      ]::varchar[], lambda name: name is not null) as _ilegibles
    from as_text
  ),
  {%- if people %}
  trajectories as (
    select as_values.* replace (
      {%- for column in people %}
      coalesce("k_{{ column.name }}".definitive, as_values."{{ column.name }}") as "{{ column.name }}"{{ ',' if not loop.last }}
      {%- endfor %})
    from as_values
    {%- for column in people %}
    left join crosswalk as "k_{{ column.name }}" on "k_{{ column.name }}".provisional = as_values."{{ column.name }}"
    {%- endfor %}
  ),
  {%- endif %}
  first_verdict as (
    select as_values.*
      {%- for name, expression in computed.items() %},
      {{ expression }} as "{{ name }}"
      {%- endfor %},
      case
        {%- if found_slid_rows() %}
        when slid.columns is not null then {'regla': 'corrida', 'columna': slid.columns, 'valor': null::varchar}
        {%- endif %}
        {%- for column in required %}
        when "t_{{ column.name }}" is null and "{{ column.name }}" is null then {'regla': 'requerido', 'columna': '{{ column.official }}', 'valor': null::varchar}
        when "{{ column.name }}" is null then {'regla': 'ilegible', 'columna': '{{ column.official }}',
          'valor': {% if column.personal %}null::varchar{% else %}"t_{{ column.name }}"{% endif %}}
        {%- endfor %}
      end as _verdict
    from {{ 'trajectories as as_values' if people else 'as_values' }}
    {%- if found_slid_rows() %}
    left join (select unnest(slid, recursive := true) from main.forms where dataset = '{{ dataset }}' and year = getvariable('year'))
      as slid(delivery, row, columns) on slid.row = as_values._row and slid.delivery = as_values._delivery
    {%- endif %}
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
