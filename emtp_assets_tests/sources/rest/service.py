"""What the tests of the REST source share: rows, and how a failure is checked."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from emtp_assets.contracts import contract_for
from emtp_assets.sources import Fetched, SourceFailure
from emtp_assets.sources.rest import RestSource
from emtp_assets_tests.servers.rest import RestServer

MATRICULA = contract_for("matricula")
KEY = "clave-secreta-del-servicio-0123"


def row(number: int, **fields: Any) -> dict[str, Any]:
    return {"AGNO": 2025, "RBD": 10 + number % 7, "MRUN": f"{number:08d}", "COD_ENSE": 410, **fields}


ROWS = [row(n, COD_ESPE=51001 if n % 3 else None) for n in range(950)]


Maker = Callable[..., RestSource]


def serve(service: RestServer, *rows: dict[str, Any]) -> None:
    service.tables = {"matricula": {2025: rows}}


def fetched(answer: object) -> Fetched:
    assert isinstance(answer, Fetched)
    return answer


def read(path: Path) -> dict[str, list[str | None]]:
    return pq.read_table(path).to_pydict()


def failure(asked: RestSource, inbox: Path) -> SourceFailure:
    with pytest.raises(SourceFailure) as caught:
        asked.fetch(MATRICULA, 2025, inbox)
    told = caught.value
    assert told.source == "rest"
    assert told.explanation.what and told.explanation.expected and told.explanation.action
    text = "".join(traceback.format_exception(told)) + repr(told) + repr(asked)
    assert KEY not in text and "00000007" not in text
    assert list(inbox.iterdir()) == []
    return told
