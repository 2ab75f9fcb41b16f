"""Official files about people whose names and numbers are known to the tests, with the mistakes that files have.

Every name holds `MARK`, which no word of the product, of Dagster or of a school's name does.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emtp_assets.contracts import Classification, contract_for
from emtp_assets.sources.simulated import generate

MARK = "qxz"
NAMES = {
    "matricula": ("NOMBRES", "APELLIDO_PATERNO", "APELLIDO_MATERNO"),
    "egresados": ("NOMBRES_COMPLETOS",),
    "docentes": ("NOMBRE_DOCENTE",),  # no contract knows it
    "titulacion": ("NOMBRE_ESTUDIANTE",),
}
"""Columns with names that some source adds to the official ones."""
_PERSONS = ("MRUN", "RUT_SOSTENEDOR", "RUT_EMPRESA", "CLAVE", "ID_PRACTICA", "NUM_REGISTRO_TITULO")
_NAMED = ("NOMBRE_EMPRESA", "DIRECCION_EMPRESA")

Row = dict[str, str]


@dataclass
class People:
    """Who is in the files: numbers as they may be found anywhere, digits only and without check digit."""

    numbers: set[str] = field(default_factory=set)

    def written(self, dataset: str, year: int, folder: Path, *, scale: float, seed: int) -> Path:
        """An official file of the dataset and year about these people, with mistakes in some rows."""
        official = generate(contract_for(dataset), year, folder, scale=scale, seed=seed)
        with official.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle, delimiter=";")
            header = [*(reader.fieldnames or ()), *NAMES.get(dataset, ())]
            rows = [self._known(row, dataset, at) for at, row in enumerate(reader)]
        official.unlink()
        few = len(rows) < 500
        for at, mistake in enumerate(MISTAKES[:-1] if few else MISTAKES):
            # Far apart, and in rows that are EMTP: what is out of scope is not even read.
            for row in _inside(rows, dataset)[at * 7 + 3 :: 400][:4]:
                mistake(row)
        lines = [";".join(header), *(";".join(row.get(name, "") for name in header) for row in rows)]
        if not few:  # in a short file, two odd lines are a share that refuses the whole
            lines.insert(9, f"{name_of(5)};{_dotted(sorted(self.numbers)[0])};esto no es una fila")
            lines.insert(11, f"{lines[10]};{name_of(6)};{_dotted(sorted(self.numbers)[0])}")
        path = folder / f"{dataset}_{year}.csv"
        path.write_text("\r\n".join(lines) + "\r\n", encoding="utf-8-sig")
        return path

    def _known(self, row: Row, dataset: str, at: int) -> Row:
        for name in NAMES.get(dataset, ()):
            row[name] = name_of(at)
        for name in _NAMED:
            if row.get(name, "").strip():
                row[name] = f"{row[name]} {name_of(at)}"
        for name in _PERSONS:
            if len(number := row.get(name, "").strip()) >= 7:
                self.numbers.add(number)
        return row


def name_of(at: int) -> str:
    """A name that nobody has: letters only, one for each number."""
    letters = "".join(chr(ord("A") + int(digit)) for digit in str(at))
    return f"MARI{MARK.upper()}{letters} PERE{MARK.upper()}{letters}"


def _inside(rows: Sequence[Row], dataset: str) -> list[Row]:
    scope = contract_for(dataset).scope
    if scope is None:
        return list(rows)
    from emtp_assets.contracts import read_codes

    codes = set(read_codes(scope.code_list, scope.where))
    return [row for row in rows if any(row.get(column) in codes for column in scope.columns)]


def _dotted(number: str) -> str:
    return f"{int(number[:8]):,}".replace(",", ".") + "-K"


def _person(row: Row) -> str:
    return next((row[name].strip() for name in _PERSONS if row.get(name, "").strip()), "76544696")


def _put(value: Callable[[Row], str], *columns: str) -> Callable[[Row], None]:
    def mistake(row: Row) -> None:
        for column in columns:
            if column in row:
                row[column] = value(row)

    return mistake


def _name(_: Row) -> str:
    return name_of(1)


def _shifted(row: Row) -> None:
    """The row slid by one column, as when a separator was lost."""
    names = list(row)
    values = [row[name] for name in names]
    for name, value in zip(names, [*values[1:], values[0]], strict=True):
        row[name] = value


def _beside(row: Row) -> None:
    """The person's number slid by one place, to either side."""
    names = list(row)
    if "MRUN" in names:
        at = names.index("MRUN")
        for name in (names[at - 1], names[at + 1]):
            row[name] = row["MRUN"]


