"""The stored procedures that drivers call; plain SQL is not run here but handed back to the session."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from emtp_assets_tests.servers.tds import errors, tokens
from emtp_assets_tests.servers.tds.catalogue import Catalogue, digits
from emtp_assets_tests.servers.tds.parameters import Call, Parameter
from emtp_assets_tests.servers.tds.rows import encode_rows
from emtp_assets_tests.servers.tds.sqltypes import SqlType
from emtp_assets_tests.servers.tds.wire import Wire

# name: ODBC type, precision or size, literal prefix and suffix, parameters of a declaration, searchable, unsigned
_ODBC: Mapping[str, tuple[int, int, str | None, str | None, str | None, int, int | None]] = {
    "bit": (-7, 1, None, None, None, 2, None),
    "tinyint": (-6, 3, None, None, None, 2, 1),
    "bigint": (-5, 19, None, None, None, 2, 0),
    "varbinary": (-3, 8000, "0x", None, "max length", 2, None),
    "binary": (-2, 8000, "0x", None, "length", 2, None),
    "char": (1, 8000, "'", "'", "length", 3, None),
    "decimal": (3, 38, None, None, "precision,scale", 2, 0),
    "money": (3, 19, "$", None, None, 2, 0),
    "int": (4, 10, None, None, None, 2, 0),
    "smallint": (5, 5, None, None, None, 2, 0),
    "float": (6, 53, None, None, None, 2, 0),
    "real": (7, 24, None, None, None, 2, 0),
    "varchar": (12, 8000, "'", "'", "max length", 3, None),
    "date": (91, 10, "'", "'", None, 3, None),
    "datetime2": (93, 27, "'", "'", "scale", 3, None),
    "datetime": (93, 23, "'", "'", None, 3, None),
    "smalldatetime": (93, 16, "'", "'", None, 3, None),
    "time": (-154, 16, "'", "'", "scale", 3, None),
    "datetimeoffset": (-155, 34, "'", "'", "scale", 3, None),
    "uniqueidentifier": (-11, 36, "'", "'", None, 2, None),
    "nvarchar": (-9, 4000, "N'", "'", "max length", 3, None),
    "nchar": (-8, 4000, "N'", "'", "length", 3, None),
}
_OLD_TIMES = {91: 9, 93: 11}
_PLACES = {"datetime2": 7, "time": 7, "datetimeoffset": 7, "datetime": 3, "decimal": 38, "money": 4}
_ANSWERS = {
    "sp_datatype_info": "TYPE_NAME nvarchar(128), DATA_TYPE smallint, PRECISION int, LITERAL_PREFIX varchar(32), "
    "LITERAL_SUFFIX varchar(32), CREATE_PARAMS varchar(32), NULLABLE smallint, CASE_SENSITIVE smallint, SEARCHABLE "
    "smallint, UNSIGNED_ATTRIBUTE smallint, MONEY smallint, AUTO_INCREMENT smallint, LOCAL_TYPE_NAME nvarchar(128), "
    "MINIMUM_SCALE smallint, MAXIMUM_SCALE smallint, SQL_DATA_TYPE smallint, SQL_DATETIME_SUB smallint, NUM_PREC_RADIX "
    "int, INTERVAL_PRECISION smallint, USERTYPE smallint",
    "sp_tables": "TABLE_QUALIFIER nvarchar(128), TABLE_OWNER nvarchar(128), TABLE_NAME nvarchar(128), TABLE_TYPE "
    "varchar(32), REMARKS varchar(254)",
    "sp_columns": "TABLE_QUALIFIER nvarchar(128), TABLE_OWNER nvarchar(128), TABLE_NAME nvarchar(128), COLUMN_NAME "
    "nvarchar(128), DATA_TYPE smallint, TYPE_NAME nvarchar(128), PRECISION int, LENGTH int, SCALE smallint, RADIX "
    "smallint, NULLABLE smallint, REMARKS varchar(254), COLUMN_DEF nvarchar(4000), SQL_DATA_TYPE smallint, "
    "SQL_DATETIME_SUB smallint, CHAR_OCTET_LENGTH int, ORDINAL_POSITION int, IS_NULLABLE varchar(254)",
    "sp_describe_undeclared_parameters": "parameter_ordinal int, name nvarchar(128), suggested_system_type_id int, "
    "suggested_system_type_name nvarchar(256), suggested_max_length smallint, suggested_precision tinyint, "
    "suggested_scale tinyint, suggested_user_type_id int, suggested_user_type_database nvarchar(128), "
    "suggested_user_type_schema nvarchar(128), suggested_user_type_name nvarchar(128), "
    "suggested_assembly_qualified_type_name nvarchar(4000), suggested_xml_collection_id int, "
    "suggested_xml_collection_database nvarchar(128), suggested_xml_collection_schema nvarchar(128), "
    "suggested_xml_collection_name nvarchar(128), suggested_is_xml_document bit, suggested_is_case_sensitive bit, "
    "suggested_is_fixed_length_clr_type bit, suggested_is_input bit, suggested_is_output bit, "
    "formal_parameter_name nvarchar(128), suggested_tds_type_id int, suggested_tds_length int",
}


@dataclass
class Prepared:
    """The statements a session has prepared, by handle."""

    texts: dict[int, tuple[str, tuple[str, ...]]] = field(default_factory=dict)

    def add(self, text: str, names: tuple[str, ...]) -> int:
        """Keep a statement and the names of its parameters."""
        handle = len(self.texts) + 1
        self.texts[handle] = (text, names)
        return handle


class Procedures:
    """Calls of one session; `run` executes a batch and writes its answer, `describe` writes its metadata only."""

    def __init__(
        self,
        wire: Wire,
        catalogue: Catalogue,
        run: Callable[[str, Mapping[str, Parameter]], None],
        describe: Callable[[str, Mapping[str, Parameter]], None],
    ) -> None:
        self._wire, self._catalogue, self._run, self._describe = wire, catalogue, run, describe
        self._prepared = Prepared()

    def call(self, call: Call) -> list[bytes]:
        """Answer a call; returns the RETURNVALUE tokens that end it. Raises `SqlError`."""
        values = list(call.parameters)
        match call.procedure:
            case "sp_executesql":
                self._run(_string(values[0]), _bind(_declared(values[1:2]), values[2:]))
            case "sp_prepare":
                text, names = _string(values[2]), _declared(values[1:2])
                handle = self._prepared.add(text, names)
                unknown = {name: Parameter(name, SqlType("nvarchar", length=4000), None) for name in names}
                self._describe(text, unknown)
                return [tokens.return_integer(0, values[0].name, handle)]
            case "sp_prepexec":
                text, names = _string(values[2]), _declared(values[1:2])
                handle = self._prepared.add(text, names)
                self._run(text, _bind(names, values[3:]))
                return [tokens.return_integer(0, values[0].name, handle)]
            case "sp_execute":
                text, names = self._statement(values[0])
                self._run(text, _bind(names, values[1:]))
            case "sp_unprepare":
                self._prepared.texts.pop(int(str(values[0].value)), None)
            case "sp_reset_connection":
                pass
            case "sp_datatype_info" | "sp_datatype_info_90" | "sp_datatype_info_100":
                self._table("sp_datatype_info", self._types(values))
            case "sp_tables" | "sp_tables_90" | "sp_tables_100":
                self._table("sp_tables", self._tables(values))
            case "sp_columns" | "sp_columns_90" | "sp_columns_100":
                self._table("sp_columns", self._columns(values))
            case "sp_describe_undeclared_parameters":
                self._table(call.procedure, self._undeclared(_string(values[0])))
            case _:
                raise errors.missing_procedure(call.procedure)
        return []

    def _statement(self, handle: Parameter) -> tuple[str, tuple[str, ...]]:
        found = self._prepared.texts.get(int(str(handle.value)))
        if found is None:
            raise errors.SqlError(8179, 16, f"Could not find prepared statement with handle {handle.value}.", 2)
        return found

    def _table(self, name: str, rows: list[tuple[object, ...]]) -> None:
        names, types = [], []
        for column in re.findall(r"(\w+) (\w+(?:\(\d+\))?)", _ANSWERS[name]):
            names.append(column[0])
            types.append(SqlType.parse(column[1]))
        self._wire.write(tokens.columns(names, types))
        if rows:
            arrays = [_array([row[index] for row in rows], sql_type) for index, sql_type in enumerate(types)]
            data, _ = encode_rows(pa.RecordBatch.from_arrays(arrays, names=[str(n) for n in range(len(names))]), types)
            self._wire.write(data)
        status = tokens.MORE | tokens.COUNT
        self._wire.write(tokens.done(status, len(rows), token=tokens.DONE_IN_PROC, command=tokens.SELECT_COMMAND))

    def _types(self, values: list[Parameter]) -> list[tuple[object, ...]]:
        wanted = next((p.value for p in values if p.name.lower() in {"", "@data_type"}), 0)
        version = next((p.value for p in values if p.name.lower() == "@odbcver"), values[1].value if values[1:] else 2)
        out: list[tuple[object, ...]] = []
        for name, (code, size, prefix, suffix, create, searchable, unsigned) in _ODBC.items():
            shown = _OLD_TIMES.get(code, code) if version != 3 else code
            if wanted not in {0, None, shown, code}:
                continue
            verbose = {91: (9, 1), 93: (9, 3)}.get(code, (code, None))
            places = _PLACES.get(name)
            low = None if places is None else places if name in {"datetime", "money"} else 0
            number = None if unsigned is None else 2 if name in {"float", "real"} else 10
            out.append(
                (
                    *(name, shown, size, prefix, suffix, create, 1, 0, searchable, unsigned, int(name == "money")),
                    *(None if unsigned is None else 0, name, low, places, *verbose, number, None, 0),
                )
            )
        return sorted(out, key=lambda row: (int(str(row[1])), list(_ODBC).index(str(row[0]))))

    def _tables(self, values: list[Parameter]) -> list[tuple[object, ...]]:
        wanted = _pattern(values, "@table_name", 0)
        query = "SELECT name FROM sys.objects WHERE name ILIKE ? ESCAPE '\\' ORDER BY name"
        found = self._catalogue.cursor().execute(query, [wanted]).fetchall()
        return [(self._catalogue.database, "dbo", name, "VIEW", None) for (name,) in found]

    def _columns(self, values: list[Parameter]) -> list[tuple[object, ...]]:
        table, wanted = _pattern(values, "@table_name", 0), _pattern(values, "@column_name", 3)
        cursor: duckdb.DuckDBPyConnection = self._catalogue.cursor()
        found = cursor.execute(
            "SELECT o.name, c.name, c.column_id FROM sys.columns c JOIN sys.objects o USING (object_id) "
            "WHERE o.name ILIKE ? ESCAPE '\\' AND c.name ILIKE ? ESCAPE '\\' ORDER BY o.name, c.column_id",
            [table, wanted],
        ).fetchall()
        out: list[tuple[object, ...]] = []
        for view, column, position in found:
            sql_type = (self._catalogue.columns(view) or {})[column.lower()]
            code = _ODBC[sql_type.name][0] if sql_type.name in _ODBC else 3
            size = sql_type.length if sql_type.length else digits(sql_type)[0]
            verbose = {91: (9, 1), 93: (9, 3)}.get(code, (code, None))
            octets = sql_type.width if sql_type.length else None
            out.append(
                (
                    *(self._catalogue.database, "dbo", view, column, code, sql_type.name, size, sql_type.width),
                    *(digits(sql_type)[1], 10, 1, None, None, *verbose, octets, position, "YES"),
                )
            )
        return out

    def _undeclared(self, text: str) -> list[tuple[object, ...]]:
        names = list(dict.fromkeys(re.findall(r"(?<!@)@\w+", text)))
        # What a NULL is compared with is not worked out: any type can be compared with a text.
        text_type = (
            231,
            "nvarchar(4000)",
            8000,
            0,
            0,
            *([None] * 9),
            False,
            False,
            False,
            True,
            False,
            None,
            231,
            8000,
        )
        return [(ordinal, name, *text_type) for ordinal, name in enumerate(names, 1)]


def _array(values: list[object], sql_type: SqlType) -> pa.Array:
    if sql_type.is_text:
        return pa.array(values, pa.string())
    return pa.array(values, pa.bool_() if sql_type.name == "bit" else pa.int64())


def _string(parameter: Parameter) -> str:
    return str(parameter.value or "")


def _declared(declaration: list[Parameter]) -> tuple[str, ...]:
    """The names in a list such as `@P1 int, @P2 nvarchar(40)`."""
    return tuple(re.findall(r"(@\w+)\s+\w", _string(declaration[0]))) if declaration else ()


def _bind(names: tuple[str, ...], values: list[Parameter]) -> dict[str, Parameter]:
    return {value.name or names[index]: value for index, value in enumerate(values)}


def _pattern(values: list[Parameter], name: str, position: int) -> str:
    named = next((p.value for p in values if p.name.lower() == name), None)
    if named is None and position < len(values) and not values[position].name:
        named = values[position].value
    return str(named) if named else "%"
