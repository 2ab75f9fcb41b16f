"""Official names of codes, in a DuckDB session: what plans are written with, for whoever makes or attacks a table."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from emtp_assets.contracts.codes import CODE_LISTS, read_codes


def install_names(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a session the macro ``name_of(list, code)``: the official name, or ``Sin información``."""
    named = [(name, code, title) for name in CODE_LISTS for code, title in read_codes(name).items()]
    lists, codes, names = zip(*named, strict=True)
    connection.register("code_names", pa.table({"list": lists, "code": codes, "name": names}))
    connection.execute(
        "create or replace temp macro name_of(which, value) as coalesce((select any_value(c.name) from code_names as c "
        "where c.list = which and c.code = value::varchar), 'Sin información')"
    )
