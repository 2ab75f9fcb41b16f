"""The papers beside a release's tables: dictionary and read-me, in Spanish. No figure is made here."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from emtp_assets.privacy.plans.public import Population, PublicTable
from emtp_assets.releases.layout import Column
from emtp_assets.storage.provenance import Origin

DICTIONARY = "diccionario.csv"
README = "LEAME.md"

SIMULATED_WARNING = "CONTIENE DATOS SIMULADOS: no son cifras oficiales y no deben citarse ni usarse para decidir."

Described = Sequence[tuple[Population, PublicTable, Sequence[Column]]]

_SYMBOLS = {
    "(vacía)": "La cifra está publicada.",
    "`s`": "Suprimida por secreto estadístico: mostrarla podría revelar a una persona, o dejaría deducir otra cifra.",
    "`c>95`": "Codificada: el porcentaje supera 95.",
    "`c<5`": "Codificada: el porcentaje es menor que 5.",
    "`na`": "No aplica: los promedios se publican en un solo nivel.",
}


def dictionary(tables: Described) -> str:
    """One line a column of every table; without BOM, the writer adds it."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\n")
    writer.writerow(["tabla", "columna", "tipo", "unidad", "clave", "descripcion"])
    for _, table, columns in tables:
        for column in columns:
            key = "sí" if column.name in ("año", *table.columns) else "no"
            writer.writerow([table.name, column.name, column.type, column.unit, key, column.description])
    return out.getvalue()


def readme(manifest: Mapping[str, Any], tables: Described) -> str:
    """What the folder is, how to read it, what was done to its figures."""
    minimum = manifest["minimo"]
    entries = {entry["tabla"]: entry for entry in manifest["tablas"]}
    lines = [
        f"# Educación media técnico-profesional: liberación {manifest['release_id']}",
        "",
        *([f"**{SIMULATED_WARNING}**", ""] if manifest["origen"] != Origin.OFFICIAL else []),
        f"Cifras al corte {manifest['corte']}. Esta carpeta no cambia nunca: lo que se corrija sale en otra, "
        "con otro nombre. Cítela por su nombre completo.",
        "",
        "## Tablas",
        "",
        "| Archivo (`.csv` y `.parquet`) | Qué contiene | Años |",
        "|---|---|---|",
        *(f"| `{t.name}` | {t.title}. {p.description} | {_years(entries[t.name]['anios'])} |" for p, t, _ in tables),
        "",
        "## Cómo leerlas",
        "",
        "- CSV en UTF-8 con BOM, separador `;`, coma decimal. Qué es cada columna: `diccionario.csv`.",
        "- Cada tabla contiene sus totales: en una fila que suma todos los valores de una dimensión, su código va "
        "vacío y su nombre dice `Total`. Para no contar doble, filtre por nivel.",
        "- Un grupo sin personas no tiene fila. Una cifra vacía nunca es cero: su columna `_nota` dice por qué falta.",
        "",
        "| Nota | Significado |",
        "|---|---|",
        *(f"| {symbol} | {meaning} |" for symbol, meaning in _SYMBOLS.items()),
        "",
        "## Cómo se protegen las personas",
        "",
        f"- Ningún conteo de 1 a {minimum - 1} se publica, ni otro que permita deducirlo restando.",
        "- Los porcentajes se publican solo si quienes tienen el atributo y quienes no lo tienen son cero o al menos "
        f"{minimum}; los promedios, con al menos {minimum} personas y en un solo nivel.",
        f"- Los montos se suprimen si un contribuyente podría estimar el aporte de otro a menos de "
        f"{manifest['p_por_ciento']} %.",
        "- Un año ya liberado se repite sin cambios. Uno rehecho no muestra diferencias de menos de "
        f"{minimum} personas, y lo suprimido antes sigue suprimido.",
        "- Antes de publicarse, las tablas fueron atacadas por un auditor independiente: `auditoria.md`.",
        "",
    ]
    if manifest["rehechos"]:
        said = "; ".join(f"{dataset}: {_years(years)}" for dataset, years in manifest["rehechos"].items())
        lines += [f"Años rehechos en esta liberación: {said}.", ""]
    if manifest["avisos"]:
        lines += ["## Avisos", "", *(f"- {said}" for said in manifest["avisos"]), ""]
    return "\n".join(lines)


def _years(years: Sequence[int]) -> str:
    return ", ".join(str(year) for year in years)
