{# How models meet the lake: inputs registered as views, outputs written one Parquet file a year. #}

{#
  The process keeps dbt's in-memory database between commands: views of an earlier one are dropped first, so that
  an input nobody named is an error and never yesterday's file.
#}
{% macro register_inputs() %}
  {%- if execute %}
  {%- for (name,) in run_query("select view_name from duckdb_views() where not internal and schema_name = 'main'").rows %}
    drop view if exists main.{{ adapter.quote(name) }};
  {%- endfor %}
    create or replace table main.forms (
      dataset varchar, year integer, facts varchar, slid struct(delivery varchar, row bigint, columns varchar)[]
    );
  {%- endif %}
  {%- for relation, input in var('inputs').items() %}
    create or replace view main.{{ adapter.quote(relation) }} as
    select * from {{ input.relation }}
    where academic_year between getvariable('year') + {{ input.first }} and getvariable('year') + {{ input.last }};
  {%- endfor %}
  {%- if not var('inputs') %} select 1 {% endif %}
{% endmacro %}


{% macro sql_text(value) -%}
  '{{ value | replace("'", "''") }}'
{%- endmacro %}


{#
  A code list of seeds/, as text. `codigo` is compared as a number, since official files do not pad codes. The
  buffer is a list's size: DuckDB's own, 32 MB for each list of a query, is more than a national year needs.
#}
{% macro codes(list) -%}
  (
    select try_cast(codigo as bigint) as codigo, * exclude (codigo)
    from read_csv({{ sql_text(var('seeds_dir') ~ '/' ~ list ~ '.csv') }},
                  header = true, all_varchar = true, delim = ',', quote = '"', escape = '"',
                  parallel = false, max_line_size = 65536, buffer_size = 131072)
  )
{%- endmacro %}


{#
  One COPY a year. While it runs the inputs show only the years that the model looks at for it, so that memory does
  not grow with the number of years; and each file carries the provenance of its own year. Files land in a staging folder; promoting them is Python's business.
#}
{% materialization yearly_parquet, adapter='duckdb' %}
  {%- set target = this.incorporate(type='view') -%}
  {%- set folder = var('output') ~ '/' ~ this.identifier -%}
  {{ run_hooks(pre_hooks) }}
  {% for year in var('years') %}
    {%- set footer = var('footers').get(this.identifier, {}).get(year | string, {}) %}
    {% call statement('year_' ~ year) %} set variable year = {{ year }} {% endcall %}
    {%- set judges = config.get('meta', {}).get('judges') %}
    {%- set rendered = judges and learn_forms(judges, year) %}
    {%- set sql = render(model['raw_code']) if rendered else compiled_code %}
    {% call statement('copy_' ~ year) %}
      copy (
        select * exclude (academic_year) from ({{ sql }}) as model where academic_year = {{ year }}
      ) to {{ sql_text(folder ~ '/academic_year=' ~ year ~ '/part.parquet') }}
      (format parquet, compression zstd, use_tmp_file false
        {%- if footer %}, kv_metadata {
          {%- for key, value in footer.items() %} {{ key }}: {{ sql_text(value) }}{{ ', ' if not loop.last }} {%- endfor %} }
        {%- endif %})
    {% endcall %}
    {%- if rendered %} {%- do forget_readings() %} {%- endif %}
  {% endfor %}
  {% call statement('main') %}
    create or replace view {{ target }} as
    select * from read_parquet({{ sql_text(folder ~ '/*/part.parquet') }},
      hive_partitioning = true, hive_types = {'academic_year': INTEGER}, union_by_name = true)
  {% endcall %}
  {#- What one model of a command learnt of a year, the next one knows. -#}
  {% do adapter.commit() %}
  {{ run_hooks(post_hooks) }}
  {{ return({'relations': [target]}) }}
{% endmaterialization %}
