"""A ministry in a folder: simulated official files, and the same rows as each of its systems would serve them.

Serving them is the servers' part. The people and schools do not exist (see `emtp_assets.sources.simulated`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from emtp_assets.contracts import Column, Contract, LogicalType, contract_for
from emtp_assets.sources.simulated import generate
from emtp_assets.storage.duck import literal

_ONLY_IN_VIEWS = {
    "NOMBRES": "'NOMBRE SIMULADO'",
    "APELLIDO_PATERNO": "'PATERNO'",
    "APELLIDO_MATERNO": "'MATERNO'",
    "ESTADO_MATRICULA": "'ACTIVO'",
}


@dataclass
class Ministry:
    """The years that each dataset has, made at a fraction of the country's size."""

    folder: Path
    years: Mapping[str, Sequence[int]]
    scale: float = 0.005
    seed: int = 7
    files: dict[tuple[str, int], Path] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        official = self.folder / "oficiales"
        official.mkdir(parents=True)
        for dataset, years in self.years.items():
            for year in years:
                made = generate(contract_for(dataset), year, official, scale=self.scale, seed=self.seed)
                self.files[dataset, year] = made

    def shelve(self, folder: Path, source: str) -> Path:
        """Copies of the files under the paths at which the contracts look for them at a source that holds files."""
        for (dataset, year), path in self.files.items():
            location = contract_for(dataset).locations[source].format(year=year).replace("*", "_semana")
            target = folder / location
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
        return folder

    def views(self) -> dict[str, Path]:
        """Each dataset as the table behind its view: typed, by the view's own column names, blanks as NULL.

        Where the client's document names columns (names of people, dates of birth), the views have them: that the
        product does not ask for them must be seen.
        """
        folder = self.folder / "vistas"
        folder.mkdir(exist_ok=True)
        made = {}
        for dataset, years in self.years.items():
            contract = contract_for(dataset)
            assert contract.sige_view is not None
            target = folder / f"{contract.sige_view}.parquet"
            with duckdb.connect() as connection:
                connection.execute(
                    f"COPY ({self._typed(connection, contract, years)}) TO {literal(target)} (FORMAT parquet)"
                )
            made[contract.sige_view] = target
        return made

    def records(self, dataset: str, year: int) -> list[dict[str, object]]:
        """A year's rows as a REST service would spell them: numbers as numbers, official names, null for blank."""
        contract = contract_for(dataset)
        with duckdb.connect() as connection:
            header = self._header(connection, dataset, year)
            columns = ", ".join(
                f'{_value(c, as_date=False)} AS "{c.official}"' for c in contract.columns if c.official in header
            )
            relation = connection.sql(f"SELECT {columns} FROM {self._csv(dataset, year)}")
            names = relation.columns
            return [dict(zip(names, row, strict=True)) for row in relation.fetchall()]

    def _typed(self, connection: duckdb.DuckDBPyConnection, contract: Contract, years: Sequence[int]) -> str:
        return " UNION ALL BY NAME ".join(
            "SELECT "
            + ", ".join(self._columns(connection, contract, year))
            + f" FROM {self._csv(contract.dataset, year)}"
            for year in years
        )

    def _columns(self, connection: duckdb.DuckDBPyConnection, contract: Contract, year: int) -> Iterator[str]:
        header = self._header(connection, contract.dataset, year)
        for column in contract.columns:
            name = column.sige_view or column.official
            if column.official in header:
                yield f'{_value(column, as_date=name == "FECHA_NACIMIENTO")} AS "{name}"'
            elif column.official in _ONLY_IN_VIEWS:
                yield f'{_ONLY_IN_VIEWS[column.official]} AS "{name}"'

    def _header(self, connection: duckdb.DuckDBPyConnection, dataset: str, year: int) -> set[str]:
        return set(connection.sql(f"FROM {self._csv(dataset, year)} LIMIT 0").columns)

    def _csv(self, dataset: str, year: int) -> str:
        path = literal(self.files[dataset, year])
        return f"read_csv({path}, delim=';', header=true, all_varchar=true, quote='\"', escape='\"')"


def _value(column: Column, *, as_date: bool) -> str:
    text = f"nullif(trim(\"{column.official}\"), '')"
    match column.type:
        case LogicalType.YEAR_MONTH if as_date:
            return f"TRY_CAST(strptime({text} || '15', '%Y%m%d') AS DATE)"
        case LogicalType.INTEGER | LogicalType.YEAR_MONTH:
            return f"CAST({text} AS BIGINT)"
        case LogicalType.NUMBER:
            # The files' stray entity (a byte order mark spelt out) is an export's fault: a database has numbers.
            number = f"regexp_replace({text}, '& ?#?65279;', '')"
            return f"CAST(replace({number}, ',', '.') AS DOUBLE)"
        case _:
            return text
