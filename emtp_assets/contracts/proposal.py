"""From a file's header and sample to the changes its contract needs, as text beside the text that is there.

The YAML is edited in place: its comments and its form stay. Nothing is read from a file of data nor written to a
contract; values are looked at for their type and never repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import unified_diff

import yaml

from emtp_assets.contracts.codes import read_codes
from emtp_assets.contracts.editing import ContractText
from emtp_assets.contracts.model import Classification, Column, Contract, LogicalType
from emtp_assets.contracts.structure import New, Renamed, alike, compare, plain

FIRST_YEAR = 2003
"""Since when the official files exist, for a column of which nothing said since when it was sent."""
_FITS = 0.9
_ALIKE_IN_PLACE = 0.5
_PERSON = re.compile(r"RUN|RUT|MRUN|NOMBRES?|APELLIDO|PATERNO|MATERNO|MAIL|CORREO|FONO|CELULAR|DIRECCION|DOMICILIO")
_SHAPES: tuple[tuple[LogicalType, re.Pattern[str]], ...] = (
    (LogicalType.YEAR_MONTH, re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])")),
    (LogicalType.DATE, re.compile(r"(19|20)\d\d-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])( .*|T.*)?")),
    (LogicalType.INTEGER, re.compile(r"[+-]?(0|[1-9]\d{0,17})")),
    (LogicalType.NUMBER, re.compile(r"[+-]?\d+([.,]\d+)?")),
)


@dataclass(frozen=True)
class Sample:
    """The first rows of a file: values by header name, as text, of at least one year."""

    values: Mapping[str, Sequence[str]]
    years: Sequence[int]


@dataclass
class Proposal:
    """The new text of a contract, and what was changed in it and what could not be, in words."""

    text: str
    changes: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def diff(self, former: str, path: str) -> str:
        """As ``git apply`` takes it; ``path`` is the contract's from the root of the repository. Empty: no change."""
        lines = [
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
            for line in unified_diff(
                former.splitlines(keepends=True), self.text.splitlines(keepends=True), f"a/{path}", f"b/{path}"
            )
        ]
        return "".join(lines)


def propose(
    contract: Contract, text: str, names: Sequence[str], sample: Sample, *, newest: int | None = None
) -> Proposal:
    """What to change in a contract so that a file's header is the one it describes.

    A new column enters after its neighbour, from the file's year on, and as a quasi-identifier until a person says
    what it is: nothing new is published by oversight. One that looks like an identifier of people stays in raw. A
    column under another name is taken for it only if its values are such as the column has. One that is missing ends
    the year before, unless the file could not be read without it. Of a file older than ``newest``, the newest year
    known of the dataset, only its own year is changed.

    Raises:
        ValueError: the sample says no year.
    """
    if not sample.years:
        raise ValueError("la muestra no trae ningún año")
    year = min(sample.years)
    found = compare(contract, year, names)
    editing = ContractText(text)
    proposal = Proposal(text)
    meant = {r.name: r.column for r in found.renamed if _is_it(r, sample.values.get(r.name, ()))}
    for each in found.renamed:
        if each.name in meant:
            editing.add_alias(each.column.name, _scalar(each.name))
            proposal.changes.append(f"{each.name}: otro nombre de {each.column.official}")
    doubtful = [r for r in found.renamed if r.name not in meant]
    new = sorted([*found.new, *(_as_new(names, r) for r in doubtful)], key=lambda n: n.position)
    taken = {c.name for c in contract.columns}
    for each in new:
        name = _free_name(each.name, taken)
        taken.add(name)
        kind = kind_of(sample.values.get(each.name, ()))
        personal = looks_personal(each.name, sample.values.get(each.name, ()))
        neighbour = _neighbour(contract, names, each.position - 1, meant)
        editing.insert(neighbour, _block(each.name, name, kind, year, personal=personal, only=_past(year, newest)))
        seen = f"identificador probable, queda en la capa cruda ({kind})" if personal else str(kind)
        proposal.changes.append(f"{each.name}: columna nueva, {name} ({seen})")
    for column in [*(m.column for m in found.missing), *(r.column for r in doubtful)]:
        if column.required or column.official in needed(contract):
            proposal.remarks.append(
                f"falta {column.official}, sin la que el archivo no se puede leer: no se propone quitarla"
            )
            continue
        ranges = without(contract, column, year, only=_past(year, newest))
        editing.set_years(column.name, ranges)
        proposal.changes.append(f"{column.official}: no viene en {year}; años «{ranges}»")
    if found.moved:
        proposal.remarks.append(
            f"{len(found.moved)} columnas cambiaron de lugar; se leen por su nombre y el contrato no cambia"
        )
    proposal.text = editing.edited if proposal.changes else text
    return proposal


def needed(contract: Contract) -> set[str]:
    """Official columns by which a file is recognised, dated and narrowed: without one of them nothing is read."""
    scope = contract.scope.columns if contract.scope and len(contract.scope.columns) == 1 else ()
    return {contract.year_column, *contract.signature, *scope}


