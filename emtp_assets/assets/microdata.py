"""Microdata as assets of privacy modes B and C: asked for by a person, never by a schedule, never published."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from pydantic import Field

from emtp_assets.assets.classified import UnreviewedColumnError, classification_result, classification_spec
from emtp_assets.assets.settling import StepResult, YearResult, demonstration_notice, settle, years_of
from emtp_assets.contracts import Contract, Severity
from emtp_assets.keys import DELIVER_MICRODATA, MICRODATA_GROUP, key_of, microdata_key
from emtp_assets.lineage.classification import Door
from emtp_assets.microdata.delivery import MicrodataError, Request, stage
from emtp_assets.microdata.documents import Facts
from emtp_assets.microdata.plans import MicrodataPlan, microdata_plan
from emtp_assets.privacy.access_log import Access, record_access
from emtp_assets.quality.outcome import Outcome
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Lake, Layer

ANONYMOUS = "k_anonimo"
WITHSTOOD = "riesgo_de_enlace"
DIVERSE = "diversidad_sensible"
_log = logging.getLogger(__name__)


class MicrodataRequest(dg.Config):
    """What a person fills in to deliver microdata; blank, nothing is delivered."""

    destinatario: str = Field(default="", description="Quién las recibe: minúsculas, dígitos y guiones.")
    entrega: str = Field(default="", description="Nombre de esta entrega, por ejemplo 2026-05.")
    quien: str = Field(default="", description="Quién autoriza.")
    finalidad: str = Field(default="", description="Para qué investigación.")
    rehacer: bool = Field(default=False, description="Entregar de nuevo un año cuyos datos cambiaron desde entonces.")

    @property
    def request(self) -> Request:
        return Request(self.destinatario, self.entrega, self.quien, self.finalidad, self.rehacer)


def microdata_asset(contract: Contract, settings: Settings, years: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """``<dataset>/microdatos``: one k-anonymous table a year, to one recipient, proven before it is put in place."""
    key = microdata_key(contract.dataset)
    plan = microdata_plan(contract.dataset)
    rules = _rules(settings)

    @dg.asset(
        key=key,
        deps=[key_of(Layer.CLEANED, contract.dataset)],
        partitions_def=years,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[
            classification_spec(key),
            *(
                dg.AssetCheckSpec(rule, asset=key, blocking=rule != DIVERSE, description=said)
                for rule, said in rules.items()
            ),
        ],
        group_name=MICRODATA_GROUP,
        kinds={"python", "duckdb", "parquet"},
        tags={"emtp/dataset": contract.dataset, "emtp/capa": MICRODATA_GROUP},
        description=demonstration_notice(settings)
        + (
            f"**{contract.title}**, microdatos de uso interno: una fila por {plan.subject}, con seudónimo propio de "
            f"cada entrega y año, generalizada hasta que cada uno se confunda con otros {settings.microdata_k - 1} o "
            f"más. Se pide con el trabajo `{DELIVER_MICRODATA}` o con `emtp microdata deliver`. Nunca se publica.\n\n"
            "Columnas, en su forma más fina: " + ", ".join(f"`{q.name}`" for q in plan.quasi)
        ),
    )
    def microdata(context: dg.AssetExecutionContext, config: MicrodataRequest) -> Iterator[StepResult]:
        lake = Lake(settings.data_dir)
        classified, unreviewed = classification_result(settings, Door.MICRODATA, contract.dataset)
        yield classified
        if unreviewed:
            raise UnreviewedColumnError(unreviewed)
        with lake.staging() as staging:
            try:
                results = [
                    _year_result(settings, lake, plan, year, config.request, staging, context.run_id)
                    for year in years_of(context)
                ]
            except MicrodataError as error:
                raise dg.Failure(str(error), allow_retries=False) from error
            yield from settle(context, results)

    return microdata


def _year_result(
    settings: Settings, lake: Lake, plan: MicrodataPlan, year: int, request: Request, staging: Path, run_id: str
) -> YearResult:
    cleaned = lake.part(Layer.CLEANED, plan.dataset, year)
    if not cleaned.is_file():
        raise MicrodataError(f"Falta la capa limpia de {plan.dataset} {year}. Actualice ese año primero.")
    now = datetime.now(UTC)
    staged = stage(settings, plan, cleaned, year, request, staging, now=now, run_id=run_id)
    facts = staged.facts

    def commit() -> None:
        record_access(
            settings,
            Access(
                what=f"entrega de microdatos {plan.dataset} {year} a {request.recipient} ({request.release})",
                who=request.who,
                purpose=request.why,
                run_id=run_id,
            ),
            now=now,
        )
        _log.info("%s %s: %s", plan.dataset, year, staged.commit())

    return YearResult(year, commit, _metadata(facts), _outcomes(settings, facts))


def _metadata(facts: Facts) -> dict[str, object]:
    found = facts.made.found
    return {
        "dagster/row_count": facts.recount.rows,
        "dagster/partition_row_count": facts.recount.rows,
        "resumen": facts.in_words,
        "destinatario": facts.recipient,
        "entrega": facts.release,
        "key_id": facts.key_id,
        "origen_datos": facts.origin,
        "k": facts.recount.k,
        "pérdida": found.loss,
        "filas_fuera": found.left_out,
        "niveles": dg.MetadataValue.table(
            [dg.TableRecord({"columna": n, "forma": level or "no se entrega"}) for n, level in facts.levels.items()]
        ),
        "sha256": facts.csv_sha256,
    }


def _outcomes(settings: Settings, facts: Facts) -> list[Outcome]:
    rules = _rules(settings)
    alike = [each for each in facts.diversity if each.l < 2]
    told = "; ".join(f"{d.column}: l = {d.l}, {d.alike:.1%} de filas en grupos iguales" for d in facts.diversity)
    seen: dict[str, tuple[bool, Severity, str]] = {
        ANONYMOUS: (facts.anonymous, Severity.ERROR, facts.in_words),
        WITHSTOOD: (
            facts.withstood,
            Severity.ERROR,
            f"registro de {facts.linkage.register} personas: a lo más {facts.linkage.worst:.1%}, en promedio "
            f"{facts.linkage.average:.2%}; {facts.linkage.strangers} filas que no calzan con nadie",
        ),
        DIVERSE: (not alike, Severity.WARNING, told or "sin columnas sensibles"),
    }
    return [
        Outcome(
            rule=rule,
            year=facts.year,
            passed=passed,
            severity=severity,
            observed=observed,
            unexpected_count=len(alike) if rule == DIVERSE else int(not passed),
            total=len(facts.diversity) if rule == DIVERSE else facts.recount.rows,
            examples=None,
            description=rules[rule],
        )
        for rule, (passed, severity, observed) in seen.items()
    ]


def _rules(settings: Settings) -> dict[str, str]:
    return {
        ANONYMOUS: (
            f"El archivo, contado de nuevo, tiene una fila por persona, {settings.microdata_k} o más en cada "
            f"combinación, y en promedio no más de {settings.microdata_average_risk:.0%} de riesgo por fila."
        ),
        WITHSTOOD: (
            "Quien tuviera el registro completo con nombres y con todos los datos verdaderos no nombra ninguna fila "
            f"con más de {1 / settings.microdata_k:.0%} de acierto, ni más de {settings.microdata_average_risk:.0%} en "
            "promedio."
        ),
        DIVERSE: (
            "En cada combinación hay al menos dos valores de cada columna sensible: si todos tienen el mismo, se sabe "
            "el de cualquiera del grupo. Avisa; no impide la entrega."
        ),
    }
