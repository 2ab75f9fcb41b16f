"""What cleaning makes of many files at once, through the real dbt models, and the verdict on their values."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emtp_assets.contracts import Column, Contract, LogicalType, Treatment
from emtp_assets.settings import Settings
from emtp_assets.storage.restricted import read
from emtp_assets.transformation import Input, TransformationError, run_models
from emtp_assets_tests.pollution.corpus import Polluted
from emtp_assets_tests.pollution.judge import Judgement, Verdict, aligned, bare, typed, visible
from emtp_assets_tests.pollution.official import Official
from emtp_assets_tests.pollution.readers import Reading

FIRST_PLACE = 3001
"""Each file is cleaned as a year of its own, far from real ones: so no file's rows are copies of another's."""
YEAR_RULE = "_igual_a_particion"


@dataclass
class Waiting:
    """A file that was received, and whose values are to be judged once it is cleaned."""

    polluted: Polluted
    form: Official
    reading: Reading


def judge_values(settings: Settings, waiting: Sequence[Waiting], folder: Path) -> list[Judgement]:
    """A verdict for each file: every typed value is the truth's; or else empty and counted as unreadable, or its row
    rejected, or set aside, which is a refusal; or else it is wrong in silence."""
    verdicts: list[Judgement | None] = [None] * len(waiting)
    by_dataset: dict[str, list[int]] = {}
    maps: dict[int, list[int | None]] = {}
    for at, each in enumerate(waiting):
        rows = aligned(each.polluted, each.form, each.reading)
        if isinstance(rows, Judgement):
            verdicts[at] = rows
        else:
            maps[at] = rows
            by_dataset.setdefault(each.form.contract.dataset, []).append(at)
    for dataset, places in by_dataset.items():
        into = folder / dataset
        for at, cleaned in zip(places, _each_cleaned(settings, [waiting[at] for at in places], into), strict=True):
            verdicts[at] = (
                _judged(settings, waiting[at], maps[at], cleaned)
                if cleaned
                else Judgement(Verdict.REFUSED, "limpieza_fallida")
            )
        shutil.rmtree(folder)
        folder.mkdir()
    return [verdict for verdict in verdicts if verdict is not None]


@dataclass
class Cleaned:
    """Cleaned rows by number, numbers of the rejected, and the rules of quality that the table breaks, with the columns
    that each looks at."""

    rows: dict[int, dict[str, Any]]
    rejected: set[int]
    broken: dict[str, tuple[str, ...]]


def _each_cleaned(settings: Settings, waiting: Sequence[Waiting], folder: Path) -> list[Cleaned | None]:
    """All at once; when that fails, one by one, to find whose values make a model fail (None)."""
    contract, readings = waiting[0].form.contract, [each.reading for each in waiting]
    try:
        return [*_cleaned(settings, contract, readings, folder)]
    except TransformationError:
        if len(readings) == 1:
            return [None]
    half = len(waiting) // 2
    parts = waiting[:half], waiting[half:]
    return [
        made
        for at, part in enumerate(parts)
        for made in _each_cleaned(settings, part, folder.with_name(f"{folder.name}{at}"))
    ]


def _cleaned(settings: Settings, contract: Contract, readings: Sequence[Reading], folder: Path) -> list[Cleaned]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    shutil.rmtree(folder, ignore_errors=True)
    names = [c.official for c in contract.columns] + ["_delivery", "_row"]
    places = range(FIRST_PLACE, FIRST_PLACE + len(readings))
    files = []
    for place, reading in zip(places, readings, strict=True):
        path = folder / "raw" / f"academic_year={place}" / "part.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(pa.concat_tables([read(p, settings, columns=names) for p in reading.raw.values()]), path)
        files.append(path)
    models = [f"cleaned_{contract.dataset}", f"rejected_{contract.dataset}"]
    run_models(
        settings,
        models,
        years=list(places),
        inputs={f"raw_{contract.dataset}": Input(files)},
        output=folder,
        footers={},
        contracts=[contract],
    )
    stood, refused = ({p: folder / m / f"academic_year={p}" / "part.parquet" for p in places} for m in models)
    broken = _broken(contract, stood)
    return [
        Cleaned(
            {row["_row"]: row for row in pq.read_table(stood[place]).to_pylist()},
            set(read(refused[place], settings)["_row"].to_pylist()),
            broken[place],
        )
        for place in places
    ]


def _broken(contract: Contract, files: dict[int, Path]) -> dict[int, dict[str, tuple[str, ...]]]:
    from emtp_assets.quality.rules import rules_for
    from emtp_assets.quality.validation import validate_years

    columns = {rule.id: rule.columns for rule in rules_for(contract)}
    found: dict[int, dict[str, tuple[str, ...]]] = {place: {} for place in files}
    for outcome in validate_years(contract, files):
        # No row is of the year in whose place its file was cleaned.
        if not outcome.passed and not outcome.rule.endswith(YEAR_RULE):
            found[outcome.year][outcome.rule] = columns[outcome.rule]
    return found


def _judged(settings: Settings, waiting: Waiting, rows: Sequence[int | None], made: Cleaned) -> Judgement:
    truth = waiting.polluted.truth
    columns = [
        (at, column)
        for at, name in enumerate(truth.names)
        if (column := waiting.form.contract.column_spelled(name)) and column.treatment is not Treatment.RAW_ONLY
    ]
    pseudonyms = _pseudonyms(settings, [c for _, c in columns], waiting)
    told = ""
    for number, i in zip(sorted({*made.rows, *made.rejected}), rows, strict=True):
        if number in made.rejected:
            told = told or "fila_rechazada" if i is not None else told
            continue
        if i is None:
            return Judgement(Verdict.SILENT, "a line that is no row stands as one")
        row = made.rows[number]
        wrong = []
        for at, column in columns:
            text, value = truth.rows[i][at], row[column.name]
            if column.treatment is Treatment.PSEUDONYM:
                right = value == pseudonyms.get((column.official, text.strip()))
            else:
                right = _equal(value, typed(text, column.type), column.type)
            if not right and value is None and column.name in row["_ilegibles"]:
                told = told or "valor_ilegible"
            elif not right:
                wrong.append(column)
        if wrong:
            told = told or "regla_de_calidad"
            if unseen := _unseen(wrong, row, made):
                return Judgement(Verdict.SILENT, f"{unseen.official} of row {i + 1} as cleaned")
    if told:
        return Judgement(Verdict.REFUSED, told)
    return Judgement(Verdict.RIGHT if len(rows) >= len(truth.rows) else Verdict.ASIDE)


def _unseen(wrong: Sequence[Column], row: dict[str, Any], made: Cleaned) -> Column | None:
    """The first wrong value of a row of which nothing is said; None when a rule speaks of any of them, or cleaning says
    of the row, or of one of those columns anywhere in the file, that it could not be read."""
    speaking = {name for columns in made.broken.values() for name in columns}
    speaking |= {name for each in made.rows.values() for name in each["_ilegibles"]}
    return None if row["_ilegibles"] or any(column.name in speaking for column in wrong) else wrong[0]


def _equal(value: Any, truth: Any, kind: LogicalType) -> bool:
    if value is None or truth is None:
        return value is None and truth is None
    if kind is LogicalType.DATE:
        return value.isoformat() == truth
    if kind is LogicalType.STRING:
        return visible(bare(value)) == truth
    return bool(value == truth)


def _pseudonyms(settings: Settings, columns: Sequence[Column], waiting: Waiting) -> dict[tuple[str, str], str]:
    """The pseudonym of every identifier of the truth, by the function that cleaning uses."""
    import duckdb

    from emtp_assets.privacy.keys import pseudonym_key
    from emtp_assets.privacy.pseudonyms import install_pseudonym

    wanted = [
        (column.official, row[waiting.polluted.truth.column(name)].strip())
        for column in columns
        if column.treatment is Treatment.PSEUDONYM
        for name in waiting.polluted.truth.names
        if waiting.form.contract.column_spelled(name) == column
        for row in waiting.polluted.truth.rows
    ]
    with duckdb.connect() as connection:
        install_pseudonym(connection, pseudonym_key(settings))
        found = {}
        for name in dict.fromkeys(name for name, _ in wanted):
            texts = [text for its, text in wanted if its == name]
            rows = connection.execute(
                f"SELECT t, pseudonym('{name}', t) FROM (SELECT unnest(?::VARCHAR[]) AS t)", [texts]
            ).fetchall()
            found |= {(name, text): value for text, value in rows}
        return found
