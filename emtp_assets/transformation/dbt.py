"""Runs dbt inside this process. It knows models, years and files; it knows neither assets nor checks.

A dbt command of its own costs 2.5 CPU-seconds of imports and parsing; inside the process that already has
them, a model costs a tenth of one. A weekly run has twelve such steps.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emtp_assets.contracts import Contract
from emtp_assets.contracts.codes import SEEDS
from emtp_assets.contracts.discretion import without_values
from emtp_assets.privacy.keys import pseudonym_key
from emtp_assets.privacy.pseudonyms import using_key
from emtp_assets.settings import Settings
from emtp_assets.storage import restricted
from emtp_assets.storage.duck import parquet, session_config
from emtp_assets.storage.lake import PART, Layer
from emtp_assets.storage.temporary import unnamed
from emtp_assets.transformation.facts import for_macros

if TYPE_CHECKING:
    import pyarrow as pa
    from dbt.contracts.graph.manifest import Manifest

_manifests: dict[str, bytes] = {}
_SCRATCH, _AT_ONCE = "filas", 5


class TransformationError(RuntimeError):
    """A dbt model failed; the message is DuckDB's or dbt's own, without what it quotes of the data."""


@dataclass(frozen=True)
class Input:
    """A relation's Parquet files, and which years a model sees of them while it makes one: from ``first`` to
    ``last``, relative to that year (0 the same, -1 the one before)."""

    files: Sequence[Path]
    first: int = 0
    last: int = 0


def run_models(
    settings: Settings,
    models: Sequence[str],
    *,
    years: Sequence[int],
    inputs: Mapping[str, Input],
    output: Path,
    footers: Mapping[str, Mapping[int, Mapping[str, str]]],
    contracts: Iterable[Contract] = (),
    crosswalk: pa.Table | None = None,
) -> None:
    """Run models for some academic years into ``output/<model>/academic_year=<year>/part.parquet``.

    Args:
        inputs: what is behind each relation the models read, such as ``raw_matricula``.
        output: an existing staging folder; nothing of the lake is touched.
        footers: key-value metadata of each model's file of each year.
        contracts: those of the datasets whose cleaned models run.
        crosswalk: which provisional pseudonyms became others (`privacy.crosswalk`), if any did.

    What the rejected tables quote of persons reaches the disk encrypted only.

    Raises:
        TransformationError: a model failed, with the database's message.
        SealError: an input was encrypted with another key, or is damaged; it is named.
    """
    contracts = list(contracts)
    for model in models:
        for year in years:
            (output / model / f"academic_year={year}").mkdir(parents=True, exist_ok=True)
    variables = {
        "years": list(years),
        "inputs": {
            name: {"relation": parquet(list(given.files)), "first": given.first, "last": given.last}
            for name, given in inputs.items()
        },
        "contracts": {contract.dataset: for_macros(contract) for contract in contracts},
        "output": str(output),
        "scratch": str(output / _SCRATCH),
        "at_once": _AT_ONCE,
        "footers": {
            model: {str(year): dict(footer) for year, footer in by_year.items()} for model, by_year in footers.items()
        },
        "seeds_dir": str(SEEDS),
        "crosswalk": crosswalk is not None,
    }
    read = [path for given in inputs.values() for path in given.files]
    widest = max((-(-len(contract.columns) // _AT_ONCE) for contract in contracts), default=0)
    quoting = [
        output / model / f"academic_year={year}" / PART
        for model in models
        for year in years
        if model.startswith(f"{Layer.REJECTED}_")
    ]
    with using_key(pseudonym_key(settings), crosswalk), restricted.using(settings), _written_under_no_name(quoting):
        with _scratch(output / _SCRATCH, models, years, files=widest):
            try:
                command = ["run", "--select", *models, "--vars", json.dumps(variables)]
                _invoke(settings, command, session_config(settings)["temp_directory"])
            except TransformationError as error:
                raise restricted.told(error, read, settings) or error from None
        for path in quoting:
            encrypted = path.with_name("cifrado")
            restricted.encrypted_copy(path, encrypted, settings)
            encrypted.replace(path)


@contextmanager
def _written_under_no_name(paths: Iterable[Path]) -> Iterator[None]:
    """What DuckDB writes at these paths has no other name while the body runs, which must put something in their place:
    DuckDB cannot encrypt."""
    with ExitStack() as files:
        for path in paths:
            path.unlink(missing_ok=True)
            path.symlink_to(files.enter_context(unnamed(path.parent)))
        yield


@contextmanager
def _scratch(folder: Path, models: Iterable[str], years: Iterable[int], *, files: int) -> Iterator[None]:
    """Where a model writes rows as sent for a moment (`forms.sql`), each file read while the next one is written: two
    without a name take turns, through links of new names, since DuckDB remembers of a name what it read there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with unnamed(folder) as one, unnamed(folder) as other:
        for model, year, number in product(models, years, range(1, files + 1)):
            (folder / f"{model}_{year}_{number}.parquet").symlink_to(one if number % 2 else other)
        yield
    shutil.rmtree(folder)


