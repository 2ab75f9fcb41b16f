"""Stand-alone program: the enrolment table as the client's script makes it: pandas, the whole file in memory.

Usage: ``python -m benchmarks.reference_pandas FILE… --seeds FOLDER --into FOLDER [--report FILE]``

The same exact counts as the platform's, but none of its protection: small cells are written as they are, as the
client's script does.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

import pandas as pd

_PLACE = ["cod_region", "region", "cod_comuna", "comuna", "dependencia", "zona"]
_KEYS = [*_PLACE, "rbd", "cod_especialidad", "especialidad", "ciclo", "poblacion", "sexo"]
_CELL = [*_PLACE, "cod_especialidad", "especialidad", "ciclo"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--seeds", type=Path, required=True)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--report", type=Path)
    given = parser.parse_args()
    given.into.mkdir(parents=True, exist_ok=True)
    peaks = []
    for file in given.files:
        count(file, given.seeds, given.into)
        peaks.append(round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1))
    if given.report:
        given.report.write_text(json.dumps({"peaks": peaks, "own_cpu": time.process_time()}), encoding="utf-8")


def count(file: Path, seeds: Path, into: Path) -> None:
    """Exact cells to ``cells_<year>.csv``, the client's table to ``matricula_completa_<year>.csv``."""
    students = pd.read_csv(file, sep=";", encoding="utf-8-sig", low_memory=False)
    levels = pd.read_csv(seeds / "tipo_ensenanza.csv")
    students = students[students["COD_ENSE"].isin(levels.loc[levels["es_emtp"] == 1, "codigo"])]
    named = pd.DataFrame(
        {
            "cod_region": students["COD_REG_RBD"],
            "region": _names(students["COD_REG_RBD"], seeds / "region.csv"),
            "cod_comuna": students["COD_COM_RBD"],
            "comuna": _names(students["COD_COM_RBD"], seeds / "comuna.csv"),
            "dependencia": _names(students["COD_DEPE2"], seeds / "dependencia_agrupada.csv"),
            "zona": _names(students["RURAL_RBD"], seeds / "ruralidad.csv"),
            "rbd": students["RBD"],
            "cod_especialidad": students["COD_ESPE"],
            "especialidad": _names(students["COD_ESPE"], seeds / "especialidad.csv"),
            "ciclo": (students["COD_GRADO"] <= 2).map(
                {True: "General (1º y 2º medio)", False: "Diferenciado (3º y 4º medio)"}
            ),
            "poblacion": students["COD_ENSE"].map(levels.set_index("codigo")["poblacion"]),
            "sexo": students["GEN_ALU"].map({1: "Hombre", 2: "Mujer"}).fillna("Sin información"),
        }
    )
    year = int(students["AGNO"].iloc[0])
    cells = named.groupby(_KEYS, dropna=False).size().rename("n").reset_index()
    cells.to_csv(into / f"cells_{year}.csv", index=False, encoding="utf-8-sig")
    totals = cells.groupby(_CELL)["n"].sum().rename("matricula_total")
    by_sex = cells.pivot_table(index=_CELL, columns="sexo", values="n", aggfunc="sum", fill_value=0)
    table = totals.to_frame().join(by_sex).reset_index()
    table.insert(0, "año", year)
    table.to_csv(into / f"matricula_completa_{year}.csv", index=False, encoding="utf-8-sig")


def _names(codes: pd.Series, path: Path) -> pd.Series:
    listed = pd.read_csv(path).set_index("codigo")["nombre"]
    return codes.map(listed).fillna("Sin información")


if __name__ == "__main__":
    main()
