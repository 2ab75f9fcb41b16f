"""A release as anyone can read it: its files, whether they are what the manifest says, CSV beside Parquet.

Here: bytes and columns. What can be worked out from the figures is not looked at.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emtp_assets.audit.finding import Finding, Kind, Severity
from emtp_assets.audit.manifest import Entry, Manifest, PublishedFile
from emtp_assets.audit.universe import CountTable

BOM = b"\xef\xbb\xbf"
SHOWN, HIDDEN = "", "s"


@dataclass(frozen=True)
class ReadTable:
    """One published table: the Parquet rows, and the CSV's header and lines as bytes, in the same order.

    ``lines`` is None when the CSV does not hold one line a row.
    """

    entry: Entry
    rows: pa.Table
    header: bytes
    lines: np.ndarray | None

    def of_year(self, year: int) -> pa.Table:
        return self.rows.filter(pa.array(self._in(year)))

    def lines_of(self, year: int) -> bytes | None:
        """The CSV lines of a year, as they stand in the file."""
        return None if self.lines is None else b"\n".join(self.lines[self._in(year)].tolist())

    def counts(self, year: int) -> CountTable:
        """The year's counts, as `universe` adds them up."""
        entry = self.entry
        assert entry.measure is not None
        wanted = list(dict.fromkeys((*entry.columns, *entry.attributes)))
        rows = self.of_year(year)
        value = rows.column(entry.measure).cast(pa.int64())
        return CountTable(entry.name, entry.paths, entry.attributes, rows.select(wanted).append_column("value", value))

    def _in(self, year: int) -> np.ndarray:
        return self.rows.column(self.entry.year).to_numpy() == year


@dataclass(frozen=True)
class Release:
    """What was published in one folder, and what is wrong with its files."""

    folder: Path
    manifest: Manifest
    tables: dict[str, ReadTable] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> Release:
        """All tables that can be read; a finding for each that cannot, or is not what the manifest says.

        Raises:
            AuditError: the folder is no release.
        """
        release = cls(folder, Manifest.read(folder))
        for entry in release.manifest.tables:
            release._read(entry)
        return release

    def _read(self, entry: Entry) -> None:
        contents = [self._bytes(entry, file) for file in (entry.parquet, entry.csv)]
        if contents[0] is None or contents[1] is None:
            return
        try:
            rows = pq.read_table(pa.BufferReader(contents[0]))
        except pa.ArrowException as error:
            self._add(Kind.FILE, entry, f"{entry.parquet.name} no se puede leer como Parquet: {error}")
            return
        needed = entry.declared
        if absent := sorted(needed - set(rows.column_names)):
            self._add(Kind.FORM, entry, f"faltan las columnas {', '.join(absent)} que el manifiesto declara")
            return
        if not self._years_agree(entry, rows):
            return
        self._undeclared(entry, rows)
        header, _, body = contents[1].removeprefix(BOM).partition(b"\n")
        lines = np.array(body.removesuffix(b"\n").split(b"\n") if body else [], dtype=object)
        if not contents[1].startswith(BOM):
            self._add(Kind.CSV, entry, f"{entry.csv.name} no empieza con la marca UTF-8 (BOM)")
        for detail in _differences(self.folder / entry.csv.name, rows):
            self._add(Kind.CSV, entry, detail)
        self.tables[entry.name] = ReadTable(entry, rows, header, lines if len(lines) == rows.num_rows else None)

    def _bytes(self, entry: Entry, file: PublishedFile) -> bytes | None:
        try:
            content = (self.folder / file.name).read_bytes()
        except OSError:
            self._add(Kind.FILE, entry, f"falta el archivo {file.name}")
            return None
        if hashlib.sha256(content).hexdigest() != file.sha256:
            self._add(Kind.FILE, entry, f"{file.name} no es el que se publicó: su SHA-256 no es el del manifiesto")
        return content

    def _years_agree(self, entry: Entry, rows: pa.Table) -> bool:
        column = rows.column(entry.year)
        if not pa.types.is_integer(column.type) or column.null_count:
            self._add(Kind.FORM, entry, f"la columna {entry.year} debe ser un año entero en cada fila")
            return False
        years, numbers = np.unique(column.to_numpy(), return_counts=True)
        found = {int(year): int(number) for year, number in zip(years, numbers, strict=True)}
        if found != {year: number for year, number in entry.rows.items() if number} or set(found) - set(entry.years):
            self._add(Kind.FORM, entry, f"tiene {found} filas por año y el manifiesto dice {dict(entry.rows)}")
        return True

    def _undeclared(self, entry: Entry, rows: pa.Table) -> None:
        """A number that the manifest does not mention escapes the audit, so somebody has to look at it."""
        if entry.measure is None and not (entry.rates or entry.means or entry.amounts):
            return
        numbers = [
            f.name for f in rows.schema if f.name not in entry.declared and (pa.types.is_floating(f.type) or
            pa.types.is_integer(f.type) or pa.types.is_decimal(f.type))
        ]  # fmt: skip
        if numbers:
            self._add(
                Kind.UNDECLARED,
                entry,
                f"las columnas numéricas {', '.join(numbers)} no están en el manifiesto y no se auditan",
                Severity.WARNING,
            )

    def _add(self, kind: Kind, entry: Entry, detail: str, severity: Severity = Severity.ERROR) -> None:
        self.findings.append(Finding(kind, entry.name, detail, severity=severity))


def _differences(path: Path, rows: pa.Table) -> list[str]:
    """How the CSV differs from the Parquet, column by column, row by row in their order."""
    with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
        source = "read_csv(?, delim=';', header=true, all_varchar=true, quote='\"', escape='\"', nullstr='')"
        try:
            text = connection.execute(f"select * from {source}", [str(path)]).to_arrow_table()
        except duckdb.Error as error:
            return [f"{path.name} no se puede leer: {str(error).splitlines()[0]}"]
        if text.column_names != rows.column_names:
            return [f"{path.name} tiene otras columnas que el Parquet, o en otro orden"]
        if text.num_rows != rows.num_rows:
            return [f"{path.name} tiene {text.num_rows} filas y el Parquet {rows.num_rows}"]
        number = pa.array(np.arange(rows.num_rows))
        connection.register("written", text.append_column("row_number_", number))
        connection.register("kept", rows.append_column("row_number_", number))
        tests = ", ".join(f'count(*) filter (where not ({_same(f)})) as "{f.name}"' for f in rows.schema)
        found = connection.sql(f"select {tests} from written w join kept k using (row_number_)").to_arrow_table()
    return [
        f"{path.name}: {number} filas con otro valor en {column} que el Parquet"
        for column, number in (found.to_pylist()[0] if rows.num_columns else {}).items()
        if number
    ]


def _same(column: pa.Field) -> str:
    """SQL that is true when the CSV's text is the Parquet's value as an official file writes it."""
    written, kept = f'w."{column.name}"', f'k."{column.name}"'
    if pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        read = f"try_cast(replace({written}, ',', '.') as double)"
        return f"{read} is not distinct from {kept}::double and ({written} is null) = ({kept} is null)"
    return f"coalesce({written}, '') = coalesce({kept}::varchar, '')"
