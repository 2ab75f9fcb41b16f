"""The job that changes the pseudonym key: every year made again from raw, beside, and put in place all or none.

What takes whose place, and the record, are `privacy.rotation`'s.
"""

import fcntl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import dagster as dg
from pydantic import Field, SecretStr

from emtp_assets.automation.jobs import EVERYTHING
from emtp_assets.automation.rebuilding import stretches
from emtp_assets.automation.runs import RunFailedError, execute
from emtp_assets.contracts import DATASETS, contract_for
from emtp_assets.keys import key_of
from emtp_assets.privacy.crosswalk import Crosswalk, CrosswalkError, told_by
from emtp_assets.privacy.keys import PseudonymKeyError, key_id, pseudonym_key
from emtp_assets.privacy.plans import plan_for
from emtp_assets.privacy.rotation import (
    REBUILT,
    Ending,
    Rotation,
    RotationError,
    Rotations,
    Workplace,
    changed_figures,
    keys_of,
    parts_of,
    target_key,
    what_to_do,
)
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import session
from emtp_assets.storage.lake import Lake, Layer
from emtp_assets.storage.restricted import naming_damage
from emtp_assets.storage.swapping import ROOM
from emtp_assets.storage.tables import table_metadata
from emtp_assets.transformation import aggregated_models

ROTATE = "rotar_clave"
_MOTIVE = "cambio de clave"
_DOWNSTREAM = (Layer.AGGREGATED, Layer.ANONYMIZED)
Years = dict[Layer, dict[int, list[str]]]


class RotationConfig(dg.Config):
    """What a person fills in; nothing has to be."""

    quien: str = Field(default="", description="Quién la cambia.")
    motivo: str = Field(default="", description="Por qué.")
    retirar_sin_cruda: bool = Field(
        default=False,
        description="Retirar de la capa limpia los años cuya capa cruda ya se borró (no se pueden rehacer). Sus cifras "
        "agregadas y publicadas se conservan; sus trayectorias, no.",
    )


