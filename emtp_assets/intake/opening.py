"""The table's bytes of a delivery, out of whatever they came packed in; the way in the first time, and every later one.

How each kind of container is opened belongs to `containers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from emtp_assets.contracts import Contract, LogicalType
from emtp_assets.intake.answer import damaged
from emtp_assets.intake.containers import Content, container_of, repeat, unpacked
from emtp_assets.intake.ledger import Delivery
from emtp_assets.intake.problem import IntakeError
from emtp_assets.intake.recognition import fitting_cells
from emtp_assets.intake.scan import Scan, scan

_DATES = frozenset({LogicalType.DATE, LogicalType.YEAR_MONTH})
_NUMBERS = frozenset({LogicalType.INTEGER, LogicalType.NUMBER})


class Headers:
    """What opening a workbook needs to know of our datasets: their headers, and which columns hold dates or numbers."""

    def __init__(self, contracts: Sequence[Contract]) -> None:
        self._contracts = contracts

    def recognises(self, cells: Sequence[str]) -> bool:
        return fitting_cells(cells, self._contracts)

    def kind(self, header: str) -> Literal["text", "number", "date"] | None:
        types = {c.type for contract in self._contracts if (c := contract.column_spelled(header)) is not None}
        if not types:
            return None
        return "date" if types <= _DATES else "number" if types <= _NUMBERS else "text"


def first_opened(path: Path, facts: Scan, contracts: Sequence[Contract], folder: Path) -> tuple[Content, Scan]:
    """The table inside a file that was just handed over (the file itself when it is no container), and its facts.

    Raises:
        IntakeError: a container that cannot be opened, or holds no one table.
        OSError: the disk refused.
    """
    if not container_of(facts.head, path):
        return Content(path, "", ""), facts
    content = unpacked(path, folder, Headers(contracts))
    return content, scan(content.path)


def opened(path: Path, delivery: Delivery, contract: Contract, folder: Path) -> Path:
    """The same bytes again, of an archived delivery.

    Raises:
        IntakeError: they are no longer the ones that were received.
        OSError: the disk refused.
    """
    form = delivery.form
    if not form.container:
        return path
    try:
        content = repeat(path, folder, Headers([contract]), container=form.container, member=form.member)
    except IntakeError:
        raise damaged(delivery) from None
    if scan(content).sha256 != form.content_sha256:
        raise damaged(delivery)
    return content
