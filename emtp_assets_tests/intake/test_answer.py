"""A query's answer is a delivery like a file: judged, kept by its hash, and extracted to the same raw rows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq
import pytest

from emtp_assets.contracts import contract_for
from emtp_assets.intake import Archive, Asked, Delivery, IntakeError, Ledger, Rejection, extract_raw, receive
from emtp_assets.settings import Mode, Settings
from emtp_assets.sources.simulated import generate
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.opened import refused_bytes, rows

CONTRACT = contract_for("matricula")
YEAR = 2025
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(CONTRACT, YEAR, tmp_path_factory.mktemp("oficial"), scale=0.005, seed=1)


@pytest.fixture(scope="module")
def table(official: Path) -> pa.Table:
    """The official file's rows as a source would write them down: text by official name, blanks as NULL."""
    read = pv.read_csv(official, parse_options=pv.ParseOptions(delimiter=";"))
    names = [name.removeprefix("\ufeff").upper() for name in read.column_names]
    return pv.read_csv(
        official,
        parse_options=pv.ParseOptions(delimiter=";"),
        read_options=pv.ReadOptions(column_names=names, skip_rows=1),
        convert_options=pv.ConvertOptions(
            column_types={name: pa.string() for name in names}, null_values=["", " "], strings_can_be_null=True
        ),
    )


def handed(table: pa.Table, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"matricula_{YEAR}.parquet"
    pq.write_table(table, path)
    return path


def taken(path: Path, settings: Settings, *, year: int = YEAR) -> Delivery | Rejection:
    outcome = receive(
        path, settings, Ledger(settings.data_dir), source="sqlserver", now=NOW, asked=Asked(CONTRACT, year)
    )
    assert isinstance(outcome, Delivery | Rejection)
    return outcome


def test_it_becomes_a_delivery_with_its_years_and_rows(table: pa.Table, settings: Settings, tmp_path: Path) -> None:
    delivery = taken(handed(table, tmp_path / "x"), settings)
    assert isinstance(delivery, Delivery)
    assert delivery.dataset == "matricula"
    assert delivery.years == {YEAR: table.num_rows}
    assert delivery.form.encoding == "parquet"
    assert delivery.simulated
    assert Archive(settings).path(delivery.sha256).name.endswith(".parquet.sellado")
    assert Archive(settings).verify(delivery.sha256)
    assert Ledger(settings.data_dir).find(delivery.sha256) == delivery


def test_its_raw_rows_are_those_of_the_official_file(
    table: pa.Table, official: Path, settings: Settings, tmp_path: Path
) -> None:
    ledger = Ledger(settings.data_dir)
    answer = taken(handed(table, tmp_path / "x"), settings)
    copied = tmp_path / "y" / official.name
    copied.parent.mkdir()
    copied.write_bytes(official.read_bytes())
    by_file = receive(copied, settings, ledger, source="carpeta", now=NOW)
    assert isinstance(answer, Delivery)
    assert isinstance(by_file, Delivery)
    raw = {}
    for name, delivery in (("answer", answer), ("file", by_file)):
        target = tmp_path / f"{name}.parquet"
        counts = extract_raw(settings, CONTRACT, delivery, Archive(settings).path(delivery.sha256), YEAR, target)
        assert counts.rows_in_year == counts.in_scope + counts.out_of_scope == table.num_rows
        columns = ", ".join(f"nullif(trim(\"{c.official}\"), '')" for c in CONTRACT.columns)
        raw[name] = rows(f"SELECT {columns}, _row FROM raw ORDER BY _row", settings, raw=target)
    assert raw["answer"] == raw["file"]


@pytest.mark.parametrize("where", [0.001, 0.3, 0.6, 0.999])
def test_an_archived_answer_with_a_single_wrong_bit_is_not_extracted(
    where: float, table: pa.Table, settings: Settings, tmp_path: Path
) -> None:
    delivery = taken(handed(table, tmp_path / "x"), settings)
    assert isinstance(delivery, Delivery)
    kept = Archive(settings).path(delivery.sha256)
    content = bytearray(kept.read_bytes())
    content[int(where * len(content))] ^= 1
    kept.chmod(0o600)
    kept.write_bytes(content)
    with pytest.raises(IntakeError, match="no es la que se recibió"):
        extract_raw(settings, CONTRACT, delivery, kept, YEAR, tmp_path / "crudo.parquet")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda t: t.drop_columns(["MRUN"]), "faltan_columnas"),
        (lambda t: t.drop_columns(["AGNO"]), "sin_anio"),
        (lambda t: t.slice(0, 0), "sin_filas"),
        (lambda t: t.set_column(0, "AGNO", pa.array(["20x5"] * t.num_rows)), "anio"),
        (lambda t: t.set_column(0, "AGNO", pa.nulls(t.num_rows, pa.string())), "anio"),
        (lambda t: t.set_column(0, "AGNO", pa.array(["٢٠٢٥"] * t.num_rows)), "anio"),
        (lambda t: t.set_column(0, "AGNO", pa.array([YEAR] * t.num_rows)), "respuesta_ilegible"),
        (lambda t: t.append_column("NUEVA", pa.nulls(t.num_rows, pa.string())), "respuesta_ilegible"),
        (lambda t: t.append_column("RUT_ESTUDIANTE", t.column("MRUN")), "respuesta_ilegible"),
    ],
)
def test_what_is_no_answer_is_refused_with_its_reason(
    table: pa.Table, change, code: str, settings: Settings, tmp_path: Path
) -> None:
    path = handed(change(table), tmp_path / "x")
    content = path.read_bytes()
    refused = taken(path, settings)
    assert isinstance(refused, Rejection)
    assert refused.code == code
    assert refused.moved_to is not None
    assert refused_bytes(refused.moved_to, settings) == content


def test_another_year_than_the_one_asked_for_is_refused(table: pa.Table, settings: Settings, tmp_path: Path) -> None:
    refused = taken(handed(table, tmp_path / "x"), settings, year=YEAR + 1)
    assert isinstance(refused, Rejection)
    assert refused.code == "otro_conjunto"


def test_a_torn_answer_is_refused(table: pa.Table, settings: Settings, tmp_path: Path) -> None:
    path = handed(table, tmp_path / "x")
    path.write_bytes(path.read_bytes()[:-100])
    refused = taken(path, settings)
    assert isinstance(refused, Rejection)
    assert refused.code == "respuesta_ilegible"


def test_simulated_rows_are_refused_in_production(table: pa.Table, tmp_path: Path) -> None:
    settings = isolated_settings(data_dir=tmp_path / "data", mode=Mode.PRODUCTION)
    refused = taken(handed(table, tmp_path / "x"), settings)
    assert isinstance(refused, Rejection)
    assert refused.code == "simulado_en_produccion"


def test_a_parquet_in_the_drop_folder_is_still_no_delivery(table: pa.Table, settings: Settings, tmp_path: Path) -> None:
    """By hand come official files; who wrote a Parquet, and from what, nobody could say."""
    outcome = receive(handed(table, tmp_path / "x"), settings, Ledger(settings.data_dir), source="carpeta", now=NOW)
    assert isinstance(outcome, Rejection)
