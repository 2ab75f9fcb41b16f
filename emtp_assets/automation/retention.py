"""The job that deletes what the retention limit reached, and its weekly schedule. What is due is intake's to say."""

import sqlite3
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from emtp_assets.automation.weekly import CRON as WEEKLY
from emtp_assets.intake.deleting import Disposed, dispose
from emtp_assets.intake.disposals import Disposal
from emtp_assets.intake.problem import IntakeError
from emtp_assets.intake.retention import setting_in_words
from emtp_assets.partitions import TIMEZONE
from emtp_assets.settings import Settings

RETENTION = "retencion"
SCHEDULE = "lunes_0630_retencion"
_STEP = "borrar_lo_vencido"
# Half an hour after the weekly update begins. Runs go one at a time, so it waits for that one to end: what a Monday's
# run replaces is judged the same day.
CRON = WEEKLY.replace("0 6", "30 6", 1)


def retention_job(settings: Settings) -> dg.JobDefinition:
    """``retencion``: one step, whose metadata says what was deleted, without a name of a person's or a value."""

    @dg.op(
        name=_STEP,
        description="Borra lo que cumplió el plazo, con un registro de cada archivo.",
        config_schema={
            "confirmado": dg.Field(
                bool,
                default_value=False,
                description="Una persona revisó el reloj y el registro: borra aunque una corrida se haya negado.",
            )
        },
    )
    def delete_due(context: dg.OpExecutionContext) -> None:
        try:
            done = dispose(settings, datetime.now(UTC), context.run_id, confirmed=context.op_config["confirmado"])
        except IntakeError as doubt:
            raise dg.Failure(f"{doubt.what} {doubt.action}", allow_retries=False) from None
        except sqlite3.OperationalError as error:
            raise dg.Failure(
                f"No se pudo escribir el registro de entregas ({error}), y nada se borra sin anotarlo. Libere espacio "
                "en el disco de los datos y ejecute de nuevo «retencion»: termina lo que haya quedado a medias.",
                allow_retries=False,
            ) from None
        context.log.info(said(done))
        context.add_output_metadata(
            {
                "plazo": setting_in_words(settings),
                "archivos_borrados": len(done.deleted),
                "bytes_borrados": sum(each.bytes for each in done.deleted),
                "se_entregaron_de_nuevo": len(done.renewed),
                # Dagster has no table without rows.
                "qué_se_borró": dg.MetadataValue.table([dg.TableRecord(row) for row in summary(done.deleted)])
                if done.deleted
                else "nada",
            }
        )
        if done.failed:
            raise dg.Failure(
                f"No se pudieron borrar {len(done.failed)} archivos que cumplieron el plazo. "
                + "; ".join(sorted({f"{each.path.parent}: {why}" for each, why in done.failed}))
                + ". Dé permiso sobre ellos al usuario que ejecuta la plataforma y ejecute de nuevo «retencion».",
                allow_retries=False,
            )

    @dg.job(
        name=RETENTION,
        description=(
            "Borra los archivos que pueden identificar a personas cuando cumplen el plazo de conservación "
            f"({setting_in_words(settings)}). Lo limpio y lo publicado se conservan. Cada archivo borrado queda "
            "anotado en el registro de entregas: cuál, de qué conjunto y años, cuándo, en qué corrida y por qué plazo."
        ),
    )
    def retention() -> None:
        delete_due()

    return retention


def confirmation(confirmed: bool) -> dict[str, Any]:
    """The run configuration by which somebody says that the clock and the ledger are right."""
    return {"ops": {_STEP: {"config": {"confirmado": confirmed}}}}


def retention_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Each Monday, after the weekly update. Without a limit it removes what killed processes left, and nothing else."""
    return dg.ScheduleDefinition(
        name=SCHEDULE,
        job_name=RETENTION,
        cron_schedule=CRON,
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Cada lunes, tras la actualización, borra lo que cumplió el plazo: {setting_in_words(settings)}.",
    )


def summary(disposals: list[Disposal]) -> list[dict[str, str | int]]:
    """What, of which dataset and years: files and bytes, in the order of the first of each."""
    groups: dict[tuple[str, str, str], list[Disposal]] = defaultdict(list)
    for each in disposals:
        years = f"{min(each.years)}" + (f" a {max(each.years)}" if len(each.years) > 1 else "") if each.years else "—"
        groups[each.kind.value, each.dataset or "—", years].append(each)
    return [
        {
            "qué": kind,
            "conjunto": dataset,
            "años": years,
            "archivos": len(group),
            "bytes": sum(each.bytes for each in group),
            "por_qué": "; ".join(sorted({each.reason.partition(",")[0] for each in group})),
        }
        for (kind, dataset, years), group in groups.items()
    ]


def said(done: Disposed) -> str:
    """How a run ended, in one sentence."""
    size = sum(each.bytes for each in done.deleted)
    parts = [f"Borrados: {len(done.deleted)} archivos, {size / 1e6:.1f} MB."]
    if done.renewed:
        parts.append(f"Se conservan {len(done.renewed)} que se entregaron de nuevo.")
    if done.failed:
        parts.append(f"No se pudieron borrar {len(done.failed)}.")
    return " ".join(parts)
