"""A CSV that pandas and a spreadsheet read back as what was in the Parquet, whatever the text."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from emtp_assets.publication.catalogue import published_tables
from emtp_assets.publication.files import empty_query, write_csv, write_parquet
from emtp_assets.publication.reconcile import Expected, problems
from emtp_assets.storage.provenance import Origin

TABLE = next(table for table in published_tables() if table.name == "proyectos")
HOSTILE = st.one_of(
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20),
    st.sampled_from(['"', '""', ",", "\n", "\r\n", "a\rb", " ", "\ufeff", "=1+1", "'", "s", "nd", "ñandú"]),
)


@settings(max_examples=50, deadline=None)
@given(texts=st.lists(HOSTILE, min_size=1, max_size=8))
def test_any_text_survives(texts: list[str]) -> None:
    frame = pa.table({"estado": texts, "n": list(range(len(texts)))})
    with duckdb.connect() as connection, TemporaryDirectory() as name:
        folder = Path(name)
        connection.register("frame", frame)
        connection.execute(f"CREATE TABLE t AS {empty_query(TABLE)}")
        connection.execute(
            'INSERT INTO t BY NAME SELECT 2025 AS "año", estado, n AS monto_asignado,'
            " 'OFICIAL' AS origen_datos FROM frame"
        )
        write_parquet(connection, TABLE, "FROM t", folder / "proyectos.parquet", None)
        write_csv(connection, TABLE, folder / "proyectos.parquet", folder / "proyectos.csv")
        expected = {"proyectos": Expected(len(texts), {2025: Origin.OFFICIAL})}
        assert problems(connection, folder, (TABLE,), expected) == []
        read = pd.read_csv(folder / "proyectos.csv", keep_default_na=False, dtype={"estado": str})
    assert list(read.columns) == [column.name for column in TABLE.columns]
    # pandas takes any line ending inside quotes as it is
    assert sorted(zip(read.monto_asignado.astype(float), read.estado, strict=True)) == sorted(
        zip(map(float, range(len(texts))), texts, strict=True)
    )
