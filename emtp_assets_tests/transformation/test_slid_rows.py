"""A row whose fields slid by one under the header: which are told, which are not, and which only look so.

A separator too many and one too few leave the number of fields as it was, so intake cannot know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emtp_assets.contracts import Column, LogicalType, Treatment
from emtp_assets.quality.validation import validate_years
from emtp_assets.settings import Settings
from emtp_assets.storage import restricted
from emtp_assets.storage.temporary import unnamed
from emtp_assets.transformation import Input, run_models
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.pollution.official import Official, Row, official

FORM = official("matricula_2024", rows=30)
NAMES = FORM.table.names
COLUMNS = [column for name in NAMES if (column := FORM.contract.column_spelled(name))]
SLID = 5
"""The row of a year that slid or was damaged, by its `_row`."""
FIRST_YEAR = 3001


@dataclass(frozen=True)
class Slide:
    """Fields from ``first`` to ``last`` stand one column to the right, or to the left, of their own."""

    first: str
    last: str
    right: bool = True

    def of(self, row: Row) -> Row:
        at, to = NAMES.index(self.first), NAMES.index(self.last)
        if self.right:
            return (*row[:at], "", *row[at:to], row[to] + row[to + 1], *row[to + 2 :])
        return (*row[:at], row[at] + row[at + 1], *row[at + 2 : to + 1], "", *row[to + 1 :])


# (what slid, some of the columns in which it shows)
TOLD = [
    (Slide("NOM_RBD", "NOM_COM_RBD"), {"COD_REG_RBD", "COD_PRO_RBD"}),
    (Slide("NOM_RBD", "COD_MEN"), {"COD_REG_RBD", "COD_ENSE", "COD_JOR", "FEC_NAC_ALU"}),
    (Slide("COD_DEPE2", "COD_DES_CUR"), {"NOMBRE_SLEP", "COD_ENSE", "COD_JOR"}),
    (Slide("COD_ENSE3", "COD_COM_ALU", right=False), {"COD_GRADO2", "LET_CUR", "FEC_NAC_ALU"}),
    (Slide("COD_COM_ALU", "COD_MEN", right=False), {"COD_COM_ALU", "NOM_COM_ALU"}),
]
# (what slid, the column without whose value there is no row)
REFUSED = [
    (Slide("NOMBRE_SLEP", "COD_ENSE2"), "COD_ENSE"),
    (Slide("LET_CUR", "GEN_ALU"), "MRUN"),
]
# (what slid, what could not be read)
COUNTED = [
    (Slide("LET_CUR", "COD_TIP_CUR"), ["cod_jornada"]),
    (Slide("NOM_RBD", "NOM_REG_RBD_A", right=False), ["cod_region"]),
    (Slide("COD_DES_CUR", "GEN_ALU", right=False), ["cod_desc_curso"]),
]
# Codes under codes: cleaning reads them, and the contract's rules tell.
# (what slid, and which codes have more digits than any of the column they came to stand in)
READ: list[tuple[Slide, list[str]]] = [
    (Slide("COD_ESPE", "COD_MEN"), ["nivel"]),
    (Slide("NOMBRE_SLEP", "COD_GRADO2", right=False), []),
]
# Nothing forbids any of these values where it came to stand: nobody can tell.
UNKNOWN = Slide("COD_ENSE3", "COD_GRADO2")
# (what looks like a row that slid, the values of its columns, what could not be read)
DAMAGED: list[tuple[str, dict[str, str], list[str]]] = [
    ("a spreadsheet's errors", dict.fromkeys(("COD_SEC", "COD_ESPE", "COD_RAMA"), "#N/A"),
     ["cod_sector", "cod_especialidad", "cod_rama"]),
    ("a spreadsheet's narrow columns", {"COD_SEC": "###", "COD_ESPE": "#####", "COD_RAMA": "##"},
     ["cod_sector", "cod_especialidad", "cod_rama"]),
    ("one word for nothing", dict.fromkeys(("COD_SEC", "COD_ESPE", "COD_RAMA"), "no tiene"),
     ["cod_sector", "cod_especialidad", "cod_rama"]),
    ("a spreadsheet's quotes",
     {"COD_SEC": '="0"', "COD_ESPE": "'0", "COD_RAMA": '"0"', "EDAD_ALU": "quince"}, ["edad"]),
    ("what a web form left",
     {"COD_SEC": "&nbsp;0", "COD_ESPE": "& 65279;0", "COD_RAMA": "&#8203;0", "EDAD_ALU": "quince"}, ["edad"]),
]  # fmt: skip
MANY = Slide("NOM_RBD", "NOM_COM_RBD")


@dataclass(frozen=True)
class Year:
    """What cleaning made of a year: by `_row`, the rows that stand and those that do not; and the cleaned file."""

    stands: Mapping[int, Mapping[str, Any]]
    refused: Mapping[int, Mapping[str, Any]]
    path: Path


def cleaned(settings: Settings, tables: Sequence[pa.Table]) -> list[Year]:
    """Each table as a year of its own, in one run."""
    dataset = FORM.contract.dataset
    years = range(FIRST_YEAR, FIRST_YEAR + len(tables))
    raw = [settings.data_dir / "raw" / f"academic_year={year}" / "part.parquet" for year in years]
    for path, sent in zip(raw, tables, strict=True):
        path.parent.mkdir(parents=True)
        rows = len(sent)
        not_sent = [c.official for c in FORM.contract.columns if c.official not in sent.column_names]
        columns = {name: sent[name] for name in sent.column_names} | dict.fromkeys(
            not_sent, pa.nulls(rows, pa.string())
        )
        pq.write_table(pa.table(columns | {"_delivery": ["sha"] * rows, "_row": range(1, rows + 1)}), path)
    run_models(
        settings,
        [f"cleaned_{dataset}", f"rejected_{dataset}"],
        years=list(years),
        inputs={f"raw_{dataset}": Input(raw)},
        output=settings.data_dir,
        footers={},
        contracts=[FORM.contract],
    )
    return [_year(settings, dataset, year) for year in years]


def _year(settings: Settings, dataset: str, year: int) -> Year:
    stands, refused = (
        settings.data_dir / f"{m}_{dataset}" / f"academic_year={year}" / "part.parquet" for m in ("cleaned", "rejected")
    )
    by_row = [{row["_row"]: row for row in restricted.read(path, settings).to_pylist()} for path in (stands, refused)]
    return Year(by_row[0], by_row[1], stands)


def table(form: Official, changed: Mapping[int, Row]) -> pa.Table:
    """The form's rows, those of ``changed`` (by `_row`) otherwise."""
    rows = [changed.get(i, row) for i, row in enumerate(form.table.rows, 1)]
    return pa.table({name: pa.array(values, pa.string()) for name, *values in zip(NAMES, *rows, strict=True)})


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return isolated_settings(data_dir=tmp_path_factory.mktemp("corridas"))


