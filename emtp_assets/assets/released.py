"""Public releases as assets: a candidate that is audited, and what a person let out. Both are made by `releases`."""

import base64
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from emtp_assets.assets.classified import UnreviewedColumnError, classification_result, classification_spec
from emtp_assets.assets.settling import StepResult, demonstration_notice, lineage_metadata
from emtp_assets.contracts import DATASETS
from emtp_assets.keys import CANDIDATE, PREPARE_RELEASE, PUBLICATION_GROUP, RELEASE, RELEASES, key_of
from emtp_assets.lineage.classification import Door
from emtp_assets.privacy.plans.public import public_plan
from emtp_assets.releases.candidate import Prepared, cut_of, headline, prepare, release, restatement
from emtp_assets.releases.difference import markdown
from emtp_assets.releases.manifest import ReleaseError
from emtp_assets.releases.record import ReleaseRecords
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Lake, Layer

AUDITED = "auditoria"
_RULE = (
    "Un auditor que no comparte código con el método ataca lo que se publicaría, junto con todo lo liberado antes: "
    "ninguna celda suprimida se deduce ni se estrecha más de lo permitido, ni siquiera por quien conoce su propia "
    "celda, y ninguna diferencia entre liberaciones muestra a unos pocos. Si falla, la candidata no se puede aprobar y "
    "lo liberado sigue como estaba."
)
_log = logging.getLogger(__name__)


class CandidateConfig(dg.Config):
    """What a person may choose of a candidate; blank is the usual."""

    corte: str = Field(default="", description="Fecha del corte, como 2026-04-30. En blanco: hoy.")
    rehacer: list[str] = Field(
        default_factory=list,
        description="Años ya liberados que se rehacen con los datos de hoy, como matricula:2024, o 2024 para todos.",
    )


class ReleaseConfig(dg.Config):
    """What a person fills in to release."""

    huella: str = Field(default="", description="La huella de la candidata en espera; está en publicacion/candidata.")
    quien: str = Field(default="", description="Quién aprueba la liberación.")
    motivo: str = Field(default="", description="Por qué.")


def candidate_asset(settings: Settings) -> dg.AssetsDefinition:
    """``publicacion/candidata``: what would be public, built from exact counts and attacked."""

    @dg.asset(
        key=CANDIDATE,
        deps=[key_of(Layer.AGGREGATED, dataset) for dataset in DATASETS],
        check_specs=[
            classification_spec(CANDIDATE),
            dg.AssetCheckSpec(AUDITED, asset=CANDIDATE, blocking=True, description=_RULE),
        ],
        group_name=PUBLICATION_GROUP,
        kinds={"csv", "parquet"},
        description=demonstration_notice(settings)
        + (
            f"Lo que se haría **público**: {len(public_plan().tables)} tablas del plan "
            "`emtp_assets/privacy/plans/publico.yaml`, protegidas con la capa agregada y auditadas contra todo lo "
            f"liberado antes. La hace una persona, con el trabajo `{PREPARE_RELEASE}`; nunca la actualización semanal. "
            f"Espera en `data/releases/.candidata/` hasta que alguien la apruebe con `{RELEASE}`."
        ),
    )
    def candidate(context: dg.AssetExecutionContext, config: CandidateConfig) -> Iterator[StepResult]:
        now = datetime.now(UTC)
        classified, unreviewed = classification_result(settings, Door.PUBLIC)
        yield classified
        if unreviewed:
            yield dg.AssetCheckResult(passed=False, check_name=AUDITED, description="No se auditó: no hay candidata.")
            raise UnreviewedColumnError(unreviewed)
        try:
            made = prepare(
                settings,
                Lake(settings.data_dir),
                cut=cut_of(config.corte, now),
                restate=restatement(config.rehacer),
                now=now,
            )
        except ReleaseError as error:
            yield dg.AssetCheckResult(passed=False, check_name=AUDITED, description=f"No se auditó. {error}")
            raise dg.Failure(str(error), allow_retries=False) from error
        said = made.report.summary()
        _log.info("%s: %s", CANDIDATE.to_user_string(), said)
        metadata = _metadata(made)
        yield dg.AssetCheckResult(
            passed=made.waiting, check_name=AUDITED, description=said, metadata={"regla": _RULE, **_figures(made)}
        )
        if not made.waiting:
            context.log_event(dg.AssetMaterialization(CANDIDATE, metadata=metadata))
            raise dg.Failure(
                f"La auditoría rechazó la candidata: {said} No se puede aprobar, y lo liberado sigue como estaba. El "
                f"informe está en {made.release.folder / 'auditoria.md'}.",
                allow_retries=False,
            )
        yield dg.MaterializeResult(metadata=metadata | lineage_metadata(settings, CANDIDATE))

    return candidate


