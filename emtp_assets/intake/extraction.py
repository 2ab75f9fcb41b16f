"""From archived bytes to raw Parquet: every column as text by its official name, the EMTP rows of a year.

What the values mean is cleaning's business; whether the file is whole was intake's, and is counted again. A query's
answer is Parquet already and has its own module, `answer`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from emtp_assets.contracts import Contract
from emtp_assets.intake.answer import damaged, extract_answer
from emtp_assets.intake.archive import content, delivered
from emtp_assets.intake.encoding import Encoding, readable
from emtp_assets.intake.form import QUARANTINED
from emtp_assets.intake.layout import Layout
from emtp_assets.intake.ledger import Delivery
from emtp_assets.intake.opening import opened
from emtp_assets.intake.problem import IntakeError
from emtp_assets.intake.recognition import read_header, require_year
from emtp_assets.intake.rows import Batch, Rows
from emtp_assets.intake.scope import Scope, scope_codes
from emtp_assets.intake.selection import Selection, Selections
from emtp_assets.intake.tables import YearWriter
from emtp_assets.partitions import academic_year_of
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Lake
from emtp_assets.storage.provenance import Origin, Provenance, code_version
from emtp_assets.storage.sealing import SealError, WrongKeyError


@dataclass(frozen=True)
class RawCounts:
    """Rows of one year in a delivery: all, those kept (EMTP), and those counted only."""

    rows_in_year: int
    in_scope: int
    out_of_scope: int


def extract_raw(
    settings: Settings, contract: Contract, delivery: Delivery, archive_path: Path, year: int, target: Path
) -> RawCounts:
    """Write one year of a delivery to ``target``; see `extract_raw_years`."""
    return extract_raw_years(settings, contract, delivery, archive_path, {year: target})[year]


def extract_raw_years(
    settings: Settings,
    contract: Contract,
    delivery: Delivery,
    archive_path: Path,
    targets: Mapping[int, Path],
) -> dict[int, RawCounts]:
    """Write years of a delivery to Parquet in one pass over its bytes, streaming.

    Columns, all VARCHAR: the contract's official names (NULL when not sent; blanks as sent), then unknown
    columns under their own names; then ``_delivery`` (SHA-256) and ``_row`` (BIGINT: how many lines below the header).
    File order; the same bytes and contract give the same Parquet bytes. ``targets`` need an existing folder.

    Raises:
        IntakeError: the bytes do not hold the rows that the ledger says (a damaged archive).
        KeyError: a year that the delivery does not hold.
        OSError: the disk refused.
    """
    rows_in_year = {year: delivery.years[year] for year in targets}
    provenance = _provenance(delivery)
    with Lake(settings.data_dir).staging() as folder:
        if delivery.answers_a_query:
            with _as_received(delivery), delivered(archive_path, settings, folder) as path:
                codes = scope_codes(contract)
                written = extract_answer(settings, contract, delivery, path, targets, provenance, codes)
        else:
            written = _extract_text(settings, contract, delivery, archive_path, folder, targets, provenance)
    counts = {year: RawCounts(rows, written[year], rows - written[year]) for year, rows in rows_in_year.items()}
    if any(c.out_of_scope < 0 or (c.out_of_scope and contract.scope is None) for c in counts.values()):
        raise damaged(delivery)
    return counts


def _extract_text(
    settings: Settings,
    contract: Contract,
    delivery: Delivery,
    archived: Path,
    folder: Path,
    targets: Mapping[int, Path],
    provenance: Provenance,
) -> dict[int, int]:
    form = delivery.form
    header = read_header(contract, form.separator, delivery.columns)
    encoding = Encoding(form.encoding, form.mojibake, form.broken)
    layout = Layout(
        header,
        form.quote,
        form.surplus,
        form.header_line,
        encoding.codec,
        form.cr_only,
        require_year(header),
        academic_year_of(delivery.received_at) + 1,
    )
    scope = Scope(header)
    writers = {y: YearWriter(settings, t, layout, delivery.sha256, provenance.footer) for y, t in targets.items()}
    selection = Selections(settings.data_dir).find(delivery.sha256, scope)
    try:
        with _as_received(delivery), ExitStack() as stack:
            path = (
                stack.enter_context(delivered(archived, settings, folder))
                if form.container
                else content(archived, settings)
            )
            text = stack.enter_context(readable(opened(path, delivery, contract, folder), encoding, folder))
            if selection is None or not _read_selected(text, selection, writers):
                _read_all(text, layout, scope, writers, delivery)
        for writer in writers.values():
            writer.close()
    except pa.ArrowInvalid:
        # It quotes the offending line: that must reach no log.
        raise damaged(delivery) from None
    return {year: writer.rows for year, writer in writers.items()}


def _read_selected(text: Path, selection: Selection, writers: Mapping[int, YearWriter]) -> bool:
    """The rows of the wanted years by their places; false, and none is read, if the text has not those rows there."""
    if not selection.holds(text):
        return False
    for year, writer in writers.items():
        for raw, lines in selection.read(text, year):
            writer.add_lines(raw, lines)
    return True


@contextmanager
def _as_received(delivery: Delivery) -> Iterator[None]:
    """Inside the block, what says that archived bytes cannot be opened says it of the delivery.

    Raises:
        IntakeError: they are no longer the ones that were received, or this is not the key.
    """
    try:
        yield
    except WrongKeyError as error:
        raise IntakeError(
            "otra_clave",
            str(error),
            expected="La clave de almacenamiento con que se guardó la entrega.",
            action="Revise EMTP_STORAGE_KEY_FILE y ejecute de nuevo; nada se borró ni se cambió.",
        ) from None
    except SealError:
        raise damaged(delivery) from None


def _read_all(text: Path, layout: Layout, scope: Scope, writers: Mapping[int, YearWriter], delivery: Delivery) -> None:
    """Every line of the text, which must be the lines that the ledger counts.

    Raises:
        IntakeError: they are not.
    """
    rows = Rows(text, layout)
    found: dict[int, int] = dict.fromkeys(delivery.years, 0)
    try:
        for batch in rows:
            _take(batch, layout, scope, writers, found)
    except IntakeError:
        raise damaged(delivery) from None
    whole = found == delivery.years and sum(found.values()) == delivery.rows
    if not whole or rows.lines[QUARANTINED] != delivery.form.quarantined:
        raise damaged(delivery)


def _take(batch: Batch, layout: Layout, scope: Scope, writers: Mapping[int, YearWriter], found: dict[int, int]) -> None:
    """Count the rows of each year, and hand on those that are wanted, in the order of their lines."""
    plain, years = batch.plain, batch.plain.years
    inside = scope.of(plain)
    odd_years = [int(row.fields[layout.year_at]) for row in batch.odd]
    for year in {*np.unique(years).tolist(), *odd_years}:
        of_year = years == year
        found[year] = found.get(year, 0) + int(np.count_nonzero(of_year)) + odd_years.count(year)
        if (writer := writers.get(year)) is None:
            continue
        chosen = of_year & inside
        odd = [r for r, y in zip(batch.odd, odd_years, strict=True) if y == year and scope.has(r.fields)]
        if odd or bool(chosen.any()):
            writer.add(plain, chosen, odd)


def _provenance(delivery: Delivery) -> Provenance:
    origin = Origin.SIMULATED if delivery.simulated else Origin.OFFICIAL
    return Provenance((delivery.sha256,), origin, code_version())
