{#
  Rows whose values slid under other columns: a separator too many and one too few leave the number of fields as it
  was. It shows in columns that are as ever but for a few rows.
#}

{# How many rows of a year may differ from all the others and be exceptions; more than that are a change of form. #}
{% macro exceptions(rows) -%}
  greatest({{ rows }} // 100, least(5, {{ rows }} // 2))
{%- endmacro %}

{% macro is_exceptional(count, rows='count(*)') -%}
  {{ count }} between 1 and {{ exceptions(rows) }}
{%- endmacro %}


{# What may stand in a column of a type, however written. Text that does not is another column's, or nobody's. #}
{% macro could_be(column) -%}
  {%- set number = "[+-]?[0-9][0-9.,'' ]*(?:[eE][+-]?[0-9]+)?%?" -%}
  {%- set date = '[0-9]{4,8}(?:[.,]0+)?|[0-9]{1,4}[-/.][0-9]{1,2}(?:[-/.][0-9]{1,4}.*)?' -%}
  {%- if column.identifier -%} {{ number }}(?:-[0-9kK])?|(?:0[xX])?[0-9A-Fa-f]{20,}
  {%- else -%} {{ date if column.type in ['date', 'year_month'] else number }}
  {%- endif -%}
{%- endmacro %}

{# A value without what a spreadsheet or a web form put around it, which is no other column's. #}
{% macro without_wrapping(sent) -%}
  regexp_replace(trim({{ sent }}), '^(?:[ ="'']|&[# ]?[0-9A-Za-z]+;)+|[ "'']+$', '', 'g')
{%- endmacro %}

{% macro all_digits(sent) -%} regexp_full_match({{ sent }}, ' *[+-]?[0-9][0-9.,]* *') {%- endmacro %}

{% macro out_of_range(sent, column) -%}
  {%- set value = "try_cast(replace(" ~ sent ~ ", ',', '.') as double)" -%}
  {{ value }} < {{ column.low if column.low is not none else "'-infinity'::double" }}
  or {{ value }} > {{ column.high if column.high is not none else "'infinity'::double" }}
{%- endmacro %}


{#
  What tells that a value is not of its column. `type`: text under a type, other than a spreadsheet's #N/A or ####, which
  no column has of its own; `digits` and `letters`: digits among names and the reverse; `pattern`: what the contract's
  pattern forbids; `range`: a number that the contract finds out of place.
#}
{% macro signs_of(column) -%}
  {%- set sent = adapter.quote(column.official) -%}
  {%- set filled = "trim(" ~ sent ~ ") <> ''" -%}
  {%- set signs = {} -%}
  {%- if is_typed(column) -%}
    {%- set bare = without_wrapping(sent) -%}
    {%- do signs.update({'type': "not regexp_full_match(" ~ bare ~ ", '#.*|" ~ could_be(column) ~ "') and upper(" ~ bare ~ ") not in (" ~ nothing(column) ~ ")"}) -%}
  {%- else -%}
    {%- do signs.update({'digits': all_digits(sent), 'letters': filled ~ " and not " ~ all_digits(sent)}) -%}
  {%- endif -%}
  {%- if column.pattern -%}
    {%- do signs.update({'pattern': filled ~ " and not regexp_matches(trim(" ~ sent ~ "), " ~ sql_text(column.pattern) ~ ")"}) -%}
  {%- endif -%}
  {%- if column.low is not none or column.high is not none -%}
    {%- do signs.update({'range': out_of_range(sent, column)}) -%}
  {%- endif -%}
  {{ return(signs) }}
{%- endmacro %}

{% macro signs_of_a_shift(columns, raw) -%}
  select concat_ws(' ', 'signs'
    {%- for column in columns %}
    {%- for sign, condition in signs_of(column).items() %},
    case when {{ is_exceptional('count_if(' ~ condition ~ ')') }} then {{ sql_text(column.official ~ ':' ~ sign) }} end
    {%- endfor %}
    {%- endfor %})
  from {{ raw }}
{%- endmacro %}

{#
  The rows in which three values or more are not of their columns, two of them such that they cannot be; nothing where
  there can be none. One word in all of them is somebody's way to write nothing. More rows than exceptions are a change
  of form, that the checks of the columns tell. What slid from codes to codes is theirs to tell, too.
#}
{% macro slid_rows(columns, signs, raw) -%}
  {%- set cannot, doubtful = {}, {} -%}
  {%- for column in columns -%}
    {%- set its = [] -%}
    {%- for sign, condition in signs_of(column).items() if column.official ~ ':' ~ sign in signs and sign != 'range' -%}
      {%- do its.append('(' ~ condition ~ ')') -%}
    {%- endfor -%}
    {%- if its -%} {%- do cannot.update({column.official: its | join(' or ')}) -%}
    {%- elif column.official ~ ':range' in signs -%}
      {%- do doubtful.update({column.official: out_of_range(adapter.quote(column.official), column)}) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- if cannot | length > 1 and cannot | length + doubtful | length > 2 -%}
    select case when count(*) <= {{ exceptions('(select count(*) from ' ~ raw ~ ')') }}
      then list({'delivery': _delivery, 'row': _row, 'columns': columns}) end
    from (
      select _delivery, _row, string_agg(name, ' + ' order by place) as columns
      from (
        {%- for name, condition in (cannot.items() | list) + (doubtful.items() | list) %}
        select _delivery, _row, {{ sql_text(name) }} as name, {{ loop.index }} as place, {{ adapter.quote(name) }} as sent
        from {{ raw }} where {{ condition }}
        {{- ' union all ' if not loop.last }}
        {%- endfor %}
      )
      group by all
      having count(*) > 2 and count_if(place <= {{ cannot | length }}) > 1 and count(distinct sent) > 1
    )
  {%- endif -%}
{%- endmacro %}
