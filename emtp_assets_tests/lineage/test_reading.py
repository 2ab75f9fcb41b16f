"""How one SELECT is read: which columns of which tables each column of its result comes from."""

from __future__ import annotations

import pytest

from emtp_assets.lineage.reading import Reader
from emtp_assets.lineage.relation import Lineage, LineageError, Relation, leaf, without_origin

TABLES = {
    "alumno": leaf("alumno", ["id", "rbd", "sexo", "edad", "notas", "espe_1", "espe_2"]),
    "escuela": leaf("escuela", ["rbd", "nombre", "cod_region"]),
    "region": without_origin(["codigo", "nombre"]),
}


def read(sql: str) -> Relation:
    return Reader(TABLES, {"this_year": Lineage(value=frozenset({("alumno", "academic_year")}))}).read(sql)


def shown(lineage: Lineage) -> str:
    return " ".join(sorted(f"{t}.{c}" for t, c in lineage.value))


def counted(lineage: Lineage) -> str:
    return " ".join(sorted(f"{t}.{c}" for t, c in lineage.counted))


@pytest.mark.parametrize(
    ("sql", "value", "only_counted"),
    [
        ("select edad as x from alumno", "alumno.edad", ""),
        ("select EDAD as X from Alumno", "alumno.edad", ""),
        ('select "edad" + 1 as x from alumno as a', "alumno.edad", ""),
        ("select edad as y, y * 2 as x from alumno", "alumno.edad", ""),
        (
            "select coalesce(a.edad, e.cod_region) as x from alumno a join escuela e using (rbd)",
            "alumno.edad escuela.cod_region",
            "",
        ),
        ("select case when sexo = 1 then edad end as x from alumno", "alumno.edad alumno.sexo", ""),
        ("select note(edad) as x from alumno", "alumno.edad", ""),
        ("select this_year() as x from alumno", "alumno.academic_year", ""),
        ("select 'nd' as x from alumno", "", ""),
        ("select null::bigint as x from alumno", "", ""),
        ("select max(edad) as x from alumno group by sexo", "alumno.edad", ""),
        ("select sum(edad)::bigint as x from alumno group by all", "alumno.edad", ""),
        ("select max(edad) filter (where sexo = 1) as x from alumno", "alumno.edad alumno.sexo", ""),
        ("select last(edad order by notas) as x from alumno", "alumno.edad alumno.notas", ""),
        ("select unnest([espe_1, espe_2]) as x from alumno", "alumno.espe_1 alumno.espe_2", ""),
        ("select u.x from alumno, unnest([espe_1, espe_2]) as u(x)", "alumno.espe_1 alumno.espe_2", ""),
        ("select [n + 1 for n in notas if n > 4] as x from alumno", "alumno.notas", ""),
        ("select list_filter([espe_1], lambda v: v is not null) as x from alumno", "alumno.espe_1", ""),
        ("with s as (select {'a': edad, 'b': 1} as t from alumno) select t.a as x from s", "alumno.edad", ""),
        (
            "select row_number() over (partition by sexo order by edad) as x from alumno",
            "alumno.edad alumno.sexo",
            "",
        ),
        (
            "select (select max(edad) from alumno a where a.rbd = e.rbd) as x from escuela e",
            "alumno.edad",
            "",
        ),
        ("select t.x from (select edad from alumno) as t(x)", "alumno.edad", ""),
        (
            "select coalesce(rbd, 0) as x from alumno group by rollup (rbd) having grouping(rbd) = 1",
            "alumno.rbd",
            "",
        ),
        ("select id as x from alumno union all select nombre from escuela", "alumno.id escuela.nombre", ""),
        ("select id as x from alumno except select nombre from escuela", "alumno.id escuela.nombre", ""),
        # Of what is counted only a number shows.
        ("select count(*) as x from alumno", "", "alumno.*"),
        ("select sum(1) as x from alumno", "", "alumno.*"),
        ("select count(distinct id) as x from alumno", "", "alumno.id"),
        ("select count(*) filter (where sexo = 1) as x from alumno", "", "alumno.* alumno.sexo"),
        ("select round(count(id) / max(edad), 2) as x from alumno", "alumno.edad", "alumno.id"),
        ("select count(*) as x from alumno a left join escuela e using (rbd)", "", "alumno.*"),
        ("select count(*) as x from alumno a join escuela e using (rbd)", "", "alumno.* escuela.*"),
        ("select count(*) as x from (select rbd from alumno group by all)", "", "alumno.*"),
        # A code list has no origin: a name comes from the code that was looked up.
        (
            "select r.nombre as x from escuela e left join region r on r.codigo = e.cod_region",
            "escuela.cod_region",
            "",
        ),
        (
            "with r as (select codigo as cod_region, nombre from region)"
            " select r.nombre as x from escuela e left join r using (cod_region)",
            "escuela.cod_region",
            "",
        ),
        (
            "select (select nombre from region r where r.codigo = e.cod_region) as x from escuela e",
            "escuela.cod_region",
            "",
        ),
        (
            "select list_has_any([espe_1], (select list(codigo) from region)) as x from alumno",
            "alumno.espe_1",
            "",
        ),
    ],
)
def test_an_expression_comes_from_the_columns_it_is_worked_out_of(sql: str, value: str, only_counted: str) -> None:
    lineage = read(sql).column("x")
    assert (shown(lineage), counted(lineage)) == (value, only_counted)


