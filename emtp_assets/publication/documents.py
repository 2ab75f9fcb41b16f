"""The texts beside the published tables: dictionary, read-me, metadata. No figure is made here."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from emtp_assets.publication.catalogue import PublishedTable
from emtp_assets.publication.symbols import Symbol
from emtp_assets.storage.provenance import Origin

PROVENANCE_FILE = "procedencia.json"
METADATA_FILE = "cache_metadata.json"
README_FILE = "LEEME.txt"
CORRECTIONS_FILE = "correcciones.md"
DICTIONARY = "diccionario_datos"

SIMULATED_WARNING = "CONTIENE DATOS SIMULADOS: no son cifras oficiales y no deben citarse ni usarse para decidir."


def dictionary_csv(tables: Sequence[PublishedTable]) -> str:
    """One line a column of every table; without BOM, the writer adds it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["tabla", "columna", "tipo", "unidad", "clave", "descripcion", "origen"])
    for table in tables:
        for column in table.columns:
            key = "sí" if column.name in table.key else "no"
            writer.writerow([table.name, column.name, column.type, column.unit, key, column.description, column.origin])
    return out.getvalue()


def dictionary_markdown(tables: Sequence[PublishedTable], provenance: Mapping[str, Any]) -> str:
    """The same for reading, with the privacy mode and the legend of symbols."""
    lines = [
        "# Diccionario de datos",
        "",
        f"Modo de privacidad {provenance['modo_privacidad']}. Aquí sólo hay cifras agregadas y protegidas.",
        "",
        "## Símbolos de las columnas `_nota`",
        "",
        "| Nota | Significado |",
    ]
    lines += ["|---|---|", *(f"| {f'`{s.value}`' if s.value else '(vacía)'} | {s.meaning} |" for s in Symbol)]
    lines += ["", "Una cifra con nota va vacía: nunca es cero."]
    for table in tables:
        lines += [
            "",
            f"## {table.name}",
            "",
            f"**{table.title}.** {table.description}",
            "",
            f"- Archivos: {', '.join(f'`{name}`' for name in table.files)}",
            f"- Una fila por: {table.grain}",
            f"- Clave: {', '.join(f'`{name}`' for name in table.key) or 'sin clave'}",
            "",
            "| Columna | Tipo | Unidad | Descripción | Origen |",
            "|---|---|---|---|---|",
        ]
        lines += [
            "| " + " | ".join(_cell(t) for t in (f"`{c.name}`", c.type, c.unit, c.description, c.origin)) + " |"
            for c in table.columns
        ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def concerned(tables: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """``matricula_completa: SIMULADO 2023, 2024`` for every table that is not official alone."""
    said = []
    for name, table in tables.items():
        by_origin: dict[str, list[str]] = {}
        for year, part in table["años"].items():
            if part["origen"] != Origin.OFFICIAL:
                by_origin.setdefault(part["origen"], []).append(year)
        if by_origin:
            said.append(f"{name}: " + "; ".join(f"{o} {', '.join(ys)}" for o, ys in sorted(by_origin.items())))
    return said


def metadata(provenance: Mapping[str, Any], local_time: str) -> dict[str, Any]:
    """`cache_metadata.json`. ``fecha_actualizacion`` is Santiago's clock without offset: the Visualizador's
    loader subtracts it from a ``datetime.now()`` without offset, which fails on any other."""
    caches = {n: t for n, t in provenance["tablas"].items() if t["copia_de"] and not t["sin_datos"]}
    sources = [
        {"nombre": name.removeprefix("cache_"), "registros": table["filas"], "archivo": table["archivos"][0]}
        for name, table in caches.items()
    ]
    simulated = concerned(provenance["tablas"])
    return {
        "fecha_actualizacion": local_time,
        "registros_totales": sum(source["registros"] for source in sources),
        "fuentes_actualizadas": sources,
        "errores": [absent["mensaje"] for absent in provenance["ausentes"]],
        "zona_horaria": provenance["zona_horaria"],
        "conjunto": provenance["conjunto"],
        "origen": provenance["origen"],
        "simulado": bool(simulated),
        "advertencia": SIMULATED_WARNING if simulated else "",
        "tablas_con_datos_simulados": simulated,
        "avisos": provenance["avisos"],
    }


def readme(provenance: Mapping[str, Any], tables: Sequence[PublishedTable]) -> str:
    """`LEEME.txt`: what this folder is, and first of all whether its figures are real."""
    lines = ["DATOS PUBLICADOS DE LA EDUCACIÓN MEDIA TÉCNICO-PROFESIONAL (EMTP)", ""]
    simulated = concerned(provenance["tablas"])
    if simulated:
        rule = "!" * 78
        lines += [rule, f"  {SIMULATED_WARNING}", "  Tablas y años afectados:"]
        lines += [f"    - {said}" for said in simulated]
        lines += ["  Cada fila lo dice en su columna origen_datos (OrigenDatos en los caché).", rule, ""]
    else:
        lines += ["Todas las cifras provienen de entregas oficiales.", ""]
    for heading, said in (
        ("TABLAS SIN DATOS", [absent["mensaje"] for absent in provenance["ausentes"]]),
        ("AVISOS", provenance["avisos"]),
    ):
        if said:
            lines += [heading, *(f"- {text}" for text in said), ""]
    lines += [
        f"Conjunto: {provenance['conjunto']}",
        f"Generado: {provenance['generado']}",
        f"Versión del código: {provenance['version_codigo']}",
        f"Modo de privacidad: {provenance['modo_privacidad']}",
        f"Mínimo de supresión: {provenance['minimo_supresion']}",
        "",
        "ARCHIVOS",
        *(f"- {', '.join(t.files)}: {t.title}. {provenance['tablas'][t.name]['filas']} filas." for t in tables),
        f"- {DICTIONARY}.csv, {DICTIONARY}.md: qué es cada columna.",
        f"- {PROVENANCE_FILE}: de qué entregas viene cada tabla y año, y el SHA-256 de cada archivo.",
        f"- {CORRECTIONS_FILE}: qué cifras de años ya publicados cambian respecto del conjunto anterior.",
        f"- {METADATA_FILE}: lo que lee el Visualizador para mostrar la fecha de actualización.",
        "",
        "CÓMO LEERLOS",
        "- CSV en UTF-8 con BOM, separador coma, decimales con punto. En Excel en español use Datos > Desde",
        "  texto/CSV y elija la coma; al abrirlos con doble clic quedan en una sola columna.",
        "- Una cifra vacía nunca es cero: su columna _nota dice por qué falta.",
        *(f"    {symbol.value or '(vacía)':<8} {symbol.meaning}" for symbol in Symbol),
        "- Esta carpeta se reemplaza entera en cada publicación. Un programa que lea varios archivos debe",
        "  resolver primero el enlace (processed) y leerlos todos de la misma carpeta.",
        "",
    ]
    return "\n".join(lines)


def as_json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
