"""Which columns of a view are asked for, and how each is written in the query; no server is needed to decide it."""

from __future__ import annotations

from pathlib import Path

import pytest

from emtp_assets.contracts import Contract, contract_for
from emtp_assets.settings import PrivacyMode
from emtp_assets.sources import SourceFailure
from emtp_assets.sources.failure import Cause
from emtp_assets.sources.sqlserver.query import select_one, select_year
from emtp_assets.sources.sqlserver.view import Reading, ViewColumn, ViewName, match, view_of
from emtp_assets_tests.conftest import isolated_settings

MATRICULA = contract_for("matricula")
VIEW = ViewName("dbo", "vw_sige_matricula_emtp_ano")
NEEDED = [ViewColumn("AGNO", "int"), ViewColumn("RBD", "int"), ViewColumn("COD_ENSE", "smallint")]
STUDENT = ViewColumn("MRUN", "varchar", 12)


def reading_of(
    *more: ViewColumn, contract: Contract = MATRICULA, mode: PrivacyMode = PrivacyMode.AGGREGATES
) -> Reading:
    return match(contract, 2025, VIEW, [*NEEDED, STUDENT, *more], mode)


def asked(reading: Reading) -> list[str]:
    return [m.column.official for m in reading.asked]


class TestWhatIsAskedFor:
    def test_the_contract_s_columns_in_its_order(self) -> None:
        reading = match(MATRICULA, 2025, VIEW, [STUDENT, *reversed(NEEDED)], PrivacyMode.AGGREGATES)
        assert asked(reading) == ["AGNO", "RBD", "COD_ENSE", "MRUN"]

    def test_not_what_never_leaves_raw(self) -> None:
        reading = reading_of(ViewColumn("COD_ETNIA_ALU", "int"), mode=PrivacyMode.FULL)
        assert "COD_ETNIA_ALU" not in asked(reading)
        assert reading.withheld == ("COD_ETNIA_ALU",)

    @pytest.mark.parametrize("mode", list(PrivacyMode))
    def test_names_only_with_full_access(self, mode: PrivacyMode) -> None:
        reading = reading_of(ViewColumn("NOMBRES", "varchar", 50), ViewColumn("FECHA_NACIMIENTO", "date"), mode=mode)
        full = mode is PrivacyMode.FULL
        assert ("NOMBRES" in asked(reading)) is full
        assert ("FEC_NAC_ALU" in asked(reading)) is full
        assert (reading.withheld == ()) is full

    def test_not_what_the_contract_does_not_know(self) -> None:
        assert reading_of(ViewColumn("TELEFONO", "varchar", 20)).unknown == ("TELEFONO",)

    def test_one_of_two_spellings_the_first(self) -> None:
        reading = reading_of(ViewColumn("RUT_ESTUDIANTE", "varchar", 12))
        assert [m.found.name for m in reading.asked if m.column.official == "MRUN"] == ["MRUN"]
        assert reading.withheld == ("RUT_ESTUDIANTE",)

    def test_whatever_the_case(self) -> None:
        columns = [ViewColumn(c.name.lower(), c.type, c.length) for c in [*NEEDED, STUDENT]]
        assert asked(match(MATRICULA, 2025, VIEW, columns, PrivacyMode.AGGREGATES)) == [
            "AGNO",
            "RBD",
            "COD_ENSE",
            "MRUN",
        ]

    def test_what_is_missing_and_not_needed_is_said(self) -> None:
        missing = reading_of().missing
        assert "COD_ESPE" in missing
        assert "LET_RBD" not in missing, "no file of that year has it"
        assert "FEC_NAC_ALU" not in missing, "nobody would ask for it"


class TestAStructureThatCannotBeUsed:
    @pytest.mark.parametrize("lacking", ["AGNO", "RBD", "COD_ENSE"])
    def test_lacks_what_is_needed(self, lacking: str) -> None:
        columns = [c for c in [*NEEDED, STUDENT] if c.name != lacking]
        with pytest.raises(SourceFailure, match=lacking) as raised:
            match(MATRICULA, 2025, VIEW, columns, PrivacyMode.AGGREGATES)
        assert raised.value.cause is Cause.STRUCTURE

    def test_has_a_type_that_cannot_be_read(self) -> None:
        with pytest.raises(SourceFailure, match="COMUNA \\(xml\\)"):
            reading_of(ViewColumn("COMUNA", "xml", -1))

    def test_has_a_year_that_is_a_date(self) -> None:
        columns = [ViewColumn("AGNO", "date"), *NEEDED[1:], STUDENT]
        with pytest.raises(SourceFailure, match="AGNO \\(date\\)"):
            match(MATRICULA, 2025, VIEW, columns, PrivacyMode.AGGREGATES)

    def test_a_column_that_is_not_asked_for_may_be_anything(self) -> None:
        assert reading_of(ViewColumn("TELEFONO", "sql_variant")).unknown == ("TELEFONO",)