@pytest.fixture(scope="module")
def years(settings: Settings) -> dict[Any, Year]:
    """By slide or kind of damage; None, the year in which nothing is wrong."""
    row = FORM.table.rows[SLID - 1]
    slides = [
        *(slide for slide, _ in TOLD),
        *(s for s, _ in REFUSED),
        *(s for s, _ in COUNTED),
        *(s for s, _ in READ),
        UNKNOWN,
    ]
    changed: dict[Any, dict[int, Row]] = {None: {}, **{slide: {SLID: slide.of(row)} for slide in slides}}
    for kind, values, _ in DAMAGED:
        changed[kind] = {SLID: tuple(values.get(name, value) for name, value in zip(NAMES, row, strict=True))}
    changed["many"] = {i: MANY.of(FORM.table.rows[i - 1]) for i in range(1, 9)}
    return dict(zip(changed, cleaned(settings, [table(FORM, rows) for rows in changed.values()]), strict=True))


def the_others_stand(year: Year, ordinary: Year) -> bool:
    return {**year.stands, SLID: None} == {**ordinary.stands, SLID: None} and set(year.refused) <= {SLID}


@pytest.mark.parametrize(("slide", "shows_in"), TOLD)
def test_a_slide_that_shows_in_three_columns_costs_the_row_with_the_reason(
    years: dict[Any, Year], slide: Slide, shows_in: set[str]
) -> None:
    refused = years[slide].refused[SLID]
    assert refused["regla"] == "corrida"
    assert refused["valor"] is None, "nobody knows whose it is"
    assert shows_in <= set(refused["columna"].split(" + "))
    assert the_others_stand(years[slide], years[None])


@pytest.mark.parametrize(("slide", "column"), REFUSED)
def test_a_slide_over_what_a_row_cannot_do_without_costs_the_row(
    years: dict[Any, Year], slide: Slide, column: str
) -> None:
    assert (years[slide].refused[SLID]["regla"], years[slide].refused[SLID]["columna"]) == ("ilegible", column)
    assert the_others_stand(years[slide], years[None])


@pytest.mark.parametrize(("slide", "unreadable"), COUNTED)
def test_a_slide_that_shows_in_less_is_counted_as_unreadable(
    years: dict[Any, Year], slide: Slide, unreadable: list[str]
) -> None:
    row = years[slide].stands[SLID]
    assert row["_ilegibles"] == unreadable
    assert all(row[name] is None for name in unreadable)
    assert the_others_stand(years[slide], years[None])


