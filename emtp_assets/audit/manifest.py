"""`publicacion.json`: what a release says it holds. Typed reading only; whether the files agree is `reading`'s."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emtp_assets.audit.finding import AuditError

MANIFEST = "publicacion.json"
FORMAT = 1


@dataclass(frozen=True)
class PublishedFile:
    name: str
    sha256: str


@dataclass(frozen=True)
class Rate:
    """A column of percentages of the table's counts.

    ``dimension`` and ``value`` say which of the table's own rows are the numerators; without them the
    numerators are published nowhere.
    """

    column: str
    note: str
    decimals: int
    dimension: str | None
    value: object


@dataclass(frozen=True)
class Mean:
    """A column of means; ``n`` is the column that counts whom they are of."""

    column: str
    note: str
    n: str


@dataclass(frozen=True)
class Amount:
    """A column of money."""

    column: str
    note: str


@dataclass(frozen=True)
class Entry:
    """One published table, all its years.

    Attributes:
        universe: whom it counts; tables of one universe add up to each other.
        paths: each dimension's columns, coarse to fine.
        attributes: columns that are a dimension of another table of the universe.
        measure: the column of counts; None when the table counts nobody.
    """

    name: str
    dataset: str
    universe: str
    csv: PublishedFile
    parquet: PublishedFile
    year: str
    years: tuple[int, ...]
    rows: Mapping[int, int]
    measure: str | None
    note: str | None
    paths: tuple[tuple[str, ...], ...]
    attributes: tuple[str, ...]
    rates: tuple[Rate, ...]
    means: tuple[Mean, ...]
    amounts: tuple[Amount, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(column for path in self.paths for column in path)

    @property
    def declared(self) -> set[str]:
        """Every column that the manifest says something about."""
        figures = [self.measure, self.note, self.year]
        for figure in (*self.rates, *self.means, *self.amounts):
            figures += [figure.column, figure.note]
        figures += [mean.n for mean in self.means]
        return {column for column in (*figures, *self.columns, *self.attributes) if column}


@dataclass(frozen=True)
class Manifest:
    """``restated``: by dataset, the years that differ from what the last public release said of them."""

    release_id: str
    cut: str
    minimum: int
    plan: str
    restated: Mapping[str, tuple[int, ...]]
    tables: tuple[Entry, ...]

    @property
    def order(self) -> tuple[str, int]:
        """Sorts releases by time: cut date, then number."""
        cut, _, number = self.release_id.rpartition(".")
        return (cut, int(number)) if number.isdigit() else (self.release_id, 0)

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Of a release folder.

        Raises:
            AuditError: there is none, or it does not say what it must.
        """
        path = folder / MANIFEST
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise AuditError(
                f"{folder} no es una publicación: falta {MANIFEST}. Indique una carpeta de data/releases/"
            ) from None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise AuditError(f"{path} no se puede leer como JSON: {error}. Prepare la publicación otra vez") from None
        try:
            if stored["formato"] != FORMAT:
                raise AuditError(f"{path}: formato {stored['formato']}, se esperaba {FORMAT}. Actualice esta versión")
            return cls(
                release_id=str(stored["release_id"]),
                cut=str(stored["corte"]),
                minimum=int(stored["minimo"]),
                plan=str(stored.get("plan", "")),
                restated={
                    dataset: tuple(int(year) for year in years)
                    for dataset, years in (stored.get("rehechos") or {}).items()
                },
                tables=tuple(_entry(table) for table in stored["tablas"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise AuditError(
                f"{path}: falta o no sirve {error}. Prepare la publicación otra vez con «emtp release candidate»"
            ) from None


def _entry(stored: Mapping[str, Any]) -> Entry:
    return Entry(
        name=stored["tabla"],
        dataset=stored["conjunto"],
        universe=stored.get("universo") or stored["conjunto"],
        csv=_file(stored["csv"]),
        parquet=_file(stored["parquet"]),
        year=stored["anio"],
        years=tuple(int(year) for year in stored["anios"]),
        rows={int(year): int(number) for year, number in stored["filas"].items()},
        measure=stored.get("medida"),
        note=stored.get("nota"),
        paths=tuple(tuple(dimension["columnas"]) for dimension in stored.get("dimensiones") or ()),
        attributes=tuple(stored.get("atributos") or ()),
        rates=tuple(
            Rate(r["columna"], r["nota"], int(r["decimales"]), r.get("dimension"), r.get("valor"))
            for r in stored.get("tasas") or ()
        ),
        means=tuple(Mean(m["columna"], m["nota"], m["n"]) for m in stored.get("medias") or ()),
        amounts=tuple(Amount(a["columna"], a["nota"]) for a in stored.get("montos") or ()),
    )


def _file(stored: Mapping[str, str]) -> PublishedFile:
    name = stored["archivo"]
    if Path(name).name != name:
        raise ValueError(f"archivo «{name}»")
    return PublishedFile(name, stored["sha256"])