def _is_it(renamed: Renamed, values: Sequence[str]) -> bool:
    """Whether a column is surely enough another under a new name: alike by name or of its codes, and no less personal.

    That it stands in the same place is not enough: its values would enter the other's history.
    """
    column = renamed.column
    if looks_personal(renamed.name, values) and column.classification is not Classification.DIRECT_IDENTIFIER:
        return False
    proven = column.code_list is not None and any(v.strip() for v in values)
    return fits(column, values) and (proven or alike(renamed.name, column.official) >= _ALIKE_IN_PLACE)


def kind_of(values: Iterable[str]) -> LogicalType:
    """The type that every value of a sample has; text when there is none, or when zeros stand before a number."""
    informed = {v.strip() for v in values if v.strip()}
    for kind, shape in _SHAPES if informed else ():
        if all(shape.fullmatch(v) for v in informed):
            if kind is LogicalType.NUMBER and any(re.match(r"[+-]?0\d", v) for v in informed):
                return LogicalType.STRING
            return kind
    return LogicalType.STRING


def fits(column: Column, values: Sequence[str]) -> bool:
    """Whether a sample could be of a column: by its code list, else by its type. An empty sample could be of any."""
    informed = [v.strip() for v in values if v.strip()]
    if not informed:
        return True
    if column.code_list is not None:
        codes = set(read_codes(column.code_list))
        known = sum(v in codes or (v.isdecimal() and str(int(v)) in codes) or v == "0" for v in informed)
        return known >= _FITS * len(informed)
    kind = kind_of(informed)
    match column.type:
        case LogicalType.STRING:
            return True
        case LogicalType.NUMBER:
            return kind in (LogicalType.NUMBER, LogicalType.INTEGER)
        case LogicalType.INTEGER:
            return kind in (LogicalType.INTEGER, LogicalType.YEAR_MONTH) or all(v.isdecimal() for v in informed)
        case _:
            return kind in (column.type, LogicalType.DATE)


def looks_personal(name: str, values: Sequence[str]) -> bool:
    """Whether a column may name people: by its own name, or because nearly no long value of it occurs twice."""
    if any(_PERSON.fullmatch(word) for word in re.split(r"[^A-Z]+", name.upper())):
        return True
    informed = [v.strip() for v in values if v.strip()]
    return len(informed) >= 20 and len(set(informed)) > _FITS * len(informed) and max(map(len, informed)) >= 7


def without(contract: Contract, column: Column, year: int, *, only: bool) -> str:
    """The years of a column but ``year`` and, unless ``only`` that one is meant, those after it, as a contract says."""
    dated = next(c.minimum for c in contract.columns if c.official == contract.year_column)
    ranges = []
    for first, last in column.years:
        begin = first or int(dated or FIRST_YEAR)
        if begin < year:
            ranges.append((begin, min(last, year - 1)))
        if only and last > year:
            ranges.append((max(begin, year + 1), last))
    return ", ".join(_range(first, last) for first, last in sorted(ranges)) or "none"


def _range(first: int, last: int) -> str:
    if last == 9999:
        return f"{first}-"
    return str(first) if first == last else f"{first}-{last}"


def _past(year: int, newest: int | None) -> bool:
    return newest is not None and year < newest


def _as_new(names: Sequence[str], renamed: Renamed) -> New:
    return New(names[renamed.position - 1].strip(), renamed.position, None, None)


def _free_name(header: str, taken: set[str]) -> str:
    name = "_".join(plain(word) for word in re.split(r"[\W_]+", header) if plain(word)) or "columna"
    name = f"columna_{name}" if name[0].isdigit() else name
    number = next(n for n in range(1, len(taken) + 2) if (name if n == 1 else f"{name}_{n}") not in taken)
    return name if number == 1 else f"{name}_{number}"


def _neighbour(contract: Contract, names: Sequence[str], at: int, meant: Mapping[str, Column]) -> str | None:
    """The property after which a column enters: that of the nearest described column before it."""
    for name in reversed(names[:at]):
        column = contract.column_spelled(name) or meant.get(name.strip())
        if column is not None:
            return column.name
    return None


def _block(header: str, name: str, kind: LogicalType, year: int, *, personal: bool, only: bool) -> list[str]:
    month = kind is LogicalType.YEAR_MONTH
    custom = [f'{{property: years, value: "{year if only else f"{year}-"}"}}']
    custom += ["{property: format, value: AAAAMM}"] if month else []
    custom += ["{property: treatment, value: raw_only}"] if personal else []
    return [
        f"      - name: {_scalar(name)}",
        f"        physicalName: {_scalar(header)}",
        f"        logicalType: {LogicalType.INTEGER if month else kind}",
        "        description: >-",
        f"          POR ESCRIBIR: qué dice esta columna, que apareció en el archivo de {year}. Revise también su",
        "          tipo, su lista de códigos y su clasificación, que mientras tanto es reservada",
        f"        classification: {'direct_identifier' if personal else 'quasi_identifier'}",
        "        customProperties:",
        *(f"          - {line}" for line in custom),
    ]


def _scalar(value: str) -> str:
    """A name as a YAML scalar: bare if it reads back as itself, else quoted."""
    bare = re.fullmatch(r"[^\W\d]\w*", value) is not None and yaml.safe_load(value) == value
    return value if bare else "'" + value.replace("'", "''") + "'"
