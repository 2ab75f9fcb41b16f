"""Draws a table and a way of writing it down, of those that official files have come in or may. No assertion here."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from emtp_assets_tests.pollution import archives
from emtp_assets_tests.pollution.corpus import Polluted
from emtp_assets_tests.pollution.official import Official, Table, line, official, write

_LETTERS = "AbZÑñÁéÍóÚü 0189.,;-'\"#&()/|\t:+_"
_SAFE_FIRST = "ABZÑÁéÍóÚ0189"
_CONTAINERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "": ("entrega.csv", lambda content: content),
    "txt": ("entrega.txt", lambda content: content),
    "zip": ("entrega.zip", lambda content: archives.zipped({"datos.csv": content})),
    "gz": ("entrega.csv.gz", lambda content: gzip.compress(content, 1, mtime=0)),
    "7z": ("entrega.7z", lambda content: archives.seven_zipped({"datos.csv": content})),
    "rar4": ("entrega.rar", lambda content: archives.rar4({"datos.csv": content})),
    "rar5": ("entrega.rar", lambda content: archives.rar5({"datos.csv": content})),
}
_TEXT_COLUMNS = ("NOM_RBD", "NOM_COM_RBD", "NOMBRE_SLEP", "NOM_DEPROV_RBD", "ORIGEN", "NOM_TITULO", "NOMBRE_EMPRESA")
_PREAMBLES = ("Matrícula por estudiante", "Fuente: SIGE", "", "Corte al 30 de abril")
_FOOTERS = ("Fuente: Centro de Estudios", "TOTAL: 12 filas", "", "(12 filas afectadas)")


@dataclass(frozen=True)
class Dialect:
    """How a table is written down; see `write`. ``edges``: empty fields after the last one, in header and rows."""

    separator: str
    quoting: str
    quote: str
    escape: str
    newline: str
    encoding: str
    container: str
    case: str
    padding: int
    header_edge: int
    row_edge: int
    preamble: tuple[str, ...]
    footer: tuple[str, ...]
    repeated_header: bool
    end: bool


def dialects(*, plain: bool = False) -> st.SearchStrategy[Dialect]:
    """``plain``: in no container, one line a row, in an encoding that keeps ASCII."""
    edges = st.sampled_from([(0, 0), (0, 0), (0, 0), (1, 1), (3, 3), (0, 1), (0, 2)])
    # Apostrophes serve as quotes only where every field wears them: in a few rows they would be apostrophes.
    quotes = st.sampled_from(
        [("none", '"'), ("none", '"'), ("minimal", '"'), ("all", '"'), ("rows", '"'), ("all", "'")]
    )

    def dialect(edge: tuple[int, int], quotes: tuple[str, str], **of: Any) -> Dialect:
        # Empty fields at the end of every row are known of programs that double their quotes.
        header_edge, row_edge = edge if quotes[1] == '"' and not of["escape"] else (0, 0)
        return Dialect(header_edge=header_edge, row_edge=row_edge, quoting=quotes[0], quote=quotes[1], **of)

    return st.builds(
        dialect,
        edge=edges,
        quotes=quotes,
        separator=st.sampled_from(";;;,\t|"),
        escape=st.sampled_from(["", "", "", "\\"]),
        newline=st.sampled_from(["\r\n", "\n"] if plain else ["\r\n", "\r\n", "\n", "\r"]),
        encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252"] + ([] if plain else ["utf-16", "utf-16-be-bom"])),
        container=st.just("") if plain else st.sampled_from(["", "", "", *_CONTAINERS]),
        case=st.sampled_from(["upper", "upper", "lower", "title"]),
        padding=st.sampled_from([0, 0, 0, 1, 4]),
        preamble=st.just(()) if plain else st.lists(st.sampled_from(_PREAMBLES), max_size=2).map(tuple),
        footer=st.just(()) if plain else st.lists(st.sampled_from(_FOOTERS), max_size=2).map(tuple),
        repeated_header=st.just(value=False) if plain else st.sampled_from([False, False, False, True]),
        end=st.just(value=True),
    )


@st.composite
def tables(draw: st.DrawFn, dialect: Dialect, *, one_line: bool = False, fewest: int = 1) -> tuple[Official, Table]:
    """An official form and a table of it with names drawn at will, its columns in some order."""
    form = official(draw(st.sampled_from(["matricula_2024", "matricula_2014", "egresados_2024", "titulacion_2024"])), 8)
    if dialect.row_edge != dialect.header_edge:
        fewest = max(fewest, 3)  # fewer rows do not show that all of them end in empty fields
    form = replace(form, table=replace(form.table, rows=form.table.rows[: draw(st.integers(fewest, 8))]))
    words = _words(dialect, one_line=one_line)
    table = form.table
    for name in _TEXT_COLUMNS:
        if name in {n.upper() for n in table.names} and draw(st.booleans()):
            table = table.with_cells(name, *draw(st.lists(words, min_size=len(table.rows), max_size=len(table.rows))))
    if dialect.quoting == "none":
        table = table.without(dialect.separator, '"')
    elif any("\n" in cell for row in table.rows for cell in row):
        # With quoted separators too, the second of its lines may have a whole row's: two readings.
        table = table.without(dialect.separator)
    if draw(st.booleans()):
        order = draw(st.permutations(range(len(table.names))))
        table = Table(tuple(table.names[i] for i in order), tuple(tuple(r[i] for i in order) for r in table.rows))
    return form, table


def _words(dialect: Dialect, *, one_line: bool) -> st.SearchStrategy[str]:
    letters = _LETTERS
    if dialect.quoting == "none" or dialect.quote == "'":
        letters = letters.replace('"', "").replace(dialect.separator, "")
    first = st.sampled_from(_SAFE_FIRST)
    words = st.builds(lambda a, b: (a + b).rstrip(" '"), first, st.text(st.sampled_from(letters), max_size=10))
    # "A;'';" is also three fields, two of which wear apostrophes: two readings, and so a row set aside.
    words = words.filter(lambda word: f"{dialect.separator}'" not in word and f"'{dialect.separator}" not in word)
    kinds = [st.just(" "), words]
    whole = one_line or dialect.newline == "\r" or dialect.row_edge or dialect.escape
    if dialect.quoting != "none" and not whole:
        # Without quotes or separators beside the line end: with them it is what a swallowed row looks like.
        plain = st.text(st.sampled_from("AbÑé 09.-"), min_size=1, max_size=5)
        kinds.append(st.builds(lambda a, b, c: f"{a}{b}\n{c}".rstrip(), first, plain, plain))
    return st.one_of(*kinds)


def written(table: Table, dialect: Dialect) -> str:
    """The text of a table in a dialect, preamble and footer included."""
    pad = " " * dialect.padding if dialect.quoting == "none" else ""
    rows = tuple(tuple(f"{pad}{v}{pad}" for v in row) + ("",) * dialect.row_edge for row in table.rows)
    names = tuple(getattr(name, dialect.case)() for name in table.names) + ("",) * dialect.header_edge
    text = write(
        Table(names, rows),
        separator=dialect.separator,
        newline=dialect.newline,
        quoting=dialect.quoting,
        quote=dialect.quote,
        escape=dialect.escape,
        end=dialect.end,
    )
    lines = [*dialect.preamble, text.removesuffix(dialect.newline)]
    if dialect.repeated_header:
        lines.append(line(names, dialect.separator))
    return dialect.newline.join([*lines, *dialect.footer]) + dialect.newline


def encoded(text: str, encoding: str) -> bytes:
    if encoding == "utf-16-be-bom":
        return b"\xfe\xff" + text.encode("utf-16-be")
    return text.encode(encoding)


@st.composite
def files(draw: st.DrawFn) -> tuple[Official, Dialect, Polluted]:
    """A form, a dialect, and the file with its truth."""
    dialect = draw(dialects())
    # That every row has empty fields at its end shows in rows, of which there must be more than of remarks.
    form, table = draw(tables(dialect, fewest=4 if dialect.row_edge else 1))
    text = written(table, dialect)
    name, packed = _CONTAINERS[dialect.container]
    marks = text.count("\n") if dialect.newline != "\r" else text.count("\r")
    return form, dialect, Polluted(packed(encoded(text, dialect.encoding)), table, file=name, lines=marks)


_BYTE = st.one_of(st.sampled_from(list(b";,\"\r\n \x00\xc3\xd1\xb1\t|\xef\\'0")), st.integers(0, 255))
blows = st.lists(
    st.tuples(st.sampled_from(["set", "insert", "delete", "cut", "repeat", "swap"]), st.floats(0, 1), _BYTE),
    min_size=1,
    max_size=3,
)


def damaged(content: bytes, start: int, strokes: list[tuple[str, float, int]]) -> bytes:
    """Bytes from ``start`` on set, put in, taken out, cut off, repeated or exchanged."""
    head, body = content[:start], content[start:]
    for kind, share, value in strokes:
        at = int(share * len(body))
        here = bytes([value])
        body = {
            "set": body[:at] + here + body[at + 1 :],
            "insert": body[:at] + here + body[at:],
            "delete": body[:at] + body[at + 1 :],
            "cut": body[:at],
            "repeat": body + body[at:],
            "swap": body[:at] + body[at + 1 : at + 2] + body[at : at + 1] + body[at + 2 :],
        }[kind]
    return head + body
