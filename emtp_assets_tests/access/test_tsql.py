"""The script for the database administrator: it parses, gives SELECT on the views alone, and never runs half filled."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from emtp_assets.access import PENDING, access_script, views, write
from emtp_assets.contracts import all_contracts
from emtp_assets.settings import PrivacyMode
from emtp_assets_tests.access.sqlcmd import FatalScriptingError, batches, code
from emtp_assets_tests.conftest import isolated_settings

ORIGINS = {f"ORIGEN_{contract.dataset.upper()}": f"base.{contract.dataset}" for contract in all_contracts()}
FILLED = {**ORIGINS, "CLAVE": "no-es-una-clave"}
VIEWS = views(all_contracts())

# Everything in the script that is neither a view nor a query, word for word: what is not here, it does not do.
LOGIN, ROLE = r"\[readonly_emtp\]", r"\[rol_lectura_emtp\]"
ALLOWED = [
    r"SET (NOCOUNT|XACT_ABORT|ANSI_NULLS|QUOTED_IDENTIFIER) ON",
    r"SET NOEXEC OFF",
    r"IF (N'si' <> N'si'|DATABASEPROPERTYEX\(DB_NAME\(\), N'Updateability'\) = N'READ_ONLY') "
    r"BEGIN RAISERROR \(N'[^']+', 16, 1\); SET NOEXEC ON; END",
    r"USE \[SIGE_DataMart\]",
    rf"IF DATABASE_PRINCIPAL_ID\(N'rol_lectura_emtp'\) IS NULL CREATE ROLE {ROLE} AUTHORIZATION \[dbo\]",
    rf"DENY INSERT, UPDATE, DELETE, ALTER TO {ROLE}",
    rf"DENY EXECUTE ON SCHEMA::\[dbo\] TO {ROLE}",
    rf"GRANT SELECT ON OBJECT::\[dbo\]\.\[vw_sige_\w+\] TO {ROLE}",
    rf"IF SUSER_ID\(N'readonly_emtp'\) IS NULL CREATE LOGIN {LOGIN} WITH PASSWORD = N'no-es-una-clave', "
    r"DEFAULT_DATABASE = \[SIGE_DataMart\], CHECK_POLICY = ON, CHECK_EXPIRATION = OFF",
    rf"IF DATABASE_PRINCIPAL_ID\(N'readonly_emtp'\) IS NULL CREATE USER {LOGIN} FOR LOGIN {LOGIN} "
    r"WITH DEFAULT_SCHEMA = \[dbo\]",
    rf"ALTER ROLE {ROLE} ADD MEMBER {LOGIN}",
    r"EXECUTE AS USER = 'readonly_emtp'",
    r"REVERT",
]


@pytest.fixture(scope="module")
def script() -> str:
    return access_script(all_contracts())


def statements(script: str) -> list[str]:
    """The statements of the filled script in order, without comments, on one line each."""
    whole = [code(batch) for batch in batches(script, FILLED)]
    # The guards are one statement with two inside.
    parts = [[batch] if "BEGIN" in batch else batch.split(";") for batch in whole]
    return [" ".join(part.split()).removesuffix(";") for group in parts for part in group if part.strip()]


def view_statements(script: str) -> dict[str, exp.Create]:
    """The parsed CREATE VIEW statements by view name; sqlglot raises on what is not T-SQL."""
    found = {}
    for statement in statements(script):
        if statement.startswith("CREATE OR ALTER VIEW"):
            parsed = sqlglot.parse_one(statement, read="tsql")
            assert isinstance(parsed, exp.Create)
            found[parsed.find(exp.Table).name] = parsed  # pyright: ignore[reportOptionalMemberAccess]
    return found


def test_each_statement_is_a_view_or_a_query_that_parses_or_one_of_a_closed_list(script: str) -> None:
    for statement in statements(script):
        if statement.startswith(("CREATE OR ALTER VIEW", "SELECT")):
            parsed = sqlglot.parse(statement, read="tsql")
            assert [type(p) for p in parsed] in ([exp.Create], [exp.Select], [exp.Union]), statement
        else:
            assert any(re.fullmatch(shape, statement) for shape in ALLOWED), statement


def test_create_view_is_alone_in_its_batch_as_sql_server_demands(script: str) -> None:
    creating = [code(b) for b in batches(script, FILLED) if "VIEW" in code(b)]
    assert len(creating) == 6
    assert all(batch.startswith("CREATE OR ALTER VIEW") and batch.count(";") == 1 for batch in creating)


def test_the_role_is_granted_select_on_the_six_views_and_nothing_else(script: str) -> None:
    grants = [s for s in statements(script) if "GRANT" in s]
    assert grants == [f"GRANT SELECT ON OBJECT::[dbo].[{name}] TO [rol_lectura_emtp]" for name in VIEWS]


def test_the_account_can_neither_write_nor_alter_nor_execute_and_joins_no_fixed_role(script: str) -> None:
    said = statements(script)
    assert "DENY INSERT, UPDATE, DELETE, ALTER TO [rol_lectura_emtp]" in said
    assert "DENY EXECUTE ON SCHEMA::[dbo] TO [rol_lectura_emtp]" in said
    assert [s for s in said if "MEMBER" in s] == ["ALTER ROLE [rol_lectura_emtp] ADD MEMBER [readonly_emtp]"]
    assert not re.search(r"sysadmin|db_owner|db_datareader|db_datawriter", script)


def test_each_view_gives_the_columns_of_its_contract_by_their_official_names_in_order(script: str) -> None:
    created = view_statements(script)
    assert list(created) == list(VIEWS)
    for name, view in VIEWS.items():
        selected = created[name].expression
        assert selected.named_selects == [column.name for column in view.columns]
        sources = [e.this.name for e in selected.selects]
        assert sources == [PENDING + column.name for column in view.columns]


def test_each_column_is_explained_with_its_type_and_whether_it_is_required(script: str) -> None:
    blocks = script.split("CREATE OR ALTER VIEW")[1:]
    for view, block in zip(VIEWS.values(), blocks, strict=True):
        comments = re.findall(r"((?:    -- .*\n)+)    origen\.", block)
        for column, comment in zip(view.columns, comments, strict=True):
            told = " ".join(comment.replace("    --", "").split())
            assert f"{column.type};" in told
            assert ("obligatoria." in told) is column.column.required
            assert ("seudónimo" in told) or column.name not in {"MRUN", "ID_PRACTICA"}
    assert "-- Sexo del estudiante. int; opcional. Códigos: 0 = Sin información, 1 = Hombre, 2 = Mujer." in blocks[0]


def test_names_and_birth_dates_stand_in_a_comment_that_says_why_and_in_no_view(script: str) -> None:
    for batch in batches(script, FILLED):
        for name in ("NOMBRES", "APELLIDO_PATERNO", "APELLIDO_MATERNO", "FEC_NAC_ALU", "RUT_EMPRESA"):
            assert name not in code(batch)
    told = " ".join(script.replace("\n--", " ").split())
    assert "Ley 21.719, proporcionalidad" in told
    assert "Nombres y fechas de nacimiento no se piden: FEC_NAC_ALU, NOMBRES," in told


def test_mode_c_asks_for_them() -> None:
    full = access_script(all_contracts(), privacy_mode=PrivacyMode.FULL)
    created = view_statements(full)["vw_sige_matricula_emtp_ano"]
    assert {"APELLIDO_PATERNO", "FEC_NAC_ALU"} <= set(created.expression.named_selects)


def test_filled_in_the_views_give_the_emtp_rows_alone(script: str) -> None:
    """The views run, on DuckDB: each base table has a row of every kind of code."""
    created = view_statements(script.replace(PENDING, ""))
    emtp, other = (410, 463, 510, 610, 710, 810, 863), (0, 110, 310, 360, 910, 963)
    with duckdb.connect() as db:
        db.execute("CREATE SCHEMA base; CREATE SCHEMA dbo")
        for name, view in VIEWS.items():
            columns = ", ".join(
                f'"{c.name}" VARCHAR' if c.name not in view.scope else f'"{c.name}" INT' for c in view.columns
            )
            db.execute(f"CREATE TABLE base.{view.contract.dataset} ({columns})")
            db.execute(created[name].sql(dialect="duckdb").replace("OR ALTER", "OR REPLACE"))
            scope = view.scope or (view.columns[0].name,)
            for value in (*emtp, *other):
                for column in scope:
                    db.execute(f'INSERT INTO base.{view.contract.dataset} ("{column}") VALUES (?)', [value])
            got = db.execute(f"SELECT * FROM dbo.{name}").fetchall()
            expected = len(scope) * (len(emtp) if view.scope else len(emtp) + len(other))
            assert len(got) == expected, name
            assert [d[0] for d in db.description or []] == [c.name for c in view.columns]


@pytest.mark.parametrize("missing", sorted(FILLED))
def test_a_variable_that_nobody_defined_stops_it(script: str, missing: str) -> None:
    with pytest.raises(FatalScriptingError, match=missing):
        batches(script, {name: value for name, value in FILLED.items() if name != missing})


def test_half_filled_it_stops_at_a_view_before_there_is_a_login(script: str) -> None:
    """A column no table has is an error of SQL Server's, and the script's first command is to end at one."""
    assert script.index(":on error exit") < script.index("GO")
    said = statements(script)
    last_view = max(i for i, s in enumerate(said) if PENDING in s)
    assert last_view < min(i for i, s in enumerate(said) if "CREATE LOGIN" in s or "CREATE USER" in s)


def test_outside_sqlcmd_nothing_runs(script: str) -> None:
    """Management Studio without SQLCMD mode sends the text as it is: a guard then switches execution off."""
    assert "IF N'$(MODO_SQLCMD)' <> N'si'" in script
    guard = script.index("SET NOEXEC ON")
    assert guard < script.index("CREATE ROLE") < script.index("CREATE OR ALTER VIEW")


def test_the_password_is_a_variable_and_never_in_the_script(script: str) -> None:
    assert re.findall(r"PASSWORD = (\S+)", script) == ["N'$(CLAVE)',", "la"]


def test_run_twice_it_changes_nothing(script: str) -> None:
    for statement in statements(script):
        if statement.startswith("CREATE"):
            assert statement.startswith("CREATE OR ALTER VIEW")
        assert "DROP" not in statement


def test_the_same_contracts_give_the_same_text(script: str) -> None:
    assert access_script(all_contracts()) == script


def test_a_name_with_a_bracket_or_a_quote_does_not_break_out() -> None:
    script = access_script(all_contracts(), login="o'neil]x", schema="e]s", database="b]d")
    assert "CREATE LOGIN [o'neil]]x] WITH" in script
    assert "SUSER_ID(N'o''neil]x')" in script
    assert "USE [b]]d];" in script
    assert "[e]]s].[vw_sige_establecimientos]" in script


def test_an_instance_writes_it_with_its_own_names(tmp_path: Path) -> None:
    settings = isolated_settings(
        data_dir=tmp_path,
        sqlserver={
            "user": "lector",
            "name": "Replica",
            "db_schema": "emtp",
            "views": {"matricula": "vw_mat", "docentes": "otro.vw_doc"},
        },
    )
    script = write(settings)
    assert "CREATE LOGIN [lector]" in script
    assert "USE [Replica];" in script
    assert "CREATE OR ALTER VIEW [emtp].[vw_mat]" in script
    assert "GRANT SELECT ON OBJECT::[emtp].[vw_mat] TO [rol_lectura_emtp];" in script
    assert "GRANT SELECT ON OBJECT::[otro].[vw_doc] TO [rol_lectura_emtp];" in script


def test_no_line_is_wider_than_a_screen(script: str) -> None:
    assert max(map(len, script.splitlines())) <= 120
