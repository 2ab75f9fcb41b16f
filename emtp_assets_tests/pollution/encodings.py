"""Encodings, text that was decoded wrongly before, and characters that are not what they look like."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import replace
from html import entities

from emtp_assets_tests.pollution.corpus import CORPUS, Polluted, of_text
from emtp_assets_tests.pollution.official import Official, Table

GROUP, WRONGLY, LOOKALIKE = "encoding", "encoding: decoded wrongly before", "encoding: characters"
FORMS = ("matricula_2024", "matricula_2014", "egresados_2024", "titulacion_2024")


def _add(name: str, group: str, spoil: Callable[[Official], Polluted]) -> None:
    CORPUS.add(name, group, spoil, forms=FORMS)


def _encoded(form: Official, encoding: str, *, start: bytes = b"") -> Polluted:
    return replace(of_text(form, form.wrote(), encoding="utf-8"), content=start + form.wrote().encode(encoding))


_add("utf8", GROUP, lambda f: _encoded(f, "utf-8"))
_add("utf8_bom", GROUP, lambda f: _encoded(f, "utf-8-sig"))
_add("utf8_two_boms", GROUP, lambda f: _encoded(f, "utf-8-sig", start=b"\xef\xbb\xbf"))
_add("windows_1252", GROUP, lambda f: _encoded(f, "cp1252"))
_add("latin_1", GROUP, lambda f: _encoded(f, "latin-1"))
_add("latin_9", GROUP, lambda f: _encoded(f, "iso8859-15"))
_add("utf16_le_bom", GROUP, lambda f: _encoded(f, "utf-16-le", start=b"\xff\xfe"))
_add("utf16_be_bom", GROUP, lambda f: _encoded(f, "utf-16-be", start=b"\xfe\xff"))
_add("utf16_le", GROUP, lambda f: _encoded(f, "utf-16-le"))
_add("utf16_be", GROUP, lambda f: _encoded(f, "utf-16-be"))
_add("utf16_be_marked_le", GROUP, lambda f: _encoded(f, "utf-16-be", start=b"\xff\xfe"))
_add(
    "utf16_odd_length",
    GROUP,
    lambda f: replace(p := _encoded(f, "utf-16-le", start=b"\xff\xfe"), content=p.content[:-1]),
)
_add(
    "utf16_missing_a_byte",
    GROUP,
    lambda f: replace(p := _encoded(f, "utf-16-le", start=b"\xff\xfe"), content=p.content[:900] + p.content[901:]),
)
_add("utf32", GROUP, lambda f: _encoded(f, "utf-32"))
_add("utf7", GROUP, lambda f: _encoded(f, "utf-7"))
_add("ebcdic", GROUP, lambda f: _encoded(f.__class__(**{**vars(f), "table": f.table.without("°")}), "cp500"))
for page in ("cp850", "cp437", "mac_roman", "cp1250", "cp1251", "iso8859-2", "cp852"):

    def _page(form: Official, page: str = page) -> Polluted:
        """The names in capitals of the official files, or only small letters in old pages that lack the capitals."""
        table = form.table
        try:
            "ÁÉÍÓÚÑáéíóúñ°".encode(page)
        except UnicodeEncodeError:
            table = _only(form, lambda text: _within(text, page))
        return replace(
            of_text(form, form.wrote(table), encoding="utf-8", truth=table), content=form.wrote(table).encode(page)
        )

    _add(page.replace("_", ""), GROUP, _page)


def _only(form: Official, changed: Callable[[str], str]) -> Table:
    return replace(form.table, rows=tuple(tuple(map(changed, row)) for row in form.table.rows))


def _within(text: str, page: str) -> str:
    return "".join(c if c.isascii() or _fits(c, page) else "N" for c in text)


def _fits(character: str, page: str) -> bool:
    try:
        character.encode(page)
    except UnicodeEncodeError:
        return False
    return True


def _with_accent(form: Official, value: str) -> Table:
    """ASCII all over but for one name."""
    bare = _only(form, lambda text: unicodedata.normalize("NFD", text).encode("ascii", "ignore").decode())
    return bare.with_cells(form.text_column, value)


for page in ("cp850", "mac_roman"):
    for shown, value in (
        ("o", "CONCEPCIÓN"),
        ("i", "BIOBÍO"),
        ("n", "ÑUÑOA"),
        ("u", "ÚLTIMA ESPERANZA"),
        ("a", "ÁNCUD"),
    ):
        # The bytes of these capitals are other letters in Windows-1252: Ó is à in one and î in the other.
        _add(
            f"{page.replace('_', '')}_one_capital_{shown}",
            GROUP,
            lambda f, p=page, v=value: replace(
                of_text(f, f.wrote(t := _with_accent(f, v)), encoding="utf-8", truth=t), content=f.wrote(t).encode(p)
            ),
        )


def _broken(form: Official, at_row: int, old: bytes, new: bytes) -> Polluted:
    """The first ``old`` from a row on replaced, in UTF-8."""
    whole = form.wrote().encode()
    lines = whole.split(b"\r\n")
    row = next(i for i in range(at_row, len(lines)) if old in lines[i])
    lines[row] = lines[row].replace(old, new, 1)
    return replace(of_text(form, form.wrote(), encoding="utf-8", hit=frozenset({row - 1})), content=b"\r\n".join(lines))


N = "Ñ".encode()
_add("utf8_lone_latin_byte", GROUP, lambda f: _broken(f, 3, N, b"\xd1"))
_add("utf8_cut_character", GROUP, lambda f: _broken(f, 3, N, b"\xc3"))
_add("utf8_overlong", GROUP, lambda f: _broken(f, 3, b"A", b"\xc1\x81"))
_add("utf8_surrogate", GROUP, lambda f: _broken(f, 3, N, b"\xed\xa0\xbd"))
_add("utf8_ff", GROUP, lambda f: _broken(f, 3, b"A", b"\xff"))
_add("replacement_character_once", GROUP, lambda f: _broken(f, 3, N, "\ufffd".encode()))
_add(
    "replacement_characters_all",
    GROUP,
    lambda f: of_text(f, f.wrote().encode("cp1252").decode("utf-8", "replace"), encoding="utf-8"),
)
_add(
    "questions_for_accents",
    GROUP,
    lambda f: of_text(f, f.wrote().encode("ascii", "replace").decode(), encoding="utf-8"),
)


_add(
    "question_for_the_first_letter",
    GROUP,
    lambda f: of_text(
        f,
        f.wrote(f.table.with_cells(f.text_column, "?UBLE")).replace("Ñ", "N"),
        encoding="utf-8",
        truth=f.table.with_cells(f.text_column, "ÑUBLE"),
    ),
)


def _two_systems(form: Official, first: str, second: str) -> Polluted:
    """Half of the rows in one encoding, half in another: two exports glued."""
    lines = form.wrote().split("\r\n")
    half = len(lines) // 2
    content = "\r\n".join(lines[:half]).encode(first) + b"\r\n" + "\r\n".join(lines[half:]).encode(second)
    return replace(of_text(form, form.wrote(), encoding="utf-8"), content=content)


_add("utf8_then_1252", GROUP, lambda f: _two_systems(f, "utf-8", "cp1252"))
_add("bom_then_1252", GROUP, lambda f: _two_systems(f, "utf-8-sig", "cp1252"))
_add("1252_then_utf8", GROUP, lambda f: _two_systems(f, "cp1252", "utf-8"))


def _mojibake(text: str, page: str = "cp1252", times: int = 1) -> str:
    for _ in range(times):
        # As Windows and browsers do: the five bytes that 1252 leaves out are control characters.
        text = "".join(
            bytes([b]).decode(page) if page != "cp1252" or b not in b"\x81\x8d\x8f\x90\x9d" else chr(b)
            for b in text.encode()
        )
    return text


_add("mojibake", WRONGLY, lambda f: of_text(f, _mojibake(f.wrote()), encoding="utf-8"))
_add("mojibake_bom", WRONGLY, lambda f: of_text(f, _mojibake(f.wrote()), encoding="utf-8-sig"))
_add("mojibake_of_a_bom", WRONGLY, lambda f: of_text(f, _mojibake("\ufeff" + f.wrote()), encoding="utf-8"))
_add("mojibake_twice", WRONGLY, lambda f: of_text(f, _mojibake(f.wrote(), times=2), encoding="utf-8"))
_add("mojibake_thrice", WRONGLY, lambda f: of_text(f, _mojibake(f.wrote(), times=3), encoding="utf-8"))
_add("mojibake_latin1", WRONGLY, lambda f: of_text(f, f.wrote().encode().decode("latin-1"), encoding="utf-8"))
_add("mojibake_cp850", WRONGLY, lambda f: of_text(f, _mojibake(f.wrote(), "cp850"), encoding="utf-8"))
_add("mojibake_macroman", WRONGLY, lambda f: of_text(f, _mojibake(f.wrote(), "mac_roman"), encoding="utf-8"))
_add("mojibake_utf16", WRONGLY, lambda f: of_text(f, _mojibake(f.wrote()), encoding="utf-16"))
_add(
    "mojibake_controls_lost",
    WRONGLY,
    lambda f: of_text(f, "".join(c for c in _mojibake(f.wrote()) if not "\x80" <= c <= "\x9f"), encoding="utf-8"),
)
_add(
    "mojibake_nbsp_made_space",
    WRONGLY,
    lambda f: of_text(f, _mojibake(f.wrote()).replace("\xa0", " "), encoding="utf-8"),
)
for shown, cased in (("upper", str.upper), ("lower", str.lower)):
    # What a program did to the letters of wrongly decoded text: "Ã±" in lower case is "ã±".
    _add(
        f"mojibake_{shown}_cased",
        WRONGLY,
        lambda f, c=cased: of_text(f, c(_mojibake(f.wrote())), encoding="utf-8", truth=_only(f, c)),
    )
_add(
    "mojibake_one_row",
    WRONGLY,
    lambda f: _one_row_changed(f, _mojibake),
)
_add("1252_read_as_cp850", WRONGLY, lambda f: of_text(f, f.wrote().encode("cp1252").decode("cp850"), encoding="utf-8"))
_add(
    "1252_read_as_macroman",
    WRONGLY,
    lambda f: of_text(f, f.wrote().encode("cp1252").decode("mac_roman"), encoding="utf-8"),
)
_add(
    "cp850_read_as_1252",
    WRONGLY,
    lambda f: of_text(
        f, "".join(bytes([b]).decode("cp1252", "replace") for b in f.wrote().encode("cp850")), encoding="utf-8"
    ),
)


def _one_row_changed(form: Official, changed: Callable[[str], str]) -> Polluted:
    lines = form.wrote().split("\r\n")
    at = next(i for i, text in enumerate(lines) if i > 2 and not text.isascii())
    return of_text(
        form,
        "\r\n".join([*lines[:at], changed(lines[at]), *lines[at + 1 :]]),
        encoding="utf-8",
        hit=frozenset({at - 1}),
    )


_NAMED = {chr(code): f"&{name};" for code, name in entities.codepoint2name.items() if code > 127}
_ESCAPES: dict[str, Callable[[str], str]] = {
    "html_numbers": lambda c: f"&#{ord(c)};",
    "html_hexadecimal": lambda c: f"&#x{ord(c):X};",
    "html_names": lambda c: _NAMED.get(c, c),
    "percent": lambda c: "".join(f"%{b:02X}" for b in c.encode()),
    "backslash_u": lambda c: f"\\u{ord(c):04x}",
    "quoted_printable": lambda c: "".join(f"={b:02X}" for b in c.encode()),
}
for shown, escaped in _ESCAPES.items():
    # Judged on values too: what cleaning does with an entity is part of the answer.
    _add(
        f"escaped_{shown}",
        WRONGLY,
        lambda f, e=escaped: of_text(
            f, "".join(c if c.isascii() else e(c) for c in f.wrote(separator="\t")), encoding="utf-8", values=True
        ),
    )

_add("nfd", LOOKALIKE, lambda f: of_text(f, unicodedata.normalize("NFD", f.wrote()), encoding="utf-8"))
_LEGITIMATE = (
    "SÃO PAULO",
    "CHÂTEAU N° 3",
    "JOÃO Ângelo",
    "ESCUELA Ãlamos",
    "LICEO «ÑUBLE»",
    "L’ALLIANCE – Ü",
    "½ JORNADA ª º",
)
for encoding in ("utf-8-sig", "utf-8", "cp1252"):
    _add(
        f"legitimate_rare_names_{encoding}",
        LOOKALIKE,
        lambda f, e=encoding: of_text(
            f, f.wrote(t := f.table.with_cells(f.text_column, *_LEGITIMATE)), encoding=e, truth=t
        ),
    )
_LINE_LIKE = "A\u0085B", "A\u2028B", "A\x0bB", "A\x0cB", "A\u2029B", "A\x1cB", "A\x1eB"
for value in _LINE_LIKE:
    # Not line ends, though Python's splitlines takes them for such.
    _add(
        f"inside_a_field_{ord(value[1]):04x}",
        LOOKALIKE,
        lambda f, v=value: of_text(
            f, f.wrote(t := f.table.with_cells(f.text_column, "X", v)), encoding="utf-8", truth=t, hit=frozenset({1})
        ),
    )
_INVISIBLE = {
    "nbsp": "\u00a0",
    "zero_width": "\u200b",
    "bom_inside": "\ufeff",
    "soft_hyphen": "\u00ad",
    "right_to_left": "\u200f",
    "narrow_nbsp": "\u202f",
    "ideographic_space": "\u3000",
    "tab": "\t",
    "control_01": "\x01",
    "control_02": "\x02",
    "control_1a": "\x1a",
    "control_08": "\x08",
    "delete": "\x7f",
    "nul": "\0",
    "escape": "\x1b",
}
for shown, character in _INVISIBLE.items():
    # In the code that says what is EMTP, the year, the person, and a name: none may be lost or changed unseen.
    for official in ("scope", "year", "identity", "text"):

        def _invisible(form: Official, character: str = character, official: str = official) -> Polluted:
            scope = form.contract.scope
            column = {
                "scope": scope.columns[0] if scope else "COD_REG_RBD",
                "year": form.contract.year_column,
                "identity": form.identity,
                "text": form.text_column,
            }[official]
            at = form.table.column(column)
            rows = tuple(
                (*r[:at], r[at] + character if i == 4 else r[at], *r[at + 1 :]) for i, r in enumerate(form.table.rows)
            )
            return of_text(
                form, form.wrote(replace(form.table, rows=rows)), encoding="utf-8", values=True, hit=frozenset({4})
            )

        _add(f"invisible_{shown}_after_{official}", LOOKALIKE, _invisible)


def _full_width(form: Official) -> Polluted:
    at = form.table.column("COD_REG_RBD")
    wide = form.table.rows[1][at].translate({48 + d: 0xFF10 + d for d in range(10)})
    rows = tuple((*r[:at], wide if i == 1 else r[at], *r[at + 1 :]) for i, r in enumerate(form.table.rows))
    polluted = form.wrote(replace(form.table, rows=rows))
    return of_text(form, polluted, encoding="utf-8", values=True, hit=frozenset({1}))


_add("full_width_digits", LOOKALIKE, _full_width)
_add(
    "soft_hyphens_in_names",
    LOOKALIKE,
    lambda f: of_text(
        f, f.wrote(t := f.table.with_cells(f.text_column, "CONCEP\u00adCIÓN")), encoding="utf-8", truth=t
    ),
)
_add(
    "cyrillic_lookalike_code",
    LOOKALIKE,
    lambda f: of_text(
        f,
        f.wrote(
            t := f.table.with_cells(
                "LET_CUR" if "LET_CUR" in {n.upper() for n in f.table.names} else f.text_column, "А"
            )
        ),
        encoding="utf-8",
        truth=t,
    ),
)
