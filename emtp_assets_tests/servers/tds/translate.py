"""One T-SQL query to DuckDB: names, functions, operators, types of columns; running it is `answers`' part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError, TokenError

from emtp_assets_tests.servers.tds import errors, inference
from emtp_assets_tests.servers.tds.catalogue import Catalogue
from emtp_assets_tests.servers.tds.functions import Scope, literal, moment
from emtp_assets_tests.servers.tds.parameters import Parameter
from emtp_assets_tests.servers.tds.sqltypes import SqlType

_CLOCKS = {
    "GETDATE": "datetime",
    "GETUTCDATE": "datetime",
    "CURRENT_TIMESTAMP": "datetime",
    "SYSDATETIME": "datetime2(7)",
    "SYSUTCDATETIME": "datetime2(7)",
}
_DATE_STYLES = {
    "23": "%Y-%m-%d",
    "103": "%d/%m/%Y",
    "105": "%d-%m-%Y",
    "112": "%Y%m%d",
    "120": "%Y-%m-%d %H:%M:%S",
    "121": "%Y-%m-%d %H:%M:%S.%g",
    "126": "%Y-%m-%dT%H:%M:%S.%g",
}
_DESCRIBES_VIEWS = {
    **dict.fromkeys(("objects", "views", "all_objects", "all_views", "tables"), "name"),
    **dict.fromkeys(("columns", "all_columns"), "object_id"),
}
_WRITES = {exp.Insert: "INSERT", exp.Update: "UPDATE", exp.Delete: "DELETE", exp.Merge: "INSERT"}


@dataclass(frozen=True)
class Query:
    """What DuckDB is to run. `names` and `types` are those of the columns as far as known, empty for `SELECT *`.

    `by_name` gives the types of the columns of the views read, for what `*` stands for. `writes` says that the reply
    is a count of rows; `changes_view` that nothing is run, for the views cannot be changed.
    """

    sql: str
    parameters: Mapping[str, object]
    names: tuple[str | None, ...] = ()
    types: tuple[SqlType | None, ...] = ()
    by_name: Mapping[str, SqlType] = field(default_factory=dict)
    writes: bool = False
    changes_view: bool = False


def translate(text: str, parameters: Mapping[str, Parameter], catalogue: Catalogue, scope: Scope) -> Query:
    """Translate one statement. Raises `SqlError` for what SQL Server would refuse without running it."""
    try:
        parsed = sqlglot.parse_one(text, read="tsql")
    except (ParseError, TokenError) as error:
        details = getattr(error, "errors", None)
        raise errors.syntax(str(details[0].get("highlight") or text) if details else text[:40]) from error
    if isinstance(parsed, (exp.Command, exp.Execute)):
        words = text.split()
        if words and words[0].upper() in {"EXEC", "EXECUTE"} and len(words) > 1:
            raise errors.missing_procedure(words[1])
        raise errors.syntax(words[0] if words else text)
    try:
        return _Translation(parsed, parameters, catalogue, scope).query()
    except (SqlglotError, LookupError, TypeError, ValueError, AttributeError) as error:
        # Something in T-SQL that neither sqlglot nor this server has a word for: the query fails, not the session.
        raise errors.syntax(f"{text[:60]} ({error!r})") from error


class _Translation:
    def __init__(
        self, parsed: exp.Expr, parameters: Mapping[str, Parameter], catalogue: Catalogue, scope: Scope
    ) -> None:
        self.parsed, self.catalogue, self.scope = parsed, catalogue, scope
        self.parameters = {name.lstrip("@").lower(): parameter for name, parameter in parameters.items()}
        self.joins: set[int] = set()
        self.whole: set[int] = set()
        self.columns: dict[str, SqlType] = {}
        self.types = inference.Inference(self.columns, self.parameters)

    def query(self) -> Query:
        target = self._refuse_writing()
        self._tables(target)
        names: tuple[str | None, ...] = ()
        types: tuple[SqlType | None, ...] = ()
        if isinstance(self.parsed, exp.Query) and not self.parsed.is_star:
            names = tuple(_column_name(projection) for projection in self.parsed.selects)
            types = tuple(self.types.of(projection) for projection in self.parsed.selects)
        parsed = self._rewritten()
        marks = {placeholder.name for placeholder in parsed.find_all(exp.Placeholder)}
        writes = target is not None or not isinstance(parsed, exp.Query)
        return Query(
            sql=parsed.sql(dialect="duckdb"),
            parameters={name: self.parameters[name].value for name in sorted(marks)},
            names=names,
            types=types,
            by_name=self.columns,
            writes=writes,
            changes_view=writes and target is not None and self.catalogue.columns(target.name) is not None,
        )

    # -- tables and permissions

    def _refuse_writing(self) -> exp.Table | None:
        """The table written to, if any; raises what SQL Server would if the login or the database forbids it."""
        parsed, scope = self.parsed, self.scope
        into = parsed.args.get("into") if isinstance(parsed, exp.Select) else None
        if isinstance(parsed, exp.Query) and into is None:
            return None
        target = (into or parsed).find(exp.Table)
        name = target.name if target is not None else ""
        if isinstance(parsed, exp.Create) or into is not None:
            what = "TABLE" if into is not None else str(parsed.args["kind"]).upper()
            if not scope.permissions.allows(f"CREATE {what}"):
                raise errors.create_denied(what, scope.database)
        elif isinstance(parsed, exp.Drop):
            if not scope.permissions.allows("ALTER"):
                raise errors.drop_denied(str(parsed.args["kind"]).lower(), name)
        elif type(parsed) in _WRITES:
            permission = _WRITES[type(parsed)]
            if not scope.permissions.allows(permission, name):
                raise errors.object_denied(permission, name, scope.database)
        elif not scope.permissions.allows("ALTER"):
            raise errors.alter_denied(name)
        if scope.updateability == "READ_ONLY":
            raise errors.read_only_database(scope.database)
        return target

    def _tables(self, target: exp.Table | None) -> None:
        """Resolve every table to a schema of DuckDB, and learn the types of the columns read."""
        known = {cte.alias.lower() for cte in self.parsed.find_all(exp.CTE)}
        for table in list(self.parsed.find_all(exp.Table)):
            schema = (table.db or "").lower()
            if not schema and table.name.lower() in known:
                continue
            written = ".".join(part for part in (table.catalog, table.db, table.name) if part)
            if table.catalog and table.catalog.lower() != self.scope.database.lower():
                raise errors.invalid_object(written)
            table.set("catalog", None)
            table.set("hints", None)
            if schema == "information_schema":
                table.set("db", exp.to_identifier("info"))
                self._only_visible(table, "table_name")
            elif schema == "sys":
                self._system_table(table)
            elif schema not in {"", "dbo"}:
                raise errors.invalid_object(written)
            elif isinstance(table.this, exp.Func):
                self._system_table(table)
            elif table is not target:
                self._user_table(table, written)

    def _system_table(self, table: exp.Table) -> None:
        function = table.this
        is_function = isinstance(function, exp.Func)
        try:
            arguments = [self._plain(argument) for argument in function.expressions] if is_function else []
        except KeyError as error:
            raise errors.syntax(str(error)) from error
        replacement = self.scope.table(table.name or function.name, arguments)
        if replacement is not None:
            self._replace_table(table, replacement)
        elif is_function:
            # DuckDB has table functions that read files: nothing of it is for a client of a SQL Server.
            raise errors.invalid_object(function.name)
        elif table.name.lower() in _DESCRIBES_VIEWS:
            self._only_visible(table, _DESCRIBES_VIEWS[table.name.lower()])

    def _only_visible(self, table: exp.Table, column: str) -> None:
        """Keep from the catalogue the views on which the login has no permission, as SQL Server does."""
        if self.scope.permissions.allows("SELECT"):
            return
        views = [name for name in self.catalogue.names() if self.scope.permissions.allows("ANY", name)]
        condition = exp.column(column).isin(*views) if views else exp.false()
        if column == "object_id":
            condition = exp.column(column).isin(
                query=exp.select("object_id").from_("sys.objects").where(exp.column("name").isin(*views or [""]))
            )
        bare = exp.Table(this=table.this.copy(), db=table.args["db"].copy())
        self._replace_table(table, exp.Subquery(this=exp.select("*").from_(bare).where(condition)))

    @staticmethod
    def _replace_table(table: exp.Table, replacement: exp.Expr) -> None:
        name = exp.to_identifier(table.name or "f")
        replacement.set("alias", table.args.get("alias") or exp.TableAlias(this=name))
        table.replace(replacement)

    def _user_table(self, table: exp.Table, written: str) -> None:
        columns = self.catalogue.columns(table.name)
        if columns is None:
            if not self.catalogue.has_table(table.name):
                raise errors.invalid_object(written)
            return
        if not self.scope.permissions.allows("SELECT", table.name):
            raise errors.object_denied("SELECT", table.name, self.scope.database)
        for name, sql_type in columns.items():
            if self.columns.setdefault(name, sql_type) != sql_type:
                # Two views that type a name differently: the value's own type decides.
                self.columns[name] = inference.UNDECIDED

    # -- expressions

    def _rewritten(self) -> exp.Expr:
        # What is text and what is integer is reckoned on T-SQL's own tree, before any of it is replaced.
        binaries = list(self.parsed.find_all(exp.Add, exp.Div))
        self.joins = {id(n) for n in binaries if self.types.is_text(n.this) or self.types.is_text(n.expression)}
        self.whole = {id(n) for n in binaries if self.types.is_integer(n.this) and self.types.is_integer(n.expression)}
        parsed = self.parsed
        for node in reversed(list(parsed.walk())):
            replacement = self._rewrite(node)
            if replacement is not node:
                node.replace(replacement)
        return parsed

    def _rewrite(self, node: exp.Expr) -> exp.Expr:
        match node:
            case exp.Parameter() if not isinstance(node.parent, exp.Parameter):
                return self._parameter(node)
            case exp.National():
                return exp.Literal.string(node.name)
            case exp.Like():
                return exp.ILike(this=node.this, expression=node.expression)
            case exp.Add() if id(node) in self.joins:
                return exp.DPipe(this=node.this, expression=node.expression)
            case exp.Div() if id(node) in self.whole:
                return exp.IntDiv(this=node.this, expression=node.expression)
            case exp.Cast():
                return self._cast(node)
            case exp.Convert():
                return self._convert(node)
            case exp.Collate():
                return node.this
            case exp.CurrentTimestamp():
                return exp.cast(
                    exp.Literal.string(moment("SYS" if node.args.get("sysdate") else "GETDATE")), "timestamp"
                )
            case exp.CurrentSchema():
                return exp.Anonymous(this="schema_name", expressions=[node.this or exp.Literal.number(1)])
            case exp.CurrentUser() | exp.SessionUser():
                return literal(self.scope.user)
            case exp.Dot() if isinstance(node.expression, exp.Anonymous) and node.this.name.lower() in {"sys", "dbo"}:
                return self._function(node.expression)
            case exp.Anonymous() if not isinstance(node.parent, exp.Dot):
                return self._function(node)
            case exp.Select() if node.args.get("options"):
                node.set("options", None)
        return node

    def _parameter(self, node: exp.Parameter) -> exp.Expr:
        if isinstance(node.this, exp.Parameter):
            try:
                return literal(self.scope.variable(node.this.name))
            except KeyError:
                raise errors.syntax(f"@@{node.this.name}") from None
        name = node.name.lower()
        if name not in self.parameters:
            raise errors.SqlError(137, 15, f'Must declare the scalar variable "@{node.name}".', 2)
        return exp.cast(exp.Placeholder(this=name), self.parameters[name].type.duckdb, dialect="duckdb")

    def _cast(self, node: exp.Cast) -> exp.Expr:
        sql_type = inference.declared(node.to)
        if sql_type is None:
            return node
        node.set("to", exp.DataType.build(sql_type.duckdb, dialect="duckdb"))
        if sql_type.is_text and sql_type.length > 0:
            return exp.Left(this=node.copy(), expression=exp.Literal.number(sql_type.length))
        return node

    def _convert(self, node: exp.Convert) -> exp.Expr:
        """CONVERT and TRY_CONVERT, with the styles of dates as text that are of ISO or of Chile."""
        value, style = node.expression, node.args.get("style")
        shape = _DATE_STYLES.get(style.name) if style is not None else None
        if shape is not None:
            moment_of = exp.cast(value.copy(), "timestamp")
            value = exp.Anonymous(this="strftime", expressions=[moment_of, exp.Literal.string(shape)])
        kind = exp.TryCast if node.args.get("safe") else exp.Cast
        return self._cast(kind(this=value.copy(), to=node.this.copy()))

    def _function(self, node: exp.Anonymous) -> exp.Expr:
        name = node.name.upper()
        if name in _CLOCKS:
            return exp.cast(exp.Literal.string(moment(name)), "timestamp")
        if name == "OBJECT_ID":
            return exp.Anonymous(this="object_id", expressions=node.expressions[:1])
        try:
            return literal(self.scope.function(name, [self._plain(argument) for argument in node.expressions]))
        except KeyError:
            return node

    def _plain(self, argument: exp.Expr) -> object:
        """The value of a literal or a parameter; raises `KeyError` for any other, which is DuckDB's to work out."""
        match argument:
            case exp.National():
                return argument.name
            case exp.Literal():
                return argument.this if argument.is_string else int(argument.this)
            case exp.Null():
                return None
            case exp.Cast():
                return self._plain(argument.this)
            case exp.Parameter() | exp.Placeholder():
                return self.parameters[argument.name.lower()].value
        raise KeyError(argument.sql("tsql"))


def _column_name(projection: exp.Expr) -> str | None:
    """The name SQL Server gives a column: none to an expression without alias; `None` where DuckDB knows better."""
    if isinstance(projection, (exp.Alias, exp.Column)):
        return projection.alias_or_name
    return projection.alias_or_name if isinstance(projection, exp.Dot) else ""
