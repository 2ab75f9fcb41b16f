"""The errors a SQL Server would answer with, by number; how they travel is `tokens`' matter, not this module's.

Numbers, severities and texts follow `sys.messages` as documented in "Database engine events and errors". Drivers derive
the SQLSTATE from the number, so that a right number is all a client needs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import duckdb


@dataclass
class SqlError(Exception):
    """An error token in waiting; `fatal` ends the connection, as severities of 20 and more do."""

    number: int
    severity: int
    message: str
    state: int = 1
    fatal: bool = False

    def __str__(self) -> str:
        return f"Msg {self.number}, Level {self.severity}, State {self.state}: {self.message}"


def login_failed(user: str) -> SqlError:
    """18456: wrong user or password; a server never says which, hence always state 1."""
    return SqlError(18456, 14, f"Login failed for user '{user}'.")


def database_missing(database: str) -> SqlError:
    """4060: the database asked for does not exist or is not for this login."""
    return SqlError(4060, 11, f'Cannot open database "{database}" requested by the login. The login failed.')


def other_database(database: str) -> SqlError:
    """911: USE of a database that is not there."""
    return SqlError(911, 16, f"Database '{database}' does not exist. Make sure that the name is entered correctly.")


def secondary_not_readable(database: str) -> SqlError:
    """976: the secondary of an availability group does not accept connections for reading."""
    return SqlError(
        976,
        14,
        f"The target database, '{database}', is participating in an availability group and is currently not accessible "
        "for queries. Either data movement is suspended or the availability replica is not enabled for read access. To "
        "allow read-only access to this and other databases in the availability group, enable read access to one or "
        "more secondary availability replicas in the group.",
    )


def invalid_object(name: str) -> SqlError:
    """208: no such table or view."""
    return SqlError(208, 16, f"Invalid object name '{name}'.")


def invalid_column(name: str) -> SqlError:
    """207: no such column."""
    return SqlError(207, 16, f"Invalid column name '{name}'.")


def syntax(near: str) -> SqlError:
    """102: the text is not T-SQL, or not of the part this server understands."""
    return SqlError(102, 15, f"Incorrect syntax near '{near}'.")


def object_denied(permission: str, name: str, database: str, schema: str = "dbo") -> SqlError:
    """229: the login lacks a permission on an object."""
    return SqlError(
        229,
        14,
        f"The {permission} permission was denied on the object '{name}', database '{database}', schema '{schema}'.",
        state=5,
    )


def server_state_denied() -> SqlError:
    """300: what the server's state tells needs VIEW SERVER STATE."""
    return SqlError(300, 14, "VIEW SERVER STATE permission was denied on object 'server', database 'master'.")


def create_denied(what: str, database: str) -> SqlError:
    """262: the login may not create."""
    return SqlError(262, 14, f"CREATE {what} permission denied in database '{database}'.")


def drop_denied(what: str, name: str) -> SqlError:
    """3701: the login may not drop, or there is nothing to drop."""
    return SqlError(
        3701, 14, f"Cannot drop the {what} '{name}', because it does not exist or you do not have permission."
    )


def alter_denied(name: str) -> SqlError:
    """1088: the login may not alter or truncate, or there is nothing of the name."""
    return SqlError(
        1088, 16, f'Cannot find the object "{name}" because it does not exist or you do not have permissions.', state=13
    )


def read_only_database(database: str) -> SqlError:
    """3906: the database takes no changes."""
    return SqlError(3906, 16, f'Failed to update database "{database}" because the database is read-only.')


def overflow() -> SqlError:
    """8115: a number too large for its type."""
    return SqlError(8115, 16, "Arithmetic overflow error converting expression to data type int.", 2)


def missing_procedure(name: str) -> SqlError:
    """2812: no such stored procedure."""
    return SqlError(2812, 16, f"Could not find stored procedure '{name}'.", state=62)


def by_number(number: int, database: str) -> SqlError:
    """The errors a test may order on every query; raises `KeyError` for a number that is not among them."""
    known = {
        976: secondary_not_readable(database),
        1205: SqlError(
            1205,
            13,
            "Transaction (Process ID 57) was deadlocked on lock resources with another process and has been chosen as "
            "the deadlock victim. Rerun the transaction.",
            state=51,
        ),
        701: SqlError(
            701, 17, "There is insufficient system memory in resource pool 'default' to run this query.", 123
        ),
        8645: SqlError(
            8645,
            17,
            "A timeout occurred while waiting for memory resources to execute the query in resource pool 'default' "
            "(2). Rerun the query.",
        ),
        1222: SqlError(1222, 16, "Lock request time out period exceeded.", 51),
        3906: read_only_database(database),
        9001: SqlError(
            9001,
            21,
            f"The log for database '{database}' is not available. Check the operating system error log.",
            4,
            True,
        ),
    }
    return known[number]


_FUNCTION = re.compile(r"Function with name \"?(\w+)\"? does not exist|No function matches the given name .*?'(\w+)\(")
_OBJECT = re.compile(r"(?:Table|View)[\w ]*? (?:with name )?\"?([\w. #]+?)\"? does not exist")
_COLUMN = re.compile(
    r"Referenced column \"([^\"]+)\"|does not have a column named \"([^\"]+)\"|"
    r"column \"?([\w]+)\"? (?:not found|does not exist)"
)
_CONVERSION = re.compile(r"Could not convert string '(.*?)' to (\w+)")
_INTEGERS = {"UINT8": "tinyint", "INT16": "smallint", "INT32": "int", "INT64": "bigint", "BOOL": "bit"}


def from_duckdb(error: duckdb.Error) -> SqlError:
    """What SQL Server would have said where DuckDB raised `error`; 50000 with DuckDB's own words for the rest."""
    text = str(error)
    if match := _FUNCTION.search(text):
        return SqlError(195, 15, f"'{match[1] or match[2]}' is not a recognized built-in function name.", 10)
    if match := _OBJECT.search(text):
        return invalid_object(match[1])
    if match := _COLUMN.search(text):
        return invalid_column(next(group for group in match.groups() if group))
    if isinstance(error, duckdb.ParserException):
        near = re.search(r"at or near \"([^\"]*)\"", text)
        return syntax(near[1] if near else text)
    if match := _CONVERSION.search(text):
        wanted = _INTEGERS.get(match[2], match[2].lower())
        return SqlError(
            245, 16, f"Conversion failed when converting the varchar value '{match[1]}' to data type {wanted}."
        )
    if isinstance(error, duckdb.ConversionException):
        return SqlError(8114, 16, "Error converting data type varchar to numeric.", 5)
    if isinstance(error, duckdb.OutOfRangeException):
        return overflow()
    return SqlError(50000, 16, text.splitlines()[0] if text else "unknown error")
