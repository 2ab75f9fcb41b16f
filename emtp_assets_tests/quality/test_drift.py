"""What changed since the year before is said in words; only a fall of rows blocks, and no legitimate change cries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from emtp_assets.contracts import Contract, Severity, contract_for
from emtp_assets.contracts.structure import compare
from emtp_assets.quality import drift
from emtp_assets.quality.comparison import changes
from emtp_assets.quality.outcome import WITHHELD, Outcome, blocking_failures, to_check_results
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import session
from emtp_assets.transformation import Input, run_models
from emtp_assets_tests.quality.conftest import ODCS, contract_from

Values = Mapping[str, Sequence[Any]]
Judge = Callable[..., dict[str, Outcome]]


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with session(Settings(data_dir=tmp_path)) as connection:
        yield connection


@pytest.fixture
def judge(con: duckdb.DuckDBPyConnection, contract: Contract, tmp_path: Path) -> Judge:
    """The content checks of 2025 against 2024, by name, on two tables of the columns given."""

    def judged(
        before: Values, now: Values, *, of: Contract = contract, sent: set[str] | None = None
    ) -> dict[str, Outcome]:
        files = []
        for year, values in ((2024, before), (2025, now)):
            files.append(tmp_path / f"{year}.parquet")
            pq.write_table(pa.table({name: pa.array(column) for name, column in values.items()}), files[-1])
        found = changes(con, of, before=files[0], now=files[1], sent=sent)
        rows = len(next(iter(now.values())))
        return {o.rule: o for o in drift.content(of, 2025, rows, found, 2024)}

    return judged


def failed(outcomes: Mapping[str, Outcome]) -> set[str]:
    return {name for name, outcome in outcomes.items() if not outcome.passed}


class TestStructure:
    def test_the_header_of_the_year_passes_in_any_letters(self, contract: Contract) -> None:
        official = [c.official for c in contract.official_columns(2025)]
        assert drift.structure(contract, 2025, official).observed == "10 columnas, todas conocidas"
        lower = drift.structure(contract, 2025, [name.lower() for name in official])
        assert lower.passed
        assert "otras mayúsculas" in str(lower.observed)
        assert drift.structure(contract, 2023, [n for n in official if n != "ENS"]).passed

    def test_every_difference_is_told_in_words_and_in_a_table(self, contract: Contract) -> None:
        official = [c.official for c in contract.official_columns(2025)]
        found = drift.structure(contract, 2025, [*(n for n in official if n != "GEN_ALU"), "NUEVA"], 12)
        assert not found.passed
        assert found.severity is Severity.WARNING
        assert found.observed == (
            "La columna NUEVA es nueva (posición 10, después de ENS); "
            "Falta la columna GEN_ALU (se esperaba después de RBD)"
        )
        [result] = to_check_results([found], "matricula")
        assert result.metadata["detalle"].value == (
            "| columna | qué cambió | posición en el archivo | posición esperada |\n| --- | --- | --- | --- |\n"
            "| NUEVA | nueva | 10 | — |\n| GEN_ALU | falta | — | después de RBD |"
        )

    def test_a_query_lacks_only_what_it_asked_for(self, contract: Contract) -> None:
        asked = [c for c in contract.official_columns(2025) if c.official != "PROM"]
        headers = [c.official for c in asked]
        assert drift.structure(contract, 2025, headers, asked=asked).passed
        assert not drift.structure(contract, 2025, headers[:-1], asked=asked).passed


class TestRows:
    @pytest.mark.parametrize(
        ("rows", "falls", "rises"),
        [(1000, False, False), (701, False, False), (699, True, False), (1301, False, True), (0, True, False)],
    )
    def test_against_the_nearest_earlier_year(self, contract: Contract, rows: int, falls: bool, rises: bool) -> None:
        fall, rise = drift.row_change(contract, 2025, rows, {2020: 1, 2024: 1000, 2026: 1})
        assert (fall.passed, rise.passed) == (not falls, not rises)
        assert (fall.severity, rise.severity) == (Severity.ERROR, Severity.WARNING)

    @pytest.mark.parametrize(
        ("was", "rows", "passes"), [(9, 4, True), (4, 9, True), (60, 20, False), (20, 60, False), (30, 0, False)]
    )
    def test_a_handful_of_rows_varies_by_chance(self, contract: Contract, was: int, rows: int, passes: bool) -> None:
        assert all(o.passed for o in drift.row_change(contract, 2025, rows, {2024: was})) is passes

    def test_the_first_year_has_nothing_to_be_compared_with(self, contract: Contract) -> None:
        assert all(o.passed for o in drift.row_change(contract, 2025, 5, {2026: 1000}))


class TestBlanks:
    def column(self, blanks: int, rows: int = 1000) -> list[str | None]:
        return [None] * blanks + ["A"] * (rows - blanks)

    @pytest.mark.parametrize(("was", "now", "told"), [(100, 240, False), (100, 300, True), (300, 100, True)])
    def test_more_points_than_tolerated(self, judge: Judge, was: int, now: int, told: bool) -> None:
        found = judge({"letra": self.column(was)}, {"letra": self.column(now)})
        assert failed(found) == ({drift.BLANKS} if told else set())
        assert blocking_failures(found.values()) == []

    def test_the_words_and_the_table(self, judge: Judge) -> None:
        found = judge({"letra": self.column(100)}, {"letra": self.column(621)})[drift.BLANKS]
        assert found.observed == "letra: 62,1% en blanco; en 2024, 10,0%"
        assert found.detail.splitlines()[2] == "| letra | 10,0% | 62,1% | +52,1 puntos |"
        assert "15 puntos" in found.description

    def test_the_contract_says_how_many(self, judge: Judge) -> None:
        document = yaml.safe_load(ODCS)
        document["schema"][0]["customProperties"].append({"property": "blankChangeTolerated", "value": 0.6})
        tolerant = contract_from(yaml.safe_dump(document, allow_unicode=True))
        assert failed(judge({"letra": self.column(100)}, {"letra": self.column(621)}, of=tolerant)) == set()

    def test_a_small_table_varies_by_chance(self, judge: Judge) -> None:
        assert failed(judge({"letra": self.column(3, 12)}, {"letra": self.column(6, 12)})) == set()
        assert failed(judge({"letra": self.column(0, 12)}, {"letra": self.column(12, 12)})) == {drift.BLANKS}

    def test_what_one_of_the_files_did_not_bring_is_a_matter_of_its_structure(self, judge: Judge) -> None:
        before, now = {"letra": self.column(1000), "rbd": [1] * 1000}, {"letra": self.column(0), "rbd": [1] * 1000}
        assert failed(judge(before, now)) == {drift.BLANKS}
        assert failed(judge(before, now, sent={"rbd"})) == set()

    def test_a_column_that_only_one_table_has_is_not_compared(self, judge: Judge) -> None:
        assert failed(judge({"rbd": [1] * 50}, {"rbd": [1] * 50, "letra": [None] * 49 + ["A"]})) == set()


class TestCodes:
    def test_one_that_neither_the_list_nor_the_year_before_has(self, judge: Judge) -> None:
        found = judge({"cod_ruralidad": [0, 1] * 500}, {"cod_ruralidad": [0, 1] * 480 + [9] * 40})
        assert failed(found) == {drift.CODES}
        assert found[drift.CODES].observed == (
            "cod_ruralidad: 1 código nuevo que ni la lista «ruralidad» ni 2024 tienen, en 40 filas (4,0%): 9"
        )
        assert "| cod_ruralidad | 9 | nuevo | 0 | 40 |" in found[drift.CODES].detail

    def test_one_that_the_year_before_had_is_no_news(self, judge: Judge) -> None:
        strange = {"cod_ruralidad": [0, 1] * 480 + [9] * 40}
        assert failed(judge(strange, strange)) == set()

    def test_one_of_the_list_may_appear(self, judge: Judge) -> None:
        found = judge({"cod_ruralidad": [0] * 1000}, {"cod_ruralidad": [0] * 900 + [1] * 100})
        assert failed(found) == set()
        assert "nuevo, en la lista" in found[drift.CODES].detail

    def test_one_in_use_that_is_gone(self, judge: Judge) -> None:
        found = judge({"cod_ruralidad": [0] * 950 + [1] * 50}, {"cod_ruralidad": [0] * 1000})
        assert failed(found) == {drift.CODES}
        assert "ya no viene 1 (" in str(found[drift.CODES].observed)
        assert "que en 2024 tenía 5,0% de las filas" in str(found[drift.CODES].observed)

    def test_a_rare_one_may_go(self, judge: Judge) -> None:
        found = judge({"cod_ruralidad": [0] * 995 + [1] * 5}, {"cod_ruralidad": [0] * 1000})
        assert failed(found) == set()
        assert "ya no viene" in found[drift.CODES].detail

    def test_without_a_list_only_many_new_values_are_objected_to(self, judge: Judge) -> None:
        few = judge({"letra": ["A", "B"] * 500}, {"letra": ["A", "B"] * 450 + ["C"] * 100})
        assert failed(few) == set()
        assert few[drift.CODES].observed == "letra: 1 valor nuevo que 2024 no tenía, en 100 filas (10,0%): C"
        many = judge({"letra": ["A", "B"] * 500}, {"letra": ["A", "B"] * 300 + ["C"] * 400})
        assert drift.CODES in failed(many)

    def test_of_a_personal_column_no_value_is_shown(self, judge: Judge) -> None:
        found = judge({"cod_sexo": [1, 2] * 500}, {"cod_sexo": [1, 2] * 400 + [777] * 200})
        assert failed(found) == {drift.CODES}
        told = [str(o.observed) + o.detail for o in found.values()]
        assert "1 código nuevo" in str(found[drift.CODES].observed)
        assert not any("777" in text for text in told)
        assert WITHHELD in found[drift.DOMAINS].detail

    @pytest.mark.parametrize("value", ["12345678-9", "JUANA PEREZ", "20101231"])
    def test_what_a_swap_brought_into_a_public_column_is_shown_as_its_shape(self, judge: Judge, value: str) -> None:
        found = judge({"letra": ["A", "B"] * 500}, {"letra": ["A", "B"] * 350 + [value] * 300})
        assert drift.CODES in failed(found)
        assert not any(value in str(o.observed) + o.detail for o in found.values())
        shape = "".join("9" if c.isdigit() else "A" if c.isalpha() else c for c in value)
        assert shape in str(found[drift.CODES].observed)


class TestDomains:
    def test_two_columns_that_changed_places(self, judge: Judge) -> None:
        letters, zones = ["A", "B"] * 500, ["URBANO", "RURAL"] * 500
        document = yaml.safe_load(ODCS)
        zone = {"name": "zona", "physicalName": "ZONA", "logicalType": "string", "description": "Zona"}
        document["schema"][0]["properties"].append(zone)
        both = contract_from(yaml.safe_dump(document, allow_unicode=True))
        found = judge({"letra": letters, "zona": zones}, {"letra": zones, "zona": letters}, of=both)
        assert failed(found) == {drift.DOMAINS}
        assert found[drift.DOMAINS].observed == (
            "letra: sólo 0,0% de las filas tiene un valor de 2024: el contenido es otro; "
            "zona: sólo 0,0% de las filas tiene un valor de 2024: el contenido es otro"
        )

    def test_codes_of_another_column_with_the_same_list(self, judge: Judge) -> None:
        found = judge({"cod_ruralidad": [0] * 900 + [1] * 100}, {"cod_ruralidad": [0] * 100 + [1] * 900})
        assert failed(found) == {drift.DOMAINS}
        assert "80,0% de las filas en otra categoría que en 2024" in str(found[drift.DOMAINS].observed)

    def test_a_change_of_distribution_is_told_and_passes(self, judge: Judge) -> None:
        found = judge({"cod_ruralidad": [0] * 900 + [1] * 100}, {"cod_ruralidad": [0] * 800 + [1] * 200})
        assert failed(found) == set()
        assert "cod_ruralidad: 10,0% de las filas en otra categoría que en 2024" in str(found[drift.DOMAINS].observed)
        assert "900 → 800 filas (-10,0 puntos)" in found[drift.DOMAINS].detail

    @pytest.mark.parametrize(
        ("name", "before", "now"),
        [
            pytest.param("agno", [2024] * 500, [2025] * 500, id="the year"),
            pytest.param("nivel", [2023, 2024] * 250, [2025, 2026] * 250, id="a column of years"),
            pytest.param("rbd", list(range(1, 1001)), list(range(2001, 3001)), id="a column of numbers"),
            pytest.param("id_persona", ["a" * 32] * 500, ["b" * 32] * 500, id="pseudonyms"),
            pytest.param("nota", [5.5] * 500, [6.5] * 500, id="measures"),
        ],
    )
    def test_what_is_no_category_has_no_domain(
        self, judge: Judge, name: str, before: list[Any], now: list[Any]
    ) -> None:
        assert failed(judge({name: before}, {name: now})) == set()

    def test_chance_alone_moves_no_category_of_a_small_table(self, judge: Judge) -> None:
        found = judge({"cod_ruralidad": [0] * 13 + [1] * 7}, {"cod_ruralidad": [0] * 11 + [1] * 9})
        assert found[drift.DOMAINS].observed == "sin cambios que contar respecto de 2024 (1 columnas)"


class TestSchoolsThatChangeHands:
    """A fifth of the schools passes to a new service, whose name fills what was blank: one change, no alarm."""

    BEFORE: Values = {"cod_ruralidad": [0] * 950 + [1] * 50, "letra": [None] * 950 + ["A"] * 50}  # noqa: RUF012

    def test_what_a_code_explains_is_told(self, judge: Judge) -> None:
        now = {"cod_ruralidad": [0] * 750 + [1] * 250, "letra": [None] * 750 + ["A"] * 50 + ["B"] * 100 + ["C"] * 100}
        found = judge(self.BEFORE, now)
        assert failed(found) == set()
        assert found[drift.BLANKS].observed == (
            "letra: 75,0% en blanco; en 2024, 95,0% (lo explica cod_ruralidad: 1 (Rural), +20,0 puntos)"
        )
        assert "2 valores nuevos que 2024 no tenía, en 200 filas (20,0%)" in str(found[drift.CODES].observed)

    def test_the_same_blanks_without_a_code_that_moves_are_objected_to(self, judge: Judge) -> None:
        now = {"cod_ruralidad": self.BEFORE["cod_ruralidad"], "letra": [None] * 750 + ["A"] * 50 + ["B"] * 200}
        assert failed(judge(self.BEFORE, now)) == {drift.BLANKS}

    def test_nor_does_a_code_explain_that_the_old_names_are_gone(self, judge: Judge) -> None:
        now = {"cod_ruralidad": [0] * 750 + [1] * 250, "letra": [None] * 750 + ["B"] * 250}
        assert failed(judge(self.BEFORE, now)) == {drift.DOMAINS}


def test_the_first_year_has_nothing_to_be_compared_with(contract: Contract) -> None:
    found = drift.content(contract, 2025, 10, [], None)
    assert {o.rule for o in found} == {drift.BLANKS, drift.CODES, drift.DOMAINS}
    assert all(o.passed and o.observed == "no hay un año anterior del mismo origen" for o in found)


def test_an_empty_table_on_either_side_is_no_error(judge: Judge) -> None:
    full, empty = {"letra": ["A"] * 50}, {"letra": pa.array([], pa.string())}
    assert failed(judge(full, empty)) == set()
    assert failed(judge(empty, full)) == set()


class TestTheRealDirectory:
    """2024 and 2025 as published, through the real cleaning: 1,012 schools changed hands, and nothing is wrong."""

    @pytest.fixture(scope="class")
    def cleaned(self, shared_samples: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
        return _cleaned(tmp_path_factory.mktemp("directorio"), shared_samples, {2024: {}, 2025: {}})

    def test_schools_that_change_hands_are_told_and_pass(
        self, con: duckdb.DuckDBPyConnection, cleaned: dict[int, Path], shared_samples: Path
    ) -> None:
        contract = contract_for("establecimientos")
        sent = _sent(contract, shared_samples, 2024) & _sent(contract, shared_samples, 2025)
        found = changes(con, contract, before=cleaned[2024], now=cleaned[2025], sent=sent)
        outcomes = {o.rule: o for o in drift.content(contract, 2025, 16768, found, 2024)}
        assert failed(outcomes) == set()
        told = str(outcomes[drift.DOMAINS].observed)
        assert "cod_dependencia: 6,3% de las filas en otra categoría que en 2024" in told
        assert "6 (Servicio Local de Educación): 1.144 → 2.161 filas (+6,0 puntos)" in told

    def test_two_columns_swapped_in_the_file_do_not(
        self, con: duckdb.DuckDBPyConnection, cleaned: dict[int, Path], shared_samples: Path, tmp_path: Path
    ) -> None:
        swap = {"COD_DEPE": "COD_REG_RBD", "COD_REG_RBD": "COD_DEPE"}
        wrong = _cleaned(tmp_path, shared_samples, {2025: swap})
        contract = contract_for("establecimientos")
        found = changes(con, contract, before=cleaned[2024], now=wrong[2025])
        outcomes = {o.rule: o for o in drift.content(contract, 2025, 16768, found, 2024)}
        assert {drift.CODES, drift.DOMAINS} <= failed(outcomes)
        assert "cod_dependencia" in str(outcomes[drift.CODES].observed)


def _header(samples: Path, year: int) -> list[str]:
    with (samples / f"directorio_oficial_ee_{year}.csv").open(encoding="utf-8-sig") as handle:
        return handle.readline().rstrip("\r\n").split(";")


def _sent(contract: Contract, samples: Path, year: int) -> set[str]:
    header = _header(samples, year)
    assert not compare(contract, year, header).changed
    return {c.name for name in header if (c := contract.column_spelled(name)) is not None}


def _cleaned(folder: Path, samples: Path, years: Mapping[int, Mapping[str, str]]) -> dict[int, Path]:
    """The cleaned layer of real files, columns exchanged as told for each year."""
    contract = contract_for("establecimientos")
    raw = []
    for year, swap in years.items():
        header = set(_header(samples, year))
        columns = ", ".join(
            f'"{swap.get(c.official, c.official)}" AS "{c.official}"'
            if c.official in header
            else f'NULL::VARCHAR AS "{c.official}"'
            for c in contract.columns
        )
        raw.append(folder / "raw" / f"academic_year={year}" / "part.parquet")
        raw[-1].parent.mkdir(parents=True)
        duckdb.sql(
            f"COPY (SELECT {columns}, 'sha' AS _delivery, row_number() OVER () AS _row FROM read_csv("
            f"'{samples}/directorio_oficial_ee_{year}.csv', delim=';', quote='\"', header=true, all_varchar=true))"
            f" TO '{raw[-1]}'"
        )
    run_models(
        Settings(data_dir=folder / "data"),
        ["cleaned_establecimientos"],
        years=list(years),
        inputs={"raw_establecimientos": Input(raw)},
        output=folder,
        footers={},
        contracts=[contract],
    )
    return {y: folder / "cleaned_establecimientos" / f"academic_year={y}" / "part.parquet" for y in years}
