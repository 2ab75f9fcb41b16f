"""The anonymized files that one publication is made of, held still while it is made. What is written is `build`'s."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from emtp_assets.publication.catalogue import YEAR, PublishedTable, identifier, published_tables
from emtp_assets.publication.record import Part
from emtp_assets.publication.sets import PublicationError
from emtp_assets.storage.duck import parquet
from emtp_assets.storage.lake import PART, Lake, Layer
from emtp_assets.storage.provenance import Provenance


class Inputs:
    """Every anonymized file that the published tables read, linked into ``folder`` when this is made.

    Hard links, so that a year replaced meanwhile cannot give a table one content and its cache another.
    ``parts`` holds them by table once they were ``read``.
    """

    def __init__(self, lake: Lake, folder: Path) -> None:
        self.folder = folder
        self.parts: dict[str, list[Part]] = {}
        for source in _sources():
            for year in lake.years(Layer.ANONYMIZED, source):
                target = folder / source / f"academic_year={year}" / PART
                target.parent.mkdir(parents=True)
                original = lake.part(Layer.ANONYMIZED, source, year)
                try:
                    os.link(original, target)
                except FileNotFoundError:
                    raise
                except OSError:  # a file system without hard links
                    shutil.copyfile(original, target)

    def read(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Learn what each file holds: its provenance, its rows by year.

        Raises:
            PublicationError: a file is not fit to be published; the message says which, and why.
        """
        for source in _sources():
            self.parts[source] = []
            for path in sorted((self.folder / source).glob(f"*/{PART}")):
                partition = int(path.parent.name.partition("=")[2])
                try:
                    provenance = Provenance.of(path)
                    counted = connection.execute(
                        f"FROM {parquet(path)} SELECT {identifier(YEAR)}, count(*) GROUP BY ALL ORDER BY ALL"
                    ).fetchall()
                except KeyError as error:
                    raise PublicationError(
                        f"{source} {partition}: el archivo anonimizado no dice su procedencia; rehágalo"
                    ) from error
                except duckdb.BinderException as error:
                    raise PublicationError(f"{source} {partition}: {first_line(error)}") from error
                if any(year is None for year, _ in counted):
                    raise PublicationError(f"{source} {partition}: hay filas sin año")
                self.parts[source].append(Part(source, partition, path, provenance, dict(counted)))
            self._refuse_missing_columns(source)

    def query(self, table: PublishedTable) -> str:
        """The rows of a published table as SQL over these files."""
        return table.query({source: self._relation(table, source) for source in table.sources})

    def parts_of(self, table: PublishedTable) -> list[Part]:
        """The files that a published table, or the one that a cache repeats, is made of."""
        return [part for source in base_of(table).sources for part in self.parts[source]]

    def years_of(self, table: PublishedTable) -> dict[int, int]:
        """Rows that the table must have, by year."""
        years: dict[int, int] = {}
        for part in self.parts[base_of(table).main_source]:
            for year, rows in part.rows.items():
                years[year] = years.get(year, 0) + rows
        return {max(years): years[max(years)]} if years and table.latest else years

    def _refuse_missing_columns(self, source: str) -> None:
        """A column that one year's file lacks would be read as null in silence."""
        published = {c.name for t in published_tables() if source in t.sources for c in t.columns}
        columns = {part: published & set(pq.read_schema(part.path).names) for part in self.parts[source]}
        wanted = set().union(*columns.values())
        for part, present in columns.items():
            if absent := sorted(wanted - present):
                raise PublicationError(
                    f"{source} {part.partition}: faltan columnas que otros años sí tienen "
                    f"({', '.join(absent)}); vuelva a materializar ese año"
                )

    def _relation(self, table: PublishedTable, source: str) -> str:
        paths = [part.path for part in self.parts[source]]
        if paths:
            return f"(SELECT * EXCLUDE (academic_year) FROM {parquet(paths)})"
        listed = ", ".join(
            f"CAST(NULL AS {kind}) AS {identifier(name)}" for name, kind in table.optional_sources[source].items()
        )
        return f"(SELECT {listed} WHERE false)"


def base_of(table: PublishedTable) -> PublishedTable:
    """The published table that a cache repeats; any other table itself."""
    return next(t for t in published_tables() if t.name == (table.cache_of or table.name))


def first_line(error: Exception) -> str:
    """What an engine's error says, without the query that it repeats."""
    return str(error).strip().split("\n", 1)[0]


def _sources() -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for table in published_tables() for name in table.sources))