@pytest.mark.parametrize(("slide", "too_long"), READ)
def test_codes_under_codes_are_read_and_the_rules_of_the_contract_tell(
    years: dict[Any, Year], slide: Slide, too_long: list[str]
) -> None:
    assert years[slide].stands[SLID]["_ilegibles"] == too_long
    rules = validate_years(FORM.contract, {FIRST_YEAR: years[slide].path})
    assert any(not rule.passed and rule.rule.removesuffix("_codigo_conocido") in _wrong(years, slide) for rule in rules)


def test_what_the_contract_allows_in_each_column_is_read_as_it_stands(years: dict[Any, Year]) -> None:
    """The limit of what can be known, so that nobody takes it for more."""
    assert years[UNKNOWN].stands[SLID]["_ilegibles"] == []
    assert _wrong(years, UNKNOWN) == {"cod_ensenanza3", "cod_grado", "letra_curso"}


def _wrong(years: Mapping[Any, Year], slide: Slide) -> set[str]:
    meant = years[None].stands[SLID]
    return {name for name, value in years[slide].stands[SLID].items() if value != meant[name]}


@pytest.mark.parametrize(("kind", "values", "unreadable"), DAMAGED, ids=[kind for kind, _, _ in DAMAGED])
def test_damage_is_no_slide_and_costs_no_row(
    years: dict[Any, Year], kind: str, values: dict[str, str], unreadable: list[str]
) -> None:
    assert years[kind].refused == {}
    assert sorted(years[kind].stands[SLID]["_ilegibles"]) == sorted(unreadable)
    assert the_others_stand(years[kind], years[None])


def test_more_rows_than_exceptions_are_a_change_of_form_and_none_of_their_text_is_read_as_a_number(
    years: dict[Any, Year],
) -> None:
    year = years["many"]
    assert "corrida" not in {row["regla"] for row in year.refused.values()}
    assert all({"cod_region", "cod_provincia"} <= set(year.stands[row]["_ilegibles"]) for row in range(1, 9))


def _text_under_a_type(row: Row) -> dict[Column, str]:
    """The columns with a type in which a row has letters."""
    typed = [
        (c, value) for c, value in zip(COLUMNS, row, strict=True) if c.type is not LogicalType.STRING or c.identifier
    ]
    return {column: value for column, value in typed if any(map(str.isalpha, value))}


def test_wherever_text_slid_under_types_it_is_told(settings: Settings) -> None:
    """Any slide of three fields or more, in a year where one row in a hundred slid: three texts under types cost the
    row, and fewer are unreadable, or the row is refused. The rows beside them stand."""
    spans = [(at, min(at + length, len(NAMES) - 2)) for at in range(1, len(NAMES) - 4) for length in (3, 7, 15, 99)]
    slides = [Slide(NAMES[a], NAMES[b], right) for a, b in dict.fromkeys(spans) for right in (True, False)]
    ordinary = table(official(FORM.name, rows=100), {})
    whole = pa.concat_tables([ordinary] * (len(slides) + 1)).to_pydict()
    whole["MRUN"] = [str(60_000_001 + i) for i in range(len(whole["MRUN"]))]
    slid: dict[int, Row] = {}
    for i, slide in enumerate(slides):
        slid[100 * i + 7] = slide.of(tuple(whole[name][100 * i + 6] for name in NAMES))
        for name, value in zip(NAMES, slid[100 * i + 7], strict=True):
            whole[name][100 * i + 6] = value
    own = isolated_settings(data_dir=settings.data_dir / "every")
    (year,) = cleaned(own, [pa.table({name: pa.array(values, pa.string()) for name, values in whole.items()})])
    assert set(year.refused) <= set(slid)
    told = 0
    for number, row in slid.items():
        text = _text_under_a_type(row)
        if number in year.refused:
            told += 1
            continue
        stands = year.stands[number]
        assert len(text) < 3, (slides[number // 100], [column.official for column in text])
        assert {c.name for c in text if c.treatment is not Treatment.RAW_ONLY} <= set(stands["_ilegibles"]), slides[
            number // 100
        ]
        assert all(stands[c.name] is None for c in text)
    assert 2 * told > len(slides)


def test_rows_written_again_take_the_place_of_one_year_however_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two files of no name take turns, and nothing of the rows stays."""
    made: list[Path] = []

    @contextmanager
    def counted(folder: Path) -> Iterator[Path]:
        with unnamed(folder) as path:
            if folder.name == "filas":
                made.append(path)
            yield path

    monkeypatch.setattr("emtp_assets.transformation.dbt.unnamed", counted)
    own = isolated_settings(data_dir=tmp_path / "data")
    rows = {i: MANY.of(FORM.table.rows[i - 1]) for i in range(1, 9)}
    assert len(cleaned(own, [table(FORM, rows)] * 3)) == 3
    assert len(made) == 2
    assert not list(own.data_dir.rglob("filas*"))
