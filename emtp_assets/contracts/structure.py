"""In what a header differs from its contract, column by column and in words. Whether that matters is `quality`'s
business; what to change in the contract because of it, `proposal`'s.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

from emtp_assets.contracts.discretion import discreet_name
from emtp_assets.contracts.model import Column, Contract

ALIKE = 0.8
"""From which share of common letters (difflib's ratio) two names that stand apart are taken for one, if they carry the
same digits: MAT_ENS_1 and MAT_ENS_2 are alike, and never each other."""
_NAMED = 10


@dataclass(frozen=True)
class New:
    """A column that the contract does not describe. ``position``: 1-based, as sent; its neighbours as sent."""

    name: str
    position: int
    after: str | None
    before: str | None


@dataclass(frozen=True)
class Missing:
    """An expected column that was not sent, and the expected one before it that was."""

    column: Column
    after: str | None


@dataclass(frozen=True)
class Renamed:
    """A column sent that seems to be an expected one under another name."""

    name: str
    position: int
    column: Column


@dataclass(frozen=True)
class Moved:
    """A column that stands elsewhere. Positions are 1-based."""

    name: str
    was: int
    now: int


@dataclass(frozen=True)
class Recased:
    """A header that only its capital letters tell from a known spelling."""

    name: str
    known: str


@dataclass(frozen=True)
class Difference:
    """Everything in which a header differs from the contract of its year.

    ``expected``: how many columns were; ``against``: what the positions were compared with, in words. ``returned``
    are columns that the contract knows of other years only.
    """

    expected: int
    new: tuple[New, ...]
    missing: tuple[Missing, ...]
    renamed: tuple[Renamed, ...]
    moved: tuple[Moved, ...]
    against: str
    recased: tuple[Recased, ...]
    returned: tuple[Column, ...]

    @property
    def changed(self) -> bool:
        """Whether the structure is another. Capital letters and known columns of other years do not make it so."""
        return bool(self.new or self.missing or self.renamed or self.moved)

    @property
    def sentences(self) -> list[str]:
        """One Spanish sentence a difference, without its full stop; at most ten of a kind."""
        return [
            *_some([f"La columna {n.name} es nueva (posición {n.position}{_between(n)})" for n in self.new], "nuevas"),
            *_some(
                [f"{r.name} parece ser {r.column.official} renombrada (posición {r.position})" for r in self.renamed],
                "renombradas",
            ),
            *_some([f"Falta la columna {m.column.official}{_expected_at(m)}" for m in self.missing], "que faltan"),
            *_some(
                [f"{m.name} pasó de la posición {m.was} a la {m.now} respecto {self.against}" for m in self.moved],
                "movidas",
            ),
            *self._in_passing(),
        ]

    def _in_passing(self) -> list[str]:
        told = [f"{r.known} viene escrita {r.name}" for r in self.recased]
        if len(told) > 3:
            told = [f"{len(told)} columnas vienen escritas con otras mayúsculas que las oficiales"]
        return told + _some(
            [f"{c.official} no es de este año según el contrato; se lee igual" for c in self.returned], "de otros años"
        )

    @property
    def table(self) -> str:
        """The differences as a Markdown table; empty when there is none."""
        rows = [
            *((n.name, "nueva", str(n.position), "—") for n in self.new),
            *((r.name, f"parece {r.column.official} renombrada", str(r.position), "—") for r in self.renamed),
            *((m.column.official, "falta", "—", f"después de {m.after}" if m.after else "—") for m in self.missing),
            *((m.name, f"movida respecto {self.against}", str(m.now), str(m.was)) for m in self.moved),
            *((r.name, f"otras mayúsculas: {r.known}", "—", "—") for r in self.recased),
            *((c.official, "de otros años", "—", "—") for c in self.returned),
        ]
        if not rows:
            return ""
        head = ("columna", "qué cambió", "posición en el archivo", "posición esperada")
        return markdown_table(head, rows)


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of text as a Markdown table; a bar inside a cell does not break it."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([line(head), line(["---"] * len(head)), *(line(row) for row in rows)])


def compare(
    contract: Contract,
    year: int,
    names: Sequence[str],
    *,
    asked: Iterable[Column] | None = None,
    before: Mapping[int, Sequence[str]] | None = None,
) -> Difference:
    """In what a header differs from the official one of its year.

    Columns are read by name, so that one that moved loses nothing; but a file put together by hand shows here. It has
    moved when it stands neither as in the official order nor as in the delivery of an earlier year.

    Args:
        names: the header as sent.
        asked: of a query's answer, the columns that were asked for; their order and letters are ours.
        before: the header of the nearest earlier year, by its year; empty when there is none.
    """
    expected = list(contract.official_columns(year) if asked is None else asked)
    sent = [contract.column_spelled(name) for name in names]
    unknown = [at for at, name in enumerate(names) if sent[at] is None and name.strip()]
    known = {column.name for column in sent if column is not None}
    missing = [column for column in expected if column.name not in known]
    renamed = _renamed(names, sent, unknown, expected, missing)
    meant = [renamed.get(at, column) for at, column in enumerate(sent)]
    moved, against = ((), "") if asked is not None else _moved(contract, names, meant, expected, before or {})
    found = {column.name for column in renamed.values()}
    wanted = {column.name for column in expected}
    return Difference(
        expected=len(expected),
        new=tuple(_new(names, at) for at in unknown if at not in renamed),
        missing=tuple(Missing(c, _official_before(expected, c, known)) for c in missing if c.name not in found),
        renamed=tuple(Renamed(names[at].strip(), at + 1, column) for at, column in sorted(renamed.items())),
        moved=moved,
        against=against,
        recased=() if asked is not None else tuple(_recased(names, sent)),
        returned=()
        if asked is not None
        else tuple(c for c in sent if c is not None and c.name not in wanted and c.years),
    )


def _new(names: Sequence[str], at: int) -> New:
    after = names[at - 1].strip() if at else ""
    before = names[at + 1].strip() if at + 1 < len(names) else ""
    return New(discreet_name(names[at].strip()), at + 1, discreet_name(after) or None, discreet_name(before) or None)


def _recased(names: Sequence[str], sent: Sequence[Column | None]) -> Iterable[Recased]:
    for name, column in zip(names, sent, strict=True):
        if column is None:
            continue
        known = [column.official, *column.aliases, *([column.sige_view] if column.sige_view else [])]
        if name.strip() not in known:
            yield Recased(name.strip(), next(k for k in known if k.upper() == name.strip().upper()))


def _renamed(
    names: Sequence[str],
    sent: Sequence[Column | None],
    unknown: Sequence[int],
    expected: Sequence[Column],
    missing: Sequence[Column],
) -> dict[int, Column]:
    """By position, the missing column that an unknown one seems to be: the surest pairs first, each once."""
    wanted = {column.name for column in expected}
    here = [column.name if column is not None and column.name in wanted else None for column in sent]
    there = [column.name if column not in missing else None for column in expected]
    gaps_sent = {at: _gap(here, at) for at in unknown}
    gaps_expected = {column.name: _gap(there, expected.index(column)) for column in missing}
    pairs = []
    for at in unknown:
        for column in missing:
            likeness = alike(names[at], column.official)
            gap = gaps_sent[at]
            in_place = gap == gaps_expected[column.name] and gap != (None, None)
            alone = list(gaps_sent.values()).count(gap) == 1 == list(gaps_expected.values()).count(gap)
            if (in_place and (alone or likeness >= 0.5)) or likeness >= ALIKE:
                pairs.append((likeness + in_place, at, column))
    found: dict[int, Column] = {}
    for _, at, column in sorted(pairs, key=lambda pair: (-pair[0], pair[1])):
        if at not in found and column.name not in {c.name for c in found.values()}:
            found[at] = column
    return found


def _gap(marks: Sequence[str | None], at: int) -> tuple[str | None, str | None]:
    """The nearest columns that both sides have, before and after a place."""
    return (
        next((m for m in reversed(marks[:at]) if m is not None), None),
        next((m for m in marks[at + 1 :] if m is not None), None),
    )


def alike(one: str, other: str) -> float:
    """How alike two names are, from 0 to 1, blind to accents, case and punctuation; 0 if their digits differ."""
    a, b = plain(one), plain(other)
    if re.sub(r"\D", "", a) != re.sub(r"\D", "", b):
        return 0.0
    return SequenceMatcher(None, a, b, autojunk=False).ratio()


def plain(name: str) -> str:
    """A name in small ASCII letters and digits only."""
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]", "", folded)


def _moved(
    contract: Contract,
    names: Sequence[str],
    meant: Sequence[Column | None],
    expected: Sequence[Column],
    before: Mapping[int, Sequence[str]],
) -> tuple[tuple[Moved, ...], str]:
    """The fewest columns whose change of place explains the order, and what it was compared with."""
    official = _out_of_place(names, meant, [column.name for column in expected])
    if not official or not before:
        return official, "del orden oficial"
    (year,) = before
    earlier = [contract.column_spelled(name) for name in before[year]]
    return _out_of_place(names, meant, [c.name if c else None for c in earlier]), f"de la entrega de {year}"


def _out_of_place(
    names: Sequence[str], meant: Sequence[Column | None], order: Sequence[str | None]
) -> tuple[Moved, ...]:
    place = {name: at for at, name in enumerate(order) if name is not None}
    sequence = [(at, place[c.name]) for at, c in enumerate(meant) if c is not None and c.name in place]
    kept = _longest_ascending([was for _, was in sequence])
    return tuple(Moved(names[at].strip(), was + 1, at + 1) for at, was in sequence if was not in kept)


def _longest_ascending(values: Sequence[int]) -> set[int]:
    """The values of a longest ascending subsequence: what did not move when the rest did."""
    lengths: list[int] = []
    previous: list[int] = []
    for at, value in enumerate(values):
        best = max((b for b in range(at) if values[b] < value), key=lambda b: lengths[b], default=-1)
        lengths.append(lengths[best] + 1 if best >= 0 else 1)
        previous.append(best)
    at = max(range(len(values)), key=lambda b: lengths[b], default=-1)
    kept = set()
    while at >= 0:
        kept.add(values[at])
        at = previous[at]
    return kept


def _official_before(expected: Sequence[Column], column: Column, known: set[str]) -> str | None:
    after = None
    for other, following in pairwise(expected):
        after = other.official if other.name in known else after
        if following.name == column.name:
            return after
    return None


def _between(new: New) -> str:
    if new.after and new.before:
        return f", entre {new.after} y {new.before}"
    if new.after:
        return f", después de {new.after}"
    return f", antes de {new.before}" if new.before else ""


def _expected_at(missing: Missing) -> str:
    return f" (se esperaba después de {missing.after})" if missing.after else ""


def _some(sentences: list[str], what: str) -> list[str]:
    if len(sentences) <= _NAMED:
        return sentences
    return [*sentences[:_NAMED], f"y otras {len(sentences) - _NAMED} {what}"]
