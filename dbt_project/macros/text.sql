{#
  The text of a cell before anybody asks what it means: the same letters whoever wrote them. Raw keeps what was sent.
  Columns of plain text need none of this; `forms.sql` finds out which do.
#}

{# Letters, digits and signs of one code point each, of any Western language: neither a mark that combines with the
   letter before it, nor one that nobody sees. #}
{% macro tidy_letters() -%}
  [ -~\x{A1}-\x{AC}\x{AE}-\x{17F}]*
{%- endmacro %}

{# The same without what a web form or a spreadsheet leaves. #}
{% macro plain_text() -%}
  [ -%''-<>-~\x{A1}-\x{AC}\x{AE}-\x{17F}]*
{%- endmacro %}


{#
  A web form leaves entities, whole or broken (the official directory of 2024 has "& 65279;" in a latitude). The
  letters of Spanish become themselves: taking them off would damage a name. Any other entity stays, to be seen.
#}
{% macro without_entities(text) -%}
  {%- set letters = {
    'Á': '193 Aacute', 'É': '201 Eacute', 'Í': '205 Iacute', 'Ó': '211 Oacute', 'Ú': '218 Uacute', 'á': '225 aacute',
    'é': '233 eacute', 'í': '237 iacute', 'ó': '243 oacute', 'ú': '250 uacute', 'Ñ': '209 Ntilde', 'ñ': '241 ntilde',
    'Ü': '220 Uuml', 'ü': '252 uuml', 'º': '186 ordm', 'ª': '170 ordf', '°': '176 deg', '"': '34 quot', "'": '39 apos',
    ' ': '160 nbsp', '': '65279|8203|8204|8205|8206|8207|8288|173 shy|zwj|zwnj|lrm|rlm', '&': '38 amp' } -%}
  {%- set ns = namespace(sql=text) -%}
  {%- for letter, names in letters.items() -%}
    {%- set number, name = names.split(' ') -%}
    {%- set ns.sql = "regexp_replace(" ~ ns.sql ~ ", '&(?:[# ]?0*(?:" ~ number ~ ")|(?:" ~ name ~ "));', " ~ sql_text(letter) ~ ", 'g')" -%}
  {%- endfor -%}
  case when contains({{ text }}, '&') then {{ ns.sql }} else {{ text }} end
{%- endmacro %}


{# One code point a letter, no invisible mark, plain spaces: names that look the same are the same. #}
{% macro without_oddities(text) -%}
  {%- set invisible = '[\\x{AD}\\x{180E}\\x{200B}-\\x{200F}\\x{202A}-\\x{202E}\\x{2060}-\\x{2064}\\x{FEFF}]' -%}
  {%- set spaces = '[\\s\\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}]' -%}
  case when regexp_full_match({{ text }}, '{{ tidy_letters() }}') then {{ text }}
       else regexp_replace(regexp_replace(nfc_normalize({{ text }}), '{{ invisible }}', '', 'g'), '{{ spaces }}', ' ', 'g') end
{%- endmacro %}


{# A spreadsheet keeps the zeros of 008 by writing ="008" or '008; the quotes of a name are its own. #}
{% macro without_quotes(text, column) -%}
  {%- set quoted = "^ *=?[\"'']+(.*?)[\"'']* *$" if is_typed(column) else '^ *="(.*)" *$' -%}
  trim(regexp_replace({{ text }}, '{{ quoted }}', '\1'))
{%- endmacro %}


{% macro is_typed(column) -%} {{ return(column.type != 'string' or column.identifier is not none) }} {%- endmacro %}


{# How programs write "nothing", and what a spreadsheet writes for a value it could not work out: no name is so called
   (the directory has thirty schools called NULL). Where a value has a type, also what people write. #}
{% macro words_for_nothing(column) -%}
  {%- set words = ["NULL", "(NULL)", "<NULL>", "\\N", "<NA>", "NA", "N/A", "NAN", "NAT", "NONE", ".", "-"] -%}
  {%- set typed = ["S/I", "SIN INFORMACION", "SIN INFORMACIÓN"] -%}
  {%- set errors = ["#N/A", "#N/D", "#NAME?", "#¿NOMBRE?", "#REF!", "#¡REF!", "#VALUE!", "#¡VALOR!", "#DIV/0!", "#¡DIV/0!"] -%}
  {{ return(words + (typed if is_typed(column) else errors)) }}
{%- endmacro %}

{% macro nothing(column) -%}
  {%- for word in [""] + words_for_nothing(column) -%} {{ sql_text(word) }}{{ ', ' if not loop.last }} {%- endfor -%}
  {%- if column.type == 'string' -%}
    {%- for value in column.sentinels or [] -%} , {{ value | upper }} {%- endfor -%}
  {%- endif -%}
{%- endmacro %}

{# The same words of a column of names as a regular expression, which looks at each value of a dictionary once. #}
{% macro nothing_form(column) -%}
  {%- set words = [] -%}
  {%- for word in words_for_nothing(column) -%} {%- do words.append(modules.re.escape(word)) -%} {%- endfor -%}
  {%- for value in column.sentinels or [] -%} {%- do words.append(modules.re.escape(value[1:-1])) -%} {%- endfor -%}
  {{ words | join('|') }}
{%- endmacro %}


{#
  The different values of a column of raw (`sent`), in how many rows each (`n`), and the text that each is read as.
  Once a value and not once a row: dozens of columns repaired row by row would not fit in a session's memory.
#}
{% macro texts_of(column, raw) -%}
  select sent, n, case when upper(bare) not in ({{ nothing(column) }}) then bare end as text
  from (
    select sent, n, {{ without_quotes('tidy', column) }} as bare
    from (
      select sent, n, {{ without_oddities('decoded') }} as tidy
      from (
        select sent, n, {{ without_entities('sent') }} as decoded
        from (select {{ adapter.quote(column.official) }} as sent, count(*) as n from {{ raw }} group by all)
      )
    )
  )
{%- endmacro %}