def test_a_star_is_every_column_but_those_excluded_and_using_shows_its_columns_once() -> None:
    relation = read(
        "select a.* exclude (id, notas), e.* exclude (rbd) replace (upper(nombre) as nombre)"
        " from alumno a join escuela e using (rbd)"
    )
    assert relation.names == ("rbd", "sexo", "edad", "espe_1", "espe_2", "nombre", "cod_region")
    assert shown(relation.column("nombre")) == "escuela.nombre"
    assert read("select * from alumno join escuela using (rbd)").names.count("rbd") == 1


def test_arms_of_a_union_are_matched_by_place_or_by_name() -> None:
    by_place = read("select id, edad from alumno union all select nombre, rbd from escuela")
    assert shown(by_place.column("edad")) == "alumno.edad escuela.rbd"
    by_name = read("select id, rbd from alumno union all by name select rbd, nombre from escuela")
    assert by_name.names == ("id", "rbd", "nombre")
    assert shown(by_name.column("rbd")) == "alumno.rbd escuela.rbd"


ARMS = (
    "with c as (select 'jovenes' as poblacion, edad as n from alumno where sexo > 0"
    " union all select 'adultos', notas from alumno where rbd > 0)"
)


def test_a_filter_on_a_label_follows_only_the_arms_that_carry_it() -> None:
    relation = read(f"{ARMS} select max(n) filter (where poblacion = 'jovenes') as j, max(n) as todos from c")
    assert shown(relation.column("j")) == "alumno.edad"
    assert shown(relation.column("todos")) == "alumno.edad alumno.notas"


def test_a_where_on_a_label_leaves_out_the_other_arms() -> None:
    assert shown(read(f"{ARMS} select n from c where poblacion <> 'jovenes'").column("n")) == "alumno.notas"


def test_after_a_group_that_mixes_arms_their_labels_tell_nothing() -> None:
    mixed = read(f"{ARMS}, g as (select max(poblacion) as poblacion, max(n) as n from c)"
                 " select n from g where poblacion = 'jovenes'")  # fmt: skip
    assert shown(mixed.column("n")) == "alumno.edad alumno.notas"


def test_a_label_comes_from_what_tells_its_arms_apart() -> None:
    assert shown(read(f"{ARMS} select poblacion from c").column("poblacion")) == "alumno.rbd alumno.sexo"


@pytest.mark.parametrize(
    "sql",
    [
        "select nada from alumno",
        "select a.nada from alumno a",
        "select * from desconocida",
        "select columns('e.*') from alumno",
        "select * from read_parquet('x.parquet')",
        "select id from (alumno join escuela using (rbd)) as t",
        "select id from alumno, lateral (select id) as t",
        "select * from alumno pivot (count(*) for sexo in (1, 2))",
        "pivot alumno on sexo using count(*)",
        "select from where",
    ],
)
def test_what_cannot_be_followed_is_an_error_and_never_an_empty_answer(sql: str) -> None:
    with pytest.raises(LineageError):
        read(sql)
