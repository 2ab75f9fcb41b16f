"""The server of `benchmarks.sqlserver`: the tests' loopback TDS server, until its input ends. Nothing is measured.

It prints its port, and leaves in its folder what clients need: ``ca/ca.pem``, its authority's certificate, and
``query.json``, the query to ask and the driver to ask it with.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import duckdb

from benchmarks.sqlserver_query import COLUMNS, DATABASE, LOGIN, PASSWORD, VIEW, query, rows_sql
from emtp_assets.sources.sqlserver.driver import find_driver
from emtp_assets_tests.servers.certificates import Authority
from emtp_assets_tests.servers.tds import Login, TdsServer, View


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    rows = given.folder / "rows.parquet"
    duckdb.execute(f"COPY ({rows_sql(given.rows)}) TO '{rows}' (FORMAT parquet)")
    sql, parameters = query()
    asked = {"sql": sql, "parameters": parameters, "driver": find_driver(None).name}
    (given.folder / "query.json").write_text(json.dumps(asked), encoding="utf-8")
    authority = Authority.create(given.folder / "ca")
    server = TdsServer(
        {VIEW: View(rows, types={name: declared for name, (declared, _) in COLUMNS.items()})},
        logins=[Login(LOGIN, PASSWORD)],
        database=DATABASE,
        certificate=authority.issue("server"),
        encryption="required",
        remember_answers=True,
    )
    with server:
        sys.stdout.write(f"{server.port}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
