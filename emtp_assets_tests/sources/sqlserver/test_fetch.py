"""What the source hands over, and what exactly it asks the server for."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emtp_assets.contracts import contract_for
from emtp_assets.sources import Fetched, Journal, Source, SourceFailure
from emtp_assets.sources.failure import Cause, Nature
from emtp_assets.sources.sqlserver import SqlServerSource
from emtp_assets.sources.sqlserver.source import Progress
from emtp_assets_tests.servers.tds import TdsServer
from emtp_assets_tests.sources.sqlserver.conftest import COUNT, DATABASE, FREETDS, LOGIN, MICROSOFT, VIEW, Configure

MATRICULA = contract_for("matricula")
PERSONAL = ("NOMBRES", "APELLIDO_PATERNO", "APELLIDO_MATERNO", "FECHA_NACIMIENTO")
ASKED = [
    *("AGNO", "RBD", "DGV_RBD", "NOM_RBD", "NOM_REG_RBD_A", "NOM_COM_RBD", "COD_ENSE", "COD_GRADO", "LET_CUR"),
    *("MRUN", "GEN_ALU", "COD_ESPE", "ESTADO_MATRICULA"),
]


def delivered(answer: object) -> pa.Table:
    assert isinstance(answer, Fetched)
    return pq.read_table(answer.path)


def test_it_is_a_source(source: SqlServerSource) -> None:
    assert isinstance(source, Source)
    assert source.name == "sqlserver"


def test_the_rows_arrive_as_they_are(source: SqlServerSource, target: Path) -> None:
    answer = source.fetch(MATRICULA, 2025, target)
    table = delivered(answer)
    assert isinstance(answer, Fetched)
    assert answer.path == target / "matricula_2025.parquet"
    assert answer.mark == ""
    assert table.column_names == ASKED
    assert set(table.schema.types) == {pa.string()}
    expected = sorted(
        (
            {
                "AGNO": "2025",
                "RBD": str(10000 + n % 7),
                "DGV_RBD": str(n % 10),  # char(3): its padding is no part of the value
                "NOM_RBD": f'Liceo Ñuñoa "B" {n % 7}',
                "NOM_REG_RBD_A": "Región de Aysén",
                "NOM_COM_RBD": "COYHAIQUE",
                "COD_ENSE": "0410" if n % 8 == 1 else " 510",  # varchar: blanks and zeros are the value's
                "COD_GRADO": str(1 + n % 4),
                "LET_CUR": "A",
                "MRUN": str(90000000 - n),
                "GEN_ALU": str(1 + n % 2),
                "COD_ESPE": None if n % 8 == 3 else "51001",
                "ESTADO_MATRICULA": "ACTIVO",
            }
            for n in range(COUNT)
            if n % 8 not in (0, 2)  # 310 is not EMTP; another year
        ),
        key=lambda row: str(row["MRUN"]),
    )
    assert table.to_pylist() == expected


def test_the_same_content_is_the_same_bytes_whatever_driver_and_batches(
    configure: Configure, journal: Journal, target: Path
) -> None:
    files = []
    for at, (driver, batch_rows) in enumerate([(MICROSOFT, 100), (FREETDS, 1_000), (MICROSOFT, 7_000)]):
        folder = target / str(at)
        folder.mkdir()
        settings = configure(driver=driver, batch_rows=batch_rows)
        answer = SqlServerSource(settings, journal).fetch(MATRICULA, 2025, folder)
        assert isinstance(answer, Fetched)
        files.append(answer.path.read_bytes())
    assert len(set(files)) == 1


def test_the_query_names_its_columns_and_passes_its_values(
    source: SqlServerSource, replica: TdsServer, target: Path
) -> None:
    source.fetch(MATRICULA, 2025, target)
    asked = replica.queries[-1]
    assert (
        asked.sql.split()
        == (
            "SELECT [ANO_LECTIVO] AS [AGNO], [RBD] AS [RBD], CONVERT(varchar(3), RTRIM([DV_RBD])) AS [DGV_RBD],"
            " [NOMBRE_ESTABLECIMIENTO] AS [NOM_RBD], [REGION] AS [NOM_REG_RBD_A], [COMUNA] AS [NOM_COM_RBD],"
            " [CODIGO_ENSENANZA] AS [COD_ENSE], [GRADO] AS [COD_GRADO], [LETRA_CURSO] AS [LET_CUR], [MRUN] AS [MRUN],"
            " [SEXO] AS [GEN_ALU], [ESPECIALIDAD] AS [COD_ESPE], [ESTADO_MATRICULA] AS [ESTADO_MATRICULA]"
            f" FROM [dbo].[{VIEW}] WHERE [ANO_LECTIVO] = CAST(@P1 AS int)"
            " AND (TRY_CONVERT(int, [CODIGO_ENSENANZA]) IN ("
            + ", ".join(f"CAST(@P{n} AS int)" for n in range(2, 23))
            + ")) AND ([ESTADO_MATRICULA] IN (@P23) OR [ESTADO_MATRICULA] IS NULL)"
            " ORDER BY [AGNO], [MRUN], [RBD], [DGV_RBD], [NOM_RBD], [NOM_REG_RBD_A], [NOM_COM_RBD], [COD_ENSE],"
            " [COD_GRADO], [LET_CUR], [GEN_ALU], [COD_ESPE], [ESTADO_MATRICULA]"
        ).split()
    )
    values = list(asked.parameters.values())
    assert values[0] == "2025"
    assert "410" in values
    assert "310" not in values


def test_it_comes_to_read_and_says_who_it_is(source: SqlServerSource, replica: TdsServer, target: Path) -> None:
    source.fetch(MATRICULA, 2025, target)
    (login,) = [attempt for attempt in replica.logins if attempt.accepted]
    assert (login.user, login.database, login.application) == (LOGIN, DATABASE, "emtp_assets")
    assert login.read_only_intent
    assert login.encrypted


@pytest.mark.parametrize("mode", ["A", "B"])
def test_names_and_birth_are_not_even_asked_for(
    configure: Configure, journal: Journal, replica: TdsServer, target: Path, driver: str | None, mode: str
) -> None:
    settings = configure(driver=driver, privacy_mode=mode)
    table = delivered(SqlServerSource(settings, journal).fetch(MATRICULA, 2025, target))
    everything_asked = "\n".join(query.sql for query in replica.queries)
    assert [name for name in PERSONAL if name in everything_asked] == []
    assert "SECRETO" not in str(table.to_pylist())


def test_full_access_asks_for_names_and_only_for_the_month_of_birth(
    configure: Configure, journal: Journal, replica: TdsServer, target: Path, driver: str | None
) -> None:
    settings = configure(driver=driver, privacy_mode="C")
    table = delivered(SqlServerSource(settings, journal).fetch(MATRICULA, 2025, target))
    assert "LEFT(CONVERT(varchar(8), [FECHA_NACIMIENTO], 112), 6) AS [FEC_NAC_ALU]" in replica.queries[-1].sql
    row = next(row for row in table.to_pylist() if row["MRUN"] == "89999999")
    assert row["FEC_NAC_ALU"] == "200803"
    assert row["NOMBRES"] == "NOMBRE SECRETO"


def test_unknown_columns_are_told_and_never_asked_for(
    source: SqlServerSource, replica: TdsServer, target: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "emtp_assets"):
        table = delivered(source.fetch(contract_for("proyectos"), 2025, target))
    assert table.column_names == ["AGNO", "ID_PROYECTO", "REGION", "TIPO_PROYECTO", "MONTO_ASIGNADO"]
    assert table["MONTO_ASIGNADO"].to_pylist() == ["1000000.5000", "1000001.5000", "1000002.5000"]
    assert "COLUMNA_NUEVA" in caplog.text
    assert "COLUMNA_NUEVA" not in "".join(query.sql for query in replica.queries)
    assert "PCT_EJECUCION" in caplog.text  # missing, not required


def test_every_query_is_in_the_journal_without_values(
    source: SqlServerSource, journal: Journal, replica: TdsServer, target: Path
) -> None:
    source.fetch(MATRICULA, 2025, target)
    written = journal.queries()
    assert len(written) == len(replica.queries)
    assert {(q.login, q.server) for q in written} == {(LOGIN, f"localhost:{replica.port}/{DATABASE}")}
    last = written[-1]
    assert last.view == f"dbo.{VIEW}"
    assert last.columns == ", ".join(ASKED)
    assert last.filters.startswith("AGNO=2025; COD_ENSE en (410, ")
    assert (last.rows, last.outcome) == (60, "ok")
    assert last.seconds > 0


def test_a_dataset_without_view_is_not_asked_for(source: SqlServerSource, target: Path, replica: TdsServer) -> None:
    assert source.fetch(dataclasses.replace(MATRICULA, sige_view=None), 2025, target) is None
    assert replica.logins == []


def test_settings_may_name_another_view(
    configure: Configure, journal: Journal, target: Path, replica: TdsServer
) -> None:
    replica.faults.renamed_views = {VIEW: "vw_otro_nombre"}
    settings = configure(views={"matricula": "dbo.vw_otro_nombre"})
    assert delivered(SqlServerSource(settings, journal).fetch(MATRICULA, 2025, target)).num_rows == 60


def test_more_rows_than_agreed_are_refused(
    configure: Configure, journal: Journal, target: Path, driver: str | None
) -> None:
    with pytest.raises(SourceFailure) as refused:
        SqlServerSource(configure(driver=driver, max_rows=59), journal).fetch(MATRICULA, 2025, target)
    assert (refused.value.cause, refused.value.nature) == (Cause.ANSWER, Nature.PERMANENT)
    assert list(target.iterdir()) == []
    exactly = SqlServerSource(configure(driver=driver, max_rows=60), journal).fetch(MATRICULA, 2025, target)
    assert delivered(exactly).num_rows == 60


def test_a_long_reading_tells_how_far_it_is(caplog: pytest.LogCaptureFixture) -> None:
    progress = Progress(MATRICULA, 2025)
    with caplog.at_level(logging.INFO, "emtp_assets"):
        for rows in range(20_000, 260_000, 20_000):
            progress(rows)
    assert [record.getMessage().partition(" filas")[0] for record in caplog.records] == [
        "matricula 2025: 100000",
        "matricula 2025: 200000",
    ]
