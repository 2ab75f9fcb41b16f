"""Which dataset a header announces, and which column stands where. Values are never looked at here."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from emtp_assets.contracts import Column, Contract, KnownFile
from emtp_assets.contracts.discretion import discreet_name
from emtp_assets.intake.problem import ASK_AGAIN, IntakeError, some

SEPARATORS = {";": "punto y coma", ",": "coma", "\t": "tabulador", "|": "barra vertical"}
RESERVED = frozenset({"_DELIVERY", "_ROW", "_YEAR", "_IN_SCOPE", "ACADEMIC_YEAR"})
_LONGEST_NAME = 120
_AROUND = " \t\r\n\"'\u00a0\u200b\u200c\u200d\u2060\ufeff"


@dataclass(frozen=True)
class Header:
    """A header read by one contract. ``names`` as sent; ``columns[i]`` stands at i, None when unknown."""

    contract: Contract
    separator: str
    names: tuple[str, ...]
    columns: tuple[Column | None, ...]

    @property
    def unknown(self) -> tuple[str, ...]:
        """Raw names of the columns the contract does not describe."""
        return tuple(
            raw_name(name, at)
            for at, (name, column) in enumerate(zip(self.names, self.columns, strict=True))
            if column is None
        )

    def position(self, official: str) -> int | None:
        """0-based position of an official column; None when it was not sent."""
        return next((at for at, c in enumerate(self.columns) if c is not None and c.official == official), None)

    def position_named(self, cleaned: str) -> int | None:
        """0-based position of the column that becomes ``cleaned``; None when it was not sent."""
        return next((at for at, c in enumerate(self.columns) if c is not None and c.name == cleaned), None)

    def missing(self, years: Iterable[int]) -> tuple[Column, ...]:
        """Official columns of any of those years that the file does not bring."""
        sent = {column.official for column in self.columns if column is not None}
        asked = list(years)
        return tuple(c for c in self.contract.columns if c.official not in sent and any(c.in_year(y) for y in asked))


def raw_name(name: str, at: int) -> str:
    """The name in raw of an unknown column; the technical column without name is called by its position."""
    return name.strip() or f"_columna_{at + 1}"


def read_header(contract: Contract, separator: str, names: Sequence[str]) -> Header:
    """Read names as sent by a contract already chosen: what extraction does with a delivery of the ledger."""
    return Header(contract, separator, tuple(names), tuple(contract.column_spelled(n) for n in names))


def bare(cell: str) -> str:
    """A header cell without the blanks, quotes and invisible characters that programs leave around it."""
    return unicodedata.normalize("NFC", cell).strip(_AROUND)


def fitting(line: str, contracts: Sequence[Contract]) -> bool:
    """Whether a line of text is the header of one of the datasets, or of several."""
    return any(_has_signature(header) for header in _readings(line, contracts))


def fitting_cells(cells: Sequence[str], contracts: Sequence[Contract]) -> bool:
    """The same of a row of cells."""
    names = [bare(cell) for cell in cells]
    return any(_has_signature(read_header(contract, "", names)) for contract in contracts)


def recognise(line: str, contracts: Sequence[Contract], known: Sequence[KnownFile], *, number: int = 1) -> Header:
    """The dataset of a file by its header line (no BOM, no line end), which is line ``number`` of it.

    Unnamed columns after the last named one are no columns.

    Raises:
        IntakeError: another official file, a header of no dataset, of several, or with doubtful names.
    """
    if not line.strip():
        raise IntakeError(
            "sin_encabezado",
            "La primera línea está vacía: falta el encabezado.",
            where="línea 1",
            expected="Los nombres oficiales de las columnas en la primera línea.",
            action=ASK_AGAIN,
        )
    readings = _readings(line, contracts)
    for header in readings:
        _refuse_known_file(header.names, known)
    fits = [header for header in readings if _has_signature(header)]
    if not fits:
        raise _unrecognised(readings, contracts, number)
    recognised = {id(h): sum(c is not None for c in h.columns) for h in fits}
    fits.sort(key=lambda h: (recognised[id(h)], len(h.contract.signature)), reverse=True)
    best, *others = fits
    if others and recognised[id(others[0])] == recognised[id(best)]:
        raise IntakeError(
            "ambiguo",
            f"El encabezado corresponde a la vez a «{best.contract.title}» y «{others[0].contract.title}».",
            where=f"línea {number}",
            expected="Un encabezado propio de un solo conjunto de datos.",
            action="Avise a quien mantiene los contratos de datos.",
        )
    _refuse_doubtful_names(best, number)
    return best


def refuse_unless_complete(header: Header, years: Iterable[int]) -> tuple[str, ...]:
    """Official columns of those years that are missing but may be (a warning of the delivery).

    Raises:
        IntakeError: a required column, the year, or every column that tells EMTP from the rest is missing.
    """
    contract = header.contract
    missing = header.missing(years)
    needed = [c.official for c in missing if c.required]
    scope = contract.scope
    if scope and not needed and all(header.position(name) is None for name in scope.columns):
        raise IntakeError(
            "sin_alcance",
            f"Es un archivo de «{contract.title}», pero no trae {' ni '.join(scope.columns)}: no se puede "
            "saber qué filas son de EMTP.",
            where="línea 1 (encabezado)",
            expected=f"Al menos una de esas columnas: {', '.join(scope.columns)}.",
            action="Si el archivo oficial de ese año no las tiene, no se puede usar en esta plataforma.",
        )
    if needed:
        raise IntakeError(
            "faltan_columnas",
            f"Es un archivo de «{contract.title}», pero le faltan columnas necesarias: {some(needed)}.",
            where="línea 1 (encabezado)",
            expected=f"Las columnas oficiales de {contract.title}, con su nombre y en cualquier orden.",
            action="Use el archivo oficial completo, sin quitar ni renombrar columnas.",
        )
    return tuple(c.official for c in missing)


def require_year(header: Header) -> int:
    """0-based position of the year column.

    Raises:
        IntakeError: the file does not say its year.
    """
    at = header.position(header.contract.year_column)
    if at is None:
        raise IntakeError(
            "sin_anio",
            f"Falta la columna {header.contract.year_column}: no se sabe de qué año son las filas.",
            where="línea 1 (encabezado)",
            expected=f"La columna {header.contract.year_column} con el año de cada fila.",
            action="Use el archivo oficial completo; el año no se toma del nombre del archivo.",
        )
    return at


def _readings(line: str, contracts: Sequence[Contract]) -> list[Header]:
    """The line as a header, by each separator that it has and each contract."""
    split = [(sep, names) for sep in SEPARATORS if len(names := _split(line, sep)) > 1]
    return [read_header(contract, sep, names) for sep, names in split for contract in contracts]


def _split(line: str, separator: str) -> list[str]:
    try:
        rows = list(csv.reader([line], delimiter=separator, strict=True, skipinitialspace=True))
    except csv.Error:
        return []
    names = [bare(name) for name in rows[0]] if rows else []
    while names and not names[-1]:
        names.pop()
    return names


def _has_signature(header: Header) -> bool:
    return bool(header.contract.signature) and all(
        header.position(name) is not None for name in header.contract.signature
    )


def _refuse_known_file(names: Sequence[str], known: Sequence[KnownFile]) -> None:
    sent = {name.upper() for name in names}
    for file in known:
        if sent.issuperset(name.upper() for name in file.signature):
            raise IntakeError(
                "otro_archivo",
                f"El archivo es «{file.name}», que esta plataforma no procesa. {file.explanation}",
                where="línea 1 (encabezado)",
                expected="Un archivo de uno de los conjuntos de datos de la plataforma.",
                action="Deje en la carpeta el archivo que corresponde; este no hace falta.",
            )


def _unrecognised(readings: Sequence[Header], contracts: Sequence[Contract], number: int) -> IntakeError:
    nearest = max(readings, key=lambda h: sum(c is not None for c in h.columns), default=None)
    where = f"línea {number} (encabezado)"
    known = sum(c is not None for c in nearest.columns) if nearest else 0
    titles = some([c.title for c in contracts])
    if nearest is None:
        return IntakeError(
            "separador",
            "La primera línea no se puede separar en columnas: no usa «;», «,», tabulador ni «|».",
            where=where,
            expected="Columnas separadas por «;» (punto y coma).",
            action="Si abrió y guardó el archivo con otro programa, use el original.",
        )
    if known >= 3 and known * 2 >= len(nearest.names):
        lacking = [n for n in nearest.contract.signature if nearest.position(n) is None]
        return IntakeError(
            "encabezado",
            f"El archivo se parece a «{nearest.contract.title}» ({known} de {len(nearest.names)} columnas "
            f"conocidas), pero le faltan las que lo identifican: {some(lacking)}.",
            where=where,
            expected=f"El encabezado oficial de «{nearest.contract.title}».",
            action="Use el archivo oficial completo, sin quitar ni renombrar columnas.",
        )
    return IntakeError(
        "encabezado",
        f"El encabezado no corresponde a ningún conjunto de datos conocido ({len(nearest.names)} columnas, "
        f"{known} conocidas).",
        where=where,
        expected=f"El encabezado oficial de uno de estos archivos: {titles}.",
        action="Revise que sea el archivo correcto y que su primera línea sea el encabezado, sin títulos.",
    )


def _refuse_doubtful_names(header: Header, number: int) -> None:
    def refuse(what: str, expected: str) -> IntakeError:
        return IntakeError(
            "encabezado_dudoso",
            what,
            where=f"línea {number} (encabezado)",
            expected=expected,
            action="Use el archivo oficial sin modificar su encabezado.",
        )

    seen: dict[str, int] = {}
    for at, (name, column) in enumerate(zip(header.names, header.columns, strict=True)):
        if not name.strip() and at:
            raise refuse(
                f"La columna {at + 1} no tiene nombre.",
                "Un nombre en cada columna (salvo una técnica al comienzo).",
            )
        identity = column.official.upper() if column else raw_name(name, at).upper()
        if identity in seen:
            raise refuse(
                f"La columna «{discreet_name(identity)}» aparece dos veces (posiciones {seen[identity] + 1} y "
                f"{at + 1}).",
                "Cada columna una sola vez.",
            )
        if identity in RESERVED:
            raise refuse(f"«{name}» es un nombre reservado de la plataforma.", "Los nombres oficiales.")
        if len(name) > _LONGEST_NAME or not name.isprintable():
            raise refuse(f"El nombre de la columna {at + 1} no es un nombre legible.", "Los nombres oficiales.")
        seen[identity] = at
