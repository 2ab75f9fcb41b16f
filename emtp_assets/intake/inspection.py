"""Every line of a recognised file is whole and says its year: counted in SQL, explained by line number.

Which file it is belongs to `recognition`; what its values mean, to the quality checks of later layers.
Messages show counts, columns and the shape of a line, never the values of people's columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from emtp_assets.intake.dialect import Scan, blank_lines, first_odd_line_end
from emtp_assets.intake.problem import ASK_AGAIN, IntakeError, some
from emtp_assets.intake.recognition import SEPARATORS, Header, raw_name, require_year
from emtp_assets.intake.tabular import LineFields, lines
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import session

FIRST_YEAR = 2004
SIMULATED_RBD = 90_000
"""Real RBDs are under 50,000; every simulated school is numbered from here on."""
SIMULATED_PROJECT = "SIM-"
_FAULTS = ("linea", "sin_anio", "anio")

_MIXED_ENDS = "El archivo mezcla fines de línea, o hay un retorno de carro suelto dentro de un texto."
_LINE_TOO_LONG = (
    "Una línea es demasiado larga o no se puede leer: quizá hay un salto de línea o comillas fuera de lugar."
)


@dataclass(frozen=True)
class Inspection:
    """What a whole file holds: data rows, rows of each year, and whether any row is simulated."""

    rows: int
    years: dict[int, int]
    simulated: bool


def inspect(settings: Settings, path: Path, facts: Scan, header: Header, *, last_year: int) -> Inspection:
    """Check every line's field count and year, in one scan and constant memory.

    ``path`` is the text in UTF-8; ``last_year`` the newest year a delivery may speak of.

    Raises:
        IntakeError: a line with other than the header's number of fields, quotes that don't close in
            their line, a repeated header, a blank line inside, a year that is none; with the first such line.
        OSError: the disk refused.
    """
    fields = LineFields(header.separator, quoted=facts.has_quotes)
    year = fields.value(require_year(header))
    whole = f"NOT ({fields.broken}) AND len(parts) = {len(header.names)}"
    verdict = f"""CASE WHEN year IS NULL THEN 'linea' WHEN trim(year) = '' THEN 'sin_anio'
        WHEN NOT regexp_full_match(trim(year), '[0-9]{{4}}') THEN 'anio'
        WHEN TRY_CAST(trim(year) AS INTEGER) NOT BETWEEN {FIRST_YEAR} AND {last_year} THEN 'anio'
        ELSE trim(year) END"""
    # Grouped by the year as sent, judged once a group: judging 3.6 M years costs as much as splitting lines.
    groups = f"""SELECT CASE WHEN {whole} THEN {year} END AS year, count(*) AS rows,
        bool_or({_simulated(header, fields)}) AS simulated FROM ({{split}}) GROUP BY 1"""

    def split(*, parallel: bool) -> str:
        return f"SELECT line, {fields.parts} AS parts FROM {lines(path, parallel=parallel)}"

    def counted(*, parallel: bool) -> list[tuple[str, int, bool]]:
        return connection.execute(
            f"SELECT {verdict} AS verdict, sum(rows)::BIGINT, coalesce(bool_or(simulated), false)"
            f" FROM ({groups.format(split=split(parallel=parallel))}) GROUP BY 1"
        ).fetchall()

    try:
        with session(settings) as connection:
            found = _in_parallel_or_else(counted, rows=facts.lines - 1)
            counts = {name: count for name, count, _ in found}
            rows = sum(counts.values())
            _refuse_blank_or_loose_lines(rows, facts, path)
            if not rows:
                raise _header_only(header)
            if counts.get("sin_anio") == rows:
                raise _no_year_at_all(header)
            if not counts.keys().isdisjoint(_FAULTS):
                # Numbering lines costs a thread, so only a file at fault pays for it.
                first = connection.execute(
                    f"""SELECT number, {verdict} AS verdict, line FROM
                        (SELECT row_number() OVER () + 1 AS number, line,
                                CASE WHEN {whole} THEN {year} END AS year FROM ({split(parallel=False)}))
                        WHERE verdict IN {_FAULTS} ORDER BY number LIMIT 1"""
                ).fetchone()
                assert first is not None
                raise _explain(first, counts, header, facts, last_year)
    except duckdb.IOException as error:
        raise OSError(f"No se pudo leer o escribir al revisar {path.name}") from error
    except (duckdb.InvalidInputException, duckdb.NotSupportedError):
        # DuckDB quotes the offending line in its message: it must reach no log.
        where = first_odd_line_end(path, crlf=facts.carriage_returns > 0)
        code, what = ("fines_de_linea", _MIXED_ENDS) if where else ("ilegible", _LINE_TOO_LONG)
        raise IntakeError(code, what, where=where, expected=_expected(header), action=ASK_AGAIN) from None
    years = {int(name): count for name, count, _ in sorted(found)}
    return Inspection(rows, years, any(simulated for _, _, simulated in found))


def _in_parallel_or_else(
    counted: Callable[..., list[tuple[str, int, bool]]], *, rows: int
) -> list[tuple[str, int, bool]]:
    """The parallel reader's answer when it saw every line; else that of the reader on one thread."""
    try:
        found = counted(parallel=True)
        if sum(count for _, count, _ in found) == rows:
            return found
    except (duckdb.InvalidInputException, duckdb.NotSupportedError):
        pass
    return counted(parallel=False)


