"""What is known of a relation while SQL is read: the origins of each column, by branch. No SQL here.

A branch is one arm of a UNION ALL, kept apart so that `filter (where sexo = 'Hombre')` over an arm that says
`'Mujer' as sexo` adds no origin that it cannot have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

Ref = tuple[str, str]
"""(table id such as ``cleaned/matricula``, column), or (table id, ``"*"``) for "one of its rows"."""

ROW = "*"


class LineageError(RuntimeError):
    """SQL that this room cannot read; it says so rather than answer with fewer origins than there are."""


@dataclass(frozen=True)
class Constant:
    """A literal of the SQL. ``text`` is None for NULL."""

    text: str | None
    quoted: bool = False


@dataclass(frozen=True)
class Lineage:
    """Where one column's values come from.

    ``value``: columns whose values, or something worked out of them, may show in it. ``counted``: columns or
    rows of which only a number shows. ``constant``: the literal it is, where it is one in the whole branch.
    """

    value: frozenset[Ref] = frozenset()
    counted: frozenset[Ref] = frozenset()
    constant: Constant | None = None

    @property
    def known(self) -> bool:
        return bool(self.value or self.counted)

    def as_counted(self) -> Lineage:
        return Lineage(counted=self.value | self.counted)

    def varying(self) -> Lineage:
        """The same where the literal can no longer be relied on, as after an outer join."""
        return replace(self, constant=None)


NOWHERE = Lineage()


def together(parts: Iterable[Lineage]) -> Lineage:
    """What is made of several columns: their origins, and no literal."""
    known = list(parts)
    return Lineage(
        frozenset().union(*(part.value for part in known)),
        frozenset().union(*(part.counted for part in known)),
    )


def either(parts: Sequence[Lineage]) -> Lineage:
    """One column met in several branches: their origins, and the literal if it is the same in all."""
    constants = {part.constant for part in parts}
    return replace(together(parts), constant=constants.pop() if len(constants) == 1 else None)


@dataclass(frozen=True)
class Branch:
    """Columns by lower-case name, and what the branch's own WHERE looks at."""

    columns: Mapping[str, Lineage]
    condition: Lineage = NOWHERE


@dataclass(frozen=True)
class Relation:
    """``names`` in order and as written; ``rows`` is what a count of its rows counts."""

    names: tuple[str, ...]
    branches: tuple[Branch, ...]
    rows: frozenset[Ref] = field(default_factory=frozenset)

    @property
    def columns(self) -> dict[str, Lineage]:
        """Every column by lower-case name, whatever the branch."""
        return {n.lower(): either([b.columns[n.lower()] for b in self.branches]) for n in self.names}

    @property
    def lookup(self) -> bool:
        """Whether it holds nothing of any delivery, like a code list: it answers what it is asked."""
        return not self.rows and not any(found.known for b in self.branches for found in b.columns.values())

    def column(self, name: str) -> Lineage:
        return self.columns[name.lower()]


def leaf(table: str, names: Iterable[str]) -> Relation:
    """A table whose own origins are somebody else's business."""
    kept = tuple(names)
    columns = {name.lower(): Lineage(value=frozenset({(table, name)})) for name in kept}
    return Relation(kept, (Branch(columns),), frozenset({(table, ROW)}))


def without_origin(names: Iterable[str]) -> Relation:
    """A table of constants, such as a code list."""
    kept = tuple(names)
    return Relation(kept, (Branch({name.lower(): NOWHERE for name in kept}),))


def grouped(names: Sequence[str], branches: Sequence[Branch], keys: Iterable[str]) -> tuple[Branch, ...]:
    """The branches after a GROUP BY: those stay apart that no group mixes, a key being a literal in each."""
    apart = [k.lower() for k in keys]
    apart = [key for key in apart if all(branch.columns[key].constant for branch in branches)]
    groups: dict[tuple[Constant | None, ...], list[Branch]] = {}
    for branch in branches:
        groups.setdefault(tuple(branch.columns[key].constant for key in apart), []).append(branch)
    return tuple(
        Branch({name.lower(): either([b.columns[name.lower()] for b in group]) for name in names})
        for group in groups.values()
    )


def stacked(left: Relation, right: Relation, *, by_name: bool, keeps_right: bool) -> Relation:
    """UNION and its kin. A column that is another literal in each arm tells the arms apart: it is a label,
    and comes from what their WHEREs look at."""
    if by_name:
        names = (*left.names, *(n for n in right.names if n.lower() not in {m.lower() for m in left.names}))
        arms = [*left.branches, *right.branches]
        missing = Lineage(constant=Constant(None))
        branches = [
            replace(arm, columns={n.lower(): arm.columns.get(n.lower(), missing) for n in names}) for arm in arms
        ]
    else:
        if len(left.names) != len(right.names):
            raise LineageError("una unión de tablas con distinto número de columnas")
        names = left.names
        pairs = list(zip(left.names, right.names, strict=True))
        moved = [
            replace(arm, columns={ours.lower(): arm.columns[theirs.lower()] for ours, theirs in pairs})
            for arm in right.branches
        ]
        branches = [*left.branches, *moved]
    condition = together(branch.condition for branch in branches)
    labels = {name.lower() for name in names if _label([branch.columns[name.lower()] for branch in branches])}
    labelled = [
        replace(
            branch,
            columns={
                name: replace(together([lineage, condition]), constant=lineage.constant) if name in labels else lineage
                for name, lineage in branch.columns.items()
            },
        )
        for branch in branches
    ]
    return Relation(tuple(names), tuple(labelled), left.rows | right.rows if keeps_right else left.rows)


def _label(arms: Sequence[Lineage]) -> bool:
    constants = {arm.constant for arm in arms}
    return None not in constants and len(constants) > 1