# A person's number or name where a code, an amount or a school belongs.
MISTAKES: tuple[Callable[[Row], None], ...] = (
    _put(_person, "COD_DEPE2"),
    _put(_person, "COD_JOR", "ID_ITC", "ORIGEN", "TIPO_PRACTICA", "ESTADO_ESTAB"),
    _put(_name, "COD_DEPROV_RBD", "REGION"),
    _put(_name, "ORIGEN", "TIPO_PRACTICA", "ESTADO", "P_JURIDICA", "MONTO_EJECUTADO"),
    _put(lambda row: _dotted(_person(row)), "COD_PRO_RBD", "HORAS_TOTALES", "MAT_TOTAL", "HORAS_CONTRATO"),
    _put(_person, "COD_PLAN_EST", "MATRICULA", "LATITUD", "MONTO_ASIGNADO", "HORAS_MINIMAS_PP"),
    _put(lambda row: _dotted(_person(row)), "MRUN"),
    _put(_name, "RBD", "RBD_EGRESO"),
    _put(_person, "AGNO_ESCOLAR", "COD_ESPE", "ESPE_01", "COD_ENS_1", "COD_RAMA"),
    _beside,
    _put(
        _person,
        "TIPO_AULA",
        "NOM_COM_RBD",
        "NOM_RBD",
        "LET_CUR",
        "ENSE_COMPLETA",
        "GLOSA_RUBRO",
        "NOM_TITULO",
        "REGION",
    ),
    _put(lambda row: _dotted(_person(row)), "NOM_DEPROV_RBD", "MARCA_EGRESO", "NOM_PLAN_EST", "ESTADO", "DIRECCION"),
    _put(_name, "ID_PROYECTO", "TIPO_PROYECTO", "GLOSA_RUBRO", "COD_ESPE"),
    _shifted,
)


def refused(folder: Path, numbers: set[str]) -> Iterator[Path]:
    """Files that are refused, with people where the explanation might quote: in the header, in titles, in names."""
    number = sorted(numbers)[0]
    official = [column.official for column in contract_for("matricula").official_columns(2025)]
    known = {"AGNO": "2025", "RBD": "90001", "MRUN": number, "COD_ENSE": "410", "COD_GRADO": "3", "COD_ESPE": "41001"}
    header, row = ";".join(official), ";".join(known.get(name, "1") for name in official)
    texts = {
        "sin_encabezado": f"{row}\r\n" * 20,
        "otro_encabezado": f"{name_of(3)};{_dotted(number)};NOTA\r\n2025;1;2\r\n",
        "numero_dos_veces": f"{header};{number};{number}\r\n{row};x;y\r\n",
        "sin_anio": f"{header}\r\n{row.replace('2025;', f'{name_of(7)};', 1)}\r\n",
        "ninguna_emtp": f"{header}\r\n{row.replace(';410;', f';{number};')}\r\n",
        "una_linea": f"{name_of(8)} {number}",
    }
    for name, text in texts.items():
        path = folder / f"{name}.csv"
        path.write_text(text, encoding="utf-8")
        yield path


def personal_columns() -> set[str]:
    """Official names of what identifies a person directly; the tests' own control that files have them."""
    return {
        column.official
        for dataset in NAMES
        for column in contract_for(dataset).columns
        if column.classification is Classification.DIRECT_IDENTIFIER
    }
