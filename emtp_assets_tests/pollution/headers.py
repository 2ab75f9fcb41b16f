"""What may be wrong with names and columns: their spelling, number, order, and the columns at the edges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from emtp_assets_tests.pollution.corpus import CORPUS, Cases, Polluted, of_text
from emtp_assets_tests.pollution.official import Official, Table, line, may_hold

SPELLING, COLUMNS, EDGES = "header: spelling", "header: columns", "header: edges"


def _renamed(form: Official, changed: Callable[[str], str]) -> Polluted:
    names = tuple(map(changed, form.table.names))
    return of_text(form, form.wrote(replace(form.table, names=names)), named=names)


_SPELLED: dict[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "title": str.title,
    "swapped_case": lambda n: n.title().swapcase(),
    "spaces_around": lambda n: f"  {n} ",
    "tab_after": lambda n: n + "\t",
    "quoted": lambda n: f'"{n}"',
    "single_quoted": lambda n: f"'{n}'",
    "bracketed": lambda n: f"[{n}]",
    "with_table": lambda n: f"dbo.{n}",
    "spaces_for_underscores": lambda n: n.replace("_", " "),
    "dots_for_underscores": lambda n: n.replace("_", "."),
    "dashes_for_underscores": lambda n: n.replace("_", "-"),
    "no_underscores": lambda n: n.replace("_", ""),
    "cut_at_10": lambda n: n[:10],
    "cut_at_8": lambda n: n[:8],
    "typed": lambda n: f"{n}:string",
    "zero_o": lambda n: n.replace("O", "0").replace("o", "0"),
    "cyrillic": lambda n: n.replace("A", "А").replace("a", "а"),
    "nbsp_around": lambda n: f"\u00a0{n}\u00a0",
    "zero_width": lambda n: n[:1] + "\u200b" + n[1:],
    "suffixed": lambda n: f"{n}_x",
    "turkish": lambda n: n.replace("I", "İ").replace("i", "ı"),
    "full_width": lambda n: n.translate(
        {**{65 + i: 0xFF21 + i for i in range(26)}, **{97 + i: 0xFF41 + i for i in range(26)}}
    ),
}
for shown, changed in _SPELLED.items():
    CORPUS.add(
        f"names_{shown}",
        SPELLING,
        lambda f, c=changed: _renamed(replace(f, encoding="utf-8-sig"), c),
    )
CORPUS.add(
    "names_line_end_inside",
    SPELLING,
    lambda f: _renamed(f, lambda n: '"COD_REG\r\n_RBD"' if n.upper() == "COD_REG_RBD" else n),
)
CORPUS.add(
    "names_one_with_bom",
    SPELLING,
    lambda f: _renamed(replace(f, encoding="utf-8-sig"), lambda n: "\ufeff" + n if n.upper() == "COD_REG_RBD" else n),
)


def _moved(form: Official, order: Sequence[int]) -> Polluted:
    table = Table(tuple(form.table.names[i] for i in order), tuple(tuple(r[i] for i in order) for r in form.table.rows))
    return of_text(form, form.wrote(table))


CORPUS.add("columns_reversed", COLUMNS, lambda f: _moved(f, range(len(f.table.names))[::-1]))
CORPUS.add(
    "columns_sorted", COLUMNS, lambda f: _moved(f, sorted(range(len(f.table.names)), key=lambda i: f.table.names[i]))
)
CORPUS.add(
    "columns_shuffled", COLUMNS, lambda f: _moved(f, Random(7).sample(range(len(f.table.names)), len(f.table.names)))
)


def _lacking(form: Official) -> Cases:
    """Each column left out in turn, name and values."""
    for at, name in enumerate(form.table.names):
        keep = [i for i in range(len(form.table.names)) if i != at]
        table = Table(
            tuple(form.table.names[i] for i in keep), tuple(tuple(r[i] for i in keep) for r in form.table.rows)
        )
        yield f"without {name.upper()}", of_text(form, form.wrote(table), truth=table)


CORPUS.add("column_missing", COLUMNS, _lacking)


def _names_only(form: Official, changed: Callable[[list[str]], Sequence[str]]) -> Polluted:
    names = tuple(changed(list(form.table.names)))
    return of_text(form, form.newline.join([line(names), *map(line, form.table.rows)]) + form.newline)


def _each_name_missing(form: Official) -> Cases:
    """A name left out, but not its values."""
    for at, name in enumerate(form.table.names):
        yield f"without {name.upper()}", _names_only(form, lambda names, at=at: names[:at] + names[at + 1 :])


CORPUS.add("name_missing_values_there", COLUMNS, _each_name_missing)


def _each_value_missing(form: Official) -> Cases:
    """A column's values left out, but not its name."""
    for at, name in enumerate(form.table.names):
        lines = [line(form.table.names), *(line(r[:at] + r[at + 1 :]) for r in form.table.rows)]
        yield f"without {name.upper()}", of_text(form, form.newline.join(lines) + form.newline)