@dataclass
class Scope:
    """What there is to do. By layer and year the datasets to make again; ``lost``: datasets and years that are cleaned
    and have no raw; ``kept``: tables and years without pseudonyms that cannot be made again, mostly because they look
    at one of those."""

    rebuilt: Years = field(default_factory=dict)
    lost: list[tuple[str, int]] = field(default_factory=list)
    kept: list[tuple[Layer, str, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Rotated:
    """A key that was changed. ``changes``: by anonymized table and year, rows that differ (-1: other columns)."""

    former: Mapping[str, list[str]]
    new: str
    years: int
    changes: Mapping[str, int]
    lost: list[str]
    next_steps: str


def rotation_job(
    settings: Settings,
    build: Callable[[Settings], dg.Definitions],
    say: Callable[[str], None] = lambda _: None,
) -> dg.JobDefinition:
    """``rotar_clave``: one step.

    Args:
        build: the definitions of an instance, which this layer must not import.
        say: told what the run's log is told.
    """

    @dg.op(
        name="rehacer_y_cambiar", description="Rehace todos los años con la clave nueva y los pone, todos o ninguno."
    )
    def rotate_key(context: dg.OpExecutionContext, config: RotationConfig) -> None:
        def told(text: str) -> None:
            context.log.info(text)
            say(text)

        try:
            done = rotate(
                settings,
                build,
                run_id=context.run_id,
                who=config.quien.strip(),
                why=config.motivo.strip(),
                withdraw=config.retirar_sin_cruda,
                say=told,
            )
        except (RotationError, PseudonymKeyError, CrosswalkError, RunFailedError) as error:
            raise dg.Failure(f"No se cambió la clave; todo sigue como estaba. {error}", allow_retries=False) from None
        if done is None:
            context.add_output_metadata({"resultado": "no había nada que cambiar"})
            return
        # What the interface shows of an asset is what stands now.
        for layer in (Layer.CLEANED, *_DOWNSTREAM):
            _log_materializations(context, settings, layer)
        context.add_output_metadata(
            {
                "huella_anterior": ", ".join(sorted(filter(None, done.former))) or "ninguna",
                "huella_nueva": done.new,
                "años_rehechos": done.years,
                "tablas_cuyas_cifras_cambian": ", ".join(done.changes) or "ninguna",
                "retirado_por_no_tener_capa_cruda": ", ".join(done.lost) or "nada",
                "qué_hacer_ahora": dg.MetadataValue.md(done.next_steps),
            }
        )

    @dg.job(
        name=ROTATE,
        description=(
            "Cambia la clave de los seudónimos por la del archivo EMTP_PSEUDONYM_KEY_NEXT_FILE: rehace todos los años "
            "desde la capa cruda, aparte, y los pone en su lugar todos o ninguno. Sin esa variable, rehace con la "
            "clave vigente lo que se hizo con otra o con una forma anterior del seudónimo. Detenga antes las demás "
            "corridas."
        ),
    )
    def rotation() -> None:
        rotate_key()

    return rotation


def rotate(
    settings: Settings,
    build: Callable[[Settings], dg.Definitions],
    *,
    run_id: str,
    who: str,
    why: str,
    withdraw: bool,
    say: Callable[[str], None],
) -> Rotated | None:
    """Make every year again under the next key and put all in place, or nothing; None when all stands under it.

    Killed anywhere, the lake is as it was or all new, and the next try goes on with what this one made.

    Raises:
        RotationError: raw years are gone, pairs of the crosswalk would be lost, or something changed meanwhile.
        RunFailedError: a year could not be made: a blocking check failed.
        PseudonymKeyError, CrosswalkError: a key cannot be read, or the pairs.
        OSError: the disk refused.
    """
    with _alone(settings):
        lake, rotations = Lake(settings.data_dir), Rotations(settings.data_dir)
        rotations.heal(lake, datetime.now(UTC))
        key = target_key(settings)
        former, new = keys_of(lake), key_id(key)
        if set(former) <= {new}:
            say(f"Todo está ya con la clave de huella {new}. {what_to_do(settings, former, new)}")
            return None
        scope = scope_of(lake)
        _refuse_losses(scope, withdraw)
        number = rotations.begin(Rotation(run_id, tuple(sorted(former)), new, who, why, datetime.now(UTC)))
        try:
            done = _made_and_swapped(settings, build, key, scope, former, withdraw=withdraw, say=say)
        except Exception as error:
            rotations.end(number, Ending.FAILED, type(error).__name__, datetime.now(UTC))
            raise
        told = f"{done.years} años de {', '.join(sorted(filter(None, former)))} a {new}."
        if done.lost:
            told += f" Retirados de la capa limpia: {', '.join(done.lost)}."
        rotations.end(number, Ending.DONE, told, datetime.now(UTC))
        say(f"Clave cambiada: {told} {done.next_steps}")
        return done


def scope_of(lake: Lake) -> Scope:
    """What has to be made again of what there is, and what cannot be."""
    standing = {layer: {(t, y) for t, y, _ in parts_of(lake, layer)} for layer in (Layer.RAW, *REBUILT)}
    cleaned = standing[Layer.CLEANED] & standing[Layer.RAW]
    lost = standing[Layer.CLEANED] - cleaned
    again: dict[Layer, set[tuple[str, int]]] = {
        Layer.CLEANED: cleaned,
        Layer.AGGREGATED: set(),
        Layer.ANONYMIZED: set(),
    }
    for dataset in DATASETS:
        models = [model for model in aggregated_models() if model.dataset == dataset]
        for year in {year for of, year in cleaned if of == dataset}:
            looked_at = {(d, year + offset) for m in models for d, offsets in m.reads.items() for offset in offsets}
            if not looked_at & lost and {(model.name, year) for model in models} <= standing[Layer.AGGREGATED]:
                again[Layer.AGGREGATED].add((dataset, year))
    counted = {(m.name, year) for m in aggregated_models() for d, year in again[Layer.AGGREGATED] if d == m.dataset}
    for dataset in DATASETS:
        plan = plan_for(dataset)
        for year in {year for table, year in standing[Layer.ANONYMIZED] if table in plan.outputs}:
            if {(model, year) for model in plan.reads} <= counted:
                again[Layer.ANONYMIZED].add((dataset, year))
    scope = Scope(lost=sorted(lost))
    for layer, years in again.items():
        scope.rebuilt[layer] = {y: [d for d in DATASETS if (d, y) in years] for y in sorted({y for _, y in years})}
    made = {(layer, t, year) for layer, years in again.items() for d, year in years for t in _tables(layer, d)}
    made |= {(Layer.REJECTED, dataset, year) for dataset, year in cleaned}
    kept = {(layer, t, year) for layer in (Layer.REJECTED, *_DOWNSTREAM) for t, year in standing[layer]} - made
    scope.kept = sorted(kept)
    return scope


def _made_and_swapped(
    settings: Settings,
    build: Callable[[Settings], dg.Definitions],
    key: SecretStr,
    scope: Scope,
    former: Mapping[str, list[str]],
    *,
    withdraw: bool,
    say: Callable[[str], None],
) -> Rotated:
    place = Workplace(settings, key)
    inside, again = place.prepare()
    say("Se sigue donde quedó el intento anterior." if again else f"Se rehace en {place.folder}.")
    _learn_pairs(settings, inside, key, scope, withdraw=withdraw, say=say)
    for layer, table, year in scope.kept:
        place.keep(layer, table, year)
    _run(build(inside), inside, scope.rebuilt, say)
    live, made = Lake(settings.data_dir), Lake(inside.data_dir)
    if strange := sorted(set(keys_of(made)) - {key_id(key)}):
        raise RotationError(f"Lo rehecho no quedó con la clave nueva ({', '.join(strange)}). Avise a quien mantiene.")
    changes = {
        f"{table} {year}": differing
        for table, year, path in parts_of(made, Layer.ANONYMIZED)
        if (before := live.part(Layer.ANONYMIZED, table, year)).is_file()
        and (differing := changed_figures(before, path))
    }
    if changes:
        say(
            "Al rehacerlas cambian cifras, por el código o por una entrega que no se había procesado; la publicación "
            f"las tratará como corrección: {', '.join(changes)}."
        )
    place.put_in_place()
    return Rotated(
        former=former,
        new=key_id(key),
        years=sum(len(datasets) for datasets in scope.rebuilt[Layer.CLEANED].values()),
        changes=changes,
        lost=_names(scope.lost),
        next_steps=what_to_do(settings, former, key_id(key)),
    )


def _refuse_losses(scope: Scope, withdraw: bool) -> None:
    if scope.lost and not withdraw:
        raise RotationError(
            f"{len(scope.lost)} años no se pueden rehacer, porque su capa cruda ya se borró (plazo de conservación): "
            f"{', '.join(_names(scope.lost))}. Vuelva a entregar esos archivos oficiales; o acepte retirarlos de la "
            "capa limpia (retirar_sin_cruda, o «emtp rotate-key --retirar-sin-cruda»): sus cifras agregadas y "
            "publicadas se conservan, y esas personas ya no se podrán seguir de un año a otro."
        )


def _learn_pairs(
    settings: Settings, inside: Settings, key: SecretStr, scope: Scope, *, withdraw: bool, say: Callable[[str], None]
) -> None:
    """Every pair that raw tells, before any year is cleaned: else the first datasets would not know the last's."""
    lake, crosswalk = Lake(settings.data_dir), Crosswalk(inside.data_dir, key)
    with session(settings) as connection:
        for dataset in DATASETS:
            for year, path in ((y, lake.part(Layer.RAW, dataset, y)) for y in lake.years(Layer.RAW, dataset)):
                if dataset in scope.rebuilt[Layer.CLEANED].get(year, []):
                    with naming_damage([path], settings):
                        pairs = told_by(connection, key, contract_for(dataset), path)
                    crosswalk.add(pairs)
    learned = crosswalk.pairs().num_rows
    try:
        known = Crosswalk(settings.data_dir, pseudonym_key(settings)).pairs().num_rows
    except (CrosswalkError, PseudonymKeyError) as error:
        say(f"No se sabe cuántas correspondencias IPE–RUN había: {error}")
        return
    if known > learned and not withdraw:
        raise RotationError(
            f"Se perderían {known - learned} de {known} correspondencias de identificador provisorio a definitivo: la "
            "capa cruda que las contaba ya se borró. Vuelva a entregar esos archivos, o acéptelo con retirar_sin_cruda "
            "(«emtp rotate-key --retirar-sin-cruda»)."
        )


def _run(definitions: dg.Definitions, inside: Settings, years: Years, say: Callable[[str], None]) -> None:
    """Layer after layer, since some years look at others; what a former try made is not made again."""
    job = definitions.resolve_job_def(EVERYTHING)
    made = Lake(inside.data_dir)
    with dg.DagsterInstance.ephemeral() as instance:
        for layer, by_year in years.items():
            waiting = {
                year: [
                    key_of(layer, d) for d in sorted(datasets, key=DATASETS.index) if not _is_made(made, layer, d, year)
                ]
                for year, datasets in sorted(by_year.items())
            }
            for span, keys in stretches({year: keys for year, keys in waiting.items() if keys}, together=True):
                say(f"{layer.value}, {span[0]} a {span[1]}: {', '.join(key.path[0] for key in keys)}")
                execute(job, instance, span, _MOTIVE, selection=keys, say=say)


def _is_made(lake: Lake, layer: Layer, dataset: str, year: int) -> bool:
    return all(lake.part(layer, table, year).is_file() for table in _tables(layer, dataset))


def _tables(layer: Layer, dataset: str) -> Iterable[str]:
    if layer is Layer.AGGREGATED:
        return [model.name for model in aggregated_models() if model.dataset == dataset]
    return plan_for(dataset).outputs if layer is Layer.ANONYMIZED else [dataset]


def _log_materializations(context: dg.OpExecutionContext, settings: Settings, layer: Layer) -> None:
    lake = Lake(settings.data_dir)
    for dataset in DATASETS:
        first = next(iter(_tables(layer, dataset)))
        for year in lake.years(layer, first):
            context.log_event(
                dg.AssetMaterialization(
                    key_of(layer, dataset),
                    partition=str(year),
                    description="Rehecho con otra clave de seudónimos.",
                    metadata=table_metadata(lake.part(layer, first, year)),
                )
            )


def _names(years: Iterable[tuple[str, int]]) -> list[str]:
    return [f"{dataset} {year}" for dataset, year in years]


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    room = settings.data_dir / ROOM
    room.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (room / "job.lock").open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RotationError("Otro cambio de clave está en curso. Espere a que termine.") from None
        yield
