"""What a delivery says of itself: how anonymous it is, what that cost, what each column means. It makes no data."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from emtp_assets.microdata.evidence import Diversity, Linkage, Recount
from emtp_assets.microdata.lattice import Demand
from emtp_assets.microdata.plans import MicrodataPlan
from emtp_assets.microdata.table import PERSON, Made

CARD = "ficha.json"


@dataclass(frozen=True)
class Facts:
    """Everything that is known of one delivery: asked for, made, and proven on its files.

    ``levels``: by column of the plan, the name of its form, None where it is not published.
    ``knowing_the_sensitive``: the file counted as if the attacker knew the sensitive columns too; it is told, and
    nothing is demanded of it.
    """

    mode: str
    dataset: str
    year: int
    recipient: str
    release: str
    why: str
    at: datetime
    origin: str
    key_id: str
    demand: Demand
    made: Made
    levels: Mapping[str, str | None]
    recount: Recount
    knowing_the_sensitive: Recount
    diversity: tuple[Diversity, ...]
    linkage: Linkage
    csv: str
    csv_sha256: str
    parquet_sha256: str

    @property
    def anonymous(self) -> bool:
        """Whether the file itself, counted again, is as anonymous as was asked, one row a person."""
        return (
            self.recount.k >= self.demand.k
            and self.recount.average_risk <= self.demand.average_risk
            and self.recount.pseudonyms == self.recount.rows > 0
        )

    @property
    def withstood(self) -> bool:
        """Whether the register names nobody with more than one chance in k, nor more than the demand on average."""
        return (
            self.linkage.strangers == 0
            and self.linkage.worst <= 1 / self.demand.k
            and self.linkage.average <= self.demand.average_risk
        )

    @property
    def in_words(self) -> str:
        """One Spanish line: how anonymous, and what it cost."""
        found = self.made.found
        return (
            f"{self.recount.rows} personas en {self.recount.groups} grupos; el menor, de {self.recount.k}. Con el "
            f"registro completo, nombrar una fila tiene a lo más {self.linkage.worst:.1%} de acierto y "
            f"{self.linkage.average:.2%} en promedio. Costo: {found.left_out} filas fuera "
            f"({found.left_out / found.persons:.1%}) y {found.loss:.1%} del detalle."
        )


def card(plan: MicrodataPlan, facts: Facts) -> dict[str, Any]:
    """``ficha.json``: for programs."""
    found = facts.made.found
    return {
        "modo_privacidad": facts.mode,
        "conjunto": facts.dataset,
        "anio": facts.year,
        "destinatario": facts.recipient,
        "entrega": facts.release,
        "finalidad": facts.why,
        "generada": facts.at.isoformat(timespec="seconds"),
        "origen_datos": facts.origin,
        "key_id": facts.key_id,
        "archivos": {facts.csv: facts.csv_sha256, Path(facts.csv).with_suffix(".parquet").name: facts.parquet_sha256},
        "exigido": {
            "k": facts.demand.k,
            "riesgo_medio_maximo": facts.demand.average_risk,
            "fuera_maximo": facts.demand.left_out,
        },
        "medido": {
            "filas": facts.recount.rows,
            "k": facts.recount.k,
            "grupos": facts.recount.groups,
            "riesgo_maximo_enlace": round(facts.linkage.worst, 6),
            "riesgo_medio_enlace": round(facts.linkage.average, 6),
            "personas_en_el_registro": facts.linkage.register,
            "si_ademas_se_conociera_lo_sensible": {
                "k": facts.knowing_the_sensitive.k,
                "riesgo_medio": round(facts.knowing_the_sensitive.average_risk, 6),
            },
            "l_diversidad": {
                each.column: {"l": each.l, "filas_en_grupos_iguales": round(each.alike, 6)} for each in facts.diversity
            },
        },
        "perdida": {
            "personas": found.persons,
            "filas_fuera": found.left_out,
            "filas_repetidas_de_una_persona": facts.made.repeated,
            "filas_sin_persona": facts.made.nobody,
            "penalizacion_ncp": round(found.loss, 6),
            "discernibilidad": found.discernibility,
            "personas_por_grupo": round(found.mean_class, 1),
            "niveles": {name: level or "no se entrega" for name, level in facts.levels.items()},
            "combinaciones_posibles": found.lattice,
            "combinaciones_contadas": found.evaluated,
        },
        "no_se_entrega": plan.withheld,
    }


def write_documents(folder: Path, plan: MicrodataPlan, facts: Facts) -> None:
    """``ficha.json``, ``diccionario.csv`` and ``LEAME.md`` beside the data."""
    (folder / CARD).write_text(json.dumps(card(plan, facts), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    with (folder / "diccionario.csv").open("w", encoding="utf-8-sig", newline="") as handle:
        rows = csv.writer(handle, delimiter=";", lineterminator="\n")
        rows.writerow(["columna", "descripcion", "forma", "papel"])
        rows.writerows(_dictionary(plan, facts))
    (folder / "LEAME.md").write_text(_readme(plan, facts), encoding="utf-8")


def _dictionary(plan: MicrodataPlan, facts: Facts) -> list[tuple[str, str, str, str]]:
    return [
        (PERSON, f"Seudónimo del {plan.subject}, propio de esta entrega, conjunto y año", "32 hexadecimales", "clave"),
        ("agno", "Año académico", "año", "fija"),
        *(
            (q.name, q.description, level, "cuasi-identificador")
            for q in plan.quasi
            if (level := facts.levels[q.name]) is not None
        ),
        *((s.name, s.description, "tramos o código", "sensible") for s in plan.sensitive),
    ]


def _readme(plan: MicrodataPlan, facts: Facts) -> str:
    columns = "\n".join(
        f"| `{name}` | {described} | {form} | {role} |" for name, described, form, role in _dictionary(plan, facts)
    )
    unpublished = ", ".join(f"`{name}`" for name, level in facts.levels.items() if level is None)
    spread = "\n".join(
        f"- `{each.column}`: al menos {each.l} valores distintos en cada grupo; {each.alike:.1%} de las filas está en "
        "un grupo donde todos tienen el mismo."
        for each in facts.diversity
    )
    return f"""# Microdatos de {facts.dataset}, {facts.year}

**Modo de privacidad {facts.mode}. Microdatos de uso interno: no se publican ni se ceden.**
Origen de los datos: **{facts.origin}**. Entrega `{facts.release}` a `{facts.recipient}`. Finalidad: {facts.why}

Una fila por {plan.subject}. Siguen siendo datos personales (Ley 19.628, modificada por la Ley 21.719): quien los recibe
los usa sólo para esta finalidad, no intenta reconocer a nadie y los borra al terminar.

{facts.in_words}

## Qué se puede hacer y qué no

- Contar y cruzar las columnas entregadas, dentro de este año y este conjunto.
- No se puede seguir a una persona de un año a otro, ni de un conjunto a otro: el seudónimo es distinto en cada uno.
- Faltan {facts.made.found.left_out} personas que quedaban en grupos de menos de {facts.demand.k}: los totales son algo
  menores que los publicados, y más en los grupos poco frecuentes.

## Columnas

| Columna | Qué es | Forma | Papel |
|---|---|---|---|
{columns}

{f"No se entregan, por lo que costaban en anonimato: {unpublished}." if unpublished else ""}

## Diversidad de lo sensible

{spread or "Este conjunto no lleva columnas sensibles."}
"""
