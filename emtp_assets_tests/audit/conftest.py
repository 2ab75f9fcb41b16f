"""Protected tables that several tests of the audit read; making them is what costs."""

from __future__ import annotations

import pyarrow as pa
import pytest

from emtp_assets_tests.audit.releases import Tables, country, protected


@pytest.fixture(scope="session")
def cells() -> pa.Table:
    return country()


@pytest.fixture(scope="session")
def closed(cells: pa.Table) -> Tables:
    """Protected, insiders included."""
    return protected(cells)
