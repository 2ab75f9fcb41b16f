"""The published set as an asset: swapped in whole, or not at all. What it holds is `publication`'s business."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from emtp_assets.assets.classified import UnreviewedColumnError, classification_result, classification_spec
from emtp_assets.assets.settling import StepResult, demonstration_notice, lineage_metadata
from emtp_assets.contracts import DATASETS
from emtp_assets.intake import Archive, Ledger
from emtp_assets.keys import CORRECTIONS, PUBLICATION_GROUP, PUBLISHED, key_of
from emtp_assets.lineage import identifiers_reaching
from emtp_assets.lineage.classification import Door
from emtp_assets.publication.catalogue import published_tables
from emtp_assets.publication.publish import PublicationError, PublishedSet, publish
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Lake, Layer

WHOLE = "conjunto_completo"
ANONYMOUS = "sin_identificadores"


def published_asset(settings: Settings) -> dg.AssetsDefinition:
    """``publicacion/conjunto_publicado``: every table of every year, its dictionary and its provenance."""

    @dg.asset(
        key=PUBLISHED,
        deps=[CORRECTIONS, *(key_of(Layer.ANONYMIZED, dataset) for dataset in DATASETS)],
        check_specs=[
            dg.AssetCheckSpec(
                WHOLE,
                asset=PUBLISHED,
                blocking=True,
                description="El conjunto nuevo está completo y cuadra con la capa anonimizada antes de reemplazar.",
            ),
            dg.AssetCheckSpec(
                ANONYMOUS,
                asset=PUBLISHED,
                blocking=True,
                description=(
                    "Ninguna columna publicada se calcula a partir de un identificador directo o un seudónimo, según "
                    "el linaje de columnas leído del SQL que corre."
                ),
            ),
            classification_spec(PUBLISHED),
        ],
        group_name=PUBLICATION_GROUP,
        kinds={"csv", "parquet"},
        description=demonstration_notice(settings)
        + (
            "Lo que leen el Visualizador y los analistas en `data/processed/`: "
            + ", ".join(f"`{table.name}`" for table in published_tables())
            + ". Se reemplaza completo y de una vez; si algo falla, sigue el conjunto anterior."
        ),
    )
    def published(context: dg.AssetExecutionContext) -> Iterator[StepResult]:
        if reaching := identifiers_reaching(settings):
            yield dg.AssetCheckResult(
                passed=False,
                check_name=ANONYMOUS,
                description="; ".join(reaching),
                metadata={"columnas": len(reaching)},
            )
            raise dg.Failure(f"No se publicó: hay identificadores en {'; '.join(reaching)}", allow_retries=False)
        yield dg.AssetCheckResult(passed=True, check_name=ANONYMOUS, description="Ninguna columna los alcanza.")
        classified, unreviewed = classification_result(settings, Door.WEEKLY)
        yield classified
        if unreviewed:
            raise UnreviewedColumnError(unreviewed)
        try:
            made = publish(
                settings,
                Lake(settings.data_dir),
                now=datetime.now(UTC),
                run_id=context.run_id,
                describe=describer(settings),
            )
        except PublicationError as error:
            yield dg.AssetCheckResult(passed=False, check_name=WHOLE, description=str(error))
            raise dg.Failure(f"No se publicó; sigue el conjunto anterior. {error}", allow_retries=False) from error
        yield dg.AssetCheckResult(
            passed=True,
            check_name=WHOLE,
            description="Completo y cuadrado.",
            metadata={
                "tablas": len(made.rows),
                "filas": sum(made.rows.values()),
                "avisos": "; ".join(made.warnings) or "—",
            },
        )
        yield dg.MaterializeResult(metadata=_metadata(made, settings))

    return published


def _metadata(made: PublishedSet, settings: Settings) -> dict[str, Any]:
    simulated = (
        "**Datos simulados, no son cifras reales:** " + ", ".join(made.simulated)
        if made.simulated
        else "Solo datos oficiales."
    )
    return {
        "origen_datos": made.origin.value,
        "advertencia": dg.MetadataValue.md(simulated),
        "carpeta": dg.MetadataValue.path(settings.data_dir / "processed"),
        "conjunto": made.name,
        "tablas_sin_datos": ", ".join(made.missing) or "ninguna",
        "dagster/row_count": sum(made.rows.values()),
        "filas_por_tabla": dg.MetadataValue.table(
            [dg.TableRecord({"tabla": table, "filas": rows}) for table, rows in made.rows.items()]
        ),
    } | lineage_metadata(settings, PUBLISHED)


def describer(settings: Settings) -> Callable[[str], Mapping[str, object] | None]:
    """What the published provenance says of a delivery, by its hash."""
    ledger, archive = Ledger(settings.data_dir), Archive(settings)

    def describe(sha256: str) -> Mapping[str, object] | None:
        delivery = ledger.find(sha256)
        if delivery is None:
            return None
        return {**asdict(delivery), "archive_path": str(archive.path(sha256))}

    return describe