def releases_asset(settings: Settings) -> dg.AssetsDefinition:
    """``publicacion/liberaciones``: every release there is; a run adds the candidate, by the word of a person."""

    @dg.asset(
        key=RELEASES,
        deps=[CANDIDATE],
        group_name=PUBLICATION_GROUP,
        kinds={"csv", "parquet"},
        description=demonstration_notice(settings)
        + (
            "Lo que es **público** en `data/releases/`: cortes fijos con nombre, que no cambian nunca. Cada una la "
            f"aprueba una persona con el trabajo `{RELEASE}`, y queda registrado quién y por qué. `emtp doctor` "
            "comprueba que cada byte sigue siendo el que se aprobó."
        ),
    )
    def releases(context: dg.AssetExecutionContext, config: ReleaseConfig) -> Iterator[StepResult]:
        try:
            placed, record = release(
                settings,
                fingerprint=config.huella,
                who=config.quien,
                why=config.motivo,
                run_id=context.run_id,
                now=datetime.now(UTC),
            )
        except ReleaseError as error:
            raise dg.Failure(
                f"{error} Los tres datos van en el Launchpad del trabajo {RELEASE} (flecha de «Materialize all» > "
                "«Open launchpad»).",
                allow_retries=False,
            ) from error
        _log.info("%s: %s", RELEASES.to_user_string(), record.what)
        yield dg.MaterializeResult(
            metadata={
                "resumen": record.what,
                "liberación": record.release_id,
                "huella": record.fingerprint,
                "aprobación": f"{record.who}, {record.approved_at.isoformat(timespec='seconds')}: {record.why}",
                "carpeta": dg.MetadataValue.path(placed.folder),
                "archivos": dg.MetadataValue.table(
                    [dg.TableRecord({"archivo": file, "sha256": sha}) for file, sha in record.files.items()]
                ),
                "todas": dg.MetadataValue.table(
                    [
                        dg.TableRecord(
                            {
                                "liberación": r.release_id,
                                "aprobada": r.approved_at.isoformat(timespec="seconds"),
                                "quien": r.who,
                                "motivo": r.why,
                            }
                        )
                        for r in ReleaseRecords(settings.data_dir).all()
                    ]
                ),
            }
        )

    return releases


def _metadata(made: Prepared) -> dict[str, Any]:
    shown = made.release
    launchpad = (
        f"Trabajo `{RELEASE}` > «Open launchpad»:\n\n```yaml\nops:\n  {RELEASES.to_python_identifier()}:\n    config:\n"
        f'      huella: "{shown.fingerprint}"\n      quien: ""\n      motivo: ""\n```'
        if made.waiting
        else "La auditoría la rechazó: no se puede aprobar."
    )
    return {
        "resumen": headline(shown),
        "liberación": shown.release_id,
        "origen_datos": shown.manifest["origen"],
        "huella": shown.fingerprint if made.waiting else "—",
        "para_aprobar": dg.MetadataValue.md(launchpad),
        "cambios": dg.MetadataValue.md(markdown(list(made.changes), made.former)),
        "avisos": "; ".join(shown.manifest["avisos"]) or "—",
        "carpeta": dg.MetadataValue.path(shown.folder),
        "dagster/row_count": sum(sum(t["filas"].values()) for t in shown.manifest["tablas"]),
        **_figures(made),
    }


def _figures(made: Prepared) -> dict[str, Any]:
    """What the audit found, as a person looks at it."""
    text = (made.release.folder / "auditoria.md").read_text(encoding="utf-8")
    return {
        "veredicto": "verde" if made.report.passed else "roja",
        "errores_auditoria": len(made.report.errors),
        "avisos_auditoria": len(made.report.warnings),
        "informe": dg.MetadataValue.md(text),
        "gráfico": dg.MetadataValue.md(_inline(made.release.folder / "auditoria.svg")),
    }


def _inline(svg: Path) -> str:
    """A plot as Markdown that needs no server."""
    if not svg.is_file():
        return "—"
    return f"![Anchos de los intervalos](data:image/svg+xml;base64,{base64.b64encode(svg.read_bytes()).decode()})"
