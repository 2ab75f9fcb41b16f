"""Code lists: the official codes that columns refer to. As dbt seeds, SQL and Python read one file."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

from emtp_assets.settings import HOME

SEEDS = HOME / "dbt_project" / "seeds"
CODE_LISTS = tuple(sorted(path.stem for path in SEEDS.glob("*.csv")))


def code_list_path(name: str) -> Path:
    """The CSV of a code list: first column ``codigo``, second ``nombre``, then flags and parents."""
    path = SEEDS / f"{name}.csv"
    if not path.is_file():
        raise FileNotFoundError(f"No existe la lista de códigos {name!r} en {SEEDS}")
    return path


@cache
def read_codes(name: str, where: str | None = None) -> dict[str, str]:
    """Codes of a list with their names, in file order; ``where`` keeps those whose flag column is "1"."""
    with code_list_path(name).open(encoding="utf-8", newline="") as handle:
        rows = csv.DictReader(handle)
        return {row["codigo"]: row["nombre"] for row in rows if where is None or row[where] == "1"}
