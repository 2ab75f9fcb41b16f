{#
  What is found out about a year before its rows are read: which columns are of the official form, what the others are
  like (`evidence.sql`), and which rows slid (`slid_rows.sql`). The first query is cheap (DuckDB looks once at each
  value of a Parquet dictionary) and most years need no other. Where they do, the model is rendered anew for what was
  found. No value ever comes out of the database: facts are names of columns.
#}

{#
  Whether a year's column was found to be so. `model` is the node that is being made, and lives no longer; where nobody
  looked (compiling, for lineage) every column is of the official form.
#}
{% macro found(column, fact) -%}
  {{ return(' ' ~ column.official ~ ':' ~ fact ~ ' ' in model.forms if model.forms else fact == 'official') }}
{%- endmacro %}

{% macro found_slid_rows() -%} {{ return(model.forms and ' *:slid ' in model.forms) }} {%- endmacro %}


{#
  Look at a year, once for all the models of a command (`main.forms` lives as long). True where the model must be
  rendered for what was found; then the columns that need it have been read, each into a table of its own.
#}
{% macro learn_forms(dataset, year) %}
  {%- set contract = var('contracts').get(dataset, {'columns': [], 'kept_raw': []}) -%}
  {%- set raw = '(select * from main.' ~ adapter.quote('raw_' ~ dataset) ~ ' where academic_year = ' ~ year ~ ')' -%}
  {%- set here = "main.forms where dataset = '" ~ dataset ~ "' and year = " ~ year -%}
  {%- if told('select count(*) from ' ~ here) == '0' -%}
    {%- set odd = told(odd_columns(contract.columns, raw)).split(' ') -%}
    {%- set facts, others = [], [] -%}
    {%- for column in contract.columns -%}
      {%- if column.official in odd -%} {%- do others.append(column) -%}
      {%- else -%} {%- do facts.append(column.official ~ ':official') -%}
      {%- endif -%}
    {%- endfor -%}
    {%- do tell("insert into main.forms values ('" ~ dataset ~ "', " ~ year ~ ", " ~ sql_text(' ' ~ facts | join(' ') ~ ' ') ~ ", null)") -%}
    {%- if others -%} {%- do look_closer(contract, others, raw, here) -%} {%- endif -%}
  {%- endif -%}
  {%- set sent -%}
    (select academic_year, _delivery, _row {%- for column in contract.columns %}, {{ adapter.quote(column.official) }} {%- endfor %}
      {%- for column in contract.columns if column.provisional %}, {{ adapter.quote(column.provisional) }} {%- endfor %} from {{ raw }})
  {%- endset -%}
  {%- do model.update({'forms': told('select facts from ' ~ here), 'rows': sent, 'joined': []}) -%}
  {%- set others = [] -%}
  {%- for column in contract.columns if not found(column, 'official') -%} {%- do others.append(column) -%} {%- endfor -%}
  {%- do read_apart(year, others) -%}
  {{ return(others | length > 0) }}
{% endmacro %}


{#
  Read the columns that are not of the official form: their values apart, each different one once, and joined to the
  rows when the model runs. A join takes 15 MB of a session that may have 250, so of many columns some are joined at a
  time and the rows written again, from one file to another that Python made, and that have no name of their own: two,
  however many years there are. `model.rows` is where the model finds them.
#}
{% macro read_apart(year, others) -%}
  {%- set at_once = var('at_once') -%}
  {%- for some in others | batch(at_once) -%}
    {%- for column in some -%}
      {%- do tell("create or replace table " ~ reading_of(column) ~ " as " ~ readings(column, model.rows)) -%}
      {%- do model.joined.append(column.official) -%}
    {%- endfor -%}
    {%- if others | length > at_once -%}
      {%- set file = sql_text(var('scratch') ~ '/' ~ model.name ~ '_' ~ year ~ '_' ~ loop.index ~ '.parquet') -%}
      {#- Written in order, several threads would hold their row groups in memory. -#}
      {%- set threads = told("select current_setting('threads')") -%}
      {%- do tell('set threads = 1') -%}
      {%- do tell("copy (" ~ joined(some) ~ ") to " ~ file ~ " (format parquet, compression lz4, row_group_size 20480, use_tmp_file false)") -%}
      {%- do tell('set threads = ' ~ threads) -%}
      {%- do model.update({'rows': 'read_parquet(' ~ file ~ ')', 'joined': []}) -%}
      {%- do forget_readings() -%}
    {%- endif -%}
  {%- endfor -%}
{%- endmacro %}

{% macro joined(columns) -%}
  select sent.* exclude (
      {%- for column in columns %}{{ adapter.quote(column.official) }}{{ ', ' if not loop.last }}{% endfor %})
    {%- for column in columns %}
    {%- set reading = adapter.quote('reading_' ~ column.official) %},
    {{ reading }}.text as {{ adapter.quote('text ' ~ column.official) }},
    {{ reading }}.value as {{ adapter.quote('value ' ~ column.official) }},
    {{ reading }}.unreadable as {{ adapter.quote('unreadable ' ~ column.official) }}
    {%- endfor %}
  from {{ model.rows }} as sent
  {%- for column in columns %}
  left join {{ reading_of(column) }} on {{ adapter.quote('reading_' ~ column.official) }}.sent = sent.{{ adapter.quote(column.official) }}
  {%- endfor %}
{%- endmacro %}

{# What was read of a cell, its `text`, `value` or `unreadable`, where its column is not of the official form. #}
{% macro read_of(column, what) -%}
  {%- if column.official in model.joined -%} {{ adapter.quote('reading_' ~ column.official) }}.{{ what }}
  {%- else -%} {{ adapter.quote(what ~ ' ' ~ column.official) }}
  {%- endif -%}
{%- endmacro %}


{% macro look_closer(contract, others, raw, here) -%}
  {%- set change = here | replace('main.forms', 'update main.forms set {0}') -%}
  {%- for column in others if is_typed(column) -%}
    {%- do tell(change.format("facts = facts || (" ~ facts_found(column, raw) ~ ")")) -%}
  {%- endfor -%}
  {%- if ' *:foreign ' in told('select facts from ' ~ here) -%}
    {%- set columns = contract.columns + contract.kept_raw -%}
    {%- set signs = [] -%}
    {%- for some in columns | batch(20) -%} {%- do signs.extend(told(signs_of_a_shift(some, raw)).split(' ')) -%} {%- endfor -%}
    {%- set slid = slid_rows(columns, signs, raw) -%}
    {%- if slid | trim -%}
      {%- do tell(change.format("slid = (" ~ slid ~ ")")) -%}
      {%- do tell(change.format("facts = facts || '*:slid '") ~ " and len(slid) > 0") -%}
    {%- endif -%}
  {%- endif -%}
{%- endmacro %}

{% macro tell(sql) -%}
  {%- call statement('told') -%} {{ sql }} {%- endcall -%}
{%- endmacro %}

{% macro told(sql) -%}
  {%- call statement('told', fetch_result=true) -%} {{ sql }} {%- endcall -%}
  {{ return(load_result('told')['data'][0][0] | string) }}
{%- endmacro %}


{# The columns of which some value is not of the official form, as one text. #}
{% macro odd_columns(columns, raw) -%}
  select concat_ws(' ', 'odd'
    {%- for column in columns %},
    case when count_if(not ({{ is_official(adapter.quote(column.official), column) }})) > 0 then {{ sql_text(column.official) }} end
    {%- endfor %})
  from {{ raw }}
{%- endmacro %}


{# What is read of each different value of a column: its text, the value, and whether it could not be read. #}
{% macro readings(column, raw) -%}
  select sent, text, {{ without_sentinels('value', column) }} as value, text is not null and value is null as unreadable
  from (select sent, text, {{ typed('text', column) }} as value from ({{ texts_of(column, raw) }}))
{%- endmacro %}

{% macro reading_of(column) -%} main.{{ adapter.quote('reading_' ~ column.official) }} {%- endmacro %}

{# They last as long as the year: twenty years of them would not fit. #}
{% macro forget_readings() -%}
  {%- for (name,) in run_query("select table_name from duckdb_tables() where starts_with(table_name, 'reading_')").rows -%}
    {%- do tell('drop table main.' ~ adapter.quote(name)) -%}
  {%- endfor -%}
{%- endmacro %}
