"""What an audit came to, for people and for programs: the report as objects, JSON and Markdown.

Everything in it follows from what is published, so that it can be published beside it. It names no duration and no
time: the same release gives the same bytes.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emtp_assets.audit.finding import Finding, Severity
from emtp_assets.audit.opening import Opening

JSON, MARKDOWN, PLOT = "auditoria.json", "auditoria.md", "auditoria.svg"
MOST_TOLD = 20
MOST_STORED = 200
WORST = 10


@dataclass(frozen=True)
class UniverseResult:
    """One population and year; ``opening`` is None when its tables contradict each other.

    ``told_alone``: whether insiders were those that are so in truth. How many they are is then not published.
    """

    universe: str
    year: int
    opening: Opening | None
    told_alone: bool = False


@dataclass(frozen=True)
class TableCost:
    """One table and year. ``people_hidden`` are in finest rows that are hidden; None when the total is hidden."""

    table: str
    year: int
    cells: int
    hidden: int
    people: int | None
    people_hidden: int | None


@dataclass(frozen=True)
class AuditReport:
    """The verdict on one release, and what it rests on."""

    release_id: str
    minimum: int
    former: tuple[str, ...]
    findings: tuple[Finding, ...]
    universes: tuple[UniverseResult, ...]
    tables: tuple[TableCost, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.severity is Severity.WARNING)

    @property
    def passed(self) -> bool:
        return not self.errors

    def count(self, kind: str) -> int:
        """How many findings are of a kind."""
        return sum(f.kind == kind for f in self.findings)

    def summary(self) -> str:
        """One Spanish line."""
        openings = [u.opening for u in self.universes if u.opening]
        figures = (
            f"{sum(o.cells for o in openings)} cifras, {sum(o.hidden for o in openings)} suprimidas, "
            f"{sum(o.exact for o in openings)} recuperadas, {sum(o.narrow for o in openings)} acotadas de más, "
            f"{sum(o.opened for o in openings)} abiertas por quien conoce la suya"
        )
        verdict = "aprobada" if self.passed else f"RECHAZADA ({len(self.errors)} errores)"
        return f"Publicación {self.release_id}: {verdict}. {figures}. {len(self.warnings)} avisos."

    def bins(self) -> list[tuple[str, int]]:
        """Hidden cells by how far apart their possible values are, as far as it was looked for."""
        least = self.minimum - 1
        edges = sorted({0, 1, least, 2 * self.minimum, 5 * self.minimum, 20 * self.minimum})
        widths = np.concatenate([np.zeros(0), *(u.opening.width for u in self.universes if u.opening)])
        names = [f"{low} a {high - 1}" if high - low > 1 else str(low) for low, high in itertools.pairwise(edges)]
        counts, _ = np.histogram(widths, bins=[*edges, np.inf])
        return list(zip([*names, f"{edges[-1]} o más"], (int(c) for c in counts), strict=True))

    def worst(self) -> list[dict[str, object]]:
        """The hidden cells about which most is known, each with the values that are possible."""
        found = [
            {
                "universo": u.universe,
                "año": u.year,
                "celda": u.opening.cell[i],
                "desde": int(u.opening.low[i]),
                "hasta": int(u.opening.high[i]),
            }
            for u in self.universes
            if u.opening
            for i in np.argsort(u.opening.width, kind="stable")[:WORST]
        ]
        return sorted(found, key=lambda cell: int(str(cell["hasta"])) - int(str(cell["desde"])))[:WORST]

    def stored(self) -> dict[str, object]:
        """The report as JSON holds it."""
        by_kind = Counter(f.kind.value for f in self.findings)
        told: Counter[str] = Counter()
        findings = []
        for f in self.findings:
            told[f.kind.value] += 1
            if told[f.kind.value] <= MOST_STORED:
                findings.append(
                    {
                        "tipo": f.kind.value,
                        "gravedad": f.severity.value,
                        "tabla": f.table,
                        "año": f.year,
                        "celda": f.cell,
                        "detalle": f.detail,
                    }
                )
        return {
            "release_id": self.release_id,
            "minimo": self.minimum,
            "aprobada": self.passed,
            "errores": len(self.errors),
            "avisos": len(self.warnings),
            "publicaciones_anteriores": list(self.former),
            "por_universo_y_anio": [_stored_universe(u) for u in self.universes],
            "por_tabla_y_anio": [_stored_table(t) for t in self.tables],
            "anchura_de_intervalos": dict(self.bins()),
            "menos_protegidas": self.worst(),
            "hallazgos_por_tipo": dict(sorted(by_kind.items())),
            "hallazgos": findings,
        }


def write_report(report: AuditReport, folder: Path) -> None:
    """Write the three files of the report: the same report gives the same bytes."""
    from emtp_assets.audit.plot import drawn

    text = json.dumps(report.stored(), ensure_ascii=False, indent=2)
    (folder / JSON).write_text(text + "\n", encoding="utf-8", newline="\n")
    (folder / MARKDOWN).write_text(markdown(report), encoding="utf-8", newline="\n")
    (folder / PLOT).write_text(drawn(report), encoding="utf-8", newline="\n")


def _stored_universe(result: UniverseResult) -> dict[str, object]:
    o = result.opening
    if o is None:
        return {"universo": result.universe, "anio": result.year, "auditado": False}
    return {
        "universo": result.universe,
        "anio": result.year,
        "auditado": True,
        "cifras": o.cells,
        "suprimidas": o.hidden,
        "recuperadas_exactamente": o.exact,
        "acotadas_de_mas": o.narrow,
        "celdas_que_pueden_ser_una_persona": None if result.told_alone else o.insiders,
        "personas_que_abren_otra_celda": o.openers,
        "celdas_que_abren": o.opened,
        "anchura_minima": int(o.width.min()) if o.hidden else None,
    }


def _stored_table(t: TableCost) -> dict[str, object]:
    return {
        "tabla": t.table,
        "anio": t.year,
        "cifras": t.cells,
        "suprimidas": t.hidden,
        "personas": t.people,
        "personas_en_filas_suprimidas": t.people_hidden,
    }


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return [*lines, *("| " + " | ".join("—" if v is None else str(v) for v in row) + " |" for row in rows), ""]


def _share(part: int | None, whole: int | None) -> str | None:
    return None if part is None or not whole else f"{100 * part / whole:.2f} %".replace(".", ",")


def markdown(report: AuditReport) -> str:
    """The report in Spanish, for whoever approves the release and whoever reads it."""
    lines = [
        f"# Auditoría de la publicación {report.release_id}",
        "",
        report.summary(),
        "",
        "Un atacante que solo tiene los archivos publicados (y los de todas las publicaciones anteriores: "
        f"{', '.join(report.former) or 'ninguna'}) intentó deducir cada cifra suprimida. Sabe que una fila ausente es "
        f"cero, que una suprimida es al menos uno y que toda cifra mostrada es verdadera. Una celda está protegida si "
        f"sus valores posibles distan {report.minimum - 1} o más entre sí y alcanzan {report.minimum}. También se "
        "intentó como una persona que está sola en su celda y lo sabe: no debe deducir ninguna otra.",
        "",
        "![Anchura de los intervalos y costo de la supresión](auditoria.svg)",
        "",
        "## Ataques por población y año",
        "",
    ]
    lines += _table(
        ["Población", "Año", "Cifras", "Suprimidas", "Recuperadas", "Acotadas de más", "Pueden ser una persona",
         "Personas que abren otra", "Celdas que abren"],
        [
            [
                *(u.universe, u.year, o.cells, o.hidden, o.exact, o.narrow),
                *(None if u.told_alone else o.insiders, o.openers, o.opened),
            ]
            if (o := u.opening)
            else [u.universe, u.year, *["sus tablas se contradicen"], *[None] * 6]
            for u in report.universes
        ],
    )  # fmt: skip
    lines += ["## Lo que costó", ""]
    lines += _table(
        ["Tabla", "Año", "Cifras", "Suprimidas", "", "Personas", "En filas suprimidas", ""],
        [
            [
                *(t.table, t.year, t.cells, t.hidden, _share(t.hidden, t.cells)),
                *(t.people, t.people_hidden, _share(t.people_hidden, t.people)),
            ]
            for t in report.tables
        ],
    )
    lines += [
        "## Cuánto se puede saber de una cifra suprimida",
        "",
        "Distancia entre los valores posibles que se encontraron; la verdadera es esa o mayor.",
        "",
    ]
    lines += _table(["Distancia", "Celdas"], report.bins())
    lines += ["Las menos protegidas:", ""]
    lines += _table(["Población", "Año", "Celda", "Desde", "Hasta"], [list(cell.values()) for cell in report.worst()])
    lines += ["## Hallazgos", ""]
    if not report.findings:
        lines += ["Ninguno.", ""]
    for kind in dict.fromkeys(f.kind for f in report.findings):
        found = [f for f in report.findings if f.kind is kind]
        lines += [f"### {kind.value.replace('_', ' ').capitalize()} ({found[0].severity.value}): {len(found)}", ""]
        lines += [f"- {f}" for f in found[:MOST_TOLD]]
        lines += [f"- … y {len(found) - MOST_TOLD} más"] if len(found) > MOST_TOLD else []
        lines.append("")
    return "\n".join(lines)