class TestHowAColumnIsWritten:
    @pytest.mark.parametrize(
        ("column", "written"),
        [
            (ViewColumn("NOM_RBD", "nvarchar", 100), "[NOM_RBD] AS [NOM_RBD]"),
            (ViewColumn("NOM_RBD", "nchar", 40), "CONVERT(nvarchar(40), RTRIM([NOM_RBD])) AS [NOM_RBD]"),
            (ViewColumn("NOM_RBD", "text", 2147483647), "CONVERT(nvarchar(max), [NOM_RBD]) AS [NOM_RBD]"),
            (ViewColumn("NOM_RBD", "date"), "CONVERT(varchar(10), [NOM_RBD], 23) AS [NOM_RBD]"),
            (ViewColumn("NOM_RBD", "uniqueidentifier"), "CONVERT(varchar(36), [NOM_RBD]) AS [NOM_RBD]"),
            (ViewColumn("NOM_RBD", "varbinary", 32), "CONVERT(varchar(64), [NOM_RBD], 2) AS [NOM_RBD]"),
            (ViewColumn("SEXO", "tinyint"), "[SEXO] AS [GEN_ALU]"),
        ],
    )
    def test_so_that_no_driver_writes_it_its_own_way(self, column: ViewColumn, written: str) -> None:
        assert written in select_year(MATRICULA, reading_of(column), 2025).sql

    def test_a_date_of_birth_leaves_the_server_as_its_month(self) -> None:
        reading = reading_of(ViewColumn("FECHA_NACIMIENTO", "datetime2"), mode=PrivacyMode.FULL)
        sql = select_year(MATRICULA, reading, 2025).sql
        assert "LEFT(CONVERT(varchar(8), [FECHA_NACIMIENTO], 112), 6) AS [FEC_NAC_ALU]" in sql
        assert sql.count("FECHA_NACIMIENTO") == 1

    def test_names_are_quoted(self) -> None:
        strange = contract_for("docentes")
        columns = [ViewColumn(c.official, "int") for c in strange.columns if c.required or c.official == "COD_ENS_1"]
        view = ViewName("otro]esquema", "vista rara")
        sql = select_year(strange, match(strange, 2025, view, columns, PrivacyMode.AGGREGATES), 2025).sql
        assert "FROM [otro]]esquema].[vista rara]" in sql


class TestTheFilters:
    def test_are_parameters(self) -> None:
        query = select_year(MATRICULA, reading_of(), 2025)
        assert query.sql.count("?") == len(query.parameters)
        assert query.parameters[0] == "2025"
        assert "2025" not in query.sql
        assert "310" not in query.parameters
        assert query.filters == "AGNO=2025; COD_ENSE en (" + ", ".join(query.parameters[1:]) + ")"

    def test_text_codes_are_compared_as_the_numbers_they_are(self) -> None:
        columns = [ViewColumn("AGNO", "char", 4), NEEDED[1], ViewColumn("COD_ENSE", "varchar", 5), STUDENT]
        sql = select_year(MATRICULA, match(MATRICULA, 2025, VIEW, columns, PrivacyMode.AGGREGATES), 2025).sql
        assert "WHERE TRY_CONVERT(int, [AGNO]) = CAST(? AS int)" in sql
        assert "(TRY_CONVERT(int, [COD_ENSE]) IN (CAST(? AS int)," in sql

    def test_any_scope_column_will_do(self) -> None:
        docentes = contract_for("docentes")
        names = ["AGNO", "RBD", "MRUN", "COD_ENS_1", "COD_ENS_2"]
        columns = [ViewColumn(name, "int") for name in names]
        query = select_year(docentes, match(docentes, 2025, VIEW, columns, PrivacyMode.AGGREGATES), 2025)
        assert "([COD_ENS_1] IN (" in query.sql
        assert ") OR [COD_ENS_2] IN (" in query.sql
        assert query.sql.count("?") == len(query.parameters)

    def test_only_enrolments_in_force_where_the_view_tells(self) -> None:
        """The client's own query keeps ACTIVO; the official files bring no others."""
        state = ViewColumn("ESTADO_MATRICULA", "varchar", 10)
        query = select_year(MATRICULA, reading_of(state), 2025)
        assert "AND ([ESTADO_MATRICULA] IN (?) OR [ESTADO_MATRICULA] IS NULL)" in query.sql
        assert query.parameters[-1] == "ACTIVO"
        assert query.filters.endswith("; ESTADO_MATRICULA en (ACTIVO) o sin dato")
        assert "ESTADO_MATRICULA" not in select_year(MATRICULA, reading_of(), 2025).sql

    def test_one_row_more_than_the_maximum_is_asked_for(self) -> None:
        assert select_year(MATRICULA, reading_of(), 2025, max_rows=500).sql.startswith("SELECT TOP (501) ")


class TestTheOrder:
    def test_is_the_key_and_then_everything_else(self) -> None:
        assert select_year(MATRICULA, reading_of(), 2025).sql.endswith("ORDER BY [AGNO], [MRUN], [RBD], [COD_ENSE]")

    def test_leaves_out_what_sql_server_cannot_sort_by(self) -> None:
        reading = reading_of(
            ViewColumn("NOM_RBD", "nvarchar", -1),
            ViewColumn("COMUNA", "nvarchar", 4000),
            ViewColumn("REGION", "nvarchar", 100),
        )
        order = select_year(MATRICULA, reading, 2025).sql.partition("ORDER BY ")[2]
        assert order == "[AGNO], [MRUN], [RBD], [NOM_REG_RBD_A], [COD_ENSE]"


def test_the_view_is_the_contract_s_unless_settings_name_one(tmp_path: Path) -> None:
    def named(**sqlserver: object) -> ViewName | None:
        return view_of(MATRICULA, isolated_settings(data_dir=tmp_path, sqlserver=sqlserver).sqlserver)

    assert named() == VIEW
    assert named(db_schema="emtp") == ViewName("emtp", VIEW.name)
    assert named(views={"matricula": "vw_x"}) == ViewName("dbo", "vw_x")
    assert named(views={"matricula": "otro.vw_x"}) == ViewName("otro", "vw_x")


def test_reading_one_row_reads_nobody_s_data() -> None:
    assert select_one(reading_of()).sql == "SELECT TOP (1) [AGNO] AS [AGNO] FROM [dbo].[vw_sige_matricula_emtp_ano]"
