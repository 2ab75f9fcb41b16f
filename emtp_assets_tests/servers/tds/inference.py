"""The T-SQL type of an expression, as far as a client would notice; `None` leaves it to the value's Arrow type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlglot import exp

from emtp_assets_tests.servers.tds.parameters import Parameter
from emtp_assets_tests.servers.tds.sqltypes import MAX, SqlType

UNDECIDED: Final = SqlType("undecided")
_INT: Final = SqlType("int")


def declared(data_type: exp.DataType) -> SqlType | None:
    """The type a CAST names; `None` for one this server does not have."""
    try:
        found = SqlType.parse(data_type.sql(dialect="tsql"))
    except ValueError:
        return None
    # A length left out of a CAST is 30, and of a column 1.
    if (found.is_text or "binary" in found.name) and not data_type.expressions and found.length == 1:
        return SqlType(found.name, length=30)
    return found


class Inference:
    """Types by the names of the columns in sight and of the parameters given."""

    def __init__(self, columns: Mapping[str, SqlType], parameters: Mapping[str, Parameter]) -> None:
        self._columns, self._parameters = columns, parameters

    def is_text(self, node: exp.Expr) -> bool:
        """Whether `+` would join it."""
        found = self.of(node)
        return found is not None and found.is_text

    def is_integer(self, node: exp.Expr) -> bool:
        """Whether `/` would drop the remainder."""
        found = self.of(node)
        return found is not None and found.is_integer

    def of(self, node: exp.Expr) -> SqlType | None:
        """The type of an expression of the T-SQL query, before it is rewritten."""
        found = self._find(node)
        return None if found is UNDECIDED else found

    def _find(self, node: exp.Expr) -> SqlType | None:
        match node:
            case exp.Column():
                return self._columns.get(node.name.lower())
            case exp.Cast():
                return declared(node.to)
            case exp.Convert() if isinstance(node.this, exp.DataType):
                return declared(node.this)
            case exp.Literal():
                return _literal(node)
            case exp.National():
                return SqlType("nvarchar", length=max(1, len(node.name)))
            case exp.Parameter() | exp.Placeholder():
                parameter = self._parameters.get(node.name.lower())
                return parameter.type if parameter else None
            case exp.Alias() | exp.Paren() | exp.Min() | exp.Max() | exp.Upper() | exp.Lower() | exp.Trim() | exp.Neg():
                return self.of(node.this)
            case exp.Coalesce():
                return self.of(node.this)
            case exp.Case():
                return self._widest([branch.args["true"] for branch in node.args["ifs"]] + [node.args.get("default")])
            case exp.Count() if node.args.get("big_int"):
                return SqlType("bigint")
            case exp.Count() | exp.Length():
                return _INT
            case exp.CurrentTimestamp():
                return SqlType("datetime")
            case exp.Year() | exp.Month() | exp.Day() | exp.DateDiff():
                return _INT
            case exp.Sum():
                inner = self.of(node.this)
                if inner is not None and inner.is_integer:
                    return SqlType("bigint") if inner.name == "bigint" else _INT
            case exp.Add() | exp.Sub() | exp.Mul() | exp.Div() | exp.Mod() | exp.DPipe():
                return self._arithmetic(node)
        return None

    def _widest(self, branches: list[exp.Expr | None]) -> SqlType | None:
        found = [self.of(branch) for branch in branches if branch is not None and not isinstance(branch, exp.Null)]
        kinds = {sql_type.name if sql_type else None for sql_type in found}
        if len(kinds) != 1 or None in kinds:
            return None
        return max((sql_type for sql_type in found if sql_type), key=lambda sql_type: sql_type.length)

    def _arithmetic(self, node: exp.Binary) -> SqlType | None:
        left, right = self.of(node.this), self.of(node.expression)
        if left and right and left.is_text and right.is_text:
            name = "nvarchar" if left.is_national or right.is_national else "varchar"
            if MAX in {left.length, right.length}:
                return SqlType(name, length=MAX)
            return SqlType(name, length=min(left.length + right.length, 4000 if name == "nvarchar" else 8000))
        if left and right and left.is_integer and right.is_integer:
            return SqlType("bigint") if "bigint" in {left.name, right.name} else _INT
        return None


def _literal(node: exp.Literal) -> SqlType | None:
    if node.is_string:
        return SqlType("varchar", length=max(1, len(node.this)))
    if node.this.isdigit():
        return _INT if int(node.this) < 2**31 else None
    return None
