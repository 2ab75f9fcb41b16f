{#
  From text to a typed value. A value is read where it can mean one thing only: by its own form, or by what the other
  values of its column in that year's file show (`evidence.sql`). Everything else is NULL, and counted as unreadable.
#}

{# A count or a code is never below zero: "-410" is damage ("-1" may be a code, of "no information"). #}
{% macro sign(column) -%}
  {{ '[+]?' if column.type == 'integer' and column.low is not none and column.low >= 0 else '[+-]?' }}
{%- endmacro %}


{# The forms of numbers, by the mark that stands in them: a regular expression each. A plain one has no more digits than
   its column's values may have: a person's number that slid into a code must not be taken for one, and published. #}
{% macro number_form(column, form, mark=none) -%}
  {%- set plus = '' if column.identifier else sign(column) -%}
  {%- set m, other = ('\\.', ',') if mark == 'dot' else (',', '\\.') -%}
  {{ {
    'plain': plus ~ '0{0,9}[0-9]{1,' ~ column.digits ~ '}' ~ ('|-[1-9]' if column.coded else ''),
    'short': plus ~ '[0-9]{1,3}',
    'long': plus ~ '[0-9]{4,}(?:[.,][0-9]+)?',
    'three': plus ~ '[1-9][0-9]{0,2}' ~ m ~ '[0-9]{3}',
    'groups': plus ~ '[1-9][0-9]{0,2}(?:' ~ m ~ '[0-9]{3}){2,4}',
    'decimal': plus ~ '(?:[0-9]{1,15}' ~ m ~ '(?:[0-9]{1,2}|[0-9]{4,})|(?:0[0-9]{0,14}|[0-9]{4,15})' ~ m ~ '[0-9]{3})' ~ ('|-[1-9]' ~ m ~ '0{1,2}' if column.coded else ''),
    'whole': plus ~ '[0-9]{1,15}' ~ m ~ '(?:0{1,2}|0{4,})' ~ ('|-[1-9]' ~ m ~ '0{1,2}' if column.coded else ''),
    'both': plus ~ '[1-9][0-9]{0,2}(?:' ~ other ~ '[0-9]{3})+' ~ m ~ '[0-9]+',
    'spaced': plus ~ '[1-9][0-9]{0,2}(?: [0-9]{3}){1,4}',
    'spaced_decimal': plus ~ '[1-9][0-9]{0,2}(?: [0-9]{3}){1,4}[.,][0-9]+',
  }[form] }}
{%- endmacro %}

{% macro has_form(text, column, form, mark=none) -%}
  regexp_full_match({{ text }}, '{{ number_form(column, form, mark) }}')
{%- endmacro %}


{# A value that the column's other values had to explain is read only where the contract finds it plausible. #}
{% macro plausible(value, column) -%}
  {%- if column.low is none and column.high is none -%} {{ value }}
  {%- else -%}
    case when {% if column.low is not none %}{{ value }} >= {{ column.low }}{% endif %}
      {%- if column.low is not none and column.high is not none %} and {% endif %}
      {%- if column.high is not none %}{{ value }} <= {{ column.high }}{% endif %} then {{ value }} end
  {%- endif -%}
{%- endmacro %}


{# Of the two marks, each with how SQL writes it and the other one. #}
{% macro marks() -%} {{ return([('dot', '.', ','), ('comma', ',', '.')]) }} {%- endmacro %}

{% macro grouped(text, column, mark) -%}
  ({{ has_form(text, column, 'three', mark) }} or {{ has_form(text, column, 'groups', mark) }})
{%- endmacro %}

{% macro whole(text, column) -%}
  ({{ has_form(text, column, 'whole', 'dot') }} or {{ has_form(text, column, 'whole', 'comma') }})
{%- endmacro %}

{# 2025.0 without what a program that knows only decimals put after it. #}
{% macro whole_part(text) -%} regexp_replace({{ text }}, '[.,]0+$', '') {%- endmacro %}


{% macro typed_integer(text, column) -%}
  case when {{ has_form(text, column, 'plain') }} then try_cast({{ text }} as bigint)
      {%- for mark, sql, other in marks() if found(column, 'groups_' ~ mark) %}
      when {{ grouped(text, column, mark) }}
      then {{ plausible("try_cast(replace(" ~ text ~ ", '" ~ sql ~ "', '') as bigint)", column) }}
      {%- endfor %}
      {%- if found(column, 'groups_space') %}
      when {{ has_form(text, column, 'spaced') }} then {{ plausible("try_cast(replace(" ~ text ~ ", ' ', '') as bigint)", column) }}
      {%- endif %}
      {%- if found(column, 'whole') %}
      when {{ whole(text, column) }} then try_cast({{ whole_part(text) }} as bigint)
      {%- endif %}
  end
{%- endmacro %}


{% macro typed_number(text, column) -%}
    case when {{ has_form(text, column, 'plain') }} then try_cast({{ text }} as double)
      {%- for mark, sql, other in marks() %}
      when {{ has_form(text, column, 'both', mark) }}
      then try_cast(replace(replace({{ text }}, '{{ other }}', ''), '{{ sql }}', '.') as double)
      {%- if found(column, 'decimal_' ~ mark) %}
      when {{ has_form(text, column, 'decimal', mark) }} then try_cast(replace({{ text }}, '{{ sql }}', '.') as double)
      {%- endif %}
      {%- if found(column, 'three_decimals_' ~ mark) %}
      when {{ has_form(text, column, 'three', mark) }}
      then {{ plausible("try_cast(replace(" ~ text ~ ", '" ~ sql ~ "', '.') as double)", column) }}
      {%- endif %}
      {%- if found(column, 'groups_' ~ mark) %}
      when {{ grouped(text, column, mark) }}
      then {{ plausible("try_cast(replace(" ~ text ~ ", '" ~ sql ~ "', '') as double)", column) }}
      {%- endif %}
      {%- endfor %}
      {%- if found(column, 'groups_space') %}
      when {{ has_form(text, column, 'spaced') }} or {{ has_form(text, column, 'spaced_decimal') }}
      then {{ plausible("try_cast(replace(replace(" ~ text ~ ", ' ', ''), ',', '.') as double)", column) }}
      {%- endif %}
    end
{%- endmacro %}


{# Dates of 1900 to 2099: without the century 20081301 is a day of the year 2008 and 13012008 one of the year 1301. #}
{% macro date_form(form) -%}
  {%- set time = '(?:[ T][0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\\.[0-9]+)?)?)?' -%}
  {#- A time zone may move the day, unless the time is the one that programs give to a day. -#}
  {%- set time = '(?:' ~ time ~ '|T00:00:00(?:\\.0+)?Z)' -%}
  {{ {
    'eight': '(?:19|20)[0-9]{6}',
    'six': '(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])',
    'year_first': '(?:19|20)[0-9]{2}[-/][0-9]{1,2}[-/][0-9]{1,2}' ~ time,
    'year_month': '(?:19|20)[0-9]{2}[-/](?:0?[1-9]|1[0-2])',
    'month_year': '(?:0?[1-9]|1[0-2])[-/](?:19|20)[0-9]{2}',
    'day_first': '[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:19|20)[0-9]{2}' ~ time,
  }[form] }}
{%- endmacro %}

{% macro has_date_form(text, form) -%}
  regexp_full_match({{ text }}, '{{ date_form(form) }}')
{%- endmacro %}

{# The calendar date of a text in one of the forms that carry a day; NULL where the calendar has no such day. #}
{% macro calendar_date(text, column) -%}
  case when false then null::date
    {%- if found(column, 'year_month_day') %}
    when {{ has_date_form(text, 'eight') }} then try_strptime({{ text }}, '%Y%m%d')::date
    when {{ has_date_form(text, 'year_first') }}
    then try_strptime(replace(regexp_extract({{ text }}, '^[0-9/-]+'), '/', '-'), '%Y-%m-%d')::date
    {%- endif %}
    {%- if found(column, 'day_month_year') %}
    when {{ has_date_form(text, 'day_first') }}
    then try_strptime(regexp_replace(regexp_extract({{ text }}, '^[0-9/.-]+'), '[/.]', '-', 'g'), '%d-%m-%Y')::date
    {%- endif %}
  end
{%- endmacro %}

{% macro typed_year_month(text, column) -%}
    {%- set day = calendar_date(text, column) -%}
    case {%- if found(column, 'year_month') %} when {{ has_date_form(text, 'six') }} then try_cast({{ text }} as integer) {%- endif %}
      when {{ has_date_form(text, 'year_month') }}
      then (left({{ text }}, 4)::integer * 100 + try_cast(substr({{ text }}, 6) as integer))::integer
      when {{ has_date_form(text, 'month_year') }}
      then (right({{ text }}, 4)::integer * 100 + try_cast(regexp_extract({{ text }}, '^[0-9]+') as integer))::integer
      else (year({{ day }}) * 100 + month({{ day }}))::integer
    end
{%- endmacro %}


{#
  An identifier stays text, and becomes no other: 2.1E+07 was one, and is nobody's. Where the contract says that it is
  a number, 00012345 and 12345 are one person. 12.345-K is a RUN where the digit proves the rest (modulo 11), and keeps
  it: a mask of the same digits is another person. A digest (`HASHBYTES` in a view) stands for the identifier as it is.
#}
{% macro typed_identifier(text, column) -%}
  {%- set number = column.identifier == 'number' -%}
  {%- set digits = "nullif(ltrim({0}, '0'), '')" if number else "{0}" -%}
    case when regexp_full_match({{ text }}, '[0-9]{1,38}') then case when not {{ lost_digits(text) }} then {{ digits.format(text) }} end
      when regexp_full_match({{ text }}, '(?:0[xX])?[0-9A-Fa-f]{32,128}') then lower(regexp_replace({{ text }}, '^0[xX]', ''))
      {%- if number %}
      when regexp_full_match({{ text }}, '0*(?:[0-9]{4,9}|[1-9][0-9]{0,2}(?:\.[0-9]{3})+)-[0-9Kk]')
      then case when {{ check_digit("try_cast(replace(split_part(" ~ text ~ ", '-', 1), '.', '') as bigint)") }} = upper(right({{ text }}, 1))
                then upper(ltrim(replace({{ text }}, '.', ''), '0')) end
      {%- endif %}
      {%- for mark, sql, other in marks() if found(column, 'groups_' ~ mark) %}
      when {{ grouped(text, column, mark) }} then replace({{ text }}, '{{ sql }}', '')
      {%- endfor %}
      {%- if found(column, 'groups_space') %} when {{ has_form(text, column, 'spaced') }} then replace({{ text }}, ' ', '') {%- endif %}
      {%- if found(column, 'whole') %}
      when {{ whole(text, column) }} then {{ digits.format(whole_part(text)) }}
      {%- endif %}
    end
{%- endmacro %}

{#
  Digits that went through a number of 15 or 17 significant ones: a tail of zeros, or (23 to 38 digits through a double,
  written whole again) a multiple of the power of two below which the double tells nothing. The last 18 digits know
  whether it is one of 2^18, which spares the long division to all but one in 260,000.
#}
{% macro lost_digits(text) -%}
  case when ends_with({{ text }}, '00000') then regexp_full_match({{ text }}, '[0-9]{15,17}0{5,}')
       when length({{ text }}) not between 23 and 38 or try_cast(right({{ text }}, 18) as bigint) % 262144 is distinct from 0 then false
       else try_cast({{ text }} as hugeint) % (1::hugeint << (floor((length({{ text }}) - 1) * log2(10))::integer - 52)) = 0 end
{%- endmacro %}

{# Modulo 11, weights 2 to 7 from the right: 0 to 9 or K. #}
{% macro check_digit(number) -%}
  substr('0123456789K', 1 + (11 - list_sum(list_transform(range(9), lambda i: {{ number }} // (10 ** i)::bigint % 10 * (i % 6 + 2)))::bigint % 11) % 11, 1)
{%- endmacro %}


{% macro typed(text, column) -%}
  {%- if column.type in ['date', 'year_month'] and found(column, 'whole') -%} {%- set text = whole_part(text) -%} {%- endif -%}
  {%- if column.type == 'integer' -%} {{ typed_integer(text, column) }}
  {%- elif column.type == 'number' -%} {{ typed_number(text, column) }}
  {%- elif column.type == 'date' -%} {{ calendar_date(text, column) }}
  {%- elif column.type == 'year_month' -%} {{ typed_year_month(text, column) }}
  {%- elif column.identifier -%} {{ typed_identifier(text, column) }}
  {%- elif column.words -%} case when not regexp_full_match({{ text }}, '{{ persons_number() }}') then {{ text }} end
  {%- else -%} {{ text }}
  {%- endif -%}
{%- endmacro %}

{# What a RUN, an MRUN or an IPE looks like, alone in a cell: where there ought to be words, it slid there. #}
{% macro persons_number() -%} [0-9]{1,3}(?:[.]?[0-9]{3}){2}(?:-[0-9Kk]|[Kk])? {%- endmacro %}


{# The same where every value of the column is of the official form: the one that is asked of the columns of a year
   before anything else (`is_official`), and that most have. #}
{% macro typed_official(text, column) -%}
  {%- if column.type == 'integer' -%} try_cast({{ text }} as bigint)
  {%- elif column.type == 'number' -%} try_cast(replace({{ text }}, ',', '.') as double)
  {%- elif column.type == 'date' -%} try_strptime({{ text }}, '%Y%m%d')::date
  {%- elif column.type == 'year_month' -%} try_cast({{ text }} as integer)
  {%- else -%} {{ text }}
  {%- endif -%}
{%- endmacro %}

{# Whether a text as sent is of the official form, that needs no evidence and no repair. Blanks are. #}
{% macro is_official(sent, column) -%}
  {%- if column.identifier -%}
    regexp_full_match({{ sent }}, '{{ '[1-9][0-9]{0,14}' if column.identifier == 'number' else '[0-9]{1,38}' }}| *')
    {%- if column.identifier == 'digits' %} and not {{ lost_digits(sent) }} {%- endif %}
  {%- elif column.type == 'string' -%}
    regexp_full_match({{ sent }}, '{{ plain_text() }}') and not regexp_full_match({{ sent }}, ' *(?:(?i:{{ nothing_form(column) }}){{ '|' ~ persons_number() if column.words }}) *')
  {%- else -%}
    {%- set form -%}
      {%- if column.type == 'integer' -%} {{ number_form(column, 'plain') }}
      {%- elif column.type == 'number' -%}
        {{ number_form(column, 'plain') }}|{{ number_form(column, 'decimal', 'dot') }}|{{ number_form(column, 'decimal', 'comma') }}
      {%- elif column.type == 'date' -%} (?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])
      {%- else -%} {{ date_form('six') }}
      {%- endif -%}
    {%- endset -%}
    regexp_full_match({{ sent }}, ' *(?:{{ form }})? *')
  {%- endif -%}
{%- endmacro %}


{# Without what the contract says to stand for nothing. #}
{% macro without_sentinels(value, column) -%}
  {%- if column.sentinels and column.type != 'string' -%} case when {{ value }} not in ({{ column.sentinels | join(', ') }}) then {{ value }} end
  {%- else -%} {{ value }}
  {%- endif -%}
{%- endmacro %}