def _simulated(header: Header, fields: LineFields) -> str:
    tests = ["false"]
    if (at := header.position_named("rbd")) is not None:
        tests.append(f"TRY_CAST({fields.value(at)} AS BIGINT) >= {SIMULATED_RBD}")
    if (at := header.position_named("id_proyecto")) is not None:
        tests.append(f"starts_with(upper({fields.value(at)}), '{SIMULATED_PROJECT}')")
    return "(" + " OR ".join(tests) + ")"


def _expected(header: Header) -> str:
    name = SEPARATORS[header.separator]
    return f"{len(header.names)} columnas en cada línea, separadas por {name}, como en el encabezado."


def _header_only(header: Header) -> IntakeError:
    return IntakeError(
        "sin_filas",
        f"El archivo de «{header.contract.title}» trae solo el encabezado: no tiene ninguna fila de datos.",
        expected="Al menos una fila de datos.",
        action=ASK_AGAIN,
    )


def _no_year_at_all(header: Header) -> IntakeError:
    return IntakeError(
        "sin_anio",
        f"La columna {header.contract.year_column} está en blanco en todas las filas.",
        where=f"columna {header.contract.year_column}",
        expected="El año de cada fila (cuatro cifras).",
        action="Use el archivo oficial; el año no se toma del nombre del archivo.",
    )


def _refuse_blank_or_loose_lines(rows: int, facts: Scan, path: Path) -> None:
    expected = facts.lines - 1
    if rows == expected:
        return
    first, blank, trailing = blank_lines(path)
    if rows + blank == expected and blank == trailing:
        return
    if rows + blank == expected:
        raise IntakeError(
            "linea_en_blanco",
            f"Hay {blank} líneas en blanco entre las filas.",
            where=f"línea {first}",
            expected="Una fila de datos en cada línea.",
            action="Suele ser un archivo editado a mano o unido con otro. " + ASK_AGAIN,
        )
    raise IntakeError(
        "fines_de_linea",
        f"El archivo tiene {expected} líneas de datos, pero se leen {rows}: hay fines de línea sueltos.",
        expected="Un mismo fin de línea en todo el archivo (CRLF o LF).",
        action=ASK_AGAIN,
    )


