{#
  Check digit of the RBD by modulo 11, weights 2 to 7 from the right, as for a RUN. Fifty schools break it in
  every year's official file, so it is a column and a warning, never a reason to lose a school.
#}
{%- set weighted -%}
  (rbd % 10 * 2 + rbd // 10 % 10 * 3 + rbd // 100 % 10 * 4 + rbd // 1000 % 10 * 5 + rbd // 10000 % 10 * 6
   + rbd // 100000 % 10 * 7)
{%- endset -%}
{{ cleaned('establecimientos', computed={
  'dv_rbd_valido': "upper(dv_rbd::varchar) = case (11 - " ~ weighted ~ " % 11) % 11 when 10 then 'K' else ((11 - "
    ~ weighted ~ " % 11) % 11)::varchar end"
}) }}
