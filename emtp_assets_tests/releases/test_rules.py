"""What a release shows of counts, rates, means and money, and of a year that was public before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import pyarrow as pa
import pytest

from emtp_assets.releases.manifest import ReleaseError
from emtp_assets_tests.releases.conftest import YEAR, Office, one_more, rows
from emtp_assets_tests.releases.differencing import differences
from emtp_assets_tests.releases.register import put

PLACE = {"cod_comuna": 0, "comuna": "x", "zona": "Urbano", "cod_especialidad": 41001, "especialidad": "Administración"}
MUNICIPAL = "Municipal"


def table(*lines: Mapping[str, object]) -> pa.Table:
    return pa.Table.from_pylist([dict(line) for line in lines])


def figure(office_rows: pd.DataFrame, column: str, **cell: object) -> tuple[float | None, str]:
    """One figure and its note; what is not named is added up over."""
    codes = [c for c in office_rows.columns if c.startswith("cod_") or c == "rbd"]
    found = office_rows[
        (office_rows[[c for c in codes if c not in cell]].isna().all(axis=1))
        & (office_rows[list(cell)] == pd.Series(cell)).all(axis=1)
    ]
    (row,) = found.to_dict("records")
    return (None if pd.isna(row[column]) else row[column]), row[f"{column}_nota"]


# Counts of a year made again.


def biggest_school(register: pa.Table) -> int:
    counted = register.group_by("rbd").aggregate([("rbd", "count")]).sort_by([("rbd_count", "descending")])
    return counted.column("rbd")[0].as_py()


def test_a_year_made_again_hides_what_one_student_changed(office: Office, country: pa.Table) -> None:
    office.counts(country)
    former = office.releases()
    school = biggest_school(country)
    office.counts(one_more(country, f"rbd = {school}"))
    later = office.releases(rehacer=["matricula:2025"])
    assert later.manifest["rehechos"] == {"matricula": [YEAR]}
    before, after = (rows(r.folder, "sexo_establecimiento") for r in (former, later))
    assert before[(before.rbd == school) & before.cod_sexo.isna()].matricula.notna().all()
    assert after[(after.rbd == school) & after.cod_sexo.isna()].matricula.isna().all()
    assert all(d.shown == d.remainders == 0 < d.compared for d in differences(former.folder, later.folder, 10))


def test_a_year_made_again_shows_what_many_changed(office: Office, country: pa.Table) -> None:
    office.counts(country)
    former = office.releases()
    school = biggest_school(country)
    office.counts(one_more(country, f"rbd = {school}", 60))
    later = office.releases(rehacer=["2025"])
    before, after = (figure(rows(r.folder, "ciclo_sexo_region"), "matricula")[0] for r in (former, later))
    assert before is not None
    assert after == before + 60


def test_what_was_hidden_once_stays_hidden(office: Office, country: pa.Table) -> None:
    office.counts(country)
    former = rows(office.releases().folder, "especialidad_establecimiento")
    hidden = former[former.matricula.isna() & former.cod_especialidad.notna() & former.rbd.notna()].iloc[0]
    cell = {"rbd": int(hidden.rbd), "cod_especialidad": int(hidden.cod_especialidad)}
    office.counts(one_more(country, f"rbd = {cell['rbd']} and cod_especialidad = {cell['cod_especialidad']}", 90))
    later = rows(office.releases(rehacer=["matricula:2025"]).folder, "especialidad_establecimiento")
    same = later[(later.rbd == cell["rbd"]) & (later.cod_especialidad == cell["cod_especialidad"])]
    assert same.matricula.isna().all()
    # The third release is compared with the first one too, not only with the last.
    office.counts(country)
    third = office.releases(rehacer=["matricula:2025"])
    last = rows(third.folder, "especialidad_establecimiento")
    same = last[(last.rbd == cell["rbd"]) & (last.cod_especialidad == cell["cod_especialidad"])]
    assert same.matricula.isna().all()


def test_a_year_made_again_of_the_same_data_shows_nothing_else(office: Office, country: pa.Table) -> None:
    office.counts(country)
    former = office.releases()
    later = office.releases(rehacer=["2025"])
    for name in former.tables:
        before, after = (rows(r.folder, name).matricula for r in (former, later))
        assert len(before) == len(after)
        assert (after[after.notna()] == before[after.notna()]).all()
        # What had to be hidden stays so, and counts as chosen: shielding it anew may cost a little more.
        assert (before.notna() & after.isna()).mean() < 0.03


def test_a_year_whose_counts_are_gone_is_not_made_again(office: Office, country: pa.Table) -> None:
    office.counts(country)
    office.releases()
    for path in (office.settings.data_dir / "aggregated").rglob("*.parquet"):
        path.unlink()
    with pytest.raises(ReleaseError, match="ya no está en la capa agregada"):
        office.prepares(rehacer=["2025"])


# Rates.


def timely(region: int, titled: int, timely: int, months: int = 0) -> dict[str, object]:
    return {
        **PLACE,
        "cod_region": region,
        "region": f"Región {region}",
        "dependencia": MUNICIPAL,
        "n": titled,
        "n_oportunos": timely,
        "n_con_fecha": titled,
        "suma_meses": months or titled * 5,
    }


def titled(office: Office, *lines: Mapping[str, object]) -> None:
    put(office.lake, "aggregated_titulacion", 2024, table(*lines))


def oportuna(office_rows: pd.DataFrame, region: int) -> tuple[float | None, str]:
    return figure(office_rows, "titulacion_oportuna", cod_region=region)


def test_a_rate_is_shown_when_those_who_have_it_and_those_who_do_not_are_many(office: Office) -> None:
    titled(
        office,
        timely(1, 4000, 2400),
        timely(2, 400, 396),
        timely(3, 400, 400),
        timely(4, 1000, 960),
        timely(5, 1000, 30),
        timely(6, 300, 293),
        timely(7, 300, 150),
        timely(8, 300, 150),
    )
    found = rows(office.releases().folder, "titulados_sector_region")
    assert oportuna(found, 1) == (60.0, "")
    assert oportuna(found, 2) == (None, "s")
    assert oportuna(found, 3) == (None, "c>95")
    assert oportuna(found, 4) == (None, "c>95")
    assert oportuna(found, 5) == (None, "c<5")
    assert oportuna(found, 6) == (None, "s")
    assert figure(found, "titulados", cod_region=2) == (400, "")


def test_a_lone_hidden_rate_takes_another_with_it(office: Office) -> None:
    titled(office, timely(1, 400, 240), timely(2, 400, 396), timely(3, 500, 300))
    found = rows(office.releases().folder, "titulados_sector_region")
    notes = [oportuna(found, region)[1] for region in (1, 2, 3)]
    assert notes.count("s") >= 2, "the country's rate would give the only hidden one away"


def test_that_everybody_in_a_few_small_groups_has_it_does_not_follow_from_the_others(office: Office) -> None:
    titled(office, timely(1, 400, 240), timely(2, 500, 300), timely(3, 7, 7), timely(4, 7, 7))
    found = rows(office.releases().folder, "titulados_sector_region")
    assert [oportuna(found, region)[1] for region in (3, 4)] == ["s", "s"]
    # 914 with 60.6 %, less two regions with 60 %, would leave 14 of 14.
    assert "s" in [oportuna(found, region)[1] for region in (1, 2)]
    assert figure(found, "titulacion_oportuna") == (60.6, "")


def test_nearly_all_of_few_is_not_said_over_hidden_parts(office: Office) -> None:
    other = {"cod_especialidad": 51001, "especialidad": "Construcción"}
    titled(
        office,
        timely(1, 4000, 2400),
        timely(2, 60, 60),
        timely(2, 5, 5) | other,
        timely(3, 600, 600),
        timely(3, 5, 5) | other,
        timely(4, 60, 60),
        timely(5, 60, 0),
        timely(5, 5, 0) | other,
    )
    found = rows(office.releases().folder, "titulados_sector_region")
    notes = {region: oportuna(found, region)[1] for region in (2, 3, 4, 5)}
    # Of 65, under 5 % are three at most, and so of the five; of 605 they may be thirty; region 4 hides nobody.
    assert notes == {2: "s", 3: "c>95", 4: "c>95", 5: "s"}
    assert figure(found, "titulados", cod_region=2) == (65, "")


def test_a_rate_does_not_tell_who_got_the_title_between_two_releases(office: Office) -> None:
    regions = [timely(1, 400, 240), timely(2, 500, 300), timely(3, 600, 330), timely(4, 700, 400)]
    titled(office, *regions)
    office.releases()
    titled(office, timely(1, 400, 241), *regions[1:])
    one = rows(office.prepares(rehacer=["titulacion:2024"]).release.folder, "titulados_sector_region")
    assert oportuna(one, 1) == (None, "s")
    assert figure(one, "titulados", cod_region=1) == (400, "")
    titled(office, timely(1, 400, 290), *regions[1:])
    many = rows(office.prepares(rehacer=["titulacion:2024"]).release.folder, "titulados_sector_region")
    assert oportuna(many, 1) == (72.5, "")


# Means.


def test_a_mean_is_of_one_level_and_of_enough_persons(office: Office) -> None:
    titled(office, timely(1, 400, 240), timely(2, 500, 300), timely(3, 7, 7), timely(4, 7, 7))
    found = rows(office.releases().folder, "titulados_sector_region")
    mean = "tiempo_titulacion_meses"
    assert figure(found, mean, cod_region=1) == (5.0, "")
    assert figure(found, mean, cod_region=3) == (None, "s")
    assert figure(found, mean) == (None, "na")
    assert figure(found, mean, cod_region=1, cod_sector=410) == (None, "na")


def test_a_mean_does_not_tell_what_changed_for_one(office: Office) -> None:
    titled(office, timely(1, 400, 240), timely(2, 500, 300))
    office.releases()
    titled(office, timely(1, 400, 240, months=2040), timely(2, 500, 300))
    found = rows(office.releases(rehacer=["titulacion:2024"]).folder, "titulados_sector_region")
    assert figure(found, "tiempo_titulacion_meses", cod_region=1) == (None, "s")
    assert figure(found, "tiempo_titulacion_meses", cod_region=2) == (5.0, "")


# Money.


def money(office: Office, amounts: Mapping[int, Sequence[int]]) -> None:
    lines = [
        {"cod_region": region, "region": "x", "monto_asignado": amount, "monto_ejecutado": amount // 2}
        for region, projects in amounts.items()
        for amount in projects
    ]
    put(office.lake, "aggregated_proyectos", 2024, table(*lines))


def test_money_is_hidden_where_one_could_tell_anothers(office: Office) -> None:
    money(office, {1: [100, 90, 80, 70], 2: [100, 90], 3: [1000, 90, 20], 4: [1000, 90, 150], 5: [1000, 90, 80, 80]})
    found = rows(office.releases().folder, "proyectos_region")
    notes = {region: figure(found, "monto_asignado", cod_region=region)[1] for region in (1, 2, 3, 4, 5)}
    assert notes == {1: "", 2: "s", 3: "s", 4: "s", 5: ""}
    assert figure(found, "monto_asignado", cod_region=1) == (340, "")


def test_money_made_again_does_not_tell_one_project(office: Office) -> None:
    money(office, {1: [100, 90, 80, 70], 6: [100, 90, 80, 70]})
    office.releases()
    money(office, {1: [100, 90, 80, 70, 5], 6: [100, 90, 80, 70]})
    found = rows(office.releases(rehacer=["proyectos:2024"]).folder, "proyectos_region")
    assert figure(found, "monto_asignado", cod_region=1) == (None, "s")
    assert figure(found, "monto_asignado", cod_region=6) == (340, "")


# A population that another one bounds.


def graduates(office: Office, counted: Mapping[int, int]) -> None:
    lines = [
        {**PLACE, "cod_region": r, "region": f"Región {r}", "dependencia": MUNICIPAL, "n": n}
        for r, n in counted.items()
    ]
    put(office.lake, "aggregated_egresados", 2023, table(*lines))


def cohort(office: Office, counted: Mapping[int, int]) -> None:
    lines = [
        {"cod_region": r, "region": f"Región {r}", "n_egresados": n, "n_titulados": n // 2} for r, n in counted.items()
    ]
    put(office.lake, "aggregated_titulacion_cohorte", 2024, table(*lines))


def test_a_cohort_does_not_differ_by_a_few_from_the_graduates_it_is(office: Office) -> None:
    counted = {1: 400, 2: 500, 3: 600, 4: 700}
    graduates(office, counted)
    office.releases("2024-03-01")
    cohort(office, {1: 440, 2: 503, 3: 640, 4: 703})
    found = rows(office.releases().folder, "titulacion_cohorte_region")
    assert figure(found, "egresados_anterior", cod_region=2) == (None, "s")
    assert figure(found, "egresados_anterior", cod_region=4) == (None, "s")
    assert figure(found, "egresados_anterior", cod_region=3) == (640, "")


def test_a_cohort_that_would_hide_what_the_graduates_show_is_withheld(office: Office) -> None:
    counted = {1: 400, 2: 500, 3: 600}
    graduates(office, counted)
    office.releases("2024-03-01")
    # The second region must be hidden, and so must another: whose figure everybody reads among the graduates.
    cohort(office, {**counted, 2: 503})
    made = office.prepares()
    assert "titulacion_cohorte_region" not in made.release.tables
    assert "están publicadas en egresados 2023" in made.release.manifest["avisos"][0]
