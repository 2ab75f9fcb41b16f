"""What the next publication would restate, as an asset that lets it pass or not. Comparing is `publication`'s."""

import logging
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import duckdb
from pydantic import Field

from emtp_assets.assets.published import describer
from emtp_assets.assets.settling import StepResult, demonstration_notice
from emtp_assets.contracts import DATASETS
from emtp_assets.keys import APPROVE, CORRECTIONS, PUBLICATION_GROUP, key_of
from emtp_assets.publication import gate
from emtp_assets.publication.approvals import Approval, Approvals
from emtp_assets.publication.gate import NotApprovedError
from emtp_assets.publication.publish import PublicationError
from emtp_assets.publication.record import read_record
from emtp_assets.publication.restatement import Restatement
from emtp_assets.publication.sets import SetStore
from emtp_assets.publication.told import headline, launchpad, markdown, other_fingerprint
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Lake, Layer

APPROVED = "correccion_aprobada"
_RULE = (
    "Ninguna cifra de un año ya publicado cambia más que el umbral, o una persona aprobó exactamente ese cambio "
    f"(trabajo `{APPROVE}`). Si falla no se publica, y sigue el conjunto anterior."
)
_log = logging.getLogger(__name__)


class ApprovalConfig(dg.Config):
    """What a person fills in to approve; all blank in every run that approves nothing."""

    huella: str = Field(default="", description="La huella de la corrección que espera; la da el control.")
    quien: str = Field(default="", description="Quién la aprueba.")
    motivo: str = Field(default="", description="Por qué se acepta.")

    @property
    def given(self) -> bool:
        return any(value.strip() for value in (self.huella, self.quien, self.motivo))

    @property
    def lacking(self) -> list[str]:
        return [name for name in ("huella", "quien", "motivo") if not getattr(self, name).strip()]


def corrections_asset(settings: Settings) -> dg.AssetsDefinition:
    """``publicacion/correcciones``: the anonymized layer against the set that is published now."""

    @dg.asset(
        key=CORRECTIONS,
        deps=[key_of(Layer.ANONYMIZED, dataset) for dataset in DATASETS],
        check_specs=[dg.AssetCheckSpec(APPROVED, asset=CORRECTIONS, blocking=True, description=_RULE)],
        group_name=PUBLICATION_GROUP,
        kinds={"duckdb"},
        description=demonstration_notice(settings)
        + (
            "Qué cifras de años ya publicados cambiarían con la próxima publicación, por región e indicador. Lo que "
            f"supera el umbral espera a que una persona lo apruebe con el trabajo `{APPROVE}`."
        ),
    )
    def corrections(context: dg.AssetExecutionContext, config: ApprovalConfig) -> Iterator[StepResult]:
        if config.given and config.lacking:
            raise dg.Failure(
                f"Para aprobar una corrección falta: {', '.join(config.lacking)}. Los tres datos van en el Launchpad "
                f"del trabajo {APPROVE} (flecha de «Materialize all» > «Open launchpad»). No se aprobó ni se publicó "
                "nada.",
                allow_retries=False,
            )
        try:
            restated = gate.pending(
                settings, Lake(settings.data_dir), describe=describer(settings), now=datetime.now(UTC)
            )
        except (PublicationError, duckdb.Error, sqlite3.Error) as error:
            # Whether that can be published, and in which words not, the publication says; it compares again itself.
            said = str(error) if isinstance(error, PublicationError) else type(error).__name__
            yield dg.AssetCheckResult(passed=True, check_name=APPROVED, description=f"No se pudo comparar: {said}")
            yield dg.MaterializeResult(metadata={"resumen": f"No se pudo comparar: {said}"})
            return
        current = SetStore(settings.data_dir).current()
        named = gate.names(read_record(current) if current else None, describer(settings))
        refusal, approval = _decided(settings, restated, config, named, context.run_id)
        said = refusal or _said(restated, approval, asked=config.given)
        _log.info("%s: %s", CORRECTIONS.to_user_string(), said.split("\n", 1)[0])
        metadata = _metadata(restated, approval)
        yield dg.AssetCheckResult(
            passed=not refusal, check_name=APPROVED, description=said, metadata={"regla": _RULE, **metadata}
        )
        if refusal:
            # What waits is to be seen where people look for it, although the step says no.
            context.log_event(dg.AssetMaterialization(CORRECTIONS, metadata=metadata))
            raise dg.Failure(refusal, allow_retries=False)
        yield dg.MaterializeResult(metadata=metadata)

    return corrections


def _decided(
    settings: Settings, restated: Restatement, config: ApprovalConfig, named: gate.Named, run_id: str
) -> tuple[str, Approval | None]:
    """Why nothing may be published, in Spanish, or nothing; and the approval, if there had to be one."""
    given = config.huella.strip().lower()
    other = ""
    if restated.waits and given == restated.fingerprint:
        Approvals(settings.data_dir).record(
            Approval(
                fingerprint=given,
                at=datetime.now(UTC),
                who=config.quien.strip(),
                why=config.motivo.strip(),
                run_id=run_id,
                what=headline(restated),
            )
        )
    elif restated.waits and given:
        other = other_fingerprint(restated, given) + "\n"
    try:
        approval = gate.admitted(settings, restated, named)
    except NotApprovedError as error:
        return other + str(error), None
    return "", approval


def _said(restated: Restatement, approval: Approval | None, *, asked: bool) -> str:
    if approval:
        who = f"{approval.who}, {approval.at:%d-%m-%Y %H:%M} UTC: {approval.why}"
        return f"{headline(restated, approval)} {who}"
    if asked:
        return f"{headline(restated)} No había ninguna corrección en espera: no se registró ninguna aprobación."
    return headline(restated)


def _metadata(restated: Restatement, approval: Approval | None) -> dict[str, Any]:
    return {
        "resumen": headline(restated, approval),
        "cambios": dg.MetadataValue.md(markdown(restated, approval)),
        "cifras_que_cambian": sum(change.restates for change in restated.changes),
        "cifras_sobre_el_umbral": sum(len(year.waiting) for year in restated.waiting),
        "huella": restated.fingerprint if restated.waits else "—",
        "conjunto_que_reemplaza": restated.replaced or "ninguno",
        "aprobación": f"{approval.who}, {approval.at.isoformat(timespec='seconds')}: {approval.why}"
        if approval
        else ("espera" if restated.waits else "no necesita"),
    } | ({"para_aprobar": dg.MetadataValue.md(launchpad(restated))} if restated.waits and not approval else {})
