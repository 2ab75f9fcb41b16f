"""The database behind the server: DuckDB views in schema `dbo`, and the system views that describe them.

What a session may see of it, and T-SQL itself, are matters of `translate`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from emtp_assets_tests.servers.tds.faults import Faults
from emtp_assets_tests.servers.tds.sqltypes import COLLATION_NAME, MAX, TYPE_NAMES, SqlType

_LENGTHS = (1, 2, 5, 10, 20, 50, 100, 200, 400, 1000, 2000, 4000)
_FIRST_OBJECT = 1_000_000_001
_SYSTEM_DATABASES = ("master", "tempdb", "model", "msdb")


@dataclass(frozen=True)
class View:
    """What a view shows: a Parquet or CSV file, a folder of Parquet files, or DuckDB SQL.

    `types` declares T-SQL types by column. A column without is given the nearest type, texts `nvarchar` of a round
    length that the longest value fits in.
    """

    source: str | Path
    types: Mapping[str, str] = field(default_factory=dict)

    @property
    def query(self) -> str:
        """The source as DuckDB SQL."""
        source = self.source
        if isinstance(source, str) and not source.lower().endswith((".parquet", ".csv")):
            return source
        path = Path(source)
        if path.is_dir():
            path /= "**/*.parquet"
        quoted = str(path).replace("'", "''")
        return f"SELECT * FROM {'read_csv' if path.suffix == '.csv' else 'read_parquet'}('{quoted}')"


def quoted(name: str) -> str:
    """A DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