CORPUS.add("values_missing_name_there", COLUMNS, _each_value_missing)


def _swapped(form: Official) -> Cases:
    """The names of two neighbours stand the other way round, over the same data.

    Only where a value of one cannot be one of the other: two columns with the same codes cannot be told apart by any
    reader, but by comparison with another year (`quality.drift`).
    """
    for at in range(len(form.table.names) - 1):
        names = list(form.table.names)
        names[at], names[at + 1] = names[at + 1], names[at]
        columns = [form.contract.column_spelled(name) for name in names[at : at + 2]]
        if all(c and may_hold(c, {r[at + i].strip() for r in form.table.rows}) for i, c in enumerate(columns)):
            continue
        shown = f"{names[at + 1].upper()} and {names[at].upper()}"
        hit = frozenset(range(len(form.table.rows)))
        yield shown, replace(_names_only(form, lambda _, n=names: n), values=True, hit=hit)


CORPUS.add("names_swapped", COLUMNS, _swapped)
CORPUS.add("names_shifted_by_one", COLUMNS, lambda f: replace(_names_only(f, lambda n: [n[-1], *n[:-1]]), values=True))
CORPUS.add(
    "names_of_another_year",
    COLUMNS,
    lambda f: _names_only(f, lambda _: [c.official for c in f.contract.official_columns(f.year - 7)]),
    forms=("matricula_2024", "titulacion_2024", "establecimientos_2025", "docentes_2025"),
)


def _twice(form: Official, at: int, *, same: bool, name: Callable[[str], str] = str) -> Polluted:
    names = (*form.table.names, name(form.table.names[at]))
    rows = tuple((*r, r[at] if same else "7") for r in form.table.rows)
    return of_text(form, form.wrote(Table(names, rows)))


for shown, same, name in (
    ("same_values", True, str),
    ("other_values", False, str),
    ("recased", False, str.swapcase),
    ("spaced", False, " {} ".format),
):
    CORPUS.add(
        f"column_twice_{shown}",
        COLUMNS,
        lambda f, s=same, n=name: [
            (f.table.names[at].upper(), _twice(f, at, same=s, name=n)) for at in (0, 1, f.table.column("COD_REG_RBD"))
        ],
    )
CORPUS.add(
    "column_twice_by_its_other_name",
    COLUMNS,
    lambda f: _twice(f, f.table.column("MRUN"), same=False, name=lambda _: "MRUN2"),
    forms=("matricula_2024", "matricula_2014"),
)


def _added(form: Official, position: int, name: str, values: Sequence[str]) -> Polluted:
    at = position % (len(form.table.names) + 1)
    names = (*form.table.names[:at], name, *form.table.names[at:])
    rows = tuple((*r[:at], values[i % len(values)], *r[at:]) for i, r in enumerate(form.table.rows))
    return of_text(form, form.wrote(Table(names, rows)))


