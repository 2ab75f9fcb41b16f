"""Small files of the official form for the intake tests. Assertions belong to the tests."""

from __future__ import annotations

from emtp_assets.contracts import Contract, contract_for

BOM = b"\xef\xbb\xbf"

STUDENT = {
    "RBD": "8489",
    "DGV_RBD": "2",
    "NOM_RBD": "LICEO POLITÉCNICO NÚÑEZ",
    "NOM_COM_RBD": "ÑUÑOA",
    "COD_ENSE": "410",
    "COD_GRADO": "3",
    "NOMBRE_SLEP": " ",
    "GEN_ALU": "1",
    "COD_ESPE": "52010",
}


def header(contract: Contract, year: int) -> list[str]:
    """The official header of a dataset's year."""
    return [column.official for column in contract.official_columns(year)]


def students(rows: int, *, year: int = 2024, first: int = 0, **values: str) -> list[list[str]]:
    """Rows of matrícula; MRUN is the row's number, so that a shifted or lost row shows."""
    names = header(contract_for("matricula"), year)
    fixed = STUDENT | values
    return [
        [str(year) if n == "AGNO" else str(first + i) if n == "MRUN" else fixed.get(n, "0") for n in names]
        for i in range(1, rows + 1)
    ]


def csv_bytes(
    names: list[str],
    rows: list[list[str]],
    *,
    separator: str = ";",
    newline: str = "\r\n",
    encoding: str = "utf-8-sig",
) -> bytes:
    """A file as the ministry writes it: no quoting at all."""
    text = "".join(separator.join(line) + newline for line in [names, *rows])
    return text.encode(encoding)


def enrolment(rows: int = 3, *, year: int = 2024, **form: str) -> bytes:
    """A small, right matrícula file of a year."""
    return csv_bytes(header(contract_for("matricula"), year), students(rows, year=year), **form)