class Catalogue:
    """The views as they are now, faults included, and what `sys` and `INFORMATION_SCHEMA` say of them."""

    def __init__(
        self,
        views: Mapping[str, str | Path | View],
        database: str,
        *,
        read_only: bool,
        primary_replica: int | None,
        in_availability_group: bool,
    ) -> None:
        self.database = database
        self.root = duckdb.connect(":memory:", config={"threads": "2", "autoinstall_known_extensions": "false"})
        # Modern_Spanish_CI_AS does not tell upper case from lower; accents it does.
        self.root.execute("SET GLOBAL default_collation = 'NOCASE'")
        self.root.execute("SET GLOBAL TimeZone = 'UTC'")
        for schema in ("source", "dbo", "sys", "info"):
            self.root.execute(f"CREATE SCHEMA {schema}")
        self._lock = threading.Lock()
        self._base: dict[str, dict[str, SqlType]] = {}
        self._now: dict[str, tuple[str, dict[str, SqlType]]] = {}
        for name, view in views.items():
            self._base[name] = self._register(name, view if isinstance(view, View) else View(view))
        self._describe_server(read_only, primary_replica, in_availability_group)
        self.apply(Faults())
        self.root.execute(_MACROS)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of a session's own."""
        cursor = self.root.cursor()
        cursor.execute("SET search_path = 'dbo'")
        return cursor

    def close(self) -> None:
        """Give the memory back."""
        self.root.close()

    def columns(self, view: str) -> dict[str, SqlType] | None:
        """The columns of a view by name in lower case, in order; `None` if there is no such view."""
        found = self._now.get(view.lower())
        return None if found is None else found[1]

    def names(self) -> list[str]:
        """The views there are now."""
        return [visible for visible, _ in self._now.values()]

    def has_table(self, name: str) -> bool:
        """Whether there is a table that a client made."""
        found = self.root.cursor().execute(
            "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'dbo' AND table_name = ?", [name]
        )
        return bool((found.fetchone() or (0,))[0])

    def _register(self, name: str, view: View) -> dict[str, SqlType]:
        declared = {column.lower(): SqlType.parse(text) for column, text in view.types.items()}
        held = {row[0]: row[1] for row in self.root.execute(f"DESCRIBE SELECT * FROM ({view.query})").fetchall()}
        schema = self.root.execute(f"SELECT * FROM ({view.query}) LIMIT 0").to_arrow_reader(1).schema
        types: dict[str, SqlType] = {}
        unmeasured: list[str] = []
        for column in schema:
            known = declared.pop(column.name.lower(), None)
            if known is None and held[column.name] == "UUID":
                known = SqlType("uniqueidentifier")
            types[column.name] = known or SqlType.from_arrow(column.type)
            if known is None and (types[column.name].is_text or types[column.name].name == "varbinary"):
                unmeasured.append(column.name)
        if declared:
            raise ValueError(f"types declared for columns that {name} does not have: {sorted(declared)}")
        select = ", ".join(f"CAST({quoted(c)} AS {t.duckdb}) AS {quoted(c)}" for c, t in types.items())
        self.root.execute(f"CREATE VIEW source.{quoted(name)} AS SELECT {select} FROM ({view.query})")
        if unmeasured:
            longest = ", ".join(f"coalesce(max(strlen({quoted(c)}::VARCHAR)), 1)" for c in unmeasured)
            found = self.root.execute(f"SELECT {longest} FROM source.{quoted(name)}").fetchone() or ()
            for column, size in zip(unmeasured, found, strict=True):
                length = next((length for length in _LENGTHS if size <= length), MAX)
                types[column] = SqlType(types[column].name, length=length)
        return types

    def apply(self, faults: Faults) -> None:
        """Make the views as the faults say, and describe them."""
        with self._lock:
            renamed = {old.lower(): new for old, new in faults.renamed_views.items()}
            missing = {view.lower(): {c.lower() for c in columns} for view, columns in faults.missing_columns.items()}
            empty = {view.lower() for view in faults.zero_rows}
            for visible, _ in self._now.values():
                self.root.execute(f"DROP VIEW IF EXISTS dbo.{quoted(visible)}")
            now: dict[str, tuple[str, dict[str, SqlType]]] = {}
            for name, types in self._base.items():
                visible = renamed.get(name.lower(), name)
                kept = {c: t for c, t in types.items() if c.lower() not in missing.get(name.lower(), ())}
                where = " WHERE false" if "*" in empty or name.lower() in empty else ""
                select = ", ".join(quoted(column) for column in kept)
                self.root.execute(
                    f"CREATE VIEW dbo.{quoted(visible)} AS SELECT {select} FROM source.{quoted(name)}{where}"
                )
                now[visible.lower()] = (visible, kept)
            self._describe_views(list(now.values()))
            self._now = {
                key: (visible, {c.lower(): t for c, t in kept.items()}) for key, (visible, kept) in now.items()
            }

    # -- what the system views say

    def _table(self, name: str, columns: str, rows: Sequence[Sequence[object]]) -> None:
        self.root.execute(f"CREATE OR REPLACE TABLE {name} ({columns})")
        if rows:
            marks = ", ".join("?" for _ in rows[0])
            self.root.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)

    def _describe_server(self, read_only: bool, primary: int | None, in_group: bool) -> None:
        # The secondary of a group takes no changes and yet is no read-only database by its options.
        replica = "5f3a1c1e-0000-4000-8000-000000000001" if in_group else None
        self._table(
            "sys.databases",
            "name VARCHAR, database_id INTEGER, source_database_id INTEGER, create_date TIMESTAMP, "
            "compatibility_level UTINYINT, collation_name VARCHAR, user_access_desc VARCHAR, is_read_only BOOLEAN, "
            "state UTINYINT, state_desc VARCHAR, is_in_standby BOOLEAN, recovery_model_desc VARCHAR, "
            "is_published BOOLEAN, is_subscribed BOOLEAN, "
            "is_merge_published BOOLEAN, is_distributor BOOLEAN, replica_id UUID, group_database_id UUID",
            [
                (
                    *(
                        name,
                        number,
                        None,
                        "2022-11-08",
                        160,
                        COLLATION_NAME,
                        "MULTI_USER",
                        own and read_only and not in_group,
                        0,
                        "ONLINE",
                    ),
                    *(False, "FULL" if own else "SIMPLE", False, False, False, False),
                    *(replica if own else None, replica if own else None),
                )
                for number, name in enumerate((*_SYSTEM_DATABASES, self.database), 1)
                for own in (name == self.database,)
            ],
        )
        self._table(
            "sys.dm_hadr_database_replica_states",
            "database_id INTEGER, replica_id UUID, is_local BOOLEAN, is_primary_replica BOOLEAN, "
            "synchronization_state_desc VARCHAR, last_commit_time TIMESTAMP",
            [(5, replica, True, bool(primary), "SYNCHRONIZED", "2026-01-01")] if in_group else [],
        )
        self._table(
            "sys.dm_hadr_availability_replica_states",
            "replica_id UUID, is_local BOOLEAN, role UTINYINT, role_desc VARCHAR",
            [(replica, True, 1 if primary else 2, "PRIMARY" if primary else "SECONDARY")] if in_group else [],
        )
        self._table(
            "sys.schemas",
            "name VARCHAR, schema_id INTEGER, principal_id INTEGER",
            [("dbo", 1, 1), ("guest", 2, 2), ("INFORMATION_SCHEMA", 3, 3), ("sys", 4, 4)],
        )
        types = [SqlType.parse("sysname" if name == "sysname" else name) for name in TYPE_NAMES]
        self._table(
            "sys.types",
            "name VARCHAR, system_type_id UTINYINT, user_type_id INTEGER, schema_id INTEGER, max_length SMALLINT, "
            "precision UTINYINT, scale UTINYINT, collation_name VARCHAR, is_nullable BOOLEAN, is_user_defined BOOLEAN",
            [
                (
                    *(t.name, t.system_type_id, t.system_type_id, 4, 8000 if t.length else t.width, *digits(t)),
                    *(COLLATION_NAME if t.is_text else None, True, False),
                )
                for t in types
            ],
        )

    def _describe_views(self, views: list[tuple[str, dict[str, SqlType]]]) -> None:
        numbers = {name: _FIRST_OBJECT + index for index, (name, _) in enumerate(views)}
        self._table(
            "sys.objects",
            "name VARCHAR, object_id INTEGER, principal_id INTEGER, schema_id INTEGER, parent_object_id INTEGER, "
            "type VARCHAR, type_desc VARCHAR, create_date TIMESTAMP, modify_date TIMESTAMP, is_ms_shipped BOOLEAN",
            [(n, i, None, 1, 0, "V ", "VIEW", "2026-01-01", "2026-01-01", False) for n, i in numbers.items()],
        )
        self._table(
            "sys.columns",
            "object_id INTEGER, name VARCHAR, column_id INTEGER, system_type_id UTINYINT, user_type_id INTEGER, "
            "max_length SMALLINT, precision UTINYINT, scale UTINYINT, collation_name VARCHAR, is_nullable BOOLEAN, "
            "is_identity BOOLEAN, is_computed BOOLEAN, type_name VARCHAR, declared INTEGER",
            [
                (
                    *(numbers[view], name, position, t.system_type_id, t.system_type_id, t.width, *digits(t)),
                    *(COLLATION_NAME if t.is_text else None, True, False, False, t.name, t.length),
                )
                for view, columns in views
                for position, (name, t) in enumerate(columns.items(), 1)
            ],
        )
        for statement in _DESCRIPTIONS:
            self.root.execute(statement.format(database=self.database.replace("'", "''")))