def compiled_sql(settings: Settings, contracts: Iterable[Contract]) -> dict[str, str]:
    """The SQL of every model as it would run, by name; for lineage, which must not be declared by hand."""
    variables = {
        "contracts": {contract.dataset: for_macros(contract) for contract in contracts},
        "seeds_dir": str(SEEDS),
    }
    # No row is read, so the instance's folder, which may not even exist, is left alone.
    with tempfile.TemporaryDirectory(prefix="emtp-dbt-") as spill:
        command = ["compile", "--target", "keyless", "--vars", json.dumps(variables)]
        result = _invoke(settings, command, spill)
    return {run.node.name: run.node.compiled_code for run in result.results if run.node.compiled_code}


def _invoke(settings: Settings, command: list[str], spill: str) -> Any:
    os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    os.environ["EMTP_DUCKDB_MEMORY_LIMIT"] = settings.duckdb_memory_limit
    os.environ["EMTP_DUCKDB_THREADS"] = str(settings.duckdb_threads)
    os.environ["EMTP_DUCKDB_SPILL"] = spill
    from dbt.cli.main import dbtRunner

    with tempfile.TemporaryDirectory(prefix="emtp-dbt-") as target:
        outcome = dbtRunner(manifest=_manifest(settings)).invoke(
            [*_global_options(settings), *command, *_project_options(settings, target)]
        )
    if outcome.exception is not None:
        raise TransformationError(str(outcome.exception)) from outcome.exception
    if not outcome.success:
        failed = [r for r in getattr(outcome.result, "results", []) if r.status not in ("success", "pass", "skipped")]
        said = [f"{r.node.name}: {without_values(r.message or '')}" for r in failed]
        raise TransformationError("\n".join(said) or "dbt falló sin decir por qué")
    return outcome.result


def _global_options(_: Settings) -> list[str]:
    return [
        "--quiet",
        # An error's message may quote a person's value: it is raised, without it, and printed nowhere.
        "--log-level",
        "none",
        "--no-write-json",
        "--no-send-anonymous-usage-stats",
        "--log-level-file",
        "none",
        "--no-version-check",
    ]


def _project_options(settings: Settings, target: str) -> list[str]:
    folder = str(settings.dbt_dir)
    return ["--project-dir", folder, "--profiles-dir", folder, "--target-path", target, "--log-path", target]


def _manifest(settings: Settings) -> Manifest:
    """dbt's parsed project, kept under the digest of its files so that it can be neither missing nor stale.

    Read anew for each command (40 ms): dbt writes in the manifest that it has put an ephemeral model into a
    query, and a second command would then leave it out.
    """
    digest = _project_digest(settings.dbt_dir)
    if digest not in _manifests:
        stored = settings.dbt_dir / "target" / f"manifest-{digest}.msgpack"
        if not stored.is_file():
            _parse(settings, stored)
        _manifests[digest] = stored.read_bytes()
    return _load(_manifests[digest])


def _parse(settings: Settings, stored: Path) -> None:
    from dbt.cli.main import dbtRunner

    with tempfile.TemporaryDirectory(prefix="emtp-dbt-") as target:
        outcome = dbtRunner().invoke([*_global_options(settings), "parse", *_project_options(settings, target)])
        if not outcome.success:
            raise TransformationError(f"El proyecto dbt no se puede leer: {outcome.exception}") from outcome.exception
        parsed = (Path(target) / "partial_parse.msgpack").read_bytes()
    stored.parent.mkdir(parents=True, exist_ok=True)
    written = stored.with_suffix(f".{os.getpid()}")
    written.write_bytes(parsed)
    written.replace(stored)


def _load(stored: bytes) -> Manifest:
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder

    manifest: Manifest = Manifest.from_msgpack(stored, decoder=extended_mashumuro_decoder)
    manifest.build_flat_graph()
    return manifest


def _project_digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.suffix in {".sql", ".yml"} and relative.parts[0] != "target":
            digest.update(str(relative).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