for shown, position in (("first", 0), ("inside", 9), ("last", -1)):
    CORPUS.add(f"new_column_{shown}", COLUMNS, lambda f, p=position: _added(f, p, "COL_NUEVA", ("a", "b")))
    CORPUS.add(
        f"new_column_{shown}_that_is_sql", COLUMNS, lambda f, p=position: _added(f, p, 'x" ; DROP--', ("a", "b"))
    )
    CORPUS.add(f"nameless_column_{shown}_with_values", EDGES, lambda f, p=position: _added(f, p, "", ("1", "2")))
    CORPUS.add(f"nameless_column_{shown}_empty", EDGES, lambda f, p=position: _added(f, p, "", ("",)))
    CORPUS.add(f"nameless_column_{shown}_of_spaces", EDGES, lambda f, p=position: _added(f, p, " ", (" ",)))
for reserved in ("_row", "_delivery", "academic_year", "_year", "rowid"):
    CORPUS.add(f"new_column_named_{reserved}", COLUMNS, lambda f, n=reserved: _added(f, -1, n, ("5",)))


def _edges(form: Official, header: tuple[str, str], rows: tuple[str, str], only: int | None = None) -> Polluted:
    """Text put before and after the header's and the rows' fields."""
    lines = [header[0] + line(form.table.names) + header[1]]
    for i, row in enumerate(form.table.rows):
        lines.append(rows[0] + line(row) + rows[1] if only in (None, i) else line(row))
    hit = frozenset(range(len(form.table.rows))) if only is None else frozenset({only})
    return of_text(form, form.newline.join(lines) + form.newline, hit=hit)


for count in (1, 3):
    more = ";" * count
    for shown, header, rows in (
        ("everywhere", ("", more), ("", more)),
        ("header_only", ("", more), ("", "")),
        ("rows_only", ("", ""), ("", more)),
        ("header_leading", (more, ""), ("", "")),
        ("rows_leading", ("", ""), (more, "")),
        ("leading", (more, ""), (more, "")),
    ):
        CORPUS.add(f"separators_{count}_{shown}", EDGES, lambda f, h=header, r=rows: _edges(f, h, r))
CORPUS.add("separators_one_row_trailing", EDGES, lambda f: _edges(f, ("", ""), ("", ";"), 4))
CORPUS.add("separators_one_row_many", EDGES, lambda f: _edges(f, ("", ""), ("", ";" * 2000), 4))
CORPUS.add("separators_trailing_with_space", EDGES, lambda f: _edges(f, ("", "; "), ("", "; ")))
CORPUS.add("rows_trailing_value", EDGES, lambda f: _edges(f, ("", ""), ("", ";7")))
CORPUS.add("rows_leading_value", EDGES, lambda f: _edges(f, ("", ""), ("7;", "")))
CORPUS.add(
    "header_twice_as_wide_as_rows", EDGES, lambda f: _names_only(f, lambda n: [*n, *(f"N{i}" for i in range(len(n)))])
)


def _index(form: Official, *, named: bool | None, quoted: bool, start: int = 1) -> Polluted:
    """A column of row numbers, as R and pandas write it. ``named``: X; an empty name; or, with None, no name at all."""
    head = "" if named is None else ('"";' if quoted else ";") if not named else "X;"
    text = form.wrote(quoting="all" if quoted else "none").split(form.newline)
    mark = '"' if quoted else ""
    lines = [head + text[0], *(f"{mark}{i + start}{mark};{t}" for i, t in enumerate(text[1:-1]))]
    return of_text(form, form.newline.join(lines) + form.newline)


for quoted in (False, True):
    for named, shown in ((None, "without_name"), (False, "empty_name"), (True, "named_x")):
        CORPUS.add(
            f"row_numbers_{shown}{'_quoted' if quoted else ''}",
            EDGES,
            lambda f, n=named, q=quoted: _index(f, named=n, quoted=q),
        )
