"""The check `clasificacion` of every asset that lets something out. What shows where is `lineage.classification`'s."""

import dagster as dg

from emtp_assets.lineage.classification import CLASSES, Door, Showing, showing
from emtp_assets.settings import Settings

CLASSIFIED = "clasificacion"
_RULE = (
    "Ningún identificador directo, y ningún cuasi identificador ni dato sensible que los planes no den por revisado, "
    "llega a una columna que se publica, según el linaje de columnas leído del SQL que corre. Lo revisado, con su "
    "motivo, está en `emtp_assets/privacy/plans/revision.yaml` y en los planes de microdatos."
)
_SHOWN = 20


class UnreviewedColumnError(dg.Failure):
    """Something would leave that nobody said may."""

    def __init__(self, found: list[Showing]) -> None:
        super().__init__(
            "No se publicó; lo anterior sigue en su lugar. Columnas que acercan a una persona llegarían a lo publicado "
            f"sin estar revisadas: {_in_words(found)}. Quítelas del SQL o del plan; o, si quien responde por los datos "
            "lo decide, agréguelas con su motivo a emtp_assets/privacy/plans/revision.yaml.",
            allow_retries=False,
        )


def classification_spec(key: dg.AssetKey) -> dg.AssetCheckSpec:
    """The blocking check, for the asset's ``check_specs``."""
    return dg.AssetCheckSpec(CLASSIFIED, asset=key, blocking=True, description=_RULE)


def classification_result(
    settings: Settings, door: Door, table: str | None = None
) -> tuple[dg.AssetCheckResult, list[Showing]]:
    """The check's result, to be yielded before anything is written, and what stops the publication.

    Args:
        table: only this one of the door's; all of them when None.

    Raises:
        LineageError: some SQL cannot be followed.
    """
    every = [each for each in showing(settings, door) if table in (None, each.table)]
    found = [each for each in every if each.reason is None]
    told = found or every
    records = [
        dg.TableRecord(
            {
                "columna oficial": each.official,
                "clasificación": CLASSES[each.classification],
                "camino": each.in_words,
                "motivo": each.reason or "SIN REVISAR",
            }
        )
        for each in told
    ]
    columns = [dg.TableColumn(name) for name in ("columna oficial", "clasificación", "camino", "motivo")]
    result = dg.AssetCheckResult(
        passed=not found,
        check_name=CLASSIFIED,
        description=_in_words(found) if found else f"{len(every)} llegadas, todas revisadas.",
        metadata={
            "regla": dg.MetadataValue.md(_RULE),
            "sin_revisar": len(found),
            "revisadas": len(every) - len(found),
            "columnas": dg.MetadataValue.table(records, dg.TableSchema(columns)),
        },
    )
    return result, found


def _in_words(found: list[Showing]) -> str:
    more = f"; y {len(found) - _SHOWN} más" if len(found) > _SHOWN else ""
    return "; ".join(each.in_words for each in found[:_SHOWN]) + more
