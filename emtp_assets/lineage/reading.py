"""Reads DuckDB SELECTs: from the columns of the tables they name to those of their result. It runs nothing.

It follows values only: what a SELECT list computes. A condition is followed only where it is the whole
meaning of a column: a name looked up in a code list comes from the code it was joined on.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import sqlglot
from sqlglot import exp

from emtp_assets.lineage.relation import (
    NOWHERE,
    Branch,
    Constant,
    Lineage,
    LineageError,
    Relation,
    grouped,
    stacked,
    together,
    without_origin,
)

_COUNTS = (exp.Count, exp.CountIf, exp.ApproxDistinct)
_UNREAD = ("laterals", "pivots", "match", "connect")
_LOSES_LEFT = {"RIGHT", "FULL"}


@dataclass
class _Source:
    names: tuple[str, ...]
    columns: Mapping[str, Lineage]
    hidden: frozenset[str] = frozenset()  # from `*`, since USING shows them once


@dataclass
class _Scope:
    """What the names of one SELECT mean, in one branch of its FROM."""

    relations: Mapping[str, Relation]
    rows: frozenset[tuple[str, str]] = frozenset()
    sources: dict[str, _Source] = field(default_factory=dict)
    aliases: dict[str, Lineage] = field(default_factory=dict)
    bound: frozenset[str] = frozenset()
    outer: _Scope | None = None
    merges_using: bool = False

    def resolve(self, column: exp.Column) -> Lineage:
        """The origins of a column as written.

        Raises:
            LineageError: nothing in scope has the name.
        """
        name, table = column.name.lower(), column.table.lower()
        found = self._qualified(table, name) if table else self._named(name)
        if found is None and table:
            found = self._named(table)  # a field of a struct column
        if found is None:
            raise LineageError(f"no se sabe qué es la columna {column.sql('duckdb')}")
        return found

    def _qualified(self, table: str, name: str) -> Lineage | None:
        if table in self.sources:
            return self.sources[table].columns.get(name)
        return self.outer._qualified(table, name) if self.outer else None

    def _named(self, name: str) -> Lineage | None:
        if name in self.bound:
            return NOWHERE
        found = [source.columns[name] for source in self.sources.values() if name in source.columns]
        if found:
            return together(found) if self.merges_using else found[0]
        if name in self.aliases:
            return self.aliases[name]
        return self.outer._named(name) if self.outer else None


class Reader:
    """Reads SELECTs over known relations.

    Args:
        relations: the tables that the SQL may name, by the last part of their name in lower case.
        functions: what functions without arguments give, such as ``this_year()``. Any other function that SQL
            does not know, session macros included, gives something made of its arguments.
    """

    def __init__(self, relations: Mapping[str, Relation], functions: Mapping[str, Lineage] | None = None) -> None:
        self.relations = dict(relations)
        self.functions = dict(functions or {})

    def read(self, sql: str) -> Relation:
        """The relation that a SELECT makes.

        Raises:
            LineageError: it names an unknown table or column, or uses SQL this reader does not know.
        """
        try:
            return self._relation(sqlglot.parse_one(sql, read="duckdb"), self.relations, None)
        except sqlglot.ParseError as error:
            raise LineageError(f"SQL que no se entiende: {error}") from error

    def _relation(self, node: exp.Expr, known: Mapping[str, Relation], outer: _Scope | None) -> Relation:
        unread = [part for part in _UNREAD if node.args.get(part)]
        if unread or (node.args.get("joins") and not isinstance(node, exp.Select)):
            raise LineageError(f"una forma de SQL que no se sabe leer: {node.sql('duckdb')[:200]}")
        for cte in node.args["with_"].expressions if node.args.get("with_") else []:
            known = {**known, cte.alias.lower(): self._aliased(self._relation(cte.this, known, outer), cte)}
        if isinstance(node, exp.Subquery):
            return self._aliased(self._relation(node.this, known, outer), node)
        if isinstance(node, exp.SetOperation):
            return stacked(
                self._relation(node.this, known, outer),
                self._relation(node.expression, known, outer),
                by_name=bool(node.args.get("by_name")),
                keeps_right=isinstance(node, exp.Union),
            )
        if isinstance(node, exp.Select):
            return self._select(node, known, outer)
        if isinstance(node, exp.Table):
            return self._table(node, known)
        if isinstance(node, exp.Values):
            return without_origin(column.name for column in node.args["alias"].columns)
        raise LineageError(f"una forma de SQL que no se sabe leer: {type(node).__name__}")

    def _aliased(self, relation: Relation, node: exp.Expr) -> Relation:
        """With the column names of ``as t(a, b)``, if it has any."""
        names = tuple(node.alias_column_names)
        if not names:
            return relation
        pairs = list(zip((*names, *relation.names[len(names) :]), relation.names, strict=True))
        branches = [
            replace(b, columns={new.lower(): b.columns[old.lower()] for new, old in pairs}) for b in relation.branches
        ]
        return replace(relation, names=tuple(new for new, _ in pairs), branches=tuple(branches))

    def _table(self, table: exp.Table, known: Mapping[str, Relation]) -> Relation:
        if isinstance(table.this, exp.ReadCSV):
            with Path(table.this.this.name).open(encoding="utf-8", newline="") as handle:
                return without_origin(next(csv.reader(handle)))
        if not isinstance(table.this, exp.Identifier) or table.name.lower() not in known:
            raise LineageError(f"no se sabe qué es la tabla {table.sql('duckdb')}")
        return self._aliased(known[table.name.lower()], table)

    def _select(self, select: exp.Select, known: Mapping[str, Relation], outer: _Scope | None) -> Relation:
        where = select.args["where"].this if select.args.get("where") else None
        names: list[str] = []
        branches: list[Branch] = []
        rows: frozenset[tuple[str, str]] = frozenset()
        aggregated: dict[str, bool] = {}
        for scope in self._scopes(select, known, outer, where):
            rows |= scope.rows
            if where is not None and not self._may_hold(where, scope):
                continue
            columns: dict[str, Lineage] = {}
            for name, lineage, aggregate in self._items(select, scope):
                columns.setdefault(name.lower(), lineage)
                scope.aliases.setdefault(name.lower(), lineage)
                if name.lower() not in aggregated:
                    names.append(name)
                    aggregated[name.lower()] = aggregate
            branches.append(Branch(columns, self._of(where, scope) if where is not None else NOWHERE))
        if not branches:
            raise LineageError(f"una consulta cuyas condiciones nunca se cumplen: {select.sql('duckdb')[:200]}")
        if select.args.get("group") or any(aggregated.values()):
            kept = grouped(names, branches, [name for name in names if not aggregated[name.lower()]])
            return Relation(tuple(names), kept, rows)
        return Relation(tuple(names), tuple(branches), rows)

    def _scopes(
        self,
        select: exp.Select,
        known: Mapping[str, Relation],
        outer: _Scope | None,
        where: exp.Expr | None,
    ) -> Iterator[_Scope]:
        """One scope for each branch of the first table of FROM; tables joined to it are not taken apart."""
        origin = select.args.get("from_")
        if origin is None:
            yield _Scope(known, outer=outer)
            return
        joins: list[exp.Join] = select.args.get("joins") or []
        first = self._relation(origin.this, known, outer)
        joined = [self._joinable(join, known, outer) for join in joins]
        for branch in first.branches:
            scope = _Scope(known, rows=first.rows, outer=outer)
            scope.sources[_alias(origin.this)] = _Source(first.names, branch.columns)
            if first.lookup and where is not None:
                self._answer_lookup(scope, _alias(origin.this), where)
            for join, relation in zip(joins, joined, strict=True):
                self._join(scope, join, relation)
            yield scope

    def _joinable(self, join: exp.Join, known: Mapping[str, Relation], outer: _Scope | None) -> Relation | None:
        return None if isinstance(join.this, exp.Unnest) else self._relation(join.this, known, outer)

    def _join(self, scope: _Scope, join: exp.Join, relation: Relation | None) -> None:
        alias = _alias(join.this)
        if relation is None:
            lineage = together(self._of(child, scope) for child in join.this.iter_expressions())
            names = tuple(join.this.alias_column_names) or (alias,)
            scope.sources[alias] = _Source(names, {name.lower(): lineage for name in names})
            return
        columns = relation.columns
        if join.side:
            columns = {name: lineage.varying() for name, lineage in columns.items()}
        if join.side in _LOSES_LEFT:
            scope.merges_using = True
            for source in scope.sources.values():
                source.columns = {name: lineage.varying() for name, lineage in source.columns.items()}
        if join.side != "LEFT" or not scope.rows:
            scope.rows |= relation.rows
        using = [identifier.name.lower() for identifier in join.args.get("using") or []]
        asked = together(lineage for name in using if (lineage := scope._named(name)))
        scope.sources[alias] = _Source(relation.names, columns, frozenset(using))
        if relation.lookup:
            if using:
                scope.sources[alias].columns = dict.fromkeys(columns, asked)
            elif join.args.get("on") is not None:
                self._answer_lookup(scope, alias, join.args["on"])

    def _answer_lookup(self, scope: _Scope, alias: str, condition: exp.Expr) -> None:
        """A code list has no origin of its own: its columns come from what the condition compares it with."""
        source = scope.sources[alias]
        source.columns = dict.fromkeys(source.columns, self._of(condition, scope))

    def _items(self, select: exp.Select, scope: _Scope) -> Iterator[tuple[str, Lineage, bool]]:
        """(name, origins, whether it aggregates) of each column of the result."""
        for item in select.expressions:
            star = item.this if isinstance(item, exp.Column) else item
            if isinstance(star, exp.Star):
                table = item.table.lower() if isinstance(item, exp.Column) else None
                for name, lineage in self._star(star, table, scope):
                    yield name, lineage, False
            else:
                yield item.alias_or_name or item.sql("duckdb"), self._of(item, scope), _aggregates(item)

    def _star(self, star: exp.Star, table: str | None, scope: _Scope) -> Iterator[tuple[str, Lineage]]:
        excluded = {column.name.lower() for column in star.args.get("except_") or []}
        replaced = {alias.alias.lower(): alias.this for alias in star.args.get("replace") or []}
        renamed = {alias.this.name.lower(): alias.alias for alias in star.args.get("rename") or []}
        if table is not None and table not in scope.sources:
            raise LineageError(f"no se sabe qué es la tabla {table}")
        for alias, source in scope.sources.items():
            if table not in (None, alias):
                continue
            for name in source.names:
                key = name.lower()
                if key in excluded or (table is None and key in source.hidden):
                    continue
                lineage = self._of(replaced[key], scope) if key in replaced else source.columns[key]
                yield renamed.get(key, name), lineage

    def _of(self, node: exp.Expr, scope: _Scope, *, settled: bool = False) -> Lineage:
        """The origins of an expression. ``settled``: a column that is a literal here adds none, since the
        comparison has been decided already."""
        match node:
            case exp.Column():
                lineage = scope.resolve(node)
                found = NOWHERE if settled and lineage.constant else lineage
            case exp.Null() | exp.Cast(this=exp.Null()):
                found = Lineage(constant=Constant(None))
            case exp.Literal():
                found = Lineage(constant=Constant(node.name, node.is_string))
            case exp.Alias() | exp.Paren():
                found = self._of(node.this, scope, settled=settled)
            case exp.Filter():
                found = self._filtered(node, scope)
            case exp.AggFunc():
                inner = together(self._of(child, scope) for child in node.iter_expressions())
                found = inner.as_counted() if isinstance(node, _COUNTS) else inner
                found = found if inner.known else Lineage(counted=scope.rows)
            case exp.Query():
                found = together(self._relation(node, scope.relations, scope).columns.values())
            case exp.Anonymous() if not node.expressions and node.name.lower() in self.functions:
                found = self.functions[node.name.lower()]
            case exp.Columns():
                raise LineageError(f"una forma de SQL que no se sabe leer: {node.sql('duckdb')}")
            case _:
                inside = _with_parameters(node, scope)
                found = together(self._of(child, inside, settled=settled) for child in node.iter_expressions())
        return found

    def _filtered(self, node: exp.Filter, scope: _Scope) -> Lineage:
        predicate = node.expression.this
        if not self._may_hold(predicate, scope):
            return NOWHERE
        inner, chosen = self._of(node.this, scope), self._of(predicate, scope, settled=True)
        return together([inner, chosen.as_counted() if isinstance(node.this, _COUNTS) else chosen])

    def _may_hold(self, predicate: exp.Expr, scope: _Scope) -> bool:
        """False only where literals alone decide that the condition is false or null in this branch."""
        match predicate:
            case exp.Paren():
                return self._may_hold(predicate.this, scope)
            case exp.And():
                return self._may_hold(predicate.left, scope) and self._may_hold(predicate.right, scope)
            case exp.Or():
                return self._may_hold(predicate.left, scope) or self._may_hold(predicate.right, scope)
            case exp.EQ() | exp.NEQ() | exp.Is():
                left, right = (self._of(side, scope).constant for side in (predicate.left, predicate.right))
                return left is None or right is None or _may_compare(predicate, left, right)
        return True


def _may_compare(predicate: exp.Expr, left: Constant, right: Constant) -> bool:
    if isinstance(predicate, exp.Is):
        return left == right
    if left.text is None or right.text is None:
        return False
    if left.quoted and right.quoted:
        return (left == right) is isinstance(predicate, exp.EQ)
    return True  # numbers are left alone: 0 and 0.0 are one


def _with_parameters(node: exp.Expr, scope: _Scope) -> _Scope:
    """The scope inside a lambda or a list comprehension, whose own variables are no columns."""
    if isinstance(node, exp.Lambda):
        return replace(scope, bound=scope.bound | {parameter.name.lower() for parameter in node.expressions})
    if isinstance(node, exp.Comprehension):
        return replace(scope, bound=scope.bound | {node.expression.name.lower()})
    return scope


def _alias(node: exp.Expr) -> str:
    return node.alias_or_name.lower()


def _aggregates(item: exp.Expr) -> bool:
    """Whether an aggregate function of this SELECT, not of a window or a subquery, is in the expression."""
    pending = [item]
    while pending:
        node = pending.pop()
        if isinstance(node, exp.AggFunc):
            return True
        if isinstance(node, exp.Window):
            pending.extend(child for child in node.this.iter_expressions())
        elif not isinstance(node, exp.Query):
            pending.extend(node.iter_expressions())
    return False