def _explain(
    first: tuple[int, str, str], counts: dict[str, int], header: Header, facts: Scan, last_year: int
) -> IntakeError:
    number, verdict, line = first
    rows = sum(counts.values())
    sent = facts.header_bytes
    if line.lstrip("\ufeff").strip().upper() == _text(sent).strip().upper():
        return IntakeError(
            "encabezado_repetido",
            "El encabezado se repite en medio del archivo: son dos archivos pegados, o el mismo dos veces.",
            where=f"línea {number}",
            expected="Un solo encabezado, en la primera línea.",
            action="Deje en la carpeta cada archivo por separado, sin unirlos.",
        )
    if verdict == "linea":
        return _explain_line(number, line, counts["linea"], rows, header)
    column = header.contract.year_column
    value = _field(line, header, require_year(header))
    shown = (
        "está en blanco"
        if verdict == "sin_anio"
        else f"dice «{value}»"
        if re.fullmatch(r"-?\d{1,6}", value)
        else f"no es un número (forma: {shape(value, 20)})"
    )
    wrong = counts.get("anio", 0) + counts.get("sin_anio", 0)
    return IntakeError(
        "anio",
        f"La columna {column} {shown}; {wrong} de {rows} filas no tienen un año válido.",
        where=f"línea {number}, columna {column} ({require_year(header) + 1}.ª)",
        expected=f"Un año de cuatro cifras entre {FIRST_YEAR} y {last_year}.",
        action="Revise con quien emite el archivo; puede ser otro archivo, o columnas corridas.",
    )


def _explain_line(number: int, line: str, wrong: int, rows: int, header: Header) -> IntakeError:
    width = len(header.names)
    where = f"línea {number}"
    found = len(_split(line, header.separator))
    more = f" Hay {wrong} líneas así de {rows}." if wrong > 1 else ""
    last = number == rows + 1
    names = [raw_name(name, at) for at, name in enumerate(header.names)]
    if ('"' in line and found == width) or line.count('"') % 2:
        what = f"Las comillas de la línea no se cierran, o hay un salto de línea dentro de un texto.{more}"
        code = "comillas"
    elif found < width:
        code = "cortado" if last else "columnas"
        what = (
            f"La línea trae {found} columnas de {width}: termina en «{names[max(found - 1, 0)]}» "
            f"y le faltan desde «{names[found]}»."
        ) + (" Es la última: el archivo está cortado." if last else more)
    else:
        code = "columnas"
        what = f"La línea trae {found} columnas y el encabezado {width}: sobran {found - width}.{more}"
        if (doubt := _first_misfit(line, header)) is not None:
            where += f", desde la columna «{doubt}» los valores no corresponden"
    return IntakeError(
        code,
        f"{what} Forma de la línea (9 = cifra, A = letra): {shape(line)}",
        where=where,
        expected=_expected(header),
        action="Nada entró: una fila corrida cambiaría los datos sin aviso. " + ASK_AGAIN,
    )


def _first_misfit(line: str, header: Header) -> str | None:
    """The first column whose value cannot be the integer that the contract says it is."""
    for column, value in zip(header.columns, _split(line, header.separator), strict=False):
        if column is not None and column.type.value == "integer" and not re.fullmatch(r"\s*-?\d*\s*", value):
            return column.official
    return None


def _split(line: str, separator: str) -> list[str]:
    """Fields outside of well-formed quotes, for a message only."""
    sep = re.escape(separator)
    return re.findall(rf'(?:^|{sep})("(?:[^"]|"")*"(?={sep}|$)|[^{sep}]*)', line)


def _field(line: str, header: Header, at: int) -> str:
    return _split(line, header.separator)[at].strip().strip('"').strip()


def shape(text: str, most: int = 80) -> str:
    """A text's shape, for messages: figures as 9 and letters as A, so that no value is shown."""
    masked = re.sub(r"[^\W\d_]", "A", re.sub(r"\d", "9", text))
    return masked if len(masked) <= most else masked[:most] + "…"


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")


def describe_years(years: dict[int, int]) -> str:
    """ "2024 (10 filas), 2025 (12 filas)"."""
    return some([f"{year} ({rows} filas)" for year, rows in sorted(years.items())])
