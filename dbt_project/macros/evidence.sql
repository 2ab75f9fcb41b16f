{#
  What the values of a column of one year's file show, all together, of how it is written: the evidence by which
  `typed.sql` reads a value that by itself could mean two things. The counts are of rows, over `texts_of` the column.
#}

{# The facts of a column; `*:foreign` where a few rows hold what no value of its type is. #}
{% macro facts_found(column, raw) -%}
  select concat_ws(' '
    {%- for fact, condition in facts_of('text', column).items() %},
    case when {{ condition }} then {{ sql_text(column.official ~ ':' ~ fact) }} end
    {%- endfor %},
    case when {{ is_exceptional(rows_where("not regexp_full_match(text, '" ~ could_be(column) ~ "')"), 'sum(n)') }} then '*:foreign' end, '')
  from ({{ texts_of(column, raw) }})
{%- endmacro %}

{% macro rows_where(condition) -%} coalesce(sum(n) filter (where {{ condition }}), 0) {%- endmacro %}


{% macro facts_of(text, column) -%}
  {%- if column.type in ['date', 'year_month'] -%} {{ return(facts_of_dates(text)) }}
  {%- elif column.type == 'number' -%} {{ return(facts_of_numbers(text, column)) }}
  {%- else -%} {{ return(facts_of_integers(text, column)) }}
  {%- endif -%}
{%- endmacro %}

{% macro counted(text, column, form, mark=none) -%} {{ rows_where(has_form(text, column, form, mark)) }} {%- endmacro %}


{#
  1.234 in a column of whole numbers is a thousand where others show that the mark groups: two marks in a value, or
  numbers under a thousand written without any (three decimals would be written on them too, so 410.000 says nothing).
  Nothing may speak against it: a longer number without the mark, a decimal, or another mark.
#}
{% macro facts_of_integers(text, column) -%}
  {%- set facts = {} -%}
  {%- set long = counted(text, column, 'long') ~ ' = 0' -%}
  {%- set spaced = counted(text, column, 'spaced') -%}
  {%- for mark, other in [('dot', 'comma'), ('comma', 'dot')] -%}
    {%- set three = has_form(text, column, 'three', mark) -%}
    {%- set none_of_other = [counted(text, column, 'three', other), counted(text, column, 'groups', other), counted(text, column, 'decimal', other), spaced] | join(' + ') ~ ' = 0' -%}
    {%- do facts.update({'groups_' ~ mark:
      '(' ~ counted(text, column, 'groups', mark) ~ ' > 0 or (' ~ rows_where(three ~ ' and not ends_with(' ~ text ~ ", '000')") ~ ' > 0 and '
      ~ counted(text, column, 'short') ~ ' > 0)) and ' ~ long ~ ' and ' ~ counted(text, column, 'decimal', mark) ~ ' = 0 and ' ~ none_of_other}) -%}
  {%- endfor -%}
  {%- set marks = [] -%}
  {%- for mark in ['dot', 'comma'] -%}
    {%- for form in ['three', 'groups'] -%} {%- do marks.append(counted(text, column, form, mark)) -%} {%- endfor -%}
  {%- endfor -%}
  {%- set decimals = counted(text, column, 'decimal', 'dot') ~ ' + ' ~ counted(text, column, 'decimal', 'comma') -%}
  {%- do facts.update({'groups_space': spaced ~ ' > 0 and ' ~ long ~ ' and ' ~ marks | join(' + ') ~ ' + ' ~ decimals ~ ' = 0'}) -%}
  {#- 12345.0: a program that made decimals of the whole column, and of each of its values. -#}
  {%- do facts.update({'whole': 'greatest(' ~ counted(text, column, 'whole', 'dot') ~ ', ' ~ counted(text, column, 'whole', 'comma') ~ ') = ' ~ decimals
    ~ ' and ' ~ counted(text, column, 'plain') ~ ' + ' ~ spaced ~ ' + ' ~ marks | join(' + ') ~ ' = 0 and ' ~ unrounded(text)}) -%}
  {{ return(facts) }}
{%- endmacro %}

{#
  A program of single precision has 24 bits for a number: it makes 20080116.0 of the 15th of January, and knows no odd
  number over 2^24. One that is odd shows that none was rounded.
#}
{% macro unrounded(text) -%}
  {%- set number = "try_cast(" ~ whole_part(text) ~ " as bigint)" -%}
  ({{ rows_where(number ~ ' > 16777216') }} = 0 or {{ rows_where(number ~ ' > 16777216 and ' ~ number ~ ' % 2 = 1') }} > 0)
{%- endmacro %}


{#
  1.234 in a column of numbers is read as the other values show that the mark is used: it divides decimals (6.1,
  0.125, 1234.567), at least as often as it is in doubt; or it groups thousands (1.234.567, 1.234,5). A mark that does
  both in one column is not read at all.
#}
{% macro facts_of_numbers(text, column) -%}
  {%- set facts = {} -%}
  {%- set long = counted(text, column, 'long') ~ ' = 0' -%}
  {%- set divides, groups = {}, {} -%}
  {%- for mark, other in [('dot', 'comma'), ('comma', 'dot')] -%}
    {%- do divides.update({mark: counted(text, column, 'decimal', mark) ~ ' + ' ~ counted(text, column, 'both', mark)}) -%}
    {%- do groups.update({mark: counted(text, column, 'groups', mark) ~ ' + ' ~ counted(text, column, 'both', other)}) -%}
  {%- endfor -%}
  {%- for mark, other in [('dot', 'comma'), ('comma', 'dot')] -%}
    {%- do facts.update({
      'decimal_' ~ mark: groups[mark] ~ ' = 0',
      'three_decimals_' ~ mark: divides[mark] ~ ' > 0 and ' ~ divides[mark] ~ ' >= ' ~ counted(text, column, 'three', mark)
        ~ ' and ' ~ groups[mark] ~ ' = 0 and ' ~ divides[other] ~ ' = 0',
      'groups_' ~ mark: groups[mark] ~ ' > 0 and ' ~ divides[mark] ~ ' = 0 and ' ~ long,
    }) -%}
  {%- endfor -%}
  {%- do facts.update({'groups_space': long ~ ' and ' ~ groups['dot'] ~ ' + ' ~ groups['comma'] ~ ' = 0'}) -%}
  {{ return(facts) }}
{%- endmacro %}


{#
  01-03-2024 is the first of March only where a day over 12 shows that days come first and no "month" over 12 that they
  do not. 20240103 is official, unless days stand for months elsewhere (20243101) and not by a slip among ten others.
  200812 is December of 2008, unless other values of six digits begin as no year does (a day, 150708). 200812.0 is the
  same where a program made decimals of the whole column: of every value, whatever it says.
#}
{% macro facts_of_dates(sent) -%}
  {%- set text = whole_part(sent) -%}
  {%- set first = "try_cast(regexp_extract(" ~ text ~ ", '^([0-9]{1,2})[-/.]([0-9]{1,2})', 1) as integer)" -%}
  {%- set second = "try_cast(regexp_extract(" ~ text ~ ", '^([0-9]{1,2})[-/.]([0-9]{1,2})', 2) as integer)" -%}
  {%- set day_first = has_date_form(text, 'day_first') -%}
  {%- set year_first = "(" ~ has_date_form(text, 'eight') ~ " or " ~ has_date_form(text, 'year_first') ~ ")" -%}
  {%- set month = "try_cast(regexp_extract(" ~ text ~ ", '^[0-9]{4}[-/]?([0-9]{1,2})[-/]?([0-9]{1,2})', 1) as integer)" -%}
  {%- set day = "try_cast(regexp_extract(" ~ text ~ ", '^[0-9]{4}[-/]?([0-9]{1,2})[-/]?([0-9]{1,2})', 2) as integer)" -%}
  {%- set swapped = rows_where(year_first ~ " and " ~ month ~ " > 12 and " ~ day ~ " between 1 and 12") -%}
  {%- set proved = rows_where(year_first ~ " and " ~ month ~ " <= 12 and " ~ day ~ " > 12") -%}
  {%- set no_year = rows_where("regexp_full_match(" ~ text ~ ", '[0-9]{6}') and left(" ~ text ~ ", 2) not in ('19', '20')") -%}
  {{ return({
    'day_month_year': rows_where(day_first ~ " and " ~ first ~ " > 12") ~ " > 0 and " ~ rows_where(day_first ~ " and " ~ second ~ " > 12") ~ " = 0",
    'year_month_day': swapped ~ " = 0 or " ~ swapped ~ " * 10 < " ~ proved,
    'year_month': no_year ~ " = 0 or " ~ no_year ~ " * 10 < " ~ rows_where(has_date_form(text, 'six')),
    'whole': 'greatest(' ~ rows_where("regexp_full_match(" ~ sent ~ ", '[0-9]{1,15}\\.0+')") ~ ', '
      ~ rows_where("regexp_full_match(" ~ sent ~ ", '[0-9]{1,15},0+')") ~ ') = ' ~ rows_where(sent ~ ' is not null') ~ ' and ' ~ unrounded(sent),
  }) }}
{%- endmacro %}