def digits(sql_type: SqlType) -> tuple[int, int]:
    """Precision and scale as `sys.columns` gives them."""
    name, scale = sql_type.name, sql_type.scale
    if name == "decimal":
        return sql_type.precision, scale
    if name in {"time", "datetime2", "datetimeoffset"}:
        return {"time": 8, "datetime2": 19, "datetimeoffset": 26}[name] + (scale + 1 if scale else 0), scale
    return _DIGITS.get(name, (0, 0))


_DIGITS = {
    "bit": (1, 0),
    "tinyint": (3, 0),
    "smallint": (5, 0),
    "int": (10, 0),
    "bigint": (19, 0),
    "real": (24, 0),
    "float": (53, 0),
    "smallmoney": (10, 4),
    "money": (19, 4),
    "date": (10, 0),
    "smalldatetime": (16, 0),
    "datetime": (23, 3),
}
_MACROS = """
CREATE MACRO dbo.schema_name(id) AS (SELECT s.name FROM sys.schemas s WHERE s.schema_id = id);
CREATE MACRO dbo.type_name(id) AS (SELECT t.name FROM sys.types t WHERE t.user_type_id = id);
CREATE MACRO dbo.object_name(id) AS (SELECT o.name FROM sys.objects o WHERE o.object_id = id);
CREATE MACRO dbo.object_schema_name(id) AS 'dbo';
CREATE MACRO dbo.object_id(path) AS (
    SELECT o.object_id FROM sys.objects o
    WHERE o.name = list_extract(string_split(replace(replace(path, '[', ''), ']', ''), '.'), -1));
CREATE MACRO dbo.datalength(x) AS strlen(CAST(x AS VARCHAR));
"""
_DESCRIPTIONS = (
    "CREATE OR REPLACE VIEW sys.views AS SELECT * FROM sys.objects",
    "CREATE OR REPLACE VIEW sys.all_views AS SELECT * FROM sys.objects",
    "CREATE OR REPLACE VIEW sys.all_objects AS SELECT * FROM sys.objects",
    "CREATE OR REPLACE VIEW sys.tables AS SELECT * FROM sys.objects WHERE type = 'U '",
    "CREATE OR REPLACE VIEW sys.all_columns AS SELECT * FROM sys.columns",
    """CREATE OR REPLACE VIEW info.tables AS SELECT '{database}' AS "TABLE_CATALOG", 'dbo' AS "TABLE_SCHEMA",
    name AS "TABLE_NAME", 'VIEW' AS "TABLE_TYPE" FROM sys.objects""",
    """CREATE OR REPLACE VIEW info.views AS SELECT '{database}' AS "TABLE_CATALOG", 'dbo' AS "TABLE_SCHEMA",
    name AS "TABLE_NAME", NULL::VARCHAR AS "VIEW_DEFINITION", 'NONE' AS "CHECK_OPTION", 'NO' AS "IS_UPDATABLE"
    FROM sys.objects""",
    """CREATE OR REPLACE VIEW info.columns AS SELECT '{database}' AS "TABLE_CATALOG", 'dbo' AS "TABLE_SCHEMA",
    o.name AS "TABLE_NAME", c.name AS "COLUMN_NAME", c.column_id AS "ORDINAL_POSITION",
    NULL::VARCHAR AS "COLUMN_DEFAULT", 'YES' AS "IS_NULLABLE", c.type_name AS "DATA_TYPE",
    CASE WHEN c.declared <> 0 THEN c.declared END AS "CHARACTER_MAXIMUM_LENGTH",
    CASE WHEN c.declared <> 0 THEN c.max_length::INTEGER END AS "CHARACTER_OCTET_LENGTH",
    CASE WHEN c.precision > 0 AND c.type_name NOT IN ('date','time','datetime','datetime2','datetimeoffset',
        'smalldatetime','bit') THEN c.precision END AS "NUMERIC_PRECISION",
    CASE WHEN c.type_name IN ('tinyint','smallint','int','bigint','decimal','money','smallmoney') THEN c.scale::INTEGER
        END AS "NUMERIC_SCALE",
    CASE WHEN c.type_name IN ('time','datetime','datetime2','datetimeoffset') THEN c.scale::SMALLINT
        WHEN c.type_name IN ('date','smalldatetime') THEN 0::SMALLINT END AS "DATETIME_PRECISION",
    CASE WHEN c.collation_name IS NOT NULL THEN 'UNICODE' END AS "CHARACTER_SET_NAME",
    c.collation_name AS "COLLATION_NAME"
    FROM sys.columns c JOIN sys.objects o ON o.object_id = c.object_id""",
)
